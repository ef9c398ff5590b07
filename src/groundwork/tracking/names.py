"""Names runs by what changed since the run before, and labels them for the filters of W&B."""

from collections.abc import Mapping, Sequence
from typing import Any

from groundwork.naming import flat

NAMED = 3  # changes in a name
TAG = 64  # the most characters of a tag in W&B
VALUE = 40  # the most characters of a value in a name

Params = Mapping[str, Any]


def labels(
    job: str, lane_name: str, kind: str, tags: Sequence[str] = (), note: str | None = None, source: str | None = None
) -> dict[str, Any]:
    """Return the labels of a run, as arguments of `wandb.init`.

    Parameters
    ----------
    job
        What made the run, which is its job type and a tag: ``train``, ``baseline``, ``try``, ``sweep`` or ``blend``.
    kind
        The competition's kind of problem.
    tags
        Further tags.
    note
        Why, or what changed, for people.
    source
        ``sample`` or ``kaggle``: where the data are from.
    """
    every = [source, lane_name, kind, job, *tags]
    return {
        "job_type": job,
        "tags": list(dict.fromkeys(tag[:TAG] for tag in every if tag)),
        "notes": note or None,
    }


def changes(before: Params, now: Params) -> dict[str, tuple[Any, Any]]:
    """Return the former and the present value of each differing parameter, by dotted key; None where there is none."""
    former, present = flat(before), flat(now)
    keys = [key for key in (*present, *(former.keys() - present.keys())) if former.get(key) != present.get(key)]
    return {key: (former.get(key), present.get(key)) for key in keys}


def named(lane_name: str, before: Params, now: Params) -> tuple[str, str]:
    """Name a training by what changed since the run before.

    Parameters
    ----------
    before
        The content of the former ``run.json``; empty if there is none.
    now
        The facts of this run, with the same keys.

    Returns
    -------
    name
        Such as ``titanic dropout=0.3``.
    note
        All changes with former and present values.
    """
    if not before:
        return f"{lane_name} first run", ""
    found = changes(before.get("params", {}), now.get("params", {}))
    words = [f"{key.split('.')[-1]}={_short(value)}" for key, (_, value) in found.items()]
    if len(words) > NAMED:
        words = [*words[:NAMED], f"and {len(words) - NAMED} more"]
    other = {"data_sha256": "new data", "folds_sha256": "new folds", "code_sha256": "new code"}
    others = [what for key, what in other.items() if before.get(key) != now.get(key)]
    told = [f"{key}: {former} → {present}" for key, (former, present) in found.items()] + others
    since = f"since run {before['run_id']}: " if before.get("run_id") else ""
    return f"{lane_name} {' '.join(words or others[:1] or ['again'])}", since + "; ".join(told) if told else ""


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= VALUE else f"{text[:VALUE]}…"
