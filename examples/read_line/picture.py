# SPDX-License-Identifier: MIT
"""From a picture file to the network's input. picture.hpp is the same in C++, formula by formula.

Gray     g = (299 R + 587 G + 114 B + 500) div 1000, alpha flattened on white, 8 bits a channel.

Split    Otsu's threshold t cuts the grays into g <= t and g > t where n0 n1 (m0 - m1)^2 is largest (n counts, m means;
         the lowest such t). The class that holds most of the picture's outermost ring is the background, on a tie the
         lighter one. m0 and m1 less than 12 apart: no text.

Contrast v = clip((g - m_background) / (m_ink - m_background), 0, 1)

Box      Pixels of the ink class with two or more of their eight neighbours in it (if there are none: all of the ink
         class) span the box x0 <= x < x1, y0 <= y < y1 of size w by h.

Window   H = max(h, w / 64) is the height of the letters. The window is H/8 higher than the box on either side and H/4
         wider: height 5/4 H about the middle of the box, width w + H/2 from x0 - H/4. Outside the picture v = 0.

Resize   to 32 rows and floor(32 * width / height + 1/2) columns, rows first, then columns. Cell j of n over a window from a
         of length l has its centre at c = a + (j + 1/2) l/n and takes pixel i with weight max(0, 1 - |i + 1/2 - c| / s),
         s = max(1, l/n), divided by the sum of these weights.

Pad      columns of 0 on the right up to the next multiple of 32.
"""

import io

import numpy as np
from PIL import Image

HEIGHT = 32
LONGEST = 64  # a box wider than this many times its height is seen as that high
STEP = 32  # widths are multiples of this, as in training
LEAST_CONTRAST = 12
MOST_PIXELS = 1 << 26


class NoText(ValueError):
    """The picture shows nothing that stands out."""


def gray(image):
    """PIL image -> (rows, columns) uint8."""
    if image.width * image.height > MOST_PIXELS:
        raise ValueError(f"more than {MOST_PIXELS} pixels")
    if image.mode.startswith("I"):  # 16 bits: Pillow's own conversion clips them at 255
        image = Image.fromarray((np.asarray(image, dtype=np.int64) >> 8).astype(np.uint8))
    rgba = np.asarray(image.convert("RGBA"), dtype=np.int64)
    alpha = rgba[..., 3:]
    r, g, b = np.moveaxis((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255, -1, 0)
    return ((299 * r + 587 * g + 114 * b + 500) // 1000).astype(np.uint8)


def _threshold(grays):
    """Otsu's threshold and the means of the two classes."""
    count = np.bincount(grays.ravel(), minlength=256)
    n0, s0 = np.cumsum(count)[:-1], np.cumsum(count * np.arange(256))[:-1]
    n1, s1 = grays.size - n0, int((count * np.arange(256)).sum()) - s0
    with np.errstate(divide="ignore", invalid="ignore"):
        m0, m1 = s0 / n0, s1 / n1
        between = np.where((n0 > 0) & (n1 > 0), n0.astype(float) * n1.astype(float) * (m0 - m1) * (m0 - m1), 0.0)
    t = int(np.argmax(between))
    if between[t] == 0 or m1[t] - m0[t] < LEAST_CONTRAST:
        raise NoText("no text found")
    return t, m0[t], m1[t]


def _ring(a):
    """The outermost pixels, each once."""
    inner = a[1:-1]
    return np.concatenate([a[0], a[-1] if len(a) > 1 else a[:0].ravel(), inner[:, 0], inner[:, -1] if a.shape[1] > 1 else inner[:, :0].ravel()])


def _box(ink):
    padded = np.pad(ink, 1).astype(np.uint8)
    rows, columns = ink.shape
    neighbours = sum(padded[dy : dy + rows, dx : dx + columns] for dy in range(3) for dx in range(3) if (dy, dx) != (1, 1))
    solid = ink & (neighbours >= 2)
    solid = solid if solid.any() else ink
    ys, xs = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    return int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1


def _weights(size, start, length, cells):
    """(cells, size) float32: the triangle filter's weights."""
    step = length / cells
    support = max(1.0, step)
    centre = start + (np.arange(cells)[:, None] + 0.5) * step
    i = np.floor(centre - support).astype(int) + np.arange(int(np.ceil(2 * support)) + 2)
    weight = np.maximum(0.0, 1.0 - np.abs(i + 0.5 - centre) / support)
    weight /= weight.sum(1, keepdims=True)
    inside = (i >= 0) & (i < size)
    matrix = np.zeros((cells, size), np.float32)
    matrix[np.nonzero(inside)[0], i[inside]] = weight[inside]
    return matrix


def normalise(grays):
    """(rows, columns) uint8 -> (32, W) float32, W a multiple of 32: ink 1, background 0, the letters filling the height."""
    rows, columns = grays.shape
    t, m0, m1 = _threshold(grays)
    ring = _ring(grays)
    dark_on_light = 2 * np.count_nonzero(ring > t) >= ring.size
    background, ink = (m1, m0) if dark_on_light else (m0, m1)
    table = np.clip((np.arange(256) - background) / (ink - background), 0.0, 1.0).astype(np.float32)
    x0, y0, x1, y1 = _box(grays <= t if dark_on_light else grays > t)
    letters = max(float(y1 - y0), (x1 - x0) / LONGEST)
    height, width = 1.25 * letters, x1 - x0 + 0.5 * letters
    top, left = 0.5 * (y0 + y1) - 0.5 * height, x0 - 0.25 * letters
    cells = int(np.floor(HEIGHT * width / height + 0.5))
    # Only the pixels under the window take part: the products stay small on large pictures.
    reach = max(1.0, width / cells, height / HEIGHT) + 1.0
    r0, r1 = max(0, int(top - reach)), min(rows, int(top + height + reach) + 1)
    c0, c1 = max(0, int(left - reach)), min(columns, int(left + width + reach) + 1)
    part = table[grays[r0:r1, c0:c1]]
    line = _weights(r1 - r0, top - r0, height, HEIGHT) @ part @ _weights(c1 - c0, left - c0, width, cells).T
    return np.pad(line, ((0, 0), (0, -cells % STEP)))


def load(path_or_bytes):
    """File (or its bytes) -> (32, W) float32."""
    source = io.BytesIO(path_or_bytes) if isinstance(path_or_bytes, bytes) else path_or_bytes
    with Image.open(source) as image:
        return normalise(gray(image))
