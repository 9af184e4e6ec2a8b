// What the peers on Node share; common.py says what is compared.  They run
// from build/bench/peers, where their packages are installed:
//
//     bench(title, path, reads, writes)
import fs from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';
import {isDeepStrictEqual} from 'node:util';

export const [library, file, runsText] = process.argv.slice(2);
export const require = createRequire(path.resolve('build/bench/peers/x.js'));
export const version = name => JSON.parse(fs.readFileSync(
    path.resolve('build/bench/peers/node_modules', name, 'package.json')))
    .version;
const runs = Number(runsText ?? 5);
const here = path.dirname(new URL(import.meta.url).pathname);
const work = JSON.parse(fs.readFileSync(path.join(here, 'workloads.json')));
const Database = require('better-sqlite3');

const flat = () => Array.from({length: 10000},
    (_, i) => ({name: `new${i + 1}`}));

// Users with posts; the tags of a post are keys of tags that are there.
const nested = () => Array.from({length: 200}, (_, i) => ({
  email: `new${i + 1}@example.org`, name: `New ${i + 1}`,
  bucket: (i + 1) % 100, created_at: '2026-01-01 00:00:00',
  posts: Array.from({length: 10}, (_, p) => ({
    title: `New ${i + 1}.${p}`, content: `Words ${p}. `.repeat(9), views: p,
    published_at: '2026-01-02 00:00:00',
    tags: [0, 1, 2].map(k => 1 + (i + 1 + p + 37 * k) % 100),
  })),
}));

async function medians(ways, repeat, around) {
  const times = ways.map(() => []);
  for (let r = 0; r < runs; r++) {
    for (let w = 0; w < ways.length; w++) {
      await around?.before(ways[w]);
      const start = process.cpuUsage();
      for (let i = 0; i < repeat; i++) {
        await ways[w]();
      }
      const {user, system} = process.cpuUsage(start);
      times[w].push((user + system) / repeat / 1e3);
      await around?.after(ways[w]);
    }
  }
  return times.map(t => t.sort((a, b) => a - b)[t.length >> 1]);
}

function row(name, ...pairs) {
  let line = name.padEnd(31);
  for (const [a, b] of pairs) {
    line += ' ' + a.toFixed(3).padStart(10) + ' ' + b.toFixed(3).padStart(9) +
        ' ' + (a / b).toFixed(1).padStart(6) + 'x';
  }
  console.log(line);
}

// reads[key] = [load, plain]; writes[key] = a function of the data;
// transaction: {begin, rows(sql), rollback} of the peer's connection.
export async function bench(title, reads, writes, transaction) {
  const db = new Database(file);
  db.loadExtension(path.resolve(library));
  const peer = title.split(' ')[0].padStart(10);
  const version = db.prepare('SELECT sqlite_version()').pluck().get();
  const users = db.prepare('SELECT count(*) FROM users').pluck().get();
  console.log(`${title}, SQLite ${version}, Node ${process.versions.node}; ` +
      `${users} users; median of ${runs}, milliseconds\n`);
  console.log(''.padEnd(31), '   objects', ''.padEnd(17), '      JSON');
  console.log(''.padEnd(31), peer, '      orm        ', peer, '      orm');
  let bad = 0;
  const check = (what, a, b) => {
    if (!isDeepStrictEqual(a, b)) {
      console.log(`! ${what} differ`);
      bad++;
    }
  };
  for (const {name, key, repeat, sql} of work.read) {
    const [load, plain] = reads[key];
    const statement = db.prepare(sql).pluck();
    const asText = () => statement.get();
    const asObjects = () => JSON.parse(statement.get());
    const byPeer = async () => JSON.stringify(plain(await load()));
    check(`${name}: the answers`, plain(await load()), asObjects());
    check(`${name}: the texts`, JSON.parse(await byPeer()), asObjects());
    const t = await medians([load, asObjects, byPeer, asText], repeat);
    row(name, t.slice(0, 2), t.slice(2));
  }
  for (const {name, key, sql} of work.write) {
    const data = key === 'flat' ? flat() : nested();
    const statement = db.prepare(sql).pluck();
    const byPeer = () => writes[key](data);
    const byOrm = () => statement.get(JSON.stringify(data));
    const kept = new Map();
    const around = {
      before: way => way === byOrm ? db.exec('BEGIN IMMEDIATE')
          : transaction.begin(),
      after: async way => {
        if (!kept.has(way)) {
          const read = way === byPeer ? transaction.rows
              : text => db.prepare(text).all();
          const all = [];
          for (const text of work.written) all.push(await read(text));
          kept.set(way, all);
        }
        await (way === byOrm ? db.exec('ROLLBACK') : transaction.rollback());
      },
    };
    const t = await medians([byPeer, byOrm], 1, around);
    check(`${name}: the rows`, kept.get(byPeer), kept.get(byOrm));
    row(name, t);
  }
  db.close();
  process.exit(bad > 0 ? 1 : 0);
}
