# SPDX-License-Identifier: MIT
"""noxton: Equinox layers over one item, statistics over a mapped axis named "batch"."""

import functools

from . import draw as d
from . import equinox_layers, layers
from .equinox_layers import with_arrays
from .jitted import KEY, jax, jnp, np, over_batch, reference

import equinox as eqx
import noxton.nn as nx


def batch_norm(c, size, arrays):
    return nx.BatchNorm(size, "batch", eps=c["eps"], momentum=c["momentum"], affine="scale" in arrays)


def set_affine(norm, arrays):
    if "scale" in arrays:
        norm = eqx.tree_at(lambda n: (n.weight, n.bias), norm, (arrays["scale"], arrays["shift"]))
    return norm


def statistics(norm, state):
    return {name: state.get(getattr(norm, name)) for name in ("running_mean", "running_var")}


def mapped(layer, x, state):
    return jax.vmap(lambda x: layer(x, state), axis_name="batch", out_axes=(0, None))(x)


class BatchNorm(layers.BatchNorm):
    def draw(self, draw):
        return {**d.batch_norm(draw), "unbiased": True}

    def answer(self, c, arrays):
        x = arrays["x"]
        norm = set_affine(batch_norm(c, c["channels"], arrays), arrays)
        state = eqx.nn.State(norm)
        trained = []
        for step in x:
            y, state = mapped(norm, step, state)
            trained.append(y)
        y, _ = mapped(eqx.tree_at(lambda n: n.inference, norm, True), x[0], state)
        return {"trained": jnp.stack(trained), **statistics(norm, state), "y": y}


class LayerNorm(equinox_layers.LayerNorm):
    """The trailing axes; any number in front of them."""

    def answer(self, c, arrays):
        options = dict(eps=c["eps"], use_weight=c["scale"], use_bias=c["shift"])
        layer = with_arrays(lambda: nx.LayerNorm(tuple(c["shape"]), **options), weight=arrays.get("scale"), bias=arrays.get("shift"))
        return {"y": layer(arrays["x"])}


class LocalResponseNorm(layers.LocalResponseNorm):
    def draw(self, draw):
        return d.local_response_norm(draw, axes=2)

    def answer(self, c, arrays):
        layer = nx.LocalResponseNormalization(k=c["k"], n=c["size"], alpha=c["alpha"], beta=c["beta"])
        return {"y": over_batch(layer, arrays["x"], c["axes"] + 1)}


