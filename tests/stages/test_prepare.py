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
from groundwork.data.prepared import FINAL
from groundwork.data.rows import PreparedRows, folds_hash
from groundwork.errors import UserError
from groundwork.objectives import KINDS
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
        load("titanic"), types=columns, inputs=inputs, sample=lambda rng: files, features=lambda x: x, **identity
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
    "numbers for classes": (
        {"train": TRAIN.assign(y=TRAIN["y"] + 0.5)},
        r"column 'y': found '0\.5', expected a whole number",
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
    "an answer before the id": ({"submission": ASKED[["y", "Id"]]}, r"found the columns y, Id; expected Id first"),
    "rows that test lacks": ({"submission": ASKED.assign(Id=[21, 22, 99])}, r"first that is not in the test rows: 99"),
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


def test_more_folds_than_rows_is_the_users_error(tmp_path):
    with pytest.raises(UserError, match="folds: found 21; expected 2 to 20 for 20 rows"):
        prepared(toy(), tmp_path, count=21)


def test_a_class_with_one_row_does_not_stop_the_folds(tmp_path, caplog):
    tables = prepared(toy(train=TRAIN.assign(y=[2, *TRAIN["y"][1:]])), tmp_path)
    assert "classes with fewer rows than folds, which not every fold can contain: 2 (1)" in caplog.text
    assert tables.fold["fold"].value_counts().tolist() == [4] * 5


def test_a_price_that_has_no_logarithm_is_the_users_error(tmp_path):
    priced = replace(toy(train=TRAIN.assign(y=TRAIN["x"].astype(int))), kind="regression", log_target=True)
    with pytest.raises(UserError, match="column 'y': found 0; expected numbers above 0"):
        prepared(priced, tmp_path)


def test_a_pixel_out_of_range_is_the_users_error(tmp_path):
    pictured = replace(toy(train=TRAIN.assign(x=TRAIN["x"] + 250)[["Id", "x", "y"]], test=TEST[["Id", "x"]]))
    columns = {"Id": int, "x": int, "y": int}
    pictured = replace(pictured, types=columns, inputs=replace(pictured.inputs, image=(1, 1)))
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
    with pytest.raises(UserError, match="inputs name 'Title', which are neither columns"):
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


# --- ids -------------------------------------------------------------------------------------------------------------


def ids_of(tmp_path: Path, train: list | None, test: list | None, sample: list, name: str = "Id") -> tuple[list, list]:
    """Prepare tables with these ids; return the ids of the training and the test rows."""
    tables = {
        "train": TRAIN.drop(columns="Id") if train is None else TRAIN.assign(Id=train),
        "test": TEST.drop(columns="Id") if test is None else TEST.assign(Id=test),
        "submission": pd.DataFrame({name: sample, "y": 0}),
    }
    competition = replace(toy(**tables), types={"x": float, "word": str})
    found = prepared(competition, tmp_path)
    sample_table = pd.read_csv(found.sample_submission, dtype=str)
    return found.train["Id"].tolist(), found.test_ids(sample_table).tolist()


def test_test_rows_keep_their_ids_if_training_rows_have_none(tmp_path):
    assert ids_of(tmp_path, None, [7, 3, 5], [3, 5, 7]) == (list(range(1, 21)), [7, 3, 5])


def test_ids_of_test_rows_without_any_come_from_the_sample_submission(tmp_path):
    assert ids_of(tmp_path, None, None, [0, 1, 2])[1] == [0, 1, 2]
    with pytest.raises(UserError, match=r"found 2 rows; expected 3, one for each row of test\.csv"):
        ids_of(tmp_path, None, None, [0, 1])


@pytest.mark.parametrize("ids", [["007", "010", "100"], ["1" * 20, "2" * 20, "3" * 20], ["a", "b", "c"]])
def test_ids_that_are_no_plain_numbers_stay_text(tmp_path, ids):
    assert ids_of(tmp_path, [f"0{number}" for number in range(20)], ids, ids)[1] == ids


def test_the_sample_submission_may_spell_the_ids_name_otherwise(tmp_path):
    assert ids_of(tmp_path, list(range(20)), [20, 21, 22], [20, 21, 22], "ID")[1] == [20, 21, 22]


# --- labels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "sample", "expected"),
    [
        (["False", "True"], "False", ["False", "True"]),
        (["False", "True"], "0", ["0", "1"]),
        (["no", "yes"], "No", ["No", "Yes"]),
        (["n", "y"], "N", ["N", "Y"]),
        ([1, 2], "1", ["1", "2"]),
        ([1.0, 2.0], "1", ["1", "2"]),
        (["<=50K", ">50K"], "<=50K", ["<=50K", ">50K"]),
        (["cat", "dog"], "0", ["cat", "dog"]),
        ([0, 1], "0.5", ["0", "1"]),
        ([0, 1], "False", ["False", "True"]),
    ],
)
def test_labels_of_any_kind_are_written_as_the_sample_writes_them(tmp_path, labels, sample, expected):
    train = TRAIN.assign(y=[labels[value] for value in TRAIN["y"]])
    competition = replace(
        toy(train=train, submission=ASKED.assign(y=sample)), types={"Id": int, "x": float, "word": str}
    )
    tables = prepared(competition, tmp_path)
    kind, task = KINDS[competition.kind], competition.task
    asked = pd.read_csv(tables.sample_submission, dtype=str)[["y"]]
    assert kind.target_array(tables.train, task, tables.labels).tolist() == TRAIN["y"].tolist()
    (written,) = kind.handed_in(np.eye(2)[[0, 1, 1]], tables.labels, task, asked)
    assert list(written) == [expected[0], expected[1], expected[1]]


