"""Where designs meet the world: scalar envs, vector envs, stable-baselines3."""
