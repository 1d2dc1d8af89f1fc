"""Options in messages, as the caller would give them: in Python or on the command line."""

from __future__ import annotations

from contextvars import ContextVar, Token

_typed: ContextVar[bool] = ContextVar("typed", default=False)


def enter_command() -> Token[bool]:
    """Notes that what follows was typed; ``leave_command`` ends that."""
    return _typed.set(True)


def leave_command(token: Token[bool]) -> None:
    """Ends what ``enter_command`` began."""
    _typed.reset(token)


def is_typed() -> bool:
    """Whether a command was typed, so that a message names options of commands and keys of plans.

    Example:
        >>> is_typed()
        False
    """
    return _typed.get()


def option(name: str, value: str | None = None) -> str:
    """An option, as in a message that says what to add.

    Args:
        name: its name in Python.
        value: its value; None switches it on.

    Example:
        >>> option("allow_code"), option("truth", "number")
        ('allow_code=True', 'truth="number"')
        >>> token = enter_command()
        >>> option("allow_code"), option("truth", "number")
        ('--allow-code', '--truth number')
        >>> leave_command(token)
    """
    if is_typed():
        written = f"--{name.replace('_', '-')}"
        return written if value is None else f"{written} {value}"
    return f"{name}=True" if value is None else f'{name}="{value}"'
