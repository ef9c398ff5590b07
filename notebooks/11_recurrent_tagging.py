# %% [markdown]
# # 11. Recurrent networks: several tags for a comment
#
# A text has no fixed length, and its order matters. A recurrent network reads it word by word and keeps a memory. After
# this lesson you can say why simple recurrent networks forget and LSTMs need not, what changes when a row may have
# several tags, and how a probability becomes a decision.
#
# **Topics:** recurrent networks, tagging
#
# ## Idea
#
# Read a sentence aloud and stop anywhere: you remember what you have read so far. A **recurrent network** does that
# with a list of numbers, its **state**. At each word it computes a new state from the word and the previous state. It
# uses the same weights at every word, so one small network reads texts of any length. Here it is *unrolled*, that is,
# drawn once for each word.

# %%
import re
from collections import Counter

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score

from groundwork.lessons import NotAttempted, apply, check, claim, show, subplots, walkthrough
from groundwork.scratch import Tensor, manual_seed, nn, no_grad, optim
from groundwork.scratch import functional as F
from groundwork.scratch.data import DataLoader, TensorDataset
from groundwork.scratch.train import fit
from groundwork.scratch.verify import compare, gradcheck

figure, axis = subplots(height=2.4)
box = {"boxstyle": "round,pad=0.4", "facecolor": "0.9", "edgecolor": "0.4"}
centred, line = {"ha": "center", "va": "center"}, {"arrowstyle": "->"}
for place, word in enumerate(["“you”", "“wrote”", "“utter”", "“hogwash”"]):
    axis.text(place, 0, word, **centred)
    axis.text(place, 1, "same weights", bbox=box, **centred)
    axis.text(place, 2, f"state $h_{place + 1}$", **centred)
    for start, end in (((0, 0.15), (0, 0.75)), ((0, 1.25), (0, 1.85)), ((0.4, 1), (0.61, 1))):
        axis.annotate("", np.add(end, (place, 0)), np.add(start, (place, 0)), arrowprops=line)
axis.text(-0.6, 1, "$h_0 = 0$", **centred)
axis.set(xlim=(-0.8, 3.7), ylim=(-0.2, 2.2))
axis.axis("off")
show("Words enter a row of boxes with the same weights one by one; each box passes on a state")

# %% [markdown]
# Words become numbers first. An **embedding** is a table with a row of numbers, a vector, for each known word. The
# vectors start at random and learn like all weights. The simplest recurrent network, the **RNN**, multiplies the word
# $x_t$ and the state $h_{t-1}$ by a matrix each, and adds the results:
#
# $$h_t = \tanh(W x_t + U h_{t-1} + b)$$
#
# ### Why it forgets
#
# How much does the first word matter at the end? That is measured by the gradient of the last state with respect to the
# first input, a product with one factor for each step between. If each factor is about a half, almost nothing remains
# after forty, and nothing is learned there: the **vanishing gradient**. (With large factors it *explodes*: `clip_norm`
# limits it.)
#
# The **LSTM** (long short-term memory) keeps a second list, the **cell** $c$, and does not recompute it at each word.
# Three **gates** between 0 and 1, each a sigmoid of word and state, control how it changes:
#
# $$c_t = \text{forget} \cdot c_{t-1} + \text{write} \cdot \text{candidate} \qquad
# h_t = \text{show} \cdot \tanh(c_t)$$
#
# From one cell to the next the factor is the forget gate itself. Held open, near 1, it lets the gradient through.
# Below, three untrained networks read forty random inputs. The third is an LSTM with a bias of 3 on its forget gates,
# and $\sigma(3)$ is about 0.95.


# %%
def influence(network):
    """Return the size of the last state's gradient with respect to each of forty inputs."""
    inputs = Tensor(np.random.default_rng(0).normal(size=(40, 20, 8)), requires_grad=True)
    network.double()(inputs)[0][-1].sum().backward()
    return np.linalg.norm(inputs.grad, axis=2).mean(axis=1)


