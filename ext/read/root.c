/*
** The ways into a loaded plan: all objects, the first, one by key, those of a
** list of keys; and numbers and keys of the root's rows.
*/
#include "load.h"

#define WINDOW 4096             /* roots at once, where memory is short       */
#define MOST_AHEAD 100000000    /* bytes taken at once for a result           */
#define SLACK      4000         /* and more: short texts ask for six times,   */
#define LITTLE      500         /*   few of them where the result is short    */

typedef struct RootSink RootSink;
struct RootSink {
  OrmSink base;
  OrmLevel *p;
  OrmBuf *pOut;
};

static void sinkInit(RootSink *pSink, OrmLevel *p,
                     void (*xRow)(OrmSink*, int, sqlite3_value**)){
  memset(pSink, 0, sizeof(*pSink));
  pSink->base.xRow = xRow;
  pSink->base.pErr = &p->pPlan->err;
  pSink->p = p;
}

/* A row of the root, none of whose values says where it belongs. */
static void rowOfRoot(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  ORM_UNUSED(nVal);
  ormLevelAddRow(((RootSink*)pBase)->p, apVal, -1);
}

/* Does the root ask for all rows of its table? */
int ormRootIsWhole(const OrmLevel *p){
  const OrmQuery *pQuery = p->pQuery;
  return !p->bLimited && pQuery->pWhere==0 && pQuery->pAfter==0
      && pQuery->pBefore==0;
}

/* Run what finds the rows of the query. */
static void rootRun(OrmLevel *p, OrmSink *pSink){
  OrmFetch *pFetch = ormFetchGet(p, ORM_FETCH_ROOT);
  OrmStmt *pStmt = ormFetchTake(p, ORM_FETCH_ROOT);
  while( pStmt ){
    ormEmitRun(p->pPlan->pOrm, &p->pPlan->err, pStmt, pSink);
    ormFetchGive(p, pStmt);
    pStmt = ormFetchMore(p, &pFetch, pSink->nRow);
  }
}

/* The rows that the query asks for. */
static void rootRows(OrmLevel *p){
  RootSink sink;
  ormLevelReset(p, 0);
  sinkInit(&sink, p, rowOfRoot);
  rootRun(p, &sink.base);
  p->bDistinct = 1;
  p->bWhole = (u8)ormRootIsWhole(p);
}

/* Objects of the rows from iFirst on. */
static void rootObjects(OrmLevel *p, int iFirst, int nRow, OrmBuf *pOut){
  for(int i=iFirst; i<iFirst+nRow && p->pPlan->err.rc==SQLITE_OK; i++){
    if( i ) ormBufChar(pOut, ',');
    ormObjectText(p, i, pOut);
  }
}

/* What all rows include, at once; 0 if that is more than scan_memory. */
static int loadWhole(OrmLevel *p){
  OrmPlan *pPlan = p->pPlan;
  pPlan->nByteMax = pPlan->pOrm->aConfig[ORM_CONFIG_SCAN_MEMORY];
  pPlan->nByte = 0;
  ormLevelChildren(p, 0, p->nRow);
  pPlan->nByteMax = 0;
  if( !pPlan->bOverflow ) return 1;
  pPlan->bOverflow = 0;
  ormErrClear(&pPlan->err);
  return 0;
}

/* A row goes straight to the result, with what it includes, if anything, loaded
** already. */
static void rowOfResult(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  RootSink *pSink = (RootSink*)pBase;
  OrmBuf *pOut = pSink->pOut;
  ORM_UNUSED(nVal);
  ormObjectDirect(pSink->p, apVal, pBase->nRow>1, pOut);
  if( pOut->pErr->rc ) ormErrOom(pBase->pErr);
}

static i64 allDirect(OrmLevel *p, OrmBuf *pOut){
  RootSink sink;
  sinkInit(&sink, p, rowOfResult);
  sink.pOut = pOut;
  ormBufChar(pOut, '[');
  rootRun(p, &sink.base);
  if( sink.base.nRow>0 ) ormObjectDirectEnd(p, pOut);
  ormObjectClose(pOut);
  return sink.base.nRow;
}

