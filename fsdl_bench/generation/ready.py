"""The reference models that are ready for a track, with weights or settings that ship with the package."""

from __future__ import annotations

from fsdl_bench import fingerprint
from fsdl_bench.submissions.specs import reference_models

_SOONEST = ("two_caches", "matching", "dynamic_evaluation", "fine_tuning", "neural_cache")
"""Models that adapt, in the order in which they are offered where they ship. The first ones start soonest."""

_FITTED_HERE = ("ngram_cache", "ngram")
"""Offered where no weights ship. Their fit takes minutes, once."""

_FIXED = {
    "midi-scores": {
        "dynamic_evaluation": ("rate=0.0001", "pull=0.0", "support_rate=0.00003", "statistics=50", "passes=1")
    }
}
"""Settings for models that search them otherwise, on top of the weights that ship for the track. They are the
best of a few on six validation episodes with five songs."""


def ready_models(track: str) -> dict[str, tuple[str, ...]]:
    """Return the models to offer for a track, the best choice first: name -> `key=value` settings.

    These are the models that ship for the track; then, in a few cases, one with fixed settings; then those
    that do not adapt. For other tracks they are n-gram models, which are fitted first.
    """
    names = reference_models()
    shipped = [
        card.stem for card in sorted((fingerprint.PRETRAINED / track).glob("*.json")) if card.stem in names
    ]
    fixed = {name: settings for name, settings in _FIXED.get(track, {}).items() if name not in shipped}
    order = [name for name in _SOONEST if name in shipped] + [name for name in fixed if name in names]
    order += [name for name in shipped if name not in order]
    if not order:
        order = [name for name in _FITTED_HERE if name in names]
    return {name: fixed.get(name, ()) for name in order}


def ships(track: str, name: str) -> bool:
    """Whether weights or settings of a model ship for a track."""
    return (fingerprint.PRETRAINED / track / f"{name}.json").is_file()
