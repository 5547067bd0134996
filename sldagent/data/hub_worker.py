"""Talks to the hub in a process of its own: one job on stdin, one answer on stdout, both JSON.

A job is `{"action": ..., "files": [[repo, revision, file], ...], "seconds": ...}`, with the actions

- `cached`: where the files are in the cache, null for those that are not; no network;
- `reach`: whether the hub answers for the first file;
- `fetch`: where the files are in the cache, after downloading those that were not;
- `renew`: the same, after downloading all of them.

The answer is `{"paths": [...]}`, or `{"failure": ..., "words": ...}`, where failure is one of
`unreachable` (offline mode, no hub that answers and is well, no end of the transfer), `refused`
(token missing or wrong), `absent` (no such repository, revision or file), `changed` (another commit
than the one asked for) and `truncated` (fewer bytes than announced).

Why a process: `huggingface_hub` reads its environment when it is imported, writes to stderr, asks
an unreachable hub again and again for 25 s and more, and again without end for a file whose
transfer always breaks off; and no time-out of a connection bounds the look-up of a name. Here one
question comes first, without repetition, and a timer ends the process whatever it is doing.
Nothing of sldagent is imported.
"""

import json
import os
import re
import sys
import threading
from typing import Any, NoReturn

# The time-out of the first question is that of one read or connection; this is for all of it.
_SLACK_SECONDS = 2


def main() -> None:
    """Does the job on stdin."""
    job = json.load(sys.stdin)
    if job["action"] == "cached":
        _answer(paths=[_cached(*file) for file in job["files"]])
    paths = []
    for repo, revision, file in job["files"]:
        found = None if job["action"] in ("reach", "renew") else _cached(repo, revision, file)
        if found is None:
            _reach(repo, revision, file)
            if job["action"] == "reach":
                _answer(paths=[])
            force = job["action"] == "renew"
            found = _download(repo, revision, file, force=force, seconds=job["seconds"])
        paths.append(found)
    _answer(paths=paths)


def _cached(repo: str, revision: str, file: str) -> str | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo, file, revision=revision, repo_type="dataset")
    return found if isinstance(found, str) else None


def _reach(repo: str, revision: str, file: str) -> None:
    """Asks once for the file's commit and length, and ends the process where that fails."""
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    hub, timeout = constants.ENDPOINT, constants.HF_HUB_ETAG_TIMEOUT
    timer = _timer(timeout + _SLACK_SECONDS, f"{hub} does not answer")
    try:
        url = hf_hub_url(repo, file, repo_type="dataset", revision=revision)
        metadata = get_hf_file_metadata(url, timeout=timeout)
    except OfflineModeIsEnabled:
        _fail("unreachable", f"offline mode is on (HF_HUB_OFFLINE), so {hub} is not asked")
    except HfHubHTTPError as error:
        _fail_status(error.response.status_code, hub, f"{repo}, {file} at {revision}")
    except (
        Exception
    ) as error:  # of the HTTP library, which one depends on huggingface_hub's version
        words = f"cannot be reached ({_first_line(error)}): no network, or a proxy is needed"
        _fail("unreachable", f"{hub} {words}")
    timer.cancel()
    if metadata.commit_hash is None:
        _fail("unreachable", f"{hub} does not answer as a hub does (HF_ENDPOINT, or a login page?)")
    if re.fullmatch("[0-9a-f]{40}", revision) and metadata.commit_hash != revision:
        _fail("changed", f"{hub} has commit {metadata.commit_hash} of {repo}, not {revision}")


def _download(repo: str, revision: str, file: str, force: bool, seconds: float) -> str:
    from huggingface_hub import constants, hf_hub_download

    hub = constants.ENDPOINT
    words = f"{hub}: {file} did not arrive whole within {seconds:g} s"
    timer = _timer(seconds, words)
    try:
        path = hf_hub_download(
            repo, file, repo_type="dataset", revision=revision, force_download=force
        )
    except Exception as error:  # as above, and whatever the disk says
        words = _first_line(error)
        failure = "truncated" if "Consistency check failed" in words else "unreachable"
        _fail(failure, f"{hub}: {file}: {words}")
    timer.cancel()
    return str(path)


def _fail_status(status: int, hub: str, what: str) -> NoReturn:
    if status in (401, 403):
        _fail("refused", f"{hub} refuses {what} (status {status})")
    if status == 404:
        _fail("absent", f"{hub} has no {what} (status 404)")
    _fail("unreachable", f"{hub} is not well (status {status})")


def _timer(seconds: float, words: str) -> threading.Timer:
    """Ends the process after so long, even one that waits for the system to look up a name."""
    timer = threading.Timer(seconds, _fail, ("unreachable", words))
    timer.daemon = True
    timer.start()
    return timer


def _first_line(error: Exception) -> str:
    text = re.sub(r"^\[Errno -?\d+\] ", "", str(error)).strip()
    return text.splitlines()[0] if text else type(error).__name__


def _fail(failure: str, words: str) -> NoReturn:
    _answer(failure=failure, words=words)


def _answer(**values: Any) -> NoReturn:
    """Prints the answer and ends at once: what is still on its way is not waited for."""
    print(json.dumps(values), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
