"""Each archive gets the right proposal, and a file and a lane that the workspace accepts."""

import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from tests.adding.archives_of import BASE, CASES, ROWS, Case, Tables, proposal, tables_of

from groundwork import params
from groundwork.adding import competition_file, files, lane, relations, sample, splits
from groundwork.adding.columns import TIME_NAME, Column, describe
from groundwork.adding.kind import Guess
from groundwork.adding.params_text import ParamsText
from groundwork.adding.target import classes_by_column
from groundwork.competitions import Labelled
from groundwork.data import folds
from groundwork.data.archives import Archive
from groundwork.errors import UserError


@pytest.mark.parametrize("name", CASES)
def test_an_archive_gets_the_right_proposal(tmp_path, name):
    case = CASES[name]
    made = proposal(case, tmp_path)
    goal, roles = made.target, {column.name: column.role for column in made.columns}
    found = {
        "kind": goal.kind.value,
        "metric": goal.metric.value,
        "targets": goal.targets,
        "id": goal.id,
        "wants": goal.wants,
        "folds": made.split.words,
        "inputs": made.inputs,
        "train": made.found.files.train,
        "test": made.found.files.test,
        "sample": made.found.files.sample,
        "charset": made.found.archive.charset,
        "joined": {relation.file: (relation.key, relation.single) for relation in made.joined},
    }
    right = dict(case.right)
    wanted = right.pop("roles", {})
    assert {key: found[key] for key in right} == right
    assert {key: roles[key] for key in wanted} == wanted


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> dict[str, tuple[Labelled, str]]:
    """The file and the lane of each case."""
    folder = tmp_path_factory.mktemp("written")
    settings = ParamsText((repository / "params.yaml").read_bytes(), Path("params.yaml"))
    result = {}
    for name, case in CASES.items():
        made = proposal(case, folder, name)
        text = competition_file.source(made, "" if made.joined else sample.source(made))
        (folder / f"{made.module}.py").write_text(text)
        space: dict[str, object] = {}
        exec(compile(text, f"{name}.py", "exec"), space)
        pairs = lane.source(made, settings.anchors, has_sample=not made.joined)
        added = settings.added([lane.text(name, pairs, settings.indent)])
        result[name] = space["competition"], added.decode()
    config = [
        "--config",
        str(repository / "pyproject.toml"),
        "--config",
        'lint.isort.known-first-party = ["groundwork"]',
    ]
    command = [sys.executable, "-m", "ruff"]
    checked = [
        subprocess.run([*command, *verb, *config, str(folder)], capture_output=True, text=True, check=False)
        for verb in (["check"], ["format", "--check"])
    ]
    assert [done.returncode for done in checked] == [0, 0], "\n".join(done.stdout + done.stderr for done in checked)
    return result


@pytest.mark.parametrize("name", CASES)
def test_its_file_declares_the_competition_and_its_lane_is_legal(written, name):
    competition, text = written[name]
    case = CASES[name]
    settings = params.check(YAML(typ="safe").load(text))
    added = settings.lane(name)
    assert (competition.slug, added.encoding.inputs) == (name, competition.encoding)
    assert added.source == ("kaggle" if competition.optional else "sample")
    tables = tables_of(case)
    frame = tables["train.csv" if "train.csv" in tables else "training_set.csv"].copy()
    made = competition.features(competition.join(frame, {name: tables[name] for name in competition.optional}))
    inputs = competition.inputs
    for column in (*inputs.numeric, *inputs.labels):
        assert column in made, column
    assert all(made[column].dtype.kind in "ifu" for column in inputs.numeric)


@pytest.mark.parametrize("name", [name for name in CASES if "joined" not in CASES[name].right])
def test_its_sample_has_the_layout_of_the_archive(written, name):
    competition, _ = written[name]
    drawn = competition.sample(np.random.default_rng(0))
    real = tables_of(CASES[name])
    assert len(drawn) == len(competition.files)
    for file in competition.files:
        table = real.get(file, real.get(file.rpartition(".")[0] + ".csv"))
        assert set(drawn[file]) == set(table)
        assert len(drawn[file]) == (300 if file in (competition.train, competition.train_targets) else 100)


