# SPDX-License-Identifier: MIT
"""Files that NumPy wrote, for tests/io/npy.cpp: of each its name and its bytes, in hexadecimal."""

import io

import numpy as np

from .text import steps


def npy():
    def row(name, array, version=None):
        file = io.BytesIO()
        np.lib.format.write_array(file, np.asarray(array), version=version)
        print(name, file.getvalue().hex())

    # What nn writes too, to the byte.
    row("single", steps((2, 3), np.float32))
    row("double", steps((3, 1, 2), np.float64))
    row("scalar", np.array(7, np.float32))
    row("none", np.zeros((0, 4), np.float32))
    row("bool", [True, False, True])
    row("i8", np.array([-128, 127], np.int8))
    row("u8", np.array([0, 255], np.uint8))
    row("i16", np.array([-2, 258], np.int16))
    row("u16", np.array([1, 65535], np.uint16))
    row("i32", np.array([-2, 1 << 30], np.int32))
    row("u32", np.array([1, 1 << 31], np.uint32))
    row("i64", np.array([-2, 1 << 62], np.int64))
    row("u64", np.array([1, 1 << 63], np.uint64))
    row("line", np.zeros((0, *(1,) * 12, 10), np.float32))  # a header that fills its lines of 64 bytes
    row("long", np.zeros((10, 0, *(1,) * 11, 10), np.float32))  # as long, of a first extent that has less room to grow
    row("more", np.zeros((0, *(1,) * 12, 100), np.float32))  # and one that takes a byte more
    # What it only reads.
    row("half", steps((3,), np.float16))
    row("columns", np.asfortranarray(steps((2, 3, 4), np.float32)))
    row("big", steps((2, 3), ">f4"))
    row("big_half", steps((3,), ">f2"))
    row("big_columns", np.asfortranarray(steps((2, 3), ">f8")))
    row("big_i16", np.array([-2, 258], ">i2"))
    row("version_2", steps((2, 3), np.float32), (2, 0))
    row("version_3", steps((2, 3), np.float32), (3, 0))
