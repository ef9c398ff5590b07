# %% [markdown]
# # 2. Linear algebra: what a matrix does
#
# A network spends nearly all of its time multiplying lists of numbers by tables of numbers. This lesson shows what that
# does to space, what it cannot restore, and how one such idea, projection, can predict house prices. Afterwards you can
# read shapes, and replace loops by array operations.
#
# **Topics:** linear algebra
#
# ## Idea
#
# A **vector** is a list of numbers: a house by its area, age and quality, a sound by its loudness at each pitch. Two
# numbers can be drawn, as an arrow from the origin. What is true of arrows is also true of lists of a thousand numbers.
# So we draw two and mean a thousand.
#
# A **matrix** is a machine that turns vectors into vectors. Here are four of them, each with its effect on a grid, a
# circle and two arrows: the black arrow was $(1, 0)$ before, the lighter one $(0, 1)$.

# %%
import numpy as np

from groundwork.lessons import NotAttempted, apply, check, claim, show, subplots, walkthrough
from groundwork.scratch import linalg, manual_seed

radians = np.deg2rad(30)
machines = {
    "turn": np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]]),
    "stretch": np.array([[1.6, 0.0], [0.0, 0.5]]),
    "shear": np.array([[1.0, 0.8], [0.0, 1.0]]),
    "project": np.array([[0.8, 0.4], [0.4, 0.2]]),
}
lines = [np.array([[at, at], [-2, 2]]) for at in np.linspace(-2, 2, 9)]  # upright ones
lines += [line[::-1] for line in lines]  # and with both numbers exchanged, level ones
angle = np.linspace(0, 2 * np.pi, 100)
circle = np.stack([np.cos(angle), np.sin(angle)])

figure, axes = subplots(1, 4, width=10, height=2.8, sharey=True)
for axis, (name, matrix) in zip(axes, machines.items(), strict=True):
    for line in lines:
        axis.plot(*(matrix @ line), color="0.8", linewidth=0.8)
    axis.plot(*(matrix @ circle), "C0")
    for arrow, color in zip(matrix.T, ("k", "C1"), strict=True):
        axis.annotate("", arrow, (0, 0), arrowprops={"arrowstyle": "-|>", "color": color, "lw": 2})
    axis.set(title=f"{name}\n{matrix.round(2).tolist()}", xlabel="first number")
    axis.set(xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), aspect="equal")
    axis.grid(False)
axes[0].set_ylabel("second number")
show("Four matrices turn, stretch, shear and flatten a circle, its grid and two arrows")

# %% [markdown]
# Compare the arrows with the numbers above; each inner bracket is a row. The first column of a matrix is the place
# where $(1, 0)$ goes, the second where $(0, 1)$ goes. Everything else follows, because a matrix preserves sums and
# multiples: $(3, 2)$ is three times the one arrow and twice the other, so its image is three times the first column and
# twice the second. With columns $a_1$ and $a_2$:
#
# $$A x = x_1 a_1 + x_2 a_2$$
#
# That is one way to see it: a matrix **mixes** its columns. There is a second. Number $i$ of the result
# multiplies row $i$ of the matrix by $x$, number by number, and adds the products. Such a sum is a **dot
# product**, and it **compares**: it is large if both vectors point the same way, and 0 if they are at right
# angles. The dot product of a vector with itself is its length squared; the length is its **norm**.
#
# $$(A x)_i = \sum_k A_{ik}\, x_k \qquad \|x\| = \sqrt{x \cdot x}$$
#
# The product $AB$ of two matrices is the machine that does $B$ first and then $A$.

# %%
x = np.array([3.0, 2.0])
for matrix in machines.values():
    mixed, compared = x[0] * matrix[:, 0] + x[1] * matrix[:, 1], [row @ x for row in matrix]
    claim(f"mixing and comparing lead to {(matrix @ x).round(1)}", np.allclose(mixed, compared))
turn, stretch, shear, project = machines.values()
claim("turning keeps lengths", linalg.norm(turn @ x), linalg.norm(x), 1e-12)
same = np.allclose(turn @ stretch, stretch @ turn)
claim("stretching and then turning differs from turning and then stretching", not same)
claim("projecting twice changes nothing more", np.allclose(project @ project, project))
ranks = [np.linalg.matrix_rank(matrix) for matrix in machines.values()]
claim("the first three are of rank 2, the last of rank 1", ranks == [2, 2, 2, 1])

