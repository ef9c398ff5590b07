"""Every lesson: its form, its size, its topics, and that it runs."""

import ast
import base64
import re
import runpy
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import nbformat
import pytest

from groundwork import params
from groundwork.lessons import course
from groundwork.lessons.build import read
from groundwork.lessons.course import Lesson
from groundwork.trying.changes import variants

LESSONS = course.lessons()
SECTIONS = ["Idea", "Build", "Prove", "See", "Try", "Apply", "Where to read on"]
KB = 1024

# What the workspace sets out to teach, each in one lesson.
TOPICS = {
    "00_workspace": ["workspace"],
    "01_training_process": ["training process", "supervised learning"],
    "02_linear_algebra": ["linear algebra"],
    "03_neurons_and_layers": ["neurons", "layers"],
    "04_activations": ["activations"],
    "05_losses": ["losses"],
    "06_backpropagation": ["back-propagation"],
    "07_optimizers": ["optimizers"],
    "08_data": ["data preprocessing", "leakage"],
    "09_feedforward_regression": ["feed-forward networks", "regression"],
    "10_convolution_classification": ["convolutional networks", "classification"],
    "11_recurrent_tagging": ["recurrent networks", "tagging"],
    "12_transformer_search": ["transformers", "search"],
    "13_recommender": ["recommendation"],
    "14_regularization": ["dropout", "weight decay", "early stopping"],
    "15_hardware": ["hardware acceleration"],
    "16_capstone": ["submission"],
}
COURSES = {
    "CS50": "cs50.harvard.edu",
    "The Missing Semester": "missing.csail.mit.edu",
    "freeCodeCamp's Python course": "www.freecodecamp.org/learn",
    "Kaggle Learn's Intro to Deep Learning": "www.kaggle.com/learn/intro-to-deep-learning",
    "fast.ai": "course.fast.ai",
    "DeepLearning.AI's specialization": "www.deeplearning.ai/courses/deep-learning-specialization",
    "Inria's scikit-learn MOOC": "inria.github.io/scikit-learn-mooc",
    "LLM University": "cohere.com/llmu",
    "PyTorch's quick start": "pytorch.org/tutorials/beginner/basics/quickstart_tutorial.html",
    "Dive into Deep Learning": "d2l.ai",
}
every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


def executed(lesson: Lesson) -> Any:
    return nbformat.read(lesson.notebook, as_version=4)


def text(lesson: Lesson) -> str:
    return "\n".join(cell.source for cell in read(lesson.source).cells if cell.cell_type == "markdown")


@every_lesson
def test_the_source_runs_as_a_script(lesson: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "WORK", tmp_path)
    monkeypatch.chdir(tmp_path)
    mpl.use("agg")
    runpy.run_path(str(lesson.source), run_name="__main__")


@every_lesson
def test_the_notebook_has_the_cells_of_its_source(lesson: Lesson) -> None:
    def cells(notebook: Any) -> list[tuple[str, str, str]]:
        return [(cell.id, cell.cell_type, cell.source) for cell in notebook.cells]

    assert cells(executed(lesson)) == cells(read(lesson.source)), f"build it: make lessons ARGS={lesson.number}"


@every_lesson
def test_sections_come_in_their_order(lesson: Lesson) -> None:
    source = lesson.source.read_text(encoding="utf-8")
    assert re.findall(r"^# ## (.+)$", source, re.MULTILINE) == SECTIONS
    assert re.findall(r"^# # (\d+)\. .+$", source, re.MULTILINE) == [str(int(lesson.number))]


@every_lesson
def test_a_lesson_keeps_to_its_budget(lesson: Lesson) -> None:
    notebook = executed(lesson)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    pictures = [
        base64.b64decode(output["data"]["image/png"])
        for cell in code
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert len(lesson.source.read_text(encoding="utf-8").splitlines()) <= 300
    assert len(code) <= 14
    assert 2 <= len(pictures) <= 4
    assert max(len(picture) for picture in pictures) <= 60 * KB
    assert lesson.notebook.stat().st_size <= 400 * KB
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))


