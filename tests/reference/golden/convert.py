# SPDX-License-Identifier: MIT
"""What other libraries' layers say with arrays in their own layouts, for tests/io/convert.cpp; and files that torch wrote, for
tests/io/load.cpp.

A line is the name of a layer and the arrays that come out of it. The arrays of a layer, then its input are filled in the order of the calls
of `fill`.
"""

import numpy as np

from .text import Fill, row

ROWS = [0, 4, -3, 7, -9]  # of a table of five: the last three are out of range
ACTIVATIONS = """relu relu6 leaky_relu elu selu gelu sigmoid log_sigmoid hard_sigmoid tanh hard_tanh silu hard_silu softplus softsign mish
softmax log_softmax""".split()  # as nn calls them


def activations(functions, array=np.asarray):
    """What each function says with its library's defaults, of 11 numbers from -7 to 7 or, a softmax, of rows."""
    fill = Fill()
    x, rows = array(14 * fill(11)), array(fill((2, 3, 4)))
    for name, function in functions.items():
        row(name, function(rows if "softmax" in name else x))


def named(module):
    """The module's functions that are called as nn's."""
    return {name: getattr(module, name) for name in ACTIVATIONS if hasattr(module, name)}


def dropout(name, drop, infer):
    """What `drop` keeps, in the end all of x, and inference. drop(x, n) is the n-th draw."""
    x = Fill()((2, 6))
    kept = np.zeros_like(x)
    for n in range(32):
        y = np.asarray(drop(x, n))
        kept = np.where(y == 0, kept, y)
    row(name, kept, infer(x))


def convert_torch():
    import torch

    torch.set_default_dtype(torch.float64)

    def filled(module, fill):
        """The parameters and statistics in the order of the state dict."""
        for array in module.state_dict().values():
            if array.is_floating_point():
                array.copy_(torch.from_numpy(fill(array.shape)))
        return module

    def infer(name, module, *extents):
        fill = Fill()
        filled(module, fill).eval()
        row(name, module(torch.from_numpy(fill(extents))).detach())

    infer("Conv2d", torch.nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), 2), 2, 4, 6, 5)
    infer("Conv2d_reflect", torch.nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), 2, 2, 5, 4)
    infer("ConvTranspose2d", torch.nn.ConvTranspose2d(4, 6, (3, 2), (2, 3), (1, 0), (1, 2), 2, dilation=(2, 1)), 2, 4, 4, 3)
    infer("ConvTranspose1d", torch.nn.ConvTranspose1d(3, 2, 4, 2, 1), 2, 3, 5)
    infer("ConvTranspose1d_beyond", torch.nn.ConvTranspose1d(3, 2, 3, 2, 1, output_padding=2, dilation=3), 2, 3, 5)
    infer("Linear", torch.nn.Linear(3, 4), 2, 3)
    infer("LayerNorm", torch.nn.LayerNorm((3, 4)), 2, 3, 4)
    infer("GroupNorm", torch.nn.GroupNorm(2, 4), 2, 4, 3)
    infer("MaxPool2d", torch.nn.MaxPool2d(3, 2, 1, ceil_mode=True), 2, 2, 6, 5)
    infer("AvgPool2d", torch.nn.AvgPool2d(3, 2, 1), 2, 2, 6, 5)
    infer("AdaptiveMaxPool2d", torch.nn.AdaptiveMaxPool2d((2, 3)), 2, 2, 5, 4)
    infer("AdaptiveAvgPool2d", torch.nn.AdaptiveAvgPool2d((2, 3)), 2, 2, 5, 4)
    infer("LocalResponseNorm", torch.nn.LocalResponseNorm(3, 0.5, 0.6), 2, 5, 3, 2)
    infer("LocalResponseNorm_k", torch.nn.LocalResponseNorm(3, 0.5, 0.6, 1.5), 2, 5, 3, 2)
    fill = Fill()
    norm = filled(torch.nn.RMSNorm(3), fill)
    row("RMSNorm", norm(torch.from_numpy(1e-7 * fill((2, 3)))).detach())  # so small that eps counts

    fill = Fill()
    norm = torch.nn.BatchNorm2d(3)
    norm.weight.data, norm.bias.data = torch.from_numpy(fill(3)), torch.from_numpy(fill(3))
    x = torch.from_numpy(fill((2, 3, 4, 2)))
    row("BatchNorm2d", norm(x).detach(), norm.running_mean, norm.running_var, norm.eval()(x).detach())

    fill = Fill()
    embedding = filled(torch.nn.Embedding(5, 3), fill)
    row("Embedding", embedding(torch.tensor([[0, 4], [2, 2]])).detach())

    torch.manual_seed(0)
    drop = torch.nn.Dropout(0.25)
    dropout("Dropout", lambda x, _: drop.train()(torch.from_numpy(x)), lambda x: drop.eval()(torch.from_numpy(x)))

    def recurrent(name, module, *extents):
        fill = Fill()
        filled(module, fill)
        row(name, module(torch.from_numpy(fill(extents)))[0].detach())

    for cell in (torch.nn.LSTM, torch.nn.GRU):
        for layers in (1, 2):
            for both in (False, True):
                name = cell.__name__ + ("_stack" if layers > 1 else "") + ("_bidirectional" if both else "")
                recurrent(name, cell(3, 2, layers, batch_first=True, bidirectional=both), 2, 4, 3)
    recurrent("LSTM_time_first", torch.nn.LSTM(3, 2), 4, 2, 3)
    recurrent("GRU_time_first", torch.nn.GRU(3, 2), 4, 2, 3)
    recurrent("LSTM_no_bias", torch.nn.LSTM(3, 2, bias=False, batch_first=True), 2, 4, 3)
    recurrent("GRU_no_bias", torch.nn.GRU(3, 2, bias=False, batch_first=True), 2, 4, 3)
    recurrent("LSTMCell", torch.nn.LSTMCell(3, 2), 4, 3)
    fill = Fill()
    cell = filled(torch.nn.GRUCell(3, 2), fill)
    row("GRUCell", cell(torch.from_numpy(fill((4, 3)))).detach())

    f = torch.nn.functional
    others = {"log_sigmoid": f.logsigmoid, "hard_sigmoid": f.hardsigmoid, "hard_tanh": f.hardtanh, "hard_silu": f.hardswish}
    over_rows = {"softmax": torch.nn.Softmax(-1), "log_softmax": torch.nn.LogSoftmax(-1)}
    tanh = {"gelu_tanh": lambda x: f.gelu(x, approximate="tanh")}
    activations(named(f) | others | over_rows | tanh, torch.from_numpy)


