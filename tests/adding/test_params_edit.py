"""Values of a lane are written into the text of params.yaml; no other byte changes, and no other lane."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from groundwork import params
from groundwork.adding.flow import flow
from groundwork.adding.params_edit import changed, differences
from groundwork.errors import UserError

SHIPPED = Path(__file__).parents[2] / "params.yaml"
PATH = Path("params.yaml")


def lanes(content: bytes) -> dict[str, dict[str, Any]]:
    read = YAML(typ="safe").load(content.decode().removeprefix("\ufeff"))
    return {name: lane.model_dump(mode="json") for name, lane in params.check(read).competitions.items()}


def leaves(section: Any, place: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(section, dict) or not section:
        return [place]
    return [leaf for key, inner in section.items() for leaf in leaves(inner, (*place, key))]


def with_value(section: dict[str, Any], place: tuple[str, ...], value: Any) -> dict[str, Any]:
    key, *rest = place
    return {**section, key: with_value(section[key], tuple(rest), value) if rest else value}


def another(value: Any) -> Any:
    """A value that is not there yet, and is of no schema: the text is what is tested."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 7
        case None:
            return {"patience": 3, "min_delta": 0.0, "holdout": 0.05}
        case list():
            return [*value, 0.125]
    return f"{value}: #x"


ALL = [(name, place) for name, lane in lanes(SHIPPED.read_bytes()).items() for place in leaves(lane)]


@pytest.mark.parametrize("windows", [False, True], ids=["unix", "windows"])
def test_every_key_of_every_lane_is_written_and_no_other_byte(windows: bool) -> None:
    content = SHIPPED.read_bytes().replace(b"\n", b"\r\n") if windows else SHIPPED.read_bytes()
    before = lanes(content)
    whole = YAML(typ="safe").load(content.decode())
    assert len(ALL) > 150
    for name, place in ALL[::7] if windows else ALL:
        value = another(leaf(before[name], place))
        after = with_value(before[name], place, value)
        edited = changed(content, name, before[name], after, PATH)
        (written_at,) = differences(before[name], after)
        assert written_at == place[: len(written_at)]
        # One piece of the text was replaced or put in, and it lies in the lane.
        start = next(i for i in range(len(content)) if content[i] != edited[i])
        stop = next(i for i in range(1, len(content)) if content[-i] != edited[-i])
        written = edited[start : len(edited) - stop + 1].decode()
        assert len(written) < 160 or written_at != place, written
        first = content.index(f"\n  {name}:".encode())
        assert first < start
        assert b"\n\n" not in content[first + 1 : start]
        read = YAML(typ="safe").load(edited.decode())
        assert leaf(read["competitions"][name], place) == value
        for other in before:
            expected = whole["competitions"][other]
            if other == name:
                expected = without(expected, written_at)
                read["competitions"][name] = without(read["competitions"][name], written_at)
            assert read["competitions"][other] == expected
        assert {**read, "competitions": 0} == {**whole, "competitions": 0}


def without(section: dict[str, Any], place: tuple[str, ...]) -> dict[str, Any]:
    key, *rest = place
    if rest and key in section:
        return {**section, key: without(section[key], tuple(rest))}
    return {name: value for name, value in section.items() if name != key}


def leaf(section: Any, place: Any) -> Any:
    for key in place:
        section = section.get(key, {}) if isinstance(section, dict) else section
    return section


def test_an_inherited_value_becomes_an_override_of_that_lane_alone() -> None:
    content = SHIPPED.read_bytes()
    before = lanes(content)
    after = with_value(before["house-prices"], ("model", "dropout"), 0.4)
    edited = changed(content, "house-prices", before["house-prices"], after, PATH)
    assert edited == content.replace(b"{<<: *fnn, members: 8}", b"{<<: *fnn, members: 8, dropout: 0.4}")
    assert lanes(edited) == {**before, "house-prices": after}


def test_a_long_line_is_continued_below_its_first_key() -> None:
    content = SHIPPED.read_bytes()
    before = lanes(content)
    after = with_value(before["toxic-comments"], ("training", "early_stopping"), another(None))
    edited = changed(content, "toxic-comments", before["toxic-comments"], after, PATH)
    said = b"gradient_clip: 5.0,\n               early_stopping: {patience: 3, min_delta: 0.0, holdout: 0.05}}"
    assert edited == content.replace(b"gradient_clip: 5.0}", said, 1)
    assert lanes(edited) == {**before, "toxic-comments": after}