# %% [markdown]
# The last machine flattens the plane to a line: its columns point the same way, so mixing them leads nowhere else. The
# number of remaining directions is the **rank**: 2 for the first three, 1 for the last. The loss cannot be undone,
# because many vectors have the same image, and no later machine can tell them apart.
#
# ## Build
#
# The library multiplies matrices in five ways, from the definition to one line. They give the same numbers. Notice how
# many loops remain in each, and that two of them are the two views from above: `matmul_dots` compares, `matmul_columns`
# mixes. (Attention is lesson 12's subject, gradients are lesson 6's.) `lstsq` comes last; its picture follows. It uses
# `qr`, which writes a matrix as a product of directions at right angles to each other and a triangle of numbers.

# %%
ladder = [linalg.matmul_loops, linalg.matmul_dots, linalg.matmul_columns]
ladder += [linalg.matmul_outer, linalg.matmul_einsum]
walkthrough(*ladder, linalg.lstsq)

# %% [markdown]
# ## Prove
#
# NumPy passes such work to BLAS and LAPACK, libraries that have been in use for decades. So each of our functions gets
# random matrices and must agree with NumPy's. And fewer loops in Python should be faster.

# %%
from functools import partial
from timeit import repeat

chance = np.random.default_rng(0)
tall, wide = chance.normal(size=(60, 50)), chance.normal(size=(50, 70))
for multiply in ladder:
    claim(f"{multiply.__name__} is numpy's @", np.allclose(multiply(tall, wide), tall @ wide))
slow, fast = (
    min(repeat(partial(multiply, tall, wide), number=1)) for multiply in (ladder[0], ladder[-1])
)
claim("no loop in Python is at least 20 times as fast as three", slow > 20 * fast)

goal = chance.normal(size=60)
claim("lstsq is numpy's", np.allclose(linalg.lstsq(tall, goal), np.linalg.lstsq(tall, goal)[0]))
factors = zip(linalg.qr(wide), np.linalg.qr(wide), strict=True)
claim("qr is numpy's", all(np.allclose(ours, theirs) for ours, theirs in factors))

# %% [markdown]
# ## See
#
# Hold a lamp above a line, at right angles: the shadow of a point is its **projection**, the nearest point on the line.
# The same works for planes. All mixes of two columns form a plane; `lstsq` finds the mix nearest to a given vector, and
# the remainder is at right angles to every column:
#
# $$A^\top (b - A x) = 0$$
#
# That is all of **linear regression**, which predicts a number by adding up shares of others. $b$ holds the prices,
# each column of $A$ a property of all houses, and $x$ what each property is worth.

# %%
figure, (flat, other) = subplots(1, 2, width=9, height=3.6)
column, b = np.array([[2.0], [1.0]]), np.array([1.0, 2.5])
shadow = column @ linalg.lstsq(column, b)
flat.plot(*(column * [-0.3, 1.6]), color="0.6", label="all multiples of the column")
flat.annotate("", b, (0, 0), arrowprops={"arrowstyle": "-|>", "color": "k", "lw": 2})
flat.annotate("", shadow, (0, 0), arrowprops={"arrowstyle": "-|>", "color": "C0", "lw": 2})
flat.plot(*np.stack([b, shadow]).T, "k:", label="remainder")
flat.text(1.1, 2.5, "b")
flat.text(1.9, 0.65, "its projection")
flat.set(xlim=(-1, 4), ylim=(-0.6, 2.9), aspect="equal", title="onto a line")
flat.set(xlabel="first number", ylabel="second number")
flat.legend(loc="lower right", fontsize="small")

