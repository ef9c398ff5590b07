"""The shell steps of the workflows, which lie in .github/scripts, run here as GitHub would run them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

SCRIPTS = Path(".github/scripts")
# What `propose` asks of GitHub's command line: it is written down, since there is no GitHub here.
GH = '#!/bin/sh\necho "$@" >> "$ASKED"\n'


@pytest.fixture
def clone(repository: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    (folder / ".github").mkdir(parents=True)
    shutil.copytree(repository / SCRIPTS, folder / SCRIPTS)
    (folder / "pyproject.toml").write_text('[project]\nname = "groundwork"\nversion = "1.2.0"\n')
    return folder


def run(folder: Path, script: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [str(folder / SCRIPTS / script), *arguments]
    environment = {**os.environ, **more}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_notes_of_a_release_are_its_section(clone: Path) -> None:
    log = (
        "# Changelog\n\n## [Unreleased]\n\n- new\n\n## [1.2.0] - 2026-12-01\n\n- this\n- that\n\n## [1.1.0]\n\n- old\n"
    )
    (clone / "CHANGELOG.md").write_text(log)
    done = run(clone, "release-notes", "1.2.0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["-", "this", "-", "that"]


@pytest.mark.parametrize(
    ("version", "log", "said"),
    [
        ("1.3.0", "## [1.3.0]\n\n- x\n", "found version 1.2.0; expected 1.3.0"),
        ("1.2.0", "## [1.1.0]\n\n- x\n", "found no section [1.2.0]"),
        ("1.2.0", "## [1.2.0]\n\n## [1.1.0]\n\n- x\n", "or an empty one"),
    ],
)
def test_a_release_without_notes_or_of_another_version_fails(clone: Path, version: str, log: str, said: str) -> None:
    (clone / "CHANGELOG.md").write_text(log)
    done = run(clone, "release-notes", version)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_training_is_proposed_on_a_branch_of_its_own(clone: Path, tmp_path: Path) -> None:
    origin, programs, asked = tmp_path / "origin.git", tmp_path / "bin", tmp_path / "asked"
    git(tmp_path, "init", "--quiet", "--bare", str(origin))
    git(clone, "init", "--quiet", "--initial-branch", "main")
    (clone / "results" / "metrics").mkdir(parents=True)
    for name in ("dvc.lock", "dvc.yaml", "results/metrics/titanic.json"):
        (clone / name).write_text("{}\n")
    git(clone, "add", ".")
    git(clone, "commit", "--quiet", "--message", "start")
    git(clone, "remote", "add", "origin", str(origin))
    programs.mkdir()
    (programs / "gh").write_text(GH)
    (programs / "gh").chmod(0o755)
    more = {"PATH": f"{programs}:{os.environ['PATH']}", "ASKED": str(asked)}
    arguments = ("propose", "titanic", "train/titanic-1", "main")

    nothing = run(clone, *arguments, **more)
    assert "nothing to propose" in nothing.stdout
    assert not asked.exists()

    (clone / "results/metrics/titanic.json").write_text('{"mean": 0.9}\n')
    (clone / "untracked.txt").write_text("stays\n")
    done = run(clone, *arguments, **more)
    assert done.returncode == 0, done.stderr
    assert git(origin, "log", "--format=%s", "train/titanic-1").splitlines() == ["Train titanic", "start"]
    assert git(origin, "show", "--stat", "--format=", "train/titanic-1").startswith("results/metrics/titanic.json")
    assert "pr create --head train/titanic-1 --base main --title Train titanic" in asked.read_text()


def test_a_comment_on_a_pull_request_has_scores_a_picture_and_the_link(
    clone: Path, repository: Path, tmp_path: Path
) -> None:
    programs, asked, summary = tmp_path / "bin", tmp_path / "asked", tmp_path / "summary.md"
    programs.mkdir()
    (programs / "gh").write_text(GH)
    (programs / "gh").chmod(0o755)
    shutil.copy(repository / "params.yaml", clone)
    git(clone, "init", "--quiet")
    metrics: dict[str, object] = {"metric": "accuracy", "higher_is_better": True, "sd": 0.01}
    (clone / "results" / "metrics").mkdir(parents=True)
    for mean in (0.8, 0.9):
        committed = json.dumps({**metrics, "mean": mean, "oof": mean, "folds": [mean - 0.01, mean + 0.01]})
        (clone / "results/metrics/titanic.json").write_text(committed)
        git(clone, "add", ".")
        git(clone, "commit", "--quiet", "--message", "results")
    more = {
        "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ASKED": str(asked),
        "GITHUB_STEP_SUMMARY": str(summary),
    }
    done = run(clone, "comment", "write", "HEAD~1", **more)
    assert done.returncode == 0, done.stderr
    written = (clone / "comment.md").read_text()
    assert "| accuracy ↑ | 0.8000 ± 0.0100 | 0.9000 ± 0.0100 |" in written
    assert written.count("```mermaid") == 1
    done = run(clone, "comment", "post", "", **more)
    assert done.returncode == 0, done.stderr
    assert not asked.exists(), "a fork cannot comment"
    assert "There is no report" in summary.read_text()
    (clone / "comment.md").write_text(written)
    done = run(clone, "comment", "post", "7", REPORT_URL="https://github.invalid/report", **more)
    assert done.returncode == 0, done.stderr
    assert asked.read_text() == "pr comment 7 --edit-last --create-if-none --body-file comment.md\n"
    assert "[The report](https://github.invalid/report)" in (clone / "comment.md").read_text()
    assert run(clone, "comment", "edit").returncode == 2


def test_actions_are_pinned_by_hash_and_scripts_are_there(repository: Path) -> None:
    steps = []
    for path in (repository / ".github" / "workflows").glob("*.yml"):
        jobs = YAML(typ="safe").load(path.read_text())["jobs"]
        steps += [step for job in jobs.values() for step in job["steps"]]
    used = [step["uses"] for step in steps if "uses" in step]
    assert used
    assert [action for action in used if len(action.partition("@")[2]) != 40] == []
    called = {
        word for step in steps for word in str(step.get("run", "")).split() if word.startswith(".github/scripts/")
    }
    assert called == {f"{SCRIPTS}/{path.name}" for path in (repository / SCRIPTS).iterdir()}
    assert all(os.access(repository / name, os.X_OK) for name in called)
