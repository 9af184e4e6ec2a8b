/*
** The benchmark of queries: what a query document costs beside the SQL that a
** hand would write for it.
**
**     query LIBRARY [POSTS [RUNS]]
**
** First the price of the document itself, five conditions and three includes
** that find no row: "cold" is a text that was not seen before, parsed, checked,
** planned and run; "cached" the same text again. Then conditions over an
** indexed relationship beside EXISTS, and groups beside GROUP BY.  The two of a
** line take turns; the figures are medians, in microseconds of the processor.
*/
#include "kit.h"
#include <stdio.h>
#include <stdlib.h>

#define MAX_TIMES 10001

static void fill(int nPost){
  runf(
    "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, email TEXT UNIQUE,"
    " age INTEGER);"
    "CREATE TABLE posts(id INTEGER PRIMARY KEY, title TEXT, views INTEGER,"
    " state INTEGER, users_id INTEGER REFERENCES users(id));"
    "CREATE TABLE comments(id INTEGER PRIMARY KEY, body TEXT,"
    " posts_id INTEGER REFERENCES posts(id));"
    "CREATE TABLE tags(id INTEGER PRIMARY KEY, name TEXT UNIQUE);"
    "CREATE TABLE post_tags(posts_id INTEGER REFERENCES posts(id),"
    " tags_id INTEGER REFERENCES tags(id), PRIMARY KEY(posts_id, tags_id))"
    " WITHOUT ROWID;"
    "CREATE INDEX ix1 ON posts(users_id); CREATE INDEX ix2 ON posts(state);"
    "CREATE INDEX ix3 ON comments(posts_id);"
    "CREATE INDEX ix4 ON post_tags(tags_id); BEGIN;"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1000)"
    " INSERT INTO users SELECT i, 'User '||i, 'u'||i||'@x.org', i %% 80 FROM n;"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<50)"
    " INSERT INTO tags SELECT i, 'tag'||i FROM n;"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d)"
    " INSERT INTO posts SELECT i, 'Title '||i, (i*2654435761 >> 9) %% 1000,"
    " i %% 7, 1 + (i*2654435761 >> 12) %% 900 FROM n;"
    "INSERT INTO comments SELECT id, 'Yes', id FROM posts WHERE id %% 3;"
    "INSERT INTO post_tags SELECT id, 1 + id*7 %% 50 FROM posts;"
    "INSERT OR IGNORE INTO post_tags SELECT id, 1 + id*11 %% 50 FROM posts;"
    "SELECT orm_reflect(); COMMIT; ANALYZE; BEGIN;", nPost);
}

/* Seconds that a statement takes, all its rows. */
static double spent(sqlite3_stmt *p){
  double rStart = processor();
  readAll(p);
  return processor() - rStart;
}

/* ------------------------------------------------ the price of a document */

static const char zTypical[] =
  "{\"where\": {\"id\": 0, \"views\": {\"gte\": 18, \"lt\": 65},"
  " \"title\": {\"startswith\": \"A\"}, \"users\": {\"email\": \"none\"}},"
  " \"order_by\": [\"-views\"], \"limit\": 20, \"include\":"
  " {\"comments\": true, \"tags\": true,"
  " \"users\": {\"select\": [\"name\"]}}%*s}";

static void document(int nRun){
  static double aCold[MAX_TIMES], aCached[MAX_TIMES];
  sqlite3_stmt *p = prepare("SELECT orm_all('posts', ?1)");
  for(int i=0; i<nRun; i++){
    char *z = sqlite3_mprintf(zTypical, 1 + i, "");
    sqlite3_bind_text(p, 1, z, -1, sqlite3_free);
    aCold[i] = spent(p);
    aCached[i] = spent(p);
  }
  sqlite3_finalize(p);
  printf("%-34s %9.1f\n%-34s %9.1f\n", "5 conditions, 3 includes: cold",
         median(aCold, nRun)*1e6, "the same: cached",
         median(aCached, nRun)*1e6);
}

/* ------------------------------------------------------- beside plain SQL */

