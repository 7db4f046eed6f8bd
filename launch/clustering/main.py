"""The command line of launch/test-cluster."""

import argparse
import pathlib
import signal
import sys
import tempfile

from Commands.hosts import Hosts
from Commands.support import BINARY

from . import scaling, speed
from .faults import HEADINGS, faults
from .journey import journey
from .slurm import Slurm, queue


def main(arguments, usage):
    parser = argparse.ArgumentParser(
        prog="test-cluster", description=usage, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="speed, scale, faults, journey, slurm (speed)")
    parser.add_argument("--hosts", default="2", help="how many: 2, or 2,4 for scale and faults (2)")
    parser.add_argument("--rate", default="none,1gbit", help="what the links carry, such as none,1gbit,100mbit")
    parser.add_argument("--models", default="lenet,mlp,lstm,resnet18:64", help="NAME or NAME:BATCH, of all ranks together")
    parser.add_argument("--rounds", type=int, default=2, help="the median of so many (2)")
    parser.add_argument("--executable", type=pathlib.Path, action="append", help="instead of the release build; several in turn")
    parser.add_argument("--python", help="one that has torch: measures DDP over gloo on the same hosts, too")
    parser.add_argument("--count", type=int, default=100, help="how often jobs of slurm start again (100)")
    parser.add_argument("--seed", default="15", help="of what happens to them")
    options = parser.parse_args(arguments)
    executables = [path.resolve() for path in options.executable or [BINARY]]
    counts = [int(count) for count in options.hosts.split(",")]
    parts = options.parts or ["speed"]
    for path in executables:
        if not path.exists():
            print(f"test-cluster: no {path}: swift build -c release --product lockstep", file=sys.stderr)
            return 66
    if any(part not in ("speed", "scale", "faults", "journey", "slurm") for part in parts):
        parser.error("the parts are speed, scale, faults, journey and slurm")
    if not Hosts.are_permitted():
        print("test-cluster: this machine permits no network namespaces, which stand for hosts", file=sys.stderr)
        return 69
    if "slurm" in parts and not Slurm.is_there():
        print("test-cluster: no SLURM here: apt-get install slurm-wlm munge", file=sys.stderr)
        return 69
    # Hosts and their daemons go also where this program is told to end.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    tables = []
    with tempfile.TemporaryDirectory(prefix="lockstep-cluster-") as folder:
        if "speed" in parts:
            show_speed(options, counts, executables, pathlib.Path(folder))
        if "scale" in parts:
            head(scaling.HEADINGS)
            for row in scaling.predictions(options, counts, executables[0]):
                print(f"| {' | '.join(map(str, row))} |", flush=True)
        if "faults" in parts:
            head(HEADINGS)
            tables.append(faults(pathlib.Path(folder) / "faults", counts))
        if "journey" in parts:
            tables.append(journey(pathlib.Path(folder) / "journey"))
        if "slurm" in parts:
            tables.append(queue(pathlib.Path(folder) / "slurm", options.count, options.seed))
    for table in tables:
        print("\n".join(table.rows()))
    return 1 if any(table.faults for table in tables) else 0


def head(headings):
    print(f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}", flush=True)


def show_speed(options, counts, executables, folder):
    for count in counts:
        (folder / str(count)).mkdir()
        hosts = Hosts(folder / str(count), count)
        try:
            hosts.up()
            print(f"{count} hosts of one thread each; bound = max(compute, bare) + 10 % + 3 ms\n")
            head(speed.HEADINGS + (["DDP gloo ms", "ratio"] if options.python else []))
            models, rates = options.models.split(","), options.rate.split(",")
            for row in speed.speed(hosts, folder, models, rates, executables, options.rounds, options.python):
                print(f"| {' | '.join(map(str, row.cells))} |", flush=True)
        finally:
            hosts.down()
