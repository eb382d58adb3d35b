"""What the sources share: files, archives and texts, and the `Source` protocol."""