@every_lesson
def test_every_picture_has_a_text_for_people_who_cannot_see_it(lesson: Lesson) -> None:
    pictures = [
        output.metadata.get("image/png", {}).get("alt", "")
        for cell in executed(lesson).cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert len(set(pictures)) == len(pictures)
    assert min(map(len, pictures)) > 40, pictures


@every_lesson
def test_a_notebook_tells_nothing_of_the_machine_that_built_it(lesson: Lesson) -> None:
    written = lesson.notebook.read_text(encoding="utf-8")
    assert str(course.ROOT) not in written
    assert str(Path.home()) not in written
    assert re.findall(r" at 0x[0-9a-f]{6,}", written) == []
    assert re.findall(r'"name": "stderr"|"output_type": "error"', written) == []
    assert re.findall(r"^[!%](?! )", lesson.source.read_text(encoding="utf-8"), re.MULTILINE) == []


@every_lesson
def test_a_lesson_checks_the_numbers_that_it_states(lesson: Lesson) -> None:
    assert "claim(" in lesson.source.read_text(encoding="utf-8")
    assert "walkthrough(" in lesson.source.read_text(encoding="utf-8")


@every_lesson
def test_a_lesson_names_its_topics(lesson: Lesson) -> None:
    (named,) = re.findall(r"^\*\*Topics:\*\* (.+)$", text(lesson), re.MULTILINE)
    assert named.split(", ") == TOPICS[lesson.name]


def test_every_topic_has_one_lesson() -> None:
    assert [lesson.name for lesson in LESSONS] == list(TOPICS)
    everything = [topic for topics in TOPICS.values() for topic in topics]
    assert len(everything) == len(set(everything))


def test_each_lesson_leads_to_the_next() -> None:
    for lesson, following in pairwise(LESSONS):
        assert f"({following.notebook.name})" in text(lesson).splitlines()[-1], lesson.name


@every_lesson
def test_what_a_lesson_links_to_in_the_repository_is_there(lesson: Lesson) -> None:
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text(lesson)) if "://" not in link]
    assert [link for link in links if link and not (lesson.source.parent / link).exists()] == []


@every_lesson
def test_what_a_lesson_tries_in_a_terminal_can_be_tried(lesson: Lesson, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    assert "dvc exp" not in text(lesson)  # it rewrites params.yaml
    for lane_name, arguments in re.findall(r"groundwork try ([a-z-]+) ([^`#\n]+)", text(lesson)):
        typed = [word for word in arguments.split() if "=" in word]
        assert variants(params.load(), lane_name, typed), lesson.name


@pytest.mark.parametrize("course_name", COURSES)
def test_every_outside_course_is_matched_to_lessons(course_name: str) -> None:
    assert COURSES[course_name] in text(course.load("00"))
    matched = [lesson.name for lesson in LESSONS if COURSES[course_name] in text(lesson)]
    assert len(matched) >= (1 if course_name == "The Missing Semester" else 2)  # lesson 0 is about its tools


def test_the_map_of_courses_is_what_lessons_link_to() -> None:
    tree = ast.parse(course.load("00").source.read_text(encoding="utf-8"))
    (drawn,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "COURSES"
    ]
    for name, (best, also) in drawn.items():
        address = next(address for known, address in COURSES.items() if known.startswith(name[:5]))
        linked = {int(lesson.number) for lesson in LESSONS if address in text(lesson)}
        # Lesson 0 links to all of them, to show the map.
        assert linked - {0} == {*best, *also} - {0}, name


@pytest.mark.parametrize("number", ["09", "10", "11", "12", "13"])
def test_a_kind_of_problem_leads_from_target_to_head_loss_and_metric_up_a_ladder(number: str) -> None:
    lesson = course.load(number)
    for word in ("target", "head", "loss", "metric"):
        assert word in text(lesson), word
    tables = [str(cell.outputs).lower() for cell in executed(lesson).cells if cell.cell_type == "code"]
    rungs = ("constant|popularity", "linear|ridge|regression|knn", "scratch", "pytorch")
    assert any(all(re.search(rung, table) for rung in rungs) for table in tables)
    assert "apply.baselines(" in lesson.source.read_text(encoding="utf-8")
