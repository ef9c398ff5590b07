"""Names that become objects: tables of metrics, networks, encoders and kinds; classes by dotted path."""

from importlib import import_module
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")

# A module-level dictionary with this annotation is a table that a lane's settings point into: what a stage depends on
# are the entries that the lane names, not the others (`groundwork.experiments.fingerprint`). Its keys are literals.
ByName: TypeAlias = dict[str, T]


def load(path: str) -> Any:
    """Import what a lane names by its dotted path, such as ``callbacks.lr.MyMonitor``.

    The one place where text becomes code: the fingerprint of a stage that calls this holds what the lane's dotted paths
    lead to. Raises what importing it raises.
    """
    module_name, _, name = path.rpartition(".")
    module = import_module(module_name)
    if not hasattr(module, name):
        raise ImportError(f"another module of this name comes first, which has no {name}: {module.__file__}")
    return getattr(module, name)
