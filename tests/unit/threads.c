/*
** Threads that share nothing but the file: each has a connection of its own,
** with the extension in it, and reads, writes graphs, deletes and changes the
** metadata, while the others do.  Built by tests/threads.test with the thread
** sanitizer, which ends the program at the first race.
**
**   threads FILE THREADS ROUNDS
**
** Prints "! what" for each complaint and ends with "N passed, N failed".
*/
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../include/orm.h"

static const char *zFile;
static int nRound;
typedef struct Worker Worker;
struct Worker {
  pthread_t id;
  int iWorker;
  int nDone, nBusy, nFail;
};

static sqlite3 *openFile(void){
  sqlite3 *db = 0;
  if( sqlite3_open_v2(zFile, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        | SQLITE_OPEN_NOMUTEX, 0)
   || sqlite3_orm_init(db, 0, 0)
  ){
    printf("! cannot open: %s\n", sqlite3_errmsg(db));
    exit(1);
  }
  sqlite3_busy_timeout(db, 20000);
  return db;
}

/* Run one statement; its first value must be zExpected, when that is given. */
static void runOne(Worker *p, sqlite3 *db, char *zSql, const char *zExpected){
  sqlite3_stmt *pStmt = 0;
  int rc = sqlite3_prepare_v2(db, zSql, -1, &pStmt, 0);
  if( rc==SQLITE_OK ) rc = sqlite3_step(pStmt);
  if( rc==SQLITE_ROW && zExpected ){
    const char *z = (const char*)sqlite3_column_text(pStmt, 0);
    if( z==0 || strcmp(z, zExpected)!=0 ){
      printf("! %s: %s, not %s\n", zSql, z ? z : "NULL", zExpected);
      p->nFail++;
    }
  }
  if( rc==SQLITE_BUSY ){
    p->nBusy++;
  }else if( rc!=SQLITE_ROW && rc!=SQLITE_DONE ){
    printf("! %s: %s\n", zSql, sqlite3_errmsg(db));
    p->nFail++;
  }
  sqlite3_finalize(pStmt);
  sqlite3_free(zSql);
  p->nDone++;
}

static void round_(Worker *p, sqlite3 *db, int i){
  int iKey = p->iWorker*1000000 + i;
  runOne(p, db, sqlite3_mprintf(
      "INSERT INTO orm_object(model, object) VALUES ('author', '{\"id\": %d,"
      " \"name\": \"a%d\", \"book\": [{\"title\": \"x\"},"
      " {\"title\": \"y\"}]}')",
      iKey, iKey), 0);
  /* A reader sees whole graphs only. */
  runOne(p, db, sqlite3_mprintf(
      "SELECT count(*) FROM orm_object('author', '{\"_count\": [\"book\"]}')"
      " WHERE object ->> '$._count.book' <> 2"), "0");
  runOne(p, db, sqlite3_mprintf(
      "SELECT json_array_length(orm_get('author', %d, 'book'), '$.book')",
      iKey), "2");
  if( i%2 ){
    runOne(p, db, sqlite3_mprintf("DELETE FROM orm_object WHERE model="
        "'author' AND key=%d", iKey), 0);
  }
  if( i%10==0 ){
    runOne(p, db, sqlite3_mprintf("UPDATE orm_model SET order_by="
        "nullif('id', order_by) WHERE name='book'"), 0);
  }
}

static void *work(void *pArg){
  Worker *p = (Worker*)pArg;
  sqlite3 *db = openFile();
  for(int i=1; i<=nRound; i++) round_(p, db, i);
  if( sqlite3_close(db)!=SQLITE_OK ){
    printf("! cannot close: %s\n", sqlite3_errmsg(db));
    p->nFail++;
  }
  return 0;
}

int main(int argc, char **argv){
  int nThread = argc>2 ? atoi(argv[2]) : 4;
  int nDone = 0, nFail = 0;
  Worker *aWorker = calloc((size_t)nThread, sizeof(*aWorker));
  sqlite3 *db;
  Worker main_ = { 0 };
  char zCount[20];
  zFile = argc>1 ? argv[1] : "threads.db";
  nRound = argc>3 ? atoi(argv[3]) : 50;
  db = openFile();
  sqlite3_exec(db, "PRAGMA journal_mode=WAL;"
      "CREATE TABLE author(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
      "CREATE TABLE book(id INTEGER PRIMARY KEY, title TEXT NOT NULL,"
      " author_id INTEGER NOT NULL REFERENCES author(id) ON DELETE CASCADE);"
      "CREATE INDEX book_author ON book(author_id);"
      "SELECT orm_reflect();", 0, 0, 0);
  for(int i=0; i<nThread; i++){
    aWorker[i].iWorker = i + 1;
    pthread_create(&aWorker[i].id, 0, work, &aWorker[i]);
  }
  for(int i=0; i<nThread; i++){
    pthread_join(aWorker[i].id, 0);
    nDone += aWorker[i].nDone;
    nFail += aWorker[i].nFail + aWorker[i].nBusy;
  }
  sqlite3_snprintf(sizeof(zCount), zCount, "%d", nThread*(nRound/2));
  runOne(&main_, db, sqlite3_mprintf("SELECT count(*) FROM author"),
         zCount);
  sqlite3_snprintf(sizeof(zCount), zCount, "%d", nThread*(nRound/2)*2);
  runOne(&main_, db, sqlite3_mprintf("SELECT count(*) FROM book"),
         zCount);
  runOne(&main_, db, sqlite3_mprintf("PRAGMA integrity_check"), "ok");
  nFail += main_.nFail;
  sqlite3_close(db);
  free(aWorker);
  printf("%d passed, %d failed\n", nDone + main_.nDone - nFail, nFail);
  return nFail>0;
}
