/*
** Rows written: one INSERT or UPDATE a row, of just the columns that get
** something.  Rows that follow one another and set the same columns share a
** statement, which stays on loan meanwhile.
**
** A failure is given the JSON path of the object it happened to, and the field
** where SQLite names one column; the extended code stays.
*/
#include "unit.h"
#include <stdlib.h>

/* ------------------------------------------------------------------------
** Failures
** --------------------------------------------------------------------- */

/* The column of "UNIQUE constraint failed: users.email", if it is a single one
** of this model's. */
static const char *failedColumn(const OrmModel *pModel, const char *zMsg){
  const char *z = strstr(zMsg, " constraint failed: ");
  size_t nTable = strlen(pModel->zTable);
  if( z==0 ) return 0;
  z += strlen(" constraint failed: ");
  if( sqlite3_strnicmp(z, pModel->zTable, (int)nTable)!=0 || z[nTable]!='.' ){
    return 0;
  }
  return ormFieldByColumn(pModel, z+nTable+1)>=0 ? z+nTable+1 : 0;
}

/* A natural key that a deleted object holds cannot be given again. */
static void checkDeleted(Unit *p, const UnitRow *pRow){
  const OrmModel *pModel = pRow->pModel->p;
  OrmErr err = { SQLITE_OK, 0 };
  OrmBuf buf;
  OrmStmt *pStmt;
  int bDeleted;
  if( pModel->iSoftDelete<0 || pModel->nNatural==0 || pModel->bNaturalLiving
   || p->pErr->rc!=SQLITE_CONSTRAINT_UNIQUE ) return;
  ormBufInit(&buf, &err);
  ormBufAdd(&buf, "SELECT 1 FROM ", -1);
  ormBufTable(&buf, pModel->zTable);
  ormBufAdd(&buf, " AS t WHERE ", -1);
  ormSoftDeletedSql(&buf, pModel, "t");
  for(int i=0; i<pModel->nNatural; i++){
    ormBufAdd(&buf, " AND ", 5);
    ormBufColumn(&buf, "t", pModel->aField[pModel->aNatural[i]].zName);
    ormBufPrintf(&buf, " = ?%d", i+1);
  }
  pStmt = ormStmtTake(p->pOrm, &err, ormBufText(&buf), buf.n);
  for(int i=0; i<pModel->nNatural; i++){
    struct OrmBind v;
    if( ormUnitKnown(pRow, pModel->aNatural[i], &v) ){
      ormBindOne(&err, pStmt, i+1, &v);
    }
  }
  bDeleted = ormStmtStep(p->pOrm, &err, pStmt);
  ormStmtGive(p->pOrm, &err, pStmt);
  ormBufFree(&buf);
  if( err.rc!=SQLITE_OK ){      /* the machine's error is the one to tell     */
    ormErrClear(p->pErr);
    *p->pErr = err;
  }else if( bDeleted ){
    ormErrPrefix(p->pErr, "orm: a deleted %s holds this natural key:"
                 " orm_restore() brings it back: ", pModel->zName);
  }
}

/* A reference that only one row may hold: who does? */
static void tellHolder(Unit *p, const UnitRow *pRow){
  const OrmModel *pModel = pRow->pModel->p;
  const char *zColumn = p->pErr->rc==SQLITE_CONSTRAINT_UNIQUE
                      ? failedColumn(pModel, p->pErr->zMsg) : 0;
  OrmErr err = { SQLITE_OK, 0 };
  OrmBuf buf;
  OrmStmt *pStmt;
  struct OrmBind v = { SQLITE_NULL, 0, 0, { 0 } };
  int i = zColumn ? ormFieldByColumn(pModel, zColumn) : -1;
  if( i<0 || pRow->aVal==0 || !pRow->aVal[i].bRel || pModel->nKey!=1 ) return;
  ormUnitKnown(pRow, i, &v);    /* it is: the row was tried with it           */
  pStmt = ormStmtTakef(p->pOrm, &err, "SELECT \"%w\" FROM \"main\".\"%w\""
      " WHERE \"%w\" = ?1", pModel->aField[pModel->aKey[0]].zName,
      pModel->zTable, pModel->aField[i].zName);
  ormBindOne(&err, pStmt, 1, &v);
  if( ormStmtStep(p->pOrm, &err, pStmt) ){
    ormBufInit(&buf, &err);
    ormUnitTake(p->pArena, &v, sqlite3_column_value(pStmt->p, 0));
    ormValText1(&buf, &v);
    ormErrPrefix(p->pErr, "%s %s has it: ", pModel->zName, ormBufText(&buf));
    ormBufFree(&buf);
  }
  ormStmtGive(p->pOrm, &err, pStmt);
  if( err.rc!=SQLITE_OK ){      /* the machine's error is the one to tell     */
    ormErrClear(p->pErr);
    *p->pErr = err;
  }
}

