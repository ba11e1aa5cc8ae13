# SPDX-License-Identifier: MIT
"""Layers as nn sees them: the arrays of a configuration, the request to the driver, and how far two right answers may lie apart.

A configuration is a dict that `draw` made. Arrays are in nn's layout; each library's file turns them into its own. u is half of eps.

The bounds are derived, not tuned. A sum of n products, in any order, lies within n u Σ|x w| of the exact one (Higham, Accuracy and
Stability, 3.1), so two such sums lie within n eps Σ|x w|; Σ|x w| is what the reference answers to absolute values.
"""

import numpy as np

from .draw import FASTEST

ROUNDINGS = 8  # of the few operations around a sum: bias, scale, root, quotient; exp and tanh are good to a few units as well


def eps(c):
    return np.finfo(c["dtype"]).eps


class Linearly:
    """A layer that is linear in its weights, its bias included: `terms` products a sum."""

    def bound(self, c, arrays, outputs, reference):
        absolute = reference({name: np.abs(array) for name, array in arrays.items()})
        return {"y": (self.terms(c) + ROUNDINGS) * eps(c) * np.abs(absolute["y"])}


def spatial(c, channels, extent=None):
    """The axes of one item, in the configuration's layout."""
    extent = c["extent"] if extent is None else extent
    return in_layout(c, channels, extent)


def in_layout(c, channel, values):
    """A number per axis of one item, in the configuration's layout: the channels' and the spatial ones."""
    return [*values, channel] if c.get("layout") == "last" else [channel, *values]


def nn_padding(c):
    """The padding as the driver reads it."""
    padding = c["padding"]
    if isinstance(padding, str):
        return padding.lower()
    if isinstance(padding, int):
        return [[padding, padding]] * c["axes"]
    return [[each, each] if isinstance(each, int) else each for each in padding]


class Conv:
    name = "conv"

    def arrays(self, c, draw):
        weight = (c["groups"] * c["out_per_group"], c["in_per_group"], *c["kernel"])
        arrays = {
            "x": draw.values((*c["batch"], *spatial(c, c["groups"] * c["in_per_group"])), c["values"]),
            "weight": draw.values(weight, c["values"]),
        }
        if c["bias"]:
            arrays["bias"] = draw.values(weight[:1], c["values"])
        if c.get("mask"):
            arrays["weight_mask"] = draw.engine.integers(0, 2, weight).astype(float)
        return arrays

    def words(self, c):
        words = {
            "axes": c["axes"],
            "in_channels": c["groups"] * c["in_per_group"],
            "out_channels": c["groups"] * c["out_per_group"],
            "kernel_size": c["kernel"],
            "stride": c["stride"],
            "dilation": c["dilation"],
            "groups": c["groups"],
            "padding": nn_padding(c),
            "padding_mode": c.get("padding_mode", "zeros"),
            "layout": c.get("layout", "first"),
        }
        if "input_dilation" in c:
            words["input_dilation"] = c["input_dilation"]
        if c.get("then", "identity") != "identity":
            words["activation"] = c["then"]
        return words

    def terms(self, c):
        return c["in_per_group"] * int(np.prod(c["kernel"])) + c["bias"]

    def bound(self, c, arrays, outputs, reference):
        # A function that follows moves by no more than its argument, and leaves what is positive.
        return {"y": Linearly.bound(self, c, arrays, outputs, reference)["y"] + self.winograd_bound(c, arrays)}

    def may_be_winograd(self, c):
        """As layers/frozen_conv.hpp has it, whatever the image."""
        taps = c["kernel"] == [3, 3] and c["stride"] == [1, 1] and max(c.get("input_dilation", [1])) == 1
        return c["form"] in FASTEST and c["dtype"] == "float32" and taps and min(c["in_per_group"], c["out_per_group"]) >= 16

    def winograd_bound(self, c, arrays):
        """(24 + C/2) eps S of kernels/winograd.hpp, where S has the largest |x| of a tile, and here that of the image."""
        if not self.may_be_winograd(c):
            return 0
        weight = arrays["weight"] * arrays.get("weight_mask", 1)
        weight = np.abs(weight).sum((2, 3)).reshape(c["groups"], c["out_per_group"], c["in_per_group"])
        x = np.max(np.abs(arrays["x"]), (-3, -2) if c.get("layout") == "last" else (-2, -1), initial=0)
        size = np.einsum("...gc,goc->...go", x.reshape(*c["batch"], c["groups"], c["in_per_group"]), weight)
        outputs = c["groups"] * c["out_per_group"]
        size = size.reshape(*c["batch"], outputs) + np.abs(arrays.get("bias", 0))
        return (24 + c["in_per_group"] / 2) * eps(c) * size.reshape(*c["batch"], *in_layout(c, outputs, [1, 1]))


