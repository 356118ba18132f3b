"""Compiles the pure rooms with mypyc: into a wheel, or into a copy of the tree to test them there.

GCC is told which code is hot: it compiles twice, and between that the first modules are put to work
(typical_load.py). With another compiler, or where no cluster can run, it is done once.

Two ways in, one way to compile. hatchling calls `CompiledRooms` for each wheel; it does nothing
unless COORDSVC_COMPILE=1, so that a wheel needs no C compiler and runs everywhere unless asked
otherwise. `./dev compile` calls `main`, which keeps a copy of the tree in build/compiled, with the
compiled modules beside their sources. They are never put beside the sources of the tree itself:
Python prefers a compiled module, also one that is older than its source.
"""

from __future__ import annotations

import compileall
import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from setuptools import Extension

VARIABLE: Final = "COORDSVC_COMPILE"

ROOMS: Final = (
    "coordsvc/base/**/*.py",
    "coordsvc/raft/**/*.py",
    "coordsvc/state/**/*.py",
    "coordsvc/watch/**/*.py",
    "coordsvc/storage/**/*.py",
    "coordsvc/replica/**/*.py",
    "coordsvc/protocols/**/*.py",
    "coordsvc/server/clients.py",
    "coordsvc/server/counters.py",
    "coordsvc/server/disk.py",
    "coordsvc/server/driver.py",
    "coordsvc/server/peers.py",
    "client/coordsvc_client/wire/**/*.py",
    "client/coordsvc_client/claims.py",
    "client/coordsvc_client/conversation.py",
    "client/coordsvc_client/greeting.py",
    "client/coordsvc_client/lease.py",
    "client/coordsvc_client/link.py",
    "client/coordsvc_client/requests.py",
    "client/coordsvc_client/silence.py",
    "client/coordsvc_client/watching.py",
)
LEFT: Final = frozenset(
    {
        "__init__.py",  # of every package: compiled ones cannot import their modules in a circle
        "coordsvc/state/acl.py",  # weak references: a compiled class has none
    }
)
CLIENT: Final = "client/"
"""The folder that coordsvc_client lies in, and is not a package itself."""

COMPILER: Final = ("mypy[mypyc]>=1.18", "msgpack-types>=0.3")
SUFFIX: Final = sysconfig.get_config_var("EXT_SUFFIX")

MADE_WRONG: Final = ("-Werror=int-conversion", "-Werror=incompatible-pointer-types")
OURS: Final = "-fvisibility=hidden"
"""What one module calls of another is called directly, and may be drawn in."""
COUNTING: Final = ("-fprofile-generate", "-fprofile-update=prefer-atomic", OURS)
"""Have each branch counted, by GCC."""
LEARNED: Final = (
    *("-fprofile-use", "-fprofile-partial-training", "-Wno-missing-profile"),
    *("-flto=auto", OURS),
)
"""Keep together what the counts say is hot, across modules; all else is as without them. Where four
processes on two cores empty each other's caches, what a write costs is how much code it touches."""
TYPICAL_LOAD: Final = Path(__file__).with_name("typical_load.py")
LOAD_S_MAX: Final = 200.0
"""It ends by itself before."""

MISSING: Final = """\
compiling needs {what}, which is not here.
On Debian and Ubuntu: sudo apt install gcc python3-dev
On Fedora: sudo dnf install gcc python3-devel
(Without {variable}=1 nothing is compiled, and nothing is missing.)"""

IS_COMPILED: Final = """
import sys
from coordsvc.base.compiled import is_compiled
sys.exit(0 if is_compiled() else "the compiled modules are not the ones that are imported")
"""


# What is compiled, and how.


def rooms(root: Path) -> list[str]:
    """Return the modules to compile, as paths below `root`."""
    found = {file.relative_to(root).as_posix() for room in ROOMS for file in root.glob(room)}
    return sorted(name for name in found if LEFT.isdisjoint((name, name.rpartition("/")[2])))


def compiler() -> str:
    """Return the name of the C compiler that extensions are made with."""
    return str(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]


def missing() -> str:
    """Return what of a C compiler is not on this machine, or the empty string."""
    if shutil.which(compiler()) is None:
        return f"the C compiler {compiler()}"
    header = Path(sysconfig.get_path("include"), "Python.h")
    return "" if header.exists() else f"Python's headers ({header})"


