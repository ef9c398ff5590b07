"""Product search (kaggle.com/competitions/home-depot-product-search-relevance): how products match a query."""

import re
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from groundwork.competitions import Inputs, Labelled, Pair, Tables

DESCRIPTIONS, ATTRIBUTES, BRAND = "product_descriptions.csv", "attributes.csv", "MFG Brand Name"
TITLES, QUERIES = "product_title", "search_term"


def join(frame: pd.DataFrame, extra: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Add description, brand and other attributes of each product; every missing text becomes ""."""
    empty = pd.DataFrame(columns=["product_uid", "product_description", "name", "value"], dtype="str")
    described, known = (extra.get(name, empty) for name in (DESCRIPTIONS, ATTRIBUTES))
    known = known[known["product_uid"].isin(frame["product_uid"])].fillna({"name": "", "value": ""})
    brands, others = known[known["name"] == BRAND], known[known["name"] != BRAND]
    return frame.fillna({TITLES: "", QUERIES: ""}).assign(
        product_description=_texts_by_row(frame, described["product_uid"], described["product_description"]),
        brand=_texts_by_row(frame, brands["product_uid"], brands["value"]),
        attributes=_texts_by_row(frame, others["product_uid"], others["name"] + " " + others["value"]),
    )


def _texts_by_row(frame: pd.DataFrame, products: pd.Series, texts: pd.Series) -> pd.Series:
    """Join the texts of each row's product. By pyarrow: pandas would call Python for each of 124,000 products."""
    rows = pa.table({"product": products.astype("int64"), "text": pa.array(texts, pa.string())})
    grouped = rows.group_by("product", use_threads=False).aggregate([("text", "list")])
    joined = pd.Series(pc.binary_join(grouped["text_list"], " ").to_pylist(), grouped["product"].to_pylist(), "str")
    return joined.reindex(frame["product_uid"]).fillna("").set_axis(frame.index)


# Department | name in titles | other names in queries | materials | sizes.
TYPES = """
hardware | Angle Bracket | l bracket, corner brace | Galvanized Steel, Stainless Steel, Zinc | 3 in., 5 in., 8 in.
hardware | Door Hinge | butt joint, gate pivot | Solid Brass, Stainless Steel, Black Iron | 3 in., 3-1/2 in., 4 in.
plumbing | 90° Elbow | pipe bend, corner fitting | Copper, PVC, Brass | 1/2 in., 3/4 in., 1 in.
plumbing | Faucet | bath tap, mixer valve | Chrome, Brushed Nickel, Brass | 4 in., 6 in., 8 in.
lighting | LED Bulb | edison lamp, spotlight | Clear Glass, Frosted Glass, Plastic | 9-Watt, 12-Watt, 60-Watt
lighting | Pendant | hanging lamp, chandelier | Clear Glass, Brushed Nickel, Bronze | 10 in., 14 in., 20 in.
floors | Vinyl Plank | laminate flooring, parquet | Gray Oak, Walnut, Maple | 6 in. x 3 ft., 7 in. x 4 ft.
floors | Molding | baseboard, skirting trim | Fiberboard, Pine, Polyurethane | 3 in. x 8 ft., 5 in. x 8 ft.
paint | Wall Coating | emulsion, interior paint | Eggshell, Matte, Semi-Gloss | 1 gal., 2 gal., 5 gal.
garden | Hose | watering line, sprinkler pipe | Rubber, Vinyl, Stainless Steel | 25 ft., 50 ft., 100 ft.
garden | Planter | flower pot, window box | Terracotta, Fiberglass, Cedar | 10 in., 14 in., 20 in. x 12 in.
tools | Drill | electric screwdriver, driver kit | Brushless, Corded, Lithium-Ion | 12-Volt, 18-Volt, 20-Volt
tools | Circular Saw | wood cutter, board trimmer | Brushless, Corded, Lithium-Ion | 12-Volt, 18-Volt, 20-Volt
storage | Base Cabinet | kitchen cupboard, vanity | Maple, White Oak, Aluminum | 24 in., 30 in., 36 in.
"""
BRANDS = ("Northgate", "Ironkeep", "Bayford", "Everwell", "Quill-Tek", "Élan Hartley", "Rowan &amp; Stone", "Millbrook")
COLORS = ("Black", "White", "Red", "Silver", "Almond", "Blue")
# Spellings in titles, and other spellings in queries.
SPELLINGS = {
    " ft.": (" foot", " feet", "ft", "'"), " in.": (" inch", " inches", "in", '"'), " gal.": (" gallon", "gal"),
    "-watt": (" watt", "w"), "-volt": (" volts", "v"), "°": (" degree",), "é": ("e",), "&amp;": ("and", "&"),
    "galvanized": ("galvanised",), "gray": ("grey",), "fiber": ("fibre",), "molding": ("moulding",),
}  # fmt: skip
TYPOS = (r"\1\3\2\4", r"\1\2\4", r"\1\2\2\3\4")  # two letters swapped, one left out, one doubled
# For each part of a query: how often it occurs, and how much relevance a product without it loses.
QUERY_PARTS = {"brand": (0.3, 0.6), "size": (0.35, 0.5), "color": (0.15, 0.4), "material": (0.35, 0.7)}
PARTS = ("department", "type", "names", *QUERY_PARTS)
SEARCHES, TEST = 370, 400


def sample(rng: np.random.Generator) -> Tables:
    """Draw a catalogue, queries for its products, and the votes of three raters, who judge intent instead of words.

    Half of the queries use other names than the titles, some have typos, and units have various spellings.
    """
    products = _products(rng)
    wanted = products.sample(SEARCHES, random_state=rng, ignore_index=True)
    for part, (share, _) in QUERY_PARTS.items():
        wanted.loc[rng.random(SEARCHES) > share, part] = ""
    wanted[QUERIES] = [_query(rng, row) for row in wanted.to_dict("records")]
    wanted = wanted.drop_duplicates(QUERIES, ignore_index=True)

    equal = {part: wanted[part].to_numpy()[:, None] == products[part].to_numpy() for part in PARTS}
    lost = sum(loss * ((wanted[[part]] != "").to_numpy() & ~equal[part]) for part, (_, loss) in QUERY_PARTS.items())
    kinds = [equal["type"], equal["department"]]
    relevance = np.select(kinds, [3.1 - lost, 1.8 - 0.3 * lost], 1.1)
    # Four to eight products for each query, most of its type: those with the largest keys (Efraimidis & Spirakis 2006).
    keys = np.log(rng.random(relevance.shape)) / np.select(kinds, [8.0, 1.5], 0.15)
    chosen = (-keys).argsort(axis=1).argsort(axis=1) < rng.integers(4, 9, (len(wanted), 1))
    drawn = np.argwhere(chosen.T)
    repeated = rng.integers(len(drawn), size=3)  # a pair may occur twice
    product, query = drawn[np.sort(np.append(np.arange(len(drawn)), repeated))].T

    votes = (relevance[query, product, None] + rng.normal(0, 0.4, (len(query), 3))).round().clip(1, 3)
    pairs = products.loc[product, ["product_uid", TITLES]].reset_index(drop=True)
    pairs.insert(0, "id", rng.integers(1, 9, len(pairs)).cumsum())
    pairs = pairs.assign(search_term=wanted[QUERIES].to_numpy()[query], relevance=votes.mean(axis=1).round(2))
    in_test = rng.permutation(len(pairs)) < TEST
    train, test = pairs[~in_test], pairs[in_test]
    # One product of test.csv has no description.
    described = products[products["product_uid"] != test["product_uid"].iloc[0]]
    return {
        "train.csv": train,
        "test.csv": test.drop(columns="relevance"),
        DESCRIPTIONS: described[["product_uid", "product_description"]],
        ATTRIBUTES: _attributes(rng, described),
        "sample_submission.csv": test[["id"]].assign(relevance=1),
    }


def _products(rng: np.random.Generator) -> pd.DataFrame:
    """Draw each product's parts, title and description; a title does not contain all parts."""
    types, rows = [line.split(" | ") for line in TYPES.strip().splitlines()], []
    for uid in range(100001, 100501):
        department, kind, names, *of = types[rng.integers(len(types))]
        material, size = (_choice(rng, options.split(", ")) for options in of)
        brand, color = _choice(rng, BRANDS), _choice(rng, COLORS)
        shown = rng.random(3) < (0.7, 0.5, 0.3)
        title = f"{brand} {size} " + f"{material} " * int(shown[0]) + kind + f" in {color}" * int(shown[1])
        title += f" ({rng.integers(2, 13)}-Pack)" * int(shown[2])
        text = f"This {kind.lower()} by {brand} lasts for years.{material}, {size} Comes in {color.lower()}."
        text += f" Serves as {names.split(', ')[0]}, too." * int(rng.random() < 0.25)
        rows.append((uid, title, text, department, kind, names, brand, size, color, material))
    return pd.DataFrame(rows, columns=["product_uid", TITLES, "product_description", *PARTS])


def _query(rng: np.random.Generator, wanted: Mapping[Hashable, str]) -> str:
    """Write a query for a product of this type with the parts that are not empty."""
    name = wanted["type"] if rng.random() < 0.5 else _choice(rng, wanted["names"].split(", "))
    text = " ".join([*filter(None, (wanted[part] for part in QUERY_PARTS)), name]).lower()
    for spelling, others in SPELLINGS.items():
        text = text.replace(spelling, _choice(rng, (spelling, *others)))
    pattern = r"([a-z]{2})([a-z])([a-z])([a-z]+)"
    return re.sub(pattern, lambda word: word.expand(_choice(rng, TYPOS)) if rng.random() < 0.15 else word[0], text)


def _attributes(rng: np.random.Generator, products: pd.DataFrame) -> pd.DataFrame:
    """Write the attributes of two thirds of the products; as in Kaggle's file, some rows and values are empty."""
    names = {"brand": BRAND, "size": "Product Size", "color": "Color/Finish", "material": "Material"}
    known = products[rng.random(len(products)) < 0.67].rename(columns=names).assign(Bullet01="Easy to install")
    table = known.melt("product_uid", ["Bullet01", *names.values()], "name").sort_values("product_uid", kind="stable")
    gaps = rng.random((2, len(table))) < 0.01
    table["value"] = table["value"].mask(gaps[0])
    return table.reindex(np.where(gaps[1], -1, table.index)).reset_index(drop=True)


def _choice(rng: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]


competition = Labelled(
    slug="home-depot-product-search-relevance",
    kind="search",
    metric="rmse",
    further_metrics=("ndcg@10", "mrr", "recall@3"),
    id="id",
    targets=("relevance",),
    charset="latin-1",
    optional={
        DESCRIPTIONS: {"product_uid": int, "product_description": str},
        ATTRIBUTES: {"product_uid": float, "name": str, "value": str},
    },
    join=join,
    inputs=Inputs(pair=Pair(QUERIES, "product_uid", (TITLES, "product_description", "brand", "attributes"))),
    sample=sample,
    stratify=False,
    group_folds_by=QUERIES,
)
