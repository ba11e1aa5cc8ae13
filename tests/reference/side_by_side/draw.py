# SPDX-License-Identifier: MIT
"""Drawing configurations: plain dicts that JSON can hold, in each layer's own words."""

import numpy as np


class Draw:
    """Draws from a seeded engine."""

    def __init__(self, *seed):
        self.engine = np.random.default_rng(list(seed))

    def chance(self, p):
        return bool(self.engine.random() < p)

    def pick(self, *choices):
        return choices[self.engine.integers(len(choices))]

    def upto(self, most, least=1):
        """least … most, smaller ones more often."""
        return int(min(self.engine.integers(least, most + 1), self.engine.integers(least, most + 1)))

    def flat(self, least, most):
        return int(self.engine.integers(least, most + 1))

    def per_axis(self, axes, most, least=1, p=1.0):
        """One number per axis; with probability 1 - p all are `least`."""
        return [self.upto(most, least) for _ in range(axes)] if self.chance(p) else [least] * axes

    def values(self, shape, kind):
        """The elements of an array: normal ones, or whole numbers from -4 to 4 (exact sums, ties)."""
        if kind == "integers":
            return self.engine.integers(-4, 5, shape).astype(float)
        return self.engine.standard_normal(shape)


def common(draw):
    return {"dtype": draw.pick("float32", "float32", "float64"), "values": draw.pick("normal", "normal", "normal", "integers")}


FROZEN = ("frozen", "fastest", "fitted")
FASTEST = ("fastest", "fitted")
APART = ("apart", "rows")


def form(draw, forms=("frozen",)):
    """How nn is asked: the layer, a frozen form, or the layer with x and y whose elements, or rows, lie apart. Now and then by several
    workers.

    frozen: with the layer's own sums; fastest: with those that nn likes best for any x; fitted: for x of this shape."""
    c = {"form": draw.pick("called", "called", *forms, *APART)}
    return {**c, "workers": 3} if c["form"] not in APART and draw.chance(0.1) else c


def batch(draw, most_axes=3, least=1):
    """Leading axes; now and then an empty one."""
    axes = [draw.upto(3) for _ in range(draw.flat(0, most_axes))]
    return [0 if least == 0 and draw.chance(0.01) else extent for extent in axes]


def winograd(draw):
    """What Winograd's algorithm takes, where nn may choose. One in ten has more channels than it multiplies at a time."""
    return {
        "axes": 2,
        "groups": draw.pick(1, 1, 2),
        "in_per_group": draw.flat(257, 300) if draw.chance(0.1) else draw.flat(16, 40),
        "out_per_group": draw.flat(16, 40),
        "kernel": [3, 3],
        "stride": [1, 1],
        "dilation": draw.per_axis(2, 3, p=0.3),
        "extent": [draw.flat(2, 16) for _ in "hw"],
        "dtype": "float32",
    }


def windows(draw):
    """What convolutions of all kinds share. One in ten has more output cells than the kernels pack at a time."""
    axes = draw.pick(1, 1, 2, 2, 2, 3)
    groups = draw.pick(1, 1, 2, 3)
    inside, outside = draw.upto(4), draw.pick(draw.upto(7), draw.flat(1, 14))
    if draw.chance(0.2):  # depthwise
        groups, inside, outside = draw.flat(2, 6), 1, draw.pick(1, 1, 2)
    elif draw.chance(0.15):  # more products than a stencil takes
        groups, inside, outside = draw.pick(1, 1, 2), draw.flat(8, 40), draw.flat(9, 40)
    extent = [draw.flat(1, {1: 24, 2: 9, 3: 5}[axes]) for _ in range(axes)]
    if draw.chance(0.1):
        extent = {1: [draw.flat(300, 700)], 2: [draw.flat(20, 30) for _ in "hw"], 3: [draw.flat(8, 11) for _ in "dhw"]}[axes]
        if draw.chance(0.5):  # in one row or slice
            extent = {1: extent, 2: [draw.upto(3), draw.flat(513, 700)], 3: [draw.upto(2), draw.flat(23, 28), draw.flat(23, 28)]}[axes]
    c = {
        "axes": axes,
        "groups": groups,
        "in_per_group": inside,
        "out_per_group": outside,
        "kernel": draw.per_axis(axes, 5 if axes == 1 else 4 if axes == 2 else 3),
        "stride": draw.per_axis(axes, 3, p=0.6),
        "dilation": draw.per_axis(axes, 3, p=0.4),
        "extent": extent,
        "bias": draw.chance(0.6),
        **form(draw, FROZEN),
        **common(draw),
    }
    if c["form"] in FASTEST and draw.chance(0.5):
        c.update(winograd(draw))
    if draw.chance(0.03):  # many channels, one by one, of an image whose rows several workers share
        c.update(axes=2, groups=draw.flat(16, 20), in_per_group=1, out_per_group=1, kernel=[draw.flat(1, 3), draw.flat(1, 3)])
        c.update(stride=[1, 1], dilation=[1, 1], extent=[draw.flat(24, 40), draw.flat(20, 30)], form="called", workers=3)
    if c["form"] in FROZEN:  # which joins a function that follows
        c["then"] = draw.pick("identity", "relu", "leaky_relu")
    return c


