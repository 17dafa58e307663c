"""Search for rewards: candidates are written, checked, trained on and compared; nothing is lost."""
