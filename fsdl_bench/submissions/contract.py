"""The contract of a submission: it adapts to a few songs, then scores every possible next token.

    Submission ──adapt(support)──▶ Predictor ──logits(songs)──▶ scores [B, T, V]

A submission is any object with `adapt`; there is no base class. The harness constructs it with the `--set`
arguments, calls `fit` once if there is one and caches the outcome, calls `prepare` if there is one, and then
calls `adapt` once for each episode and support. Everything a submission may know about the track comes from
the `FitContext` that `fit` and `prepare` receive.

A complete small submission:

    class Unigram:
        def fit(self, train, validation, context):
            counts = torch.ones(context.vocab_size)
            for song in train.songs:
                counts += torch.bincount(torch.from_numpy(song.tokens.astype("int64")), minlength=len(counts))
            self.scores = counts.log()

        def adapt(self, support):
            return self

        def logits(self, songs):
            return self.scores.expand(*songs.shape, -1)

Every submission must keep four rules, which are audited on every run: strict causality; a full distribution;
score before update; one pass, left to right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from fsdl_bench.codecs.base import Tokens

if TYPE_CHECKING:
    import torch

    from fsdl_bench.submissions.context import FitContext
    from fsdl_bench.tracks.split import Split


class Submission(Protocol):
    """A model under evaluation.

    Only `adapt` is required. Optional: `fit` (`SupportsFit`), `prepare` (`SupportsPrepare`), and

    - `precision: torch.dtype`: the coarsest floating-point type that a score passes through, if it is coarser
      than the type of the scores (bfloat16 layers under a float32 output); recorded.
    - `ignores_support = True`: `adapt` does not use the support; it then receives none in a verified run.
    - `budget`, `outside_data`, `system`: the budget class ("quarter-hour", "hour" or "open"), what it learnt
      from outside the track, and whether it combines several models; recorded.
    - `parameters`: a method as in `torch.nn.Module`, or an int: the number of parameters to record. Without
      it, the parameters of the modules among the attributes are counted.
    - `name`, `family` (such as "n-gram", "adaptive", "meta-learned") and `notes` (a dict of numbers and
      texts, such as training tokens): shown in tables and recorded.
    - `exact = False`: its predictors can only bound their likelihood, and have `nats` instead of `logits`
      (`Bound`); its results are listed apart, with "<=".
    """

    def adapt(self, support: Sequence[Tokens]) -> Predictor | Bound:
        """Condition on the songs of one artist.

        Gradients are enabled. Python's, numpy's and torch's global random generators are seeded before each
        call from the run's seed and the episode, so a random `adapt` returns the same predictor in any order
        of the episodes. A predictor is used until the next call of `adapt`.

        Args:
            support: K songs, each uint16 [T], without BOS, with EOS last only if the song ended inside the
                excerpt. Empty for zero shots. The order is frozen and has no meaning.
        """
        ...


class Predictor(Protocol):
    """A distribution over songs, given the support.

    Only `logits` is required. Optional: `observe` (`SupportsObserve`) and `stream` (`SupportsStream`).
    """

    def logits(self, songs: torch.Tensor) -> torch.Tensor:
        """Return scores for every token of every song, from the support and the tokens before it.

        Called under `torch.no_grad()`; use `torch.enable_grad()` inside for test-time training. Songs may
        contain any ids in any order, because the audits redraw suffixes.

        Args:
            songs: int64 [B, T] on the context's device; each row one song without BOS, padded with PAD (0)
                at its end.

        Returns:
            float [B, T, V]: unnormalised log-probabilities in half, single or double precision, or anything
            that numpy converts to a float array. `[b, t]` scores the token at `songs[b, t]` from
            `songs[b, :t]` alone; `[b, 0]` depends on the support only. -inf is allowed for ids that cannot
            occur; a song that contains one fails the run. Rows after the end of a song are ignored.
        """
        ...


class Bound(Protocol):
    """The result of `adapt` of a submission with `exact = False`, instead of a `Predictor`.

    For a model that has no distribution over the next token, such as a language model with a tokenizer of its
    own, or a latent variable that is not summed out. The harness cannot see whether such a figure is right:
    it is scored in batches only, never verified and never ranked.
    """

    def nats(self, songs: torch.Tensor) -> torch.Tensor:
        """Return an upper bound on -log p of every song, given the support.

        Called like `Predictor.logits`. A song's bound must not depend on the other songs of the batch.

        Args:
            songs: int64 [B, T], as for `Predictor.logits`. EOS is scored where a song has one.

        Returns:
            float [B]: nats, finite and not negative.
        """
        ...


class Stream(Protocol):
    """B songs in lock-step, token by token."""

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Take the next token of each song, return scores for the tokens that follow.

        Args:
            tokens: int64 [B] on the context's device. The first step brings BOS for every song. A song that
                has ended receives PAD, and its scores are ignored.

        Returns:
            float [B, V], as in `logits`.
        """
        ...


@runtime_checkable
class SupportsFit(Protocol):
    """A submission that is trained by the harness."""

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Meta-train; called once for each track, seed and set of arguments, before everything else.

        The fitted object is cached with `torch.save`, so it must pickle; `__getstate__` and `__setstate__`
        decide what is stored. The cached fit is reused until the code, an argument, or a file that the
        submission used through Python changes.

        Args:
            train: the meta-training artists, to learn from.
            validation: the validation artists, to choose settings with.
            context: facts about the track, the device and the seed.
        """
        ...


@runtime_checkable
class SupportsPrepare(Protocol):
    """A submission that prepares itself before it adapts, for example loads its own weights file."""

    def prepare(self, context: FitContext) -> None:
        """Called once in every run, after construction or after the cached fit was loaded, before `adapt`."""
        ...


@runtime_checkable
class SupportsObserve(Protocol):
    """A predictor that keeps learning in the streaming protocol."""

    def observe(self, song: Tokens) -> None:
        """Receive a scored query song, uint16 [T]. It may inform the scores of later songs."""
        ...


@runtime_checkable
class SupportsStream(Protocol):
    """A predictor that scores token by token, without reading the song so far again."""

    def stream(self, songs: int = 1) -> Stream:
        """Return a stream of `songs` new songs. Its scores must agree with `logits`."""
        ...
