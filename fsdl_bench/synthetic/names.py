"""The made-up artists of the synthetic tracks: every given name with every family name."""

_GIVEN = (
    "Alda Brun Cleo Dario Elma Fenno Greta Hugo Irma Joris Katla Lino Mira Nilo Oda Pavel Runa Silo Tilda Ugo"
)

_FAMILIES = """
Abendale Brekvold Corvane Dulmar Estervik Fallowin Grimaldane
Hollenbrook Istramar Keldorin Lunnevar Morabeth Norvalde Ostrenko
"""

NAMES: tuple[str, ...] = tuple(
    f"{given} {family}" for family in _FAMILIES.split() for given in _GIVEN.split()
)
"""280 names. Frozen: the split of an artist, and the songs, hang on them."""
