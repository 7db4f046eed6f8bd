"""Arrays and tables with classes: conversion, h5py's four lines, training, splits, weights, answers."""

import csv
import json

import h5py
import numpy

from .support import ROOT, CommandTest

IRIS = ROOT / "Tests" / "DatasetsTests" / "Fixtures"


class Arrays(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        random = numpy.random.default_rng(5)
        cls.x = random.normal(size=(240, 2, 3)).astype(numpy.float16)
        cls.y = (cls.x.reshape(240, 6)[:, :2].sum(1) > 0.7).astype(numpy.uint8)
        cls.four = cls.folder / "four.h5"
        with h5py.File(cls.four, "w") as file:
            file.attrs["task"] = "arrays"
            file["train/inputs"], file["train/targets"] = cls.x[:200], cls.y[:200]
            file["test/inputs"], file["test/targets"] = cls.x[200:], cls.y[200:]

    def epochs(self, model, data, name, *arguments, ranks=None):
        metrics = self.folder / f"{name}.jsonl"
        self.succeed(
            "train", model, "--data", data, "--checkpoint", self.folder / name, "--metrics", metrics, "--quiet",
            "--overwrite", *arguments, ranks=ranks)
        return [json.loads(line) for line in metrics.read_text().splitlines()]

    def test_iris_from_csv_to_accuracy(self):
        data, model = self.folder / "iris.h5", self.folder / "iris"
        shown = self.succeed(
            "convert", "csv", "--input", IRIS / "iris_train.csv", "--test-file", IRIS / "iris_test.csv", "--target",
            "class", "--classes", "--standardize", "--output", data)
        self.assertIn("120 + 30 rows of 4 features to predict class, one of 3 classes", shown)
        with h5py.File(data) as file:
            self.assertEqual(file.attrs["task"], "classification")
            self.assertEqual(list(file.attrs["class_names"]), ["setosa", "versicolor", "virginica"])
            self.assertEqual((file["train/features"].shape, file["train/features"].dtype), ((120, 4), numpy.float32))
            self.assertEqual((file["train/labels"].shape, file["train/labels"].dtype), ((120,), numpy.int64))
        self.assertIn("3 classes: setosa, versicolor, virginica", self.succeed("inspect", data))
        last = self.epochs(
            "mlp", data, "iris", "--hidden", "16,8", "--optimizer", "adam", "--learning-rate", 0.01, "--batch-size", 16,
            "--epochs", 40)[-1]
        self.assertGreaterEqual(last["test_accuracy"], 0.9)
        with h5py.File(self.newest("iris")) as file:
            self.assertEqual([file[f"model/{n}.weight"].shape for n in (1, 3, 5)], [(16, 4), (8, 16), (3, 8)])
        lines = self.succeed("evaluate", model, "--data", data, "--confusion").splitlines()
        self.assertRegex(lines[0], r"^mlp: test loss [0-9.]+, accuracy [0-9.]+, 30 samples$")
        self.assertEqual([line.split()[0] for line in lines[1:]], ["class", "setosa", "versicolor", "virginica"])
        counts = [[int(cell) for cell in line.split()[1:4]] for line in lines[2:]]
        self.assertEqual([sum(row) for row in counts], [10, 10, 10])
        self.assertAlmostEqual(sum(counts[c][c] for c in range(3)) / 30, last["test_accuracy"])
        # From the raw rows and from the converted ones: the same answers.
        answers = []
        for number, source in enumerate((IRIS / "iris_test.csv", data)):
            path = self.folder / f"answers-{number}.csv"
            self.succeed("predict", model, "--data", source, "--csv", path, "--output", self.folder / "logits.h5")
            with open(path, newline="") as file:
                answers.append(list(csv.reader(file)))
            with h5py.File(self.folder / "logits.h5") as file:
                self.assertEqual(file["logits"].shape, (30, 3))
        self.assertEqual(answers[0], answers[1])
        self.assertEqual((answers[0][0], answers[0][1][0]), (["row", "class"], "0"))
        self.assertLessEqual({row[1] for row in answers[0][1:]}, {"setosa", "versicolor", "virginica"})
        self.refuse(65, "train", "lenet", "--data", data, mentions=["samples of the shape [4]", "28×28"])
        self.refuse(64, "train", "lenet", "--data", self.data, "--hidden", "3", mentions=["hidden is for mlp, transformer and vit, not lenet"])
        self.refuse(64, "train", "mlp", "--data", data, "--hidden", "3,x", mentions=["hidden is '3,x'"])
        self.refuse(65, "train", "linear-regression", "--data", data, mentions=["expected regression"])
        self.refuse(65, "evaluate", model, "--data", self.four, mentions=["[2, 3]", "was trained on [4]"])

    def test_four_lines_of_h5py(self):
        """Float16 of any shape, on any number of ranks, streamed or not."""
        self.assertIn("/train: 200 samples of [2, 3], float16", self.succeed("inspect", self.four))
        digests = []
        for ranks in (None, 2, 3):
            last = self.epochs(
                "mlp", self.four, f"four-{ranks}", "--hidden", 8, "--epochs", 30, "--batch-size", 20, "--reproducible",
                ranks=ranks)[-1]
            digests.append(self.digest(f"four-{ranks}"))
        self.assertEqual(len(set(digests)), 1)
        self.assertGreater(last["test_accuracy"], 0.85)
        self.refuse(65, "train", "lenet", "--data", self.four, mentions=["[2, 3]"])

    def test_streamed_tables(self):
        """A converted table for regression that is larger than --memory: the same bits streamed and in memory."""
        random = numpy.random.default_rng(7)
        rows = random.normal(size=(30_000, 8))
        table, data = self.folder / "rows.csv", self.folder / "rows.h5"
        goal = rows @ numpy.arange(8) + 3
        numpy.savetxt(table, numpy.column_stack([rows, goal]), "%.5f", ",", header="a,b,c,d,e,f,g,h,y", comments="")
        self.succeed("convert", "csv", "--input", table, "--target", "y", "--output", data, "--chunk", 500)
        options = ("--epochs", 2, "--batch-size", 100, "--learning-rate", 0.01, "--reproducible", "--window", "64KB")
        digests = []
        for number, (memory, ranks) in enumerate((("200KB", None), ("200KB", 2), ("300KB", 3), ("64MB", None), ("64MB", 2))):
            last = self.epochs(
                "linear-regression", data, f"rows-{number}", *options, "--memory", memory, "--shuffle", "windowed",
                ranks=ranks)[-1]
            digests.append(self.digest(f"rows-{number}"))
        self.assertEqual(len(set(digests)), 1)
        self.assertLess(last["train_rmse"], 0.2)
        self.epochs("linear-regression", data, "half", *options, "--memory", "200KB", "--steps", 150)
        self.epochs("linear-regression", data, "half", "--resume", self.folder / "half", "--reproducible", "--memory", "64MB", ranks=2)
        self.assertEqual(self.digest("half"), digests[0])
        self.refuse(
            64, "train", "linear-regression", "--data", data, "--memory", "200KB", "--shuffle", "full",
            mentions=["shuffle is full"])
        answers = self.folder / "rows-answers.h5"
        self.succeed("predict", self.folder / "half", "--data", data, "--split", "train", "--output", answers)
        with h5py.File(answers) as file:
            self.assertLess(abs(file["predictions"][:, 0] - goal).max(), 1)
        with h5py.File(data, "r+") as file:
            file["train/features"][20_000, 3] = numpy.nan
        self.refuse(
            65, "train", "linear-regression", "--data", data, *options, "--memory", "200KB",
            mentions=["row 20000, number 3: nan"])

    def test_splits_and_weights(self):
        """The same bits on any number of ranks; stopped and resumed, the same samples are held back."""
        options = (
            "--validation", 0.2, "--stratify", "--class-weights", "balanced", "--train-first", 180, "--hidden", 8,
            "--batch-size", 16, "--reproducible", "--seed", 3)
        digests = []
        for ranks in (None, 2, 3):
            last = self.epochs("mlp", self.four, f"split-{ranks}", *options, "--epochs", 4, ranks=ranks)[-1]
            digests.append(self.digest(f"split-{ranks}"))
            self.assertEqual(last["step"], 4 * 9)
            self.assertIn("valid_accuracy", last)
            self.assertIn("test_accuracy", last)
        self.assertEqual(len(set(digests)), 1)
        self.epochs("mlp", self.four, "part", *options, "--epochs", 4, "--steps", 12)
        again = self.epochs("mlp", self.four, "part", "--resume", self.folder / "part", "--reproducible", "--epochs", 4)
        self.assertEqual(self.digest("part"), digests[0])
        self.assertEqual(again[-1]["valid_loss"], last["valid_loss"])
        self.refuse(
            64, "train", "mlp", "--data", self.four, "--validation", 1.5, mentions=["validation is 1.5"])
        self.refuse(64, "train", "mlp", "--data", self.four, "--stratify", mentions=["stratify needs --validation"])

    def test_weights_of_samples(self):
        """Samples of weight 0 teach nothing: those with wrong labels."""
        path = self.folder / "weighted.h5"
        wrong = numpy.arange(200) % 3 == 0
        with h5py.File(path, "w") as file:
            file.attrs["task"] = "arrays"
            file["train/inputs"], file["train/weights"] = self.x[:200], (~wrong).astype(numpy.float32)
            file["train/targets"] = numpy.where(wrong, 1 - self.y[:200], self.y[:200])
            file["test/inputs"], file["test/targets"] = self.x[200:], self.y[200:]
        last = self.epochs("mlp", path, "weighted", "--hidden", 8, "--epochs", 40, "--batch-size", 20)[-1]
        self.assertGreater(last["test_accuracy"], 0.85)
        self.assertLess(last["train_accuracy"], 0.75)

    def test_numbers_to_predict(self):
        path, model = self.folder / "numbers.h5", self.folder / "numbers"
        flat = self.x.reshape(240, 6).astype(numpy.float64)
        goal = numpy.stack([flat @ [1, 2, 3, 0, 0, -1], flat[:, 4] - 0.5], axis=1)
        with h5py.File(path, "w") as file:
            file.attrs["task"] = "arrays"
            file["train/inputs"], file["train/targets"] = flat, goal
            file["test/inputs"] = flat[:3]
        last = self.epochs("linear-regression", path, "numbers", "--epochs", 60, "--batch-size", 16)[-1]
        self.assertLess(last["train_rmse"], 0.01)
        out, table = self.folder / "numbers-p.h5", self.folder / "numbers-p.csv"
        self.succeed("predict", model, "--data", path, "--output", out, "--csv", table)
        with h5py.File(out) as file:
            numpy.testing.assert_allclose(file["predictions"][:], goal[:3], atol=0.05)
        self.assertEqual(table.read_text().splitlines()[0], "row,prediction_0,prediction_1")
        self.refuse(65, "train", "mlp", "--data", path, mentions=["numbers to predict", "tells classes apart"])
        self.refuse(65, "train", "linear-regression", "--data", self.four, mentions=["which are classes"])

    def test_numpy(self):
        """.npy and .npz become the same file as by h5py."""
        x, y, archive = self.folder / "x.npy", self.folder / "y.npy", self.folder / "a.npz"
        numpy.save(x, self.x)
        numpy.save(y, self.y.astype(">i4")[:, None])
        numpy.savez_compressed(archive, x_train=self.x[:200], y_train=self.y[:200], x_test=self.x[200:], y_test=self.y[200:])
        one, other = self.folder / "npy.h5", self.folder / "npz.h5"
        shown = self.succeed("convert", "npy", "--inputs", x, "--targets", y, "--output", one)
        self.assertIn("240 samples of [2, 3], 2 classes", shown)
        self.assertIn("200 + 40 samples", self.succeed("convert", "npz", archive, "--output", other))
        with h5py.File(one) as file:
            numpy.testing.assert_array_equal(file["train/inputs"][:], self.x)
            numpy.testing.assert_array_equal(file["train/targets"][:], self.y)
            self.assertEqual(file["train/inputs"].dtype, numpy.float16)
            self.assertTrue(file["train/inputs"].fletcher32)
        for data in (self.four, other):
            self.epochs("mlp", data, f"numpy-{data.stem}", "--epochs", 2, "--hidden", 4, "--seed", 2)
        self.assertEqual(self.digest("numpy-four"), self.digest("numpy-npz"))
        never = self.folder / "never.h5"
        for array, words in (
                (numpy.asfortranarray(numpy.ones((3, 4))), "Fortran order"),
                (numpy.array([None, {}], dtype=object), "pickled Python objects"),
                (numpy.zeros(3, dtype=[("a", "<i4")]), "records"), (numpy.array(["a"]), "of the type"),
                (numpy.array([1, numpy.inf]), "row 1")):
            numpy.save(x, array, allow_pickle=True)
            self.refuse(65, "convert", "npy", "--inputs", x, "--output", never, mentions=[x, words])
        self.assertFalse(never.exists())

    def test_bad_arrays(self):
        def refuse(words, **arrays):
            path = self.folder / "bad.h5"
            with h5py.File(path, "w") as file:
                file.attrs["task"] = "arrays"
                for name, values in arrays.items():
                    file[f"train/{name}"] = values
            self.refuse_everywhere(65, "train", "mlp", "--data", path, "--epochs", 1, mentions=[path, *words])

        x, y = self.x[:20].astype(numpy.float32), self.y[:20]
        spoilt = x.copy()
        spoilt[7, 1, 2] = numpy.nan
        refuse(["row 7", "nan"], inputs=spoilt, targets=y)
        refuse(["row 5", "65535", "-1"], inputs=x, targets=numpy.where(numpy.arange(20) == 5, -1, y.astype(int)))
        refuse(["0 never occurs"], inputs=x, targets=y + 1)
        refuse(["19 rows"], inputs=x, targets=y[:19])
        refuse(["no targets to learn from"], inputs=x)
        refuse(["weights", "row 2"], inputs=x, targets=y, weights=numpy.where(numpy.arange(20) == 2, -1.0, 1.0))
