#!/usr/bin/env python3
"""The store beside RocksDB, LMDB and the bare disk (fio), in turns on one file system.

    ./dev bench store [--only GROUP...] [--quick] [--rounds N] [--seconds S] [--directory DIR] [--base COMMIT] [--table]

Of the store of one target by itself, and through the client of an embedded system (group "client"). Prints JSON: for
each goal what was reached, all numbers with their spread, ours over each peer; the goals as a table on stderr, or with
--table on stdout instead of JSON. With --base, builds that commit too, and says how its store does in the same rounds.
docs/operating/benchmarks.md explains each row.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time

import bench_support as support
import store_goals

MEMORY_DIRECTORY = "/dev/shm"


class Rounds:
    """Runs steps and keeps their numbers, as "program.case.number"."""

    def __init__(self, folder, memory_folder, seconds, base):
        self.folder, self.memory_folder, self.seconds, self.base = folder, memory_folder, seconds, base
        self.samples = support.Samples()
        self.client_cases = {}
        self.has = {"rocksdb": os.path.exists(self.program("rocksdb_ops")),
                    "lmdb": os.path.exists(self.program("lmdb_ops")), "fio": shutil.which("fio") is not None,
                    "memory": memory_folder is not None}

    @staticmethod
    def program(name, bench=support.BENCH):
        return os.path.join(bench, name)

    def lines(self, program, folder, case):
        return support.json_lines([program, folder, str(self.seconds), case], timeout_s=1800)

    def add(self, who, lines):
        for line in lines:
            if "op" in line:
                self.add_client_line(who, line)
                continue
            for key, number in line.items():
                if key != "case":
                    self.samples.add(f"{who}.{line['case']}.{key}", number)

    def add_client_line(self, who, line):
        if line["op"] == "null_call":
            self.samples.add("null_call_ns", line["ns"])
            return
        name = f"{line['op']}_{line['size']}_{line['durability']}_{line['outstanding']}_{line['with']}"
        if who == "objects":
            self.client_cases[name] = line
        for key in ("per_second", "p50_us", "p99_us"):
            self.samples.add(f"{who}.{name}.{key}", line[key])

    def run(self, step):
        kind, case = step.split()
        getattr(self, "run_" + kind)(case)

    def run_target(self, case, folder=None):
        folder = folder or self.folder
        self.add("target", self.lines(self.program("target_ops"), os.path.join(folder, "target"), case))
        if self.base and case in self.base["cases"]:
            program = self.program("target_ops", self.base["bench"])
            self.add("base", self.lines(program, os.path.join(folder, "base"), case))

    def run_memory_target(self, case):
        if not self.has["memory"]:
            return
        self.run_target(case, self.memory_folder)
        for name, number in store_goals.DAOS.items():
            self.samples.add(f"daos.{name}", number)

    def run_objects(self, case):
        self.add("objects", self.lines(self.program("object_ops"), os.path.join(self.folder, "objects"), case))

    def run_rocksdb(self, case):
        if not self.has["rocksdb"]:
            return
        if case == "large_index":  # What ours just had.
            case += "=" + str(int(self.samples.numbers["target.get_64_large_index_1.budget"][-1]))
        self.add("rocksdb", self.lines(self.program("rocksdb_ops"), os.path.join(self.folder, "rocksdb"), case))

    def run_lmdb(self, case):
        if self.has["lmdb"]:
            self.add("lmdb", self.lines(self.program("lmdb_ops"), os.path.join(self.folder, "lmdb"), case))

    def run_fio(self, case):
        if not self.has["fio"]:
            return
        is_new = case in store_goals.FIO_NEW_FILE
        file = os.path.join(self.folder, "fio-new" if is_new else "fio")
        command = ["fio", "--name=case", f"--filename={file}", "--bs=4k", "--direct=1", "--ioengine=io_uring",
                   "--output-format=json", *store_goals.FIO[case]]
        if is_new:
            command += [f"--size={store_goals.FIO_NEW_FILE[case]}"]
        else:
            command += [f"--size={store_goals.FIO_SIZE}", "--overwrite=1", "--time_based", f"--runtime={self.seconds}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if is_new and os.path.exists(file):
            os.remove(file)
        if done.returncode != 0:
            support.note(f"fio failed: {done.stderr.strip()}")
            self.has["fio"] = False
            return
        job = json.loads(done.stdout[done.stdout.index("{"):])["jobs"][0]
        side = job["read" if case.startswith("read") else "write"]
        self.samples.add(f"fio.{case}.per_second", side["iops"])
        if side["total_ios"]:
            busy_us = (job["usr_cpu"] + job["sys_cpu"]) / 100 * job["job_runtime"] * 1000
            self.samples.add(f"fio.{case}.cpu_us_each", busy_us / side["total_ios"])

    def client_results(self):
        """Each case through the client, with what the peers do."""
        results = []
        for name, line in self.client_cases.items():
            ours, disk = f"objects.{name}", "fio." + fio_case(line) + ".per_second"
            # RocksDB has no tasks, so its threads stand beside ours of either kind.
            rocksdb = "rocksdb." + name.replace("_tasks", "_threads") + ".per_second"
            results.append({
                **{key: line[key] for key in ("op", "size", "durability", "outstanding", "with")},
                **{key: self.samples.summary(f"{ours}.{key}") for key in ("per_second", "p50_us", "p99_us")},
                "rocksdb_per_second": self.samples.summary(rocksdb), "fio_per_second": self.samples.summary(disk),
                "over_rocksdb": self.samples.ratios(ours + ".per_second", rocksdb),
                "over_fio": self.samples.ratios(ours + ".per_second", disk),
            })
        return results

    def over_base(self):
        return {name: self.samples.ratios("target." + name, "base." + name)
                for name in (full[len("base."):] for full in self.samples.numbers if full.startswith("base."))}


def fio_case(line):
    """The disk's case that limits one of the client's."""
    if line["op"] == "fetch":
        return f"read_{line['outstanding']}"
    return ("write_dsync_" if line["durability"] == "sync" else "write_") + str(line["outstanding"])


def build_base(commit):
    """Another commit's target_ops, in a work tree of its own that stays for the next time."""
    git = ["git", "-C", support.ROOT]
    found = subprocess.run([*git, "rev-parse", "--verify", "--short=12", commit + "^{commit}"], capture_output=True,
                           text=True, check=False)
    if found.returncode != 0:
        sys.exit(f"no commit '{commit}'")
    name = found.stdout.strip()
    tree = os.path.join(os.path.abspath(support.ROOT), "build", "base", name)
    commands = [] if os.path.isdir(tree) else [[*git, "worktree", "add", "--quiet", "--detach", tree, name]]
    commands += [["cmake", "-S", tree, "--preset", "release"],
                 ["ninja", "-C", os.path.join(tree, "build", "release"), "--quiet", "target_ops"]]
    support.note(f"building {name}")
    for command in commands:
        done = subprocess.run(command, cwd=tree if os.path.isdir(tree) else support.ROOT, stdout=subprocess.DEVNULL,
                              check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} failed")
    bench = os.path.join(tree, "build", "release", "bench")
    cases = subprocess.run([os.path.join(bench, "target_ops")], capture_output=True, text=True, check=False).stdout
    return {"commit": name, "bench": bench, "cases": cases.split()}


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", nargs="+", metavar="GROUP", choices=[*store_goals.GROUPS],
                        help="these groups only: " + ", ".join(store_goals.GROUPS))
    parser.add_argument("--quick", action="store_true", help="one short round: a look, not a measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each measured loop of a round")
    parser.add_argument("--directory", default="/var/tmp", help="where to measure")
    parser.add_argument("--base", metavar="COMMIT", help="build that commit too, and compare")
    parser.add_argument("--table", action="store_true", help="a table instead of JSON")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds = 1, 0.3
    return arguments


