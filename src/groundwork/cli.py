"""The command line: reads params.yaml, hands objects to the rooms, turns their errors into exit codes.

Every import of a room stands inside its command: `groundwork --help` must not wait for torch.
"""

import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from groundwork import processes
from groundwork.errors import UserError
from groundwork.lessons.commands import app as lesson
from groundwork.pipeline import BEGUN, ERRORS, MESSAGES, STOPPED, VALIDATED
from groundwork.training.commands import app as store

if TYPE_CHECKING:
    from groundwork.competitions import Competition
    from groundwork.settings import Lane as LaneSettings
    from groundwork.settings import Params

PREPARED, RESULTS = Path("data/prepared"), Path("results")

app = typer.Typer(
    help="Groundwork: from a Kaggle archive to a checked submission, every experiment tracked.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(lesson, name="lesson", rich_help_panel="Learn")
app.add_typer(store, name="store", rich_help_panel="Every day")


@app.callback()
def _before_any_command(context: typer.Context) -> None:
    # Lessons know where they lie, and the doctor says what is wrong with a place.
    anywhere = context.invoked_subcommand in ("lesson", "doctor")
    if not anywhere and not Path("params.yaml").exists():
        raise UserError(f"params.yaml: not found in {Path.cwd()}", "run the command in the repository's root")
    if messages := os.environ.get(MESSAGES):
        if Path(messages, STOPPED).exists():
            raise typer.Exit(130)
        if name := os.environ.get("DVC_STAGE"):
            with Path(messages, BEGUN).open("a", encoding="utf-8") as file:
                file.write(f"{name}\n")
    processes.follow_parents()


Lane = Annotated[str, typer.Argument(help="A key under `competitions` in params.yaml, such as titanic.")]
Lanes = Annotated[list[str] | None, typer.Argument(help="Keys under `competitions` in params.yaml; none means all.")]


def _load(name: str) -> "tuple[Params, LaneSettings, Competition]":
    from groundwork import competitions, params

    read = params.load()
    lane = read.lane(name)
    return read, lane, competitions.load(lane.competition)


def _stage(name: str, lane_name: str) -> None:
    from groundwork.stages import job

    params, lane, competition = _load(lane_name)
    job.run(name, lane_name, params, lane, competition)


@app.command(rich_help_panel="Pipeline")
def validate() -> None:
    """Check params.yaml and note which code each stage of each lane uses."""
    if (messages := os.environ.get(MESSAGES)) and Path(messages, VALIDATED).exists():
        return  # the main job did it a moment ago, and waits for DVC
    from groundwork import params
    from groundwork.stages.validate import validate, write_fingerprints

    read = params.load()
    validate(read)
    write_fingerprints(read)
    typer.echo(f"params.yaml: nothing wrong in {len(read.competitions)} lanes: {', '.join(read.competitions)}")


@app.command(rich_help_panel="Pipeline")
def fetch(lane: Lane) -> None:
    """Get the competition's archive: Kaggle's, or its sample."""
    _stage("fetch", lane)


@app.command(rich_help_panel="Pipeline")
def prepare(lane: Lane) -> None:
    """Make typed tables, row-wise features and folds; fits nothing."""
    _stage("prepare", lane)


@app.command(rich_help_panel="Pipeline")
def baselines(lane: Lane) -> None:
    """Score what a network must beat, on its own folds: constant, linear and lexical models, popularity."""
    _stage("baselines", lane)


@app.command(rich_help_panel="Pipeline")
def train(lane: Lane) -> None:
    """Train the folds' networks and log the run."""
    _stage("train", lane)


@app.command(rich_help_panel="Pipeline")
def evaluate(lane: Lane) -> None:
    """Score the out-of-fold predictions by Kaggle's metric."""
    _stage("evaluate", lane)


@app.command(rich_help_panel="Pipeline")
def predict(lane: Lane) -> None:
    """Write the submission, if it passes the gate."""
    _stage("predict", lane)


@app.command(rich_help_panel="Pipeline")
def report() -> None:
    """Write results/report/index.html: every experiment beside the others."""
    from groundwork.stages.report import report

    page = RESULTS / "report" / "index.html"
    for problem in report(page):
        typer.echo(f"warning: {problem}", err=True)
    typer.echo(page)


@app.command(rich_help_panel="Every day")
def repro(lanes: Lanes = None) -> None:
    """Do the main job: `dvc repro`, then the leaderboard, then where everything lies."""
    from groundwork import params, pipeline

    pipeline.repro(params.load(), lanes, RESULTS)


@app.command(rich_help_panel="Every day")
def status(lanes: Lanes = None) -> None:
    """Say which stages would run again, and why."""
    from groundwork import params
    from groundwork.experiments.status import status
    from groundwork.stages.validate import validate, write_fingerprints

    read = params.load()
    for name in lanes or ():
        read.lane(name)
    validate(read)
    write_fingerprints(read)
    typer.echo("\n".join(status(lanes or read.competitions)) or "nothing would run again, but the report")


@app.command(rich_help_panel="Every day", name="leaderboard")
def show_leaderboard(lanes: Lanes = None) -> None:
    """Compare the experiments of each competition."""
    from groundwork.experiments.leaderboard import leaderboard

    leaderboard(lanes)


@app.command(rich_help_panel="Ask a trained network")
def search(
    lane: Annotated[str, typer.Argument(help="A lane of kind search, such as product-search.")],
    query: Annotated[
        str | None, typer.Argument(help="What to look for; without it, queries are read line by line.")
    ] = None,
    top: Annotated[int, typer.Option("--top", "-n", min=1, help="How many products to show.")] = 10,
) -> None:
    """Find the products of the catalogue that suit a query, with their scores and why."""
    from groundwork.ask.search import search
    from groundwork.data.load import load

    _, _, competition = _load(lane)
    search(lane, competition, load(competition, PREPARED / lane), RESULTS / lane, query, top)


@app.command(rich_help_panel="Ask a trained network")
def recommend(
    lane: Annotated[str, typer.Argument(help="A lane of kind recommendation, such as fashion-recommendations.")],
    customer: Annotated[str, typer.Argument(help="The customer's id, or its beginning.")],
) -> None:
    """Show what a customer bought, and what the network expects next."""
    from groundwork.ask.recommend import recommend
    from groundwork.data.load import load

    _, _, competition = _load(lane)
    recommend(lane, competition, load(competition, PREPARED / lane), RESULTS / lane, customer)


@app.command(rich_help_panel="Every day")
def pull(lanes: Lanes = None) -> None:
    """Fetch results that others have pushed to DVC's remote, and say what nobody has."""
    from groundwork import params
    from groundwork.experiments.remote import pull

    read = params.load()
    for name in lanes or ():
        read.lane(name)
    pull(lanes or read.competitions)


@app.command(rich_help_panel="Every day")
def sync() -> None:
    """Send the runs that W&B has not got yet."""
    from groundwork.tracking.sync import sync

    sync(Path("."))


@app.command(rich_help_panel="Learn")
def doctor() -> None:
    """Say whether this machine is ready: git, Kaggle's token, W&B, tokens in git, DVC, PyTorch."""
    from groundwork.doctor import doctor

    if not doctor():
        raise typer.Exit(2)


@app.command(rich_help_panel="Kaggle")
def submit(
    lane: Lane,
    message: Annotated[str, typer.Option("--message", "-m", help="What this submission is.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything but the upload.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the score.")] = True,
) -> None:
    """Check the lane's submission, upload it, wait for its score, note it in the ledger."""
    from groundwork.kaggle.submit import submit

    _, _, competition = _load(lane)
    submit(lane, competition, message, dry_run=dry_run, wait=wait)


@app.command(rich_help_panel="Kaggle")
def submissions(lane: Lane) -> None:
    """Refresh the scores of the lane's submissions."""
    from groundwork.kaggle.submit import refresh

    _, _, competition = _load(lane)
    refresh(lane, competition)


def main() -> None:
    """Run the command line; exit with 2 for what the user can fix, 130 after Ctrl-C, 1 for our own mistakes."""
    # Threads that spin while they wait take the cores from whoever could work: on a busy machine with two cores, a
    # small network trains 13 times as fast without. Read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    logging.getLogger("groundwork").setLevel(logging.INFO)
    try:
        try:
            app()
        finally:
            # What is printed to a full disk fails when it is flushed: here, where somebody still listens.
            sys.stdout.flush()
    except UserError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except SystemExit as leaving:
        # What Typer makes of Ctrl-C.
        if leaving.code == 130 and MESSAGES not in os.environ:
            print("\nstopped; the same command goes on from where it was", file=sys.stderr)
        raise
    except MemoryError:
        _say("the memory of this machine is full\n  -> `free -h` shows it: end other programs, or use a larger machine")
        sys.exit(2)
    except BrokenPipeError:
        # `groundwork leaderboard | head`: whoever read has seen enough.
        _drop_the_output()
        sys.exit(1)
    except Exception as error:
        from groundwork.files import refused_anywhere

        if (refused := refused_anywhere(error, RESULTS, Path())) is None:
            raise
        _say(str(refused))
        _drop_the_output()
        sys.exit(2)


def _drop_the_output() -> None:
    # Python flushes once more when it ends, and would end with its own message and exit code.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(text: str) -> None:
    print(f"error: {text}", file=sys.stderr)
    if messages := os.environ.get(MESSAGES):
        # The disk that refused a result may refuse this too.
        with suppress(OSError), Path(messages, ERRORS).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"error: {text}\n")
