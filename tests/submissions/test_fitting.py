"""A fit is made once, kept under its key, and taken from there."""

from pathlib import Path

import pytest
import torch

from fsdl_bench.errors import RuleBreach
from fsdl_bench.evaluation.plan import plan_task
from fsdl_bench.submissions.checking import ContractError
from fsdl_bench.submissions.fitting import fit_key, fitted
from fsdl_bench.submissions.loading import from_object, load_submission
from fsdl_bench.tracks.split import Split
from fsdl_bench.tracks.track import load_track

FITTED = """
from pathlib import Path
class Fitted:
    def __init__(self, folder: Path, extra: str = ""):
        self.folder = folder
    def fit(self, train, validation, context):
        with (self.folder / "fits.txt").open("a") as file:
            file.write(f"{train.name} {validation.name} {context.seed}\\n")
        self.noise = torch.rand(3)
        self.size = context.vocab_size
    def adapt(self, support):
        return self
    def logits(self, songs):
        return self.noise.mean() + torch.zeros(*songs.shape, self.size)
"""


@pytest.fixture
def fit(toy, tmp_path):
    """A function that fits and returns what `fitted` returns."""

    def do(loaded, seed=0, **options):
        choices = {"split": "test", "protocol": "independent", "shots": None, "seeds": (0,), "device": "cpu"}
        task = plan_task(loaded, "x", "toy", **choices, limit=None, isolate=False)
        splits = (task.track["train"], task.track["validation"])
        return fitted(loaded, splits, task.context(seed, logged.append), sealed=task.sealed, **options)

    logged = do.logged = []
    return do


def lines(path):
    return Path(path).read_text().splitlines()


def test_once_for_each_key(fit, model, tmp_path):
    mark = tmp_path / "fits.txt"
    loaded = load_submission(model(FITTED), [f"folder={tmp_path}"])
    one, two = fit(loaded), fit(loaded)
    assert lines(mark) == ["train validation 0"]
    assert one.seconds == two.seconds is not None
    assert torch.equal(one.make().noise, two.make().noise)
    assert one.make() is not one.make()
    fit(loaded, seed=1)
    assert lines(mark)[1:] == ["train validation 1"]
    fit(load_submission(model(FITTED), [f"folder={tmp_path}", "extra=1"]))
    assert len(lines(mark)) == 3
    fit(load_submission(model(FITTED + "# changed\n"), [f"folder={tmp_path}"]))
    assert len(lines(mark)) == 4


def test_refit_ignores_what_is_kept(fit, model, tmp_path):
    loaded = load_submission(model(FITTED), [f"folder={tmp_path}"])
    first = fit(loaded).make().noise
    again = fit(loaded, refit=True).make().noise
    assert len(lines(tmp_path / "fits.txt")) == 2
    assert torch.equal(first, again), "the seeds are set by the harness"


def test_the_global_generators_are_put_back(fit, model, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    fit(load_submission(model(FITTED), [f"folder={tmp_path}"]))
    assert torch.equal(torch.rand(1), expected)


def test_a_file_that_an_argument_names_is_part_of_the_key(model, tmp_path):
    weights = tmp_path / "weights.pt"
    keys = []
    for content in (b"1", b"2"):
        weights.write_bytes(content)
        keys.append(
            fit_key(load_submission(model(FITTED), [f"folder={tmp_path}", f"extra={weights}"]), "digest", 0)
        )
    assert keys[0] != keys[1]


def test_without_a_fit_nothing_is_kept(fit, model):
    loaded = load_submission(model("class Bare:\n    def adapt(self, support):\n        return self\n"))
    found = fit(loaded)
    assert (found.stored, found.seconds) == (None, None)


def test_what_cannot_be_stored_is_copied(fit, model, tmp_path):
    text = FITTED.replace("self.noise =", "self.key = lambda: 1\n        self.noise =")
    found = fit(load_submission(model(text), [f"folder={tmp_path}"]))
    assert found.stored is None
    assert found.make().noise.shape == (3,)
    assert "will be made again next time" in fit.logged[0]


def test_what_can_neither_be_stored_nor_copied(fit, model, tmp_path):
    text = FITTED.replace("self.noise =", "self.steps = (i for i in ())\n        self.noise =")
    with pytest.raises(ContractError, match=r"neither stored nor copied after `fit`.*__getstate__"):
        fit(load_submission(model(text), [f"folder={tmp_path}"]))


def test_an_object_is_fitted_in_a_copy(fit):
    class Here:
        def fit(self, train, validation, context):
            self.songs = len(train)

        def adapt(self, support):
            return self

    here = Here()
    found = fit(from_object(here))
    assert found.make().songs == 27
    assert not hasattr(here, "songs")


def test_fit_may_read_its_own_splits_and_no_test_song(fit, model, toy):
    text = """
    from fsdl_bench.paths import tracks_dir
    class Reader:
        def __init__(self, split: str):
            self.split = split
        def fit(self, train, validation, context):
            for path in tracks_dir().glob(f"toy/{self.split}-*"):
                path.read_bytes()
        def adapt(self, support):
            return self
    """
    path = model(text)
    with pytest.raises(RuleBreach, match=r"sealed songs.*tried to read"):
        fit(load_submission(path, ["split=test"]))


def reached(start):
    """The splits and the texts that attributes and containers lead to."""
    waiting, met, splits, texts = [start], {}, [], []
    while waiting:
        thing = waiting.pop()
        strange = type(thing).__module__.startswith("torch") or isinstance(thing, type)
        if id(thing) in met or strange:
            continue
        met[id(thing)] = thing
        if isinstance(thing, str | Path):
            texts.append(str(thing))
        elif isinstance(thing, dict):
            waiting += [*thing.keys(), *thing.values()]
        elif isinstance(thing, list | tuple | set):
            waiting += list(thing)
        else:
            splits += [thing.name] if isinstance(thing, Split) else []
            waiting += list(getattr(thing, "__dict__", {}).values())
            waiting += [getattr(thing, name, None) for name in getattr(type(thing), "__slots__", ())]
    return splits, texts


def test_the_test_songs_cannot_be_reached_from_what_fit_is_handed(toy):
    track = load_track("toy")
    choices = {"split": "test", "protocol": "independent", "shots": None, "seeds": (0,), "device": "cpu"}
    task = plan_task(from_object(object()), "x", track, **choices, limit=None, isolate=False)
    assert task.episodes
    splits, texts = reached([track.train, track.validation, task.context(0, print)])
    assert splits == ["validation", "train"]
    assert not [text for text in texts if "test" in Path(text).name]
    assert "test" in reached(track)[0], "the walk finds it where it is"
