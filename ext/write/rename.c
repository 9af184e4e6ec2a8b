/*
** A key that changes: what refers to it follows (DESIGN.md 9), unless the
** declared ON UPDATE does that, or says something else.
**
** References are the edges of rules.c that lead to rows which refer, and link
** tables; and where what refers is part of a key itself, the references to that
** in turn.  They are changed before the row itself, with foreign keys deferred,
** so that a declared RESTRICT finds nobody left behind.  Foreign keys wait too
** where other rows of the document may refer to a key before it is there.
*/
#include "unit.h"

#define MAX_HOPS 8              /* references to references to ..             */

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

/* A table whose rows change: the row that is renamed itself, or rows that refer
** to those of another. */
typedef struct Hop Hop;
struct Hop {
  const Hop *pUp;               /* whose rows they refer to; 0: the row itself*/
  const OrmNode *pNode;
  int n; const int *aFrom, *aTo;             /* columns: of pUp's, its own    */
  int aField[ORM_MAX_KEY];      /* whose new value aTo[i] gets, -1: stays     */
  int nUp;
  u8 bTree;                     /* and those that refer to these the same way */
  u8 bNotRoot;                  /* not what hangs on the row itself, that is  */
                                /*   another hop's, if a circle leads to it   */
};

/* The field of the row whose new value a column of a hop's table gets; or -1.
** aMask: the fields that change. */
static int changedField(
  const UnitRow *pRow, const u64 *aMask, const Hop *pHop, int iCol
){
  int f;
  if( pHop->pUp==0 ){
    f = ormFieldByColumn(pRow->pModel->p, pHop->pNode->aCol[iCol].zName);
    return ORM_ALWAYS(f>=0) && (aMask[f>>6]>>(f & 63) & 1) ? f : -1;
  }
  for(int i=0; i<pHop->n; i++){
    if( pHop->aTo[i]==iCol && pHop->aField[i]>=0 ) return pHop->aField[i];
  }
  return -1;
}

/* Was the same reference followed above, for the same changes? */
static int isKnown(const Hop *pHop){
  for(const Hop *q=pHop->pUp; q; q=q->pUp){
    if( q->aTo==pHop->aTo
     && memcmp(q->aField, pHop->aField, sizeof(q->aField))==0 ) return 1;
  }
  return 0;
}

/* Do those that refer to a hop's rows by the same columns change as these do?
** (A tree whose references hold a part of the key, as a tenant's.) */
static int isTree(const UnitRow *pRow, const u64 *aMask, const Hop *pHop){
  if( pHop->pNode!=pHop->pUp->pNode ) return 0;
  for(int i=0; i<pHop->n; i++){
    if( changedField(pRow, aMask, pHop, pHop->aFrom[i])!=pHop->aField[i] ){
      return 0;
    }
  }
  return 1;
}

/* Does the row that is renamed change itself all that a hop follows?  What
** hangs on it is then found from there. */
static int isRoots(const UnitRow *pRow, const u64 *aMask, const Hop *pHop){
  const Hop *pRoot = pHop->pUp;
  while( pRoot->pUp ) pRoot = pRoot->pUp;
  if( pHop->pUp->pNode!=pRoot->pNode ) return 0;
  for(int i=0; i<pHop->n; i++){
    if( pHop->aField[i]>=0
     && changedField(pRow, aMask, pRoot, pHop->aFrom[i])<0 ) return 0;
  }
  return 1;
}

/* " AND (p.key IS NOT ?n OR ..)": is it another key by its collation?  To a
** declared ON UPDATE one that is not has not changed. */
static void changesSql(
  OrmBuf *pBuf, const OrmModel *pModel, const Hop *pHop, const char *zUp
){
  int n = 0;
  for(int i=0; i<pHop->n; i++){
    if( pHop->aField[i]<0 ) continue;
    ormBufAdd(pBuf, n++ ? " OR " : " AND (", -1);
    ormBufColumn(pBuf, zUp, pHop->pUp->pNode->aCol[pHop->aFrom[i]].zName);
    ormBufPrintf(pBuf, " IS NOT ?%d", pModel->nKey+i+1);
  }
  ormBufChar(pBuf, ')');
}

