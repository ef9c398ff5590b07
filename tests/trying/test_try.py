"""From an idea to a verdict and into params.yaml, by the real commands on one small lane."""

import json
import time
from pathlib import Path

import pytest
from tests import clone
from tests.clone import GROUNDWORK, LANE, groundwork

from groundwork.adding.params_text import ParamsText
from groundwork.tracking.reading import read_records

FOLDS = 2
PARAMS = Path("params.yaml")


def git(folder: Path, *arguments: str) -> str:
    name = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost")
    done = clone.run(folder, *name, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def succeeded(folder: Path, *arguments: str) -> str:
    done = groundwork(folder, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refused(folder: Path, *arguments: str) -> str:
    done = groundwork(folder, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def folds(folder: Path) -> set[Path]:
    return set((folder / "results/.folds" / LANE).glob("*/*.fold"))


def files(folder: Path) -> dict[str, bytes]:
    """What a trial leaves alone."""
    kept = [folder / "params.yaml", folder / "dvc.lock", *(folder / "results" / LANE).rglob("*")]
    return {str(file): file.read_bytes() for file in kept if file.is_file()}


@pytest.fixture(scope="module")
def reproduced(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose lane was reproduced and committed, with the shipped text of params.yaml."""
    folder = clone.make(repository, tmp_path_factory.mktemp("reproduced"))
    text = (repository / PARAMS).read_bytes()
    others = [name for name in ParamsText(text, PARAMS).lanes if name != LANE]
    text = (
        ParamsText(text, PARAMS).removed(others).replace(b"folds: 5", b"folds: 2").replace(b"epochs: 25", b"epochs: 4")
    )
    (folder / PARAMS).write_bytes(text)
    (folder / ".gitignore").write_text((repository / ".gitignore").read_text() + "/bin/\n")
    succeeded(folder, "repro", LANE)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "baseline")
    return folder


# It leaves the repository as it is for the next test.
def test_without_time_nothing_starts_and_the_same_command_would_go_on(reproduced: Path) -> None:
    outcome = json.loads(succeeded(reproduced, "try", LANE, "dropout=0.1", "--minutes", "0", "--json"))
    assert not outcome["finished"]
    assert outcome["current"]["folds"] == {"finished": FOLDS, "wanted": FOLDS, "trained_now": 0}
    (variant,) = outcome["variants"]
    assert variant["folds"] == {"finished": 0, "wanted": FOLDS, "trained_now": 0}
    assert variant["verdict"] is None
    assert variant["run_id"] is None
    assert len(list((reproduced / "results/experiments" / LANE).iterdir())) == 1


def test_an_idea_is_tried_judged_kept_and_reproduced_without_training(reproduced: Path) -> None:
    before, at_first = files(reproduced), folds(reproduced)
    assert len(at_first) == FOLDS

    # Stopped in the middle: what is finished stays.
    command = ("try", LANE, "dropout=0.1", "--seeds", "2", "--note", "less of it", "--json")
    process = clone.start(reproduced, *GROUNDWORK, *command, start_new_session=True)
    while len(folds(reproduced)) == FOLDS:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    half = len(folds(reproduced))
    assert FOLDS < half < 4 * FOLDS

    # It goes on, and touches nothing that is not its own.
    outcome = json.loads(succeeded(reproduced, *command))
    assert (outcome["schema"], outcome["seeds"], outcome["finished"]) == (1, 2, True)
    current, (variant,) = outcome["current"], outcome["variants"]
    assert len(folds(reproduced)) == 4 * FOLDS
    assert current["folds"]["trained_now"] + variant["folds"]["trained_now"] == 4 * FOLDS - half
    assert variant["changes"] == {"model.dropout": 0.1}
    assert variant["verdict"]["outcome"] in ("better", "worse", "no difference")
    assert len(variant["verdict"]["a"]["seeds"]) == len(variant["verdict"]["b"]["seeds"]) == 2
    assert variant["metrics"]["oof"] == variant["verdict"]["a"]["score"]
    assert files(reproduced) == before
    assert git(reproduced, "status", "--porcelain") == ""

    # Typed again it trains nothing, and there is one experiment: on the leaderboard, and in W&B with its name.
    run_id = variant["run_id"]
    again = json.loads(succeeded(reproduced, *command))
    assert [side["folds"]["trained_now"] for side in (again["current"], *again["variants"])] == [0, 0]
    assert again["variants"][0]["run_id"] == run_id
    records = sorted(path.stem for path in (reproduced / "results/experiments" / LANE).iterdir())
    assert len(records) == 2
    assert run_id in records
    shown = succeeded(reproduced, "leaderboard", LANE)
    # The first line with it is its row; a verdict below the table may name it too.
    line = next(line for line in shown.splitlines() if run_id in line)
    assert "model.dropout=0.1" in line
    assert "“less of it”" in line
    (logged,) = (reproduced / "wandb").glob(f"offline-run-*-{run_id}")
    described = next(record["run"] for record in read_records(logged) if record["type"] == "run")
    assert described["display_name"] == f"{LANE} dropout=0.1"
    assert (described["run_group"], described["job_type"], described["notes"]) == (LANE, "try", "less of it")
    assert {"try", "dropout=0.1"} <= set(described["tags"])

    # Kept: one value of one lane is another, and the records of the lane travel.
    text = (reproduced / PARAMS).read_bytes()
    assert "model.dropout: 0.3 -> 0.1" in succeeded(reproduced, "keep", run_id)
    assert (reproduced / PARAMS).read_bytes() == text.replace(
        b"category_scale: 1.0, dropout: 0.3", b"category_scale: 1.0, dropout: 0.1"
    )
    remembered = {path.stem: json.loads(path.read_text()) for path in (reproduced / "results/memory" / LANE).iterdir()}
    assert set(remembered) == set(records)
    assert remembered[run_id]["verdict"]["sentence"] == variant["verdict"]["sentence"]
    assert remembered[run_id]["base"] in set(records) - {run_id}, "whatever its number of seeds"
    assert "has these settings already" in succeeded(reproduced, "keep", run_id[:5])

    said = succeeded(reproduced, "repro", LANE)
    assert said.count("taken from the fold store") == FOLDS
    assert len(folds(reproduced)) == 4 * FOLDS, "nothing was trained"
    scores = json.loads((reproduced / f"results/metrics/{LANE}.json").read_text())
    assert scores["oof"] == variant["verdict"]["a"]["seeds"][0]

    # With all of its seeds it is the very run that was tried.
    assert "training.seeds: 1 -> 2" in succeeded(reproduced, "keep", run_id, "--with-seeds")
    succeeded(reproduced, "repro", LANE)
    assert len(folds(reproduced)) == 4 * FOLDS
    assert json.loads((reproduced / f"results/{LANE}/run.json").read_text())["run_id"] == run_id

    # Other code would train other folds: refused, with the commit to go to.
    commit = git(reproduced, "rev-parse", "HEAD^{commit}")[:7]
    source = reproduced / "src/groundwork/models/fnn.py"
    whole = source.read_text()
    source.write_text(whole.replace("hidden = self.hidden(embedded", "hidden = 1 * self.hidden(embedded"))
    kept = (reproduced / PARAMS).read_bytes()
    said = refused(reproduced, "keep", run_id)
    assert f"{run_id}: was trained by other code than today's, that of commit {commit}\n" in said
    assert f"git switch --detach {commit}" in said
    source.write_text(whole)
    (reproduced / PARAMS).write_bytes(kept.replace(b"\nseed: 0", b"\nseed: 1"))
    assert f"{run_id}: was trained with seed 0; params.yaml has seed 1" in refused(reproduced, "keep", run_id)

    # Data that params.yaml would make otherwise: refused, with a command that helps.
    (reproduced / PARAMS).write_bytes(kept.replace(b"folds_seed: 0", b"folds_seed: 1"))
    said = refused(reproduced, "try", LANE, "dropout=0.4")
    assert f"data/prepared/{LANE}: is not what prepare@{LANE} would make now; changed: params.yaml: folds_seed" in said
    assert f"dvc repro prepare@{LANE}" in said
