"""What the tests of the commands share."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

import h5py
import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("LOCKSTEP") or ROOT / ".build" / "release" / "lockstep").resolve()
FASHION_MNIST = pathlib.Path("/usr/share/datasets/fashion-mnist")
TIME_LIMIT = 120  # seconds a command may take
# Where a shell has started the tests in the background, SIGINT is ignored, under nohup SIGHUP, and what they start would ignore
# it, too.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

COMPILER = shutil.which("cc") or "clang"  # Swift brings the latter.


# mpirun gives ranks that an error ends a second to save, in which these have nothing to do.
AT_ONCE = {"OMPI_MCA_odls_base_sigkill_timeout": "0"}


def run(*arguments, ranks=None, cwd=None, variables=None):
    """Runs lockstep, on `ranks` ranks through launch/local or as one process without MPI, with `variables` in its environment."""
    command = [BINARY] if ranks is None else [ROOT / "launch" / "local", ranks, "--"]
    words = [str(word) for word in [*command, *arguments]]
    environment = {**os.environ, **AT_ONCE, **(variables or {})}
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=TIME_LIMIT, env=environment)


def small_dataset(path, images=603, tests=101, size=28, seed=0):
    """A dataset laid out as datasets/README.md says, made by h5py: class c is brighter in the c-th pair of columns."""
    random = numpy.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        for split, count in (("train", images), ("test", tests)):
            labels = random.integers(0, 10, count)
            pixels = random.integers(0, 120, (count, 1, size, size), dtype=numpy.uint8)
            for image, label in zip(pixels, labels):
                image[0, :, 2 * label:2 * label + 2] += 120
            options = {"chunks": True, "fletcher32": True}
            file.create_dataset(f"{split}/images", data=pixels, **options)
            file.create_dataset(f"{split}/labels", data=labels.astype(numpy.int64), **options)
        file.attrs["lockstep_format"] = 1
        file.attrs["task"] = "classification"
        file.attrs["class_names"] = [f"class {c}" for c in range(10)]
        file.attrs["source_sha256"] = "0" * 64


def terminate(process, seconds):
    """Ends a process that nobody reads any more: mpirun takes its ranks along only when it is asked to end."""
    process.terminate()
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class CommandTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder_handle = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.folder_handle.name)
        cls.data = cls.folder / "small.h5"
        small_dataset(cls.data)

    @classmethod
    def tearDownClass(cls):
        cls.folder_handle.cleanup()

    def succeed(self, *arguments, **options):
        done = run(*arguments, **options)
        self.assertEqual(done.returncode, 0, f"{arguments}: {done.stderr}")
        return done.stdout

    def refuse(self, code, *arguments, mentions=(), **options):
        """The command fails with `code` and one line on standard error that mentions what matters."""
        done = run(*arguments, **options)
        lines = done.stderr.strip().splitlines()
        self.assertEqual(done.returncode, code, f"{arguments}: {done.stderr}")
        self.assertEqual(len(lines), 1, f"{arguments}: not one line: {done.stderr}")
        self.assertTrue(lines[0].startswith("lockstep: "), lines[0])
        for word in mentions:
            self.assertIn(str(word), lines[0])

    def refuse_everywhere(self, code, *arguments, mentions=()):
        """So for one process, and with one line for the whole job on two ranks."""
        for ranks in (None, 2):
            self.refuse(code, *arguments, mentions=mentions, ranks=ranks)

    def train(self, model, name, *arguments, ranks=None, seed=1):
        """Trains with a checkpoint and metrics of that name; the metrics' epochs."""
        metrics = self.folder / f"{name}.jsonl"
        self.succeed(
            "train", model, "--data", self.data, "--checkpoint", self.folder / name, "--metrics", metrics, "--seed",
            seed, *arguments, ranks=ranks)
        events = [json.loads(line) for line in metrics.read_text().splitlines()]
        return [event for event in events if event["event"] == "epoch"]

    def digest(self, name):
        return self.succeed("inspect", self.folder / name, "--digest").strip().splitlines()[-1]

    def newest(self, name):
        return max((self.folder / name).glob("*.h5"))
