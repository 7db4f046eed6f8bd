"""What datasets/README.md shows of Python: its blocks run as they stand, on files that the commands made."""

import ast
import contextlib
import importlib.util
import io
import os
import re

import h5py
import numpy

from .support import ROOT, CommandTest, small_dataset

SECTION = "## In Python\n"


def blocks():
    """The Python of each heading of the section."""
    section = (ROOT / "datasets" / "README.md").read_text().split(SECTION, 1)[1].split("\n## ", 1)[0]
    parts = re.split(r"(?m)^### (.*)$", section)[1:]
    return {title: "\n".join(re.findall(r"(?ms)^```python\n(.*?)^```$", text)) for title, text in zip(parts[::2], parts[1::2])}


def missing(code):
    """The modules that a block names and this Python lacks."""
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {name for node in nodes for name in ([node.module] if isinstance(node, ast.ImportFrom) else
                                                 [alias.name for alias in node.names])}
    return sorted(name for name in {name.split(".")[0] for name in names} if importlib.util.find_spec(name) is None)


class Python(CommandTest):
    """A test for each block; it is left out where a module that it imports is missing, and says so."""

    blocks = blocks()

    def need(self, title):
        lacking = missing(self.blocks[title])
        if lacking:
            self.skipTest(f"this Python lacks {', '.join(lacking)}")

    def read(self, title):
        """Runs a block in the folder of the tests; what it calls things."""
        self.need(title)
        names, before = {}, os.getcwd()
        os.chdir(self.folder)
        try:
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compile(self.blocks[title], f"datasets/README.md, {title}", "exec"), names)
        finally:
            os.chdir(before)
        return {**names, "printed": printed.getvalue()}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.images = cls.folder / "fashion-mnist.h5"
        small_dataset(cls.images, images=60, tests=20)

    def lenet(self, title):
        """The training that the block reads of, and others do."""
        self.need(title)
        if not (self.folder / "lenet").exists():
            self.succeed(
                "train", "lenet", "--data", self.images, "--epochs", 2, "--batch-size", 32, "--checkpoint", self.folder / "lenet",
                "--metrics", self.folder / "lenet.jsonl")

    def test_images(self):
        found = self.read("Images with classes")
        self.assertEqual(tuple(found["images"].shape), (60, 1, 28, 28))
        self.assertLessEqual(found["images"].max().item(), 1)
        self.assertGreater(found["images"].max().item(), 0.5)
        self.assertIn("class ", found["printed"])

    def test_arrays(self):
        x, y = numpy.arange(12, dtype=numpy.float64).reshape(6, 2), numpy.array([0, 1, 0, 1, 0, 1])
        numpy.save(self.folder / "x.npy", x)
        numpy.save(self.folder / "y.npy", y)
        self.succeed(
            "convert", "npy", "--inputs", self.folder / "x.npy", "--targets", self.folder / "y.npy", "--output", self.folder / "arrays.h5")
        found = self.read("Arrays")
        numpy.testing.assert_array_equal(found["inputs"], x)
        numpy.testing.assert_array_equal(found["targets"], y)
        self.assertIsNone(found["weights"])

    def convert_table(self, target, output, *options):
        rows = self.folder / "rows.csv"
        rows.write_text("area,rooms,price,kind\n50,2,100.5,flat\n80,3,160,house\n120,5,250,house\n")
        self.succeed("convert", "csv", "--input", rows, "--target", target, *options, "--output", self.folder / output)

    def test_table_of_numbers(self):
        self.convert_table("price", "table.h5", "--drop", "kind")
        table = self.read("Tables of numbers")["table"]
        self.assertEqual(list(table.columns), ["area", "rooms", "price"])
        self.assertEqual(table.price.tolist(), [100.5, 160, 250])

    def test_table_with_classes(self):
        self.convert_table("kind", "iris.h5", "--classes")
        table = self.read("Tables with classes")["table"]
        self.assertEqual(table.kind.tolist(), ["flat", "house", "house"])
        self.assertEqual(table.area.tolist(), [50, 80, 120])

    def test_text(self):
        novel = self.folder / "novel.txt"
        novel.write_text("Die Zeit war schön.\n")
        for options, wanted in (((), "Die Zeit war schön."), (("--token", "word"), "Die Zeit war schön.")):
            self.succeed("convert", "text", novel, *options, "--output", self.folder / "novel.h5")
            self.assertEqual(self.read("Texts")["printed"].strip(), wanted)

    def test_bytes(self):
        novel = self.folder / "bytes.txt"
        novel.write_text("Die Zeit,\nschön und schön.\n")
        for options in (("--token", "byte"), ("--token", "bpe", "--vocabulary", 260)):
            self.succeed("convert", "text", novel, *options, "--output", self.folder / "bytes.h5")
            self.assertEqual(self.read("Texts of bytes and byte pairs")["printed"], novel.read_text() + "\n")

    def test_pairs(self):
        sentences = self.folder / "sentences.txt"
        sentences.write_text("Go.\tVa !\nHi.\tSalut !\nRun!\tCours !\n")
        self.succeed("convert", "pairs", sentences, "--min-frequency", 0, "--output", self.folder / "pairs.h5")
        self.assertEqual(
            self.read("Pairs of sentences")["printed"].splitlines(), ["go . => va !", "hi . => salut !", "run ! => cours !"])

    def test_checkpoint(self):
        self.lenet("Checkpoints")
        found = self.read("Checkpoints")
        self.assertEqual((found["step"], found["configuration"]["batchSize"]), (4, 32))
        # The network is PyTorch's, and answers as ours.
        self.succeed("predict", self.folder / "lenet", "--data", self.images, "--output", self.folder / "same.h5")
        with h5py.File(self.images) as file, h5py.File(self.folder / "same.h5") as same:
            inputs = found["torch"].from_numpy(file["test/images"][:]).float() / 255
            numpy.testing.assert_allclose(found["lenet"](inputs).detach().numpy(), same["logits"][:], atol=1e-5)

    def test_safetensors(self):
        self.lenet("Weights in safetensors")
        self.succeed(
            "export", self.folder / "lenet", "--format", "safetensors", "--output", self.folder / "lenet.safetensors")
        state = self.read("Weights in safetensors")["state"]
        with h5py.File(self.newest("lenet")) as file:
            self.assertEqual(set(state), set(file["model"]))
            for name, values in state.items():
                numpy.testing.assert_array_equal(values.numpy(), file["model"][name][:])

    def test_predictions(self):
        self.lenet("Predictions")
        self.succeed(
            "predict", self.folder / "lenet", "--data", self.images, "--output", self.folder / "logits.h5", "--csv",
            self.folder / "classes.csv")
        found = self.read("Predictions")
        self.assertEqual(found["logits"].shape, (20, 10))
        self.assertEqual(found["answers"].tolist(), [f"class {answer}" for answer in found["logits"].argmax(1)])

    def test_metrics(self):
        self.lenet("Metrics")
        epochs = self.read("Metrics")["epochs"]
        self.assertEqual(epochs.index.tolist(), [1, 2])
        self.assertEqual(epochs.step.tolist(), [2, 4])
        self.assertTrue((epochs.train_loss > 0).all())

    def test_every_block_has_a_test(self):
        """By their names in this file, whichever tests run."""
        told = set(re.findall(r'self\.read\("([^"]*)"\)', (ROOT / "Tests" / "Commands" / "python.py").read_text()))
        self.assertEqual(told, set(self.blocks))
