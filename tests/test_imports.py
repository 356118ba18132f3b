"""Each module imports alone; the client brings no server along; the arrows of import hold."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINTER = Path(sys.executable).with_name("lint-imports")


def modules():
    for folder, package in ((ROOT, "coordsvc"), (ROOT / "client", "coordsvc_client")):
        for file in sorted((folder / package).rglob("*.py")):
            parts = file.relative_to(folder).with_suffix("").parts
            if parts[-1] != "__main__":
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def run(program):
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'client'}", "PATH": ""},
    )


# One process for all, each module with nothing of ours loaded before: what a module forgot to
# import is then not there by the grace of another one.
_ALONE = """
import importlib, sys
for name in {names!r}:
    for loaded in [m for m in sys.modules if m.split(".")[0] in ("coordsvc", "coordsvc_client")]:
        del sys.modules[loaded]
    try:
        importlib.import_module(name)
    except Exception as error:
        print(name, repr(error))
"""


def test_each_module_imports_alone():
    done = run(_ALONE.format(names=list(modules())))
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_the_client_brings_no_server_module_along():
    done = run("import coordsvc_client, sys; print(*(m for m in sys.modules if 'coordsvc' in m))")
    assert done.returncode == 0, done.stderr
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert loaded == {"coordsvc_client"}


def test_the_client_needs_msgpack_and_nothing_else():
    done = run("import coordsvc_client, sys; print(*{m.split('.')[0] for m in sys.modules})")
    loaded = set(done.stdout.split()) - set(sys.stdlib_module_names)
    ours = {name for name in loaded if not name.startswith("_")}
    assert ours <= {"coordsvc_client", "msgpack", "sitecustomize"}


def test_the_contracts_of_import_are_kept():
    done = subprocess.run(
        [LINTER, "--no-cache"], capture_output=True, text=True, timeout=100, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout
