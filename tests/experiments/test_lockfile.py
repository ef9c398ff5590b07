"""A dvc.lock that was cut by a kill or left in conflict by a merge is noticed and restored."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from groundwork.errors import UserError
from groundwork.experiments import lockfile
from groundwork.experiments.lockfile import KEPT, RWLOCK, forget, keep, problems, repair, stages_in

LOCK = Path("dvc.lock")


def entry(name: str, value: str = "0" * 32) -> dict[str, Any]:
    item = {"path": f"results/{name}", "hash": "md5", "md5": value, "size": 3}
    dep = {"path": f"data/{name}", "hash": "md5", "md5": value, "size": 3}
    return {"cmd": f"groundwork {name}", "deps": [dep], "params": {"params.yaml": {"seed": 0}}, "outs": [item]}


def written(stages: dict[str, Any]) -> str:
    with LOCK.open("w") as stream:
        YAML().dump({"schema": "2.0", "stages": stages}, stream)
    return LOCK.read_text()


STAGES = {name: entry(name) for name in ("fetch@titanic", "prepare@titanic", "train@titanic")}


@pytest.fixture(autouse=True)
def _in_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@localhost")
    Path(".dvc/tmp").mkdir(parents=True)
    stages = ("fetch", "prepare", "train")
    outs = {name: {"matrix": {}, "outs": [f"results/{name}@${{key}}"]} for name in stages}
    YAML(typ="safe").dump({"stages": outs}, Path("dvc.yaml"))
    git("init", "--quiet", "--initial-branch", "main")


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True)


def test_a_whole_lock_is_left_alone() -> None:
    text = written(STAGES)
    keep()
    assert repair() == []
    assert problems(Path()) == []
    assert LOCK.read_text() == text
    assert KEPT.read_text() == text


def test_no_lock_is_no_problem() -> None:
    keep()
    assert repair() == []
    assert problems(Path()) == []


@pytest.mark.parametrize("place", [0.0, 0.1, 0.35, 0.5, 0.77, 0.9, 0.99])
def test_a_cut_lock_is_restored_from_the_kept_one(place: float) -> None:
    text = written(STAGES)
    keep()
    LOCK.write_text(text[: int(len(text) * place)])
    (line,) = repair()
    assert line.startswith("dvc.lock ")
    assert stages_in(LOCK.read_text()) == STAGES
    assert repair() == []


def test_every_cut_is_noticed() -> None:
    text = written(STAGES)
    keep()
    for place in range(len(text)):
        LOCK.write_text(text[:place])
        repair()
        assert stages_in(LOCK.read_text()) == STAGES, text[:place]


def test_what_was_recorded_since_stays_when_the_end_is_cut() -> None:
    written(STAGES)
    keep()
    newer = {**STAGES, "fetch@titanic": entry("fetch@titanic", "1" * 32)}
    lines = written(newer).splitlines(keepends=True)
    LOCK.write_text("".join(lines[: lines.index("  train@titanic:\n")]))
    assert len(repair()) == 1
    assert stages_in(LOCK.read_text()) == newer


def test_an_entry_of_an_earlier_layout_that_had_more_items_does_not_come_back() -> None:
    former = entry("train@titanic")
    former["deps"] *= 20
    written({**STAGES, "train@titanic": former})
    keep()
    text = written(STAGES)
    assert repair() == []
    assert LOCK.read_text() == text


def test_a_cut_lock_is_restored_from_git_where_no_copy_was_kept() -> None:
    text = written(STAGES)
    git("add", "dvc.lock")
    git("commit", "--quiet", "-m", "lock")
    LOCK.write_text(text[:100])
    assert problems(Path()) == ["dvc.lock cannot be read: it is cut short"]
    assert "restored from git" in repair()[0]
    assert stages_in(LOCK.read_text()) == STAGES


def test_without_any_whole_copy_it_says_what_to_do() -> None:
    LOCK.write_text("schema: '2.0'\nstages:\n  tr")
    with pytest.raises(UserError, match=r"dvc\.lock: cannot be read: it is cut short.*\n  -> delete it"):
        repair()


def test_both_sides_of_a_merge_are_kept() -> None:
    written(STAGES)
    git("add", "dvc.lock")
    git("commit", "--quiet", "-m", "base")
    git("checkout", "--quiet", "-b", "other")
    written({**STAGES, "train@titanic": entry("train@titanic", "2" * 32), "train@digits": entry("train@digits")})
    git("commit", "--quiet", "-am", "theirs")
    git("checkout", "--quiet", "main")
    mine = {**STAGES, "train@titanic": entry("train@titanic", "1" * 32)}
    written(mine)
    git("commit", "--quiet", "-am", "ours")
    assert subprocess.run(["git", "merge", "other"], capture_output=True, check=False).returncode
    assert "<<<<<<<" in LOCK.read_text()
    keep()  # what is kept is never one with both sides in it
    (line,) = repair()
    assert "a merge has left both sides in it" in line
    assert stages_in(LOCK.read_text()) == {**mine, "train@digits": entry("train@digits")}


def test_entries_are_taken_out_by_name() -> None:
    written(STAGES)
    forget(["train@titanic"])
    assert list(stages_in(LOCK.read_text()) or {}) == ["fetch@titanic", "prepare@titanic"]


def test_a_cut_list_of_running_commands_is_removed() -> None:
    RWLOCK.write_text('{"write": {"/a/b": {"pid"')
    assert problems(Path()) == [".dvc/tmp/rwlock cannot be read"]
    assert repair() == [".dvc/tmp/rwlock could not be read: removed"]
    assert not RWLOCK.exists()


def test_commands_that_no_longer_run_hold_nothing() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    # A process of that number lives, but is not DVC: the number was given again.
    holders = {"pid": ended.pid, "cmd": "dvc repro"}, {"pid": os.getpid(), "cmd": "dvc repro"}
    RWLOCK.write_text(json.dumps({"write": {"/a": holders[0]}, "read": {"/b": list(holders)}}))
    assert len(repair()) == 1
    assert json.loads(RWLOCK.read_text()) == {"write": {}, "read": {}}


def test_a_running_dvc_keeps_its_hold() -> None:
    # Not by a shell, which may replace itself with the command that it runs.
    running = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "dvc", "repro"])
    try:
        content = {"write": {"/a": {"pid": running.pid, "cmd": "dvc repro"}}}
        RWLOCK.write_text(json.dumps(content))
        assert lockfile.repair() == []
        assert json.loads(RWLOCK.read_text()) == content
    finally:
        running.kill()
        running.wait()
