"""The experiments of each competition beside one another, best first."""

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundwork.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

RESULTS = Path("results")
LEDGER = Path("submissions/ledger.csv")


@dataclass(frozen=True)
class Experiment:
    """One training and its cross-validated metric.

    Attributes
    ----------
    settings
        Resolved parameters by dotted key, and the hashes of data and folds: two experiments compare fairly
        when the hashes agree.
    score, sd
        Mean and standard deviation of the metric over folds.
    oof
        The metric over all out-of-fold rows at once.
    baseline
        The metric of the best constant prediction.
    commit
        Seven characters, and `*` when files differed from it; empty outside of git.
    current
        Whether `results/<lane>` holds this experiment's results.
    history, plot
        Rows per fold and epoch, and the confusion matrix or scatter, as in the experiment's file.
    """

    lane: str
    run_id: str
    metric: str
    higher_is_better: bool
    score: float
    sd: float
    oof: float
    folds: tuple[float, ...]
    rows: int
    baseline: float
    settings: Mapping[str, Any]
    commit: str
    started: datetime
    seconds: float
    hardware: str
    public_score: str | None
    current: bool
    history: Sequence[Mapping[str, Any]]
    plot: Mapping[str, Any]

    @property
    def dirty(self) -> bool:
        """Whether files differed from the commit."""
        return self.commit.endswith("*")

    @property
    def utc(self) -> str:
        """When the training started, for readers in any time zone."""
        return f"{self.started.astimezone(UTC):%Y-%m-%d %H:%M}"


def lanes(results: Path = RESULTS) -> list[str]:
    """Names of the lanes that have experiments, in alphabetical order."""
    return sorted({path.parent.name for path in (results / "experiments").glob("*/*.json")})


def load(lane: str, results: Path = RESULTS, ledger: Path = LEDGER) -> tuple[list[Experiment], list[str]]:
    """Read the experiments of `lane`, best first.

    Returns
    -------
    experiments
        Sorted by the metric's mean in its own direction; equal ones with the older first.
    problems
        One line for each file that could not be read; it is left out.
    """
    scores, problems = _public_scores(ledger)
    current = _current(results / lane / "run.json")
    experiments = []
    for path in sorted((results / "experiments" / lane).glob("*.json")):
        try:
            experiments.append(_experiment(json.loads(path.read_text(encoding="utf-8")), lane, current, scores))
        except KeyError as error:
            problems.append(f"{path}: no key {error}; left out")
        except (OSError, ValueError, TypeError, AttributeError) as error:
            problems.append(f"{path}: is no experiment ({error}); left out")
    experiments.sort(key=lambda one: (-one.score if one.higher_is_better else one.score, one.started, one.run_id))
    return experiments, problems


def differing(experiments: Iterable[Experiment]) -> list[str]:
    """Dotted keys of the settings that are not equal in all `experiments`, in alphabetical order."""
    settings = [experiment.settings for experiment in experiments]
    keys = sorted({key for one in settings for key in one})
    return [key for key in keys if any(one.get(key, ...) != settings[0].get(key, ...) for one in settings)]


def number(value: float) -> str:
    """Four digits after the point, as leaderboards have it; fewer for large values."""
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.2f}"


def setting(value: Any) -> str:
    """Write one setting as YAML would."""
    return value if isinstance(value, str) else json.dumps(value)


def leaderboard(chosen: Sequence[str] | None = None, results: Path = RESULTS, ledger: Path = LEDGER) -> None:
    """Print one table for each lane of `chosen` (all that have experiments by default).

    Raises
    ------
    UserError
        If a lane was chosen that has no experiments.
    """
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        # Whoever reads through a pipe wants one line for an experiment, however long.
        console = Console(highlight=False, width=10_000)
    known = lanes(results)
    if not known and not chosen:
        console.print("No experiments yet. `make repro` trains every competition; `dvc repro evaluate@titanic` one.")
    for lane in chosen or known:
        if lane not in known:
            raise _unknown(lane, known, results)
        experiments, problems = load(lane, results, ledger)
        for problem in problems:
            print(f"warning: {problem}", file=sys.stderr)
        if experiments:
            _print(console, lane, experiments)


