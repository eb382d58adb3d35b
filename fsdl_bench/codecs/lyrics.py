"""bpe4096-v1: text as byte-level BPE tokens, at most 4,096 ids, trained once per track and then frozen.

    ids:  0 PAD   1 BOS   2 EOS   3-258 the bytes 0-255   259- the merges, in the order they were learnt

Every byte has an id of its own, so any text that UTF-8 can express is encoded without loss, and there are no
special strings: a song may contain "<pad>" or "</s>". Text is first cut into pieces (see `PATTERN`), and no
token reaches across a cut.

Sennrich, Haddow, Birch 2016, "Neural machine translation of rare words with subword units"; over bytes as in
Radford et al. 2019.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from fsdl_bench.codecs.base import BOS, EOS, PAD, Tokens, Unit
from fsdl_bench.errors import BadInput
from fsdl_bench.songs import Kind

if TYPE_CHECKING:
    from tokenizers import Tokenizer

EXCERPT = 512
"""The first so many tokens of a song are scored, in every lyrics codec."""

PATTERN = r" ?['’]?[\p{L}\p{M}]+| ?\p{N}{1,3}| ?[^\s\p{L}\p{M}\p{N}]+\n*|\n+|\s+(?!\S)|\s+"
"""The pieces: a word with the space and the apostrophe before it; up to three digits; a run of punctuation
and the line breaks after it; line breaks; other space. In text without spaces,
such as Chinese, a piece is the text between two punctuation marks, and the merges find the words."""

_BYTES = 3
_FORMAT = "fsdl-bench/bpe/1"


def canonical(text: str) -> str:
    """NFC, line ends as `\\n`, trailing white space of each line and of the text removed; nothing else.

    NFC comes first, because it can turn one kind of space into another but never a letter into a space, and
    an NFC text is still NFC after its line ends were cut.
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip()


