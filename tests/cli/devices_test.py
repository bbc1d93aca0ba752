"""Systems on devices of their own: block devices (loop devices, where the tests may make some) and files."""

import os
import subprocess

from daos_tool import DaosTest, main

MIB = 1 << 20


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, check=False)


class LoopDevices(DaosTest):
    """A 512-byte and a 4096-byte sector device; only root may make them, and not in every container."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("only root may make loop devices")
        self.small_sectors = self.make_device("small", 512)
        self.large_sectors = self.make_device("large", 4096)

    def make_device(self, name, sector_size):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.truncate(64 * MIB)
        made = run("losetup", "--find", "--show", "--sector-size", str(sector_size), path)
        if made.returncode != 0:
            self.skipTest("no loop devices here: " + made.stderr)
        device = made.stdout.strip()
        self.addCleanup(run, "losetup", "--detach", device)
        return device

    def create(self, *more, **options):
        return self.ok("system", "create", self.store, "--log-size", "1MiB", *more, **options)

    def on_both(self):
        return ("--log-device", self.small_sectors, "--data-device", self.large_sectors)

    def fill(self):
        self.make_container()
        self.content = os.urandom(5 * MIB)
        source = self.write_file("source/one", self.content)
        self.ok("filesystem", "copy", os.path.dirname(source), "daos://default/files", "--verify")

    def check(self):
        target = os.path.join(self.folder, "back")
        self.ok("filesystem", "copy", "daos://default/files/one", target)
        self.assertEqual(self.read_file(target), self.content)
        os.unlink(target)

    def test_a_system_lives_on_them(self):
        self.create(*self.on_both())
        self.fill()
        self.check()
        self.ok("container", "check", "default", "files")
        devices = self.response("system", "list-devices")["devices"]
        self.assertEqual([(d["path"], d["role"], d["missing"]) for d in devices],
                         [(self.small_sectors, "log", False), (self.large_sectors, "data", False)])
        self.assertIn(self.large_sectors, self.ok("system", "list-devices"))
        # Offline, in any order, without the system's directory.
        self.ok("debug", "verify", "--device", self.large_sectors, "--device", self.small_sectors)
        self.assertLess(self.response("pool", "query", "default")["total_bytes"], 64 * MIB)

    def test_what_is_on_them_is_named_and_kept(self):
        run("mkfs.ext4", "-q", "-L", "photos", self.large_sectors)
        self.fails("system", "create", self.store, *self.on_both(),
                   saying=[self.large_sectors, "ext4 file system 'photos'", "--overwrite"])
        self.fails_with("not_empty", "system", "create", self.store, *self.on_both())
        self.create(*self.on_both(), "--overwrite")
        self.fails("system", "create", self.store + "2", *self.on_both(), saying=["device 1 of 2 (log", "--overwrite"])
        self.assertNotIn("ext4", run("blkid", "--probe", self.large_sectors).stdout)

    def test_one_that_is_mounted_is_refused(self):
        run("mkfs.ext4", "-q", self.large_sectors)
        mounted = os.path.join(self.folder, "mounted")
        os.mkdir(mounted)
        if run("mount", self.large_sectors, mounted).returncode != 0:
            self.skipTest("may not mount here")
        self.addCleanup(run, "umount", mounted)
        self.fails("system", "create", self.store, *self.on_both(), "--overwrite", saying=[self.large_sectors, "mounted"])

    def test_one_that_is_gone_moved_or_smaller_is_named(self):
        # The index is on the first of the data devices, so this is about the second.
        first = os.path.join(self.folder, "first")
        self.create("--log-device", self.small_sectors, "--data-device", first, "--data-device", self.large_sectors)
        self.fill()
        run("losetup", "--detach", self.large_sectors)
        self.fails("container", "list", "default", saying=["device 3 of 3 (data, uuid ", self.large_sectors, "missing"])
        self.fails_with("unavailable", "container", "list", "default")
        self.ok("container", "list", "default", env={"AEON_SYSTEM": "local:" + self.store, "AEON_DEGRADED": "1"})
        devices = self.response("system", "list-devices")["devices"]
        self.assertEqual([d["missing"] for d in devices], [False, False, True])
        moved = os.path.join(self.folder, "large")
        self.ok("system", "set-devices", "--device", moved, "--device", self.small_sectors, "--device",
                first)
        self.check()
        run("losetup", "--detach", self.small_sectors)
        os.truncate(os.path.join(self.folder, "small"), MIB)
        smaller = run("losetup", "--find", "--show", os.path.join(self.folder, "small")).stdout.strip()
        self.addCleanup(run, "losetup", "--detach", smaller)
        self.fails("system", "set-devices", "--device", moved, "--device", smaller, "--device", first,
                   saying=[smaller, "give it its size back"])


class Files(DaosTest):
    def test_wrong_ones_are_named(self):
        self.fails("system", "create", self.store, "--data-device", "/dev/none-such", saying="no device /dev/none-such")
        self.fails("system", "create", self.store, "--data-device", self.folder, code=2,
                   saying="neither a file nor a block device")
        self.fails("system", "set-devices", saying="--device PATH", code=2)
        self.ok("system", "create", self.store)
        self.fails("system", "set-devices", "--device", "x", saying="without devices of its own")
        devices = self.response("system", "list-devices")["devices"]
        self.assertEqual([d["path"] for d in devices], [os.path.join(self.store, "target-0")])

    def test_a_foreign_one_is_named(self):
        first, second = os.path.join(self.folder, "first"), os.path.join(self.folder, "second")
        other = os.path.join(self.folder, "other")
        self.ok("system", "create", self.store, "--data-device", first, "--capacity", "64MiB", "--log-size", "1MiB")
        self.ok("system", "create", other, "--data-device", second, "--capacity", "64MiB", "--log-size", "1MiB")
        self.fails("system", "set-devices", "--device", second, saying=[second, "is device 1 of 1", "and not of store"])
        os.rename(first, first + ".kept")
        os.rename(second, first)
        self.fails("pool", "list", saying=["is device 1 of 1 (log and data", "and not of store"])


if __name__ == "__main__":
    main()
