"""Private rows are chosen as folds are, and are in nothing that a stage reads; a share of 0 changes nothing."""

import dataclasses
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from groundwork import competitions
from groundwork.competitions import Labelled
from groundwork.data import private
from groundwork.data.load import load
from groundwork.data.rows import PreparedRows
from groundwork.errors import UserError
from groundwork.stages.fetch import fetch
from groundwork.stages.prepare import prepare

LABELLED = ["titanic", "house_prices", "digit_recognizer", "toxic_comments", "product_search"]


def prepared(
    competition: Labelled, folder: Path, share: float, seed: int = 0, folds: int = 5
) -> tuple[PreparedRows, pd.DataFrame | None]:
    archive, out = folder / "lane.zip", folder / f"{share} {seed}"
    aside = folder / f"{share} {seed}.parquet"
    if not archive.exists():
        fetch(competition, "sample", archive, "lane")
    prepare(competition, archive, out, folds, seed, share=share, aside=aside)
    tables = load(competition, out)
    assert isinstance(tables, PreparedRows)
    return tables, pd.read_parquet(aside) if aside.exists() else None


@pytest.mark.parametrize("name", LABELLED)
def test_rows_are_either_private_or_as_they_were(name: str, tmp_path: Path) -> None:
    competition = competitions.load(name)
    assert isinstance(competition, Labelled)
    whole, none = prepared(competition, tmp_path, 0.0)
    assert none is None
    rest, held_back = prepared(competition, tmp_path, 0.1)
    assert held_back is not None
    key = competition.id
    assert len(held_back) == pytest.approx(len(whole.train) / 10, abs=max(3, len(whole.train) / 50))
    together = pd.concat([rest.train, held_back]).set_index(key).loc[whole.train[key]].reset_index()
    pd.testing.assert_frame_equal(together[list(whole.train)], whole.train)
    pd.testing.assert_frame_equal(rest.test, whole.test)
    assert rest.fold[key].tolist() == rest.train[key].tolist()
    hidden = set(held_back[key])
    for fold in rest.folds:
        assert not hidden & {*rest.training(fold)[key], *rest.validation(fold)[key]}
        assert len(rest.training(fold)) + len(rest.validation(fold)) == len(whole.train) - len(held_back)
    assert not hidden & set(rest.labels[key])
    if competition.group_folds_by:
        assert not {*held_back[competition.group_folds_by]} & {*rest.train[competition.group_folds_by]}
    assert (rest.data_sha256, rest.folds_sha256) != (whole.data_sha256, whole.folds_sha256)
    _, other_folds = prepared(competition, tmp_path, 0.1, seed=7)
    pd.testing.assert_frame_equal(other_folds, held_back)


def rows(**changes: object) -> tuple[Labelled, pd.DataFrame]:
    titanic = competitions.load("titanic")
    assert isinstance(titanic, Labelled)
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"PassengerId": range(400), "Survived": rng.permutation([0, 1, 1, 1] * 100)})
    table["when"] = rng.permutation(
        [f"2026-{month:02d}-{day:02d}" for month in range(1, 11) for day in range(1, 11)] * 4
    )
    table["family"] = rng.integers(0, 120, 400)
    return dataclasses.replace(titanic, **changes), table  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0.05, 0.1, 0.15, 0.3, 1 / 3, 0.5])
def test_classes_keep_their_shares(share: float) -> None:
    competition, table = rows()
    private_rows = private.chosen(competition, table, share)
    assert private_rows.mean() == pytest.approx(float(Fraction(share).limit_denominator(20)), abs=0.01)
    assert table["Survived"][private_rows].mean() == pytest.approx(0.75, abs=0.02)


def test_a_class_never_leaves_training_and_groups_stay_together() -> None:
    competition, table = rows(group_folds_by="family")
    chosen = private.chosen(competition, table, 0.1)
    assert not {*table["family"][chosen]} & {*table["family"][~chosen]}
    for group in sorted({*table["family"][chosen]})[:3]:
        rare = table.assign(Survived=np.where(table["family"] == group, 2, table["Survived"]))
        again = private.chosen(competition, rare, 0.1)
        assert 2 in set(rare["Survived"][~again])
        assert not {*rare["family"][again]} & {*rare["family"][~again]}
    competition, table = rows(stratify=False)
    first = int(np.flatnonzero(private.chosen(competition, table, 0.1))[0])
    table.loc[first, "Survived"] = 2
    assert not private.chosen(competition, table, 0.1)[first]


def test_by_time_they_are_the_last() -> None:
    competition, table = rows(fold_by_time="when")
    chosen = private.chosen(competition, table, 0.1)
    assert chosen.mean() == pytest.approx(0.1, abs=0.02)
    assert table["when"][~chosen].max() < table["when"][chosen].min()


def test_what_cannot_be_made_is_refused_in_words(tmp_path: Path) -> None:
    competition, table = rows(group_folds_by="family")
    with pytest.raises(
        UserError, match=r"private: found 0.1; it takes 1 of 10 equal parts .* expected 2 to 5 for 5 gro"
    ):
        private.chosen(competition, table.assign(family=table["family"] % 5), 0.1)
    assert private.problem(competition, 0.0) is None
    assert private.problem(competition, 0.05) is None
    assert "expected 0, or 0.05 to 0.5" in str(private.problem(competition, 0.01))
    fashion = competitions.load("fashion_recommendations")
    assert "no labelled rows to hold back" in str(private.problem(fashion, 0.1))
    assert private.problem(fashion, 0.0) is None


def test_a_file_of_other_data_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"data/private/lane.parquet: not found") as caught:
        private.read("lane", data_sha256="d", share=0.1)
    assert caught.value.next_step == "make it: `groundwork prepare lane`"
    _, table = rows()
    private.write(table, private.path("lane"), data_sha256="d", share=0.1)
    pd.testing.assert_frame_equal(private.read("lane", data_sha256="d", share=0.1), table)
    for data_sha256, share in (("e", 0.1), ("d", 0.2)):
        with pytest.raises(UserError, match="was held back from other data"):
            private.read("lane", data_sha256=data_sha256, share=share)
    private.path("lane").write_bytes(b"PAR1")
    with pytest.raises(UserError, match="cannot be read"):
        private.read("lane", data_sha256="d", share=0.1)
