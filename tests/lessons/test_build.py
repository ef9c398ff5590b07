import base64
import json
from pathlib import Path

import nbformat
import pytest

from groundwork.errors import UserError
from groundwork.lessons import course
from groundwork.lessons.build import METADATA, build, main
from groundwork.lessons.course import Lesson

SOURCE = """# %% [markdown]
# # 1. A lesson
# $x$

# %%
from groundwork.lessons import show, subplots

print("before")
figure, axis = subplots()
axis.plot([1, 2])
show("a line")
print("after")

# %%
1 + 1
"""


@pytest.fixture
def lesson(tmp_path: Path) -> Lesson:
    source = tmp_path / "01_lesson.py"
    source.write_text(SOURCE)
    return Lesson(source)


def test_the_same_source_gives_the_same_bytes(lesson: Lesson) -> None:
    build(lesson)
    first = lesson.notebook.read_bytes()
    build(lesson)
    assert lesson.notebook.read_bytes() == first
    nbformat.validate(nbformat.reads(first.decode(), as_version=4))
    assert b'execution"' not in first


def test_figures_are_there_even_with_another_backend_exported(lesson: Lesson, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    build(lesson)
    (_, drawn, counted) = json.loads(lesson.notebook.read_text())["cells"]
    printed, picture, printed_after = drawn["outputs"]
    assert base64.b64decode(picture["data"]["image/png"]).startswith(b"\x89PNG")
    assert picture["metadata"] == {"image/png": {"alt": "a line"}}
    assert [printed["text"], printed_after["text"]] == [["before\n"], ["after\n"]]
    assert counted["outputs"][0]["data"]["text/plain"] == ["2"]


def test_what_the_kernel_tells_of_itself_is_left_out(lesson: Lesson) -> None:
    build(lesson)
    assert json.loads(lesson.notebook.read_text())["metadata"] == METADATA


def test_a_cell_that_fails_leaves_the_former_notebook(lesson: Lesson) -> None:
    lesson.notebook.write_text("former")
    lesson.source.write_text(SOURCE.replace("1 + 1", "1 / 0"))
    with pytest.raises(UserError, match=r"(?s)01_lesson\.py: a cell failed.*1 / 0.*ZeroDivisionError"):
        build(lesson)
    assert lesson.notebook.read_text() == "former"


def test_a_warning_is_not_shown_to_readers(lesson: Lesson) -> None:
    lesson.source.write_text(SOURCE.replace("1 + 1", "import warnings\nwarnings.warn('old', stacklevel=1)"))
    with pytest.raises(UserError, match="a cell wrote on stderr"):
        build(lesson)
    assert not lesson.notebook.exists()


def test_a_kernel_that_dies_is_told_of(lesson: Lesson) -> None:
    lesson.source.write_text(SOURCE.replace("1 + 1", "import os\nos._exit(1)"))
    with pytest.raises(UserError, match="was not run to its end"):
        build(lesson)
    assert not lesson.notebook.exists()


def test_several_are_built_at_once_and_one_that_fails_stops_no_other(
    lesson: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(course, "NOTEBOOKS", tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    (tmp_path / "02_broken.py").write_text(SOURCE.replace("1 + 1", "1 / 0"))
    (tmp_path / "03_other.py").write_text(SOURCE)
    with pytest.raises(SystemExit) as left:
        main([])
    assert left.value.code == 2
    told = capsys.readouterr()
    assert "01_lesson: " in told.out
    assert "03_other: " in told.out
    assert "2 of 3 lessons built" in told.out
    assert told.err.startswith("error: 02_broken.py: a cell failed")
    assert lesson.notebook.exists()
    assert list(elsewhere.iterdir()) == []


def test_a_lesson_that_is_not_there_is_an_error_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["99"])
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith("error: lesson '99': not found")
