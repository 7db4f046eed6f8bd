"""Writes the manual pages of lockstep, its subcommands and its launch scripts: manual.py FOLDER VERSION, where FOLDER is laid out
as /usr is. Standard input is what `lockstep --experimental-dump-help` says of all commands; the scripts tell by --help."""

import datetime
import json
import os
import pathlib
import re
import subprocess
import sys

ENVIRONMENT = [
    ("OMP_NUM_THREADS", "Threads of each process; all cores unless set. lockstep-local and lockstep-cluster set it."),
    ("LOCKSTEP_DATASETS", "The folder of the book's datasets, for lockstep convert."),
    ("LOCKSTEP_ISA", "avx512, avx2 or plain: which instructions the kernels use. The same bits come out."),
    ("LOCKSTEP_TIMEOUT_SECONDS", "How long a rank may wait for the others in one operation; 30 unless set, 0 for ever."),
    ("LOCKSTEP_WORK_SECONDS", "How long a rank may work by itself while the others wait; 3600 unless set."),
    ("LOCKSTEP_SHM", "The folder in memory where a job that may start again keeps its state; /dev/shm unless set."),
    ("LOCKSTEP", "For the launch scripts: another program than the installed one."),
]
EXITS = [
    ("0", "Done."),
    ("64", "Wrong usage: an unknown command, model or option, or an impossible value."),
    ("65", "Bad data: an input is there, but what it holds is wrong."),
    ("66", "An input is missing."),
    ("70", "An internal error, or a loss, gradient or update that is not finite."),
    ("73", "Output can't be written."),
    ("74", "The system failed to read or write."),
    ("75", "The job lost a rank or timed out."),
    ("76", "A rank computes other bits than the others do from the same numbers (--audit)."),
    ("129, 130, 143", "Interrupted by SIGHUP, SIGINT or SIGTERM, after saving."),
]
EXAMPLES = [
    "lockstep convert fashion-mnist --output fashion-mnist.h5",
    "lockstep train lenet --data fashion-mnist.h5 --epochs 2 --checkpoint lenet",
    "lockstep evaluate lenet --data fashion-mnist.h5",
    "lockstep-local 2 -- train lenet --data fashion-mnist.h5",
]
SCRIPTS = ["local", "cluster", "mpirun"]


def plain(text):
    """Text for a line of its own: nothing in it is an instruction to troff."""
    text = text.replace("\\", "\\e").replace("`", "")
    return re.sub(r"(?m)^([.'])", r"\\&\1", text)


def exact(text):
    """What is typed as it stands: its dashes are dashes."""
    return plain(text).replace("-", "\\-")


def paragraphs(text):
    return "\n.PP\n".join(plain(" ".join(part.split())) for part in text.strip().split("\n\n"))


def items(pairs):
    return "\n".join(f".TP\n.B {exact(name)}\n{plain(text)}" for name, text in pairs)


def block(lines):
    return ".nf\n.RS\n" + "\n".join(exact(line) for line in lines) + "\n.RE\n.fi"


class Page:
    def __init__(self, name, version, abstract):
        day = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), datetime.timezone.utc)
        abstract = abstract.rstrip(".")
        abstract = abstract[:1].lower() + abstract[1:]
        self.name = name
        self.parts = [f'.TH {exact(name.upper())} 1 "{day:%Y-%m-%d}" "lockstep {version}" "Lockstep"']
        self.section("NAME", f"{exact(name)} \\- {plain(abstract)}")

    def section(self, title, text, level="SH"):
        if text:
            self.parts.append(f".{level} {title}\n{text}")

    def write(self, folder):
        (folder / f"{self.name}.1").write_text("\n".join(self.parts) + "\n")


def shown(command):
    return [argument for argument in command.get("arguments", [])
            if argument["shouldDisplay"] and argument.get("valueName") not in ("help", "version")]


def spelling(argument):
    """Of an option all its names, with what follows them."""
    value = f" \\fI{plain(argument.get('valueName', ''))}\\fR" if argument["kind"] != "flag" else ""
    if argument["kind"] == "positional":
        return value.strip()
    dashes = {"long": "--", "short": "-", "longWithSingleDash": "-"}
    names = [dashes[name["kind"]] + name["name"] for name in argument.get("names", [])]
    return ", ".join(f"\\fB{exact(name)}\\fR{value}" for name in names)


def synopsis(path, arguments, subcommands):
    words = [f"\\fB{exact(path)}\\fR"]
    for argument in arguments:
        if argument["kind"] == "positional":
            word = spelling(argument) + (" …" if argument["isRepeating"] else "")
            words.append(f"[{word}]" if argument["isOptional"] else word)
    words += [spelling(argument).split(", ")[-1] for argument in arguments
              if argument["kind"] == "option" and not argument["isOptional"]]
    if subcommands:
        words.append("\\fIcommand\\fR")
    if any(argument["kind"] != "positional" and (argument["isOptional"] or argument["kind"] == "flag") for argument in arguments):
        words.append("[\\fIoptions\\fR]")
    return " ".join(words)


