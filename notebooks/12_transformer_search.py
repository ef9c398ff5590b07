# %% [markdown]
# # 12. Transformers: attention ranks products for a query
#
# A customer types *brass gate pivot*, and the shop has thousands of products. Which come first? After this lesson you
# can read an attention map, name the parts of a transformer's encoder, explain BM25 by counting, and measure a ranking.
#
# **Topics:** transformers, search
#
# ## Idea
#
# Compare a query with a product's title. Your eye goes from each word of the query to the matching words. **Attention**
# does the same with numbers. Each word is a vector, its embedding. Below, each word of a query distributes its
# attention over a title. Equal words have equal vectors; *pivot* is close to *hinge*.

# %%
from collections import Counter

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import ndcg_score

from groundwork.ask.search import Catalogue
from groundwork.encoders.language import bm25
from groundwork.encoders.language.words import stem, words
from groundwork.lessons import NotAttempted, apply, check, claim, show, subplots, walkthrough
from groundwork.objectives.metrics import METRICS
from groundwork.scratch import Tensor, manual_seed, nn, no_grad, optim
from groundwork.scratch import functional as F
from groundwork.scratch.data import DataLoader, TensorDataset
from groundwork.scratch.retrieval import BM25, dcg, ndcg
from groundwork.scratch.train import fit
from groundwork.scratch.verify import compare, gradcheck

query, title = "brass gate pivot".split(), "Ironkeep 3 inch Solid Brass Door Hinge".split()
chance = np.random.default_rng(0)
vectors = {word.lower(): chance.normal(size=16) for word in [*query, *title]}
vectors["pivot"] = 0.9 * vectors["hinge"] + 0.3 * vectors["pivot"]


