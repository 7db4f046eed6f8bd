"""What came of it."""


class Table:
    """How many cases passed each check, and what those that failed say."""

    def __init__(self, name, checks):
        self.name, self.checks = name, checks
        self.passed = dict.fromkeys(checks, 0)
        self.count = 0
        self.faults = []
        self.remarks = []

    def add(self, case, **faults):
        """A case with what is wrong, by check: None is well, and so is what is not mentioned, if something else is."""
        self.count += 1
        wrong = {check: fault for check in self.checks if (fault := faults.get(check.replace(" ", "_"))) is not None}
        for check in self.checks:
            self.passed[check] += check not in wrong and check.replace(" ", "_") in faults
        for check, fault in wrong.items():
            self.fail(f"{self.name} {self.count} ({case}): {check}: {fault}")

    def fail(self, fault):
        self.faults.append(fault)
        print(fault, flush=True)

    def remark(self, what, value):
        """A row that nothing is expected of."""
        self.remarks.append((what, value))

    def rows(self):
        for check in self.checks:
            yield f"| {self.name} | {check} | {self.passed[check]} of {self.count} |"
        for what, value in self.remarks:
            yield f"| {self.name} | {what} | {value} |"


class Sums:
    """Numbers, of which some must be none."""

    def __init__(self, name):
        self.name, self.count, self.faults, self.lines = name, 0, [], []

    def row(self, what, number):
        self.lines.append((what, f"{number:,}" if isinstance(number, int) else number))
        self.count += number if isinstance(number, int) and " of " in what else 0

    def wanted_none(self, what, number, cases):
        self.row(what, number)
        if number:
            self.fail(f"{self.name}: {what}: {number}: {cases if isinstance(cases, str) else '; '.join(cases[:20])}")

    def fail(self, fault):
        self.faults.append(fault)
        print(fault, flush=True)

    def rows(self):
        for what, number in self.lines:
            yield f"| {self.name} | {what} | {number} |"
