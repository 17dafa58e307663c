"""Programs that are well formed and have no finite answer: each fails when it is run."""

from __future__ import annotations

from operant.benchmarks.perf.attacks.items import Table

INFINITE = "x = 1e12 ** 16 * 1e12 ** 16 * action\n"
"""Makes an infinity without any operation that fails."""

FAILING: Table = {
    "no finite result": (
        ("infinity", "not_finite", INFINITE + "return x"),
        ("minus infinity", "not_finite", INFINITE + "return -x"),
        ("difference of infinities", "not_finite", INFINITE + "return x - x"),
        ("infinity times zero", "not_finite", INFINITE + "return x * 0"),
        ("quotient of infinities", "not_finite", INFINITE + "return x / x"),
        ("remainder of infinity", "not_finite", INFINITE + "return x % 3"),
        ("infinity in one branch", "not_finite", INFINITE + "return x if action > 1 else 0.0"),
        (
            "squared sixty times",
            "not_finite",
            "x = 9.0\nfor i in range(60):\n    x = x * x\nreturn x",
        ),
        ("doubled in a loop", "not_finite", "x = 1.0\nfor i in range(1100):\n    x += x\nreturn x"),
        ("sum of the largest", "not_finite", INFINITE + "return max(x, 0.0)"),
        ("nan through min", "not_finite", INFINITE + "return min(x - x, 1.0)"),
        ("nan that is compared", "not_finite", INFINITE + "y = x - x\nreturn y if y != y else 0.0"),
        ("tanh of nan", "not_finite", INFINITE + "return math.tanh(x - x)"),
        (
            "largest literals",
            "not_finite",
            "x = 1e12\nfor i in range(30):\n    x *= 1e12\nreturn x",
        ),
        ("hypot", "overflow|not_finite", "x = 1e12 ** 16\nreturn math.hypot(x * x, x * x * x)"),
    ),
    "beyond the cap": (
        ("a little", "cap", "return 1e6 + 1e-3"),
        ("negative", "cap", "return -1e12"),
        ("integers that grow", "cap", "x = 1\nfor i in range(64):\n    x = x * 2\nreturn x"),
        ("shifted past 64 bits", "cap", "x = 1\nfor i in range(63):\n    x = x + x\nreturn x + x"),
        ("power", "cap", "return (8 + action) ** 16"),
        ("exponential", "cap", "return math.exp(20)"),
        ("sum of a loop", "cap", "x = 0\nfor i in range(4096):\n    x += i * i\nreturn x"),
        ("factorial", "cap", "x = 1\nfor i in range(1, 100):\n    x *= i\nreturn x"),
    ),
    "division": (
        ("by zero", "division", "return 1 / (action - action)"),
        ("by a literal zero", "division", "return 1 / 0"),
        ("by minus zero", "division", "return 1 / -0.0"),
        ("whole", "division", "return action // 0"),
        ("remainder", "division", "return action % 0"),
        ("by an unset feature", "division", 'return 1 / info["prev_has_key"]'),
        ("by the counter", "division", "x = 0.0\nfor i in range(3):\n    x += 1 / i\nreturn x"),
        ("by a product that vanishes", "division", "x = 1e-12 ** 16\nreturn 1 / (x * x)"),
        ("by a flag", "division", "return 1 / (action > 5)"),
        ("augmented", "division", "x = 1.0\nx /= action - 2\nreturn x"),
        ("augmented remainder", "division", "x = 1.0\nx %= action - 2\nreturn x"),
    ),
    "outside the domain": (
        ("root", "domain", "return math.sqrt(-action)"),
        ("root by a power", "domain", "return (-action) ** 0.5"),
        ("zero to a negative power", "domain", "return (action - 2) ** -1"),
        ("logarithm of zero", "domain", "return math.log(action - 2)"),
        ("logarithm of a negative", "domain", "return math.log(-action)"),
        ("logarithm near one", "domain", "return math.log1p(-action)"),
        ("sine of infinity", "domain", INFINITE + "return math.sin(x)"),
        ("cosine of infinity", "domain", INFINITE + "return math.cos(-x)"),
        ("floor of nan", "domain", INFINITE + "return math.floor(x - x)"),
        ("int of nan", "domain", INFINITE + "return int(x - x)"),
        ("ceil of nan", "domain", INFINITE + "return math.ceil(x - x)"),
    ),
    "too large on the way": (
        ("exponential", "overflow", "return 1 / math.exp(999 + action)"),
        ("power", "overflow", "return 1 / (10 + action) ** 400"),
        ("tower", "overflow", "return 10 ** 10 ** 9"),
        ("tower of a name", "overflow", "x = 9\nfor i in range(9):\n    x = x ** x\nreturn 1 / x"),
        ("power of itself", "overflow", "x = 99999\nx **= x\nreturn 0 * x"),
        ("floor of infinity", "overflow", INFINITE + "return math.floor(x)"),
        ("int of infinity", "overflow", INFINITE + "return int(-x)"),
        ("ceil of infinity", "overflow", INFINITE + "return math.ceil(x)"),
    ),
    "computed indices": (
        ("beyond", "index", "return obs[int(action) + 1]"),
        ("before", "index", "return obs[int(-action) - 2]"),
        ("huge", "index", "return obs[int(action * 1e12 * 1e12)]"),
        ("huge and negative", "index", "return obs[int(-action * 1e12 * 1e12)]"),
        ("past 64 bits", "index", "return obs[int(2 ** 16 * action ** 50)]"),
        ("in a loop", "index", "x = 0.0\nfor i in range(4):\n    x += obs[i]\nreturn x"),
        (
            "before, in a loop",
            "index",
            "x = 0.0\nfor i in range(-4, 0):\n    x += obs[i]\nreturn x",
        ),
        (
            "product of counters",
            "index",
            "x = 0.0\nfor i in range(3):\n    x += obs[i * i]\nreturn x",
        ),
        ("power of whole numbers", "index", "return obs[int(2 ** 2)]"),
        ("of infinity", "overflow", INFINITE + "return obs[int(x)]"),
        ("of nan", "domain", INFINITE + "return obs[int(x - x)]"),
        ("by a feature", "index", 'return obs[int(info["distance"])]'),
        ("remainder of a negative", "index", "return obs[-1 - (-1 % 4)]"),
        ("next observation", "index", "return next_obs[math.floor(3.9)]"),
        ("smallest of whole numbers", "index", "return obs[min(3, 4)]"),
    ),
}
"""Category -> name, code of the failure, body."""
