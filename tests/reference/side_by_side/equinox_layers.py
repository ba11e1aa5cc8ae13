# SPDX-License-Identifier: MIT
"""Equinox. Its layers take one item; leading axes are mapped over."""

from . import draw as d
from . import layers
from .jitted import KEY, followed, jax, jnp, over_batch

import equinox as eqx


def with_arrays(make, **arrays):
    """A layer with these arrays; its own are never drawn, which would be compiled."""
    layer = eqx.filter_eval_shape(make)
    for name, array in arrays.items():
        old = getattr(layer, name)
        if old is not None:
            layer = eqx.tree_at(lambda l: getattr(l, name), layer, jnp.reshape(array, old.shape))
    return layer


class Conv(layers.Conv):
    def draw(self, draw):
        c = {"batch": d.batch(draw), **d.windows(draw)}
        c["padding_mode"] = draw.pick("zeros", "zeros", "reflect", "replicate", "circular")
        c["padding"] = self.padding(draw, c)
        return c

    def padding(self, draw, c):
        axes, least = c["axes"], -1 if c["padding_mode"] == "zeros" else 0
        some = [draw.flat(0, 3) for _ in range(axes)]
        wide = d.pairs(draw, axes, most=9)  # past the input, folded and wrapped repeatedly
        return draw.pick("SAME", "SAME_LOWER", "VALID", some[0], some, d.pairs(draw, axes, least=least), wide)

    def arguments(self, c):
        channels = c["groups"] * c["in_per_group"], c["groups"] * c["out_per_group"]
        padding = tuple(tuple(p) if isinstance(p, list) else p for p in c["padding"]) if isinstance(c["padding"], list) else c["padding"]
        mode = c["padding_mode"].upper()
        return channels, {"padding": padding, "padding_mode": mode, "use_bias": c["bias"], "groups": c["groups"], "key": KEY}

    def answer(self, c, arrays):
        channels, options = self.arguments(c)
        each = dict(kernel_size=c["kernel"], stride=c["stride"], dilation=c["dilation"])
        layer = with_arrays(lambda: self.make(c)(c["axes"], *channels, **each, **options), weight=arrays["weight"], bias=arrays.get("bias"))
        return {"y": followed(c, over_batch(layer, arrays["x"], c["axes"] + 1))}

    def make(self, c):
        return eqx.nn.Conv


class ConvTranspose(layers.ConvTranspose, Conv):
    def draw(self, draw):
        c = {"batch": d.batch(draw), **d.windows(draw)}
        c["padding_mode"] = draw.pick("zeros", "zeros", "zeros", "circular")
        if c["padding_mode"] == "circular":  # with no padding of numbers, nor output padding
            c["padding"] = draw.pick("SAME", "SAME_LOWER")
        else:
            c["padding"] = self.padding(draw, c)
            c["output_padding"] = [draw.flat(0, s - 1) if draw.chance(0.5) else 0 for s in c["stride"]]
        return c

    def padding(self, draw, c):
        reach = max((k - 1) * s for k, s in zip(c["kernel"], c["dilation"]))
        some = [draw.flat(0, min(reach, 3)) for _ in range(c["axes"])]
        return draw.pick("SAME", "SAME_LOWER", "VALID", some[0], some, d.pairs(draw, c["axes"], least=-1))

    def make(self, c):
        return lambda *args, **options: eqx.nn.ConvTranspose(*args, output_padding=c.get("output_padding", 0), **options)


class LayerNorm(layers.LayerNorm):
    make = eqx.nn.LayerNorm

    def draw(self, draw):
        c = d.layer_norm(draw)
        several = [draw.upto(9) for _ in range(draw.flat(1, 3))]
        return {**c, "batch": d.batch(draw), "shape": draw.pick(c["shape"], several)}

    def answer(self, c, arrays):
        options = dict(eps=c["eps"], use_weight=c["scale"], use_bias=c["shift"])
        layer = with_arrays(lambda: self.make(c["shape"], **options), weight=arrays.get("scale"), bias=arrays.get("shift"))
        return {"y": over_batch(layer, arrays["x"], len(c["shape"]))}


class RMSNorm(layers.RMSNorm, LayerNorm):
    make = eqx.nn.RMSNorm


