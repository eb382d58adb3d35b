"""The reference models that are ready for a track, with weights or settings that ship with the package."""

from __future__ import annotations

from fsdl_bench import fingerprint
from fsdl_bench.submissions.specs import reference_models

_SOONEST = ("two_caches", "matching", "dynamic_evaluation", "fine_tuning", "neural_cache")
"""Models that adapt, in the order in which they are offered where they ship. The first ones start soonest."""

_FITTED_HERE = ("ngram_cache", "ngram")
"""Offered where no weights ship. Their fit takes a minute, once."""


def ready_models(track: str) -> list[str]:
    """Return the names of the models to offer for a track, the best choice first.

    These are the models that ship for the track, those that adapt first. For other tracks they are n-gram
    models, which are fitted first.
    """
    names = reference_models()
    shipped = [
        card.stem for card in sorted((fingerprint.PRETRAINED / track).glob("*.json")) if card.stem in names
    ]
    soonest = [name for name in _SOONEST if name in shipped]
    order = soonest + [name for name in shipped if name not in soonest]
    return order or [name for name in _FITTED_HERE if name in names]


def ships(track: str, name: str) -> bool:
    """Whether weights or settings of a model ship for a track."""
    return (fingerprint.PRETRAINED / track / f"{name}.json").is_file()
