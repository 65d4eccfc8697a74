"""`python -m tests.faults.langfuse` kills backfills at random times while Langfuse fails at random.

In the end each record must be stored exactly once, with exact tokens and costs. Writes
bench/results/langfuse_faults.json. Takes a few minutes; the ordinary tests contain a short form.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from etl.load.run import run
from proxy.segments.record import UsageRecord
from relayctl import exit_codes as exits
from relayctl.demo.postgres import embedded_postgres
from tests.support.databases import migrated_database
from tests.support.langfuse.export import expected, held, spread, write
from tests.support.langfuse.state import PUBLIC_KEY, SECRET_KEY, Fault

RESULT = Path(__file__).parents[2] / "bench" / "results" / "langfuse_faults.json"
RELAYCTL = Path(sys.executable).with_name("relayctl")
LIKELY: Final = dict.fromkeys(Fault, 0.07)
_REPAIRS: Final = 20


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Records to send, rate limit (requests per minute), number of kills, and longest life in seconds."""

    seed: int
    records: int
    kills: int
    longest_life: float
    rate_limit: int
    together: int


@dataclass(frozen=True, kw_only=True)
class Target:
    """A stand-in server in a separate process, and the environment variables for a client."""

    url: str
    environ: dict[str, str]

    def summary(self) -> dict[str, Any]:
        """The summary of the server."""
        with urllib.request.urlopen(f"{self.url}/stand-in/summary") as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def behave(self, likely: Mapping[Fault, float]) -> None:
        """Sets the probability of each fault."""
        body = json.dumps({fault.name: share for fault, share in likely.items()}).encode()
        with urllib.request.urlopen(f"{self.url}/stand-in/behaviour", data=body) as answer:
            answer.read()


@contextmanager
def target(*, lag: float, seed: int = 0, check_every: int = 1) -> Iterator[Target]:
    """Starts an empty stand-in server."""
    options = ["--lag", str(lag), "--seed", str(seed), "--check-every", str(check_every)]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.langfuse.server", *options], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        keys = {"LANGFUSE_PUBLIC_KEY": PUBLIC_KEY, "LANGFUSE_SECRET_KEY": SECRET_KEY, "LANGFUSE_HOST": url}
        try:
            yield Target(url=url, environ=keys)
        finally:
            process.kill()


class Sending:
    """Runs `relayctl langfuse` commands for one target and one source."""

    def __init__(self, target: Target, folder: Path, database_url: str | None, rate_limit: int) -> None:
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith("RELAY")}
        self._environ |= target.environ | {"RELAYCTL_LANGFUSE_BACKFILL_RATE_LIMIT": str(rate_limit)}
        if database_url:
            self._environ["RELAY_DATABASE_URL"] = database_url
        self._options = ["--logs", str(folder / "logs"), "--ledger", str(folder / "ledger.sqlite")]
        self._options += ["--lag", "1s", "--timeout", "2s"]

    def start(self, command: str, *options: str) -> subprocess.Popen[str]:
        """Starts a process."""
        arguments = [str(RELAYCTL), "langfuse", command, *options, *self._options]
        return subprocess.Popen(
            arguments, env=self._environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def wait(self, command: str, *options: str) -> tuple[int, str, str]:
        """Runs a command to its end; returns exit code, stdout and stderr."""
        process = self.start(command, *options)
        out, err = process.communicate()
        return process.returncode, out, err


def kill_often(sending: Sending, plan: Plan) -> int:
    """Kills backfills one after another at random times; returns how many were still running."""
    moments, at_work = random.Random(plan.seed), 0
    for _ in range(plan.kills):
        process = sending.start("backfill")
        time.sleep(moments.uniform(0.5, plan.longest_life))
        at_work += process.poll() is None
        process.kill()
        process.communicate()
    return at_work


def finish(sending: Sending, plan: Plan) -> int:
    """Runs concurrent backfills until one succeeds; returns the number of `verify --repair` runs needed."""
    for _ in range(_REPAIRS):
        processes = [sending.start("backfill") for _ in range(plan.together)]
        errors = [process.communicate()[1] for process in processes]
        codes = [process.returncode for process in processes]
        assert set(codes) <= {exits.DONE, exits.FAILED}, (codes, errors)
        if exits.DONE in codes:
            break
    for runs in range(1, _REPAIRS + 1):
        code, out, err = sending.wait("verify", "--repair", "-o", "json")
        assert code in (exits.DONE, exits.FAILED, exits.FOUND), (code, out, err)
        if code == exits.DONE:
            assert json.loads(out)["agrees"]
            return runs
    raise AssertionError(f"Langfuse and the records still differ after {_REPAIRS} repairs: {out}")


def run_plan(
    plan: Plan, folder: Path, records: Sequence[UsageRecord], database_url: str | None
) -> dict[str, Any]:
    """Tests one kind of ledger. Raises `AssertionError` when a record is lost or duplicated."""
    started = time.monotonic()
    with target(lag=0.3, seed=plan.seed) as langfuse:
        sending = Sending(langfuse, folder, database_url, plan.rate_limit)
        langfuse.behave(LIKELY)
        at_work = kill_often(sending, plan)
        runs = finish(sending, plan)
        summary = langfuse.summary()
        assert held(summary) == expected(records), (held(summary), expected(records))
        langfuse.behave({})
        code, out, err = sending.wait("verify", "-o", "json")
        assert code == exits.DONE, (out, err)
    return {
        "ledger": "PostgreSQL" if database_url else "SQLite",
        "killed_at_work": at_work,
        "verify_repair_runs": runs,
        "posts": summary["posts"],
        "faults": summary["faults"],
        "held": held(summary) | {"cost_usd": summary["cost_usd"]},
        "seconds": round(time.monotonic() - started, 1),
    }


def main() -> None:
    """Runs with a given seed or a new one, which the result contains."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options.add_argument("--records", type=int, default=20_000)
    options.add_argument("--kills", type=int, default=30)
    options.add_argument("--longest-life", type=float, default=4.0)
    options.add_argument("--rate-limit", type=int, default=150)
    options.add_argument("--together", type=int, default=3)
    plan = Plan(**vars(options.parse_args()))
    sys.stdout.write(f"seed {plan.seed}\n")
    sys.stdout.flush()
    records = spread(plan.records)
    proofs = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        write(folder / "logs", records)
        url = stack.enter_context(migrated_database(stack.enter_context(embedded_postgres())))
        run(url, folder / "logs")
        for database_url in (url, None):
            proofs.append(run_plan(plan, folder, records, database_url))
            sys.stdout.write(f"{json.dumps(proofs[-1])}\n")
            sys.stdout.flush()
    met = {name for proof in proofs for name in proof["faults"]}
    assert {fault.name for fault in Fault} <= met, f"only {sorted(met)} occurred: use another seed"
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    result = {"command": "make faults", **asdict(plan), "proofs": proofs}
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"nothing lost, nothing twice, after {plan.kills} kills each: see {RESULT}\n")


if __name__ == "__main__":
    main()
