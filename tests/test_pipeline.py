"""DVC runs exactly the stages that an edit affects, and stages read exactly the parameters that dvc.yaml declares."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from groundwork import cli, params, settings
from groundwork.experiments.dvcfiles import declared
from groundwork.experiments.fingerprint import fingerprint
from groundwork.experiments.seal import Seal
from groundwork.kaggle.gate import Verdict

STAGES = ("fetch", "prepare", "checks", "baselines", "train", "evaluate", "predict", "submission")
LANE = "titanic"


@pytest.fixture(autouse=True)
def _in_the_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)


def test_dvc_yaml_reads_at_a_glance(repository: Path) -> None:
    text = (repository / "dvc.yaml").read_text()
    assert "src/" not in text
    assert max(map(len, text.splitlines())) <= 120
    for stage in text.split("stages:\n")[1].split("\n\n"):
        assert len(stage.strip("\n").splitlines()) <= 8, stage


# --- what an edit touches -------------------------------------------------------------------------------------------

Touched = Callable[..., set[str]]


@pytest.fixture(scope="module")
def _fingerprints(repository: Path) -> dict[str, dict[str, str]]:
    return fingerprints(repository / "src", repository)


def fingerprints(source: Path, repository: Path) -> dict[str, dict[str, str]]:
    lanes = params.load(repository / "params.yaml").competitions
    return {f"{stage}@{name}": fingerprint(stage, lane, source) for name, lane in lanes.items() for stage in STAGES}


@pytest.fixture
def touched(repository: Path, tmp_path: Path, _fingerprints: dict[str, dict[str, str]]) -> Touched:
    """Edit files of a copy of the source; return the stages that run again."""

    def edit(*edits: tuple[str, str, str]) -> set[str]:
        source = tmp_path / "src"
        shutil.copytree(repository / "src", source, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        for name, before, after in edits:
            file = source / "groundwork" / name
            text = file.read_text() if file.exists() else ""
            assert before in text, f"{name} holds no {before!r}"
            file.write_text(text.replace(before, after, 1) if before else text + after)
        now = fingerprints(source, repository)
        return {name for name in now if now[name] != _fingerprints[name]}

    return edit


def lanes_of(stages: str, *names: str) -> set[str]:
    return {f"{stage}@{name}" for stage in stages.split() for name in names}


IDLE = {
    "a new network": ("models/new.py", "", "class New:\n    pass\n"),
    "a comment in what lessons alone use": ("scratch/hardware.py", "", "# a comment\n"),
    "a comment in the progress bar": ("training/progress.py", "", "# a comment\n"),
    "a real change in what logs": ("tracking/tracker.py", "self._broken = True", "self._broken = 1 == 1"),
    "a comment in an encoder": ("encoders/language/words.py", "", "# a comment\n"),
    "a comment in the schema": ("settings.py", "", "# a comment\n"),
    "a new metric": (
        "objectives/metrics.py",
        "METRICS: ByName[Metric] = {",
        'METRICS: ByName[Metric] = {\n    "new": Metric("new", True, ("classes",), _top(9).score),',
    ),
    "a docstring": ("training/fit.py", '"""Train `network` until', '"""Train the network until'),
    "a real change in what lessons alone use": ("scratch/hardware.py", "", "EXTRA = 1\n"),
}


@pytest.mark.parametrize("edit", IDLE.values(), ids=IDLE)
def test_what_no_stage_uses_touches_none(edit: tuple[str, str, str], touched: Touched) -> None:
    assert touched(edit) == set()


LATER = "baselines train evaluate predict submission"
CHECKED = f"prepare checks {LATER}"
REAL = {
    "a network": (
        ("models/cnn.py", "return self", "return 1 * self"),
        lanes_of("train predict", "digit-recognizer"),
    ),
    "a network of two lanes": (
        ("models/fnn.py", "hidden = self.hidden(embedded", "hidden = 1 * self.hidden(embedded"),
        lanes_of("train predict", "titanic", "house-prices"),
    ),
    "a network for texts": (
        ("models/rnn.py", "return pooled(", "return 1 * pooled("),
        lanes_of("train predict", "toxic-comments"),
    ),
    "a network that no lane names": (("models/transformer.py", "return pooled(", "return 1 * pooled("), set()),
    "two towers": (
        ("models/two_tower.py", "return self.head(", "return 1 * self.head("),
        lanes_of("train predict", "product-search"),
    ),
    "factorization": (
        ("models/factorization.py", "self.negatives = negatives", "self.negatives = 1 * negatives"),
        lanes_of("train predict", "fashion-recommendations"),
    ),
    "the encoder of tables": (
        ("encoders/table.py", "self.mean, self.scale = clipped", "self.mean, self.scale = 1 * clipped"),
        lanes_of("checks baselines train predict", "titanic", "house-prices"),
    ),
    "the encoder of pictures": (
        ("encoders/image.py", "self.mean = float(pixels.mean())", "self.mean = 1 * float(pixels.mean())"),
        lanes_of("train predict", "digit-recognizer"),
    ),
    "the encoder of texts": (
        ("encoders/text.py", "texts = self._texts(frame)", "texts = list(self._texts(frame))"),
        lanes_of("train predict", "toxic-comments"),
    ),
    "the encoder of histories": (
        ("encoders/history.py", 'int(frame["day"].max()) + 1', '1 + int(frame["day"].max())'),
        lanes_of("train predict", "fashion-recommendations"),
    ),
    "classification": (
        ("objectives/classification.py", "return probabilities.mean(1)", "return 1 * probabilities.mean(1)"),
        lanes_of(CHECKED, "digit-recognizer", "titanic"),
    ),
    "regression, which search is too": (
        ("objectives/regression.py", "predicted = predicted.mean(1)", "predicted = 1 * predicted.mean(1)"),
        lanes_of(CHECKED, "house-prices", "product-search"),
    ),
    "tagging": (
        ("objectives/tagging.py", "probabilities = logits.float()", "probabilities = 1 * logits.float()"),
        lanes_of(CHECKED, "toxic-comments"),
    ),
    "recommendation": (
        ("objectives/recommendation.py", "best = logits.topk(", "best = (1 * logits).topk("),
        lanes_of(LATER, "fashion-recommendations"),
    ),
    "a competition's features": (
        ("competitions/titanic.py", '"Mlle": "Miss"', '"Mlle": "Mrs"'),
        lanes_of("prepare", "titanic"),
    ),
    "a competition's sample": (
        ("competitions/titanic.py", 'married = kind == "couple"', 'married = kind in ["couple"]'),
        lanes_of("fetch prepare", "titanic"),  # messages of `prepare` name the file that holds the sample
    ),
    "a competition's types": (
        ("competitions/titanic.py", "    inputs=INPUTS,\n", '    inputs=INPUTS,\n    types={"Age": float},\n'),
        lanes_of("prepare", "titanic"),
    ),
    "the sizes of a network": (
        ("sections/networks.py", "    members: Count\n", "    members: Annotated[int, Field(ge=1)]\n"),
        lanes_of("train predict", "titanic", "house-prices"),
    ),
    "a lane's own metric": (
        (
            "objectives/metrics_labels.py",
            "accuracy_score(target, answers)",
            "accuracy_score(target, 1 * answers)",
        ),
        lanes_of("prepare checks baselines train evaluate submission", "digit-recognizer", "titanic"),
    ),
    "a metric of its own": (
        ("competitions/titanic.py", 'metric="accuracy"', "metric=_own"),
        lanes_of("prepare checks baselines train evaluate submission", "titanic"),
    ),
    "a further metric of one competition": (
        ("competitions/product_search.py", 'further_metrics=("ndcg@10",', 'further_metrics=("rmsle", "ndcg@10",'),
        lanes_of("baselines evaluate", "product-search"),
    ),
}


@pytest.mark.parametrize(("edit", "stages"), REAL.values(), ids=REAL)
def test_a_real_change_touches_exactly_what_uses_it(
    edit: tuple[str, str, str], stages: set[str], touched: Touched
) -> None:
    assert touched(edit) == stages


# --- what DVC runs again -------------------------------------------------------------------------------------------

# Stands where `groundwork` would: writes the stage's outs anew, and notes that it was called; `validate` is real.
STAND_IN = """#!/bin/sh
echo "$@" >> calls
write() {{ mkdir -p "$(dirname "$1")"; echo "$2" > "$1"; }}
case $1 in
    validate) exec {python} -c 'from groundwork.cli import main; main()' validate ;;
    fetch) write data/raw/$2.zip archive ;;
    prepare) write data/prepared/$2/train.parquet rows ;;
    checks) write results/$2/checks.json checks ;;
    baselines) for out in json parquet; do write results/$2/baselines.$out baselines; done ;;
    train) for out in checkpoints/fold_0.fold oof.parquet run.json history.csv; do write results/$2/$out $$; done ;;
    evaluate) write results/$2/experiment.json $$; write results/metrics/$2.json "{{\\"score\\": $$}}" ;;
    predict) write results/$2/test.parquet $$ ;;
    submission) write results/$2/submission.csv $$ ;;
