"""The report, parsed as a browser would, and read as text."""

import json
import re
import zipfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from groundwork.checks.alarms import CHECKS, Alarm, Check, to_json
from groundwork.errors import UserError
from groundwork.files import write_json
from groundwork.reporting.page import report

Write = Callable[..., dict[str, Any]]

PAGE = Path("results/report/index.html")


def without_scripts() -> str:
    return re.sub(r"<(script|style).*?</\1>", "", PAGE.read_text(), flags=re.DOTALL)


def text_of_the_page() -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", without_scripts()))


def data_of(lane: str) -> dict[str, Any]:
    """Return what the page's script gets to know about a lane."""
    page = PAGE.read_text()
    return json.loads(re.search(rf'data-lane="{lane}">\s*<script[^>]*>(.*?)</script>', page, re.DOTALL)[1])


def charts() -> list[dict[str, Any]]:
    """Return the specifications of all charts."""
    found = re.findall(r'aria-label="[^"]+"><script type="application/json">(.*?)</script>', PAGE.read_text())
    return [json.loads(spec) for spec in found]


def write_baselines(**means: float) -> None:
    metrics = {"metric": "accuracy", "higher_is_better": True, "sd": 0.02, "folds": [0.5] * 3, "rows": 100}
    records = [
        {"name": name, "seconds": 90.0, "folds_sha256": "f" * 64, "data_sha256": "d" * 64}
        | {"metrics": metrics | {"mean": mean, "oof": mean + 0.001, "further": {"recall@12": 0.25}}}
        for name, mean in means.items()
    ]
    Path("results/titanic").mkdir()
    Path("results/titanic/baselines.json").write_text(json.dumps(records))


