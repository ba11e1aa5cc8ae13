# SPDX-License-Identifier: MIT
"""What is compared: layers as plain records, made from the entries of workloads.json, and the weights that all contestants are given.

Weights have PyTorch's names and layouts. A case is a `Sequential`, of one layer or of a network.
"""

import dataclasses
import math

import numpy as np


@dataclasses.dataclass
class Conv:
    in_channels: int
    out_channels: int
    kernel_size: list
    stride: list
    padding: list
    dilation: list
    groups: int = 1
    bias: bool = True

    def arrays(self, rng):
        shape = [self.out_channels, self.in_channels // self.groups, *self.kernel_size]
        return affine(rng, shape, fan_in=math.prod(shape[1:]), outputs=self.out_channels, bias=self.bias)


@dataclasses.dataclass
class ConvTranspose(Conv):
    output_padding: list = None

    def arrays(self, rng):
        shape = [self.in_channels, self.out_channels // self.groups, *self.kernel_size]
        fan_in = self.in_channels * math.prod(self.kernel_size) // math.prod(self.stride) // self.groups
        return affine(rng, shape, fan_in, outputs=self.out_channels, bias=self.bias)


@dataclasses.dataclass
class Linear:
    in_features: int
    out_features: int
    bias: bool = True

    def arrays(self, rng):
        return affine(rng, [self.out_features, self.in_features], self.in_features, outputs=self.out_features, bias=self.bias)


@dataclasses.dataclass
class BatchNorm:
    channels: int
    spatial: list  # only its length counts
    eps: float = 1e-5

    def arrays(self, rng):
        statistics = {"running_mean": normal(rng, [self.channels], 0.1), "running_var": uniform(rng, [self.channels], 0.5, 1.5)}
        return scale_and_shift(rng, [self.channels]) | statistics


@dataclasses.dataclass
class LayerNorm:
    normalized_shape: list
    eps: float

    def arrays(self, rng):
        return scale_and_shift(rng, self.normalized_shape)


@dataclasses.dataclass
class RMSNorm:
    normalized_shape: list
    eps: float

    def arrays(self, rng):
        return {"weight": uniform(rng, self.normalized_shape, 0.5, 1.5)}


@dataclasses.dataclass
class GroupNorm:
    groups: int
    channels: int
    spatial: list  # only its length counts
    eps: float

    def arrays(self, rng):
        return scale_and_shift(rng, [self.channels])


@dataclasses.dataclass
class Recurrent:
    gates: int  # 4: LSTM, 3: GRU
    input_size: int
    hidden_size: int

    def arrays(self, rng):
        rows, bound = self.gates * self.hidden_size, 1 / math.sqrt(self.hidden_size)
        shapes = {"weight_ih": [rows, self.input_size], "weight_hh": [rows, self.hidden_size], "bias_ih": [rows], "bias_hh": [rows]}
        return {f"{name}_l0": uniform(rng, shape, -bound, bound) for name, shape in shapes.items()}


@dataclasses.dataclass
class Embedding:
    num_embeddings: int
    embedding_dim: int

    def arrays(self, rng):
        return {"weight": normal(rng, [self.num_embeddings, self.embedding_dim])}


class Plain:
    """A layer without arrays."""

    def arrays(self, rng):
        return {}


@dataclasses.dataclass
class LocalResponseNorm(Plain):
    size: int
    alpha: float
    beta: float
    k: float


@dataclasses.dataclass
class Pool(Plain):
    kind: str  # "max" or "avg", whose padding counts
    kernel_size: list
    stride: list
    padding: list


class Relu(Plain):
    pass


class Relu6(Plain):
    pass


class Identity(Plain):
    pass


class GlobalAvgPool(Plain):
    """(B, C, H, W) -> (B, C)."""


class Composite:
    """Layers by name."""

    def arrays(self, rng):
        return {f"{name}.{key}": array for name, layer in self.children().items() for key, array in layer.arrays(rng).items()}


@dataclasses.dataclass
class Sequential(Composite):
    layers: dict

    def children(self):
        return self.layers


@dataclasses.dataclass
class Residual(Composite):
    main: object
    shortcut: object

    def children(self):
        return {"main": self.main, "shortcut": self.shortcut}


def sequential(*layers):
    return Sequential({str(i): layer for i, layer in enumerate(layers)})


def normal(rng, shape, scale=1.0):
    return (scale * rng.standard_normal(shape)).astype(np.float32)


def uniform(rng, shape, low, high):
    return rng.uniform(low, high, shape).astype(np.float32)


def affine(rng, shape, fan_in, outputs, bias):
    arrays = {"weight": normal(rng, shape, 1 / math.sqrt(fan_in))}
    return arrays | ({"bias": normal(rng, [outputs])} if bias else {})


def scale_and_shift(rng, shape):
    return {"weight": uniform(rng, shape, 0.5, 1.5), "bias": normal(rng, shape)}


# ---- the networks, as torchvision has them ----


def block(inputs, outputs, kernel, activation, stride=1, groups=1):
    """A convolution, BatchNorm and an activation, under the names of nn::conv_norm_activation."""
    conv = Conv(inputs, outputs, [kernel] * 2, [stride] * 2, [kernel // 2] * 2, [1, 1], groups, bias=False)
    return Sequential({"conv": conv, "norm": BatchNorm(outputs, [0, 0]), "activation": activation})


def resnet18(in_channels, classes):
    def basic(inputs, outputs, stride):
        main = sequential(block(inputs, outputs, 3, Relu(), stride), block(outputs, outputs, 3, Identity()))
        shortcut = Identity() if stride == 1 else block(inputs, outputs, 1, Identity(), stride)
        return sequential(Residual(main, shortcut), Relu())

    stages = [basic(64, 64, 1), basic(64, 64, 1)]
    for width in (128, 256, 512):
        stages += [basic(width // 2, width, 2), basic(width, width, 1)]
    stem = [block(in_channels, 64, 7, Relu(), stride=2), Pool("max", [3, 3], [2, 2], [1, 1])]
    return sequential(*stem, *stages, GlobalAvgPool(), Linear(512, classes))


def mobilenet_v2(in_channels, classes):
    def inverted(inputs, outputs, stride, expansion):
        hidden = inputs * expansion
        expand = [block(inputs, hidden, 1, Relu6())] if expansion != 1 else []
        main = sequential(*expand, block(hidden, hidden, 3, Relu6(), stride, groups=hidden), block(hidden, outputs, 1, Identity()))
        return Residual(main, Identity()) if stride == 1 and inputs == outputs else main

    stages, inputs = [], 32
    for expansion, outputs, repeats, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
                                                (6, 320, 1, 1)):
        for repeat in range(repeats):
            stages.append(inverted(inputs, outputs, stride if repeat == 0 else 1, expansion))
            inputs = outputs
    return sequential(block(in_channels, 32, 3, Relu6(), stride=2), *stages, block(320, 1280, 1, Relu6()), GlobalAvgPool(),
                      Linear(1280, classes))


# ---- workloads.json ----

LAYERS = {
    "conv": Conv, "conv_transpose": ConvTranspose, "linear": Linear, "batch_norm": BatchNorm, "layer_norm": LayerNorm, "rms_norm": RMSNorm,
    "group_norm": GroupNorm, "lrn": LocalResponseNorm, "embedding": Embedding, "identity": Identity,
    "max_pool": lambda **options: Pool("max", **options), "avg_pool": lambda **options: Pool("avg", **options),
    "lstm": lambda **options: Recurrent(4, **options), "gru": lambda **options: Recurrent(3, **options),
}  # fmt: skip
FIELDS = {
    **{op: [field.name for field in dataclasses.fields(layer)] for op, layer in LAYERS.items() if dataclasses.is_dataclass(layer)},
    "max_pool": ["kernel_size", "stride", "padding"], "avg_pool": ["kernel_size", "stride", "padding"],
    "lstm": ["input_size", "hidden_size"], "gru": ["input_size", "hidden_size"],
}  # fmt: skip
NETWORKS = {"resnet18": resnet18, "mobilenet_v2": mobilenet_v2}
# Fields that a layer here has no use for may only say this.
FIXED = {"num_layers": 1, "bidirectional": False, "count_include_pad": True}


def layer_of(workload):
    op = workload["op"]
    for field, value in FIXED.items():
        if workload.get(field, value) != value:
            raise ValueError(f"{workload['name']}: {field} {workload[field]}, expected {value}")
    if op in NETWORKS:
        return sequential(NETWORKS[op](workload["in_channels"], workload["classes"]))
    if op not in LAYERS:
        raise ValueError(f"{workload['name']}: no op {op!r} here, only {', '.join([*LAYERS, *NETWORKS])}")
    return sequential(LAYERS[op](**{field: workload[field] for field in FIELDS.get(op, []) if field in workload}))


def input_of(workload, rng):
    """x in nn's order of axes, where a sequence is (B, T, D)."""
    if workload["op"] == "embedding":
        return rng.integers(0, workload["num_embeddings"], workload["indices"])
    if "shape" in workload:
        return normal(rng, workload["shape"])
    if "seq_len" in workload:
        return normal(rng, [workload["batch"], workload["seq_len"], workload["input_size"]])
    if "in_features" in workload:
        return normal(rng, [workload["batch"], workload["in_features"]])
    return normal(rng, [workload["batch"], workload.get("in_channels") or workload["channels"], *workload["spatial"]])


def time_major(workload):
    """Whether the peers want (T, B, D) where nn has (B, T, D)."""
    return "seq_len" in workload
