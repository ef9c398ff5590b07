# %% [markdown]
# # 13. Recommender: who will like what
#
# A shop knows who bought what. Nobody has told it why. This lesson finds the tastes behind a log of purchases, turns
# them into a list of twelve articles for each customer, and scores such lists. Afterwards you can write MAP@k, split a
# log by time, and say when a list of best-sellers is enough.
#
# **Topics:** recommendation
#
# ## Idea
#
# Draw the log as a table: a row for each customer, a column for each article, a dot where somebody bought something. It
# looks like dust, with dark columns where an article sells well. Now put customers of one taste side by side,
# and articles of one taste, too: the dust was blocks.
#
# Here a small shop is made up, so that the tastes are known: three of them. A real shop knows no tastes, and the task
# is to find the order of the second picture from the first one alone.

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
past = chance.integers(WEEKS, size=len(who)) < WEEKS - 1  # the last week is kept aside
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
show()

# %% [markdown]
# Give each customer $u$ a short row of numbers, a **vector** $p_u$: how much they like this and that. Give each article
# $i$ a vector $q_i$ of the same length: how much of this and that it has. Where both are large in the same places, the
# two go together, and the **dot product** says how well. What everybody buys needs no taste: it has a **bias** $b_i$.
#
# $$s_{ui} = p_u \cdot q_i + b_i$$
#
# All scores make a table as large as the picture, and it is the product of two thin tables. So the method is called
# **matrix factorization**.
#
# ### From target to head, loss and metric
#
# In classification the target is a class. Here it is a set: what a customer
# will buy next week. The head gives a score for every article, and the answer is a **ranked list**, the twelve best.
#
# For the loss, mind what the log does not say. An empty place does not mean "dislikes"; mostly it means "has not seen".
# So no single place is a target. But of two articles, the one that was bought ($i$) should rank above one that was not
# ($j$). That is **Bayesian personalized ranking**, BPR: a yes-or-no question with the difference of two scores as its
# logit.
#
# $$L = -\log \sigma(s_{ui} - s_{uj})$$
#
# With 100,000 articles one comparison at a time is slow to learn from. The **sampled softmax** of the pipeline compares
# what was bought with a thousand others at once: cross-entropy, as if the articles were classes, over a sample of them.
#
# The metric looks at the list. A hit at the first place is worth more than one at the last. **Average precision** walks
# down the list; at each hit it takes the share of hits so far. The sum is divided by the hits that were possible. The
# mean over customers is **MAP@12**, for lists of twelve.

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
# Two tables of vectors and a bias. Notice that nothing here knows what the numbers of a vector mean: no taste has a
# name. The draw of negatives is simple, too: any article that the customer has not bought.

# %%
walkthrough(mf.MatrixFactorization, mf.bpr_loss, mf.average_precision)

# %% [markdown]
# ## Prove
#
# Every gradient of the network against a difference quotient, the loss against PyTorch's, and MAP@12 against the one by
# which the pipeline judges, on a thousand lists of chance, with repeated articles among them.

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
# Train on seven weeks of the made-up shop, with vectors of two numbers, so that they can be drawn. Judge by the week
# that was kept aside. Two lists to compare with: the same best-sellers for everybody, which is the **popularity**
# baseline; and the list that the hidden recipe itself would make, which nobody can beat but by luck.


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
    """MAP@12 on the week that was kept aside, of scores [customers, articles]."""
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
right.axhline(judge(recipe), color="0.3", linestyle="--", label="the hidden recipe")
right.axhline(judge(popularity), color="0.3", linestyle=":", label="popularity")
right.set(title="the week kept aside", xlabel="epoch", ylabel="MAP@12", ylim=(0, 0.4))
right.legend(fontsize=8, loc="upper right")
show()

# %% [markdown]
# The three tastes lie in three directions, and nobody had named them. Customers lie in the same directions: whoever
# points where an article points gets it recommended. How far out an article lies is another matter, and rotating the
# whole picture would change no score. So a single number of a vector means nothing by itself.
#
# The curve rises from chance over the best-sellers to about what the recipe itself earns. Were all customers of one
# mind, best-sellers would be the best list there is, and vectors could only add noise. So measure popularity first.

