"""House Prices (kaggle.com/competitions/house-prices-advanced-regression-techniques): the sale prices of houses."""

import numpy as np
import pandas as pd

from groundwork.competitions import Inputs, Labelled, Tables

# The columns in Kaggle's order (~: float, *: ordered levels), each with how the sample draws it from a hidden quality
# and size. Text: weight of quality; levels from the poorest, with their shares in percent. Numbers: share of houses
# that have it, mean, effects of quality and size, spread, limits. Empty: computed from other columns.
TABLE = """\
Id; MSSubClass; MSZoning .4 C (all) 1,RM 15,RH 1,RL 79,FV 4; LotFrontage~ 1 70 1 6 20 21 313;
LotArea 1 10000 0 1500 4000 1300 99999; Street 0 Grvl 1,Pave 99; Alley 0 NA 94,Grvl 3,Pave 3; LotShape* 0 IR3 1,IR2 3,
IR1 33,Reg 63; LandContour 0 Bnk 4,Lvl 90,Low 3,HLS 3; Utilities 0 NoSeWa .1,AllPub 99.9; LotConfig 0 FR2 3,Inside 72,
Corner 18,CulDSac 6.5; LandSlope* 0 Sev 1,Mod 4,Gtl 95; Neighborhood .8 MeadowV 1,IDOTRR 3,BrDale 1,BrkSide 4,OldTown 8,
Edwards 7,Sawyer 5,Blueste .3,SWISU 2,NPkVill .7,NAmes 15,Mitchel 4,SawyerW 4,NWAmes 5,Gilbert 6,Blmngtn 1,CollgCr 10,
Crawfor 4,ClearCr 2,Somerst 6,Veenker 1,Timber 2,StoneBr 2,NridgHt 5,NoRidge 3; Condition1 .2 Artery 3,RRAe 1,Feedr 6,
RRAn 2,Norm 86,PosA .5,PosN 1.5; Condition2 0 Artery .3,Feedr .5,Norm 99,PosN .2; BldgType .1 Duplex 4,2fmCon 2,Twnhs 3,
1Fam 84,TwnhsE 7; HouseStyle .3 1.5Unf 1,1.5Fin 11,SFoyer 3,1Story 50,SLvl 4,2.5Unf .5,2Story 30,2.5Fin .5;
OverallQual 1 6.1 1.2 .2 .5 1 10; OverallCond 1 5.6 -.2 0 1 1 9; YearBuilt; YearRemodAdd; RoofStyle .2 Flat 1,Gambrel 1,
Gable 78,Hip 19; RoofMatl 0 Metal .1,Tar&Grv 1,CompShg 98.5,ClyTile .1; Exterior1st .6 AsbShng 1.5,Wd Sdng 14,
MetalSd 15,Stucco 2,Plywood 8,HdBoard 17,BrkFace 3,VinylSd 35,CemntBd 4; Exterior2nd .6 AsbShng 1.5,Wd Sdng 14,
MetalSd 15,Stucco 2,Plywood 9,HdBoard 17,BrkFace 2,VinylSd 35,CmentBd 4; MasVnrType .6 None 60,BrkCmn 1,BrkFace 30,
Stone 9; MasVnrArea~ 1 250 50 40 150 1 1600; ExterQual* .8 Po 0,Fa 1,TA 62,Gd 33,Ex 4; ExterCond* .1 Po .1,Fa 2,TA 88,
Gd 10,Ex .3; Foundation .7 Stone .4,BrkTil 10,Slab 2,CBlock 43,PConc 44,Wood .2; BsmtQual* .8 Po 0,Fa 2,TA 46,Gd 43,
Ex 9; BsmtCond* .2 Po .2,Fa 3,TA 92,Gd 4,Ex 0; BsmtExposure* .4 No 67,Mn 8,Av 15,Gd 10; BsmtFinType1* .4 Unf 30,LwQ 5,
Rec 10,BLQ 10,ALQ 15,GLQ 30; BsmtFinSF1~; BsmtFinType2* .1 Unf 88,LwQ 3,Rec 4,BLQ 2,ALQ 2,GLQ 1;
BsmtFinSF2~ .12 350 0 0 200 30 1500; BsmtUnfSF~; TotalBsmtSF~ 1 1080 80 210 200 200 6000; Heating 0 Wall .4,Grav .5,
GasW 1,GasA 98; HeatingQC* .7 Po .1,Fa 3,TA 30,Gd 16,Ex 51; CentralAir* .6 N 7,Y 93; Electrical .5 Mix .1,FuseP .3,
FuseF 2,FuseA 6,SBrkr 91; 1stFlrSF; 2ndFlrSF; LowQualFinSF .018 320 0 0 150 50 999; GrLivArea;
BsmtFullBath~ .6 .8 .1 0 .5 0 3; BsmtHalfBath~ .06 1 0 0 .2 1 2; FullBath 1 1.6 .2 .3 .3 0 4;
HalfBath .5 .8 .1 .1 .4 0 2; BedroomAbvGr 1 2.9 0 .5 .6 0 8; KitchenAbvGr 1 1.05 -.05 0 .2 0 3; KitchenQual* .8 Po 0,
Fa 3,TA 50,Gd 40,Ex 7; TotRmsAbvGrd 1 6.5 0 1.4 .7 2 15; Functional* .2 Sal 0,Sev .1,Maj2 .4,Maj1 1,Mod 1,Min2 2,Min1 2,
Typ 93; Fireplaces 1 .5 .2 .3 .5 0 4; FireplaceQu* .5 Po 3,Fa 5,TA 40,Gd 49,Ex 3; GarageType .5 2Types 1,CarPort .6,
Detchd 29,Basment 1,Attchd 62,BuiltIn 6; GarageYrBlt~; GarageFinish* .7 Unf 44,RFn 30,Fin 26;
GarageCars~ 1 1.9 .4 .1 .4 1 5; GarageArea~ 1 500 80 50 100 160 1400; GarageQual* .2 Po .2,Fa 4,TA 95,Gd 1,Ex .2;
GarageCond* .2 Po .5,Fa 3,TA 96,Gd .6,Ex .2; PavedDrive* .6 N 7,P 2,Y 91; WoodDeckSF .5 185 15 15 90 1 857;
OpenPorchSF .55 85 5 10 55 1 547; EnclosedPorch .14 150 0 0 70 1 552; 3SsnPorch .016 200 0 0 80 1 508;
ScreenPorch .08 190 0 0 70 1 480; PoolArea .005 500 0 0 150 100 800; PoolQC* 0 Po 0,Fa 30,TA 0,Gd 40,Ex 30;
Fence* 0 NA 80.4,MnWw .8,GdWo 4,MnPrv 11,GdPrv 4; MiscFeature 0 NA 96.4,Shed 3.2,Gar2 .2,Othr .2;
MiscVal 1 700 0 0 500 50 9000; MoSold 1 6.3 0 0 2.7 1 12; YrSold 1 2008 0 0 1.3 2006 2010; SaleType .3 Con .2,ConLI .3,
Oth .3,COD 3,ConLD 1,WD 87,CWD .4,New 8; SaleCondition .3 AdjLand .4,Abnorml 6.5,Family 1.6,Alloca 1,Normal 82,
Partial 8.5; SalePrice"""
DRAWS = dict(item.partition(" ")[::2] for item in TABLE.replace(",\n", ",").replace("\n", " ").split("; "))
COLUMNS = {key.strip("~*"): str if "," in draw else float if "~" in key else int for key, draw in DRAWS.items()}
TEXT = {key.strip("*"): draw.split(" ", 1) for key, draw in DRAWS.items() if "," in draw}
LEVELS = {c: dict(pair.rsplit(" ", 1) for pair in pairs.split(",")) for c, (_, pairs) in TEXT.items()}
DESCRIPTION = "".join(f"{c}: {', '.join(LEVELS[c]) if c in LEVELS else 'a number'}\n" for c in COLUMNS)
ORDINAL = [key.strip("*") for key in DRAWS if "*" in key]
LABELS = [column for column in TEXT if column not in (*ORDINAL, "Street", "Utilities")]
CODES = ["MSSubClass", "MoSold"]
PLAIN = [column for column in COLUMNS if column not in (*TEXT, *CODES, "Id", "SalePrice")]
AMOUNTS = [c for c in PLAIN if COLUMNS[c] is float and c not in ("LotFrontage", "GarageYrBlt")]
COUNTED = ["TotalSF", "Baths", "PorchSF", "Age", "RemodAge", "QualitySF", "QualitySum", "Remodelled"]
SKEWED = [c for c in PLAIN + COUNTED if any(part in c for part in ("SF", "Area", "Porch", "Front", "Age"))]