esac
if [ "$2" ]; then write data/seals/$2/$1 '{{"code": {{}}, "params": {{}}, "deps": {{}}, "outs": {{}}}}'; fi
"""


@pytest.fixture
def reproduced(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the pipeline into a new repository in which every stage has run once."""
    for name in ("dvc.yaml", "params.yaml", ".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(repository / name, tmp_path / name)
    shutil.copytree(repository / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    script = tmp_path / "bin" / "groundwork"
    script.parent.mkdir()
    script.write_text(STAND_IN.format(python=sys.executable))
    script.chmod(0o755)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@localhost")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "src"))
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    dvc(tmp_path, "repro", "--quiet")
    subprocess.run(["git", "add", "--all"], cwd=tmp_path, check=True)
    subprocess.run(["git", "commit", "--quiet", "-m", "reproduced"], cwd=tmp_path, check=True)
    (tmp_path / "calls").unlink()
    return tmp_path


def dvc(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def calls(folder: Path) -> list[str]:
    file = folder / "calls"
    return file.read_text().splitlines() if file.exists() else []


def test_another_dropout_trains_that_lane_alone(reproduced: Path) -> None:
    before = params.load(reproduced / "params.yaml")
    dvc(reproduced, "exp", "run", "--quiet", "-S", f"competitions.{LANE}.model.dropout=0.45")
    ran = calls(reproduced)
    assert ran[0] == "validate"
    assert set(ran[1:]) == {f"train {LANE}", f"evaluate {LANE}", f"predict {LANE}", f"submission {LANE}", "report"}
    after = params.load(reproduced / "params.yaml")
    changed = {name for name, lane in after.competitions.items() if lane != before.lane(name)}
    assert (changed, after.lane(LANE).model.dropout) == ({LANE}, 0.45)


def test_edits_that_no_stage_uses_run_none(reproduced: Path) -> None:
    for name, before, after in IDLE.values():
        file = reproduced / "src/groundwork" / name
        text = file.read_text() if file.exists() else ""
        file.write_text(text.replace(before, after, 1) if before else text + after)
    dvc(reproduced, "repro", "--quiet")
    assert set(calls(reproduced)) == {"validate", "report"}


def test_an_edit_of_one_lanes_code_runs_that_lane(reproduced: Path) -> None:
    file = reproduced / "src/groundwork/competitions/titanic.py"
    file.write_text(file.read_text().replace('"Mlle": "Miss"', '"Mlle": "Mrs"'))
    dvc(reproduced, "repro", "--quiet")
    assert set(calls(reproduced)) == {"validate", f"prepare {LANE}", "report"}  # what it makes is the same


def groundwork(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from groundwork.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_status_names_what_was_edited(reproduced: Path) -> None:
    assert "nothing would run again" in groundwork(reproduced, "status").stdout
    file = reproduced / "src/groundwork/competitions/titanic.py"
    file.write_text(file.read_text().replace('"Mlle": "Miss"', '"Mlle": "Mrs"'))
    text = (reproduced / "params.yaml").read_text()
    (reproduced / "params.yaml").write_text(text.replace("scale: 1.0, dropout: 0.3", "scale: 1.0, dropout: 0.4"))
    done = groundwork(reproduced, "status", LANE)
    said = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in said] == [f"prepare@{LANE}", f"train@{LANE}"], done.stderr
    assert "params.yaml: competitions.titanic modified" in said[1]


def test_fingerprints_that_were_removed_or_changed_are_written_again(reproduced: Path) -> None:
    train, predict = (reproduced / "data/code" / LANE / stage for stage in ("train", "predict"))
    before = {path: path.read_text() for path in (train, predict)}
    train.unlink()
    predict.write_text("changed by hand\n")
    assert groundwork(reproduced, "validate").returncode == 0
    assert {path: path.read_text() for path in before} == before


def test_pull_brings_what_the_remote_has_and_names_what_nobody_has(reproduced: Path, tmp_path: Path) -> None:
    alone = groundwork(reproduced, "pull")
    assert alone.returncode == 2
    assert "no DVC remote is configured" in alone.stderr
    remote, clone = tmp_path / "remote", tmp_path / "clone"
    dvc(reproduced, "remote", "add", "--default", "storage", str(remote))
    dvc(reproduced, "push", "--quiet", f"train@{LANE}", f"prepare@{LANE}")
    subprocess.run(["git", "commit", "--quiet", "-am", "remote"], cwd=reproduced, check=True)
    subprocess.run(["git", "clone", "--quiet", reproduced, clone], check=True)
    done = groundwork(clone, "pull", LANE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pulled 2 of 8 stages' results" in done.stdout
    assert f"in neither the remote nor this cache: fetch@{LANE}" in done.stdout
    for name in (f"results/{LANE}/oof.parquet", f"data/prepared/{LANE}/train.parquet"):
        assert (clone / name).read_bytes() == (reproduced / name).read_bytes()
    assert not (clone / f"results/{LANE}/submission.csv").exists()


# --- what stages read of params.yaml -------------------------------------------------------------------------------


def places(section: settings.Settings | dict[str, Any], at: str = "") -> Iterator[tuple[int, str]]:
    """Return the dotted key of every section in `section`, by the section's identity."""
    items = (
        section.items()
        if isinstance(section, dict)
        else ((name, getattr(section, name)) for name in type(section).model_fields)
    )
    for name, value in items:
        if isinstance(value, settings.Settings | dict):
            yield id(value), f"{at}{name}"
            yield from places(value, f"{at}{name}.")


class Reads:
    """Records which keys of params.yaml are read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.keys: set[str] = set()
        self.at: dict[int, str] = {}
        look, load = settings.Settings.__getattribute__, params.load

        def noting(section: settings.Settings, name: str) -> Any:
            value = look(section, name)
            where = self.at.get(id(section))
            if where is not None and name in type(section).model_fields and id(value) not in self.at:
                self.keys.add(f"{where}{name}")
            elif where is not None and name == "model_dump":
                self.keys |= {f"{where}{key}" for key in type(section).model_fields}
            return value

        def loading(*arguments: Any) -> settings.Params:
            loaded = load(*arguments)
            self.kept = loaded  # as long as it lives, its sections' identities are theirs
            self.at = {id(loaded): "", **{place: f"{name}." for place, name in places(loaded)}}
            return loaded

        def sealing(*arguments: Any) -> Any:
            # Which of the lane's words a table is entered by is no reading of the keys by the stage.
            kept, at = self.keys.copy(), self.at
            seal = take(*arguments)
            self.keys, self.at = kept, at
            return seal

        take = Seal.take
        monkeypatch.setattr(Seal, "take", sealing)
        monkeypatch.setattr(settings.Settings, "__getattribute__", noting)
        monkeypatch.setattr(params, "load", loading)


def test_stages_read_the_keys_that_they_declare_and_no_others(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = YAML(typ="safe").load(repository / "params.yaml")
    small["competitions"] = {LANE: small["competitions"][LANE]}
    small["competitions"][LANE]["training"] |= {"epochs": 2, "folds": 1}
    small["tracking"]["mode"] = "disabled"
    YAML(typ="safe").dump(small, tmp_path / "params.yaml")
    shutil.copy(repository / "dvc.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    stages = declared(LANE)
    cli.app(["validate"], standalone_mode=False)
    # A submission from two epochs would not pass the gate; that is not what is asked here.
    monkeypatch.setattr("groundwork.kaggle.gate.check_files", lambda *_: Verdict())

    for stage in STAGES:
        with monkeypatch.context() as patched:
            reads = Reads(patched)
            cli.app([stage, LANE], standalone_mode=False)
        keys = stages[stage].params
        # Whether a name is that of a lane or of a blend changes no result.
        reads.keys.discard("blends")
        # DVC wants declared keys to be there, and this one may be left out: a share counts with the code instead.
        reads.keys.discard(f"competitions.{LANE}.private")
        undeclared = {read for read in reads.keys if not any(f"{read}.".startswith(f"{key}.") for key in keys)}
        unread = {key for key in keys if not any(f"{read}.".startswith(f"{key}.") for read in reads.keys)}
        assert not undeclared, f"{stage} reads these, and dvc.yaml does not say so"
        assert not unread, f"dvc.yaml says that {stage} reads these, and it reads none of them"