class ConvTranspose(Conv):
    name = "conv_transpose"

    def terms(self, c):
        """With a padding mode an element of y is the sum of all cells of the padded result that were copied from it."""
        if c.get("padding_mode", "zeros") == "zeros":
            return super().terms(c)
        pads = nn_padding(c)
        if isinstance(pads, str):  # by the window: its taps but one at most
            pads = [[0, dilation * (k - 1)] for k, dilation in zip(c["kernel"], c["dilation"])]
        return super().terms(c) * int(np.prod([1 + before + after for before, after in pads]))

    def words(self, c):
        words = super().words(c)
        if "output_padding" in c:
            words["output_padding"] = c["output_padding"]
        words["lax"] = c.get("lax", False)
        words["flip_kernel"] = c.get("flip_kernel", False)
        return words

    def may_be_winograd(self, c):
        return False


class CausalConv(Conv):
    """From zeros; or from a `history`, and then in two calls, of the steps before `cut` and of the others. What is kept is a copy."""

    name = "causal_conv"

    def arrays(self, c, draw):
        arrays = super().arrays(c, draw)
        if c["history"]:
            past = c["dilation"][0] * (c["kernel"][0] - 1)
            arrays["history"] = draw.values((int(np.prod(c["batch"], dtype=int)), c["groups"] * c["in_per_group"], past), c["values"])
        return arrays

    def words(self, c):
        words = {
            "in_channels": c["groups"] * c["in_per_group"],
            "out_channels": c["groups"] * c["out_per_group"],
            "kernel_size": c["kernel"],
            "dilation": c["dilation"],
            "groups": c["groups"],
            "layout": c["layout"],
        }
        if "cut" in c:
            words["cut"] = min(c["cut"], c["extent"][0])
        return words

    def may_be_winograd(self, c):
        return False

    def bound(self, c, arrays, outputs, reference):
        return {**super().bound(c, arrays, outputs, reference), "history": 0}


def affine(c, arrays, draw, shape):
    if c["scale"]:
        arrays["scale"] = draw.values(shape, c["values"])
    if c["shift"]:
        arrays["shift"] = draw.values(shape, c["values"])
    return arrays


def normalised_bound(c, x, mean, spread, square, count, scale, shift):
    """How far two (x - mean) / sqrt(spread + eps) * scale + shift may lie apart, everything broadcast to x.

    mean: of |x|; spread: the variance; square: what the sum behind the variance adds up, E[(x - μ)²] of two passes or E[x²] of one.
    Means are n u mean|x| off; the variance n u square and (n u mean|x|)², which moves the quotient by half of that times 1 / (σ² + eps).
    """
    sum_error = (count + ROUNDINGS) * eps(c)
    inverse = 1 / np.sqrt(spread + c["eps"])
    moved = (sum_error * square + (sum_error * mean) ** 2) * inverse**2
    size = (np.abs(x) + mean) * inverse
    return np.abs(scale) * (sum_error * mean * inverse + size * (moved + ROUNDINGS * eps(c))) + ROUNDINGS * eps(c) * np.abs(shift)


class Norm:
    """LayerNorm, RMSNorm, GroupNorm: x (…, item), reduced over `reduced` axes of a reshaped x."""

    def bound(self, c, arrays, outputs, reference):
        x, scale, shift = self.reshaped(c, arrays)
        axes = tuple(range(1, x.ndim)) if x.ndim > 1 else (0,)
        mean = np.mean(np.abs(x), axes, keepdims=True)
        square = np.mean(x * x, axes, keepdims=True)
        spread = np.var(x, axes, keepdims=True) if self.centred else square
        count = int(np.prod(x.shape[1:]))
        if self.centred and not c.get("fast_variance"):
            square = spread
        return {"y": self.restored(c, normalised_bound(c, x, mean, spread, square, count, scale, shift), outputs["y"].shape)}

    def restored(self, c, y, shape):
        return y.reshape(shape)


