/*
** Prepared statements: cached by their text, on loan, logged.
**
** The cache holds idle statements only.  Taking one removes it, so whoever
** asks for the same text meanwhile gets another; giving it back makes it the
** newest, and beyond CACHE_MAX the oldest is finalized.  Every statement in
** the cache is reset, and nothing but numbers is bound to it.
**
** The log is kept per text.  It costs nothing while it is off: a statement
** remembers at the loan whether it is to be timed.
*/
#include "../orm_int.h"
#include <stdarg.h>
#ifdef _WIN32
# define WIN32_LEAN_AND_MEAN
# include <windows.h>
#else
# include <time.h>
#endif

#define CACHE_MAX  200
#define N_BUCKET   256

struct OrmStmtCache {
  int n;                        /* statements held                            */
  OrmStmt *pNewest, *pOldest;
  OrmStmt *apHash[N_BUCKET];
  OrmLogEntry *pLog, *pLogLast; /* in the order of their id                   */
  i64 iLogId;                   /* of the newest entry so far                 */
  OrmLogEntry lost;             /* of all runs that had no memory for one     */
};

i64 ormNano(void){
#ifdef _WIN32
  LARGE_INTEGER n, f;           /* ticks, ticks a second                      */
  QueryPerformanceCounter(&n);
  QueryPerformanceFrequency(&f);
  return n.QuadPart/f.QuadPart*1000000000
       + n.QuadPart%f.QuadPart*1000000000/f.QuadPart;
#else
  struct timespec t;
  timespec_get(&t, TIME_UTC);
  return (i64)t.tv_sec*1000000000 + (i64)t.tv_nsec;
#endif
}

/* ------------------------------------------------------------ the cache -- */

u64 ormStmtHash(const char *z, i64 n){
  u64 h = (u64)n * 0x9e3779b97f4a7c15u;
  for(; n>=8; n-=8, z+=8){
    u64 w;
    memcpy(&w, z, 8);
    h = (h ^ w) * 0xff51afd7ed558ccdu;
    h ^= h>>32;
  }
  for(; n>0; n--, z++) h = (h ^ (u8)*z) * 0x100000001b3u;
  return h ^ (h>>29);
}

/* Take p out of the hash chain and the list of ages. */
static void cacheUnlink(OrmStmtCache *pCache, OrmStmt *p){
  OrmStmt **pp = &pCache->apHash[p->iHash % N_BUCKET];
  while( *pp!=p ) pp = &(*pp)->pHashNext;
  *pp = p->pHashNext;
  if( p->pNewer ) p->pNewer->pOlder = p->pOlder;
  else pCache->pNewest = p->pOlder;
  if( p->pOlder ) p->pOlder->pNewer = p->pNewer;
  else pCache->pOldest = p->pNewer;
  pCache->n--;
}

static void cacheLink(OrmStmtCache *pCache, OrmStmt *p){
  OrmStmt **pp = &pCache->apHash[p->iHash % N_BUCKET];
  p->pHashNext = *pp;
  *pp = p;
  p->pNewer = 0;
  p->pOlder = pCache->pNewest;
  if( p->pOlder ) p->pOlder->pNewer = p;
  else pCache->pOldest = p;
  pCache->pNewest = p;
  pCache->n++;
}

static OrmStmt *cacheFind(
  OrmStmtCache *pCache, const char *zSql, i64 nSql, u64 iHash
){
  OrmStmt *p = pCache->apHash[iHash % N_BUCKET];
  for(; p; p=p->pHashNext){
    if( p->nSql==nSql && p->iHash==iHash
     && memcmp(p->zSql, zSql, (size_t)nSql)==0 ){
      cacheUnlink(pCache, p);
      return p;
    }
  }
  return 0;
}

static void stmtFree(OrmStmt *p){
  sqlite3_finalize(p->p);
  sqlite3_free(p);
}

/* An empty cache; 0 if out of memory. */
OrmStmtCache *ormStmtCacheNew(void){
  OrmStmtCache *p = sqlite3_malloc64(sizeof(*p));
  if( p ) memset(p, 0, sizeof(*p));
  return p;
}

static void entryFree(OrmStmtCache *p, OrmLogEntry *pEntry){
  if( pEntry==&p->lost ) memset(pEntry, 0, sizeof(*pEntry));
  else sqlite3_free(pEntry);
}

static void logFree(OrmStmtCache *p){
  while( p->pLog ){
    OrmLogEntry *pEntry = p->pLog;
    p->pLog = pEntry->pNext;
    entryFree(p, pEntry);
  }
  p->pLogLast = 0;
}

/* Statements that are on loan now are finalized when they are given back. */
void ormStmtCacheFree(OrmStmtCache *p){
  while( p->pNewest ){
    OrmStmt *pStmt = p->pNewest;
    cacheUnlink(p, pStmt);
    stmtFree(pStmt);
  }
  logFree(p);
  sqlite3_free(p);
}

