# %% [markdown]
# # 6. Back-propagation: who moved the loss?
#
# A network has many weights and one loss. Training needs to know, for every weight, how fast the loss changes with it.
# After this lesson you can compute that by hand, read the few lines of code that do it for networks of any size, add an
# operation of your own, and detect a wrong gradient.
#
# **Topics:** back-propagation
#
# ## Idea
#
# If the price of milk rises by a cent, that of butter rises by three; and each cent on butter adds two to a cake. So a
# cent on milk adds six cents to the cake: rates multiply along a chain. If the cake also contains cream, whose price
# depends on milk, too, that path adds its share: parallel chains add up.
#
# Here is a very small network: one weight $w = 2$, one bias $b = 1$, one input, 3, and the target 5. It predicts $3w +
# b = 7$, so it is off by 2. Its loss is the squared error, plus $w^2$ as a penalty on large weights.

# %%
import numpy as np
import torch

from groundwork.lessons import NotAttempted, apply, check, claim, show, subplots, walkthrough
from groundwork.lessons.exercises.e06_broken import OPERATIONS
from groundwork.scratch import Tensor, manual_seed, nn, operation, optim, tensor, verify
from groundwork.scratch import functional as F
from groundwork.scratch.data import DataLoader, TensorDataset
from groundwork.scratch.train import fit

w, b = Tensor(2.0, requires_grad=True), Tensor(1.0, requires_grad=True)
product = w * 3
prediction = product + b
error = prediction - 5
squared, penalty = error**2, w**2
loss = squared + penalty

# %% [markdown]
# Each box below is a value, and arrows lead from it to what was computed from it. The number at an arrow is a rate: how
# many times as much the value at its tip changes as the one at its tail. Each rate concerns one operation and is easy
# to compute: $\text{error}^2$ changes at the rate $2 \cdot \text{error} = 4$.

# %%
NAMES = ("w", "b", "3w", "3w + b", "error", "error²", "w²", "loss")
VALUES = (w, b, product, prediction, error, squared, penalty, loss)
PLACES = ((0, 0.6), (1.1, 2), (1.1, 1.2), (2.2, 1.2), (3.3, 1.2), (4.4, 1.2), (2.75, 0), (5.5, 0.6))


def rates(value):
    """List the inputs of a value, each with the rate at which it changes the value."""
    found = [] if value.is_leaf else zip(value._inputs, value._vjp(np.ones(())), strict=True)
    return [(source, float(rate)) for source, rate in found if source.requires_grad]


def draw(numbers, title):
    """Draw the graph as the tensors remember it, with a number in each box."""
    axis, boxes = subplots(height=2.7)[1], {}
    box = {"ha": "center", "va": "center", "bbox": {"boxstyle": "round", "facecolor": "white"}}
    for value, name, place, number in zip(VALUES, NAMES, PLACES, numbers, strict=True):
        boxes[id(value)] = axis.text(*place, f"{name}\n{float(number):g}", **box)
    for value in VALUES:
        for source, rate in rates(value):
            tail, tip = boxes[id(source)], boxes[id(value)]
            dashed = source is penalty or value is penalty
            style = {"arrowstyle": "->", "linestyle": "--" if dashed else "-"}
            style |= {"patchA": tail.get_bbox_patch(), "patchB": tip.get_bbox_patch()}
            axis.annotate("", tip.get_position(), tail.get_position(), arrowprops=style)
            x, y = np.add(tail.get_position(), tip.get_position()) / 2
            axis.text(x, y + 0.14, f"×{rate:g}", ha="center")
    axis.set(xlim=(-0.3, 5.8), ylim=(-0.4, 2.4), title=title)
    axis.axis("off")
    show(f"A graph; {title}: {', '.join(text.get_text() for text in boxes.values())}")


draw(VALUES, "in the boxes: values; at the arrows: rates")

