import subprocess
import sys

import pytest

from groundwork.encoders.language.words import Speller, stem, words
from groundwork.training.archive import pack_state, unpack_state


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        (("6 ft.", "6'", "6 feet", "6-foot", "6ft", "6 \N{RIGHT SINGLE QUOTATION MARK}", "6\N{PRIME}", "6 FT"), "6 ft"),
        (("3 in.", '3"', "3''", "3 inches", "3-inch", "3in", "3″", "3”"), "3 inch"),
        (("9-Watt", "9w", "9 W", "9 watts"), "9 watt"),
        (("12 sq. ft.", "12 square feet", "12 sq ft", "12 sqft"), "12 sqft"),
        (("5 cu. ft.", "5 cubic feet", "5 cu ft"), "5 cuft"),
        (("90° elbow", "90 degree elbow", "90-deg. elbow", "90º elbow"), "90 deg elbow"),
        (("1-1/2 in.", "1 1/2 in.", "1½ in.", "1.5 in", '1.50"'), "1.5 inch"),
        (("1/2", "½", ".5", "0.50"), "0.5"),
        (("1,200 BTU", "1200 btus", "01200 btu"), "1200 btu"),
        (("2x4", "2 x 4", "2 by 4", "2*4", "2×4"), "2 x 4"),
        (("5'4\"", "5 ft. 4 in.", "5ft4in"), "5 ft 4 inch"),
        (("8'x10'", "8 ft. x 10 ft.", "8ft by 10ft"), "8 ft x 10 ft"),
        (("Élan Rowan &amp; Stone", "elan rowan & stone", "<b>Elan</b> rowan stone"), "elan rowan stone"),
    ],
)
def test_one_thing_is_one_text_however_it_is_written(ways: tuple[str, ...], expected: str) -> None:
    assert {way: " ".join(words(way)) for way in ways} == dict.fromkeys(ways, expected)


def test_a_unit_is_one_only_after_a_number_and_as_a_whole_word() -> None:
    assert words("feet in water") == ("feet", "in", "water")
    assert words("5 wattage, 3 inserts, 2 votes") == ("5", "wattage", "3", "inserts", "2", "votes")


@pytest.mark.parametrize("text", ["", " \t\n", "🔨🔨", "…!?", "''", "\x00"])
def test_a_text_without_words_has_none(text: str) -> None:
    assert words(text) == ()


def test_strange_texts_pass() -> None:
    assert words("ключ 5 см") == ("ключ", "5", "см")
    assert words("1/0 gauge, 7/0") == ("1/0", "ga", "7/0")
    assert words("9" * 5000) == ("9" * 5000,)
    for long in ("1 " * 10_000, "1" + " " * 20_000 + "y", "<a" * 10_000, "1/" * 10_000, "½" * 10_000, "a" * 20_000):
        words(long)


def test_stems_join_what_titles_and_queries_write_differently() -> None:
    for ways in (("bracket", "brackets"), ("hinge", "hinges"), ("battery", "batteries"), ("switch", "switches")):
        assert len({stem(way) for way in ways}) == 1, ways
    assert stem("glass") == "glass"
    assert stem("1.5") == "1.5"


CATALOGUE = ["angle bracket"] * 5 + ["wire basket"] * 9 + ["chrome faucet"] * 4 + ["light bulb"] * 4 + ["rarity"] * 2
SPELLER = Speller(map(words, CATALOGUE))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("brackt", "bracket"),  # one left out
        ("braccket", "bracket"),  # one too many
        ("bravket", "bracket"),  # another one
        ("fuacet", "faucet"),  # two swapped
        ("braket", "bracket"),  # one letter off, while "basket" is two off and more frequent
        ("lightbulb", "light bulb"),  # two words written as one
        ("bracket", "bracket"),
        ("rarity", "rarity"),  # known, if rare
        ("rarit", "rarit"),  # too rare to be what was meant
        ("wir", "wir"),  # too short to be sure
        ("12345", "12345"),
        ("zzzzzz", "zzzzzz"),
    ],
)
def test_words_are_spelt_as_the_catalogue_spells_them(typed: str, meant: str) -> None:
    assert " ".join(SPELLER([typed])) == meant


def test_another_catalogue_corrects_otherwise() -> None:
    assert Speller([("facet",)] * 3).correct("fuacet") == ("facet",)
    assert Speller([]).correct("fuacet") == ("fuacet",)


def test_a_speller_from_its_file_corrects_the_same() -> None:
    loaded = Speller.from_state(unpack_state(pack_state(SPELLER.state())))
    assert [loaded.correct(word) for word in ("fuacet", "lightbulb")] == [("faucet",), ("light", "bulb")]


def test_every_process_corrects_the_same() -> None:
    """Sets of strings have another order in each process: equally near words must not depend on it."""
    code = "from groundwork.encoders.language.words import Speller; from groundwork.training.archive import pack_state;"
    code += "s = Speller([('mast', 'cast', 'past', 'last')] * 3);"
    code += "print(s.correct('zast'), s.correct('xast'), pack_state(s.state()))"
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        for seed in ("1", "2", "3")
    ]
    assert len({run.stdout for run in runs}) == 1
