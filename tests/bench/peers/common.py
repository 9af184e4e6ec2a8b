"""What the Python peers share: the same work by a peer and by the extension,
each answer compared first, then timed in turn.

    bench(title, library, path, runs, reads, writes, raw)

Times are the processor's.  The two columns of "objects" end with objects of the language (for the
extension: the call and json.loads), those of "JSON" with its text (for the
peer: its objects, made plain, and json.dumps).  What is written goes the other
way: from objects of the language to rows, without the commit.
"""
import json
import os
import sqlite3
import statistics
import sys
import time

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "workloads.json")) as f:
    WORK = json.load(f)


def flat_objects():
    return [{"name": f"new{i}"} for i in range(1, 10001)]


def nested_objects():
    """Users with posts; the tags of a post are keys of tags that are there."""
    return [{"email": f"new{u}@example.org", "name": f"New {u}",
             "bucket": u % 100, "created_at": "2026-01-01 00:00:00",
             "posts": [{"title": f"New {u}.{p}", "content": f"Words {p}. " * 9,
                        "views": p, "published_at": "2026-01-02 00:00:00",
                        "tags": [1 + (u + p + 37 * k) % 100 for k in range(3)]}
                       for p in range(10)]}
            for u in range(1, 201)]


def medians(ways, runs, repeat, around=None):
    times = [[] for _ in ways]
    for _ in range(runs):
        for way, taken in zip(ways, times):
            if around:
                around[0](way)
            start = time.process_time()
            for _ in range(repeat):
                way()
            taken.append((time.process_time() - start) / repeat * 1e3)
            if around:
                around[1](way)
    return [statistics.median(taken) for taken in times]


def row(name, objects, text=None):
    line = f"{name:31}"
    for pair in (objects, text):
        if pair:
            a, b = pair
            line += f" {a:10.3f} {b:9.3f} {a / b:6.1f}x"
    print(line.rstrip(), flush=True)


def bench(title, library, path, runs, reads, writes):
    """reads[key] = (objects, plain): load, then make JSON's values of it.
    writes[key] = (begin, write, rows, rollback); rows(sql) reads what the open
    transaction holds."""
    db = sqlite3.connect(path, isolation_level=None)
    db.enable_load_extension(True)
    db.load_extension(library)
    peer = title.split()[0]
    users, = db.execute("SELECT count(*) FROM users").fetchone()
    print(f"{title}, SQLite {sqlite3.sqlite_version}, Python "
          f"{sys.version.split()[0]}; {users} users; median of {runs}, "
          f"milliseconds\n")
    print(f"{'':31} {'objects':>10} {'':9} {'':7} {'JSON':>10}")
    print(f"{'':31} {peer:>10} {'orm':>9} {'':7} {peer:>10} {'orm':>9}")
    bad = 0
    for work in WORK["read"]:
        objects, plain = reads[work["key"]]
        sql = work["sql"]

        def as_text():
            return db.execute(sql).fetchone()[0]
        ways = [objects, lambda: json.loads(as_text()),
                lambda: json.dumps(plain(objects())), as_text]
        if plain(ways[0]()) != ways[1]() or json.loads(ways[2]()) != ways[1]():
            print(f"! {work['name']}: the answers differ")
            bad += 1
        t = medians(ways, runs, work["repeat"])
        row(work["name"], t[:2], t[2:])
    for work in WORK["write"]:
        data = flat_objects() if work["key"] == "flat" else nested_objects()
        begin, write, rows, rollback = writes[work["key"]]

        def by_peer():
            write(data)

        def by_orm():
            db.execute(work["sql"], (json.dumps(data),)).fetchone()
        kept = {}

        def before(way):
            if way is by_orm:
                db.execute("BEGIN IMMEDIATE")
            else:
                begin()

        def after(way):
            if way not in kept:
                read = rows if way is by_peer else lambda sql: db.execute(sql)
                kept[way] = [[tuple(r) for r in read(sql)]
                             for sql in WORK["written"]]
            if way is by_orm:
                db.execute("ROLLBACK")
            else:
                rollback()
        t = medians([by_peer, by_orm], runs, 1, (before, after))
        if kept[by_peer] != kept[by_orm] or not any(kept[by_orm]):
            print(f"! {work['name']}: the rows differ")
            bad += 1
        row(work["name"], t)
    return bad
