# %% [markdown]
# # 16. Capstone: from nothing to a submission, twice
#
# You have built every part of a network and checked each against PyTorch. Now they go the whole way together: from the
# archive to a submission that passes the gate, once with PyTorch's network and once with ours. Afterwards you can put a
# block of your own into the pipeline, check it, train it, and compare it with all other models.
#
# **Topics:** submission
#
# ## Idea
#
# The pipeline consists of parts, and a network is one of them: tensors go in, logits come out, gradients come back. It
# can be exchanged: the rows, the folds, the initial weights, the loss, the optimizer, the metric and the gate all stay.

# %%
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from groundwork.adding import competition_file, files
from groundwork.adding.proposal import propose
from groundwork.data.archives import Archive
from groundwork.errors import UserError
from groundwork.kaggle import gate
from groundwork.lessons import NotAttempted, apply, check, claim, show, subplots, walkthrough
from groundwork.models.fnn import FNN
from groundwork.objectives import KINDS
from groundwork.objectives.metrics import METRICS
from groundwork.scratch import bridge, manual_seed, models, nn
from groundwork.scratch.verify import compare, gradcheck
from groundwork.settings import Hardware
from groundwork.stages.fetch import fetch
from groundwork.stages.predict import predict
from groundwork.stages.submission import submission
from groundwork.training.batches import Batches, Rows
from groundwork.training.build import make_encoder, make_objective
from groundwork.training.fit import fit

PARTS = {  # its position, what it is, and the lessons about it
    "archive": (0, 1, "fetch\n0"),
    "tables": (1, 1, "prepare\n8"),
    "tensors": (2, 1, "encoder\n8"),
    "PyTorch": (3.1, 1.5, ""),
    "ours": (3.1, 0.5, "by the bridge\n2 to 6, 9 to 14"),
    "logits": (4.2, 1, "loss\n5"),
    "answers": (5.2, 1, "metric, gate\n5, 16"),
}
figure, axis = subplots(height=2.7)
for name, (x, y, lessons) in PARTS.items():
    look = {"boxstyle": "round,pad=0.3", "facecolor": "0.93", "edgecolor": "0.3"}
    if y != 1:
        look |= {"facecolor": "white", "linewidth": 1.8}
    axis.text(x, y, name, ha="center", va="center", weight="bold", bbox=look)
    axis.text(x, y - 0.17, lessons, ha="center", va="top", fontsize=8.5)
arrows = "archive->tables tables->tensors logits->answers tensors->PyTorch tensors->ours"
for arrow in [*arrows.split(), "PyTorch<->logits", "ours<->logits"]:
    style = "<->" if "<" in arrow else "->"
    start, end = (PARTS[name][:2] for name in arrow.split(style))
    axis.annotate("", end, start, arrowprops={"arrowstyle": style, "shrinkA": 28, "shrinkB": 26})
axis.text(3.8, 1.5, "logits forth,\ngradients back: 6, 7", fontsize=8.5, va="center")
axis.set(xlim=(-0.45, 5.6), ylim=(0, 2))
axis.axis("off")
show("From archive over tables and tensors, by PyTorch's network or ours, to logits and answers")

# %% [markdown]
# The numbers are lessons; the optimizer is that of lesson 7. Nothing is random: both networks start from the same
# weights, since ours copies PyTorch's initial ones, and see the same rows in the same order, without dropout. So we can
# expect more than similar scores: the same loss, epoch by epoch.
#
# ## Build
#
# The **bridge** connects the two. It turns one of our modules into a PyTorch module, so that PyTorch's optimizers,
# Lightning and checkpoints treat it like any other. Before each run it *lends* the numbers: PyTorch owns the weights,
# and ours use the same memory, so that nothing is copied. In PyTorch's graph the whole network is one node, whose
# backward walks our graph from lesson 6 and returns its gradients.

# %%
walkthrough(bridge._Mirror.lend, bridge._Run)

# %% [markdown]
# ## Prove
#
# First the bridge: PyTorch's own gradient check tests a network behind it. Then FNN, the pipeline's network for tables,
# is compared with PyTorch's on the same weights: outputs, gradients, and a hundred steps of training. It takes numbers,
# codes of categories, and edges of bins; its `members` share most weights, and their predictions are averaged.

# %%
chance = np.random.default_rng(0)
edges = np.sort(chance.normal(size=(3, 5)), axis=1).astype(np.float32)
sizes = {"categories": [4, 3], "outputs": 2, "members": 2, "width": 8, "dropout": 0.0}
manual_seed(0)
torch.manual_seed(0)
numbers, codes = chance.normal(size=(6, 3)), chance.integers(0, 3, (6, 2))
small = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
rows = torch.tensor(numbers, requires_grad=True)
found = torch.autograd.gradcheck(bridge.as_torch_module(small), (rows,))
claim("PyTorch finds our gradients right, through the bridge", found)
twin = FNN(torch.from_numpy(edges), **sizes)
compare(models.FNN(edges, **sizes), twin, numbers, codes, steps=100)

