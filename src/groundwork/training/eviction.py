"""What the fold store holds, and what it gives up when it is larger than it may be."""

import fcntl
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from groundwork.errors import UserError
from groundwork.sections.base import UNITS
from groundwork.training.checkpoint import has_weights, without_weights
from groundwork.training.store import KEPT, LEASE, FoldStore, current_folds, locked


@dataclass(frozen=True)
class Entry:
    """A fold of the store.

    Attributes
    ----------
    lane_name, key, part
        What it is: a lane, a key, ``fold_0`` or ``final``.
    path
        Its file.
    size
        Of all that lies under the key, in bytes.
    used
        When a command last used it, in seconds since 1970.
    whole
        Whether its weights are there; where they were given up, out-of-fold rows and history still are.
    reasons
        Why it is kept, whatever the store's size; empty where it may be given up.
    """

    lane_name: str
    key: str
    part: str
    path: Path
    size: int
    used: float
    whole: bool
    reasons: tuple[str, ...]


def entries(store: FoldStore) -> list[Entry]:
    """List all folds, the one that was used last first."""
    found = [_entry(store, path) for path in store.folder.glob("*/*/*.fold")]
    return sorted((entry for entry in found if entry), key=lambda entry: (-entry.used, entry.path))


def prune(store: FoldStore, limit: int, rows: bool = False) -> list[Entry]:
    """Give up weights and transforms, those used longest ago first, until the store holds `limit` bytes.

    Never those of a fold that a command uses, that is noted by `FoldStore.keep`, or that its lane's results stand for.

    Parameters
    ----------
    rows
        Give up out-of-fold rows and history, too, after all weights.

    Returns
    -------
    list
        What was given up, as it was before.
    """
    given_up: list[Entry] = []
    for give_up in (_weights, _whole) if rows else (_weights,):
        listed = entries(store)
        total = sum(entry.size for entry in listed)
        for entry in reversed(listed):
            if total <= limit:
                return given_up
            if not entry.reasons and _under_lock(entry, give_up):
                given_up.append(entry)
                total -= entry.size - _size(entry.path.parent)
    return given_up


def _entry(store: FoldStore, path: Path) -> Entry | None:
    folder, reasons = path.parent, []
    lane_name, lease = folder.parent.name, folder / LEASE
    try:
        if current_folds(store.folder.parent / lane_name).get(path.stem, {}).get("key") == folder.name:
            reasons.append(f"results/{lane_name}")
        if (folder / KEPT).exists():
            reasons.append((folder / KEPT).read_text(encoding="utf-8").strip() or "noted")
        used = (lease if lease.exists() else path).stat().st_mtime
        if lease.exists():
            with locked(lease, fcntl.LOCK_EX | fcntl.LOCK_NB) as free:
                reasons += [] if free else ["in use"]
        size, whole = _size(folder), has_weights(path)
        return Entry(lane_name, folder.name, path.stem, path, size, used, whole, tuple(reasons))
    except FileNotFoundError:
        return None  # another process has just given it up


def _under_lock(entry: Entry, give_up: Callable[[Entry], bool]) -> bool:
    with locked(entry.path.with_name(LEASE), fcntl.LOCK_EX | fcntl.LOCK_NB) as mine:
        # Looked at again under the lock: it may have been noted since.
        return mine and not entry.path.with_name(KEPT).exists() and give_up(entry)


def _weights(entry: Entry) -> bool:
    """Take weights and transforms out of a fold's file; return whether that was possible."""
    try:
        if entry.whole:
            without_weights(entry.path)
    except UserError:
        return False
    return entry.whole


def _whole(entry: Entry) -> bool:
    shutil.rmtree(entry.path.parent, ignore_errors=True)
    return True


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir()) if folder.exists() else 0


def shown(size: int) -> str:
    """Write a size as people read it."""
    for unit, factor in reversed(UNITS.items()):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size / 1000:.0f} kB"


def of_prune(given_up: list[Entry]) -> str:
    """Say in one line what `prune` gave up."""
    freed = sum(entry.size - _size(entry.path.parent) for entry in given_up)
    lanes = ", ".join(sorted({entry.lane_name for entry in given_up}))
    stay = "; their out-of-fold rows stay" if all(entry.path.exists() for entry in given_up) else ""
    return f"the fold store gave up {len(given_up)} folds that were used longest ago, of {lanes}: {shown(freed)}{stay}"
