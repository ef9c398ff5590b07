"""`blends` in params.yaml: mistakes are named, DVC runs a blend after its members, and it can be submitted."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from groundwork import params
from groundwork.errors import UserError
from groundwork.experiments.blend_stages import write_stages
from groundwork.experiments.dvcfiles import of_blend, with_members
from groundwork.experiments.seal import SEALS, Seal
from groundwork.settings import Params
from groundwork.stages.validate import validate
from tests import clone
from tests.training.boosted import MODELS

TREES = {
    "model": MODELS["lightgbm"],
    "training": {"folds": "all"},
    "objective": {"loss": "cross_entropy", "label_smoothing": 0.0},
}


def content(repository: Path, blends: Any) -> dict[str, Any]:
    """The shipped params.yaml with two more lanes of titanic and `blends`."""
    read: dict[str, Any] = YAML(typ="safe").load(repository / "params.yaml")
    lane = read["competitions"]["titanic"] | TREES
    read["competitions"] |= {"titanic-trees": lane, "titanic-other": {**lane, "folds": 3}}
    read["competitions"]["fashion-other"] = read["competitions"]["fashion-recommendations"]
    return {**read, "blends": blends}


def test_without_blends_the_key_may_be_left_out(repository: Path) -> None:
    assert params.load(repository / "params.yaml").blends == {}


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (["titanic"], "mean: found ['titanic'] (list); expected"),
        ("titanic", "mean: found 'titanic' (str); expected a list"),
        ([1, "titanic"], "blends.mean.0: found 1 (int); expected a valid string"),
        ({"members": ["titanic"]}, "mean.members: found ['titanic'] (list); expected"),
        (
            {"members": ["titanic", "titanic-trees"], "method": "nnsl"},
            "blends.mean.method: found 'nnsl' (str); expected",
        ),
        ({"members": ["titanic", "titanic-trees"], "weights": [1, 2]}, "blends.mean.weights: unknown key"),
        ({"method": "nnls"}, "mean.members: missing"),
    ],
)
def test_a_blend_is_a_list_of_names_or_a_section(repository: Path, members: Any, said: str) -> None:
    with pytest.raises(UserError) as caught:
        params.check(content(repository, {"mean": members}))
    assert said in caught.value.problem


@pytest.mark.parametrize(
    ("blends", "said"),
    [
        ({"mean": ["titanic", "titanic-tree"]}, "mean: found 'titanic-tree'; expected a lane or a blend above"),
        ({"mean": ["titanic", "mean"]}, "mean: found 'mean'; expected a lane or a blend above"),
        ({"mean": ["later", "titanic"], "later": ["titanic", "titanic-trees"]}, "mean: found 'later'; expected a lane"),
        ({"mean": ["titanic", "titanic"]}, "mean: found titanic twice; expected it once"),
        ({"titanic": ["titanic-trees", "titanic-other"]}, "titanic: found the name of a lane; expected another"),
        ({"mean": ["titanic", "titanic-trees", "mean"]}, "mean: found 'mean'; expected a lane or a blend above"),
        (
            {"mean": {"members": ["titanic", "titanic-other"], "method": "nnls"}},
            "mean: the members differ in folds: 5 and 3",
        ),
        (
            {"mean": {"members": ["fashion-recommendations", "fashion-other"], "method": "nnls"}},
            "mean: method: found nnls; expected mean: lists of items have no weighted mean",
        ),
        ({"mean": ["titanic", "titanic-other"]}, "mean: the members differ in folds: 5 and 3; expected the same"),
        ({"mean": ["titanic", "house-prices"]}, "mean: the members differ in competition: titanic and house_prices"),
    ],
)
def test_members_that_do_not_suit_are_named(repository: Path, blends: dict[str, list[str]], said: str) -> None:
    with pytest.raises(UserError) as caught:
        validate(params.check(content(repository, blends)))
    assert any(line.startswith(f"params.yaml: blends.{said}") for line in caught.value.problem.splitlines())


def test_a_lane_counts_once_however_deep_it_lies(repository: Path) -> None:
    read = content(repository, {"mean": ["titanic", "titanic-trees"], "all": ["third", "mean"]})
    read["competitions"]["third"] = read["competitions"]["titanic-trees"]
    checked: Params = params.check(read)
    validate(checked)
    assert checked.lanes_of("all") == ["third", "titanic", "titanic-trees"]
    assert checked.lane("all") == checked.competitions["third"]


def test_a_blends_stages_are_its_own_and_its_members(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    blends = {"mean": ["titanic", "titanic-trees"], "all": ["third", "mean"]}
    stages = with_members("all", blends)
    own = stages["blend-all"]
    assert own.deps == ("data/code/all/blend", "data/prepared/third", "results/third", "results/mean")
    assert set(own.outs) == {"results/all", "data/seals/all/blend", "results/metrics/all.json"}
    read = {name for name, stage in stages.items() if own.reads(stage)}
    made = ("checks", "baselines", "train", "evaluate", "predict", "submission")
    assert read == {"prepare@third", *(f"{stage}@third" for stage in made), "blend-mean"}
    assert not stages["train@titanic"].reads(stages["train@titanic-trees"])


def test_dvc_yaml_gets_a_stage_for_each_blend_and_loses_it_again(repository: Path, tmp_path: Path) -> None:
    shipped = (repository / "dvc.yaml").read_text()
    path = tmp_path / "dvc.yaml"
    path.write_text(shipped)
    write_stages({}, path)
    assert path.read_text() == shipped
    many = [f"a-lane-with-a-long-name-{number}" for number in range(9)]
    blends = {"mean": ["titanic", "titanic-trees"], "3d-all": ["third", *many, "mean"]}
    write_stages(blends, path)
    assert max(map(len, path.read_text().splitlines())) <= 120
    stages = YAML(typ="safe").load(path)["stages"]
    for name, members in blends.items():
        own = of_blend(name, members)
        assert tuple(stages[own.name]["deps"]) == own.deps
        assert tuple(stages[own.name]["params"]) == own.params
        outs = [out for kind in ("outs", "metrics") for item in stages[own.name][kind] for out in item]
        assert tuple(outs) == own.outs
    modified = path.stat().st_mtime_ns
    write_stages(blends, path)
    assert path.stat().st_mtime_ns == modified
    write_stages({}, path)
    assert path.read_text() == shipped


def test_it_is_made_after_its_members_and_refused_when_they_change(repository: Path, tmp_path: Path) -> None:
    folder = clone.make(repository, tmp_path)
    settings = clone.read_params(folder)
    lane = settings["competitions"]["titanic"] | TREES
    other = {**lane, "model": {**TREES["model"], "leaves": 8}}
    blends = {
        "mean": ["titanic", "other"],
        "weighed": {"members": ["titanic", "other", "mean"], "method": "hill_climbing"},
    }
    settings |= {"competitions": {"titanic": lane, "other": other}, "blends": blends}
    settings["tracking"]["mode"] = "disabled"
    clone.write_params(folder, settings)
    subprocess.run([*clone.DVC, "init", "--force", "--quiet"], cwd=folder, check=True, capture_output=True)
    done = clone.groundwork(folder, "repro", "weighed")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the mean of titanic and other" in done.stdout
    assert (folder / "results/mean/submission.csv").exists()
    scores = json.loads((folder / "results/metrics/mean.json").read_text())
    assert scores["oof"] > 0.75
    assert "hill_climbing of titanic" in done.stdout
    assert "submission  results/weighed/submission.csv" in done.stdout
    weights = json.loads((folder / "results/metrics/weighed.json").read_text())["weights"]["members"]
    assert sum(weight["test"] for weight in weights.values()) == pytest.approx(1.0)
    ready = Seal.read(folder / SEALS / "weighed" / "blend", "blend-weighed")
    assert {"results/titanic", "results/other", "results/mean"} < set(ready.deps)
    seal = Seal.read(folder / SEALS / "mean" / "blend", "blend-mean")
    assert set(seal.params) == {"blends.mean", "tracking"}
    assert set(seal.deps) == {"data/code/mean/blend", "data/prepared/titanic", "results/titanic", "results/other"}
    again = clone.groundwork(folder, "status", "mean")
    assert again.stdout.strip() == "nothing would run again except the report"

    (folder / "results/other/test.parquet").write_bytes(b"edited")
    refused = clone.groundwork(folder, "submit", "mean", "-m", "x", "--dry-run")
    assert "was made from the sample" in refused.stderr
    run = folder / "results/mean/run.json"
    run.write_text(run.read_text().replace('"source": "sample"', '"source": "kaggle"'))
    refused = clone.groundwork(folder, "submit", "mean", "-m", "x", "--dry-run")
    assert "results/mean: is not what blend-mean made" in refused.stderr
    run.write_text(run.read_text().replace('"source": "kaggle"', '"source": "sample"'))
    changed = clone.groundwork(folder, "status", "mean")
    assert "blend-mean: results/other modified" in changed.stdout
