"""The gate stops what Kaggle would refuse or score wrongly, names every failure at once, and lets honest work pass."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from groundwork.competitions import Inputs, Labelled
from groundwork.data.load import load
from groundwork.data.prepared import Prepared
from groundwork.errors import UserError
from groundwork.kaggle import gate

ROWS = 400
IDS = np.arange(892, 892 + ROWS)
GENERATOR = np.random.default_rng(0)
LABELS = GENERATOR.permutation(np.repeat([0, 1], [248, 152]))
PRICES = np.exp(GENERATOR.normal(12, 0.4, ROWS))
OOF_LABELS = pd.Series(GENERATOR.permutation(np.repeat([0, 1], [549, 342])), name="Survived")
OOF_PRICES = pd.Series(np.exp(GENERATOR.normal(12, 0.4, 1460)), name="SalePrice")


def labels(values: np.ndarray | list = LABELS, ids: np.ndarray = IDS) -> pd.DataFrame:
    return pd.DataFrame({"PassengerId": ids, "Survived": values})


def check_labels(submission: pd.DataFrame) -> list[str]:
    return gate.check(submission, labels(np.zeros(ROWS, int)), "classification", OOF_LABELS, OOF_LABELS.to_frame())


def check_prices(values: np.ndarray, oof: pd.Series = OOF_PRICES) -> list[str]:
    submission, sample = (
        pd.DataFrame({"Id": IDS[: len(v)], "SalePrice": v}) for v in (values, np.full(len(values), 1.5))
    )
    return gate.check(submission, sample, "regression", OOF_PRICES, oof.to_frame(), positive=True)


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


# --- tags ------------------------------------------------------------------------------------------------------------

PROBABILITIES = pd.DataFrame({"loud": GENERATOR.beta(1, 9, ROWS), "rude": GENERATOR.beta(1, 99, ROWS)})
OOF_PROBABILITIES = pd.DataFrame({"loud": GENERATOR.beta(1, 9, 2000), "rude": GENERATOR.beta(1, 99, 2000)})


def check_tags(**changed: object) -> list[str]:
    ids = pd.Series([f"{number:016x}" for number in IDS])
    submission, sample = (pd.DataFrame({"id": ids, "loud": 0.5, "rude": 0.5}).assign(**values) for values in (
        {**PROBABILITIES, **changed}, {}
    ))  # fmt: skip
    return gate.check(submission, sample, "tagging", pd.Series([0, 1]), OOF_PROBABILITIES)


def test_probabilities_of_tags_pass() -> None:
    assert check_tags() == []
    certain = PROBABILITIES["loud"].mask(PROBABILITIES.index == 3, 1.0).mask(PROBABILITIES.index == 4, 0.0)
    assert check_tags(loud=certain) == []


@pytest.mark.parametrize("wrong", [1.2, -0.1])
def test_what_is_no_probability_is_named_with_its_column_and_line(wrong: float) -> None:
    said = refused(lambda: check_tags(rude=PROBABILITIES["rude"].mask(PROBABILITIES.index == 7, wrong)))
    assert said == f"submission.csv: rude: line 9: found {wrong}; expected a probability from 0 to 1"


def test_one_constant_tag_is_refused() -> None:
    assert refused(lambda: check_tags(rude=0.01)) == (
        "submission.csv: rude: every row is 0.01; expected predictions that differ"
    )


def test_exchanged_tags_are_refused_one_by_one() -> None:
    said = refused(lambda: check_tags(loud=PROBABILITIES["rude"], rude=PROBABILITIES["loud"])).splitlines()
    assert [line.split(": ")[1] for line in said] == ["loud", "rude"]
    assert all("not like the out-of-fold ones" in line for line in said)


# --- lists of ids ----------------------------------------------------------------------------------------------------

ARTICLES = pd.Series([f"0{number}" for number in range(108775015, 108775115)])
CUSTOMERS = pd.Series([f"{number:02}{'c0ffee' * 10}" for number in range(5)])


def lists(rows: int = 5, answers: int = 12) -> list[str]:
    return [" ".join(ARTICLES[start : start + answers]) for start in range(0, 3 * rows, 3)]


def check_lists(values: list[str | None]) -> list[str]:
    submission = pd.DataFrame({"customer_id": CUSTOMERS, "prediction": values})
    sample = pd.DataFrame({"customer_id": CUSTOMERS, "prediction": " ".join(ARTICLES[:12])})
    return gate.check(submission, sample, "recommendation", ARTICLES, None, most=12)


def test_twelve_known_ids_for_each_customer_pass_and_so_do_fewer() -> None:
    assert check_lists(lists()) == []
    assert check_lists([ARTICLES[0], *lists()[1:]]) == []
    assert check_lists(lists(answers=3)) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (" ".join(ARTICLES[:13]), "line 4: found 13 ids; expected 12 at the most"),
        (f"{ARTICLES[0]} 0999999999", "line 4: found 0999999999; expected an id of the competition's"),
        (f"{ARTICLES[0]} {ARTICLES[0][1:]}", "line 4: found 108775015; expected an id of the competition's"),
        (f"{ARTICLES[0]}  {ARTICLES[1]}", "line 4: found ; expected an id of the competition's"),
        (f"{ARTICLES[1]} {ARTICLES[0]} {ARTICLES[1]}", "expected each id once"),
        (None, "line 4: found no value; expected ids with spaces between them"),
    ],
    ids=["thirteen", "unknown", "without its leading zero", "two spaces", "twice", "empty"],
)
def test_a_bad_list_is_named_with_its_line(wrong: str | None, said: str) -> None:
    values: list[str | None] = [*lists()]
    values[2] = wrong
    problem = refused(check_lists, values)
    assert problem.startswith("submission.csv: prediction: line 4: found ")
    assert problem.endswith(said)
    assert "\n" not in problem


def test_an_id_may_stand_in_the_lists_of_several_customers() -> None:
    assert check_lists([*lists()[:4], f"{ARTICLES[99]} {ARTICLES[0]}"]) == []


def test_every_bad_list_is_counted() -> None:
    values = [*lists()]
    values[1] = values[4] = " ".join(ARTICLES[:13])
    assert "prediction: line 3 and 1 more: found 13 ids; expected 12 at the most" in refused(check_lists, values)


def test_the_same_list_for_everybody_is_noted_and_passes() -> None:
    (note,) = check_lists([lists()[0]] * 5)
    assert "every row is the same list" in note


def test_the_leading_zeros_of_ids_survive_the_way_through_a_file(tmp_path: Path) -> None:
    written = pd.DataFrame({"customer_id": CUSTOMERS, "prediction": lists()})
    written.to_csv(tmp_path / "submission.csv", index=False)
    found = gate.read_table(tmp_path / "submission.csv", "make it")
    assert found["prediction"].tolist() == lists()
    assert found["customer_id"].tolist() == CUSTOMERS.tolist()


# --- the files of a lane ---------------------------------------------------------------------------------------------

TITANIC = Labelled(
    slug="titanic",
    kind="classification",
    metric="accuracy",
    id="PassengerId",
    targets=("Survived",),
    columns={},
    inputs=Inputs(),
    sample=lambda _: {},
)


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    """Tables of a lane, in a folder that is not below the working directory."""
    folder = tmp_path / "tables"
    folder.mkdir()
    labels(np.zeros(ROWS, int)).to_csv(folder / "sample_submission.csv", index=False)
    rows = pd.DataFrame({"PassengerId": range(1, 892), "Survived": OOF_LABELS})
    rows.to_parquet(folder / "train.parquet")
    rows[["PassengerId"]].assign(fold=0).to_parquet(folder / "folds.parquet")
    pd.DataFrame({"PassengerId": IDS}).to_parquet(folder / "test.parquet")
    return load(TITANIC, folder)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The folder of that lane's results, in which everything passes."""
    folder = tmp_path / "results"
    folder.mkdir()
    oof = {"id": range(1, 892), "fold": 0, "target": OOF_LABELS, "p0": 1.0 - OOF_LABELS, "p1": OOF_LABELS}
    pd.DataFrame(oof).to_parquet(folder / "oof.parquet")
    labels().to_csv(folder / "submission.csv", index=False)
    return folder


