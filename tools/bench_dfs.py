#!/usr/bin/env python3
"""Files of an embedded system beside the host's file system: copies of a tree, and create, stat, unlink; in turns.

    ./dev bench dfs [--rounds N] [--tree DIR] [--count N] [--directory DIR]

Prints JSON: for each case the median, smallest and largest of the rounds, and ours over the host's.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time

import bench_support as support


def timed(*commands):
    start = time.monotonic()
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return time.monotonic() - start


def tree_size(tree):
    files = count = 0
    for folder, _, names in os.walk(tree):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                files += os.path.getsize(path)
                count += 1
    return count, files


def measure_copies(samples, folder, tree):
    store, cp, back = (os.path.join(folder, name) for name in ("store", "cp", "back"))
    daos = [support.DAOS, "--local", store, "--quiet", "filesystem", "copy"]
    sync = ["sync", "-f", folder]
    samples.add("copy_in", timed([*daos, tree, "daos://default/files/tree"], sync))
    samples.add("cp_in", timed(["cp", "-a", tree, cp], sync))
    samples.add("copy_out", timed([*daos, "daos://default/files/tree", back], sync))
    shutil.rmtree(cp)
    samples.add("cp_out", timed(["cp", "-a", tree, cp], sync))
    for path in (store, cp, back):
        shutil.rmtree(path)
    subprocess.run(sync, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tree", default="/usr/include", help="what to copy")
    parser.add_argument("--count", type=int, default=20000, help="of files to make, ask for and remove")
    parser.add_argument("--directory", default="/var/tmp", help="where to measure")
    arguments = parser.parse_args()

    samples = support.Samples()
    files, size = tree_size(arguments.tree)
    ops = os.path.join(support.BENCH, "dfs_ops")
    with support.Folder(arguments.directory) as folder:
        about = support.machine(folder)
        source = os.path.join(folder, "source")  # On the same file system as the copies.
        timed(["cp", "-a", arguments.tree, source])
        for number in range(arguments.rounds):
            support.note(f"round {number + 1} of {arguments.rounds}")
            measure_copies(samples, folder, source)
            for kind in ("dfs", "host"):
                for line in support.json_lines([ops, kind, os.path.join(folder, kind), str(arguments.count)]):
                    samples.add(f"{kind}_{line['op']}", line["per_second"])

    copies = []
    for direction in ("in", "out"):
        ours, peer = samples.median("copy_" + direction), samples.median("cp_" + direction)
        copies.append({"case": "copy_" + direction, "seconds": samples.summary("copy_" + direction),
                       "cp_seconds": samples.summary("cp_" + direction), "files_per_second": round(files / ours),
                       "mb_per_second": round(size / ours / 1e6, 1), "speed_over_cp": support.ratio(peer, ours)})
    rates = [{"case": op, "per_second": samples.summary("dfs_" + op), "host_per_second": samples.summary("host_" + op),
              "over_host": support.ratio(samples.median("dfs_" + op), samples.median("host_" + op))}
             for op in ("create", "stat", "unlink")]
    print(json.dumps({"benchmark": "dfs", "machine": about, "tree": {"files": files, "bytes": size}, "copies": copies,
                      "operations": rates}, indent=2))


if __name__ == "__main__":
    main()
