"""Turns names from params.yaml into objects: the type of lookup tables, the import of dotted paths, dotted keys."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")

# A module-level dictionary with this annotation is a table that a lane's settings refer to by key. A stage depends only
# on the entries that its lane names (`groundwork.experiments.fingerprint`). The keys must be literals.
ByName: TypeAlias = dict[str, T]


def load(path: str) -> Any:
    """Import the object with a dotted path, such as ``callbacks.lr.MyMonitor``.

    This is the only place where text becomes code: the fingerprint of a stage that calls it includes the objects of the
    lane's dotted paths. Every exception of the import is passed on.
    """
    module_name, _, name = path.rpartition(".")
    module = import_module(module_name)
    if not hasattr(module, name):
        raise ImportError(f"another module of this name comes first, which has no {name}: {module.__file__}")
    return getattr(module, name)


def flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name nested values by dotted key, as `dvc exp run -S` does."""
    named: dict[str, Any] = {}
    for key, value in nested.items():
        named |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return named
