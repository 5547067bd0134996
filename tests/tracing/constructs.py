"""Laws that use one construct each: three features, four parameters unless they say otherwise."""

from typing import NamedTuple


class Construct(NamedTuple):
    law: str  # body of scaling_law_func(x, p)
    params: tuple[object, ...] = (2.0, 1.5, 0.3, 0.2)
    targets: int = 1
    top: str = ""


TWO = ((2.0, 1.5, 0.3), (1.0, 0.5, 0.2))
CONSTRUCTS: dict[str, Construct] = {
    "asarray with dtype": Construct("x = np.asarray(x, dtype=float)\nreturn p[0] + p[1] / x[:, 0]"),
    "asarray with np.float64": Construct(
        "x = np.asarray(x, dtype=np.float64)\np = np.asarray(p, np.float64)\n"
        "return p[0] + p[1] * x[:, 0] ** np.float64(-0.5)"
    ),
    "atleast_2d": Construct("x = np.atleast_2d(np.asarray(x))\nreturn p[0] * np.log(x[:, 1])"),
    "atleast_1d of params": Construct("p = np.atleast_1d(p)\nreturn p[0] * x[:, 0] ** -p[2]"),
    "columns of the transpose": Construct("a, b, c = x.T\nreturn p[0] + p[1] * a ** -p[2] + b / c"),
    "unpacking params": Construct(
        "A, B, alpha, beta = p\nreturn A * x[:, 0] ** -alpha + B * x[:, 1] ** -beta"
    ),
    "starred unpacking": Construct("c, *rest = p\nreturn c + rest[0] * x[:, 0] ** -rest[1]"),
    "tuple of columns": Construct("n, d = x[:, 0], x[:, 1]\nreturn p[0] + p[1] * (n / d) ** p[2]"),
    "ravel and reshape": Construct(
        "p = np.asarray(p).ravel()\nn = x[:, [0]].reshape(-1)\nreturn p[0] + p[1] * n ** -p[2]"
    ),
    "exp of log": Construct("return p[0] + np.exp(p[1] - p[2] * np.log(x[:, 0]))"),
    "log10, log2, log1p, expm1": Construct(
        "n = x[:, 0]\n"
        "return p[0] * np.log10(n) + np.log2(n) + p[1] * np.log1p(n) + np.expm1(-p[2] / n)"
    ),
    "power, sqrt, square, abs": Construct(
        "n = x[:, 0]\n"
        "return np.power(n, -p[2]) + np.sqrt(n) + np.abs(p[0] - np.log(n)) + np.square(p[1])"
    ),
    "clip": Construct("n = np.clip(x[:, 0], 1e-8, None)\nreturn p[0] * n ** -np.clip(p[2], 0, 5)"),
    "clip as a method, infinite bound": Construct("return p[0] + x[:, 0].clip(2.0, np.inf) / p[1]"),
    "maximum and minimum": Construct(
        "return p[0] + np.maximum(np.log(x[:, 0]), p[1]) + np.minimum(x[:, 1], 3.0)"
    ),
    "where": Construct("n = x[:, 0]\nreturn np.where(n > 5, p[0] * n, p[1] / (n + 1))"),
    "nested where and isfinite": Construct(
        "y = p[0] / x[:, 0]\ny = np.where(np.isfinite(y), y, 1e6)\n"
        "return np.where((y > 0.1) & ~(y > 3), y, np.where(y < 0.01, 0.5 * y, p[1]))"
    ),
    "nan_to_num": Construct("return np.nan_to_num(p[0] / x[:, 0], nan=1e6, posinf=1e6)"),
    "tanh and logaddexp": Construct(
        "n = np.log(x[:, 0])\nreturn np.tanh(p[0] - n) + np.logaddexp(p[1] - p[2] * n, p[3])"
    ),
    "expit": Construct(
        "return p[0] + p[1] * expit(p[2] * np.log(x[:, 0]))", top="from scipy.special import expit"
    ),
    "logsumexp": Construct(
        "n, d = np.log(x[:, 0]), np.log(x[:, 1])\n"
        "terms = np.stack([p[0] - p[2] * n, p[1] - p[3] * d, np.full_like(n, 0.1)])\n"
        "return logsumexp(terms, axis=0)",
        top="from scipy.special import logsumexp",
    ),
    "sum over features": Construct("return p[0] + np.sum(x * p[1:4], axis=1)"),
    "sum, mean, prod as methods": Construct(
        "return p[0] * x.mean(axis=1) + x.sum(axis=-1) + x.prod(axis=1, keepdims=True)[:, 0]"
    ),
    "max and std over features": Construct("return p[0] * x.max(axis=1) + x.std(axis=1)"),
    "dot and @": Construct("return np.dot(x, p[:3]) + x @ p[1:] + x.dot(p[1:])"),
    "einsum": Construct("return np.einsum('ij,j->i', np.log(x), p[:3])"),
    "outer and broadcasting": Construct(
        "t = np.outer(np.log(x[:, 0]), p)\n"
        "return np.exp(-t).sum(axis=1) + (x[:, None, 1] * p).sum(1)"
    ),
    "stack": Construct("u = np.stack([np.log(x[:, 0]), x[:, 1]], axis=1)\nreturn u @ p[:2]"),
    "column_stack": Construct(
        "u = np.column_stack([np.ones(len(x)), np.log(x[:, 0])])\nreturn u @ p[:2]"
    ),
    "concatenate and hstack": Construct(
        "u = np.hstack([np.log(x), np.ones((x.shape[0], 1))])\n"
        "return np.concatenate([u, u[:, :1]], axis=1) @ np.concatenate([p, [2.0]])"
    ),
    "zeros and in-place +=": Construct(
        "y = np.zeros(x.shape[0])\nfor j in range(3):\n    y += p[j] * np.log(x[:, j])\nreturn y"
    ),
    "in-place on a result": Construct(
        "y = p[0] * x[:, 0]\ny -= p[1]\ny *= 2\ny /= x[:, 1]\ny **= 2\nreturn y"
    ),
    "full": Construct(
        "y = np.full(len(x), p[0])\ny = y + np.full((len(x),), 2.0)\nreturn y / x[:, 0]"
    ),
    "arange loops": Construct(
        "y = 0\nfor k in np.arange(3):\n    y = y + p[k] * np.log(x[:, 0]) ** k\nreturn y"
    ),
    "arange of powers": Construct("return (np.log(x[:, :1]) ** np.arange(4)) @ p"),
    "filled row by row": Construct(
        "y = np.empty(len(x))\nfor i in range(len(x)):\n    n, d, _ = x[i]\n"
        "    y[i] = p[0] + p[1] * n ** -p[2] + math.log(d)\nreturn y"
    ),
    "list of rows": Construct("return np.array([p[0] + p[1] / r[0] for r in x])"),
    "columns filled": Construct(
        "u = np.zeros((len(x), 2))\nu[:, 0] = np.log(x[:, 0])\nu[:, 1] = 1.0\nreturn u @ p[:2]"
    ),
    "shape branches": Construct(
        "if x.ndim == 1:\n    x = x[None, :]\nif p.ndim == 2 and p.shape[0] == 1:\n    p = p[0]\n"
        "if len(p) != 4 or x.shape[1] < 3:\n    raise ValueError\nreturn p[0] * x[:, 0]"
    ),
    "loop over params": Construct(
        "y = p[0] * np.ones_like(x[:, 0])\nfor j, a in enumerate(p[1:]):\n"
        "    y = y + np.exp(-a * np.log(x[:, j]))\nreturn y"
    ),
    "several targets": Construct(
        "p = np.atleast_2d(p)\nn = x[:, 0][:, None]\nreturn p[:, 0] + p[:, 1] * n ** -p[:, 2]",
        TWO,
        2,
    ),
    "a law for each target": Construct(
        "laws = p.reshape(2, -1)\n"
        "return np.stack([a + b * x[:, 0] ** -c for a, b, c in laws], axis=1)",
        (2.0, 1.5, 0.3, 1.0, 0.5, 0.2),
        2,
    ),
    "errstate": Construct(
        "with np.errstate(all='ignore'):\n    return p[0] + p[1] * np.log(x[:, 0])"
    ),
    "float(params[i])": Construct("a = float(p[0])\nb = float(p[1])\nreturn a + b / x[:, 0]"),
    "isinstance and item": Construct(
        "a = p[0].item() if hasattr(p[0], 'item') else p[0]\n"
        "assert isinstance(a, float) and isinstance(p, np.ndarray)\nreturn a / x[:, 0]"
    ),
    "products with masks": Construct(
        "m = x[:, 0] > 5\nreturn p[0] * m * x[:, 1] + p[1] * (1 - m) + (x[:, 2] <= 2).astype(float)"
    ),
    "masked assignment": Construct(
        "n = x[:, 0].copy()\nn[n < 4] = 4.0\ny = p[0] / n\n"
        "y[(x[:, 1] > 3) | (n > 90)] = p[1]\nreturn y"
    ),
    "math on params": Construct(
        "k = math.exp(p[2]) + math.log(p[0]) + math.sqrt(p[1]) + math.pow(p[0], 2)\n"
        "k += math.tanh(p[3])\n"
        "return k * x[:, 0] ** -math.log10(p[0] + 1)"
    ),
    "builtin max, min, abs, sum": Construct(
        "a, b = max(p[2], 0.01), min(p[0], p[1], 3)\n"
        "return abs(b) * x[:, 0] ** -a + sum(v for v in p) + pow(x[:, 1], 2)"
    ),
    "helpers, closures, dictionaries": Construct(
        "q = dict(zip('abcd', p))\nterm = lambda k, v: q[k] * v ** -q['c']\n"
        "return helper(q['a']) + term('b', x[:, 0])",
        top="def helper(v):\n    return SHIFT[1] + v * v\nSHIFT = np.array([1.0, 2.5])",
    ),
    "try that succeeds": Construct(
        "try:\n    return p[0] + x[:, 0] * p[1]\nexcept Exception:\n    return np.zeros(len(x))"
    ),
    "normalised fractions": Construct(
        "w = x / np.sum(x, axis=1, keepdims=True)\nreturn p[0] + np.log(w + 1e-9) @ p[1:]"
    ),
    "linalg.norm": Construct("return p[0] + np.linalg.norm(x * p[1], axis=1)"),
    "polyval": Construct("return np.polyval(p, np.log(x[:, 0]))"),
    "meshed loops over pairs": Construct(
        "y = np.full(x.shape[0], p[0], dtype=float)\nfor i in range(3):\n"
        "    for j in range(i, 3):\n"
        "        y += p[(i + j) % 4] * np.log(x[:, i]) * np.log(x[:, j])\n"
        "return y"
    ),
    "from numpy import": Construct(
        "return p[0] + exp(-p[2] * log(asarray(x)[:, 0]))",
        top="from numpy import asarray, exp, log",
    ),
    "cumulated": Construct("return p[0] + np.cumsum(np.log(x), axis=1)[:, -1] * np.cumprod(p)[2]"),
    "select": Construct(
        "n = x[:, 0]\nreturn np.select([n < 3, n < 20], [p[0] * n, p[1] * n], default=p[2])"
    ),
    "take, tile, broadcast_to": Construct(
        "q = np.broadcast_to(p, (len(x), 4))\nt = np.tile(p[:1], len(x))\n"
        "return np.take(q, 1, axis=1) * x[:, 0] + t + np.squeeze(x[:, :1])"
    ),
    "finfo, isscalar, ndim, size": Construct(
        "eps = np.finfo(float).eps + np.finfo(x.dtype).tiny\n"
        "if np.isscalar(p) or np.ndim(p) != 1 or np.size(p) != 4:\n    raise ValueError\n"
        "return p[0] * np.log(np.maximum(x[:, 0], eps))"
    ),
    "finite guards": Construct(
        "y = p[0] + p[1] / x[:, 0]\nif not np.all(np.isfinite(y)):\n    y = np.zeros(len(x))\n"
        "if np.any(np.isnan(y)) or np.isinf(p).any():\n    raise ValueError\nreturn y"
    ),
    "r_ and c_": Construct(
        "u = np.c_[np.ones(len(x)), np.log(x[:, :2])]\n"
        "return u @ np.r_[p[0], p[1:3]] + np.r_[1.0, p][4]"
    ),
    "sums of lists": Construct(
        "terms = [p[j] * np.log(x[:, j]) for j in range(3)]\n"
        "return np.sum(terms, axis=0) + sum(terms) + np.mean(terms, axis=0) ** 2"
    ),
    "divide with out and where": Construct(
        "n = x[:, 0]\nreturn p[0] + np.divide(p[1], n, out=np.zeros_like(n), where=n > 2)"
    ),
    "flatten, list, map": Construct(
        "a, b, *_ = map(float, np.asarray(p, dtype=float).flatten())\nq = list(p)\n"
        "return a + b * x[..., 0] ** -q[2] + p.tolist()[3]"
    ),
    "params changed in a copy": Construct(
        "p = np.array(p, dtype=float, copy=True)\np[2] = abs(p[2])\np[3] += 1.0\n"
        "return p[0] + p[1] * x[:, 0] ** -p[2] + p[3]"
    ),
    "row vectors": Construct(
        "x = np.array(x, dtype=float, ndmin=2)\ny = p[None, :2] * np.log(x[:, :2])\n"
        "return y.sum(axis=1).squeeze()"
    ),
    "targets filled": Construct(
        "y = np.zeros((x.shape[0], len(p)))\nfor t in range(len(p)):\n    a, b, c = p[t]\n"
        "    y[:, t] = a + b * np.exp(-c * np.log(x[:, 0]))\nreturn y",
        TWO,
        2,
    ),
    "log of exponentials": Construct(
        "return softplus(p[0] - p[2] * np.log(x[:, 0]))",
        top="def softplus(v):\n    return np.log1p(np.exp(-np.abs(v))) + np.maximum(v, 0)",
    ),
    "a class": Construct(
        "return Law(*p)(x)",
        top="class Law:\n    def __init__(self, a, b, c, d):\n        self.a, self.b = a, b\n"
        "    def __call__(self, x):\n        return self.a + self.b * x[:, 0] ** -0.5",
    ),
    "warnings silenced": Construct(
        "with warnings.catch_warnings():\n    warnings.simplefilter('ignore')\n"
        "    return p[0] + p[1] / np.float64(2) / x[:, 0]",
        top="import warnings",
    ),
}

