# SPDX-License-Identifier: MIT
"""What is printed and drawn of the rows."""

import math

OVERHEAD = "identity"  # the op whose row is no workload


def judge(row, tolerance):
    """Adds the fastest peer that is right, and its ratio to nn."""
    nn = row["contestants"]["nn"]
    peers = {name: each for name, each in row["contestants"].items()
             if not name.startswith("nn") and "failed" not in each and each["error"] <= tolerance}  # fmt: skip
    row["best"] = min(peers, key=lambda name: peers[name]["minimum_us"], default=None)
    usable = row["best"] is not None and "failed" not in nn and nn["error"] <= tolerance
    row["ratio"] = peers[row["best"]]["minimum_us"] / nn["minimum_us"] if usable else None
    row["wrong"] = [name for name, each in row["contestants"].items() if "failed" not in each and not each["error"] <= tolerance]


def geometric_mean(rows):
    ratios = [row["ratio"] for row in rows if row["ratio"] is not None and row["op"] != OVERHEAD]
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None


def microseconds(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def cell(row, name):
    each = row["contestants"][name]
    if "failed" in each:
        return "–"
    text = microseconds(each["minimum_us"])
    return f"~~{text}~~ {each['error']:.0e}" if name in row["wrong"] else text


def ratio(value):
    return "–" if value is None else f"{value:.2f}"


def progress(row):
    cells = [f"{name} {cell(row, name)}" for name in row["contestants"]]
    failures = [f"\n    {name}: {each['failed']}" for name, each in row["contestants"].items() if "failed" in each]
    return f"{row['name']}: {ratio(row['ratio'])}  [{', '.join(cells)}]{''.join(failures)}"


def table(record):
    names = list(record["versions"])
    lines = [["µs", *names, "best peer / nn"], ["---", *["---:"] * (len(names) + 1)]]
    lines += [[row["name"], *(cell(row, name) for name in names), ratio(row["ratio"])] for row in record["rows"]]
    lines += [["geometric mean", *[""] * len(names), ratio(record["geometric_mean"])]]
    march = f"-march={record['march']}" if record["march"] else "without -march"
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    notes = [
        f"{record['cpu']}, threads: {record['threads']}; nn built {march}; {versions}. The least of {record['rounds']} rounds.",
        "Crossed out, with its error: an answer that is off by more than the tolerance, which is no bar. –: no such layer there.",
    ]
    return "\n".join(["| " + " | ".join(line) + " |" for line in lines] + ["", *notes])


def chart(record, path):
    """A bar a workload: how many times as fast as the fastest peer nn is."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [row for row in record["rows"] if row["ratio"] is not None and row["op"] != OVERHEAD]
    figure, axes = pyplot.subplots(figsize=(8, 1.2 + 0.22 * len(rows)), layout="constrained")
    values = [row["ratio"] for row in rows]
    bars = axes.barh([row["name"] for row in rows], [value - 1 for value in values], left=1, height=0.7,
                     color=["#2a78b5" if value >= 1 else "#c8643c" for value in values])  # fmt: skip
    axes.bar_label(bars, [f" {row['ratio']:.2f} ({row['best']}) " for row in rows], fontsize=7)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axes.margins(x=0.3, y=0.01)  # room for the labels
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelsize=8)
    mean = f"; geometric mean {record['geometric_mean']:.2f}" if record["geometric_mean"] else ""
    axes.set_title(f"Speed of nn beside the fastest peer, {record['cpu']}, threads: {record['threads']}{mean}", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def cpu_name():
    with open("/proc/cpuinfo") as file:
        return next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "an unnamed CPU")
