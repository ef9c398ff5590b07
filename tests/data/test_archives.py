"""An archive is whole, keeps to its folder and holds what it must, or is refused with the step that helps."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from groundwork.competitions import load
from groundwork.data import archives, tables
from groundwork.errors import UserError

TABLE = "Id,Name\n1,Berg\n2,Dahl\n"


def described(folder: Path) -> archives.Archive:
    return archives.Archive(folder / "titanic.zip", Path("an archive"), "get it again", "mend its content")


def zipped(members: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return buffer.getvalue()


def archive(folder: Path, members: dict[str, str | bytes]) -> archives.Archive:
    (folder / "titanic.zip").write_bytes(zipped(members))
    return described(folder)


def spoilt(found: archives.Archive, member: str) -> archives.Archive:
    """Flip the bits of one byte of `member`."""
    content = bytearray(found.path.read_bytes())
    with zipfile.ZipFile(found.path) as opened:
        info = opened.getinfo(member)
    # The local header: 30 bytes and the name.
    content[info.header_offset + 30 + len(member) + info.compress_size // 2] ^= 0xFF
    found.path.write_bytes(content)
    return found


@pytest.mark.parametrize("source", ["sample", "kaggle"])
def test_a_missing_archive_names_the_command_that_makes_it(tmp_path, source):
    missing = archives.archive(load("titanic"), source, tmp_path / "my-lane.zip")
    with pytest.raises(UserError, match=r"my-lane\.zip: not found\n.*`dvc repro --force fetch@my-lane`"):
        archives.verify(missing, [])


@pytest.mark.parametrize(
    ("source", "step"),
    [
        ("sample", "mend `sample` or `columns` in src/groundwork/competitions/titanic.py, then "),
        ("kaggle", "put Kaggle's archive at data/kaggle/titanic.zip, or delete that file to download it again; then "),
    ],
)
def test_wrong_content_is_mended_where_it_comes_from(source, step):
    found = archives.archive(load("titanic"), source, Path("data/raw/my-lane.zip"))
    assert found.mend == f"{step}`dvc repro --force fetch@my-lane`"


def test_a_file_that_is_no_zip_is_refused(tmp_path):
    path = tmp_path / "titanic.zip"
    path.write_text("<html>Sign in</html>")
    with pytest.raises(UserError, match=r"is not a whole zip file.*\n.*get it again"):
        archives.verify(described(tmp_path), [])


def test_an_archive_that_lacks_a_file_names_it_and_what_it_holds(tmp_path):
    with pytest.raises(UserError, match=r"no file test\.csv in it; found train\.csv\n.*mend its content"):
        archives.verify(archive(tmp_path, {"train.csv": TABLE}), ["train.csv", "test.csv"])


@pytest.mark.parametrize("member", ["../evil.csv", "a/../../evil.csv", "/etc/evil", "..\\evil.csv", "C:\\evil.csv"])
def test_a_member_that_points_outside_is_refused(tmp_path, member):
    with pytest.raises(UserError, match="points outside of the archive"):
        archives.verify(archive(tmp_path, {member: TABLE}), [])


@pytest.mark.parametrize("offset", [45, 60])
def test_a_corrupt_member_is_refused_by_verify_and_by_read(tmp_path, offset):
    found = archive(tmp_path, {"train.csv": TABLE * 20})
    content = bytearray(found.path.read_bytes())
    content[offset] ^= 0xFF
    found.path.write_bytes(content)
    with pytest.raises(UserError, match=r"train\.csv: the file is corrupt.*\n.*get it again"):
        archives.verify(found, ["train.csv"])
    with pytest.raises(UserError, match=r"train\.csv: the file is corrupt.*\n.*get it again"):
        tables.read(found, "train.csv", {"Id": int, "Name": str})


def test_a_file_in_a_zip_file_of_its_own_is_found_there(tmp_path):
    found = archive(tmp_path, {"train.csv.zip": zipped({"train.csv": TABLE}), "test.csv": TABLE})
    archives.verify(found, ["train.csv", "test.csv"])
    assert archives.read_bytes(found, "train.csv") == archives.read_bytes(found, "test.csv") == TABLE.encode()
    assert [archives.holds(found, name) for name in ("train.csv", "test.csv", "attributes.csv")] == [True, True, False]


def test_a_file_is_read_piece_by_piece(tmp_path):
    found = archive(tmp_path, {"train.csv": TABLE})
    with archives.open_member(found, "train.csv") as stream:
        assert stream.read(3) == b"Id,"
        assert stream.read() == TABLE[3:].encode()


def test_a_zip_file_that_holds_another_file_than_its_name_says_is_refused(tmp_path):
    found = archive(tmp_path, {"train.csv.zip": zipped({"other.csv": TABLE})})
    with pytest.raises(UserError, match=r"an archive: train\.csv\.zip: no file train\.csv in it\n.*mend its content"):
        archives.read_bytes(found, "train.csv")


def test_a_nested_file_that_is_no_zip_is_refused(tmp_path):
    found = archive(tmp_path, {"train.csv.zip": "<html>Sign in</html>"})
    with pytest.raises(UserError, match=r"train\.csv: the file is corrupt.*\n.*get it again"):
        archives.read_bytes(found, "train.csv")


def test_a_nested_zip_file_that_is_corrupt_is_refused_by_verify(tmp_path):
    found = spoilt(archive(tmp_path, {"train.csv.zip": zipped({"train.csv": TABLE})}), "train.csv.zip")
    with pytest.raises(UserError, match=r"train\.csv\.zip: the file is corrupt.*\n.*get it again"):
        archives.verify(found, ["train.csv"])


def test_pictures_are_left_alone_and_tables_are_not(tmp_path):
    """Checking 29 GB of pictures that nothing reads would take minutes; a corrupt table does not pass."""
    members = {"images/010/0108775015.jpg": b"a picture" * 50, "train.csv": TABLE, "more.csv": TABLE * 20}
    found = spoilt(archive(tmp_path, members), "images/010/0108775015.jpg")
    archives.verify(found, ["train.csv"])
    assert archives.read_bytes(found, "train.csv") == TABLE.encode()
    with pytest.raises(UserError, match=r"more\.csv: the file is corrupt"):
        archives.verify(spoilt(found, "more.csv"), ["train.csv"])


def test_a_picture_that_points_outside_is_refused_all_the_same(tmp_path):
    with pytest.raises(UserError, match="points outside of the archive"):
        archives.verify(archive(tmp_path, {"train.csv": TABLE, "../evil.jpg": b""}), ["train.csv"])


@pytest.mark.parametrize("source", ["sample", "kaggle"])
def test_an_archive_is_written_in_its_competitions_charset(source):
    competition = replace(load("titanic"), charset="latin-1")
    assert archives.archive(competition, source, Path("data/raw/lane.zip")).charset == "latin-1"
