"""Reads experiments and baselines from ``results/``, best first."""

import csv
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from groundwork.errors import UserError, meant
from groundwork.experiments import memory
from groundwork.naming import flat

RESULTS = Path("results")
LEDGER = Path("submissions/ledger.csv")
# What records leave out: those of earlier versions have no seeds, since there was one.
UNWRITTEN = {"training.seeds": 1, "private": 0.0}


@dataclass(frozen=True)
class Experiment:
    """One training and its cross-validated metric.

    Attributes
    ----------
    settings
        Resolved parameters by dotted key, and the first characters of the hashes of data and folds.
    judged_by
        Hash of rows, folds and targets: scores are comparable where it is equal, whatever the features.
    score, sd
        Mean and standard deviation of the metric over folds.
    oof
        The metric over all out-of-fold rows at once.
    further
        The competition's further metrics, by name, over all out-of-fold rows at once.
    started
        When the training started, in UTC.
    commit
        Its first seven characters, and `*` when files differed from it; empty outside a git repository.
    current
        Whether `results/<lane>` holds this experiment's results.
    comparable
        Whether `judged_by` is the current experiment's, or the newest one's where none is current.
    keys
        The key of each fold in the fold store, by part, for each seed; empty where nothing was trained.
    code
        Hash of the fingerprint of the code that trained it; empty in older records.
    history, plot
        Rows per fold and epoch, and the confusion matrix, scatter or bars, as in the experiment's file; empty where
        only its small record is here.
    note
        What somebody noted about it.
    seeds
        The pooled metric of each seed, where folds were trained with several.
    whole
        Whether its whole record is here; False where only the small one is.
    retrained
        The ids of equal retrainings that it stands for: see `groundwork.experiments.selection.folded`.
    """

    lane_name: str
    run_id: str
    metric: str
    higher_is_better: bool
    score: float
    sd: float
    oof: float
    folds: tuple[float, ...]
    rows: int
    further: Mapping[str, float]
    settings: Mapping[str, Any]
    judged_by: str
    commit: str
    started: datetime
    seconds: float
    hardware: str
    public_score: str | None
    current: bool
    history: Sequence[Mapping[str, Any]]
    plot: Mapping[str, Any]
    keys: tuple[Mapping[str, str], ...] = ()
    code: str = ""
    comparable: bool = True
    note: str = ""
    seeds: tuple[float, ...] = ()
    whole: bool = True
    retrained: tuple[str, ...] = ()

    @property
    def dirty(self) -> bool:
        """Whether files differed from the commit."""
        return self.commit.endswith("*")


@dataclass(frozen=True)
class Baseline:
    """A simple model for comparison, scored on the same folds.

    Attributes
    ----------
    name
        What the leaderboard calls it.
    score, sd, oof, folds, further
        As an `Experiment` has them.
    seconds
        How long its folds took.
    seeded
        Whether another seed would give other predictions.
    """

    name: str
    score: float
    sd: float
    oof: float
    folds: tuple[float, ...]
    further: Mapping[str, float]
    seconds: float
    seeded: bool = True


def lanes(results: Path = RESULTS) -> list[str]:
    """Return the names of the lanes that have experiments, in alphabetical order."""
    patterns = ("experiments/*/*.json", f"{memory.TRACKED}/*/*.json", "*/experiment.json")
    return sorted({path.parent.name for pattern in patterns for path in results.glob(pattern)})


def chosen_lanes(chosen: Collection[str] | None, results: Path = RESULTS) -> Collection[str]:
    """Return the chosen lanes, or all that have experiments.

    Raises
    ------
    UserError
        If a chosen lane has no experiments.
    """
    known = lanes(results)
    for lane_name in chosen or ():
        if lane_name not in known:
            existing = f"there are experiments of {', '.join(known)}; " if known else ""
            raise UserError(
                f"{results}: no experiments of {lane_name!r}{meant(lane_name, known)}",
                f"{existing}run each lane: `dvc repro`",
            )
    return chosen or known


