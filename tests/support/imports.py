"""Which module of ours imports which, read from their texts: at the top, within functions, and for types alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path


def imports_within(*packages: Path) -> dict[str, set[str]]:
    """For each module below these folders, by its dotted name, the others of them that it imports."""
    paths = {name: path for package in packages for name, path in _modules(package)}
    found: dict[str, set[str]] = {}
    for name, path in paths.items():
        package = name if path.stem == "__init__" else name.rpartition(".")[0]
        wanted = set(_imported(ast.parse(path.read_text(encoding="utf-8")), package))
        # `from package import name` means the module of that name where there is one.
        found[name] = {one if one in paths else one.rpartition(".")[0] for one in wanted} & set(paths) - {name}
    return found


def circles(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """The first circle, as the sorted names in it; empty where there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return [sorted(set(error.args[1]))]
    return []


def _modules(package: Path) -> Iterator[tuple[str, Path]]:
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
