# SPDX-License-Identifier: MIT
"""nn's side: requests, the program driver.cpp that answers them, and what the addresses that it answers with mean."""

import pathlib
import re
import subprocess

import numpy as np

KERNELS = "include/nn/kernels/"


def word(value):
    if isinstance(value, (list, tuple)):
        return ",".join(":".join(map(str, each)) if isinstance(each, (list, tuple)) else str(each) for each in value)
    return str(int(value)) if isinstance(value, bool) else str(value)


def request(layer, words, arrays, dtype):
    """The line of a request, as tests/support/answers.hpp reads it."""
    line = [layer, f"dtype={dtype}"]
    line += [f"{name}={word(value)}" for name, value in words.items()]
    return " ".join(line + [f"{name}=@{array.dtype.kind}:{word(array.shape)}" for name, array in arrays.items()])


class Driver:
    """A running driver. `ask` sends one request and reads the answer."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.blocks = []

    def ask(self, layer, words, arrays, dtype):
        """The arrays of the answer by name, or a str, nn's error. Afterwards `blocks` holds the addresses of the basic blocks it took."""
        types = {"f": dtype, "i": "int64", "b": "uint8"}
        parts = [np.asarray(array, types[array.dtype.kind], order="C").tobytes() for array in arrays.values()]
        self.process.stdin.write(request(layer, words, arrays, dtype).encode() + b"\n" + b"".join(parts))
        self.process.stdin.flush()
        answer = self.line().split(" ", 1)
        outputs = answer[1] if answer[0] == "error" else {}
        for word in [] if answer[0] == "error" or len(answer) == 1 else answer[1].split():
            name, extents = word.split("=@f:")
            shape = [int(extent) for extent in extents.split(",") if extent]
            outputs[name] = self.array(dtype, int(np.prod(shape, dtype=int))).reshape(shape)
        self.blocks = self.array("uint64", int(self.line().split()[1]))
        return outputs

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"differential: the driver is gone, exit status {self.process.wait()}")
        return line.decode().rstrip("\n")

    def array(self, dtype, count):
        return np.frombuffer(self.process.stdout.read(count * np.dtype(dtype).itemsize), dtype)


def other_machines(frames):
    """Whether a block runs on other machines alone, whatever is asked: it is of what simd::run compiles, or of a call there, for an
    instruction set that this machine does not choose. `frames` are (function, file:line), innermost first."""
    features = pathlib.Path("/proc/cpuinfo").read_text()
    chosen = "on_avx512" if "avx512dq" in features else "on_avx2" if "avx2" in features else "f(Baseline())"
    for depth, (function, _) in enumerate(frames):
        if "on_avx" in function:
            return chosen not in function
        if "4simd3run" in function and depth > 0:  # inlined there: what the flags allow
            return chosen != "f(Baseline())"
    file, number = frames[0][1].split(":")
    text = pathlib.Path(file).read_text().splitlines()[int(number) - 1]
    return ("detail::on_avx" in text or "f(Baseline())" in text) and chosen not in text


def saturates(place):
    """Whether a line multiplies or adds lengths that may go beyond 64 bits: no library takes such, and a block of its own is for them."""
    file, number = place.split(":")
    return "saturating_" in (pathlib.Path(__file__).parents[3] / KERNELS / file).read_text().splitlines()[int(number) - 1]


def kernel_blocks(driver):
    """{address: "file:line"} of every basic block of the kernels in the program `driver`. Kept beside it."""
    kept = pathlib.Path(driver + ".blocks")
    if not kept.exists() or kept.stat().st_mtime < max(pathlib.Path(each).stat().st_mtime for each in (driver, __file__)):
        listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", driver], capture_output=True, text=True, check=True).stdout
        # A block is known by the address that its call of the tracer returns to; the call is the instruction before it. Those that resume
        # the unwinding of the stack are left out: they run when memory is exhausted.
        blocks = re.split(r"^ *([0-9a-f]+):\s+(?:call|jmp|bl)\S*\s[^\n]*<__sanitizer_cov_trace_pc>\n", listing, flags=re.M)
        calls = [
            (call, after[1])
            for call, code in zip(blocks[1::2], blocks[2::2])
            if (after := re.match(r" *([0-9a-f]+):", code)) and "<_Unwind_Resume" not in code.split("\n\n")[0]
        ]
        lines = subprocess.run(
            ["addr2line", "-a", "-f", "-i", "-e", driver],
            input="\n".join(call for call, _ in calls),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        found = []
        for (_, after), chain in zip(calls, re.split(r"^0x[0-9a-f]+\n", lines, flags=re.M)[1:]):
            words = [line.split(" ")[0] for line in chain.splitlines()]
            frames = list(zip(words[::2], words[1::2]))
            place = frames[0][1]
            if KERNELS in place and not other_machines(frames):
                found.append(f"{after} {place.split(KERNELS)[1]}")
        kept.write_text("\n".join(found))
    return {int(word[0], 16): word[1] for word in (line.split() for line in kept.read_text().splitlines())}
