/*
** What is checked when all is written: links that lead nowhere, which SQLite
** looks for only while foreign keys are on (DESIGN.md 2, rule 3), and objects
** that have one parent too many (C56).
**
** Each check is one statement over a list of keys that gives the position of
** the first offender.
*/
#include "unit.h"

typedef struct KeyList KeyList;
struct KeyList {
  OrmBinds binds;
  int nCol;
  int n, nAlloc;
  const OrmJson **apNode;       /* where each key was given                   */
  const UnitRow **apRow; int nRowAlloc;
};

static void listInit(KeyList *p, OrmArena *pArena, int nCol){
  memset(p, 0, sizeof(*p));
  p->binds.pArena = pArena;
  p->nCol = nCol;
}

static void listAdd(
  KeyList *p, const struct OrmBind *a, const OrmJson *pNode, const UnitRow *pRow
){
  OrmArena *pArena = p->binds.pArena;
  const OrmJson **pp = ormArenaGrow(pArena, (void**)&p->apNode, p->n,
                                    &p->nAlloc, (int)sizeof(*pp));
  const UnitRow **ppRow = ormArenaGrow(pArena, (void**)&p->apRow, p->n,
                                       &p->nRowAlloc, (int)sizeof(*ppRow));
  if( ppRow==0 ) return;        /* the arena gives nothing after a failure    */
  *pp = pNode;
  *ppRow = pRow;
  for(int i=0; i<p->nCol; i++){
    struct OrmBind *pBind = ormArenaGrow(pArena, (void**)&p->binds.a,
                          p->binds.n, &p->binds.nAlloc, (int)sizeof(*pBind));
    if( pBind==0 ) return;
    *pBind = a[i];
    p->binds.n++;
  }
  p->n++;
}

/* The position that the statement gives, or -1. */
static int firstBad(Orm *pOrm, OrmErr *pErr, KeyList *p, OrmBuf *pSql){
  OrmStmt *pStmt;
  OrmKeys keys;
  int i = -1;
  memset(&keys, 0, sizeof(keys));
  keys.nCol = p->nCol;
  keys.nKey = p->n;
  keys.aBind = p->binds.a;
  pStmt = ormStmtTake(pOrm, pErr, ormBufText(pSql), pSql->n);
  ormKeysBind(pErr, pStmt, 1, &keys);
  if( ormStmtStep(pOrm, pErr, pStmt) ) i = sqlite3_column_int(pStmt->p, 0);
  ormStmtGive(pOrm, pErr, pStmt);
  ormKeysCheck(pErr, &keys);
  return pErr->rc || i>=p->n ? -1 : i;
}

/* " WHERE t.a = k.k0", " AND t.b = k.k1" */
static void addMatch(
  OrmBuf *pBuf, const char *zColumn, const char *zKey, int i
){
  ormBufAdd(pBuf, i ? " AND " : " WHERE ", -1);
  ormBufColumn(pBuf, "t", zColumn);
  ormBufAdd(pBuf, " = ", 3);
  ormBufPrintf(pBuf, zKey, i);
}

/* The first of the list that no row of a table has in these columns, or -1.
** As in SQLite's own check the values take the type of the columns (+k.k0). */
static int firstMissing(
  Orm *pOrm, OrmErr *pErr, KeyList *pList, const char *zTable,
  const char *const *azColumn
){
  OrmBuf buf;
  int iBad;
  if( pList->n==0 ) return -1;
  ormBufInit(&buf, pErr);
  ormBufAdd(&buf, "SELECT k.i FROM orm_keys(?1) AS k WHERE NOT EXISTS ("
            "SELECT 1 FROM ", -1);
  ormBufTable(&buf, zTable);
  ormBufAdd(&buf, " AS t", -1);
  for(int i=0; i<pList->nCol; i++) addMatch(&buf, azColumn[i], "+k.k%d", i);
  ormBufAdd(&buf, ") LIMIT 1", -1);
  iBad = firstBad(pOrm, pErr, pList, &buf);
  ormBufFree(&buf);
  return iBad;
}

/* ------------------------------------------------------------------------
** Foreign keys
** --------------------------------------------------------------------- */

/* May a row that gives no foreign key get one, by a DEFAULT? */
int ormCheckDefaults(const OrmModel *pModel){
  for(int i=0; i<pModel->nField; i++){
    const char *z = pModel->aField[i].zDefault;
    if( z==0 || sqlite3_stricmp(z, "NULL")==0 ) continue;
    if( ormFieldRefers(pModel, i) ) return 1;
  }
  return 0;
}

