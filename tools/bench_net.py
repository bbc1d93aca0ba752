#!/usr/bin/env python3
"""Objects through an engine's process, by each transport, beside the same embedded.

    ./dev bench net [--rounds N] [--seconds S] [--directory DIR] [--table]

Client and engine share the machine. Prints JSON: of each kind of operation what each way reached, and over embedded; two
targets (by shared memory) over one; what the transports cost by themselves (rpc_bench); and, where it was measured on such a
machine, DAOS 2.8 over TCP.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys

import bench_support as support

AEON = os.path.join(os.path.dirname(support.DAOS), "aeon")
# Microseconds, the median: one in flight, tmpfs, TCP over loopback, client and engine on 2 cores.
DAOS_2_8_P50_US = {"update_4096_flush_1_calls": 30.4, "fetch_4096_none_1_calls": 21.8, "update_64_flush_1_calls": 26.2,
                   "fetch_64_none_1_calls": 18.8}
WAYS = {"embedded": {}, "shared_memory": {}, "two_targets": {}, "unix": {"AEON_SHARED_MEMORY": "0"}, "tcp": {}}


def aeon(*words, env):
    done = subprocess.run([AEON, *words], env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"aeon {words[0]} failed: {done.stderr.strip()}")
    return done.stdout


def measure(samples, way, folder, seconds):
    store = os.path.join(folder, way)
    env = {**os.environ, **WAYS[way]}
    command = [os.path.join(support.BENCH, "object_ops"), store, str(seconds), "client"]
    if way != "embedded":
        targets = ["--targets", "2"] if way == "two_targets" else []
        up = json.loads(aeon("up", store, "--json", "--listen", "tcp:127.0.0.1:0", *targets, env=env))["response"]
        command[1] = up["addresses"][1 if way == "tcp" else 0]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=1800, check=False)
    if way != "embedded":
        aeon("down", store, env=env)
    shutil.rmtree(store, ignore_errors=True)
    if done.returncode != 0:
        sys.exit(f"object_ops by {way} failed: {done.stderr.strip()}")
    for line in map(json.loads, done.stdout.splitlines()):
        if line["op"] == "null_call":
            continue
        name = f"{line['op']}_{line['size']}_{line['durability']}_{line['outstanding']}_{line['with']}"
        for key in ("per_second", "p50_us", "p99_us"):
            samples.add(f"{name}.{way}.{key}", line[key])


def result(samples, transports, directory):
    names = list(dict.fromkeys(key.split(".")[0] for key in samples.numbers))
    operations = {}
    for name in names:
        one = operations[name] = {}
        for way in WAYS:
            one[way] = {key: samples.summary(f"{name}.{way}.{key}") for key in ("per_second", "p50_us", "p99_us")}
            if way != "embedded":
                one[way]["rate_over_embedded"] = samples.ratios(f"{name}.{way}.per_second", f"{name}.embedded.per_second")
            if way == "two_targets":
                one[way]["rate_over_one"] = samples.ratios(f"{name}.{way}.per_second", f"{name}.shared_memory.per_second")
            if name in DAOS_2_8_P50_US:
                one[way]["daos_2_8_p50_over_ours"] = support.ratio(DAOS_2_8_P50_US[name], samples.median(f"{name}.{way}.p50_us"))
    return {"operations": operations, "transports": transports, "machine": support.machine(directory)}


def table(operations):
    lines = [f"{'':28}" + "".join(f"{way:>26}" for way in WAYS), f"{'':28}" + f"{'per second, p50':>26}" * len(WAYS)]
    for name, ways in operations.items():
        cells = [f"{ways[way]['per_second']['median']:,.0f}  {ways[way]['p50_us']['median']:.1f} us" for way in WAYS]
        lines.append(f"{name:28}" + "".join(f"{cell:>26}" for cell in cells))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measured loop")
    parser.add_argument("--directory", default="/dev/shm", help="where the systems are: in memory, or on the disk to measure")
    parser.add_argument("--table", action="store_true", help="for people")
    arguments = parser.parse_args()
    samples = support.Samples()
    with support.Folder(arguments.directory) as folder:
        for number in range(arguments.rounds):
            ways = list(WAYS)
            for way in ways if number % 2 == 0 else reversed(ways):
                support.note(f"round {number + 1} of {arguments.rounds}: {way}")
                measure(samples, way, folder, arguments.seconds)
    done = subprocess.run([os.path.join(support.BENCH, "rpc_bench")], capture_output=True, text=True, check=True)
    transports = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    answer = result(samples, transports, arguments.directory)
    print(table(answer["operations"]) if arguments.table else json.dumps(answer, indent=2))


if __name__ == "__main__":
    main()