def test_what_is_named_is_not_guessed(tmp_path):
    made = proposal(CASES["labels-from-one"], tmp_path, kind="regression", targets=("age",), row_id="id")
    assert (made.target.kind.value, made.target.targets) == ("regression", ("age",))
    assert not made.target.metric.is_sure
    assert proposal(CASES["text-by-f1"], tmp_path).target.metric.is_sure


def test_a_metric_decides_between_classes_and_numbers(tmp_path):
    case = CASES["counts"]
    few = Case({"count": np.arange(ROWS) % 15}, {"count": 0}, {})
    assert proposal(case, tmp_path).target.kind.value == "regression"
    assert not proposal(few, tmp_path).target.kind.is_sure
    told = Case(few.targets, few.sample, {}, metric="rmse")
    assert (proposal(told, tmp_path).target.kind.value, proposal(told, tmp_path).target.kind.is_sure) == (
        "regression",
        True,
    )
    told = Case(few.targets, few.sample, {}, metric="accuracy")
    assert proposal(told, tmp_path).target.kind.value == "classification"


@pytest.mark.parametrize(
    ("classes", "asked", "right"),
    [
        (["a", "b"], ["b", "a"], {"b": "b", "a": "a"}),
        (["C", "D"], ["Status_C", "Status_D"], {"Status_C": "C", "Status_D": "D"}),
        ([1, 2, 3], ["p1", "p2", "p3"], {"p1": "1", "p2": "2", "p3": "3"}),
        (["a", "b"], ["x", "y"], {}),
        (["a", "b", "c"], ["a", "b"], {}),
    ],
)
def test_columns_of_class_probabilities_are_known_by_the_class_in_their_name(classes, asked, right):
    assert classes_by_column(pd.Series(classes), asked) == right


def packed(folder: Path, members: dict[str, str]) -> Archive:
    path = folder / "a.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return Archive(path, Path("an archive"), "again", "fix")


def refused(folder: Path, members: dict[str, str], **wishes: str) -> str:
    with pytest.raises(UserError) as caught:
        files.read(packed(folder, members), **wishes)
    return str(caught.value)


ROW, TEST, ASKED = "id,a,y\n1,2,3\n2,3,4\n", "id,a\n3,4\n", "id,y\n3,0\n"
APART = {"train.csv": "id,a\n1,2\n2,3\n", "test.csv": TEST, "sample_submission.csv": ASKED}


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"readme.md": "hello"}, "found no table; expected train.csv"),
        ({"train.csv.7z": "7z"}, "found train.csv.7z, which cannot be read"),
        ({"train.7z": "7z", "test.csv": TEST, "sample_submission.csv": ASKED}, "found train.7z, which cannot be read"),
        (
            {"train.csv": ROW, "test.csv": TEST, "sample_submission.csv.7z": "7z"},
            "found sample_submission.csv.7z, which",
        ),
        ({"train.csv": ROW, "test.csv": TEST}, "found no sample submission among train.csv, test.csv"),
        (
            {"other.csv": "id,b\n1,2\n", "test.csv": TEST, "sample_submission.csv": ASKED},
            "found no file with training rows",
        ),
        ({"train.csv": ROW, "sample_submission.csv": ASKED}, "found no file with test rows"),
        (
            {"train_a.csv": ROW, "train_b.csv": ROW, "test.csv": TEST, "sample_submission.csv": ASKED},
            "several files that may hold the training rows: train_a.csv, train_b.csv",
        ),
    ],
)
def test_an_archive_without_clear_files_is_refused_in_words(tmp_path, members, said):
    problem = refused(tmp_path, members)
    assert said in problem
    assert "-> " in problem


def test_a_file_that_is_named_must_be_there(tmp_path):
    members = {"train.csv": ROW, "test.csv": TEST, "sample_submission.csv": ASKED}
    assert "--train: no table 'trian.csv' in it; did you mean 'train.csv'?" in refused(
        tmp_path, members, train="trian.csv"
    )


