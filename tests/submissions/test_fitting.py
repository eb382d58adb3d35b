"""A fit is made once, cached under its identity, verified and reused."""

import random
from pathlib import Path

import pytest
import torch

from fsdl_bench.errors import RuleBreach
from fsdl_bench.submissions.checking import ContractError
from fsdl_bench.submissions.fitting import fitted
from fsdl_bench.submissions.setup import set_up
from fsdl_bench.tracks.split import Split
from fsdl_bench.tracks.track import load_track

FITTED = """
from pathlib import Path
class Fitted:
    def __init__(self, extra: str = ""):
        self.extra = extra
    def fit(self, train, validation, context):
        with Path(__file__).with_name("fits.txt").open("a") as file:
            file.write(f"{train.name} {validation.name} {context.seed}\\n")
        self.noise = torch.rand(3)
        self.size = context.vocab_size
    def adapt(self, support):
        return self
    def logits(self, songs):
        return self.noise.mean() + torch.zeros(*songs.shape, self.size)
"""


@pytest.fixture
def fit(toy):
    """A function that fits and returns what `fitted` returns."""

    def do(submission, settings=(), seed=0, **options):
        setup = set_up(submission, "toy", settings=settings)
        return fitted(setup, setup.context(seed, logged.append, **options))

    logged = do.logged = []
    return do


@pytest.fixture
def fits(tmp_path):
    """A function that returns the lines that the fits of `FITTED` wrote."""
    return lambda: (tmp_path / "models" / "fits.txt").read_text().splitlines()


def test_once_for_each_identity(fit, model, fits):
    path = model(FITTED)
    one, two = fit(path), fit(path)
    assert fits() == ["train validation 0"]
    assert one.record == two.record
    assert torch.equal(one.make().noise, two.make().noise)
    assert one.make() is not one.make()
    fit(path, seed=1)
    assert fits()[1:] == ["train validation 1"]
    fit(path, ["extra=1"])
    assert len(fits()) == 3
    fit(model(FITTED + "# changed\n"))
    assert len(fits()) == 4


def test_every_run_says_which_fit_it_uses(fit, model):
    path = model(FITTED)
    for _ in range(2):
        fit(path)
    assert fit.logged[0] == "fitting Fitted on toy, seed 0"
    assert "reusing the fit of Fitted on toy, seed 0, made 0 s ago (" in fit.logged[1].replace("1 s", "0 s")


def test_refit_ignores_what_is_cached(fit, model, fits):
    path = model(FITTED)
    first = fit(path).make().noise
    again = fit(path, refit=True).make().noise
    assert len(fits()) == 2
    assert torch.equal(first, again), "the seeds are set by the harness"


def test_the_checkpoints_are_removed_with_the_end_of_the_fit(fit, model, own_home):
    path = model(FITTED.replace("self.noise =", "(context.checkpoints / 'x').touch()\n        self.noise ="))
    fit(path)
    assert list(own_home.glob("fits/*/submission.pt"))
    assert not list(own_home.glob("fits/*/checkpoints"))


def test_a_flipped_bit_in_a_cached_fit_is_noticed_and_the_fit_is_made_again(fit, model, own_home):
    path = model(FITTED)
    expected = fit(path).make().noise
    (folder,) = own_home.glob("fits/*")
    files = sorted(folder.glob("*"))
    files = [file for file in files if file.is_file()]
    assert [file.name for file in files] == ["submission.json", "submission.json.xxh3", "submission.pt"]
    choose = random.Random(1)
    for turn in range(90):
        file = files[turn % 3]
        data = bytearray(file.read_bytes())
        data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
        file.write_bytes(data)
        fit.logged.clear()
        assert torch.equal(fit(path).make().noise, expected)
        damaged = f"{folder / 'submission.pt'}: the fit of Fitted on toy, seed 0 is damaged"
        assert fit.logged == [damaged, "fitting Fitted on toy, seed 0"]


