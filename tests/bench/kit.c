/* See kit.h. */
#include "kit.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

sqlite3 *db;
sqlite3_int64 nSeen;

void die(const char *zWhat){
  fprintf(stderr, "bench: %.300s: %s\n", zWhat, sqlite3_errmsg(db));
  exit(1);
}

void openFile(const char *zFile, const char *zLibrary, int bNew){
  char *zErr = 0;
  if( bNew ){
    char *zJournal = sqlite3_mprintf("%s-journal", zFile);
    remove(zFile);
    remove(zJournal);
    sqlite3_free(zJournal);
  }
  if( sqlite3_open(zFile, &db)!=SQLITE_OK ) die("open");
  sqlite3_enable_load_extension(db, 1);
  if( sqlite3_load_extension(db, zLibrary, "sqlite3_orm_init", &zErr) ){
    fprintf(stderr, "bench: %s\n", zErr);
    exit(1);
  }
}

void closeFile(void){
  if( sqlite3_close(db)!=SQLITE_OK ) die("close");
  db = 0;
}

void run(const char *zSql){
  if( sqlite3_exec(db, zSql, 0, 0, 0)!=SQLITE_OK ) die(zSql);
}

void runf(const char *zFormat, ...){
  va_list ap;
  char *zSql;
  va_start(ap, zFormat);
  zSql = sqlite3_vmprintf(zFormat, ap);
  va_end(ap);
  run(zSql);
  sqlite3_free(zSql);
}

sqlite3_stmt *prepare(const char *zSql){
  sqlite3_stmt *pStmt = 0;
  if( sqlite3_prepare_v3(db, zSql, -1, SQLITE_PREPARE_PERSISTENT, &pStmt, 0) ){
    die(zSql);
  }
  return pStmt;
}

sqlite3_stmt *preparef(const char *zFormat, ...){
  sqlite3_stmt *pStmt;
  va_list ap;
  char *zSql;
  va_start(ap, zFormat);
  zSql = sqlite3_vmprintf(zFormat, ap);
  va_end(ap);
  pStmt = prepare(zSql);
  sqlite3_free(zSql);
  return pStmt;
}

sqlite3_int64 number(const char *zSql){
  sqlite3_stmt *pStmt = prepare(zSql);
  sqlite3_int64 n;
  if( sqlite3_step(pStmt)!=SQLITE_ROW ) die(zSql);
  n = sqlite3_column_int64(pStmt, 0);
  sqlite3_finalize(pStmt);
  return n;
}

sqlite3_int64 readAll(sqlite3_stmt *pStmt){
  int nCol = sqlite3_column_count(pStmt);
  sqlite3_int64 nRow = 0;
  while( sqlite3_step(pStmt)==SQLITE_ROW ){
    nRow++;
    for(int i=0; i<nCol; i++){
      if( sqlite3_column_type(pStmt, i)==SQLITE_TEXT ){
        nSeen += sqlite3_column_text(pStmt, i)[0];
      }else{
        nSeen += sqlite3_column_int64(pStmt, i);
      }
    }
  }
  if( sqlite3_reset(pStmt)!=SQLITE_OK ) die(sqlite3_sql(pStmt));
  return nRow;
}

static double now(clockid_t eClock){
  struct timespec ts;
  clock_gettime(eClock, &ts);
  return (double)ts.tv_sec + (double)ts.tv_nsec*1e-9;
}
double seconds(void){ return now(CLOCK_MONOTONIC); }
double processor(void){ return now(CLOCK_PROCESS_CPUTIME_ID); }

static int compareDouble(const void *a, const void *b){
  double x = *(const double*)a, y = *(const double*)b;
  return x<y ? -1 : x>y;
}

double median(double *a, int n){
  qsort(a, (size_t)n, sizeof(*a), compareDouble);
  return a[n/2];
}
