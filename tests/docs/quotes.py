#!/usr/bin/env python3
"""quotes.py: the sentences that docs/pages/when_it_hangs.md quotes, **`so`**, and those that a chapter's README quotes,
**"so"**, are still said by the sources, or by programs of others that are named here. Numbers may differ; what stands
between them must be there, word by word.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OTHERS = {"There are not enough slots available", "has detected an attempt to run as root"}   # Open MPI says them


def spoken():
    """All string literals of the sources, one after the other, without what joins them."""
    files = [file for folder in ("common", "chapters") for end in ("cpp", "h")
             for file in (ROOT / folder).rglob(f"[a-z0-9]*.{end}")]
    literals = [re.findall(r'"((?:[^"\\]|\\.)*)"', file.read_text(encoding="utf-8")) for file in files]
    return "\n".join("".join(parts) for parts in literals)


def quoted():
    """(page, sentence) of every quotation."""
    pages = {ROOT / "docs/pages/when_it_hangs.md": r"\*\*`([^`]+)`\*\*"}
    pages |= dict.fromkeys(sorted((ROOT / "chapters").glob("*/README.md")), r'\*\*"([^"]+)"\*\*')
    for page, pattern in pages.items():
        for quote in re.findall(pattern, page.read_text(encoding="utf-8")):
            if quote not in OTHERS:
                yield page.relative_to(ROOT), quote


def main():
    said = spoken()
    quotes = list(quoted())
    faults = 0
    for page, quote in quotes:
        for piece in re.split(r"[#(]*\d+[)]*(?: (?:rank|head|gradient)s?)?|…|\ball_reduce\b|\bf32\b|\bworld\b|\bpp\b|\bsend\b|\brank\b", quote):
            if piece.strip(" ,():") and piece.strip() not in said:
                print(f'{page}: nothing says "{piece.strip()}", of "{quote}"')
                faults += 1
    print(f"{len(quotes)} sentences, {faults} faults")
    sys.exit(1 if faults or not quotes else 0)


if __name__ == "__main__":
    main()
