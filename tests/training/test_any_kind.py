"""Every kind works with every input: texts are classified or rated, pictures measured, tables searched."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.training.test_inputs import PICTURES
from tests.training.test_texts import lane as text_lane
from tests.training.tiny import CPU, QUIETLY, SILENT, in_memory
from tests.training.tiny import lane as table_lane
from torch import Tensor, nn

from groundwork.competitions import Inputs, Labelled, Tables
from groundwork.data.load import load
from groundwork.data.prepared import Prepared
from groundwork.objectives import KINDS
from groundwork.objectives.base import Objective
from groundwork.objectives.regression import Regression
from groundwork.settings import Lane
from groundwork.stages.baselines import baselines
from groundwork.stages.evaluate import evaluate
from groundwork.stages.fetch import fetch
from groundwork.stages.predict import predict
from groundwork.stages.prepare import prepare
from groundwork.stages.submission import submission
from groundwork.stages.train import train
from groundwork.training.build import NETWORKS
from groundwork.training.fold import train_fold

ROWS, TEST_ROWS, FOLDS, SIDE = 150, 60, 2, 8
PIXELS = [f"p{pixel}" for pixel in range(SIDE * SIDE)]
SAYINGS = ["what a bore {}", "it is fine {}", "I love it {} so much"]
FILLERS = "really truly again today now here there".split()
CROSS_ENTROPY: dict[str, Any] = {"loss": "cross_entropy", "label_smoothing": 0.0}
SMOOTH_L1: dict[str, Any] = {"loss": "smooth_l1", "beta": 1.0}


@pytest.fixture(autouse=True)
def _empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def tables(frame: pd.DataFrame, target: str) -> Tables:
    """Split rows into the files of an archive; the last rows are test rows."""
    frame = frame.assign(Id=np.arange(1, len(frame) + 1))
    answers = pd.DataFrame({"Id": frame["Id"][ROWS:], target: frame[target].iloc[0]})
    return {
        "train.csv": frame[:ROWS],
        "test.csv": frame[ROWS:].drop(columns=target),
        "sample_submission.csv": answers,
    }


def said(rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    opinion = rng.integers(0, 3, ROWS + TEST_ROWS)
    texts = [
        SAYINGS[score].format(filler) for score, filler in zip(opinion, rng.choice(FILLERS, len(opinion)), strict=True)
    ]
    return pd.DataFrame({"text": pd.array(texts, dtype="str")}), opinion


def opinions(rng: np.random.Generator) -> Tables:
    frame, opinion = said(rng)
    return tables(frame.assign(opinion=opinion), "opinion")


def stars(rng: np.random.Generator) -> Tables:
    frame, opinion = said(rng)
    return tables(frame.assign(stars=1.0 + 2 * opinion + rng.normal(scale=0.1, size=len(opinion))), "stars")


def brightness(rng: np.random.Generator) -> Tables:
    light = rng.uniform(20, 200, ROWS + TEST_ROWS)
    pixels = (light[:, None] + rng.normal(scale=20, size=(len(light), len(PIXELS)))).clip(0, 255).astype(int)
    return tables(pd.DataFrame(pixels, columns=PIXELS).assign(light=light), "light")


def relevance(rng: np.random.Generator) -> Tables:
    n = ROWS + TEST_ROWS
    near, query = rng.normal(size=n), rng.integers(0, n // 5, n)
    frame = pd.DataFrame({"query": [f"q{number}" for number in query], "near": near})
    return tables(frame.assign(relevance=2 + near.clip(-1, 1) + rng.normal(scale=0.1, size=n)), "relevance")


OPINIONS = Labelled(
    slug="opinions",
    kind="classification",
    metric="accuracy",
    id="Id",
    targets=("opinion",),
    types={"Id": int, "text": str, "opinion": int},
    inputs=Inputs(text="text"),
    sample=opinions,
)
STARS = dataclasses.replace(
    OPINIONS,
    slug="stars",
    kind="regression",
    metric="rmse",
    targets=("stars",),
    types={"Id": int, "text": str, "stars": float},
    sample=stars,
)
BRIGHTNESS = dataclasses.replace(
    STARS,
    slug="brightness",
    targets=("light",),
    types={"Id": int, **dict.fromkeys(PIXELS, int), "light": float},
    inputs=Inputs(image=(SIDE, SIDE)),
    sample=brightness,
)
RELEVANCE = dataclasses.replace(
    STARS,
    slug="relevance",
    kind="search",
    further_metrics=("ndcg@10",),
    targets=("relevance",),
    types={"Id": int, "query": str, "near": float, "relevance": float},
    inputs=Inputs(numeric=("near",)),
    group_folds_by="query",
    query="query",
    sample=relevance,
)


def settings(lane: Lane, competition: Labelled, objective: dict[str, Any]) -> Lane:
    changes = {"competition": competition.slug, "folds": FOLDS, "objective": objective}
    return Lane.model_validate(lane.model_dump() | changes)


def through(competition: Labelled, lane: Lane) -> tuple[dict[str, Any], pd.DataFrame, Prepared]:
    """Run all stages; return metrics, submission and tables."""
    name = competition.slug
    archive, folder, results = Path(f"{name}.zip"), Path("prepared") / name, Path("results") / name
    fetch(competition, "sample", archive, name)
    prepare(competition, archive, folder, FOLDS, seed=0)
    data = load(competition, folder)
    flat, *_ = baselines(name, competition, lane.encoding, data, results, seed=0, tracking=SILENT)
    train(name, competition, lane, data, results, seed=0, **QUIETLY)
    metrics = evaluate(name, competition, Path("results"))
    better = 1 if metrics["higher_is_better"] else -1
    assert better * metrics["oof"] > better * flat["metrics"]["oof"], "what it learned is more than a constant"
    predict(name, competition, data, results, CPU)
    return metrics, pd.read_csv(submission(name, competition, data, results)), data


@pytest.mark.parametrize("network", ["rnn", "transformer"])
def test_texts_are_classified(network: str) -> None:
    lane = text_lane(network, epochs=4, learning_rate=0.02)
    metrics, submission, data = through(OPINIONS, settings(lane, OPINIONS, CROSS_ENTROPY))
    assert metrics["oof"] > 0.95
    assert submission["Id"].tolist() == data.test["Id"].tolist()
    loved = data.test["text"].str.startswith("I love").to_numpy()
    assert (submission["opinion"][loved] == 2).mean() > 0.95
    record = json.loads(Path("results/opinions/experiment.json").read_text())
    assert record["plot"]["kind"] == "confusion"


@pytest.mark.parametrize("network", ["rnn", "transformer"])
def test_texts_are_rated(network: str) -> None:
    lane = text_lane(network, epochs=8, learning_rate=0.02)
    metrics, submission, data = through(STARS, settings(lane, STARS, SMOOTH_L1))
    assert metrics["oof"] < 0.45, "what the two paths say of a number is averaged: their sum would be twice the answer"
    loved = data.test["text"].str.startswith("I love").to_numpy()
    assert submission["stars"][loved].min() > submission["stars"][~loved].max()


def test_pictures_are_measured() -> None:
    lane = PICTURES.model_copy(update={"training": table_lane(epochs=6, learning_rate=0.02).training})
    metrics, submission, data = through(BRIGHTNESS, settings(lane, BRIGHTNESS, SMOOTH_L1))
    assert metrics["oof"] < 20
    assert np.corrcoef(submission["light"], data.test[PIXELS].mean(axis=1))[0, 1] > 0.9


def test_a_table_is_searched() -> None:
    metrics, submission, data = through(RELEVANCE, settings(table_lane(epochs=6), RELEVANCE, SMOOTH_L1))
    assert metrics["further"]["ndcg@10"] > 0.9
    assert list(data.labels) == ["Id", "query", "near", "relevance"]
    assert submission["relevance"].corr(data.test["near"]) > 0.8


def test_a_text_network_knows_the_classes_of_its_folds_training_rows_alone() -> None:
    frame = pd.DataFrame({"Id": range(30), "text": pd.array(["good"] * 30, dtype="str"), "opinion": [0, 1, 2] * 10})
    frame.loc[15:, "opinion"] = 2
    rows = dataclasses.replace(
        in_memory(frame), folds=[0, 1], fold=pd.DataFrame({"Id": range(30), "fold": np.arange(30) // 15})
    )
    lane = settings(text_lane("rnn", epochs=1), OPINIONS, CROSS_ENTROPY)
    prior = train_fold(OPINIONS, lane, rows, 1, seed=0, hardware=CPU).network.prior
    np.testing.assert_allclose(prior.softmax(0).tolist(), [1 / 3] * 3, rtol=1e-6)


class Halves(Regression):
    """A new kind: numbers in steps of one half."""

    kind = "halves"
    judged_as = ("numbers",)

    def predict(self, logits: Any) -> Any:
        return (super().predict(logits) * 2).round() / 2


def by_average(settings: Mapping[str, Any], encoder: Any, objective: Objective) -> nn.Module:
    """A new network: a linear function of a picture's mean."""

    class Average(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.line = nn.Linear(1, objective.outputs)

        def forward(self, image: Tensor) -> Tensor:
            return self.line(image.mean((1, 2, 3))[:, None])

    return Average()


def test_a_kind_and_a_network_of_ones_own_need_an_entry_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "halves", Halves)
    monkeypatch.setitem(NETWORKS, "cnn", (NETWORKS["cnn"][0], by_average))
    lane = PICTURES.model_copy(update={"training": table_lane(epochs=6, learning_rate=0.05).training})
    halves = dataclasses.replace(BRIGHTNESS, kind="halves")
    _, submission, data = through(halves, settings(lane, halves, SMOOTH_L1))
    assert np.corrcoef(submission["light"], data.test[PIXELS].mean(axis=1))[0, 1] > 0.9
    oof = pd.read_parquet("results/brightness/oof.parquet")
    assert (oof["prediction"] * 2 % 1 == 0).mean() > 0.9


