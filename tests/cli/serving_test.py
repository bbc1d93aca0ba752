#!/usr/bin/env python3
"""A directory is served to many processes, and goes back and forth between that and embedded mode."""

import concurrent.futures
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

from daos_tool import AEON, DAOS, DaosTest, listing, main


class ServedDirectory(DaosTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.aeon, "down", "--force", self.store, check=False)

    def up(self, *options):
        return json.loads(self.aeon("up", self.store, "--json", *options).stdout)["response"]

    def process(self):
        return json.loads(self.aeon("status", self.store, "--json").stdout)["response"]["process"]

    def kill(self):
        process = self.process()
        os.kill(process, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while os.path.exists(f"/proc/{process}"):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def refuses(self, *words, saying):
        done = self.aeon(*words, check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("aeon: "), done.stderr)
        self.assertIn(saying, done.stderr)


class Serving(ServedDirectory):
    def test_what_is_written_embedded_is_read_served_and_the_other_way_round(self):
        tree = self.write_file("tree/deep/file", os.urandom(300_000))
        root = os.path.join(self.folder, "tree")
        self.ok("fs", "copy", root, "daos://default/c/embedded")
        up = self.up()
        self.assertLess(up["ready_ms"], 10_000)
        self.ok("fs", "copy", "daos://default/c/embedded", os.path.join(self.folder, "one"))
        self.ok("fs", "copy", root, "daos://default/c/served")
        self.aeon("down", self.store)
        self.ok("fs", "copy", "daos://default/c/served", os.path.join(self.folder, "two"))
        for copy in ["one", "two"]:
            self.assertEqual(listing(os.path.join(self.folder, copy)), listing(root))
        self.assertEqual(self.read_file(os.path.join(self.folder, "two", "deep", "file")), self.read_file(tree))
        self.assertNotIn("serving", os.listdir(self.store))

    def test_many_processes_use_it_at_once(self):
        self.up()
        self.ok("container", "create", "default", "c")
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            done = list(pool.map(lambda i: self.daos("kv", "put", "default", "c", "1.0", f"k{i}", f"v{i}"), range(64)))
            self.assertEqual([each.stderr for each in done if each.returncode != 0], [])
            values = list(pool.map(lambda i: self.ok("kv", "get", "default", "c", "1.0", f"k{i}"), range(64)))
        self.assertEqual(values, [f"v{i}" for i in range(64)])

    def test_up_twice_and_down_twice_are_no_errors(self):
        first = self.up()
        again = self.up()
        self.assertEqual(again["process"], first["process"])
        self.aeon("down", self.store)
        self.assertIn("Nobody serves", self.aeon("down", self.store).stdout)
        self.refuses("status", self.store, saying="aeon up")

    def test_an_engine_that_hangs_is_ended_by_force(self):
        process = self.up()["process"]
        self.ok("container", "create", "default", "c")
        os.kill(process, signal.SIGSTOP)
        self.aeon("down", "--force", self.store)
        self.refuses("status", self.store, saying="nobody serves")
        self.assertEqual(self.ok("container", "list", "default", "-q").split(), ["c"])

    def test_an_engine_that_is_ending_or_hangs_isn_t_taken_for_one_that_serves(self):
        """One that was killed has the directory until its last thread is gone."""
        process = self.up()["process"]
        os.kill(process, signal.SIGSTOP)
        self.refuses("up", self.store, saying="doesn't answer; it may hang, or be very busy; 'aeon down --force' ends it")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            again = pool.submit(self.up)
            time.sleep(1.5)
            self.assertFalse(again.done())
            os.kill(process, signal.SIGKILL)
            served_by = again.result()["process"]
            self.assertNotEqual(served_by, process)
            self.ok("container", "create", "default", "c")
            os.kill(served_by, signal.SIGSTOP)
            embedded = pool.submit(self.ok, "container", "list", "default", "-q")
            time.sleep(1.5)
            self.assertFalse(embedded.done())
            os.kill(served_by, signal.SIGKILL)
            self.assertEqual(embedded.result().split(), ["c"])

    def test_the_system_s_name_names_the_directory_too(self):
        env = {"AEON_SYSTEM": "local:" + self.store}
        self.aeon("up", env=env)
        self.assertIn(self.store, self.aeon("status", env=env).stdout)
        self.aeon("down", "--local", self.store)
        self.assertEqual(self.aeon("status", env=env, check=False).returncode, 1)

    def test_a_killed_engine_loses_nothing_acknowledged(self):
        self.up()
        self.ok("container", "create", "default", "c")
        for i in range(20):
            self.ok("kv", "put", "default", "c", "1.0", f"k{i}", f"v{i}")
        self.kill()
        self.refuses("status", self.store, saying="nobody serves")
        self.assertEqual(self.ok("kv", "get", "default", "c", "1.0", "k7"), "v7")  # Embedded, from the log.
        self.up()
        self.kill()
        self.up()
        for i in range(20):
            self.assertEqual(self.ok("kv", "get", "default", "c", "1.0", f"k{i}"), f"v{i}")

    def test_a_copy_goes_on_when_the_engine_is_back(self):
        self.write_file("tree/large", os.urandom(60_000_000))
        for i in range(300):
            self.write_file(f"tree/many/{i}", os.urandom(5000))
        root, back = os.path.join(self.folder, "tree"), os.path.join(self.folder, "back")
        self.up()
        copy = subprocess.Popen([DAOS, "fs", "copy", root, "daos://default/c/tree"], stderr=subprocess.PIPE, text=True,
                                stdout=subprocess.DEVNULL,
                                env={**self.plain_environment(), "AEON_SYSTEM": "local:" + self.store})
        time.sleep(0.1)
        self.kill()
        self.up()
        _, complaint = copy.communicate(timeout=100)
        if copy.returncode != 0:  # What it was doing just then may be unknown; then it says so, and goes on anew.
            self.assertTrue(re.search("restarted|whether the request was done", complaint), complaint)
            self.ok("fs", "copy", root, "daos://default/c/tree", "--merge")
        self.ok("fs", "copy", "daos://default/c/tree", back)
        self.assertEqual(listing(back), listing(root))

    def test_a_directory_that_is_used_otherwise_is_not_served(self):
        self.ok("container", "create", "default", "files", "--type", "POSIX")
        self.write_file("big", os.urandom(200_000_000))
        holder = subprocess.Popen([DAOS, "fs", "copy", os.path.join(self.folder, "big"), "daos://default/files/big"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  env={**self.plain_environment(), "AEON_SYSTEM": "local:" + self.store})
        def is_held():
            with open(os.path.join(self.store, "lock"), encoding="ascii") as lock:
                return lock.read().startswith(f"process {holder.pid} ")

        while not is_held() and holder.poll() is None:
            pass
        holder.send_signal(signal.SIGSTOP)
        self.refuses("up", self.store, saying=f"is in use by process {holder.pid}")
        holder.send_signal(signal.SIGCONT)
        self.assertEqual(holder.wait(timeout=100), 0)

    def test_other_directories_are_left_alone(self):
        self.write_file("mine/precious", "kept")
        mine = os.path.join(self.folder, "mine")
        self.refuses("up", mine, saying="precious")
        self.refuses("down", mine, saying="system")
        self.refuses("status", os.path.join(self.folder, "nowhere"), saying="nowhere")
        self.assertEqual(os.listdir(mine), ["precious"])

    def test_it_listens_where_it_is_told(self):
        self.up("--listen", "tcp:127.0.0.1:0")
        addresses = json.loads(self.aeon("status", self.store, "--json").stdout)["response"]["addresses"]
        tcp = [address for address in addresses if address.startswith("tcp:127.0.0.1:")]
        self.assertEqual(len(tcp), 1)
        self.assertNotIn(":0", tcp[0][-2:])
        self.ok("container", "create", "default", "c", env={"AEON_SYSTEM": tcp[0]})
        self.assertEqual(self.ok("container", "list", "default", "-q").split(), ["c"])

    def test_an_address_in_use_is_told(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"tcp:127.0.0.1:{taken.getsockname()[1]}"
            self.refuses("up", self.store, "--listen", address, saying=address)
        self.assertEqual(self.ok("container", "list", "default", "-q"), "")  # The directory is free again.

    def test_a_long_path_is_no_obstacle(self):
        self.store = os.path.join(self.folder, "x" * 120, "y" * 120)
        os.makedirs(os.path.dirname(self.store))
        self.addCleanup(self.aeon, "down", "--force", self.store, check=False)
        self.up()
        self.ok("container", "create", "default", "c")
        self.assertIn("c", self.ok("container", "list", "default", "-q"))

    def test_what_it_does_is_shown_and_measured(self):
        up = self.up("--metrics", "tcp:127.0.0.1:0")
        self.ok("container", "create", "default", "c")
        top = subprocess.Popen([AEON, "top", self.store, "--json", "--interval", "1500"], stdout=subprocess.PIPE,
                               env=self.plain_environment(), text=True)
        time.sleep(0.5)
        for i in range(10):
            self.ok("kv", "put", "default", "c", "1.0", f"k{i}", "value")
        answer, _ = top.communicate(timeout=30)
        shown = json.loads(answer)["response"]["intervals"][0]
        self.assertTrue(shown["healthy"])
        writes = shown["targets"][0]["operations"]["object_write"]
        self.assertGreater(writes["answered"], 0)
        self.assertGreater(writes["p50_us"], 0)
        page = self.aeon("top", self.store, "--interval", "100").stdout
        self.assertIn("0 of default", page)
        status = json.loads(self.aeon("status", self.store, "--json").stdout)["response"]
        self.assertTrue(status["healthy"])
        self.assertEqual(status["metrics"], up["metrics"])
        url = "http://" + up["metrics"].removeprefix("tcp:")
        with urllib.request.urlopen(url + "/metrics", timeout=10) as answer:
            metrics = answer.read().decode()
        self.assertIn('aeon_requests_total{target="0",pool="default",operation="object_write",code="ok"} 10', metrics)
        with urllib.request.urlopen(url + "/healthz", timeout=10) as answer:
            self.assertEqual(answer.status, 200)

    def test_what_needs_the_files_themselves_says_who_has_them(self):
        self.up()
        self.fails("debug", "superblock", saying=f"process {self.process()}")

    def test_an_idle_engine_uses_no_time(self):
        process = self.up()["process"]
        self.ok("container", "create", "default", "c")

        def ticks():
            with open(f"/proc/{process}/stat", encoding="ascii") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            return int(fields[11]) + int(fields[12])

        time.sleep(1)
        before = ticks()
        time.sleep(3)
        self.assertLessEqual(ticks() - before, 0.02 * 3 * os.sysconf("SC_CLK_TCK"))

    def test_those_who_ask_who_serves_it_dont_keep_it_from_being_served(self):
        self.ok("system", "create", self.store)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            is_over = False

            def ask():
                while not is_over:
                    self.aeon("status", self.store, check=False)
            asking = [pool.submit(ask) for _ in range(4)]
            for _ in range(5):
                self.up()
                self.aeon("down", self.store)
            is_over = True
            for each in asking:
                each.result()

    def test_in_the_foreground_it_stops_when_interrupted(self):
        engine = subprocess.Popen([AEON, "up", self.store, "--foreground"], stderr=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, env=self.plain_environment())
        deadline = time.monotonic() + 30
        while self.aeon("status", self.store, check=False).returncode != 0:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        self.ok("container", "create", "default", "c")
        engine.send_signal(signal.SIGINT)
        self.assertEqual(engine.wait(timeout=30), 0)
        self.assertEqual(self.ok("container", "list", "default", "-q").split(), ["c"])


class Tls(ServedDirectory):
    def setUp(self):
        super().setUp()
        self.certs = self.make_certs("certs")

    def make_certs(self, name, *options):
        path = os.path.join(self.folder, name)
        self.aeon("certs", path, *options)
        return path

    def at(self, address, certs=None, **more):
        return {"AEON_SYSTEM": address, "AEON_CERTS": certs or self.certs, **more}

    def address(self, up, kind):
        return next(address for address in up["addresses"] if address.startswith(kind))

    def up_by_tls(self):
        return self.address(self.up("--listen", "tls:127.0.0.1:0", "--certs", self.certs), "tls:")

    def refuses_quickly(self, env, saying):
        begin = time.monotonic()
        line = self.fails("pool", "list", saying=saying, env=env)
        self.assertLess(time.monotonic() - begin, 4, line)

    def test_what_is_written_by_tls_is_read_by_the_socket(self):
        tree = self.write_file("tree/file", os.urandom(5_000_000))
        address = self.up_by_tls()
        self.ok("fs", "copy", os.path.dirname(tree), "daos://default/c/tree", env=self.at(address))
        self.ok("fs", "copy", "daos://default/c/tree", os.path.join(self.folder, "one"))
        self.ok("fs", "copy", "daos://default/c/tree", os.path.join(self.folder, "two"), env=self.at(address))
        for copy in ["one", "two"]:
            self.assertEqual(self.read_file(os.path.join(self.folder, copy, "file")), self.read_file(tree))

    def test_who_has_no_certificate_or_another_s_isn_t_let_in(self):
        address = self.up_by_tls()
        self.refuses_quickly({"AEON_SYSTEM": address}, "AEON_CERTS")
        self.refuses_quickly(self.at(address, self.make_certs("other")), "its certificate is of another CA than ours")
        trusting = self.make_certs("trusting")
        shutil.copy(os.path.join(self.certs, "ca.crt"), trusting)
        self.refuses_quickly(self.at(address, trusting), "isn't of the CA in")
        with open(os.path.join(trusting, "ca.crt"), "ab") as ca, open(os.path.join(self.folder, "other", "ca.crt"), "rb") as more:
            ca.write(more.read())
        for name in ["client.crt", "client.key"]:
            shutil.copy(os.path.join(self.folder, "other", name), trusting)
        self.refuses_quickly(self.at(address, trusting), "our certificate is of another CA")

    def test_a_client_s_certificate_doesn_t_serve(self):
        for kind in ["crt", "key"]:
            shutil.copy(os.path.join(self.certs, "client." + kind), os.path.join(self.certs, "server." + kind))
        self.refuses("up", self.store, "--listen", "tls:127.0.0.1:0", "--certs", self.certs,
                     saying="no server's certificate")

    def test_a_key_for_everyone_is_no_key(self):
        os.chmod(os.path.join(self.certs, "server.key"), 0o644)
        self.refuses("up", self.store, "--listen", "tls:127.0.0.1:0", "--certs", self.certs, saying="chmod 600")
        self.refuses("up", self.store, "--listen", "tls:127.0.0.1:0", saying="aeon certs")

    def test_an_engine_outlives_strangers(self):
        address = self.up_by_tls()
        port = int(address.rsplit(":", 1)[1])
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", port)) as stranger:
                stranger.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + os.urandom(3000))
        begin = time.monotonic()
        self.ok("pool", "list", env=self.at(address))
        self.assertLess(time.monotonic() - begin, 5)
        for one in silent:
            one.settimeout(15)
            try:
                while one.recv(1000):  # An alert, perhaps; then the end.
                    pass
            except ConnectionResetError:
                pass
            one.close()
        self.ok("pool", "list", env=self.at(address))

    def test_a_client_that_speaks_plainly_or_a_server_is_told(self):
        up = self.up("--listen", "tls:127.0.0.1:0", "--listen", "tcp:127.0.0.1:0", "--certs", self.certs)
        tls, tcp = self.address(up, "tls:"), self.address(up, "tcp:")
        self.fails("pool", "list", saying="", env={"AEON_SYSTEM": "tcp:" + tls[4:]})
        self.fails("pool", "list", saying="TLS", env=self.at("tls:" + tcp[4:]))
        self.ok("pool", "list", env={"AEON_SYSTEM": tcp})

    def test_a_killed_engine_is_waited_for(self):
        with socket.create_server(("127.0.0.1", 0)) as chosen:
            address = f"tls:127.0.0.1:{chosen.getsockname()[1]}"
        self.up("--listen", address, "--certs", self.certs)
        self.ok("container", "create", "default", "c")
        self.write_file("tree/large", os.urandom(60_000_000))
        root, back = os.path.join(self.folder, "tree"), os.path.join(self.folder, "back")
        copy = subprocess.Popen([DAOS, "fs", "copy", root, "daos://default/d/tree"], stderr=subprocess.PIPE, text=True,
                                stdout=subprocess.DEVNULL, env={**self.plain_environment(), **self.at(address)})
        time.sleep(0.2)
        self.kill()
        self.up("--listen", address, "--certs", self.certs)
        _, complaint = copy.communicate(timeout=100)
        if copy.returncode != 0:
            self.assertTrue(re.search("restarted|whether the request was done", complaint), complaint)
            self.ok("fs", "copy", root, "daos://default/d/tree", "--merge")
        self.ok("fs", "copy", "daos://default/d/tree", back, env=self.at(address))
        self.assertEqual(listing(back), listing(root))

    def test_certificates_are_renewed_by_the_same_ca(self):
        address = self.up_by_tls()
        old = os.path.join(self.folder, "old")
        shutil.copytree(self.certs, old)
        done = json.loads(self.aeon("certs", self.certs, "--days", "9", "--json").stdout)["response"]
        self.assertEqual((done["new_ca"], done["valid_days"]), (False, 9))
        self.ok("pool", "list", env=self.at(address))
        self.aeon("down", self.store)
        self.up("--listen", address, "--certs", self.certs)
        self.ok("pool", "list", env=self.at(address, old))
        self.assertIn("certificate_expires_soon", self.read_file(os.path.join(self.store, "engine.log")).decode())

    def test_certs_says_what_is_wrong(self):
        self.refuses("certs", os.path.join(self.folder, "no", "such"), saying="no/such")
        self.assertEqual(self.aeon("certs", self.certs, "--days", "0", check=False).returncode, 1)
        os.remove(os.path.join(self.certs, "ca.key"))
        self.refuses("certs", self.certs, saying="ca.key")

    def test_plain_tcp_leaves_the_host_only_if_somebody_says_so(self):
        self.refuses("up", self.store, "--listen", "tcp:0.0.0.0:0", saying="--allow-insecure")
        up = self.up("--listen", "tcp:0.0.0.0:0", "--allow-insecure")
        self.assertIn("insecure_address", self.read_file(os.path.join(self.store, "engine.log")).decode())
        port = self.address(up, "tcp:").rsplit(":", 1)[1]
        address = f"tcp:{self.own_address()}:{port}"
        self.refuses_quickly({"AEON_SYSTEM": address}, "AEON_ALLOW_INSECURE=1")
        done = self.daos("pool", "list", env={"AEON_SYSTEM": address, "AEON_ALLOW_INSECURE": "1", "AEON_LOG_LEVEL": "warn"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("insecure_address", done.stderr)
        self.ok("pool", "list", env={"AEON_SYSTEM": f"tcp:127.0.0.1:{port}"})

    def own_address(self):
        """One of this host's that isn't loopback."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # Nothing is sent.
                own = probe.getsockname()[0]
            except OSError:
                own = "127.0.0.1"
        if own.startswith("127."):
            self.skipTest("this host has loopback only")
        return own


class Libfabric(ServedDirectory):
    """Skipped only where the build has no libfabric, or libfabric no such provider."""

    def up_at(self, address, *options):
        up = self.aeon("up", self.store, "--json", "--listen", address, *options, check=False)
        for missing in ["needs libfabric", "libfabric has no provider"]:
            if missing in up.stderr:
                self.skipTest(up.stderr.strip())
        self.assertEqual(up.returncode, 0, up.stderr)
        kind = address.split(":")[0].split(";")[0] + ":"
        return next(each for each in json.loads(up.stdout)["response"]["addresses"] if each.startswith(kind))

    def name(self):
        name = "serving-test-" + os.path.basename(self.folder)
        self.addCleanup(self.remove_regions, name)
        return "ofi+shm:" + name

    @staticmethod
    def remove_regions(name):
        """What libfabric's shared memory leaves behind of processes that were killed."""
        for region in os.listdir("/dev/shm"):
            process = region.split(":")[0]
            if f"-{name}" in region or (process.isdigit() and not os.path.exists(f"/proc/{process}")):
                os.unlink(os.path.join("/dev/shm", region))

    def copies_both_ways(self, address):
        tree = self.write_file("tree/large", os.urandom(7_000_000))
        self.write_file("tree/small", b"few bytes")
        root, env = os.path.dirname(tree), {"AEON_SYSTEM": address}
        self.ok("fs", "copy", root, "daos://default/c/tree", env=env)
        self.ok("fs", "copy", "daos://default/c/tree", os.path.join(self.folder, "one"))
        self.ok("fs", "copy", "daos://default/c/tree", os.path.join(self.folder, "two"), env=env)
        for copy in ["one", "two"]:
            self.assertEqual(listing(os.path.join(self.folder, copy)), listing(root))
            self.assertEqual(self.read_file(os.path.join(self.folder, copy, "large")), self.read_file(tree))

    def test_what_is_written_by_libfabric_s_tcp_is_read_by_the_socket(self):
        self.copies_both_ways(self.up_at("ofi+tcp:127.0.0.1:0"))

    def test_what_is_written_by_libfabric_s_shared_memory_is_read_by_the_socket(self):
        self.copies_both_ways(self.up_at(self.name()))

    def test_several_targets_are_reached_by_it(self):
        self.copies_both_ways(self.up_at("ofi+tcp;ofi_rxm://127.0.0.1:0", "--targets", "2").replace("ofi+tcp:", "ofi+tcp;ofi_rxm:"))

    def test_several_targets_have_names_of_their_own(self):
        self.copies_both_ways(self.up_at(self.name(), "--targets", "2"))

    def test_many_processes_use_it_at_once(self):
        env = {"AEON_SYSTEM": self.up_at("ofi+tcp:127.0.0.1:0")}
        self.ok("container", "create", "default", "c")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            done = list(pool.map(lambda i: self.daos("kv", "put", "default", "c", "1.0", f"k{i}", f"v{i}", env=env), range(24)))
        self.assertEqual([each.stderr for each in done if each.returncode != 0], [])
        self.assertEqual([self.ok("kv", "get", "default", "c", "1.0", f"k{i}") for i in range(24)], [f"v{i}" for i in range(24)])

    def test_a_killed_engine_is_waited_for(self):
        with socket.create_server(("127.0.0.1", 0)) as chosen:
            address = f"ofi+tcp:127.0.0.1:{chosen.getsockname()[1]}"
        self.up_at(address)
        self.write_file("tree/large", os.urandom(60_000_000))
        root, back = os.path.join(self.folder, "tree"), os.path.join(self.folder, "back")
        copy = subprocess.Popen([DAOS, "fs", "copy", root, "daos://default/d/tree"], stderr=subprocess.PIPE, text=True,
                                stdout=subprocess.DEVNULL, env={**self.plain_environment(), "AEON_SYSTEM": address})
        time.sleep(0.5)
        self.kill()
        self.up("--listen", address)
        _, complaint = copy.communicate(timeout=100)
        if copy.returncode != 0:
            self.assertTrue(re.search("restarted|whether the request was done", complaint), complaint)
            self.ok("fs", "copy", root, "daos://default/d/tree", "--merge")
        self.ok("fs", "copy", "daos://default/d/tree", back, env={"AEON_SYSTEM": address})
        self.assertEqual(listing(back), listing(root))

    def test_it_is_open_to_other_hosts_only_if_said_so(self):
        self.up_at("ofi+tcp:127.0.0.1:0")
        self.aeon("down", self.store)
        self.refuses("up", self.store, "--listen", "ofi+tcp:0.0.0.0:0", saying="--allow-insecure")
        address = self.up_at("ofi+tcp:0.0.0.0:0", "--allow-insecure")
        self.fails("pool", "list", saying="AEON_ALLOW_INSECURE=1", env={"AEON_SYSTEM": "ofi+tcp:192.0.2.1:1"})
        self.ok("pool", "list", env={"AEON_SYSTEM": "ofi+tcp:127.0.0.1:" + address.rsplit(":", 1)[1]})

    def test_what_is_no_address_is_said(self):
        for wrong in ["ofi+tcp:127.0.0.1", "ofi+carrier-pigeon:h:1", "ofi+shm:a/b"]:
            self.refuses("up", self.store, "--listen", wrong, saying="is no address")
            self.fails("pool", "list", saying="is no address", env={"AEON_SYSTEM": wrong})


if __name__ == "__main__":
    main()
