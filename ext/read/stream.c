/*
** Streams: the root's rows one by one.
**
** Where objects include others, rows are stepped in batches that grow (the
** first row comes soon, later ones cheaply), and what a batch includes is
** loaded for it at once; so memory holds one batch, whatever the result is.
** Objects without includes are written straight from the row that the
** statement is on, and where nobody wants objects only keys are read.
*/
#include "load.h"

#define BATCH_FIRST 64
#define BATCH_MAX   4096
#define BATCH_BYTES 4000000     /* a batch is full when its text is this long */

enum { MODE_BATCH, MODE_DIRECT, MODE_KEYS };

struct OrmStream {
  Orm *pOrm;
  OrmPlan *pPlan;
  OrmStmt *pStmt;
  OrmFetch *pFetch;             /* that it is of; 0: of a key                 */
  i64 nRow;                     /* rows that were stepped                     */
  int mWant;
  u8 eMode;                     /* MODE_*                                     */
  u8 bEof;                      /* the statement is done                      */
  u8 bDone;                     /* so are the rows                            */
  u8 bLoaded;                   /* what the batch includes is there           */
  int nBatch;                   /* rows of the next batch                     */
  int iRow;                     /* of the batch                               */
  int nVal;                     /* values before the order's                  */
  int nCol;                     /* and with them                              */
  i64 nValAlloc;
  sqlite3_value **apVal;        /* of the statement's row                     */
  struct OrmBind aKey[ORM_MAX_KEY];          /* the same, where not in batches*/
  OrmArena keys;                /* values bound to the statement              */
  OrmBuf object;                /* text of the present row                    */
  i64 nOrderAlloc;
  struct OrmBind *aOrder;       /* order values of the batch, or of the row   */
};

/* A stream without a statement. */
static OrmStream *streamNew(Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan, int mWant){
  OrmLevel *pRoot = pPlan->pRoot;
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
  p->eMode = pRoot->pChild==0 && !pRoot->bLate ? MODE_DIRECT : MODE_BATCH;
  if( (mWant & ORM_STREAM_OBJECT)==0 ) p->eMode = MODE_KEYS;
  p->nVal = p->eMode==MODE_KEYS ? pPlan->pModel->nKey
                                : pRoot->nPart + pRoot->nExtra;
  p->nCol = p->nVal;
  if( mWant & ORM_STREAM_CURSOR ) p->nCol += pPlan->pQuery->nOrder;
  p->nBatch = BATCH_FIRST;
  p->iRow = -1;
  ormBufInit(&p->object, &pPlan->err);
  ormArenaInit(&p->keys, &pPlan->err);
  ormGrow(&pPlan->err, &p->apVal, &p->nValAlloc, p->nCol + 1,
          sizeof(*p->apVal));
  ormLevelReset(pRoot, 0);
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
  int eFetch;
  if( p==0 ) return 0;
  eFetch = p->eMode==MODE_KEYS ? ORM_FETCH_PULL_KEYS : ORM_FETCH_PULL;
  p->pStmt = ormFetchTake(pPlan->pRoot, eFetch);
  p->pFetch = &pPlan->pRoot->aFetch[eFetch];
  return streamReady(p, pErr);
}

OrmStream *ormStreamOpenKey(
  Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan, int mWant, sqlite3_value *pKey
){
  OrmStream *p = streamNew(pOrm, pErr, pPlan, mWant | ORM_STREAM_OBJECT);
  OrmSql sql;
  if( p==0 ) return 0;
  ormSqlInit(&sql, pOrm, &p->keys, 2);
  p->pStmt = ormKeyedTake(pPlan->pRoot, &sql, pKey, 1);
  ormSqlFree(&sql);
  return streamReady(p, pErr);
}

OrmStream *ormStreamOpen(Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan){
  return ormStreamOpenFor(pOrm, pErr, pPlan,
                          ORM_STREAM_OBJECT | ORM_STREAM_CURSOR);
}

void ormStreamExpect(OrmStream *p, i64 nRow){
  assert( p->iRow<0 );
  if( nRow>0 && nRow<BATCH_MAX ) p->nBatch = (int)nRow;
}

void ormStreamClose(OrmStream *p){
  if( p==0 ) return;
  ormFetchGive(p->pPlan->pRoot, p->pStmt);
  ormErrClear(&p->pPlan->err);
  ormLevelReset(p->pPlan->pRoot, 0);
  ormArenaFree(&p->pPlan->run);
  ormArenaFree(&p->keys);
  sqlite3_free(p->apVal);
  sqlite3_free(p->aOrder);
  ormBufFree(&p->object);
  sqlite3_free(p);
}

/* The statement is done: go on with the next one. */
static int streamMore(OrmStream *p){
  OrmLevel *pRoot = p->pPlan->pRoot;
  OrmStmt *pStmt = 0;
  if( p->pFetch ) pStmt = ormFetchMore(pRoot, &p->pFetch, p->nRow);
  if( pStmt==0 ) return 0;
  ormFetchGive(pRoot, p->pStmt);
  p->pStmt = pStmt;
  return 1;
}

/* The next row of the statement: 1 and its values. */
static int streamStep(OrmStream *p){
  while( !ormStmtStep(p->pOrm, &p->pPlan->err, p->pStmt) ){
    if( streamMore(p) ) continue;
    p->bEof = 1;
    return 0;
  }
  p->nRow++;
  for(int i=0; i<p->nCol; i++){
    p->apVal[i] = sqlite3_column_value(p->pStmt->p, i);
  }
  return 1;
}

