import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from groundwork.errors import UserError
from groundwork.lessons import course
from groundwork.lessons.answers import answer
from groundwork.lessons.exercise import Exercise, Finding, NotAttempted, exercises, load

ALL = exercises()
WRONG = [(name, answer) for name, exercise in ALL.items() for answer in exercise.wrong]


@pytest.mark.parametrize("name", ALL)
def test_the_solution_passes(name: str) -> None:
    assert ALL[name].judge(ALL[name].solution) is None


@pytest.mark.parametrize("name", ALL)
def test_the_blank_is_not_an_attempt(name: str) -> None:
    with pytest.raises(NotAttempted):
        ALL[name].judge(ALL[name].blank)


@pytest.mark.parametrize(("name", "answer"), WRONG, ids=lambda value: getattr(value, "__name__", value))
def test_a_wrong_answer_is_told_by_its_defect(name: str, answer: Callable[..., Any]) -> None:
    finding = ALL[name].judge(answer)
    assert finding
    assert ALL[name].wrong[answer] in finding.cause
    told = str(finding)
    for part in ("input:", "yours:", "expected:", "usual cause:"):
        assert part in told


@pytest.mark.parametrize("name", ALL)
def test_wrong_answers_are_told_apart(name: str) -> None:
    causes = [found.cause for answer in ALL[name].wrong if (found := ALL[name].judge(answer))]
    assert 2 <= len(causes) <= 5
    assert len(set(causes)) == len(causes)


@pytest.mark.parametrize("name", ALL)
def test_what_gives_nothing_or_fails_is_a_finding(name: str) -> None:
    def nothing(*_: Any, **__: Any) -> None:
        return None

    def fails(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("division by zero")

    def leaves(*_: Any, **__: Any) -> None:
        sys.exit(0)

    assert isinstance(ALL[name].judge(nothing), Finding)
    assert isinstance(ALL[name].judge(leaves), Finding)
    finding = ALL[name].judge(fails)
    assert finding
    assert "ZeroDivisionError" in str(finding)
    assert "raise ZeroDivisionError" in finding.cause


@pytest.mark.parametrize("name", ALL)
def test_an_exercise_is_whole(name: str) -> None:
    exercise = ALL[name]
    assert exercise.task
    assert 2 <= len(exercise.hints) <= 4
    assert len({lesson.number for lesson in course.lessons()} & {name[:2]}) == 1
    for which in (exercise.blank, exercise.solution, *exercise.wrong):
        assert which.__name__.startswith(exercise.answer)
    assert exercise.source(exercise.blank).startswith((f"def {exercise.answer}", f"class {exercise.answer}"))


@pytest.mark.parametrize("name", ALL)
def test_the_lesson_holds_the_blank_as_the_exercise_ships_it(name: str) -> None:
    exercise = ALL[name]
    text = course.load(name[:2]).source.read_text(encoding="utf-8")
    assert exercise.source(exercise.blank).strip() in text
    assert f'check("{name}", {exercise.answer})' in text


def test_every_lesson_has_an_exercise() -> None:
    assert {name[:2] for name in ALL} == {lesson.number for lesson in course.lessons()}


@pytest.mark.parametrize("name", ALL)
def test_what_is_shown_of_an_exercise_is_a_file_that_runs(name: str, tmp_path: Path) -> None:
    exercise, file = ALL[name], tmp_path / "answer.py"
    file.write_text(exercise.program(exercise.solution))
    assert exercise.judge(answer(exercise, file)) is None
    file.write_text(exercise.program(exercise.blank))
    with pytest.raises(NotAttempted):
        exercise.judge(answer(exercise, file))


def test_a_lessons_number_stands_for_its_only_exercise() -> None:
    assert load("7") is load("07.adam")
    with pytest.raises(UserError, match="exercise '6': not found"):
        load("6")


def test_an_unknown_exercise_is_told_the_nearest() -> None:
    with pytest.raises(UserError, match=r"did you mean '07\.adam'\?"):
        load("07.adm")


def test_of_a_class_too_the_line_at_work_is_told() -> None:
    class Adam:
        def __init__(self, params: Any, **_: Any) -> None: ...

        def step(self) -> None:
            raise KeyError("mean")

    finding = ALL["07.adam"].judge(Adam)
    assert finding
    assert finding.cause.endswith("""it was raised at `raise KeyError("mean")`""")


def test_a_result_in_place_of_a_function_is_a_finding() -> None:
    exercise: Exercise = ALL["07.adam"]
    finding = exercise.judge(3)
    assert finding
    assert "do not call it" in finding.cause