def test_files_of_other_names_are_found_by_their_columns(tmp_path):
    members = {
        "deep/rows.csv": ROW,
        "deep/more.csv": TEST,
        "deep/submission_format.csv": ASKED,
        "deep/notes.txt": "some, text\nhere\n",
    }
    found = files.read(packed(tmp_path, members)).files
    assert (found.train, found.test, found.sample) == ("rows.csv", "more.csv", "submission_format.csv")


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("y\n0\n", "labels.csv: found 1 targets and no id; expected one for each of the 2 training rows"),
        ("y,more\n0,1\n1,1\n", "labels.csv: found the columns y, more; expected the id, as in train.csv, or nothing"),
    ],
)
def test_targets_that_cannot_be_put_beside_their_rows_are_refused(tmp_path, labels, said):
    members = {**APART, "labels.csv": labels}
    assert said in refused(tmp_path, members, labels="labels.csv")


def test_the_table_of_the_targets_can_be_named(tmp_path):
    archive = packed(tmp_path, {**APART, "kinds.csv": "y\n0\n1\n"})
    assert files.read(archive, labels="kinds.csv").train["y"].tolist() == [0, 1]


def test_several_columns_that_may_be_the_target_are_named(tmp_path):
    case = Case({"a": YES_NO, "b": YES_NO}, {"prediction": 0}, {})
    with pytest.raises(
        UserError, match=r"several columns that may be the target.*: a, b; sample_submission\.csv asks for prediction"
    ):
        proposal(case, tmp_path)
    assert proposal(case, tmp_path, targets=("b",)).target.targets == ("b",)
    with pytest.raises(UserError, match=r"--target: train\.csv has no column 'c'"):
        proposal(case, tmp_path, targets=("c",))


YES_NO = np.arange(ROWS) % 2


@pytest.mark.parametrize("blank", [0, 0.5])
def test_a_target_with_missing_values_or_one_value_is_refused(tmp_path, blank):
    target = YES_NO.astype(float)
    target[3] = np.nan
    with pytest.raises(UserError, match="1 missing values in the target"):
        proposal(Case({"y": target}, {"y": blank}, {}), tmp_path)
    with pytest.raises(UserError, match="in every row; expected two values or more"):
        proposal(Case({"y": 1}, {"y": blank}, {}), tmp_path)


def changed(table: str, column: str, value: object) -> Callable[[Tables], Tables]:
    """Change the first value of a column."""
    return lambda tables: {**tables, table: tables[table].assign(**{column: [value, *tables[table][column][1:]]})}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed("train.csv", "id", 2), "train.csv: column 'id': found 2 in row 2, missing or as in an earlier row"),
        (changed("test.csv", "id", 202), "test.csv: column 'id': found 202 in row 2"),
        (changed("sample_submission.csv", "id", "0201"),
         "1 of the 100 ids of sample_submission.csv are not in test.csv, the first is 0201; expected"),
        (changed("test.csv", "id", 0.5), "100 of the 100 ids of sample_submission.csv are not in test.csv"),
        (lambda tables: {**tables, "sample_submission.csv": tables["sample_submission.csv"][:90]},
         "10 of the 100 ids of test.csv are not in sample_submission.csv, the first is 291"),
    ],
)  # fmt: skip
def test_ids_that_do_not_match_are_refused_before_anything_is_written(tmp_path, change, said):
    with pytest.raises(UserError, match=re.escape(said)):
        proposal(Case({"y": YES_NO}, {"y": 0}, {}, change=change), tmp_path)


def test_a_target_of_numbers_as_text_is_no_class(tmp_path):
    money = Case({"y": [f"${value:,}.50" for value in range(900, 900 + ROWS)]}, {"y": 0}, {})
    with pytest.raises(UserError, match=r"column 'y': found numbers written as text, such as '\$900\.50'"):
        proposal(money, tmp_path)


def test_a_text_of_its_own_in_each_row_is_no_class(tmp_path):
    with pytest.raises(UserError, match="found 200 different texts in 200 rows; expected classes"):
        proposal(Case({"y": [f"answer {i}" for i in range(ROWS)]}, {"y": "none"}, {}), tmp_path)


