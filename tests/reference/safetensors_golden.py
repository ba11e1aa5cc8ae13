# SPDX-License-Identifier: MIT
"""Files that the Python library safetensors wrote, for tests/io/safetensors.cpp.

    pip install safetensors==0.8.0 numpy==2.4.6 ml_dtypes==0.6.0
    python tests/reference/safetensors_golden.py            # writes golden.safetensors and golden_net.safetensors into tests/io
    python tests/reference/safetensors_golden.py FILE…      # shows what the library reads in files that nn wrote
"""

import pathlib
import sys

import ml_dtypes
import numpy as np
from safetensors.numpy import load_file, save_file

FOLDER = pathlib.Path(__file__).parent.parent / "io"


def steps(shape, dtype):
    """-1, -0.75, -0.5, …: exact in every type with a fraction."""
    return (np.arange(np.prod(shape, dtype=int)) / 4 - 1).reshape(shape).astype(dtype)


def write():
    # What nn only reads: 16-bit floats, metadata.
    half, brain = steps((3,), np.float16), steps((2, 1), ml_dtypes.bfloat16)
    save_file({"half": half, "brain": brain, "single": steps((2, 2), np.float32)}, FOLDER / "golden.safetensors", metadata={"format": "np"})

    # What nn writes too, to the byte.
    save_file(
        {
            "conv.weight": steps((2, 1, 3), np.float32),
            "conv.bias": steps((2,), np.float32),
            "double": steps((2, 2), np.float64),
            "scalar": np.array(7, np.float32),
            "none": np.zeros((0, 4), np.float32),
            "größe \"\\\n\x01/": steps((1,), np.float32),
            "bool": np.array([True, False, True]),
            "i8": np.array([-128, 127], np.int8),
            "u8": np.array([0, 255], np.uint8),
            "i16": np.array([-2, 258], np.int16),
            "u16": np.array([1, 65535], np.uint16),
            "i32": np.array([-2, 1 << 30], np.int32),
            "u32": np.array([1, 1 << 31], np.uint32),
            "i64": np.array([-2, 1 << 62], np.int64),
            "u64": np.array([1, 1 << 63], np.uint64),
        },
        FOLDER / "golden_net.safetensors",
    )


def show(path):
    for name, array in load_file(path).items():
        print(f"{name!r} {array.dtype} {array.shape} {array.ravel()[:4]}")


if __name__ == "__main__":
    for path in sys.argv[1:]:
        show(path)
    if len(sys.argv) == 1:
        write()
