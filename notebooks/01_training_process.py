# %% [markdown]
# # 1. The training process: turn knobs until it works
#
# Training makes programs that nobody wrote. This lesson takes training apart into data, model, objective and algorithm,
# and does it by trial and error alone. Afterwards you can read every training loop, and say what a gradient is for.
#
# **Topics:** training process, supervised learning
#
# ## Idea
#
# You want a program that hears whether somebody hums *yes*, a tone that rises, or *no*, a tone that falls. You could
# invent rules. Or you record sounds, write down what each means, and build a machine with many knobs that turns a sound
# into an answer. Each position of the knobs is a rule. Learning is the search for a good one.

# %%
from groundwork.lessons import NotAttempted, apply, check, claim, show, subplots, walkthrough

DATA, MODEL, OBJECTIVE, ALGORITHM = "#cfe2f3", "#d9ead3", "#fff2cc", "#f4cccc"


def picture(title, height, boxes, arrows):
    """Draw boxes, each with x, y, text and color, and arrows between them, by name."""
    (_, axis), drawn = subplots(height=height), {}
    for name, (x, y, text, color) in boxes.items():
        look = {"boxstyle": "round,pad=0.7", "fc": color}
        drawn[name] = axis.text(x, y, text, ha="center", va="center", bbox=look).get_bbox_patch()
    for start, end in (pair.split(">") for pair in arrows.split()):
        look = {"arrowstyle": "-|>", "fc": "k", "patchA": drawn[start], "patchB": drawn[end]}
        look["linestyle"] = "--" if "algorithm" in (start, end) else "-"
        axis.annotate("", boxes[end][:2], boxes[start][:2], arrowprops=look)
    axis.set(title=title, xlim=(-0.3, 10.5), ylim=(0, 3.5))
    axis.axis("off")
    return axis


boxes = {
    "input": (1, 3, "data: an input\n(a sound)", DATA),
    "model": (5, 3, "model\n(a machine with knobs)", MODEL),
    "prediction": (9, 3, "prediction\n(“yes”)", MODEL),
    "target": (1, 0.5, "data: its target\n(“no”)", DATA),
    "loss": (9, 0.5, "objective: the loss\n(how wrong is that?)", OBJECTIVE),
    "algorithm": (5, 1.6, "algorithm\n(adjusts the knobs)", ALGORITHM),
}
arrows = "input>model model>prediction prediction>loss target>loss loss>algorithm algorithm>model"
picture("Supervised learning", 3.2, boxes, arrows)
show("An input, a model, a prediction; a loss against the target; an algorithm adjusts the model")

# %% [markdown]
# Follow the solid arrows. An input goes through the **model** and becomes a **prediction**. The **target** is what it
# should have been; learning from inputs with targets is called *supervised*. The **loss** compares the two and says in
# one number how wrong the prediction is; 0 is perfect. Now the dashed arrows: the **algorithm** looks at the loss and
# changes the model.
#
# So learning has four components. Each has a package in the pipeline, a section in `params.yaml`, and a counterpart in
# `groundwork.scratch`, which uses NumPy alone and is written to be read:
#
# | component | in the example | in the pipeline | section | to be read |
# |---|---|---|---|---|
# | data | sounds and meanings | `groundwork.data` | `encoding` | `scratch.data` |
# | model | the machine with knobs | `groundwork.models` | `model` | `scratch.nn` |
# | objective | the loss | `groundwork.objectives` | `objective` | `scratch.functional` |
# | algorithm | what turns the knobs | `groundwork.training` | `training` | `scratch.tweak`, `scratch.train` |
#
# The field's word for a knob is **parameter**; most of them are called *weights*. Training is a loop:

# %%
boxes = {
    "knobs": (1, 1.7, "random knobs", MODEL),
    "data": (4.6, 3, "take some data", DATA),
    "tweak": (8.4, 1.7, "tweak the knobs\nso that the loss falls", ALGORITHM),
    "enough": (4.6, 0.4, "good enough?", OBJECTIVE),
    "done": (1, 0.4, "yes: use it", "white"),
}
arrows = "knobs>data data>tweak tweak>enough enough>data enough>done"
picture("The training loop", 2.9, boxes, arrows).text(4.75, 1.7, "no: repeat", va="center")
show("A loop: from random knobs, take data, tweak the knobs, good enough? If not, take data again")

