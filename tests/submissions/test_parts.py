"""`context.once`: made by the first who asks, reused by the others, never trusted without its checksum."""

import functools
import random
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fsdl_bench.codecs import load_codec
from fsdl_bench.errors import BadInput
from fsdl_bench.submissions import landlock
from fsdl_bench.submissions.context import FitContext
from fsdl_bench.submissions.parts import Parts


@pytest.fixture
def logged():
    return []


@pytest.fixture
def context(tmp_path, logged):
    checkpoints = tmp_path / "fits" / "own" / "checkpoints"
    checkpoints.mkdir(parents=True)
    return FitContext(
        track="toy",
        kind="lyrics",
        digest="0" * 64,
        codec=load_codec("words-v1"),
        shots=(0, 1),
        queries=4,
        device=torch.device("cpu"),
        seed=3,
        checkpoints=checkpoints,
        parts=Parts(tmp_path / "parts", Path(__file__).parent),
        log=logged.append,
    )


@pytest.fixture
def make():
    """Draws three numbers and counts its calls."""

    def made(context):
        made.calls.append(context.checkpoints)
        return {"drawn": torch.rand(3), "python": random.random()}

    made.calls = []
    return made


def test_is_made_once(context, make, tmp_path):
    torch.manual_seed(11)
    first = context.once("lstm", {"hidden": 3}, make)
    after = torch.rand(1)
    torch.manual_seed(11)
    other = tmp_path / "fits" / "another" / "checkpoints"
    again = replace(context, checkpoints=other).once("lstm", {"hidden": 3}, make)
    assert torch.equal(first["drawn"], again["drawn"])
    assert torch.equal(after, torch.rand(1)), "later draws do not depend on whether it was stored"
    assert len(make.calls) == 1


def test_does_not_depend_on_earlier_draws(context, make):
    torch.manual_seed(1)
    first = context.once("lstm", {"hidden": 3}, make)
    torch.manual_seed(2)
    second = context.once("lstm", {"hidden": 4}, make)
    assert torch.equal(first["drawn"], second["drawn"])
    assert first["python"] == second["python"]


def test_everything_that_it_depends_on_is_in_the_key(context, make):
    for changed, name, settings in [
        (context, "lstm", {"hidden": 3}),
        (context, "lstm", {"hidden": 4}),
        (context, "other", {"hidden": 3}),
        (replace(context, seed=4), "lstm", {"hidden": 3}),
        (replace(context, digest="another track"), "lstm", {"hidden": 3}),
    ]:
        changed.once(name, settings, make)
    assert len(set(make.calls)) == 5


def test_the_code_of_make_and_of_what_it_imports_is_in_the_key(context, tmp_path, monkeypatch):
    folder = tmp_path / "code"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    (folder / "part_helper.py").write_text("WIDTH = 1\n")
    (folder / "stranger.py").write_text("WIDTH = 1\n")
    (folder / "part_maker.py").write_text("import part_helper\ndef make(context):\n    return 1\n")
    import part_maker

    store = Parts(tmp_path / "parts", folder)
    keys = [store.key({}, part_maker.make, "digest", 0)]
    (folder / "stranger.py").write_text("WIDTH = 2\n")
    keys.append(store.key({}, functools.partial(part_maker.make), "digest", 0))
    (folder / "part_helper.py").write_text("WIDTH = 2\n")
    keys.append(store.key({}, part_maker.make, "digest", 0))
    elsewhere = Parts(tmp_path / "parts", tmp_path / "elsewhere")
    assert elsewhere.key({}, part_maker.make, "digest", 0) is not None
    assert keys[0] == keys[1] != keys[2]
    del sys.modules["part_maker"], sys.modules["part_helper"]


def test_an_interrupted_training_is_resumed_by_the_next_who_asks(context, tmp_path):
    def train(place):
        step = place.checkpoints / "step"
        if not step.exists():
            step.write_text("7")
            raise KeyboardInterrupt
        return step.read_text()

    with pytest.raises(KeyboardInterrupt):
        context.once("lstm", {}, train)
    other = replace(context, checkpoints=tmp_path / "fits" / "another" / "checkpoints")
    assert other.once("lstm", {}, train) == "7"
    assert not list((tmp_path / "parts").glob("*/checkpoints")), "removed when the part is complete"


def test_a_damaged_part_is_made_again_with_a_message(context, make, logged, tmp_path):
    first = context.once("lstm", {}, make)
    (part,) = (tmp_path / "parts").glob("lstm-*/part.pt")
    whole = part.read_bytes()
    choose = random.Random(0)
    for turn in range(30):
        data = bytearray(whole)
        data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
        part.write_bytes(data)
        again = context.once("lstm", {}, make)
        assert torch.equal(first["drawn"], again["drawn"])
        assert len(make.calls) == turn + 2
        assert f"{part}: the part lstm is damaged" in logged
        assert part.read_bytes() == whole
        logged.clear()


