# %% [markdown]
# # 15. Hardware: arithmetic, memory, precision
#
# The same network trains in an hour on one machine and in a minute on another. This lesson says why: how much
# arithmetic a network asks for, how many numbers must be moved for it, and how exact they have to be. Afterwards you
# can count both, and you will have written the trick by which every fast matrix product lives.
#
# **Topics:** hardware acceleration
#
# ## Idea
#
# Nearly all the work of a network is matrix products. Picture a cook with very fast hands and one slow errand boy. If
# every cut needs a new carrot from the cellar, the cook waits. If each carrot that comes up is used a hundred times,
# the hands are busy. A processor is such a cook, and memory is the cellar.
#
# A product of two n by n matrices uses each number n times: $2n^3$ operations on $3n^2$ numbers, the result among them.
# That is the left picture. The right one draws the cook: what a machine gets done in the time in which one number
# arrives, against how often each number is used.

# %%
import itertools
import time

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from groundwork.lessons import NotAttempted, apply, check, claim, show, subplots, walkthrough
from groundwork.scratch import Tensor, linalg, manual_seed, nn
from groundwork.scratch.hardware import FastMemory, SystolicArray, flops, matmul_blocked

PEAK = 64  # operations of a made-up machine in the time in which one number arrives


def intensity(rows, inputs, outputs):
    """Operations of a product [rows, inputs] @ [inputs, outputs] for each number moved."""
    return 2 * rows * inputs * outputs / (rows * inputs + inputs * outputs + rows * outputs)


figure, (left, right) = subplots(1, 2, height=3.4)
sizes = 2.0 ** np.arange(1, 13)
left.loglog(sizes, 2 * sizes**3, "-", label="operations, 2n³")
left.loglog(sizes, 3 * sizes**2, "--", label="numbers, 3n²")
left.set(xlabel="n", title="a product of n by n matrices")
left.legend(fontsize=8)
uses = np.logspace(-1.5, 3.5, 100)
right.loglog(uses, np.minimum(uses, PEAK), "-")
layers = {"add two vectors": 1 / 3, "layer, 1 row": intensity(1, 512, 512)}
layers |= {f"layer, {rows} rows": intensity(rows, 512, 512) for rows in (16, 256)}
for (name, x), marker in zip(layers.items(), "osD^", strict=True):
    right.plot(x, min(x, PEAK), "k" + marker, markersize=6, label=name)
right.axhline(PEAK, color="0.5", linestyle=":")
right.text(0.04, PEAK * 1.15, "as fast as it can multiply", fontsize=8)
right.set(xlabel="operations for each number moved", ylabel="operations done", title="the roofline")
right.set_ylim(0.02, 300)
right.legend(fontsize=8, loc="lower right")
show()

# %% [markdown]
# The bent line is called the **roofline**. On the slope a machine waits for memory; on the flat part it multiplies as
# fast as it can. The operations for each number moved are the **arithmetic intensity**. Adding two vectors will always
# be on the slope. A layer is on the slope for one row, for then each weight is fetched for a single product. With a
# mini-batch of 256 rows each weight serves 256 times. That, beside the gradient's noise, is what batches are for.
#
# Operations on numbers with a fraction are **FLOPs** (floating-point operations); a product and a sum are two. They can
# be counted from shapes alone: a linear layer does two for each weight and row.

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
used = 2 * 28 * 28 * 8 * 25 * 32  # places, kernels of 25 weights, rows
claim("a convolution uses each weight at every place", counts["0"], used)
sizes = network[4].weight.data.size, convolution.weight.data.size
claim("the linear layer has over 50 times as many weights", sizes[0] > 50 * sizes[1])
claim("the convolution does most of the work", counts["0"] > 9 * counts["4"])

# %% [markdown]
# ## Build
#
# How does one fetch serve many products? Two answers. A CPU and a **GPU** cut the matrices into blocks that fit into a
# small fast memory beside the arithmetic, and use each block as often as it has rows. The library has such a memory: it
# counts what is loaded, and refuses what does not fit. The product in blocks is yours to write, below.
#
# A **TPU** goes further: its **systolic array** is a grid of cells, each with one weight. Numbers walk through it from
# left to right, sums from top to bottom, and no sum goes back to memory before it is complete. Notice the delay in
# `entering`: row r starts r cycles late, so that each number meets its sum.

