"""Audits: on every run a few episodes are scored again in ways that must not change a score.

    causality      song suffixes are redrawn at random cuts; scores up to and at the cut must not change
    independence   the songs of a batch come in another order, beside other songs, and alone
    determinism    the same batch is scored again
    scorer         a song of it is normalised by a second library
    stream         a song of it is scored token by token, if the predictor has `stream`
    state          a fresh copy of the submission scores some episodes, the last first, redrawn songs
                   before the true ones

A submission that gives bounds (`exact = False`) is audited for independence, determinism and state.

`rounding` derives how far two scorings may differ, from how far honest batchings of the same songs differ. A
larger difference fails the run and names the rule.

Cost: at most `draws.SHARE` of the cells are audited (a cell is an episode with one support), and an audit
costs at most as much as its cell; a `state` audit counts as two. Short runs get four audits and two of
`state`. A cheat on a share q of the songs escapes n audited songs with probability (1 - q)^n; most audited
songs are audited for causality. Cells, cuts and songs are drawn from a seed of the operating system, which is
recorded with the verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from fsdl_bench.codecs.base import Tokens
from fsdl_bench.errors import RuleBreach
from fsdl_bench.evaluation.draws import plan, redraw
from fsdl_bench.evaluation.rounding import Noise, moved, noise_between, normalising
from fsdl_bench.evaluation.scoring import Nats, Scored, spread, token_nats
from fsdl_bench.submissions.session import Session

STREAM_TOKENS = 32
"""The stream audit scores at most this many tokens of a song."""

MEANING = {
    "causality": "a score depends on its own token or on later ones; it may depend on the support and the "
    "tokens before it. Scoring in two passes, or learning from a token before its score, has the same effect",
    "independence": "a score depends on the other songs of the batch or on their order",
    "determinism": "the same songs got other scores the second time: `logits` keeps state or is random",
    "state": "a fresh copy of the submission gave another score: `adapt` must not change the submission, "
    "and the order of the episodes must not matter",
    "stream": "`stream` and `logits` disagree",
    "scorer": "the harness's own arithmetic gave a wrong result",
}


@dataclass(frozen=True)
class Check:
    """One comparison that held.

    Attributes:
        rule: the rule that was checked.
        songs: how many songs were compared.
        worst: the difference that came closest to its allowance, in nats.
        allowed: the difference that rounding explains there, in nats.
        where: the song of that difference.
        cuts: the differences at the cuts, each as a share of its allowance.
    """

    rule: str
    songs: int
    worst: float
    allowed: float
    where: str
    cuts: tuple[float, ...] = ()


def compare(rule: str, old: Scored, new: Scored, vocab_size: int, noise: Noise | None = None) -> Check:
    """Compare two scorings of the same tokens.

    Args:
        rule: what is checked.
        old, new: the scorings.
        vocab_size: V.
        noise: measured between honest batchings; none if None.

    Raises:
        RuleBreach: rounding does not explain a difference.
    """
    found = [
        moved(one, two, vocab_size, new.dtype, noise or Noise())
        for one, two in zip(old.nats, new.nats, strict=True)
    ]
    for index, change in enumerate(found):
        if not change.explained:
            at = change.token
            raise RuleBreach(
                rule,
                f"In {old.names[index]}: {MEANING[rule]}. Token {at} cost {old.nats[index][at]:.7g} "
                f"nats and then {new.nats[index][at]:.7g}, and the mean moved by {change.mean:.1e}; "
                f"rounding explains {change.allowed:.1e} and {change.mean_allowed:.1e}, by what other "
                "honest batchings of the same songs differ.",
            )
    worst = max(range(len(found)), key=lambda index: found[index].worst / found[index].allowed)
    cuts = tuple(change.last for change in found) if rule == "causality" else ()
    return Check(rule, len(found), found[worst].worst, found[worst].allowed, old.names[worst], cuts)


class Auditor:
    """Plans and makes the audits of one seed of a run.

    Args:
        cells: how many cells the seed has.
        donors: songs to redraw from and to fill batches with.
        vocab_size: V.
        seed: seeds all random choices.

    Attributes:
        fresh: the cells of the `state` audits, ascending.
    """

    def __init__(
        self,
        cells: int,
        donors: Sequence[Tokens],
        vocab_size: int,
        seed: tuple[int, ...],
    ) -> None:
        self._donors = donors
        self._vocab_size = vocab_size
        self._seed = seed
        self._noise: Noise | None = None
        self._plan, self.fresh = plan(cells, np.random.default_rng(seed))

    def choose(self, cell: int, count: int) -> int | None:
        """Return which of the `count` batches of a cell is audited; None if the cell is not audited."""
        return int(self._random(cell, "batch").integers(count)) if cell in self._plan else None

    def calibrate(self, session: Session, scored: Scored) -> None:
        """Measure once how far honest batchings of the same songs differ: alone, and beside a longer one."""
        if self._noise is not None:
            return
        longest = max((*self._donors, *scored.songs), key=len)
        self._noise = Noise()
        for song, recorded in zip(scored.songs, scored.nats, strict=True):
            for company in ([song], [longest, song]):
                again = _nats(session, company)[-1]
                self._noise = self._noise.or_larger(noise_between(recorded, again, self._vocab_size))

    def check(self, cell: int, session: Session, scored: Scored) -> list[Check]:
        """Make the audits planned for a cell on a batch that was just scored; return the checks.

        Raises:
            RuleBreach: a score changed by more than rounding explains.
        """
        self.calibrate(session, scored)
        audits = {"independence": self._independence, "determinism": self._determinism}
        if not scored.bounds:
            audits["causality"] = self._causality
        return [
            check
            for rule in self._plan[cell]
            if rule in audits
            for check in audits[rule](session, scored, self._random(cell, rule))
        ]

    def redrawn(self, cell: int, session: Session, scored: Scored) -> tuple[Scored, Scored]:
        """Return songs up to random cuts: as recorded, and as scored now with another suffix."""
        self.calibrate(session, scored)
        return self._redrawn(session, scored, self._random(cell, "fresh"))

    def compare(self, rule: str, recorded: Scored, again: Scored) -> list[Check]:
        """Check that two scorings of the same tokens agree; raises `RuleBreach` if they do not."""
        return [self._compare(rule, recorded, again)]

    def _causality(self, session: Session, scored: Scored, random: np.random.Generator) -> list[Check]:
        return [self._compare("causality", *self._redrawn(session, scored, random))]

    def _redrawn(
        self, session: Session, scored: Scored, random: np.random.Generator
    ) -> tuple[Scored, Scored]:
        drawn = [redraw(song, self._donor(random), self._vocab_size, random) for song in scored.songs]
        kept = scored.until([cut for _, cut in drawn])
        return kept, _again(kept, session.scores([song for song, _ in drawn]))

    def _independence(self, session: Session, scored: Scored, random: np.random.Generator) -> list[Check]:
        order = random.permutation(len(scored.songs)).tolist()
        together = order[1:3] or order[:1]
        company = [scored.songs[index] for index in together]
        stranger = int(random.integers(len(together) + 1))
        company.insert(stranger, self._donor(random))
        nats = _nats(session, company)
        places = [place + (place >= stranger) for place in range(len(together))]
        found = [(index, nats[place]) for index, place in zip(together, places, strict=True)]
        if len(order) > 1:
            found.append((order[0], _nats(session, [scored.songs[order[0]]])[0]))
        ones = [(scored.only(index), again) for index, again in found]
        return [self._compare("independence", one, replace(one, nats=(again,))) for one, again in ones]

    def _determinism(self, session: Session, scored: Scored, random: np.random.Generator) -> list[Check]:
        if scored.bounds:
            again = replace(scored, nats=_nats(session, scored.songs))
            return [self._compare("determinism", scored, again)]
        scores = session.scores(scored.songs)
        again = _again(scored, scores)
        checks = [self._compare("determinism", scored, again)]
        index = int(random.integers(len(scored.songs)))
        one = again.only(index)
        checks.append(self._check_scorer(one, _by_numpy(scores[index], one.songs[0])))
        head = replace(one, songs=(one.songs[0][:STREAM_TOKENS],), nats=(one.nats[0][:STREAM_TOKENS],))
        rows = session.stream_scores(head.songs[0])
        if rows is not None:
            checks.append(self._compare("stream", head, _again(head, rows[None])))
        return checks

    def _check_scorer(self, one: Scored, by_numpy: Nats) -> Check:
        """Raise `RuleBreach` if the scorer and another library normalise differently."""
        worst = float(np.abs(by_numpy - one.nats[0]).max())
        allowed = normalising(by_numpy, self._vocab_size)
        if not worst <= allowed:
            raise RuleBreach(
                "scorer",
                f"In {one.names[0]}: {MEANING['scorer']}: a token's nats differ by {worst:.1e} from "
                f"numpy's; rounding explains {allowed:.1e}.",
            )
        return Check("scorer", 1, worst, allowed, one.names[0])

    def _compare(self, rule: str, old: Scored, new: Scored) -> Check:
        return compare(rule, old, new, self._vocab_size, self._noise)

    def _donor(self, random: np.random.Generator) -> Tokens:
        return self._donors[int(random.integers(len(self._donors)))]

    def _random(self, cell: int, purpose: str) -> np.random.Generator:
        return np.random.default_rng([*self._seed, cell, *purpose.encode()])


def _nats(session: Session, songs: Sequence[Tokens]) -> tuple[Nats, ...]:
    """The nats of songs that are scored in one call, unchecked."""
    if not session.facts.exact:
        return spread(session.nats(songs), songs)
    return _by_scores(session.scores(songs), songs)


def _again(scored: Scored, scores: torch.Tensor) -> Scored:
    """The same songs with the nats of new scores [B, T, V]."""
    return replace(scored, nats=_by_scores(scores, scored.songs), dtype=scores.dtype)


def _by_scores(scores: torch.Tensor, songs: Sequence[Tokens]) -> tuple[Nats, ...]:
    return tuple(token_nats(rows, song) for rows, song in zip(scores, songs, strict=True))


def _by_numpy(scores: torch.Tensor, targets: Tokens) -> Nats:
    """`token_nats` by another library: -s(x) + max + log sum exp(s - max)."""
    rows = scores[: len(targets)].to("cpu", torch.float32 if scores.dtype != torch.float64 else torch.float64)
    exact = rows.numpy().astype(np.float64)
    top = exact.max(axis=1)
    total = top + np.log(np.exp(exact - top[:, None]).sum(axis=1))
    nats: Nats = total - exact[np.arange(len(targets)), targets]
    return nats
