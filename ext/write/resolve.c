/*
** Which objects of a graph exist: rows are looked up by key or natural key, in
** batches, and rows that are one object become one row (C97).
**
** A row can be looked up when the values of its key are known; a key that is
** the key of another row (a reference) is known when that one is resolved.  So
** it goes in rounds, each with one statement a model and kind of key.  A
** document is a tree, so rows do not wait for one another in a circle.
**
** Always true: of the rows of one model with the same key, at most one is not
** merged into another when all are looked up; pHash[0] (key) and pHash[1]
** (natural key) lead to it.
*/
#include "unit.h"

enum { LOOK_WAIT = -1, LOOK_NEW = -2, LOOK_PARTLY = 2 };
                                /* else which key: 0 or 1                     */

typedef struct Batch Batch;
struct Batch {                  /* rows to look up by one kind of key         */
  UnitModel *pModel;
  int iWhich;
  int bNull;                    /* the key is NULL in part                    */
  int n, nAlloc; UnitRow **ap;
  OrmBinds binds;
};

/* ------------------------------------------------------------------------
** Keys
** --------------------------------------------------------------------- */

static int keyFields(const UnitModel *p, int iWhich, const int **pa){
  *pa = iWhich ? p->p->aNatural : p->p->aKey;
  return iWhich ? p->p->nNatural : p->p->nKey;
}

/* The values of a key, as stored: 1, or 0 if they are not all known and not
** NULL. */
static int keyValues(const UnitRow *pRow, int iWhich, struct OrmBind *a){
  const int *aField;
  int n = keyFields(pRow->pModel, iWhich, &aField);
  for(int i=0; i<n; i++){
    if( iWhich==0 && pRow->aFind ){
      a[i] = pRow->aFind[i];
    }else if( pRow->eState==UNIT_OLD ){
      a[i] = pRow->aOld[aField[i]];
    }else if( !ormUnitKnown(pRow, aField[i], &a[i]) ){
      return 0;
    }
    if( a[i].eType==SQLITE_NULL ) return 0;
  }
  return n>0;
}

static u32 keyHash(const UnitModel *p, int iWhich, const struct OrmBind *a){
  const int *aField;
  int n = keyFields(p, iWhich, &aField);
  u32 h = 0;
  for(int i=0; i<n; i++){
    h = h*31 + ormValHash(&a[i], &p->p->aField[aField[i]]);
  }
  return h;
}

static int keySame(
  const UnitModel *p, int iWhich, const struct OrmBind *a,
  const struct OrmBind *b
){
  const int *aField;
  int n = keyFields(p, iWhich, &aField);
  for(int i=0; i<n; i++){
    if( !ormValEqual(&a[i], &b[i], &p->p->aField[aField[i]]) ) return 0;
  }
  return 1;
}

static void hashResize(Unit *p, UnitModel *pModel, int iWhich){
  int nNew = pModel->nHash[iWhich] ? pModel->nHash[iWhich]*4 : 16;
  UnitRow **ap = ormArenaAlloc(p->pArena, nNew*(i64)sizeof(*ap));
  if( ap==0 ) return;
  for(int i=0; i<pModel->nHash[iWhich]; i++){
    UnitRow *pRow = pModel->apHash[iWhich][i], *pNext;
    for(; pRow; pRow=pNext){
      struct OrmBind a[ORM_MAX_KEY];
      u32 h;
      int bKnown = keyValues(pRow, iWhich, a);
      pNext = pRow->pHash[iWhich];
      if( ORM_NEVER(!bKnown) ) continue;
      h = keyHash(pModel, iWhich, a) & (u32)(nNew - 1);
      pRow->pHash[iWhich] = ap[h];
      ap[h] = pRow;
    }
  }
  pModel->apHash[iWhich] = ap;
  pModel->nHash[iWhich] = nNew;
}

