import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from groundwork.errors import UserError
from groundwork.lessons import check, commands, course, hint, solution
from groundwork.lessons.commands import app
from groundwork.lessons.exercise import load

SOLUTION = load("07.adam").solution


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the learner's folder of this machine out of the tests."""
    monkeypatch.setattr(course, "WORK", tmp_path / "work")
    monkeypatch.setattr(course, "SOLVED", tmp_path / "work" / "solved.json")
    return tmp_path / "work"


@pytest.mark.parametrize("name", ["7", "07", "07_optimizers", "notebooks/07_optimizers.py", "optimizers"])
def test_a_lesson_is_found_by_number_and_by_name(name: str) -> None:
    assert course.load(name).name == "07_optimizers"


def test_half_a_number_is_no_lesson() -> None:
    with pytest.raises(UserError, match="not found"):
        course.load("3.5")


def test_an_unknown_lesson_is_told_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean '07_optimizers'"):
        course.load("07_optimisers")


def test_a_word_of_several_lessons_names_them() -> None:
    with pytest.raises(UserError, match="matches 04_activations, 06_backpropagation"):
        course.load("ti")


def test_without_the_repository_the_message_says_where_lessons_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course, "NOTEBOOKS", tmp_path)
    with pytest.raises(UserError, match="they lie in the repository"):
        course.lessons()


def test_what_is_solved_is_remembered_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert course.solved() == {}
    check("07.adam", SOLUTION)
    check("07.adam", SOLUTION)
    assert capsys.readouterr().out == "07.adam: solved.\n" * 2
    course.solve("04.softmax")
    assert list(course.solved()) == ["04.softmax", "07.adam"]


def test_a_broken_note_of_what_is_solved_is_written_anew(work: Path) -> None:
    work.mkdir()
    (work / "solved.json").write_text("{")
    check("07.adam", SOLUTION)
    assert list(course.solved()) == ["07.adam"]
    assert (work / "solved.broken").read_text() == "{"


