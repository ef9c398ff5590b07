"""The sample's archive is reproducible, complete, and in Kaggle's layout."""

import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.services import kaggle_fixture
from tests.services.full_disk import fill
from tests.services.kaggle_server import archive

from groundwork.competitions import load
from groundwork.errors import UserError
from groundwork.stages.fetch import fetch

kaggle_server = kaggle_fixture.kaggle_server


@pytest.mark.parametrize("name", ["titanic", "house_prices", "digit_recognizer"])
def test_the_sample_is_byte_identical_each_time_and_holds_the_competitions_files(tmp_path, name):
    competition = load(name)
    for folder in ("first", "again"):
        fetch(competition, "sample", tmp_path / folder / "lane.zip", "lane")
    first, again = tmp_path / "first" / "lane.zip", tmp_path / "again" / "lane.zip"
    assert first.read_bytes() == again.read_bytes()
    with zipfile.ZipFile(first) as opened:
        assert set(opened.namelist()) >= set(competition.files)


def test_whole_numbers_are_written_without_a_point_as_in_kaggles_files(tmp_path):
    fetch(load("titanic"), "sample", tmp_path / "titanic.zip", "titanic")
    with zipfile.ZipFile(tmp_path / "titanic.zip") as opened:
        ages = [line.split(",")[-7] for line in opened.read("train.csv").decode().splitlines()[1:]]
    assert "30" in ages
    assert not [age for age in ages if age.endswith(".0")]


def test_kaggles_archive_is_downloaded_once_and_kept(kaggle_server, tmp_path):
    path, store = tmp_path / "data/raw/lane.zip", tmp_path / "data/kaggle/titanic.zip"
    for _ in range(2):
        fetch(load("titanic"), "kaggle", path, "lane")
        assert path.read_bytes() == store.read_bytes() == kaggle_server.archive
        path.unlink()
    assert kaggle_server.count("GET") == 1


def test_each_copy_of_an_archive_is_read_once(kaggle_server, tmp_path, monkeypatch):
    """A check decompresses the archive: once for the download, and once for the lane's copy."""
    opened: list[str] = []
    monkeypatch.setattr(zipfile.ZipFile, "open", counting(zipfile.ZipFile.open, opened))
    path = tmp_path / "data/raw/lane.zip"
    fetch(load("titanic"), "kaggle", path, "lane")
    assert opened.count("train.csv") == 2
    fetch(load("titanic"), "kaggle", path, "lane")
    assert opened.count("train.csv") == 3


def counting(method: Callable[..., Any], members: list[str]) -> Callable[..., Any]:
    def count(self: zipfile.ZipFile, name: Any, *arguments: Any, **options: Any) -> Any:
        members.append(getattr(name, "filename", name))
        return method(self, name, *arguments, **options)

    return count


def test_a_download_that_lacks_a_file_leaves_nothing(kaggle_server, tmp_path):
    kaggle_server.archive = archive({"train.csv": "PassengerId\n1\n"})
    with pytest.raises(UserError, match=r"kaggle/titanic\.zip: no file test\.csv in it"):
        fetch(load("titanic"), "kaggle", tmp_path / "data/raw/lane.zip", "lane")
    assert [path for path in (tmp_path / "data").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("content", [b"<html>Sign in</html>", archive({"train.csv": "PassengerId\n1\n"})])
def test_a_bad_archive_in_the_store_is_named_with_steps_that_help(kaggle_server, tmp_path, content):
    path, store = tmp_path / "data/raw/lane.zip", tmp_path / "data/kaggle/titanic.zip"
    store.parent.mkdir(parents=True)
    store.write_bytes(content)
    with pytest.raises(UserError, match=r"data/kaggle/titanic\.zip: ") as caught:
        fetch(load("titanic"), "kaggle", path, "lane")
    assert not path.exists()
    assert f"at {store}, or delete that file to download it again" in caught.value.next_step
    assert "`dvc repro --force fetch@lane`" in caught.value.next_step
    store.unlink()
    fetch(load("titanic"), "kaggle", path, "lane")
    assert path.read_bytes() == kaggle_server.archive


def test_a_text_file_of_a_sample_is_written_as_it_is(tmp_path):
    fetch(load("house_prices"), "sample", tmp_path / "lane.zip", "lane")
    with zipfile.ZipFile(tmp_path / "lane.zip") as opened:
        described = opened.read("data_description.txt").decode().splitlines()
    assert [line.partition(":")[0] for line in described] == list(load("house_prices").types)
    assert "Street: Grvl, Pave" in described


def test_a_sample_that_lacks_a_file_leaves_the_former_archive_and_names_its_file(tmp_path):
    path = tmp_path / "lane.zip"
    path.write_bytes(b"former")
    titanic = load("titanic")

    def sample(rng):
        return {"train.csv": titanic.sample(rng)["train.csv"]}

    sample.__module__ = titanic.sample.__module__
    with pytest.raises(UserError, match=r"lane\.zip: no file test\.csv.*\n.*src/groundwork/competitions/titanic\.py"):
        fetch(replace(titanic, sample=sample), "sample", path, "lane")
    assert path.read_bytes() == b"former"


def test_a_sample_that_fails_leaves_the_former_archive_untouched(tmp_path):
    path = tmp_path / "titanic.zip"
    path.write_bytes(b"former")

    def fails(rng):
        raise RuntimeError("no sample")

    with pytest.raises(RuntimeError, match="no sample"):
        fetch(replace(load("titanic"), sample=fails), "sample", path, "titanic")
    assert path.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_download_left_goes_with_the_next(kaggle_server, tmp_path):
    path, store = tmp_path / "data/raw/lane.zip", tmp_path / "data/kaggle/titanic.zip"
    kaggle_server.stalled.append(100)
    code = "import sys; from pathlib import Path; from groundwork.competitions import load; "
    code += "from groundwork.stages.fetch import fetch; fetch(load('titanic'), 'kaggle', Path(sys.argv[1]), 'lane')"
    source = Path(__file__).parents[2] / "src"
    environment = {**os.environ, "PYTHONPATH": str(source)}
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], env=environment, stderr=subprocess.PIPE)
    while process.poll() is None and not list(store.parent.glob(".*/download/*.zip")):
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert [path.name for path in store.parent.iterdir()] != ["titanic.zip"]
    fetch(load("titanic"), "kaggle", path, "lane")
    assert [path.name for path in store.parent.iterdir()] == ["titanic.zip"]


def test_a_leftover_goes_also_when_the_archive_was_put_there_by_hand(kaggle_server, tmp_path):
    store = tmp_path / "data/kaggle/titanic.zip"
    (store.parent / ".titanic.zip.writing-abcd1234" / "download").mkdir(parents=True)
    store.write_bytes(kaggle_server.archive)
    fetch(load("titanic"), "kaggle", tmp_path / "data/raw/lane.zip", "lane")
    assert list(store.parent.iterdir()) == [store]


@pytest.mark.parametrize("source", ["sample", "kaggle"])
def test_a_full_disk_is_one_message_and_leaves_nothing(kaggle_server, small_disk, source):
    kaggle_server.archive = archive({"train.csv": "x", "test.csv": "x", "gender_submission.csv": "x"})
    fill(small_disk)
    with pytest.raises(UserError, match=r"No space left on device|are free at"):
        fetch(load("titanic"), source, small_disk / "raw" / "lane.zip", "lane")
    assert [path.name for path in small_disk.rglob("*") if path.is_file()] == ["filling"]
