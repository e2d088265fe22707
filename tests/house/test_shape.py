"""The shape of the code: one noun a file, small, signposted, nothing hidden and nothing promised."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
MAX_SIGNPOST_LINES = 8
PROMISES = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
NAMELESS = {"manager", "handler", "helper", "helpers", "util", "utils", "common", "misc", "service", "services"}
MACHINE = re.compile(
    r"/(work|farm|root|opt/(pypi|wheels))/|/home/\w+/|pypi[.]org|pythonhosted|npmjs[.](org|com)|deb[.]debian"
)
SETTINGS_ARE_READ_BY = {"os.environ", "os.getenv", "broadcast.settings.load"}
OF_ONE_KIND = (".py", ".md", ".sh", ".yml", ".toml", ".html", ".css", ".js", ".json", ".lock", ".in", "")


def words_of(name: str) -> set[str]:
    """`StationManager` and `station_manager` are both station and manager."""
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))


def functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_no_file_is_longer_than_five_hundred_lines(modules: dict[Path, ast.Module], repository: Path) -> None:
    lengths = {str(name): len((repository / name).read_text().splitlines()) for name in modules}
    assert {name: length for name, length in lengths.items() if length > MAX_FILE_LINES} == {}


def test_no_function_is_longer_than_sixty_lines(room_modules: dict[Path, ast.Module]) -> None:
    long = [
        f"{name}:{function.lineno} {function.name}"
        for name, module in room_modules.items()
        for function in functions(module)
        if (function.end_lineno or 0) - function.lineno >= MAX_FUNCTION_LINES and "versions" not in name.parts
    ]
    assert long == []


def test_each_module_begins_with_a_signpost_of_at_most_eight_lines(modules: dict[Path, ast.Module]) -> None:
    posts = {str(name): ast.get_docstring(module) for name, module in modules.items()}
    assert [name for name, post in posts.items() if not post] == []
    # An `errors.py` opens with its whole tree drawn.
    short = {name: post for name, post in posts.items() if post and not name.endswith("errors.py")}
    assert [name for name, post in short.items() if sum(map(bool, post.split("\n"))) > MAX_SIGNPOST_LINES] == []


def test_each_public_class_and_function_of_a_room_says_what_it_is(room_modules: dict[Path, ast.Module]) -> None:
    silent = [
        f"{name}:{node.lineno} {node.name}"
        for name, module in room_modules.items()
        for node in module.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and "migrations" not in name.parts
    ]
    assert silent == []


def test_no_import_is_hidden_in_a_function_or_behind_type_checking(room_modules: dict[Path, ast.Module]) -> None:
    hidden = [
        f"{name}:{inner.lineno}"
        for name, module in room_modules.items()
        for function in functions(module)
        for inner in ast.walk(function)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    dodges = [
        f"{name}:{node.lineno}"
        for name, module in room_modules.items()
        for node in ast.walk(module)
        if isinstance(node, ast.Name) and node.id == "TYPE_CHECKING"
    ]
    assert hidden + dodges == []


def reads_settings(module: ast.Module) -> Iterator[int]:
    """The lines that look into the environment or call for settings; handing all of it to a child is neither."""
    handed_on = {
        id(value)
        for node in ast.walk(module)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if key is None
    }
    for node in ast.walk(module):
        read: set[str] = set()
        if isinstance(node, ast.Attribute) and id(node) not in handed_on:
            read = {ast.unparse(node)}
        elif isinstance(node, ast.ImportFrom):
            read = {f"{node.module}.{alias.name}" for alias in node.names}
        if read & SETTINGS_ARE_READ_BY and isinstance(node, ast.expr | ast.stmt):
            yield node.lineno


def test_only_roots_read_settings(room_modules: dict[Path, ast.Module]) -> None:
    """Others may be given a `Settings`."""
    roots = {"__main__.py", "env.py", "settings.py"}
    others = {name: module for name, module in room_modules.items() if name.name not in roots}
    assert [f"{name}:{line}" for name, module in others.items() for line in reads_settings(module)] == []


def test_nothing_is_promised_instead_of_done(kept_files: list[Path], repository: Path) -> None:
    texts = {
        name: (repository / name).read_text() for name in kept_files if name.suffix in {".py", ".sh", ".js", ".html"}
    }
    ours = Path(__file__).relative_to(repository)
    assert [str(name) for name, text in texts.items() if name != ours and PROMISES.search(text)] == []


def test_names_say_what_a_thing_is(room_modules: dict[Path, ast.Module]) -> None:
    files = [str(name) for name in room_modules if words_of(name.stem) & NAMELESS]
    names = [
        f"{name}:{node.lineno} {node.name}"
        for name, module in room_modules.items()
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and words_of(node.name) & NAMELESS
    ]
    assert files + names == []


def test_no_file_names_a_machine_or_a_registry(kept_files: list[Path], repository: Path) -> None:
    ours = Path(__file__).relative_to(repository)
    found = []
    for name in kept_files:
        if name == ours or name.suffix not in OF_ONE_KIND:
            continue
        for number, line in enumerate((repository / name).read_text(errors="replace").splitlines(), 1):
            if MACHINE.search(line):
                found.append(f"{name}:{number} {line.strip()[:80]}")
    assert found == []
