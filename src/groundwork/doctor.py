"""Is this machine ready to work? A line for each thing: what was found, what was expected, the next command.

Nothing here asks a server, and no key or token is ever printed. What a line is about lies in a home folder, a
repository or an environment, which a test makes up; `MACHINE` alone looks at the machine itself.
"""

import json
import netrc
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

State = Literal["ok", "advice", "wrong"]

NEW_TOKEN = "make one on https://www.kaggle.com/settings, then save it as ~/.kaggle/access_token"
WANDB_KEY_LENGTH = 40  # what its client accepts at the least
GIGABYTE = 1e9
ROOM, LITTLE_ROOM = 10 * GIGABYTE, 2 * GIGABYTE  # PyTorch's CUDA build alone takes 5

# What holds secrets by its name; and what looks like one, in patterns that mean the same to Python and `git grep -E`.
SECRET_FILES = ("kaggle.json", "access_token", "credentials.json", ".env", ".netrc", "_netrc", "id_rsa", "id_ed25519")
SECRETS = {
    "a Kaggle key": r"""KAGGLE_KEY *[:=] *["']?[0-9a-f]{32}|"key" *: *"[0-9a-f]{32}["]""",
    "a Kaggle token": r"KGAT_[0-9a-f]{32}",
    "a W&B key": r"""WANDB_API_KEY["']?\]? *[:=] *["']?[0-9A-Za-z_-]{40}|wandb_v1_[0-9A-Za-z_]{40}""",
    "a GitHub token": r"gh[opsu]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{40}",
    "an AWS key": r"secret_access_key *= *[0-9A-Za-z/+]{40}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
}


