from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from groundwork.scratch import linalg, manual_seed

Matrix = NDArray[np.float64]
LADDER = [
    linalg.matmul_loops,
    linalg.matmul_dots,
    linalg.matmul_columns,
    linalg.matmul_outer,
    linalg.matmul_einsum,
]
SHAPES = [(1, 1), (1, 4), (4, 1), (6, 6), (9, 4), (4, 9)]


@pytest.fixture(autouse=True)
def _same_first_vectors() -> None:
    manual_seed(0)


def normal(*shape: int, seed: int = 0) -> Matrix:
    return np.random.default_rng(seed).standard_normal(shape)


def hostile(rows: int, columns: int) -> dict[str, Matrix]:
    """Make matrices whose columns vanish, repeat, nearly repeat, or lie apart in memory."""
    plain = normal(rows, columns)
    zero, twice, nearly, tiny = plain.copy(), plain.copy(), plain.copy(), plain.copy()
    zero[:, 0] = 0
    twice[:, -1] = twice[:, 0]
    nearly[:, -1] = nearly[:, 0] * (1 + 1e-9)
    tiny[:, 0] *= 1e-200
    strided = normal(2 * rows, 3 * columns)[::2, ::3]
    assert rows * columns == 1 or not strided.flags.c_contiguous
    made = {"plain": plain, "zero": zero, "twice": twice, "nearly": nearly, "tiny": tiny, "strided": strided}
    return made | {"transposed": normal(columns, rows).T, "all zero": np.zeros((rows, columns))}


def spectrum(*values: float, rows: int = 12, columns: int = 8) -> Matrix:
    """Make a matrix of known singular values."""
    left, _ = np.linalg.qr(normal(rows, len(values)))
    right, _ = np.linalg.qr(normal(columns, len(values), seed=1))
    return left * values @ right.T


@pytest.mark.parametrize("matmul", LADDER)
@pytest.mark.parametrize(("rows", "inner", "columns"), [(1, 1, 1), (3, 4, 5), (5, 1, 2), (1, 6, 1), (2, 0, 3)])
def test_every_rung_gives_the_product(matmul: Callable[..., Matrix], rows: int, inner: int, columns: int) -> None:
    a, b = normal(rows, inner), normal(columns, inner, seed=1).T
    np.testing.assert_allclose(matmul(a, b), a @ b, rtol=1e-12, atol=1e-12)
    assert matmul(np.float32(a), np.float32(b)).dtype == np.float32
    np.testing.assert_array_equal(matmul(a.astype(int), b.astype(int)), a.astype(int) @ b.astype(int))


@pytest.mark.parametrize("matmul", LADDER)
@pytest.mark.parametrize(("a", "b"), [((2, 3), (2, 3)), ((2, 1), (3, 2)), ((3,), (3, 2)), ((2, 3), (3,))])
def test_no_rung_multiplies_what_does_not_fit(
    matmul: Callable[..., Matrix], a: tuple[int, ...], b: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"expected shapes \[rows, k\] and \[k, columns\]; found"):
        matmul(np.ones(a), np.ones(b))


@pytest.mark.parametrize("ord", [1, 2, np.inf])
@pytest.mark.parametrize("x", [[3.0], [0.0, 0.0], [1.0, -7.0, 3.0], [np.inf, 1.0], [np.nan, 1.0]])
def test_norms_are_torchs(ord: float, x: list[float]) -> None:
    theirs = torch.linalg.vector_norm(torch.tensor(x, dtype=torch.float64), ord)
    np.testing.assert_allclose(linalg.norm(np.array(x), ord), theirs, rtol=1e-15)


def test_the_length_neither_overflows_nor_vanishes() -> None:
    assert linalg.norm(np.array([3e200, 4e200])) == pytest.approx(5e200)
    assert linalg.norm(np.array([3e-200, 4e-200])) == pytest.approx(5e-200)
    short = linalg.norm(np.array([3e30, 4e30], np.float32))
    assert short == pytest.approx(5e30)
    assert short.dtype == np.float32


