"""Conversions of what is larger than the memory, their storage, and inspect --verify."""

import os
import resource
import signal
import struct
import subprocess
import time

import h5py
import numpy

from .support import BINARY, CommandTest, run

LIMIT = 512 << 20  # bytes of address space that a conversion may take
SOURCE = 160 << 20  # bytes of a source that is larger than
SMALL = 96 << 20  # what a conversion of a smaller one may take


class Converting(CommandTest):
    def idx(self, count, size=28, sparse=True):
        """The options for images of zeros and their labels; sparse files, which take no room."""
        images, labels = self.folder / f"{count}-images", self.folder / f"{count}-labels"
        for path, shape in ((images, (count, size, size)), (labels, (count,))):
            header = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
            path.write_bytes(header)
            os.truncate(path, len(header) + int(numpy.prod(shape)))
        return ["--train-images", images, "--train-labels", labels]

    def limited(self, *arguments, limit=LIMIT):
        words = [str(word) for word in (BINARY, *arguments)]
        return subprocess.run(
            words, capture_output=True, text=True, timeout=300,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)))

    def test_more_images_than_memory(self):
        output = self.folder / "large.h5"
        done = self.limited("convert", "idx", *self.idx(1_000_000), "--output", output)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(output.stat().st_size, LIMIT)
        output.unlink()

    def test_more_text_than_memory(self):
        text, output = self.folder / "text.txt", self.folder / "text.h5"
        line = b"the time traveller for so it will be convenient to speak of him\n" * 16384
        with open(text, "wb") as file:
            for _ in range((LIMIT + (1 << 26)) // len(line)):
                file.write(line)
        done = self.limited("convert", "text", text, "--token", "word", "--output", output)
        self.assertEqual(done.returncode, 0, done.stderr)
        text.unlink()

    def convert_small(self, *arguments):
        output = self.folder / "bounded.h5"
        done = self.limited("convert", *arguments, "--output", output, limit=SMALL)
        self.assertEqual(done.returncode, 0, done.stderr)
        return output

    def lines(self, name, block, head=b""):
        """A text of the size SOURCE; how often the block is in it."""
        path = self.folder / name
        with open(path, "wb") as file:
            file.write(head)
            for _ in range(SOURCE // len(block)):
                file.write(block)
        return path, SOURCE // len(block)

    def test_a_larger_table_than_memory(self):
        rows = b"".join(b"%d,%d.5,%s,%d,a rather long text of one\n" % (i, i % 7, b"red" if i % 3 else b"blue", i % 5)
                        for i in range(20_000))
        path, blocks = self.lines("t.csv", rows, b"id,x,colour,y,note\n")
        options = ["csv", "--input", path, "--drop", "note", "--one-hot", "--standardize", "--id", "id"]
        with h5py.File(self.convert_small(*options, "--target", "y")) as file:
            features = file["train/features"][:]
            self.assertEqual(features.shape, (20_000 * blocks, 4))
            self.assertLess(abs(features[:, 0].mean()), 1e-4)
            self.assertEqual(features[-1, 1:].tolist(), [0, 1, 0])
            self.assertEqual(file["train/targets"][-3:, 0].tolist(), [2, 3, 4])
            self.assertEqual(file["train/ids"][-1], b"19999")
        with h5py.File(self.convert_small(*options[:4], "colour,note", "--target", "y", "--classes")) as file:
            self.assertEqual(file["train/labels"].shape, (20_000 * blocks,))
            self.assertEqual(file["train/labels"][-3:].tolist(), [2, 3, 4])
        path.unlink()

    def test_larger_arrays_than_memory(self):
        count = SOURCE // 800
        inputs = numpy.arange(count * 100, dtype=">f8").reshape(count, 100)
        targets = numpy.arange(count, dtype="u1") % 10
        numpy.save(self.folder / "x.npy", inputs)
        numpy.save(self.folder / "y.npy", targets)
        numpy.savez(self.folder / "xy.npz", inputs=inputs, targets=targets)
        for options in (
                ["npy", "--inputs", self.folder / "x.npy", "--targets", self.folder / "y.npy"],
                ["npz", self.folder / "xy.npz", "--chunk", 1000]):
            with h5py.File(self.convert_small(*options)) as file:
                self.assertTrue((file["train/inputs"][-1] == inputs[-1]).all())
                self.assertTrue((file["train/targets"][:] == targets).all())
                self.assertEqual(file["train/inputs"].dtype, numpy.dtype("<f8"))
            shown = self.succeed("inspect", self.folder / "bounded.h5", "--verify")
            self.assertIn("1640 chunks" if "npy" in options else "420 chunks", shown)

    def test_more_pairs_than_memory(self):
        path, blocks = self.lines("p.txt", b"I am here .\tje suis ici .\tmore\nGo!\tVa !\n" * 1000)
        with h5py.File(self.convert_small("pairs", path)) as file:
            self.assertEqual(file["train/source"].shape, (2000 * blocks, 10))
            self.assertEqual(file["train/target_lengths"][-2:].tolist(), [5, 3])
            self.assertEqual(file["train/source"][-2, :6].tolist(), file["train/source"][0, :6].tolist())
        path.unlink()

    def test_a_signal_leaves_nothing(self):
        folder = self.folder / "ended"
        folder.mkdir()
        words = ["convert", "idx", *self.idx(4_000_000), "--output", folder / "a.h5"]
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process = subprocess.Popen([BINARY, *map(str, words)], stderr=subprocess.PIPE, text=True)
            while not any(path.stat().st_size > 1 << 20 for path in folder.iterdir()):
                self.assertIsNone(process.poll())
                time.sleep(0.01)
            process.send_signal(number)
            process.communicate(timeout=60)
            self.assertEqual(process.returncode, -number)
            self.assertEqual(list(folder.iterdir()), [])

    def test_a_signal_leaves_nothing_of_a_table(self):
        path, _ = self.lines("t.csv", b"".join(b"%d,%d\n" % (i, i % 5) for i in range(20_000)), b"x,y\n")
        folder = self.folder / "ended-table"
        folder.mkdir()
        process = subprocess.Popen(
            [BINARY, "convert", "csv", "--input", path, "--target", "y", "--output", folder / "a.h5"],
            stderr=subprocess.PIPE, text=True)
        while not any(path.stat().st_size > 1 << 20 for path in folder.iterdir()):
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, -signal.SIGTERM)
        self.assertEqual(list(folder.iterdir()), [])
        path.unlink()

    def test_chunks_and_compression(self):
        output = self.folder / "storage.h5"
        self.succeed("convert", "idx", *self.idx(1000), "--output", output)
        with h5py.File(output) as file:
            self.assertEqual(file["train/images"].chunks, (256, 1, 28, 28))
            self.assertEqual(file["train/labels"].chunks, (256,))
            self.assertEqual(file["train/digests/images"].attrs["rows"], 256)
            self.assertTrue(file["train"].attrs["digest"].startswith("sha256:"))
        shown = self.succeed("inspect", output)
        self.assertIn("/train/images: uint8 [1000, 1, 28, 28], chunks of 256 rows, Fletcher32", shown)
        options = ["convert", "idx", *self.idx(1000), "--output", output, "--chunk", 10]
        self.succeed(*options, "--compression", "gzip")
        with h5py.File(output) as file:
            self.assertEqual(file["train/images"].chunks, (10, 1, 28, 28))
            self.assertEqual((file["train/images"].compression, file["train/labels"].shuffle), ("gzip", True))
            self.assertTrue(file["train/images"].fletcher32)
        self.assertIn("shuffle, gzip, Fletcher32", self.succeed("inspect", output))
        for compression in ("zstd", "lz4"):
            done = run(*options, "--compression", compression)
            self.assertEqual(done.returncode, 64)
        self.refuse(64, *options[:-1], 0)

    def test_verify(self):
        output = self.folder / "verified.h5"
        self.succeed("convert", "idx", *self.idx(1000), "--output", output, "--chunk", 100)
        self.assertEqual(
            self.succeed("inspect", output, "--verify"),
            "/train: images, labels: 20 chunks are as their checksums and digests\n")
        with h5py.File(output, "r+") as file:
            file["train/images"][512, 0, 3, 3] = 1
        self.refuse(
            65, "inspect", output, "--verify",
            mentions=["/train/images: chunk 5, samples 500…599: differ from their digest"])

    def test_chunks_that_are_slow_to_read(self):
        path = self.folder / "slow.h5"
        with h5py.File(self.data) as source, h5py.File(path, "w") as file:
            for name, value in source.attrs.items():
                file.attrs[name] = value
            file.create_dataset("train/images", data=source["train/images"][:], chunks=(1, 1, 28, 28))
            file.create_dataset("train/labels", data=source["train/labels"][:])
        done = run("inspect", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("/train/images has chunks of one row, 784 bytes", done.stderr)
