"""Render the picture of the leaderboard in the README: `make picture`.

    python benchmarks/picture.py [--page tracks/midi-scores.html] [--theme light]

Builds the site of `leaderboard/results` and takes a screenshot of the top of one page with Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from browser import FLAGS
from playwright.sync_api import sync_playwright

from fsdl_bench.site.render import build_site

ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=ROOT / "leaderboard" / "results")
    parser.add_argument("--page", default="tracks/midi-scores.html")
    parser.add_argument("--theme", choices=["light", "dark"], default="light")
    parser.add_argument("--height", type=int, default=1180)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "leaderboard.png")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = Path(folder) / "site"
        build_site(options.results, site)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        size = {"width": 1280, "height": options.height}
        tab = browser.new_page(viewport=size, color_scheme=options.theme)
        tab.goto((site / options.page).as_uri())
        tab.screenshot(path=options.out)
        browser.close()
    print(f"{options.out}: {options.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
