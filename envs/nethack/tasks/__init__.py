"""One small file per NetHack task."""