class LayerNorm(Norm):
    name = "layer_norm"
    centred = True

    def arrays(self, c, draw):
        x = draw.values((*c["batch"], *c["shape"]), c["values"]) + (c.get("offset", 0))
        return affine(c, {"x": x}, draw, c["shape"])

    def words(self, c):
        return {"axes": len(c["shape"]), "shape": c["shape"], "eps": c["eps"]}

    def reshaped(self, c, arrays):
        shape = (-1, *c["shape"])
        return arrays["x"].reshape(shape), arrays.get("scale", np.ones(c["shape"])), arrays.get("shift", np.zeros(c["shape"]))


class RMSNorm(LayerNorm):
    name = "rms_norm"
    centred = False


class GroupNorm(Norm):
    name = "group_norm"
    centred = True

    def channels(self, c):
        return c["groups"] * c["per_group"]

    def arrays(self, c, draw):
        x = draw.values((*c["batch"], *spatial(c, self.channels(c))), c["values"]) + c.get("offset", 0)
        return affine(c, {"x": x}, draw, [self.channels(c)])

    def words(self, c):
        return {
            "axes": len(c["extent"]),
            "groups": c["groups"],
            "channels": self.channels(c),
            "eps": c["eps"],
            "layout": c.get("layout", "first"),
        }

    def reshaped(self, c, arrays):
        x = arrays["x"].reshape(-1, *spatial(c, self.channels(c)))
        x = np.moveaxis(x, -1, 1) if c.get("layout") == "last" else x
        per_channel = [self.channels(c)] + [1] * len(c["extent"])

        def in_groups(array):
            return np.broadcast_to(array, x.shape).reshape(-1, c["per_group"], *c["extent"])

        scale = np.reshape(arrays.get("scale", np.ones(per_channel)), per_channel)
        shift = np.reshape(arrays.get("shift", np.zeros(per_channel)), per_channel)
        return in_groups(x), in_groups(scale), in_groups(shift)

    def restored(self, c, y, shape):
        y = y.reshape(-1, self.channels(c), *c["extent"])
        return (np.moveaxis(y, 1, -1) if c.get("layout") == "last" else y).reshape(shape)


class BatchNorm:
    """x (steps, batch…, item): trained on every step, then inference of x[0]."""

    name = "batch_norm"

    def arrays(self, c, draw):
        x = draw.values((c["steps"], *c["batch"], *spatial(c, c["channels"])), c["values"]) + c.get("offset", 0)
        return affine(c, {"x": x}, draw, [c["channels"]])

    def words(self, c):
        return {
            "axes": len(c["extent"]),
            "size": c["channels"],
            "eps": c["eps"],
            "momentum": c["momentum"],
            "unbiased_running_var": c["unbiased"],
            "layout": c.get("layout", "first"),
        }

    def bound(self, c, arrays, outputs, reference):
        x = arrays["x"]
        channel = x.ndim - 1 if c.get("layout") == "last" else 1 + len(c["batch"])
        reduced = tuple(axis for axis in range(1, x.ndim) if axis != channel)
        count = int(np.prod([x.shape[axis] for axis in reduced]))
        shape = [c["channels"] if axis == channel else 1 for axis in range(x.ndim)]
        scale = arrays.get("scale", np.ones(c["channels"])).reshape(shape)
        shift = arrays.get("shift", np.zeros(c["channels"])).reshape(shape)
        mean = np.mean(np.abs(x), reduced, keepdims=True)
        spread = np.var(x, reduced, keepdims=True)
        square = np.mean(x * x, reduced, keepdims=True) if c.get("fast_variance") else spread
        trained = normalised_bound(c, x, mean, spread, square, count, scale, shift)
        # The statistics: weighted means of what the steps saw and of what was there at first, 0 and 1.
        u = (count + ROUNDINGS * c["steps"]) * eps(c)
        biggest = count / max(count - 1, 1) * (square.max(0) + u * mean.max(0) ** 2).reshape(-1)
        running_mean, running_var = u * mean.max(0).reshape(-1), u * np.maximum(biggest, 1)
        inverse = 1 / np.sqrt(outputs["running_var"].astype(float) + c["eps"]).reshape(shape[1:])
        size = (np.abs(x[0]) + np.abs(outputs["running_mean"].reshape(shape[1:]))) * inverse
        moved = running_var.reshape(shape[1:]) * inverse**2 + ROUNDINGS * eps(c)
        y = np.abs(scale[0]) * (running_mean.reshape(shape[1:]) * inverse + size * moved) + ROUNDINGS * eps(c) * np.abs(shift[0])
        return {"trained": trained, "running_mean": running_mean, "running_var": running_var, "y": y}


