"""Damaged and hostile files by the ten thousand, in processes that start anew where one of them dies."""

import signal
import struct
import subprocess

from Commands.support import ROOT, run, small_dataset

from .table import Sums

PROGRAM = ROOT / ".build" / "release" / "Torture"
MOST_DEATHS = 5000
ROOM = 64 << 20


def flips(bench, random, count):
    """Each bit flipped and each truncation, `count` of a file at most."""
    table = Sums("flips")
    for name, path in own_files(bench):
        size = path.stat().st_size
        stride = max(1, 9 * size // count)
        found = program(bench, "flips", path, stride)
        table.row(f"{name} of {size:,} bytes: {'each' if stride == 1 else f'each {stride}th'} bit and truncation", found.total)
        table.row(f"{name}: found", found.refused)
        table.row(f"{name}: without effect", found.same)
        table.wanted_none(f"{name}: another content and no word of it", found.other, "flips")
        table.wanted_none(f"{name}: crashes and hangs", len(found.deaths), found.deaths)
    return table


def hostile(bench, random, count):
    """Mutations whose checksums fit again."""
    table = Sums("hostile")
    files = [*own_files(bench), ("dataset by h5py", foreign_file(bench))]
    deaths, most = [], (0, "")
    for name, path in files:
        found = program(bench, "hostile", path, max(1, count // len(files)), random.randrange(1 << 32))
        table.row(f"{name} of {path.stat().st_size:,} bytes: mutated and sealed again", found.total)
        table.row(f"{name}: refused", found.refused)
        deaths += found.deaths
        most = max(most, (found.memory, f"{name}, file {found.fattest}"))
    ended = [death for death in deaths if death.startswith("65")]
    table.row("libhdf5's own faults: the process ends with one line and exit code 65", len(ended))
    deaths = [death for death in deaths if not death.startswith("65")]
    table.wanted_none("crashes and hangs", len(deaths), deaths)
    table.row(f"most memory beyond the file's size (at most {ROOM >> 20} MiB)", f"{most[0] / (1 << 20):.1f} MiB")
    if most[0] > ROOM:
        table.fail(f"hostile: {most[0]} bytes of memory: {most[1]}")
    return table


class Found:
    """What the program counted, and where it died."""

    def __init__(self, numbers, deaths):
        _, self.refused, self.same, self.other, self.memory, self.fattest = numbers
        self.deaths = deaths
        self.total = self.refused + self.same + self.other + len(deaths)


def program(bench, what, path, *more):
    bench.count += 1
    status, deaths, start = bench.folder / f"status-{bench.count}", [], 0
    while True:
        words = [str(word) for word in (PROGRAM, what, path, status, start, *more)]
        done = subprocess.run(words, capture_output=True, text=True)
        numbers = struct.unpack("6q", status.read_bytes())
        if done.returncode == 0:
            return Found(numbers, deaths)
        isReported = done.returncode == 65 and done.stderr.endswith(
            f"lockstep: {status}.h5: libhdf5 fails on it: it is damaged\n")
        if done.returncode > 0 and not isReported:
            raise RuntimeError(f"{words}: {done.stderr}")
        number = -done.returncode
        name = "hangs" if number == signal.SIGALRM else signal.Signals(number).name if number > 0 else "65"
        deaths.append(f"{name} at file {numbers[0]} of {' '.join(words[1:3])} {' '.join(map(str, more))}")
        if len(deaths) == MOST_DEATHS:
            deaths.append("given up")
            return Found(numbers, deaths)
        start = numbers[0] + 1


def own_files(bench):
    """A checkpoint and a dataset of each kind, small, as Lockstep writes them."""
    folder = bench.folder / "small"
    if not folder.exists():
        folder.mkdir()
        write_sources(folder)
        for words in (
                ("idx", "--train-images", folder / "images", "--train-labels", folder / "labels", "--output", folder / "images.h5"),
                ("csv", "--input", folder / "table.csv", "--target", "target", "--output", folder / "table.h5"),
                ("text", folder / "text.txt", "--output", folder / "text.h5"),
                ("pairs", folder / "pairs.txt", "--min-frequency", 1, "--output", folder / "pairs.h5")):
            must(run("convert", *words))
        must(run(
            "train", "linear-regression", "--data", folder / "table.h5", "--batch-size", 8, "--steps", 2, "--quiet",
            "--optimizer", "adam", "--checkpoint", folder / "saved"))
        next((folder / "saved").glob("*.h5")).rename(folder / "checkpoint.h5")
    names = {"checkpoint": "checkpoint", "images": "dataset of images", "table": "dataset of a table",
             "text": "dataset of a text", "pairs": "dataset of translations"}
    return [(name, folder / f"{file}.h5") for file, name in names.items()]


def must(done):
    if done.returncode != 0:
        raise RuntimeError(f"{done.args}: {done.stderr}")


def write_sources(folder):
    pixels = bytes((7 * i) % 251 for i in range(6 * 5 * 5))
    (folder / "images").write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, 6, 5, 5) + pixels)
    (folder / "labels").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, 6) + bytes([0, 1, 2, 0, 1, 2]))
    rows = "".join(f"{i},{i * i % 17},{i % 5}\n" for i in range(24))
    (folder / "table.csv").write_text("width,height,target\n" + rows)
    (folder / "text.txt").write_text("the time traveller for so it will be convenient to speak of him\n")
    (folder / "pairs.txt").write_text("go .\tva !\nrun !\tcours !\ni lost .\tj'ai perdu .\nhe is calm .\til est calme .\n")


def foreign_file(bench):
    """In the oldest format, whose descriptions have no checksums."""
    path = bench.folder / "foreign.h5"
    small_dataset(path, images=12, tests=4, size=6)
    return path
