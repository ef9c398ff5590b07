"""Recommendation from archive to submission: by time, with cold customers, over candidates."""
from tests.training.tiny import CPU, QUIETLY

from tests.training.tiny import CPU, QUIETLY
import dataclasses
from tests.training.tiny import CPU, QUIETLY
from pathlib import Path
from tests.training.tiny import CPU, QUIETLY

from tests.training.tiny import CPU, QUIETLY
import numpy as np
from tests.training.tiny import CPU, QUIETLY
import pandas as pd
from tests.training.tiny import CPU, QUIETLY
import pytest
from tests.training.tiny import CPU, QUIETLY
import torch
from tests.training.tiny import CPU, QUIETLY

from tests.training.tiny import CPU, QUIETLY
from groundwork.data.prepared import FINAL
from tests.training.tiny import CPU, QUIETLY
from groundwork.objectives.oof import cross_validate
from tests.training.tiny import CPU, QUIETLY
from groundwork.stages.evaluate import evaluate
from tests.training.tiny import CPU, QUIETLY
from groundwork.stages.predict import predict
from tests.training.tiny import CPU, QUIETLY
from groundwork.stages.train import train
from tests.training.tiny import CPU, QUIETLY
from groundwork.training.checkpoint import TrainedFold
from tests.training.tiny import CPU, QUIETLY
from groundwork.training.fold import train_fold
from tests.training.tiny import CPU, QUIETLY

from tests.training.tiny import CPU, QUIETLY
from .purchases import NEVER_SOLD, SHOP, lane, prepared
from tests.training.tiny import CPU, QUIETLY
from .tiny import CPU
from tests.training.tiny import CPU, QUIETLY

from tests.training.tiny import CPU, QUIETLY

from tests.training.tiny import CPU, QUIETLY
@pytest.fixture(autouse=True)
from tests.training.tiny import CPU, QUIETLY
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
from tests.training.tiny import CPU, QUIETLY
    monkeypatch.chdir(tmp_path)
from tests.training.tiny import CPU, QUIETLY

from tests.training.tiny import CPU, QUIETLY

from tests.training.tiny import CPU, QUIETLY
def test_a_shop_goes_from_its_archive_to_a_submission_that_passes_the_gate(tmp_path: Path) -> None:
from tests.training.tiny import CPU, QUIETLY
    tables, results = prepared(), tmp_path / "results"
from tests.training.tiny import CPU, QUIETLY
    train("shop", SHOP, lane(), tables, results / "shop", seed=0, **QUIETLY)
from tests.training.tiny import CPU, QUIETLY
    assert sorted(path.name for path in (results / "shop/checkpoints").iterdir()) == [
from tests.training.tiny import CPU, QUIETLY
        "final.fold",
from tests.training.tiny import CPU, QUIETLY
        "fold_0.fold",
from tests.training.tiny import CPU, QUIETLY
        "fold_1.fold",
from tests.training.tiny import CPU, QUIETLY
    ]
from tests.training.tiny import CPU, QUIETLY
    history = pd.read_csv(results / "shop/history.csv")
from tests.training.tiny import CPU, QUIETLY
    assert set(history["fold"]) == {0, 1}
from tests.training.tiny import CPU, QUIETLY
    metrics = evaluate("shop", SHOP, results)
from tests.training.tiny import CPU, QUIETLY
    # Clusters of 10 and 11 articles: who knows a customer's cluster finds about half of it by chance, others a quarter.
from tests.training.tiny import CPU, QUIETLY
    assert metrics["oof"] > 0.12
from tests.training.tiny import CPU, QUIETLY
    assert metrics["further"]["recall@12"] > 0.9
from tests.training.tiny import CPU, QUIETLY

from tests.training.tiny import CPU, QUIETLY
    submission = pd.read_csv(predict("shop", SHOP, tables, results / "shop", CPU))
from tests.training.tiny import CPU, QUIETLY
    assert list(submission) == ["who", "prediction"]
from tests.training.tiny import CPU, QUIETLY
    lists = submission["prediction"].str.split()
from tests.training.tiny import CPU, QUIETLY
    assert (lists.str.len() == 12).all()
from tests.training.tiny import CPU, QUIETLY
    assert lists.explode().str.len().eq(10).all()  # ids keep their leading zeros
from tests.training.tiny import CPU, QUIETLY

from tests.training.tiny import CPU, QUIETLY

from tests.training.tiny import CPU, QUIETLY
def test_later_weeks_change_nothing_of_what_a_fold_learns_or_answers() -> None:
from tests.training.tiny import CPU, QUIETLY
    tables = prepared()
from tests.training.tiny import CPU, QUIETLY
    first = tables.weeks[1][0]
from tests.training.tiny import CPU, QUIETLY
    log = tables.purchases.copy()
from tests.training.tiny import CPU, QUIETLY
    later = (log["day"] >= first).to_numpy()
from tests.training.tiny import CPU, QUIETLY
    log.loc[later, "article"] = np.roll(log.loc[later, "article"].to_numpy(), 7)
from tests.training.tiny import CPU, QUIETLY
    changed = dataclasses.replace(tables, purchases=log)