class LocalResponseNorm:
    name = "local_response_norm"

    def arrays(self, c, draw):
        return {"x": draw.values((*c["batch"], *spatial(c, c["channels"])), c["values"])}

    def words(self, c):
        return {name: c[name] for name in ("axes", "size", "alpha", "beta", "k", "average", "layout") if name in c}

    def bound(self, c, arrays, outputs, reference):
        # Both sums are of positive terms, or what is taken from k is less; a power's error is beta times its base's, and that of
        # exp(beta log(base)).
        most = np.abs(c["alpha"]) * (1 if c.get("average") else c["size"]) * np.max(arrays["x"] ** 2, initial=0)
        least = c["k"] - (most if c["alpha"] < 0 else 0)
        cancelled = (c["k"] + most) / least if c["alpha"] < 0 else 1
        logarithm = max(abs(np.log(least)), abs(np.log(c["k"] + most)))
        terms = c["beta"] * ((c["size"] + ROUNDINGS) * cancelled + logarithm) + ROUNDINGS
        return {"y": terms * eps(c) * np.abs(outputs["y"])}


class Linear(Linearly):
    name = "linear"

    def arrays(self, c, draw):
        arrays = {
            "x": draw.values((*c["batch"], c["in"]), c["values"]),
            "weight": draw.values((c["out"], c["in"]), c["values"]),
        }
        if c["bias"]:
            arrays["bias"] = draw.values(c["out"], c["values"])
        return arrays

    def words(self, c):
        return {"in_features": c["in"], "out_features": c["out"]}

    def terms(self, c):
        return c["in"] + c["bias"]


class Embed:
    name = "embed"

    def arrays(self, c, draw):
        reach = 2 * c["vocabulary"] if c["outside"] else c["vocabulary"]
        indices = draw.engine.integers(-reach if c["outside"] else 0, reach, c["batch"])
        return {"indices": np.asarray(indices), "weight": draw.values((c["vocabulary"], c["size"]), c["values"])}

    def words(self, c):
        return {"num_embeddings": c["vocabulary"], "embedding_size": c["size"], "jax": c["outside"]}

    def bound(self, c, arrays, outputs, reference):
        return {"y": 0}


class Attend(Linearly):
    name = "embed"

    def arrays(self, c, draw):
        return {
            "x": draw.values((*c["batch"], c["size"]), c["values"]),
            "weight": draw.values((c["vocabulary"], c["size"]), c["values"]),
        }

    def words(self, c):
        return {"num_embeddings": c["vocabulary"], "embedding_size": c["size"]}

    def terms(self, c):
        return c["size"]


class Pool:
    name = "pool"

    def kind(self, c):
        return type(self).__name__.replace("Pool", f"{c['kind'].title()}Pool")

    def arrays(self, c, draw):
        return {"x": draw.values((*c["batch"], *spatial(c, c["channels"])), c["values"])}

    def words(self, c):
        words = {
            "axes": c["axes"],
            "kind": c["kind"],
            "window": c["window"],
            "stride": c["stride"],
            "padding": nn_padding(c),
            "count_padding": c.get("count_padding", False),
            "layout": c.get("layout", "first"),
        }
        if "ceil_mode" in c:
            words["ceil_mode"] = c["ceil_mode"]
        return words

    def bound(self, c, arrays, outputs, reference):
        if c["kind"] != "avg":
            return {"y": 0}
        terms = int(np.prod(c["window"] if "window" in c else c["extent"], dtype=int))
        return {"y": (terms + ROUNDINGS) * eps(c) * np.abs(reference({"x": np.abs(arrays["x"])})["y"])}


class AdaptivePool(Pool):
    name = "adaptive_pool"

    def words(self, c):
        words = {"axes": c["axes"], "kind": c["kind"], "output_size": c["target"], "layout": c.get("layout", "first")}
        return {**words, "overlapping": self.overlapping(c)}

    def overlapping(self, c):
        """Whether nn is asked for torch's windows: where they come out even these are the libraries' too."""
        return c["overlapping"] and not any(n % m for n, m in zip(c["extent"], c["target"]))


