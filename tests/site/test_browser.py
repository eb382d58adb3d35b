"""The pages in a real browser, opened as files: sort, filter, shots, charts, samples, themes, keyboard."""

import re

import pytest

from fsdl_bench.site.formats import number


@pytest.fixture(scope="module")
def board(built):
    (track,) = [one for one in built[0].tracks if one.name == "lyrics-synthetic"]
    return track.boards[0]


TABLE = "#independent-table"


def _models(tab):
    return tab.locator(f"{TABLE} tbody.ranked tr:visible th a:first-child").evaluate_all(
        "links => links.filter(a => !a.closest('small')).map(a => a.textContent)"
    )


def test_sorting_by_a_column(visit, board):
    tab = visit("tracks/lyrics-synthetic.html")
    ranked = [entry.slug for entry in board.of("ranked")]
    assert _models(tab) == ranked
    head = tab.locator(f"{TABLE} th[data-key=parameters]")
    for order, back in (("ascending", False), ("descending", True)):
        head.locator("button.sort").click()
        assert head.get_attribute("aria-sort") == order
        by_size = sorted(
            board.of("ranked"), key=lambda entry: entry.result.submission.parameters, reverse=back
        )
        assert _models(tab) == [entry.slug for entry in by_size]
    assert tab.locator(f"{TABLE} th[aria-sort]").count() == 1


def test_sorting_by_keyboard(visit, board):
    tab = visit("tracks/lyrics-synthetic.html")
    tab.locator(f"{TABLE} th[data-key=gain] button.sort").focus()
    tab.keyboard.press("Enter")
    by_gain = sorted(board.of("ranked"), key=lambda entry: -entry.at(5).gain.mean)
    assert _models(tab) == [entry.slug for entry in by_gain]
    assert tab.locator(f"{TABLE} tbody.reference tr").first.inner_text().startswith("For reference")


def test_filtering_by_family(visit):
    tab = visit("tracks/lyrics-synthetic.html")
    panel = tab.locator("#independent form.controls")
    panel.get_by_label("Family").select_option("fine-tuning")
    assert _models(tab) == ["tuned"]
    assert panel.get_by_role("status").inner_text() == "1 of 5 models, 5 support songs"
    panel.get_by_label("Family").select_option("")
    assert len(_models(tab)) == 3


def test_filtering_by_budget_class_ranks_anew(visit, board):
    tab = visit("tracks/lyrics-synthetic.html")
    panel = tab.locator("#independent form.controls")

    def ranks():
        return tab.locator(f"{TABLE} tbody.ranked tr:visible td.rank").all_inner_texts()

    for budget, shown in (("hour", 2), ("quarter-hour", 1), ("open", 3)):
        panel.get_by_label("Budget class").select_option(budget)
        for shots in (0, 5):
            tab.locator("#independent .shots label", has_text=re.compile(f"^{shots}$")).click()
            own = [entry for entry in board.of("ranked") if entry.placing(shots).among(budget)]
            own.sort(key=lambda entry: entry.placing(shots).among(budget).rank)
            assert _models(tab) == [entry.slug for entry in own]
            assert ranks() == [str(place) for place in range(1, shown + 1)]
            assert tab.locator(f"{TABLE} tbody.ranked em.pill.best:visible").count() == 1
    panel.get_by_label("Budget class").select_option("hour")
    panel.get_by_label("Family").select_option("static")
    assert (_models(tab), ranks()) == (["lstm"], ["2"])


def test_changing_the_number_of_shots(visit, board):
    tab = visit("tracks/lyrics-synthetic.html")
    row = tab.locator(f"{TABLE} tr[data-model=tuned]")
    entry = next(entry for entry in board.entries if entry.slug == "tuned")
    assert number(entry.at(5).nll.mean) in row.inner_text()
    for shots in (20, 0):
        tab.locator("#independent .shots label", has_text=re.compile(f"^{shots}$")).click()
        text = row.inner_text()
        assert number(entry.at(shots).nll.mean) in text
        assert number(entry.at(5).nll.mean) not in text
        assert _models(tab) == [
            one.slug for one in sorted(board.of("ranked"), key=lambda one: one.placing(shots).rank)
        ]
    assert tab.locator(f"{TABLE} caption").inner_text().count("0 support songs") == 1


