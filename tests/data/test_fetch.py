"""The sample's archive is the same each time, whole, and in Kaggle's layout."""

import zipfile
from dataclasses import replace

import pytest

from groundwork.competitions import load
from groundwork.data import kaggle_client
from groundwork.data.fetch import fetch
from groundwork.errors import UserError


@pytest.mark.parametrize("name", ["titanic", "house_prices", "digit_recognizer"])
def test_the_sample_is_byte_identical_each_time_and_holds_the_competitions_files(tmp_path, name):
    competition = load(name)
    for folder in ("first", "again"):
        fetch(competition, "sample", tmp_path / folder / "lane.zip", "lane")
    first, again = tmp_path / "first" / "lane.zip", tmp_path / "again" / "lane.zip"
    assert first.read_bytes() == again.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert sorted(archive.namelist()) == sorted(competition.files)


def test_whole_numbers_are_written_without_a_point_as_in_kaggles_files(tmp_path):
    fetch(load("titanic"), "sample", tmp_path / "titanic.zip", "titanic")
    with zipfile.ZipFile(tmp_path / "titanic.zip") as archive:
        ages = [line.split(",")[-7] for line in archive.read("train.csv").decode().splitlines()[1:]]
    assert "30" in ages
    assert not [age for age in ages if age.endswith(".0")]


def test_an_archive_from_kaggle_is_checked_for_the_competitions_files(tmp_path, monkeypatch):
    def download(competition, path):
        path.parent.mkdir()
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("train.csv", "PassengerId\n1\n")

    # The client itself runs against a stand-in server in test_kaggle_client.py.
    monkeypatch.setattr(kaggle_client, "download", download)
    with pytest.raises(UserError, match=r"titanic\.zip: no file test\.csv in it"):
        fetch(load("titanic"), "kaggle", tmp_path / "raw" / "titanic.zip", "titanic")
    assert not (tmp_path / "raw").exists()


def test_a_sample_that_fails_leaves_the_former_archive_untouched(tmp_path):
    path = tmp_path / "titanic.zip"
    path.write_bytes(b"former")

    def fails(rng):
        raise RuntimeError("no sample")

    with pytest.raises(RuntimeError, match="no sample"):
        fetch(replace(load("titanic"), sample=fails), "sample", path, "titanic")
    assert path.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [path]