/* Failures that no object of the document is to blame for. */
int ormFlushMachine(int rcExt){
  static const u8 aMachine[] = {
    SQLITE_NOMEM, SQLITE_ABORT, SQLITE_FULL, SQLITE_IOERR, SQLITE_INTERRUPT,
    SQLITE_BUSY, SQLITE_LOCKED, SQLITE_CORRUPT, SQLITE_CANTOPEN, SQLITE_NOTADB
  };
  return memchr(aMachine, rcExt & 0xff, sizeof(aMachine))!=0;
}

/* Put the place in front of the error that is there: of the row, or the node
** where it has no part in it. */
void ormFlushPrefix(Unit *p, const UnitRow *pRow, const OrmJson *pNode){
  OrmErr err = { SQLITE_OK, 0 };
  OrmArena arena;
  const char *zPath, *zColumn = 0;
  if( pRow ) checkDeleted(p, pRow);
  if( pRow && pRow->eRole==UNIT_OBJECT ) tellHolder(p, pRow);
  if( ormFlushMachine(p->pErr->rc) ) return;
  ormArenaInit(&arena, &err);
  zPath = ormJsonPath(&arena, pRow ? pRow->pNode : pNode);
  if( pRow && pRow->eRole==UNIT_OBJECT ){
    zColumn = failedColumn(pRow->pModel->p, p->pErr->zMsg);
  }
  if( err.rc ) ormErrClear(p->pErr), ormErrOom(p->pErr);
  else if( zColumn ) ormErrPrefix(p->pErr, "orm: %s.%s: ", zPath, zColumn);
  else ormErrPrefix(p->pErr, "orm: %s: ", zPath);
  ormArenaFree(&arena);
  ormErrClear(&err);
}

/* ------------------------------------------------------------------------
** Shapes
** --------------------------------------------------------------------- */

static void maskSet(u64 *a, int i){
  a[i>>6] |= ((u64)1)<<(i & 63);
}

static int maskHas(const u64 *a, int i){
  return (int)(a[i>>6]>>(i & 63) & 1);
}

/* Is the statement of the shape for this mask?  If not it is given back and
** the mask noted. */
static int shapeFits(
  Unit *p, const UnitModel *pModel, UnitShape *pShape, const u64 *aMask
){
  size_t n = (size_t)pModel->nMask*sizeof(u64);
  if( pShape->p ){
    if( memcmp(pShape->aMask, aMask, n)==0 ) return 1;
    ormStmtGive(p->pOrm, p->pErr, pShape->p);
    pShape->p = 0;
  }
  if( pShape->aMask==0 ) pShape->aMask = ormArenaAlloc(p->pArena, (i64)n);
  if( pShape->aMask ) memcpy(pShape->aMask, aMask, n);
  return 0;
}

void ormFlushDone(Unit *p){
  for(UnitModel *pModel=p->pModel; pModel; pModel=pModel->pNext){
    ormStmtGive(p->pOrm, p->pErr, pModel->insert.p);
    ormStmtGive(p->pOrm, p->pErr, pModel->update.p);
    pModel->insert.p = pModel->update.p = 0;
  }
}

/* ------------------------------------------------------------------------
** INSERT
** --------------------------------------------------------------------- */

static void bindText(struct OrmBind *p, const char *z){
  p->eType = SQLITE_TEXT;
  p->u.z = z;
  p->n = (int)strlen(z);
}

static const char *newUuid(Unit *p){
  u8 a[16];
  sqlite3_randomness(16, a);
  a[6] = (u8)((a[6] & 0x0f) | 0x40);
  a[8] = (u8)((a[8] & 0x3f) | 0x80);
  return ormArenaPrintf(p->pArena, "%02x%02x%02x%02x-%02x%02x-%02x%02x-"
      "%02x%02x-%02x%02x%02x%02x%02x%02x", a[0], a[1], a[2], a[3], a[4],
      a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12], a[13], a[14], a[15]);
}

static const char *unitNow(Unit *p, const OrmField *pField){
  if( p->zNow[0]==0 ) ormNow(p->pOrm, p->pErr, p->zNow, 0);
  if( pField->eType!=ORM_TYPE_DATE ) return p->zNow;
  return ormArenaText(p->pArena, p->zNow, 10);
}

/* What an auto field of a new row gets. */
void ormFlushAuto(Unit *p, const OrmField *pField, struct OrmBind *pOut){
  const char *z;
  memset(pOut, 0, sizeof(*pOut));
  if( pField->eAuto==ORM_AUTO_VERSION ){
    pOut->eType = SQLITE_INTEGER;
    pOut->u.i = 1;
    return;
  }
  pOut->eType = SQLITE_NULL;
  z = pField->eAuto==ORM_AUTO_UUID ? newUuid(p) : unitNow(p, pField);
  if( z ) bindText(pOut, z);
}

