import json
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from sldagent.data.packaged import find, folders, packaged_folder
from sldagent.errors import PrerequisiteError

REPOSITORY = Path(__file__).resolve().parents[2]
TASKS = sorted(folder.parent.name for folder in REPOSITORY.glob("tasks/*/task.toml"))


def test_what_is_packaged() -> None:
    assert (packaged_folder("tasks") / "moe" / "task.toml").is_file()
    assert (packaged_folder("prompts") / "task.md").is_file()


def test_local_files_come_first_and_packaged_ones_serve_the_rest(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    mine = tmp_path / "prompts" / "mine.md"
    mine.touch()
    assert find("prompts", "mine.md", tmp_path) == mine
    assert find("prompts", "task.md", tmp_path) == packaged_folder("prompts") / "task.md"
    assert find("prompts", "none.md", tmp_path) is None
    assert list(folders("tasks", tmp_path)) == [packaged_folder("tasks")]


def test_a_broken_installation_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "sldagent" / "data" / "packaged.py"
    monkeypatch.setattr("sldagent.data.packaged.__file__", str(file))
    with pytest.raises(PrerequisiteError, match="the installation lacks its tasks"):
        packaged_folder("tasks")


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter of a new environment that sees the dependencies here, but not sldagent."""
    folder = tmp_path / "venv"
    venv.create(folder, symlinks=True)
    interpreter = folder / "bin" / "python"
    own = run(interpreter, "-c", "import site; print(site.getsitepackages()[0])", cwd=tmp_path)
    # A folder that a .pth file adds has its own .pth files ignored, an editable sldagent's too.
    (Path(own.strip()) / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    return interpreter


@pytest.mark.package
@pytest.mark.parametrize("editable", [False, True])
def test_an_installed_package_has_its_tasks_and_prompts(
    editable: bool, python: Path, tmp_path: Path
) -> None:
    pip = (sys.executable, "-m", "pip", "--quiet")
    options = ("--no-deps", "--no-build-isolation", "--no-index")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if editable:
        run(*pip, "--python", python, "install", *options, "-e", REPOSITORY, cwd=elsewhere)
        origin = REPOSITORY / "tasks"
    else:
        run(*pip, "wheel", *options, "-w", tmp_path, REPOSITORY, cwd=elsewhere)
        wheel = next(tmp_path.glob("sldagent-*.whl"))
        run(*pip, "--python", python, "install", *options, wheel, cwd=elsewhere)
        origin = python.parent.parent
    command = python.parent / "sldagent"
    listed = json.loads(run(command, "tasks", "list", "--json", cwd=elsewhere))
    assert [task["name"] for task in listed] == TASKS
    assert [task["measured"] for task in listed if task["name"] == "data_constrained"] == [True]
    shown = json.loads(run(command, "tasks", "show", "moe", "--json", cwd=elsewhere))
    assert Path(shown["origin"]).is_relative_to(origin)
    table = elsewhere / "moe.csv"
    table.write_text(
        "group,num_experts,dense_parameter_count,loss_validation\n"
        + "".join(f"g,{e},{n}e6,{1 / e + 1 / n}\n" for e in (1, 2, 4, 8) for n in (1, 2, 4, 8))
    )
    text = run(command, "tasks", "show", "moe", "--describe", "--data", table, cwd=elsewhere)
    assert "# EVOLVE-BLOCK-START" in text
