# %% [markdown]
# # 7. Optimizers: the way down
#
# Back-propagation says which way is uphill. An optimizer decides what to do about it: how far to step, and how much of
# the steps before to remember. After this lesson you can tell gradient descent, momentum and Adam apart by the paths
# that they take, and you will have written Adam yourself.
#
# **Topics:** optimizers
#
# ## Idea
#
# Picture a valley, long and narrow. You stand on its side in fog and feel only the slope below your feet. The steepest
# way down leads across the valley, hardly along it. Somebody who always takes the steepest way bounces from wall to
# wall. Somebody with momentum rolls: what pulls left and right cancels out, and what pulls along adds up.

# %%
import numpy as np
import torch

from groundwork.lessons import NotAttempted, apply, check, claim, show, subplots, walkthrough
from groundwork.scratch import functional as F
from groundwork.scratch import manual_seed, nn, optim
from groundwork.scratch.data import DataLoader, TensorDataset
from groundwork.scratch.train import fit

STEEPNESS = np.array([1.0, 30.0])  # along the valley, and across it
START = np.array([-9.0, 1.5])


def walk(make_optimizer, steps=60):
    """Go down the valley: [steps + 1, 2]."""
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
    "SGD": walk(lambda params: optim.SGD(params, lr=0.06)),
    "SGD with momentum": walk(lambda params: optim.SGD(params, lr=0.02, momentum=0.85)),
    "Adam": walk(lambda params: optim.Adam(params, lr=0.6)),
}
across, along = np.mgrid[-2:2:100j, -10:2:200j]
figure, axes = subplots(3, 1, height=5.2, sharex=True)
for axis, (name, path) in zip(axes, paths.items(), strict=True):
    axis.contour(
        along, across, STEEPNESS[0] * along**2 / 2 + STEEPNESS[1] * across**2 / 2, 12, colors="0.8"
    )
    axis.plot(*path.T, "o-", markersize=3)
    axis.plot(0, 0, "k*")
    axis.set(title=name, ylabel="across")
axes[-1].set_xlabel("along the valley; the star is the lowest point")
show()

# %% [markdown]
# **Gradient descent** steps against the gradient $g$ of the loss, by a learning rate $\eta$ (eta):
#
# $$w \leftarrow w - \eta\, g$$
#
# The gradient of the whole training set is exact and slow. **Stochastic** gradient descent (SGD) takes the gradient of
# a mini-batch instead: a noisy answer, but hundreds of them for the price of one.
#
# The steepest direction sets the limit. On a slope of curvature $c$ a step multiplies the distance to the bottom by
# $1 - \eta c$. As soon as $\eta c > 2$, each step ends further away than it began.

# %%
claim("at the limit a step across leads to the other side, as far away", 1 - 2 / 30 * 30, -1)
claim(
    "above the limit the walk leaves the valley",
    abs(walk(lambda p: optim.SGD(p, lr=0.07))[-1, 1]) > 100,
)

# %% [markdown]
# **Momentum** steps along a running sum $v$ of gradients. With $\mu = 0.9$, a gradient that always points the same way
# counts ten times, since $1 + 0.9 + 0.9^2 + \dots = 10$; gradients that alternate cancel out.
#
# $$v \leftarrow \mu v + g \qquad w \leftarrow w - \eta\, v$$
#
# **Adam** keeps two running means: $m$ of the gradients, and $s$ of their squares. It steps along $m / \sqrt{s}$. The
# size of the gradient drops out: each parameter moves by about $\eta$ wherever its gradients agree. In the valley that
# makes the steep way and the flat way alike.
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1)\, g \qquad s \leftarrow \beta_2 s + (1 - \beta_2)\, g^2 \qquad
# w \leftarrow w - \eta\, \frac{m / (1 - \beta_1^t)}{\sqrt{s / (1 - \beta_2^t)} + \varepsilon}$$
#
# The divisions by $1 - \beta^t$ correct a bias: both means start at 0 and are too small at first, after $t$ steps by
# exactly that factor. Without them the first step would be $0.1 / \sqrt{0.001}$, over three times too long.

# %%
for size in (1e-3, 1.0, 1e3):
    weight = nn.Parameter(np.array([0.0]))
    weight.grad = np.array([size])
    optim.Adam([weight], lr=0.01).step()
    claim(
        f"with a gradient of {size:g}, Adam's first step is its learning rate",
        -weight.data[0],
        0.01,
        1e-6,
    )
claim("without the correction it would be longer by this factor", 0.1 / np.sqrt(0.001), 3.16, 0.01)

# %% [markdown]
# ## Build
#
# An optimizer is a loop over parameters and one rule. Here are the two rules as the library ships them; the loop around
# them is in `Optimizer.step`. Notice what each of them has to remember: nothing, a sum, or two means and a count.

# %%
walkthrough(optim.SGD.update, optim.Adam.update)

# %% [markdown]
# ## Prove
#
# A training that goes down proves little: wrong optimizers go down, too. So the library's Adam and PyTorch's get the
# same hundred gradients, in float64. If they end at the same place, to the last digits, the rule is right.

