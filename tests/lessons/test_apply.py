from pathlib import Path

import pytest

from groundwork.errors import UserError
from groundwork.lessons import apply


def test_a_fold_is_trained_as_the_changed_settings_say() -> None:
    run = apply.train("titanic", {"training.epochs": 2, "model.width": 8, "model.members": 1})
    assert run.metric == "accuracy"
    assert 0.5 < run.score <= 1
    assert len(run.history) == 2
    assert "train_loss" in run.history
    assert run.trained.model.width == 8  # type: ignore[union-attr]


def test_the_shipped_settings_stay_as_they_are() -> None:
    before = apply.settings("titanic")
    assert apply.settings("titanic", {"training.epochs": 1}).training.epochs == 1
    assert apply.settings("titanic") == before


def test_the_same_seed_gives_the_same_score() -> None:
    changes = {"training.epochs": 1}
    assert apply.train("titanic", changes).history.equals(apply.train("titanic", changes).history)


def test_baselines_are_scored_on_the_folds_validation_rows() -> None:
    scores = apply.baselines("titanic")
    assert scores["constant"] < scores["logistic regression"]


def test_an_unknown_key_is_told_as_in_params_yaml() -> None:
    with pytest.raises(UserError, match=r"changes .*: competitions\.titanic\.model\.droput: unknown key"):
        apply.train("titanic", {"model.droput": 0.1})


def test_a_mistake_in_params_yaml_is_told_as_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (apply.ROOT / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text.replace("dropout: 0.2", "dropout: 2.0", 1))
    monkeypatch.setattr(apply, "ROOT", tmp_path)
    with pytest.raises(UserError, match=r"^\S*params\.yaml: competitions\.house-prices\.model\.dropout: found 2\.0"):
        apply.train("titanic", {"training.epochs": 1})


def test_an_unknown_lane_is_told_the_nearest() -> None:
    with pytest.raises(UserError, match="titanic"):
        apply.train("titanik", {"training.epochs": 1})


def test_a_key_below_a_value_is_told() -> None:
    with pytest.raises(UserError, match=r"found a value at 'width'; expected a section"):
        apply.train("titanic", {"model.width.x": 1})


def test_a_fold_that_is_not_there_is_told() -> None:
    with pytest.raises(UserError, match="fold 99: not found"):
        apply.train("titanic", {"training.epochs": 1}, fold=99)
