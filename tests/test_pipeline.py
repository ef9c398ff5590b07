"""dvc.yaml says what each stage depends on; these tests ask the code whether that is true."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from groundwork import cli, params, settings

STAGES = ("validate", "fetch", "prepare", "baselines", "train", "evaluate", "predict", "report")
LANE = "titanic"
# How things are asked for, said and written, not what a stage computes.
GLUE = {"groundwork/cli.py", "groundwork/__init__.py", "groundwork/errors.py", "groundwork/files.py"}


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names that running `tree` may import, those inside functions included."""
    for node in ast.iter_child_nodes(tree):
        if is_for_types(node):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from imports(node)


def files_of(name: str, src: Path) -> set[str]:
    """The files that importing the dotted `name` runs: the module's and its packages'."""
    parts = name.split(".")
    found = set()
    for count in range(1, len(parts) + 1):
        place = src.joinpath(*parts[:count])
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                found.add(str(file.relative_to(src)))
    return found


def closure(stage: str, src: Path) -> set[str]:
    """Files of ours that `groundwork <stage>` runs, found by following imports from its command's own function."""
    tree = ast.parse((src / "groundwork/cli.py").read_text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    names = set(imports(functions[stage]))
    if any(isinstance(node, ast.Name) and node.id == "_load" for node in ast.walk(functions[stage])):
        # Only the lane's competition is loaded, by the name in params.yaml; and of params.yaml the values count,
        # which DVC tracks one by one.
        names |= {f"groundwork.competitions.{params.load().lane(LANE).competition}"}
    files: set[str] = set()
    queue = [file for name in names for file in files_of(name, src)]
    while queue:
        file = queue.pop()
        if file not in files | GLUE:
            files.add(file)
            queue += [found for name in imports(ast.parse((src / file).read_text())) for found in files_of(name, src)]
    # A package that holds nothing but its docstring runs nothing.
    return {file for file in files if len(ast.parse((src / file).read_text()).body) > 1}


def declared(stage: str, repository: Path) -> dict[str, Any]:
    """The stage of LANE as dvc.yaml has it, with its templates filled in."""
    text = (repository / "dvc.yaml").read_text()
    text = text.replace("${key}", LANE).replace("${item.competition}", params.load().lane(LANE).competition)
    found = YAML(typ="safe").load(text.replace("${competitions}", "[]"))["stages"][stage]
    return found.get("do", found)


@pytest.fixture(autouse=True)
def _in_the_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stages_dependencies_are_its_imports(stage: str, repository: Path) -> None:
    src = repository / "src"
    imported = {f"src/{file}" for file in closure(stage, src)}
    # A template is no module: nothing imports it.
    code = [dep for dep in declared(stage, repository)["deps"] if dep.startswith("src/") and not dep.endswith(".j2")]

    def covers(dep: str, file: str) -> bool:
        return file == dep or file.startswith(f"{dep}/")

    uncovered = sorted(file for file in imported if not any(covers(dep, file) for dep in code))
    idle = sorted(dep for dep in code if not any(covers(dep, file) for file in imported))
    assert not uncovered, f"{stage} runs these, and dvc.yaml does not say so"
    assert not idle, f"dvc.yaml says that {stage} depends on these, and it runs none of them"


# --- what DVC runs again -------------------------------------------------------------------------------------------

# Stands where `groundwork` would: writes the stage's outputs anew, and notes that it was called.
STAND_IN = """#!/bin/sh
echo "$@" >> calls
write() { mkdir -p "$(dirname "$1")"; echo "$2" > "$1"; }
case $1 in
    validate) write data/params.valid valid ;;
    fetch) write data/raw/$2.zip archive ;;
    prepare) write data/prepared/$2/train.parquet rows ;;
    baselines) write results/$2/baselines.json baselines ;;
    train) for out in checkpoints/fold_0.fold oof.parquet run.json history.csv; do write results/$2/$out $$; done ;;
    evaluate) write results/$2/experiment.json $$; write results/metrics/$2.json "{\\"score\\": $$}" ;;
    predict) write results/$2/submission.csv $$ ;;
    report) write results/report/index.html $$ ;;
esac
"""


@pytest.fixture
def reproduced(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the pipeline into a repository of its own, in which every stage has run once."""
    for name in ("dvc.yaml", "params.yaml", ".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(repository / name, tmp_path / name)
    shutil.copytree(repository / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    script = tmp_path / "bin" / "groundwork"
    script.parent.mkdir()
    script.write_text(STAND_IN)
    script.chmod(0o755)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@localhost")
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
    assert calls(reproduced) == ["validate", f"train {LANE}", f"evaluate {LANE}", f"predict {LANE}", "report"]
    after = params.load(reproduced / "params.yaml")
    changed = {name for name, lane in after.competitions.items() if lane != before.lane(name)}
    assert (changed, after.lane(LANE).model.dropout) == ({LANE}, 0.45)


@pytest.mark.parametrize(
    ("edited", "stages"),
    [
        ("stages/report.py", {"report"}),
        ("stages/evaluate.py", {"evaluate", "predict", "report"}),
        ("models/fnn.py", {"train", "evaluate", "predict", "report"}),
        (
            f"competitions/{LANE}.py",
            {"validate", "fetch", "prepare", "baselines", "train", "evaluate", "predict", "report"},
        ),
        ("cli.py", {"report"}),
    ],
)
def test_an_edit_runs_the_stages_that_use_it(edited: str, stages: set[str], reproduced: Path) -> None:
    with (reproduced / "src/groundwork" / edited).open("a") as file:
        file.write("# edited\n")
    dvc(reproduced, "repro", "--quiet")
    ran = calls(reproduced)
    assert {call.split()[0] for call in ran} == stages
    if edited.startswith("competitions"):
        assert all(call.endswith(LANE) for call in ran if " " in call)


def test_a_second_run_makes_the_report_anew_and_nothing_else(reproduced: Path) -> None:
    dvc(reproduced, "repro", "--quiet")
    assert calls(reproduced) == ["report"]


# --- what stages read of params.yaml -------------------------------------------------------------------------------


def places(section: settings.Settings | dict[str, Any], at: str = "") -> Iterator[tuple[int, str]]:
    """The dotted place of every section below `section`, by the section's identity."""
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
    """Notes which keys of params.yaml are looked at."""

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

        monkeypatch.setattr(settings.Settings, "__getattribute__", noting)
        monkeypatch.setattr(params, "load", loading)


def test_stages_read_the_keys_that_they_declare_and_no_others(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (repository / "params.yaml").read_text()
    small = YAML(typ="safe").load(text)
    small["competitions"] = {LANE: small["competitions"][LANE]}
    small["competitions"][LANE]["training"] |= {"epochs": 2, "folds": 1}
    small["tracking"]["mode"] = "disabled"
    YAML(typ="safe").dump(small, tmp_path / "params.yaml")
    everything = {stage: declared(stage, repository).get("params", []) for stage in STAGES}
    monkeypatch.chdir(tmp_path)
    # A submission from two epochs would not pass the gate; that is not what is asked here.
    monkeypatch.setattr("groundwork.kaggle.gate.check_files", lambda *_: [])

    for stage in ("fetch", "prepare", "baselines", "train", "evaluate", "predict"):
        with monkeypatch.context() as patched:
            reads = Reads(patched)
            cli.app([stage, LANE], standalone_mode=False)
        keys = everything[stage]
        undeclared = {read for read in reads.keys if not any(f"{read}.".startswith(f"{key}.") for key in keys)}
        unread = {key for key in keys if not any(f"{read}.".startswith(f"{key}.") for read in reads.keys)}
        assert not undeclared, f"{stage} reads these, and dvc.yaml does not say so"
        assert not unread, f"dvc.yaml says that {stage} reads these, and it reads none of them"
