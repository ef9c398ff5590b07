"""The command line: reads params.yaml, passes objects to the packages, turns their errors into exit codes.

Every package is imported inside of the command that needs it, so that `groundwork --help` does not load torch.
"""

import logging
import os
import sys
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from groundwork import processes
from groundwork.adding.commands import add, remove
from groundwork.arguments import LaneName, LaneNames
from groundwork.ask.commands import importance
from groundwork.errors import UserError
from groundwork.experiments.commands import compare, leaderboard, private
from groundwork.kaggle.commands import board, submissions, submit
from groundwork.lessons.commands import app as lesson
from groundwork.pipeline import ERRORS, MESSAGES, VALIDATED, begin_stage
from groundwork.stages.commands import checks
from groundwork.sweeping.commands import sweep
from groundwork.tracking.commands import dashboard, sync
from groundwork.training.commands import app as store
from groundwork.trying.commands import keep, note, remember, try_

if TYPE_CHECKING:
    from groundwork.competitions import Competition
    from groundwork.settings import Lane, Params

PREPARED, RESULTS = Path("data/prepared"), Path("results")

# The stages of a lane or a blend, in the order of dvc.yaml.
STAGES = {
    "fetch": "Get the competition's archive: Kaggle's, or its sample.",
    "prepare": "Make typed tables, row-wise features and folds; fit nothing.",
    "baselines": "Score the baselines on the network's folds: constant, linear and lexical models, popularity.",
    "train": "Train the folds' networks and log the run.",
    "evaluate": "Score the out-of-fold predictions by Kaggle's metric.",
    "predict": "Predict the test rows with the folds' networks.",
    "submission": "Write the submission, if it passes the gate.",
    "blend": "Weigh the predictions of a blend's members; score them, and write the submission.",
}

app = typer.Typer(
    help="Groundwork: from a Kaggle archive to a checked submission, every experiment tracked.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(lesson, name="lesson", rich_help_panel="Learn")
app.add_typer(store, name="store", rich_help_panel="Every day")
app.command("try", rich_help_panel="Every day")(try_)
for _function in (sweep, leaderboard, compare, private, keep, note, remember, add, remove):
    app.command(rich_help_panel="Every day")(_function)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"groundwork {version('groundwork')}")
        raise typer.Exit


