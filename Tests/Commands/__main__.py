"""Runs all of them; options are unittest's, such as -k PATTERN."""

import os
import sys
import time
import unittest

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


if not os.access(BINARY, os.X_OK):
    sys.exit(f"test-commands: no {BINARY}: swift build -c release --product lockstep")
unittest.main(verbosity=2, testRunner=TimedRunner)
