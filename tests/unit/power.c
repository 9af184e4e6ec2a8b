/*
** Power loss: a VFS that keeps note of every write since the last sync of its
** file.  When the power goes, each of those is kept, lost or torn at a sector,
** by chance, and the process ends.
**
**   power FILE JOURNAL-MODE ROUNDS SEED
**
** A child process writes graphs (an author with three books), changes and
** deletes them, saying on a pipe what was acknowledged, until the power goes
** at a write or sync picked at random.  The parent then opens the file as the
** next boot would: it must be sound, hold whole graphs only, and nothing that
** was acknowledged may be missing.
**
** Prints "! what" for each complaint and ends with "N passed, N failed".
*/
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../include/orm.h"

/* ------------------------------------------------------------- the shim -- */

typedef struct Op Op;
typedef struct File File;
struct Op {                     /* a write or truncation that is not synced   */
  Op *pBefore, *pNext;
  sqlite3_int64 iOffset;
  sqlite3_int64 nOldSize;
  int n;                        /* bytes written; -1: truncated to iOffset    */
  int nOld;                     /* bytes that it covered                      */
  unsigned char *zOld, *zNew;
};
struct File {
  sqlite3_file base;
  sqlite3_file *pReal;
  File *pNext;                  /* of all open files                          */
  Op *pFirst, *pLast;
};
static File *pFiles;
static int nLeft = -1;          /* operations until the power goes            */
static sqlite3_vfs *pRealVfs, vfs;

#define REAL(p) (((File*)(p))->pReal)
#define CALL(p, x) REAL(p)->pMethods->x

static void forget(File *p){
  while( p->pFirst ){
    Op *pOp = p->pFirst;
    p->pFirst = pOp->pNext;
    free(pOp->zOld);
    free(pOp->zNew);
    free(pOp);
  }
  p->pLast = 0;
}

/* Lay the file back to its last sync, then apply what chance lets through. */
static void loseFile(File *p){
  Op *pOp;
  for(pOp=p->pLast; pOp; pOp=pOp->pBefore){
    if( pOp->nOld ){
      CALL(p, xWrite)(REAL(p), pOp->zOld, pOp->nOld, pOp->iOffset);
    }
    CALL(p, xTruncate)(REAL(p), pOp->nOldSize);
  }
  for(pOp=p->pFirst; pOp; pOp=pOp->pNext){
    int n = pOp->n;
    int iChance = rand()%4;
    if( iChance==0 ) continue;
    if( n<0 ){
      CALL(p, xTruncate)(REAL(p), pOp->iOffset);
      continue;
    }
    if( iChance==1 && n>512 ) n = 512*(rand()%(n/512));
    if( n ) CALL(p, xWrite)(REAL(p), pOp->zNew, n, pOp->iOffset);
  }
}

static void tick(void){
  if( nLeft<0 || nLeft-->0 ) return;
  for(File *p=pFiles; p; p=p->pNext) loseFile(p);
  _exit(9);
}

/* Note what is about to be overwritten (n bytes, or cut off with n<0). */
static void note(File *p, const void *z, int n, sqlite3_int64 iOffset){
  Op *pOp = calloc(1, sizeof(*pOp));
  sqlite3_int64 nSize = 0, nOld;
  CALL(p, xFileSize)(REAL(p), &nSize);
  nOld = nSize - iOffset;
  if( n>=0 && nOld>n ) nOld = n;
  if( nOld<0 ) nOld = 0;
  pOp->iOffset = iOffset;
  pOp->nOldSize = nSize;
  pOp->n = n;
  pOp->nOld = (int)nOld;
  pOp->zOld = malloc((size_t)nOld + 1);
  if( nOld ) CALL(p, xRead)(REAL(p), pOp->zOld, (int)nOld, iOffset);
  if( n>0 ){
    pOp->zNew = malloc((size_t)n);
    memcpy(pOp->zNew, z, (size_t)n);
  }
  pOp->pBefore = p->pLast;
  if( p->pLast ) p->pLast->pNext = pOp;
  else p->pFirst = pOp;
  p->pLast = pOp;
}

