# %% [markdown]
# # 7. Optimizers: the way down
#
# Back-propagation says which way is uphill. An optimizer decides how to use that: how far to step, and how much of
# earlier steps to remember. After this lesson you can distinguish gradient descent, momentum and Adam by their paths,
# and you will have written Adam yourself.
#
# **Topics:** optimizers
#
# ## Idea
#
# Picture a valley, long and narrow. You stand on its side in fog and feel only the slope below your feet. The steepest
# way down leads across the valley, hardly along it. If you always take the steepest way, you bounce from wall to wall.
# With momentum you roll: the pulls to the left and right cancel, and the pulls along the valley add up. The height of
# the ground is the loss, a place is a pair of weights, and each dot below is the place after a step.

# %%
from functools import partial

import numpy as np
import torch

from groundwork.lessons import NotAttempted, apply, check, claim, show, subplots, walkthrough
from groundwork.scratch import functional as F
from groundwork.scratch import manual_seed, nn, optim
from groundwork.scratch.data import DataLoader, TensorDataset
from groundwork.scratch.train import fit

STEEPNESS = np.array([1.0, 30.0])  # along the valley, and across it
START = np.array([-9.0, 1.5])


def walk(make_optimizer, steps=30):
    """Go down the valley; return the places, [steps + 1, 2]."""
    place = nn.Parameter(START.copy())
    optimizer = make_optimizer([place])
    path = [START]
    for _ in range(steps):
        optimizer.zero_grad()
        (place * place * STEEPNESS / 2).sum().backward()
        optimizer.step()
        path.append(place.data.copy())
    return np.array(path)


paths = {
    "gradient descent": walk(lambda params: optim.SGD(params, lr=0.06)),
    "momentum": walk(lambda params: optim.SGD(params, lr=0.02, momentum=0.8)),
    "Adam": walk(lambda params: optim.Adam(params, lr=0.4)),
}
across, along = np.mgrid[-2:2:100j, -10:2:200j]
height = (STEEPNESS[0] * along**2 + STEEPNESS[1] * across**2) / 2
figure, axes = subplots(3, 1, height=4.8, sharex=True)
for axis, (name, path) in zip(axes, paths.items(), strict=True):
    axis.contour(along, across, height, 5, colors="0.8")
    axis.plot(*path.T, "o-", markersize=3)
    axis.plot(0, 0, "k*")
    axis.set(title=name, ylabel="across")
axes[-1].set_xlabel("along the valley; the star is the lowest point")
show("Ways down a valley: gradient descent bounces and creeps, momentum and Adam swing to the star")
left = {name: np.linalg.norm(path[-1]) for name, path in paths.items()}
claim(
    "after 30 steps, gradient descent is further away than momentum",
    left["gradient descent"] > 2 * left["momentum"],
)
claim("and than Adam", left["gradient descent"] > 2 * left["Adam"])

# %% [markdown]
# All three take 30 steps. Gradient descent bounces first and then creeps. The other two have reached the lowest point
# and run a little past it.
#
# **Gradient descent** steps against the gradient $g$ of the loss, by a learning rate $\eta$ (eta):
#
# $$w \leftarrow w - \eta\, g$$
#
# The gradient of the whole training set is exact but slow. **Stochastic** gradient descent (SGD) uses the gradient of
# a **mini-batch** of a few dozen rows instead: it is noisy, but many of them cost as much as one exact gradient.
#
# The steepest direction sets the limit. Let $c$ be the **curvature**, so that the slope at distance $x$ from the bottom
# is $c\,x$; across the valley $c$ is 30. Then a step leads from $x$ to $(1 - \eta c)\, x$. If $\eta c > 2$, it ends
# further away than it began.

# %%
for rate in (2 / 30, 0.07):
    first, second = abs(walk(lambda p, rate=rate: optim.SGD(p, lr=rate), steps=1)[:, 1])
    claim(
        f"rate {rate:.4f}: a step multiplies the distance across by",
        second / first,
        30 * rate - 1,
        1e-6,
    )
claim(
    "above the limit the walk leaves the valley",
    abs(walk(lambda p: optim.SGD(p, lr=0.07))[-1, 1]) > 20,
)

