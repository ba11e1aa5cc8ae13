# SPDX-License-Identifier: MIT
"""blox: channels last, any leading axes, weights (K…, C, O)."""

from . import draw as d
from . import layers
from .jitted import followed, gru_parts, hwio, hwoi, igfo, jax, joined, jnp

import blox as bx


def module(make):
    """A module, and parameters given by path below it: nothing is ever drawn."""
    graph = bx.Graph("net")
    return make(graph.child("m"))


def parameters(**arrays):
    """Params with `kernel` at ("net", "m", "kernel"), `gates__kernel` at ("net", "m", "gates", "kernel")."""
    params = bx.Params()
    for path, array in arrays.items():
        if array is not None:
            params[("net", "m", *path.split("__"))] = bx.Param(array)
    return params.locked()


def lax_padding(c):
    return c["padding"] if isinstance(c["padding"], str) else tuple(map(tuple, c["padding"]))


class Conv(layers.Conv):
    def draw(self, draw):
        c = {"batch": d.batch(draw, least=0), "layout": "last", **d.now_and_then_empty(draw, d.windows(draw))}
        c["padding"] = draw.pick("SAME", "SAME_LOWER", "VALID", d.pairs(draw, c["axes"], least=-1), d.pairs(draw, c["axes"]))
        if isinstance(c["padding"], list) or c["padding"] == "VALID":
            c["input_dilation"] = draw.per_axis(c["axes"], 3, p=0.4)
        if c["padding"] == "VALID" and max(c["input_dilation"]) > 1:  # which lax takes as numbers alone
            c["padding"] = [[0, 0]] * c["axes"]
        return c

    def answer(self, c, arrays):
        layer = module(
            lambda graph: bx.Conv(
                graph,
                tuple(c["kernel"]),
                c["groups"] * c["out_per_group"],
                None,
                strides=tuple(c["stride"]),
                padding=lax_padding(c),
                input_dilation=tuple(c.get("input_dilation", [1] * c["axes"])),
                kernel_dilation=tuple(c["dilation"]),
                feature_group_count=c["groups"],
                use_bias=c["bias"],
            )
        )
        return {"y": followed(c, layer(parameters(kernel=hwio(arrays["weight"]), bias=arrays.get("bias")), arrays["x"])[0])}


class ConvTranspose(layers.ConvTranspose):
    """Its groups are not there: lax is called with one."""

    def draw(self, draw):
        c = {"batch": d.batch(draw, least=0), "layout": "last", **d.now_and_then_empty(draw, d.windows(draw)), "lax": True, "groups": 1}
        c["padding"] = draw.pick("SAME", "VALID", d.pairs(draw, c["axes"], least=-1), d.pairs(draw, c["axes"], most=5))
        if max(c["stride"]) == 1 and draw.chance(0.2):
            c["padding"] = "SAME_LOWER"
        return c

    def answer(self, c, arrays):
        layer = module(
            lambda graph: bx.ConvTranspose(
                graph,
                tuple(c["kernel"]),
                c["out_per_group"],
                None,
                strides=tuple(c["stride"]),
                padding=lax_padding(c),
                kernel_dilation=tuple(c["dilation"]),
                use_bias=c["bias"],
            )
        )
        return {"y": followed(c, layer(parameters(kernel=hwoi(arrays["weight"]), bias=arrays.get("bias")), arrays["x"])[0])}


class LayerNorm(layers.LayerNorm):
    def draw(self, draw):
        return d.layer_norm(draw)

    def answer(self, c, arrays):
        layer = module(lambda graph: bx.LayerNorm(graph, c["eps"], c["scale"], c["shift"]))
        return {"y": layer(parameters(scale=arrays.get("scale"), bias=arrays.get("shift")), arrays["x"])[0]}


class RMSNorm(layers.RMSNorm, LayerNorm):
    def draw(self, draw):
        return {**LayerNorm.draw(self, draw), "shift": False}

    def answer(self, c, arrays):
        layer = module(lambda graph: bx.RMSNorm(graph, c["eps"], c["scale"]))
        return {"y": layer(parameters(scale=arrays.get("scale")), arrays["x"])[0]}


class BatchNorm(layers.BatchNorm):
    """Running statistics: its momentum weighs the old value; the variance that it keeps is biased."""

    def draw(self, draw):
        c = d.batch_norm(draw)
        more = [draw.upto(3)] if draw.chance(0.3) else []
        return {**c, "batch": c["batch"] + more, "layout": "last", "unbiased": False, "scale": draw.chance(0.7), "shift": draw.chance(0.7)}

    def answer(self, c, arrays):
        layer = module(lambda graph: bx.BatchNorm(graph, 1 - c["momentum"], c["eps"], c["scale"], c["shift"]))
        x = arrays["x"]
        zeros = jnp.zeros(c["channels"], x.dtype)
        params = parameters(scale=arrays.get("scale"), bias=arrays.get("shift"), running_mean=zeros, running_var=zeros + 1)
        trained = []
        for step in x:
            y, params = layer(params, step)
            trained.append(y)
        path = ("net", "m")
        return {
            "trained": jnp.stack(trained),
            "running_mean": params[(*path, "running_mean")].value,
            "running_var": params[(*path, "running_var")].value,
            "y": layer(params, x[0], is_training=False)[0],
        }


