/*
** Streams: the root's rows one by one.  They are stepped in batches that grow
** (the first row comes soon, later ones cheaply), and what a batch includes is
** loaded for it at once; so memory holds one batch, whatever the result is.
**
*/
#include "load.h"

#define BATCH_FIRST 64
#define BATCH_MAX   4096
#define BATCH_BYTES 4000000     /* a batch is full when its text is this long */

struct OrmStream {
  Orm *pOrm;
  OrmPlan *pPlan;
  OrmStmt *pStmt;
  int mWant;
  int nBatch;                   /* rows of the next batch                     */
  int iRow;                     /* the row it is on, in the order given       */
  u8 bEof;                      /* the statement is done                      */
  u8 bDone;                     /* so are the rows                            */
  u8 bLoaded;                   /* what the batch includes is there           */
  i64 nValAlloc;
  sqlite3_value **apVal;        /* of the statement's row                     */
  OrmArena keys;                /* values bound to the statement              */
  OrmBuf object;                /* text of the present row                    */
  OrmBuf cursor;                /* cursor texts of the batch                  */
  i64 nEndAlloc; i64 *aEnd;     /* where each ends                            */
};

/* A stream without a statement. */
static OrmStream *streamNew(Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan, int mWant){
  OrmStream *p;
  if( pErr->rc ) return 0;
  p = sqlite3_malloc64(sizeof(*p));
  if( p==0 ){
    ormErrOom(pErr);
    return 0;
  }
  memset(p, 0, sizeof(*p));
  p->pOrm = pOrm;
  p->pPlan = pPlan;
  p->mWant = mWant;
  p->nBatch = BATCH_FIRST;
  p->iRow = -1;
  ormBufInit(&p->object, &pPlan->err);
  ormBufInit(&p->cursor, &pPlan->err);
  ormLevelReset(pPlan->pRoot, 0);
  return p;
}

/* The stream with its statement, or 0 and the error. */
static OrmStream *streamReady(OrmStream *p, OrmErr *pErr){
  ormPlanLeave(p->pPlan, pErr);
  if( pErr->rc==SQLITE_OK ) return p;
  ormStreamClose(p);
  return 0;
}

OrmStream *ormStreamOpenFor(Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan, int mWant){
  OrmStream *p = streamNew(pOrm, pErr, pPlan, mWant);
  if( p==0 ) return 0;
  p->pStmt = ormFetchTake(pPlan->pRoot, ORM_FETCH_PULL);
  return streamReady(p, pErr);
}

OrmStream *ormStreamOpenKey(
  Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan, int mWant, sqlite3_value *pKey
){
  OrmStream *p = streamNew(pOrm, pErr, pPlan, mWant);
  OrmSql sql;
  if( p==0 ) return 0;
  ormArenaInit(&p->keys, &pPlan->err);
  ormSqlInit(&sql, pOrm, &p->keys, 2);
  p->pStmt = ormKeyedTake(pPlan->pRoot, &sql, pKey, 1);
  ormSqlFree(&sql);
  return streamReady(p, pErr);
}

OrmStream *ormStreamOpen(Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan){
  return ormStreamOpenFor(pOrm, pErr, pPlan,
                          ORM_STREAM_OBJECT | ORM_STREAM_CURSOR);
}

void ormStreamClose(OrmStream *p){
  if( p==0 ) return;
  ormFetchGive(p->pPlan->pRoot, p->pStmt);
  ormErrClear(&p->pPlan->err);
  ormLevelReset(p->pPlan->pRoot, 0);
  ormArenaFree(&p->pPlan->run);
  ormArenaFree(&p->keys);
  sqlite3_free(p->apVal);
  sqlite3_free(p->aEnd);
  ormBufFree(&p->object);
  ormBufFree(&p->cursor);
  sqlite3_free(p);
}

/* Keep the row that the statement is on. */
static void streamRow(OrmStream *p){
  OrmLevel *pRoot = p->pPlan->pRoot;
  OrmErr *pErr = &p->pPlan->err;
  int nVal = pRoot->nPart + pRoot->nExtra;
  int nCol = nVal;
  if( p->mWant & ORM_STREAM_CURSOR ) nCol += p->pPlan->pQuery->nOrder;
  if( !ormGrow(pErr, &p->apVal, &p->nValAlloc, nCol + 1, sizeof(*p->apVal)) ){
    return;
  }
  for(int i=0; i<nCol; i++) p->apVal[i] = sqlite3_column_value(p->pStmt->p, i);
  if( p->mWant & ORM_STREAM_CURSOR ){
    if( !ormGrow(pErr, &p->aEnd, &p->nEndAlloc, pRoot->nRow + 1, sizeof(i64)) ){
      return;
    }
    ormCursorText(&p->cursor, p->pPlan->pQuery, &p->apVal[nVal]);
    p->aEnd[pRoot->nRow] = p->cursor.n;
  }
  ormLevelAddRow(pRoot, p->apVal, -1);
}

