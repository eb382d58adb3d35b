"""A submission whose learner reads the support and makes an output layer of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from common.heads import SupportPredictor, read_songs
from common.lstm import LSTMLanguageModel
from common.meta_training import MetaTraining
from common.training_features import TrainingFeatures
from fsdl_bench import FitContext, Split, Tokens


@dataclass(eq=False)
class SupportReader(MetaTraining):
    """A submission whose learner reads the support and makes an output layer of it."""

    family: ClassVar[str] = "memory"
    ignores_support: ClassVar[bool] = False

    def learn(
        self,
        name: str,
        model: LSTMLanguageModel,
        learner: Any,
        train: Split,
        validation: Split,
        context: FitContext,
    ) -> dict[str, Any]:
        """Train the learner on episodes, and return the entries of the submission's notes.

        Args:
            name: of the learner.
            model: the trained LSTM, which stays as it is.
            learner: a `Learner` and module, whose `head(support)` is the output layer for some songs.
            train, validation, context: of the fit.
        """
        self.lstm, self.learner = model, learner.to(context.device)
        features = TrainingFeatures(model, train)
        return self.meta_train(
            name,
            self.learner,
            self.reader,
            features.loss(self.learner),
            train,
            validation,
            context,
        )

    def reader(self, support: Sequence[Tokens]) -> SupportPredictor:
        """Return the LSTM with the output layer for some songs."""
        return SupportPredictor(
            self.lstm, lambda songs: self.learner.head(read_songs(self.lstm, songs)), support
        )

    def parameters(self) -> list[nn.Parameter]:
        """Return those of the LSTM and of the learner."""
        return [*self.lstm.parameters(), *self.learner.parameters()]
