"""The workloads of bench.c by SQLAlchemy's ORM, beside the extension from the
same Python: both give the JSON text of the same objects, compared first.

    peers.py LIBRARY FILE [RUNS]        FILE as bench.c left it (BENCH_FILE)
"""
import json
import statistics
import sqlite3
import sys
import time

import sqlalchemy
from sqlalchemy import Column, ForeignKey, Integer, Table, Text, create_engine
from sqlalchemy import select
from sqlalchemy.orm import Session, declarative_base, joinedload
from sqlalchemy.orm import relationship, selectinload

library, path = sys.argv[1:3]
runs = int(sys.argv[3]) if len(sys.argv) > 3 else 5
Base = declarative_base()
post_tags = Table("post_tags", Base.metadata,
                  Column("post_id", ForeignKey("posts.id"), primary_key=True),
                  Column("tag_id", ForeignKey("tags.id"), primary_key=True))


class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    email = Column(Text)
    name = Column(Text)
    bucket = Column(Integer)
    created_at = Column(Text)
    posts = relationship("Post", back_populates="author", order_by="Post.id")


class Tag(Base):
    __tablename__ = "tags"
    id = Column(Integer, primary_key=True)
    name = Column(Text)


class Post(Base):
    __tablename__ = "posts"
    id = Column(Integer, primary_key=True)
    title = Column(Text)
    content = Column(Text)
    views = Column(Integer)
    author_id = Column(ForeignKey("users.id"))
    published_at = Column(Text)
    author = relationship("User", back_populates="posts")
    tags = relationship("Tag", secondary=post_tags, order_by="Tag.id")


def plain(one, **related):
    out = {c.name: getattr(one, c.name) for c in one.__table__.columns}
    out.update(related)
    return out


def with_tags(user):
    return plain(user, posts=[plain(post, tags=[plain(t) for t in post.tags])
                              for post in user.posts])


def with_posts(user):
    return plain(user, posts=[plain(post) for post in user.posts])


def users(session, *where):
    found = session.scalars(
        select(User).where(*where).order_by(User.id)
        .options(selectinload(User.posts).selectinload(Post.tags)))
    return [with_tags(user) for user in found]


WORK = [
    ("all users, posts, tags", 1,
     lambda s: users(s),
     "SELECT orm_all('User', 'posts.tags')"),
    ("5 % of the users, posts, tags", 3,
     lambda s: users(s, User.bucket.between(10, 14)),
     """SELECT orm_all('User', '{"where": {"bucket": {"between": [10, 14]}},
        "include": "posts.tags"}')"""),
    ("a user by key, with posts", 100,
     lambda s: with_posts(s.get(User, 77, options=[selectinload(User.posts)])),
     "SELECT orm_get('User', 77, 'posts')"),
    ("all posts with their author", 1,
     lambda s: [plain(post, author=plain(post.author)) for post in s.scalars(
         select(Post).order_by(Post.id).options(joinedload(Post.author)))],
     "SELECT orm_all('Post', 'author')"),
]

engine = create_engine("sqlite:///" + path)
db = sqlite3.connect(path)
db.enable_load_extension(True)
db.load_extension(library)
print(f"SQLAlchemy {sqlalchemy.__version__}, SQLite {sqlite3.sqlite_version},"
      f" Python {sys.version.split()[0]}; median of {runs}, milliseconds\n")
print(f"{'':30} {'sqlalchemy':>10} {'orm':>10} {'':>8}")
bad = 0
for name, repeat, peer, sql in WORK:
    def by_peer():
        with Session(engine) as session:
            return json.dumps(peer(session))

    def by_orm():
        return db.execute(sql).fetchone()[0]
    if json.loads(by_peer()) != json.loads(by_orm()):
        print(f"! {name}: the answers differ")
        bad += 1
    times = {by_peer: [], by_orm: []}
    for _ in range(runs):
        for way in times:
            start = time.perf_counter()
            for _ in range(repeat):
                way()
            times[way].append((time.perf_counter() - start) / repeat * 1e3)
    a, b = (statistics.median(t) for t in times.values())
    print(f"{name:30} {a:10.3f} {b:10.3f} {a / b:7.1f}x")
sys.exit(bad > 0)
