"""-log p of a text by a causal language model with a tokenizer of its own: an upper bound.

    -log p(text) = -log sum_a p(a) <= -log p(a*)

The sum goes over all sequences of the tokenizer's ids that spell the text, and a* is the one that the
tokenizer makes. A song that ended inside its excerpt is followed by the end of text, which is scored. Where
an excerpt was cut, the place of the cut is not scored.

What the tokenizer cannot spell is charged log 256 nats a byte: the bytes of a character that the cut divided,
and every byte of a song that the tokenizer does not give back as it was (one that lower-cases, for example).
"""

from __future__ import annotations

import inspect
import math
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from fsdl_bench import EOS, PAD, BadInput, FitContext

BYTE = math.log(256)
"""Nats of a byte without a model."""


class TextLM:
    """A model and its tokenizer.

    Args:
        model: a causal language model of `transformers`.
        tokenizer: of the model.
        window: the ids that the model reads at a time; None for any number.
        context: of the run; its codec spells the songs.

    Raises:
        BadInput: the track has no lyrics, or the tokenizer has no end of text.
    """

    def __init__(self, model: Any, tokenizer: Any, window: int | None, context: FitContext) -> None:
        if context.kind != "lyrics":
            raise BadInput(f"a model with a tokenizer reads text; {context.track} is a {context.kind} track")
        if tokenizer.eos_token_id is None:
            raise BadInput("the tokenizer has no `eos_token`, so the end of a song cannot be scored; set one")
        self.model, self.tokenizer, self.codec = model, tokenizer, context.codec
        self.end: int = tokenizer.eos_token_id
        self.start: int = self.end if tokenizer.bos_token_id is None else tokenizer.bos_token_id
        self.window = window
        self.keeps = "logits_to_keep" in inspect.signature(model.forward).parameters

    def encode(self, text: str) -> list[int]:
        """Return the tokenizer's ids of a text, without special tokens."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False, verbose=False).input_ids
        return ids

    def read(self, tokens: list[int]) -> tuple[str, int, bool]:
        """Return a song's text, the bytes of a character that was divided, and whether the song ended."""
        spell = getattr(self.codec, "decode_bytes", lambda song: self.codec.decode(song).encode())
        data = spell(tokens)
        text: str = data.decode("utf-8", errors="ignore")
        return text, len(data) - len(text.encode()), tokens[-1] == EOS

    def nats(self, prefix: list[int], song: torch.Tensor) -> float:
        """Return the bound of a song after a prefix.

        Args:
            prefix: ids of the tokenizer, at least one.
            song: int64 [T], ids of the track, padded at its end.
        """
        text, divided, ended = self.read(song[song != PAD].tolist())
        ids = self.encode(text)
        if self.tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text:
            charged = divided * BYTE
        else:
            ids, charged = [], (len(text.encode()) + divided) * BYTE
        return charged + self.score(prefix, [*ids, self.end] if ended else ids)

    @torch.no_grad()
    def score(self, prefix: list[int], target: list[int]) -> float:
        """Return -log p(target | prefix). Beyond the window, every half is read after the half before it."""
        ids = torch.tensor([*prefix, *target], device=self.model.device)
        window = self.window or len(ids)
        left, done, total = 0, len(prefix), 0.0
        while done < len(ids):
            end = min(left + window, len(ids))
            keep = {"logits_to_keep": end - done + 1} if self.keeps else {}
            scores = self.model(input_ids=ids[None, left:end], use_cache=False, **keep).logits[0]
            total += float(cross_entropy(scores[done - end - 1 : -1].float(), ids[done:end], reduction="sum"))
            left, done = max(0, end - window // 2), end
        return total


class TextBound:
    """The model after some support songs: only a bound, because the query is cut by another tokenizer."""

    def __init__(self, language_model: TextLM, prefix: list[int]) -> None:
        self.language_model, self.prefix = language_model, prefix

    def nats(self, songs: torch.Tensor) -> torch.Tensor:
        """Return the bounds of songs int64 [B, T], float [B]."""
        return torch.tensor([self.language_model.nats(self.prefix, song) for song in songs])
