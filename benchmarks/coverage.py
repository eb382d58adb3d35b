"""Simulate how often the 95% interval over artists contains the true mean, for 20 and 50 artists.

    python benchmarks/coverage.py [--runs 2000]

Figures per artist are simulated with the skew of real ones: log-normal difficulty for NLL (spread and skew
as between authors of verse), a skewed gain with a few artists who gain much, and a normal distribution for
comparison. The coverage is the share of `--runs` simulated sets of artists, printed with its standard error.
"Used" is BCa at the raised level, as in `statistics.estimate`; the others are plain BCa, the percentile
bootstrap and Student's t.
"""

import argparse
from collections.abc import Callable

import numpy as np
from scipy import stats

from fsdl_bench.statistics import CONFIDENCE, RESAMPLES, estimate

SHAPES = {
    "normal": (lambda rng, n: rng.normal(2.0, 0.2, n), 2.0),
    "NLL: log-normal, sigma 0.25": (lambda rng, n: rng.lognormal(0.7, 0.25, n), np.exp(0.7 + 0.25**2 / 2)),
    "gain: gamma(1.5), skew 1.6": (lambda rng, n: rng.gamma(1.5, 0.02, n), 0.03),
    "gain: gamma(0.5), skew 2.8": (lambda rng, n: rng.gamma(0.5, 0.06, n), 0.03),
}


def plain(method: str) -> Callable[[np.ndarray], tuple[float, float]]:
    def interval(values: np.ndarray) -> tuple[float, float]:
        found = stats.bootstrap(
            (values,),
            np.mean,
            n_resamples=RESAMPLES,
            confidence_level=CONFIDENCE,
            method=method,
            rng=np.random.default_rng(0),
        )
        return found.confidence_interval

    return interval


def student(values: np.ndarray) -> tuple[float, float]:
    return stats.t.interval(CONFIDENCE, len(values) - 1, values.mean(), stats.sem(values))


def used(values: np.ndarray) -> tuple[float, float]:
    found = estimate(values)
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


METHODS = {"used": used, "BCa": plain("BCa"), "percentile": plain("percentile"), "t": student}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    runs = parser.parse_args().runs
    print(
        f"coverage of nominal {CONFIDENCE:.0%} intervals in {runs} runs (standard error of each in brackets)"
    )
    print(f"{'figures':30} {'artists':>7}  " + " ".join(f"{m:>15}" for m in METHODS))
    for name, (draw, truth) in SHAPES.items():
        for artists in (20, 50):
            rng = np.random.default_rng(artists)
            sets = [draw(rng, artists) for _ in range(runs)]
            line = f"{name:30} {artists:7}  "
            for method in METHODS.values():
                share = np.mean([low <= truth <= high for low, high in map(method, sets)])
                line += f"{share:7.1%} ({np.sqrt(share * (1 - share) / runs):.1%}) "
            print(line, flush=True)


if __name__ == "__main__":
    main()
