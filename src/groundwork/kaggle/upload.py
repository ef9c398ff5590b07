"""Kaggle's API for submissions: list them, read the daily quota, upload a file exactly once, wait for its score."""

import sys
import time
from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from groundwork.competitions import Competition
from groundwork.errors import UserError
from groundwork.kaggle.call import PATIENCE, Patience, UploadError, call, status_of

if TYPE_CHECKING:
    from kaggle.api.kaggle_api_extended import KaggleApi
    from kagglesdk.competitions.types.competition_api_service import ApiSubmission

# Number of newest submissions that are searched.
NEWEST = 100
# Seconds between progress lines while waiting for a score without a terminal.
STILL_WAITING = 30.0


@dataclass(frozen=True)
class Timing:
    """How often and how long to poll Kaggle for a score.

    Attributes
    ----------
    interval
        Seconds between two requests.
    longest
        Seconds after which to stop; `groundwork submissions` gets the score later.
    patience
        How to retry when the server is busy.
    """

    interval: float = 5.0
    longest: float = 900.0
    patience: Patience = PATIENCE


def list_submissions(api: "KaggleApi", competition: Competition, patience: Patience) -> "list[ApiSubmission]":
    """Return our newest submissions, the latest first."""
    return call(lambda: _list(api, competition), f"list the submissions to {competition.slug}", competition, patience)


def _list(api: "KaggleApi", competition: Competition) -> "list[ApiSubmission]":
    submissions = api.competition_submissions(competition.slug, page_size=NEWEST) or []
    return [submission for submission in submissions if submission]


def find(submissions: "list[ApiSubmission]", tag: str, exclude: Collection[int] = ()) -> "ApiSubmission | None":
    """Return the latest submission whose description contains `tag` and whose reference is not in `exclude`."""
    matches = (entry for entry in submissions if tag in (entry.description or "") and entry.ref not in exclude)
    return next(matches, None)


def left_today(api: "KaggleApi", competition: Competition, patience: Patience) -> str:
    """Describe how many submissions are left today.

    Raises
    ------
    UserError
        If none is left. If Kaggle does not say, the upload is tried.
    """
    unknown = "Kaggle does not say how many submissions are left today"
    try:
        limits = call(
            lambda: api.competition_get_submission_limits(competition.slug),
            f"ask for the submission limits of {competition.slug}",
            competition,
            patience,
        )
    except UserError:
        return unknown
    if limits.num_allowed_now > 0:
        return f"{limits.num_allowed_now} submissions left today"
    # All values are zero for a user without a team: the first submission creates one.
    if limits.num_today == limits.num_total == 0:
        return unknown
    if limits.limited_by_total:
        raise UserError(
            f"{competition.slug}: no submission is left: all {limits.num_total} of the competition are used up",
            f"choose the final ones at https://www.kaggle.com/competitions/{competition.slug}/submissions",
        )
    now = datetime.now(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    hours, minutes = divmod(int((midnight - now).total_seconds()) // 60, 60)
    raise UserError(
        f"{competition.slug}: no submission is left today: {limits.num_today} were handed in",
        f"run the command again after midnight UTC, in {hours} h {minutes} min",
    )


def hand_in(
    api: "KaggleApi",
    competition: Competition,
    file: Path,
    description: str,
    tag: str,
    before: "list[ApiSubmission]",
    patience: Patience,
) -> int:
    """Upload `file` as one submission and return its reference.

    After an attempt with an unknown outcome, the function searches the server for a submission with `tag`, a part of
    `description`, that was not there `before`. It uploads again only if there is none.

    Raises
    ------
    UserError
        If Kaggle refuses the file, or the outcome is unknown; the message says which.
    """
    earlier = {submission.ref for submission in before}
    doing = f"hand in {file} to {competition.slug}"
    # Whether an attempt may have succeeded although its answer was lost.
    unsettled = False

    def attempt() -> int:
        nonlocal unsettled
        if unsettled and (known := find(_list(api, competition), tag, earlier)):
            return int(known.ref)
        try:
            answer = api.competition_submit(str(file), description, competition.slug, quiet=not sys.stderr.isatty())
        except Exception as error:
            status = status_of(error)
            unsettled |= status is None or status >= 500
            raise
        if answer.message == api.COMPETITION_SUBMIT_UPLOAD_FAILED_MESSAGE:
            raise UploadError
        return int(answer.ref)

    try:
        reference = call(attempt, doing, competition, patience)
    except UserError as error:
        if not unsettled or (reference := _reference_of_lost_answer(api, competition, tag, earlier, error)) == 0:
            raise
    if reference == 0:
        raise UserError(f"Kaggle: could not {doing}: it gave no reference", "run the command again")
    return reference


def _reference_of_lost_answer(
    api: "KaggleApi", competition: Competition, tag: str, earlier: Collection[int], error: UserError
) -> int:
    """Search once for a submission whose answer was lost; return 0 if it did not arrive."""
    try:
        known = find(list_submissions(api, competition, Patience(attempts=1)), tag, earlier)
    except UserError:
        raise UserError(
            f"{error.problem}; whether the submission counts is not known",
            "run the command again later: it first searches Kaggle for this file and never hands it in twice",
        ) from error
    return int(known.ref) if known else 0


def wait_for_score(
    api: "KaggleApi", competition: Competition, reference: int, timing: Timing
) -> "ApiSubmission | None":
    """Poll Kaggle until the submission `reference` has been scored or rejected.

    Returns
    -------
    ApiSubmission or None
        The submission as last listed, perhaps still pending; None if it is not listed. Ctrl-C ends the waiting.
    """
    from rich.console import Console

    console = Console(stderr=True)
    text = f"{competition.slug}: waiting for the score of {reference} (Ctrl-C leaves it to Kaggle)"
    if not console.is_terminal and timing.longest > 0:
        print(text, file=sys.stderr, flush=True)
    started = last_message = time.monotonic()
    submission: ApiSubmission | None = None
    try:
        with console.status(text) if console.is_terminal else nullcontext():
            while True:
                submissions = list_submissions(api, competition, timing.patience)
                submission = next((entry for entry in submissions if entry.ref == reference), None)
                now = time.monotonic()
                if (submission and submission.status.name != "PENDING") or now - started >= timing.longest:
                    return submission
                if not console.is_terminal and now - last_message >= STILL_WAITING:
                    print(f"{text}: {now - started:.0f} s", file=sys.stderr, flush=True)
                    last_message = now
                time.sleep(timing.interval)
    except KeyboardInterrupt:
        return submission
