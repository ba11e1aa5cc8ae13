# SPDX-License-Identifier: MIT
"""One library against nn, in that library's Python. Writes what it sees, a JSON object a line, on standard output."""

import collections
import importlib
import json
import sys
import time
import zlib

import numpy as np

from . import draw, shrink
from .driver import Driver, kernel_blocks
from .jitted import jax, reference


SHOWN = 5  # disagreements of a layer that are made small and shown; the others are counted


class Refused(Exception):
    """The reference library itself refuses the configuration."""


class Pair:
    """A layer of a library and nn's."""

    def __init__(self, layer, driver):
        self.layer, self.driver = layer, driver

    def arrays(self, config, seed):
        """In double, but numbers of the configuration's type: both sides and the bound see the same."""
        arrays = self.layer.arrays(config, draw.Draw(*seed))
        return {name: np.asarray(each, config["dtype"]).astype(float) if each.dtype.kind == "f" else each for name, each in arrays.items()}

    def answer(self, config, arrays):
        """nn's, in the form that the configuration names."""
        words = {**self.layer.words(config), "form": config.get("form", "called")}
        if "workers" in config:
            words["workers"] = config["workers"]
        return self.driver.ask(self.layer.name, words, arrays, config["dtype"])

    def compare(self, config, seed):
        """None, or how the two differ; and the largest difference as a part of the bound."""
        try:
            arrays = self.arrays(config, seed)
            answer = reference(config, self.layer.answer)
            expected = answer(arrays)
        except (SystemExit, KeyboardInterrupt):
            raise
        except Exception as error:
            raise Refused(f"{type(error).__name__}: {str(error)[:200]}") from error
        answered = self.answer(config, arrays)
        if isinstance(answered, str):
            if answered.startswith("request: "):
                sys.exit(f"{answered}\n{self.layer.name} {config}")
            return f"nn refuses: {answered}", 0
        bounds = self.layer.bound(config, arrays, expected, answer)
        worst = 0
        for name, y in expected.items():
            if y.shape != answered[name].shape:
                return f"{name} has the shape {answered[name].shape}, the library's {y.shape}", 0
            bound = np.broadcast_to(bounds[name], y.shape)
            with np.errstate(invalid="ignore", divide="ignore"):
                off = np.abs(y.astype(float) - answered[name].astype(float))
                same = (y == answered[name]) | (np.isnan(y) & np.isnan(answered[name]))
                wrong = ~(same | (off <= bound))
                worst = max(worst, np.max(np.where(same, 0, off / bound), initial=0))
            if wrong.any():
                at = tuple(int(i) for i in np.argwhere(wrong)[0])
                found = f"{name}{list(at)} is {answered[name][at].item()}, the library's {y[at].item()}, {bound[at]:.3g} apart at most"
                return f"{found}; {int(wrong.sum())} of {wrong.size} differ", worst
        return None, float(worst)

    def fails(self, config, seed):
        try:
            return self.compare(config, seed)[0]
        except Refused:
            return None


def options_of(config):
    """A configuration's options as words to count."""
    for name, value in config.items():
        if isinstance(value, bool) or isinstance(value, str):
            yield f"{name} {value}"
        elif name == "padding":
            values = [value] if isinstance(value, int) else value
            pairs = any(isinstance(each, list) for each in values)
            yield "padding pairs" if pairs else "padding per axis" if isinstance(value, list) else "padding number"
            if pairs and any(min(each) < 0 for each in values):
                yield "padding negative"
        elif isinstance(value, list) and value and name != "batch" and name not in ("extent", "shape"):
            least = 0 if name == "output_padding" else 1
            yield f"{name} {'> ' if any(each > least for each in value) else ''}{least}"
        elif isinstance(value, int):
            yield f"{name} {value}" if name == "axes" else f"{name} {'> 1' if value > 1 else value}"
    if "batch" in config:
        yield f"batch axes {len(config['batch'])}"
    if config.get("groups", 1) > 1 and config.get("in_per_group") == 1:
        yield "depthwise"


def say(**what):
    print(json.dumps(what), flush=True)


def kind_of(layer, config):
    """The layer of nn that answers: MaxPool where the program's is Pool."""
    return layer.kind(config) if hasattr(layer, "kind") else type(layer).__name__


