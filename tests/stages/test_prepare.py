"""The prepare stage writes typed, reproducible tables, and nothing if it fails."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from groundwork.competitions import Labelled, Tables, load
from groundwork.data import rows
from groundwork.data.load import load as load_prepared
from groundwork.data.rows import PreparedRows, folds_hash
from groundwork.errors import UserError
from groundwork.stages import prepare
from groundwork.stages.fetch import fetch

ARCHIVES = os.environ.get("GROUNDWORK_ARCHIVES")
NAMES = ["titanic", "house_prices", "digit_recognizer"]


def toy(**changed: pd.DataFrame) -> Labelled:
    """A competition of twenty rows; `changed` replaces its tables (train, test, submission)."""
    train = pd.DataFrame({"Id": range(1, 21), "x": np.arange(20.0), "word": ["a", "b"] * 10, "y": [0, 1] * 10})
    test = pd.DataFrame({"Id": range(21, 24), "x": [1.0, 2.0, 3.0], "word": ["a", "c", None]})
    submission = pd.DataFrame({"Id": range(21, 24), "y": 0})
    tables = {"train": train, "test": test, "submission": submission} | changed
    files = dict(zip(("train.csv", "test.csv", "sample_submission.csv"), tables.values(), strict=True))
    columns = {"Id": int, "x": float, "word": str, "y": int}
    inputs = replace(load("titanic").inputs, numeric=("x",), categorical=("word",), group=())
    identity = {"slug": "toy", "id": "Id", "targets": ("y",), "sample_submission": "sample_submission.csv"}
    return replace(
        load("titanic"), columns=columns, inputs=inputs, sample=lambda rng: files, features=lambda x: x, **identity
    )


def prepared(competition: Labelled, folder: Path, count: int = 5) -> PreparedRows:
    fetch(competition, "sample", folder / "lane.zip", "lane")
    prepare.prepare(competition, folder / "lane.zip", folder / "prepared" / "lane", count, seed=0)
    tables = load_prepared(competition, folder / "prepared" / "lane")
    assert isinstance(tables, PreparedRows)
    return tables


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def check(competition: Labelled, tables: PreparedRows) -> None:
    """Check the properties that hold for every competition."""
    inputs = competition.inputs
    features = [name for name in tables.train if name not in (competition.id, *competition.targets)]
    if inputs.image:
        assert len(features) == inputs.image[0] * inputs.image[1]
        kinds = {"uint8"}
    else:
        assert features == [*inputs.numeric, *inputs.categorical, *inputs.group]
        kinds = {"float64"} | ({"str"} if inputs.categorical else set())
    assert {str(tables.train[name].dtype) for name in features} == kinds
    assert list(tables.test) == [competition.id, *features]
    assert (tables.test[features].dtypes == tables.train[features].dtypes).all()
    assert list(tables.train) == [competition.id, *features, *competition.targets]
    assert tables.fold[competition.id].tolist() == tables.train[competition.id].tolist()
    assert sorted(tables.fold["fold"].unique()) == tables.folds == [0, 1, 2, 3, 4]
    assert tables.fold["fold"].dtype == "int8"
    assert tables.folds_sha256 == folds_hash(tables.fold, tables.train[list(competition.targets)])
    assert pd.read_csv(tables.sample_submission)[competition.id].tolist() == tables.test[competition.id].tolist()


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_is_prepared_typed_and_the_same_each_time(tmp_path, name):
    tables, again = (prepared(load(name), tmp_path / folder) for folder in ("first", "again"))
    check(load(name), tables)
    assert contents(tmp_path / "first/prepared/lane") == contents(tmp_path / "again/prepared/lane")
    assert (tables.data_sha256, tables.folds_sha256) == (again.data_sha256, again.folds_sha256)


@pytest.mark.skipif(not ARCHIVES, reason="GROUNDWORK_ARCHIVES is not set: no real archives to prepare")
@pytest.mark.parametrize("name", NAMES)
def test_the_real_archives_are_prepared(tmp_path, name, caplog):
    competition = load(name)
    prepare.prepare(competition, Path(ARCHIVES or "") / f"{competition.slug}.zip", tmp_path / "lane", 5, seed=0)
    check(competition, load_prepared(competition, tmp_path / "lane"))
    assert not caplog.text


def test_rows_without_an_id_are_numbered_from_one(tmp_path):
    tables = prepared(load("digit_recognizer"), tmp_path)
    assert tables.train["ImageId"].tolist() == list(range(1, 1498))
    assert tables.test["ImageId"].tolist() == list(range(1, 301))


def test_the_data_hash_follows_a_changed_value_and_the_fold_hash_does_not(tmp_path):
    first = prepared(toy(), tmp_path / "first")
    train = toy().sample(np.random.default_rng(0))["train.csv"]
    changed = prepared(toy(train=train.assign(x=train["x"] + 1)), tmp_path / "other")
    assert first.data_sha256 != changed.data_sha256
    assert first.folds_sha256 == changed.folds_sha256


TRAIN = toy().sample(np.random.default_rng(0))["train.csv"]
TEST = toy().sample(np.random.default_rng(0))["test.csv"]
ASKED = toy().sample(np.random.default_rng(0))["sample_submission.csv"]
BAD: dict[str, tuple[Tables, str]] = {
    "one class": ({"train": TRAIN.assign(y=1)}, r"train\.csv: column 'y': found 1 in every row"),
    "a gap in the classes": (
        {"train": TRAIN.assign(y=TRAIN["y"] * 2)},
        r"column 'y': found the classes 0, 2; expected",
    ),
    "a target without value": (
        {"train": TRAIN.assign(y=TRAIN["y"].mask(TRAIN["Id"] == 3))},
        r"line 4: column 'y': found no value",
    ),
    "a repeated id": ({"test": TEST.assign(Id=[21, 22, 21])}, r"test\.csv: line 4: column 'Id': found an id that an"),
    "text among numbers": ({"test": TEST.assign(x=["1", "two", "3"])}, r"test\.csv: line 3: column 'x': found 'two'"),
    "no such column": (
        {"test": TEST.rename(columns={"word": "Word"})},
        r"test\.csv: line 1: no column 'word'; found 'Wo",
    ),
    "rows nobody asks for": (
        {"submission": ASKED[:2]},
        r"sample_submission\.csv: column 'Id': 1 ids do not match.*: 23",
    ),
    "an answer without a column": (
        {"submission": ASKED[["Id"]]},
        r"sample_submission\.csv: found the columns Id; expected Id and one predicted column",
    ),
    "two answers": ({"submission": ASKED.assign(z=0)}, r"found the columns Id, y, z; expected Id and one"),
    "an answer before the id": ({"submission": ASKED[["y", "Id"]]}, r"found the columns y, Id; expected Id and one"),
    "rows that test lacks": ({"submission": ASKED.assign(Id=[21, 22, 99])}, r"first that is not in test\.csv: 99"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_and_the_former_outputs_stay(tmp_path, case):
    changed, message = BAD[case]
    prepared(toy(), tmp_path)
    before = contents(tmp_path / "prepared/lane")
    with pytest.raises(UserError, match=message):
        prepared(toy(**changed), tmp_path)
    assert contents(tmp_path / "prepared/lane") == before
    assert [path.name for path in (tmp_path / "prepared").iterdir()] == ["lane"]


@pytest.mark.parametrize(
    ("source", "step"), [("sample", r"titanic\.py, then"), ("kaggle", r"kaggle/toy\.zip, or delete that file")]
)
def test_the_next_step_for_wrong_content_is_where_it_comes_from(tmp_path, source, step):
    competition = toy(train=TRAIN.assign(y=1))
    competition.sample.__module__ = load("titanic").sample.__module__
    fetch(competition, "sample", tmp_path / "lane.zip", "lane")
    with pytest.raises(UserError, match=rf"train\.csv: column 'y': .*\n.*{step}.*fetch@lane"):
        prepare.prepare(competition, tmp_path / "lane.zip", tmp_path / "prepared", 5, 0, source)


def test_more_folds_than_members_of_a_class_is_the_users_error(tmp_path):
    with pytest.raises(UserError, match="folds: found 11; expected at most 10"):
        prepared(toy(), tmp_path, count=11)


def test_a_price_that_has_no_logarithm_is_the_users_error(tmp_path):
    priced = replace(toy(train=TRAIN.assign(y=TRAIN["x"].astype(int))), kind="regression", log_target=True)
    with pytest.raises(UserError, match="column 'y': found 0; expected numbers above 0"):
        prepared(priced, tmp_path)


def test_a_pixel_out_of_range_is_the_users_error(tmp_path):
    pictured = replace(toy(train=TRAIN.assign(x=TRAIN["x"] + 250)[["Id", "x", "y"]], test=TEST[["Id", "x"]]))
    columns = {"Id": int, "x": int, "y": int}
    pictured = replace(pictured, columns=columns, inputs=replace(pictured.inputs, image=(1, 1)))
    with pytest.raises(UserError, match=r"train\.csv: row 7: column 'x': found 256, expected a pixel from 0 to 255"):
        prepared(pictured, tmp_path)


def test_a_column_without_any_value_is_kept_and_said(tmp_path, caplog):
    tables = prepared(toy(train=TRAIN.assign(x=None)), tmp_path)
    assert tables.train["x"].isna().all()
    assert tables.train["x"].dtype == "float64"
    assert "no row has a value in: x" in caplog.text


def test_a_word_that_only_the_test_table_has_is_prepared_as_it_is(tmp_path):
    assert prepared(toy(), tmp_path).test["word"].tolist()[:2] == ["a", "c"]


def test_an_input_that_features_do_not_make_is_named(tmp_path):
    with pytest.raises(UserError, match="inputs name 'Title', which is neither a column"):
        prepared(replace(toy(), inputs=replace(toy().inputs, categorical=("Title",))), tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full: this system has no disk that is always full")
def test_a_full_disk_is_said_and_the_former_outputs_stay(tmp_path, monkeypatch):
    prepared(toy(), tmp_path)
    before = contents(tmp_path / "prepared/lane")
    write = rows.write_table

    def write_to_full_disk(frame: pd.DataFrame, path: Path) -> None:
        # By a link: whoever deletes what failed to be written deletes the link, not the device.
        path.symlink_to("/dev/full")
        write(frame, path)

    monkeypatch.setattr(rows, "write_table", write_to_full_disk)
    with pytest.raises(UserError, match="No space left on device; the previous output is untouched"):
        prepared(toy(), tmp_path, count=3)
    assert contents(tmp_path / "prepared/lane") == before


@pytest.mark.parametrize("name", ["train.parquet", "test.parquet", "folds.parquet", "sample_submission.csv"])
def test_a_prepared_file_that_is_missing_or_broken_names_the_command_that_makes_it(tmp_path, name):
    prepared(toy(), tmp_path)
    path = tmp_path / "prepared/lane" / name
    if name.endswith("parquet"):
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(UserError, match=rf"{name}: is not a whole parquet file.*\n.*groundwork prepare lane"):
            load_prepared(toy(), path.parent)
    path.unlink()
    with pytest.raises(UserError, match=rf"{name}: not found\n.*groundwork prepare lane"):
        load_prepared(toy(), path.parent)


def test_fetching_a_sample_and_preparing_it_load_no_heavy_library(tmp_path):
    script = (
        "import sys; from pathlib import Path; from groundwork.competitions import load;"
        "from groundwork.stages.fetch import fetch; from groundwork.stages.prepare import prepare;"
        "fetch(load('titanic'), 'sample', Path('a.zip'), 'a');"
        "prepare(load('titanic'), Path('a.zip'), Path('a'), 5, 0);"
        "print({'torch', 'pytorch_lightning', 'wandb', 'kaggle', 'matplotlib'} & set(sys.modules))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
