"""How the limits' scripts are called: their text, keys and arguments, and what their answer says; pure."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Final
from urllib.parse import quote

from proxy.limits.rules import DAY_MS, Decision, Demand, Grant, Moment, Standing, Subject, exceeded

_STANDING: Final = ("request_ms", "token_ms", "held_tokens", "in_flight", "day_tokens", "day_pico_usd")


def script_text(name: str) -> str:
    """A script, `reserve` or `settle`, with what both share in front of it."""
    folder = files("proxy.limits")
    return "\n".join(folder.joinpath(f"{part}.lua").read_text("utf-8") for part in ("state", name))


def redis_keys(subjects: Sequence[Subject]) -> list[str]:
    """State and leases of each subject; a team's all carry one tag, so that a cluster keeps them together."""
    found = []
    for subject in subjects:
        team, own = quote(subject.team, safe=""), quote(subject.id, safe="")
        name = f"relay:limits:{{team:{team}}}:{subject.kind}:{own}"
        found += [name, f"{name}:leases"]
    return found


def reserve_arguments(lease: str, subjects: Sequence[Subject], demand: Demand, lease_ms: int) -> list[str]:
    """What `reserve.lua` takes beside the keys."""
    arguments: list[object] = [lease, demand.tokens, demand.pico_usd, lease_ms]
    for subject in subjects:
        quota, usd = subject.quota, subject.quota.pico_usd_per_day
        room = None if usd is None else usd - demand.pico_usd
        arguments += [quota.rpm, quota.tpm, quota.concurrency, quota.tokens_per_day, room]
    return ["" if value is None else str(value) for value in arguments]


def settle_arguments(grant: Grant, used: Demand) -> list[str]:
    """What `settle.lua` takes beside the keys."""
    held = grant.reserved
    usd = used.pico_usd - held.pico_usd
    arguments: list[object] = [grant.lease, held.tokens, used.tokens, usd, grant.day]
    for subject in grant.subjects:
        arguments += [subject.quota.rpm, subject.quota.tpm]
    return ["" if value is None else str(value) for value in arguments]


def decision(
    lease: str, subjects: tuple[Subject, ...], demand: Demand, answer: Sequence[int | bytes]
) -> Decision:
    """What the answer of `reserve.lua` says."""
    fits, now, *values = (int(value) for value in answer)
    moment = Moment(ms=now, utc_ms=now)
    width = len(_STANDING)
    standings = tuple(
        Standing(at_ms=now, day=now // DAY_MS, **dict(zip(_STANDING, values[at : at + width], strict=True)))
        for at in range(0, len(values), width)
    )
    if not fits:
        over = exceeded(subjects, standings, demand, moment)
        return Decision(moment=moment, subjects=subjects, standings=standings, exceeded=over)
    for standing in standings:
        standing.reserve(demand)
    grant = Grant(lease=lease, subjects=subjects, reserved=demand, day=moment.day)
    return Decision(moment=moment, subjects=subjects, standings=standings, grant=grant)