def test_classes_with_an_order_keep_it(tmp_path):
    named = TRAIN.assign(y=["high", "low", "medium", "low"] * 5)
    competition = replace(
        toy(train=named), types={"Id": int, "x": float, "word": str}, classes=("low", "medium", "high")
    )
    tables = prepared(competition, tmp_path)
    codes = KINDS[competition.kind].target_array(tables.train, competition.task, tables.labels)
    assert codes[:4].tolist() == [2, 0, 1, 0]
    with pytest.raises(UserError, match="found high; expected the declared classes low, medium"):
        prepared(replace(competition, classes=("low", "medium")), tmp_path)


# --- functions of a competition's file -------------------------------------------------------------------------------


SHOPS = pd.DataFrame({"word": ["a", "a", "b"], "size": [1, 2, 3]})
MOVERS = {
    "an inner merge": (lambda x: x.merge(SHOPS[2:], on="word"), "returned 10 rows of 20.*\n.*how='left'"),
    "a repeated key": (lambda x: x.merge(SHOPS, on="word", how="left"), "returned 30 rows for 20.*\n.*unique"),
    "sorted": (lambda x: x.sort_values("x", ascending=False), "moved rows"),
    "sorted with a new index": (lambda x: x.sort_values("x", ascending=False, ignore_index=True), "moved rows"),
    "sorted without the id": (
        lambda x: x.sort_values(["word", "x"], ignore_index=True).drop(columns="Id"),
        "depends on the order of the rows",
    ),
    "numbered": (lambda x: x.assign(x=np.arange(len(x))), "column 'x' depends on the order of the rows"),
    "an exception": (lambda x: x.assign(x=x["none"]), "KeyError: 'none'.*\n.*fix `features`"),
    "no table": (lambda x: None, "returned NoneType; expected a DataFrame"),
}


@pytest.mark.parametrize("case", MOVERS)
def test_functions_that_move_rows_are_refused(tmp_path, case):
    function, message = MOVERS[case]
    with pytest.raises(UserError, match=f"features: .*{message}"):
        prepared(replace(toy(), features=function), tmp_path)
    with pytest.raises(UserError, match="join: "):
        prepared(replace(toy(), join=lambda frame, _: function(frame)), tmp_path)


