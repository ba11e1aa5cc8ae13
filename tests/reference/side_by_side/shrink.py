# SPDX-License-Identifier: MIT
"""The smallest configuration that still fails."""

import copy

# What a word becomes when it is to say as little as possible.
PLAIN = {
    "groups": 1,
    "dtype": "float64",
    "values": "integers",
    "padding_mode": "zeros",
    "layout": "first",
    "padding": "VALID",
    "activation": "identity",
    "norm": "none",
}
# May go down to 0; everything else down to 1.
FROM_ZERO = {"padding", "output_padding", "batch", "eps"}


def smaller(value, least):
    """Simpler values in place of a number, a flag or a list of them."""
    if isinstance(value, bool):
        if value:
            yield False
    elif isinstance(value, int):
        steps = [least, value // 2, value - 1] if value > least else [0, value + 1] if value < 0 else []
        yield from (step for i, step in enumerate(steps) if step not in steps[:i] and (value < 0 or step >= least))
    elif isinstance(value, list):
        for i, each in enumerate(value):
            for less in smaller(each, least):
                yield value[:i] + [less] + value[i + 1 :]


def candidates(config):
    """Configurations a step simpler than this one."""
    axes = config.get("axes", 0)
    for axis in range(axes if axes > 1 else 0):
        less = copy.deepcopy(config)
        less["axes"] = axes - 1
        for name, value in config.items():
            if isinstance(value, list) and len(value) == axes and name != "batch":
                less[name] = value[:axis] + value[axis + 1 :]
        yield less
    for i in range(len(config.get("batch", []))):
        yield {**config, "batch": config["batch"][:i] + config["batch"][i + 1 :]}
    for name, value in config.items():
        if name in PLAIN and value != PLAIN[name] and not (name == "padding" and isinstance(value, int)):
            yield {**config, name: PLAIN[name]}
        if name not in ("axes", "rank", "batch"):
            for less in smaller(value, 0 if name in FROM_ZERO else 1):
                yield {**config, name: less}


def shrink(config, fails, tries=300):
    """Steps to simpler configurations as long as `fails(config)`."""
    again = True
    while again and tries > 0:
        again = False
        for less in candidates(config):
            tries -= 1
            if tries <= 0:
                break
            if fails(less):
                config, again = less, True
                break
    return config
