"""Linear algebra for networks, regression and compression.

Matrices are finite arrays ``[rows, columns]``; ValueError says which shape was expected. Results have the dtype of the
arguments; whole numbers become float64 where there is a division. Nothing here calls `numpy.linalg`.

Trefethen and Bau, *Numerical Linear Algebra*, https://doi.org/10.1137/1.9780898719574
"""

from typing import Any

import numpy as np

from groundwork.scratch.arrays import Array
from groundwork.scratch.random import generator

# One product, five times: the fewer steps in Python, the more NumPy does in each. For size n: n³, n², n², n, none.


def matmul_loops(a: Array, b: Array) -> Array:
    """Multiply by the definition: c_ij = Σ_k a_ik b_kj."""
    c = _zero_product(a, b)
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]
    return c


def matmul_dots(a: Array, b: Array) -> Array:
    """Multiply by comparing: c_ij is the dot product of row i of `a` and column j of `b`, as in attention."""
    c = _zero_product(a, b)
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            c[i, j] = np.dot(a[i], b[:, j])
    return c


def matmul_columns(a: Array, b: Array) -> Array:
    """Multiply by mixing: each column of the product sums the columns of `a`, weighted by that column of `b`."""
    c = _zero_product(a, b)
    for j in range(b.shape[1]):
        for k in range(a.shape[1]):
            c[:, j] += a[:, k] * b[k, j]
    return c


def matmul_outer(a: Array, b: Array) -> Array:
    """Multiply by adding matrices of rank 1, as a weight's gradient adds up over the rows of a batch."""
    c = _zero_product(a, b)
    for k in range(a.shape[1]):
        c += np.outer(a[:, k], b[k])
    return c


def matmul_einsum(a: Array, b: Array) -> Array:
    """Multiply by naming the dimensions: one that the result does not name is summed over."""
    _zero_product(a, b)
    return np.einsum("ik,kj->ij", a, b)


def norm(x: Array, ord: float = 2) -> Any:
    """Measure a vector ``[n]``: the sum of its sizes (`ord` 1), its length (2), or its largest size (inf)."""
    sizes = np.abs(_floats(x, (1,)))
    if ord not in (1, 2, np.inf):
        raise ValueError(f"ord: found {ord}; expected 1, 2 or inf")
    largest = sizes.max(initial=0)
    if ord == 1:
        return sizes.sum()
    if ord == np.inf or largest in (0, np.inf):
        return largest
    # Squares overflow, and vanish, long before the length does: they are taken of shares of the largest.
    shares = sizes / largest
    return largest * np.sqrt(shares @ shares)


def qr(a: Array) -> tuple[Array, Array]:
    """Factor ``a = q r``: orthonormal columns times a triangle, by reflections.

    Each reflection maps one column onto the axis of its diagonal, so that zeros are below it. A product of
    reflections is orthogonal up to rounding whatever the matrix. Gram-Schmidt instead subtracts from each column what
    those before explain: where little remains, that is mostly rounding error, and the columns lean on each other.

    `a` ``[rows, columns]`` may be of any rank. `q` is ``[rows, k]``, `r` upper triangular, ``[k, columns]``, k the
    smaller side; signs are LAPACK's. Householder, https://doi.org/10.1145/320941.320947
    """
    r = _matrix(a).copy()
    rows, size = len(r), min(r.shape)
    mirrors = []  # each reflection's unit vector; zeros where no reflection is needed
    for j in range(size):
        mirror = r[j:, j].copy()
        if mirror[1:].any():
            # The end of the axis that is further away: then the difference loses no digits.
            mirror[0] += np.copysign(norm(mirror), mirror[0])
            mirror /= norm(mirror)
        else:
            mirror[:] = 0
        r[j:, j:] -= 2 * np.outer(mirror, mirror @ r[j:, j:])
        mirrors.append(mirror)
    q = np.eye(rows, size, dtype=r.dtype)
    for j in reversed(range(size)):
        q[j:, j:] -= 2 * np.outer(mirrors[j], mirrors[j] @ q[j:, j:])
    return q, np.triu(r[:size])


def solve_triangular(a: Array, b: Array, lower: bool) -> Array:
    """Solve a x = b by substitution: the first equation has one unknown, each further one brings one more.

    `a` is ``[n, n]``, and nothing across the diagonal is read; `b` is ``[n]`` or ``[n, columns]``. A `lower` triangle
    is solved from the top, an upper one from below. ValueError is raised if the diagonal has a 0.
    """
    a, b = _system(a, b)
    _require_square(a)
    if not a.diagonal().all():
        raise ValueError(f"the matrix is singular: the diagonal is 0 in row {a.diagonal().tolist().index(0)}")
    x = np.zeros(b.shape, np.result_type(a, b))
    for i in range(len(a)) if lower else reversed(range(len(a))):
        known = slice(i) if lower else slice(i + 1, None)
        x[i] = (b[i] - a[i, known] @ x[known]) / a[i, i]
    return x


