"""Builds the encoder, the objective and the network that a lane's settings describe.

A new network needs a file in `groundwork.models` with a function `build`, a section for its sizes in
`groundwork.sections.networks`, and an entry in `NETWORKS`. A new encoder needs a file with a class method `of`, a
section, and an entry in `ENCODERS`.
"""

from collections.abc import Callable
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from groundwork.competitions import Competition
from groundwork.data.prepared import Prepared
from groundwork.encoders import Encoder
from groundwork.encoders.history import HistoryEncoder
from groundwork.encoders.image import ImageEncoder
from groundwork.encoders.pair import PairEncoder
from groundwork.encoders.table import TableEncoder
from groundwork.encoders.table_text import TableTextEncoder
from groundwork.encoders.text import TextEncoder
from groundwork.models import cnn, factorization, fnn, rnn, transformer, trees, two_tower
from groundwork.naming import ByName
from groundwork.objectives import KINDS
from groundwork.objectives.base import Objective
from groundwork.scratch import manual_seed
from groundwork.scratch import models as scratch
from groundwork.scratch.bridge import as_torch_module
from groundwork.sections.losses import LossSettings
from groundwork.sections.networks import (
    CatBoostSettings,
    CNNSettings,
    FactorizationSettings,
    FNNSettings,
    LightGBMSettings,
    Network,
    RNNSettings,
    TransformerSettings,
    TwoTowerSettings,
)
from groundwork.settings import Lane

# By `encoding.inputs`; a fold's file names its encoder by the same key.
ENCODERS: ByName[type[Encoder]] = {
    "table": TableEncoder,
    "image": ImageEncoder,
    "text": TextEncoder,
    "table+text": TableTextEncoder,
    "pair": PairEncoder,
    "history": HistoryEncoder,
}
# By `model.network`: the section of its sizes, and `build(sizes, encoder, objective)`.
NETWORKS: ByName[tuple[type[Network], Callable[..., Any]]] = {
    "fnn": (FNNSettings, fnn.build),
    "cnn": (CNNSettings, cnn.build),
    "factorization": (FactorizationSettings, factorization.build),
    "rnn": (RNNSettings, rnn.build),
    "transformer": (TransformerSettings, transformer.build),
    "two_tower": (TwoTowerSettings, two_tower.build),
    "lightgbm": (LightGBMSettings, trees.of_lightgbm),
    "catboost": (CatBoostSettings, trees.of_catboost),
}
# The same networks from `groundwork.scratch`, which `backend: scratch` uses instead.
SCRATCH_NETWORKS: ByName[Any] = {
    "fnn": scratch.FNN,
    "cnn": scratch.CNN,
}


def make_encoder(competition: Competition, lane: Lane, prepared: Prepared) -> Encoder:
    """Make the unfitted encoder that turns the competition's columns into tensors."""
    return ENCODERS[lane.encoding.inputs].of(lane.encoding, competition, prepared, lane.model.quantile_bins)


def make_objective(competition: Competition, loss: LossSettings, train: pd.DataFrame, prepared: Prepared) -> Objective:
    """Fit the competition's kind on a fold's training rows."""
    return KINDS[competition.kind].fit(competition.task, train, prepared.labels, loss.options)


def make_network(model: Network, encoder: Encoder, objective: Objective) -> nn.Module:
    """Make a network with new weights for the inputs that the fitted `encoder` gives."""
    return BACKENDS[model.computed_by](model, encoder, objective)


def _by_torch(model: Network, encoder: Encoder, objective: Objective) -> nn.Module:
    network: nn.Module = NETWORKS[model.network][1](model.sizes, encoder, objective)
    return network


def _by_scratch(model: Network, encoder: Encoder, objective: Objective) -> nn.Module:
    """Make the network of `groundwork.scratch` with PyTorch's initial weights, so that only the arithmetic differs."""
    _, build = NETWORKS[model.network]
    network = build(model.sizes, encoder, objective, network=_from_arrays(SCRATCH_NETWORKS[model.network]))
    network.load_state_dict(_by_torch(model, encoder, objective).state_dict())
    # Dropout in `groundwork.scratch` draws from its own generator, which the fold's seed sets too.
    manual_seed(int(torch.randint(2**31, ())))
    return as_torch_module(network)


# By `Network.computed_by`.
BACKENDS: ByName[Callable[[Network, Encoder, Objective], nn.Module]] = {
    "torch": _by_torch,
    "scratch": _by_scratch,
}


def _from_arrays(network: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a network's class so that it gets arrays where tensors are passed."""

    def make(*parts: Any, **sizes: Any) -> Any:
        return network(*(part.numpy() if isinstance(part, Tensor) else part for part in parts), **sizes)

    return make
