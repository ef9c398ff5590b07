# %% [markdown]
# # 3. Neurons and layers: weigh, add, decide
#
# A neural network is made of one small part, used many times. This lesson examines the part, sets its numbers by hand,
# and stacks it into layers. Afterwards you can read the weights of a neuron, explain why one is not enough, and
# initialize a network so that it can learn.
#
# **Topics:** neurons, layers
#
# ## Idea
#
# Think of a judge who hears witnesses. Each witness gives a number, an **input**. The judge multiplies it by the
# importance of that witness, a **weight**, which is negative for a witness against. The products are added to the
# judge's prior opinion, the **bias**. The sum becomes a verdict between 0 and 1.

# %%
import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from groundwork.lessons import NotAttempted, apply, check, claim, show, subplots, walkthrough
from groundwork.scratch import Tensor, manual_seed, nn, optim
from groundwork.scratch import functional as F
from groundwork.scratch.verify import compare, gradcheck


def draw(axis, title, *columns):
    """Draw columns of labelled circles, and a line from each to all in the next column."""
    before, circle = [], {"boxstyle": "circle,pad=0.4", "facecolor": "white"}
    for x, labels in enumerate(map(str.split, columns)):
        heights = (len(labels) - 1) / 2 - np.arange(len(labels))
        for y, label in zip(heights, labels, strict=True):
            axis.text(x, y, label, ha="center", va="center", bbox=circle)
            for start in before:
                axis.plot([x - 1, x], [start, y], color="0.6")
        before = heights
    axis.set(title=title, xlim=(-0.3, len(columns) - 0.7), ylim=(-2.3, 1.9))
    axis.axis("off")


figure, (left, right) = subplots(1, 2, height=3.2)
draw(left, "a neuron", "$x_1$ $x_2$ $x_3$ $1$", "$\\Sigma$", "$\\sigma$", "$y$")
white = {"color": "white", "pad": 1}
for row, label in enumerate(("$w_1$", "$w_2$", "$w_3$", "$b$")):
    left.text(0.5, 0.75 - row / 2, label, ha="center", va="center", bbox=white)
draw(right, "a network", "$x_1$ $x_2$ $x_3$", "$h_1$ $h_2$ $h_3$ $h_4$", "$y_1$ $y_2$")
for x, name in enumerate(("input layer", "hidden layer", "output layer")):
    right.text(x, -2.2, name, ha="center")
show("A neuron weighs inputs, adds them and bends the sum; a network has layers of neurons")

# %% [markdown]
# On the left, one **neuron**. Its bias is drawn as the weight of one more input, which is always 1. With weights $w$,
# inputs $x$ and bias $b$ it gives
#
# $$y = \sigma(w \cdot x + b) \qquad w \cdot x = w_1 x_1 + w_2 x_2 + \dots \qquad \sigma(z) = \frac{1}{1 + e^{-z}}$$
#
# The sum $z$ before $\sigma$ (sigma, the **sigmoid**) is the **logit**. A logit of 0 is undecided, $y = 0.5$; large
# logits give values near 1, large negative ones near 0. The function after the sum is an **activation** (lesson 4).
#
# So a neuron says yes where $w \cdot x + b > 0$. With two inputs, the boundary is a straight line. The weights set its
# direction, and the bias shifts it. A `Tensor` is an array that can learn, its `data` the plain numbers.

# %%
neuron = nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())
neuron[0].weight.data[...] = [[2.0, -1.0]]
neuron[0].bias.data[...] = -3.0
claim("2 · 4 - 1 · 5 - 3 = 0: undecided", neuron(Tensor([[4.0, 5.0]])).data[0, 0], 0.5)
claim("one more of the first input", neuron(Tensor([[5.0, 5.0]])).data[0, 0], 0.881, 0.001)

