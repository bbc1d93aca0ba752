#!/usr/bin/env python3
"""Systems with several targets: made, served, shown and looked into."""

import json
import os

from daos_tool import DaosTest, main

BLOCK = 4096
SUPERBLOCKS = [0, 16 * BLOCK]
OBJECTS = 20


class TargetsTest(DaosTest):
    def create(self, count, *options):
        self.ok("system", "create", self.store, "--targets", str(count), "--log-size", "1M", *options)

    def fill(self):
        self.ok("container", "create", "default", "c")
        for number in range(1, OBJECTS + 1):
            self.ok("kv", "put", "default", "c", str(number), f"key{number}", f"value{number}")

    def debug(self, *words, **options):
        return self.response("debug", *words, **options)

    def target(self, index):
        return os.path.join(self.store, f"target-{index}")

    def damage_superblocks(self, index):
        with open(self.target(index), "r+b") as file:
            for offset in SUPERBLOCKS:
                file.seek(offset + 40)
                byte = file.read(1)[0]
                file.seek(offset + 40)
                file.write(bytes([byte ^ 0x10]))


class Making(TargetsTest):
    def test_create_makes_as_many_as_it_is_told(self):
        made = self.response("system", "create", self.store, "--targets", "3", "--log-size", "1M")
        self.assertEqual(made["targets"], 3)
        self.assertEqual(sorted(name for name in os.listdir(self.store) if name.startswith("target")),
                         ["target-0", "target-1", "target-2"])
        self.assertEqual(self.response("pool", "query", "default")["targets"], 3)
        devices = self.response("system", "list-devices")["devices"]
        self.assertEqual([(one["target"], one["path"], one["missing"]) for one in devices],
                         [(index, self.target(index), False) for index in range(3)])
        os.unlink(self.target(1))
        devices = self.response("system", "list-devices")["devices"]
        self.assertEqual([one["missing"] for one in devices], [False, True, False])
        self.fails("pool", "list", saying="target-1")

    def test_by_default_there_is_one(self):
        self.assertEqual(self.response("system", "create", self.store)["targets"], 1)
        self.assertNotIn("target", self.response("system", "list-devices")["devices"][0])

    def test_an_impossible_number_is_refused(self):
        for number in ["0", "65", "99999999999", "some", "-1"]:
            self.assertEqual(self.daos("system", "create", self.store, f"--targets={number}").returncode, 2, number)
        self.fails("system", "create", self.store, "--targets", "65", saying="1 to 64 targets", code=2)
        self.fails("system", "create", self.store, "--targets", "2", "--data-device", os.path.join(self.folder, "d"),
                   saying="devices of its own has one target", code=2)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "d")))

    def test_what_is_written_is_read_and_checked(self):
        self.create(3)
        self.fill()
        for number in range(1, OBJECTS + 1):
            self.assertEqual(self.ok("kv", "get", "default", "c", str(number), f"key{number}"), f"value{number}")
        self.assertEqual(len(self.response("container", "list-objects", "default", "c")["objects"]), OBJECTS)
        self.assertIn("No damage", self.ok("container", "check", "default", "c"))

    def test_a_file_tree_comes_back_as_it_was(self):
        self.create(3)
        content = {f"tree/{number}": os.urandom(3_000_000 if number == 0 else 5_000) for number in range(20)}
        for name, data in content.items():
            self.write_file(name, data)
        self.ok("fs", "copy", os.path.join(self.folder, "tree"), "daos://default/files/tree", "--verify")
        back = os.path.join(self.folder, "back")
        self.ok("fs", "copy", "daos://default/files/tree", back)
        for name, data in content.items():
            self.assertEqual(self.read_file(os.path.join(back, os.path.basename(name))), data)


