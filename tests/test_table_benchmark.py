"""The comparison of tables reads an archive by plain rules and scores all models on the same folds."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks import tables


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    x, label = rng.normal(size=200), rng.choice(["a", "b"], 200)
    train = pd.DataFrame(
        {
            "key": np.arange(200),
            "x": x,
            "label": label,
            "constant": 1,
            "name": [f"n{number}" for number in range(200)],
            "day": pd.date_range("2020-01-01", periods=200).astype(str),
            "sold": np.where(x + (label == "b") > 0.5, "yes", "no"),
        }
    )
    answers = train[["key"]].assign(sold="no")
    path = tmp_path / "shop.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name, table in (("train.csv", train), ("sample_submission.csv", answers)):
            buffer = io.StringIO()
            table.to_csv(buffer, index=False)
            file.writestr(name, buffer.getvalue())
    return path


def test_columns_are_read_by_what_they_hold(archive: Path) -> None:
    table = tables.read(archive)
    assert (table.kind, table.metric, table.target, table.classes) == ("classification", "accuracy", "sold", 2)
    assert table.inputs.categorical == ("label",)
    parts = ("year", "month", "day", "day_of_week", "day_of_year", "hour", "days")
    assert set(table.inputs.numeric) == {"x", *(f"day {part}" for part in parts)}
    assert sorted(np.bincount(table.folds())) == [40] * 5


def test_a_row_has_the_scores_and_what_is_ahead(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "defaults", lambda *_: {
        "encoding": {}, "model": {"width": 8, "members": 1}, "training": {"epochs": 2, "batch_size": 32},
    })  # fmt: skip
    row = tables.compare(archive, None)
    cells = [cell.strip() for cell in row.split("|")]
    assert cells[1:4] == ["`shop`", "200 × 9", "accuracy"]
    scores = [float(cell.split(" ± ")[0]) for cell in cells[4:9]]
    names = ["network", "lightgbm", "mean", "boosting", "linear"]
    assert scores[names.index("lightgbm")] > 0.85
    assert scores[names.index(cells[9])] == max(scores)
    lead = float(cells[10].split(" ± ")[0])
    assert lead == pytest.approx(scores[2] - max(scores[3:]), abs=2e-4)


def test_the_pages_rows_stay_until_they_are_scored_again() -> None:
    page = tables.HEAD.format(machine="two cores", folds=5) + "| `one` | 1 |\n| `two` | 2 |\n"
    assert tables.written(page) == {"one": "| `one` | 1 |\n", "two": "| `two` | 2 |\n"}
    assert tables.written(page.replace("Ahead", "First")) == {}
