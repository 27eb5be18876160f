"""Checks of arguments, only where the registry could not give as good an answer: in paths, headers and settings."""

from __future__ import annotations

import json
import re
from typing import Any, Iterable, Mapping, Optional, Union

from .errors import ValidationError

_NAME = re.compile(r"[a-z0-9-]{1,64}")
_INSTANCE_ID = re.compile(r"[a-zA-Z0-9-]{1,128}")
_TOKEN = re.compile(r"[\x21-\x7e]+")


def service_name(value: Any, field: str = "name") -> str:
    """A service's name, which becomes part of a path."""
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise ValidationError(
        "validation_error",
        f"{field} must be 1 to 64 lowercase letters, digits and hyphens, such as 'my-service'; got {_shown(value)}.",
        field=field,
        value=value,
    )


def instance_id(value: Any, field: str = "instance_id") -> str:
    """An instance's id, which becomes part of a path."""
    if isinstance(value, str) and _INSTANCE_ID.fullmatch(value):
        return value
    raise ValidationError(
        "validation_error",
        f"{field} must be 1 to 128 letters, digits and hyphens, as register() returned it; got {_shown(value)}.",
        field=field,
        value=value,
    )


def auth_token(value: Any) -> Optional[str]:
    """A bearer token, or ``None`` for an empty one. The message never shows the token."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and _TOKEN.fullmatch(value):
        return value
    raise ValidationError(
        "validation_error",
        "auth_token must be printable ASCII without spaces or line breaks; check the end of the value.",
        field="auth_token",
    )


def positive_seconds(value: Any, field: str) -> float:
    """A duration above zero."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 86_400:
        return float(value)
    raise ValidationError(
        "validation_error",
        f"{field} must be a number of seconds above 0 and below a day; got {_shown(value)}.",
        field=field,
        value=value,
    )


def optional_seconds(value: Any, field: str) -> Optional[float]:
    """A duration of zero or more, of any length, or ``None`` for one without end."""
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return float(value)
    raise ValidationError(
        "validation_error",
        f"{field} must be a number of seconds, 0 or more, or None; got {_shown(value)}.",
        field=field,
        value=value,
    )


def whole_number(value: Any, field: str, least: int) -> int:
    """A count."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return value
    raise ValidationError(
        "validation_error",
        f"{field} must be a whole number of at least {least}; got {_shown(value)}.",
        field=field,
        value=value,
    )


def json_body(fields: Mapping[str, Any]) -> bytes:
    """The fields as a JSON object; the one that JSON cannot hold is named."""
    for field, value in fields.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as problem:
            raise ValidationError(
                "validation_error", f"{field} cannot be written as JSON: {problem}.", field=field
            ) from problem
    return json.dumps(dict(fields), allow_nan=False, separators=(",", ":")).encode("utf-8")


def one_or_many(value: Union[str, Iterable[str], None]) -> Iterable[str]:
    """A string stands for itself, not for its letters."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