def main():
    arguments = parse()
    base = build_base(arguments.base) if arguments.base else None
    groups = arguments.only or [*store_goals.GROUPS]
    memory = MEMORY_DIRECTORY if os.path.isdir(MEMORY_DIRECTORY) else arguments.directory
    with support.Folder(arguments.directory) as folder, support.Folder(memory) as memory_folder:
        about = support.machine(folder)
        rounds = Rounds(folder, memory_folder if memory == MEMORY_DIRECTORY else None, arguments.seconds, base)
        for number in range(arguments.rounds):
            for group in groups:
                began = time.monotonic()
                # The other way round every second time, so that nobody is always first.
                steps = store_goals.GROUPS[group]
                is_turned = number % 2 == 1 and group != "large_index"  # Whose budget comes from ours.
                for step in reversed(steps) if is_turned else steps:
                    rounds.run(step)
                support.note(f"round {number + 1} of {arguments.rounds}: {group}, {time.monotonic() - began:.0f} s")

    goals = store_goals.judge(rounds.samples, arguments.only is not None)
    text = store_goals.table(goals)
    if arguments.table:
        print(text)
        return
    support.note(text)
    result = {"benchmark": "store", "machine": about, "seconds_each": arguments.seconds, "peers": rounds.has,
              "goals": goals, "null_call_ns": rounds.samples.summary("null_call_ns"), "client": rounds.client_results(),
              "numbers": {name: rounds.samples.summary(name) for name in sorted(rounds.samples.numbers)}}
    if base:
        result["base"] = {"commit": base["commit"], "ours_over_base": rounds.over_base()}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
