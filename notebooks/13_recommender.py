# %% [markdown]
# # 13. Recommender: who will like what
#
# A shop knows who bought what, but not why. This lesson finds the tastes behind a log of purchases, turns them into a
# list of twelve articles for each customer, and scores such lists. Afterwards you can write MAP@k, split a log by time,
# and say when a list of best-sellers is enough.
#
# **Topics:** recommendation
#
# ## Idea
#
# Draw the log as a table: a row for each customer, a column for each article, a dot for each purchase. It looks random,
# with dark columns where an article sells well. Sorted by taste, the dots form blocks.
#
# This small shop is generated, so that its three tastes are known. A real shop does not know them, and the task is to
# find the order of the second picture from the first one alone.

# %%
import numpy as np
import torch

from groundwork.lessons import NotAttempted, apply, check, claim, show, subplots, walkthrough
from groundwork.objectives.metrics import METRICS
from groundwork.scratch import factorization as mf
from groundwork.scratch import manual_seed, optim
from groundwork.scratch.random import generator
from groundwork.scratch.verify import compare, gradcheck

CUSTOMERS, ARTICLES, TASTES, WEEKS = 200, 60, 3, 8
chance = np.random.default_rng(0)
taste = chance.integers(TASTES, size=ARTICLES)
appeal = chance.lognormal(0, 0.8, ARTICLES)  # some articles sell better, whatever the taste
liking = chance.dirichlet(np.full(TASTES, 0.1), CUSTOMERS)  # most customers have one taste
# [customers, articles]: how likely each purchase is. A shop never sees it.
recipe = liking[:, taste] * appeal

who = chance.integers(CUSTOMERS, size=3000)
edges = recipe[who].cumsum(1)
what = (edges < chance.random((len(who), 1)) * edges[:, -1:]).sum(1)
past = chance.integers(WEEKS, size=len(who)) < WEEKS - 1  # the last week is held out
bought = np.zeros((CUSTOMERS, ARTICLES), bool)
bought[who[past], what[past]] = True

figure, axes = subplots(1, 2, height=3.4, sharey=True)
by_taste = np.ix_(np.argsort(liking.argmax(1), kind="stable"), np.argsort(taste, kind="stable"))
titles = ["as the shop has it", "sorted by hidden taste"]
for axis, table, title in zip(axes, [bought, bought[by_taste]], titles, strict=True):
    axis.imshow(table, cmap="gray_r", aspect="auto", interpolation="nearest")
    axis.set(title=title, xlabel="articles")
    axis.grid(False)
axes[0].set_ylabel("customers")
show("Who bought what: without order as the shop has it, three blocks when sorted by hidden taste")

# %% [markdown]
# Give each customer $u$ a short row of numbers, a **vector** $p_u$: how much they like certain properties. Give each
# article $i$ a vector $q_i$ of the same length: how much of these properties it has. If both are large in the same
# places, the two match, and the **dot product** measures how well. Popularity does not depend on taste: each article
# has a **bias** $b_i$.
#
# $$s_{ui} = p_u \cdot q_i + b_i$$
#
# All scores make a table as large as the picture, and it is the product of two thin tables. Hence the name **matrix
# factorization**.
#
# ### From target to head, loss and metric
#
# In classification the target is a class. Here it is a set: what a customer
# will buy next week. The head gives a score for every article, and the answer is a **ranked list**, the twelve best.
#
# For the loss, consider what the log does not say. An empty cell does not mean "dislikes"; mostly it means "has not
# seen". So no single cell is a target. But of two articles, the one that was bought ($i$) should rank above one that
# was not ($j$). That is **Bayesian personalized ranking**, BPR: a yes-or-no target whose logit is the difference of two
# scores.
#
# $$L = -\log \sigma(s_{ui} - s_{uj})$$
#
# With 100,000 articles it is slow to learn from one comparison at a time. The **sampled softmax** of the pipeline
# compares the purchase with a thousand others at once: cross-entropy, as if the articles were classes, over a sample of
# them.
#
# The metric depends on the list. A hit at the first place is worth more than one at the last. **Average precision**
# goes down the list; at each hit it adds the share of hits so far. The sum is divided by the number of possible hits.
# The mean over customers is **MAP@12**, for lists of twelve.

# %%
claim("one article bought, and named first", mf.average_precision([5, 8, 1], {5}), 1)
claim("named third instead", mf.average_precision([8, 1, 5], {5}), 1 / 3, 1e-9)
two = mf.average_precision([5, 8, 1], {5, 1})
claim("hits at places 1 and 3, of two possible: (1/1 + 2/3) / 2", two, (1 / 1 + 2 / 3) / 2, 1e-9)
claim("the same hit twice is one hit", mf.average_precision([5, 5, 1], {5, 2}), 1 / 2, 1e-9)
claim("12 can be perfect, though 20 were bought", mf.average_precision(range(12), range(20)), 1)

# %% [markdown]
# ## Build
#
# The model is two tables of vectors and a bias. Notice that the numbers of a vector have no given meaning: no taste has
# a name. A negative is any article that the customer has not bought.

