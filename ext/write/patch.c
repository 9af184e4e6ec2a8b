/*
** A patch of one object by its key, the short way: one UPDATE, which looks at
** the row itself.
**
**     UPDATE .. SET name = ?1 WHERE id = ?2 AND orm_emit_if(id, email, name)
**
** The sink compares what is there with what is given, so an unchanged row is
** not written (C20), and makes the object that is given back, from the values
** as the columns will store them; only values are taken of which that is
** certain.  So nothing is left that can fail when the row is written, and the
** UPDATE, which is all or nothing by itself, needs no anchor around it.
**
** Nor does it need a pin: with the catalog as it was last read it is tried at
** once, and the sink looks whether that still holds (ormCatalogHolds(), and
** that the statement was not prepared anew, which a changed schema would make
** SQLite do), before the row is written.  So the UPDATE is all that is run, and
** the lock is waited for before anything is read.  Whatever could not be known
** this way (a model not read yet, a statement not prepared, an object that is
** not there) is tried again with a pin, inside the anchor.
**
** This is a short cut and nothing else.  It takes plain values of plain fields
** of a table without triggers; at whatever it does not know, and whenever the
** UPDATE fails, nothing is written and the unit of work does it all, whose
** results and errors are the ones that count.
**
** The texts of the statements are kept with the model, by the fields in them.
*/
#include "unit.h"

#define MAX_FIELD 64            /* bits of a mask                             */
#define RESERVE 250             /* bytes of an object, as a start             */
#define MAX_TEXT 32             /* texts kept of one model                    */

struct OrmPatchText {
  OrmPatchText *pNext;
  u64 mSet, mRead;
  u64 iHash;
  i64 n;
  const char *z;
};

typedef struct Patch Patch;
struct Patch {
  OrmSink base;
  Orm *pOrm;
  OrmErr *pErr;                 /* goes nowhere, but for the machine's        */
  OrmModel *pModel;
  OrmCatalog *pCatalog;         /* whether it holds is to be seen; 0: it does */
  OrmStmt *pStmt;
  int nReprepare;               /* of pStmt, before                           */
  int nChange;                  /* sqlite3_total_changes() before the write   */
  u8 bMoved;                    /* the catalog does not hold                  */
  OrmArena *pArena;
  OrmBuf *pOut;                 /* the object, or 0                           */
  u64 mGiven, mChange;          /* fields in the document; that differ        */
  u64 mAuto;                    /* version and updated_at                     */
  u64 mRead, mSet;              /* of the statement                           */
  u8 bFound, bOdd;              /* there is such a row; it is not for us      */
  struct OrmBind key;
  struct OrmBind version, now;  /* what those two get                         */
  struct OrmBind aVal[MAX_FIELD];
};

#define BIT(i) (((u64)1)<<(i))

/* ------------------------------------------------------------------------
** Which models
** --------------------------------------------------------------------- */

enum { PLAIN_UNKNOWN, PLAIN_YES, PLAIN_NO };

int ormTableQuiet(Orm *pOrm, OrmErr *pErr, const char *zTable, u8 *pe){
  sqlite3_stmt *pStmt;
  if( *pe!=PLAIN_UNKNOWN ) return *pe==PLAIN_YES;
  pStmt = ormFactOpen(pOrm, pErr,
      "SELECT 1 FROM (SELECT type, tbl_name, sql FROM main.sqlite_schema"
      " UNION ALL SELECT type, tbl_name, sql FROM temp.sqlite_schema)"
      " WHERE tbl_name=%Q COLLATE nocase AND (type='trigger'"
      " OR lower(sql) LIKE '%%conflict%%') LIMIT 1", zTable);
  *pe = ormFactStep(pOrm, pErr, pStmt) ? PLAIN_NO : PLAIN_YES;
  sqlite3_finalize(pStmt);
  if( pErr->rc ) *pe = PLAIN_UNKNOWN;
  return *pe==PLAIN_YES;
}

