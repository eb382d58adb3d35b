"""The files that a submission uses besides its code: a fit is never reused after one of them changed."""

import os
import shutil
import textwrap
from pathlib import Path

import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation.batched import BatchedSeed
from fsdl_bench.submissions import landlock

BODY = """
    def fit(self, train, validation, context):
        self.size = context.vocab_size
        {in_fit}
    def prepare(self, context):
        {in_prepare}
    def adapt(self, support):
        return self
    def logits(self, songs):
        scores = torch.zeros(*songs.shape, self.size)
        scores[..., 5] = self.weight
        return scores
"""

NEXT_TO_IT = "Path(__file__).with_name('w.txt')"
READ = f"self.weight = float({NEXT_TO_IT}.read_text())"


def weights(*, top="", in_init="self.weight = 0.0", in_fit="pass", in_prepare="pass"):
    """The text of a submission whose score follows from a weight that it reads somewhere."""
    head = f"from pathlib import Path\n{top}\nclass Weights:\n    def __init__(self, place: Path = Path()):\n"
    return head + f"        {in_init}" + BODY.format(in_fit=in_fit, in_prepare=in_prepare)


@pytest.fixture
def score(toy, run):
    """A function that evaluates in a few cells and returns the mean of the headline."""

    def evaluated(path, **options):
        stored = run(path, **({"limit": 1, "shots": [0]} | options))
        return stored.result.aggregates.shots[0].nats_per_token.mean

    return evaluated


@pytest.fixture
def fresh(score, own_home):
    """A function that evaluates with nothing cached."""

    def evaluated(path, **options):
        shutil.rmtree(own_home / "fits", ignore_errors=True)
        return score(path, **options)

    return evaluated


PLACES = {
    "in __init__": {"in_init": READ},
    "in fit": {"in_fit": READ},
    "in prepare": {"in_prepare": READ},
    "at import": {"top": READ.replace("self.", ""), "in_init": "self.weight = weight"},
    "in fit, through a link": {"in_fit": READ.replace("w.txt", "link.txt")},
    "in fit, by os.open": {
        "top": "import os",
        "in_fit": f"self.weight = float(os.read(os.open({NEXT_TO_IT}, os.O_RDONLY), 99))",
    },
    "in fit, by numpy": {
        "top": "import numpy as np",
        "in_fit": f"self.weight = float(np.loadtxt({NEXT_TO_IT}))",
    },
    "in fit, relative to the working folder": {"in_fit": "self.weight = float(Path('w.txt').read_text())"},
    "in a helper that fit imports": {"in_fit": "from helper import weight; self.weight = weight"},
}


ISOLATED = ("in __init__", "in fit", "in prepare", "in a helper that fit imports")


@pytest.mark.parametrize(
    ("place", "isolate"), [*((place, False) for place in PLACES), *((place, True) for place in ISOLATED)]
)
def test_a_changed_file_is_never_scored_with_the_old_fit(
    score, fresh, model, monkeypatch, capfd, place, isolate
):
    file = Path(model("1.0", "w.txt"))
    file.write_text("1.0")
    monkeypatch.chdir(file.parent)
    file.with_name("link.txt").symlink_to(file)
    model(f"from pathlib import Path\nweight = float({NEXT_TO_IT}.read_text())\n", "helper.py")
    path = model(weights(**PLACES[place]))
    first = score(path, isolate=isolate)
    assert score(path, isolate=isolate) == first
    assert "reusing the fit of Weights on toy, seed 0" in capfd.readouterr().err
    state = file.stat()
    file.write_text("2.0")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))  # the same size and time
    second = score(path, isolate=isolate)
    assert second != first
    said = capfd.readouterr().err
    assert ".txt changed since the fit of Weights on toy, seed 0 was made" in said or place == "in prepare"
    assert second == fresh(path, isolate=isolate)
    file.write_text("1.0")
    assert score(path, isolate=isolate) == first


