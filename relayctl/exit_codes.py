"""The exit codes of `relayctl`: part of the public contract, named here and nowhere else."""

from __future__ import annotations

from typing import Final

DONE: Final = 0
"""Done, nothing found wrong."""

FAILED: Final = 1
"""Failed; one sentence on stderr says why."""

USAGE: Final = 2
"""Called wrongly; the message says what would be right."""

FOUND: Final = 3
"""Looked and found a problem: an alert fires, a difference, a gap."""

INTERRUPTED: Final = 130
"""Ended by Ctrl-C."""

CLOSED_PIPE: Final = 141
"""Whoever read stdout stopped reading (`| head`); the code of a program that SIGPIPE ends."""
