/*
** Many flat objects that are all new, from one array: the document streams
** through orm_rows, a virtual table that is never a tree in memory, into one
** INSERT .. SELECT for each run of objects that name the same fields.
**
** This is a short cut and nothing else: at whatever it does not know the unit
** of work does it all, whose results and errors are the ones that count.  What
** the unit of work could do and this cannot (a relationship, a field given
** twice, keys given to some) is looked for in the whole document before the
** first row is written, since rows that are undone stay counted by
** total_changes().  What fails later (a wrong type, a constraint) fails there
** too; but where it is known what that would say, it is said at once.  So, when
** rows are written, all objects are known to be well-formed but for their
** scalars, and to name each field at most once.
**
** Values stand in the document, or in the arena of the current row, until the
** next one is read; SQLite has built the record by then.
*/
#include "unit.h"

#define ROWS_TYPE "orm_rows"
#define ROWS_MAX 64             /* columns                                    */

typedef struct Bulk Bulk;
struct Bulk {
  Unit unit;                    /* for ormUnitValue(): pArena is the row's    */
  OrmErr err;                   /*   and complaints go nowhere                */
  Orm *pOrm;
  OrmModel *pModel;
  OrmArena arena;
  const char *z, *zEnd;         /* what is left of the document               */
  OrmJson node;                 /* the scalar being read                      */
  u8 bEnd;                      /* the array is closed                        */
  u8 bAbandon;                  /* not for us                                 */
  u8 bPending;                  /* the row that is read begins a new run      */
  u8 bSave;                     /* objects may be there                       */
  u8 bRefers;                   /* some have references                       */
  u8 bSelf;                     /* some refer to the table itself             */
  int nShape;                   /* runs                                       */
  u8 mKeyed;                    /* 1: some objects give the rowid, 2: some    */
                                /*   do not                                   */
  int nGiven;                   /* fields that the objects of the run name    */
  int nCol;                     /* and auto fields behind them                */
  int aField[ROWS_MAX];
  struct OrmBind aVal[ROWS_MAX];
  i64 nRun;                     /* rows given out in this run                 */
  i64 nRow;                     /* rows written                               */
};

/* ------------------------------------------------------------------------
** Reading
** --------------------------------------------------------------------- */

static const char *spaceEnd(const Bulk *p, const char *z){
  return ormJsonSpaceEnd(z, p->zEnd);
}

/* The depth is that of the whole document. */
static const char *valueEnd(const Bulk *p, const char *z){
  return ormJsonValueEnd(z, p->zEnd, ORM_JSON_MAX_DEPTH-2);
}

/* The member at z, before the end of the document, which is the n-th: its
** field, and where its value begins; 0 if it is not for us. */
static const char *memberValue(
  const Bulk *p, const char *z, int n, int *piField
){
  const char *zName = z + 1;
  assert( z<p->zEnd );
  if( n<p->nGiven ){
    const OrmField *pField = &p->pModel->aField[p->aField[n]];
    int nKey = pField->nJsonKey - 1;               /* "name":                 */
    if( p->zEnd - z>nKey
     && memcmp(z, pField->zJsonKey + 1, (size_t)nKey)==0 ){
      *piField = p->aField[n];
      return spaceEnd(p, z + nKey);
    }
  }
  if( *z!='"' || (z = ormJsonStringEnd(z, p->zEnd))==0
   || memchr(zName, '\\', (size_t)(z - zName)) ) return 0;
  *piField = ormFieldFind(p->pModel, zName, z - zName - 1);
  z = spaceEnd(p, z);
  if( *piField<0 || z>=p->zEnd || *z!=':' ) return 0;
  return spaceEnd(p, z + 1);
}

/* Behind a value: at the next member, or the brace that closes the object; 0:
** neither. */
static const char *memberEnd(const Bulk *p, const char *z){
  z = spaceEnd(p, z);
  if( z>=p->zEnd ) return 0;
  if( *z=='}' ) return z;
  if( *z!=',' ) return 0;
  z = spaceEnd(p, z + 1);
  return z<p->zEnd && *z=='"' ? z : 0;
}

/* The position of a field among those of the run, or -1. */
static int columnOf(const Bulk *p, int iField, int iGuess){
  if( iGuess<p->nGiven && p->aField[iGuess]==iField ) return iGuess;
  for(int i=0; i<p->nGiven; i++) if( p->aField[i]==iField ) return i;
  return -1;
}

/* Is NULL another thing for a field than a value? */
static int isNullOdd(const OrmField *pField){
  return pField->iKey || pField->eAuto==ORM_AUTO_VERSION;
}

