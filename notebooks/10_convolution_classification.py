# %% [markdown]
# # 10. Convolution and classification: reading digits
#
# In a picture, neighbouring pixels together say more than any single one. A convolutional network, CNN, uses that.
# After this lesson you can say what it has that an MLP lacks, you know how large each of its layers is, and you have
# written a convolution as one matrix product.
#
# **Topics:** convolutional networks, classification
#
# ## Idea
#
# Lay a small window over a picture. It shows nine pixels. Multiply each by its weight, add the nine products, and
# write the sum down. Move the window by one pixel and do it again, with the same nine weights. The nine weights are
# a **kernel**, or filter. The sums, each written at the position of the window, form a new picture: a **feature
# map**.

# %%
import numpy as np
import torch
from matplotlib.patches import Rectangle

from groundwork.lessons import NotAttempted, apply, check, claim, show, subplots, walkthrough
from groundwork.models import cnn
from groundwork.scratch import functional as F
from groundwork.scratch import manual_seed, models, nn, no_grad, optim
from groundwork.scratch.data import DataLoader, TensorDataset
from groundwork.scratch.mlp import MLP
from groundwork.scratch.tensor import Tensor
from groundwork.scratch.train import fit
from groundwork.scratch.verify import compare, gradcheck


def pictures(table):
    """Return pictures [rows, 1, 28, 28] with pixels from 0 to 1, and their digits [rows]."""
    pixels = table[[name for name in table if name.startswith("pixel")]].to_numpy(np.float32)
    return pixels.reshape(-1, 1, 28, 28) / 255, table["label"].to_numpy()


_, prepared = apply.tables("digit-recognizer")
train_images, train_digits = pictures(prepared.training(0))
valid_images, valid_digits = pictures(prepared.validation(0))
zero = train_images[train_digits == 0][2:3]
edges = np.array([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]], np.float32)
found = F.conv2d(Tensor(zero), Tensor(edges[None, None]), padding=1).data

figure, axes = subplots(1, 3, height=2.7)
titles = ("a picture", "a kernel", "its feature map")
for axis, title, image in zip(axes, titles, (zero[0, 0], edges, found[0, 0]), strict=True):
    axis.imshow(image, cmap="gray")
    axis.set(title=title, xticks=[], yticks=[])
for name, (y, x) in {"A": (13, 7), "B": (13, 20), "C": (5, 13)}.items():
    for axis in axes[[0, 2]]:
        axis.add_patch(Rectangle((x - 1.5, y - 1.5), 3, 3, fill=False, color="C1", linewidth=2))
        axis.text(1.6 * x - 9, 1.5 * y - 5, name, color="C1", weight="bold")
for (y, x), weight in np.ndenumerate(edges):
    axes[1].text(x, y, f"{weight:.0f}", color="black" if weight > 0 else "white")
show("A handwritten 0, a kernel with columns of -1, 0 and 1, and its map: upright edges stand out")

# %% [markdown]
# This kernel subtracts the left side of the window from the right. At A the picture gets brighter from left to right,
# and the map is bright. At B it gets darker, and the map is dark. At C the picture changes from top to bottom, and the
# kernel does not respond: the map is as grey as in the empty corners. A kernel looks for one feature everywhere.
#
# In a formula, with a bias $b$, for the place in row $i$ and column $j$ of the map:
#
# $$y_{i,j} = b + \sum_{u} \sum_{v} w_{u,v}\, x_{i+u,\; j+v}$$
#
# In mathematics, a convolution first rotates the kernel by 180 degrees, and the formula above is a cross-correlation.
# For networks, which learn their kernels, it makes no difference, and the name convolution has stayed.
#
# A layer has many kernels, and each makes its own map: the layer's **channels**. The kernels of the next layer see all
# channels at once, so their sum also runs over channels. And the weights are not set by hand as here, but learned.
#
# **What a CNN has that an MLP lacks.** An MLP takes the picture as 784 features in no order. If you shuffled the pixels
# of all pictures in the same way, it would learn just as well. A convolution has three assumptions built in:
#
# - *Locality.* A number of the map depends on a few neighbouring pixels. Larger shapes are left to later layers.
# - *Shared weights.* An edge looks the same everywhere, so every position uses the same kernel. Eight kernels of 5 x 5
#   and their biases are 208 weights. A linear layer with as many outputs has 4.9 million.
# - *Shift.* If the digit moves, its map moves with it and stays the same otherwise.

# %%
convolution = nn.Conv2d(1, 8, 5, padding=2)
weights = sum(parameter.data.size for parameter in convolution.parameters())
maps = np.prod(convolution(Tensor(zero)).shape)
moved = F.conv2d(Tensor(np.roll(zero, 3, axis=3)), Tensor(edges[None, None]), padding=1).data
same = np.allclose(np.roll(found, 3, axis=3), moved, atol=1e-5)
claim("at A the map is bright, at B it is dark", found[0, 0, 13, 7] > 1 > -1 > found[0, 0, 13, 20])
claim("and at C it is neither", abs(found[0, 0, 5, 13]) < 0.3)
claim("weights of eight 5 x 5 kernels with their biases", weights, 208)
claim("millions of weights of a linear layer to as many numbers", 785 * maps / 1e6, 4.9, 0.05)
claim("move the digit by 3 pixels, and its map moves by 3", same)

