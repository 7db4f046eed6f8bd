"""Work that must not be lost: used folders, outputs that are inputs or devices, full disks, closed outputs, hostile files."""

import hashlib
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess

import h5py

from .support import BINARY, TIME_LIMIT, CommandTest, run

SEAL = len("\nlockstep sha256:\n") + 64  # bytes behind a checkpoint's HDF5 image


def reseal(path, change):
    """Changes a checkpoint with h5py and gives it the digest of what it is now."""
    path.write_bytes(path.read_bytes()[:-SEAL])
    with h5py.File(path, "a") as file:
        change(file)
    image = path.read_bytes()
    path.write_bytes(image + b"\nlockstep sha256:" + hashlib.sha256(image).hexdigest().encode() + b"\n")


class Faults(CommandTest):
    def train_mlp(self, name, *arguments, **options):
        return self.succeed(
            "train", "mlp", "--data", self.data, "--quiet", "--checkpoint", self.folder / name, *arguments, **options)

    def test_a_used_folder(self):
        used, train = self.folder / "used", ("train", "mlp", "--data", self.data, "--quiet", "--checkpoint")
        self.train_mlp("used", "--steps", 5)
        (used / "notes.txt").write_text("mine")
        before = sorted(used.iterdir())
        words = [used, "checkpoint-00000005.h5", "--resume", "--overwrite"]
        self.refuse_everywhere(64, *train, used, "--steps", 2, mentions=words)
        self.refuse_everywhere(64, "train", "softmax-regression", *train[2:], used, "--steps", 2, mentions=words)
        self.assertEqual(sorted(used.iterdir()), before)
        # Nothing is removed for a training that can't begin.
        self.refuse_everywhere(64, *train, used, "--overwrite", "--batch-size", 0)
        self.refuse_everywhere(66, *train, used, "--overwrite", "--resume", self.folder / "none")
        self.assertEqual(sorted(used.iterdir()), before)
        self.refuse(64, *train[:-1], "--overwrite", mentions=["--checkpoint"])
        # To go on is no other run, but to go on from an earlier file would leave the later one the newest.
        self.train_mlp("used", "--steps", 6, "--resume", used)
        older = ("--steps", 6, "--resume", used / "checkpoint-00000005.h5")
        self.refuse(64, *train, used, *older, mentions=["newer", "checkpoint-00000006.h5"])
        self.train_mlp("used", *older, "--overwrite", ranks=2)
        self.train_mlp("used", "--steps", 2, "--overwrite", ranks=2)
        self.assertEqual(sorted(path.name for path in used.iterdir()), ["checkpoint-00000002.h5", "notes.txt"])

    def test_too_little_memory(self):
        """One line, whoever asks in vain: a tensor, or a kernel for the memory it works in."""
        codes = []
        for limit in (300, 350, 400, 450, 500):  # MB of addresses
            done = subprocess.run(
                [str(BINARY), "benchmark", "googlenet", "--batch-size", "32", "--steps", "1"], capture_output=True,
                text=True, timeout=TIME_LIMIT, env={**os.environ, "OMP_NUM_THREADS": "1"},
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit * 1000 ** 2, limit * 1000 ** 2)))
            self.assertIn(done.returncode, (0, 70), done.stderr)
            if done.returncode == 70:
                self.assertRegex(done.stderr, r"^lockstep: [^\n]*no memory for \d+ bytes[^\n]*\n$")
            codes.append(done.returncode)
        self.assertEqual(codes[0], 70)

    def test_numbers_that_are_not_finite(self):
        """They are neither saved, nor shown as if they were an answer."""
        folder = self.folder / "infinite"
        self.train_mlp("infinite", "--steps", 1)
        before = {path: path.read_bytes() for path in folder.iterdir()}
        self.refuse_everywhere(
            70, "train", "mlp", "--data", self.data, "--quiet", "--learning-rate", 1e39, "--steps", 2, "--resume", folder,
            "--checkpoint", folder, mentions=["not finite", "step 2", "last good checkpoint stays"])
        self.assertEqual({path: path.read_bytes() for path in folder.iterdir()}, before)

    def test_steps_that_are_skipped(self):
        """At such a rate no update is finite: `skip` leaves them out and says so, but not for ever."""
        metrics = self.folder / "skipped.jsonl"
        output = self.succeed(
            "train", "mlp", "--data", self.data, "--learning-rate", 1e39, "--epochs", 1, "--batch-size", 100, "--on-nan", "skip",
            "--metrics", metrics, "--checkpoint", self.folder / "skipped")
        steps = json.loads(metrics.read_text())["step"]
        self.assertIn(f"{steps} steps skipped; last, the update of ", output)
        self.assertEqual(json.loads(metrics.read_text())["skipped_steps"], steps)
        self.refuse(
            70, "train", "mlp", "--data", self.data, "--quiet", "--learning-rate", 1e39, "--batch-size", 10, "--on-nan", "skip",
            mentions=["after 10 skipped steps in a row", "step 11"])
        self.refuse(64, "train", "mlp", "--data", self.data, "--on-nan", "ignore", mentions=["on-nan", "stop or skip"])

    def test_an_audit(self):
        """It changes nothing, and needs the mode in which ranks compute the same bits."""
        train = ("--reproducible", "--steps", 6, "--batch-size", 100)
        self.train_mlp("unaudited", *train)
        self.train_mlp("audited", *train, "--audit", 2, ranks=3)
        digests = [self.succeed("inspect", self.folder / name, "--digest") for name in ("unaudited", "audited")]
        self.assertEqual(*(text.split()[-1] for text in digests))
        self.refuse_everywhere(
            64, "train", "mlp", "--data", self.data, "--quiet", "--audit", 2, mentions=["audit needs --reproducible"])
        # Part of the configuration: kept where the training goes on, but for a training that can't be audited.
        self.train_mlp("audited", "--reproducible", "--resume", self.folder / "audited", "--steps", 7)
        self.train_mlp("audited", "--resume", self.folder / "audited", "--steps", 8, "--allow-mode-change")

    def write_infinite(self, name):
        """A checkpoint as an older Lockstep saved it after an explosion, sealed like any other."""
        self.train_mlp(name, "--steps", 1)
        path = self.newest(name)
        reseal(path, lambda file: file["model/3.bias"].__setitem__(0, float("nan")))
        return path

    def test_answers_that_are_not_finite(self):
        path, output = self.write_infinite("old"), self.folder / "never.h5"
        words = [path, "3.bias is not finite"]
        self.refuse_everywhere(70, "evaluate", path, "--data", self.data, mentions=words)
        self.refuse_everywhere(70, "predict", path, "--data", self.data, "--output", output, mentions=words)
        self.assertFalse(output.exists())
        self.assertIn("/model/3.bias [10]", self.succeed("inspect", path))
        # Finite parameters whose answers are not.
        self.train_mlp("large", "--steps", 1)
        large = self.newest("large")
        reseal(large, lambda file: file["model/3.weight"].__setitem__(slice(None), 3e38))
        self.refuse_everywhere(70, "evaluate", large, "--data", self.data, mentions=["loss", large])
        self.refuse_everywhere(70, "predict", large, "--data", self.data, "--output", output, mentions=["sample", large])
        self.assertFalse(output.exists())

    def test_outputs_that_are_inputs(self):
        """Datasets and checkpoints survive a slip of the hand, by whatever name they are called."""
        self.train_mlp("slip", "--steps", 1)
        data, saved = self.folder / "precious.h5", self.newest("slip")
        shutil.copy(self.data, data)
        link, hard = self.folder / "link.h5", self.folder / "hard.h5"
        link.symlink_to(data)
        os.link(data, hard)
        before = (data.read_bytes(), saved.read_bytes())
        train = ("train", "mlp", "--data", data, "--quiet", "--steps", 1)
        for path in (data, link, hard, saved):
            self.refuse_everywhere(73, *train, "--metrics", path, mentions=[path, "HDF5"])
            self.refuse_everywhere(73, *train, "--metrics", path, "--resume", saved, mentions=[path, "HDF5"])
            self.refuse(73, "predict", saved, "--data", data, "--output", path, mentions=[path, "input"])
            self.refuse(73, "predict", saved, "--data", data, "--csv", path, mentions=[path])
        picture = self.folder / "picture.svg"
        picture.symlink_to(data)
        self.refuse_everywhere(73, *train, "--plot", picture, mentions=[picture, "HDF5"])
        text = self.folder / "text.txt"
        text.write_text("a text\tun texte\n" * 40)
        linked = self.folder / "linked.txt"
        linked.symlink_to(text)
        for kind in ("text", "pairs"):
            for output in (text, linked):
                self.refuse(73, "convert", kind, text, "--output", output, mentions=[output, "input"])
        table = self.folder / "table.csv"
        table.write_text("x,y\n1,2\n3,4\n")
        self.refuse(73, "convert", "csv", "--input", table, "--target", "y", "--output", table, mentions=[table, "input"])
        self.assertEqual((data.read_bytes(), saved.read_bytes()), before)
        self.assertEqual(text.read_text(), "a text\tun texte\n" * 40)

    def test_metrics_go_through(self):
        """A pipe and a link get the lines, and are there afterwards; so is a device."""
        train = ("train", "mlp", "--data", self.data, "--quiet", "--epochs", 2, "--metrics")
        pipe, link, device = (self.folder / name for name in ("pipe", "link", "device"))
        os.mkfifo(pipe)
        with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True) as reader:
            self.succeed(*train, pipe)
            shown, _ = reader.communicate(timeout=TIME_LIMIT)
        self.assertEqual([json.loads(line)["epoch"] for line in shown.splitlines()], [1, 2])
        self.assertTrue(pipe.is_fifo())
        link.symlink_to("real.jsonl")
        self.succeed(*train, link)
        self.assertTrue(link.is_symlink())
        self.assertEqual(len((self.folder / "real.jsonl").read_text().splitlines()), 2)
        device.symlink_to("/dev/null")
        self.succeed(*train, device)
        self.assertTrue(pathlib.Path("/dev/null").is_char_device())

    def test_metrics_on_a_full_disk(self):
        """The training goes on to its end and is saved; then its exit code says what is missing."""
        full = self.folder / "full"
        full.symlink_to("/dev/full")
        for ranks in (None, 2):
            folder = self.folder / f"saved-{ranks}"
            self.refuse_lines(
                73, 2, "train", "mlp", "--data", self.data, "--quiet", "--epochs", 3, "--metrics", full, "--checkpoint", folder,
                "--checkpoint-every", "3epochs", ranks=ranks, mentions=["warning", "No space left", full])
            self.assertEqual(len(list(folder.iterdir())), 1)
        self.assertTrue(pathlib.Path("/dev/full").is_char_device())

    def test_a_trace(self):
        """It is refused before the training where it can't be written; where that shows at its end, all else is saved."""
        path, folder = self.folder / "trace.json", self.folder / "traced"
        train = ("train", "mlp", "--data", self.data, "--steps", 8, "--trace")
        for ranks in (None, 2):
            said = self.succeed(*train, path, "--trace-steps", 2, ranks=ranks)
            self.assertIn(f"trace: {path}\n  steps 6 to 7 of", said)
            events = json.loads(path.read_text())["traceEvents"]
            self.assertEqual({event["pid"] for event in events}, set(range(ranks or 1)))
        self.succeed(*train, self.folder / "trace.svg", "--quiet")
        self.succeed("benchmark", "mlp", "--steps", 3, "--json", "--trace", path)
        self.refuse_everywhere(73, *train, self.folder / "none" / "t.json", "--checkpoint", folder, mentions=["none"])
        self.assertFalse(folder.exists() and any(folder.iterdir()))
        self.refuse(64, *train, self.folder / "t.txt", mentions=[".json or .svg"])
        self.refuse(64, *train[:-1], "--trace-steps", 3, mentions=["--trace"])
        self.refuse(64, *train, path, "--check-numerics", mentions=["--check-numerics"])
        self.refuse(64, "benchmark", "mlp", "--loader", self.data, "--trace", path, mentions=["--loader"])
        self.refuse(64, "benchmark", "mlp", "--loader", self.data, "--roof", mentions=["--loader", "--roof"])
        self.refuse(64, *train, path, "--profile", mentions=["--profile", "--trace"])
        said = self.succeed(*train[:-1], "--profile", ranks=2)
        self.assertRegex(said, r"(?m)^  1 Linear +[0-9.]+ +[0-9.]+")
        self.assertIn("where a step's time goes, rank 0 of 2", said)
        self.assertIn("step, mean of 3", said)
        full = self.folder / "full.json"
        full.symlink_to("/dev/full")
        saving = ("--checkpoint", folder, "--checkpoint-every", "100steps", "--overwrite")
        self.refuse_everywhere(73, *train, full, *saving, mentions=["No space left", full])
        self.assertEqual([file.name for file in folder.iterdir()], ["checkpoint-00000008.h5"])

    def refuse_lines(self, code, count, *arguments, mentions=(), **options):
        """Like `refuse`, with so many lines on standard error, each of the command's own."""
        done = run(*arguments, **options)
        lines = done.stderr.strip().splitlines()
        self.assertEqual((done.returncode, len(lines)), (code, count), done.stderr)
        for line in lines:
            self.assertTrue(line.startswith("lockstep: "), done.stderr)
        for word in mentions:
            self.assertIn(str(word), done.stderr)

    def test_metrics_of_a_resumed_training(self):
        """Half a line of a killed run is cut off, and no epoch is listed twice."""
        folder, metrics = self.folder / "resumed", self.folder / "resumed.jsonl"
        train = ("train", "mlp", "--data", self.data, "--quiet", "--checkpoint", folder, "--metrics", metrics, "--epochs")
        self.succeed(*train, 3)
        lines = metrics.read_text().splitlines(keepends=True)
        # Epoch 3 is lost, epoch 4 was half written.
        self.newest("resumed").unlink()
        metrics.write_text("".join(lines) + lines[2].replace('"epoch":3', '"epoch":4')[:50])
        self.succeed(*train, 4, "--resume", folder)
        events = [json.loads(line) for line in metrics.read_text().splitlines()]
        self.assertEqual([event["epoch"] for event in events], [1, 2, 3, 4])
        self.assertEqual(metrics.read_text().splitlines(keepends=True)[:2], lines[:2])

    def test_metrics_where_a_state_is_of_an_epochs_last_step(self):
        """Of the step, not of the epoch's end: the epoch ends once more when the training goes on, and is listed once."""
        folder, metrics = self.folder / "last-step", self.folder / "last-step.jsonl"
        train = ("train", "mlp", "--data", self.data, "--quiet", "--checkpoint", folder, "--checkpoint-every", "1step",
                 "--metrics", metrics, "--epochs")
        self.succeed(*train, 1)
        self.succeed(*train, 2, "--resume", folder)
        self.assertEqual([json.loads(line)["epoch"] for line in metrics.read_text().splitlines()], [1, 2])

    def output_to(self, target, *arguments):
        """Exit status and standard error of a command whose standard output is closed (None) or goes to a file."""
        words = " ".join(f"'{word}'" for word in [BINARY, *arguments])
        closing = ">&-" if target is None else f">{target}"
        return subprocess.run(["sh", "-c", f"{words} {closing}"], stderr=subprocess.PIPE, text=True, timeout=TIME_LIMIT)

    def test_output_that_nobody_gets(self):
        """One line and 74, whatever the command; a training is saved all the same, and a quiet one has nothing to say."""
        before = self.data.read_bytes()
        for place, target in enumerate((None, "/dev/full")):
            folder = self.folder / f"silent-{place}"
            train = ("train", "mlp", "--data", self.data, "--epochs", 1, "--checkpoint", folder)
            for arguments in (train, ("models",), ("inspect", self.data), ("--help",), ("evaluate", folder, "--data", self.data)):
                done = self.output_to(target, *arguments)
                self.assertEqual(done.returncode, 74, f"{arguments}: {done.stderr}")
                # Of the small data set's chunks, which h5py chose, inspect warns beside.
                errors = re.sub("(?m)^lockstep: warning: .*\n", "", done.stderr)
                self.assertRegex(errors, "^lockstep: standard output: writing failed: [A-Z][a-z ]+\n$")
            self.assertEqual(len(list(folder.iterdir())), 1)
            done = self.output_to(target, *train[:-1], self.folder / f"quiet-{place}", "--quiet")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.data.read_bytes(), before)