def network(seed):
    """A network as PyTorch's users write one, trained a little, an input and its answer."""
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = torch.nn.Conv1d(2, 4, 3, padding=1)
            self.bn1 = torch.nn.BatchNorm1d(4)
            self.up = torch.nn.ConvTranspose1d(4, 3, 2, stride=2)
            self.lstm = torch.nn.LSTM(3, 5, num_layers=2, bidirectional=True, batch_first=True)
            self.fc = torch.nn.Linear(10, 2)

        def forward(self, x):
            x = torch.relu(self.bn1(self.conv1(x.transpose(1, 2))))
            return self.fc(self.lstm(self.up(x).transpose(1, 2))[0])

    torch.set_default_dtype(torch.float32)
    torch.manual_seed(seed)
    net = Net()
    for _ in range(3):
        net(torch.randn(4, 6, 2))  # statistics
    net.eval()
    x = torch.randn(2, 6, 2)
    with torch.no_grad():
        return net, x, net(x)


def torch(seed):
    """The state dict."""
    from safetensors.torch import save

    return save(network(seed)[0].state_dict())


def torch_answer(seed):
    from safetensors.torch import save

    _, x, y = network(seed)
    return save({"x": x, "y": y})


def convert_jax():
    """The functions that Equinox, noxton and blox are used with."""
    import jax

    activations(named(jax.nn) | {"softsign": jax.nn.soft_sign, "tanh": jax.numpy.tanh, "gelu_tanh": jax.nn.gelu})


