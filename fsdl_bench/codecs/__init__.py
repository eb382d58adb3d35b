"""Codecs: song <-> canonical token ids, one file each; `load_codec` opens one by its name."""

from fsdl_bench.codecs.base import BOS, EOS, PAD, Codec, Tokens
from fsdl_bench.errors import BadInput

__all__ = ["BOS", "EOS", "PAD", "Codec", "Tokens", "load_codec"]


def load_codec(name: str, data: str | None = None) -> Codec:
    """The codec called `name`.

    Args:
        name: "note10ms-v1", "bpe4096-v1" or "words-v1".
        data: the content of the track's `codec.json`, for a codec that is trained per track.

    Raises:
        BadInput: there is no such codec, or `data` is missing, broken, or given to one that takes none.
    """
    from fsdl_bench.codecs.lyrics import LyricsCodec

    if name == LyricsCodec.name:
        if data is None:
            raise BadInput(f"codec {name!r} is trained per track: pass the content of the track's codec.json")
        return LyricsCodec.from_json(data)
    if data is not None:
        raise BadInput(f"codec {name!r} takes no data")

    from fsdl_bench.codecs.midi import MidiCodec
    from fsdl_bench.codecs.words import WordsCodec

    for codec in (MidiCodec, WordsCodec):
        if name == codec.name:
            return codec()
    raise BadInput(f"there is no codec {name!r}; there are: bpe4096-v1, note10ms-v1, words-v1")
