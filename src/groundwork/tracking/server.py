"""Tests whether W&B's server can be reached with this machine's key and address, in about `PROBE_SECONDS`."""

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
# The address itself is not shown: it may contain a password.
NO_ADDRESS = f"{ADDRESS} is not a valid address"


@contextmanager
def without_invalid_address() -> Iterator[None]:
    """Unset an invalid WANDB_BASE_URL during the block: an offline run needs no server, but W&B would not start."""
    hidden = os.environ.pop(ADDRESS) if not _is_valid_address() else None
    try:
        yield
    finally:
        if hidden is not None:
            os.environ[ADDRESS] = hidden


def _is_valid_address() -> bool:
    import wandb
    from pydantic import ValidationError

    if address := os.environ.get(ADDRESS):
        try:
            wandb.Settings(base_url=address)
        except ValidationError:
            return False
    return True


def offline_reason() -> str | None:
    """Return why runs cannot be sent, or None if they can; takes about `PROBE_SECONDS` and never prompts.

    Raises
    ------
    wandb.errors.AuthenticationError
        If the key does not have the format of a key.
    """
    if not _is_valid_address():
        return NO_ADDRESS
    # W&B would send its own error reports even from offline runs, and wait for them at the end.
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    session = wandb.setup(wandb.Settings(silent=True, mode="online"))
    if not wandb.login(prompt=False, verify=False):
        return NO_KEY
    address = session.settings.base_url
    return None if _within(PROBE_SECONDS, lambda: _answers(address)) else f"no answer from {address}"


def _answers(address: str) -> bool:
    """Return whether anything at `address` answers; the client judges the answer."""
    try:
        urllib.request.urlopen(f"{address}/healthz", timeout=PROBE_SECONDS).close()
    except urllib.error.HTTPError:
        return True
    except urllib.error.URLError as error:
        # The client searches for certificates in more places than Python does.
        return isinstance(error.reason, ssl.SSLError)
    return True


def _within(seconds: float, check: Callable[[], bool]) -> bool:
    """Return whether `check` returns true within `seconds`.

    It runs in a thread, because a name lookup has no timeout of its own.
    """
    answers: list[bool] = []

    def run() -> None:
        with suppress(Exception):
            answers.append(check())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[:1] == [True]


def first_line(error: Exception) -> str:
    """Return the first line of an error without its final full stop; for settings that W&B refuses, their names."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        # The values are not shown: they may be secrets.
        return "; ".join(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors())
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
