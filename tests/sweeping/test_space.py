"""What sweeps/<lane>.yaml may say, checked by the schema of params.yaml before anything is trained."""

import re
from pathlib import Path

import pytest

from groundwork import params, yaml_file
from groundwork.errors import UserError
from groundwork.sweeping.space import Space, read


@pytest.fixture
def folder(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "params.yaml").write_bytes((repository / "params.yaml").read_bytes())
    (tmp_path / "sweeps").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def space(written: str | None = None, lane_name: str = "titanic") -> Space:
    if written is not None:
        Path("sweeps", f"{lane_name}.yaml").write_text(written)
    return read(params.load(), yaml_file.read(Path("params.yaml"), "fix it"), lane_name)


def refused(written: str | None) -> UserError:
    with pytest.raises(UserError) as error:
        space(written)
    return error.value


@pytest.mark.usefixtures("folder")
def test_everything_that_is_wrong_is_said_in_one_message() -> None:
    error = refused(
        """
        dropout: {low: 0.5, high: 1.5}
        width: {choices: [32, 0, wide]}
        learning_rat: {low: 0.1, high: 0.2}
        betas: {choices: [[0.9, 0.99], [0.9]]}
        folds: {choices: [5]}
        seeds: {low: 1, high: 3}
        decay: 3
        """
    )
    own = (
        "dropout: found 1.5 (float); expected less than 1",
        "width: found 0 (int); expected greater than or equal to 1",
        "width: found 'wide' (str); expected a valid integer",
        "betas: found [0.9] (list); expected",
        "learning_rat: unknown key; did you mean 'training.learning_rate'?",
        "seeds: is not what to try; `--seeds` trains both sides with several seeds",
        "folds: other rows or folds cannot be compared; expected a key of encoding, model, objective or training",
    )
    for problem in own:
        assert re.search(rf"(?m)^params.yaml: competitions.titanic.([a-z.]+\.)?{re.escape(problem)}", error.problem)
    assert "sweeps/titanic.yaml: decay: found 3; expected {low: 0.0, high: 0.5}" in error.problem
    assert len(error.problem.splitlines()) == len(own) + 1
    assert error.next_step == "fix sweeps/titanic.yaml; params.yaml is not affected"
    assert error.exit_code == 2


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{low: 0.5}", "found {low: 0.5}; expected"),
        ("{low: 0.5, high: 0.1}", "found low 0.5 and high 0.1; expected a low below the high"),
        ("{low: 0.0, high: 0.5, log: true}", "log: expected a low above 0 and no step"),
        ("{low: 0.1, high: 0.5, log: 1}", "log: found 1; expected true or false"),
        ("{low: 0.0, high: 0.5, step: 0.2}", "step: found 0.2; expected a number that leads from low to high"),
        ("{low: true, high: 0.5}", "low: found true; expected a number"),
        ("{low: 0.0, high: .inf}", "high: found Infinity; expected a number"),
        ("{choices: []}", "choices: found []; expected a list of values"),
        ("{choices: [0.1, 0.1]}", "choices: found [0.1, 0.1], with a value twice"),
        ("{choices: [0.1], low: 0}", "expected {low: 0.0, high: 0.5}"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_an_entry_is_a_range_or_choices(entry: str, problem: str) -> None:
    said = refused(f"dropout: {entry}").problem
    assert said.startswith("sweeps/titanic.yaml: dropout: ")
    assert problem in said


@pytest.mark.usefixtures("folder")
def test_a_missing_file_is_answered_with_an_example_that_works() -> None:
    for lane_name in params.load().competitions:
        with pytest.raises(UserError, match="not found") as error:
            space(lane_name=lane_name)
        example = "\n".join(line.strip() for line in error.value.next_step.splitlines()[1:])
        assert "training.learning_rate" in space(example, lane_name).keys
    assert "found no keys" in refused("").problem


@pytest.mark.usefixtures("folder")
def test_values_are_readable_and_inside_and_lists_are_what_they_were() -> None:
    found = space(
        """
        dropout: {low: 0.0, high: 0.6, step: 0.05}
        learning_rate: {low: 0.001, high: 0.0123456, log: true}
        weight_decay: {low: 0, high: 1}
        depth: {low: 1, high: 3}
        betas: {choices: [[0.9, 0.99], [0.8, 0.99]]}
        gradient_clip: {choices: [null, 1.0]}
        """
    )
    drawn = {
        "model.dropout": 0.15000000000000002,
        "training.learning_rate": 0.0123456,
        "training.weight_decay": 0.123456789,
        "model.depth": 2,
        "training.optimizer.betas": "[0.8, 0.99]",
        "training.gradient_clip": "null",
    }
    for key, distribution in found.distributions.items():
        assert distribution._contains(distribution.to_internal_repr(drawn[key])), key
    assert found.changes(drawn) == {
        "model.dropout": 0.15,
        "training.learning_rate": 0.0123456,
        "training.weight_decay": 0.1235,
        "model.depth": 2,
        "training.optimizer.betas": [0.8, 0.99],
        "training.gradient_clip": None,
    }
    shown = found.shown(drawn)
    assert (shown["weight_decay"], shown["betas"], shown["gradient_clip"]) == (0.1235, "[0.8, 0.99]", "null")


@pytest.mark.usefixtures("folder")
def test_the_current_settings_are_the_first_trial_where_they_lie_inside() -> None:
    lane = params.load().lane("titanic")
    inside = space("dropout: {low: 0.0, high: 0.6, step: 0.05}\nwidth: {choices: [32, 64]}")
    drawn = inside.drawn(lane)
    assert drawn == {"model.dropout": 0.3, "model.width": "64"}
    assert inside.changes(drawn) == {"model.dropout": 0.3, "model.width": 64}
    for outside in (
        "dropout: {low: 0.4, high: 0.6}",
        "dropout: {low: 0.0, high: 0.6, step: 0.2}",
        "width: {choices: [1]}",
    ):
        assert space(outside).drawn(lane) is None


@pytest.mark.parametrize("lane_name", ["titanic", "house-prices"])
def test_the_shipped_sweeps_hold_the_shipped_settings(repository: Path, folder: Path, lane_name: str) -> None:
    found = space((repository / "sweeps" / f"{lane_name}.yaml").read_text(), lane_name)
    assert found.drawn(params.load().lane(lane_name)) is not None
