# SPDX-License-Identifier: MIT
"""Files that the Python library safetensors wrote, for tests/io/safetensors.cpp."""

import ml_dtypes
import numpy as np
from safetensors.numpy import save

from .text import steps


def golden():
    """What nn only reads: 16-bit floats, metadata."""
    half, brain = steps((3,), np.float16), steps((2, 1), ml_dtypes.bfloat16)
    return save({"half": half, "brain": brain, "single": steps((2, 2), np.float32)}, metadata={"format": "np"})


def golden_net():
    """What nn writes too, to the byte."""
    return save(
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
    )
