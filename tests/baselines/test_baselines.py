"""Each baseline gives the predictions that are worked out by hand for a few rows."""

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.training.tiny import PRICES, SURVIVAL, lane, prepared

from groundwork.baselines import purchases
from groundwork.baselines.choice import baselines_of
from groundwork.baselines.features import Pixels, Table, TfIdf
from groundwork.baselines.lexical import FieldScores, PairTfIdf
from groundwork.baselines.linear import constant
from groundwork.baselines.purchases import ItemKNN, Popularity, Repurchase, first_distinct
from groundwork.competitions import Pair
from groundwork.sections.encodings import TextEncoding

NOBODY = pd.DataFrame(index=range(3))
TAGGED = dataclasses.replace(SURVIVAL, kind="tagging", metric="auc", targets=("a", "b"))
TEXTS = TextEncoding(inputs="text", subwords=256, length=1, words=1, ngrams=1)
PAIR = Pair("query", "document", ("title", "text"))


def log(*bought: tuple[int, int, int]) -> pd.DataFrame:
    """Make a table of purchases (customer, article, day), in the order of the prepare stage."""
    frame = pd.DataFrame(bought, columns=["customer", "article", "day"])
    return frame.sort_values(["customer", "day"], kind="stable").astype({"customer": "int32", "article": "int32"})


def customers(*codes: int, day: int = 100) -> pd.DataFrame:
    return pd.DataFrame({"customer": np.array(codes, dtype="int32"), "day": day})


# --- constants -----------------------------------------------------------------------------------------------------


def test_the_constant_of_a_classification_is_the_shares_of_the_classes() -> None:
    train = pd.DataFrame(index=range(5))
    labels = pd.DataFrame({"survived": range(4)})
    predicted = constant(SURVIVAL, labels).fit_predict(train, np.array([0, 1, 1, 2, 1]), NOBODY)
    assert predicted.tolist() == [[0.2, 0.6, 0.2, 0.0]] * 3, "a class that these rows lack has no share"


def test_the_constant_of_a_tagging_is_each_tags_share() -> None:
    train = pd.DataFrame(index=range(4))
    target = np.array([[0, 0], [1, 0], [0, 0], [1, 0]])
    assert constant(TAGGED, NOBODY).fit_predict(train, target, NOBODY).tolist() == [[0.5, 0.0]] * 3


@pytest.mark.parametrize(
    ("metric", "log_target", "expected"),
    [
        ("rmse", False, 7.0),
        ("rmse", True, 4.0),
        ("rmse_log", False, 4.0),
        ("rmsle", False, (2 * 5 * 17) ** (1 / 3) - 1),
    ],
)
def test_the_constant_of_a_regression_is_the_mean_that_the_metric_takes(
    metric: str, log_target: bool, expected: float
) -> None:
    asked_by = dataclasses.replace(PRICES, metric=metric, log_target=log_target)
    target = np.array([1.0, 4.0, 16.0])
    predicted = constant(asked_by, NOBODY).fit_predict(pd.DataFrame(index=range(3)), target, NOBODY)
    assert predicted == pytest.approx([expected] * 3)


# --- linear models -------------------------------------------------------------------------------------------------


@pytest.fixture
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_elsewhere")
@pytest.mark.parametrize("competition", [SURVIVAL, PRICES], ids=lambda competition: competition.slug)
def test_a_line_through_a_table_and_trees_beat_the_constant(competition: Any) -> None:
    rows = prepared(competition)
    train, valid = rows.training(0), rows.validation(0)
    target, truth = train[competition.targets[0]].to_numpy(), valid[competition.targets[0]].to_numpy()
    flat, *others = (
        baseline.fit_predict(train, target, valid)
        for baseline in baselines_of(competition, lane().encoding, rows, seed=0)
    )
    assert len(others) == 2
    for better in others:
        if competition is SURVIVAL:
            assert (better.argmax(1) == truth).mean() > (flat.argmax(1) == truth).mean() + 0.1
            assert better.sum(1) == pytest.approx(1, rel=1e-6)
        else:
            assert np.log(better / truth).std() < 0.8 * np.log(flat / truth).std()
            assert target.min() <= better.min() * 1.000001
            assert better.max() <= target.max() * 1.000001


