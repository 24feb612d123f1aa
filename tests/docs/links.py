#!/usr/bin/env python3
"""links.py HTML_FOLDER: every link and every source of every page leads to a file of the folder and, where it names one,
to an anchor in it; every image has words for those who cannot see it. Addresses in the network are not asked for.
"""
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

SKIP = 77


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.anchors, self.targets, self.faults = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = {name: value or "" for name, value in attributes}
        self.anchors.update(values[name] for name in ("id", "name") if name in values)
        self.targets += [values[name] for name in ("href", "src", "data", "xlink:href") if name in values]
        if tag == "img" and not values.get("alt", "").strip():
            self.faults.append(f"the image {values.get('src')} has no alt text")
        if tag == "svg" and not values.get("aria-label", "").strip():
            self.faults.append("a picture in the page has no aria-label")


def is_elsewhere(target):
    return target.split(":")[0] in ("http", "https", "mailto", "data")


def faults_of(name, pages, folder):
    yield from pages[name].faults
    for target in pages[name].targets:
        if is_elsewhere(target):
            continue
        path, anchor = urldefrag(target)
        path = unquote(path) or name
        if target.startswith("javascript:") or not (folder / path).is_file():
            yield f"{target} leads nowhere"
        elif anchor and path in pages and unquote(anchor) not in pages[path].anchors:
            yield f"{target}: that page has no such anchor"


def main():
    folder = Path(sys.argv[1])
    if not (folder / "index.html").exists():
        print(f"skipped: there is no site in {folder}")
        sys.exit(SKIP)
    pages = {file.name: Page(file.read_text(encoding="utf-8")) for file in folder.glob("*.html")}
    faults = [f"{name}: {fault}" for name in sorted(pages) for fault in dict.fromkeys(faults_of(name, pages, folder))]
    print("\n".join(faults))
    print(f"{sum(len(page.targets) for page in pages.values())} links and sources in {len(pages)} pages, "
          f"{len(faults)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
