"""What a visitor chooses in a real browser: measure, search, columns, two models; the address keeps it."""

import pytest

from fsdl_bench.site.formats import number

PAGE = "tracks/lyrics-synthetic.html"
TABLE = "#independent-table"


@pytest.fixture(scope="module")
def board(built):
    (track,) = [one for one in built[0].tracks if one.name == "lyrics-synthetic"]
    return track.boards[0]


def _ranked(tab):
    rows = tab.locator(f"{TABLE} tbody.ranked tr:visible")
    return rows.evaluate_all("rows => rows.map(row => [row.dataset.model, row.cells[0].textContent])")


def test_ranks_by_gain_and_by_wrong_minus_right(visit, board):
    tab = visit(PAGE)
    form = tab.locator("#independent form.controls")
    figures = {
        "gain": lambda entry: entry.at(5).gain.mean,
        "wrong − right": lambda entry: entry.result.aggregates.control.gain.mean,
    }
    for name, figure in figures.items():
        form.locator(".by label", has_text=name).click()
        order = sorted(board.of("ranked"), key=figure, reverse=True)
        assert _ranked(tab) == [[entry.slug, str(place)] for place, entry in enumerate(order, 1)]
        assert tab.locator(f"{TABLE} em.pill:visible").count() == 0, "ties are those of the NLL"


def test_search_verified_and_columns(visit):
    tab = visit(PAGE)
    form = tab.locator("#independent form.controls")
    form.get_by_label("Search").fill("hour twin")
    assert [slug for slug, _ in _ranked(tab)] == ["twin"]
    assert form.get_by_role("status").inner_text() == "1 of 5 models, 5 support songs"
    form.get_by_label("Search").fill("")
    form.get_by_label("verified only").check()
    assert _ranked(tab) == [], "no result of this board is in a list of verified ones"
    assert tab.locator(f"{TABLE} tbody:visible").count() == 0
    form.get_by_label("verified only").uncheck()
    form.locator("summary").click()
    for name, key in (("adaptation", "adapt"), ("parameters", "parameters")):
        head = tab.locator(f"{TABLE} th[data-key={key}]")
        was = head.is_visible()
        form.get_by_label(name, exact=True).click()
        assert head.is_visible() is not was
    cells = "row => [...row.cells].filter(cell => !cell.hidden).length"
    rows = tab.locator(f"{TABLE} tbody.ranked tr, {TABLE} thead tr").evaluate_all(
        f"rows => rows.map({cells})"
    )
    assert len(set(rows)) == 1


def test_the_address_keeps_the_state(visit, board):
    tab = visit(PAGE)
    form = tab.locator("#independent form.controls")
    assert "?" not in tab.url
    form.locator(".shots label", has_text="20").click()
    form.get_by_label("Budget class").select_option("hour")
    form.get_by_label("Search").fill("t")
    tab.locator(f"{TABLE} th[data-key=gain] button.sort").click()
    kept = tab.url.partition("?")[2]
    shown = tab.locator(TABLE).inner_text()
    again = visit(f"{PAGE}?{kept}")
    assert again.locator(TABLE).inner_text() == shown
    twin = next(entry for entry in board.entries if entry.slug == "twin")
    assert number(twin.at(20).nll.mean) in shown
    assert again.locator(f"{TABLE} th[aria-sort=descending]").get_attribute("data-key") == "gain"
    assert "?" not in visit(f"{PAGE}?k=99&sort=none&class=none").url, "what does not exist is left out"


def test_two_models_side_by_side(visit, board):
    tab = visit("compare/lyrics-synthetic.html?protocol=independent&a=lstm&b=tuned")
    one, two = (next(entry for entry in board.entries if entry.slug == name) for name in ("lstm", "tuned"))
    differences = {
        line.artist: line.nll - other.nll
        for line in one.artists
        for other in two.artists
        if line.artist == other.artist
    }
    mean = sum(differences.values()) / len(differences)
    songs = sum(v < w for v, w in zip(one.song_nll, two.song_nll, strict=True))
    said = tab.locator(".verdict").inner_text()
    assert said.startswith(f"tuned is ahead by {mean:.4f} ±")
    won = sum(difference < 0 for difference in differences.values())
    assert f"lstm has the lower NLL for {won} of 8 artists and {songs} of 32 songs." in said
    assert tab.locator("#comparison .line").count() == 2
    artist = max(differences, key=differences.get)
    assert number(differences[artist], True) in tab.get_by_role("row", name=artist.title()).first.inner_text()
    tab.locator("select[name=b]").select_option("twin")
    assert tab.url.endswith("protocol=independent&a=lstm&b=twin")
    tab.locator(".verdict", has_text="twin is ahead").wait_for()  # its figures are loaded after the choice


def test_terms_are_explained_in_place(visit):
    tab = visit(PAGE)
    tab.get_by_role("button", name="What does “gain” mean?").first.click()
    assert "Positive: the support helps" in tab.locator("#term-gain").inner_text()


def test_the_piano_roll_sounds(visit):
    tab = visit("index.html")
    button = tab.locator("button.play").first
    button.click()
    tab.wait_for_selector(".roll .on")
    assert button.inner_text() == "Stop"
    button.click()
    assert tab.locator(".roll .on").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_reports_nothing(visit, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    for page in (
        "index.html",
        PAGE,
        "models/midi-scores/memory.html",
        "models/lyrics-synthetic/tuned.html",
        "artists/lyrics-synthetic/artist-00.html",
        "compare/lyrics-synthetic.html",
        "removals.html",
    ):
        found = axe.Axe().run(visit(page, color_scheme=scheme), options={"preload": False})
        assert found.violations_count == 0, found.generate_report()