def test_the_files_of_a_lane_are_checked(prepared: Prepared, results: Path) -> None:
    assert gate.check_files("titanic", TITANIC, prepared, results) == []
    labels(1 - LABELS).to_csv(results / "submission.csv", index=False)
    problem = refused(gate.check_files, "titanic", TITANIC, prepared, results)
    assert problem.startswith(f"{results}/submission.csv: Survived: the predictions are not like")


def test_a_file_not_yet_in_its_place_is_checked_under_its_coming_name(
    prepared: Prepared, results: Path, tmp_path: Path
) -> None:
    new = tmp_path / "temporary.csv"
    labels(1 - LABELS).to_csv(new, index=False)
    problem = refused(gate.check_files, "titanic", TITANIC, prepared, results, new)
    assert problem.startswith(f"{results}/submission.csv: ")


def test_the_text_nan_is_no_number(prepared: Prepared, results: Path) -> None:
    file = results / "submission.csv"
    file.write_text(file.read_text().replace("892,", "892,NaN").replace("NaN0", "NaN").replace("NaN1", "NaN"))
    problem = refused(gate.check_files, "titanic", TITANIC, prepared, results)
    assert "line 2: found 'NaN'; expected whole numbers" in problem


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b'a,b\n1,2,3\n"', "is not CSV"), (b"\xff\xfe\xff", "is not CSV"), (None, "not found")],
)
def test_a_file_that_is_no_table_is_said_with_the_command_that_makes_it(
    prepared: Prepared, results: Path, content: bytes | None, words: str
) -> None:
    file = results / "submission.csv"
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        gate.check_files("titanic", TITANIC, prepared, results)
    assert "`dvc repro predict@titanic`" in caught.value.next_step
    assert str(file) in caught.value.problem


@pytest.mark.parametrize(
    ("content", "words"), [(None, "not found"), (b"", "cannot be read"), (b"PAR1 half a file", "cannot be read")]
)
def test_missing_or_broken_out_of_fold_predictions_are_said(
    prepared: Prepared, results: Path, content: bytes | None, words: str
) -> None:
    file = results / "oof.parquet"
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(UserError, match=f"oof.parquet: {words}") as caught:
        gate.check_files("titanic", TITANIC, prepared, results)
    assert "train@titanic`" in caught.value.next_step


@pytest.mark.parametrize(
    ("columns", "found"), [({"p0": 0.2, "p1": 0.2, "p2": 0.6}, "3 probabilities"), ({"prediction": 0.5}, "one number")]
)
def test_out_of_fold_predictions_of_another_question_are_refused(
    prepared: Prepared, results: Path, columns: dict[str, float], found: str
) -> None:
    pd.DataFrame({"id": range(9), "fold": 0, "target": 1}).assign(**columns).to_parquet(results / "oof.parquet")
    problem = refused(gate.check_files, "titanic", TITANIC, prepared, results)
    assert f"found {found} for each row; expected 2 probabilities" in problem