def options(arguments):
    """The arguments, group by group as --help has them."""
    groups = {}
    for argument in arguments:
        groups.setdefault(argument.get("sectionTitle", ""), []).append(argument)
    text = []
    for title, members in groups.items():
        if title:
            text.append(f".SS {plain(title)}")
        for argument in members:
            default = argument.get("defaultValue")
            note = f" (default: {default})" if default and argument["kind"] != "flag" else ""
            text.append(f".TP\n{spelling(argument)}\n{plain(' '.join((argument.get('abstract') or '').split()) + note)}")
    return "\n".join(text)


def described(command):
    return "\n.PP\n".join(paragraphs(text) for text in (command.get("abstract"), command.get("discussion")) if text)


def subcommands(command):
    return [part for part in command.get("subcommands", []) if part["commandName"] != "help" and part["shouldDisplay"]]


def page(command, version):
    """A subcommand, with its own subcommands in sections."""
    name = command["commandName"]
    result = Page(f"lockstep-{name}", version, command["abstract"])
    arguments, parts = shown(command), subcommands(command)
    result.section("SYNOPSIS", synopsis(f"lockstep {name}", arguments, parts))
    result.section("DESCRIPTION", described(command))
    result.section("OPTIONS", options(arguments))
    for part in parts:
        own = shown(part)
        path = f"lockstep {name} {part['commandName']}"
        text = f"{synopsis(path, own, [])}\n.PP\n{described(part)}\n.PP\n{options(own)}"
        # Groups within a section of a page need a title of their own kind.
        result.section(exact(part["commandName"]).upper(), re.sub(r"(?m)^\.SS (.*)$", r".PP\n\\fB\1\\fR", text))
    result.section("SEE ALSO", "\\fBlockstep\\fR(1)" + ", \\fBlockstep\\-local\\fR(1), \\fBlockstep\\-cluster\\fR(1)")
    return result


def root(command, version):
    result = Page("lockstep", version, command["abstract"])
    parts = subcommands(command)
    result.section("SYNOPSIS", "\\fBlockstep\\fR \\fIcommand\\fR [\\fIarguments\\fR]\n.br\n"
                   "\\fBlockstep\\-local\\fR \\fIranks\\fR \\fB\\-\\-\\fR \\fIcommand\\fR [\\fIarguments\\fR]")
    result.section("DESCRIPTION", described(command) + "\n.PP\n"
                   "Datasets and checkpoints are HDF5 files. \\fBlockstep\\-local\\fR(1) runs a command on several ranks of this "
                   "machine, \\fBlockstep\\-cluster\\fR(1) on several machines; under SLURM /usr/share/lockstep/slurm.sbatch does.")
    result.section("COMMANDS", items(
        (part["commandName"], f"{part['abstract']} See lockstep-{part['commandName']}(1).") for part in parts))
    result.section("EXAMPLES", block(EXAMPLES))
    result.section("ENVIRONMENT", items(ENVIRONMENT))
    result.section("EXIT STATUS", items(EXITS))
    result.section("SEE ALSO", ", ".join(
        f"\\fBlockstep\\-{exact(name)}\\fR(1)" for name in [part["commandName"] for part in parts] + SCRIPTS) + ", \\fBmpirun\\fR(1)")
    return result


def script(name, folder, version):
    """A launch script: its help is a sentence, the usage, and paragraphs; what is indented stays as it is."""
    text = subprocess.run([folder / "libexec" / "lockstep" / name, "--help"], capture_output=True, text=True, check=True).stdout
    # Where the files lie once they are installed.
    text = text.replace(str(folder.resolve()), "/usr")
    parts = re.split(r"\n\n|\n(?=--[a-z-]+: )", text.strip("\n"))
    result = Page(f"lockstep-{name}", version, re.split("[.;:] ", " ".join(parts[0].split()))[0])
    usage = [part for part in parts if part.startswith("  ") and "lockstep-" + name in part]
    result.section("SYNOPSIS", block(line.strip() for line in usage[0].splitlines()) if usage else "")
    body = [block(line[2:] for line in part.splitlines()) if part.startswith("  ") else paragraphs(part)
            for part in parts if part not in usage[:1]]
    result.section("DESCRIPTION", "\n.PP\n".join(body))
    result.section("SEE ALSO", "\\fBlockstep\\fR(1), \\fBmpirun\\fR(1)")
    return result


def main(folder, version):
    command = json.load(sys.stdin)["command"]
    pages = [root(command, version), *(page(part, version) for part in subcommands(command)),
             *(script(name, folder, version) for name in SCRIPTS)]
    for each in pages:
        each.write(folder / "share" / "man" / "man1")


main(pathlib.Path(sys.argv[1]), sys.argv[2])