/* The fields that write themselves, behind those that are given. */
static void addAuto(Bulk *p){
  for(int i=0; i<p->pModel->nField; i++){
    const OrmField *pField = &p->pModel->aField[i];
    if( pField->eAuto==ORM_AUTO_NONE || columnOf(p, i, 0)>=0 ) continue;
    assert( p->nCol<p->pModel->nField );
    p->aField[p->nCol++] = i;
  }
}

static void fillAuto(Bulk *p){
  for(int i=p->nGiven; i<p->nCol; i++){
    ormFlushAuto(&p->unit, &p->pModel->aField[p->aField[i]], &p->aVal[i]);
  }
}

/* Does the run leave a key NULL that SQLite would take (C91)? */
static int lacksKey(const Bulk *p){
  const OrmModel *pModel = p->pModel;
  for(int i=0; i<p->nCol; i++){
    if( pModel->aField[p->aField[i]].iKey ) return 0;
  }
  for(int i=0; i<pModel->nKey; i++){
    if( pModel->aField[pModel->aKey[i]].zDefault ) return 0;
  }
  return !pModel->bRowidKey;
}

/* The fields of an object are those of the run from now on: 1, or 0 if it is
** not for us. */
static int takeShape(Bulk *p, const char *z){
  p->nGiven = p->nCol = 0;
  z = spaceEnd(p, z + 1);
  while( z<p->zEnd && *z!='}' ){
    int iField;
    z = memberValue(p, z, p->nGiven, &iField);
    if( z==0 || columnOf(p, iField, 0)>=0 ) return 0;
    assert( p->nGiven<p->pModel->nField );
    p->aField[p->nGiven++] = iField;
    z = valueEnd(p, z);
    if( z==0 || (z = memberEnd(p, z))==0 ) return 0;
  }
  p->nCol = p->nGiven;
  return 1;
}

/* Begin a run. */
static void newShape(Bulk *p){
  p->bPending = 1;
  p->bAbandon = (u8)!takeShape(p, p->z);
  assert( !p->bAbandon );
  addAuto(p);
  if( lacksKey(p) ) p->bAbandon = 1;
}

/* Read the value at z: what is behind it; 0 and bAbandon. */
static const char *takeValue(Bulk *p, const char *z, int iField, int iCol){
  const OrmField *pField = &p->pModel->aField[iField];
  const OrmJson *pNode = &p->node;
  const char *zEnd;
  assert( z<p->zEnd );
  if( *z=='{' || *z=='[' ){
    zEnd = valueEnd(p, z);
    assert( zEnd );
    pNode = ormJsonParse(&p->arena, z, zEnd - z, "object");
  }else{
    zEnd = ormJsonScalar(&p->arena, z, p->zEnd, &p->node);
  }
  if( zEnd==0 || pNode==0 || pField->bGenerated || pField->bReadonly
   || ormUnitValue(&p->unit, pField, pNode, &p->aVal[iCol]) ){
    p->bAbandon = 1;
    return 0;
  }
  return zEnd;
}

/* The values of the object at p->z into aVal, and p->z behind it; 0 if it has
** other fields than the run, or at a mistake. */
static int takeValues(Bulk *p){
  const char *z = spaceEnd(p, p->z + 1);
  int n = 0;
  while( *z!='}' ){
    int iField, iCol;
    z = memberValue(p, z, n, &iField);
    assert( z );
    iCol = columnOf(p, iField, n);
    if( iCol<0 ) return 0;
    z = takeValue(p, z, iField, iCol);
    if( z==0 || (z = memberEnd(p, z))==0 ){
      p->bAbandon = 1;
      return 0;
    }
    n++;
  }
  if( n!=p->nGiven ) return 0;
  p->z = z + 1;
  fillAuto(p);
  return 1;
}

/* Behind an object: on to the next, or the end of the document. */
static void nextObject(Bulk *p){
  int bNext = ormJsonNextElement(&p->z, p->zEnd);
  p->bEnd = bNext==0;
  if( bNext<0 || (bNext && *p->z!='{') ) p->bAbandon = 1;
}

/* Read the next object: 1, or 0 at the end or when it is not for us. */
static int readRow(Bulk *p){
  assert( !p->bAbandon );
  if( p->bEnd ) return 0;
  ormArenaReset(&p->arena);
  if( p->nRow + p->nRun==0 || !takeValues(p) ){
    if( !p->bAbandon ) newShape(p);
    if( !p->bAbandon && !takeValues(p) ) p->bAbandon = 1;
  }
  if( !p->bAbandon ) nextObject(p);
  if( p->err.rc ) p->bAbandon = 1;
  return !p->bAbandon;
}