def heat(axis, weights, rows, columns):
    """Draw attention weights, with the numbers that matter."""
    axis.imshow(weights, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    axis.set_xticks(range(len(columns)), columns, rotation=30)
    axis.set_yticks(range(len(rows)), rows)
    axis.grid(visible=False)
    for y, x in np.argwhere(weights >= 0.1):
        shade = "white" if weights[y, x] > 0.5 else "black"
        axis.text(x, y, f"{weights[y, x]:.2f}", ha="center", va="center", color=shade)


asking, answering = (np.array([vectors[w.lower()] for w in side]) for side in (query, title))
looks = F.attention_weights(Tensor(asking), Tensor(answering)).data
figure, axis = subplots(height=2.2)
heat(axis, looks, query, title)
show("Attention weights: “brass” looks at “Brass”, “pivot” at “Hinge”, “gate” at several words")

# %% [markdown]
# There are three roles: a **query** $Q$ says what a word looks for, a **key** $K$ what a word offers, a **value** $V$
# what it passes on. The score of a pair is the dot product of query and key. A softmax turns a row of scores into
# weights, and the result is the mean of the values with those weights:
#
# $$\text{attention}(Q, K, V) = \text{softmax}\left(\frac{Q K^\top}{\sqrt d}\right) V$$
#
# Why $\sqrt d$? The sum of $d$ random products has a spread of $\sqrt d$. With large scores the softmax gives
# nearly all weight to one key, and its gradient vanishes. And texts differ in length: shorter ones are extended
# by **padding**, whose scores become $-\infty$, so that its weights are exactly 0.
#
# In a **transformer** each word of a text attends to all words of the same text: **self-attention**. Learned matrices
# make query, key and value of each word. Several **heads** do it in parallel. The encoder's layer adds the result to
# its input, sends each word through a small network, and adds again; *normalize* brings a vector to mean 0, spread 1.
# Attention ignores order: shuffled words give a shuffled result. **Positional encoding** adds waves to each word's
# vector for its position (on the right, a column for each).

# %%
figure, (left, right) = subplots(1, 2, height=3.6, width_ratios=(1, 1.5))
box = {"boxstyle": "round,pad=0.4", "facecolor": "0.9", "edgecolor": "0.4"}
parts = ["words' vectors", "normalize", "self-attention", "+", "normalize", "feed-forward", "+"]
for y, part in enumerate(parts):
    left.text(0, y, part, ha="center", va="center", bbox=box)
    left.annotate("", (0, y + 0.7), (0, y + 0.3), arrowprops={"arrowstyle": "->"})
for low, plus in ((0.5, 3), (3.5, 6)):
    left.plot([0, 1, 1], [low, low, plus], color="black", linewidth=1)
    left.annotate("", (0.13, plus), (1.04, plus), arrowprops={"arrowstyle": "->"})
left.set(xlim=(-1, 1.3), ylim=(-0.5, 7))
left.axis("off")
right.imshow(nn.PositionalEncoding(32, 40).pe.T, cmap="Greys", aspect="auto")
right.set(xlabel="place in the text", ylabel="place in the vector")
right.grid(visible=False)
show("The encoder's layer, with two shortcuts; and a picture of the waves that stand for positions")
spread = (chance.normal(size=(10_000, 64)) * chance.normal(size=(10_000, 64))).sum(axis=1).std()
claim("64 products add up to a spread of 8", spread, 8, 0.4)
blind = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
text, order = chance.normal(size=(1, 5, 8)).astype(np.float32), [3, 0, 4, 1, 2]
same = blind(Tensor(text[:, order])).data - blind(Tensor(text)).data[:, order]
claim("a shuffled text gives the same, shuffled", abs(same).max() < 1e-5)

# %% [markdown]
# ### The alternative: counting words
#
# **BM25** has been used in search engines for decades and learns nothing. Three counts decide how much a word of the
# query adds to a document's score: more if *few documents* contain it (its *rarity*); more if it occurs *often*, but
# the tenth occurrence adds little; less in a *long* document.

# %%
times = range(1, 13)
short = [["hinge"] * n + ["filler"] * (20 - n) for n in times]
long = [["hinge"] * n + ["filler"] * (60 - n) for n in times]
common = [["door"] * n + ["filler"] * (20 - n) for n in times]
ranker = BM25([*short, *long, *common, *[["door"] + ["filler"] * 19] * 60])
rare = ranker.weights("hinge")
figure, axis = subplots(height=2.7)
axis.plot(times, rare[:12], "o-", label="a word that a quarter of the documents hold")
axis.plot(times, rare[12:24], "s--", label="the same word, documents three times as long")
axis.plot(times, ranker.weights("door")[24:36], "^:", label="a word that three quarters hold")
axis.set(xlabel="occurrences of the word", ylabel="added to the score", ylim=(0, 4.2))
axis.legend()
show("BM25 by occurrences of a word: it levels off; rare words add more, long documents less")
claim("the tenth occurrence adds less than a tenth of the first", rare[9] - rare[8] < 0.1 * rare[0])

# %% [markdown]
# ### From target to head, loss and metric
#
# People gave each pair of query and product a grade from 1, irrelevant, to 3, a perfect match. The **target** is one
# number for a pair. So the **head** has one output, and the **loss** is the squared error. Kaggle's **metric** is the
# root of its mean, RMSE. (If only the order matters, a ranking loss compares two products of one query.)
#
# But a person who searches sees a ranking and reads it from the top. **NDCG** measures that. A product of grade $g$
# gains $2^g - 1$, divided by $\log_2(\text{place} + 1)$; the sum, **DCG**, is then divided by that of the best order.

# %%
claim("the grades 3, 1, 2 in this order: 7 + 1 / log2(3) + 3 / log2(4)", dcg([3, 1, 2]), 9.13, 0.01)
claim("in the best order: 7 + 3 / log2(3) + 1 / log2(4)", dcg([3, 2, 1]), 9.39, 0.01)
claim("NDCG is their quotient", ndcg([3, 1, 2], scores=[0.9, 0.5, 0.1]), 9.13 / 9.39, 0.001)
claim("upside down it is worse", ndcg([1, 2, 3], scores=[0.9, 0.5, 0.1]), 0.68, 0.01)

# %% [markdown]
# ## Build
#
# In `attention_weights`, notice that the mask comes before the softmax. In the encoder's layer, find the two sums.

# %%
walkthrough(F.attention_weights, nn.TransformerEncoderLayer.forward, BM25.weights, ndcg)

# %% [markdown]
# ## Prove
#
# Compare the blocks with difference quotients and PyTorch, BM25 with the pipeline's, NDCG with scikit-learn's.

# %%
torch.manual_seed(0)
q, k, v = (chance.normal(size=(2, 4, 8)) for _ in range(3))
padding = np.array([[False, False, False, True], [False, False, True, True]])
print(gradcheck(F.scaled_dot_product_attention, (q, k, v), attn_mask=~padding[:, None]))
heads = [lib.MultiheadAttention(8, 2, batch_first=True) for lib in (nn, torch.nn)]
print(compare(*heads, q, k, v, key_padding_mask=padding))
layers = [lib.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True) for lib in (nn, torch.nn)]
print(compare(*layers, q, src_key_padding_mask=padding, steps=20))
pipeline = bm25.BM25(analyzer=list).fit(short + long)
wanted = (pipeline.mark([["hinge"]]) @ pipeline.weights(short + long).T).toarray()[0]
claim("BM25 agrees", np.allclose(BM25(short + long).scores(["hinge"]), wanted, rtol=1e-5))
grades, scores = chance.integers(0, 4, 20), chance.normal(size=20)
claim("NDCG agrees", ndcg(grades, scores, 10), ndcg_score([2.0**grades - 1], [scores], k=10), 1e-12)

