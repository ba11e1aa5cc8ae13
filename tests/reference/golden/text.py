# SPDX-License-Identifier: MIT
"""How the files are written, and what the arrays in them are made from. tests/support/golden.hpp is the other half."""

import numpy as np


class Fill:
    """Fills array after array, row-major, with ((7 q mod 11) - 5) / 10 for q = 0, 1, 2, …"""

    def __init__(self):
        self.q = 0

    def numbers(self, shape):
        """The 7 q mod 11."""
        q = self.q + np.arange(np.prod(shape, dtype=int))
        self.q += q.size
        return (7 * q % 11).reshape(shape)

    def __call__(self, shape):
        return (self.numbers(shape) - 5) / 10


def steps(shape, dtype):
    """-1, -0.75, -0.5, …: exact in every type with a fraction."""
    return (np.arange(np.prod(shape, dtype=int)) / 4 - 1).reshape(shape).astype(dtype)


def words(*arrays):
    """Of each array its rank, its extents and its elements, in float64."""
    for array in map(np.asarray, arrays):
        yield from (array.ndim, *array.shape)
        yield from (f"{value:.13g}" for value in np.ravel(array))


def row(name, *arrays):
    print(name, *words(*arrays))


def line(config, *arrays):
    """`config` is a list of lists of whole numbers, of any depth."""
    print(*(int(number) for part in config for number in np.ravel(part)), *words(*arrays))
