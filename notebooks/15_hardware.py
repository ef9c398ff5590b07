# %% [markdown]
# # 15. Hardware: arithmetic, memory, precision
#
# The same network may train for hours on one machine and for minutes on another. This lesson says why: how much
# arithmetic a network needs, how many numbers must be moved for it, and how precise they have to be. Afterwards you can
# count operations and moves, and you will have written the trick behind every fast matrix product.
#
# **Topics:** hardware acceleration
#
# ## Idea
#
# Nearly all the work of a network is matrix products. Picture a fast cook and one slow helper. If every cut needs a new
# carrot from the cellar, the cook waits. If each carrot is used a hundred times, the cook is busy. A processor is such
# a cook, and memory is the cellar.
#
# A product of two n by n matrices uses each number n times: $2n^3$ operations on $3n^2$ numbers, the result among them.
# That is the left picture. The right one shows how many operations a machine performs in the time in which one number
# arrives, against how often each number is used. Its layers have 512 inputs and 512 outputs, and as many rows of data
# as the legend says.

# %%
import time

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from groundwork.lessons import NotAttempted, apply, check, claim, show, subplots, walkthrough
from groundwork.scratch import Tensor, linalg, manual_seed, nn
from groundwork.scratch.hardware import FastMemory, SystolicArray, flops, matmul_blocked

PEAK = 64  # operations of a made-up machine in the time in which one number arrives


def intensity(rows, inputs, outputs):
    """Return operations per number moved of a product [rows, inputs] @ [inputs, outputs]."""
    return 2 * rows * inputs * outputs / (rows * inputs + inputs * outputs + rows * outputs)


figure, (left, right) = subplots(1, 2, height=3.4)
sizes = 2.0 ** np.arange(1, 13)
left.loglog(sizes, 2 * sizes**3, "-", label="operations, 2n³")
left.loglog(sizes, 3 * sizes**2, "--", label="numbers, 3n²")
left.set(xlabel="n", ylabel="how many", title="a product of n by n matrices")
left.legend(fontsize=8)
uses = np.logspace(-1.5, 3.5, 100)
right.loglog(uses, np.minimum(uses, PEAK), "-")
layers = {"add two vectors": 1 / 3, "layer, 1 row": intensity(1, 512, 512)}
layers |= {f"layer, {rows} rows": intensity(rows, 512, 512) for rows in (16, 256)}
for (name, x), marker in zip(layers.items(), "osD^", strict=True):
    right.plot(x, min(x, PEAK), "k" + marker, markersize=6, label=name)
right.axhline(PEAK, color="0.5", linestyle=":")
right.text(0.04, PEAK * 1.15, "as fast as it can multiply", fontsize=8)
right.set(xlabel="operations for each number moved", title="what a machine gets done")
right.set_ylabel("operations in that time")
right.set_ylim(0.02, 300)
right.legend(fontsize=8, loc="lower right")
show("A product of matrices has more operations than numbers; so a machine reaches its full speed")

# %% [markdown]
# The bent line is called the **roofline**. On the slope a machine waits for memory; on the flat part it computes at
# full speed. The operations for each number moved are the **arithmetic intensity**. Adding two vectors is always on the
# slope. A layer is on the slope for one row, because each weight is then fetched for a single product. With a
# mini-batch of 256 rows each weight serves 256 times. That is one reason for batches; a steadier gradient is the other.
#
# Both lines can be raised. A **CPU**, the usual processor, has a few cores for any task. A **GPU** (graphics processing
# unit) has thousands of small arithmetic units that all do the same step on different numbers: a higher flat part. Its
# memory delivers many times as many numbers in a second: a higher slope.
#
# Operations on numbers with a fraction are **FLOPs** (floating-point operations); a product and a sum are two. They can
# be counted from shapes alone: a linear layer does two for each weight and row. A convolution does two for each weight,
# row and position in the picture, so that few weights cause much work. For a small network that reads 32 digits:

# %%
claim("one row: two operations for each number moved", layers["layer, 1 row"], 2, 0.02)
claim("256 rows: 256 of them", layers["layer, 256 rows"], 256, 1)
manual_seed(0)
digits = Tensor(np.zeros((32, 1, 28, 28), np.float32))
convolution, pool = nn.Conv2d(1, 8, 5, padding=2), nn.MaxPool2d(2)
network = nn.Sequential(convolution, nn.ReLU(), pool, nn.Flatten(), nn.Linear(8 * 14 * 14, 10))
counts = flops(network, digits)
for name, count in counts.items():
    print(f"layer {name}: {count:>10,} operations")
used = 2 * (28 * 28) * (8 * 25) * 32  # places, 8 kernels of 25 weights, rows
claim("a convolution uses each weight at every place", counts["0"], used)
sizes = network[4].weight.data.size, convolution.weight.data.size
claim("the linear layer has over 50 times as many weights", sizes[0] > 50 * sizes[1])
claim("the convolution does most of the work", counts["0"] > 9 * counts["4"])

