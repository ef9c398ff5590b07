"""Each alarm sounds on its own trap, and none on the six samples; what is written follows the documented schema."""

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from jsonschema import validate
from tests import clone

from groundwork import competitions, params
from groundwork.checks.alarms import CHECKS, described, notes, sounding, to_json
from groundwork.checks.run import run
from groundwork.competitions import Inputs, Labelled
from groundwork.data.load import load
from groundwork.data.purchases import PreparedPurchases
from groundwork.data.rows import PreparedRows
from groundwork.files import write_json
from groundwork.stages.fetch import fetch
from groundwork.stages.prepare import prepare

ROWS, TEST_ROWS, FOLDS = 600, 300, 3
TABLE = Labelled(
    slug="table",
    kind="classification",
    metric="accuracy",
    id="Id",
    targets=("y",),
    inputs=Inputs(numeric=("a", "b", "c"), categorical=("label",), group=("key",)),
)
NAMES = {
    "adversarial validation", "drift of a column", "missing values", "same rows in train and test",
    "same rows across folds", "labels that contradict each other", "a column that gives the target away",
    "an order that predicts", "a shuffled target that is predicted",
}  # fmt: skip
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["schema", "lane", "checks"],
    "properties": {
        "schema": {"const": 1},
        "lane": {"type": "string"},
        "checks": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "alarm", "measured", "skipped"],
                "properties": {
                    "name": {"enum": sorted(NAMES)},
                    "measured": {"type": "object", "additionalProperties": {"type": "number"}},
                    "skipped": {"type": "string"},
                    "alarm": {
                        "type": ["object", "null"],
                        "additionalProperties": False,
                        "required": ["saw", "matters", "to_do", "columns"],
                        "properties": {
                            **{key: {"type": "string", "minLength": 9} for key in ("saw", "matters", "to_do")},
                            "columns": {"type": "array", "items": {"type": "string"}},
                        },
                    },
                },
            },
        },
    },
}