other.remove()
solid = figure.add_subplot(1, 2, 2, projection="3d")
plane, point = np.array([[1.0, 0.2], [0.1, 1.0], [0.3, 0.2]]), np.array([0.7, 0.6, 1.1])
shadow = plane @ linalg.lstsq(plane, point)
corners = plane @ np.array([[-0.2, 1.2, 1.2, -0.2], [-0.2, -0.2, 1.2, 1.2]])
solid.plot_trisurf(*corners, color="C0", alpha=0.25)
solid.plot(*np.stack([np.zeros(3), point]).T, "k-", linewidth=2)
solid.plot(*np.stack([np.zeros(3), shadow]).T, "C0-", linewidth=2)
solid.plot(*np.stack([point, shadow]).T, "k:")
solid.text(*(point + 0.05), "b")
solid.text(*(shadow - [0, 0.3, 0.1]), "its projection")
solid.set(title="onto a plane, of all mixes of two columns")
solid.set_box_aspect(np.ptp([*corners.T, point], axis=0), zoom=1.3)
solid.axis("off")
solid.view_init(18, -65)
show("A vector's projections onto a line and onto a plane; what remains stands upright on them")
claim("the remainder is at right angles", np.allclose(plane.T @ (point - shadow), 0))
mixes = plane @ chance.normal(size=(2, 1000))
nearest = np.sqrt(((mixes - point[:, None]) ** 2).sum(0).min())
claim("none of 1000 other mixes is nearer", nearest > linalg.norm(point - shadow))

# %% [markdown]
# A picture is a matrix, too; here is one of hills and a sun. With its grain it has full rank, but it is close to a
# matrix of low rank: a few columns, mixed in different shares, give almost all of it. `low_rank` finds the matrix of a
# given rank that is nearest. Rank $k$ can be stored as $k$ columns and $k$ rows. At rank 3 the sun is a square; at rank
# 12, with less than a third of the numbers, the difference is hard to see. The error can be read from the **singular
# values**: the lengths to which the matrix stretches a sphere along its main directions.

# %%
down, across = np.mgrid[0:64, 0:96]
picture = 0.9 - 0.006 * down + 0.4 * (np.hypot(down - 16, across - 70) < 9)
for height, darkness in ((36, 0.5), (46, 0.3), (55, 0.15)):
    hills = height + 5 * np.sin(across / (height / 4) + height)
    picture = np.where(down > hills, darkness, picture)
picture += chance.normal(0, 0.01, picture.shape)
left, values, right = np.linalg.svd(picture, full_matrices=False)
manual_seed(0)

figure, axes = subplots(1, 4, width=10, height=2.4, width_ratios=[1, 1, 1, 1.2])
for axis, rank in zip(axes, (64, 3, 12), strict=False):
    axis.imshow(linalg.low_rank(picture, rank), cmap="gray", vmin=0, vmax=1.3)
    axis.set(title=f"rank {rank}: {rank * (64 + 96)} numbers" if rank < 64 else "64 * 96 numbers")
    axis.axis("off")
axes[3].semilogy(np.arange(1, 65), values, ".-")
axes[3].set(title="singular values", xlabel="which, from the largest")
show("A picture at ranks 64, 3 and 12, and its singular values: a few are by far the largest")
nearest = linalg.low_rank(picture, 12)
theirs = left[:, :12] * values[:12] @ right[:12]
claim("low_rank is numpy's", np.allclose(nearest, theirs, atol=1e-4))
lost, left_out = linalg.norm((picture - nearest).ravel()), linalg.norm(values[12:])
claim("the error is as long as the omitted singular values", lost, left_out, 1e-3)
claim("rank 12 takes less than a third of the numbers", 12 * (64 + 96) < 64 * 96 / 3)

# %% [markdown]
# ## Try
#
# NumPy combines arrays of different shapes by **broadcasting**. Write the shapes below each other, aligned at the
# right. In each place the sizes must be equal, or one of them must be 1 or missing: that array is then repeated.
#
# | shapes | result | |
# |---|---|---|
# | `[4, 3]` and `[3]` | `[4, 3]` | the row is used four times |
# | `[4, 3]` and `[4, 1]` | `[4, 3]` | the column is used three times |
# | `[4, 1]` and `[3]` | `[4, 3]` | all with all |
# | `[4, 3]` and `[4]` | an error | 3 against 4 |
#
# The last line is the good case, because you see the mistake. With `[3, 3]` and `[3]` there is no error, but the
# numbers may be wrong. Two tools make an axis of length 1: `a[:, None]` inserts one, turning `[n, d]` into `[n, 1, d]`;
# and `a.sum(1, keepdims=True)` keeps one in place of the summed axis, `[n, 1]`.
#
# The function below computes with loops, from `a` `[n, d]` and `b` `[m, d]`, the shares of each row, the gaps between
# first columns, and the squared distances between rows. Write it in three lines without a loop.