def test_a_result_that_depends_on_other_rows_needs_a_declared_group_key(tmp_path):
    # As many rows as a small competition has: all of them are fewer than are tried of a large one.
    train = pd.concat([TRAIN] * 50, ignore_index=True).assign(Id=range(100, 1100))
    counted = replace(
        toy(train=train), features=lambda x: x.assign(x=x.groupby("word")["word"].transform("size").fillna(0))
    )
    with pytest.raises(UserError, match="column 'x' depends on other rows"):
        prepared(counted, tmp_path)
    declared = replace(counted, inputs=replace(counted.inputs, group=("word",)))
    assert set(prepared(declared, tmp_path).train["x"]) == {500.0}


def test_features_get_the_id_and_no_target(tmp_path):
    seen: list[list[str]] = []
    prepared(replace(toy(), features=lambda x: seen.append(list(x)) or x), tmp_path)
    assert {tuple(names) for names in seen} == {("Id", "x", "word")}


def apart(targets: pd.DataFrame) -> Labelled:
    """Return the toy competition with its targets in a table of their own."""
    competition = toy()
    assert competition.sample is not None
    drawn = competition.sample(np.random.default_rng(0))
    train = drawn["train.csv"].drop(columns="y")
    files = {**drawn, "train.csv": train, "train_labels.csv": targets}
    return replace(competition, sample=lambda rng: files, train_targets="train_labels.csv")


ANSWERS = pd.DataFrame({"Id": range(1, 21), "y": [0, 1] * 10, "by": "someone"})


def test_targets_of_a_table_of_their_own_are_those_of_their_ids(tmp_path):
    alone = prepared(apart(ANSWERS.sample(frac=1, random_state=0)), tmp_path / "alone")
    together = prepared(toy(), tmp_path / "together")
    pd.testing.assert_frame_equal(alone.train, together.train)
    pd.testing.assert_frame_equal(alone.test, together.test)
    assert alone.folds_sha256 == together.folds_sha256


def test_targets_without_ids_are_in_the_order_of_the_rows(tmp_path):
    alone = prepared(apart(ANSWERS[["y"]]), tmp_path / "alone")
    pd.testing.assert_frame_equal(alone.train, prepared(toy(), tmp_path / "together").train)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (ANSWERS[["y"]][:-1], "found 19 targets and no id; expected one for each of the 20 training rows"),
        (ANSWERS[:-1], "of which 20 is not there; expected one row for each training row; 1 such rows"),
        (pd.concat([ANSWERS, ANSWERS[:1]]), "train_labels.csv: line 22: column 'Id': found an id that an earlier"),
        (ANSWERS.drop(columns="Id"), "train_labels.csv: line 1: no column 'Id'"),
        (ANSWERS.assign(y=0.5), "train_labels.csv: column 'y': found"),
    ],
)
def test_targets_that_do_not_match_the_rows_are_the_users_error(tmp_path, targets, message):
    with pytest.raises(UserError, match=message):
        prepared(replace(apart(targets), types={}), tmp_path)


def test_folds_by_time_are_trained_on_the_rows_before_them(tmp_path):
    tables = prepared(replace(toy(), fold_by_time="x"), tmp_path, count=4)
    assert tables.folds == [0, 1, 2, 3]
    assert tables.final
    for fold in tables.folds:
        assert tables.training(fold)["x"].max() < tables.validation(fold)["x"].min()
    assert len(tables.training(FINAL)) == 20


def test_categories_that_only_test_rows_have_are_said_and_refused_where_they_are_most(tmp_path, caplog):
    with pytest.raises(UserError, match=r"no training row has in word \(100% of the test rows\)"):
        prepared(toy(test=TEST.assign(word=["A", "B", "C"])), tmp_path)
    prepared(toy(test=TEST.assign(word=["A", "a", "b"])), tmp_path)
    assert "categories that no training row has: word (33% of the test rows)" in caplog.text