class LookingInto(TargetsTest):
    def setUp(self):
        super().setUp()
        self.create(3)
        self.fill()

    def test_superblock_and_verify_show_all(self):
        shown = self.debug("superblock")["targets"]
        self.assertEqual([one["target"] for one in shown], [0, 1, 2])
        self.assertEqual([one["file"] for one in shown], [self.target(index) for index in range(3)])
        self.assertEqual(len({one["copies"][0]["store"] for one in shown}), 3)
        verified = self.debug("verify")["targets"]
        self.assertEqual([(one["target"], one["error"], one["damaged"]) for one in verified],
                         [(index, None, 0) for index in range(3)])
        lines = self.ok("debug", "verify").splitlines()
        self.assertEqual([line for line in lines if line.startswith("Target ")], ["Target 0", "Target 1", "Target 2"])
        self.assertEqual(sum(line.startswith("No damage") for line in lines), 3)

    def test_one_is_shown_as_if_it_were_alone(self):
        shown = self.debug("superblock", "--target", "1")
        self.assertEqual((shown["target"], shown["file"], len(shown["copies"])), (1, self.target(1), 2))
        alone = self.debug("superblock", "--device", self.target(1), env={})
        self.assertEqual(alone["copies"], shown["copies"])
        self.assertNotIn("target", alone)

    def test_others_show_the_first_unless_told(self):
        for verb in ["log", "tree", "allocator"]:
            shown = self.debug(verb)
            self.assertEqual(shown["target"], 0)
            self.assertEqual(shown, self.debug(verb, "--target", "0"))
            self.assertIn("Target 0 of 3", self.ok("debug", verb))
            self.assertEqual(self.debug(verb, "--target", "2")["target"], 2)

    def test_a_target_that_is_not_there_is_refused(self):
        for verb in ["superblock", "log", "verify", "ls"]:
            self.fails("debug", verb, "--target", "3", saying=["no target 3", "0 to 2"])
        self.fails("debug", "log", "--target", "one", saying="--target", code=2)
        self.fails("debug", "log", "--target", "0", "--device", self.target(0), saying="--device", code=2)

    def test_containers_have_their_labels_on_every_target(self):
        shown = self.debug("containers")["targets"]
        for one in shown:
            self.assertEqual([container["label"] for container in one["containers"]], ["c"])
        self.assertEqual(len({one["containers"][0]["uuid"] for one in shown}), 1)
        self.assertEqual(self.ok("debug", "containers", "-q").split(), ["c"])
        values = sum(container["space"]["values"] for one in shown for container in one["containers"])
        self.assertEqual(values, OBJECTS)

    def test_ls_shows_what_is_stored_wherever_it_is(self):
        shown = self.debug("ls", "c")["targets"]
        objects = [entry["object"] for one in shown for entry in one.get("entries", [])]
        self.assertEqual(len(objects), OBJECTS)
        self.assertGreater(sum(bool(one.get("entries")) for one in shown), 1, "nothing is spread")
        shown = self.debug("ls", "c", "7")["targets"]
        self.assertEqual([entry["dkey"] for one in shown for entry in one.get("entries", [])], ["key7"])
        holders = [one["target"] for one in shown if one.get("entries")]
        alone = self.debug("ls", "c", "7", "--target", str(holders[0]))
        self.assertEqual([entry["dkey"] for entry in alone["entries"]], ["key7"])
        self.fails("debug", "ls", "missing", saying="no container 'missing'")
        self.fails("debug", "ls", "c", "999", saying="nothing is stored there")

    def test_value_is_found_on_the_target_that_has_it(self):
        for number in range(1, OBJECTS + 1):
            shown = self.debug("ls", "c", str(number), f"key{number}")["targets"]
            akeys = [(one["target"], entry["akey"]) for one in shown for entry in one.get("entries", [])]
            self.assertEqual(len(akeys), 1)
            target, akey = akeys[0]
            self.assertEqual(self.ok("debug", "value", "c", str(number), f"key{number}", akey, "-o", "-"),
                             f"value{number}")
            self.assertEqual(self.debug("value", "c", str(number), f"key{number}", akey)["target"], target)
        self.assertIn(f"On target {target}:", self.ok("debug", "value", "c", str(number), f"key{number}", akey))
        self.fails("debug", "value", "c", "1", "nothing", "0", saying="no value is seen")
        self.fails("debug", "value", "missing", "1", "key1", "0", saying="no container 'missing'")

    def test_files_in_each_other_s_place_are_shown_where_they_are(self):
        target = next(one["target"] for one in self.debug("ls", "c", "7", "key7")["targets"] if one.get("entries"))
        other = (target + 1) % 3
        os.rename(self.target(target), os.path.join(self.folder, "away"))
        os.rename(self.target(other), self.target(target))
        os.rename(os.path.join(self.folder, "away"), self.target(other))
        uuid = next(container["uuid"] for container in self.debug("containers")["targets"][other]["containers"])
        shown = self.debug("ls", uuid, "7", "key7")["targets"]
        akeys = [(one["target"], entry["akey"]) for one in shown for entry in one.get("entries", [])]
        self.assertEqual([where for where, _ in akeys], [other])
        self.assertEqual(self.debug("value", uuid, "7", "key7", akeys[0][1])["target"], other)
        done = self.daos("debug", "superblock", "--target", str(other))
        self.assertIn(f"target-{other} belongs to another target", done.stderr)

    def test_damage_of_one_is_named_and_hides_no_other(self):
        self.damage_superblocks(1)
        done = self.daos("debug", "verify", "--json")
        self.assertEqual(done.returncode, 1)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["error"]["code"], "corrupt")
        self.assertIn("target 1", answer["error"]["message"])
        self.assertEqual([one["error"] is None for one in answer["response"]["targets"]], [True, False, True])
        done = self.daos("debug", "superblock")
        self.assertEqual(done.returncode, 1)
        self.assertIn("Target 2", done.stdout)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.fails("pool", "list", saying="target-1")
        self.damage_superblocks(2)
        self.assertIn("targets 1 and 2", self.daos("debug", "verify").stderr)

    def test_a_missing_file_is_named_and_hides_no_other(self):
        os.unlink(self.target(1))
        done = self.daos("debug", "verify")
        self.assertEqual(done.returncode, 1)
        self.assertIn("target-1", done.stderr)
        self.assertEqual(done.stdout.count("No damage"), 2, done.stdout)

    def test_without_the_first_target_the_others_are_shown(self):
        self.damage_superblocks(0)
        done = self.daos("debug", "containers", "--json")
        self.assertEqual(done.returncode, 1)
        shown = json.loads(done.stdout)["response"]["targets"]
        self.assertEqual([one["error"] is None for one in shown], [False, True, True])

    def test_a_damaged_system_file_hides_no_target(self):
        with open(os.path.join(self.store, "system"), "w", encoding="ascii") as file:
            file.write("something else")
        done = self.daos("debug", "verify")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count("No damage"), 3, done.stdout)
        self.assertIn("the files at the usual place", done.stderr)

    def test_nothing_is_written(self):
        def content():
            return {name: (self.read_file(os.path.join(self.store, name)),
                           os.stat(os.path.join(self.store, name)).st_mtime_ns) for name in os.listdir(self.store)}

        before = content()
        for verb in ["superblock", "log", "tree", "allocator", "containers", "ls", "verify"]:
            self.ok("debug", verb)
            self.ok("debug", verb, "--target", "2")
        self.ok("debug", "ls", "c", "7")
        self.assertEqual(content(), before)


