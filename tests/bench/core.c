/*
** Five core workloads, once each, for counting instructions:
**
**     valgrind --tool=callgrind --toggle-collect=work core LIBRARY NAME
**     core                          says which SQLite it runs on
**
** Instructions do not drift as times do, so a loss of a few in a hundred shows.
** tests/bench/regress runs it and compares with the figures that are kept.
*/
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static sqlite3 *db;

static const struct Work {
  const char *zName;
  const char *zSql;
  int nRepeat;
} aWork[] = {
  { "whole", "SELECT orm_all('User', 'posts.tags')", 1 },
  { "author", "SELECT orm_all('Post', 'author')", 1 },
  { "key", "SELECT orm_get('User', 77, 'posts')", 200 },
  { "page", "SELECT orm_page('Post', '{\"where\": {\"views\": {\"gt\": 100}},"
    " \"order_by\": [\"-published_at\"], \"limit\": 20,"
    " \"include\": \"author\"}')", 20 },
  { "create", "SELECT orm_create_many('User', (SELECT json_group_array("
    "json_object('email', 'n'||id, 'name', name, 'posts', json_array("
    "json_object('title', 'a', 'content', 'b')))) FROM users))", 1 },
};

static int fail(const char *z){
  fprintf(stderr, "core: %s: %s\n", z, sqlite3_errmsg(db));
  return 1;
}

__attribute__((noinline)) static int work(sqlite3_stmt *pStmt, int nRepeat){
  int nByte = 0;
  for(int i=0; i<nRepeat; i++){
    if( sqlite3_step(pStmt)==SQLITE_ROW ){
      nByte += sqlite3_column_bytes(pStmt, 0);
    }
    if( sqlite3_reset(pStmt)!=SQLITE_OK ) return 0;
  }
  return nByte;
}

static const char zSchema[] =
  "SELECT orm_define('{\"User\":{\"table\":\"users\",\"columns\":{"
  "\"id\":\"INTEGER PRIMARY KEY\",\"email\":\"TEXT NOT NULL UNIQUE\","
  "\"name\":\"TEXT NOT NULL\"},\"relationships\":{\"posts\":{\"target\":"
  "\"Post\",\"back_populates\":\"author\"}}},"
  "\"Post\":{\"table\":\"posts\",\"columns\":{\"id\":\"INTEGER PRIMARY KEY\","
  "\"title\":\"TEXT NOT NULL\",\"content\":\"TEXT NOT NULL\","
  "\"views\":\"INTEGER DEFAULT 0\",\"author_id\":"
  "\"INTEGER NOT NULL REFERENCES users(id)\",\"published_at\":\"TEXT\"},"
  "\"indexes\":{\"ix_author\":[\"author_id\"],\"ix_at\":[\"published_at\"]},"
  "\"relationships\":{\"author\":{\"target\":\"User\"},\"tags\":{\"target\":"
  "\"Tag\",\"secondary\":\"post_tags\"}}},"
  "\"Tag\":{\"table\":\"tags\",\"columns\":{\"id\":\"INTEGER PRIMARY KEY\","
  "\"name\":\"TEXT NOT NULL UNIQUE\"}}}');"
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<300)"
  " INSERT INTO users SELECT i, 'user'||i||'@example.org', 'User '||i FROM n;"
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<50)"
  " INSERT INTO tags SELECT i, 'tag'||i FROM n;"
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<3000)"
  " INSERT INTO posts SELECT i, 'Post number '||i, 'Some words that are the"
  " content of post '||i, (i*7919) % 1000, 1 + (i*48271) % 300,"
  " datetime(1700000000+(i*16807)%9999991, 'unixepoch') FROM n;"
  "INSERT INTO post_tags(post_id, tag_id) SELECT p.id, 1+(p.id*31+k.value*37)"
  " % 50 FROM posts p, json_each('[0,1,2]') k; ANALYZE;";

int main(int nArg, char **azArg){
  char *zErr = 0;
  if( nArg==1 ){
    puts(sqlite3_libversion());
    return 0;
  }
  if( sqlite3_open(":memory:", &db)!=SQLITE_OK ) return fail("open");
  sqlite3_enable_load_extension(db, 1);
  if( nArg<3 || sqlite3_load_extension(db, azArg[1], "sqlite3_orm_init", &zErr)
   || sqlite3_exec(db, zSchema, 0, 0, &zErr)
  ){
    return fail(zErr ? zErr : "usage: core LIBRARY NAME");
  }
  for(int i=0; i<(int)(sizeof(aWork)/sizeof(aWork[0])); i++){
    sqlite3_stmt *pStmt = 0;
    if( strcmp(azArg[2], aWork[i].zName)!=0 ) continue;
    if( sqlite3_prepare_v2(db, aWork[i].zSql, -1, &pStmt, 0) ){
      return fail(aWork[i].zName);
    }
    sqlite3_exec(db, "BEGIN", 0, 0, 0);
    if( strcmp(aWork[i].zName, "create")!=0 && work(pStmt, 1)==0 ){
      return fail(aWork[i].zName);
    }
    int n = work(pStmt, aWork[i].nRepeat);
    sqlite3_finalize(pStmt);
    sqlite3_close(db);
    printf("%d\n", n);
    return n==0;
  }
  return fail("no such workload");
}
