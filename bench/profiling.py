"""A fhirserver command under cProfile: SIGUSR1 starts it, SIGUSR2 writes what it found to the file named first."""

from __future__ import annotations

import cProfile
import pstats
import signal
import sys
from pathlib import Path
from types import FrameType

LINES = 45


def main() -> None:
    """Runs the command that follows the file's name."""
    file = Path(sys.argv.pop(1))
    profiler = cProfile.Profile()

    def begin(signum: int, frame: FrameType | None) -> None:
        profiler.enable()

    def end(signum: int, frame: FrameType | None) -> None:
        profiler.disable()
        profiler.create_stats()
        # Written elsewhere and moved: who waits for the file finds it whole.
        profiler.dump_stats(f"{file}.part")
        Path(f"{file}.part").rename(file)

    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)
    # Imported late, so that a signal that comes early does not end the process.
    from fhirserver.cli import main as command

    command()


def show(file: Path) -> None:
    """Prints the functions that took most time, themselves and with what they call."""
    stats = pstats.Stats(str(file))
    for order in ("tottime", "cumulative"):
        stats.sort_stats(order).print_stats(LINES)


if __name__ == "__main__":
    main()
