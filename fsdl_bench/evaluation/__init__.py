"""Running a submission over the frozen episodes, scoring it and auditing it."""
