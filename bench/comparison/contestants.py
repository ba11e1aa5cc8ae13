# SPDX-License-Identifier: MIT
"""The processes that are compared: nn's driver and a worker for each peer. One works at a time; all are pinned to the same cores."""

import os
import pathlib
import subprocess
import sys

import numpy as np


class Failed(Exception):
    """What a contestant said, or that it is gone."""


class Contestant:
    def __init__(self, name, command, cores):
        self.name, self.command, self.cores, self.process, self.folder = name, command, cores, None, None

    def ask(self, word, rest=""):
        """The answer to one request. A process that is gone is started anew by the next one."""
        if self.process is None or self.process.poll() is not None:
            environment = os.environ | {"OMP_NUM_THREADS": str(len(self.cores)), "PYTHONPATH": str(pathlib.Path(__file__).parents[1])}
            pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            pin = lambda: os.sched_setaffinity(0, self.cores)  # noqa: E731
            self.process = subprocess.Popen(self.command, env=environment, preexec_fn=pin, **pipes)
        try:
            self.process.stdin.write(f"{word} {rest}\n".replace(" \n", "\n"))
            self.process.stdin.flush()
            status, _, answer = self.process.stdout.readline().rstrip("\n").partition(" ")
        except BrokenPipeError:
            status = ""
        if not status:
            raise Failed(f"the process ended with status {self.process.wait()}")
        if status == "error":
            raise Failed(answer)
        return answer

    def load(self, folder):
        self.folder = folder
        self.ask("load", folder)

    def time(self, count):
        """Nanoseconds of each of so many calls."""
        return np.array(self.ask("time", count).split(), float)

    def output(self):
        file = self.folder / f"{self.name}.output"
        self.ask("output", file)
        return np.fromfile(file, np.float32)

    def version(self):
        return self.ask("version")

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait()


def peer(name, cores):
    return Contestant(name, [sys.executable, "-m", "comparison.worker", name, str(len(cores))], cores)


def nn(driver, form, cores):
    return Contestant("nn" if form == "automatic" else f"nn {form}", [driver, form, str(len(cores))], cores)
