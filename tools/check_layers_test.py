#!/usr/bin/env python3
"""Proves that check_layers.py and the CMake side refuse what goes against the layers.

Once on a small tree made for the purpose, and once on the real one, where every module in turn gets an
include of a module that isn't below it.
"""

import os
import shutil
import subprocess
import tempfile
import unittest

import check_layers

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")

SMALL = {
    "src/base/CMakeLists.txt": "add_module(base PUBLIC_HEADERS include/base/a.h SOURCES a.cc)",
    "src/base/include/base/a.h": "#pragma once\n#include <string>\n",
    "src/base/a.cc": '#include "base/a.h"\n',
    "src/runtime/CMakeLists.txt": "add_module(runtime PUBLIC_HEADERS include/runtime/r.h SOURCES r.cc DEPENDS base)",
    "src/runtime/include/runtime/r.h": '#pragma once\n#include "base/a.h"\n',
    "src/runtime/r.cc": '#include "runtime/r.h"\n#include "private.h"\n#include "base/a.h"\n',
    "src/runtime/private.h": "#pragma once\n",
    "src/media/CMakeLists.txt": """add_module(media  # a comment
        PUBLIC_HEADERS include/media/m.h
        SOURCES m.cc TESTS m_test.cc PRIVATE_DEPENDS runtime TEST_DEPENDS sim)""",
    "src/media/include/media/m.h": "#pragma once\n",
    "src/media/m.cc": '#include "media/m.h"\n#include "base/a.h"\n#include <runtime/r.h>\n',
    "src/media/m_test.cc": '#include "media/m.h"\n#include "sim/s.h"\n',
    "src/service/pool/CMakeLists.txt": "add_module(service_pool PUBLIC_HEADERS include/pool/p.h SOURCES p.cc DEPENDS base)",
    "src/service/pool/include/pool/p.h": '#pragma once\n#include "base/a.h"\n',
    "src/service/pool/p.cc": '#include "pool/p.h"\n',
    "src/sim/CMakeLists.txt": "add_module(sim PUBLIC_HEADERS include/sim/s.h SOURCES s.cc DEPENDS media)",
    "src/sim/include/sim/s.h": '#pragma once\n#include "media/m.h"\n',
    "src/sim/s.cc": '#include "sim/s.h"\n',
}


