"""The exit codes of `relayctl`, part of the public contract."""

from __future__ import annotations

from typing import Final

DONE: Final = 0
"""Done; nothing is wrong."""

FAILED: Final = 1
"""Failed; one sentence on stderr says why."""

USAGE: Final = 2
"""Wrong usage; the message says what is expected."""

FOUND: Final = 3
"""The check found a problem: a firing alert, a difference, a gap."""

INTERRUPTED: Final = 130
"""Interrupted by Ctrl-C."""

CLOSED_PIPE: Final = 141
"""The reader of stdout closed the pipe (`| head`); the code of a program that SIGPIPE kills."""