/* Keep the row that the statement is on. */
static void batchRow(OrmStream *p){
  OrmLevel *pRoot = p->pPlan->pRoot;
  int n = p->nCol - p->nVal;
  i64 iFirst = (i64)n*pRoot->nRow;
  if( n && !ormGrow(&p->pPlan->err, &p->aOrder, &p->nOrderAlloc, iFirst + n,
                    sizeof(*p->aOrder)) ) return;
  for(int i=0; i<n; i++){
    ormKeepValue(p->pPlan, &p->aOrder[iFirst + i], p->apVal[p->nVal + i]);
  }
  ormLevelAddRow(pRoot, p->apVal, -1);
}

/* The next batch and what it includes. */
static void batchNext(OrmStream *p){
  OrmPlan *pPlan = p->pPlan;
  OrmLevel *pRoot = pPlan->pRoot;
  int n = 0;
  ormLevelReset(pRoot, 0);
  ormArenaFree(&pPlan->run);
  while( n<p->nBatch && pRoot->nByte<BATCH_BYTES && streamStep(p) ){
    batchRow(p);
    n++;
  }
  if( p->nBatch<BATCH_FIRST ) p->nBatch = BATCH_FIRST;
  else if( p->nBatch<BATCH_MAX ) p->nBatch *= 8;
  pRoot->bDistinct = 1;
  if( pRoot->nRow>0 ) ormLevelChildren(pRoot, 0, pRoot->nRow);
  p->iRow = 0;
}

/* The values of the key, where the statement's row has them. */
static void viewKey(OrmStream *p){
  const OrmLevel *pRoot = p->pPlan->pRoot;
  const OrmSlot *pSlot = &pRoot->aSlot[pRoot->iKeySlot];
  for(int i=0; i<pSlot->n; i++){
    int iVal = p->eMode==MODE_KEYS ? i : pSlot->aVal[i];
    ormViewValue(&p->aKey[i], p->apVal[iVal]);
  }
}

int ormStreamNext(OrmStream *p, OrmErr *pErr){
  if( pErr->rc || ORM_NEVER(p->bDone) ) return 0;
  p->object.n = 0;
  if( p->eMode!=MODE_BATCH ){
    p->bDone = !streamStep(p);
    if( !p->bDone ) viewKey(p);
  }else if( ++p->iRow>=p->pPlan->pRoot->nRow ){
    if( !p->bEof ) batchNext(p);
    p->bDone = p->iRow>=p->pPlan->pRoot->nRow;
  }
  if( p->pPlan->err.rc ){
    ormPlanLeave(p->pPlan, pErr);
    p->bDone = 1;
  }
  return !p->bDone;
}

/* Objects were not wanted, but here one is: by its key, with a plan of its
** own. */
static void keepObject(void *pArg, int i, const char *z, i64 n){
  ORM_UNUSED(i);
  ormBufAdd((OrmBuf*)pArg, z, n);
}

static void objectByKey(OrmStream *p){
  OrmPlan *pPlan = p->pPlan;
  OrmPlan *pOther = ormPlanGet(p->pOrm, &pPlan->err, pPlan->pModel,
      pPlan->zQuery, pPlan->nQuery, pPlan->mParts);
  OrmKeys keys;
  if( pOther==0 ) return;
  memset(&keys, 0, sizeof(keys));
  keys.nCol = pPlan->pModel->nKey;
  keys.nKey = 1;
  keys.aBind = p->aKey;
  ormLoadEach(p->pOrm, &pPlan->err, pOther, &keys, keepObject, &p->object);
  ormPlanRelease(p->pOrm, pOther);
  /* A row whose key is NULL is not found by it. */
  if( p->object.n==0 ) ormBufAdd(&p->object, "null", 4);
}

const char *ormStreamObject(OrmStream *p, OrmErr *pErr, i64 *pn){
  OrmLevel *pRoot = p->pPlan->pRoot;
  const char *z;
  if( p->object.n>0 ){
  }else if( p->eMode==MODE_BATCH ){
    ormObjectText(pRoot, p->iRow, &p->object);
  }else if( p->eMode==MODE_DIRECT ){
    ormObjectFields(pRoot, &p->object, p->apVal);
    ormBufChar(&p->object, '}');
  }else{
    objectByKey(p);
  }
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
  if( p->eMode!=MODE_BATCH ) return p->aKey;
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

const struct OrmBind *ormStreamOrder(OrmStream *p){
  int n = p->nCol - p->nVal;
  assert( p->mWant & ORM_STREAM_CURSOR );
  if( p->eMode==MODE_BATCH ) return &p->aOrder[(i64)p->iRow*n];
  if( !ormGrow(&p->pPlan->err, &p->aOrder, &p->nOrderAlloc, n,
               sizeof(*p->aOrder)) ) return 0;
  for(int i=0; i<n; i++){
    ormBindView(&p->pPlan->err, &p->aOrder[i], p->apVal[p->nVal + i]);
  }
  return p->aOrder;
}

void ormStreamCursor(OrmStream *p, OrmErr *pErr, OrmBuf *pBuf){
  const struct OrmBind *a = ormStreamOrder(p);
  assert( pErr->rc==SQLITE_OK );
  ormPlanLeave(p->pPlan, pErr);
  if( pErr->rc==SQLITE_OK ) ormCursorText(pBuf, p->pPlan->pQuery, a);
}
