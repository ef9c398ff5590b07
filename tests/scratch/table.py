"""The table of parity: every public block of `groundwork.scratch`, under all that it is compared with torch under."""

from functools import cache

import torch
from tests.scratch import functions, modules, networks, operations
from tests.scratch.case import Case

from groundwork.scratch.verify import Report, compare, gradcheck

TABLE: list[Case] = [*operations.cases(), *functions.cases(), *modules.cases(), *networks.cases()]
BLOCKS: dict[str, list[Case]] = {}
for case in TABLE:
    BLOCKS.setdefault(case.block, []).append(case)


def learns(case: Case) -> bool:
    """Tell whether there is something to train."""
    made = case.torch()
    return isinstance(made, torch.nn.Module) and any(True for _ in made.parameters())


# Every third case of a block that learns, since training takes longest: options come in twos and fours, so that all
# of them are among it.
TRAINED = [case for block in BLOCKS.values() for case in block[::3] if learns(case)]


# Each is asked for twice: by the test of the case and by that of the ledger.


@cache
def compared(case: Case) -> Report:
    """Run ours and torch's."""
    return compare(case.ours(), case.torch(), *case.inputs, **case.arguments)


@cache
def trained(case: Case) -> Report:
    """Run and train both."""
    return compare(case.ours(), case.torch(), *case.inputs, steps=100, **case.arguments)


@cache
def checked(case: Case) -> Report:
    """Check all gradients of ours by difference quotients, with torch's weights: they are the same each time."""
    ours, theirs = case.ours(), case.torch()
    if isinstance(theirs, torch.nn.Module):
        ours.load_state_dict(theirs.state_dict())
    return gradcheck(ours, case.inputs, **case.arguments)
