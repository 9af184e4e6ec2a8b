"""The workloads by Django's ORM.  See common.py.

    django_peer.py LIBRARY FILE [RUNS]
"""
import os
import sys
import types

import django
from django.conf import settings

from common import bench

library, path = sys.argv[1:3]
runs = int(sys.argv[3]) if len(sys.argv) > 3 else 5
app = types.ModuleType("bench")
app.__path__ = [os.path.dirname(os.path.abspath(__file__))]
sys.modules["bench"] = app
settings.configure(
    INSTALLED_APPS=["bench"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3",
                           "NAME": path}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField", DEBUG=False)
django.setup()

from django.db import connection, models, transaction  # noqa: E402
from django.db.models import OuterRef, Prefetch, Subquery  # noqa: E402


class User(models.Model):
    email = models.TextField()
    name = models.TextField()
    bucket = models.IntegerField()
    created_at = models.TextField(null=True)

    class Meta:
        app_label = "bench"
        db_table = "users"


class Tag(models.Model):
    name = models.TextField()

    class Meta:
        app_label = "bench"
        db_table = "tags"
        ordering = ["id"]


class Post(models.Model):
    title = models.TextField()
    content = models.TextField()
    views = models.IntegerField(null=True)
    author = models.ForeignKey(User, models.CASCADE, related_name="posts")
    published_at = models.TextField(null=True)
    tags = models.ManyToManyField(Tag, db_table="post_tags")

    class Meta:
        app_label = "bench"
        db_table = "posts"
        ordering = ["id"]


def plain(one, **related):
    out = {f.attname: getattr(one, f.attname) for f in one._meta.fields}
    out.update(related)
    return out


def with_posts(user):
    return plain(user, posts=[plain(p) for p in user.posts.all()])


def with_tags(users):
    return [plain(u, posts=[plain(p, tags=[plain(t) for t in p.tags.all()])
                            for p in u.posts.all()]) for u in users]


def users(**where):
    return list(User.objects.filter(**where).order_by("id")
                .prefetch_related("posts__tags"))


def posts():
    return list(Post.objects.select_related("author"))


def one():
    return User.objects.prefetch_related("posts").get(pk=77)


def newest():
    """No limit per parent in this version: the keys by a subquery."""
    latest = Post.objects.filter(author=OuterRef("author")) \
        .order_by("-published_at", "id").values("pk")[:5]
    some = Post.objects.filter(pk__in=Subquery(latest)) \
        .order_by("-published_at", "id")
    return list(User.objects.order_by("-created_at", "id").prefetch_related(
        Prefetch("posts", queryset=some))[:20])


def begin():
    transaction.set_autocommit(False)


def rows(sql):
    with connection.cursor() as c:
        c.execute(sql.replace("%", "%%"), [])
        return c.fetchall()


def rollback():
    transaction.rollback()
    transaction.set_autocommit(True)


def flat(data):
    Tag.objects.bulk_create([Tag(**t) for t in data])


def nested(data):
    """bulk_create does not nest: a level at a time, keys fetched between."""
    made = [User(**{k: v for k, v in u.items() if k != "posts"}) for u in data]
    User.objects.bulk_create(made)
    keys = dict(User.objects.filter(email__in=[u.email for u in made])
                .values_list("email", "pk"))
    last = Post.objects.order_by("-pk").values_list("pk", flat=True).first()
    pairs = [(keys[u["email"]], p) for u in data for p in u["posts"]]
    Post.objects.bulk_create([
        Post(author_id=key, **{k: v for k, v in p.items() if k != "tags"})
        for key, p in pairs])
    ids = Post.objects.filter(pk__gt=last).order_by("pk") \
        .values_list("pk", flat=True)
    through = Post.tags.through
    through.objects.bulk_create([
        through(post_id=key, tag_id=t)
        for key, (_, p) in zip(ids, pairs) for t in p["tags"]])


reads = {
    "whole": (lambda: users(), with_tags),
    "part": (lambda: users(bucket__range=(10, 14)), with_tags),
    "author": (posts, lambda found: [plain(p, author=plain(p.author))
                                     for p in found]),
    "one": (one, with_posts),
    "newest": (newest, lambda found: [with_posts(u) for u in found]),
}
writes = {"flat": (begin, flat, rows, rollback),
          "nested": (begin, nested, rows, rollback)}
sys.exit(bench(f"Django {django.get_version()}", library, path, runs, reads,
               writes) > 0)
