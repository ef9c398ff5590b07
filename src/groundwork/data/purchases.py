"""Prepares and loads a log of purchases: customers and articles as codes, days as numbers, weeks as folds."""

import datetime
import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from groundwork.competitions import Purchases
from groundwork.data import archives, tables, transactions
from groundwork.data.folds import MOST_FOLDS
from groundwork.data.prepared import FINAL, FOLDS, SUBMISSION, TEST, Prepared, read_table, submission_in, write_table
from groundwork.errors import UserError
from groundwork.files import sha256_of_all

PURCHASES, ARTICLES, CUSTOMERS = "purchases.parquet", "articles.parquet", "customers.parquet"
MISSING = "missing"


def prepare(
    competition: Purchases, archive: archives.Archive, out: Path, folds: int, seed: int, share: float = 0.0
) -> None:
    """Read and check the tables of `archive`; write them and the folds into the folder `out`.

    Images in the archive are not read. A missing value of an article becomes the label "missing". Folds are periods of
    time, so `seed` is not used, and so is `share`: see `groundwork.data.private.problem`.

    Raises
    ------
    UserError
        If the archive, one of its tables or the number of folds does not fit the competition.
    """
    labels = dict.fromkeys((competition.article, *competition.features, *competition.shown), str)
    articles = tables.read(archive, competition.articles, labels, key=competition.article, partial=True)
    articles = articles.rename(columns={competition.article: "article"}).fillna(MISSING)
    ids = _ids(competition, archive, competition.customers)
    test_customers = _test_customers(competition, archive, ids)
    log, start = transactions.read(competition, archive, ids, articles["article"])
    sales = np.bincount(log["day"].to_numpy())
    weeks = _weeks(competition, archive, sales, folds, start)
    write_table(log, out / PURCHASES)
    write_table(articles, out / ARTICLES)
    write_table(pd.DataFrame({"customer_id": ids}), out / CUSTOMERS)
    write_table(pd.DataFrame({"customer": test_customers, "day": np.int16(len(sales))}), out / TEST)
    write_table(weeks, out / FOLDS)
    with (
        archives.open_member(archive, competition.sample_submission) as source,
        (out / SUBMISSION).open("wb") as target,
    ):
        shutil.copyfileobj(source, target)


def _ids(competition: Purchases, archive: archives.Archive, member: str) -> pd.Series:
    """Read the ids of the customers in one table."""
    return tables.read(archive, member, {competition.id: str}, key=competition.id, partial=True)[competition.id]


def _test_customers(competition: Purchases, archive: archives.Archive, customers: pd.Series) -> NDArray[np.int32]:
    """Read the customers of the sample submission as codes; check that it has one list of articles for each."""
    member = competition.sample_submission
    names = transactions.header(archive, member)
    if len(names) != 2 or names[0] != competition.id:
        raise UserError(
            f"{archive}: {member}: found the columns {', '.join(names)}; "
            f"expected {competition.id} and one column of lists",
            archive.fix,
        )
    ids = _ids(competition, archive, member)
    codes = transactions.places(pa.array(ids, type=pa.string()), customers)
    unknown = ids[codes < 0]
    if len(unknown):
        raise UserError(
            f"{archive}: {member}: row {unknown.index[0] + 1}: column {competition.id!r}: found {unknown.iloc[0]!r}, "
            f"expected a customer of {competition.customers}; {len(unknown)} such rows",
            archive.fix,
        )
    return codes


