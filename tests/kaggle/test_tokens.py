"""Credentials as shells and editors write them: each that the client would stumble over is one message without it."""

import json
import os
from pathlib import Path

import pytest
from tests.services.kaggle_server import KEY, TOKEN, USER

from groundwork import doctor
from groundwork.doctor import Place
from groundwork.errors import UserError
from groundwork.kaggle.client import credentials

PAIR = json.dumps({"username": USER, "key": KEY * 4})
UTF16 = "is written in UTF-16, as `>` writes in a Windows shell"
MARK = "begins with a byte order mark"
BLANKS = "contains blanks or line breaks"


@pytest.fixture
def home() -> Path:
    folder = Path(os.environ["HOME"]) / ".kaggle"
    folder.mkdir()
    return folder


def refused() -> str:
    """Return the message of `credentials`; the doctor finds fault, too, and nobody shows a secret."""
    with pytest.raises(UserError) as caught:
        credentials()
    line = doctor.kaggle(Place(Path.home(), Path.cwd(), dict(os.environ)))
    assert line.state == "wrong", line
    for secret in (TOKEN[5:], KEY):
        assert secret not in f"{caught.value}{line}"
        assert secret not in f"{caught.value}{line}".replace("\0", "")
    assert caught.value.next_step
    return caught.value.problem


def put(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    file.chmod(0o600)


FLAWED = [
    (TOKEN.encode("utf-16"), UTF16),
    (f"{TOKEN}\r\n".encode("utf-16"), UTF16),
    (TOKEN.encode("utf-16-le"), UTF16),
    (b"\xfe\xff" + TOKEN.encode("utf-16-be"), UTF16),
    (TOKEN.encode("utf-8-sig"), MARK),
    (f"{TOKEN}\0".encode(), "contains null bytes"),
    (f"{TOKEN}é".encode(), "contains characters outside of ASCII"),
    (f"{TOKEN}é".encode("latin-1"), "contains bytes that are not text"),
    (f"{TOKEN[:9]} {TOKEN[9:]}".encode(), BLANKS),
    (f"{TOKEN}\n{TOKEN}\n".encode(), BLANKS),
]


@pytest.mark.parametrize(("content", "said"), FLAWED)
@pytest.mark.parametrize("name", ["access_token", "access_token.txt"])
def test_a_file_that_is_no_token_is_named(home: Path, name: str, content: bytes, said: str) -> None:
    put(home / name, content)
    # Whatever else there is: the client reads this one first, and stumbles.
    put(home / "kaggle.json", PAIR.encode())
    assert f"{home / name}: {said}" in refused()


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "  \n\n"])
def test_what_the_client_strips_is_no_flaw(home: Path, end: str) -> None:
    put(home / "access_token", f"{TOKEN}{end}".encode())
    assert credentials() == "~/.kaggle/access_token"
    assert doctor.kaggle(Place(Path.home(), Path.cwd(), dict(os.environ))).state == "ok"


@pytest.mark.parametrize(("content", "said"), FLAWED)
def test_a_variable_may_name_a_file_that_is_no_token(
    home: Path, content: bytes, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "token", content)
    monkeypatch.setenv("KAGGLE_API_TOKEN", str(tmp_path / "token"))
    assert f"KAGGLE_API_TOKEN: {said}" in refused()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (f"{TOKEN}\n", BLANKS),
        (f" {TOKEN}", BLANKS),
        ("   ", "is blank"),
        (f"{TOKEN}é", "contains characters outside of ASCII"),
        (f"\ufeff{TOKEN}", MARK),
        (os.fsdecode(b"\xff\xfe" + TOKEN.encode()), UTF16),
        (TOKEN * 300, "is 6300 characters long"),
    ],
)
def test_a_variable_that_is_no_token_is_named(
    home: Path, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", value)
    assert f"KAGGLE_API_TOKEN: {said}" in refused()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PAIR.encode("utf-16"), UTF16),
        (PAIR.encode("utf-8-sig"), MARK),
        (PAIR.encode() + b"\0", "contains null bytes"),
        (b"", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not JSON"),
        (json.dumps({"username": USER, "key": ""}).encode(), "contains no key"),
        (json.dumps({"username": " ", "key": None}).encode(), "contains no username and no key"),
        (json.dumps({"username": USER, "key": 123}).encode(), "key: found int; expected text"),
        (json.dumps({"username": ["ada"], "key": KEY * 4}).encode(), "username: found list; expected text"),
        (json.dumps({"username": USER, "key": f"{KEY * 4}\n"}).encode(), f"key: {BLANKS}"),
        (json.dumps({"username": "adä", "key": KEY * 4}).encode(), "username: contains characters outside of ASCII"),
    ],
)
def test_a_pair_that_opens_nothing_is_named(home: Path, content: bytes, said: str) -> None:
    put(home / "kaggle.json", content)
    assert f"{home / 'kaggle.json'}: {said}" in refused()


def test_an_empty_variable_that_hides_the_file_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home / "kaggle.json", PAIR.encode())
    monkeypatch.setenv("KAGGLE_KEY", "")
    assert "KAGGLE_KEY: is set, and blank" in refused()


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"refresh_token": 3}', b'{"refresh_token": " "}'])
def test_credentials_that_hold_no_token_are_named(home: Path, content: bytes) -> None:
    put(home / "credentials.json", content)
    assert f"{home / 'credentials.json'}: " in refused()


@pytest.mark.parametrize("name", ["access_token", "access_token.txt", "kaggle.json", "credentials.json"])
def test_a_folder_in_place_of_a_file_is_named(home: Path, name: str) -> None:
    (home / name).mkdir()
    assert f"{home / name}: cannot be read: Is a directory" in refused()
