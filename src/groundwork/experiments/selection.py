"""Chooses what a table of experiments shows: which of them, in what order, and what differs between them."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from groundwork.errors import UserError, meant
from groundwork.experiments.records import Baseline, Experiment

AGO = {"h": "hours", "d": "days", "w": "weeks"}
SCORE = "score"
# What can be sorted by, beside further metrics and settings; the first is the default.
COLUMNS = (SCORE, "pooled", "sd", "public", "when", "seconds", "run")


@dataclass(frozen=True)
class Selection:
    """Which experiments a table shows, and in what order.

    Attributes
    ----------
    top
        How many, after sorting; None for all.
    sort
        One of `COLUMNS`, a further metric, or a setting's dotted key or its end. Metrics stand best first, ``when``
        newest first, all others smallest first; experiments without a value come last.
    since
        The time from which on trainings are shown, in UTC; None for all.
    """

    top: int | None = None
    sort: str = SCORE
    since: datetime | None = None

    def of(self, experiments: Sequence[Experiment], keys: Sequence[str]) -> list[Experiment]:
        """Choose from experiments of a lane, best first; `keys` are the settings that differ.

        Raises
        ------
        UserError
            If there is no such column.
        """
        recent = [one for one in experiments if self.since is None or one.started >= self.since]
        return _sorted(recent, self.sort, keys, experiments)[: self.top]


def since(text: str, now: datetime | None = None) -> datetime:
    """Read ``2026-11-20``, a time of ISO 8601 (local, unless it names its zone), or a span such as ``7d``; return UTC.

    Raises
    ------
    UserError
        If it is neither.
    """
    if span := re.fullmatch(r"(\d{1,5})([hdw])", text):
        ago = timedelta(**{AGO[span[2]]: int(span[1])})
        return (now or datetime.now(UTC)) - ago
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UserError(
            f"--since: found {text!r}; expected a date or a span of hours, days or weeks",
            "for example `--since 2026-11-20` or `--since 7d`",
        ) from None


def training_of(experiment: Experiment) -> tuple[str, str]:
    """Return what equal trainings share: code, parameters, data, folds; a run of unknown code equals only itself."""
    return experiment.code, repr(sorted(experiment.settings.items())) if experiment.code else experiment.run_id


def folded(experiments: Iterable[Experiment]) -> list[Experiment]:
    """Fold equal retrainings into one, with the ids of the others: the current run, or the first that has its rows."""
    alike: dict[tuple[str, str], list[Experiment]] = {}
    for one in experiments:
        alike.setdefault(training_of(one), []).append(one)
    rows = []
    for several in alike.values():
        first = next((one for one in several if one.current), next((one for one in several if one.whole), several[0]))
        rows.append(
            replace(
                first,
                retrained=tuple(one.run_id for one in several if one is not first),
                note=next((one.note for one in (first, *several) if one.note), ""),
                public_score=next((one.public_score for one in (first, *several) if one.public_score), None),
            )
        )
    return rows


def _sorted(
    chosen: Sequence[Experiment], column: str, keys: Sequence[str], known: Sequence[Experiment]
) -> list[Experiment]:
    if column == SCORE or not known or column == known[0].metric:
        return list(chosen)
    further = further_names(known)
    settings = sorted({key for one in known for key in one.settings})
    ending = [key for key in settings if key == column or key.endswith(f".{column}")]
    # A short key means the one that differs, where several end so.
    meaning = ending if len(ending) == 1 else [key for key in ending if key in keys or key == column]
    higher = known[0].higher_is_better
    simple: dict[str, tuple[Any, bool]] = {
        "pooled": (lambda one: one.oof, higher),
        "sd": (lambda one: one.sd, False),
        "public": (lambda one: float(one.public_score) if one.public_score else None, higher),
        "when": (lambda one: one.started, True),
        "seconds": (lambda one: one.seconds, False),
        "run": (lambda one: one.run_id, False),
    }
    if column in simple:
        value, largest = simple[column]
    elif column in further:
        value, largest = (lambda one: one.further.get(column)), _higher(column)
    elif len(meaning) == 1:
        value, largest = (lambda one: _comparable(one.settings.get(meaning[0]))), False
    else:
        names = [*COLUMNS, *further, *keys]
        several = f"; found several: {', '.join(ending)}" if ending else meant(column, names)
        raise UserError(f"--sort: no column {column!r}{several}", f"choose one of: {', '.join(names)}")
    having = [one for one in chosen if value(one) is not None]
    return sorted(having, key=value, reverse=largest) + [one for one in chosen if value(one) is None]


def _comparable(value: Any) -> tuple[int, float, str] | None:
    """Order numbers before words; a value that is missing has no place."""
    if value is None:
        return None
    return (0, float(value), "") if isinstance(value, int | float) else (1, 0.0, setting(value))


def _higher(metric: str) -> bool:
    from groundwork.objectives.metrics import METRICS

    return METRICS[metric].higher_is_better if metric in METRICS else True


def further_names(experiments: Iterable[Experiment | Baseline]) -> list[str]:
    """Return the names of the further metrics that some of them have, in the order of the records."""
    return list(dict.fromkeys(name for experiment in experiments for name in experiment.further))


def split(experiments: Sequence[Experiment]) -> tuple[list[Experiment], list[Experiment], Experiment]:
    """Split experiments into comparable ones and others; return the current one, or else the best, as the third."""
    ranked = [experiment for experiment in experiments if experiment.comparable]
    others = [experiment for experiment in experiments if not experiment.comparable]
    return ranked, others, next((experiment for experiment in ranked if experiment.current), ranked[0])


def differing(experiments: Iterable[Experiment]) -> list[str]:
    """Return the dotted keys of the settings that are not equal in all `experiments`, in alphabetical order."""
    settings = [experiment.settings for experiment in experiments]
    keys = sorted({key for values in settings for key in values})
    return [key for key in keys if any(values.get(key, ...) != settings[0].get(key, ...) for values in settings)]


def number(value: float) -> str:
    """Write a score with four digits after the point, or two for large values."""
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.2f}"


def setting(value: Any) -> str:
    """Write one setting as YAML would."""
    return value if isinstance(value, str) else json.dumps(value)
