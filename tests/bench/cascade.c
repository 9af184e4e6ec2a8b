/*
** The benchmark of deletes: 200 users with their 2,000 posts, 6,000 links and
** 4,000 comments, out of a file with ten or a hundred times as many, by
**
**     native     ON DELETE CASCADE, foreign keys on
**     orm        orm_delete_many(), nothing declared but the relationships
**     orm+fk     orm_delete_many(), with the foreign keys of "native", on
**     triggers   a plain DELETE, triggers written by hand
**     enforce    a plain DELETE, triggers of orm_enforce()
**
** and then a chain of 100,000 rows, one below the other.
**
**     cascade LIBRARY [USERS [RUNS]]
**
** Ways are interleaved, each delete is rolled back outside of the time, the
** figure is the median.
*/
#include "kit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_USER 200

static const char *zLibrary;

/* ------------------------------------------------------------------ data -- */

static void schema(int bForeign){
#define FK(zTable) \
  bForeign ? " REFERENCES " zTable "(id) ON DELETE CASCADE" : ""
  char *z = sqlite3_mprintf(
    "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
    "CREATE TABLE tags(id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
    "CREATE TABLE posts(id INTEGER PRIMARY KEY, title TEXT, content TEXT,"
    " author_id INTEGER NOT NULL%s);"
    "CREATE INDEX ix_posts ON posts(author_id);"
    "CREATE TABLE comments(id INTEGER PRIMARY KEY, body TEXT,"
    " post_id INTEGER NOT NULL%s);"
    "CREATE INDEX ix_comments ON comments(post_id);"
    "CREATE TABLE post_tags(post_id INTEGER NOT NULL%s,"
    " tag_id INTEGER NOT NULL%s, PRIMARY KEY(post_id, tag_id)) WITHOUT ROWID;"
    "CREATE INDEX ix_post_tags ON post_tags(tag_id);",
    FK("users"), FK("posts"), FK("posts"), FK("tags"));
  run(z);
  sqlite3_free(z);
}

static void rows(int nUser){
  char *z = sqlite3_mprintf(
    "BEGIN;"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d)"
    " INSERT INTO users SELECT i, 'User '||i FROM n;"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<100)"
    " INSERT INTO tags SELECT i, 'tag'||i FROM n;"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d)"
    " INSERT INTO posts SELECT i, 'Post number '||i, 'Some words that are the"
    " content of post '||i||', and a few more of them.', 1 + i %% %d FROM n;"
    "INSERT INTO comments(post_id, body) SELECT p.id, 'A comment on '||p.id"
    " FROM posts p, json_each('[0,1]');"
    "INSERT INTO post_tags SELECT p.id, 1 + (p.id*31 + k.value*37) %% 100"
    " FROM posts p, json_each('[0,1,2]') k;"
    "COMMIT; ANALYZE;", nUser, nUser*10, nUser);
  run(z);
  sqlite3_free(z);
}

static const char zTriggers[] =
  "CREATE TRIGGER t1 BEFORE DELETE ON users BEGIN"
  " DELETE FROM posts WHERE author_id = OLD.id; END;"
  "CREATE TRIGGER t2 BEFORE DELETE ON posts BEGIN"
  " DELETE FROM post_tags WHERE post_id = OLD.id;"
  " DELETE FROM comments WHERE post_id = OLD.id; END;";

static const char zRelations[] =
  "SELECT orm_init();"
  "INSERT INTO orm_model(name, table_name) VALUES ('User', 'users'),"
  " ('Post', 'posts'), ('Tag', 'tags'), ('Comment', 'comments');"
  "INSERT INTO orm_relationship(model, name, target, direction, local_columns,"
  " remote_columns, secondary, secondary_local, secondary_remote, cascade)"
  " VALUES ('User', 'posts', 'Post', 'one_to_many', 'id', 'author_id',"
  "  NULL, NULL, NULL, 'all, delete-orphan'),"
  " ('Post', 'comments', 'Comment', 'one_to_many', 'id', 'post_id',"
  "  NULL, NULL, NULL, 'all, delete-orphan'),"
  " ('Post', 'tags', 'Tag', NULL, NULL, NULL, 'post_tags', 'post_id', 'tag_id',"
  "  NULL);";

enum { NATIVE, ORM, ORM_FK, TRIGGERS, ENFORCE, N_WAY };
static const char *const azWay[N_WAY] = {
  "native", "orm", "orm+fk", "triggers", "enforce"
};

static sqlite3 *build(int eWay, int nUser){
  openFile(":memory:", zLibrary, 0);
  schema(eWay==NATIVE || eWay==ORM_FK);
  rows(nUser);
  if( eWay==TRIGGERS ) run(zTriggers);
  if( eWay==ORM || eWay==ENFORCE ) run(zRelations);
  if( eWay==ENFORCE ) run("SELECT orm_enforce(1)");
  if( eWay==ORM_FK ) run("SELECT orm_reflect()");
  if( eWay==NATIVE || eWay==ORM_FK ) run("PRAGMA foreign_keys = 1");
  return db;
}

