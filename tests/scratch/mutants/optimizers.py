"""Bugs of how networks learn."""

from tests.scratch import test_optim, test_schedules
from tests.scratch.mutants.mutant import Mutant

from groundwork.scratch import optim

MUTANTS = [
    Mutant(
        "Adam does not correct the bias of its means",
        optim.Adam.update,
        '1 - beta1 ** state["step"], 1 - beta2 ** state["step"]',
        "1.0, 1.0",
        test_optim.test_groups_have_settings_of_their_own,
    ),
    Mutant(
        "Adam counts a step for every parameter",
        optim.Adam.update,
        'state["step"] += 1',
        'state["step"] = group["step"] = group.get("step", 0) + 1',
        test_optim.test_defaults_are_torchs,
    ),
    Mutant(
        "Adam's eps lies inside the root",
        optim.Adam.update,
        'np.sqrt(state["square"]) / math.sqrt(unbiased2) + group["eps"]',
        'np.sqrt(state["square"] / unbiased2 + group["eps"])',
        test_optim.test_groups_have_settings_of_their_own,
    ),
    Mutant(
        "Adam's eps is added before the correction",
        optim.Adam.update,
        'np.sqrt(state["square"]) / math.sqrt(unbiased2) + group["eps"]',
        '(np.sqrt(state["square"]) + group["eps"]) / math.sqrt(unbiased2)',
        test_optim.test_groups_have_settings_of_their_own,
    ),
    Mutant(
        "Adam's weight decay is AdamW's",
        optim.Adam.update,
        "if self.decoupled:",
        "if True:",
        test_optim.test_groups_have_settings_of_their_own,
    ),
    Mutant(
        "AdamW's weight decay is Adam's",
        optim.Adam.update,
        "if self.decoupled:",
        "if False:",
        test_optim.test_groups_have_settings_of_their_own,
    ),
    Mutant(
        "AdamW's weight decay knows no learning rate",
        optim.Adam.update,
        '1 - group["lr"] * group["weight_decay"]',
        '1 - group["weight_decay"]',
        test_optim.test_groups_have_settings_of_their_own,
    ),
    Mutant(
        "SGD forgets its running sum",
        optim.SGD.update,
        'momentum * state["sum"] + (1',
        "(1",
        test_optim.test_a_hundred_steps_lead_where_torchs_do,
    ),
    Mutant(
        "SGD's running sum is a mean",
        optim.SGD.update,
        '(1 - group["dampening"])',
        "(1 - momentum)",
        test_optim.test_a_hundred_steps_lead_where_torchs_do,
    ),
    Mutant(
        "SGD dampens the first gradient, too",
        optim.SGD.update,
        'state["sum"] = gradient',
        'state["sum"] = (1 - group["dampening"]) * gradient',
        test_optim.test_a_hundred_steps_lead_where_torchs_do,
    ),
    Mutant(
        "SGD's running sum is the gradient itself",
        optim.SGD.update,
        'gradient = gradient + group["weight_decay"] * parameter.data',
        'gradient = gradient + group["weight_decay"] * parameter.data if group["weight_decay"] else gradient',
        test_optim.test_momentum_is_not_the_gradient_that_began_it,
    ),
    Mutant(
        "Nesterov does not look ahead",
        optim.SGD.update,
        'gradient + momentum * state["sum"] if group["nesterov"] else state["sum"]',
        'state["sum"]',
        test_optim.test_a_hundred_steps_lead_where_torchs_do,
    ),
    Mutant(
        "gradients are clipped one by one",
        optim.clip_grad_norm_,
        "np.multiply(gradient, factor,",
        "np.multiply(gradient, min(1.0, max_norm / (np.linalg.norm(gradient) + 1e-6)),",
        test_optim.test_gradients_are_clipped_as_torchs_are,
    ),
    Mutant(
        "small gradients are stretched",
        optim.clip_grad_norm_,
        "np.minimum(1.0, max_norm / (norm + 1e-6))",
        "max_norm / (norm + 1e-6)",
        test_optim.test_gradients_are_clipped_as_torchs_are,
    ),
    Mutant(
        "a schedule multiplies what it has multiplied",
        optim.LambdaLR.step,
        "peak * self",
        'group["lr"] * self',
        test_schedules.test_any_factor_multiplies_each_groups_peak,
    ),
    Mutant(
        "the warm-up's first step is none",
        optim.cosine,
        "(step + 1) / rising",
        "step / rising",
        test_schedules.test_the_cosine_is_the_pipelines,
    ),
    Mutant(
        "one cycle leaves momentum alone",
        optim.OneCycleLR.step,
        'group["betas"] = (momentum, *group["betas"][1:])',
        "pass",
        test_schedules.test_one_cycle_moves_rate_and_momentum_as_torchs_does,
    ),
]
