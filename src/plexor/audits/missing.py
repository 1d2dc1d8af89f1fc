"""The units that a run does not have yet: their execution, and what is noted of it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence

from plexor.audits.execute import Outputs
from plexor.audits.executors import Done, Executor, Job
from plexor.audits.executors.executor import clean_outputs
from plexor.audits.pace import Pace, part_by_part
from plexor.audits.progress import Listener, Progress
from plexor.audits.unit import Unit
from plexor.findings import CLEAN, RunDirectory

logger = logging.getLogger(__name__)


def noting(run: RunDirectory, about: dict[str, object]) -> Callable[[Done], None]:
    """Writes ``provenance.json``; the function returned updates it before each unit is kept.

    It adds "computed" to ``about``: every combination of device, number of threads and batch size
    used, including those of earlier starts. "device" and "threads" are the last ones used, possibly
    by a worker.
    """
    earlier = run.provenance().get("computed") if run.has_provenance() else None
    computed = list(earlier) if isinstance(earlier, list) else []

    def write() -> None:
        last = {name: computed[-1][name] for name in ("device", "threads")} if computed else {}
        about.update(last, computed=computed)
        run.write_provenance(about | {"finished": False})

    def note(done: Done) -> None:
        where = {"device": done.device, "threads": done.threads}
        under = [where | {"batch_size": size} for size in dict.fromkeys(done.batch_sizes)]
        if new := [one for one in under if one not in computed]:
            computed.extend(new)
            write()

    write()
    return note


def carry_out(
    units: Sequence[Unit],
    run: RunDirectory,
    job: Job,
    executor: Executor,
    *,
    note: Callable[[Done], None],
    report_progress: Listener,
) -> None:
    """Executes the units that the run does not have yet, and stores their findings."""
    before: dict[str, Outputs] = {}
    missing: list[Unit] = []
    resumed = 0
    total = sum(len(unit.cases) for unit in units)

    def report(unit: Unit, done: int) -> None:
        report_progress(
            Progress(
                probe=unit.probe.id,
                done=done,
                total=total,
                resumed=resumed,
                seconds_left=pace.seconds_left(),
            )
        )

    for unit in units:
        if not run.has_unit(unit.id):
            missing.append(unit)
            continue
        resumed += len(unit.cases)
        if unit.probe.id == CLEAN:
            before |= clean_outputs(unit, run.unit(unit.id))
    missing = part_by_part(missing)
    pace = Pace(missing)
    if resumed:
        report([*missing, *units][0], resumed)
    n_done = resumed
    with contextlib.closing(executor.run(job, missing, before)) as results:
        for done in results:
            note(done)
            if done.unit.probe.id == CLEAN:
                for reason in done.unread:
                    logger.warning("%s", reason)
            run.write_unit(done.unit.id, done.result.findings, done.result.examples)
            n_done += len(done.unit.cases)
            pace.done(done.unit)
            report(done.unit, n_done)