class CausalConv1d(layers.CausalConv):
    """Whole sequences, from zeros or from the K - 1 rows before. Its last state is wrong, one tap answers nothing (semantics 13)."""

    def draw(self, draw):
        features = draw.upto(9)
        groups = draw.pick(1, features)  # all channels are mixed, or none
        return {**d.causal_conv(draw), "groups": groups, "in_per_group": features // groups, "out_per_group": features // groups}

    def answer(self, c, arrays):
        features, kernel = arrays["x"].shape[-1], c["kernel"][0]
        if kernel < 2:
            raise ValueError("noxton's answer has no rows")
        make = lambda: nx.CausalConv1d(features, c["groups"] == 1, kernel, use_bias=c["bias"], key=KEY)  # noqa: E731
        layer = eqx.filter_eval_shape(make)
        layer = eqx.tree_at(lambda l: l.conv.weight, layer, arrays["weight"])
        if c["bias"]:
            layer = eqx.tree_at(lambda l: l.conv.bias, layer, arrays["bias"][:, None])
        x = arrays["x"].reshape(-1, *arrays["x"].shape[-2:])
        history = arrays["history"].swapaxes(1, 2) if c["history"] else None
        y = jax.vmap(layer)(x, history) if c["history"] else jax.vmap(layer)(x)
        return {"y": y.reshape(arrays["x"].shape)}


ACTIVATIONS = {"identity": None, "relu": jax.nn.relu, "silu": jax.nn.silu, "tanh": jnp.tanh}


class ConvNormActivation(equinox_layers.Conv):
    """x (B, C, L…), in inference and in training. bias: null is automatic."""

    name = "conv_norm_activation"

    def kind(self, c):
        return self.name

    def draw(self, draw):
        c = {"batch": [draw.upto(4)], **d.windows(draw)}
        c.pop("then", None)  # it has an activation
        least = d.pairs(draw, c["axes"], least=-1)
        c["padding"] = draw.pick("half", "half", "half", "SAME", "SAME_LOWER", "VALID", 1, [draw.flat(0, 3) for _ in c["kernel"]], least)
        c["norm"] = draw.pick("none", "batch", "batch", "group")
        c["automatic_bias"] = draw.chance(0.6)
        if c["automatic_bias"]:
            c["bias"] = c["norm"] == "none"
        c["activation"] = draw.pick("identity", "relu", "silu", "tanh")
        c["eps"] = draw.pick(1e-5, 1e-3)
        if c["norm"] == "batch":
            c["momentum"], c["training"] = draw.pick(0.1, 0.5), draw.chance(0.4)
            c["form"] = draw.pick("called", *d.FROZEN) if not c["training"] else "called"
        return c

    def arrays(self, c, draw):
        arrays = super().arrays(c, draw)
        channels = c["groups"] * c["out_per_group"]
        if c["norm"] != "none":
            arrays["scale"], arrays["shift"] = draw.values(channels, "normal"), draw.values(channels, "normal")
        if c["norm"] == "batch":
            arrays["running_mean"], arrays["running_var"] = draw.values(channels, "normal"), draw.values(channels, "normal") ** 2 + 0.1
        return arrays

    def words(self, c):
        words = {**super().words(c), "norm": c["norm"], "activation": c["activation"], "eps": 1e-5 if c["norm"] == "group" else c["eps"]}
        if not c["automatic_bias"]:
            words["use_bias"] = c["bias"]
        if c["norm"] == "batch":
            words.update(size=words["out_channels"], momentum=c["momentum"], training=c["training"])
        return words

    def answer(self, c, arrays):
        channels = c["groups"] * c["in_per_group"], c["groups"] * c["out_per_group"]
        norms = {
            "none": None,
            "batch": functools.partial(batch_norm, c, channels[1], arrays),
            "group": functools.partial(eqx.nn.GroupNorm, 1, channels[1]),
        }
        padding = self.arguments({**c, "padding_mode": "zeros"})[1]["padding"]
        block = nx.ConvNormActivation(
            c["axes"],
            *channels,
            tuple(c["kernel"]),
            tuple(c["stride"]),
            None if padding == "half" else padding,
            c["groups"],
            ACTIVATIONS[c["activation"]],
            tuple(c["dilation"]),
            None if c["automatic_bias"] else c["bias"],
            norm_layer=norms[c["norm"]],
            key=KEY,
            dtype=arrays["x"].dtype,
        )
        block = eqx.tree_at(lambda b: b.conv.weight, block, arrays["weight"])
        if block.conv.bias is not None:
            block = eqx.tree_at(lambda b: b.conv.bias, block, arrays["bias"].reshape(block.conv.bias.shape))
        if c["norm"] != "none":
            block = eqx.tree_at(lambda b: b.norm, block, set_affine(block.norm, arrays))
        state = eqx.nn.State(block)
        if c["norm"] == "batch":
            block = eqx.tree_at(lambda b: b.norm.inference, block, not c["training"])
            for name in ("running_mean", "running_var"):
                state = state.set(getattr(block.norm, name), arrays[name])
        y, state = mapped(block, arrays["x"], state)
        if c.get("training") and y.size == 0:
            raise ValueError("the statistics of nothing are NaN; nn refuses")
        return {"y": y, **(statistics(block.norm, state) if c["norm"] == "batch" else {})}

    def bound(self, c, arrays, outputs, _):
        """The convolution's, carried through the norm; activations stretch by 1.1 at most."""
        plain = self.plain(c)
        taken = {name: arrays[name] for name in ("x", "weight", "bias") if name in arrays}
        absolute = plain({name: np.abs(array) for name, array in taken.items()})["y"]
        off = (self.terms(c) + layers.ROUNDINGS) * layers.eps(c) * absolute + self.winograd_bound(c, arrays)
        few = layers.ROUNDINGS * layers.eps(c)
        bounds = {}
        if c["norm"] == "none":
            return {"y": 1.1 * off + few * np.abs(outputs["y"])}
        z = plain(taken)["y"]
        if z.size == 0:
            return dict.fromkeys(outputs, 0)
        per_channel = (1, -1, *[1] * c["axes"])
        scale, shift = (arrays[name].reshape(per_channel) for name in ("scale", "shift"))
        if c["norm"] == "batch" and not c["training"]:
            mean, var = (arrays[name].reshape(per_channel) for name in ("running_mean", "running_var"))
            inverse = 1 / np.sqrt(var + c["eps"])
            y = np.abs(scale) * inverse * (off + few * (np.abs(z) + np.abs(mean))) + few * np.abs(shift)
            bounds = {"running_mean": 0, "running_var": 0}
        else:
            # A norm of its own input's statistics: what z is off moves the mean as much, and the deviation, and so each quotient.
            axes = tuple(range(1, z.ndim)) if c["norm"] == "group" else (0, *range(2, z.ndim))
            count = max(z.size // (z.shape[0] if c["norm"] == "group" else z.shape[1]), 1)
            wide = np.max(off, axes, keepdims=True, initial=0)
            mean = np.mean(np.abs(z), axes, keepdims=True)
            spread = np.var(z, axes, keepdims=True)
            epsilon = 1e-5 if c["norm"] == "group" else c["eps"]
            y = layers.normalised_bound({**c, "eps": epsilon}, z, mean, spread, spread, count, scale, shift)
            inverse = 1 / np.sqrt(spread + epsilon)
            # |d((z - μ) / s)| <= 2 off / s + |z - μ| / s · ds / s, where s moves by 2 off at most.
            y = y + np.abs(scale) * inverse * wide * 2 * (1 + (np.abs(z) + mean) * inverse)
            if c["norm"] == "batch":
                u = (count + layers.ROUNDINGS) * layers.eps(c)
                running_mean = c["momentum"] * (u * mean + wide) + few * np.abs(outputs["running_mean"]).reshape(per_channel)
                more = count / max(count - 1, 1)
                moved = u * spread + 4 * np.sqrt(spread) * wide + 4 * wide**2 + (u * mean) ** 2
                running_var = c["momentum"] * more * moved + few * np.abs(outputs["running_var"]).reshape(per_channel)
                bounds = {"running_mean": running_mean.reshape(-1), "running_var": running_var.reshape(-1)}
        return {"y": 1.1 * y + few * np.abs(outputs["y"]), **bounds}

    def plain(self, c):
        """The convolution alone, by Equinox, in double."""
        c = {**c, "padding_mode": "zeros", "dtype": "float64"}
        if c["padding"] == "half":
            c["padding"] = [(k - 1) // 2 * dilation for k, dilation in zip(c["kernel"], c["dilation"])]
        return reference(c, functools.partial(equinox_layers.Conv.answer, self))


LAYERS = [ConvNormActivation, CausalConv1d, BatchNorm, LayerNorm, LocalResponseNorm]
