"""Calls of the Lua scripts of the limits: their text, keys, arguments and results; pure."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Final
from urllib.parse import quote

from proxy.limits.rules import (
    Charge,
    Counters,
    Decision,
    Reservation,
    Subject,
    Timestamp,
    find_exceeded,
)

_COUNTERS: Final = ("request_ms", "token_ms", "reserved_tokens", "in_flight", "day_tokens", "day_pico_usd")


def script_text(name: str) -> str:
    """Return a script, `reserve` or `settle`, preceded by the functions that both share."""
    folder = files("proxy.limits")
    return "\n".join(folder.joinpath(f"{part}.lua").read_text("utf-8") for part in ("state", name))


def redis_keys(subjects: Sequence[Subject]) -> list[str]:
    """Return state and leases of each subject. A team's keys share a hash tag and so a node of a cluster."""
    found = []
    for subject in subjects:
        team, own = quote(subject.team, safe=""), quote(subject.id, safe="")
        name = f"relay:limits:{{team:{team}}}:{subject.kind}:{own}"
        found += [name, f"{name}:leases"]
    return found


def reserve_arguments(lease: str, subjects: Sequence[Subject], charge: Charge, lease_ms: int) -> list[str]:
    """Return the arguments of `reserve.lua`."""
    arguments: list[object] = [lease, charge.tokens, charge.pico_usd, lease_ms]
    for subject in subjects:
        quota, usd = subject.quota, subject.quota.pico_usd_per_day
        usd_left = None if usd is None else usd - charge.pico_usd
        arguments += [quota.rpm, quota.tpm, quota.concurrency, quota.tokens_per_day, usd_left]
    return ["" if value is None else str(value) for value in arguments]


def settle_arguments(reservation: Reservation, used: Charge) -> list[str]:
    """Return the arguments of `settle.lua`."""
    reserved = reservation.charge
    usd = used.pico_usd - reserved.pico_usd
    arguments: list[object] = [reservation.lease, reserved.tokens, used.tokens, usd, reservation.day]
    for subject in reservation.subjects:
        arguments += [subject.quota.rpm, subject.quota.tpm]
    return ["" if value is None else str(value) for value in arguments]


def decision(
    lease: str, subjects: tuple[Subject, ...], charge: Charge, answer: Sequence[int | bytes]
) -> Decision:
    """Convert the result of `reserve.lua`."""
    fits, now_ms, *values = (int(value) for value in answer)
    now = Timestamp(ms=now_ms, utc_ms=now_ms)
    width = len(_COUNTERS)
    counters = tuple(
        Counters(at_ms=now.ms, day=now.day, **dict(zip(_COUNTERS, values[at : at + width], strict=True)))
        for at in range(0, len(values), width)
    )
    if not fits:
        exceeded = find_exceeded(subjects, counters, charge, now)
        return Decision(timestamp=now, subjects=subjects, counters=counters, exceeded=exceeded)
    for current in counters:
        current.reserve(charge)
    reservation = Reservation(lease=lease, subjects=subjects, charge=charge, day=now.day)
    return Decision(timestamp=now, subjects=subjects, counters=counters, reservation=reservation)
