"""Kinds, metrics, losses, encodings and networks that do not suit each other are all named in one message."""

import dataclasses
import importlib
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from groundwork import competitions, params
from groundwork.competitions import Inputs, Pair
from groundwork.errors import UserError
from groundwork.objectives.metrics import Metric
from groundwork.sections.losses import Loss, LossSettings, Poisson
from groundwork.settings import Blend, Params
from groundwork.stages.validate import validate


@pytest.fixture
def shipped(repository: Path) -> Params:
    return params.load(repository / "params.yaml")


def problems(read: Params, lane_name: str, monkeypatch: pytest.MonkeyPatch | None = None, **changes: Any) -> list[str]:
    """Return the problems of a lane, with `changes` to its competition."""
    lane = read.competitions[lane_name]
    if monkeypatch:
        module = importlib.import_module(f"groundwork.competitions.{lane.competition}")
        monkeypatch.setattr(module, "competition", dataclasses.replace(module.competition, **changes))
    with pytest.raises(UserError) as caught:
        validate(read.model_copy(update={"competitions": {lane_name: lane}}))
    return caught.value.problem.splitlines()


def with_sections(read: Params, lane_name: str, **sections: Any) -> Params:
    """Replace sections of a lane."""
    lane = read.competitions[lane_name].model_copy(update=sections)
    return read.model_copy(update={"competitions": {lane_name: lane}})


def test_the_shipped_lanes_suit_their_competitions(shipped: Params) -> None:
    validate(shipped)


