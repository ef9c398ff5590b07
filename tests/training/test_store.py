import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.training.test_checkpoint import trained_fold
from tests.training.tiny import in_memory, lane
from typer.testing import CliRunner

from groundwork.errors import UserError
from groundwork.files import write_json
from groundwork.sections.base import size_in_bytes
from groundwork.training.checkpoint import FoldRecord, TrainedFold, has_weights
from groundwork.training.commands import app
from groundwork.training.eviction import entries, prune, shown, summary
from groundwork.training.store import FoldStore, fold_key

FOLD, FRAME = trained_fold()
KEYS = [digit * 16 for digit in "abcdef"]


def nothing(line: str) -> None:
    raise AssertionError(line)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FoldStore:
    monkeypatch.chdir(tmp_path)
    return FoldStore(Path("results/.folds"))


def filled(store: FoldStore, count: int = 3, lane_name: str = "titanic") -> list[Path]:
    """Put folds into the store, with increasing times of last use."""
    paths = []
    for number, key in enumerate(KEYS[:count]):
        store.put(lane_name, FOLD, key, seconds=1.5)
        paths.append(store.path(lane_name, key, FOLD.fold))
        os.utime(paths[-1], (10**9 + number, 10**9 + number))
    return paths


def whole(paths: list[Path]) -> list[bool]:
    return [has_weights(path) for path in paths]


# --- keys -------------------------------------------------------------------------------------------------------------

PREPARED = replace(in_memory(FRAME), data_sha256="d", folds_sha256="f")


def key(lane_changes: dict[str, Any] | None = None, prepared: Any = PREPARED, **changes: Any) -> str:
    parts: dict[str, Any] = {"seed": 0, "replicate": 0, "fold": 0, "precision": "32-true", "code": "c"}
    return fold_key(lane(**(lane_changes or {})), prepared, **{**parts, **changes})


def test_all_that_decides_a_fold_is_in_its_key_and_what_does_not_is_not() -> None:
    others = [
        key({"dropout": 0.3}),
        key({"epochs": 4}),
        key({"early_stopping": {"patience": 1, "min_delta": 0.0, "holdout": 0.1}}),
        key(prepared=replace(PREPARED, data_sha256="e")),
        key(prepared=replace(PREPARED, folds_sha256="e")),
        key(seed=1),
        key(replicate=1),
        key(fold=1),
        key(precision="bf16-mixed"),
        key(code="d"),
    ]
    assert len({key(), *others}) == len(others) + 1
    assert key() == key({"folds": 1})
    assert len(key()) == 16


# --- folds in and out -------------------------------------------------------------------------------------------------


def test_a_fold_is_found_by_its_key_alone(store: FoldStore) -> None:
    assert store.find("titanic", KEYS[0], 2, nothing) is None
    kept = store.put("titanic", FOLD, KEYS[0], seconds=1.25)
    loaded = store.find("titanic", KEYS[0], 2, nothing)
    assert isinstance(loaded, TrainedFold)
    assert loaded.origin == kept.origin == replace(FOLD.origin, key=KEYS[0])
    assert store.seconds("titanic", KEYS[0]) == 1.25
    for missing in (("house-prices", KEYS[0], 2), ("titanic", KEYS[1], 2), ("titanic", KEYS[0], 1)):
        assert store.find(*missing, nothing) is None