# Name -> (body of the law, a piece of the line that must be named or None, words of the reason).
REFUSED: dict[str, tuple[str, str | None, str]] = {
    "branch on data": (
        "n = x[:, 0]\nif np.any(n > 20):\n    return p[0] * n\nreturn p[1] * n",
        "if np.any(n > 20):",
        "values of the data points",
    ),
    "branch on a parameter": (
        "a = p[0]\nif a < 0:\n    a = -a\nreturn a * x[:, 0]",
        "if a < 0:",
        "values of the parameters",
    ),
    "branch in a loop over rows": (
        "y = []\nfor row in x:\n    if row[0] > 5:\n        y.append(p[0])\n    else:\n"
        "        y.append(p[1])\nreturn np.array(y)",
        "if row[0] > 5:",
        "values of the data points",
    ),
    "branch that is caught": (
        "try:\n    y = p[0] if x[0, 0] > 1 else p[1]\nexcept Exception:\n    y = p[1]\n"
        "return y * x[:, 0]",
        "y = p[0] if x[0, 0] > 1 else p[1]",
        "values of the data points",
    ),
    "unseen function": ("n = np.floor(x[:, 0])\nreturn p[0] * n", "n = np.floor(x[:, 0])", "floor"),
    "interpolation": (
        "k = np.interp(x[:, 0], [1, 10, 100], [0, 1, 2])\nreturn p[0] * k",
        "k = np.interp(x[:, 0]",
        "interp",
    ),
    "sorting": (
        "s = np.sort(x, axis=1)\nreturn p[0] * s[:, 0]",
        "s = np.sort(x, axis=1)",
        "values",
    ),
    "selecting rows": (
        "y = p[0] * x[:, 0]\nm = y > 5\ny[m] = np.log(y[m])\nreturn y",
        "y[m] = np.log(y[m])",
        "selected by their values",
    ),
    "whole numbers": (
        "k = x[:, 0].astype(int)\nreturn p[0] * k",
        "k = x[:, 0].astype(int)",
        "turned into int",
    ),
    "int()": ("k = int(p[0])\nreturn k * x[:, 0]", "k = int(p[0])", "plain number"),
    "centred on the batch": (
        "n = x[:, 0]\nn = n - n.mean()\nreturn p[0] * n",
        "n = n - n.mean()",
        "depends on other rows",
    ),
    "by the place of a row": (
        "return p[0] * x[:, 0] + np.arange(len(x))",
        None,
        "differs from row to row",
    ),
    "an answer for traced arrays only": (
        "if type(x) is np.ndarray:\n    return p[0] * x[:, 0]\nreturn p[1] * x[:, 0]",
        None,
        "where the program gives",
    ),
    "a program that fails": ("return p[0] * x[:, 7]", "", "fails: IndexError"),
    "a special function": (
        "from scipy.special import gamma\nreturn p[0] * gamma(x[:, 0])",
        "return p[0] * gamma(x[:, 0])",
        "gamma",
    ),
}
