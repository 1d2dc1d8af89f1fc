"""Runs the tests of one area on its mutants: collected once, then a forked process a mutant."""

from __future__ import annotations

import ast
import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest
from scripts.mutants.areas import ROOT, SOURCE, Area
from scripts.mutants.coverage import Coverage, clear_caches
from scripts.mutants.operators import Mutant
from scripts.mutants.patience import VARIABLE, Patience
from scripts.mutants.results import Result, Results

_NAP = 0.02
_PYTEST = (
    *("-p", "no:randomly", "-p", "no:cacheprovider"),
    *("--timeout=0", "--capture=sys", "-q"),
)


class Runner:
    """A pytest plugin that puts mutants in place of the usual test run."""

    def __init__(
        self, area: Area, mutants: list[Mutant], results: Results, *, seconds: float
    ) -> None:
        self._area, self._mutants, self._results = area, mutants, results
        self._seconds = seconds
        self._coverage = Coverage()
        self._always = {str(path.relative_to(ROOT)) for path in area.always_files()}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Runs all tests unchanged, then those that matter for each mutant."""
        if session.testsfailed:
            raise session.Failed(f"{session.testsfailed} errors during collection")
        items = session.items
        self._record(session, self._coverage.load(self._area.name, items))
        self._coverage.save(self._area.name)
        session.config.pluginmanager.register(Patience(self._coverage.seconds_alone))
        clear_caches()
        covering = self._covering()
        for mutant in self._mutants:
            chosen = self._chosen(mutant, covering, items)
            result = self._judged(mutant, session, chosen)
            self._results.add(mutant, result)
            sys.__stderr__.write(  # type: ignore[union-attr]
                f"{self._area.name} {len(self._results)}: {result.status} "
                f"{mutant.file.name}:{mutant.line} {mutant.before} -> {mutant.after}\n"
            )
        return True

    def _record(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Runs tests unchanged and records which functions they execute."""
        session.config.pluginmanager.register(self._coverage)
        for index, item in enumerate(items):
            self._coverage.run(item, items[index + 1] if index + 1 < len(items) else None)
            if session.testsfailed:
                raise session.Failed(f"{item.nodeid} fails without any change")
        session.config.pluginmanager.unregister(self._coverage)

    def _covering(self) -> dict[tuple[str, int], set[str]]:
        """Where code begins → the tests that execute it."""
        tests: dict[tuple[str, int], set[str]] = defaultdict(set)
        for name, lines in self._coverage.lines.items():
            for line in lines:
                tests[line].add(name)
        return tests

    def _chosen(
        self,
        mutant: Mutant,
        covering: dict[tuple[str, int], set[str]],
        items: list[pytest.Item],
    ) -> list[pytest.Item]:
        """The tests for a mutant, quickest first, as many as it is given time for."""
        file = str(mutant.file)
        if mutant.function:
            names = set(covering.get((file, mutant.first_line), ()))
        else:
            names = {name for (path, _), some in covering.items() if path == file for name in some}
        seconds = self._coverage.seconds
        quick = sorted((i for i in items if i.nodeid in names), key=lambda i: seconds[i.nodeid])
        kept: list[pytest.Item] = []
        total = 0.0
        for item in quick:
            total += seconds[item.nodeid]
            if total > self._seconds and kept:
                break
            kept.append(item)
        return kept + [
            item
            for item in items
            if item.nodeid.split("::")[0] in self._always
            and item not in kept
            and self._coverage.seconds_alone[item.nodeid] <= self._seconds
        ]

    def _judged(self, mutant: Mutant, session: pytest.Session, chosen: list[pytest.Item]) -> Result:
        if not chosen:
            return Result(status="survived", by="no test executes it")
        seconds = sum(self._coverage.seconds[item.nodeid] for item in chosen)
        folder = Path(tempfile.mkdtemp(prefix="mutant-"))
        try:
            tree = mutant.tree()
            needs_copy = not mutant.function or any(
                item.nodeid.split("::")[0] in self._always for item in chosen
            )
            path = _mutated_copy(mutant.file, tree, folder) if needs_copy else None
            if mutant.function:
                code = _found(_compiled(mutant.file, tree), mutant)
                functions = _functions(mutant)
                if functions and all(
                    function.__code__.co_freevars == code.co_freevars for function in functions
                ):
                    return _forked(
                        lambda: _run(
                            session,
                            chosen,
                            functions=functions,
                            code=code,
                            path=path,
                            folder=folder,
                        ),
                        folder,
                        seconds,
                    )
            (folder / "seconds.json").write_text(json.dumps(self._coverage.seconds_alone))
            return _apart(chosen, path or _mutated_copy(mutant.file, tree, folder), seconds)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _compiled(file: Path, tree: ast.Module) -> CodeType:
    code: CodeType = compile(tree, str(file), "exec")
    return code


