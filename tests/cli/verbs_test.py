#!/usr/bin/env python3
"""Each command of daos does what its help says."""

import json
import os
import subprocess

from daos_tool import DAOS, DaosTest, main


class Containers(DaosTest):
    def test_a_system_is_made_on_first_use(self):
        self.ok("container", "create", "default", "first")
        self.assertEqual(self.ok("container", "list", "default", "--quiet").split(), ["first"])

    def test_local_names_the_system_too(self):
        other = os.path.join(self.folder, "other")
        self.ok("--local", other, "container", "create", "default", "there", env={})
        self.assertEqual(self.ok("container", "list", "default", "-q", "--local", other, env={}).split(), ["there"])

    def test_a_container_is_known_by_label_and_by_uuid(self):
        made = self.response("container", "create", "default", "both")
        by_label = self.response("container", "query", "default", "both")
        pool = self.response("pool", "query", "default")["uuid"]
        by_uuid = self.response("container", "query", pool, made["uuid"])
        self.assertEqual(by_label["uuid"], made["uuid"])
        self.assertEqual(by_uuid["label"], "both")

    def test_a_container_may_have_no_label(self):
        made = self.response("container", "create", "default")
        self.assertEqual(self.ok("container", "list", "default", "-q").split(), [made["uuid"]])

    def test_short_names_of_commands_work(self):
        self.ok("cont", "create", "default", "short")
        self.assertIn("short", self.ok("cont", "ls", "default"))

    def test_a_label_may_be_a_command_s_name(self):
        self.ok("container", "create", "default", "list")
        self.ok("container", "query", "default", "list")
        self.ok("container", "destroy", "default", "list")

    def test_destroy_removes_it(self):
        self.make_container("gone")
        self.ok("container", "destroy", "default", "gone")
        self.assertEqual(self.ok("container", "list", "default", "-q"), "")

    def test_query_tells_the_type(self):
        self.make_container("files")
        self.assertEqual(self.response("container", "query", "default", "files")["type"], "POSIX")

    def test_properties_are_set_at_creation_and_later(self):
        self.ok("container", "create", "default", "c", "--properties", "durability:flush")
        self.assertEqual(self.response("container", "get-prop", "default", "c")["properties"]["durability"], "flush")
        self.ok("container", "set-prop", "default", "c", "durability:sync")
        one = self.response("container", "get-prop", "default", "c", "--properties", "durability")
        self.assertEqual(one["properties"], {"durability": "sync"})

    def test_list_objects_lists_those_with_data(self):
        self.ok("container", "create", "default", "c")
        self.assertEqual(self.response("container", "list-objects", "default", "c")["objects"], [])
        self.ok("kv", "put", "default", "c", "5", "key", "value")
        self.assertEqual(len(self.response("container", "list-objects", "default", "c")["objects"]), 1)

    def test_a_clone_starts_from_a_container_a_snapshot_or_an_epoch(self):
        self.ok("container", "create", "default", "base@home")
        self.ok("kv", "put", "default", "base@home", "1", "key", "old")
        snapshot = self.response("container", "create-snap", "default", "base@home", "--snap", "before")
        self.ok("kv", "put", "default", "base@home", "1", "key", "new")
        for label, of in (
            ("now", "base@home"),
            ("then", "base@home@before"),
            ("at", "base@home@" + str(snapshot["epoch"])),
        ):
            self.ok("container", "create", "default", label, "--clone-of", of)
        self.ok("kv", "put", "default", "base@home", "1", "key", "later")
        self.ok("kv", "put", "default", "at", "1", "other", "mine")
        self.assertEqual(self.response("container", "query", "default", "base@home")["clones"], 3)
        self.ok("container", "destroy", "default", "base@home")
        values = [self.ok("kv", "get", "default", label, "1", "key") for label in ("now", "then", "at")]
        self.assertEqual(values, ["new", "old", "old"])
        query = self.response("container", "query", "default", "then")
        self.assertEqual(query["base_epoch"], snapshot["epoch"])

    def test_a_clone_of_files_is_a_file_system(self):
        self.make_container("files")
        self.ok("container", "create", "default", "copy", "--clone-of", "files")
        self.assertEqual(self.response("container", "query", "default", "copy")["type"], "POSIX")
        self.ok("fs", "ls", "daos://default/copy/")

    def test_a_clone_s_base_and_version_must_be_there(self):
        self.ok("container", "create", "default", "base")
        for of, saying in (
            ("nope", "'nope'"),
            ("nope@1", "'nope'"),
            ("base@nope", "no snapshot 'nope'"),
            ("base@", "no snapshot ''"),
            ("base@99999999999999999999", "no snapshot"),
            ("base@9999999999999999999", "too far ahead of the clock"),
            ("base@0", "needs an epoch"),
        ):
            self.fails("container", "create", "default", "c", "--clone-of", of, saying=saying)
        typed = ("container", "create", "default", "c", "--clone-of", "base", "--type", "POSIX")
        self.fails(*typed, saying="leave out --type", code=2)

    def test_explicit_epochs_are_a_property(self):
        self.ok("container", "create", "default", "mine", "--properties", "epochs:explicit")
        self.assertEqual(self.response("container", "query", "default", "mine")["epochs"], "explicit")
        self.fails("kv", "put", "default", "mine", "1", "key", "value", saying="gives its epoch")


