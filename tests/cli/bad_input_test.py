#!/usr/bin/env python3
"""Wrong input is one line that names the way out and an exit code; what was stored before is still there."""

import os
import signal
import subprocess
import tempfile
import time
import unittest

from daos_tool import DAOS, DaosTest, main


class CommandLine(DaosTest):
    def test_unknown_commands_are_named(self):
        self.fails("nonsense", saying=["no command 'nonsense'", "daos --help"], code=2)
        self.fails("container", "nonsense", saying=["no command 'nonsense'", "daos container --help"], code=2)
        self.fails("containr", "list", saying="Did you mean 'container'", code=2)
        self.fails("pool", saying="a command is missing", code=2)

    def test_missing_and_superfluous_arguments(self):
        self.fails("container", "create", saying=["POOL", "usage: daos container create"], code=2)
        self.fails("container", "query", "default", saying=["CONTAINER", "usage:"], code=2)
        self.fails("pool", "query", "a", "b", saying=["b", "usage:"], code=2)
        self.fails("filesystem", "copy", "/tmp", saying="DST is missing", code=2)

    def test_unknown_options_and_missing_values(self):
        self.fails("pool", "list", "--nonsense", saying=["--nonsense", "usage:"], code=2)
        self.fails("pool", "list", "--local", saying="--local", code=2)

    def test_usage_errors_are_json_when_asked(self):
        done = self.daos("pool", "query", "--json")
        self.assertEqual(done.returncode, 2)
        self.assertIn('"invalid_argument"', done.stdout)

    def test_wrong_values_are_named(self):
        self.make_container("c")
        self.fails("kv", "list", "default", "c", "x.y", saying="not an object id", code=2)
        self.fails("kv", "get", "default", "c", "1", "k", "--epoch", "soon", saying="not a number")
        self.fails("kv", "get", "default", "c", "1", "k", "--epoch", "1", "--snap", "s", saying="one of them")
        self.fails("container", "create", "default", "d", "--type", "FAT", saying="POSIX", code=2)
        self.fails("container", "create", "default", "d", "--chunk-size", "big", saying="not a size", code=2)
        self.fails("container", "set-prop", "default", "c", "colour:red", saying="no property 'colour'", code=2)
        self.fails("container", "set-prop", "default", "c", "cksum:off", saying="can't be changed")
        self.fails("fs", "ls", "/tmp", saying="daos://POOL/CONTAINER/PATH", code=2)
        self.fails("fs", "ls", "daos://default", saying="daos://POOL/CONTAINER/PATH", code=2)
        self.fails("kv", "put", "default", "c", "1", "key", saying="--file", code=2)
        self.fails("completion", "tcsh", saying="bash, zsh and fish", code=2)