# %% [markdown]
# **Momentum** steps along a running sum $v$ of gradients. With $\mu = 0.9$, a gradient that always points the same way
# counts ten times, since $1 + 0.9 + 0.9^2 + \dots = 10$; gradients that alternate cancel out.
#
# $$v \leftarrow \mu v + g \qquad w \leftarrow w - \eta\, v$$
#
# **Adam** keeps two running means: $m$ of the gradients, and $s$ of their squares. It steps along $m / \sqrt{s}$. The
# size of the gradient drops out: each parameter moves by about $\eta$ wherever its gradients agree. In the valley this
# makes the steep and the flat direction alike.
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1)\, g \qquad s \leftarrow \beta_2 s + (1 - \beta_2)\, g^2 \qquad
# w \leftarrow w - \eta\, \frac{m / (1 - \beta_1^t)}{\sqrt{s / (1 - \beta_2^t)} + \varepsilon}$$
#
# Usually $\beta_1 = 0.9$ and $\beta_2 = 0.999$. The divisions by $1 - \beta^t$ correct a bias: both means start at 0
# and are too small at first, after $t$ steps by that factor. Without them the first step would be longer by $0.1 /
# \sqrt{0.001}$, over three times too long. And $\varepsilon = 10^{-8}$ prevents a division by 0.

# %%
for size in (1e-3, 1.0, 1e3):
    weight = nn.Parameter(np.array([0.0]))
    weight.grad = np.array([size])
    optim.Adam([weight], lr=0.01).step()
    claim(f"gradient {size:g}: Adam's first step is its rate", -weight.data[0], 0.01, 1e-6)
claim("without the correction it would be longer by this factor", 0.1 / np.sqrt(0.001), 3.16, 0.01)
claim("momentum: 1 + 0.9 + 0.81 and so on", sum(0.9**power for power in range(300)), 10, 1e-6)

# %% [markdown]
# ## Build
#
# An optimizer is a loop over parameters and one rule. Here are the loop and the rule of gradient descent with momentum.
# Notice what it remembers in its `state`: nothing, or a sum. `group` contains the settings. Some of them stay 0 here:
# `dampening` and `nesterov` are variants of momentum, and `weight_decay` pulls weights towards 0, as lesson 14 shows.
# Adam's rule is not shown: below you write it yourself, and `walkthrough(optim.Adam.update)` shows ours.

# %%
walkthrough(optim.Optimizer.step, optim.SGD.update)

# %% [markdown]
# ## Prove
#
# A falling loss proves little: with wrong optimizers it falls, too. So the library's Adam and PyTorch's get the same
# hundred gradients, in float64. If they end at the same place, to the last digits, the rule is the same.

# %%
gradients = np.random.default_rng(0).normal(size=(100, 5))
ours, theirs = nn.Parameter(np.ones(5)), torch.nn.Parameter(torch.ones(5, dtype=torch.float64))
our_adam, their_adam = optim.Adam([ours], lr=0.01), torch.optim.Adam([theirs], lr=0.01)
for gradient in gradients:
    ours.grad, theirs.grad = gradient, torch.from_numpy(gradient)
    our_adam.step()
    their_adam.step()
apart = abs(ours.data - theirs.detach().numpy()).max()
claim("after 100 steps, ours and PyTorch's agree", apart < 1e-12)

# %% [markdown]
# ## See
#
# Which learning rate? Take a small network and two interleaved half-moons of points, train with each optimizer at each
# rate for the same few epochs, and compare the final losses.

# %%
chance = np.random.default_rng(1)
angle = chance.uniform(0, np.pi, 400)
moon = np.arange(400) % 2
side = 1 - 2 * moon
points = np.stack([np.cos(angle) * side + moon, np.sin(angle) * side + moon / 2], 1)
points += chance.normal(0, 0.15, points.shape)
data = TensorDataset(points.astype(np.float32), moon)


def final_loss(make_optimizer):
    """Train for ten epochs; return the last mean training loss, or NaN if it overflowed."""
    manual_seed(0)
    hidden = nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU()
    network = nn.Sequential(*hidden, nn.Linear(16, 2))
    batches = DataLoader(data, batch_size=32, shuffle=True)
    optimizer = make_optimizer(network.parameters())
    try:
        history = fit(network, F.cross_entropy, batches, None, optimizer, epochs=10)
    except ArithmeticError:
        return np.nan
    return history[-1]["train_loss"]