# %% [markdown]
# How do you tweak? Think of an old radio. You turn a knob a little and listen. If the sound is clearer, leave it there;
# if it is worse, turn it back. You need not know what is inside. With all knobs at once, and random pushes, this is a
# complete algorithm. Write $w$ for all the knobs together, $L$ for the loss, and $\varepsilon$ (epsilon) for random
# numbers, one for each knob, most of them between -1 and 1. $\sigma$ (sigma) is the size of the push:
#
# $$w' = w + \sigma\,\varepsilon \qquad \text{go on with } w' \text{ if } L(w') < L(w), \text{ else with } w$$
#
# Near a good position long pushes fail, and far from it short ones take forever. So the size adapts as well: a success
# makes it larger by half, and four failures undo that. Where one push in five succeeds, it stays the same.
#
# ## Build
#
# Data are a table, with a **row** for each example, and usually too long to look at all at once. A `DataLoader` hands
# the rows out in **batches**; one walk through all of them is an **epoch**. `Tweaker.step` is the radio. `search` is
# the loop. Notice that the loss is computed twice on the *same* batch, and that the old numbers are kept as a copy:
# without it there would be no way back. (`network.eval()` switches off randomness in the network: lesson 14.)

# %%
import numpy as np

from groundwork.scratch import functional as F
from groundwork.scratch import manual_seed, nn, optim
from groundwork.scratch.data import DataLoader, StandardScaler, TensorDataset
from groundwork.scratch.train import fit
from groundwork.scratch.tweak import GROW, SHRINK, Tweaker, search

claim("four failures undo a success", GROW * SHRINK**4, 1, 1e-12)
walkthrough(DataLoader.__iter__, Tweaker.step, search)

# %% [markdown]
# ## Prove
#
# We need a problem whose answer is known. Crickets chirp faster when it is warm; take made-up ones, on a straight line
# with some noise. `nn.Linear(1, 1)` is a line with two knobs, slope and height, and the loss is the mean of the squared
# misses. `numpy.polyfit` finds the best line at once, by a formula. The tweaker has to get there by pushes.

# %%
chance = np.random.default_rng(0)
chirps = chance.uniform(-1, 1, (50, 1))  # in a second, counted from 2
warmth = 1.8 + 0.6 * chirps + chance.normal(0, 0.1, chirps.shape)  # in tens of degrees
best = np.polyfit(chirps[:, 0], warmth[:, 0], 1)  # slope, height

manual_seed(614)
line = nn.Linear(1, 1).double()
tweaker = Tweaker(line.parameters())
visited = []  # slope, height and loss, in turns before a push and after it


def listen():
    """Compute the loss of the current knobs, and record it."""
    loss = F.mse_loss(line(chirps), warmth).item()
    visited.append((line.weight.data.item(), line.bias.data.item(), loss))
    return loss


for _ in range(400):
    tweaker.step(listen)
before, trials = np.array(visited[::2]), np.array(visited[1::2])
claim("slope and height are polyfit's", np.allclose(before[-1, :2], best, atol=1e-4))
claim("on rows that stay the same, the loss never rises", (np.diff(before[:, 2]) <= 0).all())

# %% [markdown]
# ## See
#
# Two knobs span a plane, and every point of it has a loss: a landscape. The left panel shows the tweaker's way down,
# seen from above. Crosses are pushes that were tried; a cross without a dot was undone. The right panel increases the
# number of knobs. The loss is the mean of their squares, a round bowl, and all knobs start at 1. The price is the
# number of evaluations of the loss until it has fallen by 99 percent.


# %%
def price_of(knobs):
    """Count evaluations of the loss until it has fallen from 1 to 0.01."""
    place = nn.Parameter(np.ones(knobs))
    tweaker = Tweaker([place])
    while (place.data**2).mean() > 0.01:
        tweaker.step(lambda: np.square(place.data).mean())
    return tweaker.evaluations


