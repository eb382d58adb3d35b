"""The language of a text: the track's, if it has one, or else by py3langid, if it is installed.

`pip install 'fsdl-bench[language]'` installs it. It compares byte n-grams with those of its languages, and
needs no network. A text whose best language has a probability below 0.7 has none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

_SURE = 0.7


def language_of(text: str, languages: Sequence[str]) -> str | None:
    """Return the language of a text as a BCP 47 code; None if it is unknown.

    Args:
        text: the whole text.
        languages: those of the track.
    """
    if len(languages) == 1:
        return languages[0]
    classify = _classifier()
    return classify(text) if classify else None


@cache
def _classifier() -> Callable[[str], str | None] | None:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        return None
    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True, min_confidence=_SURE)

    def classify(text: str) -> str | None:
        code = str(model.classify(text)[0])
        return None if code == "und" else code

    return classify
