# SPDX-License-Identifier: MIT
"""brainstate: layers of a given input shape, of one leading axis or none, weights (K…, C, O)."""

from . import draw as d
from . import layers
from .jitted import followed, gru_parts, hwio, hwoi, igfo, jax, joined, jnp

import brainstate
import brainstate.nn as bn


def one_batch(draw):
    """brainstate takes one leading axis, or none."""
    return [draw.upto(4)] if draw.chance(0.8) else []


class Conv(layers.Conv):
    def draw(self, draw):
        c = {"batch": one_batch(draw), "layout": draw.pick("first", "last"), **d.windows(draw)}
        least = -1 if c["axes"] > 1 else 0
        some = [draw.flat(0, 3) for _ in range(c["axes"])]
        c["padding"] = draw.pick("SAME", "VALID", some[0], some, d.pairs(draw, c["axes"], least=least))
        if not isinstance(c["padding"], str):
            c["input_dilation"] = draw.per_axis(c["axes"], 3, p=0.4)
        if c["axes"] == 1 and isinstance(c["padding"], list) and isinstance(c["padding"][0], int):
            c["padding"] = c["padding"][0]  # two numbers of one axis are a pair here
        c["mask"] = draw.chance(0.5)
        return c

    def options(self, c, arrays, order):
        padding = c["padding"]
        if isinstance(padding, list):
            padding = tuple(tuple(each) if isinstance(each, list) else each for each in padding)
        bias = arrays.get("bias")
        if bias is not None:
            ones = (1,) * c["axes"]
            bias = bias.reshape((1, -1, *ones) if c["layout"] == "first" else (*ones, -1))
        return dict(
            in_size=tuple(layers.spatial(c, c["groups"] * c["in_per_group"])),
            out_channels=c["groups"] * c["out_per_group"],
            kernel_size=tuple(c["kernel"]),
            stride=tuple(c["stride"]),
            padding=padding,
            rhs_dilation=tuple(c["dilation"]),
            groups=c["groups"],
            w_init=order(arrays["weight"]),
            b_init=bias,
            w_mask=order(arrays["weight_mask"]) if c["mask"] else None,
            channel_first=c["layout"] == "first",
        )

    def answer(self, c, arrays):
        lhs = tuple(c.get("input_dilation", [1] * c["axes"]))
        layer = getattr(bn, f"Conv{c['axes']}d")(lhs_dilation=lhs, **self.options(c, arrays, hwio))
        return {"y": followed(c, layer(arrays["x"]))}


class ConvTranspose(layers.ConvTranspose, Conv):
    """Its taps are flipped; its padding is lax's."""

    def draw(self, draw):
        c = Conv.draw(self, draw)
        c.pop("input_dilation", None)
        return {**c, "lax": True, "flip_kernel": True}

    def answer(self, c, arrays):
        return {"y": followed(c, getattr(bn, f"ConvTranspose{c['axes']}d")(**self.options(c, arrays, hwoi))(arrays["x"]))}


class BatchNorm(layers.BatchNorm):
    """Channels last: with the channels first its statistics take another shape (semantics 15)."""

    def draw(self, draw):
        return {**d.batch_norm(draw), "layout": "last", "unbiased": False, "fast_variance": draw.chance(0.5)}

    def answer(self, c, arrays):
        x = arrays["x"]
        layer = getattr(bn, f"BatchNorm{len(c['extent'])}d")(
            (*c["extent"], c["channels"]),
            epsilon=c["eps"],
            momentum=1 - c["momentum"],
            affine=c["scale"],
            use_fast_variance=c["fast_variance"],
            dtype=c["dtype"],
            **(dict(scale_initializer=arrays["scale"], bias_initializer=arrays["shift"]) if c["scale"] else {}),
        )
        with brainstate.environ.context(fit=True):
            trained = jnp.stack([layer(step) for step in x])
        with brainstate.environ.context(fit=False):
            y = layer(x[0])
        statistics = {name: getattr(layer, name).value.reshape(-1) for name in ("running_mean", "running_var")}
        return {"trained": trained, **statistics, "y": y}


class LayerNorm(layers.LayerNorm):
    def draw(self, draw):
        return {**d.layer_norm(draw), "batch": d.batch(draw), "fast_variance": draw.chance(0.5)}

    def options(self, c, arrays):
        scale = dict(scale_init=arrays["scale"]) if c["scale"] else {}
        return dict(epsilon=c["eps"], use_scale=c["scale"], dtype=c["dtype"], use_fast_variance=c["fast_variance"], **scale)

    def answer(self, c, arrays):
        shift = dict(bias_init=arrays["shift"]) if c["shift"] else {}
        layer = bn.LayerNorm(tuple(c["shape"]), use_bias=c["shift"], **shift, **self.options(c, arrays))
        return {"y": layer(arrays["x"])}


class RMSNorm(layers.RMSNorm, LayerNorm):
    def draw(self, draw):
        return {**LayerNorm.draw(self, draw), "shift": False}

    def answer(self, c, arrays):
        return {"y": bn.RMSNorm(tuple(c["shape"]), **self.options(c, arrays))(arrays["x"])}


class GroupNorm(layers.GroupNorm):
    def draw(self, draw):
        c = d.group_norm(draw)
        return {**c, "batch": [draw.upto(4)], "layout": "last", "shift": draw.chance(0.7), "fast_variance": draw.chance(0.5)}

    def answer(self, c, arrays):
        shift = dict(bias_init=arrays["shift"]) if c["shift"] else {}
        options = LayerNorm.options(self, c, arrays)
        layer = bn.GroupNorm((self.channels(c),), num_groups=c["groups"], use_bias=c["shift"], **shift, **options)
        return {"y": layer(arrays["x"])}


