"""What this machine offers for a run, and what to do where something is missing."""

import importlib.util
import os
import platform
import sys

from sldagent.errors import PrerequisiteError, SldagentError
from sldagent.sandbox.protocol import Protection

Finding = tuple[str, bool, str]


def diagnose(data: str | None) -> list[Finding]:
    """One finding for each: Python, sandbox, Ray, data, key, cores."""
    return [_python(), _sandbox(), _ray(), _data(data), _key(), _cores()]


def _python() -> Finding:
    version = platform.python_version()
    return "python", sys.version_info >= (3, 11), f"{version} at {sys.executable}"


def _sandbox() -> Finding:
    from sldagent.sandboxes import open_sandbox

    try:
        with open_sandbox() as sandbox:
            protection, versions = sandbox.protection, sandbox.versions
    except SldagentError as error:
        return "sandbox", False, str(error)
    libraries = f"numpy {versions['numpy']}, scipy {versions['scipy']}"
    words = {
        Protection.FULL: "full: Landlock for files, seccomp for system calls, resource limits",
        Protection.SECCOMP: "seccomp and resource limits; Landlock, the second lock on files, is "
        "missing (Linux 5.13 or newer with Landlock enabled brings it)",
        Protection.LIMITS: "resource limits only: programs of others are refused without "
        "--unprotected; use Linux with libseccomp (Debian's package libseccomp2)",
    }
    return "sandbox", protection.holds_strangers, f"{words[protection]}; {libraries}"


def _ray() -> Finding:
    if importlib.util.find_spec("ray") is None:
        return "ray", False, "not installed; pip install ray"
    from importlib import metadata

    return "ray", True, f"{metadata.version('ray')}, starts a cluster on this machine for a run"


def _data(data: str | None) -> Finding:
    from sldagent.data.overview import reach_hub, summarize_tasks

    given = data or os.environ.get("SLDAGENT_DATA")
    try:
        rows = summarize_tasks(data)
        found = ", ".join(row["name"] for row in rows if row["table"])
        own = ", ".join(row["name"] for row in rows if row["measured"])
        if given:
            words = found or "no table of any task; expected <task>/train.csv"
            return "data", bool(found), f"{given}: {words}"
        if found:
            return "data", True, f"no data named; in the hub's cache: {found}"
        reach_hub()
    except SldagentError as error:
        ways = (
            "give --data PATH or set SLDAGENT_DATA (a folder with <task>/train.csv, or one table), "
            "or run `sldagent tasks fetch --all` where there is a network; for a table of your own "
            "runs nothing is missing: `sldagent tasks new runs.csv --target loss`"
        )
        if given or not own or not isinstance(error, PrerequisiteError):
            return "data", False, str(error) if given else f"no data named, and {error}; {ways}"
        return "data", True, f"no data named, and {error}: our own tables serve ({own}); or {ways}"
    return "data", True, "no data named; the hub answers, and tables are fetched when first used"


def _key() -> Finding:
    url = os.environ.get("OPENAI_BASE_URL")
    where = f"; OPENAI_BASE_URL is {url}" if url else ""
    if os.environ.get("OPENAI_API_KEY"):
        return "key", True, f"OPENAI_API_KEY is set, used by `evolve --model NAME` only{where}"
    return (
        "key",
        True,
        (
            "OPENAI_API_KEY is not set: only OpenAI's models need it (`evolve --model NAME`); "
            f"without a model symbolic mutation carries the search{where}"
        ),
    )


def _cores() -> Finding:
    return "cores", True, f"{os.cpu_count()}; `evolve` starts one worker a core"
