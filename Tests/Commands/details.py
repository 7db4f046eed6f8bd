"""Details that were wrong once."""

import os
import pty
import struct
import subprocess
import zlib

import h5py
import numpy

from .support import BINARY, TIME_LIMIT, CommandTest


def png(path):
    """A grey picture of one pixel."""
    def part(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", zlib.compress(bytes(2))) + part(b"IEND", b""))


class Details(CommandTest):
    def convert_csv(self, text, *options):
        source, output = self.folder / "table.csv", self.folder / "table.h5"
        source.write_text(text)
        self.succeed("convert", "csv", "--input", source, "--output", output, *options)
        with h5py.File(output) as file:
            return file["train/features"][:].tolist(), file["train/targets"][:, 0].tolist()

    def test_a_table_without_headings(self):
        """Its first row is not taken for names: it would be lost without a word."""
        text = "1,2,3\n4,5,6\n7,8,9\n"
        source, output = self.folder / "bare.csv", self.folder / "never.h5"
        source.write_text(text)
        self.refuse(
            65, "convert", "csv", "--input", source, "--target", "3", "--output", output,
            mentions=[source, "row 1", "1, 2, 3", "--no-header"])
        self.assertFalse(output.exists())
        self.assertEqual(
            self.convert_csv(text, "--target", "2", "--no-header"), ([[1, 2], [4, 5], [7, 8]], [3, 6, 9]))
        self.assertEqual(self.convert_csv("1,y\n4,5\n", "--target", "y"), ([[4]], [5]))

    def test_tabs(self):
        for separator in ("\\t", "\t"):
            self.assertEqual(
                self.convert_csv("x\ty\n1\t2\n3\t4\n", "--target", "y", "--separator", separator), ([[1], [3]], [2, 4]))
        self.refuse(
            64, "convert", "csv", "--input", self.folder / "table.csv", "--target", "y", "--output", self.folder / "n.h5",
            "--separator", "\\n", mentions=["separator"])

    def test_names_of_images(self):
        """Two files of one name but for its ending stay apart; others have the name alone."""
        folder, output, labels = self.folder / "pictures", self.folder / "pictures.h5", self.folder / "labels.csv"
        for name in ("a/grey.png", "a/grey.PNG", "b/grey.png"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            png(folder / name)
        self.succeed("convert", "images", folder, "--output", output)
        with h5py.File(output) as file:
            self.assertEqual(file["train/names"][:].tolist(), [b"a/grey.PNG", b"a/grey.png", b"b/grey"])
        flat = self.folder / "flat"
        flat.mkdir()
        for name in ("one.png", "two.png"):
            png(flat / name)
        labels.write_text("one,x\ntwo,y\n")
        never = self.folder / "never.h5"
        self.refuse(
            65, "convert", "images", flat, "--labels", labels, "--output", never, mentions=[labels, "line 1", '"one"'])
        labels.write_text("id,label\none,x\ntwo,y\n")
        self.succeed("convert", "images", flat, "--labels", labels, "--output", output)

    def test_logarithms_of_standardised_targets(self):
        """log_rmse is of the target's own unit, in which it was before: the same whether it was standardised or not."""
        random, found = numpy.random.default_rng(3), []
        rows = [(x, 100_000 + 20_000 * x) for x in random.normal(size=64)]
        source, output = self.folder / "prices.csv", self.folder / "prices.h5"
        source.write_text("x,price\n" + "".join(f"{x},{price}\n" for x, price in rows))
        self.succeed("convert", "csv", "--input", source, "--target", "price", "--standardize-target", "--output", output)
        self.succeed(
            "train", "house-prices", "--data", output, "--steps", 0, "--quiet", "--checkpoint", self.folder / "prices",
            "--batch-size", 64)
        shown = self.succeed("evaluate", self.folder / "prices", "--data", output, "--split", "train")
        with h5py.File(self.newest("prices")) as file:
            weight, bias = file["model/0.weight"][0, 0], file["model/0.bias"][0]
        prices = numpy.array([price for _, price in rows])
        guesses = (numpy.array([x for x, _ in rows]) * weight + bias) * prices.std() + prices.mean()
        wanted = numpy.sqrt(numpy.mean((numpy.log(numpy.maximum(guesses, 1)) - numpy.log(prices)) ** 2))
        found = float(shown.split("log_rmse ")[1].split(",")[0])
        self.assertAlmostEqual(found, wanted, delta=0.02 * wanted)

    def test_the_progress_line_ends(self):
        """On a terminal, what comes next takes its place or stands below it."""
        words = [BINARY, "train", "mlp", "--data", self.data, "--batch-size", 1, "--steps"]
        for steps, options, last in ((400, (), "stopped at step 400"), (400, ("--learning-rate", 1e30), "lockstep: ")):
            leader, follower = pty.openpty()
            process = subprocess.Popen(
                [str(word) for word in [*words, steps, *options]], stdout=follower, stderr=follower)
            os.close(follower)
            shown = b""
            while True:
                try:
                    shown += os.read(leader, 4096)
                except OSError:
                    break
            os.close(leader)
            process.wait(TIME_LIMIT)
            # What a terminal shows of each line: what comes behind the last return to its start.
            lines = [line.split("\r\x1b[K")[-1] for line in shown.decode().replace("\r\n", "\n").split("\n")]
            place = next(index for index, line in enumerate(lines) if last in line)
            self.assertTrue(lines[place].startswith(last), lines)
