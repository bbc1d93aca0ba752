"""What `./dev bench store` measures, beside what, and how much is wanted."""

from collections import namedtuple

# Of the disk. An operation of ours can't be faster than when it is one write or read.
FIO = {
    "write_fdatasync_1": ["--rw=randwrite", "--iodepth=1", "--fdatasync=1"],
    "write_dsync_1": ["--rw=randwrite", "--iodepth=1", "--sync=dsync"],
    "write_dsync_16": ["--rw=randwrite", "--iodepth=16", "--sync=dsync"],
    "write_1": ["--rw=randwrite", "--iodepth=1", "--end_fsync=1"],
    "write_16": ["--rw=randwrite", "--iodepth=16", "--end_fsync=1"],
    "read_1": ["--rw=randread", "--iodepth=1"],
    "read_16": ["--rw=randread", "--iodepth=16"],
    "read_32": ["--rw=randread", "--iodepth=32"],
    "write_1m_4": ["--rw=write", "--iodepth=4", "--bs=1M", "--end_fsync=1"],
    "write_new_1m_4": ["--rw=write", "--iodepth=4", "--bs=1M", "--end_fsync=1", "--fallocate=posix"],
    "read_1m_4": ["--rw=read", "--iodepth=4", "--bs=1M"],
}
FIO_SIZE = "512M"  # As the file of target_ops.
# Written once from its start to its end, as target_ops writes its own; the others go over one file that is there.
FIO_NEW_FILE = {"write_new_1m_4": "1G"}

# DAOS 2.8's own store (vos_perf, one thread, a pool in tmpfs, msync as shipped), medians of three runs on a machine
# like those we measure on. It can't be run here, so these don't follow the machine.
DAOS = {
    "update_64": 127e3, "update_4k": 101e3, "update_4k_array": 98e3,
    "fetch_64": 938e3, "fetch_4k": 838e3, "fetch_4k_array": 776e3,
}

# Each group's steps run one after the other in every round, ours and the peers; no step is in two groups.
GROUPS = {
    "random_4k": ["target random_4k", "fio read_32", "target random_4k_of_64k", "fio write_fdatasync_1",
                  "rocksdb random_4k"],
    "small_puts": ["target small_puts", "rocksdb small_puts", "lmdb small_puts"],
    "small_gets": ["target small_gets", "rocksdb small_gets", "lmdb small_gets"],
    "large_index": ["target large_index", "rocksdb large_index"],
    "listing": ["target listing"],
    "sequential_1m": ["target sequential_1m", "fio write_1m_4", "fio write_new_1m_4", "fio read_1m_4"],
    "history": ["target history"],
    "write_volume": ["target write_volume"],
    "memory_file": ["memory_target memory_file"],
    "snapshots": ["target snapshots"],
    "checksums": ["objects checksums"],
    "opening": ["target opening"],
    "client": ["objects client", "rocksdb client", "fio write_dsync_1", "fio write_dsync_16", "fio write_1",
               "fio write_16", "fio read_1", "fio read_16"],
}

# `ours` over `peer` (or by itself) is wanted to be at least or at most so much.
Goal = namedtuple("Goal", "work ours peer order wanted")


def _memory_goals():
    goals = []
    for size, text in (("64", "64 B"), ("4k", "4 KiB"), ("4k_array", "4 KiB array")):
        for durability in ("sync", "flush"):
            goals.append(Goal(f"tmpfs, {text} update, {durability}",
                              f"target.memory_update_{size}_{durability}.per_second", f"daos.update_{size}", ">=", 2))
        goals.append(Goal(f"tmpfs, {text} fetch", f"target.memory_fetch_{size}_sync.per_second", f"daos.fetch_{size}",
                          ">=", 1.2))
    return goals


