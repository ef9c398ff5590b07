"""From settings to the parts of a run: encoder, objective, network.

A new network has three places: its file in `groundwork.models` with its `build`, the section of its sizes in
`groundwork.sections.networks`, and its entry in `NETWORKS`. A new encoder likewise: its file with its `of`, its
section, its entry in `ENCODERS`.
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
from groundwork.models import cnn, factorization, fnn, rnn, transformer, two_tower
from groundwork.naming import ByName
from groundwork.objectives import KINDS
from groundwork.objectives.base import Objective
from groundwork.scratch import manual_seed
from groundwork.scratch import models as scratch
from groundwork.scratch.bridge import as_torch_module
from groundwork.sections.losses import LossSettings
from groundwork.sections.networks import (
    CNNSettings,
    FactorizationSettings,
    FNNSettings,
    Network,
    RNNSettings,
    TransformerSettings,
    TwoTowerSettings,
)
from groundwork.settings import Lane

# By `encoding.inputs`; a fold on the disk names its encoder so.
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
}
# The same networks made from nothing, which `backend: scratch` puts in their places.
TWINS: ByName[Any] = {
    "fnn": scratch.FNN,
    "cnn": scratch.CNN,
}


def make_encoder(competition: Competition, lane: Lane, prepared: Prepared) -> Encoder:
    """Make the transform that turns the competition's columns into tensors; it is not fitted yet."""
    return ENCODERS[lane.encoding.inputs].of(lane.encoding, competition, prepared, lane.model.quantile_bins)


def make_objective(competition: Competition, loss: LossSettings, train: pd.DataFrame, prepared: Prepared) -> Objective:
    """Fit the competition's kind on a fold's training rows."""
    return KINDS[competition.kind].fit(competition.task, train, prepared.labels, loss.options)


def make_network(model: Network, encoder: Encoder, objective: Objective) -> nn.Module:
    """Make a network with fresh weights for what `encoder` (fitted) gives."""
    return BACKENDS[model.computed_by](model, encoder, objective)


def _by_torch(model: Network, encoder: Encoder, objective: Objective) -> nn.Module:
    network: nn.Module = NETWORKS[model.network][1](model.sizes, encoder, objective)
    return network


def _by_scratch(model: Network, encoder: Encoder, objective: Objective) -> nn.Module:
    """Make the same network from nothing; with PyTorch's first weights, so that arithmetic alone differs."""
    _, build = NETWORKS[model.network]
    twin = build(model.sizes, encoder, objective, network=_of_arrays(TWINS[model.network]))
    twin.load_state_dict(_by_torch(model, encoder, objective).state_dict())
    # Dropout in the twin draws from a generator of its own: a fold's seed decides it too.
    manual_seed(int(torch.randint(2**31, ())))
    return as_torch_module(twin)


# By `Network.computed_by`.
BACKENDS: ByName[Callable[[Network, Encoder, Objective], nn.Module]] = {
    "torch": _by_torch,
    "scratch": _by_scratch,
}


def _of_arrays(twin: Callable[..., Any]) -> Callable[..., Any]:
    """Give a twin arrays where its network takes tensors."""

    def made(*parts: Any, **sizes: Any) -> Any:
        return twin(*(part.numpy() if isinstance(part, Tensor) else part for part in parts), **sizes)

    return made