/* ------------------------------------------------------------- the loan -- */

/* Why a statement could not be prepared.  A table of the file that hides our
** list of keys is the one reason that the text itself cannot tell. */
static void stmtError(Orm *pOrm, OrmErr *pErr, int rc){
  if( strstr(sqlite3_errmsg(pOrm->db), "'orm_keys' is not a function") ){
    ormErr(pErr, SQLITE_ERROR, "orm: a table or view of this file is named "
           "orm_keys, which hides orm's own: rename it");
  }else{
    ormErrDb(pErr, pOrm->db, rc);
  }
}

/* Prepare zSql[nSql]; 0 and the error. */
static OrmStmt *stmtNew(
  Orm *pOrm, OrmErr *pErr, const char *zSql, i64 nSql, u64 iHash
){
  int rc;
  OrmStmt *p;
  p = sqlite3_malloc64(sizeof(*p) + (u64)nSql);
  if( p==0 ){
    ormErrOom(pErr);
    return 0;
  }
  memset(p, 0, sizeof(*p));
  memcpy(p->zSql, zSql, (size_t)nSql);
  p->zSql[nSql] = 0;
  p->nSql = (int)nSql;
  p->iHash = iHash;
  p->bNew = 1;
  rc = sqlite3_prepare_v3(pOrm->db, p->zSql, p->nSql + 1,
                          SQLITE_PREPARE_PERSISTENT, &p->p, 0);
  if( rc!=SQLITE_OK ){
    stmtError(pOrm, pErr, rc);
    stmtFree(p);
    return 0;
  }
  p->nParam = sqlite3_bind_parameter_count(p->p);
  return p;
}

/* On loan from now on. */
static OrmStmt *lend(Orm *pOrm, OrmStmt *p){
  if( p && pOrm->aConfig[ORM_CONFIG_LOG] ){
    p->bLog = 1;
    p->nNano = 0;
    sqlite3_stmt_status(p->p, SQLITE_STMTSTATUS_FULLSCAN_STEP, 1);
  }
  return p;
}

OrmStmt *ormStmtTake(Orm *pOrm, OrmErr *pErr, const char *zSql, i64 nSql){
  OrmStmt *p;
  u64 iHash;
  if( pErr->rc!=SQLITE_OK || !ormContextEnsure(pOrm, pErr) ) return 0;
  if( nSql<0 ) nSql = (i64)strlen(zSql);
  iHash = ormStmtHash(zSql, nSql);
  if( pOrm->bDefer ) iHash = ~iHash;         /* they are compiled otherwise   */
  p = cacheFind(pOrm->pStmts, zSql, nSql, iHash);
  if( p==0 ) p = stmtNew(pOrm, pErr, zSql, nSql, iHash);
  return lend(pOrm, p);
}

OrmStmt *ormStmtTakeKept(Orm *pOrm, const char *zSql, i64 nSql, u64 iHash){
  if( pOrm->pStmts==0 ) return 0;
  return lend(pOrm, cacheFind(pOrm->pStmts, zSql, nSql, iHash));
}

OrmStmt *ormStmtTakeQuiet(Orm *pOrm, OrmErr *pErr, const char *zSql){
  OrmStmt *p = ormStmtTake(pOrm, pErr, zSql, -1);
  if( p ) p->bQuiet = 1;
  return p;
}

static OrmStmt *takeVa(
  Orm *pOrm, OrmErr *pErr, const char *zFormat, va_list ap
){
  OrmStmt *p;
  char *zSql;
  if( pErr->rc!=SQLITE_OK ) return 0;
  zSql = sqlite3_vmprintf(zFormat, ap);
  if( zSql==0 ){
    ormErrOom(pErr);
    return 0;
  }
  p = ormStmtTake(pOrm, pErr, zSql, -1);
  sqlite3_free(zSql);
  return p;
}

OrmStmt *ormStmtTakef(Orm *pOrm, OrmErr *pErr, const char *zFormat, ...){
  OrmStmt *p;
  va_list ap;
  va_start(ap, zFormat);
  p = takeVa(pOrm, pErr, zFormat, ap);
  va_end(ap);
  return p;
}

int ormStmtStep(Orm *pOrm, OrmErr *pErr, OrmStmt *p){
  int rc;
  i64 iStart = 0;
  if( p==0 || pErr->rc!=SQLITE_OK ) return 0;
  assert( p->nRow>0 || (p->mLeft & ~p->mBound)==0 );
  if( p->bLog ) iStart = ormNano();
  rc = sqlite3_step(p->p);
  if( p->bLog ) p->nNano += ormNano() - iStart;
  if( rc==SQLITE_ROW ){
    p->nRow++;
    return 1;
  }
  if( rc!=SQLITE_DONE ){
    p->bFailed = 1;
    ormErrDb(pErr, pOrm->db, rc);
  }
  return 0;
}

