"""The shape of the source: which layer may import which, no import cycles, no heavy imports, files of fair length."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import wengert
from tools.primitive_table import table

ROOT = Path(wengert.__file__).parent

# An import goes down this list only, or stays inside its own package. The packages on one line do not see each other.
LAYERS = (
    ("_absent",),
    ("core", "_missing"),
    ("_public", "_switches"),
    ("compiler",),
    ("sampling",),
    ("prims", "ir"),
    ("tensors", "native"),
    ("autograd",),
    ("ops",),
    ("tracing", "func"),
    ("nn", "utils"),
    ("optim",),
    ("futures", "io", "view", "examination", "amp", "multiprocessing"),
    ("_dynamo", "_inductor", "accelerator", "backends", "cpu", "cuda", "distributed", "export", "fft", "hub", "jit",
     "library", "linalg", "masked", "overrides", "profiler", "quasirandom", "random", "return_types", "serialization",
     "settings", "signal", "sparse", "special", "torch_version", "types", "version", "xpu"),
    ("fx", "onnx"),
    ("array_api", "vision", "compat", "testing", "distributions"),
    ("course", "demo"),
    ("cli",),
    ("__main__",),
    ("__init__", "__main__"),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
# Packages that use wengert as any user does, by its public face: they may say `import wengert`.
USERS = {"array_api", "demo", "cli", "compat", "distributions", "fx", "onnx", "vision"}
LARGE_FILE, LARGEST_FILE = 500, 800


def module_name(path: Path) -> str:
    parts = list(path.relative_to(ROOT.parent).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def package_of(module: str) -> str:
    """The layer's name: what follows `wengert.`, or `__init__` for the public face itself."""
    return module.split(".")[1] if "." in module else "__init__"


@functools.cache
def imports_of(module: str) -> list[str]:
    """Every module of wengert that `module` imports, at its head, inside a function or for types."""
    return list(found_imports(module))


def found_imports(module: str) -> Iterator[str]:
    path = FILES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            ancestors = package.split(".")
            base = ".".join(ancestors[: len(ancestors) - node.level + 1]) if node.level else ""
            source = ".".join(part for part in (base, node.module) if part)
            # `from package import module` imports the module; `from module import name` the module alone.
            names = [f"{source}.{alias.name}" if f"{source}.{alias.name}" in FILES else source for alias in node.names]
        elif is_import_module(node):
            names = [node.args[0].value]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "wengert":
                yield name


def is_import_module(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and "import_module" in (getattr(node.func, "id", None), getattr(node.func, "attr", None))
        and isinstance(node.args[0], ast.Constant)
    )


def test_every_package_has_a_layer() -> None:
    assert {package_of(module) for module in FILES} <= set(RANK)


def test_imports_go_down_the_layers() -> None:
    wrong = []
    for module in FILES:
        here = package_of(module)
        for target in imports_of(module):
            there = package_of(target)
            public_face = there == "__init__" and here in USERS
            if here != there and RANK[there] >= RANK[here] and not public_face:
                wrong.append(f"{module} imports {target}")
    assert wrong == []


def test_the_floors_of_the_architecture_page_are_the_layers() -> None:
    """The packages stand in the page's order; of the names that are PyTorch's namespaces alone some stand for all."""
    page = (ROOT.parent / "docs" / "design" / "architecture.md").read_text("utf-8")
    block = page.split("```text\n")[1].split("```")[0]
    words = [re.split(r"\s{3,}", line.strip())[0] for line in block.splitlines()]
    named = [name for word in words for name in re.findall(r"(\w+)(?:/|\.py)", word)]
    assert [RANK[name] for name in named] == sorted([RANK[name] for name in named], reverse=True)
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert {name for name in packages if RANK[name] != RANK["fft"]} <= set(named)


def test_imports_inside_wengert_are_relative() -> None:
    """`from ..core import dtypes`; only `USERS` name the public face, and `demo` is written as a user's program is."""
    wrong = []
    for module, path in FILES.items():
        if package_of(module) == "demo":
            continue
        allowed = {"wengert"} if package_of(module) in USERS else set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            wrong += [f"{module}: {name}" for name in names if name.split(".")[0] == "wengert" and name not in allowed]
    assert wrong == []


def test_primitives_do_not_import_each_other() -> None:
    """Rules name other primitives through the run-time namespace `P`."""
    families = {module for module in FILES if module.startswith("wengert.prims.")}
    assert [f"{m} imports {t}" for m in sorted(families) for t in imports_of(m) if t in families] == []


def test_no_import_cycles() -> None:
    """Imports inside functions and for types count too: they make a circle as hard to read as any other."""
    graph = {module: set(imports_of(module)) for module in FILES}
    for module in FILES:
        # The public face imports everything, and those who use it come after it.
        if package_of(module) in USERS | {"__init__"}:
            graph[module].discard("wengert")
    finished: set[str] = set()

    def visit(module: str, path: list[str]) -> None:
        assert module not in path, "an import cycle: " + " -> ".join([*path[path.index(module) :], module])
        if module not in finished:
            for target in sorted(graph.get(module, ())):
                visit(target, [*path, module])
            finished.add(module)

    for module in FILES:
        visit(module, [])


def test_importing_wengert_loads_numpy_and_the_standard_library_only() -> None:
    foreign = loaded_by("import wengert") - loaded_by("pass") - set(sys.stdlib_module_names)
    # numpy.random, being written in Cython, makes a module `cython_runtime`.
    assert {name for name in foreign if not name.startswith("_")} - {"cython_runtime"} == {"wengert", "numpy"}


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after `statement`."""
    program = f"{statement}; import sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_file_lengths() -> None:
    """Files stay under about 500 lines, examples in docstrings not counted; where one reads better longer it may be,
    within reason."""
    example = re.compile(r'\n *\n *>>> (?:(?!\n *\n|""").)*', re.DOTALL)
    lengths = {str(path.relative_to(ROOT)): len(example.sub("", path.read_text("utf-8")).splitlines())
               for path in FILES.values()}
    long = {name: length for name, length in sorted(lengths.items()) if length > LARGE_FILE}
    print("files over", LARGE_FILE, "lines:", long or "none")
    assert {name: length for name, length in long.items() if length > LARGEST_FILE} == {}


def test_nothing_is_said_to_a_formatter_that_nobody_runs() -> None:
    mark = "# " + "fmt:"
    files = [file for folder in ("wengert", "tests", "benchmarks", "tools", "examples")
             for file in (ROOT.parent / folder).rglob("*.py")]
    assert [str(file) for file in files if mark in file.read_text()] == []


def test_the_table_of_primitives_is_current() -> None:
    """If not: `python -m tools.primitive_table > docs/primitives.md`."""
    assert (ROOT.parent / "docs" / "primitives.md").read_text("utf-8") == table()


def test_the_stub_of_the_public_face_is_current() -> None:
    """If not: `python -m tools.public_stub > wengert/__init__.pyi`."""
    done = subprocess.run([sys.executable, "-m", "tools.public_stub"], capture_output=True, text=True, check=True,
                          cwd=ROOT.parent)
    assert (ROOT / "__init__.pyi").read_text("utf-8") == done.stdout