/* Do all columns of a foreign key come from one row that it may refer to?  It
** is there then.  A relationship by other columns says nothing of this one. */
static int fromTarget(const UnitRow *pRow, const OrmFk *pFk){
  const UnitVal *pFirst = &pRow->aVal[pFk->aField[0]];
  for(int i=0; i<pFk->n; i++){
    const UnitVal *pVal = &pRow->aVal[pFk->aField[i]];
    const OrmModel *pTo;
    if( pVal->eKind!=UNIT_REF || pVal->pRef!=pFirst->pRef ) return 0;
    pTo = pVal->pRef->pModel->p;
    if( sqlite3_stricmp(pTo->zTable, pFk->zTarget)!=0
     || sqlite3_stricmp(pTo->aField[pVal->iRef].zName, pFk->azTo[i])!=0 ){
      return 0;
    }
  }
  return 1;
}

/* Has the row given this field a value?  A new row has also got the DEFAULT.
** bAll: a NULL that a relationship gave counts too. */
static int isGiven(const UnitRow *pRow, int iField, int bAll){
  const UnitVal *pVal = pRow->aVal ? &pRow->aVal[iField] : 0;
  if( pVal==0 || pVal->eKind==UNIT_NONE ){
    return pRow->eState==UNIT_NEW && pRow->pModel->p->aField[iField].zDefault;
  }
  return bAll || pVal->eKind==UNIT_REF || !pVal->bRel;
}

/* The values that a row gives to a foreign key: 1, or 0 if there are none to
** check.  bAll: also where a relationship gave all, or NULL. */
static int fkValues(
  const UnitRow *pRow, const OrmFk *pFk, int bAll, struct OrmBind *a,
  const OrmJson **ppNode
){
  int bGiven = 0;
  if( pFk->azTo[0][0]==0 ) return 0;
  if( !bAll && pRow->aVal && fromTarget(pRow, pFk) ) return 0;
  *ppNode = pRow->pNode;
  for(int i=0; i<pFk->n; i++){
    int f = pFk->aField[i];
    if( isGiven(pRow, f, bAll) ){
      bGiven = 1;
      if( pRow->aVal && pRow->aVal[f].pNode ) *ppNode = pRow->aVal[f].pNode;
    }
    if( !ormUnitKnown(pRow, f, &a[i]) || a[i].eType==SQLITE_NULL ) return 0;
  }
  return bGiven;
}

static void fkError(
  Unit *p, const UnitModel *pModel, const OrmFk *pFk, const OrmJson *pNode
){
  ormErr(p->pErr, SQLITE_CONSTRAINT_FOREIGNKEY, "orm: %s: FOREIGN KEY"
      " constraint failed: %s.%s: no such row in %s",
      ormJsonPath(p->pArena, pNode), pModel->p->zTable,
      pModel->p->aField[pFk->aField[0]].zName, pFk->zTarget);
}

static void checkFk(Unit *p, const UnitModel *pModel, const OrmFk *pFk){
  KeyList list;
  int iBad;
  listInit(&list, p->pArena, pFk->n);
  for(UnitRow *pRow=p->pFirst; pRow; pRow=pRow->pNext){
    struct OrmBind a[ORM_MAX_KEY];
    const OrmJson *pNode;
    if( pRow->pModel!=pModel || !pRow->bWritten ) continue;
    if( fkValues(pRow, pFk, p->pOrphan!=0, a, &pNode) ){
      listAdd(&list, a, pNode, pRow);
    }
  }
  iBad = firstMissing(p->pOrm, p->pErr, &list, pFk->zTarget, pFk->azTo);
  if( iBad>=0 ) fkError(p, pModel, pFk, list.apNode[iBad]);
}

/* SQLite said that some foreign key of the row fails: which?  1: the error is
** replaced by one that says so. */
int ormCheckFailed(Unit *p, const UnitRow *pRow){
  const OrmModel *pModel = pRow->pModel->p;
  for(int i=0; i<pModel->nFk; i++){
    const OrmFk *pFk = &pModel->aFk[i];
    OrmErr err = { SQLITE_OK, 0 };
    OrmArena arena;
    KeyList list;
    struct OrmBind a[ORM_MAX_KEY];
    const OrmJson *pNode;
    int iBad = -1;
    ormArenaInit(&arena, &err);
    listInit(&list, &arena, pFk->n);
    if( fkValues(pRow, pFk, 1, a, &pNode) ){
      listAdd(&list, a, pNode, pRow);
      iBad = firstMissing(p->pOrm, &err, &list, pFk->zTarget, pFk->azTo);
    }
    ormArenaFree(&arena);
    ormErrClear(&err);
    if( iBad==0 ){
      ormErrClear(p->pErr);
      fkError(p, pRow->pModel, pFk, pNode);
      return 1;
    }
  }
  return 0;
}

/* ------------------------------------------------------------------------
** Objects that the graph's own deletes took
** --------------------------------------------------------------------- */