# %%
from groundwork.lessons.exercises.e02_broadcasting import specification

walkthrough(specification)


# %%
def broadcast(a, b):
    # Three lines without a loop: shares [n, d], gaps [n, m] and distances [n, m], in this order.
    raise NotAttempted


check("02.broadcasting", broadcast)

# %% [markdown]
# ## Apply
#
# House prices by projection, on the sample that comes with Groundwork. $A$ has seven columns of the prepared table,
# from the quality of a house to its age, and a column of ones for the price that all have in common. $b$ is the
# logarithm of the price: adding to a logarithm multiplies the price. The competition's metric is the root of the mean
# squared error of that logarithm, lower is better, on houses that were not fitted. For comparison, the pipeline's
# baselines: `constant` gives all houses one price, `ridge` is least squares on all columns with a penalty on large
# weights.

# %%
competition, prepared = apply.tables("house-prices")
training, validation = prepared.training(0), prepared.validation(0)
columns = ["OverallQual", "OverallCond", "GrLivArea", "TotalSF", "GarageCars", "Fireplaces", "Age"]


def design(houses, columns):
    """Return a row of numbers for each house, the first of which is 1."""
    return np.column_stack([np.ones(len(houses)), houses[columns]])


prices = np.log(training["SalePrice"].to_numpy(float))
worth = linalg.lstsq(design(training, columns), prices)
errors = design(validation, columns) @ worth - np.log(validation["SalePrice"].to_numpy(float))
scores = apply.baselines("house-prices") | {"least squares": np.sqrt((errors**2).mean())}
print(*(f"{name:14}{competition.metric} {score:.3f}" for name, score in scores.items()), sep="\n")
gained = scores["constant"] - scores["least squares"]
possible = scores["constant"] - scores["ridge"]
claim("seven columns gain nine tenths of what all gain", gained > 0.9 * possible)
quality = np.exp(worth[1]) - 1
claim("a point of quality raises the price by 8 percent, all else equal", quality, 0.08, 0.02)

# %% [markdown]
# The other columns gain little here: the sample's prices were generated from a few columns, with 0.08 in the logarithm
# for each point of quality. Once you have a token, you can try Kaggle's real houses: `source: kaggle` in `params.yaml`.
#
# Rank matters here as well. `Baths` adds up four other columns. With all five in the table, any of them can be
# explained by the rest, and there is no single answer. `lstsq` says so; column 0 is the ones, so column 5 is `Baths`:

# %%
twice = ["FullBath", "HalfBath", "BsmtFullBath", "BsmtHalfBath", "Baths"]
try:
    linalg.lstsq(design(training, twice), prices)
except ValueError as error:
    print(error)

# %% [markdown]
# Ridge can handle such columns: among the solutions, its penalty selects one with small weights. Lesson 14 applies the
# same penalty to a network. In a terminal, run the lane with its baselines on all five folds, and show the leaderboard:
#
# ```
# groundwork repro house-prices
# groundwork leaderboard house-prices
# ```
#
# ## Where to read on
#
# - [Dive into Deep Learning, chapter 2](https://d2l.ai/chapter_preliminaries/index.html): arrays, linear algebra and
#   broadcasting with small pieces of code.
# - [DeepLearning.AI's specialization](https://www.deeplearning.ai/courses/deep-learning-specialization/), course 1,
#   week 2: why networks are written without loops.
# - [Inria's scikit-learn MOOC](https://inria.github.io/scikit-learn-mooc/), the module on linear models: least squares
#   and ridge on real tables.
# - [fast.ai](https://course.fast.ai/): matrix multiplication from loops to one line, in its second part.
#
# Next: what a network makes of a matrix. [Lesson 3](03_neurons_and_layers.ipynb) builds neurons.
