# %% [markdown]
# # 4. Activations: the bend between layers
#
# Between two linear layers there is a small function with a bend. Without it, a hundred layers can do no more than one.
# After this lesson you can choose an activation for each place in a network, recognize two ways in which an activation
# stops a network from learning, and write softmax with its gradient.
#
# **Topics:** activations
#
# ## Idea
#
# A sum of straight lines is a straight line. If each of them bends once, the sum bends as well. Here are three lines,
# $x + 1$, $x$ and $x - 1$, times the weights 1, -2 and 1. On the left they are added unchanged, on the right with
# everything below 0 set to 0 before the weights.

# %%
import numpy as np
import torch

from groundwork.lessons import NotAttempted, apply, check, claim, show, subplots, walkthrough
from groundwork.scratch import Tensor, manual_seed, nn, optim
from groundwork.scratch import functional as F
from groundwork.scratch.data import DataLoader, TensorDataset
from groundwork.scratch.train import fit
from groundwork.scratch.verify import compare, gradcheck

x = np.linspace(-3, 3, 301)
straight = [x + 1, x, x - 1]
bent = [np.maximum(line, 0) for line in straight]
figure, axes = subplots(1, 2, height=2.8, sharey=True)
for axis, lines, title in zip(axes, (straight, bent), ("straight", "bent"), strict=True):
    weighted = [lines[0], -2 * lines[1], lines[2]]
    for line, style in zip(weighted, ("--", "-.", ":"), strict=True):
        axis.plot(x, line, style, color="0.5")
    axis.plot(x, sum(weighted), color="black", linewidth=2.5, label="their sum")
    axis.set(title=title, xlabel="x", ylim=(-3, 3))
axes[1].legend(loc="lower left")
show("Three straight lines add up to a straight line; bent at 0, they add up to a bump")

# %% [markdown]
# The straight lines cancel to nothing. The bent ones make a bump, and from bumps of different positions, widths and
# heights you can build any continuous curve, as closely as you like. Learning means finding them. The function that
# sets values to 0 is an **activation** called **ReLU**, the rectified linear unit:
#
# $$\text{relu}(z) = \max(0, z)$$
#
# In terms of matrices, two layers without an activation are one layer, whose weight is the product:
#
# $$W_2 (W_1 x + b_1) + b_2 = (W_2 W_1)\, x + (W_2 b_1 + b_2)$$

# %%
manual_seed(0)
first, second = nn.Linear(5, 100).double(), nn.Linear(100, 3).double()
weight = Tensor(second.weight.data @ first.weight.data)
bias = Tensor(second.weight.data @ first.bias.data + second.bias.data)
rows = Tensor(np.random.default_rng(0).normal(size=(50, 5)))
flat = F.linear(rows, weight, bias).data
claim("800 weights do what 15 can do", np.allclose(second(first(rows)).data, flat))
claim("with ReLU in between they do more", not np.allclose(second(F.relu(first(rows))).data, flat))

# %% [markdown]
# Here are the four that you will meet most. **GELU** is $z$ times the probability that a draw from the standard bell
# curve lies below $z$. The dashed curve is the **slope**. It matters as much as the value: on its way back to the first
# layers, a gradient is multiplied by the slope of each activation that it passes.

# %%
z = np.linspace(-5, 5, 401)
slopes = {}
figure, axes = subplots(1, 4, height=2.5, sharex=True)
for axis, activation in zip(axes, (F.sigmoid, F.tanh, F.relu, F.gelu), strict=True):
    inputs = Tensor(z, requires_grad=True)
    outputs = activation(inputs)
    outputs.sum().backward()
    slopes[activation.__name__] = inputs.grad
    axis.plot(z, outputs.data, color="black", label="value")
    axis.plot(z, inputs.grad, "--", color="tab:red", label="slope")
    axis.set(title=activation.__name__, xlabel="z", ylim=(-1.3, 2.3))
