/*
** The query document: an input is "<call> <model>" on a line, then the text of
** the query.  Whatever it says, the answer is JSON or an error of ours, nothing
** leaks and nothing is left running; and what orm_count() counts is what
** orm_all() gives.
*/
#include "fuzz.h"

static const char zSchema[] =
  "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE,"
  " name TEXT COLLATE NOCASE, is_active BOOLEAN, age INT, r REAL, born DATE,"
  " at DATETIME, pic BLOB, data JSON, secret TEXT, boss_id REFERENCES users);"
  "CREATE INDEX ix_boss ON users(boss_id);"
  "CREATE TABLE posts(id INTEGER PRIMARY KEY, title TEXT, views INT,"
  " author_id INT REFERENCES users(id), gone DATETIME);"
  "CREATE INDEX ix_author ON posts(author_id);"
  "CREATE TABLE tags(a TEXT, b INT, name TEXT UNIQUE, PRIMARY KEY(a, b))"
  " WITHOUT ROWID;"
  "CREATE TABLE post_tags(post_id INT REFERENCES posts(id), ta TEXT, tb INT,"
  " FOREIGN KEY(ta, tb) REFERENCES tags(a, b), PRIMARY KEY(post_id, ta, tb));"
  "INSERT INTO users VALUES(1,'a@x','Ann',1,31,1.5,'1990-01-01',"
  " '2024-01-01 10:00:00',x'00ff','{\"a\":{\"b\":[1,\"x\"]}}','s',NULL),"
  " (2,'b@x','bob',0,NULL,-1e300,NULL,NULL,NULL,'not json','t',1),"
  " (3,'c@x',NULL,NULL,31,NULL,NULL,5,NULL,NULL,NULL,2),"
  " (4,'d@x','ann',1,5,0.0,NULL,NULL,x'','5',NULL,77);"
  "INSERT INTO posts VALUES(1,'Hello',5,1,NULL),(2,'100%',NULL,1,NULL),"
  " (3,'gone',7,2,'2024-01-01'),(4,NULL,7,99,NULL),(5,'x',1,NULL,NULL);"
  "INSERT INTO tags VALUES('x',1,'sql'),('x',2,'c'),('y',1,NULL);"
  "INSERT INTO post_tags VALUES(1,'x',1),(1,'x',2),(3,'x',1),(5,'q',9);"
  "SELECT orm_reflect();"
  "INSERT INTO orm_field(model, name, hidden) VALUES('users','secret',1);"
  "UPDATE orm_model SET soft_delete='gone' WHERE name='posts';"
  "SELECT orm_config('max_conditions', 200), orm_config('max_depth', 8);";

static const struct Call {
  const char *zName;
  const char *zSql;
  int bJson;
} aCall[] = {
  { "all",       "SELECT orm_all(?1, ?2)", 1 },
  { "count",     "SELECT orm_count(?1, ?2)", 0 },
  { "one",       "SELECT orm_one_or_none(?1, ?2)", 1 },
  { "get",       "SELECT orm_get(?1, 1, ?2)", 1 },
  { "aggregate", "SELECT orm_aggregate(?1, ?2)", 1 },
  { "object",    "SELECT object, key, cursor FROM orm_object(?1, ?2)", 1 },
  { "page",      "SELECT orm_page(?1, ?2)", 1 },
  { "load",      "SELECT orm_load(?1, column1, ?2) FROM (VALUES (1), (3), (9))",
    1 },
  { "related",   "SELECT object FROM orm_related(?1, 1, ?2)", 1 },
  { "link",      "SELECT source, target FROM orm_link(?1, ?2)", 0 },
  { "explain",   "SELECT sql FROM orm_explain(?1, ?2)", 0 },
};

/* A call that this build does not have is passed over. */
static int isThere(const struct Call *pCall){
  static signed char aThere[ORM_COUNT(aCall)];
  signed char *p = &aThere[pCall - aCall];
  if( *p==0 ){
    sqlite3_stmt *pStmt = 0;
    *p = sqlite3_prepare_v2(fuzzDb, pCall->zSql, -1, &pStmt, 0) ? -1 : 1;
    sqlite3_finalize(pStmt);
  }
  return *p>0;
}

/* The first column's integer, or -1 if it fails. */
static i64 askInt(const char *zSql, const char *zModel, const char *z, int n){
  sqlite3_stmt *pStmt = 0;
  i64 i = -1;
  if( sqlite3_prepare_v2(fuzzDb, zSql, -1, &pStmt, 0)!=SQLITE_OK ){
    fuzzFail(zSql, sqlite3_errmsg(fuzzDb));
  }
  sqlite3_bind_text(pStmt, 1, zModel, -1, SQLITE_STATIC);
  sqlite3_bind_text(pStmt, 2, z, n, SQLITE_STATIC);
  sqlite3_progress_handler(fuzzDb, FUZZ_OPS, fuzzStop, 0);
  if( sqlite3_step(pStmt)==SQLITE_ROW ) i = sqlite3_column_int64(pStmt, 0);
  sqlite3_progress_handler(fuzzDb, 0, 0, 0);
  sqlite3_finalize(pStmt);
  return i;
}

static void checkCount(const char *zModel, const char *z, int n){
  i64 nCount = askInt("SELECT orm_count(?1, ?2)", zModel, z, n);
  i64 nAll;
  if( nCount<0 ) return;
  nAll = askInt("SELECT json_array_length(orm_all(?1, ?2))", zModel, z, n);
  if( nAll>=0 && nAll!=nCount ) fuzzFail("count differs from all", z);
}

/* The word up to the blank or line end at *pz, which moves behind it. */
static int nextWord(const char **pz, const char *zEnd, char *zOut, int nOut){
  int n = 0;
  while( *pz<zEnd && **pz!=' ' && **pz!='\n' ){
    if( n<nOut-1 ) zOut[n++] = **pz;
    (*pz)++;
  }
  if( *pz<zEnd ) (*pz)++;
  zOut[n] = 0;
  return n;
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n){
  static int nInput = 0;
  const char *z = (const char*)p, *zEnd = z + n;
  char zCall[16], zModel[16];
  const struct Call *pCall = aCall;
  if( n>20000 ) return -1;
  if( nInput++%1000==0 ) fuzzOpen(zSchema);
  nextWord(&z, zEnd, zCall, (int)sizeof(zCall));
  nextWord(&z, zEnd, zModel, (int)sizeof(zModel));
  for(int i=0; i<ORM_COUNT(aCall); i++){
    if( strcmp(zCall, aCall[i].zName)==0 ) pCall = &aCall[i];
  }
  if( isThere(pCall) ){
    fuzzRun(pCall->zSql, zModel, -1, z, (int)(zEnd - z), pCall->bJson);
  }
  if( strcmp(zCall, "count")==0 ) checkCount(zModel, z, (int)(zEnd - z));
  return 0;
}
