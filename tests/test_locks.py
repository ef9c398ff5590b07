"""Locks between processes: waited for or not, free once their process is dead, on systems without `fcntl` too."""

import ast
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from groundwork.locks import acquire, locked
from groundwork.training.store import LEASE, FoldStore, unleased

HOLD = """if True:
    import sys
    from pathlib import Path
    from groundwork.locks import locked
    with locked(Path(sys.argv[1])) as mine:
        print(mine, flush=True)
        sys.stdin.read()
"""
# As on Windows, where there is no such module.
WITHOUT = "import sys; sys.modules['fcntl'] = None; import groundwork.cli; groundwork.cli.app(['--help'])"


def other(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "True\n"
    return process


def test_a_lock_of_a_living_process_is_held_and_of_a_killed_one_is_free(tmp_path: Path) -> None:
    path = tmp_path / "below" / "lock"
    process = other(path)
    with locked(path, wait=False) as free:
        assert not free
    threading.Timer(0.2, process.kill).start()
    with locked(path) as mine:
        assert mine
        assert process.wait() != 0, "it has waited until the process was dead"
        with locked(path, wait=False) as again:
            assert not again, "twice in one process is no exception"
    with locked(path, wait=False) as free:
        assert free


def test_a_lock_whose_folder_was_removed_meanwhile_protects_nothing_and_is_taken_anew(tmp_path: Path) -> None:
    path, taken = tmp_path / "below" / "lock", []
    process = other(path)
    waiting = threading.Thread(target=lambda: taken.append(acquire(path)))
    waiting.start()
    time.sleep(0.1)
    shutil.rmtree(path.parent)
    process.communicate("")
    waiting.join()
    with locked(path, wait=False) as free:
        assert not free, "the lock is that of the file which is there now"
    taken[0].release()
    with locked(path, wait=False) as free:
        assert free


def test_several_commands_lease_a_fold_at_once_and_a_killed_one_leaves_nothing(tmp_path: Path) -> None:
    store, lease = FoldStore(tmp_path), tmp_path / "one" / "k" / LEASE
    with store.lease("one", ["k"]):
        with store.lease("one", ["k"]):
            assert len(list(lease.parent.glob(f"{LEASE}-*"))) == 2
            with unleased(lease) as free:
                assert not free
        with unleased(lease) as free:
            assert not free, "the first one still has it"
    lease.with_name(f"{LEASE}-0a1b2c3d").touch()  # of a command that was killed
    with unleased(lease) as free:
        assert free
        with unleased(lease) as again:
            assert not again, "while one command looks, no other prunes"
    assert [path.name for path in lease.parent.iterdir()] == [LEASE]


def test_nothing_imports_fcntl(repository: Path) -> None:
    for path in (repository / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert not {"fcntl", "msvcrt"} & {*names}, path
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False, cwd=repository)
    assert "from a Kaggle archive" in done.stdout, done.stderr


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        acquire(tmp_path / "file" / "lock")


def test_a_file_in_the_place_of_the_folder_is_an_error_and_no_endless_wait(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        acquire(tmp_path / "file" / "lock")


def test_folders_that_others_remove_are_locked_all_the_same(tmp_path: Path, repository: Path) -> None:
    # Each process takes the folders of the others for leftovers as long as they are not locked yet.
    script = (
        "from pathlib import Path; from groundwork.files import writing\n"
        "for number in range(400):\n    with writing(Path('out.txt')) as path: path.write_text(str(number))"
    )
    environment = {**os.environ, "PYTHONPATH": str(repository / "src")}
    command = [sys.executable, "-c", script]
    processes = [subprocess.Popen(command, cwd=tmp_path, env=environment) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]