manual_seed(0)
rnn, closed, opened = nn.RNN(8, 32), nn.LSTM(8, 32), nn.LSTM(8, 32)
opened.bias_ih_l0.data[32:64] = 3  # four gates one after another, 32 each; forget is the second
networks = {"RNN": rnn, "LSTM, as it starts": closed, "LSTM, forget gates open": opened}
reached = {name: influence(network)[::-1] for name, network in networks.items()}
figure, axis = subplots()
for (name, sizes), style in zip(reached.items(), ("o-", "s--", "^:"), strict=True):
    axis.semilogy(sizes, style, markersize=4, label=name)
axis.set(xlabel="words between an input and the last state", ylabel="size of the gradient")
axis.legend()
show("Gradient by distance in words: it fades in RNN and LSTM, not where forget gates are open")
shares = {name: sizes[-1] / sizes[0] for name, sizes in reached.items()}
claim("an open gate", F.sigmoid(Tensor(3.0)).item(), 0.95, 0.01)
claim("in the first two, less than a millionth gets through", sorted(shares.values())[1] < 1e-6)
claim("with its forget gates open, over a tenth does", shares["LSTM, forget gates open"] > 0.1)

# %% [markdown]
# So an LSTM does not remember automatically. It *can*, and training decides, gate by gate, what to keep. Here is an
# LSTM of one number with weights set by hand: it writes when its input is 1, never forgets and always shows.

# %%
latch = nn.LSTM(1, 1)
for values in latch.state_dict().values():
    values[:] = 0
latch.weight_ih_l0.data[0] = 20  # the write gate opens at an input of 1 ...
latch.bias_ih_l0.data[:] = -10, 10, 10, 10  # ... and is shut at 0; the others are always near 1
pulses = np.zeros((51, 2, 1), np.float32)  # [times, rows, inputs]
pulses[0, 0] = 1  # the first row begins with a one; fifty zeros follow
_, (_, cell) = latch(Tensor(pulses))
claim("fifty zeros after the one, the cell still has it", cell.data[0, 0, 0], 1, 0.01)
claim("without the one, it has 0", cell.data[0, 1, 0], 0, 0.01)

# %% [markdown]
# ### From target to head, loss and metric
#
# A comment can be toxic, obscene and an insult all at once, or none of these. The target is a row of yes-or-no values,
# one for each **tag**. That determines the rest.
#
# - **Head**: one number for each tag, its **logit**, and a **sigmoid** for each, which makes it a probability. A
#   softmax would be wrong: its probabilities sum to 1, so that two tags could never both get more than a half.
# - **Loss**: **binary cross-entropy**, minus the log of the probability given to the true answer, for each tag; then
#   the mean.
# - **Metric**: Kaggle's is the **ROC AUC**, averaged over the tags. It measures how often a row with the tag gets a
#   higher score than one without. Only the ranking counts, without a threshold.

# %%
logits, yes = Tensor(np.array([[3.0, 2.0, -2.0]])), np.array([[1.0, 1.0, 0.0]])
sigmoids, softmax = F.sigmoid(logits).data[0], F.softmax(logits, 1).data[0]
claim("with sigmoids, two tags are likely at once", (sigmoids[:2] > 0.85).all())
claim("with softmax, the second gets only this", softmax[1], 0.27, 0.01)
loss = -np.log([sigmoids[0], sigmoids[1], 1 - sigmoids[2]]).mean()
claim("the loss", F.binary_cross_entropy_with_logits(logits, Tensor(yes)).item(), loss, 1e-9)
claim("AUC: three of the four pairs are in order", roc_auc_score([1, 0, 1, 0], [9, 5, 4, 1]), 0.75)

# %% [markdown]
# ## Build
#
# Here are the embedding's look-up, one step of the RNN, and one of the LSTM. In the last, find the line that makes the
# new cell: the only path from one cell to the next, without a matrix. The loop around a step is `Recurrent.run`. The
# backward pass needs no code: the graph of operations is as long as the text, and back-propagation walks it.

