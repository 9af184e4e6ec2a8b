/*
** orm_related(): what a path reaches from one object, as objects.
**
** All of it is found and loaded before the first row is given, so a statement
** that deletes or changes what it is told does not change what it is told.
*/
#include "../orm_int.h"

typedef struct Related Related;
struct Related {
  Orm *pOrm;
  OrmErr *pErr;
  OrmRelated *pOut;
  OrmPath *pPath;
  OrmPlan *pPlan;               /* or 0: no query, and no object is wanted    */
  u8 eDeleted;                  /* who is passed on the way                   */
  u8 bObjects;
};

/* ------------------------------------------------------------------------
** The objects
*/

/* Is the object that a walk starts from there, and not soft-deleted? */
static int startIsThere(Related *p, const OrmBinds *pKey, int iKey){
  OrmModel *pModel = p->pPath->pFrom;
  OrmBinds key = *pKey;
  OrmSql sql;
  OrmStmt *pStmt;
  char zAlias[16];
  int bThere;
  if( p->eDeleted!=ORM_DELETED_HIDE || pModel->iSoftDelete<0 ) return 1;
  key.a = &pKey->a[iKey];
  key.n = pModel->nKey;
  ormSqlInit(&sql, p->pOrm, &p->pOut->arena, 1);
  ormSqlAlias(&sql, zAlias);
  ormBufAdd(&sql.buf, "SELECT 1 FROM ", -1);
  ormBufTable(&sql.buf, pModel->zTable);
  ormBufPrintf(&sql.buf, " AS %s WHERE ", zAlias);
  for(int i=0; i<pModel->nKey; i++){
    if( i ) ormBufAdd(&sql.buf, " AND ", 5);
    ormBufColumn(&sql.buf, zAlias, pModel->aField[pModel->aKey[i]].zName);
    ormBufPrintf(&sql.buf, "=?%d", i+1);
  }
  ormDeletedSql(&sql, pModel, ORM_DELETED_HIDE, zAlias);
  pStmt = ormStmtTake(p->pOrm, p->pErr, ormBufText(&sql.buf), sql.buf.n);
  ormBindAll(p->pErr, pStmt, 1, &key);
  bThere = ormStmtStep(p->pOrm, p->pErr, pStmt);
  ormStmtGive(p->pOrm, p->pErr, pStmt);
  ormSqlFree(&sql);
  return bThere;
}

static void copyHits(Related *p, OrmReach *pReach, int n){
  OrmRelated *pOut = p->pOut;
  int nKey = pOut->pModel->nKey;
  OrmBinds keys;
  memset(&keys, 0, sizeof(keys));
  keys.pArena = &pOut->arena;
  pOut->a = ormArenaAlloc(&pOut->arena, (i64)sizeof(*pOut->a)*(n + 1));
  for(int i=0; pOut->a && i<n; i++){
    const struct OrmBind *aKey = ormReachKey(pReach, i);
    for(int j=0; j<nKey; j++) ormBindCopy(&keys, &aKey[j]);
    pOut->a[i].nDepth = ormReachHits(pReach)[i].nDepth;
    pOut->a[i].nObject = -1;
  }
  if( p->pErr->rc ) return;
  for(int i=0; i<n; i++) pOut->a[i].aKey = &keys.a[(i64)i*nKey];
  pOut->n = n;
}

/* ormLoadEach's callback: the object of row i. */
static void takeObject(void *pArg, int i, const char *z, i64 n){
  Related *p = (Related*)pArg;
  struct OrmRelatedRow *pRow = &p->pOut->a[i];
  pRow->iObject = p->pOut->objects.n;
  pRow->nObject = n;
  if( p->bObjects ) ormBufAdd(&p->pOut->objects, z, n);
}

/* Load all rows' objects in one batch; those that the query's where leaves out
** are no rows. */
static void loadObjects(Related *p){
  OrmRelated *pOut = p->pOut;
  OrmKeys keys;
  int n = 0;
  if( p->pPlan==0 || pOut->n==0 ) return;
  memset(&keys, 0, sizeof(keys));
  keys.nCol = pOut->pModel->nKey;
  keys.nKey = pOut->n;
  keys.aBind = pOut->a[0].aKey;
  ormLoadEach(p->pOrm, p->pErr, p->pPlan, &keys, takeObject, p);
  if( p->pErr->rc ) return;
  for(int i=0; i<pOut->n; i++){
    if( pOut->a[i].nObject>=0 ) pOut->a[n++] = pOut->a[i];
  }
  pOut->n = n;
}

static void walkAndLoad(Related *p, sqlite3_value *pKey){
  OrmRelated *pOut = p->pOut;
  OrmReach *pReach;
  OrmBinds start;
  int iKey, n;
  memset(&start, 0, sizeof(start));
  start.pArena = &pOut->arena;
  iKey = ormKeyFind(p->pOrm, &start, p->pPath->pFrom, pKey);
  if( p->pErr->rc || iKey<0 || !startIsThere(p, &start, iKey) ) return;
  pReach = ormReachNew(p->pOrm, p->pErr, p->pPath, p->eDeleted);
  if( pReach==0 ) return;
  n = ormReachFrom(pReach, &start.a[iKey]);
  if( p->pErr->rc==SQLITE_OK ) copyHits(p, pReach, n);
  ormReachFree(pReach);
  if( p->pErr->rc==SQLITE_OK ) loadObjects(p);
}

void ormRelatedOpen(
  Orm *pOrm, OrmErr *pErr, OrmRelated *pOut, const char *zModel,
  sqlite3_value *pKey, const char *zPath, sqlite3_value *pQuery, int bObjects
){
  OrmCatalog *pCatalog = ormCatalogPin(pOrm, pErr);
  OrmModel *pFrom;
  Related r;
  memset(pOut, 0, sizeof(*pOut));
  ormArenaInit(&pOut->arena, pErr);
  ormBufInit(&pOut->objects, pErr);
  memset(&r, 0, sizeof(r));
  r.pOrm = pOrm;
  r.pErr = pErr;
  r.pOut = pOut;
  r.bObjects = (u8)bObjects;
  if( pCatalog==0 ) return;
  pOut->pCatalog = ormCatalogRef(pCatalog);
  pFrom = ormModelFind(pOrm, pErr, pCatalog, zModel, -1);
  if( pFrom ) r.pPath = ormPathParse(pOrm, &pOut->arena, pFrom, zPath, -1);
  if( r.pPath ) ormPathAsk(pOrm, pErr, r.pPath);
  if( r.pPath ){
    const char *zQuery = pQuery ? (const char*)sqlite3_value_text(pQuery) : 0;
    pOut->pModel = r.pPath->pTo;
    if( bObjects || zQuery ){
      r.pPlan = ormPlanGet(pOrm, pErr, pOut->pModel, zQuery,
          zQuery ? sqlite3_value_bytes(pQuery) : 0,
          ORM_Q_WHERE | ORM_Q_SHAPE | ORM_Q_DELETED);
    }
  }
  if( r.pPlan && ormPlanQuery(r.pPlan)->eDeleted!=ORM_DELETED_HIDE ){
    r.eDeleted = ORM_DELETED_ALSO;
  }
  if( pErr->rc==SQLITE_OK ) walkAndLoad(&r, pKey);
  if( r.pPlan ) ormPlanRelease(pOrm, r.pPlan);
  ormCatalogUnpin(pOrm, pCatalog);
}

void ormRelatedClose(OrmRelated *p){
  ormBufFree(&p->objects);
  ormArenaFree(&p->arena);
  ormCatalogUnref(p->pCatalog);
  memset(p, 0, sizeof(*p));
}
