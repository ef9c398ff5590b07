"""Tables of names to objects: metrics, networks, encoders, kinds of problems, optimizers."""

from typing import TypeAlias, TypeVar

T = TypeVar("T")

# A module-level dictionary with this annotation is a table that a lane's settings point into: what a stage depends on
# are the entries that the lane names, not the others (`groundwork.experiments.fingerprint`). Its keys are literals.
ByName: TypeAlias = dict[str, T]