static void logRun(OrmStmtCache*, OrmStmt*);

static void unbind(OrmStmt *p){
  for(int i=1; p->mHeld && i<=p->nParam; i++){
    if( p->mHeld & ormStmtParam(i) ) sqlite3_bind_null(p->p, i);
  }
  p->mLeft = (p->mLeft | p->mBound) & ~p->mHeld;
  p->mBound = p->mHeld = 0;
}

void ormStmtGive(Orm *pOrm, OrmErr *pErr, OrmStmt *p){
  OrmStmtCache *pCache = pOrm->pStmts;
  int rc;
  if( p==0 ) return;
  rc = sqlite3_reset(p->p);
  if( rc!=SQLITE_OK && !p->bFailed ) ormErrDb(pErr, pOrm->db, rc);
  if( pCache==0 ){
    stmtFree(p);
    return;
  }
  unbind(p);
  if( p->bLog && !p->bQuiet ) logRun(pCache, p);
  p->nRow = 0;
  p->bNew = p->bFailed = p->bQuiet = p->bLog = 0;
  if( pCache->n>=CACHE_MAX ){
    OrmStmt *pOld = pCache->pOldest;
    cacheUnlink(pCache, pOld);
    stmtFree(pOld);
  }
  cacheLink(pCache, p);
}

void ormStmtExec(Orm *pOrm, OrmErr *pErr, const char *zSql){
  OrmStmt *p = ormStmtTake(pOrm, pErr, zSql, -1);
  while( ormStmtStep(pOrm, pErr, p) ){}
  ormStmtGive(pOrm, pErr, p);
}

void ormStmtExecf(Orm *pOrm, OrmErr *pErr, const char *zFormat, ...){
  OrmStmt *p;
  va_list ap;
  va_start(ap, zFormat);
  p = takeVa(pOrm, pErr, zFormat, ap);
  va_end(ap);
  while( ormStmtStep(pOrm, pErr, p) ){}
  ormStmtGive(pOrm, pErr, p);
}

/* -------------------------------------------------------------- the log -- */

static void logAdd(OrmStmtCache *pCache, OrmLogEntry *pEntry){
  pEntry->id = ++pCache->iLogId;
  if( pCache->pLogLast ) pCache->pLogLast->pNext = pEntry;
  else pCache->pLog = pEntry;
  pCache->pLogLast = pEntry;
}

/* The entry of p's text, made if there is none.  Without memory for it that of
** lost runs: a diagnostic aid must not make work fail that has succeeded. */
static OrmLogEntry *logEntry(OrmStmtCache *pCache, const OrmStmt *p){
  OrmLogEntry *pEntry;
  for(pEntry=pCache->pLog; pEntry; pEntry=pEntry->pNext){
    if( strcmp(pEntry->zSql, p->zSql)==0 ) return pEntry;
  }
  pEntry = sqlite3_malloc64(sizeof(*pEntry) + (u64)p->nSql);
  if( pEntry==0 ){
    if( pCache->lost.id==0 ) logAdd(pCache, &pCache->lost);
    return &pCache->lost;
  }
  memset(pEntry, 0, sizeof(*pEntry));
  memcpy(pEntry->zSql, p->zSql, (size_t)p->nSql + 1);
  logAdd(pCache, pEntry);
  return pEntry;
}

/* Add a run that is over.  A row of a statement that writes is a row written.
*/
static void logRun(OrmStmtCache *pCache, OrmStmt *p){
  OrmLogEntry *pEntry = logEntry(pCache, p);
  int nScan = sqlite3_stmt_status(p->p, SQLITE_STMTSTATUS_FULLSCAN_STEP, 1);
  pEntry->nRun++;
  pEntry->nRow += p->nRow;
  pEntry->nNano += p->nNano>0 ? p->nNano : 0;    /* a clock may be set back   */
  pEntry->nFullScan += nScan;
}

OrmLogEntry *ormLogAfter(Orm *pOrm, i64 id){
  OrmLogEntry *p = pOrm->pStmts ? pOrm->pStmts->pLog : 0;
  while( p && p->id<=id ) p = p->pNext;
  return p;
}

void ormLogDelete(Orm *pOrm, i64 id){
  OrmStmtCache *pCache = pOrm->pStmts;
  OrmLogEntry **pp, *p, *pBefore = 0;
  assert( pCache );             /* the entry that was read is in it           */
  for(pp=&pCache->pLog; (p = *pp)!=0 && p->id!=id; pp=&p->pNext) pBefore = p;
  if( p==0 ) return;
  *pp = p->pNext;
  if( pCache->pLogLast==p ) pCache->pLogLast = pBefore;
  entryFree(pCache, p);
}