class Pools(DaosTest):
    def test_list_and_query_agree(self):
        self.create_system()
        pools = self.response("pool", "list")["pools"]
        self.assertEqual([pool["label"] for pool in pools], ["default"])
        queried = self.response("pool", "query", "default")
        self.assertEqual(queried["uuid"], pools[0]["uuid"])
        self.assertGreater(queried["total_bytes"], 0)
        self.assertLessEqual(queried["free_bytes"], queried["total_bytes"])

    def test_the_number_of_containers_is_counted(self):
        self.make_container("a")
        self.make_container("b")
        self.assertEqual(self.response("pool", "query", "default")["containers"], 2)

    def test_a_system_may_be_made_with_a_capacity_and_a_label(self):
        self.create_system("--capacity", "256M", "--pool", "tank")
        pool = self.response("pool", "list")["pools"][0]
        self.assertEqual(pool["label"], "tank")
        self.assertLessEqual(pool["total_bytes"], 256 << 20)
        self.assertEqual(self.response("system", "query")["pools"], ["tank"])


class KeysAndValues(DaosTest):
    def setUp(self):
        super().setUp()
        self.ok("container", "create", "default", "c")

    def test_a_value_comes_back_as_it_went(self):
        self.ok("kv", "put", "default", "c", "1", "key", "some value")
        self.assertEqual(self.ok("kv", "get", "default", "c", "1", "key"), "some value")

    def test_values_hold_any_bytes(self):
        value = bytes(range(256)) * 700
        path = self.write_file("value", value)
        self.ok("kv", "put", "default", "c", "1", "key", "--file", path)
        self.assertEqual(self.ok("kv", "get", "default", "c", "1", "key", text=False), value)
        out = os.path.join(self.folder, "out")
        self.ok("kv", "get", "default", "c", "1", "key", "--file", out)
        self.assertEqual(self.read_file(out), value)

    def test_a_value_may_come_from_standard_input(self):
        self.ok("kv", "put", "default", "c", "1", "key", "--file", "-", stdin="piped")
        self.assertEqual(self.ok("kv", "get", "default", "c", "1", "key"), "piped")

    def test_a_second_put_replaces(self):
        self.ok("kv", "put", "default", "c", "1", "key", "a long first value")
        self.ok("kv", "put", "default", "c", "1", "key", "new")
        self.assertEqual(self.ok("kv", "get", "default", "c", "1", "key"), "new")

    def test_if_missing_does_not_replace(self):
        self.ok("kv", "put", "default", "c", "1", "key", "old", "--if-missing")
        self.fails("kv", "put", "default", "c", "1", "key", "new", "--if-missing", saying="--if-missing")
        self.assertEqual(self.ok("kv", "get", "default", "c", "1", "key"), "old")

    def test_list_and_delete(self):
        for key in ["a", "b", "c"]:
            self.ok("kv", "put", "default", "c", "1", key, "v")
        self.assertEqual(sorted(self.ok("kv", "list", "default", "c", "1").split()), ["a", "b", "c"])
        self.ok("kv", "delete", "default", "c", "1", "b")
        self.assertEqual(sorted(self.ok("kv", "list", "default", "c", "1").split()), ["a", "c"])
        self.fails("kv", "get", "default", "c", "1", "b", saying="no key 'b'")

    def test_a_dash_at_the_start_of_a_value_needs_two_dashes_before(self):
        self.ok("kv", "put", "default", "c", "1", "--", "-key", "-5")
        self.assertEqual(self.ok("kv", "get", "default", "c", "1", "--", "-key"), "-5")

    def test_keys_of_odd_bytes_are_escaped_in_lists(self):
        self.ok("kv", "put", "default", "c", "1", "tab\there", "v")
        self.assertEqual(self.ok("kv", "list", "default", "c", "1"), "tab\\x09here\n")
        keys = self.response("kv", "list", "default", "c", "1")["keys"]
        self.assertEqual(bytes.fromhex(keys[0]["key_hex"]), b"tab\there")

    def test_an_object_is_described(self):
        self.ok("kv", "put", "default", "c", "7", "a", "v")
        self.ok("kv", "put", "default", "c", "7", "b", "v")
        oid = self.response("container", "list-objects", "default", "c")["objects"][0]
        described = self.response("object", "query", "default", "c", oid)
        self.assertEqual((described["dkeys"], described["type"], described["class"]), (2, "KV_HASHED", "S1"))
        self.fails("obj", "query", "default", "c", "8", saying="nothing is stored")