/* Load what the batch includes. */
static void streamLoad(OrmStream *p){
  OrmLevel *pRoot = p->pPlan->pRoot;
  if( pRoot->nRow>0 ) ormLevelChildren(pRoot, 0, pRoot->nRow);
  p->bLoaded = 1;
}

/* The next batch and, if objects are wanted, what it includes. */
static void streamBatch(OrmStream *p){
  OrmPlan *pPlan = p->pPlan;
  OrmLevel *pRoot = pPlan->pRoot;
  int n = 0;
  ormLevelReset(pRoot, 0);
  ormArenaFree(&pPlan->run);
  ormBufReset(&p->cursor);
  while( n<p->nBatch && pRoot->nByte<BATCH_BYTES ){
    if( !ormStmtStep(p->pOrm, &pPlan->err, p->pStmt) ){
      p->bEof = 1;
      break;
    }
    streamRow(p);
    n++;
  }
  if( p->nBatch<BATCH_MAX ) p->nBatch *= 8;
  pRoot->bDistinct = 1;
  p->bLoaded = 0;
  if( p->mWant & ORM_STREAM_OBJECT ) streamLoad(p);
  p->iRow = 0;
}

int ormStreamNext(OrmStream *p, OrmErr *pErr){
  if( pErr->rc || p->bDone ) return 0;
  if( ++p->iRow>=p->pPlan->pRoot->nRow ){
    if( !p->bEof ) streamBatch(p);
    p->bDone = p->iRow>=p->pPlan->pRoot->nRow;
  }
  if( p->pPlan->err.rc ){
    ormPlanLeave(p->pPlan, pErr);
    p->bDone = 1;
  }
  p->object.n = 0;
  return !p->bDone;
}

const char *ormStreamObject(OrmStream *p, OrmErr *pErr, i64 *pn){
  const char *z;
  if( !p->bLoaded ) streamLoad(p);
  if( p->object.n==0 ) ormObjectText(p->pPlan->pRoot, p->iRow, &p->object);
  z = ormBufText(&p->object);
  *pn = p->object.n;
  if( p->pPlan->err.rc==SQLITE_OK ) return z;
  ormPlanLeave(p->pPlan, pErr);
  *pn = 0;
  return 0;
}

int ormStreamKeyCount(OrmStream *p){
  return p->pPlan->pModel->nKey;
}

const struct OrmBind *ormStreamKeyValues(OrmStream *p){
  const OrmLevel *pRoot = p->pPlan->pRoot;
  const OrmSlot *pSlot = &pRoot->aSlot[pRoot->iKeySlot];
  return &pSlot->a[(i64)p->iRow*pSlot->n];
}

static void keyJson(OrmBuf *pBuf, const struct OrmBind *p){
  switch( p->eType ){
    case SQLITE_INTEGER: ormJsonInt(pBuf, p->u.i);            break;
    case SQLITE_FLOAT:   ormJsonReal(pBuf, p->u.r);           break;
    case SQLITE_TEXT:    ormJsonString(pBuf, p->u.z, p->n);   break;
    case SQLITE_BLOB:    ormJsonBlob(pBuf, p->u.z, p->n);     break;
    default:             ormBufAdd(pBuf, "null", 4);          break;
  }
}

void ormStreamKey(OrmStream *p, OrmBuf *pBuf){
  const struct OrmBind *a = ormStreamKeyValues(p);
  int n = p->pPlan->pModel->nKey;
  if( n>1 ) ormBufChar(pBuf, '[');
  for(int i=0; i<n; i++){
    if( i ) ormBufChar(pBuf, ',');
    keyJson(pBuf, &a[i]);
  }
  if( n>1 ) ormBufChar(pBuf, ']');
}

void ormStreamCursor(OrmStream *p, OrmErr *pErr, OrmBuf *pBuf){
  int i = p->iRow;
  i64 iStart = i>0 ? p->aEnd[i-1] : 0;
  if( pErr->rc ) return;
  assert( p->mWant & ORM_STREAM_CURSOR );
  ormBufAdd(pBuf, &p->cursor.z[iStart], p->aEnd[i] - iStart);
}
