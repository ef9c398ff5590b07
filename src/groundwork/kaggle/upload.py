"""What Kaggle is asked and told about submissions: the list, the quota, the upload that counts once, the score."""

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

# A submission is looked for among so many of the newest.
NEWEST = 100
# Without a terminal, a line says this often (seconds) that the score is still awaited.
STILL_WAITING = 30.0


@dataclass(frozen=True)
class Timing:
    """How often Kaggle is asked for a score.

    Attributes
    ----------
    interval
        Seconds between two questions.
    longest
        Seconds after which the score is left for `groundwork submissions`.
    patience
        How long a busy server is waited for.
    """

    interval: float = 5.0
    longest: float = 900.0
    patience: Patience = PATIENCE


def listed(api: "KaggleApi", competition: Competition, patience: Patience) -> "list[ApiSubmission]":
    """Return our newest submissions, the latest first."""
    return call(lambda: _list(api, competition), f"list the submissions to {competition.slug}", competition, patience)


def _list(api: "KaggleApi", competition: Competition) -> "list[ApiSubmission]":
    return [found for found in api.competition_submissions(competition.slug, page_size=NEWEST) or [] if found]


def find(submissions: "list[ApiSubmission]", tag: str, besides: Collection[int] = ()) -> "ApiSubmission | None":
    """Return the latest submission whose description holds `tag` and whose reference is not in `besides`."""
    return next((one for one in submissions if tag in (one.description or "") and one.ref not in besides), None)


def left_today(api: "KaggleApi", competition: Competition, patience: Patience) -> str:
    """Say how many submissions are left today.

    Raises
    ------
    UserError
        If none is. When Kaggle does not tell, the upload will find out.
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
    # All zero stands for somebody who is in no team yet: the first submission makes one.
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

    After an attempt whose end is not known, the submission is looked for on the server by `tag`, which is a part of
    `description`, among those that were not there `before`. Only when it is not there is anything sent again.

    Raises
    ------
    UserError
        If Kaggle refuses it, or the end is not known; the message says which.
    """
    earlier = {one.ref for one in before}
    doing = f"hand in {file} to {competition.slug}"
    # Whether an attempt may have counted although its answer was lost.
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
        if not unsettled or (reference := _counted_after_all(api, competition, tag, earlier, error)) == 0:
            raise
    if reference == 0:
        raise UserError(f"Kaggle: could not {doing}: it gave no reference", "run the command again")
    return reference


def _counted_after_all(
    api: "KaggleApi", competition: Competition, tag: str, earlier: Collection[int], error: UserError
) -> int:
    """Look once for a submission whose answer was lost; 0 if it did not arrive."""
    try:
        known = find(listed(api, competition, Patience(attempts=1)), tag, earlier)
    except UserError:
        raise UserError(
            f"{error.problem}; whether the submission counts is not known",
            "run the command again later: it looks for this file on Kaggle first and never hands it in twice",
        ) from error
    return int(known.ref) if known else 0


def wait_for_score(
    api: "KaggleApi", competition: Competition, reference: int, timing: Timing
) -> "ApiSubmission | None":
    """Ask for the submission `reference` until Kaggle has scored or rejected it.

    Returns
    -------
    ApiSubmission or None
        As Kaggle last showed it, perhaps still pending; None if it does not list it. Ctrl-C ends the waiting.
    """
    from rich.console import Console

    console = Console(stderr=True)
    text = f"{competition.slug}: waiting for the score of {reference} (Ctrl-C leaves it to Kaggle)"
    if not console.is_terminal and timing.longest > 0:
        print(text, file=sys.stderr, flush=True)
    started = said = time.monotonic()
    found: ApiSubmission | None = None
    try:
        with console.status(text) if console.is_terminal else nullcontext():
            while True:
                submissions = listed(api, competition, timing.patience)
                found = next((one for one in submissions if one.ref == reference), None)
                now = time.monotonic()
                if (found and found.status.name != "PENDING") or now - started >= timing.longest:
                    return found
                if not console.is_terminal and now - said >= STILL_WAITING:
                    print(f"{text}: {now - started:.0f} s", file=sys.stderr, flush=True)
                    said = now
                time.sleep(timing.interval)
    except KeyboardInterrupt:
        return found
