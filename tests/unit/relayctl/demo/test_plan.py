"""The demo's users and its plan of a week: seeded, with the pattern of real traffic."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import median

import pytest
from genai_prices import Usage, calc_price

from relayctl.demo.people import MODELS, TEAMS, User, company
from relayctl.demo.plan import Call, plan, week_before

NOON_OF_A_SUNDAY = datetime(2026, 11, 8, 12, 30, tzinfo=UTC)


def calls(count: int = 20_000, seed: int = 1, now: datetime = NOON_OF_A_SUNDAY) -> list[Call]:
    random = Random(seed)
    return plan(company(300, random), requests=count, start=week_before(now), end=now, random=random)


def test_company_has_the_requested_number_of_users() -> None:
    users = company(300, Random(1))
    assert len({user.name for user in users}) == 300
    assert {user.team for user in users} == set(TEAMS)


def test_users_have_one_to_four_distinct_models() -> None:
    users = company(300, Random(1))
    assert {len(user.models) for user in users} == {1, 2, 3, 4}
    assert all(len(set(user.models)) == len(user.models) for user in users)


@pytest.mark.parametrize("size", [0, 3, 1_000_000])
def test_invalid_company_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"not {size}"):
        company(size, Random(1))


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_a_price(model: str) -> None:
    provider = "anthropic" if model.startswith("claude") else "openai"
    price = calc_price(Usage(input_tokens=1000), model, provider_id=provider)
    assert price.model.id == model
    assert price.total_price > 0


def test_plan_depends_on_the_seed_only() -> None:
    assert calls(100, seed=7) == calls(100, seed=7)
    assert calls(100, seed=7) != calls(100, seed=8)


def test_week_begins_at_midnight_six_days_before_today() -> None:
    assert week_before(NOON_OF_A_SUNDAY) == datetime(2026, 11, 2, tzinfo=UTC)


def test_calls_are_sorted_and_within_the_week() -> None:
    moments = [call.at for call in calls()]
    assert moments == sorted(moments)
    assert moments[0] >= week_before(NOON_OF_A_SUNDAY)
    assert moments[-1] <= NOON_OF_A_SUNDAY


@pytest.mark.parametrize(
    "now",
    [
        NOON_OF_A_SUNDAY.replace(hour=0, minute=0),  # at midnight
        NOON_OF_A_SUNDAY.replace(hour=0, minute=0, second=1),  # a second later
        NOON_OF_A_SUNDAY.replace(hour=23, minute=59, second=59),  # just before midnight
    ],
)
def test_no_call_is_later_than_now(now: datetime) -> None:
    assert all(call.at <= now for call in calls(2000, now=now))


def test_days_and_weekdays_have_more_traffic() -> None:
    by_hour = Counter(call.at.hour for call in calls())
    assert by_hour[10] > 5 * by_hour[3]
    by_day = Counter(call.at.weekday() for call in calls(now=NOON_OF_A_SUNDAY + timedelta(hours=11)))
    assert min(by_day[day] for day in range(5)) > 2 * max(by_day[5], by_day[6])


def test_requests_per_user_follow_zipfs_law() -> None:
    by_user = Counter(call.user.name for call in calls())
    ranked = [count for _, count in by_user.most_common()]
    # 1/rank: the first sends about ten times as much as the tenth, and a sixth of everything.
    assert 6 < ranked[0] / ranked[9] < 15
    assert 0.12 < ranked[0] / sum(ranked) < 0.20
    assert len(ranked) > 290


def test_half_of_the_calls_are_streams_except_embeddings() -> None:
    generating = [call for call in calls() if call.model != "text-embedding-3-small"]
    embeddings = [call for call in calls() if call.model == "text-embedding-3-small"]
    assert 0.45 < sum(call.stream for call in generating) / len(generating) < 0.55
    assert embeddings
    assert not any(call.stream for call in embeddings)


@pytest.mark.parametrize(
    ("kind", "prompt_median", "answer_median"),
    [
        ("chat", 1020, 129),  # medians of AzureLLMInferenceTrace_conv.csv
        ("code", 1469, 13),  # and of AzureLLMInferenceTrace_code.csv
    ],
)
def test_token_counts_match_the_medians_of_the_traces(
    kind: str, prompt_median: int, answer_median: int
) -> None:
    of_kind = [call for call in calls() if TEAMS[call.user.team] == kind]
    assert median(call.prompt_tokens for call in of_kind) == pytest.approx(prompt_median, rel=0.34)
    assert median(call.answer_tokens for call in of_kind) == pytest.approx(answer_median, rel=0.34)
    assert all(call.prompt_tokens > 0 and call.answer_tokens > 0 for call in of_kind)


def test_users_request_only_their_models() -> None:
    assert all(call.model in call.user.models for call in calls(2000))


def test_user_is_immutable() -> None:
    user = User(name="ada.chen", team="search", models=("gpt-4o",), weight=1)
    with pytest.raises(AttributeError):
        user.team = "legal"  # type: ignore[misc]
