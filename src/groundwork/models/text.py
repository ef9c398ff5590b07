"""Shared parts of the networks for texts: token embedding, pooling, and a wide-and-deep network."""

from collections.abc import Callable, Mapping, Sized
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from groundwork.models.fnn import Columns, PiecewiseLinearEmbedding
from groundwork.objectives.base import Objective

PADDING = 0


class TokenEmbedding(nn.Module):
    """Embeds tokens; in training it drops whole tokens, and whole channels of a text.

    The latter is spatial dropout (https://arxiv.org/abs/1411.4280).

    Parameters
    ----------
    tokens
        Number of tokens, without token 0 for padding.
    width
        Length of an embedding.
    token_dropout, channel_dropout
        Shares that are dropped.
    """

    def __init__(self, tokens: int, width: int, token_dropout: float, channel_dropout: float) -> None:
        super().__init__()
        self.table = nn.Embedding(tokens + 1, width, padding_idx=PADDING)
        with torch.no_grad():
            self.table.weight.mul_(0.1)
        self.token_dropout, self.channel_dropout = nn.Dropout1d(token_dropout), nn.Dropout1d(channel_dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Embed ``[rows, length]`` as ``[rows, length, width]``."""
        kept = self.token_dropout(self.table(tokens))
        return self.channel_dropout(kept.transpose(1, 2)).transpose(1, 2)


class DeepPath(nn.Module):
    """Maps tokens ``[rows, length]`` to features ``[rows, size]``."""

    size: int


def pooled(hidden: Tensor, real: Tensor) -> Tensor:
    """Compute mean and maximum over tokens without padding; zeros for an empty text.

    Parameters
    ----------
    hidden
        ``[rows, length, width]``.
    real
        Whether each token is real and not padding, ``[rows, length]``.

    Returns
    -------
    Tensor
        ``[rows, 2 * width]``.
    """
    counts = real.sum(1, keepdim=True)
    real = real[..., None]
    mean = torch.where(real, hidden, 0.0).sum(1) / counts.clamp(min=1)
    most = hidden.masked_fill(~real, -torch.inf).amax(1)
    return torch.cat([mean, torch.where(counts > 0, most, 0.0)], dim=1)


class ColumnFeatures(nn.Module):
    """Embeds the columns of a table that belongs to a text.

    Parameters
    ----------
    edges
        Bin edges of the numbers, ``[numbers, bins + 1]``.
    categories
        Number of codes of each categorical feature; code 0 stands for unknown.
    embedding
        Length of an embedding.
    """

    def __init__(self, edges: Tensor, categories: list[int], embedding: int) -> None:
        super().__init__()
        self.numbers = PiecewiseLinearEmbedding(edges, embedding)
        self.labels = nn.ModuleList(nn.Embedding(codes, embedding, padding_idx=0) for codes in categories)
        self.size = (len(edges) + len(categories)) * embedding

    def forward(self, numeric: Tensor, categorical: Tensor) -> Tensor:
        """Map numbers ``[rows, numbers]`` and codes ``[rows, categories]`` to ``[rows, size]``."""
        labels = [label(categorical[:, place]) for place, label in enumerate(self.labels)]
        return torch.cat([self.numbers(numeric).flatten(1), *labels], dim=1)


class TermWeights(nn.EmbeddingBag):
    """A linear layer on sparse rows: a weight for each term and output.

    Adam's step is as long for a term in two texts as for one in all texts. With an epsilon much larger than the
    gradients, Adam becomes gradient descent with momentum: a term's step is proportional to its gradient, and the
    weights of rare terms stay near zero. This needs its own learning rate.

    Parameters
    ----------
    terms, outputs
        Sizes, without term 0 for padding.
    learning_rate
        The learning rate's peak.
    """

    def __init__(self, terms: int, outputs: int, learning_rate: float) -> None:
        super().__init__(terms + 1, outputs, mode="sum", padding_idx=PADDING)
        # The weight of a term that is in no training row must be zero.
        nn.init.zeros_(self.weight)
        self.optimizer_options = {"lr": learning_rate, "eps": 1e-2, "weight_decay": 0.0}


class WideAndDeep(nn.Module):
    """A linear path over terms and a deep path over tokens (https://arxiv.org/abs/1606.07792).

    In training, the paths are two members, each with its own loss. In evaluation their logits are added, or averaged if
    they estimate a number rather than evidence. The deep path's logits are first scaled by how far they can be trusted,
    because a deep network memorizes classes with few examples. The scale is the shrinkage of empirical Bayes (Efron &
    Morris, https://doi.org/10.1080/01621459.1973.10481350): an estimate from n examples, whose error has k / n times
    the variance of the true values, counts n / (n + k).

    Parameters
    ----------
    deep
        Reads the tokens.
    terms
        Number of terms.
    prior, examples
        The result of the objective's `prior`: the initial logits of both paths, such as the log-odds of tags, and the
        number of training rows for each output, ``[outputs]``.
    shrinkage
        The k above: with k examples of an output, the deep path counts half.
    dropout
        Share of the deep path's features that is dropped before its head.
    wide_learning_rate
        See `TermWeights`.
    columns
        Embeds the columns of a table that belongs to the text, which both paths then read too; or None.
    evidence
        Whether the logits of the paths are added: see `Objective.evidence`.
    """

    def __init__(
        self,
        deep: DeepPath,
        terms: int,
        prior: Tensor,
        examples: Tensor,
        shrinkage: float = 300.0,
        dropout: float = 0.5,
        wide_learning_rate: float = 1.0,
        columns: ColumnFeatures | None = None,
        evidence: bool = True,
    ) -> None:
        super().__init__()
        self.wide = TermWeights(terms, len(prior), wide_learning_rate)
        self.wide_bias = nn.Parameter(torch.zeros(len(prior)))
        self.columns, self.evidence = columns, evidence
        size = deep.size + (columns.size if columns else 0)
        self.deep, self.dropout, self.head = deep, nn.Dropout(dropout), nn.Linear(size, len(prior))
        if columns is not None:
            self.wide_columns = nn.Linear(columns.size, len(prior), bias=False)
            nn.init.zeros_(self.wide_columns.weight)
        # Both paths start from the prior, so that the terms need not learn first that a rare tag is rare.
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.prior: Tensor
        self.trust: Tensor
        self.register_buffer("prior", prior, persistent=False)
        self.register_buffer("trust", examples / (examples + shrinkage), persistent=False)

    def forward(
        self,
        tokens: Tensor,
        terms: Tensor,
        weights: Tensor,
        numeric: Tensor | None = None,
        categorical: Tensor | None = None,
    ) -> Tensor:
        """Compute the logits.

        Parameters
        ----------
        tokens
            int64 ``[rows, length]``, padded with 0.
        terms, weights
            Each row's terms, int32 or int64, and their weights, ``[rows, most]``, padded with 0.
        numeric, categorical
            The inputs of `ColumnFeatures`, if the text has a table.

        Returns
        -------
        Tensor
            ``[rows, outputs]``. In training: those of the linear and of the deep path, ``[rows, 2, outputs]``.
        """
        wide = self.wide(terms, per_sample_weights=weights) + self.wide_bias
        features = self.deep(tokens)
        if self.columns is not None:
            columns = self.columns(numeric, categorical)
            wide, features = wide + self.wide_columns(columns), torch.cat([features, columns], dim=1)
        deep = self.head(self.dropout(features))
        if self.training:
            return torch.stack([wide, deep], dim=1) + self.prior
        if not self.evidence:
            return (wide + self.trust * deep) / (1 + self.trust) + self.prior
        return wide + self.trust * deep + self.prior


class Texts(Protocol):
    """A fitted encoder of texts: its sub-words, the length of the longest text, and the number of terms."""

    subwords: Sized
    length: int
    terms: int


def build_wide_and_deep(
    deep: Callable[..., DeepPath], settings: Mapping[str, Any], encoder: Any, objective: Objective
) -> WideAndDeep:
    """Make a deep and a linear path, with columns if the settings have some.

    Parameters
    ----------
    deep
        Makes the deep path from its own sizes.
    settings
        Sizes from section ``model`` of params.yaml.
    encoder
        Fitted `Texts`, and `Columns` too if ``columns`` is given.
    """
    shared = {name: settings[name] for name in ("dropout", "shrinkage", "wide_learning_rate")}
    own = {name: size for name, size in settings.items() if name not in (*shared, "columns")}
    path, columns = deep(**own), None
    if settings.get("columns"):
        table: Columns = encoder
        columns = ColumnFeatures(table.edges, table.categories, settings["columns"]["embedding"])
    return WideAndDeep(path, encoder.terms, *objective.prior(), **shared, columns=columns, evidence=objective.evidence)
