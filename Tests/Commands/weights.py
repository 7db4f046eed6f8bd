"""Weights from elsewhere and for elsewhere."""

import json
import struct
import unittest

import h5py
import numpy

from .support import CommandTest

try:
    from safetensors.numpy import load_file, save_file
except ImportError:
    load_file = None


def write_safetensors(path, tensors):
    """As the format is described, without its library."""
    header, data = {}, b""
    for name, array in tensors.items():
        bytes_ = numpy.ascontiguousarray(array, dtype="<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(bytes_)]}
        data += bytes_
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def perceptron(prefix=""):
    random = numpy.random.default_rng(5)
    shapes = {"1.weight": (256, 784), "1.bias": (256,), "3.weight": (10, 256), "3.bias": (10,)}
    return {prefix + name: random.normal(size=shape).astype(numpy.float32) / 20 for name, shape in shapes.items()}


class Weights(CommandTest):
    def logits(self, checkpoint):
        output = self.folder / "logits.h5"
        self.succeed("predict", checkpoint, "--data", self.data, "--output", output)
        with h5py.File(output) as file:
            return file["logits"][()]

    def expected(self, weights):
        with h5py.File(self.data) as file:
            pixels = file["test/images"][()].reshape(-1, 784) / numpy.float32(255)
        hidden = numpy.maximum(pixels @ weights["1.weight"].T + weights["1.bias"], 0)
        return hidden @ weights["3.weight"].T + weights["3.bias"]

    def test_there_and_back(self):
        """Weights of numpy's answer as numpy does, and come back bit for bit in each format."""
        weights, source = perceptron("net."), self.folder / "w.safetensors"
        write_safetensors(source, weights)
        imported = self.folder / "imported"
        lines = self.succeed(
            "import", source, "--model", "mlp", "--map", "net.*=*", "--data", self.data, "--output", imported).splitlines()
        self.assertIn("mlp with 4 tensors", lines[0])
        own = {name.removeprefix("net."): array for name, array in weights.items()}
        self.assertLess(numpy.abs(self.logits(imported) - self.expected(own)).max(), 1e-4)
        flat, h5 = self.folder / "back.safetensors", self.folder / "back.h5"
        self.succeed("export", imported, "--format", "safetensors", "--output", flat)
        self.succeed("export", imported, "--format", "h5", "--output", h5)
        with h5py.File(h5) as file:
            self.assertEqual({name: file[name][()].tobytes() for name in file}, {n: a.tobytes() for n, a in own.items()})
        for path in (flat, h5):
            again = self.folder / f"{path.name}.again.h5"
            self.succeed("import", path, "--model", "mlp", "--output", again)
            self.assertEqual(self.succeed("inspect", again, "--digest").strip(), lines[1])
        # Another model's, a missing one, a checkpoint that is there.
        self.refuse(65, "import", flat, "--model", "lenet", "--output", self.folder / "n.h5", mentions=["0.weight", "1.weight"])
        self.refuse(64, "import", flat, "--model", "mlp", "--map", "x.*=*", "--output", self.folder / "n.h5",
                    mentions=["x.*", "1.weight"])
        self.refuse(64, "import", flat, "--model", "mlp", "--output", imported, mentions=["imported"])
        self.refuse(66, "import", self.folder / "none", "--model", "mlp", "--output", self.folder / "n.h5", mentions=["none"])
        self.refuse(73, "export", imported, "--format", "safetensors", "--output", self.folder / "no" / "w", mentions=["no/w"])
        self.refuse(73, "export", imported, "--format", "onnx", "--output", h5, mentions=["HDF5"])
        self.refuse(64, "export", imported, "--format", "pickle", "--output", h5, mentions=["pickle"])
        self.assertFalse((self.folder / "n.h5").exists())
        source.write_bytes(struct.pack("<Q", 1 << 60) + b"{}")
        self.refuse(65, "import", source, "--model", "mlp", "--output", self.folder / "n.h5", mentions=["byte 0", 1 << 60])

    @unittest.skipIf(load_file is None, "Python has no safetensors")
    def test_pythons_own_library(self):
        source, output = self.folder / "theirs.safetensors", self.folder / "ours.safetensors"
        save_file({name: array.astype(numpy.float16) for name, array in perceptron().items()}, source)
        self.succeed("import", source, "--model", "mlp", "--output", self.folder / "half.h5")
        self.succeed("export", self.folder / "half.h5", "--format", "safetensors", "--output", output)
        for name, array in load_file(output).items():
            self.assertTrue(numpy.array_equal(array, perceptron()[name].astype(numpy.float16).astype(numpy.float32)))

    def test_fine_tuning(self):
        """What is frozen stays, on one process and on two ranks alike; a resumed training leaves it frozen."""
        source, five = self.folder / "start.safetensors", self.folder / "five.h5"
        write_safetensors(source, perceptron())
        with h5py.File(self.data) as old, h5py.File(five, "w") as new:
            for split in ("train", "test"):
                new[f"{split}/images"] = old[f"{split}/images"][()]
                new[f"{split}/labels"] = old[f"{split}/labels"][()] // 2
            new.attrs.update({"lockstep_format": 1, "task": "classification", "source_sha256": "0" * 64})
            new.attrs["class_names"] = [f"pair {number}" for number in range(5)]
        options = ("mlp", "--data", five, "--reproducible", "--seed", 4, "--batch-size", 100)
        tuning = ("--from", source, "--replace-head", "--freeze", "1")
        for name, ranks in (("alone", None), ("two", 2)):
            text = self.succeed("train", *options, *tuning, "--steps", 3, "--checkpoint", self.folder / name, ranks=ranks)
            for words in ("taken 1.weight, 1.bias", "left in the file: 3.weight [10, 256], 3.bias [10]",
                          "drawn anew: 3.weight [5, 256], 3.bias [5]", "frozen: 1.weight, 1.bias; 1285 of 202245"):
                self.assertIn(words, text)
        self.assertEqual(self.digest("alone"), self.digest("two"))
        self.succeed("train", *options, "--steps", 5, "--checkpoint", self.folder / "alone", "--resume", self.folder / "alone")
        with h5py.File(self.newest("alone")) as file:
            self.assertEqual(file["model/1.weight"][()].tobytes(), perceptron()["1.weight"].tobytes())
            self.assertEqual(json.loads(file["training"].attrs["configuration"])["freeze"], ["1"])
        self.refuse_everywhere(64, "train", *options, "--freeze", "features.*", mentions=["features.*", "1.weight, 1.bias, 3.weight"])
        self.refuse(64, "train", *options, "--freeze", "*", mentions=["nothing to train"])
        self.refuse(64, "train", *options, "--replace-head", mentions=["--from"])
        self.refuse(64, "train", *options, *tuning, "--resume", self.folder / "alone", mentions=["--from or --resume"])
        self.refuse(66, "train", *options, "--from", self.folder / "none", mentions=["none"])
        self.refuse(65, "train", "lenet", "--data", five, "--from", source, mentions=["nothing in it fits"])

    def test_onnx(self):
        """A graph and an example beside it; that it is right is for launch/check-onnx to say."""
        source, graph, example = self.folder / "w.safetensors", self.folder / "mlp.onnx", self.folder / "example.h5"
        write_safetensors(source, perceptron())
        self.succeed("import", source, "--model", "mlp", "--output", self.folder / "onnx.h5")
        self.succeed("export", self.folder / "onnx.h5", "--format", "onnx", "--output", graph, "--example", example)
        self.assertIn(b"Gemm", graph.read_bytes())
        with h5py.File(example) as file:
            pixels, weights = file["inputs/input"][()].reshape(5, 784), perceptron()
            hidden = numpy.maximum(pixels @ weights["1.weight"].T + weights["1.bias"], 0)
            wanted = hidden @ weights["3.weight"].T + weights["3.bias"]
            self.assertLess(numpy.abs(file["outputs/logits"][()] - wanted).max(), 1e-4)
