# SPDX-License-Identifier: MIT
"""What JAX, Equinox and blox make of NaN and infinity, for tests/layers.

One case a line: its name, the arrays that go in, x last, and y. Parameters are filled (text.py), x is given here.
"""

import blox.blocks as blox
import blox.interfaces as blox_core
import equinox as eqx
import jax
import jax.numpy as jnp

from .text import Fill, row

KEY = jax.random.key(0)
NAN, INF = float("nan"), float("inf")
ROWS = jnp.array([[1, NAN, 2, 4], [1, INF, 2, 4], [-INF, 3, 2, 4], [INF, 3, -INF, 4], [-INF] * 4, [1, 2, 3, 5.0]])
LINE = jnp.array([1, 2, NAN, 3, 4, 5, 6, INF, -7, 8, 9, 10, -INF, 11, 12, 13, INF, -INF, 14.0, 15])


def filled(layer, names):
    """The layer with the named arrays from the counter, and these, biases as vectors."""
    fill = Fill()
    arrays = []
    for name in names:
        array = getattr(layer, name)
        layer = eqx.tree_at(lambda each: getattr(each, name), layer, fill(array.shape))
        arrays.append(getattr(layer, name).reshape(-1) if "bias" in name else getattr(layer, name))
    return layer, arrays


def case(name, layer, names, x):
    layer, arrays = filled(layer, names)
    row(name, *arrays, x, jax.vmap(layer)(x))


def batch_norm(name, x, training):
    """x (B, C); then y and the running statistics."""
    graph = blox_core.Graph("root")
    rng = blox_core.Rng(graph.child("rng"))
    norm = blox.BatchNorm(graph.child("norm"), 0.9, 1e-5)
    params = rng.seed(blox_core.Params(), seed=0)
    _, params = norm(params, jnp.array([[1.0, 2, 3, 4], [3, 5, 7, 9]]))
    y, params = norm(params, x, is_training=training)
    statistics = [params[("root", "norm", array)].value for array in ("running_mean", "running_var")]
    row(name, x, y, *statistics)


def non_finite():
    for pool in (blox.max_pool, blox.min_pool, blox.avg_pool):
        row(pool.__name__, LINE, pool(LINE[:, None], (3,), (1,), ((1, 1),))[:, 0])
    row("softmax", ROWS, jax.nn.softmax(ROWS))
    row("log_softmax", ROWS, jax.nn.log_softmax(ROWS))
    row("adaptive_max", ROWS, eqx.nn.AdaptiveMaxPool1d(2)(ROWS))
    row("adaptive_avg", ROWS, eqx.nn.AdaptiveAvgPool1d(2)(ROWS))
    case("layer_norm", eqx.nn.LayerNorm(4), ["weight", "bias"], ROWS)
    case("rms_norm", eqx.nn.RMSNorm(4, use_bias=False), ["weight"], ROWS)
    case("group_norm", eqx.nn.GroupNorm(2, 4), ["weight", "bias"], ROWS)
    for training in (False, True):
        for first, x in enumerate((ROWS[:1], ROWS[1:3], ROWS[3:])):
            batch_norm(f"batch_norm_{'training' if training else 'inference'}_{first}", jnp.concatenate([x, ROWS[5:]]), training)
    case("linear", eqx.nn.Linear(4, 3, key=KEY), ["weight", "bias"], ROWS)
    case("conv", eqx.nn.Conv1d(1, 2, 3, padding=1, key=KEY), ["weight", "bias"], LINE[None, None])
    case("conv_dilated", eqx.nn.Conv1d(1, 2, 3, stride=2, padding=1, dilation=2, key=KEY), ["weight", "bias"], LINE[None, None])
    case("conv_grouped", eqx.nn.Conv1d(6, 6, 2, groups=3, key=KEY), ["weight", "bias"], ROWS[None])
    # One channel after another. XLA on a CPU makes a depthwise convolution dense, with weights of 0 between channels: all would be NaN.
    layer, (weight, bias) = filled(eqx.nn.Conv1d(6, 6, 3, padding=1, groups=6, key=KEY), ["weight", "bias"])
    one = eqx.nn.Conv1d(1, 1, 3, padding=1, key=KEY)
    y = [eqx.tree_at(lambda c: (c.weight, c.bias), one, (w[None], b[None, None]))(x[None]) for w, b, x in zip(weight, bias, ROWS)]
    row("conv_depthwise", weight, bias, ROWS[None], jnp.concatenate(y)[None])
    case("conv_2d", eqx.nn.Conv2d(2, 3, 2, padding=1, key=KEY), ["weight", "bias"], jnp.stack([ROWS, ROWS[::-1]])[None])
    case("conv_transpose", eqx.nn.ConvTranspose1d(1, 2, 3, stride=2, key=KEY), ["weight", "bias"], LINE[None, None])
    table = ROWS[:, :3]
    row("embed", table, jnp.array([0.0, 5, 1, 3]), table[jnp.array([0, 5, 1, 3])])
    for name, cell in (("lstm", eqx.nn.LSTMCell(1, 3, key=KEY)), ("gru", eqx.nn.GRUCell(1, 3, key=KEY))):
        cell, arrays = filled(cell, ["weight_ih", "weight_hh", "bias"] + ["bias_n"] * (name == "gru"))
        for x in (LINE[4:8], LINE[10:14], LINE[:4]):
            state, y = (jnp.zeros(3), jnp.zeros(3)) if name == "lstm" else jnp.zeros(3), []
            for step in x:
                state = cell(step[None], state)
                y.append(state[0] if name == "lstm" else state)
            row(name, *arrays, x, jnp.stack(y))
