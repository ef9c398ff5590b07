# %% [markdown]
# # 9. Feed-forward regression: what is a house worth?
#
# A network that prices houses predicts a number, not a class. After this lesson you can say what its hidden layers add
# to a linear model, why it learns the logarithm of a price, and how the target determines the network's head, its loss
# and its metric.
#
# **Topics:** feed-forward networks, regression
#
# ## Idea
#
# You know the prices of two hundred sold houses. What is the next one worth? For each you know four things: its area,
# its bedrooms, its bathrooms, and the walk to the station in minutes. These houses are generated, so that we know the
# rule behind their prices. Skip the code, look at the pictures, and guess the rule.

# %%
import numpy as np
import torch

from groundwork.lessons import NotAttempted, apply, check, claim, show, subplots, walkthrough
from groundwork.objectives.metrics import METRICS
from groundwork.objectives.regression import Regression
from groundwork.scratch import functional as F
from groundwork.scratch import manual_seed, nn, optim
from groundwork.scratch.data import DataLoader, StandardScaler, TensorDataset
from groundwork.scratch.linalg import lstsq
from groundwork.scratch.mlp import MLP
from groundwork.scratch.tensor import Tensor
from groundwork.scratch.train import fit
from groundwork.scratch.verify import compare, gradcheck

FEATURES = ["area in square feet", "bedrooms", "bathrooms", "minutes on foot"]


def value(houses):
    """Return the mean logarithm of the price of houses [rows, 4]."""
    area, bedrooms, bathrooms, minutes = houses.T
    rooms = 0.04 * np.minimum(bedrooms, 4) + 0.12 * (bathrooms > 1) + 0.02 * (bathrooms > 2)
    too_far = np.clip((minutes - 15) / 20, 0, 1)
    return np.log(200_000) + 0.7 * np.log(area / 1600) + rooms - 0.35 * too_far


def sold_houses(count, chance):
    """Generate houses [count, 4] and their prices [count]."""
    area = chance.lognormal(np.log(1600), 0.35, count).clip(600, 4000)
    bedrooms = (area / 650 + chance.normal(0, 0.6, count)).round().clip(1, 6)
    bathrooms = (area / 1000 + chance.normal(0, 0.5, count)).round().clip(1, 4)
    houses = np.stack([area, bedrooms, bathrooms, chance.uniform(2, 60, count)], axis=1)
    return houses, np.exp(value(houses) + chance.normal(0, 0.06, count))


houses, prices = sold_houses(200, np.random.default_rng(0))
figure, axes = subplots(1, 4, height=2.5, sharey=True)
for axis, name, column in zip(axes, FEATURES, houses.T, strict=True):
    axis.plot(column, prices / 1000, ".", markersize=4)
    axis.set_xlabel(name)
axes[0].set_ylabel("price in $1000")
show("Prices against area, bedrooms, bathrooms and minutes on foot: area shows most clearly")

# %% [markdown]
# The known values of a row are its **features**; the value to predict is its **target**. If the target is a number on a
# scale, where 10% off is better than 20% off, the problem is a **regression**.
#
# This is the rule; `value` in the code says the same. Area raises the price everywhere. The walk does not matter up to
# 15 minutes. From 15 to 35 minutes each further minute lowers the price. Beyond that people drive anyway, and more
# minutes make no difference. And the second bathroom is worth a lot, the third little.
#
# A **linear model** has a weight $w_i$ for each feature, and a bias $b$. Its slopes never change: the sixtieth minute
# must cost as much as the twentieth. (Here $y$ is the logarithm of the price: in dollars such a line bends a little.)
#
# $$\hat y = b + w_1 x_1 + w_2 x_2 + w_3 x_3 + w_4 x_4$$
#
# A **hidden unit** can bend. It also takes a weighted sum, and then sets negative values to zero: $\max(0, z)$, called
# ReLU. On one side of its bend it is flat, on the other it has a slope. A weighted sum of a few of them is a curve. For
# the walk two are enough: one bends at 15 minutes, and its negative weight makes it fall; the other bends at 35, and
# its positive weight makes it rise as steeply.

