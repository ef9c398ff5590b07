# %% [markdown]
# # 0. Workspace: a machine that is ready
#
# Before anything learns, you need a place where commands run, where work is remembered, and where your tokens are safe.
# This lesson sets one up, on a laptop or on a rented machine, and shows which other courses cover the same subjects.
# Afterwards `groundwork doctor` finds nothing wrong on your machine, and you know what each line of its report means.
#
# **Topics:** workspace
#
# ## Idea
#
# A competition asks a question and provides data. You train a model and submit answers. Between the two there are a
# dozen files made from other files. So there is a tool to record how each was made.

# %%
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from groundwork import doctor
from groundwork.lessons import NotAttempted, apply, check, claim, show, subplots, walkthrough
from groundwork.lessons.exercises.e00_doctor import sandbox

STAGES = {  # its position, and what it writes
    "fetch": (0, 1, "Kaggle's\narchive"),
    "prepare": (1, 1, "tables,\nfolds"),
    "train": (2, 1, "networks,\npredictions"),
    "evaluate": (3, 1.45, "score"),
    "predict": (3, 0.55, "answers,\nchecked"),
    "submit": (4, 0.55, "a place on the\nleaderboard"),
}
ARROWS = "fetch prepare, prepare train, train evaluate, train predict, predict submit"
MEMORIES = {  # from where to where, and how low
    "DVC remembers what stages make": (-0.35, 3.35, -0.1),
    "W&B remembers how training went": (1.65, 3.35, -0.45),
    "git remembers what you write: code, params.yaml, and scores": (-0.35, 4.35, -0.8),
}
_, axis = subplots(height=3.6)
for name, (x, y, leaves) in STAGES.items():
    look = {"boxstyle": "round,pad=0.35", "facecolor": "0.93", "edgecolor": "0.3"}
    look["linestyle"] = "--" if name == "submit" else "-"  # no stage: a person types it
    axis.text(x, y, name, ha="center", va="center", weight="bold", bbox=look)
    axis.text(x, y - 0.2, leaves, ha="center", va="top", fontsize=8.5)
for arrow in ARROWS.split(", "):
    (x0, y0, _), (x1, y1, _) = (STAGES[name] for name in arrow.split())
    tip = {"arrowstyle": "->", "shrinkA": 28, "shrinkB": 30}
    axis.annotate("", (x1, y1), (x0, y0), arrowprops=tip)
for name, (start, end, y) in MEMORIES.items():
    axis.barh(y, end - start, 0.27, start, color="0.85", edgecolor="0.5")
    axis.text((start + end) / 2, y, name, ha="center", va="center", fontsize=9)
axis.set(xlim=(-0.5, 4.6), ylim=(-1, 1.75))
axis.axis("off")
show("From fetch by prepare and train to evaluate, predict, submit; and three bars that remember")

# %% [markdown]
# A box is a **stage**: a program that reads the files of the stages before it and writes those named below it. *fetch*
# gets the data. *prepare* makes tables and divides the rows into parts, the **folds**: each in turn is hidden while a
# network learns, and is used to score it afterwards. *train* makes the networks, *evaluate* scores them, *predict*
# predicts the test rows. You submit by hand. Such a chain, for one competition, is called a **lane**.
#
# **The shell** reads a line, runs a program and reports how it ended: an exit code, 0 for success. Groundwork's
# commands end with 2 for an error that you can fix, and say which; with 1 when the mistake is ours.
#
# **The editor** may be any that opens a whole folder. The file that you change most is `params.yaml`: each number in it
# is a setting of an experiment.
#
# **git** keeps versions of what people write. It has three places: the *working tree* is the files as you see them, the
# *index* is what the next commit will hold, and the *history* is all commits. `git add` copies from the first to the
# second, `git commit` from the second to the third. Deleting a file changes the first place alone. **GitHub** holds
# a copy of the history for others, and `gh` is its command.
#
# **DVC** keeps versions of what programs make. A data set is too large for git, so git gets a small file, `dvc.lock`,
# with a hash of each input and output. A hash is a number computed from the content: if one byte changes, the hash
# changes. That is how `dvc repro` knows which stages to run again.
#
# **Kaggle** has the questions, the data and the judge; **W&B** (Weights & Biases) draws the curves of all your
# trainings on one page. For both a *token* identifies you: a long random word, kept in a file. Anyone who reads it can
# act as you.
#
# The doctor checks all of these. Here it checks the machine of Ada, a made-up user. Two things are wrong there.

