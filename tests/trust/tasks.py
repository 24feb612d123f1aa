#!/usr/bin/env python3
"""tasks.py: what the task of an exercise says of itself is true.

  - "About N lines" is what the solution adds to the stub, within 2 lines or a fifth: without blank lines, comments,
    includes, lines of a closing brace alone, and what the stub has already.
  - Of a task to find faults, the wrong answer as_given.cpp is the code that the task gives, without its todo().
  - The task has the headings Write, Shapes and Ledger, and hints: three, in exercises/hints, not beside the task.
"""
import re
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def code_of(file):
    """Its lines of code, without comments, includes and lone braces."""
    lines = [re.sub(r"\s*//.*", "", line).strip() for line in file.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line and not re.fullmatch(r"#include.*|namespace.*|[{}();]+", line)]


def lines_to_write(stub, solution):
    return sum((Counter(code_of(solution)) - Counter(code_of(stub))).values())


def task_of(stub):
    """Its opening comment in one line."""
    comment = re.match(r"(?://.*\n)+", stub.read_text(encoding="utf-8"))[0]
    return " ".join(line[2:].strip() for line in comment.splitlines())


def faults_of(stub, stem):
    task = task_of(stub)
    solution = ROOT / "solutions" / stub.relative_to(ROOT / "exercises")
    said = re.search(r"[Aa]bout (\d+) lines", task)
    if said is None:
        yield "does not say about how many lines are to be written"
    elif 'todo("' in stub.read_text(encoding="utf-8"):   # else a learner is at work
        count = lines_to_write(stub, solution)
        if abs(int(said[1]) - count) > max(2, count / 5):
            yield f"says about {said[1]} lines, but the solution has {count}"
    given = ROOT / "tests/mistakes" / stem / "as_given.cpp"
    if given.exists() and 'todo("' in stub.read_text(encoding="utf-8"):
        if code_of(given) != [line for line in code_of(stub) if not line.startswith('todo("')]:
            yield f"gives other code than {given.relative_to(ROOT)}"
    for heading in ("Write", "Shapes", "Ledger"):
        if f" {heading}: " not in task:
            yield f"has no {heading}:"
    hints = ROOT / "exercises/hints" / f"{stem}.md"
    if not hints.exists() or re.findall(r"^## (\d)$", hints.read_text(encoding="utf-8"), re.M) != ["1", "2", "3"]:
        yield f"has no three hints in {hints.relative_to(ROOT)}"


def main():
    stubs = sorted(file for file in (ROOT / "exercises").glob("[0-9][0-9]_*/[0-9]_*") if file.suffix in (".cpp", ".cu"))
    faults = [f"{stub.relative_to(ROOT)} {fault}" for stub in stubs
              for fault in faults_of(stub, stub.relative_to(ROOT / "exercises").with_suffix(""))]
    faults += [f"{file.relative_to(ROOT)} lies beside the task: cat shows it"
               for file in (ROOT / "exercises").glob("[0-9][0-9]_*/*.md")]
    print("\n".join(faults + [f"{len(stubs)} tasks, {len(faults)} faults"]))
    sys.exit(1 if faults or not stubs else 0)


if __name__ == "__main__":
    main()
