"""A folder that git or DVC cannot work in is refused with the command that helps."""

import os
import subprocess
from pathlib import Path

import pytest

from groundwork.checkout import require_checkout
from groundwork.errors import UserError


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """What a ZIP download of the repository leaves: DVC's configuration, and no `.git`."""
    folder = tmp_path / "outer" / "groundwork-main"
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc" / "config").touch()
    (folder / "dvc.yaml").write_text("stages: {}\n")
    return folder


def refused(folder: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        require_checkout(folder)
    return caught.value


def test_an_unpacked_zip_file_is_refused_until_it_is_a_checkout(unpacked: Path) -> None:
    error = refused(unpacked)
    assert "is not a git checkout, perhaps an unpacked ZIP file; expected a clone" in error.problem
    assert "git clone" in error.next_step
    commands = error.next_step.rpartition("`git init")[2].rstrip("`")
    git(unpacked, "config", "--global", "user.name", "Ada")
    git(unpacked, "config", "--global", "user.email", "ada@example.org")
    subprocess.run(f"git init{commands}", shell=True, cwd=unpacked, check=True, capture_output=True)
    require_checkout(unpacked)
    status = subprocess.run(["dvc", "status"], cwd=unpacked, capture_output=True, text=True, check=False)
    assert status.returncode == 0, status.stderr


def test_a_folder_inside_of_another_checkout_is_none(unpacked: Path) -> None:
    git(unpacked.parent, "init")
    assert f"is inside of another git checkout, {unpacked.parent.resolve()}" in refused(unpacked).problem


def test_a_checkout_without_dvc_names_what_makes_it(unpacked: Path) -> None:
    git(unpacked, "init")
    (unpacked / ".dvc" / "config").unlink()
    assert refused(unpacked).next_step == "`dvc init`"


def test_a_worktree_and_a_link_to_a_checkout_are_checkouts(unpacked: Path, tmp_path: Path) -> None:
    git(unpacked, "init")
    git(unpacked, "add", "--all")
    git(unpacked, "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit", "-m", "first")
    git(unpacked, "worktree", "add", str(tmp_path / "tree"))
    require_checkout(tmp_path / "tree")
    (tmp_path / "link").symlink_to(unpacked)
    require_checkout(tmp_path / "link")


def test_a_hooks_variables_do_not_lead_elsewhere(unpacked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(unpacked.parent, "init")
    monkeypatch.setenv("GIT_DIR", str(unpacked.parent / ".git"))
    assert refused(unpacked)


def test_git_that_is_not_installed_is_said(unpacked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(unpacked))
    assert "git: not found" in refused(unpacked).problem


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_a_checkout_of_somebody_else_names_gits_own_command(unpacked: Path) -> None:
    git(unpacked, "init")
    for path in (unpacked, unpacked / ".git"):
        os.chown(path, 65534, 65534)
    error = refused(unpacked)
    assert "git does not trust this folder" in error.problem
    assert "git config --global --add safe.directory" in error.next_step
