"""Checks the format of Kaggle credentials in files and variables, and never shows the credentials themselves.

The client reads these files as plain text. If a shell or an editor has written UTF-16, a byte order mark or a line
break, the client stops with a traceback or is rejected by the server. `credentials` and `groundwork doctor` use these
checks.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

UTF16 = (b"\xff\xfe", b"\xfe\xff")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def flaw_of_text(content: bytes) -> str | None:
    """Describe why the client cannot read `content` as text; return None if it can."""
    if content[:2] in UTF16 or (len(content) > 3 and content.count(b"\0") >= len(content) // 3):
        return "is written in UTF-16, as `>` writes in a Windows shell; expected plain ASCII text"
    if content.startswith(BYTE_ORDER_MARK):
        return "begins with a byte order mark, as some Windows editors write; expected plain ASCII text"
    if b"\0" in content:
        return "contains null bytes; expected plain ASCII text"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "contains bytes that are not text; expected plain ASCII text"
    return None


def flaw_of_token(content: bytes) -> str | None:
    """Describe why `content` cannot be a token, a user name or a key, which are sent in an HTTP header; None if it can.

    Blank content passes: the client ignores it and looks elsewhere.
    """
    if flaw := flaw_of_text(content):
        return flaw
    if not content.isascii():
        return "contains characters outside of ASCII; expected a token as Kaggle shows it"
    if content.strip() and not re.fullmatch(rb"[!-~]+", content):
        return "contains blanks or line breaks; expected a token as Kaggle shows it"
    return None


def flaw_of_variable(value: str) -> str | None:
    """Describe what is wrong with a variable that contains a token or names a file with one; None if nothing is.

    Raises
    ------
    OSError
        If it names a file that cannot be read.
    """
    if not value.strip():
        return "is blank; expected a token"
    try:
        is_path = Path(value).exists()
    except (OSError, ValueError):
        return f"is {len(value)} characters long; expected a token, or a file that contains one"
    return flaw_of_token(Path(value).read_bytes().strip() if is_path else os.fsencode(value))


def read_pair(content: bytes, expected: str = "username and key") -> dict[str, Any] | str:
    """Return the content of a JSON file of credentials, or a description of what is wrong with it."""
    if flaw := flaw_of_text(content):
        return flaw
    try:
        pair = json.loads(content)
    except (ValueError, RecursionError):
        pair = None
    return pair if isinstance(pair, dict) else f"is not JSON; expected {expected}"


def flaw_of_oauth(content: bytes) -> str | None:
    """Describe what is wrong with a `credentials.json`; None if nothing is."""
    pair = read_pair(content, "refresh_token")
    if isinstance(pair, str):
        return pair
    token = pair.get("refresh_token")
    return None if isinstance(token, str) and token.strip() else "contains no refresh_token"


def flaw_of_pair(pair: dict[str, Any]) -> str | None:
    """Describe what is wrong with a user name and a key; None if nothing is."""
    if missing := [name for name in ("username", "key") if pair.get(name) in (None, "") or blank(pair[name])]:
        return f"contains no {' and no '.join(missing)}"
    for name in ("username", "key"):
        value = pair[name]
        if not isinstance(value, str):
            return f"{name}: found {type(value).__name__}; expected text"
        if flaw := flaw_of_token(value.encode("utf-8", "surrogatepass")):
            return f"{name}: {flaw}"
    return None


def blank(value: object) -> bool:
    """Return whether `value` is a string of nothing but blanks."""
    return isinstance(value, str) and not value.strip()