/* The rows first, then what they include, then the objects. */
static i64 allLoaded(OrmLevel *p, OrmBuf *pOut){
  OrmPlan *pPlan = p->pPlan;
  rootRows(p);
  ormBufChar(pOut, '[');
  if( p->nRow==0 || loadWhole(p) ){
    rootObjects(p, 0, p->nRow, pOut);
  }else{
    pPlan->bNoScan = 1;
    for(int i=0; i<p->nRow; i+=WINDOW){
      int nPart = p->nRow - i<WINDOW ? p->nRow - i : WINDOW;
      ormLevelChildren(p, i, nPart);
      rootObjects(p, i, nPart, pOut);
    }
    pPlan->bNoScan = 0;
  }
  ormBufChar(pOut, ']');
  return p->nRow;
}

/* As much room for a result as the last one needed, */
static void resultBegin(OrmPlan *pPlan, OrmBuf *pOut){
  if( pPlan->nLast>0 ) ormResultAhead(pOut, pPlan->nLast);
}

/* which is known now. */
static void resultEnd(OrmPlan *pPlan, const OrmBuf *pOut){
  i64 nSlack = pOut->n + LITTLE;
  pPlan->nLast = pOut->n + pOut->n/8 + (nSlack<SLACK ? nSlack : SLACK);
  if( pPlan->nLast>MOST_AHEAD ) pPlan->nLast = MOST_AHEAD;
}

i64 ormLoadAll(Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan, OrmBuf *pOut){
  OrmLevel *p = pPlan->pRoot;
  i64 n;
  ORM_UNUSED(pOrm);
  assert( pErr->rc==SQLITE_OK );
  resultBegin(pPlan, pOut);
  if( ormDirectIs(p) && ormDirectLoad(p) ) n = allDirect(p, pOut);
  else n = allLoaded(p, pOut);
  resultEnd(pPlan, pOut);
  ormPlanLeave(pPlan, pErr);
  return n;
}

/* The object of the first row, which is all that is wanted of the root's. */
static void rootObject(OrmLevel *p, OrmBuf *pOut){
  OrmPlan *pPlan = p->pPlan;
  if( pPlan->err.rc ) return;
  resultBegin(pPlan, pOut);
  ormLoneObject(p, pOut);
  resultEnd(pPlan, pOut);
}

i64 ormLoadFirst(Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan, OrmBuf *pOut){
  OrmLevel *p = pPlan->pRoot;
  ORM_UNUSED(pOrm);
  assert( pErr->rc==SQLITE_OK );
  rootRows(p);
  if( p->nRow>0 ) rootObject(p, pOut);
  ormPlanLeave(pPlan, pErr);
  return p->nRow;
}

/* The statement for one object by a key in any form. */
OrmStmt *ormKeyedTake(OrmLevel *p, OrmSql *pSql, sqlite3_value *pKey,
                      int bPull){
  OrmPlan *pPlan = p->pPlan;
  OrmKeyRef key;
  OrmStmt *pStmt;
  if( !ormKeyParse(pPlan->pOrm, &key, &pSql->binds, p->pModel, pKey) ) return 0;
  ormFetchKeyed(p, pSql, &key, bPull);
  if( pPlan->err.rc ) return 0;
  pStmt = ormStmtTake(pPlan->pOrm, &pPlan->err, pSql->buf.z, pSql->buf.n);
  ormBindAll(&pPlan->err, pStmt, pSql->iFirst, &pSql->binds);
  return pStmt;
}

/* One object: an integer for a key of one column needs no parsing. */
static void rootOne(OrmLevel *p, sqlite3_value *pKey){
  OrmPlan *pPlan = p->pPlan;
  RootSink sink;
  OrmStmt *pStmt;
  OrmSql sql;
  int bPlain = p->pModel->nKey==1
            && sqlite3_value_type(pKey)==SQLITE_INTEGER;
  ormSqlInit(&sql, pPlan->pOrm, &pPlan->run, 2);
  sinkInit(&sink, p, rowOfRoot);
  if( bPlain ){
    pStmt = ormFetchTake(p, ORM_FETCH_ONE);
    ormBindIntTo(pStmt, 2, sqlite3_value_int64(pKey));
  }else{
    pStmt = ormKeyedTake(p, &sql, pKey, 0);
  }
  ormEmitRun(pPlan->pOrm, &pPlan->err, pStmt, &sink.base);
  ormFetchGive(p, pStmt);
  ormSqlFree(&sql);
}

int ormLoadOne(
  Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan, OrmModel *pModel,
  sqlite3_value *pKey, OrmBuf *pOut
){
  OrmLevel *p = pPlan->pRoot;
  int bFound;
  ORM_UNUSED(pOrm);
  assert( pErr->rc==SQLITE_OK );
  assert( pModel==pPlan->pModel );
  ORM_UNUSED(pModel);
  assert( p->nRow==0 );         /* as ormPlanRelease() left it                */
  rootOne(p, pKey);
  bFound = p->nRow>0;
  p->bDistinct = 1;
  if( bFound ) rootObject(p, pOut);
  ormPlanLeave(pPlan, pErr);
  return bFound && pErr->rc==SQLITE_OK;
}