# %% [markdown]
# How fast does the loss change with $w$? There are two paths. Along the solid arrows the rates multiply to $3 \cdot 1
# \cdot 1 \cdot 4 \cdot 1 = 12$, along the dashed ones to $4 \cdot 1 = 4$. Together that is 16: if $w$ grows by 0.001,
# the loss grows by about 0.016. Such a rate of the loss is called a **gradient**, here that of $w$. Multiply along each
# path, add up over paths: this is the **chain rule**, the basis of all training.
#
# $$\frac{dL}{dw} = \sum_{\text{paths from } w \text{ to } L} \;\; \prod_{\text{arrows of a path}} \text{rate}$$


# %%
def paths(end, start):
    """Return the product of rates for each path from `start` to `end`."""
    if end is start:
        yield 1.0
    for source, rate in rates(end):
        yield from (rate * rest for rest in paths(source, start))


print("paths from w:", list(paths(loss, w)), "and from b:", list(paths(loss, b)))
loss.backward()
claim("along both paths together", sum(paths(loss, w)), 16)
claim("which is the gradient that the library finds", w.grad, 16)
claim("w + 0.001 makes the loss grow by", (3 * 2.001 + 1 - 5) ** 2 + 2.001**2 - 8, 0.016, 1e-4)

# %% [markdown]
# For a real network the sum over paths is hopeless. If each value reaches the next in two ways, as in `y = y + y`, ten
# steps make $2^{10}$ paths, and a hundred steps more than any computer can list.
#
# **Back-propagation** uses that paths share most of their arrows. Begin at the loss, whose own rate is 1, and go
# backwards. Visit a box after everything that was computed from it. Add up the gradients that arrived there, multiply
# the sum by the rate of each arrow that leads in, and pass it on. So each arrow is used once.

# %%
draw([sum(paths(loss, value)) for value in VALUES], "in the boxes: gradients; at the arrows: rates")
end = start = Tensor(1.0, requires_grad=True)
for _ in range(10):
    end = end + end
end.backward()
claim("paths through ten doublings", len(list(paths(end, start))), 2**10)
claim("ten steps back find the sum over them", start.grad, 2**10)

# %% [markdown]
# In a network the values are arrays. The rates of one array with respect to another form a matrix, the **Jacobian**
# $J$, with $J_{ij} = \partial y_i / \partial x_j$, and a path through several layers becomes a product of such
# matrices. Starting from the loss, that product is cheap: it is always one row of numbers times a matrix.
#
# $$\frac{dL}{dx} = \Bigl( \Bigl( \frac{dL}{dy} \cdot J_3 \Bigr) \cdot J_2 \Bigr) \cdot J_1$$
#
# So no operation has to build its Jacobian. It only computes, from the row `dy` that arrives, the row `dy` $\cdot J$
# that goes on: its **vector-Jacobian product**, VJP for short. For $y = e^x$ it is `dy * y`, element by element, while
# the Jacobian would be a large matrix with zeros off its diagonal.
#
# ## Build
#
# This is the whole engine. An operation computes its value and keeps its inputs and its VJP. `backward` walks back
# through them. Notice three places. `gradients[key] + arrived` adds up over paths. `_topological_order` ensures that a
# box is left only when all its gradients have arrived. And `_unbroadcast`: where NumPy repeated a number to fit an
# array, that number reached the loss by several paths, and its gradients are added up.

# %%
on_the_way = (Tensor.backward, Tensor._topological_order, tensor._unbroadcast)
walkthrough(Tensor.__mul__, Tensor.exp, operation, *on_the_way)

# %% [markdown]
# ## Prove
#
# A gradient predicts what happens when an input changes a little. So change it a little, both ways: the **difference
# quotient** $(f(x + h) - f(x - h)) / 2h$ needs no calculus at all. `gradcheck` does that for every entry of every input
# (of several outputs it takes a random mix); `compare` uses PyTorch. Both check a small network here, and then
# `gradcheck` checks an operation with a mistake: $x^2$, with the gradient $x$.