/* Is what an UPDATE stores what it is told to, and nothing else?  No triggers
** on the table, no ON CONFLICT clauses in it, no generated columns. */
static int isPlainTable(Patch *p){
  OrmModel *pModel = p->pModel;
  if( pModel->ePlain!=PLAIN_UNKNOWN ) return pModel->ePlain==PLAIN_YES;
  if( p->pCatalog ) return 0;
  pModel->ePlain = PLAIN_NO;
  assert( !pModel->bView );     /* that cannot be written, which was told     */
  if( pModel->nField>MAX_FIELD || pModel->nKey!=1 ) return 0;
  for(int i=0; i<pModel->nField; i++){
    if( pModel->aField[i].bGenerated ) return 0;
  }
  if( ormTableQuiet(p->pOrm, p->pErr, pModel->zTable, &pModel->eQuiet) ){
    pModel->ePlain = PLAIN_YES;
  }else if( p->pErr->rc ){
    pModel->ePlain = PLAIN_UNKNOWN;
  }
  return pModel->ePlain==PLAIN_YES;
}

/* ------------------------------------------------------------------------
** Arguments
** --------------------------------------------------------------------- */

static int takeKey(Patch *p, const OrmWrite *pWrite){
  sqlite3_value *pVal = pWrite->pKey;
  int eType;
  if( pWrite->aKey ){
    p->key = pWrite->aKey[0];
    return p->pModel->bRowidKey;
  }
  eType = sqlite3_value_type(pVal);
  if( eType==SQLITE_INTEGER && p->pModel->bRowidKey ){
    p->key.eType = SQLITE_INTEGER;
    p->key.u.i = sqlite3_value_int64(pVal);
    return 1;
  }
  if( eType==SQLITE_TEXT && p->pModel->aField[p->pModel->aKey[0]].cAff=='B' ){
    const char *z = (const char*)sqlite3_value_text(pVal);
    if( z==0 || (u8)z[0]<=' ' || z[0]=='{' || z[0]=='[' ) return 0;
    p->key.eType = SQLITE_TEXT;
    p->key.u.z = z;
    p->key.n = sqlite3_value_bytes(pVal);
    return 1;
  }
  return 0;
}

/* Will the column store just this?  An INTEGER for a REAL column is made one
** first. */
static int isExact(const OrmField *pField, struct OrmBind *pVal){
  switch( pVal->eType ){
    case SQLITE_NULL: return 1;
    case SQLITE_INTEGER:
      if( pField->cAff=='E' ) ormValAffinity(0, pVal, 'E');
      return pField->cAff!='B';
    case SQLITE_FLOAT:
      return pField->cAff=='E' && pVal->u.r - pVal->u.r==0;
    default:
      return pField->cAff<='B' || pField->eType==ORM_TYPE_DATE
          || pField->eType==ORM_TYPE_DATETIME;
  }
}

/* The value of a field; 0: not for us. */
static int takeValue(Patch *p, Unit *pUnit, int i, const OrmJson *pNode){
  const OrmField *pField = &p->pModel->aField[i];
  if( pField->eType==ORM_TYPE_JSON || pField->eType==ORM_TYPE_BLOB
   || pField->eType==ORM_TYPE_DECIMAL ) return 0;
  if( ormUnitValue(pUnit, pField, pNode, &p->aVal[i]) ) return 0;
  if( !isExact(pField, &p->aVal[i]) ) return 0;
  p->mGiven |= BIT(i);
  return 1;
}

