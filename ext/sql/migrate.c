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

typedef struct DiffRow DiffRow;
struct DiffRow { int iStep, bDestructive; const char *az[DIFF_SQL+1]; };

static void addRow(
  void *pArg, int iStep, const char *zKind, const char *zModel,
  const char *zSubject, const char *zSql, int bDestructive
){
  OrmSqlList *p = (OrmSqlList*)pArg;
  const char *az[DIFF_SQL+1] = { 0, zKind, zModel, zSubject, zSql };
  DiffRow *pNew = ormSqlListAdd(p, sizeof(DiffRow));
  if( pNew==0 ) return;
  pNew->iStep = iStep;
  pNew->bDestructive = bDestructive;
  for(int i=0; i<=DIFF_SQL; i++) pNew->az[i] = ormSqlListText(p, az[i]);
}

static int diffConnect(
  sqlite3 *db, void *pAux, int argc, const char *const*argv,
  sqlite3_vtab **ppVtab, char **pzErr
){
  ORM_UNUSED(argc);  ORM_UNUSED(argv);  ORM_UNUSED(pzErr);
  return ormSqlTableNew(db, pAux, SQLITE_VTAB_DIRECTONLY,
      "CREATE TABLE x(step INTEGER, kind TEXT, model TEXT, subject TEXT,"
      " sql TEXT, destructive BOOLEAN, document HIDDEN, options HIDDEN)",
      ppVtab);
}

/* idxNum: 1 the document is given, 2 the options are. */
static int diffBestIndex(sqlite3_vtab *pVtab, sqlite3_index_info *pInfo){
  int mGiven = ormSqlArguments(pInfo, DIFF_DOCUMENT, 2);
  ORM_UNUSED(pVtab);
  if( mGiven<0 ) return SQLITE_CONSTRAINT;
  pInfo->idxNum = mGiven;
  pInfo->estimatedCost = 100000;
  pInfo->estimatedRows = 10;
  return SQLITE_OK;
}

static int diffFilter(
  sqlite3_vtab_cursor *pCursor, int idxNum, const char *idxStr, int argc,
  sqlite3_value **argv
){
  OrmSqlList *p = (OrmSqlList*)pCursor;
  const char *zDoc = 0, *zOptions = 0;
  i64 nDoc = 0, nOptions = 0;
  ORM_UNUSED(idxStr);
  ormSqlListReset(p);
  if( idxNum & 1 ){
    zDoc = (const char*)sqlite3_value_text(argv[0]);
    nDoc = sqlite3_value_bytes(argv[0]);
  }
  if( idxNum & 2 ){
    zOptions = (const char*)sqlite3_value_text(argv[argc-1]);
    nOptions = sqlite3_value_bytes(argv[argc-1]);
  }
  ormDiff(ormSqlCursorOrm(pCursor), &p->err, zDoc, nDoc, zOptions,
          nOptions, addRow, p);
  return ormErrVtab(&p->err, pCursor->pVtab);
}

static int diffColumn(
  sqlite3_vtab_cursor *pCursor, sqlite3_context *pCtx, int iCol
){
  OrmSqlList *p = (OrmSqlList*)pCursor;
  const DiffRow *pRow = &((const DiffRow*)p->a)[p->i];
  if( iCol==DIFF_STEP ) sqlite3_result_int(pCtx, pRow->iStep);
  else if( iCol==DIFF_DESTRUCTIVE ){
    sqlite3_result_int(pCtx, pRow->bDestructive);
  }else if( iCol<=DIFF_SQL ){
    ormSqlResultText(pCtx, pRow->az[iCol]);
  }
  return SQLITE_OK;
}

const sqlite3_module ormSqlDiffModule = {
  .xConnect = diffConnect,
  .xBestIndex = diffBestIndex,
  .xDisconnect = ormSqlTableFree,
  .xOpen = ormSqlListOpen,
  .xClose = ormSqlListClose,
  .xFilter = diffFilter,
  .xNext = ormSqlListNext,
  .xEof = ormSqlListEof,
  .xColumn = diffColumn,
  .xRowid = ormSqlListRowid,
};
