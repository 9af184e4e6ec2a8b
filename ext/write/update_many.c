/*
** orm_update_many: the same changes to all objects that a query finds.
**
** Where the changes are plain values of plain fields it is one UPDATE, which
** touches only rows that differ (C20).  In all other cases, and when that
** UPDATE fails, the objects become the roots of one unit of work, which knows
** all rules and gives the errors.
*/
#include "unit.h"

typedef struct Fast Fast;
struct Fast {
  OrmModel *pModel;
  const OrmJson *pDoc;
  OrmPlan *pPlan;
  OrmArena *pArena;
  Unit unit;                    /* for the values                             */
  i64 nRow;                     /* objects found                              */
};

static int isUniqueField(const OrmModel *pModel, int iField){
  for(int i=0; i<pModel->nIndex; i++){
    const OrmIndex *p = &pModel->aIndex[i];
    for(int j=0; j<p->n; j++) if( p->bUnique && p->aField[j]==iField ) return 1;
  }
  return pModel->aField[iField].iKey>0;
}

/* Can this field be set in one UPDATE of all rows? */
static int isPlain(const Fast *p, const OrmJson *pNode){
  int i = ormFieldFind(p->pModel, pNode->zKey, pNode->nKey);
  const OrmField *pField;
  if( i<0 || ormJsonMember(p->pDoc, p->pModel->aField[i].zName)!=pNode ){
    return 0;
  }
  pField = &p->pModel->aField[i];
  if( pField->bGenerated || pField->bReadonly || pField->eAuto ) return 0;
  if( pField->eType==ORM_TYPE_JSON || isUniqueField(p->pModel, i) ) return 0;
  return p->unit.bForeignKeys || !ormFieldRefers(p->pModel, i);
}

/* The number in {"$inc": number}, or 0. */
static const OrmJson *increment(const OrmJson *pNode){
  const OrmJson *pBy = pNode->eType==ORM_JSON_OBJECT ? pNode->pChild : 0;
  if( pBy==0 || pBy->pNext || !ormJsonIs(pBy, "$inc") ) return 0;
  return pBy->eType==ORM_JSON_INTEGER || pBy->eType==ORM_JSON_REAL ? pBy : 0;
}

/* "a = ?1", and into pDiff whether that is a change; 0: not for us. */
static int setField(Fast *p, OrmSql *pSql, OrmBuf *pDiff, const OrmJson *pNode){
  const OrmField *pField;
  const OrmJson *pBy = increment(pNode);
  struct OrmBind v;
  int iBind;
  if( !isPlain(p, pNode) ) return 0;
  pField = &p->pModel->aField[ormFieldFind(p->pModel, pNode->zKey,
                                           pNode->nKey)];
  if( pBy ){
    iBind = ormBindJson(&pSql->binds, pBy);
    if( pBy->eType==ORM_JSON_INTEGER && pBy->u.i==0 ) return 0;
  }else{
    if( ormUnitValue(&p->unit, pField, pNode, &v) ) return 0;
    iBind = ormBindCopy(&pSql->binds, &v);
  }
  if( pDiff->n ) ormBufAdd(&pSql->buf, ", ", 2);
  ormBufName(&pSql->buf, pField->zName);
  ormBufAdd(&pSql->buf, " = ", 3);
  if( pBy ){
    ormBufName(&pSql->buf, pField->zName);
    ormBufAdd(&pSql->buf, " + ", 3);
  }
  ormSqlParam(pSql, iBind);
  if( pDiff->n ) ormBufAdd(pDiff, " OR ", 4);
  if( pBy && pField->bNotNull ){
    ormBufChar(pDiff, '1');
    return 1;
  }
  ormBufColumn(pDiff, "t0", pField->zName);
  if( pBy ) ormBufAdd(pDiff, " IS NOT NULL", -1);
  else ormBufPrintf(pDiff, " COLLATE BINARY IS NOT ?%d", iBind+1);
  return 1;
}