# %%
unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
cosines = unit @ unit.T - 2 * np.eye(ARTICLES)
same = (taste[cosines.argmax(1)] == taste).mean()
claim("the nearest article by direction has the same taste", same, 1, 0.05)
claim("vectors find more than twice what best-sellers find", curve[-1] > 2 * judge(popularity))
claim("and about what the recipe finds", curve[-1] / judge(recipe), 1, 0.15)
turn = np.array([[0.6, -0.8], [0.8, 0.6]])
turned = (customers @ turn) @ (vectors @ turn).T
claim("a rotation changes no score", np.allclose(turned, customers @ vectors.T, atol=1e-5))

# %% [markdown]
# ## Try
#
# Write MAP@k. `recommended` holds a list of article numbers for each customer, best first; `bought` holds a list for
# each customer, in any order; an article may stand in a list twice. Return one number. Customers who bought nothing are
# left out.


# %%
def map_at_k(recommended, bought, k):
    # Of each user: the recommended items, best first, and the items that were bought.
    raise NotAttempted


check("13.map_at_k", map_at_k)

# %% [markdown]
# A recommender that has seen what will be in fashion looks wise. Split the log so that this cannot happen: `customer`
# and `day` are integer arrays `[rows]`, in any order. Return two boolean arrays `[rows]`: the purchases to train on,
# and those of the log's last `days` days, to validate on.


# %%
def time_split(customer, day, days):
    # Two boolean arrays [rows]: what is trained on, and the last `days` days.
    raise NotAttempted


check("13.time_split", time_split)

# %% [markdown]
# ## Apply
#
# *H&M Personalized Fashion Recommendations* asks for twelve articles that each customer will buy next week. On the
# sample that comes with Groundwork, articles come into fashion and go again. The ladder, by MAP@12 on the log's
# last week:
#
# - the constant: best-sellers of the week before, for everybody;
# - what plays the part of the linear model: the customer's own articles again (repurchase), and articles that the same
#   people bought (item-kNN, k nearest neighbours);
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
# The first factorization is a little better than best-sellers, and worse than repeating what a customer has. It learned
# tastes well, but it learned from all weeks alike, and much of what it names is no longer sold. Tastes last; fashion
# does not. Take the tastes from all weeks and the popularity from the last one, and it passes both simple rules.
#
# The lane's network has the same heart, a dot product, and knows more: the order of a customer's purchases, each
# article's labels (colour, type, department), what sold in each week, and what was bought before. In a small shop with
# few and plain tastes that is worth little; among 100,000 articles, most of them new or rare, labels and order count.

# %%
constant, again, neighbours, plain, timely, _ = ladder.values()
gone = (sales[mf.recommend(scores, 12)] == 0).mean()
claim("of what the first names, more than a fifth did not sell at all last week", gone > 0.2)
claim("best-sellers < the first < repurchase", constant < plain < again)
claim("last week's sales help by more than a quarter", timely > 1.25 * plain)
claim("and so it passes both simple rules", timely > max(again, neighbours))
claim("PyTorch's is about as good", run.score / timely, 1, 0.2)

# %% [markdown]
# In a terminal (for the real thing, and to submit, first set `source: kaggle` for the lane in `params.yaml`):
#
# ```
# groundwork repro fashion-recommendations
# groundwork recommend fashion-recommendations 0105    # an id of the sample begins so
# dvc exp run -S 'competitions.fashion-recommendations.encoding.spans=12' \
#     evaluate@fashion-recommendations
# groundwork repro fashion-recommendations    # the submission, then the leaderboard
# groundwork submit fashion-recommendations -m "spans 12" --dry-run
# ```
#
# `recommend` shows what a customer bought and the twelve articles to come. `spans: 12` learns from the last 12 weeks
# only: less to learn from, but closer to what is in fashion.
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
