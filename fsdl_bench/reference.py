"""The reference models and their verified results, which come with the package."""

from __future__ import annotations

import ast
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fsdl_bench import fingerprint
from fsdl_bench.comparison import Compared, compare
from fsdl_bench.errors import BadInput
from fsdl_bench.results import Result, StoredResult, read_result
from fsdl_bench.results.files import result_paths
from fsdl_bench.submissions.specs import reference_models


@dataclass(frozen=True)
class Model:
    """A reference model.

    Attributes:
        name: as in `fsdl_bench:NAME`.
        summary: one line.
        ready: the tracks whose weights or settings ship.
        nll: track -> NLL at the headline shot of the verified result in the independent protocol.
    """

    name: str
    summary: str
    ready: tuple[str, ...]
    nll: dict[str, float]


def results_folder() -> Path | None:
    """Return the folder of the verified results: in the package, or next to it in a checkout."""
    places = (fingerprint.PACKAGE / "leaderboard", fingerprint.PACKAGE.parent / "leaderboard")
    return next((place / "results" for place in places if (place / "results").is_dir()), None)


def reference_results(track: str) -> list[StoredResult]:
    """Return the verified results of the reference models on a track."""
    return [read_result(path) for path in _files(track)]


def _files(track: str) -> list[Path]:
    folder = results_folder()
    return sorted(folder.glob(f"{track}/*.json")) if folder else []


def models() -> list[Model]:
    """Return all reference models by name."""
    weights = fingerprint.PACKAGE / "pretrained"
    found = [Result.model_validate_json(path.read_bytes()) for path in _files("*")]
    return [
        Model(
            name,
            _summary(path),
            tuple(sorted(card.parent.name for card in weights.glob(f"*/{name}.json"))),
            {
                one.track.name: one.headline.nll.mean
                for one in found
                if one.protocol == "independent" and _model_of(one) == name and one.headline
            },
        )
        for name, path in sorted(reference_models().items())
    ]


def _model_of(result: Result) -> str:
    """Return the name of the reference model that was evaluated; "" for other submissions."""
    place, _, name = result.submission.source.rpartition(":")
    if place == fingerprint.PACKAGE.name:
        return name
    path = Path(result.submission.source)
    return path.stem if path.parent.name == "baselines" else ""


def _summary(path: Path) -> str:
    """Return the first sentence of a module, without running it."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split())


@contextmanager
def among_reference(own: Path) -> Iterator[Path]:
    """Yield a folder with the reference results and those below `own`, for the leaderboard.

    Where both have a result of one model on a track and protocol, it is `own`'s.

    Raises:
        BadInput: the package has no reference results, or a file of `own` is damaged.
    """
    folder = results_folder()
    if folder is None:
        raise BadInput("this installation has no reference results; pass --results and --alone")
    with tempfile.TemporaryDirectory(prefix="fsdl-bench-") as place:
        merged = Path(place) / "results"
        shutil.copytree(folder, merged)
        mine = [read_result(path) for path in result_paths(own)]
        taken = {place for stored in mine for place in _board_places(stored.result)}
        for path in sorted(merged.rglob("*.json")):
            if taken & _board_places(Result.model_validate_json(path.read_bytes())):
                path.unlink()
        for stored in mine:
            target = merged / "own" / stored.path.relative_to(own)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(stored.path, target)
            shutil.copy(stored.path.with_name(stored.result.rows.file), target.parent)
        for name in ("verified.toml", "removed.toml"):
            if (folder.parent / name).is_file():
                shutil.copy(folder.parent / name, merged.parent)
        yield merged


def _board_places(result: Result) -> set[tuple[str, str, str]]:
    """Return what no two models of a board share: the name, and that of a reference model as it stands."""
    submission = result.submission
    names = {submission.name} if submission.arguments else {submission.name, _model_of(result)}
    slugs = {name.casefold().replace("_", "-") for name in names if name}
    return {(result.track.name, result.protocol, slug) for slug in slugs}


@dataclass(frozen=True)
class Standing:
    """The rank of a result among the reference results.

    Attributes:
        rank: 1 is the best; the number of better reference results, plus one.
        total: of results, this one included.
        shots: the headline shot.
        best: the best reference result.
        mine: this result; its difference is to the best.
    """

    rank: int
    total: int
    shots: int
    best: str
    mine: Compared


def standing(stored: StoredResult, others: Sequence[StoredResult] | None = None) -> Standing | None:
    """Return where a result stands; None for a smoke run, for a bound, and where nothing is comparable.

    Args:
        stored: the result.
        others: the reference results of the same track by default.
    """
    result = stored.result
    if result.smoke or not result.submission.exact:
        return None
    others = reference_results(result.track.name) if others is None else others
    own = _model_of(result)
    same = [
        other
        for other in others
        if other.result.track == result.track
        and other.result.protocol == result.protocol
        and other.result.submission.name != result.submission.name
        and (not own or _model_of(other.result) != own)
    ]
    try:
        best = compare([*same, stored]).results if same else ()
    except BadInput:  # other songs, or not the headline shot
        return None
    names = [one.name for one in best if one.exact]
    mine = str(stored.path) if str(stored.path) in names else stored.name
    if mine not in names:
        return None
    first = next((name for name in names if name != mine), "")
    if not first:
        return None
    found = compare([*same, stored], against=first)
    return Standing(
        rank=names.index(mine) + 1,
        total=len(names),
        shots=found.shots,
        best=first,
        mine=next(one for one in found.results if one.name == mine),
    )