class Recurrent:
    """Whole sequences with resets. The mask is (B, T, 1): one of (B, T) goes along the hidden units (semantics 9)."""

    def draw(self, draw):
        return {**d.recurrent(draw), "resets": draw.chance(0.6)}

    def apply(self, layer, params, arrays, state):
        resets = arrays["resets"][..., None] if "resets" in arrays else None
        (y, end), _ = layer.apply(params, arrays["x"], state, resets)
        return {"y": y, **end._asdict()}


class LSTM(layers.LSTM, Recurrent):
    draw = Recurrent.draw

    def answer(self, c, arrays):
        layer = module(lambda graph: bx.LSTM(graph, c["hidden_size"], None))
        params = parameters(gates__kernel=igfo(joined(arrays)).T, gates__bias=igfo(arrays["bias"]))
        return self.apply(layer, params, arrays, bx.LSTMState(arrays["hidden"], arrays["cell"]))


class GRU(layers.GRU, Recurrent):
    def draw(self, draw):
        return {**Recurrent.draw(self, draw), "reset": "before"}

    def answer(self, c, arrays):
        layer = module(lambda graph: bx.GRU(graph, c["hidden_size"], None))
        kernel, bias, candidate, shift = gru_parts(arrays, "zr")
        params = parameters(gates__kernel=kernel, gates__bias=bias, candidate__kernel=candidate, candidate__bias=shift)
        return self.apply(layer, params, arrays, bx.GRUState(arrays["hidden"]))


class Linear(layers.Linear):
    def draw(self, draw):
        return d.linear(draw)

    def answer(self, c, arrays):
        layer = module(lambda graph: bx.Linear(graph, c["out"], None, c["bias"]))
        return {"y": layer(parameters(kernel=arrays["weight"].T, bias=arrays.get("bias")), arrays["x"])[0]}


class Embed(layers.Embed):
    def draw(self, draw):
        return {**d.embed(draw), "batch": d.batch(draw, least=0)}

    def answer(self, c, arrays):
        layer = module(lambda graph: bx.Embed(graph, c["vocabulary"], c["size"], None))
        return {"y": layer(parameters(embedding=arrays["weight"]), arrays["indices"])[0]}


class Attend(layers.Attend):
    def draw(self, draw):
        return {"batch": d.batch(draw, least=0), "vocabulary": draw.upto(40), "size": draw.upto(40), **d.common(draw)}

    def answer(self, c, arrays):
        layer = module(lambda graph: bx.Embed(graph, c["vocabulary"], c["size"], None))
        return {"y": layer.attend(parameters(embedding=arrays["weight"]), arrays["x"])[0]}


class Pool(layers.Pool):
    def draw(self, draw):
        c = {**d.now_and_then_empty(draw, d.pool(draw)), "layout": "last", "kind": draw.pick("max", "min", "avg")}
        c["padding"] = draw.pick("SAME", "SAME_LOWER", "VALID", d.pairs(draw, c["axes"]))
        return c

    def answer(self, c, arrays):
        pool = getattr(bx, f"{c['kind']}_pool")
        y = pool(arrays["x"], tuple(c["window"]), tuple(c["stride"]), lax_padding(c))
        # A mean of no cells is 0 / 0 in blox and 0 in nn (semantics 15).
        return {"y": jnp.where(jnp.isnan(y), 0, y) if c["kind"] == "avg" else y}


class Dropout(layers.Dropout):
    def draw(self, draw):
        return d.dropout(draw)

    def answer(self, c, arrays):
        graph = bx.Graph("net")
        layer = bx.Dropout(graph.child("m"), c["rate"], bx.Rng(graph.child("rng")))
        return {"y": layer(parameters(), arrays["x"], is_training=c["training"])[0]}


class Sequential(layers.Sequential):
    def draw(self, draw):
        return d.sequential(draw)

    def answer(self, c, arrays):
        def net(graph):
            first, last = (bx.Linear(graph.child(f"l{at}"), c[size], None, c["bias"]) for at, size in ((0, "hidden"), (2, "out")))
            return bx.Sequential(graph, [first, getattr(jax.nn, c["activation"]), last])

        own = {f"l{at}__{name}": array for at in (0, 2) for name, array in self.of_linear(arrays, at).items()}
        return {"y": module(net)(parameters(**own), arrays["x"])[0]}

    def of_linear(self, arrays, at):
        return {"kernel": arrays[f"weight{at}"].T, "bias": arrays.get(f"bias{at}")}


class Bidirectional(layers.Bidirectional):
    cells = {"lstm": LSTM, "gru": GRU}

    def draw(self, draw):
        c = d.bidirectional(draw)
        return {**c, "reset": "before"} if c["cell"] == "gru" else c

    def answer(self, c, arrays):
        return self.run(c, arrays, self.cells[c["cell"]]().answer, jnp)


LAYERS = [
    Conv,
    ConvTranspose,
    LayerNorm,
    RMSNorm,
    BatchNorm,
    LSTM,
    GRU,
    Bidirectional,
    Linear,
    Embed,
    Attend,
    Pool,
    Dropout,
    Sequential,
]
