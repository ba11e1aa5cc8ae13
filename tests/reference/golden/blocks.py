# SPDX-License-Identifier: MIT
"""Blocks by noxton, for tests/compose/conv_norm_activation.cpp.

One case a line, numbers only: the configuration, the extents of what comes out, and its elements. Arrays are filled in the order of `fill`.
"""

import functools
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import noxton.nn

from .text import Fill, line

KEY = jax.random.key(0)
ACTIVATIONS = [None, jax.nn.relu, jax.nn.silu, jnp.tanh]


def block(n, channels, kernel, stride, dilation, groups, bias, norm, activation, pads, extents):
    """Inference. bias: -1 is automatic. pads: None is automatic."""
    config = [[n], channels, kernel, stride, dilation, [groups, bias, norm, activation]]
    config += [[0]] if pads is None else [[1], pads]
    layer = noxton.nn.ConvNormActivation(
        n,
        *channels,
        kernel,
        stride,
        pads,
        groups,
        ACTIVATIONS[activation],
        dilation,
        None if bias < 0 else bool(bias),
        norm_layer=functools.partial(noxton.nn.BatchNorm, channels[1], "batch") if norm else None,
        key=KEY,
        dtype=float,
    )
    fill = Fill()
    layer = eqx.tree_at(lambda l: l.conv.weight, layer, fill(layer.conv.weight.shape))
    if layer.conv.bias is not None:
        layer = eqx.tree_at(lambda l: l.conv.bias, layer, fill(layer.conv.bias.shape))
    state = eqx.nn.State(layer)
    if norm:
        affine = fill((channels[1],)), fill((channels[1],))
        layer = eqx.tree_at(lambda l: (l.norm.weight, l.norm.bias, l.norm.inference), layer, (*affine, True))
        state = state.set(layer.norm.running_mean, jnp.asarray(fill((channels[1],))))
        state = state.set(layer.norm.running_var, jnp.asarray(1 + fill((channels[1],))))
    x = fill((2, channels[0], *extents))
    y, _ = jax.vmap(lambda item: layer(item, state), axis_name="batch", out_axes=(0, None))(x)
    line([*config, extents], y)


def conv_norm_activation():
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