# %%
room = tempfile.TemporaryDirectory()
ada = sandbox(Path(room.name) / "ada")
for line in doctor.examine(ada, doctor.ACCOUNTS):
    print(line)

# %% [markdown]
# The state of a line is *ok*, *advice* or *wrong*. A missing account is only advice: on the first day nobody has one,
# and everything works without. Now the two that are wrong.
#
# A file's **mode** says who may do what: three digits, for the owner, for the owner's group and for everybody. Each is
# a sum: 4 to read, 2 to write, 1 to run. Browsers mostly save files with 644, which lets everybody on the machine read
# your token. 600 is for you alone.
#
# And Ada had a copy of the token in her project when she typed `git add .`, which takes everything. Had she pushed that
# commit, deleting the file would not help: the history keeps it, and programs search public histories for tokens day
# and night. **A token that was pushed must be revoked**: you make a new one, and the old one opens nothing. `git rm
# --cached` takes a file out of the index and leaves it in the folder; a line in `.gitignore` keeps it out from then on.
#
# What the text states is checked below it while the page is made. Each line with ✓ is such a **claim**, and it held.

# %%
claim("of 644, the last two digits let others read", (0o644 & 0o044) == 0o044)
claim("of 600, they let others do nothing", (0o600 & 0o077) == 0)
index = subprocess.run(["git", "ls-files"], cwd=ada.repository, stdout=subprocess.PIPE, check=True)
claim("the token is among what git tracks", b"kaggle.json" in index.stdout.split())

# %% [markdown]
# ## Build
#
# The report is a loop over checks. A check takes a `Place`, which is a home, a repository and the shell's variables,
# and gives one line. Here are the loop and the check about tokens in git. Notice that it queries git's index
# (`ls-files`, `grep --cached`), where a deleted file may remain, and prints no secret.

# %%
walkthrough(doctor.examine, doctor.secrets)

# %% [markdown]
# The check about Kaggle looks in the same places as Kaggle's client, and the first one that exists counts:
# `KAGGLE_API_TOKEN` (a variable), the file `~/.kaggle/access_token`, `KAGGLE_USERNAME` with `KAGGLE_KEY`, and last
# `~/.kaggle/kaggle.json`.
#
# ## Prove
#
# A report that is always green proves nothing. So start from a place without defects, plant one defect at a time, and
# check that the line about it, and no other, turns wrong. The key is random, but must not be printed.


# %%
def sound(name):
    """Make a sandbox without the two mistakes."""
    place = sandbox(Path(room.name) / name)
    (place.home / ".kaggle/kaggle.json").chmod(0o600)
    place.git("rm", "--quiet", "kaggle.json")
    return place


def write(file, text):
    """Write a file that its owner alone can read."""
    file.write_text(text)
    file.chmod(0o600)


def track(place, name, text):
    """Write a file into the repository, and put it into the index."""
    write(place.repository / name, text)
    place.git("add", name)


