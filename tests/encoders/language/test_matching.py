import pytest

from groundwork.encoders.language.matching import Text, WordSimilarity, signals
from groundwork.encoders.language.words import words


def match(query: str, title: str) -> dict[str, float]:
    asked, said = Text(words(query)), Text(words(title))
    return signals(asked, said, dict.fromkeys((*asked.stems, *said.stems), 1.0), WordSimilarity())


def test_what_is_found_is_counted() -> None:
    found = match("steel angle bracket", "Everwell Angle Brackets in Galvanized Steel")
    assert (found["found"], found["missed"], found["share"], found["rare_share"]) == (3, 0, 1.0, 1.0)
    found = match("steel angle bracket", "Steel Hinge")
    assert (found["found"], found["missed"]) == (1, 2)
    assert found["rare_share"] == pytest.approx(1 / 3)
    assert found["rarest_missed"] == 1.0


def test_the_noun_of_a_title_stands_before_what_it_comes_with() -> None:
    for title in ("Brass Ball Valve with Lever in Black", "Brass Ball Valve for 3 in. Pipe", "Brass Ball Valve"):
        assert Text(words(title)).noun == "valv"
    assert match("ball valve", "Ball Valve with Lever")["title_noun_is_last"]
    assert not match("lever", "Ball Valve with Lever")["title_noun_asked"]


def test_the_same_number_of_another_unit_is_another_measure() -> None:
    same, other = match("6 ft. hose", "Hose 6'"), match("6 ft. hose", "Hose 5 ft. x 6 in.")
    assert (same["numbers"], same["same_measure"], same["other_measure"]) == (1, 1, 0)
    assert (other["numbers"], other["same_measure"], other["other_measure"]) == (1, 0, 1)


def test_words_that_nearly_match_are_alike() -> None:
    near, far = match("hardwood", "Hard Wood Floor"), match("hardwood", "Brass Valve")
    assert near["alike"] == 0.9
    assert near["as_one"]
    assert far["alike"] < 0.2
    assert match("flooring", "Floor Tile")["alike"] > match("flooring", "Door Tile")["alike"]


@pytest.mark.parametrize(("query", "title"), [("", "Hinge"), ("hinge", ""), ("", ""), ("in", "5"), ("5 in.", "the")])
def test_texts_that_say_nothing_have_signals_too(query: str, title: str) -> None:
    assert match(query, title).keys() == match("steel hinge", "Steel Hinge").keys()