# %%
minutes = np.arange(61.0)
rule = value(
    np.column_stack([np.tile([1600, 3, 2], (61, 1)), minutes])
)  # the same house everywhere
first, second = np.maximum(0, minutes - 15), np.maximum(0, minutes - 35)
drawn = rule[0] - 0.35 / 20 * first + 0.35 / 20 * second
claim("two hidden units give the walk's effect on the log price", np.allclose(drawn, rule))

# %% [markdown]
# A **feed-forward network** has a layer of such units between features and answer, or several layers in sequence. It is
# also called a multilayer perceptron, MLP. The bends are not set by hand: initial weights are random, and training
# moves each bend to where it lowers the loss. With one hidden layer $h$:
#
# $$h = \max(0,\; W_1 x + b_1) \qquad \hat y = W_2 h + b_2$$
#
# **Which error counts?** An error of 20,000 dollars is small for a villa and large for a hut. People think in
# percentages, which are ratios. A logarithm turns ratios into differences: an error of 0.1 in the log is about 10% of
# the price. So the network learns $\log(1 + \text{price})$, and its answers are converted back to dollars. The 1 allows
# prices of zero, whose logarithm would be minus infinity.
#
# The **metric** is the root of the mean squared error, RMSE, of the logarithms:
#
# $$\sqrt{\frac{1}{n} \sum_{i=1}^{n} \left(\log \hat p_i - \log p_i\right)^2}$$

# %%
claim("0.1 more in the log is this factor in the price", np.exp(0.1), 1.105, 0.001)
claim("20,000 too much for a hut of 50,000 is this error", np.log(70 / 50), 0.336, 0.001)
claim("and for a villa of 800,000 this one", np.log(820 / 800), 0.025, 0.001)

# %% [markdown]
# ## Build
#
# `widths` lists how many numbers a row has at each stage: `[4, 32, 32, 1]` takes four features through two hidden
# layers of 32 units to one answer. Notice that nothing follows the last linear layer. With a ReLU there the answer
# could not be negative, but about half of the targets will be, since they are shifted to a mean of zero.

# %%
walkthrough(MLP, nn.Linear.forward)

# %% [markdown]
# ## Prove
#
# `gradcheck` changes each weight a little, and compares the change of the output with back-propagation's gradient.
# `compare` gives our network PyTorch's weights, compares answers and gradients, and then trains both for 100 steps.

# %%
manual_seed(0), torch.manual_seed(0)
rows = np.random.default_rng(1).normal(size=(16, 4))
theirs = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
print(gradcheck(MLP([4, 8, 1]), (rows,)))
print(compare(MLP([4, 8, 1]), theirs, rows, steps=100))

# %% [markdown]
# ## See
#
# Now the network learns from the two hundred houses. Its features are **standardized**: each column gets mean 0 and
# standard deviation 1, because initial weights have similar sizes, and the square feet would outweigh everything else.
# The target is standardized as well. During training the learning rate rises and falls once (`OneCycleLR`), and `decay`
# pulls the weights a little towards zero. The linear model is solved by least squares. Both then predict two hundred
# houses that they have not seen.


# %%
def train_mlp(rows, target, hidden, *, epochs, batch_size, learning_rate, decay):
    """Fit an MLP to standardized rows [rows, columns]; return a function that predicts."""
    mean, scale = target.mean(), target.std()
    wanted = ((target - mean) / scale).astype(np.float32)[:, None]
    manual_seed(0)
    network = MLP([rows.shape[1], *hidden, 1])
    batches = DataLoader(TensorDataset(rows.astype(np.float32), wanted), batch_size, shuffle=True)
    optimizer = optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=decay)
    schedule = optim.OneCycleLR(optimizer, learning_rate, total_steps=epochs * len(batches))
    fit(network, F.mse_loss, batches, None, optimizer, epochs, schedule)
    return lambda new: network(Tensor(new.astype(np.float32))).data[:, 0] * scale + mean


