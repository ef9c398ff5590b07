"""Calls Kaggle's client with retries, and turns its exceptions into user errors."""

import io
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlsplit

import tenacity

from groundwork.competitions import Competition
from groundwork.errors import UserError
from groundwork.kaggle import transport
from groundwork.kaggle.transport import PageError, SilentError

T = TypeVar("T")

# Longer waits are cut to a day: a server that asks for more will not answer today.
DAY = 86_400.0
# What the client raises when an answer does not come from Kaggle's API.
UNEXPECTED_ANSWER = (KeyError, IndexError, TypeError, AttributeError)
PORTAL = (
    "open https://www.kaggle.com in a browser on this machine and log in wherever the network's portal, proxy or VPN "
    "requires it; then run the command again"
)

NEW_TOKEN = "make a new token at https://www.kaggle.com/settings (API -> Generate New Token)"


@dataclass(frozen=True)
class Patience:
    """How often and how long to retry when the server is busy.

    Attributes
    ----------
    attempts
        Number of calls, including the first.
    first
        Seconds before the second call; the wait doubles with each call. A longer `Retry-After` overrides it.
    longest
        The longest single wait in seconds. If the server asks for more, the call fails.
    """

    attempts: int = 6
    first: float = 2.0
    longest: float = 120.0


PATIENCE = Patience()


class UploadError(Exception):
    """The bytes of a file did not arrive. The client reports this in its return value, not by an exception."""


def call(
    function: Callable[[], T], doing: str, competition: Competition | None = None, patience: Patience = PATIENCE
) -> T:
    """Call the client and retry on 429 and 5xx; turn its exceptions into one message.

    Each wait is announced in one line on stderr. The client itself retries only uploads of data sets and fails at once
    on 429 everywhere else. What it prints on stdout is dropped. Each attempt calls `function` from the start, so it
    must be safe to repeat.

    Parameters
    ----------
    doing
        What the call does, in words that follow "could not".
    competition
        The competition that the call is about. The message links to its rules page when Kaggle answers 403.

    Raises
    ------
    UserError
        With what Kaggle answered and the next step.
    """
    import requests
    import urllib3

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        # Never less than our own wait: a server that sends no header, or a date in the past, is still busy.
        backoff = min(patience.first * 2 ** (state.attempt_number - 1), patience.longest)
        return max(backoff, _retry_after(error) or 0.0)

    def announce(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        reason = "the upload failed" if isinstance(error, UploadError) else f"Kaggle answered {status_of(error)}"
        attempt = f"attempt {state.attempt_number + 1} of {patience.attempts}"
        print(f"{reason}; waiting {state.upcoming_sleep:.3g} s, then {attempt}", file=sys.stderr, flush=True)

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_busy),
        wait=wait,
        stop=lambda state: state.attempt_number >= patience.attempts or state.upcoming_sleep > patience.longest,
        before_sleep=announce,
        reraise=True,
    )
    client_errors = (requests.RequestException, urllib3.exceptions.HTTPError, ValueError, SystemExit, UploadError)
    try:
        with redirect_stdout(io.StringIO()), transport.watched():
            return retrying(function)
    except (*client_errors, *UNEXPECTED_ANSWER, PageError, SilentError) as error:
        raise _user_error(error, doing, competition) from error


def status_of(error: BaseException | None) -> int | None:
    """Return the HTTP status behind one of the client's exceptions, or None if there was no answer."""
    response = getattr(error, "response", None)
    if response is None:
        return None
    status = int(response.status_code)
    if status >= 400:
        return status
    # Some refusals arrive with status 200 and the error code in the body.
    try:
        return int(response.json()["code"])
    except (ValueError, KeyError, TypeError):
        return None


def _retry_after(error: BaseException | None) -> float | None:
    """Return the seconds that the server asks to wait, at most a day: `Retry-After` as a number or a date.

    Return None if there is no header or it is not a valid wait: a negative number or a date in the past (RFC 9110,
    10.2.3).
    """
    response = getattr(error, "response", None)
    header = response.headers.get("Retry-After") if response is not None else None
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    # NaN fails this comparison, too.
    return min(seconds, DAY) if seconds >= 0 else None


def _is_busy(error: BaseException) -> bool:
    status = status_of(error)
    return isinstance(error, UploadError) or status == 429 or (status is not None and status >= 500)


def _user_error(error: BaseException, doing: str, competition: Competition | None) -> UserError:
    """Turn one of the client's exceptions into what happened and what to do next.

    Only the server's own words are quoted: the exceptions' texts contain signed URLs, which are secrets.
    """
    status, failed = status_of(error), f"Kaggle: could not {doing}"
    if isinstance(error, SystemExit) or status == 401:
        return UserError(f"{failed}: the credentials were rejected", NEW_TOKEN)
    if isinstance(error, UploadError):
        return UserError(
            f"{failed}: the file's bytes were not accepted", "nothing was handed in; run the command again"
        )
    if status is None:
        return _no_answer(error, failed)
    response = error.response  # type: ignore[attr-defined]  # a status comes from a response
    try:
        server_message = str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        server_message = response.reason or "no reason given"
    if status == 429 or status >= 500:
        wait = _retry_after(error)
        later = "in some minutes" if not wait else f"in {wait:.0f} s" if wait < DAY else "in 24 hours"
        return UserError(f"{failed}: it still answers {status} ({server_message})", f"run the command again {later}")
    if response.history:
        return UserError(f"{failed}: the archive's store answered {status} ({server_message})", "run the command again")
    if status == 403 and competition:
        step = f"accept the competition's rules at {competition.rules_url}, then run the command again"
        return UserError(f"{failed}: forbidden ({server_message})", step)
    if status == 404 and competition:
        step = (
            "fix the slug in the competition's file in src/groundwork/competitions: it is the last part of its address"
        )
        return UserError(f"{failed}: there is no competition {competition.slug!r} ({server_message})", step)
    return UserError(f"{failed}: {status} ({server_message})", "fix what Kaggle names, then run the command again")


def _no_answer(error: BaseException, failed: str) -> UserError:
    """Explain what arrived instead of an answer from Kaggle, or that nothing arrived."""
    import requests

    if isinstance(error, PageError):
        return UserError(f"{failed}: {error}", PORTAL)
    if isinstance(error, requests.TooManyRedirects):
        host = urlsplit(error.response.url if error.response is not None else "").hostname
        return UserError(f"{failed}: {host or 'the server'} redirected it without end", PORTAL)
    if isinstance(error, (SilentError, requests.Timeout)):
        step = "check the network and run the command again; `source: sample` in params.yaml needs none"
        return UserError(f"{failed}: the server sent nothing for {transport.SILENCE:.3g} s", step)
    if isinstance(error, (requests.exceptions.JSONDecodeError, *UNEXPECTED_ANSWER)):
        step = f"{PORTAL}; if that page is Kaggle's, `pip install --upgrade kaggle kagglesdk`"
        return UserError(f"{failed}: the answer does not come from Kaggle's API ({type(error).__name__})", step)
    if isinstance(error, ValueError) and not isinstance(error, requests.RequestException):
        return UserError(f"{failed}: {error}", "run the command again")
    reason, cause = type(error).__name__, error.__context__
    while cause is not None:
        reason, cause = getattr(cause, "strerror", None) or reason, cause.__context__
    step = "check the network and run the command again; `source: sample` in params.yaml needs none"
    return UserError(f"{failed}: the server cannot be reached ({reason})", step)
