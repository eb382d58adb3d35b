"""The ids that codecs share, and that what `load_codec` opens is what the protocol says."""

import inspect

import numpy as np
import pytest

from fsdl_bench.codecs import base
from fsdl_bench.codecs.midi import MidiCodec

MEMBERS = [name for name in vars(base.Codec) if not name.startswith("_")]


def test_the_shared_ids_are_those_of_the_design():
    assert (base.PAD, base.BOS, base.EOS) == (0, 1, 2)


def test_the_protocol_is_what_users_may_rely_on():
    assert set(MEMBERS) == {
        *("name", "kind", "vocab_size", "unit"),
        *("encode", "excerpt", "decode", "units", "token_kinds", "allowed_next"),
    }


@pytest.mark.parametrize("name", MEMBERS)
def test_the_midi_codec_has_every_member_with_the_arguments_of_the_protocol(name):
    promised, given = getattr(base.Codec, name), getattr(MidiCodec, name)
    if callable(promised):
        assert list(inspect.signature(promised).parameters) == list(inspect.signature(given).parameters)


def test_tokens_hold_every_id():
    assert np.iinfo(np.uint16).max >= MidiCodec.vocab_size - 1
