"""Gets the archive of a competition that has no file yet, and Kaggle's name of its metric."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from groundwork.adding.kind import Guess
from groundwork.competitions import Competition
from groundwork.data.archives import Archive, verify
from groundwork.data.packing import REFUSED
from groundwork.errors import UserError, meant
from groundwork.files import sha256, writing
from groundwork.objectives.base import Task
from groundwork.objectives.kaggle_names import named
from groundwork.objectives.metrics import METRICS

KEPT = Path("data/kaggle")


@dataclass(frozen=True, kw_only=True)
class Unknown(Competition):
    """A competition of which only the slug is known: enough to download its archive."""

    layout = "rows"

    @property
    def files(self) -> tuple[str, ...]:
        """Return nothing: which files it has is yet to be seen."""
        return ()

    @property
    def task(self) -> Task:
        """Return a task without targets."""
        return Task(id=self.id)

    @property
    def encodings(self) -> tuple[str, ...]:
        """Return nothing."""
        return ()


def get(slug: str, given: Path | None) -> Archive:
    """Return the competition's archive: `given`, else the one in ``data/kaggle``, else Kaggle's, downloaded there.

    Raises
    ------
    UserError
        If there is none, it is not a whole zip file, or another archive is already there.
    """
    store = KEPT / f"{slug}.zip"
    if given is not None:
        return _given(given, store)
    if not store.exists():
        from groundwork.kaggle import client

        try:
            client.download(Unknown(slug=slug, kind="", metric="", id=""), store)
        except UserError as error:
            step = f"{error.next_step}; or download the archive in a browser and name it: `--archive FILE`"
            raise UserError(error.problem, step, error.exit_code) from None
    again = f"put Kaggle's archive at {store}, or delete that file to download it again"
    archive = Archive(store, store, again, again)
    verify(archive, ())
    return archive


def keep(slug: str, archive: Archive) -> None:
    """Copy an archive to where the fetch stage looks for it, unless it is there."""
    store = KEPT / f"{slug}.zip"
    if not store.exists():
        with writing(store) as temporary:
            shutil.copyfile(archive.path, temporary)


def _given(given: Path, store: Path) -> Archive:
    again = "name the zip file that Kaggle gives: `--archive FILE`"
    if not given.is_file():
        found = "a folder" if given.is_dir() else "nothing"
        raise UserError(f"{given}: found {found}; expected the competition's zip file", again)
    if given.suffix.lower() in REFUSED:
        raise UserError(
            f"{given}: {given.suffix} files cannot be read; expected a zip file",
            f"unpack it and pack the tables again: `zip {given.stem}.zip train.csv test.csv …`",
        )
    verify(Archive(given, given, again, again), ())
    if store.exists() and not store.samefile(given) and sha256(store) != sha256(given):
        raise UserError(
            f"{store}: is already there and differs from {given}",
            f"`rm {store}` to take {given}, or leave --archive away to take {store}",
        )
    return Archive(given, given, again, again)


def metric(slug: str, given: str | None, ask: Callable[[str], str | None] | None = None) -> Guess | None:
    """Return the metric that the user names, or else Kaggle, where a token is there; None if nobody does.

    Parameters
    ----------
    ask
        Function that returns Kaggle's name of the metric of a competition.

    Raises
    ------
    UserError
        If the user names an unknown metric.
    """
    if given is not None:
        name = given if given in METRICS else named(given)
        if name is None:
            raise UserError(
                f"--metric: found {given!r}{meant(given, METRICS)}; expected one of: {', '.join(METRICS)}",
                "name the closest one; a function of your own goes into the competition's file later",
            )
        return Guess(name, "--metric")
    told = (ask or of_kaggle)(slug)
    if not told:
        return None
    name = named(told)
    if name is None:
        print(f"Kaggle calls the metric {told!r}, which no metric here is named; --metric names one", file=sys.stderr)
        return None
    return Guess(name, f"Kaggle says {told}")


def of_kaggle(slug: str) -> str | None:
    """Return Kaggle's name of the metric; None without a token, or if Kaggle does not answer."""
    from groundwork.kaggle import client
    from groundwork.kaggle.call import Patience, call

    try:
        client.credentials()
        api = client.connect(Patience(attempts=1))
        found = call(lambda: api.competitions_list(search=slug), "ask for the metric", patience=Patience(attempts=1))
    except UserError:
        return None
    competitions = getattr(found, "competitions", found) or []
    for competition in competitions:
        if str(competition.ref).rstrip("/").endswith(f"/{slug}") or competition.ref == slug:
            return str(competition.evaluation_metric) or None
    return None