# %%
walkthrough(mf.MatrixFactorization, mf.bpr_loss, mf.average_precision)

# %% [markdown]
# ## Prove
#
# Compare every gradient of the network with a difference quotient, the loss with PyTorch's, and MAP@12 with the
# pipeline's metric, on a thousand random lists, some with repeated articles.

# %%
manual_seed(0)
pairs = np.array([0, 2, 1, 2]), np.array([4, 0, 4, 4])
print(gradcheck(mf.MatrixFactorization(3, 5, 2), pairs))
scores = np.random.default_rng(1).normal(size=(2, 8))
log_sigmoid = torch.nn.functional.logsigmoid
print(compare(mf.bpr_loss, lambda good, bad: -log_sigmoid(good - bad).mean(), *scores))
lists, baskets = np.random.default_rng(2).integers(20, size=(2, 1000, 12))
ours = mf.mean_average_precision(lists, baskets)
claim("MAP@12 is the pipeline's", ours, METRICS["map@12"].score(baskets, lists), 1e-12)

# %% [markdown]
# ## See
#
# Train on seven weeks of the generated shop, with vectors of two numbers, so that they can be drawn. Score on the
# held-out week. Compare with two lists: the best-sellers, which are the **popularity** baseline; and the list from the
# true probabilities, which can be beaten only by luck.


# %%
def learn(network, optimizer, who, what, bought):
    """Go through the log once; compare each purchase with an article that was not bought."""
    order = generator().permutation(len(who))
    for batch in np.split(order, range(64, len(order), 64)):
        users = who[batch]
        others = mf.sample_negatives(users, bought)
        loss = mf.bpr_loss(network(users, what[batch]), network(users, others))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def judge(scores):
    """Return MAP@12 on the held-out week for scores [customers, articles]."""
    return mf.mean_average_precision(mf.recommend(scores, 12), later)


later = [set(what[~past & (who == customer)].tolist()) for customer in range(CUSTOMERS)]
popularity = np.tile(np.bincount(what[past], minlength=ARTICLES), (CUSTOMERS, 1))
everybody = np.arange(CUSTOMERS)
manual_seed(0)
network = mf.MatrixFactorization(CUSTOMERS, ARTICLES, width=2)
optimizer = optim.AdamW(network.parameters(), lr=0.02, weight_decay=0.1)
curve = [judge(network.scores(everybody).data)]
for _ in range(20):
    learn(network, optimizer, who[past], what[past], bought)
    curve.append(judge(network.scores(everybody).data))

figure, (left, right) = subplots(1, 2, height=3.6)
vectors, customers = network.item_vectors.weight.data, network.user_vectors.weight.data
left.plot(*customers.T, ".", color="0.8", markersize=4, label="customers")
for number, marker in enumerate("os^"):
    label = f"articles, taste {number + 1}"
    left.plot(*vectors[taste == number].T, marker, markersize=5, label=label)
left.set(title="learned vectors", xlabel="first number", ylabel="second number", ylim=(-4.2, 2))
left.legend(fontsize=8, loc="lower left")
right.plot(curve, "o-", markersize=3, label="matrix factorization")
right.axhline(judge(recipe), color="0.3", linestyle="--", label="the true probabilities")
right.axhline(judge(popularity), color="0.3", linestyle=":", label="popularity")
right.set(title="the week kept aside", xlabel="epoch", ylabel="MAP@12", ylim=(0, 0.4))
right.legend(fontsize=8, loc="upper right")
show("Learned vectors lie in three groups, one for each taste; MAP@12 rises to that of the truth")

# %% [markdown]
# The three tastes are three directions, although they were not given. Customers lie in the same directions: an article
# is recommended to customers with the same direction. Rotating the whole picture would change no score. So a single
# number of a vector means nothing by itself.
#
# The curve rises from chance over the best-sellers to about the score of the true probabilities. If all customers had
# the same taste, best-sellers would be the best list. So measure popularity first.

# %%
unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
cosines = unit @ unit.T - 2 * np.eye(ARTICLES)
same = (taste[cosines.argmax(1)] == taste).mean()
claim("the nearest article by direction has the same taste", same, 1, 0.05)
claim("vectors score more than twice as high as best-sellers", curve[-1] > 2 * judge(popularity))
claim("and about as high as the true probabilities", curve[-1] / judge(recipe), 1, 0.15)
turn = np.array([[0.6, -0.8], [0.8, 0.6]])
turned = (customers @ turn) @ (vectors @ turn).T
claim("a rotation changes no score", np.allclose(turned, customers @ vectors.T, atol=1e-5))

# %% [markdown]
# ## Try
#
# Write MAP@k. `recommended` has a list of article numbers for each customer, best first; `bought` has a list for each
# customer, in any order; an article may occur twice in a list. Return one number. Customers who bought nothing are left
# out.


# %%
def map_at_k(recommended, bought, k):
    # For each user: the recommended items, best first, and the items that were bought.
    raise NotAttempted


