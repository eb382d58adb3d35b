"""The Transformer against one that is written out, and its parts against each other."""

import math

import pytest
import torch
from torch import nn

V, WIDTH, HEADS = 13, 16, 2


@pytest.fixture
def parts(baseline):
    return baseline("common.transformer")


@pytest.fixture
def model(parts):
    return parts.Transformer(V, WIDTH, 3, HEADS, dropout=0.0, song_pairs=2).double().eval()


def by_hand(model, inputs, positions):
    """Features of one sequence of ids [T] with positions [T, 2], one token, head and pair at a time."""
    x = model.embed.weight[inputs] * math.sqrt(WIDTH)
    size = WIDTH // HEADS
    pairs = size // 2 - 2
    speeds = [(0, 1e4 ** -(i / pairs)) for i in range(pairs)] + [(1, 1.0), (1, 1 / 20)]

    def rotated(vector, position):
        out = vector.clone()
        for i, (axis, speed) in enumerate(speeds):
            angle = float(position[axis]) * speed
            a, b = vector[i], vector[i + size // 2]
            out[i] = a * math.cos(angle) - b * math.sin(angle)
            out[i + size // 2] = a * math.sin(angle) + b * math.cos(angle)
        return out

    def mixed(conv, rows):
        normed = conv.norm(rows)
        return torch.stack(
            [sum(conv.mix[j] * normed[t - j] for j in range(min(4, t + 1))) for t in range(len(rows))]
        )

    for block in model.blocks:
        normed = mixed(block.conv_attention, x)
        query = block.attention.query(normed)
        key, value = block.attention.key_value(normed).chunk(2, -1)
        rows = []
        for t in range(len(x)):
            heads = []
            for h in range(HEADS):
                part = slice(h * size, (h + 1) * size)
                q = rotated(query[t, part], positions[t])
                dots = torch.stack([q @ rotated(key[s, part], positions[s]) for s in range(t + 1)])
                shares = (dots / math.sqrt(size)).softmax(0)
                heads.append(sum(shares[s] * value[s, part] for s in range(t + 1)))
            rows.append(torch.cat(heads))
        x = x + block.attention.out(torch.stack(rows))
        x = x + block.hidden(mixed(block.conv_hidden, x))
    return model.norm(x)


@torch.no_grad()
def test_against_one_written_out(model):
    inputs = torch.randint(V, (2, 7))
    positions = torch.stack([torch.tensor([0, 1, 2, 0, 1, 2, 3]), torch.tensor([0, 0, 0, 1, 1, 1, 1])], -1)
    features, _ = model.features(inputs, positions[None])
    for row, ids in zip(features, inputs, strict=True):
        torch.testing.assert_close(
            row, by_hand(model, ids, positions), rtol=0, atol=1e-6
        )  # speeds come from float32


@torch.no_grad()
@pytest.mark.parametrize("cut", [1, 4, 8])
def test_two_calls_with_a_cache_are_one_pass(parts, model, cut):
    inputs = torch.randint(V, (3, 9))
    where = parts.song_positions(9, song=2)
    whole, _ = model.features(inputs, where)
    _, cache = model.features(inputs[:, :cut], where[:, :cut])
    rest, after = model.features(inputs[:, cut:], where[:, cut:], cache)
    torch.testing.assert_close(rest, whole[:, cut:], rtol=0, atol=1e-12)
    assert cache[0].kv.keys.shape[2] == cut
    assert after[0].kv.keys.shape[2] == 9


@torch.no_grad()
def test_one_cache_serves_many_rows(parts, model):
    read, inputs = torch.randint(V, (1, 5)), torch.randint(V, (3, 4))
    _, cache = model.features(read, parts.song_positions(5))
    together, _ = model.features(inputs, parts.song_positions(4, song=1), cache)
    where = torch.cat([parts.song_positions(5), parts.song_positions(4, song=1)], 1)
    for row, ids in zip(together, inputs, strict=True):
        alone, _ = model.features(torch.cat([read[0], ids])[None], where)
        torch.testing.assert_close(row, alone[0, 5:], rtol=0, atol=1e-12)


@torch.no_grad()
def test_token_by_token_is_the_full_pass(parts, model):
    read, inputs = torch.randint(V, (1, 5)), torch.randint(V, (3, 12))
    _, cache = model.features(read, parts.song_positions(5))
    for before in (None, cache):
        scores = model.scores(model.features(inputs, parts.song_positions(12, song=3), before)[0])
        stream = parts.TransformerStream(model, before, song=3, songs=3)
        rows = torch.stack([stream.step(tokens) for tokens in inputs.T], 1)
        torch.testing.assert_close(rows, scores, rtol=0, atol=1e-12)


@torch.no_grad()
def test_only_differences_of_positions_count(parts, model):
    inputs = torch.randint(V, (1, 6))
    one, _ = model.features(inputs, parts.song_positions(6))
    other, _ = model.features(inputs, parts.song_positions(6, song=5, start=40))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
    spread = parts.song_positions(6) * torch.tensor([2, 1])
    assert not torch.allclose(one, model.features(inputs, spread)[0], atol=1e-3)


def test_angles_stay_exact_in_training(parts, model):
    rotary, where = model.rotary.float(), parts.song_positions(400, song=3)
    with torch.autocast("cpu", torch.bfloat16):
        inside = rotary(where)
    torch.testing.assert_close(inside, rotary(where), rtol=0, atol=0)


def test_no_token_sees_a_later_one(parts, model):
    vectors = model.embed.weight[torch.randint(V, (1, 6))].detach().requires_grad_()
    rotation = model.rotary(parts.song_positions(6))
    x, _ = model.blocks[0](vectors, rotation, causal=True)
    for t in range(6):
        (slope,) = torch.autograd.grad(x[0, t].sum(), vectors, retain_graph=True)
        assert (slope[0, t + 1 :] == 0).all()
        assert (slope[0, : t + 1] != 0).any(-1).all()


def test_it_learns_to_copy(parts):
    """Attention with positions must find what followed this token the last time: an induction head."""
    model = parts.Transformer(V, 32, 2, 2, dropout=0.0)
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(250):
        half = torch.rand(32, V - 1, generator=generator).argsort(1)[:, :8] + 1
        songs = torch.cat([half, half], 1)
        scores = model.scores(model.features(songs[:, :-1], parts.song_positions(15))[0])[:, 8:]
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), songs[:, 9:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.3 < math.log(V - 1)
