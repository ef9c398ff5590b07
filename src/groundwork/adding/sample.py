"""Writes a function that makes a small synthetic archive of the columns' marginals, for tests without an account."""

from groundwork.adding.proposal import Proposal


def source(proposal: Proposal) -> str:
    """Return the source of a function `sample`; empty until it is written."""
    raise NotImplementedError
