"""words-v1: text over a closed list of 96 made-up words; every word is one token. For `lyrics-synthetic`.

    text   = lines joined by line breaks         a line  = words joined by single spaces, or nothing
    tokens = the words of each line, then BREAK (the last line has one too), then EOS
    ids:     0 PAD   1 BOS   2 EOS   3 BREAK   4-99 the words

BREAK ends a line as it does in a text file, so texts and the sequences that end in BREAK EOS correspond one
to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fsdl_bench.codecs.base import BOS, EOS, PAD, Tokens, Unit
from fsdl_bench.codecs.lyrics import EXCERPT, checked_ids
from fsdl_bench.songs import Kind

BREAK = 3
"""The id that ends a line."""

FIRST_WORD = 4
"""The id of the first word; `WORDS[i]` is `FIRST_WORD + i`."""

_LIST = """
mi lo na su ve ra do ki sol ten lai bri fen mor dai zu her ris vos pel
mira luna sowe taga brena kelo vidu nomi shara felo dosi galen turi wela bano
ruzi losi kegla novi zubi floren marai tite sarom dogle rena shani vosta hona
brolin lasan wena tibro gesto fumai nagom lushor visa paren doru kizai zelma
rosin waleo lavis merun stela hadri
lomiras shaileno talova vubidem korali senadra wogohi lapofen belasi taramel
fanorai zarelo dumenai riveso kalindor sholena morabi vetalun gesirai
nolavesh dobaine pelimar sudrova tomarin hulavei zerenko midoral asteluna
"""

WORDS: tuple[str, ...] = tuple(_LIST.split())
"""The closed list. Frozen: another list would be another codec."""

_ID = {word: FIRST_WORD + index for index, word in enumerate(WORDS)}
_BYTES_AND_SPACE = np.array([0] * FIRST_WORD + [len(word) + 1 for word in WORDS], np.int64)


class WordsCodec:
    """Text over `WORDS` to tokens and back."""

    name: ClassVar[str] = "words-v1"
    kind: ClassVar[Kind] = "lyrics"
    unit: ClassVar[Unit] = "byte"
    vocab_size: ClassVar[int] = FIRST_WORD + len(WORDS)

    def encode(self, content: str) -> Tokens:
        """The whole text as uint16 [T], BREAK and EOS at the end.

        Raises:
            ValueError: a word is not in the list, or words are not parted by exactly one space.
        """
        tokens: list[int] = []
        for number, line in enumerate(content.split("\n"), 1):
            for word in line.split(" ") if line else ():
                if word not in _ID:
                    raise ValueError(f"line {number}: {word!r} is not a word of {self.name}")
                tokens.append(_ID[word])
            tokens.append(BREAK)
        return np.array([*tokens, EOS], np.uint16)

    def excerpt(self, tokens: Tokens) -> Tokens:
        """The first 512 tokens, EOS counted among them."""
        return tokens[:EXCERPT]

    def decode(self, tokens: npt.ArrayLike) -> str:
        """The text. An excerpt may end inside a line.

        Raises:
            ValueError: an id is out of range, PAD or BOS, or EOS is not the last or does not follow a BREAK;
                names position and id.
        """
        ids = checked_ids(tokens, self.vocab_size)
        if len(ids) < np.size(tokens) and ids[-1:] != [BREAK]:
            raise ValueError(
                f"position {len(ids)}: EOS (id {EOS}) inside a line, expected BREAK (id {BREAK})"
            )
        lines: list[list[str]] = [[]]
        for token in ids:
            if token == BREAK:
                lines.append([])
            else:
                lines[-1].append(WORDS[token - FIRST_WORD])
        if ids[-1:] == [BREAK]:
            lines.pop()
        return "\n".join(" ".join(line) for line in lines)

    def units(self, tokens: npt.ArrayLike) -> int:
        """The number of UTF-8 bytes of the text that `decode` gives.

        A word counts with the space or line break after it, a BREAK only on an empty line; the last line has
        no break.
        """
        ids = np.asarray(tokens, np.int64)
        ids = ids[ids != EOS]
        empty_lines = (ids == BREAK) & (np.concatenate(([BREAK], ids[:-1])) == BREAK)
        return max(0, int(_BYTES_AND_SPACE[ids].sum() + empty_lines.sum()) - 1)

    def token_kinds(self) -> dict[str, slice]:
        """There are no kinds of token in a text."""
        return {}

    def allowed_next(self, prefix: Sequence[int] | npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.bool_]:
        """bool [V]: words and BREAK, and EOS after a BREAK; after EOS nothing."""
        last = prefix[-1] if len(prefix) else None
        allowed = np.full(self.vocab_size, last != EOS)
        allowed[[PAD, BOS]] = False
        allowed[EOS] = last == BREAK
        return allowed