/* The values of the document z[n], an object of scalars that is read without a
** tree; 0: not for us. */
static int takeValues(Patch *p, const char *z, i64 n){
  const char *zEnd = z + n;
  OrmJson node;
  Unit unit;
  int iNext = 0;
  memset(&unit, 0, sizeof(unit));
  unit.pErr = p->pErr;
  unit.pArena = p->pArena;
  z = ormJsonSpaceEnd(z, zEnd);
  if( z>=zEnd || *z!='{' ) return 0;
  do{
    int i;
    z = ormJsonSpaceEnd(z + 1, zEnd);
    if( z>=zEnd || *z!='"' ) return 0;
    z = ormJsonScalar(p->pArena, z, zEnd, &node);
    if( z==0 ) return 0;
    z = ormJsonSpaceEnd(z, zEnd);
    if( z>=zEnd || *z!=':' ) return 0;
    node.zKey = node.z;
    node.nKey = (int)node.n;
    i = ormGraphMember(p->pModel, &node, &iNext);
    if( i<0 || (p->mGiven & BIT(i)) ) return 0;
    z = ormJsonScalar(p->pArena, ormJsonSpaceEnd(z + 1, zEnd), zEnd, &node);
    if( z==0 || !takeValue(p, &unit, i, &node) ) return 0;
    z = ormJsonSpaceEnd(z, zEnd);
  }while( z<zEnd && *z==',' );
  return z<zEnd && *z=='}' && ormJsonSpaceEnd(z + 1, zEnd)==zEnd;
}

/* ------------------------------------------------------------------------
** Statements
** --------------------------------------------------------------------- */

/* The statement that sets and reads the fields of the masks. */
static void patchSql(const Patch *p, OrmBuf *pBuf){
  const OrmModel *pModel = p->pModel;
  int n = 0, nParam = 0, nRead = 0;
  ormBufAdd(pBuf, "UPDATE ", 7);
  ormBufTable(pBuf, pModel->zTable);
  for(int i=0; i<pModel->nField; i++){
    const OrmField *pField = &pModel->aField[i];
    if( !((p->mSet | p->mAuto) & BIT(i)) ) continue;
    ormBufAdd(pBuf, n++ ? ", " : " SET ", -1);
    ormBufName(pBuf, pField->zName);
    ormBufAdd(pBuf, " = ", 3);
    if( pField->eAuto==ORM_AUTO_VERSION ){
      ormBufName(pBuf, pField->zName);
      ormBufAdd(pBuf, " + 1", 4);
    }
    else ormBufPrintf(pBuf, "?%d", ++nParam);
  }
  ormBufAdd(pBuf, " WHERE ", 7);
  ormBufName(pBuf, pModel->aField[pModel->aKey[0]].zName);
  ormBufPrintf(pBuf, " = ?%d AND orm_emit_if(", nParam+1);
  for(int i=0; i<pModel->nField; i++){
    if( !(p->mRead & BIT(i)) ) continue;
    if( nRead++ ) ormBufAdd(pBuf, ", ", 2);
    ormBufName(pBuf, pModel->aField[i].zName);
  }
  ormBufChar(pBuf, ')');
}

/* Its text, made and kept if it is not there. */
static const OrmPatchText *patchText(Patch *p){
  OrmPatchText **pp = &p->pModel->pPatch, *pNew;
  OrmArena *pArena;
  OrmErr *pOld;
  OrmBuf buf;
  int n = 0;
  for(; *pp; pp=&(*pp)->pNext, n++){
    if( (*pp)->mSet==p->mSet && (*pp)->mRead==p->mRead ) return *pp;
  }
  if( n>=MAX_TEXT ) return 0;
  ormBufInit(&buf, p->pErr);
  patchSql(p, &buf);
  pArena = ormCatalogArena(p->pModel->pCatalog, p->pErr, &pOld);
  pNew = ormArenaAlloc(pArena, sizeof(*pNew));
  if( pNew ){
    pNew->mSet = p->mSet;
    pNew->mRead = p->mRead;
    pNew->n = buf.n;
    pNew->iHash = ormStmtHash(ormBufText(&buf), buf.n);
    pNew->z = ormArenaText(pArena, ormBufText(&buf), buf.n);
    if( p->pErr->rc==SQLITE_OK ) *pp = pNew;
  }
  pArena->pErr = pOld;
  ormBufFree(&buf);
  return p->pErr->rc ? 0 : pNew;
}

/* ------------------------------------------------------------------------
** What changes
** --------------------------------------------------------------------- */

