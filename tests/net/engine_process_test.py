#!/usr/bin/env python3
"""The real engine is killed, stopped, cut off, filled up and crowded, while a client writes and verifies.

    engine_process_test.py DAOS --client VERIFYING_CLIENT [--kills N] [--connections N]

The fast test takes few of everything; ./dev soak takes many.
"""

import argparse
import contextlib
import json
import os
import random
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))

PARSER = argparse.ArgumentParser()
PARSER.add_argument("--client", required=True)
PARSER.add_argument("--kills", type=int, default=20)
PARSER.add_argument("--connections", type=int, default=1000)
PARSER.add_argument("--seed", type=int, default=None)
ARGS, REST = PARSER.parse_known_args(sys.argv[1:])
ARGS.client = os.path.abspath(ARGS.client)
sys.argv[1:] = REST

from daos_tool import AEON, DaosTest, main  # noqa: E402  It looks at the arguments that are left.

ANSWER_S = 180  # A client may wait for an engine that is away for a minute, and then for the next.
TARGETS = 3
SILENCE_S = 8   # Longer than a client waits for a sign of life.
KEEP_ALIVE_RSS = 64 << 20
IDLE_CPU = 0.03


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 & -(crc & 1))
    return crc ^ 0xFFFFFFFF


def ping():
    """A message that asks whether anybody is there; the answer is as long."""
    head = struct.pack("<4sHHIIQQQQQQQQQI", b"AEN1", 2, 0, 16, 0, 0, 0, 77, 0, 0, 0, 0, 0, 0, 0)
    return head + struct.pack("<I", crc32c(head))


def receive(connection, size):
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            break
        data += more
    return data


