#!/usr/bin/env python3
"""layers.py: who includes whom, and how long lines and files are.

  - A file of common/ includes its own folder and those before it in common/folders.txt, and no chapter.
  - A chapter, an exercise and a solution include no later chapter.
  - Code, scripts and CMake files have at most 100 columns (characters, not bytes). Lines "// expect:" and raw strings may
    be longer.
  - A source file of a chapter has at most 200 lines, one of common/ at most 400.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("common", "chapters", "exercises", "solutions", "tests", "docs", "scripts", ".ci")
COLUMNS = 100
LINES = {"chapters": 200, "common": 400}
# Those that were longer before the limit was checked: they may only become shorter.
LONG_FILES = {
    "chapters/01_gemm/climb.cpp": 228,
    "chapters/01_gemm/gpu_ladder.cu": 219,
    "chapters/07_transformer_block/transformer_block.h": 226,
}


def is_code(name):
    return re.search(r"\.(h|cpp|cu|cuh)$", name) is not None


def is_measured(name):
    return is_code(name) or name.endswith((".sh", ".cmake", "CMakeLists.txt")) or name in ("learn", ".ci/run")


def chapter_of(name):
    """The number of chapters/NN_name/…, exercises/NN_name/… and solutions/NN_name/…, or None."""
    numbered = re.match(r"(?:chapters|exercises|solutions)/(\d+)_", name)
    return int(numbered[1]) if numbered else None


def include_fault(name, included, order):
    """What is wrong with the file `name` including `included`; None if nothing is."""
    if not re.match(r"(common|chapters)/", included):
        return None
    if name.startswith("common/"):
        if included.startswith("chapters/"):
            return "common/ includes a chapter"
        own, other = name.split("/")[1], included.split("/")[1]
        for folder in (own, other):
            if folder not in order:
                return f"common/folders.txt does not list {folder}"
        if order.index(other) > order.index(own):
            return f"common/{own} includes common/{other}, which is above it"
    elif chapter_of(name) is not None and (chapter_of(included) or 0) > chapter_of(name):
        return "a later chapter is included"
    return None


def long_lines(text):
    """The numbers and lengths of lines that are too long."""
    in_raw_string = False
    for number, line in enumerate(text.splitlines(), 1):
        raw = in_raw_string or 'R"' in line
        if 'R"' in line or in_raw_string:
            in_raw_string = ')"' not in line and ')json"' not in line
        if len(line) > COLUMNS and not raw and not line.startswith("// expect:"):
            yield number, len(line)


def length_fault(name, text):
    """What is wrong with the number of lines of the file `name`; None if nothing is."""
    lines, most = text.count("\n"), LONG_FILES.get(name, LINES.get(name.split("/")[0]))
    if most is None or not is_code(name) or lines <= most:
        return None
    return f"{lines} lines; {most} are the limit"


def faults_of(files, order):
    """One sentence for each fault in files, {name: text}."""
    for name, text in files.items():
        if is_code(name):
            for number, line in enumerate(text.splitlines(), 1):
                included = re.match(r'\s*#\s*include "([^"]+)"', line)
                fault = included and include_fault(name, included[1], order)
                if fault:
                    yield f"{name}:{number}: {fault}: {included[1]}"
        fault = length_fault(name, text)
        if fault:
            yield f"{name}: {fault}"
        for number, length in long_lines(text):
            yield f"{name}:{number}: {length} columns; {COLUMNS} are the limit"


def check_itself():
    """Of these files, those in bad/ and only those must be found."""
    order = ["base", "tensor", "comm"]
    good = {
        "common/tensor/a.h": '#include "common/base/x.h"\n#include "common/tensor/y.h"\n#include <vector>\n',
        "chapters/03_b/a.cpp": '#include "chapters/03_b/a.h"\n#include "chapters/02_a/x.h"\n#include "common/comm/x.h"\n',
        "chapters/04_c/a.cpp": "\n" * 200,
        "common/base/a.h": "\n" * 400,
        "chapters/04_c/README.md": "\n" * 201,
        "tests/a.cpp": "// expect: " + "x" * 100 + "\n" + "ä" * 100 + '\nR"(\n' + "x" * 101 + '\n)"\n',
    }
    bad = {
        "common/tensor/b.h": '#include "common/comm/x.h"\n',
        "common/base/c.cu": '  #  include "chapters/01_a/x.h"\n',
        "common/other/d.h": '#include "common/base/x.h"\n',
        "chapters/02_a/e.cpp": '#include "chapters/10_b/x.h"\n',
        "exercises/02_a/f.h": '#include "chapters/03_b/x.h"\n',
        "chapters/04_c/main.cpp": "\n" * 201,
        "common/base/f.cuh": "\n" * 401,
        "chapters/01_gemm/climb.cpp": "\n" * 229,
        "tests/g.sh": "x" * 101 + "\n",
        "tests/h.cpp": 'R"(\n)"\n' + "x" * 101 + "\n",
    }
    assert not list(faults_of(good, order)), list(faults_of(good, order))
    found = [fault.split(":")[0] for fault in faults_of(bad, order)]
    assert found == list(bad), found


def lines_of(file):
    return [line for line in (ROOT / file).read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]


def main():
    check_itself()
    paths = [ROOT / "learn", ROOT / "CMakeLists.txt"]
    paths += [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("[a-zA-Z0-9]*")) if path.is_file()]
    names = [path.relative_to(ROOT).as_posix() for path in paths]
    files = {name: (ROOT / name).read_text(encoding="utf-8") for name in names if is_measured(name)}
    faults = list(faults_of(files, lines_of("common/folders.txt")))
    print("\n".join(faults + [f"{len(files)} files, {len(faults)} faults"]))
    sys.exit(1 if faults or len(files) < 100 else 0)


if __name__ == "__main__":
    main()
