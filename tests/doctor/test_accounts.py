"""Tokens in made-up homes: each that cannot be used is a line, and no secret is ever in one."""

import os
import shutil
from pathlib import Path

import pytest
from tests.doctor.places import HEX32, HEX40, KAGGLE_JSON, LETTERS, NETRC, is_silent, put, with_variables

from groundwork import doctor
from groundwork.doctor import ACCOUNTS, Line, Place, examine

OAUTH = f'{{"refresh_token": "{LETTERS}"}}'
KAGGLE_FILES = {
    "access_token": LETTERS,
    "access_token.txt": LETTERS,
    "kaggle.json": KAGGLE_JSON,
    "credentials.json": OAUTH,
}
# A file of secrets, and the check that reads it.
WHAT = {**{f".kaggle/{name}": text for name, text in KAGGLE_FILES.items()}, ".netrc": NETRC, "_netrc": NETRC}
HOLDERS = {name: doctor.kaggle if "kaggle" in name else doctor.wandb for name in WHAT}


@pytest.mark.parametrize("name", HOLDERS)
def test_a_token_is_found_and_is_for_you_alone(place: Place, name: str) -> None:
    path = put(place.home / name, WHAT[name])
    assert HOLDERS[name](place).state == "ok"
    assert f"~/{name}" in HOLDERS[name](place).found
    for mode in (0o644, 0o640, 0o604):
        path.chmod(mode)
        line = HOLDERS[name](place)
        assert (line.state, line.next_step) == ("wrong", f"chmod 600 ~/{name}")
        assert f"{mode:o}" in line.found
        assert is_silent(line)
    path.chmod(0o400)
    assert HOLDERS[name](place).state == "ok"


@pytest.mark.parametrize("name", HOLDERS)
def test_a_folder_in_place_of_a_token_is_named_as_such(place: Place, name: str) -> None:
    (place.home / name).mkdir(parents=True)
    line = HOLDERS[name](place)
    assert (line.state, line.found) == ("wrong", f"~/{name} is a folder")
    assert line.next_step == f"mv ~/{name} ~/{name}.old"