def compile_rooms(root: Path, work: Path) -> dict[Path, str]:
    """Compile the rooms of the tree `root`; return the modules made, and where they are imported.

    All that comes into being is below `work`. It is done by another process, because mypyc takes
    its paths and settings from the working directory, and ends the process when it finds an error.

    Raises:
        SystemExit: something is missing, or mypyc or the C compiler refuses the source.

    """
    what = missing()
    if what:
        sys.exit(MISSING.format(what=what, variable=VARIABLE))
    command = [sys.executable, __file__, "--rooms", str(work)]
    done = subprocess.run(command, cwd=root, check=False, stdout=sys.stderr.fileno())
    if done.returncode:
        sys.exit(f"the rooms of {root} could not be compiled")
    return made_in(work)


def run_mypyc(work: Path) -> None:
    """Compile the rooms of the tree in the working directory into `work`/lib.

    Twice where the compiler is GCC: the first modules are put to work, and count.
    """
    from mypyc.build import mypycify  # noqa: PLC0415 - a wheel that is not compiled has no mypyc

    root = Path.cwd()
    extensions = mypycify(
        [f"--cache-dir={work / 'mypy'}", *rooms(root)],
        opt_level="2",
        debug_level="0",
        multi_file=True,
        group_name="coordsvc",
        target_dir=str(work / "c"),
    )
    # mypyc makes every warning an error; a compiler that is newer than it may have new ones.
    # But a value taken for one of another kind is C that mypyc should not have made.
    common = [*extensions[0].extra_compile_args, "-Wno-error", *MADE_WRONG]
    os.chdir(work)  # setuptools is no judge of the tree's pyproject.toml, and need not see it
    try:
        build(extensions, work, common, COUNTING)
        learn(root, work)
        build(extensions, work, common, LEARNED)
    except (OSError, subprocess.SubprocessError, SystemExit) as error:
        print(f"compiling without knowing what is hot: {error}", file=sys.stderr, flush=True)
        build(extensions, work, common, ())


def build(
    extensions: list[Extension], work: Path, common: Iterable[str], flags: Iterable[str]
) -> None:
    """Have setuptools make `work`/lib. `flags` are for the linker too.

    Raises:
        SystemExit: the C compiler refuses.

    """
    from setuptools import setup  # noqa: PLC0415 - as mypyc
    from setuptools.command.build_ext import build_ext  # noqa: PLC0415

    class OnAllCores(build_ext):
        def build_extensions(self) -> None:
            one_by_one = self.compiler.compile

            def compile_all(sources: list[str], **options: object) -> list[str]:
                def compile_one(source: str) -> list[str]:
                    return one_by_one([source], **options)

                with ThreadPoolExecutor(os.cpu_count()) as pool:
                    return [each for made in pool.map(compile_one, sources) for each in made]

            self.compiler.compile = compile_all
            super().build_extensions()

    for extension in extensions:
        extension.extra_compile_args = [*common, *flags]
        extension.extra_link_args = [*flags]
    # Always in the same place: the counts of a module are looked for beside its object.
    places = [f"--build-lib={work / 'lib'}", f"--build-temp={work / 'o'}"]
    setup(
        name="coordsvc",
        packages=[],
        ext_modules=extensions,
        cmdclass={"build_ext": OnAllCores},
        script_args=["-q", "build_ext", "--force", *places],
    )


def learn(root: Path, work: Path) -> None:
    """Put the modules in `work`/lib to work: what they count they leave beside their objects.

    Raises:
        OSError, subprocess.SubprocessError: they could not be, or have counted nothing.

    """
    for old in work.rglob("*.gcda"):
        old.unlink()
    tree, nodes = work / "tree", work / "nodes"
    shutil.rmtree(tree, ignore_errors=True)
    for package in ("coordsvc", CLIENT):
        left = shutil.ignore_patterns("__pycache__", "*" + SUFFIX)
        shutil.copytree(root / package, tree / package, ignore=left)
    put_beside_sources(made_in(work), tree)
    command = [sys.executable, str(TYPICAL_LOAD), str(nodes)]
    subprocess.run(command, env=environment_of(tree), cwd=tree, check=True, timeout=LOAD_S_MAX)
    shutil.rmtree(nodes)
    if not any(work.rglob("*.gcda")):
        raise OSError(f"{compiler()} is not GCC: nothing was counted")


def made_in(work: Path) -> dict[Path, str]:
    """Return the modules in `work`/lib, and where they are imported."""
    made = work / "lib"
    return {file: file.relative_to(made).as_posix() for file in made.rglob("*" + SUFFIX)}