/* ------------------------------------------------------------- measuring -- */

static double measure(int eWay, sqlite3_stmt *pStmt){
  double r;
  db = sqlite3_db_handle(pStmt);
  run("BEGIN");
  r = processor();
  while( sqlite3_step(pStmt)==SQLITE_ROW ){}
  if( sqlite3_reset(pStmt) ) die(azWay[eWay]);
  r = processor() - r;
  run("ROLLBACK");
  return r;
}

static void check(int eWay, sqlite3_stmt *pStmt, int nUser){
  static const char zCount[] = "SELECT (SELECT count(*) FROM users) +"
    " (SELECT count(*) FROM posts) + (SELECT count(*) FROM post_tags) +"
    " (SELECT count(*) FROM comments)";
  run("BEGIN");
  while( sqlite3_step(pStmt)==SQLITE_ROW ){}
  if( sqlite3_reset(pStmt) ) die(azWay[eWay]);
  if( number(zCount)!=(nUser-N_USER)*61 ){
    fprintf(stderr, "cascade: %s leaves the wrong rows\n", azWay[eWay]);
    exit(1);
  }
  run("ROLLBACK");
}

static void compare(int nUser, int nRun){
  static double aTime[N_WAY][MAX_RUNS];
  sqlite3 *aDb[N_WAY];
  sqlite3_stmt *apStmt[N_WAY];
  double aMedian[N_WAY];
  printf("delete %d users, their 2,000 posts, 6,000 links, 4,000 comments, "
         "of %d users\n", N_USER, nUser);
  for(int e=0; e<N_WAY; e++){
    const char *z = e==ORM ? "SELECT orm_delete_many('User', "
                                "'{\"where\": {\"id\": {\"lte\": 200}}}')"
        : e==ORM_FK ? "SELECT orm_delete_many('users', "
                          "'{\"where\": {\"id\": {\"lte\": 200}}}')"
        : "DELETE FROM users WHERE id<=200";
    aDb[e] = build(e, nUser);
    apStmt[e] = prepare(z);
    check(e, apStmt[e], nUser);
  }
  for(int i=0; i<nRun; i++){
    for(int e=0; e<N_WAY; e++) aTime[e][i] = measure(e, apStmt[e]);
  }
  for(int e=0; e<N_WAY; e++){
    int eBase = e==ENFORCE ? TRIGGERS : NATIVE;
    aMedian[e] = median(aTime[e], nRun);
    printf("  %-10s %8.2f ms", azWay[e], aMedian[e]*1000);
    if( e!=eBase ){
      printf("  %5.2f of %s", aMedian[e]/aMedian[eBase], azWay[eBase]);
    }
    printf("\n");
    sqlite3_finalize(apStmt[e]);
    db = aDb[e];
    closeFile();
  }
}

static void chain(int n){
  static const char *const azDelete[] = {
    "SELECT orm_delete('Node', 1)", "DELETE FROM node WHERE id = 1"
  };
  char *z = sqlite3_mprintf(
    "CREATE TABLE node(id INTEGER PRIMARY KEY, parent_id INTEGER);"
    "CREATE INDEX ix ON node(parent_id);"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d)"
    " INSERT INTO node SELECT i, nullif(i-1, 0) FROM n;"
    "SELECT orm_init();"
    "INSERT INTO orm_model(name, table_name) VALUES ('Node', 'node');"
    "INSERT INTO orm_relationship(model, name, target, direction,"
    " local_columns, remote_columns, cascade) VALUES ('Node', 'children',"
    " 'Node', 'one_to_many', 'id', 'parent_id', 'all, delete-orphan');"
    "SELECT orm_enforce(1);", n);
  openFile(":memory:", zLibrary, 0);
  run(z);
  sqlite3_free(z);
  printf("delete the root of a chain of %d rows\n", n);
  for(int i=0; i<2; i++){
    double r = processor();
    sqlite3_int64 nPeak;
    sqlite3_memory_highwater(1);
    nPeak = sqlite3_memory_used();
    run("BEGIN");
    run(azDelete[i]);
    r = processor() - r;
    if( number("SELECT count(*) FROM node") ) die("rows are left");
    run("ROLLBACK");
    printf("  %-10s %8.2f ms  %5.1f MB\n", i ? "enforce" : "orm", r*1000,
           (double)(sqlite3_memory_highwater(0) - nPeak)/1e6);
  }
  closeFile();
}

int main(int argc, char **argv){
  int nUser = argc>2 ? atoi(argv[2]) : 0;
  int nRun = argc>3 ? atoi(argv[3]) : 15;
  if( argc<2 ){
    fprintf(stderr, "usage: cascade LIBRARY [USERS [RUNS]]\n");
    return 1;
  }
  if( nRun>MAX_RUNS ) nRun = MAX_RUNS;
  zLibrary = argv[1];
  if( nUser ){
    compare(nUser, nRun);
    return 0;
  }
  compare(2000, nRun);
  compare(20000, nRun);
  chain(10000);
  chain(100000);
  return 0;
}
