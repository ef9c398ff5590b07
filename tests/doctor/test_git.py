"""git, asked about a place: what it answers, and what is said when it does not."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.doctor.places import KAGGLE_JSON, put, tracked, with_variables

from groundwork import doctor
from groundwork.doctor import ACCOUNTS, Line, Place, examine

ASKS_GIT = [doctor.git, doctor.secrets]


def test_git_misses_the_name_of_commits(place: Place) -> None:
    place.git("config", "--global", "--unset", "user.email")
    line = doctor.git(place)
    assert (line.state, line.found) == ("wrong", "no user.email")
    assert line.next_step == 'git config --global user.email "..."'


@pytest.mark.parametrize("check", ASKS_GIT)
def test_a_folder_that_is_no_repository_is_wrong(place: Place, check: Callable[[Place], Line]) -> None:
    shutil.rmtree(place.repository / ".git")
    bare = with_variables(place, GIT_CEILING_DIRECTORIES=str(place.home.parent))
    line = check(bare)
    assert line.state == "wrong"
    assert "not a git repository" in line.found
    assert line.next_step == "git clone <this repository> groundwork && cd groundwork"
    # Groundwork itself, as an archive has it.
    put(place.repository / "dvc.yaml", "")
    assert check(bare).next_step == "git init"
    subprocess.run("git init --quiet", shell=True, cwd=place.repository, check=True)
    assert check(bare).state == "ok"


@pytest.mark.parametrize("check", ASKS_GIT)
def test_a_repository_of_another_owner_is_wrong_until_it_is_trusted(
    place: Place, check: Callable[[Place], Line]
) -> None:
    theirs = with_variables(place, GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    line = check(theirs)
    assert line.state == "wrong"
    assert "dubious ownership" in line.found
    assert line.next_step == f"git config --global --add safe.directory {place.repository}"
    environment = {**theirs.environment, "HOME": str(place.home)}
    subprocess.run(line.next_step, shell=True, cwd=place.repository, env=environment, check=True)
    assert check(theirs).state == "ok"


@pytest.mark.parametrize("asked", ['" ls-files -z "', '*" --others "*', '" grep "*'])
def test_each_question_that_git_refuses_is_wrong(place: Place, tmp_path: Path, asked: str) -> None:
    git = place.command("git")
    refuses = f'#!/bin/sh\ncase " $* " in {asked}) echo "fatal: no" >&2; exit 128;; esac\nexec {git} "$@"\n'
    put(tmp_path / "bin" / "git", refuses, 0o700)
    line = doctor.secrets(with_variables(place, PATH=f"{tmp_path / 'bin'}:{place.environment['PATH']}"))
    assert (line.state, line.found, line.next_step) == ("wrong", "fatal: no", "git status")


def test_an_index_that_git_cannot_read_is_wrong(place: Place) -> None:
    tracked(place, "train.py", "")
    put(place.repository / ".git" / "index", "nonsense" * 9)
    line = doctor.secrets(place)
    assert line.state == "wrong"
    assert "index" in line.found or "signature" in line.found


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"])
def test_git_is_asked_about_the_place_whatever_a_hook_says(place: Place, tmp_path: Path, name: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    hook = with_variables(place, **{name: str(tmp_path / "elsewhere")})
    for prepare in (
        lambda: None,
        lambda: put(place.repository / ".env", "A=1"),
        lambda: tracked(place, "kaggle.json", KAGGLE_JSON),
    ):
        prepare()
        assert list(examine(hook, ACCOUNTS)) == list(examine(place, ACCOUNTS))
    assert doctor.secrets(hook).state == "wrong"
