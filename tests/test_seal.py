"""dvc.lock never records wrong code, parameters or data for a result, whatever is edited while stages run."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests import clone as clones
from tests.clone import DVC, GROUNDWORK, LANE, dvc, groundwork, outputs, read_params, set_training, write_params

NETWORK = "src/groundwork/models/fnn.py"


@pytest.fixture(scope="module")
def _prepared(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone whose data is prepared and whose lane is not trained yet."""
    folder = clones.make(repository, tmp_path_factory.mktemp("sealed"))
    done = dvc(folder, "repro", f"prepare@{LANE}")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def _reproduced(_prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone whose lane has all its results."""
    folder = copied(_prepared, tmp_path_factory.mktemp("reproduced"))
    done = groundwork(folder, "repro", LANE)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def clone(_prepared: Path, tmp_path: Path) -> Path:
    return copied(_prepared, tmp_path)


@pytest.fixture
def reproduced(_reproduced: Path, tmp_path: Path) -> Path:
    return copied(_reproduced, tmp_path)


def copied(folder: Path, place: Path) -> Path:
    subprocess.run(["cp", "-a", f"{folder}/.", place], check=True)
    return place


def locked(folder: Path) -> dict[str, object]:
    stages: dict[str, object] = YAML(typ="safe").load(folder / "dvc.lock")["stages"]
    return stages


def wait_for(process: "subprocess.Popen[str]", condition: Callable[[], bool]) -> None:
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def running(folder: Path, stage: str, parent: str) -> Callable[[], bool]:
    """Return a condition: the stage has taken its seal and has started."""
    return lambda: any((folder / parent).glob(f".{stage}.writing-*"))


def edit_parameter(folder: Path) -> None:
    set_training(folder, learning_rate=0.5)


def edit_code(folder: Path) -> None:
    file = folder / NETWORK
    file.write_text(file.read_text().replace("nn.ReLU()", "nn.Tanh()"))


def edit_data(folder: Path) -> None:
    (folder / "data/prepared" / LANE / "more.parquet").touch()


PLAIN, OURS = (*DVC, "repro", f"train@{LANE}"), (*GROUNDWORK, "repro", LANE)


@pytest.mark.parametrize(
    ("command", "code", "edit", "named"),
    [
        (PLAIN, 255, edit_parameter, f"params.yaml: competitions.{LANE}"),
        (OURS, 2, edit_parameter, f"params.yaml: competitions.{LANE}"),
        (PLAIN, 255, edit_code, "code of groundwork.models.fnn.FNN"),
        (PLAIN, 255, edit_data, f"data/prepared/{LANE}"),
    ],
)
def test_an_edit_while_a_stage_trains_is_refused(
    command: tuple[str, ...], code: int, edit: Callable[[Path], None], named: str, clone: Path
) -> None:
    process = clones.start(clone, *command)
    wait_for(process, running(clone, "train", f"results/{LANE}"))
    edit(clone)
    output, _ = process.communicate()
    assert process.returncode == code, output
    assert f"train@{LANE}: edited while it ran: {named}" in output
    assert "Traceback" not in output
    assert f"train@{LANE}" not in locked(clone)
    assert not (clone / "results" / LANE / "run.json").exists()


def test_an_edit_that_is_undone_before_dvc_hashes_is_refused(clone: Path) -> None:
    """A stage loads code that was edited while an earlier stage ran; the fingerprint that DVC knows is older."""
    source = (clone / NETWORK).read_text()
    edit_code(clone)
    # As if `validate` had run before the edit, and DVC had started this stage after it.
    failed = dvc(clone, "repro", "--single-item", f"train@{LANE}")
    assert failed.returncode == 255
    assert "groundwork.models.fnn.FNN" in failed.stderr
    assert "run `groundwork validate`" in failed.stderr
    (clone / NETWORK).write_text(source)
    assert f"train@{LANE}" not in locked(clone)
    assert dvc(clone, "repro", f"train@{LANE}").returncode == 0


def test_an_edit_after_a_stage_has_checked_is_refused_by_the_next_stage(clone: Path) -> None:
    """DVC hashes after the command has ended, so it records a late edit in dvc.lock; the next stage notices."""
    done = dvc(clone, "repro", f"train@{LANE}")
    assert done.returncode == 0, done.stdout + done.stderr
    text = (clone / "dvc.lock").read_text()
    rate = read_params(clone)["competitions"][LANE]["training"]["learning_rate"]
    wrong = text.replace(f"learning_rate: {rate}", "learning_rate: 0.5")
    assert wrong != text
    (clone / "dvc.lock").write_text(wrong)
    set_training(clone, learning_rate=0.5)
    status = dvc(clone, "status", f"train@{LANE}")
    assert "learning_rate" not in status.stdout  # DVC believes it

    refused = dvc(clone, "repro", f"evaluate@{LANE}")
    assert refused.returncode == 255
    assert f"dvc.lock: train@{LANE}: edited while it ran: params.yaml: competitions.{LANE}" in refused.stderr

    first = groundwork(clone, "repro", LANE)
    assert first.returncode == 2, first.stdout + first.stderr
    assert "the entry is removed from dvc.lock" in first.stderr
    second = groundwork(clone, "repro", LANE)
    assert second.returncode == 0, second.stdout + second.stderr


def test_a_stage_that_fails_leaves_its_former_outs(reproduced: Path) -> None:
    clone = reproduced
    before = outputs(clone)
    # Commands between two runs do not interfere.
    assert groundwork(clone, "report").returncode == 0
    params = read_params(clone)
    set_training(clone, learning_rate=1e30)
    failed = groundwork(clone, "repro", LANE)
    assert failed.returncode == 2
    assert f"train@{LANE}: its former results are in place (5 checked by hash)" in failed.stderr
    assert outputs(clone) == before
    plain = dvc(clone, "repro", f"train@{LANE}")
    assert plain.returncode == 255
    assert outputs(clone) == before
    # After the edit is undone, nothing has changed.
    write_params(clone, params)
    assert "didn't change" in dvc(clone, "repro", f"train@{LANE}").stdout


def test_a_former_out_that_is_gone_comes_back(reproduced: Path) -> None:
    clone = reproduced
    before = outputs(clone)
    (clone / "results" / LANE / "run.json").unlink()
    (clone / "results" / LANE / "oof.parquet").write_bytes(b"damaged")
    set_training(clone, learning_rate=1e30)
    failed = groundwork(clone, "repro", LANE)
    assert f"train@{LANE}: its former results are back in place" in failed.stderr
    assert outputs(clone) == before


def test_a_lanes_name_does_not_reach_the_shell(clone: Path) -> None:
    params = read_params(clone)
    params["competitions"]["titanic; touch x"] = params["competitions"][LANE]
    write_params(clone, params)
    for arguments in (("repro",), ("repro", "--single-item", "train@titanic; touch x")):
        done = dvc(clone, *arguments)
        assert done.returncode == 255
        assert not (clone / "x").exists()
