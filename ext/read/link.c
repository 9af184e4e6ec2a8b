/*
** orm_link(): the pairs of keys that a path joins, each pair once.
**
** A path without a star is one join, which starts at the end that is asked
** for (near) and goes to the other (far); its rows are streamed.  Where the
** join could give a pair more than once, the far keys of one near key are
** remembered.  A path with a star, or one too long for a join, is walked from
** each near key (read/reach.c).
**
** What is prepared for a model and path serves the seeks after it, which in a
** join are many, as long as the catalog is the same.
*/
#include "../orm_int.h"

#define MAX_JOIN 60             /* tables, of the 64 that SQLite joins        */

struct OrmPairs {
  Orm *pOrm;
  OrmErr *pErr;
  /* of a model, a path and what is asked of the ends: */
  OrmArena arena;
  OrmCatalog *pCatalog;         /* held; 0: nothing is prepared               */
  const char *zModel, *zPath;
  u8 aeAsk[2];
  OrmPath *pPath;               /* from the near end to the far one           */
  int iNear;                    /* which end is near: 0 source, 1 target      */
  u8 bWalk;
  u8 bFolds;
  char *zSql; i64 nSql;
  /* of a seek: */
  OrmArena values;
  OrmKeys aKeys[2];             /* IN lists: near, far                        */
  OrmStmt *pStmt;               /* the join's, or 0                           */
  OrmKeySet near, far;          /* join: the near key, its far ones; walk:    */
                                /*   those to walk from, those asked for      */
  OrmReach *pReach;
  int iStart, nHit, iHit;       /* walk: next of near; hits; present one      */
};

OrmPairs *ormPairsNew(Orm *pOrm, OrmErr *pErr){
  OrmPairs *p = sqlite3_malloc64(sizeof(*p));
  if( p==0 ) return 0;
  memset(p, 0, sizeof(*p));
  p->pOrm = pOrm;
  p->pErr = pErr;
  ormArenaInit(&p->arena, pErr);
  ormArenaInit(&p->values, pErr);
  ormKeySetInit(&p->near, pErr, 1);
  ormKeySetInit(&p->far, pErr, 1);
  return p;
}

/* End the seek. */
static void seekEnd(OrmPairs *p){
  ormStmtGive(p->pOrm, p->pErr, p->pStmt);
  p->pStmt = 0;
  ormReachFree(p->pReach);
  p->pReach = 0;
  ormKeySetClear(&p->near);
  ormKeySetClear(&p->far);
  if( p->values.pChunk ) ormArenaFree(&p->values);
  p->nHit = p->iHit = p->iStart = 0;
}

/* Forget what is prepared. */
static void forget(OrmPairs *p){
  ormCatalogUnref(p->pCatalog);
  p->pCatalog = 0;
  ormArenaFree(&p->arena);
  p->zModel = p->zPath = 0;
  p->pPath = 0;
  ormKeySetFree(&p->near);
  ormKeySetFree(&p->far);
}

void ormPairsFree(OrmPairs *p){
  seekEnd(p);
  forget(p);
  sqlite3_free(p);
}

/* ------------------------------------------------------------------------
** Preparing: the path as a join, or the keys to walk from
*/

/* "(a.x, a.y)", of a key of one field "a.x". */
static void keyRow(OrmBuf *pBuf, const OrmModel *pModel, const char *zAlias){
  if( pModel->nKey>1 ) ormBufChar(pBuf, '(');
  ormKeyColumnsSql(pBuf, pModel, zAlias);
  if( pModel->nKey>1 ) ormBufChar(pBuf, ')');
}

/* What is asked of an end's key, as a condition whose values begin at
** ?*piParam. */
static void askSql(
  OrmSql *p, const OrmModel *pModel, int eAsk, const char *zAlias, int *piParam
){
  if( eAsk==ORM_LINK_IN ){
    ormBufAdd(&p->buf, " AND ", 5);
    keyRow(&p->buf, pModel, zAlias);
    ormBufAdd(&p->buf, " IN (SELECT k0", -1);
    for(int i=1; i<pModel->nKey; i++) ormBufPrintf(&p->buf, ",k%d", i);
    ormBufPrintf(&p->buf, " FROM orm_keys(?%d))", (*piParam)++);
  }
  for(int i=0; eAsk==ORM_LINK_EQ && i<pModel->nKey; i++){
    ormBufAdd(&p->buf, " AND ", 5);
    ormBufColumn(&p->buf, zAlias, pModel->aField[pModel->aKey[i]].zName);
    ormBufPrintf(&p->buf, "=+?%d", (*piParam)++);
  }
}

