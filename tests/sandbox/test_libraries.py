"""What programs use of numpy and scipy works in a child, which can open no file."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from contracts.sandbox_contract import LIMITS

from sldagent.program import Program
from sldagent.sandbox.process import TemplateSandbox
from sldagent.sandbox.protocol import End, Job

HARNESS = """
def run(channel):
    header, _ = channel.receive()
    try:
        exec(header["code"], {})
        channel.send({"done": True})
    except Exception as error:
        channel.send({"failed": f"{type(error).__name__}: {error}"})
"""

DATA = """
import numpy as np
x = np.linspace(1.0, 9.0, 30)
y = 2.0 + 3.0 * x**-0.5
"""
START = f"""{DATA}
from scipy import optimize
def residuals(p): return p[0] + p[1] * x ** -p[2] - y
def loss(p): return float(np.sum(residuals(p) ** 2))
box = [(0, 5), (0, 5), (0, 2)]
start = [1.0, 1.0, 1.0]
"""
METHODS = (
    "Nelder-Mead", "Powell", "CG", "BFGS", "L-BFGS-B", "TNC", "COBYLA", "COBYQA", "SLSQP",
    "trust-constr",
)  # fmt: skip
CALLS = {
    **{f"minimize {m}": f"optimize.minimize(loss, start, method={m!r})" for m in METHODS},
    **{
        f"least_squares {m}": f"optimize.least_squares(residuals, start, method={m!r})"
        for m in ("trf", "dogbox", "lm")
    },
    "robust": "optimize.least_squares(residuals, start, loss='soft_l1', bounds=(0, 9))",
    "curve_fit": "optimize.curve_fit(lambda x, a, b, c: a + b * x**-c, x, y, p0=start)",
    "differential_evolution": "optimize.differential_evolution(loss, box, maxiter=3)",
    "dual_annealing": "optimize.dual_annealing(loss, box, maxiter=3)",
    "basinhopping": "optimize.basinhopping(loss, start, niter=2)",
    "direct": "optimize.direct(loss, box, maxiter=5)",
    "brute": "optimize.brute(loss, box, Ns=3)",
    "nnls": "optimize.nnls(np.stack([x**0, x**-0.5], 1), y)",
    "lsq_linear": "optimize.lsq_linear(np.stack([x**0, x**-0.5], 1), y, bounds=(0, 9))",
    "linprog": "optimize.linprog([1, 2], A_ub=[[-1, -1]], b_ub=[-1])",
    "root": "optimize.root(lambda p: [p[0] - 1, p[1] - 2], [0, 0])",
    "root_scalar": "optimize.root_scalar(lambda t: t * t - 2, bracket=(0, 2))",
    "minimize_scalar": "optimize.minimize_scalar(lambda t: (t - 1) ** 2)",
    "isotonic": "optimize.isotonic_regression(y)",
    "special": "__import__('scipy.special').special.expit(x)",
    "expm": "__import__('scipy.linalg').linalg.expm(np.eye(3))",
}
NUMPY = {
    "lstsq": "np.linalg.lstsq(np.stack([x**0, x**-0.5], 1), y, rcond=None)",
    "polyfit": "np.polyfit(x, y, 2)",
    "polynomial": "np.polynomial.Polynomial.fit(x, y, 2)(x)",
    "numbers in text": "np.array('1 2 3'.split(), float)",
    "median": "np.median(x), np.nanmedian(x), np.percentile(x, 25), np.quantile(x, [0.1, 0.9])",
    "average": "np.average(x, weights=y), np.cov(x, y), np.corrcoef(x, y), np.histogram(x, 5)",
    "unique": "np.unique(x, return_inverse=True), np.lexsort([x, y]), np.isin(x, y)",
    "interp": "np.interp(2.5, x, y), np.gradient(y, x), np.convolve(x, y), np.clip(x, 2, 3)",
    "masked": "np.ma.masked_array(x, x > 2).mean()",
    "fft": "np.fft.rfft(x)",
    "vectorize": "np.vectorize(lambda t: t * t)(x), np.apply_along_axis(np.sum, 0, x)",
    "printing": "str(x), repr(np.float64(1)), np.array2string(x, precision=3), f'{x[0]:.3g}'",
    "random": "np.random.default_rng(0).normal(size=3), np.random.RandomState(0).permutation(4)",
    "einsum": "np.einsum('i,i', x, y), np.linalg.svd(np.outer(x, y)), np.linalg.cond(np.eye(2))",
    "records": "np.rec.fromarrays([x, y]), np.char.upper(np.array(['a'])), x.ctypes.data",
}  # fmt: skip
IMPORTED = (
    "from numpy import *\nrandom.default_rng(0), ma.masked_array(x), fft.rfft(x), f2py.__name__",
    "import math; from numpy import*\nrandom.default_rng(0)",
    "from numpy import fft as f, random as r\nf.rfft(x), r.default_rng(0)",
    "from numpy import (\n    linalg,\n    random,\n)\nrandom.default_rng(0)",
    "from numpy import linalg, \\\n    polynomial\npolynomial.Polynomial([1])",
    "x = 1; from numpy import random as npr; npr.default_rng(0)",
    "np . random.default_rng(0)",
    "if True: import secrets; secrets.token_bytes(3)",
    "try: import tempfile, logging\nexcept ImportError: raise SystemExit",
    "from numpy.polynomial import chebyshev as c\nc.chebfit(x, y, 2)",
    "import numpy.ma as ma\nma.masked_array(x, x > 2)",
    "import numpy\nnumpy.testing.assert_allclose(numpy.strings.upper(['a']) == 'A', True)",
    "getattr(np, 'random').default_rng(0)",
    "import importlib\nimportlib.import_module('secrets').token_bytes(3)",
    "import secrets, multiprocessing, uuid\nsecrets.token_bytes(3), uuid.uuid4()",
    "import datetime\ndatetime.datetime.strptime('2020', '%Y')",
    "import scipy as sp\nsp.stats.linregress(x, y)",
    "from scipy import (\n    optimize,\n    stats,\n)\nstats.linregress(x, y)",
    "from scipy import optimize as o\no.shgo(lambda p: p @ p, [(0, 1)], n=8)",
    "from scipy.optimize import differential_evolution as d\n"
    "d(lambda p: p @ p, [(0, 1)] * 2, init='sobol', maxiter=2)",
    "from scipy.stats import qmc\nassert qmc.Sobol(2, scramble=False).random(4).any()",
)
UNTOLD = (
    "exec('from __future__ import annotations')",
    "import importlib\nfor name in ('argparse', 'bz2', 'asyncio', 'sched', 'html', 'mmap'):\n"
    "    importlib.import_module(name)",
    "from concurrent.futures import ThreadPoolExecutor",
    "assert 'é'.encode('cp1252') == b'\\xe9'",
    "assert eval(\"'\\\\N{GREEK SMALL LETTER ALPHA}'\") == 'α'",
    "sp = __import__('scipy')\nassert sp.stats.norm.cdf(0) == 0.5",
    "name = 'sob' + 'ol'\nimport scipy.optimize as o\nq = o\n"
    "q.differential_evolution(lambda p: p @ p, [(0, 1)] * 2, init=name, maxiter=2)\n"
    "q.shgo(lambda p: p @ p, [(0, 1)], n=8)",
    "assert hasattr(np, ''.join(['ran', 'dom']))",
    "exec('import secrets')",
)
NAMED = {
    "scipy.stats": "stats.linregress(x, y), stats.theilslopes(y, x), stats.qmc.Sobol(2).random(8)",
    "scipy.interpolate": "interpolate.PchipInterpolator(x, y)(x)",
    "scipy.optimize.shgo": "optimize.shgo(loss, box, n=8)",
    "scipy.signal": "signal.savgol_filter(y, 5, 2)",
    "scipy.integrate": "integrate.quad(lambda t: t, 0, 1)",
    "scipy.spatial": "spatial.distance.pdist(x[:, None])",
    "scipy.ndimage": "ndimage.gaussian_filter1d(y, 1.0)",
    "scipy.cluster.vq": "cluster.vq.kmeans2(x[:, None], 2, seed=0)",
    "scipy.sparse.linalg": "sparse.linalg.lsqr(np.stack([x**0, x], 1), y)",
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemplateSandbox]:
    harness = tmp_path_factory.mktemp("harness") / "harness.py"
    harness.write_text(HARNESS)
    with TemplateSandbox(harness) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def without_scipy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemplateSandbox]:
    harness = tmp_path_factory.mktemp("harness") / "harness.py"
    harness.write_text(HARNESS)
    with TemplateSandbox(harness) as sandbox:
        yield sandbox


def run(sandbox: TemplateSandbox, code: str, modules: tuple[str, ...] = ()) -> None:
    start = START if any("scipy" in name for name in modules) else DATA
    outcome = sandbox.run(Job({"code": start + code}, b"", modules), LIMITS)
    assert outcome.end is End.FINISHED, outcome.reason
    assert [head for head, _ in outcome.frames] == [{"done": True}]


@pytest.mark.parametrize("name", NUMPY)
def test_numpy_is_whole_where_no_scipy_is_loaded(name: str, without_scipy: TemplateSandbox) -> None:
    run(without_scipy, NUMPY[name], Program(NUMPY[name]).imports)


@pytest.mark.parametrize("text", IMPORTED)
def test_what_numpy_loads_late_is_there_however_it_is_named(
    text: str, without_scipy: TemplateSandbox
) -> None:
    run(without_scipy, text, Program(text).imports)


@pytest.mark.parametrize("text", UNTOLD)
def test_what_a_text_does_not_tell_is_there_whatever_ran_before(
    text: str, tmp_path: Path, without_scipy: TemplateSandbox
) -> None:
    """A verdict must not depend on what else this worker's template was told of."""
    run(without_scipy, text, Program(text).imports)
    harness = tmp_path / "harness.py"
    harness.write_text(HARNESS)
    with TemplateSandbox(harness) as fresh:
        run(fresh, text, Program(text).imports)


