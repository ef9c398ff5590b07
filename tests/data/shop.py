"""A shop of four customers and four articles: an archive of it, and what is prepared from it."""

import zipfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from groundwork.competitions import Purchases, load
from groundwork.data.load import load as load_prepared
from groundwork.data.purchases import PreparedPurchases
from groundwork.errors import UserError
from groundwork.stages import prepare

FASHION = load("fashion_recommendations")
assert isinstance(FASHION, Purchases)
SHOP = replace(FASHION, features=("kind",), shown=("name", "kind"))

ARTICLES = pd.DataFrame(
    {
        "article_id": ["0010", "0020", "0030", "0040"],
        "kind": ["sock", None, "NA", "hat"],
        "name": ["Åse", "Bo", None, "Di"],
    }
)
CUSTOMERS = pd.DataFrame({"customer_id": ["cc", "aa", "bb", "dd"], "age": [20, None, 30, 40]})
# Three weeks and a day, in disorder; one customer buys the same article twice on a day, another never buys.
LOG = pd.DataFrame(
    [
        ("2020-01-22", "aa", "0030"),
        ("2020-01-01", "bb", "0010"),
        ("2020-01-15", "cc", "0020"),
        ("2020-01-16", "aa", "0020"),
        ("2020-01-16", "aa", "0010"),
        ("2020-01-16", "aa", "0020"),
        ("2020-01-08", "cc", "0010"),
        ("2020-01-09", "bb", "0020"),
    ],
    columns=["t_dat", "customer_id", "article_id"],
)
ASKED = pd.DataFrame({"customer_id": ["dd", "aa", "bb", "cc"], "prediction": "0010 0020"})
TABLES = {
    "transactions_train.csv": LOG,
    "articles.csv": ARTICLES,
    "customers.csv": CUSTOMERS,
    "sample_submission.csv": ASKED,
}

Content = pd.DataFrame | bytes


def write(path: Path, **changed: Content) -> Path:
    """Write an archive of the shop's tables; `changed` replaces some, or adds, by the file's name before the dot."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in (TABLES | {f"{name}.csv": content for name, content in changed.items()}).items():
            archive.writestr(member, content if isinstance(content, bytes) else content.to_csv(index=False).encode())
    return path


def prepared(
    folder: Path, folds: int = 2, competition: Purchases = SHOP, archive: Path | None = None, **changed: Content
) -> PreparedPurchases:
    """Prepare an archive, by default the shop's."""
    folder.mkdir(exist_ok=True)
    archive = archive or write(folder / "lane.zip", **changed)
    prepare.prepare(competition, archive, folder / "lane", folds, seed=0)
    found = load_prepared(competition, folder / "lane")
    assert isinstance(found, PreparedPurchases)
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def content(frame: pd.DataFrame) -> tuple[bytes, list[str]]:
    """What a table holds: bytes and dtypes of its columns."""
    return b"".join(frame[name].to_numpy().tobytes() for name in frame), frame.dtypes.astype("str").tolist()


def changed_log(row: int, **values: str) -> pd.DataFrame:
    log = LOG.copy()
    log.loc[row, list(values)] = list(values.values())
    return log


def refused(folder: Path, changed: dict[str, Content], message: str) -> None:
    """Prepare the shop, then a changed one: it is refused with what helps, and what was prepared stays."""
    prepared(folder)
    before = contents(folder / "lane")
    with pytest.raises(UserError, match=message) as error:
        prepared(folder, **changed)
    assert "lane.zip: " in error.value.problem
    assert "fetch@lane" in error.value.next_step
    assert contents(folder / "lane") == before
