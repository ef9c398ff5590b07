"""Small archives of many kinds, each with the proposal that is right for it."""

import gzip
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from groundwork.adding import files
from groundwork.adding.kind import Guess
from groundwork.adding.proposal import Proposal, propose
from groundwork.data.archives import Archive

ROWS, TRAIN = 300, 200
rng = np.random.default_rng(0)
AGE = rng.normal(40, 12, ROWS).round(1)
CITY = rng.choice(list("uvwx"), ROWS)
SCORE = (AGE - 40) / 12 + np.isin(CITY, ["u", "x"]) * 1.5 + rng.normal(0, 0.7, ROWS)
YES = (np.median(SCORE) < SCORE).astype(int)
GRADE = pd.qcut(SCORE, 4, labels=False)
NAMES = np.array(["poor", "fair", "good", "great"])[GRADE]
BASE = pd.DataFrame({"id": range(1, ROWS + 1), "age": AGE, "city": CITY})
WORDS = "fire smoke help rescue street song love party night goal match team win the a of to".split()
TEXTS = [" ".join(rng.choice(WORDS, 12)) for _ in range(ROWS)]

Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Case:
    """An archive: its columns, what the sample submission holds, and what is right.

    `right` has the expected kind, targets, id, wants, metric, folds and roles of columns that are not obvious.
    """

    targets: dict[str, object]
    sample: dict[str, object]
    right: dict[str, object]
    base: pd.DataFrame = field(default_factory=lambda: BASE)
    change: Callable[[Tables], Tables] = field(default=lambda tables: tables)
    write: Callable[[str, pd.DataFrame], tuple[str, bytes]] = field(
        default=lambda name, table: (name, table.to_csv(index=False).encode())
    )
    metric: str | None = None


def tables_of(case: Case) -> Tables:
    whole = case.base.assign(**case.targets)
    train, test = whole[:TRAIN], whole[TRAIN:].drop(columns=list(case.targets))
    sample = test[["id"]].assign(**case.sample)
    return case.change({"train.csv": train, "test.csv": test, "sample_submission.csv": sample})