# %%
gradients = np.random.default_rng(0).normal(size=(100, 5))
ours, theirs = nn.Parameter(np.ones(5)), torch.nn.Parameter(torch.ones(5, dtype=torch.float64))
our_adam, their_adam = optim.Adam([ours], lr=0.01), torch.optim.Adam([theirs], lr=0.01)
for gradient in gradients:
    ours.grad, theirs.grad = gradient, torch.from_numpy(gradient)
    our_adam.step()
    their_adam.step()
claim(
    "after 100 steps, ours and PyTorch's agree",
    abs(ours.data - theirs.detach().numpy()).max() < 1e-12,
)

# %% [markdown]
# ## See
#
# Which learning rate? Take a small network and two interleaved half-moons of points, train with each optimizer at each
# rate for the same few epochs, and look at the loss that is left.

# %%
chance = np.random.default_rng(1)
angle = chance.uniform(0, np.pi, 400)
moon = np.arange(400) % 2
points = np.stack(
    [np.cos(angle) * (1 - 2 * moon) + moon, np.sin(angle) * (1 - 2 * moon) + moon / 2], 1
)
points += chance.normal(0, 0.15, points.shape)


def final_loss(make_optimizer):
    """Train for ten epochs; give the last one's mean training loss, or None where it overflowed."""
    manual_seed(0)
    network = nn.Sequential(
        nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2)
    )
    batches = DataLoader(
        TensorDataset(points.astype(np.float32), moon), batch_size=32, shuffle=True
    )
    try:
        return fit(
            network, F.cross_entropy, batches, None, make_optimizer(network.parameters()), 10
        )[-1]["train_loss"]
    except ArithmeticError:
        return None


rates = np.logspace(-4, 1, 11)
curves = {
    "SGD": [final_loss(lambda p, lr=lr: optim.SGD(p, lr=lr)) for lr in rates],
    "SGD with momentum 0.9": [
        final_loss(lambda p, lr=lr: optim.SGD(p, lr=lr, momentum=0.9)) for lr in rates
    ],
    "Adam": [final_loss(lambda p, lr=lr: optim.Adam(p, lr=lr)) for lr in rates],
}
figure, axis = subplots()
for name, losses in curves.items():
    axis.semilogx(
        rates, [np.nan if loss is None else min(loss, 2) for loss in losses], "o-", label=name
    )
axis.axhline(np.log(2), color="0.5", linestyle=":", label="a coin's loss, ln 2")
axis.set(xlabel="learning rate", ylabel="training loss after 10 epochs")
axis.legend()
show()

# %% [markdown]
# Each curve is a bowl: too small a rate has hardly moved, too large a rate jumps about. The bottoms lie at different
# rates, for each rule measures its step in another unit. A rate that was good for SGD says nothing about Adam. Momentum
# of 0.9 moves the bowl to the left by about the factor of ten that its sum promises.

# %%
best = {
    name: rates[np.nanargmin([np.nan if loss is None else loss for loss in losses])]
    for name, losses in curves.items()
}
claim("momentum's best rate is below plain SGD's", best["SGD with momentum 0.9"] < best["SGD"])
claim("and Adam's is lower still", best["Adam"] < best["SGD with momentum 0.9"])

# %% [markdown]
# ## Try
#
# Write Adam. `params` are parameters with `.data` and `.grad`, both arrays; `step` changes `.data` in place. Run the
# cell; the check shows the first step that goes elsewhere than it should. `hint("07.adam")` helps.


# %%
class Adam:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.betas, self.eps = list(params), lr, betas, eps
        # What else must be remembered from one step to the next?

    def step(self):
        raise NotAttempted  # change every parameter's .data by its .grad


check("07.adam", Adam)

# %% [markdown]
# ## Apply
#
# In the pipeline, `training.learning_rate` of a lane in `params.yaml` is AdamW's: Adam with a weight decay of its own,
# which is lesson 14's subject. `training.schedule` lets the rate rise at first (a warm-up) and fall towards the end.
# Three rates for Titanic's network, on the sample that comes with Groundwork, for one fold of five:

# %%
for rate in (0.00002, 0.002, 0.2):
    run = apply.train("titanic", {"training.learning_rate": rate, "training.epochs": 10})
    losses = run.history["train_loss"]
    print(
        f"learning rate {rate:<7g} loss {losses.iloc[0]:.3f} -> {losses.iloc[-1]:.3f}  {run.metric} {run.score:.3f}"
    )

# %% [markdown]
# The same sweep with everything that belongs to an experiment, tracked run by run and compared on the leaderboard, is
# two commands in a terminal:
#
# ```
# dvc exp run --queue -S 'competitions.titanic.training.learning_rate=0.00002,0.002,0.2'
# dvc exp run --run-all
# ```
#
# ## Where to read on
#
# - [Dive into Deep Learning, chapter 12](https://d2l.ai/chapter_optimization/index.html): every optimizer of this
#   lesson with its mathematics, and why convexity matters less than you would think.
# - [DeepLearning.AI's specialization](https://www.deeplearning.ai/courses/deep-learning-specialization/), course 2,
#   week 2: running means, bias correction and Adam on a blackboard.
# - [fast.ai](https://course.fast.ai/): how to find a learning rate with a single short run.
# - Kingma and Ba, [Adam](https://arxiv.org/abs/1412.6980): eight pages; algorithm 1 is what you wrote above.
#
# Next: what you feed the network. [Lesson 8](08_data.ipynb) is about data.