def test_all_mismatches_of_a_lane_come_in_one_message(shipped: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = shipped.competitions["digit-recognizer"]
    prices = shipped.competitions["house-prices"]
    mixed = with_sections(shipped, "titanic", encoding=digits.encoding, model=digits.model, objective=prices.objective)
    messages = problems(mixed, "titanic", monkeypatch, metric="rmse", further_metrics=("Log Loss", "acuracy"))
    assert messages == [
        "src/groundwork/competitions/titanic.py: metric: found rmse, which suits regression or search; classification "
        "needs accuracy, balanced_accuracy, f1, f2, f0.5, f1_micro, f1_macro, f1_weighted, f2_micro, f2_macro, "
        "f0.5_macro, mcc, kappa, kappa_linear, kappa_quadratic, auc, average_precision, log_loss, brier, gini, "
        "top3_accuracy, top5_accuracy, map@3, map@5 or map@7",
        "src/groundwork/competitions/titanic.py: further_metrics: found 'Log Loss'; write 'log_loss'",
        "src/groundwork/competitions/titanic.py: further_metrics: found 'acuracy'; did you mean 'accuracy'?",
        "params.yaml: competitions.titanic.encoding.inputs: found image; titanic needs table",
        "params.yaml: competitions.titanic.model.network: found cnn; titanic needs fnn or lightgbm or catboost",
        "params.yaml: competitions.titanic.objective.loss: found smooth_l1; titanic needs cross_entropy or ordinal",
    ]


def test_an_unknown_kind_is_named(shipped: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = problems(shipped, "titanic", monkeypatch, kind="clasification")
    assert problem.endswith("titanic.py: kind: found 'clasification'; did you mean 'classification'?")


def test_a_suspicion_that_the_gate_does_not_have_is_named(shipped: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = problems(shipped, "titanic", monkeypatch, gate={"constant": "rare", "shifted": "sold later"})
    assert problem.endswith("gate: found 'shifted'; did you mean 'shift'?; expected constant or shift")


def test_an_unknown_kind_of_two_lanes_and_their_blend_is_named_once(
    shipped: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("groundwork.competitions.titanic")
    monkeypatch.setattr(module, "competition", dataclasses.replace(module.competition, kind="clasification"))
    titanic = shipped.competitions["titanic"]
    lanes = {"titanic": titanic, "titanic-2": titanic}
    blends = TypeAdapter(dict[str, Blend]).validate_python({"mean": {"members": [*lanes], "method": "nnls"}})
    with pytest.raises(UserError, match=r"\A[^\n]*did you mean 'classification'\?\n[^\n]*\Z"):
        validate(shipped.model_copy(update={"competitions": lanes, "blends": blends}))


@pytest.mark.parametrize(
    ("lane_name", "changes", "loss_of"),
    [
        ("toxic-comments", {"kind": "classification", "metric": "accuracy"}, "titanic"),
        ("toxic-comments", {"kind": "regression", "metric": "rmse"}, "house-prices"),
        ("digit-recognizer", {"kind": "regression", "metric": "rmse"}, "house-prices"),
        ("digit-recognizer", {"kind": "tagging", "metric": "auc"}, "toxic-comments"),
        ("house-prices", {"kind": "search", "further_metrics": ("ndcg@10",), "query": "Neighborhood"}, None),
        ("product-search", {"kind": "classification", "metric": "accuracy", "further_metrics": ()}, "titanic"),
    ],
)
def test_any_kind_takes_any_rows(
    lane_name: str, changes: dict[str, Any], loss_of: str | None, shipped: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module(f"groundwork.competitions.{shipped.competitions[lane_name].competition}")
    monkeypatch.setattr(module, "competition", dataclasses.replace(module.competition, **changes))
    objective = shipped.competitions[loss_of or lane_name].objective
    validate(with_sections(shipped, lane_name, objective=objective))


def test_a_ranking_metric_needs_a_query(shipped: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = problems(shipped, "house-prices", monkeypatch, kind="search", further_metrics=("mrr",))
    assert problem.endswith(
        "further_metrics: found mrr, which ranks the rows of a query; expected the key `query`, a column"
    )


def test_purchases_are_for_recommendation_and_recommendation_for_purchases(
    shipped: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = {"kind": "classification", "metric": "accuracy", "further_metrics": ()}
    messages = problems(shipped, "fashion-recommendations", monkeypatch, **log)
    assert (
        "kind: found classification; expected recommendation, which networks for history inputs predict" in messages[0]
    )
    messages = problems(shipped, "titanic", monkeypatch, kind="recommendation", metric="map@12")
    assert "kind: found recommendation, which needs inputs of history; found inputs of table" in messages[0]


def test_fewer_candidates_than_answers_and_early_stopping_do_not_suit_purchases(shipped: Params) -> None:
    lane = shipped.competitions["fashion-recommendations"]
    few = lane.objective.model_copy(update={"candidates": 3})
    stopping = shipped.competitions["digit-recognizer"].training.early_stopping
    training = lane.training.model_copy(update={"early_stopping": stopping})
    name = "fashion-recommendations"
    messages = problems(with_sections(shipped, name, objective=few, training=training), name)
    assert messages[0].startswith(
        f"params.yaml: competitions.{name}.objective.candidates: found 3; expected 12 or more"
    )
    assert messages[1].startswith(f"params.yaml: competitions.{name}.training.early_stopping: found a section")
    assert len(messages) == 2


def test_no_network_reads_a_picture_and_a_table(shipped: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    mixed = Inputs(numeric=("a",), pair=Pair("query", "document", ("title",)))
    (problem, *_) = problems(shipped, "titanic", monkeypatch, inputs=mixed)
    assert "inputs: found pair and table; expected one of them: a network reads one kind" in problem


def test_competitions_say_what_their_kinds_need() -> None:
    tasks = {competitions.load(name).slug: competitions.load(name).task for name in competitions.names()}
    assert tasks["titanic"].targets == ("Survived",)
    assert tasks["house-prices-advanced-regression-techniques"].log
    assert tasks["home-depot-product-search-relevance"].query == "search_term"
    assert tasks["h-and-m-personalized-fashion-recommendations"].answers == 12


def test_a_text_with_a_table_needs_the_section_columns_and_a_text_alone_refuses_it(
    shipped: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    from groundwork.sections.encodings import TableTextEncoding
    from groundwork.sections.networks import ColumnsSettings

    lane, name = shipped.competitions["toxic-comments"], "toxic-comments"
    columns = ColumnsSettings(bins=4, embedding=4)
    with_columns = lane.model.model_copy(update={"columns": columns})
    (problem,) = problems(with_sections(shipped, name, model=with_columns), name)
    assert (
        problem == f"params.yaml: competitions.{name}.model.columns: expected null: the encoding gives no table columns"
    )
    table = shipped.competitions["titanic"].encoding
    encoding = TableTextEncoding.model_validate({"inputs": "table+text", "table": table, "text": lane.encoding})
    (problem, *_) = problems(shipped, name, monkeypatch, inputs=Inputs(numeric=("length",), text="comment_text"))
    assert problem == f"params.yaml: competitions.{name}.encoding.inputs: found text; toxic_comments needs table+text"
    (problem,) = problems(with_sections(shipped, name, encoding=encoding), name)
    assert problem.endswith(f"{name}.model.columns: expected a section for the table columns")
    validate(with_sections(shipped, name, encoding=encoding, model=with_columns))


def test_a_metric_of_ones_own_is_checked_like_any_other(shipped: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    def spread(target: Any, prediction: Any) -> float:
        return 0.0

    numbers = Metric.of(spread, needs="numbers", higher_is_better=True)
    (problem,) = problems(shipped, "titanic", monkeypatch, metric=numbers)
    assert "metric: found spread, which suits regression or search; classification needs accuracy, " in problem
    module = importlib.import_module("groundwork.competitions.titanic")
    chances = Metric.of(spread, needs="probabilities", higher_is_better=True)
    monkeypatch.setattr(module, "competition", dataclasses.replace(module.competition, metric=chances))
    validate(shipped)


def test_a_bare_function_is_no_metric(shipped: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = problems(shipped, "titanic", monkeypatch, metric=min)
    assert "metric: found <built-in function min>; expected accuracy, " in problem
    assert problem.endswith(", or Metric.of(function, ...) for one of your own")


@pytest.mark.parametrize(
    ("name", "loss", "other"),
    [
        ("titanic", {"loss": "cross_entropy"}, "balanced_accuracy"),
        ("toxic-comments", {"loss": "binary_cross_entropy"}, "auc"),
    ],
)
def test_a_loss_that_shifts_probabilities_does_not_suit_a_metric_that_scores_them(
    shipped: Params, monkeypatch: pytest.MonkeyPatch, name: str, loss: dict[str, str], other: str
) -> None:
    section = {**loss, "label_smoothing": 0.0, "class_weight": "balanced", "focal": 2.0}
    losses: TypeAdapter[Loss] = TypeAdapter(LossSettings)
    weighted = with_sections(shipped, name, objective=losses.validate_python(section))
    messages = problems(weighted, name, monkeypatch, metric="log_loss")
    assert messages == [
        f"params.yaml: competitions.{name}.objective.{found}; expected it left out: log_loss scores the probabilities "
        "themselves, which it shifts"
        for found in ("class_weight: found balanced", "focal: found 2.0")
    ]
    module = importlib.import_module(f"groundwork.competitions.{name.replace('-', '_')}")
    monkeypatch.setattr(module, "competition", dataclasses.replace(module.competition, metric=other))
    validate(weighted)


def test_a_target_has_one_logarithm_at_most(shipped: Params) -> None:
    counts = Poisson.model_validate({"loss": "poisson"})
    (problem,) = problems(with_sections(shipped, "house-prices", objective=counts), "house-prices")
    assert problem.startswith(
        "params.yaml: competitions.house-prices.objective.loss: found poisson, which learns a log"
    )