def features(frame: pd.DataFrame) -> pd.DataFrame:
    """Convert quality levels to ranks (0: not present), codes to labels, areas and ages to logarithms."""
    x = frame.assign(Functional=frame["Functional"].fillna("Typ"), **frame[CODES].astype("str"))
    for column in ORDINAL:
        levels = [level for level in LEVELS[column] if level != "NA"]
        ranks = {level: rank for rank, level in enumerate(levels, start=1)}
        x[column] = x[column].map(ranks).astype("float64").fillna(0)
    x[AMOUNTS] = x[AMOUNTS].fillna(0)  # a missing value means no basement, garage or veneer
    x["TotalSF"] = x["TotalBsmtSF"] + x["GrLivArea"]
    x["Baths"] = x["FullBath"] + x["BsmtFullBath"] + 0.5 * (x["HalfBath"] + x["BsmtHalfBath"])
    x["PorchSF"] = x["OpenPorchSF"] + x["EnclosedPorch"] + x["3SsnPorch"] + x["ScreenPorch"]
    x["Age"], x["RemodAge"] = x["YrSold"] - x["YearBuilt"], x["YrSold"] - x["YearRemodAdd"]
    x["QualitySF"] = x["OverallQual"] * x["TotalSF"]
    x["QualitySum"] = x["OverallQual"] + x["ExterQual"] + x["KitchenQual"] + x["BsmtQual"] / 2
    x["Remodelled"] = x["YearBuilt"] != x["YearRemodAdd"]
    x[SKEWED] = np.log1p(x[SKEWED].clip(lower=0))
    return x