# %%
manual_seed(0)
torch.manual_seed(0)
chance = np.random.default_rng(0)
rows = chance.normal(size=(5, 3))
ours = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
print(verify.gradcheck(ours, (rows,)))
print(verify.compare(ours, theirs, rows))
print(verify.gradcheck(lambda x: operation(x.data**2, (x,), lambda dy: (dy * x.data,)), (rows,)))

# %% [markdown]
# ## See
#
# How small should $h$ be? Take tanh at 200 points, and measure how far the quotient is from the true slope: for a step
# to one side, $(f(x + h) - f(x)) / h$, for steps to both sides, and for those in float32, numbers of 7 digits.

# %%
points, steps = chance.uniform(-2, 2, 200), np.logspace(-12, 0, 49)


def slope_error(step, dtype=np.float64, central=True):
    """Return the median error of the difference quotient of tanh at the points."""
    x, h = points.astype(dtype), dtype(step)
    rise = np.tanh(x + h) - np.tanh(x - h if central else x)
    return np.median(np.abs(rise / (h + h if central else h) - (1 - np.tanh(points) ** 2)))


curves = {
    "one side, float64": [slope_error(step, central=False) for step in steps],
    "both sides, float32": [slope_error(step, np.float32) for step in steps],
    "both sides, float64": [slope_error(step) for step in steps],
}
figure, axis = subplots()
for (name, errors), line in zip(curves.items(), ("--", ":", "-"), strict=True):
    axis.loglog(steps, errors, line, label=name)
axis.axvline(verify.STEP, color="0.6", linewidth=1)
axis.text(verify.STEP * 1.3, 3e-13, "gradcheck's step", color="0.4")
axis.set(xlabel="step h", ylabel="median error of the slope", ylim=(1e-13, 10))
axis.legend()
show("Error of a difference quotient by its step: lowest near 1e-5, from both sides in float64")
claim("a tenth of the step divides the error by", slope_error(0.01) / slope_error(1e-3), 100, 5)
claim("at gradcheck's step it is below a billionth", slope_error(verify.STEP) < 1e-9)
claim("in float32 it is never below a millionth", min(curves["both sides, float32"]) > 1e-6)

# %% [markdown]
# Read from the right, the curves fall: tanh is curved, which matters less for a shorter step. With steps to both sides,
# a tenth of the step leaves a hundredth of the error. Read from the left, they fall, too: two almost equal values lose
# digits when they are subtracted, and dividing by a tiny $h$ enlarges the rounding error. In float32, a far too short
# step does not change $x$ at all, and the quotient is 0.
#
# ## Try
#
# **1.** `unit` divides each row of x `[rows, columns]` by its length, so that all rows have length 1. Its value is
# given; write its VJP. `dy` is the gradient of the value, an array of the same shape. Return a tuple of one array, the
# gradient of x. The length depends on x, too.


# %%
def unit(x):
    length = np.sqrt((x.data**2).sum(1, keepdims=True))
    value = x.data / length

    def vjp(dy):
        raise NotAttempted  # from dL/d(value) to a tuple of one: dL/dx

    return operation(value, (x,), vjp)


check("06.vjp", unit)

# %% [markdown]
# **2.** `OPERATIONS` contains ten operations, each with arrays to try it on: `OPERATIONS["matmul"]` is a pair
# `function, inputs`. The function takes Tensors and returns one; inputs are a tuple of float64 arrays. Five of them
# have a wrong backward, with gradients of the right shape. Write the check that finds them; do not use `gradcheck`.


# %%
def is_broken(function, inputs):
    raise NotAttempted  # True if a gradient of function(*inputs) is wrong


print(*OPERATIONS)
check("06.broken", is_broken)

