"""Each rule of cleaning on real pages, and what no rule may touch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench.sources.cleaning.verse import clean

VERSE = "My heart's in the Highlands, my heart is not here,\nMy heart's in the Highlands a-chasing the deer;"


@pytest.mark.parametrize(
    "front",
    [
        'Tune - "Failte na Miosg."\n\n\n',
        "(For Amelia Josephine Burr)\n\n",
        '("La lune etait sereine.")\n\n[X., September, 1828.]\n\n\n',
        "With Apologies to Henry Wadsworth Longfellow\n\n",
        '"A Christian of the best edition."--RABELAIS.\n\n\n',
        "WRITTEN IN AUGUST, 1702\n\n\n",
        "[To be sung to the tune of 'The Blood of the Lamb' with indicated instrument]\n\n",
        "Died at Hartford, January 29th, 1862, aged 92.\n\n\n",
        "Norman Conquest, 1066\n\n",
        "A Tale Of Earnest Effort And Human Perfidy.\n\n",
        "THE FAMILY LEGEND\n\n",
        "Sorrow came with downcast eyes,\nAnd stole the lyre of love away.\n- VAN DYK.\n\n",
        "More than a hundred years ago, in a great battle fought near Delhi, an Indian Prince rode fifty "
        "miles after the day was lost with a beggar-girl, who had loved him.\n\n",
    ],
)
def test_front_matter_goes(front):
    cleaned = clean(f"\n{front}{VERSE}\n\n{VERSE}\n")
    assert cleaned.text == f"{VERSE}\n\n{VERSE}"
    assert cleaned.rules[-1] == "front matter"


@pytest.mark.parametrize(
    "end",
    [
        "\n\nBaltimore, December, 1880.",
        "\n\n\nPrattville, Alabama, December, 1867.",
        "\n\n--June 15, 1896",
        "\n\n1877",
        "\n\nNovember, 1828.",
        "\n\nDrew's Teignton, Dartmoor,\nJuly 31, 1849.",
        "\n\n[First published, Childe Harold, Canto IV., 1818.]",
        "\n\nFrom Britannia's Pastorals.",
        "\n\n(October 22, 1891.)",
        "\n\n-- Abram J. Ryan.",
        "\n\nTHE END.",
        "\n\nNOTES:\n_4 death 1839; youth 1824.\n_22 sun? We will walk 1824.",
        "\n\nCANCELLED PASSAGE.\n\nO pillow cold and wet with tears!",
    ],
)
def test_end_matter_goes(end):
    assert clean(f"\n{VERSE}\n\n{VERSE}{end}\n").text == f"{VERSE}\n\n{VERSE}"


@pytest.mark.parametrize(
    ("page", "poem"),
    [
        ("Of Church and State I'll warble,[1]\nTho' Dick", "Of Church and State I'll warble,\nTho' Dick"),
        ("Shed by the [1]ruthless Fratricide", "Shed by the ruthless Fratricide"),
        ("Like a pigeon, {1}\nAnd became a Mormon!", "Like a pigeon,\nAnd became a Mormon!"),
        ("Lang-haired gauvies(1) coom my way", "Lang-haired gauvies coom my way"),
        ("Ph[oe]bean splendour", "Phoebean splendour"),
        ("Wine lead[s] him on", "Wine leads him on"),
        ("call forth thund'ring {AE}schylus", "call forth thund'ring AEschylus"),
        ("And stretch\\ed forth the knife", "And stretched forth the knife"),
        ("Their end _I_ have in view", "Their end I have in view"),
        ("A light we will miss ~forevermore~.", "A light we will miss forevermore."),
        ("Both the load of the Ass &amp; his corse", "Both the load of the Ass & his corse"),
        ("And we ourselves?Are our hands clean?", "And we ourselves? Are our hands clean?"),
        ("Oh!Judy, that riverind Murthagh", "Oh! Judy, that riverind Murthagh"),
        ("colors and lustres\t        5\nTo recommend them.", "colors and lustres\nTo recommend them."),
        ("1 Yes, I beheld\n2 the Athenian queen", "Yes, I beheld\nthe Athenian queen"),
        ("    Old Euclid drew a circle\n      On a beach", "Old Euclid drew a circle\n  On a beach"),
    ],
)
def test_marks_within_go(page, poem):
    assert clean(page).text == poem


def test_a_note_goes_with_its_mark_and_a_line_that_only_looks_like_one_stays():
    body = f"{VERSE}[1]\n\n{VERSE}\n\n[1] The ancient name of Hitchin."
    assert clean(body).text == f"{VERSE}\n\n{VERSE}"
    assert clean(f"{VERSE}\n\n[11]Nor is't the Verse doth make,\nThat giueth").text.endswith(
        "Nor is't the Verse doth make,\nThat giueth"
    )


@pytest.mark.parametrize(
    "poem",
    [
        f"I.\n\n{VERSE}\n\nII.\n\n{VERSE}",
        f"Mother, mother\n\n{VERSE}",
        f"CHORUS\n\n{VERSE}\n\nSOLO\n\n{VERSE}",
        f'"Come, collar this bad man -\nAround the throat he knotted me"\n\n{VERSE}\n\n{VERSE}',
        f"Who has the utmost confidence\nThat all the banks?\nTom Collins.\n\n{VERSE}\n\n{VERSE}",
        f"{VERSE}\n\nUnto each other let us cling",
        f"{VERSE}\n\n* * * * *\n\n  {VERSE}",
    ],
)
def test_the_poem_stays_as_written(poem):
    assert clean(f"\n{poem}\n").text == poem


def test_long_verses_are_no_introduction():
    whitman = "Myself and mine gymnastic ever,\n" + "To stand the cold or heat, to take good aim, " * 3
    rest = "Not for an embroiderer,\nThere will always be plenty of embroiderers, I welcome them also,\n"
    assert clean(f"{whitman.strip()}\n\n{(rest + whitman).strip()}").text.startswith("Myself")


def test_a_title_that_is_repeated_goes():
    poem = f"PARNELL'S FUNERAL\n\n{VERSE}\n\n{VERSE}\n\nPARNELL IS DEAD\n\n{VERSE}"
    assert clean(poem).text == poem
    assert clean(poem, "Parnell's Funeral").text.startswith("My heart's")


LINE = st.from_regex(r"[a-z]{2,9}( [a-z]{1,9}){2,8}[,;]?", fullmatch=True)


@given(st.lists(st.lists(LINE, min_size=2, max_size=6)))
def test_plain_verse_is_not_touched(stanzas):
    poem = "\n\n".join("\n".join(stanza) for stanza in stanzas)
    assert clean(f"\n{poem}\n") == clean(poem)
    assert clean(poem).text == poem
    assert clean(poem).rules == ()