# %% [markdown]
# ## See
#
# A small encoder reads query and title as one text, without positions; each word's vector also says to which of the two
# it belongs. The head gets the mean of the query's words. Groundwork's sample has too few pairs to learn that equal
# words match. So one of two networks gets a head start: its query and key matrices begin as twice the identity, so
# equal vectors score highest.

# %%
competition, prepared = apply.tables("product-search")
train, valid = prepared.training(0), prepared.validation(0)
PAIR, PLACES, WIDTH = ["search_term", "product_title"], (8, 12), 24
counts = Counter(stem(word) for text in np.unique(train[PAIR]) for word in words(text))
number = {word: place for place, word in enumerate(sorted(w for w in counts if counts[w] > 1), 2)}


def encode(frame):
    """Number the words of query and title, int [rows, 8 + 12]: 0 is padding, 1 an unknown word."""
    rows = np.zeros((len(frame), sum(PLACES)), int)
    for row, texts in zip(rows, frame[PAIR].to_numpy(), strict=True):
        for part, text in zip(np.split(row, PLACES[:1]), texts, strict=True):
            found = [number.get(stem(word), 1) for word in words(text)][: len(part)]
            part[: len(found)] = found
    return rows


class Ranker(nn.Module):
    def __init__(self, head_start):
        self.embedding = nn.Embedding(len(number) + 2, WIDTH, padding_idx=0)
        self.embedding.weight.data *= 0.3
        self.side = nn.Embedding(2, WIDTH)
        self.side.weight.data *= 0.1
        self.layer = nn.TransformerEncoderLayer(WIDTH, 2, 48, batch_first=True, norm_first=True)
        self.head = nn.Linear(WIDTH, 1)
        if head_start:
            self.layer.self_attn.in_proj_weight.data[:48] = np.tile(2 * np.eye(WIDTH), (2, 1))

    def embed(self, tokens):
        return self.embedding(tokens) + self.side(np.repeat([0, 1], PLACES))

    def forward(self, tokens):
        seen = self.layer(self.embed(tokens), src_key_padding_mask=tokens.data == 0)
        asked = (tokens.data[:, :8] != 0).astype(np.float32)[..., None]
        return self.head((seen[:, :8] * asked).sum(1) / asked.sum(1))[:, 0]


def trained(head_start):
    """Train a ranker on centred grades; return it and its validation predictions."""
    manual_seed(4)
    ranker, mean = Ranker(head_start), train["relevance"].mean()
    target = (train["relevance"] - mean).to_numpy(np.float32)
    batches = DataLoader(TensorDataset(encode(train), target), 64, shuffle=True)
    adam = optim.AdamW(ranker.parameters(), lr=0.003)
    rate = optim.OneCycleLR(adam, 0.003, 10 * len(batches))
    fit(ranker, F.mse_loss, batches, None, adam, 10, rate, clip_norm=1.0)
    with no_grad():
        return ranker, (ranker(Tensor(encode(valid))).data + mean).clip(1, 3)


