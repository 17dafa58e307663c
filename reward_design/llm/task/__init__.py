"""What a writer of rewards is told about a world."""
