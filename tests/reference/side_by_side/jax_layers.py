# SPDX-License-Identifier: MIT
"""JAX itself: jax.nn, jax.numpy and jax.lax."""

import math

from . import draw as d
from . import layers
from .jitted import jax, jnp


class Softmax(layers.Softmax):
    def draw(self, draw):
        return d.softmax(draw)

    def answer(self, c, arrays):
        return {"y": jax.nn.softmax(arrays["x"], -1)}


class LogSoftmax(layers.LogSoftmax, Softmax):
    def answer(self, c, arrays):
        return {"y": jax.nn.log_softmax(arrays["x"], -1)}


class Activation(layers.Activation):
    def draw(self, draw):
        return d.activation(draw, layers.ACTIVATIONS)

    def answer(self, c, arrays):
        name, options = layers.jax_name(c)
        return {"y": getattr(jax.nn, name)(arrays["x"], **options)}


class Pool(layers.Pool):
    """lax.reduce_window, in either layout."""

    def draw(self, draw):
        c = {**d.now_and_then_empty(draw, d.pool(draw)), "layout": draw.pick("first", "last"), "count_padding": True}
        c["kind"] = draw.pick("max", "min", "avg")
        c["padding"] = draw.pick("VALID", d.pairs(draw, c["axes"]), d.pairs(draw, c["axes"]))
        if c["padding"] != "VALID":
            # XLA (jaxlib 0.10.2, CPU) repeats the only cell of an axis in its padding under a window of 1, from 4096 results on:
            # lax.reduce_window of (5, 1, 408) with pads (0, 3) and (1, 0) and strides 1 and 2.
            c["padding"] = [[0, 0] if e == w == 1 else pair for pair, e, w in zip(c["padding"], c["extent"], c["window"])]
        return c

    def answer(self, c, arrays):
        x, lead = arrays["x"], len(c["batch"])
        start, join = {"max": (-jnp.inf, jax.lax.max), "min": (jnp.inf, jax.lax.min), "avg": (0.0, jax.lax.add)}[c["kind"]]

        def over_axes(values, one):
            return [one] * lead + layers.in_layout(c, one, values)

        pads = [[0, 0]] * c["axes"] if c["padding"] == "VALID" else c["padding"]
        window, stride = over_axes(c["window"], 1), over_axes(c["stride"], 1)
        y = jax.lax.reduce_window(x, jnp.array(start, x.dtype), join, window, stride, over_axes(pads, [0, 0]))
        return {"y": y / float(math.prod(c["window"])) if c["kind"] == "avg" else y}


class GlobalPool(layers.GlobalPool):
    def draw(self, draw):
        return {**d.global_pool(draw), "layout": draw.pick("first", "last")}

    def answer(self, c, arrays):
        first = len(c["batch"]) + (c["layout"] == "first")
        pool = {"max": jnp.max, "avg": jnp.mean}[c["kind"]]
        return {"y": pool(arrays["x"], tuple(range(first, first + c["axes"])))}


LAYERS = [Activation, Softmax, LogSoftmax, Pool, GlobalPool]
