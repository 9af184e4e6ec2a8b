/*
** A key that changes: what refers to it follows (DESIGN.md 9), unless the
** declared ON UPDATE does that, or says something else.
**
** References are the edges of rules.c that lead to rows which refer, and link
** tables.  They are changed before the row itself, with foreign keys deferred,
** so that a declared RESTRICT finds nobody left behind.
*/
#include "unit.h"

/* The ON UPDATE of the foreign key of zTable with just these columns. */
static int onUpdate(
  Unit *p, const char *zTarget, const char *zTable, const OrmNode *pNode,
  int n, const int *aCol
){
  const OrmReference *pRef;
  pRef = ormReferencesTo(p->pOrm, p->pErr, p->pCatalog, zTarget);
  for(; pRef; pRef=pRef->pNext){
    int nHit = 0;
    if( pRef->n!=n || sqlite3_stricmp(pRef->zTable, zTable)!=0 ) continue;
    for(int i=0; i<n; i++){
      for(int j=0; j<n; j++){
        nHit += sqlite3_stricmp(pRef->azFrom[i], pNode->aCol[aCol[j]].zName)==0;
      }
    }
    if( nHit==n ) return pRef->eOnUpdate;
  }
  return ORM_FK_NO_ACTION;
}

/* The columns aRef of pHolder's rows that hold the old values of aFrom get
** the new ones (or NULL). */
static void follow(
  Unit *p, const UnitRow *pRow, const OrmNode *pHolder, int n,
  const int *aField, const int *aRef, int bNull
){
  OrmBuf buf;
  OrmStmt *pStmt;
  ormBufInit(&buf, p->pErr);
  ormBufAdd(&buf, "UPDATE ", -1);
  ormBufTable(&buf, pHolder->zTable);
  for(int i=0; i<n; i++){
    ormBufAdd(&buf, i ? ", " : " SET ", -1);
    ormBufName(&buf, pHolder->aCol[aRef[i]].zName);
    ormBufPrintf(&buf, " = ?%d", i+1);
  }
  for(int i=0; i<n; i++){
    ormBufAdd(&buf, i ? " AND " : " WHERE ", -1);
    ormBufName(&buf, pHolder->aCol[aRef[i]].zName);
    ormBufPrintf(&buf, " = ?%d", n+i+1);
  }
  pStmt = ormStmtTake(p->pOrm, p->pErr, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  for(int i=0; i<n; i++){
    struct OrmBind v = { SQLITE_NULL, 0, 0, { 0 } };
    if( !bNull ){
      ormUnitKnown(pRow, aField[i], &v);
      ormValOne(p->pErr, pStmt, i+1, &v);
    }
    ormValOne(p->pErr, pStmt, n+i+1, &pRow->aOld[aField[i]]);
  }
  ormStmtStep(p->pOrm, p->pErr, pStmt);
  ormStmtGive(p->pOrm, p->pErr, pStmt);
}

/* The fields of a node's columns; 1 if one of them is in the mask and all were
** read and are not NULL. */
static int edgeFields(
  const UnitRow *pRow, const OrmNode *pNode, int n, const int *aCol,
  const u64 *aMask, int *aField
){
  int bHit = 0;
  for(int i=0; i<n; i++){
    int f = ormFieldByColumn(pRow->pModel->p, pNode->aCol[aCol[i]].zName);
    if( ORM_NEVER(f<0) ) return 0;
    if( pRow->aOld[f].eType==0 || pRow->aOld[f].eType==SQLITE_NULL ){
      return 0;
    }
    aField[i] = f;
    bHit |= (int)(aMask[f>>6]>>(f & 63) & 1);
  }
  return bHit;
}

static void followEdge(
  Unit *p, const UnitRow *pRow, const OrmEdge *pEdge, const u64 *aMask
){
  const OrmNode *pHolder = pEdge->pVia ? pEdge->pVia : pEdge->pTo;
  const int *aRef = pEdge->pVia ? pEdge->aViaFrom : pEdge->aTo;
  int aField[ORM_MAX_KEY];
  int eAction, bNative;
  if( pEdge->pVia==0 && !pEdge->bRefers ) return;
  if( !edgeFields(pRow, pEdge->pFrom, pEdge->n, pEdge->aFrom, aMask, aField) ){
    return;
  }
  eAction = onUpdate(p, pEdge->pFrom->zTable, pHolder->zTable, pHolder,
                     pEdge->n, aRef);
  bNative = eAction>=ORM_FK_SET_NULL;
  if( bNative && p->bForeignKeys ) return;
  ormUnitDefer(p);
  follow(p, pRow, pHolder, pEdge->n, aField, aRef,
         eAction==ORM_FK_SET_NULL || eAction==ORM_FK_SET_DEFAULT);
}

/* Is a field of the mask one that others may refer to? */
static int isReferred(const UnitRow *pRow, const u64 *aMask){
  const OrmModel *pModel = pRow->pModel->p;
  for(int i=0; i<pModel->nUnique; i++){
    for(int j=0; j<pModel->aUnique[i].n; j++){
      int f = pModel->aUnique[i].aField[j];
      if( aMask[f>>6]>>(f & 63) & 1 ) return 1;
    }
  }
  return 0;
}

void ormRenameBefore(Unit *p, UnitRow *pRow, const u64 *aMask){
  OrmRules *pRules;
  OrmNode *pNode;
  OrmEdge *pEdge;
  if( p->pErr->rc || !isReferred(pRow, aMask) ) return;
  pRules = ormRulesGet(p->pOrm, p->pErr, p->pCatalog);
  pNode = pRules ? ormNodeFind(p->pErr, pRules, pRow->pModel->p->zTable) : 0;
  pEdge = pNode ? ormNodeEdges(p->pErr, pNode) : 0;
  for(; pEdge && p->pErr->rc==SQLITE_OK; pEdge=pEdge->pNext){
    followEdge(p, pRow, pEdge, aMask);
  }
}
