#!/usr/bin/env python3
"""make_pages.py OUT: writes the pages of the site, for Doxygen, and the head of each page with the table of contents.

The pages are the READMEs, the exercises, CONTRIBUTING.md, CHANGELOG.md and docs/**.md, as they are, but for
  - links between files, which become links between pages; a link to a file that is no page stops the build;
  - comments that only the site shows, and GitHub does not:
        <!-- site: MARKUP -->           MARKUP (a snippet, a remark)
        <!-- site instead: MARKUP -->   MARKUP in place of the fenced block that follows (a formula)
        <!-- code: FILE NAME -->        the definition of the function or class NAME in FILE
        <!-- picture: … NAME.svg -->    OUT/pictures/NAME.svg, as docs/pictures.sh drew it, in place of the image below
        ![…](NAME.svg)                   the picture NAME.svg of docs/
  - the arXiv numbers of papers, which become links to the bibliography;
  - for a chapter, docs/calls/NN.md, the library calls behind its code, after the section "The code", and a page with its sources.
"""
import html
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from cut import cut
from filter_header import topic_of, with_paper_links

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = sorted(path.parent.name for path in ROOT.glob("chapters/[0-9][0-9]_*/README.md"))
EXERCISES = {str(path.relative_to(ROOT / "exercises").with_suffix("")): path.suffix  # 01_gemm/1_blocked_gemm: .cpp
             for path in sorted(ROOT.glob("exercises/[0-9][0-9]_*/[0-9]_*"))
             if path.suffix in (".cpp", ".cu")}

# Pages that are files of their own, in the order of the table of contents: (label, file).
LOOK_UP = [("row_column_transpose", "docs/pages/row_column_transpose.md"),
           ("when_it_hangs", "docs/pages/when_it_hangs.md"),
           ("faults", "docs/faults.md"),
           ("cluster", "docs/pages/cluster.md"),
           ("measurements", "docs/measurements.md"),
           ("predictions", "docs/predictions.md"),
           ("glossary", "docs/pages/glossary.md"),
           ("bibliography", "docs/pages/bibliography.md")]
PROJECT = [("architecture", "docs/architecture.md"), ("contributing", "CONTRIBUTING.md"),
           ("default_text", "data/README.md"), ("changelog", "CHANGELOG.md")]


READING = ["index", *CHAPTERS, "exercises"]   # from the first page to the last


def chapter_label(chapter):
    return f"chapter_{chapter[:2]}"


def exercise_label(stem):
    """01_gemm/1_blocked_gemm: exercise_01_1"""
    return f"exercise_{stem[:2]}_{Path(stem).name[0]}"


def file_of(stem):
    return f"exercises/{stem}{EXERCISES[stem]}"


def pages():
    """Which page a file of the repository is on: file → label."""
    labels = {"README.md": "index", "exercises/README.md": "exercises"}
    labels.update({f"chapters/{chapter}/README.md": chapter_label(chapter) for chapter in CHAPTERS})
    labels.update({f"exercises/{stem}{suffix}": exercise_label(stem) for stem, suffix in EXERCISES.items()})
    labels.update({file: label for label, file in LOOK_UP + PROJECT})
    return labels


LABELS = pages()


