import pytest

from groundwork.objectives.kaggle_names import AT, NAMES, named
from groundwork.objectives.metrics import METRICS


@pytest.mark.parametrize(
    ("kaggle_name", "key"),
    [
        ("Categorization Accuracy", "accuracy"),
        ("Accuracy Score", "accuracy"),
        ("AUC", "auc"),
        ("Area Under Receiver Operating Characteristic Curve", "auc"),
        ("Roc Auc Score", "auc"),
        ("Mean Columnwise Area Under Receiver Operating Characteristic Curve", "auc"),
        ("Multiclass Loss", "log_loss"),
        ("Log Loss", "log_loss"),
        ("LogLoss", "log_loss"),
        ("MulticlassLoss", "log_loss"),
        ("Root Mean Squared Error", "rmse"),
        ("RMSE", "rmse"),
        ("RMSLE", "rmsle"),
        ("Root Mean Squared Logarithmic Error", "rmsle"),
        ("Quadratic Weighted Kappa", "kappa_quadratic"),
        ("QuadraticWeightedKappa", "kappa_quadratic"),
        ("F1 Score", "f1"),
        ("Macro F1 Score", "f1_macro"),
        ("F-Score (Micro)", "f1_micro"),
        ("Mean F1-Score", "f1_samples"),
        ("MCRMSE", "mcrmse"),
        ("Matthews Correlation Coefficient", "mcc"),
        ("Normalized Gini Coefficient", "gini"),
        ("R²", "r2"),
        ("R2 Score", "r2"),
        ("SMAPE", "smape"),
        ("Mean Absolute Error", "mae"),
        ("MAP@3", "map@3"),
        ("MAP@{12}", "map@12"),
        ("Mean Average Precision @ 5", "map@5"),
        ("NDCG@10", "ndcg@10"),
        ("top5_accuracy", "top5_accuracy"),
        ("f0.5", "f0.5"),
        ("MAP@{K}", None),
        ("MAP@4", None),
        ("Dice", None),
        ("", None),
    ],
)
def test_kaggles_names_have_keys(kaggle_name: str, key: str | None) -> None:
    assert named(kaggle_name) == key


def test_every_name_stands_for_a_metric_and_for_one_only() -> None:
    assert set(NAMES) <= set(METRICS)
    written = [name for names in NAMES.values() for name in names.split()]
    assert len(written) == len(set(written))
    assert all(named(name) == key for key, names in NAMES.items() for name in names.split())
    assert all(
        named(f"{name}@{3 if key == 'recall' else 10}") in (f"{key}@10", "recall@3", None) for name, key in AT.items()
    )
