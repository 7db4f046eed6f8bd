"""The command line of launch/test-cluster."""

import argparse
import pathlib
import sys
import tempfile

from Commands.hosts import Hosts
from Commands.support import BINARY

from . import speed


def main(arguments, usage):
    parser = argparse.ArgumentParser(
        prog="test-cluster", description=usage, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=2, help="how many (2)")
    parser.add_argument("--rate", default="none,1gbit", help="what the links carry, such as none,1gbit,100mbit")
    parser.add_argument("--models", default="lenet,mlp,lstm,resnet18:64", help="NAME or NAME:BATCH, of all ranks together")
    parser.add_argument("--rounds", type=int, default=2, help="the median of so many (2)")
    parser.add_argument("--executable", type=pathlib.Path, action="append", help="instead of the release build; several in turn")
    parser.add_argument("--python", help="one that has torch: measures DDP over gloo on the same hosts, too")
    options = parser.parse_args(arguments)
    executables = [path.resolve() for path in options.executable or [BINARY]]
    for path in executables:
        if not path.exists():
            print(f"test-cluster: no {path}: swift build -c release --product lockstep", file=sys.stderr)
            return 66
    if not Hosts.are_permitted():
        print("test-cluster: this machine permits no network namespaces, which stand for hosts", file=sys.stderr)
        return 69
    with tempfile.TemporaryDirectory(prefix="lockstep-cluster-") as folder:
        hosts = Hosts(folder, options.hosts)
        try:
            hosts.up()
            print(f"{options.hosts} hosts of one thread each; bound = max(compute, bare) + 10 % + 3 ms\n")
            headings = speed.HEADINGS + (["DDP gloo ms", "ratio"] if options.python else [])
            print(f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}")
            for row in speed.speed(
                    hosts, pathlib.Path(folder), options.models.split(","), options.rate.split(","), executables, options.rounds,
                    options.python):
                print(f"| {' | '.join(map(str, row.cells))} |", flush=True)
        finally:
            hosts.down()
    return 0
