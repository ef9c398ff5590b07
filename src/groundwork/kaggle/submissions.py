"""Lists a competition's submissions with Kaggle's current scores, and says which two to select."""

import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from groundwork.competitions import Competition
from groundwork.kaggle import client, ledger, upload
from groundwork.kaggle.answers import record
from groundwork.kaggle.choice import Recommendation, recommend
from groundwork.kaggle.ledger import ERROR, Entry
from groundwork.kaggle.upload import Timing

SCHEMA = 1
TIMING = Timing()


def submissions(
    lane_name: str,
    competition: Competition,
    names: Sequence[str] = (),
    *,
    as_json: bool = False,
    timing: Timing = TIMING,
) -> list[Entry]:
    """Write Kaggle's current scores into the ledger and the W&B runs; print submissions, and which two to select.

    Parameters
    ----------
    names
        All lanes and blends of the competition: Kaggle lets two of its submissions be selected.
    as_json
        Print JSON, as docs/leaderboard.md documents it.

    Returns
    -------
    list of Entry
        The submissions of all these lanes, oldest first.

    Raises
    ------
    UserError
        If Kaggle refuses or cannot be reached.
    """
    names = names or [lane_name]
    mine = [entry for entry in ledger.read() if entry.lane in names]
    reasons: dict[str, str] = {}
    if mine:
        # What is said on the way is no part of the JSON.
        with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
            mine, reasons = _refreshed(mine, competition, timing)
    chosen = recommend(mine)
    if as_json:
        content = {"schema": SCHEMA, "lane": lane_name, "competition": competition.slug, **_plain(mine, chosen)}
        print(json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False))
    elif not mine:
        print(f'{lane_name}: nothing was handed in yet; `groundwork submit {lane_name} -m "what is new"` does it')
    else:
        _print(f"Submissions of {lane_name} ({competition.scorer.name})", mine, reasons)
        print("\n".join(_told(chosen)))
    return mine


def _refreshed(
    entries: Sequence[Entry], competition: Competition, timing: Timing
) -> tuple[list[Entry], dict[str, str]]:
    """Return the entries with Kaggle's current scores, and why it has rejected some, by reference."""
    api = client.connect(timing.patience)
    found = {str(answer.ref): answer for answer in upload.list_submissions(api, competition, timing.patience)}
    current = [record(entry, found[entry.reference]) if entry.reference in found else entry for entry in entries]
    rejected = [entry.reference for entry in current if entry.status == ERROR and entry.reference in found]
    return current, {reference: found[reference].error_description or "" for reference in rejected}


def _print(title: str, entries: Sequence[Entry], reasons: Mapping[str, str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    several = len({entry.lane for entry in entries}) > 1
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    lane = ["lane"] if several else []
    for column in ("time (UTC)", "reference", *lane, "CV", "public", "private", "status"):
        table.add_column(column, no_wrap=True)
    table.add_column("message")
    for entry in entries:
        reason = reasons.get(entry.reference)
        message = f"{entry.message} ({reason})" if reason else entry.message
        scores = (entry.cv, entry.public_score, entry.private_score)
        told = ([entry.lane] if several else []) + [*scores, entry.status, escape(message)]
        table.add_row(entry.time[:16].replace("T", " "), entry.reference, *told)
    Console().print(table)


def _told(chosen: Recommendation) -> list[str]:
    lines = ["Kaggle counts the better of two; select:"] if chosen.selected else []
    lines += [
        f"  {number}. {entry.reference} ({entry.lane}, run {entry.wandb_run}): {why}"
        for number, (entry, why) in enumerate(chosen.selected, start=1)
    ]
    return lines + [f"  not judged: {entry.reference} ({entry.lane}): {why}" for entry, why in chosen.left_out]


def _plain(entries: Sequence[Entry], chosen: Recommendation) -> dict[str, Any]:
    judged = {one.entry: one for one in chosen.judged}
    names = ("reference", "lane", "time", "cv", "public_score", "private_score", "status", "message")
    return {
        "submissions": [
            {
                **{name: getattr(entry, name) for name in names},
                "run_id": entry.wandb_run,
                "verdict": dict(judged[entry].verdict) if entry in judged else None,
                "likeness": judged[entry].likeness if entry in judged else None,
            }
            for entry in entries
        ],
        "selected": [_reasoned(entry, why) for entry, why in chosen.selected],
        "not_judged": [_reasoned(entry, why) for entry, why in chosen.left_out],
    }


def _reasoned(entry: Entry, why: str) -> dict[str, str]:
    return {"reference": entry.reference, "lane": entry.lane, "run_id": entry.wandb_run, "why": why}