@app.callback()
def _before_any_command(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    # Lessons find their own files, and the doctor reports what is wrong with a folder.
    anywhere = context.invoked_subcommand in ("lesson", "doctor")
    if context.invoked_subcommand in ("add", "remove"):
        from groundwork.adding.run import require_clone

        require_clone()
    elif not anywhere and not Path("params.yaml").exists():
        raise UserError(f"params.yaml: not found in {Path.cwd()}", "run the command in the repository's root")
    begin_stage()
    processes.follow_parents()


def _load(lane_name: str) -> "tuple[Params, Lane, Competition]":
    from groundwork import competitions, params

    settings = params.load()
    lane = settings.lane(lane_name)
    return settings, lane, competitions.load(lane.competition)


def _stage(name: str, lane_name: str) -> None:
    from groundwork.stages import job

    params, lane, competition = _load(lane_name)
    job.run(name, lane_name, params, lane, competition)


@app.command(rich_help_panel="Pipeline")
def validate() -> None:
    """Check params.yaml and note which code each stage of each lane uses."""
    if (messages := os.environ.get(MESSAGES)) and Path(messages, VALIDATED).exists():
        return  # `groundwork repro` has just done it, and is waiting for DVC
    from groundwork import params
    from groundwork.stages.validate import validate, write_fingerprints

    settings = params.load()
    validate(settings)
    write_fingerprints(settings)
    lanes = settings.competitions
    typer.echo(f"params.yaml: nothing wrong in {len(lanes)} lanes: {', '.join(lanes)}")


def _command(stage: str) -> Callable[[str], None]:
    def run(lane_name: LaneName = "") -> None:
        _stage(stage, lane_name)

    return run


for _name, _help in STAGES.items():
    app.command(_name, help=_help, rich_help_panel="Pipeline")(_command(_name))
app.command(rich_help_panel="Pipeline")(checks)
app.command(rich_help_panel="Use a trained network")(importance)
app.command(rich_help_panel="Kaggle")(submit)
app.command(rich_help_panel="Kaggle")(submissions)
app.command(rich_help_panel="Kaggle")(board)


@app.command(rich_help_panel="Pipeline")
def report(
    lane_names: Annotated[
        list[str] | None, typer.Option("--lane", help="Show this lane alone; may be repeated.")
    ] = None,
    runs: Annotated[
        int | None, typer.Option("--runs", min=1, help="Show at most so many experiments of a lane.")
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Write results/report/index.html, which compares all experiments."""
    from groundwork.reporting.page import report

    page = RESULTS / "report" / "index.html"
    for problem in report(page, only=lane_names or (), most=runs):
        typer.echo(f"warning: {problem}", err=True)
    typer.echo(page)
    if show and not webbrowser.open(page.resolve().as_uri()):
        raise UserError("found no browser to open the page with", f"open {page} yourself")


@app.command(rich_help_panel="Every day")
def repro(
    lane_names: LaneNames = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print what DVC says of each stage, too.")] = False,
) -> None:
    """Run `dvc repro`, then print the leaderboard and the paths of the results."""
    from groundwork import params, pipeline

    pipeline.repro(params.load(), lane_names, RESULTS, verbose=verbose)


@app.command(rich_help_panel="Every day")
def status(lane_names: LaneNames = None) -> None:
    """List the stages that would run again, and why."""
    from groundwork import params
    from groundwork.experiments.replaced import replaced
    from groundwork.experiments.status import status
    from groundwork.stages.validate import validate, write_fingerprints

    settings = params.load()
    for lane_name in lane_names or ():
        settings.lane(lane_name)
    validate(settings)
    write_fingerprints(settings)
    selected = lane_names or settings.names
    lines = [f"fetch@{name}: {path} was replaced" for name, path in replaced(settings).items() if name in selected]
    lines += status(selected, settings.members)
    typer.echo("\n".join(lines) or "nothing would run again except the report")


@app.command(rich_help_panel="Use a trained network")
def search(
    lane_name: Annotated[str, typer.Argument(metavar="LANE", help="A lane of kind search, such as product-search.")],
    query: Annotated[
        str | None, typer.Argument(help="What to look for; without it, queries are read line by line.")
    ] = None,
    top: Annotated[int, typer.Option("--top", "-n", min=1, help="How many products to show.")] = 10,
) -> None:
    """Find the products that match a query, with their scores and the matching words."""
    from groundwork.ask.search import search
    from groundwork.data.load import load

    _, _, competition = _load(lane_name)
    search(lane_name, competition, load(competition, PREPARED / lane_name), RESULTS / lane_name, query, top)


@app.command(rich_help_panel="Use a trained network")
def recommend(
    lane_name: Annotated[
        str, typer.Argument(metavar="LANE", help="A lane of kind recommendation, such as fashion-recommendations.")
    ],
    customer: Annotated[str, typer.Argument(help="The customer's id, or its beginning.")],
) -> None:
    """Show a customer's purchases and the articles that the network recommends."""
    from groundwork.ask.recommend import recommend
    from groundwork.data.load import load

    _, _, competition = _load(lane_name)
    recommend(lane_name, competition, load(competition, PREPARED / lane_name), RESULTS / lane_name, customer)


@app.command(rich_help_panel="Every day")
def pull(lane_names: LaneNames = None) -> None:
    """Fetch results that others have pushed to DVC's remote, and list what is missing there."""
    from groundwork import params
    from groundwork.experiments.remote import pull

    settings = params.load()
    for lane_name in lane_names or ():
        settings.lane(lane_name)
    pull(lane_names or settings.names)


app.command(rich_help_panel="Every day")(sync)
app.command(rich_help_panel="Every day")(dashboard)


@app.command(rich_help_panel="Learn")
def doctor() -> None:
    """Check whether this machine is ready: git, Kaggle's token, W&B, tokens in git, DVC, PyTorch."""
    from groundwork.doctor import doctor

    if not doctor():
        raise typer.Exit(2)


def main() -> None:
    """Run the command line; exit with 2 for errors that the user can fix, 130 after Ctrl-C, 1 for bugs."""
    # Threads that spin while they wait take the cores from other work: on a busy machine with two cores, a small
    # network trains 13 times as fast without. OpenMP reads this variable when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    processes.keep_ctrl_c()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    logging.getLogger("groundwork").setLevel(logging.INFO)
    try:
        try:
            app()
        finally:
            # Output to a full disk fails when it is flushed; here the error can still be reported.
            sys.stdout.flush()
    except UserError as error:
        _print_error(str(error))
        sys.exit(error.exit_code)
    except SystemExit as interruption:
        # Typer turns Ctrl-C into exit code 130.
        if interruption.code == 130 and MESSAGES not in os.environ:
            print("\nstopped; run the same command to continue", file=sys.stderr)
        raise
    except MemoryError:
        _print_error(
            "the memory of this machine is full\n  -> `free -h` shows it: end other programs, or use a larger machine"
        )
        sys.exit(2)
    except BrokenPipeError:
        # `groundwork leaderboard | head` closes the pipe early.
        _discard_output()
        sys.exit(1)
    except Exception as error:
        from groundwork.files import refused_anywhere

        if (disk_error := refused_anywhere(error, RESULTS, Path())) is None:
            raise
        _print_error(str(disk_error))
        _discard_output()
        sys.exit(2)


def _discard_output() -> None:
    # Python flushes again when it exits, and would exit with its own message and exit code.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_error(text: str) -> None:
    print(f"error: {text}", file=sys.stderr)
    if messages := os.environ.get(MESSAGES):
        # The disk that is full may refuse this file too.
        with suppress(OSError), Path(messages, ERRORS).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"error: {text}\n")