static const struct Line {
  const char *zName, *zOrm, *zSql;
} aLine[] = {
  { "some",
    "SELECT orm_count('users', '{\"where\": {\"posts\":"
      " {\"some\": {\"views\": {\"gt\": 990}}}}}')",
    "SELECT count(*) FROM users u WHERE EXISTS(SELECT 1 FROM posts p"
      " WHERE p.users_id = u.id AND p.views > 990)" },
  { "none",
    "SELECT orm_count('users', '{\"where\": {\"posts\":"
      " {\"none\": {\"views\": {\"gt\": 990}}}}}')",
    "SELECT count(*) FROM users u WHERE NOT EXISTS(SELECT 1 FROM posts p"
      " WHERE p.users_id = u.id AND p.views > 990)" },
  { "some, many-to-many",
    "SELECT orm_count('posts', '{\"where\": {\"tags\":"
      " {\"some\": {\"name\": \"tag5\"}}}}')",
    "SELECT count(*) FROM posts p WHERE EXISTS(SELECT 1 FROM post_tags l, tags"
      " t WHERE l.posts_id = p.id AND t.id = l.tags_id AND t.name = 'tag5')" },
  { "some of some",
    "SELECT orm_count('users', '{\"where\": {\"posts\":"
      " {\"some\": {\"comments\": {\"some\": {\"body\": \"No\"}}}}}}')",
    "SELECT count(*) FROM users u WHERE EXISTS(SELECT 1 FROM posts p WHERE"
      " p.users_id = u.id AND EXISTS(SELECT 1 FROM comments c WHERE"
      " c.posts_id = p.id AND c.body = 'No'))" },
  { "to-one",
    "SELECT orm_count('posts', '{\"where\": {\"users\": {\"age\": 5}}}')",
    "SELECT count(*) FROM posts p WHERE EXISTS(SELECT 1 FROM users u"
      " WHERE u.id = p.users_id AND u.age = 5)" },
  { "groups by an index",
    "SELECT orm_aggregate('posts', '{\"group_by\": [\"state\"],"
      " \"aggregate\": {\"n\": {\"count\": \"*\"}}}')",
    "SELECT json_group_array(json_object('state', s, 'n', n)) FROM (SELECT"
      " state s, count(*) n FROM posts GROUP BY state ORDER BY state)" },
  { "groups, sum and avg",
    "SELECT orm_aggregate('posts', '{\"group_by\": [\"state\"], \"aggregate\":"
      " {\"s\": {\"sum\": \"views\"}, \"a\": {\"avg\": \"views\"}}}')",
    "SELECT json_group_array(json_object('state', g, 's', s, 'a', a)) FROM"
      " (SELECT state g, sum(views) s, avg(views) a FROM posts GROUP BY state"
      " ORDER BY state)" },
  { "900 groups, having, a limit",
    "SELECT orm_aggregate('posts', '{\"group_by\": [\"users_id\"],"
      " \"aggregate\": {\"n\": {\"count\": \"*\"}, \"m\": {\"max\":"
      " \"views\"}}, \"having\": {\"n\": {\"gt\": 5}}, \"order_by\": [\"-n\"],"
      " \"limit\": 20}')",
    "SELECT json_group_array(json_object('users_id', g, 'n', n, 'm', m)) FROM"
      " (SELECT users_id g, count(*) n, max(views) m FROM posts GROUP BY"
      " users_id HAVING n > 5 ORDER BY n DESC, g LIMIT 20)" },
  { "all groups of two fields",
    "SELECT orm_aggregate('posts', '{\"group_by\": [\"users_id\", \"state\"],"
      " \"aggregate\": {\"n\": {\"count\": \"*\"}}}')",
    "SELECT json_group_array(json_object('users_id', g, 'state', s, 'n', n))"
      " FROM (SELECT users_id g, state s, count(*) n FROM posts GROUP BY"
      " users_id, state ORDER BY users_id, state)" },
  { "groups by a to-one path",
    "SELECT orm_aggregate('posts', '{\"group_by\": [\"users.age\"],"
      " \"aggregate\": {\"n\": {\"count\": \"*\"}}}')",
    "SELECT json_group_array(json_object('age', g, 'n', n)) FROM (SELECT"
      " u.age g, count(*) n FROM posts p LEFT JOIN users u ON u.id = p.users_id"
      " GROUP BY u.age ORDER BY u.age)" },
  { "groups, a to-many path counted",
    "SELECT orm_aggregate('users', '{\"group_by\": [\"age\"],"
      " \"aggregate\": {\"n\": {\"count\": \"posts\"}}}')",
    "SELECT json_group_array(json_object('age', g, 'n', n)) FROM (SELECT"
      " u.age g, count(p.id) n FROM users u LEFT JOIN posts p"
      " ON p.users_id = u.id GROUP BY u.age ORDER BY u.age)" },
};

static void beside(const struct Line *p, int nRun){
  static double aOrm[MAX_TIMES], aSql[MAX_TIMES];
  sqlite3_stmt *pOrm = prepare(p->zOrm), *pSql = prepare(p->zSql);
  for(int i=0; i<nRun; i++){
    aSql[i] = spent(pSql);
    aOrm[i] = spent(pOrm);
  }
  sqlite3_finalize(pOrm);
  sqlite3_finalize(pSql);
  double rSql = median(aSql, nRun), rOrm = median(aOrm, nRun);
  printf("%-34s %9.1f %9.1f %7.2f\n", p->zName, rSql*1e6, rOrm*1e6, rOrm/rSql);
}

int main(int argc, char **argv){
  int nPost = argc>2 ? atoi(argv[2]) : 10000;
  int nRun = argc>3 ? atoi(argv[3]) : 51;
  if( argc<2 || nPost<1 || nRun<1 || nRun*20>MAX_TIMES ){
    fprintf(stderr, "query LIBRARY [POSTS [RUNS]]\n");
    return 1;
  }
  openFile(":memory:", argv[1], 1);
  fill(nPost);
  printf("queries, %d posts, SQLite %s\n%-34s %9s\n", nPost,
         sqlite3_libversion(), "", "us");
  document(nRun*20);
  printf("%-34s %9s %9s %7s\n", "", "sql us", "orm us", "orm/sql");
  for(size_t i=0; i<sizeof(aLine)/sizeof(aLine[0]); i++){
    beside(&aLine[i], nRun);
  }
  closeFile();
  return 0;
}
