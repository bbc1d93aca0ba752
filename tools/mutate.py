#!/usr/bin/env python3
"""Switches the planted bugs on, one in each run, and wants a test to fail for each.

    tools/mutate.py [--jobs N] [--only NAME...]

Needs the presets `mutation` (aeon_sim, media_test, vos_test) and `release` (aeon_sim); `./dev mutate` builds them.
Prints a table of what caught each, and how soon. Exit code 1 if one survives.
"""

import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
BUILD = os.path.join(ROOT, "build", "mutation")
STEP_TIMEOUT_S = 600  # A planted bug may also make a test hang; the table says so.


def planted():
    """Names and modules, in the order of the files."""
    found = []
    for folder, _, files in sorted(os.walk(os.path.join(ROOT, "src"))):
        for name in sorted(files):
            path = os.path.join(folder, name)
            if not name.endswith((".cc", ".h")) or path.endswith("base/mutation.h"):
                continue
            with open(path, encoding="utf-8") as source:
                for match in re.finditer(r'MUTATION\(\s*"(\w+)"', source.read()):
                    found.append((match.group(1), os.path.relpath(folder, os.path.join(ROOT, "src"))))
    return found


def steps(module):
    """What looks for the bug, the quickest first. Each has one thread: as many bugs are looked for as there are jobs."""
    simulator = os.path.join(BUILD, "bin", "aeon_sim")
    if module == "rpc":
        return [("system scenario", [simulator, "--scenario", "system", "--seeds", "300"]),
                ("targets scenario", [simulator, "--scenario", "targets", "--seeds", "1000"])]
    if module.startswith("service"):
        return [("targets scenario", [simulator, "--scenario", "targets", "--seeds", "200"]),
                ("more of it", [simulator, "--scenario", "targets", "--seeds", "1000", "--seed", "1000"])]
    store = "media" if module == "media" else "vos"
    crash = [simulator, "crash", "--jobs", "1", "--stride", "10"]
    tests = [os.path.join(BUILD, "tests", f"{store}_test"), "--gtest_fail_fast", "--gtest_brief=1"]
    return [
        ("crash points", crash + ["--points", "6000"]),
        (f"{store}_test", tests),
        (f"{store}_store scenario", [simulator, "--scenario", f"{store}_store", "--seeds", "100"]),
        ("more crash points", crash + ["--points", "60000", "--seed", "1000"]),
    ]


def failure(command, mutation):
    """How the command ended with this bug switched on: "", "fails" or "hangs"."""
    environment = dict(os.environ, AEON_MUTATION=mutation)
    try:
        done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=STEP_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return "hangs"
    return "fails" if done.returncode != 0 else ""


def look_for(bug):
    """(what caught it or None, seconds it took)"""
    name, module = bug
    start = time.monotonic()
    for what, command in steps(module):
        how = failure(command, name)
        if how:
            return f"{what} hangs" if how == "hangs" else what, time.monotonic() - start
    return None, time.monotonic() - start


def traces_in_release(names):
    path = os.path.join(ROOT, "build", "release", "bin", "aeon_sim")
    with open(path, "rb") as program:
        content = program.read()
    return [name for name in names + ["AEON_MUTATION"] if name.encode() in content]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME")
    options = parser.parse_args()
    bugs = [(name, module) for name, module in planted() if not options.only or name in options.only]
    names = [name for name, _ in bugs]
    if not bugs or len(set(names)) != len(names):
        print("mutate: no bug has such a name, or two have the same", file=sys.stderr)
        return 1
    traces = traces_in_release(names)
    if traces:
        print(f"mutate: the release build has traces of planted bugs: {' '.join(traces)}", file=sys.stderr)
        return 1
    pool = concurrent.futures.ThreadPoolExecutor(options.jobs)
    baseline = [step for module, count in (("media", 2), ("vos", 2), ("service/target", 1), ("rpc", 1))
                for step in steps(module)[:count]]  # Not those that take minutes.
    for (what, _), how in zip(baseline, pool.map(lambda step: failure(step[1], "none"), baseline)):
        if how:
            print(f"mutate: {what} {how} without a planted bug", file=sys.stderr)
            return 1
    survivors = 0
    print(f"{'planted bug':<42} {'module':<17} {'caught by':<24} {'after':>8}")
    for (name, module), (caught_by, seconds) in zip(bugs, pool.map(look_for, bugs)):
        survivors += caught_by is None
        print(f"{name:<42} {module:<17} {caught_by or 'NOTHING':<24} {seconds:>6.1f} s", flush=True)
    print(f"{len(bugs)} planted, {len(bugs) - survivors} caught; the release build has no trace of them")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