prices = {count: price_of(count) for count in (2, 10, 50, 250, 1000)}
figure, (left, right) = subplots(1, 2, width=9, height=3.6)
slope, height = np.mgrid[-1.6:2:80j, -1.6:3:80j]
x, y = chirps[:, 0, None, None], warmth[:, 0, None, None]
left.contour(slope, height, ((slope * x + height - y) ** 2).mean(0), 14, colors="0.8")
left.plot(*trials[:60, :2].T, "x", color="0.45", markersize=4, label="tried")
left.plot(*before[:60, :2].T, "o-", markersize=4, label="kept")
left.plot(*best, "k*", markersize=11, label="polyfit's answer")
left.set(xlabel="slope", ylabel="height", title="two knobs, 60 pushes")
left.legend()
right.loglog(list(prices), list(prices.values()), "o-")
right.set(xlabel="number of knobs", ylabel="evaluations", title="the price of no gradient")
show("Pushes find the best two knobs in 60 tries; the more knobs, the more evaluations it takes")
claim("from 10 knobs to 1000, the price grows by about 100", 50 < prices[1000] / prices[10] < 200)

# %% [markdown]
# Ten times the knobs, ten times the work: nearly all directions are nearly useless. Networks today have billions of
# knobs. It would help to know which way to turn each. The **gradient** says so. Lesson 6 builds the code that computes
# it. One gradient costs about as much as three losses, however many knobs.
#
# ## Try
#
# The knobs that were kept look good on their batch, because it selected them. Only rows that took no part in the
# selection show how good they are: **held-out** rows, which the pipeline calls *validation* rows.
#
# Write one step of a tweaker with an unbiased score. `knobs` and `push` are arrays of the same shape; `loss(knobs,
# rows)` gives a number for knobs and rows of your choice. Try `knobs + push`, and keep whichever knobs are better on
# `batch`. Return the kept knobs and their score, which is their loss on `held_out`.


# %%
def step(knobs, push, loss, batch, held_out):
    raise NotAttempted  # return the knobs to go on with, and their score


check("01.step", step)

# %% [markdown]
# ## Apply
#
# Now the sounds. To a computer, a recording is a list of numbers, here 4000 a second. We generate ours, at any pitch,
# with so much noise that the tone cannot be seen in the numbers. From each sound come 20 numbers: how loud five bands
# of pitch are in each quarter of it. Such a table of time and pitch is called a **spectrogram**.


# %%
def hear(rises, chance):
    """Make a quarter of a second of humming, and its spectrogram of 4 times and 5 pitches: [20]."""
    low, ratio = chance.uniform(300, 700), chance.uniform(1.2, 2)
    pitch = np.linspace(low, low * ratio, 1000)[:: 1 if rises else -1]  # vibrations a second
    tone = np.sin(2 * np.pi * np.cumsum(pitch) / 4000 + chance.uniform(0, 2 * np.pi))
    sound = chance.uniform(0.5, 1) * tone + chance.normal(0, 0.6, 1000)
    pieces = sound.reshape(8, 125) * np.hanning(125)  # faded in and out, so that no click is heard
    loudness = np.abs(np.fft.rfft(pieces, axis=1))[:, 8:48]  # of 40 pitches, 32 vibrations apart
    return np.log(loudness.reshape(4, 2, 5, 8).mean((1, 3))).ravel()  # 2 pieces, 8 pitches in one


chance = np.random.default_rng(0)
meaning = (np.arange(800) % 2).reshape(-1, 1).astype(np.float32)  # 1: yes, 0: no
heard = np.stack([hear(yes, chance) for yes in meaning[:, 0]])
rows = StandardScaler().fit(heard[:500]).transform(heard).astype(np.float32)  # on one scale
validation = DataLoader(TensorDataset(rows[500:], meaning[500:]), batch_size=300)

# %% [markdown]
# The model is a small network with hundreds of knobs; lesson 3 says what is inside. It gives a number: above 0
# means *yes*, and the further from 0, the more certain. The loss is cross-entropy, the subject of lesson 5: a coin
# toss costs $\ln 2$, the grey line below, and a confident wrong answer costs most.
#
# From the same random knobs it is trained in four ways: by pushes and by gradients, each with all 500 sounds at a time
# and with batches of 50. `fit` is `search` with a gradient, and `SGD` takes the steps (lesson 7). The figure counts
# sounds processed: each counts twice for a push, and three times for a gradient.


