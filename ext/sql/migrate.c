/*
** orm_migrate(document [, options]), and the table-valued orm_diff(document
** [, options]): step, kind, model, subject, sql, destructive.
*/
#include "sql.h"

static void migrateAfter(Orm *pOrm, OrmErr *pErr){
  ormEnforceRefresh(pOrm, pErr);
}

/* orm_migrate(): the number of steps carried out. */
void ormSqlMigrate(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  OrmErr err = {0};
  const char *zDoc = (const char*)sqlite3_value_text(apArg[0]);
  i64 nDoc = sqlite3_value_bytes(apArg[0]);
  const char *zOptions = nArg>1 ? (const char*)sqlite3_value_text(apArg[1]) : 0;
  i64 nOptions = nArg>1 ? sqlite3_value_bytes(apArg[1]) : 0;
  i64 nStep = ormMigrate((Orm*)sqlite3_user_data(pCtx), &err, zDoc, nDoc,
                         zOptions, nOptions, ormSqlCheckOrder, migrateAfter);
  if( err.rc ) ormErrResult(&err, pCtx);
  else sqlite3_result_int64(pCtx, nStep);
}

/* ------------------------------------------------------------------------
** orm_diff
*/
enum { DIFF_STEP, DIFF_KIND, DIFF_MODEL, DIFF_SUBJECT, DIFF_SQL,
       DIFF_DESTRUCTIVE, DIFF_DOCUMENT, DIFF_OPTIONS };

typedef struct DiffTable { sqlite3_vtab base; Orm *pOrm; } DiffTable;
typedef struct DiffRow DiffRow;
struct DiffRow { int iStep, bDestructive; const char *az[DIFF_SQL+1]; };
typedef struct DiffCursor DiffCursor;
struct DiffCursor {
  sqlite3_vtab_cursor base;
  OrmErr err;
  OrmArena arena;
  int n, nAlloc, i; DiffRow *a;
};

static void addRow(
  void *pArg, int iStep, const char *zKind, const char *zModel,
  const char *zSubject, const char *zSql, int bDestructive
){
  DiffCursor *p = (DiffCursor*)pArg;
  const char *az[DIFF_SQL+1] = { 0, zKind, zModel, zSubject, zSql };
  DiffRow *pNew = ormArenaGrow(&p->arena, (void**)&p->a, p->n, &p->nAlloc,
                               sizeof(DiffRow));
  if( pNew==0 ) return;
  pNew->iStep = iStep;
  pNew->bDestructive = bDestructive;
  for(int i=0; i<=DIFF_SQL; i++){
    pNew->az[i] = az[i] ? ormArenaText(&p->arena, az[i], -1) : 0;
  }
  p->n++;
}

static int diffConnect(
  sqlite3 *db, void *pAux, int argc, const char *const*argv,
  sqlite3_vtab **ppVtab, char **pzErr
){
  DiffTable *p;
  int rc;
  ORM_UNUSED(argc);  ORM_UNUSED(argv);  ORM_UNUSED(pzErr);
  rc = sqlite3_declare_vtab(db, "CREATE TABLE x(step INTEGER, kind TEXT, "
         "model TEXT, subject TEXT, sql TEXT, destructive BOOLEAN, "
         "document HIDDEN, options HIDDEN)");
  if( rc!=SQLITE_OK ) return rc;
  p = sqlite3_malloc64(sizeof(*p));
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  p->pOrm = (Orm*)pAux;
  sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
  *ppVtab = &p->base;
  return SQLITE_OK;
}

static int diffDisconnect(sqlite3_vtab *pVtab){
  sqlite3_free(pVtab);
  return SQLITE_OK;
}

