"""Console examples of the pages: found, run and compared.

A block fenced as ```console is run. A line that begins with '$ ' is a command, which lines that begin with '> ' go
on with; the lines up to the next command are what it prints. '…' stands for any text, on a line of its own for any
lines. '$ make serve' stands for the server that the test started: its output is what that server printed.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

ADDRESS = "http://127.0.0.1:8000"
SERVE = "make serve"
_FENCE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A command of a page, what the page says it prints, and the line it stands on."""

    page: str
    line: int
    command: str
    expected: str


def examples(page: Path) -> list[Example]:
    """Every command of a page's console blocks, in order."""
    text = page.read_text()
    found: list[Example] = []
    for block in _FENCE.finditer(text):
        first = text.count("\n", 0, block.start(1)) + 1
        for at, line in enumerate(block[1].splitlines()):
            if line.startswith("$ "):
                found.append(Example(page.name, first + at, line[2:], ""))
                continue
            assert found, f"{page.name}:{first + at}: output without a command"
            last = found.pop()
            if line.startswith("> ") and not last.expected:
                found.append(replace(last, command=f"{last.command}\n{line[2:]}"))
            else:
                found.append(replace(last, expected=f"{last.expected}{line}\n"))
    return found


def fits(expected: str, actual: str) -> bool:
    """Whether the output is the one on the page; white space at the ends of lines is not compared."""
    pattern = "".join(_pattern(line) for line in expected.splitlines())
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in actual.splitlines()), re.DOTALL) is not None


def _pattern(line: str) -> str:
    if line.strip() == "…":
        return r"(?:[^\n]*\n)*?"
    return r"[^\n]*?".join(re.escape(part) for part in line.rstrip().split("…")) + "\n"


class Shell:
    """Runs a page's commands one after the other, as a reader would, against a server elsewhere."""

    def __init__(self, directory: Path, address: str, environment: dict[str, str]) -> None:
        self.directory = directory
        self.address = address
        self.environment = environment
        self.exports: list[str] = []

    def run(self, command: str) -> str:
        """What a command prints; errors too. The server's address is that of the page in it."""
        if command.startswith("export "):
            self.exports.append(command)
            return ""
        script = "\n".join(["set -o pipefail", *self.exports, command.replace(ADDRESS, self.address)])
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
        )
        return done.stdout.decode().replace(self.address, ADDRESS)