key = "".join(np.random.default_rng(0).choice(list("0123456789abcdef"), 40))
netrc = f"machine api.wandb.ai login user password {key[:30]}"
program = f'import os\nos.environ["WANDB_API_KEY"] = "{key}"\n'
DEFECTS = {  # the line of the report that should turn wrong, and what is done to a sound place
    "no e-mail": ("git", lambda place: place.git("config", "--unset", "user.email")),
    "an open token": ("Kaggle", lambda place: (place.home / ".kaggle/kaggle.json").chmod(0o644)),
    "half a token": (
        "Kaggle",
        lambda place: write(place.home / ".kaggle/kaggle.json", '{"key": 1}'),
    ),
    "a W&B key cut short": ("W&B", lambda place: write(place.home / ".netrc", netrc)),
    "a tracked .env": ("secrets", lambda place: track(place, ".env", "PORT=80\n")),
    "a key inside a program": ("secrets", lambda place: track(place, "run.py", program)),
}
report = list(doctor.examine(sound("sound"), doctor.ACCOUNTS))
claim("in a place without defects nothing is wrong", all(line.state != "wrong" for line in report))
shown = []
for defect, (thing, plant) in DEFECTS.items():
    place = sound(defect)
    plant(place)
    wrong = [line for line in doctor.examine(place, doctor.ACCOUNTS) if line.state == "wrong"]
    print(*wrong)
    shown += map(str, wrong)
    claim(f"{defect}: that line alone is wrong", [line.thing for line in wrong] == [thing])
claim("no key is printed", key[:8] not in "".join(shown))

# %% [markdown]
# ## See
#
# There are seventeen lessons: the basics (0 to 2), a network and how it learns (3 to 7), data (8), five kinds of
# problems (9 to 13), and what makes a network better and faster (14 to 16). Each ends with courses on the same subject.
# In this map, a full circle marks the best second explanation, an open one a course that touches the subject.

# %%
LESSONS = [
    "workspace", "training process", "linear algebra", "neurons and layers", "activations", "losses",
    "backpropagation", "optimizers", "data", "regression", "convolution", "recurrent networks",
    "transformers, search", "recommender", "regularization", "hardware", "capstone",
]  # fmt: skip
COURSES = {  # best, also
    "The Missing Semester": ([0], []),
    "CS50": ([0], [1, 15]),
    "freeCodeCamp: Python": ([0], [1]),
    "Kaggle Learn": ([1, 3, 9], [4, 13, 14]),
    "fast.ai": ([13, 16], [2, 5, 6, 7, 8, 10, 15]),
    "DeepLearning.AI": ([4, 6, 7, 10, 11, 14], [2, 5]),
    "Inria: scikit-learn": ([8], [1, 2, 3, 5, 9, 11]),
    "LLM University": ([12], []),
    "PyTorch's quick start": ([16], [10, 15]),
    "Dive into Deep Learning": ([2, 3, 5, 6, 7, 12, 15], [4, 8, 9, 10, 11, 13, 14, 16]),
}
figure, axis = subplots(height=4.6)
for row, (best, also) in enumerate(COURSES.values()):
    axis.plot(best, [row] * len(best), "o", color="C0", markersize=9)
    axis.plot(also, [row] * len(also), "o", color="C0", markersize=8, fillstyle="none")
for edge in (2.5, 7.5, 8.5, 13.5):
    axis.axvline(edge, color="0.6", linewidth=1)
axis.set_yticks(range(len(COURSES)), COURSES)
axis.set_xticks(range(17), [f"{n:02} {name}" for n, name in enumerate(LESSONS)], rotation=90)
axis.set(xlim=(-0.5, 16.5), ylim=(len(COURSES) - 0.5, -0.5))
show("Ten outside courses against seventeen lessons: full dots where one fits best, else rings")
met = {lesson for best, _ in COURSES.values() for lesson in best}
claim("each of the seventeen has a best second course", met == set(range(17)))

# %% [markdown]
# - [The Missing Semester](https://missing.csail.mit.edu/): the tools of this lesson.
# - [CS50](https://cs50.harvard.edu/x/): how computers run programs, memory included.
# - [freeCodeCamp's Python course](https://www.freecodecamp.org/learn/scientific-computing-with-python/): the language.
# - [Kaggle Learn](https://www.kaggle.com/learn/intro-to-deep-learning): the first steps, in the browser.
# - [fast.ai](https://course.fast.ai/): whole applications first, their parts later.
# - [DeepLearning.AI's specialization](https://www.deeplearning.ai/courses/deep-learning-specialization/):
#   the same ground at a blackboard, step by step.
# - [Inria's scikit-learn MOOC](https://inria.github.io/scikit-learn-mooc/): judging a model without fooling yourself.
# - [LLM University](https://cohere.com/llmu): attention, embeddings and search in text.
# - [PyTorch's quick start](https://pytorch.org/tutorials/beginner/basics/quickstart_tutorial.html): the library itself.
# - [Dive into Deep Learning](https://d2l.ai/): a book with the mathematics, and code that runs.

