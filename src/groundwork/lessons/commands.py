"""``groundwork lesson``: the lessons from a terminal."""

import runpy
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from groundwork.errors import UserError

if TYPE_CHECKING:
    from groundwork.lessons.exercise import Exercise

app = typer.Typer(help="Seventeen lessons, from a neuron to a submission; without a command: which there are.")

Name = Annotated[str, typer.Argument(metavar="LESSON", help="Its number, or its name: 7, or 07_optimizers.")]
ExerciseName = Annotated[str, typer.Argument(metavar="EXERCISE", help="Its name, such as 07.adam.")]


@app.callback(invoke_without_command=True)
def lessons(context: typer.Context) -> None:
    """Seventeen lessons, from a neuron to a submission; without a command: which there are and what is solved."""
    if context.invoked_subcommand:
        return
    from rich.console import Console
    from rich.table import Table

    from groundwork.lessons import course
    from groundwork.lessons.exercise import exercises

    known, solved = course.lessons(), course.solved()
    table = Table("", "Lesson", "Exercises", box=None, header_style="bold", pad_edge=False)
    for lesson in known:
        names = [name for name in exercises() if name.startswith(lesson.number)]
        marks = [f"[green]✓[/green] {name}" if name in solved else f"[dim]·[/dim] {name}" for name in names]
        table.add_row(lesson.number, lesson.title, "   ".join(marks))
    Console(highlight=False).print(table)
    count = sum(name in solved for name in exercises())
    typer.echo(f"\n{count} of {len(exercises())} exercises solved. Begin: `groundwork lesson start 0`")


@app.command()
def start(lesson: Name) -> None:
    """Copy a lesson's notebook to notebooks/work, where you may write in it, and say how to open it."""
    from groundwork.lessons import course

    copy = course.start(course.load(lesson)).relative_to(course.ROOT)
    typer.echo(f"{copy}: yours to write in.\nOpen it in an editor that shows notebooks, or with: jupyter lab {copy}")


@app.command()
def run(lesson: Name) -> None:
    """Run a lesson as a plain script: what it proves is printed, what it draws is saved or shown."""
    from groundwork.lessons import course

    found = course.load(lesson)
    if not find_spec("matplotlib"):
        raise UserError(f"{found.name}: needs matplotlib, which is not installed", "make setup")
    raise typer.Exit(course.run(found))


@app.command()
def show(exercise: ExerciseName) -> None:
    """Show an exercise: what to write, and what to start from."""
    from groundwork.lessons.exercise import load

    found = load(exercise)
    typer.echo(f"# {found.name}: {found.task}\n# Write it into a file, then: groundwork lesson check {found.name} FILE")
    typer.echo(f"from groundwork.lessons import NotAttempted\n\n\n{found.source(found.blank)}", nl=False)


@app.command()
def check(
    exercise: ExerciseName,
    file: Annotated[Path, typer.Argument(help="Python that defines what the exercise asks for.")],
) -> None:
    """Check an answer that stands in a file: exit code 0 if it is right, 2 if not."""
    from groundwork.lessons.desk import verdict
    from groundwork.lessons.exercise import load

    right, told = verdict(exercise, _answer(load(exercise), file))
    typer.echo(told)
    if not right:
        typer.echo(f"Hints: groundwork lesson hint {exercise}")
        raise typer.Exit(2)


@app.command()
def hint(exercise: ExerciseName) -> None:
    """Show the hints for an exercise, from the vaguest to the plainest."""
    from groundwork.lessons.exercise import load

    for number, text in enumerate(load(exercise).hints, start=1):
        typer.echo(f"{number}. {text}")


@app.command()
def solution(exercise: ExerciseName) -> None:
    """Show an answer that passes."""
    from groundwork.lessons import desk

    desk.solution(exercise)


def _answer(exercise: "Exercise", file: Path) -> Any:
    """Run `file` and take from it what the exercise asks for."""
    again = f"groundwork lesson check {exercise.name} {file}"
    if not file.is_file():
        begin = f"begin one: `groundwork lesson show {exercise.name} > {file}`"
        raise UserError(f"{file}: not found; expected a file of Python", begin)
    try:
        names = runpy.run_path(str(file))
    # Whatever a learner's file raises is about that file.
    except Exception as error:
        raise UserError(f"{file}: does not run: {type(error).__name__}: {error}", f"mend it, then: `{again}`") from None
    if exercise.answer not in names:
        problem = f"{file}: defines no `{exercise.answer}`, which is what {exercise.name} asks for"
        raise UserError(problem, f"see `groundwork lesson show {exercise.name}`")
    return names[exercise.answer]