axes[0].legend(loc="upper left", fontsize=9)
show("Values and slopes of sigmoid, tanh, relu and gelu: the first two level off at both ends")
claim("the sigmoid's largest slope is a quarter", slopes["sigmoid"].max(), 0.25, 1e-9)
claim("tanh's is 1", slopes["tanh"].max(), 1, 1e-9)
claim("GELU's is a little more", slopes["gelu"].max(), 1.13, 0.01)
claim("and GELU's lowest value", F.gelu(Tensor(z)).data.min(), -0.17, 0.005)

# %% [markdown]
# | activation | values | largest slope | use |
# |---|---|---|---|
# | sigmoid | 0 to 1 | 1/4 | output for a yes-or-no target; gates, which let a share through (lesson 11) |
# | tanh | -1 to 1 | 1 | recurrent networks, whose numbers must not grow from step to step (lesson 11) |
# | ReLU | 0 and more | 1 | hidden layers of feed-forward and convolutional networks |
# | GELU | -0.17 and more | 1.13 | transformers (lesson 12): a ReLU with a rounded corner |
# | softmax | shares, with a sum of 1 | | output over several classes; attention (lesson 12) |
#
# **Softmax** is different: it takes a whole row of scores at once, the logits. It makes them positive by the
# exponential function, and divides by their sum, so that they become shares, or probabilities:
#
# $$y_i = \frac{e^{x_i}}{\sum_j e^{x_j}}$$
#
# Only differences count: add the same number to all scores, and a factor cancels. This matters in practice: a
# computer's $e^{1000}$ is infinite, and infinity divided by infinity is not a number. Subtract the largest score first,
# and the largest exponential is $e^0 = 1$.

# %%
scores = np.array([[2.0, 1.0, -1.0]])
shares = F.softmax(Tensor(scores), 1).data
print("shares", shares.round(3), "sum", shares.sum().round(3))
more = F.softmax(Tensor(scores + 1000), 1).data
claim("with 1000 more for each score, they are the same", np.allclose(more, shares))
two = F.softmax(Tensor([[1.5, -0.5]]), 1).data[0, 0]
claim("of two scores: the sigmoid of their difference", two, F.sigmoid(Tensor([2.0])).data[0], 1e-6)
with np.errstate(over="ignore", invalid="ignore"):
    naive = np.exp(scores + 1000) / np.exp(scores + 1000).sum()
claim("without the subtraction: not a number", np.isnan(naive).all())

# %% [markdown]
# Its slopes make a table, the **Jacobian**: each score moves each share. It raises its own and lowers the others:
#
# $$\frac{\partial y_i}{\partial x_i} = y_i (1 - y_i) \qquad
# \frac{\partial y_i}{\partial x_j} = - y_i\, y_j \quad (i \neq j)$$
#
# ## Build
#
# Here are three activations of the library. Each computes its value and passes it to `operation` with a function that
# takes the gradient `dy` of the loss with respect to the value, and returns the one with respect to the input. Notice
# how the sigmoid keeps its exponential from overflowing, and that sigmoid and tanh compute their slope from their
# value. Softmax is your exercise: `walkthrough(F.softmax)` shows it once you have it.

# %%
walkthrough(F.relu, F.sigmoid, F.tanh)

# %% [markdown]
# ## Prove
#
# Compare each gradient with a difference quotient, and values and gradients with PyTorch's.

# %%
rows = np.random.default_rng(0).normal(size=(4, 6)) * 3
for name in ("relu", "sigmoid", "tanh", "gelu"):
    ours, theirs = getattr(F, name), getattr(torch.nn.functional, name)
    print(f"{name:8}", gradcheck(ours, (rows,)), "/", compare(ours, theirs, rows))
compare(lambda x: F.softmax(x, 1), lambda x: torch.softmax(x, 1), rows)

# %% [markdown]
# ## See
#
# **Gradients that vanish.** Send rows through twenty layers of 64 neurons and let a gradient come back. How much of it
# reaches the weights of each layer? The initial weights suit the activation, as in lesson 3: `kaiming_uniform_` draws
# with $\sqrt 2 / \sqrt n$ for ReLU, `xavier_uniform_` with $1 / \sqrt n$ for the others.

