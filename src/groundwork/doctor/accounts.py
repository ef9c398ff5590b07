"""Checks the accounts: the identity for git, and the credentials for Kaggle and W&B."""

import json
import netrc
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from groundwork.doctor.place import Line, Place, not_private, refused
from groundwork.files import strerror
from groundwork.kaggle import tokens

NEW_TOKEN = "make one on https://www.kaggle.com/settings, then save it as ~/.kaggle/access_token"
KAGGLE_KEY_LENGTH = 32
WANDB_KEY_LENGTH = 40  # the minimum that its client accepts


def git(place: Place) -> Line:
    """Check for git, a repository, and the name and address for commits."""
    if not place.command("git"):
        return Line("git", "wrong", "not installed", "git", "https://git-scm.com/downloads")
    answer = place.git("rev-parse", "--show-toplevel")
    if answer.returncode:
        return refused("git", answer, place)
    identity = {key: place.git("config", f"user.{key}").stdout.strip() for key in ("name", "email")}
    if missing := [f"user.{key}" for key, value in identity.items() if not value]:
        step = " && ".join(f'git config --global {key} "..."' for key in missing)
        return Line("git", "wrong", f"no {' and no '.join(missing)}", "a name and an address for your commits", step)
    return Line("git", "ok", "{name} <{email}>".format(**identity))


def kaggle(place: Place) -> Line:
    """Check Kaggle's credentials in the order that its client reads them, and who else may read the files."""
    own, variables = place.home / ".kaggle", place.environment
    config = Path(variables.get("XDG_CONFIG_HOME") or place.home / ".config")
    folder = variables.get("KAGGLE_CONFIG_DIR") or (own if os.path.exists(own) else config / "kaggle")
    legacy, oauth = Path(folder) / "kaggle.json", own / "credentials.json"
    places = [own / "access_token", own / "access_token.txt"]
    for file in (*places, legacy, oauth):
        if problem := not_private("Kaggle", file, place):
            return problem
    if token := variables.get("KAGGLE_API_TOKEN"):
        try:
            flaw = tokens.flaw_of_variable(token)
        except OSError as error:
            flaw = f"names a file that cannot be read ({strerror(error)}); expected a token"
        if flaw:
            found, _, expected = flaw.partition("; expected ")
            return Line("Kaggle", "wrong", f"KAGGLE_API_TOKEN {found}", expected, "unset KAGGLE_API_TOKEN")
        return Line("Kaggle", "ok", "a token in KAGGLE_API_TOKEN")
    existing = [file for file in places if file.is_file()]
    for file in existing:
        content = file.read_bytes().strip()
        if flaw := tokens.flaw_of_token(content):
            found, _, expected = flaw.partition("; expected ")
            return Line("Kaggle", "wrong", f"{place.shown(file)} {found}", expected, NEW_TOKEN)
        if content:
            return Line("Kaggle", "ok", f"a token in {place.shown(file)}, for you alone")
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY"):
        # The client uses it nevertheless, and prefers it to the file.
        if variables.get(name) == "":
            return Line("Kaggle", "wrong", f"{name} is empty", "a value, or no such variable", f"unset {name}")
    named = {name: value for name in ("username", "key") if (value := variables.get(f"KAGGLE_{name.upper()}"))}
    if len(named) == 2:
        return _pair(named, "KAGGLE_USERNAME and KAGGLE_KEY", "KAGGLE_USERNAME and KAGGLE_KEY")
    if legacy.is_file():
        shown = place.shown(legacy)
        content = legacy.read_bytes()
        if flaw := tokens.flaw_of_text(content):
            found, _, expected = flaw.partition("; expected ")
            return Line("Kaggle", "wrong", f"{shown} {found}", expected, NEW_TOKEN)
        if (pair := _json(legacy)) is None:
            return Line("Kaggle", "wrong", f"{shown} is broken", "JSON with username and key", NEW_TOKEN)
        return _pair({**pair, **named}, shown, f"{shown}, for you alone")
    if oauth.is_file():
        shown = place.shown(oauth)
        if _is_text((_json(oauth) or {}).get("refresh_token")):
            return Line("Kaggle", "ok", f"a token in {shown}, for you alone")
        return Line("Kaggle", "wrong", f"{shown} is broken", "JSON with refresh_token", "kaggle auth login")
    if named:
        found = " and ".join(f"KAGGLE_{name.upper()}" for name in named)
        expected = "KAGGLE_USERNAME and KAGGLE_KEY"
        return Line("Kaggle", "wrong", f"only {found}", expected, f"set both, or `unset {found}`")
    if existing:  # Kaggle's client ignores it silently
        return Line("Kaggle", "wrong", f"{place.shown(existing[0])} is empty", "a token", NEW_TOKEN)
    expected = "a token, if you want Kaggle's data or to submit"
    return Line("Kaggle", "advice", "no token", expected, NEW_TOKEN)


def _json(file: Path) -> dict[str, Any] | None:
    try:
        pair = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return None
    return pair if isinstance(pair, dict) else None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _pair(pair: dict[str, Any], source: str, whose: str) -> Line:
    if missing := [name for name in ("username", "key") if not _is_text(pair.get(name))]:
        found = f"no {' and no '.join(missing)} in {source}"
        return Line("Kaggle", "wrong", found, "a username and a key", NEW_TOKEN)
    if (length := len(pair["key"].strip())) < KAGGLE_KEY_LENGTH:
        found = f"a key of {length} characters in {source}"
        return Line("Kaggle", "wrong", found, f"{KAGGLE_KEY_LENGTH}", NEW_TOKEN)
    if flaw := tokens.flaw_of_pair(pair):
        return Line("Kaggle", "wrong", f"{source}: {flaw}", "a username and a key", NEW_TOKEN)
    return Line("Kaggle", "ok", f"a key in {whose}")


def wandb(place: Place) -> Line:
    """Check the W&B key where its client reads it: in the environment, then in netrc."""
    key, where = place.environment.get("WANDB_API_KEY", ""), "WANDB_API_KEY"
    try:
        server = urlsplit(place.environment.get("WANDB_BASE_URL") or "https://api.wandb.ai")
    except ValueError:
        server = urlsplit("")
    if server.scheme not in ("http", "https") or not server.netloc:
        # Not shown: an address may contain a password.
        expected = "an address such as https://api.wandb.ai"
        return Line("W&B", "wrong", "WANDB_BASE_URL is not a valid address", expected, "unset WANDB_BASE_URL")
    if not key:
        named = place.environment.get("NETRC")
        for file in [Path(named)] if named else [place.home / ".netrc", place.home / "_netrc"]:
            where = place.shown(file)
            if problem := not_private("W&B", file, place):
                return problem
            if file.is_file():
                try:
                    key = (netrc.netrc(str(file)).authenticators(server.netloc) or ("", "", ""))[2]
                except (netrc.NetrcParseError, UnicodeDecodeError):
                    expected = "what `man netrc` describes"
                    return Line("W&B", "wrong", f"{where} is broken", expected, "wandb login --relogin")
                break
    if not key:
        found, step = "not signed in: runs stay on this machine", "wandb login, then `groundwork sync`"
        return Line("W&B", "advice", found, "a key, if you want the dashboard", step)
    if (length := len(key.strip())) < WANDB_KEY_LENGTH:
        found, expected = f"a key of {length} characters in {where}", f"{WANDB_KEY_LENGTH} or more"
        return Line("W&B", "wrong", found, expected, "wandb login --relogin")
    return Line("W&B", "ok", f"a key in {where}")
