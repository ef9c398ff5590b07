"""Takes what Kaggle says of submissions into the ledger and into the runs."""

from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from groundwork.files import read_json, sha256
from groundwork.kaggle.ledger import COMPLETE, LEDGER, Entry, replace_entry

if TYPE_CHECKING:
    from kagglesdk.competitions.types.competition_api_service import ApiSubmission

RESULTS = Path("results")


def as_listed(entry: Entry, answer: "ApiSubmission") -> Entry:
    """Return the entry with the status and scores that Kaggle lists."""
    return replace(
        entry,
        reference=str(answer.ref),
        status=answer.status.name.lower(),
        public_score=answer.public_score or "",
        private_score=answer.private_score or "",
    )


def as_handed_in(entry: Entry, answer: "ApiSubmission", tag: str) -> Entry:
    """Return the entry of a submission that is missing in the ledger; its commit and `dvc.lock` are unknown."""
    # Kaggle's times are in UTC, but the client returns them without a time zone.
    time = answer.date.replace(tzinfo=UTC).isoformat(timespec="seconds") if answer.date else ""
    message = (answer.description or "").replace(tag, "").strip()
    return replace(as_listed(entry, answer), time=time, message=message, commit="", dvc_lock_sha256="")


def record(entry: Entry, answer: "ApiSubmission") -> Entry:
    """Write the status and scores that Kaggle lists into the ledger, and a new score into the W&B run."""
    current = as_listed(entry, answer)
    if current != entry:
        replace_entry(entry, current)
    scored = (current.public_score, current.private_score)
    if current.status == COMPLETE and scored != (entry.public_score, entry.private_score):
        _score_run(current)
    return current


def _score_run(entry: Entry) -> None:
    from groundwork.tracking.scores import record_score

    # The run of an older submission is no longer in results/<lane>/run.json.
    path = RESULTS / "experiments" / entry.lane / f"{entry.wandb_run}.json"
    latest = RESULTS / entry.lane / "run.json"
    if path.exists():
        run = read_json(path, "dvc repro")["run"]
    elif latest.exists() and (newest := read_json(latest, "dvc repro"))["run_id"] == entry.wandb_run:
        run = newest
    else:
        print(f"{entry.lane}: run {entry.wandb_run} is not on this machine; its score is in {LEDGER} only")
        return
    summary: dict[str, float | str] = {"submission": entry.reference}
    for name, score in (("public_score", entry.public_score), ("private_score", entry.private_score)):
        if score:
            summary[name] = float(score)
    file = RESULTS / entry.lane / "submission.csv"
    handed_in = {file.name: (file, entry.file_sha256)}
    # The file may have been made again since.
    same = file.is_file() and sha256(file) == entry.file_sha256
    record_score(run, summary, (f"{entry.lane}-submission", handed_in) if same else None)