class Recurrent:
    def arrays(self, c, draw):
        gates = self.gates * c["hidden_size"]
        lead = [*c["batch"], *([] if c.get("one_step") else [c["steps"]])]
        count = int(np.prod(c["batch"], dtype=int))
        arrays = {
            "x": draw.values((*lead, c["input_size"]), c["values"]),
            "weight_ih": draw.values((gates, c["input_size"]), "normal"),
            "weight_hh": draw.values((gates, c["hidden_size"]), "normal") / np.sqrt(c["hidden_size"]),
        }
        if c["bias"]:
            arrays["bias"] = draw.values(gates, c["values"])
        for name in self.states:
            arrays[name] = np.tanh(draw.values((count, c["hidden_size"]), "normal"))
        if c.get("resets"):
            arrays["resets"] = draw.engine.random(lead) < 0.3
        return arrays

    def words(self, c):
        return {name: c[name] for name in ("input_size", "hidden_size", "one_step", "forget_bias", "reset") if name in c}

    def kind(self, c):
        return type(self).__name__ + ("Cell" if c.get("one_step") else "")

    def bound(self, c, arrays, outputs, reference):
        x, resets = self.steps(c, arrays)
        _, off, off_states = self.walk(c, arrays, x, np.zeros_like(x), resets)
        return {"y": self.as_answered(c, off), **off_states}

    def steps(self, c, arrays):
        """Sequences as (T, B, D) and (T, B, 1), whatever the leading axes, in double."""
        shape = (int(np.prod(c["batch"], dtype=int)), 1 if c.get("one_step") else c["steps"])
        x = arrays["x"].reshape(*shape, c["input_size"]).swapaxes(0, 1).astype(float)
        resets = arrays["resets"].reshape(shape).T if "resets" in arrays else np.zeros(shape[::-1], bool)
        return x, resets[..., None]

    def as_answered(self, c, y):
        """(T, B, H) back to the axes of y."""
        y = y.swapaxes(0, 1)
        return y.reshape(*c["batch"], *([] if c.get("one_step") else [c["steps"]]), c["hidden_size"])


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


class LSTM(Recurrent):
    name = "lstm"
    gates = 4
    states = ("hidden", "cell")

    def walk(self, c, arrays, x, off_x, resets):
        """Runs the recurrence in double with the error that each step may add: sigmoid moves by a quarter of its argument, tanh by it, and
        two values of theirs lie no more than 2 apart. `off_x` is how far the inputs do. Returns y, and how far y and the states do."""
        w, v = arrays["weight_ih"].astype(float), arrays["weight_hh"].astype(float)
        bias = arrays.get("bias", np.zeros(len(w))) + np.repeat([0, c.get("forget_bias", 0), 0, 0], c["hidden_size"])
        h, cell = arrays["hidden"].astype(float), arrays["cell"].astype(float)
        off_h, off_c = np.zeros(h.shape), np.zeros(h.shape)
        few = ROUNDINGS * eps(c)
        terms = (c["input_size"] + c["hidden_size"] + ROUNDINGS) * eps(c)
        y, off = [], []
        for step, off_step, reset in zip(x, off_x, resets):
            h, cell, off_h, off_c = (np.where(reset, 0, each) for each in (h, cell, off_h, off_c))
            i, f, g, o = np.split(step @ w.T + h @ v.T + bias, 4, -1)
            size = np.abs(step) @ np.abs(w).T + np.abs(h) @ np.abs(v).T + np.abs(bias)
            ei, ef, eg, eo = np.split(terms * size + off_step @ np.abs(w).T + off_h @ np.abs(v).T, 4, -1)
            i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
            ei, ef, eg, eo = (np.minimum(each, 2) + few for each in (ei / 4, ef / 4, eg, eo / 4))
            off_c = (f + ef) * off_c + ef * np.abs(cell) + (i + ei) * eg + ei * np.abs(g) + few * (np.abs(cell) + 1)
            cell = f * cell + i * g
            off_h = np.minimum((o + eo) * (off_c + few) + eo + few, 2)
            h = o * np.tanh(cell)
            y.append(h)
            off.append(off_h)
        shape = len(x), *h.shape
        return np.reshape(y, shape), np.reshape(off, shape), {"hidden": off_h, "cell": off_c}


