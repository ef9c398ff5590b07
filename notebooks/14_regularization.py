# %% [markdown]
# # 14. Regularization: learning the rule, not the noise
#
# A network with thousands of weights can memorize twenty-four points, including measurement errors. This lesson shows
# what that looks like, and three remedies: weight decay, dropout and early stopping. Afterwards you can read a pair of
# learning curves, and you will have written two of the remedies yourself.
#
# **Topics:** dropout, weight decay, early stopping
#
# ## Idea
#
# A smooth curve is measured at 24 places, with noise. A network is to find the curve. It has over four thousand
# weights, far more than there are points, so nothing keeps it from bending towards each of them. `learn` trains it and
# records its losses every ten steps; its two arguments are remedies that follow below.

# %%
import numpy as np
import torch

from groundwork.lessons import NotAttempted, apply, check, claim, show, subplots, walkthrough
from groundwork.scratch import Tensor, manual_seed, nn, no_grad, optim, train
from groundwork.scratch import functional as F
from groundwork.scratch.data import DataLoader, TensorDataset
from groundwork.scratch.verify import gradcheck


def learn(p=0.0, weight_decay=0.0):
    """Train on all points at once; record losses, weights' norm and curve every ten steps."""
    manual_seed(0)
    hidden = [nn.Linear(1, 64), nn.Tanh(), nn.Dropout(p), nn.Linear(64, 64), nn.Tanh()]
    learner = nn.Sequential(*hidden, nn.Dropout(p), nn.Linear(64, 1))
    notes = []
    optimizer = optim.AdamW(learner.parameters(), lr=0.01, weight_decay=weight_decay)
    for step in range(1, 1301):
        loss = F.mse_loss(learner.train()(points), values)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            learner.eval()
            with no_grad():
                training = F.mse_loss(learner(points), values).item()
                validation = F.mse_loss(learner(others), targets).item()
                norm = np.sqrt(sum((parameter.data**2).sum() for parameter in learner.parameters()))
                notes.append((step, training, validation, norm, learner(grid).data))
    return [np.array(column) for column in zip(*notes, strict=True)]


# %% [markdown]
# On the left, an early curve and the final one. On the right, losses: at these points, and at 200 others.

# %%
NOISE = 0.3  # standard deviation of the measurement error
chance = np.random.default_rng(4)
places = chance.uniform(-1, 1, (24 + 200, 1))
readings = np.sin(3 * places) + chance.normal(0, NOISE, places.shape)
points, values = Tensor(np.float32(places[:24])), Tensor(np.float32(readings[:24]))
others, targets = Tensor(np.float32(places[24:])), Tensor(np.float32(readings[24:]))
grid = Tensor(np.linspace(-1, 1, 200, dtype=np.float32)[:, None])
steps, training, validation, _, curves = plain = learn()
best = validation.argmin()

figure, (left, right) = subplots(1, 2, height=3.4)
left.plot(points.data, values.data, "ko", markersize=4, label="measured")
left.plot(grid.data, np.sin(3 * grid.data), ":", color="0.6", label="the curve itself")
left.plot(grid.data, curves[best], "--", label=f"after {steps[best]} steps")
left.plot(grid.data, curves[-1], "-", label=f"after {steps[-1]} steps")
left.set(xlabel="place", ylabel="value", title="what the network says", ylim=(-2.4, 2.8))
left.legend(fontsize=8)
right.plot(steps, training, "-", label="training")
right.plot(steps, validation, "--", label="validation")
right.axhline(NOISE**2, color="0.5", linestyle=":", label="instrument's error, squared")
right.plot(steps[best], validation[best], "k*", markersize=9)
right.set(xlabel="step", ylabel="mean squared error", title="its losses", ylim=(0, 0.4))
right.legend(fontsize=8)
show("After 1300 steps the curve chases single points; validation loss rises from step 90 on")

