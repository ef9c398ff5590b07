"""Defines the base class, ranges and patterns of all sections of params.yaml."""

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
Share = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
NotNegative = Annotated[float, Field(ge=0)]
Betas = Annotated[list[Fraction], Field(min_length=2, max_length=2)]
# A lane's name becomes a folder, an argument in a shell and a part of a DVC stage's name.
LaneName = Annotated[str, Field(pattern=LANE)]


def size_in_bytes(text: str) -> int:
    """Convert a size such as ``5 GB`` to bytes; raise `UserError` if it is not a size."""
    match = re.match(SIZE, text)
    if not match:
        raise UserError(f"found the size {text!r}; expected a number and MB, GB or TB", "write it as `5 GB`")
    return round(float(match[1]) * UNITS[match[2]])


class Settings(BaseModel):
    """A section of params.yaml. Unknown keys and silent type conversions are refused; instances are immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