def test_an_archive_without_a_column_to_read_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"found no column to predict y from: same \(constant: every row has '1'\)"):
        proposal(Case({"y": YES_NO}, {"y": 0}, {}, base=BASE[["id"]].assign(same=1)), tmp_path)


def test_a_metric_of_another_kind_is_refused_with_what_helps(tmp_path):
    with pytest.raises(UserError, match=r"rmse \(told\) does not suit classification .*\n.*, or `--kind regression`"):
        proposal(Case({"y": YES_NO}, {"y": 0}, {}, metric="rmse"), tmp_path)
    assert proposal(Case({"y": YES_NO}, {"y": 0}, {}, metric="rmse"), tmp_path, kind="regression")


def test_a_picture_of_pixels_is_an_image(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (ROWS, 64))
    base = pd.DataFrame(pixels, columns=[f"pixel{i}" for i in range(64)]).assign(id=range(ROWS))
    made = proposal(Case({"digit": np.arange(ROWS) % 10}, {"digit": 0}, {}, base=base), tmp_path)
    assert (made.image, made.inputs) == ((8, 8), "image")
    text = competition_file.source(made)
    assert 'types={"id": int, "digit": int, **{f"pixel{i}": int for i in range(64)}}' in text
    assert "encoding: {inputs: image" in lane.text("x", lane.source(made, set()), "  ")


def test_a_lane_without_anchors_is_written_out(tmp_path, repository):
    made = proposal(CASES["two-numbers"], tmp_path)
    content = YAML(typ="safe").load((repository / "params.yaml").read_text())
    text = lane.text("x", lane.source(made, set()), "  ")
    content["competitions"]["x"] = YAML(typ="safe").load(text)["x"]
    assert params.check(content).lane("x").source == "kaggle"
    assert max(map(len, text.splitlines())) <= 120


def test_a_table_that_cannot_be_joined_is_said(tmp_path):
    made = proposal(CASES["shops-joined"], tmp_path)
    assert made.unread == {"notes.csv": "no column of its name is in the rows"}
    (shops,) = [relation for relation in made.joined if relation.file == "shops.csv"]
    assert re.fullmatch(r"one row for each city; 7\d% of the rows have one", shops.reason)
    with pytest.raises(UserError, match=r"--sample: shops\.csv, visits\.csv are joined"):
        sample.source(made)


def labels(values: list[object], test: list[object] | None = None) -> str:
    train = pd.DataFrame({"x": values})
    frame = pd.DataFrame({"x": test if test is not None else values})
    (column,) = describe(train, frame, [])
    return column.role


@pytest.mark.parametrize(
    ("values", "role"),
    [
        ([f"{i} km" for i in range(50)], "number as text"),
        ([f"${i}.5k" for i in range(50)], "number as text"),
        ([f"{i} {unit}" for i in range(25) for unit in ("km", "mi")], "many categories"),
        ([f"{i:03}" for i in range(20)] * 2, "category"),
        ([f"1{i:020}" for i in range(40)] * 2, "many categories"),
        (["3B", "4B", "5B", "6B"] * 10, "category"),
        (["True", "False"] * 10, "truth value"),
        (["Y", "N", None] * 10, "truth value"),
        (["Jan-2015", "Feb-2016", "Dec-2014"] * 10, "date"),
        ([f"2024-01-{i:02} 10:00:00" for i in range(1, 30)], "date"),
        ([f"2024-01-01T10:{i:02}:00Z" for i in range(1, 30)], "date and time"),
        ([20240100 + i for i in range(1, 30)], "id-like"),
        ([None, None], "constant"),
        (["Y", None], "category"),
        ([f"a{i}@x.org" for i in range(40)], "many categories"),
        ([1.5, 2.5, None], "number"),
    ],
)
def test_the_role_of_a_column(values, role):
    assert labels(values) == role