# %%
walkthrough(F.embedding, nn.RNN.step, nn.LSTM.step)

# %% [markdown]
# ## Prove
#
# Compare every gradient with a difference quotient; then outputs, gradients and twenty steps of training with
# PyTorch's.

# %%
torch.manual_seed(0)
sequence = np.random.default_rng(0).normal(size=(6, 5, 3))  # [times, rows, inputs]
print(gradcheck(nn.LSTM(3, 4), (sequence,)))
print(compare(nn.LSTM(3, 4), torch.nn.LSTM(3, 4), sequence, steps=20))

# %% [markdown]
# ## See
#
# Now a small but complete tagger: the first forty words of a comment, an embedding, an LSTM, a head. The head gets the
# maximum of each state over all words, so a rude word counts at any position. The comments are Groundwork's sample,
# generated and mild. Most have no tag; the network learns from all that have one and from two hundred others.

# %%
competition, prepared = apply.tables("toxic-comments")
train, valid, tags = prepared.training(0), prepared.validation(0), list(competition.targets)
tagged = train[tags].any(axis=1)
train = pd.concat([train[tagged], train[~tagged].sample(200, random_state=0)])


def words(text):
    """Split a text into words and punctuation."""
    return re.findall(r"\w+|[!?\".]", text.lower())


counts = Counter(word for text in train["comment_text"] for word in set(words(text)))
number = {word: place for place, word in enumerate(sorted(w for w in counts if counts[w] > 1), 2)}


def encode(texts, length=40):
    """Number the words, [rows, length]: 0 is padding, in front of the text, and 1 an unknown word."""
    rows = np.zeros((len(texts), length), int)
    for row, text in zip(rows, texts, strict=True):
        found = [number.get(word, 1) for word in words(text)][:length]
        row[length - len(found) :] = found
    return rows


class Tagger(nn.Module):
    def __init__(self, shares, width=16):
        self.embedding = nn.Embedding(len(number) + 2, width, padding_idx=0)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.lstm.bias_ih_l0.data[width : 2 * width] = 1  # the forget gates, open a little
        self.head = nn.Linear(width, len(shares))
        # To begin with, each tag is as likely as it is common.
        self.head.bias.data[:] = np.log(shares / (1 - shares))

    def forward(self, tokens):
        states, _ = self.lstm(self.embedding(tokens))
        return self.head(states.amax(1))


manual_seed(0)
answers = train[tags].to_numpy(np.float32)
tagger = Tagger(answers.mean(0))
pairs = TensorDataset(encode(train["comment_text"]), answers)
batches, adam = DataLoader(pairs, 32, shuffle=True), optim.Adam(tagger.parameters(), lr=0.02)
rate, loss = optim.OneCycleLR(adam, 0.02, 12 * len(batches)), F.binary_cross_entropy_with_logits
history = fit(tagger, loss, batches, None, adam, 12, rate, clip_norm=5.0)
claim("the loss has halved", history[-1]["train_loss"] < history[0]["train_loss"] / 2)

# %% [markdown]
# When does it recognize a tag? Apply the head after each word.

# %%
comment = "Thanks for your help! You wrote utter hogwash, you muppet! Please see the talk page."
with no_grad():
    states, _ = tagger.lstm(tagger.embedding(Tensor(encode([comment]))))
    so_far = np.maximum.accumulate(states.data, axis=1)  # the largest value up to each word
    beliefs = F.sigmoid(tagger.head(Tensor(so_far))).data[0][-len(words(comment)) :]
figure, axis = subplots(height=3.4)
for tag, style in (("toxic", "o-"), ("obscene", "s--"), ("insult", "^:"), ("threat", "x-.")):
    axis.plot(beliefs[:, tags.index(tag)], style, label=tag)
