# SPDX-License-Identifier: MIT
"""What the files of the libraries share."""

import importlib.metadata
import os

# Compiling takes most of the time: nothing is worth optimising that runs twice.
FLAGS = ["--xla_backend_optimization_level=0", "--xla_llvm_disable_expensive_passes=true", "--xla_cpu_multi_thread_eigen=false"]
if importlib.metadata.version("jaxlib").startswith("0.10."):
    FLAGS.append("--xla_cpu_use_fusion_emitters=false")  # halves it; later versions do not know the flag
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", " ".join(FLAGS))

import jax  # noqa: E402

jax.config.update("jax_default_matmul_precision", "highest")

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

KEY = jax.random.key(0)


def crops(config):
    """Whether a convolution crops its image, or the transposed one does. XLA's float32 convolutions on the CPU (jaxlib 0.10.2) then read
    beside the image when they pad as well: lax.conv_general_dilated of (1, 2, 5, 6) with (1, 2, 2, 2) and pads ((-1, 1), (-2, 2)) gives
    1e34. In float64 they are right."""
    padding = config.get("padding")
    if "kernel" not in config or not isinstance(padding, list):
        return False
    pairs = [(each, each) if isinstance(each, int) else each for each in padding]
    around = [d * (k - 1) for d, k in zip(config["dilation"], config["kernel"])] if isinstance(config["kernel"], list) else [0] * len(pairs)
    return any(p < 0 for pair in pairs for p in pair) or any(a - p < 0 for a, pair in zip(around, pairs) for p in pair)


def reference(config, function):
    """{name: array} -> {name: array}, `function(config, arrays)` compiled once for all arrays of the configuration."""
    compiled = jax.jit(lambda arrays: function(config, arrays))
    dtype = "float64" if crops(config) else config["dtype"]

    def call(arrays):
        taken = {name: np.asarray(array, dtype) if array.dtype.kind == "f" else array for name, array in arrays.items()}
        with jax.enable_x64(dtype == "float64"):
            return {name: np.asarray(array) for name, array in compiled(taken).items()}

    return call


def followed(config, y):
    """What the function behind a convolution, if any, makes of y."""
    return getattr(jax.nn, config.get("then", "identity"))(y)


def over_batch(function, x, item):
    """`function` of single items over all leading axes of x."""
    lead = x.shape[: x.ndim - item]
    y = jax.vmap(function)(x.reshape(-1, *x.shape[x.ndim - item :]))
    return jax.tree.map(lambda each: each.reshape(*lead, *each.shape[1:]), y)


def hwio(weight):
    """(O, C, K…) as (K…, C, O)."""
    return jnp.moveaxis(weight, (1, 0), (-2, -1))


def hwoi(weight):
    """(O, C, K…) as (K…, O, C)."""
    return jnp.moveaxis(weight, (0, 1), (-2, -1))


def igfo(array):
    """nn's gates, i f g o along the first axis, as i g f o."""
    i, f, g, o = jnp.split(array, 4)
    return jnp.concatenate([i, g, f, o])


def joined(arrays):
    """The two weights of a recurrent layer as one of (gates, D + H)."""
    return jnp.concatenate([arrays["weight_ih"], arrays["weight_hh"]], 1)


def gru_parts(arrays, order):
    """Kernels and biases of the gates, "zr" or "rz", and of the candidate. These libraries' z is 1 - nn's: its weights change sign."""
    size = arrays["weight_hh"].shape[1]
    weight, bias = joined(arrays), arrays["bias"]
    r, z, n = (weight[i * size : (i + 1) * size] for i in range(3))
    br, bz, bn = jnp.split(bias, 3)
    gates = {"r": (r, br), "z": (-z, -bz)}
    kernel, shift = (jnp.concatenate([gates[gate][i] for gate in order]) for i in range(2))
    return kernel.T, shift, n.T, bn
