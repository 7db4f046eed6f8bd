"""The trainings that are tortured, and what must be true of what is left of them."""

import pathlib
import re
import shutil

from Commands.support import run, small_dataset


class Bench:
    """Two trainings: one of short steps and one whose step takes seconds. Both have one digest on any number of ranks."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.data = {"short": self.folder / "short.h5", "long": self.folder / "long.h5"}
        small_dataset(self.data["short"])
        small_dataset(self.data["long"], images=30_000)
        self.steps = {"short": 240, "long": 5}
        self.digests = {}
        self.count = 0

    def arguments(self, length, steps=None, every="1000000steps"):
        """Without a folder for checkpoints."""
        model = ("mlp-dropout", "--batch-size", 50) if length == "short" else ("lenet", "--batch-size", 30_000)
        return [*model, "--data", self.data[length], "--quiet", "--reproducible", "--epochs", 100_000, "--steps",
                steps or self.steps[length], "--checkpoint-every", every]

    def new_folder(self):
        self.count += 1
        return self.folder / f"run-{self.count}"

    def digest(self, folder):
        done = run("inspect", folder, "--digest")
        return done.stdout.strip().splitlines()[-1] if done.returncode == 0 else f"unreadable: {done.stderr.strip()}"

    def undisturbed(self, length):
        """The digest of a training that nobody disturbs."""
        if length not in self.digests:
            folder = self.new_folder()
            self.train(length, folder)
            self.digests[length] = self.digest(folder)
            shutil.rmtree(folder)
        return self.digests[length]

    def train(self, length, folder, *more):
        done = run("train", *self.arguments(length), "--checkpoint", folder, *more)
        if done.returncode != 0:
            raise RuntimeError(f"exit code {done.returncode}: {done.stderr.strip()}")

    def files(self, folder):
        return sorted(folder.glob("checkpoint-*.h5"))

    def saved_step(self, folder):
        """Of the newest file; 0 where there is none."""
        return max((int(re.search("[0-9]+", path.name).group()) for path in self.files(folder)), default=0)

    def faults_of(self, folder, length):
        """What is wrong with a folder after its job has ended, and with a training that goes on from it."""
        faults = []
        for path in self.files(folder):
            if not (found := self.digest(path)).startswith("sha256:"):
                faults.append(f"corrupt: {path.name}: {found}")
        resume = ["--resume", folder] if self.files(folder) else []
        try:
            self.train(length, folder, *resume)
        except RuntimeError as error:
            return [*faults, f"not resumed: {error}"]
        if self.digest(folder) != self.undisturbed(length):
            faults.append("another digest")
        return faults + self.leftovers(folder)

    def leftovers(self, folder):
        strange = [path.name for path in folder.iterdir() if not path.name.startswith("checkpoint-")]
        return [f"leftover: {name}" for name in strange]
