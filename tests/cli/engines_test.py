#!/usr/bin/env python3
"""A directory is served by several engines: each a process with its share of the targets, started again if it ends."""

import json
import os
import signal
import time

from daos_tool import DaosTest, main

WAIT_S = 60


def is_alive(process):
    try:
        with open(f"/proc/{process}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class EnginesTest(DaosTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.aeon, "down", "--force", self.store, check=False)

    def up(self, *options):
        return json.loads(self.aeon("up", self.store, "--json", *options).stdout)["response"]

    def status(self):
        # It fails while rank 0 isn't there, and shows the others.
        return json.loads(self.aeon("status", self.store, "--json", check=False).stdout)["response"]

    def log(self):
        with open(os.path.join(self.store, "engine.log"), encoding="utf-8") as log:
            return log.read()

    def wait_until(self, what):
        deadline = time.monotonic() + WAIT_S
        while not what():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.01)

    def refuses(self, *words, saying):
        done = self.aeon(*words, check=False)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn(saying, done.stderr)

    def fill(self, count=24):
        self.ok("container", "create", "default", "c")
        for number in range(count):
            self.ok("kv", "put", "default", "c", str(number + 1), "key", f"value{number}")

    def check(self, count=24):
        for number in range(count):
            self.assertEqual(self.ok("kv", "get", "default", "c", str(number + 1), "key"), f"value{number}")

    def kill(self, rank):
        """Until it is there again, with another process."""
        before = self.status()["engines"][rank]
        os.kill(before["process"], signal.SIGKILL)

        def is_back():
            return self.status()["engines"][rank]["process"] not in (None, before["process"])
        self.wait_until(is_back)


