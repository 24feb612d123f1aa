"""byte_pairs.py TOKENIZE FOLDER: byte pairs here against those of Hugging Face, over texts of every assigned character and
100,000 random ones. TOKENIZE is the program of tokenize.cpp; the tokenizers are made in FOLDER.
byte_pairs.py TOKENIZE FOLDER TEXT VOCABULARY: the checkpoint in FOLDER has byte pairs learnt from TEXT."""
import json
import random
import subprocess
import sys
import unicodedata
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers
from transformers import GPT2Tokenizer

SNIPPETS = [" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\u0085", "\u2028", "\u200b", "\ufeff", "\0", "'s", "'ll", "'S",
            "’s", "it's", "the", " the", "river", "12", "½", "Ⅷ", "٣", "é", "e\u0301", "日本", "😀", "👩\u200d👧", "...", "!?",
            "<|endoftext|>", "<|endoftext", "|>", "[PAD]", "[PAD", "<mask>", "<left>", "<right>", "<both>", "<é>", "a", "b", "aaaa"]


def characters() -> list[str]:
    """All that are assigned, by whatever version of Unicode: the planes 0 to 3 as a whole, and of the others what is."""
    return [chr(c) for c in range(0x110000)
            if not 0xD800 <= c <= 0xDFFF and (c < 0x34000 or unicodedata.category(chr(c)) not in ("Cn", "Co"))]


def texts(count: int) -> list[str]:
    """Every character between letters, digits, signs and spaces; and random texts of snippets and characters."""
    every, chance = characters(), random.Random(11)
    found = [f"a{c}a1{c}1!{c}! {c} {c}{c}  {c}" for c in every]
    for _ in range(count):
        parts = [chance.choice(SNIPPETS if chance.random() < 0.8 else every) for _ in range(chance.randrange(1, 24))]
        found.append("".join(parts))
    return found


def make_files(folder: Path) -> None:
    """vocab.json and merges.txt, learnt from a few texts."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    lines = ["it's a naïve river, isn't it? the the then there 1234 12 日本 stone 😀 😀 aaaa aaaaaaaa", *texts(200)[-200:]]
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=["<|endoftext|>"],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(lines, trainer)
    folder.mkdir(parents=True)
    tokenizer.model.save(str(folder))


def compare(program: str, folder: Path, tokenizer, some: list[str]) -> None:
    lines = "\n".join(text.encode().hex() for text in some) + "\n"
    ours = subprocess.run([program, str(folder)], input=lines, capture_output=True, text=True, timeout=500, check=False)
    assert ours.returncode == 0, ours.stderr
    answers = ours.stdout.splitlines()
    assert len(answers) == len(some), (len(answers), len(some))
    for text, answer in zip(some, answers):
        tokens, decoded = answer.split(",")
        expected = tokenizer.encode(text)
        assert [int(token) for token in tokens.split()] == expected, (folder.name, text, tokens, expected)
        written = bytes.fromhex(decoded).decode()
        assert written == tokenizer.decode(expected), (folder.name, text, written, tokenizer.decode(expected))
    print(f"{len(some)} texts: the same tokens and the same text: {folder.name}")


def learnt(program: str, folder: Path, text: Path, vocabulary: int) -> None:
    """What was learnt here from a text, against what Hugging Face's trainer learns, and what transformers reads."""
    trainer = trainers.BpeTrainer(vocab_size=vocabulary - 1, min_frequency=2, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    theirs.train_from_iterator([text.read_bytes().decode()], trainer)
    theirs.model.save(str(folder), "theirs")
    assert (folder / "merges.txt").read_text() == (folder / "theirs-merges.txt").read_text()
    tokenizer = GPT2Tokenizer.from_pretrained(folder)
    assert len(tokenizer) == vocabulary and tokenizer.eos_token_id == vocabulary - 1
    compare(program, folder, tokenizer, texts(2000)[-2000:])


def main(program: str, work: Path) -> None:
    every = texts(100000)
    small = every[-20000:]
    plain = work / "vocab and merges"
    make_files(plain)
    compare(program, plain, GPT2Tokenizer.from_pretrained(plain), every)

    windows = work / "merges with CRLF"
    make_files(windows)
    merges = windows / "merges.txt"
    merges.write_bytes(merges.read_bytes().replace(b"\n", b"\r\n"))
    compare(program, windows, GPT2Tokenizer.from_pretrained(plain), small)

    prefixed = work / "add_prefix_space"
    make_files(prefixed)
    (prefixed / "tokenizer_config.json").write_text('{"add_prefix_space": true}')
    compare(program, prefixed, GPT2Tokenizer.from_pretrained(prefixed), small)

    # with added tokens beyond the vocabulary, saved as transformers saves them: tokenizer.json alone
    more = GPT2Tokenizer.from_pretrained(plain, pad_token="[PAD]")
    more.add_tokens([AddedToken("<left>", lstrip=True), AddedToken("<right>", rstrip=True, normalized=False),
                     AddedToken("<both>", lstrip=True, rstrip=True, normalized=True), AddedToken("<é>"), AddedToken("aaa")])
    whole = work / "tokenizer.json"
    more.save_pretrained(whole)
    assert not (whole / "vocab.json").exists()
    compare(program, whole, GPT2Tokenizer.from_pretrained(whole), small)

    strings = work / "merges as strings"
    more.save_pretrained(strings)
    said = json.loads((strings / "tokenizer.json").read_text())
    said["model"]["merges"] = [" ".join(merge) for merge in said["model"]["merges"]]
    (strings / "tokenizer.json").write_text(json.dumps(said))
    compare(program, strings, more, small)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        main(sys.argv[1], Path(sys.argv[2]))
    else:
        learnt(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