def test_a_norm_is_of_a_vector_and_of_a_known_order() -> None:
    with pytest.raises(ValueError, match=r"expected 1 dimensions; found shape \(2, 2\)"):
        linalg.norm(np.eye(2))
    with pytest.raises(ValueError, match="ord: found 3; expected 1, 2 or inf"):
        linalg.norm(np.ones(2), 3)


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_qr_is_orthonormal_times_triangular_for_every_matrix(rows: int, columns: int) -> None:
    for name, a in hostile(rows, columns).items():
        before = a.copy()
        q, r = linalg.qr(a)
        np.testing.assert_allclose(q @ r, a, atol=1e-13, err_msg=name)
        np.testing.assert_allclose(q.T @ q, np.eye(min(rows, columns)), atol=1e-13, err_msg=name)
        np.testing.assert_array_equal(np.tril(r, -1), 0)
        np.testing.assert_array_equal(a, before, err_msg=f"{name} was changed")


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_qr_is_lapacks_to_the_sign(rows: int, columns: int) -> None:
    a = normal(rows, columns)
    for ours, theirs in zip(linalg.qr(a), np.linalg.qr(a), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_qr_stays_orthogonal_where_gram_schmidt_does_not() -> None:
    hilbert = 1 / (np.arange(10)[:, None] + np.arange(10) + 1)
    q, _ = linalg.qr(hilbert)
    schmidt = hilbert.copy()
    for j in range(10):
        schmidt[:, j] -= schmidt[:, :j] @ (schmidt[:, :j].T @ schmidt[:, j])
        schmidt[:, j] /= np.linalg.norm(schmidt[:, j])
    assert np.abs(q.T @ q - np.eye(10)).max() < 1e-14
    assert np.abs(schmidt.T @ schmidt - np.eye(10)).max() > 0.1


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("columns", [(), (1,), (3,)])
def test_triangles_are_solved_and_nothing_beyond_the_diagonal_is_read(
    lower: bool, size: int, columns: tuple[int, ...]
) -> None:
    full, b = normal(size, size) + 4 * np.eye(size), normal(size, *columns, seed=1)
    triangle = np.tril(full) if lower else np.triu(full)
    beyond = np.triu(np.full((size, size), np.nan), 1)
    x = linalg.solve_triangular(triangle + (beyond if lower else beyond.T), b, lower)
    np.testing.assert_allclose(x, np.linalg.solve(triangle, b), rtol=1e-12, atol=1e-12)


def test_a_singular_triangle_names_its_row() -> None:
    with pytest.raises(ValueError, match="singular: the diagonal is 0 in row 1"):
        linalg.solve_triangular(np.diag([1.0, 0.0, 2.0]), np.ones(3), lower=True)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (4, 1), (5, 5), (30, 6)])
