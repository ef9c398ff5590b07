"""Whether operations make a graph: one switch for all of them, as in torch."""

from collections.abc import Iterator
from contextlib import contextmanager

_enabled = True


def is_grad_enabled() -> bool:
    """Whether operations remember what they were made of."""
    return _enabled


@contextmanager
def no_grad() -> Iterator[None]:
    """Make no graph inside; also a decorator."""
    global _enabled  # noqa: PLW0603  # what all operations ask
    before, _enabled = _enabled, False
    try:
        yield
    finally:
        _enabled = before
