"""Speed measurements, each beside the peer it is compared with; no test depends on them."""