def write(case: Case, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, table in tables_of(case).items():
            opened.writestr(*case.write(name, table))
        opened.writestr("__MACOSX/._train.csv", b"\0")
    return path


def proposal(case: Case, folder: Path, slug: str = "a-case", **wishes: object) -> Proposal:
    path = write(case, folder / f"{slug}.zip")
    found = files.read(Archive(path, Path("an archive"), "get it again", "fix it"))
    metric = Guess(case.metric, "told") if case.metric else None
    return propose(slug, slug, slug.replace("-", "_"), found, metric=metric, **wishes)


def without_id(tables: Tables) -> Tables:
    train, test = tables["train.csv"], tables["test.csv"]
    return {**tables, "train.csv": train.drop(columns="id"), "test.csv": test.sample(frac=1, random_state=1)}


def apart(tables: Tables) -> Tables:
    """Put the targets into a table of their own, in another order, beside a column that no one asks for."""
    train = tables["train.csv"]
    targets = train[["id", "won"]].assign(judge=CITY[:TRAIN]).sample(frac=1, random_state=0)
    return {**tables, "train.csv": train.drop(columns="won"), "train_labels.csv": targets}


def in_order(tables: Tables) -> Tables:
    """Put the targets into a table without an id."""
    train = tables["train.csv"]
    return {**tables, "train.csv": train.drop(columns="won"), "train_labels.csv": train[["won"]]}


def renamed(old: str, new: str) -> Callable[[Tables], Tables]:
    return lambda tables: {name.replace(old, new): table for name, table in tables.items()}


def gz(name: str, table: pd.DataFrame) -> tuple[str, bytes]:
    content = table.to_csv(index=False).encode()
    return (f"{name}.gz", gzip.compress(content)) if name == "train.csv" else (name, content)


def parquet(name: str, table: pd.DataFrame) -> tuple[str, bytes]:
    if name.startswith("sample"):
        return name, table.to_csv(index=False).encode()
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return name.replace(".csv", ".parquet"), buffer.getvalue()


def semicolons(name: str, table: pd.DataFrame) -> tuple[str, bytes]:
    return f"data/{name}", table.to_csv(index=False, sep=";").encode()


def latin(name: str, table: pd.DataFrame) -> tuple[str, bytes]:
    return name, table.assign(**{"city": table["city"] + "ö"} if "city" in table else {}).to_csv(index=False).encode(
        "latin-1"
    )


def utf16(name: str, table: pd.DataFrame) -> tuple[str, bytes]:
    return name.replace(".csv", ".tsv"), table.to_csv(index=False, sep="\t").encode("utf-16")


MONEY = BASE.assign(
    pay=[f"{v:,.1f}" for v in np.exp(AGE / 5)],
    share=[f"{v:.0f}%" for v in AGE],
    price=[f"{v:.2f}".replace(".", ",") for v in AGE],
    zip=[f"{i % 40:05}" for i in range(ROWS)],
)
MONEY.loc[::40, "pay"] = "?"
DAYS = BASE.assign(date=pd.date_range("2024-01-01", periods=ROWS).strftime("%d/%m/%Y"))
PATIENTS = pd.DataFrame({"id": range(ROWS), "patient": np.repeat(np.arange(ROWS // 6), 6), "value": AGE})
ODD = BASE.assign(
    same=1,
    age2=AGE,
    photo=[f"img/{i}.jpg" for i in range(ROWS)],
    tags=["['a', 'b']", "[]"] * (ROWS // 2),
    props=['{"a": 1}', "{}"] * (ROWS // 2),
    code=[f"x{i}" for i in range(ROWS)],
    row_id=rng.permutation(ROWS),
    full_name=[f"Name Surname{i}" for i in range(ROWS)],
    smoker=["True", "no", "1", "Yes"] * (ROWS // 4),
    when=rng.integers(1_500_000_000, 1_600_000_000, ROWS),
)
NOTES = pd.DataFrame({"a": [1], "b": [2]})
WON = {"won": YES}
HOURS = BASE.assign(id=pd.date_range("2024-01-01", periods=ROWS, freq="h").astype(str)).sample(frac=1, random_state=0)
# Most rows share one of two places; the other rows have places of their own, which train and test do not share.
PLACES = BASE.assign(place=[rng.choice(["here", "there", f"x{i}"]) for i in range(ROWS)])
# City x is missing.
SHOPS = pd.DataFrame({"city": list("uvw"), "size": [1, 2, 3], "owner": ["Ada", "Bo", "Ada"]})
VISITS = pd.DataFrame(
    {"id": rng.integers(1, ROWS + 1, 900), "paid": rng.random(900), "by": rng.choice(["card", "cash"], 900)}
)

CASES = {
    "bool-target": Case({"won": np.where(YES, "True", "False")}, {"won": "False"},
                        {"kind": "classification", "wants": "labels", "metric": "accuracy", "folds": "at random"}),
    "class-names": Case({"grade": NAMES}, {"grade": "fair"}, {"kind": "classification", "wants": "labels"}),
    "labels-from-one": Case({"grade": GRADE + 1}, {"grade": 1}, {"kind": "classification", "wants": "labels"}),
    "binary-probability": Case(WON, {"won": 0.5},
                               {"kind": "classification", "wants": "probabilities", "metric": "auc"}),
    "class-probabilities": Case(
        {"grade": NAMES}, {f"p_{name}": 0.25 for name in ("fair", "good", "great", "poor")},
        {"kind": "classification", "targets": ("grade",), "wants": "probabilities of each class", "metric": "log_loss"},
    ),
    "two-numbers": Case({"height": SCORE + 50, "weight": SCORE**2}, {"height": 50.0, "weight": 1.0},
                        {"kind": "regression", "targets": ("height", "weight"), "wants": "numbers", "metric": "rmse"}),
    "two-tags": Case({"a": YES, "b": 1 - YES}, {"a": 0.5, "b": 0.5},
                     {"kind": "tagging", "targets": ("a", "b"), "wants": "probabilities", "metric": "auc"}),
    "id-in-test-only": Case(WON, {"won": 0}, {"id": "id", "kind": "classification"}, change=without_id),
    "numbers-as-text": Case(WON, {"won": 0}, {"roles": {
        "pay": "number as text", "share": "number as text", "price": "number as text", "zip": "many categories"}},
        base=MONEY),
    "folder-and-semicolons": Case(WON, {"won": 0}, {"kind": "classification"}, write=semicolons),
    "gz-member": Case(WON, {"won": 0}, {"kind": "classification"}, write=gz),
    "parquet-members": Case(WON, {"won": 0}, {"kind": "classification", "train": "train.parquet"}, write=parquet),
    "latin-letters": Case(WON, {"won": 0}, {"kind": "classification", "charset": "cp1252"}, write=latin),
    "wide-letters": Case(WON, {"won": 0}, {"kind": "classification", "train": "train.tsv"}, write=utf16),
    "sample-spells-id-otherwise": Case(
        WON, {"won": 0}, {"id": "id", "kind": "classification"},
        change=lambda t: {**t, "sample_submission.csv": t["sample_submission.csv"].rename(columns={"id": "ID"})},
    ),
    "test-lies-after-train": Case({"sales": SCORE + np.arange(ROWS) / 20}, {"sales": 0.0},
                                  {"kind": "regression", "folds": "by time (date)", "roles": {"date": "date"}},
                                  base=DAYS),
    "text-by-f1": Case({"disaster": YES}, {"disaster": 0},
                       {"kind": "classification", "metric": "f1", "inputs": "table+text", "roles": {"text": "text"}},
                       base=pd.DataFrame({"id": range(ROWS), "keyword": CITY, "text": TEXTS}), metric="f1"),
    "rows-share-a-patient": Case({"ill": np.repeat(rng.integers(0, 2, ROWS // 6), 6)}, {"ill": 0},
                                 {"folds": "grouped by patient", "kind": "classification"}, base=PATIENTS),
    "ratings": Case({"stars": GRADE + 1}, {"stars": 2.5}, {"kind": "regression", "metric": "rmse"}),
    "graded-by-kappa": Case({"stars": GRADE + 1}, {"stars": 2}, {"kind": "classification"}),
    "counts": Case({"count": np.arange(ROWS) * 7 % 150}, {"count": 0}, {"kind": "regression"}),
    "other-names": Case(WON, {"won": 0},
                        {"train": "training_set.csv", "test": "test_set.csv", "sample": "sampleSubmission.csv"},
                        change=lambda t: {"training_set.csv": t["train.csv"], "test_set.csv": t["test.csv"],
                                          "sampleSubmission.csv": t["sample_submission.csv"],
                                          "unlabeledTrainData.csv": t["test.csv"]}),
    "hours": Case(WON, {"won": 0}, {"id": "id", "roles": {"id": "date and time"}, "folds": "at random"}, base=HOURS),
    "places": Case(WON, {"won": 0}, {"folds": "at random"}, base=PLACES),
    "shops-joined": Case(
        WON, {"won": 0}, {"joined": {"shops.csv": ("city", True), "visits.csv": ("id", False)},
                          "roles": {"shops_size": "number", "shops_owner": "category", "visits_paid_mean": "number"}},
        change=lambda t: {**t, "shops.csv": SHOPS, "visits.csv": VISITS, "notes.csv": NOTES},
    ),
    "keys-twice": Case(
        WON, {"won": 0}, {"joined": {"shops.csv": ("city", False)}, "roles": {"shops_size_mean": "number"}},
        change=lambda t: {**t, "shops.csv": pd.concat([SHOPS, SHOPS[1:2]])},
    ),
    "targets-apart": Case(WON, {"won": 0.5},
                          {"kind": "classification", "targets": ("won",), "train": "train.csv", "joined": {},
                           "roles": {"judge": "one-sided"}}, change=apart),
    "targets-in-order": Case(WON, {"won": 0.5}, {"kind": "classification", "targets": ("won",), "joined": {}},
                             change=in_order),
    "3d-columns": Case(WON, {"won": 0}, {"roles": {
        "same": "constant", "age2": "duplicate", "photo": "picture file", "tags": "list", "props": "JSON",
        "code": "id-like", "row_id": "id-like", "full_name": "short text",
        "smoker": "truth value", "when": "seconds", "age": "number",
        "city": "category"}}, base=ODD),
}  # fmt: skip
