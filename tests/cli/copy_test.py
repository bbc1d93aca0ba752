#!/usr/bin/env python3
"""Trees go into a container and come back as they were, also when the copy is killed in between."""

import os
import random
import signal
import subprocess
import time

from daos_tool import DAOS, DaosTest, listing, main


class CopyTest(DaosTest):
    def make_tree(self, name="tree"):
        """One of everything that a tree may hold."""
        root = os.path.join(self.folder, name)
        numbers = random.Random(7)
        self.write_file(f"{name}/empty", "")
        self.write_file(f"{name}/deep/er/small", "small")
        self.write_file(f"{name}/large", numbers.randbytes(5_000_001))
        self.write_file(f"{name}/odd \xe4\n name", "odd")
        for number in range(200):
            self.write_file(f"{name}/many/{number}", numbers.randbytes(numbers.randrange(9000)))
        with open(os.path.join(root, "sparse"), "wb") as file:
            file.seek(50_000_000)
            file.write(b"end")
        os.symlink("deep/er/small", os.path.join(root, "link"))
        os.symlink("/nowhere", os.path.join(root, "dangling"))
        os.link(os.path.join(root, "large"), os.path.join(root, "deep", "linked"))
        os.makedirs(os.path.join(root, "empty directory"))
        os.chmod(os.path.join(root, "empty"), 0o4751)
        os.chmod(os.path.join(root, "deep"), 0o700)
        for path in ["many/3", "deep/er", "deep"]:
            os.utime(os.path.join(root, path), ns=(1_000_000_007, 1_234_567_890_123_456_789))
        try:
            os.setxattr(os.path.join(root, "empty"), "user.note", b"kept")
        except OSError:
            pass
        return root

    def there_and_back(self, root):
        back = os.path.join(self.folder, "back")
        self.ok("filesystem", "copy", root, "daos://default/files/tree")
        self.ok("filesystem", "copy", "daos://default/files/tree", back)
        return back


