# SPDX-License-Identifier: MIT
"""Transposed convolutions by Equinox and lax, and the gradients of padded convolutions by JAX, for tests/layers/conv_transpose.cpp.

One case a line, numbers only: the configuration, the extents of what comes out, and its elements. Arrays are filled in this order: the
weight, the bias, and then two items.
"""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp

from .text import Fill, line

KEY = jax.random.key(0)
RULES = {"SAME": 1, "SAME_LOWER": 2, "VALID": 3}
MODES = {"ZEROS": 0, "REFLECT": 1, "REPLICATE": 2, "CIRCULAR": 3}
NUMPY_MODES = {"ZEROS": "constant", "REFLECT": "reflect", "REPLICATE": "edge", "CIRCULAR": "wrap"}
AXES = "HWD"


def padding_words(n, padding):
    """The rule, 0 for numbers, and two numbers an axis."""
    return [[RULES[padding]], [0, 0] * n] if isinstance(padding, str) else [[0], padding]


def equinox(channels, kernel, stride, padding, extents, out=None, dilation=None, groups=1, bias=1, mode="ZEROS"):
    n = len(kernel)
    out, dilation = out or (0,) * n, dilation or (1,) * n
    layer = eqx.nn.ConvTranspose(n, *channels, kernel, stride, padding, out, dilation, groups, bool(bias), mode, key=KEY)
    fill = Fill()
    layer = eqx.tree_at(lambda c: c.weight, layer, fill(layer.weight.shape))
    if bias:
        layer = eqx.tree_at(lambda c: c.bias, layer, fill((channels[1],)).reshape(layer.bias.shape))
    y = jnp.stack([layer(x) for x in fill((2, channels[0], *extents))])
    line([[n], channels, kernel, stride, *padding_words(n, padding), out, dilation, [groups, bias, MODES[mode], 0, 0], extents], y)


def lax(channels, kernel, stride, padding, extents, dilation, flip):
    """What blox calls, and with `flip` what brainstate's tests compare with."""
    n = len(kernel)
    fill = Fill()
    weight = fill((channels[1], channels[0], *kernel))
    spatial = AXES[:n]
    numbers = ("NC" + spatial, ("IO" if flip else "OI") + spatial, "NC" + spatial)
    y = jax.lax.conv_transpose(
        fill((2, channels[0], *extents)), weight, stride, padding, rhs_dilation=dilation, dimension_numbers=numbers, transpose_kernel=flip
    )
    line([[n], channels, kernel, stride, *padding_words(n, padding), [0] * n, dilation, [1, 0, 0, 1, flip], extents], y)


def conv_transpose():
    for k, s, d in itertools.product((1, 2, 3, 4), (1, 2, 3), (1, 2)):
        for padding in ("SAME", "SAME_LOWER", "VALID", ((1, 0),), ((0, 3),)):
            for a in range(min(s, 2)):
                equinox((1, 2), (k,), (s,), padding, (3,), (a,), (d,))
        for padding in ("SAME", "VALID", ((1, 2),), ((-1, 3),)):
            lax((1, 2), (k,), (s,), padding, (3,), (d,), s % 2 == 1)
        for padding in ("SAME", "SAME_LOWER"):
            equinox((1, 2), (k,), (s,), padding, (2,), None, (d,), mode="CIRCULAR")
    equinox((4, 6), (3, 2), (2, 3), ((1, 0), (0, 2)), (3, 2), (1, 2), (1, 2), 2)
    equinox((3, 3), (3, 3), (2, 1), "SAME", (2, 3), (1, 0), None, 3, 0)
    equinox((2, 2), (3, 2), (2, 2), "SAME", (2, 3), None, (1, 2), 2, mode="CIRCULAR")
    equinox((2, 4), (2, 1, 3), (1, 2, 2), ((0, 1), (0, 0), (1, 1)), (2, 2, 3), (0, 1, 0), None, 2)
    equinox((1, 1), (2, 3, 2), (2, 1, 2), "SAME_LOWER", (2, 2, 2), (1, 0, 1), (1, 2, 1))
    equinox((8, 3), (1, 1), (2, 2), ((0, 1), (0, 3)), (3, 4), (0, 0))  # pads beyond the kernel crop
    lax((2, 3), (3, 2), (2, 3), "SAME", (3, 2), (1, 2), False)
    lax((2, 3), (3, 2), (2, 3), "VALID", (3, 2), (2, 1), True)
    lax((2, 1), (2, 1, 3), (1, 2, 2), ((0, 1), (2, 0), (1, 1)), (2, 2, 2), (1, 1, 1), True)
    equinox((1, 2), (3,), (2,), ((0, 0),), (0,))  # no cells: the bias, where the padding of the stuffed x reaches


def adjoint(channels, kernel, stride, padding, extents, mode, dilation=None, groups=1):
    """The gradient of a convolution of x, padded in this mode, at a y: what its transpose makes of y."""
    n = len(kernel)
    dilation = dilation or (1,) * n
    pads = padding
    if isinstance(padding, str):
        spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel)]
        pads = jax.lax.padtype_to_pads(extents, spans, stride, padding)
    fill = Fill()
    weight = fill((channels[1], channels[0] // groups, *kernel))
    spatial = AXES[:n]

    def conv(x):
        padded = jnp.pad(x, [(0, 0), (0, 0), *[tuple(int(p) for p in pad) for pad in pads]], mode=NUMPY_MODES[mode])
        numbers = ("NC" + spatial, "OI" + spatial, "NC" + spatial)
        return jax.lax.conv_general_dilated(
            padded, weight, stride, "VALID", rhs_dilation=dilation, dimension_numbers=numbers, feature_group_count=groups
        )

    y, pullback = jax.vjp(conv, jnp.zeros((2, channels[0], *extents)))
    if y.size == 0:
        return  # no window fits
    (x,) = pullback(fill(y.shape))
    line([[n], channels, kernel, stride, *padding_words(n, padding), dilation, [groups, MODES[mode]], extents], x)


def conv_transpose_adjoint():
    for mode in MODES:
        for k, s, extent in itertools.product((1, 2, 3, 4), (1, 2, 3), (1, 2, 4)):
            for padding in ("SAME", "SAME_LOWER", ((2, 1),), ((9, 7),)):
                d = 1 + (k + s) % 2
                adjoint((1, 1), (k,), (s,), padding, (extent,), mode, (d,))
        adjoint((4, 2), (3, 2), (2, 1), ((1, 2), (0, 4)), (3, 3), mode, (1, 2), 2)
        adjoint((2, 2), (3, 3), (1, 2), "SAME", (3, 4), mode, None, 1)
        adjoint((2, 4), (2, 1, 3), (1, 2, 2), ((3, 0), (0, 1), (2, 2)), (2, 2, 3), mode, None, 2)

