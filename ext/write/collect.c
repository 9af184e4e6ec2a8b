/*
** Collections compared with what is there: which members are new, which have
** left, and what leaving means: an orphan to delete, a reference to set NULL,
** a link row to delete (C25, C50-C59, C62-C68, C95).
**
** The members present are read in one statement for each relationship, and
** become rows of the unit (UNIT_PRESENT) unless they are some already.  A row
** that the graph gives to somebody else has moved and is no orphan (C51).
*/
#include "unit.h"

/* ------------------------------------------------------------------------
** Leaving
** --------------------------------------------------------------------- */

static int isOrphanRel(const OrmRel *p){
  return (p->mCascade & ORM_CASCADE_DELETE_ORPHAN)!=0;
}

static void makeOrphan(
  Unit *p, UnitRow *pRow, const UnitColl *pColl, int bLate
){
  const OrmModel *pModel = pRow->pModel->p;
  struct OrmBind *a;
  if( pRow->bOrphan ) return;
  a = ormArenaAlloc(p->pArena, pModel->nKey*(i64)sizeof(*a));
  if( a==0 ) return;
  for(int i=0; i<pModel->nKey; i++) a[i] = pRow->aOld[pModel->aKey[i]];
  pRow->bOrphan = 1;
  if( pRow->eRole<=UNIT_LINK && !pRow->bRoot ){
    ormUnitErr(p, SQLITE_ERROR, pRow->pNode, "this object is written here and"
               " leaves a collection that deletes it at %s",
               ormJsonPath(p->pArena, pColl->pNode));
  }
  ormUnitOrphan(p, pRow->pModel->p, a, pColl, bLate);
}

/* Set a reference NULL that the row holds to the owner of a collection. */
static void letGo(Unit *p, UnitRow *pRow, const UnitColl *pColl){
  const OrmRel *pRel = pColl->pRel;
  for(int i=0; i<pRel->nRemote; i++){
    const OrmField *pField = &pRow->pModel->p->aField[pRel->aRemote[i]];
    UnitVal *pVal;
    if( pField->iKey ){
      ormUnitErr(p, SQLITE_CONSTRAINT, pColl->pNode, "%s %s is part of the"
          " primary key and cannot be set NULL", pRow->pModel->p->zName,
          pField->zName);                                             /* C24 */
      return;
    }
    pVal = ormUnitVal(p, pRow, pRel->aRemote[i]);
    if( pVal==0 ) return;
    pVal->eKind = UNIT_BIND;
    pVal->bRel = 1;
    memset(&pVal->v, 0, sizeof(pVal->v));
    pVal->v.eType = SQLITE_NULL;
    pVal->pNode = pColl->pNode;
  }
  pRow->bUnlink = 1;
  if( pRow->pNode==0 ) pRow->pNode = pColl->pNode;
}

/* Does the graph itself say who the row belongs to? */
static int isMoved(const UnitRow *pRow, const OrmRel *pRel){
  if( pRow->aVal==0 ) return 0;
  for(int i=0; i<pRel->nRemote; i++){
    const UnitVal *pVal = &pRow->aVal[pRel->aRemote[i]];
    if( pVal->eKind==UNIT_REF ) return 1;
    if( pVal->eKind==UNIT_BIND && !pVal->bRel ) return 1;
  }
  return 0;
}

static void unlinkRow(Unit *p, const UnitColl *pColl, UnitRow *pRow){
  UnitLink *pNew = ormArenaAlloc(p->pArena, sizeof(*pNew));
  if( pNew==0 ) return;
  pNew->pColl = pColl;
  pNew->pRow = pRow;
  pNew->pNext = p->pUnlink;
  p->pUnlink = pNew;
}

/* A member that is there and is to be there no more. */
static void leave(Unit *p, const UnitColl *pColl, UnitRow *pRow){
  const OrmRel *pRel = pColl->pRel;
  if( pRel->zSecondary ){
    unlinkRow(p, pColl, pRow);
    if( isOrphanRel(pRel) ) makeOrphan(p, pRow, pColl, 0);     /* C68 */
    return;
  }
  if( isMoved(pRow, pRel) || pRel->ePassive==2 ) return;         /* C51, C82 */
  if( isOrphanRel(pRel) ) makeOrphan(p, pRow, pColl, 0);
  else letGo(p, pRow, pColl);
}

