"""Tagging of a table: the feed-forward network passes through all stages."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.training.tiny import CPU, QUIETLY, lane

from groundwork.competitions import Inputs, Labelled, Tables
from groundwork.data.load import load
from groundwork.data.rows import PreparedRows
from groundwork.errors import UserError
from groundwork.settings import Lane
from groundwork.stages.evaluate import evaluate
from groundwork.stages.fetch import fetch
from groundwork.stages.predict import predict
from groundwork.stages.prepare import prepare
from groundwork.stages.submission import submission as submission_of
from groundwork.stages.train import train

ROWS, TEST_ROWS, FOLDS = 400, 200, 3
TAGS = ("loud", "rude", "rare")


def sample(rng: np.random.Generator) -> Tables:
    """Draw rows whose three tags depend on a number, a label, and both; the last tag is rare."""
    n = ROWS + TEST_ROWS
    x, label = rng.normal(size=n), rng.choice(["a", "b", "c"], n)
    noise = rng.normal(scale=0.3, size=(3, n))
    table = pd.DataFrame({"Id": np.arange(1, n + 1), "x": np.where(rng.random(n) < 0.05, np.nan, x), "label": label})
    table["loud"] = (x + noise[0] > 0.2).astype(int)
    table["rude"] = ((label == "b") + noise[1] > 0.5).astype(int)
    table["rare"] = (x + (label == "c") + noise[2] > 2.4).astype(int)
    answers = pd.DataFrame({"Id": table["Id"][ROWS:]} | dict.fromkeys(TAGS, 0.5))
    return {
        "train.csv": table[:ROWS],
        "test.csv": table[ROWS:].drop(columns=list(TAGS)),
        "sample_submission.csv": answers,
    }


REMARKS = Labelled(
    slug="remarks",
    kind="tagging",
    metric="auc",
    id="Id",
    targets=TAGS,
    types={"Id": int, "x": float, "label": str, **dict.fromkeys(TAGS, int)},
    inputs=Inputs(numeric=("x",), categorical=("label",)),
    sample=sample,
)


@pytest.fixture(autouse=True)
def _empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def settings(**changes: Any) -> Lane:
    """Make a lane with the loss for tags; `changes` replace settings of its training."""
    objective = {"loss": "binary_cross_entropy", "label_smoothing": 0.0}
    table = lane(**changes).model_dump()
    return Lane.model_validate(table | {"competition": "remarks", "folds": FOLDS, "objective": objective})


def prepared(competition: Labelled = REMARKS) -> PreparedRows:
    archive, folder = Path("data/raw/remarks.zip"), Path("data/prepared/remarks")
    fetch(competition, "sample", archive, "remarks")
    prepare(competition, archive, folder, FOLDS, seed=0)
    prepared_rows = load(competition, folder)
    assert isinstance(prepared_rows, PreparedRows)
    return prepared_rows


def test_a_table_of_tags_goes_all_the_way_to_a_submission_that_passes_the_gate() -> None:
    data, results = prepared(), Path("results/remarks")
    rare = data.train.groupby(data.fold["fold"])["rare"].sum()
    assert 5 <= rare.sum() <= ROWS // 20
    assert rare.max() - rare.min() <= 1, "a rare tag is in each fold"
    train("remarks", REMARKS, settings(epochs=12), data, results, seed=0, **QUIETLY)

    oof = pd.read_parquet(results / "oof.parquet")
    assert list(oof) == ["id", "fold", "t0", "t1", "t2", "p0", "p1", "p2"]
    np.testing.assert_array_equal(oof[["t0", "t1", "t2"]], data.train[list(TAGS)])
    history = pd.read_csv(results / "history.csv")
    assert history.groupby("fold")["val_auc"].last().min() > 0.7

    metrics = evaluate("remarks", REMARKS, Path("results"))
    assert metrics["metric"] == "auc"
    assert metrics["oof"] > 0.85
    bars = dict(json.loads((results / "experiment.json").read_text())["plot"]["bars"])
    assert set(bars) == set(TAGS)
    assert min(bars.values()) > 0.7
    assert sum(bars.values()) / 3 == pytest.approx(metrics["oof"])

    predict("remarks", REMARKS, data, results, CPU)
    submission = pd.read_csv(submission_of("remarks", REMARKS, data, results))
    assert list(submission) == ["Id", *TAGS]
    assert submission["Id"].tolist() == data.test["Id"].tolist()
    assert submission[list(TAGS)].stack().between(0, 1).all()
    assert submission["rude"].groupby(data.test["label"]).mean().idxmax() == "b"


def with_tags(values: list[float]) -> Labelled:
    """Make the competition with `values` in the column of its second tag."""

    def changed(rng: np.random.Generator) -> Tables:
        tables = sample(rng)
        table = tables["train.csv"]
        assert isinstance(table, pd.DataFrame)
        return tables | {"train.csv": table.assign(rude=np.resize(values, ROWS))}

    return dataclasses.replace(REMARKS, sample=changed)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([0, 1, 2], "found 0 to 2; expected 0 or 1, or yes and no: whether the row has the tag"),
        ([-1, 1], "found -1 to 1; expected 0 or 1"),
        ([1], "found 1 in every row, expected two values or more"),
    ],
)
def test_what_is_no_tag_is_the_users_error_and_named_by_its_column(values: list[float], problem: str) -> None:
    with pytest.raises(UserError, match=rf"train\.csv: column 'rude': {problem}"):
        prepared(with_tags(values))
    assert not Path("data/prepared/remarks").exists()


def test_a_single_tag_goes_all_the_way() -> None:
    def alone(rng: np.random.Generator) -> Tables:
        return {name: table.drop(columns=list(TAGS[1:]), errors="ignore") for name, table in sample(rng).items()}

    columns = {name: kind for name, kind in REMARKS.types.items() if name not in TAGS[1:]}
    loud = dataclasses.replace(REMARKS, targets=TAGS[:1], types=columns, sample=alone)
    data, results = prepared(loud), Path("results/remarks")
    train("remarks", loud, settings(epochs=6), data, results, seed=0, **QUIETLY)
    assert evaluate("remarks", loud, Path("results"))["oof"] > 0.8
    predict("remarks", loud, data, results, CPU)
    assert list(pd.read_csv(submission_of("remarks", loud, data, results))) == ["Id", "loud"]


def test_a_sample_submission_with_its_tags_in_another_order_is_refused() -> None:
    def swapped(rng: np.random.Generator) -> Tables:
        tables = sample(rng)
        return tables | {"sample_submission.csv": tables["sample_submission.csv"][["Id", "rude", "loud", "rare"]]}

    with pytest.raises(UserError, match="rude, loud, rare; expected Id and loud, rude, rare in this order"):
        prepared(dataclasses.replace(REMARKS, sample=swapped))