def test_opening_a_model(visit):
    tab = visit("index.html")
    tab.get_by_role("link", name="tuned", exact=True).click()
    assert tab.locator("h1").inner_text() == "tuned"
    assert tab.locator("section.protocol").count() == 2, "both protocols on one page"
    assert "fsdl-bench evaluate --submission baselines/ngram.py" in tab.locator("pre").first.inner_text()


def test_reading_a_value_from_a_chart(visit, board):
    tab = visit("tracks/lyrics-synthetic.html")
    chart = tab.locator("[data-chart=independent-gain]")
    entry = next(entry for entry in board.entries if entry.slug == "tuned")
    marks = chart.locator("[data-model=tuned] .mark")
    chart.locator("[data-model=tuned] .label").hover()  # a mark may lie below another, a name never does
    wanted = f"tuned, 20 shots: {entry.at(20).gain.text()} bits per byte"
    assert chart.locator(".readout").inner_text() == wanted
    assert marks.last.locator("title").text_content() == wanted, "the same without a script"
    chart.locator(".mark[tabindex='0']").focus()
    first = chart.locator(".readout").inner_text()
    tab.keyboard.press("ArrowRight")
    second = chart.locator(".readout").inner_text()
    assert (first.split(":")[0].split(", ")[1], second.split(":")[0].split(", ")[1]) == ("0 shots", "1 shot")
    assert chart.locator(".mark[tabindex='0']").count() == 1


def test_playing_a_sample(visit):
    tab = visit("models/midi-scores/memory.html")
    sound = tab.locator("#samples audio").last
    played = sound.evaluate(
        "async a => { a.muted = true; await a.play();"
        " await new Promise(done => a.addEventListener('timeupdate', done, {once: true}));"
        " return [a.duration, a.error] }"
    )
    assert played == [0.5, None]
    picture = tab.locator("#samples img").first
    picture.scroll_into_view_if_needed()
    picture.evaluate("i => i.decode()")
    assert picture.evaluate("i => i.naturalWidth") == 1


def test_the_theme_is_kept(visit, built):
    tab = visit("index.html", color_scheme="light")

    def paper():
        return tab.evaluate("getComputedStyle(document.body).backgroundColor")

    light = paper()
    tab.get_by_role("button", name="Switch between").click()
    dark = paper()
    assert dark != light
    tab.goto((built[1] / "removals.html").as_uri())
    assert paper() == dark
    assert (
        visit("index.html", color_scheme="dark").evaluate("getComputedStyle(document.body).backgroundColor")
        == dark
    ), "and without a choice the system's is taken"


@pytest.mark.parametrize("width", [390, 1280])
def test_pages_fit_the_screen(visit, built, width):
    for page in ("index.html", "removals.html", "tracks/midi-scores.html", "models/midi-scores/memory.html"):
        tab = visit(page, viewport={"width": width, "height": 800})
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, page


def test_without_scripts(visit, board):
    tab = visit("tracks/lyrics-synthetic.html", java_script_enabled=False)
    row = tab.locator(f"{TABLE} tr[data-model=tuned]")
    entry = next(entry for entry in board.entries if entry.slug == "tuned")
    assert number(entry.at(5).nll.mean) in row.inner_text()
    assert number(entry.at(20).nll.mean) not in row.inner_text(), "the headline shot only"
    assert not tab.locator(".controls").first.is_visible()
    assert tab.locator("[data-chart=independent-nll] polyline").count() >= 3
    tab.locator("[data-chart=independent-nll] summary").click()
    assert entry.at(1).nll.text() in tab.locator("[data-chart=independent-nll] details").inner_text()