def convert_equinox():
    import jax
    import jax.numpy as jnp
    import equinox as eqx

    key = jax.random.key(0)

    def filled(layer, fill, names):
        for name in names:
            layer = eqx.tree_at(lambda l: getattr(l, name), layer, jnp.asarray(fill(getattr(layer, name).shape)))
        return layer

    def infer(name, layer, names, *extents):
        fill = Fill()
        layer = filled(layer, fill, names)
        row(name, jax.vmap(layer)(jnp.asarray(fill(extents))))

    both = ("weight", "bias")
    infer("Conv2d", eqx.nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), 2, key=key), both, 2, 4, 6, 5)
    infer("ConvTranspose2d", eqx.nn.ConvTranspose2d(4, 6, (3, 2), (2, 3), (1, 2), (1, 0), (2, 1), 2, key=key), both, 2, 4, 4, 3)
    infer("Linear", eqx.nn.Linear(3, 4, key=key), both, 2, 3)
    infer("LayerNorm", eqx.nn.LayerNorm((3, 4)), both, 2, 3, 4)
    infer("RMSNorm", eqx.nn.RMSNorm((3, 4)), both, 2, 3, 4)
    infer("GroupNorm", eqx.nn.GroupNorm(2, 4), both, 2, 4, 3)
    infer("AvgPool2d", eqx.nn.AvgPool2d(3, 2, 1), (), 2, 2, 6, 5)
    infer("MaxPool2d", eqx.nn.MaxPool2d(3), (), 2, 2, 6, 5)
    infer("AvgPool2d_use_ceil", eqx.nn.AvgPool2d(3, 2, 1, True), (), 2, 2, 6, 5)
    infer("MaxPool2d_use_ceil", eqx.nn.MaxPool2d(3, 2, 1, True), (), 2, 2, 6, 5)
    infer("AdaptiveMaxPool2d", eqx.nn.AdaptiveMaxPool2d((2, 3)), (), 2, 2, 5, 4)
    infer("AdaptiveAvgPool2d", eqx.nn.AdaptiveAvgPool2d((2, 3)), (), 2, 2, 5, 4)
    drop = eqx.nn.Dropout(0.25)
    dropout("Dropout", lambda x, n: drop(jnp.asarray(x), key=jax.random.key(n)), lambda x: drop(jnp.asarray(x), inference=True))

    fill = Fill()
    embedding = filled(eqx.nn.Embedding(5, 3, key=key), fill, ("weight",))
    row("Embedding", jax.vmap(embedding)(jnp.asarray(ROWS)))

    fill = Fill()
    norm, state = eqx.nn.make_with_state(eqx.nn.BatchNorm)(3, "batch", mode="ema")
    norm = filled(norm, fill, both)
    mean, var = jnp.asarray(fill(3)), jnp.asarray(1 + fill(3))
    state = state.set(norm.ema_first_time_index, jnp.asarray(False)).set(norm.ema_state_index, (mean, var))
    x = jnp.asarray(fill((2, 3, 4)))
    run = lambda layer: jax.vmap(layer, axis_name="batch", in_axes=(0, None), out_axes=(0, None))
    _, trained = run(norm)(x, state)
    row("BatchNorm_ema", run(eqx.nn.inference_mode(norm))(x, state)[0], *trained.get(norm.ema_state_index))

    fill = Fill()
    norm, state = eqx.nn.make_with_state(eqx.nn.BatchNorm)(3, "batch", mode="batch")
    norm = filled(norm, fill, both)
    for _ in range(2):
        x = jnp.asarray(fill((2, 3, 4)))
        y, state = run(norm)(x, state)
    row("BatchNorm_batch", y, *state.get(norm.batch_state_index), run(eqx.nn.inference_mode(norm))(x, state)[0])

    fill = Fill()
    cell = filled(eqx.nn.LSTMCell(3, 2, key=key), fill, ("weight_ih", "weight_hh", "bias"))
    h = (jnp.zeros(2), jnp.zeros(2))
    y = []
    for step in jnp.asarray(fill((4, 3))):
        h = cell(step, h)
        y.append(h[0])
    row("LSTMCell", jnp.stack(y))

    fill = Fill()
    cell = filled(eqx.nn.GRUCell(3, 2, key=key), fill, ("weight_ih", "weight_hh", "bias", "bias_n"))
    h = jnp.zeros(2)
    y = []
    for step in jnp.asarray(fill((4, 3))):
        h = cell(step, h)
        y.append(h)
    row("GRUCell", jnp.stack(y))


