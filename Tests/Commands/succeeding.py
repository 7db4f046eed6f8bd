"""Commands that succeed, their files read back with h5py alone."""

import json

import h5py
import numpy

from .support import CommandTest


class Commands(CommandTest):
    """What succeeds."""

    def test_convert_fashion_mnist(self):
        output = self.folder / "fashion-mnist.h5"
        self.succeed("convert", "fashion-mnist", "--output", output)
        with h5py.File(output) as file:
            self.assertEqual(file["train/images"].shape, (60000, 1, 28, 28))
            self.assertEqual(file["test/images"].shape, (10000, 1, 28, 28))
            self.assertEqual(file["train/images"].dtype, numpy.uint8)
            self.assertTrue(file["train/images"].fletcher32)
            self.assertIsNotNone(file["train/images"].chunks)
            self.assertEqual(numpy.bincount(file["train/labels"][:]).tolist(), [6000] * 10)
            self.assertEqual(file["test/labels"][:4].tolist(), [9, 2, 1, 1])
            self.assertEqual(len(file.attrs["class_names"]), 10)
            self.assertEqual(file.attrs["task"], "classification")

    def test_train_evaluate_predict(self):
        epochs = self.train("softmax-regression", "softmax", "--epochs", 8, "--batch-size", 32, "--learning-rate", 0.1)
        self.assertEqual([event["epoch"] for event in epochs], list(range(1, 9)))
        self.assertLess(epochs[-1]["train_loss"], epochs[0]["train_loss"])
        self.assertGreater(epochs[-1]["test_accuracy"], 0.6)
        self.assertIn(
            f"accuracy {epochs[-1]['test_accuracy']:.4f}, 101 samples",
            self.succeed("evaluate", self.folder / "softmax", "--data", self.data))
        predictions = self.folder / "predictions.h5"
        self.succeed("predict", self.folder / "softmax", "--data", self.data, "--output", predictions)
        saved = self.newest("softmax")
        with h5py.File(saved) as model, h5py.File(self.data) as data, h5py.File(predictions) as predicted:
            weight, bias = model["model/1.weight"][:], model["model/1.bias"][:]
            self.assertEqual((weight.shape, bias.shape, weight.dtype), ((10, 784), (10,), numpy.float32))
            inputs = data["test/images"][:].reshape(-1, 784) / 255.0
            numpy.testing.assert_allclose(predicted["logits"][:], inputs @ weight.T + bias, atol=1e-4)

    def test_any_number_of_ranks_trains_the_same(self):
        arguments = ("--epochs", 1, "--batch-size", 100)
        expected = self.train("mlp", "alone", *arguments)[-1]
        for ranks in (1, 2, 3, 4):
            found = self.train("mlp", f"ranks-{ranks}", *arguments, ranks=ranks)[-1]
            self.assertEqual(found["ranks"], ranks)
            self.assertEqual(found["step"], expected["step"])
            self.assertLess(abs(found["train_loss"] / expected["train_loss"] - 1), 1e-4, f"{ranks} ranks")

    def test_resume_equals_an_uninterrupted_run(self):
        for ranks in (None, 2):
            whole, halves = f"whole-{ranks}", f"halves-{ranks}"
            self.train("mlp-dropout", whole, "--epochs", 3, "--batch-size", 64, ranks=ranks)
            self.train("mlp-dropout", halves, "--epochs", 1, "--batch-size", 64, ranks=ranks)
            self.train(
                "mlp-dropout", halves, "--epochs", 3, "--batch-size", 64, "--resume", self.folder / halves,
                ranks=ranks)
            self.assertRegex(self.digest(whole), "sha256:[0-9a-f]{64}")
            self.assertEqual(self.digest(whole), self.digest(halves), f"{ranks} ranks")

    def test_a_batch_that_grows_with_the_ranks(self):
        """It is the training of the larger batch, to the bit, and stays so on any ranks that go on with it."""
        train = ("train", "mlp", "--data", self.data, "--reproducible", "--optimizer", "lamb", "--learning-rate", 0.01)
        grown, small = self.folder / "grown", ("--batch-size", 50, "--scale-batch", "--checkpoint")
        said = self.succeed(*train, *small, grown, "--epochs", 2, "--steps", 5, ranks=2)
        line = "scale-batch: 2 × 50 samples are 100 a step; learning rate 2 × 0.01 is 0.02, reached within 1 steps from 0.01"
        self.assertIn(line, said)
        said = self.succeed(*train, *small, grown, "--epochs", 2, "--resume", "auto")
        self.assertIn("scale-batch: goes on with 100 samples a step and learning rate 0.02", said)
        large = self.folder / "large"
        self.succeed(
            *train[:-1], 0.02, "--batch-size", 100, "--warmup", 1, "--warmup-start", 0.5, "--epochs", 2, "--checkpoint", large,
            ranks=2)
        self.assertEqual(self.digest(grown), self.digest(large))
        self.refuse(64, *train, *small, large, "--epochs", 3, "--resume", large, mentions=["scale-batch", "began without"])

    def test_benchmark(self):
        measured = ("benchmark", "lenet", "--batch-size", 64, "--steps", 4, "--roof", "--profile")
        line = self.succeed(*measured, "--json", ranks=2).strip()
        result = json.loads(line)
        self.assertEqual((result["model"], result["ranks"], result["batch_size"], result["steps"]), ("lenet", 2, 64, 4))
        self.assertGreater(result["examples_per_second"], 0)
        self.assertLessEqual(result["step_ms_min"], result["step_ms_median"])
        profile = result["profile"]
        parts = profile["parts_ms"]
        self.assertAlmostEqual(sum(parts.values()), profile["step_ms"], places=6)
        for part in ("convolutions", "matrix products", "pooling", "activations", "loss", "update", "unexplained"):
            self.assertIn(part, parts)
        self.assertEqual(profile["multiplications"], 32 * 1131960)
        layers = {layer["name"]: layer for layer in profile["layers"]}
        self.assertEqual(set(layers) & {"0 Conv2D", "3 Conv2D", "11 Linear", "loss"}, {"0 Conv2D", "3 Conv2D", "11 Linear", "loss"})
        self.assertAlmostEqual(sum(layer["bare_ms"] for layer in layers.values()), profile["bare_kernels_ms"], places=6)
        self.assertAlmostEqual(profile["share_of_roof"] * result["step_ms_median"], profile["bare_kernels_ms"], places=6)
        said = self.succeed(*measured)
        self.assertRegex(said, r"(?m)^  3 Conv2D +[0-9.]+ +[0-9.]+ +[0-9.]+ % +[0-9.]+ +[0-9.]+ +0$")
        self.assertRegex(said, r"(?m)^share of the roof: [0-9.]+ % ")

    def test_what_needs_no_data(self):
        models = self.succeed("models")
        for name in ("softmax-regression", "mlp", "mlp-dropout", "lenet"):
            self.assertIn(name, models)
        self.assertRegex(self.succeed("summary", "lenet"), "61[,.]?706")
        self.succeed("doctor")

    def test_plot(self):
        plot = self.folder / "curve.svg"
        self.train("mlp", "plotted", "--epochs", 2, "--plot", plot)
        self.assertIn("<svg", plot.read_text())

    def test_predictions_do_not_depend_on_ranks(self):
        self.train("lenet", "predicting", "--steps", 2)
        logits = []
        for ranks in (None, 1, 3):
            output = self.folder / f"predictions-{ranks}.h5"
            self.succeed(
                "predict", self.folder / "predicting", "--data", self.data, "--output", output, "--split", "train",
                ranks=ranks)
            with h5py.File(output) as predicted:
                logits.append(predicted["logits"][:])
        for found in logits[1:]:
            numpy.testing.assert_allclose(found, logits[0], atol=1e-5)

    def test_configuration_file(self):
        config = self.folder / "config.yaml"
        config.write_text(f"data: {self.data}\nbatch-size: 50\nlearning-rate: 0.25\nquiet: true\nsteps: 1\n")
        self.succeed("train", "mlp", "--config", config, "--steps", 2, "--checkpoint", self.folder / "configured")
        shown = self.succeed("inspect", self.folder / "configured")
        for part in ("model mlp", "batch-size 50", "learning-rate 0.25", "steps 2"):
            self.assertIn(part, shown)
