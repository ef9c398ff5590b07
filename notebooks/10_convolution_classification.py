# %% [markdown]
# # 10. Convolution and classification: reading digits
#
# In a picture, what stands side by side says more than any single pixel. A convolutional network, CNN, is built for
# that. After this lesson you can say what it has that an MLP lacks, you know how large each of its layers is, and you
# have written a convolution as one matrix product.
#
# **Topics:** convolutional networks, classification
#
# ## Idea
#
# Lay a small window over a picture. It shows nine pixels. Multiply each by a weight of its own, add up the nine
# products, and write the sum down. Move the window by one pixel and do it again, with the same nine weights. The nine
# weights are a **kernel**, or filter. The sums, each written where the window stood, are a picture again: a **feature
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
    """Give pictures [rows, 1, 28, 28] with pixels from 0 to 1, and which digits they show [rows]."""
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
show()

# %% [markdown]
# This kernel subtracts the left of what it sees from the right. At A the picture grows brighter from left to right, and
# the map is bright. At B it grows darker, and the map is dark. At C the picture changes from top to bottom, and the
# kernel does not answer: the map is as grey as in the empty corners. A kernel is a question that is asked everywhere.
#
# In a formula, with a bias $b$, for the place in row $i$ and column $j$ of the map:
#
# $$y_{i,j} = b + \sum_{u} \sum_{v} w_{u,v}\, x_{i+u,\; j+v}$$
#
# Mathematics turns the kernel by 180 degrees first, and calls what we do here a cross-correlation. Networks learn their
# kernels, so it makes no difference to them, and the name convolution has stayed.
#
# A layer has many kernels, and each makes a map of its own: the layer's **channels**. The kernels of the next layer
# look at all channels at once, so their sum also runs over channels. And nobody writes the weights down as we did here.
# They are learnt.
#
# **What a CNN has that an MLP lacks.** An MLP takes the picture as 784 features in no order. If you shuffled the pixels
# of all pictures in the same way, it would learn just as well. A convolution knows three things beforehand:
#
# - *Locality.* A number of the map depends on a few pixels that lie side by side. Wider shapes are left to later
#   layers.
# - *Shared weights.* An edge is an edge wherever it lies, so every place uses the same kernel. Eight kernels of 5 x 5
#   and their biases are 208 weights. A linear layer that gives as many numbers has 4.9 million.
# - *Shift.* If the digit moves, its map moves with it, and is the same otherwise.

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
# **Padding** lays zeros around the picture, so that the window can stand at the edge as well. The **stride** is how
# many pixels it moves at a time. **Max pooling** has no weights: it keeps the largest number of each window, usually of
# 2 x 2 with a stride of 2. Half the height and half the width are left, and a digit that moved by a pixel makes less of
# a difference. At the end, the mean and the largest number of each whole map say whether its feature is there at all,
# wherever it lies.
#
# ## Build
#
# A convolution that loops over places is slow in Python. The trick is to write what the kernel sees at each place as
# the row of a matrix. Then all places meet all kernels in a single matrix product: look for `columns @ flat.T`.
# Backwards, a pixel that was seen from several places gets the sum of what it did there.
#
# The network stacks such layers. After each comes a **batch normalization**, which gives every channel mean 0 and
# standard deviation 1 over the mini-batch, and then scales and shifts it by two weights of its own; then a ReLU.

# %%
walkthrough(F.conv2d, models._convolution, models.CNN.__init__, models.CNN.forward)

# %% [markdown]
# ## Prove
#
# Stride, padding, two channels and a picture that is not square: every entry of every gradient against a difference
# quotient, then the layers and the whole network against PyTorch's.

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
# hidden layer of 64 units, and a linear model. Then they read 300 pictures that they have not seen: as they are, and
# moved to the right by one to four pixels.


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
    """Give the share of the validation pictures that are read right."""
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
show()
claim("so many pictures were read", len(valid_digits), 300)
claim("moved by 4 pixels, the CNN reads 17 of 20 or more", curves["CNN"][4] > 0.85)
claim("and the MLP less than half", curves["MLP"][4] < 0.5)

# %% [markdown]
# The CNN has the fewest weights, and does not mind. The MLP has learnt at which pixels a 4 is bright; four pixels
# further to the right there is another digit for it. It would have to see every digit at every place.
#
# And what are the kernels that the CNN has found for itself? These are the first layer's eight, and below each its map
# of our zero; grey is 0. The kernels look rough, for after six epochs much is left of the chance that they were drawn
# by. The maps say more: some answer to the stroke as a whole, bright or dark, and some to its left or its right edge.

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
show()

# %% [markdown]
# ## Try
#
# How large is what a layer leaves? Write `output_size`: along a side of `size` pixels, in how many places does a kernel
# of `kernel` pixels stand, if it moves by `stride` and there are `padding` zeros at either end? The window lies in the
# padded picture wholly or not at all. All four are whole numbers, and so is the answer, an `int`.


# %%
def output_size(size, kernel, stride=1, padding=0):
    raise NotAttempted  # how many places does the kernel find along one side?


check("10.shapes", output_size)

# %% [markdown]
# Then write `im2col`. `images` are `[n, channels, height, width]`, `kernel` is a pair (height, width), `stride` and
# `padding` are numbers. The answer has a row for each place of the kernel: `[n * places down * places across,
# channels * kernel height * kernel width]`. First come the places of the first picture, from left to right and then
# down. A row holds what the kernel sees there: channel 0 line by line, then channel 1. (The library's own rows have the
# channels innermost, which its memory likes better.) With your rows, and no padding or stride, a convolution is
# `im2col(images, kernel) @ weight.reshape(kernels, -1).T`. Loops are welcome.


# %%
def im2col(images, kernel, stride=1, padding=0):
    raise NotAttempted  # a row for each place of the kernel: what it sees there


check("10.im2col", im2col)

# %% [markdown]
# ## Apply
#
# **From target to head, loss and metric.** The target is one of ten classes, and they have no order: to take a 7 for an
# 8 is no smaller a mistake than to take it for a 1. So the head is not one number but ten, a **logit** for each class.
# Softmax makes probabilities of them, which are positive and add up to 1. The loss is cross-entropy: minus the
# logarithm of the probability of the right class. The metric is accuracy, the share that is right. It is no loss, for
# it does not change when a weight changes a little, and so has no slope to go down.
#
# The ladder, by accuracy on the same validation pictures of one fold. Our CNN has seen 600 pictures. The lane's network
# gets all of them, turned, stretched and moved a little by chance each time: this **augmentation** makes more of few
# pictures. To save your time it is smaller here and trains for four epochs in place of eight; so it takes smaller
# mini-batches and longer steps, and does without the moving average of its weights that the lane has.

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
claim("a picture more or less is this much accuracy", 1 / len(valid_digits), 0.0033, 0.0001)
claim("either CNN reads 17 of 20 or more", min(curves["CNN"][0], run.score) > 0.85)

# %% [markdown]
# Do not read too much into the last decimals: with 300 pictures, 0.01 is three of them. And a linear model gets far,
# since all digits of the sample stand in the middle of their pictures; the curves above show what happens where they do
# not. What the shipped parameters reach on Kaggle's own pictures stands in [docs/scores.md](../docs/scores.md). In a
# terminal:
#
# ```
# groundwork repro digit-recognizer             # five folds, as params.yaml has it, tracked
# groundwork leaderboard digit-recognizer
# dvc exp run -S 'competitions.digit-recognizer.model.backend=scratch'    # in NumPy
# groundwork submit digit-recognizer -m "CNN" --dry-run                   # with source: kaggle
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
