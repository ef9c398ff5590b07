"""A log of purchases, prepared: customers and articles as codes, days as numbers, weeks as folds. It fits nothing."""

import datetime
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from groundwork.competitions import Purchases
from groundwork.data import archives, tables, transactions
from groundwork.data.folds import MOST_FOLDS
from groundwork.data.prepared import FOLDS, SUBMISSION, TEST, write_table
from groundwork.data.purchases import ARTICLES, CUSTOMERS, PURCHASES
from groundwork.errors import UserError

MISSING = "missing"


def prepare(competition: Purchases, archive: archives.Archive, out: Path, folds: int) -> None:
    """Read and check the tables of `archive`; write them and the folds into the folder `out`.

    Pictures in the archive are left alone. A value that an article lacks becomes the label "missing".

    Raises
    ------
    UserError
        If the archive, a table in it or the number of folds is not what the competition needs.
    """
    labels = dict.fromkeys((competition.article, *competition.features, *competition.shown), str)
    articles = tables.read(archive, competition.articles, labels, key=competition.article, partial=True)
    articles = articles.rename(columns={competition.article: "article"}).fillna(MISSING)
    ids = _ids(competition, archive, competition.customers)
    asked = _asked(competition, archive, ids)
    log, start = transactions.read(competition, archive, ids, articles["article"])
    sold = np.bincount(log["day"].to_numpy())
    weeks = _weeks(competition, archive, sold, folds, start)
    write_table(log, out / PURCHASES)
    write_table(articles, out / ARTICLES)
    write_table(pd.DataFrame({"customer_id": ids}), out / CUSTOMERS)
    write_table(pd.DataFrame({"customer": asked, "day": np.int16(len(sold))}), out / TEST)
    write_table(weeks, out / FOLDS)
    with (
        archives.open_member(archive, competition.sample_submission) as source,
        (out / SUBMISSION).open("wb") as target,
    ):
        shutil.copyfileobj(source, target)


def _ids(competition: Purchases, archive: archives.Archive, member: str) -> pd.Series:
    """Read the customers of one table."""
    return tables.read(archive, member, {competition.id: str}, key=competition.id, partial=True)[competition.id]


def _asked(competition: Purchases, archive: archives.Archive, customers: pd.Series) -> NDArray[np.int32]:
    """Read the codes of those whom the sample submission asks about, if it is one list of articles for each."""
    member = competition.sample_submission
    names = transactions.header(archive, member)
    if len(names) != 2 or names[0] != competition.id:
        raise UserError(
            f"{archive}: {member}: found the columns {', '.join(names)}; expected {competition.id} and one of lists",
            archive.mend,
        )
    ids = _ids(competition, archive, member)
    codes = transactions.places(pa.array(ids, type=pa.string()), customers)
    alien = ids[codes < 0]
    if len(alien):
        raise UserError(
            f"{archive}: {member}: row {alien.index[0] + 1}: column {competition.id!r}: found {alien.iloc[0]!r}, "
            f"expected a customer of {competition.customers}; {len(alien)} such rows",
            archive.mend,
        )
    return codes


def _weeks(
    competition: Purchases, archive: archives.Archive, sold: NDArray[np.int64], folds: int, start: datetime.date
) -> pd.DataFrame:
    """Cut the end of the log into `folds` weeks, the last one first; `sold` counts the purchases of each day."""
    span, days = competition.days, len(sold)
    most = min((days - 1) // span, MOST_FOLDS)
    if not 1 <= folds <= most:
        raise UserError(
            f"params.yaml: folds: found {folds}; expected {f'1 to {most}' if most else 'a longer log'}: "
            f"{competition.transactions} of {archive} spans {days} days, each fold validates {span} of them, and some "
            "must lie before",
            "lower `folds` in params.yaml" if most else archive.mend,
        )
    first = days - span * np.arange(1, folds + 1)
    dates = [start + datetime.timedelta(days=int(day)) for day in first]
    for day, date in zip(first, dates, strict=True):
        if not sold[day : day + span].any():
            raise UserError(
                f"{archive}: {competition.transactions}: found no purchase in the {span} days from {date}; "
                "expected some, for they validate a fold",
                archive.mend,
            )
    columns = {"first": first.astype(np.int16), "last": (first + span - 1).astype(np.int16)}
    return pd.DataFrame({"fold": np.arange(folds, dtype=np.int8), **columns, "date": dates})
