# SPDX-License-Identifier: MIT
"""Layers as PyTorch modules."""

import functools
import re

import torch

from . import layers as nn


def module(layer, arrays):
    """The module in inference, BatchNorm folded into the convolution before it."""
    made = build(layer)
    weights = {module_name(name): torch.from_numpy(array) for name, array in arrays.items()}
    misfits = made.load_state_dict(weights, strict=False)
    assert not misfits.unexpected_keys and all("num_batches_tracked" in key for key in misfits.missing_keys), misfits
    made.eval()
    for each in list(made.modules()):
        if isinstance(getattr(each, "norm", None), torch.nn.BatchNorm2d):
            each.conv, each.norm = torch.nn.utils.fusion.fuse_conv_bn_eval(each.conv, each.norm), torch.nn.Identity()
    return made


class Residual(torch.nn.Module):
    def __init__(self, main, shortcut):
        super().__init__()
        self.main, self.shortcut = main, shortcut

    def forward(self, x):
        return self.main(x) + self.shortcut(x)


class Sequence(torch.nn.Module):
    """A recurrent layer less its final state: around it, not derived from it, for pnnx knows the module by its type."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0]


def module_name(name):
    return re.sub(r"(weight|bias)_(ih|hh)_l0$", r"layer.\g<0>", name)


@functools.singledispatch
def build(layer):
    raise NotImplementedError(type(layer).__name__)


def of_rank(name, spatial):
    return getattr(torch.nn, f"{name}{len(spatial)}d")


@build.register
def _(layer: nn.Conv):
    return of_rank("Conv", layer.kernel_size)(layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding,
                                              layer.dilation, layer.groups, layer.bias)


@build.register
def _(layer: nn.ConvTranspose):
    return of_rank("ConvTranspose", layer.kernel_size)(layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride,
                                                       layer.padding, layer.output_padding, layer.groups, layer.bias, layer.dilation)


@build.register
def _(layer: nn.Linear):
    return torch.nn.Linear(layer.in_features, layer.out_features, layer.bias)


@build.register
def _(layer: nn.BatchNorm):
    return of_rank("BatchNorm", layer.spatial)(layer.channels, layer.eps)


@build.register
def _(layer: nn.LayerNorm):
    return torch.nn.LayerNorm(layer.normalized_shape, layer.eps)


@build.register
def _(layer: nn.RMSNorm):
    return torch.nn.RMSNorm(layer.normalized_shape, layer.eps)


@build.register
def _(layer: nn.GroupNorm):
    return torch.nn.GroupNorm(layer.groups, layer.channels, layer.eps)


@build.register
def _(layer: nn.LocalResponseNorm):
    return torch.nn.LocalResponseNorm(layer.size, layer.alpha, layer.beta, layer.k)


@build.register
def _(layer: nn.Pool):
    return of_rank({"max": "MaxPool", "avg": "AvgPool"}[layer.kind], layer.kernel_size)(layer.kernel_size, layer.stride, layer.padding)


@build.register
def _(layer: nn.Recurrent):
    return Sequence({4: torch.nn.LSTM, 3: torch.nn.GRU}[layer.gates](layer.input_size, layer.hidden_size))


@build.register
def _(layer: nn.Embedding):
    return torch.nn.Embedding(layer.num_embeddings, layer.embedding_dim)


@build.register
def _(layer: nn.Relu):
    return torch.nn.ReLU(inplace=True)


@build.register
def _(layer: nn.Relu6):
    return torch.nn.ReLU6(inplace=True)


@build.register
def _(layer: nn.Identity):
    return torch.nn.Identity()


@build.register
def _(layer: nn.GlobalAvgPool):
    return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())


@build.register
def _(layer: nn.Sequential):
    made = torch.nn.Sequential()
    for name, child in layer.children().items():
        made.add_module(name, build(child))
    return made


@build.register
def _(layer: nn.Residual):
    return Residual(build(layer.main), build(layer.shortcut))
