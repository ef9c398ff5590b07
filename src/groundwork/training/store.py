"""The fold store keeps finished folds by their keys.

``results/.folds/<lane>/<key>/`` has the files of one fold: the fold itself, `ABOUT` (facts that differ between two runs
on one machine, such as how long it took), `LEASE` (its modification time is the last use; it is locked while a command
takes a lease or looks for them), ``lease-xxxxxxxx`` for each command that uses the fold, which keeps it locked, and
`KEPT` if a command marked the fold to be kept. Folds are written by renaming, so that two processes may finish the same
fold.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from groundwork.data.prepared import Prepared
from groundwork.errors import UserError
from groundwork.files import read_or_empty, write_json, write_text, writing
from groundwork.locks import locked
from groundwork.settings import Lane
from groundwork.training.checkpoint import FoldRecord, TrainedFold, fold_file, has_weights, identity_of

LEASE, KEPT, ABOUT = "lease", "kept", "about.json"
KEY = re.compile(r"[0-9a-f]{16}")
F = TypeVar("F", TrainedFold, FoldRecord)


def fold_key(lane: Lane, prepared: Prepared, *, seed: int, replicate: int, fold: int, precision: str, code: str) -> str:
    """Hash everything that determines a fold's training; folds with equal keys are equal.

    Parameters
    ----------
    lane
        Its competition, encoding, model, objective and training count; the numbers of folds and seeds do not.
    prepared
        Its hashes of data and folds count.
    seed, replicate, fold
        See `groundwork.training.seeds`.
    precision
        As `groundwork.training.origin.resolved` gives it.
    code
        Hash of the fingerprint of the code that this lane's training uses.

    Returns
    -------
    str
        16 hexadecimal digits. Device, threads and versions do not count; the fold's origin records them.
    """
    settings = lane.model_dump(mode="json", include={"competition", "encoding", "model", "objective", "training"})
    for number in ("folds", "seeds"):
        settings["training"].pop(number)
    data = [prepared.data_sha256, prepared.folds_sha256]
    content = [settings, data, seed, replicate, fold, precision, code]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


class FoldStore:
    """Finished folds in a folder.

    Parameters
    ----------
    folder
        ``results/.folds``; the lanes' results are in the same parent folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, lane_name: str, key: str, fold: int) -> Path:
        """Return the path of a fold's file, whether it exists or not."""
        return self.folder / lane_name / key / fold_file(fold)

    def find(self, lane_name: str, key: str, fold: int, say: Callable[[str], None]) -> TrainedFold | None:
        """Load a fold; return None if it is missing, or after a line to `say` if it cannot be used."""
        return self._read(TrainedFold, self.path(lane_name, key, fold), say)

    def rows(self, lane_name: str, key: str, fold: int, say: Callable[[str], None]) -> FoldRecord | None:
        """Load a fold's out-of-fold rows and history, as `find` does, whether or not its weights were pruned."""
        return self._read(FoldRecord, self.path(lane_name, key, fold), say)

    def _read(self, kind: type[F], path: Path, say: Callable[[str], None]) -> F | None:
        if not path.exists():
            return None
        try:
            trained = kind.load(path)
        except UserError as error:
            say(f"{error.problem}; it is trained again")
            return None
        if (trained.origin.key, fold_file(trained.fold)) != (path.parent.name, path.name):
            say(f"{path}: is another fold than its path says; it is trained again")
            return None
        return trained

    def put(self, lane_name: str, trained: TrainedFold, key: str, seconds: float) -> TrainedFold:
        """Store a finished fold; return it as read from its file, without the data that it was fitted on."""
        path = self.path(lane_name, key, trained.fold)
        replace(trained, origin=replace(trained.origin, key=key)).save(path)
        write_json(path.with_name(ABOUT), {"seconds": round(seconds, 3)})
        return TrainedFold.load(path)

    def seconds(self, lane_name: str, key: str) -> float | None:
        """Return how many seconds a fold took to train; None if that is not known."""
        seconds = read_or_empty(self.folder / lane_name / key / ABOUT).get("seconds")
        return seconds if isinstance(seconds, float) else None

    def absorb(self, lane_name: str, say: Callable[[str], None]) -> None:
        """Add the folds of ``<lane>/checkpoints`` to the store, such as those that `dvc pull` brought.

        Files are linked instead of copied where the file system allows it.
        """
        results = self.folder.parent / lane_name
        durations = {made.get("key"): made.get("seconds") for made in made_by(read_or_empty(results / "run.json"))}
        for source in sorted((results / "checkpoints").glob("*.fold")):
            try:
                key, replicate = identity_of(source)
            except UserError as error:
                say(f"{error.problem}; it is not added to the fold store")
                continue
            # A key is that of one replicate, so names in the store do not repeat its number.
            name = source.name.replace(f"_seed_{replicate}.", ".")
            if not KEY.fullmatch(key) or has_weights(target := self.folder / lane_name / key / name):
                continue
            with writing(target) as temporary:
                try:
                    os.link(source, temporary)
                except OSError:
                    shutil.copyfile(source, temporary)
            if durations.get(key) is not None:
                write_json(target.with_name(ABOUT), {"seconds": durations[key]})

    def keep(self, lane_name: str, key: str, why: str) -> None:
        """Mark a fold to be kept, whatever the store's size; `groundwork store` shows `why`."""
        write_text(self.folder / lane_name / key / KEPT, why + "\n")

    def release(self, lane_name: str, key: str) -> None:
        """Remove the mark that `keep` made."""
        (self.folder / lane_name / key / KEPT).unlink(missing_ok=True)

    @contextmanager
    def lease(self, lane_name: str, keys: Iterable[str]) -> Iterator[None]:
        """Protect folds, finished or not, from pruning until the block or the process ends."""
        with ExitStack() as stack:
            for key in keys:
                lease = self.folder / lane_name / key / LEASE
                own = lease.with_name(f"{LEASE}-{secrets.token_hex(4)}")
                with locked(lease):
                    stack.callback(own.unlink, missing_ok=True)
                    stack.enter_context(locked(own))
                    os.utime(lease)
            yield


@contextmanager
def unleased(lease: Path) -> Iterator[bool]:
    """Lock a fold against new leases while the block runs; yield False where some process has one, or begins one."""
    with locked(lease, wait=False) as free:
        yield free and not any(_is_held(own) for own in lease.parent.glob(f"{LEASE}-*"))


def _is_held(own: Path) -> bool:
    """Whether the process of a lease lives; remove what a killed one has left."""
    with locked(own, wait=False) as free:
        pass
    if free:
        own.unlink(missing_ok=True)
    return not free


def replicates_of(run: dict[str, Any]) -> list[dict[str, dict[str, Any]]]:
    """Return the ``key`` and ``seconds`` of each fold of a run, by part, for each replicate.

    Replicate 0 is ``run["folds"]``; the others, if there are any, are ``run["replicates"]``.
    """
    others = run.get("replicates")
    return [_by_part(folds) for folds in (run.get("folds"), *(others if isinstance(others, list) else ()))]


def _by_part(folds: Any) -> dict[str, dict[str, Any]]:
    return {name: made for name, made in folds.items() if isinstance(made, dict)} if isinstance(folds, dict) else {}


def made_by(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the ``key`` and ``seconds`` of all folds of a run, of all replicates."""
    return [made for folds in replicates_of(run) for made in folds.values()]
