/*
** Figures of an object: how many related objects it has, their sum, average,
** least and greatest value.
**
** Where an index leads to the related rows, each figure is a subquery beside
** the object's fields.  Where none does, that would read the whole table for
** every object: then the figures are loaded for all objects at once, each by a
** join with their keys (for which SQLite makes an index of its own), and put
** in when the objects are put together (OrmLevel.bLate).
*/
#include "load.h"
#include "cond.h"

static const char *const azFunc[] = { "count", "sum", "avg", "min", "max" };

/* "count(*)", "max(t0.views)" */
static void addFunction(OrmSql *pSql, const OrmCount *p, const char *zChild){
  const OrmModel *pTarget = p->pRel->pTarget;
  ormBufPrintf(&pSql->buf, "%s(", azFunc[p->eFunc]);
  if( p->iField>=0 ){
    ormBufColumn(&pSql->buf, zChild, pTarget->aField[p->iField].zName);
  }else{
    ormBufChar(&pSql->buf, '*');
  }
  ormBufChar(&pSql->buf, ')');
}

/* A figure as a subquery about a row of zAlias. */
void ormCountSql(OrmSql *pSql, const OrmCount *p, const char *zAlias){
  OrmRel *pRel = p->pRel;
  char zChild[16];
  i64 iFunc;
  ormSqlAlias(pSql, zChild);
  ormBufAdd(&pSql->buf, "(SELECT ", 8);
  addFunction(pSql, p, zChild);
  iFunc = pSql->buf.n;
  pSql->bInSeek = 0;
  ormBufAdd(&pSql->buf, " FROM ", 6);
  ormBufTable(&pSql->buf, pRel->pTarget->zTable);
  ormBufPrintf(&pSql->buf, " AS %s WHERE ", zChild);
  ormRelJoinSql(pSql, pRel, zAlias, zChild);
  ormConditionSql(pSql, pRel->pTarget, p->pWhere, p->eDeleted, zChild);
  ormBufChar(&pSql->buf, ')');
  if( p->eFunc>=ORM_MIN ) ormSqlInLeast(pSql, iFunc);
}

/* ------------------------------------------------------------------------
** The number of related objects in a condition or an order
*/

/* Has every row that has targets a key that is no NULL?  One whose NULL is
** among what is joined has none. */
static int keyIsWhole(const OrmRel *pRel){
  const OrmModel *pModel = pRel->pModel;
  if( pModel->bView ) return 0;
  if( pModel->bRowidKey ) return 1;
  for(int i=0; i<pModel->nKey; i++){
    int f = pModel->aKey[i];
    int bWhole = pModel->aField[f].bNotNull;
    for(int j=0; j<pRel->nLocal; j++) bWhole |= pRel->aLocal[j]==f;
    if( !bWhole ) return 0;
  }
  return 1;
}

/* "c.id AS k0, c.no AS k1" */
static void addKey(
  OrmSql *pSql, const OrmModel *pModel, const char *zAlias, char c
){
  for(int i=0; i<pModel->nKey; i++){
    if( i ) ormBufAdd(&pSql->buf, ", ", 2);
    ormBufColumn(&pSql->buf, zAlias, pModel->aField[pModel->aKey[i]].zName);
    ormBufPrintf(&pSql->buf, " AS %c%d", c, i);
  }
}

/* "k0, k1" */
static void addKeyNames(OrmSql *pSql, const OrmModel *pModel){
  for(int i=0; i<pModel->nKey; i++){
    ormBufPrintf(&pSql->buf, i ? ", k%d" : "k%d", i);
  }
}