/* The row but pNot that has these values as its key, or 0. */
static UnitRow *hashFind(
  UnitModel *pModel, int iWhich, const struct OrmBind *a, const UnitRow *pNot
){
  UnitRow *pRow;
  if( pModel->nHash[iWhich]==0 ) return 0;
  pRow = pModel->apHash[iWhich][keyHash(pModel, iWhich, a)
                                & (u32)(pModel->nHash[iWhich] - 1)];
  for(; pRow; pRow=pRow->pHash[iWhich]){
    struct OrmBind b[ORM_MAX_KEY];
    int bKnown = keyValues(pRow, iWhich, b);
    if( pRow==pNot || pRow->pSame || ORM_NEVER(!bKnown) ) continue;
    if( keySame(pModel, iWhich, a, b) ) return pRow;
  }
  return 0;
}

UnitRow *ormResolveByKey(UnitModel *pModel, const struct OrmBind *aKey){
  return hashFind(pModel, 0, aKey, 0);
}

static void hashAdd(
  Unit *p, UnitRow *pRow, int iWhich, const struct OrmBind *a
){
  UnitModel *pModel = pRow->pModel;
  u32 h;
  if( pRow->mHashed>>iWhich & 1 ) return;
  if( pModel->nHashed[iWhich]>=pModel->nHash[iWhich] ){
    hashResize(p, pModel, iWhich);
  }
  if( pModel->nHash[iWhich]==0 ) return;
  h = keyHash(pModel, iWhich, a) & (u32)(pModel->nHash[iWhich] - 1);
  pRow->pHash[iWhich] = pModel->apHash[iWhich][h];
  pModel->apHash[iWhich][h] = pRow;
  pModel->nHashed[iWhich]++;
  pRow->mHashed |= (u8)(1<<iWhich);
}

/* ------------------------------------------------------------------------
** Rows that are one object
** --------------------------------------------------------------------- */

static int isKeyField(const OrmModel *pModel, int iField){
  for(int i=0; i<pModel->nNatural; i++){
    if( pModel->aNatural[i]==iField ) return 1;
  }
  return pModel->aField[iField].iKey>0;
}

/* Does a reference lead to this field? */
static int leadsTo(const UnitVal *pVal, const UnitRow *pTo, int iField){
  for(int n=0; pVal->eKind==UNIT_REF && n<UNIT_MAX_HOP; n++){
    const UnitRow *pRow = ormUnitSame(pVal->pRef);
    if( pRow==pTo && pVal->iRef==iField ) return 1;
    if( pRow->aVal==0 ) return 0;
    pVal = &pRow->aVal[pVal->iRef];
  }
  return 0;
}

/* The same field from two places: equal, or a complaint (C97).  A reference
** wins over a plain value, but not one that led from the one row to the other:
** it would have its value from itself. */
static void mergeValue(
  Unit *p, UnitRow *pTo, const UnitRow *pFrom, int i
){
  UnitVal *a = ormUnitVal(p, pTo, i);
  const UnitVal *b = &pFrom->aVal[i];
  const OrmField *pField = &pTo->pModel->p->aField[i];
  struct OrmBind v;
  if( a==0 || b->eKind==UNIT_NONE || leadsTo(b, pTo, i) ) return;
  if( a->eKind==UNIT_NONE || leadsTo(a, pTo, i) || (b->bRel && !a->bRel) ){
    *a = *b;
    return;
  }
  if( a->bRel && !b->bRel ) return;
  if( a->eKind==UNIT_REF && b->eKind==UNIT_REF ){
    ormUnitAgree(p, a, b->pRef, b->iRef, b->pNode);
    return;
  }
  if( a->eKind==UNIT_BIND && b->eKind==UNIT_BIND ){
    struct OrmBind vFrom = b->v;
    v = a->v;
    ormValAffinity(p->pArena, &v, pField->cAff);
    ormValAffinity(p->pArena, &vFrom, pField->cAff);
    if( b->eNull>a->eNull ) a->eNull = b->eNull;
    if( ormValueSame(p->pArena, pField, &vFrom, &v) ) return;
    if( isKeyField(pTo->pModel->p, i)
     && ormValEqual(&vFrom, &v, pField) ) return;
  }
  ormUnitErr(p, SQLITE_ERROR, b->pNode, "%s %s is given twice in this graph,"
      " with another %s here than at %s", pTo->pModel->p->zName,
      pFrom->eRole==UNIT_OBJECT ? "object" : "key", pField->zName,
      ormJsonPath(p->pArena, pTo->pNode));
}

