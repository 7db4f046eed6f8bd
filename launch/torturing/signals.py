"""Signals at random times: each must leave a saved state."""

import signal
import time

from .job import IS_OPEN_MPI_4, Job
from .table import Table


def signals(bench, random, count):
    table = Table("signals", ["sent", "saved", "newest step kept", "ranks at one step", "exit code", "resumed alike"])
    # Open MPI 5's mpirun ends its ranks at once when it is told to end itself; what launch/mpirun passes on, they see.
    for number in range(count):
        # Every eighth has long steps, as they take long; every third is mpirun without a launcher of ours.
        length = "long" if number % 8 == 7 else "short"
        launcher = "mpirun" if number % 3 == 2 and IS_OPEN_MPI_4 else "local"
        kinds = ["rank", "root"] + (["mpirun", "everyone"] if IS_OPEN_MPI_4 else [])
        kinds += ["launcher"] if launcher == "local" else []
        which = random.choice([signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
        kind, isDoubled = random.choice(kinds), random.random() < 0.5
        name = f"{which.name}{' twice' if isDoubled else ''} to {kind}, {launcher}, {length} steps"
        folder = bench.new_folder()
        job = Job(launcher, 2, [*bench.arguments(length, steps=1_000_000), "--checkpoint", folder])
        reached = job.wait_for(random.randint(1, 2) if length == "long" else random.randint(1, 150))
        if not reached:
            job.end()
            table.add(name, sent=f"the job ended early: {job.errors.strip()}")
            continue
        time.sleep(random.uniform(0, 1.0 if length == "long" else 0.01))
        done = job.step
        sent = job.send(which, kind)
        if isDoubled:
            time.sleep(random.uniform(0, 0.01))
            job.send(which, kind)
        code, alive = job.end()
        saved = bench.saved_step(folder)
        # mpirun that is told to end itself has a code of its own, and does not wait for ranks longer than a second.
        isOurs = kind in ("rank", "root", "launcher")
        table.add(
            name,
            sent=None if sent else "nobody to send it to",
            saved=None if saved > 0 else f"nothing; {job.errors.strip()}",
            newest_step_kept=None if saved >= done else f"step {saved}, but {done} was done",
            ranks_at_one_step=None if not isOurs or len(set(job.steps.values())) == 1 else f"{job.steps}",
            exit_code=None if code == 128 + which or not isOurs and code != 0 else f"{code}; {job.errors.strip()}",
            resumed_alike=resumed(bench, folder, length, saved, alive))
    return table


def resumed(bench, folder, length, saved, alive):
    if alive:
        return f"processes that lived on: {alive}"
    if saved >= bench.steps[length]:
        return None
    return "; ".join(bench.faults_of(folder, length)) or None
