"""What a number and a name in a suite may be: numbers are numbers, names stand on one line."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import ErrorDetails, PydanticCustomError

from benchmark.errors import is_one_line


def as_whole(value: Any) -> Any:
    """Take numbers for numbers: no truth values, no text; 1e3 is a whole one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("whole", "a whole number is expected")
    return int(value) if isinstance(value, float) and value.is_integer() else value


def as_one_line(value: str) -> str:
    """Refuse a name that would break a table or a line."""
    if not is_one_line(value):
        raise PydanticCustomError(
            "one_line", "it cannot be printed: leave out line breaks and control characters"
        )
    if value != value.strip():
        raise PydanticCustomError("blanks", "a name holds no blanks at its ends")
    return value


Whole = Annotated[int, BeforeValidator(as_whole)]
FiniteNumber = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(as_one_line)]
Source = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(as_one_line)]


def allowed(complaint: ErrorDetails) -> str:
    """Say what is allowed in words of a suite, not of Python."""
    match complaint["type"]:
        case "list_type" | "tuple_type":
            return "a list is expected, e.g. [...]; one item is a list, too"
        case "dict_type" | "model_type" | "model_attributes_type":
            return "keys and values are expected, e.g. {key: value}"
        case "string_type":
            return "text is expected; put it in quotes"
        case "int_from_float":
            return "a whole number is expected"
        case "float_type":
            return "a number is expected"
    return complaint["msg"].removeprefix("Value error, ")
