"""A tiny random model of the transformers library, scored by the harness and by hand."""

import numpy as np
import pytest
import torch

from fsdl_bench import BadInput

transformers = pytest.importorskip("transformers", reason="needs the extra [transformers]")

ARCHITECTURES = {
    "gpt2": lambda v: transformers.GPT2Config(
        vocab_size=v, n_positions=1024, n_embd=16, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=2
    ),
    "llama": lambda v: transformers.LlamaConfig(
        vocab_size=v,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=2048,
    ),
}


@pytest.fixture(params=list(ARCHITECTURES))
def folder(request, tmp_path):
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(ARCHITECTURES[request.param](128))
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def by_hand(folder, support, song, vocab_size):
    """-log p(song) with the library alone: one long sequence, the softmax over the track's ids."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    ids = []
    for s in support:
        ids += [1, *s.tolist()] + ([] if s[-1] == 2 else [2])
    ids += [1, *song.tolist()]
    with torch.no_grad():
        scores = model(torch.tensor([ids])).logits[0, -len(song) - 1 : -1, :vocab_size].double()
    return -float(scores.log_softmax(-1)[torch.arange(len(song)), torch.from_numpy(song.astype(int))].sum())


@pytest.mark.parametrize("synthetic", ["lyrics-synthetic"], indirect=True)
@pytest.mark.parametrize("shown", ["support", "none"])
def test_the_harness_scores_what_the_library_scores(score, folder, shown):
    settings = [f"folder={folder}", f"context={shown}"]
    _, rows = score("transformers_lm", settings, shots=(0, 1))
    for row, episode, song in rows[::4]:
        support = [s.tokens for s in episode.at(row.shots)] if shown == "support" else []
        assert row.nats == pytest.approx(by_hand(folder, support, song, 100), abs=1e-3)


def loaded(baseline, context, folder, **options):
    submission = baseline("transformers_lm").TransformersLM(folder, **options)
    submission.prepare(context)
    return submission


def test_as_many_support_songs_as_fit(baseline, context, folder):
    submission = loaded(baseline, context, folder, reserve=600)
    room = submission.window - 600
    songs = [np.full(room // 3, 5, np.uint16)] * 4
    assert len(submission.adapt(songs).prefix) == 2 * (room // 3 + 2) + 1
    assert submission.adapt(songs[:1]).prefix[-2:] == [2, 1]
    assert submission.adapt([]).prefix == [1]
    ended = np.array([5, 6, 2], np.uint16)
    assert submission.adapt([ended]).prefix == [1, 5, 6, 2, 1]


def test_what_does_not_fit_is_said(baseline, context, folder, tmp_path):
    submission = loaded(baseline, context, folder)
    with pytest.raises(BadInput, match="--set reserve=3001"):
        submission.adapt([]).logits(torch.full((1, 3000), 5))
    with pytest.raises(BadInput, match="`reserve` asks for 9999"):
        loaded(baseline, context, folder, reserve=9999)
    with pytest.raises(BadInput, match="no folder of a causal language model"):
        loaded(baseline, context, tmp_path / "none")
    small = transformers.AutoModelForCausalLM.from_config(ARCHITECTURES["gpt2"](50))
    small.save_pretrained(tmp_path / "small")
    with pytest.raises(BadInput, match="scores 50 ids, but words-v1 of lyrics-synthetic has 100"):
        loaded(baseline, context, tmp_path / "small")