def clean() -> PreparedRows:
    rng, n = np.random.default_rng(0), ROWS + TEST_ROWS
    table = pd.DataFrame(
        {
            "Id": np.arange(n),
            "a": rng.normal(size=n),
            "b": np.where(rng.random(n) < 0.2, np.nan, rng.exponential(size=n)),
            "c": rng.integers(0, 9, n).astype(float),
            "label": rng.choice(["x", "y", "z"], n),
            "key": [f"k{number}" for number in rng.integers(0, n // 2, n)],
        }
    )
    table["y"] = (table["a"] + rng.normal(size=n) > 0).astype(int)
    return PreparedRows(
        folds=list(range(FOLDS)),
        final=False,
        train=table[:ROWS].copy(),
        test=table[ROWS:].drop(columns="y").reset_index(drop=True),
        fold=pd.DataFrame({"Id": np.arange(ROWS), "fold": rng.permutation(ROWS) % FOLDS}),
        sample_submission=Path("sample_submission.csv"),
        data_sha256="",
        folds_sha256="",
    )


def with_train(rows: PreparedRows, **columns: Any) -> PreparedRows:
    return dataclasses.replace(rows, train=rows.train.assign(**columns))


def shifted(rows: PreparedRows) -> PreparedRows:
    """Test rows differ in how two columns go together, not in any column alone."""
    rng = np.random.default_rng(1)
    train, test = rows.train.copy(), rows.test.copy()
    train["c"] = train["a"] + 0.3 * rng.normal(size=ROWS)
    test["c"] = -test["a"] + 0.3 * rng.normal(size=TEST_ROWS)
    return dataclasses.replace(rows, train=train, test=test)


def drifted(rows: PreparedRows) -> PreparedRows:
    return dataclasses.replace(rows, test=rows.test.assign(label=rows.test["label"].replace("x", "y")))


def missing(rows: PreparedRows) -> PreparedRows:
    return dataclasses.replace(rows, test=rows.test.assign(b=rows.test["b"].where(rows.test.index % 3 > 0)))


def leaked(rows: PreparedRows) -> PreparedRows:
    copies = rows.train.drop(columns="y")[:60]
    return dataclasses.replace(rows, test=pd.concat([rows.test, copies], ignore_index=True))


def doubled(rows: PreparedRows, flipped: bool = False) -> PreparedRows:
    again = rows.train[:30].assign(Id=np.arange(30) + 5000)
    again["y"] = 1 - again["y"] if flipped else again["y"]
    fold = rows.fold[:30].assign(Id=again["Id"].to_numpy())
    fold["fold"] = fold["fold"] if flipped else (fold["fold"] + 1) % FOLDS
    return dataclasses.replace(
        rows,
        train=pd.concat([rows.train, again], ignore_index=True),
        fold=pd.concat([rows.fold, fold], ignore_index=True),
    )


def told(rows: PreparedRows) -> PreparedRows:
    wrong = np.random.default_rng(2).random(ROWS) < 0.01
    return with_train(rows, c=np.where(wrong, 1 - rows.train["y"], rows.train["y"]) * 3.5)


def sorted_rows(rows: PreparedRows) -> PreparedRows:
    order = np.argsort(rows.train["y"].to_numpy() + np.random.default_rng(3).normal(scale=0.8, size=ROWS))
    return dataclasses.replace(rows, train=rows.train.iloc[order].reset_index(drop=True))


def sorted_ids(rows: PreparedRows) -> PreparedRows:
    places = np.argsort(np.argsort(rows.train["y"] + np.random.default_rng(3).normal(scale=0.8, size=ROWS)))
    return with_train(rows, Id=[f"id-{place:05d}" for place in places])


class Overlapping(PreparedRows):
    """Folds whose validation rows are trained on, too."""

    def training(self, fold: int) -> pd.DataFrame:
        return self.train


def overlapping(rows: PreparedRows) -> PreparedRows:
    return Overlapping(**{field.name: getattr(rows, field.name) for field in dataclasses.fields(rows)})


TRAPS: dict[str, tuple[str, Callable[[PreparedRows], PreparedRows], tuple[str, ...]]] = {
    "shift": ("adversarial validation", shifted, ("c", "a")),
    "drift": ("drift of a column", drifted, ("label",)),
    "missing": ("missing values", missing, ("b",)),
    "leaked": ("same rows in train and test", leaked, ()),
    "doubled": ("same rows across folds", doubled, ()),
    "flipped": ("labels that contradict each other", lambda rows: doubled(rows, flipped=True), ()),
    "told": ("a column that gives the target away", told, ("c",)),
    "sorted": ("an order that predicts", sorted_rows, ("the row's place in train.csv",)),
    "ids": ("an order that predicts", sorted_ids, ("Id",)),
    "overlapping": ("a shuffled target that is predicted", overlapping, ()),
}


def alarms(competition: Any, rows: Any) -> dict[str, Any]:
    found = run(competition, rows)
    assert {check.name for check in found} == NAMES
    return {check.name: check.alarm for check in found if check.alarm}


def test_rows_without_a_trap_are_silent() -> None:
    assert alarms(TABLE, clean()) == {}


@pytest.mark.parametrize(("name", "trap", "columns"), TRAPS.values(), ids=TRAPS)
def test_each_alarm_sounds_on_its_trap(name: str, trap: Callable[..., Any], columns: tuple[str, ...]) -> None:
    found = alarms(TABLE, trap(clean()))
    assert name in found
    assert {*columns} <= {*found[name].columns}
    # A trap of one kind is taken for no other, but for what follows from it.
    follows = {"shift": (), "drift": ("adversarial validation",), "missing": ("adversarial validation",)}
    also = {"told": ("drift of a column", "adversarial validation")}
    allowed = {
        name,
        *(other for key, (_, own, _) in TRAPS.items() if own is trap for other in (follows | also).get(key, ())),
    }
    assert found.keys() <= allowed


def test_a_column_may_be_read_in_several_ways() -> None:
    """`groundwork add` lets a key that many rows share be a category, too."""
    from dataclasses import replace

    both = replace(TABLE.inputs, categorical=("label", "key"), group=("key", "a"))
    assert alarms(replace(TABLE, inputs=both), clean()) == {}


def test_a_number_and_a_text_are_checked_too() -> None:
    rows = clean()
    price = np.exp(rows.train["a"] + 10)
    numbers = dataclasses.replace(TABLE, kind="regression", metric="rmse_log", log_target=True)
    assert "a column that gives the target away" in alarms(numbers, with_train(rows, y=price))
    rng = np.random.default_rng(0)

    def texts(count: int) -> list[str]:
        return [" ".join(f"w{word}" for word in rng.integers(0, 300, 25)) for _ in range(count)]

    reading = dataclasses.replace(TABLE, inputs=Inputs(text="text"))
    plain = dataclasses.replace(
        rows, train=rows.train.assign(text=texts(ROWS)), test=rows.test.assign(text=texts(TEST_ROWS))
    )
    assert alarms(reading, plain) == {}
    telling = [f"{text} {'yes' if y else 'no'}" for text, y in zip(plain.train["text"], plain.train["y"], strict=True)]
    found = alarms(reading, with_train(plain, text=telling))
    assert found["a column that gives the target away"].columns[0] in ("the word 'yes'", "the word 'no'")
    marked = dataclasses.replace(
        plain, test=plain.test.assign(text=plain.test["text"].str.replace(r"\w+$", "source2", regex=True))
    )
    assert "the word 'source2'" in alarms(reading, marked)["adversarial validation"].columns


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> dict[str, tuple[Any, Any]]:
    folder, made = tmp_path_factory.mktemp("samples"), {}
    settings = params.load(repository / "params.yaml")
    for name, lane in settings.competitions.items():
        competition = competitions.load(lane.competition)
        fetch(competition, "sample", folder / f"{name}.zip", name)
        prepare(competition, folder / f"{name}.zip", folder / name, lane.folds, settings.folds_seed)
        made[name] = competition, load(competition, folder / name)
    return made


def test_the_six_samples_are_silent(samples: dict[str, tuple[Any, Any]]) -> None:
    assert len(samples) == 6
    assert {name: found for name, data in samples.items() if (found := alarms(*data))} == {}


def test_a_log_of_purchases_has_traps_of_its_own(samples: dict[str, tuple[Any, Any]]) -> None:
    competition, rows = samples["fashion-recommendations"]
    assert isinstance(rows, PreparedPurchases)
    log = rows.purchases
    twice = dataclasses.replace(rows, purchases=pd.concat([log, log], ignore_index=True))
    assert "same rows in train and test" in alarms(competition, twice)
    last = log["day"] > log["day"].max() - competition.days
    cut = dataclasses.replace(rows, purchases=log[~last | (np.arange(len(log)) % 20 == 0)])
    assert "drift of a column" in alarms(competition, cut)
    feature, sold = competition.features[0], np.zeros(len(rows.articles), dtype=bool)
    sold[log.loc[last, "article"].unique()[:60]] = True
    bare = rows.articles.assign(**{feature: rows.articles[feature].where(~sold, "missing")})
    late = dataclasses.replace(
        rows, articles=bare, purchases=log[np.where(last, sold[log["article"]], ~sold[log["article"]])]
    )
    assert alarms(competition, late)["missing values"].columns == (feature,)


def test_what_is_written_follows_the_schema_and_is_documented(tmp_path: Path, repository: Path) -> None:
    found = run(TABLE, told(clean()))
    path = tmp_path / "lane" / CHECKS
    write_json(path, to_json("lane", found))
    content = json.loads(path.read_text())
    validate(content, SCHEMA)
    page = (repository / "docs/checks.md").read_text()
    assert {check["name"] for check in content["checks"]} <= {*re.findall(r"^\| ([^`|]+?) \|", page, re.MULTILINE)}
    documented = re.findall(r"^\| `(?:checks\[\]\.)?(\w+)` \|", page, re.MULTILINE)
    assert {*documented} == {*content, *content["checks"][0]}
    loud = [alarm["name"] for alarm in sounding(path)]
    assert "a column that gives the target away" in loud
    assert len(notes(path)) == len(loud)
    assert any("`groundwork checks lane`" in line for line in notes(path))
    said = "\n".join(described(found))
    assert "why it matters" in said
    assert "  -> " in said


@pytest.mark.parametrize("content", [None, "no JSON", "[]", '{"schema": 2, "checks": []}'])
def test_a_file_that_is_missing_or_of_another_schema_says_nothing(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / CHECKS
    if content is not None:
        path.write_text(content)
    assert notes(path) == []


def test_the_command_prints_the_file_that_it_writes(repository: Path, tmp_path: Path) -> None:
    folder = clone.make(repository, tmp_path)
    for command in ("validate", "fetch", "prepare"):
        arguments = (command, *(() if command == "validate" else (clone.LANE,)))
        done = clone.groundwork(folder, *arguments)
        assert done.returncode == 0, done.stderr
    done = clone.groundwork(folder, "checks", clone.LANE, "--json")
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    validate(content, SCHEMA)
    assert content["lane"] == clone.LANE
    assert content == json.loads((folder / "results" / clone.LANE / CHECKS).read_text())
    said = clone.groundwork(folder, "checks", clone.LANE).stdout
    assert said.startswith(f"{clone.LANE}: {sum(not check['skipped'] for check in content['checks'])} checks ran")
