/*
** What the fuzz targets share: a database with a schema, calls with bound
** text, and what must be true of every answer.  A complaint is an abort().
*/
#ifndef ORM_FUZZ_H
#define ORM_FUZZ_H
#include "../../ext/orm_int.h"
#include <stdio.h>
#include <stdlib.h>

#define FUZZ_OPS 200000         /* steps of SQLite's machine for one input    */

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

static sqlite3 *fuzzDb;

static void fuzzFail(const char *zWhat, const char *zDetail){
  fprintf(stderr, "fuzz: %s: %s\n", zWhat, zDetail ? zDetail : "(none)");
  abort();
}

/* A call is stopped; those of a statement that lives long add up.  Of a write
** SQLite undoes all of the transaction around it. */
static int fuzzStopped;

static int fuzzStop(void *p){
  (void)p;
  fuzzStopped = 1;
  return 1;
}

static void fuzzExec(const char *zSql){
  char *zErr = 0;
  if( sqlite3_exec(fuzzDb, zSql, 0, 0, &zErr)!=SQLITE_OK ){
    fuzzFail(zSql, zErr);
  }
}

/* A fresh database in memory with the extension and zSchema in it. */
static void fuzzOpen(const char *zSchema){
  if( sqlite3_close(fuzzDb)!=SQLITE_OK ) fuzzFail("close", "statements left");
  if( sqlite3_memory_used()!=0 ) fuzzFail("close", "memory left");
  if( sqlite3_open(":memory:", &fuzzDb)!=SQLITE_OK
   || sqlite3_orm_init(fuzzDb, 0, 0)!=SQLITE_OK ){
    fuzzFail("open", sqlite3_errmsg(fuzzDb));
  }
  fuzzExec(zSchema);
  sqlite3_limit(fuzzDb, SQLITE_LIMIT_LENGTH, 1000000);
}

/* Errors that are SQLite's own to give; all others must be worded by orm. */
static int fuzzMayFail(int rc, const char *zMsg){
  static const char *const azMay[] = { "integer overflow",
    "LIKE or GLOB pattern too complex", "Expression tree is too large",
    "too many SQL variables", "too many terms in", "string or blob too big" };
  if( rc!=SQLITE_ERROR || strncmp(zMsg, "orm: ", 5)==0 ) return 1;
  for(int i=0; i<ORM_COUNT(azMay); i++){
    if( strstr(zMsg, azMay[i]) ) return 1;
  }
  return 0;
}

/* Is the value well-formed JSON? (not asked of long ones) */
static void fuzzCheckJson(sqlite3_value *pVal){
  const char *z = (const char*)sqlite3_value_text(pVal);
  if( z && !ormJsonValid(z, sqlite3_value_bytes(pVal)) ){
    fuzzFail("malformed JSON", z);
  }
}

/* Run a statement to its end with the two texts bound; bJson: every value of
** the first column is JSON or NULL. */
static void fuzzRun(
  const char *zSql, const char *z1, int n1, const char *z2, int n2, int bJson
){
  sqlite3_stmt *pStmt = 0;
  int rc = sqlite3_prepare_v2(fuzzDb, zSql, -1, &pStmt, 0);
  if( rc!=SQLITE_OK ) fuzzFail(zSql, sqlite3_errmsg(fuzzDb));
  sqlite3_bind_text(pStmt, 1, z1, n1, SQLITE_STATIC);
  sqlite3_bind_text(pStmt, 2, z2, n2, SQLITE_STATIC);
  sqlite3_progress_handler(fuzzDb, FUZZ_OPS, fuzzStop, 0);
  while( (rc = sqlite3_step(pStmt))==SQLITE_ROW ){
    if( bJson ) fuzzCheckJson(sqlite3_column_value(pStmt, 0));
  }
  sqlite3_progress_handler(fuzzDb, 0, 0, 0);
  if( rc!=SQLITE_DONE && !fuzzMayFail(rc & 0xff, sqlite3_errmsg(fuzzDb)) ){
    fuzzFail(zSql, sqlite3_errmsg(fuzzDb));
  }
  sqlite3_finalize(pStmt);
}

#endif /* ORM_FUZZ_H */
