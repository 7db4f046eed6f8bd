"""Images kept as JPEG files: convert images --quality, and files made by h5py."""

import resource
import subprocess

import h5py
import numpy

from .images import pattern, png
from .support import BINARY, CommandTest, run

JPEG = h5py.vlen_dtype(numpy.uint8)


class Encoded(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        random = numpy.random.default_rng(3)
        cls.pictures = cls.folder / "pictures"
        for label in range(10):
            folder = cls.pictures / f"class {label}"
            folder.mkdir(parents=True)
            for number in range(20):
                (folder / f"{number}.png").write_bytes(png(pattern(label, random)))
        cls.encoded = cls.folder / "encoded.h5"
        done = run("convert", "images", cls.pictures, "--quality", 90, "--test-fraction", 0.2, "--output", cls.encoded)
        assert done.returncode == 0, done.stderr

    def files(self, split="train"):
        with h5py.File(self.encoded) as file:
            return list(file[f"{split}/encoded"][:]), file[f"{split}/labels"][:]

    def made(self, name, images, labels, **attributes):
        """A file by h5py in four lines."""
        path = self.folder / name
        with h5py.File(path, "w") as file:
            file.attrs.update(attributes)
            file.create_dataset("train/encoded", len(images), JPEG)[:] = images
            file["train/labels"] = labels
        return path

    def test_files_by_convert(self):
        with h5py.File(self.encoded) as file:
            data = file["train/encoded"]
            self.assertEqual(data.dtype, JPEG)
            self.assertEqual((data.shape, dict(data.attrs)["height"]), ((160,), 28))
            self.assertEqual((data.attrs["width"], data.attrs["channels"], data.attrs["quality"]), (28, 1, b"90"))
            self.assertEqual(data[7].tobytes()[:3], b"\xff\xd8\xff")
            self.assertEqual(file["train/digests/encoded"].shape, (160,))
            mean = sum(len(image) for image in data[:]) // 160
        shown = self.succeed("inspect", self.encoded)
        self.assertIn(f"/train: 160 images of 1×28×28 as JPEG, quality 90, {mean} bytes on average\n", shown)
        self.assertIn("/train/encoded: lists of bytes [160], chunks of 160 rows\n", shown)
        self.assertIn("checksums and digests", self.succeed("inspect", self.encoded, "--verify"))
        for ranks in (2, 3):
            again = self.folder / "again.h5"
            self.succeed(
                "convert", "images", self.pictures, "--quality", 90, "--test-fraction", 0.2, "--output", again, ranks=ranks)
            self.assertEqual(again.read_bytes(), self.encoded.read_bytes())
        coarse = self.folder / "coarse.h5"
        self.succeed("convert", "images", self.pictures, "--quality", 20, "--output", coarse, "--size", 28, "--channels", 3)
        self.assertIn("of 3×28×28 as JPEG, quality 20", self.succeed("inspect", coarse))

    def test_jpeg_files_are_kept(self):
        folder = self.folder / "jpegs"
        images, labels = self.files()
        for number, (image, label) in enumerate(zip(images, labels)):
            (folder / f"{label}").mkdir(parents=True, exist_ok=True)
            (folder / f"{label}" / f"{number:03}.jpg").write_bytes(image.tobytes())
        output = self.folder / "kept.h5"
        self.succeed("convert", "images", folder, "--quality", "keep", "--output", output)
        with h5py.File(output) as file:
            kept = sorted(image.tobytes() for image in file["train/encoded"][:])
        self.assertEqual(kept, sorted(image.tobytes() for image in images))
        self.assertIn("as JPEG, kept as they were", self.succeed("inspect", output))

    def test_training(self):
        digests = set()
        options = ("--epochs", 3, "--batch-size", 20, "--learning-rate", 0.1, "--random-crop", 1, "--normalize", "data")
        for name, ranks, memory in (("one", None, "256MB"), ("two", 2, "256MB"), ("less", 2, "100KB"), ("least", None, "100KB")):
            self.succeed(
                "train", "mlp", "--data", self.encoded, "--checkpoint", self.folder / name, "--reproducible", "--memory",
                memory, "--shuffle", "windowed", *options, ranks=ranks)
            digests.add(self.digest(name))
        self.assertEqual(len(digests), 1)
        for ranks in (None, 2):
            self.assertIn("accuracy 1.0", self.succeed("evaluate", self.folder / "one", "--data", self.encoded, ranks=ranks))
        output = self.folder / "logits.h5"
        self.succeed("predict", self.folder / "one", "--data", self.encoded, "--output", output)
        with h5py.File(output) as file:
            self.assertEqual((file["logits"][:].argmax(1) == self.files("test")[1]).mean(), 1)
        self.succeed("train", "lenet", "--data", self.encoded, "--steps", 2, "--batch-size", 20, "--validation", 0.1)
        self.succeed("train", "resnet18", "--data", self.encoded, "--steps", 1, "--batch-size", 2, "--random-flip")
        self.succeed("show", self.encoded, "--output", self.folder / "shown.png")

    def test_a_file_by_h5py(self):
        images, labels = self.files()
        data = self.made("h5py.h5", images, labels)
        digests = set()
        for ranks in (None, 2):
            name = f"h5py-{ranks}"
            self.succeed(
                "train", "mlp", "--data", data, "--checkpoint", self.folder / name, "--epochs", 1, "--batch-size", 20,
                "--reproducible", ranks=ranks)
            digests.add(self.digest(name))
        self.assertEqual(len(digests), 1)
        self.assertIn("10 classes: 0, 1, 2", self.succeed("inspect", data))
        self.assertIn("there are no digests", self.succeed("inspect", data, "--verify"))
        self.succeed("evaluate", self.folder / "h5py-2", "--data", data, "--split", "train")

    def test_damaged_files(self):
        images, labels = self.files()
        short, other = images[5][:-100], numpy.frombuffer(b"GIF89a", numpy.uint8)
        tall = images[5].copy()
        frame = tall.tobytes().index(b"\xff\xc0")
        tall[frame + 5:frame + 9] = 255
        for content, words in ((short, "truncated"), (other, "Not a JPEG"), (tall, "65500"), (images[5][:0], "Empty")):
            bad = list(images)
            bad[5] = content
            data = self.made("bad.h5", bad, labels)
            self.refuse_everywhere(
                65, "train", "mlp", "--data", data, "--epochs", 1, mentions=["/train/encoded: sample 5: ", words])
            self.refuse(65, "inspect", data, "--verify", mentions=["sample 5: "])
            done = run("train", "mlp", "--data", data, "--epochs", 1, "--on-bad-chunk", "skip")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("sample 5: ", done.stderr)
        self.refuse(65, "train", "mlp", "--data", self.made("absurd.h5", images, labels, task="text"), mentions=["task"])

    def test_a_flipped_bit(self):
        images, _ = self.files()
        content = bytearray(self.encoded.read_bytes())
        place = content.index(images[9].tobytes()) + len(images[9]) - 30
        content[place] ^= 4
        data = self.folder / "flipped.h5"
        data.write_bytes(content)
        self.refuse_everywhere(
            65, "train", "mlp", "--data", data, "--epochs", 1, mentions=["/train/encoded: sample 9: differs from its digest"])

    def test_wrong_usage(self):
        for quality in ("0", "101", "high", "-1"):
            self.refuse(64, "convert", "images", self.pictures, "--output", "x.h5", "--quality", quality, mentions=["--quality"])
        self.refuse(
            64, "convert", "images", self.pictures, "--output", "x.h5", "--quality", 90, "--compression", "gzip",
            mentions=["--quality"])

    def test_conversion_in_bounded_memory(self):
        folder = self.folder / "large" / "a"
        folder.mkdir(parents=True)
        (folder / "0.png").write_bytes(png(numpy.full((1024, 1024, 3), 90, numpy.uint8)))
        for number in range(1, 250):
            (folder / f"{number}.png").hardlink_to(folder / "0.png")
        limit = 512 << 20  # of data, less than the pixels
        words = ["convert", "images", self.folder / "large", "--quality", 95, "--output", self.folder / "large.h5"]
        done = subprocess.run(
            [str(word) for word in (BINARY, *words)], capture_output=True, text=True, timeout=300,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)))
        self.assertEqual(done.returncode, 0, done.stderr)
        with h5py.File(self.folder / "large.h5") as file:
            self.assertEqual(file["train/encoded"].shape, (250,))
