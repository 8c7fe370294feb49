"""The one error tree.

ZanzibarError
├── ConfigError            configuration or instruments.yaml cannot be used
├── SourceError            a source file is not what it claims to be
│   └── FormatError        magic, header or record size wrong
├── ContractError          a frame does not match its contract
├── StoreError             the lake or the metadata database
│   ├── CorruptPartition   stored bytes differ from the manifest
│   ├── MissingInput       a partition that is needed was never built
│   ├── BlockedInput       a partition that is needed failed its checks
│   └── StaleInput         inputs that do not belong together
├── ModelError             training, registry or validation
├── ExecutionError         orders and the terminal
│   ├── TerminalError      the terminal refused or is not reachable
│   └── NotArmed           a live backend without a live arming
└── UsageError             the command line was used wrongly (exit code 2)
"""

from __future__ import annotations


class ZanzibarError(Exception):
    """Base of every error raised on purpose: what was expected, what came, what to do."""

    def __init__(self, message: str, *, expected: str = "", got: str = "", action: str = "") -> None:
        self.message, self.expected, self.got, self.action = message, expected, got, action
        parts = [message]
        if expected:
            parts.append(f"expected: {expected}")
        if got:
            parts.append(f"got: {got}")
        if action:
            parts.append(f"what to do: {action}")
        super().__init__("; ".join(parts))


class ConfigError(ZanzibarError):
    """Configuration or instruments.yaml cannot be used."""


class SourceError(ZanzibarError):
    """A source file is not what it claims to be."""


class FormatError(SourceError):
    """Magic, header size or record size is wrong."""


class ContractError(ZanzibarError):
    """A frame does not match its contract."""


class StoreError(ZanzibarError):
    """The lake or the metadata database cannot serve a request."""


class CorruptPartition(StoreError):
    """Stored bytes differ from the manifest's hash."""


class MissingInput(StoreError):
    """A partition that is needed was never built."""


class BlockedInput(StoreError):
    """A partition that is needed failed its checks or was itself blocked."""


class StaleInput(StoreError):
    """Inputs that do not belong together: one was computed from an older version of another."""


class ModelError(ZanzibarError):
    """Training, the model registry or validation cannot proceed."""


class ExecutionError(ZanzibarError):
    """Orders and the terminal."""


class TerminalError(ExecutionError):
    """The terminal refused a call or is not reachable."""


class NotArmed(ExecutionError):
    """A live backend was asked to trade without an arming for the running session."""


class UsageError(ZanzibarError):
    """The command line was used wrongly; the process exits with 2."""
