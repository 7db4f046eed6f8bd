"""One training on four hosts through a rank, a host and a link that it loses, and through the queue, to one process's digest."""

import time

from torturing.table import Table

from .faults import kill_rank
from .trainings import Bench, Spread, orphans, several_hosts


def journey(folder):
    """The hosts come back, so that the next start has them again."""
    table, bench = Table("journey", ["went on", "the undisturbed digest", "nothing left"]), Bench(folder, steps=1200)
    with several_hosts(4) as hosts:
        checkpoint = bench.new_folder()
        arguments = [*bench.arguments(checkpoint), "--resume", "auto", "--snapshot-every", "10steps"]
        job = Spread(hosts, arguments, restarts=5)
        faults = [
            ("a killed rank", lambda: kill_rank(hosts), None), ("a cut link", lambda: hosts.cut("h4"), "h4"),
            ("a killed host", lambda: hosts.kill("h3"), "h3")]
        for number, (name, strike, lost) in enumerate(faults):
            job.wait_for(150 * (number + 1))
            strike()
            time.sleep(0.5)
            if not job.wait_until_it_goes_on(time.monotonic()):
                table.fail(f"journey: {name}: it did not go on: {job.errors}")
            if lost:
                hosts.mend(lost)
            print(f"{name}: goes on at step {job.step}", flush=True)
        job.wait_for(700)
        # As a queue ends a job, and begins it again on fewer hosts.
        job.process.terminate()
        code = job.end()
        print("\n".join(job.errors), flush=True)
        hosts.file.write_text("h1 slots=1\nh2 slots=1\n")
        again = Spread(hosts, arguments, restarts=0)
        last = again.end()
        found, digest = orphans(hosts), bench.digest(checkpoint)
        table.add(
            "four hosts", went_on=None if (code, last) == (143, 0) else f"exit codes {code}, {last}: {job.errors} {again.errors}",
            the_undisturbed_digest=None if digest == bench.undisturbed else digest, nothing_left=", ".join(found) or None)
        table.remark("digest", f"{digest}; of one process {bench.undisturbed}")
    return table
