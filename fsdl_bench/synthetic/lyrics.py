"""The chain behind `lyrics-synthetic`: words after words, in lines and stanzas.

    OPEN   the first word of a stanza        a word
    LINE   the start of a line               a word, or BREAK: a blank line ends the stanza
    TURN   as LINE, from token 60 on         the same, or EOS
    CLOSE  as LINE, from token 188 on        EOS
    w      after the word w                  a word, or BREAK
    FULL   after the tenth word of a line    BREAK

So a song has 61 to 200 tokens. The base measure of each context is drawn around one that all contexts share,
in which words are as frequent as Zipf's law has it.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import numpy.typing as npt

from fsdl_bench.codecs.base import EOS
from fsdl_bench.codecs.words import BREAK, FIRST_WORD, WORDS, WordsCodec
from fsdl_bench.synthetic.chain import Slot, Weights

ALPHA = 5.0
"""The weight of the base measures in an artist, as a number of observations."""

SPREAD = 40.0
"""The weight of the words' frequencies in the base measure of a context."""

FLOOR = 0.05
"""This part of each base measure is the frequencies themselves, so nothing is next to impossible."""

ZIPF_OFFSET = 8.0
"""The i-th word's frequency is as 1 / (i + ZIPF_OFFSET)."""

BREAK_RATE, STANZA_RATE, END_RATE = 0.17, 0.2, 0.16
"""Mean frequency of BREAK after a word and at the start of a line, and of EOS at the start of a line."""

MAY_END, MUST_END, LINE_WORDS = 60, 188, 10
"""The tokens from which EOS may and must come; words in the longest line."""

_OPEN, _LINE, _TURN, _CLOSE, _FULL, _AFTER = range(6)


class LyricsChain:
    """The chain of `lyrics-synthetic` over the ids of `words-v1`.

    Args:
        random: draws the base measures.
    """

    vocab_size = WordsCodec.vocab_size
    longest = MUST_END + LINE_WORDS + 2

    def __init__(self, random: np.random.RandomState) -> None:
        words = np.arange(FIRST_WORD, self.vocab_size)
        self._special = [
            Slot(_OPEN, words),
            Slot(_LINE, np.array([BREAK, *words])),
            Slot(_TURN, np.array([EOS, BREAK, *words])),
            Slot(_CLOSE, np.array([EOS])),
            Slot(_FULL, np.array([BREAK])),
        ]
        self._after = [Slot(_AFTER + index, np.array([BREAK, *words])) for index in range(len(WORDS))]
        self.prior = self._draw_prior(random)

    def song(self) -> Generator[Slot, int, None]:
        """See `Chain.song`."""
        words, position, previous = 0, 0, None
        while True:
            if previous is None:
                slot = self._special[_OPEN]
            elif previous != BREAK:
                slot = self._special[_FULL] if words == LINE_WORDS else self._after[previous - FIRST_WORD]
            elif words == 0:
                slot = self._special[_OPEN]
            else:
                words = 0
                slot = self._special[
                    _LINE if position < MAY_END else _TURN if position < MUST_END else _CLOSE
                ]
            previous = yield slot
            if previous == EOS:
                return
            words += previous != BREAK
            position += 1

    def _draw_prior(self, random: np.random.RandomState) -> Weights:
        zipf = 1 / (np.arange(len(WORDS)) + ZIPF_OFFSET)

        def base(*rates: float) -> npt.NDArray[np.float64]:
            mean = np.concatenate((rates, (1 - sum(rates)) * zipf / zipf.sum()))
            drawn = random.standard_gamma(SPREAD * mean)
            measure: npt.NDArray[np.float64] = (1 - FLOOR) * drawn / drawn.sum() + FLOOR * mean
            return ALPHA * measure

        special = (base(), base(STANZA_RATE), base(END_RATE, STANZA_RATE), np.ones(1), np.ones(1))
        return (*special, *(base(BREAK_RATE) for _ in WORDS))