# %%
DEPTH, WIDTH = 20, 64


def gradient_sizes(activation, first_weights):
    """Send rows forward and a gradient back; give the root mean square that each layer's weights get."""
    manual_seed(0)
    layers = [nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH)]
    values = Tensor(np.random.default_rng(0).normal(size=(200, WIDTH)).astype(np.float32))
    for layer in layers:
        first_weights(layer.weight)
        nn.init.zeros_(layer.bias)
        values = activation(layer(values))
    values.backward(np.random.default_rng(1).normal(size=values.shape))
    return [np.sqrt(np.mean(layer.weight.grad**2)) for layer in layers]


xavier, kaiming = nn.init.xavier_uniform_, nn.init.kaiming_uniform_
sizes = {"ReLU": gradient_sizes(F.relu, kaiming), "tanh": gradient_sizes(F.tanh, xavier)}
sizes["sigmoid"] = gradient_sizes(F.sigmoid, xavier)
figure, axis = subplots(height=2.9)
for (name, found), style in zip(sizes.items(), ("s-", "o-", "v-"), strict=True):
    axis.semilogy(range(1, DEPTH + 1), found, style, label=name, markersize=5)
axis.set(xlabel="layer; the gradient comes from the right", ylabel="size of the gradient")
axis.set_xticks(range(0, DEPTH + 1, 5))
axis.legend(loc="lower right")
show("Gradients over 20 layers: steady with ReLU and tanh, with sigmoid they fade below 1e-11")
reached = {name: found[0] / found[-1] for name, found in sizes.items()}
claim("ten slopes of a quarter leave a millionth", 0.25**10, 1e-6, 1e-7)
claim("of the sigmoid's gradient, less reaches the first layer", reached["sigmoid"] < 1e-6)
claim("of the others', a tenth at least", min(reached["ReLU"], reached["tanh"]) > 0.1)

# %% [markdown]
# A sigmoid passes on at most a quarter, and far from 0 almost nothing. The first layers of the network then keep their
# random weights. That is why hidden layers use ReLU or one of its variants, and why the sigmoid is used only at the
# output and in gates.
#
# **Units that die.** ReLU has a slope of 1 on one side and of 0 on the other. A neuron whose sums are negative for
# every row gives 0 for every row and gets a gradient of 0: its weights do not move again. One step that was far too
# large can do this. GELU's slope below 0 is small but not 0, so a neuron can still climb back.

# %%
rows, gradients = Tensor(np.random.default_rng(0).normal(size=(200, 8))), {}
for activation in (F.relu, F.gelu):
    manual_seed(0)
    neuron = nn.Linear(8, 1)
    neuron.bias.data[...] = -4.0  # far on the negative side
    activation(neuron(rows)).mean().backward()
    gradients[activation.__name__] = abs(neuron.weight.grad).max()
print({name: f"{gradient:.4f}" for name, gradient in gradients.items()})
claim("before ReLU, the neuron is dead", gradients["relu"], 0)
claim("before GELU, it still learns", gradients["gelu"] > 1e-3)

# %% [markdown]
# ## Try
#
# Write softmax and its backward pass. `x` is an array of any shape; the shares along its axis `dim` have the sum 1.
# Return the value and a function `vjp` (vector-Jacobian product) that takes `dy`, the gradient with respect to the
# value, and gives the one with respect to `x`. All shares depend on $x_j$, and their changes add up: $dx_j = \sum_i
# dy_i\, \partial y_i / \partial x_j$. No loop and no table of slopes is needed.


# %%
def softmax(x, dim):
    # value: shares of the shape of x, with sums of 1 along dim

    def vjp(dy):
        raise NotAttempted  # from dy, which is dL/d(value), to dL/dx

    raise NotAttempted  # in its place: return value, vjp


check("04.softmax", softmax)

# %% [markdown]
# ## Apply
#
# Digit Recognizer asks which digit a picture of 28 times 28 pixels shows. On the sample that comes with Groundwork,
# train ten small networks: four activations and none, with one hidden layer and with six. Nothing else differs.

