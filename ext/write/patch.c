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
** UPDATE, which is all or nothing by itself, needs no anchor around it.  It
** needs one only for the lock: unless the transaction is writing already, a
** busy file must be waited for before anything is read.
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
  i64 n;
  const char *z;
};

typedef struct Patch Patch;
struct Patch {
  OrmSink base;
  Orm *pOrm;
  OrmErr *pErr;                 /* goes nowhere, but for the machine's        */
  OrmModel *pModel;
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

/* Has the table a key that is unique by itself? */
static int hasKey(const OrmModel *p){
  if( p->nKey!=1 ) return 0;
  if( p->bRowidKey ) return 1;
  for(int i=0; i<p->nIndex; i++){
    const OrmIndex *pIndex = &p->aIndex[i];
    if( pIndex->bUnique && !pIndex->bPartial && pIndex->n==1
     && pIndex->aField[0]==p->aKey[0] ) return 1;
  }
  return 0;
}

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
  pModel->ePlain = PLAIN_NO;
  if( pModel->bView || pModel->nField>MAX_FIELD || !hasKey(pModel) ) return 0;
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

/* The values of the document; 0: not for us. */
static int takeValues(Patch *p, const OrmJson *pDoc){
  Unit unit;
  int iNext = 0;
  memset(&unit, 0, sizeof(unit));
  unit.pErr = p->pErr;
  unit.pArena = p->pArena;
  for(const OrmJson *q=pDoc->pChild; q; q=q->pNext){
    int i = ormGraphField(p->pModel, q, &iNext);
    const OrmField *pField;
    if( i<0 || (p->mGiven & BIT(i)) || q->eType>=ORM_JSON_ARRAY ) return 0;
    pField = &p->pModel->aField[i];
    if( pField->eType==ORM_TYPE_JSON || pField->eType==ORM_TYPE_BLOB
     || pField->eType==ORM_TYPE_DECIMAL ) return 0;
    if( ormUnitValue(&unit, pField, q, &p->aVal[i]) ) return 0;
    if( !isExact(pField, &p->aVal[i]) ) return 0;
    p->mGiven |= BIT(i);
  }
  return 1;
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

static int isReferred(const OrmModel *pModel, int iField){
  for(int i=0; i<pModel->nUnique; i++){
    for(int j=0; j<pModel->aUnique[i].n; j++){
      if( pModel->aUnique[i].aField[j]==iField ) return 1;
    }
  }
  return 0;
}

/* May a field get another value than it has? */
static int mayChange(const Patch *p, int i){
  const OrmField *pField = &p->pModel->aField[i];
  if( pField->iKey || pField->eAuto || pField->bReadonly
   || i==p->pModel->iSoftDelete || isReferred(p->pModel, i) ) return 0;
  if( ormFieldRefers(p->pModel, i) ){
    int bOn = 0;
    sqlite3_db_config(p->pOrm->db, SQLITE_DBCONFIG_ENABLE_FKEY, -1, &bOn);
    return bOn;
  }
  return 1;
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
      if( !mayChange(p, i) ) return 0;
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

/* The row is there: is it to be written? */
static void sinkRow(OrmSink *pSink, int nVal, sqlite3_value **apVal){
  Patch *p = (Patch*)pSink;
  ORM_UNUSED(nVal);
  pSink->bPushed = 0;
  p->bFound = 1;
  p->bOdd = !compare(p, apVal);
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
  return p->now.u.z && ormDateText(p->now.u.z, n, 1);
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

/* Run the statement for mSet: 1 if it did. */
static int runUpdate(Patch *p){
  OrmSink *pOuter = p->pOrm->pSink;
  const OrmPatchText *pText = patchText(p);
  OrmStmt *pStmt;
  int n = 0;
  if( pText==0 ) return 0;
  pStmt = ormStmtTake(p->pOrm, p->pErr, pText->z, pText->n);
  for(int i=0; i<p->pModel->nField; i++){
    if( ((p->mSet | p->mAuto) & BIT(i))
     && p->pModel->aField[i].eAuto!=ORM_AUTO_VERSION ){
      ormValOne(p->pErr, pStmt, ++n, newBind(p, i));
    }
  }
  ormValOne(p->pErr, pStmt, ++n, &p->key);
  p->pOrm->pSink = &p->base;
  ormStmtStep(p->pOrm, p->pErr, pStmt);
  p->pOrm->pSink = pOuter;
  ormStmtGive(p->pOrm, p->pErr, pStmt);
  return p->pErr->rc==SQLITE_OK && (p->pOut==0 || p->pOut->pErr->rc==0);
}

/* 1: done, whether there is such an object or not.  Where not all that is given
** differs, a second statement sets just what does. */
static int patchRow(Patch *p){
  if( !takeFields(p) ) return 0;
  for(int i=0; i<2; i++){
    p->bFound = p->bOdd = 0;
    p->mChange = 0;
    if( !runUpdate(p) || p->bOdd ) return 0;
    if( p->mChange==0 || p->mChange==p->mSet ) return 1;
    p->mSet = p->mChange;
  }
  return 0;
}

/* 1: done.  0: nothing is written, and there is an error only if it would be
** one for the unit of work too. */
int ormPatch(
  Orm *pOrm, OrmErr *pErr, OrmModel *pModel, OrmWrite *pWrite,
  const OrmJson *pDoc
){
  OrmErr err = { SQLITE_OK, 0 };
  OrmArena arena;
  Patch patch;
  int bDone, bLost;
  int bTransaction = !sqlite3_get_autocommit(pOrm->db);
  if( pErr->rc || pDoc->eType!=ORM_JSON_OBJECT ) return 0;
  memset(&patch.base, 0, sizeof(patch.base));
  patch.base.xRow = sinkRow;
  patch.base.pErr = &err;
  patch.pOrm = pOrm;
  patch.pErr = &err;
  patch.pModel = pModel;
  patch.pArena = &arena;
  patch.pOut = pWrite->pOut;
  patch.mGiven = 0;
  ormArenaInit(&arena, &err);
  bDone = isPlainTable(&patch) && takeKey(&patch, pWrite)
       && takeValues(&patch, pDoc) && patchRow(&patch);
  if( bDone ){
    pWrite->nRoot = patch.bFound;
    pWrite->bRowid = (u8)(patch.bFound && patch.key.eType==SQLITE_INTEGER);
    pWrite->iRowid = patch.key.u.i;
  }else{
    if( pWrite->pOut ) ormBufReset(pWrite->pOut);
    bLost = bTransaction && sqlite3_get_autocommit(pOrm->db);
    if( pErr->rc==SQLITE_OK && (bLost || ormFlushMachine(err.rc)) ){
      *pErr = err;
      err.rc = SQLITE_OK;
      err.zMsg = 0;
      if( bLost ) pErr->rc = SQLITE_ABORT_ROLLBACK;
    }
  }
  ormErrClear(&err);
  ormArenaFree(&arena);
  return bDone;
}
