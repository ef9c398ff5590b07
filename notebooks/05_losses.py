# %% [markdown]
# # 5. Losses: what being wrong costs
#
# Learning needs a measure of how wrong an answer is, as one number that can be made smaller. This lesson is about that
# number. Afterwards you can choose a loss for a target, say what it should be before training begins, and explain how
# it differs from the metric of a competition.
#
# **Topics:** losses
#
# ## Idea
#
# A **loss** is a price list for mistakes. On the left, prices for a number that is off by some error. With squared
# errors, one error of 4 costs as much as sixteen errors of 1; with absolute errors, as much as four. **Smooth L1** is a
# compromise: half the square up to a limit, here 1, and from there on a straight line.
#
# On the right, the price of a probability. A forecaster gives a probability of rain; then it rains, or it does not, and
# the price depends on the probability that was given to the actual outcome. The price of being certain and wrong has no
# limit.

# %%
import math

import numpy as np
import torch

from groundwork.lessons import NotAttempted, apply, check, claim, show, subplots, walkthrough
from groundwork.objectives.metrics import METRICS
from groundwork.scratch import Tensor, manual_seed, nn
from groundwork.scratch import functional as F
from groundwork.scratch.verify import compare, gradcheck

error = np.linspace(-3, 3, 301)
size = abs(error)
figure, (left, right) = subplots(1, 2, height=3)
left.plot(error, error**2, label="squared")
left.plot(error, size, "--", label="absolute")
smooth = np.where(size < 1, error**2 / 2, size - 0.5)
left.plot(error, smooth, ":", linewidth=2.5, label="smooth L1")
left.set(xlabel="error", ylabel="loss", ylim=(0, 5))
left.legend()
share = np.linspace(0.004, 1, 250)
right.plot(share, -np.log(share), color="black")
right.set(xlabel="probability of the actual outcome", ylabel="loss")
show("Squared, absolute and smooth loss by error; cross-entropy by the outcome's probability")
claim("half and half costs ln 2", -math.log(0.5), 0.693, 1e-3)
claim("one in ten", -math.log(0.1), 2.303, 1e-3)
claim("one in a hundred costs twice as much", -math.log(0.01) / -math.log(0.1), 2, 1e-12)

# %% [markdown]
# Where do such prices come from? Take the actual outcomes and the probability that the network gave to them. For
# independent rows, it is a product, one probability for each row. Training that maximizes it is called **maximum
# likelihood**.
#
# A product of many probabilities is soon too small for a computer. Its logarithm is a sum with its maximum at the same
# place. With a minus sign it is a price, and divided by the number of rows it is a mean that does not depend on their
# number:
#
# $$\text{loss} = -\frac{1}{n} \sum_{r=1}^{n} \ln p_r \qquad p_r:
# \text{ the probability given to what happened in row } r$$
#
# For classes this is called **cross-entropy**. For a number $y$, suppose that it follows a bell curve of fixed width
# around the prediction $\hat y$. Then $-\ln p$ is $(y - \hat y)^2$, up to a factor and a constant: the **mean squared
# error** (MSE) is maximum likelihood, too. Its root, the RMSE, has the unit of $y$.
#
# The price list decides which answer is cheapest when no answer can always be right. Three passengers of ten survive;
# five houses are sold, one of them a palace. If all must get the same prediction, which one is best?

# %%
chances = np.linspace(0.01, 0.99, 99)
cost = -(3 * np.log(chances) + 7 * np.log(1 - chances)) / 10
claim("lowest cross-entropy: at the true frequency", chances[cost.argmin()], 0.3, 1e-9)
prices = np.array([1, 2, 3, 4, 40])
guesses = np.linspace(0, 40, 401)
errors = guesses[:, None] - prices
claim("squared error: at the mean", guesses[(errors**2).mean(1).argmin()], prices.mean(), 1e-9)
claim("absolute error: at the median", guesses[abs(errors).mean(1).argmin()], 3, 1e-9)

# %% [markdown]
# A network gives logits $x$, any numbers, one for each class. Softmax turns them into shares, and the loss depends on
# the share of the true class $c$:
#
# $$\text{loss} = -\ln \frac{e^{x_c}}{\sum_j e^{x_j}} = -x_c + \ln \sum_j e^{x_j} \qquad
# \frac{\partial\, \text{loss}}{\partial x_j} = \text{share}_j - (1 \text{ if } j = c \text{ else } 0)$$
#
# The gradient is very simple: prediction minus truth. It does not vanish while the answer is wrong. The exponential in
# softmax and the logarithm in the loss cancel out.
#
# So before training, when all shares are about equal, the loss is known. With ten classes each share is 1/10, and its
# price is $-\ln 0.1 = \ln 10$. Check that first. If a loss starts elsewhere, there is a mistake in it, or the initial
# weights are too large. $e^{\text{loss}}$ is the number of equally likely classes that have the same cross-entropy.

# %%
_, prepared = apply.tables("digit-recognizer")
pixels = Tensor(prepared.training(0).filter(like="pixel").to_numpy(np.float32) / 255)
digits = prepared.training(0)["label"].to_numpy()
manual_seed(0)
network = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
claim("initial loss is ln 10", F.cross_entropy(network(pixels), digits).item(), math.log(10), 0.1)

