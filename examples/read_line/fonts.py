# SPDX-License-Identifier: MIT
"""The fonts of fonts.txt: `groups("training")` or `groups("held out")` gives {group: [file, …]}."""

import subprocess
import sys
from pathlib import Path

from fontTools.ttLib import TTFont

HERE = Path(__file__).resolve().parent
CHARACTERS = "".join(map(chr, range(32, 127)))  # class k + 1 of the network; class 0 is CTC's blank


def _sections():
    sections, current = {}, None
    for line in (HERE / "fonts.txt").read_text(encoding="utf-8").splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), [])
        elif line:
            current.append(line)
    return sections


def _sources(side):
    """{group: [(package, {family, …} or {"*"}), …]}"""
    parsed = {}
    for line in _sections()[side]:
        group, right = (part.strip() for part in line.split("=", 1))
        parsed[group] = []
        for item in right.split(";"):
            package, families = (part.strip() for part in item.split(":", 1))
            parsed[group].append((package, {family.strip() for family in families.split(",")}))
    return parsed


def packages():
    """Every Debian package fonts.txt names, for `apt-get install`."""
    return sorted({package for side in ("training", "held out") for sources in _sources(side).values() for package, _ in sources})


def _family(path):
    """The family's name, or None where a printable character is missing."""
    with TTFont(path, lazy=True) as font:
        cmap = font.getBestCmap() or {}
        return font["name"].getBestFamilyName() if all(ord(c) in cmap for c in CHARACTERS) else None


def groups(side):
    """{group: [font file, …]} of a side, sorted; an error if a package is not installed."""
    left_out = {family.strip() for line in _sections()["left out"] for family in line.split(",")}
    result = {}
    for group, sources in _sources(side).items():
        files = []
        for package, families in sources:
            listing = subprocess.run(["dpkg", "-L", package], capture_output=True, text=True)
            if listing.returncode:
                sys.exit(f"{package} is not installed: apt-get install $(python fonts.py)")
            for path in listing.stdout.splitlines():
                if path.lower().endswith((".ttf", ".otf")) and not Path(path).is_symlink():
                    family = _family(path)
                    if family and family not in left_out and (families == {"*"} or family in families):
                        files.append(path)
        if not files:
            sys.exit(f"fonts.txt: no usable font in group {group}")
        result[group] = sorted(set(files))
    return result


if __name__ == "__main__":
    print(*packages())
