# SPDX-License-Identifier: MIT
"""One peer as a process: python -m comparison.worker PEER THREADS. Requests come on standard input, a line each, answers go out likewise;
driver.cpp, nn's side, answers the same ones.

    version         ok VERSION
    load FOLDER     ok, or error TEXT: builds the case that is described in the folder
    time N          ok NANOSECONDS…: N calls, each on its own
    output FILE     ok: writes what the last call answered, float32 as it lies in memory
"""

import json
import os
import pathlib
import sys
import time

import numpy as np
from safetensors.numpy import load_file

from . import layers, peers


def load(make, folder):
    workload = json.loads((folder / "workload.json").read_text())
    case = peers.Case(folder, workload, layers.layer_of(workload), load_file(folder / "weights.safetensors"), np.load(folder / "x.npy"))
    return make(case)


def timed(call, count):
    now, times = time.perf_counter_ns, []
    for _ in range(count):
        start = now()
        call()
        times.append(now() - start)
    return times


def main(peer, threads):
    # What the libraries print goes to standard error: standard output is for answers.
    answers, requests = os.fdopen(os.dup(1), "w"), sys.stdin
    os.dup2(2, 1)
    try:
        start = peers.PEERS[peer](int(threads))
    except Exception as error:  # told as the answer to every request
        start = error
    running = None
    for line in requests:
        word, _, rest = line.strip().partition(" ")
        try:
            if isinstance(start, Exception):
                raise start
            if word == "version":
                answer = start.version
            elif word == "load":
                running = None  # the one before goes first
                running, answer = load(start.build, pathlib.Path(rest)), ""
                running.call()
            elif word == "time":
                answer = " ".join(map(str, timed(running.call, int(rest))))
            elif word == "output":
                np.ascontiguousarray(running.output(), np.float32).tofile(rest)
                answer = ""
            print("ok", answer, file=answers, flush=True)
        except Exception as error:
            print("error", type(error).__name__, *str(error).split(), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