class GroupNorm(layers.GroupNorm):
    def draw(self, draw):
        return d.group_norm(draw)

    def answer(self, c, arrays):
        make = lambda: eqx.nn.GroupNorm(c["groups"], self.channels(c), eps=c["eps"], channelwise_affine=c["scale"])  # noqa: E731
        layer = with_arrays(make, weight=arrays.get("scale"), bias=arrays.get("shift"))
        return {"y": over_batch(layer, arrays["x"], len(c["extent"]) + 1)}


class Recurrent:
    """Cells of one vector; sequences of any leading axes by lax.scan, single steps as they are."""

    def draw(self, draw):
        c = d.recurrent(draw)
        c["bias"] = draw.chance(0.8)
        c["batch"] = draw.pick(c["batch"], d.batch(draw, 2))
        c["one_step"] = draw.chance(0.2)
        if c["one_step"]:
            del c["steps"]
        return c

    def scan(self, c, arrays, cell, pack, unpack):
        x = arrays["x"].reshape(-1, *arrays["x"].shape[len(c["batch"]) :])
        if c["one_step"]:
            x = x[:, None]

        def sequence(steps, *state):
            def step(state, x):
                state = cell(x, state)
                return state, unpack(state)[0]

            end, y = jax.lax.scan(step, pack(*state), steps)
            return y, unpack(end)

        y, end = jax.vmap(sequence)(x, *(arrays[name] for name in self.states))
        y = y[:, 0] if c["one_step"] else y
        return {"y": y.reshape(*c["batch"], *y.shape[1:]), **dict(zip(self.states, end))}


class LSTM(layers.LSTM, Recurrent):
    draw = Recurrent.draw

    def answer(self, c, arrays):
        make = lambda: eqx.nn.LSTMCell(c["input_size"], c["hidden_size"], c["bias"], key=KEY)  # noqa: E731
        cell = with_arrays(make, weight_ih=arrays["weight_ih"], weight_hh=arrays["weight_hh"], bias=arrays.get("bias"))
        return self.scan(c, arrays, cell, lambda h, cell: (h, cell), lambda state: state)


class GRU(layers.GRU, Recurrent):
    def draw(self, draw):
        return {**Recurrent.draw(self, draw), "reset": "after"}

    def answer(self, c, arrays):
        make = lambda: eqx.nn.GRUCell(c["input_size"], c["hidden_size"], c["bias"], key=KEY)  # noqa: E731
        names = ("weight_ih", "weight_hh", "bias", "bias_n")
        cell = with_arrays(make, **{name: arrays.get(name) for name in names})
        return self.scan(c, arrays, cell, lambda h: h, lambda state: (state,))


class Linear(layers.Linear):
    def draw(self, draw):
        return d.linear(draw)

    def answer(self, c, arrays):
        layer = with_arrays(lambda: eqx.nn.Linear(c["in"], c["out"], c["bias"], key=KEY), weight=arrays["weight"], bias=arrays.get("bias"))
        return {"y": over_batch(layer, arrays["x"], 1)}


class Embed(layers.Embed):
    def draw(self, draw):
        return d.embed(draw)

    def answer(self, c, arrays):
        layer = with_arrays(lambda: eqx.nn.Embedding(c["vocabulary"], c["size"], key=KEY), weight=arrays["weight"])
        return {"y": over_batch(layer, arrays["indices"], 0)}


class Pool(layers.Pool):
    """The average counts the padding. With use_ceil an axis whose windows do not come out even is padded by a stride more, after."""

    def draw(self, draw):
        c = {**d.pool(draw), "kind": draw.pick("max", "avg"), "ceil": draw.chance(0.4), "count_padding": True}
        most = min(c["window"])
        c["padding"] = draw.pick(0, draw.flat(0, most), [draw.flat(0, k) for k in c["window"]], d.pairs(draw, c["axes"], most))
        return c

    def words(self, c):
        words = super().words(c)
        if c["ceil"]:
            rests = [n + p + q - k for n, (p, q), k in zip(c["extent"], words["padding"], c["window"])]
            words["padding"] = [[p, q + s * (rest % s != 0)] for (p, q), rest, s in zip(words["padding"], rests, c["stride"])]
        return words

    def answer(self, c, arrays):
        make = getattr(eqx.nn, f"{c['kind'].title()}Pool{c['axes']}d")
        padding = tuple(map(tuple, layers.nn_padding(c))) if isinstance(c["padding"], list) else c["padding"]
        layer = make(tuple(c["window"]), tuple(c["stride"]), padding, c["ceil"])
        return {"y": over_batch(layer, arrays["x"], c["axes"] + 1)}


