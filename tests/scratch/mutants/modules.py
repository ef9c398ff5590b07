"""Bugs of modules, and of recurrent ones."""

from tests.scratch import test_init, test_module
from tests.scratch.mutants.mutant import Mutant

from groundwork.scratch import nn
from groundwork.scratch.nn import init
from groundwork.scratch.nn.recurrent import Recurrent

MODULES = [
    Mutant(
        "learning ends for the outermost module only",
        nn.Module.train,
        "for _, module in self.named_modules():",
        "for module in [self]:",
        test_module.test_training_and_evaluation_reach_every_part,
    ),
    Mutant(
        "a shared parameter is counted twice",
        nn.Module.named_parameters,
        "if id(value) not in seen:",
        "if True:",
        test_module.test_a_shared_parameter_is_counted_once_and_named_as_in_torch,
    ),
    Mutant(
        "running statistics are not saved", nn.Module.state_dict, " | dict(self.named_buffers())", "", "nn.BatchNorm1d"
    ),
    Mutant(
        "Xavier's bound knows the inputs only",
        init.xavier_uniform_,
        "fan_in + fan_out",
        "2 * fan_in",
        test_init.test_bounds_are_the_formulas,
    ),
    Mutant(
        "inputs and outputs of a weight are mixed up",
        init._fans,
        "return tensor.shape[1] * window, tensor.shape[0] * window",
        "return tensor.shape[0] * window, tensor.shape[1] * window",
        test_init.test_bounds_are_the_formulas,
    ),
    Mutant(
        "kernels are flipped, as mathematics has it",
        nn.Conv2d.forward,
        "self.weight,",
        "self.weight[:, :, ::-1, ::-1],",
        "nn.Conv2d",
    ),
]
RECURRENT = [
    Mutant(
        "the state is not handed on to the next time",
        Recurrent.run,
        "sequence[time] = state[0]",
        "sequence[time], state = state[0], tuple(part[layer] for part in start)",
        "nn.RNN",
    ),
    Mutant(
        "the gradient does not go back through time",
        Recurrent.run,
        "F.linear(state[0], weight_hh",
        "F.linear(state[0].detach(), weight_hh",
        "nn.RNN",
    ),
    Mutant(
        "all layers start from the first one's state",
        Recurrent.run,
        "part[layer] for part in start",
        "part[0] for part in start",
        "nn.GRU",
    ),
    Mutant(
        "the second bias is left out",
        Recurrent.run,
        "F.linear(state[0], weight_hh, bias_hh)",
        "F.linear(state[0], weight_hh)",
        "nn.LSTM",
    ),
    Mutant(
        "LSTM's gates are in another order",
        nn.LSTM.step,
        "F.tanh(sums[:, 2 * size : 3 * size]), F.sigmoid(sums[:, 3 * size :])",
        "F.tanh(sums[:, 3 * size :]), F.sigmoid(sums[:, 2 * size : 3 * size])",
        "nn.LSTM",
    ),
    Mutant(
        "LSTM's output gate lies before the cell's tanh",
        nn.LSTM.step,
        "show * F.tanh(cell)",
        "F.tanh(show * cell)",
        "nn.LSTM",
    ),
    Mutant("LSTM shows the cell without its tanh", nn.LSTM.step, "show * F.tanh(cell)", "show * cell", "nn.LSTM"),
    Mutant(
        "GRU resets the state, not what it says",
        nn.GRU.step,
        "reset * from_state[:, 2 * size :]",
        "from_state[:, 2 * size :] - ((1 - reset) * hidden) @ self.weight_hh_l0[2 * size :].transpose(0, 1)",
        "nn.GRU",
    ),
    Mutant(
        "GRU's second gate renews what it should keep",
        nn.GRU.step,
        "proposed + keep * (hidden - proposed)",
        "hidden + keep * (proposed - hidden)",
        "nn.GRU",
    ),
    Mutant("dropout between layers falls on the input, too", Recurrent.run, "if layer:", "if True:", "nn.LSTM"),
    Mutant(
        "nothing is dropped between layers",
        Recurrent.run,
        "F.dropout(state, self.dropout, self.training)",
        "state",
        "nn.RNN",
    ),
    Mutant(
        "a recurrent network drops when learning is over",
        Recurrent.run,
        "self.dropout, self.training",
        "self.dropout, True",
        "nn.GRU",
    ),
]
MUTANTS = [*MODULES, *RECURRENT]
