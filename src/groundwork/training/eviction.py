"""Lists the folds of the fold store, and prunes the least recently used ones to a size."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from groundwork.errors import UserError
from groundwork.files import read_or_empty
from groundwork.sections.base import UNITS
from groundwork.training.checkpoint import has_weights, without_weights
from groundwork.training.store import KEPT, LEASE, FoldStore, made_by, unleased


@dataclass(frozen=True)
class Entry:
    """A fold of the store.

    Attributes
    ----------
    lane_name, key, part
        The lane, the fold's key, and ``fold_0`` or ``final``.
    path
        Its file.
    size
        Size of all files under the key, in bytes.
    used
        When a command last used it, in seconds since 1970.
    whole
        Whether it has its weights; a pruned fold has out-of-fold rows and history only.
    reasons
        Why pruning keeps it, whatever the store's size; empty if it may be pruned.
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
    listed = [_entry(store, path) for path in store.folder.glob("*/*/*.fold")]
    return sorted((entry for entry in listed if entry), key=lambda entry: (-entry.used, entry.path))


def prune(store: FoldStore, limit: int, rows: bool = False) -> list[Entry]:
    """Remove weights and transforms, the least recently used first, until the store is at most `limit` bytes large.

    Folds that a command uses, folds marked by `FoldStore.keep` and folds of a lane's current results are never pruned.

    Parameters
    ----------
    rows
        Remove out-of-fold rows and history, too, after all weights.

    Returns
    -------
    list
        The pruned folds, as they were before.
    """
    pruned: list[Entry] = []
    for remove in (_remove_weights, _remove_fold) if rows else (_remove_weights,):
        listed = entries(store)
        total = sum(entry.size for entry in listed)
        for entry in reversed(listed):
            if total <= limit:
                return pruned
            if not entry.reasons and _under_lock(entry, remove):
                pruned.append(entry)
                total -= entry.size - _size(entry.path.parent)
    return pruned


def _entry(store: FoldStore, path: Path) -> Entry | None:
    folder, reasons = path.parent, []
    lane_name, lease = folder.parent.name, folder / LEASE
    try:
        run = read_or_empty(store.folder.parent / lane_name / "run.json")
        if any(made.get("key") == folder.name for made in made_by(run)):
            reasons.append(f"results/{lane_name}")
        if (folder / KEPT).exists():
            reasons.append((folder / KEPT).read_text(encoding="utf-8").strip() or "noted")
        used = (lease if lease.exists() else path).stat().st_mtime
        if lease.exists():
            with unleased(lease) as free:
                reasons += [] if free else ["in use"]
        size, whole = _size(folder), has_weights(path)
        return Entry(lane_name, folder.name, path.stem, path, size, used, whole, tuple(reasons))
    except FileNotFoundError:
        return None  # another process has just removed it


def _under_lock(entry: Entry, remove: Callable[[Entry], bool]) -> bool:
    with unleased(entry.path.with_name(LEASE)) as free:
        # Checked again under the lock: the fold may have been marked since it was listed.
        return free and not entry.path.with_name(KEPT).exists() and remove(entry)


def _remove_weights(entry: Entry) -> bool:
    """Remove weights and transforms from a fold's file; return whether there were any."""
    try:
        if entry.whole:
            without_weights(entry.path)
    except UserError:
        return False
    return entry.whole


def _remove_fold(entry: Entry) -> bool:
    shutil.rmtree(entry.path.parent, ignore_errors=True)
    return True


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir()) if folder.exists() else 0


def shown(size: int) -> str:
    """Write a size with a unit."""
    for unit, factor in reversed(UNITS.items()):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size / 1000:.0f} kB"


def summary(pruned: list[Entry]) -> str:
    """Say in one line what `prune` removed."""
    freed = sum(entry.size - _size(entry.path.parent) for entry in pruned)
    lanes = ", ".join(sorted({entry.lane_name for entry in pruned}))
    stay = "; their out-of-fold rows stay" if all(entry.path.exists() for entry in pruned) else ""
    return f"the fold store pruned its {len(pruned)} least recently used folds, of {lanes}: {shown(freed)}{stay}"