@dataclass(frozen=True)
class Place:
    """Where a person works: the home with the tokens, the root of a clone of Groundwork, the shell's variables."""

    home: Path
    repository: Path
    environment: Mapping[str, str]

    @classmethod
    def here(cls) -> "Place":
        """Give the place of the person who runs this."""
        return cls(Path.home(), Path.cwd(), os.environ)

    def command(self, name: str) -> str | None:
        """Find a command as the shell does."""
        return shutil.which(name, path=self.environment.get("PATH", os.defpath))

    def git(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run git in the repository, with this home's settings."""
        # By these a hook that runs us names another repository.
        others = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE")
        environment = {name: value for name, value in self.environment.items() if name not in others}
        return subprocess.run(
            [self.command("git") or "git", *arguments],
            check=False,
            cwd=self.repository,
            env={**environment, "HOME": str(self.home)},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )

    def shown(self, path: Path) -> str:
        """Write a path as a person types it."""
        for folder, start in ((self.repository, ""), (self.home, "~/")):
            if path.is_relative_to(folder):
                return start + shlex.quote(path.relative_to(folder).as_posix())
        return shlex.quote(str(path))


@dataclass(frozen=True)
class Line:
    """What the report says about one thing: what was found, what was expected, the next command to type.

    Its state is ``ok``, ``advice`` if work goes on without it, or ``wrong``.
    """

    thing: str
    state: State
    found: str
    expected: str = ""
    next_step: str = ""

    def __str__(self) -> str:
        expected = f"; expected {self.expected}" if self.expected else ""
        step = f"\n{'':18}-> {self.next_step}" if self.next_step else ""
        return f"{self.state:8}{self.thing:10}{self.found}{expected}{step}"


Check = Callable[[Place], Line]


def doctor(place: Place | None = None) -> bool:
    """Print the whole report, line by line as it is found; say whether nothing is wrong."""
    lines = []
    for line in examine(place or Place.here(), (*ACCOUNTS, *MACHINE)):
        print(line, flush=True)
        lines.append(line)
    wrong = sum(line.state == "wrong" for line in lines)
    print(f"\n{wrong} wrong: do what the arrows say." if wrong else "\nNothing is wrong. Advice can wait.")
    return not wrong


def examine(place: Place, checks: Iterable[Check]) -> Iterator[Line]:
    """Yield a line for each check; one that fails itself is a line, too."""
    for check in checks:
        try:
            yield check(place)
        except Exception as error:  # A report that stops in the middle helps nobody.
            found = f"could not be looked at ({type(error).__name__}: {error})"
            yield Line(check.__name__, "wrong", found, "an answer", "report this as our bug")


def git(place: Place) -> Line:
    """Look for git, for a repository, and for the name that commits bear."""
    if not place.command("git"):
        return Line("git", "wrong", "not installed", "git", "https://git-scm.com/downloads")
    asked = place.git("rev-parse", "--show-toplevel")
    if asked.returncode:
        said = asked.stderr.partition("\n")[0]
        return Line("git", "wrong", said, "a repository", "git clone; or what `git status` says of the folder")
    identity = {key: place.git("config", f"user.{key}").stdout.strip() for key in ("name", "email")}
    if missing := [f"user.{key}" for key, value in identity.items() if not value]:
        step = " && ".join(f'git config --global {key} "..."' for key in missing)
        return Line("git", "wrong", f"no {' and no '.join(missing)}", "a name for your commits", step)
    return Line("git", "ok", "{name} <{email}>".format(**identity))


def kaggle(place: Place) -> Line:
    """Look for a token where Kaggle's client does, in its order, and at who else may read it."""
    own, variables = place.home / ".kaggle", place.environment
    config = Path(variables.get("XDG_CONFIG_HOME") or place.home / ".config")
    folder = variables.get("KAGGLE_CONFIG_DIR") or (own if own.exists() else config / "kaggle")
    legacy, oauth = Path(folder) / "kaggle.json", own / "credentials.json"
    tokens = [own / "access_token", own / "access_token.txt"]
    for file in (*tokens, legacy, oauth):
        if problem := _readable_by_others("Kaggle", file, place):
            return problem
    if variables.get("KAGGLE_API_TOKEN"):
        return Line("Kaggle", "ok", "a token in KAGGLE_API_TOKEN")
    if held := [file for file in tokens if file.is_file() and file.stat().st_size]:
        return Line("Kaggle", "ok", f"a token in {place.shown(held[0])}, for you alone")
    named = [name for name in ("KAGGLE_USERNAME", "KAGGLE_KEY") if variables.get(name)]
    if len(named) == 2:
        return Line("Kaggle", "ok", "a key in KAGGLE_USERNAME and KAGGLE_KEY")
    if legacy.is_file():
        shown = place.shown(legacy)
        with suppress(ValueError, TypeError):
            if {"username", "key"} <= set(json.loads(legacy.read_text(encoding="utf-8"))):
                return Line("Kaggle", "ok", f"a key in {shown}, for you alone")
        return Line("Kaggle", "wrong", f"{shown} is broken", "JSON with username and key", NEW_TOKEN)
    if oauth.is_file():
        return Line("Kaggle", "ok", f"a token in {place.shown(oauth)}, for you alone")
    if named:
        expected = "KAGGLE_USERNAME and KAGGLE_KEY"
        return Line("Kaggle", "wrong", f"{named[0]} alone", expected, f"set both, or `unset {named[0]}`")
    expected = "one, once you want Kaggle's own data or to submit"
    return Line("Kaggle", "advice", "no token", expected, NEW_TOKEN)


def wandb(place: Place) -> Line:
    """Look for a W&B key where its client does: in the environment, then in netrc."""
    key, where = place.environment.get("WANDB_API_KEY", ""), "WANDB_API_KEY"
    named = place.environment.get("NETRC")
    files = [Path(named)] if named else [place.home / ".netrc", place.home / "_netrc"]
    if not key and (file := next(filter(Path.is_file, files), None)):
        where = place.shown(file)
        if problem := _readable_by_others("W&B", file, place):
            return problem
        try:
            server = place.environment.get("WANDB_BASE_URL", "https://api.wandb.ai")
            key = (netrc.netrc(str(file)).authenticators(urlsplit(server).netloc) or ("", "", ""))[2]
        except (netrc.NetrcParseError, UnicodeDecodeError):
            return Line("W&B", "wrong", f"{where} is broken", "what `man netrc` describes", "wandb login --relogin")
    if not key:
        found, step = "not signed in: runs stay on this machine", "wandb login, then `groundwork sync`"
        return Line("W&B", "advice", found, "a key, once you want its dashboard", step)
    if len(key) < WANDB_KEY_LENGTH:
        found, expected = f"a key of {len(key)} characters in {where}", f"{WANDB_KEY_LENGTH} or more"
        return Line("W&B", "wrong", found, expected, "wandb login --relogin")
    return Line("W&B", "ok", f"a key in {where}")


def secrets(place: Place) -> Line:
    """Look for tokens in what git keeps."""
    if not place.command("git"):
        return Line("secrets", "advice", "no git to ask")
    # In the index, not in the working tree: what was only deleted there is in the next commit still.
    tracked, loose = (
        [Path(name) for name in place.git("ls-files", "-z", *which).stdout.split("\0") if name]
        for which in ((), ("--others", "--exclude-standard"))
    )
    if names := [name for name in tracked if name.name in SECRET_FILES]:
        shown = place.shown(place.repository / names[0])
        found = f"git tracks {', '.join(map(str, names))}"
        step = f"git rm --cached {shown} && echo {names[0].name} >> .gitignore"
        return Line("secrets", "wrong", found, "none; revoke it if it was pushed", step)
    # A key in the middle of a program. Its line is looked at, and not shown.
    patterns = [part for pattern in SECRETS.values() for part in ("-e", pattern)]
    asked = place.git("grep", "--cached", "-I", "-n", "-z", "-E", *patterns)
    for hit in re.finditer(r"^(.+?)\0(\d+)[\0:](.*)", asked.stdout, re.MULTILINE):
        name, number, text = hit.groups()
        kind = next(kind for kind in SECRETS if re.search(SECRETS[kind], text))
        found = f"{name}, line {number}: what looks like {kind}"
        step = "take it out, `git add` the file, and revoke it where you got it"
        return Line("secrets", "wrong", found, "no secret in git", step)
    if near := [name for name in loose if name.name in SECRET_FILES]:
        found, step = f"the next git add . takes {near[0]}", f"echo {near[0].name} >> .gitignore"
        return Line("secrets", "advice", found, "it in .gitignore", step)
    return Line("secrets", "ok", "none in the files that git tracks")


def _readable_by_others(thing: str, file: Path, place: Place) -> Line | None:
    if os.name == "nt" or not file.is_file() or not (mode := file.stat().st_mode & 0o777) & 0o077:
        return None
    shown = place.shown(file)
    return Line(thing, "wrong", f"{shown} has mode {mode:o}", "600: for you alone", f"chmod 600 {shown}")


def python(_: Place) -> Line:
    """Look at the Python that runs this; an older one than we need would not have come so far."""
    alone = ", in an environment of its own" if sys.prefix != sys.base_prefix else ""
    return Line("Python", "ok", platform.python_version() + alone)


def dvc(place: Place) -> Line:
    """Look for DVC, and whether the shell finds what the environment holds."""
    if not find_spec("dvc"):
        return Line("DVC", "wrong", "not installed", "dvc", "make setup")
    found = version("dvc")
    if not (place.repository / ".dvc").is_dir():
        return Line("DVC", "wrong", "no folder .dvc", "the root of the repository", "cd to where dvc.yaml lies")
    if missing := [name for name in ("dvc", "groundwork") if not place.command(name)]:
        found, step = f"{found}; the shell does not find {' and '.join(missing)}", ". .venv/bin/activate"
        return Line("DVC", "advice", found, "the environment, activated in each shell", step)
    return Line("DVC", "ok", found)


def github(place: Place) -> Line:
    """Look for GitHub's command, and whether it knows who you are."""
    if not place.command("gh"):
        return Line("GitHub", "advice", "gh not installed", "it, for pull requests", "https://cli.github.com")
    hosts = Path(place.environment.get("GH_CONFIG_DIR") or place.home / ".config/gh") / "hosts.yml"
    if place.environment.get("GH_TOKEN") or (hosts.is_file() and "github.com" in hosts.read_text(encoding="utf-8")):
        return Line("GitHub", "ok", "gh, signed in")
    return Line("GitHub", "advice", "gh, not signed in", "an account, for pull requests", "gh auth login")


def disk(place: Place) -> Line:
    """Look at how much room is left."""
    free = shutil.disk_usage(place.repository).free
    found = f"{free / GIGABYTE:.0f} GB free"
    if free >= ROOM:
        return Line("disk", "ok", found)
    step = "du -sh .venv .dvc/cache data results: where it went"
    return Line("disk", "advice" if free >= LITTLE_ROOM else "wrong", found, f"{ROOM / GIGABYTE:.0f} GB", step)


def notebooks(_: Place) -> Line:
    """Look for what opens lessons, and what makes them."""
    needed = ("matplotlib", "jupytext", "nbclient", "ipykernel", "jupyterlab")
    if missing := [name for name in needed if not find_spec(name)]:
        return Line("notebooks", "advice", f"no {', no '.join(missing)}", "what lessons need", "make setup")
    return Line("notebooks", "ok", "they open (jupyter lab notebooks) and can be built (make lessons)")


def torch(place: Place) -> Line:
    """Look for PyTorch and what it computes on; it takes seconds to load, so this comes last."""
    if not find_spec("torch"):
        return Line("PyTorch", "wrong", "not installed", "torch", "make setup")
    import torch

    found = torch.__version__
    if torch.cuda.is_available():
        return Line("PyTorch", "ok", f"{found}, on {torch.cuda.device_count()} x {torch.cuda.get_device_name()}")
    if torch.backends.mps.is_available():
        return Line("PyTorch", "ok", f"{found}, on Apple's GPU (mps)")
    if place.command("nvidia-smi"):
        step = "`nvidia-smi` shows the driver, https://pytorch.org/get-started/locally the build for it"
        return Line("PyTorch", "advice", f"{found} does not reach the GPU", "a build that does", step)
    return Line("PyTorch", "ok", f"{found}, on the CPU: enough for samples and lessons")


# What depends on a home, a repository and an environment alone, and what looks at the machine.
ACCOUNTS: tuple[Check, ...] = (git, kaggle, wandb, secrets)
MACHINE: tuple[Check, ...] = (github, python, dvc, disk, notebooks, torch)
