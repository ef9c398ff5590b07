"""Recommendation from archive to submission: folds by time, new customers, and candidates."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from groundwork.data.prepared import FINAL
from groundwork.objectives.oof import cross_validate
from groundwork.stages.evaluate import evaluate
from groundwork.stages.predict import predict
from groundwork.stages.submission import submission as submission_of
from groundwork.stages.train import train
from groundwork.training.checkpoint import TrainedFold
from groundwork.training.fold import train_fold

from .purchases import NEVER_SOLD, SHOP, lane, prepared
from .tiny import CPU, QUIETLY


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_shop_goes_from_its_archive_to_a_submission_that_passes_the_gate(tmp_path: Path) -> None:
    tables, results = prepared(), tmp_path / "results"
    train("shop", SHOP, lane(), tables, results / "shop", seed=0, **QUIETLY)
    assert sorted(path.name for path in (results / "shop/checkpoints").iterdir()) == [
        "final.fold",
        "fold_0.fold",
        "fold_1.fold",
    ]
    history = pd.read_csv(results / "shop/history.csv")
    assert set(history["fold"]) == {0, 1}
    metrics = evaluate("shop", SHOP, results)
    # Clusters of 10 and 11 articles: who knows a customer's cluster finds about half of it by chance, others a quarter.
    assert metrics["oof"] > 0.12
    assert metrics["further"]["recall@12"] > 0.9

    predict("shop", SHOP, tables, results / "shop", CPU)
    submission = pd.read_csv(submission_of("shop", SHOP, tables, results / "shop"), dtype=str)
    assert list(submission) == ["who", "prediction"]
    lists = submission["prediction"].str.split()
    assert (lists.str.len() == 12).all()
    assert lists.explode().str.len().eq(10).all()  # ids keep their leading zeros


def test_the_final_model_is_trained_with_each_seed_too(tmp_path: Path) -> None:
    tables, folder = prepared(), tmp_path / "results" / "shop"
    train("shop", SHOP, lane(epochs=1, seeds=2), tables, folder, seed=0, **QUIETLY)
    assert len(list((folder / "checkpoints").glob("final*.fold"))) == 2
    both = predict("shop", SHOP, tables, folder, CPU)
    lists = pd.read_parquet(both)
    (folder / "checkpoints" / "final_seed_1.fold").unlink()
    assert not pd.read_parquet(predict("shop", SHOP, tables, folder, CPU)).equals(lists)


def test_later_weeks_change_nothing_of_what_a_fold_learns_or_answers() -> None:
    tables = prepared()
    first = tables.weeks[1][0]
    log = tables.purchases.copy()
    later = (log["day"] >= first).to_numpy()
    log.loc[later, "article"] = np.roll(log.loc[later, "article"].to_numpy(), 7)
    changed = dataclasses.replace(tables, purchases=log)
    expected, actual = (train_fold(SHOP, lane(epochs=2), prepared, 1, 0, CPU) for prepared in (tables, changed))
    assert all(torch.equal(weights, actual.weights[name]) for name, weights in expected.weights.items())
    customers = pd.DataFrame({"customer": np.arange(20, dtype=np.int32), "day": np.int16(first)})
    assert (expected.predict(customers, torch.device("cpu")) == actual.predict(customers, torch.device("cpu"))).all()
    # The change is one that counts: the fold before it, which may look at that week, learns something else.
    expected, actual = (train_fold(SHOP, lane(epochs=2), prepared, 0, 0, CPU) for prepared in (tables, changed))
    assert not torch.equal(expected.weights["article_weight"], actual.weights["article_weight"])


def test_customers_without_a_history_get_what_sells_whoever_they_are() -> None:
    tables = prepared()
    trained = train_fold(SHOP, lane(), tables, FINAL, 0, CPU)
    assert trained.validation is None
    cold = trained.predict(tables.test.tail(3), torch.device("cpu"))
    assert (cold == cold[0]).all()
    sold = np.bincount(tables.purchases["article"], minlength=len(tables.articles))
    assert sold[cold[0]].mean() > sold.mean()
    assert (sold[cold[0]] > 0).all()


def test_articles_that_never_sold_are_no_candidates_while_there_are_others() -> None:
    tables = prepared()
    answers = train_fold(SHOP, lane(epochs=1, candidates=21), tables, FINAL, 0, CPU).predict(
        tables.test, torch.device("cpu")
    )
    assert answers.max() < len(tables.articles) - NEVER_SOLD


def test_fewer_candidates_than_answers_leave_places_empty() -> None:
    tables = prepared()
    trained = train_fold(SHOP, lane(epochs=1, candidates=5), tables, 0, 0, CPU)
    answers = trained.predict(tables.test, torch.device("cpu"))
    assert (answers[:, 5:] == -1).all()
    assert (answers[:, :5] >= 0).all()
    assert trained.validation is not None
    assert cross_validate(trained.validation, "map@12")["oof"] >= 0


def test_a_fold_on_the_disk_answers_as_it_did(tmp_path: Path) -> None:
    tables = prepared()
    trained = train_fold(SHOP, lane(epochs=1), tables, 0, 0, CPU)
    trained.save(tmp_path / "fold_0.fold")
    loaded = TrainedFold.load(tmp_path / "fold_0.fold")
    day = tables.weeks[0][0]
    customers = pd.DataFrame({"customer": np.arange(90, dtype=np.int32), "day": np.int16(day)})
    assert (loaded.predict(customers, torch.device("cpu")) == trained.predict(customers, torch.device("cpu"))).all()