/*
** The number of a relationship's targets for a row of zAlias where no index
** leads to them: they are counted for all rows at once, in a subquery that is
** run once, and of which SQLite makes an index of its own.
**
**     coalesce((SELECT q.n FROM (SELECT k0, count(*) AS n
**       FROM (SELECT DISTINCT p.id AS k0, t.id AS q0 FROM .. WHERE ..)
**       GROUP BY k0) AS q WHERE q.k0 = c.id), 0)
**
** 0, and nothing is written, where there is an index.
*/
int ormTallySql(
  OrmSql *pSql, const OrmRel *pRel, const char *zAlias, int eDeleted
){
  const OrmModel *pModel = pRel->pModel;
  OrmBuf *pBuf = &pSql->buf;
  char zTally[16], zParent[16], zLink[16], zChild[16];
  if( !keyIsWhole(pRel) || pRel->pTarget->bView
   || ormRelIndexed(pSql->pOrm, pBuf->pErr, pRel) ) return 0;
  ormSqlAlias(pSql, zTally);
  ormSqlAlias(pSql, zParent);
  ormSqlAlias(pSql, zLink);
  ormSqlAlias(pSql, zChild);
  ormBufPrintf(pBuf, "coalesce((SELECT %s.n FROM (SELECT ", zTally);
  addKeyNames(pSql, pModel);
  ormBufAdd(pBuf, ", count(*) AS n FROM (SELECT ", -1);
  if( pRel->zSecondary ) ormBufAdd(pBuf, "DISTINCT ", 9);
  addKey(pSql, pModel, zParent, 'k');
  if( pRel->zSecondary ){
    ormBufAdd(pBuf, ", ", 2);
    addKey(pSql, pRel->pTarget, zChild, 'q');
  }
  ormBufAdd(pBuf, " FROM ", 6);
  ormSqlTable(pSql, pModel->zTable, zParent);
  ormBufAdd(pBuf, " JOIN ", 6);
  ormRelFromSql(pSql, pRel, zLink, zChild);
  ormBufAdd(pBuf, " WHERE ", 7);
  ormRelLinkSql(pSql, pRel, zParent, zLink, zChild);
  ormDeletedSql(pSql, pRel->pTarget, eDeleted, zChild);
  ormBufAdd(pBuf, ") GROUP BY ", -1);
  addKeyNames(pSql, pModel);
  ormBufPrintf(pBuf, ") AS %s WHERE ", zTally);
  for(int i=0; i<pModel->nKey; i++){
    if( i ) ormBufAdd(pBuf, " AND ", 5);
    ormBufPrintf(pBuf, "%s.k%d = ", zTally, i);
    ormBufColumn(pBuf, zAlias, pModel->aField[pModel->aKey[i]].zName);
  }
  ormBufAdd(pBuf, "), 0)", 5);
  return 1;
}

/* ------------------------------------------------------------------------
** Figures that come late
*/

/* Is there a figure to whose rows no index leads? */
int ormCountsAreLate(Orm *pOrm, OrmErr *pErr, const OrmQuery *pQuery){
  for(int i=0; i<pQuery->nCount; i++){
    if( !ormRelIndexed(pOrm, pErr, pQuery->aCount[i].pRel) ) return 1;
  }
  return 0;
}

static void addLinkColumn(OrmSql *pSql, const char *zName, char c, int i){
  if( i || c=='r' ) ormBufAdd(&pSql->buf, ", ", 2);
  ormBufName(&pSql->buf, zName);
  ormBufPrintf(&pSql->buf, " AS %c%d", c, i);
}

/* " CROSS JOIN (SELECT DISTINCT .. AS l0, .. AS r0 FROM link) AS l CROSS JOIN
** target AS t WHERE c.id = l.l0 AND t.id = l.r0" */
static void addLinkJoin(OrmSql *pSql, const OrmRel *pRel){
  OrmBuf *pBuf = &pSql->buf;
  ormBufAdd(pBuf, " CROSS JOIN (SELECT DISTINCT ", -1);
  for(int i=0; i<pRel->nLocal; i++){
    addLinkColumn(pSql, pRel->azSecLocal[i], 'l', i);
  }
  for(int i=0; i<pRel->nRemote; i++){
    addLinkColumn(pSql, pRel->azSecRemote[i], 'r', i);
  }
  ormBufAdd(pBuf, " FROM ", 6);
  ormBufTable(pBuf, pRel->zSecondary);
  ormBufAdd(pBuf, ") AS l CROSS JOIN ", -1);
  ormBufTable(pBuf, pRel->pTarget->zTable);
  ormBufAdd(pBuf, " AS t WHERE 1", -1);
  for(int i=0; i<pRel->nLocal; i++){
    const OrmField *pField = &pRel->pModel->aField[pRel->aLocal[i]];
    ormBufAdd(pBuf, " AND ", 5);
    ormBufColumn(pBuf, "c", pField->zName);
    ormBufPrintf(pBuf, " = l.l%d", i);
  }
  for(int i=0; i<pRel->nRemote; i++){
    const OrmField *pField = &pRel->pTarget->aField[pRel->aRemote[i]];
    ormBufAdd(pBuf, " AND ", 5);
    ormBufColumn(pBuf, "t", pField->zName);
    ormBufPrintf(pBuf, " = l.r%d", i);
  }
}

/* "SELECT t.i, max(t.v) FROM (SELECT DISTINCT k.i AS i, t.id, t.views": each
** target counts once, however often it is linked. */
static void lateDistinct(OrmSql *pSql, const OrmCount *pCount){
  const OrmModel *pTarget = pCount->pRel->pTarget;
  OrmBuf *pBuf = &pSql->buf;
  ormBufAdd(pBuf, "SELECT t.i, ", -1);
  ormBufPrintf(pBuf, "%s(%s) FROM (SELECT DISTINCT k.i AS i",
               azFunc[pCount->eFunc], pCount->iField>=0 ? "t.v" : "*");
  for(int i=0; i<pTarget->nKey; i++){
    ormBufAdd(pBuf, ", ", 2);
    ormBufColumn(pBuf, "t", pTarget->aField[pTarget->aKey[i]].zName);
    ormBufPrintf(pBuf, " AS q%d", i);
  }
  if( pCount->iField>=0 ){
    ormBufAdd(pBuf, ", ", 2);
    ormBufColumn(pBuf, "t", pTarget->aField[pCount->iField].zName);
    ormBufAdd(pBuf, " AS v", 5);
  }
}

