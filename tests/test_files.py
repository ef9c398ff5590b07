"""Outputs are written whole or not at all."""

import errno
import hashlib
import os
import resource
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from groundwork.errors import UserError
from groundwork.files import (
    disk_error,
    read_json,
    sha256,
    sha256_of_all,
    taking_turns,
    workroom,
    write_json,
    write_text,
    writing,
)
from tests.services.full_disk import SIZE, fill


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


def with_torch(path: Path) -> None:
    import torch

    torch.save({"weights": torch.zeros(SIZE)}, path)


def with_torch_and_a_stream(path: Path) -> None:
    import torch

    with path.open("wb") as stream:
        torch.save({"weights": torch.zeros(SIZE)}, stream)


def with_safetensors(path: Path) -> None:
    import numpy as np

    pytest.importorskip("safetensors.numpy").save_file({"weights": np.zeros(SIZE)}, path)


def with_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("table.csv", b"0" * 4 * SIZE)


def as_parquet(path: Path) -> None:
    pd.DataFrame({"x": pd.Series(range(SIZE)).sample(frac=1, random_state=0)}).to_parquet(path)


def as_csv(path: Path) -> None:
    pd.DataFrame({"x": range(SIZE)}).to_csv(path)


def as_text(path: Path) -> None:
    path.write_text("x" * 4 * SIZE)


WRITERS = [with_torch, with_torch_and_a_stream, with_safetensors, with_zip, as_parquet, as_csv, as_text]


@pytest.mark.parametrize("write", WRITERS)
def test_whoever_writes_to_a_full_disk_it_is_one_message(small_disk: Path, write: Callable[[Path], None]) -> None:
    write_text(small_disk / "file", "first")
    with pytest.raises(UserError) as caught, writing(small_disk / "file") as temporary:
        write(temporary)
    assert caught.value.problem == (
        f"{small_disk / 'file'}: could not be written: No space left on device; the previous output is untouched"
    )
    assert caught.value.next_step == f"free some space (`df -h {small_disk}`), then run the command again"
    assert [(path.name, path.read_text()) for path in small_disk.iterdir()] == [("file", "first")]


def test_where_nothing_stood_nothing_is_promised(small_disk: Path) -> None:
    with pytest.raises(UserError, match="No space left on device; there is no file"):
        write_text(small_disk / "file", "x" * 2 * SIZE)
    assert list(small_disk.iterdir()) == []


def test_a_disk_without_room_for_a_folder_is_said(small_disk: Path) -> None:
    write_text(small_disk / "file", "first")
    fill(small_disk)
    with pytest.raises(UserError, match="No space left on device; the previous output is untouched"):
        write_text(small_disk / "file", "x" * 4096)
    assert (small_disk / "file").read_text() == "first"


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Refuse longer files, as `ulimit -f` and some file systems do."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("write", [with_torch_and_a_stream, with_safetensors, with_zip, as_parquet, as_csv, as_text])
def test_a_limit_on_a_files_size_is_one_message(tmp_path: Path, write: Callable[[Path], None]) -> None:
    refusal = pytest.raises(UserError, match="File too large; there is no file")
    with largest_file(SIZE), refusal as caught, writing(tmp_path / "file") as temporary:
        write(temporary)
    assert "ulimit -f" in caught.value.next_step


def test_a_file_that_cannot_be_read_is_not_called_unwritable(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught, writing(tmp_path / "file"):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "other" / "source"))
    assert f"{tmp_path / 'other' / 'source'}: Permission denied" in caught.value.problem
    assert f"ls -ld {tmp_path / 'other'}" in caught.value.next_step


def test_a_users_error_and_a_bug_on_a_disk_with_space_stay_what_they_are(tmp_path: Path) -> None:
    for error in (UserError("No space left on device", "none"), RuntimeError("ours"), KeyboardInterrupt()):
        assert disk_error(error, tmp_path) is None
        with pytest.raises(type(error)), writing(tmp_path / "file"):
            raise error


def test_a_failed_rename_puts_the_former_folder_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_text(tmp_path / "folder" / "file", "first")

    def fails(path: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def replaces() -> None:
        with writing(tmp_path / "folder") as new:
            new.mkdir()
            monkeypatch.setattr(Path, "replace", fails)

    with pytest.raises(UserError, match="the previous output is untouched"):
        replaces()
    assert (tmp_path / "folder" / "file").read_text() == "first"
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


WRITE_AND_WAIT = """if True:
    import sys
    from pathlib import Path
    from groundwork.files import writing
    with writing(Path(sys.argv[1])) as temporary:
        temporary.mkdir()
        (temporary / "half").touch()
        if sys.argv[2] == "between":
            Path(sys.argv[1]).rename(temporary.parent / "replaced")
        print("ready", flush=True)
        sys.stdin.read()
"""


def killed_while_writing(path: Path, when: str = "in the block") -> None:
    process = writer(path, when)
    process.kill()
    process.communicate()


def writer(path: Path, when: str = "in the block") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE_AND_WAIT, str(path), when],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def test_what_a_killed_process_left_goes_when_the_path_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "titanic.zip"
    killed_while_writing(path)
    killed_while_writing(tmp_path / "another")
    assert len(list(tmp_path.glob(".titanic.zip.writing-*"))) == 1
    (tmp_path / ".titanic.zip.writing-mine").touch()
    (tmp_path / ".titanic.zip-settings").mkdir()
    write_text(path, "whole")
    left = {name.partition("-")[0] for name in os.listdir(tmp_path)}
    assert left == {"titanic.zip", ".another.writing", ".titanic.zip.writing", ".titanic.zip"}
    assert (tmp_path / ".titanic.zip.writing-mine").exists(), "not made by us"


def test_what_a_living_process_is_writing_stays(tmp_path: Path) -> None:
    path = tmp_path / "titanic.zip"
    process = writer(path)
    try:
        write_text(path, "whole")
        (room,) = tmp_path.glob(".titanic.zip.writing-*")
        assert (room / "titanic.zip" / "half").exists()
    finally:
        process.communicate("")
    assert process.returncode == 0
    assert (path / "half").exists(), "the last to end stays"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_put_aside_by_a_killed_process_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    write_text(path / "file", "first")
    killed_while_writing(path, "between")
    assert not path.exists()
    with pytest.raises(ZeroDivisionError), writing(path):
        _ = 1 / 0
    assert (path / "file").read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


TAKE_A_TURN = """if True:
    import sys
    from pathlib import Path
    from groundwork.files import taking_turns
    with taking_turns(Path(sys.argv[1]), "the work"):
        print("mine", flush=True)
        sys.stdin.read()
"""


def test_turns_are_taken_also_after_a_process_that_was_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "below" / "lock"
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE_A_TURN, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "mine\n"
    threading.Timer(0.5, process.kill).start()
    with taking_turns(lock, "the work"):
        assert process.wait() == -signal.SIGKILL
        holder = lock.with_name("lock.holder")
        assert holder.read_text().startswith(f"process {os.getpid()} on ")
    assert f"the work: process {process.pid} on " in capsys.readouterr().err
    assert holder.read_text() == ""
    with taking_turns(lock, "the work"):
        pass
    assert capsys.readouterr().err == ""


def test_a_workroom_is_empty_and_goes_with_all_that_is_in_it(tmp_path: Path) -> None:
    with workroom(tmp_path / "train") as room:
        assert list(room.iterdir()) == []
        (room / "results").mkdir()
    assert list(tmp_path.iterdir()) == []
