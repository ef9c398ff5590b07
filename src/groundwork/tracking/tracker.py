"""Logs each training to one W&B run. The server may fail at any moment without delaying the training."""

import secrets
import string
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from groundwork.files import is_full
from groundwork.settings import Tracking
from groundwork.tracking.artifacts import HOW, data, of_files, publish
from groundwork.tracking.runs import FREE, FirstWarning, Mode, choose_mode, finish_run, forget, hold, start_run
from groundwork.tracking.server import first_line

if TYPE_CHECKING:
    import pandas as pd
    import wandb

    from groundwork.competitions import Competition


class Tracker:
    """Log one training to a W&B run, as a context manager.

    The local run folder under `root`/wandb is written in every mode except `disabled`; `online` also sends it. The
    environment variable WANDB_MODE overrides `settings.mode`. No error reaches the caller: the first one becomes a
    warning on stderr.

    Parameters
    ----------
    settings
        Mode, project and more.
    group
        The competition.
    name
        Name of the run in the dashboard.
    config
        Resolved parameters, git commit, hashes of data and folds, by which the run can be found.
    more
        Further arguments of `wandb.init`: see `groundwork.tracking.names.labels`.
    root
        The folder that contains (or will contain) the folder `wandb`.

    run_id
        In place of one that is drawn.

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
        run_id: str = "",
    ) -> None:
        letters = string.ascii_lowercase + string.digits
        self.run_id = run_id or "".join(secrets.choice(letters) for _ in range(8))
        self.directory: str | None = None
        self._settings = settings
        self._details = {"id": self.run_id, "group": group, "name": name, "config": config, **(more or {})}
        if settings.artifacts != "none":
            self._details["config"] = {**config, HOW: settings.artifacts}
        if settings.entity:
            self._details["entity"] = settings.entity
        self._root = root
        self._run: wandb.Run | None = None
        self._broken = self._is_offline = False
        # What an online run consists of, to write it again on this machine if the server holds up its end.
        self._logged: list[Callable[[wandb.Run], None]] = []
        self._warn = FirstWarning()
        self._curves: dict[str, dict[float, dict[str, float]]] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._start(choose_mode(self._settings.mode, self._warn))
        return self

    def _start(self, mode: Mode) -> None:
        load = self._settings.system_metrics
        self._run = start_run(self._settings.project, mode, self._root, self._warn, load=load, **self._details)
        if self._run is not None:
            folder = Path(self._run.settings.sync_dir)
            root = self._root.absolute()
            self.directory = str(folder.relative_to(root) if folder.is_relative_to(root) else folder)
            with suppress(OSError):
                self._open.enter_context(hold(folder))
            self._is_offline = folder.name.startswith("offline-")

    def log(self, part: str, epoch: float, metrics: dict[str, float]) -> None:
        """Log the metrics of one epoch as `<part>/<name>` against `epoch`; a part is `fold_0`, or `final`.

        All folds share the axis `epoch`, so that a panel can overlay their curves.
        """

        def send(run: "wandb.Run") -> None:
            if part not in self._curves:
                run.define_metric("epoch", hidden=True)
                run.define_metric(f"{part}/*", step_metric="epoch")
            curve = self._curves.setdefault(part, {})
            # Between whole epochs are values of single steps, which have no counterpart in other folds.
            if epoch == int(epoch):
                curve[epoch] = {**curve.get(epoch, {}), **metrics}
            run.log({"epoch": epoch, **{f"{part}/{name}": value for name, value in metrics.items()}})

        self._try(send)

    def summarize(self, values: dict[str, Any]) -> None:
        """Write `values` into the run's summary."""
        self._try(lambda run: run.summary.update(values))

    def evaluate(
        self,
        competition: "Competition",
        oof: "pd.DataFrame",
        rows: "pd.DataFrame | None" = None,
        metrics: Mapping[str, Any] | None = None,
    ) -> None:
        """Log the scores of out-of-fold rows, the mean of the folds' curves, and what the predictions got wrong.

        Parameters
        ----------
        oof
            Out-of-fold rows, with the columns of ``oof.parquet``.
        rows
            The labelled rows of the prepared data; without them, there are no panels.
        metrics
            What the evaluate stage makes of the out-of-fold rows; None to compute it here.
        """

        def send(run: "wandb.Run") -> None:
            from groundwork.tracking.evaluation import mean_curves, panels, summary

            run.summary.update(summary(competition, oof, metrics))
            folds = {part: curve for part, curve in self._curves.items() if part.startswith("fold_")}
            if len(folds) > 1:
                for name in ("mean/*", "low/*", "high/*"):
                    run.define_metric(name, step_metric="epoch")
            for row in mean_curves(folds):
                run.log(row)
            if rows is not None and (made := panels(competition, oof, rows, self._settings.rows)):
                run.log(made)

        self._try(send)

    def use_data(self, lane_name: str) -> None:
        """Name the lane's prepared data as an input of the run, if artifacts are wanted."""
        if self._settings.artifacts != "none":
            self._try(lambda run: publish(run, data(lane_name, self._details["config"]), used=True))

    def keep(self, name: str, kind: str, files: Mapping[str, tuple[Path, str]]) -> None:
        """Log files as an output of the run, or references to them, if artifacts are wanted; see `of_files`."""
        if self._settings.artifacts != "none":
            self._try(lambda run: publish(run, of_files(name, kind, files, self._settings.artifacts)))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        exit_code = 0 if error is None else 1
        with self._open:
            if self._run is not None and not finish_run(self._run, self._warn, exit_code):
                forget([Path(self._run.settings.sync_dir)])
                self._curves, self._broken = {}, False
                self._start("offline")
                for action in self._logged:
                    self._try(action)
                if self._run is not None:
                    finish_run(self._run, self._warn, exit_code)

    def _try(self, action: "Callable[[wandb.Run], None]") -> None:
        if self._run is None or self._broken:
            return
        if not self._is_offline:
            self._logged.append(action)
        try:
            action(self._run)
        except Exception as error:
            self._broken = True
            full = f", {FREE}" if is_full(Path(self._run.settings.sync_dir)) else ""
            self._warn(f"this run is not tracked any further ({first_line(error)}){full}; training goes on")
