"""Made-up homes and repositories, and secrets that open nothing."""

import random
from pathlib import Path

from groundwork.doctor import Line, Place

CHANCE = random.Random(0)
# Put together here, so that no file of ours holds what looks like a secret.
HEX32, HEX40 = ("".join(CHANCE.choices("0123456789abcdef", k=length)) for length in (32, 40))
LETTERS = "".join(CHANCE.choices("ABCDEFGHabcdefgh01234567", k=60))
KAGGLE_JSON = f'{{"username":"ada","key":"{HEX32}"}}'
NETRC = f"machine api.wandb.ai\n  login user\n  password {HEX40}\n"


def put(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def with_variables(place: Place, **variables: str) -> Place:
    return Place(place.home, place.repository, {**place.environment, **variables})


def tracked(place: Place, name: str, text: str) -> Path:
    path = put(place.repository / name, text)
    assert place.git("add", "--force", "--", name).returncode == 0
    return path


def is_silent(line: Line) -> bool:
    """Whether a line shows no secret."""
    return not any(secret[:8] in str(line) for secret in (HEX32, HEX40, LETTERS))