def test_two_processes_that_finish_the_same_fold_leave_one_whole_file(store: FoldStore, repository: Path) -> None:
    script = (
        "from pathlib import Path; from tests.training.test_store import FOLD, KEYS\n"
        "from groundwork.training.store import FoldStore\n"
        "for _ in range(20): FoldStore(Path('results/.folds')).put('titanic', FOLD, KEYS[0], 1.0)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(repository), *sys.path])}
    processes = [subprocess.Popen([sys.executable, "-c", script], env=environment) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert store.find("titanic", KEYS[0], 2, nothing) is not None
    assert sorted(path.name for path in Path("results/.folds/titanic", KEYS[0]).iterdir()) == [
        "about.json",
        "fold_2.fold",
    ]


# --- giving up --------------------------------------------------------------------------------------------------------


def test_weights_used_longest_ago_go_first_and_rows_stay(store: FoldStore) -> None:
    paths = filled(store)
    total = sum(entry.size for entry in entries(store))
    pruned = prune(store, total - 1)
    assert [entry.key for entry in pruned] == [KEYS[0]]
    assert whole(paths) == [False, True, True]
    assert "pruned its 1 least recently used folds, of titanic" in summary(pruned)
    prune(store, 0)
    assert whole(paths) == [False] * 3
    for path in paths:
        validation = FoldRecord.load(path).validation
        assert validation is not None
        assert validation.equals(FOLD.validation)
    assert prune(store, 0) == []


def test_rows_go_only_when_that_is_wished_and_after_all_weights(store: FoldStore) -> None:
    paths = filled(store)
    sizes = {entry.key: entry.size for entry in entries(store)}
    prune(store, 0)
    slim = sum(entry.size for entry in entries(store))
    assert slim < sum(sizes.values()) / 2
    prune(store, slim - 1, rows=True)
    assert [path.exists() for path in paths] == [False, True, True]
    prune(store, 0, rows=True)
    assert not any(path.exists() for path in paths)


def test_folds_of_current_results_marked_folds_and_folds_in_use_are_never_pruned(store: FoldStore) -> None:
    paths = filled(store, 4)
    write_json(Path("results/titanic/run.json"), {"replicates": [{"fold_2": {"key": KEYS[0], "seconds": 1.0}}]})
    store.keep("titanic", KEYS[1], "run abc")
    with store.lease("titanic", [KEYS[2]]):
        assert [entry.reasons for entry in sorted(entries(store), key=lambda entry: entry.key)] == [
            ("results/titanic",), ("run abc",), ("in use",), (),
        ]  # fmt: skip
        prune(store, 0, rows=True)
        assert [path.exists() for path in paths] == [True, True, True, False]
        assert whole(paths) == [True, True, True, False]
    store.release("titanic", KEYS[1])
    prune(store, 0)
    assert whole(paths) == [True, False, False, False]


def test_a_lease_dies_with_its_process(store: FoldStore, repository: Path) -> None:
    (path,) = filled(store, 1)
    script = (
        "import sys; from pathlib import Path; from groundwork.training.store import FoldStore\n"
        f"with FoldStore(Path('results/.folds')).lease('titanic', ['{KEYS[0]}']):\n"
        "    print('leased', flush=True); sys.stdin.read()"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(repository), *sys.path])}
    process = subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"leased\n"
    assert prune(store, 0) == []
    process.kill()
    process.wait()
    process.stdout.close()
    assert len(prune(store, 0)) == 1
    assert whole([path]) == [False]


def test_using_a_fold_makes_it_the_last_used(store: FoldStore) -> None:
    paths = filled(store)
    with store.lease("titanic", [KEYS[0]]):
        pass
    prune(store, sum(entry.size for entry in entries(store)) - 1)
    assert whole(paths) == [True, False, True]


def test_a_broken_file_stops_neither_list_nor_pruning(store: FoldStore) -> None:
    paths = filled(store)
    paths[0].write_bytes(b"broken")
    assert len(entries(store)) == 3
    prune(store, 0)
    assert whole(paths) == [False] * 3
    prune(store, 0, rows=True)
    assert entries(store) == []


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def params(store: FoldStore, repository: Path) -> None:
    Path("params.yaml").write_text((repository / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")


@pytest.mark.usefixtures("params")
def test_the_command_lists_and_prunes(store: FoldStore) -> None:
    empty = CliRunner().invoke(app, [])
    assert empty.output == "results/.folds: 0 folds, 0 kB of `store: 5 GB` in params.yaml\n"
    filled(store)
    store.keep("titanic", KEYS[1], "run abc")
    lines = CliRunner().invoke(app, []).output.splitlines()
    assert lines[0].split() == ["Lane", "Key", "Fold", "Size", "Last", "used", "Kept"]
    assert [line.split()[1] for line in lines[1:4]] == [KEYS[2], KEYS[1], KEYS[0]]
    assert lines[2].endswith("run abc")
    assert lines[-1].startswith("results/.folds: 3 folds, ")
    done = CliRunner().invoke(app, ["prune"])
    assert done.output.startswith("nothing was removed\n")
    done = CliRunner().invoke(app, ["prune", "--to", "0MB"])
    assert done.output.startswith("the fold store pruned its 2 least recently used folds")
    assert "the rest is in use, marked to be kept" in done.output
    assert " rows " in CliRunner().invoke(app, []).output
    wrong = CliRunner().invoke(app, ["prune", "--to", "5 gallons"])
    assert isinstance(wrong.exception, UserError)


def test_sizes_are_read_and_shown() -> None:
    assert [size_in_bytes(text) for text in ("5 GB", "0.5TB", "20 MB")] == [5 * 10**9, 5 * 10**11, 2 * 10**7]
    assert [shown(size) for size in (0, 1500, 2 * 10**6, 5_250_000_000)] == ["0 kB", "2 kB", "2.0 MB", "5.2 GB"]
    for text in ("5", "GB", "5 KB", "-1 GB", "5 GB or so"):
        with pytest.raises(UserError, match="expected a number and MB, GB or TB"):
            size_in_bytes(text)
