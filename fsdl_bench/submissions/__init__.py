"""Running a submission: contract, loading, fitting, sessions. Knows nothing of scoring."""