# %%
_, prepared = apply.tables("digit-recognizer")


def pictures(rows):
    """Return pixels between 0 and 1, [rows, 784], and the digits, [rows]."""
    pixels = rows.filter(like="pixel").to_numpy(np.float32) / 255
    return pixels, rows["label"].to_numpy()


train_rows, valid_rows = pictures(prepared.training(0)), pictures(prepared.validation(0))


def train(name, depth):
    """Train for 12 epochs; return training losses and validation accuracy."""
    manual_seed(0)
    layers, inputs = [], 784
    for _ in range(depth):
        layers.append(nn.Linear(inputs, 32))
        if name != "none":
            layers.append(getattr(nn, name)())
        inputs = 32
    network = nn.Sequential(*layers, nn.Linear(inputs, 10))
    batches = DataLoader(TensorDataset(*train_rows), batch_size=64, shuffle=True)
    optimizer = optim.Adam(network.parameters(), lr=0.003)
    history = fit(network, F.cross_entropy, batches, None, optimizer, 12)
    right = network(Tensor(valid_rows[0])).data.argmax(1) == valid_rows[1]
    return [epoch["train_loss"] for epoch in history], right.mean()


STYLES = {"none": "k:", "Sigmoid": "v-", "Tanh": "o-", "ReLU": "s-", "GELU": "d-"}
trained = {(name, depth): train(name, depth) for depth in (1, 6) for name in STYLES}
figure, axes = subplots(1, 2, height=3, sharey=True)
for (name, depth), (losses, _) in trained.items():
    axis = axes[(1, 6).index(depth)]
    axis.plot(range(1, 13), losses, STYLES[name], label=name, markersize=4)
    axis.set(title=f"hidden layers: {depth}", xlabel="epoch")
axes[0].set(ylabel="training loss")
axes[1].legend(fontsize=9)
show("Training loss with 1 and 6 hidden layers: sigmoid is slowest with 1 and gets stuck with 6")
for name in STYLES:
    one, six = trained[name, 1][1], trained[name, 6][1]
    print(f"{name:8} accuracy with 1 hidden layer {one:.2f}, with 6 {six:.2f}")
print({name: round(score, 2) for name, score in apply.baselines("digit-recognizer").items()})
claim("with one hidden layer, all learn", np.ptp([trained[name, 1][1] for name in STYLES]) < 0.06)
stuck = trained["Sigmoid", 6][0][3]  # in the fourth epoch
claim("through six sigmoids, the loss is stuck at ln 10", stuck, np.log(10), 0.05)

# %% [markdown]
# With one hidden layer the sigmoid is slower, but all end at about the same accuracy. With six, the sigmoids keep the
# gradient from the first layers, and for some epochs the loss is that of a random guess among ten. No activation at all
# does well here: it is equivalent to one layer, which is good on a thousand digits, as the linear baseline shows.
#
# In the pipeline an activation is not a setting but a line of the network: `nn.ReLU` in `src/groundwork/models/cnn.py`
# and `fnn.py`, `nn.GELU` in `transformer.py`. Change it there, and the affected lanes train again:
#
# ```
# groundwork repro digit-recognizer
# groundwork leaderboard digit-recognizer
# ```
#
# ## Where to read on
#
# - [Dive into Deep Learning, multilayer perceptrons](https://d2l.ai/chapter_multilayer-perceptrons/index.html):
#   activations with their slopes, and a section on vanishing and exploding gradients.
# - [Kaggle Learn's Intro to Deep Learning](https://www.kaggle.com/learn/intro-to-deep-learning): ReLU in a network.
# - [DeepLearning.AI's specialization](https://www.deeplearning.ai/courses/deep-learning-specialization/), course 1,
#   week 3: the same activations on a blackboard, with derivatives.
# - Hendrycks and Gimpel, [GELU](https://arxiv.org/abs/1606.08415): where the rounded corner comes from.
#
# Next: what a wrong answer costs. [Lesson 5](05_losses.ipynb) is about losses.
