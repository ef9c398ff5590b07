"""Titanic (kaggle.com/competitions/titanic): who survived."""

import numpy as np
import pandas as pd

from groundwork.competitions import Inputs, Labelled, Tables

TITLES = {"Mlle": "Miss", "Ms": "Miss", "Mme": "Mrs"} | {t: t for t in ("Mr", "Mrs", "Miss", "Master", "Dr", "Rev")}
INPUTS = Inputs(
    numeric=("Pclass", "Age", "SibSp", "Parch", "FamilySize", "Alone", "LogFare", "LogFarePerPerson", "HasCabin",
             "NoAge", "WomanOrChild"),
    categorical=("Sex", "Embarked", "Title", "Deck", "TicketPrefix", "SexClass"),
    group=("Ticket", "Family", "TicketWomenChildren", "FamilyWomenChildren"),
)  # fmt: skip


def features(frame: pd.DataFrame) -> pd.DataFrame:
    """Add features from names, cabins, tickets and families; families and parties are group keys for the encoder."""
    title = frame["Name"].str.extract(r",\s*(?:the )?(\w+)", expand=False).map(TITLES).fillna("Rare")
    size = (frame["SibSp"] + frame["Parch"] + 1).clip(lower=1)
    fare = frame["Fare"].clip(lower=0)
    # Women and children of a party mostly survived or died together, and independently of the men.
    spared = (frame["Sex"] == "female") | (title == "Master")
    surname = frame["Name"].str.split(",").str[0]
    # Drop the last digit of the ticket: relatives also bought consecutive numbers.
    bought = frame["Ticket"].str[:-1] + frame["Embarked"].fillna("?")
    family = surname + frame["Pclass"].astype("str") + bought
    return frame.assign(
        Title=title,
        Deck=frame["Cabin"].str[0],
        TicketPrefix=frame["Ticket"].str.replace(r"[./]", "", regex=True).str.extract(r"^([A-Za-z]+)", expand=False),
        SexClass=frame["Sex"] + frame["Pclass"].astype("str"),
        FamilySize=size,
        Alone=size == 1,
        LogFare=np.log1p(fare),
        LogFarePerPerson=np.log1p(fare / size),
        HasCabin=frame["Cabin"].notna(),
        NoAge=frame["Age"].isna(),
        WomanOrChild=spared,
        Family=family,
        TicketWomenChildren=frame["Ticket"].where(spared),
        FamilyWomenChildren=family.where(spared),
    )


MEN = "Adam Bertram Carl David Edgar Felix George Hugo Ivan Jacob Leo Martin Nils Oscar Peter Simon"
WOMEN = "Ada Berta Clara Dora Edith Flora Greta Helen Ida Julia Laura Maria Nora Olga Rosa Sofia"
STEMS = "Ander Berg Carl Dahl Ek Fal Gran Hol Jan Karl Lind Mar Nor Ost Peter Rud Sand Tor Vik West"
ENDS = "berg by son ton man ley er felt gren lund strom mark ing wick"
RARE_TITLES = {"male": ["Dr", "Rev", "Rev", "Col", "Major", "Capt", "Sir"], "female": ["Mlle", "Mme", "Ms", "Lady"]}
PARTIES = {"man": 0.55, "woman": 0.22, "friends": 0.07, "couple": 0.09, "family": 0.07}
CHILDREN = {1: 0.4, 2: 0.3, 3: 0.14, 4: 0.08, 5: 0.05, 8: 0.03}
CLASSES = pd.DataFrame(
    {
        "share": [0.25, 0.21, 0.54],
        "tickets": [(11000, 20000), (220000, 260000), (310000, 390000)],
        "prefixes": [["", "", "PC "], ["", "", "C.A. ", "S.C./PARIS "], ["", "", "", "A/5 ", "SOTON/O.Q. "]],
        "log_fare": [3.45, 2.5, 2.05],
        "decks": [list("AABBBCCCCDDEE"), list("DEF"), list("EFG")],
        "cabin": [0.83, 0.08, 0.02],
        "ports": [[0.55, 0.43, 0.02], [0.88, 0.1, 0.02], [0.7, 0.14, 0.16]],
        "no_age": [0.12, 0.07, 0.29],
        "logit": [2.2, 0.6, -1.0],
    },
    index=[1, 2, 3],
)