def now_and_then_empty(draw, c):
    """An image without a cell, whose windows see padding alone."""
    if draw.chance(0.05):
        c["extent"][draw.flat(0, c["axes"] - 1)] = 0
    return c


def pairs(draw, axes, most=3, least=0):
    return [[draw.flat(least, most), draw.flat(least, most)] for _ in range(axes)]


def shifted(draw):
    """Far from zero now and then, where a variance of one pass cancels."""
    return {"offset": draw.pick(0, 0, 0, 100)}


def layer_norm(draw):
    return {
        "batch": batch(draw, least=0),
        "shape": [draw.upto(40) if draw.chance(0.8) else draw.flat(1, 1300)],
        "eps": draw.pick(1e-5, 1e-3, 1e-6),
        "scale": draw.chance(0.7),
        "shift": draw.chance(0.7),
        **shifted(draw),
        **form(draw),
        **common(draw),
    }


def group_norm(draw):
    axes = draw.flat(0, 3)
    affine = draw.chance(0.7)
    many = draw.chance(0.05)  # channels: rows of them are not joined to longer ones
    return {
        "batch": batch(draw),
        "groups": draw.upto(4),
        "per_group": draw.flat(513, 600) if many else draw.upto(5),
        "extent": [draw.upto(2 if many else {1: 300, 2: 12, 3: 6}[axes]) for _ in range(axes)],
        "eps": draw.pick(1e-5, 1e-3),
        "scale": affine,
        "shift": affine,
        **shifted(draw),
        **form(draw),
        **common(draw),
    }


def batch_norm(draw):
    axes = draw.flat(0, 3)
    affine = draw.chance(0.7)
    return {
        "steps": draw.upto(6),
        "batch": [draw.upto(5)],
        "channels": draw.flat(513, 600) if draw.chance(0.05) else draw.upto(6),  # rows of many are not joined to longer ones
        "extent": [draw.upto({1: 20, 2: 9, 3: 5}[axes]) for _ in range(axes)],
        "eps": draw.pick(1e-5, 1e-3),
        "momentum": draw.pick(0.1, 0.01, 0.5, 1.0),
        "scale": affine,
        "shift": affine,
        "form": draw.pick("called", "called", *APART),
        **shifted(draw),
        **common(draw),
    }


def recurrent(draw):
    """Sequences of one leading axis. One in ten has a wide batch, one in twenty many steps."""
    return {
        "batch": [draw.upto(4) if draw.chance(0.9) else draw.flat(20, 60)],
        "steps": draw.upto(12) if draw.chance(0.95) else 200,
        "input_size": draw.upto(20),
        "hidden_size": draw.upto(20),
        "bias": True,
        "form": draw.pick("called", "called", "frozen"),
        **common(draw),
    }


def causal_conv(draw):
    """Sequences, and now and then one of more steps than the kernels pack at a time."""
    return {
        "batch": batch(draw, 2),
        "extent": [draw.flat(300, 700) if draw.chance(0.05) else draw.upto(20)],
        "kernel": [draw.flat(2, 5)],
        "dilation": [1],
        "layout": "last",
        "bias": draw.chance(0.6),
        "history": draw.chance(0.5),
        **common(draw),
    }


