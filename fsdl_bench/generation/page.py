"""Render `index.html`: samples, then the support, side by side. The page needs no script and no network."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template

from fsdl_bench.generation.record import EpisodeRecord, GeneratedSamples, SampleRecord, SongRecord

_PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
$style
</style>
</head>
<body>
<header>
<h1>$title</h1>
<p>$summary</p>
</header>
<main>
$episodes
</main>
<footer>
<p>$footer</p>
</footer>
</body>
</html>
""")

_EPISODE = Template("""\
<section class="episode" aria-label="$name">
$heading
<div class="sides">
<section aria-labelledby="samples-$number">
<h3 id="samples-$number">$written</h3>
$samples
</section>
<section aria-labelledby="support-$number">
<h3 id="support-$number">$given</h3>
$support
</section>
</div>
</section>""")

_SONG = Template("""\
<article>
<h4>$title</h4>
<p class="facts">$facts</p>
$body
</article>""")

_STYLE = """\
:root { --ink: #1f2328; --quiet: #59636e; --paper: #f6f7f9; --card: #fff; --line: #d9dce1; --link: #0b57b0 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --quiet: #9aa4af; --paper: #14171b; --card: #1d2126; --line: #343a42 }
  :root { --link: #7cb3f5 }
  img { filter: invert(0.885) hue-rotate(180deg) }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
header, main, footer { max-width: 84rem; margin: 0 auto; padding: 0 1.25rem }
header { padding-top: 1.5rem }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 0.4rem }
h2 { font-size: 1.3rem; margin: 2rem 0 0 }
h3 { font-size: 1rem; margin: 1.25rem 0 0.6rem; color: var(--quiet) }
h4 { font-size: 1.05rem; margin: 0; overflow-wrap: anywhere }
header p, footer p, .facts { color: var(--quiet); margin: 0; font-size: 0.9rem; overflow-wrap: anywhere }
.facts { margin-bottom: 0.6rem }
.sides { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 1.5rem }
@media (max-width: 52rem) { .sides { grid-template-columns: minmax(0, 1fr); gap: 0 } }
article { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 0.9rem 1rem }
article + article { margin-top: 1rem }
audio { display: block; width: 100%; height: 2.5rem; margin-bottom: 0.6rem }
img { display: block; width: 100%; height: auto; border-radius: 4px }
pre { font: inherit; margin: 0; white-space: pre-wrap; overflow-wrap: anywhere }
a { color: var(--link) }
a:focus-visible, audio:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
footer { padding: 1.5rem 1.25rem 2.5rem }"""


def render(samples: GeneratedSamples, folder: Path) -> str:
    """Return the HTML of the page for the folder with the files of `samples`."""
    count = sum(len(episode.samples) for episode in samples.episodes)
    limit = (
        f"at most {samples.max_notes} notes"
        if samples.max_notes is not None
        else f"at most {samples.max_tokens} tokens"
    )
    return _PAGE.substitute(
        title=escape(f"{counted(count, 'new song')} by {samples.model}"),
        style=_STYLE,
        summary=escape(
            f"Model trained on {samples.track} and adapted to the support songs. "
            f"Temperature {samples.temperature:g}, top-p {samples.top_p:g}, {limit}."
        ),
        episodes="\n".join(
            _episode(episode, number, samples, folder) for number, episode in enumerate(samples.episodes, 1)
        ),
        footer=escape(
            "Written by fsdl-bench. samples.json contains everything on this page. "
            f"nats/{samples.unit}: -log p of a sample under the adapted model, per {samples.unit}."
            + (
                " The player has a simple preview; the .mid file is the song."
                if samples.kind == "midi"
                else ""
            )
        ),
    )


def _episode(episode: EpisodeRecord, number: int, samples: GeneratedSamples, folder: Path) -> str:
    place = "" if episode.index is None else f", test episode {episode.index}"
    name = escape(episode.artist + place)
    given = counted(len(episode.support), "support song")
    return _EPISODE.substitute(
        number=number,
        name=name,
        heading=f"<h2>{name}</h2>" if episode.index is not None else "<h2>Your songs</h2>",
        given=f"{given}, as given to the model" if episode.support else "No support: the trained model",
        written=counted(len(episode.samples), "sample"),
        support="\n".join(_song(song, samples, folder) for song in episode.support),
        samples="\n".join(_song(song, samples, folder) for song in episode.samples),
    )


def _song(song: SongRecord, samples: GeneratedSamples, folder: Path) -> str:
    facts = [counted(song.units, samples.unit)]
    if isinstance(song, SampleRecord):
        facts += [f"{song.nats_per_unit:.2f} nats/{samples.unit}", f"seed {song.seed}"]
        facts += [] if song.ended else ["ended by the limit"]
    title = escape(song.title, quote=True)
    files = {kind: escape(name, quote=True) for kind, name in song.files.items()}
    links = "".join(
        f' &middot; <a href="{files[kind]}">.{kind}</a>' for kind in ("mid", "txt") if kind in files
    )
    body = []
    if "wav" in files:
        body.append(f'<audio controls preload="metadata" src="{files["wav"]}" aria-label="{title}"></audio>')
    if "png" in files:
        alt = f"Piano roll of {title}: {facts[0]}"
        body.append(f'<a href="{files["png"]}"><img src="{files["png"]}" loading="lazy" alt="{alt}"></a>')
    if "txt" in files:
        text = (folder / song.files["txt"]).read_text("utf-8")
        body.append(f"<pre>{escape(text.rstrip())}</pre>")
    return _SONG.substitute(title=title, facts=escape(", ".join(facts)) + links, body="\n".join(body))


def counted(count: int, what: str) -> str:
    """Return a number with its noun: "1 track", "2 tracks", "1,200 notes"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
