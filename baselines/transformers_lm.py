"""Any causal language model of the `transformers` library: with its own tokenizer, or on the track's ids.

    fsdl-bench evaluate --submission baselines/transformers_lm.py --set folder=my-model --track lyrics-verse

`folder` was written by `save_pretrained`. With a tokenizer in it, the songs are read as text, and the figure
is an upper bound in bits per byte of the same scored text; `common/text_lm.py` says why:

    context "none"      start query
    context "support"   start song end ... song end query

Without a tokenizer, the model's vocabulary is the codec's ids; further ids are cut off, the rest is
normalised, and the likelihood is exact. It reads BOS and then the song, as it should in training:

    context "none"      BOS query
    context "support"   BOS song EOS ... BOS song EOS BOS query

The support songs come in order, as many as fit into the model's window. `reserve` tokens are kept free for
the query song, so the choice does not depend on it. EOS is added only after a song that has none.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from common.text_lm import TextBound, TextLM

from fsdl_bench import BOS, EOS, BadInput, FitContext, Tokens

TOKENIZER = ("tokenizer_config.json", "tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json")
"""Files of which a folder with a tokenizer has at least one."""


class TransformersLM:
    """A model folder of the `transformers` library, without further training.

    Args:
        folder: the model's folder.
        context: whether the model reads the support.
        reserve: tokens kept free for the query song and what precedes it.
        dtype: the type of its weights and activations, as torch names it.
    """

    family = "transformers"
    exact = True
    text: TextLM | None = None
    """The model that reads text, if the folder has a tokenizer."""

    def __init__(
        self,
        folder: Path,
        context: Literal["support", "none"] = "support",
        reserve: int = 513,
        dtype: str = "float32",
    ) -> None:
        self.folder, self.context, self.reserve = Path(folder), context, reserve
        self.precision = getattr(torch, dtype)

    def prepare(self, context: FitContext) -> None:
        """Load the model.

        Raises:
            BadInput: `transformers` is missing, the folder is no model, or it does not fit the track.
        """
        try:
            from transformers import AutoModelForCausalLM, AutoTokenizer
        except ImportError as error:
            raise BadInput("this submission needs: python -m pip install transformers") from error
        try:
            model: Any = AutoModelForCausalLM.from_pretrained(
                self.folder, local_files_only=True, dtype=self.precision
            )
        except (OSError, ValueError) as error:
            raise BadInput(f"{self.folder} is no folder of a causal language model: {error}") from error
        self.model = model.to(context.device).eval()
        self.vocab_size = context.vocab_size
        self.window = getattr(model.config, "max_position_embeddings", None)
        if self.window is not None and self.window < self.reserve:
            raise BadInput(f"{self.folder} reads {self.window} tokens, but `reserve` asks for {self.reserve}")
        if any((self.folder / name).exists() for name in TOKENIZER):
            try:
                tokenizer = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
            except (OSError, ValueError, ImportError) as error:
                raise BadInput(f"the tokenizer in {self.folder} cannot be loaded: {error}") from error
            self.text = TextLM(self.model, tokenizer, self.window, context)
            self.exact, self.outside_data = False, f"the weights of {self.folder.name}"
        elif model.config.vocab_size < self.vocab_size:
            raise BadInput(
                f"{self.folder} scores {model.config.vocab_size} ids, but {context.codec.name} of "
                f"{context.track} has {self.vocab_size}; train it on the track's own ids, or put the model's "
                "tokenizer into the folder"
            )

    def adapt(self, support: Sequence[Tokens]) -> TransformersPredictor | TextBound:
        shown = [song.tolist() for song in support] if self.context == "support" else []
        if self.text is not None:
            texts = [self.text.read(song)[0] for song in shown]
            songs = [[*self.text.encode(text), self.text.end] for text in texts]
            return TextBound(self.text, [self.text.start, *self._fitting(songs)])
        songs = [[BOS, *song] if song[-1] == EOS else [BOS, *song, EOS] for song in shown]
        return TransformersPredictor(self, [*self._fitting(songs), BOS])

    def _fitting(self, songs: Sequence[list[int]]) -> list[int]:
        """As many songs in a row as the window has room for."""
        row: list[int] = []
        for ids in songs:
            if self.window is not None and len(row) + len(ids) + self.reserve > self.window:
                break
            row += ids
        return row


class TransformersPredictor:
    """The model after some tokens, which precede every query song."""

    def __init__(self, submission: TransformersLM, prefix: list[int]) -> None:
        self.submission, self.prefix = submission, prefix
        self.cut = "logits_to_keep" in inspect.signature(submission.model.forward).parameters

    def logits(self, songs: torch.Tensor) -> torch.Tensor:
        model, length = self.submission.model, songs.shape[1]
        prefix = torch.tensor(self.prefix, device=songs.device).expand(len(songs), -1)
        ids = torch.cat([prefix, songs[:, :-1]], dim=1)
        if self.submission.window is not None and ids.shape[1] > self.submission.window:
            raise BadInput(
                f"a song of {length} tokens after {len(self.prefix)} does not fit into the window of "
                f"{self.submission.window}; --set reserve={length + 1}"
            )
        keep = {"logits_to_keep": length} if self.cut else {}
        scores = model(input_ids=ids, use_cache=False, **keep).logits
        return scores[:, -length:, : self.submission.vocab_size]

    def stream(self, songs: int = 1) -> TransformersStream:
        return TransformersStream(self.submission, self.prefix, songs)


class TransformersStream:
    """Several songs in lock-step, with the library's kv cache."""

    def __init__(self, submission: TransformersLM, prefix: list[int], songs: int) -> None:
        self.submission, self.cache = submission, None
        known = inspect.signature(submission.model.forward).parameters
        self.cache_name = "cache" if "cache" in known else "past_key_values"
        device = submission.model.device
        self.waiting = torch.tensor(prefix, device=device).expand(songs, -1)

    @torch.no_grad()
    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        # The prefix ends with the BOS of the first step.
        ids = self.waiting if self.cache is None else tokens[:, None]
        output = self.submission.model(input_ids=ids, use_cache=True, **{self.cache_name: self.cache})
        self.cache = output[self.cache_name]
        return output.logits[:, -1, : self.submission.vocab_size]