check("13.map_at_k", map_at_k)

# %% [markdown]
# A recommender that has seen the future gets too good a score. Split the log so that this cannot happen: `customer` and
# `day` are integer arrays `[rows]`, in any order. Return two boolean arrays `[rows]`: the purchases to train on, and
# those of the log's last `days` days, to validate on.


# %%
def time_split(customer, day, days):
    # Two boolean arrays [rows]: the training rows, and those of the last `days` days.
    raise NotAttempted


check("13.time_split", time_split)

# %% [markdown]
# ## Apply
#
# *H&M Personalized Fashion Recommendations* asks for twelve articles that each customer will buy next week. On the
# sample that comes with Groundwork, articles come into fashion and go out again. Compare by MAP@12 on the last week:
#
# - the constant: best-sellers of the week before, for everybody;
# - in place of a linear model: the customer's own articles again (repurchase), and articles that the same people bought
#   (item-kNN, k nearest neighbours);
# - `MatrixFactorization` from above, with vectors of 16 numbers;
# - the same, but with the logarithm of last week's sales in place of its bias;
# - the lane's network in PyTorch.

# %%
_, prepared = apply.tables("fashion-recommendations")
log, week = prepared.training(0), prepared.validation(0)
later = week.filter(regex=r"t\d+").apply(lambda row: {code for code in row if code >= 0}, axis=1)
who, what = log["customer"].to_numpy(), log["article"].to_numpy()
bought = np.zeros((max(who.max(), week["customer"].max()) + 1, len(prepared.articles)), bool)
bought[who, what] = True
last_week = what[log["day"] >= week["day"].min() - 7]
sales = np.bincount(last_week, minlength=bought.shape[1])

manual_seed(0)
network = mf.MatrixFactorization(*bought.shape, width=16)
optimizer = optim.AdamW(network.parameters(), lr=0.02, weight_decay=0.1)
for _ in range(8):
    learn(network, optimizer, who, what, bought)
scores = network.scores(week["customer"].to_numpy()).data
ladder = apply.baselines("fashion-recommendations")
ladder["matrix factorization, scratch"] = judge(scores)
ladder["... with last week's sales"] = judge(scores - network.item_bias.data + np.log1p(sales))
run = apply.train("fashion-recommendations")
ladder["the lane's network, PyTorch"] = run.score
for name, score in ladder.items():
    print(f"{name:30} {run.metric} {score:.3f}")

# %% [markdown]
# The first factorization is a little better than best-sellers, and worse than repurchase. It learned tastes well, but
# it learned from all weeks alike, and many articles in its lists are no longer sold. Tastes last; fashion does not.
# With tastes from all weeks and popularity from the last one, it beats both simple rules.
#
# The lane's network has the same core, a dot product, and more inputs: the order of a customer's purchases, each
# article's labels (colour, type, department), what sold in each week, and what was bought before. In a small shop with
# a few simple tastes that gains little; among 100,000 articles, most of them new or rare, labels and order matter.

# %%
constant, again, neighbours, plain, timely, _ = ladder.values()
gone = (sales[mf.recommend(scores, 12)] == 0).mean()
claim("of the first lists, more than a fifth did not sell at all last week", gone > 0.2)
claim("best-sellers < the first < repurchase", constant < plain < again)
claim("last week's sales help by more than a quarter", timely > 1.25 * plain)
claim("and so it beats both simple rules", timely > max(again, neighbours))
claim("PyTorch's is about as good", run.score / timely, 1, 0.2)

# %% [markdown]
# In a terminal (for Kaggle's data, and to submit, first set `source: kaggle` for the lane in `params.yaml`):
#
# ```
# groundwork repro fashion-recommendations
# groundwork recommend fashion-recommendations 0105    # an id of the sample begins so
# groundwork try fashion-recommendations spans=12      # ends with a verdict, and the run's id
# groundwork keep RUN                                  # RUN: that id
# groundwork repro fashion-recommendations             # takes its folds: the submission, then the leaderboard
# groundwork submit fashion-recommendations -m "spans 12" --dry-run
# ```
#
# `recommend` shows a customer's purchases and twelve recommendations. `spans: 12` learns from the last 12 weeks only:
# fewer rows, but closer to the current fashion.
#
# ## Where to read on
#
# - [Dive into Deep Learning, Recommender Systems](https://d2l.ai/chapter_recommender-systems/index.html): matrix
#   factorization, BPR and their deep relatives, with code.
# - [fast.ai](https://course.fast.ai/), lesson 7: collaborative filtering from scratch on ratings of films, where a
#   target is a number of stars.
# - [Kaggle Learn's Intro to Deep Learning](https://www.kaggle.com/learn/intro-to-deep-learning): the layers that a
#   deeper recommender puts on top of its vectors.
# - Rendle et al., [BPR](https://arxiv.org/abs/1205.2618): ten pages; why the loss compares pairs.
#
# Next: what keeps a network from learning the noise. [Lesson 14](14_regularization.ipynb) is about regularization.
