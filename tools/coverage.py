#!/usr/bin/env python3
"""Line coverage by module, from what the tests of the preset `coverage` left behind.

    tools/coverage.py BUILD_FOLDER [--files]

Reads the .gcda files with gcov, joins what several programs say of a line, and leaves tests, benches, fuzz targets and
what the system provides out. --files also prints each file, the least covered first.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import re
import subprocess
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
SOURCE = os.path.join(ROOT, "src") + os.sep
NOT_COUNTED = re.compile(r"(_test|_bench|_fuzz)\.(cc|h)$|/testdata/")


def counts_in(path):
    """Of one .gcda: {(file, line): runs}."""
    done = subprocess.run(["gcov", "--json-format", "--stdout", os.path.basename(path)], cwd=os.path.dirname(path),
                          capture_output=True, check=False)
    found = {}
    for text in done.stdout.splitlines():
        try:
            report = json.loads(text)
        except json.JSONDecodeError:
            continue
        for entry in report["files"]:
            # -ffile-prefix-map makes paths relative to the checkout's root.
            name = os.path.realpath(os.path.join(ROOT, entry["file"].lstrip("/")))
            if not name.startswith(SOURCE):
                name = os.path.realpath(os.path.join(report["current_working_directory"], entry["file"]))
            if not name.startswith(SOURCE) or NOT_COUNTED.search(name):
                continue
            for line in entry["lines"]:
                key = (name[len(SOURCE):], line["line_number"])
                found[key] = found.get(key, 0) + line["count"]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--files", action="store_true")
    options = parser.parse_args()
    data = [os.path.join(folder, name) for folder, _, names in os.walk(options.build) for name in names
            if name.endswith(".gcda")]
    if not data:
        print(f"coverage: no test has run in {options.build}", file=sys.stderr)
        return 1
    runs = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(counts_in, data):
            for key, count in found.items():
                runs[key] += count
    by_file = collections.defaultdict(lambda: [0, 0])
    for (name, _), count in runs.items():
        by_file[name][0] += count != 0
        by_file[name][1] += 1
    by_module = collections.defaultdict(lambda: [0, 0])
    for name, (covered, total) in by_file.items():
        folder = os.path.dirname(name).split("/include/")[0].removesuffix("/include")
        by_module[folder][0] += covered
        by_module[folder][1] += total

    def row(name, covered, total):
        print(f"{name:<48} {covered:>7} of {total:>7}  {100 * covered / total:>5.1f} %")

    for name in sorted(by_module):
        row(name, *by_module[name])
    row("all", sum(c for c, _ in by_module.values()), sum(t for _, t in by_module.values()))
    if options.files:
        print()
        for name in sorted(by_file, key=lambda n: by_file[n][0] / by_file[n][1]):
            row(name, *by_file[name])
    return 0


if __name__ == "__main__":
    sys.exit(main())