/* A key that only names an object does not change it: 'HOME' finds 'Home' where
** case does not matter.  Of the two it is found by, that of the object counts.
*/
static void dropNames(UnitRow *pTo, UnitRow *pFrom){
  const OrmModel *pModel = pTo->pModel->p;
  for(int i=0; pFrom->aVal && i<pModel->nKey; i++){
    int iField = pModel->aKey[i];
    UnitVal *pVal = &pFrom->aVal[iField];
    if( pVal->eKind!=UNIT_BIND || pVal->bRel ) continue;
    if( pFrom->eRole!=UNIT_OBJECT ) pVal->eKind = UNIT_NONE;
    else if( pTo->aVal && pTo->eRole!=UNIT_OBJECT ) pTo->aVal[iField] = *pVal;
  }
}

static void mergeRows(Unit *p, UnitRow *pTo, UnitRow *pFrom){
  dropNames(pTo, pFrom);
  pFrom->pSame = pTo;
  pTo->bMerged = 1;
  if( pFrom->eRole<pTo->eRole ){
    pTo->eRole = pFrom->eRole;
    pTo->pNode = pFrom->pNode;
    pTo->pVia = pFrom->pVia;
    if( pTo->eState==UNIT_GONE ) pTo->eState = UNIT_NEW;
  }
  pTo->bRoot |= pFrom->bRoot;
  if( pFrom->aVal==0 ) return;
  for(int i=0; i<pTo->pModel->p->nField; i++) mergeValue(p, pTo, pFrom, i);
}

/* Merge a row into one that has the same key, or make it known by its keys.
** Of two with one natural key, one that is there and one that is not, each has
** a key of its own: these are two. */
static void rowKnown(Unit *p, UnitRow *pRow){
  struct OrmBind a[ORM_MAX_KEY];
  for(int iWhich=0; iWhich<2; iWhich++){
    UnitRow *pOther;
    if( !keyValues(pRow, iWhich, a) ) continue;
    pOther = hashFind(pRow->pModel, iWhich, a, pRow);
    if( pOther && !(pRow->bRoot && pOther->bRoot && p->eMode!=ORM_WRITE_SAVE)
     && (pOther->eState==pRow->eState || pOther->eState==UNIT_GONE) ){
      mergeRows(p, pOther, pRow);
      return;
    }
    hashAdd(p, pRow, iWhich, a);
  }
}

/* ------------------------------------------------------------------------
** What there is to look up
** --------------------------------------------------------------------- */

/* A key to look by is known; yet one that names a member waits for the owner,
** as do those whose key is made of his, which could be this one. */
static int lookAsGiven(const UnitRow *pRow, int n, const int *aField){
  for(int i=0; i<n && pRow->eRole==UNIT_LINK; i++){
    const UnitVal *pVal = &pRow->aVal[aField[i]];
    if( pVal->eKind==UNIT_REF
     && ormUnitSame(pVal->pRef)->eState==UNIT_ASK ) return LOOK_WAIT;
  }
  return 0;
}

/* Can a row be found by this key now?  LOOK_NEW: by no means. */
static int lookBy(const UnitRow *pRow, int iWhich){
  const int *aField;
  int n = keyFields(pRow->pModel, iWhich, &aField);
  if( iWhich==0 && pRow->aFind ) return lookAsGiven(pRow, n, aField);
  if( n==0 || pRow->aVal==0 ) return LOOK_NEW;
  for(int i=0; i<n; i++){
    const UnitVal *pVal = &pRow->aVal[aField[i]];
    struct OrmBind v;
    if( pVal->eKind==UNIT_BIND && pVal->v.eType!=SQLITE_NULL ) continue;
    if( pVal->eKind!=UNIT_REF ) return LOOK_NEW;
    if( ormUnitSame(pVal->pRef)->eState==UNIT_ASK ) return LOOK_WAIT;
    if( ormUnitSame(pVal->pRef)->eState==UNIT_NEW
     || !ormUnitKnown(pRow, aField[i], &v) ) return LOOK_NEW;
  }
  return iWhich;
}

