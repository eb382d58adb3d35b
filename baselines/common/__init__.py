"""What several reference models need, once."""
