# SPDX-License-Identifier: MIT
"""Random configurations, answered by the reference libraries and by nn: `tests/reference/differential` starts it.

Every configuration is drawn from (seed, library, layer, index) and its arrays from the same; a disagreement is made as small as it goes
on disagreeing and printed as a --case, which runs it alone.

First, every layer of every library gets --least. A path is a line of include/nn/kernels that begins a basic block of the compiled program,
which tells what it ran. Then, for each layer of nn and each path, more are drawn until --least took it: nn is asked which draws take such a
path, and the libraries are asked for those alone. What is left of --total goes to all layers alike. A layer of nn that was never drawn is
named, and a path that no configuration took, unless its line is where lengths beyond 64 bits saturate, which no library takes; with --layer
or --library neither is looked for.

A run ends with tables: configurations per library and layer, with the largest difference as a part of the bound that layers.py derives;
per layer of nn, how many had each option; and per file of include/nn/kernels, how many took each path. Exit status 1 if there was a
disagreement, if something was named, or if something stayed below --least, as it may where --minutes ended the drawing of rare paths.
"""

import argparse
import collections
import json
import queue
import subprocess
import sys
import textwrap
import threading
import time

from .driver import kernel_blocks, saturates
from .layers import KINDS

LIBRARIES = ["equinox", "blox", "brainstate", "noxton", "jax"]
PATIENCE = 6000  # draws on end that take no path that is wanted, after which a library is no longer asked for it


