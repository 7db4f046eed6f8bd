"""Pictures in and out: convert images, show, predict --csv."""

import hashlib
import struct
import zlib

import h5py
import numpy

from .support import CommandTest, run

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(pixels):
    """A PNG file of uint8 [height, width] or [height, width, 3]."""
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, 0 if pixels.ndim == 2 else 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def pattern(label, random, size=28, channels=None):
    """Class c is brighter in the c-th pair of columns."""
    shape = (size, size) if channels is None else (size, size, channels)
    pixels = random.integers(0, 100, shape, dtype=numpy.uint8)
    pixels[:, 2 * label:2 * label + 2] += 150
    return pixels


class Images(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        random = numpy.random.default_rng(0)
        cls.pixels = {}
        for label in range(10):
            folder = cls.folder / "classes" / f"class {label}"
            folder.mkdir(parents=True)
            for number in range(10):
                image = pattern(label, random, size=32, channels=3)
                cls.pixels[f"class {label}/{number}"] = image
                (folder / f"{number}.png").write_bytes(png(image))
        train, test = cls.folder / "flat" / "train", cls.folder / "flat" / "test"
        train.mkdir(parents=True)
        test.mkdir()
        rows = ["id,label"]
        for number in range(1, 101):
            (train / f"{number}.png").write_bytes(png(pattern(number % 10, random)))
            rows.append(f'{number},"class {number % 10}"')
            (test / f"{number}.png").write_bytes(png(pattern(number % 10, random)))
        cls.labels = cls.folder / "labels.csv"
        cls.labels.write_text("\r\n".join(rows) + "\r\n")

    def convert(self, folder, name, *arguments, ranks=None):
        output = self.folder / name
        self.succeed("convert", "images", self.folder / folder, "--output", output, *arguments, ranks=ranks)
        return output

    def test_a_folder_for_each_class(self):
        output = self.convert("classes", "classes.h5")
        with h5py.File(output) as file:
            self.assertEqual(file["train/images"].shape, (100, 3, 32, 32))
            self.assertEqual(list(file.attrs["class_names"]), [f"class {label}" for label in range(10)])
            self.assertEqual(file["train/labels"][:].tolist(), [row // 10 for row in range(100)])
            self.assertEqual(file.attrs["task"], "classification")
            for row, name in enumerate(file["train/names"].asstr()):
                numpy.testing.assert_array_equal(file["train/images"][row].transpose(1, 2, 0), self.pixels[name])
            digests = "".join(
                hashlib.sha256((self.folder / "classes" / f"{name}.png").read_bytes()).hexdigest() + "\n"
                for name in file["train/names"].asstr())
            self.assertEqual(file.attrs["source_sha256"], hashlib.sha256(digests.encode()).hexdigest())
        for ranks in (2, 3):
            self.assertEqual(self.convert("classes", "again.h5", ranks=ranks).read_bytes(), output.read_bytes())
        grey = self.convert("classes", "grey.h5", "--channels", 1, "--size", 28, "--test-fraction", 0.2)
        with h5py.File(grey) as file:
            self.assertEqual(file["train/images"].shape, (80, 1, 28, 28))
            self.assertEqual(file["test/images"].shape, (20, 1, 28, 28))
            names = [*file["train/names"].asstr(), *file["test/names"].asstr()]
            self.assertEqual(sorted(names), sorted(self.pixels))

    def test_labels_in_a_file_to_a_submission(self):
        data = self.convert("flat", "flat.h5", "--labels", self.labels)
        self.assertIn("/test: 100 images of 1×28×28, without labels", self.succeed("inspect", data))
        self.succeed(
            "train", "mlp", "--data", data, "--epochs", 30, "--batch-size", 20, "--learning-rate", 0.1, "--checkpoint",
            self.folder / "flat-mlp", "--normalize", "data", "--random-crop", 1)
        self.assertIn("accuracy 1.0000", self.succeed(
            "evaluate", self.folder / "flat-mlp", "--data", data, "--split", "train"))
        submissions = []
        for ranks in (None, 2):
            csv = self.folder / f"submission-{ranks}.csv"
            self.succeed("predict", self.folder / "flat-mlp", "--data", data, "--csv", csv, ranks=ranks)
            submissions.append(csv.read_text())
        self.assertEqual(submissions[0], submissions[1])
        rows = [line.split(",") for line in submissions[0].splitlines()]
        self.assertEqual(rows[0], ["id", "label"])
        self.assertEqual(sorted(int(row[0]) for row in rows[1:]), list(range(1, 101)))
        right = sum(label == f"class {int(number) % 10}" for number, label in rows[1:])
        self.assertGreater(right, 80)
        self.refuse_everywhere(
            65, "evaluate", self.folder / "flat-mlp", "--data", data, mentions=[data, "/test has no labels"])
        self.refuse(65, "evaluate", self.folder / "flat-mlp", "--data", self.convert("classes", "c.h5", "--size", 28),
                    mentions=["3 channels"])

    def test_a_small_network_learns_a_hundred_files_by_heart(self):
        data = self.convert("classes", "hundred.h5", "--size", 28)
        self.succeed(
            "train", "lenet-bn", "--data", data, "--epochs", 20, "--batch-size", 20, "--learning-rate", 0.1, "--checkpoint",
            self.folder / "hundred", ranks=2)
        csv = self.folder / "hundred.csv"
        for ranks in (None, 2):
            self.assertIn("accuracy 1.0000", self.succeed(
                "evaluate", self.folder / "hundred", "--data", data, "--split", "train", ranks=ranks))
            self.succeed("predict", self.folder / "hundred", "--data", data, "--split", "train", "--csv", csv, ranks=ranks)
            rows = [line.split(",") for line in csv.read_text().splitlines()[1:]]
            self.assertEqual({name: label for name, label in rows}, {name: name.split("/")[0] for name in self.pixels})

    def test_augmentation_is_the_same_on_any_number_of_ranks(self):
        digests, options = set(), ("--random-crop", 2, "--random-flip", "--normalize", "data", "--batch-size", 100)
        for ranks in (None, 2, 3):
            name = f"augmented-{ranks}"
            self.train("mlp", name, "--epochs", 1, "--reproducible", *options, ranks=ranks)
            digests.add(self.digest(name))
        self.train("mlp", "halves", "--steps", 3, "--reproducible", *options, ranks=2)
        self.train("mlp", "halves", "--epochs", 1, "--reproducible", "--resume", self.folder / "halves")
        digests.add(self.digest("halves"))
        self.assertEqual(len(digests), 1)
        self.train("mlp", "plain", "--epochs", 1, "--reproducible", "--batch-size", 100)
        self.assertNotIn(self.digest("plain"), digests)

    def test_pictures(self):
        self.train("mlp", "shown", "--epochs", 2, "--batch-size", 64)
        for name, *arguments in (
            ("data.png", self.data), ("data.svg", self.data, "--split", "test", "--count", 5),
            ("answers.png", self.folder / "shown", "--data", self.data),
            ("misses.png", self.folder / "shown", "--data", self.data, "--misses", "--split", "train")):
            self.succeed("show", *arguments, "--output", self.folder / name)
            self.assertIn((self.folder / name).read_bytes()[:4], (b"\x89PNG", b"<?xm"))
        matrix = self.folder / "matrix.png"
        self.assertIn(" of 101 right", self.succeed(
            "show", self.folder / "shown", "--data", self.data, "--confusion", matrix))
        self.assertEqual(matrix.read_bytes()[:8], SIGNATURE)
        self.refuse(64, "show", self.data, mentions=["--output"])
        self.refuse(64, "show", self.data, "--output", matrix, "--misses", mentions=["--misses"])
        self.refuse(64, "show", self.data, "--output", "x.pdf", mentions=[".png"])
        self.refuse(65, "show", self.data, "--output", matrix, "--split", "none", mentions=['"none"'])

    def test_bad_images(self):
        output = self.folder / "bad.h5"

        def refuse(code, folder, *arguments, mentions=()):
            self.refuse_everywhere(
                code, "convert", "images", folder, "--output", output, *arguments, mentions=mentions)
            self.assertFalse(output.exists())

        random = numpy.random.default_rng(1)
        bad = self.folder / "bad"
        for label in range(2):
            (bad / f"{label}").mkdir(parents=True)
            for number in range(3):
                (bad / f"{label}" / f"{number}.png").write_bytes(png(pattern(label, random)))
        good = (bad / "0" / "1.png").read_bytes()
        broken = bytearray(good)
        broken[60] ^= 255
        for content, words in ((good[:200], ["PNG"]), (bytes(broken), ["PNG"]), (b"text", ["neither"]), (b"", ["empty"])):
            (bad / "0" / "1.png").write_bytes(content)
            refuse(65, bad, mentions=[bad / "0" / "1.png", *words])
        huge = SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 2**30, 2**30, 8, 2, 0, 0, 0)) + chunk(b"IDAT", b"")
        (bad / "0" / "1.png").write_bytes(huge)
        refuse(65, bad, mentions=[bad / "0" / "1.png"])
        done = run("convert", "images", bad, "--output", output, "--skip-corrupt")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1 corrupt files were left out", done.stderr)
        with h5py.File(output) as file:
            self.assertEqual(file["train/labels"][:].tolist(), [0, 0, 1, 1, 1])
        output.unlink()
        (bad / "0" / "1.png").write_bytes(png(pattern(0, random, size=30)))
        refuse(65, bad, mentions=["28×28", "30×30", "--size"])
        (bad / "2").mkdir()
        refuse(65, bad, mentions=[bad / "2", "empty"])
        flat = self.folder / "flat" / "train"
        refuse(65, flat, mentions=["--labels"])
        refuse(66, self.folder / "nothing", mentions=["nothing"])
        labels = self.folder / "wrong.csv"
        for text, words in (
            ("id,label\n1,a\n777,b\n", ["line 3", '"777"']), ("id,label\n1\n", ["line 2"]), ("id,label\n", ["no labels"]),
            ("id,label\n1,a\n1,b\n", ["line 3", "already"]), ("id,label\n1,a\n", ["has no label"])):
            labels.write_text(text)
            refuse(65, flat, "--labels", labels, mentions=words)
        refuse(64, flat, "--size", "0,3", mentions=["--size"])
        refuse(64, flat, "--channels", 2, mentions=["--channels"])