logits = Tensor(np.array([[2.0, 0.0, -1.0]]), requires_grad=True)
F.cross_entropy(logits, np.array([1])).backward()
said, true = F.softmax(logits, 1).data, np.array([[0, 1, 0]])
claim("the gradient is prediction minus truth", np.allclose(logits.grad, said - true))

# %% [markdown]
# ## Build
#
# Here are the library's losses for a number and for a yes-or-no question. The second takes logits, not probabilities.
# Notice `logsigmoid`: it computes $\ln \sigma(x)$ in one step, so that it never takes the logarithm of a probability
# that was rounded to 0. Cross-entropy is missing here: it is your exercise. `walkthrough(F.cross_entropy)` shows the
# library's once you have it.

# %%
walkthrough(F.mse_loss, F.binary_cross_entropy_with_logits, F.logsigmoid)

# %% [markdown]
# "Logits, not probabilities" is the rule that is broken most often. If cross-entropy gets the output of a softmax, the
# network trains slowly, towards a lower bound: a share is at most 1, so the second softmax sees at most a 1 among
# zeros.

# %%
perfect = Tensor(np.eye(10))  # shares of a network that is certain, and right
best = F.cross_entropy(perfect, np.arange(10)).item()
claim("softmax twice: the best loss of ten classes", best, 1.461, 1e-3)

# %% [markdown]
# ## Prove
#
# Compare gradients with difference quotients, then values and gradients with PyTorch's.

# %%
chance = np.random.default_rng(0)
logits, classes = chance.normal(size=(6, 4)), chance.integers(0, 4, 6)
numbers, answers = chance.normal(size=(6, 4)), (chance.random((6, 4)) < 0.5).astype(float)
given = {"mse_loss": numbers, "cross_entropy": classes, "binary_cross_entropy_with_logits": answers}
for name, target in given.items():
    ours, theirs = getattr(F, name), getattr(torch.nn.functional, name)
    print(f"{name}\n  {gradcheck(ours, (logits, target))}")
    print(f"  {compare(ours, theirs, logits, target)}")

# %% [markdown]
# ## See
#
# Why not squared error for everything? Take one yes-or-no question whose answer is yes, and a neuron that says
# $\sigma(z)$. At $z = -8$ it is sure of the opposite, so there is much to learn. Here are value and slope of both
# losses, and a descent from there: each step subtracts the slope from $z$.

# %%
losses = {
    "squared error": lambda z: (1 - F.sigmoid(z)) ** 2,
    "cross-entropy": lambda z: -F.logsigmoid(z),
}


def value_and_slope(loss, z):
    """Return the loss of each logit in z, and its slope."""
    logits = Tensor(z, requires_grad=True)
    value = loss(logits)
    value.sum().backward()
    return value.data, logits.grad


def descend(loss, steps=2000):
    """Step down from a logit of -8; return the probability of yes after each step."""
    z, path = np.array([-8.0]), []
    for _ in range(steps):
        path.append(F.sigmoid(Tensor(z)).data[0])
        z = z - value_and_slope(loss, z)[1]
    return np.array(path)


z = np.linspace(-10, 4, 141)
paths = {name: descend(loss) for name, loss in losses.items()}
figure, axes = subplots(1, 3, height=2.9)
for (name, loss), style in zip(losses.items(), ("--", "-"), strict=True):
    value, slope = value_and_slope(loss, z)
    axes[0].plot(z, value, style, label=name)
    axes[1].plot(z, slope, style)
    axes[2].semilogx(np.arange(1, 2001), paths[name], style)
axes[0].set(title="loss", xlabel="logit z")
axes[1].set(title="slope", xlabel="logit z")
axes[2].set(title="descent from z = -8", xlabel="step", ylabel="probability of yes")
axes[0].legend(fontsize=9)
show("A wrong logit: squared error is flat there and takes a thousand steps, cross-entropy ten")
took = {name: int((path > 0.5).argmax()) for name, path in paths.items()}
claim("steps until the answer changes, with cross-entropy", took["cross-entropy"], 9, 2)
claim("with squared error: more than a thousand", took["squared error"] > 1000)

# %% [markdown]
# Squared error through a sigmoid is flat where the neuron is most wrong: it costs at most 1, and the sigmoid's own
# slope is nearly 0 there. Cross-entropy rises by almost 1 for each unit of the logit in the wrong direction, so its
# slope stays near 1 however wrong the neuron is.
#
# ## Try
#
# Write cross-entropy from logits. `logits` is an array `[rows, classes]`, `target` holds the true class of each row,
# integers `[rows]`. Return the mean over rows, one number, and let it be right even where logits are hundreds apart.


# %%
def cross_entropy(logits, target):
    raise NotAttempted  # one number, from logits [rows, classes] and classes [rows]


check("05.cross_entropy", cross_entropy)