(_, plain), (ranker, helped) = trained(head_start=False), trained(head_start=True)

# %% [markdown]
# What does the second one attend to? It was never given the meaning of *gate pivot*. With some seeds it learns to
# attend to the hinge, with others not. Here is one head, over query and title.

# %%
pair = Tensor(encode(pd.DataFrame([[" ".join(query), " ".join(title)]], columns=PAIR)))
with no_grad():
    normal = ranker.layer.norm1(ranker.embed(pair))
    _, looks = ranker.layer.self_attn(normal, normal, normal, pair.data == 0, True, None, False)
figure, axis = subplots(height=2.4)
heat(axis, looks.data[0, 0, :3][:, pair.data[0] != 0], query, query + title)
show("One head of the trained ranker: “brass” and “pivot” look at “Hinge”, “gate” looks at itself")
claim("padding gets nothing", looks.data[..., pair.data[0] == 0].max(), 0)
claim("in the title, brass attends to Brass most", looks.data[0, 0, 0, 8:].argmax(), 4)

# %% [markdown]
# ## Try
#
# Write attention with a padding mask, in NumPy. `query` is `[rows, queries, d]`, `key` `[rows, keys, d]`, `value`
# `[rows, keys, width]`; `real` `[rows, keys]` is True where there is a word and False where there is padding.


# %%
def attention(query, key, value, real):
    raise NotAttempted  # return [rows, queries, width of a value]


check("12.attention", attention)

# %% [markdown]
# ## Apply
#
# Compare the models on the same validation rows. The pipeline's network has **two towers**, one for a query's vector
# and one for a product's, and uses BM25. Mini-batches of 64, not 512, give more steps here.

# %%
run = apply.train("product-search", {"training.batch_size": 64})
towers = run.trained.validation["prediction"].to_numpy()
for name, score in apply.baselines("product-search").items():
    print(f"{name:36} RMSE {score:.3f}")
grades, queries = valid["relevance"].to_numpy(), valid["search_term"].to_numpy()
names = "scratch encoder, random start", "scratch encoder, head start", "two towers, PyTorch"
for name, said in zip(names, (plain, helped, towers), strict=True):
    rmse, order = (METRICS[name].score(grades, said, queries) for name in ("rmse", "ndcg@10"))
    print(f"{name:36} RMSE {rmse:.3f}  NDCG@10 {order:.3f}")
error, started = (((grades - said) ** 2).mean() for said in (plain, helped))
claim("the head start helps", started < error)
claim("without it, a constant is about as good, or better", error > 0.8 * grades.var())

# %% [markdown]
# On new pairs, the encoder with a random start is hardly better than a constant, if at all. The other two learn from
# pairs that a *flower pot* may be called a planter; a linear model cannot. On Kaggle's pairs the towers' lead is
# smaller (`docs/scores.md`). A search scores *all* products, by BM25 plus the vectors' cosine.

# %%
catalogue = Catalogue(run.trained, run.trained.encoder.documents(prepared.train)[1])
for hit in catalogue.find("terracotta flower pot", top=3):
    print(f"{hit.score:.2f}  {catalogue.products['product_title'][hit.row]}  {hit.matched}")

# %% [markdown]
# After each title are the query's words that occur in any of the product's texts. In a terminal:
#
# ```
# groundwork repro product-search
# groundwork search product-search "terracotta flower pot"
# groundwork try product-search batch_size=64
# ```
#
# ## Where to read on
#
# - [LLM University](https://cohere.com/llmu): attention, embeddings and semantic search, in pictures.
# - [Dive into Deep Learning](https://d2l.ai/chapter_attention-mechanisms-and-transformers/index.html): step by step.
# - Vaswani et al., [Attention is all you need](https://arxiv.org/abs/1706.03762): section 3 has all the formulas.
#
# Next: what to offer without a query. [Lesson 13](13_recommender.ipynb) is about recommendation.
