"""Makes a lane's name and a module's name of a competition's slug."""

import keyword
import re

from groundwork.errors import UserError
from groundwork.sections.base import LANE

ADDRESS = re.compile(r"^https?://(?:www\.)?kaggle\.com/(?:competitions|c)/([^/?#]+)")


def slug_in(text: str) -> str:
    """Return the slug in `text`, which may be the address of the competition's page.

    Raises
    ------
    UserError
        If it cannot be a slug of Kaggle.
    """
    match = ADDRESS.match(text)
    slug = match[1] if match else text
    if not re.match(LANE, slug):
        close = re.sub(r"[^a-z0-9]+", "-", slug.lower()).strip("-")
        raise UserError(
            f"{text!r} is not the name of a competition; expected small letters, digits and hyphens, as in the address "
            "kaggle.com/competitions/<name>",
            f"`groundwork add {close or 'titanic'}`",
        )
    return slug


def lane_name(name: str) -> str:
    """Return `name` if a lane can be called so; raise `UserError` otherwise."""
    if not re.match(LANE, name):
        raise UserError(
            f"--name: found {name!r}; expected small letters, digits and hyphens: it becomes the name of a folder",
            f"`--name {re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-') or 'mine'}`",
        )
    return name


def module_name(lane: str) -> str:
    """Return a legal name of a module: ``c3d_x`` for the lane ``3d-x``."""
    name = lane.replace("-", "_")
    if name[0].isdigit():
        name = f"c{name}"
    return f"{name}_" if keyword.iskeyword(name) else name