static void fromSql(OrmSql *p, const OrmModel *pModel, const char *zAlias){
  ormBufAdd(&p->buf, " FROM ", 6);
  ormBufTable(&p->buf, pModel->zTable);
  ormBufPrintf(&p->buf, " AS %s", zAlias);
}

/* The keys of an end's objects as far as they are asked for. */
static void keysSql(OrmSql *p, const OrmModel *pModel, int eAsk){
  char zAlias[16];
  int iParam = 1;
  ormSqlAlias(p, zAlias);
  ormBufAdd(&p->buf, "SELECT ", 7);
  ormKeyColumnsSql(&p->buf, pModel, zAlias);
  fromSql(p, pModel, zAlias);
  ormBufAdd(&p->buf, " WHERE 1", -1);
  askSql(p, pModel, eAsk, zAlias, &iParam);
  ormDeletedSql(p, pModel, ORM_DELETED_HIDE, zAlias);
}

static void joinSql(OrmPairs *p, OrmSql *pSql){
  const OrmPath *pPath = p->pPath;
  char (*azAlias)[16] = ormArenaAlloc(&p->arena, 16*((i64)pPath->nHop + 1));
  int iParam = 1;
  if( azAlias==0 ) return;
  for(int i=0; i<=pPath->nHop; i++) ormSqlAlias(pSql, azAlias[i]);
  ormBufAdd(&pSql->buf, "SELECT ", 7);
  ormKeyColumnsSql(&pSql->buf, pPath->pFrom, azAlias[0]);
  ormBufChar(&pSql->buf, ',');
  ormKeyColumnsSql(&pSql->buf, pPath->pTo, azAlias[pPath->nHop]);
  fromSql(pSql, pPath->pFrom, azAlias[0]);
  for(int i=0; i<pPath->nHop; i++){
    ormHopSql(pSql, &pPath->aHop[i], azAlias[i], azAlias[i+1],
              ORM_DELETED_HIDE);
  }
  ormBufAdd(&pSql->buf, " WHERE 1", -1);
  askSql(pSql, pPath->pFrom, p->aeAsk[p->iNear], azAlias[0], &iParam);
  ormDeletedSql(pSql, pPath->pFrom, ORM_DELETED_HIDE, azAlias[0]);
  askSql(pSql, pPath->pTo, p->aeAsk[!p->iNear], azAlias[pPath->nHop], &iParam);
}

static int joinTables(const OrmPath *p){
  int n = 1;
  for(int i=0; i<p->nHop; i++) n += p->aHop[i].pRel->zSecondary ? 2 : 1;
  return n;
}

static void prepare(
  OrmPairs *p, OrmCatalog *pCatalog, const char *zModel, const char *zPath,
  const OrmLinkEnd aEnd[2]
){
  OrmModel *pModel;
  OrmPath *pPath;
  OrmSql sql;
  forget(p);
  pModel = ormModelFind(p->pOrm, p->pErr, pCatalog, zModel, -1);
  pPath = pModel ? ormPathParse(p->pOrm, &p->arena, pModel, zPath, -1) : 0;
  /* The better known end is the near one. */
  p->aeAsk[0] = aEnd[0].eAsk;
  p->aeAsk[1] = aEnd[1].eAsk;
  p->iNear = p->aeAsk[0]!=ORM_LINK_EQ
          && (p->aeAsk[1]==ORM_LINK_EQ || p->aeAsk[0]==ORM_LINK_ALL)
          && p->aeAsk[1]!=ORM_LINK_ALL;
  if( pPath && p->iNear ) pPath = ormPathReverse(&p->arena, pPath);
  if( pPath==0 ) return;
  ormPathAsk(p->pOrm, p->pErr, pPath);
  p->pPath = pPath;
  p->bWalk = pPath->bStar || joinTables(pPath)>MAX_JOIN;
  p->bFolds = (u8)ormPathFolds(pPath);
  p->near.nCol = pPath->pFrom->nKey;
  p->far.nCol = pPath->pTo->nKey;
  ormSqlInit(&sql, p->pOrm, &p->arena, 1);
  if( p->bWalk ) keysSql(&sql, pPath->pFrom, p->aeAsk[p->iNear]);
  else joinSql(p, &sql);
  p->nSql = sql.buf.n;
  p->zSql = ormArenaText(&p->arena, ormBufText(&sql.buf), sql.buf.n);
  ormSqlFree(&sql);
  p->zModel = ormArenaText(&p->arena, zModel, -1);
  p->zPath = ormArenaText(&p->arena, zPath, -1);
  if( p->pErr->rc==SQLITE_OK ) p->pCatalog = ormCatalogRef(pCatalog);
}

