#!/usr/bin/env python3
"""screenshots.py HTML_FOLDER PICTURES: opens pages of the site in headless Chromium, 1280 and 390 pixels wide, light and
dark, checks there what pages.js says, and leaves a picture of each in the folder PICTURES. Skipped (77) without Chromium.
"""
import sys
from pathlib import Path

from browser import Browser, find_browser

SKIP = 77
SHOWN = ["index", "chapter_03", "classshard_1_1Communicator"]   # home, a chapter, the API: these are photographed
CHECKED = ["chapter_*", "row_column_transpose", "when_it_hangs", "exercises", "exercise_06_1", "group__*", "glossary",
           "cluster", "faults", "bibliography", "architecture", "contributing", "measurements"]
SIZES = [(1280, 900), (390, 844)]


def main():
    folder, pictures = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    program = find_browser()
    if program is None or not (folder / "index.html").exists():
        print("skipped: there is no " + ("Chromium here" if program is None else f"site in {folder}"))
        sys.exit(SKIP)
    pictures.mkdir(parents=True, exist_ok=True)
    script = (Path(__file__).parent / "pages.js").read_text(encoding="utf-8")
    checked = [file.stem for pattern in CHECKED for file in sorted(folder.glob(f"{pattern}.html"))]
    browser, faults, count = Browser(program), [], 0
    try:
        for page in dict.fromkeys(SHOWN + checked):
            for width, height in SIZES:
                for dark in (False, True) if page in SHOWN else (False,):
                    browser.open((folder / f"{page}.html").as_uri(), width, height, dark)
                    look = f"{page}, {width} pixels, {'dark' if dark else 'light'}"
                    faults += [f"{look}: {fault}" for fault in browser.evaluate(script)]
                    count += 1
                    if page in SHOWN:
                        browser.screenshot(pictures / f"{page}_{width}_{'dark' if dark else 'light'}.png")
    finally:
        browser.close()
    print("\n".join(faults))
    print(f"{count} looks at {len(dict.fromkeys(SHOWN + checked))} pages, {len(faults)} faults; pictures in {pictures}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
