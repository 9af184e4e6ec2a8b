/*
** Many flat objects from one array: the document streams through orm_rows, a
** virtual table that is never a tree in memory, into one INSERT .. SELECT for
** each run of objects that name the same fields.
**
** This is a short cut and nothing else: at whatever it does not know (a
** relationship, a wrong type, a constraint that fails) it undoes what it has
** written and lets the unit of work do it all, whose results and errors are
** the ones that count.
**
** Values stand in the arena of the current row until the next one is read;
** SQLite has built the record by then.
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
  u8 bEnd;                      /* the array is closed                        */
  u8 bAbandon;                  /* not for us                                 */
  u8 bPending;                  /* the row that is read begins a new run      */
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

static void skipSpace(Bulk *p){
  while( p->z<p->zEnd && (*p->z==' ' || *p->z=='\n' || *p->z=='\r'
                          || *p->z=='\t') ) p->z++;
}

/* The end of the object that begins at p->z, or 0. */
static const char *objectEnd(const Bulk *p){
  int nDepth = 0;
  const char *z = p->z;
  if( z>=p->zEnd || *z!='{' ) return 0;
  for(; z<p->zEnd; z++){
    switch( *z ){
      case '{': case '[': nDepth++; break;
      case '}': case ']': if( --nDepth==0 ) return z+1; break;
      case '"':
        for(z++; z<p->zEnd && *z!='"'; z++) if( *z=='\\' ) z++;
        break;
      default: break;
    }
  }
  return 0;
}

/* The position of a field among those of the run, or -1. */
static int columnOf(const Bulk *p, int iField, int iGuess){
  if( iGuess<p->nGiven && p->aField[iGuess]==iField ) return iGuess;
  for(int i=0; i<p->nGiven; i++) if( p->aField[i]==iField ) return i;
  return -1;
}

static int fieldOf(const Bulk *p, const OrmJson *pNode, int iGuess){
  const OrmModel *pModel = p->pModel;
  if( iGuess<p->nGiven
   && ormJsonIs(pNode, pModel->aField[p->aField[iGuess]].zName) ){
    return p->aField[iGuess];
  }
  return ormFieldFind(pModel, pNode->zKey, pNode->nKey);
}

/* May a field be written as it is? */
static int isPlain(const Bulk *p, int iField, const struct OrmBind *pVal){
  const OrmField *pField = &p->pModel->aField[iField];
  if( pField->bGenerated || pField->bReadonly ) return 0;
  if( pVal->eType!=SQLITE_NULL ) return 1;
  return pField->iKey==0 && pField->eAuto!=ORM_AUTO_VERSION;
}

/* The fields that write themselves, behind those that are given. */
static void addAuto(Bulk *p){
  for(int i=0; i<p->pModel->nField; i++){
    const OrmField *pField = &p->pModel->aField[i];
    if( pField->eAuto==ORM_AUTO_NONE || columnOf(p, i, 0)>=0 ) continue;
    if( p->nCol==ROWS_MAX ){
      p->bAbandon = 1;
      return;
    }
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

/* Begin a run with the fields of an object. */
static void newShape(Bulk *p, const OrmJson *pObject){
  p->nGiven = p->nCol = 0;
  p->bPending = 1;
  for(const OrmJson *q=pObject->pChild; q && !p->bAbandon; q=q->pNext){
    int iField = ormFieldFind(p->pModel, q->zKey, q->nKey);
    if( iField<0 || p->nGiven==ROWS_MAX || columnOf(p, iField, 0)>=0 ){
      p->bAbandon = 1;
    }else{
      p->aField[p->nGiven++] = iField;
    }
  }
  p->nCol = p->nGiven;
  addAuto(p);
  if( lacksKey(p) ) p->bAbandon = 1;
}

/* The values of an object into aVal; 0 if it has other fields than the run. */
static int takeValues(Bulk *p, const OrmJson *pObject){
  int n = 0;
  if( pObject->nChild!=p->nGiven ) return 0;
  for(const OrmJson *q=pObject->pChild; q && !p->bAbandon; q=q->pNext, n++){
    int iField = fieldOf(p, q, n);
    int iCol = iField<0 ? -1 : columnOf(p, iField, n);
    if( iCol<0 ) return 0;
    if( ormUnitValue(&p->unit, &p->pModel->aField[iField], q, &p->aVal[iCol])
     || !isPlain(p, iField, &p->aVal[iCol]) ) p->bAbandon = 1;
  }
  fillAuto(p);
  return 1;
}

/* Read the next object: 1, or 0 at the end or when it is not for us. */
static int readRow(Bulk *p){
  const char *zEnd;
  OrmJson *pObject;
  if( p->bEnd || p->bAbandon ) return 0;
  skipSpace(p);
  zEnd = objectEnd(p);
  ormArenaReset(&p->arena);
  pObject = zEnd ? ormJsonParse(&p->arena, p->z, zEnd - p->z, "object") : 0;
  if( pObject==0 ){
    p->bAbandon = 1;
    return 0;
  }
  p->z = zEnd;
  if( p->nRow + p->nRun==0 || !takeValues(p, pObject) ){
    newShape(p, pObject);
    if( !p->bAbandon && !takeValues(p, pObject) ) p->bAbandon = 1;
  }
  skipSpace(p);
  if( p->z<p->zEnd && *p->z==',' ){
    p->z++;
  }else if( p->z<p->zEnd && *p->z==']' ){
    p->z++;
    skipSpace(p);
    p->bEnd = 1;
    if( p->z<p->zEnd ) p->bAbandon = 1;
  }else{
    p->bAbandon = 1;
  }
  if( p->err.rc ) p->bAbandon = 1;
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
    pInfo->idxNum = 1;
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
  ORM_UNUSED(idxStr);
  p->p = 0;
  if( idxNum==1 && argc==1 ) p->p = sqlite3_value_pointer(argv[0], ROWS_TYPE);
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
  if( i<p->nCol ) ormBindResult(pCtx, &p->aVal[i], SQLITE_STATIC);
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

/* Do the fields of the run hold references that only we would check? */
static int needsCheck(const Bulk *p){
  if( p->unit.bForeignKeys ) return 0;
  for(int i=0; i<p->pModel->nFk; i++){
    for(int j=0; j<p->pModel->aFk[i].n; j++){
      if( columnOf(p, p->pModel->aFk[i].aField[j], 0)>=0 ) return 1;
    }
  }
  return 0;
}

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
  if( p->nCol==0 || needsCheck(p) ){
    p->bAbandon = 1;
    return;
  }
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

/* Create the flat objects of the array z[n]: how many, or -1 if this is no
** work for us (nothing is written then) or it failed. */
i64 ormBulk(Orm *pOrm, OrmErr *pErr, OrmModel *pModel, const char *z, i64 n){
  Bulk *p = sqlite3_malloc64(sizeof(*p));
  i64 nRow = -1;
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
  p->z = z;
  p->zEnd = z + n;
  skipSpace(p);
  if( p->z<p->zEnd && *p->z=='[' ){
    p->z++;
    ormAnchorRun(pOrm, pErr, bulkJob, p);
    if( pErr->rc==SQLITE_OK ) nRow = p->nRow;
    else if( p->err.rc==SQLITE_NOMEM ) ormErrOom(pErr);
    else if( !ormFlushMachine(pErr->rc) ) ormErrClear(pErr);
  }
  if( p->err.rc==SQLITE_NOMEM ){
    ormErrClear(pErr);
    ormErrOom(pErr);
  }
  ormErrClear(&p->err);
  ormArenaFree(&p->arena);
  sqlite3_free(p);
  return pErr->rc ? -1 : nRow;
}
