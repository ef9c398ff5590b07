import inspect
import re

import pytest
from tests.scratch.case import Case
from tests.scratch.table import BLOCKS, TABLE, TRAINED, checked, compared, learns, trained

from groundwork import scratch
from groundwork.scratch import functional, nn, tensor

CONVERSIONS = {"__array__", "__bool__", "__float__", "__len__", "__repr__", "detach", "item"}
NOT_COMPUTING = {"__init__", "__setitem__", "backward", "constant", "operand"} | CONVERSIONS


@pytest.mark.parametrize("case", TABLE, ids=str)
def test_outputs_and_all_gradients_are_those_of_torch(case: Case) -> None:
    assert compared(case)


@pytest.mark.parametrize("case", [case for case in TABLE if case.has_slope], ids=str)
def test_every_gradient_is_the_slope(case: Case) -> None:
    assert checked(case)


@pytest.mark.parametrize("case", TRAINED, ids=str)
def test_after_a_hundred_steps_both_still_give_the_same(case: Case) -> None:
    assert trained(case)


def test_cases_have_names_of_their_own() -> None:
    assert len({str(case) for case in TABLE}) == len(TABLE)


def test_every_public_block_is_in_the_table() -> None:
    def functions(namespace: object) -> set[str]:
        found = inspect.getmembers(namespace, inspect.isfunction)
        return {name for name, _ in found if not re.match("_[^_]", name)}

    blocks = {f"Tensor.{name}" for name in functions(tensor.Tensor) - NOT_COMPUTING}
    blocks |= {name for name in functions(scratch) if name not in ("manual_seed", "no_grad", "operation")}
    blocks |= {f"functional.{name}" for name in functions(functional) if name in functional.__all__}
    parts = [name for name in nn.__all__ if inspect.isclass(getattr(nn, name))]
    blocks |= {f"nn.{name}" for name in parts if name not in ("Module", "Parameter")}
    assert sorted(blocks - BLOCKS.keys()) == []


def test_every_block_that_learns_is_trained() -> None:
    assert {case.block for case in TRAINED} == {case.block for case in TABLE if learns(case)}