class OneTarget(TargetsTest):
    def test_output_doesn_t_speak_of_targets(self):
        self.create(1)
        self.fill()
        for verb in ["superblock", "log", "tree", "allocator", "containers", "ls", "verify"]:
            shown = self.debug(verb)
            self.assertNotIn("target", shown)
            self.assertNotIn("targets", shown)
            self.assertEqual(shown, self.debug(verb, "--target", "0"))
            self.assertNotIn("Target", self.ok("debug", verb))
        self.fails("debug", "log", "--target", "1", saying=["no target 1", "one, number 0"])


class Served(TargetsTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.aeon, "down", "--force", self.store, check=False)

    def status(self):
        return json.loads(self.aeon("status", self.store, "--json").stdout)["response"]

    def refuses(self, *words, saying, code=1):
        done = self.aeon(*words, check=False)
        self.assertEqual(done.returncode, code, done.stdout)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for part in saying:
            self.assertIn(part, done.stderr)

    def test_up_makes_as_many_as_it_is_told_and_keeps_to_it(self):
        self.aeon("up", self.store, "--targets", "2")
        self.assertEqual([one["index"] for one in self.status()["targets"]], [0, 1])
        self.aeon("up", self.store)
        self.aeon("up", self.store, "--targets", "2")
        self.refuses("up", self.store, "--targets", "3", saying=["has 2 targets", "fixed when a system is made"])
        self.aeon("down", self.store)
        self.refuses("up", self.store, "--targets", "1", saying=["has 2 targets", "fixed when a system is made"])
        self.assertFalse(os.path.exists(self.target(2)))
        self.aeon("up", self.store, "--targets", "2")
        self.aeon("down", self.store)
        self.aeon("up", self.store)
        self.assertEqual(self.status()["pools"][0]["targets"], 2)

    def test_a_system_that_has_one_stays_with_it(self):
        self.ok("system", "create", self.store)
        self.refuses("up", self.store, "--targets", "2", saying=["has 1 target,"])
        self.aeon("up", self.store, "--targets", "1")
        self.assertEqual(len(self.status()["targets"]), 1)
        self.assertNotIn("Target", self.aeon("status", self.store).stdout)

    def test_an_impossible_number_is_refused_before_anything_is_made(self):
        for number in ["0", "65", "x"]:
            self.refuses("up", self.store, "--targets", number, saying=["--targets"], code=2)
        self.assertFalse(os.path.exists(self.store))

    def test_status_and_top_show_each(self):
        self.create(3)
        self.aeon("up", self.store, env={"AEON_MEMORY_BUDGET": "120MiB"})
        self.fill()
        told = self.status()
        self.assertEqual([one["index"] for one in told["targets"]], [0, 1, 2])
        self.assertEqual({one["memory_budget"] for one in told["targets"]}, {40 << 20})
        lines = self.aeon("status", self.store).stdout.splitlines()
        self.assertEqual(sum(line.startswith("Target ") for line in lines), 3)
        page = self.aeon("top", self.store, "--interval", "100").stdout
        for index in range(3):
            self.assertIn(f"{index} of default", page)
        shown = json.loads(self.aeon("top", self.store, "--json", "--interval", "100").stdout)["response"]
        self.assertEqual([one["index"] for one in shown["intervals"][0]["targets"]], [0, 1, 2])

    def test_a_budget_too_small_for_all_is_refused(self):
        self.create(3)
        done = self.aeon("up", self.store, env={"AEON_MEMORY_BUDGET": "64MiB"}, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("96MiB", done.stderr)

    def test_it_goes_back_and_forth(self):
        self.create(2)
        self.fill()
        self.aeon("up", self.store)
        for number in range(1, OBJECTS + 1):
            self.assertEqual(self.ok("kv", "get", "default", "c", str(number), f"key{number}"), f"value{number}")
            self.ok("kv", "put", "default", "c", str(number), f"key{number}", "served")
        self.aeon("down", self.store)
        for number in range(1, OBJECTS + 1):
            self.assertEqual(self.ok("kv", "get", "default", "c", str(number), f"key{number}"), "served")
        self.assertIn("No damage", self.ok("container", "check", "default", "c"))


if __name__ == "__main__":
    main()
