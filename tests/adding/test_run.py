"""`groundwork add` and `remove` in a copy of the workspace: what they write, refuse, and leave alone."""

import os
import pty
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from tests.adding.archives_of import CASES, ROWS, Case, write
from tests.services import kaggle_fixture

from groundwork.adding import archive
from groundwork.errors import UserError

kaggle_server = kaggle_fixture.kaggle_server
COMPETITIONS = Path("src/groundwork/competitions")


@pytest.fixture(scope="module")
def copied(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workspace")
    shutil.copytree(repository / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(repository / name, folder)
    return folder


@pytest.fixture
def workspace(copied: Path) -> Path:
    """A workspace as it was cloned: what an earlier test has added is gone."""
    before = {path: path.read_bytes() for path in (copied / "params.yaml", *(copied / COMPETITIONS).glob("*.py"))}
    shutil.rmtree(copied / "data", ignore_errors=True)
    yield copied
    for path in {*(copied / COMPETITIONS).glob("*.py")} - before.keys():
        path.unlink()
    for path, content in before.items():
        path.write_bytes(content)


def groundwork(folder: Path, *arguments: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "200", "NO_COLOR": "1", **more}
    command = [sys.executable, "-c", "from groundwork.cli import main; main()", *arguments]
    return subprocess.run(
        command,
        cwd=cwd or folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def state(folder: Path) -> dict[str, bytes]:
    files = [folder / "params.yaml", *(folder / COMPETITIONS).glob("*.py"), *(folder / "data").rglob("*.zip")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def refused(folder: Path, *arguments: str) -> str:
    """The message of a refusal, which leaves the workspace as it was."""
    before = state(folder)
    done = groundwork(folder, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "-> " in done.stderr
    assert state(folder) == before
    return done.stderr


def test_a_competition_is_added_validated_and_removed(workspace, tmp_path):
    before = state(workspace)
    given = write(CASES["class-names"], tmp_path / "given.zip")
    done = groundwork(workspace, "add", "3d-x", "--archive", str(given))
    assert done.returncode == 0, done.stderr
    assert "classification" in done.stdout
    assert "4 labels: fair, good, great, poor" in done.stdout
    assert "next: `groundwork repro 3d-x-mean`" in done.stdout
    assert (workspace / "data/kaggle/3d-x.zip").read_bytes() == given.read_bytes()
    assert (workspace / COMPETITIONS / "c3d_x.py").exists()
    text = (workspace / "params.yaml").read_text()
    assert text.startswith(before["params.yaml"].decode())
    assert "\n  3d-x:\n    competition: c3d_x\n    source: kaggle\n" in text
    assert "\n  3d-x-trees:\n    competition: c3d_x\n" in text
    assert "\nblends:\n  3d-x-mean: {members: [3d-x, 3d-x-trees], method: nnls}\n" in text
    again = groundwork(workspace, "validate")
    assert again.returncode == 0
    assert "nothing wrong in 8 lanes" in again.stdout
    assert "the lane 3d-x is already there" in refused(workspace, "add", "3d-x")
    removed = groundwork(workspace, "remove", "3d-x")
    assert removed.returncode == 0, removed.stderr
    after = state(workspace)
    assert after.pop("data/kaggle/3d-x.zip")
    assert after == before


def test_an_archive_that_lies_there_is_taken_and_a_dry_run_writes_nothing(workspace):
    (workspace / "data/kaggle").mkdir(parents=True)
    write(CASES["two-numbers"], workspace / "data/kaggle/my-thing.zip")
    before = state(workspace)
    done = groundwork(workspace, "add", "my-thing", "--dry-run", "--metric", "rmse")
    assert done.returncode == 0, done.stderr
    assert 'targets=("height", "weight"),' in done.stdout
    assert "nothing was written (--dry-run)" in done.stdout
    assert "  my-thing:\n    competition: my_thing\n" in done.stdout
    assert state(workspace) == before


def test_a_dry_run_does_not_keep_the_archive(workspace, tmp_path):
    given = write(CASES["class-names"], tmp_path / "given.zip")
    assert groundwork(workspace, "add", "x-y", "--archive", str(given), "--dry-run").returncode == 0
    assert not (workspace / "data").exists()


def test_wrong_wishes_are_refused_in_words_and_nothing_is_written(workspace, tmp_path):
    given = str(write(CASES["class-names"], tmp_path / "given.zip"))
    other = str(write(CASES["ratings"], tmp_path / "other.zip"))
    (workspace / "data/kaggle").mkdir(parents=True)
    shutil.copy(given, workspace / "data/kaggle/x-y.zip")
    for arguments, said in (
        (["My Competition"], "is not the name of a competition"),
        (["titanic", "--archive", given], "the lane titanic is already there"),
        (["titanic", "--archive", given, "--name", "titanic-2", "--metric", "acuracy"], "did you mean 'accuracy'?"),
        (["x-y", "--archive", other], "is already there and differs from"),
        (["x-y", "--kind", "classifcation"], "did you mean 'classification'?"),
        (["x-y", "--target", "grad"], "did you mean 'grade'?"),
        (["x-y", "--id", "idd"], "has no column 'idd'"),
        (["x-y", "--train", "tain.csv"], "did you mean 'train.csv'?"),
        (["x-y", "--name", "X Y"], "--name: found 'X Y'"),
        (["x-y", "--metric", "rmse"], "metric"),
        (["z", "--archive", str(tmp_path)], "found a folder; expected the competition's zip file"),
        (["z", "--archive", str(tmp_path / "no.zip")], "found nothing; expected the competition's zip file"),
        (["z", "--archive", __file__], "is not a whole zip file"),
        (["z"], "no Kaggle credentials found"),
    ):
        assert said in refused(workspace, "add", *arguments), arguments


def test_a_second_lane_of_one_competition_gets_a_file_of_its_own(workspace, tmp_path):
    given = str(write(CASES["class-names"], tmp_path / "given.zip"))
    for name in ("one", "two"):
        done = groundwork(workspace, "add", "x-y", "--archive", given, "--name", name)
        assert done.returncode == 0, done.stderr
    assert (workspace / COMPETITIONS / "two.py").exists()
    (workspace / COMPETITIONS / "three.py").write_text("x = 1\n")
    assert "three.py: is already there, which no lane uses" in refused(workspace, "add", "x-y", "--name", "three")


def test_a_lane_that_is_not_there_or_the_last_one_is_not_removed(workspace):
    assert "no lane 'titnic'; did you mean 'titanic'?" in refused(workspace, "remove", "titnic")
    done = groundwork(workspace, "remove", "titanic")
    assert done.returncode == 0
    assert "removed src/groundwork/competitions/titanic.py" in done.stdout
    assert groundwork(workspace, "validate").returncode == 0


FIFTEEN = Case({"stars": np.arange(ROWS) % 15 + 1}, {"stars": 3}, {})


@pytest.mark.parametrize(
    ("case", "typed", "asked", "right"),
    [
        (
            CASES["class-names"],
            b"f1_macro\n",
            ["metric: labels are wanted; not told, so check it"],
            "classification f1_macro",
        ),
        (FIFTEEN, b"regression\nmae\n", ["kind: 15 whole numbers", "metric: numbers are wanted"], "regression mae"),
    ],
)
def test_on_a_terminal_the_user_is_asked_where_nothing_was_told(case, typed, asked, right, workspace, tmp_path):
    given = write(case, tmp_path / "given.zip")
    main, terminal = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(workspace / "src"), "NO_COLOR": "1", "TERM": "dumb"}
    command = [sys.executable, "-c", "from groundwork.cli import main; main()", "add", "x-y", "--archive", str(given)]
    process = subprocess.Popen(
        command, cwd=workspace, env=environment, stdin=terminal, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    os.write(main, typed + b"\x04")  # the end of the input, so that a further question ends the command
    said = b""
    with suppress(OSError):
        while chunk := os.read(main, 1 << 16):
            said += chunk
    os.close(main)
    assert process.wait() == 0, said.decode()
    assert all(question in said.decode() for question in asked)
    assert said.count(b"kind:") + said.count(b"metric:") == len(asked)
    written = (workspace / COMPETITIONS / "x_y.py").read_text()
    assert " ".join(re.findall(r'^    (?:kind|metric)="(\w+)"', written, re.MULTILINE)) == right


def test_outside_of_a_clone_nothing_is_added(workspace, tmp_path):
    done = groundwork(workspace, "add", "x-y", cwd=tmp_path)
    assert done.returncode == 2
    assert "a competition is a file of the package" in done.stderr
    assert "git clone" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("told", "metric"), [("Root Mean Squared Error", "rmse"), ("Categorization Accuracy", "accuracy")]
)
def test_kaggle_is_asked_for_the_metric(kaggle_server, told, metric):
    kaggle_server.evaluation = told
    found = archive.metric("titanic", None)
    assert (found.value, found.reason) == (metric, f"Kaggle says {told}")
    assert archive.metric("titan", None) is None
    assert archive.metric("titanic", "accuracy").reason == "--metric"


def test_an_unknown_metric_of_kaggle_is_said_and_not_taken(kaggle_server, capsys):
    kaggle_server.evaluation = "Intersection over Unicorns"
    assert archive.metric("titanic", None) is None
    assert "Kaggle calls the metric 'Intersection over Unicorns'" in capsys.readouterr().err


def test_without_a_token_or_an_answer_nobody_is_asked(kaggle_server, monkeypatch):
    kaggle_server.stop()
    assert archive.metric("titanic", None) is None
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    assert archive.metric("titanic", None) is None


def test_an_archive_is_downloaded_where_a_token_is(kaggle_server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = archive.get("titanic", None)
    assert found.path == Path("data/kaggle/titanic.zip")
    assert found.path.is_file()
    monkeypatch.setattr(kaggle_server, "slug", "other")
    with pytest.raises(UserError, match="--archive FILE"):
        archive.get("titanik", None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--metric", "rmse"),
            "the metric rmse (--metric) does not suit classification (2 labels: False, True); expected",
        ),
        (("--metric", "f11"), "--metric: found 'f11'; did you mean 'f1'?"),
        (("--target", "nothing"), "nothing"),
    ],
)
def test_what_does_not_suit_the_archive_leaves_not_even_a_copy_of_it(options, said, workspace, tmp_path):
    given = write(CASES["bool-target"], tmp_path / "given.zip")
    assert said in refused(workspace, "add", "tried", "--archive", str(given), "--yes", *options)
    assert not (workspace / "data/kaggle/tried.zip").exists()
