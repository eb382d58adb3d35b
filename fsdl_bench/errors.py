"""The two ways in which input can be wrong: it stops the command, or it is one file to leave out.

`BadInput` is for the person who called: one message that says what was expected, what was found, where,
and what to do. The command line prints it and exits with code 2, without a traceback.

`Rejected` is for one song among many: the build logs it as a row of `rejected.parquet` and goes on.
"""


class BadInput(Exception):
    """The call cannot be carried out as given. The message says what was expected and what to do."""


class Rejected(Exception):
    """One song is left out of a build.

    Args:
        reason: a short fixed phrase, the same for every song left out for this reason ("no notes").
        detail: what was found in this one ("ticks per quarter is 0"); may be empty.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


class RuleBreach(BadInput):
    """A submission broke a rule of the benchmark; the run has no result.

    Attributes:
        rule: the rule's name, such as "causality".
        detail: where, how, and what the rule asks for.
    """

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"rule broken: {rule}. {detail}")
        self.rule = rule
        self.detail = detail

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.rule, self.detail)