static int sameValue(const struct OrmBind *p, sqlite3_value *pOld){
  if( p->eType!=sqlite3_value_type(pOld) ) return 0;
  switch( p->eType ){
    case SQLITE_NULL:    return 1;
    case SQLITE_INTEGER: return p->u.i==sqlite3_value_int64(pOld);
    case SQLITE_FLOAT: {
      double r = sqlite3_value_double(pOld);
      return !(p->u.r<r) && !(p->u.r>r);
    }
    default: {
      const void *z = sqlite3_value_text(pOld);
      return z && p->n==sqlite3_value_bytes(pOld)
          && (p->n==0 || memcmp(p->u.z, z, (size_t)p->n)==0);
    }
  }
}

/* May a field get another value than it has? */
static int mayChange(const Patch *p, int i){
  const OrmField *pField = &p->pModel->aField[i];
  if( pField->iKey || pField->eAuto || pField->bReadonly
   || i==p->pModel->iSoftDelete || ormFieldReferred(p->pModel, i) ) return 0;
  if( ormFieldRefers(p->pModel, i) ){
    int bOn = 0;
    sqlite3_db_config(p->pOrm->db, SQLITE_DBCONFIG_ENABLE_FKEY, -1, &bOn);
    return bOn;
  }
  return 1;
}

/* Could what is given be the stored value, given otherwise (ormValueRaw())? */
static int couldBeRaw(const struct OrmBind *p, sqlite3_value *pOld){
  if( p->eType!=SQLITE_TEXT ) return 0;
  return sqlite3_value_type(pOld)==SQLITE_BLOB
      || memchr(p->u.z, 0xef, (size_t)p->n)!=0;
}

/* Find what differs; 0: not for us. */
static int compare(Patch *p, sqlite3_value **apVal){
  const OrmModel *pModel = p->pModel;
  p->mChange = 0;
  for(int i=0; i<pModel->nField; i++){
    if( !(p->mRead & BIT(i)) ) continue;
    if( i==pModel->iSoftDelete && sqlite3_value_type(*apVal)!=SQLITE_NULL ){
      return 0;
    }
    if( (p->mGiven & BIT(i)) && !sameValue(&p->aVal[i], *apVal) ){
      if( !mayChange(p, i) || couldBeRaw(&p->aVal[i], *apVal) ) return 0;
      p->mChange |= BIT(i);
    }
    if( pModel->aField[i].eAuto==ORM_AUTO_VERSION ){
      if( sqlite3_value_type(*apVal)!=SQLITE_INTEGER ) return 0;
      p->version.eType = SQLITE_INTEGER;
      p->version.u.i = sqlite3_value_int64(*apVal);
      if( p->version.u.i==INT64_MAX ) return 0;
      p->version.u.i++;
    }
    apVal++;
  }
  return 1;
}

/* ------------------------------------------------------------------------
** The object as it will be
** --------------------------------------------------------------------- */

static const struct OrmBind *newBind(const Patch *p, int i){
  int eAuto = p->pModel->aField[i].eAuto;
  return eAuto==ORM_AUTO_VERSION ? &p->version
       : eAuto==ORM_AUTO_UPDATED ? &p->now : &p->aVal[i];
}

static void result(Patch *p, sqlite3_value **apVal){
  const OrmModel *pModel = p->pModel;
  OrmBuf *pBuf = p->pOut;
  u64 mNew = p->mChange | (p->mChange ? p->mAuto : 0);
  ormBufReserve(pBuf, RESERVE);
  pBuf->n = 0;
  for(int i=0; i<pModel->nField; i++){
    const OrmField *pField = &pModel->aField[i];
    if( !(p->mRead & BIT(i)) ) continue;
    if( !pField->bHidden ){
      ormBufAdd(pBuf, pField->zJsonKey, pField->nJsonKey);
      if( mNew & BIT(i) ) ormJsonBind(pBuf, newBind(p, i), pField->eType);
      else ormJsonValue(pBuf, *apVal, pField->eType);
    }
    apVal++;
  }
  if( pBuf->n==0 ) ormBufChar(pBuf, '{');
  ormBufChar(pBuf, '}');
  ormBufText(pBuf);
  if( pBuf->n ) pBuf->z[0] = '{';
}

