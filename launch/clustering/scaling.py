"""What `lockstep scale` predicts of the hosts that it runs on, beside what they measure."""

import json
import os
import subprocess

from Commands.support import ROOT

from .trainings import several_hosts

HEADINGS = ["model", "hosts", "link", "predicted ms", "measured ms", "error %", "load"]
LIMIT = 900  # seconds that one prediction may take


def predictions(options, counts, executable):
    """A row for each, in rounds one after the other, as what else the machine does may change."""
    for count in counts:
        with several_hosts(count) as hosts:
            for rate in options.rate.split(","):
                hosts.shape(None if rate == "none" else rate)
                for entry in options.models.split(","):
                    for _ in range(options.rounds):
                        yield row(hosts, count, rate, entry, executable)


def row(hosts, count, rate, entry, executable):
    model, _, batch = entry.partition(":")
    environment = hosts.environment()
    if count <= (os.cpu_count() or 1):
        # Nobody shares a core, so nobody yields it.
        environment.pop("OMPI_MCA_mpi_yield_when_idle", None)
    words = hosts.words(
        ROOT / "launch" / "mpirun", "--hostfile", hosts.file, "-n", count, executable, "scale", model, "--verify", "--json",
        "--ranks", 8, *(["--batch-size", batch] if batch else []))
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT, env=environment)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise RuntimeError(f"{model} on {count} hosts ended with {done.returncode}: {done.stderr.strip()}")
    found = json.loads(lines[-1])
    link = "unshaped" if rate == "none" else rate
    return [
        model, count, link, f"{found['predicted_ms']:.2f}", f"{found['measured_ms']:.2f}", f"{found['error_percent']:+.1f}",
        f"{os.getloadavg()[0]:.1f}"]
