# SPDX-License-Identifier: MIT
"""Lines of text, rendered and worn: `Lines(fonts, seed)` is an endless stream of (group, text, gray picture)."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from fonts import CHARACTERS

WORD_LIST = Path("/usr/share/dict/words")  # Debian's wamerican
LONGEST = 40
_VISIBLE = CHARACTERS[1:]


class Text:
    """Draws lines of 1 to 40 printable ASCII characters, single spaces inside."""

    def __init__(self, rng):
        self.rng = rng
        words = WORD_LIST.read_text(encoding="utf-8").split()
        self.words = [word for word in words if word.isascii()]

    def __call__(self):
        kinds = (self.sentence, self.capitals, self.numbers, self.computer, self.random)
        longest = int(self.rng.integers(1, LONGEST + 1)) if self.rng.random() < 0.7 else int(self.rng.integers(1, 13))
        kind = kinds[self.rng.choice(len(kinds), p=(0.38, 0.12, 0.15, 0.15, 0.20))]
        line = kind()
        while len(line) < longest:
            line += " " + kind()
        return line[:longest].strip() or self.word()[:longest]

    def pick(self, options):
        return options[int(self.rng.integers(len(options)))]

    def word(self):
        return self.pick(self.words)

    def digits(self, most):
        return "".join(self.pick("0123456789") for _ in range(int(self.rng.integers(1, most + 1))))

    def sentence(self):
        words = [self.word() for _ in range(int(self.rng.integers(1, 8)))]
        if self.rng.random() < 0.6:
            words[0] = words[0].capitalize()
        for i in range(len(words)):
            chance = self.rng.random()
            if chance < 0.10:
                words[i] += self.pick((",", ",", ";", ":", "-" + self.word(), "'s", " -", " &"))
            elif chance < 0.14:
                left, right = self.pick(('""', "''", "()", "[]", "``"))
                words[i] = left + words[i] + right
            elif chance < 0.18:
                words[i] = self.digits(4)
        return " ".join(words) + (self.pick("...?!.:;") if self.rng.random() < 0.5 else "")

    def capitals(self):
        change = self.pick((str.upper, str.upper, str.title))
        return " ".join(change(self.word()) for _ in range(int(self.rng.integers(1, 5))))

    def numbers(self):
        d = self.digits
        return self.pick((
            lambda: d(6),
            lambda: d(3) + "." + d(3),
            lambda: d(2) + "," + d(3) + self.pick((".", "")) + d(2),
            lambda: self.pick(("$", "EUR ", "USD ", "-", "+", "~", "#", "No. ")) + d(4) + "." + d(2),
            lambda: d(3) + self.pick(("%", " %", " kg", " mm", " GB", "x", "th", "/" + d(2))),
            lambda: f"{d(2)}:{d(2)}" + self.pick(("", ":" + d(2), " am", " PM")),
            lambda: self.pick("/.-").join((d(2), d(2), d(4))),
            lambda: "-".join((d(4), d(2), d(2))),
            lambda: f"({d(3)}) {d(3)}-{d(4)}",
            lambda: f"+{d(2)} {d(3)} {d(6)}",
            lambda: d(2) + self.pick((" + ", " - ", " * ", " / ", " = ", " < ", " > ", "^", "+", "*", "=")) + d(3),
            lambda: self.pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ") + d(3) + "-" + d(4),
        ))()

    def computer(self):
        w = lambda: self.word().replace("'", "")
        low = lambda: w().lower()
        return self.pick((
            lambda: f"{low()}{self.pick('._-+')}{low()}@{low()}.{self.pick(('com', 'org', 'net', 'de', 'io'))}",
            lambda: f"{self.pick(('http', 'https'))}://{self.pick(('', 'www.'))}{low()}.{self.pick(('com', 'org', 'edu'))}/{low()}?{low()}={self.digits(3)}&{low()}",
            lambda: f"/{low()}/{low()}/{low()}.{self.pick(('txt', 'py', 'h', 'cpp', 'png'))}",
            lambda: f"C:\\{w()}\\{low()}.exe",
            lambda: f"{low()}[{self.digits(2)}] {self.pick(('=', '==', '!=', '+=', '<=', '>=', '|=', '&&', '||', '->'))} {low()};",
            lambda: f"{low()}({low()}, {self.digits(3)}){self.pick((';', ' {', '', '->' + low()))}",
            lambda: f"{{\"{low()}\": {self.digits(4)}}}",
            lambda: f"<{low()} {low()}=\"{self.digits(3)}\">",
            lambda: f"${low()}_{low()} | {low()} -{self.pick('abcxyzR')} ~/{low()}",
            lambda: f"`{low()}` #{low()} @{low()} *{low()}* _{low()}_",
            lambda: f"{low()}_{low()}{self.pick(('', '()', '++', '--', '^2', '%'))}",
            lambda: f"[{w()}]({low()}.html) \\{low()}{{{low()}}}",
        ))()

    def random(self):
        return "".join(self.pick(_VISIBLE) for _ in range(int(self.rng.integers(1, 10))))


class Lines:
    """fonts: {group: [file, …]}. worn: the share of pictures that are augmented, the others are clean."""

    def __init__(self, fonts, seed, worn=0.7):
        self.rng = np.random.default_rng(seed)
        self.text = Text(self.rng)
        self.groups = list(fonts)
        self.fonts = fonts
        share = np.sqrt([min(len(fonts[group]), 25) for group in self.groups])
        self.share = share / share.sum()
        self.worn = worn

    def __iter__(self):
        return self

    def __next__(self):
        group = self.groups[self.rng.choice(len(self.groups), p=self.share)]
        text = self.text()
        return group, text, self.picture(self.text.pick(self.fonts[group]), text)

    def chance(self, p):
        return self.rng.random() < p

    def between(self, low, high):
        return float(self.rng.uniform(low, high))

    def picture(self, font, text):
        """uint8 gray picture of the line."""
        worn = self.chance(self.worn)
        size = float(np.exp(self.between(np.log(11), np.log(60))))
        sharpness = self.between(1.3, 3) if self.chance(0.25) else 1.0  # drawn larger, then scaled down
        spacing = self.between(-0.03, 0.15) * size if worn and self.chance(0.2) else 0.0
        cover = self.draw(font, text, size * sharpness, spacing * sharpness)
        if worn:
            cover = self.bend(cover, size * sharpness)
        if sharpness > 1:
            cover = cover.resize([max(1, round(side / sharpness)) for side in cover.size], Image.Resampling.BOX)
        cover = self.frame(np.asarray(cover, np.float32) / 255, size)
        if worn:
            cover = self.soften(cover, size)
        picture = self.ink(cover, worn)
        return self.wear(picture, size) if worn else np.clip(np.rint(picture), 0, 255).astype(np.uint8)

    def draw(self, path, text, size, spacing):
        font = ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
        mode = "1" if self.chance(0.04) and size > 14 else "L"
        border = round(size)
        advances = [font.getlength(c) + spacing for c in text]
        width = sum(advances) if spacing else font.getlength(text)
        image = Image.new("L", (int(width + 2 * border), int(1.6 * size + 2 * border)), 0)
        pen = ImageDraw.Draw(image)
        pen.fontmode = mode
        x = border + self.between(0, 1)
        if spacing:
            for c, advance in zip(text, advances):
                pen.text((x, border), c, font=font, fill=255)
                x += advance
        else:
            pen.text((x, border), text, font=font, fill=255)
        return image

    def bend(self, image, size):
        """Weight of the strokes, slant and rotation."""
        if self.chance(0.25):
            cover = np.asarray(image, np.float32)
            radius = 3 if size > 30 and self.chance(0.4) else 2
            if self.chance(0.5):
                other, most = ndimage.grey_dilation(cover, (radius, radius)), 1.0
            else:
                other, most = ndimage.grey_erosion(cover, (2, 2)), 0.6 if size < 30 else 0.9
            image = Image.fromarray(np.uint8(cover + self.between(0.2, most) * (other - cover)))
        if self.chance(0.4):
            slant = self.between(-0.12, 0.3) if self.chance(0.5) else 0.0
            angle = np.radians(np.clip(self.rng.normal(0, 0.9), -2, 2)) if slant == 0 or self.chance(0.3) else 0.0
            width, height = image.size
            more = int(abs(slant) * height + abs(np.sin(angle)) * width) + 2
            larger = Image.new("L", (width + 2 * more, height + 2 * more), 0)
            larger.paste(image, (more, more))
            cx, cy = larger.width / 2, larger.height / 2
            cos, sin = np.cos(angle), np.sin(angle)
            a, b, d, e = cos, -sin + slant * cos, sin, cos + slant * sin
            image = larger.transform(larger.size, Image.Transform.AFFINE, (a, b, cx - a * cx - b * cy, d, e, cy - d * cx - e * cy), Image.Resampling.BILINEAR)
        return image

    def frame(self, cover, size):
        """Cut to the ink, then random margins."""
        ys, xs = np.flatnonzero(cover.max(1) > 0.3), np.flatnonzero(cover.max(0) > 0.3)
        if len(ys):
            cover = cover[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
        most = self.pick_margin() * size
        margins = [int(self.rng.integers(1, 3 + int(most))) for _ in range(4)]
        return np.pad(cover, (margins[:2], margins[2:]))

    def pick_margin(self):
        return (0.1, 0.5, 1.2)[self.rng.choice(3, p=(0.25, 0.5, 0.25))]

    def soften(self, cover, size):
        if self.chance(0.35):
            sigma = self.between(0.2, 1.0) * max(0.6, size / 32)
            cover = ndimage.gaussian_filter(cover, sigma)
            cover = cover / max(0.3, float(cover.max()))
        return cover

    def ink(self, cover, worn):
        """Gray ink on a gray ground, either the lighter."""
        if worn:
            dark, light = self.between(0, 110), self.between(160, 255)
            if self.chance(0.15):
                dark = self.between(0, 180)
                light = dark + self.between(45, 75)
        else:
            dark, light = (0.0, 255.0) if self.chance(0.5) else (self.between(0, 90), self.between(180, 255))
        front, back = (light, dark) if self.chance(0.35) else (dark, light)
        ground = np.full(cover.shape, back, np.float32)
        contrast = abs(front - back)
        if worn and self.chance(0.25):
            x, y = np.linspace(-0.5, 0.5, cover.shape[1]), np.linspace(-0.5, 0.5, cover.shape[0])
            ground += contrast * (self.between(-0.35, 0.35) * x[None, :] + self.between(-0.15, 0.15) * y[:, None])
        if worn and self.chance(0.15):
            texture = ndimage.gaussian_filter(self.rng.standard_normal(cover.shape, np.float32), self.between(0.7, 4))
            ground += contrast * self.between(0.02, 0.08) * texture / max(1e-6, float(texture.std()))
        return ground + (front - ground) * cover

    def wear(self, picture, size):
        contrast = float(picture.max() - picture.min())
        if self.chance(0.35):
            picture = picture + self.between(0.01, 0.10) * contrast * self.rng.standard_normal(picture.shape, np.float32)
        if self.chance(0.08):
            hit = self.rng.random(picture.shape) < self.between(0.0005, 0.006)
            picture = np.where(hit, np.where(self.rng.random(picture.shape) < 0.5, 0, 255), picture)
        picture = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
        if self.chance(0.3):
            data = io.BytesIO()
            Image.fromarray(picture).save(data, "JPEG", quality=int(self.rng.integers(25, 92)))
            picture = np.asarray(Image.open(data))
        return picture