# %% [markdown]
# ## Try
#
# Write `fix`, which makes the report on a sandbox like Ada's green. `home` and `repository` are `pathlib.Path`s. The
# token stays in `home/.kaggle/kaggle.json`, where Kaggle's client finds it, readable by its owner alone. Remove it from
# git, and make sure that the next `git add .` does not add it again.
#
# `groundwork lesson start 0` makes a copy of this notebook that is yours to write in. Put your code in place of `raise
# NotAttempted` and run the cell: `check` shows what is still wrong. If you are stuck, run `from groundwork.lessons
# import hint`, and then `hint("00.doctor")`; each call says more than the one before. All lessons work this way.


# %%
def fix(home, repository):
    raise NotAttempted  # home and repository are paths; run git with subprocess.run([...], cwd=repository)


check("00.doctor", fix)

# %% [markdown]
# ## Apply
#
# Now on your machine. These commands take you from nothing to a first training; the last one takes some minutes and
# needs no account:
#
# ```
# git clone <this repository> groundwork && cd groundwork
# make setup                     # an environment of its own, with locked versions
# . .venv/bin/activate           # once in each shell
# groundwork doctor              # what is ready, what is missing, and how to fix it
# make repro                     # runs every competition on its sample
# ```
#
# **A rented machine** (a cloud VM) needs the same commands. Three habits help. Train inside `tmux`, so that the
# training continues when your connection breaks: `tmux new -s train` opens a session, Ctrl-B and D leave it, `tmux
# attach` comes back. Open its notebooks in your own browser through a tunnel: `ssh -L 8888:localhost:8888 <machine>`,
# and there `jupyter lab --no-browser notebooks`. And share results through DVC: before you give the machine back, `dvc
# push` copies them to the remote that `dvc remote add` has named, and `groundwork pull` fetches them elsewhere.
#
# Each competition here comes with a sample in the layout of Kaggle's archive, made by Groundwork. The stage *fetch*
# takes it, *prepare* makes tables. Here is Titanic's:

# %%
competition, prepared = apply.tables("titanic")
claim("as many passengers to learn from as in Kaggle's files", len(prepared.train), 891)
claim("and as many to predict", len(prepared.test), 418)
prepared.train[["PassengerId", "Sex", "Age", "Embarked", "FamilySize", "Survived"]].head(4)

# %% [markdown]
# For the real passengers you need the token, and you must have accepted the rules on the competition's page. Then set
# `source: kaggle` for the lane in `params.yaml`, and:
#
# ```
# dvc repro prepare@titanic
# ```
#
# downloads the archive, checks it and makes the tables. Without a token, `kaggle competitions download titanic` on
# another machine and a copy in `data/kaggle/` do the same.
#
# With a W&B account, `wandb login` and then `groundwork sync` upload the runs from your machine. With a GitHub account,
# `gh auth login` signs in, and `gh repo create` makes a repository for your copy of the history.
#
# ## Where to read on
#
# - [The Missing Semester](https://missing.csail.mit.edu/): the shell, editors, git's three places, remote machines. If
#   you read one thing before lesson 1, read its lecture on version control.
# - [CS50](https://cs50.harvard.edu/x/): what a computer does with a program, from the first line on.
# - [freeCodeCamp's Python course](https://www.freecodecamp.org/learn/scientific-computing-with-python/): if functions,
#   lists and classes are new to you.
#
# Next: what training is, by trial and error. [Lesson 1](01_training_process.ipynb).
