# SPDX-License-Identifier: MIT
"""The network of reader.hpp in Equinox, its weights file, and greedy decoding."""

import functools
from collections import defaultdict

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load_file, save_file

from fonts import CHARACTERS

CLASSES = 1 + len(CHARACTERS)
#         name in the C++ Sequential: (in, out, kernel, padding), or a pooling window
BLOCKS = {
    0: (1, 8, 3, 1),
    1: (2, 2),
    2: (8, 32, 3, 1),
    3: (2, 2),
    4: (32, 64, 3, 1),
    5: (64, 64, 3, 1),
    6: (2, 1),
    7: (64, 96, 3, 1),
    8: (96, 96, (4, 1), 0),
}
HIDDEN = 96


class Norm(eqx.Module):
    """Batch normalisation. Inference is (x - running_mean) / sqrt(running_var + 1e-5) * weight + bias."""

    weight: jax.Array
    bias: jax.Array
    running_mean: jax.Array
    running_var: jax.Array

    def __init__(self, size):
        self.weight, self.bias = jnp.ones(size), jnp.zeros(size)
        self.running_mean, self.running_var = jnp.zeros(size), jnp.ones(size)

    def statistics(self, x):
        """Mean and variance of a batch (B, C, H, W) over all but C."""
        return jnp.mean(x, (0, 2, 3)), jnp.var(x, (0, 2, 3))

    def __call__(self, x, mean, var):
        scale = self.weight * jax.lax.rsqrt(var + 1e-5)
        return (x - mean[:, None, None]) * scale[:, None, None] + self.bias[:, None, None]


class Block(eqx.Module):
    """Convolution without bias, batch normalisation, ReLU."""

    conv: eqx.nn.Conv2d
    norm: Norm

    def __init__(self, inputs, outputs, kernel, padding, key):
        self.conv = eqx.nn.Conv2d(inputs, outputs, kernel, padding=padding, use_bias=False, key=key)
        self.norm = Norm(outputs)

    def __call__(self, x, training):
        x = jax.vmap(self.conv)(x)
        used = self.norm.statistics(x) if training else (self.norm.running_mean, self.norm.running_var)
        return jax.nn.relu(self.norm(x, *used)), used


class Reader(eqx.Module):
    blocks: dict[int, Block]
    forward: eqx.nn.LSTMCell
    backward: eqx.nn.LSTMCell
    head: eqx.nn.Linear

    def __init__(self, key):
        keys = iter(jax.random.split(key, 16))
        self.blocks = {i: Block(*block, next(keys)) for i, block in BLOCKS.items() if len(block) == 4}
        width = self.blocks[8].conv.out_channels
        self.forward = eqx.nn.LSTMCell(width, HIDDEN, key=next(keys))
        self.backward = eqx.nn.LSTMCell(width, HIDDEN, key=next(keys))
        self.head = eqx.nn.Linear(2 * HIDDEN, CLASSES, key=next(keys))

    def __call__(self, x, training=False):
        """(B, 1, 32, W) -> logits (B, W // 4, classes) and, per block, the mean and variance it was normalised with."""
        used = {}
        for i, block in BLOCKS.items():
            if i in self.blocks:
                x, used[i] = self.blocks[i](x, training)
            else:
                x = max_pool(x, *block)
        x = jnp.transpose(x[:, :, 0], (2, 0, 1))  # (T, B, C)
        x = jnp.concatenate([run(self.forward, x), run(self.backward, x[::-1])[::-1]], -1)
        return jnp.transpose(jax.vmap(jax.vmap(self.head))(x), (1, 0, 2)), used


def max_pool(x, rows, columns):
    """Windows side by side, a remainder dropped. Twice as fast to differentiate on a CPU as lax.reduce_window."""
    b, c, h, w = x.shape
    x = x[:, :, : h // rows * rows, : w // columns * columns].reshape(b, c, h // rows, rows, w // columns, columns)
    x = functools.reduce(jnp.maximum, [x[:, :, :, i] for i in range(rows)])
    return functools.reduce(jnp.maximum, [x[..., j] for j in range(columns)])


def run(cell, xs):
    """(T, B, D) -> (T, B, H), from a state of zeros."""

    def step(state, x):
        state = jax.vmap(cell)(x, state)
        return state, state[0]

    zeros = jnp.zeros((xs.shape[1], cell.hidden_size))
    return jax.lax.scan(step, (zeros, zeros), xs)[1]


def parameters(reader):
    """{name of the C++ network: array}"""
    named = {}
    for i, block in reader.blocks.items():
        named[f"{i}.conv.weight"] = block.conv.weight
        for field in ("weight", "bias", "running_mean", "running_var"):
            named[f"{i}.norm.{field}"] = getattr(block.norm, field)
    for side in ("forward", "backward"):
        for field in ("weight_ih", "weight_hh", "bias"):
            named[f"10.{side}.{field}"] = getattr(getattr(reader, side), field)
    named["11.weight"], named["11.bias"] = reader.head.weight, reader.head.bias
    return named


def save(path, reader):
    """In half precision: half the bytes, and 1.10 % and 2.48 % of the held-out characters wrong, as in single."""
    save_file({name: np.asarray(array, np.float16) for name, array in parameters(reader).items()}, path)


def load(path):
    arrays = load_file(path)
    reader = Reader(jax.random.key(0))
    names = list(parameters(reader))
    return eqx.tree_at(lambda r: list(parameters(r).values()), reader, [jnp.asarray(arrays[name], jnp.float32) for name in names])


def decode(logits):
    """Greedy CTC: (T, classes) -> text."""
    best = np.argmax(logits, -1)
    kept = best[(best != 0) & (best != np.concatenate([[0], best[:-1]]))]
    return "".join(CHARACTERS[k - 1] for k in kept)


def distance(a, b):
    """Levenshtein's."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


class Errors:
    """Edits over reference characters, by key."""

    def __init__(self):
        self.edits, self.characters = defaultdict(int), defaultdict(int)

    def add(self, key, truth, read):
        self.edits[key] += distance(truth, read)
        self.characters[key] += len(truth)

    def rate(self, key=None):
        keys = self.edits if key is None else [key]
        return sum(self.edits[k] for k in keys) / max(1, sum(self.characters[k] for k in keys))
