"""Kaggle's credentials as they lie in files and variables: what keeps the client from using them, said without them.

The client reads its files as text and stops with a traceback, or sends what it read and is rejected, when a shell or
an editor has put something else there: UTF-16, a byte order mark, a line break. `credentials` and the doctor ask here.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

UTF16 = (b"\xff\xfe", b"\xfe\xff")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def flaw_of_text(content: bytes) -> str | None:
    """Say what keeps `content` from being text as the client reads it; None if nothing does."""
    if content[:2] in UTF16 or (len(content) > 3 and content.count(b"\0") >= len(content) // 3):
        return "is written in UTF-16, as `>` writes in a Windows shell; expected plain ASCII text"
    if content.startswith(BYTE_ORDER_MARK):
        return "begins with a byte order mark, as some Windows editors write; expected plain ASCII text"
    if b"\0" in content:
        return "holds null bytes; expected plain ASCII text"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "holds bytes that are no text; expected plain ASCII text"
    return None


def flaw_of_token(content: bytes) -> str | None:
    """Say what keeps `content` from being a token, a user name or a key, which pass in an HTTP header; None if nothing.

    Blank content is no flaw: the client takes it for none and looks elsewhere.
    """
    if flaw := flaw_of_text(content):
        return flaw
    if not content.isascii():
        return "holds characters outside of ASCII; expected a token as Kaggle shows it"
    if content.strip() and not re.fullmatch(rb"[!-~]+", content):
        return "holds blanks or line breaks; expected a token as Kaggle shows it"
    return None


def flaw_of_variable(value: str) -> str | None:
    """Say what is wrong with a variable that holds a token or names a file with one; None if nothing is.

    Raises
    ------
    OSError
        If it names a file that cannot be read.
    """
    if not value.strip():
        return "is blank; expected a token"
    try:
        named = Path(value).exists()
    except (OSError, ValueError):
        return f"is {len(value)} characters long; expected a token, or a file that holds one"
    return flaw_of_token(Path(value).read_bytes().strip() if named else os.fsencode(value))


def read_pair(content: bytes, expected: str = "username and key") -> dict[str, Any] | str:
    """Return what a file of credentials in JSON holds, or what is wrong with it."""
    if flaw := flaw_of_text(content):
        return flaw
    try:
        held = json.loads(content)
    except (ValueError, RecursionError):
        held = None
    return held if isinstance(held, dict) else f"is not JSON; expected {expected}"


def flaw_of_oauth(content: bytes) -> str | None:
    """Say what is wrong with a `credentials.json`; None if nothing is."""
    held = read_pair(content, "refresh_token")
    if isinstance(held, str):
        return held
    token = held.get("refresh_token")
    return None if isinstance(token, str) and token.strip() else "holds no refresh_token"


def flaw_of_pair(held: dict[str, Any]) -> str | None:
    """Say what is wrong with a user name and a key; None if nothing is."""
    if missing := [name for name in ("username", "key") if held.get(name) in (None, "") or blank(held[name])]:
        return f"holds no {' and no '.join(missing)}"
    for name in ("username", "key"):
        value = held[name]
        if not isinstance(value, str):
            return f"{name}: found {type(value).__name__}; expected text"
        if flaw := flaw_of_token(value.encode("utf-8", "surrogatepass")):
            return f"{name}: {flaw}"
    return None


def blank(value: object) -> bool:
    """Whether `value` is text of nothing but blanks."""
    return isinstance(value, str) and not value.strip()
