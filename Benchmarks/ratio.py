#!/usr/bin/env python3
"""ratio.py RUNS LIMIT NAME COMMAND_A COMMAND_B

Runs two shell commands alternately, A B A B ..., and prints a line with both medians, the ratio of A to B (the
median over the pairs) and whether it is within the limit. If PREPARE is in the environment, that command runs,
untimed, before each of them.

The exit status is 0 within the limit, 1 over it, and 2 if a command failed.
"""
import os
import statistics
import subprocess
import sys
import time


def timed(command):
    if "PREPARE" in os.environ:
        if status := subprocess.run(os.environ["PREPARE"], shell=True).returncode:
            print(f"{os.environ['PREPARE']}: {status}", file=sys.stderr)
            sys.exit(2)
    arguments = command.split() if not set(command) & set("|><;&$'\"*") else ["sh", "-ec", command]
    start = time.perf_counter()
    process = subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    elapsed = time.perf_counter() - start
    if process.returncode != 0:
        print(f"{command}: {process.returncode}: {process.stderr.decode()}", file=sys.stderr)
        sys.exit(2)
    return elapsed


def main():
    runs, limit, name, ours, theirs = int(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:6]
    timed(ours), timed(theirs)
    pairs = [(timed(ours), timed(theirs)) for _ in range(runs)]
    a, b = (statistics.median(column) * 1000 for column in zip(*pairs))
    ratio = statistics.median(x / y for x, y in pairs)
    verdict = "ok" if ratio <= limit else "OVER"
    print(f"| {name} | {a:.1f} ms | {b:.1f} ms | {ratio:.2f} | {limit:.2f} | {verdict} |", flush=True)
    return 0 if ratio <= limit else 1


sys.exit(main())
