"""A language model with its own tokenizer: against the library's loss, slices, and the model on track ids."""

import math
from dataclasses import replace

import pytest
import torch

from fsdl_bench import BadInput, load_codec, pad
from fsdl_bench.codecs.lyrics import LyricsCodec

transformers = pytest.importorskip("transformers", reason="needs the extra [transformers]")
tokenizers = pytest.importorskip("tokenizers", reason="needs the extra [transformers]")

POEMS = [
    "The rose is red,\nthe violet blue.\n\nSugar is sweet",
    "O wild West Wind, thou breath of Autumn's being",
    "Über allen Gipfeln\nist Ruh … 🎵\nin allen Wipfeln",
]
BYTE = math.log(256)


@pytest.fixture(scope="module")
def codec():
    return LyricsCodec.train(POEMS, 290)


@pytest.fixture(scope="module")
def foreign():
    """A byte-level tokenizer that is not the codec's, trained on the poems."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(POEMS, trainer)
    return tokenizer


@pytest.fixture
def save(tmp_path):
    """Writes a folder with a model of random weights, and with a tokenizer if one is given."""

    def save(name, size, tokenizer=None, **special):
        torch.manual_seed(0)
        config = transformers.GPT2Config(
            vocab_size=size, n_positions=256, n_embd=16, n_layer=2, n_head=2, initializer_range=0.3
        )
        transformers.AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / name)
        if tokenizer is not None:
            fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)
            fast.save_pretrained(tmp_path / name)
        return tmp_path / name

    return save


@pytest.fixture
def load(baseline, context, codec):
    """The submission for a folder, prepared for a track of the poems."""

    def load(folder, reserve=100, **options):
        submission = baseline("transformers_lm").TransformersLM(folder, reserve=reserve, **options)
        submission.prepare(replace(context, codec=codec))
        return submission

    return load


@pytest.fixture
def folder(save, foreign):
    return save("model", 320, foreign, eos_token="<|endoftext|>")


def library_loss(folder, ids, scored):
    """The sum of -log p of the last `scored` ids, by the loss of the library."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    labels = torch.tensor([ids])
    labels[:, :-scored] = -100
    with torch.no_grad():
        return float(model(torch.tensor([ids]), labels=labels).loss) * scored


def test_the_bound_is_the_loss_of_the_library(load, folder, foreign, codec):
    first, second, query = (foreign.encode(poem).ids for poem in POEMS)
    end = foreign.token_to_id("<|endoftext|>")
    songs = [codec.encode(poem) for poem in POEMS]
    submission = load(folder)
    assert submission.exact is False
    for support, before in (([], [end]), (songs[:2], [end, *first, end, *second, end])):
        found = submission.adapt(support).nats(pad([songs[2], songs[0]]))
        assert found.shape == (2,)
        assert found[0].item() == pytest.approx(
            library_loss(folder, [*before, *query, end], len(query) + 1), rel=1e-5
        )
        cut = submission.adapt(support).nats(pad([songs[2][:-1]]))
        assert cut.item() == pytest.approx(library_loss(folder, [*before, *query], len(query)), rel=1e-5)
    assert load(folder, context="none").adapt(songs[:2]).prefix == [end]


def test_with_the_ids_of_the_track_the_bound_is_the_exact_figure(load, save, codec):
    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2} | codec._vocabulary
    same = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=list(codec.merges)))
    same.pre_tokenizer, same.decoder = codec._tokenizer.pre_tokenizer, tokenizers.decoders.ByteLevel()
    exact = load(save("ids", codec.vocab_size))
    text = load(save("text", codec.vocab_size, same, bos_token="<s>", eos_token="</s>"))
    assert (exact.exact, text.exact) == (True, False)
    support, query = [codec.encode(POEMS[0])], [codec.encode(POEMS[1]), codec.encode(POEMS[2])]
    batch = pad(query)
    for songs in ((), support):
        after = text.adapt(songs).prefix
        with torch.no_grad():
            scores = exact.adapt(songs)
            scores.prefix = after  # a tokenizer's model is given one start, the other one for each song
            rows = scores.logits(batch).double().log_softmax(-1)
        expected = [
            -float(row[torch.arange(len(song)), torch.from_numpy(song.astype(int))].sum())
            for row, song in zip(rows, query, strict=True)
        ]
        assert text.adapt(songs).nats(batch).tolist() == pytest.approx(expected, rel=1e-5)


