# SPDX-License-Identifier: MIT
"""Makes the golden files of the tests from what other libraries answer: all of them, or those that are named.

A file whose libraries are not installed is skipped; noxton wants Python 3.13, and is asked in --noxton-python. A file that holds what is
made, but for the last digits, stays as it is; the others are written. golden.json tells what every file was made with: the versions, and
the seed where something is drawn. Most arrays are not drawn but counted (golden/text.py).

    python3 -m venv venv && . venv/bin/activate
    pip install equinox==0.13.8 jax-blox==0.1.6 brainstate==0.5.4 keras==3.15.1 jax==0.10.2 numpy==2.4.6 safetensors==0.8.0 ml_dtypes==0.6.0
    pip install torch==2.15.0 onnx==1.23.2 onnxruntime==1.31.1
    pip install --no-deps silero-vad==6.2.3                                             # for vad, which wants no sound library
    python3.13 -m venv noxton && noxton/bin/pip install noxton==0.1.4 equinox==0.13.8 jax==0.12.0.1  # as differential does
"""

import argparse
import contextlib
import dataclasses
import importlib
import importlib.metadata
import io
import json
import os
import pathlib
import platform
import subprocess
import sys

# Nothing runs often enough to be worth optimising.
XLA_FLAGS = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true --xla_cpu_multi_thread_eigen=false"
os.environ.update(JAX_PLATFORMS="cpu", JAX_ENABLE_X64="1", KERAS_BACKEND="jax", XLA_FLAGS=XLA_FLAGS)

REFERENCE = pathlib.Path(__file__).resolve().parent
TESTS = REFERENCE.parent
ROOT = TESTS.parent
RECORD = REFERENCE / "golden.json"
NOXTON_PYTHON = ROOT / "build" / "differential" / "venv-noxton" / "bin" / "python"
MOST_BYTES = 1_000_000  # of all files together

EQUINOX = ("equinox", "jax", "numpy")
BLOX = ("jax-blox", "jax", "numpy")
BRAINSTATE = ("brainstate", "jax", "numpy")
NORMS = ("equinox", "jax-blox", "brainstate", "jax", "numpy")
NOXTON = ("noxton", "equinox", "jax", "numpy")
TORCH = ("torch", "numpy")
SAFETENSORS = ("safetensors", "numpy", "ml_dtypes")


@dataclasses.dataclass
class Section:
    """A file and the module below golden/ that has a function of its name: it prints the file's text, or returns its bytes."""

    file: str
    module: str
    libraries: tuple
    tolerance: float = 1e-11  # by which numbers may differ, as a part of 1 + their size
    seed: int | None = None
    data: pathlib.Path | None = None  # that must be there

    @property
    def name(self):
        return pathlib.Path(self.file).stem.removesuffix("_expected")

    def make(self):
        function = getattr(importlib.import_module(f"golden.{self.module}"), self.name)
        with contextlib.redirect_stdout(io.StringIO()) as text:
            result = function() if self.seed is None else function(self.seed)
        return result or text.getvalue().encode()

    def versions(self):
        return {"python": platform.python_version(), **{library: importlib.metadata.version(library) for library in self.libraries}}


SECTIONS = [
    Section("layers/activations_expected.txt", "norms", NORMS),
    Section("layers/adaptive_pool_expected.txt", "norms", NORMS),
    Section("layers/answers_blox_expected.txt", "answers", BLOX),
    Section("layers/answers_brainstate_expected.txt", "answers", BRAINSTATE),
    Section("layers/answers_equinox_expected.txt", "answers", EQUINOX),
    Section("layers/answers_noxton_expected.txt", "answers", NOXTON),
    Section("layers/causal_conv_expected.txt", "recurrent", EQUINOX),
    Section("layers/conv_transpose_adjoint_expected.txt", "conv_transpose", EQUINOX),
    Section("layers/conv_transpose_expected.txt", "conv_transpose", EQUINOX),
    Section("layers/group_norm_expected.txt", "norms", NORMS),
    Section("layers/gru_expected.txt", "recurrent", EQUINOX),
    Section("layers/layer_norm_expected.txt", "norms", NORMS),
    Section("layers/non_finite_expected.txt", "non_finite", ("equinox", "jax-blox", "jax", "numpy")),
    Section("compose/bidirectional_expected.txt", "recurrent", EQUINOX),
    Section("compose/conv_norm_activation_expected.txt", "blocks", NOXTON),
    Section("io/convert_blox_expected.txt", "convert", BLOX),
    Section("io/convert_brainstate_expected.txt", "convert", BRAINSTATE),
    Section("io/convert_equinox_expected.txt", "convert", EQUINOX),
    Section("io/convert_jax_expected.txt", "convert", ("jax", "numpy")),
    Section("io/convert_keras_expected.txt", "convert", ("keras", "jax", "numpy"), tolerance=1e-6),  # reckons some of it in float
    Section("io/convert_noxton_expected.txt", "convert", NOXTON),
    Section("io/convert_onnx_expected.txt", "convert", ("onnx", "numpy"), tolerance=1e-6),  # reckons some of it in float
    Section("io/convert_torch_expected.txt", "convert", TORCH),
    Section("io/golden.safetensors", "safetensors_files", SAFETENSORS),
    Section("io/golden_net.safetensors", "safetensors_files", SAFETENSORS),
    Section("io/npy_expected.txt", "npy_files", ("numpy",)),
    Section("io/torch.safetensors", "convert", TORCH + ("safetensors",), tolerance=1e-6, seed=0),
    Section("io/torch_answer.safetensors", "convert", TORCH + ("safetensors",), tolerance=1e-6, seed=0),
    Section(
        "examples/vad_expected.txt",
        "vad",
        ("silero-vad", "onnxruntime", "onnx", "safetensors", "torch", "numpy"),
        tolerance=1e-5,
        data=ROOT.parent / "shared" / "data" / "silero-vad",
    ),
]