class Page(HTMLParser):
    """Collects tags with their attributes, and complains about tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "br", "input", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def write_three_lanes(experiment: Write) -> None:
    experiment("abcdefgh")
    later = {"started": "2026-11-21T13:00:00+00:00"}
    experiment("ijklmnop", mean=0.85, params={"model": {"network": "fnn", "dropout": 0.4}}, run=later)
    scatter = {"kind": "scatter", "actual": [1e5, 2e5, 4e5], "predicted": [1.1e5, 1.9e5, 3.5e5]}
    metric = {"metric": "rmse_log", "higher_is_better": False}
    experiment("prices01", "house-prices", 0.12, plot=scatter, metrics=metric)
    matrix = [[int(truth == guess) for guess in range(10)] for truth in range(10)]
    digits = {"kind": "confusion", "classes": list(range(10)), "matrix": matrix}
    experiment("digits01", "digit-recognizer", 0.99, plot=digits)


def test_the_page_shows_every_experiment_and_loads_nothing(experiment: Write) -> None:
    write_three_lanes(experiment)
    assert report() == []
    text = PAGE.read_text()
    page = Page(text)
    for name in ("abcdefgh", "ijklmnop", "prices01", "digits01", "0.8500 ± 0.0100"):
        assert name in text
    addresses = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href")]
    assert [address for address in addresses if not str(address).startswith(("#", "data:"))] == []
    assert not re.search(r"@import|url\(|https?://", without_scripts())


def test_curves_have_points_for_each_fold_and_pictures_a_text(experiment: Write) -> None:
    experiment("abcdefgh")
    report()
    curves = data_of("titanic")["runs"]["abcdefgh"]["curves"]
    assert curves["val_loss"] == [[fold, epoch, 1.5 - epoch / 4] for fold in range(2) for epoch in range(3)]
    assert {*curves} == {"train_loss", "val_loss", "val_accuracy"}
    page = Page(PAGE.read_text())
    pictures = [attributes for _, attributes in page.tags if attributes.get("class") == "chart"]
    assert pictures
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in pictures)
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")


def test_long_curves_are_thinned_and_gaps_left_out(experiment: Write) -> None:
    history = [{"fold": 0, "epoch": epoch, "val_loss": value} for epoch, value in enumerate([1.0, None, 0.5])]
    history += [{"fold": 1, "epoch": epoch, "val_loss": 1 / (1 + epoch)} for epoch in range(2000)]
    experiment("abcdefgh", history=history)
    report()
    points = data_of("titanic")["runs"]["abcdefgh"]["curves"]["val_loss"]
    assert [point for point in points if point[0] == 0] == [[0, 0, 1.0], [0, 2, 0.5]]
    assert 50 <= sum(point[0] == 1 for point in points) <= 60


def test_the_tree_names_the_settings_that_changed_and_the_verdict_against_the_base(experiment: Write) -> None:
    write_three_lanes(experiment)
    report()
    text = text_of_the_page()
    assert "ijklmnop 0.8500 ≈ model.dropout 0.2 → 0.4 no verdict on ijklmnop and abcdefgh" in text
    assert "no verdict on ijklmnop and abcdefgh: ijklmnop: its record does not name its competition" in text


def test_alarms_of_the_checks_are_shown(experiment: Write) -> None:
    experiment("abcdefgh")
    alarm = Alarm("<x> alone predicts the target", "it may be made from it", "take it out", ("x",))
    write_json(Path("results/titanic", CHECKS), to_json("titanic", [Check("a column that gives it away", alarm)]))
    report()
    text = text_of_the_page()
    assert "a column that gives it away : &lt;x&gt; alone predicts the target" in text
    assert "What to do: take it out" in text


def test_equal_experiments_make_an_equal_page(experiment: Write) -> None:
    write_three_lanes(experiment)
    report()
    first = PAGE.read_bytes()
    report()
    assert PAGE.read_bytes() == first


def test_what_experiments_hold_is_shown_and_not_run(experiment: Write) -> None:
    experiment("<b>id", params={"model": {"network": "<script>alert(1)</script>"}})
    experiment("other")
    report()
    text = PAGE.read_text()
    assert "<script>alert" not in text
    assert "<b>id" not in text
    assert data_of("titanic")["runs"]["<b>id"]["settings"]["model.network"] == "<script>alert(1)</script>"
    assert "&lt;script&gt;" in text


def test_without_experiments_there_is_no_page_but_a_next_step(experiment: Write) -> None:
    Path("results/experiments/titanic").mkdir(parents=True)
    Path("results/experiments/titanic/broken.json").write_text("{}")
    with pytest.raises(UserError, match=r"no experiments; .*broken\.json: no key 'run'") as raised:
        report()
    assert "`dvc repro`" in raised.value.next_step
    assert not PAGE.exists()


def test_the_best_and_the_gains_are_among_comparable_experiments(experiment: Write) -> None:
    experiment("sample01", mean=0.99, run={"folds_sha256": "e" * 64})
    experiment("kaggle01", mean=0.70, run={"started": "2026-11-21T13:00:00+00:00"})
    experiment("kaggle02", mean=0.75, run={"started": "2026-11-21T14:00:00+00:00"})
    report()
    text = text_of_the_page()
    assert "2 experiments · 1 with other data or folds" in text
    assert "best so far" not in text
    assert "kaggle01 0.7000 kaggle02 0.7500 ≈ the same settings" in text
    assert text.index("kaggle01") < text.index("Other rows or folds than kaggle02 : not comparable")
    assert "sample01 0.9900 ± 0.0100" in text
    assert "folds_sha256=eeeeeee" in text
    Page(PAGE.read_text())


def test_a_record_that_dvc_pulled_is_shown(experiment: Write) -> None:
    experiment("pulled")
    Path("results/titanic").mkdir()
    Path("results/experiments/titanic/pulled.json").rename("results/titanic/experiment.json")
    assert report() == []
    assert "pulled" in PAGE.read_text()


def test_a_broken_experiment_is_named_on_the_page(experiment: Write) -> None:
    experiment("abcdefgh")
    Path("results/experiments/titanic/broken.json").write_text("{}")
    assert report() == ["results/experiments/titanic/broken.json: no key 'run'; left out"]
    assert "broken.json: no key" in PAGE.read_text()


def test_an_experiment_without_history_still_has_its_row(experiment: Write) -> None:
    experiment("abcdefgh", history=[], plot={})
    report()
    assert "abcdefgh" in PAGE.read_text()


def test_baselines_stand_among_the_experiments_and_there_is_a_verdict_on_the_best(experiment: Write) -> None:
    experiment("abcdefgh", mean=0.8)
    write_baselines(constant=0.6, forest=0.7, boosting=0.82)
    assert report() == []
    text = text_of_the_page()
    assert "no verdict on abcdefgh and boosting: " in text
    assert not re.search(r"\b(better|worse)\b", text.replace("higher is better", ""))
    order = [
        text.index(name) for name in ("boosting 0.8200 ± 0.0200", "1 abcdefgh", "forest 0.7000", "constant 0.6000")
    ]
    assert order == sorted(order)
    assert "forest 0.7000 ± 0.0200 0.7010 0.2500 3 1.5" in text, "score, pooled, recall@12, folds, minutes"


def test_the_spread_over_folds_and_that_over_seeds_are_apart(experiment: Write) -> None:
    experiment("lone", mean=0.7)
    report()
    assert "spread over 2 folds: 0.0100 · over seeds: unknown, since there is one" in text_of_the_page()
    assert "single seeds, pooled" not in text_of_the_page()
    experiment("three", metrics={"seeds": {"oof": [0.82, 0.86, 0.84], "mean": 0.84, "sd": 0.02}})
    write_baselines(constant=0.6)
    report()
    text = text_of_the_page()
    assert "spread over 2 folds: 0.0100 · over 3 seeds, each of which scores 0.8400 alone: 0.0200" in text
    assert "0.8400 ± 0.0200 (3)" in text
    assert "0.8000 ± 0.0100" in text
    Page(PAGE.read_text())


def test_equal_retrainings_are_one_row_with_a_count(experiment: Write) -> None:
    experiment("first", run={"code_sha256": "c" * 64}), experiment("again", run={"code_sha256": "c" * 64})
    experiment("other", run={"code_sha256": "d" * 64})
    report()
    (table,) = re.findall(r'<table class="runs">.*?</table>', PAGE.read_text(), re.DOTALL)
    assert re.findall(r"×\d", table) == ["×2"]
    assert table.count("data-run=") == 2


def test_every_row_of_the_table_is_as_wide_as_its_head(experiment: Write) -> None:
    write_three_lanes(experiment)
    experiment("further1", metrics={"further": {"mrr": 0.5}}, params={"seed": 1})
    write_baselines(constant=0.6, forest=0.7)
    report()
    tables = re.findall(r"<table(?: class=\"runs\")?>(.*?)</table>", PAGE.read_text(), re.DOTALL)
    assert tables
    for table in tables:
        rows = re.findall(r"<tr.*?</tr>", table, re.DOTALL)
        spans = [[int(span or 1) for span in re.findall(r'<t[hd](?: colspan="(\d+)"| [^>]*|)>', row)] for row in rows]
        assert len({sum(row) for row in spans}) == 1, spans


def test_without_baselines_no_gain_is_said_and_broken_ones_are_named(experiment: Write) -> None:
    experiment("abcdefgh")
    assert report() == []
    assert "best baseline" not in text_of_the_page()
    write_baselines(constant=0.6)
    Path("results/titanic/baselines.json").write_text("{")
    (problem,) = report()
    assert problem in text_of_the_page().replace("&#39;", "'")


def test_bars_have_a_name_a_length_and_a_number(experiment: Write) -> None:
    auc = {"kind": "bars", "title": "AUC of each tag", "bars": [["toxic", 0.95], ["<threat>", 0.475]]}
    places = {"kind": "bars", "title": "Hits", "bars": [["1", 0.02], ["2", 0.01], ["3", 0.0]]}
    experiment("abcdefgh", plot=auc)
    experiment("ijklmnop", "shop", plot=places)
    experiment("nothing1", "empty", plot={"kind": "bars", "title": "None", "bars": []})
    report()
    page = Page(PAGE.read_text())
    bars = [attributes["style"] for tag, attributes in page.tags if tag == "i" and "style" in attributes]
    assert bars == ["width: 100.0%", "width: 50.0%", "width: 0.0%", "width: 95.0%", "width: 47.5%"]
    text = text_of_the_page()
    assert "AUC of each tag out of fold toxic 0.9500 &lt;threat&gt; 0.4750" in text
    assert "Hits out of fold 1 0.0200 2 0.0100 3 0.0000" in text


def test_a_score_stands_among_the_teams_of_kaggle_but_not_if_it_is_of_a_sample(experiment: Write) -> None:
    board = Path("data/kaggle/boards/titanic.zip")
    board.parent.mkdir(parents=True)
    with zipfile.ZipFile(board, "w") as opened:
        opened.writestr("board.csv", "Rank,Score\n" + "".join(f"{team + 1},{1 - team / 200}\n" for team in range(120)))
    experiment("abcdefgh", mean=0.96, params={"competition": "titanic", "source": "kaggle"})
    assert report() == []
    assert "On Kaggle it would be place 9 of 120 (gold, if it awards medals): an estimate" in text_of_the_page()
    (teams,) = [spec for spec in charts() if len(spec.get("layer", ())) == 4 and "y" in spec["layer"][2]["encoding"]]
    assert [row["medal"] for row in teams["layer"][1]["data"]["values"]] == ["gold", "silver", "bronze", "median"]
    experiment("abcdefgh", mean=0.96, params={"competition": "titanic", "source": "sample"})
    report()
    assert "On Kaggle" not in text_of_the_page()
    assert "SAMPLE DATA" in text_of_the_page()
    experiment("abcdefgh", mean=0.96, params={"competition": "titanic", "source": "kaggle"})
    board.write_bytes(b"no zip")
    (problem,) = report()
    assert "medals are not shown" in problem


def test_one_fold_tells_no_spread(experiment: Write) -> None:
    experiment("abcdefgh", mean=0.8, metrics={"folds": [0.8], "sd": 0.0})
    write_baselines(constant=0.6, forest=0.79)
    report()
    text = text_of_the_page()
    assert "spread over 1 fold: unknown" in text
    assert "0.8000 ± 0.0000" not in text
    (scores,) = [spec for spec in charts() if "data" in spec.get("layer", [{}])[0] and "fold" in str(spec["layer"][0])]
    assert {row["name"] for row in scores["data"]["values"]} == {"abcdefgh", "forest"}
