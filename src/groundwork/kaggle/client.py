"""Finds Kaggle's credentials, signs in with Kaggle's client, and downloads a competition's archive."""

import io
import os
import shutil
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundwork.competitions import Competition
from groundwork.data import archives
from groundwork.errors import UserError
from groundwork.files import strerror, writing
from groundwork.kaggle import tokens, transport
from groundwork.kaggle.call import NEW_TOKEN, PATIENCE, PORTAL, Patience, call

if TYPE_CHECKING:
    from kaggle.api.kaggle_api_extended import KaggleApi

NO_CREDENTIALS = (
    f"{NEW_TOKEN} and put it in KAGGLE_API_TOKEN or in ~/.kaggle/access_token; an older key goes in KAGGLE_USERNAME "
    "and KAGGLE_KEY or in ~/.kaggle/kaggle.json. Without an account, set `source: sample` in params.yaml"
)


def credentials() -> str:
    """Return where the client will find its credentials, without using the network or importing the client.

    Raises
    ------
    UserError
        If there are no credentials, only half of a pair, or something that the client would fail on or skip silently.
        No message contains a token.
    """
    try:
        return _credentials()
    except OSError as error:
        problem = f"{error.filename}: cannot be read: {strerror(error)}; expected a file with a token"
        raise UserError(problem, f"move it away or open it to yourself (`ls -ld {error.filename}`)") from None


def _credentials() -> str:
    from kagglesdk.kaggle_env import get_access_token_from_env

    home = Path.home() / ".kaggle"
    if (value := os.environ.get("KAGGLE_API_TOKEN")) is not None and value != "":
        _refuse("KAGGLE_API_TOKEN", tokens.flaw_of_variable(value))
    else:
        for file in (home / "access_token", home / "access_token.txt"):
            if file.exists():
                content = file.read_bytes()
                _refuse(str(file), tokens.flaw_of_token(content.strip()))
                if content.strip():
                    break
    token, place = get_access_token_from_env()
    if token:
        return "~/.kaggle/access_token" if place == "access_token" else str(place)
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "kaggle"
    legacy = Path(os.environ.get("KAGGLE_CONFIG_DIR") or (home if home.exists() else config)) / "kaggle.json"
    set_to = {key: os.environ.get(f"KAGGLE_{key.upper()}") for key in ("username", "key")}
    # The client accepts an empty variable, too, and prefers it to the file.
    for key, text in set_to.items():
        _refuse(f"KAGGLE_{key.upper()}", "is set, and blank" if text is not None and not text.strip() else None)
    named = {key: text for key, text in set_to.items() if text}
    if len(named) == 2:
        _refuse("KAGGLE_USERNAME and KAGGLE_KEY", tokens.flaw_of_pair(named))
        return "KAGGLE_USERNAME and KAGGLE_KEY"
    if legacy.exists():
        pair = tokens.read_pair(legacy.read_bytes())
        _refuse(str(legacy), pair if isinstance(pair, str) else tokens.flaw_of_pair({**pair, **named}))
        return str(legacy)
    if (oauth := home / "credentials.json").exists():
        if flaw := tokens.flaw_of_oauth(oauth.read_bytes()):
            raise UserError(f"{oauth}: {flaw}", "`kaggle auth login` creates it again")
        return "~/.kaggle/credentials.json"
    if named:
        (half,) = named
        missing_half = "KAGGLE_KEY" if half == "username" else "KAGGLE_USERNAME"
        raise UserError(f"KAGGLE_{half.upper()} is set but {missing_half} is not", f"set both, or {NEW_TOKEN}")
    raise UserError("no Kaggle credentials found", NO_CREDENTIALS)


def _refuse(place: str, flaw: str | None) -> None:
    if flaw is None:
        return
    step = f"{NEW_TOKEN} and save it in {place} as plain text"
    if "/" not in place:
        step = f"`unset {place.replace(' and ', ' ')}`, then {NEW_TOKEN}"
    elif "Windows" in flaw:
        step += " (PowerShell: `Set-Content -Encoding ascii`)"
    raise UserError(f"{place}: {flaw}", step)


def connect(patience: Patience = PATIENCE) -> "KaggleApi":
    """Return Kaggle's client, signed in.

    An access token is verified with the server here; a user name and key only at the first request.

    Raises
    ------
    UserError
        If there are no credentials, Kaggle rejects them, or it cannot be reached.
    """
    place = credentials()
    # The package signs in when it is imported and prints failures on stdout. The sign-in below reports them instead.
    with redirect_stdout(io.StringIO()), transport.watched():
        from kaggle.api.kaggle_api_extended import KaggleApi

    class Api(KaggleApi):  # type: ignore[misc]  # the client has no types
        def download_file(self, response: Any, outfile: str, *rest: Any, **options: Any) -> None:
            _require_space(response, Path(outfile))
            super().download_file(response, outfile, *rest, **options)

    api = Api()
    call(api.authenticate, f"sign in with {place}", patience=patience)
    return api


def _require_space(response: Any, path: Path) -> None:
    """Refuse a download that does not fit: the client would fill the disk and then retry five times."""
    size = str(response.headers.get("Content-Length", ""))
    folder = next(parent for parent in path.parents if parent.is_dir())
    free = shutil.disk_usage(folder).free
    if size.isdecimal() and int(size) > free:
        raise UserError(
            f"Kaggle: the archive has {int(size) / 1e6:.0f} MB; {free / 1e6:.0f} MB are free at {folder}",
            f"free some space (`df -h {folder}`), then run the command again",
        )


def download(competition: Competition, path: Path, patience: Patience = PATIENCE) -> None:
    """Download and verify the competition's archive; `path` is replaced only if it passes.

    The client resumes from what a failed download left behind and can produce a corrupt file of the right size.
    Therefore each download starts in an empty temporary folder. An earlier file at `path` stays until the new archive
    has passed.

    Raises
    ------
    UserError
        If Kaggle refuses or cannot be reached, the archive does not pass `verify`, or `path` cannot be written.
    """
    api = connect(patience)
    print(f"{competition.slug}: downloading from Kaggle", file=sys.stderr, flush=True)
    with writing(path) as temporary:
        folder = temporary.parent / "download"

        def fetch() -> None:
            quiet = not sys.stderr.isatty()
            api.competition_download_files(competition.slug, path=str(folder), force=True, quiet=quiet)

        call(fetch, f"download the archive of {competition.slug}", competition, patience)
        archive = received(folder)
        again = "run the command again; any previous file is untouched"
        fix = f"compare the competition's file in src/groundwork/competitions with https://www.kaggle.com/c/{competition.slug}/data"
        archives.verify(archives.Archive(archive, path, again, fix), competition.files)
        archive.replace(temporary)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, checked", file=sys.stderr, flush=True)


def received(folder: Path) -> Path:
    """Return the single file of a download; the client derives its name and folders from the URL."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    if len(files) != 1:
        raise UserError(f"Kaggle: the download left {len(files)} files; expected one archive", PORTAL)
    with files[0].open("rb") as stream:
        title = transport.page_in(stream.read(transport.BEGINNING))
    if title is not None:
        raise UserError(f"Kaggle: {transport.PageError('the network', title)}", PORTAL)
    return files[0]