def both(rng: np.random.Generator) -> Tables:
    """Draw targets of which the text and the columns each determine one half."""
    n = ROWS + TEST_ROWS
    text, loved, near = said(rng)[0], rng.integers(0, 2, n), rng.normal(size=n)
    texts = [SAYINGS[2 * value].format(filler) for value, filler in zip(loved, rng.choice(FILLERS, n), strict=True)]
    shop = rng.choice(["here", "there"], n)
    stars = 2.0 + loved + near.clip(-1, 1) + (shop == "here") + rng.normal(scale=0.05, size=n)
    return tables(text.assign(text=pd.array(texts, dtype="str"), near=near, shop=shop, stars=stars), "stars")


BOTH = dataclasses.replace(
    STARS,
    slug="both",
    types={"Id": int, "text": str, "near": float, "shop": str, "stars": float},
    inputs=Inputs(numeric=("near",), categorical=("shop",), text="text"),
    sample=both,
)


def table_and_text(network: str, columns: dict[str, int] | None) -> Lane:
    """Make a lane for a text with a table."""
    text = text_lane(network, epochs=12, learning_rate=0.02)
    table = table_lane().encoding
    content = text.model_dump() | {
        "competition": "both",
        "folds": FOLDS,
        "encoding": {"inputs": "table+text", "table": table.model_dump(), "text": text.encoding.model_dump()},
        "model": text.model.model_dump() | {"columns": columns},
        "objective": SMOOTH_L1,
    }
    return Lane.model_validate(content)


