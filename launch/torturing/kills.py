"""SIGKILLs at random times, of which nothing may be lost but the steps since the last save."""

import os
import signal
import time

from .job import Job
from .table import Table

UNFINISHED = ".lockstep-unfinished"


def kills(bench, random, count):
    table = Table("kills", ["killed", "nobody lives on", "no file is corrupt", "resumed to the same digest", "no leftovers"])
    amid = 0
    for number in range(count):
        # Each third is killed as soon as a save has begun; each third is mpirun without a launcher of ours.
        isAmid, launcher = number % 3 == 0, "mpirun" if number % 3 == 2 else "local"
        kind = random.choice(
            ["root", "everyone"] if isAmid else ["rank", "root", "mpirun", "everyone"] + (["launcher"] if launcher == "local" else []))
        name = f"SIGKILL of {kind}{' amid a save' if isAmid else ''}, {launcher}"
        folder = bench.new_folder()
        job = Job(launcher, 2, [*bench.arguments("short", every="20steps"), "--checkpoint", folder])
        reached = job.wait_for(random.randint(1, 150))
        # Whom to kill is known before the moment comes.
        job.processes()
        if reached and isAmid:
            reached = begins_to_save(folder, job)
        elif reached:
            time.sleep(random.uniform(0, 0.01))
        sent = reached and job.send(signal.SIGKILL, kind)
        code, alive = job.end()
        if not sent or code == 0:
            table.add(name, killed=f"the job ended early, exit code {code}: {job.errors.strip()}")
            continue
        amid += any(path.name.endswith(UNFINISHED) for path in folder.glob(".*"))
        faults = bench.faults_of(folder, "short")
        table.add(
            name, killed=None, nobody_lives_on=f"{alive}" if alive else None,
            no_file_is_corrupt=some(faults, "corrupt", "not resumed"),
            resumed_to_the_same_digest=some(faults, "another digest", "not resumed"),
            no_leftovers=some(faults, "leftover", "not resumed"))
    table.remark("left half a file behind", amid)
    return table


def some(faults, *kinds):
    return "; ".join(fault for fault in faults if fault.startswith(kinds)) or None


def begins_to_save(folder, job):
    """Waits for a file that is being written; False if none ever was."""
    while job.process.poll() is None:
        try:
            if any(name.endswith(UNFINISHED) for name in os.listdir(folder)):
                return True
        except FileNotFoundError:
            pass
    return False
