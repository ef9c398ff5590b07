"""Kaggle's names of metrics, in its competition data and on its pages, and the keys of `METRICS` that they mean."""

import re

# Written without spaces and signs, in small letters: see `named`.
NAMES = {
    "accuracy": "categorizationaccuracy classificationaccuracy accuracyscore multiclassaccuracy meanaccuracy",
    "balanced_accuracy": "balancedaccuracyscore macroaveragedrecall meanperclassaccuracy",
    "f1": "f1score binaryf1score f1 fscore",
    "f2": "f2score",
    "f0.5": "f05score",
    "f1_micro": "microf1score microaveragedf1score fscoremicro meanf1micro f1micro microaveragedf1",
    "f1_macro": "macrof1score macroaveragedf1score fscoremacro f1macro macroaveragedf1 meanf1macro",
    "f1_weighted": "weightedf1score f1weighted weightedaveragedf1score",
    "f1_samples": "meanf1score meanf1 meanfscore samplesf1score",
    "f2_samples": "meanf2score",
    "mcc": "matthewscorrelationcoefficient matthewscorrelation mattewscorrelationcoefficient",
    "kappa": "cohenskappa cohenkappascore kappascore",
    "kappa_linear": "linearweightedkappa",
    "kappa_quadratic": "quadraticweightedkappa quadraticcohenkappa weightedkappa qwk",
    "auc": "areaunderreceiveroperatingcharacteristiccurve areaundertheroccurve areaundercurve rocaucscore rocauc "
    "aucroc areaunderroccurve meancolumnwiseareaunderreceiveroperatingcharacteristiccurve meancolumnwiserocauc "
    "meancolumnwiseauc mcauc columnwiseauc macroaveragedrocauc multiclassauc",
    "average_precision": "averageprecisionscore areaundertheprecisionrecallcurve averageprecision prauc auprc",
    "log_loss": "logloss multiclassloss multiclasslogloss multiclasslogarithmicloss logarithmicloss binarylogloss "
    "meancolumnwiselogloss columnwiselogloss crossentropyloss crossentropy",
    "brier": "brierscore brierscoreloss",
    "gini": "normalizedginicoefficient normalizedginiindex ginicoefficient normalizedgini giniindex",
    "top5_accuracy": "top5accuracy topfiveaccuracy",
    "top3_accuracy": "top3accuracy",
    "rmse": "rootmeansquarederror rootmeansquareerror",
    "mcrmse": "meancolumnwiserootmeansquarederror columnwiserootmeansquarederror meancolumnwisermse",
    "rmsle": "rootmeansquaredlogarithmicerror rootmeansquaredlogerror meancolumnwiserootmeansquaredlogarithmicerror "
    "columnwisermsle",
    "mse": "meansquarederror",
    "mae": "meanabsoluteerror meancolumnwisemeanabsoluteerror",
    "median_ae": "medianabsoluteerror",
    "mape": "meanabsolutepercentageerror",
    "smape": "symmetricmeanabsolutepercentageerror symmetricmeanabsolutepercenterror",
    "r2": "r2score rsquared coefficientofdetermination rsquaredscore",
    "poisson_deviance": "meanpoissondeviance",
    "gamma_deviance": "meangammadeviance",
    "quantile_0.5": "medianpinballloss",
    "mrr": "meanreciprocalrank",
}
# Of lists: Kaggle writes MAP@3, or Mean Average Precision @ 3.
AT = {"map": "map", "meanaverageprecision": "map", "ndcg": "ndcg", "normalizeddiscountedcumulativegain": "ndcg",
      "recall": "recall"}  # fmt: skip


def named(kaggle_name: str) -> str | None:
    """Return the key of `METRICS` for Kaggle's name of a metric.

    Spaces, signs and capitals do not count, and a key is its own name. A name that does not say how long lists are,
    such as ``MAP@{K}``, has no key: the competition's page says it.

    Parameters
    ----------
    kaggle_name
        Such as ``Categorization Accuracy``, ``Mean Columnwise Area Under Receiver Operating Characteristic Curve`` or
        ``MAP@3``.
    """
    from groundwork.objectives.metrics import METRICS

    written = kaggle_name.strip().casefold().replace("²", "2")
    if written in METRICS:
        return written
    if listed := re.fullmatch(r"([a-z ]+)\s*@\s*\{?(\d+)\}?", written):
        key = f"{AT.get(_letters(listed[1]), '')}@{listed[2]}"
        return key if key in METRICS else None
    letters = _letters(written)
    for key in METRICS:
        if letters in (_letters(key), *NAMES.get(key, "").split()):
            return key
    return None


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())
