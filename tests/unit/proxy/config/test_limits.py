"""Settings of the limits, and the errors for settings that conflict."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from proxy.config.limits import Limits, QuotaSection
from proxy.config.quota import Quota

URL = "redis://:s3cret@localhost:6379/0"


def test_quota_is_in_whole_units() -> None:
    section = QuotaSection(rpm=1, tpm=2, concurrency=3, tokens_per_day=4, usd_per_day=Decimal("0.25"))
    assert section.quota == Quota(rpm=1, tpm=2, concurrency=3, tokens_per_day=4, pico_usd_per_day=25 * 10**10)
    assert not QuotaSection().quota.has_limits


INVALID: list[tuple[dict[str, Any], str]] = [
    ({"backend": "redis"}, "has the backend 'redis' but no redis_url"),
    ({"redis_url": URL}, "has a redis_url but the backend 'memory'"),
    ({"backend": "redis", "redis_url": URL, "per_worker": True}, "Redis counts for all workers together"),
    ({"backend": "redis", "redis_url": "http://:s3cret@x"}, "is not of the form redis://host:6379/0"),
    ({"backend": "redis", "redis_url": "redis://:s3cret@x:port"}, "is not of the form redis://host:6379/0"),
    ({"defaults": {"rpm": 0}}, "greater than or equal to 1"),
    ({"defaults": {"usd_per_day": 0.5}}, "quoted decimal"),
    ({"defaults": {"usd_per_day": "0"}}, "greater than 0"),
    ({"defaults": {"usd_per_day": "0.0000000000001"}}, "12 decimal places"),
    ({"defaults": {"rpd": 5}}, "Extra inputs are not permitted"),
    ({"teams": {"engines": {"tpm": "many"}}}, "valid integer"),
]


@pytest.mark.parametrize(("section", "message"), INVALID)
def test_errors_do_not_contain_the_password(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Limits.model_validate(section)
    (error,) = caught.value.errors()
    assert message in error["msg"]
    assert "s3cret" not in error["msg"]
    assert not isinstance(error["input"], str) or "s3cret" not in error["input"]


def test_password_is_not_in_repr_or_dump() -> None:
    limits = Limits.model_validate({"backend": "redis", "redis_url": URL})
    assert "s3cret" not in repr(limits)
    assert "s3cret" not in limits.model_dump_json()


WORKERS: list[tuple[dict[str, Any], int, bool]] = [
    ({}, 1, False),
    ({}, 2, True),
    ({"per_worker": True}, 2, False),
    ({"backend": "redis", "redis_url": URL}, 2, False),
]


@pytest.mark.parametrize(("section", "workers", "refused"), WORKERS)
def test_several_workers_need_redis_or_per_worker(
    section: dict[str, Any], workers: int, refused: bool
) -> None:
    conflict = Limits.model_validate(section).conflict(workers)
    assert (conflict is not None) == refused
    assert conflict is None or "server.workers is 2" in conflict