class SmallTree(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        os.makedirs(os.path.join(self.folder, "cmake"))
        shutil.copy(os.path.join(ROOT, "cmake/layers.cmake"), os.path.join(self.folder, "cmake/layers.cmake"))

    def tearDown(self):
        shutil.rmtree(self.folder)

    def faults(self, path=None, text=None):
        changes = dict(SMALL)
        if path:
            changes[path] = text
        return check_layers.check(self.folder, changes)

    def assert_fault(self, path, text, expected):
        faults = self.faults(path, text)
        self.assertEqual(len(faults), 1, faults)
        self.assertIn(expected, faults[0])

    def test_accepts_what_follows_the_table(self):
        self.assertEqual(self.faults(), [])

    def test_refuses_an_upward_include_in_a_source(self):
        self.assert_fault("src/base/a.cc", '#include "runtime/r.h"\n', "'runtime' is not below it")

    def test_refuses_an_upward_include_in_angle_brackets(self):
        self.assert_fault("src/base/a.cc", "#include <runtime/r.h>\n", "'runtime' is not below it")

    def test_refuses_an_upward_include_in_a_header(self):
        self.assert_fault("src/runtime/include/runtime/r.h", '#include "pool/p.h"\n', "'service_pool' is not below it")

    def test_refuses_an_allowed_module_that_is_not_declared(self):
        self.assert_fault("src/service/pool/p.cc", '#include "media/m.h"\n', "doesn't name 'media'")

    def test_refuses_a_private_dependency_in_a_public_header(self):
        self.assert_fault("src/media/include/media/m.h", '#include "runtime/r.h"\n', "doesn't name 'runtime' in DEPENDS")

    def test_refuses_the_simulator_outside_tests(self):
        self.assert_fault("src/media/m.cc", '#include "sim/s.h"\n', "'sim' is not below it")

    def test_refuses_a_test_dependency_that_is_not_declared(self):
        self.assert_fault("src/media/m_test.cc", '#include "pool/p.h"\n', "doesn't name 'service_pool' in TEST_DEPENDS")

    def test_refuses_a_test_that_is_never_built(self):
        self.assert_fault("src/runtime/r_test.cc", "", "on no list")

    def test_refuses_a_path_into_another_module(self):
        self.assert_fault("src/media/m.cc", '#include "../runtime/private.h"\n', "reaches into module 'runtime'")

    def test_refuses_a_private_header_of_another_module(self):
        self.assert_fault("src/media/m.cc", '#include "private.h"\n', "no module has a header")

    def test_refuses_a_public_header_that_is_not_declared(self):
        self.assert_fault("src/base/include/base/b.h", "#pragma once\n", "not in PUBLIC_HEADERS")

    def test_refuses_a_file_outside_every_module(self):
        self.assert_fault("src/util/u.h", "#pragma once\n", "belongs to no module")

    def test_ignores_comments(self):
        self.assertEqual(self.faults("src/base/a.cc", '// #include "sim/s.h"\n/*\n#include "sim/s.h"\n*/\n'), [])


class RealTree(unittest.TestCase):
    def test_follows_the_table(self):
        self.assertEqual(check_layers.check(ROOT), [])

    def test_an_upward_include_in_any_module_is_found(self):
        with open(os.path.join(ROOT, "cmake/layers.cmake"), encoding="utf-8") as file:
            allowed, folders = check_layers.read_layers(file.read())
        tried = 0
        for module, folder in folders.items():
            if not os.path.exists(os.path.join(ROOT, "src", folder, "CMakeLists.txt")):
                continue
            higher = next((name for name in reversed(list(folders)) if name not in allowed[module] and name != module), None)
            if higher is None:
                continue  # Only the top of the table, below which everything is.
            header = f"src/{folders[higher]}/include/upward_target.h"
            probe = {header: "#pragma once\n", f"src/{folder}/upward_probe.h": '#include "upward_target.h"\n'}
            faults = [fault for fault in check_layers.check(ROOT, probe) if "is not below it" in fault]
            self.assertEqual(len(faults), 1, f"{module} → {higher}")
            tried += 1
        self.assertGreater(tried, 0)


class Configure(unittest.TestCase):
    """The same table, as CMake enforces it on DEPENDS."""

    def run_cmake(self, module, depends):
        with tempfile.NamedTemporaryFile("w", suffix=".cmake") as script:
            script.write(f"cmake_policy(VERSION 3.25)\ninclude({ROOT}/cmake/layers.cmake)\nrequire_allowed_by_layers({module} {depends})\n")
            script.flush()
            return subprocess.run(["cmake", "-P", script.name], capture_output=True, text=True)

    def test_accepts_a_lower_module(self):
        self.assertEqual(self.run_cmake("vos", "base runtime media").returncode, 0)

    def test_refuses_a_higher_module_and_names_both(self):
        result = self.run_cmake("media", "vos")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("'media'", result.stderr)
        self.assertIn("'vos'", result.stderr)

    def test_refuses_the_simulator(self):
        self.assertIn("'cli' may not depend on 'sim'", " ".join(self.run_cmake("cli", "sim").stderr.split()))

    def test_agrees_with_the_python_reader(self):
        with open(os.path.join(ROOT, "cmake/layers.cmake"), encoding="utf-8") as file:
            allowed, _ = check_layers.read_layers(file.read())
        with tempfile.NamedTemporaryFile("w", suffix=".cmake") as script:
            script.write(f"cmake_policy(VERSION 3.25)\ninclude({ROOT}/cmake/layers.cmake)\nforeach(m IN LISTS AEON_LAYERS)\n"
                         'message("${m}:${AEON_LAYER_${m}}")\nendforeach()\n')
            script.flush()
            output = subprocess.run(["cmake", "-P", script.name], capture_output=True, text=True, check=True).stderr
        read = {line.split(":")[0]: set(filter(None, line.split(":")[1].split(";"))) for line in output.splitlines()}
        self.assertEqual(read, allowed)


if __name__ == "__main__":
    unittest.main(verbosity=0)
