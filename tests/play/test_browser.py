"""The page in a real browser: drop, hear, write, swap, download, keyboard, small screens, what goes wrong."""

import base64
import io
import time
import wave
import zipfile

import numpy as np
import pytest

DROP = """files => {
    const data = new DataTransfer();
    for (const [name, text] of files) {
        const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
        data.items.add(new File([bytes], name));
    }
    document.getElementById('drop').dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true}));
}"""


class Page:
    """A tab with the page, and what it said and asked for."""

    def __init__(self, browser, url, **settings):
        self.context = browser.new_context(**settings)
        self.tab = self.context.new_page()
        self.said, self.asked = [], []
        self.tab.on("console", lambda message: self.said.append(message.text))
        self.tab.on("pageerror", lambda error: self.said.append(str(error)))
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.goto(url)

    def until(self, condition, seconds=180):
        """Wait until JavaScript is true; the page's policy forbids playwright's own way."""
        end = time.monotonic() + seconds
        while not (found := self.tab.evaluate(condition)):
            texts = [self.tab.text_content(name) for name in ("#status", "#error")]
            assert time.monotonic() < end, (condition, *texts, self.said)
            time.sleep(0.05)
        return found

    def drop(self, *paths):
        self.tab.evaluate(DROP, [[path.name, base64.b64encode(path.read_bytes()).decode()] for path in paths])

    def titles(self, where="#support"):
        return self.tab.locator(f"{where} h3").all_text_contents()

    def written(self):
        self.until("document.getElementById('status').textContent.startsWith('Four')")

    def choose(self, track):
        self.tab.select_option("#track", track)


@pytest.fixture
def visit(browser, server):
    """Opens the page; at the end the console is empty and no request left the server."""
    opened = []

    def visit(**settings):
        opened.append(Page(browser, server.url, **settings))
        return opened[-1]

    yield visit
    for page in opened:
        page.context.close()
        assert all(url.startswith((server.url, "blob:")) for url in page.asked)
        assert [text for text in page.said if "400 (Bad Request)" not in text] == []


def download(page, act):
    with page.tab.expect_download() as waited:
        act()
    return waited.value.suggested_filename, waited.value.path().read_bytes()


def test_drop_three_files_hear_new_songs_swap_and_download(visit, songs, read_midi):
    page = visit()
    page.choose("tunes")
    page.drop(*(songs / f"My tune {number}.mid" for number in range(3)))
    page.until("document.querySelectorAll('#support li').length == 3")
    assert page.titles() == ["My tune 0", "My tune 1", "My tune 2"]
    page.tab.fill("#length", "40")
    page.tab.click("#write")
    page.until("player.level() > 0.001 && player.context.state == 'running'")
    page.written()
    assert page.titles("#samples") == ["Song 1", "Song 2", "Song 3", "Song 4"]
    first = page.tab.locator("#samples .facts").first.text_content()
    assert "40 notes" in first
    assert "3 support songs" in first
    page.tab.locator("#samples .play").first.click()
    page.until("player.level() < 0.001 || player.song !== null")

    name, data = download(page, lambda: page.tab.get_by_label("Download Song 1 as .mid").click())
    assert name.endswith("-seed0.mid")
    notes = [note for part in read_midi(data).instruments for note in part.notes]
    assert len(notes) == 40

    with page.tab.expect_file_chooser() as chooser:
        page.tab.get_by_label("Swap My tune 1 for another song").click()
    chooser.value.set_files(songs / "My tune 3.mid")
    page.until("[...document.querySelectorAll('#support h3')].some(one => one.textContent == 'My tune 3')")
    page.until("document.querySelectorAll('#support li').length == 3")
    assert page.titles() == ["My tune 0", "My tune 3", "My tune 2"]
    page.tab.fill("#seed", "0")
    page.tab.click("#write")
    page.until("document.querySelectorAll('#samples li').length == 8")
    page.written()
    _, other = download(page, lambda: page.tab.get_by_label("Download Song 5 as .mid").click())
    pitches = [
        {note.pitch for part in read_midi(one).instruments for note in part.notes} for one in (data, other)
    ]
    assert max(pitches[0]) <= 67 < max(pitches[1])  # only the new support song is that high


