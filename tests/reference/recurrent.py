# SPDX-License-Identifier: MIT
"""GRUs and causal convolutions by Equinox, for tests/layers.

    pip install equinox==0.13.8 jax==0.10.2 numpy==2.4.6
    python tests/reference/recurrent.py gru > tests/layers/gru_expected.txt
    python tests/reference/recurrent.py causal > tests/layers/causal_conv_expected.txt

One case a line, numbers only: the configuration, the extents of what comes out, and its elements in float64. Arrays are filled as in
compose.py: the parameters in the order of the layer's members, the state, x.
"""

import itertools
import sys

from compose import KEY, Fill, line

import equinox as eqx
import jax.numpy as jnp


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


def causal():
    for k, d, past in itertools.product((1, 2, 4), (1, 3), (0, 2, 11)):
        causal_case((2, 3), k, d, 1, 1, past, 5)
        causal_case((3, 3), k, d, 3, 0, past, 2)  # depthwise
    causal_case((4, 6), 3, 2, 2, 1, 3, 20)


if __name__ == "__main__":
    {"gru": gru, "causal": causal}[sys.argv[1]]()
