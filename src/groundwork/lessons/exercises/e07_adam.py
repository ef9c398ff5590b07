"""Adam, judged by where it takes three parameters in four steps."""

from typing import Any

import numpy as np

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted
from groundwork.scratch import optim
from groundwork.scratch.arrays import Array
from groundwork.scratch.nn import Parameter


class AdamBlank:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.betas, self.eps = list(params), lr, betas, eps
        # What else must be remembered from one step to the next?

    def step(self):
        raise NotAttempted  # change every parameter's .data by its .grad


class AdamSolution:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.betas, self.eps = list(params), lr, betas, eps
        self.steps = 0
        self.means = [np.zeros_like(parameter.data) for parameter in self.params]
        self.squares = [np.zeros_like(parameter.data) for parameter in self.params]

    def step(self):
        self.steps += 1
        beta1, beta2 = self.betas
        for parameter, mean, square in zip(self.params, self.means, self.squares, strict=True):
            mean += (1 - beta1) * (parameter.grad - mean)
            square += (1 - beta2) * (parameter.grad**2 - square)
            corrected, root = mean / (1 - beta1**self.steps), np.sqrt(square / (1 - beta2**self.steps))
            parameter.data -= self.lr * corrected / (root + self.eps)


class AdamUncorrected(AdamSolution):
    def step(self):
        beta1, beta2 = self.betas
        for parameter, mean, square in zip(self.params, self.means, self.squares, strict=True):
            mean += (1 - beta1) * (parameter.grad - mean)
            square += (1 - beta2) * (parameter.grad**2 - square)
            parameter.data -= self.lr * mean / (np.sqrt(square) + self.eps)


class AdamWithoutPower(AdamSolution):
    def step(self):
        beta1, beta2 = self.betas
        for parameter, mean, square in zip(self.params, self.means, self.squares, strict=True):
            mean += (1 - beta1) * (parameter.grad - mean)
            square += (1 - beta2) * (parameter.grad**2 - square)
            corrected, root = mean / (1 - beta1), np.sqrt(square / (1 - beta2))
            parameter.data -= self.lr * corrected / (root + self.eps)


class AdamEpsInside(AdamSolution):
    def step(self):
        self.steps += 1
        beta1, beta2 = self.betas
        for parameter, mean, square in zip(self.params, self.means, self.squares, strict=True):
            mean += (1 - beta1) * (parameter.grad - mean)
            square += (1 - beta2) * (parameter.grad**2 - square)
            corrected, corrected_square = mean / (1 - beta1**self.steps), square / (1 - beta2**self.steps)
            parameter.data -= self.lr * corrected / np.sqrt(corrected_square + self.eps)


class AdamSharedState(AdamSolution):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr, betas, eps)
        self.means = [np.zeros(1) for _ in self.params]
        self.squares = [np.zeros(1) for _ in self.params]

    def step(self):
        self.steps += 1
        beta1, beta2 = self.betas
        for parameter, mean, square in zip(self.params, self.means, self.squares, strict=True):
            mean += (1 - beta1) * (parameter.grad.mean() - mean)
            square += (1 - beta2) * ((parameter.grad**2).mean() - square)
            corrected, root = mean / (1 - beta1**self.steps), np.sqrt(square / (1 - beta2**self.steps))
            parameter.data -= self.lr * corrected / (root + self.eps)


# A gradient as small as eps shows where eps stands; several steps show whether the correction fades.
GRADIENTS = np.array([[1.0, -0.01, 1e-6], [0.5, -0.02, 2e-6], [-0.25, -0.03, 1e-6], [1.0, 0.01, 3e-6]])
SETTINGS: dict[str, Any] = {"lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-6}


def examine(answer: Any) -> Finding | None:
    """Compare where each step leaves the parameter with where the library's Adam leaves it."""
    yours, ours = Parameter(np.zeros(3)), Parameter(np.zeros(3))
    learner, reference = answer([yours], **SETTINGS), optim.Adam([ours], **SETTINGS)
    for step, gradient in enumerate(GRADIENTS, start=1):
        yours.grad, ours.grad = gradient.copy(), gradient
        learner.step()
        reference.step()
        if not np.allclose(yours.data, ours.data, rtol=1e-9, atol=1e-12):
            case = f"step {step} of a parameter that starts at [0, 0, 0]; gradients {GRADIENTS[:step].tolist()}"
            return Finding(case, yours.data, ours.data, _cause(step, yours.data, ours.data))
    return None


def _cause(step: int, yours: Array, expected: Array) -> str:
    if not yours.any():
        return "the parameter did not move: `parameter.data -= ...` changes the array itself"
    if step > 1:
        return "the bias correction has no power: after t steps it divides by 1 - beta**t, not by 1 - beta"
    if np.isclose(yours[0], expected[0], rtol=1e-3) and np.isclose(yours[1], expected[1], rtol=0.1):
        return "eps stands inside the root; Adam adds it to sqrt(square), outside"
    if np.ptp(np.abs(yours)) < 1e-9:
        return "all entries moved alike: every entry of a parameter keeps a mean and a square of its own"
    return "the bias correction is missing: both means start at 0, so after t steps divide them by 1 - beta**t"


EXERCISE = Exercise(
    name="07.adam",
    task="Write Adam: `step` changes every parameter's `.data` by its `.grad` and by what earlier gradients left.",
    answer="Adam",
    blank=AdamBlank,
    solution=AdamSolution,
    wrong={
        AdamUncorrected: "bias correction is missing",
        AdamWithoutPower: "no power",
        AdamEpsInside: "inside the root",
        AdamSharedState: "of its own",
    },
    hints=(
        "Remember three things: how many steps there were, a running mean of gradients, and one of their squares.",
        "Both means start at 0, and so are too small at first: after t steps, divide them by 1 - beta**t.",
        "With both means corrected, the step is lr * mean / (sqrt(square) + eps).",
    ),
    examine=examine,
)
