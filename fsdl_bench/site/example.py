"""The example on the first page: two support songs, and a query song with what the support made easier.

`python -m fsdl_bench.site.example TRACK` computes one with shipped weights and writes
`fsdl_bench/site/examples/TRACK.json`, which names the command.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsdl_bench.frozen import Frozen
from fsdl_bench.songs import Kind

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from fsdl_bench.codecs.base import Codec, Tokens
    from fsdl_bench.submissions.session import LocalSession
    from fsdl_bench.tracks.views import TrackSong

EXAMPLES = Path(__file__).parent / "examples"
SHOTS = 2
SECONDS = 24.0
"""The length of the piece that the example shows."""

MOST_LINES = 16
MOST_BYTES = 700
"""Lyrics with more lines or bytes are too long for the first page."""


class Part(Frozen):
    """A word with the space before it, or a note: its gain is its NLL in nats without minus with support."""

    gain: float
    text: str = ""
    start: float = 0.0
    end: float = 0.0
    pitch: int = 0


class ExampleSong(Frozen):
    """A song of the example; the gains of a support song are 0."""

    title: str
    parts: tuple[Part, ...]


class Example(Frozen):
    """The content of an example's file.

    Attributes:
        command: what computed it.
        zero: the NLL of the whole query song without support, in nats per token.
        adapted: the same with support.
        choice: how the song was chosen.
    """

    command: str
    track: str
    track_digest: str
    kind: Kind
    model: str
    artist: str
    choice: str
    zero: float
    adapted: float
    support: tuple[ExampleSong, ...]
    query: ExampleSong


def examples() -> list[Example]:
    """Return the examples that come with the package, lyrics first."""
    found = [Example.model_validate_json(path.read_bytes()) for path in sorted(EXAMPLES.glob("*.json"))]
    return sorted(found, key=lambda one: one.kind)


def make(track: str, submission: str, settings: tuple[str, ...], source: str) -> Example:
    """Return the example with the largest gain per token among the test episodes whose songs are short."""
    from fsdl_bench.progress import bar, note
    from fsdl_bench.submissions.fitting import fitted
    from fsdl_bench.submissions.session import LocalSession
    from fsdl_bench.submissions.setup import set_up

    setup = set_up(submission, track, settings=settings, device="cpu")
    context = setup.context(0, lambda line: note(str(line), True))
    session = LocalSession(fitted(setup, context).make(), context, setup.sealed)
    best: tuple[float, Any] = (0.0, None)
    candidates = list(_candidates(setup.track, source))
    for support, query in bar("scoring", "song", True, candidates):
        without, given = _nats(session, (), query), _nats(session, [s.tokens for s in support], query)
        gain = float((without - given).mean())
        if gain > best[0]:
            best = gain, (support, query, without, given)
    support, query, without, given = best[1]
    words = ["python", "-m", "fsdl_bench.site.example", track, "--submission", submission]
    words += [word for setting in settings for word in ("--set", setting)]
    words += ["--source", source] if source else []
    codec, short = setup.codec, "short " if setup.track.kind == "lyrics" else ""
    return Example(
        command=shlex.join(words),
        track=setup.track.name,
        track_digest=setup.track.digest,
        kind=setup.track.kind,
        model=submission.rpartition(":")[2],
        artist=query.artist,
        choice=f"the largest gain per token among {len(candidates)} {short}test songs",
        zero=float(without.mean()),
        adapted=float(given.mean()),
        support=tuple(ExampleSong(title=s.title, parts=_parts(codec, s, None)) for s in support),
        query=ExampleSong(title=query.title, parts=_parts(codec, query, without - given)),
    )


def _candidates(track: Any, source: str) -> Iterator[tuple[list[TrackSong], TrackSong]]:
    from fsdl_bench.episodes import evaluation_episodes

    for episode in evaluation_episodes(track.test, track.definition):
        support = list(episode.at(SHOTS))
        for query in episode.query:
            songs = [*support, query]
            if source and any(song.source != source for song in songs):
                continue
            if track.kind == "lyrics":
                if all(len(s.text) <= MOST_BYTES and s.text.count("\n") < MOST_LINES for s in songs):
                    yield support, query
            elif episode.index == 0:
                yield support, query


def _nats(session: LocalSession, support: Any, query: TrackSong) -> npt.NDArray[np.float64]:
    """-log p of each token of the query song [T]."""
    session.adapt(support, 0)
    scores = session.scores([query.tokens])[0].double().log_softmax(-1).numpy()
    found: npt.NDArray[np.float64] = -scores[range(len(query.tokens)), query.tokens.astype(int)]
    return found


def _parts(codec: Codec, song: TrackSong, gains: npt.NDArray[np.float64] | None) -> tuple[Part, ...]:
    import numpy as np

    found = np.zeros(len(song.tokens)) if gains is None else gains
    return tuple(_words(codec, song.tokens, found) if codec.kind == "lyrics" else _notes(song, codec, found))


def _words(codec: Codec, tokens: Tokens, gains: npt.NDArray[np.float64]) -> Iterator[Part]:
    """The words of a text, each with the sum of its tokens' gains."""
    from fsdl_bench.generation.by_word import by_word

    for text, (gain,) in by_word(codec, tokens, [gains]):
        yield Part(text=text, gain=round(float(gain), 3))


def _notes(song: TrackSong, codec: Codec, gains: npt.NDArray[np.float64]) -> Iterator[Part]:
    """The first notes, each with the sum of its tokens' gains."""
    import numpy as np

    from fsdl_bench.generation.by_note import by_note

    sums, notes = by_note(codec, song.tokens, gains), song.notes
    order = np.lexsort((notes.pitch, notes.family, notes.start))
    for number, index in enumerate(order):
        if notes.start[index] < SECONDS:
            yield Part(
                gain=round(float(sums[number]), 3),
                start=round(float(notes.start[index]), 2),
                end=round(min(float(notes.end[index]), SECONDS), 2),
                pitch=int(notes.pitch[index]),
            )


def main() -> None:
    """Read the command line and write the example."""
    from fsdl_bench.paths import atomic_write

    parser = argparse.ArgumentParser(prog="python -m fsdl_bench.site.example", description=__doc__)
    parser.add_argument("track")
    parser.add_argument("--submission", required=True)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--source", default="", help="Take songs of this source only.")
    options = parser.parse_args()
    found = make(options.track, options.submission, tuple(options.set), options.source)
    EXAMPLES.mkdir(exist_ok=True)
    atomic_write(EXAMPLES / f"{found.track}.json", found.model_dump_json(exclude_defaults=True) + "\n")


if __name__ == "__main__":
    main()