static int isPrepared(
  const OrmPairs *p, const OrmCatalog *pCatalog, const char *zModel,
  const char *zPath, const OrmLinkEnd aEnd[2]
){
  return p->pCatalog==pCatalog && aEnd[0].eAsk==p->aeAsk[0]
      && aEnd[1].eAsk==p->aeAsk[1] && strcmp(zPath, p->zPath)==0
      && strcmp(zModel, p->zModel)==0;
}

/* ------------------------------------------------------------------------
** Values of the ends
*/

/* A key of several fields is the text of a JSON array.  Anything else is none,
** which is no error in a comparison: 0. */
static int keyValues(
  OrmPairs *p, OrmBinds *pBinds, const OrmModel *pModel, sqlite3_value *pVal
){
  OrmErr err = { SQLITE_OK, 0 };
  OrmArena scratch;
  const char *z;
  OrmJson *pDoc;
  int n = 0, nBefore = pBinds->n;
  if( sqlite3_value_type(pVal)!=SQLITE_TEXT ) return 0;
  z = (const char*)sqlite3_value_text(pVal);
  ormArenaInit(&scratch, &err);
  pDoc = ormJsonParse(&scratch, z ? z : "", sqlite3_value_bytes(pVal), "key");
  if( pDoc && pDoc->eType==ORM_JSON_ARRAY && pDoc->nChild==pModel->nKey ){
    pBinds->pArena->pErr = &err;
    for(OrmJson *q=pDoc->pChild; q; q=q->pNext){
      n += ormKeyBind(pBinds, &pModel->aField[pModel->aKey[n]], q)>=0;
      if( err.rc ) break;
    }
    pBinds->pArena->pErr = p->pErr;
  }
  ormArenaFree(&scratch);
  if( ormErrForgive(&err, p->pErr) || n!=pModel->nKey ) pBinds->n = nBefore;
  return pBinds->n>nBefore;
}

/* The keys of an IN list, as rows of orm_keys. */
static void listKeys(
  OrmPairs *p, OrmKeys *pKeys, const OrmModel *pModel, sqlite3_value *pList
){
  OrmBinds binds;
  sqlite3_value *pVal = 0;
  int rc;
  memset(&binds, 0, sizeof(binds));
  binds.pArena = &p->values;
  for(rc=sqlite3_vtab_in_first(pList, &pVal); rc==SQLITE_OK;
      rc=sqlite3_vtab_in_next(pList, &pVal)){
    if( pModel->nKey==1 ) ormBindValue(&binds, pVal);
    else keyValues(p, &binds, pModel, pVal);
    if( p->pErr->rc ) return;
  }
  if( rc!=SQLITE_DONE ) ormErrDb(p->pErr, p->pOrm->db, rc);
  memset(pKeys, 0, sizeof(*pKeys));
  pKeys->nCol = pModel->nKey;
  pKeys->nKey = binds.n / pModel->nKey;
  pKeys->aBind = binds.a;
}

