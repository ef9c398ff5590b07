"""An archive is whole, keeps to its folder and holds what it must, or is refused with the step that helps."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from groundwork.competitions import load
from groundwork.data import archives, tables
from groundwork.errors import UserError

TABLE = "Id,Name\n1,Berg\n2,Dahl\n"


def described(folder: Path) -> archives.Archive:
    return archives.Archive(folder / "titanic.zip", Path("an archive"), "get it again", "fix its content")


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
        ("sample", "fix `sample` or `types` in src/groundwork/competitions/titanic.py, then "),
        ("kaggle", "put Kaggle's archive at data/kaggle/titanic.zip, or delete that file to download it again; then "),
    ],
)
def test_wrong_content_is_fixed_where_it_comes_from(source, step):
    found = archives.archive(load("titanic"), source, Path("data/raw/my-lane.zip"))
    assert found.fix == f"{step}`dvc repro --force fetch@my-lane`"


def test_a_file_that_is_no_zip_is_refused(tmp_path):
    path = tmp_path / "titanic.zip"
    path.write_text("<html>Sign in</html>")
    with pytest.raises(UserError, match=r"is not a whole zip file.*\n.*get it again"):
        archives.verify(described(tmp_path), [])


def test_an_archive_that_lacks_a_file_names_it_and_what_it_holds(tmp_path):
    with pytest.raises(UserError, match=r"no file test\.csv in it; found train\.csv\n.*fix its content"):
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
    assert [archives.contains(found, name) for name in ("train.csv", "test.csv", "attributes.csv")] == [
        True,
        True,
        False,
    ]


def test_a_file_is_read_piece_by_piece(tmp_path):
    found = archive(tmp_path, {"train.csv": TABLE})
    with archives.open_member(found, "train.csv") as stream:
        assert stream.read(3) == b"Id,"
        assert stream.read() == TABLE[3:].encode()


def test_a_zip_file_that_holds_another_file_than_its_name_says_is_refused(tmp_path):
    found = archive(tmp_path, {"train.csv.zip": zipped({"other.csv": TABLE})})
    with pytest.raises(UserError, match=r"an archive: train\.csv\.zip: no file train\.csv in it\n.*fix its content"):
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


def claiming(content: bytes, member: str, size: int) -> bytes:
    """Write another unpacked size into the entries of `member`."""
    changed, name = bytearray(content), member.encode()
    for mark, size_at, name_at in [(b"PK\x03\x04", 22, 30), (b"PK\x01\x02", 24, 46)]:
        at = content.find(mark)
        while at >= 0:
            if content[at + name_at : at + name_at + len(name)] == name:
                changed[at + size_at : at + size_at + 4] = size.to_bytes(4, "little")
            at = content.find(mark, at + 1)
    return bytes(changed)


ZEROS = b"0" * 3_000_000
LARGE = 3 << 30


def test_a_table_that_unpacks_to_gigabytes_of_zeros_is_refused_unread(tmp_path):
    found = described(tmp_path)
    found.path.write_bytes(claiming(zipped({"train.csv": ZEROS, "test.csv": TABLE}), "train.csv", LARGE))
    said = r"train\.csv: 3,221 MB come out of 0\.00 MB; expected at most 100 times as much .*\n.*fix its content"
    with pytest.raises(UserError, match=said):
        archives.verify(found, ["train.csv"])
    with pytest.raises(UserError, match=said):
        archives.read_bytes(found, "train.csv")
    assert archives.read_bytes(found, "test.csv") == TABLE.encode()


def test_a_bomb_in_a_zip_file_of_its_own_is_refused(tmp_path):
    inner = claiming(zipped({"train.csv": ZEROS}), "train.csv", LARGE)
    found = archive(tmp_path, {"train.csv.zip": inner, "pictures.zip": zipped({"a.jpg": b"a"})})
    for refuse in (lambda: archives.verify(found, []), lambda: archives.read_bytes(found, "train.csv")):
        with pytest.raises(UserError, match=r"train\.csv\.zip: train\.csv: 3,221 MB come out of 0\.00 MB"):
            refuse()


def test_a_bomb_inside_of_a_bomb_is_refused(tmp_path):
    found = described(tmp_path)
    found.path.write_bytes(claiming(zipped({"train.csv.zip": zipped({"train.csv": ZEROS})}), "train.csv.zip", LARGE))
    with pytest.raises(UserError, match=r"train\.csv\.zip: 3,221 MB come out of"):
        archives.read_bytes(found, "train.csv")


def test_tables_that_share_their_bytes_are_counted_together(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED", 10_000_000)
    # 40 tables of 3 MB with a real ratio below the limit each, and more than it in all.
    noise = np.random.default_rng(0).bytes(40_000)
    content = zipped({f"{number:02}.csv": noise for number in range(2)})
    found = described(tmp_path)
    found.path.write_bytes(claiming(claiming(content, "00.csv", 9_000_000), "01.csv", 9_900_000))
    with pytest.raises(UserError, match=r"its tables: 19 MB come out of 0\.08 MB"):
        archives.verify(found, [])


def test_a_size_that_is_written_too_small_is_a_corrupt_file(tmp_path):
    found = described(tmp_path)
    found.path.write_bytes(claiming(zipped({"train.csv": ZEROS}), "train.csv", 1000))
    with pytest.raises(UserError, match=r"train\.csv: the file is corrupt"):
        archives.verify(found, ["train.csv"])


@pytest.mark.parametrize("row", ["0," * 784 + "\n", "0706016001 0706016002 0372860001 0610776002\n"])
def test_an_honest_table_that_packs_well_passes(tmp_path, row):
    content = zipped({"train.csv": row * 20_000})
    assert len(row) * 20_000 > archives.LARGEST_RATIO * len(content)
    found = described(tmp_path)
    found.path.write_bytes(content)
    archives.verify(found, ["train.csv"])


def test_a_large_table_of_an_honest_ratio_passes(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED", 0)
    rows = np.random.default_rng(0).integers(0, 5, 200_000)
    found = archive(tmp_path, {"train.csv": "\n".join(f"{row:020}" for row in rows)})
    archives.verify(found, ["train.csv"])
    assert len(archives.read_bytes(found, "train.csv")) > 20 * found.path.stat().st_size