class Serving(EnginesTest):
    def test_targets_are_shared_out_and_the_directory_comes_back(self):
        up = self.up("--engines", "3", "--targets", "7")
        self.assertLess(up["ready_ms"], 10_000)
        self.assertEqual([engine["targets"] for engine in up["engines"]], [[0, 1], [2, 3], [4, 5, 6]])
        processes = [up["process"]] + [engine["process"] for engine in up["engines"]]
        self.assertEqual(len(set(processes)), 4)
        self.fill()
        status = self.status()
        self.assertTrue(status["healthy"])
        self.assertEqual([target["index"] for target in status["targets"]], list(range(7)))
        used = [target["capacity"] - target["free"] for target in status["targets"]]
        self.assertGreater(min(used), 0)
        self.aeon("down", self.store)
        self.assertEqual([process for process in processes if is_alive(process)], [])
        self.assertNotIn("serving", os.listdir(self.store))
        self.check()  # Embedded.
        self.up()  # By one process.
        self.check()
        self.aeon("down", self.store)
        self.up("--engines", "2")
        self.check()

    def test_a_new_system_has_a_target_for_each(self):
        self.assertEqual([engine["targets"] for engine in self.up("--engines", "2")["engines"]], [[0], [1]])
        again = self.up("--engines", "2")
        self.assertEqual(len(again["engines"]), 2)
        self.refuses("up", self.store, "--engines", "3", saying="2 engines already")
        self.assertIn("Engine 1", self.aeon("status", self.store).stdout)

    def test_more_engines_than_targets_are_refused(self):
        self.refuses("up", self.store, "--engines", "3", "--targets", "2", saying="--targets 3")
        self.refuses("up", self.store, "--engines", "65", saying="1 to 64")
        self.ok("system", "create", self.store, "--targets", "2")
        self.refuses("up", self.store, "--engines", "3", saying="has 2")
        self.assertEqual(self.ok("container", "list", "default", "-q"), "")

    def test_an_engine_that_is_killed_is_started_again(self):
        self.up("--engines", "3", "--listen", "tcp:127.0.0.1:0", "--metrics", "tcp:127.0.0.1:0")
        self.fill()
        address = self.status()["addresses"][1]
        for rank in range(3):
            self.kill(rank)
            self.check()
            self.assertEqual(self.ok("kv", "get", "default", "c", "1", "key", env={"AEON_SYSTEM": address}), "value0")
        status = self.status()
        self.assertEqual(status["addresses"][1], address)
        self.assertEqual(len({engine["metrics"] for engine in status["engines"]}), 3)
        self.assertEqual(self.log().count("engine_serves_again"), 3)

    def test_one_alone_is_started_again_too(self):
        up = self.up("--engines", "1")
        self.assertNotEqual(up["engines"][0]["process"], up["process"])
        self.fill()
        self.kill(0)
        self.check()

    def test_one_that_cant_be_started_again_is_tried_until_it_can(self):
        self.up("--engines", "3")
        self.fill()
        engine = self.status()["engines"][1]
        os.rename(os.path.join(self.store, "target-1"), os.path.join(self.folder, "away"))
        os.kill(engine["process"], signal.SIGKILL)
        self.wait_until(lambda: self.status()["engines"][1]["process"] is None)
        self.assertIn("has ended", self.aeon("status", self.store).stdout)
        self.refuses("up", self.store, "--engines", "2", saying="3 engines already")
        self.up("--engines", "3")  # As it is.
        self.wait_until(lambda: "rank=1" in self.log() and "target-1" in self.log())
        os.rename(os.path.join(self.folder, "away"), os.path.join(self.store, "target-1"))
        self.wait_until(lambda: self.status()["engines"][1]["process"] is not None)
        self.check()

    def test_all_engines_are_killed_at_once(self):
        self.up("--engines", "3")
        self.fill()
        for engine in self.status()["engines"]:
            os.kill(engine["process"], signal.SIGKILL)
        self.check()

    def test_an_engine_that_hangs_without_its_keeper_is_ended_by_force(self):
        up = self.up("--engines", "2")
        self.fill()
        os.kill(up["engines"][0]["process"], signal.SIGSTOP)
        os.kill(up["process"], signal.SIGKILL)
        self.refuses("up", self.store, saying="'aeon down --force' ends it")
        self.aeon("down", "--force", self.store)
        self.assertEqual(self.aeon("status", self.store, check=False).returncode, 1)
        self.check()  # Embedded.

    def test_engines_end_when_their_keeper_is_killed(self):
        up = self.up("--engines", "3")
        self.fill()
        os.kill(up["process"], signal.SIGKILL)
        for engine in up["engines"]:
            self.wait_until(lambda process=engine["process"]: not is_alive(process))
        self.check()  # Embedded: nobody holds it any more.
        self.up("--engines", "3")
        self.check()

    def test_engines_that_hang_are_ended_by_force(self):
        up = self.up("--engines", "2")
        self.fill()
        for engine in up["engines"]:
            os.kill(engine["process"], signal.SIGSTOP)
        self.aeon("down", "--force", self.store)
        self.assertEqual([engine for engine in up["engines"] if is_alive(engine["process"])], [])
        self.check()

    def test_what_keeps_an_engine_from_starting_is_told(self):
        self.ok("system", "create", self.store, "--targets", "3")
        os.rename(os.path.join(self.store, "target-1"), os.path.join(self.folder, "away"))
        self.refuses("up", self.store, "--engines", "3", saying="target-1")
        self.refuses("status", self.store, saying="nobody serves")
        os.rename(os.path.join(self.folder, "away"), os.path.join(self.store, "target-1"))
        self.up("--engines", "3")
        self.fill()


class Signals(EnginesTest):
    def test_a_signal_to_the_whole_group_stops_all_in_order(self):
        up = self.up("--engines", "3")
        self.fill()
        for process in [engine["process"] for engine in up["engines"]] + [up["process"]]:
            os.kill(process, signal.SIGTERM)
        self.wait_until(lambda: not is_alive(up["process"]))
        self.assertIn("engine_stopped", self.log())
        self.assertNotIn("engine_ended", self.log())
        self.check()


if __name__ == "__main__":
    main()
