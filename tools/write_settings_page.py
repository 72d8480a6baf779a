"""Writes docs/settings.md from the table of settings; with --check says whether the page is that table.

python tools/write_settings_page.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, get_args, get_origin

from fhirserver.settings import Settings

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"
FLAGS = {"host", "port", "mongodb_uri", "database", "data_dir", "workers", "seed"}

HEAD = """# Settings

Every setting has an environment variable; those of the everyday also have a flag of `fhirserver serve` (and, as far as
they concern the database, of `import`, `load`, `get` and `reindex`). A flag wins over the environment, the environment
over the default. An empty variable counts as not set.

This page is written from `fhirserver/settings.py` by `make docs`; a test holds the two together.

| setting | flag | environment variable | default | what it does |
|---|---|---|---|---|
"""


def _flag(name: str) -> str:
    if name not in FLAGS:
        return ""
    flag = f"`--{name.replace('_', '-')}`"
    return f"{flag}, `--no-{name}`" if name == "seed" else flag


def _default(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    if isinstance(value, list):
        return "`" + str(value).replace("'", '"') + "`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _choices(field: Any) -> str:
    options = get_args(field.annotation) if get_origin(field.annotation) is not None else ()
    words = [option for option in options if isinstance(option, str)]
    return f" One of {', '.join(f'`{word}`' for word in words)}." if words else ""


def page() -> str:
    """The page's text."""
    rows = [
        f"| {name} | {_flag(name)} | `FHIRSERVER_{name.upper()}` | {_default(field)} "
        f"| {field.description}{_choices(field)} |"
        for name, field in Settings.model_fields.items()
    ]
    return HEAD + "\n".join(rows) + "\n"


def main() -> int:
    if "--check" in sys.argv:
        return 0 if PAGE.read_text() == page() else 1
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
