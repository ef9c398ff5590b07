"""Bugs of rows on their way, of the loop around a network, of linear algebra, and of the checks themselves."""

from tests.scratch import test_data, test_linalg, test_train, test_verify
from tests.scratch.mutants.mutant import Mutant

from groundwork.scratch import data, linalg, train, verify

DATA = [
    Mutant(
        "the last rows never come",
        data.DataLoader.__len__,
        "(left > 0 and not self.drop_last)",
        "0",
        test_data.test_batches_are_those_of_torch,
    ),
    Mutant(
        "a scaler divides by the unbiased deviation",
        data.StandardScaler.fit,
        "values.std(0)",
        "values.std(0, ddof=1)",
        test_data.test_scaling_is_scikit_learns,
    ),
    Mutant(
        "a scaler is fitted to what it scales",
        data.StandardScaler.transform,
        "self._floats(x)",
        "self.fit(x)._floats(x)",
        test_data.test_a_scaler_goes_by_what_it_was_fitted_on_and_changes_nothing,
    ),
    Mutant(
        "what is validated was trained on",
        data.k_fold,
        "np.delete(np.arange(rows), part)",
        "np.arange(rows)",
        test_data.test_folds_are_scikit_learns,
    ),
]
LOOP = [
    Mutant(
        "gradients of all batches add up",
        train.fit,
        "optimizer.zero_grad()",
        "pass",
        test_train.test_the_same_loop_in_torch_gives_the_same_losses,
    ),
    Mutant(
        "epochs after a validation train in its mode",
        train.fit,
        "        network.train()",
        "        network.train(epoch == 0)",
        test_train.test_each_epoch_trains_in_training_mode_though_validation_ended_it,
    ),
    Mutant(
        "validation drops and normalizes as training does",
        train.evaluate.__wrapped__,
        "network.eval()",
        "network.train()",
        test_train.test_validation_learns_nothing_and_makes_no_graph,
    ),
    Mutant(
        "a loss is the mean of its batches, however small the last",
        train.evaluate.__wrapped__,
        "* len(target.data)\n        rows += len(target.data)",
        "\n        rows += 1",
        test_train.test_losses_are_means_over_rows_not_over_batches,
    ),
    Mutant(
        "the best weights change with the network",
        train.EarlyStopping.update,
        "values.copy()",
        "values",
        test_train.test_early_stopping_ends_with_the_best_weights_and_buffers,
    ),
    Mutant(
        "patience does not start anew",
        train.EarlyStopping.update,
        "self.to_beat, self.waited = val_loss, 0",
        "self.to_beat = val_loss",
        test_train.test_early_stopping_ends_with_the_best_weights_and_buffers,
    ),
]
LINALG = [
    Mutant(
        "a length overflows",
        linalg.norm,
        "largest * np.sqrt(shares @ shares)",
        "np.sqrt(sizes @ sizes)",
        test_linalg.test_the_length_neither_overflows_nor_vanishes,
    ),
    Mutant(
        "qr turns to the nearer end of the axis",
        linalg.qr,
        "mirror[0] += np.copysign",
        "mirror[0] -= np.copysign",
        test_linalg.test_qr_is_lapacks_to_the_sign,
    ),
    Mutant(
        "least squares go by the normal equations",
        linalg.lstsq,
        "r, q.T @ b, lower=False",
        "qr(a.T @ a)[1], qr(a.T @ a)[0].T @ a.T @ b, lower=False",
        test_linalg.test_least_squares_keep_the_digits_that_the_normal_equations_lose,
    ),
    Mutant(
        "an eigenvalue loses its sign",
        linalg.power_iteration,
        "value = vector @ image",
        "value = norm(image)",
        test_linalg.test_the_dominant_eigenvalue_keeps_its_sign,
    ),
]
CHECKS = [
    Mutant(
        "gradcheck leaves parameters out",
        verify._Ours.run,
        "given | dict(self.module.named_parameters())",
        "given",
        test_verify.test_gradcheck_looks_at_every_parameter_of_a_module,
    ),
]
MUTANTS = [*DATA, *LOOP, *LINALG, *CHECKS]