class Snapshots(DaosTest):
    def setUp(self):
        super().setUp()
        self.ok("container", "create", "default", "c")
        self.ok("kv", "put", "default", "c", "1", "key", "before")
        self.epoch = self.ok("container", "create-snap", "default", "c", "--snap", "monday").strip()
        self.ok("kv", "put", "default", "c", "1", "key", "after")
        self.ok("kv", "put", "default", "c", "1", "later", "x")

    def test_a_snapshot_shows_what_was(self):
        self.assertEqual(self.ok("kv", "get", "default", "c", "1", "key"), "after")
        self.assertEqual(self.ok("kv", "get", "default", "c", "1", "key", "--snap", "monday"), "before")
        self.assertEqual(self.ok("kv", "get", "default", "c", "1", "key", "--epoch", self.epoch), "before")
        self.assertEqual(self.ok("kv", "list", "default", "c", "1", "--snap", "monday").split(), ["key"])

    def test_snapshots_are_listed_and_destroyed(self):
        listed = self.response("container", "list-snaps", "default", "c")["snapshots"]
        self.assertEqual([(one["name"], one["epoch"]) for one in listed], [("monday", self.epoch)])
        self.ok("container", "destroy-snap", "default", "c", "--snap", "monday")
        self.assertEqual(self.response("container", "list-snaps", "default", "c")["snapshots"], [])
        self.assertEqual(self.ok("kv", "get", "default", "c", "1", "key"), "after")

    def test_a_name_is_taken_once(self):
        self.fails("container", "create-snap", "default", "c", "--snap", "monday", saying="choose another name")

    def test_an_unknown_snapshot_is_an_error(self):
        self.fails("kv", "get", "default", "c", "1", "key", "--snap", "sunday", saying="list-snaps")
        self.fails("kv", "get", "default", "c", "1", "key", "--epoch", "0x1", saying="list-snaps")
        self.fails("container", "destroy-snap", "default", "c", saying=["--snap", "--epoch"], code=2)


class Files(DaosTest):
    def setUp(self):
        super().setUp()
        self.write_file("tree/a/one", "1")
        self.write_file("tree/a/two", "22")
        self.write_file("tree/three", "333")
        os.symlink("three", os.path.join(self.folder, "tree", "link"))
        self.ok("filesystem", "copy", os.path.join(self.folder, "tree"), "daos://default/files/tree")

    def test_ls_lists_a_directory(self):
        self.assertEqual(self.ok("fs", "ls", "daos://default/files/tree").split(), ["a/", "link", "three"])
        self.assertEqual(self.ok("fs", "ls", "daos://default/files").split(), ["tree/"])
        long = self.ok("fs", "ls", "-l", "daos://default/files/tree/a").splitlines()
        self.assertEqual([line.split()[4] for line in long], ["1", "2"])

    def test_ls_of_a_file_lists_it(self):
        entries = self.response("fs", "ls", "daos://default/files/tree/three")["entries"]
        self.assertEqual([(one["name"], one["size_bytes"]) for one in entries], [("three", 3)])

    def test_stat_tells_mode_size_and_target(self):
        source = os.lstat(os.path.join(self.folder, "tree", "three"))
        told = self.response("fs", "stat", "daos://default/files/tree/three")
        self.assertEqual((told["type"], told["size_bytes"]), ("file", 3))
        self.assertEqual(int(told["mode"], 8), source.st_mode & 0o7777)
        self.assertEqual(told["modified_unix_ns"], source.st_mtime_ns)
        self.assertEqual(self.response("fs", "stat", "daos://default/files/tree/link")["target"], "three")

    def test_rm_removes_files_and_with_recursive_directories(self):
        self.ok("fs", "rm", "daos://default/files/tree/three")
        self.fails("fs", "rm", "daos://default/files/tree/a", saying="--recursive")
        self.ok("fs", "rm", "-r", "daos://default/files/tree/a")
        self.assertEqual(self.ok("fs", "ls", "daos://default/files/tree").split(), ["link"])

    def test_rm_leaves_snapshots_as_they_were(self):
        self.ok("container", "create-snap", "default", "files", "--snap", "kept")
        self.ok("fs", "rm", "-r", "daos://default/files/tree")
        self.assertEqual(self.ok("fs", "ls", "daos://default/files"), "")
        self.assertEqual(self.ok("fs", "ls", "--snap", "kept", "daos://default/files/tree/a").split(), ["one", "two"])

    def test_check_reads_all_and_finds_nothing(self):
        self.ok("container", "create-snap", "default", "files")
        checked = self.response("container", "check", "default", "files")
        self.assertEqual((checked["damaged"], checked["states"]), (0, 2))
        self.assertGreaterEqual(checked["bytes"], 6)


class Program(DaosTest):
    def test_version(self):
        self.assertRegex(self.ok("version"), r"^daos \(Aeon\) \d+\.\d+\.\d+\n$")
        self.assertIn("version", self.response("version"))

    def test_every_command_takes_json_before_and_behind_it(self):
        self.make_container("c")
        for words in [("--json", "pool", "list"), ("pool", "--json", "list"), ("pool", "list", "--json")]:
            self.assertEqual(json.loads(self.ok(*words))["status"], "ok")

    def test_without_arguments_it_says_how_it_is_used(self):
        self.assertIn("usage: daos", self.ok())

    def test_an_answer_that_cannot_be_written_is_an_error(self):
        self.make_container("c")
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([DAOS, "pool", "list", "--local", self.store], stdout=full, stderr=subprocess.PIPE,
                                  text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("standard output", done.stderr)


if __name__ == "__main__":
    main()
