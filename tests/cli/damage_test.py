#!/usr/bin/env python3
"""Damaged and foreign systems: an error that names the place and the way out, never wrong data and never a crash."""

import json
import os
import random
import shutil
import subprocess
import time

from daos_tool import DAOS, DaosTest, main

BLOCK = 4096
SUPERBLOCKS = [0, 16 * BLOCK]
LOG = 32 * BLOCK


def crc32c(data):
    """As the formats use it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class DamageTest(DaosTest):
    def target(self, store=None):
        """The file that holds a system's data: the largest one."""
        store = store or self.store
        paths = [os.path.join(store, name) for name in os.listdir(store)]
        return max((path for path in paths if os.path.isfile(path)), key=os.path.getsize)

    def flip(self, path, offset, count=1):
        with open(path, "r+b") as file:
            file.seek(offset)
            old = file.read(count)
            self.assertEqual(len(old), count, f"{path} is shorter than {offset + count}")
            file.seek(offset)
            file.write(bytes(byte ^ 0x5A for byte in old))

    def place_of(self, content, path):
        """Where a file has these bytes, searched in steps."""
        with open(path, "rb") as file:
            before, at = b"", 0
            while chunk := file.read(1 << 24):
                found = (before + chunk).find(content)
                if found >= 0:
                    return at - len(before) + found
                before, at = chunk[-len(content):], at + len(chunk)
        self.fail("the stored bytes are not in the file")

    def copy_of(self, name):
        """The system once more, to be damaged."""
        copied = os.path.join(self.folder, name)
        subprocess.run(["cp", "-a", "--sparse=always", self.store, copied], check=True)
        return copied


class Values(DamageTest):
    def setUp(self):
        super().setUp()
        self.values = {name: random.Random(name).randbytes(100_000) for name in ("first", "second", "third")}
        self.ok("container", "create", "default", "c")
        for name, value in self.values.items():
            self.ok("kv", "put", "default", "c", "1", name, "--file", self.write_file(name, value))

    def test_a_flipped_byte_in_a_value_is_found_and_named(self):
        path = self.target()
        self.flip(path, self.place_of(self.values["second"][50_000:50_064], path))
        done = self.daos("container", "check", "default", "c")
        self.assertEqual(done.returncode, 1)
        damaged = [line for line in done.stdout.splitlines() if line.startswith("damaged: ")]
        self.assertEqual(len(damaged), 1, done.stdout)
        self.assertIn("dkey second", damaged[0])
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn("1 place is damaged", done.stderr)

    def test_json_tells_object_dkey_and_akey(self):
        path = self.target()
        self.flip(path, self.place_of(self.values["second"][50_000:50_064], path))
        answer = json.loads(self.daos("container", "check", "default", "c", "--json").stdout)
        self.assertEqual(answer["error"]["code"], "corrupt")
        damage = answer["response"]["damage"]
        self.assertEqual([one["dkey"] for one in damage], ["second"])
        self.assertEqual(damage[0]["object"], self.response("container", "list-objects", "default", "c")["objects"][0])

    def test_damage_is_an_error_and_not_data_and_spares_the_rest(self):
        path = self.target()
        self.flip(path, self.place_of(self.values["second"][50_000:50_064], path))
        self.fails_with("corrupt", "kv", "get", "default", "c", "1", "second")
        for name in ("first", "third"):
            self.assertEqual(self.ok("kv", "get", "default", "c", "1", name, text=False), self.values[name])
        # What is damaged can be replaced.
        self.ok("kv", "put", "default", "c", "1", "second", "again")
        self.assertIn("No damage", self.ok("container", "check", "default", "c"))

    def test_what_only_a_snapshot_shows_is_checked_too(self):
        self.ok("container", "create-snap", "default", "c")
        self.ok("kv", "delete", "default", "c", "1", "second")
        path = self.target()
        self.flip(path, self.place_of(self.values["second"][50_000:50_064], path))
        self.assertEqual(self.daos("container", "check", "default", "c").returncode, 1)

    def test_a_damaged_file_is_named_and_the_others_are_copied(self):
        for name in self.values:
            self.write_file(f"tree/{name}", self.values[name])
        self.ok("fs", "copy", os.path.join(self.folder, "tree"), "daos://default/files/tree")
        self.ok("container", "destroy", "default", "c")
        path = self.target()
        with open(path, "rb") as file:
            content = file.read()
        # Destroying doesn't wipe, so both copies of the bytes are flipped.
        pattern, at = self.values["second"][50_000:50_064], -1
        while (at := content.find(pattern, at + 1)) >= 0:
            self.flip(path, at)
        back = os.path.join(self.folder, "back")
        done = self.daos("fs", "copy", "daos://default/files/tree", back)
        self.assertEqual(done.returncode, 1)
        self.assertIn("second", done.stderr)
        # A mark says that the copy isn't whole, so that it may be gone on with.
        copied = [name for name in os.listdir(back) if not name.startswith(".aeon-copy")]
        self.assertEqual(sorted(copied), ["first", "third"])
        self.assertEqual(self.read_file(os.path.join(back, "third")), self.values["third"])


