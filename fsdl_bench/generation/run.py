"""Write new songs given the songs of one artist: fit or load the cached fit, adapt, sample, write files.

    support ──adapt──▶ Predictor ──sample──▶ .mid .png .wav | .txt, samples.json, index.html

The submission is loaded, fitted and adapted by the same functions as in an evaluation, so the fit of an
evaluation is reused. The folder is replaced in one step at the end.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fsdl_bench.codecs.base import EOS, Codec, Tokens
from fsdl_bench.errors import BadInput
from fsdl_bench.generation.page import render
from fsdl_bench.generation.ready import ready_models
from fsdl_bench.generation.record import (
    NAME,
    EpisodeRecord,
    GeneratedSamples,
    SampleRecord,
    SongRecord,
)
from fsdl_bench.generation.sampler import SLOW, draw
from fsdl_bench.generation.settings import Sampling
from fsdl_bench.generation.support import Support, find_supports
from fsdl_bench.generation.writing import PAGE, Preview, check_out, write_song
from fsdl_bench.paths import atomic_directory, atomic_write
from fsdl_bench.progress import bar, note
from fsdl_bench.submissions.contract import SupportsStream
from fsdl_bench.submissions.fitting import fitted
from fsdl_bench.submissions.session import LocalSession
from fsdl_bench.submissions.setup import set_up
from fsdl_bench.submissions.streams import open_stream
from fsdl_bench.tracks.track import load_track


def generate(
    submission: str | os.PathLike[str] | None,
    track: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    support: Sequence[str | os.PathLike[str]] = (),
    episodes: Sequence[str] = (),
    shots: int | None = None,
    n: int = 4,
    settings: str | Sequence[str] | Mapping[str, Any] = (),
    temperature: float = 1.0,
    top_p: float = 1.0,
    seed: int = 0,
    max_notes: int | None = None,
    max_tokens: int | None = None,
    fit_seed: int = 0,
    refit: bool = False,
    device: str = "cpu",
    name: str = "",
    preview_seconds: float = 30.0,
    preview_rate: int = 22_050,
    keep_instruments: bool = False,
    progress: bool = True,
) -> GeneratedSamples:
    """Adapt a submission to some songs and write new ones into a folder.

    Args:
        submission: `path.py`, `path.py:ClassName`, `package.module:ClassName` or `fsdl_bench:MODEL`. None for
            the reference model that is ready first on the track (`ready.py`), with its settings.
        track: the name or the folder of the built track that the model is fitted on.
        out: the folder: new, empty, or written by an earlier call.
        support: files and folders of the user's songs.
        episodes: frozen test episodes instead of `support`: `ARTIST` or `ARTIST:INDEX`.
        shots: the number of support songs of each episode; the track's headline shot by default.
        n: the number of songs for each support. Song i is sampled with seed `seed` + i.
        settings: `key=value` arguments of the submission's constructor, or a mapping.
        temperature: see `sample`.
        top_p: see `sample`.
        seed: the seed of the first song.
        max_notes: see `sample`.
        max_tokens: see `sample`.
        fit_seed: the seed of the fit, as in `evaluate`.
        refit: train again, without weights that ship and although a fit is cached.
        device: the device of the model.
        name: the model's name on the page; the submission's name by default.
        preview_seconds: the length of the `.wav` previews in seconds; 0 for none.
        preview_rate: the sample rate of the previews in Hz.
        keep_instruments: let only the instrument families of the support play, with the support's programs.
        progress: whether to show progress on stderr.

    Returns:
        The content of `samples.json` in the folder.

    Raises:
        BadInput: an argument is wrong, names something that does not exist, or the submission breaks the
            contract.
    """
    folder = Path(out).absolute()
    sampling = Sampling(temperature, top_p, max_notes, max_tokens)
    preview = Preview(preview_seconds, preview_rate)
    if n < 1 or seed < 0:
        raise BadInput(f"-n, --seed: expected at least 1 and at least 0, found {n} and {seed}")
    check_out(folder)
    if submission is None:
        if settings:
            raise BadInput("--set: only with --submission; the default model has the settings that ship")
        submission = f"fsdl_bench:{ready_models(load_track(track).name)[0]}"
        note(f"model: {submission}", progress)
    setup = set_up(submission, track, settings=settings, device=device)
    most_notes, most_tokens = sampling.limits(setup.codec)

    def log(line: str) -> None:
        note(str(line), progress)

    supports = find_supports(setup.track, fit_seed, support, episodes, shots, log)
    context = setup.context(fit_seed, log, refit=refit)
    fit = fitted(setup, context)
    session = LocalSession(fit.make(), context, setup.sealed)
    try:
        with atomic_directory(folder) as place:
            writer = _Writer(
                session, setup.codec, setup.device, sampling, preview, place, keep_instruments, progress
            )
            samples = GeneratedSamples(
                track=setup.track.name,
                track_digest=setup.track.digest,
                kind=setup.track.kind,
                unit=setup.codec.unit,
                model=name or session.facts.name,
                submission=setup.source,
                submission_sha256=setup.loaded.sha256,
                settings=setup.loaded.settings,
                fit_seed=fit_seed,
                temperature=temperature,
                top_p=top_p,
                max_notes=most_notes,
                max_tokens=most_tokens,
                keep_instruments=keep_instruments,
                episodes=tuple(writer.write(one, n, seed) for one in supports),
            )
            atomic_write(place / NAME, samples.model_dump_json(indent=1) + "\n")
            atomic_write(place / PAGE, render(samples, place))
    finally:
        session.close()
    return samples


@dataclass(frozen=True)
class _Writer:
    """Writes support songs and sampled songs into a folder."""

    session: LocalSession
    codec: Codec
    device: torch.device
    sampling: Sampling
    preview: Preview
    folder: Path
    keep_instruments: bool
    progress: bool
    told: set[str] = field(default_factory=set)

    def write(self, support: Support, n: int, seed: int) -> EpisodeRecord:
        """Adapt to the support, sample n songs, and write the files of all songs."""
        self.session.adapt([song.tokens for song in support.songs], support.adapt_seed)
        predictor = self.session.predictor
        slow = SLOW.format(name=type(predictor).__name__)
        if not isinstance(predictor, SupportsStream) and slow not in self.told:
            self.told.add(slow)
            note(slow, self.progress)
        programs = support.programs if self.keep_instruments else {}
        sampling = replace(self.sampling, families=frozenset(programs)) if programs else self.sampling
        stem = "" if support.index is None else f"{support.artist_key.replace(' ', '-')}-{support.index}-"
        return EpisodeRecord(
            artist=support.artist,
            artist_key=support.artist_key,
            index=support.index,
            support=tuple(
                SongRecord(**self._files(song.tokens, song.title, f"{stem}support-{number}", programs))
                for number, song in enumerate(support.songs, 1)
            ),
            samples=tuple(
                self._sample(
                    predictor,
                    sampling,
                    f"Sample {number}",
                    seed + number - 1,
                    f"{stem}sample-{number}",
                    programs,
                )
                for number in range(1, n + 1)
            ),
        )

    def _sample(
        self,
        predictor: Any,
        sampling: Sampling,
        title: str,
        seed: int,
        stem: str,
        programs: Mapping[int, int],
    ) -> SampleRecord:
        stream = open_stream(predictor, 1, self.codec.vocab_size, self.device)
        most_notes, most_tokens = self.sampling.limits(self.codec)
        with bar(
            title, "note" if most_notes else "token", self.progress, total=most_notes or most_tokens
        ) as shown:
            drawn = draw(
                stream,
                self.codec,
                np.random.default_rng(seed),
                sampling,
                self.device,
                lambda notes: shown.update(notes if most_notes else 1),
            )
        song = self._files(drawn.tokens, title, stem, programs)
        return SampleRecord(
            **song,
            seed=seed,
            ended=bool(drawn.tokens[-1:] == EOS),
            nats_per_unit=float(drawn.nats.sum() / max(song["units"], 1)),
        )

    def _files(self, tokens: Tokens, title: str, stem: str, programs: Mapping[int, int]) -> dict[str, Any]:
        """Write a song and return the fields of its record."""
        files = write_song(tokens, self.codec, self.folder, stem, self.preview, programs)
        return {"title": title, "units": self.codec.units(tokens), "files": files}
