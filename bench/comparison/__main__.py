# SPDX-License-Identifier: MIT
"""bench/compare, once its environment and nn's driver are there."""

import argparse
import json
import os
import pathlib
import sys

import numpy as np
import onnx
from safetensors.numpy import save_file

from . import contestants, layers, report, to_onnx
from .peers import PEERS

TOLERANCE = 1e-4  # a peer that errs by more is no bar
SECONDS = 0.05  # what a contestant's turn in a round takes, about
MOST_CALLS = 2000


DESCRIPTION = """\
Times nn beside ONNX Runtime, OpenVINO, ncnn, MNN and PyTorch at the same layers and networks, with the same weights, plain float arrays in
and out, channels first. All answers are checked: the error of one is its distance from the median of the peers' and nn's exact one, relative
to the largest element where that is above 1, and a peer that errs by more than 1e-4 is no bar. The contestants take turns on the same
pinned core, about 50 ms each a round; the time of a round is the median of its calls. The table has the least round of each in µs; the JSON the median round, too.
The ratio is that of the fastest peer to nn: above 1 nn is ahead. A peer that has no form of a layer, or fails at it, is left out there;
the JSON has its words.

What a call costs by itself, and a Python peer's binding, is the row of the op `identity`. It is in all times and not taken off; the row
itself is not in the mean.

The first run makes a virtual environment with the peers under build/bench (PyPI's torch takes several GB). ncnn gets its models by
way of TorchScript and pnnx; MNN by way of ONNX and the compiled converter in its wheel, whose Python front is never run: it calls pip."""


def parse(arguments):
    parser = argparse.ArgumentParser(prog="bench/compare", formatter_class=argparse.RawDescriptionHelpFormatter, description=DESCRIPTION)
    parser.add_argument("--workloads", metavar="FILE", type=pathlib.Path, required=True, help="the cases (bench/workloads.json)")
    parser.add_argument("--only", metavar="NAME", nargs="+", help="these cases alone")
    names = list(PEERS)
    parser.add_argument("--peers", metavar="PEER", nargs="*", choices=names, default=names, help=f"of {', '.join(names)} (all)")
    parser.add_argument("--threads", metavar="N", type=int, default=1, help="threads, each on a core of its own (1)")
    parser.add_argument("--rounds", metavar="N", type=int, default=15, help="turns of each contestant at each case (15)")
    parser.add_argument("--march", metavar="ARCH", help="compiles nn's side with -march=ARCH; without, for any machine of the kind")
    parser.add_argument("--out", metavar="FOLDER", type=pathlib.Path, help="where compare.json and compare.png go (build/bench)")
    parser.add_argument("--driver", help=argparse.SUPPRESS)
    parser.add_argument("--command", help=argparse.SUPPRESS)  # as it was typed
    return parser.parse_args(arguments)


def write_case(folder, workload):
    """The case as files, for all contestants."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    layer = layers.layer_of(workload)
    arrays = layer.arrays(rng)
    x = layers.input_of(workload, rng)
    peers_x = np.ascontiguousarray(x.swapaxes(0, 1)) if layers.time_major(workload) else x
    (folder / "workload.json").write_text(json.dumps(workload))
    save_file(arrays, folder / "weights.safetensors")
    save_file({"x": x}, folder / "x.safetensors")
    np.save(folder / "x.npy", peers_x)
    onnx.save(to_onnx.model(layer, arrays, peers_x), folder / "model.onnx")


def answer_of(contestant, workload):
    """What the contestant answers, in nn's order of axes."""
    y = contestant.output()
    if layers.time_major(workload) and not contestant.name.startswith("nn"):
        y = y.reshape(workload["seq_len"], workload["batch"], -1).swapaxes(0, 1).reshape(-1)
    return y


def errors_of(outputs):
    """{name: the largest distance from the median of the peers' answers and nn's exact one}, relative where these are large. An answer of
    another size is infinitely wrong."""
    voters = {name: y for name, y in outputs.items() if name in PEERS or name == "nn exact"} or outputs
    sizes = [y.size for y in voters.values()]
    size = max(set(sizes), key=sizes.count)
    alike = [y for y in voters.values() if y.size == size]
    middle = np.median(alike, axis=0)
    scale = max(1.0, float(np.max(np.abs(middle))))
    return {name: float(np.max(np.abs(y - middle))) / scale if y.size == size else float("inf") for name, y in outputs.items()}


def compare(workload, field, rounds, folder):
    """The row of one case: {"name", "contestants": {name: {"error", "minimum_us", "median_us"} or {"failed"}}}."""
    write_case(folder, workload)
    result, ready, answers, calls = {}, [], {}, {}
    for each in field:
        try:
            each.load(folder)
            answers[each.name] = answer_of(each, workload)
            calls[each.name] = int(np.clip(SECONDS * 1e9 / each.time(3).min(), 2, MOST_CALLS))
            ready.append(each)
        except contestants.Failed as failure:
            result[each.name] = {"failed": str(failure)}
    errors = errors_of({each.name: answers[each.name] for each in ready}) if ready else {}
    times = {each.name: [] for each in ready}
    for turn in range(rounds):
        first = turn % max(1, len(ready))
        for each in ready[first:] + ready[:first]:
            if each.name in result:
                continue
            try:
                each.time(1)  # the caches are another's
                times[each.name].append(float(np.median(each.time(calls[each.name]))) / 1e3)
            except contestants.Failed as failure:
                result[each.name] = {"failed": str(failure)}
                del times[each.name]
    for name, of_rounds in times.items():
        result[name] = {"error": errors[name], "minimum_us": min(of_rounds), "median_us": float(np.median(of_rounds))}
    return {"name": workload["name"], "op": workload["op"], "contestants": {each.name: result[each.name] for each in field}}


def main(arguments):
    options = parse(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    workloads = json.loads(options.workloads.read_text())
    unknown = set(options.only or []) - {workload["name"] for workload in workloads}
    if unknown:
        raise SystemExit(f"bench/compare: no case {', '.join(sorted(unknown))} in {options.workloads}")
    allowed = sorted(os.sched_getaffinity(0))
    if not 1 <= options.threads <= len(allowed):
        raise SystemExit(f"bench/compare: --threads {options.threads}, expected 1 to {len(allowed)}, the cores that there are")
    cores = allowed[-options.threads :]

    field = [contestants.nn(options.driver, form, cores) for form in ("automatic", "exact", "unfrozen")] + [contestants.peer(name, cores) for name in options.peers]
    try:
        versions = {each.name: each.version() for each in field}
    except contestants.Failed as failure:
        raise SystemExit(f"bench/compare: {failure}")
    rows = []
    for workload in workloads:
        if not options.only or workload["name"] in options.only:
            rows.append(compare(workload, field, options.rounds, (options.out / "cases" / workload["name"]).resolve()))
            report.judge(rows[-1], TOLERANCE)
            print(report.progress(rows[-1]), file=sys.stderr, flush=True)
    for each in field:
        each.end()
    record = {"cpu": report.cpu_name(), "threads": options.threads, "rounds": options.rounds, "march": options.march, "versions": versions,
              "command": options.command, "geometric_mean": report.geometric_mean(rows), "rows": rows}  # fmt: skip
    print(report.table(record))
    (options.out / "compare.json").write_text(json.dumps(record, indent=1) + "\n")
    report.chart(record, options.out / "compare.png")


if __name__ == "__main__":
    main(sys.argv[1:])