def convert_blox():
    import jax
    import jax.numpy as jnp
    import blox as bx

    def made(make, names, extents, call=lambda layer, params, x: layer(params, x)):
        """A layer, its parameters of these names filled, and x."""
        graph = bx.Graph("net")
        rng = bx.Rng(graph.child("rng"))
        layer = make(graph.child("layer"), rng)
        fill = Fill()
        _, params = call(layer, rng.seed(bx.Params(), seed=0), jnp.zeros(extents, jnp.float32))
        for path in params.keys():
            if path[-1].startswith("running"):
                params[path] = params[path].replace(value=params[path].value.astype(float))
        for name in names:
            path = ("net", "layer", *name.split("."))
            params[path] = params[path].replace(value=jnp.asarray(fill(params[path].value.shape)))
        return layer, params.locked(), jnp.asarray(fill(extents))

    def infer(name, make, names, *extents):
        layer, params, x = made(make, names, extents)
        row(name, layer(params, x)[0])

    affine = ("kernel", "bias")
    infer("Conv", lambda g, r: bx.Conv(g, (3, 2), 6, r, strides=(2, 1), kernel_dilation=(1, 2), feature_group_count=2), affine, 2, 6, 5, 4)
    pads = [(2, 1), (1, 3)]
    infer("Conv_input_dilation", lambda g, r: bx.Conv(g, (3, 2), 6, r, padding=pads, input_dilation=(2, 3)), affine, 2, 3, 4, 4)
    infer("ConvTranspose", lambda g, r: bx.ConvTranspose(g, (3, 2), 6, r, strides=(2, 3)), affine, 2, 4, 3, 4)
    infer("ConvTranspose_pads", lambda g, r: bx.ConvTranspose(g, (3,), 2, r, strides=(2,), padding=[(1, 2)]), affine, 2, 4, 3)
    infer("Linear", lambda g, r: bx.Linear(g, 4, r), affine, 2, 3)
    infer("LayerNorm", lambda g, r: bx.LayerNorm(g, rng=r), ("scale", "bias"), 2, 4)
    infer("RMSNorm", lambda g, r: bx.RMSNorm(g, rng=r), ("scale",), 2, 4)

    untrained = lambda layer, params, x: layer(params, x, is_training=False)
    layer, params, x = made(lambda g, r: bx.BatchNorm(g, rng=r), ("scale", "bias"), (2, 3, 4), untrained)
    y, trained = layer(params, x)
    at = lambda name: trained[("net", "layer", name)].value
    row("BatchNorm", y, at("running_mean"), at("running_var"), layer(trained, x, is_training=False)[0])

    look_up = lambda layer, params, x: layer(params, jnp.zeros((1,), int))
    layer, params, x = made(lambda g, r: bx.Embed(g, 5, 3, r), ("embedding",), (2, 3), look_up)
    row("Embed", layer(params, jnp.asarray(ROWS))[0], layer.attend(params, x)[0])

    apply = lambda layer, params, x: layer.apply(params, x)
    for name, make, names in (
        ("LSTM", lambda g, r: bx.LSTM(g, 2, r, is_static=True), ("gates.kernel", "gates.bias")),
        ("GRU", lambda g, r: bx.GRU(g, 2, r, is_static=True), ("gates.kernel", "gates.bias", "candidate.kernel", "candidate.bias")),
    ):
        layer, params, x = made(make, names, (2, 4, 3), apply)
        row(name, layer.apply(params, x)[0][0])

    x = jnp.asarray(Fill()((2, 6, 5, 2)))
    row("avg_pool", bx.avg_pool(x, (3, 3), (2, 2), "SAME"))
    row("max_pool", bx.max_pool(x, (3, 3), (2, 2), "SAME"))
    row("min_pool", bx.min_pool(x, (3, 3), (2, 2), "SAME"))
    for function in (bx.avg_pool, bx.max_pool, bx.min_pool):
        row(f"{function.__name__}_strides_of_the_window", function(x, (3, 2)))

    graph = bx.Graph("net")
    rng = bx.Rng(graph.child("rng"))
    drop = bx.Dropout(graph.child("layer"), 0.25, rng)
    apply = lambda x, n, training: drop(rng.seed(bx.Params(), seed=n), jnp.asarray(x), is_training=training)[0]
    dropout("Dropout", lambda x, n: apply(x, n, True), lambda x: apply(x, 0, False))


