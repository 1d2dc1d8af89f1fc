"""Ray's workers find what this process finds, whatever happens to them or to the audit."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from tests.helpers.elsewhere import Misbehaving
from tests.helpers.runs import LINF_2, Setup, plexor, set_up

from plexor.audits import Progress, Ray, audit
from plexor.core.errors import MissingExtraError, PlanError, PlexorError
from plexor.findings import RunDirectory
from plexor.models import ModelSource, TorchModel, load_model

ROOT = Path(__file__).parents[2]
PROBES = [
    LINF_2 | {"steps": 5},
    {"attack": "fgsm", "threat": {"norm": "l2", "radius": 50}},
    {"shortcut": "ruler"},
]
FITTED = {"attack": "universal-sgd", "held_back": 0.25, "steps": 12, "fit_batch": 8}
REASON = "Ray is not installed; pip install -c constraints.txt -e '.[ray]'"
CLUSTER = """
import ray
ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
print(ray.get_runtime_context().gcs_address, flush=True)
input()
"""
TWO_MACHINES = """
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
second = cluster.add_node(num_cpus=1)
print(cluster.address, flush=True)
input()
cluster.remove_node(second, allow_graceful=False)
input()
"""
START = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job may ignore Ctrl-C
from plexor.cli.app import main
main()
"""
STOPPING = """
import signal
from tests.helpers.killed import signal_at_write
signal_at_write({number}, signal.{kind})
"""
"""Before ``START``: the audit signals itself in the midst of that write, however fast it is."""
N_CASES, N_UNITS = 48 * 7, 6 * 7


needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason=REASON)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    if find_spec("ray") is None:
        pytest.skip(REASON)
    with running(CLUSTER) as (address, _):
        yield address


@contextlib.contextmanager
def running(script: str, **environment: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """A cluster in a process of its own: its address, and what lets its script go on."""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,  # a worker finds tests.helpers
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )

    def go_on() -> None:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()

    with process:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), go_on
        process.communicate("\n\n", timeout=60)