# %% [markdown]
# ## Build
#
# How can one fetch serve many products? There are two answers. On a CPU and a GPU, matrices are divided into blocks
# that fit into a small fast memory, and each block is used as often as it has rows. The library has a model of it:
# `FastMemory` counts loaded words, and refuses a block that does not fit (`_take` raises MemoryError). You will write
# the product in blocks below.
#
# A **TPU** (tensor processing unit) goes further: its **systolic array** is a grid of cells, each with one weight.
# Numbers move through it from left to right, sums from top to bottom, one cell in each **cycle** of the chip. No sum
# goes back to memory before it is complete. Notice the delay in `entering`: row r of the grid starts r cycles late, so
# that each number meets its sum.

# %%
walkthrough(FastMemory.load, FastMemory.zeros, FastMemory.free, SystolicArray.multiply)

# %% [markdown]
# ## Prove
#
# The library has five ways to write a matrix product (`linalg.matmul_loops` and so on). They, the blocks and the grid
# give the same result as `@`. The five differ in how many steps Python itself takes: n³, n², n², n, and one. A step of
# Python costs as much as hundreds of multiplications, so that the loops are much slower than `@` on any machine.
# Finally, our count of operations equals PyTorch's.

# %%
chance = np.random.default_rng(0)
a, b = chance.normal(size=(2, 64, 64))
ladder = [linalg.matmul_loops, linalg.matmul_dots, linalg.matmul_columns]
ladder += [linalg.matmul_outer, linalg.matmul_einsum]
products = [matmul(a, b) for matmul in ladder]
products += [matmul_blocked(a, b, FastMemory(3 * 8 * 8), 8), SystolicArray(b).multiply(a)]
claim("all seven give the product", max(abs(product - a @ b).max() for product in products) < 1e-12)


def seconds(matmul, tries):
    """Return the shortest of several times."""
    found = []
    for _ in range(tries):
        start = time.perf_counter()
        matmul(a, b)
        found.append(time.perf_counter() - start)
    return min(found)


slow, fast = seconds(linalg.matmul_loops, 1), seconds(np.matmul, 20)
claim("loops take over 50 times as long as @", slow > 50 * fast)
conv, linear = torch.nn.Conv2d(1, 8, 5, padding=2), torch.nn.Linear(1568, 10)
twin = torch.nn.Sequential(conv, torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten(), linear)
with FlopCounterMode(display=False) as counter:
    twin(torch.zeros(32, 1, 28, 28))
claim("PyTorch counts as many operations", sum(counts.values()), counter.get_total_flops())

# %% [markdown]
# ## See
#
# The grid at work: six rows of numbers stream through 6 by 6 cells. Dark cells multiply. A wave enters at the upper
# left, crosses the grid and leaves at the lower right. While it enters and leaves, most cells are idle: over all 16
# cycles, cells were busy 3/8 of the time. A long stream keeps them busy: another reason for batches.

# %%
grid = SystolicArray(chance.normal(size=(6, 6)))
grid.multiply(chance.normal(size=(6, 6)))
figure, axes = subplots(1, 5, height=1.7)
for axis, cycle in zip(axes, (0, 3, 7, 11, 15), strict=True):
    axis.pcolormesh(grid.busy[cycle], cmap="gray_r", vmin=0, vmax=1.4, edgecolors="0.7")
    axis.set(title=f"cycle {cycle}", xticks=[], yticks=[], aspect="equal")
    axis.invert_yaxis()
show("Cells at work in five cycles: a slanted band crosses the grid from one corner to the other")
claim("6 + 6 + 6 - 2 cycles", grid.cycles, 16)
claim("share of the time that cells were busy", grid.utilization, 3 / 8)
grid.multiply(chance.normal(size=(1000, 6)))
claim("a stream of 1000 rows keeps 99 of 100 busy", grid.utilization, 0.99, 0.001)

# %% [markdown]
# The second lever is **precision**. A number of 16 bits takes half the space of one of 32, and its multiplier is
# several times smaller, so that more of them fit on a chip. The price is fewer digits. Some bits of a number are its
# digits, the others its exponent, which is its magnitude. **bfloat16** keeps eight bits of digits, little more than two
# decimal digits, and the exponent of float32. **float16** has eleven bits of digits; its largest number is 65504. Watch
# a running sum of ones: once 1 is no more than half a unit of the sum's last digit, rounding leaves the sum unchanged.

# %%
types = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}
figure, axis = subplots(height=2.8)
sums = {}
for (name, dtype), style in zip(types.items(), ("-", "--", ":"), strict=True):
    one, running = torch.ones((), dtype=dtype), [torch.zeros((), dtype=dtype)]
    for _ in range(3000):
        running.append(running[-1] + one)
    axis.plot([total.item() for total in running], style, label=name)
    digits = int(1 - np.log2(torch.finfo(dtype).eps))
    sums[name] = running[-1].item()
    print(f"{name:8}  {digits:2} bits of digits, sum of 3000 ones {sums[name]:.0f}")
