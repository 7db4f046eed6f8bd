"""What came of it."""


class Table:
    """How many cases passed each check, and what those that failed say."""

    def __init__(self, name, checks):
        self.name, self.checks = name, checks
        self.passed = dict.fromkeys(checks, 0)
        self.count = 0
        self.faults = []
        self.notes = []

    def add(self, case, **faults):
        """A case with what is wrong, by check: None is well, and so is what is not mentioned, if something else is."""
        self.count += 1
        wrong = {check: fault for check in self.checks if (fault := faults.get(check.replace(" ", "_"))) is not None}
        for check in self.checks:
            self.passed[check] += check not in wrong and check.replace(" ", "_") in faults
        for check, fault in wrong.items():
            self.faults.append(f"{self.name} {self.count} ({case}): {check}: {fault}")
            print(self.faults[-1], flush=True)

    def rows(self):
        for check in self.checks:
            yield f"| {self.name} | {check} | {self.passed[check]} of {self.count} |"
