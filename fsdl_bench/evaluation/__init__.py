"""Run a submission over the frozen episodes, score it and audit it."""
