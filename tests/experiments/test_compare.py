"""`groundwork compare` on the files that the stages write: what it finds, what it says, and what it refuses."""

import dataclasses
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.training.tiny import FOLDS, QUIETLY, ROWS, SILENT, SURVIVAL, lane, prepared

from groundwork import params
from groundwork.data.folds import assign
from groundwork.data.prepared import write_table
from groundwork.errors import UserError
from groundwork.experiments import memory
from groundwork.experiments.compare import compare
from groundwork.experiments.evidence import _groups
from groundwork.experiments.leaderboard import leaderboard
from groundwork.experiments.records import Experiment, load
from groundwork.experiments.remembered import _again, only_remembered
from groundwork.reporting.page import report
from groundwork.stages.baselines import baselines
from groundwork.stages.evaluate import evaluate
from groundwork.stages.train import train
from groundwork.trying.changes import variants

# Records name the competition's file, which `compare` loads.
TITANIC = dataclasses.replace(SURVIVAL, slug="titanic")
RESULTS = Path("results")
GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b.c")


def run(seed: int = 0, **training: Any) -> str:
    """Train and evaluate the lane titanic; return the run's id."""
    settings, data = lane(TITANIC, **training), prepared(TITANIC)
    train("titanic", TITANIC, settings, data, RESULTS / "titanic", seed=seed, **QUIETLY)
    evaluate("titanic", TITANIC, RESULTS)
    return str(json.loads((RESULTS / "titanic" / "run.json").read_text())["run_id"])


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A checkout with two seeds of one experiment, a third run that learned nothing, and the lane's baselines."""
    folder = tmp_path_factory.mktemp("checkout")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path(".gitignore").write_text("/data/\n/results/*\n!/results/metrics/\n")
        Path("params.yaml").touch()
        subprocess.run(["git", "init", "--quiet"], check=True)
        commit("the start")
        runs = [run(learning_rate=1e-6, epochs=1)]
        commit("learns nothing")
        subprocess.run(["git", "tag", "nothing"], check=True)
        # Code has not changed, but records of this branch know the commit alone: both seeds are of one.
        runs += [run(seed, epochs=6) for seed in (0, 1)]
        commit("learns")
        data = prepared(TITANIC)
        settings = lane(TITANIC).encoding
        baselines("titanic", TITANIC, settings, data, RESULTS / "titanic", seed=0, tracking=SILENT)
    return folder, runs


def commit(message: str) -> None:
    subprocess.run(["git", "add", "."], check=True)
    subprocess.run([*GIT, "commit", "--quiet", "--allow-empty", "--message", message], check=True)