def load(lane_name: str, results: Path = RESULTS, ledger: Path = LEDGER) -> tuple[list[Experiment], list[str]]:
    """Read the experiments of a lane, best first.

    ``experiments/<lane>`` has those of this machine; ``<lane>/experiment.json`` is the current one, which DVC also
    brings to a clone; ``memory/<lane>`` has small records, which git brings. An experiment that is in several counts
    once.

    Returns
    -------
    experiments
        First the comparable ones, best mean of the metric first, the older first where means are equal; then the
        others, newest first.
    problems
        One line for each file that could not be read and was left out.
    """
    scores, problems = _public_scores(ledger)
    current = _current(results / lane_name / "run.json")
    experiments: dict[str, Experiment] = {}
    remembered = sorted((results / "experiments" / lane_name).glob("*.json"))
    whole = [*(results / lane_name).glob("experiment.json"), *remembered]
    for path in (*whole, *memory.files(lane_name, results)):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if path not in whole:
                content = {"history": [], "plot": {}, **content}
            experiment = replace(_experiment(content, lane_name, current, scores), whole=path in whole)
            known = experiments.setdefault(experiment.run_id, experiment)
            experiments[experiment.run_id] = replace(known, note=known.note or experiment.note)
        except KeyError as error:
            problems.append(f"{path}: no key {error}; left out")
        except (OSError, ValueError, TypeError, AttributeError) as error:
            problems.append(f"{path}: is not an experiment ({error}); left out")
    newest = sorted(experiments.values(), key=lambda experiment: (experiment.started, experiment.run_id), reverse=True)
    reference = (
        next((experiment for experiment in newest if experiment.current), newest[0]).judged_by if newest else None
    )
    ranked = [experiment for experiment in newest[::-1] if experiment.judged_by == reference]
    ranked.sort(key=lambda experiment: -experiment.score if experiment.higher_is_better else experiment.score)
    others = [replace(experiment, comparable=False) for experiment in newest if experiment.judged_by != reference]
    return ranked + others, problems


def baselines(experiment: Experiment, results: Path = RESULTS) -> tuple[list[Baseline], list[str]]:
    """Read the baselines of an experiment's lane that were scored on its rows, folds and metric, best first.

    Returns
    -------
    baselines
        Empty where the stage has not run, or ran on other folds.
    problems
        A line if their file could not be read.
    """
    path = results / experiment.lane_name / "baselines.json"
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
        read = [
            _baseline(record)
            for record in records
            if (record["folds_sha256"], record["metrics"]["metric"]) == (experiment.judged_by, experiment.metric)
        ]
    except FileNotFoundError:
        return [], []
    except KeyError as error:
        return [], [f"{path}: no key {error}; baselines are left out"]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        return [], [f"{path}: is not a list of baselines ({error}); they are left out"]
    return sorted(read, key=lambda baseline: -baseline.score if experiment.higher_is_better else baseline.score), []


def _experiment(record: Any, lane_name: str, current: str | None, scores: Mapping[str, str]) -> Experiment:
    run, metrics = record["run"], record["metrics"]
    data, folds = (run.get(name) or "" for name in ("data_sha256", "folds_sha256"))
    return Experiment(
        lane_name=lane_name,
        run_id=run["run_id"],
        metric=metrics["metric"],
        higher_is_better=metrics["higher_is_better"],
        score=float(metrics["mean"]),
        sd=float(metrics["sd"]),
        oof=float(metrics["oof"]),
        folds=tuple(float(score) for score in metrics["folds"]),
        rows=int(metrics["rows"]),
        further=_further(metrics),
        # Records of earlier versions have no seeds: there was one.
        settings={
            "training.seeds": 1,
            "private": 0.0,
            **flat(run["params"]),
            "data_sha256": data[:7],
            "folds_sha256": folds[:7],
        },
        judged_by=folds,
        commit=(run["commit"] or "")[:7] + ("*" if run["dirty"] else ""),
        started=datetime.fromisoformat(run["started"]).astimezone(UTC),
        seconds=float(run["seconds"]),
        hardware=str(run.get("hardware", "")),
        public_score=scores.get(run["run_id"]),
        current=run["run_id"] == current,
        history=record["history"],
        plot=record["plot"],
        keys=_keys(run),
        code=str(run.get("code_sha256", "")),
        note=str(record.get("note", "")),
        seeds=tuple(float(score) for score in metrics.get("seeds", {}).get("oof", ())),
    )


def _keys(run: Mapping[str, Any]) -> tuple[Mapping[str, str], ...]:
    """Read the keys of the folds: of the first seed in ``folds``, of the others in ``replicates``."""
    seeds = [run.get("folds") or {}, *(run.get("replicates") or ())]
    return tuple({part: str(made["key"]) for part, made in folds.items()} for folds in seeds if folds)


def _baseline(record: Any) -> Baseline:
    metrics = record["metrics"]
    return Baseline(
        name=str(record["name"]),
        score=float(metrics["mean"]),
        sd=float(metrics["sd"]),
        oof=float(metrics["oof"]),
        folds=tuple(float(score) for score in metrics["folds"]),
        further=_further(metrics),
        seconds=float(record["seconds"]),
        seeded=bool(record.get("seeded", True)),
    )


def _further(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.get("further", {}).items()}


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
        scores = {row["wandb_run"]: row["public_score"] for row in rows if row["public_score"]}
        for score in scores.values():
            float(score)
        return scores, []
    except FileNotFoundError:
        return {}, []
    except KeyError as error:
        return {}, [f"{ledger}: no column {error}; public scores are left out"]
    except (OSError, ValueError, csv.Error) as error:
        return {}, [f"{ledger}: cannot be read ({error}); public scores are left out"]
