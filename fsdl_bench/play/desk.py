"""The songs of a running server: the support that was read, and the samples that were written."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fsdl_bench.codecs.base import Codec, Tokens
from fsdl_bench.episodes import evaluation_episodes
from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.generation.settings import Sampling
from fsdl_bench.play.downloads import Sample
from fsdl_bench.play.orders import ArtistWish, Model, Order, WarmWish, WriteWish
from fsdl_bench.play.process import Event, StudioProcess
from fsdl_bench.play.ready import Choice, Offer
from fsdl_bench.play.songs import PageSong, page_song, song_of
from fsdl_bench.play.uploads import Reader
from fsdl_bench.tracks.track import load_track

_MOST = 1000
"""Songs and samples that are kept in memory; the oldest go first."""

_PROCESSES = 2
"""Models in memory."""


class UnknownSong(BadInput):
    """The server has no song with this id, because it was started again; the page sends the song again."""


class Desk:
    """Everything behind the requests.

    Args:
        offers: the tracks and their models.
    """

    def __init__(self, offers: Sequence[Offer]) -> None:
        self.offers = {offer.track: offer for offer in offers}
        self.reader = Reader()
        self._studios: dict[Model, StudioProcess] = {}
        self.songs: dict[str, PageSong] = {}
        self.samples: dict[str, Sample] = {}
        self._codecs: dict[str, Codec] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the processes."""
        for studio in self._studios.values():
            studio.close()
        self.reader.close()

    def upload(self, track: str, name: str, data: bytes) -> list[PageSong]:
        """Read a file for a track.

        Raises:
            BadInput: it cannot be used; the message names it.
        """
        offer, codec = self._offer(track), self.codec(track)
        name = Path(name.replace("\\", "/")).name or "unnamed"
        try:
            read = self.reader.read(data, name, offer.kind)
            return [self._keep(page_song(content, codec)) for content in read]
        except Rejected as error:
            raise BadInput(f"{name}: {error}") from None

    def artist(self, wish: ArtistWish) -> list[PageSong]:
        """Return support songs of an artist of a track.

        Raises:
            BadInput: there is no such artist or episode.
        """
        self._offer(wish.track)
        track, codec = load_track(wish.track), self.codec(wish.track)
        try:
            found = [
                (song.title, song.tokens)
                for episode in evaluation_episodes(track.test, track.definition)
                if episode.artist == wish.artist and episode.index == wish.index
                for song in episode.support[: wish.songs]
            ]
            found = found or [
                (song.title, song.tokens) for song in track.test.artist(wish.artist).songs[: wish.songs]
            ]
        except KeyError:
            raise BadInput(f"artist: {wish.track} has no test artist {wish.artist!r}") from None
        return [self._keep(song_of(title, tokens, codec)) for title, tokens in found]

    def warm(self, wish: WarmWish, stop: threading.Event) -> Iterator[Event]:
        """Load a model and adapt it; yield what happens."""
        support = None if wish.support is None else self._tokens(wish.support)
        studio = self._studio(self._model(wish.track, wish.model))
        yield from studio.call("warm", stop=stop)
        if support is not None:
            yield from studio.call("adapt", support, stop=stop)

    def write(self, wish: WriteWish, stop: threading.Event) -> Iterator[Event]:
        """Write songs; yield the events of `Studio.write`, the samples' settings with `start`.

        Raises:
            BadInput: a setting is wrong, or names a song that is not here.
        """
        model, support = self._model(wish.track, wish.model), [self.song(name) for name in wish.support]
        codec = self.codec(wish.track)
        music = codec.unit == "note"
        families = frozenset().union(*(song.families for song in support))
        keep = wish.keep_instruments and music and bool(families)
        sampling = Sampling(
            wish.temperature,
            wish.top_p,
            max_notes=wish.length if music else None,
            max_tokens=None if music else wish.length,
            families=families if keep else None,
        )
        beginning = np.zeros(0, np.uint16)
        if wish.go_on:
            beginning = self.song(wish.go_on.song).beginning(wish.go_on.part)
        programs: dict[int, int] = {}
        for song in support if keep else ():
            programs = {**song.programs, **programs}
        settings = wish.model_dump(exclude={"n", "support"}) | {
            "settings": model.settings,
            "support": [song.title for song in support],
        }
        ids = tuple(secrets.token_hex(8) for _ in range(wish.n))
        order = Order(
            self._tokens(wish.support),
            ids,
            wish.seed,
            sampling,
            beginning,
        )
        for event in self._studio(model).call("write", order, stop=stop):
            if event["type"] == "start":
                event |= self._begin(event, settings, programs, codec)
            elif event["type"] == "end":
                sample = self.samples[event["sample"]]
                sample.tokens = np.array(event.pop("tokens"), np.uint16)
                sample.result = {name: event[name] for name in ("units", "nats_per_unit", "ended")}
            yield event

    def song(self, name: str) -> PageSong:
        """Return a song by its id."""
        if name not in self.songs:
            raise UnknownSong("a support song is not on the server any more; add it again")
        return self.songs[name]

    def sample(self, name: str) -> Sample:
        """Return a finished sample by its id."""
        found = self.samples.get(name)
        if found is None or found.tokens is None:
            raise UnknownSong("this sample is not on the server any more; write it again with its seed")
        return found

    def codec(self, track: str) -> Codec:
        """Return the codec of an offered track."""
        self._offer(track)
        if track not in self._codecs:
            self._codecs[track] = load_track(track).codec
        return self._codecs[track]

    def _begin(
        self, event: Event, settings: dict[str, Any], programs: dict[int, int], codec: Codec
    ) -> dict[str, Any]:
        with self._lock:
            own = settings | {"seed": event["seed"]}
            self.samples[event["sample"]] = Sample(event["sample"], own, programs, codec)
            _drop(self.samples)
        return {"settings": own, "programs": {str(f): p for f, p in programs.items()}}

    def _keep(self, song: PageSong) -> PageSong:
        with self._lock:
            self.songs.pop(song.id, None)
            self.songs[song.id] = song
            _drop(self.songs)
        return song

    def _studio(self, model: Model) -> StudioProcess:
        """Return the model's process; that of the model that was not used for longest ends."""
        with self._lock:
            studio = self._studios.pop(model, None) or StudioProcess(model)
            self._studios[model] = studio
            while len(self._studios) > _PROCESSES:
                self._studios.pop(next(iter(self._studios))).close()
            return studio

    def _tokens(self, names: Sequence[str]) -> tuple[Tokens, ...]:
        return tuple(self.song(name).tokens for name in names)

    def _offer(self, track: str) -> Offer:
        if track not in self.offers:
            raise BadInput(f"track: expected one of {', '.join(self.offers)}, found {track!r}")
        return self.offers[track]

    def _choice(self, track: str, name: str) -> Choice:
        models = {choice.name: choice for choice in self._offer(track).models}
        if name not in models:
            raise BadInput(f"model: expected one of {', '.join(models)}, found {name!r}")
        return models[name]

    def _model(self, track: str, name: str) -> Model:
        choice = self._choice(track, name)
        return Model(choice.submission, track, choice.settings)


def _drop(kept: dict[str, Any]) -> None:
    while len(kept) > _MOST:
        del kept[next(iter(kept))]
