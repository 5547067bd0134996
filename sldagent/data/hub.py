"""The benchmark's own tables on the Hugging Face hub, and their copies in the hub's cache.

Everything goes through `huggingface_hub`, so HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE,
HF_HUB_OFFLINE and proxies mean what they always mean; HF_HUB_ETAG_TIMEOUT (default here: 3) is how
many seconds a hub may take to connect, and to answer. It runs in a process of its own; see
`hub_worker`.

A file is checked on every use: its bytes against the hash that the hub named, where it did, and its
number of rows, which stands in the file's footer, against the task's.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

from sldagent.errors import DataError, PrerequisiteError
from sldagent.keys import without_keys
from sldagent.task import HubSource

Split = Literal["train", "test"]

# The tables have a few hundred kilobytes at most.
_DOWNLOAD_SECONDS = 60.0

# The library's defaults are for large files and people who watch. Its own transfer protocol (Xet)
# asks hosts that a mirror does not offer, for nothing where files are small.
_ENVIRONMENT = {
    "HF_HUB_ETAG_TIMEOUT": "3",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_XET": "1",
}


def origin(source: HubSource, split: Split) -> str:
    """What reports call a table: `hub:REPO@REVISION/CONFIG/FILE`, a commit in short."""
    commit = re.fullmatch("[0-9a-f]{40}", source.revision)
    revision = source.revision[:7] if commit else source.revision
    return f"hub:{source.repo}@{revision}/{_file(source, split)}"


def cached(sources: Sequence[HubSource], split: Split) -> list[Path | None]:
    """Where the tables are in the cache, None for those that are not. Looks at names only."""
    if not sources:
        return []
    paths = _ask("cached", sources, split)
    return [None if path is None else Path(path) for path in paths]


def fetch(source: HubSource, split: Split) -> Path:
    """A sound copy of the table in the cache, downloaded where there is none.

    Raises:
        DataError: The hub lacks the file, or has another, or the copy is damaged or has another
            number of rows than it must have.
        PrerequisiteError: There is no copy, and the hub cannot be reached or refuses.
    """
    path = Path(_ask("fetch", [source], split)[0])
    check(path, source, split)
    return path


def renew(source: HubSource, split: Split) -> Path:
    """As `fetch`, but a damaged copy in the cache is replaced."""
    path = Path(_ask("fetch", [source], split)[0])
    try:
        check(path, source, split)
    except DataError:
        path = Path(_ask("renew", [source], split)[0])
        check(path, source, split)
    return path


def reach(source: HubSource) -> None:
    """Returns where the hub answers for this table; raises as `fetch` does."""
    _ask("reach", [source], "train")


def check(path: Path, source: HubSource, split: Split) -> None:
    """Raises DataError where a copy is not the table; no row of it is read."""
    import pyarrow
    import pyarrow.parquet

    name = origin(source, split)
    try:
        content = path.read_bytes()
        if not _is_named_by_its_hash(path, content):
            raise DataError(
                f"{name}: {path} is not what the hub sent: changed or damaged; `sldagent tasks"
                " fetch --all` replaces it"
            )
        rows = pyarrow.parquet.read_metadata(path).num_rows
    except (pyarrow.ArrowException, OSError) as error:
        words = str(error).splitlines()[0]
        raise DataError(
            f"{name}: {path} is no parquet file ({words}); `sldagent tasks fetch --all` replaces it"
        ) from error
    want = source.train_rows if split == "train" else source.test_rows
    if rows != want:
        raise DataError(
            f"{name}: {rows} rows, but the task's [hub] says {want}; another revision, or"
            " HF_ENDPOINT names a hub that is not a true copy"
        )


def _is_named_by_its_hash(path: Path, content: bytes) -> bool:
    """Whether the bytes are those that the cache's entry is named after; True where it is a copy.

    An entry is a link to a blob whose name is the hub's ETag: the SHA-256 of large files, git's
    SHA-1 of small ones (of the bytes alone, behind some mirrors).
    """
    blob = Path(os.readlink(path)).name if path.is_symlink() else ""
    if re.fullmatch("[0-9a-f]{64}", blob):
        return hashlib.sha256(content).hexdigest() == blob
    if re.fullmatch("[0-9a-f]{40}", blob):
        git = b"blob %d\0" % len(content)
        return blob in {hashlib.sha1(head + content).hexdigest() for head in (git, b"")}
    return True


def _file(source: HubSource, split: Split) -> str:
    return f"{source.config}/{split}-00000-of-00001.parquet"


def _ask(action: str, sources: Sequence[HubSource], split: Split) -> list[Any]:
    """The paths that the worker answers with; its failure as an error."""
    files = [(source.repo, source.revision, _file(source, split)) for source in sources]
    job = {"action": action, "files": files, "seconds": _DOWNLOAD_SECONDS}
    done = subprocess.run(
        [sys.executable, "-P", str(Path(__file__).with_name("hub_worker.py"))],
        input=json.dumps(job),
        env=_ENVIRONMENT | without_keys(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.stdout.strip():
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise PrerequisiteError(f"huggingface_hub cannot be used: {last}; install sldagent again")
    answer = json.loads(done.stdout.splitlines()[0])
    if "failure" in answer:
        _raise(answer["failure"], answer["words"])
    paths: list[Any] = answer["paths"]
    return paths


def _raise(failure: str, words: str) -> NoReturn:
    if failure == "refused":
        raise PrerequisiteError(f"{words}; set HF_TOKEN, or log in with `hf auth login`")
    if failure == "absent":
        raise DataError(f"{words}; see [hub] of the task and HF_ENDPOINT, or give --data PATH")
    if failure == "changed":
        raise DataError(f"{words}; unset HF_ENDPOINT where it names a mirror, or give --data PATH")
    if failure == "truncated":
        raise DataError(f"{words}; the file came truncated: try again")
    raise PrerequisiteError(words)