static int fileClose(sqlite3_file *pFile){
  File *p = (File*)pFile;
  File **pp = &pFiles;
  while( *pp && *pp!=p ) pp = &(*pp)->pNext;
  if( *pp ) *pp = p->pNext;
  forget(p);
  return CALL(p, xClose)(REAL(p));
}
static int fileRead(sqlite3_file *p, void *z, int n, sqlite3_int64 i){
  return CALL(p, xRead)(REAL(p), z, n, i);
}
static int fileWrite(sqlite3_file *p, const void *z, int n, sqlite3_int64 i){
  note((File*)p, z, n, i);
  tick();
  return CALL(p, xWrite)(REAL(p), z, n, i);
}
static int fileTruncate(sqlite3_file *p, sqlite3_int64 n){
  note((File*)p, 0, -1, n);
  tick();
  return CALL(p, xTruncate)(REAL(p), n);
}
static int fileSync(sqlite3_file *p, int flags){
  (void)flags;                  /* the machine itself stays up                */
  tick();
  forget((File*)p);
  return SQLITE_OK;
}
static int fileFileSize(sqlite3_file *p, sqlite3_int64 *pn){
  return CALL(p, xFileSize)(REAL(p), pn);
}
static int fileLock(sqlite3_file *p, int e){
  return CALL(p, xLock)(REAL(p), e);
}
static int fileUnlock(sqlite3_file *p, int e){
  return CALL(p, xUnlock)(REAL(p), e);
}
static int fileCheckReservedLock(sqlite3_file *p, int *pb){
  return CALL(p, xCheckReservedLock)(REAL(p), pb);
}
static int fileControl(sqlite3_file *p, int op, void *pArg){
  return CALL(p, xFileControl)(REAL(p), op, pArg);
}
static int fileSectorSize(sqlite3_file *p){
  return CALL(p, xSectorSize)(REAL(p));
}
static int fileCharacteristics(sqlite3_file *p){
  return CALL(p, xDeviceCharacteristics)(REAL(p));
}
static int fileShmMap(sqlite3_file *p, int i, int n, int b, void volatile **pp){
  return CALL(p, xShmMap)(REAL(p), i, n, b, pp);
}
static int fileShmLock(sqlite3_file *p, int i, int n, int flags){
  return CALL(p, xShmLock)(REAL(p), i, n, flags);
}
static void fileShmBarrier(sqlite3_file *p){
  CALL(p, xShmBarrier)(REAL(p));
}
static int fileShmUnmap(sqlite3_file *p, int b){
  return CALL(p, xShmUnmap)(REAL(p), b);
}
static const sqlite3_io_methods fileMethods = {
  2, fileClose, fileRead, fileWrite, fileTruncate, fileSync, fileFileSize,
  fileLock, fileUnlock, fileCheckReservedLock, fileControl, fileSectorSize,
  fileCharacteristics, fileShmMap, fileShmLock, fileShmBarrier, fileShmUnmap,
  0, 0
};

static int vfsOpen(
  sqlite3_vfs *pVfs, const char *zName, sqlite3_file *pFile, int flags,
  int *pFlags
){
  File *p = (File*)pFile;
  int rc;
  (void)pVfs;
  memset(p, 0, sizeof(*p));
  p->pReal = (sqlite3_file*)&p[1];
  rc = pRealVfs->xOpen(pRealVfs, zName, p->pReal, flags, pFlags);
  if( p->pReal->pMethods ){
    p->base.pMethods = &fileMethods;
    p->pNext = pFiles;
    pFiles = p;
  }
  return rc;
}
static int vfsDelete(sqlite3_vfs *pVfs, const char *zName, int bSync){
  (void)pVfs;
  tick();
  return pRealVfs->xDelete(pRealVfs, zName, bSync);
}

static void installVfs(void){
  pRealVfs = sqlite3_vfs_find(0);
  vfs = *pRealVfs;
  vfs.pNext = 0;
  vfs.zName = "power";
  vfs.szOsFile = (int)sizeof(File) + pRealVfs->szOsFile;
  vfs.xOpen = vfsOpen;
  vfs.xDelete = vfsDelete;
  sqlite3_vfs_register(&vfs, 0);
}

/* -------------------------------------------------------------- the test -- */

static int nFail = 0, nPass = 0, nLost = 0;

static sqlite3 *openFile(const char *zFile, const char *zVfs){
  sqlite3 *db = 0;
  if( sqlite3_open_v2(zFile, &db,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, zVfs)
   || sqlite3_orm_init(db, 0, 0)
  ){
    printf("! cannot open: %s\n", sqlite3_errmsg(db));
    exit(1);
  }
  return db;
}

static int run(sqlite3 *db, const char *zSql){
  char *zErr = 0;
  int rc = sqlite3_exec(db, zSql, 0, 0, &zErr);
  if( rc ) printf("! %s: %s\n", zSql, zErr);
  sqlite3_free(zErr);
  return rc;
}

static long number(sqlite3 *db, const char *zSql){
  sqlite3_stmt *pStmt = 0;
  long n = -1;
  if( sqlite3_prepare_v2(db, zSql, -1, &pStmt, 0)==SQLITE_OK
   && sqlite3_step(pStmt)==SQLITE_ROW
  ){
    n = (long)sqlite3_column_int64(pStmt, 0);
  }else{
    printf("! %s: %s\n", zSql, sqlite3_errmsg(db));
  }
  sqlite3_finalize(pStmt);
  return n;
}

