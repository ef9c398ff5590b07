"""The command line: light at the start, one message and exit code 2 for the user's mistakes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.full_disk import fill

HEAVY = ("torch", "pytorch_lightning", "torchmetrics", "wandb", "kaggle", "sklearn", "pandas", "numpy", "matplotlib")


@pytest.fixture(scope="session")
def _code(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `groundwork validate` notes of the stages' code."""
    folder = tmp_path_factory.mktemp("code")
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(repository / name, folder)
    assert groundwork(folder, "validate").returncode == 0
    return folder / "data"


@pytest.fixture
def folder(repository: Path, tmp_path: Path, _code: Path) -> Path:
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(repository / name, tmp_path)
    shutil.copytree(_code, tmp_path / "data")
    return tmp_path


def groundwork(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from groundwork.cli import main; main()", *arguments]
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def refused(folder: Path, *arguments: str) -> str:
    done = groundwork(folder, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "->" in done.stderr
    return done.stderr


def loaded(statement: str, folder: Path) -> set[str]:
    script = f"import sys\n{statement}\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    return {name for name in done.stderr.split() if name in HEAVY}


def test_help_loads_nothing_heavy(folder: Path) -> None:
    help_text = "from groundwork.cli import app\napp(['--help'], standalone_mode=False)"
    assert loaded(help_text, folder) == set()


@pytest.mark.parametrize(
    ("command", "allowed"),
    [
        ("validate", {"pandas", "numpy"}),
        ("fetch titanic", {"pandas", "numpy"}),
        ("prepare titanic", {"pandas", "numpy", "sklearn"}),
        ("leaderboard", set()),
    ],
)
def test_stages_load_no_more_than_they_need(command: str, allowed: set[str], folder: Path) -> None:
    assert groundwork(folder, "fetch", "titanic").returncode == 0
    statement = f"from groundwork.cli import app\napp({command.split()}, standalone_mode=False)"
    assert loaded(statement, folder) <= allowed


@pytest.mark.parametrize(
    ("stage", "absent"),
    [
        ("predict", {"pytorch_lightning", "wandb", "kaggle"}),
        ("evaluate", {"torch", "sklearn"}),
        ("submission", {"torch", "sklearn"}),
        ("blend", {"torch", "sklearn"}),
    ],
)
def test_a_stage_that_trains_nothing_imports_nothing_that_trains(stage: str, absent: set[str], folder: Path) -> None:
    assert not absent & loaded(f"import groundwork.stages.{stage}", folder)


def test_a_wrong_parameter_stops_every_stage_before_it_touches_a_file(folder: Path) -> None:
    text = (folder / "params.yaml").read_text()
    (folder / "params.yaml").write_text(text.replace("dropout: 0.2", "dropuot: 0.2"))
    for stage in (
        "validate",
        "fetch titanic",
        "prepare titanic",
        "train titanic",
        "evaluate titanic",
        "predict titanic",
        "submission titanic",
    ):
        assert "did you mean 'dropout'?" in refused(folder, *stage.split())
    assert {path.name for path in folder.iterdir()} == {"params.yaml", "dvc.yaml", "data"}
    assert [path.name for path in (folder / "data").iterdir()] == ["code"]


@pytest.mark.parametrize(
    ("there", "instead", "said"),
    [
        ("competition: titanic", "competition: titanik", "did you mean 'titanic'?"),
        ("inputs: image", "inputs: table", "competitions.digit-recognizer.encoding"),
        (
            "competition: house_prices",
            "competition: titanic",
            "objective.loss: found smooth_l1; titanic needs cross_entropy",
        ),
        (
            "competition: titanic",
            "competition: digit_recognizer",
            "model.network: found fnn; digit_recognizer needs cnn",
        ),
    ],
)
def test_a_lane_that_does_not_suit_its_competition_is_refused(
    there: str, instead: str, said: str, folder: Path
) -> None:
    text = (folder / "params.yaml").read_text()
    assert there in text
    (folder / "params.yaml").write_text(text.replace(there, instead, 1))
    assert said in refused(folder, "validate")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("prepare titanic", "data/raw/titanic.zip"),
        ("train titanic", "groundwork prepare titanic"),
        ("evaluate titanic", "dvc repro train@titanic"),
        ("predict titanic", "groundwork prepare titanic"),
        ("submission titanic", "groundwork prepare titanic"),
        ("fetch titanik", "did you mean 'titanic'?"),
        ("submit titanic -m first", "dvc repro train@titanic"),
    ],
)
def test_a_stage_without_its_input_names_the_command_that_makes_it(command: str, said: str, folder: Path) -> None:
    assert said in refused(folder, *command.split())


def test_params_are_looked_for_where_the_command_is_typed(tmp_path: Path) -> None:
    assert "params.yaml: not found" in refused(tmp_path, "validate")