def convert_brainstate():
    import jax
    import jax.numpy as jnp
    import brainstate as bs

    bs.environ.set(precision=64, fit=False)
    zeros = bs.nn.init.ZeroInit()

    def fill_state(state, fill, names):
        state.value = {**state.value, **{name: jnp.asarray(fill(state.value[name].shape)) for name in names}}

    def infer(name, layer, names, *extents, mask=None):
        """A mask is of this shape, and filled after the weight."""
        fill = Fill()
        if names:
            fill_state(layer.scale if isinstance(layer, bs.nn.RMSNorm) else layer.weight, fill, names)
        if mask is not None:
            layer.w_mask = jnp.asarray(fill(mask))
        row(name, layer(jnp.asarray(fill(extents))))

    affine = ("weight", "bias")
    infer("Conv2d", bs.nn.Conv2d((6, 5, 4), 6, (3, 2), (2, 1), rhs_dilation=(1, 2), groups=2, b_init=zeros), affine, 2, 6, 5, 4)
    first = bs.nn.Conv2d((4, 6, 5), 6, (3, 2), (2, 1), rhs_dilation=(1, 2), groups=2, b_init=zeros, channel_first=True)
    infer("Conv2d_channel_first", first, affine, 2, 4, 6, 5)
    dilated = dict(padding=((2, 1), (1, 3)), lhs_dilation=(2, 3))
    infer("Conv2d_lhs_dilation_w_mask", bs.nn.Conv2d((3, 4, 4), 6, (3, 2), **dilated), ("weight",), 2, 3, 4, 4, mask=(3, 2, 4, 6))
    infer("Conv2d_w_mask_of_channels", bs.nn.Conv2d((5, 4, 4), 6, (3, 2)), ("weight",), 2, 5, 4, 4, mask=(4, 1))
    infer("Conv2d_w_mask_scalar", bs.nn.Conv2d((5, 4, 4), 6, (3, 2)), ("weight",), 2, 5, 4, 4, mask=())
    infer("ConvTranspose2d", bs.nn.ConvTranspose2d((4, 3, 4), 6, (3, 2), (2, 3), groups=2, b_init=zeros), affine, 2, 4, 3, 4)
    infer("ConvTranspose2d_w_mask", bs.nn.ConvTranspose2d((4, 3, 4), 6, (3, 2)), ("weight",), 2, 4, 3, 4, mask=(3, 2, 6, 4))
    infer("Linear", bs.nn.Linear(3, 4), affine, 2, 3)
    infer("Linear_w_mask", bs.nn.Linear(3, 4), affine, 2, 3, mask=(3, 4))
    infer("GroupNorm", bs.nn.GroupNorm((64,)), ("scale", "bias"), 1, 2, 64)
    infer("MaxPool2d", bs.nn.MaxPool2d(3, padding=1), (), 2, 6, 5, 2)
    infer("AvgPool2d", bs.nn.AvgPool2d(3, padding=1), (), 2, 6, 5, 2)
    infer("AvgPool2d_channel_axis", bs.nn.AvgPool2d(3, 2, "VALID", -3), (), 2, 2, 6, 5)
    infer("AdaptiveMaxPool2d", bs.nn.AdaptiveMaxPool2d((2, 3)), (), 2, 5, 4, 2)
    infer("AdaptiveAvgPool2d", bs.nn.AdaptiveAvgPool2d((2, 3)), (), 2, 5, 4, 2)
    embedding = bs.nn.Embedding(5, 3)
    embedding.weight.value = jnp.asarray(Fill()((5, 3)))
    row("Embedding", embedding(jnp.asarray(ROWS)))
    infer("LayerNorm", bs.nn.LayerNorm((4,)), ("scale", "bias"), 2, 4)
    infer("RMSNorm", bs.nn.RMSNorm((4,)), ("scale",), 2, 4)

    fill = Fill()
    norm = bs.nn.BatchNorm2d((3, 2, 4))
    fill_state(norm.weight, fill, ("scale", "bias"))
    x = jnp.asarray(fill((2, 3, 2, 4)))
    with bs.environ.context(fit=True):
        y = norm(x)
    row("BatchNorm2d", y, norm.running_mean.value, norm.running_var.value, norm(x))

    def drop(x, training):
        with bs.environ.context(fit=training):
            return bs.nn.Dropout(prob=0.75)(jnp.asarray(x))

    others = {"softsign": bs.nn.soft_sign, "gelu_tanh": bs.nn.gelu, "gelu_of_layers": bs.nn.GELU()}
    activations(named(bs.nn) | others, jnp.asarray)

    bs.random.seed(0)
    dropout("Dropout", lambda x, _: drop(x, True), lambda x: drop(x, False))

    for name, cell, parts in (("LSTMCell", bs.nn.LSTMCell(3, 2), ("W",)), ("GRUCell", bs.nn.GRUCell(3, 2), ("Wrz", "Wh"))):
        fill = Fill()
        for part in parts:
            fill_state(getattr(cell, part).weight, fill, affine)
        x = jnp.asarray(fill((2, 4, 3)))
        cell.init_state(2)
        row(name, jnp.stack([cell(x[:, t]) for t in range(4)], 1))


