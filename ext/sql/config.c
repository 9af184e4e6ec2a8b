/*
** orm_version(); orm_config(name [, value]) and the table orm_config.
*/
#include "sql.h"

/* orm_version(): the version of the extension. */
void ormSqlVersion(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  ORM_UNUSED(nArg);
  ORM_UNUSED(apArg);
  sqlite3_result_text(pCtx, ORM_VERSION, -1, SQLITE_STATIC);
}

/* orm_config(name [, value]): the setting's value, after setting it. */
void ormSqlConfig(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  Orm *pOrm = (Orm*)sqlite3_user_data(pCtx);
  OrmErr err = { SQLITE_OK, 0 };
  int i = ormConfigFind(&err, (const char*)sqlite3_value_text(apArg[0]));
  if( i>=0 && nArg>1 ) ormConfigSet(pOrm, &err, i, apArg[1]);
  if( err.rc!=SQLITE_OK ) ormErrResult(&err, pCtx);
  else ormConfigGet(pOrm, i, pCtx);
}

/* ------------------------------------------------ the table orm_config --- */

enum { CONFIG_NAME, CONFIG_VALUE, CONFIG_WHAT };

static int configConnect(
  sqlite3 *db, void *pAux, int argc, const char *const*argv,
  sqlite3_vtab **ppVtab, char **pzErr
){
  ORM_UNUSED(argc);  ORM_UNUSED(argv);  ORM_UNUSED(pzErr);
  return ormSqlTableNew(db, pAux, SQLITE_VTAB_INNOCUOUS,
      "CREATE TABLE x(name TEXT, value ANY, description TEXT)", ppVtab);
}

static int configBestIndex(sqlite3_vtab *pVtab, sqlite3_index_info *pInfo){
  ORM_UNUSED(pVtab);
  pInfo->estimatedCost = 10;
  pInfo->estimatedRows = 10;
  return SQLITE_OK;
}

static int configFilter(
  sqlite3_vtab_cursor *pCursor, int idxNum, const char *idxStr, int argc,
  sqlite3_value **argv
){
  ORM_UNUSED(idxNum);
  ORM_UNUSED(idxStr);
  ORM_UNUSED(argc);
  ORM_UNUSED(argv);
  ormSqlListReset((OrmSqlList*)pCursor);
  ((OrmSqlList*)pCursor)->n = ormConfigCount();
  return SQLITE_OK;
}

static int configColumn(
  sqlite3_vtab_cursor *pCursor, sqlite3_context *pCtx, int iCol
){
  int i = ((OrmSqlList*)pCursor)->i;
  switch( iCol ){
    case CONFIG_NAME:
      sqlite3_result_text(pCtx, ormConfigName(i), -1, SQLITE_STATIC);
      break;
    case CONFIG_VALUE:
      ormConfigGet(ormSqlCursorOrm(pCursor), i, pCtx);
      break;
    default:
      sqlite3_result_text(pCtx, ormConfigWhat(i), -1, SQLITE_STATIC);
  }
  return SQLITE_OK;
}

const sqlite3_module ormSqlConfigModule = {
  .xConnect = configConnect,
  .xBestIndex = configBestIndex,
  .xDisconnect = ormSqlTableFree,
  .xOpen = ormSqlListOpen,
  .xClose = ormSqlListClose,
  .xFilter = configFilter,
  .xNext = ormSqlListNext,
  .xEof = ormSqlListEof,
  .xColumn = configColumn,
  .xRowid = ormSqlListRowid,
};
