"""Outputs are written whole or not at all."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from groundwork.errors import UserError
from groundwork.files import read_json, sha256, sha256_of_all, write_json, write_text, writing


def test_a_file_and_a_directory_replace_what_stood_there(tmp_path: Path) -> None:
    for content in ("first", "second"):
        write_text(tmp_path / "file", content)
        with writing(tmp_path / "folder") as folder:
            folder.mkdir()
            (folder / content).touch()
    assert (tmp_path / "file").read_text() == "second"
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["second"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_folder_replaces_a_file_and_a_file_a_folder(tmp_path: Path) -> None:
    write_text(tmp_path / "out", "a file")
    with writing(tmp_path / "out") as folder:
        folder.mkdir()
    assert (tmp_path / "out").is_dir()
    write_text(tmp_path / "out", "a file")
    assert (tmp_path / "out").read_text() == "a file"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_block_that_wrote_nothing_leaves_the_former_folder(tmp_path: Path) -> None:
    write_text(tmp_path / "folder" / "file", "first")
    with pytest.raises(FileNotFoundError), writing(tmp_path / "folder"):
        pass
    assert (tmp_path / "folder" / "file").read_text() == "first"


def test_a_failure_leaves_the_former_output_and_nothing_else(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "first")

    def fail_half_way() -> None:
        with writing(tmp_path / "file") as temporary:
            temporary.write_text("half")
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert (tmp_path / "file").read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_is_one_message(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "first")

    def fill_the_disk() -> None:
        with writing(tmp_path / "file") as temporary:
            temporary.symlink_to("/dev/full")
            temporary.write_text("x" * 100_000)

    with pytest.raises(UserError, match="No space left on device") as caught:
        fill_the_disk()
    assert "df -h" in caught.value.next_step
    assert (tmp_path / "file").read_text() == "first"


def test_other_system_errors_are_not_disguised(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="broken"), writing(tmp_path / "file"):
        raise OSError(errno.EIO, "broken")


@pytest.mark.parametrize("place", ["file/below", "file/far/below"])
def test_a_file_where_a_folder_is_needed_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=f"{place}: could not be written: found a file at .*/file; exp") as caught:
        write_text(tmp_path / place, "x")
    assert caught.value.next_step.startswith(f"move {tmp_path / 'file'} away")
    assert (tmp_path / "file").read_bytes() == b""


def test_equal_values_give_equal_files(tmp_path: Path) -> None:
    write_json(tmp_path / "a", {"b": 1, "a": [0.5]})
    write_json(tmp_path / "b", {"a": [0.5], "b": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert read_json(tmp_path / "a", "make it") == {"a": [0.5], "b": 1}


def test_json_that_is_missing_or_broken_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"not found.*\n.*`make it`"):
        read_json(tmp_path / "none", "make it")
    (tmp_path / "broken").write_text('{"a": ')
    with pytest.raises(UserError, match=r"is not JSON.*\n.*`make it`"):
        read_json(tmp_path / "broken", "make it")


def test_the_hash_of_a_file_is_that_of_its_content(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "abc")
    assert sha256(tmp_path / "file") == hashlib.sha256(b"abc").hexdigest()


def test_the_hash_of_files_follows_contents_and_order(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("2")
    assert sha256_of_all([one, two]) != sha256_of_all([two, one])
    two.write_text("1")
    before = sha256_of_all([one, two])
    os.utime(one, (0, 0))
    assert sha256_of_all([two, one]) == before
    one.write_text("11")
    two.write_text("")
    assert sha256_of_all([one, two]) != before