def convert_keras():
    import keras

    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")

    def infer(name, layer, *extents):
        fill = Fill()
        layer.build(extents)
        layer.set_weights([fill(weight.shape) for weight in layer.weights])
        row(name, layer(fill(extents)))

    layers = keras.layers
    infer("Conv2D", layers.Conv2D(6, (3, 2), (2, 1), "same", groups=2), 2, 6, 5, 4)
    infer("Dense", layers.Dense(4), 2, 3)
    infer("LSTM", layers.LSTM(2, return_sequences=True), 2, 4, 3)
    infer("GRU", layers.GRU(2, return_sequences=True), 2, 4, 3)
    infer("GRU_reset_before", layers.GRU(2, return_sequences=True, reset_after=False), 2, 4, 3)
    infer("LayerNormalization", layers.LayerNormalization(), 2, 4)
    infer("GroupNormalization", layers.GroupNormalization(), 1, 2, 64)
    infer("RMSNormalization", layers.RMSNormalization(), 2, 4)
    infer("Conv2DTranspose", layers.Conv2DTranspose(6, (3, 2), (2, 3), "same"), 2, 4, 3, 4)
    infer("Conv2DTranspose_valid", layers.Conv2DTranspose(6, (3, 2), (2, 3)), 2, 4, 3, 4)
    for padding in ("same", "valid"):
        infer(f"MaxPooling2D_{padding}", layers.MaxPooling2D(3, padding=padding), 2, 6, 5, 2)
        infer(f"AveragePooling2D_{padding}", layers.AveragePooling2D(3, padding=padding), 2, 6, 5, 2)
    infer("AdaptiveMaxPool2d", layers.AdaptiveMaxPooling2D((2, 3)), 2, 5, 4, 2)
    infer("AdaptiveAvgPool2d", layers.AdaptiveAveragePooling2D((2, 3)), 2, 5, 4, 2)
    embedding = layers.Embedding(5, 3)
    embedding.build()
    embedding.set_weights([Fill()((5, 3))])
    row("Embedding", embedding(np.asarray([0, 4, 2, 2])))
    gelu_tanh = lambda x: keras.activations.gelu(x, approximate=True)
    activations(named(keras.activations) | {"gelu_tanh": gelu_tanh, "leaky_relu_of_layers": layers.LeakyReLU()})
    drop = layers.Dropout(0.25, seed=0)
    dropout("Dropout", lambda x, _: drop(x, training=True), lambda x: drop(x, training=False))

    fill = Fill()
    norm = layers.BatchNormalization()
    norm.build((2, 3, 4))
    norm.set_weights([fill(4), fill(4), np.zeros(4), np.ones(4)])
    x = fill((2, 3, 4))
    row("BatchNormalization", norm(x, training=True), norm.moving_mean, norm.moving_variance, norm(x, training=False))