GOALS = [
    Goal("4 KiB random fetch, 32 outstanding", "target.fetch_4k_32.per_second", "fio.read_32.per_second", ">=", 0.85),
    Goal("  core-µs each", "target.fetch_4k_32.cpu_us_each", None, "<=", 10),
    Goal("  of extents of 64 KiB", "target.fetch_4k_32_of_64k.per_second", "fio.read_32.per_second", ">=", 0.85),
    Goal("4 KiB random update, durable, 1 outstanding", "target.update_4k_sync_1.per_second",
         "fio.write_fdatasync_1.per_second", ">=", 0.9),
    Goal("4 KiB random update, durable, 16 outstanding", "target.update_4k_sync_16.per_second",
         "target.update_4k_sync_1.per_second", ">=", 6),
    Goal("  beside RocksDB's 16 threads", "target.update_4k_sync_16.per_second",
         "rocksdb.update_4k_sync_16.per_second", ">=", 3),
    Goal("64 B put, flush-durable", "target.put_64_flush.per_second", "rocksdb.put_64_flush.per_second", ">=", 1.5),
    Goal("64 B get in memory", "target.get_64.per_second", "rocksdb.get_64.per_second", ">=", 3),
    Goal("  beside LMDB", "target.get_64.per_second", "lmdb.get_64.per_second", ">=", 0.7),
    Goal("  RocksDB's CPU time over ours, put", "rocksdb.put_64_flush.cpu_us_each", "target.put_64_flush.cpu_us_each",
         ">=", 1.5),
    Goal("  RocksDB's CPU time over ours, get", "rocksdb.get_64.cpu_us_each", "target.get_64.cpu_us_each", ">=", 3),
    Goal("  LMDB's CPU time over ours, get", "lmdb.get_64.cpu_us_each", "target.get_64.cpu_us_each", ">=", 0.7),
    Goal("64 B get, index 10 × memory, 1 outstanding", "target.get_64_large_index_1.per_second",
         "rocksdb.get_64_large_index_1.per_second", ">=", 1),
    Goal("  16 outstanding", "target.get_64_large_index_16.per_second", "rocksdb.get_64_large_index_16.per_second",
         ">=", 1),
    Goal("list of 1 M dkeys", "target.list_dkeys.per_second", None, ">=", 2e6),
    Goal("1 MiB sequential update", "target.update_1m_4.mib_per_second", "fio.write_1m_4.per_second", ">=", 0.85),
    Goal("  beside a new file", "target.update_1m_4.mib_per_second", "fio.write_new_1m_4.per_second", ">=", 0.85),
    Goal("1 MiB sequential fetch", "target.fetch_1m_4.mib_per_second", "fio.read_1m_4.per_second", ">=", 0.85),
    Goal("newest of 1,000 versions, times longer", "target.fetch_history.times_longer", None, "<=", 1.2),
    Goal("device bytes per byte, 4 KiB random, 70 % full", "target.write_volume_4k.device_bytes_per_byte", None, "<=",
         2.5),
    Goal("  1 MiB", "target.write_volume_1m.device_bytes_per_byte", None, "<=", 1.1),
    Goal("memory per small value, bytes beyond", "target.memory_per_value.bytes_beyond", None, "<=", 100),
    Goal("  index 10 × budget: process over budget", "target.memory_of_large_index.process_over_budget", None, "<=",
         1.1),
    *_memory_goals(),
    Goal("snapshot at 1 M objects, ms", "target.snapshot_at_1000000.snapshot_ms", None, "<=", 1),
    Goal("  over that at 1,000 objects", "target.snapshot_at_1000000.snapshot_ms",
         "target.snapshot_at_1000.snapshot_ms", "<=", 1.2),
    Goal("clone at 1 M objects, ms", "target.snapshot_at_1000000.clone_ms", None, "<=", 1),
    Goal("  over that at 1,000 objects", "target.snapshot_at_1000000.clone_ms", "target.snapshot_at_1000.clone_ms",
         "<=", 1.2),
    Goal("checksums on over off, 64 B update", "objects.checksums_update_64.on_over_off", None, "<=", 1.05),
    Goal("  64 B fetch", "objects.checksums_fetch_64.on_over_off", None, "<=", 1.05),
    Goal("  4 KiB update", "objects.checksums_update_4096.on_over_off", None, "<=", 1.05),
    Goal("  4 KiB fetch", "objects.checksums_fetch_4096.on_over_off", None, "<=", 1.05),
    Goal("  1 MiB update", "objects.checksums_update_1048576.on_over_off", None, "<=", 1.05),
    Goal("  1 MiB fetch", "objects.checksums_fetch_1048576.on_over_off", None, "<=", 1.05),
    Goal("open 1 GiB after a stop, ms", "target.open_after_stop.ms", None, "<=", 30),
    Goal("open 1 GiB after kill -9, ms", "target.open_after_kill.ms", None, "<=", 2000),
]


def judge(samples, is_partial):
    """Each goal with what was reached: the median of the rounds, each of which compares only within itself. If only
    some groups ran, without what wasn't measured."""
    rows = []
    for goal in GOALS:
        if is_partial and samples.median(goal.ours) is None:
            continue
        name = goal.ours + (" / " + goal.peer if goal.peer else "")
        reached = samples.ratios(goal.ours, goal.peer) if goal.peer else samples.summary(goal.ours)
        met = None
        if reached is not None:
            met = reached["median"] >= goal.wanted if goal.order == ">=" else reached["median"] <= goal.wanted
        rows.append({"work": goal.work, "what": name, "ours": samples.summary(goal.ours),
                     "peer": samples.summary(goal.peer) if goal.peer else None, "reached": reached,
                     "wanted": f"{goal.order} {goal.wanted:g}", "met": met})
    return rows


def _short(number):
    if number is None:
        return "-"
    for limit, divisor, unit in ((1e7, 1e6, " M"), (1e4, 1e3, " k")):
        if abs(number) >= limit:
            return f"{number / divisor:.4g}{unit}"
    return f"{number:.4g}"


def _spread(summary):
    return f"{_short(summary['min'])}…{_short(summary['max'])}" if summary else ""


def table(rows):
    lines = [f"{'':52}{'ours':>10}{'peer':>10}{'reached':>10}{'wanted':>11}      spread of what is reached"]
    for row in rows:
        median = lambda key, row=row: _short(row[key]["median"]) if row[key] else "-"
        verdict = {True: "yes", False: "NO", None: "?"}[row["met"]]
        lines.append(f"{row['work']:52}{median('ours'):>10}{median('peer'):>10}{median('reached'):>10}"
                     f"{row['wanted']:>11} {verdict:>4} {_spread(row['reached'])}")
    return "\n".join(lines)