/* "t.key = +?1 AND ..": the row that is renamed. */
static void rootSql(OrmBuf *pBuf, const OrmModel *pModel, const char *zAlias){
  for(int i=0; i<pModel->nKey; i++){
    if( i ) ormBufAdd(pBuf, " AND ", 5);
    ormBufColumn(pBuf, zAlias, pModel->aField[pModel->aKey[i]].zName);
    ormBufPrintf(pBuf, " = +?%d", i+1);
  }
}

/* "p.key = c.ref AND .." */
static void joinSql(
  OrmBuf *pBuf, const Hop *pHop, const char *zUp, const char *zOwn
){
  for(int i=0; i<pHop->n; i++){
    ormBufAdd(pBuf, " AND ", 5);
    ormBufColumn(pBuf, zUp, pHop->pUp->pNode->aCol[pHop->aFrom[i]].zName);
    ormBufAdd(pBuf, " = ", 3);
    ormBufColumn(pBuf, zOwn, pHop->pNode->aCol[pHop->aTo[i]].zName);
  }
}

/* " AND NOT (..)": another row than the one that is renamed. */
static void notRootSql(
  OrmBuf *pBuf, const OrmModel *pModel, const char *zAlias
){
  ormBufAdd(pBuf, " AND NOT (", -1);
  rootSql(pBuf, pModel, zAlias);
  ormBufChar(pBuf, ')');
}

/* The rows below those of a tree: " UNION SELECT c.id FROM d CROSS JOIN t AS p
** CROSS JOIN t AS c WHERE p.id = d.i0 AND p.key = c.ref) SELECT * FROM d" */
static void treeSql(
  OrmBuf *pBuf, const OrmModel *pModel, const Hop *pHop, const char *zUp,
  const char *zOwn
){
  int n = pHop->nUp;
  ormBufAdd(pBuf, " UNION SELECT ", -1);
  ormNodeIds(pBuf, pHop->pNode, zOwn);
  ormBufPrintf(pBuf, " FROM d%d CROSS JOIN ", n);
  ormBufTable(pBuf, pHop->pNode->zTable);
  ormBufPrintf(pBuf, " AS %s CROSS JOIN ", zUp);
  ormBufTable(pBuf, pHop->pNode->zTable);
  ormBufPrintf(pBuf, " AS %s WHERE 1", zOwn);
  for(int i=0; i<pHop->pNode->nId; i++){
    ormBufAdd(pBuf, " AND ", 5);
    ormBufColumn(pBuf, zUp, pHop->pNode->azId[i]);
    ormBufPrintf(pBuf, " = d%d.i%d", n, i);
  }
  if( pHop->bNotRoot ) notRootSql(pBuf, pModel, zUp);
  joinSql(pBuf, pHop, zUp, zOwn);
  ormBufPrintf(pBuf, ") SELECT * FROM d%d", n);
}

/* Which rows of a hop's table: the one with the key ?1.., or "(id) IN (SELECT
** c.id FROM up AS p CROSS JOIN t AS c WHERE p.. AND p.key = c.ref)".  bNative:
** those alone that a declared ON UPDATE changes. */
static void rowsSql(
  OrmBuf *pBuf, const UnitRow *pRow, const Hop *pHop, const char *zAlias,
  int bNative
){
  const OrmModel *pModel = pRow->pModel->p;
  char zUp[16], zOwn[16];
  if( pHop->pUp==0 ){
    rootSql(pBuf, pModel, zAlias);
    return;
  }
  sqlite3_snprintf((int)sizeof(zUp), zUp, "p%d", pHop->nUp);
  sqlite3_snprintf((int)sizeof(zOwn), zOwn, "c%d", pHop->nUp);
  ormBufChar(pBuf, '(');
  ormNodeIds(pBuf, pHop->pNode, zAlias);
  ormBufAdd(pBuf, ") IN (", -1);
  if( pHop->bTree ){
    ormBufPrintf(pBuf, "WITH RECURSIVE d%d(", pHop->nUp);
    for(int i=0; i<pHop->pNode->nId; i++){
      ormBufPrintf(pBuf, i ? ", i%d" : "i%d", i);
    }
    ormBufAdd(pBuf, ") AS (", -1);
  }
  ormBufAdd(pBuf, "SELECT ", -1);
  ormNodeIds(pBuf, pHop->pNode, zOwn);
  ormBufAdd(pBuf, " FROM ", 6);
  ormBufTable(pBuf, pHop->pUp->pNode->zTable);
  ormBufPrintf(pBuf, " AS %s CROSS JOIN ", zUp);
  ormBufTable(pBuf, pHop->pNode->zTable);
  ormBufPrintf(pBuf, " AS %s WHERE ", zOwn);
  rowsSql(pBuf, pRow, pHop->pUp, zUp, 0);
  if( pHop->bNotRoot && pHop->pUp->pUp ) notRootSql(pBuf, pModel, zUp);
  joinSql(pBuf, pHop, zUp, zOwn);
  if( bNative ) changesSql(pBuf, pModel, pHop, zUp);
  if( pHop->bTree ) treeSql(pBuf, pModel, pHop, zUp, zOwn);
  ormBufChar(pBuf, ')');
}

