#!/usr/bin/env python3
"""make_search.py HTML_FOLDER: writes HTML_FOLDER/search_index.js, which lists the sections of all pages for search.js.

A section begins at a heading that has an anchor, or at a member of a topic, and ends where the next one begins.
"""
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

LEFT_OUT = re.compile(r"(dir_|functions|globals|classes|hierarchy|annotated|modules|namespaces|pages|files|.*-members)")


class Sections(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.page, self.title = page, ""
        self.sections = [[page, "", []]]   # address, title, words
        self.anchor = None
        self.inside = []                   # what of title, contents, heading, skipped we are in

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        classes = (values.get("class") or "").split()
        if tag == "title":
            self.inside.append("title")
        if tag == "div" and "contents" in classes:
            self.inside.append("contents")
        if "contents" not in self.inside:
            return
        if tag == "a" and values.get("id"):
            self.anchor = values["id"]
        if tag in ("script", "nav", "svg", "style"):
            self.inside.append(tag)
        if tag in ("h1", "h2", "h3"):
            self.inside.append("heading")
            self.sections.append([self.page + (f"#{self.anchor}" if self.anchor else ""), "", []])

    def handle_endtag(self, tag):
        ends = "heading" if tag in ("h1", "h2", "h3") else tag
        if ends in self.inside and ends != "contents":
            while self.inside.pop() != ends:
                pass

    def handle_data(self, data):
        if self.inside and self.inside[-1] == "title":
            self.title += data
        elif "contents" in self.inside and not {"script", "nav", "svg", "style"} & set(self.inside):
            if "heading" in self.inside:
                if not self.sections[-1][1] and self.sections[-1][0] == self.page and self.anchor:
                    self.sections[-1][0] += f"#{self.anchor}"
                self.sections[-1][1] += data
            else:
                self.sections[-1][2].append(data)


def sections_of(file):
    parser = Sections(file.name)
    parser.feed(file.read_text(encoding="utf-8"))
    page_title = parser.title.removesuffix(" · Shard by Shard").strip()
    for address, title, words in parser.sections:
        title = " ".join(title.replace("\u25c6", "").split())
        text = " ".join("".join(words).split())
        if text or title:
            yield [address, f"{page_title} › {title}" if title else page_title, text]


def main():
    folder = Path(sys.argv[1])
    index = [section for file in sorted(folder.glob("*.html")) if not LEFT_OUT.match(file.stem)
             for section in sections_of(file)]
    (folder / "search_index.js").write_text(f"const searchIndex = {json.dumps(index, ensure_ascii=False)};\n",
                                            encoding="utf-8")


if __name__ == "__main__":
    main()
