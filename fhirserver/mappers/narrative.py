"""The text of a resource that a clinician reads: a heading and a table, every word of the record escaped.

https://hl7.org/fhir/R5/narrative.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

Cell = str | Sequence[str] | None
Row = tuple[str, Cell]


def narrative(heading: str, rows: Iterable[Row] = (), lead: str | None = None) -> dict[str, Any]:
    """A generated narrative. A row without content is left out; a list becomes a list."""
    parts = [f"<p><b>{_inline(heading)}</b></p>"]
    if lead:
        parts.append(_paragraphs(lead))
    cells = [f"<tr><th>{_inline(label)}</th><td>{_cell(cell)}</td></tr>" for label, cell in rows if cell]
    if cells:
        parts.append(f"<table><tbody>{''.join(cells)}</tbody></table>")
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{"".join(parts)}</div>'}


def _cell(cell: Cell) -> str:
    if cell is None or isinstance(cell, str):
        return _lines(cell or "")
    items = [item for item in cell if item]
    if len(items) == 1:
        return _lines(items[0])
    return f"<ul>{''.join(f'<li>{_lines(item)}</li>' for item in items)}</ul>"


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_lines(part)}</p>" for part in text.split("\n\n") if part.strip())


def _lines(text: str) -> str:
    return "<br/>".join(_inline(line) for line in text.splitlines() if line.strip())


def _inline(text: str) -> str:
    return escape(text.strip(), quote=False)
