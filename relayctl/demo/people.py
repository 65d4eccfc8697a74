"""The demo's company: fictional users in a dozen teams, their models and their share of the traffic."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

# Whether a team's requests follow the trace of a coding assistant or that of a chat.
TEAMS: Final = {
    "checkout": "code",
    "data-platform": "code",
    "finance": "chat",
    "growth": "chat",
    "legal": "chat",
    "marketing": "chat",
    "mobile": "code",
    "payments": "code",
    "people": "chat",
    "research": "chat",
    "search": "code",
    "support": "chat",
}
_TEAM_SIZES: Final = (9, 12, 4, 6, 3, 6, 9, 10, 4, 12, 10, 15)

# Weight with which a model is chosen for a user.
MODELS: Final = {
    "gpt-4o-mini": 30,
    "claude-haiku-4-5": 20,
    "claude-sonnet-4-5": 20,
    "gpt-4o": 12,
    "gpt-5-mini": 12,
    "text-embedding-3-small": 6,
}

_FIRST: Final = (
    "ada aiko amara anders anouk asha bashir benoit camila chidi clara dario deniz elif emeka esther farid "
    "freya gabor hana idris ingrid ivan jonas kaveh keiko lars leila lucia malik marta mei milos nadia nils "
    "noor olga omar paolo priya rafael rosa sami sanne tariq tomas uma vera wei yara zofia"
)
_LAST: Final = (
    "abebe almeida andersen bauer beaumont castro chen costa demir dubois eriksen farouk fischer garcia "
    "haddad horvat ibrahim ito jansen kaya keller kim kowalska larsen lindqvist mbeki mehta moreau nakamura "
    "novak nwosu okafor oliveira park petrov rahman rossi saito santos sharma silva tanaka torres vargas "
    "weber yilmaz"
)
AGENTS: Final = {"code-review-agent": "checkout", "triage-agent": "support", "eval-agent": "research"}
"""Programs with their own keys; they send more requests than any person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """The owner of a Relay key; `weight` is the share of the traffic relative to other users."""

    name: str
    team: str
    models: tuple[str, ...]
    weight: float


def company(size: int, random: Random) -> list[User]:
    """Creates `size` users, ordered by weight: a user's weight is 1/rank (Zipf's law)."""
    names = [f"{first}.{last}" for first in _FIRST.split() for last in _LAST.split()]
    if not len(AGENTS) < size <= len(names):
        raise ValueError(f"the company has between {len(AGENTS) + 1} and {len(names)} users, not {size}")
    people = random.sample(names, size - len(AGENTS))
    teams = list(AGENTS.items()) + list(
        zip(people, random.choices(list(TEAMS), _TEAM_SIZES, k=len(people)), strict=True)
    )
    return [
        User(name=name, team=team, models=_models(random), weight=1 / rank)
        for rank, (name, team) in enumerate(teams, start=1)
    ]


def _models(random: Random) -> tuple[str, ...]:
    """One to four models, the favourite first."""
    chosen = random.choices(list(MODELS), list(MODELS.values()), k=random.randint(1, 4))
    return tuple(dict.fromkeys(chosen))