@pytest.mark.usefixtures("_elsewhere")
def test_a_table_becomes_the_networks_numbers_and_a_column_for_each_label() -> None:
    rows = prepared()
    train, valid = rows.training(0), rows.validation(0)
    train_features, valid_features = Table(SURVIVAL, lane().encoding)(train, train["survived"].to_numpy(), valid)
    labels = train_features.toarray()[:, 4:]
    assert train_features.shape[1] == valid_features.shape[1] == 2 + 2 + 5, (
        "x and z; rate and size of the key; a, b, c, missing and the rest"
    )
    assert (labels.sum(1) == 1).all()
    assert (labels[:, 0] == (train["label"] == "a")).all()


def test_a_rare_tag_that_no_training_row_has_is_predicted_as_a_constant() -> None:
    texts = pd.DataFrame({"text": ["good word", "bad word", "bad thing", "good thing"]})
    target = np.array([[0, 0], [1, 0], [1, 0], [0, 0]])
    tagged = dataclasses.replace(TAGGED, inputs=dataclasses.replace(SURVIVAL.inputs, text="text"))
    _, words, both = baselines_of(tagged, TEXTS, _rows(texts), seed=0)
    for model in (words, both):
        predicted = model.fit_predict(texts, target, texts)
        assert (predicted[:, 0] > 0.5).tolist() == [False, True, True, False]
        assert (predicted[:, 1] == 0).all()


def test_pixels_are_scaled_to_one() -> None:
    pictures = dataclasses.replace(SURVIVAL, targets=("y",), types={"y": int, "pixel0": int, "pixel1": int})
    frame = pd.DataFrame({"Id": [1], "y": [3], "pixel0": [0], "pixel1": [255]}).astype("uint8")
    assert Pixels(pictures)(frame, np.array([3]), frame)[0].tolist() == [[0.0, 1.0]]


# --- words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("characters", [False, True])
def test_words_of_validation_rows_alone_have_no_influence(characters: bool) -> None:
    train = pd.DataFrame({"text": ["a plain text", "another text", None]})
    plain, strange = (pd.DataFrame({"text": [text]}) for text in ("plain text", "plain text žžž žžž"))
    features = TfIdf("text", characters)
    train_features, known = features(train, np.zeros(3), plain)
    again, unknown = features(train, np.zeros(3), strange)
    assert (train_features != again).nnz == 0
    assert train_features.shape[1] == known.shape[1] == unknown.shape[1]
    if not characters:
        assert (known != unknown).nnz == 0


def pairs() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Relevance is whether the title has the query's word; the second text is missing."""
    rng = np.random.default_rng(0)
    words = np.array("bracket hammer saw nail drill paint tile lamp".split())
    material, query = rng.choice(words, 400), rng.choice(words, 400)
    query = np.where(rng.random(400) < 0.5, material, query)
    title = np.char.add(np.char.add(material, " of steel "), rng.choice(words[:4], 400))
    frame = pd.DataFrame({"query": query, "document": np.arange(400), "title": title, "text": None})
    frame["relevance"] = 1.0 + 2 * (material == query)
    return frame[:300], frame[300:]


@pytest.mark.parametrize("features", [FieldScores(PAIR), PairTfIdf(PAIR)], ids=["BM25", "TF-IDF"])
def test_what_a_query_shares_with_a_title_is_learned_from_training_rows_alone(features: Any) -> None:
    from sklearn.linear_model import Ridge

    train, valid = pairs()
    target, truth = train["relevance"].to_numpy(), valid["relevance"].to_numpy()
    train_features, valid_features = features(train, target, valid)
    error = np.sqrt(((Ridge(1.0).fit(train_features, target).predict(valid_features) - truth) ** 2).mean())
    assert error < 0.7 * truth.std()
    strange = valid.assign(query="žžžž", title=["öööö"] * 50 + ["bracket"] * 50)
    again, _ = features(train, target, strange)
    assert np.abs(train_features - again).max() == 0


# --- purchases -----------------------------------------------------------------------------------------------------


def test_the_popular_sold_most_in_the_last_week_then_ever_then_stands_first() -> None:
    train = log(
        *((0, 5, 99), (1, 5, 93)),
        *((0, 6, 99), (0, 6, 1), (5, 6, 92), (6, 6, 92), (7, 6, 92)),
        *((3, 4, 95), (4, 4, 10)),
        (2, 3, 95),
    )
    lists = Popularity(articles=9, days=7, answers=6).fit_predict(train, np.empty(0), customers(0, 8))
    assert lists.dtype == np.int64
    # 5 sold twice in the week from day 93; 6 once there and four times before, 4 once and once, 3 once. 7 and 8 never.
    assert lists.tolist() == [[5, 6, 4, 3, -1, -1]] * 2


