/*
** Model tables beside the tables themselves (tests/bench/run table).
**
**     table LIBRARY [ROWS [RUNS]]
**
** Each line is a statement over the real tables and the same over their model
** tables, interleaved, the medians of RUNS times; the ratio stands beside the
** goal.  What both give is compared first.  Exits with 1 if a goal is missed
** by more than a tenth.  The database is a file, each execution a transaction
** of its own, as programs run them.
*/
#include "kit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void build(int nRow){
  run("CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE,"
      " name TEXT NOT NULL, score REAL, age INTEGER, bio TEXT);"
      "CREATE TABLE posts(id INTEGER PRIMARY KEY, title TEXT NOT NULL,"
      " author_id INTEGER NOT NULL REFERENCES users(id));"
      "CREATE TABLE tags(id INTEGER PRIMARY KEY, name TEXT);"
      "CREATE TABLE post_tags(post_id INTEGER REFERENCES posts(id),"
      " tag_id INTEGER REFERENCES tags(id), PRIMARY KEY(post_id, tag_id))"
      " WITHOUT ROWID; BEGIN");
  runf("INSERT INTO users SELECT value, 'user' || value || '@example.org',"
       " 'Name ' || value, value * 0.5, value * 7919 %% 90, 'Some words about'"
       " FROM (WITH c(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM c"
       " WHERE value < %d) SELECT value FROM c)", nRow);
  run("INSERT INTO posts SELECT id * 3 + k, 'Post ' || id || '/' || k,"
      " 1 + id * 7919 % (SELECT count(*) FROM users)"
      " FROM users, (SELECT 0 AS k UNION SELECT 1 UNION SELECT 2);"
      "INSERT INTO tags VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd');"
      "INSERT INTO post_tags SELECT id, 1 + id % 4 FROM posts;"
      "CREATE INDEX users_score ON users(score);"
      "CREATE INDEX posts_author ON posts(author_id);"
      "COMMIT; SELECT orm_reflect();"
      "CREATE VIRTUAL TABLE people USING orm(users);"
      "CREATE VIRTUAL TABLE post USING orm(posts)");
}

typedef struct Case Case;
struct Case {
  const char *zName;
  double rGoal;
  int nRepeat;                  /* executions, ?1 from 1 on                   */
  const char *azSql[2];         /* the real table, the model table            */
};
static const Case aCase[] = {
  { "scan of 2 columns", 2.0, 1,
    { "SELECT id, name FROM users", "SELECT id, name FROM people" } },
  { "scan of 5 columns", 2.0, 1,
    { "SELECT id, email, name, score, age FROM users",
      "SELECT id, email, name, score, age FROM people" } },
  { "scan with a filter", 2.0, 1,
    { "SELECT id, name FROM users WHERE age < 45",
      "SELECT id, name FROM people WHERE age < 45" } },
  { "point lookup", 1.6, 2000,
    { "SELECT id, name FROM users WHERE id = ?1",
      "SELECT id, name FROM people WHERE id = ?1" } },
  { "point lookup by text", 1.8, 2000,
    { "SELECT id, name FROM users WHERE email = 'user' || ?1 || '@example.org'",
      "SELECT id, name FROM people"
      " WHERE email = 'user' || ?1 || '@example.org'" } },
  { "inner side of a join", 3.5, 1,
    { "SELECT p.id, u.name FROM posts p CROSS JOIN users u"
      " ON u.id = p.author_id",
      "SELECT p.id, u.name FROM posts p CROSS JOIN people u"
      " ON u.id = p.author_id" } },
  { "order by an index, 10", 1.5, 2000,
    { "SELECT id, name, score FROM users WHERE score > ?1"
      " ORDER BY score LIMIT 10",
      "SELECT id, name, score FROM people WHERE score > ?1"
      " ORDER BY score LIMIT 10" } },
  { "unused relationships", 2.0, 1,
    { "SELECT id, title FROM posts", "SELECT id, title FROM post" } },
  { "object, beside orm_object", 1.05, 1,
    { "SELECT object FROM orm_object('users', 'posts.tags')",
      "SELECT object FROM people('posts.tags')" } },
};

static unsigned long long hash;
static void addText(const unsigned char *z){
  for(; z && *z; z++) hash = (hash ^ *z) * 1099511628211ull;
  hash = (hash ^ 1) * 1099511628211ull;
}

/* Run a statement; bHash: read everything as text. */
static void once(sqlite3_stmt *p, int nRepeat, int bHash){
  for(int i=1; i<=nRepeat; i++){
    int nCol = sqlite3_column_count(p);
    sqlite3_bind_int(p, 1, i);
    while( sqlite3_step(p)==SQLITE_ROW ){
      for(int j=0; j<nCol; j++){
        if( bHash ) addText(sqlite3_column_text(p, j));
        else if( sqlite3_column_type(p, j)==SQLITE_TEXT ){
          hash += (unsigned long long)sqlite3_column_text(p, j)[0];
        }else{
          hash += (unsigned long long)sqlite3_column_int64(p, j);
        }
      }
    }
    if( sqlite3_reset(p)!=SQLITE_OK ) die(sqlite3_sql(p));
  }
}

static int measure(const Case *p, int nRun){
  double aTime[2][MAX_RUNS], arTime[2], rRatio;
  sqlite3_stmt *apStmt[2];
  unsigned long long aHash[2];
  for(int i=0; i<2; i++){
    if( sqlite3_prepare_v2(db, p->azSql[i], -1, &apStmt[i], 0) ){
      die(p->azSql[i]);
    }
    hash = 0;
    once(apStmt[i], p->nRepeat, 1);
    aHash[i] = hash;
  }
  if( aHash[0]!=aHash[1] ){
    fprintf(stderr, "table: %s: different rows\n", p->zName);
    exit(1);
  }
  for(int r=0; r<nRun; r++){
    for(int i=0; i<2; i++){
      double rStart = processor();
      once(apStmt[i], p->nRepeat, 0);
      aTime[i][r] = processor() - rStart;
    }
  }
  for(int i=0; i<2; i++){
    arTime[i] = median(aTime[i], nRun);
    sqlite3_finalize(apStmt[i]);
  }
  rRatio = arTime[1]/arTime[0];
  printf("%-28s %9.3f %9.3f   %5.2f   %5.2f%s\n", p->zName,
         1e3*arTime[0], 1e3*arTime[1], rRatio, p->rGoal,
         rRatio>p->rGoal*1.1 ? "  missed" : "");
  return rRatio>p->rGoal*1.1;
}

int main(int argc, char **argv){
  int nRow = argc>2 ? atoi(argv[2]) : 20000;
  int nRun = argc>3 ? atoi(argv[3]) : 11;
  int nMissed = 0;
  if( argc<2 || nRow<1 || nRun<1 || nRun>MAX_RUNS ){
    fprintf(stderr, "usage: table LIBRARY [ROWS [RUNS]]\n");
    return 1;
  }
  openFile("build/bench/table.db", argv[1], 1);
  build(nRow);
  printf("SQLite %s, %d users, ms\n%-28s %9s %9s   %5s   %5s\n",
         sqlite3_libversion(), nRow, "", "table", "model", "ratio", "goal");
  for(int i=0; i<(int)(sizeof(aCase)/sizeof(aCase[0])); i++){
    nMissed += measure(&aCase[i], nRun);
  }
  closeFile();
  return nMissed>0;
}