/* The DEFAULTs that rows of a hop got must lead to rows, which is seen when all
** is written.  What an expression gives only SQLite knows: the column was left
** as it is. */
static void followedDefault(Unit *p, const UnitRow *pRow, const Hop *pHop){
  UnitDefault *pNew = ormArenaAlloc(p->pArena, sizeof(*pNew));
  for(int i=0; i<pHop->n; i++){
    const OrmColumn *pCol = &pHop->pNode->aCol[pHop->aTo[i]];
    if( !pCol->bExpr ) continue;
    ormErr(p->pErr, SQLITE_ERROR, "orm: the DEFAULT of %s.%s, which ON UPDATE"
        " asks for, is an expression", pHop->pNode->zTable, pCol->zName);
    return;
  }
  if( pNew==0 ) return;
  pNew->pRow = pRow;
  pNew->pTo = pHop->pUp->pNode;
  pNew->pFrom = pHop->pNode;
  pNew->n = pHop->n;
  pNew->aTo = pHop->aFrom;
  pNew->aFrom = pHop->aTo;
  pNew->pNext = p->pDefault;
  p->pDefault = pNew;
}

/* Does ON UPDATE give something else than the new value? */
static int isDeclared(int eAction){
  return eAction==ORM_FK_SET_NULL || eAction==ORM_FK_SET_DEFAULT;
}

/* What it gives a column. */
static void declaredSql(OrmBuf *pBuf, const OrmColumn *pCol, int eAction){
  int bDefault = eAction==ORM_FK_SET_DEFAULT;
  if( bDefault && pCol->bExpr ) ormBufName(pBuf, pCol->zName);
  else if( bDefault && pCol->zDefault ) ormBufAdd(pBuf, pCol->zDefault, -1);
  else ormBufAdd(pBuf, "NULL", 4);
}

/* Is a column of a hop's table part of the key by which the row that is renamed
** will be sought?  If it refers to itself, it is among the rows. */
static int isRootKey(const UnitRow *pRow, const Hop *pHop, int iCol){
  const OrmModel *pModel = pRow->pModel->p;
  const OrmNode *pNode = pHop->pNode;
  if( sqlite3_stricmp(pNode->zTable, pModel->zTable)!=0 ) return 0;
  for(int i=0; i<pModel->nKey; i++){
    const char *zName = pModel->aField[pModel->aKey[i]].zName;
    if( sqlite3_stricmp(zName, pNode->aCol[iCol].zName)==0 ) return 1;
  }
  return 0;
}