@pytest.mark.parametrize("targets", [(), (1,), (3,)])
def test_least_squares_are_numpys(rows: int, columns: int, targets: tuple[int, ...]) -> None:
    a, b = normal(rows, columns), normal(rows, *targets, seed=1)
    theirs = np.linalg.lstsq(a, b)[0]
    np.testing.assert_allclose(linalg.lstsq(a, b), theirs, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(linalg.lstsq(np.asfortranarray(a), b), theirs, rtol=1e-10, atol=1e-10)


def test_columns_of_very_different_units_are_no_deficiency() -> None:
    a, weights = normal(20, 3) * [1e-12, 1.0, 1e12], np.array([1e12, 1.0, 1e-12])
    np.testing.assert_allclose(linalg.lstsq(a, a @ weights), weights, rtol=1e-10)


def test_least_squares_keep_the_digits_that_the_normal_equations_lose() -> None:
    a = np.vander(np.linspace(0, 1, 30), 11)
    ours = np.abs(linalg.lstsq(a, a @ np.ones(11)) - 1).max()
    normal_equations = np.abs(np.linalg.solve(a.T @ a, a.T @ (a @ np.ones(11))) - 1).max()
    assert ours * 1e3 < normal_equations


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_deficient_rank_names_the_column(seed: int, dtype: type) -> None:
    a = normal(8, 5, seed=seed)
    a[:, 3] = a[:, 0] - 2 * a[:, 1]
    with pytest.raises(ValueError, match="rank is deficient: column 3"):
        linalg.lstsq(a.astype(dtype), np.ones(8, dtype))
    a[:, 2] = 0
    with pytest.raises(ValueError, match="rank is deficient: column 2"):
        linalg.lstsq(a.astype(dtype), np.ones(8, dtype))


def test_fewer_rows_than_columns_determine_nothing() -> None:
    with pytest.raises(ValueError, match="rank is deficient: 2 rows do not determine 3 columns"):
        linalg.lstsq(normal(2, 3), np.ones(2))


@pytest.mark.parametrize("sign", [1, -1])
def test_the_dominant_eigenvalue_keeps_its_sign(sign: int) -> None:
    a = normal(7, 7)
    a = sign * (a @ a.T)
    values, vectors = torch.linalg.eigh(torch.from_numpy(a))
    place = int(values.abs().argmax())
    value, vector = linalg.power_iteration(a)
    assert value == pytest.approx(float(values[place]), rel=1e-12)
    assert abs(vector @ vectors[:, place].numpy()) == pytest.approx(1, rel=1e-12)
    np.testing.assert_allclose(a @ vector, value * vector, atol=1e-11)


def test_a_chain_of_states_comes_to_rest() -> None:
    stay = np.array([[0.9, 0.2, 0.1], [0.05, 0.7, 0.3], [0.05, 0.1, 0.6]])
    value, vector = linalg.power_iteration(stay)
    values, vectors = np.linalg.eig(stay)
    theirs = vectors[:, values.argmax()].real
    assert value == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(vector / vector.sum(), theirs / theirs.sum(), atol=1e-10)


@pytest.mark.parametrize(
    ("a", "value"),
    [([[-3.0]], -3), ([[0.0]], 0), (np.zeros((3, 3)), 0), ([[0.0, 1.0], [0.0, 0.0]], 0), (2 * np.eye(4), 2)],
)
def test_power_iteration_ends_on_degenerate_matrices(a: Matrix, value: float) -> None:
    found, vector = linalg.power_iteration(np.array(a))
    assert found == pytest.approx(value, abs=1e-14)
    assert linalg.norm(vector) == pytest.approx(1)


@pytest.mark.parametrize("a", [[[0.0, -1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, -1.0]]])
def test_without_a_dominant_eigenvalue_none_is_made_up(a: Matrix) -> None:
    with pytest.raises(ArithmeticError, match="no eigenvalue dominates after 500 steps"):
        linalg.power_iteration(np.array(a), steps=500)


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_no_matrix_of_that_rank_is_nearer(rows: int, columns: int) -> None:
    for name, a in hostile(rows, columns).items():
        left, values, right = np.linalg.svd(a, full_matrices=False)
        for rank in range(min(rows, columns) + 1):
            theirs = left[:, :rank] * values[:rank] @ right[:rank]
            np.testing.assert_allclose(linalg.low_rank(a, rank), theirs, atol=1e-10, err_msg=f"{name}, rank {rank}")


@pytest.mark.parametrize(
    "values",
    [
        (3e-200, 2e-200, 1e-200, 1e-201),
        (3e200, 2e200, 1e200, 1e199),
        (1e8, 1e4, 1.0, 1e-4),
        (3.0, 2.0, 1.96, 1.0),
        (5.0, 5.0, 1.0, 1.0),
    ],
)
@pytest.mark.parametrize("rank", [2, 4])
def test_low_rank_finds_tiny_huge_close_and_equal_singular_values(values: tuple[float, ...], rank: int) -> None:
    a = spectrum(*values)
    left, _, right = np.linalg.svd(a, full_matrices=False)
    theirs = left[:, :rank] * values[:rank] @ right[:rank]
    np.testing.assert_allclose(linalg.low_rank(a, rank), theirs, atol=1e-10 * values[0])


def test_of_equal_singular_values_any_is_as_near() -> None:
    assert np.linalg.norm(np.eye(6) - linalg.low_rank(np.eye(6), 4)) == pytest.approx(np.sqrt(2))


@pytest.mark.parametrize("rank", [-1, 4])
def test_a_rank_that_cannot_be_is_refused(rank: int) -> None:
    with pytest.raises(ValueError, match=rf"rank: found {rank}; expected 0 to 3 for shape \(3, 5\)"):
        linalg.low_rank(np.ones((3, 5)), rank)


def test_float32_stays_float32() -> None:
    a, b = np.float32(normal(6, 4)), np.float32(normal(6))
    symmetric = a.T @ a
    results = [*linalg.qr(a), linalg.lstsq(a, b), *linalg.power_iteration(symmetric), linalg.low_rank(a, 2)]
    results += [linalg.solve_triangular(symmetric, b[:4], lower=True), linalg.norm(b, 1), linalg.norm(b, np.inf)]
    assert [one.dtype for one in results] == [np.dtype(np.float32)] * len(results)
    assert linalg.qr(np.array([[3, 1], [4, 2]]))[0].dtype == np.float64


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: linalg.qr(np.ones(3)), r"expected 2 dimensions; found shape \(3,\)"),
        (lambda: linalg.qr(np.ones((0, 3))), r"expected a matrix of finite numbers; found \(0, 3\)"),
        (lambda: linalg.low_rank(np.full((2, 2), np.nan), 1), "found NaN or infinity"),
        (lambda: linalg.power_iteration(np.ones((2, 3))), r"expected a square matrix; found shape \(2, 3\)"),
        (lambda: linalg.solve_triangular(np.ones((2, 3)), np.ones(2), True), "expected a square matrix"),
        (lambda: linalg.solve_triangular(np.eye(2), np.ones(3), True), "expected as many rows on both sides"),
        (lambda: linalg.lstsq(np.eye(2), np.ones((3, 1))), r"found shapes \(2, 2\) and \(3, 1\)"),
        (lambda: linalg.lstsq(np.eye(2), np.ones((2, 1, 1))), "expected 1 or 2 dimensions"),
    ],
)
def test_wrong_shapes_are_named(wrong: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wrong()


def test_complex_numbers_are_refused() -> None:
    with pytest.raises(TypeError, match="expected real numbers; found complex128"):
        linalg.qr(np.eye(2) * 1j)