/* ------------------------------------------------------------------------
** The patch
** --------------------------------------------------------------------- */

/* Was the statement prepared anew meanwhile? */
static int isAnew(const Patch *p){
  return sqlite3_stmt_status(p->pStmt->p, SQLITE_STMTSTATUS_REPREPARE, 0)
      !=p->nReprepare;
}

/* The row is there: is it to be written? */
static void sinkRow(OrmSink *pSink, int nVal, sqlite3_value **apVal){
  Patch *p = (Patch*)pSink;
  ORM_UNUSED(nVal);
  p->bFound = 1;
  p->nChange = sqlite3_total_changes(p->pOrm->db);
  p->bMoved = p->pCatalog
           && (isAnew(p) || !ormCatalogHolds(p->pOrm, p->pErr, p->pCatalog));
  p->bOdd = p->bMoved || !compare(p, apVal);
  if( p->bOdd || (p->mChange && p->mChange!=p->mSet) ) return;
  if( p->pOut ) result(p, apVal);
  pSink->bPushed = p->mChange!=0;
}

/* The clock, for a field that takes it; 0: not for us. */
static int takeClock(Patch *p, const OrmField *pField){
  char zNow[32];
  int n;
  ormNow(p->pOrm, p->pErr, zNow, 0);
  n = pField->eType==ORM_TYPE_DATE ? 10 : (int)strlen(zNow);
  if( p->now.u.z && p->now.n!=n ) return 0;
  p->now.eType = SQLITE_TEXT;
  p->now.n = n;
  p->now.u.z = ormArenaText(p->pArena, zNow, n);
  assert( p->now.u.z==0 || ormDateText(p->now.u.z, n, 1) );
  return p->now.u.z!=0;
}

/* What is to be read, and what writes itself; 0: not for us. */
static int takeFields(Patch *p){
  const OrmModel *pModel = p->pModel;
  p->mAuto = 0;
  p->now.u.z = 0;
  p->mRead = p->mGiven | BIT(pModel->aKey[0]);
  for(int i=0; i<pModel->nField; i++){
    const OrmField *pField = &pModel->aField[i];
    if( (p->pOut && !pField->bHidden) || i==pModel->iSoftDelete ){
      p->mRead |= BIT(i);
    }
    if( pField->eAuto==ORM_AUTO_VERSION ){
      if( pField->cAff!='C' && pField->cAff!='D' ) return 0;
      p->mAuto |= BIT(i);
      p->mRead |= BIT(i);
    }else if( pField->eAuto==ORM_AUTO_UPDATED ){
      p->mAuto |= BIT(i);
      if( !takeClock(p, pField) ) return 0;
    }
  }
  p->mSet = p->mGiven & ~p->mAuto;
  return p->mSet!=0;
}

/* The statement for mSet.  One is not prepared without a pin: the schema may be
** another than the catalog's. */
static int takeStmt(Patch *p){
  const OrmPatchText *pText = patchText(p);
  if( pText==0 ) return 0;
  p->pStmt = ormStmtTakeKept(p->pOrm, pText->z, pText->n, pText->iHash);
  if( p->pStmt==0 && p->pCatalog==0 ){
    p->pStmt = ormStmtTake(p->pOrm, p->pErr, pText->z, pText->n);
  }
  return p->pStmt!=0;
}

/* Run the statement for mSet: 1 if it did. */
static int runUpdate(Patch *p){
  OrmSink *pOuter = p->pOrm->pSink;
  OrmStmt *pStmt;
  int n = 0;
  if( !takeStmt(p) ) return 0;
  pStmt = p->pStmt;
  p->nReprepare = sqlite3_stmt_status(pStmt->p, SQLITE_STMTSTATUS_REPREPARE, 0);
  for(int i=0; i<p->pModel->nField; i++){
    if( ((p->mSet | p->mAuto) & BIT(i))
     && p->pModel->aField[i].eAuto!=ORM_AUTO_VERSION ){
      ormBindOne(p->pErr, pStmt, ++n, newBind(p, i));
    }
  }
  ormBindOne(p->pErr, pStmt, ++n, &p->key);
  p->pOrm->pSink = &p->base;
  ormStmtStep(p->pOrm, p->pErr, pStmt);
  p->pOrm->pSink = pOuter;
  p->bMoved |= p->pCatalog && isAnew(p);
  ormStmtGive(p->pOrm, p->pErr, pStmt);
  return p->pErr->rc==SQLITE_OK && (p->pOut==0 || p->pOut->pErr->rc==0);
}

