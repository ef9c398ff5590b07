"""What the report says about out-of-fold rows and about the prepared tables."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from groundwork import mistakes
from groundwork.competitions import Inputs, Labelled
from groundwork.files import write_json
from groundwork.reporting import failures, tables
from groundwork.reporting.page import report

ROWS = 400


def competition(kind: str, metric: str, *targets: str, **inputs: object) -> Labelled:
    return Labelled(
        slug="a-b",
        kind=kind,
        metric=metric,
        id="id",
        targets=targets,
        inputs=Inputs(**inputs),
        sample_submission="s.csv",
    )


def table(**columns: object) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    city = np.array(["north", "south"])[draw.integers(0, 2, ROWS)]
    return pd.DataFrame({"id": np.arange(ROWS), "city": city, "size": draw.normal(size=ROWS)} | columns)


def classified(predicted: np.ndarray, target: np.ndarray, train: pd.DataFrame) -> mistakes.Judged:
    frame = {"id": train["id"], "fold": 0, "target": target}
    oof = pd.DataFrame(frame | {f"p{code}": predicted[:, code] for code in range(predicted.shape[1])})
    chosen = competition("classification", "accuracy", "won", categorical=("city",), numeric=("size",))
    found = mistakes.judged(chosen, oof.sample(frac=1, random_state=0), train)
    assert found is not None
    return found


def test_the_worst_rows_are_those_with_the_largest_loss_and_show_their_own_columns():
    target = np.arange(ROWS) % 2
    train = table(won=np.array(["no", "yes"])[target])
    predicted = np.full((ROWS, 2), 0.5)
    predicted[7] = [0.99, 0.01]  # is yes
    predicted[4] = [0.1, 0.9]  # is no
    first, second, *_ = failures.worst(classified(predicted, target, train))["rows"]
    assert (first["id"], first["actual"], first["predicted"], first["error"]) == ("7", "yes", "no (99%)", "4.61")
    assert (second["id"], second["actual"], second["predicted"]) == ("4", "no", "yes (90%)")
    assert first["cells"] == [train["city"][7], f"{train['size'][7]:.6g}"]


def test_pictures_are_shown_as_they_are():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 6))
    train = pd.DataFrame(pixels, columns=[f"pixel{i}" for i in range(6)]).assign(id=range(3), label=[0, 1, 1])
    oof = pd.DataFrame({"id": [2, 0, 1], "fold": 0, "target": [1, 0, 1], "p0": [0.9, 0.8, 0.3], "p1": [0.1, 0.2, 0.7]})
    types = dict.fromkeys(["id", "label", *train.columns[:6]], int)
    chosen = Labelled(
        slug="a-b", kind="classification", metric="accuracy", id="id", targets=("label",), types=types,
        inputs=Inputs(image=(2, 3)),
    )  # fmt: skip
    found = mistakes.judged(chosen, oof, train)
    assert found is not None
    from PIL import Image

    row = failures.worst(found)["rows"][0]
    assert row["id"] == "2"
    picture = Image.open(io.BytesIO(base64.b64decode(row["picture"].partition(",")[2])))
    assert np.asarray(picture).ravel().tolist() == pixels[2].tolist()


def test_a_group_with_a_larger_error_is_found_and_chance_is_not():
    train = table()
    off = np.random.default_rng(1).normal(size=ROWS) * np.where(train["city"] == "north", 5.0, 1.0)
    oof = pd.DataFrame({"id": train["id"], "fold": 0, "target": np.zeros(ROWS), "prediction": off})
    chosen = competition("regression", "rmse", "y", categorical=("city",), numeric=("size",))
    found = mistakes.judged(chosen, oof, train)
    assert found is not None
    chart = failures.by_group(found)
    assert chart is not None
    shown = chart["spec"]["data"]["values"]
    assert [group["name"] for group in shown] == ["city = north", "city = south"]
    north = np.abs(off[train["city"] == "north"])
    margin = 1.96 * north.std(ddof=1) / np.sqrt(len(north))
    assert [shown[0][key] for key in ("error", "low", "high")] == pytest.approx(
        [north.mean(), north.mean() - margin, north.mean() + margin], abs=1e-4
    )
    even = mistakes.judged(chosen, oof.assign(prediction=np.random.default_rng(2).normal(size=ROWS)), train)
    assert even is not None
    assert failures.by_group(even) is None


def test_errors_are_on_the_scale_of_the_metric():
    train = table()
    oof = pd.DataFrame({"id": train["id"], "fold": 0, "target": np.full(ROWS, 100.0), "prediction": 200.0})
    found = mistakes.judged(competition("regression", "rmse_log", "y", numeric=("size",)), oof, train)
    assert found is not None
    assert found.error == pytest.approx(np.log(2))
    assert found.measure == "absolute error on the metric's scale"


def test_calibration_compares_what_is_stated_with_what_comes_true():
    draw = np.random.default_rng(0)
    stated = draw.uniform(0.5, 1, ROWS)
    target = (draw.random(ROWS) < stated - 0.3).astype(int)  # overconfident
    chart = failures.calibrated(classified(np.stack([1 - stated, stated], 1), target, table(won=target)))
    assert chart is not None
    bins = chart["spec"]["data"]["values"]
    assert sum(one["rows"] for one in bins) == ROWS
    lowest = np.sort(stated)[: bins[0]["rows"]]
    assert bins[0]["stated"] == pytest.approx(lowest.mean(), abs=1e-3)
    assert bins[0]["observed"] == pytest.approx(target[stated <= lowest.max()].mean(), abs=1e-3)
    assert all(one["low"] <= one["observed"] <= one["high"] for one in bins)
    assert all(one["high"] < one["stated"] for one in bins[2:])


def test_tags_are_judged_together():
    train = table()
    target = np.tile([[1, 0]], (ROWS, 1))
    predicted = np.tile([[0.8, 0.4]], (ROWS, 1))
    columns = {f"t{tag}": target[:, tag] for tag in range(2)} | {f"p{tag}": predicted[:, tag] for tag in range(2)}
    oof = pd.DataFrame({"id": train["id"], "fold": 0} | columns)
    found = mistakes.judged(competition("tagging", "auc", "a", "b", numeric=("size",)), oof, train)
    assert found is not None
    assert found.error == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2)
    row = failures.worst(found)["rows"][0]
    assert (row["actual"], row["predicted"]) == ("a", "a 80%, b 40%")
    assert failures.calibrated(found) is not None


def test_rows_that_are_not_the_tables_are_not_judged():
    oof = pd.DataFrame({"id": [1, 999_999], "fold": 0, "target": [0.0, 1.0], "prediction": [0.0, 1.0]})
    assert mistakes.judged(competition("regression", "rmse", "y", numeric=("size",)), oof, table()) is None


def test_the_column_that_shifts_most_comes_first():
    train, test = table(late=np.nan), table(late=1.0)
    test["size"] += 3
    test.loc[:99, "city"] = np.nan
    chosen = competition("regression", "rmse", "y", categorical=("city",), numeric=("size", "late"))
    found = tables.described(chosen, train, test)
    assert found is not None
    assert found["rows"] == (ROWS, ROWS)
    assert found["missing"] == [("late", 1.0, 0.0), ("city", 0.0, 0.25)]
    assert [chart["title"] for chart in found["charts"]] == ["late", "size", "city"]
    shares = pd.DataFrame(found["charts"][1]["spec"]["data"]["values"])
    assert shares.groupby("rows")["share"].sum().to_dict() == pytest.approx({"train": 1, "test": 1}, abs=0.01)


def test_labels_called_missing_or_others_are_labels_like_any_other():
    column = pd.Series(["missing", "others", "x"] * 20)
    shift, chart = tables._compared("c", column, column)
    assert shift == 0
    assert {row["value"] for row in chart["spec"]["data"]["values"]} == {"missing", "others", "x"}


def test_bins_of_years_have_names_of_their_own():
    years = pd.Series(range(2000, 2400))
    shift, chart = tables._compared("year", years[:200], years[200:])
    assert shift == pytest.approx(1, abs=0.02)
    names = list(dict.fromkeys(row["value"] for row in chart["spec"]["data"]["values"]))
    assert len(names) == 8
    assert names[0].startswith("2,000 – 2,0")
    assert tables.between(np.array([2e6, 2e6 + 1, 2e6 + 5])) == ["2,000,000 – 2,000,001", "2,000,001 – 2,000,005"]


def test_ids_and_whole_numbers_stay_whole_where_all_columns_are_numbers():
    train = pd.DataFrame({"id": [2**60 + 1, 2**60 + 2], "size": [1234567.0, 0.5], "y": [0.0, 1.0]})
    oof = pd.DataFrame({"id": train["id"], "fold": 0, "target": train["y"], "prediction": [9.0, 1.0]})
    found = mistakes.judged(competition("regression", "rmse", "y", numeric=("size",)), oof, train)
    assert found is not None
    row = failures.worst(found)["rows"][0]
    assert (row["id"], row["cells"]) == (str(2**60 + 1), ["1,234,567"])


def test_a_blend_shows_where_it_fails_in_the_tables_of_its_members(experiment: Callable[..., Any]) -> None:
    target = np.arange(ROWS) % 2
    folder, results = Path("data/prepared/one"), Path("results")
    for path in (folder, *(results / name for name in ("blend", "of-blends"))):
        path.mkdir(parents=True)
    train = table(PassengerId=np.arange(ROWS), Survived=target, Sex=np.array(["male", "female"])[target])
    for name in ("train", "test"):
        train.to_parquet(folder / f"{name}.parquet")
    oof = pd.DataFrame({"id": train["PassengerId"], "fold": 0, "target": target, "p0": 0.5, "p1": 0.5})
    oof.loc[17, ["p0", "p1"]] = [0.999, 0.001]
    for lane, members in (("blend", ("one", "two")), ("of-blends", ("blend", "three"))):
        oof.to_parquet(results / lane / "oof.parquet")
        params = {"competition": "titanic", "source": "sample", "members": dict.fromkeys(members, "abcdefgh")}
        record = experiment(lane, lane, params=params)
        write_json(results / lane / "run.json", record["run"])
    assert report() == []
    page = Path("results/report/index.html").read_text()
    for lane in ("blend", "of-blends"):
        section = page.partition(f'data-lane="{lane}"')[2].partition("</section>")[0]
        worst = section.partition("Where it fails")[2]
        assert "<td>0 (100%)</td>" in worst.partition('<span class="id">17</span>')[2].partition("</tr>")[0]
        assert "Calibration" in section
        assert "training rows, " not in section, "the members show the data"
