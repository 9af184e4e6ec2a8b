/*
** How much a condition leaves, as far as its tests and the indexes tell: what
** equals a value is taken to be little, what a key gives is one.
*/
#include "cond.h"

/* Do the columns on the far side compare by their own collations, in which an
** index has them?  What is referred to gives the collation. */
static int ownCollations(Orm *pOrm, const OrmRel *pRel){
  for(int i=0; !pRel->bForeign && i<pRel->nLocal; i++){
    const char *zColl = 0;
    char cAff;
    if( pRel->zSecondary ){
      ormLinkColumn(pOrm, pRel, pRel->azSecLocal[i], &cAff, &zColl);
    }else{
      zColl = pRel->pTarget->aField[pRel->aRemote[i]].zColl;
    }
    if( sqlite3_stricmp(zColl ? zColl : "BINARY",
                        pRel->pModel->aField[pRel->aLocal[i]].zColl)!=0 ){
      return 0;
    }
  }
  return 1;
}

int ormRelIndexed(Orm *pOrm, OrmErr *pErr, const OrmRel *pRel){
  if( !ownCollations(pOrm, pRel) ) return 0;
  if( pRel->zSecondary ) return ormLinkIndexed(pOrm, pErr, pRel, 0);
  return ormModelIndexed(pRel->pTarget, pRel->nRemote, pRel->aRemote);
}

/* The other way: the rows that it starts from, given the targets. */
static int sourceIndexed(Orm *pOrm, OrmErr *pErr, const OrmRel *pRel){
  if( pRel->zSecondary ){
    return ormLinkIndexed(pOrm, pErr, pRel, 1);
  }
  return ormModelIndexed(pRel->pModel, pRel->nLocal, pRel->aLocal);
}

static int isEquality(const OrmCond *pCond){
  const OrmTest *pTest = pCond->pTest;
  if( pCond->eKind!=ORM_COND_TEST || pCond->bNot
   || pCond->left.pField->eType==ORM_TYPE_JSON
   || (pTest->eOper!=ORM_OP_EQ && pTest->eOper!=ORM_OP_IN) ) return 0;
  for(int i=0; i<pTest->nArg; i++){
    if( pTest->aArg[i].iField>=0 || pTest->aArg[i].bind.eType==SQLITE_NULL ){
      return 0;
    }
  }
  return 1;
}

static int fieldIsGiven(
  const OrmModel *pModel, const OrmCond *pWhole, int iField
){
  const OrmCond *p;
  for(p=ormCondFirst(pWhole); p; p=ormCondAfter(pWhole, p)){
    if( isEquality(p) && p->left.pField==&pModel->aField[iField] ) return 1;
  }
  return 0;
}

/* Does the condition give a whole unique key? */
static int givesUnique(const OrmModel *pModel, const OrmCond *pWhole){
  for(int i=0; i<pModel->nUnique; i++){
    const OrmUnique *pUnique = &pModel->aUnique[i];
    int n = 0;
    if( pUnique->bLiving ) continue;
    while( n<pUnique->n && fieldIsGiven(pModel, pWhole, pUnique->aField[n]) ){
      n++;
    }
    if( n==pUnique->n ) return 1;
  }
  return 0;
}

static int givesIndexed(const OrmModel *pModel, const OrmCond *pWhole){
  const OrmCond *p;
  for(p=ormCondFirst(pWhole); p; p=ormCondAfter(pWhole, p)){
    int iField;
    if( !isEquality(p) || p->left.pField->eType==ORM_TYPE_BOOLEAN ) continue;
    iField = (int)(p->left.pField - pModel->aField);
    if( ormModelIndexed(pModel, 1, &iField) ) return 1;
  }
  return 0;
}

int ormCondSelective(
  Orm *pOrm, OrmErr *pErr, const OrmRel *pRel, const OrmCond *pWhole
){
  const OrmCond *pCond;
  if( pWhole==0 || pRel->pTarget->bView ) return 0;
  if( givesUnique(pRel->pTarget, pWhole) ) return 1;
  if( pRel->bForeign && givesIndexed(pRel->pTarget, pWhole) ) return 1;
  for(pCond=ormCondFirst(pWhole); pCond; pCond=ormCondAfter(pWhole, pCond)){
    if( pCond->eKind==ORM_COND_REL && !pCond->bNot
     && sourceIndexed(pOrm, pErr, pCond->pRel)
     && ormCondSelective(pOrm, pErr, pCond->pRel, pCond->pFirst) ) return 1;
  }
  return 0;
}

/* A test that leaves few rows, or that an index answers. */
static int isNarrowTest(const OrmModel *pModel, const OrmCond *pCond){
  const OrmTest *pTest = pCond->pTest;
  int iField;
  if( pCond->bNot || pCond->left.pzSql || pCond->left.zPath ) return 0;
  if( isEquality(pCond) ) return pCond->left.pField->eType!=ORM_TYPE_BOOLEAN;
  iField = (int)(pCond->left.pField - pModel->aField);
  switch( pTest->eOper ){
    case ORM_OP_LT:  case ORM_OP_LTE: case ORM_OP_GT: case ORM_OP_GTE:
    case ORM_OP_BETWEEN: case ORM_OP_STARTSWITH: case ORM_OP_IS_NULL:
      return ormModelIndexed(pModel, 1, &iField);
  }
  return 0;
}

int ormCondNarrow(
  Orm *pOrm, OrmErr *pErr, const OrmModel *pModel, const OrmCond *pWhole
){
  const OrmCond *pCond;
  if( pWhole==0 ) return 0;
  for(pCond=ormCondFirst(pWhole); pCond; pCond=ormCondAfter(pWhole, pCond)){
    if( pCond->eKind==ORM_COND_TEST && isNarrowTest(pModel, pCond) ) return 1;
    if( pCond->eKind==ORM_COND_REL && !pCond->bNot
     && sourceIndexed(pOrm, pErr, pCond->pRel)
     && ormCondSelective(pOrm, pErr, pCond->pRel, pCond->pFirst) ) return 1;
  }
  return 0;
}

int ormCondAsksEqual(const OrmCond *pWhole){
  const OrmCond *p;
  for(p=ormCondFirst(pWhole); p; p=ormCondAfter(pWhole, p)){
    if( p->bJoin && p->pFirst && ormCondAsksEqual(p->pFirst) ) return 1;
    if( isEquality(p) && p->left.pField->eType!=ORM_TYPE_BOOLEAN ) return 1;
  }
  return 0;
}
