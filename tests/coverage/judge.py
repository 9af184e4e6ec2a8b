#!/usr/bin/env python3
"""make coverage: what no test runs, beside what is known (gaps.txt).

    tests/coverage/judge.py build/cov/coverage.json          judges
    tests/coverage/judge.py build/cov/coverage.json FILE ..  shows those files

A gap is a line that never ran, or a line with a branch that was never taken.
gaps.txt names gaps by file and by what stands on the line, so that it stays
true when lines move; a paragraph of it begins with the reason (lines with #).
A gap that is not listed is a failure, and so are fewer lines or branches than
the goal.  A listed gap that is none any more is only told: chance may take it.
The last line is `N passed, N failed`.
"""
import json
import os
import sys

LINES, BRANCHES = 100.0, 98.0   # per cent; listed lines count as run
TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
KNOWN = os.path.join(TOP, "tests/coverage/gaps.txt")


def source(name):
    with open(os.path.join(TOP, name), encoding="utf-8") as file:
        return file.read().split("\n")


def gaps_of(file):
    """The lines with code of one file as (number, count, taken, branches)."""
    for line in file["lines"]:
        if line.get("gcovr/noncode"):
            continue
        branches = [b["count"] for b in line["branches"]]
        yield (line["line_number"], line["count"],
               [i for i, n in enumerate(branches) if n == 0], len(branches))


def known_gaps():
    """{(file, text of the line): reason}; what is wrong in the list itself."""
    known, wrong, reason, fresh = {}, [], "", True
    with open(KNOWN, encoding="utf-8") as file:
        for n, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if line.startswith("#"):
                reason = (reason + " " if not fresh else "") + line[1:].strip()
                fresh = False
            elif not line.strip():
                reason, fresh = "", True
            else:
                name, _, text = line.partition(": ")
                if not reason:
                    wrong.append("gaps.txt:%d: no reason is given" % n)
                known[(name, text.strip())] = reason
    return known, wrong


def show(data, names):
    """The gaps of some files, with the lines they stand on."""
    for file in data["files"]:
        if not any(name in file["file"] for name in names):
            continue
        text = source(file["file"])
        print("== %s" % file["file"])
        for number, count, missed, n in gaps_of(file):
            if count == 0 or missed:
                print("%s%5d %-12s %s" % (
                    " " if count else "L", number,
                    "%s of %d" % (",".join(map(str, missed)), n) if missed
                    else "", text[number - 1]))


def judge(data):
    known, wrong = known_gaps()
    used = set()
    total = [0, 0, 0, 0]        # lines, run or listed; branches, taken
    run = 0
    for file in data["files"]:
        text = source(file["file"])
        for number, count, missed, n in gaps_of(file):
            key = (file["file"], text[number - 1].strip())
            listed = key in known
            total[0] += 1
            total[2] += n
            total[3] += n - len(missed)
            run += count > 0
            total[1] += count > 0 or listed
            if count and not missed:
                continue
            if listed:
                used.add(key)
            else:
                wrong.append("%s:%d: %s: %s" % (
                    file["file"], number,
                    "branch %s of %d" % (",".join(map(str, missed)), n)
                    if count else "never ran", key[1]))
    for key in known:
        if key not in used:
            print("no gap any more: %s: %s" % key)
    for what in wrong:
        print("! " + what)
    lines = 100.0*total[1]/total[0]
    branches = 100.0*total[3]/total[2]
    print("lines: %.2f %% (%d of %d; %d more are listed)" % (
        100.0*run/total[0], run, total[0], total[1] - run))
    print("branches: %.2f %% (%d of %d)" % (branches, total[3], total[2]))
    failed = len(wrong) + (lines < LINES) + (branches < BRANCHES)
    bad = {what.split(":")[0] for what in wrong}
    good = sum(file["file"] not in bad for file in data["files"])
    print("%d passed, %d failed" % (good, failed))
    return failed > 0


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        data = json.load(file)
    data["files"] = [f for f in data["files"] if f["file"].startswith("ext/")]
    if not data["files"]:
        print("! nothing was covered\n0 passed, 1 failed")
        sys.exit(1)
    if len(sys.argv) > 2:
        show(data, sys.argv[2:])
    else:
        sys.exit(judge(data))


main()