# %% [markdown]
# The training loss keeps falling. The loss on rows that the network has not learned from, the **validation loss**, is
# lowest early on (the star) and then rises. From there on the network learns the noise: that is **overfitting**. The
# training loss does not show it. It even falls below the dotted line, the mean square of the measurement errors, which
# cannot be predicted.
#
# To **regularize** a network is to prevent this. There are three ways:
#
# **Weight decay.** Sharp bends like those on the left need large weights. So penalize large weights: add a multiple of
# their squares to the loss $L$, of strength $\lambda$. This is the **L2 penalty**. In a step of gradient descent, with
# gradient $g$ of $L$ and learning rate $\eta$, it shrinks each weight a little.
#
# $$L + \frac{\lambda}{2} \sum_k w_k^2 \qquad\text{so that}\qquad
# w \leftarrow w - \eta\,(g + \lambda w) = (1 - \eta\lambda)\, w - \eta\, g$$
#
# **Dropout.** During training, set each unit to 0 with probability $p$, drawn anew for each row and step. No unit can
# rely on a particular other one. In use nothing is dropped. To keep the mean of every unit the same in both, the
# remaining values are divided by $1 - p$ during training. As a formula, with a **mask** $m$ of zeros and ones, and $E$
# for the mean over many draws:
#
# $$y_k = \frac{m_k}{1 - p}\, x_k, \quad m_k = 1 \text{ with probability } 1 - p, \text{ else } 0, \qquad E[y_k] = x_k$$
#
# **Early stopping.** Compute the validation loss after each epoch, keep the weights of the best one, and stop after a
# number of epochs in a row (the **patience**) without improvement.

# %%
claim("weights and biases, for 24 points", (1 + 1) * 64 + (64 + 1) * 64 + (64 + 1), 4353)
claim("the star is in the first half", best < len(steps) / 2)
claim("training loss ends below the dotted line", training[-1] < 0.7 * NOISE**2)
dropped = F.dropout(Tensor(np.full(100_000, 5.0)), p=0.4).data
claim("dropout keeps the mean", dropped.mean(), 5, 0.1)

# %% [markdown]
# ## Build
#
# Dropout and early stopping are a few lines each. In `EarlyStopping`, notice the `.copy()`: training changes weights in
# place, and a mere reference would change with them. `to_beat` matters only where there is a `min_delta`.

# %%
walkthrough(F.dropout, train.EarlyStopping)

# %% [markdown]
# With Adam, weight decay needs a change. Adam divides a gradient by its own usual size (lesson 7). If $\lambda w$ is
# part of the gradient, it is divided too: a weight with large gradients then hardly decays, and one without gradients
# decays at full speed however small $\lambda$ is. **AdamW** leaves the decay out of the gradient and multiplies the
# weight by $1 - \eta\lambda$ in every step. That is why `learn` uses it. Take a weight of 2 with a gradient of 0, and
# one step of each with a rate of 0.1:

# %%
for decay in (0.001, 1.0):
    one, other = nn.Parameter(np.array([2.0])), nn.Parameter(np.array([2.0]))
    one.grad = other.grad = np.zeros(1)
    optim.Adam([one], lr=0.1, weight_decay=decay).step()  # an L2 penalty, in the gradient
    optim.AdamW([other], lr=0.1, weight_decay=decay).step()
    claim(f"decay {decay}: Adam goes down by its whole rate", 2 - one.data[0], 0.1, 1e-4)
    claim(f"decay {decay}: AdamW multiplies by", other.data[0] / 2, 1 - 0.1 * decay, 1e-9)

# %% [markdown]
# ## Prove
#
# With a given mask, dropout is a fixed function. AdamW takes a hundred steps on the same gradients as PyTorch's.

# %%
mask = np.random.default_rng(0).random((4, 5)) > 0.4
print(gradcheck(lambda x: F.dropout(x, 0.4, mask=mask), (np.ones((4, 5)),)))
ours, theirs = nn.Parameter(np.ones(5)), torch.nn.Parameter(torch.ones(5, dtype=torch.float64))
our_adamw = optim.AdamW([ours], lr=0.01, weight_decay=0.5)
their_adamw = torch.optim.AdamW([theirs], lr=0.01, weight_decay=0.5)
for gradient in np.random.default_rng(0).normal(size=(100, 5)):
    ours.grad, theirs.grad = gradient, torch.from_numpy(gradient)
    our_adamw.step()
    their_adamw.step()
