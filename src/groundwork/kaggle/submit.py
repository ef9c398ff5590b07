"""Submits a lane's file to Kaggle: checks it, never submits it twice, and records every submission in the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundwork import files
from groundwork.checks.alarms import CHECKS, notes
from groundwork.competitions import Competition
from groundwork.data.load import load
from groundwork.errors import UserError
from groundwork.experiments import seal
from groundwork.experiments.dvcfiles import dvc_name, with_members
from groundwork.experiments.provenance import git_state
from groundwork.kaggle import client, gate, ledger, upload
from groundwork.kaggle.answers import as_handed_in, as_listed, record
from groundwork.kaggle.call import Patience
from groundwork.kaggle.ledger import ERROR, PENDING, Entry
from groundwork.kaggle.upload import Timing

if TYPE_CHECKING:
    from kaggle.api.kaggle_api_extended import KaggleApi

TIMING = Timing()
NO_BLENDS: Mapping[str, Sequence[str]] = {}
# The stages whose outputs are handed in or noted.
LAST = ("submission", "evaluate", "blend")

# Outputs of the stages that are read here, relative to the working directory.
PREPARED, RESULTS, DVC_LOCK = Path("data/prepared"), Path("results"), Path("dvc.lock")


def submit(
    lane_name: str,
    competition: Competition,
    message: str,
    *,
    dry_run: bool = False,
    wait: bool = True,
    despite: str = "",
    blends: Mapping[str, Sequence[str]] = NO_BLENDS,
    timing: Timing = TIMING,
) -> Entry | None:
    """Hand in `results/<lane>/submission.csv`, wait for its score, and write both into the ledger and the W&B run.

    The checks that do not need Kaggle come first: credentials, the file, the gate, the ledger. Then the function asks
    Kaggle how many submissions are left today and whether it already has the file: the description of each submission
    ends with the file's hash. This makes it safe to repeat the command after any failure.

    Parameters
    ----------
    message
        Description of the submission; Kaggle shows it next to the score.
    dry_run
        Do everything except the upload.
    wait
        Whether to wait for the score. Ctrl-C also ends the waiting; the submission stays.
    despite
        Why the gate's suspicions are unfounded. Without a reason, a file with suspicions is not handed in.
    blends
        The members of each blend, whose results a blend is made of: `groundwork.settings.Params.members`.

    Returns
    -------
    Entry or None
        The row of the ledger; None after a dry run.

    Raises
    ------
    UserError
        If a check fails, or Kaggle rejects the submission; the message quotes Kaggle's reason.
    """
    # Commands for the same competition run one after the other, even if the user starts several.
    with files.taking_turns(RESULTS / f".submit-{competition.slug}.lock", f"groundwork submit {lane_name}"):
        handed_in = _hand_in(
            lane_name, competition, message, dry_run=dry_run, despite=despite, blends=blends, patience=timing.patience
        )
    if handed_in is None:
        return None
    api, entry = handed_in
    reference = int(entry.reference)
    try:
        answer = upload.wait_for_score(api, competition, reference, timing if wait else replace(timing, longest=0))
    except UserError as error:
        raise UserError(f"{error.problem}; submission {reference} was accepted", _later(lane_name)) from error
    if answer is None or answer.status.name == "PENDING":
        print(
            f"{lane_name}: {'Kaggle does not list it yet' if answer is None else 'no score yet'}; {_later(lane_name)}"
        )
        return entry
    entry = record(entry, answer)
    if entry.status == ERROR:
        reason = answer.error_description or "it gives no reason"
        raise UserError(
            f"{_file(lane_name)}: Kaggle rejected submission {reference}: {reason}",
            f"fix what it names, then `dvc repro submission@{lane_name}`; a rejected file may be submitted again",
        )
    print(f"{lane_name}: public score {entry.public_score}")
    return entry


def _hand_in(
    lane_name: str,
    competition: Competition,
    message: str,
    *,
    dry_run: bool,
    despite: str,
    blends: Mapping[str, Sequence[str]],
    patience: Patience,
) -> "tuple[KaggleApi, Entry] | None":
    """Run all checks and upload the file; return the client and the new ledger row, or None after a dry run."""
    # Checks that need no account come first.
    run = _trained_on_kaggles_rows(lane_name)
    stages = with_members(lane_name, blends)
    for stage in (stages.get(dvc_name(last, lane_name)) for last in LAST):
        if stage is not None:
            seal.check_chain(stage, stages)
    client.credentials()
    file = _file(lane_name)
    prepared = load(competition, PREPARED / blends.get(lane_name, [lane_name])[0])
    verdict = gate.check_files(lane_name, competition, prepared, RESULTS / lane_name)
    if verdict.suspicions and not despite.strip():
        raise UserError(
            "\n".join(f"{file}: {column}: {suspicion.text}" for column, suspicion in verdict.suspicions),
            "nothing was handed in; if this is a mistake, fix the model or its features; if it is right, say why: "
            f'`groundwork submit {lane_name} -m … --despite "why"`, or `gate` in the competition\'s file',
        )
    entry = replace(_new_entry(lane_name, file, message, run), despite=despite.strip() if verdict.suspicions else "")
    earlier = ledger.find(lane_name, entry.file_sha256)
    if earlier and earlier.status != PENDING:
        raise _handed_in_before(file, earlier)
    checked = RESULTS / blends.get(lane_name, [lane_name])[0] / CHECKS
    for line in (*verdict.lines(str(file)), *notes(checked)):
        print(line)
    api = client.connect(patience)
    # Kaggle keeps only the description. With the hash in it, a lost ledger or answer does no harm.
    tag = f"[sha256 {entry.file_sha256[:12]}]"
    before = upload.list_submissions(api, competition, patience)
    if earlier:
        # If Kaggle has rejected it since, the file may be handed in again.
        if answer := next((submission for submission in before if str(submission.ref) == earlier.reference), None):
            earlier = as_listed(earlier, answer) if dry_run else record(earlier, answer)
        if earlier.status != ERROR:
            raise _handed_in_before(file, earlier)
    known = upload.find(before, tag)
    if known and known.status.name != "ERROR":
        entry = as_handed_in(entry, known, tag)
        if not dry_run:
            ledger.append(entry)
        raise _handed_in_before(file, entry)
    left = upload.left_today(api, competition, patience)
    print(f"{file}: passes the gate; cross-validated {competition.scorer.name} {entry.cv}; {left}")
    if dry_run:
        print("dry run: nothing was handed in")
        return None
    reference = upload.hand_in(api, competition, file, f"{message} {tag}".strip(), tag, before, patience)
    entry = replace(entry, reference=str(reference))
    # From here on the submission counts on Kaggle, whatever happens to this process.
    try:
        ledger.append(entry)
    except UserError as error:
        raise UserError(
            f"{lane_name}: handed in, reference {reference}, but the ledger could not be updated: {error.problem}",
            f"{error.next_step}: it finds the submission on Kaggle, records it, and hands nothing in again",
        ) from error
    print(f"{lane_name}: handed in, reference {reference}", flush=True)
    return api, entry


def _file(lane_name: str) -> Path:
    return RESULTS / lane_name / "submission.csv"


def _trained_on_kaggles_rows(lane_name: str) -> dict[str, Any]:
    """Return the lane's run.json; raise `UserError` if the results were made from a sample."""
    path = RESULTS / lane_name / "run.json"
    run: dict[str, Any] = files.read_json(path, f"dvc repro train@{lane_name}")
    if run["params"].get("source") == "sample":
        raise UserError(
            f"{_file(lane_name)}: was made from the sample, not from Kaggle's rows ({path})",
            f"set `source: kaggle` for {lane_name} in params.yaml, then `groundwork repro {lane_name}`",
        )
    return run