def _print(console: "Console", lane: str, experiments: list[Experiment]) -> None:
    from rich.measure import Measurement
    from rich.table import Table

    keys = differing(experiments)
    changed = {experiment.run_id: _changed(experiment, keys) for experiment in experiments}
    console.print()
    console.print(lane, style="bold", markup=False)
    whole = _table(experiments, changed if keys else None)
    unbounded = console.options.update(width=10_000)
    if Measurement.get(console, unbounded, whole).maximum <= console.width:
        console.print(whole)
    else:
        console.print(_table(experiments, None))
        below = Table(box=None, show_header=False, padding=(0, 1))
        below.add_column(justify="right", no_wrap=True)
        below.add_column(overflow="fold")
        for rank, experiment in enumerate(experiments, start=1):
            below.add_row(str(rank), changed[experiment.run_id])
        if keys:
            console.print(" What differs:")
            console.print(below)
    notes = [
        "▸ what results/ holds now" if any(one.current for one in experiments) else "",
        "* with uncommitted changes" if any(one.dirty for one in experiments) else "",
    ]
    if any(notes):
        console.print(" " + " · ".join(filter(None, notes)), style="dim", markup=False)


def _table(experiments: list[Experiment], changed: Mapping[str, str] | None) -> "Table":
    """Lay out one lane; with the column `what differs` if `changed` is given."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    best = experiments[0]
    submitted = any(one.public_score for one in experiments)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    arrow = "↑" if best.higher_is_better else "↓"
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("  run id", no_wrap=True)
    table.add_column(f"{best.metric} {arrow}", no_wrap=True)
    for title in ("pooled", "folds", *(["public"] if submitted else [])):
        table.add_column(title, justify="right", no_wrap=True)
    for title in ("commit", "when", *(["what differs"] if changed else [])):
        table.add_column(title, no_wrap=True)
    rows: list[tuple[float, list[str], str]] = []
    for rank, one in enumerate(experiments, start=1):
        cells = [str(rank), f"{'▸' if one.current else ' '} {one.run_id}", f"{number(one.score)} ± {number(one.sd)}"]
        cells += [number(one.oof), str(len(one.folds))] + ([one.public_score or ""] if submitted else [])
        when = f"{one.started.astimezone():{'%Y-%m-%d %H:%M' if changed else '%d %b %H:%M'}}"
        cells += [one.commit, when] + ([changed[one.run_id]] if changed else [])
        rows.append((one.score, cells, "bold" if one.current else ""))
    rows.append((best.baseline, ["", "  constant", number(best.baseline)], "dim"))
    rows.sort(key=lambda row: row[0], reverse=best.higher_is_better)
    for _, cells, style in rows:
        table.add_row(*(Text(cell) for cell in cells), style=style)
    return table


def _changed(experiment: Experiment, keys: Iterable[str]) -> str:
    return "  ".join(f"{key}={setting(experiment.settings.get(key))}" for key in keys)


def _experiment(record: Any, lane: str, current: str | None, scores: Mapping[str, str]) -> Experiment:
    run, metrics = record["run"], record["metrics"]
    hashes = {name: (run.get(name) or "")[:7] for name in ("data_sha256", "folds_sha256")}
    return Experiment(
        lane=lane,
        run_id=run["run_id"],
        metric=metrics["metric"],
        higher_is_better=metrics["higher_is_better"],
        score=float(metrics["mean"]),
        sd=float(metrics["sd"]),
        oof=float(metrics["oof"]),
        folds=tuple(float(score) for score in metrics["folds"]),
        rows=int(metrics["rows"]),
        baseline=float(metrics["baseline"]),
        settings={**_flat(run["params"]), **hashes},
        commit=(run["commit"] or "")[:7] + ("*" if run["dirty"] else ""),
        started=datetime.fromisoformat(run["started"]),
        seconds=float(run["seconds"]),
        hardware=str(run.get("hardware", "")),
        public_score=scores.get(run["run_id"]),
        current=run["run_id"] == current,
        history=record["history"],
        plot=record["plot"],
    )


def _flat(params: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name nested values by dotted key, as `dvc exp run -S` does."""
    flat: dict[str, Any] = {}
    for key, value in params.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _current(path: Path) -> str | None:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["run_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _public_scores(ledger: Path) -> tuple[dict[str, str], list[str]]:
    """Return the newest public score of each W&B run in the ledger, and what is wrong with it."""
    try:
        with ledger.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        return {row["wandb_run"]: row["public_score"] for row in rows if row["public_score"]}, []
    except FileNotFoundError:
        return {}, []
    except KeyError as error:
        return {}, [f"{ledger}: no column {error}; public scores are left out"]
    except (OSError, ValueError, csv.Error) as error:
        return {}, [f"{ledger}: cannot be read ({error}); public scores are left out"]


def _unknown(lane: str, known: list[str], results: Path) -> UserError:
    close = get_close_matches(lane, known, n=1)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    there = f"there are: {', '.join(known)}; or train it" if known else "train it"
    return UserError(
        f"{results / 'experiments' / lane}: no experiments{meant}", f"{there}: `dvc repro evaluate@{lane}`"
    )
