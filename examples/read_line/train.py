# SPDX-License-Identifier: MIT
"""Trains read_line's network, measures it on fonts it has not seen, and makes the samples.

    apt-get install wamerican $(python fonts.py)
    pip install jax equinox optax pillow numpy scipy fonttools safetensors

    python train.py train --steps 9000 --seed 1     weights to read_line.safetensors, checkpoints to --checkpoint
    python train.py evaluate                        error rates on the families held out, clean and worn
    python train.py samples                         samples/ with the logits Equinox gives for them
"""

import argparse
import itertools
import logging
import multiprocessing
import os
import time
from pathlib import Path

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from safetensors.numpy import save_file

import fonts
import picture
import reader
from lines import LONGEST, Lines
from samples import make_samples

HERE = Path(__file__).resolve().parent
WEIGHTS = HERE / "read_line.safetensors"
BATCH = 16
POOL = 40  # batches that are sorted by width together
USES = 2  # of a picture, each time in other company
WIDTHS = (64, 128, 192, 256, 384, 512, 640, 896)  # a batch is padded to one of these: one compilation each
STATISTICS_MOMENTUM = 0.02


def examples(lines):
    """(group, text, input) of the lines whose picture can be read at all: ink, and a frame per character."""
    for group, text, image in lines:
        try:
            x = picture.normalise(image)
        except picture.NoText:
            continue
        frames = len(text) + sum(a == b for a, b in itertools.pairwise(text))
        if frames <= x.shape[1] // 4 and x.shape[1] <= WIDTHS[-1]:
            yield group, text, x


def batches(lines):
    """(x, labels, label padding), widths alike within a batch."""
    rng = np.random.default_rng(0)
    stream = examples(lines)
    while True:
        pool = list(itertools.islice(stream, BATCH * POOL))
        sorted_batches = []
        for _ in range(USES):
            rng.shuffle(pool)
            pool.sort(key=lambda example: example[2].shape[1])
            sorted_batches += [pool[k : k + BATCH] for k in range(0, len(pool), BATCH)]
        for k in rng.permutation(len(sorted_batches)):
            chosen = sorted_batches[k]
            width = next(w for w in WIDTHS if w >= chosen[-1][2].shape[1])
            x = np.zeros((BATCH, 1, picture.HEIGHT, width), np.float32)
            labels, padding = np.zeros((BATCH, LONGEST), np.int32), np.ones((BATCH, LONGEST), np.float32)
            for i, (_, text, image) in enumerate(chosen):
                x[i, 0, :, : image.shape[1]] = image
                labels[i, : len(text)] = [fonts.CHARACTERS.index(c) + 1 for c in text]
                padding[i, : len(text)] = 0
            yield x, labels, padding


def render(queue, seed):
    logging.disable(logging.WARNING)
    os.setsid()  # a scheduling group of its own
    os.nice(5)
    for batch in batches(Lines(fonts.groups("training"), seed)):
        queue.put(batch)


def loss_function(network, x, labels, padding):
    """CTC loss per character, and the statistics of the batch."""
    logits, statistics = network(x, training=True)
    loss = optax.ctc_loss(logits, jnp.zeros(logits.shape[:2]), labels, padding, blank_id=0)
    return jnp.sum(loss) / jnp.sum(1 - padding), statistics


def remember(network, statistics):
    """The network with its running statistics moved towards a batch's."""
    where = lambda r: [array for i in statistics for array in (r.blocks[i].norm.running_mean, r.blocks[i].norm.running_var)]
    new = [array for pair in statistics.values() for array in pair]
    mixed = [old + STATISTICS_MOMENTUM * (array - old) for old, array in zip(where(network), new)]
    return eqx.tree_at(where, network, mixed)


def rate(peak, count, progress):
    """Up over the first 200 steps, level, and down to nothing over the last 40 % of the run."""
    return peak * min(1.0, count / 200, (1.0 - progress) / 0.4 + 0.005)