class AdaptivePool(layers.AdaptivePool):
    def draw(self, draw):
        return d.adaptive_pool(draw)

    def answer(self, c, arrays):
        layer = getattr(eqx.nn, f"Adaptive{c['kind'].title()}Pool{c['axes']}d")(tuple(c["target"]))
        return {"y": over_batch(layer, arrays["x"], c["axes"] + 1)}


class GlobalPool(layers.GlobalPool):
    """An adaptive pool to one cell."""

    def draw(self, draw):
        return d.global_pool(draw)

    def answer(self, c, arrays):
        layer = getattr(eqx.nn, f"Adaptive{c['kind'].title()}Pool{c['axes']}d")((1,) * c["axes"])
        y = over_batch(layer, arrays["x"], c["axes"] + 1)
        return {"y": y.reshape(*c["batch"], c["channels"])}


class BatchNorm(layers.BatchNorm):
    """Mode "ema", its statistics begun at 0 and 1 as nn's; its momentum weighs the old value, the variance that it keeps is biased. What it
    answers in training is left out: that is normalised by the statistics it keeps (semantics 15)."""

    def draw(self, draw):
        return {**d.batch_norm(draw), "unbiased": False}

    def answer(self, c, arrays):
        make = lambda: eqx.nn.BatchNorm(  # noqa: E731
            c["channels"], "batch", eps=c["eps"], channelwise_affine=c["scale"], momentum=1 - c["momentum"], mode="ema"
        )
        layer, state = eqx.nn.make_with_state(make)()
        if c["scale"]:
            layer = eqx.tree_at(lambda l: (l.weight, l.bias), layer, (arrays["scale"], arrays["shift"]))
        zeros = jnp.zeros(c["channels"], arrays["x"].dtype)
        state = state.set(layer.ema_state_index, (zeros, zeros + 1)).set(layer.ema_first_time_index, jnp.array(False))
        mapped = lambda layer, x, state: jax.vmap(layer, axis_name="batch", in_axes=(0, None), out_axes=(0, None))(x, state)  # noqa: E731
        for step in arrays["x"]:
            _, state = mapped(layer, step, state)
        running_mean, running_var = state.get(layer.ema_state_index)
        y, _ = mapped(eqx.nn.inference_mode(layer), arrays["x"][0], state)
        return {"running_mean": running_mean, "running_var": running_var, "y": y}


class Dropout(layers.Dropout):
    def draw(self, draw):
        return d.dropout(draw)

    def answer(self, c, arrays):
        return {"y": eqx.nn.Dropout(c["rate"], inference=not c["training"])(arrays["x"], key=KEY)}


class Sequential(layers.Sequential):
    def draw(self, draw):
        return d.sequential(draw, self.residual)

    def net(self, c, arrays):
        def linear(number, size, out):
            make = lambda: eqx.nn.Linear(size, out, c["bias"], key=KEY)  # noqa: E731
            return with_arrays(make, weight=arrays[f"weight{number}"], bias=arrays.get(f"bias{number}"))

        between = eqx.nn.Identity() if c["activation"] == "identity" else eqx.nn.Lambda(getattr(jax.nn, c["activation"]))
        return eqx.nn.Sequential([linear(0, c["in"], c["hidden"]), between, linear(2, c["hidden"], c["out"])])

    def answer(self, c, arrays):
        return {"y": over_batch(self.net(c, arrays), arrays["x"], 1)}


class Residual(layers.Residual, Sequential):
    def answer(self, c, arrays):
        net = self.net(c, arrays)
        return {"y": over_batch(lambda x: x + net(x), arrays["x"], 1)}


class Bidirectional(layers.Bidirectional):
    cells = {"lstm": LSTM, "gru": GRU}

    def draw(self, draw):
        c = {**d.bidirectional(draw), "bias": draw.chance(0.8), "one_step": False}
        return {**c, "reset": "after"} if c["cell"] == "gru" else c

    def answer(self, c, arrays):
        return self.run(c, arrays, self.cells[c["cell"]]().answer, jnp)


LAYERS = [
    Conv,
    ConvTranspose,
    BatchNorm,
    LayerNorm,
    RMSNorm,
    GroupNorm,
    LSTM,
    GRU,
    Bidirectional,
    Linear,
    Embed,
    Pool,
    AdaptivePool,
    GlobalPool,
    Dropout,
    Sequential,
    Residual,
]
