"""A training that is going to be disturbed."""

import os
import pathlib
import re
import signal
import subprocess
import threading
import time

from Commands.support import BINARY, ROOT

LIMIT = 120  # seconds that anything may take
MPIRUN = ("mpirun", "prterun")  # Open MPI 4's process, and Open MPI 5's.
IS_OPEN_MPI_4 = "(Open MPI) 4." in subprocess.run(["mpirun", "--version"], capture_output=True, text=True).stdout


class Job:
    """`lockstep train` on several ranks; `steps` is what each rank has said to have done."""

    def __init__(self, launcher, ranks, arguments, restarts=0, environment=(), hosts=None):
        starts = {
            "hosts": hosts and hosts.words(
                ROOT / "launch" / "mpirun", "--max-restarts", restarts, "--hostfile", hosts.file, "-n", ranks, BINARY),
            "local": [ROOT / "launch" / "local", ranks, *(["--max-restarts", restarts] if restarts else []), "--"],
            "mpirun": ["mpirun", "--bind-to", "none", "--oversubscribe", *(["--quiet"] if IS_OPEN_MPI_4 else []),
                       *(["--allow-run-as-root"] if os.geteuid() == 0 else []), "-n", ranks, BINARY]}
        words = [*starts[launcher], "train", *arguments, "--verbose"]
        # Idle ranks yield, one thread each.
        given = hosts.environment() if hosts else os.environ
        environment = {**given, "OMP_NUM_THREADS": "1", "OMPI_MCA_mpi_yield_when_idle": "1", **dict(environment)}
        self.process = subprocess.Popen(
            [str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=environment, start_new_session=True)
        self.steps, self.errors = {}, ""
        self.readers = [threading.Thread(target=read, daemon=True) for read in (self.read_steps, self.read_errors)]
        for reader in self.readers:
            reader.start()
        self.seen = set()

    def read_steps(self):
        for line in self.process.stdout:
            # mpirun may put one rank's line into another's.
            for step, rank in re.findall("step ([0-9]+) rank ([0-9]+):", line):
                self.steps[int(rank)] = int(step)

    def read_errors(self):
        self.errors = self.process.stderr.read()

    @property
    def step(self):
        return max(self.steps.values(), default=0)

    def wait_for(self, step):
        """Until a rank has done that step; False if the job ended before."""
        deadline = time.monotonic() + LIMIT
        while self.step < step:
            if self.process.poll() is not None:
                return False
            if time.monotonic() > deadline:
                raise TimeoutError(f"step {step} was never reached")
            time.sleep(0.002)
        return True

    def processes(self):
        """Name and number of each process of the job, the launcher first."""
        found = list(below(self.process.pid))
        self.seen.update(number for _, number in found)
        return found

    def targets(self, kind):
        processes = self.processes()
        ranks = [number for name, number in processes if name == "lockstep"]
        return {
            "rank": ranks[-1:], "root": ranks[:1], "mpirun": [n for name, n in processes if name in MPIRUN],
            "launcher": [self.process.pid],
            "everyone but the launcher": [n for name, n in processes if name in (*MPIRUN, "lockstep")],
            "everyone": [number for _, number in processes]}[kind]

    def send(self, number, kind):
        sent = self.targets(kind)
        for target in sent:
            try:
                os.kill(target, number)
            except ProcessLookupError:
                pass
        return sent

    def end(self):
        """Waits for the launcher and all that it started; the exit code, and who lived on."""
        code = self.process.wait(timeout=LIMIT)
        deadline = time.monotonic() + 10
        while (alive := [number for number in self.seen if is_alive(number)]) and time.monotonic() < deadline:
            time.sleep(0.01)
        for number in alive:
            os.kill(number, signal.SIGKILL)
        for reader in self.readers:
            reader.join(timeout=10)
        return code, alive


def below(parent):
    try:
        name = pathlib.Path(f"/proc/{parent}/comm").read_text().strip()
        children = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    except OSError:
        return
    yield name, parent
    for child in map(int, children):
        yield from below(child)


def is_alive(number):
    try:
        return pathlib.Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False
