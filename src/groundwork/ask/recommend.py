"""Prints a customer's purchases and the articles that the network recommends next."""

import datetime
from pathlib import Path

import pandas as pd
from pyarrow import compute as pc
from pyarrow import parquet

from groundwork.competitions import Competition, Purchases
from groundwork.data.prepared import FINAL, Prepared
from groundwork.data.purchases import PreparedPurchases
from groundwork.encoders.language.subwords import readable
from groundwork.errors import UserError
from groundwork.training.checkpoint import TrainedFold, fold_file
from groundwork.training.inference import device

HISTORY = 12  # purchases shown
MATCHES = 5  # customers listed if several ids begin with the given text


def recommend(lane_name: str, competition: Competition, prepared: Prepared, results: Path, customer: str) -> None:
    """Print a customer's last purchases and the articles that the lane's final model recommends for the coming days.

    Parameters
    ----------
    lane_name
        The lane's key in params.yaml, for messages.
    results
        The lane's folder of results, which contains the final checkpoint.
    customer
        The customer's id, or the beginning of exactly one customer's id.

    Raises
    ------
    UserError
        If the lane is not of kind recommendation or has not been trained, or there is no such customer.
    """
    from rich.console import Console

    # The output needs the dates and articles of a log of purchases.
    if not (isinstance(competition, Purchases) and isinstance(prepared, PreparedPurchases)):
        raise UserError(
            f"{lane_name}: {competition.slug} is of kind {competition.kind}; expected recommendation",
            "name a lane of that kind, such as fashion-recommendations",
        )
    code, identifier = _customer(prepared.customers, readable(customer), lane_name)
    trained = TrainedFold.load(results / "checkpoints" / fold_file(FINAL))
    day = prepared.weeks[0][1] + 1  # the first after the log
    query = pd.DataFrame({"customer": [code], "day": [day]}).astype({"customer": "int32", "day": "int16"})
    ranked = [int(article) for article in trained.predict(query, device())[0] if article >= 0]

    bought = prepared.purchases[(prepared.purchases["customer"] == code).to_numpy()]
    console = Console(highlight=False)
    console.print(f"\nCustomer {identifier}", style="bold", markup=False)
    if bought.empty:
        console.print(" no purchases yet: the recommendations are the current bestsellers", markup=False)
    else:
        recent = bought[::-1].head(HISTORY)
        dates = [f"{prepared.start + datetime.timedelta(days=int(day)):%Y-%m-%d}" for day in recent["day"]]
        title = f" The last {len(recent)} of {len(bought)} purchases" if len(bought) > HISTORY else " Purchases"
        console.print(title, style="dim", markup=False)
        console.print(_table(competition, prepared, recent["article"].tolist(), "bought on", dates))
    first, last = (prepared.start + datetime.timedelta(days=day + ahead) for ahead in (0, competition.days - 1))
    console.print(f" Expected from {first} to {last}", style="dim", markup=False)
    known_articles = set(bought["article"].tolist())
    console.print(
        _table(
            competition,
            prepared,
            ranked,
            "",
            ["bought before" if article in known_articles else "" for article in ranked],
        )
    )


def _customer(customers: Path, prefix: str, lane_name: str) -> tuple[int, str]:
    """Return the code and the full id of the one customer whose id begins with `prefix`."""
    ids = parquet.read_table(customers)["customer_id"].combine_chunks()
    codes = pc.indices_nonzero(pc.starts_with(ids, pattern=prefix)).to_pylist()
    exact = [code for code in codes if ids[code].as_py() == prefix]
    if exact or len(codes) == 1:
        code = (exact or codes)[0]
        return code, ids[code].as_py()
    shown = [ids[code].as_py() for code in codes[:MATCHES] or range(min(MATCHES, len(ids)))]
    if codes:
        problem = f"{len(codes)} customers have an id that begins with {prefix!r}; expected one"
    else:
        problem = f"no customer {prefix!r} in {customers}; found {len(ids)} others"
    raise UserError(f"{lane_name}: {problem}", f"name one, such as {', '.join(shown)}")


def _table(
    competition: Purchases, prepared: PreparedPurchases, articles: list[int], remark: str, remarks: list[str]
) -> object:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=True, show_edge=False)
    table.add_column("#", justify="right")
    names = [name.replace("_", " ") for name in competition.shown]
    for title in ("article", *names, remark):
        table.add_column(title, overflow="fold")
    rows = prepared.articles.iloc[articles][["article", *competition.shown]].itertuples(index=False)
    for rank, (row, text) in enumerate(zip(rows, remarks, strict=True), start=1):
        table.add_row(str(rank), *(Text(str(cell)) for cell in row), text)
    return table