/* Is a row that the document names in the file now, unless it was deleted?  Its
** key then; where some of it is NULL nobody can say. */
static int isExpected(const UnitRow *pRow, struct OrmBind *a){
  const OrmModel *pModel = pRow->pModel->p;
  if( pRow->pSame || pRow->bOrphan || pRow->eRole>UNIT_LINK ) return 0;
  if( pRow->eState!=UNIT_OLD && !pRow->bWritten ) return 0;
  for(int i=0; i<pModel->nKey; i++){
    int f = pModel->aKey[i];
    if( !pRow->bWritten ) a[i] = pRow->aOld[f];
    else if( !ormUnitKnown(pRow, f, &a[i]) ) return 0;
    if( a[i].eType==SQLITE_NULL ) return 0;
  }
  return 1;
}

static void checkAlive(Unit *p, const UnitModel *pModel){
  const OrmModel *pAt = pModel->p;
  const char *az[ORM_MAX_KEY];
  KeyList list;
  int iBad;
  listInit(&list, p->pArena, pAt->nKey);
  for(const UnitRow *pRow=p->pFirst; pRow; pRow=pRow->pNext){
    struct OrmBind a[ORM_MAX_KEY];
    if( pRow->pModel!=pModel || !isExpected(pRow, a) ) continue;
    listAdd(&list, a, pRow->pNode, pRow);
  }
  for(int i=0; i<pAt->nKey; i++) az[i] = pAt->aField[pAt->aKey[i]].zName;
  iBad = firstMissing(p->pOrm, p->pErr, &list, pAt->zTable, az);
  if( iBad<0 ) return;
  ormErr(p->pErr, SQLITE_CONSTRAINT, "orm: %s: this %s is deleted by the same"
      " graph, with an object that leaves its collection",
      ormJsonPath(p->pArena, list.apNode[iBad]), pAt->zName);
}

/* Is every object there that the document names and no delete was asked for?
** A key that is free again could be given to a new object, and the links go
** there. */
void ormCheckAlive(Unit *p){
  for(UnitModel *pAt=p->pModel; pAt && !p->pErr->rc; pAt=pAt->pNext){
    checkAlive(p, pAt);
  }
}

/* ------------------------------------------------------------------------
** single_parent
** --------------------------------------------------------------------- */

static void parentSql(const OrmRel *pRel, OrmBuf *pBuf){
  ormBufAdd(pBuf, "SELECT k.i FROM orm_keys(?1) AS k WHERE (SELECT count(*)"
            " FROM ", -1);
  ormBufTable(pBuf, pRel->zSecondary ? pRel->zSecondary : pRel->pModel->zTable);
  ormBufAdd(pBuf, " AS t", -1);
  for(int i=0; i<pRel->nRemote; i++){
    addMatch(pBuf, pRel->zSecondary ? pRel->azSecRemote[i]
                     : pRel->pModel->aField[pRel->aLocal[i]].zName, "k.k%d", i);
  }
  ormBufAdd(pBuf, ") > 1 LIMIT 1", -1);
}

/* The members of one collection of a single_parent relationship. */
static void checkParents(Unit *p, const UnitColl *pColl){
  const OrmRel *pRel = pColl->pRel;
  KeyList list;
  OrmBuf buf;
  int iBad;
  listInit(&list, p->pArena, pRel->nRemote);
  for(int i=0; i<pColl->nMember; i++){
    const UnitRow *pRow = pColl->aMember[i].p;
    struct OrmBind a[ORM_MAX_KEY];
    memset(a, 0, sizeof(a));
    for(int j=0; j<pRel->nRemote; j++){
      ormUnitKnown(pRow, pRel->aRemote[j], &a[j]);
    }
    listAdd(&list, a, pRow->pNode, pRow);
  }
  if( list.n==0 ) return;
  ormBufInit(&buf, p->pErr);
  parentSql(pRel, &buf);
  iBad = firstBad(p->pOrm, p->pErr, &list, &buf);
  ormBufFree(&buf);
  if( iBad<0 ) return;
  ormErr(p->pErr, SQLITE_CONSTRAINT, "orm: %s: this %s has another %s already,"
      " and %s.%s is single_parent",
      ormJsonPath(p->pArena, list.apNode[iBad]), pRel->pTarget->zName,
      pRel->pModel->zName, pRel->pModel->zName, pRel->zName);
}

void ormCheckWritten(Unit *p){
  for(UnitModel *pModel=p->pModel;
      pModel && (!p->bForeignKeys || p->bDeferred); pModel=pModel->pNext){
    for(int i=0; i<pModel->p->nFk && p->pErr->rc==SQLITE_OK; i++){
      checkFk(p, pModel, &pModel->p->aFk[i]);
    }
  }
  ormRenameCheck(p);
  for(UnitColl *pColl=p->pColl; pColl && !p->pErr->rc; pColl=pColl->pNext){
    const OrmRel *pRel = pColl->pRel;
    if( !pRel->bSingleParent ) continue;
    if( pRel->zSecondary || pRel->bForeign ) checkParents(p, pColl);
  }
}
