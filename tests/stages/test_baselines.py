"""The baselines stage uses the network's folds, logs runs in the lane's group, and writes for the leaderboard."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from tests.services.wandb_server import WandbServer
from tests.training import products, purchases
from tests.training.tiny import PRICES, SILENT, SURVIVAL, lane, prepared, trained

from groundwork.competitions import Labelled
from groundwork.data.purchases import PreparedPurchases
from groundwork.data.rows import PreparedRows
from groundwork.objectives.oof import cross_validate
from groundwork.settings import Tracking
from groundwork.stages.baselines import baselines


@pytest.fixture(autouse=True)
def _empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(competition: Any = SURVIVAL, tracking: Tracking = SILENT, rows: Any = None) -> list[dict[str, Any]]:
    rows = rows or prepared(competition)
    folder = Path("results", competition.slug)
    baselines(competition.slug, competition, lane().encoding, rows, folder, seed=0, tracking=tracking)
    return json.loads((folder / "baselines.json").read_text())


def test_they_are_scored_on_the_rows_and_folds_of_the_network() -> None:
    flat, line, trees = run(PRICES)
    assert [model["name"] for model in (flat, line, trees)] == ["constant", "ridge", "LightGBM"]
    oof = pd.read_parquet(trained(PRICES, epochs=1) / "oof.parquet")
    others = [np.log(oof["target"][oof["fold"] != fold]).mean() for fold in oof["fold"]]
    expected = cross_validate(oof.assign(prediction=np.exp(others)), "rmse_log")
    assert flat["metrics"].keys() == expected.keys()
    assert flat["metrics"]["folds"] == pytest.approx(expected["folds"], rel=1e-5)
    assert flat["metrics"]["oof"] == pytest.approx(expected["oof"], rel=1e-5)
    assert flat["metrics"]["rows"] == 120
    assert line["metrics"]["mean"] < 0.8 * flat["metrics"]["mean"]
    assert trees["metrics"]["mean"] < 0.9 * flat["metrics"]["mean"]
    assert line["folds_sha256"] == prepared(PRICES).folds_sha256
    assert line["data_sha256"] == prepared(PRICES).data_sha256


@pytest.mark.parametrize("competition", [SURVIVAL, PRICES], ids=lambda competition: competition.slug)
def test_their_rows_are_those_of_the_network_and_give_their_scores(competition: Labelled) -> None:
    records = run(competition)
    rows = pd.read_parquet(Path("results", competition.slug, "baselines.parquet"))
    oof = pd.read_parquet(trained(competition, epochs=1) / "oof.parquet")
    assert list(rows.columns) == [*oof.columns, "baseline"]
    assert list(rows["baseline"].unique()) == [record["name"] for record in records]
    for record in records:
        own = rows[rows["baseline"] == record["name"]].reset_index(drop=True)
        assert own[["id", "fold"]].equals(oof[["id", "fold"]])
        np.testing.assert_allclose(own["target"], oof["target"], rtol=1e-6)
        assert cross_validate(own, competition.metric)["folds"] == pytest.approx(record["metrics"]["folds"], rel=1e-12)
    stored = pq.read_schema(Path("results", competition.slug, "baselines.parquet")).metadata[b"folds_sha256"]
    assert stored.decode() == records[0]["folds_sha256"]


def test_all_but_time_and_ids_is_the_same_again() -> None:
    def lasting(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{key: record[key] for key in ("name", "metrics", "data_sha256", "folds_sha256")} for record in records]

    first, second = run(), run()
    assert lasting(first) == lasting(second)
    assert {record["run_id"] for record in first}.isdisjoint(record["run_id"] for record in second)


def test_each_is_a_run_of_the_lanes_group(server: WandbServer) -> None:
    records = run(tracking=Tracking(mode="online", project="tests"))
    assert len(server.runs) == len(records) == 3
    for record in records:
        sent = server.runs[record["run_id"]]
        assert sent.complete
        assert sent.variables["groupName"] == "survival"
        assert sent.variables["displayName"] == f"survival baseline: {record['name']}"
        assert sent.config["params"]["value"]["model"] == {"network": "baseline", "baseline": record["name"]}
        assert sent.config["folds_sha256"]["value"] == record["folds_sha256"]
        assert sent.summary["cv/mean"] == sent.summary["cv/score"] == pytest.approx(record["metrics"]["mean"])
        assert sent.summary["oof/worst_rows"]["nrows"] == 100
        assert sent.variables["tags"] == ["survival", "classification", "baseline"]
        assert (Path(record["wandb_dir"]) / f"run-{record['run_id']}.wandb").exists()


def test_a_search_has_its_queries_and_further_metrics() -> None:
    from groundwork.competitions import Inputs, Pair

    rng = np.random.default_rng(0)
    words = np.array("bracket hammer saw nail drill paint".split())
    material, query = rng.choice(words, 300), rng.choice(words, 300)
    train = pd.DataFrame({"Id": np.arange(300), "query": query, "document": material, "title": material})
    train["relevance"] = 1.0 + 2 * (material == query)
    search = dataclasses.replace(
        SURVIVAL,
        kind="search",
        metric="rmse",
        further_metrics=("ndcg@10",),
        targets=("relevance",),
        inputs=Inputs(pair=Pair("query", "document", ("title",))),
    )
    folds = pd.DataFrame({"Id": train["Id"], "fold": np.arange(300) % 3})
    rows = PreparedRows(folds=[0, 1, 2], final=False, train=train, test=train, fold=folds, sample_submission=Path(),
                        data_sha256="d", folds_sha256="f")  # fmt: skip
    folder = Path("results/search")
    flat, words_, bm25 = baselines("search", search, products.lane().encoding, rows, folder, seed=0, tracking=SILENT)
    assert [flat["name"], words_["name"], bm25["name"]] == ["constant", "TF-IDF + ridge", "BM25 + ridge"]
    for model in (words_, bm25):
        assert model["metrics"]["mean"] < 0.7 * flat["metrics"]["mean"]
        assert model["metrics"]["further"]["ndcg@10"] > flat["metrics"]["further"]["ndcg@10"] + 0.1


def test_purchases_are_judged_week_by_week() -> None:
    from groundwork.competitions.fashion_recommendations import competition

    rng = np.random.default_rng(0)
    # Customers buy within one of two halves of the articles.
    customer = rng.integers(0, 40, 1500)
    article = rng.integers(0, 10, 1500) + 10 * (customer % 2)
    log = pd.DataFrame({"customer": customer, "article": article, "day": rng.integers(0, 60, 1500)}).astype("int32")
    log = log.sort_values(["customer", "day"], ignore_index=True)
    rows = PreparedPurchases(
        folds=[0, 1], final=True, purchases=log, articles=pd.DataFrame({"article": range(20)}), customers=Path(),
        weeks={0: (53, 59), 1: (46, 52)}, start=pd.Timestamp("2020-01-01").date(), test=log[:0],
        sample_submission=Path(), data_sha256="d", folds_sha256="f",
    )  # fmt: skip
    encoding, folder = purchases.lane().encoding, Path("results/fashion")
    records = baselines("fashion", competition, encoding, rows, folder, seed=0, tracking=SILENT)
    scores = {record["name"]: record["metrics"] for record in records}
    assert list(scores) == ["popularity of the last week", "repurchase", "item-kNN"]
    assert scores["item-kNN"]["mean"] > 1.2 * scores["popularity of the last week"]["mean"]
    assert all(len(record["folds"]) == 2 and 0 < record["further"]["recall@12"] <= 1 for record in scores.values())
    assert sum(len(rows.validation(fold)) for fold in (0, 1)) == scores["repurchase"]["rows"]
