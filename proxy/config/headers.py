"""The settings of which client headers go to a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, Field, create_model

from proxy.config.section import Section

CREDENTIALS: Final = frozenset({
    "authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "set-cookie",
})  # fmt: skip
_WHOLE: Final = frozenset("*?[]!")


def _header_glob(glob: str) -> str:
    if not glob.isascii() or not glob.isprintable() or not glob or not {" ", ":", ","}.isdisjoint(glob):
        raise ValueError("should be the name of a header or a glob of names, such as x-title or x-acme-*")
    if glob.lower() in CREDENTIALS:
        raise ValueError("is a header of credentials, which never goes to a provider")
    if _WHOLE.issuperset(glob):
        raise ValueError("matches every header; name those that the provider needs")
    return glob.lower()


Globs = Annotated[tuple[Annotated[str, AfterValidator(_header_glob)], ...], Field(max_length=100)]


class _HeaderSettings(Section):
    """Client headers that go to providers beside those that the APIs define.

    `pass` holds names or globs, such as `x-title`; headers of credentials never go. `user_agent` passes
    `User-Agent`, `session_ids` the session headers of coding agents.
    """

    user_agent: bool = True
    session_ids: bool = True

    @property
    def globs(self) -> tuple[str, ...]:
        """The setting `pass`, in lower case."""
        globs: tuple[str, ...] = getattr(self, "pass")
        return globs


if TYPE_CHECKING:
    Headers = _HeaderSettings
else:  # `pass` is a keyword of Python, so a class body cannot declare it
    Headers = create_model("Headers", __base__=_HeaderSettings, **{"pass": (Globs, ())})