/* A row of the root whose first value is the position of its key. */
static void rowOfRootKey(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  OrmLevel *p = ((RootSink*)pBase)->p;
  ORM_UNUSED(nVal);
  if( !ormGrow(&p->pPlan->err, &p->aMe, &p->nMeAlloc, p->nRow + 1,
               sizeof(int)) ) return;
  p->aMe[p->nRow] = sqlite3_value_int(apVal[0]);
  ormLevelAddRow(p, &apVal[1], -1);
}

/* The rows of a list of keys and all that they include. */
static void rootKeys(OrmLevel *p, const OrmKeys *pKeys){
  OrmKeys keys = *pKeys;
  RootSink sink;
  ormLevelReset(p, 0);
  sinkInit(&sink, p, rowOfRootKey);
  ormFetchRun(p, ORM_FETCH_KEYS, &keys, &sink.base);
  if( p->nRow>0 ) ormLevelChildren(p, 0, p->nRow);
}

i64 ormLoadKeys(
  Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan, const OrmKeys *pKeys, OrmBuf *pOut
){
  OrmLevel *p = pPlan->pRoot;
  ORM_UNUSED(pOrm);
  assert( pErr->rc==SQLITE_OK );
  rootKeys(p, pKeys);
  ormBufChar(pOut, '[');
  rootObjects(p, 0, p->nRow, pOut);
  ormBufChar(pOut, ']');
  ormPlanLeave(pPlan, pErr);
  return p->nRow;
}

void ormLoadEach(
  Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan, const OrmKeys *pKeys,
  OrmObject xObject, void *pArg
){
  OrmLevel *p = pPlan->pRoot;
  OrmBuf buf;
  ORM_UNUSED(pOrm);
  assert( pErr->rc==SQLITE_OK );
  ormBufInit(&buf, &pPlan->err);
  rootKeys(p, pKeys);
  for(int i=0; i<p->nRow && pPlan->err.rc==SQLITE_OK; i++){
    ormBufReset(&buf);
    ormObjectText(p, i, &buf);
    if( pPlan->err.rc==SQLITE_OK ) xObject(pArg, p->aMe[i], buf.z, buf.n);
  }
  ormBufFree(&buf);
  ormPlanLeave(pPlan, pErr);
}

i64 ormLoadRootKeys(Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan, OrmBinds *pOut){
  OrmLevel *p = pPlan->pRoot;
  int nKey = p->pModel->nKey;
  i64 n = 0;
  OrmStmt *pStmt;
  assert( pErr->rc==SQLITE_OK );
  pStmt = ormFetchTake(p, ORM_FETCH_ROOT_KEYS);
  while( ormStmtStep(pOrm, &pPlan->err, pStmt) && pErr->rc==SQLITE_OK ){
    for(int i=0; i<nKey; i++){
      ormBindValue(pOut, sqlite3_column_value(pStmt->p, i));
    }
    n++;
  }
  ormFetchGive(p, pStmt);
  ormPlanLeave(pPlan, pErr);
  return n;
}

/* The number that a statement of the root gives. */
static i64 rootNumber(OrmErr *pErr, OrmPlan *pPlan, int eFetch){
  OrmLevel *p = pPlan->pRoot;
  OrmStmt *pStmt;
  i64 n = 0;
  if( pErr->rc ) return 0;
  pStmt = ormFetchTake(p, eFetch);
  if( ormStmtStep(pPlan->pOrm, &pPlan->err, pStmt) ){
    n = sqlite3_column_int64(pStmt->p, 0);
  }
  ormFetchGive(p, pStmt);
  ormPlanLeave(pPlan, pErr);
  return n;
}

i64 ormCountRows(Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan){
  ORM_UNUSED(pOrm);
  return rootNumber(pErr, pPlan, ORM_FETCH_COUNT);
}

i64 ormExistsRow(Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan){
  ORM_UNUSED(pOrm);
  return rootNumber(pErr, pPlan, ORM_FETCH_EXISTS);
}

i64 ormCountTotal(Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan){
  ORM_UNUSED(pOrm);
  return rootNumber(pErr, pPlan, ORM_FETCH_TOTAL);
}
