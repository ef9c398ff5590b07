"""Kaggle through its own client: the credentials, and a competition's archive, whole and checked."""

import io
import json
import os
import shutil
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundwork.competitions import Competition
from groundwork.data import archives
from groundwork.errors import UserError
from groundwork.files import writing
from groundwork.kaggle import transport
from groundwork.kaggle.call import NEW_TOKEN, PATIENCE, PORTAL, Patience, call

if TYPE_CHECKING:
    from kaggle.api.kaggle_api_extended import KaggleApi

NO_CREDENTIALS = (
    f"{NEW_TOKEN} and put it in KAGGLE_API_TOKEN or in ~/.kaggle/access_token; an older key goes in KAGGLE_USERNAME "
    "and KAGGLE_KEY or in ~/.kaggle/kaggle.json. Without an account, set `source: sample` in params.yaml"
)


def credentials() -> str:
    """Return where the client will find its credentials; no network, no import of the client.

    Raises
    ------
    UserError
        If there are none, or half of a pair, or a `kaggle.json` that the client would skip without a word.
    """
    from kagglesdk.kaggle_env import get_access_token_from_env

    token, place = get_access_token_from_env()
    if token:
        return "~/.kaggle/access_token" if place == "access_token" else str(place)
    home = Path.home() / ".kaggle"
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "kaggle"
    legacy = Path(os.environ.get("KAGGLE_CONFIG_DIR") or (home if home.exists() else config)) / "kaggle.json"
    named = {key for key in ("username", "key") if os.environ.get(f"KAGGLE_{key.upper()}")}
    if len(named) == 2:
        return "KAGGLE_USERNAME and KAGGLE_KEY"
    if legacy.exists():
        try:
            held = set(json.loads(legacy.read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            raise UserError(f"{legacy}: is not JSON; expected username and key", f"mend it, or {NEW_TOKEN}") from None
        if missing := {"username", "key"} - held - named:
            raise UserError(f"{legacy}: holds no {' and no '.join(sorted(missing))}", f"mend it, or {NEW_TOKEN}")
        return str(legacy)
    if (home / "credentials.json").exists():
        return "~/.kaggle/credentials.json"
    if named:
        (half,) = named
        missing_half = "KAGGLE_KEY" if half == "username" else "KAGGLE_USERNAME"
        raise UserError(f"KAGGLE_{half.upper()} is set but {missing_half} is not", f"set both, or {NEW_TOKEN}")
    raise UserError("no Kaggle credentials found", NO_CREDENTIALS)


def connect(patience: Patience = PATIENCE) -> "KaggleApi":
    """Return Kaggle's client, signed in.

    An access token is checked with the server here; an older user name and key only at the first request.

    Raises
    ------
    UserError
        If there are no credentials, Kaggle rejects them, or it cannot be reached.
    """
    place = credentials()
    # The package signs in when it is imported and prints what went wrong on stdout; our own sign-in below tells it.
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
    """Refuse a download that does not fit: the client would fill the disk and then try five times more."""
    size = str(response.headers.get("Content-Length", ""))
    folder = next(above for above in path.parents if above.is_dir())
    free = shutil.disk_usage(folder).free
    if size.isdecimal() and int(size) > free:
        raise UserError(
            f"Kaggle: the archive has {int(size) / 1e6:.0f} MB; {free / 1e6:.0f} MB are free at {folder}",
            f"free some space (`df -h {folder}`), then run the command again",
        )


def download(competition: Competition, path: Path, patience: Patience = PATIENCE) -> None:
    """Download the competition's archive to `path`: whole and checked, or not at all.

    The client resumes over what a failed download left behind and can end with a corrupt file of the right size. So
    each download starts in an empty room, which goes with everything in it; what stood at `path` stays until the new
    archive has passed.

    Raises
    ------
    UserError
        If Kaggle refuses or cannot be reached, the archive does not pass `verify`, or `path` cannot be written.
    """
    api = connect(patience)
    print(f"{competition.slug}: downloading from Kaggle", file=sys.stderr, flush=True)
    with writing(path) as temporary:
        room = temporary.parent / "download"

        def fetch() -> None:
            quiet = not sys.stderr.isatty()
            api.competition_download_files(competition.slug, path=str(room), force=True, quiet=quiet)

        call(fetch, f"download the archive of {competition.slug}", competition, patience)
        archive = _received(room)
        again = "run the command again; what stood there before is untouched"
        mend = f"compare the competition's file in src/groundwork/competitions with https://www.kaggle.com/c/{competition.slug}/data"
        archives.verify(archives.Archive(archive, path, again, mend), competition.files)
        archive.replace(temporary)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, checked", file=sys.stderr, flush=True)


def _received(room: Path) -> Path:
    """Return the one file of a download; the client names it, and folders above it, by the address it was sent to."""
    files = [path for path in room.rglob("*") if path.is_file()]
    if len(files) != 1:
        raise UserError(f"Kaggle: the download left {len(files)} files; expected one archive", PORTAL)
    with files[0].open("rb") as stream:
        title = transport.page_in(stream.read(transport.BEGINNING))
    if title is not None:
        raise UserError(f"Kaggle: {transport.PageError('the network', title)}", PORTAL)
    return files[0]
