"""Any causal language model of the `transformers` library, trained on the track's own token ids.

    fsdl-bench evaluate --submission baselines/transformers_lm.py --set folder=my-model --track lyrics-verse

`folder` is what `save_pretrained` wrote: a model whose vocabulary is the codec's ids (more is allowed; the
surplus is cut off and the rest normalised anew). It reads BOS and then the song, as it should in training:

    context "none"      BOS query
    context "support"   BOS song EOS ... BOS song EOS BOS query

as many support songs as fit into the model's window, the first ones first; `reserve` tokens are kept free
for the query song, so the choice does not depend on it. A song that ended already has its EOS.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch

from fsdl_bench import BOS, EOS, BadInput, FitContext, Tokens


class TransformersLM:
    """A model folder of the `transformers` library, as it is.

    Args:
        folder: the model's folder.
        context: whether it is shown the support.
        reserve: tokens kept free for the query song and its BOS.
        dtype: what it computes in, as torch names it.
    """

    family = "transformers"

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
            BadInput: `transformers` is missing, the folder is no model, or its vocabulary is too small.
        """
        try:
            from transformers import AutoModelForCausalLM
        except ImportError as error:
            raise BadInput("this submission needs: python -m pip install transformers") from error
        try:
            model = AutoModelForCausalLM.from_pretrained(
                self.folder, local_files_only=True, dtype=self.precision
            )
        except (OSError, ValueError) as error:
            raise BadInput(f"{self.folder} is no folder of a causal language model: {error}") from error
        self.model = model.to(context.device).eval()
        self.vocab_size = context.vocab_size
        if model.config.vocab_size < self.vocab_size:
            raise BadInput(
                f"{self.folder} scores {model.config.vocab_size} ids, but {context.codec.name} of "
                f"{context.track} has {self.vocab_size}; train it on the track's own ids"
            )
        self.window = getattr(model.config, "max_position_embeddings", None)
        if self.window is not None and self.window < self.reserve:
            raise BadInput(f"{self.folder} reads {self.window} tokens, but `reserve` asks for {self.reserve}")

    def adapt(self, support: Sequence[Tokens]) -> TransformersPredictor:
        """Lay the support songs before the query."""
        prefix: list[int] = []
        for song in support if self.context == "support" else ():
            ids = [BOS, *song.tolist()] if song[-1] == EOS else [BOS, *song.tolist(), EOS]
            if self.window is not None and len(prefix) + len(ids) + self.reserve > self.window:
                break
            prefix += ids
        return TransformersPredictor(self, [*prefix, BOS])


class TransformersPredictor:
    """The model behind some tokens that come before every query song."""

    def __init__(self, submission: TransformersLM, prefix: list[int]) -> None:
        self.submission, self.prefix = submission, prefix
        self.cut = "logits_to_keep" in inspect.signature(submission.model.forward).parameters

    def logits(self, songs: torch.Tensor) -> torch.Tensor:
        """[B, T] -> [B, T, V]."""
        model, length = self.submission.model, songs.shape[1]
        prefix = torch.tensor(self.prefix, device=songs.device).expand(len(songs), -1)
        ids = torch.cat([prefix, songs[:, :-1]], dim=1)
        if self.submission.window is not None and ids.shape[1] > self.submission.window:
            raise BadInput(
                f"a song of {length} tokens does not fit behind {len(self.prefix)} into the window of "
                f"{self.submission.window}; --set reserve={length + 1}"
            )
        keep = {"logits_to_keep": length} if self.cut else {}
        scores = model(input_ids=ids, use_cache=False, **keep).logits
        return scores[:, -length:, : self.submission.vocab_size]