# %% [markdown]
# On the right of the picture, a **network**. Neurons with the same inputs form a **layer**. The input layer only
# contains the row of data. Only the next layer sees the output of the **hidden layer**. The output layer gives the
# answer.
#
# A layer needs no loop over its neurons. Write the weights of one neuron as one row of a matrix $W$, and many rows of
# data as a matrix $X$. Then a single product computes each neuron for each row of data:
#
# $$Y = \sigma(X W^\top + b) \qquad X: [\text{rows}, \text{in}] \quad W: [\text{out}, \text{in}] \quad
# b: [\text{out}] \quad Y: [\text{rows}, \text{out}]$$
#
# ## Build
#
# Here is the layer as the library ships it, and the code that chains several into a network. A `Parameter` is a
# `Tensor` that learns; `reset` draws its initial values. Notice that `Linear` has no activation: that is a separate
# module.

# %%
walkthrough(nn.Linear, nn.Sequential, nn.Module.named_modules, nn.Module.parameters)


# %%
manual_seed(0)
torch.manual_seed(0)
kit = torch.nn
ours = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 2), nn.Sigmoid())
theirs = kit.Sequential(kit.Linear(3, 4), kit.Sigmoid(), kit.Linear(4, 2), kit.Sigmoid())
for name, values in ours.state_dict().items():
    print(f"{name:9} {values.shape}")
claim("weights and biases in the picture", sum(w.data.size for w in ours.parameters()), 26)

# %% [markdown]
# ## Prove
#
# The **gradient** says for each weight how the output changes with it; lesson 6 shows how it is computed. `gradcheck`
# moves each weight a little and divides the change of the output by that of the weight, a **difference quotient**.
# `compare` gives our network and PyTorch's the same weights and rows.

# %%
rows = np.random.default_rng(0).normal(size=(5, 3))
print(gradcheck(ours, (rows,)))
compare(ours, theirs, rows)

# %% [markdown]
# ## See
#
# **One neuron is not enough.** XOR, "exclusive or", is yes for two inputs that differ and no for two that are equal.
# The corners that need a yes are opposite each other, and no straight line separates them from the others.
#
# The proof is one line. The two yes corners have the logits $w_1 + b$ and $w_2 + b$, the two no corners $b$ and
# $w_1 + w_2 + b$. Both pairs have the same sum, so the first two cannot both be positive while the others are negative.
#
# Let a neuron and a network with two hidden neurons learn the four corners; lessons 5 to 7 explain how. A constant
# answer of 0.5 has a loss of $\ln 2$. Dark is yes; dashed lines are the hidden neurons' boundaries.

# %%
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
XOR = np.array([[0], [1], [1], [0]], np.float32)


def learn(network, x, y):
    """Fit the network's logits to yes or no, all rows at once; give the last loss."""
    optimizer = optim.Adam(network.parameters(), lr=0.1)
    for _ in range(400):
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(network(Tensor(x)), Tensor(y))
        loss.backward()
        optimizer.step()
    return loss.item()


manual_seed(2)
single, pair = nn.Linear(2, 1), nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1))
single_loss, pair_loss = learn(single, CORNERS, XOR), learn(pair, CORNERS, XOR)
moved = pair[1](pair[0](Tensor(CORNERS))).data  # what the hidden neurons say at the corners
line = np.linspace(-0.4, 1.4, 80, dtype=np.float32)
grid = Tensor(np.stack(np.meshgrid(line, line), -1))
panels = {
    "one neuron": ("input", single, CORNERS),
    "two hidden neurons": ("input", pair, CORNERS),
    "what they make of it": ("hidden", pair[2], moved),
}
figure, axes = subplots(1, 3, height=2.9, sharex=True, sharey=True)
for axis, (title, (seen, layers, corners)) in zip(axes, panels.items(), strict=True):
    said = F.sigmoid(layers(grid)).data[..., 0]
    axis.contourf(line, line, said, np.linspace(0, 1, 11), cmap="Greys")
    axis.plot(*corners[[0, 3]].T, "o", color="tab:orange", markersize=9, label="no")
    axis.plot(*corners[[1, 2]].T, "s", color="tab:cyan", markersize=9, label="yes")
    axis.set(title=title, xlabel=f"{seen} 1", ylabel=f"{seen} 2")
