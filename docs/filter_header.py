#!/usr/bin/env python3
"""filter_header.py FILE: what Doxygen reads instead of a header of common/ (its INPUT_FILTER).

The headers are read as they are by more people than by Doxygen, so they hold no more of its marks than /// and what it
needs beyond is added here:
  - the topic to which all names of the file belong, its folder (titles: docs/pages/api.md), and the file's opening comment
    as a part of it;
  - a heading for each "// ---- Title ----";
  - "name;  // remark" as the remark of that name;
  - links from arXiv numbers to the bibliography.
Destructors that say nothing, comparisons by default and functions that are deleted are left out. Pages pass as they are.
"""
import itertools
import re
import sys
import textwrap
from pathlib import Path

IMPLEMENTATIONS = {"cpu", "mpi", "cuda", "nccl"}   # folders of common/ that only implement interfaces of the others
OPTION = r"(?<![\w`-])--[a-z][\w-]*"   # Doxygen would make a dash of two hyphens


def topic_of(header):
    """The folder of common/ that the header is in, or None where its names are not shown."""
    folder = header.resolve().parent
    return folder.name if folder.parent.name == "common" and folder.name not in IMPLEMENTATIONS else None


def with_paper_links(text):
    """arXiv:1909.08053 becomes a link to that paper in the bibliography."""
    return re.sub(r"arXiv:(\d{4})\.(\d{4,5})", r"[arXiv:\1.\2](@ref paper_\1_\2)", text)


def one_name_each(line):
    """"int m = 0, n = 0;  // sizes" becomes two declarations, each with the remark."""
    several = re.match(r"(\s*)([\w:<>]+) (\w+(?: = [^,;]+)?(?:, \w+(?: = [^,;]+)?)+);(  +// .*)$", line)
    if not several:
        return line
    indent, kind, names, remark = several.groups()
    return "\n".join(f"{indent}{kind} {name};{remark}" for name in names.split(", "))


def opening_comment(lines):
    """What the header is for, as Markdown."""
    comment = [line[3:] for line in itertools.takewhile(lambda line: line.startswith("//"), lines)]
    text = ""
    for is_table, part in itertools.groupby(comment, lambda line: line.startswith("  ")):
        if is_table:
            text += "\n~~~{.unparsed}\n" + textwrap.dedent("\n".join(part)) + "\n~~~\n"
        else:
            words = re.sub(OPTION, r"`\g<0>`", re.sub(r"([\\@<>])", r"\\\1", "\n".join(part)))
            text += with_paper_links(words) + "\n"
    return text


def filtered(lines, topic, name):
    in_section = False
    yield f"/** @addtogroup {topic}\n\n@par common/{topic}/{name}\n{opening_comment(lines)}\n*/"
    for line in lines:
        title = re.match(r"// ---- (.*?):? -+$", line)
        if re.match(r"namespace shard\S* \{$", line):
            yield f"{line} /** @addtogroup {topic} */ /** @{{ */"
        elif re.match(r"\}  // namespace shard", line):
            yield ("/** @} */ " if in_section else "") + "/** @} */ " + line
        elif title:
            if in_section:
                yield "/** @} */"
            in_section = True
            yield f"/** @name {title[1]}\n */\n/** @{{ */"
        elif re.search(r"= delete;|operator==\(.*= default;", line) or re.match(r"\s*(virtual )?~\w+\(\)[^/]*$", line):
            yield ""
        else:
            line = re.sub(r"([;,}])  +// (?!namespace)", r"\1  ///< ", one_name_each(line))
            line = re.sub(r"(///< )([a-z])(?=[a-z]+ [a-z\"(])", lambda match: match[1] + match[2].upper(), line)
            if "///" in line:
                line = re.sub(OPTION, r"`\g<0>`", line)
            yield with_paper_links(line)


def main():
    file = Path(sys.argv[1])
    text = file.read_text(encoding="utf-8")
    topic = topic_of(file)
    if file.suffix == ".h" and topic:
        # a destructor of several lines, which says nothing
        text = re.sub(r"^( *)(?:virtual )?~\w+\(\) \{\n(?:\1 .*\n)*\1\}$", "", text, flags=re.M)
        text = "\n".join(filtered(text.splitlines(), topic, file.name)) + "\n"
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
