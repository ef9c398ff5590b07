"""``groundwork lesson``: the lessons from a terminal."""

import os
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from groundwork.errors import UserError

SECONDS = 60  # the limit for an answer, which may never end

app = typer.Typer(help="Seventeen lessons, from a neuron to a submission; without a command: which there are.")

Name = Annotated[str, typer.Argument(metavar="LESSON", help="Its number, or its name: 7, or 07_optimizers.")]
ExerciseName = Annotated[str, typer.Argument(metavar="EXERCISE", help="Its name, such as 07.adam.")]


@app.callback(invoke_without_command=True)
def lessons(context: typer.Context) -> None:
    """Seventeen lessons, from a neuron to a submission; without a command: list them, and what is solved."""
    if context.invoked_subcommand:
        return
    from rich.console import Console
    from rich.table import Table

    from groundwork.lessons import course
    from groundwork.lessons.exercise import exercises

    known, solved, names = course.lessons(), course.solved(), list(exercises())
    table = Table("", "Lesson", "Exercises", box=None, header_style="bold", pad_edge=False)
    for lesson in known:
        own = [name for name in names if name.startswith(lesson.number)]
        marks = [f"[green]✓[/green] {name}" if name in solved else f"[dim]·[/dim] {name}" for name in own]
        table.add_row(lesson.number, lesson.title, "   ".join(marks))
    Console(highlight=False).print(table)
    done = [name for name in names if name in solved]
    # The first lesson with an unsolved exercise.
    following = next((name for name in names if name not in solved), names[-1])[:2]
    typer.echo(f"\n{len(done)} of {len(names)} exercises solved. Next: `groundwork lesson start {int(following)}`")


@app.command()
def start(lesson: Name) -> None:
    """Copy a lesson's notebook to notebooks/work, where you can edit it, and say how to open it."""
    from groundwork.lessons import course

    copy, is_new = course.start(course.load(lesson))
    shown = shlex.quote(os.path.relpath(copy))
    found = "yours to write in" if is_new else "was there already, and stays as you left it (delete it for a new one)"
    typer.echo(f"{shown}: {found}.")
    typer.echo(f"Open it in an editor that shows notebooks, or with: jupyter lab {shown}")


@app.command()
def run(lesson: Name) -> None:
    """Run a lesson as a plain script: print its claims, and save or show its figures."""
    from groundwork.lessons import course

    found = course.load(lesson)
    if not find_spec("matplotlib"):
        raise UserError(f"{found.name}: needs matplotlib, which is not installed", "make setup")
    typer.echo(
        f"{found.name}, as it ships: its claims and figures. To read and edit it, run `groundwork lesson start "
        f"{int(found.number)}`.\n"
    )
    course.run(found)


@app.command()
def show(exercise: ExerciseName) -> None:
    """Show an exercise: its task, and the code to start from."""
    from groundwork.lessons.exercise import load

    found = load(exercise)
    typer.echo(f"# {found.name}: {found.task}\n# Write it into a file, then: groundwork lesson check {found.name} FILE")
    typer.echo(found.program(found.blank), nl=False)


@app.command()
def check(
    exercise: ExerciseName,
    file: Annotated[Path, typer.Argument(help="Python that defines what the exercise asks for.")],
) -> None:
    """Check an answer in a file: exit code 0 if it is right, 2 if not."""
    from groundwork.lessons.answers import answer
    from groundwork.lessons.desk import verdict
    from groundwork.lessons.exercise import load

    found = load(exercise)
    with _at_most(SECONDS):
        right, message = verdict(found, answer(found, file))
    typer.echo(message)
    if right:
        typer.echo("What is left: groundwork lesson")
    else:
        typer.echo(f"A hint: groundwork lesson hint {found.name}")
        raise typer.Exit(2)


@app.command()
def hint(
    exercise: ExerciseName,
    number: Annotated[int, typer.Argument(min=1, help="Which: each is plainer than the one before.")] = 1,
) -> None:
    """Show a hint for an exercise."""
    from groundwork.lessons.exercise import load

    hints = load(exercise).hints
    number = min(number, len(hints))
    typer.echo(f"{number} of {len(hints)}: {hints[number - 1]}")
    more = f"hint {exercise} {number + 1}" if number < len(hints) else f"solution {exercise}"
    typer.echo(f"Plainer: groundwork lesson {more}")


@app.command()
def solution(exercise: ExerciseName) -> None:
    """Show an answer that passes."""
    from groundwork.lessons import desk

    desk.solution(exercise)


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    """Raise TimeoutError if the block takes longer; do nothing where there are no alarms."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(*_: object) -> None:
        raise TimeoutError(f"still at work after {seconds} s: is there a loop that does not end?")

    former = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)
