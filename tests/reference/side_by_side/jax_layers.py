# SPDX-License-Identifier: MIT
"""JAX itself: jax.nn, jax.numpy and jax.lax. Layers and options that are no library's are spelled out in its terms, by the definition."""

import math

from . import draw as d
from . import layers
from .jitted import followed, jax, jnp, np


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


def item_axes(c):
    """The axes of x that are no batch: the channels' and the first spatial one."""
    lead = len(c["batch"])
    return (lead + c["axes"], lead) if c["layout"] == "last" else (lead, lead + 1)


class ConvTranspose(layers.ConvTranspose):
    """With a padding mode: the transpose, as JAX derives it, of a convolution over an image that jnp.pad has padded."""

    modes = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}

    def draw(self, draw):
        c = {"batch": d.batch(draw), "layout": draw.pick("first", "last"), **d.windows(draw), "flip_kernel": draw.chance(0.5)}
        c["padding_mode"] = draw.pick("reflect", "replicate", "circular")
        c["output_padding"] = [draw.flat(0, s - 1) if draw.chance(0.5) else 0 for s in c["stride"]]
        some = []  # that leave a cell at least; past the image now and then, folded repeatedly
        for most in self.padded(c):
            before = draw.flat(0, min(most - 1, 9))
            some.append([before, draw.flat(0, min(most - 1 - before, 9))])
        c["padding"] = draw.pick("SAME", "SAME_LOWER", "VALID", some, some, some)
        return c

    def padded(self, c):
        """The extents of the padded image, by numbers."""
        sizes = zip(c["extent"], c["stride"], c["dilation"], c["kernel"], c["output_padding"])
        return [(n - 1) * s + dilation * (k - 1) + 1 + more for n, s, dilation, k, more in sizes]

    def answer(self, c, arrays):
        x = jnp.moveaxis(arrays["x"], item_axes(c)[0], len(c["batch"])) if c["layout"] == "last" else arrays["x"]
        x = x.reshape(-1, *x.shape[len(c["batch"]) :])
        if c["padding"] in ("SAME", "SAME_LOWER"):
            image = [n * s - more for n, s, more in zip(c["extent"], c["stride"], c["output_padding"])]
            spans = [dilation * (k - 1) + 1 for dilation, k in zip(c["dilation"], c["kernel"])]
            pads = jax.lax.padtype_to_pads(image, spans, c["stride"], c["padding"])
        else:
            pads = [[0, 0]] * c["axes"] if c["padding"] == "VALID" else c["padding"]
            image = [n - before - after for n, (before, after) in zip(self.padded(c), pads)]
        outputs, taps = c["groups"] * c["out_per_group"], tuple(range(2, 2 + c["axes"]))
        weight = arrays["weight"].reshape(c["groups"], c["out_per_group"], c["in_per_group"], *c["kernel"]).swapaxes(1, 2)
        weight = weight.reshape(-1, c["out_per_group"], *c["kernel"])
        weight = weight if c["flip_kernel"] else jnp.flip(weight, taps)

        def convolution(image):
            image = jnp.pad(image, [(0, 0), (0, 0), *pads], self.modes[c["padding_mode"]])
            options = dict(rhs_dilation=c["dilation"], feature_group_count=c["groups"])
            return jax.lax.conv_general_dilated(image, weight, c["stride"], "VALID", **options)

        (y,) = jax.linear_transpose(convolution, jax.ShapeDtypeStruct((len(x), outputs, *image), x.dtype))(x)
        if c["bias"]:
            y = y + arrays["bias"].reshape(-1, *[1] * c["axes"])
        y = followed(c, y).reshape(*c["batch"], *y.shape[1:])
        return {"y": jnp.moveaxis(y, len(c["batch"]), -1) if c["layout"] == "last" else y}