class Systems(DamageTest):
    def setUp(self):
        super().setUp()
        self.ok("container", "create", "default", "c")
        for number in range(50):
            self.ok("kv", "put", "default", "c", "1", f"key{number}", f"value{number}")

    def test_one_damaged_superblock_does_no_harm(self):
        for number, offset in enumerate(SUPERBLOCKS):
            store = self.copy_of(f"one{number}")
            self.flip(self.target(store), offset, 64)
            self.assertEqual(self.ok("kv", "get", "default", "c", "1", "key7", store=store), "value7")

    def test_two_damaged_superblocks_are_an_error(self):
        for offset in SUPERBLOCKS:
            self.flip(self.target(), offset, 64)
        before = self.read_file(self.target())
        self.fails("pool", "list", saying=os.path.basename(self.target()))
        self.assertEqual(self.read_file(self.target()), before, "what is damaged was changed")

    def test_a_damaged_system_file_is_an_error(self):
        path = os.path.join(self.store, "system")
        size = os.path.getsize(path)
        for offset in range(0, size, max(1, size // 16)):
            store = self.copy_of("damaged")
            self.flip(os.path.join(store, "system"), offset)
            self.fails("pool", "list", store=store, saying="system")
            shutil.rmtree(store)

    def test_an_empty_or_cut_system_file_is_an_error(self):
        for size in (0, 1, os.path.getsize(os.path.join(self.store, "system")) - 1):
            store = self.copy_of("cut")
            os.truncate(os.path.join(store, "system"), size)
            self.fails("pool", "list", store=store, saying="system")
            shutil.rmtree(store)

    def test_a_system_file_of_a_newer_format_is_an_error_that_names_both_versions(self):
        path = os.path.join(self.store, "system")
        content = bytearray(self.read_file(path))
        content[8:12] = (77).to_bytes(4, "little")
        content[-4:] = crc32c(content[:-4]).to_bytes(4, "little")
        with open(path, "wb") as file:
            file.write(content)
        self.fails("pool", "list", saying=["version 77", "knows 2", "newer release"])
        self.fails_with("version_unsupported", "pool", "list")

    def test_a_target_of_a_newer_format_is_an_error_that_names_both_versions(self):
        with open(self.target(), "r+b") as file:
            for place in SUPERBLOCKS:
                file.seek(place)
                block = bytearray(file.read(BLOCK))
                block[8:12] = (77).to_bytes(4, "little")
                block[12:16] = bytes(4)
                block[12:16] = crc32c(block).to_bytes(4, "little")
                file.seek(place)
                file.write(block)
        before = self.read_file(self.target())
        self.fails("pool", "list", saying=["format 77", "format 1"])
        self.fails_with("version_unsupported", "pool", "list")
        self.assertEqual(self.read_file(self.target()), before)

    def test_a_system_file_of_something_else_is_an_error(self):
        with open(os.path.join(self.store, "system"), "w", encoding="ascii") as file:
            file.write("[settings]\ncolour = blue\n")
        self.fails("pool", "list", saying="system")
        self.fails("container", "create", "default", "x", saying="system")

    def test_a_missing_target_is_an_error(self):
        os.unlink(self.target())
        self.fails("pool", "list", saying=self.store)

    def test_a_target_of_another_system_is_an_error(self):
        other = os.path.join(self.folder, "other")
        self.ok("container", "create", "default", "x", store=other)
        shutil.copyfile(self.target(other), self.target())
        self.fails("pool", "list", saying=os.path.basename(self.target()))

    def test_a_cut_target_is_an_error_and_not_a_crash(self):
        for size in (0, 1000, LOG, LOG + 100_000):
            store = self.copy_of("cut")
            os.truncate(self.target(store), size)
            self.fails("kv", "get", "default", "c", "1", "key7", store=store, saying="")
            shutil.rmtree(store)


class Logs(DamageTest):
    def killed_system(self):
        """A system whose process was killed, so that its log matters."""
        self.ok("container", "create", "default", "c")
        self.ok("kv", "put", "default", "c", "1", "key", "value")
        for number in range(400):
            self.write_file(f"tree/{number}", str(number) * 100)
        copy = subprocess.Popen([DAOS, "--local", self.store, "fs", "copy", os.path.join(self.folder, "tree"),
                                 "daos://default/files/tree"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.05)
        copy.kill()
        copy.wait()

    def test_after_kill_everything_acknowledged_is_there(self):
        self.killed_system()
        self.assertEqual(self.ok("kv", "get", "default", "c", "1", "key"), "value")

    def test_damage_anywhere_is_never_a_crash_nor_wrong_data(self):
        self.killed_system()
        numbers = random.Random(3)
        size = os.path.getsize(self.target())
        for attempt in range(40):
            store = self.copy_of("damaged")
            path = self.target(store)
            # The log's beginning and whatever lies behind it, in turns.
            span = (LOG, min(size, LOG + 300_000)) if attempt % 2 == 0 else (0, size)
            for _ in range(20):
                self.flip(path, numbers.randrange(*span))
            done = self.daos("kv", "get", "default", "c", "1", "key", store=store)
            if done.returncode == 0:
                self.assertEqual(done.stdout, "value")
            else:
                self.assertEqual(done.returncode, 1, f"attempt {attempt}: {done.stderr}")
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            shutil.rmtree(store)


if __name__ == "__main__":
    main()
