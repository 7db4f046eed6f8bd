"""What becomes of a training over several hosts of which one fails."""

import os
import signal
import time

from torturing.table import Table

from .trainings import Bench, Spread, orphans, several_hosts

LIMIT = 10  # seconds within which a job ends, or goes on


def faults(folder, counts=(2, 4)):
    """Each fault on so many hosts: first of a job that ends by it, then of one that starts again on what is left."""
    bench, table, rows = Bench(folder), Table("faults", ["in time", "in words", "nothing left", "the undisturbed digest"]), []
    for count in counts:
        for name, (strike, isSurvived) in FAULTS.items():
            for restarts in (0, 2):
                with several_hosts(count) as hosts:
                    seconds, code, lines, found, digest = disturbed(bench, hosts, strike, restarts)
                isEnd = not isSurvived and not restarts
                table.add(
                    f"{name}, {count} hosts, {restarts} restarts",
                    in_time=None if seconds <= LIMIT else f"{seconds:.1f} s",
                    in_words=None if words_are_right(lines, isSurvived, code, isEnd) else f"exit code {code}: {lines}",
                    nothing_left=", ".join(found) or None,
                    the_undisturbed_digest=None if isEnd or digest == bench.undisturbed else digest)
                rows.append([
                    name, count, "survived" if isSurvived else "ended" if isEnd else "went on", f"{seconds:.1f}", code, len(found),
                    "; ".join(lines).replace("|", "\\|")])
                print(f"| {' | '.join(map(str, rows[-1]))} |", flush=True)
    return table


HEADINGS = ["fault", "hosts", "the job", "seconds", "exit code", "left behind", "what was printed"]


def words_are_right(lines, isSurvived, code, isEnd):
    """Of a survived fault nobody speaks. Else one line names what is lost; a job that goes on has a second one of that."""
    if isSurvived:
        return not lines and code == 0
    return len(lines) <= (1 if isEnd else 2) and (code in (75, 137)) == isEnd and any(
        "rank" in line and "step" in line and " on h" in line or "host h" in line for line in lines)


def disturbed(bench, hosts, strike, restarts):
    """Seconds until the job has ended or goes on, its exit code, what was said, what is left, and the digest."""
    folder = bench.new_folder()
    job = Spread(hosts, [*bench.arguments(folder), "--snapshot-every", "10steps"], restarts)
    if not job.wait_for(60):
        raise RuntimeError(f"it ended early: {job.errors}")
    begin = time.monotonic()
    strike(hosts)
    # What had been printed has arrived by then.
    time.sleep(0.5)
    job.wait_until_it_goes_on(time.monotonic())
    seconds = time.monotonic() - begin
    code = job.end()
    return seconds, code, job.errors, orphans(hosts), bench.digest(folder) if folder.is_dir() else "no folder"


def last(hosts):
    return hosts.names[-1]


def kill_rank(hosts):
    os.kill(hosts.processes(last(hosts), "lockstep")[0], signal.SIGKILL)


def stop_rank(hosts):
    os.kill(hosts.processes(last(hosts), "lockstep")[0], signal.SIGSTOP)


def cut_shortly(hosts):
    hosts.cut(last(hosts))
    time.sleep(2)
    hosts.mend(last(hosts))


# What happens, and whether a job does not mind.
FAULTS = {
    "rank killed": (kill_rank, False), "rank stopped": (stop_rank, False), "host killed": (lambda hosts: hosts.kill(last(hosts)), False),
    "link cut": (lambda hosts: hosts.cut(last(hosts)), False), "link down 2 s": (cut_shortly, True)}
