"""The switch that decides whether operations record a graph, as in torch."""

from collections.abc import Iterator
from contextlib import contextmanager

_enabled = True


def is_grad_enabled() -> bool:
    """Whether operations record their inputs."""
    return _enabled


@contextmanager
def no_grad() -> Iterator[None]:
    """Record no graph inside the block; also a decorator."""
    global _enabled  # noqa: PLW0603  # read by all operations
    before, _enabled = _enabled, False
    try:
        yield
    finally:
        _enabled = before
