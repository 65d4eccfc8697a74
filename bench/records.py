"""The records that the figures of the ETL are made with: one company's 90 days, the same for the same seed.

5,000 users by Zipf in 200 teams, each with one to four models, mostly in the working hours of one time zone;
every line is as the proxy writes it: an intent before each record, the provider's usage object, prices, one
attempt.
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any, Final

from proxy.segments.file import SegmentFile
from proxy.segments.lines import SegmentName, intent_line
from proxy.segments.record import Attempt, Fault, UsageRecord, elapsed_ms, to_line

USERS: Final = 5000
TEAMS: Final = 200
DAYS: Final = 90
BEGIN: Final = datetime(2026, 8, 1, tzinfo=UTC)
SEGMENT_RECORDS: Final = 25_000
"""Of a proxy that is busy for the 64 MiB or the minute after which a segment is sealed."""

_BASE32: Final = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789abcdefghjkmnpqrstvwxyz")


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A model and its prices, USD per million tokens."""

    name: str
    api: str
    input_mtok: Decimal
    output_mtok: Decimal

    @property
    def unit_prices(self) -> dict[str, str]:
        """The unit prices as a record contains them."""
        return {"input_mtok": str(self.input_mtok), "output_mtok": str(self.output_mtok)}


MODELS: Final = tuple(
    Model(name=name, api=api, input_mtok=Decimal(input_mtok), output_mtok=Decimal(output_mtok))
    for name, api, input_mtok, output_mtok in (
        ("gpt-5", "openai", "1.25", "10"),
        ("gpt-5-mini", "openai", "0.25", "2"),
        ("gpt-4o", "openai", "2.5", "10"),
        ("gpt-4o-mini", "openai", "0.15", "0.6"),
        ("o4-mini", "openai", "1.1", "4.4"),
        ("claude-opus-4-5", "anthropic", "5", "25"),
        ("claude-sonnet-4-5", "anthropic", "3", "15"),
        ("claude-haiku-4-5", "anthropic", "1", "5"),
    )
)
_ENDPOINTS: Final = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}


def _request_id(moment: datetime, random: Random) -> str:
    """`req_` and a lower-case ULID of the moment."""
    milliseconds = int(moment.timestamp() * 1000)
    # 160 bits are whole bytes and whole base-32 digits: two digits of nothing, then the ULID's 130 bits.
    ulid = (milliseconds << 80 | random.getrandbits(80)).to_bytes(20)
    return f"req_{b32encode(ulid).translate(_BASE32).decode()[6:]}"


def _usage(api: str, prompt: int, completion: int, cached: int, reasoning: int) -> dict[str, Any]:
    if api == "anthropic":
        return {
            "input_tokens": prompt - cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": cached,
            "output_tokens": completion,
            "service_tier": "standard",
        }
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": 0},
    }


def _record(moment: datetime, user: int, model: Model, random: Random) -> UsageRecord:
    prompt, completion = int(random.lognormvariate(7, 1.2)) + 1, int(random.lognormvariate(5.5, 1)) + 1
    cached = prompt // 2 if random.random() < 0.3 else 0
    reasoning = completion // 3 if model.name.startswith(("gpt-5", "o4")) else 0
    stream, failed = random.random() < 0.6, random.random() < 0.02
    if failed:
        prompt = completion = cached = reasoning = 0
    latency = random.randrange(200_000_000, 30_000_000_000)
    return UsageRecord(
        request_id=_request_id(moment, random),
        created_at=moment,
        user_id=f"user-{user:05}@example.com",
        team_id=f"team-{user % TEAMS:03}",
        key_id=f"key_{user:08x}",
        model=model.name,
        upstream_model=f"{model.name}-2026-02-01",
        provider=model.api,
        endpoint=_ENDPOINTS[model.api],
        stream=stream,
        status=502 if failed else 200,
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        cache_read_tokens=cached,
        reasoning_tokens=reasoning,
        usage=None if failed else _usage(model.api, prompt, completion, cached, reasoning),
        usage_source="none" if failed else "provider",
        cost_usd=(prompt * model.input_mtok + completion * model.output_mtok).scaleb(-6),
        price_source=f"genai-prices 0.2.3 {model.api}/{model.name}",
        latency_ms=elapsed_ms(latency),
        ttft_ms=elapsed_ms(latency // 5) if stream else None,
        error=Fault(type="upstream_unreachable", message="The upstream could not be reached.")
        if failed
        else None,
        provider_request_id=None if failed else f"req_{random.getrandbits(96):024x}",
        attempts=(
            Attempt(provider=model.api, status=None if failed else 200, latency_ms=elapsed_ms(latency)),
        ),
        unit_prices=None if failed else model.unit_prices,
    )


def _weight(hour: datetime) -> float:
    """How busy an hour is; people work from Monday to Friday, programs always."""
    if hour.weekday() >= 5:
        return 0.5
    return 10 if 7 <= hour.hour < 19 else 1


def _moments(count: int, random: Random, begin: datetime, days: int) -> Iterator[datetime]:
    """As many moments in order, spread over the hours by their weights."""
    hours = [begin + timedelta(hours=number) for number in range(24 * days)]
    weights = [_weight(hour) for hour in hours]
    ends = list(accumulate(weights))
    at = 0
    for number in range(count):
        place = (number + random.random()) / count * ends[-1]
        while ends[at] <= place:
            at += 1
        yield hours[at] + timedelta(hours=1 - (ends[at] - place) / weights[at])


def records(count: int, *, seed: int = 1, begin: datetime = BEGIN, days: int = DAYS) -> Iterator[UsageRecord]:
    """As many records, in the order of their arrival, from `begin` on over so many days."""
    people, random = Random(0), Random(seed)
    models = [people.sample(MODELS, people.randint(1, 4)) for _ in range(USERS)]
    weights = list(accumulate(1 / rank for rank in range(1, USERS + 1)))
    ids = range(USERS)
    for moment in _moments(count, random, begin, days):
        user = random.choices(ids, cum_weights=weights)[0]
        yield _record(moment, user, random.choice(models[user]), random)


def write_segments(
    directory: Path,
    items: Iterator[UsageRecord],
    *,
    writer: str = "bench",
    per_segment: int = SEGMENT_RECORDS,
) -> list[Path]:
    """Writes records as one proxy process does, and gives the sealed segments."""
    directory.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    segment: SegmentFile | None = None
    seq, previous = 0, None
    for record in items:
        if segment is None:
            name = SegmentName(started_at=record.created_at, writer=writer, number=len(paths) + 1)
            segment = SegmentFile.create(directory, name, seq=seq + 1, previous=previous)
            seq += 1
        segment.append_intent(_intent(record, seq + 1))
        segment.append_record(to_line(record, seq + 2), record)
        seq += 2
        if segment.totals.records == per_segment:
            seq += 1
            previous = segment.finish(seq=seq, sealed_at=record.created_at)
            paths.append(segment.publish())
            segment = None
    if segment is not None:
        segment.finish(seq=seq + 1, sealed_at=record.created_at)
        paths.append(segment.publish())
    return paths


def _intent(record: UsageRecord, seq: int) -> bytes:
    return intent_line(
        seq=seq,
        request_id=record.request_id,
        created_at=record.created_at,
        user_id=record.user_id,
        team_id=record.team_id,
        model=record.model,
        endpoint=record.endpoint,
    )