def test_a_category_that_train_never_had_in_most_test_rows_is_left_out_and_few_are_said():
    train, test = pd.DataFrame({"x": list("abcd") * 25}), pd.DataFrame({"x": list("abce") * 25})
    (column,) = describe(train, test, [])
    assert column.role == "category"
    assert "25% of the test rows have one that no training row has" in column.reason
    (column,) = describe(train, pd.DataFrame({"x": list("aefg") * 25}), [])
    assert (column.role, column.is_read) == ("id-like", False)
    assert "75% of the test rows" in column.reason


def test_days_written_as_whole_numbers_are_dates():
    frame = pd.DataFrame({"sale_date": [20240100 + i for i in range(1, 30)]})
    (column,) = describe(frame, frame, [])
    assert (column.role, column.option) == ("date", "%Y%m%d")


@pytest.mark.parametrize(
    ("name", "is_time"),
    [
        (n, True)
        for n in ("date", "saleDate", "saledate", "Order Date", "year", "week_no", "created_ts", "yr", "timeStamp")
    ]
    + [
        (n, False) for n in ("candidate_id", "candidate", "mandate", "update", "patient", "points", "costs", "lifelong")
    ],
)
def test_a_time_is_known_by_its_name(name, is_time):
    assert bool(TIME_NAME.search(name)) == is_time


def test_a_guess_is_sure_unless_there_are_others():
    assert Guess("rmse", "told").is_sure
    assert not Guess("rmse", "not told", ("rmse", "mae")).is_sure


@pytest.mark.parametrize(
    ("metric", "lowest", "objective", "logarithm"),
    [
        ("rmse", 1, "{loss: smooth_l1, beta: 1.0}", False),
        ("rmse_log", 1, "{loss: smooth_l1, beta: 1.0}", True),
        ("rmsle", 1, "{loss: smooth_l1, beta: 1.0}", True),
        ("rmsle", 0, "{loss: smooth_l1, beta: 1.0, power: true}", False),
        ("mae", 0, "{loss: absolute_error}", False),
        ("quantile_0.9", 0, "{loss: quantile, alpha: 0.9}", False),
        ("poisson_deviance", 0, "{loss: poisson}", False),
    ],
)
def test_the_loss_suits_the_metric(tmp_path, metric, lowest, objective, logarithm):
    target = {"y": np.arange(ROWS) % 97 + lowest + 0.5 * (lowest > 0)}
    made = proposal(Case(target, {"y": 1.5}, {}, metric=metric), tmp_path)
    assert dict(lane.source(made, set()))["objective"] == objective
    assert ("log_target=True" in competition_file.source(made)) == logarithm


def test_the_submission_holds_what_the_metric_needs(tmp_path):
    case = CASES["two-tags"]
    zeros = Case(case.targets, {"a": 0, "b": 0}, {})
    assert proposal(zeros, tmp_path).target.wants == "probabilities"
    assert proposal(Case(zeros.targets, zeros.sample, {}, metric="f1_macro"), tmp_path).target.wants == "labels"
    assert (
        proposal(Case(CASES["class-names"].targets, {"grade": "fair"}, {}, metric="f1_macro"), tmp_path).target.wants
        == "labels"
    )


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("class-names", "regression", "found regression, which the values of grade do not suit; expected numbers"),
        ("two-numbers", "tagging", "expected two values each"),
        ("two-numbers", "classification", "expected one target"),
        ("class-names", "recommendation", "the other kinds are written by hand"),
    ],
)
def test_a_kind_that_the_targets_do_not_suit_is_refused(tmp_path, name, kind, said):
    with pytest.raises(UserError, match=said):
        proposal(CASES[name], tmp_path, kind=kind)