/* idxNum: 1 the document is given, 2 the options are. */
static int diffBestIndex(sqlite3_vtab *pVtab, sqlite3_index_info *pInfo){
  int aAt[2] = { -1, -1 };
  for(int i=0; i<pInfo->nConstraint; i++){
    int iArg = pInfo->aConstraint[i].iColumn - DIFF_DOCUMENT;
    if( iArg<0 || pInfo->aConstraint[i].op!=SQLITE_INDEX_CONSTRAINT_EQ ){
      continue;
    }
    if( !pInfo->aConstraint[i].usable ) return SQLITE_CONSTRAINT;
    aAt[iArg] = i;
  }
  ORM_UNUSED(pVtab);
  for(int i=0, n=0; i<2; i++){
    if( aAt[i]<0 ) continue;
    pInfo->aConstraintUsage[aAt[i]].argvIndex = ++n;
    pInfo->aConstraintUsage[aAt[i]].omit = 1;
    pInfo->idxNum |= 1<<i;
  }
  pInfo->estimatedCost = 100000;
  pInfo->estimatedRows = 10;
  return SQLITE_OK;
}

static int diffOpen(sqlite3_vtab *pVtab, sqlite3_vtab_cursor **ppCursor){
  DiffCursor *p = sqlite3_malloc64(sizeof(*p));
  ORM_UNUSED(pVtab);
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  ormArenaInit(&p->arena, &p->err);
  *ppCursor = &p->base;
  return SQLITE_OK;
}

static int diffClose(sqlite3_vtab_cursor *pCursor){
  DiffCursor *p = (DiffCursor*)pCursor;
  ormArenaFree(&p->arena);
  ormErrClear(&p->err);
  sqlite3_free(p);
  return SQLITE_OK;
}

static int diffFilter(
  sqlite3_vtab_cursor *pCursor, int idxNum, const char *idxStr, int argc,
  sqlite3_value **argv
){
  DiffCursor *p = (DiffCursor*)pCursor;
  const char *zDoc = 0, *zOptions = 0;
  i64 nDoc = 0, nOptions = 0;
  ORM_UNUSED(idxStr);
  ormArenaFree(&p->arena);
  p->a = 0;
  p->n = p->nAlloc = p->i = 0;
  if( idxNum & 1 ){
    zDoc = (const char*)sqlite3_value_text(argv[0]);
    nDoc = sqlite3_value_bytes(argv[0]);
  }
  if( idxNum & 2 ){
    zOptions = (const char*)sqlite3_value_text(argv[argc-1]);
    nOptions = sqlite3_value_bytes(argv[argc-1]);
  }
  ormDiff(((DiffTable*)pCursor->pVtab)->pOrm, &p->err, zDoc, nDoc, zOptions,
          nOptions, addRow, p);
  return ormErrVtab(&p->err, pCursor->pVtab);
}

static int diffNext(sqlite3_vtab_cursor *pCursor){
  ((DiffCursor*)pCursor)->i++;
  return SQLITE_OK;
}

static int diffEof(sqlite3_vtab_cursor *pCursor){
  DiffCursor *p = (DiffCursor*)pCursor;
  return p->i>=p->n;
}

static int diffColumn(
  sqlite3_vtab_cursor *pCursor, sqlite3_context *pCtx, int iCol
){
  DiffCursor *p = (DiffCursor*)pCursor;
  const DiffRow *pRow = &p->a[p->i];
  if( iCol==DIFF_STEP ) sqlite3_result_int(pCtx, pRow->iStep);
  else if( iCol==DIFF_DESTRUCTIVE ){
    sqlite3_result_int(pCtx, pRow->bDestructive);
  }else if( iCol<=DIFF_SQL ){
    sqlite3_result_text(pCtx, pRow->az[iCol], -1, SQLITE_TRANSIENT);
  }
  return SQLITE_OK;
}

static int diffRowid(sqlite3_vtab_cursor *pCursor, sqlite3_int64 *piRowid){
  *piRowid = ((DiffCursor*)pCursor)->i + 1;
  return SQLITE_OK;
}

const sqlite3_module ormSqlDiffModule = {
  .xConnect = diffConnect,
  .xBestIndex = diffBestIndex,
  .xDisconnect = diffDisconnect,
  .xOpen = diffOpen,
  .xClose = diffClose,
  .xFilter = diffFilter,
  .xNext = diffNext,
  .xEof = diffEof,
  .xColumn = diffColumn,
  .xRowid = diffRowid,
};
