# SPDX-License-Identifier: MIT
"""What PyPI's silero-vad, through ONNX Runtime, says about a recording: the truth of tests/examples/vad.cpp.

The package's silero_vad_16k.safetensors (6.2.1 to 6.2.3) holds other weights for the same network than its ONNX and
TorchScript models (silero-vad issue 768). So `vad` puts the file's arrays into the package's ONNX graph and runs that. For
those who want what load_silero_vad() gives, this writes the ONNX model's own arrays under the file's names:

    python tests/reference/golden/vad.py onnx.safetensors

`vad` prints one `speech FIRST LAST` a line, the intervals of get_speech_timestamps with its defaults, in samples, last
excluded; then one `p PROBABILITY` for every 512 samples, the last ones padded with zeros.
"""

import hashlib
import pathlib
import sys
import tempfile
import wave

import numpy as np
import onnx
import silero_vad
import torch
from onnx.numpy_helper import from_array, to_array
from safetensors.numpy import load_file, save_file
from silero_vad.utils_vad import OnnxWrapper

CHUNK = 512
DATA = pathlib.Path(__file__).resolve().parents[4] / "shared" / "data" / "silero-vad"
WEIGHTS = DATA / "silero_vad_16k.safetensors"
GRAPH = pathlib.Path(silero_vad.__file__).parent / "data" / "silero_vad_16k_op15.onnx"


def file_name(graph_name):
    """model.encoder.0.reparam_conv.weight -> conv1.weight, model.decoder.rnn.bias_ih -> lstm_cell.bias_ih, …"""
    layer, array = graph_name.removeprefix("model.").rsplit(".", 1)
    if layer == "stft":
        return "stft_conv.weight"
    names = {f"encoder.{i}.reparam_conv": f"conv{i + 1}" for i in range(4)} | {"decoder.rnn": "lstm_cell", "decoder.decoder.2": "final_conv"}
    return f"{names[layer]}.{array}"


def export(target):
    arrays = onnx.load(GRAPH).graph.initializer
    save_file({file_name(array.name): to_array(array) for array in arrays}, target)


def model_with(weights):
    """The package's model, its graph filled with the arrays of a safetensors file."""
    arrays, model = load_file(weights), onnx.load(GRAPH)
    for slot in model.graph.initializer:
        array = arrays.pop(file_name(slot.name))
        assert array.shape == tuple(slot.dims), slot.name
        slot.CopyFrom(from_array(array, slot.name))
    assert not arrays, f"unused: {list(arrays)}"
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/silero_vad_16k.onnx"
        onnx.save(model, path)
        return OnnxWrapper(path, force_onnx_cpu=True)


def read(path):
    with wave.open(str(path)) as wav:
        assert (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) == (16000, 1, 2), "a 16 kHz mono 16-bit WAV"
        return np.frombuffer(wav.readframes(wav.getnframes()), "<i2").astype(np.float32) / 32768


def vad():
    audio, model = read(DATA / "test.wav"), model_with(WEIGHTS)
    speech = silero_vad.get_speech_timestamps(torch.from_numpy(audio), model)
    model.reset_states()
    chunks = np.pad(audio, (0, -len(audio) % CHUNK)).reshape(-1, CHUNK)
    probabilities = [model(torch.from_numpy(chunk), 16000).item() for chunk in chunks]

    print(f"# weights: sha256 {hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()}\n# audio: {len(audio)} samples")
    for interval in speech:
        print("speech", interval["start"], interval["end"])
    for probability in probabilities:
        print(f"p {probability:.9g}")


if __name__ == "__main__":
    export(sys.argv[1])