/* ------------------------------------------------------------------------
** Checking
** --------------------------------------------------------------------- */

/* Do the fields of the run hold references? */
static int givesReference(const Bulk *p){
  for(int i=0; i<p->nGiven; i++){
    if( ormFieldRefers(p->pModel, p->aField[i]) ) return 1;
  }
  return 0;
}

/* Does a field of the run refer to the table itself? */
static int givesSelf(const Bulk *p){
  const OrmModel *pModel = p->pModel;
  for(int i=0; i<pModel->nFk; i++){
    const OrmFk *pFk = &pModel->aFk[i];
    if( sqlite3_stricmp(pFk->zTarget, pModel->zTable)!=0 ) continue;
    for(int j=0; j<pFk->n; j++){
      if( columnOf(p, pFk->aField[j], 0)>=0 ) return 1;
    }
  }
  return 0;
}

/* Does a field of the run tell whether an object is there already? */
static int givesIdentity(const Bulk *p){
  for(int i=0; i<p->nGiven; i++){
    if( ormGraphIdentity(p->pModel, p->aField[i]) ) return 1;
  }
  return 0;
}

/* Are objects with the fields of this one for us?  Not if SQLite is to choose
** keys beside those that are given, which it could meet, nor if a run could
** refer to a row of a later one, nor if they have to be looked for. */
static int checkShape(Bulk *p, const char *z){
  if( !takeShape(p, z) || p->nGiven==0 ) return 0;
  if( p->bSave && givesIdentity(p) ) return 0;
  p->bRefers |= (u8)givesReference(p);
  if( p->bRefers && !p->unit.bForeignKeys ) return 0;
  p->bSelf |= (u8)givesSelf(p);
  if( ++p->nShape>1 && p->bSelf ) return 0;
  if( p->pModel->bRowidKey ){
    p->mKeyed |= columnOf(p, p->pModel->aKey[0], 0)>=0 ? 1 : 2;
  }
  return p->mKeyed!=3;
}

/* An object of the same fields in the same order as the one before: 1, and p->z
** is behind it. */
static int checkSame(Bulk *p){
  const char *z = spaceEnd(p, p->z + 1);
  int n = 0, iField;
  while( z<p->zEnd && *z!='}' ){
    z = memberValue(p, z, n, &iField);
    if( z==0 || n>=p->nGiven || p->aField[n]!=iField || z>=p->zEnd ) return 0;
    if( *z=='n' && isNullOdd(&p->pModel->aField[iField]) ) return 0;
    z = valueEnd(p, z);
    if( z==0 || (z = memberEnd(p, z))==0 ) return 0;
    n++;
  }
  if( n!=p->nGiven || n==0 ) return 0;
  p->z = z + 1;
  return 1;
}

/* Is all of the document, an array, for us? */
static int checkAll(Bulk *p){
  const char *zStart;
  if( p->pModel->nField>ROWS_MAX ) return 0;
  p->z = spaceEnd(p, p->z);
  if( p->z>=p->zEnd || *p->z!='[' ) return 0;
  p->z = zStart = spaceEnd(p, p->z + 1);
  if( p->z>=p->zEnd || *p->z!='{' ) return 0;
  while( !p->bEnd && !p->bAbandon ){
    if( !checkSame(p) && (!checkShape(p, p->z) || !checkSame(p)) ) return 0;
    nextObject(p);
  }
  p->z = zStart;
  p->bEnd = 0;
  return !p->bAbandon;
}

/* ------------------------------------------------------------------------
** orm_rows(?1): the rows of a run
** --------------------------------------------------------------------- */

typedef struct RowsCursor RowsCursor;
struct RowsCursor {
  sqlite3_vtab_cursor base;
  Bulk *p;                      /* 0: no rows                                 */
  u8 bRow;
};

static int rowsConnect(
  sqlite3 *db, void *pAux, int argc, const char *const *argv,
  sqlite3_vtab **ppVtab, char **pzErr
){
  char zSql[ROWS_MAX*5 + 100];
  char *z = zSql;
  int rc;
  ORM_UNUSED(pAux);  ORM_UNUSED(argc);  ORM_UNUSED(argv);  ORM_UNUSED(pzErr);
  *ppVtab = 0;
  z += strlen(sqlite3_snprintf(30, z, "CREATE TABLE x("));
  for(int i=0; i<ROWS_MAX; i++) z += strlen(sqlite3_snprintf(8, z, "c%d,", i));
  sqlite3_snprintf(30, z, "source HIDDEN)");
  rc = sqlite3_declare_vtab(db, zSql);
  if( rc!=SQLITE_OK ) return rc;
  sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
  *ppVtab = sqlite3_malloc64(sizeof(**ppVtab));
  if( *ppVtab==0 ) return SQLITE_NOMEM;
  memset(*ppVtab, 0, sizeof(**ppVtab));
  return SQLITE_OK;
}

