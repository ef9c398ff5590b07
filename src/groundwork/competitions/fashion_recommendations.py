"""H&M (kaggle.com/competitions/h-and-m-personalized-fashion-recommendations): what each customer buys next week."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.competitions import Purchases, Tables

# Tastes for the sample: index; index group; section; department; garment group; product group; product types.
TASTES = """\
A Ladieswear; 1 Ladieswear; 15 Womens Everyday; 1522 Top; 1002 Jersey Basic; Garment Upper body; 255 T-shirt, 254 Top
A Ladieswear; 1 Ladieswear; 11 Womens Trousers; 1722 Trouser; 1009 Trouser; Garment Lower body; 272 Trousers, 275 Skirt
A Ladieswear; 1 Ladieswear; 19 Womens Jackets; 1201 Outwear; 1007 Outdoor; Garment Upper body; 262 Jacket, 263 Coat
B Lingeries/Tights; 1 Ladieswear; 61 Womens Lingerie; 1338 Lingerie; 1017 Nightwear; Underwear; 306 Bra, 304 Briefs
C Ladies Accessories; 1 Ladieswear; 66 Womens Bags; 3946 Bags; 1019 Accessories; Accessories; 66 Bag, 70 Earring
D Divided; 2 Divided; 53 Divided Collection; 1643 Basic 1; 1003 Knitwear; Garment Upper body; 252 Sweater, 245 Cardigan
D Divided; 2 Divided; 51 Divided Selected; 1747 Denim; 1016 Trousers Denim; Garment Lower body; 272 Trousers, 274 Shorts
F Menswear; 3 Menswear; 21 Casual; 5828 Jersey; 1005 Jersey Fancy; Garment Upper body; 308 Hoodie, 255 T-shirt
F Menswear; 3 Menswear; 23 Men Suits & Tailoring; 5683 Shirt; 1011 Shirts; Garment Upper body; 259 Shirt, 264 Blazer
G Baby Sizes 50-98; 4 Baby/Children; 44 Baby; 6515 Baby; 1006 Knitted; Garment Full body; 256 Bodysuit, 296 Romper
H Children Sizes; 4 Baby/Children; 76 Kids Girl; 7510 Kids; 1002 Jersey Basic; Garment Full body; 265 Dress, 296 Romper
S Sport; 26 Sport; 5 Ladies H&M Sport; 8316 Sport; 1005 Jersey Fancy; Garment Upper body; 253 Vest top, 306 Bra"""
LINES = np.array([line.split("; ") for line in TASTES.split("\n")])
# Columns of a colour: colour group; perceived brightness; perceived master colour.
COLOURS = """\
9 Black; 4 Dark; 5 Black, 10 White; 3 Light; 9 White, 73 Dark Blue; 4 Dark; 2 Blue, 7 Grey; 1 Dusty Light; 12 Grey, \
51 Light Pink; 1 Dusty Light; 4 Pink, 42 Red; 5 Bright; 18 Red"""
PAINTS = np.array([colour.split("; ") for colour in COLOURS.split(", ")])
LOOKS = ["1010016 Solid", "1010001 All over pattern", "1010017 Stripe", "1010010 Melange"]
NAMES = np.array("Alma Berit Cleo Dove Eden Fern Gigi Hope Iris Jade Kit Luna Moss Nova Opal Ruby Sky Tuva".split())
ARTICLES, CUSTOMERS, WEEKS, FIRST = 350, 700, 8, np.datetime64("2020-07-29")
FEATURES = (
    "product_type_name", "product_group_name", "graphical_appearance_name", "colour_group_name",
    "perceived_colour_master_name", "department_name", "index_name", "section_name", "garment_group_name",
)  # fmt: skip
Numbers = NDArray[np.int64]


def sample(rng: np.random.Generator) -> Tables:
    """Draw purchases: customers have few tastes, articles sell for some weeks, some purchases are repeated."""
    taste = rng.integers(len(LINES), size=ARTICLES)
    articles, customers = _articles(rng, taste), _customers(rng)
    buyer, article, day = _purchases(rng, taste)
    kronor = rng.integers(5, 60, ARTICLES)[article] * rng.choice([10, 8], len(day), p=[0.8, 0.2]) / 10
    log = pd.DataFrame(
        {
            "t_dat": np.datetime_as_string(FIRST + day),
            "customer_id": customers["customer_id"].to_numpy()[buyer],
            "article_id": articles["article_id"].to_numpy()[article],
            "price": (kronor - 0.01) / 590,
            "sales_channel_id": rng.choice([1, 2], len(day), p=[0.3, 0.7]),
        }
    )
    submission = customers[["customer_id"]].assign(prediction=" ".join(articles["article_id"][:12]))
    descriptions = {"articles.csv": articles, "customers.csv": customers}
    return {**descriptions, "sample_submission.csv": submission, "transactions_train.csv": log}


def _articles(rng: np.random.Generator, taste: Numbers) -> pd.DataFrame:
    """Draw the articles' columns from their taste, or from a random taste for one in ten."""
    line = LINES[np.where(rng.random(ARTICLES) < 0.1, rng.integers(len(LINES), size=ARTICLES), taste)]
    types = np.array([names.split(", ") for names in line[:, 6]])
    paint = PAINTS[np.minimum(rng.geometric(0.35, ARTICLES) - 1, len(PAINTS) - 1)]
    labels = {
        "product_type_no": np.where(rng.random(ARTICLES) < 0.5, types[:, 0], types[:, 1]),
        "product_group_no": "- " + pd.Series(line[:, 5]),  # the only label without a number
        "graphical_appearance_no": rng.choice(LOOKS, ARTICLES, p=[0.5, 0.25, 0.15, 0.1]),
        "colour_group_code": paint[:, 0],
        "perceived_colour_value_id": paint[:, 1],
        "perceived_colour_master_id": paint[:, 2],
        "department_no": line[:, 3],
        "index_code": line[:, 0],
        "index_group_no": line[:, 1],
        "section_no": line[:, 2],
        "garment_group_no": line[:, 4],
    }
    # Every third article is the previous one in another colour: their ids differ only in the last three digits.
    second = np.arange(ARTICLES) % 3 == 1
    product = 108775 + np.cumsum(np.where(second, 0, rng.integers(1, 2500, ARTICLES)))
    ids = [f"0{code}" for code in 1000 * product + 1 + second]
    table = pd.DataFrame({"article_id": ids, "product_code": product, "prod_name": NAMES[product % len(NAMES)]})
    for column, values in labels.items():
        parts = pd.Series(values).str.partition(" ")
        table[column], table[column.rpartition("_")[0] + "_name"] = parts[0], parts[2]
    prose = table["colour_group_name"] + " " + table["product_type_name"].str.lower() + " in soft jersey, with a hem."
    table["detail_desc"] = prose.mask(rng.random(ARTICLES) < 0.02)
    return table.drop(columns="product_group_no")


