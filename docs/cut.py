"""cut(FILE, NAME): the definition of the function or class NAME in FILE, as it is compiled, with the comment before it.

For code that a page quotes from many places, where the tags of Doxygen's \\snippet would be in the way of its readers.
"""
import re
import sys
import textwrap


def begins_definition(lines, i, name):
    """Line i is the first of a definition: it names NAME, and the next of "{" and ";" is a "{"."""
    if not re.match(rf"\s*(?!return\b|//)[\w:<>*&, ~]*\b{re.escape(name)}(\(| (final )?(: [^;]*)?\{{)", lines[i]):
        return False
    rest = "\n".join(lines[i:i + 12])
    rest = rest[re.search(rf"\b{re.escape(name)}\b", rest).end():]
    stop = re.search(r"[{;]", rest)
    return stop is not None and stop[0] == "{"


def cut(file, name):
    lines = file.read_text(encoding="utf-8").splitlines()
    starts = [i for i in range(len(lines)) if begins_definition(lines, i, name)]
    if not starts:
        sys.exit(f"docs: {file} does not define {name}")
    first = last = starts[0]
    while first > 0 and lines[first - 1].strip() and not re.search(r"[;{}]$|^\s*//", lines[first - 1]):
        first -= 1   # what the line with the name goes on from
    last = first
    indent = re.match(r"\s*", lines[first])[0]
    while not re.search(r"\}\s*(//.*)?$" if last == first else rf"^{indent}\}};?", lines[last]):
        last += 1
        if last == len(lines):
            sys.exit(f"docs: {name} in {file} does not end")
    before = rf"{indent}(///|template|__global__|inline __device__|__launch_bounds__|static |const)"
    while first > 0 and re.match(before, lines[first - 1]):
        first -= 1
    return textwrap.dedent("\n".join(line for line in lines[first:last + 1] if not line.lstrip().startswith("//! [")))
