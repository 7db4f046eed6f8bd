"""Work that must not be lost: used folders, outputs that are inputs or devices, full disks, closed outputs, hostile files."""

import json
import os
import pathlib
import shutil
import subprocess

from .support import BINARY, TIME_LIMIT, CommandTest, small_dataset


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

    def test_numbers_that_are_not_finite(self):
        """They are neither saved, nor shown as if they were an answer."""
        folder = self.folder / "infinite"
        self.train_mlp("infinite", "--steps", 1)
        before = {path: path.read_bytes() for path in folder.iterdir()}
        self.refuse_everywhere(
            70, "train", "mlp", "--data", self.data, "--quiet", "--learning-rate", 1e39, "--steps", 2, "--resume", folder,
            "--checkpoint", folder, mentions=["not finite", "step 2", "last good checkpoint stays"])
        self.assertEqual({path: path.read_bytes() for path in folder.iterdir()}, before)