class GRU(Recurrent):
    name = "gru"
    gates = 3
    states = ("hidden",)

    def arrays(self, c, draw):
        arrays = super().arrays(c, draw)
        if c["bias"] and c["reset"] == "after":
            arrays["bias_n"] = draw.values(c["hidden_size"], c["values"])
        return arrays

    def walk(self, c, arrays, x, off_x, resets):
        w, v = arrays["weight_ih"].astype(float), arrays["weight_hh"].astype(float)
        bias, bias_n = arrays.get("bias", np.zeros(len(w))), arrays.get("bias_n", np.zeros(c["hidden_size"]))
        h = arrays["hidden"].astype(float)
        off_h = np.zeros(h.shape)
        few = ROUNDINGS * eps(c)
        terms = (c["input_size"] + c["hidden_size"] + ROUNDINGS) * eps(c)
        gates = 2 * c["hidden_size"]
        vn = v[gates:]
        y, off = [], []
        for step, off_step, reset in zip(x, off_x, resets):
            h, off_h = np.where(reset, 0, h), np.where(reset, 0, off_h)
            inputs, size = step @ w.T + bias, np.abs(step) @ np.abs(w).T + np.abs(bias)
            off_inputs = terms * size + off_step @ np.abs(w).T
            r, z = np.split(sigmoid(inputs[:, :gates] + h @ v[:gates].T), 2, -1)
            moved = off_inputs[:, :gates] + terms * np.abs(h) @ np.abs(v[:gates]).T + off_h @ np.abs(v[:gates]).T
            er, ez = np.split(np.minimum(moved / 4, 1) + few, 2, -1)
            if c["reset"] == "before":
                gated = r * h
                off_gated = (r + er) * off_h + er * np.abs(h) + few
                n = inputs[:, gates:] + gated @ vn.T
                en = off_inputs[:, gates:] + terms * np.abs(gated) @ np.abs(vn).T + off_gated @ np.abs(vn).T
            else:
                hidden = h @ vn.T + bias_n
                off_hidden = terms * (np.abs(h) @ np.abs(vn).T + np.abs(bias_n)) + off_h @ np.abs(vn).T
                n = inputs[:, gates:] + r * hidden
                en = off_inputs[:, gates:] + (r + er) * off_hidden + er * np.abs(hidden) + few * np.abs(hidden)
            n, en = np.tanh(n), np.minimum(en, 2) + few
            off_h = np.minimum((1 - z + ez) * en + (z + ez) * off_h + ez * (np.abs(n) + np.abs(h)) + few, 2)
            h = (1 - z) * n + z * h
            y.append(h)
            off.append(off_h)
        shape = len(x), *h.shape
        return np.reshape(y, shape), np.reshape(off, shape), {"hidden": off_h}


class Bidirectional:
    """One layer of two directions over sequences of one leading axis, or two. Directions draw and err as the cell does alone."""

    name = "bidirectional"
    cells = {"lstm": LSTM, "gru": GRU}

    def directions(self, c):
        """(layer, direction, the cell's own configuration)."""
        for layer in range(c["layers"]):
            size = c["input_size"] if layer == 0 else 2 * c["hidden_size"]
            for direction in ("forward", "backward"):
                yield layer, direction, {**c, "input_size": size}

    def arrays(self, c, draw):
        arrays = {}
        for layer, direction, cell in self.directions(c):
            for name, array in self.cells[c["cell"]]().arrays(cell, draw).items():
                if name != "x":
                    arrays[f"{layer}_{direction}_{name}"] = array
                elif layer == 0:
                    arrays["x"] = array
        return arrays

    def of_direction(self, arrays, layer, direction):
        start = f"{layer}_{direction}_"
        return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}

    def words(self, c):
        return {name: c[name] for name in ("layers", "cell", "reset") if name in c}

    def run(self, c, arrays, direction_of, jnp):
        """`direction_of(cell's configuration, its arrays with x)` answers {"y", states…} for the sequence it is given."""
        outputs, x = {}, arrays["x"]
        for layer in range(c["layers"]):
            sides = []
            for at, direction, cell in self.directions(c):
                if at == layer:
                    ahead = direction == "forward"
                    own = {**self.of_direction(arrays, layer, direction), "x": x if ahead else x[:, ::-1]}
                    answer = direction_of(cell, own)
                    y = answer.pop("y")
                    sides.append(y if ahead else y[:, ::-1])
                    outputs.update({f"{layer}_{direction}_{name}": state for name, state in answer.items()})
            x = jnp.concatenate(sides, -1)
        return {"y": x, **outputs}

    def bound(self, c, arrays, outputs, reference):
        bounds = {}
        x = arrays["x"].swapaxes(0, 1).astype(float)
        off_x = np.zeros_like(x)
        resets = np.zeros((*x.shape[:2], 1), bool)
        for layer in range(c["layers"]):
            sides = []
            for at, direction, cell in self.directions(c):
                if at == layer:
                    step = 1 if direction == "forward" else -1
                    own = self.of_direction(arrays, layer, direction)
                    y, off, states = self.cells[c["cell"]]().walk(cell, own, x[::step], off_x[::step], resets)
                    sides.append((y[::step], off[::step]))
                    bounds.update({f"{layer}_{direction}_{name}": state for name, state in states.items()})
            x, off_x = (np.concatenate(side, -1) for side in zip(*sides))
        return {"y": off_x.swapaxes(0, 1), **bounds}