@dataclass(frozen=True)
class LyricsCodec:
    """Text to tokens and back by the merges of one track.

    `encode` is exact for any text, canonical or not; what a track holds has been through `canonical`.

    Attributes:
        merges: pairs of tokens that are joined, most wanted first, in the printable spelling of bytes that
            GPT-2 introduced ("Ġthe" for " the").
    """

    merges: tuple[tuple[str, str], ...]

    name: ClassVar[str] = "bpe4096-v1"
    kind: ClassVar[Kind] = "lyrics"
    unit: ClassVar[Unit] = "byte"

    @staticmethod
    def train(texts: Iterable[str], vocab_size: int = 4096) -> LyricsCodec:
        """Learn the merges from `texts`; their order does not matter.

        Args:
            texts: of the meta-training songs only, canonical.
            vocab_size: of ids in all, reserved ones included. Fewer come out where there is nothing left
                to join.

        Raises:
            ValueError: there is no room for the bytes, or a text has no UTF-8 form.
        """
        if vocab_size < _BYTES + 256:
            raise ValueError(f"vocab_size is {vocab_size}; 3 reserved ids and 256 bytes need {_BYTES + 256}")
        from tokenizers import models, pre_tokenizers, trainers

        tokenizer = _tokenizer(models.BPE())
        tokenizer.train_from_iterator(
            map(_checked, texts),
            trainers.BpeTrainer(
                vocab_size=vocab_size - _BYTES,
                initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                show_progress=False,
            ),
        )
        learnt = json.loads(tokenizer.to_str())["model"]["merges"]
        return LyricsCodec(tuple((left, right) for left, right in learnt))

    @staticmethod
    def from_json(data: str) -> LyricsCodec:
        """The codec that `to_json` wrote.

        Raises:
            BadInput: it is not such a file, or a merge joins a token that does not exist.
        """
        try:
            content = json.loads(data)
            if content["format"] != _FORMAT:
                raise ValueError(f"its format is {content['format']!r}")
            if content["pattern"] != PATTERN:
                raise ValueError("its pattern cuts text in another way than this version of the package")
            codec = LyricsCodec(tuple((left, right) for left, right in map(str.split, content["merges"])))
            codec._vocabulary  # noqa: B018  a broken list of merges must be found here
        except (ValueError, TypeError, KeyError) as error:
            raise BadInput(f"expected a codec file of format {_FORMAT!r}: {error}") from None
        return codec

    def to_json(self) -> str:
        """The codec as a small text file, the same for the same merges, one merge a line."""
        content = {"format": _FORMAT, "merges": [" ".join(pair) for pair in self.merges], "pattern": PATTERN}
        return json.dumps(content, ensure_ascii=False, indent=0, sort_keys=True) + "\n"

    @property
    def vocab_size(self) -> int:
        """3 reserved ids, 256 bytes, and one id for each token that the merges make."""
        return len(self._byte_strings)

    def encode(self, content: str) -> Tokens:
        """The whole text as uint16 [T], EOS at the end.

        Raises:
            ValueError: the text has no UTF-8 form (a lone surrogate).
        """
        return self.encode_batch([content])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[Tokens]:
        """As `encode`, for many texts at once on all cores."""
        encodings = self._tokenizer.encode_batch_fast([_checked(text) for text in texts])
        return [np.array([*encoding.ids, EOS], np.uint16) for encoding in encodings]

    def excerpt(self, tokens: Tokens) -> Tokens:
        """The first 512 tokens, EOS counted among them."""
        return tokens[:EXCERPT]

    def decode(self, tokens: npt.ArrayLike) -> str:
        """The text. An excerpt that ends inside a character shows U+FFFD in its place (see `decode_bytes`).

        Any sequence of ids has a text, also one that `encode` would have cut otherwise.

        Raises:
            ValueError: an id is out of range, PAD or BOS, or EOS is not the last; names position and id.
        """
        return self.decode_bytes(tokens).decode("utf-8", errors="replace")

    def decode_bytes(self, tokens: npt.ArrayLike) -> bytes:
        """The bytes of `tokens`, exactly; raises as `decode` does."""
        return b"".join([self._byte_strings[token] for token in checked_ids(tokens, self.vocab_size)])

    def units(self, tokens: npt.ArrayLike) -> int:
        """The number of UTF-8 bytes that `tokens` spell."""
        return int(self._byte_lengths[np.asarray(tokens, np.int64)].sum())

    def token_kinds(self) -> dict[str, slice]:
        """There are no kinds of token in a text."""
        return {}

    def allowed_next(self, prefix: Sequence[int] | npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.bool_]:
        """bool [V]: after EOS nothing, else everything but PAD and BOS."""
        allowed = np.full(self.vocab_size, len(prefix) == 0 or prefix[-1] != EOS)
        allowed[[PAD, BOS]] = False
        return allowed

    def __reduce__(self) -> tuple[Any, ...]:
        return LyricsCodec, (self.merges,)

    @cached_property
    def _vocabulary(self) -> dict[str, int]:
        """Token as spelt in `merges` to id. Two merges may make one token ("a" + "bc" and "ab" + "c")."""
        vocabulary = {symbol: _BYTES + byte for byte, symbol in enumerate(_SYMBOLS)}
        for left, right in self.merges:
            if left not in vocabulary or right not in vocabulary:
                raise ValueError(f"the merge of {left!r} and {right!r} comes before they are made")
            vocabulary.setdefault(left + right, len(vocabulary) + _BYTES)
        return vocabulary

    @cached_property
    def _byte_strings(self) -> list[bytes]:
        byte_of = {symbol: byte for byte, symbol in enumerate(_SYMBOLS)}
        return [b""] * _BYTES + [bytes(byte_of[symbol] for symbol in token) for token in self._vocabulary]

    @cached_property
    def _byte_lengths(self) -> npt.NDArray[np.int64]:
        return np.array([len(string) for string in self._byte_strings], np.int64)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        from tokenizers import models

        return _tokenizer(models.BPE(vocab=self._vocabulary, merges=list(self.merges)))


def checked_ids(tokens: npt.ArrayLike, vocab_size: int) -> list[int]:
    """The ids of a sequence without its EOS.

    Raises:
        ValueError: an id is out of range, PAD or BOS, or EOS is not the last; names position and id.
    """
    ids: list[int] = np.asarray(tokens).tolist()
    if ids and ids[-1] == EOS:
        ids.pop()
    for position, token in enumerate(ids):
        if token == EOS:
            raise ValueError(f"position {position}: EOS (id {EOS}) before the end of the sequence")
        if not EOS < token < vocab_size:
            raise ValueError(
                f"position {position}: expected an id of {EOS + 1}-{vocab_size - 1}, found {token}"
            )
    return ids


def _checked(text: str) -> str:
    text.encode("utf-8")  # raises UnicodeEncodeError, a ValueError, for a lone surrogate
    return text


def _tokenizer(model: Any) -> Tokenizer:
    from tokenizers import Regex, Tokenizer, pre_tokenizers

    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return tokenizer


def _symbols() -> str:
    """GPT-2's spelling: byte b is the character at position b, printable and never a space."""
    printable = {
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    }
    others = iter(range(256, 512))
    return "".join(chr(byte if byte in printable else next(others)) for byte in range(256))


_SYMBOLS = _symbols()
