"""Guards the HTTP requests of Kaggle's client: adds timeouts, and rejects web pages that are not Kaggle's answer.

The client sets no timeout on most of its requests and accepts any page as an answer. Both are handled in the HTTP
adapter of `requests`, which all of its requests pass through, and only inside of `watched`.
"""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import requests

# Seconds without a single byte after which a connection counts as dead. Kaggle answers within a few seconds, its file
# store faster; TCP itself resends a lost packet several times within a minute. A slow download is never cut off, since
# each byte restarts the clock.
SILENCE = 60.0
# A dead connection is replaced this many times in a row; if the new one is silent too, the server is at fault. A
# download therefore ends after at most two silent minutes; until then it resumes where it was.
RENEWALS = 1
# Bytes of a page that are searched for its title.
BEGINNING = 4096
# Network authentication required: a portal wants a login (RFC 6585).
LOGIN_REQUIRED = 511


class SilentError(Exception):
    """The server sent nothing for `SILENCE` seconds, even on a new connection."""


@dataclass
class PageError(Exception):
    """A web page of a portal, a proxy or a login arrived instead of an answer from Kaggle's API or its file store."""

    host: str
    title: str

    def __str__(self) -> str:
        title = f" titled {self.title!r}" if self.title else ""
        return f"a web page{title} came from {self.host} in place of Kaggle's answer"


class _Watch:
    """Counts consecutive read timeouts."""

    def __init__(self) -> None:
        self.timeouts = 0

    def timed_out(self, error: Exception) -> Exception:
        """Return the exception to raise: `error`, which the client may retry, or `SilentError`, which ends the call."""
        self.timeouts += 1
        if self.timeouts > RENEWALS:
            return SilentError()
        print(f"the server sent nothing for {SILENCE:.3g} s", file=sys.stderr, flush=True)
        return error

    def wrap(self, read: Callable[..., Iterator[bytes]]) -> Callable[..., Iterator[bytes]]:
        """Wrap a response's `iter_content`, so that its read timeouts are counted."""
        import requests
        import urllib3

        def pieces(*size: Any, **options: Any) -> Iterator[bytes]:
            try:
                for piece in read(*size, **options):
                    self.timeouts = 0
                    yield piece
            except requests.ConnectionError as error:
                if error.args and isinstance(error.args[0], urllib3.exceptions.ReadTimeoutError):
                    raise self.timed_out(error) from error
                raise

        return pieces


_WATCH: ContextVar[_Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched() -> Iterator[None]:
    """Watch the requests of this thread.

    Raises
    ------
    SilentError, PageError
        Raised by the client's calls. Neither is an `OSError`, which the client would retry for a minute without output.
    """
    _install()
    token = _WATCH.set(_Watch())
    try:
        yield
    finally:
        _WATCH.reset(token)


def page_in(beginning: bytes) -> str | None:
    """Return the title, perhaps empty, of the web page that starts with `beginning`; None if it is not a web page."""
    text = beginning.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not re.match(rb"<(!doctype|html|head|body|title|meta|script|!--)", text, re.IGNORECASE):
        return None
    title = re.search(rb"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    heading = " ".join(title[1].decode(errors="replace").split()) if title else ""
    return "".join(letter for letter in heading if letter.isprintable())[:80]


def _install() -> None:
    from requests.adapters import HTTPAdapter

    plain = HTTPAdapter.send
    if getattr(plain, "watching", False):
        return

    def send(
        self: HTTPAdapter, request: Any, stream: bool = False, timeout: Any = None, *rest: Any, **options: Any
    ) -> "requests.Response":
        watch = _WATCH.get()
        if watch is None:
            return plain(self, request, stream, timeout, *rest, **options)
        return _watched_send(watch, plain, self, request, stream, timeout, *rest, **options)

    send.watching = True  # type: ignore[attr-defined]  # marks our own wrapper
    HTTPAdapter.send = send  # type: ignore[method-assign]  # the client offers no other hook


def _watched_send(
    watch: _Watch,
    plain: Callable[..., Any],
    adapter: Any,
    request: Any,
    stream: bool,
    timeout: Any,
    *rest: Any,
    **options: Any,
) -> "requests.Response":
    import requests

    # The adapter for uploads would repeat a timed-out request ten times without output.
    adapter.max_retries = adapter.max_retries.new(connect=0, read=False)
    try:
        response: requests.Response = plain(adapter, request, stream, _limited(timeout), *rest, **options)
    except requests.Timeout as error:
        raise watch.timed_out(error) from error
    _refuse_page(response)
    response.iter_content = watch.wrap(response.iter_content)  # type: ignore[method-assign]  # of this one response
    return response


def _limited(timeout: Any) -> tuple[float, float]:
    connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    return min(connect or SILENCE, SILENCE), min(read or SILENCE, SILENCE)


def _refuse_page(response: "requests.Response") -> None:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if response.status_code == LOGIN_REQUIRED or (response.ok and not response.is_redirect and kind == "text/html"):
        beginning = b""
        with suppress(Exception):
            beginning = response.raw.read(BEGINNING, decode_content=True)
        response.close()
        raise PageError(urlsplit(response.url).hostname or "an unknown host", page_in(beginning) or "")