class CausalConv1d(layers.CausalConv):
    """A convolution that is padded on the left, or of what came before and x."""

    def draw(self, draw):
        c = {**d.causal_conv(draw), "batch": d.batch(draw, 2, least=0), "layout": draw.pick("first", "last")}
        c.update(groups=draw.pick(1, 1, 2, 3), in_per_group=draw.upto(5), out_per_group=draw.upto(7))
        if draw.chance(0.2):  # depthwise
            c.update(groups=draw.flat(2, 6), in_per_group=1, out_per_group=draw.pick(1, 1, 2))
        c.update(kernel=[draw.flat(1, 5)], dilation=[draw.pick(1, draw.flat(2, 4))], mask=draw.chance(0.2))
        return {**c, "cut": draw.flat(0, c["extent"][0])} if c["history"] else {**c, **d.form(draw)}

    def answer(self, c, arrays):
        x = arrays["x"].reshape(-1, *arrays["x"].shape[len(c["batch"]) :])
        x = x.swapaxes(1, 2) if c["layout"] == "last" else x
        past = c["dilation"][0] * (c["kernel"][0] - 1)
        if c["history"]:
            x = jnp.concatenate([arrays["history"], x], -1)
        weight = arrays["weight"] * arrays.get("weight_mask", 1)
        options = dict(rhs_dilation=c["dilation"], feature_group_count=c["groups"])
        y = jax.lax.conv_general_dilated(x, weight, [1], [(0 if c["history"] else past, 0)], **options)
        if c["bias"]:
            y = y + arrays["bias"][:, None]
        y = (y.swapaxes(1, 2) if c["layout"] == "last" else y).reshape(*c["batch"], *layers.spatial(c, len(arrays["weight"])))
        return {"y": y, "history": x[..., x.shape[-1] - past :]} if c["history"] else {"y": y}


class LocalResponseNorm(layers.LocalResponseNorm):
    """The windows as a matrix of zeros and ones: a row for each channel."""

    def draw(self, draw):
        c = {**d.local_response_norm(draw, draw.flat(0, 3)), "layout": draw.pick("first", "last")}
        return {**c, "average": c["size"] > 0 and draw.chance(0.5)}

    def answer(self, c, arrays):
        channels = item_axes(c)[0]
        x = jnp.moveaxis(arrays["x"], channels, -1)
        own, other = np.indices((c["channels"], c["channels"]))
        first = own - c["size"] // 2
        windows = (first <= other) & (other < first + c["size"])
        alpha = c["alpha"] / c["size"] if c["average"] else c["alpha"]
        y = x / (c["k"] + alpha * (x * x @ windows.T.astype(x.dtype))) ** c["beta"]
        return {"y": jnp.moveaxis(y, -1, channels)}


class Pool(layers.Pool):
    """lax.reduce_window, in either layout. What an average divides by is a sum of ones under the same window."""

    def draw(self, draw):
        c = {**d.now_and_then_empty(draw, d.pool(draw)), "layout": draw.pick("first", "last")}
        c.update(kind=draw.pick("max", "min", "avg"), count_padding=draw.chance(0.5), ceil_mode=draw.chance(0.4))
        c["padding"] = draw.pick("VALID", d.pairs(draw, c["axes"]), d.pairs(draw, c["axes"]))
        if c["ceil_mode"]:  # which matters where windows do not come out even
            c["window"] = [draw.flat(2, 4) for _ in c["window"]]
            c["stride"] = [draw.flat(2, 3) for _ in c["stride"]]
        if c["ceil_mode"] and c["padding"] != "VALID":  # half a window at most in torch: its rule drops windows that lie in more
            c["padding"] = [[draw.flat(0, k - 1), draw.flat(0, k - 1)] for k in c["window"]]
        elif c["padding"] != "VALID":
            # XLA (jaxlib 0.10.2, CPU) repeats the only cell of an axis in its padding under a window of 1, from 4096 results on:
            # lax.reduce_window of (5, 1, 408) with pads (0, 3) and (1, 0) and strides 1 and 2.
            c["padding"] = [[0, 0] if e == w == 1 else pair for pair, e, w in zip(c["padding"], c["extent"], c["window"])]
        return c

    def beyond(self, c, pads):
        """Cells that the last windows reach beyond the padding: with ceil_mode, as torch.nn.MaxPool2d documents it."""
        cells = []
        for n, k, s, (before, after) in zip(c["extent"], c["window"], c["stride"], pads):
            windows = math.ceil((n + before + after - k) / s) + 1
            windows -= (windows - 1) * s >= n + before  # it would start in the padding behind
            cells.append(max((windows - 1) * s + k - (n + before + after), 0) if c["ceil_mode"] and windows > 0 else 0)
        return cells

    def answer(self, c, arrays):
        x, lead = arrays["x"], len(c["batch"])
        start, join = {"max": (-jnp.inf, jax.lax.max), "min": (jnp.inf, jax.lax.min), "avg": (0.0, jax.lax.add)}[c["kind"]]

        def over_axes(values, one):
            return [one] * lead + layers.in_layout(c, one, values)

        pads = [[0, 0]] * c["axes"] if c["padding"] == "VALID" else c["padding"]
        beyond = self.beyond(c, pads)

        def under_windows(x, pads):
            pads = over_axes([[before, after + more] for (before, after), more in zip(pads, beyond)], [0, 0])
            return jax.lax.reduce_window(x, jnp.array(start, x.dtype), join, over_axes(c["window"], 1), over_axes(c["stride"], 1), pads)

        y = under_windows(x, pads)
        if c["kind"] == "avg":
            cells = jnp.ones(over_axes(c["extent"], 1), x.dtype)
            if c["count_padding"]:
                cells, pads = jnp.pad(cells, over_axes(pads, [0, 0]), constant_values=1), [[0, 0]] * c["axes"]
            y = y / jnp.maximum(under_windows(cells, pads), 1)  # 0 where there are none
        return {"y": y}


