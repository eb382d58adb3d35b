"""The memory-augmented network: an empty memory, permuted slots, and songs that repeat the support."""

import numpy as np
import pytest
import torch

SUPPORT = [np.arange(4, 15, dtype=np.uint16), np.array([6, 7, 5, 4, 9, 3], np.uint16)]
QUERY = torch.randint(4, 20, (2, 21), generator=torch.Generator().manual_seed(3))
QUERY[1, 12:] = 0


@pytest.fixture
def module(baseline):
    return baseline("mann")


@pytest.fixture
def model(baseline):
    torch.manual_seed(0)
    return baseline("common.lstm").LSTMLanguageModel(20, 5, 7).double().eval()


@pytest.fixture
def learner(module, model):
    torch.manual_seed(1)
    made = module.MemoryLearner(model, slots=6, heads=2, key=4, value=3).double()
    torch.nn.init.normal_(made.out)
    torch.nn.init.normal_(made.place)
    return made


def test_an_empty_memory_is_the_lstm(module, model, learner):
    """The first segment of a song without support reads nothing."""
    found = module.MANNPredictor(model, learner, []).logits(QUERY)
    expected = model(QUERY)
    torch.testing.assert_close(found[:, :8], expected[:, :8], rtol=0, atol=1e-12)
    assert not torch.allclose(found[:, 8:], expected[:, 8:], atol=1e-3)


def test_a_wiped_memory_is_the_lstm(module, model, learner):
    class Wiped(type(learner)):
        def write(self, memory, *_):
            return memory._replace(keys=0 * memory.keys, values=0 * memory.values)

    learner.__class__ = Wiped
    found = module.MANNPredictor(model, learner, SUPPORT).logits(QUERY)
    torch.testing.assert_close(found, model(QUERY), rtol=0, atol=1e-12)


def test_slots_have_no_order(module, model, learner):
    """After a permutation of the slots of a full memory, all scores are the same."""
    reader = module.MANNPredictor(model, learner, [np.arange(4, 19, dtype=np.uint16)] * 5)
    expected = reader.logits(QUERY)
    assert (reader.memory.use > 0).all()
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    reader.memory = type(reader.memory)(*(part[:, order] for part in reader.memory))
    torch.testing.assert_close(reader.logits(QUERY), expected, rtol=0, atol=1e-12)


def test_the_least_used_slot_is_written(learner):
    memory = learner.empty(1)
    use = torch.tensor([[0.5, 0.2, 0.9, 0.1, 0.7, 0.3]]).double()
    keys = torch.ones_like(memory.keys)
    with torch.no_grad():
        learner.blend.fill_(-60.0)
        memory = memory._replace(use=use, keys=keys)
        weights, start = torch.zeros(1, 6).double(), torch.randn(1, 5).double()
        after = learner.write(memory, weights, start, torch.arange(4, 12)[None])
        row = learner.to_key(start)[0]
    torch.testing.assert_close(after.keys[0, 3], row)
    torch.testing.assert_close(after.keys[0, [0, 1, 2, 4, 5]], keys[0, 1:])
    torch.testing.assert_close(after.use, 0.99 * use + torch.tensor([[0, 0, 0, 1.0, 0, 0]]).double())


def test_the_order_of_the_support_and_the_stream(module, model, learner, check_stream):
    reader = module.MANNPredictor(model, learner, SUPPORT)
    other = module.MANNPredictor(model, learner, SUPPORT[::-1])
    assert torch.equal(reader.logits(QUERY), other.logits(QUERY))
    check_stream(reader, QUERY, 1e-12)
    one = module.MANNPredictor(model, learner, SUPPORT[:1])
    assert not torch.allclose(one.logits(QUERY), reader.logits(QUERY), atol=1e-3)
    one.observe(SUPPORT[1])
    torch.testing.assert_close(one.logits(QUERY), reader.logits(QUERY), rtol=0, atol=1e-12)


def test_it_copies_a_support_song(module, baseline):
    """Queries repeat the one support song, of random tokens: at almost 0 nats after meta-training."""
    length = 16
    heads = baseline("common.heads")
    model = baseline("common.lstm").LSTMLanguageModel(24, 32, 48, dropout=0.0).eval()
    learner = module.MemoryLearner(model, slots=4, heads=2, key=32, value=128)
    optimiser = torch.optim.Adam(learner.parameters(), 5e-3)
    random = np.random.default_rng(0)

    def episode():
        song = heads.read(model, torch.tensor(random.integers(4, 24, length)[None]))
        return song, song

    for _ in range(700):
        loss = learner.nats(*episode()) / length
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimiser.step()
    with torch.no_grad():
        losses = [float(learner.nats(*episode())) / length for _ in range(20)]
        support = episode()[0]
        none = learner.nats(heads.read(model, torch.zeros(0, 0, dtype=torch.int64)), support)
    assert np.mean(losses) < 0.1
    assert float(none) / length > 2.0


def test_keeps_the_rules(keeps_the_rules):
    keeps_the_rules("mann", slots=16)
