"""Bugs of activations, losses and what is done to pictures."""

from tests.scratch import test_convolution, test_functional, test_losses
from tests.scratch.mutants.mutant import Mutant

from groundwork.scratch import functional as F
from groundwork.scratch.functional import convolution, losses

ACTIVATIONS = [
    Mutant(
        "relu has a slope at 0",
        F.relu,
        "~(x <= 0)",
        "~(x < 0)",
        test_functional.test_relu_has_no_slope_at_zero,
    ),
    Mutant(
        "sigmoid overflows",
        F.sigmoid,
        "np.where(input.data >= 0, 1, small) / (1 + small)",
        "np.exp(input.data) / (1 + np.exp(input.data))",
        test_functional.test_activations_of_numbers_large_small_and_zero,
    ),
    Mutant(
        "log(sigmoid) takes the logarithm of a rounded 0",
        F.logsigmoid,
        "np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))",
        "np.log(sigmoid(input).data)",
        test_losses.test_binary_cross_entropy_over_its_grid,
    ),
    Mutant("gelu is its approximation by tanh", F.gelu, 'if approximate == "tanh":', "if True:", "nn.GELU"),
    Mutant("gelu's gradient leaves the density out", F.gelu, "below + x * density", "below", "functional.gelu"),
    Mutant(
        "softmax has the diagonal of its Jacobian only",
        F.softmax,
        "weighted - value * weighted.sum(dim, keepdims=True)",
        "weighted * (1 - value)",
        "functional.softmax",
    ),
    Mutant(
        "softmax overflows",
        F.softmax,
        "np.exp(input.data - input.data.max(dim, keepdims=True))",
        "np.exp(input.data)",
        test_functional.test_shares_of_logits_that_would_overflow,
    ),
    Mutant(
        "log_softmax takes the logarithm of a rounded 0",
        F.log_softmax,
        "shifted - np.log(np.exp(shifted).sum(dim, keepdims=True))",
        "np.log(np.exp(shifted) / np.exp(shifted).sum(dim, keepdims=True))",
        test_losses.test_cross_entropy_of_logits_that_would_overflow,
    ),
    Mutant(
        "softmax goes along the last dimension whatever is asked",
        F.softmax,
        "small.sum(dim, keepdims=True)",
        "small.sum(-1, keepdims=True)",
        "nn.Softmax",
    ),
]
LOSSES = [
    Mutant("a mean is a sum", losses._reduced, "loss.mean() if", "loss.sum() if", "nn.MSELoss"),
    Mutant(
        "a mean is one over rows", losses._reduced, "loss.mean() if", "loss.sum() / len(loss.data) if", "nn.MSELoss"
    ),
    Mutant(
        "cross-entropy adds up where it should average",
        F.cross_entropy,
        "loss.sum() / int(counted.sum())",
        "loss.sum()",
        "nn.CrossEntropyLoss",
    ),
    Mutant(
        "cross-entropy softens twice",
        F.cross_entropy,
        "log_softmax(input, 1)",
        "log_softmax(log_softmax(input, 1).exp(), 1)",
        "nn.CrossEntropyLoss",
    ),
    Mutant(
        "cross-entropy takes the last dimension for the classes",
        F.cross_entropy,
        "log_softmax(input, 1)",
        "log_softmax(input, -1)",
        "nn.CrossEntropyLoss",
    ),
    Mutant(
        "ignored rows count in the mean", F.cross_entropy, "int(counted.sum())", "counted.size", "nn.CrossEntropyLoss"
    ),
    Mutant(
        "smoothed labels go to all other classes",
        F.cross_entropy,
        "log_probabilities.mean(1) * label_smoothing",
        "(log_probabilities.sum(1) + loss) / (input.shape[1] - 1) * label_smoothing",
        "nn.CrossEntropyLoss",
    ),
    Mutant(
        "pos_weight weighs the noes",
        F.binary_cross_entropy_with_logits,
        "(yes if pos_weight is None else pos_weight * yes) + (1 - target) * no",
        "yes + (1 - target) * (no if pos_weight is None else pos_weight * no)",
        "nn.BCEWithLogitsLoss",
    ),
]
PICTURES = [
    Mutant(
        "the picture lies at the frame's end",
        convolution._padded,
        "padded[:, down : down + height,",
        "padded[:, 2 * down : 2 * down + height,",
        "nn.Conv2d",
    ),
    Mutant(
        "kernels are read the wrong way round",
        convolution.conv2d,
        "windows.transpose(0, 1, 2, 4, 5, 3)",
        "windows.transpose(0, 1, 2, 5, 4, 3)",
        "nn.Conv2d",
    ),
    Mutant(
        "a gradient goes back without the stride",
        convolution.conv2d,
        "_under(y, x, height, width, step)",
        "_under(y, x, height, width, (1, 1))",
        "nn.Conv2d",
    ),
    Mutant("where windows overlap, the last gradient stays", convolution.conv2d, "] += seen", "] = seen", "nn.Conv2d"),
    Mutant(
        "all maxima of a window get the gradient",
        convolution.max_pool2d,
        "winner == place",
        "padded[_under(y, x, height, width, step)] == value",
        test_convolution.test_the_first_of_equals_gets_the_gradient,
    ),
    Mutant(
        "the last maximum of a window gets the gradient",
        convolution.max_pool2d,
        "rival > value",
        "rival >= value",
        test_convolution.test_the_first_of_equals_gets_the_gradient,
    ),
    Mutant("a frame of zeros hides negative maxima", convolution.max_pool2d, "-np.inf", "0", "nn.MaxPool2d"),
]
MUTANTS = [*ACTIVATIONS, *LOSSES, *PICTURES]