def convert_onnx():
    """By the reference implementation of the standard. What is left out has the standard's default."""
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    def run(op, inputs, outputs=("y",), **attributes):
        names = [f"i{i}" if array is not None else "" for i, array in enumerate(inputs)]
        node = helper.make_node(op, names, outputs, **attributes)
        values = {name: array for name, array in zip(names, inputs) if name}
        kinds = {name: helper.np_dtype_to_tensor_dtype(array.dtype) for name, array in values.items()}
        told = [helper.make_tensor_value_info(name, kinds[name], array.shape) for name, array in values.items()]
        said = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in outputs if name]
        model = helper.make_model(helper.make_graph([node], op, told, said), opset_imports=[helper.make_opsetid("", 23)])
        return ReferenceEvaluator(model).run(None, values)

    def infer(name, op, *shapes, outputs=("y",), **attributes):
        """x is the last of the shapes and the first input."""
        fill = Fill()
        arrays = [fill(shape) for shape in shapes]
        row(name, run(op, [arrays[-1], *arrays[:-1]], outputs, **attributes)[-1])

    infer("Conv", "Conv", (6, 2, 3, 2), 6, (2, 4, 6, 5), strides=(2, 1), pads=(1, 2, 0, 1), dilations=(1, 2), group=2)
    infer("Conv_same_upper", "Conv", (3, 2, 4), (2, 2, 7), auto_pad="SAME_UPPER", strides=(2,))
    infer("Conv_same_lower", "Conv", (3, 2, 4), (2, 2, 7), auto_pad="SAME_LOWER", strides=(2,))
    infer("ConvTranspose", "ConvTranspose", (4, 6, 3, 2), 6, (2, 4, 4, 3), strides=(2, 3), pads=(1, 0, 0, 1), output_padding=(1, 2))
    infer("Gemm", "Gemm", (3, 4), 4, (2, 3))
    infer("LayerNormalization", "LayerNormalization", 4, 4, (2, 3, 4))
    infer("RMSNormalization", "RMSNormalization", 4, (2, 3, 4))
    infer("GroupNormalization", "GroupNormalization", 4, 4, (2, 4, 3), num_groups=2)
    infer("InstanceNormalization", "InstanceNormalization", 4, 4, (2, 4, 3))
    # As many items as channels: onnx 1.23.2 counts the one where it means the other.
    infer("LRN", "LRN", (4, 4, 3, 2), size=3)
    infer("LRN_alpha", "LRN", (4, 4, 3, 2), size=3, alpha=0.5, beta=0.625, bias=1.5)
    infer("MaxPool", "MaxPool", (2, 2, 6, 5), kernel_shape=(3, 3), pads=(1, 1, 1, 1))
    infer("AveragePool", "AveragePool", (2, 2, 6, 5), kernel_shape=(3, 3), pads=(1, 1, 1, 1))
    infer("AveragePool_count_include_pad", "AveragePool", (2, 2, 6, 5), kernel_shape=(3, 3), pads=(1, 1, 1, 1), count_include_pad=1)
    infer("DepthToSpace", "DepthToSpace", (2, 8, 3, 2), blocksize=2, mode="CRD")
    row("Gather", run("Gather", [Fill()((5, 3)), np.asarray([0, 4, -3, 2])])[0])
    operators = "Relu LeakyRelu Elu Selu Gelu Sigmoid HardSigmoid Tanh HardSwish Softplus Softsign Mish Softmax LogSoftmax".split()
    names = "relu leaky_relu elu selu gelu sigmoid hard_sigmoid tanh hard_silu softplus softsign mish softmax log_softmax".split()
    functions = {name: lambda x, op=op: run(op, [x])[0] for name, op in zip(names, operators)}
    activations(functions | {"gelu_tanh": lambda x: run("Gelu", [x], approximate="tanh")[0]})
    rate = np.asarray(0.25)
    drop = lambda x, training, seed: run("Dropout", [x, rate, np.asarray(training)], seed=seed)[0]
    dropout("Dropout", lambda x, n: drop(x, True, n), lambda x: drop(x, False, 0))

    fill = Fill()
    scale, bias, x = fill(4), fill(4), fill((2, 4, 3))
    statistics = ("y", "mean", "var")
    y, mean, var = run("BatchNormalization", [x, scale, bias, np.zeros(4), np.ones(4)], statistics, training_mode=1)
    row("BatchNormalization", y, mean, var, run("BatchNormalization", [x, scale, bias, mean, var])[0])

    def recurrent(name, op, gates, directions, **attributes):
        """Layout 0: x is (T, B, D), y (T, directions, B, H), which is written as (T, B, directions * H)."""
        fill = Fill()
        w, r, b = fill((directions, gates * 2, 3)), fill((directions, gates * 2, 2)), fill((directions, 2 * gates * 2))
        y = run(op, [fill((4, 2, 3)), w, r, b], hidden_size=2, **attributes)[0]
        row(name, y.transpose(0, 2, 1, 3).reshape(4, 2, 2 * directions))

    for op, gates in (("LSTM", 4), ("GRU", 3)):
        recurrent(op, op, gates, 1)
        recurrent(f"{op}_bidirectional", op, gates, 2, direction="bidirectional")
    recurrent("GRU_linear_before_reset", "GRU", 3, 1, linear_before_reset=1)


