"""Runs the daos program on a system of its own, and looks at what it answers."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

DAOS = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else shutil.which("daos")
AEON = os.path.join(os.path.dirname(DAOS or ""), "aeon")
TIMEOUT_S = 120
# The same tests with an engine of its own for each system.
IS_SERVED = "--served" in sys.argv
if IS_SERVED:
    sys.argv.remove("--served")
# The same tests on systems of several targets.
TARGETS = 1
if "--targets" in sys.argv:
    TARGETS = int(sys.argv.pop(sys.argv.index("--targets") + 1))
    sys.argv.remove("--targets")


class DaosTest(unittest.TestCase):
    """A temporary folder, a system in it (made on first use), and calls of daos on that system."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="daos-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.store = os.path.join(self.folder, "store")
        if TARGETS > 1:
            self.ok("system", "create", self.store, "--targets", str(TARGETS))
        if IS_SERVED:
            self.serve()

    def aeon(self, *words, check=True, env=None):
        done = subprocess.run([AEON, *words], env={**self.plain_environment(), **(env or {})}, capture_output=True,
                              text=True, timeout=TIMEOUT_S, check=False)
        if check:
            self.assertEqual(done.returncode, 0, f"aeon {' '.join(words)}: {done.stderr}{done.stdout}")
        return done

    def serve(self):
        """Starts an engine for the store; it is stopped at the end of the test."""
        self.aeon("up", self.store)
        self.addCleanup(self.aeon, "down", "--force", self.store, check=False)

    def create_system(self, *options):
        """In place of the one that tests get by themselves."""
        if IS_SERVED:
            self.aeon("down", self.store)
        shutil.rmtree(self.store, ignore_errors=True)
        self.ok("system", "create", self.store, *options)
        if IS_SERVED:
            self.serve()

    @staticmethod
    def plain_environment():
        return {key: value for key, value in os.environ.items() if not key.startswith("AEON_")}

    def daos(self, *words, store=None, stdin=None, env=None, text=True, cwd=None):
        """The completed process, whatever its exit code."""
        environment = self.plain_environment()
        environment.update(env if env is not None else {"AEON_SYSTEM": "local:" + (store or self.store)})
        return subprocess.run([DAOS, *words], input=stdin, env=environment, cwd=cwd, capture_output=True, text=text,
                              timeout=TIMEOUT_S, check=False)

    def ok(self, *words, **options):
        """Standard output of a call that has to work."""
        done = self.daos(*words, **options)
        self.assertEqual(done.returncode, 0, f"daos {' '.join(words)}: {done.stderr}{done.stdout}")
        return done.stdout

    def response(self, *words, **options):
        """The response of a call with --json that has to work."""
        answer = json.loads(self.ok(*words, "--json", **options))
        self.assertEqual(answer["status"], "ok")
        self.assertIsNone(answer["error"])
        return answer["response"]

    def fails(self, *words, saying, code=1, **options):
        """One line on standard error that says what and names a way out; also as JSON."""
        done = self.daos(*words, **options)
        shown = f"daos {' '.join(words)}: exit code {done.returncode}\n{done.stderr}{done.stdout}"
        self.assertEqual(done.returncode, code, shown)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, shown)
        self.assertTrue(lines[0].startswith("daos: "), shown)
        for part in [saying] if isinstance(saying, str) else saying:
            self.assertIn(part, lines[0], shown)
        return lines[0]

    def fails_with(self, error_code, *words, **options):
        """The same, asked with --json: the stable code."""
        done = self.daos(*words, "--json", **options)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["status"], "error")
        self.assertEqual(answer["error"]["code"], error_code, answer)

    def make_container(self, label="files", kind="POSIX"):
        self.ok("container", "create", "default", label, "--type", kind)

    def write_file(self, name, content):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def read_file(self, path):
        with open(path, "rb") as file:
            return file.read()


def listing(root):
    """What a tree holds, as {relative path: what describes the entry}: type, mode, owner, mtime, content, target."""
    found = {}
    inodes = {}
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files, "."]:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            relative = os.path.normpath(os.path.relpath(path, root))
            entry = [oct(status.st_mode), status.st_uid, status.st_gid]
            if os.path.islink(path):
                entry.append(os.readlink(path))
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    entry += [status.st_mtime_ns, status.st_nlink, hash(file.read())]
                first = inodes.setdefault(status.st_ino, relative)
                entry.append(min(first, relative) if status.st_nlink > 1 else "")
            else:
                entry.append(status.st_mtime_ns)
            found[relative] = entry
    return found


def main():
    unittest.main(verbosity=1)