/* ------------------------------------------------------------------------
** Who is there
** --------------------------------------------------------------------- */

/* Are the members present needed?  Of a link that is to go it is asked by
** itself whether it is there. */
static int needsPresent(const UnitColl *p){
  if( p->bDone || p->pRel->bForeign ) return 0;
  if( ormUnitSame(p->pOwner)->eState!=UNIT_OLD ) return 0;
  return p->bSet;
}

/* "x = <key>" and the collation of the key's column, which decides. */
static void equalKey(
  OrmBuf *pBuf, const OrmField *pKey, const char *zAlias, const char *zName,
  const char *zColl, const char *zKey
){
  ormBufColumn(pBuf, zAlias, zName);
  ormBufAdd(pBuf, " = ", 3);
  ormBufAdd(pBuf, zKey, -1);
  if( sqlite3_stricmp(pKey->zColl, zColl)==0 ) return;
  ormBufAdd(pBuf, " COLLATE ", -1);
  ormBufName(pBuf, pKey->zColl);
}

/* The same, as the columns of a join compare: where the key's makes numbers of
** texts, and x is of another type, its texts are sought by themselves. */
static void matchKey(
  OrmBuf *pBuf, const OrmField *pKey, const char *zAlias, const char *zName,
  char cAff, const char *zColl, const char *zKey, const char *zNumber
){
  int bTexts = pKey->cAff>'B' && cAff<='B';
  if( bTexts ) ormBufChar(pBuf, '(');
  equalKey(pBuf, pKey, zAlias, zName, zColl, zKey);
  if( !bTexts ) return;
  ormBufAdd(pBuf, " OR (", 5);
  ormBufIsText(pBuf, zAlias, zName);
  ormBufAdd(pBuf, " AND ", 5);
  equalKey(pBuf, pKey, zAlias, zName, zColl, zNumber);
  ormBufAdd(pBuf, "))", 2);
}

/* SELECT k.i, columns FROM keys, (link,) target */
static void presentSql(Unit *p, const OrmRel *pRel, OrmBuf *pBuf){
  UnitModel *pModel = ormUnitModel(p, pRel->pTarget);
  if( pModel==0 ) return;
  ormBufAdd(pBuf, "SELECT k.i, ", -1);
  ormResolveColumns(p, pModel, pBuf, "c");
  ormBufAdd(pBuf, " FROM orm_keys(?1) AS k CROSS JOIN ", -1);
  if( pRel->zSecondary ){
    ormBufTable(pBuf, pRel->zSecondary);
    ormBufAdd(pBuf, " AS l CROSS JOIN ", -1);
  }
  ormBufTable(pBuf, pRel->pTarget->zTable);
  ormBufAdd(pBuf, " AS c WHERE ", -1);
  for(int i=0; i<pRel->nLocal; i++){
    const OrmField *pKey = &pRel->pModel->aField[pRel->aLocal[i]];
    const OrmField *pField = &pRel->pTarget->aField[pRel->aRemote[i]];
    const char *zName = pField->zName, *zColl = pField->zColl;
    char zKey[16], zNumber[16];
    char cAff = pField->cAff;
    if( i ) ormBufAdd(pBuf, " AND ", 5);
    if( pRel->zSecondary ){
      zName = pRel->azSecLocal[i];
      ormLinkColumn(p->pOrm, pRel, zName, &cAff, &zColl);
    }
    sqlite3_snprintf((int)sizeof(zKey), zKey, "k.k%d", i);
    sqlite3_snprintf((int)sizeof(zNumber), zNumber, "k.n%d", i);
    matchKey(pBuf, pKey, pRel->zSecondary ? "l" : "c", zName, cAff, zColl,
             zKey, zNumber);
  }
  for(int i=0; pRel->zSecondary && i<pRel->nRemote; i++){
    ormBufAdd(pBuf, " AND ", 5);
    ormBufColumn(pBuf, "c", pRel->pTarget->aField[pRel->aRemote[i]].zName);
    ormBufAdd(pBuf, " = ", 3);
    ormBufColumn(pBuf, "l", pRel->azSecRemote[i]);
  }
}