@pytest.mark.parametrize("name", ["submission.json", "submission.json.xxh3", "submission.pt"])
@pytest.mark.parametrize("how", ["cut", "empty", "gone"])
def test_a_cached_fit_that_is_cut_or_gone(fit, model, own_home, name, how):
    path = model(FITTED)
    expected = fit(path).make().noise
    (file,) = own_home.glob(f"fits/*/{name}")
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-1] if how == "cut" else b"")
    assert torch.equal(fit(path).make().noise, expected)
    assert "damaged" in fit.logged[1]


def test_the_files_of_two_fits_are_not_mixed(fit, model, own_home):
    """A kill between the two files of a fit leaves the new fit beside the old record."""
    path = model(FITTED)
    fit(path)
    (folder,) = own_home.glob("fits/*")
    old = {file.name: file.read_bytes() for file in folder.glob("submission.json*")}
    fit(path, seed=1)
    (other,) = set(own_home.glob("fits/*")) - {folder}
    for name, data in old.items():
        (other / name).write_bytes(data)
    fit(path, seed=1)
    assert "damaged" in fit.logged[-2]


def test_the_global_generators_are_put_back(fit, model):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    fit(model(FITTED))
    assert torch.equal(torch.rand(1), expected)


def test_without_a_fit_nothing_is_cached(fit, model):
    found = fit(model("class Bare:\n    def adapt(self, support):\n        return self\n"))
    assert found.record is None


def test_what_cannot_be_stored_is_copied(fit, model, own_home):
    text = FITTED.replace("self.noise =", "self.key = lambda: 1\n        self.noise =")
    found = fit(model(text))
    assert found.record.checksum == ""
    assert not list(own_home.glob("fits/*/submission.pt"))
    assert found.make().noise.shape == (3,)
    assert "will be made again next time" in fit.logged[1]


def test_what_can_neither_be_stored_nor_copied(fit, model):
    text = FITTED.replace("self.noise =", "self.steps = (i for i in ())\n        self.noise =")
    with pytest.raises(ContractError, match=r"neither stored nor copied after `fit`.*__getstate__"):
        fit(model(text))


def test_an_object_is_fitted_in_a_copy(fit):
    class Here:
        def fit(self, train, validation, context):
            self.songs = len(train)

        def adapt(self, support):
            return self

    here = Here()
    assert fit(here).make().songs == 27
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
        fit(path, ["split=test"])


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
    setup = set_up(object(), track)
    assert len(track["test"])
    splits, texts = reached([track.train, track.validation, setup.context(0, print)])
    assert splits == ["validation", "train"]
    assert not [text for text in texts if "test" in Path(text).name]
    assert "test" in reached(track)[0], "the walk finds it where it is"


TRAINED = """
from pathlib import Path
class Trained:
    def fit(self, train, validation, context):
        weight = float(Path(__file__).with_name("w.txt").read_text())
        cache = Path(__file__).with_name("cache.txt")
        if not cache.exists():
            cache.write_text("x")
        step = context.checkpoints / "step"
        self.weight = float(step.read_text()) if step.exists() else weight
        if not step.exists():
            step.write_text(str(weight))
            raise KeyboardInterrupt
    def adapt(self, support):
        return self
"""


@pytest.mark.parametrize("changed", [False, True])
def test_an_interrupted_training_is_resumed_unless_a_file_that_it_used_changed(fit, model, changed):
    path = model(TRAINED)
    file = Path(path).with_name("w.txt")
    file.write_text("1.0")
    with pytest.raises(KeyboardInterrupt):
        fit(path)
    if not changed:
        assert fit(path).make().weight == 1.0
        assert fit.logged == ["fitting Trained on toy, seed 0"] * 2
        return
    file.write_text("22.0")
    with pytest.raises(KeyboardInterrupt):
        fit(path)
    assert fit.logged[-1] == (
        f"{file} changed since the interrupted training used it: the training starts from the beginning"
    )
    assert fit(path).make().weight == 22.0
