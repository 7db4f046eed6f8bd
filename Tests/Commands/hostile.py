"""Files made to do harm: refused with one line, at once, and in no more memory than honest ones take."""

import os
import struct
import subprocess
import sys
import zlib

import h5py
import numpy

from .faults import SEAL, reseal
from .support import BINARY, COMPILER, CommandTest, small_dataset

MEBIBYTE = 1 << 20
# In a small process of its own: what a process begins with, the memory of the one that started it, counts as its own.
MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
PLUGIN = """
#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void loaded(void) { fclose(fopen(getenv("LOCKSTEP_TEST_MARK"), "w")); }
"""


class Hostile(CommandTest):
    def refuse_small(self, *arguments, mentions=(), code=65, most=200 * MEBIBYTE):
        """As `refuse`, with at most so many bytes of memory."""
        words = [str(word) for word in [sys.executable, "-c", MEASURED, BINARY, *arguments]]
        done = subprocess.run(words, capture_output=True, text=True)
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (code, 1), done.stderr)
        for word in mentions:
            self.assertIn(str(word), done.stderr)
        self.assertLess(int(done.stdout) * 1024, most)

    def test_positions_of_a_checkpoint(self):
        """Each value is put into a checkpoint that is sealed like any other."""
        folder = self.folder / "saved"
        self.succeed("train", "mlp", "--data", self.data, "--quiet", "--steps", 2, "--checkpoint", folder)
        good, path = self.newest("saved").read_bytes(), self.folder / "changed.h5"
        self.assertEqual(good[-SEAL:][:10], b"\nlockstep ")
        for name, values in {
                "epoch": (-1, 2**63 - 1), "step": (-5, 2**63 - 1), "step_in_epoch": (-1, 2**63 - 1, 3),
                "samples_seen": (-1, 2**63 - 1), "optimizer_steps": (-1, 2**63 - 1)}.items():
            for value in values:
                path.write_bytes(good)
                reseal(path, lambda file: file["training"].attrs.__setitem__(name, numpy.int64(value)))
                for command in (
                        ("inspect", path), ("train", "mlp", "--data", self.data, "--quiet", "--epochs", 1, "--resume", path)):
                    self.refuse(65, *command, mentions=[path, name, value])
        for totals in ([0.5] * 65, [1.0, float("nan"), 3.0], [1.0, 2.0, float("inf")]):
            path.write_bytes(good)
            reseal(path, lambda file: file["training"].attrs.__setitem__("epoch_totals", numpy.array(totals)))
            self.refuse(65, "inspect", path, mentions=["epoch_totals"])
        path.write_bytes(good)
        reseal(path, lambda file: file["training"].attrs.__setitem__("epoch_totals", numpy.array([1.0])))
        self.refuse(
            65, "train", "mlp", "--data", self.data, "--quiet", "--epochs", 1, "--resume", path,
            mentions=[path, "1 sums", "3 are counted"])
        for size in (-1, 0, 10**9, 2**62):
            path.write_bytes(good)

            def change(file):
                text = file["training"].attrs["configuration"]
                file["training"].attrs["configuration"] = text.replace('"classes":10', f'"classes":{size}')

            reseal(path, change)
            self.refuse(65, "evaluate", path, "--data", self.data, mentions=[path, f"classes is {size}"])

        def alike(file):
            file["texts"].create_dataset("caf\u00e9", data=["a"])
            file["texts"].create_dataset("cafe\u0301", data=["b"])

        path.write_bytes(good)
        reseal(path, alike)
        self.refuse(65, "inspect", path, mentions=["/texts", "two things of one name"])

    def zeros(self, start=b"", wrapped=zlib.MAX_WBITS):
        """A gigabyte of them behind a beginning, compressed piece by piece: a child's memory begins with its parent's."""
        packer = zlib.compressobj(9, wbits=wrapped)
        pieces = [packer.compress(start)] + [packer.compress(bytes(MEBIBYTE)) for _ in range(1024)]
        return b"".join(pieces) + packer.flush()

    def idx(self, name, shape, data, kind=0x08):
        header = bytes([0, 0, kind, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
        path = self.folder / name
        path.write_bytes(self.zeros(header, 16 + zlib.MAX_WBITS) if data is None else header + data)
        return path

    def test_labels_without_end(self):
        images, output = self.idx("images", (2, 2, 2), bytes(8)), self.folder / "never.h5"
        for value in (2_000_000_000, 65_536):
            labels = self.idx("labels", (2,), b"".join(number.to_bytes(4, "big") for number in (1, value)), kind=0x0C)
            self.refuse_small(
                "convert", "idx", "--train-images", images, "--train-labels", labels, "--output", output,
                mentions=[labels, "row 1", value])
        self.assertFalse(output.exists())

    def test_bombs(self):
        """A megabyte of zeros that were a gigabyte."""
        output, path = self.folder / "never.h5", self.folder / "packed.h5"
        bomb, labels = self.idx("bomb.gz", (1 << 30, 1, 1), None), self.idx("few", (2,), bytes(2))
        self.refuse_small(
            "convert", "idx", "--train-images", bomb, "--train-labels", labels, "--output", output, mentions=[bomb])
        packed = self.zeros()
        for shape, chunk in (((60, 1, 28, 28), (60, 1, 28, 28)), ((10**9 // 784, 1, 28, 28), (10**9 // 784, 1, 28, 28))):
            small_dataset(path, images=60, tests=10)
            with h5py.File(path, "a") as file:
                del file["train/images"]
                images = file.create_dataset("train/images", shape, "u1", chunks=chunk, compression="gzip")
                images.id.write_direct_chunk((0, 0, 0, 0), packed)
                if shape[0] != 60:
                    del file["train/labels"]
                    file.create_dataset("train/labels", data=numpy.zeros(shape[0], "u1"))
            self.refuse_small("train", "mlp", "--data", path, "--steps", 1, mentions=[path, "/train/images"])
        text = self.folder / "text.txt"
        text.write_text("some words " * 100)
        self.succeed("convert", "text", text, "--output", path)
        with h5py.File(path, "a") as file:
            del file["vocabulary"]
            words = file.create_dataset("vocabulary", (100_000,), h5py.string_dtype(), chunks=(100_000,))
            words[0] = "x" * 60_000
        with h5py.File(path, "a") as file:
            # Every string is the first one: a reference of 16 bytes, over and over.
            _, raw = file["vocabulary"].id.read_direct_chunk((0,))
            file["vocabulary"].id.write_direct_chunk((0,), raw[:16] * 100_000)
        self.refuse_small("inspect", path, mentions=[path, "/vocabulary", "comes to"])

    def test_texts_of_attributes(self):
        """Each states a length that the file does not have: libhdf5 would make room for it."""
        path = self.folder / "attributes.h5"
        train = ("train", "mlp", "--data", path, "--steps", 1)
        small_dataset(path, images=60, tests=10)
        good = path.read_bytes()
        heap = good.index(b"GCOL")
        references = [struct.pack("<IQI", 7, heap, index) for index in range(1, 20)]
        first = next(reference for reference in references if reference in good)
        for length, address, index in ((0xFFFFFFF0, heap, 1), (1 << 20, heap, 1), (7, heap, 999), (7, heap + 8, 1), (7, 1 << 60, 1)):
            path.write_bytes(good.replace(first, struct.pack("<IQI", length, address, index)))
            self.refuse_small(*train, mentions=[path, "class_names"])
        # The heap's first object is larger than what refers to it, up to the end of the heap and beyond.
        for size in (4000, 1 << 40):
            changed = bytearray(good)
            changed[heap + 24:heap + 32] = struct.pack("<Q", size)
            path.write_bytes(changed)
            done = subprocess.run([str(word) for word in (BINARY, *train)], capture_output=True, text=True)
            self.assertIn(done.returncode, (0, 65), done.stderr)
        path.write_bytes(good)
        with h5py.File(path, "a") as file:
            file.attrs["class_names"] = numpy.array([f"class {c}" for c in range(10)], dtype="S8")
        fixed = path.read_bytes()
        small = fixed.index(bytes([0x13, 1, 0, 0, 8, 0, 0, 0])) + 4
        for length in (1 << 10, 1 << 31, 0xFFFFFFFF):
            path.write_bytes(fixed[:small] + struct.pack("<I", length) + fixed[small + 4:])
            self.refuse_small("train", "mlp", "--data", path, "--steps", 1, mentions=[path])

    def test_filters_and_links(self):
        path, mark, plugins = self.folder / "filter.h5", self.folder / "mark", self.folder / "plugins"
        plugins.mkdir()
        (plugins / "plugin.c").write_text(PLUGIN)
        subprocess.run([COMPILER, "-shared", "-fPIC", "-o", plugins / "libplugin.so", plugins / "plugin.c"], check=True)
        small_dataset(path, images=60, tests=10)
        with h5py.File(path, "a") as file:
            labels = file["train/labels"][:]
            del file["train/labels"]
            creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            creation.set_chunk((60,))
            creation.set_filter(32004, h5py.h5z.FLAG_OPTIONAL, (1, 2))
            dataset = h5py.h5d.create(
                file["train"].id, b"labels", h5py.h5t.STD_I64LE, h5py.h5s.create_simple((60,)), creation)
            dataset.write_direct_chunk((0,), labels.tobytes())
        train = ("train", "mlp", "--steps", 1, "--data")
        os.environ["HDF5_PLUGIN_PATH"], os.environ["LOCKSTEP_TEST_MARK"] = str(plugins), str(mark)
        try:
            self.refuse(65, *train, path, mentions=[path, "/train/labels", "filter 32004"])
        finally:
            del os.environ["HDF5_PLUGIN_PATH"], os.environ["LOCKSTEP_TEST_MARK"]
        self.assertFalse(mark.exists(), "a plugin was loaded")
        for link in (h5py.SoftLink("/train/other"), h5py.ExternalLink(str(self.data), "/train/labels")):
            small_dataset(path, images=603, tests=10)
            with h5py.File(path, "a") as file:
                file.move("train/labels", "train/other")
                file["train/labels"] = link
            self.refuse_everywhere(65, *train, path, mentions=[path, "/train/labels", "link"])

    def test_threads_without_end(self):
        for value, code in (("100000", 64), ("2,100000", 64), ("2", 0), ("many", 0)):
            words = [str(word) for word in (BINARY, "train", "mlp", "--data", self.data, "--steps", 1, "--quiet")]
            environment = {**os.environ, "OMP_NUM_THREADS": value}
            done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=60)
            self.assertEqual(done.returncode, code, done.stderr)
            if code:
                self.assertEqual(done.stderr, f"lockstep: OMP_NUM_THREADS is {value}, but must be in 1…1024\n")