@pytest.mark.parametrize(
    ("form", "said", "gap", "obstacle"),
    [
        ("%Y-%m-%d", False, False, ""),
        ("%Y%m%d", False, False, ""),
        ("%m/%d/%Y", True, False, ""),
        ("%d/%m/%Y", True, False, ""),
        ("%d %b %Y", True, False, ""),
        ("%d.%m.%Y %H:%M", True, False, ""),
        ("%d/%m/%Y", True, True, "1 rows have no time"),
    ],
)
def test_folds_by_time_are_written_with_the_format_of_the_times(tmp_path, form, said, gap, obstacle):
    days = pd.Series(pd.date_range("2024-01-01", periods=ROWS).strftime(form))
    if gap:
        days[7] = None
    case = Case({"sales": np.arange(ROWS) * 1.5}, {"sales": 0.0}, {}, base=BASE.assign(date=days))
    made = proposal(case, tmp_path)
    assert (made.split.time, made.split.form, made.split.obstacle) == ("date", form if said else "", obstacle)
    text = competition_file.source(made)
    assert ('fold_by_time="date"' in text) == (not obstacle)
    assert (f'time_format="{form}"' in text) == (said and not obstacle)
    if not obstacle:
        space: dict[str, object] = {}
        exec(compile(text, "a_case.py", "exec"), space)
        competition = space["competition"]
        fold = folds.by_time(made.found.train["date"], 5, competition.time_format)
        assert fold.tolist() == folds.by_time(pd.Series(range(len(fold)), name="day"), 5).tolist()


def test_a_count_that_is_nearly_always_zero_is_no_group():
    # Further values occur in train or in test alone, as those of any skewed count.
    train = pd.DataFrame({"overdue": [0] * 900 + [3, 3, 5, 5, 7, 7, 9, 9, 11, 11, 13, 13, 15, 15]})
    test = pd.DataFrame({"overdue": [0] * 300 + [4, 6, 8, 10, 12, 14, 16, 18]})
    assert splits.find(train, test, [Column("overdue", "number", "")]).group is None
    rows = np.random.default_rng(0).permutation(np.repeat(np.arange(40), 10))
    groups = pd.DataFrame({"overdue": rows[rows < 30]}), pd.DataFrame({"overdue": rows[rows >= 30]})
    assert splits.find(*groups, [Column("overdue", "number", "")]).group == "overdue"


def tabled(folder: Path, *tables: tuple[str, list[str]]) -> Archive:
    """Write tables of 20 rows with the named columns; a column `id` counts the rows."""
    with zipfile.ZipFile(folder / "given.zip", "w") as opened:
        for name, columns in tables:
            start = 20 if "test" in name or "sample" in name else 0
            frame = pd.DataFrame({column: np.arange(20) + start for column in columns})
            opened.writestr(name, frame.to_csv(index=False))
    return Archive(folder / "given.zip", Path("an archive"), "get it again", "fix it")


COLUMNS, GOALS = ["id", "a", "b"], ["id", "x", "y"]


@pytest.mark.parametrize(
    ("tables", "train", "targets"),
    [
        # Of two tables with targets, the one that is asked for; the other one is none of the features.
        (
            [("train_features.csv", COLUMNS), ("train_targets.csv", GOALS), ("train_targets_more.csv", ["id", "z"])],
            "train_features.csv",
            "train_targets.csv",
        ),
        # By its name, where the sample submission calls the targets otherwise.
        ([("train_values.csv", COLUMNS), ("train_labels.csv", ["id", "z"])], "train_values.csv", "train_labels.csv"),
        ([("train.csv", COLUMNS), ("labels.csv", GOALS)], "train.csv", "labels.csv"),
        # A training table that has the targets needs none, and a series beside it is not the rows.
        ([("train.csv", [*COLUMNS, "x", "y"]), ("labels.csv", ["id", "name"])], "train.csv", None),
        ([("train.csv", [*COLUMNS, "x", "y"]), ("train_series.csv", ["id", "v"])], "train.csv", None),
    ],
)
def test_targets_are_found_in_a_table_of_their_own(tmp_path, tables, train, targets):
    archive = tabled(
        tmp_path, *tables, ("test.csv", COLUMNS), ("test_series.csv", ["id", "v"]), ("sample_submission.csv", GOALS)
    )
    found = files.read(archive)
    assert (found.files.train, found.files.targets) == (train, targets)
    assert {*COLUMNS} < {*found.train}
    assert len(found.train) == 20
    related, _ = relations.find(found, ["x", "y"])
    assert not {relation.file for relation, _ in related} & {"train_targets.csv", "train_targets_more.csv"}
