import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from groundwork.errors import UserError
from groundwork.lessons import check, course, hint, solution
from groundwork.lessons.exercise import load

SOLUTION = load("07.adam").solution


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the learner's folder of this machine out of the tests."""
    monkeypatch.setattr(course, "WORK", tmp_path / "work")
    monkeypatch.setattr(course, "SOLVED", tmp_path / "work" / "solved.json")
    return tmp_path / "work"


@pytest.mark.parametrize("name", ["7", "07", "07_optimizers", "07_optimizers.py", "optimizers"])
def test_a_lesson_is_found_by_number_and_by_name(name: str) -> None:
    assert course.load(name).name == "07_optimizers"


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
    assert list(course.solved()) == ["07.adam"]
    assert capsys.readouterr().out == "07.adam: solved.\n" * 2


def test_a_broken_note_of_what_is_solved_is_written_anew(work: Path) -> None:
    work.mkdir()
    (work / "solved.json").write_text("{")
    check("07.adam", SOLUTION)
    assert list(course.solved()) == ["07.adam"]


def test_a_wrong_answer_is_shown_and_not_remembered(capsys: pytest.CaptureFixture[str]) -> None:
    check("07.adam", next(iter(load("07.adam").wrong)))
    shown = capsys.readouterr().out
    assert shown.startswith("07.adam: not yet.\n  input: ")
    assert shown.endswith('hint("07.adam") gives a hint.\n')
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
    exec(f"import numpy as np\n{capsys.readouterr().out}", namespace)
    assert load("07.adam").judge(namespace["Adam"]) is None


def test_a_copy_to_work_in_is_never_overwritten(work: Path) -> None:
    copy = course.start(course.load("7"))
    copy.write_text("mine")
    assert course.start(course.load("7")) == copy
    assert copy.read_text() == "mine"


def test_a_copys_links_lead_out_of_its_folder() -> None:
    copy = course.start(course.load("7")).read_text()
    assert "](../08_data.ipynb)" in copy
    assert "](https://d2l.ai" in copy
    assert json.loads(copy)["cells"][1] == json.loads(course.load("7").notebook.read_text())["cells"][1]


def test_a_lesson_that_was_not_built_says_how(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "42_answers.py").write_text("# # 42. Answers\n")
    monkeypatch.setattr(course, "NOTEBOOKS", tmp_path)
    with pytest.raises(UserError, match="make lessons ARGS=42_answers"):
        course.start(course.load("42"))


def command(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", "from groundwork.cli import main; main()", "lesson", *arguments]
    wide = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(line, cwd=repository, env=wide, capture_output=True, text=True, check=False)


def test_the_command_lists_lessons_and_exercises(repository: Path) -> None:
    done = command(repository)
    assert done.returncode == 0, done.stderr
    for lesson in course.lessons():
        assert lesson.title in done.stdout
    assert "07.adam" in done.stdout


def test_an_answer_in_a_file_is_checked(repository: Path, tmp_path: Path) -> None:
    shown = command(repository, "show", "07.adam")
    file = tmp_path / "adam.py"
    file.write_text(shown.stdout)
    blank = command(repository, "check", "07.adam", str(file))
    assert (blank.returncode, "not attempted" in blank.stdout) == (2, True)
    file.write_text("import numpy as np\n" + load("07.adam").source(next(iter(load("07.adam").wrong))))
    # The first wrong answer derives from the solution, which the file lacks: it does not run.
    broken = command(repository, "check", "07.adam", str(file))
    assert broken.returncode == 2
    assert "does not run: NameError" in broken.stderr
    file.write_text("class Sgd: ...")
    other = command(repository, "check", "07.adam", str(file))
    assert other.returncode == 2
    assert "defines no `Adam`" in other.stderr


def test_a_file_that_is_not_there_says_how_to_begin_one(repository: Path) -> None:
    done = command(repository, "check", "07.adam", "nowhere.py")
    assert done.returncode == 2
    assert "groundwork lesson show 07.adam > nowhere.py" in done.stderr


def test_hints_and_solution_are_shown_in_a_terminal_too(repository: Path) -> None:
    assert command(repository, "hint", "07.adam").stdout.startswith("1. ")
    assert command(repository, "solution", "07.adam").stdout.startswith("class Adam")
