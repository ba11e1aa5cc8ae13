# SPDX-License-Identifier: MIT
"""Layers as ONNX models."""

import functools

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from . import layers as nn

OPSET = 21


class Graph:
    """The nodes and the constants so far. `scope` finds the arrays of the layer at hand."""

    def __init__(self, arrays):
        self.arrays, self.nodes, self.constants, self.prefix = arrays, [], [], ""

    def node(self, op, *inputs, outputs=1, **attributes):
        names = [f"{op}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, array):
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def array(self, name):
        return self.arrays[self.prefix + name]

    def child(self, name, layer, x):
        outside, self.prefix = self.prefix, f"{self.prefix}{name}."
        y = emit(layer, self, x)
        self.prefix = outside
        return y


def model(layer, arrays, x):
    graph = Graph(arrays)
    y = emit(layer, graph, "x")
    graph.nodes[-1].output[list(graph.nodes[-1].output).index(y)] = "y"
    types = {"f": TensorProto.FLOAT, "i": TensorProto.INT64}
    made = helper.make_model(
        helper.make_graph(graph.nodes, "workload", [helper.make_tensor_value_info("x", types[x.dtype.kind], x.shape)],
                          [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)  # fmt: skip
    return onnx.shape_inference.infer_shapes(made)


@functools.singledispatch
def emit(layer, graph, x):
    """Adds the layer's nodes and returns the name of its result."""
    raise NotImplementedError(type(layer).__name__)


def weight_and_bias(layer, graph):
    return [graph.constant(graph.array(name)) for name in (["weight", "bias"] if layer.bias else ["weight"])]


@emit.register
def _(layer: nn.Conv, graph, x):
    return graph.node("Conv", x, *weight_and_bias(layer, graph), strides=layer.stride, pads=layer.padding * 2, dilations=layer.dilation,
                      group=layer.groups)


@emit.register
def _(layer: nn.ConvTranspose, graph, x):
    return graph.node("ConvTranspose", x, *weight_and_bias(layer, graph), strides=layer.stride, pads=layer.padding * 2,
                      dilations=layer.dilation, group=layer.groups, output_padding=layer.output_padding)


@emit.register
def _(layer: nn.Linear, graph, x):
    return graph.node("Gemm", x, *weight_and_bias(layer, graph), transB=1)


@emit.register
def _(layer: nn.BatchNorm, graph, x):
    arrays = [graph.constant(graph.array(name)) for name in ("weight", "bias", "running_mean", "running_var")]
    return graph.node("BatchNormalization", x, *arrays, epsilon=layer.eps)


@emit.register
def _(layer: nn.LayerNorm, graph, x):
    arrays = [graph.constant(graph.array(name)) for name in ("weight", "bias")]
    return graph.node("LayerNormalization", x, *arrays, axis=-len(layer.normalized_shape), epsilon=layer.eps)


@emit.register
def _(layer: nn.RMSNorm, graph, x):  # spelled out, as exporters do; the runtimes know the pattern
    axes = graph.constant(np.arange(-len(layer.normalized_shape), 0))
    mean = graph.node("ReduceMean", graph.node("Pow", x, graph.constant(np.float32(2))), axes, keepdims=1)
    root = graph.node("Sqrt", graph.node("Add", mean, graph.constant(np.float32(layer.eps))))
    return graph.node("Mul", graph.node("Div", x, root), graph.constant(graph.array("weight")))


@emit.register
def _(layer: nn.GroupNorm, graph, x):
    """Spelled out, as PyTorch's exporter does: not all runtimes know GroupNormalization, and ONNX Runtime is slower by it."""
    ones, zeros = (graph.constant(np.full(layer.groups, value, np.float32)) for value in (1, 0))
    grouped = graph.node("Reshape", x, graph.constant(np.array([0, layer.groups, -1])))
    normed = graph.node("Reshape", graph.node("InstanceNormalization", grouped, ones, zeros, epsilon=layer.eps), graph.node("Shape", x))
    weight, bias = (graph.constant(graph.array(name).reshape(-1, *[1] * len(layer.spatial))) for name in ("weight", "bias"))
    return graph.node("Add", graph.node("Mul", normed, weight), bias)


@emit.register
def _(layer: nn.LocalResponseNorm, graph, x):
    return graph.node("LRN", x, size=layer.size, alpha=layer.alpha, beta=layer.beta, bias=layer.k)


@emit.register
def _(layer: nn.Pool, graph, x):
    window = dict(kernel_shape=layer.kernel_size, strides=layer.stride, pads=layer.padding * 2)
    return graph.node("MaxPool", x, **window) if layer.kind == "max" else graph.node("AveragePool", x, count_include_pad=1, **window)


@emit.register
def _(layer: nn.Recurrent, graph, x):
    op, order = ("LSTM", [0, 3, 1, 2]) if layer.gates == 4 else ("GRU", [1, 0, 2])  # i f g o -> i o f g; r z n -> z r n

    def reordered(name):
        parts = np.split(graph.array(name + "_l0"), layer.gates)
        return np.concatenate([parts[gate] for gate in order])[None]

    bias = np.concatenate([reordered("bias_ih"), reordered("bias_hh")], axis=1)
    arrays = [graph.constant(array) for array in (reordered("weight_ih"), reordered("weight_hh"), bias)]
    how = {} if op == "LSTM" else {"linear_before_reset": 1}
    y = graph.node(op, x, *arrays, hidden_size=layer.hidden_size, **how)  # (T, 1, B, H)
    return graph.node("Squeeze", y, graph.constant(np.array([1])))


@emit.register
def _(layer: nn.Embedding, graph, x):
    return graph.node("Gather", graph.constant(graph.array("weight")), x)


@emit.register
def _(layer: nn.Relu, graph, x):
    return graph.node("Relu", x)


@emit.register
def _(layer: nn.Relu6, graph, x):
    return graph.node("Clip", x, graph.constant(np.float32(0)), graph.constant(np.float32(6)))


@emit.register
def _(layer: nn.Identity, graph, x):
    return graph.node("Identity", x) if x == "x" else x


@emit.register
def _(layer: nn.GlobalAvgPool, graph, x):
    return graph.node("Flatten", graph.node("GlobalAveragePool", x))


@emit.register
def _(layer: nn.Sequential, graph, x):
    for name, child in layer.children().items():
        x = graph.child(name, child, x)
    return x


@emit.register
def _(layer: nn.Residual, graph, x):
    return graph.node("Add", graph.child("main", layer.main, x), graph.child("shortcut", layer.shortcut, x))
