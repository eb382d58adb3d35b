"""A page with a model that has fewer numbers of shots than the others."""

import re

from fsdl_bench.site.render import build_site

TABLE = "#independent-table"


def test_a_model_without_some_shots(fake, browser, listen, tmp_path, own_home):
    folder = tmp_path / "results"
    for name, changes in {"lstm": {"gain": 0.0}, "tuned": {}, "few": {"level": 1.3, "shots": (0, 5)}}.items():
        fake(folder / "lyrics-synthetic" / f"{name}.json", name, **changes)
    build_site(folder, tmp_path / "site", progress=False)
    context = browser.new_context()
    tab = context.new_page()
    listen(tab)
    tab.goto((tmp_path / "site" / "tracks" / "lyrics-synthetic.html").as_uri())

    def models():
        return tab.locator(f"{TABLE} tbody tr[data-model]:visible").evaluate_all(
            "rows => rows.map(r => r.dataset.model)"
        )

    assert models() == ["few", "tuned", "lstm"]
    tab.locator("#independent .shots label", has_text=re.compile("^20$")).click()
    row = tab.locator(f"{TABLE} tr[data-model=few]")
    assert models() == ["tuned", "lstm", "few"]
    assert row.locator("td").first.inner_text().strip() in ("", "–")
    assert "–" in row.inner_text()
    tab.locator("#independent .shots label", has_text=re.compile("^0$")).click()
    assert models()[0] == "few"
    tab.get_by_role("link", name="few", exact=True).click()
    assert "--shots 0,5" in tab.locator("pre").first.inner_text()
    context.close()
