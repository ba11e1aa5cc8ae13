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
        answered = self.driver.ask(self.layer.name, self.layer.words(config), arrays, config["dtype"])
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


def run(library, layers, count, seed, driver_path, case):
    blocks = kernel_blocks(driver_path)
    addresses = np.array(sorted(blocks), dtype=np.uint64)
    module = importlib.import_module(f".{library}_layers", __package__)
    driver = Driver(driver_path)
    for make in module.LAYERS:
        name = make.__name__
        if layers and name not in layers:
            continue
        pair = Pair(make(), driver)
        key = zlib.crc32(f"{library} {name}".encode())
        if case is not None:
            try:
                say(found=pair.compare(case["config"], case["seed"])[0])
            except Refused as error:
                say(found=f"the library itself refuses: {error}")
            continue
        begin = time.process_time()
        seen, lines, options, refused = set(), collections.Counter(), collections.Counter(), collections.Counter()
        worst, found, index = 0, 0, 0
        while len(seen) < count and index < 4 * count + 50:
            index += 1
            config = pair.layer.draw(draw.Draw(seed, key, index))
            text = json.dumps(config, sort_keys=True)
            if text in seen:
                continue
            values = [seed, key, index, 1]
            try:
                difference, part = pair.compare(config, values)
            except Refused as error:
                refused[str(error).split("\n")[0][:70]] += 1
                continue
            seen.add(text)
            worst = max(worst, part)
            hit = np.intersect1d(driver.blocks, addresses)
            lines.update({blocks[int(address)] for address in hit})
            options.update(set(options_of(config)))
            if difference:
                found += 1
                if found <= SHOWN:
                    config = shrink.shrink(config, lambda less: pair.fails(less, values))
                    say(found=pair.fails(config, values), config=config, values=values, library=library, layer=name)
            if index % 100 == 0:
                jax.clear_caches()
                print(f"{library} {name}: {len(seen)} of {count}", file=sys.stderr)
        say(
            library=library,
            layer=name,
            count=len(seen),
            refused=refused,
            found_count=found,
            worst=worst,
            seconds=time.process_time() - begin,
            lines=lines,
            options=options,
        )


if __name__ == "__main__":
    arguments = json.loads(sys.argv[1])
    run(**arguments)