static int rowsDisconnect(sqlite3_vtab *pVtab){
  sqlite3_free(pVtab);
  return SQLITE_OK;
}

static int rowsBestIndex(sqlite3_vtab *pVtab, sqlite3_index_info *pInfo){
  ORM_UNUSED(pVtab);
  for(int i=0; i<pInfo->nConstraint; i++){
    const struct sqlite3_index_constraint *p = &pInfo->aConstraint[i];
    if( p->iColumn!=ROWS_MAX || p->op!=SQLITE_INDEX_CONSTRAINT_EQ ) continue;
    if( !p->usable ) return SQLITE_CONSTRAINT;
    pInfo->aConstraintUsage[i].argvIndex = 1;
    pInfo->aConstraintUsage[i].omit = 1;
    break;
  }
  pInfo->estimatedCost = 1000;
  return SQLITE_OK;
}

static int rowsOpen(sqlite3_vtab *pVtab, sqlite3_vtab_cursor **ppCursor){
  RowsCursor *p = sqlite3_malloc64(sizeof(*p));
  ORM_UNUSED(pVtab);
  *ppCursor = 0;
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  *ppCursor = &p->base;
  return SQLITE_OK;
}

static int rowsClose(sqlite3_vtab_cursor *pCursor){
  sqlite3_free(pCursor);
  return SQLITE_OK;
}

static int rowsFilter(
  sqlite3_vtab_cursor *pCursor, int idxNum, const char *idxStr,
  int argc, sqlite3_value **argv
){
  RowsCursor *p = (RowsCursor*)pCursor;
  ORM_UNUSED(idxNum);  ORM_UNUSED(idxStr);
  p->p = argc ? sqlite3_value_pointer(argv[0], ROWS_TYPE) : 0;
  p->bRow = p->p!=0;            /* the first row of the run is read already   */
  if( p->p ) p->p->nRun = 1;
  return SQLITE_OK;
}

static int rowsNext(sqlite3_vtab_cursor *pCursor){
  RowsCursor *p = (RowsCursor*)pCursor;
  p->bRow = readRow(p->p) && !p->p->bPending;
  if( p->bRow ) p->p->nRun++;
  return SQLITE_OK;
}

static int rowsEof(sqlite3_vtab_cursor *pCursor){
  return !((RowsCursor*)pCursor)->bRow;
}

static int rowsColumn(
  sqlite3_vtab_cursor *pCursor, sqlite3_context *pCtx, int i
){
  const Bulk *p = ((RowsCursor*)pCursor)->p;
  assert( i<p->nCol );
  ormBindResult(pCtx, &p->aVal[i], SQLITE_STATIC);
  return SQLITE_OK;
}

static int rowsRowid(sqlite3_vtab_cursor *pCursor, sqlite3_int64 *piRowid){
  *piRowid = ((RowsCursor*)pCursor)->p->nRun;
  return SQLITE_OK;
}

const sqlite3_module ormRowsModule = {
  .xConnect = rowsConnect,
  .xDisconnect = rowsDisconnect,
  .xBestIndex = rowsBestIndex,
  .xOpen = rowsOpen,
  .xClose = rowsClose,
  .xFilter = rowsFilter,
  .xNext = rowsNext,
  .xEof = rowsEof,
  .xColumn = rowsColumn,
  .xRowid = rowsRowid,
};

/* ------------------------------------------------------------------------
** Writing
** --------------------------------------------------------------------- */

static void runSql(const Bulk *p, OrmBuf *pBuf){
  ormBufAdd(pBuf, "INSERT INTO ", -1);
  ormBufTable(pBuf, p->pModel->zTable);
  for(int i=0; i<p->nCol; i++){
    ormBufChar(pBuf, i ? ',' : '(');
    ormBufName(pBuf, p->pModel->aField[p->aField[i]].zName);
  }
  ormBufAdd(pBuf, ") SELECT ", -1);
  for(int i=0; i<p->nCol; i++) ormBufPrintf(pBuf, i ? ", c%d" : "c%d", i);
  ormBufAdd(pBuf, " FROM orm_rows(?1)", -1);
}