class Worker:
    def __init__(self, library, driver_path, seed):
        self.library, self.seed = library, seed
        blocks = sorted(kernel_blocks(driver_path).items())
        self.addresses = np.array([address for address, _ in blocks], dtype=np.uint64)
        self.names, self.name_of = np.unique([line for _, line in blocks], return_inverse=True)
        self.driver = Driver(driver_path)
        module = importlib.import_module(f".{library}_layers", __package__)
        self.layers = {make.__name__: make for make in module.LAYERS}

    def lines(self):
        """The lines of kernels that the driver's last answer ran through."""
        ran = self.driver.blocks
        at = np.minimum(np.searchsorted(self.addresses, ran), len(self.addresses) - 1)
        took = np.zeros(len(self.names), dtype=bool)
        took[self.name_of[at[self.addresses[at] == ran]]] = True
        return set(self.names[took].tolist())

    def one(self, layer, config, seed):
        """Runs one configuration."""
        try:
            say(found=Pair(self.layers[layer](), self.driver).compare(config, seed)[0])
        except Refused as error:
            say(found=f"the library itself refuses: {error}")

    def run(self, layer, begin, count, seen, found, wanted, patience, until, deadly):
        """Runs `count` configurations, drawn from index `begin` on, that are not among those `seen`; `found` disagreements are known. With
        `wanted`, {kind or line: count}, it runs those that nn says are wanted, until none is, or `patience` draws on end were not, or the
        time is `until`. The library takes this process with it at the indices in `deadly`."""
        name, pair = layer, Pair(self.layers[layer](), self.driver)
        key = zlib.crc32(f"{self.library} {name}".encode())
        start = time.process_time()
        seen, new, index, idle, worst = set(seen), [], begin, 0, 0
        kinds, lines, refused = collections.Counter(), collections.Counter(), collections.Counter()
        options, paths = collections.defaultdict(collections.Counter), collections.defaultdict(set)
        last = begin + 4 * count + 50
        while (index < last and len(new) < count) if wanted is None else wanted and idle < patience and time.time() < until:
            index, idle = index + 1, idle + 1
            config = pair.layer.draw(draw.Draw(self.seed, key, index))
            mark = zlib.crc32(json.dumps(config, sort_keys=True).encode())
            if mark in seen:
                continue
            values = [self.seed, key, index, 1]
            kind = kind_of(pair.layer, config)
            if wanted is not None and kind not in wanted:
                pair.answer(config, pair.arrays(config, values))
                if self.lines().isdisjoint(wanted):
                    continue
            if index in deadly:
                refused["the library aborts"] += 1
                continue
            say(at=index)
            try:
                difference, part = pair.compare(config, values)
            except Refused as error:
                refused[str(error).split("\n")[0][:70]] += 1
                continue
            seen.add(mark)
            new.append(mark)
            idle = 0
            worst = max(worst, part)
            ran = self.lines()
            kinds[kind] += 1
            lines.update(ran)
            paths[kind] |= ran
            options[kind].update(set(options_of(config)))
            for goal in {kind, *ran} & wanted.keys() if wanted is not None else []:
                wanted[goal] -= 1
                if wanted[goal] == 0:
                    del wanted[goal]
            if difference:
                found += 1
                if found <= SHOWN:
                    config = shrink.shrink(config, lambda less: pair.fails(less, values))
                    say(found=pair.fails(config, values), config=config, values=values, library=self.library, layer=name)
            if len(new) % 100 == 0:
                jax.clear_caches()
                print(f"{self.library} {name}: {len(new)}", file=sys.stderr)
        say(
            library=self.library,
            layer=name,
            kinds=kinds,
            refused=refused,
            found_count=found,
            worst=worst,
            seconds=time.process_time() - start,
            lines=lines,
            paths={kind: sorted(each) for kind, each in paths.items()},
            options=options,
            seen=new,
            end=index,
        )


def main(library, driver_path, seed):
    """Tasks on standard input, a JSON object a line; an empty one asks for the names of the layers."""
    worker = Worker(library, driver_path, seed)
    for line in sys.stdin:
        task = json.loads(line)
        if not task:
            say(layers={name: getattr(make, "kinds", 1) for name, make in worker.layers.items()})
        elif "config" in task:
            worker.one(**task)
        else:
            worker.run(**task)


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