@pytest.mark.parametrize("name", HOLDERS)
def test_a_token_that_you_may_not_read_is_wrong(place: Place, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(place.home / name, WHAT[name], 0)
    # Root may read everything.
    monkeypatch.setattr(os, "access", lambda asked, mode: asked != path)
    line = HOLDERS[name](place)
    assert (line.state, line.found) == ("wrong", f"~/{name} is not readable by you")
    assert line.next_step == f"sudo chown $USER ~/{name} && chmod 600 ~/{name}"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_closed_file_and_a_closed_folder(place: Place) -> None:
    path = put(place.home / ".kaggle" / "kaggle.json", KAGGLE_JSON, 0)
    assert doctor.kaggle(place).found == "~/.kaggle/kaggle.json is not readable by you"
    path.parent.chmod(0)
    line = doctor.kaggle(place)
    path.parent.chmod(0o700)
    assert (line.state, line.found) == ("wrong", "~/.kaggle is not readable by you")
    assert line.next_step == "sudo chown $USER ~/.kaggle && chmod 700 ~/.kaggle"


@pytest.mark.parametrize("name", HOLDERS)
def test_a_closed_folder_is_named(place: Place, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = put(place.home / name, WHAT[name])
    looked_at = Path.stat

    def stat(path: Path, **how: bool) -> os.stat_result:
        if path == file:
            raise PermissionError
        return looked_at(path, **how)

    monkeypatch.setattr(Path, "stat", stat)
    line = HOLDERS[name](place)
    assert line.state == "wrong"
    assert "not readable by you" in line.found
    assert line.next_step.startswith("sudo chown $USER ~/")


def test_only_its_owner_can_close_a_file(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    put(place.home / ".kaggle" / "kaggle.json", KAGGLE_JSON, 0o644)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    shown = "~/.kaggle/kaggle.json"
    assert doctor.kaggle(place).next_step == f"sudo chown $USER {shown} && chmod 600 {shown}"


def test_the_client_and_the_doctor_find_the_same_token(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from groundwork.errors import UserError
    from groundwork.kaggle.client import credentials

    monkeypatch.setenv("HOME", str(place.home))
    monkeypatch.delenv("KAGGLE_CONFIG_DIR")
    own = place.home / ".kaggle"
    # Each goes before the one above it.
    for add, where in [
        (lambda: None, None),
        (lambda: put(own / "credentials.json", OAUTH), "~/.kaggle/credentials.json"),
        (lambda: put(own / "kaggle.json", KAGGLE_JSON), "~/.kaggle/kaggle.json"),
        (lambda: put(own / "access_token", " \n"), "~/.kaggle/kaggle.json"),
        (lambda: monkeypatch.setenv("KAGGLE_USERNAME", "ada"), "~/.kaggle/kaggle.json"),
        (lambda: monkeypatch.setenv("KAGGLE_KEY", HEX32), "KAGGLE_USERNAME and KAGGLE_KEY"),
        (lambda: put(own / "access_token", LETTERS), "~/.kaggle/access_token"),
        (lambda: monkeypatch.setenv("KAGGLE_API_TOKEN", LETTERS), "KAGGLE_API_TOKEN"),
    ]:
        add()
        line = doctor.kaggle(Place(place.home, place.repository, dict(os.environ)))
        if where is None:
            assert line.state == "advice"
            with pytest.raises(UserError, match="no Kaggle credentials"):
                credentials()
        else:
            assert line.state == "ok"
            assert where in line.found
            assert credentials().replace(str(place.home), "~") == where
        assert is_silent(line)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "~/.kaggle/kaggle.json is broken"),
        ("{", "~/.kaggle/kaggle.json is broken"),
        ("[1]", "~/.kaggle/kaggle.json is broken"),
        ("3", "~/.kaggle/kaggle.json is broken"),
        ('["username", "key"]', "~/.kaggle/kaggle.json is broken"),
        ("{}", "no username and no key in ~/.kaggle/kaggle.json"),
        ('{"username": "ada"}', "no key in ~/.kaggle/kaggle.json"),
        (KAGGLE_JSON.replace(HEX32, ""), "no key in ~/.kaggle/kaggle.json"),
        (KAGGLE_JSON.replace(HEX32, "  "), "no key in ~/.kaggle/kaggle.json"),
        (KAGGLE_JSON.replace(f'"{HEX32}"', "null"), "no key in ~/.kaggle/kaggle.json"),
        (KAGGLE_JSON.replace("ada", ""), "no username in ~/.kaggle/kaggle.json"),
        (KAGGLE_JSON.replace(HEX32, HEX32[:12]), "a key of 12 characters in ~/.kaggle/kaggle.json"),
        (KAGGLE_JSON.replace(HEX32, HEX32[:31] + " "), "a key of 31 characters in ~/.kaggle/kaggle.json"),
    ],
)
def test_a_kaggle_json_that_opens_nothing_is_wrong(place: Place, text: str, found: str) -> None:
    put(place.home / ".kaggle" / "kaggle.json", text)
    line = doctor.kaggle(place)
    assert (line.state, line.found) == ("wrong", found)
    assert "kaggle.com/settings" in line.next_step
    assert is_silent(line)


@pytest.mark.parametrize("text", ["", " ", "\n\n"])
@pytest.mark.parametrize("name", ["access_token", "access_token.txt"])
def test_a_token_of_blanks_is_none(place: Place, name: str, text: str) -> None:
    put(place.home / ".kaggle" / name, text)
    assert (doctor.kaggle(place).state, doctor.kaggle(place).found) == ("wrong", f"~/.kaggle/{name} is empty")
    # Kaggle's client goes on looking.
    put(place.home / ".kaggle" / "access_token.txt", LETTERS)
    assert doctor.kaggle(place).found == "a token in ~/.kaggle/access_token.txt, for you alone"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"refresh_token": ""}', '{"refresh_token": null}'])