def put_beside_sources(made: dict[Path, str], tree: Path) -> None:
    """Copy compiled modules to where Python finds them first."""
    for file, place in made.items():
        shutil.copy2(
            file, tree / (CLIENT + place if place.startswith("coordsvc_client/") else place)
        )


def environment_of(tree: Path) -> dict[str, str]:
    """Return the environment of a process that imports the modules of `tree`."""
    path = (
        str(tree),
        str(tree / CLIENT),
        os.environ.get("PYTHONPATH", ""),
    )  # pip has its own there
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, path))}


# Into a wheel.


class CompiledRooms(BuildHookInterface[BuilderConfig]):
    """Puts the compiled rooms into a wheel, beside their sources, if that is asked for."""

    _work: Path | None = None

    def dependencies(self) -> list[str]:
        """Return what compiling needs: the compiler, and the packages whose types it looks at."""
        if os.environ.get(VARIABLE) != "1":
            return []
        return [*COMPILER, *self.metadata.core.dependencies]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the files of a wheel are gathered."""
        if os.environ.get(VARIABLE) != "1" or version == "editable":
            return
        self._work = Path(tempfile.mkdtemp(prefix="coordsvc-compile-"))
        made = compile_rooms(Path(self.root), self._work)
        build_data["force_include"] |= {str(file): place for file, place in made.items()}
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Drop what was made on the way."""
        if self._work is not None:
            shutil.rmtree(self._work)


# Into a copy of the tree.


def files_of(root: Path) -> list[str]:
    """Return the files of the tree that git keeps, or would."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    names = sorted(set(done.stdout.split("\0")) - {""})
    return [name for name in names if (root / name).is_file()]


def copy(root: Path, copied: Path, names: Iterable[str], before: Iterable[str]) -> None:
    """Make `copied` hold these files of `root`, and none that were copied before and are gone."""
    names = set(names)
    for name in set(before) - names:
        (copied / name).unlink(missing_ok=True)
    for name in names:
        source, target = root / name, copied / name
        if target.exists() and _looks(target) == _looks(source):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def _looks(file: Path) -> tuple[int, int]:
    """Return what is another one when a file was changed."""
    stat = file.stat()
    return stat.st_size, stat.st_mtime_ns


def hash_of_compiled(root: Path) -> str:
    """Return a hash of all that decides what the compiled modules are."""
    digest = hashlib.sha256(f"{sys.version} {importlib.metadata.version('mypy')}".encode())
    for file in sorted(_looked_at(root)):
        digest.update(f"\0{file.relative_to(root)}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _looked_at(root: Path) -> Iterator[Path]:
    """Yield the files that mypyc reads: what a room imports counts for its types."""
    yield from (root / "coordsvc").rglob("*.py")
    yield from (root / "client").rglob("*.py")
    yield root / "pyproject.toml"
    yield root / "deploy" / "compile.py"
    yield root / "deploy" / "typical_load.py"


def make_copy(root: Path) -> Path:
    """Bring build/compiled up to the tree, and compile it if that is not what it was made from."""
    copied, work = root / "build" / "compiled", root / "build" / "mypyc"
    work.mkdir(parents=True, exist_ok=True)
    names, stamp, last = files_of(root), work / "compiled", work / "copied"
    copy(root, copied, names, last.read_text().split("\0") if last.exists() else [])
    last.write_text("\0".join(names))
    for package in ("coordsvc", CLIENT):  # as pip does: a node that is measured has not to
        compileall.compile_dir(copied / package, quiet=1)
    wanted = hash_of_compiled(copied)
    if stamp.exists() and stamp.read_text() == wanted:
        return copied
    stamp.unlink(missing_ok=True)
    print("compiling: this takes two or three minutes", file=sys.stderr, flush=True)
    for old in (*copied.rglob("*" + SUFFIX), *work.glob("lib/**/*" + SUFFIX)):
        old.unlink()
    put_beside_sources(compile_rooms(copied, work), copied)
    command = [sys.executable, "-c", IS_COMPILED]
    subprocess.run(command, cwd=copied, env=environment_of(copied), check=True)
    stamp.write_text(wanted)
    return copied


def main(arguments: list[str]) -> None:
    """Do what the command line says: `--rooms WORK` for this file's own use, else a copy."""
    if arguments[:1] == ["--rooms"]:
        run_mypyc(Path(arguments[1]))
    else:
        print(make_copy(Path(__file__).resolve().parents[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