/* Give the rows of a hop the new values, or what ON UPDATE says. */
static void follow(Unit *p, const UnitRow *pRow, const Hop *pHop, int eAction){
  const OrmModel *pModel = pRow->pModel->p;
  const char *zSep = " AS t SET ";
  int bDeclared = isDeclared(eAction);
  OrmBuf buf;
  OrmStmt *pStmt;
  ormBufInit(&buf, p->pErr);
  ormBufAdd(&buf, "UPDATE ", -1);
  ormBufTable(&buf, pHop->pNode->zTable);
  for(int i=0; i<pHop->n; i++){
    const OrmColumn *pCol = &pHop->pNode->aCol[pHop->aTo[i]];
    if( pHop->aField[i]<0 && !bDeclared ) continue;
    ormBufAdd(&buf, zSep, -1);
    ormBufName(&buf, pCol->zName);
    ormBufAdd(&buf, " = ", 3);
    if( bDeclared ) declaredSql(&buf, pCol, eAction);
    else if( !isRootKey(pRow, pHop, pHop->aTo[i]) ){
      ormBufPrintf(&buf, "?%d", pModel->nKey+i+1);
    }else{
      ormBufAdd(&buf, "CASE WHEN ", -1);
      rootSql(&buf, pModel, "t");
      ormBufAdd(&buf, " THEN ", -1);
      ormBufName(&buf, pCol->zName);
      ormBufPrintf(&buf, " ELSE ?%d END", pModel->nKey+i+1);
    }
    zSep = ", ";
  }
  ormBufAdd(&buf, " WHERE ", -1);
  rowsSql(&buf, pRow, pHop, "t", eAction>=ORM_FK_SET_NULL);
  pStmt = ormStmtTake(p->pOrm, p->pErr, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  for(int i=0; i<pModel->nKey; i++){
    ormBindOne(p->pErr, pStmt, i+1, &pRow->aOld[pModel->aKey[i]]);
  }
  for(int i=0; i<pHop->n; i++){
    struct OrmBind v;
    if( pHop->aField[i]<0 ) continue;
    memset(&v, 0, sizeof(v));
    v.eType = SQLITE_NULL;
    ormUnitKnown(pRow, pHop->aField[i], &v);
    ormBindOne(p->pErr, pStmt, pModel->nKey+i+1, &v);
  }
  ormStmtStep(p->pOrm, p->pErr, pStmt);
  if( p->pErr->rc==SQLITE_OK && eAction==ORM_FK_SET_DEFAULT
   && sqlite3_changes(p->pOrm->db)>0 ) followedDefault(p, pRow, pHop);
  ormStmtGive(p->pOrm, p->pErr, pStmt);
}

static void followNode(Unit*, const UnitRow*, const u64 *aMask, const Hop*);

/* Those that refer to these first: they are found by what is there now.  A
** native action reaches who declares one, but not who refers to those. */
static void followEdge(
  Unit *p, const UnitRow *pRow, const OrmEdge *pEdge, const u64 *aMask,
  const Hop *pUp
){
  Hop hop = { pUp, pEdge->pTo, pEdge->n, pEdge->aFrom, pEdge->aTo, {0}, 0, 0,
              0 };
  int eAction, bHit = 0;
  if( pEdge->pVia==0 && !pEdge->bRefers ) return;
  if( pEdge->pVia ){
    hop.pNode = pEdge->pVia;
    hop.aTo = pEdge->aViaFrom;
  }
  hop.nUp = pUp->nUp + 1;
  for(int i=0; i<hop.n; i++){
    hop.aField[i] = changedField(pRow, aMask, pUp, hop.aFrom[i]);
    bHit |= hop.aField[i]>=0;
  }
  if( !bHit || isKnown(&hop) ) return;
  if( hop.nUp>MAX_HOPS ){
    ormErr(p->pErr, SQLITE_ERROR, "orm: a key of %s cannot change: keys that"
        " refer to it are referred to in turn, more than %d times (to %s)",
        pRow->pModel->p->zName, MAX_HOPS, hop.pNode->zTable);
    return;
  }
  eAction = onUpdate(p, pUp->pNode->zTable, hop.pNode->zTable, hop.pNode,
                     hop.n, hop.aTo);
  hop.bNotRoot = (u8)isRoots(pRow, aMask, &hop);
  hop.bTree = (u8)(!isDeclared(eAction) && isTree(pRow, aMask, &hop));
  if( !isDeclared(eAction) ) followNode(p, pRow, aMask, &hop);
  if( eAction>=ORM_FK_SET_NULL && p->bForeignKeys ) return;
  ormUnitDefer(p);
  follow(p, pRow, &hop, eAction);
}

static void followNode(
  Unit *p, const UnitRow *pRow, const u64 *aMask, const Hop *pHop
){
  const OrmEdge *pEdge = ormNodeEdges(p->pErr, (OrmNode*)pHop->pNode);
  for(; pEdge && p->pErr->rc==SQLITE_OK; pEdge=pEdge->pNext){
    followEdge(p, pRow, pEdge, aMask, pHop);
  }
}

/* Is a field of the mask one that others may refer to? */
static int isReferred(const UnitRow *pRow, const u64 *aMask){
  const OrmModel *pModel = pRow->pModel->p;
  for(int i=0; i<pModel->nField; i++){
    if( (aMask[i>>6]>>(i & 63) & 1) && ormFieldReferred(pModel, i) ) return 1;
  }
  return 0;
}

/* Do the DEFAULTs of a reference lead nowhere? */
static int isLost(Unit *p, const UnitDefault *pDefault){
  OrmBuf buf;
  OrmStmt *pStmt;
  int bLost = 1;
  ormBufInit(&buf, p->pErr);
  ormBufAdd(&buf, "SELECT 1 FROM ", -1);
  ormBufTable(&buf, pDefault->pTo->zTable);
  ormBufAdd(&buf, " WHERE ", -1);
  for(int i=0; i<pDefault->n; i++){
    const OrmColumn *pCol = &pDefault->pFrom->aCol[pDefault->aFrom[i]];
    if( pCol->zDefault==0 || sqlite3_stricmp(pCol->zDefault, "NULL")==0 ){
      bLost = 0;
    }
    if( i ) ormBufAdd(&buf, " AND ", 5);
    ormBufName(&buf, pDefault->pTo->aCol[pDefault->aTo[i]].zName);
    ormBufAdd(&buf, " = ", 3);
    declaredSql(&buf, pCol, ORM_FK_SET_DEFAULT);
  }
  if( bLost ){
    pStmt = ormStmtTake(p->pOrm, p->pErr, ormBufText(&buf), buf.n);
    bLost = !ormStmtStep(p->pOrm, p->pErr, pStmt) && p->pErr->rc==SQLITE_OK;
    ormStmtGive(p->pOrm, p->pErr, pStmt);
  }
  ormBufFree(&buf);
  return bLost;
}

void ormRenameCheck(Unit *p){
  const UnitDefault *pAt = p->pDefault;
  for(; pAt && p->pErr->rc==SQLITE_OK; pAt=pAt->pNext){
    if( !isLost(p, pAt) ) continue;
    ormErr(p->pErr, SQLITE_CONSTRAINT_FOREIGNKEY, "orm: %s: FOREIGN KEY"
           " constraint failed", ormJsonPath(p->pArena, pAt->pRow->pNode));
  }
}

/* Does a row get another value that others may refer to? */
static int isRenamed(Unit *p, const UnitRow *pRow){
  const OrmModel *pModel = pRow->pModel->p;
  if( pRow->pSame || pRow->eState!=UNIT_OLD || pRow->aVal==0 ) return 0;
  for(int i=0; i<pModel->nUnique; i++){
    for(int j=0; j<pModel->aUnique[i].n; j++){
      if( ormFlushChanges(p, pRow, pModel->aUnique[i].aField[j]) ) return 1;
    }
  }
  return 0;
}

void ormRenameDefer(Unit *p){
  if( !p->bForeignKeys || p->nRow==1 ) return;
  for(UnitRow *pRow=p->pFirst; pRow && !p->bDeferred; pRow=pRow->pNext){
    if( isRenamed(p, pRow) ) ormUnitDefer(p);
  }
}

void ormRenameBefore(Unit *p, UnitRow *pRow, const u64 *aMask){
  OrmRules *pRules;
  Hop hop;
  if( p->pErr->rc || !isReferred(pRow, aMask) ) return;
  memset(&hop, 0, sizeof(hop));
  pRules = ormRulesGet(p->pOrm, p->pErr, p->pCatalog);
  if( pRules ){
    hop.pNode = ormNodeFind(p->pErr, pRules, pRow->pModel->p->zTable);
  }
  if( hop.pNode ) followNode(p, pRow, aMask, &hop);
}
