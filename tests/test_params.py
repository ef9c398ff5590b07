"""params.yaml: every mistake is named with its key, what was found and what is allowed."""

from pathlib import Path

import pytest

from groundwork import competitions, params
from groundwork.errors import UserError


@pytest.fixture
def text(repository: Path) -> str:
    return (repository / "params.yaml").read_text()


def refused(tmp_path: Path, text: str) -> str:
    file = tmp_path / "params.yaml"
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        params.load(file)
    assert caught.value.next_step
    return caught.value.problem


def test_the_shipped_file_is_valid_and_keeps_to_one_screen(repository: Path, text: str) -> None:
    lanes = params.load(repository / "params.yaml").competitions.values()
    assert {lane.competition for lane in lanes} == set(competitions.names())
    assert len(text.splitlines()) < 120
    assert len((repository / "dvc.yaml").read_text().splitlines()) < 80


@pytest.mark.parametrize(
    ("there", "instead", "said"),
    [
        ("seed: 0", "sead: 0", "sead: unknown key; did you mean 'seed'?"),
        ("seed: 0", "sead: 0", "seed: missing"),
        ("seed: 0", "seed: zero", "seed: found 'zero' (str); expected a valid integer"),
        ("seed: 0", "seed: -1", "seed: found -1 (int); expected greater than or equal to 0"),
        (
            "mode: offline",
            "mode: onlin",
            "tracking.mode: found 'onlin' (str); expected 'offline', 'online' or 'disabled'",
        ),
        ("    width: 128", "    widht: 128", "house-prices.model.widht: unknown key; did you mean 'width'?"),
        ("    width: 128", "    width: 1.5", "house-prices.model.width: found 1.5 (float); expected a valid integer"),
        ("    dropout: 0.2", "    dropout: 1.0", "house-prices.model.dropout: found 1.0 (float); expected less than 1"),
        ("network: cnn", "network: resnet", "digit-recognizer.model.network: found 'resnet'; expected 'fnn' or 'cnn'"),
        ("folds: all", "folds: some", "training.folds: found 'some' (str); expected 'all' or a valid integer"),
        ("  devices: auto", "  devices: [0, x]", "hardware.devices.1: found 'x' (str); expected a valid integer"),
        ("max_time: null", "max_time: 1h", "training.max_time: found '1h' (str); expected DD:HH:MM:SS"),
        ("  titanic:", "  titanic: 3\n  other:", "competitions.titanic: found 3 (int); expected a section with keys"),
        ("seed: 0", "seed: [0", "is not YAML: while parsing a flow sequence"),
        ("seed: 0", "seed: 0\nseed: 1", "line 4: key 'seed' stands twice in its section; expected once"),
        ("  titanic:", "  Titanic two:", "competitions.Titanic two: found 'Titanic two' (str); expected small letters"),
        ("project: groundwork", "project: a/b", "tracking.project: found 'a/b' (str); expected letters, digits"),
        ("    epochs: 20", "    epochs: 20\n    epochs: 21", "key 'epochs' stands twice in its section"),
        ("seed: 0", "seed: .nan", "seed: found nan (float)"),
        ("folds_seed: 0", "folds_seed: -1", "folds_seed: found -1 (int); expected greater than or equal to 0"),
        ("folds_seed: 0", "folds_sead: 0", "folds_seed: missing"),
        ("store: 5 GB", "store: 5", "store: found 5 (int); expected a valid string"),
        ("store: 5 GB", "store: 5 GiB", "store: found '5 GiB' (str); expected a number and MB, GB or TB, such as 5 GB"),
        ("store: 5 GB", "store: -5 GB", "store: found '-5 GB' (str); expected a number and MB, GB or TB"),
        (
            "{name: adamw,",
            "{name: adam2,",
            "training.optimizer.name: found 'adam2'; expected 'adamw' or 'adam' or 'sgd' or 'rmsprop' or 'adagrad' or",
        ),
        (
            "{name: adamw,",
            "{name: sgd,",
            "training.optimizer.betas: unknown key; another choice of this section has it",
        ),
        ("{name: adamw,", "{name: sgd,", "training.optimizer.nesterov: missing"),
        (
            "{name: adamw, betas: [0.9, 0.999]",
            "{name: adamw, betas: [0.9]",
            "training.optimizer.betas: found [0.9] (list)",
        ),
        (
            "{name: adamw, betas: [0.9, 0.999], eps: 1.0e-8}",
            "{name: sgd, momentum: 0.0, nesterov: true}",
            "expected a momentum above 0 where nesterov is true",
        ),
        ("callbacks: []", "callbacks: [{callback: a b}]", "callbacks.0.callback: found 'a b' (str); expected a dotted"),
        ("callbacks: []", "callbacks: [{path: x}]", "training.callbacks.0.callback: missing"),
    ],
)
def test_a_mistake_is_named(there: str, instead: str, said: str, text: str, tmp_path: Path) -> None:
    assert there in text
    assert said in refused(tmp_path, text.replace(there, instead, 1))


def test_all_mistakes_are_named_at_once(text: str, tmp_path: Path) -> None:
    wrong = text.replace("\nseed: 0", "\nseed: x").replace("mode: offline", "mode: x")
    assert len(refused(tmp_path, wrong).splitlines()) == 2


def test_numbers_are_read_as_dvc_reads_them(text: str, tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(text.replace("    learning_rate: 0.004", "    learning_rate: 4e-3"))
    assert params.load(file).lane("house-prices").training.learning_rate == 0.004


@pytest.mark.parametrize("content", ["", "[1, 2]", "word"])
def test_a_file_without_keys_is_refused(content: str, tmp_path: Path) -> None:
    assert "expected keys and values" in refused(tmp_path, content)


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not found"):
        params.load(tmp_path / "params.yaml")


def test_an_unknown_lane_gets_the_nearest_name(repository: Path) -> None:
    with pytest.raises(UserError, match="no lane 'titanik'; did you mean 'titanic'"):
        params.load(repository / "params.yaml").lane("titanik")
