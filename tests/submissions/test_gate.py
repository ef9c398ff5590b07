"""The gate stops what Kaggle would refuse or score wrongly, names every failure at once, and lets honest work pass."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from groundwork.competitions import Competition, Inputs
from groundwork.errors import UserError
from groundwork.submissions import gate

ROWS = 400
IDS = np.arange(892, 892 + ROWS)
GENERATOR = np.random.default_rng(0)
LABELS = GENERATOR.permutation(np.repeat([0, 1], [248, 152]))
PRICES = np.exp(GENERATOR.normal(12, 0.4, ROWS))
OOF_LABELS = pd.Series(GENERATOR.permutation(np.repeat([0, 1], [549, 342])))
OOF_PRICES = pd.Series(np.exp(GENERATOR.normal(12, 0.4, 1460)))


def labels(values: np.ndarray | list = LABELS, ids: np.ndarray = IDS) -> pd.DataFrame:
    return pd.DataFrame({"PassengerId": ids, "Survived": values})


def check_labels(submission: pd.DataFrame) -> list[str]:
    return gate.check(submission, labels(np.zeros(ROWS, int)), "classification", OOF_LABELS, OOF_LABELS)


def check_prices(values: np.ndarray, oof: pd.Series = OOF_PRICES) -> list[str]:
    submission, sample = (
        pd.DataFrame({"Id": IDS[: len(v)], "SalePrice": v}) for v in (values, np.full(len(values), 1.5))
    )
    return gate.check(submission, sample, "regression", OOF_PRICES, oof, positive=True)


def refused(check: Callable[..., list[str]], *arguments: object) -> str:
    with pytest.raises(UserError) as caught:
        check(*arguments)
    return caught.value.problem


def test_a_good_submission_passes_without_a_word() -> None:
    assert check_labels(labels()) == []
    assert check_prices(PRICES) == []


def test_another_row_order_is_said_and_allowed() -> None:
    (note,) = check_labels(labels().sample(frac=1, random_state=0, ignore_index=True))
    assert "not in the sample's order" in note


def test_wrong_columns_are_named_with_the_right_ones() -> None:
    assert "found columns Survived, PassengerId; expected PassengerId, Survived in this order" in refused(
        check_labels, labels()[["Survived", "PassengerId"]]
    )
    assert "found columns PassengerId, survived" in refused(
        check_labels, labels().rename(columns={"Survived": "survived"})
    )
    assert "found columns PassengerId, Survived, p" in refused(check_labels, labels().assign(p=0))


def test_repeated_missing_and_foreign_ids_are_counted_and_named() -> None:
    ids = IDS.copy()
    ids[5], ids[7] = ids[4], 7
    problem = refused(check_labels, labels(ids=ids))
    assert "PassengerId: line 7: found 896 again" in problem
    assert "PassengerId: 2 ids of the sample are missing, the first is 897" in problem
    assert "PassengerId: line 9: found 7; expected an id of the sample" in problem


def test_a_short_file_misses_ids() -> None:
    assert "1 ids of the sample are missing, the first is 1291" in refused(check_labels, labels().iloc[:-1])


def test_ids_of_another_type_are_said() -> None:
    assert "PassengerId: found numbers; expected whole numbers" in refused(check_labels, labels(ids=IDS.astype(float)))


def test_labels_written_as_decimals_are_refused() -> None:
    assert "Survived: found 0.0 (numbers); expected whole numbers" in refused(
        check_labels, labels(np.r_[0.0, LABELS[1:]])
    )


def test_a_class_that_training_never_saw_is_refused() -> None:
    values = LABELS.copy()
    values[[3, 9]] = 2
    problem = refused(check_labels, labels(values))
    assert "Survived: line 5 and 1 more: found 2; expected a class of training: 0, 1" in problem


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.nan, "found no value"),
        (np.inf, "found inf; expected a finite number"),
        (-np.inf, "found -inf; expected a finite number"),
        (0.0, "found 0.0; the metric takes a logarithm: expected above 0"),
        (-5.0, "found -5.0; the metric takes a logarithm: expected above 0"),
    ],
)
def test_an_illegal_price_is_named_with_its_line(wrong: float, words: str) -> None:
    values = PRICES.copy()
    values[10] = wrong
    assert f"submission.csv: SalePrice: line 12: {words}" in refused(check_prices, values)


def test_text_among_numbers_is_named_with_its_line() -> None:
    values = PRICES.astype(object)
    values[0] = "cheap"
    assert "SalePrice: line 2: found 'cheap'; expected numbers" in refused(check_prices, values)


def test_a_constant_is_refused() -> None:
    assert "every row is 1; expected predictions that differ" in refused(check_labels, labels(np.ones(ROWS, int)))
    assert "every row is" in refused(check_prices, np.full(ROWS, PRICES.mean()))


@pytest.mark.parametrize(
    "values", [np.log(PRICES), PRICES * 2, PRICES / 1000], ids=["left on the log scale", "doubled", "in thousands"]
)
def test_prices_on_a_wrong_scale_are_refused(values: np.ndarray) -> None:
    assert "not like the out-of-fold ones: found median" in refused(check_prices, values)


def test_exchanged_classes_are_refused() -> None:
    problem = refused(check_labels, labels(1 - LABELS))
    assert "found 62% of class 1, out-of-fold 38% of class 1" in problem


@pytest.mark.parametrize("seed", range(20))
def test_an_honest_shift_passes(seed: int) -> None:
    """Half a standard deviation in the prices, ten points in the share of a class."""
    generator = np.random.default_rng(seed)
    assert check_prices(np.exp(generator.normal(12.2, 0.4, ROWS))) == []
    assert check_labels(labels(generator.permutation(np.repeat([0, 1], [210, 190])))) == []


@pytest.mark.parametrize("seed", range(20))
def test_a_handful_of_rows_may_lie_far_off_by_chance(seed: int) -> None:
    assert check_prices(np.exp(np.random.default_rng(seed).normal(12.4, 0.4, 8))) == []


def test_every_failure_is_said_at_once() -> None:
    submission = labels(np.full(ROWS, 7)).assign(more=1)
    submission.loc[0, "PassengerId"] = 1
    lines = refused(check_labels, submission).splitlines()
    assert [line.split(": ")[1] for line in lines] == [
        "found columns PassengerId, Survived, more; expected PassengerId, Survived in this order",
        "PassengerId",
        "PassengerId",
        "Survived",
        "Survived",
    ]


@pytest.fixture
def lane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of a lane that passes, in the working directory; returns the submission's path."""
    monkeypatch.chdir(tmp_path)
    prepared, results = Path("data/prepared/titanic"), Path("results/titanic")
    prepared.mkdir(parents=True)
    results.mkdir(parents=True)
    labels(np.zeros(ROWS, int)).to_csv(prepared / "sample_submission.csv", index=False)
    pd.DataFrame({"PassengerId": range(1, 892), "Survived": OOF_LABELS}).to_parquet(prepared / "train.parquet")
    oof = {"PassengerId": range(1, 892), "fold": 0, "target": OOF_LABELS, "p0": 1.0 - OOF_LABELS, "p1": OOF_LABELS}
    pd.DataFrame(oof).to_parquet(results / "oof.parquet")
    labels().to_csv(results / "submission.csv", index=False)
    return results / "submission.csv"