class GlobalPool(Pool):
    name = "global_pool"

    def words(self, c):
        return {"axes": c["axes"], "kind": c["kind"], "layout": c.get("layout", "first")}


class PixelShuffle:
    """x (…, channels · Πr, L…)."""

    name = "pixel_shuffle"

    def arrays(self, c, draw):
        channels = c["channels"] * int(np.prod(c["upscale_factor"]))
        return {"x": draw.values((*c["batch"], *spatial(c, channels)), c["values"])}

    def words(self, c):
        return {name: c[name] for name in ("axes", "upscale_factor", "layout")}

    def bound(self, c, arrays, outputs, reference):
        return {"y": 0}


class Dropout:
    """In inference, or in training at a rate of 0. At another rate no two agree: JAX's libraries drop by the bits of a threefry key, nn by
    those of the engine that it is given, and no element tells whether it should have been dropped."""

    name = "dropout"

    def arrays(self, c, draw):
        return {"x": draw.values(c["batch"], c["values"])}

    def words(self, c):
        return {"rate": c["rate"], "training": c["training"]}

    def bound(self, c, arrays, outputs, reference):
        return {"y": 0}


class Sequential:
    """Linear, an activation that moves by no more than 1.1 of its argument, Linear."""

    name = "sequential"
    residual = False

    def arrays(self, c, draw):
        arrays = {
            "x": draw.values((*c["batch"], c["in"]), c["values"]),
            "weight0": draw.values((c["hidden"], c["in"]), c["values"]),
            "weight2": draw.values((c["out"], c["hidden"]), c["values"]),
        }
        if c["bias"]:
            arrays["bias0"] = draw.values(c["hidden"], c["values"])
            arrays["bias2"] = draw.values(c["out"], c["values"])
        return arrays

    def words(self, c):
        return {**{name: c[name] for name in ("in", "hidden", "out", "activation")}, "residual": self.residual}

    def bound(self, c, arrays, outputs, reference):
        x, first, second = arrays["x"], arrays["weight0"].T, arrays["weight2"].T
        few = ROUNDINGS * eps(c)
        z = x @ first + arrays.get("bias0", 0)
        size = np.abs(x) @ np.abs(first) + np.abs(arrays.get("bias0", 0))
        off = 1.1 * (c["in"] + ROUNDINGS) * eps(c) * size + few * (np.abs(z) + 1)
        size = (np.abs(z) + off) @ np.abs(second) + np.abs(arrays.get("bias2", 0))
        return {"y": off @ np.abs(second) + (c["hidden"] + ROUNDINGS) * eps(c) * size + few * (np.abs(x) if self.residual else 0)}


class Residual(Sequential):
    residual = True


class Softmax:
    """x (…, C), now and then with -∞ and other values that are no numbers."""

    name = "softmax"
    logarithm = False

    def kind(self, c):
        return "log_softmax" if self.logarithm else "softmax"

    def arrays(self, c, draw):
        return {"x": special(c, draw, draw.values((*c["batch"], c["size"]), c["values"]) * c["spread"])}

    def words(self, c):
        return {"logarithm": self.logarithm}

    def bound(self, c, arrays, outputs, reference):
        """The sum of C powers, each of an argument that is rounded once, is off by a part of C + 1 + |x - max|; so is the quotient, and so
        far off is the logarithm."""
        x = arrays["x"]
        with np.errstate(invalid="ignore", over="ignore"):
            shifted = np.abs(x - np.max(x, -1, keepdims=True, initial=-np.inf))
            size = np.where(np.isfinite(shifted), shifted, 0)
            total = c["size"] + ROUNDINGS + np.minimum(np.max(size, -1, keepdims=True, initial=0), 700)
            y = np.abs(outputs["y"].astype(float))
            return {"y": eps(c) * (total + size) * (1 + y if self.logarithm else y) + tiny(c)}