@pytest.fixture(scope="module")
def whole(lesions: Setup, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that this process carried out alone, with one thread."""
    out = tmp_path_factory.mktemp("here") / "run"
    write_plan(lesions, out.parent)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(command(out.parent, out), env=environment, check=True, capture_output=True)
    return out


def write_plan(lesions: Setup, folder: Path) -> Path:
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump(lesions.plan_with(probes=PROBES)))
    return path


def command(folder: Path, out: Path, *options: str) -> list[str]:
    plan = str(folder / "plan.yaml")
    return [sys.executable, "-c", START, "audit", plan, "--out", str(out), *options]


def files(run: Path) -> dict[str, bytes]:
    """Units, examples, and what was fitted."""
    patterns = ("units/*.parquet", "artifacts/examples/*/*/*", "artifacts/*.safetensors")
    kept = [file for pattern in patterns for file in run.glob(pattern)]
    return {str(file.relative_to(run)): file.read_bytes() for file in kept}


def misbehaving(
    lesions: Setup, folder: Path, *, n_kills: int = 0, fails: bool = False
) -> TorchModel:
    return Misbehaving(
        load_model(ModelSource(weights=lesions.weights)), kills=folder, n_kills=n_kills, fails=fails
    )


def test_two_workers_find_the_same_to_the_bit(
    cluster: str, lesions: Setup, whole: Path, tmp_path: Path
) -> None:
    news: list[Progress] = []
    plan = lesions.plan_with(probes=PROBES)
    run = audit(
        plan,
        out=tmp_path / "run",
        executor=Ray(address=cluster, workers=2),
        on_progress=news.append,
    )
    assert len(files(run.path)) == N_UNITS + 3 * 2 * 6
    assert files(run.path) == files(whole)
    assert [n.done for n in news] == list(range(8, N_CASES + 1, 8))
    assert [n.probe for n in news[:6]] == ["clean"] * 6
    assert run.provenance()["computed"] == RunDirectory(whole).provenance()["computed"]
    assert run.provenance()["threads"] == 1


def test_a_killed_workers_unit_is_done_by_another(
    cluster: str, lesions: Setup, whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kills = tmp_path / "kills"
    kills.mkdir()
    model = misbehaving(lesions, kills, n_kills=2)
    plan = lesions.plan_with(probes=PROBES)
    run = audit(plan, out=tmp_path / "run", model=model, executor=Ray(address=cluster, workers=2))
    assert len(list(kills.iterdir())) == 2
    assert sum("a worker died" in message for message in caplog.messages) == 2
    assert files(run.path) == files(whole)


def test_a_unit_that_kills_every_worker_ends_the_audit(
    cluster: str, lesions: Setup, tmp_path: Path
) -> None:
    kills = tmp_path / "kills"
    kills.mkdir()
    model = misbehaving(lesions, kills, n_kills=100)
    plan = lesions.plan_with(probes=PROBES[:1], unit_size=48)
    with pytest.raises(
        PlexorError, match=r"pgd-linf-2-\w+ was lost 3 times because its worker died"
    ):
        audit(plan, out=tmp_path / "run", model=model, executor=Ray(address=cluster, workers=1))
    assert len(list(kills.iterdir())) == 3
    assert [unit.name[:6] for unit in (tmp_path / "run" / "units").iterdir()] == ["clean-"]


def test_an_error_in_a_unit_is_raised_and_what_is_done_is_kept(
    cluster: str, lesions: Setup, whole: Path, tmp_path: Path
) -> None:
    model = misbehaving(lesions, tmp_path, fails=True)
    plan, out = lesions.plan_with(probes=PROBES), tmp_path / "run"
    with pytest.raises(RuntimeError, match=r"^the attack broke$"):
        audit(plan, out=out, model=model, executor=Ray(address=cluster, workers=2))
    done = files(out)
    assert len(done) == 6  # the clean ones
    audit(plan, out=out, executor=Ray(address=cluster, workers=2))
    assert files(out) == files(whole)


def test_what_workers_fit_is_the_same_to_the_bit_though_one_is_lost(
    cluster: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    setup = set_up(tmp_path, n_cases=24)
    rows = setup.rows()
    for number, row in enumerate(rows):
        row["split"] = "train" if number % 4 < 2 else "test"
    setup.write_rows(rows)
    cohort = {"manifest": str(setup.manifest), "audit": "test"}
    probe = FITTED | {"threat": {"norm": "linf", "radius": [2, 4]}}
    plan = setup.plan_with(cohort=cohort, probes=[probe])
    setup.plan.write_text(yaml.safe_dump(plan))
    here, there, kills = tmp_path / "here", tmp_path / "there", tmp_path / "kills"
    kills.mkdir()
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(command(tmp_path, here), env=alone, check=True, capture_output=True)
    news: list[Progress] = []
    run = audit(
        plan,
        out=there,
        model=misbehaving(setup, kills, n_kills=1),
        executor=Ray(address=cluster, workers=2),
        on_progress=news.append,
    )
    assert sum("a worker died" in message for message in caplog.messages) == 1
    assert sum(name.endswith(".safetensors") for name in files(there)) == 2
    assert files(there) == files(here)
    assert [n.done for n in news if n.stage == "fit"] == [15, 30]
    assert (run.findings()["status"] == "ok").all()


def test_an_audit_killed_and_then_interrupted_goes_on(
    cluster: str, lesions: Setup, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    write_plan(lesions, tmp_path)
    for kind, expected in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)):
        python, option, start, *arguments = command(
            tmp_path, out, "--ray", cluster, "--workers", "2"
        )
        before = len(list(out.glob("units/*.parquet")))
        stopping = STOPPING.format(number=12, kind=kind.name)
        done = subprocess.run(
            [python, option, stopping + start, *arguments],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stderr
        assert done.returncode == expected, said
        assert before < len(list(out.glob("units/*.parquet")))
    assert said.splitlines()[-1] == "stopped; run the same command again to resume"
    assert "Traceback" not in said
    assert len(list(out.glob("units/*.parquet"))) < N_UNITS
    audit(tmp_path / "plan.yaml", out=out, executor=Ray(address=cluster))
    assert files(out) == files(whole)


@needs_ray
def test_workers_begun_for_an_audit_end_with_it(
    lesions: Setup, whole: Path, tmp_path: Path
) -> None:
    write_plan(lesions, tmp_path)
    out, home = tmp_path / "run", tmp_path / "home"
    home.mkdir()
    own = {name: text for name, text in os.environ.items() if not name.startswith("RAY_")}
    before = ray_processes()
    done = subprocess.run(
        command(tmp_path, out, "--workers", "2"),
        env=own | {"HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    assert files(out) == files(whole)
    assert list(home.glob(".ray*")) == []
    wait_for(lambda: ray_processes() <= before)


def test_none_is_no_number_of_workers_or_threads() -> None:
    with pytest.raises(PlanError, match="ray: `workers` must be at least 1, got 0"):
        Ray(workers=0)
    with pytest.raises(PlanError, match="ray: `threads` must be at least 1, got 0"):
        Ray(threads=0)


@needs_ray
def test_an_address_where_nobody_answers(few: Setup) -> None:
    with pytest.raises(PlanError, match=r"cannot use Ray at 127\.0\.0\.1:1: .*refused"):
        audit(few.plan, out=few.out, executor=Ray(address="127.0.0.1:1"))


@needs_ray
def test_a_lost_machine_is_one_warning(lesions: Setup, whole: Path, tmp_path: Path) -> None:
    write_plan(lesions, tmp_path)
    out, said = tmp_path / "run", tmp_path / "said.txt"
    with running(TWO_MACHINES) as (address, lose_the_second), said.open("w") as file:
        audited = subprocess.Popen(
            command(tmp_path, out, "--ray", address), stdout=file, stderr=subprocess.STDOUT
        )
        wait_for(lambda: len(list(out.glob("units/*.parquet"))) >= 8)
        lose_the_second()
        assert audited.wait(timeout=120) == 0, said.read_text()
    text = said.read_text()
    assert text.count("a worker died") <= 1  # none if it was between two units
    assert "raylet" not in text
    assert files(out) == files(whole)


@needs_ray
def test_a_cluster_that_wants_a_token_says_so(few: Setup) -> None:
    with (
        running(CLUSTER, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=32 * "a") as (address, _),
        pytest.raises(PlanError, match=r"wants a token, .* set RAY_AUTH_MODE=token"),
    ):
        audit(few.plan, out=few.out, executor=Ray(address=address))


def test_ray_is_an_extra(few: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'plexor\[ray\]'"):
        audit(few.plan, out=few.out, executor=Ray())


def test_threads_are_for_workers(few: Setup) -> None:
    sentence = plexor("audit", few.plan, "--threads", 2).sentence
    assert sentence.startswith("--threads is for workers")


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(120_000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("waited in vain")


def ray_processes() -> set[int]:
    """Ids of those whose name is one of Ray's."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (folder / "comm").read_text().startswith(("ray", "gcs_server")):
                found.add(int(folder.name))
    return found