def sample(rng: np.random.Generator) -> Tables:
    """Draw parties of passengers; survival depends on sex, class, age, family and the party's luck."""
    people: list[dict[str, object]] = []
    while len(people) < 1309:
        people += _party(rng)
    table = pd.DataFrame(people[:1309]).sample(frac=1, random_state=rng, ignore_index=True)
    table.insert(0, "PassengerId", np.arange(1, 1310))
    table = table["PassengerId Survived Pclass Name Sex Age SibSp Parch Ticket Fare Cabin Embarked".split()]
    train, test = table[:891].copy(), table[891:].drop(columns="Survived").reset_index(drop=True)
    train.loc[rng.choice(891, 2, replace=False), "Embarked"] = None
    test.loc[rng.integers(418), "Fare"] = None
    # A title and a number of children that do not occur in train.csv, as in Kaggle's files.
    wife = int(np.argmax(test["Name"].str.contains(" Mrs. ")))
    test.loc[wife, "Name"], test.loc[wife, "Parch"] = str(test.loc[wife, "Name"]).replace("Mrs.", "Dona."), 9
    submission = pd.DataFrame({"PassengerId": test["PassengerId"], "Survived": (test["Sex"] == "female").astype(int)})
    return {"train.csv": train, "test.csv": test, "gender_submission.csv": submission}


def _party(rng: np.random.Generator) -> list[dict[str, object]]:
    """Draw the passengers of one ticket, as rows without ids."""
    pclass = int(rng.choice(CLASSES.index, p=CLASSES["share"]))
    of = CLASSES.loc[pclass]
    kind = rng.choice(list(PARTIES), p=list(PARTIES.values()))
    children = int(rng.choice(list(CHILDREN), p=list(CHILDREN.values()))) if kind == "family" else 0
    married = kind == "couple" or (kind == "family" and rng.random() < 0.75)
    adults = int(rng.integers(2, 5)) if kind == "friends" else 1 + married
    size = adults + children
    cabins = " ".join(f"{rng.choice(of['decks'])}{rng.integers(1, 130)}" for _ in range(1 + size // 3))
    shared = {
        "Pclass": pclass,
        "Ticket": str(rng.choice(of["prefixes"])) + str(rng.integers(*of["tickets"])),
        "Fare": (rng.random() > 0.012) * round(float(rng.lognormal(of["log_fare"], 0.35)) * size**0.9, 4),
        "Cabin": cabins if rng.random() < of["cabin"] else None,
        "Embarked": str(rng.choice(list("SCQ"), p=of["ports"])),
    }
    surname, husband, luck, rows = _surname(rng), rng.choice(MEN.split()), rng.normal(0, 1), []
    for i in range(size):
        child = i >= adults
        male = rng.random() < 0.6 if child or kind == "friends" else kind == "man" or (married and i == 0)
        sex, names = ("male", MEN) if male else ("female", WOMEN)
        age = float(rng.integers(1, 17) if child else np.clip(rng.normal(44 - 5 * pclass, 12), 17, 80).round())
        age = round(rng.uniform(0.2, 1), 2) if child and rng.random() < 0.08 else age
        title = ("Master" if age < 14 else "Mr") if male else "Mrs" if not child and (married or children) else "Miss"
        if kind in ("man", "woman") and rng.random() < 0.04:
            title = rng.choice(RARE_TITLES[sex])
        given = husband if married and i == 0 else " ".join(rng.choice(names.split(), 2, replace=False))
        given = f"{husband} ({given} {_surname(rng)})" if title == "Mrs" else given
        spared = not male or age < 14
        logit = of["logit"] + (2.1 + 1.5 * luck if spared else -2.4) - 1.5 * (size > 3) - age / 60
        rows.append(shared | {
            "Survived": int(rng.random() < 1 / (1 + np.exp(-logit))),
            "Name": f"{_surname(rng) if kind == 'friends' else surname}, {title}. {given}",
            "Sex": sex,
            "Age": None if rng.random() < of["no_age"] else age,
            "SibSp": children - 1 if child else int(married),
            "Parch": 1 + married if child else children,
        })  # fmt: skip
    return rows


def _surname(rng: np.random.Generator) -> str:
    return str(rng.choice(STEMS.split())) + str(rng.choice(ENDS.split()))


competition = Labelled(
    slug="titanic",
    kind="classification",
    metric="accuracy",
    id="PassengerId",
    targets=("Survived",),
    inputs=INPUTS,
    sample=sample,
    features=features,
    sample_submission="gender_submission.csv",
)
