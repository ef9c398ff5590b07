"""The samples of prose and of product searches: Kaggle's layout, and planted what a network is to find."""

import os
import re
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from groundwork.competitions import Labelled, load
from groundwork.competitions.product_search import ATTRIBUTES, BRAND, DESCRIPTIONS
from groundwork.competitions.toxic_comments import TAGS
from groundwork.data.load import load as load_prepared
from groundwork.data.rows import PreparedRows
from groundwork.stages.fetch import fetch
from groundwork.stages.prepare import prepare

ARCHIVES = os.environ.get("GROUNDWORK_ARCHIVES")
NAMES = ("toxic_comments", "product_search")
HEADERS = {
    "toxic_comments": {
        "train.csv": "id,comment_text,toxic,severe_toxic,obscene,threat,insult,identity_hate",
        "test.csv": "id,comment_text",
        "sample_submission.csv": "id,toxic,severe_toxic,obscene,threat,insult,identity_hate",
    },
    "product_search": {
        "train.csv": "id,product_uid,product_title,search_term,relevance",
        "test.csv": "id,product_uid,product_title,search_term",
        "product_descriptions.csv": "product_uid,product_description",
        "attributes.csv": "product_uid,name,value",
        "sample_submission.csv": "id,relevance",
    },
}


def sample_of(name: str, seed: int = 0) -> dict[str, pd.DataFrame]:
    return load(name).sample(np.random.default_rng(seed))


@pytest.fixture(scope="module")
def comments() -> pd.DataFrame:
    return sample_of("toxic_comments")["train.csv"]


@pytest.fixture(scope="module")
def searches() -> dict[str, pd.DataFrame]:
    return sample_of("product_search")


@pytest.fixture(scope="module", params=NAMES)
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Labelled, PreparedRows]:
    folder, competition = tmp_path_factory.mktemp(request.param), load(request.param)
    return competition, prepared_in(folder, competition)


def prepared_in(folder: Path, competition: Labelled) -> PreparedRows:
    fetch(competition, "sample", folder / "raw" / "lane.zip", "lane")
    prepare(competition, folder / "raw" / "lane.zip", folder / "prepared", 5, 0)
    return load_prepared(competition, folder / "prepared")


@pytest.mark.parametrize("name", NAMES)
def test_files_and_headers_are_those_of_the_real_archive(name):
    assert {file: ",".join(table) for file, table in sample_of(name).items()} == HEADERS[name]


@pytest.mark.skipif(not ARCHIVES, reason="GROUNDWORK_ARCHIVES is not set: no real archives to compare samples with")
@pytest.mark.parametrize("name", NAMES)
def test_the_real_archive_has_the_same_headers_and_types(name):
    competition = load(name)
    with zipfile.ZipFile(Path(ARCHIVES or "") / f"{competition.slug}.zip") as archive:
        for file in archive.namelist():
            ours, real = sample_of(name)[file], pd.read_csv(archive.open(file), encoding=competition.charset)
            assert list(real) == list(ours)
            assert [str(kind) for kind in real.dtypes] == [str(kind) for kind in ours.dtypes]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_archive_byte_for_byte_and_another_seed_another_table(name, tmp_path):
    archives = [tmp_path / f"{time}.zip" for time in ("first", "second")]
    for archive in archives:
        fetch(load(name), "sample", archive, name)
    assert archives[0].read_bytes() == archives[1].read_bytes()
    assert not sample_of(name, seed=1)["train.csv"].equals(sample_of(name, seed=0)["train.csv"])


@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_the_test_table_is_asked_for_once(name):
    tables = sample_of(name)
    assert tables["sample_submission.csv"]["id"].tolist() == tables["test.csv"]["id"].tolist()
    ids = pd.concat([tables["train.csv"]["id"], tables["test.csv"]["id"]])
    assert ids.is_unique


def test_what_is_prepared_has_no_missing_text(prepared):
    competition, rows = prepared
    for table in (rows.train, rows.test):
        assert not table.isna().any().any()
        assert all(table[name].dtype == "str" for name in competition.inputs.labels)