/* Nothing but this write was done since the catalog was seen to hold. */
static void seen(const Patch *p){
  if( p->pCatalog && p->bFound
   && sqlite3_total_changes(p->pOrm->db)==p->nChange + (p->mChange!=0) ){
    ormCatalogSeen(p->pOrm, p->pCatalog);
  }
}

/* Once, and where not all that is given differs, once more to set just what
** does: 1 if nothing is left to do. */
static int patchRow(Patch *p){
  if( !takeFields(p) ) return 0;
  for(int i=0; ORM_ALWAYS(i<2); i++){
    p->bFound = p->bOdd = p->bMoved = 0;
    p->mChange = 0;
    if( !runUpdate(p) || p->bOdd ) return 0;
    if( p->mChange==0 || p->mChange==p->mSet ){
      seen(p);
      return p->bFound || p->pCatalog==0;
    }
    p->mSet = p->mChange;
  }
  return 0;
}

/* The end of a patch that was none: only the machine's errors stay. */
static void notDone(
  Patch *p, OrmErr *pErr, OrmBuf *pOut, int bTransaction
){
  int bLost = bTransaction && sqlite3_get_autocommit(p->pOrm->db);
  if( pOut ) ormBufReset(pOut);
  if( pErr->rc==SQLITE_OK && (bLost || ormFlushMachine(p->pErr->rc)) ){
    ormErrMove(p->pErr, pErr);
    if( bLost ) pErr->rc = SQLITE_ABORT_ROLLBACK;
  }
}

/* Try it with a model, pinned or not. */
static int patchTry(Patch *p, OrmErr *pErr, OrmWrite *pWrite){
  int bTransaction = !sqlite3_get_autocommit(p->pOrm->db);
  OrmErr err = { SQLITE_OK, 0 };
  OrmArena arena;
  int bDone;
  p->base.xRow = sinkRow;
  p->base.pErr = p->pErr = &err;
  p->pArena = &arena;
  p->pOut = pWrite->pOut;
  p->mGiven = 0;
  ormArenaInit(&arena, &err);
  bDone = isPlainTable(p) && takeKey(p, pWrite)
       && takeValues(p, pWrite->zObject, pWrite->nObject) && patchRow(p);
  if( bDone ){
    pWrite->nRoot = p->bFound;
    pWrite->bRowid = (u8)(p->bFound && p->key.eType==SQLITE_INTEGER);
    pWrite->iRowid = p->key.u.i;
  }else{
    notDone(p, pErr, pWrite->pOut, bTransaction);
  }
  ormErrClear(&err);
  ormArenaFree(&arena);
  return bDone;
}

int ormPatch(
  Orm *pOrm, OrmErr *pErr, OrmModel *pModel, OrmWrite *pWrite, u8 *pbNever
){
  Patch patch;
  int bDone;
  memset(&patch.base, 0, sizeof(patch.base));
  patch.pOrm = pOrm;
  patch.pModel = pModel;
  patch.pCatalog = 0;
  patch.bFound = patch.bMoved = 0;
  if( pModel==0 ){
    patch.pCatalog = ormCatalogPeek(pOrm);
    if( patch.pCatalog==0 ) return 0;
    patch.pModel = ormModelLoaded(patch.pCatalog, pWrite->zModel,
                                  pWrite->nModel);
  }
  bDone = patch.pModel && patchTry(&patch, pErr, pWrite);
  *pbNever = patch.bFound && !patch.bMoved;
  if( patch.bMoved ) ormCatalogDrop(pOrm);
  ormCatalogUnref(patch.pCatalog);
  return bDone;
}
