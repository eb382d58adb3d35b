"""pretty_midi, the independent reader: it finds the same notes, but for three causes that are known.

`benchmarks/agreement.py` says which and counts them; its table is in docs/midi.md.
"""

import runpy
from collections import Counter
from pathlib import Path

import pytest

compare = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "agreement.py"))["compare"]


def test_each_cause_is_told_from_the_others(smf):
    def counts(*events):
        return +compare(smf.file(list(events)))

    assert counts((0, smf.on()), (480, smf.off())) == {"agree": 1}
    # The second begins while the first sounds: symusic ends the first, then the second, pretty_midi both.
    first, second = (0, smf.on()), (240, smf.on())
    assert counts(first, second, (240, smf.off()), (480, smf.off())) == {"agree": 1, "pairing": 1}
    assert counts((0, smf.on()), (0, smf.off()), (0, smf.on(62)), (9, smf.off(62))) == {
        "agree": 1,
        "empty": 1,
    }
    # Two parts do not disturb each other.
    lower, upper = (0, smf.on(channel=0)), (0, smf.on(channel=1))
    assert counts(lower, upper, (480, smf.off(channel=0)), (480, smf.off(channel=1))) == {"agree": 2}


@pytest.mark.real
@pytest.mark.parametrize(("source", "share"), [("pop909", 0.999), ("converted", 0.985)])
def test_real_songs_agree_but_for_the_known_causes(source, share, request):
    counts = Counter()
    for data in list(request.getfixturevalue(source).values())[::4]:
        counts += compare(data)
    assert counts["agree"] / counts.total() > share
    assert counts["other"] == 0