def test_credentials_that_the_client_passes_over_are_wrong(place: Place, text: str) -> None:
    put(place.home / ".kaggle" / "credentials.json", text)
    assert (doctor.kaggle(place).state, doctor.kaggle(place).next_step) == ("wrong", "kaggle auth login")


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"KAGGLE_KEY": HEX32}, "only KAGGLE_KEY"),
        ({"KAGGLE_USERNAME": "ada"}, "only KAGGLE_USERNAME"),
        ({"KAGGLE_USERNAME": "ada", "KAGGLE_KEY": " "}, "no key in KAGGLE_USERNAME and KAGGLE_KEY"),
        ({"KAGGLE_USERNAME": "ada", "KAGGLE_KEY": "0f"}, "a key of 2 characters in KAGGLE_USERNAME and KAGGLE_KEY"),
        ({"KAGGLE_API_TOKEN": "  "}, "KAGGLE_API_TOKEN is blank"),
    ],
)
def test_variables_that_open_nothing_are_wrong(place: Place, variables: dict[str, str], found: str) -> None:
    line = doctor.kaggle(with_variables(place, **variables))
    assert (line.state, line.found) == ("wrong", found)


def test_kaggle_json_lies_where_the_client_looks(place: Place, tmp_path: Path) -> None:
    put(tmp_path / "elsewhere" / "kaggle.json", KAGGLE_JSON)
    assert doctor.kaggle(place).state == "advice"
    assert doctor.kaggle(with_variables(place, KAGGLE_CONFIG_DIR=str(tmp_path / "elsewhere"))).state == "ok"
    put(place.home / ".config" / "kaggle" / "kaggle.json", KAGGLE_JSON)
    assert doctor.kaggle(place).state == "ok"


def test_a_wandb_key_is_found_where_the_client_looks(place: Place, tmp_path: Path) -> None:
    assert doctor.wandb(with_variables(place, WANDB_API_KEY=HEX40)).found == "a key in WANDB_API_KEY"
    put(place.home / "_netrc", NETRC)
    assert doctor.wandb(place).found == "a key in ~/_netrc"
    put(place.home / ".netrc", NETRC)
    assert doctor.wandb(place).found == "a key in ~/.netrc"
    assert doctor.wandb(with_variables(place, WANDB_BASE_URL="https://wandb.example.org")).state == "advice"
    put(tmp_path / "mine", NETRC)
    assert str(tmp_path / "mine") in doctor.wandb(with_variables(place, NETRC=str(tmp_path / "mine"))).found


@pytest.mark.parametrize("text", [NETRC.replace(HEX40, HEX40[:12]), "machine api.wandb.ai key 3"])
def test_a_wandb_key_cut_short_is_wrong(place: Place, text: str) -> None:
    put(place.home / ".netrc", text)
    line = doctor.wandb(place)
    assert (line.state, line.next_step) == ("wrong", "wandb login --relogin")
    assert is_silent(line)


def test_a_wandb_key_of_blanks_is_wrong(place: Place) -> None:
    assert doctor.wandb(with_variables(place, WANDB_API_KEY=" " * 40)).found.startswith("a key of 0 characters")


@pytest.mark.parametrize("address", ["http://[bad", "api.wandb.ai", f"ftp://user:{HEX40}@example.org", "https://"])
@pytest.mark.parametrize("variables", [{}, {"WANDB_API_KEY": HEX40}])
def test_an_address_that_is_none_is_wrong(place: Place, address: str, variables: dict[str, str]) -> None:
    line = doctor.wandb(with_variables(place, WANDB_BASE_URL=address, **variables))
    assert (line.state, line.found) == ("wrong", "WANDB_BASE_URL is not a valid address")
    assert line.next_step == "unset WANDB_BASE_URL"
    assert is_silent(line)


def test_nothing_that_lies_in_a_home_is_our_bug(place: Place) -> None:
    """Folders, other people's bytes and links to nowhere, each in place of each file."""

    def link(path: Path) -> None:
        path.symlink_to(path)

    for name in HOLDERS:
        for make in (Path.mkdir, link, lambda path: path.write_bytes(b"\xff\x00\n") and path.chmod(0o600)):
            shutil.rmtree(place.home / ".kaggle", ignore_errors=True)
            (place.home / ".kaggle").mkdir()
            path = place.home / name
            make(path)
            lines: list[Line] = list(examine(place, ACCOUNTS))
            assert not any("could not be checked" in line.found for line in lines), (name, lines)
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_a_variable_fills_in_what_kaggle_json_lacks(place: Place) -> None:
    put(place.home / ".kaggle" / "kaggle.json", f'{{"key": "{HEX32}"}}')
    assert doctor.kaggle(place).state == "wrong"
    assert doctor.kaggle(with_variables(place, KAGGLE_USERNAME="ada")).state == "ok"
