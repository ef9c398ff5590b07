"""A lane is added to the text of params.yaml and removed from it; no other byte changes."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from groundwork.adding.flow import flow
from groundwork.adding.params_text import ParamsText
from groundwork.errors import UserError

LANE = "  new-lane:\n    competition: new_lane\n    model: {a: 1,\n            b: [2, 3]}\n"
PATH = Path("params.yaml")

key = st.from_regex(r"[a-z][a-z0-9-]{0,6}", fullmatch=True).filter(
    lambda name: name not in ("null", "true", "false", "new-lane")
)
comment = st.sampled_from(["", "", "  # why", "# at the margin", "      # deep", "  # ünï: {[", "\t"])
body = st.sampled_from(
    [
        " {a: 1, b: [2, 3]}",
        " {a: 1,   # half\n     b: 2}",
        "\n    a: 1\n    b: {c: 2}",
        "\n    a: 1\n    b:\n      - 1\n      - 2   # two",
        "\n    a: |\n      text # no comment\n\n      more\n",
        "\n    a: 'it''s'\n    b: \"#\"",
        "\n      a: null",
    ]
)


@st.composite
def files(draw: st.DrawFn) -> str:
    names = draw(st.lists(key, min_size=1, max_size=4, unique=True))
    lines = [
        draw(comment),
        "seed: 0",
        draw(comment).strip("\t "),
        "competitions:" + draw(st.sampled_from(["", "  # lanes"])),
    ]
    for name in names:
        lines += [draw(comment).strip("\t"), f"  {name}:{draw(body)}"]
        lines += draw(st.sampled_from([[], [""], ["", ""]]))
    lines += draw(
        st.sampled_from([[], ["  # the end"], ["after: 1"], ["# x", "after: {b: 1}", ""], ["", "after:", "  c: 1"]])
    )
    return "\n".join(line for line in lines if line != "\t") + draw(st.sampled_from(["", "\n", "\n\n"]))


@settings(deadline=None)
@given(files(), st.booleans(), st.booleans())
def test_removing_what_was_added_gives_back_every_byte(text, windows, marked):
    content = (("\ufeff" if marked else "") + (text.replace("\n", "\r\n") if windows else text)).encode()
    before = ParamsText(content, PATH)
    added = before.added([LANE])
    # Only lines were put in, in one place.
    old, new = content.decode().splitlines(), added.decode().splitlines()
    start = next(i for i in range(len(new)) if new[: i + 1] != old[: i + 1])
    assert new[:start] + new[start + len(new) - len(old) :] == old
    assert ParamsText(added, PATH).removed(["new-lane"]) == content
    read = YAML(typ="safe").load(added.decode().removeprefix("\ufeff"))
    assert list(read["competitions"])[-1] == "new-lane"
    assert read["competitions"].pop("new-lane") == {"competition": "new_lane", "model": {"a": 1, "b": [2, 3]}}
    assert read == YAML(typ="safe").load(text)


def test_the_shipped_file_gets_a_lane_and_loses_it_without_a_trace(repository):
    content = (repository / PATH).read_bytes()
    before = ParamsText(content, PATH)
    added = before.added([LANE])
    assert added == content + b"\n" + LANE.encode()
    assert ParamsText(added, PATH).removed(["new-lane"]) == content
    assert {"source", "table_encoding", "fnn", "training"} <= before.anchors


def test_a_lane_in_the_middle_is_removed_with_the_empty_line_before_it():
    text = b"competitions:\n  a:\n    x: 1\n\n  # about b\n  b: {x: 2}\n\n  c:\n    x: 3\n"
    assert ParamsText(text, PATH).removed(["c"]) == b"competitions:\n  a:\n    x: 1\n\n  # about b\n  b: {x: 2}\n"
    assert ParamsText(text, PATH).removed(["b"]) == b"competitions:\n  a:\n    x: 1\n\n  # about b\n\n  c:\n    x: 3\n"


@pytest.mark.parametrize(
    "text", ["seed: 0\n", "competitions: {a: {x: 1}}\n", "competitions:\n", "competitions: 3\n", "- 1\n", ""]
)
def test_a_file_of_another_form_is_refused_in_words(text):
    with pytest.raises(UserError, match="expected a section with one entry or more"):
        ParamsText(text.encode(), PATH)


def test_a_file_that_is_no_yaml_is_refused_in_words():
    with pytest.raises(UserError, match=r"params\.yaml: is not YAML"):
        ParamsText(b"competitions:\n  a: {x: 1\n", PATH)


TREES = LANE.replace("new-lane", "new-lane-trees")
BLEND = {"members": ["new-lane", "new-lane-trees"], "method": "nnls"}
MEAN = {"new-lane-mean": flow(BLEND)}


@settings(deadline=None)
@given(
    files(),
    st.booleans(),
    st.sampled_from(["", "\nblends:\n  old: [a, b]   # both\n", "\n# two\nblends:\n  old: [a, b]\n\nlast: 1\n"]),
)
def test_lanes_and_a_blend_are_added_and_removed_without_a_trace(text, windows, blends):
    text = text.rstrip("\n") + "\n" + blends if blends else text
    content = (text.replace("\n", "\r\n") if windows else text).encode()
    added = ParamsText(content, PATH).added([LANE, TREES], MEAN)
    read = YAML(typ="safe").load(added.decode())
    assert list(read["competitions"])[-2:] == ["new-lane", "new-lane-trees"]
    assert read["blends"] == ({"old": ["a", "b"]} if blends else {}) | {"new-lane-mean": BLEND}
    assert ParamsText(added, PATH).removed(["new-lane", "new-lane-trees"], ["new-lane-mean"]) == content


@pytest.mark.parametrize("rows", [100, 1_500, 5_000, 40_000, 100_000, 500_000, 5_000_000])
@pytest.mark.parametrize("classes", [0, 2, 7, 40])
def test_defaults_are_settings_for_tables_of_any_size(rows: int, classes: int) -> None:
    from groundwork.adding.defaults import defaults, trees_by_size
    from groundwork.adding.lane import SHARED
    from groundwork.sections.networks import FNNSettings, LightGBMSettings
    from groundwork.sections.training import Training

    size = defaults(rows, 20, "table", classes=classes > 0)
    FNNSettings.model_validate({**SHARED["fnn"], **size["model"]})
    optimizer = {"name": "adamw", "betas": [0.9, 0.999], "eps": 1e-8}
    training = Training.model_validate({**SHARED["training"], "optimizer": optimizer, **size["training"]})
    assert (training.early_stopping is None) == (rows <= 500)
    assert (training.seeds > 1) == (rows < 9_000)
    assert (size["model"].get("depth") == 1) == (rows < 6_000 and classes > 0)
    model = LightGBMSettings.model_validate(trees_by_size(rows, 20, classes))
    assert (model.learning_rate > 0.05) == (classes > 2)