def convert_noxton():
    import functools

    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import noxton.nn as nx

    key = jax.random.key(0)

    def filled(layer, fill, *places):
        for place in places:
            layer = eqx.tree_at(place, layer, jnp.asarray(fill(place(layer).shape)))
        return layer

    def over_batch(layer, x, state):
        return jax.vmap(lambda item: layer(item, state), axis_name="batch", out_axes=(0, None))(x)

    weight, bias, conv_weight, conv_bias = lambda l: l.weight, lambda l: l.bias, lambda l: l.conv.weight, lambda l: l.conv.bias

    fill = Fill()
    options = dict(padding=None, groups=2, activation_layer=jax.nn.silu, dilation=(2, 1), key=key, dtype=float)
    norm = functools.partial(nx.BatchNorm, 6, "batch")
    block = nx.ConvNormActivation(2, 4, 6, (3, 2), (1, 2), norm_layer=norm, **options)
    block = filled(block, fill, conv_weight, lambda l: l.norm.weight, lambda l: l.norm.bias)
    y, state = over_batch(block, jnp.asarray(fill((2, 4, 5, 5))), eqx.nn.State(block))
    row("ConvNormActivation", y, state.get(block.norm.running_mean), state.get(block.norm.running_var))

    fill = Fill()
    block = filled(nx.ConvNormActivation(1, 2, 3, norm_layer=None, key=key, dtype=float), fill, conv_weight, conv_bias)
    row("ConvNormActivation_no_norm", over_batch(block, jnp.asarray(fill((2, 2, 5))), eqx.nn.State(block))[0])

    fill = Fill()
    norm = filled(nx.BatchNorm(3, "batch"), fill, weight, bias)
    x = jnp.asarray(fill((2, 3, 4)))
    y, state = over_batch(norm, x, eqx.nn.State(norm))
    running = state.get(norm.running_mean), state.get(norm.running_var)
    row("BatchNorm", y, *running, over_batch(eqx.tree_at(lambda n: n.inference, norm, True), x, state)[0])

    fill = Fill()
    row("LayerNorm", filled(nx.LayerNorm((3, 4)), fill, weight, bias)(jnp.asarray(fill((2, 3, 4)))))
    x = jnp.asarray(Fill()((2, 5, 3, 2)))
    row("LocalResponseNormalization", jax.vmap(nx.LocalResponseNormalization())(x))
    row("LocalResponseNormalization_n", jax.vmap(nx.LocalResponseNormalization(k=1.5, n=4, alpha=0.5, beta=0.6))(x))

    for name, mixing in (("CausalConv1d", False), ("CausalConv1d_channel_mixing", True)):
        fill = Fill()
        conv = filled(nx.CausalConv1d(3, mixing, 4, key=key), fill, conv_weight, conv_bias)
        x, before = jnp.asarray(fill((6, 3))), jnp.asarray(fill((3, 3)))
        row(name, conv(x), conv(x, before))
        if not mixing:  # of which a step forgets the other channels
            y, (after,) = conv.step(x[:1], (jnp.asarray(fill((4, 3))),))
            row("CausalConv1d_step", y, after[1:])
