"""The journal that processes share, with the real Optuna: cut lines, unreadable ones, and a lock whose holder died."""

import multiprocessing
import time
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from groundwork.sweeping.journal import NAME, _Lock, storage


def study(folder: Path, said: list[str]) -> optuna.Study:
    return optuna.create_study(storage=storage(folder, said.append), study_name="sweep", load_if_exists=True)


def grown(folder: Path, trials: int) -> Path:
    study(folder, []).optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=trials)
    return folder / NAME


def proposed(unmended: JournalStorage) -> None:
    optuna.load_study(storage=unmended, study_name="sweep").optimize(lambda trial: 0.0, n_trials=2)


def test_a_cut_last_line_is_removed_and_said(tmp_path: Path) -> None:
    path = grown(tmp_path, 3)
    whole = path.read_bytes()
    cut = whole + b'{"op_code":6,"worker_id":"1'
    path.write_bytes(cut)

    # Optuna itself appends to the cut line, and nobody can open the journal any more.
    broken = tmp_path / "broken.log"
    broken.write_bytes(cut)
    with pytest.raises(AttributeError):
        proposed(JournalStorage(JournalFileBackend(str(broken))))
    with pytest.raises(ValueError, match="delimiter"):
        proposed(JournalStorage(JournalFileBackend(str(broken))))
    with pytest.raises(ValueError, match="delimiter"):
        JournalStorage(JournalFileBackend(str(broken)))

    said: list[str] = []
    mended = study(tmp_path, said)
    assert said == [f"{path}: its last line was cut in the middle; its 27 bytes are removed"]
    assert path.read_bytes().startswith(whole)
    assert [trial.number for trial in mended.trials] == [0, 1, 2]

    # Also one that another process leaves while this one is running.
    with path.open("ab") as stream:
        stream.write(b'{"op_')
    mended.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    assert len(said) == 2
    assert len(study(tmp_path, []).trials) == 4


def test_a_journal_that_nobody_can_read_is_set_aside(tmp_path: Path) -> None:
    path = grown(tmp_path, 2)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b'{"op_code":6,"wor{"op_code":4}\n', *lines[2:]]))
    said: list[str] = []
    assert study(tmp_path, said).trials == []
    assert said == [f"{path}: line 3 cannot be read; it is now journal.unreadable-0, and a new journal begins"]
    assert (tmp_path / "journal.unreadable-0").exists()


def hold(path: Path, held: Path) -> None:
    _Lock(path, print).acquire()
    held.touch()
    time.sleep(60)


def test_the_lock_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    path, held = grown(tmp_path, 1), tmp_path / "held"
    process = multiprocessing.get_context("fork").Process(target=hold, args=(path, held))
    process.start()
    while not held.exists():
        assert process.is_alive()
        time.sleep(0.01)
    process.kill()
    process.join()
    began = time.monotonic()
    assert len(study(tmp_path, []).trials) == 1
    assert time.monotonic() - began < 5
