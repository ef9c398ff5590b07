"""The fold store: finished folds by their keys, whoever trained them.

``results/.folds/<lane>/<key>/`` holds one fold: its file, `ABOUT` (what differs between two runs on one machine, such
as how long it took), `LEASE` (locked while a command uses the fold; its time is when that last was), and `KEPT` where
another command noted the fold for good. Folds are written by renaming, so that two processes may finish the same one.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from groundwork.data.prepared import Prepared
from groundwork.errors import UserError
from groundwork.files import write_json, write_text, writing
from groundwork.settings import Lane
from groundwork.training.checkpoint import TrainedFold, fold_file, has_weights, key_of

LEASE, KEPT, ABOUT = "lease", "kept", "about.json"
KEY = re.compile(r"[0-9a-f]{16}")


def fold_key(lane: Lane, prepared: Prepared, *, seed: int, replicate: int, fold: int, precision: str, code: str) -> str:
    """Hash what decides a fold's training: equal keys, equal folds.

    Parameters
    ----------
    lane
        Its competition, encoding, model, objective and training decide; how many of the folds are trained does not.
    prepared
        Its hashes of data and folds decide.
    seed, replicate, fold
        See `groundwork.training.seeds`.
    precision
        As `groundwork.training.origin.resolved` gives it.
    code
        The fingerprint of the source that this lane's training uses.

    Returns
    -------
    str
        16 hexadecimal digits. Device, threads and versions take no part: the fold records them.
    """
    settings = lane.model_dump(mode="json", include={"competition", "encoding", "model", "objective", "training"})
    settings["training"].pop("folds")
    data = [prepared.data_sha256, prepared.folds_sha256]
    decides = [settings, data, seed, replicate, fold, precision, code]
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]


class FoldStore:
    """Finished folds in a folder.

    Parameters
    ----------
    folder
        ``results/.folds``; the lanes' results lie beside it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, lane_name: str, key: str, fold: int) -> Path:
        """Return where a fold's file lies, or would lie."""
        return self.folder / lane_name / key / fold_file(fold)

    def find(self, lane_name: str, key: str, fold: int, say: Callable[[str], None]) -> TrainedFold | None:
        """Load a fold; None where it is not there, or cannot be used: then `say` gets a line about it."""
        path = self.path(lane_name, key, fold)
        if not path.exists():
            return None
        try:
            trained = TrainedFold.load(path)
        except UserError as error:
            say(f"{error.problem}; it is trained again")
            return None
        if (trained.origin.key, trained.fold) != (key, fold):
            say(f"{path}: is another fold than its name says; it is trained again")
            return None
        return trained

    def put(self, lane_name: str, trained: TrainedFold, key: str, seconds: float) -> TrainedFold:
        """Keep a finished fold; return it as its file has it, which has let go of the data that it was fitted on."""
        path = self.path(lane_name, key, trained.fold)
        replace(trained, origin=replace(trained.origin, key=key)).save(path)
        write_json(path.with_name(ABOUT), {"seconds": round(seconds, 1)})
        return TrainedFold.load(path)

    def seconds(self, lane_name: str, key: str) -> float | None:
        """Return how long a fold took to train; None where that is not known."""
        found = read_or_empty(self.folder / lane_name / key / ABOUT).get("seconds")
        return found if isinstance(found, float) else None

    def absorb(self, lane_name: str, say: Callable[[str], None]) -> None:
        """Take the folds of ``<lane>/checkpoints`` in, such as those that came by `dvc pull`.

        Before DVC deletes them: a stage's outputs are gone when it starts. Files are linked, not copied, where the disk
        can.
        """
        results = self.folder.parent / lane_name
        took = {made.get("key"): made.get("seconds") for made in current_folds(results).values()}
        for source in sorted((results / "checkpoints").glob("*.fold")):
            try:
                key = key_of(source)
            except UserError as error:
                say(f"{error.problem}; it is not taken into the fold store")
                continue
            if not KEY.fullmatch(key) or has_weights(target := self.folder / lane_name / key / source.name):
                continue
            with writing(target) as temporary:
                try:
                    os.link(source, temporary)
                except OSError:
                    shutil.copyfile(source, temporary)
            if took.get(key) is not None:
                write_json(target.with_name(ABOUT), {"seconds": took[key]})

    def keep(self, lane_name: str, key: str, why: str) -> None:
        """Note that a fold stays, whatever the store's size; `why` is shown by `groundwork store`."""
        write_text(self.folder / lane_name / key / KEPT, why + "\n")

    def release(self, lane_name: str, key: str) -> None:
        """Take back what `keep` noted."""
        (self.folder / lane_name / key / KEPT).unlink(missing_ok=True)

    @contextmanager
    def lease(self, lane_name: str, keys: Iterable[str]) -> Iterator[None]:
        """Keep folds from being given up, finished or not, until the block or the process ends."""
        with ExitStack() as stack:
            for key in keys:
                lease = self.folder / lane_name / key / LEASE
                stack.enter_context(locked(lease, fcntl.LOCK_SH))
                os.utime(lease)
            yield


@contextmanager
def locked(path: Path, how: int) -> Iterator[bool]:
    """Lock the file `path`, which is made if need be.

    Yields
    ------
    bool
        False where another process holds the lock and `how` says not to wait.
    """
    with ExitStack() as stack:
        while True:
            stream = stack.enter_context(_opened(path))
            try:
                fcntl.flock(stream, how)
            except BlockingIOError:
                yield False
                return
            # A file that was removed while this process waited protects nothing: then once more.
            if path.exists() and path.stat().st_ino == os.fstat(stream.fileno()).st_ino:
                break
        yield True


def _opened(path: Path) -> IO[bytes]:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # the folder was removed in between
            return path.open("ab")


def current_folds(results: Path) -> dict[str, dict[str, Any]]:
    """Read which folds a lane's current results are made of, by part: ``key`` and ``seconds``."""
    return folds_of(read_or_empty(results / "run.json"))


def folds_of(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return which folds a run is made of, by part: ``key`` and ``seconds``."""
    folds = run.get("folds")
    return {name: made for name, made in folds.items() if isinstance(made, dict)} if isinstance(folds, dict) else {}


def read_or_empty(path: Path) -> dict[str, Any]:
    """Read a JSON object; an empty one where there is none to be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