TITANIC = Competition(
    slug="titanic",
    kind="classification",
    metric="accuracy",
    id="PassengerId",
    target="Survived",
    columns={},
    inputs=Inputs(),
    sample=lambda _: {},
)


def test_the_files_of_a_lane_are_checked(lane: Path) -> None:
    assert gate.check_files("titanic", TITANIC) == []
    labels(1 - LABELS).to_csv(lane, index=False)
    assert "results/titanic/submission.csv: Survived: the predictions are not like" in refused(
        gate.check_files, "titanic", TITANIC
    )


def test_a_file_not_yet_in_its_place_is_checked_under_its_coming_name(lane: Path, tmp_path: Path) -> None:
    new = tmp_path / "temporary.csv"
    labels(1 - LABELS).to_csv(new, index=False)
    assert refused(gate.check_files, "titanic", TITANIC, new).startswith("results/titanic/submission.csv: ")


def test_the_text_nan_is_no_number(lane: Path) -> None:
    lane.write_text(lane.read_text().replace("892,", "892,NaN").replace("NaN0", "NaN").replace("NaN1", "NaN"))
    assert "line 2: found 'NaN'; expected whole numbers" in refused(gate.check_files, "titanic", TITANIC)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b'a,b\n1,2,3\n"', "is not CSV"), (b"\xff\xfe\xff", "is not CSV"), (None, "not found")],
)
def test_a_file_that_is_no_table_is_said_with_the_command_that_makes_it(
    lane: Path, content: bytes | None, words: str
) -> None:
    lane.unlink() if content is None else lane.write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        gate.check_files("titanic", TITANIC)
    assert "`dvc repro predict@titanic`" in caught.value.next_step
    assert "results/titanic/submission.csv" in caught.value.problem


def test_missing_out_of_fold_predictions_are_said(lane: Path) -> None:
    (lane.parent / "oof.parquet").unlink()
    assert "results/titanic/oof.parquet: not found" in refused(gate.check_files, "titanic", TITANIC)