def solve_linear(rows, target):
    """Solve the linear model by least squares; return a function that predicts."""
    weights = lstsq(np.column_stack([np.ones(len(rows)), rows]), target)
    return lambda new: weights[0] + new @ weights[1:]


rmse_log = METRICS["rmse_log"].score  # of prices and answers, as the formula above has it
scaler = StandardScaler().fit(houses)
rows, target = scaler.transform(houses), np.log1p(prices)
knobs = {"epochs": 60, "batch_size": 20, "learning_rate": 0.01, "decay": 0.05}
models = {"linear": solve_linear(rows, target)}
models["network"] = train_mlp(rows, target, [32, 32], **knobs)
new_houses, new_prices = sold_houses(200, np.random.default_rng(1))
answers = {"constant": np.full(200, np.expm1(target.mean()))}
answers |= {name: np.expm1(model(scaler.transform(new_houses))) for name, model in models.items()}
answers["the rule itself"] = np.exp(value(new_houses))
errors = {name: rmse_log(new_prices, answer) for name, answer in answers.items()}
for name, error in errors.items():
    print(f"{name:16} {error:.3f}")
claim("the network's error is well below the linear", errors["network"] < 0.75 * errors["linear"])
claim("the rule's own error is the noise in the prices", errors["the rule itself"], 0.06, 0.01)

# %% [markdown]
# The last row is the best possible: each price is the rule's with 6% of random noise, which cannot be learned. The
# network comes close. What has it learned that the linear model has not? Take a house in the middle of the market,
# change one feature, and leave the other three as they are.

# %%
figure, axes = subplots(1, 4, height=2.9, sharey=True)
for place, axis in enumerate(axes):
    line = np.tile(np.median(houses, axis=0), (200, 1))
    line[:, place] = np.sort(houses[:, place])
    axis.plot(line[:, place], np.exp(value(line)) / 1000, color="0.7", linewidth=5, label="rule")
    for (name, model), style in zip(models.items(), ("k--", "C0-"), strict=True):
        axis.plot(line[:, place], np.expm1(model(scaler.transform(line))) / 1000, style, label=name)
    axis.set_xlabel(FEATURES[place])
axes[0].set_ylabel("price in $1000")
axes[0].legend()
show("Price by each input: the network bends as the rule does, the linear model cannot")

# %% [markdown]
# The network found the plateau, the fall and the second plateau by itself. The linear model draws the best single slope
# through them, and through the bathrooms.
#
# A **residual** is the logarithm of the true price minus that of the predicted one. If a model has learned everything,
# its residuals are a band without a shape. A shape shows what it has missed: about 35 minutes away the crosses are low,
# since there the linear model predicts over 5% too much. The crosses far below the band are very small or very large
# houses: at both ends of the figure's first panel, its line is above the rule.

# %%
figure, axes = subplots(1, 2, height=3.2)
for name, style in (("linear", "kx"), ("network", "C0.")):
    axes[0].plot(new_prices / 1000, answers[name] / 1000, style, markersize=4, label=name)
    residual = np.log(new_prices / answers[name])
    axes[1].plot(new_houses[:, 3], residual, style, markersize=4, label=name)
axes[0].axline((100, 100), (400, 400), color="0.5")
axes[0].set(xlabel="true price in $1000", ylabel="predicted price in $1000")
axes[1].axhline(0, color="0.5")
axes[1].set(xlabel="minutes on foot", ylabel="residual of the log price")
axes[0].legend()
show("Predicted against true prices, and residuals: the linear model is far off for some houses")
too_much = np.log(answers["linear"] / new_prices)
near_35 = np.abs(new_houses[:, 3] - 35) < 5
claim("about 35 minutes away it predicts over 5% too much", too_much[near_35].mean() > 0.05)
area = new_houses[too_much > 0.25, 0]
claim("houses far too expensive are below 700 or above 3000", np.all((area < 700) | (area > 3000)))

# %% [markdown]
# ## Try
#
# Write `predict_prices`. `rows` `[n, columns]` are houses that were sold for `prices` `[n]`; `new_rows` `[m, columns]`
# were not sold. `regressor` has `fit(rows, target)` and `predict(rows)`. Standardize the columns, fit the regressor on
# `np.log1p` of the prices, and return prices `[m]` for the new rows. Some houses were given away, for a price of 0.


