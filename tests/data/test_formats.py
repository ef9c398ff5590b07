"""Every accepted format, separator, packing and encoding gives the same table; types are inferred from all files."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundwork.data import archives, formats, tables
from groundwork.data.archives import Archive
from groundwork.errors import UserError

FRAME = pd.DataFrame(
    {
        "id": [1, 2, 3],
        "age": [22.5, np.nan, 0.5],
        "name": ['Berg, "Leo"', "Märta; Dahl", "a\tb|c"],
        "ok": [True, False, True],
    }
)
TYPES = {"id": int, "age": float, "name": str, "ok": str}


def archive(folder: Path, members: dict[str, bytes], charset: str = "utf-8") -> Archive:
    path = folder / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return Archive(path, Path("an archive"), "get it again", "fix its content", charset)


def parquet() -> bytes:
    buffer = io.BytesIO()
    FRAME.to_parquet(buffer)
    return buffer.getvalue()


CSV = FRAME.to_csv(index=False)
RECORDS = [{k: None if v != v else v for k, v in row.items()} for row in FRAME.to_dict("records")]


@pytest.mark.parametrize(
    ("member", "content"),
    [
        *(
            (f"t{suffix}", FRAME.to_csv(index=False, sep=sep).encode())
            for sep in ",;\t|^~\x01:"
            for suffix in (".csv", ".txt")
        ),
        ("t.tsv", FRAME.to_csv(index=False, sep="\t").encode()),
        ("t.tsv", CSV.encode()),
        ("t.csv", b"\xef\xbb\xbf" + CSV.encode()),
        ("t.csv", CSV.encode("utf-16")),
        ("t.csv", CSV.encode("utf-32")),
        ("t.csv", CSV.replace("\n", "\r\n").encode()),
        ("t.parquet", parquet()),
        ("t.jsonl", "\n".join(json.dumps(row) for row in RECORDS).encode()),
        ("t.json", json.dumps(RECORDS).encode()),
    ],
)
def test_a_table_is_the_same_in_every_format(tmp_path, member, content):
    found = archive(tmp_path, {member: content})
    assert tables.types(found, [member]) == TYPES
    read = tables.read(found, member, TYPES, key="id")
    pd.testing.assert_frame_equal(read, FRAME.astype({"ok": "str", "name": "str"}))


@pytest.mark.parametrize(
    ("name", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress), ("GZ", gzip.compress)]
)
def test_a_packed_member_is_unpacked_and_checked(tmp_path, name, pack):
    packed = pack(CSV.encode())
    found = archive(tmp_path, {f"data/t.csv.{name}": packed, "__MACOSX/data/._t.csv": b"\0", "data/.hidden.csv": b""})
    assert archives.files(found) == ["t.csv"]
    archives.verify(found, ["t.csv"])
    assert archives.read_bytes(found, "t.csv") == CSV.encode()
    for broken in (packed[:-9], packed[:12] + b"\xff" * 9 + packed[21:]):
        found = archive(tmp_path, {f"t.csv.{name}": broken})
        with pytest.raises(UserError, match=r"the file is corrupt.*\n.*get it again"):
            archives.verify(found, ["t.csv"])
        with pytest.raises(UserError, match=r"t\.csv: the file is corrupt"):
            archives.read_bytes(found, "t.csv")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_packed_member_that_unpacks_to_too_much_is_refused_while_it_is_read(tmp_path, monkeypatch, pack):
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED", 1 << 21)
    suffix = {gzip: "gz", bz2: "bz2", lzma: "xz"}[{gzip.compress: gzip, bz2.compress: bz2, lzma.compress: lzma}[pack]]
    found = archive(tmp_path, {f"t.csv.{suffix}": pack(b"0,0\n" * (1 << 22))})
    for refused in (lambda: archives.verify(found, []), lambda: archives.read_bytes(found, "t.csv")):
        with pytest.raises(UserError, match=r"MB come out of 0\.\d\d MB; expected at most 100 times"):
            refused()


def test_a_parquet_file_that_holds_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "ALWAYS_ALLOWED", 1000)
    buffer = io.BytesIO()
    pa.parquet.write_table(pa.table({"a": np.zeros(3_000_000, dtype=np.int64)}), buffer)
    with pytest.raises(UserError, match=r"t\.parquet: 3 MB come out of 0\.\d\d MB: refused"):
        tables.types(archive(tmp_path, {"t.parquet": buffer.getvalue()}), ["t.parquet"])


@pytest.mark.parametrize(
    ("member", "content", "said"),
    [
        ("t.parquet", b"PAR1 no", "is not a whole parquet file"),
        ("t.jsonl", b'{"a": 1}\n{"a":', "is not JSON, one record a line"),
        ("t.json", b"[1, 2]", "found values without names"),
        ("t.json", b"[" * 100_000, "is not JSON"),
    ],
)
def test_a_broken_file_of_another_format_is_refused_in_words(tmp_path, member, content, said):
    with pytest.raises(UserError, match=said):
        tables.read(archive(tmp_path, {member: content}), member, TYPES)


def test_a_7z_file_is_refused_in_words(tmp_path):
    found = archive(tmp_path, {"train.csv.7z": b"7z\xbc\xaf\x27\x1c", "test.csv": CSV.encode()})
    with pytest.raises(
        UserError, match=r"train\.csv\.7z: cannot be read: \.7z files are not supported; expected train\.csv"
    ):
        archives.read_bytes(found, "train.csv")


def test_a_member_is_found_by_its_name_alone_or_with_its_folder(tmp_path):
    found = archive(tmp_path, {"a/train/data.csv": b"x\n1\n", "a/test/data.csv": b"x\n2\n", "a/sample.csv": b"y\n3\n"})
    assert archives.files(found) == ["a/train/data.csv", "a/test/data.csv", "sample.csv"]
    assert archives.read_bytes(found, "sample.csv") == archives.read_bytes(found, "a/sample.csv") == b"y\n3\n"
    assert archives.read_bytes(found, "a/test/data.csv") == b"x\n2\n"
    with pytest.raises(UserError, match=r"found 2 files data\.csv: a/train/data\.csv, a/test/data\.csv; expected one"):
        archives.read_bytes(found, "data.csv")


def test_a_table_in_a_zip_file_of_the_same_stem_is_found(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as opened:
        opened.writestr("__MACOSX/train.csv", "no")
        opened.writestr("train.csv", CSV)
    pictures = io.BytesIO()
    with zipfile.ZipFile(pictures, "w") as opened:
        opened.writestr("a.jpg", "no")
    found = archive(tmp_path, {"train.zip": inner.getvalue(), "pictures.zip": pictures.getvalue()})
    assert archives.files(found) == ["train.csv"]
    assert tables.read(found, "train.csv", {"id": int}, partial=True)["id"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2"], int),
        (["1", "-2"], int),
        (["1", ""], float),
        (["1", "NA"], float),
        (["1", "2.0"], float),
        (["1.5", "1e3"], float),
        (["", ""], float),
        (["007", "010"], str),
        (["0", "10"], int),
        (["12345678901234567890", "1"], str),
        (["1234567890123456789", "1"], str),
        (["123456789012345678", "1"], int),
        (["123456789012345678", ""], str),
        (["1,234.5", "2"], str),
        (["True", "False"], str),
        (["true", "FALSE"], str),
        (["2024-01-02", "2024-02-03"], str),
        (["12:30", "13:45"], str),
        (["inf", "1"], str),
        (["a", "1"], str),
    ],
)
def test_the_type_of_a_column_is_inferred(tmp_path, values, kind):
    content = pd.DataFrame({"x": values, "y": ["a,0", 'b"']}).to_csv(index=False).encode()
    found = archive(tmp_path, {"t.csv": content})
    assert tables.types(found, ["t.csv"]) == {"x": kind, "y": str}
    read = tables.read(found, "t.csv", {"x": kind})
    if kind is str:
        assert read["x"].fillna("").tolist() == [value.replace("NA", "") for value in values]


def test_types_come_from_all_files_and_declared_ones_win(tmp_path):
    train, test = b"id,a,b,c,d,y\n1,1,1,,1,0\n2,2,2,,2,1\n", b"id,a,b,c,d\n03,1.5,,4,x\n04,2,3,5,y\n"
    found = archive(tmp_path, {"train.csv": train, "test.csv": test})
    names = ["train.csv", "test.csv"]
    assert tables.types(found, names) == {"id": str, "a": float, "b": float, "c": float, "d": str, "y": int}
    assert tables.types(found, names, {"y": str, "a": str, "z": int}) == {
        "id": str, "a": str, "b": float, "c": float, "d": str, "y": str, "z": int,
    }  # fmt: skip


def test_a_type_that_only_a_late_row_shows_is_seen(tmp_path):
    content = "a,b\n" + "1,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n" * 300_000 + "u,x\n"
    assert tables.types(archive(tmp_path, {"t.csv": content.encode()}), ["t.csv"]) == {"a": str, "b": str}


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0\ufeff"), min_size=1, max_size=9),
            st.integers(-99, 10**9),
        ),
        min_size=3,
        max_size=9,
    ),
    st.sampled_from(",;\t|"),
)
def test_what_pandas_writes_is_read_with_any_separator(tmp_path_factory, rows, separator):
    frame = pd.DataFrame([(name, number, -number) for name, number in rows], columns=["name", "x", "y"])
    content = frame.to_csv(index=False, sep=separator).encode()
    assert formats.separator(content) == separator


def test_quotes_in_a_tab_separated_file_do_not_join_its_rows(tmp_path):
    stray = b'id\ttext\n1\t"What?\n2\tNo, "never" said\n3\tso be it"\n4\tfine\n'
    read = tables.read(archive(tmp_path, {"t.tsv": stray}), "t.tsv", {"id": int, "text": str})
    assert read["text"].tolist() == ['"What?', 'No, "never" said', 'so be it"', "fine"]
    escaped = b'"id"\t"text"\n"1"\t"A \\"film\\"\tof ten"\n"2"\t"none"\n'
    read = tables.read(archive(tmp_path, {"t.tsv": escaped}), "t.tsv", {"id": int, "text": str})
    assert read["text"].tolist() == ['A "film"\tof ten', "none"]


def test_the_position_of_a_bad_field_is_known_in_every_format(tmp_path):
    for member, content in (
        ("t.csv", b"id;age\n1;2\n2;old\n"),
        ("t.jsonl", b'{"id": 1, "age": 2}\n{"id": 2, "age": "old"}'),
    ):
        with pytest.raises(UserError, match=r"line 3: column 'age': found 'old', expected a number"):
            tables.read(archive(tmp_path, {member: content}), member, {"id": int, "age": float})


def test_a_table_of_one_column_with_commas_in_a_title_is_read(tmp_path):
    assert formats.separator(b"text\nhello there\nyou: two\n") == ","
    assert formats.separator(b"id;a b\n1;2 3\n2;3\n") == ";"
    assert formats.separator(b"a;b\n1,5;2,5\n3,5;4,5\n") == ";"
    assert formats.separator(b"a b c\n1 2 3\n4 5 6\n") == " "
