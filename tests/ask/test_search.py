import io
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.training.products import PRODUCTS, lane
from tests.training.tiny import QUIETLY, SURVIVAL, prepared

from groundwork.ask import search as module
from groundwork.ask.search import COSINE_WEIGHT, Catalogue, search
from groundwork.competitions import load
from groundwork.data.rows import PreparedRows
from groundwork.encoders.pair import PairEncoder
from groundwork.errors import UserError
from groundwork.stages.train import train
from groundwork.training.checkpoint import TrainedFold

RESULTS = Path("results/products")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PreparedRows]:
    folder = tmp_path_factory.mktemp("products")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        found = prepared(PRODUCTS)
        train("products", PRODUCTS, lane(epochs=2, folds=1), found, RESULTS, seed=0, **QUIETLY)
    return folder, found


@pytest.fixture(scope="module")
def parts(rows: tuple[Path, PreparedRows]) -> tuple[TrainedFold, pd.DataFrame]:
    folder, found = rows
    trained = TrainedFold.load(folder / RESULTS / "checkpoints" / "fold_0.fold")
    assert isinstance(trained.encoder, PairEncoder)
    return trained, trained.encoder.documents(pd.concat([found.train, found.test]))[1]


@pytest.fixture(scope="module")
def catalogue(parts: tuple[TrainedFold, pd.DataFrame]) -> Catalogue:
    return Catalogue(*parts)


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("angle bracket", "Angle Bracket"),
        ("angel brackt", "Angle Bracket"),
        ("butt joint", "Hinge"),
        ("vinyll plnak", "Vinyl Plank"),
        ("50' hoses", "50 ft."),
        ('galvanised 5" angle bracket', "5 in. Galvanized Steel Angle Bracket"),
    ],
)
def test_what_was_planted_is_found(catalogue: Catalogue, query: str, title: str) -> None:
    titles = [catalogue.products["product_title"][hit.row] for hit in catalogue.find(query, 3)]
    assert all(title in found for found in titles), titles


def test_the_best_are_those_of_all_scores(catalogue: Catalogue) -> None:
    for query in ("white hinge 4 in", "brass", "northgate drill kit"):
        lexical = (catalogue.encoder.mark_words([query]) @ catalogue.weights).toarray()[0]
        every = lexical / lexical.max() + COSINE_WEIGHT * (catalogue.vectors @ catalogue.embed_query(query))
        hits = catalogue.find(query, 20)
        np.testing.assert_allclose([hit.score for hit in hits], np.sort(every)[::-1][:20], rtol=1e-5)
        np.testing.assert_allclose([every[hit.row] for hit in hits], [hit.score for hit in hits], rtol=1e-5)


def test_more_than_there_are_is_all_there_are(catalogue: Catalogue) -> None:
    hits = catalogue.find("steel", 10_000)
    assert len({hit.row for hit in hits}) == len(hits) == len(catalogue.products)


def test_faiss_finds_the_same(parts: tuple[TrainedFold, pd.DataFrame], catalogue: Catalogue) -> None:
    indexed = Catalogue(*parts, exact=10)
    assert indexed.index is not None
    assert catalogue.index is None
    for query in ("white hinge 4 in", "corner brace", "northgate drill kit"):
        first, second = ([hit.score for hit in one.find(query, 20)] for one in (catalogue, indexed))
        np.testing.assert_allclose(first, second, rtol=1e-5)


def test_without_faiss_a_large_catalogue_says_how_to_get_it(
    parts: tuple[TrainedFold, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(UserError, match=r"pip install -c requirements\.lock faiss-cpu"):
        Catalogue(*parts, exact=10)


def test_the_relevance_is_what_the_network_predicts_for_the_pair(
    parts: tuple[TrainedFold, pd.DataFrame], catalogue: Catalogue
) -> None:
    hits = catalogue.find("steel hinge", 5)
    pairs = parts[1].iloc[[hit.row for hit in hits]].assign(search_term="steel hinge")
    predicted = parts[0].predict(pairs, torch.device("cpu"))
    np.testing.assert_allclose([hit.relevance for hit in hits], predicted, atol=1e-6)


def test_a_product_that_is_near_in_meaning_alone_says_so(
    rows: tuple[Path, PreparedRows], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    titles = rows[1].test["product_title"].where(rows[1].test["id"] != rows[1].test["id"].iloc[0], "Zebra Lamp")
    ask((rows[0], replace(rows[1], test=rows[1].test.assign(product_title=titles))), "zebra", monkeypatch, top=3)
    shown = [line for line in capsys.readouterr().out.splitlines() if line.strip()[:1].isdigit()]
    assert [line.rstrip().endswith("similar meaning") for line in shown] == [False, True, True]


def test_words_say_what_they_were_matched_as(catalogue: Catalogue) -> None:
    first = catalogue.find('galvanised angel brackets in 5"', 1)[0]
    assert first.matched == ("galvanised → galvanized", "angel → angle", "brackets → bracket", "5 inch")


@pytest.mark.parametrize("query", ["", "🔨", "qqqqqqq", "the of in"])
def test_a_query_without_a_known_word_finds_nothing(catalogue: Catalogue, query: str) -> None:
    assert catalogue.find(query, 3) == []


def ask(rows: tuple[Path, PreparedRows], query: str | None, monkeypatch: pytest.MonkeyPatch, top: int = 3) -> None:
    monkeypatch.chdir(rows[0])
    monkeypatch.setenv("COLUMNS", "200")
    search("products", PRODUCTS, rows[1], RESULTS, query, top)


def test_products_scores_and_words_are_printed(
    rows: tuple[Path, PreparedRows], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(rows, "angel bracket", monkeypatch)
    out = capsys.readouterr().out
    shown = [line.split() for line in out.splitlines() if line.strip()[:1].isdigit()]
    assert [line[0] for line in shown] == ["1", "2", "3"]
    assert all(line[1].isdigit() and "Bracket" in line for line in shown)
    assert "angel → angle" in out
    assert f"of {len(set(rows[1].train['product_uid']) | set(rows[1].test['product_uid']))} products" in out


def test_lines_are_answered_until_the_input_ends(
    rows: tuple[Path, PreparedRows], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("hinge\n\nqqqqqqq\n[red]drill[/red] [/]"))
    ask(rows, None, monkeypatch, top=1)
    out = capsys.readouterr().out
    assert out.count(" s\n") == 3
    assert "no product contains any of these words" in out
    assert "[red]drill[/red] [/]" in out


def test_a_title_is_no_markup(
    rows: tuple[Path, PreparedRows], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, found = rows
    strange = found.test.assign(product_title="[blink]Zebra[/] &amp; [/nothing] Lamp")
    ask((folder, replace(found, test=strange)), "zebra", monkeypatch, top=1)
    assert "[blink]Zebra[/] & [/nothing] Lamp" in capsys.readouterr().out


def test_a_lane_that_searches_nothing_is_refused(
    rows: tuple[Path, PreparedRows], monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in (SURVIVAL, load("fashion_recommendations")):
        with pytest.raises(UserError, match=f"{other.slug} is of kind {other.kind}; expected search"):
            search("other", other, rows[1], RESULTS, "hinge", 3)
    monkeypatch.chdir(rows[0])
    with pytest.raises(UserError, match="not found"):
        search("products", PRODUCTS, rows[1], Path("results/nowhere"), "hinge", 3)


def test_progress_is_counted_in_products(
    parts: tuple[TrainedFold, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 200)
    done: list[int] = []
    Catalogue(*parts, on_progress=done.append)
    assert done == [200, 400, len(parts[1])]
