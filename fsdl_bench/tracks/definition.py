"""A track's definition: one TOML file with the sources, the codec and the episode protocol.

The frozen definitions are `fsdl_bench/track_data/<name>.toml`. A built track contains the definition that it
was built from as `definition.toml`. Unknown keys are errors, so a misspelt key is noticed.
"""

from __future__ import annotations

import errno
import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from fsdl_bench.errors import BadInput
from fsdl_bench.paths import TRACK_DATA
from fsdl_bench.songs import Kind
from fsdl_bench.tracks.artists import artist_key

Status = Literal["headline", "further", "default", "recipe", "user"]
Option = str | int | float | bool | list[str]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class Strict(BaseModel):
    """An immutable record in which unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceDefinition(Strict):
    """One source of a track, and the place of its archive.

    Attributes:
        source: the module `fsdl_bench.sources.<source>` that reads it.
        repo: `owner/name` on GitHub, together with the full `commit`.
        url: the address of an archive, together with its `sha256`. A source without `repo` and `url` is
            generated, or is the user's folder.
        title: the name of the collection.
        homepage: a page about the collection.
        licence: SPDX identifier or the source's own words.
        attribution: whom to credit, as the licence asks.
        options: the options that `open_source` passes to this source.
    """

    source: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
    repo: str = ""
    commit: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{40})?$")] = ""
    url: str = ""
    sha256: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")] = ""
    title: str = ""
    homepage: str = ""
    licence: str = ""
    attribution: str = ""
    options: dict[str, Option] = {}

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        if bool(self.repo) != bool(self.commit) or bool(self.url) != bool(self.sha256):
            raise ValueError("'repo' goes with a 40-digit 'commit', and 'url' with a 'sha256'")
        if self.repo and self.url:
            raise ValueError("give 'repo' and 'commit', or 'url' and 'sha256', not both")
        return self


class Filters(Strict):
    """The songs of the sources that a track uses.

    Attributes:
        artists: if not empty, only these artists, in any spelling with the same key.
        exclude_artists: names that are nobody's ("Anonymous"), and other artists to leave out.
        exclude_origins: single files to leave out, as `origin = reason`.
        min_units: the shortest song to use, in notes or UTF-8 bytes of the whole song.
        near_duplicates: whether near-duplicates are removed. False for songs that are drawn from a known
            distribution, because removing some would change it.
        rule: for near-duplicates; see `fsdl_bench.builder.duplicates`. Tracks of version 0.1.0 use rule 1,
            and a user's own track rule 3.
    """

    artists: list[str] = []
    exclude_artists: list[str] = []
    exclude_origins: dict[str, str] = {}
    min_units: Annotated[int, Field(ge=1)] = 1
    near_duplicates: bool = True
    rule: Literal[1, 2, 3] = 1


class TrackDefinition(Strict):
    """The definition of a track. Results depend on all fields but description, limits, languages and digest.

    Attributes:
        name: the track's name and the name of its folder.
        kind: `lyrics` or `midi`.
        description: what the track is good for, in a few sentences.
        limits: known limits, one sentence each, for the dataset card.
        version: the protocol's version, part of the seed of every episode.
        status: headline, further, default (generated), recipe (needs the user's download) or user.
        codec: the codec's name, as `load_codec` takes it.
        label: what episodes are drawn by: the artist, or another field of `fsdl_bench.metadata.LABELS`,
            whose value then takes the artist's place.
        languages: BCP 47 codes, for lyrics.
        min_songs: artists with fewer songs (distinct works) are left out.
        max_songs: cap on the songs of one artist; those with the lowest content hash are kept.
        shots: the support sizes in ascending order, starting with 0.
        headline_shot: the support size that the headline and the control use.
        queries: query songs per episode.
        episodes: episodes per artist.
        min_artist_songs_evaluated: artists of the validation and test splits with fewer songs are not
            evaluated; 0 means `queries` + the largest shot.
        aliases: other spelling -> the artist's name to use.
        digest: the expected logical digest; empty if it is not frozen.
    """

    name: Name
    kind: Kind
    description: str = ""
    limits: list[str] = []
    version: str = "v1"
    status: Status = "user"
    codec: str
    label: Literal["artist", "form", "genre", "collection", "language", "decade", "year", "key", "meter"] = (
        "artist"
    )
    languages: list[str] = []
    min_songs: Annotated[int, Field(ge=1)] = 9
    max_songs: Annotated[int, Field(ge=1)] = 100
    shots: tuple[int, ...] = (0, 1, 2, 5)
    headline_shot: int = 5
    queries: Annotated[int, Field(ge=1)] = 4
    episodes: Annotated[int, Field(ge=1)] = 4
    min_artist_songs_evaluated: Annotated[int, Field(ge=0)] = 0
    digest: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")] = ""
    sources: Annotated[list[SourceDefinition], Field(min_length=1)]
    filters: Filters = Filters()
    aliases: dict[str, str] = {}

    @model_validator(mode="before")
    @classmethod
    def _evaluated_by_default(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("min_artist_songs_evaluated"):
            shots = data.get("shots", (0, 1, 2, 5))
            queries = data.get("queries", 4)
            if isinstance(queries, int) and shots and all(isinstance(k, int) for k in shots):
                data = {**data, "min_artist_songs_evaluated": queries + max(shots)}
        return data

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if list(self.shots) != sorted(set(self.shots)) or self.shots[:1] != (0,):
            raise ValueError(f"'shots' must ascend from 0 without repeats, found {list(self.shots)}")
        if self.headline_shot not in self.shots:
            raise ValueError(f"'headline_shot' must be one of {list(self.shots)}, found {self.headline_shot}")
        needed = self.queries + self.shots[-1]
        if self.min_artist_songs_evaluated < needed:
            raise ValueError(
                f"'min_artist_songs_evaluated' must be at least queries + largest shot = {needed}, "
                f"found {self.min_artist_songs_evaluated}"
            )
        if self.max_songs < self.min_artist_songs_evaluated:
            raise ValueError(f"'max_songs' ({self.max_songs}) is below 'min_artist_songs_evaluated'")
        keys = {artist_key(name) for name in self.aliases}
        if chained := sorted(name for name in self.aliases.values() if artist_key(name) in keys):
            raise ValueError(f"'aliases' must not point at another alias: {', '.join(chained)}")
        return self

    @cached_property
    def _alias_by_key(self) -> dict[str, str]:
        return {artist_key(alias): name for alias, name in self.aliases.items()}

    def artist_name(self, name: str) -> str:
        """Return the name to use for an artist: the target if `name` is an alias in any spelling."""
        return self._alias_by_key.get(artist_key(name), name)

    @property
    def ranked_shots(self) -> frozenset[int]:
        """The support sizes that a ranked result must have: zero, for the gain, and that of the headline."""
        return frozenset({0, self.headline_shot})

    @property
    def frozen_splits(self) -> Path:
        """The file of the frozen split list. It need not exist."""
        return TRACK_DATA / "splits" / f"{self.name}.csv"

    @property
    def frozen_codec(self) -> Path:
        """The file of the frozen tokenizer. It need not exist."""
        return TRACK_DATA / f"{self.name}.bpe.json"

    def to_toml(self) -> str:
        """Return the definition as TOML. `load_definition` reads it back as an equal definition."""
        import tomli_w

        return tomli_w.dumps(self.model_dump(mode="json", exclude_defaults=True))


def definition_names() -> list[str]:
    """Return the names of the packaged tracks, sorted."""
    return sorted(path.stem for path in TRACK_DATA.glob("*.toml"))


def load_definition(name: str | Path) -> TrackDefinition:
    """Read a packaged definition by name, or any definition by its `.toml` file or a built track's folder.

    Raises:
        BadInput: there is no such track or file, it is not valid TOML, or a key or value is wrong.
    """
    path = Path(name)
    try:
        if path.is_dir():
            path = path / "definition.toml"
        elif path.suffix != ".toml":
            path = TRACK_DATA / f"{name}.toml"
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            raise BadInput(f"{path} cannot be read: {error.strerror}") from None
        shown = str(name) if len(str(name)) <= 80 else f"{str(name)[:80]}..."
        raise BadInput(
            f"there is no track {shown!r}: expected one of {', '.join(definition_names())}, "
            "a .toml file or the folder of a built track"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not valid TOML: {error}") from None
    return parse_definition(table, where=str(path))


def parse_definition(table: Mapping[str, Any], where: str) -> TrackDefinition:
    """Validate a definition that was read from `where`.

    Raises:
        BadInput: names each wrong key, the value found and, for an unknown key, the accepted keys.
    """
    try:
        return TrackDefinition.model_validate(table)
    except ValidationError as error:
        raise BadInput(f"{where} does not define a track:\n" + "\n".join(_complaints(error))) from None


def user_definition(
    name: str,
    kind: Kind,
    source: str = "folder",
    *,
    label: str = "artist",
    aliases: Mapping[str, str] = MappingProxyType({}),
    **options: Option,
) -> TrackDefinition:
    """Return a definition for a user's own folder, with the standard protocol and the split rule.

    Args:
        name: the track's name: small letters, digits, dots, dashes and underscores.
        kind: `lyrics` or `midi`.
        source: the layout of the folder, a module of `fsdl_bench.sources`.
        label: what episodes are drawn by; see `TrackDefinition`.
        aliases: other spelling -> the artist's name to use.
        options: passed to the source.

    Raises:
        BadInput: the name belongs to a packaged track, or is not a valid name.
    """
    if name in definition_names():
        raise BadInput(f"--name {name}: a packaged track has this name; choose another for your own folder")
    table = {
        "name": name,
        "kind": kind,
        "description": f"Built from a user's own folder (layout: {source}). The split follows the rule.",
        "codec": "note10ms-v1" if kind == "midi" else "bpe4096-v1",
        "label": label,
        "aliases": dict(aliases),
        "filters": {"rule": 3},
        "sources": [{"source": source, "title": "the user's own folder", "options": options}],
    }
    return parse_definition(table, where=f"--name {name}")


def _complaints(error: ValidationError) -> list[str]:
    """Return one line per error."""
    lines = []
    for entry in error.errors():
        place = [str(part) for part in entry["loc"]]
        where = ".".join(place) or "the whole"
        if entry["type"] == "extra_forbidden":
            nested: dict[str, type[Strict]] = {"sources": SourceDefinition, "filters": Filters}
            model = nested.get(place[0], TrackDefinition) if len(place) > 1 else TrackDefinition
            lines.append(f"  unknown key '{where}'; accepted: {', '.join(model.model_fields)}")
        else:
            lines.append(f"  {where}: {entry['msg']} (found {entry['input']!r:.80})")
    return lines
