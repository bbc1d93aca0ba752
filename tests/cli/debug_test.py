#!/usr/bin/env python3
"""daos debug: everything that lies in a store, without opening or changing it, and around damage."""

import json
import os
import random
import subprocess
import time

from daos_tool import DAOS, DaosTest, main

BLOCK = 4096
VERBS = ["superblock", "log", "tree", "allocator", "containers", "ls", "verify"]


class DebugTest(DaosTest):
    def setUp(self):
        super().setUp()
        self.big = random.Random("big").randbytes(100_000)
        self.ok("container", "create", "default", "c")
        self.ok("kv", "put", "default", "c", "1", "word", "old")
        self.ok("kv", "put", "default", "c", "1", "word", "new")
        self.ok("kv", "put", "default", "c", "1", "big", "--file", self.write_file("big", self.big))
        self.target = os.path.join(self.store, "target-0")

    def debug(self, *words, **options):
        return self.response("debug", *words, **options)

    def damaged(self, *words):
        """The response of a call that finds damage."""
        done = self.daos("debug", *words, "--json")
        self.assertEqual(done.returncode, 1, done.stdout)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["error"]["code"], "corrupt")
        return answer["response"]

    def flip(self, offset):
        with open(self.target, "r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ 0x10]))

    def everything(self):
        """The files of the system, with their times of change."""
        return {name: (self.read_file(os.path.join(self.store, name)), os.stat(os.path.join(self.store, name)).st_mtime_ns)
                for name in sorted(os.listdir(self.store))}


class Whole(DebugTest):
    def test_nothing_is_written(self):
        before = self.everything()
        for verb in VERBS:
            self.ok("debug", verb)
        self.ok("debug", "ls", "c", "1", "--all")
        self.ok("debug", "value", "c", "1", "big", "0")
        self.assertEqual(self.everything(), before)

    def test_works_on_files_that_may_only_be_read(self):
        os.chmod(self.target, 0o400)
        os.chmod(os.path.join(self.store, "lock"), 0o400)
        os.chmod(self.store, 0o500)
        self.addCleanup(os.chmod, self.store, 0o700)
        for verb in VERBS:
            self.ok("debug", verb)

    def test_superblock_shows_both_copies(self):
        copies = self.debug("superblock")["copies"]
        self.assertEqual([copy["good"] for copy in copies], [True, True])
        self.assertEqual(sorted(copy["newest"] for copy in copies), [False, True])
        self.assertEqual(abs(copies[0]["generation"] - copies[1]["generation"]), 1)

    def test_log_shows_frames_and_records(self):
        # Killed, so that there is something to replay.
        process = subprocess.Popen([DAOS, "--local", self.store, "fs", "copy", self.folder, "daos://default/t/tree"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.05)
        process.kill()
        process.wait()
        log = self.debug("log", "--records")
        self.assertEqual(log["fault"], "")
        replayed = [frame for frame in log["frames"] if frame["state"] == "replayed"]
        self.assertEqual(len(replayed), log["replay_end"]["sequence"] - log["replay_begin"]["sequence"])
        self.assertEqual(len(log["records"]), log["records_to_replay"])

    def test_tree_shows_pages_and_entries(self):
        tree = self.debug("tree", "--pages")
        self.assertEqual(tree["height"], len(tree["levels"]))
        self.assertEqual(len(tree["pages"]), sum(level["pages"] for level in tree["levels"]))
        leaf = [page for page in tree["pages"] if page["level"] == 0][0]
        page = self.debug("tree", "--page", str(leaf["block"]))
        self.assertEqual(len(page["entries"]), leaf["entries"])
        self.assertIn("info of the store", [entry["what"] for entry in page["entries"]])
        self.fails("debug", "tree", "--page", "3", saying="no index page")

    def test_allocator_adds_up(self):
        allocator = self.debug("allocator")
        parts = ["value_blocks", "page_blocks", "allocator_blocks", "held_blocks", "free_blocks"]
        self.assertEqual(sum(allocator[part] for part in parts), allocator["blocks"])
        self.assertEqual(allocator["value_blocks"], 25)
        self.assertEqual(sum(size["blocks"] for size in allocator["free_extents_by_size"]), allocator["free_blocks"])

    def test_containers_have_names_epochs_and_space(self):
        self.ok("container", "create-snap", "default", "c", "--snap", "s")
        uuid = self.response("container", "query", "default", "c")["uuid"]
        container = self.debug("containers")["containers"][0]
        self.assertEqual((container["label"], container["uuid"]), ("c", uuid))
        self.assertEqual(len(container["snapshots"]), 1)
        self.assertEqual(container["space"]["values"], 3)
        self.assertEqual(container["space"]["block_bytes"], 25 * BLOCK)
        counters = container["counters"]
        self.assertEqual(counters["records"], container["space"]["values"] + container["space"]["punches"])
        for what in ["value_bytes", "block_bytes"]:
            self.assertEqual(counters[what], container["space"][what])
        self.assertEqual((container["undecided"], container["decisions"]), ([], []))
        self.assertEqual(container["space"]["inline_bytes"], len("old") + len("new"))
        for name in ("c", uuid, str(container["number"])):
            self.assertEqual(len(self.debug("ls", name)["entries"]), 1)

    def test_ls_goes_from_containers_to_versions(self):
        self.ok("kv", "delete", "default", "c", "1", "word")
        self.assertEqual([entry["dkey"] for entry in self.debug("ls", "c", "1")["entries"]], ["big", "word"])
        akeys = [entry["akey"] for entry in self.debug("ls", "c", "1", "big")["entries"] if entry["kind"] == "akey"]
        versions = self.debug("ls", "c", "1", "big", *akeys)["entries"]
        self.assertEqual([(version["kind"], version["bytes"]) for version in versions], [("single value", 100_000)])
        self.assertEqual(sum(count for _, count in versions[0]["blocks"]), 25)
        everything = self.debug("ls", "c", "1", "word", "--all")["entries"]
        self.assertEqual(sum(1 for entry in everything if entry["kind"] == "single value"), 2)
        self.assertEqual(sum(1 for entry in everything if "punch" in entry["kind"]), 1)
        self.fails("debug", "ls", "c", "1", "nothing", saying="nothing is stored there")
        self.fails("debug", "ls", "missing", saying=["no container 'missing'", "daos debug containers"])

    def test_ls_with_an_epoch_shows_what_a_reader_sees(self):
        before = self.debug("ls", "c", "1", "word")["entries"][0]
        self.ok("kv", "delete", "default", "c", "1", "word")
        self.assertEqual([entry["dkey"] for entry in self.debug("ls", "c", "1", "-e", "newest")["entries"]], ["big"])
        shown = self.debug("ls", "c", "1", "--epoch", before["newest_epoch"])["entries"]
        self.assertIn("word", [entry["dkey"] for entry in shown])

    def test_value_gives_bytes_of_any_epoch(self):
        akey = self.debug("ls", "c", "1", "big")["entries"][0]["akey"]
        self.assertEqual(self.ok("debug", "value", "c", "1", "big", akey, "--out", "-", text=False), self.big)
        out = os.path.join(self.folder, "out")
        self.ok("debug", "value", "c", "1", "big", akey, "--out", out)
        self.assertEqual(self.read_file(out), self.big)
        versions = self.debug("ls", "c", "1", "word", akey)["entries"]
        self.assertEqual(len(versions), 2)
        for version, value in zip(versions, ("new", "old")):
            self.assertEqual(self.ok("debug", "value", "c", "1", "word", akey, "-e", version["epoch"], "-o", "-"), value)
        shown = self.debug("value", "c", "1", "word", akey)
        self.assertEqual([(version["seen"], version["good"]) for version in shown["versions"]],
                         [(True, True), (False, True)])
        self.fails("debug", "value", "c", "1", "word", akey, "--epoch", "1", saying="no value is seen")

    def test_records_of_an_array_are_given_by_range(self):
        content = random.Random("file").randbytes(50_000)
        self.write_file("tree/file", content)
        self.ok("fs", "copy", os.path.join(self.folder, "tree"), "daos://default/files/tree")
        arrays = [entry for entry in self.debug("ls", "files", "--all")["entries"]
                  if entry["kind"] == "extent" and entry["bytes"] == 50_000]
        self.assertEqual(len(arrays), 1)
        place = ["files", arrays[0]["object"], "1", "0"]
        self.assertEqual(self.ok("debug", "value", *place, "-o", "-", text=False), content)
        part = self.ok("debug", "value", *place, "--recx", "1000:50", "-o", "-", text=False)
        self.assertEqual(part, content[1000:1050])
        self.fails("debug", "value", *place, "--recx", "a-b", saying="INDEX:COUNT", code=2)

    def test_a_store_file_alone_is_enough(self):
        alone = os.path.join(self.folder, "alone")
        subprocess.run(["cp", "--sparse=always", self.target, alone], check=True)
        for verb in VERBS:
            self.ok("debug", verb, "--device", alone, env={})
        self.fails("debug", "superblock", "--device", self.write_file("other", "x" * 100_000), env={},
                   saying="not an Aeon store")
        self.fails("debug", "superblock", "--device", os.path.join(self.folder, "missing"), env={}, saying="missing")

    def test_who_has_it_open_is_named(self):
        import fcntl
        with open(os.path.join(self.store, "lock"), "r+", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.fails("debug", "ls", saying=["in use by process", "--force"])
            done = self.daos("debug", "ls", "--force")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("in use by process", done.stderr)

    def test_verify_finds_a_whole_store_whole(self):
        response = self.debug("verify")
        self.assertEqual((response["damaged"], response["unowned_blocks"]), (0, 0))
        self.assertGreater(response["bytes"], len(self.big))


class Damaged(DebugTest):
    def test_a_flipped_byte_in_a_value_is_named_by_every_part_of_its_place(self):
        entry = self.debug("ls", "c", "1", "big", "--all")["entries"][0]
        self.flip(entry["blocks"][0][0] * BLOCK + 50_000)
        damage = self.damaged("verify")["damage"]
        self.assertEqual(len(damage), 1)
        self.assertEqual((damage[0]["what"], damage[0]["dkey"], damage[0]["akey"], damage[0]["epoch"]),
                         ("value", "big", entry["akey"], entry["epoch"]))
        self.assertIn("bytes [49152, 53248)", damage[0]["message"])
        place = ["c", "1", "big", entry["akey"]]
        self.fails("debug", "value", *place, "-o", "-", saying=["bytes [49152, 53248)", "--damaged"])
        done = self.daos("debug", "value", *place, "-o", "-", "--damaged", text=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual([at for at in range(len(self.big)) if done.stdout[at] != self.big[at]], [50_000])

    def test_one_bad_superblock_copy_is_shown_and_the_other_is_enough(self):
        for place in (0, 16):
            self.flip(place * BLOCK + 40)
            copies = self.debug("superblock")["copies"]
            bad = [copy for copy in copies if copy["block"] == place][0]
            self.assertEqual((bad["good"], bad["checksum_good"]), (False, False))
            self.assertIn("generation", bad)
            self.ok("debug", "ls", "c", "1")
            self.assertEqual([one["what"] for one in self.damaged("verify")["damage"]], ["store"])
            self.flip(place * BLOCK + 40)

    def test_without_a_good_superblock_the_fields_are_still_shown(self):
        for place in (0, 16):
            self.flip(place * BLOCK + 40)
        copies = self.damaged("superblock")["copies"]
        self.assertEqual([copy["good"] for copy in copies], [False, False])
        self.assertIn("root_block", copies[0])
        self.fails("debug", "ls", "c", saying="both superblocks are damaged")

    def test_a_bad_page_hides_only_its_keys(self):
        self.ok("container", "create", "default", "many")
        lines = [self.write_file(f"many/{number:04}", str(number)) for number in range(300)]
        self.assertEqual(len(lines), 300)
        self.ok("fs", "copy", os.path.join(self.folder, "many"), "daos://default/files/many")
        before = len(self.debug("ls", "files")["entries"])
        leaves = [page for page in self.debug("tree", "--pages")["pages"] if page["level"] == 0]
        self.assertGreater(len(leaves), 2)
        self.flip(leaves[-1]["block"] * BLOCK + 100)
        damage = self.damaged("tree")["damage"]
        self.assertEqual([page["block"] for page in damage], [leaves[-1]["block"]])
        self.assertIn("container number", damage[0]["first_key"])
        shown = self.damaged("ls", "files")
        self.assertGreater(len(shown["entries"]), 10)
        self.assertLess(len(shown["entries"]), before)
        self.assertEqual([one["what"] for one in shown["damage"]], ["page"])
        self.assertEqual([one["what"] for one in self.damaged("verify")["damage"]], ["page"])
        # What isn't below it can be read.
        self.assertEqual(len(self.debug("ls", "c", "1")["entries"]), 2)

    def test_a_damaged_system_file_does_not_hide_the_store(self):
        with open(os.path.join(self.store, "system"), "w", encoding="ascii") as file:
            file.write("something else")
        done = self.daos("debug", "ls", "c", "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("system", done.stderr)
        self.assertIn("word", done.stdout)

    def test_damage_anywhere_is_never_a_crash(self):
        whole = self.read_file(self.target)
        used = [at for at in range(0, len(whole), BLOCK) if any(whole[at:at + BLOCK])]
        numbers = random.Random(5)
        for attempt in range(5):
            for _ in range(8):
                self.flip(numbers.choice(used) + numbers.randrange(BLOCK))
            for verb in VERBS:
                done = self.daos("debug", verb, "--json")
                self.assertIn(done.returncode, (0, 1), f"attempt {attempt}, {verb}: {done.stderr}")
                json.loads(done.stdout)
            with open(self.target, "r+b") as file:
                for at in used:
                    file.seek(at)
                    file.write(whole[at:at + BLOCK])


if __name__ == "__main__":
    main()