def _weeks(
    competition: Purchases, archive: archives.Archive, sales: NDArray[np.int64], folds: int, start: datetime.date
) -> pd.DataFrame:
    """Cut the end of the log into `folds` weeks, the last one first; `sales` counts the purchases of each day."""
    span, days = competition.days, len(sales)
    maximum = min((days - 1) // span, MOST_FOLDS)
    if not 1 <= folds <= maximum:
        raise UserError(
            f"params.yaml: folds: found {folds}; expected {f'1 to {maximum}' if maximum else 'a longer log'}: "
            f"{competition.transactions} of {archive} spans {days} days, each fold validates {span} of them, and some "
            "must come before",
            "lower `folds` in params.yaml" if maximum else archive.fix,
        )
    first = days - span * np.arange(1, folds + 1)
    dates = [start + datetime.timedelta(days=int(day)) for day in first]
    for day, date in zip(first, dates, strict=True):
        if not sales[day : day + span].any():
            raise UserError(
                f"{archive}: {competition.transactions}: found no purchase in the {span} days from {date}; "
                "expected some, since they validate a fold",
                archive.fix,
            )
    columns = {"first": first.astype(np.int16), "last": (first + span - 1).astype(np.int16)}
    return pd.DataFrame({"fold": np.arange(folds, dtype=np.int8), **columns, "date": dates})


@dataclass(frozen=True, kw_only=True)
class PreparedPurchases(Prepared):
    """A log of purchases. Folds are weeks, of which 0 is the last.

    Attributes
    ----------
    purchases
        ``customer`` and ``article`` (int32 codes) and ``day`` (int16, days since `start`), sorted by customer and day.
        A customer's purchases of one day keep the order of the log.
    articles
        ``article`` (its id), then the competition's `features` and `shown` columns. The row number is the code.
    customers
        Path of the table of ``customer_id``, in which a customer's row number is the code. Not loaded, as few need it.
    test
        ``customer`` (int32) and ``day`` (int16, the first day after the log): the customers of the
        submission, in its order. Some have no purchases.
    weeks
        The first and the last day that each fold validates.
    start
        The date of day 0.
    """

    purchases: pd.DataFrame
    articles: pd.DataFrame
    customers: Path
    weeks: Mapping[int, tuple[int, int]]
    start: datetime.date

    def training(self, fold: int) -> pd.DataFrame:
        """Return the purchases before the week of `fold`, or all of them for `FINAL`."""
        if fold == FINAL:
            return self.purchases
        before = self.purchases["day"].to_numpy() < self.weeks[fold][0]
        return self.purchases[before].reset_index(drop=True)

    def validation(self, fold: int) -> pd.DataFrame:
        """Return one row for each customer with a purchase in the week of `fold`.

        Returns
        -------
        DataFrame
            ``customer`` (int32), ``day`` (int16, the week's first), and ``t0``, ``t1``, ... (int32): the codes of the
            articles bought, each article once, padded with -1.
        """
        first, last = self.weeks[fold]
        bought = self.purchases[self.purchases["day"].between(first, last).to_numpy()]
        pairs = np.unique(bought["customer"].to_numpy(np.int64) * len(self.articles) + bought["article"].to_numpy())
        customer, article = np.divmod(pairs, len(self.articles))
        customers, start, counts = np.unique(customer, return_index=True, return_counts=True)
        targets = np.full((len(customers), counts.max()), -1, dtype=np.int32)
        row = np.repeat(np.arange(len(customers)), counts)
        targets[row, np.arange(len(pairs)) - start[row]] = article
        customer_days = pd.DataFrame({"customer": customers.astype(np.int32), "day": np.int16(first)})
        return pd.concat(
            [customer_days, pd.DataFrame(targets, columns=[f"t{i}" for i in range(targets.shape[1])])], axis=1
        )

    @property
    def labels(self) -> pd.DataFrame:
        """Return all articles."""
        return self.articles

    def test_ids(self, sample: pd.DataFrame) -> pd.Series:
        """Return the customers' ids, in the order of the sample submission."""
        return sample.iloc[:, 0]


def load(competition: Purchases, folder: Path) -> PreparedPurchases:
    """Read what `prepare` wrote to `folder`; raise `UserError` as `groundwork.data.load.load` does."""
    purchases, folds = read_table(folder / PURCHASES), read_table(folder / FOLDS)
    weeks = {int(fold): (int(first), int(last)) for fold, first, last in folds[["fold", "first", "last"]].to_numpy()}
    if not (folder / CUSTOMERS).is_file():
        raise UserError(f"{folder / CUSTOMERS}: not found", f"make it: `groundwork prepare {folder.name}`")
    return PreparedPurchases(
        folds=sorted(weeks),
        final=True,
        purchases=purchases,
        articles=read_table(folder / ARTICLES),
        customers=folder / CUSTOMERS,
        test=read_table(folder / TEST),
        weeks=weeks,
        start=folds["date"][0] - datetime.timedelta(days=weeks[0][0]),
        sample_submission=submission_in(folder),
        data_sha256=sha256_of_all(folder / name for name in (PURCHASES, ARTICLES, CUSTOMERS, TEST)),
        folds_sha256=_folds_hash(purchases, weeks),
    )


def _folds_hash(purchases: pd.DataFrame, weeks: Mapping[int, tuple[int, int]]) -> str:
    """Return the hash of the folds' weeks and of the purchases in them."""
    days = np.array([weeks[fold] for fold in sorted(weeks)], dtype="<i8")
    validation = purchases[(purchases["day"] >= days.min()).to_numpy()]
    return hashlib.sha256(days.tobytes() + validation.to_numpy("<i8").tobytes()).hexdigest()