static void make(const char *zFile, const char *zMode){
  char zSql[100];
  sqlite3 *db = openFile(zFile, 0);
  snprintf(zSql, sizeof(zSql), "PRAGMA journal_mode=%s", zMode);
  run(db, zSql);
  run(db, "CREATE TABLE author(id INTEGER PRIMARY KEY, name TEXT UNIQUE);"
      "CREATE TABLE book(id INTEGER PRIMARY KEY, title TEXT NOT NULL,"
      " author_id INTEGER NOT NULL REFERENCES author(id) ON DELETE CASCADE);"
      "CREATE INDEX book_author ON book(author_id);"
      "SELECT orm_reflect();");
  sqlite3_close(db);
}

/* The child: graph i is written, graph i-3 changed, graph i-5 deleted; the
** number of statements acknowledged goes down the pipe. */
static void child(const char *zFile, int fdPipe, int iFirst){
  char zSql[400];
  sqlite3 *db = openFile(zFile, "power");
  run(db, "PRAGMA synchronous=FULL; PRAGMA cache_size=5;");
  for(int i=iFirst; i<iFirst+60; i++){
    snprintf(zSql, sizeof(zSql),
        "INSERT INTO orm_object(model, object) VALUES ('author', '{\"id\": %d,"
        " \"name\": \"%d %0150d\", \"book\": [{\"title\": \"a\"},"
        " {\"title\": \"b\"}, {\"title\": \"c\"}]}')", i, i, i);
    if( run(db, zSql) ) _exit(1);
    if( write(fdPipe, &i, sizeof(i))!=sizeof(i) ) _exit(1);
    if( i%5==0 && i>iFirst+5 ){
      int iGone = -(i - 5);
      snprintf(zSql, sizeof(zSql), "DELETE FROM orm_object"
               " WHERE model='author' AND key=%d", i - 5);
      if( run(db, zSql) ) _exit(1);
      if( write(fdPipe, &iGone, sizeof(iGone))!=sizeof(iGone) ) _exit(1);
    }
  }
  sqlite3_close(db);
  _exit(0);
}

static void expect(int bOk, const char *zWhat, int iRound){
  if( bOk ){
    nPass++;
  }else{
    printf("! round %d: %s\n", iRound, zWhat);
    nFail++;
  }
}

static void round_(const char *zFile, int iRound, int iPower){
  int aFd[2], i, iLast = 0, nStatus = 0;
  int iFirst = iRound*1000 + 1000;
  pid_t pid;
  sqlite3 *db;
  char zSql[200];
  if( pipe(aFd) ) exit(1);
  fflush(stdout);
  pid = fork();
  if( pid==0 ){
    close(aFd[0]);
    nLeft = iPower;
    srand((unsigned)(iRound*7919 + iPower));
    child(zFile, aFd[1], iFirst);
  }
  close(aFd[1]);
  waitpid(pid, &nStatus, 0);
  expect(WIFEXITED(nStatus) && WEXITSTATUS(nStatus)!=1, "the child failed",
         iRound);
  if( WIFEXITED(nStatus) && WEXITSTATUS(nStatus)==9 ) nLost++;
  db = openFile(zFile, 0);
  expect(number(db, "SELECT integrity_check='ok' FROM pragma_integrity_check")
         ==1, "integrity_check", iRound);
  expect(number(db, "SELECT count(*) FROM orm_object('author',"
      " '{\"where\": {\"not\": {\"_count\": {\"book\": 3}}}}')")==0,
      "half a graph", iRound);
  expect(number(db, "SELECT count(*) FROM book WHERE author_id NOT IN"
      " (SELECT id FROM author)")==0, "books without an author", iRound);
  while( read(aFd[0], &i, sizeof(i))==sizeof(i) ){
    snprintf(zSql, sizeof(zSql), "SELECT count(*) FROM author WHERE id=%d",
             abs(i));
    /* The write after the last acknowledged one may have got through. */
    if( i<0 ){
      expect(number(db, zSql)==0, "deleted, and there again", iRound);
    }else{
      iLast = i;
      expect(number(db, zSql)==1 || i%5==0, "acknowledged, and lost", iRound);
    }
  }
  snprintf(zSql, sizeof(zSql), "SELECT count(*) FROM author WHERE id>%d",
           (iLast ? iLast : iFirst - 1) + 1);
  expect(number(db, zSql)==0, "never written, and there", iRound);
  close(aFd[0]);
  sqlite3_close(db);
}

int main(int argc, char **argv){
  const char *zFile = argc>1 ? argv[1] : "power.db";
  const char *zMode = argc>2 ? argv[2] : "delete";
  int nRound = argc>3 ? atoi(argv[3]) : 50;
  unsigned iSeed = argc>4 ? (unsigned)atoi(argv[4]) : 1;
  sqlite3_initialize();
  installVfs();
  make(zFile, zMode);
  srand(iSeed);
  for(int i=0; i<nRound; i++){
    unsigned iNext = (unsigned)rand();
    round_(zFile, i, (int)(iNext%600));
    srand(iNext);
  }
  expect(nLost*2>nRound, "the power went too seldom", nRound);
  printf("%d passed, %d failed\n", nPass, nFail);
  return nFail>0;
}
