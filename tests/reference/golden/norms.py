# SPDX-License-Identifier: MIT
"""Norms, adaptive pools and activations by Equinox, blox, brainstate and JAX, for tests/layers.

One case a line, numbers only: the configuration, the extents of what comes out, and its elements. Weights, biases and
then x are filled.
"""

import itertools

import blox.blocks as blox
import blox.interfaces as blox_core
import brainstate
import equinox as eqx
import jax
import jax.numpy as jnp

from .text import Fill, line

brainstate.environ.set(precision=64, fit=False)
SHAPES = [(5,), (1,), (3, 4), (2, 3, 2)]


def filled(norm, names):
    """The layer with the named arrays from the counter, and the counter."""
    fill = Fill()
    for name in names:
        array = getattr(norm, name)
        if array is not None:
            norm = eqx.tree_at(lambda n: getattr(n, name), norm, fill(array.shape))
    return norm, fill


def blox_norm(layer, x, weight, bias):
    """layer(graph, …) of x with these parameters. RMSNorm has no bias."""
    graph = blox_core.Graph("root")
    rng = blox_core.Rng(graph.child("rng"))
    arrays = {"scale_init": lambda *_: weight} | ({} if bias is None else {"bias_init": lambda *_: bias})
    norm = layer(graph.child("norm"), rng=rng, **arrays)
    return norm(rng.seed(blox_core.Params(), seed=0), x)[0]


def brainstate_norm(layer, x, weight, bias):
    norm = layer((x.shape[-1],), scale_init=lambda *_: weight, **({} if bias is None else {"bias_init": lambda *_: bias}))
    return norm(x)


def layer_norm():
    """library (0 Equinox, 1 blox, 2 brainstate), kind (0 LayerNorm, 1 RMSNorm), weight, bias, eps in millionths, R, shape"""
    for shape, kind, weight, bias, eps in itertools.product(SHAPES, (0, 1), (0, 1), (0, 1), (10, 125000)):
        layer = [eqx.nn.LayerNorm, eqx.nn.RMSNorm][kind]
        norm, fill = filled(layer(shape, eps * 1e-6, bool(weight), bool(bias)), ["weight", "bias"])
        line([[0, kind, weight, bias, eps, len(shape)], shape], jax.vmap(norm)(fill((2, *shape))))
    for size, kind, library in itertools.product((1, 5), (0, 1), (1, 2)):
        fill = Fill()
        weight, bias = fill((size,)), fill((size,)) if kind == 0 else None
        x = fill((2, size))
        layers = [(blox.LayerNorm, blox.RMSNorm), (brainstate.nn.LayerNorm, brainstate.nn.RMSNorm)]
        y = [blox_norm, brainstate_norm][library - 1](layers[library - 1][kind], x, weight, bias)
        line([[library, kind, 1, 1 - kind, 10 if library == 1 else 1, 1], [size]], y)


def group_norm():
    """library, groups, channels, affine, eps in millionths, N, spatial extents; brainstate has the channels last"""
    for groups, size, spatial, affine in itertools.product((1, 2, 3), (1, 2), ((), (3,), (2, 3), (2, 1, 3)), (0, 1)):
        channels = groups * size
        norm, fill = filled(eqx.nn.GroupNorm(groups, channels, 1e-5, bool(affine)), ["weight", "bias"])
        line([[0, groups, channels, affine, 10, len(spatial)], spatial], jax.vmap(norm)(fill((2, channels, *spatial))))
    for groups, spatial in itertools.product((1, 2, 3), ((3,), (2, 3))):
        fill = Fill()
        weight, bias = fill((6,)), fill((6,))
        norm = brainstate.nn.GroupNorm((6,), num_groups=groups, scale_init=lambda *_: weight, bias_init=lambda *_: bias)
        line([[2, groups, 6, 1, 1, len(spatial)], spatial], norm(fill((2, *spatial, 6))))


def adaptive_pool():
    """average, N, output_size, extents"""
    cases = [((m,), (n,)) for n in range(1, 10) for m in range(1, n + 1)]
    cases += [((2, 3), (3, 4)), ((3, 2), (7, 5)), ((1, 4), (4, 4)), ((2, 1, 3), (3, 2, 5))]
    for (target, extents), average in itertools.product(cases, (0, 1)):
        n = len(target)
        layer = [
            [eqx.nn.AdaptiveMaxPool1d, eqx.nn.AdaptiveMaxPool2d, eqx.nn.AdaptiveMaxPool3d],
            [eqx.nn.AdaptiveAvgPool1d, eqx.nn.AdaptiveAvgPool2d, eqx.nn.AdaptiveAvgPool3d],
        ][average][n - 1]
        line([[average, n], target, extents], layer(target if n > 1 else target[0])(Fill()((2, *extents))))


POINTS = [-1e300, -1000, -100, -40, -20, -9, -5, -3.5, -3, -2, -1, -0.5, -1e-3, -1e-9, 0]
POINTS += [1e-9, 1e-3, 0.25, 1, 2.5, 3, 3.5, 6, 6.5, 9, 20, 40, 100, 1000, 1e300]
ACTIVATIONS = [
    jax.nn.relu6,
    lambda x: jax.nn.leaky_relu(x, 0.01),
    lambda x: jax.nn.leaky_relu(x, 0.2),
    jax.nn.elu,
    lambda x: jax.nn.elu(x, 0.5),
    jax.nn.selu,
    lambda x: jax.nn.gelu(x, approximate=False),
    lambda x: jax.nn.gelu(x, approximate=True),
    jax.nn.log_sigmoid,
    jax.nn.hard_sigmoid,
    jax.nn.hard_tanh,
    jax.nn.hard_silu,
    jax.nn.softplus,
    jax.nn.soft_sign,
    jax.nn.mish,
]


def activations():
    """The points, and then each function of them."""
    x = jnp.asarray(POINTS)
    line([[-1]], x)
    for number, f in enumerate(ACTIVATIONS):
        line([[number]], f(x))