def test_a_child_cannot_have_the_next_one_find_a_module(without_scipy: TemplateSandbox) -> None:
    """What it is given could be told in that way, a module a bit."""
    there = "import sys\nassert 'tabnanny' not in sys.modules"
    run(without_scipy, there)
    run(without_scipy, "import tabnanny")
    run(without_scipy, there)


@pytest.mark.parametrize("text", ["import pandas", "import sympy.abc", "import numpy.no_such"])
def test_other_packages_are_not_there(text: str, without_scipy: TemplateSandbox) -> None:
    code = f"try:\n    {text}\nexcept ImportError:\n    pass\nelse:\n    raise SystemExit"
    run(without_scipy, code, Program(text).imports)


def test_what_would_act_when_it_is_imported_is_not(without_scipy: TemplateSandbox) -> None:
    """A text may name any module; the template, which no sandbox holds, imports none that acts."""
    names = [
        "unittest.__main__", "venv.__main__", "lib2to3.__main__", "ctypes.test.__main__", "this",
        "antigravity", "distutils", "numpy.conftest", "numpy.f2py.tests.util", "pip", "pytest",
        "scipy.special._precompute.lambertw", "numpy.typing.mypy_plugin",
    ]  # fmt: skip
    code = (
        "import sys\nassert not {'venv', 'this', 'antigravity', 'pip', 'pytest', 'mpmath', 'mypy'}"
        " & set(sys.modules)"
    )
    run(without_scipy, code, tuple(names))


