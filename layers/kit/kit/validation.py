"""From pydantic's errors to ours: the path of each field as the caller wrote it, a stable code, a sentence. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from kit.errors import InvalidRequest, Violation

Body = TypeVar("Body")

MOST_VIOLATIONS = 100
"""Fields that an answer names. A body of 1 MB may hold 80,000 wrong ones: minutes of work, and a larger answer than is let pass."""


def validated(validate: Callable[[Any], Body], content: Any) -> Body:
    """Run a pydantic validation and translate its errors into ours."""
    from pydantic import ValidationError

    try:
        return validate(content)
    except ValidationError as error:
        violations = [
            Violation(_path(_location(e), content), e["type"].replace("_", "-"), e["msg"])
            for e in error.errors(include_url=False, include_input=False)[:MOST_VIOLATIONS]
        ]
        unnamed = error.error_count() - len(violations)
        message = f"{error.error_count()} field(s) are not acceptable" + (f"; {len(violations)} are named" if unnamed else "")
        raise InvalidRequest("validation-failed", message, violations=violations) from None


def _path(location: tuple[int | str, ...], content: Any) -> str:
    """`capacity.min`, `artifact.files[2].path`; a discriminated union's own tag is not a field and is left out."""
    text = ""
    here, tag_passed = content, False
    for place, part in enumerate(location):
        if isinstance(part, int):
            text += f"[{part}]"
            here, tag_passed = here[part] if isinstance(here, list) and part < len(here) else None, False
            continue
        if not tag_passed and _is_tag(part, location[place + 1 :], here):
            tag_passed = True
            continue
        text += f".{part}" if text else part
        here, tag_passed = here.get(part) if isinstance(here, dict) else None, False
    return text


def _is_tag(part: str, rest: tuple[int | str, ...], here: Any) -> bool:
    """Whether `part` is the value by which a union chose, and no field; a field of the same name may follow it (`provider.provider`)."""
    if not isinstance(here, dict) or part not in {value for value in here.values() if isinstance(value, str)}:
        return False
    return part not in here or (bool(rest) and rest[0] in here)


def _location(error: Mapping[str, Any]) -> tuple[int | str, ...]:
    """Where the error is; one about the choice within a union is about the field that chooses."""
    location: tuple[int | str, ...] = error["loc"]
    if error["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        return (*location, str(error["ctx"]["discriminator"]).strip("'"))
    return location