class VerifyingClient:
    def __init__(self, test, address, prefix=()):
        self.test = test
        self.process = subprocess.Popen([*prefix, ARGS.client, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=test.plain_environment(), text=True)
        test.addCleanup(self.end)
        test.assertEqual(self.line(), "ready\n")

    def end(self):
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()

    def line(self):
        news = select.poll()
        news.register(self.process.stdout, select.POLLIN | select.POLLHUP)
        if not news.poll(ANSWER_S * 1000):
            self.test.fail("the client hangs\n" + self.what_is_going_on())
        return self.process.stdout.readline()

    def what_is_going_on(self):
        """Where the threads of both sides are, what is between them, and what the engine said last."""
        words = [["ss", "-tanp", f"( sport = :{self.test.port()} or dport = :{self.test.port()} )"]]
        words += [["gdb", "-p", str(pid), "-batch", "-ex", "thread apply all bt 40"]
                  for pid in (self.process.pid, self.test.engine)]
        told = []
        for each in words:
            with contextlib.suppress(FileNotFoundError, subprocess.TimeoutExpired):
                done = subprocess.run(each, capture_output=True, text=True, timeout=120, check=False)
                told.append(f"{' '.join(each)}:\n{done.stdout[-20000:]}")
        return "\n".join(told + ["engine.log:", self.test.engine_log()[-5000:]])

    def answer(self):
        line = self.line()
        self.test.assertTrue(line.startswith("verified "), line + f" exit code {self.process.poll()}")
        return {name: int(value) for name, value in (each.split("=") for each in line.split()[1:])}

    def verify(self):
        """Everything acknowledged is there; how much that was, and what became of the rest."""
        with contextlib.suppress(BrokenPipeError):  # It has ended: its last line says why.
            self.process.stdin.write("verify\n")
            self.process.stdin.flush()
        return self.answer()

    def finish(self):
        self.process.stdin.close()
        counts = self.answer()
        self.test.assertEqual(self.process.wait(timeout=ANSWER_S), 0)
        return counts

    def wait_for(self, name, more_than):
        """Until so many were acknowledged, or refused."""
        deadline = time.monotonic() + ANSWER_S
        while True:
            counts = self.verify()
            if counts[name] > more_than:
                return counts
            self.test.assertLess(time.monotonic(), deadline, f"no more {name}: {counts}")
            time.sleep(0.05)


class Proxy:
    """Passes bytes on, and resets all connections when asked to."""

    def __init__(self, to):
        self.to = to
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp:127.0.0.1:{self.listener.getsockname()[1]}"
        self.lock = threading.Lock()
        self.open = []
        self.count = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.to))
                with self.lock:
                    self.open += [near, far]
                    self.count += 1
                for source, target in [(near, far), (far, near)]:
                    threading.Thread(target=self.pass_on, args=(source, target), daemon=True).start()

    def pass_on(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def reset(self):
        with self.lock:
            for each in self.open:
                with contextlib.suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
            self.open = []

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.reset()


def free_port():
    """One with free ones behind it, for more targets."""
    while True:
        with contextlib.ExitStack() as stack:
            port = stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                for more in range(1, TARGETS):
                    stack.enter_context(socket.create_server(("127.0.0.1", port + more)))
                return port


class EngineProcess(DaosTest):
    def setUp(self):
        super().setUp()
        seed = ARGS.seed if ARGS.seed is not None else random.randrange(1 << 30)
        print(f"{self.id().rsplit('.', 1)[1]}: --seed {seed}", flush=True)
        self.random = random.Random(seed)
        self.address = f"tcp:127.0.0.1:{free_port()}"
        self.addCleanup(self.aeon, "down", "--force", self.store, check=False)

    def up(self, *options):
        done = self.aeon("up", self.store, "--json", "--listen", self.address, *options)
        self.engine = json.loads(done.stdout)["response"]["process"]

    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port()), timeout=30)

    def kill(self):
        os.kill(self.engine, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while not self.has_ended():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.005)

    def kill_one_of(self, engines):
        """Any of several; it is started again by itself."""
        # It fails while rank 0 isn't there, and shows the others.
        status = json.loads(self.aeon("status", self.store, "--json", check=False).stdout)["response"]["engines"]
        self.assertEqual(len(status), engines)
        running = [engine["process"] for engine in status if engine["process"] is not None]
        if running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.random.choice(running), signal.SIGKILL)

    def has_ended(self):
        try:
            with open(f"/proc/{self.engine}/stat", encoding="ascii") as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "Z"  # Its parent takes its time.
        except FileNotFoundError:
            return True

    def engine_log(self):
        with open(os.path.join(self.store, "engine.log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def rss(self):
        with open(f"/proc/{self.engine}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_s(self):
        with open(f"/proc/{self.engine}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def needs_root(self, what):
        if os.geteuid() != 0:
            self.skipTest(f"only root may {what}")

    def run_or_skip(self, *words):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.skipTest(f"{' '.join(words)}: {done.stderr.strip()}")


class Faults(EngineProcess):
    def test_killed_again_and_again(self):
        self.kill_again_and_again(ARGS.kills)

    def test_killed_with_several_targets(self):
        self.kill_again_and_again(ARGS.kills // 2, "--targets", str(TARGETS))

    def test_one_of_several_engines_killed_again_and_again(self):
        self.up("--engines", str(TARGETS))
        client = VerifyingClient(self, self.address)
        before = client.wait_for("acknowledged", 0)
        for kill in range(ARGS.kills // 2):
            time.sleep(self.random.choice([0.01, 0.05, 0.1, 0.3]))
            self.kill_one_of(TARGETS)
            if kill % 10 == 4:
                before = client.wait_for("acknowledged", before["acknowledged"])
                if kill % 50 == 4:
                    print(f"kill {kill + 1}: {before}", flush=True)
        client.wait_for("acknowledged", before["acknowledged"])
        counts = client.finish()
        self.assertEqual(counts["unknown"] + counts["refused"], 0, "engines know again what was under way")
        self.ok("container", "list", "default", "-q")
        self.assertIn("engine_serves_again", self.engine_log())

    def kill_again_and_again(self, kills, *options):
        self.up(*options)
        client = VerifyingClient(self, self.address)
        before = client.wait_for("acknowledged", 0)
        for kill in range(kills):
            time.sleep(self.random.choice([0.01, 0.05, 0.1, 0.3]))
            self.kill()
            time.sleep(self.random.choice([0, 0, 0.2]))
            self.up()
            if kill % 10 == 4:
                counts = client.wait_for("acknowledged", before["acknowledged"])
                before = counts
                if kills > 100 and kill % 50 == 4:
                    print(f"kill {kill + 1}: {counts}", flush=True)
        counts = client.finish()
        self.assertGreaterEqual(counts["acknowledged"], before["acknowledged"])
        self.assertEqual(counts["unknown"] + counts["refused"], 0, "the next engine knows again what was under way")
        self.ok("container", "list", "default", "-q")

    def test_stopped_for_longer_than_clients_wait_for_a_sign_of_life(self):
        self.up()
        client = VerifyingClient(self, self.address)
        before = client.wait_for("acknowledged", 0)
        os.kill(self.engine, signal.SIGSTOP)
        time.sleep(SILENCE_S)
        os.kill(self.engine, signal.SIGCONT)
        client.wait_for("acknowledged", before["acknowledged"])
        os.kill(client.process.pid, signal.SIGSTOP)
        time.sleep(SILENCE_S)
        other = VerifyingClient(self, self.address)  # Served meanwhile.
        self.assertGreaterEqual(other.verify()["refused"], 0)
        other.end()
        os.kill(client.process.pid, signal.SIGCONT)

    def test_connections_are_reset_at_any_moment(self):
        self.up()
        proxy = Proxy(self.port())
        self.addCleanup(proxy.close)
        client = VerifyingClient(self, proxy.address)
        for _ in range(max(20, ARGS.kills // 5)):
            time.sleep(self.random.choice([0.01, 0.03, 0.1]))
            proxy.reset()
        counts = client.finish()
        self.assertGreater(counts["acknowledged"], 0)
        self.assertEqual(counts["unknown"] + counts["refused"], 0, "the engine was there all the time")
        self.assertGreater(proxy.count, 5)

    def test_a_full_disk(self):
        self.needs_root("mount a small file system")
        disk = os.path.join(self.folder, "disk")
        os.mkdir(disk)
        self.run_or_skip("mount", "-t", "tmpfs", "-o", "size=256m", "none", disk)
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=False)
        self.store = os.path.join(disk, "store")
        self.addCleanup(self.aeon, "down", "--force", self.store, check=False)
        self.up()
        client = VerifyingClient(self, self.address)
        client.wait_for("acknowledged", 0)
        filler = os.path.join(disk, "filler")
        with open(filler, "wb") as file:
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * (1 << 20))
                    file.flush()
        client.wait_for("refused", 0)
        self.kill()
        self.up()
        client.verify()
        os.remove(filler)
        counts = client.verify()
        client.wait_for("acknowledged", counts["acknowledged"])
        client.finish()


class Crowds(EngineProcess):
    def setUp(self):
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        # The engine keeps some, and an eighth for its socket.
        if hard < ARGS.connections * 5 // 4 + 1000:
            self.skipTest(f"at most {hard} descriptors here")

    def crowd(self, count):
        connections = []
        self.addCleanup(lambda: [each.close() for each in connections])
        for _ in range(count):
            connections.append(self.connect())
        return connections

    def test_idle_connections_cost_little(self):
        self.up()
        client = VerifyingClient(self, self.address)
        client.wait_for("acknowledged", 0)
        client.finish()
        before = self.rss()
        idle = self.crowd(ARGS.connections)
        for each in idle:
            each.sendall(ping())
        for each in idle:
            self.assertEqual(len(receive(each, 96)), 96)
        time.sleep(1)
        self.assertLess(self.rss() - before, KEEP_ALIVE_RSS + ARGS.connections * 16384)
        cpu_s = self.cpu_s()
        time.sleep(4)
        self.assertLess(self.cpu_s() - cpu_s, 4 * IDLE_CPU)
        client = VerifyingClient(self, self.address)
        client.wait_for("acknowledged", 0)
        client.finish()
        idle[0].sendall(ping())
        self.assertEqual(len(receive(idle[0], 96)), 96, "it was spared")

    def test_descriptors_run_out(self):
        self.up()
        resource.prlimit(self.engine, resource.RLIMIT_NOFILE, (100, 100))
        client = VerifyingClient(self, self.address)
        before = client.wait_for("acknowledged", 0)
        silent = self.crowd(400)
        client.wait_for("acknowledged", before["acknowledged"])
        late = VerifyingClient(self, self.address)
        late.wait_for("acknowledged", 0)
        self.assertTrue(late.finish())
        cpu_s = self.cpu_s()
        counts = client.finish()
        self.assertEqual(counts["refused"], 0)
        time.sleep(3)
        self.assertLess(self.cpu_s() - cpu_s, 1.5, "it doesn't spin")
        for each in silent:
            each.close()
        self.aeon("down", self.store)

    def test_strangers_that_send_nonsense_slowly(self):
        self.up()
        client = VerifyingClient(self, self.address)
        before = client.wait_for("acknowledged", 0)
        rss = self.rss()
        strangers = self.crowd(300)
        for step in range(20):
            for number, each in enumerate(strangers):
                with contextlib.suppress(OSError):
                    each.sendall(self.random.randbytes(300) if number % 3 == 0 else ping()[step:step + 1])
            time.sleep(0.02)
        for each in strangers[1::3]:  # Pings without end, whose answers nobody reads.
            each.setblocking(False)
            with contextlib.suppress(OSError):
                each.send(ping() * 1000)
        client.wait_for("acknowledged", before["acknowledged"])
        self.assertLess(self.rss() - rss, 4 * KEEP_ALIVE_RSS)
        self.assertLess(len(self.engine_log()), 1 << 20)
        self.assertGreater(client.finish()["acknowledged"], before["acknowledged"])


class Namespaces(EngineProcess):
    def setUp(self):
        super().setUp()
        self.needs_root("make network namespaces")
        if shutil.which("ip") is None:
            self.skipTest("there is no ip(8)")
        mark = f"{os.getpid() % 100000}"
        self.near, self.far = "aeonc" + mark, "aeone" + mark
        self.link = "ve" + mark
        for name in [self.near, self.far]:
            self.run_or_skip("ip", "netns", "add", name)
            self.addCleanup(subprocess.run, ["ip", "netns", "del", name], check=False)
        self.run_or_skip("ip", "link", "add", self.link, "netns", self.near, "type", "veth", "peer", "name", self.link,
                         "netns", self.far)
        for name, address in [(self.near, "10.213.7.1/24"), (self.far, "10.213.7.2/24")]:
            self.run_or_skip("ip", "-n", name, "address", "add", address, "dev", self.link)
            self.run_or_skip("ip", "-n", name, "link", "set", self.link, "up")
            self.run_or_skip("ip", "-n", name, "link", "set", "lo", "up")
        self.address = "tcp:10.213.7.2:10001"

    def up(self, *options):
        words = ["ip", "netns", "exec", self.far, AEON, "up", self.store, "--json", "--listen", self.address,
                 "--allow-insecure", *options]
        done = subprocess.run(words, env=self.plain_environment(), capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.engine = json.loads(done.stdout)["response"]["process"]

    def set_link(self, state):
        subprocess.run(["ip", "-n", self.near, "link", "set", self.link, state], check=True)

    def test_the_link_to_several_engines_goes_down_and_comes_up(self):
        self.up("--engines", str(TARGETS))
        client = VerifyingClient(self, self.address, ["ip", "netns", "exec", self.near])
        before = client.wait_for("acknowledged", 0)
        for down_s in [0.5, SILENCE_S]:
            self.set_link("down")
            self.kill_one_of(TARGETS)
            time.sleep(down_s)
            self.set_link("up")
            before = client.wait_for("acknowledged", before["acknowledged"])
        self.assertEqual(client.finish()["refused"], 0)

    def test_the_link_goes_down_and_comes_up(self):
        self.up()
        client = VerifyingClient(self, self.address, ["ip", "netns", "exec", self.near])
        before = client.wait_for("acknowledged", 0)
        for down_s in [0.5, SILENCE_S, 0.1]:
            self.set_link("down")
            time.sleep(down_s)
            self.set_link("up")
            before = client.wait_for("acknowledged", before["acknowledged"])
        self.set_link("down")
        self.kill()
        time.sleep(1)
        self.up()
        self.set_link("up")
        client.wait_for("acknowledged", before["acknowledged"])
        self.assertEqual(client.finish()["refused"], 0)


if __name__ == "__main__":
    main()