/* Position of the object's key and the figure, for those that have any rows. */
static void lateSql(OrmSql *pSql, const OrmLevel *p, const OrmCount *pCount){
  const OrmModel *pModel = p->pModel;
  OrmRel *pRel = pCount->pRel;
  OrmBuf *pBuf = &pSql->buf;
  if( pRel->zSecondary ){
    lateDistinct(pSql, pCount);
  }else{
    ormBufAdd(pBuf, "SELECT k.i, ", -1);
    addFunction(pSql, pCount, "t");
  }
  ormBufAdd(pBuf, " FROM orm_keys(?1) AS k CROSS JOIN ", -1);
  ormBufTable(pBuf, pModel->zTable);
  ormBufAdd(pBuf, " AS c", 5);
  if( pRel->zSecondary ){
    addLinkJoin(pSql, pRel);
  }else{
    ormBufAdd(pBuf, " CROSS JOIN ", -1);
    ormBufTable(pBuf, pRel->pTarget->zTable);
    ormBufAdd(pBuf, " AS t WHERE ", -1);
    ormRelJoinSql(pSql, pRel, "c", "t");
  }
  for(int i=0; i<pModel->nKey; i++){
    ormBufAdd(pBuf, " AND ", 5);
    ormBufColumn(pBuf, "c", pModel->aField[pModel->aKey[i]].zName);
    ormBufPrintf(pBuf, " = k.k%d", i);
  }
  ormConditionSql(pSql, pRel->pTarget, pCount->pWhere, pCount->eDeleted, "t");
  ormBufAdd(pBuf, pRel->zSecondary ? ") AS t GROUP BY t.i" : " GROUP BY k.i",
            -1);
}

/* One figure of the rows that the keys are of. */
static void lateCount(OrmLevel *p, int iCount, OrmKeys *pKeys, int iFirst){
  OrmPlan *pPlan = p->pPlan;
  OrmErr *pErr = &pPlan->err;
  const OrmCount *pCount = &p->pQuery->aCount[iCount];
  OrmStmt *pStmt;
  OrmSql sql;
  ormSqlInit(&sql, pPlan->pOrm, &pPlan->run, 2);
  lateSql(&sql, p, pCount);
  pStmt = ormStmtTake(pPlan->pOrm, pErr, ormBufText(&sql.buf), -1);
  ormBindAll(pErr, pStmt, 2, &sql.binds);
  ormKeysBind(pErr, pStmt, 1, pKeys);
  while( ormStmtStep(pPlan->pOrm, pErr, pStmt) ){
    i64 iRow = iFirst + sqlite3_column_int(pStmt->p, 0);
    ormKeepValue(pPlan, &p->aFigure[iRow*p->pQuery->nCount + iCount],
                 sqlite3_column_value(pStmt->p, 1));
  }
  ormStmtGive(pPlan->pOrm, pErr, pStmt);
  ormKeysCheck(pErr, pKeys);
  ormSqlFree(&sql);
}

/* Load the figures of rows iFirst.. of a level. */
void ormCountsLoad(OrmLevel *p, int iFirst, int nRow){
  const OrmQuery *pQuery = p->pQuery;
  const OrmSlot *pSlot = &p->aSlot[p->iLateSlot];
  OrmErr *pErr = &p->pPlan->err;
  OrmKeys keys;
  i64 n = (i64)p->nRow*pQuery->nCount;
  if( !ormGrow(pErr, &p->aFigure, &p->nFigureAlloc, n, sizeof(*p->aFigure)) ){
    return;
  }
  for(i64 i=(i64)iFirst*pQuery->nCount; i<n; i++){
    int eFunc = pQuery->aCount[i % pQuery->nCount].eFunc;
    memset(&p->aFigure[i], 0, sizeof(*p->aFigure));
    p->aFigure[i].eType = eFunc==ORM_COUNT ? SQLITE_INTEGER : SQLITE_NULL;
  }
  memset(&keys, 0, sizeof(keys));
  keys.nCol = pSlot->n;
  keys.nKey = nRow;
  keys.aBind = &pSlot->a[(i64)iFirst*pSlot->n];
  for(int i=0; i<pQuery->nCount && pErr->rc==SQLITE_OK; i++){
    lateCount(p, i, &keys, iFirst);
  }
}

/* The figures of a row, behind its fields. */
void ormCountsText(const OrmLevel *p, int iRow, OrmBuf *pOut){
  int n = p->pQuery->nCount;
  for(int i=0; i<n; i++){
    const OrmPart *pPart = &p->aPart[p->nPart + i];
    ormBufAdd(pOut, pPart->zKey, pPart->nKey);
    ormJsonBind(pOut, &p->aFigure[(i64)iRow*n + i], pPart->eType);
  }
  ormBufAdd(pOut, "}", 1);
}
