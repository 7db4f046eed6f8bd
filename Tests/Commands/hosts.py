"""Hosts on one machine: network namespaces with names, addresses and memories of their own, and what stands in for ssh."""

import os
import pathlib
import shutil
import signal
import subprocess
import time
import unittest

from .support import CommandTest

# Starts a command on a host as ssh would: a new environment, the words joined for a shell. A host that is down never answers.
# Called with --here it keeps the environment and the words. A script enter-HOST makes a host another one than the rest.
AGENT = """#!/bin/bash
dir={folder} isHere=''
while [[ "$1" == -* ]]; do [[ "$1" == --here ]] && isHere=1; shift; done
host=$1; shift
if [[ -e "$dir/down-$host" ]]; then exec sleep 60; fi
enter='hostname "$0" && mount --bind {folder}/memory-"$0" /dev/shm && if [[ -e {folder}/enter-"$0" ]]; then source {folder}/enter-"$0"; fi && '
if [[ "$isHere" ]]; then exec ip netns exec "{prefix}$host" unshare --uts bash -c "$enter"'exec "$@"' "$host" "$@"; fi
exec ip netns exec "{prefix}$host" unshare --uts env -i HOME="$dir" PATH="$PATH" bash -c "$enter"'exec bash -c "$*"' "$host" "$*"
"""


class Hosts:
    """Hosts h1, h2, … on a network of their own."""

    def __init__(self, folder, count):
        self.folder, self.prefix = pathlib.Path(folder), f"lockstep-{os.getpid()}-"
        self.names = [f"h{number}" for number in range(1, count + 1)]
        self.file, self.agent = self.folder / "hosts", self.folder / "agent"
        self.file.write_text("".join(f"{name} slots=1\n" for name in self.names))
        self.agent.write_text(AGENT.format(folder=self.folder, prefix=self.prefix))
        self.agent.chmod(0o755)
        self.known = "127.0.0.1 localhost\n" + "".join(f"10.77.0.{name[1:]} {name}\n" for name in self.names)

    @staticmethod
    def are_permitted():
        """Whether this machine lets us make namespaces: root does, in most containers it doesn't."""
        name = f"lockstep-{os.getpid()}-try"
        words = f"ip netns add {name} && ip netns exec {name} unshare --uts --mount hostname {name}; s=$?; ip netns del {name}; exit $s"
        return subprocess.run(["bash", "-c", words], capture_output=True).returncode == 0

    def up(self):
        bridge = f"{self.prefix}bridge"
        self.ip("netns", "add", bridge)
        self.ip("-n", bridge, "link", "add", "br0", "type", "bridge")
        self.ip("-n", bridge, "link", "set", "br0", "up")
        for name in self.names:
            space = self.prefix + name
            (self.folder / f"memory-{name}").mkdir()
            # `ip netns exec` lays this over /etc/hosts.
            names = pathlib.Path("/etc/netns") / space
            names.mkdir(parents=True)
            (names / "hosts").write_text(self.known)
            self.ip("netns", "add", space)
            self.ip("-n", bridge, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", space)
            self.ip("-n", bridge, "link", "set", name, "master", "br0", "up")
            self.ip("-n", space, "addr", "add", f"10.77.0.{name[1:]}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                self.ip("-n", space, "link", "set", device, "up")

    def down(self):
        for name in [*self.names, "bridge"]:
            subprocess.run(["ip", "netns", "del", self.prefix + name], capture_output=True)
            subprocess.run(["rm", "-rf", f"/etc/netns/{self.prefix}{name}"])

    def ip(self, *words):
        subprocess.run(["ip", *words], check=True, capture_output=True)

    def shape(self, rate):
        """Every link carries so much in either direction: "2mbit"."""
        for name in self.names:
            for space, device in ((f"{self.prefix}bridge", name), (self.prefix + name, "eth0")):
                words = ["tc", "-n", space, "qdisc"]
                subprocess.run([*words, "del", "dev", device, "root"], capture_output=True)
                if rate:
                    subprocess.run(
                        [*words, "add", "dev", device, "root", "tbf", "rate", rate, "burst", "128kb", "latency", "100ms"],
                        check=True, capture_output=True)

    def memory(self, name):
        """What lies in the host's /dev/shm of jobs."""
        return sorted((self.folder / f"memory-{name}").glob("lockstep-*"))

    def words(self, *command, host=None):
        """For a command that a host, the first unless said, is to run."""
        return [str(word) for word in (self.agent, "--here", host or self.names[0], *command)]

    def environment(self):
        """For that command: how other hosts are reached, and one thread for each of many idle ranks."""
        return {**os.environ, "OMPI_MCA_plm_rsh_agent": str(self.agent), "PRTE_MCA_plm_ssh_agent": str(self.agent),
                "OMP_NUM_THREADS": "1", "OMPI_MCA_mpi_yield_when_idle": "1"}

    def processes(self, name, program):
        """The numbers of that program's processes on a host."""
        listed = subprocess.run(["ip", "netns", "pids", self.prefix + name], capture_output=True, text=True).stdout.split()
        return [int(number) for number in listed if comm(number) == program]

    def kill(self, name):
        """The host is gone: nobody lives there any more, and nothing answers."""
        (self.folder / f"down-{name}").touch()
        for number in subprocess.run(
                ["ip", "netns", "pids", self.prefix + name], capture_output=True, text=True).stdout.split():
            try:
                os.kill(int(number), signal.SIGKILL)
            except ProcessLookupError:
                pass
        for path in self.memory(name):
            shutil.rmtree(path)

    def cut(self, name):
        """The host lives on, and nobody reaches it."""
        (self.folder / f"down-{name}").touch()
        self.ip("-n", f"{self.prefix}bridge", "link", "set", name, "down")

    def mend(self, name):
        """Killed or cut off, the host is there again."""
        self.ip("-n", f"{self.prefix}bridge", "link", "set", name, "up")
        # Linux takes up to a second to use a link again. The agent needs no link, unlike ssh: mpirun would find no way back.
        other = next(each for each in self.names if each != name)
        address = f"/dev/tcp/10.77.0.{name[1:]}/9"
        deadline = time.monotonic() + 20
        while b"refused" not in subprocess.run(
                ["ip", "netns", "exec", self.prefix + other, "timeout", "2", "bash", "-c", f"exec 3<>{address}"],
                capture_output=True).stderr:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} is not there again")
            time.sleep(0.05)
        (self.folder / f"down-{name}").unlink()


def comm(number):
    try:
        return pathlib.Path(f"/proc/{number}/comm").read_text().strip()
    except OSError:
        return ""


class HostsTest(CommandTest):
    """Tests on hosts of their own, as many as `count` says."""

    @classmethod
    def setUpClass(cls):
        if not Hosts.are_permitted():
            raise unittest.SkipTest("this machine permits no network namespaces, which stand for hosts")
        super().setUpClass()
        cls.hosts = Hosts(cls.folder, cls.count)
        cls.addClassCleanup(cls.hosts.down)
        cls.hosts.up()
