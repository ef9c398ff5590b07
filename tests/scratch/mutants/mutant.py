"""Bugs to plant, so that the suite can show that it notices them."""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType
from typing import Any


@dataclass(frozen=True)
class Mutant:
    """A small edit of one function's source.

    Attributes
    ----------
    name
        What is wrong with the program then.
    function
        What is edited. Whoever has imported it runs the bug, too: not the function is replaced, but its code.
    old, new
        What the source holds once, and what stands there instead.
    noticed_by
        Who is to notice: a block of the table, or a test of the suite.
    """

    name: str
    function: Callable[..., Any]
    old: str
    new: str
    noticed_by: str | Callable[..., None]

    def __str__(self) -> str:
        return self.name

    def code(self) -> CodeType:
        """Compile the edited source; ValueError if it does not hold `old` once."""
        source = textwrap.dedent(inspect.getsource(self.function))
        if (count := source.count(self.old)) != 1:
            where = self.function.__qualname__
            raise ValueError(
                f"{self.name}: the source of {where} has changed; expected {self.old!r} once, found {count}"
            )
        compiled = compile(source.replace(self.old, self.new), f"<{self.name}>", "exec")
        return next(one for one in compiled.co_consts if getattr(one, "co_name", "") == self.function.__name__)


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """Keep the bug in the library for a while."""
    function, code = mutant.function, mutant.code()
    right, names = function.__code__, dict(function.__globals__)
    function.__code__ = code
    try:
        yield
    finally:
        function.__code__ = right
        function.__globals__.update(names)  # what a bug leaves behind, as a switch that is not put back