def test_the_wav_and_everything(visit, songs, read_midi):
    page = visit()
    page.choose("tunes")
    page.drop(songs / "My tune 0.mid")
    page.tab.fill("#length", "20")
    page.tab.uncheck("#listen")
    page.until("document.querySelectorAll('#support li').length == 1")
    page.tab.click("#write")
    page.written()
    name, data = download(page, lambda: page.tab.click("#zip"))
    assert name == "fsdl-bench-songs.zip"
    with zipfile.ZipFile(io.BytesIO(data)) as zipped:
        files = {name: zipped.read(name) for name in zipped.namelist()}
    midi = next(data for name, data in sorted(files.items()) if name.endswith("seed0.mid"))
    sound = next(data for name, data in sorted(files.items()) if name.endswith("seed0.wav"))
    assert {"settings.json", "support/01-My-tune-0.mid"} < set(files)
    with wave.open(io.BytesIO(sound)) as heard:
        seconds = heard.getnframes() / heard.getframerate()
        samples = np.frombuffer(heard.readframes(heard.getnframes()), "<i2")
    assert seconds > read_midi(midi).get_end_time()
    assert np.abs(samples).max() > 300


def test_words_come_one_after_the_other_and_take_colours(visit, songs):
    page = visit()
    page.choose("verses")
    page.drop(*(songs / f"My verse {number}.txt" for number in range(3)))
    page.until("document.querySelectorAll('#support li').length == 3")
    page.tab.fill("#length", "40")
    page.tab.click("#write")
    page.written()
    plain = page.tab.locator("#samples .text").first.text_content()
    assert len(plain.split()) > 3
    page.tab.get_by_label("What your songs changed").check()
    page.until("document.querySelectorAll('#samples .text')[0].querySelectorAll('span').length > 3")
    assert page.tab.locator("#samples .text").first.text_content() == plain
    colours = page.tab.locator("#samples .text span").evaluate_all(
        "all => all.map(one => one.style.backgroundColor)"
    )
    assert len(set(colours)) > 2


def test_with_the_keyboard_alone(visit, songs):
    page = visit()
    page.choose("tunes")
    page.drop(songs / "My tune 0.mid")
    page.until("document.querySelectorAll('#support li').length == 1")
    page.tab.evaluate("document.getElementById('length').value = 20")
    keys, reached = page.tab.keyboard, []
    keys.press("Tab")
    for _ in range(30):
        reached.append(page.tab.evaluate("document.activeElement.id || document.activeElement.ariaLabel"))
        if reached[-1] == "write":
            break
        assert page.tab.evaluate("document.activeElement.matches(':focus-visible')"), reached
        keys.press("Tab")
    assert {"track", "model", "files", "artist", "Play My tune 0", "Remove My tune 0"} <= set(reached)
    keys.press("Enter")
    page.until("player.level() > 0.001")
    page.written()
    page.tab.get_by_label("Play Song 2", exact=True).focus()
    keys.press("Space")
    page.until("player.song && player.song.title == 'Song 2'")
    keys.press("Space")
    page.until("!player.song")


@pytest.mark.parametrize("width", [390, 768, 1280, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen(visit, songs, width, scheme):
    page = visit(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.choose("tunes")
    page.drop(songs / "My tune 0.mid")
    page.until("document.querySelectorAll('#support li').length == 1")
    assert page.tab.evaluate("document.documentElement.scrollWidth") <= width
    outside = page.tab.evaluate(
        "[...document.querySelectorAll('main *, header *')].filter(one => one.offsetParent && "
        "one.getBoundingClientRect().right > innerWidth + 0.5).map(one => one.id || one.className)"
    )
    assert outside == []


def test_ten_files_at_once_a_broken_one_and_a_large_one(visit, songs, tmp_path):
    page = visit()
    page.choose("tunes")
    ten = []
    for number in range(10):
        ten.append(tmp_path / f"copy {number}.mid")
        ten[-1].write_bytes((songs / f"My tune {number % 4}.mid").read_bytes())
    page.drop(*ten)
    page.until("document.querySelectorAll('#support li').length == 10")
    assert page.titles() == [f"copy {number}" for number in range(10)]
    page.drop(songs / "broken.mid")
    page.until("document.getElementById('error').textContent.startsWith('broken.mid: ')")
    page.tab.set_input_files("#files", songs / "large.mid")
    page.until("document.getElementById('error').textContent.startsWith('large.mid: the file is too large')")
    assert len(page.titles()) == 10


def test_the_server_is_killed_and_comes_back(browser, start_server, songs):
    server = start_server()
    page = Page(browser, server.url)
    page.choose("tunes")
    page.drop(songs / "My tune 0.mid")
    page.until("document.querySelectorAll('#support li').length == 1")
    page.until("document.getElementById('status').textContent.includes('is ready')")
    page.tab.fill("#length", "1000")
    page.tab.click("#write")
    page.until("document.querySelectorAll('#samples li').length > 0")
    server.kill()
    page.until("document.getElementById('error').textContent.includes('Start `fsdl-bench play` again')")
    assert page.tab.is_enabled("#write")
    start_server(server.port)
    page.tab.fill("#length", "20")
    page.tab.click("#write")
    page.written()
    assert page.titles() == ["My tune 0"]
    page.context.close()
