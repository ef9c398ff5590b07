"""The gate stops what Kaggle would refuse or score wrongly, names every failure at once, and lets honest work pass."""

import dataclasses
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
from groundwork.kaggle.gate import Verdict
from groundwork.objectives.base import Task
from groundwork.objectives.columns import Labels, Lists, Numbers, Rule

ROWS = 400
IDS = np.arange(892, 892 + ROWS)
GENERATOR = np.random.default_rng(0)
LABELS = GENERATOR.permutation(np.repeat([0, 1], [248, 152]))
PRICES = np.exp(GENERATOR.normal(12, 0.4, ROWS))
OOF_LABELS = pd.Series(GENERATOR.permutation(np.repeat([0, 1], [549, 342])), name="Survived")
OOF_PRICES = pd.Series(np.exp(GENERATOR.normal(12, 0.4, 1460)), name="SalePrice")


def as_read(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table as it is read from a file: text, or missing."""
    return pd.DataFrame(
        {name: [np.nan if pd.isna(value) else str(value) for value in table[name]] for name in table}, dtype="str"
    )


def labels(values: np.ndarray | list = LABELS, ids: np.ndarray = IDS) -> pd.DataFrame:
    return pd.DataFrame({"PassengerId": ids, "Survived": values})


def check_labels(submission: pd.DataFrame) -> Verdict:
    sample = as_read(labels(np.zeros(ROWS, int)))
    return gate.check(as_read(submission), sample, [Labels(["0", "1"])], OOF_LABELS.to_frame())


def check_prices(values: np.ndarray, oof: pd.Series = OOF_PRICES) -> Verdict:
    submission, sample = (
        as_read(pd.DataFrame({"Id": IDS[: len(v)], "SalePrice": v})) for v in (values, np.full(len(values), 1.5))
    )
    return gate.check(submission, sample, [Numbers(positive=True)], oof.to_frame())


def refused(check: Callable[..., Verdict], *arguments: object) -> str:
    with pytest.raises(UserError) as caught:
        check(*arguments)
    return caught.value.problem


def suspected(verdict: Verdict) -> list[str]:
    return [f"{column}: {suspicion.name}: {suspicion.text}" for column, suspicion in verdict.suspicions]


def test_a_good_submission_passes_without_a_word() -> None:
    assert check_labels(labels()) == Verdict()
    assert check_prices(PRICES) == Verdict()


def test_another_row_order_is_said_and_allowed() -> None:
    (note,) = check_labels(labels().sample(frac=1, random_state=0, ignore_index=True)).notes
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


def test_ids_are_compared_as_they_are_written() -> None:
    assert "PassengerId: line 2 and 399 more: found 892.0; expected an id of the sample" in refused(
        check_labels, labels(ids=IDS.astype(float))
    )


def test_labels_written_otherwise_than_in_the_sample_are_refused() -> None:
    assert "Survived: line 2 and 399 more: found 0.0; expected 0, 1" in refused(
        check_labels, labels(np.r_[0.0, LABELS[1:]])
    )


def test_a_class_that_training_never_saw_is_refused() -> None:
    values = LABELS.copy()
    values[[3, 9]] = 2
    problem = refused(check_labels, labels(values))
    assert "Survived: line 5 and 1 more: found 2; expected 0, 1" in problem


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.nan, "found no value"),
        (np.inf, "found inf; expected a finite number"),
        (-np.inf, "found -inf; expected a finite number"),
        (0.0, "found 0.0; expected above 0: the metric takes a logarithm"),
        (-5.0, "found -5.0; expected above 0: the metric takes a logarithm"),
    ],
)
def test_an_illegal_price_is_named_with_its_line(wrong: float, words: str) -> None:
    values = PRICES.copy()
    values[10] = wrong
    assert f"submission.csv: SalePrice: line 12: {words}" in refused(check_prices, values)


def test_text_among_numbers_is_named_with_its_line() -> None:
    values = PRICES.astype(object)
    values[0] = "cheap"
    assert "SalePrice: line 2: found cheap; expected a number" in refused(check_prices, values)


def test_a_constant_is_suspicious() -> None:
    assert suspected(check_labels(labels(np.ones(ROWS, int)))) == ["Survived: constant: every row is 1"]
    (said,) = suspected(check_prices(np.full(ROWS, PRICES.mean())))
    assert said.startswith("SalePrice: constant: every row is")


@pytest.mark.parametrize(
    "values", [np.log(PRICES), PRICES * 2, PRICES / 1000], ids=["left on the log scale", "doubled", "in thousands"]
)
def test_prices_on_a_wrong_scale_are_suspicious(values: np.ndarray) -> None:
    (said,) = suspected(check_prices(values))
    assert said.startswith("SalePrice: shift: the predictions are not like the out-of-fold ones: found median")


def test_exchanged_classes_are_suspicious() -> None:
    (said,) = suspected(check_labels(labels(1 - LABELS)))
    assert "found 62% of class 1, out-of-fold 38% of class 1 (distance 0.24; above 0.20 is unusual)" in said


@pytest.mark.parametrize("seed", range(20))
def test_an_honest_shift_passes(seed: int) -> None:
    """Half a standard deviation in the prices, ten points in the share of a class."""
    generator = np.random.default_rng(seed)
    assert check_prices(np.exp(generator.normal(12.2, 0.4, ROWS))) == Verdict()
    assert check_labels(labels(generator.permutation(np.repeat([0, 1], [210, 190])))) == Verdict()


@pytest.mark.parametrize("seed", range(20))
def test_a_handful_of_rows_may_lie_far_off_by_chance(seed: int) -> None:
    assert check_prices(np.exp(np.random.default_rng(seed).normal(12.4, 0.4, 8))) == Verdict()


def test_every_failure_is_said_at_once() -> None:
    submission = labels(np.full(ROWS, 7)).assign(more=1)
    submission.loc[0, "PassengerId"] = 1
    lines = refused(check_labels, submission).splitlines()
    assert [line.split(": ")[1] for line in lines] == [
        "found columns PassengerId, Survived, more; expected PassengerId, Survived in this order",
        "PassengerId",
        "PassengerId",
        "Survived",
    ]


# --- tags ------------------------------------------------------------------------------------------------------------

PROBABILITIES = pd.DataFrame({"loud": GENERATOR.beta(1, 9, ROWS), "rude": GENERATOR.beta(1, 99, ROWS)})
OOF_PROBABILITIES = pd.DataFrame({"loud": GENERATOR.beta(1, 9, 2000), "rude": GENERATOR.beta(1, 99, 2000)})


def check_tags(**changed: object) -> Verdict:
    ids = pd.Series([f"{number:016x}" for number in IDS])
    submission, sample = (pd.DataFrame({"id": ids, "loud": 0.5, "rude": 0.5}).assign(**values) for values in (
        {**PROBABILITIES, **changed}, {}
    ))  # fmt: skip
    rules: list[Rule] = [Numbers(0, 1, meaning="a probability")] * 2
    return gate.check(as_read(submission), as_read(sample), rules, OOF_PROBABILITIES)


def test_probabilities_of_tags_pass() -> None:
    assert check_tags() == Verdict()
    certain = PROBABILITIES["loud"].mask(PROBABILITIES.index == 3, 1.0).mask(PROBABILITIES.index == 4, 0.0)
    assert check_tags(loud=certain) == Verdict()


@pytest.mark.parametrize("wrong", [1.2, -0.1])
def test_what_is_no_probability_is_named_with_its_column_and_line(wrong: float) -> None:
    said = refused(lambda: check_tags(rude=PROBABILITIES["rude"].mask(PROBABILITIES.index == 7, wrong)))
    assert said == f"submission.csv: rude: line 9: found {wrong}; expected a probability from 0 to 1"


def test_one_constant_tag_is_suspicious() -> None:
    assert suspected(check_tags(rude=0.01)) == ["rude: constant: every row is 0.01"]


def test_exchanged_tags_are_suspicious_one_by_one() -> None:
    said = suspected(check_tags(loud=PROBABILITIES["rude"], rude=PROBABILITIES["loud"]))
    assert [line.split(": ")[0] for line in said] == ["loud", "rude"]
    assert all("not like the out-of-fold ones" in line for line in said)


# --- lists of ids ----------------------------------------------------------------------------------------------------

ARTICLES = pd.Series([f"0{number}" for number in range(108775015, 108775115)])
CUSTOMERS = pd.Series([f"{number:02}{'c0ffee' * 10}" for number in range(5)])


def lists(rows: int = 5, answers: int = 12) -> list[str]:
    return [" ".join(ARTICLES[start : start + answers]) for start in range(0, 3 * rows, 3)]


def check_lists(values: list[str | None]) -> Verdict:
    submission = pd.DataFrame({"customer_id": CUSTOMERS, "prediction": values})
    sample = pd.DataFrame({"customer_id": CUSTOMERS, "prediction": " ".join(ARTICLES[:12])})
    return gate.check(submission, sample, [Lists(ARTICLES, 12)])


def test_twelve_known_ids_for_each_customer_pass_and_so_do_fewer() -> None:
    assert check_lists(lists()) == Verdict()
    assert check_lists([ARTICLES[0], *lists()[1:]]) == Verdict()
    assert check_lists(lists(answers=3)) == Verdict()


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
    assert check_lists([*lists()[:4], f"{ARTICLES[99]} {ARTICLES[0]}"]) == Verdict()


def test_every_bad_list_is_counted() -> None:
    values = [*lists()]
    values[1] = values[4] = " ".join(ARTICLES[:13])
    assert "prediction: line 3 and 1 more: found 13 ids; expected 12 at the most" in refused(check_lists, values)


def test_the_same_list_for_everybody_passes() -> None:
    assert check_lists([lists()[0]] * 5) == Verdict()


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
    types={},
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
    assert gate.check_files("titanic", TITANIC, prepared, results) == Verdict()
    labels(1 - LABELS).to_csv(results / "submission.csv", index=False)
    (said,) = suspected(gate.check_files("titanic", TITANIC, prepared, results))
    assert said.startswith("Survived: shift: the predictions are not like")


def test_the_competitions_file_explains_a_suspicion(prepared: Prepared, results: Path) -> None:
    labels(1 - LABELS).to_csv(results / "submission.csv", index=False)
    explained = dataclasses.replace(TITANIC, gate={"shift": "the test set is from another ship"})
    verdict = gate.check_files("titanic", explained, prepared, results)
    assert verdict.suspicions == []
    assert verdict.notes[0].endswith("allowed by the competition's file: the test set is from another ship")
    other = dataclasses.replace(TITANIC, gate={"constant": "rare"})
    assert gate.check_files("titanic", other, prepared, results).suspicions


def test_a_file_not_yet_in_its_place_is_checked_under_its_coming_name(
    prepared: Prepared, results: Path, tmp_path: Path
) -> None:
    new = tmp_path / "temporary.csv"
    labels(LABELS + 1).to_csv(new, index=False)
    problem = refused(gate.check_files, "titanic", TITANIC, prepared, results, new)
    assert problem.startswith(f"{results}/submission.csv: ")


def test_the_text_nan_is_no_label(prepared: Prepared, results: Path) -> None:
    file = results / "submission.csv"
    file.write_text(file.read_text().replace("892,", "892,NaN").replace("NaN0", "NaN").replace("NaN1", "NaN"))
    problem = refused(gate.check_files, "titanic", TITANIC, prepared, results)
    assert "line 2: found NaN; expected 0, 1" in problem


@pytest.mark.parametrize(
    ("shares", "words"),
    [((0.25, 0.75), None), ((0.25, 0.7), "line 2 and 399 more: found probabilities that sum to 0.95; expected 1")],
)
def test_the_probabilities_of_a_row_sum_to_one(
    shares: tuple[float, float], words: str | None, prepared: Prepared, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(TITANIC), "task", Task(id="PassengerId", targets=("Survived",), needs="probabilities"))
    table = pd.DataFrame({"PassengerId": IDS, "Survived_1": shares[1], "Survived_0": shares[0]})
    table.to_csv(prepared.sample_submission, index=False)
    table.to_csv(results / "submission.csv", index=False)
    if words:
        assert words in refused(gate.check_files, "titanic", TITANIC, prepared, results)
    else:
        gate.check_files("titanic", TITANIC, prepared, results)


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
    assert "`dvc repro submission@titanic`" in caught.value.next_step
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