axis.set(xlabel="ones added", ylabel="sum")
axis.legend()
show("A sum of ones: bfloat16 stops at 256, float16 at 2048, float32 goes on")
claim("bfloat16 stalls at", sums["bfloat16"], 256)
claim("float16 at", sums["float16"], 2048)
claim("float16's largest number", torch.finfo(torch.float16).max, 65504)
claim("float32 would stall only at 2 ** 24", np.float32(2**24) + np.float32(1), 2**24)
claim("70000 is too large for float16", torch.tensor(7e4, dtype=torch.float16).isinf().item())
claim("but not for bfloat16", torch.tensor(7e4, dtype=torch.bfloat16).item(), 7e4, 200)
weight = torch.ones((), dtype=torch.bfloat16)
claim("a step of 0.001 leaves a bfloat16 weight of 1 at", (weight - 0.001).item(), 1)

# %% [markdown]
# So networks are trained in **mixed precision**: products in 16 bits, but sums of products, weights and the optimizer's
# state in 32. The products' rounding errors are small compared with the noise of a mini-batch's gradient. Sums over
# thousands of steps keep their digits.
#
# ## Try
#
# Write the product c of `a` `[rows, inner]` and `b` `[inner, columns]` in blocks of `block` by `block` numbers, and
# return it. `memory` is a `FastMemory` with room for `3 * block ** 2` words (numbers). Every factor has to be loaded
# first; each block of c stays in memory until it is complete, and is stored once. The sizes need not be multiples of
# `block`.


# %%
def blocked_matmul(a, b, memory, block):
    # part = memory.load(a[..., ...])       copies a part of a or b in
    # total = memory.zeros(rows, columns)   makes room for a sum
    # memory.store(total, c[..., ...])      writes a sum to its place in c
    # memory.free(part, ...)                gives room back
    raise NotAttempted


check("15.blocked_matmul", blocked_matmul)

# %% [markdown]
# Here is the gain: words loaded for a product of 64 by 64 matrices, by block size. Doubling the block halves the words;
# and the fast memory that it needs grows with the square.

# %%
blocks, moved = (1, 2, 4, 8, 16, 32, 64), []
for block in blocks:
    memory = FastMemory(3 * block**2)
    matmul_blocked(a, b, memory, block)
    moved.append(memory.loaded)
figure, axis = subplots(height=2.6)
axis.loglog(blocks, moved, "o-", base=2)
axis.set(xlabel="block (the memory holds 3 block² words)", ylabel="words loaded")
show("Words loaded by size of the block: each doubling halves them")
claim("with single numbers, each of them is fetched 64 times", moved[0], 2 * 64**3)
claim("in one block, once", moved[-1], 2 * 64**2)
claim("blocks of 8 need an eighth of the words", moved[3] / moved[0], 1 / 8)

# %% [markdown]
# ## Apply
#
# `hardware` in `params.yaml` goes to Lightning's Trainer. `accelerator: auto` uses a GPU if there is one, and
# `precision: auto` uses `bf16-mixed` (mixed precision with bfloat16) on a CUDA GPU that supports it, and float32
# elsewhere, Apple's MPS included. Here everything runs on the CPU. Titanic's network on the sample that comes with
# Groundwork, one fold, in three precisions:

# %%
scores, losses = [], []
for precision in ("64-true", "32-true", "bf16-mixed"):
    run = apply.train("titanic", {"hardware.precision": precision, "training.epochs": 12})
    scores.append(run.score)
    losses.append(run.history["train_loss"].iloc[-1])
    print(f"{precision:11} {run.metric} {run.score:.3f}  training loss {losses[-1]:.3f}")
claim("scores within three points of one another", max(scores) - min(scores) < 0.03)
claim("the losses do differ, in later digits", len(set(losses)), 3)

# %% [markdown]
# Products in half the bits do not change the score noticeably. A CPU need not be any faster with them, and a network as
# small as this one does not keep a GPU busy: expect a gain in time from larger ones, such as the digits' network. Check
# what the machine has; then, if there is a GPU, train on it with a precision of your choice, say `accelerator: gpu` and
# `precision: bf16-mixed` in the section `hardware` of `params.yaml`:
#
# ```
# groundwork doctor
# groundwork repro
# ```
#
# With `auto` no settings are needed: `groundwork repro` uses the GPU. For several GPUs, set `devices` and `strategy:
# ddp` in the same section: each GPU takes its share of an epoch's mini-batches.
#
# ## Where to read on
#
# - [Dive into Deep Learning, hardware](https://d2l.ai/chapter_computational-performance/hardware.html): memory, caches,
#   GPUs and their numbers.
# - [CS50](https://cs50.harvard.edu/x/), the weeks on arrays and memory: addresses, and how numbers are laid out.
# - [PyTorch's quick start](https://pytorch.org/tutorials/beginner/basics/quickstart_tutorial.html): how a network and
#   its batches move to a GPU.
# - [fast.ai](https://course.fast.ai/): training on a rented GPU from the first lesson on.
# - Jouppi et al., [the TPU](https://arxiv.org/abs/1704.04760): the paper with the systolic array and the roofline.
#
# Next: everything together. [Lesson 16](16_capstone.ipynb) goes from nothing to a submission, twice.
