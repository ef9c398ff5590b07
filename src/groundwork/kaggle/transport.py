"""What stands between Kaggle's client and the network: a limit on silence, and a look at who answers.

The client sets no time limit on most of its requests and takes any page for an answer. Both are decided where all of
its requests pass, in the adapter of `requests`, and only while `watched` is entered.
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

# Seconds without a single byte after which a connection counts as dead. Kaggle answers within some seconds, its store
# within less; TCP itself repeats a lost packet several times within a minute. A slow download is never cut: each byte
# starts the clock anew.
SILENCE = 60.0
# A connection that died without a word is replaced this often in a row; when the new one is silent too, the fault is
# not the connection's. A download so ends after two silent minutes at most, and goes on where it was until then.
RENEWALS = 1
# How much of a page is read for its title.
BEGINNING = 4096
# Somebody wants a login before anything else passes (RFC 6585).
LOGIN_REQUIRED = 511


class SilentError(Exception):
    """The server sent nothing for `SILENCE` seconds, on a renewed connection too."""


@dataclass
class PageError(Exception):
    """A web page came where Kaggle's API or its store answers: a portal's, a proxy's or a login's."""

    host: str
    title: str

    def __str__(self) -> str:
        titled = f" titled {self.title!r}" if self.title else ""
        return f"a web page{titled} came from {self.host} in place of Kaggle's answer"


class _Watch:
    """Counts how often in a row nothing came."""

    def __init__(self) -> None:
        self.silences = 0

    def silent(self, error: Exception) -> Exception:
        """Return what to raise: `error`, after which the client may try again, or the end of trying."""
        self.silences += 1
        if self.silences > RENEWALS:
            return SilentError()
        print(f"the server sent nothing for {SILENCE:.3g} s", file=sys.stderr, flush=True)
        return error

    def heard(self, read: Callable[..., Iterator[bytes]]) -> Callable[..., Iterator[bytes]]:
        """Wrap a response's `iter_content`."""
        import requests
        import urllib3

        def pieces(*size: Any, **options: Any) -> Iterator[bytes]:
            try:
                for piece in read(*size, **options):
                    self.silences = 0
                    yield piece
            except requests.ConnectionError as error:
                if error.args and isinstance(error.args[0], urllib3.exceptions.ReadTimeoutError):
                    raise self.silent(error) from error
                raise

        return pieces


_WATCH: ContextVar[_Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched() -> Iterator[None]:
    """Watch the requests of this thread.

    Raises
    ------
    SilentError, PageError
        Out of the client's calls; neither is an `OSError`, which the client would retry in silence for a minute.
    """
    _install()
    token = _WATCH.set(_Watch())
    try:
        yield
    finally:
        _WATCH.reset(token)


def page_in(beginning: bytes) -> str | None:
    """Return the title of the web page that `beginning` begins, perhaps empty; None if it is none."""
    text = beginning.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not re.match(rb"<(!doctype|html|head|body|title|meta|script|!--)", text, re.IGNORECASE):
        return None
    title = re.search(rb"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    words = " ".join(title[1].decode(errors="replace").split()) if title else ""
    return "".join(letter for letter in words if letter.isprintable())[:80]


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

    send.watching = True  # type: ignore[attr-defined]  # a mark of ours
    HTTPAdapter.send = send  # type: ignore[method-assign]  # the client offers no other place


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

    # The adapter of an upload would repeat a silent request ten times without a word.
    adapter.max_retries = adapter.max_retries.new(connect=0, read=False)
    try:
        response: requests.Response = plain(adapter, request, stream, _limited(timeout), *rest, **options)
    except requests.Timeout as error:
        raise watch.silent(error) from error
    _refuse_page(response)
    response.iter_content = watch.heard(response.iter_content)  # type: ignore[method-assign]  # of this one response
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
        raise PageError(urlsplit(response.url).hostname or "somewhere", page_in(beginning) or "")
