"""A table is read typed, or refused with one message that names the place."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from groundwork.competitions import load
from groundwork.data import tables
from groundwork.errors import UserError

COLUMNS = {"Id": int, "Age": float, "Name": str}
GOOD = 'Id,Age,Name\n1,22,"Berg, Mr. ""Leo"""\n2,,NA\n3,0.42,None\n'


def described(folder: Path) -> tables.Archive:
    return tables.Archive(folder / "titanic.zip", Path("an archive"), "get it again", "mend its content")


def archive(folder: Path, content: str | bytes, member: str = "train.csv") -> tables.Archive:
    with zipfile.ZipFile(folder / "titanic.zip", "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(member, content)
    return described(folder)


def problem(folder: Path, content: str | bytes) -> str:
    """The message for a table with `content`; checked to name the archive, the file and the next step."""
    path = archive(folder, content)
    with pytest.raises(UserError) as caught:
        tables.read(path, "train.csv", COLUMNS, key="Id")
    assert caught.value.problem.startswith("an archive: train.csv: ")
    assert "\n" not in caught.value.problem
    assert caught.value.next_step == "mend its content"
    return caught.value.problem.removeprefix("an archive: train.csv: ")


@pytest.mark.parametrize("content", [GOOD, GOOD.replace("\n", "\r\n"), "\ufeff" + GOOD, GOOD + "\n"])
def test_columns_have_their_types_and_empty_fields_and_na_are_missing(tmp_path, content):
    frame = tables.read(archive(tmp_path, content), "train.csv", COLUMNS, key="Id")
    assert [str(kind) for kind in frame.dtypes] == ["int64", "float64", "str"]
    assert frame["Id"].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(frame["Age"], [22, np.nan, 0.42])
    assert frame["Name"].isna().tolist() == [False, True, False]
    assert frame["Name"][[0, 2]].tolist() == ['Berg, Mr. "Leo"', "None"]


def test_columns_come_in_the_declared_order(tmp_path):
    path = archive(tmp_path, "Name,Id,Age\nBerg,1,2\n")
    assert list(tables.read(path, "train.csv", COLUMNS)) == list(COLUMNS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty; expected a header and rows"),
        ("Id,Age,Name\n", "found a header and no rows"),
        ("Id,Name\n1,Berg\n", "line 1: no column 'Age'; found Id, Name"),
        ("Id,age,Name\n1,2,Berg\n", "line 1: no column 'Age'; found 'age': was it renamed?"),
        ("Id,Ages,Name\n1,2,Berg\n", "line 1: no column 'Age'; found 'Ages': was it renamed?"),
        ("Id,Age,Name,Age\n1,2,Berg,3\n", "line 1: found column 'Age' more than once"),
        ("Id,Age,Name\n1,2,Berg\n2,old,Dahl\n", "line 3: column 'Age': found 'old', expected a number"),
        ("Id,Age,Name\n1,2,Berg\n2.5,3,Dahl\n", "line 3: column 'Id': found '2.5', expected a whole number"),
        ("Id,Age,Name\n1,2,Berg\n,3,Dahl\n", "line 3: column 'Id': found no value (''), expected a whole number"),
        ("Id,Age,Name\n1,2,Berg\nNA,3,Dahl\n", "line 3: column 'Id': found no value ('NA'), expected a whole number"),
        ("Id,Age,Name\n1,2,Berg\n9999999999999999999,3,D\n", "line 3: column 'Id': found '9999999999999999999', "),
        ("Id,Age,Name\n1,2,Berg\n2,inf,Dahl\n", "line 3: column 'Age': found an infinite number"),
        ("Id,Age,Name\n1,2,Berg\n2,3\n", "line 3: found 2 fields, expected 3 as in the header"),
        ('Id,Age,Name\n1,2,"Be\nrg"\n1,3,Dahl\n', "line 4: column 'Id': found an id that an earlier row has (1), "),
        ("Id,Age,Name\n1,2,Berg\n2,3,Dahl\n1,3,Ek\n", "line 4: column 'Id': found an id that an earlier row has (1), "),
        (b"Id,Age,Name\n1,2,Berg\n2,3,Mal\xf8\n", "line 3: found byte 0xf8, expected text in UTF-8"),
        (b"Id,Age,N\xe4me\n1,2,Berg\n", "line 1: found byte 0xe4, expected text in UTF-8"),
    ],
)
def test_a_bad_table_is_refused_with_its_line_and_column(tmp_path, content, message):
    assert problem(tmp_path, content).startswith(message)


