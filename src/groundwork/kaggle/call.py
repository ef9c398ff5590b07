"""One call of Kaggle's client: the waiting that it does not do itself, and its exceptions in plain words."""

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

# The longest wait that is understood: whoever asks for more means "not today".
DAY = 86_400.0
# What the client raises over an answer that is no answer of Kaggle's API.
STUMBLES = (KeyError, IndexError, TypeError, AttributeError)
PORTAL = (
    "open https://www.kaggle.com in a browser on this machine: a portal, a proxy or a VPN of this network may want you "
    "to log in first; then run the command again"
)

NEW_TOKEN = "make a new token at https://www.kaggle.com/settings (API -> Generate New Token)"


@dataclass(frozen=True)
class Patience:
    """How long a busy server is waited for.

    Attributes
    ----------
    attempts
        Calls in all, the first included.
    first
        Seconds before the second call; they double from call to call. `Retry-After` overrides them.
    longest
        The longest single wait in seconds; a server that asks for more is not waited for.
    """

    attempts: int = 6
    first: float = 2.0
    longest: float = 120.0


PATIENCE = Patience()


class UploadError(Exception):
    """The bytes of a file did not arrive; the client says so only in its answer, not by an exception."""


def call(
    function: Callable[[], T], doing: str, competition: Competition | None = None, patience: Patience = PATIENCE
) -> T:
    """Call the client; on 429 and 5xx wait, say so in one line, and call again; turn its exceptions into one message.

    The client itself waits only when it uploads data sets, and ends at once with 429 everywhere else. What it prints
    on stdout is dropped. `function` is called again from the start, so it must be safe to repeat.

    Parameters
    ----------
    doing
        What is tried, in words that follow "to".
    competition
        What it is tried for; its rules page is named when Kaggle answers 403.

    Raises
    ------
    UserError
        With what Kaggle answered and the next step.
    """
    import requests
    import urllib3

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        # Never sooner than without the header: a server that asks for nothing, or for the past, is busy all the same.
        own = min(patience.first * 2 ** (state.attempt_number - 1), patience.longest)
        return max(own, _retry_after(error) or 0.0)

    def say(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        heard = "the upload failed" if isinstance(error, UploadError) else f"Kaggle answered {status_of(error)}"
        turn = f"attempt {state.attempt_number + 1} of {patience.attempts}"
        print(f"{heard}; waiting {state.upcoming_sleep:.3g} s, then {turn}", file=sys.stderr, flush=True)

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_busy),
        wait=wait,
        stop=lambda state: state.attempt_number >= patience.attempts or state.upcoming_sleep > patience.longest,
        before_sleep=say,
        reraise=True,
    )
    client_errors = (requests.RequestException, urllib3.exceptions.HTTPError, ValueError, SystemExit, UploadError)
    try:
        with redirect_stdout(io.StringIO()), transport.watched():
            return retrying(function)
    except (*client_errors, *STUMBLES, PageError, SilentError) as error:
        raise _explained(error, doing, competition) from error


def status_of(error: BaseException | None) -> int | None:
    """Return the HTTP status behind one of the client's exceptions; None if there was no answer."""
    response = getattr(error, "response", None)
    if response is None:
        return None
    status = int(response.status_code)
    if status >= 400:
        return status
    # Some refusals come as 200 with a code in the body.
    try:
        return int(response.json()["code"])
    except (ValueError, KeyError, TypeError):
        return None


def _retry_after(error: BaseException | None) -> float | None:
    """Return the seconds that the server asks to wait, at most a day: `Retry-After` as a number or a date.

    None where it says nothing, or what no wait can be: a negative number, a date in the past (RFC 9110, 10.2.3).
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
    # Not a number compares as false.
    return min(seconds, DAY) if seconds >= 0 else None


def _is_busy(error: BaseException) -> bool:
    status = status_of(error)
    return isinstance(error, UploadError) or status == 429 or (status is not None and status >= 500)


def _explained(error: BaseException, doing: str, competition: Competition | None) -> UserError:
    """Turn one of the client's exceptions into what happened and what to do next.

    Only the server's own words are quoted: the exceptions' texts hold signed addresses, which are secrets.
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
        words = str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        words = response.reason or "no reason given"
    if status == 429 or status >= 500:
        wait = _retry_after(error)
        later = "in some minutes" if not wait else f"in {wait:.0f} s" if wait < DAY else "in 24 hours"
        return UserError(f"{failed}: it still answers {status} ({words})", f"run the command again {later}")
    if response.history:
        return UserError(f"{failed}: the archive's store answered {status} ({words})", "run the command again")
    if status == 403 and competition:
        step = f"accept the competition's rules at {competition.rules_url}, then run the command again"
        return UserError(f"{failed}: forbidden ({words})", step)
    if status == 404 and competition:
        step = (
            "the slug is the last part of the competition's address: mend it in its file in src/groundwork/competitions"
        )
        return UserError(f"{failed}: there is no competition {competition.slug!r} ({words})", step)
    return UserError(f"{failed}: {status} ({words})", "mend what Kaggle names, then run the command again")


def _no_answer(error: BaseException, failed: str) -> UserError:
    """Explain what came in place of an answer of Kaggle's, or that nothing did."""
    import requests

    if isinstance(error, PageError):
        return UserError(f"{failed}: {error}", PORTAL)
    if isinstance(error, requests.TooManyRedirects):
        host = urlsplit(error.response.url if error.response is not None else "").hostname
        return UserError(f"{failed}: {host or 'the server'} sent it on from address to address without end", PORTAL)
    if isinstance(error, (SilentError, requests.Timeout)):
        step = "check the network and run the command again; `source: sample` in params.yaml needs none"
        return UserError(f"{failed}: the server sent nothing for {transport.SILENCE:.3g} s", step)
    if isinstance(error, (requests.exceptions.JSONDecodeError, *STUMBLES)):
        step = f"{PORTAL}; if Kaggle is there, `pip install --upgrade kaggle kagglesdk`"
        return UserError(f"{failed}: the answer is none of Kaggle's API ({type(error).__name__})", step)
    if isinstance(error, ValueError) and not isinstance(error, requests.RequestException):
        return UserError(f"{failed}: {error}", "run the command again")
    reason, link = type(error).__name__, error.__context__
    while link is not None:
        reason, link = getattr(link, "strerror", None) or reason, link.__context__
    step = "check the network and run the command again; `source: sample` in params.yaml needs none"
    return UserError(f"{failed}: the server cannot be reached ({reason})", step)