claim("ours and PyTorch's agree", np.allclose(ours.data, theirs.detach(), rtol=0, atol=1e-12))

# %% [markdown]
# ## See
#
# The same points and initial weights, with each remedy. The star is the lowest validation loss: with enough patience,
# early stopping takes the weights from there. The **norm** of all weights is the length of the vector that they make.

# %%
decayed, dropping = learn(weight_decay=1.0), learn(p=0.2)
runs = {"no remedy": plain, "weight decay 1": decayed, "dropout 0.2": dropping}
figure, axes = subplots(2, 2, height=4.8)
for axis, style, name in zip(axes.flat, ("-", "--", ":"), runs, strict=False):
    steps, training, validation, norm, _ = runs[name]
    axis.plot(steps, training, "-", label="training")
    axis.plot(steps, validation, "--", label="validation")
    axis.plot(steps[validation.argmin()], validation.min(), "k*", markersize=9)
    axis.set(title=name, xlabel="step", ylabel="mean squared error", ylim=(0, 0.4))
    axis.legend(fontsize=8)
    axes[1, 1].plot(steps, norm, style, label=name)
axes[1, 1].set(title="norm of all weights", xlabel="step", ylim=0)
axes[1, 1].legend(fontsize=8)
show("Losses with no remedy, weight decay, dropout; the weights grow, but not with weight decay")
ends = decayed[2][-1], dropping[2][-1], plain[2].min()
claim("each remedy ends lower by a third, or more", max(ends) < plain[2][-1] * 2 / 3)
claim("decay, dropout: training loss stays up", min(decayed[1][-1], dropping[1][-1]) > NOISE**2 / 2)
claim("decay keeps weights small", decayed[3][-1] < min(plain[3][-1], dropping[3][-1]) / 1.5)

# %% [markdown]
# With weight decay or dropout the network no longer reaches the points, which is the aim: the training loss stays high,
# and the validation loss stays low. The star in the first picture is about as low; but early stopping needs validation
# rows. Dropout does not keep weights small as weight decay does: it works in another way.
#
# ## Try
#
# Write dropout, for an array `x` of shape `[rows, units]`. `p` is the probability that an entry is dropped, `training`
# says whether the network is in training, and `rng` is a NumPy generator to use for all draws. Return an array of the
# shape of `x`, and do not change `x`.


# %%
def dropout(x, p, training, rng):
    # rng.random(shape) gives numbers between 0 and 1, each as likely as any other.
    raise NotAttempted


check("14.dropout", dropout)

# %% [markdown]
# Write early stopping. After each epoch `update` gets the validation loss and the weights, a dictionary of arrays that
# training changes in place. It returns whether to stop, True or False: True once `patience` epochs in a row have not
# beaten the lowest loss. `best_weights` are those of the epoch with the lowest loss, in a dictionary like `weights`.


# %%
class EarlyStopping:
    def __init__(self, patience):
        self.patience = patience
        self.best_weights = None
        # What else must you remember from one epoch to the next?

    def update(self, val_loss, weights):
        raise NotAttempted  # look at an epoch; return whether to stop


check("14.early_stopping", EarlyStopping)

# %% [markdown]
# ## Apply
#
# Two hundred digits of *Digit Recognizer*, on the sample that comes with Groundwork, and a network of 784 inputs and
# one hidden layer. Besides the true labels there is a second set: about a quarter of its labels are random, like typing
# errors. Accuracy is on 300 other digits with their true labels. For early stopping, 50 of the 200 are held out, as in
# the pipeline: stopping on the rows of the score makes the score too high.

# %%
_, prepared = apply.tables("digit-recognizer")
few, judging = prepared.training(0).sample(200, random_state=0), prepared.validation(0)
pixels = np.float32(few.filter(like="pixel").to_numpy() / 255)
true = few["label"].to_numpy()
typed = np.where(chance.random(200) < 0.25, chance.integers(10, size=200), true)
judged = Tensor(np.float32(judging.filter(like="pixel").to_numpy() / 255))


