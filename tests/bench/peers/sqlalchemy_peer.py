"""The workloads by SQLAlchemy's ORM.  See common.py.

    sqlalchemy_peer.py LIBRARY FILE [RUNS]
"""
import sys

import sqlalchemy
from sqlalchemy import Column, ForeignKey, Integer, Table, Text, create_engine
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, aliased, declarative_base, joinedload
from sqlalchemy.orm import relationship, selectinload

from common import bench

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


def with_tags(users):
    return [plain(user, posts=[plain(post, tags=[plain(t) for t in post.tags])
                               for post in user.posts]) for user in users]


def session():
    """A new one, as each request of a program has it."""
    return Session(engine)


def users(*where):
    with session() as s:
        return s.scalars(
            select(User).where(*where).order_by(User.id)
            .options(selectinload(User.posts).selectinload(Post.tags))).all()


def posts():
    with session() as s:
        return s.scalars(select(Post).order_by(Post.id)
                         .options(joinedload(Post.author))).all()


def one():
    with session() as s:
        return s.get(User, 77, options=[selectinload(User.posts)])


def newest():
    """It has no limit per parent: the newest users, then their posts ranked by
    a window function."""
    with session() as s:
        found = s.scalars(select(User).order_by(User.created_at.desc(), User.id)
                          .limit(20)).all()
        place = func.row_number().over(
            partition_by=Post.author_id,
            order_by=(Post.published_at.desc(), Post.id)).label("place")
        ranked = select(Post, place).where(
            Post.author_id.in_([u.id for u in found])).subquery()
        ranked_post = aliased(Post, ranked)
        of = {}
        for post in s.scalars(select(ranked_post).where(ranked.c.place <= 5)
                              .order_by(ranked.c.author_id, ranked.c.place)):
            of.setdefault(post.author_id, []).append(post)
        return [(u, of.get(u.id, [])) for u in found]


engine = create_engine("sqlite:///" + path)
writing = []


def begin():
    s = session()
    s.execute(text("SELECT 1"))
    writing.append(s)


def rows(sql):
    return writing[0].execute(text(sql))


def rollback():
    s = writing.pop()
    s.rollback()
    s.close()


def flat(data):
    writing[0].bulk_insert_mappings(Tag, data)


def nested(data):
    s = writing[0]
    tags = {tag.id: tag for tag in s.scalars(select(Tag))}
    s.add_all([
        User(**{k: v for k, v in u.items() if k != "posts"}, posts=[
            Post(**{k: v for k, v in p.items() if k != "tags"},
                 tags=[tags[t] for t in p["tags"]]) for p in u["posts"]])
        for u in data])
    s.flush()


reads = {
    "whole": (lambda: users(), with_tags),
    "part": (lambda: users(User.bucket.between(10, 14)), with_tags),
    "author": (posts, lambda found: [plain(p, author=plain(p.author))
                                     for p in found]),
    "one": (one, lambda u: plain(u, posts=[plain(p) for p in u.posts])),
    "newest": (newest, lambda found: [plain(u, posts=[plain(p) for p in of])
                                      for u, of in found]),
}
writes = {"flat": (begin, flat, rows, rollback),
          "nested": (begin, nested, rows, rollback)}
sys.exit(bench(f"SQLAlchemy {sqlalchemy.__version__}", library, path, runs,
               reads, writes) > 0)
