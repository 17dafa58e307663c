"""What is no program of the language is refused at the right place, before anything of it runs."""

from __future__ import annotations

import textwrap

import pytest

from operant.reward_design.llm import UnsafeRewardCodeError, compile_reward

FEATURES = ("has_key", "door_open", "distance")
HEAD = "def reward(obs, action, next_obs, info):\n"

BODIES = {
    # dunder walks, getattr tricks, imports, the world outside
    "dunder walk": ("forbidden", "return ¤().__class__.__bases__[0].__subclasses__()"),
    "dunder of a parameter": ("attribute", "return ¤obs.__class__"),
    "dunder call": ("attribute", "return ¤obs.__len__()"),
    "dunder of a float": ("attribute", "return ¤(1.0).__class__"),
    "function globals": ("attribute", "return ¤reward.__globals__"),
    "frame": ("attribute", "x = ¤math.gi_frame\nreturn x"),
    "getattr": ("call", 'return ¤getattr(obs, "shape")'),
    "eval": ("call", 'return ¤eval("1")'),
    "exec": ("forbidden", '¤exec("import os")\nreturn 0'),
    "open": ("call", 'return ¤open("/etc/passwd")'),
    "import function": ("call", 'return ¤__import__("os")'),
    "import in the body": ("forbidden", "¤import os\nreturn 0"),
    "import from": ("forbidden", "¤from math import sqrt\nreturn 0"),
    "globals": ("call", "return ¤globals()"),
    "builtins": ("name", "return ¤__builtins__"),
    "builtins by index": ("index", 'return ¤__builtins__["open"]'),
    "print": ("forbidden", "¤print(1)\nreturn 0"),
    "breakpoint": ("call", "x = ¤breakpoint()\nreturn x"),
    "hash": ("call", "return ¤hash(action)"),
    "id": ("call", "return ¤id(obs)"),
    "randomness": ("attribute", "return ¤random.random()"),
    "time": ("attribute", "return ¤time.time()"),
    "numpy": ("attribute", "return ¤np.exp(obs[0])"),
    "file of numpy": ("attribute", 'return ¤np.fromfile("/etc/passwd")'),
    "method of math": ("attribute", "return ¤math.sqrt.__self__"),
    "module of math": ("attribute", 'return ¤math.__loader__.load_module("os")'),
    "chained attribute": ("attribute", "return ¤obs.base.base.base"),
    "attribute of a call": ("attribute", "return ¤abs(1).real"),
    # strings and formats
    "format leak": ("attribute", 'return ¤"{0.__class__}".format(obs)'),
    "f-string": ("forbidden", 'x = ¤f"{obs.__class__}"\nreturn 0'),
    "f-string width": ("forbidden", 'x = ¤f"{1:>9999999999}"\nreturn 0'),
    "percent width": ("type", 'x = ¤"%999999999d" % 1\nreturn 0'),
    "text": ("type", 'return ¤"1.0"'),
    "text repeated": ("type", 'x = ¤"a" * 999999999\nreturn 0'),
    "bytes": ("type", 'return ¤b"1"'),
    "none": ("type", "return ¤None"),
    "ellipsis": ("type", "return ¤..."),
    "complex": ("type", "return ¤1j"),
    # endless loops, recursion, bombs
    "while": ("forbidden", "¤while True:\n    x = 1\nreturn x"),
    "recursion": ("call", "return ¤reward(obs, action, next_obs, info)"),
    "range of a name": ("loop", "n = 10\nfor i in ¤range(n):\n    n = 1\nreturn n"),
    "range of a feature": ("loop", 'for i in ¤range(int(info["distance"])):\n    x = 1\nreturn 0'),
    "long range": ("loop", "for i in ¤range(4097):\n    x = 1\nreturn 0"),
    "huge range": ("loop", "for i in ¤range(10**9):\n    x = 1\nreturn 0"),
    "range with step": ("loop", "for i in ¤range(0, 10, 2):\n    x = 1\nreturn 0"),
    "empty range": ("loop", "for i in ¤range(5, 5):\n    x = 1\nreturn 0"),
    "float range": ("loop", "for i in ¤range(5.0):\n    x = 1\nreturn 0"),
    "true range": ("loop", "for i in ¤range(True):\n    x = 1\nreturn 0"),
    "nested ranges": (
        "loop",
        "for i in range(65):\n    for j in ¤range(64):\n        x = 1\nreturn 0",
    ),
    "loop over an observation": ("loop", "for x in ¤obs:\n    y = x\nreturn 0"),
    "loop over two names": ("forbidden", "for ¤i, j in range(3):\n    x = i\nreturn 0"),
    "loop with else": ("loop", "¤for i in range(3):\n    x = i\nelse:\n    x = 2\nreturn 0"),
    "break": ("forbidden", "for i in range(3):\n    ¤break\nreturn 0"),
    "pass": ("forbidden", "if action > 1:\n    ¤pass\nreturn 0"),
    "big power": ("number", "return ¤10**17"),
    "big negative power": ("number", "return ¤10**-17"),
    "big number": ("number", "return ¤1000000000001"),
    "big hexadecimal": ("number", "return ¤0x" + "f" * 4000),
    "infinity": ("number", "return ¤1e999"),
    # the observation, the information and hidden state
    "write into obs": ("assign", "¤obs[0] = 1\nreturn 0"),
    "add to obs": ("assign", "¤obs[0] += 1\nreturn 0"),
    "write into info": ("assign", '¤info["has_key"] = 1\nreturn 0'),
    "new obs": ("name", "¤obs = 1\nreturn 0"),
    "new info": ("name", "¤info = 1\nreturn 0"),
    "new max": ("name", "¤max = 1\nreturn 0"),
    "new math": ("name", "¤math = 1\nreturn 0"),
    "new reward": ("name", "¤reward = 1\nreturn 0"),
    "new builtins": ("name", "¤__builtins__ = 1\nreturn 0"),
    "debug": ("name", "¤__debug__ = 1\nreturn 0"),
    "loop named range": ("name", "for ¤range in range(3):\n    x = 1\nreturn 0"),
    "attribute of the function": ("assign", "¤reward.calls = 1\nreturn 0"),
    "attribute of math": ("assign", "¤math.pi = 3\nreturn 0"),
    "global": ("forbidden", "¤global x\nreturn 0"),
    "nonlocal": ("forbidden", "¤nonlocal x\nreturn 0"),
    "delete": ("forbidden", "¤del obs\nreturn 0"),
    "two targets": ("assign", "¤a = b = 1\nreturn a"),
    "unpacking": ("forbidden", "¤a, b = 1, 2\nreturn a"),
    "annotation": ("forbidden", "¤x: float = 1.0\nreturn x"),
    "walrus": ("forbidden", "return (¤x := 1)"),
    "try": ("forbidden", "¤try:\n    x = 1\nexcept Exception:\n    x = 2\nreturn x"),
    "with": ("forbidden", '¤with open("x") as f:\n    x = 1\nreturn x'),
    "raise": ("forbidden", "¤raise ValueError"),
    "assert": ("forbidden", "¤assert action\nreturn 0"),
    "yield": ("forbidden", "x = ¤yield 1\nreturn 0"),
    "inner function": ("forbidden", "¤def f():\n    return 1\nreturn f()"),
    "inner class": ("forbidden", "¤class A:\n    x = 1\nreturn 0"),
    "lambda": ("forbidden", "f = ¤lambda: 1\nreturn 0"),
    "match": ("forbidden", "¤match action:\n    case 1:\n        x = 1\nreturn 0"),
    # comprehensions, containers
    "list comprehension": ("forbidden", "return sum(¤[x for x in obs])"),
    "generator": ("forbidden", "return max¤(x for x in obs)"),
    "list": ("forbidden", "x = ¤[0] * 10\nreturn 0"),
    "dict": ("forbidden", 'return ¤{"near": 1.0}'),
    "tuple": ("forbidden", "return ¤1.0, {}"),
    "starred": ("forbidden", "return max(¤*obs)"),
    "slice": ("forbidden", "return max(obs[¤1:3])"),
    "keywords": ("call", "return ¤max(1, 2, default=3)"),
    "double star": ("call", "return ¤max(1, 2, **info)"),
    # operators
    "is": ("forbidden", "return 1.0 if ¤action is 1 else 0.0"),
    "in": ("forbidden", "return 1.0 if ¤action in obs else 0.0"),
    "bits": ("forbidden", "return ¤action & 1"),
    "shift": ("forbidden", "return ¤1 << 99999"),
    "invert": ("forbidden", "return ¤~1"),
    "matrix product": ("forbidden", "return ¤obs @ next_obs"),
    # kinds
    "flag returned": ("type", "return ¤action > 1"),
    "flag of a name returned": ("type", "near = action > 1\nreturn ¤near"),
    "vector returned": ("type", "return ¤obs"),
    "vector assigned": ("type", "x = ¤obs\nreturn x[0]"),
    "vector added": ("type", "return ¤obs + 1"),
    "vector as an argument": ("type", "return max(1.0, ¤obs)"),
    "vector as a condition": ("type", "return 1.0 if ¤obs else 0.0"),
    "vector compared": ("type", "return 1.0 if ¤obs == next_obs else 0.0"),
    "vector chosen": ("index", "return ¤(obs if action > 1 else next_obs)[0]"),
    "number where a flag was": ("type", "x = action > 1\n¤x = 0.5\nreturn 0"),
    "sum of a flag": ("type", "x = action > 1\n¤x += 0.5\nreturn 0"),
    "counter assigned": ("type", "for i in range(3):\n    ¤i = 7.0\nreturn 0"),
    "or of a vector": ("type", "x = action or ¤obs\nreturn x"),
    "index by a number": ("type", "return obs[¤action]"),
    "index by a flag": ("type", "return obs[¤action > 1]"),
    "index by a quotient": ("type", "for i in range(4):\n    x = obs[¤i / 2]\nreturn 0"),
    "index too large": ("index", "return obs[¤4]"),
    "index too small": ("index", "return obs[¤-5]"),
    "index twice": ("index", "return ¤obs[0][0]"),
    "index of a name": ("index", "x = 1\nreturn ¤x[0]"),
    "index of a number": ("index", "return ¤1[0]"),
    # names, features, calls
    "unknown name": ("name", "return ¤speed"),
    "feature as a name": ("name", "return ¤has_key"),
    "info as a value": ("name", "return ¤info"),
    "function as a value": ("name", "x = ¤max\nreturn 0"),
    "math as a value": ("name", "x = ¤math\nreturn 0"),
    "pi": ("attribute", "return ¤math.pi"),
    "attribute of info": ("attribute", "return ¤info.has_key"),
    "method of info": ("attribute", 'return ¤info.get("has_key", 0)'),
    "unknown feature": ("feature", 'return info[¤"has_kye"]'),
    "unknown feature before": ("feature", 'return info[¤"prev_has_kye"]'),
    "feature twice before": ("feature", 'return info[¤"prev_prev_has_key"]'),
    "computed feature": ("feature", 'return info[¤"has" + "_key"]'),
    "feature by number": ("feature", "return info[¤0]"),
    "true reward": ("feature", 'return info[¤"true_reward"]'),
    "too few arguments": ("call", "return ¤max(1)"),
    "too many arguments": ("call", "return ¤math.sqrt(1, 2)"),
    "too many of max": ("call", "return ¤max(1, 2, 3, 4, 5, 6, 7, 8, 9)"),
    "unknown function": ("call", "return ¤round(1.5)"),
    "without math": ("call", "return ¤sqrt(2.0)"),
    "with math": ("call", "return ¤math.abs(2.0)"),
    "call of a call": ("call", "return ¤abs(1)(2)"),
    # paths
    "no value on one path": ("unassigned", "if action > 1:\n    x = 1\nreturn ¤x"),
    "no value after a loop": ("unassigned", "for i in range(3):\n    x = 1\nreturn ¤x"),
    "counter after its loop": ("unassigned", "for i in range(3):\n    x = 1\nreturn ¤i"),
    "used before": ("name", "y = ¤x\nx = 1\nreturn y"),
    "sum without a start": ("name", "¤total += 1\nreturn total"),
    "code after a return": ("return", "return 1\n¤x = 2"),
    "code after returns": (
        "return",
        "if action > 1:\n    return 1\nelse:\n    return 2\n¤return 3",
    ),
    "nothing returned": ("return", "¤return"),
    "expression alone": ("forbidden", "¤action + 1\nreturn 0"),
}
NOTHING = "def reward(obs, action, next_obs, info): return 0"
LOOPS = [f"{'    ' * n}for i{n} in range(1):\n" for n in range(1, 12)]
IF = "    if action > 1:\n        x = 1\n"
ELIF = IF.replace("if", "elif")
MODULES = {
    "empty": ("signature", "¤"),
    "only a comment": ("signature", "¤# I am sorry, I cannot help with that"),
    "prose": ("syntax", "Here is the ¤reward function:"),
    "fence": ("syntax", "¤```python\n" + NOTHING + "\n```"),
    "no function": ("signature", "¤x = 1"),
    "import before": ("forbidden", "¤import math\n" + NOTHING),
    "call after": ("signature", NOTHING + "\n¤reward(1, 2, 3, 4)"),
    "two functions": ("signature", NOTHING + "\n¤" + NOTHING),
    "class": ("signature", "¤class A:\n    " + NOTHING),
    "async": ("signature", "¤async " + NOTHING),
    "lambda": ("signature", "¤reward = lambda obs, action, next_obs, info: 0"),
    "other name": ("signature", "¤" + NOTHING.replace("reward", "compute")),
    "potential": ("signature", "¤def potential(obs, info): return 0"),
    "other parameters": ("signature", "¤def reward(self, action): return 0"),
    "other order": ("signature", "¤def reward(action, obs, next_obs, info): return 0"),
    "default": ("signature", "¤def reward(obs, action, next_obs, info=open): return 0"),
    "mutable default": ("signature", "¤def reward(obs, action, next_obs, info, m=[]): return 0"),
    "annotated": ("signature", "¤def reward(obs: list, action, next_obs, info): return 0"),
    "annotated result": ("signature", "¤" + NOTHING.replace("):", ") -> float:")),
    "star": ("signature", "¤def reward(*obs): return 0"),
    "keyword only": ("signature", "¤def reward(obs, action, next_obs, *, info): return 0"),
    "position only": ("signature", "¤def reward(obs, action, next_obs, info, /): return 0"),
    "decorator": ("signature", "@¤staticmethod\n" + NOTHING),
    "only a docstring": ("return", "¤" + HEAD + '    "nothing"'),
    "no return": ("return", "¤" + HEAD + "    x = 1"),
    "return on one path": ("return", "¤" + HEAD + "    if action > 1:\n        return 1"),
    "return in a loop": ("return", "¤" + HEAD + "    for i in range(3):\n        return 1"),
    "two statements in a line": ("return", NOTHING + "; ¤x = 1"),
    "digits": ("syntax", HEAD + "¤    return " + "9" * 5000),
    # characters and parser bombs
    "cyrillic name": ("character", HEAD + "    return ¤\u0430ction"),
    "bidi comment": ("character", HEAD + "    return 1  # ¤\u202e0 nruter"),
    "zero width": ("character", HEAD + "    return act¤\u200bion"),
    "null byte": ("character", HEAD + "    return ¤\0 1"),
    "form feed": ("character", HEAD + "¤\f    return 1"),
    "carriage return": ("character", HEAD + "    x = 1 #¤\r    import os\n    return x"),
    "full width": ("character", HEAD + "    return ¤\uff11"),
    "byte order mark": ("character", "¤\ufeff" + NOTHING),
    "surrogate": ("character", HEAD + "    return 1  # ¤\ud800"),
    "brackets": ("depth", HEAD + "    return " + "(" * 40 + "¤(1" + ")" * 41),
    "open brackets": ("depth", HEAD + "    return " + "[" * 40 + "¤[" + "[" * 900),
    "minus": ("depth", "¤" + HEAD + "    return " + "-" * 8000 + "1"),
    "not": ("depth", HEAD + "    return " + "not " * 38 + "¤not " + "not " * 1000 + "1"),
    "sum": ("depth", HEAD + "    return ¤1" + " + 1" * 400),
    "powers": ("depth", HEAD + "    return " + "2**" * 37 + "¤2" + "**2" * 500),
    "elif": ("depth", HEAD + IF + ELIF * 36 + "    elif ¤" + ELIF[9:] + ELIF),
    "nested loops": (
        "loop",
        HEAD
        + "".join(LOOPS[:8])
        + "    " * 9
        + "¤for i in range(1):"
        + "\n"
        + "    " * 10
        + "x = 1\n    return 1",
    ),
    "long": ("size", "¤" + "#" * 8193),
    "many nodes": ("size", "¤" + HEAD + "    x = 1\n" * 200 + "    return x"),
    "unclosed": ("syntax", HEAD + "    return max¤(1, 2"),
    "bad indentation": ("syntax", HEAD + "    x = 1\n      return x"),
    "unfinished": ("syntax", HEAD + "    return 1 +¤"),
}
CASES = {
    **{name: (code, HEAD + textwrap.indent(text, "    ")) for name, (code, text) in BODIES.items()},
    **{f"module: {name}": case for name, case in MODULES.items()},
}


@pytest.mark.parametrize("name", CASES)
def test_a_broken_rule_is_named_with_its_place(name):
    code, text = CASES[name]
    source = text.replace("¤", "")
    with pytest.raises(UnsafeRewardCodeError) as caught:
        compile_reward(source, obs_size=4, features=FEATURES)
    error = caught.value
    assert error.code == code, str(error)
    if "¤" in text:
        before = text[: text.index("¤")]
        place = before.count("\n") + 1, len(before) - before.rfind("\n")
        assert (error.line, error.column) == place, str(error)
    assert error.message in str(error)
    assert f"line {error.line}, column {error.column}" in str(error)
    assert len(str(error)) < 1000


def test_there_are_many():
    assert len(CASES) >= 150