WATCHED = """
import io, os, sys
from sldagent.sandbox import template

OTHERS = ("subprocess", "socket.", "os.", "shutil.", "webbrowser", "signal", "pty", "tempfile")
HARMLESS = ("os.listdir", "os.scandir", "os.putenv", "os.unsetenv")  # the first two look for files
seen = []

def watch(event, args):
    if event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        seen.append((event, args[0]))
    elif event.startswith(OTHERS) and event not in HARMLESS:
        seen.append((event, repr(args)[:80]))

imports = template.Imports()
sys.meta_path.insert(0, imports)
sys.dont_write_bytecode = True
real, sys.stdout = sys.stdout, io.StringIO()
sys.addaudithook(watch)
names = template.everything(imports)
said, sys.stdout = sys.stdout.getvalue(), real
foreign = {"matplotlib", "mpmath", "pytest", "mypy", "sympy", "pandas"} & set(sys.modules)
print(len(names), seen, repr(said), foreign)
"""


def test_nothing_happens_when_everything_is_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-s", "-W", "ignore", "-c", WATCHED],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    count, _, rest = done.stdout.partition(" ")
    assert int(count) > 1000
    assert rest == "[] '' set()\n", rest
    assert done.stderr == ""


@pytest.mark.parametrize("name", CALLS)
def test_what_programs_use_most_works(name: str, sandbox: TemplateSandbox) -> None:
    run(sandbox, CALLS[name], ("scipy",))


@pytest.mark.parametrize("name", NAMED)
def test_what_a_program_names_is_there(name: str, sandbox: TemplateSandbox) -> None:
    run(
        sandbox, f"from scipy import {name.split('.')[1]}\n{NAMED[name]}", (name, "scipy.stats.qmc")
    )