for weight, bias in zip(pair[0].weight.data, pair[0].bias.data, strict=True):
    axes[1].axline((0, -bias / weight[1]), slope=-weight[0] / weight[1], color="red", ls="--", lw=2)
axes[0].set(xlim=(-0.4, 1.4), ylim=(-0.4, 1.4))
axes[0].legend(loc="center")
show("XOR: one neuron finds no border; two hidden neurons move the points so that one line does")
claim("one neuron stays at ln 2", single_loss, np.log(2), 1e-3)
claim("two hidden neurons leave less than a tenth of that", pair_loss < np.log(2) / 10)
claim("both no corners have moved to one place", abs(moved[0] - moved[3]).max() < 0.1)

# %% [markdown]
# The right panel shows why hidden layers help. Its axes are the outputs of the two hidden neurons. Both no corners have
# moved to one point, and a straight line separates them from the yes corners. That is what hidden layers do.
#
# **Weights must start different.** Give all hidden neurons the same initial weights. They compute the same value, get
# the same gradient, and take the same step: they act as one neuron. Random weights break this symmetry.

# %%
alike = nn.Sequential(nn.Linear(2, 8), nn.Sigmoid(), nn.Linear(8, 1))
for parameter in alike.parameters():
    nn.init.constant_(parameter, 0.3)
claim("eight equal neurons have not learned XOR", learn(alike, CORNERS, XOR) > 0.4)
claim("and are still equal", np.ptp(alike[0].weight.data, axis=0).max() < 1e-6)

# %% [markdown]
# **And neither tiny nor large.** Each output of a layer adds $n$ products. With weights of standard deviation $s$, the
# sums spread $s \sqrt n$ times as wide as the inputs. Ten layers repeat this ten times. Gradients pass back through the
# same matrices, and shrink or grow alike.


# %%
def sizes(factor, activation=None, width=256):
    """Send rows through ten fresh layers; give the root mean square of what comes out of each."""
    manual_seed(0)
    values, found = Tensor(np.random.default_rng(0).normal(size=(200, width))), [1.0]
    for _ in range(10):
        layer = nn.Linear(width, width, bias=False)
        nn.init.normal_(layer.weight, 0, factor / np.sqrt(width))
        values = activation(layer(values)) if activation else layer(values)
        found.append(np.sqrt(np.mean(values.data**2)))
    return found


curves = {f"{factor}/√n": sizes(factor) for factor in (2, 1, 0.5)}
curves["√2/√n and ReLU"] = sizes(2**0.5, F.relu)
figure, axis = subplots(height=2.8)
for (name, found), style in zip(curves.items(), ("^-", "o-", "v-", "s--"), strict=True):
    axis.semilogy(found, style, label=name, markersize=5)
axis.set(xlabel="layer", ylabel="size of its outputs")
axis.legend(title="first weights'\nstandard deviation", loc="upper left", bbox_to_anchor=(1, 1))
show("Size of outputs over ten layers: it grows, stays or fades with the first weights' deviation")
claim("ten layers at 2/√n: 2 to the power of 10", curves["2/√n"][-1], 1024, 200)
claim("at 0.5/√n: 1/1024", curves["0.5/√n"][-1], 1 / 1024, 2e-4)
claim("at 1/√n: 1, within a factor of 2", 0.5 < curves["1/√n"][-1] < 2)
claim("at √2/√n with ReLU as well", 0.5 < curves["√2/√n and ReLU"][-1] < 2)
drawn = nn.init.kaiming_uniform_(nn.Linear(256, 256).weight).data.std()
claim("kaiming_uniform_ draws with √2/√n", drawn, np.sqrt(2 / 256), 1e-3)

# %% [markdown]
# The activation matters, too: ReLU, $\max(0, z)$, sets half of the numbers to 0. Weights $\sqrt 2$ times as large, as
# `kaiming_uniform_` draws them, compensate: that curve stays at 1, like that of $1/\sqrt n$ without ReLU.
#
# ## Try
#
# Set weights and biases by hand, so that neurons compute the gates AND, OR and XOR. For each gate, return a list of
# layers, pairs of a weight `[out, in]` and a bias `[out]`. The check sends all four corners through them, with a
# sigmoid after each layer. It expects more than 0.9 for yes and less than 0.1 for no.