class AdaptivePool(layers.AdaptivePool):
    """torch's windows, axis by axis, more of them than cells too."""

    def draw(self, draw):
        c = {**d.pooled(draw), "kind": draw.pick("max", "avg"), "layout": draw.pick("first", "last")}
        return {**c, "target": [draw.flat(1, n + 3) for n in c["extent"]]}

    def overlapping(self, c):
        return True

    def answer(self, c, arrays):
        y, pool = arrays["x"], {"max": jnp.max, "avg": jnp.mean}[c["kind"]]
        for axis, (n, m) in enumerate(zip(c["extent"], c["target"]), item_axes(c)[1]):
            windows = [(o * n // m, math.ceil((o + 1) * n / m)) for o in range(m)]
            y = jnp.stack([pool(jax.lax.slice_in_dim(y, *window, axis=axis), axis) for window in windows], axis)
        return {"y": y}


class GlobalPool(layers.GlobalPool):
    def draw(self, draw):
        return {**d.global_pool(draw), "layout": draw.pick("first", "last")}

    def answer(self, c, arrays):
        first = item_axes(c)[1]
        pool = {"max": jnp.max, "avg": jnp.mean}[c["kind"]]
        return {"y": pool(arrays["x"], tuple(range(first, first + c["axes"])))}


class PixelShuffle(layers.PixelShuffle):
    """The channels, in front, get an axis for each factor, which then goes behind the cells of its axis."""

    def draw(self, draw):
        c = {**d.now_and_then_empty(draw, d.pooled(draw)), "layout": draw.pick("first", "last")}
        return {**c, "upscale_factor": draw.per_axis(c["axes"], 4)}

    def answer(self, c, arrays):
        axes, lead = c["axes"], len(c["batch"])
        x = jnp.moveaxis(arrays["x"], item_axes(c)[0], 0)
        x = x.reshape(c["channels"], *c["upscale_factor"], *x.shape[1:])
        order = layers.in_layout(c, [0], [[1 + axes + lead + axis, 1 + axis] for axis in range(axes)])
        x = x.transpose(*range(1 + axes, 1 + axes + lead), *(at for each in order for at in each))
        extent = [n * r for n, r in zip(c["extent"], c["upscale_factor"])]
        return {"y": x.reshape(*c["batch"], *layers.spatial(c, c["channels"], extent))}


LAYERS = [
    Activation,
    Softmax,
    LogSoftmax,
    ConvTranspose,
    CausalConv1d,
    LocalResponseNorm,
    Pool,
    AdaptivePool,
    GlobalPool,
    PixelShuffle,
]