def test_main_py_is_the_front_door(repository: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(repository / "main.py"), "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "leaderboard" in done.stdout


def test_a_mistake_in_a_competitions_file_names_the_file(folder: Path) -> None:
    script = (
        "from groundwork import competitions; from groundwork.cli import main; import sys;"
        "competitions.__path__.insert(0, 'mine'); sys.argv[1:] = ['validate']; main()"
    )
    (folder / "mine").mkdir()
    text = (folder / "params.yaml").read_text().replace("competition: titanic", "competition: toy")
    (folder / "params.yaml").write_text(text)
    toy = "import dataclasses; from groundwork.competitions import titanic; competition = titanic.competition"
    for content, said in {
        "competition = (": "toy.py: cannot be imported: SyntaxError",
        "competition = 3": "toy.py: `competition`: found int; expected a Competition",
        f"{toy}; competition = dataclasses.replace(competition, metric='acuracy')": "did you mean 'accuracy'?",
    }.items():
        (folder / "mine" / "toy.py").write_text(content)
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_below_repro_a_stage_leaves_its_error_and_does_not_start_once_somebody_pressed_ctrl_c(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = folder / "messages"
    messages.mkdir()
    monkeypatch.setenv("GROUNDWORK_MESSAGES", str(messages))
    said = refused(folder, "prepare", "titanic")
    assert (messages / "errors").read_text() == said
    (messages / "stopped").touch()
    before = set(folder.rglob("*"))
    done = groundwork(folder, "fetch", "titanic")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
    assert set(folder.rglob("*")) == before


def raising(statement: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `statement` as a command of groundwork."""
    script = (
        "import os, sys\nfrom groundwork import cli\n@cli.app.command()\ndef fails() -> None:\n"
        f"    {statement}\nsys.argv[1:] = ['fails']\ncli.main()"
    )
    return subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("statement", "problem", "step"),
    [
        ("raise OSError(28, 'No space left on device', 'results/x')", "results/x: could not be read or written", "df"),
        ("raise OSError(122, '', 'results/x')", "results/x: could not be read or written: Disk quota exceeded", "df"),
        ("raise OSError(27, '', 'x.parquet')", "x.parquet: could not be read or written: File too large", "ulimit"),
        (
            "raise OSError(30, '', 'results/x')",
            "results/x: could not be read or written: Read-only",
            "`ls -ld results`",
        ),
        ("raise PermissionError(13, '', 'wandb/x')", "wandb/x: could not be read or written: Permission denied", "ls"),
        ("raise RuntimeError('write: No space left on device (os error 28)')", "RuntimeError: write: No space", "df"),
        ("open('/dev/full', 'w', buffering=1).write('x\\n')", "No space left on device", "free some space"),
        ("x = [0] * (1 << 60)", "the memory of this machine is full", "free -h"),
    ],
)
def test_a_refusal_of_disk_or_memory_is_one_message_wherever_it_is_raised(
    statement: str, problem: str, step: str, folder: Path
) -> None:
    done = raising(statement, folder)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert problem in done.stderr
    assert step in done.stderr.partition("->")[2]
    assert "untouched" not in done.stderr, "nobody looked"


def test_a_ctrl_c_that_arrives_in_a_destructor_stops_all_the_same(folder: Path) -> None:
    script = """if True:
        import os, signal, sys, time
        from groundwork import cli

        class Freed:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.01)

        @cli.app.command()
        def wait():
            Freed()
            time.sleep(30)
            print("nobody stopped it")

        sys.argv = ["groundwork", "wait"]
        cli.main()
    """
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 130, done.stdout + done.stderr
    assert "stopped; run the same command to continue" in done.stderr
    assert "nobody" not in done.stdout


@pytest.mark.parametrize("statement", ["raise OSError(5, 'Input/output error')", "raise RuntimeError('ours')"])
def test_our_own_mistakes_keep_their_traceback(statement: str, folder: Path) -> None:
    done = raising(statement, folder)
    assert (done.returncode, "Traceback" in done.stderr) == (1, True)


def test_a_library_that_does_not_say_why_it_cannot_write_is_looked_behind(folder: Path, small_disk: Path) -> None:
    (folder / "results").symlink_to(small_disk)
    fill(small_disk)
    done = raising("import torch; torch.save(torch.zeros(9999), 'results/x')", folder)
    assert done.returncode == 2, done.stderr
    assert "results: could not be read or written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("stage", ["validate", "fetch titanic"])
def test_a_stage_on_a_full_disk_says_so_and_promises_nothing(stage: str, folder: Path, small_disk: Path) -> None:
    if stage == "validate":
        shutil.rmtree(folder / "data")
    else:
        shutil.move(folder / "data" / "code", small_disk / "code")
        (folder / "data").rmdir()
    (folder / "data").symlink_to(small_disk)
    fill(small_disk)
    said = refused(folder, *stage.split())
    assert "No space left on device" in said
    assert "untouched" not in said, "nothing stood there"


def test_output_that_cannot_be_printed_is_one_message(folder: Path) -> None:
    command = [sys.executable, "-c", "from groundwork.cli import main; main()", "leaderboard"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 2, done.stderr


def test_a_reader_that_has_seen_enough_is_no_error(folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", "from groundwork.cli import main; main()", "leaderboard"]
    done = subprocess.run(command, cwd=folder, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("command", ["train", "submit", "submissions"])
def test_a_missing_lane_is_told_with_the_lanes_there_are(command: str, folder: Path) -> None:
    said = refused(folder, command)
    assert "found no lane" in said
    assert "titanic, house-prices" in said


def test_a_submission_needs_a_description_unless_nothing_is_uploaded(folder: Path) -> None:
    assert "--message" in refused(folder, "submit", "titanic")
    assert "dvc repro train@titanic" in refused(folder, "submit", "titanic", "--dry-run")


def test_python_runs_the_package_and_it_has_a_version(folder: Path) -> None:
    command = [sys.executable, "-m", "groundwork", "--version"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "groundwork"
    assert done.stdout.split()[1][0].isdigit()


def test_a_shell_completes_lanes_and_runs(folder: Path) -> None:
    record = folder / "results" / "experiments" / "titanic" / "abcd1234.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")

    def completed(words: str) -> list[str]:
        asked = {"_GROUNDWORK_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        main = "from groundwork.cli import app; app(prog_name='groundwork')"
        environment = {**os.environ, **asked}
        done = subprocess.run(
            [sys.executable, "-c", main], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        return done.stdout.split()

    assert completed("groundwork train ti") == ["titanic"]
    assert completed("groundwork keep ab") == ["abcd1234"]