# %% [markdown]
# ## Apply
#
# Now the engine at work, without PyTorch: forward, backward, step, repeat. It learns to separate two half-moons of
# points. Dots are the first, crosses the second, and the shade is the network's answer.


# %%
def moons(rows):
    """Draw points of two interleaved half-moons, and which moon each belongs to."""
    angle, moon = chance.uniform(0, np.pi, rows), np.arange(rows) % 2
    side = 1 - 2 * moon
    place = np.stack([np.cos(angle) * side + moon, np.sin(angle) * side + moon / 2], 1)
    return (place + chance.normal(0, 0.15, place.shape)).astype(np.float32), moon


manual_seed(0)
(seen, seen_moon), (fresh, fresh_moon) = moons(400), moons(1000)
network = nn.Sequential(nn.Linear(2, 9), nn.Tanh(), nn.Linear(9, 9), nn.Tanh(), nn.Linear(9, 2))
batches = DataLoader(TensorDataset(seen, seen_moon), batch_size=40, shuffle=True)
fit(network, F.cross_entropy, batches, None, optim.Adam(network.parameters(), lr=0.01), epochs=60)

down, across = np.mgrid[-1.2:1.7:120j, -1.8:2.8:160j]
grid = Tensor(np.stack([across, down], -1).reshape(-1, 2).astype(np.float32))
second = F.softmax(network(grid), 1).data[:, 1].reshape(down.shape)
figure, axis = subplots(height=3)
filled = axis.contourf(across, down, second, np.linspace(0, 1, 11), cmap="Blues", vmax=1.8)
figure.colorbar(filled, ticks=[0, 0.5, 1], label="probability of the second moon")
for moon, marker in enumerate("ox"):
    axis.plot(*seen[seen_moon == moon].T, marker, color="k", markersize=3, alpha=0.7)
axis.grid(False)
axis.set(xlabel="first input", ylabel="second input")
show("Two moons of points, and the border that the network has learned: it winds between them")
right = (network(Tensor(fresh)).data.argmax(1) == fresh_moon).mean()
claim("of 1000 new points, at least 97 % are separated", right >= 0.97)
claim("the gradients of its weights pass the check", bool(verify.gradcheck(network, (fresh[:5],))))

# %% [markdown]
# The same engine can train the pipeline's network. With `model.backend: scratch`, Titanic's network is computed by
# `groundwork.scratch`, and PyTorch's optimizer gets our gradients. Without dropout, whose masks would differ, both
# backends must learn the same. On the sample that comes with Groundwork, one fold, three epochs:

# %%
histories = {}
for backend in ("torch", "scratch"):
    changes = {"model.backend": backend, "model.dropout": 0.0, "training.epochs": 3}
    histories[backend] = apply.train("titanic", changes).history["train_loss"]
    print(f"{backend:8}", *(f"loss {value:.3f}" for value in histories[backend]))
claim("the losses agree", abs(histories["torch"] - histories["scratch"]).max() < 1e-3)

# %% [markdown]
# In a terminal, with every fold, tracked and compared:
#
# ```
# groundwork repro titanic
# groundwork try titanic backend=scratch
# ```
#
# ## Where to read on
#
# - [Dive into Deep Learning, section 5.3](https://d2l.ai/chapter_multilayer-perceptrons/backprop.html): the same walk
#   over a network with one hidden layer, with all matrices written out.
# - [DeepLearning.AI's specialization](https://www.deeplearning.ai/courses/deep-learning-specialization/), course 1:
#   derivatives on a computation graph, then a network's gradients by hand.
# - [fast.ai](https://course.fast.ai/), part 2: forward and backward passes rebuilt from matrix products.
# - Rumelhart, Hinton and Williams, [Learning representations by back-propagating
#   errors](https://doi.org/10.1038/323533a0): the four pages of 1986 after which hidden layers were trained everywhere.
#
# Next: what to do with a gradient. [Lesson 7](07_optimizers.ipynb) is about the steps.
