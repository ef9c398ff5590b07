import itertools
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from tests.scratch.mutants import MUTANTS, Mutant, planted
from tests.scratch.table import BLOCKS, compared

from groundwork.scratch import Tensor, no_grad
from groundwork.scratch import functional as F


def checks(noticed_by: str | Callable[..., None]) -> Iterator[Callable[[], Any]]:
    """Give what compares the cases of a block, or runs the rows of a test, each as one call."""
    if isinstance(noticed_by, str):
        # Past the cache: a report of before or after the bug says nothing.
        return (partial(compared.__wrapped__, case) for case in BLOCKS[noticed_by])
    marks = [mark for mark in getattr(noticed_by, "pytestmark", []) if mark.name == "parametrize"]
    columns = [[named(mark.args[0], row) for row in mark.args[1]] for mark in marks]
    rows = ({name: value for part in parts for name, value in part.items()} for parts in itertools.product(*columns))
    return (partial(noticed_by, **row) for row in rows)


def named(names: str | tuple[str, ...], row: Any) -> dict[str, Any]:
    """Give each argument of a parametrised test its name."""
    return {names: row} if isinstance(names, str) else dict(zip(names, row, strict=True))


def passes(check: Callable[[], Any]) -> bool:
    """Tell whether a test ends well, or a report is clean."""
    try:
        found = check()
    except (Exception, pytest.fail.Exception):
        return False
    return found is None or bool(found)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_suite_notices(mutant: Mutant) -> None:
    with planted(mutant):
        failing = next((check for check in checks(mutant.noticed_by) if not passes(check)), None)
    assert failing is not None, "the mutant survives"
    assert passes(failing)


def test_mutants_have_names_and_edits_of_their_own() -> None:
    assert len({str(mutant) for mutant in MUTANTS}) == len(MUTANTS)
    assert len({(mutant.function, mutant.old, mutant.new) for mutant in MUTANTS}) == len(MUTANTS)


def slope() -> Any:
    x = Tensor([1.0], requires_grad=True)
    F.relu(x).backward()
    return x.grad.item()


DOUBLED = Mutant("relu's gradient is doubled", F.relu, "masked(dy", "masked(2 * dy", "functional.relu")
STUCK = Mutant("a switch is not put back", no_grad.__wrapped__, "    _enabled = before", "    pass", "no block")


@pytest.mark.parametrize("error", [None, ZeroDivisionError])
def test_a_mutant_is_gone_afterwards_also_after_an_exception(error: type[Exception] | None) -> None:
    code = F.relu.__code__
    with pytest.raises(error) if error else nullcontext(), planted(DOUBLED):
        assert slope() == 2
        if error:
            raise error
    assert F.relu.__code__ is code
    assert slope() == 1


def test_what_a_mutant_leaves_behind_is_put_back() -> None:
    with planted(STUCK):
        with no_grad():
            pass
        assert not (Tensor([1.0], requires_grad=True) * 2).requires_grad
    assert slope() == 1


@pytest.mark.parametrize("old", ["what is not there", "dy"])
def test_a_mutant_of_a_source_that_has_changed_says_so(old: str) -> None:
    with (
        pytest.raises(ValueError, match=r"source of relu has changed; expected .* once"),
        planted(replace(DOUBLED, old=old)),
    ):
        pass
