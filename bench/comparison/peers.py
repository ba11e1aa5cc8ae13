# SPDX-License-Identifier: MIT
"""The five libraries. Each is set up for constant weights and plain float arrays, on so many threads, in float32 throughout."""

import dataclasses
import functools
import importlib.metadata
import pathlib
import subprocess
import sys

import numpy as np

from . import layers


@dataclasses.dataclass
class Case:
    folder: pathlib.Path
    workload: dict
    layer: layers.Sequential
    arrays: dict
    x: np.ndarray

    def onnx_file(self):
        return str(self.folder / "model.onnx")


@dataclasses.dataclass
class Running:
    """A case ready to run: `call` is what is timed, `output` the array that the last call made."""

    call: object
    output: object


class OnnxRuntime:
    version = property(lambda self: importlib.metadata.version("onnxruntime"))

    def __init__(self, threads):
        import onnxruntime

        self.library, self.options = onnxruntime, onnxruntime.SessionOptions()
        self.options.intra_op_num_threads, self.options.inter_op_num_threads = threads, 1
        self.options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL

    def build(self, case):
        session = self.library.InferenceSession(case.onnx_file(), self.options, providers=["CPUExecutionProvider"])
        x = self.library.OrtValue.ortvalue_from_numpy(case.x)
        binding = session.io_binding()
        binding.bind_ortvalue_input("x", x)
        y = session.run(None, {"x": case.x})[0]
        binding.bind_ortvalue_output("y", self.library.OrtValue.ortvalue_from_numpy(y))
        return Running(functools.partial(session.run_with_iobinding, binding), lambda: binding.copy_outputs_to_cpu()[0])


class OpenVINO:
    version = property(lambda self: importlib.metadata.version("openvino"))

    def __init__(self, threads):
        import openvino

        self.core, self.tensor = openvino.Core(), openvino.Tensor
        self.options = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,
        }

    def build(self, case):
        model = self.core.read_model(case.onnx_file())
        model.reshape(list(case.x.shape))
        request = self.core.compile_model(model, "CPU", self.options).create_infer_request()
        request.set_input_tensor(self.tensor(case.x))
        return Running(functools.partial(request.infer, share_outputs=True), lambda: request.get_output_tensor().data)


class Torch:
    version = property(lambda self: importlib.metadata.version("torch"))

    def __init__(self, threads):
        import torch

        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self.library = torch

    def build(self, case):
        from . import to_torch

        module, x = to_torch.module(case.layer, case.arrays), self.library.from_numpy(case.x)
        kept = []

        def call():
            with self.library.inference_mode():
                kept[:] = [module(x)]

        return Running(call, lambda: kept[0].numpy())


class Ncnn:
    """By way of TorchScript and pnnx. Its arrays have no batch axis, so a batch of several has no form here."""

    version = property(lambda self: importlib.metadata.version("ncnn"))

    def __init__(self, threads):
        import ncnn

        self.library, self.threads = ncnn, threads

    def build(self, case):
        if case.workload.get("batch", 1) != 1 and case.workload["op"] != "linear":
            raise ValueError("a batch of one only")
        net = self.library.Net()
        net.opt.num_threads = self.threads
        net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = net.opt.use_bf16_storage = False
        param, weights = convert_to_ncnn(case)
        if net.load_param(param) != 0 or net.load_model(weights) != 0:
            raise RuntimeError("the converted model does not load")
        x = case.x.astype(np.int32) if case.x.dtype.kind == "i" else case.x
        batched = case.workload.get("batch") == 1 and "in_features" not in case.workload
        array = np.squeeze(x, 1 if layers.time_major(case.workload) else 0) if batched else x
        x = self.library.Mat(array).clone()  # memory of its own: layers that work in place take no other
        kept = []

        def call():
            with net.create_extractor() as extractor:
                extractor.input("in0", x)
                kept[:] = [extractor.extract("out0")[1]]

        return Running(call, lambda: np.array(kept[0]))


def convert_to_ncnn(case):
    """The model and its weights, as files."""
    import torch

    from . import to_torch

    param, weights, script = (str(case.folder / name) for name in ("model.ncnn.param", "model.ncnn.bin", "model.pt"))
    with torch.no_grad():
        module = to_torch.module(case.layer, case.arrays)
        torch.jit.trace(module, torch.from_numpy(case.x)).save(script)
    shape = "[" + ",".join(map(str, case.x.shape)) + "]" + ("i64" if case.x.dtype.kind == "i" else "f32")
    converter = pathlib.Path(sys.executable).with_name("pnnx")
    said = subprocess.run([converter, script, f"inputshape={shape}", "fp16=0"], cwd=case.folder, capture_output=True, text=True)
    if said.returncode != 0:
        raise RuntimeError(f"pnnx: {(said.stderr or said.stdout)[-300:]}")
    return param, weights


class Mnn:
    """By way of ONNX and the converter that is compiled into the wheel. Its Python front, MNN.tools, is never imported: that runs pip."""

    version = property(lambda self: importlib.metadata.version("MNN"))

    def __init__(self, threads):
        import MNN

        self.load, self.constant, self.layout = MNN.nn.load_module_from_file, MNN.expr.const, MNN.expr.NCHW
        self.types = {"f": (np.float32, MNN.expr.float), "i": (np.int32, MNN.expr.int)}
        self.runtime = MNN.nn.create_runtime_manager(({"backend": "CPU", "numThread": threads, "precision": "high"},))

    def build(self, case):
        import _tools

        file = str(case.folder / "model.mnn")
        _tools.mnnconvert(["MNNConvert", "-f", "ONNX", "--modelFile", case.onnx_file(), "--MNNModel", file, "--bizCode", "nn"])
        module = self.load(file, ["x"], ["y"], runtime_manager=self.runtime)
        array, element = self.types[case.x.dtype.kind]
        x = self.constant(case.x.astype(array), list(case.x.shape), self.layout, element)
        kept = []

        def call():
            kept[:] = [module.forward(x).read()]

        return Running(call, lambda: kept[0])


PEERS = {"onnxruntime": OnnxRuntime, "openvino": OpenVINO, "ncnn": Ncnn, "mnn": Mnn, "torch": Torch}