class Recurrent:
    """Cells that hold their state. One is made at every step of a scan: what is made outside must not be written inside."""

    def draw(self, draw):
        return d.recurrent(draw)

    def run(self, c, arrays, make, attributes):
        def step(state, x):
            cell = make()
            cell.init_state(c["batch"][0])
            for attribute, array in zip(attributes, state):
                getattr(cell, attribute).value = array
            y = cell(x)
            return tuple(getattr(cell, attribute).value for attribute in attributes), y

        start = tuple(arrays[name] for name in self.states)
        end, y = jax.lax.scan(step, start, arrays["x"].swapaxes(0, 1))
        return {"y": y.swapaxes(0, 1), **dict(zip(self.states, end))}


class LSTM(layers.LSTM, Recurrent):
    """Its forget gate is σ(f + 1)."""

    def draw(self, draw):
        return {**Recurrent.draw(self, draw), "forget_bias": 1}

    def answer(self, c, arrays):
        options = dict(w_init=igfo(joined(arrays)).T, b_init=igfo(arrays["bias"]))
        return self.run(c, arrays, lambda: bn.LSTMCell(c["input_size"], c["hidden_size"], **options), ["h", "c"])


class GRU(layers.GRU, Recurrent):
    def draw(self, draw):
        return {**Recurrent.draw(self, draw), "reset": "before"}

    def answer(self, c, arrays):
        kernel, bias, candidate, shift = gru_parts(arrays, "rz")

        def make():
            cell = bn.GRUCell(c["input_size"], c["hidden_size"], w_init=bn.init.ZeroInit())
            cell.Wrz.weight.value = {"weight": kernel, "bias": bias}
            cell.Wh.weight.value = {"weight": candidate, "bias": shift}
            return cell

        return self.run(c, arrays, make, ["h"])


class Linear(layers.Linear):
    def draw(self, draw):
        return d.linear(draw)

    def answer(self, c, arrays):
        layer = bn.Linear((c["in"],), (c["out"],), w_init=arrays["weight"].T, b_init=arrays.get("bias"))
        return {"y": layer(arrays["x"])}


class Embed(layers.Embed):
    def draw(self, draw):
        return d.embed(draw)

    def answer(self, c, arrays):
        return {"y": bn.Embedding(c["vocabulary"], c["size"], embedding_init=arrays["weight"])(arrays["indices"])}


class Pool(layers.Pool):
    def draw(self, draw):
        c = {**d.pool(draw), "layout": draw.pick("first", "last"), "kind": draw.pick("max", "avg")}
        some = [draw.flat(0, 3) for _ in range(c["axes"])]
        c["padding"] = draw.pick("SAME", "VALID", some[0], some, d.pairs(draw, c["axes"]))
        return c

    def answer(self, c, arrays):
        padding = c["padding"] if isinstance(c["padding"], (str, int)) else tuple(layers.nn_padding(c))
        padding = tuple(map(tuple, padding)) if isinstance(padding, tuple) else padding
        make = getattr(bn, f"{c['kind'].title()}Pool{c['axes']}d")
        axis = -1 if c["layout"] == "last" else -1 - c["axes"]
        return {"y": make(tuple(c["window"]), tuple(c["stride"]), padding, axis)(arrays["x"])}


class AdaptivePool(layers.AdaptivePool):
    def draw(self, draw):
        return {**d.adaptive_pool(draw), "layout": draw.pick("first", "last")}

    def answer(self, c, arrays):
        make = getattr(bn, f"Adaptive{c['kind'].title()}Pool{c['axes']}d")
        axis = -1 if c["layout"] == "last" else -1 - c["axes"]
        return {"y": make(target_size=tuple(c["target"]), channel_axis=axis)(arrays["x"])}


class Dropout(layers.Dropout):
    def draw(self, draw):
        return d.dropout(draw)

    def answer(self, c, arrays):
        with brainstate.environ.context(fit=c["training"]):
            return {"y": bn.Dropout(prob=1 - c["rate"])(arrays["x"])}


class Sequential(layers.Sequential):
    def draw(self, draw):
        return d.sequential(draw)

    def answer(self, c, arrays):
        first = bn.Linear((c["in"],), (c["hidden"],), w_init=arrays["weight0"].T, b_init=arrays.get("bias0"))
        last = bn.Linear((c["hidden"],), (c["out"],), w_init=arrays["weight2"].T, b_init=arrays.get("bias2"))
        between = {"identity": bn.Identity, "relu": bn.ReLU, "silu": bn.SiLU, "tanh": bn.Tanh}[c["activation"]]()
        return {"y": bn.Sequential(first, between, last)(arrays["x"])}


class Softmax(layers.Softmax):
    def draw(self, draw):
        return d.softmax(draw)

    def answer(self, c, arrays):
        return {"y": bn.Softmax(dim=-1)(arrays["x"])}


class LogSoftmax(layers.LogSoftmax, Softmax):
    def answer(self, c, arrays):
        return {"y": bn.LogSoftmax(dim=-1)(arrays["x"])}


class Activation(layers.Activation):
    kinds = 1  # jax.nn's in another wrapping

    def draw(self, draw):
        return d.activation(draw, layers.ACTIVATIONS)

    def answer(self, c, arrays):
        name, options = layers.jax_name(c)
        return {"y": (getattr(bn, name) if name != "identity" else bn.Identity())(arrays["x"], **options)}


LAYERS = [
    Conv,
    ConvTranspose,
    BatchNorm,
    LayerNorm,
    RMSNorm,
    GroupNorm,
    LSTM,
    GRU,
    Linear,
    Embed,
    Pool,
    AdaptivePool,
    Dropout,
    Sequential,
    Softmax,
    LogSoftmax,
    Activation,
]
