"""Optimizers, learning rates and trainings that end by themselves."""

import json

import h5py
import numpy

from .support import CommandTest


class Tuning(CommandTest):
    def test_tune_rate(self):
        """The same rate on any ranks; nothing is left but what was asked for."""
        tune = ("tune-rate", "softmax-regression", "--data", self.data, "--batch-size", 100, "--tries", 40)
        output, plot = self.folder / "rates.json", self.folder / "rates.svg"
        before = set(self.folder.iterdir())
        said = [self.succeed(*tune, "--output", output, "--plot", plot), self.succeed(*tune, ranks=2)]
        self.assertEqual(set(self.folder.iterdir()) - before, {output, plot})
        found = [line for text in said for line in text.splitlines() if line.startswith("suggestion: --learning-rate ")]
        self.assertEqual(len(found), 2)
        self.assertEqual(found[0], found[1])
        result = json.loads(output.read_text())
        self.assertEqual({len(result[name]) for name in ("rates", "losses", "smoothed")}, {len(result["rates"])})
        self.assertAlmostEqual(float(found[0].split()[-1]) / result["suggestion"], 1, delta=0.06)
        self.assertIn("<svg", plot.read_text()[:2000])
        self.refuse(64, *tune, "--checkpoint", self.folder / "x", mentions=["--checkpoint is for train"])
        self.refuse(64, *tune, "--accumulate", 2, mentions=["--accumulate is for train"])
        self.refuse(64, *tune, "--min-rate", 1, "--max-rate", 0.1, mentions=["must rise"])
        self.refuse(70, *tune[:-2], "--min-rate", 1e5, "--max-rate", 1e6, "--tries", 13, mentions=["no rate"])

    def test_dry_run(self):
        folder, metrics, plot = (self.folder / name for name in ("dry", "dry.jsonl", "dry.svg"))
        before = set(self.folder.iterdir())
        dry = (
            "train", "mlp", "--data", self.data, "--dry-run", "--batch-size", 100, "--epochs", 3, "--checkpoint", folder, "--metrics",
            metrics, "--plot", plot)
        for ranks in (None, 2):
            said = self.succeed(*dry, ranks=ranks)
            for part in ("would train 21 steps, 7 in an epoch", "203530 parameters", f"would save to {folder}", "nothing was written"):
                self.assertIn(part, said)
        self.assertEqual(set(self.folder.iterdir()), before)
        self.refuse(64, *dry, "--keep-best", "valid_loss", mentions=["keep-best is valid_loss", "test_loss"])
        self.refuse(73, *dry[:-5], self.folder / "no" / "folder", mentions=["no"])

    def test_parameters_by_name(self):
        train = ("train", "mlp", "--data", self.data, "--batch-size", 100, "--epochs", 1)
        names = ["tail", "1.weight, 1.bias, 3.weight, 3.bias"]
        self.refuse_everywhere(64, *train, "--learning-rate", "tail=1,*=0.1", mentions=["learning-rate", *names])
        self.refuse_everywhere(64, *train, "--weight-decay", "tail=1", mentions=["weight-decay", *names])
        self.refuse(64, *train, "--learning-rate", "head=fast", mentions=["'head=fast'"])
        rates = ("--learning-rate", "1=0,*=0.1", "--optimizer", "muon", "--reproducible")
        self.succeed(*train, *rates, "--checkpoint", self.folder / "one")
        self.succeed(*train, *rates, "--shard-optimizer", "--steps", 4, "--checkpoint", self.folder / "two", ranks=2)
        self.succeed("train", "mlp", "--data", self.data, "--reproducible", "--resume", "auto", "--checkpoint", self.folder / "two", ranks=3)
        self.assertEqual(self.digest("one"), self.digest("two"))
        self.assertIn("learning-rate 1=0.0,*=0.1", self.succeed("inspect", self.folder / "two"))

    def test_the_average_of_the_weights(self):
        epochs = self.train("mlp", "averaged", "--epochs", 2, "--batch-size", 100, "--ema", 0.9)
        evaluate = ("evaluate", self.folder / "averaged", "--data", self.data)
        plain, average = self.succeed(*evaluate), self.succeed(*evaluate, "--ema")
        self.assertNotEqual(plain, average)
        self.assertIn(f"loss {epochs[-1]['test_loss']:.4f}", average)
        with h5py.File(self.newest("averaged")) as file:
            self.assertEqual(sorted(file["ema"]), ["1.bias", "1.weight", "3.bias", "3.weight"])
            self.assertGreater(numpy.abs(file["ema/1.weight"][:] - file["model/1.weight"][:]).max(), 0)
            exported = self.folder / "averaged-weights.h5"
            self.succeed("export", self.folder / "averaged", "--format", "h5", "--output", exported, "--ema")
            with h5py.File(exported) as other:
                for name in file["ema"]:
                    numpy.testing.assert_array_equal(other[name][:], file[f"ema/{name}"][:])
        self.train("mlp", "without", "--steps", 1)
        self.refuse(64, "evaluate", self.folder / "without", "--data", self.data, "--ema", mentions=["without --ema"])

    def test_early_stopping(self):
        epochs = self.train(
            "mlp", "stopped", "--epochs", 9, "--batch-size", 200, "--early-stopping", "test_loss:2", "--learning-rate", 0)
        self.assertEqual(len(epochs), 3)
        said = self.succeed(
            "train", "mlp", "--data", self.data, "--resume", self.folder / "stopped", "--checkpoint", self.folder / "stopped")
        self.assertIn("stopped early: test_loss has not been better than", said)
        self.refuse_everywhere(
            64, "train", "mlp", "--data", self.data, "--early-stopping", "valid_loss", "--quiet",
            mentions=["early-stopping is valid_loss", "train_loss, train_accuracy, test_loss, test_accuracy"])
