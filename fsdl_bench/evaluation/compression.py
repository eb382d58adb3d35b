"""Proof by compression: with the support, a model's scores turn songs into bits, and the bits into songs.

    encode   cell A: scores for token t ─▶ range coder ◀─ token t, which is then revealed to cell A
    decode   cell B: scores for token t ─▶ range coder ◀─ bits;  token t, which is then revealed to cell B

An arithmetic coder spends -log2 p(x_t) bits on a token. If cell B, a process that has met neither the songs
nor cell A, restores the songs from the bits, then the NLL is no artefact of the scorer: the bits are the
proof. The coder (constriction's range coder) quantises probabilities to 24 bits, and its last words may be
partly empty, so the number of bits is within `SHARE` of the NLL, and `ENDS` for the ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fsdl_bench.codecs.base import BOS, EOS, PAD, Codec, Tokens
from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation.scoring import token_nats
from fsdl_bench.submissions.reveal import CellProcess

SHARE = 0.001
ENDS = 64
"""Bits that the coder's state and its last word may add."""


@dataclass(frozen=True)
class Compressed:
    """Songs as bits.

    Attributes:
        words: of the range coder, uint32.
        cut: for each song that fills an excerpt, in the order in which they do, whether it is cut there or
            EOS follows; one more bit each. Excerpts of lyrics need none.
        nats: -log p of the songs under the model.
    """

    words: npt.NDArray[np.uint32]
    cut: tuple[bool, ...]
    nats: float

    @property
    def bits(self) -> int:
        """The size."""
        return 32 * len(self.words) + len(self.cut)

    @property
    def ideal(self) -> float:
        """-log2 p of the songs, in bits."""
        return self.nats / math.log(2)

    @property
    def tight(self) -> bool:
        """Whether the size is what the NLL promises."""
        return self.bits <= (1 + SHARE) * self.ideal + ENDS


def encode(cells: Iterable[tuple[CellProcess, Sequence[Tokens]]], codec: Codec) -> Compressed:
    """Encode the songs of some cells, cell after cell; the songs of a cell advance in lock-step.

    Args:
        cells: adapted processes, each with its songs; the next is taken when one is done.
        codec: of the songs.

    Raises:
        BadInput: constriction is not installed, or a process fails.
    """
    library = _library()
    encoder, nats, cut = library.queue.RangeEncoder(), 0.0, list[bool]()
    for process, songs in cells:

        def known(row: int, at: int, scores: torch.Tensor, songs: Any = songs) -> int:
            nonlocal nats
            token = int(songs[row][at])
            encoder.encode(token, _model(library, scores))
            nats += float(token_nats(scores[None], songs[row][at : at + 1])[0])
            return token

        def is_cut(row: int, length: int, songs: Any = songs) -> bool:
            cut.append(len(songs[row]) == length)
            return cut[-1]

        _walk(process, len(songs), codec, known, is_cut)
    return Compressed(encoder.get_compressed(), tuple(cut), nats)


def decode(
    cells: Iterable[tuple[CellProcess, int]], compressed: Compressed, codec: Codec
) -> list[list[Tokens]]:
    """Restore the songs of each cell.

    Args:
        cells: processes that have adapted to the same supports, each with the number of its songs.
        compressed: from `encode`.
        codec: of the songs.

    Raises:
        BadInput: constriction is not installed, a process fails, or the bits are not of these cells.
    """
    library = _library()
    decoder, cut = library.queue.RangeDecoder(compressed.words), iter(compressed.cut)

    def drawn(_row: int, _at: int, scores: torch.Tensor) -> int:
        return int(decoder.decode(_model(library, scores)))

    def is_cut(_row: int, _length: int) -> bool:
        return next(cut, True)

    return [_walk(process, count, codec, drawn, is_cut) for process, count in cells]


def _walk(
    process: CellProcess,
    count: int,
    codec: Codec,
    choose: Callable[[int, int, torch.Tensor], int],
    is_cut: Callable[[int, int], bool],
) -> list[Tokens]:
    """Write songs token by token with one process.

    Args:
        process: gives the scores.
        count: how many songs.
        codec: says when an excerpt is full.
        choose: returns a song's next token, given its index, the position and the scores [V].
        is_cut: for a song that fills an excerpt and may go on with EOS, given its index and length: whether
            it is cut there.
    """
    songs: list[list[int]] = [[] for _ in range(count)]
    tokens = np.full(count, BOS, np.int64)
    with process.stream(count) as step:
        while True:
            scores = step(tokens)
            for row, song in enumerate(songs):
                if tokens[row] == PAD:
                    continue
                song.append(choose(row, len(song), scores[row]))
                if len(song) > LONGEST:
                    raise BadInput("the bits are not of these songs, or of another model")
                full = song[-1] == EOS or not _takes(codec, song, _unit(codec))
                ends = full and (song[-1] == EOS or not _takes(codec, song, EOS) or is_cut(row, len(song)))
                tokens[row] = PAD if ends else song[-1]
            if (tokens == PAD).all():
                return [np.array(song, np.uint16) for song in songs]


LONGEST = 1 << 16
"""Tokens of a song, at most; only bits of something else decode to more."""


def _model(library: Any, scores: torch.Tensor) -> Any:
    """The coder's model for a row of scores [V]: the same scores give the same bits."""
    chances = torch.softmax(scores.to(torch.float64), -1).to(torch.float32).numpy()
    return library.model.Categorical(chances, perfect=False)


def _takes(codec: Codec, written: Sequence[int], token: int) -> bool:
    """Whether an excerpt with these tokens may go on with another one."""
    return len(codec.excerpt(np.array([*written, token], np.uint16))) > len(written)


def _unit(codec: Codec) -> int:
    """An id that begins a unit."""
    kinds = codec.token_kinds()
    return kinds["note"].start if "note" in kinds else EOS + 1


def _library() -> Any:
    try:
        import constriction
    except ImportError:
        raise BadInput(
            "compression needs constriction: python -m pip install 'fsdl-bench[compression]'"
        ) from None
    return constriction.stream
