"""A table is read typed, or refused with one message that names the place."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from groundwork.data import tables
from groundwork.data.archives import Archive
from groundwork.errors import UserError

COLUMNS = {"Id": int, "Age": float, "Name": str}
GOOD = 'Id,Age,Name\n1,22,"Berg, Mr. ""Leo"""\n2,,NA\n3,0.42,None\n'


def archive(folder: Path, content: str | bytes, member: str = "train.csv", charset: str = "utf-8") -> Archive:
    path = folder / "titanic.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(member, content)
    return Archive(path, Path("an archive"), "get it again", "fix its content", charset)


def problem(folder: Path, content: str | bytes) -> str:
    """The message for a table with `content`; checked to name the archive, the file and the next step."""
    path = archive(folder, content)
    with pytest.raises(UserError) as caught:
        tables.read(path, "train.csv", COLUMNS, key="Id")
    assert caught.value.problem.startswith("an archive: train.csv: ")
    assert "\n" not in caught.value.problem
    assert caught.value.next_step == "fix its content"
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


def zipped(content: str, member: str = "train.csv") -> bytes:
    """What Kaggle does with large tables: a zip file with one file in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(member, content)
    return buffer.getvalue()


def test_a_table_in_a_zip_file_of_its_own_is_read_like_the_table(tmp_path):
    plain = tables.read(archive(tmp_path, GOOD), "train.csv", COLUMNS, key="Id")
    nested = tables.read(archive(tmp_path, zipped(GOOD), "train.csv.zip"), "train.csv", COLUMNS, key="Id")
    pd.testing.assert_frame_equal(nested, plain)


def test_a_bad_table_in_a_zip_file_of_its_own_is_named_like_the_table(tmp_path):
    path = archive(tmp_path, zipped(GOOD.replace("22", "old")), "train.csv.zip")
    with pytest.raises(UserError, match=r"an archive: train\.csv: line 2: column 'Age': found 'old'"):
        tables.read(path, "train.csv", COLUMNS)


def test_a_table_is_read_in_the_charset_of_its_competition(tmp_path):
    content = "Id,Age,Name\n1,2,90° Winkel\n2,3,Märta\n".encode("latin-1")
    frame = tables.read(archive(tmp_path, content, charset="latin-1"), "train.csv", COLUMNS, key="Id")
    assert frame["Name"].tolist() == ["90° Winkel", "Märta"]
    with pytest.raises(UserError, match="line 2: found byte 0xb0, expected text in UTF-8"):
        tables.read(archive(tmp_path, content), "train.csv", COLUMNS)
