# SPDX-License-Identifier: MIT
"""Blocks and bidirectional LSTMs by Equinox, for tests/compose.

    pip install equinox==0.13.8 jax==0.10.2 numpy==2.4.6
    python tests/reference/compose.py blocks > tests/compose/conv_norm_activation_expected.txt
    python tests/reference/compose.py bidirectional > tests/compose/bidirectional_expected.txt

One case a line, numbers only: the configuration, the extents of what comes out, and its elements in float64. Every array is filled row-major
from one running counter q with ((7 q mod 11) - 5) / 10, in the order of `fill` below; the tests do the same.
"""

import itertools
import sys

import jax

jax.config.update("jax_enable_x64", True)

import equinox as eqx  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

KEY = jax.random.key(0)


class Fill:
    """The running counter."""

    def __init__(self):
        self.q = 0

    def __call__(self, shape):
        q = self.q + np.arange(np.prod(shape, dtype=int))
        self.q += q.size
        return jnp.asarray(((7 * q % 11) - 5) / 10).reshape(shape)


def line(config, *arrays):
    words = [str(int(word)) for word in np.concatenate([np.ravel(part) for part in config])]
    for array in arrays:
        words += [str(array.ndim)] + [str(extent) for extent in array.shape]
        words += [f"{value:.13g}" for value in np.ravel(array)]
    print(*words)


ACTIVATIONS = [lambda x: x, jax.nn.relu, jax.nn.silu, jnp.tanh]


def block(n, channels, kernel, stride, dilation, groups, bias, norm, activation, pads, extents):
    """noxton's rules around equinox's layers: the convolution, its bias and padding, the norm in inference, the activation.
    bias: -1 is automatic. pads: None is automatic."""
    config = [[n], channels, kernel, stride, dilation, [groups, bias, norm, activation]]
    config += [[0]] if pads is None else [[1], pads]
    config += [extents]
    if pads is None:
        pads = [((k - 1) // 2 * d,) * 2 for k, d in zip(kernel, dilation)]
    use_bias = not norm if bias < 0 else bool(bias)
    conv = eqx.nn.Conv(n, *channels, kernel, stride, pads, dilation, groups, use_bias, key=KEY)
    fill = Fill()
    conv = eqx.tree_at(lambda c: c.weight, conv, fill(conv.weight.shape))
    if use_bias:
        conv = eqx.tree_at(lambda c: c.bias, conv, fill((channels[1],)).reshape(conv.bias.shape))
    if norm:
        layer, state = eqx.nn.make_with_state(eqx.nn.BatchNorm)(channels[1], "batch", eps=1e-5, mode="ema", inference=True)
        layer = eqx.tree_at(lambda b: (b.weight, b.bias), layer, (fill((channels[1],)), fill((channels[1],))))
        mean, var = fill((channels[1],)), 1 + fill((channels[1],))
        state = state.set(layer.ema_first_time_index, jnp.asarray(False)).set(layer.ema_state_index, (mean, var))
    y = []
    for x in fill((2, channels[0], *extents)):
        z = conv(x)
        y.append(ACTIVATIONS[activation](layer(z, state)[0] if norm else z))
    line(config, jnp.stack(y))


def blocks():
    image = (7, 6)
    # Automatic padding and bias: odd and even kernels, dilations and strides.
    for k, d, s in itertools.product((1, 2, 3, 4), (1, 2), (1, 2)):
        block(1, (2, 3), (k,), (s,), (d,), 1, -1, 1, 2, None, (8,))
        block(1, (2, 3), (k,), (s,), (d,), 1, -1, 0, 0, None, (8,))
    block(2, (3, 4), (3, 2), (1, 2), (2, 1), 1, -1, 1, 1, None, image)
    block(3, (2, 2), (3, 1, 2), (1, 2, 1), (1, 1, 2), 2, -1, 1, 3, None, (4, 3, 5))
    # A bias with a norm, none without; explicit pads; depthwise.
    for bias, norm, activation in itertools.product((-1, 0, 1), (0, 1), (0, 1, 2, 3)):
        block(2, (2, 4), (3, 3), (2, 1), (1, 1), 2, bias, norm, activation, ((0, 2), (1, 0)), (5, 4))
    block(2, (3, 3), (5, 5), (2, 2), (1, 1), 3, -1, 1, 2, None, image)
    block(1, (2, 3), (3,), (1,), (1,), 1, -1, 0, 1, ((0, 0),), (6,))


def run(cell, x, state):
    """One sequence x (T, D) through a cell: (T, H), and the state at the end."""
    y = []
    for step in x:
        state = cell(step, state)
        y.append(state[0])
    return jnp.stack(y), state


def bidirectional_case(batch, steps, width, sizes, bias, from_zeros):
    """y (B, T, F + G), then hidden and cell of the forward direction and of the backward one. Each starts from zeros or from a state."""
    fill = Fill()
    cells = []
    for size in sizes:
        cell = eqx.nn.LSTMCell(width, size, bool(bias), key=KEY)
        cell = eqx.tree_at(lambda c: (c.weight_ih, c.weight_hh), cell, (fill((4 * size, width)), fill((4 * size, size))))
        cells.append(eqx.tree_at(lambda c: c.bias, cell, fill((4 * size,))) if bias else cell)
    starts = [[(jnp.zeros if from_zeros else fill)((batch, size)) for _ in "hc"] for size in sizes]
    x = fill((batch, steps, width))
    y, ends = [], []
    for b in range(batch):
        ahead, end = run(cells[0], x[b], tuple(part[b] for part in starts[0]))
        back, end_of_back = run(cells[1], x[b, ::-1], tuple(part[b] for part in starts[1]))
        y.append(jnp.concatenate([ahead, back[::-1]], -1))
        ends.append([*end, *end_of_back])
    line([[batch, steps, width, *sizes, bias, from_zeros]], jnp.stack(y), *(jnp.stack([end[i] for end in ends]) for i in range(4)))


def bidirectional():
    for from_zeros, bias in itertools.product((0, 1), (0, 1)):
        bidirectional_case(1, 1, 1, (1, 1), bias, from_zeros)
        bidirectional_case(2, 5, 3, (4, 2), bias, from_zeros)
        bidirectional_case(3, 4, 2, (1, 5), bias, from_zeros)


if __name__ == "__main__":
    {"blocks": blocks, "bidirectional": bidirectional}[sys.argv[1]]()
