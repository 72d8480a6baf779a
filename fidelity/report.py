"""What was measured, as tables: by module, then the paths that were lost or added."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fidelity.measured import Measured

_LONGEST = 60


def show(console: Console, found: Measured, most: int) -> None:
    """Prints one format; of the paths at most so many."""
    console.print(f"\n[b]{found.format}[/b]: leaf values of {found.records} records")
    modules = Table(box=None)
    modules.add_column("module")
    for title in ("values", "kept", "share"):
        modules.add_column(title, justify="right")
    for module, total in sorted(found.total.items()):
        modules.add_row(module, f"{total:,}", f"{found.kept[module]:,}", _percent(found.kept[module] / total))
    whole, kept = sum(found.total.values()), sum(found.kept.values())
    modules.add_row("[b]all[/b]", f"{whole:,}", f"{kept:,}", _percent(kept / whole) if whole else "")
    console.print(modules)
    _paths(console, "Lost", found.lost.most_common(most), found, "")
    _paths(console, "Added", found.added.most_common(most), found, "+")


def _paths(console: Console, title: str, rows: list[tuple[str, int]], found: Measured, sign: str) -> None:
    if not rows:
        return
    console.print(f"{title} (values, path, one place):")
    for path, count in rows:
        console.print(f"{count:>7}  {escape(path)}", soft_wrap=True, highlight=False)
        for record, said, back in found.examples.get(sign + path, [])[:1]:
            words = f"{record}: {_short(said)} → {_short(back)}"
            console.print(f"         [dim]{escape(words)}[/dim]", soft_wrap=True, highlight=False)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
