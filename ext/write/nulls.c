/*
** What a to-one that is null makes NULL: of a reference of several columns not
** all, and none where it is null already or leads to what is soft-deleted.
*/
#include "unit.h"

static int inFields(int iField, int n, const int *aField){
  for(int i=0; i<n; i++) if( aField[i]==iField ) return 1;
  return 0;
}

/* Is the field part of a foreign key on other columns than this reference? */
static int isShared(const OrmRel *pRel, int iField){
  const OrmModel *pModel = pRel->pModel;
  for(int i=0; i<pModel->nFk; i++){
    const OrmFk *pFk = &pModel->aFk[i];
    int n = 0;
    if( !inFields(iField, pFk->n, pFk->aField) ) continue;
    for(int j=0; j<pRel->nLocal; j++){
      n += inFields(pRel->aLocal[j], pFk->n, pFk->aField);
    }
    if( n<pRel->nLocal || n<pFk->n ) return 1;
  }
  return 0;
}

/* The columns that become NULL where a reference does.  Of several one NULL is
** enough, so those that cannot be NULL stay as they are, as do those that are
** part of another reference as well (the tenant of all that is a tenant's).
** Where that leaves none, all of them. */
int ormNullsColumns(const OrmRel *pRel, int *aField){
  const OrmField *aAll = pRel->pModel->aField;
  int n = 0;
  for(int bShared=0; n==0 && bShared<2; bShared++){
    for(int i=0; i<pRel->nLocal; i++){
      int f = pRel->aLocal[i];
      if( aAll[f].bNotNull || aAll[f].iKey ) continue;
      if( bShared || !isShared(pRel, f) ) aField[n++] = f;
    }
  }
  if( n>0 ) return n;
  memcpy(aField, pRel->aLocal, sizeof(int)*(size_t)pRel->nLocal);
  return pRel->nLocal;
}

/* ------------------------------------------------------------------------
** References that are null already
** --------------------------------------------------------------------- */

/* What an object says of a field, or 0. */
static const OrmJson *fieldGiven(
  const OrmModel *pModel, const OrmJson *pObject, int iField
){
  const OrmJson *p = pObject->pChild;
  while( p && ormFieldFind(pModel, p->zKey, p->nKey)!=iField ) p = p->pNext;
  return p;
}

/* Is the field NULL because of this relationship, and no other? */
static int isNulled(const UnitColl *pColl, const UnitRow *pRow, int iField){
  const UnitVal *pVal = &pRow->aVal[iField];
  return pVal->eNull==1 && pVal->eKind==UNIT_BIND
      && pVal->pNode==pColl->pNode;
}

/* Would it be NULL without?  By what the document says, else what is stored. */
static int isNullAnyway(const UnitColl *pColl, const UnitRow *pRow, int iField){
  const OrmJson *pGiven;
  struct OrmBind v;
  if( !isNulled(pColl, pRow, iField) ){
    return pRow->aVal[iField].eNull!=1 && ormUnitKnown(pRow, iField, &v)
        && v.eType==SQLITE_NULL;
  }
  pGiven = fieldGiven(pRow->pModel->p, pColl->pNode->pParent, iField);
  if( pGiven ) return pGiven->eType==ORM_JSON_NULL;
  return pRow->eState==UNIT_OLD && pRow->aOld[iField].eType==SQLITE_NULL;
}

/* A to-one that is null: of several columns those that it made NULL get back
** what they would have without it, where one of all is NULL in any case. */
static void keepColumns(Unit *p, const UnitColl *pColl){
  UnitRow *pRow = ormUnitSame(pColl->pOwner);
  const OrmRel *pRel = pColl->pRel;
  int bNull = 0;
  for(int i=0; i<pRel->nLocal && !bNull; i++){
    bNull = isNullAnyway(pColl, pRow, pRel->aLocal[i]);
  }
  for(int i=0; i<pRel->nLocal && bNull; i++){
    int f = pRel->aLocal[i];
    const OrmJson *pGiven;
    if( !isNulled(pColl, pRow, f) ) continue;
    pGiven = fieldGiven(pRow->pModel->p, pColl->pNode->pParent, f);
    memset(&pRow->aVal[f], 0, sizeof(pRow->aVal[f]));
    if( pGiven ) ormGraphField(p, pRow, f, pGiven);
  }
}

/* Does the stored reference of a row lead to a soft-deleted object? */
static int leadsToDeleted(Unit *p, const UnitRow *pRow, const OrmRel *pRel){
  const OrmModel *pTarget = pRel->pTarget;
  OrmBuf buf;
  OrmStmt *pStmt;
  int bThere;
  ormBufInit(&buf, p->pErr);
  ormBufAdd(&buf, "SELECT 1 FROM ", -1);
  ormBufTable(&buf, pTarget->zTable);
  ormBufAdd(&buf, " AS c WHERE (", -1);
  ormSoftDeletedSql(&buf, pTarget, "c");
  ormBufChar(&buf, ')');
  for(int i=0; i<pRel->nRemote; i++){
    ormBufAdd(&buf, " AND ", 5);
    ormBufColumn(&buf, "c", pTarget->aField[pRel->aRemote[i]].zName);
    ormBufPrintf(&buf, " = +?%d", i+1);
  }
  pStmt = ormStmtTake(p->pOrm, p->pErr, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  for(int i=0; i<pRel->nLocal; i++){
    ormBindOne(p->pErr, pStmt, i+1, &pRow->aOld[pRel->aLocal[i]]);
  }
  bThere = ormStmtStep(p->pOrm, p->pErr, pStmt);
  ormStmtGive(p->pOrm, p->pErr, pStmt);
  return bThere;
}

/* A to-one that is null beside its columns as they are stored, and that leads
** to a soft-deleted object, is what was read: nothing is said of it. */
static int isAsRead(Unit *p, const UnitColl *pColl){
  UnitRow *pRow = ormUnitSame(pColl->pOwner);
  const OrmRel *pRel = pColl->pRel;
  UnitVal aVal[ORM_MAX_KEY];
  int bSame = 1;
  if( pRel->pTarget->iSoftDelete<0 || pRow->eState!=UNIT_OLD ) return 0;
  for(int i=0; i<pRel->nLocal; i++){
    int f = pRel->aLocal[i];
    const OrmJson *pGiven = fieldGiven(pRow->pModel->p, pColl->pNode->pParent,
                                       f);
    aVal[i] = pRow->aVal[f];
    if( pRow->aOld[f].eType==SQLITE_NULL || pGiven==0 ) bSame = 0;
    if( !bSame || aVal[i].pNode!=pColl->pNode ) continue;
    memset(&pRow->aVal[f], 0, sizeof(pRow->aVal[f]));
    ormGraphField(p, pRow, f, pGiven);
  }
  for(int i=0; i<pRel->nLocal && bSame; i++){
    int f = pRel->aLocal[i];
    bSame = pRow->aVal[f].eKind==UNIT_BIND && !ormFlushChanges(p, pRow, f);
  }
  if( bSame && leadsToDeleted(p, pRow, pRel) ) return 1;
  for(int i=0; i<pRel->nLocal; i++) pRow->aVal[pRel->aLocal[i]] = aVal[i];
  return 0;
}

void ormNullsKeep(Unit *p){
  for(UnitColl *pColl=p->pColl; pColl; pColl=pColl->pNext){
    const OrmRel *pRel = pColl->pRel;
    if( !pRel->bForeign || pColl->pNode->eType!=ORM_JSON_NULL ) continue;
    if( isAsRead(p, pColl) ) pColl->bDone = 1;
    else if( pRel->nLocal>1 ) keepColumns(p, pColl);
  }
}
