"""An exercise on Adam, checked by where four steps take two parameters."""

from collections.abc import Callable
from typing import Any

import numpy as np

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted
from groundwork.scratch import optim
from groundwork.scratch.arrays import Array
from groundwork.scratch.nn import Parameter


class AdamBlank:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.betas, self.eps = list(params), lr, betas, eps
        # What else must you remember from one step to the next?

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


# Gradients of two parameters. One as small as eps shows where eps stands; several steps show whether the correction
# fades; the second parameter shows what is counted or kept once for all; betas are not what everybody knows by heart.
GRADIENTS = np.array(
    [
        [[1.0, -0.01, 1e-6], [0.3, 2.0, -5.0]],
        [[0.5, -0.02, 2e-6], [0.1, -1.0, -4.0]],
        [[-0.25, -0.03, 1e-6], [0.2, 2.0, 3.0]],
        [[1.0, 0.01, 3e-6], [-0.6, 1.0, -2.0]],
    ]
)
SETTINGS: dict[str, Any] = {"lr": 0.1, "betas": (0.8, 0.99), "eps": 1e-6}
KNOWN: dict[Callable[..., Any], str] = {
    AdamUncorrected: "the bias correction is missing: both means start at 0; after t steps divide them by 1 - beta**t",
    AdamWithoutPower: "the bias correction has no power: after t steps it divides by 1 - beta**t, not by 1 - beta",
    AdamEpsInside: "eps is inside the root; Adam adds it to sqrt(square), outside",
    AdamSharedState: "all entries moved alike: every entry of a parameter needs a mean and a square of its own",
    lambda params, **settings: AdamSolution(params, **settings | {"betas": (0.9, 0.999)}): "betas are hard-coded: "
    "use those that were given",
    lambda params, **settings: AdamSolution(
        params, **settings | {"lr": -0.1}
    ): "the sign is wrong: a step goes against the gradient",
}


def examine(answer: Any) -> Finding | None:
    """Compare two parameters after each step with those of the library's Adam."""
    yours, ours = [Parameter(np.zeros(3)), Parameter(np.zeros(3))], [Parameter(np.zeros(3)), Parameter(np.zeros(3))]
    learner, reference = answer(yours, **SETTINGS), optim.Adam(ours, **SETTINGS)
    for step, gradients in enumerate(GRADIENTS, start=1):
        _step(learner, yours, gradients)
        _step(reference, ours, gradients)
        for place, (answered, ours_after) in enumerate(zip(yours, ours, strict=True)):
            if answered.data.shape != ours_after.data.shape or not np.allclose(
                answered.data, ours_after.data, rtol=1e-9, atol=1e-12
            ):
                which = "a parameter" if place == 0 else "the second of two parameters"
                case = f"step {step} of {which} that starts at [0, 0, 0]; gradients {GRADIENTS[:step, place].tolist()}"
                settings = ", ".join(f"{name}={value}" for name, value in SETTINGS.items())
                return Finding(
                    f"{case}; {settings}", answered.data, ours_after.data, _cause(step, place, answered.data)
                )
    return None


def _step(optimizer: Any, parameters: list[Parameter], gradients: Array) -> None:
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.copy()
    optimizer.step()


def _cause(step: int, place: int, yours: Array) -> str:
    if not yours.any():
        return "the parameter did not move: `parameter.data -= ...` changes the array itself"
    if yours.shape != (3,):
        return "the parameter has another shape afterwards: means and squares have the shape of the gradient"
    if np.isnan(yours).any():
        return "0 is divided by 0: count the step first, for 1 - beta**0 is 0"
    for make, cause in KNOWN.items():
        parameters = [Parameter(np.zeros(3)), Parameter(np.zeros(3))]
        optimizer = make(parameters, **SETTINGS)
        for gradients in GRADIENTS[:step]:
            _step(optimizer, parameters, gradients)
        if np.allclose(parameters[place].data, yours, rtol=1e-6, atol=1e-12):
            return cause
    if place == 1:
        return (
            "the first parameter is right, the second is not: count steps once per step, not per parameter; keep "
            "a mean and a square for each parameter"
        )
    return "not Adam's step: print mean and square, before and after the correction, and compare with the formulas"


EXERCISE = Exercise(
    name="07.adam",
    task="Write Adam: `step` changes every parameter's `.data` by its `.grad` and earlier gradients.",
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
        "Remember three things: the number of steps, a running mean of gradients, and one of their squares.",
        "mean = beta1 * mean + (1 - beta1) * grad, and the same for squares with beta2, for each parameter.",
        "Both means start at 0, and so are too small at first: after t steps, divide them by 1 - beta**t.",
        "With both means corrected, the step is lr * mean / (sqrt(square) + eps).",
    ),
    examine=examine,
)
