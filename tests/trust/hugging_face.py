"""What hugging_face.sh asks of transformers: to make a small GPT-2, and to go on with a prompt."""
import sys
from pathlib import Path

import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2Config, GPT2LMHeadModel, GPT2Tokenizer


def make(folder: Path) -> None:
    """A GPT-2 with random weights, and a tokenizer that has learnt its pairs from a few lines."""
    folder.mkdir(parents=True)
    tokenizer = ByteLevelBPETokenizer()
    lines = ["it's a naïve river, isn't it? the the then there 1234 12", "over and under the light  日本 stone"] * 20
    tokenizer.train_from_iterator(lines, vocab_size=330, min_frequency=2)
    tokenizer.save_model(str(folder))
    torch.manual_seed(7)
    size = tokenizer.get_vocab_size()
    config = GPT2Config(vocab_size=size, n_positions=64, n_embd=48, n_layer=3, n_head=12, initializer_range=0.3)
    GPT2LMHeadModel(config).save_pretrained(folder, safe_serialization=True)


def tokens_of(folder: Path, text: str) -> list[int]:
    """The text as the folder's tokenizer cuts it."""
    tokenizer = GPT2Tokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    return tokenizer.encode(text)


def continues(folder: Path, prompt: int, tokens: list[int]) -> None:
    """Fails unless each token behind the prompt is the model's most probable one, or as good as that."""
    model, report = GPT2LMHeadModel.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"], report
    model.eval()
    with torch.no_grad():
        logits = model(torch.tensor([tokens])).logits[0]
    assert len(tokens) > prompt
    for place in range(prompt, len(tokens)):
        row = logits[place - 1]
        assert row[tokens[place]] >= row.max() - 1e-4, (place, tokens[place], int(row.argmax()))


if __name__ == "__main__":
    task, where = sys.argv[1], Path(sys.argv[2])
    if task == "make":
        make(where)
    elif task == "tokens":
        print(*tokens_of(where, sys.argv[3]))
    else:
        continues(where, int(sys.argv[3]), [int(token) for token in sys.argv[4].split()])
