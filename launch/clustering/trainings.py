"""A training over several hosts that something is going to happen to."""

import contextlib
import pathlib
import subprocess
import tempfile
import threading
import time

from Commands.hosts import Hosts
from Commands.support import BINARY, ROOT, run, small_dataset

LIMIT = 120  # seconds that anything may take
STEPS = 400


class Bench:
    """One training, whose digest must come out however it is disturbed."""

    def __init__(self, folder, binary=BINARY, steps=STEPS):
        self.folder, self.binary, self.steps, self.count = pathlib.Path(folder), binary, steps, 0
        self.data = self.folder / "small.h5"
        self.folder.mkdir(exist_ok=True)
        small_dataset(self.data)
        self.wanted = None

    def arguments(self, checkpoint):
        return ["train", "mlp-dropout", "--batch-size", 50, "--reproducible", "--quiet", "--verbose", "--epochs", 100_000, "--steps", self.steps,
                "--data", self.data, "--checkpoint", checkpoint]

    def new_folder(self):
        self.count += 1
        return self.folder / f"run-{self.count}"

    def digest(self, folder):
        done = run("inspect", folder, "--digest")
        return done.stdout.strip().splitlines()[-1] if done.returncode == 0 else f"unreadable: {done.stderr.strip()}"

    @property
    def undisturbed(self):
        if self.wanted is None:
            folder = self.new_folder()
            done = run(*self.arguments(folder))
            if done.returncode:
                raise RuntimeError(done.stderr)
            self.wanted = self.digest(folder)
        return self.wanted


class Spread:
    """Such a training by launch/cluster, seen from outside."""

    def __init__(self, hosts, arguments, restarts, environment=()):
        words = hosts.words(ROOT / "launch" / "cluster", hosts.file, "--max-restarts", restarts, "--", *arguments)
        self.process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**hosts.environment(), **dict(environment)})
        self.step, self.moved, self.errors = 0, time.monotonic(), []
        self.readers = [threading.Thread(target=read, daemon=True) for read in (self.read_steps, self.read_errors)]
        for reader in self.readers:
            reader.start()

    def read_steps(self):
        for line in self.process.stdout:
            if line.startswith("step "):
                self.step, self.moved = int(line.split()[1]), time.monotonic()

    def read_errors(self):
        for line in self.process.stderr:
            if not line.startswith("cluster: warning: "):
                self.errors.append(line.rstrip())

    def wait_for(self, step):
        """Until that step is done; False if the job ended before."""
        return self.wait(lambda: self.step >= step)

    def wait_until_it_goes_on(self, moment):
        """After a moment, until a step is done, in however many starts."""
        return self.wait(lambda: self.moved > moment)

    def wait(self, isReached):
        deadline = time.monotonic() + LIMIT
        while not isReached():
            if self.process.poll() is not None:
                return isReached()
            if time.monotonic() > deadline:
                raise TimeoutError(f"it hangs at step {self.step}: {self.errors}")
            time.sleep(0.01)
        return True

    def end(self):
        code = self.process.wait(timeout=LIMIT)
        for reader in self.readers:
            reader.join(timeout=10)
        return code


def orphans(hosts, seconds=5):
    """Who of the job lives on any host, and what memory of it is there, after some seconds at most."""
    deadline = time.monotonic() + seconds
    while (found := list(left(hosts))) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def left(hosts):
    for name in hosts.names:
        if (hosts.folder / f"down-{name}").exists():
            continue
        for program in ("lockstep", "mpirun", "prterun", "orted", "prted"):
            yield from (f"{program} {number} on {name}" for number in hosts.processes(name, program))
        yield from (f"{path.name} on {name}" for path in hosts.memory(name))


@contextlib.contextmanager
def several_hosts(count):
    with tempfile.TemporaryDirectory(prefix="lockstep-hosts-") as folder:
        hosts = Hosts(folder, count)
        try:
            hosts.up()
            yield hosts
        finally:
            hosts.down()