def test_a_changed_network_replaces_its_section_and_inherits_nothing() -> None:
    content = SHIPPED.read_bytes()
    before = lanes(content)
    trees = {
        "network": "lightgbm", "rounds": 300, "learning_rate": 0.05, "l2": 1.0, "holdout": 0.1, "patience": 50,
        "leaves": 31, "rows_per_leaf": 20, "feature_share": 0.8, "row_share": 0.8, "set_codes": 30,
    }  # fmt: skip
    loss = {**before["titanic"]["objective"], "label_smoothing": 0.0}
    training = {"folds": "all", "seeds": 1}
    after = {**before["titanic"], "model": trees, "objective": loss, "training": training}
    edited = changed(content, "titanic", before["titanic"], after, PATH)
    assert lanes(edited) == {**before, "titanic": after}
    text = edited.decode()
    lane = text[text.index("  titanic:") : text.index("  house-prices:")]
    assert lane.count("<<") == 1, "only the encoding inherits"
    assert "    training: {folds: all, seeds: 1}\n" in lane
    assert max(map(len, lane.splitlines())) <= 120
    assert text.replace(lane, "") == content.decode().replace(
        content.decode()[content.decode().index("  titanic:") : content.decode().index("  house-prices:")], ""
    )


FORMS = {
    "a bare alias": ("    model: *fnn\n", "    model: {<<: *fnn, dropout: 0.4}\n"),
    "a block": ("    model:\n      <<: *fnn   # why\n", "    model:\n      <<: *fnn   # why\n      dropout: 0.4\n"),
    "a block with the key": (
        "    model:\n      <<: *fnn\n      dropout: 0.3   # own\n",
        "    model:\n      <<: *fnn\n      dropout: 0.4   # own\n",
    ),
    "a comma at the end": ("    model: {<<: *fnn, }\n", "    model: {<<: *fnn, dropout: 0.4, }\n"),
    "a comment inside": (
        "    model: {<<: *fnn,  # shared\n            }\n",
        "    model: {<<: *fnn, dropout: 0.4,  # shared\n            }\n",
    ),
    "the end of the file": ("    model:\n      <<: *fnn", "    model:\n      <<: *fnn\n      dropout: 0.4"),
    "an alias as a value": ("    model: {<<: *fnn, dropout: *rate}\n", "    model: {<<: *fnn, dropout: 0.4}\n"),
}


@pytest.mark.parametrize("marked", [False, True], ids=["", "BOM"])
@pytest.mark.parametrize(("form", "said"), FORMS.values(), ids=FORMS)
def test_all_forms_of_a_section_are_edited_in_place(form: str, said: str, marked: bool) -> None:
    head = "\ufeff" * marked + ".shared: &fnn {network: fnn, dropout: &rate 0.2}\ncompetitions:\n  other:\n"
    head += "    model: *fnn\n  mine:\n"
    before = {"model": {"network": "fnn", "dropout": 0.2}}
    after = {"model": {"network": "fnn", "dropout": 0.4}}
    assert changed((head + form).encode(), "mine", before, after, PATH).decode() == head + said


def test_what_one_lane_cannot_leave_alone_is_refused_with_what_to_write() -> None:
    text = b"competitions:\n  mine:\n    model: &own {network: fnn, dropout: 0.2}\n  other:\n    model: *own\n"
    before = {"model": {"network": "fnn", "dropout": 0.2}}
    with pytest.raises(UserError, match=r"shares values with other lanes(.|\n)*model.dropout: 0.4") as caught:
        changed(text, "mine", before, {"model": {"network": "fnn", "dropout": 0.4}}, PATH)
    assert "by hand" in caught.value.next_step


value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
)


@settings(deadline=None)
@given(value)
def test_values_are_read_back_as_they_were(value: Any) -> None:
    read = YAML(typ="safe", pure=True).load(f"{{a: {flow(value)}, b: 1}}")
    assert read == {"a": value, "b": 1}