@pytest.mark.parametrize("network", ["rnn", "transformer"])
def test_a_table_beside_a_text_is_read_too(network: str) -> None:
    metrics, submission, data = through(BOTH, table_and_text(network, {"bins": 4, "embedding": 4}))
    assert metrics["oof"] < 0.45, "neither half alone gets there: the other's standard deviation is 0.5 or more"
    loved = data.test["text"].str.startswith("I love").to_numpy()
    assert submission["stars"][loved].mean() > submission["stars"][~loved].mean() + 0.5
    assert submission["stars"].corr(data.test["near"]) > 0.4
    assert submission["stars"].groupby(data.test["shop"]).mean().idxmax() == "here"


def sizes(rng: np.random.Generator) -> Tables:
    """Draw two numbers of very different size: one follows a column, the other falls with it."""
    near = rng.normal(size=ROWS + TEST_ROWS)
    frame = pd.DataFrame({"near": near, "small": near.clip(-1, 1), "large": 1e4 - 1000 * near.clip(-1, 1)})
    made = tables(frame, "small")
    answers = made["sample_submission.csv"]
    assert isinstance(answers, pd.DataFrame)
    return made | {
        "test.csv": pd.DataFrame(made["test.csv"]).drop(columns="large"),
        "sample_submission.csv": answers.assign(large=0.0),
    }