def train(options):
    start = reader.Reader(jax.random.key(options.seed))
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam())
    run = (start, optimiser.init(eqx.filter(start, eqx.is_inexact_array)), jnp.array(0))
    if options.resume:
        run = eqx.tree_deserialise_leaves(options.checkpoint, run)
    print(f"{sum(a.size for a in reader.parameters(start).values())} numbers, from step {int(run[2])}", flush=True)

    @eqx.filter_jit
    def step(batch, rate, run):
        network, state, count = run
        (loss, statistics), gradient = eqx.filter_value_and_grad(loss_function, has_aux=True)(network, *batch)
        updates, state = optimiser.update(gradient, state)
        updates = jax.tree.map(lambda update: -rate * update, updates)
        return (remember(eqx.apply_updates(network, updates), statistics), state, count + 1), loss

    context = multiprocessing.get_context("spawn")
    queue = context.Queue(maxsize=64)
    renderer = context.Process(target=render, args=(queue, [options.seed, int(run[2])]), daemon=True)
    renderer.start()

    losses, waited, characters, began, saved = [], 0.0, 0, time.time(), time.time()
    for count in range(int(run[2]) + 1, options.steps + 1):
        asked = time.time()
        batch = queue.get()
        waited += time.time() - asked
        progress = max(count / options.steps, (time.time() - began) / (60 * options.minutes))
        run, loss = step(batch, jnp.float32(rate(options.rate, count, min(1.0, progress))), run)
        losses.append(float(loss))
        if count % 50 == 0:
            print(f"{count:6d}  loss {np.mean(losses[-50:]):.4f}  {time.time() - began:6.0f} s, of which waiting {waited:.0f}", flush=True)
        if time.time() - saved > 120 or progress >= 1:
            eqx.tree_serialise_leaves(options.checkpoint, run)
            reader.save(options.weights, run[0])
            saved = time.time()
        if progress >= 1:
            break
    renderer.terminate()


def logits_of(network):
    """x (1, 32, W) -> (W / 4, classes), compiled once for each W."""
    forward = eqx.filter_jit(lambda x: network(x[None])[0][0])
    return lambda x: np.asarray(forward(jnp.asarray(x)))


def evaluate(options):
    """Character error rates: edits / characters, everything the generator draws counted, unreadable pictures too."""
    read = logits_of(reader.load(options.weights))
    families = fonts.groups("held out")
    table = {}
    for kind, worn in (("clean", 0.0), ("worn", 1.0)):
        errors = table[kind] = reader.Errors()
        for index, (family, files) in enumerate(families.items()):
            lines = Lines({family: files}, [options.seed, index], worn)
            for _, text, image in itertools.islice(lines, options.lines):
                try:
                    errors.add(family, text, reader.decode(read(picture.normalise(image)[None])))
                except picture.NoText:
                    errors.add(family, text, "")
    print("| family | clean | worn |\n|---|---|---|")
    for family in families:
        print(f"| {family} | {100 * table['clean'].rate(family):.2f} % | {100 * table['worn'].rate(family):.2f} % |")
    print(f"| all | {100 * table['clean'].rate():.2f} % | {100 * table['worn'].rate():.2f} % |")
    print(f"\n{options.lines} lines a cell, {sum(table['clean'].characters.values())} and {sum(table['worn'].characters.values())} characters")


def samples(options):
    """The pictures of samples.py, what they say, and the logits for the very files."""
    folder = HERE / "samples"
    read = logits_of(reader.load(options.weights))
    families = fonts.groups("held out")
    truths, logits = [], {}
    for name, text, data in make_samples(families):
        (folder / name).write_bytes(data)
        truths.append(f"{name}\t{text}\n")
        logits[name] = read(picture.load(data)[None])
        print(f"{name:14} {reader.decode(logits[name])!r}{'' if reader.decode(logits[name]) == text else '  but it says ' + repr(text)}")
    (folder / "truth.txt").write_text("".join(truths), encoding="utf-8")
    save_file(logits, folder / "logits.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("train")
    command.set_defaults(run=train)
    command.add_argument("--steps", type=int, default=9000)
    command.add_argument("--minutes", type=float, default=1e9, help="end the schedule after this long, if that is before --steps")
    command.add_argument("--seed", type=int, default=1)
    command.add_argument("--rate", type=float, default=2e-3)
    command.add_argument("--checkpoint", type=Path, default=HERE / "checkpoint.eqx")
    command.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    command.add_argument("--weights", type=Path, default=WEIGHTS)
    command = commands.add_parser("evaluate")
    command.set_defaults(run=evaluate)
    command.add_argument("--lines", type=int, default=200, help="lines of each family, clean and worn")
    command.add_argument("--seed", type=int, default=1000)
    command.add_argument("--weights", type=Path, default=WEIGHTS)
    command = commands.add_parser("samples")
    command.set_defaults(run=samples)
    command.add_argument("--weights", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    options.run(options)


if __name__ == "__main__":
    main()
