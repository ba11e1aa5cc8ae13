# SPDX-License-Identifier: MIT
"""The libraries' answers to configurations in nn's words, for tests/layers/answers.cpp.

A line is a request as tests/reference/differential sends it, a bar, and the name and the numbers of every array of the answer. The
configurations and what asks the libraries are those of side_by_side; the arrays are filled in the order of the request.
"""

import importlib
import itertools

from side_by_side.draw import Draw
from side_by_side.driver import request

from .text import Fill, words


def asker(library):
    """answer(layer, **configuration) prints a line."""
    from side_by_side.jitted import reference

    module = importlib.import_module(f"side_by_side.{library}_layers")

    def answer(layer, **config):
        config = {"dtype": "float64", "values": "normal", **config}
        layer, fill = getattr(module, layer)(), Fill()

        def filled(name, array):
            if array.dtype.kind == "f":
                return fill(array.shape) + (name == "running_var")
            numbers = fill.numbers(array.shape)
            return numbers < 3 if array.dtype.kind == "b" else numbers

        arrays = {name: filled(name, array) for name, array in layer.arrays(config, Draw(0)).items()}
        answers = reference(config, layer.answer)(arrays)
        said = [word for name, array in answers.items() for word in (name, *words(array))]
        print(request(layer.name, layer.words(config), arrays, "float64"), "|", *said)

    return answer


def windows(kernel, extent, **more):
    """A convolution of two items, 2 -> 3 channels a group, with a bias."""
    axes, ones = len(kernel), [1] * len(kernel)
    channels = {"groups": 1, "in_per_group": 2, "out_per_group": 3, "bias": True}
    return {"batch": [2], "axes": axes, "kernel": kernel, "extent": extent, "stride": ones, "dilation": ones, **channels, **more}


MODES = ("zeros", "reflect", "replicate", "circular")
IMAGES = (([3], [6]), ([3, 2], [5, 4]), ([2, 1, 3], [3, 2, 3]))  # kernels, extents


def pairs(axes):
    return [[axis % 2, 2 - axis] for axis in range(axes)]


def answers_equinox():
    answer = asker("equinox")
    paddings = ("SAME", "SAME_LOWER", "VALID", 1, [2], [[0, 2]], [[7, 9]])
    for mode, padding, step in itertools.product(MODES, paddings, (1, 2)):
        answer("Conv", **windows([4], [6], stride=[step], dilation=[3 - step]), padding=padding, padding_mode=mode)
    answer("Conv", **windows([3], [6]), padding=[[-1, 2]], padding_mode="zeros")
    for (kernel, extent), mode in itertools.product(IMAGES[1:], MODES):
        axes = len(kernel)
        more = dict(groups=2, stride=[1, 2, 1][:axes], dilation=[2, 1, 1][:axes], bias=mode == "circular", padding_mode=mode)
        answer("Conv", **windows(kernel, extent, **more), padding=pairs(axes))
        answer("Conv", **windows(kernel, extent, **more), padding=[1, 0, 2][:axes])
        answer("Conv", **windows(kernel, extent, in_per_group=1, padding_mode=mode, groups=3), padding="SAME")
    for kind, ceil, padding in itertools.product(("max", "avg"), (False, True), (0, 1, [1, 2], [[0, 1], [2, 0]])):
        more = dict(kind=kind, ceil=ceil, count_padding=True, padding=padding)
        answer("Pool", batch=[], axes=2, channels=2, extent=[6, 7], window=[3, 4], stride=[2, 2], **more)
    more = dict(batch=[2], channels=1, kind="avg", count_padding=True, padding=1)
    answer("Pool", axes=1, extent=[9], window=[3], stride=[1], ceil=False, **more)
    answer("Pool", axes=3, extent=[3, 4, 3], window=[2, 3, 3], stride=[1, 2, 1], ceil=True, **more)
    for bias, (batch, steps, width, size) in itertools.product((True, False), (([1], 1, 1, 1), ([2], 5, 3, 4), ([], 4, 2, 9))):
        answer("LSTM", batch=batch, steps=steps, input_size=width, hidden_size=size, bias=bias, one_step=False)
    answer("LSTM", batch=[3], input_size=2, hidden_size=3, bias=True, one_step=True)


def answers_blox():
    answer = asker("blox")
    for (kernel, extent), padding, batch in itertools.product(IMAGES, ("SAME", "SAME_LOWER", "VALID", "pairs"), ([], [2], [2, 1, 2])):
        axes = len(kernel)
        more = dict(layout="last", batch=batch, dilation=[1, 2, 1][:axes], stride=[2, 1, 1][:axes], bias=len(batch) < 3)
        if padding == "pairs":
            more.update(padding=pairs(axes), input_dilation=[3, 2, 1][:axes])
        else:
            more.update(padding=padding, groups=2 if padding == "VALID" else 1)
        answer("Conv", **windows(kernel, extent, **more))
    for (kernel, extent), padding in itertools.product(IMAGES, ("SAME", "VALID", "pairs")):
        axes = len(kernel)
        more = dict(layout="last", lax=True, batch=[2] if axes < 3 else [], stride=[2, 3, 1][:axes], dilation=[1, 2, 1][:axes])
        answer("ConvTranspose", **windows(kernel, extent, **more), padding=pairs(axes) if padding == "pairs" else padding)
    paddings = ("SAME", "SAME_LOWER", "VALID", [[1, 0], [0, 2]])
    for kind, padding, stride in itertools.product(("max", "min", "avg"), paddings, ([1, 1], [2, 3])):
        answer("Pool", batch=[], axes=2, channels=2, extent=[4, 5], window=[2, 3], stride=stride, kind=kind, padding=padding, layout="last")
    for axes, kind in itertools.product((1, 3), ("max", "min", "avg")):
        more = dict(window=[3] * axes, stride=[2] * axes, kind=kind, padding="SAME", layout="last")
        answer("Pool", batch=[2], axes=axes, channels=2, extent=[4, 3, 4][:axes], **more)
    for layer, resets in itertools.product(("LSTM", "GRU"), (False, True)):
        more = dict(bias=True, resets=resets, **({"reset": "before"} if layer == "GRU" else {}))
        for batch, steps, width, size in (([1], 1, 1, 1), ([2], 6, 3, 4), ([3], 4, 2, 5)):
            answer(layer, batch=batch, steps=steps, input_size=width, hidden_size=size, **more)
    for extent, affine in (([], True), ([3], False), ([2, 2], True)):
        more = dict(layout="last", unbiased=False, momentum=0.25, eps=1e-3, scale=affine, shift=affine)
        answer("BatchNorm", steps=4, batch=[3], channels=2, extent=extent, **more)


