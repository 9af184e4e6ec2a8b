// The workloads by Prisma with its better-sqlite3 adapter.  See common.py.
//
//     prisma_peer.mjs LIBRARY FILE [RUNS]
import path from 'node:path';
import {bench, file, require, version} from './common.mjs';

const {PrismaClient} = require('./client');
const {PrismaBetterSqlite3} = require('@prisma/adapter-better-sqlite3');

const prisma = new PrismaClient({
  adapter: new PrismaBetterSqlite3({url: 'file:' + path.resolve(file)}),
});

const withTags = {posts: {
  orderBy: {id: 'asc'},
  include: {tags: {orderBy: {tag_id: 'asc'}, select: {tag: true}}},
}};
// A link of Prisma's is an object between a post and its tag.
const plainTags = found => found.map(u => ({...u, posts: u.posts.map(
    p => ({...p, tags: p.tags.map(t => t.tag)}))}));
const same = found => found;

// It refuses an order within an include of more than 999 parents (P2029), so
// the program has to sort.
async function whole() {
  const found = await prisma.user.findMany({
    orderBy: {id: 'asc'},
    include: {posts: {include: {tags: {select: {tag: true}}}}}});
  for (const user of found) {
    user.posts.sort((a, b) => a.id - b.id);
    for (const post of user.posts) {
      post.tags.sort((a, b) => a.tag.id - b.tag.id);
    }
  }
  return found;
}

const reads = {
  whole: [whole, plainTags],
  part: [() => prisma.user.findMany({
    where: {bucket: {gte: 10, lte: 14}},
    orderBy: {id: 'asc'}, include: withTags}), plainTags],
  author: [() => prisma.post.findMany({
    orderBy: {id: 'asc'}, include: {author: true}}), same],
  one: [() => prisma.user.findUnique({
    where: {id: 77}, include: {posts: {orderBy: {id: 'asc'}}}}), same],
  newest: [() => prisma.user.findMany({
    orderBy: [{created_at: 'desc'}, {id: 'asc'}], take: 20,
    include: {posts: {
      orderBy: [{published_at: 'desc'}, {id: 'asc'}], take: 5}}}), same],
};

// A transaction is a function with a client of its own; this one lasts until
// rollback() lets the function fail.
let open, end, done;
const transaction = {
  begin: () => new Promise((ready, fail) => {
    done = prisma.$transaction(tx => new Promise((_, stop) => {
      open = tx;
      end = stop;
      ready();
    }), {timeout: 600000, maxWait: 60000}).catch(error => {
      if (error !== transaction) fail(error);
    });
  }),
  rows: sql => open.$queryRawUnsafe(sql),
  rollback: () => {
    end(transaction);
    return done;
  },
};
const writes = {
  flat: data => open.tag.createMany({data}),
  nested: async data => {
    for (const {posts, ...user} of data) {
      await open.user.create({data: {...user, posts: {
        create: posts.map(({tags, ...post}) => ({...post,
          tags: {create: tags.map(t => ({tag_id: t}))}})),
      }}});
    }
  },
};

await bench(`Prisma ${version('@prisma/client')}`, reads, writes, transaction);
