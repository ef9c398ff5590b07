"""Cases of whole networks. Each is written once; `lib` says of which library's parts it is made."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from tests.scratch.case import Case, normal

TEXTS = np.array([[1, 5, 3, 5, 6], [2, 2, 4, 0, 0]])


def cases() -> Iterator[Case]:
    """Give the four architectures, and what holds modules."""
    yield Case("nn.Sequential", "one in another", nested, (normal(4, 3),))
    yield Case("nn.ModuleList", "one after another", listed, (normal(4, 3),))
    yield Case("MLP", "learning", mlp, (normal(5, 4),))
    yield Case("MLP", "not learning", lambda lib: mlp(lib).eval(), (normal(5, 4),))
    yield Case("CNN", "learning", cnn, (normal(3, 1, 6, 6),))
    yield Case("CNN", "not learning", lambda lib: cnn(lib).eval(), (normal(3, 1, 6, 6),))
    yield Case("LSTM tagger", "no padding", tagger, (TEXTS[:1],))
    yield Case("LSTM tagger", "padding", tagger, (TEXTS,), has_slope=False)
    yield Case("Transformer", "plain", transformer, (TEXTS,))
    yield Case("Transformer", "padding", transformer, (TEXTS,), {"padding": TEXTS == 0})


def nested(lib: Any) -> Any:
    """Make modules in a row, in a row."""
    nn = lib.nn
    return nn.Sequential(nn.Sequential(nn.Linear(3, 3), nn.Tanh()), nn.Sequential(), nn.Linear(3, 2))


def listed(lib: Any) -> Any:
    """Add what each of three layers says of the sum so far."""

    class Residual(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = lib.nn.ModuleList([lib.nn.Linear(3, 3) for _ in range(3)])

        def forward(self, x: Any) -> Any:
            for layer in self.layers:
                x = x + lib.F.tanh(layer(x))
            return self.layers[-1](x) * len(self.layers)

    return Residual()


def mlp(lib: Any) -> Any:
    """Feed-forward."""
    nn = lib.nn
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.0), nn.Linear(6, 3))


def cnn(lib: Any) -> Any:
    """Convolutional."""
    nn = lib.nn
    first = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2))
    second = nn.Sequential(nn.Conv2d(2, 3, 2), nn.GELU())
    return nn.Sequential(first, second, nn.Flatten(), nn.Linear(12, 3))


def tagger(lib: Any, words: int = 7, width: int = 3, layers: int = 2) -> Any:
    """Recurrent: a class for each token."""

    class Tagger(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = lib.nn.Embedding(words, width, padding_idx=0)
            self.states = lib.nn.LSTM(width, width, num_layers=layers, batch_first=True)
            self.output = lib.nn.Linear(width, 3)

        def forward(self, tokens: Any) -> Any:
            states, _ = self.states(self.words(tokens))
            return self.output(states)

    return Tagger()


def transformer(lib: Any, words: int = 7, tokens: int = 5, width: int = 4, heads: int = 2) -> Any:
    """Transformer: a class for each text, from the mean over its tokens."""

    class Transformer(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.places = lib.nn.Embedding(words, width), lib.nn.Embedding(tokens, width)
            options = {"dim_feedforward": 4 * width, "dropout": 0.0, "batch_first": True, "activation": "gelu"}
            blocks = [lib.nn.TransformerEncoderLayer(width, heads, norm_first=one, **options) for one in (True, False)]
            self.blocks = lib.nn.ModuleList(blocks)
            self.norm, self.output = lib.nn.LayerNorm(width), lib.nn.Linear(width, 3)

        def forward(self, texts: Any, padding: Any = None) -> Any:
            states = self.words(texts) + self.places.weight[: texts.shape[1]]
            for block in self.blocks:
                states = block(states, src_key_padding_mask=padding)
            return self.output(self.norm(states).mean(1))

    return Transformer()
