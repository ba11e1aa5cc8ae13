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