def test_without_a_store_it_is_made_every_time(context, make):
    bare = replace(context, parts=None)
    first, again = (bare.once("lstm", {}, make) for _ in range(2))
    assert torch.equal(first["drawn"], again["drawn"])
    assert make.calls == [context.checkpoints] * 2


def test_where_the_store_is_locked_it_is_made_for_this_run_alone(context, make, logged, monkeypatch):
    def locked(self, *args, **kwargs):
        raise PermissionError

    monkeypatch.setattr(Path, "mkdir", locked)
    context.once("lstm", {}, make)
    assert make.calls == [context.checkpoints]
    assert "its store cannot be written" in logged[-1]


@pytest.mark.parametrize("name", ["", "a/b", "..", "x" * 61])
def test_a_name_that_no_folder_can_have(context, make, name):
    with pytest.raises(BadInput, match=r"context\.once: expected a name of letters"):
        context.once(name, {}, make)


def test_settings_that_json_cannot_write(context, make):
    with pytest.raises(BadInput, match="expected settings that JSON can write"):
        context.once("lstm", {"path": Path()}, make)


def test_two_processes_make_it_once(tmp_path):
    (tmp_path / "slow_part.py").write_text(
        textwrap.dedent(
            """
            import sys, time
            from pathlib import Path
            import torch
            from fsdl_bench.submissions.parts import Parts

            def make(checkpoints):
                Path("made").open("a").write("x")
                time.sleep(1)
                return 1

            if __name__ == "__main__":
                import slow_part
                store = Parts(Path("parts"), Path.cwd())
                key = store.key({}, slow_part.make, "d", 0)
                store.take("part", key, slow_part.make, seed=0, device=torch.device("cpu"), log=print)
            """
        )
    )
    command = [sys.executable, "slow_part.py"]
    one = subprocess.Popen(command, cwd=tmp_path)
    deadline = time.monotonic() + 60
    while not (tmp_path / "made").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    two = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert one.wait() == two.returncode == 0, two.stderr
    assert (tmp_path / "made").read_text() == "x"


SHARING = """
class {name}:
    def fit(self, train, validation, context):
        self.scores = context.once("noise", {{"size": context.vocab_size}}, make)
    def adapt(self, support):
        return self
    def logits(self, songs):
        return self.scores.expand(*songs.shape, -1)
def make(context):
    context.log("the part is made")
    return torch.rand(context.vocab_size)
"""


@pytest.mark.parametrize("isolate", [False, True])
def test_submissions_of_one_file_share_a_part(toy, model, run, capfd, isolate):
    path = model("\n".join(SHARING.format(name=name) for name in ("One", "Two")))
    options = {"isolate": isolate, "limit": 1, "shots": [0]}
    one, two = (run(f"{path}:{name}", **options) for name in ("One", "Two"))
    assert one.rows.equals(two.rows)
    assert capfd.readouterr().err.count("the part is made") == 1


@pytest.mark.skipif(not landlock.version(), reason="the kernel has no Landlock")
def test_an_isolated_submission_cannot_reach_the_parts_of_others(toy, model, run, own_home, capfd):
    run(model(SHARING.format(name="One")), limit=1, shots=[0])
    (part,) = own_home.glob("parts/shared/*/part.pt")
    path = model(
        f"""
        class Thief:
            def fit(self, train, validation, context):
                for mode in ("rb", "r+b"):
                    try:
                        open({str(part)!r}, mode)
                        print("opened it")
                    except OSError:
                        pass
                self.size = context.vocab_size
            def adapt(self, support):
                return self
            def logits(self, songs):
                return torch.zeros(*songs.shape, self.size)
        """,
        "thief.py",
    )
    capfd.readouterr()
    run(path, isolate=True, limit=1, shots=[0])
    assert "opened it" not in capfd.readouterr().err


READING = """
from pathlib import Path
class {name}:
    def fit(self, train, validation, context):
        self.size = context.vocab_size
        self.weight = context.once("weight", {{}}, make)
    def adapt(self, support):
        return self
    def logits(self, songs):
        scores = torch.zeros(*songs.shape, self.size)
        scores[..., 5] = self.weight
        return scores
def make(context):
    return float(Path(__file__).with_name("w.txt").read_text())
"""


@pytest.mark.parametrize("isolate", [False, True])
def test_a_file_that_a_part_came_from_counts_for_every_fit_that_uses_the_part(
    toy, model, run, isolate, capfd
):
    path = model("\n".join(READING.format(name=name) for name in ("One", "Two")))
    file = Path(path).with_name("w.txt")
    options = {"isolate": isolate, "limit": 1, "shots": [0]}

    def both():
        return [run(f"{path}:{name}", **options).rows.nats.sum() for name in ("One", "Two")]

    file.write_text("1.0")
    first = both()
    assert both() == first
    assert first[0] == first[1]
    file.write_text("2.0")
    second = both()
    assert second[0] == second[1] != first[0]
    said = capfd.readouterr().err
    for what in ("the part weight", "the fit of One on toy, seed 0", "the fit of Two on toy, seed 0"):
        assert f"w.txt changed since {what} was made" in said
