"""Measure the seconds from dropping three files on the musician's page to the first sound, in a real browser.

    python benchmarks/play.py [--model lstm] [--runs 3]

The files are test songs of midi-scores, written as `.mid`. The model's preparation happens once and is not
measured. "waited" opens the page, waits until the model is loaded, and drops; "at once" drops as soon as the
page is open. "Write four" is pressed as soon as the files are read.
"""

import argparse
import base64
import os
import shutil
import subprocess
import sys
import time

from browser import FLAGS
from playwright.sync_api import sync_playwright

from fsdl_bench import load_track
from fsdl_bench.music.writing import write_midi

DROP = """files => {
    const data = new DataTransfer();
    for (const [name, text] of files) {
        data.items.add(new File([Uint8Array.from(atob(text), c => c.charCodeAt(0))], name));
    }
    document.getElementById('drop').dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true}));
}"""
READY = "document.getElementById('status').textContent.includes('is ready')"


def until(tab, condition, seconds=600):
    end = time.monotonic() + seconds
    while not tab.evaluate(condition):
        if time.monotonic() > end:
            sys.exit(f"{condition}: not within {seconds} s; {tab.text_content('#error')}")
        time.sleep(0.01)


def measure(tab, files, wait):
    if wait:
        until(tab, READY)
    start = time.monotonic()
    tab.evaluate(DROP, files)
    until(tab, f"document.querySelectorAll('#support li').length == {len(files)}")
    read = time.monotonic() - start
    tab.click("#write")
    until(tab, "player.level() > 0.001")
    return read, time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="", help="a model of the page; its first choice by default")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    songs = load_track("midi-scores").test.artists[0].songs[:3]
    files = [[f"{n}.mid", base64.b64encode(write_midi(song.notes)).decode()] for n, song in enumerate(songs)]
    command = [
        sys.executable,
        "-m",
        "fsdl_bench",
        "play",
        "--no-browser",
        "--port",
        "0",
        "--track",
        "midi-scores",
    ]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    url = server.stdout.readline().split()[1]
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)

            def opened():
                tab = browser.new_page()
                tab.goto(url)
                if options.model:
                    tab.select_option("#model", options.model)
                return tab

            tab = opened()
            until(tab, READY)
            model = tab.input_value("#model")
            print(f"{model}, {len(files)} files, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
            for wait in (True, False):
                for _ in range(options.runs):
                    tab.close()
                    tab = opened()
                    read, sound = measure(tab, files, wait)
                    print(f"{'waited' if wait else 'at once'}: files read {read:.2f} s, sound {sound:.2f} s")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
