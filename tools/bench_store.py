#!/usr/bin/env python3
"""Updates and fetches beside RocksDB and the bare disk (fio), in turns on one file system.

First through the client of an embedded system ("cases"), then of the store of one target by itself ("target").

    ./dev bench store [--rounds N] [--seconds S] [--directory DIR]

Prints JSON: for each case the median, smallest and largest of the rounds, and ours over each peer.
"""

import argparse
import json
import os
import shutil
import subprocess

import bench_support as support

# Of the disk: what our operations can't be faster than when each is one write or read of 4 KiB.
FIO_CASES = {
    "write_dsync_1": ["--rw=randwrite", "--iodepth=1", "--sync=dsync"],
    "write_dsync_16": ["--rw=randwrite", "--iodepth=16", "--sync=dsync"],
    "write_1": ["--rw=randwrite", "--iodepth=1", "--end_fsync=1"],
    "write_16": ["--rw=randwrite", "--iodepth=16", "--end_fsync=1"],
    "read_1": ["--rw=randread", "--iodepth=1"],
    "read_16": ["--rw=randread", "--iodepth=16"],
    "read_32": ["--rw=randread", "--iodepth=32"],
    "write_1m_4": ["--rw=write", "--iodepth=4", "--bs=1M", "--end_fsync=1"],
    "read_1m_4": ["--rw=read", "--iodepth=4", "--bs=1M"],
}

TARGET_CASES = ["small_values", "small_puts", "random_4k", "sequential_1m", "history", "snapshots"]

# What is wanted of the store of one target: its number, over which peer's (or "limit", or "itself"), and how much.
# At most that much where the number is a time or a size.
TARGET_GOALS = [
    ("fetch_4k_32.per_second", "fio_read_32", ">=", 0.85),
    ("fetch_4k_32.cpu_us_each", None, "<=", 10),
    ("update_4k_sync_1.per_second", "fio_write_dsync_1", ">=", 0.9),
    ("update_4k_sync_16.per_second", "target_update_4k_sync_1.per_second", ">=", 6),
    ("update_4k_sync_16.per_second", "rocksdb_update_4096_sync_16_threads", ">=", 3),
    ("put_64_flush.per_second", "rocksdb_update_64_flush_1_calls", ">=", 1.5),
    ("get_64.per_second", "rocksdb_fetch_64_none_1_calls", ">=", 3),
    ("update_1m_4.mib_per_second", "fio_write_1m_4", ">=", 0.85),
    ("fetch_1m_4.mib_per_second", "fio_read_1m_4", ">=", 0.85),
    ("fetch_history.times_longer", None, "<=", 1.2),
    ("memory_per_value.bytes_beyond_key_and_value", None, "<=", 100),
    ("snapshot_at_1m_objects.snapshot_ms", None, "<=", 1),
    ("snapshot_at_1m_objects.clone_ms", None, "<=", 1),
    ("open_after_stop.ms", None, "<=", 30),
]


def judge(samples):
    """Each goal with what was reached."""
    rows = []
    for name, peer, order, wanted in TARGET_GOALS:
        reached = samples.median("target_" + name)
        if peer is not None:
            reached = support.ratio(reached, samples.median(peer))
        met = None if reached is None else reached >= wanted if order == ">=" else reached <= wanted
        rows.append({"what": name, "measured": samples.summary("target_" + name), "over": peer,
                     "peer": samples.summary(peer) if peer else None, "reached": reached,
                     "wanted": f"{order} {wanted}", "met": met})
    return rows


def case_name(line):
    return f"{line['op']}_{line['size']}_{line['durability']}_{line['outstanding']}_{line['with']}"


def fio_case(line):
    """The disk's case that limits one of ours."""
    if line["op"] == "fetch":
        return f"read_{line['outstanding']}"
    return ("write_dsync_" if line["durability"] == "sync" else "write_") + str(line["outstanding"])


def run_fio(folder, name, seconds):
    file = os.path.join(folder, "fio")
    command = ["fio", "--name=case", f"--filename={file}", "--size=256M", "--bs=4k", "--direct=1", "--ioengine=io_uring",
               "--time_based", f"--runtime={seconds}", "--overwrite=1", "--output-format=json", *FIO_CASES[name]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None
    job = json.loads(done.stdout[done.stdout.index("{"):])["jobs"][0]
    side = job["read" if name.startswith("read") else "write"]
    return side["iops"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each case and round")
    parser.add_argument("--directory", default="/var/tmp", help="where to measure")
    arguments = parser.parse_args()

    samples = support.Samples()
    cases = {}
    rocksdb = os.path.join(support.BENCH, "rocksdb_ops")
    has_rocksdb, has_fio = os.path.exists(rocksdb), shutil.which("fio") is not None
    with support.Folder(arguments.directory) as folder:
        about = support.machine(folder)
        for number in range(arguments.rounds):
            support.note(f"round {number + 1} of {arguments.rounds}")
            ours = support.json_lines([os.path.join(support.BENCH, "object_ops"), os.path.join(folder, "ours"),
                                       str(arguments.seconds)])
            for line in ours:
                if line["op"] == "null_call":
                    samples.add("null_call_ns", line["ns"])
                    continue
                cases[case_name(line)] = line
                samples.add("ours_" + case_name(line), line["per_second"])
                samples.add("ours_p50_" + case_name(line), line["p50_us"])
                samples.add("ours_p99_" + case_name(line), line["p99_us"])
            if has_rocksdb:
                for line in support.json_lines([rocksdb, os.path.join(folder, "rocksdb"), str(arguments.seconds)]):
                    samples.add("rocksdb_" + case_name(line), line["per_second"])
            if has_fio:
                for name in FIO_CASES:
                    iops = run_fio(folder, name, arguments.seconds)
                    if iops is not None:
                        samples.add("fio_" + name, iops)
            for line in support.json_lines([os.path.join(support.BENCH, "target_ops"), os.path.join(folder, "target"),
                                            str(arguments.seconds), *TARGET_CASES], timeout_s=1800):
                for key, number in line.items():
                    if key != "case":
                        samples.add(f"target_{line['case']}.{key}", number)

    results = []
    for name, line in cases.items():
        # RocksDB has no tasks, so its threads stand beside ours of either kind.
        peer = "rocksdb_" + name.replace("_tasks", "_threads")
        results.append({
            **{key: line[key] for key in ("op", "size", "durability", "outstanding", "with")},
            "per_second": samples.summary("ours_" + name),
            "p50_us": samples.summary("ours_p50_" + name),
            "p99_us": samples.summary("ours_p99_" + name),
            "rocksdb_per_second": samples.summary(peer),
            "fio_per_second": samples.summary("fio_" + fio_case(line)),
            "over_rocksdb": support.ratio(samples.median("ours_" + name), samples.median(peer)),
            "over_fio": support.ratio(samples.median("ours_" + name), samples.median("fio_" + fio_case(line))),
        })
    print(json.dumps({"benchmark": "store", "machine": about, "seconds_each": arguments.seconds,
                      "null_call_ns": samples.summary("null_call_ns"),
                      "peers": {"rocksdb": has_rocksdb, "fio": has_fio}, "cases": results,
                      "target": judge(samples)}, indent=2))


if __name__ == "__main__":
    main()
