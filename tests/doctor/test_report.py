"""The report as a whole, and its lines about the machine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.doctor.places import put, tracked, with_variables

from groundwork import doctor
from groundwork.doctor import ACCOUNTS, MACHINE, Line, Place, examine


def test_the_first_day_is_advice_and_nothing_wrong(place: Place) -> None:
    lines = list(examine(place, ACCOUNTS))
    assert [(line.thing, line.state) for line in lines] == [
        ("git", "ok"),
        ("Kaggle", "advice"),
        ("W&B", "advice"),
        ("secrets", "ok"),
    ]
    for line in lines:
        assert bool(line.expected and line.next_step) == (line.state != "ok")


def test_without_git_that_is_the_one_thing_wrong(place: Place, tmp_path: Path) -> None:
    bare = with_variables(place, PATH=str(tmp_path))
    assert [line.state for line in examine(bare, ACCOUNTS)] == ["wrong", "advice", "advice", "advice"]


def test_the_machine_is_looked_at(repository: Path) -> None:
    lines = list(examine(Place(Path.home(), repository, os.environ), MACHINE))
    assert [line.thing for line in lines] == ["GitHub", "Python", "DVC", "disk", "notebooks", "PyTorch"]
    for line in lines:
        assert "could not be checked" not in line.found
        assert bool(line.expected and line.next_step) == (line.state != "ok")


def test_github_is_asked_for_no_account(place: Place, tmp_path: Path) -> None:
    assert doctor.github(with_variables(place, PATH=str(tmp_path))).state == "advice"
    put(tmp_path / "gh", "#!/bin/sh\nexit 1\n", 0o700)
    here = with_variables(place, PATH=str(tmp_path))
    assert (doctor.github(here).state, doctor.github(here).next_step) == ("advice", "gh auth login")
    hosts = put(place.home / ".config" / "gh" / "hosts.yml", "github.com:\n    user: ada\n")
    assert doctor.github(here).state == "ok"
    hosts.chmod(0o644)
    assert doctor.github(here).next_step == "chmod 600 ~/.config/gh/hosts.yml"


def test_disk_and_shell(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, state in ((50e9, "ok"), (5e9, "advice"), (1e9, "wrong")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: shutil._ntuple_diskusage(100e9, 0, free))
        assert doctor.disk(place).state == state
    assert doctor.dvc(place).state == "wrong"  # no .dvc: not the root
    (place.repository / ".dvc").mkdir()
    assert doctor.dvc(with_variables(place, PATH=str(tmp_path))).next_step == ". .venv/bin/activate"


def test_a_check_that_fails_is_a_line(place: Place) -> None:
    def gloomy(_: Place) -> Line:
        raise RuntimeError("no light")

    (line,) = examine(place, [gloomy])
    assert (line.thing, line.state) == ("gloomy", "wrong")
    assert "no light" in line.found


def test_the_report_says_whether_something_is_wrong(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    (place.repository / ".dvc").mkdir()
    sound = doctor.doctor(place)
    printed = capsys.readouterr().out
    assert len([line for line in printed.splitlines() if line[:8].strip()]) == len(ACCOUNTS + MACHINE) + 1
    assert sound == ("\nwrong" not in printed)
    tracked(place, ".env", "A=1")
    assert not doctor.doctor(place)
    assert "wrong   secrets   git tracks .env" in capsys.readouterr().out


def test_it_starts_light() -> None:
    heavy = "{'torch', 'pandas', 'kaggle', 'wandb', 'numpy'}"
    code = f"import sys, groundwork.doctor; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_from_a_folder_inside_the_clone_or_outside_its_root_is_looked_at(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (repository / "src", tmp_path):
        monkeypatch.chdir(folder)
        assert Place.here().repository == repository
