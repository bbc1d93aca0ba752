#!/usr/bin/env python3
"""Finds what asks the operating system for time, threads, randomness, files or sockets past the seams.

Only src/runtime/ may; everything else goes through World, or a simulation wouldn't repeat. What must be
excepted is in tools/seams_allowed.txt with its reason, or says `// lint: ok <why>` on the line.

    tools/lint_seams.py
"""

import fnmatch
import os
import re
import sys

import cpp_tokens

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
CATEGORIES = ("clock", "thread", "random", "system")

HEADERS = {
    "clock": {"ctime", "time.h", "sys/time.h", "sys/timerfd.h"},
    "thread": {
        "thread", "mutex", "shared_mutex", "condition_variable", "future", "semaphore", "barrier", "latch",
        "stop_token", "pthread.h", "threads.h", "sched.h", "absl/synchronization/mutex.h",
    },
    "random": {"random", "sys/random.h"},
    "system": {
        "unistd.h", "fcntl.h", "dirent.h", "poll.h", "signal.h", "csignal", "spawn.h", "aio.h", "netdb.h", "liburing.h",
        "fstream", "filesystem", "ftw.h", "fts.h", "arpa/inet.h", "netinet/in.h", "netinet/tcp.h",
    },
}
# Only constants and types, so harmless.
PLAIN_HEADERS = {"sys/types.h", "sys/uio.h", "sys/stat.h", "sys/xattr.h", "sys/cdefs.h", "sys/param.h"}

# Names that mean one thing wherever they are called.
CALLS = {
    "clock": {
        "clock_gettime", "gettimeofday", "clock_nanosleep", "nanosleep", "usleep", "timespec_get", "timerfd_create",
        "localtime", "gmtime", "localtime_r", "setitimer", "__rdtsc",
    },
    "thread": {"pthread_create", "pthread_mutex_lock", "sched_yield", "sched_setaffinity"},
    "random": {"srand", "srandom", "drand48", "lrand48", "getrandom", "getentropy", "arc4random", "rand_r"},
    "system": {
        "pread", "pwrite", "preadv", "pwritev", "preadv2", "pwritev2", "readv", "writev", "fsync", "fdatasync", "fallocate",
        "posix_fallocate", "ftruncate", "openat", "creat", "mmap", "munmap", "msync", "ioctl", "fcntl", "flock", "lockf",
        "socket", "socketpair", "setsockopt", "sendmsg", "recvmsg", "sendto", "recvfrom", "epoll_create1", "epoll_wait",
        "eventfd", "memfd_create", "opendir", "readdir", "unlinkat", "mkdirat", "renameat", "renameat2", "fstatat", "statx",
        "lstat", "readlink", "readlinkat", "getxattr", "setxattr", "fgetxattr", "fsetxattr", "copy_file_range", "sendfile",
        "syscall", "fopen", "fdopen", "fork", "execve", "execvp", "posix_spawn", "sigaction", "statvfs", "fstatvfs",
    },
}
# Ordinary words: only with a bare `::` before them, or std:: where that is the C library's.
GLOBAL_CALLS = {
    "clock": {"time", "clock", "sleep"},
    "random": {"rand", "random"},
    "system": {
        "open", "close", "read", "write", "stat", "fstat", "unlink", "rename", "link", "symlink", "mkdir", "rmdir", "truncate",
        "send", "recv", "bind", "connect", "listen", "accept", "accept4", "shutdown", "poll", "pipe", "pipe2", "dup", "dup2",
        "kill", "access", "chmod", "chown", "sync", "remove",
    },
}
STD_NAMES = {
    "clock": {"time", "clock"},
    "thread": {
        "thread", "jthread", "mutex", "recursive_mutex", "timed_mutex", "shared_mutex", "condition_variable",
        "condition_variable_any", "async", "promise", "counting_semaphore", "binary_semaphore", "barrier", "latch",
        "call_once", "this_thread",
    },
    "random": {"rand", "random_device", "mt19937", "mt19937_64", "default_random_engine", "minstd_rand", "minstd_rand0"},
    "system": {"ifstream", "ofstream", "fstream", "filesystem", "fopen", "tmpfile", "signal"},
}
CLOCKS = {"system_clock", "steady_clock", "high_resolution_clock", "file_clock", "utc_clock", "tai_clock"}
INCLUDE = re.compile(r'#\s*include\s*[<"]([^>"]+)[>"]')


