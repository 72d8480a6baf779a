"""FHIR's numbers in BSON and back, digit by digit.

https://hl7.org/fhir/R5/datatypes.html#decimal asks that precision be kept; Decimal128 holds 34 digits and an exponent
from -6176 to 6111, trailing zeros included. https://www.mongodb.com/docs/manual/reference/bson-types/#decimal128
"""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from functools import lru_cache
from typing import Any

import bson
from bson.codec_options import CodecOptions, TypeCodec, TypeDecoder, TypeEncoder, TypeRegistry
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument

from fhirserver.errors import Unprocessable

Document = dict[str, Any]

_BIAS = 6176
_LARGEST_EXPONENT = 6111
_DIGITS = 34
_COEFFICIENT = (1 << 113) - 1
_SIGN = 1 << 127
_INT64 = range(-(2**63), 2**63)


def to_decimal128(value: Decimal) -> Decimal128:
    """The same number with the same digits and exponent; Unprocessable when Decimal128 cannot hold it exactly."""
    return _decimal128(str(value))


@lru_cache(maxsize=4096)
def _decimal128(text: str) -> Decimal128:
    # By its text, in which 1.0 and 1.00 differ; an index entry holds a measured value six times.
    sign, digits, exponent = Decimal(text).as_tuple()
    if isinstance(exponent, str) or len(digits) > _DIGITS or not -_BIAS <= exponent <= _LARGEST_EXPONENT:
        raise Unprocessable(
            f"The number {text if len(text) < 60 else text[:60] + '…'} cannot be stored exactly: "
            f"at most {_DIGITS} digits and an exponent from {-_BIAS} to {_LARGEST_EXPONENT} can be.",
            code="value",
        )
    coefficient = 0
    for digit in digits:
        coefficient = coefficient * 10 + digit
    bits = coefficient | (exponent + _BIAS) << 113 | (_SIGN if sign else 0)
    return Decimal128.from_bid(bits.to_bytes(16, "little"))


def from_decimal128(value: Decimal128) -> Decimal:
    """The same number with the same digits and exponent."""
    bits = int.from_bytes(value.bid, "little")
    if (bits >> 125) & 3 == 3:  # not a number, an infinity, or a form that `to_decimal128` never writes
        return value.to_decimal()
    sign = "-" if bits & _SIGN else ""
    return Decimal(f"{sign}{bits & _COEFFICIENT}E{((bits >> 113) & 0x3FFF) - _BIAS}")


class _DecimalCodec(TypeCodec):
    python_type = Decimal
    bson_type = Decimal128

    def transform_python(self, value: Decimal) -> Decimal128:
        return to_decimal128(value)

    def transform_bson(self, value: Decimal128) -> Decimal:
        return from_decimal128(value)


class _IntegerCodec(TypeDecoder):
    # The driver's Int64 is a subclass of int, which JSON encoders rightly do not guess at.
    bson_type = Int64

    def transform_bson(self, value: Int64) -> int:
        return int(value)


OPTIONS: CodecOptions[Document] = CodecOptions(
    type_registry=TypeRegistry([_DecimalCodec(), _IntegerCodec()]), tz_aware=True, tzinfo=UTC, document_class=dict
)
"""How every collection of ours encodes and decodes: Decimals, and datetimes in UTC."""


class _DecimalEncoder(TypeEncoder):
    python_type = Decimal

    def transform_python(self, value: Decimal) -> Decimal128:
        return to_decimal128(value)


PLAIN: CodecOptions[Document] = CodecOptions(
    type_registry=TypeRegistry([_DecimalEncoder()]), tz_aware=True, tzinfo=UTC, document_class=dict
)
"""For answers without decimals: the driver decodes them in one step, where its registry of types takes two."""


def encoded(document: Document) -> RawBSONDocument:
    """The document as the database takes it; integers beyond 64 bits as Decimals, which BSON can hold."""
    try:
        return RawBSONDocument(bson.encode(document, codec_options=OPTIONS))
    except OverflowError:
        return RawBSONDocument(bson.encode(_widened(document), codec_options=OPTIONS))


def storable(value: Any) -> Any:
    """The value itself, or a copy whose integers beyond 64 bits are Decimals, which BSON can hold."""
    return _widened(value) if _has_wide_integer(value) else value


def _has_wide_integer(value: Any) -> bool:
    # Called for every write, so no recursion into strings and no generator for each level.
    todo = [value]
    while todo:
        item = todo.pop()
        if type(item) is dict:
            todo.extend(item.values())
        elif type(item) is list:
            todo.extend(item)
        elif type(item) is int and item not in _INT64:
            return True
    return False


def _widened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _widened(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_widened(item) for item in value]
    if isinstance(value, int) and value not in _INT64:
        return Decimal(value)
    return value