def differ(a, b, tolerance):
    """Whether two words are more than two spellings of a number."""
    try:
        x, y = float(a), float(b)
    except ValueError:
        return a != b
    return a != b and not abs(x - y) <= tolerance * (1 + abs(y))


def text_difference(old, new, tolerance):
    old, new = (text.decode().splitlines() for text in (old, new))
    for number, (a, b) in enumerate(zip(old, new), 1):
        a, b = a.split(), b.split()
        if len(a) != len(b):
            return f"line {number} has {len(a)} words, {len(b)} are made"
        for x, y in zip(a, b):
            if differ(x, y, tolerance):
                return f"line {number} says {x}, {y} is made"
    return None if len(old) == len(new) else f"{len(old)} lines, {len(new)} are made"


def safetensors_difference(old, new, tolerance):
    """Of files that hold nothing but 32-bit floats and int64."""
    from safetensors.numpy import load

    if any(int.from_bytes(file[:8], "little") + 8 > len(file) for file in (old, new)):
        return "it is cut off"
    old, new = load(old), load(new)
    kinds = [{name: (array.dtype, array.shape) for name, array in file.items()} for file in (old, new)]
    if kinds[0] != kinds[1]:
        return "names, types or shapes are others"
    for name, array in new.items():
        if not (abs(array - old[name]) <= tolerance * (1 + abs(array))).all():
            return f"{name} has other elements"
    return None


def difference(section, old, new):
    """How the file differs from what is made, or None."""
    if old == new:
        return None
    if old is None:
        return "is not there"
    if section.file.endswith(".txt"):
        return text_difference(old, new, section.tolerance)
    if section.seed is not None:
        return safetensors_difference(old, new, section.tolerance)
    return "other bytes"


def absent(library):
    try:
        importlib.metadata.version(library)
        return False
    except importlib.metadata.PackageNotFoundError:
        return True


def run(section, check):
    """Makes one file. Whether that is as it should be, None if it is skipped."""
    missing = [library for library in section.libraries if absent(library)]
    if section.data and not section.data.exists():
        missing.append(os.path.relpath(section.data, ROOT))
    if missing:
        print(f"{section.name}: skipped, no {', '.join(missing)}", flush=True)
        return None
    path = TESTS / section.file
    new = section.make()
    found = difference(section, path.read_bytes() if path.exists() else None, new)
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    unknown = section.file not in record
    if check:
        found = found or (f"{RECORD.name} does not know it" if unknown else None)
        print(f"{section.name}: {found or 'agrees'}", flush=True)
        return found is None
    if found:
        path.write_bytes(new)
    if found or unknown:
        record[section.file] = section.versions() | ({} if section.seed is None else {"seed": section.seed})
        RECORD.write_text(json.dumps(record, indent=4, sort_keys=True) + "\n")
    print(f"{section.name}: {f'written ({found})' if found else 'as it was'}", flush=True)
    return True


def arguments():
    parser = argparse.ArgumentParser("generate.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ", ".join(each.name for each in SECTIONS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"a file, all if none is given: {names}")
    check = "writes nothing, says which file differs; exit status 1 if any does, or all are skipped"
    parser.add_argument("--check", action="store_true", help=check)
    parser.add_argument("--noxton-python", default=NOXTON_PYTHON, help="where noxton is installed (that of tests/reference/differential)")
    options = parser.parse_args()
    unknown = set(options.names) - {each.name for each in SECTIONS}
    if unknown:
        parser.error(f"no golden file is called {', '.join(sorted(unknown))}")
    return options


def main():
    options = arguments()
    sections = [each for each in SECTIONS if each.name in options.names or not options.names]
    of_noxton = [each for each in sections if "noxton" in each.libraries and absent("noxton")]
    results = []
    if of_noxton and pathlib.Path(options.noxton_python).exists():
        sections = [each for each in sections if each not in of_noxton]
        command = [options.noxton_python, __file__, *(["--check"] if options.check else []), *(each.name for each in of_noxton)]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        results.append(subprocess.run(command, env=environment).returncode == 0)
    results += [run(section, options.check) for section in sections]
    if options.check and set(results) <= {None}:
        sys.exit("generate.py: nothing was compared")
    size = sum(path.stat().st_size for path in (TESTS / each.file for each in SECTIONS) if path.exists())
    if size >= MOST_BYTES:
        sys.exit(f"generate.py: the golden files have {size} bytes, {MOST_BYTES} at most")
    sys.exit(False in results)


if __name__ == "__main__":
    main()