def _found(code: CodeType, mutant: Mutant) -> CodeType:
    """The code object of the mutant's function within its module's."""
    name = mutant.function.rsplit(".", 1)[-1]
    within = [code]
    while within:
        each = within.pop()
        if each.co_name == name and each.co_firstlineno == mutant.first_line:
            return each
        within += [constant for constant in each.co_consts if isinstance(constant, CodeType)]
    raise LookupError(f"{mutant.function} is not in {mutant.file}")


def _functions(mutant: Mutant) -> list[FunctionType]:
    """Every function object made from the mutant's function: who imported it holds the same."""
    return [
        one
        for one in gc.get_objects()
        if type(one) is FunctionType
        and one.__code__.co_filename == str(mutant.file)
        and one.__code__.co_firstlineno == mutant.first_line
        and one.__code__.co_name == mutant.function.rsplit(".", 1)[-1]
    ]


def _mutated_copy(file: Path, tree: ast.Module, folder: Path) -> Path:
    """A folder for PYTHONPATH: links to the package, but for the one module."""
    base = folder / "src"
    here, there = base / "plexor", SOURCE
    for part in file.relative_to(SOURCE).parts:
        here.mkdir(parents=True)
        for entry in there.iterdir():
            if entry.name not in (part, "__pycache__"):
                (here / entry.name).symlink_to(entry)
        here, there = here / part, there / part
    here.write_text(ast.unparse(tree), encoding="utf-8")
    return base


def _run(
    session: pytest.Session,
    items: list[pytest.Item],
    *,
    functions: list[FunctionType],
    code: CodeType,
    path: Path | None,
    folder: Path,
) -> str:
    """In the forked process: the first test that fails, or ""."""
    for function in functions:
        function.__code__ = code
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)
    if path is not None:
        os.environ["PYTHONPATH"] = str(path)
    for index, item in enumerate(items):
        following = items[index + 1] if index + 1 < len(items) else None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return item.nodeid
    return ""


def _forked(work: Any, folder: Path, seconds: float) -> Result:
    """The outcome of ``work`` in a child process."""
    answer = folder / "answer.json"
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        try:
            answer.write_text(json.dumps(work()))
        except BaseException as error:  # noqa: BLE001 (a child must not go on as its parent)
            answer.write_text(json.dumps(f"{type(error).__name__} outside of a test"))
        os._exit(0)
    waited = 0.0  # counted in naps: a run that is paused does not wait
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if waited > _deadline(seconds):
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return Result(status="timeout", by="")
        time.sleep(_NAP)
        waited += _NAP
    if os.WIFSIGNALED(status):
        out_of_time = os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGKILL)
        return Result(status="timeout" if out_of_time else "killed", by="the process died")
    failed = json.loads(answer.read_text())
    return Result(status="killed" if failed else "survived", by=failed)


def _deadline(seconds: float) -> float:
    """Wall-clock time for tests that wait without computing, on a busy machine."""
    return 120 + 20 * seconds


def _apart(items: list[pytest.Item], path: Path, seconds: float) -> Result:
    """The same in a new interpreter: what is at module level takes effect on import."""
    listed = path.parent / "tests.txt"
    listed.write_text("\n".join(item.nodeid for item in items))
    environment = os.environ | {
        "PYTHONPATH": f"{path}{os.pathsep}{ROOT}",
        "PYTEST_DEBUG_TEMPROOT": str(path.parent),
        VARIABLE: str(path.parent / "seconds.json"),
    }
    try:
        done = subprocess.run(  # noqa: S603 (this interpreter)
            [
                sys.executable,
                "-m",
                "pytest",
                *_PYTEST,
                "-p",
                Patience.__module__,
                "-x",
                f"@{listed}",
            ],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_deadline(seconds),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Result(status="timeout", by="")
    if done.returncode in (-signal.SIGPROF, -signal.SIGKILL):
        return Result(status="timeout", by="")
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("FAILED")]
    return Result(
        status="killed" if done.returncode else "survived",
        by=failed[0] if failed else "collection" if done.returncode else "",
    )


def run_area(area: Area, mutants: list[Mutant], results: Results, only: str, seconds: float) -> int:
    """Runs the tests of an area on mutants; pytest's exit status.

    Args:
        area: with its tests.
        mutants: of the area.
        results: they are added to these.
        only: an expression as for ``pytest -k``; "" for all tests.
        seconds: of tests for a mutant, in CPU time without a change.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = tempfile.mkdtemp(prefix="hypothesis-")
    files = [str(path.relative_to(ROOT)) for path in area.test_files()]
    return int(
        pytest.main(
            [*_PYTEST, "-k", only, *files],
            plugins=[Runner(area, mutants, results, seconds=seconds)],
        )
    )