def local_response_norm(draw, axes):
    return {
        "batch": batch(draw),
        "axes": axes,
        "channels": draw.upto(12) if draw.chance(0.95) else draw.flat(40, 80),
        "extent": [draw.upto({1: 80, 2: 6, 3: 4}[axes]) for _ in range(axes)],
        "size": draw.upto(26) if draw.chance(0.3) else draw.flat(0, 7),
        "alpha": draw.pick(1e-4, 0.1, 1.0, -1e-4),
        "beta": draw.pick(0.75, 0.5, 1.0),
        "k": draw.pick(1.0, 2.0, 0.5),
        **form(draw),
        **common(draw),
    }


def linear(draw):
    c = {"batch": batch(draw), "in": draw.upto(40), "out": draw.upto(40), "bias": draw.chance(0.6), **form(draw), **common(draw)}
    return {**c, "form": "views"} if c["bias"] and draw.chance(0.2) else c


def embed(draw):
    return {"batch": batch(draw), "vocabulary": draw.upto(30), "size": draw.upto(20), "outside": draw.chance(0.5), **common(draw)}


def pooled(draw):
    axes = draw.pick(1, 2, 2, 3)
    return {
        "batch": batch(draw, 2),
        "axes": axes,
        "channels": draw.upto(4),
        "extent": [draw.flat(1, {1: 24, 2: 9, 3: 6}[axes]) for _ in range(axes)],
        **form(draw),
        **common(draw),
    }


def pool(draw):
    c = pooled(draw)
    if draw.chance(0.08):  # more cells of a row than are joined at once
        c["channels"], c["extent"] = draw.flat(16, 24), [*[1] * (c["axes"] - 1), draw.flat(400, 700)]
    return {**c, "window": draw.per_axis(c["axes"], 4), "stride": draw.per_axis(c["axes"], 4, p=0.7)}


def adaptive_pool(draw):
    c = {**pooled(draw), "kind": draw.pick("max", "avg"), "overlapping": draw.chance(0.2)}
    if c["overlapping"]:  # where they do not after all, and so are the libraries'
        return {**c, "target": [draw.pick(*(m for m in range(1, n + 1) if n % m == 0)) for n in c["extent"]]}
    return {**c, "target": [draw.flat(1, n) for n in c["extent"]]}


def global_pool(draw):
    c = pooled(draw)
    if draw.chance(0.1):
        c["extent"] = [draw.flat(200, 900), *[1] * (c["axes"] - 1)]  # more cells than are added in one block
    return {**c, "kind": draw.pick("max", "avg")}


def wide(draw):
    """Values that a function bends, saturates or overflows at, and now and then none that are numbers."""
    return {"spread": draw.pick(1, 1, 5, 40, 300), "special": draw.chance(0.2)}


def softmax(draw):
    size = draw.upto(40) if draw.chance(0.8) else draw.flat(1, 1300)
    return {"batch": batch(draw, least=0), "size": size, **wide(draw), **form(draw), **common(draw)}


def activation(draw, names):
    c = {"batch": batch(draw, least=0), "activation": draw.pick(*names), **wide(draw), **form(draw), **common(draw)}
    if c["batch"] and draw.chance(0.5):
        c["batch"][-1] = draw.flat(4, 60)
    if c["activation"] == "leaky_relu":
        c["negative_slope"] = draw.pick(0.01, 0.2, 1.5)
    if c["activation"] == "elu":
        c["alpha"] = draw.pick(1.0, 0.3, 2.5)
    return c


def dropout(draw):
    training = draw.chance(0.4)
    rate = 0.0 if training else draw.pick(0.0, 0.1, 0.5, 0.9)
    return {"batch": [draw.upto(12) for _ in range(draw.flat(0, 4))], "training": training, "rate": rate, **common(draw)}


def sequential(draw, residual=False):
    c = {"batch": batch(draw), "in": draw.upto(30), "hidden": draw.upto(30), "out": draw.upto(30), "bias": draw.chance(0.7)}
    if residual:
        c["out"] = c["in"]
    return {**c, "activation": draw.pick("identity", "relu", "silu", "tanh"), **form(draw), **common(draw)}


def bidirectional(draw):
    c = recurrent(draw)
    return {**c, "cell": draw.pick("lstm", "gru"), "layers": draw.pick(1, 1, 2)}