/* The whole statement; 0: not for us. */
static int fastSql(Fast *p, OrmSql *pSql){
  OrmBuf diff;
  char zNow[32];
  int bOk = p->pDoc->pChild!=0, nNow = -1;
  ormBufInit(&diff, pSql->buf.pErr);
  ormBufAdd(&pSql->buf, "UPDATE ", -1);
  ormBufTable(&pSql->buf, p->pModel->zTable);
  ormBufAdd(&pSql->buf, " AS t0 SET ", -1);
  for(const OrmJson *q=p->pDoc->pChild; q && bOk; q=q->pNext){
    bOk = setField(p, pSql, &diff, q);
  }
  if( bOk ){
    ormNow(p->unit.pOrm, pSql->buf.pErr, zNow, 0);
    for(int i=0; i<p->pModel->nField && nNow<0; i++){
      if( p->pModel->aField[i].eAuto!=ORM_AUTO_UPDATED ) continue;
      nNow = ormBindText(&pSql->binds, zNow, -1);
    }
    ormTouchSql(&pSql->buf, p->pModel, nNow+1);
    ormBufAdd(&pSql->buf, " WHERE (", -1);
    ormBufAdd(&pSql->buf, ormBufText(&diff), diff.n);
    ormBufChar(&pSql->buf, ')');
    pSql->bWhole = 1;
    ormWhereSql(pSql, ormPlanQuery(p->pPlan), "t0");
  }
  ormBufFree(&diff);
  return bOk;
}

/* Has an object that the query finds NULL in its key? */
static int findsNull(Fast *p, Orm *pOrm, OrmErr *pErr){
  const OrmModel *pModel = p->pModel;
  OrmSql sql;
  OrmStmt *pStmt;
  int bFound, n = 0;
  if( pModel->bRowidKey ) return 0;
  ormSqlInit(&sql, pOrm, p->pArena, 1);
  sql.nAlias = 1;
  ormBufAdd(&sql.buf, "SELECT 1 FROM ", -1);
  ormBufTable(&sql.buf, pModel->zTable);
  ormBufAdd(&sql.buf, " AS t0 WHERE (", -1);
  for(int i=0; i<pModel->nKey; i++){
    if( pModel->aField[pModel->aKey[i]].bNotNull ) continue;
    if( n++ ) ormBufAdd(&sql.buf, " OR ", 4);
    ormBufColumn(&sql.buf, "t0", pModel->aField[pModel->aKey[i]].zName);
    ormBufAdd(&sql.buf, " IS NULL", -1);
  }
  ormBufChar(&sql.buf, ')');
  if( n ) ormWhereSql(&sql, ormPlanQuery(p->pPlan), "t0");
  pStmt = n==0 ? 0 : ormStmtTake(pOrm, pErr, ormBufText(&sql.buf), sql.buf.n);
  ormBindAll(pErr, pStmt, 1, &sql.binds);
  bFound = ormStmtStep(pOrm, pErr, pStmt);
  ormStmtGive(pOrm, pErr, pStmt);
  ormSqlFree(&sql);
  return bFound;
}

static void fastJob(Orm *pOrm, OrmErr *pErr, void *pArg){
  Fast *p = (Fast*)pArg;
  OrmStmt *pStmt;
  OrmSql sql;
  ormSqlInit(&sql, pOrm, p->pArena, 1);
  sql.nAlias = 1;
  if( fastSql(p, &sql) && !findsNull(p, pOrm, pErr) ){
    p->nRow = ormCountRows(pOrm, pErr, p->pPlan);
    pStmt = ormStmtTake(pOrm, pErr, ormBufText(&sql.buf), sql.buf.n);
    ormBindAll(pErr, pStmt, 1, &sql.binds);
    ormStmtStep(pOrm, pErr, pStmt);
    ormStmtGive(pOrm, pErr, pStmt);
  }else{
    ormErr(pErr, SQLITE_ERROR, "orm: not in one statement");
  }
  ormSqlFree(&sql);
}

/* In one statement: how many objects, or -1: not for us (nothing is written)
** or an error. */
i64 ormUpdateFast(
  Unit *pUnit, OrmModel *pModel, OrmPlan *pPlan, const OrmJson *pDoc
){
  Fast fast;
  OrmErr *pErr = pUnit->pErr;
  memset(&fast, 0, sizeof(fast));
  fast.unit = *pUnit;
  fast.pModel = pModel;
  fast.pDoc = pDoc;
  fast.pPlan = pPlan;
  fast.pArena = pUnit->pArena;
  ormAnchorRun(pUnit->pOrm, pErr, fastJob, &fast);
  if( pErr->rc==SQLITE_OK ) return fast.nRow;
  if( !ormFlushMachine(pErr->rc) ) ormErrClear(pErr);
  return -1;
}