LOOKUPS = {
    "Path.exists": f"self.weight = 3.0 if {NEXT_TO_IT}.exists() else 0.0",
    "os.path.exists": f"import os; self.weight = 3.0 if os.path.exists({NEXT_TO_IT}) else 0.0",
    "os.access": f"import os; self.weight = 3.0 if os.access({NEXT_TO_IT}, os.R_OK) else 0.0",
    "is_file": f"self.weight = 3.0 if {NEXT_TO_IT}.is_file() else 0.0",
    "listdir": "import os; self.weight = float('w.txt' in os.listdir(Path(__file__).parent))",
    "iterdir": "self.weight = float(any(p.name == 'w.txt' for p in Path(__file__).parent.iterdir()))",
    "glob": "self.weight = float(len(list(Path(__file__).parent.glob('w*.txt'))))",
    "glob.glob": "import glob; self.weight = float(len(glob.glob(str(Path(__file__).parent / 'w*.txt'))))",
    "rglob": "self.weight = float(len(list(Path(__file__).parent.rglob('w*.txt'))))",
    "open": f"self.weight = read({NEXT_TO_IT})",
}
ATTEMPT = """
def read(path):
    try:
        with open(path) as file:
            return float(file.read())
    except FileNotFoundError:
        return 0.0
"""


@pytest.mark.parametrize(
    ("lookup", "isolate"), [*((one, False) for one in LOOKUPS), ("Path.exists", True), ("listdir", True)]
)
def test_a_new_file_that_was_looked_for_and_one_that_was_deleted(score, fresh, model, capfd, lookup, isolate):
    path = model(weights(top=ATTEMPT, in_fit=LOOKUPS[lookup]))
    file = Path(path).with_name("w.txt")
    without = score(path, isolate=isolate)
    assert score(path, isolate=isolate) == without
    assert "reusing the fit" in capfd.readouterr().err
    file.write_text("3.0")
    there = score(path, isolate=isolate)
    assert there != without
    said = capfd.readouterr().err
    assert "since the fit of Weights" in said
    assert str(file) in said or str(file.parent) in said
    assert there == fresh(path, isolate=isolate)
    file.unlink()
    assert score(path, isolate=isolate) == without


@pytest.mark.parametrize("isolate", [False, True])
def test_a_folder_that_an_argument_names(score, fresh, model, tmp_path, isolate):
    folder = tmp_path / "weights" / "deeper"
    folder.mkdir(parents=True)
    (folder / "w.txt").write_text("1.0")
    (folder / "other.txt").write_text("1.0")
    read = "self.weight = float((place / 'deeper' / 'w.txt').read_text())"
    path = model(weights(in_init=read))
    options = {"isolate": isolate, "settings": [f"place={folder.parent}"]}
    first = score(path, **options)
    (folder / "w.txt").write_text("2.0")
    second = score(path, **options)
    assert first != second == fresh(path, **options)