# Toxic comments


def test_comments_look_like_those_of_talk_pages(comments):
    texts = comments["comment_text"]
    assert comments["id"].str.fullmatch("[0-9a-f]{16}").all()
    assert texts.str.contains("\n\n").mean() > 0.1
    for trait in ('^"', "== .* ==", r"\[\[User talk:", r"\d+\.\d+\.\d+\.\d+", "😀"):
        assert texts.str.contains(trait).any(), trait
    assert (texts.str.strip() == "").sum() == 1
    assert texts.str.len().max() == 5000


def test_rare_tags_are_rare_and_what_is_severely_toxic_is_toxic(comments):
    shares = comments[list(TAGS)].mean()
    assert shares["toxic"] == pytest.approx(0.18, abs=0.02)
    assert shares[["severe_toxic", "threat", "identity_hate"]].between(0.005, 0.02).all()
    assert comments.loc[comments["severe_toxic"] == 1, "toxic"].all()
    assert (comments.loc[comments["insult"] == 1, "toxic"] == 0).any()


def test_words_alone_find_insults_and_their_pieces_find_more_but_neither_finds_all(comments):
    texts, insult = comments["comment_text"], comments["insult"]
    words = TfidfVectorizer(sublinear_tf=True).fit_transform(texts)
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True).fit_transform(texts)
    found = []
    for inputs in (words, hstack([words, pieces]).tocsr()):
        model = LogisticRegression(C=4, max_iter=300)
        found.append(
            roc_auc_score(insult, cross_val_predict(model, inputs, insult, method="predict_proba", cv=3)[:, 1])
        )
    assert 0.8 < found[0] < found[1] - 0.03
    assert found[1] < 0.97


def test_the_order_of_the_same_words_tells_insults_from_denials(comments):
    texts, insult = comments["comment_text"].str.lower(), comments["insult"]
    insults = texts.str.contains("you are not a .+, you are a ")
    denials = texts.str.contains("you are a .+, you are not a ")
    assert insult[insults].mean() > 0.8
    assert insult[denials].mean() < 0.1
    assert min(insults.sum(), denials.sum()) >= 10


def test_toxic_words_stand_in_harmless_comments_too_and_are_often_disguised(comments):
    plain = comments["comment_text"].str.contains("numpty|blockhead", case=False)
    disguised = comments["comment_text"].str.contains(r"n\*mpty|n u m p t y|bl\*ckhead|b l o c k h e a d", case=False)
    assert 0.2 < comments.loc[plain, "insult"].mean() < 0.8
    assert disguised.sum() > 5


def test_a_missing_comment_is_read_as_an_empty_one():
    frame = pd.DataFrame({"comment_text": pd.Series(["Thanks", None], dtype="str")})
    assert load("toxic_comments").features(frame)["comment_text"].tolist() == ["Thanks", ""]


# Product search


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[\w°]+", text.lower()))


def test_relevance_is_the_mean_of_three_votes_and_each_query_has_a_few_products(searches):
    train, test = searches["train.csv"], searches["test.csv"]
    assert set(train["relevance"]) == {1, 1.33, 1.67, 2, 2.33, 2.67, 3}
    assert pd.concat([train, test]).groupby("search_term").size().between(4, 9).all()
    assert searches["sample_submission.csv"]["relevance"].eq(1).all()


def test_the_words_that_query_and_title_share_tell_something_of_the_relevance(searches):
    train = searches["train.csv"]
    shared = [
        len(words_of(query) & words_of(title)) / len(words_of(query))
        for query, title in zip(train["search_term"], train["product_title"], strict=True)
    ]
    assert 0.3 < np.corrcoef(shared, train["relevance"])[0, 1] < 0.8


