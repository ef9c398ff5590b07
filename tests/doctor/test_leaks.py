"""Secrets in what git keeps: found in every form that people publish, and never shown."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.doctor.places import HEX32, HEX40, KAGGLE_JSON, LETTERS, is_silent, put, tracked

from groundwork import doctor
from groundwork.doctor import SECRETS, Place

AWS = LETTERS[:38] + "/+"


@pytest.mark.parametrize("name", ["kaggle.json", ".env", "deep/er/kaggle.json", "a folder/.netrc", "-f/.env"])
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


FORMS = [
    (KAGGLE_JSON, "a Kaggle key"),
    (f'{{"username": "ada", "key": "{HEX32}"}}', "a Kaggle key"),
    (f"json.dump({{'username': 'ada', 'key': '{HEX32}'}}, file)", "a Kaggle key"),
    (f"!echo '{KAGGLE_JSON}' > ~/.kaggle/kaggle.json", "a Kaggle key"),
    (f'os.environ["KAGGLE_KEY"] = "{HEX32}"', "a Kaggle key"),
    (f"os.environ['KAGGLE_KEY']='{HEX32}'", "a Kaggle key"),
    (f'{{"KAGGLE_KEY": "{HEX32}"}}', "a Kaggle key"),
    (f'os.environ.setdefault("KAGGLE_KEY", "{HEX32}")', "a Kaggle key"),
    (f'kaggle_key = "{HEX32}"', "a Kaggle key"),
    (f"export KAGGLE_KEY={HEX32}", "a Kaggle key"),
    (f"%env KAGGLE_KEY {HEX32}", "a Kaggle key"),
    (f'api.token = "KGAT_{HEX32}"', "a Kaggle token"),
    (f'os.environ["WANDB_API_KEY"] = "{HEX40}"', "a W&B key"),
    (f"os.environ['WANDB_API_KEY'] = '{HEX40}'", "a W&B key"),
    (f'os.environ.setdefault("WANDB_API_KEY", "{HEX40}")', "a W&B key"),
    (f'{{"WANDB_API_KEY":"{HEX40}"}}', "a W&B key"),
    (f"WANDB_API_KEY: {HEX40}", "a W&B key"),
    (f"WANDB_API_KEY=local-{HEX40}", "a W&B key"),
    (f'wandb.login(key="{HEX40}")', "a W&B key"),
    (f"wandb.login(relogin=True, key = '{HEX40}')", "a W&B key"),
    (f'wandb.login("{HEX40}")', "a W&B key"),
    (f"wandb.login(key='local-{HEX40}')", "a W&B key"),
    (f'    key="{HEX40}",', "a W&B key"),
    (f"!wandb login --relogin {HEX40}", "a W&B key"),
    (f"wandb login {HEX40}", "a W&B key"),
    (f"key = 'wandb_v1_{LETTERS}'", "a W&B key"),
    (f"https://x:ghp_{LETTERS}@github.com", "a GitHub token"),
    (f"    secret_access_key = {AWS}", "an AWS key"),
    (f"AWS_SECRET_ACCESS_KEY={AWS}", "an AWS key"),
    (f'export AWS_SECRET_ACCESS_KEY="{AWS}"', "an AWS key"),
    (f"aws_secret_access_key: '{AWS}'", "an AWS key"),
    (f"AWS_SECRET_ACCESS_KEY: {AWS}", "an AWS key"),
    (f'os.environ["AWS_SECRET_ACCESS_KEY"] = "{AWS}"', "an AWS key"),
    (f'"SecretAccessKey": "{AWS}"', "an AWS key"),
    ("-----BEGIN OPENSSH " + "PRIVATE KEY-----", "a private key"),
]


@pytest.mark.parametrize(("text", "kind"), FORMS, ids=lambda value: re.sub(r"[0-9a-zA-Z/+]{32,}", "…", value))
def test_a_key_inside_a_tracked_file_is_found_and_not_shown(place: Place, text: str, kind: str) -> None:
    twin = json.dumps({"source": ["import os\n", text + "\n"]}, indent=1)  # as a notebook has it
    for name, written, number in (("notes.py", f"import os\n{text}\n", 2), ("notes.ipynb", twin, 4)):
        tracked(place, name, written)
        line = doctor.secrets(place)
        assert line.state == "wrong"
        assert line.found == f"{name}, line {number}: text that looks like {kind}"
        assert is_silent(line)
        place.git("rm", "--quiet", "--force", name)


@pytest.mark.parametrize("text", [text for text, _ in FORMS])
def test_git_and_python_read_a_pattern_alike(place: Place, text: str) -> None:
    tracked(place, "notes.py", text)
    for pattern in SECRETS.values():
        found = place.git("grep", "--cached", "-q", "-i", "-E", "-e", pattern).returncode == 0
        assert found == bool(re.search(pattern, text, re.IGNORECASE)), pattern


def test_a_key_that_is_in_the_index_alone_is_found(place: Place) -> None:
    path = tracked(place, "notes.py", f"KAGGLE_KEY={HEX32}\n")
    path.write_text("# taken out, and not added\n")
    assert doctor.secrets(place).found == "notes.py, line 1: text that looks like a Kaggle key"
    place.git("add", "notes.py")
    assert doctor.secrets(place).state == "ok"


def test_how_git_likes_to_write_changes_nothing(place: Place) -> None:
    tracked(place, "a\nname.py", f"KAGGLE_KEY={HEX32}\n")
    for setting in ("color.ui=always", "color.grep=always", "grep.column=true", "grep.patternType=fixed"):
        place.git("config", "--global", *setting.split("="))
        assert doctor.secrets(place).found == "a\nname.py, line 1: text that looks like a Kaggle key"


@pytest.mark.parametrize(
    "text",
    [
        'os.environ["WANDB_API_KEY"]',
        "KAGGLE_API_TOKEN: ${{ secrets.KAGGLE_API_TOKEN }}",
        "WANDB_API_KEY: ${{ secrets.WANDB_API_KEY }}",
        'wandb.login(key=os.environ["WANDB_API_KEY"])',
        'os.environ["KAGGLE_USERNAME"], os.environ["KAGGLE_KEY"] = read(path)',
        "# WANDB_API_KEY ----------------------------------------------------",
        f"md5: {HEX32}",
        f"monkey: '{HEX32}'",
        f"commit {HEX40}",
        "",
    ],
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


def test_no_file_of_ours_looks_like_a_secret(repository: Path) -> None:
    """Files that are not tracked yet, too: these tests among them."""
    for folder in ("src", "tests"):
        for file in (repository / folder).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            found = [kind for kind, pattern in SECRETS.items() if re.search(pattern, text, re.IGNORECASE)]
            assert not found, f"{file}: {found}"
