import dataclasses

import pandas as pd
import torch
from tests.training.tiny import SURVIVAL, in_memory, lane

from groundwork.competitions import Inputs
from groundwork.encoders.image import ImageEncoder
from groundwork.encoders.table import TableEncoder
from groundwork.models.cnn import CNN
from groundwork.objectives.classification import Classification
from groundwork.sections.encodings import ImageEncoding
from groundwork.sections.networks import CNNSettings
from groundwork.training.build import make_encoder, make_network

STILL = ImageEncoding(inputs="image", degrees=0, scale=0, shear=0, shift=0)
PICTURES = lane().model_copy(update={"encoding": STILL})
DIGITS = dataclasses.replace(
    SURVIVAL, targets=("label",), types={"label": int, "p0": int, "p1": int}, inputs=Inputs(image=(1, 2))
)
DATA = in_memory(pd.DataFrame())


def test_a_table_is_encoded_as_its_section_and_its_network_say() -> None:
    settings = lane()
    encoder = make_encoder(SURVIVAL, settings, DATA)
    assert isinstance(encoder, TableEncoder)
    assert encoder.columns == SURVIVAL.inputs
    assert (encoder.clip, encoder.bins) == (0.02, 4)
    assert [group.smoothing for group in encoder.groups.values()] == [1.0]


def test_pixels_are_all_columns_but_the_target() -> None:
    encoder = make_encoder(DIGITS, PICTURES, DATA)
    assert isinstance(encoder, ImageEncoder)
    assert encoder.columns == ["p0", "p1"]
    assert encoder.shape == (1, 2)


def test_pictures_are_augmented_where_there_is_something_to_do() -> None:
    assert make_encoder(DIGITS, PICTURES, DATA).augment() is None
    assert make_encoder(SURVIVAL, lane(), DATA).augment() is None
    moved = PICTURES.model_copy(update={"encoding": STILL.model_copy(update={"shift": 1.0})})
    augment = make_encoder(DIGITS, moved, DATA).augment()
    assert augment is not None
    images = torch.rand(2, 1, 5, 5)
    assert not torch.equal(augment({"image": images}, torch.Generator().manual_seed(0))["image"], images)


def test_networks_have_the_sizes_of_their_settings() -> None:
    model = CNNSettings(network="cnn", backend="torch", channels=[3, 5], dropout=0.4)
    cnn = make_network(model, make_encoder(DIGITS, PICTURES, DATA), Classification(7))
    assert isinstance(cnn, CNN)
    assert cnn(torch.zeros(2, 1, 8, 8)).shape == (2, 7)
    assert cnn.head[0].p == 0.4
