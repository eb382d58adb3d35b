"""The check on Penn Treebank, on a small text with known properties."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

PATH = Path(__file__).parents[1] / "benchmarks" / "ptb.py"


@pytest.fixture(scope="module")
def ptb():
    spec = importlib.util.spec_from_file_location("ptb", PATH)
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    sys.modules["ptb"] = module
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = before
    del sys.modules["ptb"]


@pytest.fixture
def data(tmp_path):
    """Texts in which every page of 40 lines uses five of sixty words."""
    random = np.random.default_rng(0)
    for split, pages in (("train", 12), ("valid", 2), ("test", 2)):
        lines = []
        for _ in range(pages):
            own = random.choice(60, 5, replace=False)
            lines += [" ".join(f"w{word}" for word in random.choice(own, 8)) for _ in range(40)]
        (tmp_path / f"ptb.{split}.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.fixture
def model(ptb):
    torch.manual_seed(0)
    model = ptb.LSTMLanguageModel(40, 8, 10).double().eval()
    torch.nn.init.normal_(model.project.weight)
    return model


@torch.no_grad()
def test_nothing_changes_without_a_share_and_without_a_rate(ptb, model):
    tokens = torch.randint(3, 40, (1203,), generator=torch.Generator().manual_seed(1))
    expected = ptb.static(model, tokens)
    logs = model.scores(model.features(tokens[None, :-1])[0])[0].log_softmax(-1)
    assert expected == pytest.approx(float(-logs.gather(-1, tokens[1:, None]).sum()), rel=1e-9)
    assert ptb.cached(model, tokens, ptb.CacheSettings(0.5, 0.0, 500)) == pytest.approx(expected, rel=1e-9)
    ones = [torch.ones(()) for _ in model.parameters()]
    still = ptb.make_rule(ones, 0.0, 0.0, ptb.SEGMENT, 0.0)
    assert ptb.dynamic(model, tokens, still) == pytest.approx(expected, rel=1e-9)


@torch.no_grad()
def test_the_cache_reaches_over_the_cuts_of_the_text(ptb, model):
    """Scored in parts of 500 words, as if it were one song."""
    tokens = torch.randint(3, 40, (1203,), generator=torch.Generator().manual_seed(2))
    settings = ptb.CacheSettings(0.5, 0.3, 500)
    features = model.features(tokens[None, :-1])[0]
    whole = ptb.song_mixture(model, settings, ptb.no_memory(model), features, tokens[None, 1:])[0]
    assert ptb.cached(model, tokens, settings) == pytest.approx(ptb.nats(whole, tokens[1:]), rel=1e-9)


def test_pages_with_words_of_their_own_favour_both(ptb, data, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["ptb.py", "--data", str(data), "--epochs", "2", "--rows", "4"])
    ptb.main()
    lines = capsys.readouterr().out.splitlines()
    found = {line[:20].strip(): [float(figure) for figure in line[20:].split()] for line in lines[1:]}
    assert found["static"][1] == 1
    assert found["neural cache"][1] < 0.9
    assert found["dynamic evaluation"][1] < 1


def test_missing_files_are_named(ptb, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["ptb.py", "--data", str(tmp_path)])
    with pytest.raises(SystemExit) as error:
        ptb.main()
    assert error.value.code == 2
    assert "ptb.train.txt" in capsys.readouterr().err
