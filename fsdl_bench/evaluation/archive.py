"""Songs of an episode as a small file: `compress` writes it, `decompress` restores the songs from it.

    {"format": ..., "track": ..., "artist": ..., ..., "cut": [...]}\\n   then the words of the range coder

Both run the same submission on the same support. The file holds nothing else about the songs, and a checksum
of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import xxhash
from pydantic import ValidationError

from fsdl_bench.codecs.base import Tokens
from fsdl_bench.episodes import Episode, evaluation_episodes
from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation.cells import Cell
from fsdl_bench.evaluation.compression import Compressed, decode, encode
from fsdl_bench.frozen import Frozen
from fsdl_bench.paths import atomic_file
from fsdl_bench.placing import refuse_other_file
from fsdl_bench.progress import log
from fsdl_bench.submissions.box import fitted_in_child
from fsdl_bench.submissions.reveal import CellProcess, RevealSession
from fsdl_bench.submissions.setup import RunTrack, Setup, set_up

FORMAT = "fsdl-bench-songs-1"


class Header(Frozen):
    """The facts that `decompress` needs besides the bits.

    Attributes:
        format: the format of the file.
        track: the track's name.
        digest: the track's digest.
        artist: the artist's key.
        episode: the episode's index.
        shots: K, the number of support songs.
        seed: of the fit.
        songs: the number of songs.
        cut: see `Compressed`.
        checksum: XXH3-128 of all songs' tokens.
    """

    format: str
    track: str
    digest: str
    artist: str
    episode: int
    shots: int
    seed: int
    songs: int
    cut: tuple[bool, ...]
    checksum: str


def compress(
    submission: str,
    track: str | os.PathLike[str] | RunTrack,
    out: Path,
    *,
    artist: str,
    episode: int = 0,
    shots: int | None = None,
    seed: int = 0,
    settings: Sequence[str] = (),
) -> Compressed:
    """Compress the query songs of an episode with a submission, and write the file.

    Args:
        submission: as for `evaluate`.
        track: likewise.
        out: the file.
        artist: the key of a test artist.
        episode: the episode's index.
        shots: K; the headline shot by default.
        seed: of the fit.
        settings: `key=value` for the constructor.

    Raises:
        BadInput: `out` is another file, there is no such episode, constriction is not installed, or as
            `evaluate`.
    """
    refuse_other_file(out, "a new file, or an earlier one of compress", FORMAT.encode())
    setup = set_up(submission, track, settings=settings, isolate=True)
    definition = setup.track.definition
    count = definition.headline_shot if shots is None else shots
    if count not in definition.shots:
        raise BadInput(f"--shots: expected one of {', '.join(map(str, definition.shots))}, found {count}")
    cell = Cell(_episode(setup, artist, episode), count, "right")
    with _adapted(setup, cell, seed) as process:
        found = encode([(process, cell.queries)], setup.codec)
    header = Header(
        format=FORMAT,
        track=setup.track.name,
        digest=setup.track.digest,
        artist=artist,
        episode=episode,
        shots=count,
        seed=seed,
        songs=len(cell.queries),
        cut=found.cut,
        checksum=_checksum(cell.queries),
    )
    with atomic_file(out) as temporary:
        temporary.write_bytes(header.model_dump_json().encode() + b"\n" + found.words.astype("<u4").tobytes())
    return found


def decompress(
    path: Path,
    submission: str,
    *,
    track: str | os.PathLike[str] | RunTrack = "",
    settings: Sequence[str] = (),
) -> tuple[Setup, list[Tokens]]:
    """Restore the songs of a file that `compress` wrote, with the same submission.

    Args:
        path: the file.
        submission: as for `evaluate`.
        track: the built track; as the file says by default.
        settings: `key=value` for the constructor.

    Returns:
        The setup, whose codec decodes the songs, and the songs: uint16 [T] each.

    Raises:
        BadInput: the file is damaged, or of another track or submission; or as `evaluate`.
    """
    header, words = _read(path)
    setup = set_up(submission, track or header.track, settings=settings, isolate=True)
    if setup.track.digest != header.digest:
        raise BadInput(
            f"{path}: the songs are of {header.track} with digest {header.digest[:16]}, found the digest "
            f"{setup.track.digest[:16]}"
        )
    cell = Cell(_episode(setup, header.artist, header.episode), header.shots, "right")
    with _adapted(setup, cell, header.seed) as process:
        (songs,) = decode([(process, header.songs)], Compressed(words, header.cut, 0.0), setup.codec)
    if _checksum(songs) != header.checksum:
        raise BadInput(
            f"{path}: other songs were restored than were compressed; was it another submission, another "
            "machine or another version of torch?"
        )
    return setup, songs


def _read(path: Path) -> tuple[Header, np.ndarray[tuple[int], np.dtype[np.uint32]]]:
    try:
        head, _, body = path.read_bytes().partition(b"\n")
        header = Header.model_validate_json(head)
    except (OSError, ValidationError) as error:
        raise BadInput(f"{path}: expected a file that `fsdl-bench compress` wrote: {error}") from None
    if header.format != FORMAT or len(body) % 4:
        raise BadInput(f"{path}: expected the format {FORMAT} with whole words, found {header.format!r}")
    return header, np.frombuffer(body, "<u4").astype(np.uint32)


def _episode(setup: Setup, artist: str, index: int) -> Episode:
    episodes = evaluation_episodes(setup.track["test"], setup.track.definition)
    for episode in episodes:
        if (episode.artist, episode.index) == (artist, index):
            return episode
    names = sorted({episode.artist for episode in episodes})
    raise BadInput(
        f"--artist {artist!r}, --episode {index}: no such episode; test artists are {', '.join(names[:5])}, "
        f"... ({len(names)} in all)"
    )


@contextmanager
def _adapted(setup: Setup, cell: Cell, seed: int) -> Iterator[CellProcess]:
    context = setup.context(seed, log)
    session = RevealSession(setup, context, fitted_in_child(setup, context))
    try:
        with session.cell(cell.support, cell.seed(seed)) as process:
            yield process
    finally:
        session.close()


def _checksum(songs: Sequence[Tokens]) -> str:
    state = xxhash.xxh3_128()
    for song in songs:
        state.update(len(song).to_bytes(4, "little") + song.astype("<u2").tobytes())
    return state.hexdigest()
