"""Whether W&B's server can be reached with what this machine knows of it, found out in about `PROBE_SECONDS`."""

import os
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

PROBE_SECONDS = 2.0
NO_KEY = "no W&B key"
ADDRESS = "WANDB_BASE_URL"
# The address itself is not shown: it may hold a password.
NO_ADDRESS = f"{ADDRESS} is no address"


@contextmanager
def without_an_address_that_is_none() -> Iterator[None]:
    """Hide a WANDB_BASE_URL that W&B refuses: an offline run needs no server, but W&B would not start."""
    hidden = os.environ.pop(ADDRESS) if not _is_address() else None
    try:
        yield
    finally:
        if hidden is not None:
            os.environ[ADDRESS] = hidden


def _is_address() -> bool:
    import wandb
    from pydantic import ValidationError

    if address := os.environ.get(ADDRESS):
        try:
            wandb.Settings(base_url=address)
        except ValidationError:
            return False
    return True


def offline_reason() -> str | None:
    """Why runs cannot be sent, found out without a prompt in about `PROBE_SECONDS`; None if they can.

    Raises
    ------
    wandb.errors.AuthenticationError
        If there is a key that cannot be one.
    """
    if not _is_address():
        return NO_ADDRESS
    # W&B's reports on its own errors would be sent from offline runs too, and waited for at the end.
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    session = wandb.setup(wandb.Settings(silent=True, mode="online"))
    if not wandb.login(prompt=False, verify=False):
        return NO_KEY
    address = session.settings.base_url
    return None if _within(PROBE_SECONDS, lambda: _answers(address)) else f"no answer from {address}"


def _answers(address: str) -> bool:
    """Whether anything at `address` answers; what it answers is for the client to judge."""
    try:
        urllib.request.urlopen(f"{address}/healthz", timeout=PROBE_SECONDS).close()
    except urllib.error.HTTPError:
        return True
    except urllib.error.URLError as error:
        # The client looks for certificates in more places than Python does.
        return isinstance(error.reason, ssl.SSLError)
    return True


def _within(seconds: float, question: Callable[[], bool]) -> bool:
    """Whether `question` says yes in time.

    A thread, since looking up a name has no time limit of its own.
    """
    answers: list[bool] = []

    def ask() -> None:
        with suppress(Exception):
            answers.append(question())

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[:1] == [True]


def first_line(error: Exception) -> str:
    """Return the first line of an error, without its trailing full stop; of settings that W&B refuses, their names."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        # The values stay unsaid: they may be secrets.
        return "; ".join(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors())
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
