"""What was typed becomes variants, or a message in the words of params.yaml before anything is trained."""

from pathlib import Path

import pytest

from groundwork import params
from groundwork.errors import UserError
from groundwork.trying.changes import variants


@pytest.fixture(autouse=True)
def _in_the_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)


def names(lane: str, *typed: str) -> list[str]:
    return [variant.name for variant in variants(params.load(), lane, typed)]


def test_all_combinations_are_tried_once_and_not_the_current_settings() -> None:
    assert names("titanic", "dropout=0.3,0.4", "learning_rate=0.002,4e-3") == [
        "learning_rate=0.004", "dropout=0.4", "dropout=0.4 learning_rate=0.004",
    ]  # fmt: skip
    assert names("titanic", "dropout=0.4,0.4,.4") == ["dropout=0.4"]
    assert names("titanic", "dropout=0.3") == []


def test_a_variant_has_the_lanes_other_settings() -> None:
    settings = params.load()
    (variant,) = variants(settings, "titanic", ["dropout=0.5"])
    lane = settings.lane("titanic")
    assert variant.changes == {"model.dropout": 0.5}
    assert variant.lane == lane.model_copy(update={"model": lane.model.model_copy(update={"dropout": 0.5})})


def test_brackets_keep_a_comma_inside_of_a_value() -> None:
    found = variants(
        params.load(),
        "titanic",
        ["betas=[0.9, 0.99],[0.8, 0.99]", "early_stopping=null,{patience: 3, min_delta: 0.0, holdout: 0.1}"],
    )
    assert [variant.lane.training.optimizer.betas for variant in found] == [[0.9, 0.99]] * 2 + [[0.8, 0.99]] * 2
    assert [variant.lane.training.early_stopping is None for variant in found] == [True, False] * 2


def test_another_choice_of_a_section_leaves_out_what_it_has_no_key_for() -> None:
    settings = params.load()
    (loss,) = variants(settings, "house-prices", ["loss=squared_error"])
    assert loss.lane.objective.loss == "squared_error"
    (optimizer,) = variants(settings, "titanic", ["optimizer.name=rmsprop", "alpha=0.99", "momentum=0.0"])
    assert set(optimizer.lane.training.optimizer.model_dump()) == {"name", "alpha", "eps", "momentum"}
    trees = ["network=lightgbm", "rounds=9", "learning_rate=0.1", "l2=1.0", "holdout=0.0", "patience=5", "leaves=8"]
    trees += ["rows_per_leaf=9", "feature_share=1.0", "row_share=1.0", "set_codes=30", "label_smoothing=0.0"]
    with pytest.raises(UserError, match=r"learning_rate: found several keys; expected model.\w+ or training"):
        variants(settings, "titanic", trees)
    trees[2] = f"model.{trees[2]}"
    (grown,) = variants(settings, "titanic", trees)
    assert grown.lane.model.network == "lightgbm"
    assert grown.lane.training.model_dump() == {"folds": "all", "seeds": 1}


@pytest.mark.parametrize(
    ("lane", "typed", "said"),
    [
        ("titanic", "dropuot=0.4", "competitions.titanic.dropuot: unknown key; did you mean 'model.dropout'?"),
        ("titanic", "model.dropuot=0.4", "competitions.titanic.model.dropuot: unknown key; did you mean 'dropout'?"),
        ("titanic", "dropout=1.5", "competitions.titanic.model.dropout: found 1.5 (float); expected less than 1"),
        ("titanic", "width=a", "competitions.titanic.model.width: found 'a' (str); expected a valid integer"),
        ("titanic", "network=resnet", "competitions.titanic.model.network: found 'resnet'; expected"),
        ("titanic", "network=cnn", "competitions.titanic.model.channels: missing"),
        ("titanic", "loss=squared_error", "competitions.titanic.objective.loss: found squared_error; titanic needs"),
        ("titanic", "early_stopping.patience=3", "early_stopping.patience: found null in place of a section"),
        ("titanic", "folds=3", "competitions.titanic.folds: other rows or folds cannot be compared"),
        ("titanic", "training={folds: 2}", "training"),
        ("titanic", "seeds=3", "training.seeds: is not what to try; `--seeds` trains both sides"),
        ("product-search", "width=64", "width: found several keys; expected encoding.width or model.width"),
        ("titanic", "dropout", "found 'dropout'; expected a key and its values, such as dropout=0.4,0.5"),
        ("titanic", "dropout=", "expected a key and its values"),
        ("titanic", "betas=[0.9", "betas: found '[0.9', which is not YAML"),
        ("titanik", "dropout=0.4", "no lane 'titanik'; did you mean 'titanic'?"),
    ],
)
def test_what_is_wrong_is_named_as_params_yaml_would(lane: str, typed: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        names(lane, typed)
    assert said in caught.value.problem
    assert caught.value.next_step


def test_all_mistakes_are_in_one_message() -> None:
    with pytest.raises(UserError) as caught:
        names("titanic", "dropout=0.4,1.5,2.5", "width=0")
    assert sorted(caught.value.problem.splitlines()) == [
        "params.yaml: competitions.titanic.model.dropout: found 1.5 (float); expected less than 1",
        "params.yaml: competitions.titanic.model.dropout: found 2.5 (float); expected less than 1",
        "params.yaml: competitions.titanic.model.width: found 0 (int); expected greater than or equal to 1",
    ]
    with pytest.raises(UserError, match="dropout: found twice"):
        names("titanic", "dropout=0.4", "model.dropout=0.5")
