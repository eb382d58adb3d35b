"""Where songs come from: one file a source."""
