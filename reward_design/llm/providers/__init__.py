"""Who writes rewards: models, recordings of them, people's pools, and search without a model."""
