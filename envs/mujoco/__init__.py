"""MuJoCo worlds: robots with true objectives, on one batched engine; needs the extra ``mujoco``."""
