# SPDX-License-Identifier: MIT
"""GRUs, causal convolutions and bidirectional LSTMs by Equinox, for tests/layers and tests/compose.

One case a line, numbers only: the configuration, the extents of what comes out, and its elements. Arrays are filled in
this order: the parameters in the order of the layer's members, the state, x.
"""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp

from .text import Fill, line

KEY = jax.random.key(0)


def gru_case(batch, steps, width, size, bias, from_zeros):
    """y (B, T, H), whose last step is the state."""
    fill = Fill()
    cell = eqx.nn.GRUCell(width, size, bool(bias), key=KEY)
    cell = eqx.tree_at(lambda c: (c.weight_ih, c.weight_hh), cell, (fill((3 * size, width)), fill((3 * size, size))))
    if bias:
        cell = eqx.tree_at(lambda c: (c.bias, c.bias_n), cell, (fill((3 * size,)), fill((size,))))
    start = (jnp.zeros if from_zeros else fill)((batch, size))
    y = []
    for x, state in zip(fill((batch, steps, width)), start):
        states = []
        for step in x:
            state = cell(step, state)
            states.append(state)
        y.append(jnp.stack(states))
    line([[batch, steps, width, size, bias, from_zeros]], jnp.stack(y))


def gru():
    for from_zeros, bias in itertools.product((0, 1), (0, 1)):
        gru_case(1, 1, 1, 1, bias, from_zeros)
        gru_case(2, 5, 3, 4, bias, from_zeros)
        gru_case(3, 4, 2, 9, bias, from_zeros)


def causal_case(channels, kernel, dilation, groups, bias, past, steps):
    """The rule of noxton.CausalConv1d, with the pads of its own convolution: x behind `past` steps of a call before, zeros before those."""
    conv = eqx.nn.Conv1d(*channels, kernel, padding=((dilation * (kernel - 1), 0),), dilation=dilation, groups=groups, use_bias=bool(bias), key=KEY)
    fill = Fill()
    conv = eqx.tree_at(lambda c: c.weight, conv, fill(conv.weight.shape))
    if bias:
        conv = eqx.tree_at(lambda c: c.bias, conv, fill((channels[1], 1)))
    x = fill((2, channels[0], past + steps))
    line([[*channels, kernel, dilation, groups, bias, past, steps]], jnp.stack([conv(item) for item in x])[:, :, past:])


def causal_conv():
    for k, d, past in itertools.product((1, 2, 4), (1, 3), (0, 2, 11)):
        causal_case((2, 3), k, d, 1, 1, past, 5)
        causal_case((3, 3), k, d, 3, 0, past, 2)  # depthwise
    causal_case((4, 6), 3, 2, 2, 1, 3, 20)


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