# %% [markdown]
# **Padding** adds zeros around the picture, so that the window also fits at the edge. The **stride** is the number of
# pixels per move. **Max pooling** has no weights: it keeps the largest number of each window, usually of 2 x 2 with a
# stride of 2. That halves height and width, and a shift of the digit by a pixel makes less of a difference. At the end,
# the mean and the largest number of each map say whether its feature occurs anywhere.
#
# ## Build
#
# A convolution that loops over positions is slow in Python. The trick is to write the patch under the kernel at each
# position as the row of a matrix. Then a single matrix product computes all positions for all kernels: look for
# `columns @ flat.T`. Backwards, a pixel that was in several patches gets the sum of their gradients.
#
# The network stacks such layers. After each comes a **batch normalization**, which gives every channel mean 0 and
# standard deviation 1 over the mini-batch, and then scales and shifts it by two learned weights; then a ReLU.

# %%
walkthrough(F.conv2d, models._convolution, models.CNN.__init__, models.CNN.forward)

# %% [markdown]
# ## Prove
#
# With stride, padding, two channels and a picture that is not square, compare every entry of every gradient with a
# difference quotient, then the layers and the whole network with PyTorch's.

# %%
manual_seed(0), torch.manual_seed(0)
images = np.random.default_rng(0).normal(size=(4, 2, 9, 8))
print(gradcheck(nn.Conv2d(2, 3, 3, stride=2, padding=1), (images,)))
print(compare(nn.Conv2d(2, 3, 3, 2, 1), torch.nn.Conv2d(2, 3, 3, 2, 1), images, steps=20))
print(compare(nn.MaxPool2d(2), torch.nn.MaxPool2d(2), images))
print(compare(models.CNN(2, [3, 4], 10), cnn.CNN(2, [3, 4], 10), images, steps=20))

# %% [markdown]
# ## See
#
# Three networks learn from the same 600 pictures of the sample that comes with Groundwork: a small CNN, an MLP with a
# hidden layer of 64 units, and a linear model. Then they classify 300 new pictures: unchanged, and moved to the right
# by one to four pixels.


# %%
def train(network, epochs, learning_rate):
    """Fit a network to the first 600 training pictures."""
    batches = DataLoader(TensorDataset(train_images[:600], train_digits[:600]), 16, shuffle=True)
    optimizer = optim.Adam(network.parameters(), lr=learning_rate)
    schedule = optim.OneCycleLR(optimizer, learning_rate, total_steps=epochs * len(batches))
    fit(network, F.cross_entropy, batches, None, optimizer, epochs, schedule)
    return network


@no_grad()
def accuracy(network, images):
    """Return the share of validation pictures that are classified correctly."""
    return float((network(Tensor(images)).data.argmax(1) == valid_digits).mean())


manual_seed(0)
networks = {
    "CNN": train(models.CNN(1, [8, 16], 10), epochs=6, learning_rate=0.01),
    "MLP": train(nn.Sequential(nn.Flatten(), MLP([784, 64, 10])), epochs=10, learning_rate=0.002),
    "linear": train(nn.Sequential(nn.Flatten(), MLP([784, 10])), epochs=10, learning_rate=0.002),
}
moves = range(5)
curves = {
    name: [accuracy(network, np.roll(valid_images, move, axis=3)) for move in moves]
    for name, network in networks.items()
}
figure, axis = subplots(height=2.8)
for (name, curve), style in zip(curves.items(), ("C0o-", "C1s--", "k:"), strict=True):
    weights = sum(parameter.data.size for parameter in networks[name].parameters())
    axis.plot(moves, curve, style, label=f"{name}, {weights:,} weights")
axis.set(xlabel="pixels that the digit was moved", xticks=moves, ylabel="accuracy", ylim=(0, 1.02))
axis.legend()
show("Accuracy by pixels that the digits moved: the CNN's stays, that of MLP and linear falls")
claim("number of validation pictures", len(valid_digits), 300)
claim("moved by 4 pixels, the CNN gets 17 of 20 or more", curves["CNN"][4] > 0.85)
claim("and the MLP less than half", curves["MLP"][4] < 0.5)

# %% [markdown]
# The CNN has the fewest weights, and the shift hardly affects it. The MLP has learned at which pixels a 4 is bright;
# four pixels further to the right the picture looks like another digit. It would have to see every digit at every
# position.
#
# Which kernels has the CNN learned? These are the first layer's eight, and below each its map of our zero; grey is 0.
# The kernels look rough, because after six epochs much of their random initialization remains. The maps show more: some
# respond to the stroke as a whole, bright or dark, and some to its left or its right edge.

# %%
first = networks["CNN"].features[0][0]
with no_grad():
    maps = first(Tensor(zero)).data[0]
