"""Load, fit, isolate and call a submission. Nothing here knows about scoring."""
