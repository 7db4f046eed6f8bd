"""Makes resizing.json and pictures.json with Pillow 11.3.0: `python make_fixtures.py`.

(Pillow 13 takes columns before rows for some changes of shape, and is then one grey level off.)

resizing.json: what Pillow's bilinear filter, that of torchvision's Resize, makes of images that both sides compute.
pictures.json: small PNG and JPEG files and the pixels that Pillow finds in them, in colour and in grey.
"""

import base64
import hashlib
import io
import json
import pathlib
import struct
import zlib

from PIL import Image

HERE = pathlib.Path(__file__).parent


def pixels(count, seed):
    """Linear congruential numbers, the same as in the Swift tests."""
    state, result = seed, bytearray()
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        result.append(state >> 24)
    return bytes(result)


def text(data):
    return base64.b64encode(data).decode()


def resizing():
    sizes = [
        (28, 28, 96, 96), (28, 28, 224, 224), (28, 28, 14, 14), (96, 96, 28, 28), (33, 47, 20, 70), (5, 3, 7, 11),
        (1, 1, 4, 4), (40, 40, 1, 1), (300, 17, 32, 32), (28, 28, 28, 40), (28, 28, 40, 28), (100, 90, 99, 91)]
    cases = []
    for height, width, target_height, target_width in sizes:
        image = Image.frombytes("L", (width, height), pixels(height * width, height * 1000 + width))
        resized = image.resize((target_width, target_height), Image.Resampling.BILINEAR).tobytes()
        cases.append({
            "from": [height, width], "to": [target_height, target_width],
            "sha256": hashlib.sha256(resized).hexdigest(), "firstPixels": list(resized[:12])})
    return cases


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(width, height, depth, color, rows, interlaced=0, extra=()):
    """A PNG file from its unfiltered rows; Pillow writes neither every depth nor interlaced files."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(extra) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def adam7(image):
    """The rows of an interlaced file of 8 bits."""
    rows, bands = [], len(image.getbands())
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        for y in range(y0, image.height, dy):
            row = [image.getpixel((x, y)) for x in range(x0, image.width, dx)]
            if row:
                rows.append(bytes(value for pixel in row for value in (pixel if bands > 1 else (pixel,))))
    return rows


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def smooth(mode, width, height):
    """Without hard edges, as photographs are."""
    bands = len(Image.new(mode, (1, 1)).getbands())
    small = Image.frombytes(mode, (3, 2), pixels(6 * bands, 77))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def pictures():
    width, height = 11, 7
    def noise(mode, seed):
        return Image.frombytes(mode, (width, height), pixels(width * height * len(Image.new(mode, (1, 1)).getbands()), seed))
    color, grey = noise("RGB", 1), noise("L", 2)
    palette = color.quantize(16)
    gamma = chunk(b"gAMA", struct.pack(">I", 100000))
    files = {
        "grey.png": saved(grey, "PNG"), "color.png": saved(color, "PNG"),
        "grey-alpha.png": saved(noise("LA", 3), "PNG"), "color-alpha.png": saved(noise("RGBA", 4), "PNG"),
        "palette.png": saved(palette, "PNG"), "palette-transparent.png": saved(palette, "PNG", transparency=3),
        "bits-1.png": saved(grey.convert("1"), "PNG"),
        "bits-2.png": raw_png(6, 2, 2, 0, [b"\x1b\x40", b"\xe4\x80"]),
        "bits-4.png": raw_png(4, 2, 4, 0, [b"\x01\x9f", b"\xfe\x37"]),
        "color-16.png": raw_png(2, 2, 16, 2, [pixels(12, 5), pixels(12, 6)]),
        "interlaced.png": raw_png(width, height, 8, 2, adam7(color), interlaced=1),
        "interlaced-grey.png": raw_png(width, height, 8, 0, adam7(grey), interlaced=1),
        "gamma.png": raw_png(4, 1, 8, 0, [b"\x00\x40\x80\xff"], extra=[gamma]),
        "grey.jpg": saved(smooth("L", 23, 17), "JPEG", quality=85),
        "color.jpg": saved(smooth("RGB", 23, 17), "JPEG", quality=85),
        "color-444.jpg": saved(smooth("RGB", 23, 17), "JPEG", quality=95, subsampling=0),
        "progressive.jpg": saved(smooth("RGB", 23, 17), "JPEG", quality=85, progressive=True),
        "cmyk.jpg": saved(smooth("CMYK", 23, 17), "JPEG", quality=90)}
    cases = []
    for name, data in files.items():
        image = Image.open(io.BytesIO(data))
        cases.append({
            "name": name, "file": text(data), "height": image.height, "width": image.width,
            "channels": 1 if image.mode in ("L", "LA", "1") else 3,
            "color": text(image.convert("RGB").tobytes()), "grey": text(image.convert("L").tobytes())})
    return cases


for name, cases in (("resizing", resizing()), ("pictures", pictures())):
    (HERE / f"{name}.json").write_text(json.dumps(cases, indent=1) + "\n")
