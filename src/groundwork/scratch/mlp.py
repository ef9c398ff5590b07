"""The multilayer perceptron: linear layers with activations between them, the simplest deep network.

`groundwork.scratch.nn` has the layers; this module puts them in order.
"""

from collections.abc import Callable, Sequence

from groundwork.scratch import nn


class MLP(nn.Sequential):
    """A feed-forward network: inputs pass each layer once, without loops.

    Its weights have the names that ``torch.nn.Sequential`` gives them, so that those of either load in the other.

    Parameters
    ----------
    widths
        Numbers of a row as it comes in, after each hidden layer, and as it goes out: ``[4, 32, 32, 1]`` has two hidden
        layers. With two widths it is a linear model.
    activation
        What makes the bend after each hidden layer: a class of `groundwork.scratch.nn`, or a function that makes a
        module.
    dropout
        Share of each hidden layer's numbers that is dropped while the network learns; 0 adds no such layer.

    Raises
    ------
    ValueError
        If there are fewer than two widths, one of them is below 1, or `dropout` is no share.

    References
    ----------
    Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
    https://doi.org/10.1038/323533a0.

    Examples
    --------
    >>> [type(layer).__name__ for layer in MLP([4, 32, 1])]
    ['Linear', 'ReLU', 'Linear']
    """

    def __init__(
        self,
        widths: Sequence[int],
        activation: Callable[[], nn.Module] = nn.ReLU,
        dropout: float = 0.0,
    ) -> None:
        if len(widths) < 2 or min(widths) < 1:
            found = list(widths)
            raise ValueError(f"widths: found {found}; expected two or more, each >= 1")
        *hidden, outputs = widths[1:]
        layers: list[nn.Module] = []
        inputs = widths[0]
        for width in hidden:
            layers += [nn.Linear(inputs, width), activation()]
            # No such layer for a share of 0: the others keep the numbers that they have in PyTorch's Sequential.
            if dropout:
                layers.append(nn.Dropout(dropout))
            inputs = width
        # The head has no bend behind it: a price or a logit may be any number.
        super().__init__(*layers, nn.Linear(inputs, outputs))
