/*
** What a to-one that is null makes NULL: of a reference of several columns not
** all, and none where it is null already.
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

void ormNullsKeep(Unit *p){
  for(UnitColl *pColl=p->pColl; pColl; pColl=pColl->pNext){
    const OrmRel *pRel = pColl->pRel;
    if( pRel->nLocal<2 || !pRel->bForeign ) continue;
    if( pColl->pNode->eType==ORM_JSON_NULL ) keepColumns(p, pColl);
  }
}
