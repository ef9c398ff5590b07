"""The ledger keeps every submission, in a form that git can merge and a person can read."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from groundwork.errors import UserError
from groundwork.kaggle import ledger
from groundwork.kaggle.ledger import Entry

FIRST = Entry(
    time="2026-01-01T00:00:00+00:00",
    lane="titanic",
    file_sha256="aa" * 32,
    reference="4000",
    commit="c0ffee",
    dvc_lock_sha256="bb" * 32,
    wandb_run="abcd1234",
    cv="0.83",
    public_score="",
    private_score="",
    status="pending",
    message='wider, "deeper"\nand longer',
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "submissions" / "ledger.csv"


def test_what_is_appended_is_read_back(path: Path) -> None:
    second = replace(FIRST, reference="4001", lane="house-prices")
    assert ledger.read(path) == []
    ledger.append(FIRST, path)
    ledger.append(second, path)
    assert ledger.read(path) == [FIRST, second]
    header = "time,lane,file_sha256,reference,commit,dvc_lock_sha256,wandb_run,cv,public_score,private_score,status"
    assert path.read_text().startswith(header + ",message,despite\n")
    assert b"\r" not in path.read_bytes()


def test_an_append_leaves_earlier_rows_byte_for_byte(path: Path) -> None:
    ledger.append(FIRST, path)
    before = path.read_bytes()
    ledger.append(replace(FIRST, reference="4001"), path)
    assert path.read_bytes().startswith(before)
    assert sorted(path.parent.iterdir()) == [path.with_name(".ledger.csv.lock"), path], "git ignores the lock"


def test_a_file_is_found_by_its_hash_within_its_lane(path: Path) -> None:
    ledger.append(FIRST, path)
    assert ledger.find("titanic", FIRST.file_sha256, path) == FIRST
    assert ledger.find("house-prices", FIRST.file_sha256, path) is None
    assert ledger.find("titanic", "cc" * 32, path) is None


def test_a_rejected_file_may_be_handed_in_again(path: Path) -> None:
    ledger.append(replace(FIRST, status="error"), path)
    assert ledger.find("titanic", FIRST.file_sha256, path) is None


def test_an_entry_is_replaced_where_it_stands(path: Path) -> None:
    second = replace(FIRST, reference="4001")
    ledger.append(FIRST, path)
    ledger.append(second, path)
    scored = replace(FIRST, status="complete", public_score="0.77990")
    ledger.replace_entry(FIRST, scored, path)
    assert ledger.read(path) == [scored, second]


def test_replacing_an_entry_that_is_not_there_is_our_error(path: Path) -> None:
    ledger.append(FIRST, path)
    with pytest.raises(ValueError, match="not in list"):
        ledger.replace_entry(replace(FIRST, reference="9"), FIRST, path)


@pytest.mark.parametrize(
    ("content", "words"),
    [("", "found columns ; expected time,lane"), ("time,lane\n", "found columns time,lane; expected time,lane,file")],
)
def test_a_ledger_with_other_columns_is_never_overwritten(path: Path, content: str, words: str) -> None:
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(UserError, match=words):
        ledger.append(FIRST, path)
    assert path.read_text() == content


def test_a_row_with_a_field_too_few_is_named(path: Path) -> None:
    ledger.append(FIRST, path)
    path.write_text(path.read_text() + "2026,titanic\n")
    with pytest.raises(UserError, match="row 2: found 2 fields; expected 13") as caught:
        ledger.read(path)
    assert "git checkout" in caught.value.next_step


APPEND = """if True:
    import sys
    from dataclasses import replace
    from pathlib import Path
    from groundwork.kaggle import ledger
    from tests.kaggle.test_ledger import FIRST
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(20):
        ledger.append(replace(FIRST, reference=f"{sys.argv[2]}-{number}"), Path(sys.argv[1]))
"""


def test_lanes_that_write_at_once_lose_no_row(path: Path) -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'src'}"}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", APPEND, str(path), name],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "abc"
    ]
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert {entry.reference for entry in ledger.read(path)} == {f"{name}-{n}" for name in "abc" for n in range(20)}
    assert {one.name for one in path.parent.iterdir()} == {path.name, f".{path.name}.lock"}, "git ignores the lock"


def test_a_ledger_of_an_earlier_version_without_reasons_is_read_and_extended(path: Path) -> None:
    ledger.append(FIRST, path)
    table = pd.read_csv(path, dtype="str", keep_default_na=False)
    table.drop(columns="despite").to_csv(path, index=False)
    assert ledger.read(path) == [FIRST]
    second = replace(FIRST, reference="4001", despite="the test set is from another year")
    ledger.append(second, path)
    assert ledger.read(path) == [FIRST, second]
