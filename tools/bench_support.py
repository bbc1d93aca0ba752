"""What the benchmark scripts share: rounds in turns, medians with their spread, the machine."""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
BENCH = os.path.join(ROOT, "build", "release", "bench")
DAOS = os.path.join(ROOT, "build", "release", "bin", "daos")


def note(text):
    print(text, file=sys.stderr, flush=True)


def json_lines(command, timeout_s=600):
    """What a program prints, one object a line; ends the benchmark if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode != 0:
        sys.exit(f"{os.path.basename(command[0])} failed: {done.stderr.strip()}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def summarise(numbers, digits):
    if not numbers:
        return None
    return {"median": round(statistics.median(numbers), digits), "min": round(min(numbers), digits),
            "max": round(max(numbers), digits), "rounds": len(numbers)}


class Samples:
    """Numbers by name, from several rounds."""

    def __init__(self):
        self.numbers = {}

    def add(self, name, number):
        self.numbers.setdefault(name, []).append(number)

    def summary(self, name):
        return summarise(self.numbers.get(name), 2)

    def ratios(self, ours, peer):
        """Of each round, which compares what ran close together."""
        pairs = zip(self.numbers.get(ours, []), self.numbers.get(peer, []))
        return summarise([mine / theirs for mine, theirs in pairs if theirs], 3)

    def median(self, name):
        return statistics.median(self.numbers[name]) if self.numbers.get(name) else None


def ratio(ours, peer):
    return round(ours / peer, 3) if ours is not None and peer else None


def machine(directory):
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                  if line.startswith("model name")), platform.machine())
    filesystem = subprocess.run(["stat", "-f", "-c", "%T", directory], capture_output=True, text=True, check=False).stdout
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True,
                            check=False).stdout
    return {"processor": model, "cores": os.cpu_count(), "kernel": platform.release(), "filesystem": filesystem.strip(),
            "commit": commit.strip(), "load_before": round(os.getloadavg()[0], 2)}


class Folder:
    """A temporary folder on the file system to measure."""

    def __init__(self, parent):
        self.path = tempfile.mkdtemp(prefix="aeon-bench-", dir=parent)

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)