# %%
def gate(name):
    """Return the layers of "and", "or" or "xor": pairs of a weight [out, in] and a bias [out]."""
    # One layer of one neuron with two inputs, for example: return [([[5.0, -3.0]], [1.0])]
    raise NotAttempted


check("03.gates", gate)

# %% [markdown]
# ## Apply
#
# One neuron on Titanic: who survives? The inputs are four scaled columns. The sample that comes with Groundwork is
# generated, so the result says nothing about history.
#
# A probability $p$ has the **odds** $p / (1 - p)$: 0.8 is 4 to 1. The logit is the logarithm of the odds. So if an
# input rises by 1, the logit rises by its weight $w$, and the odds are multiplied by $e^w$.

# %%
NAMES = ("a woman, not a man", "one class down", "ten years older", "one more relative")


def columns(rows):
    """Return four numbers for each passenger: [rows, 4]."""
    age = rows["Age"].fillna(30) / 10 - 3
    four = (rows["Sex"] == "female", rows["Pclass"] - 2, age, rows["FamilySize"] - 1)
    return np.stack(four, 1).astype(np.float32)


_, prepared = apply.tables("titanic")
training, validation = prepared.training(0), prepared.validation(0)
x, y = columns(training), training[["Survived"]].to_numpy(np.float32)
neuron = nn.Linear(4, 1)
learn(neuron, x, y)
for name, weight in zip(NAMES, neuron.weight.data[0], strict=True):
    print(f"{name:20} weight {weight:z5.2f}   odds of survival times {np.exp(weight):6.2f}")
gap = abs(LogisticRegression(C=np.inf).fit(x, y[:, 0]).coef_ - neuron.weight.data).max()
claim("scikit-learn's logistic regression finds the same weights", gap < 0.01)

# %% [markdown]
# One neuron is what statisticians call **logistic regression**. Here it says that, all else equal, each class down
# leaves about a quarter of the odds, and each ten years about half. It cannot express that boys survive as often as
# women do. That takes a column for it (the pipeline has `WomanOrChild`), or a hidden layer. The pipeline's models on
# the same rows:

# %%
claim("each class down leaves about a quarter", np.exp(neuron.weight.data[0, 1]), 0.26, 0.03)
claim("each ten years leave about half", np.exp(neuron.weight.data[0, 2]), 0.5, 0.05)
correct = (neuron(Tensor(columns(validation))).data[:, 0] > 0) == validation["Survived"]
run = apply.train("titanic")
ladder = apply.baselines("titanic") | {"one neuron": correct.mean(), "the network": run.score}
print("\n".join(f"{name:20} {run.metric} {score:.3f}" for name, score in ladder.items()))
claim("hidden layers gain nothing here", run.score < ladder["logistic regression"] + 0.02)

# %% [markdown]
# The pipeline's logistic regression is one neuron as well, with more columns: titles, and who travelled together. The
# lane's network also has hidden layers, which gain nothing here: the sample was drawn from a rule that is almost a
# weighted sum of such columns, and a few hundred rows are not enough to learn more. In a terminal:
#
# ```
# groundwork repro titanic
# groundwork try titanic width=16 depth=1 --seeds 3
# groundwork leaderboard titanic
# ```
#
# ## Where to read on
#
# - [Dive into Deep Learning, multilayer perceptrons](https://d2l.ai/chapter_multilayer-perceptrons/index.html): hidden
#   layers with the mathematics, and a section on initial weights.
# - [Kaggle Learn's Intro to Deep Learning](https://www.kaggle.com/learn/intro-to-deep-learning): from one neuron on.
# - [Inria's scikit-learn MOOC](https://inria.github.io/scikit-learn-mooc/): what linear weights do not show.
# - Glorot and Bengio, [on first weights](https://proceedings.mlr.press/v9/glorot10a.html): measured layer by layer.
#
# Next: the function after the sum. [Lesson 4](04_activations.ipynb) is about activations.
