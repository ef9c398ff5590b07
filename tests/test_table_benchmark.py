"""The comparison of tables takes an archive through the commands of a user and scores the peers on the same folds."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks import tables


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    x, label = rng.normal(size=300), rng.choice(["a", "b"], 300)
    sold = np.where(x + (label == "b") > 0.5, "yes", "no")
    rows = pd.DataFrame({"id": np.arange(300), "x": x, "label": label})
    path = tmp_path / "shop.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("train.csv", rows.assign(sold=sold)[:240].to_csv(index=False))
        file.writestr("test.csv", rows[240:].to_csv(index=False))
        file.writestr("sample_submission.csv", rows[240:][["id"]].assign(sold="no").to_csv(index=False))
    return path


def test_a_row_has_the_scores_and_what_is_ahead(
    archive: Path, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    folder = tmp_path / "clone"
    tables.clone(folder)
    cells = [cell.strip() for cell in tables.compare(folder, archive).split("|")]
    assert cells[1:4] == ["`shop`", "240 × 2", "accuracy"]
    scores = [float(cell.split(" ± ")[0]) for cell in cells[4:9]]
    names = ["network", "trees", "mean", "boosting", "linear"]
    assert scores[names.index("mean")] > 0.85
    assert scores[names.index(cells[9])] == max(scores)
    assert float(cells[10].split(" ± ")[0]) == pytest.approx(scores[2] - max(scores[3:]), abs=2e-4)
    assert float(cells[11]) > 0
    assert tables.compare(folder, archive).split("|")[11].strip() == "–", "an earlier run did it"


def test_the_pages_rows_stay_until_they_are_scored_again() -> None:
    page = tables.HEAD.format(machine="two cores") + "| `one` | 1 |\n| `two` | 2 |\n"
    assert tables.written(page) == {"one": "| `one` | 1 |\n", "two": "| `two` | 2 |\n"}
    assert tables.written(page.replace("Ahead", "First")) == {}
