"""Checkpoints that are written while the training goes on: slow disks, failing ones, kills in the middle of a save."""

import json
import os
import pathlib
import signal
import subprocess
import time

from .support import BINARY, COMPILER, ROOT, TIME_LIMIT, CommandTest


class Saving(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.library = cls.folder / "sync.so"
        source = pathlib.Path(__file__).parent / "sync.c"
        subprocess.run([COMPILER, "-shared", "-fPIC", "-o", cls.library, source, "-ldl"], check=True)

    def start(self, folder, *arguments, ranks=None, **variables):
        """A training on a disk that is slow or fails."""
        words = [BINARY] if ranks is None else [ROOT / "launch" / "local", ranks, "--"]
        words += ["train", "mlp", "--data", self.data, "--batch-size", 50, "--quiet", "--checkpoint", folder, *arguments]
        # The folder's making is synced first of all.
        folder.mkdir(exist_ok=True)
        process = subprocess.Popen(
            [str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "LD_PRELOAD": str(self.library), **variables})
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def test_saving_is_no_hanging(self):
        """An fsync of four seconds where ranks may wait for two: the job goes on, and says what it waits for."""
        folder = self.folder / "slow"
        process = self.start(
            folder, "--steps", 2, ranks=2, SYNC_AT="1", SYNC_SECONDS="4", LOCKSTEP_TIMEOUT_SECONDS="2")
        _, errors = process.communicate(timeout=TIME_LIMIT)
        self.assertEqual(process.returncode, 0, errors)
        self.assertRegex(errors, "^lockstep: rank 0 is saving a checkpoint: .*the job goes on when that is done\n$")
        self.assertEqual(len(list(folder.iterdir())), 1)

    def test_the_training_goes_on(self):
        """Steps are taken while a save takes its time."""
        folder, metrics = self.folder / "meanwhile", self.folder / "meanwhile.jsonl"
        process = self.start(
            folder, "--epochs", 3, "--checkpoint-every", "1epoch", "--metrics", metrics, SYNC_AT="1", SYNC_SECONDS="5")
        deadline = time.monotonic() + TIME_LIMIT
        while not metrics.exists() or not metrics.read_text():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        self.assertEqual(list(folder.glob("*.h5")), [], "the first epoch was told of, and is being saved")
        _, errors = process.communicate(timeout=TIME_LIMIT)
        self.assertEqual(process.returncode, 0, errors)
        self.assertEqual(len(list(folder.iterdir())), 3)

    def test_killed_while_saving(self):
        """The file before is good, and nothing is left of the unfinished one once the training has gone on."""
        folder = self.folder / "killed"
        process = self.start(folder, "--epochs", 100_000, "--checkpoint-every", "3steps", SYNC_AT="5", SYNC_SECONDS="600")
        deadline = time.monotonic() + TIME_LIMIT
        while len(list(folder.glob("*.h5"))) < 2 or not list(folder.glob(".*unfinished")):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.assertEqual([path.name for path in sorted(folder.glob("*.h5"))],
                         ["checkpoint-00000003.h5", "checkpoint-00000006.h5"])
        train = ("train", "mlp", "--data", self.data, "--batch-size", 50, "--quiet", "--steps", 20, "--checkpoint")
        self.succeed(*train, folder, "--resume", folder)
        self.succeed(*train, self.folder / "whole")
        self.assertEqual(self.digest("killed"), self.digest("whole"))
        self.assertEqual([path.name for path in folder.iterdir() if not path.name.startswith("checkpoint-")], [])

    def test_a_failed_save_ends_the_training(self):
        """In the line and with the code of one that is waited for, whatever came in between; the files before stay."""
        for number, ranks in ((5, None), (5, 2), (6, None)):
            folder = self.folder / f"failed-{number}-{ranks}"
            process = self.start(
                folder, "--epochs", 100_000, "--checkpoint-every", "3steps", ranks=ranks, SYNC_AT=f"{number}", SYNC_FAILS="1")
            _, errors = process.communicate(timeout=TIME_LIMIT)
            self.assertEqual(process.returncode, 74, errors)
            self.assertRegex(errors, f"^lockstep: {folder}/checkpoint-00000009.h5: .*fsync.*: Input/output error(; [^\n]+)?\n$")
            names = [path.name for path in sorted(folder.iterdir())]
            self.assertEqual(names[:2], ["checkpoint-00000003.h5", "checkpoint-00000006.h5"])
            self.assertFalse([name for name in names if name.startswith(".")])

    def test_a_signal_while_saving(self):
        folder = self.folder / "interrupted"
        process = self.start(folder, "--epochs", 100_000, "--checkpoint-every", "300steps", SYNC_AT="1", SYNC_SECONDS="3")
        deadline = time.monotonic() + TIME_LIMIT
        while not list(folder.glob(".*unfinished")):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=TIME_LIMIT)
        self.assertEqual(process.returncode, 143, errors)
        self.assertIn("checkpoint-00000300.h5", [path.name for path in folder.iterdir()])
        self.assertFalse([path for path in folder.iterdir() if path.name.startswith(".")])

    def test_old_ones_go(self):
        """The newest, every second epoch and the best one stay; `best.h5` names the one of the best metrics."""
        folder, train = self.folder / "kept", ("train", "mlp", "--data", self.data, "--batch-size", 50, "--checkpoint-every")
        keep = ("--keep", 2, "--keep-every", "2epochs", "--keep-best", "test_accuracy", "--quiet", "--checkpoint", folder)
        metrics = self.folder / "kept.jsonl"
        self.succeed(*train, "1epoch", *keep, "--epochs", 5, "--metrics", metrics)
        names = [f"checkpoint-{13 * epoch:08}.h5" for epoch in (2, 4, 5)]
        self.assertEqual(sorted(path.name for path in folder.iterdir()), ["best.h5", *names])
        self.assertEqual(self.best_epoch(folder), self.best_in(metrics))
        # Going on knows the best one so far, and which of the old ones to keep.
        self.succeed(*train, "1epoch", *keep, "--epochs", 8, "--resume", folder, "--metrics", metrics)
        names = [f"checkpoint-{13 * epoch:08}.h5" for epoch in (2, 4, 6, 7, 8)]
        self.assertEqual(sorted(path.name for path in folder.iterdir()), ["best.h5", *names])
        self.assertEqual(self.best_epoch(folder), self.best_in(metrics))
        # It belongs to its run.
        self.succeed(*train, "1epoch", "--overwrite", "--epochs", 1, "--quiet", "--checkpoint", folder)
        self.assertEqual([path.name for path in folder.iterdir()], ["checkpoint-00000013.h5"])

    def best_epoch(self, folder):
        return int(self.succeed("inspect", folder / "best.h5").split("epoch ")[1].split(",")[0])

    def best_in(self, metrics):
        epochs = [json.loads(line) for line in metrics.read_text().splitlines()]
        return max(epochs, key=lambda epoch: (epoch["test_accuracy"], -epoch["epoch"]))["epoch"]

    def test_what_cannot_be_kept(self):
        train = ("train", "mlp", "--data", self.data, "--quiet", "--steps", 1)
        saving = (*train, "--checkpoint", self.folder / "never")
        self.refuse(64, *train, "--keep", 2, mentions=["--checkpoint"])
        self.refuse(64, *saving, "--keep", 0, mentions=["keep is 0", "1 or more"])
        self.refuse(64, *saving, "--keep", 1, "--keep-every", "often", mentions=["keep-every", "100steps"])
        self.refuse(64, *saving, "--keep-every", "2epochs", mentions=["keep-every", "--keep"])
        self.refuse_everywhere(64, *saving, "--keep-best", "test_accurracy", mentions=["test_accuracy", "train_loss"])