class Site:
    """Reads files of the repository and writes pages into `out`."""

    def __init__(self, out):
        self.out = Path(out)
        (self.out / "pages").mkdir(parents=True, exist_ok=True)
        for old in self.out.glob("pages/*.md"):
            old.unlink()

    def write(self, label, text):
        (self.out / "pages" / f"{label}.md").write_text(text, encoding="utf-8")

    # ---- Markdown ----------------------------------------------------------------------------------------------------

    def page(self, label, file, text=None):
        """The page `label` made of `file` (or of its text, changed)."""
        text = (ROOT / file).read_text(encoding="utf-8") if text is None else text
        self.write(label, self.for_doxygen(text, label, file))

    def for_doxygen(self, text, label, file):
        text = re.sub(r"\A# (.*)", rf"# \1 {{#{'mainpage' if label == 'index' else label}}}", text)
        text = re.sub(r"^<!-- site instead:(.*?)-->\n+```.*?\n```$", r"\n\1\n", text, flags=re.S | re.M)
        text = re.sub(r"^<!-- site:(.*?)-->", r"\n\1\n", text, flags=re.S | re.M)
        text = re.sub(r"^<!-- code: (\S+) (\S+) -->", code, text, flags=re.M)
        text = re.sub(r"^<!-- picture: .* (\S+)\.svg -->\n!\[[^\0]*?\]\(\S+\.svg\)$",
                      lambda match: self.picture(match[1]), text, flags=re.M)
        text = re.sub(r"^!\[[^\0]*?\]\((\w+)\.svg\)$", lambda match: self.picture(match[1]), text, flags=re.M)
        text = outside_fences(text, lambda part: re.sub(r"(?<!\S)\*\*([^\w\s*][^*]*?)\*\*", r"<b>\1</b>", part))
        parts = re.split(r"(^```.*?^```$|^~~~.*?^~~~$|`[^`\n]+`)", text, flags=re.S | re.M)
        for i in range(0, len(parts), 2):
            parts[i] = with_links(with_anchors(parts[i], label), file)
        for i in range(1, len(parts), 2):
            if re.match(r"`[^`]", parts[i]) and "'" in parts[i]:   # Doxygen takes `it's for a quotation
                parts[i] = f"`{parts[i]}`"
        return "".join(parts)

    def picture(self, name):
        """A figure, with the words in the picture's own title and desc as its alternative."""
        file = self.out / "pictures" / f"{name}.svg"
        if not file.exists():
            sys.exit(f"make_pages: there is no picture {file}: its README's marker says how it is drawn")
        namespace = "{http://www.w3.org/2000/svg}"
        root = ElementTree.parse(file).getroot()
        words = [root.findtext(namespace + tag, "").strip() for tag in ("title", "desc")]
        if not words[0]:
            sys.exit(f"make_pages: {file} has no title")
        alt = html.escape(". ".join(word.rstrip(".") for word in words if word) + ".", quote=True)
        source = f"pictures/{name}.svg"
        command = file.with_suffix(".command")
        caption = ""
        if command.exists():   # not for the pictures of docs/, which no program draws
            said = html.escape(command.read_text(encoding="utf-8").strip())
            caption = f"<figcaption>Drawn by <code>{said}</code></figcaption>"
        return (f'\\htmlonly <figure class="picture"><a href="{source}"><img src="{source}" alt="{alt}"/></a>'
                f"{caption}</figure> \\endhtmlonly")

    # ---- Chapters and exercises ----------------------------------------------------------------------------------------

    def chapter(self, chapter):
        number, label = chapter[:2], chapter_label(chapter)
        file = f"chapters/{chapter}/README.md"
        text = (ROOT / file).read_text(encoding="utf-8")
        calls = ROOT / "docs" / "calls" / f"{number}.md"
        ends = calls.read_text(encoding="utf-8") if calls.exists() else ""
        sources = f"All files of the chapter stand on one page: [its sources](@ref {label}_sources).\n\n"
        if "\n## Common problems\n" not in text:
            sys.exit(f'make_pages: {file} has no section "Common problems"')
        text = text.replace("\n## Common problems\n", f"\n{sources}{ends}\n## Common problems\n", 1)
        self.page(label, file, text + turn(*neighbours(READING, chapter, label_of, title_of)))
        self.sources(chapter)

    def sources(self, chapter):
        label, folder = chapter_label(chapter), ROOT / "chapters" / chapter
        files = sorted(folder.glob("[a-z0-9]*.*"), key=lambda file: (file.name == "main.cpp", file.stem, file.suffix != ".h"))
        text = f"# The sources of chapter {chapter[:2]} {{#{label}_sources}}\n\n[Back to the chapter](@ref {label}).\n"
        for file in files:
            if file.suffix in (".cpp", ".h", ".cu"):
                code = re.sub(r"^//! \[.*\n", "", file.read_text(encoding="utf-8"), flags=re.M)
                text += f"\n## {file.name} {{#{label}_{file.name.replace('.', '_')}}}\n\n~~~{{.cpp}}\n{code}~~~\n"
        self.write(f"{label}_sources", text)

    def exercise(self, stem):
        title, task = task_of(stem)
        chapter = next(name for name in CHAPTERS if name[:2] == stem[:2])
        number = f"{stem[:2]}.{Path(stem).name[0]}"
        label = exercise_label(stem)
        header = f"exercises/{stem}.h"
        text = f"# {number} · {title}\n\n"
        text += f"An exercise of [{title_of_chapter(chapter)}](@ref {chapter_label(chapter)}).\n\n"
        text += f"{task}\n\n## What the test calls\n\n`{header}`:\n\n\\include {header}\n\n"
        text += f"## Where to write\n\nIn `{file_of(stem)}`. `./learn watch {number}` checks whenever you save.\n\n"
        text += "## Hints\n\nTry without first: each says more than the one before.\n\n" + hints(stem)
        text += turn(*neighbours(list(EXERCISES), stem, exercise_label, title_of_exercise))
        self.write(label, self.for_doxygen(text, label, file_of(stem)))

    # ---- Home and the head of each page --------------------------------------------------------------------------------

    def home(self):
        text = (ROOT / "docs/pages/home.md").read_text(encoding="utf-8")
        text = text.replace("<!-- staircase -->", self.staircase())
        self.page("index", "docs/pages/home.md", text + turn(*neighbours(READING, "index", label_of, title_of)))

    def staircase(self):
        """The chapters and which of them each uses, as CMakeLists.txt says, drawn by Graphviz."""
        graph = ['digraph { rankdir=BT bgcolor=transparent node [shape=box margin="0.12,0.06" fontname="sans-serif"]']
        for chapter in CHAPTERS:
            label = title_of_chapter(chapter).replace(" · ", "\\n")
            graph.append(f'"{chapter}" [label="{label}" href="{chapter_label(chapter)}.html"]')
            graph += [f'"{below}" -> "{chapter}"' for below in uses_of(chapter)]
        dot = subprocess.run(["dot", "-Tsvg"], input="\n".join(graph + ["}"]), capture_output=True, text=True, check=True)
        svg = re.sub(r"<title>.*?</title>|<!--.*?-->\n?", "", dot.stdout[dot.stdout.index("<svg"):], flags=re.S)
        svg = svg.replace("<svg ", '<svg role="img" aria-label="Which chapters build on which" ', 1)
        return f'\\htmlonly[block]<figure class="staircase">{svg}</figure>\\endhtmlonly'

    def head(self):
        contents = section("Chapters", [(chapter_label(name), title_of_chapter(name)) for name in CHAPTERS])
        contents += section("Exercises", [("exercises", "All exercises")])
        contents += section("To look up", [(label, title_in(file)) for label, file in LOOK_UP if (ROOT / file).exists()])
        contents += section("common/ by folder", [(f"group__{name}", title) for name, title in topics()])
        contents += section("The project", [(label, title_in(file)) for label, file in PROJECT])
        head = (ROOT / "docs/header.html").read_text(encoding="utf-8").replace("<!-- CONTENTS -->", contents)
        (self.out / "header.html").write_text(head, encoding="utf-8")