def test_some_queries_answer_products_whose_title_has_none_of_their_words(searches):
    train = searches["train.csv"]
    apart = [
        words_of(query).isdisjoint(words_of(title))
        for query, title in zip(train["search_term"], train["product_title"], strict=True)
    ]
    assert (train.loc[apart, "relevance"] > 2.5).sum() > 30


def test_queries_are_misspelt_and_write_units_in_their_own_way(searches):
    queries = pd.concat([searches["train.csv"], searches["test.csv"]])["search_term"].drop_duplicates()
    counts = Counter(word for query in queries for word in re.findall("[a-z]{5,}", query))
    misspelt = [word for word, count in counts.items() if count == 1]
    assert len(misspelt) > 0.05 * sum(counts.values())
    for unit in (r"\d feet", r"\d'", r'\d"', r"\dft", r"\d in\.", r"\dv\b"):
        assert queries.str.contains(unit).any(), unit


def test_the_archive_is_written_in_latin_1_and_titles_survive_it(prepared):
    competition, rows = prepared
    if competition.kind == "search":
        assert rows.train["product_title"].str.contains("90° Elbow").any()
        assert rows.train["brand"].eq("Élan Hartley").any()


def test_a_pair_that_comes_twice_is_kept_twice(prepared):
    competition, rows = prepared
    if competition.kind == "search":
        assert rows.train.duplicated(["search_term", "product_uid"]).any()
        assert len(rows.train) == len(sample_of("product_search")["train.csv"])


def test_a_product_of_the_test_table_has_neither_description_nor_attributes(searches):
    joined = load("product_search").join(searches["test.csv"], searches)
    bare = joined[["product_description", "brand", "attributes"]].eq("").all(axis=1)
    assert bare.sum() >= 1
    assert joined.loc[~bare, "product_description"].ne("").all()


ASKED = pd.DataFrame(
    {"product_uid": [3, 1, 2, 1], "product_title": ["c", "a", None, "a"], "search_term": ["x", "y", "z", None]}
)
SHEETS = {
    DESCRIPTIONS: pd.DataFrame({"product_uid": [1, 3], "product_description": ["first", None]}),
    ATTRIBUTES: pd.DataFrame(
        {
            "product_uid": [1.0, np.nan, 2.0, 1.0, 1.0, 9.0],
            "name": ["Color", None, BRAND, BRAND, "Size", "Color"],
            "value": ["Red", None, "Ironkeep", "Bayford", None, "Blue"],
        }
    ),
}


def test_join_adds_what_is_known_of_each_product_and_empty_texts_elsewhere():
    joined = load("product_search").join(ASKED, SHEETS)
    assert joined["product_title"].tolist() == ["c", "a", "", "a"]
    assert joined["search_term"].tolist() == ["x", "y", "z", ""]
    assert joined["product_description"].tolist() == ["", "first", "", "first"]
    assert joined["brand"].tolist() == ["", "Bayford", "Ironkeep", "Bayford"]
    assert joined["attributes"].tolist() == ["", "Color Red Size ", "", "Color Red Size "]


def test_what_join_adds_to_a_row_depends_on_no_other_row(searches):
    join, rows = load("product_search").join, searches["train.csv"].reset_index(drop=True)
    some = rows.sample(50, random_state=0)
    pd.testing.assert_frame_equal(join(some, searches), join(rows, searches).loc[some.index])


@pytest.mark.parametrize("there", [(), (DESCRIPTIONS,), (ATTRIBUTES,)])
def test_join_does_without_the_tables_that_the_archive_lacks(there):
    joined = load("product_search").join(ASKED, {name: SHEETS[name] for name in there})
    assert joined["product_description"].ne("").any() == (DESCRIPTIONS in there)
    assert joined["brand"].ne("").any() == joined["attributes"].ne("").any() == (ATTRIBUTES in there)
    assert not joined.isna().any().any()


def test_attributes_have_rows_without_anything_and_values_that_are_missing(searches):
    attributes = searches[ATTRIBUTES]
    assert attributes.isna().all(axis=1).any()
    assert (attributes["name"].notna() & attributes["value"].isna()).any()
