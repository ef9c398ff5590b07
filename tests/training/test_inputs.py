"""Encoders give the tensors that their sections declare, and networks read those that their sections declare."""

import dataclasses
import inspect
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.training import products, purchases, tiny
from tests.training.boosted import MODELS, TREES, trees
from tests.training.test_texts import COMMENTS, comments
from tests.training.test_texts import lane as text_lane

from groundwork.competitions import Competition, Inputs
from groundwork.data.prepared import Prepared
from groundwork.sections.encodings import EncodingSettings, ImageEncoding
from groundwork.sections.networks import CNNSettings, ModelSettings
from groundwork.settings import Lane
from groundwork.stages.validate import _choices
from groundwork.training.build import ENCODERS, NETWORKS, SCRATCH_NETWORKS, make_encoder, make_network, make_objective

PIXELS = [f"p{pixel}" for pixel in range(64)]
DIGITS = dataclasses.replace(
    tiny.SURVIVAL,
    types={"Id": int, "survived": int, **dict.fromkeys(PIXELS, int)},
    inputs=Inputs(image=(8, 8)),
)
PICTURES = tiny.lane().model_copy(
    update={
        "encoding": ImageEncoding(inputs="image", degrees=0, scale=0, shear=0, shift=0),
        "model": CNNSettings(network="cnn", backend="torch", channels=[3, 5], dropout=0.0),
    }
)

Case = tuple[Competition, Lane, Prepared, pd.DataFrame]


def of_rows(competition: Any, lane: Lane, train: pd.DataFrame) -> Case:
    return competition, lane, tiny.in_memory(train), train


def case(network: str, backend: str = "torch") -> Case:
    """A competition, a lane and training rows for a network."""
    rng = np.random.default_rng(0)
    if network == "fnn":
        train: Any = tiny.sample(rng)["train.csv"]
        lane = tiny.lane()
        model = lane.model.model_copy(update={"backend": backend})
        return of_rows(tiny.SURVIVAL, lane.model_copy(update={"model": model}), train)
    if network == "cnn":
        train = pd.DataFrame(rng.integers(0, 255, (20, 64)), columns=PIXELS).assign(survived=np.arange(20) % 2)
        model = PICTURES.model.model_copy(update={"backend": backend})
        return of_rows(DIGITS, PICTURES.model_copy(update={"model": model}), train)
    if network in TREES:
        return of_rows(tiny.SURVIVAL, trees(network), tiny.sample(rng)["train.csv"])
    if network in ("rnn", "transformer"):
        return of_rows(COMMENTS, text_lane(network), comments())
    if network == "two_tower":
        return of_rows(products.PRODUCTS, products.lane(), products.rows(60))
    data = purchases.prepared()
    return purchases.SHOP, purchases.lane(), data, data.training(0)


@pytest.fixture(autouse=True)
def _empty_working_directory(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("network", "backend"),
    [
        *((name, "torch") for name in NETWORKS if name in TREES or name not in MODELS),
        *((name, "scratch") for name in SCRATCH_NETWORKS),
    ],
)
def test_a_network_takes_what_its_section_says_of_what_the_encodings_section_says(network: str, backend: str) -> None:
    competition, lane, data, train = case(network, backend)
    objective = make_objective(competition, lane.objective, train, data)
    encoder = make_encoder(competition, lane, data)
    learned = encoder.fit_transform(train, objective.signals(train))
    encoded = encoder.transform(train)
    assert tuple(sorted(encoded)) == tuple(sorted(lane.encoding.gives))
    net = make_network(lane.model, encoder, objective)
    if backend == "torch":
        parameters = inspect.signature(net.forward).parameters.values()
        needed = {parameter.name for parameter in parameters if parameter.default is parameter.empty}
        assert needed == set(lane.model.takes)
        assert set(lane.model.may_take) <= {parameter.name for parameter in parameters}
        # Further tensors, which are there while it learns.
        assert set(learned) <= {parameter.name for parameter in parameters}
    for grow in (net.grow,) if network in TREES else ():
        grow(encoded, objective.learned(train), None, lane.model.sizes, lane.objective.model_dump(), 0)
    logits = net.eval()(**{name: values[:3] for name, values in encoded.items()})
    assert (len(logits), logits.shape[-1]) == (3, objective.outputs)


def test_every_section_has_its_entry() -> None:
    assert set(_choices(EncodingSettings, "inputs")) == set(ENCODERS)
    assert set(_choices(ModelSettings, "network")) == set(NETWORKS)
