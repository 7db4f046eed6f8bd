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


class Converting(CommandTest):
    def idx(self, count, size=28, sparse=True):
        """The options for images of zeros and their labels; sparse files, which take no room."""
        images, labels = self.folder / f"{count}-images", self.folder / f"{count}-labels"
        for path, shape in ((images, (count, size, size)), (labels, (count,))):
            header = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
            path.write_bytes(header)
            os.truncate(path, len(header) + int(numpy.prod(shape)))
        return ["--train-images", images, "--train-labels", labels]

    def limited(self, *arguments):
        words = [str(word) for word in (BINARY, *arguments)]
        return subprocess.run(
            words, capture_output=True, text=True, timeout=300,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT)))

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