/* One run; its first row has been read. */
static void writeRun(Bulk *p, OrmErr *pErr){
  OrmBuf buf;
  OrmStmt *pStmt;
  p->bPending = 0;
  ormBufInit(&buf, pErr);
  runSql(p, &buf);
  pStmt = ormStmtTake(p->pOrm, pErr, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  p->nRun = 0;
  if( pStmt ) sqlite3_bind_pointer(pStmt->p, 1, p, ROWS_TYPE, 0);
  ormStmtStep(p->pOrm, pErr, pStmt);
  ormStmtGive(p->pOrm, pErr, pStmt);
  if( pErr->rc==SQLITE_OK && sqlite3_changes(p->pOrm->db)!=p->nRun ){
    p->bAbandon = 1;
  }
  p->nRow += p->nRun;
  p->nRun = 0;
}

static void bulkJob(Orm *pOrm, OrmErr *pErr, void *pArg){
  Bulk *p = (Bulk*)pArg;
  ORM_UNUSED(pOrm);
  if( readRow(p) ){
    do{
      writeRun(p, pErr);
    }while( p->bPending && !p->bAbandon && pErr->rc==SQLITE_OK );
  }
  if( p->bAbandon ) ormErr(pErr, SQLITE_ERROR, "orm: not in bulk");
}

void ormBulkLeave(OrmErr *pErr, OrmErr *pOwn){
  if( !ormFlushMachine(pErr->rc) ) ormErrClear(pErr);
  if( pOwn->rc==SQLITE_NOMEM ){
    ormErrClear(pErr);
    ormErrOom(pErr);
  }
  ormErrClear(pOwn);
}

/* ------------------------------------------------------------------------
** Failures
** --------------------------------------------------------------------- */

/* Is it known what the unit of work would say of a failure?  Of the values of a
** row alone, and rows fail one by one, in the order of the document.  (Foreign
** keys are looked at when the statement is over.) */
static int isPlainFailure(Bulk *p, int rc){
  OrmModel *pModel = p->pModel;
  return (rc==SQLITE_CONSTRAINT_UNIQUE || rc==SQLITE_CONSTRAINT_PRIMARYKEY
       || rc==SQLITE_CONSTRAINT_NOTNULL || rc==SQLITE_CONSTRAINT_CHECK)
      && !p->bRefers && pModel->iSoftDelete<0
      && ormTableQuiet(p->pOrm, &p->err, pModel->zTable, &pModel->eQuiet);
}

/* A row failed, the last that was read: 1 if the error says all, with its
** place.  Where an object behind it has a value of the wrong type, that is what
** the unit of work complains of, so all are read to the end. */
static int tellFailed(Bulk *p, OrmErr *pErr){
  UnitModel model = { .p = p->pModel };
  OrmJson array = { .eType = ORM_JSON_ARRAY };
  OrmJson object = { .eType = ORM_JSON_OBJECT, .pParent = &array };
  UnitRow row = { .pModel = &model, .pNode = &object, .eRole = UNIT_OBJECT };
  object.iIndex = (int)p->nRow - 1;
  if( !isPlainFailure(p, pErr->rc) ) return 0;
  assert( !p->bAbandon );
  while( readRow(p) ){}
  if( p->bAbandon ) return 0;
  p->unit.pErr = pErr;
  ormFlushPrefix(&p->unit, &row, 0);
  return 1;
}

/* Create the flat objects of the array z[n]: how many, or -1 if this is no
** work for us (nothing is written then) or it failed. */
i64 ormBulk(
  Orm *pOrm, OrmErr *pErr, OrmModel *pModel, int bSave, const char *z, i64 n
){
  Bulk *p = sqlite3_malloc64(sizeof(*p));
  i64 nRow = -1;
  int bTold = 0;
  if( p==0 ){
    ormErrOom(pErr);
    return -1;
  }
  memset(p, 0, sizeof(*p));
  ormArenaInit(&p->arena, &p->err);
  ormUnitInit(&p->unit, pOrm, &p->err, &p->arena, pModel->pCatalog,
              ORM_WRITE_CREATE);
  p->pOrm = pOrm;
  p->pModel = pModel;
  p->bSave = (u8)bSave;
  p->z = z;
  p->zEnd = z + n;
  if( checkAll(p) ){
    ormAnchorRun(pOrm, pErr, bulkJob, p);
    if( pErr->rc==SQLITE_OK ) nRow = p->nRow;
    bTold = pErr->rc && tellFailed(p, pErr);
  }
  if( bTold ) ormErrClear(&p->err);
  else ormBulkLeave(pErr, &p->err);
  ormArenaFree(&p->arena);
  sqlite3_free(p);
  return pErr->rc ? -1 : nRow;
}
