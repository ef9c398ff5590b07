import numpy as np

from groundwork.encoders.language.latent import LatentSemantics
from groundwork.encoders.language.subwords import Subwords

TEXTS = ["faucet tap chrome", "faucet tap brass", "tap faucet", "drill driver cordless", "driver drill kit"] * 4


def test_words_of_the_same_texts_point_the_same_way() -> None:
    latent = LatentSemantics(Subwords(400).fit(TEXTS), width=4).fit(TEXTS)
    faucet, tap, drill = latent.embed(["faucet", "tap", "drill"])
    assert faucet @ tap > 0.9
    assert abs(faucet @ drill) < 0.1
    np.testing.assert_allclose(np.linalg.norm(latent.embed(TEXTS), axis=1), 1, rtol=1e-5)


def test_padding_and_empty_texts_are_nothing() -> None:
    latent = LatentSemantics(Subwords(400).fit(TEXTS), width=4).fit([*TEXTS, ""])
    assert not latent.vectors[0].any()
    assert not latent.embed([""]).any()


def test_few_texts_have_few_directions() -> None:
    latent = LatentSemantics(Subwords(400).fit(TEXTS), width=64).fit(TEXTS[:2])
    assert latent.vectors.shape == (len(latent.subwords) + 1, 64)
    assert not latent.vectors[:, 2:].any()
