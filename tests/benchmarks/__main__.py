"""Every benchmark in turn, each in a process of its own; `python -m tests.benchmarks guard` runs those named."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run the benchmarks named on the command line, or all; 1 when one of them fails."""
    everything = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    chosen = sys.argv[1:] or everything
    unknown = set(chosen) - set(everything)
    if unknown:
        sys.stderr.write(f"No benchmark called {', '.join(sorted(unknown))}; there are: {', '.join(everything)}.\n")
        return 2
    failed = []
    for name in chosen:
        sys.stdout.write(f"\n{name}\n")
        sys.stdout.flush()
        if subprocess.run([sys.executable, "-m", f"tests.benchmarks.bench_{name}"], check=False).returncode:
            failed.append(name)
    if failed:
        sys.stderr.write(f"Failed: {', '.join(failed)}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
