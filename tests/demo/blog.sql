.bail on
.load ./orm
.mode list
.print
.print -- 1. Declare models: tables, indexes and relationships are made.
.print
SELECT orm_define('{
  "User": {"table": "users",
    "columns": {"id": "INTEGER PRIMARY KEY", "email": "TEXT NOT NULL UNIQUE",
      "name": "TEXT NOT NULL", "is_active": "BOOLEAN NOT NULL DEFAULT TRUE",
      "created_at": "DATETIME DEFAULT CURRENT_TIMESTAMP"},
    "indexes": {"ix_user_active_created": ["is_active", "created_at"]},
    "natural_key": "email",
    "relationships": {"posts": {"target": "Post", "back_populates": "author",
      "cascade": "all, delete-orphan"}}},
  "Post": {"table": "posts",
    "columns": {"id": "INTEGER PRIMARY KEY", "title": "TEXT NOT NULL",
      "content": "TEXT NOT NULL", "views": "INTEGER DEFAULT 0",
      "author_id": "INTEGER NOT NULL REFERENCES users(id)",
      "published_at": "DATETIME"},
    "indexes": {"ix_posts_author": ["author_id"]},
    "relationships": {
      "author": {"target": "User", "back_populates": "posts"},
      "tags": {"target": "Tag", "secondary": "post_tags",
        "back_populates": "posts"}}},
  "Tag": {"table": "tags",
    "columns": {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL UNIQUE"},
    "natural_key": "name",
    "relationships": {"posts": {"target": "Post", "secondary": "post_tags",
      "back_populates": "tags"}}}}') || ' models';
.print
.print -- 2. Write two users with their posts and tags: one statement, all or nothing.
.print --    The tag "sql" is made once, and found by its name after that.
.print
INSERT INTO orm_object(model, object) VALUES ('User', '[
  {"email": "ann@x.org", "name": "Ann", "posts": [
    {"title": "Hello", "content": "First words", "tags": [{"name": "intro"}]},
    {"title": "Joins", "content": "A to B", "views": 120,
     "tags": [{"name": "sql"}]}]},
  {"email": "bob@x.org", "name": "Bob", "posts": [
    {"title": "Trees", "content": "Of B", "views": 30,
     "tags": [{"name": "sql"}, {"name": "trees"}]}]}]');
SELECT orm_count('User') || ' users, ' || orm_count('Post') || ' posts, '
    || orm_count('Tag') || ' tags';
.print
.print -- 3. Read one user with posts and their tags.
.print
SELECT orm_get('User', 1, '{"omit": ["created_at"], "include":
  {"posts": {"select": ["title", "views"], "include":
    {"tags": {"select": ["name"]}}}}}');
.print
.print -- 4. Ask: active users who wrote about sql, the two latest posts of each.
.print
SELECT object FROM orm_object('User', '{
  "where": {"is_active": true,
            "posts": {"some": {"tags": {"some": {"name": "sql"}}}}},
  "select": ["name"], "_count": ["posts"],
  "include": {"posts": {"order_by": ["-views"], "limit": 2,
                        "select": ["title", "views"]}}}');
.print
.print -- 5. Save a changed object: one post changed, one new, one gone.
.print
INSERT OR REPLACE INTO orm_object(model, object) VALUES ('User', '
  {"email": "ann@x.org", "name": "Ann B.", "posts": [
    {"id": 2, "views": {"$inc": 1}},
    {"title": "Indexes", "content": "Where to look", "tags": [{"name": "sql"}]}]}');
SELECT orm_get('User', 1, '{"select": ["name"], "include": {"posts":
  {"select": ["id", "title", "views"], "include": {"tags": {"select": ["name"]}}}}}');
.print
.print -- 6. What would deleting Ann do?  A plan, and nothing changes.
.print
.mode column
.headers on
SELECT step, action, model, key, path FROM orm_delete_plan('User', 1);
.headers off
.mode list
.print
.print -- 7. Delete her, cascades and all.
.print
DELETE FROM orm_object WHERE model = 'User' AND key = 1;
SELECT orm_count('User') || ' user, ' || orm_count('Post') || ' post, '
    || orm_count('Tag') || ' tags';
