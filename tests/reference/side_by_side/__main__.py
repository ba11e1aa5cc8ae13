# SPDX-License-Identifier: MIT
"""Random configurations, answered by the reference libraries and by nn: `tests/reference/differential` starts it.

Every configuration is drawn from (seed, library, layer, index) and its arrays from the same; a disagreement is made as small as it goes
on disagreeing and printed as a --case, which runs it alone. Exit status 1 if there was any.

A run ends with tables: configurations per library and layer, with the largest difference as a part of the bound that layers.py derives;
per layer, how many had each option; and per layer, how many ran each line of include/nn/kernels that begins a basic block.
"""

import argparse
import collections
import json
import subprocess
import sys
import textwrap

from .driver import kernel_blocks

LIBRARIES = ["equinox", "blox", "brainstate", "noxton"]


def arguments():
    parser = argparse.ArgumentParser("tests/reference/differential", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="configurations per library and layer (200)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--layer", action="append", default=[], help="Conv, ConvTranspose, LSTM, …; may be repeated (all)")
    parser.add_argument("--library", action="append", choices=LIBRARIES, help="may be repeated (all)")
    parser.add_argument("--case", metavar="JSON", help="runs one configuration, as a disagreement was printed")
    parser.add_argument("--least", type=int, default=200, help="lines that fewer configurations ran are named (200)")
    parser.add_argument("--driver", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--noxton-python", help=argparse.SUPPRESS)
    return parser.parse_args()


def reports(options, library, case=None):
    """What the library's worker says, one dict after another."""
    python = options.noxton_python if library == "noxton" else sys.executable
    task = {
        "library": library,
        "layers": [case["layer"]] if case else options.layer,
        "count": options.count,
        "seed": options.seed,
        "driver_path": options.driver,
        "case": case,
    }
    worker = subprocess.Popen([python, "-m", "side_by_side.worker", json.dumps(task)], stdout=subprocess.PIPE, text=True)
    for line in worker.stdout:
        yield json.loads(line)
    if worker.wait():
        sys.exit(f"differential: the worker for {library} ended with status {worker.returncode}")


def table(title, rows):
    """Rows of words, in columns as wide as they need be."""
    print(f"\n{title}")
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        words = (str(word).ljust(width) if i < 2 else str(word).rjust(width) for i, (word, width) in enumerate(zip(row, widths)))
        print("  " + "  ".join(words).rstrip())


def paragraph(name, words):
    print(textwrap.fill(f"{name}: {', '.join(words) or 'none'}", 140, initial_indent="  ", subsequent_indent="    "))


def counted(counts, sort=None):
    return [f"{name}: {count}" for name, count in sorted(counts, key=sort)]


def main():
    options = arguments()
    if options.case:
        case = json.loads(options.case)
        for report in reports(options, case["library"], case):
            print(report["found"] or "they agree")
            sys.exit(bool(report["found"]))
        sys.exit(f"differential: {case['library']} has no layer {case['layer']}")

    rows = [("library", "layer", "configurations", "refused", "differ", "of the bound", "a CPU minute")]
    taken, lines = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
    refusals = collections.Counter()
    for library in options.library or LIBRARIES:
        if library == "noxton" and not options.noxton_python:
            print("noxton is left out: no Python 3.13")
            continue
        total, seconds = 0, 0.0
        for report in reports(options, library):
            library_layer = report["library"], report["layer"]
            if "found" in report:
                case = {"library": report["library"], "layer": report["layer"], "config": report["config"], "seed": report["values"]}
                print(f"\n{library} {report['layer']}: {report['found']}\n  --case '{json.dumps(case)}'", flush=True)
                continue
            count, refused = report["count"], sum(report["refused"].values())
            speed = round(60 * count / max(report["seconds"], 1e-9))
            rows.append((*library_layer, count, refused, report["found_count"], f"{report['worst']:.2f}", speed))
            taken[report["layer"]].update(report["options"])
            lines[report["layer"]].update(report["lines"])
            for why, times in report["refused"].items():
                refusals[f"{library} {report['layer']}: {why}"] += times
            total, seconds = total + count, seconds + report["seconds"]
        rows.append((library, "all", total, "", "", "", round(60 * total / max(seconds, 1e-9))))
    table("Configurations", rows)
    if refusals:
        table("Refused by the libraries themselves, not counted", [(times, why) for why, times in refusals.most_common(20)])
    print("\nConfigurations that had an option")
    for layer, counts in taken.items():
        paragraph(layer, counted(counts.items()))
    print(f"\nLines of include/nn/kernels that begin a basic block: how many, and those that fewer than {options.least} configurations ran")
    for layer, counts in lines.items():
        few = counted(((line, count) for line, count in counts.items() if count < options.least), lambda item: item[1])
        paragraph(f"{layer}, {len(counts)} lines", few)
    if not options.layer and not options.library:
        ran = set().union(*lines.values())
        paragraph("run by none", sorted(set(kernel_blocks(options.driver).values()) - ran))
    sum_of_all = sum(row[2] for row in rows[1:] if row[1] == "all")
    differ = sum(row[4] for row in rows[1:] if row[1] != "all")
    print(f"\n{sum_of_all} configurations, {differ} disagreements")
    sys.exit(differ > 0)


if __name__ == "__main__":
    main()