class LogSoftmax(Softmax):
    logarithm = True


def tiny(c):
    """What may be taken for 0: XLA flushes what lies below the smallest normal number."""
    return 4 * np.finfo(c["dtype"]).tiny


def special(c, draw, x):
    """x with a zero, an infinity or a NaN in some places."""
    if c["special"]:
        strange = draw.engine.choice([0.0, -0.0, np.inf, -np.inf, np.nan], x.shape)
        x = np.where(draw.engine.random(x.shape) < 0.2, strange, x)
    return x


def sigma(x):
    """How much sigmoid moves when its argument does."""
    return sigmoid(x) * (1 - sigmoid(x))


# What a rounding of the argument or of a part of the result moves, by x and y: |x f'(x)|, and the largest part where parts cancel.
SENSITIVE = {
    "hard_sigmoid": lambda x, y: (np.abs(x) + 3) / 6,
    "hard_silu": lambda x, y: np.abs(x) * (np.abs(x) + 3) / 6,
    "elu": lambda x, y: np.abs(x) * np.exp(np.minimum(x, 0)),
    "selu": lambda x, y: 1.8 * np.abs(x) * np.exp(np.minimum(x, 0)),
    "gelu": lambda x, y: x * x * (np.abs(y) + np.exp(-x * x / 2)),
    "gelu_tanh": lambda x, y: np.abs(x) + np.abs(x) ** 2 * (1 + x * x) * sigma(1.6 * x * (1 + 0.045 * x * x)),
    "sigmoid": lambda x, y: np.abs(x) * sigma(x),
    "log_sigmoid": lambda x, y: np.abs(x) * sigmoid(-x),
    "tanh": lambda x, y: np.abs(x) * (1 - y * y),
    "silu": lambda x, y: x * x * sigma(x),
    "softplus": lambda x, y: np.abs(x) * sigmoid(x),
    "mish": lambda x, y: np.abs(x) * (1 + np.abs(x)) * sigmoid(x),
}
ACTIVATIONS = sorted({*SENSITIVE, "identity", "relu", "relu6", "leaky_relu", "hard_tanh", "softsign"})


def jax_name(c):
    """The name of a function in jax.nn, which brainstate keeps, and its options."""
    name = {"gelu_tanh": "gelu", "softsign": "soft_sign"}.get(c["activation"], c["activation"])
    options = {"approximate": c["activation"] == "gelu_tanh"} if name == "gelu" else {}
    return name, options | {option: c[option] for option in ("negative_slope", "alpha") if option in c}


class Activation:
    """Functions of one element, over any axes."""

    name = "activation"
    kinds = len(ACTIVATIONS)

    def kind(self, c):
        return c["activation"]

    def arrays(self, c, draw):
        return {"x": special(c, draw, draw.values(c["batch"], c["values"]) * c["spread"])}

    def words(self, c):
        return {name: c[name] for name in ("activation", "negative_slope", "alpha") if name in c}

    def bound(self, c, arrays, outputs, reference):
        x, y = arrays["x"], outputs["y"].astype(float)
        with np.errstate(all="ignore"):
            moved = np.abs(SENSITIVE.get(c["activation"], lambda x, y: 0)(x, y)) * max(c.get("alpha", 1), 1)
            return {"y": ROUNDINGS * eps(c) * (np.abs(y) + moved) + tiny(c) * (1 + np.where(np.isfinite(x), np.abs(x), 0))}


# nn's layers, as README.md's table names them. One that no library draws fails a run.
KINDS = [
    "Conv",
    "ConvTranspose",
    "CausalConv1d",
    "Linear",
    "Embed",
    "LSTM",
    "LSTMCell",
    "GRU",
    "GRUCell",
    "BatchNorm",
    "LayerNorm",
    "RMSNorm",
    "GroupNorm",
    "LocalResponseNorm",
    "MaxPool",
    "MinPool",
    "AvgPool",
    "AdaptiveMaxPool",
    "AdaptiveAvgPool",
    "GlobalMaxPool",
    "GlobalAvgPool",
    "PixelShuffle",
    "Dropout",
    *ACTIVATIONS,
    "softmax",
    "log_softmax",
    "conv_norm_activation",
    "Sequential",
    "Residual",
    "Bidirectional",
]