from tests.training.tiny import CPU, QUIETLY
    here, there = (train_fold(SHOP, lane(epochs=2), one, 1, 0, CPU) for one in (tables, changed))
from tests.training.tiny import CPU, QUIETLY
    assert all(torch.equal(weights, there.weights[name]) for name, weights in here.weights.items())
from tests.training.tiny import CPU, QUIETLY
    asked = pd.DataFrame({"customer": np.arange(20, dtype=np.int32), "day": np.int16(first)})
from tests.training.tiny import CPU, QUIETLY
    assert (here.predict(asked, torch.device("cpu")) == there.predict(asked, torch.device("cpu"))).all()
from tests.training.tiny import CPU, QUIETLY
    # The change is one that counts: the fold before it, which may look at that week, learns something else.
from tests.training.tiny import CPU, QUIETLY
    here, there = (train_fold(SHOP, lane(epochs=2), one, 0, 0, CPU) for one in (tables, changed))
from tests.training.tiny import CPU, QUIETLY
    assert not torch.equal(here.weights["article_weight"], there.weights["article_weight"])
from tests.training.tiny import CPU, QUIETLY

from tests.training.tiny import CPU, QUIETLY

from tests.training.tiny import CPU, QUIETLY
def test_customers_without_a_history_get_what_sells_whoever_they_are() -> None:
from tests.training.tiny import CPU, QUIETLY
    tables = prepared()
from tests.training.tiny import CPU, QUIETLY
    trained = train_fold(SHOP, lane(), tables, FINAL, 0, CPU)
from tests.training.tiny import CPU, QUIETLY
    assert trained.validation is None
from tests.training.tiny import CPU, QUIETLY
    cold = trained.predict(tables.test.tail(3), torch.device("cpu"))
from tests.training.tiny import CPU, QUIETLY
    assert (cold == cold[0]).all()
from tests.training.tiny import CPU, QUIETLY
    sold = np.bincount(tables.purchases["article"], minlength=len(tables.articles))
from tests.training.tiny import CPU, QUIETLY
    assert sold[cold[0]].mean() > sold.mean()
from tests.training.tiny import CPU, QUIETLY
    assert (sold[cold[0]] > 0).all()
from tests.training.tiny import CPU, QUIETLY

from tests.training.tiny import CPU, QUIETLY

from tests.training.tiny import CPU, QUIETLY
def test_articles_that_never_sold_are_no_candidates_while_there_are_others() -> None:
from tests.training.tiny import CPU, QUIETLY
    tables = prepared()
from tests.training.tiny import CPU, QUIETLY
    answers = train_fold(SHOP, lane(epochs=1, candidates=21), tables, FINAL, 0, CPU).predict(
from tests.training.tiny import CPU, QUIETLY
        tables.test, torch.device("cpu")
from tests.training.tiny import CPU, QUIETLY
    )
from tests.training.tiny import CPU, QUIETLY
    assert answers.max() < len(tables.articles) - NEVER_SOLD
from tests.training.tiny import CPU, QUIETLY

from tests.training.tiny import CPU, QUIETLY

from tests.training.tiny import CPU, QUIETLY
def test_fewer_candidates_than_answers_leave_places_empty() -> None:
from tests.training.tiny import CPU, QUIETLY
    tables = prepared()
from tests.training.tiny import CPU, QUIETLY
    trained = train_fold(SHOP, lane(epochs=1, candidates=5), tables, 0, 0, CPU)
from tests.training.tiny import CPU, QUIETLY
    answers = trained.predict(tables.test, torch.device("cpu"))
from tests.training.tiny import CPU, QUIETLY
    assert (answers[:, 5:] == -1).all()
from tests.training.tiny import CPU, QUIETLY
    assert (answers[:, :5] >= 0).all()
from tests.training.tiny import CPU, QUIETLY
    assert trained.validation is not None
from tests.training.tiny import CPU, QUIETLY
    assert cross_validate(trained.validation, "map@12")["oof"] >= 0
from tests.training.tiny import CPU, QUIETLY

from tests.training.tiny import CPU, QUIETLY

from tests.training.tiny import CPU, QUIETLY
def test_a_fold_on_the_disk_answers_as_it_did(tmp_path: Path) -> None:
from tests.training.tiny import CPU, QUIETLY
    tables = prepared()
from tests.training.tiny import CPU, QUIETLY
    trained = train_fold(SHOP, lane(epochs=1), tables, 0, 0, CPU)
from tests.training.tiny import CPU, QUIETLY
    trained.save(tmp_path / "fold_0.fold")
from tests.training.tiny import CPU, QUIETLY
    loaded = TrainedFold.load(tmp_path / "fold_0.fold")
from tests.training.tiny import CPU, QUIETLY
    day = tables.weeks[0][0]
from tests.training.tiny import CPU, QUIETLY
    asked = pd.DataFrame({"customer": np.arange(90, dtype=np.int32), "day": np.int16(day)})
from tests.training.tiny import CPU, QUIETLY
    assert (loaded.predict(asked, torch.device("cpu")) == trained.predict(asked, torch.device("cpu"))).all()
from tests.training.tiny import CPU, QUIETLY