rates = np.logspace(-4, 1, 11)
rules = {
    "SGD": lambda params, lr: optim.SGD(params, lr=lr),
    "momentum": lambda params, lr: optim.SGD(params, lr=lr, momentum=0.9),
    "Adam": lambda params, lr: optim.Adam(params, lr=lr),
}
curves = {
    name: np.array([final_loss(partial(rule, lr=rate)) for rate in rates])
    for name, rule in rules.items()
}
figure, axis = subplots()
for (name, losses), line in zip(curves.items(), ("s--", "^:", "o-"), strict=True):
    axis.semilogx(rates, losses, line, label=name)
axis.axhline(np.log(2), color="0.5", linewidth=1, label="tossing a coin: ln 2")
axis.set(xlabel="learning rate", ylabel="training loss after 10 epochs", ylim=(0, 2))
axis.legend()
show("Loss by learning rate: each rule's curve is a bowl, Adam's at small rates, SGD's at large")

# %% [markdown]
# Each curve is a bowl: at too small a rate the network has hardly moved, at too large a rate it jumps about. And each
# rule has its own unit for the step. At 0.003, Adam has made good progress, momentum some, and SGD hardly any. At 1,
# SGD is at its best, and the other two are far worse. So a good rate for one rule says nothing about another.
# Momentum's bowl has the same left side as SGD's, shifted by the factor of ten from its sum.

# %%
sgd, momentum, adam = curves.values()
claim("at 0.003, Adam is ahead of momentum", adam[3] < 0.8 * momentum[3])
claim("and momentum of SGD", momentum[3] < 0.9 * sgd[3])
claim("at 1, SGD leaves less than half of the others' loss", sgd[8] < min(adam[8], momentum[8]) / 2)
claim("with momentum, a tenth of the rate is enough", abs(momentum[:5] - sgd[2:7]).max() < 0.1)

# %% [markdown]
# ## Try
#
# Write Adam. `params` are parameters of any shapes, with `.data` and `.grad`, both arrays; `step` changes `.data` in
# place. Squares and roots are taken element by element. Run the cell; the check shows the first wrong step. `hint`,
# from `groundwork.lessons`, helps.


# %%
class Adam:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.betas, self.eps = list(params), lr, betas, eps
        # What else must you remember from one step to the next?

    def step(self):
        raise NotAttempted  # change every parameter's .data by its .grad


check("07.adam", Adam)

# %% [markdown]
# ## Apply
#
# In the pipeline, `training.optimizer` of a lane in `params.yaml` names the optimizer: AdamW, which is Adam with a
# separate weight decay (lesson 14), unless you choose `adam`, `sgd` or another. `training.learning_rate` is its rate,
# and `training.schedule` lets the rate rise at first (the warm-up) and fall towards the end. Three rates for Titanic's
# network, on the sample that comes with Groundwork, for one fold of five:

# %%
left = {}
for rate in (0.00002, 0.002, 0.2):
    run = apply.train("titanic", {"training.learning_rate": rate, "training.epochs": 10})
    losses = run.history["train_loss"]
    first, left[rate] = losses.iloc[0], losses.iloc[-1]
    print(f"rate {rate:<7g} loss {first:.3f} -> {left[rate]:.3f}  {run.metric} {run.score:.3f}")
claim(
    "the rate in the middle leaves the lowest loss",
    left[0.002] < min(left[0.00002], left[0.2]) - 0.05,
)

# %% [markdown]
# The smallest rate has hardly changed the loss, and with the largest it jumped up in the first epoch: the same bowl, on
# other data. In a terminal, both rates are tried beside the 0.002 of `params.yaml`, on all five folds with three seeds
# each, and each ends with a verdict:
#
# ```
# groundwork repro titanic
# groundwork try titanic learning_rate=0.00002,0.2 --seeds 3
# ```
#
# The smallest rate is called worse. The largest is not: with more epochs, and a schedule that lowers it to 0, the loss
# that jumped up comes down again, and the few rows that change sides are within what rows and seeds do by luck.
#
# ## Where to read on
#
# - [Dive into Deep Learning, chapter 12](https://d2l.ai/chapter_optimization/index.html): every optimizer of this
#   lesson with its mathematics, and what convexity has to do with it.
# - [DeepLearning.AI's specialization](https://www.deeplearning.ai/courses/deep-learning-specialization/), course 2,
#   week 2: running means, bias correction and Adam on a blackboard.
# - [fast.ai](https://course.fast.ai/): how to find a learning rate with a single short run.
# - Kingma and Ba, [Adam](https://arxiv.org/abs/1412.6980): algorithm 1, on the second page, is what you wrote above.
#
# Next: what you feed the network. [Lesson 8](08_data.ipynb) is about data.
