"""What git keeps and should not."""

import re
from pathlib import Path

from groundwork.doctor.place import Line, Place, refused

# What holds secrets by its name.
SECRET_FILES = ("kaggle.json", "access_token", "credentials.json", ".env", ".netrc", "_netrc", "id_rsa", "id_ed25519")

# And what looks like one, whatever the case, in patterns that mean the same to Python and to `git grep -E`. There, a
# bracket in brackets stands first, and a backslash is one: a notebook is JSON, which has it before each quote.
BETWEEN = r"""[]\\"'):=, ]*"""  # the name of a secret and the secret: environ["NAME"] = "…", "NAME": "…", NAME=…
QUOTES = r"""[\\"' ]*"""
WANDB_KEY = "([0-9a-z]+-)?[0-9a-z]{40}"  # a server of one's own puts its name and a hyphen before it
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
    """Look for tokens in what git keeps."""
    if not place.command("git"):
        return Line("secrets", "advice", "no git to ask")
    # In the index, not in the working tree: what was only deleted there is in the next commit still.
    patterns = [part for pattern in SECRETS.values() for part in ("-e", pattern)]
    tracked = place.git("ls-files", "-z")
    loose = place.git("ls-files", "-z", "--others", "--exclude-standard")
    inside = place.git("grep", "--cached", "--no-color", "-I", "-i", "-n", "-z", "-E", *patterns)
    # No answer is not "none". Of grep, 1 is one: no hit.
    for asked, answers in ((tracked, (0,)), (loose, (0,)), (inside, (0, 1))):
        if asked.returncode not in answers:
            return refused("secrets", asked, place)
    if names := _of_secrets(tracked.stdout):
        shown = place.shown(place.repository / names[0])
        found = f"git tracks {', '.join(map(str, names))}"
        step = f"git rm --cached -- {shown} && echo {names[0].name} >> .gitignore"
        return Line("secrets", "wrong", found, "none; revoke it if it was pushed", step)
    # A key in the middle of a program. Its line is looked at, and not shown.
    if hit := re.match(r"(?s:(.+?))\0(\d+)[\0:](.*)", inside.stdout):
        name, number, text = hit.groups()
        kinds = (kind for kind, pattern in SECRETS.items() if re.search(pattern, text, re.IGNORECASE))
        found = f"{name}, line {number}: what looks like {next(kinds, 'a key')}"
        step = "take it out, `git add` the file, and revoke it where you got it"
        return Line("secrets", "wrong", found, "no secret in git", step)
    if near := _of_secrets(loose.stdout):
        found, step = f"the next git add . takes {near[0]}", f"echo {near[0].name} >> .gitignore"
        return Line("secrets", "advice", found, "it in .gitignore", step)
    return Line("secrets", "ok", "none in the files that git tracks")


def _of_secrets(names: str) -> list[Path]:
    return [path for name in names.split("\0") if (path := Path(name)).name in SECRET_FILES]
