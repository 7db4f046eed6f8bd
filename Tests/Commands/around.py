"""Around a training: loggers, evaluate's figures, compare, report, augmentation."""

import csv
import html.parser
import json
import struct

import h5py
import numpy

from .support import CommandTest, run


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def masked(data):
    value = crc32c(data)
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(path):
    """The records of an event file, each held against its checksums."""
    data = path.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        assert struct.unpack("<I", data[8:12])[0] == masked(data[:8])
        content = data[12:12 + length]
        assert struct.unpack("<I", data[12 + length:16 + length])[0] == masked(content)
        yield content
        data = data[16 + length:]


class Page(html.parser.HTMLParser):
    """Which tags a page has; fails where they don't close."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], ""
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        self.words += data


class Around(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.first, cls.second = cls.folder / "first", cls.folder / "second"
        cls.log = cls.folder / "logs" / "first"
        train = ("train", "softmax-regression", "--data", cls.data, "--batch-size", 100, "--learning-rate", 0.05)
        cls.shown = run(
            *train, "--epochs", 2, "--checkpoint", cls.first, "--logger", "jsonl", "--logger-folder", cls.log, "--log-every", 5,
            "--plot", cls.folder / "first.svg", ranks=2)
        run(*train, "--epochs", 1, "--checkpoint", cls.second, "--augment", "crop:2,flip,rotate:5,jitter:0.1,cutout:4,mixup:0.2",
            "--plot", cls.folder / "second.svg")

    def test_the_log_of_a_job(self):
        self.assertEqual(self.shown.returncode, 0, self.shown.stderr)
        self.assertIn("optimization     epochs 2, batch-size 100, learning-rate 0.05, optimizer sgd", self.shown.stdout)
        self.assertNotIn("{", self.shown.stdout)
        events = [json.loads(line) for line in (self.log / "metrics.jsonl").read_text().splitlines()]
        # One rank alone writes.
        self.assertEqual(
            [(event["event"], event["step"]) for event in events],
            [("start", 0), ("step", 1), ("step", 5), ("epoch", 7), ("step", 10), ("epoch", 14)])
        self.assertEqual(events[0]["configuration"]["batchSize"], 100)
        self.assertGreater(events[1]["gradient_norm"], 0)
        for name in ("first.svg", "second.svg"):
            self.assertIn("<svg", (self.folder / name).read_text()[:2000])

    def test_other_logs(self):
        train = ("train", "softmax-regression", "--data", self.data, "--batch-size", 200, "--epochs", 1, "--quiet", "--logger")
        events = self.folder / "logs" / "events"
        self.succeed(*train, "tensorboard", "--logger-folder", events, "--log-histograms")
        (file,) = events.iterdir()
        found = list(records(file))
        self.assertIn(b"brain.Event:2", found[0])
        for part in (b"configuration/text_summary", b"loss/step", b"accuracy/test", b"learning_rate", b"gradient_norm",
                     b"training images", b"\x89PNG", b"weights/1.weight"):
            self.assertTrue(any(part in record for record in found), part)
        self.succeed(*train, "csv", "--logger-folder", events)
        with open(events / "metrics.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([row["event"] for row in rows], ["step", "epoch"])
        self.assertGreater(float(rows[1]["test_accuracy"]), 0)
        self.refuse(73, *train, "tensorboard", "--logger-folder", self.data / "log", mentions=[self.data / "log"])
        self.refuse(64, *train, "csv", "--log-histograms", mentions=["log-histograms"])
        self.refuse(64, *train[:-1], "--log-every", 3, mentions=["--logger"])
        self.refuse(64, *train, "wandb", mentions=["wandb"])
        # A disk that fills up ends no training, but its exit code says that something is missing.
        full = self.folder / "logs" / "full"
        full.mkdir()
        (full / "metrics.jsonl").symlink_to("/dev/full")
        saved = self.folder / "full-saved"
        done = run(*train, "jsonl", "--logger-folder", full, "--checkpoint", saved)
        self.assertEqual(done.returncode, 73)
        self.assertIn("the training goes on without this log", done.stderr)
        self.assertEqual(len(list(saved.iterdir())), 1)

    def test_evaluate(self):
        output, picture = self.folder / "figures.json", self.folder / "confusion.svg"
        evaluate = ("evaluate", self.first, "--data", self.data)
        shown = {
            ranks: self.succeed(*evaluate, "--top-k", 3, "--report", "--confusion", "--output", output, "--plot", picture, ranks=ranks)
            for ranks in (None, 2)}
        self.assertEqual(shown[None], shown[2])
        self.assertIn("<svg", picture.read_text()[:2000])
        logits = self.folder / "logits.h5"
        self.succeed("predict", self.first, "--data", self.data, "--output", logits)
        with h5py.File(logits) as predicted, h5py.File(self.data) as data:
            answers, labels = predicted["logits"][:], data["test/labels"][:]
        figures = json.loads(output.read_text())
        best = answers.argsort(1)[:, ::-1]
        self.assertAlmostEqual(figures["measures"]["top_3_accuracy"], (best[:, :3] == labels[:, None]).any(1).mean())
        self.assertAlmostEqual(figures["measures"]["accuracy"], (best[:, 0] == labels).mean())
        confusion = numpy.zeros((10, 10), int)
        numpy.add.at(confusion, (labels, best[:, 0]), 1)
        self.assertEqual(figures["confusion"], confusion.tolist())
        hits, support, taken = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
        for index, score in enumerate(figures["report"]["classes"]):
            self.assertAlmostEqual(score["recall"], hits[index] / max(support[index], 1))
            self.assertAlmostEqual(score["precision"], hits[index] / max(taken[index], 1))
            self.assertAlmostEqual(score["f1"], 2 * hits[index] / (taken[index] + support[index]))
        self.assertIn("mean of classes", shown[None])
        self.refuse_everywhere(64, *evaluate, "--top-k", 11, mentions=["top-k is 11", "1…10"])
        self.refuse(73, *evaluate, "--output", self.folder / "none" / "f.json", mentions=["none"])

    def test_compare(self):
        picture = self.folder / "both.svg"
        shown = self.succeed("compare", self.first, self.second, "--plot", picture).splitlines()
        self.assertEqual(
            [line.split()[:3] for line in shown[1:3]],
            [["first", "softmax-regression", "2"], ["second", "softmax-regression", "1"]])
        self.assertIn("test_accuracy", shown[0])
        self.assertIn("<svg", picture.read_text()[:2000])
        # Two of one name go by their paths.
        self.assertIn(f"{self.log} ", self.succeed("compare", self.first, self.log))
        self.refuse(66, "compare", self.first, self.folder / "none", mentions=["none"])
        empty = self.folder / "empty.jsonl"
        empty.write_text("")
        self.refuse(65, "compare", empty, mentions=["no epoch"])
        self.refuse(64, "compare", self.first, "--plot", self.folder / "p.txt", mentions=[".svg"])

    def test_report(self):
        output = self.folder / "report.html"
        self.succeed("report", self.first, "--data", self.data, "--output", output)
        text = output.read_text()
        page = Page(text)
        self.assertNotIn("script", page.tags)
        self.assertNotIn("link", page.tags)
        self.assertNotIn("http", text)
        self.assertIn("svg", page.tags)
        for heading in ("Curves", "Where the time went", "Configuration", "Confusion matrix", "Worst mistakes", "Model"):
            self.assertIn(heading, page.words)
        self.assertIn(page.tags.count("img"), range(1, 25))
        self.succeed("report", self.log, "--output", output)
        self.assertIn("Curves", Page(output.read_text()).words)
        self.refuse(64, "report", self.log, "--data", self.data, "--output", output, mentions=["checkpoint"])
        self.refuse(73, "report", self.first, "--output", self.folder / "none" / "r.html", mentions=["none"])
        self.refuse(66, "report", self.folder / "none", "--output", output, mentions=["none"])

    def test_augmentation(self):
        picture = self.folder / "changed.png"
        shown = self.succeed("show", self.data, "--augment", "crop:4,flip,mixup:0.2", "--count", 16, "--output", picture)
        self.assertIn("2 images of /train and 7 epochs of each", shown)
        self.assertEqual(picture.read_bytes()[:4], b"\x89PNG")
        self.refuse(64, "show", self.data, "--augment", "crop:x", "--output", picture, mentions=["crop:x", "such as"])
        train = ("train", "softmax-regression", "--data", self.data, "--reproducible", "--epochs", 1, "--batch-size", 100, "--augment")
        for ranks in (None, 2, 3):
            self.succeed(*train, "crop:2,flip,mixup:0.4", "--checkpoint", self.folder / f"augmented-{ranks}", "--quiet", ranks=ranks)
        self.assertEqual(len({self.digest(f"augmented-{ranks}") for ranks in (None, 2, 3)}), 1)
        self.refuse_everywhere(64, *train, "mixup:2", mentions=["augment is 'mixup:2'"])
