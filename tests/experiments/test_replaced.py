"""An archive that was replaced is noticed, whichever way it was replaced; one that was not is hashed once."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from groundwork import params
from groundwork.experiments import replaced as module
from groundwork.experiments.replaced import HASHED, replaced

STORE = Path("data/kaggle/titanic.zip")


def locked(content: bytes, lane_name: str = "titanic") -> None:
    digest = hashlib.md5(content).hexdigest()
    Path("dvc.lock").write_text(
        f"schema: '2.0'\nstages:\n  fetch@{lane_name}:\n    cmd: groundwork fetch '{lane_name}'\n    outs:\n"
        f"    - path: data/raw/{lane_name}.zip\n      hash: md5\n      md5: {digest}\n      size: {len(content)}\n"
    )


@pytest.fixture
def workspace(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(repository / name, tmp_path)
    text = Path("params.yaml").read_text().replace("source: &source sample", "source: &source kaggle")
    Path("params.yaml").write_text(text)
    STORE.parent.mkdir(parents=True)
    STORE.write_bytes(b"first")
    return tmp_path


def test_the_archive_that_was_fetched_is_not_replaced(workspace):
    locked(b"first")
    assert replaced(params.load()) == {}


@pytest.mark.parametrize("content", [b"other", b"another one"])
def test_another_archive_is_noticed(workspace, content):
    locked(b"first")
    assert replaced(params.load()) == {}
    status = STORE.stat()
    STORE.write_bytes(content)
    # As a file manager copies it: with the time of the original.
    os.utime(STORE, ns=(status.st_atime_ns, status.st_mtime_ns - 10**9))
    assert replaced(params.load()) == {"titanic": STORE}
    locked(content)
    assert replaced(params.load()) == {}


def test_nothing_is_compared_without_an_archive_a_fetch_or_with_a_sample(workspace):
    assert replaced(params.load()) == {}
    locked(b"older")
    STORE.unlink()
    assert replaced(params.load()) == {}
    STORE.write_bytes(b"first")
    assert replaced(params.load()) == {"titanic": STORE}
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace("&source kaggle", "&source sample"))
    assert replaced(params.load()) == {}


def test_an_archive_is_hashed_once(workspace, monkeypatch):
    locked(b"first")
    replaced(params.load())
    monkeypatch.setattr(module, "md5", lambda path: pytest.fail("hashed again"))
    assert replaced(params.load()) == {}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}'])
def test_a_broken_list_of_hashes_is_made_again(workspace, content):
    locked(b"first")
    HASHED.parent.mkdir(parents=True)
    HASHED.write_text(content)
    assert replaced(params.load()) == {}
    assert str(STORE) in HASHED.read_text()