# %%
walkthrough(FastMemory.load, FastMemory.zeros, FastMemory.free, SystolicArray.multiply)

# %% [markdown]
# ## Prove
#
# All rungs of the library's ladder of products, the blocks and the grid give the product; and the operations are those
# that PyTorch counts. The rungs differ in how many steps Python itself takes: n³, n², n², n, and one. A step of Python
# costs as much as hundreds of multiplications, so the first rung is slower than `@` by a factor that no machine hides.

# %%
chance = np.random.default_rng(0)
a, b = chance.normal(size=(2, 64, 64))
names = "loops", "dots", "columns", "outer", "einsum"
ladder = [getattr(linalg, f"matmul_{name}") for name in names]
memory, grid = FastMemory(3 * 8 * 8), SystolicArray(b)
products = [matmul(a, b) for matmul in ladder] + [matmul_blocked(a, b, memory, 8), grid.multiply(a)]
claim("all seven give the product", max(abs(one - a @ b).max() for one in products) < 1e-12)


def seconds(matmul, tries):
    """The shortest of several tries."""
    marks = [(time.perf_counter(), matmul(a, b), time.perf_counter()) for _ in range(tries)]
    return min(end - start for start, _, end in marks)


claim("loops take over 50 times as long as @", seconds(ladder[0], 1) > 50 * seconds(np.matmul, 20))
conv, linear = torch.nn.Conv2d(1, 8, 5, padding=2), torch.nn.Linear(1568, 10)
twin = torch.nn.Sequential(conv, torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten(), linear)
with FlopCounterMode(display=False) as counter:
    twin(torch.zeros(32, 1, 28, 28))
claim("PyTorch counts as many operations", sum(counts.values()), counter.get_total_flops())

# %% [markdown]
# ## See
#
# The grid at work: six rows of numbers stream through 6 by 6 cells. Dark cells multiply. A wave enters at the upper
# left, fills the grid and leaves at the lower right. Filling and draining cost cycles, so a long stream pays and a
# short one does not: again a reason for batches.

# %%
grid = SystolicArray(chance.normal(size=(6, 6)))
grid.multiply(chance.normal(size=(6, 6)))
figure, axes = subplots(1, 5, height=1.7)
for axis, cycle in zip(axes, (0, 3, 7, 11, 15), strict=True):
    axis.imshow(grid.busy[cycle], cmap="gray_r", vmin=0, vmax=1.4)
    axis.set(title=f"cycle {cycle}", xticks=[], yticks=[])
    axis.grid(False)
show()
claim("6 + 6 + 6 - 2 cycles", grid.cycles, 16)
claim("a third and a bit of all cells had work", grid.utilization, 6 / 16)
grid.multiply(chance.normal(size=(1000, 6)))
claim("a stream of 1000 rows keeps 99 of 100 busy", grid.utilization, 0.99, 0.001)

# %% [markdown]
# The second lever is **precision**. A number of 16 bits takes half the room of one of 32 wherever it goes, and a
# multiplier for it is several times smaller, so that more of them fit on a chip. What is lost is digits. The eight bits
# that **bfloat16** has for them are little more than two decimal digits; **float16** has eleven bits, but its largest
# number is 65504. Watch a running sum of ones: once 1 is no more than half a unit of the sum's last digit, the sum is
# rounded back to what it was.

# %%
types = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}
sums = {
    name: list(itertools.accumulate([torch.ones((), dtype=dtype)] * 3000, torch.add))
    for name, dtype in types.items()
}
figure, axis = subplots(height=2.8)
for (name, running), style in zip(sums.items(), ("-", "--", ":"), strict=True):
    axis.plot([one.item() for one in running], style, label=name)
axis.set(xlabel="ones added", ylabel="sum")
axis.legend()
show()
claim("bfloat16 stalls at", sums["bfloat16"][-1].item(), 256)
claim("float16 at", sums["float16"][-1].item(), 2048)
claim("float32 would stall only at 2 ** 24", np.float32(2**24) + np.float32(1), 2**24)
claim("70000 is too large for float16", torch.tensor(7e4, dtype=torch.float16).isinf().item())
claim("but not for bfloat16", torch.tensor(7e4, dtype=torch.bfloat16).item(), 7e4, 200)
weight = torch.ones((), dtype=torch.bfloat16)
claim("a step of 0.001 changes no bfloat16 weight of 1", (weight - 0.001).item(), 1)