def test_a_song_longer_than_the_window(load, folder):
    """Every id is scored once, from at least half a window: compared with one call for each id."""
    reader = load(folder).text
    reader.window = 16
    ids = torch.randint(1, 320, (61,)).tolist()
    prefix, target = ids[:5], ids[5:]
    starts = {16: 0, 24: 8, 32: 16, 40: 24, 48: 32, 56: 40, 61: 48}
    expected = 0.0
    for place in range(5, 61):
        left = next(start for end, start in starts.items() if end > place)
        with torch.no_grad():
            scores = reader.model(torch.tensor([ids[left:place]])).logits[0, -1]
        expected -= float(scores.log_softmax(-1)[ids[place]])
    assert reader.score(prefix, target) == pytest.approx(expected, rel=1e-5)


def test_a_divided_character_costs_its_bytes(load, folder, codec):
    """🎵 has four bytes, which are four tokens of the codec."""
    song = codec.encode(POEMS[2])
    start = len(codec.encode(POEMS[2].partition("🎵")[0])) - 1
    predictor = load(folder).adapt([])
    whole = predictor.nats(pad([song[:start]])).item()
    for divided in (1, 2, 3):
        found = predictor.nats(pad([song[: start + divided]])).item()
        assert found == pytest.approx(whole + divided * BYTE, rel=1e-5)


def test_what_the_tokenizer_loses_costs_its_bytes(load, save, foreign, codec):
    lowered = tokenizers.Tokenizer.from_str(foreign.to_str())
    lowered.normalizer = tokenizers.normalizers.Lowercase()
    folder = save("lower", 320, lowered, eos_token="<|endoftext|>")
    end = foreign.token_to_id("<|endoftext|>")
    found = load(folder).adapt([]).nats(pad([codec.encode(POEMS[1])])).item()
    assert found == pytest.approx(len(POEMS[1]) * BYTE + library_loss(folder, [end, end], 1), rel=1e-5)


def test_as_many_support_songs_as_fit(load, folder, foreign, codec):
    songs = [codec.encode(poem) for poem in POEMS]
    length = 1 + len(foreign.encode(POEMS[0]).ids) + 1
    submission = load(folder, reserve=256 - length)
    assert len(submission.adapt(songs[:1]).prefix) == length
    assert len(submission.adapt(songs).prefix) == length, "the second has no room"


def test_a_tokenizer_without_its_settings(load, folder, codec):
    """Many folders have `tokenizer.json` alone; the end of text is then the model's."""
    songs = pad([codec.encode(POEMS[0])])
    expected = load(folder).adapt([]).nats(songs)
    (folder / "tokenizer_config.json").unlink()
    assert torch.equal(load(folder).adapt([]).nats(songs), expected)


def test_a_tokenizer_that_cannot_be_loaded(load, folder):
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(BadInput, match=r"the tokenizer in .* cannot be loaded"):
        load(folder)


def test_what_cannot_be_read_as_text(baseline, context, save, foreign):
    load = baseline("transformers_lm").TransformersLM
    endless = save("endless", 320, foreign)
    with pytest.raises(BadInput, match="no `eos_token`"):
        load(endless, reserve=9).prepare(context)
    folder = save("model", 320, foreign, eos_token="<|endoftext|>")
    midi = replace(context, kind="midi", track="midi-scores", codec=load_codec("note10ms-v1"))
    with pytest.raises(BadInput, match="midi-scores is a midi track"):
        load(folder, reserve=9).prepare(midi)