def _new_entry(lane_name: str, file: Path, message: str, run: dict[str, Any]) -> Entry:
    metrics = files.read_json(RESULTS / "metrics" / f"{lane_name}.json", f"dvc repro evaluate@{lane_name}")
    state = git_state()
    commit = state["commit"] or ""
    return Entry(
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        lane=lane_name,
        file_sha256=files.sha256(file),
        reference="",
        commit=f"{commit}-dirty" if commit and state["dirty"] else commit,
        dvc_lock_sha256=files.sha256(DVC_LOCK) if DVC_LOCK.exists() else "",
        wandb_run=run["run_id"],
        cv=f"{metrics['mean']:.6g}",
        public_score="",
        private_score="",
        status=PENDING,
        message=message,
    )


def _handed_in_before(file: Path, entry: Entry) -> UserError:
    score = f"public score {entry.public_score}" if entry.public_score else entry.status
    step = f"`groundwork submissions {entry.lane}` shows it; change a parameter and `dvc repro` before you submit again"
    if entry.status == PENDING:
        step = f"{_later(entry.lane)}; if Kaggle rejects the file, you may submit it again"
    return UserError(f"{file}: the same file was handed in at {entry.time}: reference {entry.reference}, {score}", step)


def _later(lane_name: str) -> str:
    return f"ask for its score with `groundwork submissions {lane_name}`"