# %%
def train(learn, batch_size, epochs, price):
    """Train from the same start: sounds heard and held-out loss by epoch, and the network."""
    manual_seed(0)
    network = nn.Sequential(nn.Linear(20, 16), nn.Tanh(), nn.Linear(16, 1))
    batches = DataLoader(TensorDataset(rows[:500], meaning[:500]), batch_size, shuffle=True)
    how = Tweaker(network.parameters()) if learn is search else optim.SGD(network.parameters(), 0.5)
    history = learn(network, F.binary_cross_entropy_with_logits, batches, validation, how, epochs)
    losses = np.array([entry["val_loss"] for entry in history])
    return price * 500 * np.arange(1, epochs + 1), losses, network


runs = {
    "pushes, all 500 sounds": train(search, 500, 900, price=2),
    "pushes, batches of 50": train(search, 50, 60, price=2),
    "gradients, all 500 sounds": train(fit, 500, 100, price=3),
    "gradients, batches of 50": train(fit, 50, 20, price=3),
}
figure, (left, right) = subplots(1, 2, width=9, height=3.4, width_ratios=[1, 2.2])
difference = np.reshape(rows[meaning[:, 0] == 1].mean(0) - rows[meaning[:, 0] == 0].mean(0), (4, 5))
left.pcolormesh(np.arange(5) / 16, 256 * np.arange(1, 7), difference.T, cmap="gray")
left.set(title="mean “yes” less mean “no”", xlabel="seconds", ylabel="vibrations a second")
for (name, (heard, losses, _)), style in zip(runs.items(), ("-", ":", "--", "-."), strict=True):
    right.semilogx(heard, losses, style, label=name)
right.axhline(np.log(2), color="0.5", linewidth=0.8)
right.set(ylim=(0, 1.4), xlabel="sounds processed", ylabel="held-out loss", title="learning")
right.legend(fontsize="small", loc="upper left")
show("How “yes” and “no” differ on average; gradients in batches of 50 lower the loss fastest")

# %% [markdown]
# On the left, white is louder in *yes*, which ends high, and black in *no*. How soon did the held-out loss fall to 0.3?

# %%
needed = []
for name, (heard, losses, _) in runs.items():
    needed.append(min(heard[losses <= 0.3], default=np.inf))  # inf: never
    print(f"{name:27}{needed[-1]:.0f}")
pushes, small_pushes, gradients, small_gradients = needed
claim("pushes need over 3 times what gradients need", pushes > 3 * gradients)
claim("gradients of small batches need less than half of that", small_gradients < gradients / 2)
claim("pushes with small batches do not get there", small_pushes == np.inf)
understood = ((runs["gradients, batches of 50"][-1](rows[500:]).data > 0) == meaning[500:]).mean()
claim("the last network understands nine in ten new sounds", understood, 0.9, 0.05)

# %% [markdown]
# Why do small batches ruin one algorithm and help the other? A push that suits 50 sounds by accident is kept, and no
# later batch undoes it. So accidents accumulate. A gradient step is short, and the next batch corrects it; ten short
# steps lead further than one good one.
#
# **In the pipeline** these four components are sections of `params.yaml` under each competition. Change one number, and
# training gives another program. Here is Titanic, on Groundwork's sample, with a fifth held out:

# %%
for epochs in (2, 8, 25):
    run = apply.train("titanic", {"training.epochs": epochs})
    print(f"{epochs:2} epochs: held-out {run.metric} {run.score:.3f}")

# %% [markdown]
# In a terminal, `groundwork try titanic epochs=8` makes the same change and trains five times, with another fifth held
# out each time. `groundwork leaderboard titanic` compares the experiment with the others.
#
# ## Where to read on
#
# - [CS50](https://cs50.harvard.edu/x/), weeks 0 and 6, and
#   [freeCodeCamp](https://www.freecodecamp.org/learn/scientific-computing-with-python/): algorithms, and Python.
# - [Kaggle Learn](https://www.kaggle.com/learn/intro-to-deep-learning): the loop, with gradients.
# - [Inria's scikit-learn MOOC](https://inria.github.io/scikit-learn-mooc/): why held-out rows are the only judge.
#
# Next: what a machine with knobs computes. [Lesson 2](02_linear_algebra.ipynb) is about vectors and matrices.