static void fillAuto(Unit *p, UnitRow *pRow){
  const OrmModel *pModel = pRow->pModel->p;
  for(int i=0; i<pModel->nField; i++){
    const OrmField *pField = &pModel->aField[i];
    UnitVal *pVal;
    if( pField->eAuto==ORM_AUTO_NONE ) continue;
    pVal = ormUnitVal(p, pRow, i);
    if( pVal==0 || pVal->eKind!=UNIT_NONE ) continue;
    pVal->eKind = UNIT_BIND;
    ormFlushAuto(p, pField, &pVal->v);
  }
}

/* The value that a field of a new row is inserted with: 1, or 0 for none. */
static int insertValue(const UnitRow *pRow, int i, struct OrmBind *pOut){
  const UnitVal *pVal;
  const OrmModel *pModel = pRow->pModel->p;
  if( pRow->aVal==0 ) return 0;
  pVal = &pRow->aVal[i];
  if( pVal->eKind==UNIT_BIND ){
    if( pVal->v.eType==SQLITE_NULL && pModel->bRowidKey
     && pModel->aField[i].iKey ) return 0;
    *pOut = pVal->v;
    return 1;
  }
  if( pVal->eKind!=UNIT_REF ) return 0;
  if( pVal->bWrite ){           /* NULL for a while, whatever the DEFAULT is  */
    memset(pOut, 0, sizeof(*pOut));
    pOut->eType = SQLITE_NULL;
    return 1;
  }
  return ormUnitKnown(pVal->pRef, pVal->iRef, pOut);
}

/* Fields to learn from the INSERT: wanted, not given, and not the rowid. */
static int wantsBack(const UnitRow *pRow, int i, const u64 *aMask){
  const OrmModel *pModel = pRow->pModel->p;
  if( maskHas(aMask, i) || !pRow->pModel->abBack[i] ) return 0;
  return !(pModel->bRowidKey && pModel->aField[i].iKey);
}

static void insertSql(const UnitRow *pRow, const u64 *aMask, OrmBuf *pBuf){
  const OrmModel *pModel = pRow->pModel->p;
  int n = 0;
  ormBufAdd(pBuf, "INSERT INTO ", -1);
  ormBufTable(pBuf, pModel->zTable);
  for(int i=0; i<pModel->nField; i++){
    if( !maskHas(aMask, i) ) continue;
    ormBufAdd(pBuf, n++ ? ", " : " (", 2);
    ormBufName(pBuf, pModel->aField[i].zName);
  }
  if( n==0 ){
    ormBufAdd(pBuf, " DEFAULT VALUES", -1);
  }else{
    for(int i=0; i<n; i++){
      ormBufPrintf(pBuf, i ? ", ?%d" : ") VALUES (?%d", i+1);
    }
    ormBufChar(pBuf, ')');
  }
  n = 0;
  for(int i=0; i<pModel->nField; i++){
    if( !wantsBack(pRow, i, aMask) ) continue;
    ormBufAdd(pBuf, n++ ? ", " : " RETURNING ", -1);
    ormBufName(pBuf, pModel->aField[i].zName);
  }
}