def _customers(rng: np.random.Generator) -> pd.DataFrame:
    news, gap = rng.random(CUSTOMERS) < 0.35, rng.random(CUSTOMERS) < 0.01
    age = np.where(rng.random(CUSTOMERS) < 0.6, rng.normal(27, 5, CUSTOMERS), rng.normal(50, 9, CUSTOMERS))
    return pd.DataFrame(
        {
            "customer_id": sorted(rng.bytes(32).hex() for _ in range(CUSTOMERS)),
            "FN": np.where(news, "1.0", ""),
            "Active": np.where(news, "1.0", ""),
            "club_member_status": rng.choice(["ACTIVE", "PRE-CREATE", ""], CUSTOMERS, p=[0.93, 0.065, 0.005]),
            "fashion_news_frequency": np.where(news, "Regularly", "NONE"),
            "age": np.where(gap, "", age.clip(16, 99).round().astype("str")),
            "postal_code": [rng.bytes(32).hex() for _ in range(CUSTOMERS)],
        }
    )


def _purchases(rng: np.random.Generator, taste: Numbers) -> Numbers:
    """Draw ``[customer, article and day, purchases]``; 5% of customers and a few articles have none."""
    liking = rng.dirichlet(np.full(len(LINES), 0.12), CUSTOMERS)
    baskets = rng.gamma(1.2, 2.0, CUSTOMERS) * (rng.random(CUSTOMERS) > 0.05)
    # An article sells for at most five weeks, best in its second; a quarter of them sell all the time.
    launch = np.where(rng.random(ARTICLES) < 0.25, -99, rng.integers(-4, WEEKS + 1, ARTICLES))
    age = np.arange(WEEKS)[:, None] - launch
    in_fashion = np.exp(-abs(age - 1) / 1.5) * ((age >= 0) & (age <= 4))
    demand = np.where(launch == -99, 0.25, in_fashion) * rng.lognormal(0, 1.0, ARTICLES)
    log = np.empty((3, 0), dtype=np.int64)
    for week in range(WEEKS):
        who = np.repeat(np.arange(CUSTOMERS), rng.poisson(baskets))
        edges = np.cumsum(liking[who][:, taste] * demand[week], axis=1)
        what = (edges < rng.random((len(who), 1)) * edges[:, -1:]).sum(axis=1)
        if week:
            # One purchase in twelve repeats an earlier one of the customer, if the article is still sold.
            order, past = np.argsort(log[0], kind="stable"), np.bincount(log[0], minlength=CUSTOMERS)
            place = (np.cumsum(past) - past)[who] + (rng.random(len(who)) * past[who]).astype(np.int64)
            former = log[1, order[np.minimum(place, len(order) - 1)]]
            again = (rng.random(len(who)) < 1 / 12) & (past[who] > 0) & (demand[week, former] > 0)
            what = np.where(again, former, what)
        # One purchase in twenty is of two pieces.
        who, what = np.repeat([who, what], 1 + (rng.random(len(who)) < 0.05), axis=1)
        # A customer shops on two days of the week, mostly on the first one.
        shopping = rng.integers(7, size=(CUSTOMERS, 2))[who, (rng.random(len(who)) < 0.25).astype(np.int64)]
        log = np.append(log, [who, what, 7 * week + shopping], axis=1)
    return log[:, np.lexsort((log[0], log[2]))]


competition = Purchases(
    slug="h-and-m-personalized-fashion-recommendations",
    kind="recommendation",
    metric="map@12",
    further_metrics=("recall@12",),
    id="customer_id",
    transactions="transactions_train.csv",
    articles="articles.csv",
    customers="customers.csv",
    date="t_dat",
    article="article_id",
    features=FEATURES,
    shown=("prod_name", "product_type_name", "colour_group_name"),
    sample=sample,
)