def accuracy(labels, p=0.0, weight_decay=0.0, patience=None):
    """Train twice on 200 digits, with early stopping on 150 of them; the mean accuracy."""
    found, kept = [], 150 if patience else 200
    for seed in range(2):
        manual_seed(seed)
        classifier = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Dropout(p), nn.Linear(64, 10))
        batches = DataLoader(TensorDataset(pixels[:kept], labels[:kept]), 50, shuffle=True)
        aside = DataLoader(TensorDataset(pixels[kept:], labels[kept:]), 50) if patience else None
        optimizer = optim.AdamW(classifier.parameters(), lr=0.003, weight_decay=weight_decay)
        stop = train.EarlyStopping(patience) if patience else None
        train.fit(classifier, F.cross_entropy, batches, aside, optimizer, 50, early_stopping=stop)
        found.append((classifier(judged).data.argmax(1) == judging["label"]).mean())
    return np.mean(found)


sweep = {"no remedy": {}, "weight decay 3": {"weight_decay": 3.0}}
sweep |= {"dropout 0.5": {"p": 0.5}, "early stopping": {"patience": 5}}
print(f"accuracy on {len(judging)}   true labels   a quarter by lot")
table = {}
for name, settings in sweep.items():
    table[name] = [accuracy(labels, **settings) for labels in (true, typed)]
    print(f"{name:17} {table[name][0]:.3f}         {table[name][1]:.3f}")
clean, noisy = zip(*table.values(), strict=True)
claim("true labels: no remedy makes much difference", max(clean) - min(clean) < 0.04)
claim("random labels: each remedy gains two points or more", min(noisy[1:]) > noisy[0] + 0.02)

# %% [markdown]
# With true labels there is little noise to learn, and no remedy gains much. With a quarter of the labels random, each
# gains some percentage points. That is the rule: regularization helps where the data are few and noisy for the size of
# the network. How much of it is best must be tried.
#
# In the pipeline the three are `model.dropout`, `training.weight_decay` and `training.early_stopping` of a lane in
# `params.yaml`. Early stopping there uses the competition's metric, on a share `holdout` of a fold's training rows.
# Titanic's network, for one fold of five, with two patiences:

# %%
for patience in (10, 3):
    early = {"patience": patience, "min_delta": 0.0, "holdout": 0.15}
    run = apply.train("titanic", {"training.early_stopping": early})
    print(f"patience {patience:2}: {len(run.history):2} epochs, {run.metric} {run.score:.3f}")
drowned = 1 - apply.tables("titanic")[1].validation(0)["Survived"].mean()
claim("patience 3: accuracy is the share of those who drowned", run.score, drowned, 1e-9)
claim("it had not moved yet", run.history["val_accuracy"].nunique() == 1)
claim("and the loss was still falling", run.history["val_loss"].is_monotonic_decreasing)

# %% [markdown]
# Accuracy moves only when a probability crosses one half. In the first epochs the prediction is that all passengers
# drown: the loss falls, the accuracy does not change, and a patience of 3 stops the training. Patience must be longer
# than such a start. In a terminal, no dropout and twice as much are tried on all five folds, with three seeds each:
#
# ```
# groundwork repro titanic
# groundwork try titanic dropout=0.0,0.6 --seeds 3    # a verdict for each: here, no difference seen
# ```
#
# ## Where to read on
#
# - [Dive into Deep Learning, weight decay](https://d2l.ai/chapter_linear-regression/weight-decay.html) and
#   [dropout](https://d2l.ai/chapter_multilayer-perceptrons/dropout.html): both derived, with code.
# - [DeepLearning.AI's specialization](https://www.deeplearning.ai/courses/deep-learning-specialization/), course 2,
#   week 1: bias and variance, and the remedies for each.
# - [Kaggle Learn's Intro to Deep Learning](https://www.kaggle.com/learn/intro-to-deep-learning), lessons 4 and 5: such
#   curves, and dropout in a network of your own.
# - Srivastava et al., [Dropout](https://jmlr.org/papers/v15/srivastava14a.html): the original.
#
# Next: what all of this runs on. [Lesson 15](15_hardware.ipynb) is about hardware.