def lint(text):
    """The faults in a file, as (line, category, message)."""
    file = cpp_tokens.tokenize(text)
    tokens = file.tokens
    faults = {}

    def add(line, category, what):
        faults.setdefault((line, category), what)

    for line, directive in file.directives:
        match = INCLUDE.match(directive)
        if not match or match.group(1) in PLAIN_HEADERS:
            continue
        header = match.group(1)
        for category, headers in HEADERS.items():
            if header in headers:
                add(line, category, f"#include <{header}>")
        if header.startswith(("sys/", "linux/")) and not any(header in headers for headers in HEADERS.values()):
            add(line, "system", f"#include <{header}>")

    def text_at(index):
        return tokens[index].text if 0 <= index < len(tokens) and tokens[index].kind != "literal" else ""

    for index, token in enumerate(tokens):
        if token.kind != "name":
            continue
        name, before, after = token.text, text_at(index - 1), text_at(index + 1)
        scope = text_at(index - 2) if before == "::" else None
        is_global = before == "::" and not (index >= 2 and tokens[index - 2].kind == "name"
                                            and text_at(index - 2) not in ("return", "co_return", "co_await", "else"))
        is_global = is_global and text_at(index - 2) != ">"
        if name == "thread_local":
            add(token.line, "thread", "thread_local")
        if name in CLOCKS and after == "::" and text_at(index + 2) == "now":
            add(token.line, "clock", f"{name}::now")
        if scope == "std":
            for category, names in STD_NAMES.items():
                if name in names:
                    add(token.line, category, f"std::{name}")
        if name.startswith("io_uring_") and after == "(":
            add(token.line, "system", name)
        if after == "(" and before not in (".", "->"):
            # A declaration has its type before the name; a call has an operator, a bracket or a statement's start.
            declares = index > 0 and (tokens[index - 1].kind == "name" and before not in (
                "return", "co_return", "co_await", "else", "do", "throw", "case") or before in (">", "~"))
            for category, names in CALLS.items():
                if name in names and not declares and (before != "::" or is_global or scope == "std"):
                    add(token.line, category, f"{name}()")
            for category, names in GLOBAL_CALLS.items():
                if name in names and is_global:
                    add(token.line, category, f"::{name}()")
            if name == "time" and text_at(index + 2) in ("nullptr", "NULL", "0") and text_at(index + 3) == ")":
                add(token.line, "clock", "time()")
            if name == "rand" and not declares and before != "::" and text_at(index + 2) == ")":
                add(token.line, "random", "rand()")
    result = [(line, category, what) for (line, category), what in faults.items() if line not in file.excused]
    result += [(line, "excuse", "`lint: ok` needs a reason after it") for line in file.bare_excuses]
    return sorted(result)


def read_allowed(text):
    """Lines of `<path pattern> <categories> <reason>`; ** stands for any path."""
    allowed = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split(None, 2)
        categories = fields[1].split(",") if len(fields) > 1 else []
        if categories == ["all"]:
            categories = list(CATEGORIES)
        if len(fields) < 3 or not set(categories) <= set(CATEGORIES):
            sys.exit(f"tools/seams_allowed.txt:{number}: wants a path, categories ({','.join(CATEGORIES)} or all), and a reason")
        allowed.append((fields[0], set(categories)))
    return allowed


def is_allowed(allowed, path, category):
    return any(category in categories and fnmatch.fnmatch(path, pattern) for pattern, categories in allowed)


def main():
    allowed = read_allowed(cpp_tokens.read(ROOT, "tools/seams_allowed.txt"))
    count = 0
    for path in cpp_tokens.sources(ROOT):
        for line, category, what in lint(cpp_tokens.read(ROOT, path)):
            if not is_allowed(allowed, path, category):
                print(f"{path}:{line}: {category}: {what}", file=sys.stderr)
                count += 1
    if count:
        sys.exit(f"lint_seams: {count} uses past the seams; go through World, or add the file to "
                 "tools/seams_allowed.txt with a reason")


if __name__ == "__main__":
    main()