def answers_brainstate():
    answer = asker("brainstate")
    for (kernel, extent), layout, mask in itertools.product(IMAGES, ("first", "last"), (False, True)):
        axes = len(kernel)
        more = dict(layout=layout, mask=mask, batch=[2] if mask else [], dilation=[1, 2, 1][:axes], stride=[2, 1, 1][:axes])
        image = windows(kernel, extent, groups=2 if axes < 3 else 1, **more)
        pads = pairs(axes)
        answer("Conv", **image, padding="SAME")
        answer("Conv", **image, padding=pads, input_dilation=[3, 2, 1][:axes])
        answer("Conv", **{**image, "bias": False}, padding=1, input_dilation=[1, 1, 2][:axes])
        for padding in ("SAME", "VALID", pads):
            answer("ConvTranspose", **image, padding=padding, lax=True, flip_kernel=True)
    for kind, padding, layout in itertools.product(("max", "avg"), ("SAME", "VALID", 1, [[1, 0], [0, 2]]), ("first", "last")):
        more = dict(window=[2, 3], stride=[2, 2], kind=kind, padding=padding, layout=layout)
        answer("Pool", batch=[2], axes=2, channels=2, extent=[3, 5], **more)
    for batch, steps, width, size in (([1], 1, 1, 1), ([2], 6, 3, 4), ([3], 4, 2, 5)):
        answer("LSTM", batch=batch, steps=steps, input_size=width, hidden_size=size, bias=True, forget_bias=1)
        answer("GRU", batch=batch, steps=steps, input_size=width, hidden_size=size, bias=True, reset="before")
    for extent, fast in (([3], False), ([2, 2], True)):
        more = dict(layout="last", unbiased=False, momentum=0.25, eps=1e-3, scale=True, shift=True, fast_variance=fast)
        answer("BatchNorm", steps=4, batch=[3], channels=2, extent=extent, **more)


def answers_noxton():
    answer = asker("noxton")
    turn = itertools.count()
    paddings = ("half", "SAME_LOWER", "VALID", "one", "pairs")
    for (kernel, extent), norm, padding in itertools.product(IMAGES, ("none", "batch", "group"), paddings):
        axes, i = len(kernel), next(turn)
        more = {"norm": norm, "eps": (1e-5, 1e-3)[i % 2], "activation": ("identity", "relu", "silu", "tanh")[i % 4]}
        more["automatic_bias"] = i % 3 == 0
        more["bias"] = norm == "none" if i % 3 == 0 else i % 3 == 1
        more["padding"] = {"one": 1, "pairs": pairs(axes)}.get(padding, padding)
        more.update(groups=1 + i % 2, dilation=[1 + i % 2] + [1] * (axes - 1), stride=[1] * (axes - 1) + [1 + i % 2])
        for training in (False, True) if norm == "batch" else (False,):
            state = dict(momentum=(0.1, 0.5)[i % 2], training=training) if norm == "batch" else {}
            answer("ConvNormActivation", **{**windows(kernel, extent), **more, **state})
    for extent, momentum, affine in itertools.product(([], [4], [2, 3], [2, 1, 2]), (0.1, 0.5), (True, False)):
        more = dict(unbiased=True, momentum=momentum, eps=1e-5 if affine else 1e-3, scale=affine, shift=affine)
        answer("BatchNorm", steps=6, batch=[3], channels=2, extent=extent, **more)
    for shape, batch, scale, shift in itertools.product(([5], [1], [3, 4], [2, 3, 2]), ([2], [2, 1, 2]), (False, True), (False, True)):
        answer("LayerNorm", batch=batch if len(shape) < 3 else [2], shape=shape, eps=1e-5 if scale else 0.125, scale=scale, shift=shift)
    for size in (*range(8), 9, 10, 11, 12, 50):  # of five channels
        more = dict(alpha=(0.1, 1.0)[size % 2], beta=(0.75, 0.5, 1.0)[size % 3], k=(1.0, 2.0)[size // 2 % 2])
        answer("LocalResponseNorm", batch=[2], axes=2, channels=5, extent=[2, 2], size=size, **more)
    for groups, kernel, history, bias in itertools.product((1, 3), (2, 3, 5), (False, True), (False, True)):
        channels = dict(groups=groups, in_per_group=3 // groups, out_per_group=3 // groups)
        answer("CausalConv1d", **windows([kernel], [6], **channels, bias=bias), history=history, layout="last")
