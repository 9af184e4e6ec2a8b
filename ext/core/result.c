/*
** The JSON results of functions, and their memory, which comes back for the
** next one: the kernel finds fresh memory page by page, and for a text of
** megabytes that takes as long as writing it.
**
** Such a text stands behind a head that says whose it is.  SQLite has it until
** its statement steps on or ends; the head counts as one that holds the state.
*/
#include "../orm_int.h"

#define SMALL       (64<<10)    /* memory that need not fit its text          */
#define KEEP_BYTES  (4<<20)     /* kept in any case; more if cache_size is    */
#define MOST_IDLE   100         /* results in a row that leave most unused    */

typedef struct Head Head;
struct Head {
  Orm *pOrm;
  i64 nAlloc;                   /* 0: not to be kept                          */
};
#define HEAD        16          /* bytes before the text, on any machine      */
_Static_assert(sizeof(Head)<=HEAD, "a head has room before its text");

#ifndef SQLITE_UTF8_ZT
# define SQLITE_UTF8_ZT 16      /* older headers do not have it              */
#endif

/* JSON has no NUL, so it can be handed over as terminated text, which is never
** copied to be terminated. */
static void jsonGive(sqlite3_context *pCtx, const char *z, i64 n,
                     sqlite3_destructor_type xFree){
  if( sqlite3_libversion_number()>=3053000 ){
    sqlite3_result_text64(pCtx, z, (u64)n, xFree, SQLITE_UTF8_ZT);
  }else{
    sqlite3_result_text(pCtx, z, -1, xFree);
  }
  sqlite3_result_subtype(pCtx, ORM_JSON_SUBTYPE);
}

void ormJsonResult(sqlite3_context *pCtx, OrmBuf *p){
  i64 n;
  char *z = ormBufTake(p, &n);
  if( p->pErr->rc!=SQLITE_OK ){
    sqlite3_free(z);
    ormErrResult(p->pErr, pCtx);
  }else{
    jsonGive(pCtx, z, n, sqlite3_free);
  }
}

/* ------------------------------------------------------------------------
** Memory that comes back
*/

/* Memory for the next result, unless there is more of it already. */
static void keep(Orm *pOrm, char *z, i64 nAlloc){
  if( nAlloc<=pOrm->nSpare ){
    sqlite3_free(z);
    return;
  }
  sqlite3_free(pOrm->zSpare);
  pOrm->zSpare = z;
  pOrm->nSpare = nAlloc;
}

void ormResultBegin(Orm *pOrm, OrmErr *pErr, OrmBuf *p){
  ormBufInit(p, pErr);
  p->z = pOrm->zSpare;
  p->nAlloc = pOrm->nSpare;
  p->n = HEAD;
  pOrm->zSpare = 0;
  pOrm->nSpare = 0;
}

void ormResultAhead(OrmBuf *p, i64 n){
  assert( p->n==HEAD );
  p->n = 0;                     /* there is no text to be copied              */
  ormBufAhead(p, HEAD + n);
  p->n = HEAD;
}

void ormResultEnd(Orm *pOrm, OrmBuf *p){
  if( p->pErr->rc==SQLITE_OK ){
    keep(pOrm, p->z, p->nAlloc);
    ormBufInit(p, p->pErr);
  }
  ormBufFree(p);                /* after an error, however much it is         */
}

static void giveBack(void *zText){
  char *z = (char*)zText - HEAD;
  Head head;
  memcpy(&head, z, sizeof(head));
  keep(head.pOrm, z, head.nAlloc);
  ormUnref(head.pOrm);
}

/* A pragma's value is read when it is prepared, so none can be cached. */
static i64 pragmaNumber(Orm *pOrm, const char *zSql){
  sqlite3_stmt *p = 0;
  i64 n = 0;
  if( sqlite3_prepare_v2(pOrm->db, zSql, -1, &p, 0)==SQLITE_OK
   && sqlite3_step(p)==SQLITE_ROW
  ){
    n = sqlite3_column_int64(p, 0);
  }
  sqlite3_finalize(p);
  return n;
}

/* May so much stay?  What it costs to ask is nothing beside such a text. */
static int mayKeep(Orm *pOrm, i64 nAlloc){
  i64 n;
  if( nAlloc<=KEEP_BYTES ) return 1;
  n = pragmaNumber(pOrm, "PRAGMA main.cache_size");
  n *= n<0 ? -1024 : pragmaNumber(pOrm, "PRAGMA main.page_size");
  return nAlloc<=n;
}

void ormResultGive(sqlite3_context *pCtx, Orm *pOrm, OrmBuf *p){
  const char *z = ormBufText(p);
  Head head;
  if( p->pErr->rc!=SQLITE_OK ){
    ormBufFree(p);
    ormErrResult(p->pErr, pCtx);
    return;
  }
  if( p->nAlloc>SMALL && p->n<p->nAlloc/4 ){
    jsonGive(pCtx, z + HEAD, p->n - HEAD, SQLITE_TRANSIENT);
    if( ++pOrm->nIdle<MOST_IDLE && mayKeep(pOrm, p->nAlloc) ) return;
    ormBufFree(p);              /* it was for one that was larger than most   */
    pOrm->nIdle = 0;
    return;
  }
  head.pOrm = pOrm;
  head.nAlloc = mayKeep(pOrm, p->nAlloc) ? p->nAlloc : 0;
  if( p->nAlloc>SMALL ) pOrm->nIdle = 0;
  memcpy(p->z, &head, sizeof(head));
  pOrm->nRef++;
  jsonGive(pCtx, z + HEAD, p->n - HEAD, giveBack);
  ormBufInit(p, p->pErr);
}