class Copy(CopyTest):
    def test_a_tree_comes_back_as_it_was(self):
        root = self.make_tree()
        back = self.there_and_back(root)
        self.assertEqual(listing(back), listing(root))
        self.assertLess(os.lstat(os.path.join(back, "sparse")).st_blocks * 512, 10_000_000, "holes were filled")
        if "user.note" in os.listxattr(os.path.join(root, "empty")):
            self.assertEqual(os.getxattr(os.path.join(back, "empty"), "user.note"), b"kept")

    def test_verify_compares(self):
        root = self.make_tree()
        told = self.response("fs", "copy", root, "daos://default/files", "--verify")
        self.assertEqual(told["difference_count"], 0)
        self.assertGreater(told["verified"], 200)

    def test_one_file_may_be_copied(self):
        path = self.write_file("file", "content")
        self.ok("fs", "copy", path, "daos://default/files/renamed")
        back = os.path.join(self.folder, "back")
        self.ok("fs", "copy", "daos://default/files/renamed", back)
        self.assertEqual(self.read_file(back), b"content")

    def test_source_and_destination_may_be_options(self):
        path = self.write_file("file", "content")
        self.ok("fs", "copy", "--src", path, "--dst", "daos://default/files/file")
        self.assertEqual(self.ok("fs", "ls", "daos://default/files").split(), ["file"])

    def test_a_snapshot_is_copied_as_it_was(self):
        root = self.make_tree()
        before = listing(root)
        self.ok("fs", "copy", root, "daos://default/files/tree")
        self.ok("container", "create-snap", "default", "files", "--snap", "s")
        self.ok("fs", "rm", "-r", "daos://default/files/tree/many")
        self.ok("fs", "rm", "daos://default/files/tree/large")
        back = os.path.join(self.folder, "back")
        self.ok("fs", "copy", "--snap", "s", "daos://default/files/tree", back)
        self.assertEqual(listing(back), before)

    def test_a_second_copy_leaves_alone_what_is_the_same(self):
        root = self.make_tree()
        self.ok("fs", "copy", root, "daos://default/files/tree")
        again = self.response("fs", "copy", root, "daos://default/files/tree", "--merge")
        self.assertEqual(again["files"], 0)
        self.assertGreater(again["skipped"], 200)

    def test_from_one_container_to_another(self):
        root = self.make_tree()
        self.ok("fs", "copy", root, "daos://default/one/tree")
        self.ok("fs", "copy", "daos://default/one/tree", "daos://default/two/tree")
        back = os.path.join(self.folder, "back")
        self.ok("fs", "copy", "daos://default/two/tree", back)
        self.assertEqual(listing(back), listing(root))

    def test_off_a_terminal_there_are_plain_lines(self):
        done = self.daos("fs", "copy", self.make_tree(), "daos://default/files")
        self.assertNotIn("\r", done.stderr)
        self.assertNotIn("\x1b", done.stderr)
        self.assertRegex(done.stdout, r"Copied 20\d files, .* files/s, .*/s\.")

    def test_quiet_says_nothing(self):
        done = self.daos("fs", "copy", "--quiet", self.make_tree(), "daos://default/files")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_on_a_terminal_there_is_a_bar(self):
        script = self.write_file("big", os.urandom(300_000_000))
        done = subprocess.run(
            ["script", "-qec", f"{DAOS} --local {self.store} fs copy {script} daos://default/files/big", "/dev/null"],
            capture_output=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(b"\r", done.stdout)
        self.assertRegex(done.stdout.decode(errors="replace"), r"\[#*\.*\] +\d+ % copied .*MiB")


class Interrupted(CopyTest):
    """The copy has to be stopped while it runs, so it is of some size; when it was too quick it is tried again later."""

    def large_tree(self):
        root = os.path.join(self.folder, "large-tree")
        numbers = random.Random(11)
        block = numbers.randbytes(1_000_000)
        for folder in range(20):
            for number in range(150):
                self.write_file(f"large-tree/{folder}/{number}", block[:numbers.randrange(40_000)])
        for number in range(12):
            self.write_file(f"large-tree/big{number}", block * 12)
        return root

    def start_copy(self, source, destination):
        return subprocess.Popen([DAOS, "--local", self.store, "fs", "copy", source, destination],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def test_a_killed_copy_goes_on_and_is_whole(self):
        root = self.large_tree()
        self.ok("container", "create", "default", "other")
        self.ok("kv", "put", "default", "other", "1", "kept", "through all this")
        killed = 0
        for delay in [0.05, 0.15, 0.3, 0.6]:
            copy = self.start_copy(root, "daos://default/files/tree")
            time.sleep(delay)
            if copy.poll() is None:
                killed += 1
            copy.kill()
            copy.communicate()
        self.assertGreater(killed, 0, "the copy was never running when it was killed")
        self.assertEqual(self.ok("kv", "get", "default", "other", "1", "kept"), "through all this")
        told = self.response("fs", "copy", root, "daos://default/files/tree", "--merge", "--verify")
        self.assertEqual((told["difference_count"], told["error_count"]), (0, 0))
        back = os.path.join(self.folder, "back")
        self.ok("fs", "copy", "daos://default/files/tree", back)
        self.assertEqual(listing(back), listing(root))
        self.assertEqual(self.response("container", "check", "default", "files")["damaged"], 0)

    def test_a_copy_out_that_was_killed_goes_on(self):
        root = self.large_tree()
        self.ok("fs", "copy", root, "daos://default/files/tree")
        back = os.path.join(self.folder, "back")
        for delay in [0.05, 0.2]:
            copy = self.start_copy("daos://default/files/tree", back)
            time.sleep(delay)
            copy.kill()
            copy.communicate()
        self.ok("fs", "copy", "--merge", "daos://default/files/tree", back)
        self.assertEqual(listing(back), listing(root))

    def test_control_c_stops_at_a_point_to_go_on_from_and_says_so(self):
        root = self.large_tree()
        for attempt in range(6):
            copy = self.start_copy(root, f"daos://default/files/tree{attempt}")
            time.sleep(0.1 + 0.1 * attempt)
            copy.send_signal(signal.SIGINT)
            _, errors = copy.communicate(timeout=60)
            if copy.returncode == 1:
                break
        self.assertEqual(copy.returncode, 1, errors)
        self.assertRegex(errors.splitlines()[-1], "^daos: filesystem copy: interrupted; .*the same command goes on")
        self.ok("fs", "copy", root, f"daos://default/files/tree{attempt}")
        told = self.response("fs", "copy", root, f"daos://default/files/tree{attempt}", "--merge", "--verify")
        self.assertEqual(told["difference_count"], 0)


if __name__ == "__main__":
    main()