def test_what_nobody_buys_twice_is_not_offered_again() -> None:
    once = log((0, 1, 10), (0, 2, 95), (1, 1, 20), (1, 3, 96), (2, 2, 99))
    popular = Popularity(articles=4, days=7, answers=3)
    assert popular.fit_predict(once, np.empty(0), customers(0, 3)).tolist() == [[3, -1, -1], [2, 3, 1]]
    again = log((0, 1, 10), (0, 2, 95), (1, 1, 20), (1, 3, 96), (2, 2, 99), (1, 1, 99))
    assert popular.fit_predict(again, np.empty(0), customers(0, 3)).tolist() == [[2, 1, 3]] * 2


def test_repurchase_names_the_latest_first_and_fills_up_with_the_popular() -> None:
    train = log((0, 7, 1), (0, 2, 50), (0, 7, 60), (0, 4, 60), (1, 5, 99), (2, 5, 99), (2, 3, 99))
    lists = Repurchase(articles=8, days=7, answers=5).fit_predict(train, np.empty(0), customers(0, 2, 9))
    assert lists.tolist() == [[4, 7, 2, 5, 3], [3, 5, 7, 2, 4], [5, 3, 7, 2, 4]]


@pytest.mark.parametrize("once", [True, False])
def test_item_knn_is_the_sum_of_cosines(once: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purchases, "CHUNK", 7)
    rng = np.random.default_rng(0)
    bought = [(int(c), int(a), int(d)) for c, a, d in zip(*rng.integers(0, [[30], [20], [93]], (3, 300)), strict=True)]
    # The last week decides whether an own article is offered: customer 0 buys their first one again, or nobody does.
    train = log(*bought, *([] if once else [(0, next(a for c, a, _ in bought if c == 0), 99)]))
    held = np.zeros((30, 20))
    held[train["customer"], train["article"]] = 1
    norms = np.sqrt(held.sum(0))
    scores = held @ (held.T @ held / np.outer(norms, norms))
    if once:
        scores[held > 0] = 0
    lists = ItemKNN(articles=20, days=7, answers=5).fit_predict(train, np.empty(0), customers(*range(30)))
    for customer, ranked in enumerate(lists):
        assert scores[customer, ranked] == pytest.approx(np.sort(scores[customer])[::-1][:5], rel=1e-5)


def test_item_knn_looks_at_the_last_purchases_and_the_nearest_articles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purchases, "HISTORY", 2)
    monkeypatch.setattr(purchases, "NEIGHBOURS", 2)
    train = log((0, 0, 1), (0, 1, 2), (0, 2, 3), (1, 2, 3), (1, 3, 4), (2, 2, 3), (2, 3, 5), (3, 4, 99))
    lists = ItemKNN(articles=5, days=7, answers=2).fit_predict(train, np.empty(0), customers(0, 3))
    # Customer 0 has 1 and 2 in mind; 2 is near itself and 3. Customer 3 gets what is popular.
    assert lists.tolist() == [[3, 4], [2, 3]]


def test_lists_of_distinct_codes() -> None:
    lists = np.array([[3, 3, -1, 2, 5], [-1, -1, -1, -1, -1], [1, 2, 1, 2, 0]])
    assert first_distinct(lists, 3).tolist() == [[3, 2, 5], [-1, -1, -1], [1, 2, 0]]
    assert first_distinct(lists, 3, skip=1).tolist() == [[2, 5, -1], [-1, -1, -1], [2, 0, -1]]
    assert first_distinct(lists[:, :1], 2).tolist() == [[3, -1], [-1, -1], [1, -1]]


def test_a_later_purchase_reaches_no_list() -> None:
    """The models read no columns of `valid` other than customer and day."""
    rng = np.random.default_rng(1)
    train = log(*[(int(c), int(a), int(d)) for c, a, d in rng.integers(0, [20, 15, 100], (200, 3))])
    for model in (Popularity(15, 7, 5), Repurchase(15, 7, 5), ItemKNN(15, 7, 5)):
        plain = model.fit_predict(train, np.empty(0), customers(*range(20)))
        with_targets = model.fit_predict(train, np.empty(0), customers(*range(20)).assign(t0=3))
        assert (plain == with_targets).all()
        assert all(max(Counter(row[row >= 0].tolist()).values()) == 1 for row in plain)


def _rows(train: pd.DataFrame) -> Any:
    from groundwork.data.rows import PreparedRows

    nothing: dict[str, Any] = {"final": False, "test": train, "sample_submission": Path(), "data_sha256": ""}
    return PreparedRows(folds=[0], train=train, fold=train, folds_sha256="", **nothing)