@pytest.fixture
def runs(_made: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Work in a copy of the checkout; return the ids of its three runs, the current one last."""
    folder, names = _made
    shutil.copytree(folder, tmp_path / "checkout")
    monkeypatch.chdir(tmp_path / "checkout")
    return names


def outcome(a: str, b: str, lane_name: str | None = None) -> Any:
    (compared,) = compare(a, b, lane_name)
    assert compared.verdict
    return compared.verdict


def test_runs_are_compared_on_their_own_rows(runs: list[str]) -> None:
    nothing, first, second = runs
    verdict = outcome(first, nothing)
    oof = pd.read_parquet(RESULTS / "titanic" / "oof.parquet")
    current = outcome("titanic", nothing)
    assert current.a.name == second
    assert current.a.score == pytest.approx((oof[["p0", "p1"]].to_numpy().argmax(1) == oof["target"]).mean())
    recorded = {experiment.run_id: experiment for experiment in load("titanic")[0]}
    assert (verdict.a.score, verdict.b.score) == pytest.approx((recorded[first].oof, recorded[nothing].oof))
    assert verdict.a.folds == pytest.approx(recorded[first].folds)
    assert verdict.luck.units == ROWS


def test_equal_experiments_of_other_seeds_show_the_spread(runs: list[str]) -> None:
    nothing, first, _ = runs
    verdict = outcome(first, nothing)
    assert (verdict.luck.spread.freedom, verdict.outcome) == (1, "better")
    for path in RESULTS.glob("experiments/titanic/*.json"):
        record = json.loads(path.read_text())
        record["run"]["dirty"] = True
        path.write_text(json.dumps(record))
    assert outcome(first, nothing).outcome == "better", "the hash of the code says what they ran"
    for path in RESULTS.glob("experiments/titanic/*.json"):
        record = json.loads(path.read_text())
        del record["run"]["code_sha256"]
        path.write_text(json.dumps(record))
    assert outcome(first, nothing).outcome == "unknown", "who knows what code they ran"


def test_the_seeds_of_one_run_are_its_replicates(runs: list[str]) -> None:
    nothing, first, second = runs
    path = RESULTS / "experiments" / "titanic" / f"{first}.json"
    record, other = (json.loads(path.with_stem(name).read_text()) for name in (first, second))
    record["run"]["replicates"] = [other["run"]["folds"]]
    path.write_text(json.dumps(record))
    verdict = outcome(first, nothing)
    assert verdict.a.seeds == pytest.approx((record["metrics"]["oof"], other["metrics"]["oof"]))
    assert verdict.luck.spread.freedom == 1, "the second run tells nothing more"


def test_a_name_may_be_a_lane_the_beginning_of_an_id_or_a_baseline(runs: list[str]) -> None:
    nothing, _, second = runs
    assert outcome("titanic", nothing[:6]).b.name == nothing
    assert outcome("titanic", "baseline:constant").b.name == "constant"
    assert outcome("LightGBM", "constant", "titanic").a.seeded
    assert not outcome("logistic regression", "constant", "titanic").b.seeded
    best = outcome("baseline", second).a
    assert best.score >= outcome("constant", second).a.score


def test_a_commit_stands_for_the_run_whose_metrics_it_has(runs: list[str]) -> None:
    nothing, _, second = runs
    verdict = outcome("HEAD", "nothing", "titanic")
    assert (verdict.a.name, verdict.b.name) == (second, nothing)
    (compared,) = compare("HEAD", "nothing")
    assert compared.lane_name == "titanic"
    assert compare("HEAD", "HEAD") == []


def test_rows_that_are_gone_are_named_with_the_command_that_brings_them_back(runs: list[str]) -> None:
    nothing, first, _ = runs
    shutil.rmtree(RESULTS / ".folds")
    with pytest.raises(UserError, match=f"titanic {nothing}: fold_0 .* is not in results/.folds/titanic") as raised:
        compare("titanic", nothing)
    recorded = json.loads((RESULTS / "experiments" / "titanic" / f"{nothing}.json").read_text())["run"]["commit"]
    assert f"`git switch --detach {recorded[:7]}`, `groundwork repro titanic`" in raised.value.next_step
    assert outcome("titanic", "baseline:constant").a.score > 0.5, "current folds are also among the checkpoints"
    shutil.rmtree(RESULTS / "titanic" / "checkpoints")
    assert outcome("titanic", "baseline:constant").a.score > 0.5, "and its rows in oof.parquet"
    (compared,) = compare("HEAD", "nothing")
    assert compared.refused
    (RESULTS / "experiments" / "titanic" / f"{nothing}.json").unlink()
    (RESULTS / "experiments" / "titanic" / f"{first}.json").unlink()
    with pytest.raises(UserError, match=r"nothing: neither this machine's runs nor \.dvc/cache"):
        compare("titanic", "nothing")


def test_rows_of_a_commit_are_found_in_dvcs_cache(runs: list[str]) -> None:
    folder, md5 = RESULTS / "titanic", "ab" * 16
    cache(folder / "oof.parquet", md5)
    outs = [{"path": str(folder / "oof.parquet"), "md5": md5}]
    params = {"params.yaml": {"competitions.titanic.competition": "titanic"}}
    stages = {"evaluate@titanic": {"params": params}, "train@titanic": {"outs": outs}}
    Path("dvc.lock").write_text(json.dumps({"stages": stages}))
    metrics = RESULTS / "metrics" / "titanic.json"
    metrics.write_text(json.dumps(json.loads(metrics.read_text()) | {"oof": 0.123}))
    commit("of another machine")
    subprocess.run(["git", "tag", "theirs"], check=True)
    verdict = outcome("titanic", "theirs")
    assert (verdict.gain, verdict.b.name) == (0.0, "theirs")

    # With its folds there, each seed counts.
    first, second = (json.loads((RESULTS / f"experiments/titanic/{run}.json").read_text())["run"] for run in runs[1:])
    listed = []
    for seed, made in enumerate((first, second)):
        for part, fold in made["folds"].items():
            listed.append({"relpath": f"{part}{'_seed_1' if seed else ''}.fold", "md5": fold["key"] * 2})
            cache(RESULTS / ".folds" / "titanic" / fold["key"] / f"{part}.fold", fold["key"] * 2)
    Path("list").write_text(json.dumps(listed))
    cache(Path("list"), "cd" * 16 + ".dir")
    outs.append({"path": str(folder / "checkpoints"), "md5": "cd" * 16 + ".dir"})
    Path("dvc.lock").write_text(json.dumps({"stages": stages}))
    commit("with its folds")
    subprocess.run(["git", "tag", "whole"], check=True)
    assert outcome(runs[0], "whole").b.seeds == (outcome(runs[1], runs[0]).a.score, outcome(runs[2], runs[0]).a.score)

    # A fresh clone has no experiments.
    for path in (RESULTS / "experiments", folder):
        shutil.rmtree(path)
    assert outcome("whole", "theirs", "titanic").a.name == "whole"


def cache(file: Path, md5: str) -> None:
    cached = Path(".dvc/cache/files/md5", md5[:2], md5[2:])
    cached.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, cached)


def test_other_folds_are_refused(runs: list[str]) -> None:
    _, first, _ = runs
    folds = Path("data/prepared/titanic/folds.parquet")
    frame = pd.read_parquet(folds)
    write_table(frame.assign(fold=assign(np.zeros(len(frame)), FOLDS, seed=5)), folds)
    elsewhere = run(epochs=1)
    with pytest.raises(UserError, match=f"{elsewhere} and {first} were scored on other rows, folds or targets"):
        compare(elsewhere, first)


@pytest.mark.parametrize(
    ("a", "b", "problem"),
    [
        ("titanic", "titanc", "titanc: found no run, lane, baseline or commit of this name; did you mean 'titanic'?"),
        ("titanic", "baseline:LightGMB", "found no baseline 'LightGMB'; did you mean 'LightGBM'?"),
        ("constant", "LightGBM", "constant: found no run, lane"),
    ],
)
def test_an_unknown_name_is_named(a: str, b: str, problem: str, runs: list[str]) -> None:
    with pytest.raises(UserError) as raised:
        compare(a, b)
    assert problem in raised.value.problem


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from groundwork.cli import main; main()"
    told = [sys.executable, "-c", code, "compare", *arguments]
    return subprocess.run(told, check=False, capture_output=True, text=True)


def test_the_command_prints_json_and_its_exit_code_means_something_on_request(runs: list[str]) -> None:
    nothing, first, second = runs
    done = command(first, nothing, "--json", "--exit-code")
    content = json.loads(done.stdout)
    assert (done.returncode, content["schema"]) == (3, 1)
    (verdict,) = content["verdicts"]
    documented = set(Path(__file__).parents[2].joinpath("docs/verdict.md").read_text().split("`"))
    assert {*content, *verdict, *verdict["a"], *verdict["units"], *verdict["needed"]} <= documented
    assert (verdict["lane"], verdict["outcome"], verdict["a"]["name"]) == ("titanic", "better", first)
    assert command(first, nothing).returncode == 0
    assert command(nothing, first, "--exit-code").returncode == 4
    assert command(first, second, "--exit-code").returncode == 0
    assert command(first, "nobody").returncode == 2
    listed = command("titanic", nothing, "--markdown").stdout
    assert listed.startswith(f"- **titanic**: {second} is better than {nothing}: accuracy")
    shown = command("HEAD", "nothing", "--markdown").stdout
    heading, verdict, scores, key, picture = shown.split("\n\n")
    assert heading == "### titanic"
    assert verdict.startswith(f"{second} is better than {nothing}: accuracy")
    assert scores.splitlines()[:2] == ["| | nothing | HEAD |", "|---|--:|--:|"]
    metrics = json.loads((RESULTS / "metrics/titanic.json").read_text())
    assert f"| {metrics['mean']:.4f} ± {metrics['sd']:.4f} |" in scores.splitlines()[2]
    assert key == "🟦 HEAD · 🟧 nothing"
    assert "accuracy by fold" in picture, "a single epoch is no curve"
    assert f"  line [{', '.join(f'{score:.5g}' for score in metrics['folds'])}]" in picture


def test_leaderboard_and_report_speak_with_the_same_voice(runs: list[str], capsys: Any) -> None:
    sentence = outcome("titanic", "baseline").sentence
    leaderboard(["titanic"])
    assert sentence in capsys.readouterr().out
    report(Path("page.html"))
    page = Path("page.html").read_text()
    assert sentence in page
    nothing, first, _ = runs
    assert outcome(first, nothing).sentence in page, "what was tried from what"
    remembered = list(Path("results/.verdicts/titanic").glob("*.json"))
    assert len(remembered) >= 3
    shutil.rmtree("results/.folds")
    leaderboard(["titanic"])
    assert sentence in capsys.readouterr().out, "a verdict is found once"


def test_rows_of_a_group_are_found_in_the_prepared_table(runs: list[str]) -> None:
    grouped = dataclasses.replace(TITANIC, group_folds_by="key")
    frame = pd.read_parquet(RESULTS / "titanic" / "oof.parquet").sample(frac=1, random_state=0)
    groups = _groups(grouped, frame, Path("data/prepared/titanic"))
    table = prepared(TITANIC).train.set_index("Id")["key"]
    assert groups is not None
    assert pd.Series(groups).fillna("").tolist() == table.loc[frame["id"]].fillna("").tolist()
    frame["id"] += 1
    with pytest.raises(UserError, match="has no group of 1 of the out-of-fold rows"):
        _groups(grouped, frame, Path("data/prepared/titanic"))


def test_a_run_of_which_only_the_small_record_is_here_gets_no_verdict_until_it_is_trained_again(
    runs: list[str], repository: Path
) -> None:
    nothing, first, second = runs
    for run_id in (nothing, first):
        memory.note(run_id, "why", RESULTS)
    small = RESULTS / "memory" / "titanic" / f"{nothing}.json"
    content = json.loads(small.read_text())
    small.write_text(json.dumps({**content, "verdict": {"sentence": "no difference seen", "outcome": "no difference"}}))
    away = [RESULTS / "experiments" / "titanic" / f"{run_id}.json" for run_id in (nothing, first)]
    for path in away:
        path.rename(path.with_suffix(".away"))
    Path("params.yaml").write_text((repository / "params.yaml").read_text())
    with pytest.raises(UserError) as caught:
        compare("titanic", nothing)
    assert f"titanic {nothing}: only its small record is here" in caught.value.problem
    assert 'of its day, the record has: "no difference seen"' in caught.value.problem
    # This lane was not trained from params.yaml; a record that was has a command.
    leaderboard(["titanic"])

    # An equal training on this machine has equal rows.
    path = away[1].with_suffix(".away")
    record = json.loads(path.read_text())
    record["run"]["run_id"] = "again"
    away[1].with_stem("again").write_text(json.dumps(record))
    verdict = outcome("titanic", first)
    assert (verdict.b.name, verdict.a.name) == (first, second)
    assert verdict.b.score == pytest.approx(record["metrics"]["oof"])


@pytest.mark.parametrize("lane_name", ["titanic", "digit-recognizer", "toxic-comments", "fashion-recommendations"])
def test_the_command_that_trains_a_remembered_run_again_gives_its_settings(
    lane_name: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(repository / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    settings = params.load()
    own = settings.lane(lane_name).model_dump(mode="json")
    own["training"] |= {"learning_rate": 1e-05, "seeds": 3, "max_time": "00:01:00:00"}
    own["training"]["optimizer"] = {"name": "sgd", "momentum": 0.9, "nesterov": True}
    own["model"]["dropout"] = 0.123
    record = {"lane": lane_name, "run": {"run_id": "abcd", "params": {"seed": 0, **own}}, "metrics": {}}
    path = RESULTS / "memory" / lane_name / "abcd.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"format": 1, **record}))
    seen = Experiment(**{field.name: None for field in dataclasses.fields(Experiment)} | {"lane_name": lane_name})  # type: ignore[arg-type]
    error = only_remembered(dataclasses.replace(seen, run_id="abcd"), RESULTS)
    typed = shlex.split(error.next_step.partition("`")[2].removesuffix("`"))
    assert typed[:3] == ["groundwork", "try", lane_name]
    assert typed[-2:] == ["--seeds", "3"]
    (variant,) = variants(settings, lane_name, typed[3:-2])
    found = variant.lane.model_dump(mode="json")
    assert found == {**own, "training": {**own["training"], "seeds": 1}}


def test_a_remembered_run_of_other_rows_is_to_be_set_in_params_yaml(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(repository / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    own = params.load().lane("titanic").model_dump(mode="json")
    steps = []
    for changed in ({}, {"source": "kaggle"}, {"seed": 5}):
        run = {"run_id": "abcd", "commit": "c" * 40, "params": {"seed": 0, **own, **changed}}
        steps.append(_again("titanic", run))
    assert steps[0] == "train its settings again: `groundwork repro titanic`"
    assert steps[1] == steps[2]
    assert "`git switch --detach ccccccc`" in steps[1]
    assert "`groundwork repro titanic`" in steps[1]
