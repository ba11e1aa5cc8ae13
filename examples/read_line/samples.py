# SPDX-License-Identifier: MIT
"""The sample pictures: lines in fonts that were held out of the training."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

PAPER, NIGHT = ((255, 255, 255), (0, 0, 0)), ((30, 34, 42), (220, 223, 228))  # (ground, ink)

# file, group, font, size in pixels, colours, text
SAMPLES = (
    ("invoice.png", "ParaType", "PTS55F", 26, PAPER, "Invoice No. 4711: $1,284.50"),
    ("terminal.png", "JetBrains Mono", "JetBrainsMono-Regular", 18, NIGHT, "git push origin main -f"),
    ("scan.png", "Charis", "CharisSIL-Regular", 38, ((236, 232, 222), (52, 48, 46)), "The ship sailed on 3 May 1887."),
    ("photo.jpg", "Lato", "Lato-Medium", 30, ((246, 214, 150), (40, 60, 110)), "Open Mon-Fri, 9:30 to 18:00"),
    ("short.png", "Clear Sans", "ClearSans-Bold", 48, PAPER, "Gate 7"),
    ("small.pgm", "Gentium", "GentiumPlus-Regular", 14, PAPER, "See also (p. 42) & Table 3"),
    ("italic.png", "Vollkorn", "Vollkorn-Italic", 32, ((250, 250, 245), (20, 20, 20)), '"Why not?" she said;'),
    ("poster.ppm", "Cabin", "Cabin-Bold", 44, ((176, 30, 48), (255, 244, 214)), "50% OFF TODAY!"),
    ("address.png", "Inconsolata", "Inconsolata", 22, ((200, 206, 214), (60, 70, 80)), "j.doe+tax@mail.example.org"),
)


def make_samples(families):
    """(file name, text, bytes of the file) of each."""
    for name, group, stem, size, (ground, ink), text in SAMPLES:
        path = next(path for path in families[group] if Path(path).stem == stem)
        font = ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
        left, top, right, bottom = font.getbbox(text)
        margin = size // 3
        image = Image.new("RGB", (right - left + 2 * margin, bottom - top + 2 * margin), ground)
        ImageDraw.Draw(image).text((margin - left, margin - top), text, font=font, fill=ink)
        if name == "scan.png":
            image = scanned(image, ground)
        data = io.BytesIO()
        image = image.convert("L") if name.endswith(".pgm") else image
        kind = {"jpg": "JPEG", "png": "PNG"}.get(name.split(".")[-1], "PPM")
        image.save(data, kind, **({"quality": 55} if kind == "JPEG" else {}))
        yield name, text, data.getvalue()


def scanned(image, ground):
    """Turned a little, blurred and noisy, gray."""
    image = image.rotate(0.8, Image.Resampling.BICUBIC, expand=True, fillcolor=ground).convert("L").filter(ImageFilter.GaussianBlur(0.8))
    noise = np.random.default_rng(1).normal(0, 9, (image.height, image.width))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))