# %% [markdown]
# So networks are trained in **mixed precision**: products in 16 bits, but sums of products, weights and the optimizer's
# state in 32. The noise of the products is small beside that of a mini-batch. What adds up over thousands of steps
# keeps its digits.
#
# ## Try
#
# Write the product in blocks. `memory` is a `FastMemory` that holds `3 * block ** 2` words and raises MemoryError for
# one more; sizes are any, not multiples of `block`. Return c, `[rows, columns]`. `hint("15.blocked_matmul")` helps.


# %%
def blocked_matmul(a, b, memory, block):
    # part = memory.load(a[..., ...])       copies a part of a or b in
    # total = memory.zeros(rows, columns)   makes room for a sum
    # memory.store(total, c[..., ...])      writes a sum to its place in c
    # memory.free(part, ...)                gives room back
    raise NotAttempted


check("15.blocked_matmul", blocked_matmul)

# %% [markdown]
# What it is worth: words moved for a product of 64 by 64 matrices, by the size of the blocks. Twice the block, half the
# words; and the memory that it needs grows with the square.

# %%
blocks, moved = (1, 2, 4, 8, 16, 32, 64), []
for block in blocks:
    memory = FastMemory(3 * block**2)
    matmul_blocked(a, b, memory, block)
    moved.append(memory.loaded)
figure, axis = subplots(height=2.6)
axis.loglog(blocks, moved, "o-", base=2)
axis.set(xlabel="block (the memory holds 3 block² words)", ylabel="words loaded")
show()
claim("with single numbers, each of them is fetched 64 times", moved[0], 2 * 64**3)
claim("in one block, once", moved[-1], 2 * 64**2)
claim("blocks of 8 need an eighth of the words", moved[3] / moved[0], 1 / 8)

# %% [markdown]
# ## Apply
#
# `hardware` in `params.yaml` goes to Lightning's Trainer. `accelerator: auto` takes a GPU where there is one, and
# `precision: auto` takes `bf16-mixed` where the GPU has it. Here everything runs on the CPU. Titanic's network on the
# sample that comes with Groundwork, one fold, in three precisions:

# %%
scores = {}
for precision in ("64-true", "32-true", "bf16-mixed"):
    run = apply.train("titanic", {"hardware.precision": precision, "training.epochs": 12})
    scores[precision] = run.score
    print(
        f"{precision:11} {run.metric} {run.score:.3f}  loss {run.history['train_loss'].iloc[-1]:.3f}"
    )
claim("all within three points of one another", max(scores.values()) - min(scores.values()) < 0.03)

# %% [markdown]
# Half the bits, and no loss that a score would show. A CPU need not be any faster for it, and a network as small as
# this one would not fill a GPU: a run there would show about the same scores, and a gain in time only for larger ones,
# such as the lane of digits. What the machine has, and how to ask for it:
#
# ```
# groundwork doctor
# dvc exp run -S 'hardware.accelerator=gpu' -S 'hardware.precision=bf16-mixed'
# ```
#
# `hardware.devices` and `hardware.strategy: ddp` are for several GPUs: each takes its share of an epoch's mini-batches.
#
# ## Where to read on
#
# - [Dive into Deep Learning, hardware](https://d2l.ai/chapter_computational-performance/hardware.html): memory, caches,
#   GPUs and their numbers.
# - [CS50](https://cs50.harvard.edu/x/), the weeks on arrays and memory: what an address is, and why a row of numbers
#   side by side is read faster than a scattered one.
# - [PyTorch's quick start](https://pytorch.org/tutorials/beginner/basics/quickstart_tutorial.html): how a network and
#   its batches move to a GPU.
# - [fast.ai](https://course.fast.ai/): training on a rented GPU, in mixed precision, from the first lesson on.
# - Jouppi et al., [the TPU](https://arxiv.org/abs/1704.04760): the paper with the systolic array and the roofline.
#
# Next: everything together. [Lesson 16](16_capstone.ipynb) goes from nothing to a submission, twice.