def lstsq(a: Array, b: Array) -> Array:
    """Find the x for which a x is nearest to b: linear regression.

    a = q r, and qᵀ keeps lengths: so it remains to solve r x = qᵀb. The normal equations, aᵀa x = aᵀb, have the same
    solution, but lose twice as many digits where columns are nearly dependent. `a` is ``[rows, columns]``, `b`
    ``[rows]`` or ``[rows, targets]``. ValueError is raised if the rank of `a` is deficient: many x are equally near.
    """
    a, b = _system(_matrix(a), b)
    rows, columns = a.shape
    if rows < columns:
        raise ValueError(f"the rank is deficient: {rows} rows do not determine {columns} columns")
    q, r = qr(a)
    for j in range(columns):
        # The diagonal is the part of a column that those before it do not explain.
        if abs(r[j, j]) <= rows * np.finfo(r.dtype).eps * norm(r[: j + 1, j]):
            raise ValueError(f"the rank is deficient: column {j} is 0 or a combination of those before it")
    return solve_triangular(r, q.T @ b, lower=False)


def power_iteration(a: Array, tolerance: float | None = None, steps: int = 10_000) -> tuple[Any, Array]:
    """Find the largest eigenvalue in size, and its vector ``[n]`` of length 1, by repeated multiplication.

    Each step stretches a vector's share of every eigenvector by its eigenvalue: the dominant one outgrows the others.
    It ends where a v - λ v is no longer than a share `tolerance` of `a` ``[n, n]``, by default 64 roundings.
    ArithmeticError is raised if that takes more than `steps`: a rotation has no such λ, and of λ and -λ none dominates.
    """
    a = _matrix(a)
    _require_square(a)
    allowed = _rounding(a) if tolerance is None else tolerance * norm(a.ravel())
    vector = generator().standard_normal(len(a)).astype(a.dtype)
    vector /= norm(vector)
    for _ in range(steps):
        image = a @ vector
        value = vector @ image  # Rayleigh's quotient: of all numbers, the one by which `a` comes nearest to stretching
        if norm(image - value * vector) <= allowed:
            return value, vector
        vector = image / norm(image)
    raise ArithmeticError(f"no eigenvalue dominates after {steps} steps: two are of the same size, or nearly")


def low_rank(a: Array, rank: int, steps: int = 1_000) -> Array:
    """Find the matrix of a `rank`, from 0 to the smaller side, that is nearest to `a` ``[rows, columns]``.

    That is `a` projected onto the dominant eigenvectors of aᵀa (Eckart and Young, https://doi.org/10.1007/BF02288367).
    Power iteration finds them all at once; qr keeps them apart: without it, all would converge to the first. If `steps`
    do not suffice, singular values at the cut are nearly equal, and the result is nearly as near.
    """
    a = _matrix(a)
    if not 0 <= rank <= min(a.shape):
        raise ValueError(f"rank: found {rank}; expected 0 to {min(a.shape)} for shape {a.shape}")
    nearest = np.zeros_like(a)
    right = generator().standard_normal((a.shape[1], rank)).astype(a.dtype)
    for _ in range(steps if rank else 0):
        # qr after each factor, not after aᵀa: that squares singular values, and squares overflow or vanish.
        left, _ = qr(a @ right)
        right, _ = qr(a.T @ left)
        before, nearest = nearest, a @ right @ right.T
        if norm((nearest - before).ravel()) <= _rounding(a):
            break
    return nearest


def _rounding(a: Array) -> float:
    return 64 * np.finfo(a.dtype).eps * norm(a.ravel())


def _zero_product(a: Array, b: Array) -> Array:
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise ValueError(f"expected shapes [rows, k] and [k, columns]; found {a.shape} and {b.shape}")
    return np.zeros((a.shape[0], b.shape[1]), np.result_type(a, b))


def _floats(a: Array, dimensions: tuple[int, ...]) -> Array:
    a = np.asarray(a)
    if a.dtype.kind not in "biuf":
        raise TypeError(f"expected real numbers; found {a.dtype}")
    if a.ndim not in dimensions:
        raise ValueError(f"expected {' or '.join(map(str, dimensions))} dimensions; found shape {a.shape}")
    return a if a.dtype.kind == "f" else a.astype(np.float64)


def _require_square(a: Array) -> None:
    if a.shape[0] != a.shape[1]:
        raise ValueError(f"expected a square matrix; found shape {a.shape}")


def _matrix(a: Array) -> Array:
    a = _floats(a, (2,))
    if a.size == 0 or not np.isfinite(a).all():
        raise ValueError(f"expected a matrix of finite numbers; found {'NaN or infinity' if a.size else a.shape}")
    return a


def _system(a: Array, b: Array) -> tuple[Array, Array]:
    a, b = _floats(a, (2,)), _floats(b, (1, 2))
    if len(a) != len(b):
        raise ValueError(f"expected as many rows on both sides; found shapes {a.shape} and {b.shape}")
    return a, b
