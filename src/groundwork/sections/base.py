"""What every section of params.yaml is made of: ranges, patterns, and the class that they derive from."""

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from groundwork.errors import UserError

PROJECT = r"^[A-Za-z0-9._-]+$"
LANE = r"^[a-z0-9][a-z0-9-]*$"
DOTTED = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$"
TIME = r"^\d\d:\d\d:\d\d:\d\d$"
SIZE = r"^(\d{1,6}(?:\.\d{1,3})?) ?(MB|GB|TB)$"
UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12}

Fraction = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
NotNegative = Annotated[float, Field(ge=0)]
Betas = Annotated[list[Fraction], Field(min_length=2, max_length=2)]
# A lane's name becomes a folder, a word in a shell and a stage of DVC.
LaneName = Annotated[str, Field(pattern=LANE)]


def size_in_bytes(text: str) -> int:
    """Return how many bytes a size such as ``5 GB`` is; raise `UserError` if it is none."""
    found = re.match(SIZE, text)
    if not found:
        raise UserError(f"found the size {text!r}; expected a number and MB, GB or TB", "write it so: 5 GB")
    return round(float(found[1]) * UNITS[found[2]])


class Settings(BaseModel):
    """A section of params.yaml: no unknown keys, no silent conversion, not changed once read."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
