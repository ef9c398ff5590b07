"""From settings to the parts of a run: encoder, augmentation, network.

A new network has three places: its file in `models/`, its section in `settings.py` (`experiments/validate.py` says
what it takes), and `make_network` here. Those whose section has a `backend` have a twin in `scratch/models.py`.
"""

import torch
from torch import nn

from groundwork.competitions import Competition, Labelled, Purchases
from groundwork.data.prepared import Prepared
from groundwork.data.purchases import PreparedPurchases
from groundwork.encoders import Encoder
from groundwork.encoders.history import HistoryEncoder
from groundwork.encoders.image import ImageEncoder
from groundwork.encoders.pair import PairEncoder
from groundwork.encoders.table import TableEncoder
from groundwork.encoders.text import TextEncoder
from groundwork.models.cnn import CNN
from groundwork.models.factorization import Factorization
from groundwork.models.fnn import FNN
from groundwork.models.rnn import RNN
from groundwork.models.text import WideAndDeep
from groundwork.models.transformer import Transformer
from groundwork.models.two_tower import TwoTower
from groundwork.objectives.base import Objective, Recommendation
from groundwork.scratch import manual_seed
from groundwork.scratch import models as scratch
from groundwork.scratch.bridge import as_torch_module
from groundwork.scratch.nn import Module
from groundwork.settings import (
    CNNSettings,
    EncodingSettings,
    FactorizationSettings,
    FNNSettings,
    HistoryEncoding,
    ImageEncoding,
    Lane,
    ModelSettings,
    PairEncoding,
    RNNSettings,
    TableEncoding,
    TextEncoding,
    TransformerSettings,
    TwoTowerSettings,
)
from groundwork.training.augment import affine
from groundwork.training.batches import Augment

# By `encoding.inputs` of params.yaml: a fold on the disk names its encoder by it.
ENCODERS: dict[str, type[Encoder]] = {
    "table": TableEncoder,
    "image": ImageEncoder,
    "history": HistoryEncoder,
    "text": TextEncoder,
    "pair": PairEncoder,
}


def make_encoder(competition: Competition, lane: Lane, prepared: Prepared) -> Encoder:
    """Make the transform that turns the competition's columns into tensors; it is not fitted yet."""
    encoding = lane.encoding
    if isinstance(encoding, HistoryEncoding):
        assert isinstance(competition, Purchases)  # `groundwork validate` has compared them
        assert isinstance(prepared, PreparedPurchases)
        features = prepared.articles[list(competition.features)]
        return HistoryEncoder(features, encoding.length, competition.days, encoding.spans)
    assert isinstance(competition, Labelled)
    match encoding:
        case TableEncoding():
            assert isinstance(lane.model, FNNSettings)
            return TableEncoder(
                competition.inputs,
                encoding.clip,
                encoding.min_category_count,
                encoding.group_smoothing,
                lane.model.bins,
            )
        case PairEncoding():
            assert competition.inputs.pair is not None
            assert isinstance(lane.model, TwoTowerSettings)
            return PairEncoder(
                competition.inputs.pair,
                encoding.vocabulary,
                encoding.query_length,
                encoding.document_length,
                encoding.width,
                lane.model.bins,
            )
        case ImageEncoding():
            assert competition.inputs.image is not None
            pixels = [column for column in competition.columns if column not in competition.targets]
            return ImageEncoder(pixels, competition.inputs.image)
        case TextEncoding():
            assert competition.inputs.text is not None
            return TextEncoder(competition.inputs.text, **encoding.model_dump(exclude={"inputs"}))


def make_augment(encoding: EncodingSettings) -> Augment | None:
    """Make the random change of training batches, or None where there is none."""
    if isinstance(encoding, ImageEncoding) and any((encoding.degrees, encoding.scale, encoding.shear, encoding.shift)):
        return affine(encoding.degrees, encoding.scale, encoding.shear, encoding.shift)
    return None


def make_network(model: ModelSettings, encoder: Encoder, objective: Objective) -> nn.Module:
    """Make a network with fresh weights for what `encoder` (fitted) gives."""
    settings = model.model_dump(exclude={"network", "backend"})
    match model:
        case FNNSettings():
            assert isinstance(encoder, TableEncoder)
            del settings["bins"]  # the encoder's edges hold them
            sizes = (encoder.categories, objective.outputs)
            fnn = FNN(encoder.edges, *sizes, **settings)
            if model.backend == "torch":
                return fnn
            return _instead_of(fnn, scratch.FNN(encoder.edges.numpy(), *sizes, **settings))
        case CNNSettings():
            cnn = CNN(colours=1, outputs=objective.outputs, **settings)
            if model.backend == "torch":
                return cnn
            return _instead_of(cnn, scratch.CNN(colours=1, outputs=objective.outputs, **settings))
        case FactorizationSettings():
            assert isinstance(encoder, HistoryEncoder)
            assert isinstance(objective, Recommendation)
            return Factorization(
                encoder.features,
                encoder.labels,
                encoder.sales,
                encoder.share,
                objective.candidates,
                encoder.length,
                **settings,
            )
        case RNNSettings() | TransformerSettings():
            assert isinstance(encoder, TextEncoder)
            beside = {name: settings.pop(name) for name in ("dropout", "shrinkage", "wide_learning_rate")}
            tokens = len(encoder.subwords)
            deep = (
                RNN(tokens, **settings)
                if isinstance(model, RNNSettings)
                else Transformer(tokens, encoder.length, **settings)
            )
            return WideAndDeep(deep, encoder.terms, encoder.positives, encoder.rows, **beside)
        case TwoTowerSettings():
            assert isinstance(encoder, PairEncoder)
            del settings["bins"]  # the encoder's edges hold them
            vectors, rarity = torch.from_numpy(encoder.latent.vectors), torch.from_numpy(encoder.latent.rarity)
            return TwoTower(vectors, rarity, encoder.edges, objective.outputs, **settings)


def _instead_of(network: nn.Module, twin: Module) -> nn.Module:
    """Put `twin` in the place of `network`, with its first weights: what the backends differ in is arithmetic alone."""
    twin.load_state_dict(network.state_dict())
    # Dropout in the twin draws from a generator of its own: a fold's seed decides it too.
    manual_seed(int(torch.randint(2**31, ())))
    return as_torch_module(twin)