static OrmStmt *insertStmt(Unit *p, const UnitRow *pRow, const u64 *aMask){
  UnitShape *pShape = &pRow->pModel->insert;
  OrmBuf buf;
  if( shapeFits(p, pRow->pModel, pShape, aMask) ) return pShape->p;
  ormBufInit(&buf, p->pErr);
  insertSql(pRow, aMask, &buf);
  pShape->p = ormStmtTake(p->pOrm, p->pErr, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  return pShape->p;
}

static struct OrmBind *rowBack(Unit *p, UnitRow *pRow){
  if( pRow->aBack==0 ){
    pRow->aBack = ormArenaAlloc(p->pArena,
        pRow->pModel->p->nField*(i64)sizeof(struct OrmBind));
  }
  return pRow->aBack;
}

/* The values that the INSERT gives back. */
static void readBack(
  Unit *p, UnitRow *pRow, sqlite3_stmt *pStmt, const u64 *aMask
){
  struct OrmBind *a = rowBack(p, pRow);
  int iCol = 0;
  for(int i=0; a && i<pRow->pModel->p->nField; i++){
    if( !wantsBack(pRow, i, aMask) ) continue;
    ormUnitTake(p->pArena, &a[i], sqlite3_column_value(pStmt, iCol++));
  }
}

static void ignoredRow(Unit *p, const UnitRow *pRow){
  if( p->pErr->rc || sqlite3_changes(p->pOrm->db)>0 ) return;
  ormErr(p->pErr, SQLITE_CONSTRAINT, "orm: the write was ignored by a trigger"
         " or constraint of %s", pRow->pModel->p->zTable);
}

/* An object whose key is NULL could never be found again (C91).  Some of the
** key may be; and a key column is NULL where SQLite does not mind. */
static void checkKey(Unit *p, const UnitRow *pRow){
  const OrmModel *pModel = pRow->pModel->p;
  if( p->pErr->rc || pModel->bRowidKey ) return;
  for(int i=0; i<pModel->nKey; i++){
    struct OrmBind v = { SQLITE_NULL, 0, 0, { 0 } };
    ormUnitKnown(pRow, pModel->aKey[i], &v);
    if( v.eType!=SQLITE_NULL ) return;
  }
  ormErr(p->pErr, SQLITE_CONSTRAINT_NOTNULL,
         "NOT NULL constraint failed: %s.%s", pModel->zTable,
         pModel->aField[pModel->aKey[0]].zName);
}

/* After a statement: 1 if it failed, the error with its place. */
static int rowFailed(Unit *p, const UnitRow *pRow){
  int rc = p->pErr->rc;
  if( rc==SQLITE_OK ) return 0;
  p->bConflict = pRow->bRoot && (rc==SQLITE_CONSTRAINT_UNIQUE
      || rc==SQLITE_CONSTRAINT_PRIMARYKEY);
  if( rc!=SQLITE_CONSTRAINT_FOREIGNKEY || !ormCheckFailed(p, pRow) ){
    ormFlushPrefix(p, pRow, 0);
  }
  return 1;
}

static int compareKeys(const void *pA, const void *pB){
  i64 a = *(const i64*)pA, b = *(const i64*)pB;
  return a<b ? -1 : a>b;
}

/* Is a row new whose key is an INTEGER PRIMARY KEY?  *pKey: the one given. */
static int isNewKey(const UnitRow *pRow, int *pbGiven, i64 *pKey){
  struct OrmBind v;
  if( pRow->pSame || pRow->eState!=UNIT_NEW || !pRow->pModel->p->bRowidKey ){
    return 0;
  }
  *pbGiven = ormUnitKnown(pRow, pRow->pModel->p->aKey[0], &v)
          && v.eType==SQLITE_INTEGER;
  if( *pbGiven ) *pKey = v.u.i;
  return 1;
}

/* Where some new rows of a model give their keys and others do not, SQLite must
** not choose for these what those will bring: aGiven are the keys given. */
void ormFlushKeys(Unit *p){
  int bGiven;
  i64 iKey = 0;
  UnitRow *pRow;
  UnitModel *pModel;
  for(pRow=p->pFirst; pRow; pRow=pRow->pNext){
    if( !isNewKey(pRow, &bGiven, &iKey) ) continue;
    if( bGiven ) pRow->pModel->nGiven++; else pRow->pModel->bChosen = 1;
  }
  for(pModel=p->pModel; pModel; pModel=pModel->pNext){
    if( !pModel->bChosen || pModel->nGiven==0 ) pModel->nGiven = 0;
    else pModel->aGiven = ormArenaAlloc(p->pArena, pModel->nGiven*(i64)8);
    if( pModel->aGiven==0 ) pModel->bChosen = 0;
    pModel->nGiven = 0;
  }
  for(pRow=p->pFirst; pRow && p->pErr->rc==SQLITE_OK; pRow=pRow->pNext){
    pModel = pRow->pModel;
    if( !pModel->bChosen || !isNewKey(pRow, &bGiven, &iKey) ) continue;
    if( bGiven ) pModel->aGiven[pModel->nGiven++] = iKey;
  }
  for(pModel=p->pModel; pModel; pModel=pModel->pNext){
    if( pModel->nGiven==0 ) continue;
    qsort(pModel->aGiven, (size_t)pModel->nGiven, sizeof(i64), compareKeys);
  }
}

static int isGiven(const UnitModel *p, i64 iKey){
  return p->nGiven
      && bsearch(&iKey, p->aGiven, (size_t)p->nGiven, sizeof(i64), compareKeys);
}

/* The highest key that a table with an INTEGER PRIMARY KEY has, or, if it is
** AUTOINCREMENT, ever had. */
static i64 highestKey(Unit *p, const OrmModel *pModel){
  i64 iKey = 0;
  int bSequence;
  OrmStmt *pStmt = ormStmtTakef(p->pOrm, p->pErr,
      "SELECT max(\"%w\"), EXISTS (SELECT 1 FROM \"main\".sqlite_schema "
      "WHERE name = 'sqlite_sequence') FROM \"main\".\"%w\"",
      pModel->aField[pModel->aKey[0]].zName, pModel->zTable);
  bSequence = ormStmtStep(p->pOrm, p->pErr, pStmt);
  if( bSequence ){
    iKey = sqlite3_column_int64(pStmt->p, 0);
    bSequence = sqlite3_column_int(pStmt->p, 1);
  }
  ormStmtGive(p->pOrm, p->pErr, pStmt);
  if( !bSequence ) return iKey;
  pStmt = ormStmtTakef(p->pOrm, p->pErr, "SELECT seq FROM "
      "\"main\".sqlite_sequence WHERE name = %Q COLLATE NOCASE",
      pModel->zTable);
  if( ormStmtStep(p->pOrm, p->pErr, pStmt) ){
    i64 iSeq = sqlite3_column_int64(pStmt->p, 0);
    if( iSeq>iKey ) iKey = iSeq;
  }
  ormStmtGive(p->pOrm, p->pErr, pStmt);
  return iKey;
}

/* Choose the key of a row before it is inserted; all that come later of its
** model have theirs chosen too, so that they do not meet. */
void ormFlushChooseKey(Unit *p, UnitRow *pRow){
  UnitModel *pModel = pRow->pModel;
  UnitVal *pVal;
  struct OrmBind v;
  if( ormUnitKnown(pRow, pModel->p->aKey[0], &v) ) return;
  if( !pModel->p->bRowidKey ){
    ormErr(p->pErr, SQLITE_ERROR, "orm: %s: objects refer to one another in a"
        " circle, and none can be written first: give their keys",
        ormJsonPath(p->pArena, pRow->pNode));
    return;
  }
  if( pModel->iNextKey==0 ) pModel->iNextKey = highestKey(p, pModel->p);
  pVal = ormUnitVal(p, pRow, pModel->p->aKey[0]);
  if( pVal==0 ) return;
  do{
    pModel->iNextKey++;
  }while( isGiven(pModel, pModel->iNextKey) );
  pVal->eKind = UNIT_BIND;
  pVal->v.eType = SQLITE_INTEGER;
  pVal->v.u.i = pModel->iNextKey;
}

/* Would the key that SQLite chooses next be one that the document gives to a
** row that comes later? */
static int keyMeets(Unit *p, UnitModel *pModel){
  if( !pModel->bHighest ){
    pModel->iHighest = highestKey(p, pModel->p);
    pModel->bHighest = 1;
  }
  if( !isGiven(pModel, pModel->iHighest+1) ) return 0;
  pModel->iNextKey = pModel->iHighest;
  return 1;
}

static void insertRow(Unit *p, UnitRow *pRow){
  const OrmModel *pModel = pRow->pModel->p;
  u64 aMask[ORM_MASK_MAX];
  struct OrmBind v = { SQLITE_NULL, 0, 0, { 0 } };
  OrmStmt *pStmt;
  int n = 0;
  if( pRow->pModel->iNextKey
   || (pRow->pModel->nGiven && keyMeets(p, pRow->pModel)) ){
    ormFlushChooseKey(p, pRow);
  }
  fillAuto(p, pRow);
  memset(aMask, 0, (size_t)pRow->pModel->nMask*sizeof(u64));
  for(int i=0; i<pModel->nField; i++){
    if( insertValue(pRow, i, &v) ) maskSet(aMask, i);
  }
  pStmt = insertStmt(p, pRow, aMask);
  for(int i=0; i<pModel->nField && pStmt; i++){
    if( !maskHas(aMask, i) ) continue;
    insertValue(pRow, i, &v);
    ormBindOne(p->pErr, pStmt, ++n, &v);
  }
  if( ormStmtStep(p->pOrm, p->pErr, pStmt) ) readBack(p, pRow, pStmt->p, aMask);
  if( p->pErr->rc==SQLITE_OK ){
    ormErrDb(p->pErr, p->pOrm->db, sqlite3_reset(pStmt->p));
  }
  ignoredRow(p, pRow);
  checkKey(p, pRow);
  if( rowFailed(p, pRow) ) return;
  pRow->bWritten = 1;
  p->nLastRowid = sqlite3_last_insert_rowid(p->pOrm->db);
  if( p->nLastRowid>pRow->pModel->iHighest ){
    pRow->pModel->iHighest = p->nLastRowid;
  }
  if( pModel->bRowidKey && !maskHas(aMask, pModel->aKey[0])
   && rowBack(p, pRow) ){
    pRow->aBack[pModel->aKey[0]].eType = SQLITE_INTEGER;
    pRow->aBack[pModel->aKey[0]].u.i = p->nLastRowid;
  }
}

/* ------------------------------------------------------------------------
** UPDATE
** --------------------------------------------------------------------- */

/* Does a reference lead already to the row that it is to lead to?  What differs
** then is how its key is spelled. */
static int leadsThere(Unit *p, const UnitRow *pRow, int i,
                      const struct OrmBind *pNew){
  const UnitVal *pVal = &pRow->aVal[i];
  const UnitRow *pTo = ormUnitSame(pVal->pRef);
  return ormCollectLeads(p, pRow, i, pTo, pVal->iRef)
      && ormValSame(&pTo->aOld[pVal->iRef], pNew);
}

/* What a field of an existing row changes to: 1, or 0 if it does not. */
static int updateValue(
  Unit *p, const UnitRow *pRow, int i, struct OrmBind *pOut
){
  const UnitVal *pVal = &pRow->aVal[i];
  const struct OrmBind *pOld = &pRow->aOld[i];
  switch( pVal->eKind ){
    case UNIT_BIND:
      *pOut = pVal->v;
      break;
    case UNIT_REF:
      if( !ormUnitKnown(pVal->pRef, pVal->iRef, pOut) ) return 0;
      if( leadsThere(p, pRow, i, pOut) ) return 0;
      break;
    case UNIT_INC:
      *pOut = pVal->v;
      if( pOld->eType==SQLITE_NULL ) return 0;                      /* NW14   */
      return pOut->eType==SQLITE_INTEGER ? pOut->u.i!=0
                                         : pOut->u.r<0 || pOut->u.r>0;
    default: return 0;
  }
  return pOld->eType==0
      || !ormValueSame(p->pArena, &pRow->pModel->p->aField[i], pOut, pOld);
}

/* Version and updated_at change with the row (C100, C102). */
static void touch(Unit *p, UnitRow *pRow, u64 *aMask){
  const OrmModel *pModel = pRow->pModel->p;
  if( pRow->bTouched ) return;
  pRow->bTouched = 1;
  for(int i=0; i<pModel->nField; i++){
    int eAuto = pModel->aField[i].eAuto;
    UnitVal *pVal = &pRow->aVal[i];
    if( eAuto==ORM_AUTO_VERSION ){           /* one given has not changed   */
      const struct OrmBind *pOld = &pRow->aOld[i];
      pVal->eKind = UNIT_BIND;
      pVal->v.eType = SQLITE_INTEGER;
      pVal->v.u.i = pOld->eType==SQLITE_INTEGER ? pOld->u.i + 1 : 1;
      maskSet(aMask, i);
    }else if( eAuto==ORM_AUTO_UPDATED && !maskHas(aMask, i) ){
      const char *z = unitNow(p, &pModel->aField[i]);
      pVal->eKind = UNIT_BIND;
      if( z ) bindText(&pVal->v, z);
      maskSet(aMask, i);
    }
  }
}

/* " WHERE key = ?n AND ..", from ?iBind on. */
static void keySql(OrmBuf *pBuf, const OrmModel *pModel, int iBind){
  for(int i=0; i<pModel->nKey; i++){
    ormBufAdd(pBuf, i ? " AND " : " WHERE ", -1);
    ormBufName(pBuf, pModel->aField[pModel->aKey[i]].zName);
    ormBufPrintf(pBuf, " = ?%d", iBind + i);
  }
}

/* Is what a field is incremented to to be known before?  Where it refers, the
** row must be there; where it may be referred to, that follows. */
static int wantsSum(const OrmModel *pModel, int iField){
  return ormFieldRefers(pModel, iField) || ormFieldReferred(pModel, iField);
}

/* An increment becomes the value that it leads to. */
static void sumField(Unit *p, UnitRow *pRow, int iField){
  const OrmModel *pModel = pRow->pModel->p;
  UnitVal *pVal = &pRow->aVal[iField];
  OrmBuf buf;
  OrmStmt *pStmt;
  ormBufInit(&buf, p->pErr);
  ormBufAdd(&buf, "SELECT ", -1);
  ormBufName(&buf, pModel->aField[iField].zName);
  ormBufAdd(&buf, " + ?1 FROM ", -1);
  ormBufTable(&buf, pModel->zTable);
  keySql(&buf, pModel, 2);
  pStmt = ormStmtTake(p->pOrm, p->pErr, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  ormBindOne(p->pErr, pStmt, 1, &pVal->v);
  for(int i=0; i<pModel->nKey; i++){
    ormBindOne(p->pErr, pStmt, i+2, &pRow->aOld[pModel->aKey[i]]);
  }
  if( ormStmtStep(p->pOrm, p->pErr, pStmt) ){
    pVal->eKind = UNIT_BIND;
    ormUnitTake(p->pArena, &pVal->v, sqlite3_column_value(pStmt->p, 0));
  }
  ormStmtGive(p->pOrm, p->pErr, pStmt);
}

static void updateSql(const UnitRow *pRow, const u64 *aMask, OrmBuf *pBuf){
  const OrmModel *pModel = pRow->pModel->p;
  int n = 0;
  ormBufAdd(pBuf, "UPDATE ", -1);
  ormBufTable(pBuf, pModel->zTable);
  for(int i=0; i<pModel->nField; i++){
    if( !maskHas(aMask, i) ) continue;
    ormBufAdd(pBuf, n ? ", " : " SET ", -1);
    ormBufName(pBuf, pModel->aField[i].zName);
    ormBufAdd(pBuf, " = ", 3);
    if( maskHas(aMask, pModel->nField+i) ){
      ormBufName(pBuf, pModel->aField[i].zName);
      ormBufAdd(pBuf, " + ", 3);
    }
    ormBufPrintf(pBuf, "?%d", ++n);
  }
  keySql(pBuf, pModel, n + 1);
}

static OrmStmt *updateStmt(Unit *p, const UnitRow *pRow, const u64 *aMask){
  UnitShape *pShape = &pRow->pModel->update;
  OrmBuf buf;
  if( shapeFits(p, pRow->pModel, pShape, aMask) ) return pShape->p;
  ormBufInit(&buf, p->pErr);
  updateSql(pRow, aMask, &buf);
  pShape->p = ormStmtTake(p->pOrm, p->pErr, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  return pShape->p;
}

/* What was written is what is stored now. */
static void updated(Unit *p, UnitRow *pRow, int i, const struct OrmBind *pNew){
  pRow->aOld[i] = *pNew;
  ormValAffinity(p->pArena, &pRow->aOld[i], pRow->pModel->p->aField[i].cAff);
}

/* No object that has NULL in its key is changed, or gets it (C91). */
static int blanksKey(Unit *p, const UnitRow *pRow, const u64 *aMask){
  const OrmModel *pModel = pRow->pModel->p;
  for(int i=0; i<pModel->nKey; i++){
    int f = pModel->aKey[i];
    struct OrmBind v = pRow->aVal[f].v;
    if( maskHas(aMask, f) ){
      if( pRow->aVal[f].eKind==UNIT_REF ) ormUnitKnown(pRow, f, &v);
    }else{
      v = pRow->aOld[f];
    }
    if( v.eType!=SQLITE_NULL ) continue;
    ormErr(p->pErr, SQLITE_CONSTRAINT_NOTNULL,
           "NOT NULL constraint failed: %s.%s", pModel->zTable,
           pModel->aField[f].zName);
    return rowFailed(p, pRow);
  }
  return 0;
}

/* Update the fields of the mask. */
static void updateRow(Unit *p, UnitRow *pRow, u64 *aMask, int bTouch){
  const OrmModel *pModel = pRow->pModel->p;
  struct OrmBind v = { SQLITE_NULL, 0, 0, { 0 } };
  OrmStmt *pStmt;
  int n = 0;
  if( blanksKey(p, pRow, aMask) ) return;
  if( bTouch ) touch(p, pRow, aMask);
  for(int i=0; i<pModel->nField; i++){
    if( !maskHas(aMask, i) || pRow->aVal[i].eKind!=UNIT_INC ) continue;
    if( wantsSum(pModel, i) ) sumField(p, pRow, i);
    else maskSet(aMask, pModel->nField+i);
  }
  ormRenameBefore(p, pRow, aMask);
  pStmt = updateStmt(p, pRow, aMask);
  for(int i=0; i<pModel->nField && pStmt; i++){
    if( !maskHas(aMask, i) ) continue;
    if( pRow->aVal[i].eKind!=UNIT_REF ) v = pRow->aVal[i].v;
    else ormUnitKnown(pRow->aVal[i].pRef, pRow->aVal[i].iRef, &v);
    ormBindOne(p->pErr, pStmt, ++n, &v);
  }
  for(int i=0; i<pModel->nKey && pStmt; i++){
    ormBindOne(p->pErr, pStmt, ++n, &pRow->aOld[pModel->aKey[i]]);
  }
  ormStmtStep(p->pOrm, p->pErr, pStmt);
  if( p->pErr->rc==SQLITE_OK ) sqlite3_reset(pStmt->p);
  ignoredRow(p, pRow);
  if( rowFailed(p, pRow) ) return;
  for(int i=0; i<pModel->nField; i++){
    int bValue;
    if( !maskHas(aMask, i) || pRow->aVal[i].eKind==UNIT_INC ) continue;
    bValue = insertValue(pRow, i, &v);
    if( ORM_ALWAYS(bValue) ) updated(p, pRow, i, &v);
  }
}

/* All that changes, or (aOnly) those of its fields. */
static void changeRow(Unit *p, UnitRow *pRow, const u8 *abOnly, int bTouch){
  u64 aMask[ORM_MASK_MAX];
  struct OrmBind v;
  int bAny = 0;
  memset(aMask, 0, (size_t)pRow->pModel->nMask*sizeof(u64));
  for(int i=0; i<pRow->pModel->p->nField; i++){
    if( abOnly && !abOnly[i] ) continue;
    if( !updateValue(p, pRow, i, &v) ) continue;
    maskSet(aMask, i);
    bAny = 1;
  }
  if( bAny ) updateRow(p, pRow, aMask, bTouch);
}

void ormFlushRow(Unit *p, UnitRow *pRow){
  if( p->pErr->rc ) return;
  if( pRow->eState==UNIT_NEW ){
    insertRow(p, pRow);
  }else{
    changeRow(p, pRow, 0, 1);
    pRow->bWritten = 1;
  }
}

/* Is a field in a UNIQUE index (bAlone: that is of references only)? */
static int inUnique(const UnitRow *pRow, int iField, int bAlone){
  const OrmModel *pModel = pRow->pModel->p;
  for(int i=0; i<pModel->nIndex; i++){
    const OrmIndex *pIndex = &pModel->aIndex[i];
    int bHas = 0, bAll = 1;
    for(int j=0; pIndex->bUnique && j<pIndex->n; j++){
      if( pIndex->aField[j]==iField ) bHas = 1;
      if( !pRow->aVal[pIndex->aField[j]].bRel ) bAll = 0;
    }
    if( bHas && (bAll || !bAlone) ) return 1;
  }
  return 0;
}

int ormFlushChanges(Unit *p, const UnitRow *pRow, int i){
  struct OrmBind v;
  const UnitVal *pVal = &pRow->aVal[i];
  if( pVal->eKind==UNIT_REF && !ormUnitKnown(pVal->pRef, pVal->iRef, &v) ){
    return 1;
  }
  return updateValue(p, pRow, i, &v);
}

int ormFlushSwaps(Unit *p, const UnitRow *pRow){
  for(int i=0; i<pRow->pModel->p->nField; i++){
    const UnitVal *pVal = &pRow->aVal[i];
    if( !pVal->bRel || pVal->eKind!=UNIT_REF || !inUnique(pRow, i, 1) ){
      continue;
    }
    if( pRow->eState==UNIT_NEW || ormFlushChanges(p, pRow, i) ) return 1;
  }
  return 0;
}

/* Is a reference set now, when the deletes are still to come?  Not to a row
** that is not there yet; with bHold, not where a row that goes or moves on
** could have the same value in a UNIQUE index. */
static int isEarly(Unit *p, const UnitRow *pRow, int i, int bHold){
  const UnitVal *pVal = &pRow->aVal[i];
  struct OrmBind v;
  if( pVal->eKind!=UNIT_REF ) return 1;
  if( ormUnitSame(pVal->pRef)->eState!=UNIT_OLD ) return 0;
  return !bHold || !updateValue(p, pRow, i, &v) || !inUnique(pRow, i, 0);
}

int ormFlushEarly(Unit *p, UnitRow *pRow, int bHold){
  const OrmModel *pModel = pRow->pModel->p;
  u8 *abOnly = ormArenaAlloc(p->pArena, pModel->nField);
  UnitVal *aKeep = ormArenaAlloc(p->pArena, pModel->nField*(i64)sizeof(*aKeep));
  int bAll = 1;
  if( aKeep==0 ) return 1;      /* the arena gives nothing after a failure    */
  memcpy(aKeep, pRow->aVal, (size_t)pModel->nField*sizeof(*aKeep));
  for(int i=0; i<pModel->nField; i++){
    UnitVal *pVal = &pRow->aVal[i];
    if( !pVal->bRel || pVal->eKind==UNIT_NONE ) continue;
    abOnly[i] = 1;
    if( isEarly(p, pRow, i, bHold) ) continue;
    if( pModel->aField[i].bNotNull || pModel->aField[i].iKey ){
      if( !isEarly(p, pRow, i, 0) ) bAll = 0;
      abOnly[i] = 0;
      continue;
    }
    pVal->eKind = UNIT_BIND;
    memset(&pVal->v, 0, sizeof(pVal->v));
    pVal->v.eType = SQLITE_NULL;
  }
  if( bAll ) changeRow(p, pRow, abOnly, 1);
  memcpy(pRow->aVal, aKeep, (size_t)pModel->nField*sizeof(*aKeep));
  return bAll;
}

/* References that were not known when the row was inserted (C76, C105). */
void ormFlushDeferred(Unit *p, UnitRow *pRow){
  const OrmModel *pModel = pRow->pModel->p;
  u8 *abOnly = ormArenaAlloc(p->pArena, pModel->nField);
  pRow->aOld = ormArenaAlloc(p->pArena,
                             pModel->nField*(i64)sizeof(struct OrmBind));
  if( pRow->aOld==0 ) return;
  for(int i=0; i<pModel->nField; i++){
    struct OrmBind v;
    if( pRow->aVal[i].eKind==UNIT_REF ) abOnly[i] = pRow->aVal[i].bWrite;
    pRow->aVal[i].bWrite = 0;
    if( !abOnly[i] && ormUnitKnown(pRow, i, &v) ) pRow->aOld[i] = v;
    if( abOnly[i] ) pRow->aOld[i].eType = SQLITE_NULL;
  }
  changeRow(p, pRow, abOnly, 0);
}