/* Bind what is asked of an end to ?*piParam...: 0 if nothing can be it. */
static int bindEnd(
  OrmPairs *p, OrmStmt *pStmt, const OrmModel *pModel, const OrmLinkEnd *pEnd,
  OrmKeys *pKeys, int *piParam
){
  OrmBinds binds;
  if( pEnd->eAsk==ORM_LINK_IN ){
    listKeys(p, pKeys, pModel, pEnd->pVal);
    ormKeysBind(p->pErr, pStmt, (*piParam)++, pKeys);
    return pKeys->nKey>0;
  }
  if( pEnd->eAsk==ORM_LINK_ALL || pStmt==0 ) return 1;
  if( pModel->nKey==1 ){
    ormBindValueTo(p->pErr, pStmt, (*piParam)++, pEnd->pVal);
    return 1;
  }
  memset(&binds, 0, sizeof(binds));
  binds.pArena = &p->values;
  if( !keyValues(p, &binds, pModel, pEnd->pVal) ) return 0;
  ormBindAll(p->pErr, pStmt, *piParam, &binds);
  *piParam += binds.n;
  return 1;
}

/* ------------------------------------------------------------------------
** The join
*/
static void joinSeek(OrmPairs *p, const OrmLinkEnd aEnd[2]){
  int iParam = 1;
  int bAny;
  p->pStmt = ormStmtTake(p->pOrm, p->pErr, p->zSql, p->nSql);
  bAny = bindEnd(p, p->pStmt, p->pPath->pFrom, &aEnd[p->iNear], &p->aKeys[0],
                 &iParam)
      && bindEnd(p, p->pStmt, p->pPath->pTo, &aEnd[!p->iNear], &p->aKeys[1],
                 &iParam);
  if( !bAny ) seekEnd(p);
}

/* The present row's key at one end, as binds that point into the row. */
static void rowKey(OrmPairs *p, int bFar, struct OrmBind *a){
  int n = bFar ? p->pPath->pTo->nKey : p->pPath->pFrom->nKey;
  int iCol = bFar ? p->pPath->pFrom->nKey : 0;
  for(int i=0; i<n; i++){
    ormBindView(p->pErr, &a[i], sqlite3_column_value(p->pStmt->p, iCol+i));
  }
}

/* Is the present row's pair new?  Rows come near key by near key. */
static int pairIsNew(OrmPairs *p){
  struct OrmBind a[ORM_MAX_KEY];
  int bNew;
  if( p->aeAsk[p->iNear]!=ORM_LINK_EQ ){
    rowKey(p, 0, a);
    if( ormKeySetFind(&p->near, a)<0 ){
      ormKeySetClear(&p->near);
      ormKeySetClear(&p->far);
      ormKeySetPut(&p->near, a, &bNew);
    }
  }
  rowKey(p, 1, a);
  ormKeySetPut(&p->far, a, &bNew);
  return bNew;
}

/* A row is there, so the lists were read; unless they were somebody else's. */
static void checkLists(OrmPairs *p){
  if( p->aeAsk[p->iNear]==ORM_LINK_IN ) ormKeysCheck(p->pErr, &p->aKeys[0]);
  if( p->aeAsk[!p->iNear]==ORM_LINK_IN ) ormKeysCheck(p->pErr, &p->aKeys[1]);
}

static int joinNext(OrmPairs *p){
  while( ormStmtStep(p->pOrm, p->pErr, p->pStmt) ){
    checkLists(p);
    if( !p->bFolds || pairIsNew(p) ) return 1;
    if( p->pErr->rc ) break;
  }
  seekEnd(p);
  return 0;
}

/* ------------------------------------------------------------------------
** The walk
*/

/* Put the keys of an end that are asked for, and there, into a set. */
static void collectKeys(
  OrmPairs *p, OrmKeySet *pSet, const OrmModel *pModel, const OrmLinkEnd *pEnd,
  OrmKeys *pKeys, const char *zSql, i64 nSql
){
  OrmStmt *pStmt = ormStmtTake(p->pOrm, p->pErr, zSql, nSql);
  sqlite3_value *apVal[ORM_MAX_KEY];
  int iParam = 1, bNew;
  int bAny = bindEnd(p, pStmt, pModel, pEnd, pKeys, &iParam);
  while( bAny && ormStmtStep(p->pOrm, p->pErr, pStmt) ){
    for(int i=0; i<pModel->nKey; i++){
      apVal[i] = sqlite3_column_value(pStmt->p, i);
    }
    ormKeySetAdd(pSet, apVal, &bNew);
  }
  ormStmtGive(p->pOrm, p->pErr, pStmt);
}

