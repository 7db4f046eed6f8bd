"""The command line of launch/torture."""

import random
import sys
import tempfile
import time

from Commands.support import BINARY

from .bench import Bench
from .files import PROGRAM, flips, hostile
from .io import io
from .kills import kills
from .restarts import restarts
from .signals import signals

# Each with how many of it, and how many in the short form.
PARTS = {
    "signals": (signals, 100, 4), "kills": (kills, 150, 4), "restarts": (restarts, 50, 2), "io": (io, 1000, 1),
    "flips": (flips, 10**9, 2000), "hostile": (hostile, 100_000, 3000)}


def main(arguments, usage):
    seed, isShort, names = random.randrange(1 << 32), False, []
    words = iter(arguments)
    for word in words:
        if word == "--short":
            isShort = True
        elif word == "--seed" and (value := next(words, "")).isdigit():
            seed = int(value)
        elif word in PARTS:
            names.append(word)
        else:
            print(f"torture: \"{word}\" makes no sense here{usage[usage.index(chr(10)):]}".rstrip(), file=sys.stderr)
            return 64
    for binary in (BINARY, PROGRAM):
        if not binary.exists():
            print(f"torture: swift build -c release --product {binary.name} comes first", file=sys.stderr)
            return 66
    print(f"seed {seed}", flush=True)
    tables = []
    with tempfile.TemporaryDirectory(prefix="lockstep-torture-") as folder:
        bench = Bench(folder)
        for name in names or PARTS:
            torture, count, few = PARTS[name]
            start = time.monotonic()
            tables.append(torture(bench, random.Random(f"{seed} {name}"), few if isShort else count))
            print(f"{name}: {tables[-1].count} in {time.monotonic() - start:.0f} s", flush=True)
    print("\n| torture | what must be | is |\n|---|---|---|")
    for table in tables:
        print("\n".join(table.rows()))
    return 1 if any(table.faults for table in tables) else 0