class Systems(DaosTest):
    def test_no_system_named(self):
        self.fails("pool", "list", env={}, saying="AEON_SYSTEM")

    def test_a_system_of_unknown_kind(self):
        self.fails("pool", "list", env={"AEON_SYSTEM": "somewhere"}, saying="local:")

    def test_a_directory_that_is_missing(self):
        self.fails("pool", "list", saying=self.store)
        self.fails_with("not_found", "pool", "list")
        self.assertFalse(os.path.exists(self.store), "asking made one")

    def test_a_directory_that_is_something_else(self):
        path = self.write_file("home/precious", "data")
        self.fails("container", "create", "default", "c", store=os.path.dirname(path), saying=os.path.dirname(path))
        self.fails("system", "create", os.path.dirname(path), saying=os.path.dirname(path))
        self.assertEqual(os.listdir(os.path.dirname(path)), ["precious"])
        self.assertEqual(self.read_file(path), b"data")

    def test_a_file_instead_of_a_directory(self):
        path = self.write_file("file", "data")
        self.fails("pool", "list", store=path, saying=path)
        self.fails("container", "create", "default", "c", store=path, saying=path)
        self.assertEqual(self.read_file(path), b"data")

    def test_a_name_that_is_too_long(self):
        self.fails("system", "create", self.store, "--name", "n" * 16, saying="15", code=2)
        self.fails("pool", "list", store="/" + "x" * 5000, saying="x")

    def test_a_system_that_is_there_already(self):
        self.ok("system", "create", self.store)
        self.fails("system", "create", self.store, saying=self.store)

    def test_a_capacity_that_is_too_small(self):
        self.fails("system", "create", self.store, "--capacity", "1", saying="capacity", code=2)

    @unittest.skipIf(os.getuid() == 0 and not os.path.exists("/usr/bin/setpriv"), "root may write anywhere")
    def test_a_read_only_directory(self):
        self.make_container("c")
        self.ok("kv", "put", "default", "c", "1", "key", "kept")
        closed = os.path.join(self.folder, "closed")
        os.mkdir(closed, 0o555)
        os.chmod(self.folder, 0o755)
        words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
        with tempfile.TemporaryDirectory() as elsewhere:  # The program itself may be where others can't look.
            program = os.path.join(elsewhere, "daos")
            os.chmod(elsewhere, 0o755)
            subprocess.run(["cp", DAOS, program], check=True)
            for store, verb in [(os.path.join(closed, "new"), ["container", "create", "default", "x"]),
                                (self.store, ["kv", "put", "default", "c", "1", "key", "lost"])]:
                done = subprocess.run([*words, program, "--local", store, *verb], capture_output=True, text=True, timeout=60,
                                      check=False)
                self.assertEqual(done.returncode, 1, done.stderr + done.stdout)
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertIn(store, done.stderr)
        self.assertEqual(self.ok("kv", "get", "default", "c", "1", "key"), "kept")

    def is_held_by(self, lock, pid):
        with open(lock, encoding="utf-8") as file:
            return f"process {pid} " in file.read()

    def test_a_directory_that_another_process_holds(self):
        self.make_container("c")
        self.write_file("big", os.urandom(200_000_000))
        holder = subprocess.Popen([DAOS, "--local", self.store, "fs", "copy", os.path.join(self.folder, "big"),
                                   "daos://default/c/big"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            # Only then: a command that came before it would hold the directory itself.
            lock = os.path.join(self.store, "lock")
            while holder.poll() is None and not self.is_held_by(lock, holder.pid):
                time.sleep(0.001)
            holder.send_signal(signal.SIGSTOP)  # A command waits a little for one that is about to end.
            self.assertIsNone(holder.poll(), "the copy ended before it was met")
            done = self.daos("pool", "list")
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            self.assertIn(str(holder.pid), done.stderr)
        finally:
            holder.send_signal(signal.SIGCONT)
            self.assertEqual(holder.wait(timeout=120), 0)
        self.ok("pool", "list")


class Names(DaosTest):
    def setUp(self):
        super().setUp()
        self.make_container("c")

    def test_unknown_pools_and_containers(self):
        self.fails("pool", "query", "nowhere", saying=["nowhere", "pool 'default'"])
        self.fails("container", "list", "nowhere", saying=["nowhere", "pool 'default'"])
        self.fails("container", "query", "default", "nowhere", saying=["nowhere", "container list"])
        self.fails("container", "destroy", "default", "nowhere", saying=["nowhere", "container list"])
        self.fails("kv", "get", "default", "nowhere", "1", "k", saying=["nowhere", "container list"])
        self.fails("fs", "ls", "daos://default/nowhere", saying=["nowhere", "container list"])
        unknown = "12345678-1234-4234-8234-123456789abc"
        self.fails("container", "query", "default", unknown, saying=unknown)
        self.fails("fs", "copy", self.folder, f"daos://default/{unknown}", saying=unknown)
        self.fails_with("not_found", "container", "query", "default", "nowhere")

    def test_a_label_is_taken_once(self):
        self.fails("container", "create", "default", "c", saying="choose another label")
        self.fails_with("exists", "container", "create", "default", "c")

    def test_labels_that_are_too_long_or_odd(self):
        self.fails("container", "create", "default", "x" * 128, saying="127", code=2)
        self.fails("container", "create", "default", "a/b", saying="'/'")
        self.fails("container", "create", "default", "12345678-1234-4234-8234-123456789abc", saying="uuid")
        self.assertEqual(self.ok("container", "list", "default", "-q").split(), ["c"])

    def test_keys_that_are_too_long_or_empty(self):
        self.fails("kv", "put", "default", "c", "1", "k" * 2049, "v", saying="2048", code=2)
        self.fails("kv", "put", "default", "c", "1", "", "v", saying="2048", code=2)
        self.ok("kv", "put", "default", "c", "1", "k" * 2048, "v")

    def test_file_names_that_are_too_long_or_missing(self):
        self.fails("fs", "stat", "daos://default/c/" + "x" * 256, saying="255")
        self.fails("fs", "stat", "daos://default/c/" + "x/" * 3000, saying="4096")
        self.fails("fs", "ls", "daos://default/c/nothing", saying=["nothing", "filesystem ls"])
        self.fails("fs", "rm", "daos://default/c/nothing", saying=["nothing", "filesystem ls"])
        self.fails("fs", "rm", "-r", "daos://default/c/", saying="container destroy")
        path = self.write_file("file", "x")
        self.fails("fs", "copy", path, "daos://default/c/" + "x" * 256, saying="255")

    def test_files_in_a_container_of_another_type(self):
        self.ok("container", "create", "default", "plain")
        self.ok("kv", "put", "default", "plain", "1", "k", "v")
        self.fails("fs", "ls", "daos://default/plain", saying="--type POSIX")
        self.fails("fs", "copy", self.folder, "daos://default/plain/x", saying="POSIX")
        self.assertEqual(self.ok("kv", "get", "default", "plain", "1", "k"), "v")


class Copies(DaosTest):
    def setUp(self):
        super().setUp()
        self.write_file("tree/file", "new")
        self.tree = os.path.join(self.folder, "tree")

    def test_a_source_that_is_missing_makes_nothing(self):
        self.fails("fs", "copy", os.path.join(self.folder, "missing"), "daos://default/c", saying="missing")
        self.assertFalse(os.path.exists(self.store))
        self.make_container("c")
        back = os.path.join(self.folder, "back")
        self.fails("fs", "copy", "daos://default/c/missing", back, saying=["missing", "filesystem ls"])
        self.assertFalse(os.path.exists(back))

    def test_a_directory_with_other_things_is_not_copied_onto(self):
        path = self.write_file("full/precious", "old")
        self.ok("fs", "copy", self.tree, "daos://default/c/tree")
        self.fails("fs", "copy", "daos://default/c/tree", os.path.dirname(path), saying="--merge")
        self.assertEqual(os.listdir(os.path.dirname(path)), ["precious"])
        self.ok("fs", "copy", "daos://default/c/tree", os.path.dirname(path), "--merge")
        self.assertEqual(sorted(os.listdir(os.path.dirname(path))), ["file", "precious"])

    def test_a_container_with_other_things_is_not_copied_onto(self):
        other = self.write_file("other/kept", "old")
        self.ok("fs", "copy", os.path.dirname(other), "daos://default/c/tree")
        self.fails("fs", "copy", self.tree, "daos://default/c/tree", saying="--merge")
        self.assertEqual(self.ok("fs", "ls", "daos://default/c/tree").split(), ["kept"])

    def test_a_container_whose_maker_was_killed_before_it_had_a_root(self):
        self.ok("container", "create", "default", "half", "--properties", "layout_type:POSIX")
        root = self.ok("container", "list-objects", "default", "half").split()[0]
        for key in self.ok("kv", "list", "default", "half", root).split():
            self.ok("kv", "delete", "default", "half", root, key)
        self.fails("fs", "ls", "daos://default/half", saying="holds no files")
        self.ok("fs", "copy", self.tree, "daos://default/half/tree")
        self.assertEqual(self.ok("fs", "ls", "daos://default/half/tree").split(), ["file"])

    def test_a_snapshot_of_a_source_outside(self):
        self.fails("fs", "copy", "--snap", "s", self.tree, "daos://default/c", saying="daos://", code=2)

    def test_a_destination_that_cannot_be_made(self):
        self.ok("fs", "copy", self.tree, "daos://default/c/tree")
        file = self.write_file("file", "kept")
        done = self.daos("fs", "copy", "daos://default/c/tree", os.path.join(file, "below"))
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.read_file(file), b"kept")


class FullDisk(DaosTest):
    """With root on a small file system of its own; otherwise in a system of small capacity."""

    def setUp(self):
        super().setUp()
        self.is_mounted = False
        if os.getuid() == 0:
            mount = os.path.join(self.folder, "mount")
            os.mkdir(mount)
            done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192m", "none", mount], check=False, capture_output=True)
            if done.returncode == 0:
                self.is_mounted = True
                self.addCleanup(subprocess.run, ["umount", "-l", mount], check=False)
                self.store = os.path.join(mount, "store")

    def fill(self):
        self.make_container("before")
        self.ok("kv", "put", "default", "before", "1", "key", "kept")
        big = self.write_file("big", os.urandom(300_000_000))
        done = self.daos("fs", "copy", big, "daos://default/files/big")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(done.stderr.lower(), "space|full")
        self.assertEqual(self.ok("kv", "get", "default", "before", "1", "key"), "kept")
        self.assertEqual(self.response("container", "check", "default", "before")["damaged"], 0)
        # Deleting works, and gives the space back.
        self.ok("container", "destroy", "default", "files")
        small = self.write_file("small", os.urandom(1_000_000))
        self.ok("fs", "copy", small, "daos://default/again/small", "--verify")

    def test_a_full_disk_loses_nothing(self):
        if not self.is_mounted:
            self.skipTest("can't mount a file system of its own")
        self.fill()

    def test_a_full_pool_loses_nothing(self):
        if self.is_mounted:
            self.store = os.path.join(self.folder, "small-store")
        self.ok("system", "create", self.store, "--capacity", "160M")
        self.fill()


if __name__ == "__main__":
    main()