def test_a_library_that_opens_a_file_in_a_named_folder_by_itself(score, fresh, model, tmp_path):
    """Python sees nothing of it, and the content of what an argument names is in the key."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def write(weight):
        pq.write_table(pa.table({"weight": [weight]}), tmp_path / "named" / "w.parquet")

    (tmp_path / "named").mkdir()
    write(1.0)
    read = "self.weight = pyarrow.parquet.read_table(str(place / 'w.parquet'))['weight'][0].as_py()"
    path = model(weights(top="import pyarrow.parquet", in_init=read))
    options = {"settings": [f"place={tmp_path / 'named'}"]}
    first = score(path, **options)
    write(2.0)
    second = score(path, **options)
    assert first != second == fresh(path, **options)


@pytest.mark.parametrize("isolate", [False, True])
def test_two_classes_of_one_file_are_fitted_and_scored_each_by_itself(toy, model, run, isolate):
    text = weights(in_fit="self.weight = {weight}")
    parts = [
        text.format(weight=w).replace("class Weights", f"class {n}") for w, n in ((1.0, "A"), (2.0, "B"))
    ]
    path = model("\n".join(parts))
    options = {"limit": 1, "shots": [0], "isolate": isolate}
    one, two = (run(f"{path}:{name}", **options).result for name in ("A", "B"))
    assert (one.submission.name, two.submission.name) == ("A", "B")
    assert one.aggregates.shots[0].nll.mean != two.aggregates.shots[0].nll.mean
    assert run(f"{path}:A", **options).result.aggregates == one.aggregates


def test_two_factories_of_the_same_inner_name_are_told_apart(toy, model, run):
    text = weights(in_fit="pass") + textwrap.dedent(
        """
        def factory(weight):
            def build():
                made = Weights()
                made.weight = weight
                return made
            return build
        A, B = factory(1.0), factory(2.0)
        """
    )
    path = model(text)
    one, two = (run(f"{path}:{name}", limit=1, shots=[0]).rows.nats.sum() for name in ("A", "B"))
    assert one != two


@pytest.mark.parametrize("changed", ["w.txt", "helper.py"])
def test_what_a_neighbour_read_when_it_was_imported(score, fresh, model, changed):
    """Neighbours stay imported between two evaluations of one process, unless a file of theirs changed."""
    file = Path(model("x", "w.txt"))
    file.write_text("1.0")
    helper = f"from pathlib import Path\nweight = 1 * float({NEXT_TO_IT}.read_text())\n"
    model(helper, "helper.py")
    path = model(weights(top="import helper", in_fit="self.weight = helper.weight"))
    first = score(path)
    if changed == "w.txt":
        file.write_text("2.0")
    else:
        model(helper.replace("1 *", "2 *"), "helper.py")
    second = score(path)
    assert second != first
    file.write_text("1.0")
    model(helper, "helper.py")
    assert score(path) == first


def test_what_the_submission_writes_itself_is_no_reason_to_fit_again(score, model, capfd):
    """A cache of its own, a log that it reads, a temporary folder: the state that `fit` left counts."""
    lines = [
        "cache = Path(__file__).with_name('cache.txt')",
        "if not cache.exists(): cache.write_text('3.0')",
        "self.weight = float(cache.read_text())",
        "log = Path(__file__).with_name('log.txt'); log.write_text('x'); log.read_text()",
        "with tempfile.TemporaryDirectory() as t: Path(t, 'a').write_text('x'); Path(t, 'a').read_text()",
        "(context.checkpoints / 'c').write_text('x'); (context.checkpoints / 'c').read_text()",
        "len(train), len(list(train.songs)[0].tokens)",
    ]
    path = model(weights(top="import tempfile", in_fit="\n        ".join(lines)))
    first = score(path)
    capfd.readouterr()
    assert score(path) == first
    assert "reusing the fit" in capfd.readouterr().err
    Path(path).with_name("cache.txt").write_text("4.0")
    assert score(path) != first
    assert "cache.txt changed since the fit of Weights on toy, seed 0 was made" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("where", "isolate"),
    [("in_init", False), ("in_fit", False), ("in_prepare", False), ("in adapt", False), ("in adapt", True)],
)
def test_a_run_is_not_resumed_after_a_file_changed(toy, model, run, monkeypatch, where, isolate):
    file = Path(model("x", "w.txt"))
    file.write_text("1.0")
    text = weights() if where == "in adapt" else weights(**{where: READ})
    if where == "in adapt":
        text = text.replace("        return self\n", f"        {READ}\n        return self\n")
    path = model(text)
    whole = run(path, isolate=isolate).rows

    def stopped(self, *arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(BatchedSeed, "_audit_state", stopped)
        patch.setattr("fsdl_bench.evaluation.sealing.Seal.check", lambda self: None)
        with pytest.raises(KeyboardInterrupt):
            run(path, isolate=isolate)
    file.write_text("2.0")
    with pytest.raises(BadInput, match=r"w\.txt changed since the unfinished run used it.*--restart"):
        run(path, isolate=isolate, resume=True)
    file.write_text("1.0")
    assert run(path, isolate=isolate, resume=True).rows.equals(whole)


@pytest.mark.skipif(not landlock.version(), reason="the kernel has no Landlock")
def test_what_an_isolated_submission_may_not_read_is_no_input(score, model, tmp_path, capfd):
    (tmp_path / "secret.txt").write_text("1")
    lines = [
        "self.weight = 1.0",
        f"try: open({str(tmp_path / 'secret.txt')!r})",
        "except OSError: self.weight = 0.0",
    ]
    path = model(weights(in_fit="\n        ".join(lines)))
    first = score(path, isolate=True)
    capfd.readouterr()
    assert score(path, isolate=True) == first
    assert "reusing the fit" in capfd.readouterr().err
