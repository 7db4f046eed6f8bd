"""Runs all of them, most two classes at a time; with options of unittest's, such as -k PATTERN, one after the other."""

import os
import subprocess
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from .arrays import Arrays
from .around import Around
from .bad_input import BadInput
from .backends import Backends
from .book import Book
from .cluster import Cluster
from .converting import Converting
from .details import Details
from .encoded import Encoded
from .faults import Faults
from .generating import Generating
from .hostile import Hostile
from .images import Images
from .jobs import Jobs
from .launching import Launching
from .own_tool import OwnTool
from .python import Python
from .saving import Saving
from .scaling import Scaling
from .sending import Sending
from .succeeding import Commands
from .support import BINARY
from .tables import Tables
from .texts import Texts
from .translating import Translating
from .tuning import Tuning
from .weights import Weights

__all__ = [
    "Around", "Arrays", "BadInput", "Backends", "Book", "Cluster", "Commands", "Converting", "Details", "Encoded", "Faults",
    "Generating", "Hostile", "Images", "Jobs", "Launching", "OwnTool", "Python", "Saving", "Scaling", "Sending", "Tables", "Texts",
    "Translating", "Tuning", "Weights"]


class TimedResult(unittest.TextTestResult):
    """Says in the end which tests took longest."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.seconds = {}

    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        super().stopTest(test)
        self.seconds[test.id().removeprefix("Commands.")] = time.monotonic() - self.began

    def stopTestRun(self):
        super().stopTestRun()
        slowest = sorted(self.seconds, key=self.seconds.get, reverse=True)[:10]
        self.stream.writeln("\nslowest: " + ", ".join(f"{name} {self.seconds[name]:.1f} s" for name in slowest))


class TimedRunner(unittest.TextTestRunner):
    resultclass = TimedResult


# What counts seconds, stops and kills jobs, or measures: nothing else runs beside these.
ALONE = ("Cluster", "Jobs", "Launching", "Saving", "Scaling")
# Threads and ranks that wait leave the core to the other class's.
SHARING = {"OMP_WAIT_POLICY": "passive", "OMPI_MCA_mpi_yield_when_idle": "1"}


def run_class(name, settings=None):
    """In a process of its own, printed as a whole; whether all went well."""
    command = [sys.executable, "-B", "-m", "Commands", name]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        env={**os.environ, **(settings or {})})
    print(f"-- {name}\n{done.stdout}", flush=True)
    return done.returncode == 0


def run_all():
    """The names of the classes that failed."""
    # The longest first: it builds a package.
    shared = ["OwnTool", *(name for name in __all__ if name not in ("OwnTool", *ALONE))]
    with ThreadPoolExecutor(2) as pool:
        passed = dict(zip(shared, pool.map(lambda name: run_class(name, SHARING), shared)))
    passed |= {name: run_class(name) for name in ALONE}
    return [name for name in passed if not passed[name]]


if not os.access(BINARY, os.X_OK):
    sys.exit(f"test-commands: no {BINARY}: swift build -c release --product lockstep")
if len(sys.argv) > 1:
    unittest.main(verbosity=2, testRunner=TimedRunner)
failed = run_all()
if failed:
    sys.exit(f"test-commands: failed in {', '.join(failed)}")
