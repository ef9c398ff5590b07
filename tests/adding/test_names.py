"""Slugs, lanes and modules have legal names, or the user learns a legal one."""

import keyword
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundwork.adding.names import lane_name, module_name, slug_in
from groundwork.errors import UserError
from groundwork.sections.base import LANE


@pytest.mark.parametrize(
    ("lane", "module"),
    [
        ("3d-x", "c3d_x"),
        ("titanic", "titanic"),
        ("class", "class_"),
        ("import", "import_"),
        ("a-b-c", "a_b_c"),
        ("2", "c2"),
    ],
)
def test_a_module_has_a_legal_name(lane, module):
    assert module_name(lane) == module


@settings(deadline=None)
@given(st.from_regex(LANE, fullmatch=True))
def test_every_lane_has_a_module_that_python_imports(lane):
    name = module_name(lane.strip())
    assert name.isidentifier()
    assert not keyword.iskeyword(name)
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("titanic", "titanic"),
        ("3d-x", "3d-x"),
        ("https://www.kaggle.com/competitions/titanic", "titanic"),
        ("https://www.kaggle.com/competitions/titanic/data?select=train.csv", "titanic"),
        ("https://kaggle.com/c/titanic/", "titanic"),
    ],
)
def test_a_slug_may_be_given_as_the_address_of_its_page(text, slug):
    assert slug_in(text) == slug


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("My Competition", "my-competition"),
        ("a_b", "a-b"),
        ("../x", "x"),
        ("Titanic", "titanic"),
        ("", "titanic"),
        ("-x", "x"),
    ],
)
def test_a_wrong_slug_is_refused_with_one_that_may_be_meant(text, meant):
    with pytest.raises(UserError, match=f"is not the name of a competition.*\n.*groundwork add {meant}`"):
        slug_in(text)


def test_a_wrong_name_of_a_lane_is_refused():
    with pytest.raises(UserError, match="--name: found 'My lane'"):
        lane_name("My lane")