# %%
def predict_prices(regressor, rows, prices, new_rows):
    raise NotAttempted  # fit on the logarithm, answer in prices: one for each of new_rows


check("09.log_target", predict_prices)

# %% [markdown]
# ## Apply
#
# Kaggle's House Prices has 79 columns instead of four, and the same task. **From target to head, loss and metric:** the
# target is one positive number, so the head is one output, without an activation. Prices are compared by ratio, so the
# network learns their logarithm, standardized. The loss is squared error for small errors, and for large ones grows in
# proportion to them (smooth L1), so that a few unusual sales do not dominate. The metric is the RMSE of the logs, as
# above; no price is zero here, so the 1 is left out. These are the lines of the pipeline that do it. Its network may be
# an ensemble of members that share most weights: then the mean of their answers counts.

# %%
walkthrough(Regression.loss, Regression.predict)

# %% [markdown]
# Now compare models on one fold of the sample that comes with Groundwork, from a constant (the mean of the logs) to the
# lane's own network, trained for ten epochs. The linear model and our MLP get only the numeric columns, scaled by the
# pipeline's encoder, which was fitted on training rows.

# %%
competition, prepared = apply.tables("house-prices")
run = apply.train("house-prices", {"training.epochs": 10})
sides = prepared.training(0), prepared.validation(0)
seen, asked = (run.trained.encoder.transform(side)["numeric"].numpy() for side in sides)
log_price, true_price = np.log(sides[0]["SalePrice"].to_numpy()), sides[1]["SalePrice"].to_numpy()
linear = solve_linear(seen.astype(float), log_price)(asked.astype(float))
knobs = {"epochs": 20, "batch_size": 64, "learning_rate": 0.003, "decay": 0.5}
mlp = train_mlp(seen, log_price, [64], **knobs)(asked)
baselines = apply.baselines("house-prices")
ladder = {
    "constant": baselines["constant"],
    "linear, numbers": rmse_log(true_price, np.exp(linear)),
    "MLP from scratch, numbers": rmse_log(true_price, np.exp(mlp)),
    "linear (ridge), words as well": baselines["ridge"],
    "PyTorch network, words as well": run.score,
}
print(f"{'':32} {run.metric}")
for name, score in ladder.items():
    print(f"{name:32} {score:.3f}")
claim("the competition has 79 columns to learn from", len(competition.types) - 2, 79)
claim("0.085 times Student's t with 5 degrees of freedom", 0.085 * np.sqrt(5 / 3), 0.11, 0.001)

# %% [markdown]
# On this sample a network gains little or nothing over a linear model. The logarithm of its prices was drawn from a
# rule that is almost a weighted sum of logarithms of areas, and `features` in the competition's file computes these
# already. Bends help where features have not been transformed by hand, as with the walk above. Categories, such as the
# neighbourhood's name, help both. A score below 0.11 is luck: that is the standard deviation of the noise in each log
# price, 0.085 times a draw from Student's t with 5 degrees of freedom.
#
# In a terminal, with `source: kaggle` in the lane's section of `params.yaml`, the same runs on Kaggle's own file:
#
# ```
# groundwork repro house-prices                 # all folds, all epochs, tracked
# groundwork try house-prices width=256 --seeds 3
# groundwork submit house-prices -m "width 128" --dry-run
# ```
#
# ## Where to read on
#
# - [Kaggle Learn's Intro to Deep Learning](https://www.kaggle.com/learn/intro-to-deep-learning): a first such network.
# - [Dive into Deep Learning](https://d2l.ai/chapter_multilayer-perceptrons/kaggle-house-price.html): the same
#   competition, with an MLP and cross-validation.
# - [Inria's scikit-learn MOOC](https://inria.github.io/scikit-learn-mooc/): linear models, and features made for them.
#
# Next: features that are next to each other. [Lesson 10](10_convolution_classification.ipynb) is about pictures.