SIZES = dataclasses.replace(
    STARS,
    slug="sizes",
    metric="r2",
    further_metrics=("mcrmse",),
    targets=("small", "large"),
    types={"Id": int, "near": float, "small": float, "large": float},
    inputs=Inputs(numeric=("near",)),
    sample=sizes,
)


def test_several_numbers_are_all_learned() -> None:
    metrics, submission, data = through(SIZES, settings(table_lane(epochs=12, learning_rate=0.02), SIZES, SMOOTH_L1))
    assert metrics["oof"] > 0.8
    assert list(submission) == ["Id", "small", "large"]
    near = data.test["near"]
    assert submission["small"].corr(near) > 0.8
    assert submission["large"].corr(near) < -0.8
    oof = pd.read_parquet("results/sizes/oof.parquet")
    errors = [np.sqrt(((oof[f"t{place}"] - oof[f"p{place}"]) ** 2).mean()) for place in range(2)]
    assert metrics["further"]["mcrmse"] == pytest.approx(np.mean(errors), rel=1e-5)
    constant, ridge, *_ = json.loads(Path("results/sizes/baselines.json").read_text())
    assert ridge["metrics"]["oof"] > 0.5 > constant["metrics"]["oof"]


def loved(rng: np.random.Generator) -> Tables:
    """Draw whether a text is enthusiastic; one in three is, and one in ten of those labels is wrong."""
    frame, opinion = said(rng)
    return tables(frame.assign(loved=(opinion == 2) ^ (rng.random(len(opinion)) < 0.1)), "loved")


def test_a_binary_text_is_judged_by_f1_with_a_threshold() -> None:
    competition = dataclasses.replace(
        OPINIONS, slug="loved", metric="f1", further_metrics=("auc",), targets=("loved",), types={}, sample=loved
    )
    lane = text_lane("rnn", epochs=4, learning_rate=0.02)
    metrics, submission, data = through(competition, settings(lane, competition, CROSS_ENTROPY))
    assert metrics["metric"] == "f1"
    assert {"used", "with", "without"} == set(metrics["decision"])
    assert metrics["oof"] > 0.75
    assert submission["loved"].dtype == bool, "spelled as in the sample"
    assert submission["loved"].to_numpy()[data.test["text"].str.startswith("I love").to_numpy()].mean() > 0.9


def guesses(rng: np.random.Generator) -> Tables:
    made = opinions(rng)
    answers = made["sample_submission.csv"]
    assert isinstance(answers, pd.DataFrame)
    return made | {"sample_submission.csv": answers.assign(opinion="0 1")}


def test_lists_of_labels_are_handed_in_for_map() -> None:
    competition = dataclasses.replace(OPINIONS, slug="guesses", metric="map@3", sample=guesses)
    lane = text_lane("rnn", epochs=4, learning_rate=0.02)
    metrics, submission, data = through(competition, settings(lane, competition, CROSS_ENTROPY))
    assert metrics["oof"] > 0.95
    first = submission["opinion"].str.split().str[0]
    assert (submission["opinion"].str.split().str.len() == 2).all()
    assert (first[data.test["text"].str.startswith("I love").to_numpy()] == "2").mean() > 0.95
