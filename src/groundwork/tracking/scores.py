"""Writes the score that Kaggle gave into the W&B run of the submission."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from groundwork.tracking.artifacts import HOW, of_files, publish
from groundwork.tracking.reading import read_back
from groundwork.tracking.runs import FirstWarning, Mode, choose_mode, finish_run, forget, start_run
from groundwork.tracking.server import first_line


def record_score(
    run: dict[str, Any],
    summary: dict[str, Any],
    submission: tuple[str, Mapping[str, tuple[Path, str]]] | None = None,
) -> None:
    """Write `summary` (the public and the private score) into the W&B run of a finished `run.json`.

    A run that was tracked online gets it on the server. Otherwise a second local folder of the same run
    stores it, with the config and summary of the first, for `groundwork sync` to send. Never raises.

    Parameters
    ----------
    run
        The content of run.json, of which `run_id` and `wandb_dir` are read.
    summary
        For instance ``{"public_score": 0.78}``.
    submission
        Name and files of the submission's artifact, which is logged in the manner of the run's other ones: see
        `groundwork.tracking.artifacts.of_files`.
    """
    warn = FirstWarning()
    try:
        folder = Path(run["wandb_dir"] or "")
        if run["wandb_dir"] and not folder.is_dir():
            # Its server had died, so the run was written again.
            folder = max(folder.parent.glob(f"*run-*-{run['run_id']}"), default=folder)
        first_mode: Mode = "offline" if folder.name.startswith("offline-") else "online"
        mode = choose_mode(first_mode, warn)
        if not run["wandb_dir"] or mode == "disabled":
            return
        first_run = read_back(folder)
        tries: list[Mode] = ["offline"] if "offline" in (first_mode, mode) else ["online", "offline"]
        for now in tries:
            continued = start_run(
                first_run["project"],
                now,
                folder.absolute().parents[1],
                warn,
                id=run["run_id"],
                group=first_run["group"],
                **({"entity": first_run["entity"]} if first_run["entity"] else {}),
                name=first_run["name"],
                config=first_run["config"],
                resume="allow",
            )
            if continued is None:
                break
            continued.summary.update({**first_run["summary"], **summary})
            if submission is not None and (how := first_run["config"].get(HOW)):
                name, files = submission
                publish(continued, of_files(name, "submission", files, how))
            if finish_run(continued, warn, exit_code=0):
                break
            forget([Path(continued.settings.sync_dir)])
    except Exception as error:
        warn(f"the score was not written into run {run.get('run_id')} ({first_line(error)})")