def test_columns_that_nobody_declared_are_left_out_and_said(tmp_path, caplog):
    path = archive(tmp_path, "Id,Age,Name,Sex\n1,2,Berg,male\n")
    assert list(tables.read(path, "train.csv", COLUMNS)) == list(COLUMNS)
    assert "ignored columns that the competition does not declare: Sex" in caplog.text


def test_a_partial_read_says_nothing_about_other_columns(tmp_path, caplog):
    assert tables.read(archive(tmp_path, GOOD), "train.csv", {"Id": int}, partial=True).shape == (3, 1)
    assert not caplog.text


def test_a_column_without_any_value_stays_and_is_said(tmp_path, caplog):
    frame = tables.read(archive(tmp_path, "Id,Age,Name\n1,,Berg\n2,NA,Dahl\n"), "train.csv", COLUMNS)
    assert frame["Age"].isna().all()
    assert frame["Age"].dtype == "float64"
    assert "no row has a value in: Age" in caplog.text


def test_a_missing_id_of_text_is_refused(tmp_path):
    path = archive(tmp_path, "Id,Age,Name\na,1,Berg\n,2,Dahl\n")
    with pytest.raises(UserError, match=r"line 3: column 'Id': found no id"):
        tables.read(path, "train.csv", {"Id": str}, key="Id", partial=True)


@pytest.mark.parametrize("source", ["sample", "kaggle"])
def test_a_missing_archive_names_the_command_that_makes_it(tmp_path, source):
    missing = tables.archive(load("titanic"), source, tmp_path / "my-lane.zip")
    with pytest.raises(UserError, match=r"my-lane\.zip: not found\n.*`dvc repro --force fetch@my-lane`"):
        tables.verify(missing, [])


@pytest.mark.parametrize(
    ("source", "step"),
    [
        ("sample", "mend `sample` or `columns` in src/groundwork/competitions/titanic.py, then "),
        ("kaggle", "put Kaggle's archive at data/kaggle/titanic.zip, or delete that file to download it again; then "),
    ],
)
def test_wrong_content_is_mended_where_it_comes_from(source, step):
    found = tables.archive(load("titanic"), source, Path("data/raw/my-lane.zip"))
    assert found.mend == f"{step}`dvc repro --force fetch@my-lane`"


def test_a_file_that_is_no_zip_is_refused(tmp_path):
    path = tmp_path / "titanic.zip"
    path.write_text("<html>Sign in</html>")
    with pytest.raises(UserError, match=r"is not a whole zip file.*\n.*get it again"):
        tables.verify(described(tmp_path), [])


def test_an_archive_that_lacks_a_file_names_it_and_what_it_holds(tmp_path):
    with pytest.raises(UserError, match=r"no file test\.csv in it; found train\.csv\n.*mend its content"):
        tables.verify(archive(tmp_path, GOOD), ["train.csv", "test.csv"])


@pytest.mark.parametrize("member", ["../evil.csv", "a/../../evil.csv", "/etc/evil", "..\\evil.csv", "C:\\evil.csv"])
def test_a_member_that_points_outside_is_refused(tmp_path, member):
    with pytest.raises(UserError, match="points outside of the archive"):
        tables.verify(archive(tmp_path, GOOD, member), [])


@pytest.mark.parametrize("offset", [45, 60])
def test_a_corrupt_member_is_refused_by_verify_and_by_read(tmp_path, offset):
    found = archive(tmp_path, GOOD * 20)
    content = bytearray(found.path.read_bytes())
    content[offset] ^= 0xFF
    found.path.write_bytes(content)
    with pytest.raises(UserError, match=r"train\.csv: the file is corrupt.*\n.*get it again"):
        tables.verify(found, ["train.csv"])
    with pytest.raises(UserError, match=r"train\.csv: the file is corrupt.*\n.*get it again"):
        tables.read(found, "train.csv", COLUMNS)


def test_line_breaks_in_text_are_kept_where_a_table_is_parsed_in_blocks(tmp_path):
    names = [f"{i}\n" + "long text\n" * 20 for i in range(60_000)]
    written = pd.DataFrame({"Id": range(60_000), "Age": 1.5, "Name": names})
    frame = tables.read(archive(tmp_path, written.to_csv(index=False)), "train.csv", COLUMNS, key="Id")
    assert frame["Name"].tolist() == names


def test_a_wide_table_of_whole_numbers_is_read_exactly(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (2000, 785))
    written = pd.DataFrame(values, columns=[f"pixel{i}" for i in range(785)])
    path = archive(tmp_path, written.to_csv(index=False))
    pd.testing.assert_frame_equal(tables.read(path, "train.csv", dict.fromkeys(written, int)), written)