figure, axes = subplots(2, 8, height=2.1)
for place, (above, below) in enumerate(axes.T):
    for axis, image in ((above, first.weight.data[place, 0]), (below, maps[place])):
        largest = abs(image).max()
        axis.imshow(image, cmap="gray", vmin=-largest, vmax=largest)
        axis.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("kernel")
axes[1, 0].set_ylabel("map")
show("Eight learned kernels, 5 by 5, and the map of a 0 that each of them makes")

# %% [markdown]
# ## Try
#
# How large is the output of a layer? Write `output_size`: along a side of `size` pixels, how many positions does a
# kernel of `kernel` pixels have, if it moves by `stride` and there are `padding` zeros at either end? The window must
# fit into the padded picture completely. All four arguments are whole numbers, and so is the answer, an `int`.


# %%
def output_size(size, kernel, stride=1, padding=0):
    raise NotAttempted  # how many positions does the kernel have along one side?


check("10.shapes", output_size)

# %% [markdown]
# Then write `im2col`. `images` are `[n, channels, height, width]`, `kernel` is a pair (height, width), `stride` and
# `padding` are numbers. The answer has a row for each position of the kernel: `[n * places down * places across,
# channels * kernel height * kernel width]`. First come the positions in the first picture, from left to right and then
# down. A row contains the patch there: channel 0 line by line, then channel 1. (In the library's rows the channels are
# innermost, which is faster.) With your rows, and no padding or stride, a convolution is `im2col(images, kernel) @
# weight.reshape(kernels, -1).T`. You may use loops.


# %%
def im2col(images, kernel, stride=1, padding=0):
    raise NotAttempted  # a row for each position of the kernel: the patch there


check("10.im2col", im2col)

# %% [markdown]
# ## Apply
#
# **From target to head, loss and metric.** The target is one of ten classes, which have no order: mistaking a 7 for an
# 8 is no better than mistaking it for a 1. So the head has not one output but ten, a **logit** for each class. Softmax
# turns them into probabilities, which are positive and add up to 1. The loss is cross-entropy: minus the logarithm of
# the probability of the right class. The metric is accuracy, the share of right answers. It cannot be a loss, because
# it does not change when a weight changes a little, and so has no slope.
#
# Now compare the models by accuracy on the same validation pictures of one fold. Our CNN has seen 600 pictures. The
# lane's network gets all of them, each time rotated, stretched and moved a little at random: this **augmentation**
# helps when there are few pictures. To save time it is smaller here and trains for four epochs instead of eight, with
# smaller mini-batches, a higher learning rate, and without the moving average of its weights.

# %%
quick = {"model.channels": [8, 16, 32], "training.epochs": 4, "training.early_stopping": None}
quick |= {"training.batch_size": 32, "training.learning_rate": 0.01}
run = apply.train("digit-recognizer", quick | {"training.weight_averaging": 0.0})
ladder = apply.baselines("digit-recognizer")
ladder |= {"MLP from scratch": curves["MLP"][0], "CNN from scratch": curves["CNN"][0]}
ladder["PyTorch CNN, 4 epochs"] = run.score
print(f"{'':30} {run.metric}")
for name, score in ladder.items():
    print(f"{name:30} {score:.3f}")
nothing_learnt = F.cross_entropy(Tensor(np.zeros((300, 10))), Tensor(valid_digits)).item()
claim("ten equal logits cost ln 10", nothing_learnt, np.log(10), 1e-6)
claim("one picture changes the accuracy by", 1 / len(valid_digits), 0.0033, 0.0001)
claim("either CNN gets 17 of 20 or more", min(curves["CNN"][0], run.score) > 0.85)

# %% [markdown]
# The last decimals mean little: with 300 pictures, 0.01 is three of them. And a linear model does well, since all
# digits of the sample are centred; the curves above show what happens where they are not.
# [docs/scores.md](../docs/scores.md) has the score of the shipped parameters on Kaggle's own pictures. In a terminal:
#
# ```
# groundwork repro digit-recognizer             # five folds, as params.yaml has it, tracked
# groundwork leaderboard digit-recognizer
# groundwork try digit-recognizer backend=scratch               # in NumPy
# groundwork submit digit-recognizer -m "CNN" --dry-run         # with source: kaggle
# ```
#
# ## Where to read on
#
# - [Dive into Deep Learning, convolutional networks](https://d2l.ai/chapter_convolutional-neural-networks/index.html):
#   why convolutions follow from locality and shift, with all the arithmetic of padding and stride.
# - [DeepLearning.AI's specialization](https://www.deeplearning.ai/courses/deep-learning-specialization/), course 4:
#   edges, pooling and the well-known networks, on a blackboard.
# - [fast.ai](https://course.fast.ai/): pictures of your own, with a network that others have trained before you.
# - [PyTorch's quick start](https://pytorch.org/tutorials/beginner/basics/quickstart_tutorial.html): small pictures of
#   clothes, ten classes, and an MLP that you can now replace.
# - LeCun, Bottou, Bengio and Haffner, [Gradient-based learning applied to document
#   recognition](https://doi.org/10.1109/5.726791): the paper that read the digits.
#
# Next: inputs that have an order in time. [Lesson 11](11_recurrent_tagging.ipynb) reads comments word by word.
