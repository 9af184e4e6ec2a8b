/*
** Many flat objects that are all new, from one array: the document streams
** through orm_rows, a virtual table that is never a tree in memory, into one
** INSERT .. SELECT for each run of objects that name the same fields.
**
** This is a short cut and nothing else: at whatever it does not know the unit
** of work does it all, whose results and errors are the ones that count.  What
** the unit of work could do and this cannot (a relationship, a field given
** twice, keys given to some) is looked for in the whole document before the
** first row is written (flat.c), since rows that are undone stay counted by
** total_changes().  What fails later (a wrong type, a constraint) fails there
** too; but where it is known what that would say, it is said at once.
*/
#include "unit.h"

#define ROWS_TYPE "orm_rows"

typedef struct Bulk Bulk;
struct Bulk {
  OrmFlat flat;
  Orm *pOrm;
  i64 nRun;                     /* rows given out in this run                 */
  i64 nRow;                     /* rows written                               */
};

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
  char zSql[ORM_FLAT_MAX*5 + 100];
  char *z = zSql;
  int rc;
  ORM_UNUSED(pAux);  ORM_UNUSED(argc);  ORM_UNUSED(argv);  ORM_UNUSED(pzErr);
  *ppVtab = 0;
  z += strlen(sqlite3_snprintf(30, z, "CREATE TABLE x("));
  for(int i=0; i<ORM_FLAT_MAX; i++){
    z += strlen(sqlite3_snprintf(8, z, "c%d,", i));
  }
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
    if( p->iColumn!=ORM_FLAT_MAX ) continue;
    if( p->op!=SQLITE_INDEX_CONSTRAINT_EQ ) continue;
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
  p->bRow = ormFlatNext(&p->p->flat) && !p->p->flat.bNew;
  if( p->bRow ) p->p->nRun++;
  return SQLITE_OK;
}

static int rowsEof(sqlite3_vtab_cursor *pCursor){
  return !((RowsCursor*)pCursor)->bRow;
}

static int rowsColumn(
  sqlite3_vtab_cursor *pCursor, sqlite3_context *pCtx, int i
){
  const OrmFlat *p = &((RowsCursor*)pCursor)->p->flat;
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

static void runSql(const OrmFlat *p, OrmBuf *pBuf){
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
  p->flat.bNew = 0;
  ormBufInit(&buf, pErr);
  runSql(&p->flat, &buf);
  pStmt = ormStmtTake(p->pOrm, pErr, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  p->nRun = 0;
  ormBindPointerTo(pStmt, 1, p, ROWS_TYPE);
  ormStmtStep(p->pOrm, pErr, pStmt);
  ormStmtGive(p->pOrm, pErr, pStmt);
  if( pErr->rc==SQLITE_OK && sqlite3_changes(p->pOrm->db)!=p->nRun ){
    p->flat.bAbandon = 1;
  }
  p->nRow += p->nRun;
}

static void bulkJob(Orm *pOrm, OrmErr *pErr, void *pArg){
  Bulk *p = (Bulk*)pArg;
  ORM_UNUSED(pOrm);
  if( ormFlatNext(&p->flat) ){
    do{
      writeRun(p, pErr);
    }while( p->flat.bNew && !p->flat.bAbandon && pErr->rc==SQLITE_OK );
  }
  if( p->flat.bAbandon ) ormErr(pErr, SQLITE_ERROR, "orm: not in bulk");
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
static int isPlainFailure(OrmFlat *p, int rc){
  OrmModel *pModel = p->pModel;
  return (rc==SQLITE_CONSTRAINT_UNIQUE || rc==SQLITE_CONSTRAINT_PRIMARYKEY
       || rc==SQLITE_CONSTRAINT_NOTNULL || rc==SQLITE_CONSTRAINT_CHECK)
      && !p->bRefers && pModel->iSoftDelete<0
      && ormTableQuiet(p->unit.pOrm, &p->err, pModel->zTable, &pModel->eQuiet);
}

/* A row failed, the last that was read: 1 if the error says all, with its
** place.  Where an object behind it has a value of the wrong type, that is what
** the unit of work complains of, so all are read to the end. */
static int tellFailed(Bulk *p, OrmErr *pErr){
  OrmFlat *pFlat = &p->flat;
  UnitModel model = { .p = pFlat->pModel };
  OrmJson array = { .eType = ORM_JSON_ARRAY };
  OrmJson object = { .eType = ORM_JSON_OBJECT, .pParent = &array };
  UnitRow row = { .pModel = &model, .pNode = &object, .eRole = UNIT_OBJECT };
  object.iIndex = (int)p->nRow - 1;
  if( !isPlainFailure(pFlat, pErr->rc) ) return 0;
  assert( !pFlat->bAbandon );
  while( ormFlatNext(pFlat) ){}
  if( pFlat->bAbandon ) return 0;
  pFlat->unit.pErr = pErr;
  ormFlushPrefix(&pFlat->unit, &row, 0);
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
  p->pOrm = pOrm;
  p->nRow = 0;
  if( ormFlatOpen(&p->flat, pOrm, pModel, bSave, z, n) ){
    ormAnchorRun(pOrm, pErr, bulkJob, p);
    if( pErr->rc==SQLITE_OK ) nRow = p->nRow;
    bTold = pErr->rc && tellFailed(p, pErr);
  }
  if( bTold ) ormErrClear(&p->flat.err);
  else ormBulkLeave(pErr, &p->flat.err);
  ormFlatClose(&p->flat);
  sqlite3_free(p);
  return pErr->rc ? -1 : nRow;
}