def uses_of(chapter):
    """The earlier chapters that add_chapter names, in the chapter's own chapter.cmake or in CMakeLists.txt."""
    own = ROOT / "chapters" / chapter / "chapter.cmake"
    declared = (own if own.exists() else ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    name = "" if own.exists() else chapter + r"\s+"
    uses = re.search(rf"^add_chapter\({name}USES((?:\s+\d\d_\w+)+)", declared, re.M)
    return uses[1].split() if uses else []


def section(title, entries):
    items = "".join(f'<li><a href="{label}.html">{html.escape(name)}</a></li>\n' for label, name in entries)
    return f"<h2>{html.escape(title)}</h2>\n<ul>\n{items}</ul>\n"


def code(match):
    file, name = match.groups()
    return f"`{file}`:\n\n~~~{{.cpp}}\n{cut(ROOT / file, name)}\n~~~\n"


# ---- What stands in files --------------------------------------------------------------------------------------------


def title_in(file):
    return re.match(r"# (.*)", (ROOT / file).read_text(encoding="utf-8"))[1]


def label_of(step):
    return chapter_label(step) if step in CHAPTERS else step


def title_of(step):
    return {"index": "Home", "exercises": "Exercises"}.get(step) or title_of_chapter(step)


def title_of_chapter(chapter):
    return title_in(f"chapters/{chapter}/README.md")


def title_of_exercise(stem):
    return f"{stem[:2]}.{Path(stem).name[0]} · {task_of(stem)[0]}"


def task_of(stem):
    """Title and text of an exercise, from the comment that opens its file."""
    comment = re.match(r"((?://.*\n)+)", (ROOT / file_of(stem)).read_text(encoding="utf-8"))[1]
    lines = [line[3:] for line in comment.splitlines()]
    title = re.match(r"Exercise \S+: (.*?)\.?$", lines[0])[1]
    text = []
    for line in lines[1:]:
        if re.match(r"(Write|Shapes|Tested|Ledger): ", line):
            text += ["", re.sub(r"^(\w+:)\s+", r"**\1** ", line)]
        elif line.startswith("    ") and not any(previous.startswith("**") for previous in text):
            fence = [] if text[-1:] == ["```"] else ["", "```text"]
            text = text[:-1] + [line[4:], "```"] if not fence else text + fence + [line[4:], "```"]
        else:
            text.append(line.strip())
    return title[0].upper() + title[1:], "\n".join(text)


def hints(stem):
    text = (ROOT / f"exercises/hints/{stem}.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (\d+)\n", text, flags=re.M)[1:]
    return "".join(f"\\htmlonly[block]<details><summary>Hint {number}</summary>\\endhtmlonly\n\n{body.strip()}\n\n"
                   "\\htmlonly[block]</details>\\endhtmlonly\n\n"
                   for number, body in zip(parts[::2], parts[1::2]))


def neighbours(names, name, label, title):
    """The pages before and after, as (label, title) or None."""
    i = names.index(name)
    near = [names[j] if 0 <= j < len(names) else None for j in (i - 1, i + 1)]
    return [(label(other), title(other)) if other else None for other in near]


def turn(before, after):
    """The foot of a page: back and forth."""
    links = [f'<a rel="{rel}" href="{page[0]}.html">{html.escape(page[1])}</a>'
             for rel, page in (("prev", before), ("next", after)) if page]
    return f'\n\\htmlonly[block]<nav class="turn" aria-label="Before and after">{"".join(links)}</nav>\\endhtmlonly\n'


# ---- Links ------------------------------------------------------------------------------------------------------------


def outside_fences(text, change):
    """Doxygen's Markdown wants a word after ** and nothing else, for instance; code stays as it is."""
    parts = re.split(r"(^```.*?^```$|^~~~.*?^~~~$)", text, flags=re.S | re.M)
    return "".join(part if i % 2 else change(part) for i, part in enumerate(parts))


def with_anchors(text, label):
    def heading(match):
        slug = re.sub(r"\W+", "_", match[2].lower()).strip("_")
        return match[0] if "{#" in match[0] else f"{match[1]} {match[2]} {{#{label}_{slug}}}"
    return re.sub(r"^(###?) (.*)$", heading, text, flags=re.M)


def with_links(text, file):
    """Links of `file` to other files of the repository become links to their pages."""
    def link(match):
        words, target = match[1], match[2]
        if re.match(r"https?://|@ref |#", target):
            return match[0]
        path = os.path.normpath(os.path.join(os.path.dirname(file), target))
        if path not in LABELS or not (ROOT / path).exists():
            sys.exit(f"make_pages: {file} links to {target}, which is no page")
        return f"[{words}](@ref {LABELS[path]})"
    return with_paper_links(re.sub(r"\[([^]\[]*)\]\(([^)\s]+)\)", link, text))


def topics():
    """(folder, title) of each topic. A folder of common/ without a title would be missing in the site."""
    titles = re.findall(r"@defgroup (\w+) (.*)", (ROOT / "docs/pages/api.md").read_text(encoding="utf-8"))
    folders = {topic_of(header) for header in (ROOT / "common").glob("*/[a-z0-9]*.h")} - {None}
    if folders != {folder for folder, _ in titles}:
        sys.exit(f"make_pages: docs/pages/api.md must have a @defgroup for each of {', '.join(sorted(folders))}")
    return titles


def main():
    site = Site(sys.argv[1])
    site.home()
    for chapter in CHAPTERS:
        site.chapter(chapter)
    site.page("exercises", "exercises/README.md")
    for stem in EXERCISES:
        site.exercise(stem)
    for label, file in LOOK_UP + PROJECT:
        if (ROOT / file).exists():
            site.page(label, file)
    (site.out / "pages" / "api.md").write_text((ROOT / "docs/pages/api.md").read_text(encoding="utf-8"), encoding="utf-8")
    site.head()


if __name__ == "__main__":
    main()