axis.set_xticks(range(len(beliefs)), words(comment), rotation=60, ha="right")
axis.set(ylabel="probability after this word", ylim=(0, 1))
axis.legend()
show("Probability of each tag after each word: “utter hogwash” and “muppet” raise all but threat")
rise = dict(zip(tags, beliefs[-1] - beliefs[4], strict=True))
claim("the second sentence sounds insulting", rise["insult"] > 0.2)
claim("and like no threat", rise["threat"] < 0.1)

# %% [markdown]
# ## Try
#
# A probability is not yet a decision. It takes a **threshold** from which a comment is marked. One half is arbitrary:
# it suits neither a rare tag, which hardly ever reaches it, nor our tagger, trained on too many rude comments. **F1**
# combines missed rows and wrongly marked ones in one number: twice the correctly marked rows, divided by the marked
# ones plus those with the tag. (Few rows are *severe_toxic*: a curve with steps.)

# %%
with no_grad():
    guessed = F.sigmoid(tagger(Tensor(encode(valid["comment_text"])))).data
figure, axis = subplots(height=2.8)
grid = np.linspace(0, 1, 101)
for tag, style in (("toxic", "-"), ("insult", "--"), ("severe_toxic", ":")):
    truth, said = valid[tag].to_numpy()[:, None], guessed[:, [tags.index(tag)]] >= grid
    axis.plot(grid, 2 * (truth * said).sum(0) / (truth.sum() + said.sum(0)), style, label=tag)
axis.set(xlabel="threshold", ylabel="F1 on the validation rows")
axis.legend()
show("F1 by threshold, for three tags: each has its peak at another threshold")

# %% [markdown]
# Write `thresholds`. Logits and tags (0 or 1) are arrays `[rows, tags]`, of validation rows and of test rows. Return
# two arrays `[tags]`: for each tag the threshold, a probability, with the highest F1 on the validation rows, and its F1
# on the test rows.


# %%
def thresholds(valid_logits, valid_tags, test_logits, test_tags):
    raise NotAttempted  # return the chosen thresholds, and F1 on the test rows: both [tags]


check("11.thresholds", thresholds)

# %% [markdown]
# ## Apply
#
# Compare a constant, linear models on word counts (TF-IDF: a rare word counts more), our tagger, and the pipeline's
# network in PyTorch (three epochs here) by the competition's metric, on the same validation rows of the sample.

# %%
run = apply.train("toxic-comments", {"training.epochs": 3})
ladder = apply.baselines("toxic-comments")
ladder["LSTM from scratch, above"] = roc_auc_score(valid[tags], guessed, average="macro")
ladder["LSTM of the pipeline, PyTorch"] = run.score
for name, score in ladder.items():
    print(f"{name:58} mean AUC {score:.3f}")
claim("our tagger has learned to rank", ladder["LSTM from scratch, above"] > 0.75)

# %% [markdown]
# On the sample the linear model on words and parts of words is hard to beat: there are few comments, and many rude
# words are disguised, as in *h0gwash*. Our tagger does not know that word, while parts of it are known. The pipeline's
# LSTM reads sub-words in both directions, combined with a linear model. On Kaggle's real comments it is a little
# better: `docs/scores.md`.
#
# In a terminal, run the same on all folds, then with a wider LSTM, and compare both:
#
# ```
# groundwork repro toxic-comments
# groundwork try toxic-comments width=64
# groundwork leaderboard toxic-comments
# ```
#
# ## Where to read on
#
# - [Dive into Deep Learning, chapter 10](https://d2l.ai/chapter_recurrent-modern/index.html): LSTMs, deep and two-way.
# - [DeepLearning.AI](https://www.deeplearning.ai/courses/deep-learning-specialization/), course 5: recurrent networks.
# - [Inria's scikit-learn MOOC](https://inria.github.io/scikit-learn-mooc/): precision, recall and ROC curves.
# - Hochreiter and Schmidhuber, [Long short-term memory](https://doi.org/10.1162/neco.1997.9.8.1735): why errors vanish.
#
# Next: a network that looks at all words at once. [Lesson 12](12_transformer_search.ipynb) is about attention.
