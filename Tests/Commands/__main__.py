"""Runs all of them; options are unittest's, such as -k PATTERN."""

import os
import sys
import unittest

from .arrays import Arrays
from .bad_input import BadInput
from .backends import Backends
from .book import Book
from .cluster import Cluster
from .converting import Converting
from .details import Details
from .encoded import Encoded
from .faults import Faults
from .hostile import Hostile
from .images import Images
from .jobs import Jobs
from .own_tool import OwnTool
from .saving import Saving
from .scaling import Scaling
from .succeeding import Commands
from .support import BINARY
from .tables import Tables
from .texts import Texts
from .translating import Translating

__all__ = [
    "Arrays", "BadInput", "Backends", "Book", "Cluster", "Commands", "Converting", "Details", "Encoded", "Faults", "Hostile",
    "Images", "Jobs", "OwnTool", "Saving", "Scaling", "Tables", "Texts", "Translating"]

if not os.access(BINARY, os.X_OK):
    sys.exit(f"test-commands: no {BINARY}: swift build -c release --product lockstep")
unittest.main(verbosity=2)