STYLES = {"1Story": 20, "2Story": 60, "1.5Fin": 50, "1.5Unf": 45, "2.5Fin": 75, "2.5Unf": 75, "SLvl": 80, "SFoyer": 85}
GAPS = (
    "Electrical MasVnrArea MasVnrType",
    f"MSZoning Utilities Exterior1st Exterior2nd MasVnrType KitchenQual Functional SaleType {' '.join(AMOUNTS)}",
)


def sample(rng: np.random.Generator) -> Tables:
    """Draw houses from a hidden quality and size, and their prices from their columns and noise."""
    n = 2919
    quality, chance, late = rng.normal(size=(3, n))
    size = 0.5 * quality + 0.85 * chance
    x = pd.DataFrame(index=range(n), columns=list(COLUMNS)).assign(Id=np.arange(1, n + 1))
    for key, draw in DRAWS.items():
        column, own = key.strip("~*"), rng.normal(size=n)
        if column in TEXT:
            weight, shares = float(TEXT[column][0]), np.cumsum([float(share) for share in LEVELS[column].values()])
            rank = (weight * quality + (1 - weight**2) ** 0.5 * own).argsort().argsort() / n
            levels = pd.Series(list(LEVELS[column])).replace("NA", None)
            x[column] = levels[np.searchsorted(shares / shares[-1], rank, side="right")].to_numpy()
        elif draw:
            share, mean, by_quality, by_size, spread, least, most = map(float, draw.split())
            drawn = np.clip(mean + by_quality * quality + by_size * size + spread * own, least, most).round()
            x[column] = np.where(rng.random(n) < share, drawn, 0).astype(int)
    age = (30 * np.exp(0.3 * late - 0.8 * quality)).astype(int)
    x["YearBuilt"] = x["GarageYrBlt"] = (x["YrSold"] - age).clip(lower=1872)
    x["YearRemodAdd"] = x["YearBuilt"].where(late > 0, x["YrSold"] - rng.integers(0, 15, n)).clip(lower=1950)
    living = np.exp(7.2 + 0.32 * size)
    x["2ndFlrSF"] = (living * x["HouseStyle"].str.match("2|1.5F") * rng.uniform(0.35, 0.5, n)).astype(int)
    x["1stFlrSF"] = living.astype(int) - x["2ndFlrSF"] + 100
    x["GrLivArea"] = x["1stFlrSF"] + x["2ndFlrSF"] + x["LowQualFinSF"]
    x["BsmtFinSF1"] = (x["TotalBsmtSF"] * rng.uniform(0.2, 0.8, n) * (x["BsmtFinType1"] != "Unf")).astype(int)
    x["BsmtUnfSF"] = (x["TotalBsmtSF"] - x["BsmtFinSF1"] - x["BsmtFinSF2"]).clip(lower=0)
    x["MSSubClass"] = x["HouseStyle"].map(STYLES)
    has: dict[str, np.ndarray | pd.Series] = {
        "Bsmt": rng.random(n) > 0.027, "Garage": rng.random(n) > 0.054, "LotFrontage": rng.random(n) > 0.167,
        "Fireplace": x["Fireplaces"] > 0, "Pool": x["PoolArea"] > 0, "MiscVal": x["MiscFeature"].notna(),
        "MasVnrArea": x["MasVnrType"] != "None",
    }  # fmt: skip
    for part, present in has.items():
        for column in (column for column in COLUMNS if part in column):
            x.loc[~present, column] = 0 if COLUMNS[column] is int or column in AMOUNTS else None
    place = x["Neighborhood"].map(dict(zip(LEVELS["Neighborhood"], rng.normal(0, 0.08, 25), strict=True)))
    price = (
        10.98 + np.log(x["GrLivArea"] / 1500) * (0.4 + 0.03 * x["OverallQual"]) + 0.08 * x["OverallQual"]
        + 0.04 * x["OverallCond"] + x["TotalBsmtSF"] / 8000 + 0.06 * x["GarageCars"] + 0.04 * x["Fireplaces"]
        + 0.3 * np.exp((x["YearBuilt"] - x["YrSold"]) / 30) - 0.15 * (x["SaleCondition"] == "Abnorml") + place
    )  # fmt: skip
    x["SalePrice"] = np.exp(price + 0.085 * rng.standard_t(5, n)).clip(34900, 755000).round(-2).astype(int)
    x.loc[1460, "MSSubClass"] = 150  # a level that train.csv does not have, as in Kaggle's files
    tables = {"train.csv": x[:1460], "test.csv": x[1460:].drop(columns="SalePrice")}
    for name, columns in zip(tables, GAPS, strict=True):
        gaps = {c: tables[name][c].mask(rng.permutation(len(tables[name])) < 2) for c in columns.split()}
        tables[name] = tables[name].assign(**gaps)
    submission = x[["Id"]].assign(SalePrice=17000.0 * x["LotArea"] ** 0.25)[1460:]
    return {**tables, "sample_submission.csv": submission, "data_description.txt": DESCRIPTION}


competition = Labelled(
    slug="house-prices-advanced-regression-techniques",
    kind="regression",
    metric="rmse_log",
    id="Id",
    targets=("SalePrice",),
    types=COLUMNS,
    inputs=Inputs(numeric=(*PLAIN, *ORDINAL, *COUNTED), categorical=(*LABELS, *CODES)),
    sample=sample,
    features=features,
    log_target=True,
    stratify=False,
)
