// The workloads by Drizzle on better-sqlite3.  See common.py.
//
//     drizzle_peer.mjs LIBRARY FILE [RUNS]
import {bench, file, require, version} from './common.mjs';

const Database = require('better-sqlite3');
const {drizzle} = require('drizzle-orm/better-sqlite3');
const {relations, between, eq} = require('drizzle-orm');
const {sqliteTable, integer, text, primaryKey} =
    require('drizzle-orm/sqlite-core');

const users = sqliteTable('users', {
  id: integer('id').primaryKey(), email: text('email').notNull(),
  name: text('name').notNull(), bucket: integer('bucket').notNull(),
  created_at: text('created_at'),
});
const tags = sqliteTable('tags', {
  id: integer('id').primaryKey(), name: text('name').notNull(),
});
const posts = sqliteTable('posts', {
  id: integer('id').primaryKey(), title: text('title').notNull(),
  content: text('content').notNull(), views: integer('views'),
  author_id: integer('author_id').notNull(),
  published_at: text('published_at'),
});
const postTags = sqliteTable('post_tags', {
  post_id: integer('post_id').notNull(), tag_id: integer('tag_id').notNull(),
}, t => [primaryKey({columns: [t.post_id, t.tag_id]})]);
const schema = {
  users, tags, posts, postTags,
  usersRelations: relations(users, ({many}) => ({posts: many(posts)})),
  postsRelations: relations(posts, ({one, many}) => ({
    author: one(users, {fields: [posts.author_id], references: [users.id]}),
    tags: many(postTags),
  })),
  postTagsRelations: relations(postTags, ({one}) => ({
    post: one(posts, {fields: [postTags.post_id], references: [posts.id]}),
    tag: one(tags, {fields: [postTags.tag_id], references: [tags.id]}),
  })),
};

const connection = new Database(file);
const db = drizzle(connection, {schema});

const withTags = {posts: {
  orderBy: (p, {asc}) => asc(p.id),
  with: {tags: {columns: {}, orderBy: (t, {asc}) => asc(t.tag_id),
    with: {tag: true}}},
}};
// A link of Drizzle's is an object between a post and its tag.
const plainTags = found => found.map(u => ({...u, posts: u.posts.map(
    p => ({...p, tags: p.tags.map(t => t.tag)}))}));
const same = found => found;

const prepared = query => {
  const statement = query.prepare();
  return () => statement.execute().sync();
};
const reads = {
  whole: [prepared(db.query.users.findMany({
    orderBy: (u, {asc}) => asc(u.id), with: withTags})), plainTags],
  part: [prepared(db.query.users.findMany({
    where: between(users.bucket, 10, 14),
    orderBy: (u, {asc}) => asc(u.id), with: withTags})), plainTags],
  author: [prepared(db.query.posts.findMany({
    orderBy: (p, {asc}) => asc(p.id), with: {author: true}})), same],
  one: [prepared(db.query.users.findFirst({
    where: eq(users.id, 77),
    with: {posts: {orderBy: (p, {asc}) => asc(p.id)}}})), same],
  newest: [prepared(db.query.users.findMany({
    orderBy: (u, {desc, asc}) => [desc(u.created_at), asc(u.id)], limit: 20,
    with: {posts: {
      orderBy: (p, {desc, asc}) => [desc(p.published_at), asc(p.id)],
      limit: 5}}})), same],
};

// Inserts do not nest: a level at a time, in pieces that have no more values
// than a statement may have parameters.
const some = (rows, size, insert) => {
  const out = [];
  for (let i = 0; i < rows.length; i += size) {
    out.push(...insert(rows.slice(i, i + size)));
  }
  return out;
};
const writes = {
  flat: data => db.insert(tags).values(data).run(),
  nested: data => {
    const made = db.insert(users).values(data.map(({posts: _, ...u}) => u))
        .returning({id: users.id}).all();
    const level = data.flatMap((u, i) => u.posts.map(
        ({tags: _, ...p}) => ({...p, author_id: made[i].id})));
    const ids = some(level, 5000, rows =>
        db.insert(posts).values(rows).returning({id: posts.id}).all());
    const links = data.flatMap(u => u.posts).flatMap(
        (p, i) => p.tags.map(t => ({post_id: ids[i].id, tag_id: t})));
    some(links, 10000, rows => {
      db.insert(postTags).values(rows).run();
      return [];
    });
  },
};

await bench(`Drizzle ${version('drizzle-orm')}`, reads, writes, {
  begin: () => connection.exec('BEGIN IMMEDIATE'),
  rows: sql => connection.prepare(sql).all(),
  rollback: () => connection.exec('ROLLBACK'),
});