static void walkSeek(OrmPairs *p, const OrmLinkEnd aEnd[2]){
  const OrmLinkEnd *pFar = &aEnd[!p->iNear];
  collectKeys(p, &p->near, p->pPath->pFrom, &aEnd[p->iNear], &p->aKeys[0],
              p->zSql, p->nSql);
  if( p->near.n==0 || p->pErr->rc ) return;
  if( pFar->eAsk!=ORM_LINK_ALL ){
    OrmSql sql;
    ormSqlInit(&sql, p->pOrm, &p->values, 1);
    keysSql(&sql, p->pPath->pTo, pFar->eAsk);
    collectKeys(p, &p->far, p->pPath->pTo, pFar, &p->aKeys[1],
                ormBufText(&sql.buf), sql.buf.n);
    ormSqlFree(&sql);
    if( p->far.n==0 ) return;
  }
  p->pReach = ormReachNew(p->pOrm, p->pErr, p->pPath, ORM_DELETED_HIDE);
}

static int walkNext(OrmPairs *p){
  while( p->pErr->rc==SQLITE_OK ){
    if( ++p->iHit>=p->nHit ){
      if( p->iStart>=p->near.n ) break;
      p->nHit = ormReachFrom(p->pReach, ormKeySetKey(&p->near, p->iStart++));
      p->iHit = -1;
    }else if( p->aeAsk[!p->iNear]==ORM_LINK_ALL
           || ormKeySetFind(&p->far, ormReachKey(p->pReach, p->iHit))>=0 ){
      return 1;
    }
  }
  seekEnd(p);
  return 0;
}

/* ------------------------------------------------------------------------
** Estimates
*/
#define ROWS_UNKNOWN 1e6        /* of a table that nobody has counted         */
#define ROWS_STAR    10         /* rows that a star reaches, for each that    */
                                /*   one hop of it does                       */

/* The columns of fields, by name. */
static double fanOfFields(
  Orm *pOrm, OrmErr *pErr, const OrmModel *pModel, int n, const int *aField
){
  const char *az[ORM_MAX_KEY];
  if( ormModelUnique(pModel, n, aField) ) return 1;
  for(int i=0; i<n; i++) az[i] = pModel->aField[aField[i]].zName;
  return ormStatFan(pOrm, pErr, pModel->zTable, n, az);
}

/* How many rows a hop leads to from one: forth, and back. */
static void relFan(Orm *pOrm, OrmErr *pErr, OrmRel *p){
  double rTo, rFrom;
  if( p->arFan[0]>0 ) return;
  if( p->zSecondary ){
    rTo = ormStatFan(pOrm, pErr, p->zSecondary, p->nLocal, p->azSecLocal);
    rFrom = ormStatFan(pOrm, pErr, p->zSecondary, p->nRemote, p->azSecRemote);
  }else{
    rTo = fanOfFields(pOrm, pErr, p->pTarget, p->nRemote, p->aRemote);
    rFrom = fanOfFields(pOrm, pErr, p->pModel, p->nLocal, p->aLocal);
  }
  if( pErr->rc ) return;
  p->arFan[0] = (float)rTo;
  p->arFan[1] = (float)rFrom;
}

static void pathFan(
  Orm *pOrm, OrmErr *pErr, const OrmPath *pPath, double arRow[3]
){
  arRow[ORM_PAIRS_TARGETS] = arRow[ORM_PAIRS_SOURCES] = 1;
  for(int i=0; i<pPath->nHop; i++){
    const OrmHop *pHop = &pPath->aHop[i];
    double r = pHop->bStar ? ROWS_STAR : 1;
    relFan(pOrm, pErr, pHop->pRel);
    arRow[ORM_PAIRS_TARGETS] *= pHop->pRel->arFan[pHop->bBack]*r;
    arRow[ORM_PAIRS_SOURCES] *= pHop->pRel->arFan[!pHop->bBack]*r;
  }
  arRow[ORM_PAIRS_ALL] = ormStatRows(pOrm, pErr, pPath->pFrom->zTable);
  if( arRow[ORM_PAIRS_ALL]<=0 ) arRow[ORM_PAIRS_ALL] = ROWS_UNKNOWN;
  arRow[ORM_PAIRS_ALL] *= arRow[ORM_PAIRS_TARGETS];
}