def arguments():
    parser = argparse.ArgumentParser("tests/reference/differential", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--total", type=int, help="configurations at least (20000; of one layer or library as few as need be)")
    parser.add_argument("--least", type=int, default=200, help="per library and layer, per layer of nn, and per path (200)")
    parser.add_argument("--minutes", type=float, default=1e6, help="after which no more are drawn for rare paths")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="workers at a time (2)")
    parser.add_argument("--layer", action="append", default=[], help="Conv, ConvTranspose, LSTM, …; may be repeated (all)")
    parser.add_argument("--library", action="append", choices=LIBRARIES, help="may be repeated (all)")
    parser.add_argument("--case", metavar="JSON", help="runs one configuration, as a disagreement was printed")
    parser.add_argument("--build", help=argparse.SUPPRESS)
    parser.add_argument("--driver", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--noxton-python", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.all = not options.layer and not options.library
    if options.total is None:
        options.total = 20000 if options.all else 0
    return options


class Killed(Exception):
    """A worker's process was ended by a signal, as a library does that aborts."""


class Worker:
    """A library's process. `ask` gives it a task and yields what it reports, the last of which ends the task."""

    def __init__(self, options, library):
        python = options.noxton_python if library == "noxton" else sys.executable
        task = json.dumps([library, options.driver, options.seed])
        self.library = library
        self.process = subprocess.Popen(
            [python, "-m", "side_by_side.worker", task], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **task):
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            report = json.loads(line)
            yield report
            if "end" in report or "layers" in report or task.keys() >= {"config"}:
                return
        status = self.process.wait()
        raise (Killed if status < 0 else RuntimeError)(f"the worker for {self.library} ended with status {status}")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Counts:
    """What was run so far. A pair is (library, layer of the program); a kind is a layer of nn, and those in `kinds` are to be run."""

    def __init__(self, kinds):
        self.seen = collections.defaultdict(list)  # by pair: marks of the configurations
        self.end = collections.Counter()  # by pair: the index of the last draw
        self.seconds, self.found, self.worst = collections.Counter(), collections.Counter(), collections.Counter()
        self.kinds, self.lines = collections.Counter(dict.fromkeys(kinds, 0)), collections.Counter()  # configurations
        self.paths = collections.defaultdict(set)  # by kind: lines
        self.by_pair = collections.defaultdict(collections.Counter)  # by pair: {kind or line: configurations}
        self.options = collections.defaultdict(collections.Counter)
        self.refusals = collections.Counter()

    def add(self, report):
        pair = report["library"], report["layer"]
        self.seen[pair] += report["seen"]
        self.end[pair] = report["end"]
        self.seconds[pair] += report["seconds"]
        self.found[pair] = report["found_count"]
        self.worst[pair] = max(self.worst[pair], report["worst"])
        for counts in (self.kinds, self.by_pair[pair]):
            counts.update(report["kinds"])
        for counts in (self.lines, self.by_pair[pair]):
            counts.update(report["lines"])
        for kind, lines in report["paths"].items():
            self.paths[kind].update(lines)
        for kind, options in report["options"].items():
            self.options[kind].update(options)
        for why, times in report["refused"].items():
            self.refusals[f"{' '.join(pair)}: {why}"] += times

    def total(self):
        return sum(map(len, self.seen.values()))

    def missing(self, least):
        """{layer of nn, or path: how many configurations it lacks}"""
        return {goal: least - count for counts in (self.kinds, self.lines) for goal, count in counts.items() if count < least}


class Run:
    def __init__(self, options):
        self.options, self.counts, self.failures = options, Counts(KINDS if options.all else []), []
        self.until = time.time() + 60 * options.minutes
        self.lock = threading.Lock()
        self.libraries = options.library or LIBRARIES
        if "noxton" in self.libraries and not options.noxton_python:
            self.libraries = [library for library in self.libraries if library != "noxton"]
            self.failures.append("noxton is left out: no Python 3.13")

    def report(self, report):
        with self.lock:
            if "seen" in report:
                self.counts.add(report)
            else:
                case = {name: report[name] for name in ("library", "layer", "config")} | {"seed": report["values"]}
                print(f"\n{report['library']} {report['layer']}: {report['found']}\n  --case '{json.dumps(case)}'", flush=True)

    def run(self, library, tasks):
        """The tasks of a library, on as many workers at a time as there are jobs."""
        waiting = queue.SimpleQueue()
        for task in tasks:
            waiting.put(task)

        def work():
            worker = Worker(self.options, library)
            try:
                while True:
                    task, deadly = waiting.get_nowait(), []
                    while not self.done(worker, task, deadly):
                        worker = Worker(self.options, library)
            except queue.Empty:
                worker.close()
            except Exception as error:
                self.failures.append(f"{library}: {error}")

        threads = [threading.Thread(target=work) for _ in range(min(self.options.jobs, len(tasks)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def done(self, worker, task, deadly):
        """Whether the worker did the task. If not, the library has aborted, and `deadly` says where."""
        at = None
        try:
            for report in worker.ask(**task, deadly=deadly):
                at = report.get("at", at)
                if "at" not in report:
                    self.report(report)
            return True
        except Killed:
            if at is None or at in deadly:
                raise
            deadly.append(at)
            return False

    def layers(self, library):
        """{layer: how many times it gets --least}"""
        worker = Worker(self.options, library)
        (report,) = worker.ask()
        worker.close()
        return {name: kinds for name, kinds in report["layers"].items() if name in self.options.layer or not self.options.layer}

    def where(self, pair):
        """What a task goes on from."""
        counts = self.counts
        return {"layer": pair[1], "begin": counts.end[pair], "seen": counts.seen[pair], "found": counts.found[pair]}

    def draw(self, shares):
        """So many more configurations of each pair, {(library, layer): count}."""
        for library in self.libraries:
            tasks = []
            for pair, count in shares.items():
                if pair[0] == library:
                    tasks.append(dict(self.where(pair), count=count, wanted=None, patience=0, until=None))
            self.run(library, tasks)

    def run_all(self):
        least = {(library, name): kinds * self.options.least for library in self.libraries for name, kinds in self.layers(library).items()}
        if not least:
            sys.exit(f"differential: no layer is called {' or '.join(self.options.layer)}")
        self.draw(least)
        self.fill_up()
        more = self.options.total - self.counts.total()
        if more > 0:
            self.draw(dict.fromkeys(least, -(-more // len(least))))
            self.fill_up()

    def fill_up(self):
        """What is missing is asked of the pair that met it most often in its time, and then of the next."""
        counts, given_up = self.counts, set()
        while time.time() < self.until:
            wanted = collections.defaultdict(dict)
            for goal, count in counts.missing(self.options.least).items():
                able = [pair for pair, met in counts.by_pair.items() if met[goal] and (pair, goal) not in given_up]
                if able:
                    pair = max(able, key=lambda pair: counts.by_pair[pair][goal] / max(counts.seconds[pair], 1e-9))
                    wanted[pair][goal] = count
                    given_up.add((pair, goal))
            if not wanted:
                return
            for library in self.libraries:
                tasks = []
                for pair, goals in wanted.items():
                    if pair[0] == library:
                        tasks.append(dict(self.where(pair), count=0, wanted=goals, patience=PATIENCE, until=self.until))
                if tasks:
                    self.run(library, tasks)


def table(title, rows):
    """Rows of words, in columns as wide as they need be."""
    print(f"\n{title}")
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        words = (str(word).ljust(width) if i < 2 else str(word).rjust(width) for i, (word, width) in enumerate(zip(row, widths)))
        print("  " + "  ".join(words).rstrip())


def paragraph(name, words):
    print(textwrap.fill(f"{name}: {', '.join(words) or 'none'}", 140, initial_indent="  ", subsequent_indent="    "))


def counted(counts):
    return [f"{name}: {count}" for name, count in sorted(counts)]


def tables(run):
    counts, least = run.counts, run.options.least
    rows = [("library", "layer", "configurations", "differ", "of the bound", "a CPU minute")]
    for library in run.libraries:
        pairs = [pair for pair in counts.seen if pair[0] == library]
        for pair in sorted(pairs):
            speed = round(60 * len(counts.seen[pair]) / max(counts.seconds[pair], 1e-9))
            rows.append((*pair, len(counts.seen[pair]), counts.found[pair], f"{counts.worst[pair]:.2f}", speed))
        rows.append((library, "all", sum(len(counts.seen[pair]) for pair in pairs), sum(counts.found[pair] for pair in pairs), "", ""))
    table("Configurations", rows)
    if counts.refusals:
        table("Refused by the libraries themselves, not counted", [(times, why) for why, times in counts.refusals.most_common(20)])
    print("\nConfigurations that had an option")
    for kind, options in sorted(counts.options.items()):
        paragraph(kind, counted(options.items()))

    rows = [("layer of nn", "", "configurations", "paths")]
    for kind, count in sorted(counts.kinds.items()):
        rows.append((kind, "", count, len(counts.paths[kind])))
    table("Layers of nn and the paths that they take through the kernels", rows)
    paths = collections.defaultdict(dict)
    for line, count in counts.lines.items():
        file, number = line.split(":")
        paths[file][int(number)] = count
    print("\nPaths through include/nn/kernels, by the line that begins them: configurations of all layers")
    for file, lines in sorted(paths.items()):
        paragraph(file, counted(lines.items()))

    below = [f"{goal}: {least - count}" for goal, count in sorted(counts.missing(least).items())]
    below += [f"{' '.join(pair)}: {len(seen)}" for pair, seen in counts.seen.items() if len(seen) < least]
    if below:
        run.failures.append(f"fewer than {least} of {', '.join(below)}")
    if run.options.all:
        none = {line for line in kernel_blocks(run.options.driver).values() if not saturates(line)} - set(counts.lines)
        if none:
            run.failures.append(f"no configuration took {', '.join(sorted(none))}")
    if counts.total() < run.options.total:
        run.failures.append(f"{counts.total()} configurations of {run.options.total}")


def main():
    options = arguments()
    if options.case:
        case = json.loads(options.case)
        worker = Worker(options, case["library"])
        (names,) = worker.ask()
        if case["layer"] not in names["layers"]:
            sys.exit(f"differential: {case['library']} has no layer {case['layer']}")
        (report,) = worker.ask(layer=case["layer"], config=case["config"], seed=case["seed"])
        worker.close()
        print(report["found"] or "they agree")
        sys.exit(bool(report["found"]))

    run = Run(options)
    run.run_all()
    tables(run)
    found = sum(run.counts.found.values())
    print()
    for failure in run.failures:
        print(textwrap.fill(f"differential: {failure}", 140, subsequent_indent="    "))
    print(f"{run.counts.total()} configurations, {found} disagreements")
    sys.exit(bool(found or run.failures))


if __name__ == "__main__":
    main()