# %% [markdown]
# ## See
#
# Now the whole way, twice. `backend` is a key in `params.yaml`; everything else stays. The lane is Titanic, on the
# sample that comes with Groundwork, one fold of five.

# %%
runs = {
    backend: apply.train("titanic", {"model.backend": backend, "model.dropout": 0.0})
    for backend in ("torch", "scratch")
}
theirs, ours = (runs[backend].history for backend in ("torch", "scratch"))
figure, (left, right) = subplots(1, 2, height=3)
for loss, shade, dashes in (("train_loss", "0.75", "k--"), ("val_loss", "0.5", "k:")):
    left.plot(theirs["epoch"], theirs[loss], linewidth=4, color=shade, label=f"PyTorch: {loss}")
    left.plot(ours["epoch"], ours[loss], dashes, label=f"ours: {loss}")
left.set(xlabel="epoch", ylabel="loss", title="one curve drawn over the other")
left.legend(fontsize=8)
gap = (ours[["train_loss", "val_loss"]] - theirs[["train_loss", "val_loss"]]).abs().max(axis=1)
right.semilogy(ours["epoch"], gap.clip(lower=1e-9), "o-", markersize=4)
right.set(xlabel="epoch", ylabel="difference", title="what rounding leaves", ylim=(3e-10, 1))
show("Our losses lie on PyTorch's; the difference grows from 1e-9 to 1e-4 within ten epochs")
claim("the first epoch's losses agree to five places", gap.iloc[0] < 1e-5)
claim("and to the last epoch none differ by a hundredth", gap.max() < 0.01)

# %% [markdown]
# float32 keeps seven digits. Each library sums in its own order, so the last digit may differ, and such differences
# grow with every step. Nothing else differs; with dropout the masks would, and so would the curves.

# %%
scores = dict(apply.baselines("titanic"))
scores |= {f"network, {backend}": run.score for backend, run in runs.items()}
for name, score in scores.items():
    print(f"{name:22} accuracy {score:.3f}")
nets = [run.score for run in runs.values()]
claim("both networks are far better than the constant", min(nets) > scores["constant"] + 0.08)
claim("they agree within four rows of 179", np.ptp(nets) < 4.5 / 179)

# %% [markdown]
# A row here is half a percent. Logistic regression is hard to beat on this sample: survival was drawn from a rule of
# nearly the same form, a sum over class, sex, age and the party on a ticket, and seven hundred rows show little else.
# [docs/scores.md](../docs/scores.md) has the scores on Kaggle's real files.
#
# ## Try
#
# Write a block that is not among the library's layers. Two layers read the same rows; one is a **gate** for the other
# ($\odot$ is the element-wise product); a third leads back to the input's width, and the input is added:
#
# $$y = x + W_d\,\big(\mathrm{swish}(W_g x + b_g) \odot (W_u x + b_u)\big) + b_d
# \qquad \mathrm{swish}(z) = z\,\sigma(z)$$
#
# $\sigma$ is the sigmoid: `F.sigmoid`, after `from groundwork.scratch import functional as F`. Rows are `[..., width]`.
# The check tests names and shapes of the parameters, the output, every gradient, and a short training.


# %%
class GatedBlock(nn.Module):
    def __init__(self, width, hidden):
        self.gate = nn.Linear(width, hidden)
        # Two more layers: `up`, as wide as gate, and `down`, which leads back to width.

    def forward(self, input):
        raise NotAttempted  # input + down(swish(gate(input)) * up(input))


check("16.own_block", GatedBlock)

# %% [markdown]
# ## Apply
#
# Check it and train it. These cells use the solution; to use your block, delete the import. PyTorch has no such block
# either, so its counterpart is built from PyTorch's parts.

# %%
from groundwork.lessons.exercises.e16_own_block import GatedBlockSolution as GatedBlock


