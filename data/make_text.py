#!/usr/bin/env python3
"""make_text.py: writes text.txt beside it, the default text that chapters 10 to 12 learn.

It takes the prose of the READMEs, of docs/ and of the exercises' hints, without code blocks, tables, comments, pictures
and markup, one paragraph a line, and the comments of common/ and chapters/. The result is committed, and stays as it
is: losses that a README shows, and checkpoints of runs without --data, depend on every character of it."""
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def prose(markdown: str) -> list[str]:
    """Its paragraphs as plain text."""
    markdown = re.sub(r"^```.*?^```$", "", markdown, flags=re.M | re.S)
    markdown = re.sub(r"<!--.*?-->", "", markdown, flags=re.S)
    markdown = re.sub(r"</?[a-z][^>|\n]*>", "", markdown)
    paragraphs = []
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )|\n(?=#)", markdown):
        lines = [line for line in block.splitlines() if line.strip() and not line.lstrip().startswith("|")]
        text = " ".join(line.strip() for line in lines)
        text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)           # pictures
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)       # links
        text = re.sub(r"^#+ |^[-*] |^\d+\. ", "", text)
        text = re.sub(r"\*\*|`", "", text)
        text = re.sub(r" +", " ", text).strip()
        if text:
            paragraphs.append(text)
    return paragraphs


def comments(source: str) -> list[str]:
    """Its comments that are sentences, joined where they go over several lines."""
    paragraphs, lines = [], []
    for line in source.splitlines() + [""]:
        comment = re.match(r"\s*//[/<]? ?(?!!)(.*)", line)
        if comment and not comment[1].startswith("namespace") and not re.match(r"\s{2,}\S", comment[1]):
            lines.append(comment[1].strip())
            continue
        text = " ".join(lines).replace("`", "")
        if text.count(" ") > 3 and re.match(r"[A-Z]", text) and text.endswith("."):
            paragraphs.append(text)
        lines = []
    return paragraphs


def main() -> None:
    documents = [ROOT / "README.md", *sorted(ROOT.glob("chapters/*/README.md")), ROOT / "exercises/README.md",
                 *sorted(ROOT.glob("exercises/hints/*/*.md")), *sorted(ROOT.glob("docs/*.md")),
                 *sorted(ROOT.glob("docs/pages/*.md"))]
    sources = sorted(ROOT.glob("common/*/*.h")) + sorted(ROOT.glob("chapters/*/*.h")) + sorted(
        ROOT.glob("exercises/*/*.cpp")) + sorted(ROOT.glob("common/*/*.cpp"))
    paragraphs = [text for file in documents for text in prose(file.read_text())]
    paragraphs += [text for file in sources for text in comments(file.read_text())]
    Path(__file__).with_name("text.txt").write_text("\n".join(dict.fromkeys(paragraphs)) + "\n")


if __name__ == "__main__":
    main()
