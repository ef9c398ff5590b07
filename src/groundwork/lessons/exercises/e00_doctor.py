"""An exercise that makes the doctor's report green, checked by the report on a made-up home and repository."""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from groundwork import doctor
from groundwork.lessons.exercise import Exercise, Finding, NotAttempted


def sandbox(folder: Path) -> doctor.Place:
    """Make a home and a repository below `folder`, with two common mistakes."""
    home, repository = folder / "home", folder / "project"
    (home / ".kaggle").mkdir(parents=True)
    repository.mkdir()
    # No system-wide settings: the report is the same on every machine.
    variables = {"PATH": os.environ.get("PATH", os.defpath), "GIT_CONFIG_NOSYSTEM": "1"}
    place = doctor.Place(home, repository, variables)
    token = json.dumps({"username": "ada", "key": "0f" * 16})
    mine = home / ".kaggle" / "kaggle.json"
    mine.write_text(token)
    mine.chmod(0o644)  # as a browser saves it
    (repository / "kaggle.json").write_text(token)  # a copy, for convenience
    (repository / "train.py").write_text("print('training')\n")
    place.git("init", "--quiet", "--initial-branch=main")
    place.git("config", "user.name", "Ada")
    place.git("config", "user.email", "ada@example.org")
    place.git("add", ".")
    place.git("commit", "--quiet", "--message=first", "--no-gpg-sign")
    return place


def fix_blank(home, repository):
    raise NotAttempted  # home and repository are paths; run git with subprocess.run([...], cwd=repository)


def fix_solution(home, repository):
    (home / ".kaggle" / "kaggle.json").chmod(0o600)
    subprocess.run(["git", "rm", "--quiet", "--cached", "kaggle.json"], cwd=repository, check=True)
    with (repository / ".gitignore").open("a") as file:
        file.write("kaggle.json\n")


def fix_world_readable(home, repository):
    subprocess.run(["git", "rm", "--quiet", "--cached", "kaggle.json"], cwd=repository, check=True)
    (repository / ".gitignore").write_text("kaggle.json\n")


def fix_deleted(home, repository):
    (home / ".kaggle" / "kaggle.json").chmod(0o600)
    (repository / "kaggle.json").unlink()


def fix_ignored(home, repository):
    (home / ".kaggle" / "kaggle.json").chmod(0o600)
    (repository / ".gitignore").write_text("kaggle.json\n")


def fix_everything(home, repository):
    subprocess.run(["git", "rm", "--quiet", "kaggle.json"], cwd=repository, check=True)
    (home / ".kaggle" / "kaggle.json").unlink()


CASE = """a home and a repository as `sandbox` makes them:
home/.kaggle/kaggle.json, mode 644
repository/kaggle.json and repository/train.py, both committed"""


def examine(answer: Callable[..., Any]) -> Finding | None:
    """Apply the answer to a sandbox, and read the report on it."""
    with tempfile.TemporaryDirectory(prefix="groundwork-doctor-") as folder:
        place = sandbox(Path(folder))
        answer(place.home, place.repository)
        return _left(place)


def _left(place: doctor.Place) -> Finding | None:
    tracked = place.git("ls-files").stdout.split()
    if "train.py" not in tracked or not (place.repository / "train.py").exists():
        cause = "the work itself is gone from git: remove the token only"
        return Finding(CASE, f"git tracks {', '.join(tracked) or 'nothing'}", "train.py is tracked still", cause)
    kaggle, secrets = doctor.kaggle(place), doctor.secrets(place)
    if kaggle.state != "ok":
        token = place.home / ".kaggle" / "kaggle.json"
        mode = token.stat().st_mode & 0o777 if token.exists() else None
        if mode is None:
            cause = "the token is gone, and with it the access to Kaggle: remove it from git, but keep it in your home"
        elif mode == 600 & 0o777:
            cause = "600 was taken as a decimal number: the digits of a mode are octal, 0o600 in Python"
        elif mode & 0o077:
            cause = "home/.kaggle/kaggle.json is still readable by others: its mode must be 600"
        else:
            cause = "the content of home/.kaggle/kaggle.json was changed: change its mode only"
        return Finding(CASE, kaggle, "ok      Kaggle    a key in ~/.kaggle/kaggle.json, for you alone", cause)
    if secrets.state != "ok":
        if secrets.state == "advice":
            cause = "git no longer tracks it, but the next `git add .` adds it again: name it in .gitignore"
        elif "kaggle.json" not in tracked:
            cause = "another file in git contains the token now: remove it from the repository's index altogether"
        elif (place.repository / "kaggle.json").exists():
            cause = "git continues to track the file: .gitignore is about files that it does not track yet"
        else:
            cause = "the file is deleted only in the working tree: git's index still holds it"
        return Finding(CASE, secrets, "ok      secrets   none in the files that git tracks", cause)
    return None


EXERCISE = Exercise(
    name="00.doctor",
    task="Write fix(home, repository), which makes the doctor's report on both green.",
    answer="fix",
    blank=fix_blank,
    solution=fix_solution,
    wrong={
        fix_world_readable: "readable by others",
        fix_deleted: "index still holds it",
        fix_ignored: "does not track yet",
        fix_everything: "token is gone",
    },
    hints=(
        "Two lines of the report are wrong. Its arrows name a command for each.",
        "A path has a method chmod, and 0o600 is the mode for you alone. subprocess.run(..., cwd=repository) runs git.",
        "git rm --cached removes a file from the index and leaves it in the folder; a line in .gitignore keeps it out.",
    ),
    examine=examine,
)
