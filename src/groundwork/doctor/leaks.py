"""Checks that git tracks no secrets."""

import re
from pathlib import Path

from groundwork.doctor.place import Line, Place, refused

# Names of files that contain secrets.
SECRET_FILES = ("kaggle.json", "access_token", "credentials.json", ".env", ".netrc", "_netrc", "id_rsa", "id_ed25519")

# Patterns of secrets, ignoring case, that mean the same to Python and to `git grep -E`. Inside of brackets, `]` comes
# first, and a backslash is literal: notebooks are JSON, which has a backslash before each quote.
BETWEEN = (
    r"""[]\\"'):=, ]*"""  # between the name of a secret and the secret: environ["NAME"] = "…", "NAME": "…", NAME=…
)
QUOTES = r"""[\\"' ]*"""
WANDB_KEY = "([0-9a-z]+-)?[0-9a-z]{40}"  # a self-hosted server prefixes its name and a hyphen
SECRETS = {
    "a Kaggle key": rf"""KAGGLE_KEY{BETWEEN}[0-9a-f]{{32}}|["']key{QUOTES}:{QUOTES}[0-9a-f]{{32}}[\\"']""",
    "a Kaggle token": r"KGAT_[0-9a-f]{32}",
    "a W&B key": (
        rf"WANDB_API_KEY{BETWEEN}{WANDB_KEY}|wandb_v1_[0-9a-z_]{{40}}"
        rf"|login\((.*key *= *)?{QUOTES}{WANDB_KEY}|wandb login (-.* )?{WANDB_KEY}"
        rf"""|(^|[(, "])key *= *[\\"']+[0-9a-f]{{40}}[\\"']"""  # the line after `login(`
    ),
    "a GitHub token": r"gh[opsu]_[0-9a-z]{36}|github_pat_[0-9a-z_]{40}",
    "an AWS key": rf"secret_?access_?key{BETWEEN}[0-9a-z/+]{{40}}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
}


def secrets(place: Place) -> Line:
    """Search the files that git tracks for secrets."""
    if not place.command("git"):
        return Line("secrets", "advice", "not checked: git is not installed")
    # Search the index instead of the working tree: a file deleted only there is still in the next commit.
    patterns = [part for pattern in SECRETS.values() for part in ("-e", pattern)]
    tracked = place.git("ls-files", "-z")
    untracked = place.git("ls-files", "-z", "--others", "--exclude-standard")
    matches = place.git("grep", "--cached", "--no-color", "-I", "-i", "-n", "-z", "-E", *patterns)
    # A failed command does not mean "no secrets". `git grep` exits with 1 if it finds nothing.
    for answer, allowed in ((tracked, (0,)), (untracked, (0,)), (matches, (0, 1))):
        if answer.returncode not in allowed:
            return refused("secrets", answer, place)
    if names := _secret_files(tracked.stdout):
        shown = place.shown(place.repository / names[0])
        found = f"git tracks {', '.join(map(str, names))}"
        step = f"git rm --cached -- {shown} && echo {names[0].name} >> .gitignore"
        return Line("secrets", "wrong", found, "none; revoke it if it was pushed", step)
    # A key inside of a file. Its line is not shown.
    if hit := re.match(r"(?s:(.+?))\0(\d+)[\0:](.*)", matches.stdout):
        name, number, text = hit.groups()
        kinds = (kind for kind, pattern in SECRETS.items() if re.search(pattern, text, re.IGNORECASE))
        found = f"{name}, line {number}: text that looks like {next(kinds, 'a key')}"
        step = "remove it, `git add` the file, and revoke the secret where you got it"
        return Line("secrets", "wrong", found, "no secret in git", step)
    if exposed := _secret_files(untracked.stdout):
        found, step = f"the next `git add .` would add {exposed[0]}", f"echo {exposed[0].name} >> .gitignore"
        return Line("secrets", "advice", found, "it in .gitignore", step)
    return Line("secrets", "ok", "none in the files that git tracks")


def _secret_files(names: str) -> list[Path]:
    return [path for name in names.split("\0") if (path := Path(name)).name in SECRET_FILES]
