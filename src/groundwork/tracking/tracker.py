"""Logs each training to one W&B run. The server may fail at any moment without delaying the training."""

import secrets
import string
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import fmean, pstdev
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from groundwork.settings import Tracking
from groundwork.tracking.runs import (
    FirstWarning,
    Mode,
    choose_mode,
    finish_run,
    hold,
    read_back,
    start_run,
)
from groundwork.tracking.server import first_line

if TYPE_CHECKING:
    import wandb


class Tracker:
    """Log one training to a W&B run, as a context manager.

    The local run folder under `root`/wandb is written in every mode except `disabled`; `online` also sends it. The
    environment variable WANDB_MODE overrides `settings.mode`. No error reaches the caller: the first one becomes a
    warning on stderr.

    Parameters
    ----------
    settings
        Mode and project.
    group
        The competition.
    name
        Name of the run in the dashboard.
    config
        Resolved parameters, git commit, hashes of data and folds, by which the run can be found.
    more
        Further arguments of `wandb.init`: ``job_type``, ``tags``, ``notes``. The source of the data, sample or kaggle,
        is a tag of every run whose `config` has it among its ``params``.
    root
        The folder that contains (or will contain) the folder `wandb`.

    Attributes
    ----------
    run_id : str
        Unique, eight characters; exists before the run starts and in every mode.
    directory : str or None
        The local run folder, relative to `root` if it is below it; None if nothing is tracked.
    """

    def __init__(
        self,
        settings: Tracking,
        group: str,
        name: str,
        config: dict[str, Any],
        root: Path = Path("."),
        more: Mapping[str, Any] | None = None,
    ) -> None:
        self.run_id = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
        self.directory: str | None = None
        self._settings = settings
        self._details = {"id": self.run_id, "group": group, "name": name, "config": config, **(more or {})}
        if source := config.get("params", {}).get("source"):
            self._details["tags"] = [source, *self._details.get("tags", ())]
        self._root = root
        self._run: wandb.Run | None = None
        self._broken = False
        self._warn = FirstWarning()
        self._parts: set[str] = set()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        mode = choose_mode(self._settings.mode, self._warn)
        self._run = start_run(self._settings.project, mode, self._root, self._warn, **self._details)
        if self._run is not None:
            folder = Path(self._run.settings.sync_dir)
            root = self._root.absolute()
            self.directory = str(folder.relative_to(root) if folder.is_relative_to(root) else folder)
            with suppress(OSError):
                self._open.enter_context(hold(folder))
        return self

    def log(self, part: str, epoch: float, metrics: dict[str, float]) -> None:
        """Log the metrics of one epoch as `<part>/<name>` against `epoch`; a part is `fold_0`, or `final`.

        All folds share the axis `epoch`, so that a panel can overlay their curves.
        """

        def send(run: "wandb.Run") -> None:
            if part not in self._parts:
                run.define_metric("epoch", hidden=True)
                run.define_metric(f"{part}/*", step_metric="epoch")
                self._parts.add(part)
            run.log({"epoch": epoch, **{f"{part}/{name}": value for name, value in metrics.items()}})

        self._try(send)

    def summarize(self, values: dict[str, Any]) -> None:
        """Write `values` into the run's summary; `cross_validated` makes the values that every run has."""
        self._try(lambda run: run.summary.update(values))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._open:
            if self._run is not None:
                finish_run(self._run, self._warn, exit_code=0 if error is None else 1)

    def _try(self, action: "Callable[[wandb.Run], None]") -> None:
        if self._run is None or self._broken:
            return
        try:
            action(self._run)
        except Exception as error:
            self._broken = True
            self._warn(f"this run is not tracked any further ({first_line(error)}); training goes on")


def cross_validated(metric: str, folds: Sequence[float], oof: float | None = None) -> dict[str, Any]:
    """Name the cross-validated metric for a run's summary.

    Parameters
    ----------
    metric
        The competition's metric.
    folds
        Its value on each fold.
    oof
        Its value over all out-of-fold rows at once.

    Returns
    -------
    dict
        `cv/metric`, `cv/mean`, `cv/sd` (over folds, ddof 0), `cv/fold_<k>` and, if given, `cv/oof`.
    """
    summary: dict[str, Any] = {"cv/metric": metric, "cv/mean": fmean(folds), "cv/sd": pstdev(folds)}
    summary |= {f"cv/fold_{fold}": value for fold, value in enumerate(folds)}
    return summary if oof is None else {**summary, "cv/oof": oof}


def record_score(run: dict[str, Any], summary: dict[str, Any]) -> None:
    """Write `summary` (the public and the private score) into the W&B run of a finished `run.json`.

    A run that was tracked online gets it on the server. Otherwise a second local folder of the same run
    stores it, with the config and summary of the first, for `groundwork sync` to send. Never raises.

    Parameters
    ----------
    run
        The content of run.json, of which `run_id` and `wandb_dir` are read.
    summary
        For instance ``{"public_score": 0.78}``.
    """
    warn = FirstWarning()
    try:
        folder = Path(run["wandb_dir"] or "")
        first_mode: Mode = "offline" if folder.name.startswith("offline-") else "online"
        mode = choose_mode(first_mode, warn)
        if not run["wandb_dir"] or mode == "disabled":
            return
        first_run = read_back(folder)
        continued = start_run(
            first_run["project"],
            "offline" if first_mode == "offline" else mode,
            folder.absolute().parents[1],
            warn,
            id=run["run_id"],
            group=first_run["group"],
            name=first_run["name"],
            config=first_run["config"],
            resume="allow",
        )
        if continued is not None:
            continued.summary.update({**first_run["summary"], **summary})
            finish_run(continued, warn, exit_code=0)
    except Exception as error:
        warn(f"the score was not written into run {run.get('run_id')} ({first_line(error)})")