def test_where_nothing_can_be_noted_a_right_answer_is_right_still(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work.write_text("a file in the way of the folder")
    assert course.solved() == {}
    check("07.adam", SOLUTION)
    told = capsys.readouterr().out
    assert told.startswith("07.adam: solved.\nwarning: it was not noted: ")
    assert "expected a folder" in told


def test_without_a_repository_nothing_is_noted(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "NOTEBOOKS", work / "nowhere")
    course.solve("07.adam")
    assert not work.exists()


def test_a_wrong_answer_is_shown_and_not_remembered(capsys: pytest.CaptureFixture[str]) -> None:
    check("07.adam", next(iter(load("07.adam").wrong)))
    shown = capsys.readouterr().out
    assert shown.startswith("07.adam: not yet.\n  input: ")
    assert shown.endswith('For a hint: from groundwork.lessons import hint; hint("07.adam")\n')
    assert course.solved() == {}


def test_hints_get_plainer_and_end_in_the_solution(capsys: pytest.CaptureFixture[str]) -> None:
    for text in load("07.adam").hints:
        hint("07.adam")
        shown = capsys.readouterr().out
        assert text in shown
    assert 'solution("07.adam")' in shown
    hint("07.adam")
    assert capsys.readouterr().out == shown


def test_the_solution_is_shown_under_the_answers_name(capsys: pytest.CaptureFixture[str]) -> None:
    solution("07.adam")
    namespace: dict[str, object] = {}
    exec(capsys.readouterr().out, namespace)
    assert load("07.adam").judge(namespace["Adam"]) is None


def test_a_copy_to_work_in_is_never_overwritten(work: Path) -> None:
    copy, is_new = course.start(course.load("7"))
    assert is_new
    copy.write_text("mine")
    assert course.start(course.load("7")) == (copy, False)
    assert copy.read_text() == "mine"


def test_a_copys_links_lead_out_of_its_folder() -> None:
    copy = course.start(course.load("7"))[0].read_text()
    assert "](../08_data.ipynb)" in copy
    assert "](https://d2l.ai" in copy
    assert json.loads(copy)["cells"][1] == json.loads(course.load("7").notebook.read_text())["cells"][1]


def test_a_lesson_that_was_not_built_says_how(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "42_answers.py").write_text("# # 42. Answers\n")
    monkeypatch.setattr(course, "NOTEBOOKS", tmp_path)
    with pytest.raises(UserError, match="make lessons ARGS=42_answers"):
        course.start(course.load("42"))


def command(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", "from groundwork.cli import main; main()", "lesson", *arguments]
    wide = {**os.environ, "COLUMNS": "200", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(line, cwd=folder, env=wide, capture_output=True, text=True, check=False)


def test_the_command_lists_lessons_and_exercises_from_any_folder(tmp_path: Path) -> None:
    done = command(folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for lesson in course.lessons():
        assert lesson.title in done.stdout
    assert "07.adam" in done.stdout


def test_the_exit_code_of_a_lesson_is_its_scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "42_answers.py").write_text("# # 42. Answers\nimport sys\nprint('ran')\nsys.exit(3)")
    monkeypatch.setattr(course, "NOTEBOOKS", tmp_path)
    assert CliRunner().invoke(app, ["run", "42"]).exit_code == 3


def test_what_a_user_can_mend_is_no_traceback_in_a_lesson_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "# # 42. Answers\nfrom groundwork.errors import UserError\nraise UserError('params.yaml: wrong', 'mend it')"
    (tmp_path / "42_answers.py").write_text(text)
    monkeypatch.setattr(course, "NOTEBOOKS", tmp_path)
    assert isinstance(CliRunner().invoke(app, ["run", "42"]).exception, UserError)


def test_a_lesson_is_started_in_a_terminal_too() -> None:
    first, second = (CliRunner().invoke(app, ["start", "7"]).stdout for _ in range(2))
    assert "07_optimizers.ipynb: yours to write in." in first
    assert "was there already, and stays as you left it" in second


def test_an_answer_in_a_file_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "adam.py"
    file.write_text(command("show", "07.adam").stdout)
    blank = command("check", "07.adam", str(file))
    assert (blank.returncode, "not attempted" in blank.stdout) == (2, True)
    file.write_text("class Adam:\n    def __init__(self, params, lr, betas, eps): ...\n    def step(self): ...\n")
    wrong = command("check", "07.adam", str(file))
    assert wrong.returncode == 2
    assert "not yet" in wrong.stdout
    assert "groundwork lesson hint 07.adam" in wrong.stdout


def test_a_right_answer_may_import_what_lies_beside_it(tmp_path: Path, work: Path) -> None:
    (tmp_path / "helper.py").write_text("import numpy as np\n" + load("07.adam").source(SOLUTION))
    (tmp_path / "adam.py").write_text("from helper import Adam\n")
    # By the lesson's number, too, it is noted under its own name.
    done = CliRunner().invoke(app, ["check", "7", str(tmp_path / "adam.py")])
    assert (done.exit_code, done.stdout) == (0, "07.adam: solved.\nWhat is left: groundwork lesson\n")
    assert list(course.solved()) == ["07.adam"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class Sgd: ...", "defines no `Adam`"),
        ("import no_such_module", "does not run: ModuleNotFoundError: .*, at `import no_such_module`"),
        ("class Adam(", "does not run: SyntaxError"),
        ("import sys\nsys.exit(0)", "does not run: SystemExit: 0, at `sys.exit"),
        ("raise NotImplementedError", "does not run: NotImplementedError, at `raise NotImplementedError`"),
    ],
)
def test_a_file_that_does_not_do_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "adam.py").write_text(text)
    done = command("check", "07.adam", str(tmp_path / "adam.py"))
    assert done.returncode == 2
    assert re.search(said, done.stderr), done.stderr
    assert "Traceback" not in done.stderr


def test_an_answer_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "SECONDS", 1)
    loop = "while True:\n            pass"
    text = f"class Adam:\n    def __init__(self, *_, **__): ...\n    def step(self):\n        {loop}\n"
    (tmp_path / "adam.py").write_text(text)
    done = CliRunner().invoke(app, ["check", "07.adam", str(tmp_path / "adam.py")])
    assert done.exit_code == 2
    assert "still at work after 1 s: is there a loop that does not end?" in done.stdout


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere.py", "groundwork lesson show 07.adam > nowhere.py"),
        ("no where.py", "groundwork lesson show 07.adam > 'no where.py'"),
        (".", "is a folder"),
        ("07_optimizers.ipynb", 'run the cell with `check("07.adam", Adam)` in it'),
    ],
)
def test_what_is_no_file_of_python_says_what_to_do(tmp_path: Path, name: str, said: str) -> None:
    done = command("check", "07.adam", name, folder=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr


def test_hints_and_solution_are_shown_in_a_terminal_too() -> None:
    hints = load("07.adam").hints
    assert hints[0] in command("hint", "07.adam").stdout
    assert "hint 07.adam 2" in command("hint", "07.adam").stdout
    last = command("hint", "07.adam", str(len(hints))).stdout
    assert hints[-1] in last
    assert "groundwork lesson solution 07.adam" in last
    assert command("solution", "07.adam").stdout.startswith("import numpy as np\n\n\nclass Adam")