static void presentAdd(Unit *p, UnitColl *pColl, UnitRow *pRow){
  UnitRow **pp = ormArenaGrow(p->pArena, (void**)&pColl->apPresent,
      pColl->nPresent, &pColl->nPresentAlloc, (int)sizeof(*pp));
  if( pp==0 ) return;
  *pp = pRow;
  pColl->nPresent++;
}

/* Read the members present of all collections of one relationship. */
static void readPresent(Unit *p, UnitColl **ap, int n){
  const OrmRel *pRel = ap[0]->pRel;
  OrmBinds binds;
  OrmKeys keys;
  OrmBuf buf;
  OrmStmt *pStmt;
  memset(&binds, 0, sizeof(binds));
  memset(&keys, 0, sizeof(keys));
  binds.pArena = p->pArena;
  for(int i=0; i<n; i++){
    for(int j=0; j<pRel->nLocal; j++){
      struct OrmBind *pBind = ormArenaGrow(p->pArena, (void**)&binds.a, binds.n,
                                     &binds.nAlloc, (int)sizeof(*pBind));
      if( pBind==0 ) return;
      *pBind = ormUnitSame(ap[i]->pOwner)->aOld[pRel->aLocal[j]];
      binds.n++;
    }
  }
  keys.nCol = pRel->nLocal;
  keys.nKey = n;
  keys.aBind = binds.a;
  ormBufInit(&buf, p->pErr);
  presentSql(p, pRel, &buf);
  pStmt = ormStmtTake(p->pOrm, p->pErr, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  ormKeysBind(p->pErr, pStmt, 1, &keys);
  while( ormStmtStep(p->pOrm, p->pErr, pStmt) ){
    int i = sqlite3_column_int(pStmt->p, 0);
    UnitRow *pRow = ormResolveStored(p, pRel->pTarget, pStmt->p, 1);
    if( pRow && i>=0 && i<n ) presentAdd(p, ap[i], pRow);
  }
  ormStmtGive(p->pOrm, p->pErr, pStmt);
  ormKeysCheck(p->pErr, &keys);
}

static void readAllPresent(Unit *p){
  UnitColl **ap;
  int nColl = 0;
  UnitColl *pColl;
  for(pColl=p->pColl; pColl; pColl=pColl->pNext) nColl++;
  ap = ormArenaAlloc(p->pArena, (nColl+1)*(i64)sizeof(*ap));
  if( ap==0 ) return;
  for(UnitColl *pFirst=p->pColl; pFirst; pFirst=pFirst->pNext){
    int n = 0;
    if( !needsPresent(pFirst) || pFirst->bRead ) continue;
    for(pColl=pFirst; pColl; pColl=pColl->pNext){
      if( pColl->pRel!=pFirst->pRel || !needsPresent(pColl) ) continue;
      pColl->bRead = 1;
      ap[n++] = pColl;
    }
    readPresent(p, ap, n);
    if( p->pErr->rc ) return;
  }
}

/* ------------------------------------------------------------------------
** Link rows
** --------------------------------------------------------------------- */

/* The rows that a pair has: its values are ?1 and up. */
static void linkWhere(Orm *pOrm, OrmBuf *pBuf, const OrmRel *pRel){
  for(int i=0; i<pRel->nLocal+pRel->nRemote; i++){
    int bLocal = i<pRel->nLocal, j = bLocal ? i : i - pRel->nLocal;
    const char *zName = bLocal ? pRel->azSecLocal[j] : pRel->azSecRemote[j];
    const OrmField *pKey = bLocal ? &pRel->pModel->aField[pRel->aLocal[j]]
                                  : &pRel->pTarget->aField[pRel->aRemote[j]];
    const char *zColl;
    char zKey[16], zNumber[80];
    char cAff;
    if( i ) ormBufAdd(pBuf, " AND ", 5);
    ormLinkColumn(pOrm, pRel, zName, &cAff, &zColl);
    sqlite3_snprintf((int)sizeof(zKey), zKey, "+?%d", i+1);
    sqlite3_snprintf((int)sizeof(zNumber), zNumber, "CAST(?%d AS NUMERIC)"
        " AND typeof(?%d) IN ('integer', 'real')", i+1, i+1);
    matchKey(pBuf, pKey, "l", zName, cAff, zColl, zKey, zNumber);
  }
}

/* What is asked of the rows of a pair. */
enum { LINK_SEEK, LINK_ADD, LINK_DROP };

static OrmStmt *linkStmt(Unit *p, const OrmRel *pRel, int eLink){
  static const char *const azStart[] = { "SELECT 1 FROM ", "INSERT INTO ",
                                         "DELETE FROM " };
  int n = pRel->nLocal + pRel->nRemote;
  OrmBuf buf;
  OrmStmt *pStmt;
  ormBufInit(&buf, p->pErr);
  ormBufAdd(&buf, azStart[eLink], -1);
  ormBufTable(&buf, pRel->zSecondary);
  if( eLink==LINK_ADD ){
    for(int i=0; i<n; i++){
      ormBufChar(&buf, i ? ',' : '(');
      ormBufName(&buf, i<pRel->nLocal ? pRel->azSecLocal[i]
                                      : pRel->azSecRemote[i-pRel->nLocal]);
    }
    ormBufAdd(&buf, ") VALUES (", -1);
    for(int i=0; i<n; i++) ormBufPrintf(&buf, i ? ", ?%d" : "?%d", i+1);
    ormBufChar(&buf, ')');
  }else{
    ormBufAdd(&buf, " AS l WHERE ", -1);
    linkWhere(p->pOrm, &buf, pRel);
  }
  pStmt = ormStmtTake(p->pOrm, p->pErr, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  return pStmt;
}

/* What a row has for its end of a link: 1 and *pOut, or 0 if that is NULL.  A
** link that goes (bOld) has what was read, be the key another one soon. */
static int linkValue(
  const UnitRow *pRow, int iField, int bOld, struct OrmBind *pOut
){
  if( bOld ) *pOut = ormUnitSame((UnitRow*)pRow)->aOld[iField];
  else if( !ormUnitKnown(pRow, iField, pOut) ) return 0;
  return pOut->eType!=SQLITE_NULL;
}

/* The values of a pair, 1 if it has them all.  With a NULL there is no link to
** be found, and none can be made. */
static int linkBind(
  Unit *p, OrmStmt *pStmt, const UnitColl *pColl, const UnitRow *pRow, int bOld
){
  const OrmRel *pRel = pColl->pRel;
  for(int i=0; i<pRel->nLocal+pRel->nRemote; i++){
    struct OrmBind v;
    int bLocal = i<pRel->nLocal;
    int iField = bLocal ? pRel->aLocal[i] : pRel->aRemote[i-pRel->nLocal];
    if( p->pErr->rc ) return 0;
    if( !linkValue(bLocal ? pColl->pOwner : pRow, iField, bOld, &v) ){
      if( bOld ) return 0;
      ormErr(p->pErr, SQLITE_CONSTRAINT, "orm: %s: cannot be linked: %s is"
          " NULL",
          ormJsonPath(p->pArena, pColl->pNode),
          (bLocal ? pColl->pOwner : pRow)->pModel->p->aField[iField].zName);
      return 0;
    }
    ormBindOne(p->pErr, pStmt, i+1, &v);
  }
  return p->pErr->rc==SQLITE_OK;
}

/* Run a link statement for one pair. */
static void linkRun(
  Unit *p, OrmStmt *pStmt, const UnitColl *pColl, const UnitRow *pRow, int bOld
){
  if( !linkBind(p, pStmt, pColl, pRow, bOld) ) return;
  ormStmtStep(p->pOrm, p->pErr, pStmt);
  if( p->pErr->rc==SQLITE_OK ) sqlite3_reset(pStmt->p);
  else ormFlushPrefix(p, 0, pRow->pNode ? pRow->pNode : pColl->pNode);
}

static int linkIsThere(
  Unit *p, OrmStmt *pSeek, const UnitColl *pColl, const UnitRow *pRow, int bOld
){
  int bRow;
  if( !linkBind(p, pSeek, pColl, pRow, bOld) ) return 0;
  bRow = ormStmtStep(p->pOrm, p->pErr, pSeek);
  if( p->pErr->rc==SQLITE_OK ) sqlite3_reset(pSeek->p);
  return bRow;
}

/* ------------------------------------------------------------------------
** One collection
** --------------------------------------------------------------------- */

int ormCollectLeads(
  Unit *p, const UnitRow *pFrom, int iFrom, const UnitRow *pTo, int iTo
){
  const OrmField *pRef = &pFrom->pModel->p->aField[iFrom];
  const OrmField *pKey = &pTo->pModel->p->aField[iTo];
  struct OrmBind ref, key;
  if( pFrom->eState!=UNIT_OLD || pTo->eState!=UNIT_OLD ) return 0;
  ref = pFrom->aOld[iFrom];
  key = pTo->aOld[iTo];
  if( ref.eType==0 || ref.eType==SQLITE_NULL || key.eType==0 ) return 0;
  if( pKey->cAff>'B' ) ormValAffinity(p->pArena, &ref, 'C');
  else if( pRef->cAff>'B' ) ormValAffinity(p->pArena, &key, 'C');
  return ormValEqual(&key, &ref, pKey);
}

/* Is a row found for $remove or $delete a member?  pSeek: as linkStmt(). */
static int isMember(
  Unit *p, const UnitColl *pColl, const UnitRow *pRow, OrmStmt *pSeek
){
  const OrmRel *pRel = pColl->pRel;
  const UnitRow *pOwner = ormUnitSame(pColl->pOwner);
  if( pRow->eState!=UNIT_OLD || pOwner->eState!=UNIT_OLD ) return 0;
  if( pRel->zSecondary ) return linkIsThere(p, pSeek, pColl, pRow, 1);
  for(int i=0; i<pRel->nRemote; i++){
    if( !ormCollectLeads(p, pRow, pRel->aRemote[i], pOwner, pRel->aLocal[i]) ){
      return 0;
    }
  }
  return 1;
}

static void collectRemoved(Unit *p, UnitColl *pColl){
  OrmStmt *pSeek = 0;
  if( pColl->nRemove+pColl->nDelete==0 ) return;
  if( pColl->pRel->zSecondary ) pSeek = linkStmt(p, pColl->pRel, LINK_SEEK);
  for(int i=0; i<pColl->nRemove; i++){
    UnitRow *pRow = ormUnitSame(pColl->aRemove[i].p);
    if( pColl->bSet && pColl->pRel->zSecondary ) break;     /* left already  */
    if( pRow->iMark==p->iMark || !isMember(p, pColl, pRow, pSeek) ) continue;
    leave(p, pColl, pRow);
  }
  for(int i=0; i<pColl->nDelete; i++){
    UnitRow *pRow = ormUnitSame(pColl->aDelete[i].p);
    if( !isMember(p, pColl, pRow, pSeek) ){
      ormUnitErr(p, SQLITE_ERROR, pColl->aDelete[i].pNode, "$delete: no such"
          " object in %s", pColl->pRel->zName);
      continue;
    }
    if( pColl->pRel->zSecondary ) unlinkRow(p, pColl, pRow);
    makeOrphan(p, pRow, pColl, 0);
  }
  ormStmtGive(p->pOrm, p->pErr, pSeek);
}

static void collectMany(Unit *p, UnitColl *pColl){
  int iPresent = ++p->iMark;
  for(int i=0; i<pColl->nPresent; i++) pColl->apPresent[i]->iMark = iPresent;
  for(int i=0; i<pColl->nMember; i++){
    UnitRow *pRow = ormUnitSame(pColl->aMember[i].p);
    pColl->aMember[i].bLinked = pRow->iMark==iPresent;
  }
  p->iMark++;
  for(int i=0; i<pColl->nMember; i++){
    UnitRow *pRow = ormUnitSame(pColl->aMember[i].p);
    if( pRow->iMark==p->iMark ) pColl->aMember[i].bLinked = 1;      /* C64    */
    pRow->iMark = p->iMark;
  }
  if( pColl->bSet ){
    for(int i=0; i<pColl->nPresent; i++){
      if( pColl->apPresent[i]->iMark!=p->iMark ){
        leave(p, pColl, pColl->apPresent[i]);
      }
    }
  }
  collectRemoved(p, pColl);
}

/* The object that a row's reference led to. */
static void orphanTarget(Unit *p, const UnitColl *pColl, const UnitRow *pOwner){
  const OrmRel *pRel = pColl->pRel;
  UnitModel *pModel = ormUnitModel(p, pRel->pTarget);
  OrmBuf buf;
  OrmStmt *pStmt;
  if( pModel==0 ) return;
  ormBufInit(&buf, p->pErr);
  ormBufAdd(&buf, "SELECT ", -1);
  ormResolveColumns(p, pModel, &buf, "c");
  ormBufAdd(&buf, " FROM ", -1);
  ormBufTable(&buf, pRel->pTarget->zTable);
  ormBufAdd(&buf, " AS c WHERE ", -1);
  for(int i=0; i<pRel->nRemote; i++){
    if( i ) ormBufAdd(&buf, " AND ", 5);
    ormBufColumn(&buf, "c", pRel->pTarget->aField[pRel->aRemote[i]].zName);
    ormBufPrintf(&buf, " = +?%d", i+1);
  }
  pStmt = ormStmtTake(p->pOrm, p->pErr, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  for(int i=0; i<pRel->nLocal; i++){
    ormBindOne(p->pErr, pStmt, i+1, &pOwner->aOld[pRel->aLocal[i]]);
  }
  if( ormStmtStep(p->pOrm, p->pErr, pStmt) ){
    UnitRow *pRow = ormResolveStored(p, pRel->pTarget, pStmt->p, 0);
    if( pRow ) makeOrphan(p, pRow, pColl, 1);
  }
  ormStmtGive(p->pOrm, p->pErr, pStmt);
}

/* A reference of the row itself was set (C52, C55). */
static void collectOne(Unit *p, UnitColl *pColl){
  const OrmRel *pRel = pColl->pRel;
  UnitRow *pOwner = ormUnitSame(pColl->pOwner), *pTo;
  int bChanged = pColl->nMember==0;
  if( pOwner->eState!=UNIT_OLD ) return;
  for(int i=0; i<pRel->nLocal; i++){
    struct OrmBind v;
    const struct OrmBind *pOld = &pOwner->aOld[pRel->aLocal[i]];
    if( pOld->eType==SQLITE_NULL ) return;
    if( pColl->nMember==0 ) continue;
    pTo = ormUnitSame(pColl->aMember[0].p);
    if( !ormUnitKnown(pTo, pRel->aRemote[i], &v) ){
      bChanged = 1;
      continue;
    }
    if( ormCollectLeads(p, pOwner, pRel->aLocal[i], pTo, pRel->aRemote[i]) ){
      continue;
    }
    ormValAffinity(p->pArena, &v,
                   pOwner->pModel->p->aField[pRel->aLocal[i]].cAff);
    if( !ormValSame(&v, pOld) ) bChanged = 1;
  }
  if( !bChanged ) return;
  if( isOrphanRel(pRel) ) orphanTarget(p, pColl, pOwner);
  if( pColl->nMember==0 && pRel->pBack && isOrphanRel(pRel->pBack) ){
    makeOrphan(p, pOwner, pColl, 0);
  }
}

static void markMembers(Unit *p, const UnitColl *pColl){
  p->iMark++;
  for(int i=0; i<pColl->nMember; i++){
    ormUnitSame(pColl->aMember[i].p)->iMark = p->iMark;
  }
}

static int sameMembers(Unit *p, const UnitColl *a, const UnitColl *b){
  int n = 0;
  if( a->nRemove || a->nDelete || b->nRemove || b->nDelete ) return 0;
  markMembers(p, a);
  for(int i=0; i<b->nMember; i++){
    if( ormUnitSame(b->aMember[i].p)->iMark!=p->iMark ) return 0;
  }
  markMembers(p, b);
  for(int i=0; i<a->nMember; i++){
    n += ormUnitSame(a->aMember[i].p)->iMark!=p->iMark;
  }
  return n==0;
}

/* Two collections of one relationship and object (merged rows): the same, or
** a complaint. */
static void mergeColls(Unit *p, UnitColl *pColl){
  UnitRow *pOwner = ormUnitSame(pColl->pOwner);
  for(UnitColl *q=p->pColl; q!=pColl; q=q->pNext){
    if( q->pRel!=pColl->pRel || ormUnitSame(q->pOwner)!=pOwner || q->bDone ){
      continue;
    }
    if( !q->bSet || !pColl->bSet || q->bImplied || pColl->bImplied ) continue;
    if( sameMembers(p, q, pColl) ){
      pColl->bDone = 1;
      return;
    }
    ormUnitErr(p, SQLITE_ERROR, pColl->pNode, "%s of one object is given twice"
        " in this graph, otherwise at %s", pColl->pRel->zName,
        ormJsonPath(p->pArena, q->pNode));
    return;
  }
}

/* ------------------------------------------------------------------------
** What hangs on an object that the document names and that is deleted
** --------------------------------------------------------------------- */

static int isLeaver(UnitRow *pRow){
  pRow = ormUnitSame(pRow);
  return pRow->bOrphan && pRow->bRoot;
}

static void hangs(Unit *p, const OrmJson *pNode){
  ormUnitErr(p, SQLITE_ERROR, pNode, "this is to hang on an object that leaves"
             " a collection that deletes it");
}

/* A reference to it that was there is the cascade's matter, as if it were not
** given; a new one leads nowhere. */
static void checkReferences(Unit *p, UnitRow *pRow){
  for(int i=0; i<pRow->pModel->p->nField; i++){
    UnitVal *pVal = &pRow->aVal[i];
    if( pVal->eKind!=UNIT_REF || !isLeaver(pVal->pRef) ) continue;
    if( pRow->eState==UNIT_NEW || ormFlushChanges(p, pRow, i) ){
      hangs(p, pVal->pNode);
    }else{
      pVal->eKind = UNIT_NONE;
    }
  }
}

/* The orphan that a foreign key's value names, or 0.  Only a rowid can be given
** to another object when it is free; others are missed in the end. */
static UnitRow *namedOrphan(Unit *p, const OrmFk *pFk, const UnitVal *pVal){
  for(UnitModel *pAt=p->pModel; pAt; pAt=pAt->pNext){
    const OrmField *pKey = &pAt->p->aField[pAt->p->aKey[0]];
    struct OrmBind v = pVal->v;
    UnitRow *pRow;
    if( !pAt->p->bRowidKey || pAt->p->iSoftDelete>=0
     || sqlite3_stricmp(pAt->p->zTable, pFk->zTarget)!=0
     || sqlite3_stricmp(pKey->zName, pFk->azTo[0])!=0 ) continue;
    ormValAffinity(p->pArena, &v, pKey->cAff);
    pRow = ormResolveByKey(pAt, &v);
    if( pRow && pRow->bOrphan ) return pRow;
  }
  return 0;
}

static void checkByHand(Unit *p, const UnitRow *pRow){
  const OrmModel *pModel = pRow->pModel->p;
  for(int i=0; i<pModel->nFk; i++){
    const OrmFk *pFk = &pModel->aFk[i];
    const UnitVal *pVal = &pRow->aVal[pFk->aField[0]];
    const UnitRow *pLost;
    if( pFk->n!=1 || pVal->eKind!=UNIT_BIND || pVal->bRel
     || pVal->v.eType==SQLITE_NULL ) continue;
    pLost = namedOrphan(p, pFk, pVal);
    if( pLost==0 ) continue;
    ormUnitErr(p, SQLITE_CONSTRAINT_FOREIGNKEY, pVal->pNode, "FOREIGN KEY"
        " constraint failed: %s.%s: this %s leaves a collection that deletes"
        " it", pModel->zTable, pModel->aField[pFk->aField[0]].zName,
        pLost->pModel->p->zName);
  }
}

static void checkLinks(Unit *p, const UnitColl *pColl){
  int bLeaver = isLeaver(pColl->pOwner);
  for(int i=0; i<pColl->nMember; i++){
    const UnitMember *pMember = &pColl->aMember[i];
    if( pMember->bLinked || (!bLeaver && !isLeaver(pMember->p)) ) continue;
    hangs(p, pMember->p->pNode);
  }
}

static void checkLeavers(Unit *p){
  for(UnitRow *pRow=p->pFirst; pRow; pRow=pRow->pNext){
    if( pRow->pSame || pRow->bOrphan || pRow->aVal==0 ) continue;
    if( pRow->eState==UNIT_NEW || pRow->eState==UNIT_OLD ){
      checkReferences(p, pRow);
      checkByHand(p, pRow);
    }
  }
  for(const UnitColl *pColl=p->pColl; pColl; pColl=pColl->pNext){
    if( pColl->pRel->zSecondary && !pColl->bDone ) checkLinks(p, pColl);
  }
}

void ormCollect(Unit *p){
  UnitColl *pColl;
  for(pColl=p->pColl; pColl; pColl=pColl->pNext){
    if( pColl->pOwner->pSame || pColl->pOwner->bMerged ) mergeColls(p, pColl);
  }
  readAllPresent(p);
  for(pColl=p->pColl; pColl && p->pErr->rc==SQLITE_OK; pColl=pColl->pNext){
    if( pColl->bDone ) continue;
    if( ormUnitSame(pColl->pOwner)->eState==UNIT_GONE ) continue;
    if( pColl->pRel->bForeign ) collectOne(p, pColl);
    else collectMany(p, pColl);
  }
  if( p->pOrphan && p->pErr->rc==SQLITE_OK ) checkLeavers(p);
}

/* ------------------------------------------------------------------------
** Links that go and come
** --------------------------------------------------------------------- */

void ormCollectUnlink(Unit *p){
  for(UnitLink *pLink=p->pUnlink; pLink && !p->pErr->rc; pLink=pLink->pNext){
    OrmStmt *pStmt = linkStmt(p, pLink->pColl->pRel, LINK_DROP);
    linkRun(p, pStmt, pLink->pColl, pLink->pRow, 1);
    ormStmtGive(p->pOrm, p->pErr, pStmt);
  }
}

/* Two statements: of an INSERT that asks as well SQLite would put the row into
** a table of its own first. */
void ormCollectLink(Unit *p){
  OrmStmt *pSeek = 0, *pAdd = 0;
  const OrmRel *pRel = 0;
  for(UnitColl *pColl=p->pColl; pColl && !p->pErr->rc; pColl=pColl->pNext){
    if( pColl->pRel->zSecondary==0 || pColl->bDone ) continue;
    for(int i=0; i<pColl->nMember && p->pErr->rc==SQLITE_OK; i++){
      const UnitRow *pRow = ormUnitSame(pColl->aMember[i].p);
      if( pColl->aMember[i].bLinked ) continue;
      if( pRel!=pColl->pRel ){
        ormStmtGive(p->pOrm, p->pErr, pSeek);
        ormStmtGive(p->pOrm, p->pErr, pAdd);
        pRel = pColl->pRel;
        pSeek = linkStmt(p, pRel, LINK_SEEK);
        pAdd = linkStmt(p, pRel, LINK_ADD);
        if( pSeek==0 || pAdd==0 ) break;
      }
      if( !linkIsThere(p, pSeek, pColl, pRow, 0) && p->pErr->rc==SQLITE_OK ){
        linkRun(p, pAdd, pColl, pRow, 0);
      }
    }
  }
  ormStmtGive(p->pOrm, p->pErr, pSeek);
  ormStmtGive(p->pOrm, p->pErr, pAdd);
}