class Twin(torch.nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.gate, self.up = (torch.nn.Linear(width, hidden) for _ in range(2))
        self.down = torch.nn.Linear(hidden, width)

    def forward(self, input):
        return input + self.down(torch.nn.functional.silu(self.gate(input)) * self.up(input))


print(gradcheck(GatedBlock(3, 5), (numbers,)))
print(compare(GatedBlock(3, 5), Twin(3, 5), numbers, steps=100))

# %% [markdown]
# Training takes objects, not names in a file: encoder, objective, batches, network. Here they are combined by hand, as
# in the train stage, and the block replaces the network's second hidden layer. A mini-batch there is `[rows, members,
# width]`, so the block must accept any number of dimensions.

# %%
CPU = Hardware(accelerator="cpu", devices="auto", precision="auto", strategy="auto", num_nodes=1)
section = apply.settings("titanic")
competition, prepared = apply.tables("titanic")
train, valid = prepared.training(0), prepared.validation(0)
objective = make_objective(competition, section.objective, train, prepared)  # loss and targets
encoder = make_encoder(competition, section, prepared)
encoded = encoder.fit_transform(train, objective.signals(train))  # of training rows alone
sizes = encoder.edges.numpy(), encoder.categories, objective.outputs
manual_seed(0)
network = models.FNN(*sizes, width=64, dropout=0.0)
first_layer, activation, *_ = network.hidden  # the second layer is replaced
network.hidden = nn.Sequential(first_layer, activation, GatedBlock(64, 64))
result = fit(
    bridge.as_torch_module(network),
    objective,
    METRICS[competition.metric],
    Batches.seeded(Rows(encoded, objective.tensor(train)), section.training.batch_size, seed=0),
    Rows(encoder.transform(valid), objective.tensor(valid)),
    section.training,
    CPU,
)
own = result.history[-1][f"val_{competition.metric}"]
print(f"{'network, own block':22} accuracy {own:.3f}")
claim("this network, too, is far better than the constant", own > scores["constant"] + 0.08)

# %% [markdown]
# On 179 rows such scores do not separate the networks. Before you keep a block, train all folds, and compare.
#
# The last step is to submit. The predict stage predicts the test rows, and the submission stage spells the answers as
# Kaggle wants them and asks the **gate**. Wrong columns, ids or labels are refused. What only looks wrong, such as one
# answer for all rows, is a suspicion: `groundwork submit` hands such a file in only with a reason.


# %%
def hand_in(run, folder):
    """Write submission.csv as the last two stages do, if it passes the gate; return its table, read as text."""
    run.trained.save(folder / "checkpoints" / "fold_0.fold")
    run.trained.validation.to_parquet(folder / "oof.parquet")
    predict("titanic", competition, prepared, folder, CPU)
    return pd.read_csv(submission("titanic", competition, prepared, folder), dtype=str)


with tempfile.TemporaryDirectory() as room:
    first, second = (hand_in(run, Path(room, name)) for name, run in runs.items())
sample, held = pd.read_csv(prepared.sample_submission, dtype=str), runs["torch"].trained.validation
oof = pd.DataFrame({"Survived": (held["p1"] > held["p0"]).astype(int)})  # out-of-fold answers
rules = KINDS[competition.kind].rules(prepared.labels, competition.task, sample[["Survived"]])
claim("two submissions, a prediction for each test passenger", len(first) == len(second) == 418)
claim("they agree on nearly all", (first["Survived"] == second["Survived"]).mean() > 0.97)
wrong = {"a row is lost": first.iloc[1:], "probabilities": first.assign(Survived="0.9")}
for mistake, table in wrong.items():
    try:
        gate.check(table, sample, rules, oof)
        refused = False
    except UserError as error:
        refused = True
        print(error.problem)
    claim(f"{mistake}: refused", refused)
((_, suspicion),) = gate.check(first.assign(Survived="0"), sample, rules, oof).suspicions
claim("one answer for all: suspicious", suspicion.name == "constant")

# %% [markdown]
# The same way is open to any competition. `groundwork add` looks at an archive and writes the competition's file; on
# Titanic's it finds what `competitions/titanic.py` says by hand, except for the features. Those are your part.

# %%
with tempfile.TemporaryDirectory() as room:
    zipped = Path(room, "titanic.zip")
    fetch(competition, "sample", zipped, "titanic")
    found = files.read(Archive(zipped, zipped, "", ""))
    proposal = propose("titanic", "titanic", "titanic", found)
print(competition_file.source(proposal))
goal, hand = proposal.target, competition
read = goal.id, goal.targets, goal.kind.value, METRICS[goal.metric.value].higher_is_better
known = hand.id, hand.targets, hand.kind, hand.scorer.higher_is_better
claim("add finds id, target, kind and the metric's direction", read == known)

# %% [markdown]
# In a terminal the first command goes the whole way, and every run is recorded:
#
# ```
# groundwork repro titanic
# groundwork try titanic backend=scratch           # the same network in NumPy
# groundwork leaderboard titanic                   # both backends, and the baselines
# groundwork submit titanic -m "ours" --dry-run    # with source: kaggle; uploads nothing
# wandb login && groundwork sync                   # the curves, in W&B's dashboard
# ```
#
# Any other setting of any lane changes in the same way. `groundwork report` has all lanes on one page.
# You can now read any network as data, model, objective and algorithm; write and check its blocks; find the leak in a
# score that is too good; and submit a model that you can explain. Where to go from here? Enter a current competition.
# Add a network with your block to the three places that `training/build.py` names. Or build what a paper describes.
#
# ## Where to read on
#
# - [fast.ai](https://course.fast.ai/): part 2 builds everything from scratch, up to image generation.
# - [Dive into Deep Learning](https://d2l.ai/): the chapters after these lessons, on vision and language models.
# - [PyTorch's quick start](https://pytorch.org/tutorials/beginner/basics/quickstart_tutorial.html), once more.
# - Shazeer, [GLU Variants Improve Transformer](https://arxiv.org/abs/2002.05202): a short paper on the block you wrote.
#
# That was the last lesson. The [first one](00_workspace.ipynb) reads differently from here.