/* The values of a primary key of which some are NULL, not all (C99). */
static int partlyNull(const UnitRow *pRow, struct OrmBind *a){
  const int *aField;
  int n = keyFields(pRow->pModel, 0, &aField), nNull = 0;
  for(int i=0; i<n && pRow->aVal; i++){
    const UnitVal *pVal = &pRow->aVal[aField[i]];
    if( pVal->eKind==UNIT_NONE || !ormUnitKnown(pRow, aField[i], &a[i]) ){
      return 0;
    }
    nNull += a[i].eType==SQLITE_NULL;
  }
  return nNull>0 && nNull<n;
}

static int lookHow(const Unit *p, const UnitRow *pRow){
  struct OrmBind a[ORM_MAX_KEY];
  int e;
  if( pRow->bRoot && p->eMode!=ORM_WRITE_SAVE && p->eMode!=ORM_WRITE_UPDATE ){
    return LOOK_NEW;
  }
  e = lookBy(pRow, 0);
  if( e==LOOK_NEW ) e = lookBy(pRow, 1);
  return e==LOOK_NEW && partlyNull(pRow, a) ? LOOK_PARTLY : e;
}

static const char *keyWords(Unit *p, const UnitRow *pRow){
  struct OrmBind a[ORM_MAX_KEY];
  OrmBuf buf;
  const char *z;
  if( !keyValues(pRow, 0, a) ) return "";
  ormBufInit(&buf, p->pErr);
  for(int i=0; i<pRow->pModel->p->nKey; i++){
    if( i ) ormBufAdd(&buf, ", ", 2);
    ormValText1(&buf, &a[i]);
  }
  z = ormArenaText(p->pArena, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  return z ? z : "";
}

static void checkWords(
  Unit *p, const UnitRow *pRow, int mWord, const char *zWord
){
  const OrmRel *pRel = pRow->pVia;
  if( pRel==0 || pRow->eRole!=UNIT_OBJECT || (pRel->mCascade & mWord) ) return;
  ormUnitErr(p, SQLITE_ERROR, pRow->pNode, "relationship %s.%s has not the"
      " cascade word %s: its objects can be linked by key, not written",
      pRel->pModel->zName, pRel->zName, zWord);
}

/* Is nothing done if a row is not there? */
static int needNotBe(const UnitRow *pRow){
  return pRow->eRole==UNIT_FIND || (pRow->bRoot && pRow->aFind);
}

/* A row that is not there: to be inserted, or missing. */
static void rowNew(Unit *p, UnitRow *pRow){
  pRow->eState = UNIT_NEW;
  if( needNotBe(pRow) ){
    pRow->eState = UNIT_GONE;
    return;
  }
  if( pRow->eRole==UNIT_LINK ){
    pRow->eState = UNIT_GONE;
    ormUnitErr(p, SQLITE_CONSTRAINT_FOREIGNKEY, pRow->pNode, "no such %s: %s",
               pRow->pModel->p->zName, keyWords(p, pRow));
    return;
  }
  rowKnown(p, pRow);
}

static int isDeleted(const UnitRow *pRow){
  const OrmModel *pModel = pRow->pModel->p;
  const struct OrmBind *pOld;
  if( pModel->iSoftDelete<0 ) return 0;
  pOld = &pRow->aOld[pModel->iSoftDelete];
  if( pModel->aField[pModel->iSoftDelete].eType!=ORM_TYPE_BOOLEAN ){
    return pOld->eType!=SQLITE_NULL;
  }
  return (pOld->eType==SQLITE_INTEGER && pOld->u.i!=0)
      || (pOld->eType==SQLITE_FLOAT && (pOld->u.r<0 || pOld->u.r>0));
}

static void rowOld(Unit *p, UnitRow *pRow){
  pRow->eState = UNIT_OLD;
  if( isDeleted(pRow) ){
    if( needNotBe(pRow) ){
      pRow->eState = UNIT_GONE;
      return;
    }
    ormUnitErr(p, SQLITE_ERROR, pRow->pNode, "%s %s is deleted: orm_restore()"
               " brings it back", pRow->pModel->p->zName, keyWords(p, pRow));
  }
  rowKnown(p, pRow);
}

/* ------------------------------------------------------------------------
** Statements
** --------------------------------------------------------------------- */

/* The columns to read of existing rows of a model, in field order. */
void ormResolveColumns(
  Unit *p, UnitModel *pModel, OrmBuf *pBuf, const char *zAlias
){
  ORM_UNUSED(p);
  for(int i=0, n=0; i<pModel->p->nField; i++){
    if( !pModel->abNeed[i] ) continue;
    if( n++ ) ormBufAdd(pBuf, ", ", 2);
    ormBufColumn(pBuf, zAlias, pModel->p->aField[i].zName);
  }
}

/* Take the columns of a row of ormResolveColumns(), from iCol on. */
static void readOld(Unit *p, UnitRow *pRow, sqlite3_stmt *pStmt, int iCol){
  const OrmModel *pModel = pRow->pModel->p;
  pRow->aOld = ormArenaAlloc(p->pArena,
                             pModel->nField*(i64)sizeof(struct OrmBind));
  for(int i=0; i<pModel->nField && pRow->aOld; i++){
    if( !pRow->pModel->abNeed[i] ) continue;
    ormUnitTake(p->pArena, &pRow->aOld[i], sqlite3_column_value(pStmt, iCol++));
  }
}

/* A row of the file becomes one of the unit, the one it is already if it is.
** 0 after an error, or if it is soft-deleted. */
UnitRow *ormResolveStored(
  Unit *p, OrmModel *pModel, sqlite3_stmt *pStmt, int iCol
){
  UnitRow *pRow = ormUnitRow(p, pModel, UNIT_PRESENT, 0);
  if( pRow==0 ) return 0;
  readOld(p, pRow, pStmt, iCol);
  if( p->pErr->rc ) return 0;
  pRow->eState = UNIT_OLD;
  if( isDeleted(pRow) ){
    pRow->eState = UNIT_GONE;
    return 0;
  }
  rowKnown(p, pRow);
  return ormUnitSame(pRow);
}

static void lookSql(Unit *p, const Batch *pBatch, OrmBuf *pBuf){
  UnitModel *pModel = pBatch->pModel;
  const int *aField;
  int n = keyFields(pModel, pBatch->iWhich, &aField);
  ormBufAdd(pBuf, "SELECT ", -1);
  if( pBatch->n>1 ) ormBufAdd(pBuf, "k.i, ", -1);
  ormResolveColumns(p, pModel, pBuf, "t");
  ormBufAdd(pBuf, " FROM ", -1);
  if( pBatch->n>1 ) ormBufAdd(pBuf, "orm_keys(?1) AS k CROSS JOIN ", -1);
  ormBufTable(pBuf, pModel->p->zTable);
  ormBufAdd(pBuf, " AS t WHERE ", -1);
  for(int i=0; i<n; i++){
    if( i ) ormBufAdd(pBuf, " AND ", 5);
    ormBufColumn(pBuf, "t", pModel->p->aField[aField[i]].zName);
    ormBufAdd(pBuf, pBatch->bNull ? " IS " : " = ", -1);
    if( pBatch->n>1 ) ormBufPrintf(pBuf, "k.k%d", i);
    else ormBufPrintf(pBuf, "?%d", i+1);
  }
  if( pBatch->iWhich && pModel->p->bNaturalLiving ){
    ormBufAdd(pBuf, " AND ", 5);
    ormBufColumn(pBuf, "t", pModel->p->aField[pModel->p->iSoftDelete].zName);
    ormBufAdd(pBuf, " IS NULL", -1);
  }
}

static void lookUp(Unit *p, Batch *pBatch){
  OrmBuf buf;
  OrmStmt *pStmt;
  OrmKeys keys;
  int bMany = pBatch->n>1;
  if( pBatch->n==0 || p->pErr->rc ) return;
  ormBufInit(&buf, p->pErr);
  lookSql(p, pBatch, &buf);
  pStmt = ormStmtTake(p->pOrm, p->pErr, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  if( bMany ){
    memset(&keys, 0, sizeof(keys));
    keys.nCol = pBatch->iWhich ? pBatch->pModel->p->nNatural
                               : pBatch->pModel->p->nKey;
    keys.nKey = pBatch->n;
    keys.aBind = pBatch->binds.a;
    ormKeysBind(p->pErr, pStmt, 1, &keys);
  }else{
    ormBindAll(p->pErr, pStmt, 1, &pBatch->binds);
  }
  while( ormStmtStep(p->pOrm, p->pErr, pStmt) ){
    int i = bMany ? sqlite3_column_int(pStmt->p, 0) : 0;
    if( i>=0 && i<pBatch->n ) readOld(p, pBatch->ap[i], pStmt->p, bMany);
  }
  ormStmtGive(p->pOrm, p->pErr, pStmt);
  if( bMany ) ormKeysCheck(p->pErr, &keys);
  for(int i=0; i<pBatch->n && p->pErr->rc==SQLITE_OK; i++){
    if( pBatch->ap[i]->aOld ) rowOld(p, pBatch->ap[i]);
    else rowNew(p, pBatch->ap[i]);
  }
}

/* ------------------------------------------------------------------------
** Rounds
** --------------------------------------------------------------------- */

static Batch *batchFor(
  Unit *p, Batch **pa, int *pn, int *pnAlloc, UnitModel *pModel, int e
){
  Batch *pNew;
  int bNull = e==LOOK_PARTLY, iWhich = bNull ? 0 : e;
  for(int i=0; i<*pn; i++){
    pNew = &(*pa)[i];
    if( pNew->pModel==pModel && pNew->iWhich==iWhich && pNew->bNull==bNull ){
      return pNew;
    }
  }
  pNew = ormArenaGrow(p->pArena, (void**)pa, *pn, pnAlloc, (int)sizeof(*pNew));
  if( pNew==0 ) return 0;
  memset(pNew, 0, sizeof(*pNew));
  pNew->pModel = pModel;
  pNew->iWhich = iWhich;
  pNew->bNull = bNull;
  pNew->binds.pArena = p->pArena;
  (*pn)++;
  return pNew;
}

static void batchAdd(
  Unit *p, Batch *pBatch, UnitRow *pRow, const struct OrmBind *a
){
  const int *aField;
  int n = keyFields(pBatch->pModel, pBatch->iWhich, &aField);
  UnitRow **pp = ormArenaGrow(p->pArena, (void**)&pBatch->ap, pBatch->n,
                              &pBatch->nAlloc, (int)sizeof(*pp));
  if( pp==0 ) return;
  for(int i=0; i<n; i++){
    struct OrmBind *pBind = ormArenaGrow(p->pArena, (void**)&pBatch->binds.a,
        pBatch->binds.n, &pBatch->binds.nAlloc, (int)sizeof(*pBind));
    if( pBind==0 ) return;
    *pBind = a[i];
    pBatch->binds.n++;
  }
  *pp = pRow;
  pBatch->n++;
}

/* Decide on one row: 1 if it is done or in a batch. */
static int lookRow(
  Unit *p, UnitRow *pRow, Batch **pa, int *pn, int *pnAlloc
){
  struct OrmBind a[ORM_MAX_KEY];
  UnitRow *pOther;
  Batch *pBatch;
  int e = lookHow(p, pRow);
  if( e==LOOK_WAIT ) return 0;
  if( e==LOOK_PARTLY ? !partlyNull(pRow, a)
                     : e==LOOK_NEW || !keyValues(pRow, e, a) ){
    rowNew(p, pRow);
    return 1;
  }
  if( e!=LOOK_PARTLY ){         /* NULL is like no other                      */
    pOther = hashFind(pRow->pModel, e, a, 0);
    if( pOther ){
      mergeRows(p, pOther, pRow);
      return 1;
    }
    hashAdd(p, pRow, e, a);
  }
  pBatch = batchFor(p, pa, pn, pnAlloc, pRow->pModel, e);
  if( pBatch ) batchAdd(p, pBatch, pRow, a);
  return 1;
}

/* One round over the pending rows; returns how many are still pending, none
** after an error. */
static int lookRound(Unit *p, UnitRow **ap, int n){
  Batch *aBatch = 0;
  int nBatch = 0, nAlloc = 0, nLeft = 0;
  for(int i=0; i<n && p->pErr->rc==SQLITE_OK; i++){
    if( !lookRow(p, ap[i], &aBatch, &nBatch, &nAlloc) ) ap[nLeft++] = ap[i];
  }
  for(int i=0; i<nBatch; i++) lookUp(p, &aBatch[i]);
  return p->pErr->rc ? 0 : nLeft;
}

/* ------------------------------------------------------------------------
** What may not be written
** --------------------------------------------------------------------- */

static void checkVersion(Unit *p, UnitRow *pRow){
  const OrmModel *pModel = pRow->pModel->p;
  UnitVal *pVal;
  OrmBuf given, stored;
  if( pModel->iVersion<0 ) return;
  pVal = &pRow->aVal[pModel->iVersion];
  if( pVal->eKind!=UNIT_BIND ) return;
  if( pVal->v.eType==SQLITE_NULL ){
    ormUnitErr(p, SQLITE_CONSTRAINT, pVal->pNode, "the version of %s cannot be"
               " null", pModel->zName);                              /* C104 */
    return;
  }
  if( pRow->eState!=UNIT_OLD ) return;
  if( ormValueSame(p->pArena, &pModel->aField[pModel->iVersion], &pVal->v,
                   &pRow->aOld[pModel->iVersion]) ){
    pVal->eKind = UNIT_NONE;
    return;
  }
  ormBufInit(&given, p->pErr);
  ormBufInit(&stored, p->pErr);
  ormValText1(&given, &pVal->v);
  ormValText1(&stored, &pRow->aOld[pModel->iVersion]);
  ormUnitErr(p, SQLITE_CONSTRAINT, pRow->pNode, "stale %s %s: version %s given,"
             " %s stored", pModel->zName, keyWords(p, pRow), ormBufText(&given),
             ormBufText(&stored));
  ormBufFree(&given);
  ormBufFree(&stored);
}

/* A value that equals what is stored is none (C20); one that may not be
** written is a complaint. */
static void checkValue(Unit *p, UnitRow *pRow, int i){
  const OrmField *pField = &pRow->pModel->p->aField[i];
  UnitVal *pVal = &pRow->aVal[i];
  int bOld = pRow->eState==UNIT_OLD;
  if( pVal->eKind==UNIT_INC && !bOld ){
    ormUnitErr(p, SQLITE_ERROR, pVal->pNode, "$inc needs an object that is"
               " there already");
    return;
  }
  if( bOld && pRow->eRole!=UNIT_OBJECT && !pVal->bRel ){
    pVal->eKind = UNIT_NONE;            /* it has found the object, no more   */
    return;
  }
  if( bOld && pVal->eKind==UNIT_BIND
   && ((pVal->zWanted==0
        && ormValueSame(p->pArena, pField, &pVal->v, &pRow->aOld[i]))
       || ormValueRaw(p->pArena, pField, pVal->pNode, &pRow->aOld[i])) ){
    pVal->eKind = UNIT_NONE;
    return;
  }
  if( pVal->zWanted ) ormUnitWrong(p, pField, pVal->pNode, pVal->zWanted);
  if( pField->bGenerated || (pField->bReadonly && !pVal->bRel) ){
    if( pField->iKey && bOld && pRow->aFind==0 ){
      pVal->eKind = UNIT_NONE;
      return;
    }
    ormUnitErr(p, SQLITE_ERROR, pVal->pNode, "%s is %s", pField->zName,
               pField->bGenerated ? "generated" : "readonly");
  }
}

void ormResolveTypes(Unit *p, UnitRow *pRow){
  for(int i=0; pRow->aVal && i<pRow->pModel->p->nField; i++){
    const UnitVal *pVal = &pRow->aVal[i];
    if( pVal->eKind!=UNIT_BIND || pVal->zWanted==0 ) continue;
    ormUnitWrong(p, &pRow->pModel->p->aField[i], pVal->pNode, pVal->zWanted);
  }
}

static void checkRow(Unit *p, UnitRow *pRow){
  if( pRow->eState!=UNIT_OLD && pRow->eState!=UNIT_NEW ){
    ormResolveTypes(p, pRow);
    return;
  }
  if( pRow->eState==UNIT_NEW ){
    checkWords(p, pRow, ORM_CASCADE_SAVE_UPDATE, "save-update");
  }else{
    checkWords(p, pRow, ORM_CASCADE_MERGE, "merge");
  }
  if( pRow->aVal==0 ) return;
  checkVersion(p, pRow);
  for(int i=0; i<pRow->pModel->p->nField; i++){
    if( pRow->aVal[i].eKind!=UNIT_NONE ) checkValue(p, pRow, i);
  }
}

/* What a field has that had to agree with another row's: what it refers to, or
** what a merge found to be there. */
static int agreeValue(
  Unit *p, const UnitAgree *pAgree, const UnitRow *pTo, struct OrmBind *pOut
){
  const UnitVal *pVal = pAgree->pVal;
  if( pVal->eKind==UNIT_REF ) return ormUnitKnown(pVal->pRef, pVal->iRef, pOut);
  *pOut = pVal->v;
  ormValAffinity(p->pArena, pOut, pTo->pModel->p->aField[pAgree->iRef].cAff);
  return pVal->eKind==UNIT_BIND;
}

static void checkAgree(Unit *p, const UnitAgree *pAgree){
  const UnitVal *pVal = pAgree->pVal;
  UnitRow *pTo = ormUnitSame(pAgree->pRef);
  struct OrmBind a, b;
  if( pVal->eKind==UNIT_REF && ormUnitSame(pVal->pRef)==pTo
   && pVal->iRef==pAgree->iRef ) return;
  if( agreeValue(p, pAgree, pTo, &a)
   && ormUnitKnown(pTo, pAgree->iRef, &b) && ormValSame(&a, &b) ) return;
  ormUnitErr(p, SQLITE_ERROR, pAgree->pNode, "it belongs to two objects at"
      " once: also to the one at %s",
      ormJsonPath(p->pArena, pVal->pNode));
}

void ormResolve(Unit *p){
  UnitRow **ap, *pRow;
  int n = 0, nLeft;
  ap = ormArenaAlloc(p->pArena, (p->nRow + 1)*(i64)sizeof(*ap));
  if( ap==0 ) return;
  for(pRow=p->pFirst; pRow; pRow=pRow->pNext){
    if( pRow->eState==UNIT_ASK ) ap[n++] = pRow;
  }
  while( n>0 ){
    nLeft = lookRound(p, ap, n);
    if( ORM_NEVER(nLeft==n) ){
      ormErr(p->pErr, SQLITE_INTERNAL, "orm: objects wait for one another");
      nLeft = 0;
    }
    n = nLeft;
  }
  ormNullsKeep(p);
  for(pRow=p->pFirst; pRow && p->pErr->rc==SQLITE_OK; pRow=pRow->pNext){
    if( pRow->pSame==0 ) checkRow(p, pRow);
  }
  for(UnitAgree *pAgree=p->pAgree; pAgree; pAgree=pAgree->pNext){
    checkAgree(p, pAgree);
  }
}