/* An error here is one at use as well, where it can be told. */
int ormPairsEstimate(
  Orm *pOrm, const char *zModel, const char *zPath, double arRow[3]
){
  OrmErr err = { SQLITE_OK, 0 };
  OrmArena arena;
  OrmCatalog *pCatalog = ormCatalogPin(pOrm, &err);
  OrmModel *pModel = 0;
  const OrmPath *pPath = 0;
  int bOk;
  ormArenaInit(&arena, &err);
  if( pCatalog ) pModel = ormModelFind(pOrm, &err, pCatalog, zModel, -1);
  if( pModel ){
    pPath = ormPathParse(pOrm, &arena, pModel, zPath, (i64)strlen(zPath));
  }
  if( pPath ) pathFan(pOrm, &err, pPath, arRow);
  bOk = pPath && err.rc==SQLITE_OK;
  ormArenaFree(&arena);
  ormCatalogUnpin(pOrm, pCatalog);
  ormErrClear(&err);
  return bOk;
}

/* ------------------------------------------------------------------------
** For sql/link.c
*/
void ormPairsSeek(
  OrmPairs *p, const char *zModel, const char *zPath, const OrmLinkEnd aEnd[2]
){
  OrmCatalog *pCatalog;
  seekEnd(p);
  pCatalog = ormCatalogPin(p->pOrm, p->pErr);
  if( pCatalog && (!isPrepared(p, pCatalog, zModel, zPath, aEnd)
                || ormPathAsk(p->pOrm, p->pErr, p->pPath)) ){
    prepare(p, pCatalog, zModel, zPath, aEnd);
  }
  if( p->pErr->rc==SQLITE_OK ){
    if( p->bWalk ) walkSeek(p, aEnd);
    else joinSeek(p, aEnd);
  }
  if( p->pErr->rc ) seekEnd(p);
  ormCatalogUnpin(p->pOrm, pCatalog);
}

int ormPairsNext(OrmPairs *p){
  if( p->pReach ) return walkNext(p);
  return p->pStmt ? joinNext(p) : 0;
}

/* The model at an end, and the key that the pair has there. */
static const OrmModel *endModel(const OrmPairs *p, int iEnd){
  return iEnd!=p->iNear ? p->pPath->pTo : p->pPath->pFrom;
}

static const struct OrmBind *endKey(
  OrmPairs *p, int iEnd, struct OrmBind *aRow
){
  int bFar = iEnd!=p->iNear;
  if( p->pReach ){
    return bFar ? ormReachKey(p->pReach, p->iHit)
                : ormKeySetKey(&p->near, p->iStart-1);
  }
  rowKey(p, bFar, aRow);
  return aRow;
}

void ormPairsEndResult(OrmPairs *p, sqlite3_context *pCtx, int iEnd){
  const OrmModel *pModel = endModel(p, iEnd);
  struct OrmBind a[ORM_MAX_KEY];
  if( ORM_NEVER(p->pReach==0 && p->pStmt==0) ) return;     /* no row          */
  if( p->pReach==0 && pModel->nKey==1 ){
    sqlite3_result_value(pCtx, sqlite3_column_value(p->pStmt->p,
                             iEnd!=p->iNear ? p->pPath->pFrom->nKey : 0));
  }else{
    ormKeyResult(pCtx, pModel, endKey(p, iEnd, a));
  }
}

int ormPairsDepth(const OrmPairs *p){
  if( p->pReach ) return ormReachHits(p->pReach)[p->iHit].nDepth;
  return p->pPath->nHop;
}

/* The pair's own number, whatever was asked of its ends: SQLite tells by it
** which pairs several terms of an OR have found. */
i64 ormPairsRowid(OrmPairs *p){
  u64 h = ORM_HASH_BEGIN;
  for(int iEnd=0; iEnd<2; iEnd++){
    struct OrmBind aRow[ORM_MAX_KEY];
    const struct OrmBind *a = endKey(p, iEnd, aRow);
    int n = endModel(p, iEnd)->nKey;
    for(int i=0; i<n; i++) h = ormBindHash(h, &a[i]);
  }
  return (i64)h;
}
