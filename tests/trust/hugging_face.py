"""What hugging_face_models.sh asks of transformers: to make small GPT-2s, to go on with a prompt, and to compute a loss."""
import json
import sys
from pathlib import Path

import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2Config, GPT2LMHeadModel, GPT2Tokenizer

LINES = ["it's a naïve river, isn't it? the the then there 1234 12", "over and under the light  日本 stone"] * 20


def make(folder: Path, **config) -> GPT2LMHeadModel:
    """A GPT-2 with random weights, and a tokenizer that has learnt its pairs from a few lines."""
    folder.mkdir(parents=True)
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(LINES, vocab_size=330, min_frequency=2)
    tokenizer.save_model(str(folder))
    torch.manual_seed(7)
    sizes = {"vocab_size": tokenizer.get_vocab_size(), "n_positions": 64, "n_embd": 48, "n_layer": 3, "n_head": 12}
    model = GPT2LMHeadModel(GPT2Config(**sizes, initializer_range=0.3, bos_token_id=None, eos_token_id=None, **config))
    model.save_pretrained(folder)
    return model


def make_variants(folder: Path) -> None:
    """The same model as others save it: in several files, as halves, padded, with an output projection of its own."""
    make(folder / "several").save_pretrained(folder / "several", max_shard_size="100KB")
    (folder / "several" / "model.safetensors").unlink()
    make(folder / "bf16").bfloat16().save_pretrained(folder / "bf16")
    make(folder / "f16").half().save_pretrained(folder / "f16")
    padded = make(folder / "padded")
    tokens = padded.config.vocab_size
    padded.resize_token_embeddings(384, mean_resizing=False)
    padded.transformer.wte.weight.data[tokens:] = 0  # else transformers would write it
    padded.save_pretrained(folder / "padded")
    make(folder / "untied", tie_word_embeddings=False)
    untied = make(folder / "equal", tie_word_embeddings=False)
    untied.lm_head.weight.data = untied.transformer.wte.weight.data.clone()
    untied.save_pretrained(folder / "equal")


def set_end(folder: Path, file: str, end: list[int]) -> None:
    """Writes eos_token_id in one of the configuration files: a number, or a list of several."""
    content = json.loads((folder / file).read_text())
    content["eos_token_id"] = end[0] if len(end) == 1 else end
    (folder / file).write_text(json.dumps(content))


def tokenizer_in(folder: Path) -> GPT2Tokenizer:
    return GPT2Tokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))


def model_in(folder: Path) -> GPT2LMHeadModel:
    model, report = GPT2LMHeadModel.from_pretrained(folder, output_loading_info=True, dtype=torch.float32)
    assert not report["missing_keys"] and not report["unexpected_keys"], report
    return model.eval()


def generate(folder: Path, prompt: list[int], count: int) -> list[int]:
    """Goes on with the prompt as users of transformers do."""
    tokens = torch.tensor([prompt])
    return model_in(folder).generate(tokens, do_sample=False, max_new_tokens=count)[0].tolist()


def excerpt(folder: Path, text: Path, count: int) -> str:
    """A beginning of the text that makes `count` tokens."""
    content, tokenizer = text.read_text(), tokenizer_in(folder)
    for length in range(count, len(content)):
        if len(tokenizer.encode(content[:length])) == count:
            return content[:length]
    raise ValueError("no beginning of the text has so many tokens")


def loss(folder: Path, text: Path, context: int, fraction: float, part: str) -> float:
    """The mean loss over the text but for its last `fraction`, or over that: one window of `context` after the other."""
    tokens = torch.tensor(tokenizer_in(folder).encode(text.read_text()))
    middle = len(tokens) - int(fraction * len(tokens))
    tokens = tokens[:middle] if part == "training" else tokens[middle:]
    windows = (len(tokens) - 1) // context
    inputs = tokens[: windows * context].reshape(windows, context)
    targets = tokens[1 : windows * context + 1]
    with torch.no_grad():
        logits = model_in(folder)(inputs).logits
    return torch.nn.functional.cross_entropy(logits.reshape(targets.numel(), -1).double(), targets).item()


if __name__ == "__main__":
    task, where, *rest = sys.argv[1:]
    if task == "make":
        make(Path(where))
    elif task == "make-variants":
        make_variants(Path(where))
    elif task == "set-end":
        set_end(Path(where), rest[0], [int(token) for token in rest[1:]])
    elif task == "tokens":
        print(*tokenizer_in(Path(where)).encode(rest[0]))
    elif task == "generate":
        print(*generate(Path(where), [int(token) for token in rest[1:]], int(rest[0])))
    elif task == "excerpt":
        print(excerpt(Path(where), Path(rest[0]), int(rest[1])), end="")
    elif task == "loss":
        print(loss(Path(where), Path(rest[0]), int(rest[1]), float(rest[2]), rest[3]))