# %% [markdown]
# ## Apply
#
# A competition is scored by its **metric**. A network is trained on its loss, and the two are seldom the same. The type
# of the target determines the **head**, the network's last layer; head and target determine the loss; the organizers
# chose the metric. **AUC** is the share of pairs, one row with the tag and one without, that are in the right order.
#
# | competition | target | head | loss | metric |
# |---|---|---|---|---|
# | Digit Recognizer | one of ten classes | 10 logits, softmax | cross-entropy | accuracy |
# | House Prices | a price, as its logarithm | 1 number | smooth L1 | RMSE of the logarithm |
# | Toxic Comments | any of six tags | 6 logits, a sigmoid for each | binary cross-entropy | AUC |
#
# Here is one fold of each, on the samples that come with Groundwork. To save time, the networks are smaller than the
# pipeline's.

# %%
digits_changes = {"training.early_stopping": None, "model.channels": [8, 16, 32]}
lanes = {
    "digit-recognizer": {"training.epochs": 5, **digits_changes},
    "house-prices": {"training.epochs": 8, "model.members": 1, "model.width": 64},
    "toxic-comments": {"training.epochs": 3, "model.width": 16, "encoding.length": 64},
}
runs = {lane: apply.train(lane, changes) for lane, changes in lanes.items()}
figure, axes = subplots(2, 3, height=3.8, sharex="col")
for (upper, lower), (lane, run) in zip(axes.T, runs.items(), strict=True):
    epochs = run.history["epoch"] + 1
    upper.plot(epochs, run.history["val_loss"], "o-", color="black", markersize=4)
    upper.set(title=lane)
    lower.plot(epochs, run.history[f"val_{run.metric}"], "s--", color="tab:blue", markersize=4)
    lower.set(xlabel="epoch", ylabel=run.metric, xticks=epochs[::2])
axes[0, 0].set(ylabel="validation loss")
show("Three competitions: by epoch, the validation loss falls while the metric gets better")

# %% [markdown]
# Loss and metric move together, but they are not the same. Accuracy counts right answers: it changes by whole rows, and
# ignores how certain an answer was. AUC depends only on the order. Both have a slope of 0 almost everywhere, so there
# is no gradient to follow. That is why training needs a loss.
#
# Change the predictions of the trained networks to see what each metric ignores. Their tables have probabilities in
# columns `p0`, `p1` and so on, and the truth in `target`, or in `t0` to `t5` for tags.

# %%
rows = runs["digit-recognizer"].trained.validation
shares, digits = rows.filter(regex=r"^p\d").to_numpy(float), rows["target"].to_numpy()
bold = shares**3 / (shares**3).sum(1, keepdims=True)
accuracy = METRICS["accuracy"].score
claim("more extreme shares: the same accuracy", accuracy(digits, bold), accuracy(digits, shares))
before, after = (-np.log(p[np.arange(len(p)), digits]).mean() for p in (shares, bold))
claim("at another cross-entropy", abs(after - before) > 0.05)

rows = runs["toxic-comments"].trained.validation
chances = rows.filter(regex=r"^p\d").to_numpy(float)
tags = rows.filter(regex=r"^t\d").to_numpy(int)
auc = METRICS["auc"].score
claim("squared chances: the same AUC", auc(tags, chances**2), auc(tags, chances), 1e-9)
before, after = (-np.log(np.where(tags, p, 1 - p)).mean() for p in (chances, chances**2))
claim("at another binary cross-entropy", abs(after - before) > 0.005)

rows = runs["house-prices"].trained.validation
wrong = abs(np.log(rows["prediction"] / rows["target"])).sort_values()
worst = wrong[-len(wrong) // 20 :]
claim(
    "the worst twentieth of houses: over a third of the squares",
    (worst**2).sum() > (wrong**2).sum() / 3,
)
claim("but less than a third of absolute errors", worst.sum() < wrong.sum() / 3)

# %% [markdown]
# The last two claims explain why `house-prices` does not train on squared errors, although its metric is their root: a
# few unusual sales would dominate. `objective.beta` is the limit of smooth L1. In a terminal, two others are trained
# beside the one of `params.yaml`, on all five folds with three seeds each, and compared with it by the metric:
#
# ```
# groundwork repro house-prices
# groundwork try house-prices beta=0.05,1.0 --seeds 3
# ```
#
# Two consequences for a competition. Compare experiments by the metric, never by losses of different kinds. And where a
# metric depends only on the order or the top answer, do not trust the probabilities of the best model.
#
# ## Where to read on
#
# - [Dive into Deep Learning on classification](https://d2l.ai/chapter_linear-classification/index.html): softmax,
#   cross-entropy and what they have to do with information.
# - [DeepLearning.AI's specialization](https://www.deeplearning.ai/courses/deep-learning-specialization/), course 1,
#   week 2: the cost function of logistic regression, and why it is not squared error.
# - [fast.ai](https://course.fast.ai/): a lesson on losses for machines and metrics for people.
# - [Inria's scikit-learn MOOC](https://inria.github.io/scikit-learn-mooc/): metrics for classification and regression,
#   and how each of them can deceive.
#
# Next: how all these gradients are computed. [Lesson 6](06_backpropagation.ipynb) is about back-propagation.
