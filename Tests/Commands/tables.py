"""Tables: conversion, training, folds, predictions."""

import csv
import json
import random

import h5py
import numpy

from .support import CommandTest


class Tables(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        random.seed(1)
        rows = [["Id", "rooms", "kind", "price"]]
        for row in range(120):
            rooms, kind = random.randint(1, 8), random.choice("abc")
            price = 50 + 10 * rooms + 7 * "abc".index(kind)
            rows.append([row + 1, "NA" if row % 9 == 0 else rooms, kind, price])
        cls.raw, cls.raw_test = cls.folder / "train.csv", cls.folder / "test.csv"
        with open(cls.raw, "w", newline="") as file:
            csv.writer(file).writerows(rows[:101])
        with open(cls.raw_test, "w", newline="") as file:
            csv.writer(file).writerows(row[:3] for row in [rows[0], *rows[101:]])
        cls.table = cls.folder / "table.h5"
        cls.options = ("--input", cls.raw, "--target", "price", "--id", "Id", "--standardize", "--one-hot")

    def setUp(self):
        self.succeed("convert", "csv", *self.options, "--test-file", self.raw_test, "--output", self.table)

    def convert(self, text, *options, code=65, mentions=()):
        path, output = self.folder / "bad.csv", self.folder / "never.h5"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.refuse(code, "convert", "csv", "--input", path, "--output", output, *options, mentions=[path, *mentions])
        self.assertFalse(output.exists())

    def test_what_h5py_reads(self):
        with h5py.File(self.table) as file:
            self.assertEqual(file.attrs["task"], "regression")
            self.assertEqual(
                list(file.attrs["feature_names"]), ["rooms", "kind_a", "kind_b", "kind_c", "kind_nan"])
            self.assertEqual((file["train/features"].shape, file["train/features"].dtype), ((100, 5), numpy.float32))
            self.assertEqual(file["train/targets"].shape, (100, 1))
            self.assertEqual(file["test/features"].shape, (20, 5))
            self.assertNotIn("targets", file["test"])
            self.assertTrue(file["train/features"].fletcher32)
            rooms = numpy.concatenate([file["train/features"][:, 0], file["test/features"][:, 0]])
            self.assertAlmostEqual(float(rooms.mean()), 0, places=5)
        self.assertIn("100 rows", self.succeed("inspect", self.table))
        self.assertRegex(self.succeed("inspect", self.table, "--digest"), "^sha256:[0-9a-f]{64}$")

    def test_folds_and_submission(self):
        """The same on any number of ranks: folds bit for bit, and so the training in reproducible mode."""
        results = []
        for ranks in (None, 2, 3):
            name = f"folds-{ranks}"
            metrics, submission = self.folder / f"{name}.jsonl", self.folder / f"{name}.csv"
            self.succeed(
                "train", "house-prices", "--data", self.table, "--epochs", 30, "--folds", 4, "--metrics", metrics,
                "--submission", submission, "--checkpoint", self.folder / name, "--reproducible", "--quiet", ranks=ranks)
            lines = [json.loads(line) for line in metrics.read_text().splitlines()]
            folds = [line for line in lines if "fold" in line]
            self.assertEqual(len(folds), 4 * 30)
            self.assertIn("valid_log_rmse", folds[-1])
            self.assertEqual(lines[-1]["event"], "folds")
            with open(submission, newline="") as file:
                rows = list(csv.reader(file))
            self.assertEqual((rows[0], len(rows), rows[1][0]), (["Id", "price"], 21, "101"))
            results.append((lines[-1], rows, self.digest(name)))
        self.assertLess(results[0][0]["valid_log_rmse"], 0.2)
        for found in results[1:]:
            self.assertEqual(found, results[0])
        again = self.folder / "again.csv"
        for data in (self.table, self.raw_test):
            self.succeed("predict", self.folder / "folds-None", "--data", data, "--csv", again)
            with open(again, newline="") as file:
                self.assertEqual(list(csv.reader(file)), results[0][1])

    def test_a_standardised_target_is_undone(self):
        data, output = self.folder / "standard.h5", self.folder / "standard-predictions.h5"
        self.succeed("convert", "csv", *self.options, "--standardize-target", "--output", data)
        self.succeed(
            "train", "linear-regression", "--data", data, "--epochs", 60, "--checkpoint", self.folder / "standard")
        self.succeed(
            "predict", self.folder / "standard", "--data", data, "--split", "train", "--output", output)
        with h5py.File(output) as file, open(self.raw, newline="") as raw:
            prices = [float(row["price"]) for row in csv.DictReader(raw)]
            self.assertEqual(file["predictions"].shape, (100, 1))
            self.assertLess(abs(file["predictions"][:, 0] - prices).mean(), 15)

    def test_linear_regression(self):
        data, name = self.folder / "linear.h5", self.folder / "linear"
        self.succeed("convert", "synthetic-linear", "--output", data)
        self.succeed("train", "linear-regression", "--data", data, "--checkpoint", name, ranks=2)
        with h5py.File(self.newest("linear")) as file:
            numpy.testing.assert_allclose(file["model/0.weight"][:], [[2, -3.4]], atol=0.01)
            numpy.testing.assert_allclose(file["model/0.bias"][:], [4.2], atol=0.01)

    def test_sine(self):
        """Four points in a row and the next one, the first 600 rows to train on; the noise's variance is 0.04."""
        data, name = self.folder / "sine.h5", self.folder / "sine"
        self.assertIn("600 + 396 rows of 4 features", self.succeed("convert", "synthetic-sine", "--output", data))
        with h5py.File(data) as file:
            features = numpy.concatenate([file["train/features"][:], file["test/features"][:]])
            targets = numpy.concatenate([file["train/targets"][:], file["test/targets"][:]])
            numpy.testing.assert_array_equal(features[1:, 3:], targets[:-1])
            numpy.testing.assert_array_equal(features[1:, :3], features[:-1, 1:])
            noise = targets[:, 0] - numpy.sin(0.01 * numpy.arange(5, 1001))
            self.assertLess(abs(noise.std() - 0.2), 0.02)
        metrics = self.folder / "sine.jsonl"
        self.succeed("train", "sine-mlp", "--data", data, "--checkpoint", name, "--metrics", metrics, ranks=2)
        epochs = [json.loads(line) for line in metrics.read_text().splitlines()]
        self.assertEqual(len(epochs), 5)
        self.assertLess(epochs[-1]["test_rmse"], 0.32)
        with h5py.File(self.newest("sine")) as file:
            self.assertEqual((file["model/0.weight"].shape, file["model/2.bias"].shape), ((10, 4), (1,)))
        for option, value in (("points", 1), ("lags", 0), ("lags", 1000), ("train-rows", 997), ("noise", -1)):
            self.refuse(
                64, "convert", "synthetic-sine", f"--{option}", value, "--output", self.folder / "never.h5",
                mentions=[option])
        self.assertFalse((self.folder / "never.h5").exists())

    def test_book(self):
        """Chapters that need no data; each fails where a result is not the notes'."""
        chapters = (
            "preprocessing", "linear-algebra", "calculus", "autograd", "probability", "normal", "linear-regression",
            "model-selection", "weight-decay", "initialization", "modules", "files", "devices")
        pictures = self.folder / "pictures"
        pictures.mkdir()
        shown = self.succeed("book", *chapters, "--pictures", pictures)
        self.assertIn(f"{len(chapters)} chapters, every result as in the notes", shown)
        self.assertNotIn("OFF", shown)
        self.assertGreaterEqual(len(list(pictures.glob("*.svg"))), 10)
        self.refuse(64, "book", "autogard", mentions=["'autogard'", "'autograd'"])

    def test_bad_tables(self):
        target = ("--target", "y")
        self.convert("", *target, mentions=["is empty"])
        self.convert("x,y\n", *target, mentions=["no row"])
        self.convert("x,y\n1,2\n3\n", *target, mentions=["row 3", "expected 2 fields"])
        self.convert("x,y\n1,\"2\n", *target, mentions=["row 2, column 2"])
        self.convert("x,x,y\n1,1,2\n", *target, mentions=["columns 1 and 2", "\"x\""])
        self.convert("x,z\n1,2\n", *target, mentions=["no column \"y\""])
        self.convert("x,y\n1,two\n", *target, mentions=["row 2", "\"two\""])
        self.convert("x,y\n1,\n", *target, mentions=["row 2", "found nothing"])
        self.convert("x,y\na,2\n", *target, mentions=["\"x\"", "--one-hot"])
        self.convert("x,z,y\nNA,1,2\n", *target, mentions=["\"x\"", "no value"])
        self.convert("x,y\n1e999,2\n", *target, mentions=["row 2", "inf"])
        self.convert("x,y\n1e300,2\n", *target, mentions=["row 2", "float32"])
        self.convert(b"x,y\n\xff,2\n", *target, "--one-hot", mentions=["row 2, column 1", "UTF-8"])
        self.convert("x,y\n1,2\n", *target, "--drop", "z", mentions=["\"z\""])
        self.refuse(
            66, "convert", "csv", "--input", self.folder / "none.csv", *target, "--output", self.folder / "never.h5",
            mentions=["none.csv"])
        # Hard, but good: a byte order mark, CRLF, a constant column, a category that only the test file has.
        good, test, output = self.folder / "good.csv", self.folder / "good-test.csv", self.folder / "good.h5"
        good.write_bytes(b"\xef\xbb\xbfx,k,c,y\r\n1,\"a\r\nb\",5,2\r\n3,c,5,4\r\n")
        test.write_text("x,k,c\n2,new,5\n")
        self.succeed(
            "convert", "csv", "--input", good, "--test-file", test, *target, "--one-hot", "--standardize", "--output", output)
        with h5py.File(output) as file:
            self.assertEqual(list(file.attrs["feature_names"]), ["x", "c", "k_a\r\nb", "k_c", "k_new", "k_nan"])
            self.assertEqual(file["train/features"][:, 1].tolist(), [0, 0])

    def test_bad_options(self):
        train = ("train", "house-prices", "--data", self.table)
        self.refuse_everywhere(64, *train, "--folds", 1, mentions=["folds is 1", "2…100"])
        self.refuse_everywhere(64, *train, "--folds", 101, mentions=["folds is 101"])
        self.refuse_everywhere(64, *train, "--folds", 3, "--steps", 5, mentions=["--steps"])
        self.refuse_everywhere(73, *train, "--submission", self.folder / "nowhere" / "s.csv", mentions=["nowhere"])
        self.refuse(64, "train", "mlp", "--data", self.data, "--submission", self.folder / "s.csv", mentions=["table"])
        self.refuse(65, "train", "mlp", "--data", self.table, mentions=["task: expected classification"])
        self.refuse(65, *train[:2], "--data", self.data, mentions=["task: expected regression"])
        self.refuse_everywhere(
            70, *train, "--folds", 3, "--learning-rate", 1e38, "--optimizer", "sgd", mentions=["not finite"])
