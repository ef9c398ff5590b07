"""The report on made-up homes and repositories: each planted defect is a line, and no secret is ever in one."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from groundwork import doctor
from groundwork.doctor import ACCOUNTS, MACHINE, Line, Place, examine

CHANCE = random.Random(0)
# Put together here, so that no file of ours holds what looks like a secret.
HEX32, HEX40 = ("".join(CHANCE.choices("0123456789abcdef", k=length)) for length in (32, 40))
LETTERS = "".join(CHANCE.choices("ABCDEFGHabcdefgh01234567", k=60))
KAGGLE_JSON = f'{{"username":"ada","key":"{HEX32}"}}'
NETRC = f"machine api.wandb.ai\n  login user\n  password {HEX40}\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place where nothing is wrong, and no account is there."""
    place = Place(tmp_path / "home", tmp_path / "project", {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1"})
    place.home.mkdir()
    place.repository.mkdir()
    place.git("init", "--quiet")
    place.git("config", "--global", "user.name", "Ada")
    place.git("config", "--global", "user.email", "ada@example.org")
    return place


def put(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def with_variables(place: Place, **variables: str) -> Place:
    return Place(place.home, place.repository, {**place.environment, **variables})


def tracked(place: Place, name: str, text: str) -> Path:
    path = put(place.repository / name, text)
    assert place.git("add", "--force", name).returncode == 0
    return path


def is_silent(line: Line) -> bool:
    """Whether a line shows no secret."""
    return not any(secret[:8] in str(line) for secret in (HEX32, HEX40, LETTERS))


def test_the_first_day_is_advice_and_nothing_wrong(place: Place) -> None:
    lines = list(examine(place, ACCOUNTS))
    assert [(line.thing, line.state) for line in lines] == [
        ("git", "ok"),
        ("Kaggle", "advice"),
        ("W&B", "advice"),
        ("secrets", "ok"),
    ]
    for line in lines:
        assert bool(line.expected and line.next_step) == (line.state != "ok")


def test_git_misses_the_name_of_commits(place: Place) -> None:
    place.git("config", "--global", "--unset", "user.email")
    line = doctor.git(place)
    assert (line.state, line.found) == ("wrong", "no user.email")
    assert line.next_step == 'git config --global user.email "..."'


def test_git_misses_a_repository(place: Place) -> None:
    shutil.rmtree(place.repository / ".git")
    line = doctor.git(with_variables(place, GIT_CEILING_DIRECTORIES=str(place.home.parent)))
    assert line.state == "wrong"
    assert "not a git repository" in line.found


def test_git_is_asked_about_the_place_whatever_a_hook_says(place: Place, tmp_path: Path) -> None:
    tracked(place, "kaggle.json", KAGGLE_JSON)
    assert doctor.secrets(with_variables(place, GIT_DIR=str(tmp_path / "elsewhere"))).state == "wrong"


def test_without_git_that_is_the_one_thing_wrong(place: Place, tmp_path: Path) -> None:
    bare = with_variables(place, PATH=str(tmp_path))
    assert [line.state for line in examine(bare, ACCOUNTS)] == ["wrong", "advice", "advice", "advice"]


@pytest.mark.parametrize("name", ["access_token", "access_token.txt", "kaggle.json", "credentials.json"])
def test_a_kaggle_token_is_found_and_is_for_you_alone(place: Place, name: str) -> None:
    path = put(place.home / ".kaggle" / name, KAGGLE_JSON)
    assert doctor.kaggle(place).state == "ok"
    assert f"~/.kaggle/{name}" in doctor.kaggle(place).found
    for mode in (0o644, 0o640, 0o604):
        path.chmod(mode)
        line = doctor.kaggle(place)
        assert (line.state, line.next_step) == ("wrong", f"chmod 600 ~/.kaggle/{name}")
        assert f"{mode:o}" in line.found
        assert is_silent(line)
    path.chmod(0o400)
    assert doctor.kaggle(place).state == "ok"


def test_the_client_and_the_doctor_find_the_same_token(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from groundwork.data.kaggle_client import credentials
    from groundwork.errors import UserError

    monkeypatch.setenv("HOME", str(place.home))
    monkeypatch.delenv("KAGGLE_CONFIG_DIR")
    own = place.home / ".kaggle"
    # Each goes before the one above it.
    for add, where in [
        (lambda: None, None),
        (lambda: put(own / "credentials.json", "{}"), "~/.kaggle/credentials.json"),
        (lambda: put(own / "kaggle.json", KAGGLE_JSON), "~/.kaggle/kaggle.json"),
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


@pytest.mark.parametrize("text", ["", "{", '{"username": "ada"}', "[1]", "3"])
def test_a_broken_kaggle_json_is_wrong(place: Place, text: str) -> None:
    put(place.home / ".kaggle" / "kaggle.json", text)
    assert doctor.kaggle(place).state == "wrong"
    assert "broken" in doctor.kaggle(place).found


def test_half_a_pair_is_wrong(place: Place) -> None:
    line = doctor.kaggle(with_variables(place, KAGGLE_KEY=HEX32))
    assert (line.state, line.found) == ("wrong", "KAGGLE_KEY alone")


def test_kaggle_json_lies_where_the_client_looks(place: Place, tmp_path: Path) -> None:
    put(tmp_path / "elsewhere" / "kaggle.json", KAGGLE_JSON)
    assert doctor.kaggle(place).state == "advice"
    assert doctor.kaggle(with_variables(place, KAGGLE_CONFIG_DIR=str(tmp_path / "elsewhere"))).state == "ok"
    put(place.home / ".config" / "kaggle" / "kaggle.json", KAGGLE_JSON)
    assert doctor.kaggle(place).state == "ok"


def test_a_wandb_key_is_found_in_both_places(place: Place) -> None:
    assert doctor.wandb(with_variables(place, WANDB_API_KEY=HEX40)).state == "ok"
    path = put(place.home / ".netrc", NETRC)
    assert doctor.wandb(place).state == "ok"
    assert doctor.wandb(with_variables(place, WANDB_BASE_URL="https://wandb.example.org")).state == "advice"
    path.chmod(0o644)
    line = doctor.wandb(place)
    assert (line.state, line.next_step) == ("wrong", "chmod 600 ~/.netrc")
    assert is_silent(line)


@pytest.mark.parametrize("text", [NETRC.replace(HEX40, HEX40[:12]), "machine api.wandb.ai key 3"])
def test_a_wandb_key_cut_short_is_wrong(place: Place, text: str) -> None:
    put(place.home / ".netrc", text)
    line = doctor.wandb(place)
    assert (line.state, line.next_step) == ("wrong", "wandb login --relogin")
    assert is_silent(line)


@pytest.mark.parametrize("name", ["kaggle.json", ".env", "deep/er/kaggle.json", "a folder/.netrc"])
def test_a_tracked_file_of_tokens_is_wrong_until_git_lets_go(place: Place, name: str) -> None:
    path = tracked(place, name, KAGGLE_JSON)
    line = doctor.secrets(place)
    assert line.state == "wrong"
    assert is_silent(line)
    # Deleted here, it is in the next commit still.
    path.unlink()
    assert doctor.secrets(place).state == "wrong"
    done = subprocess.run(line.next_step, shell=True, cwd=place.repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert doctor.secrets(place).state == "ok"
    put(path, KAGGLE_JSON)
    assert doctor.secrets(place).state == "ok"


def test_what_the_next_add_would_take_is_advice(place: Place) -> None:
    put(place.repository / ".env", "A=1")
    line = doctor.secrets(place)
    assert (line.state, line.next_step) == ("advice", "echo .env >> .gitignore")
    put(place.repository / ".gitignore", ".env\n")
    assert doctor.secrets(place).state == "ok"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (KAGGLE_JSON, "a Kaggle key"),
        (f"os.environ['KAGGLE_KEY'] = 3\nexport KAGGLE_KEY={HEX32}", "a Kaggle key"),
        (f'api.token = "KGAT_{HEX32}"', "a Kaggle token"),
        (f'os.environ["WANDB_API_KEY"] = "{HEX40}"', "a W&B key"),
        (f"WANDB_API_KEY: {HEX40}", "a W&B key"),
        (f"key = 'wandb_v1_{LETTERS}'", "a W&B key"),
        (f"https://x:ghp_{LETTERS}@github.com", "a GitHub token"),
        (f"    secret_access_key = {LETTERS}", "an AWS key"),
        ("-----BEGIN OPENSSH " + "PRIVATE KEY-----", "a private key"),
    ],
)
def test_a_key_inside_a_tracked_file_is_found_and_not_shown(place: Place, text: str, kind: str) -> None:
    tracked(place, "notes.py", "import os\n" + text + "\n")
    line = doctor.secrets(place)
    assert line.state == "wrong"
    assert line.found == f"notes.py, line {2 + text.count(chr(10))}: what looks like {kind}"
    assert is_silent(line)


@pytest.mark.parametrize(
    "text", ['os.environ["WANDB_API_KEY"]', "KAGGLE_API_TOKEN: ${{ secrets.KAGGLE_API_TOKEN }}", f"md5: {HEX32}", ""]
)
def test_what_only_speaks_of_keys_is_none(place: Place, text: str) -> None:
    tracked(place, "notes.py", text)
    assert doctor.secrets(place).state == "ok"


def test_this_repository_holds_no_secret(repository: Path) -> None:
    place = Place(Path.home(), repository, os.environ)
    if place.git("rev-parse").returncode:
        pytest.skip("not a clone")
    # Somebody's own untracked files are advice.
    assert doctor.secrets(place).state != "wrong"


def test_the_machine_is_looked_at(repository: Path) -> None:
    lines = list(examine(Place(Path.home(), repository, os.environ), MACHINE))
    assert [line.thing for line in lines] == ["GitHub", "Python", "DVC", "disk", "notebooks", "PyTorch"]
    for line in lines:
        assert "could not be looked at" not in line.found
        assert bool(line.expected and line.next_step) == (line.state != "ok")


def test_github_is_asked_for_no_account(place: Place, tmp_path: Path) -> None:
    assert doctor.github(with_variables(place, PATH=str(tmp_path))).state == "advice"
    put(tmp_path / "gh", "#!/bin/sh\nexit 1\n", 0o700)
    here = with_variables(place, PATH=str(tmp_path))
    assert (doctor.github(here).state, doctor.github(here).next_step) == ("advice", "gh auth login")
    put(place.home / ".config" / "gh" / "hosts.yml", "github.com:\n    user: ada\n")
    assert doctor.github(here).state == "ok"


def test_disk_and_shell(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, state in ((50e9, "ok"), (5e9, "advice"), (1e9, "wrong")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: shutil._ntuple_diskusage(100e9, 0, free))
        assert doctor.disk(place).state == state
    assert doctor.dvc(place).state == "wrong"  # no .dvc: not the root
    (place.repository / ".dvc").mkdir()
    assert doctor.dvc(with_variables(place, PATH=str(tmp_path))).next_step == ". .venv/bin/activate"


def test_a_check_that_fails_is_a_line(place: Place) -> None:
    def gloomy(_: Place) -> Line:
        raise RuntimeError("no light")

    (line,) = examine(place, [gloomy])
    assert (line.thing, line.state) == ("gloomy", "wrong")
    assert "no light" in line.found


def test_the_report_says_whether_something_is_wrong(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    (place.repository / ".dvc").mkdir()
    sound = doctor.doctor(place)
    printed = capsys.readouterr().out
    assert len([line for line in printed.splitlines() if line[:8].strip()]) == len(ACCOUNTS + MACHINE) + 1
    assert sound == ("\nwrong" not in printed)
    tracked(place, ".env", "A=1")
    assert not doctor.doctor(place)
    assert "wrong   secrets   git tracks .env" in capsys.readouterr().out


def test_it_starts_light() -> None:
    heavy = "{'torch', 'pandas', 'kaggle', 'wandb', 'numpy'}"
    code = f"import sys, groundwork.doctor; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
