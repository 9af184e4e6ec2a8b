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

typedef struct ConfigTable { sqlite3_vtab base; Orm *pOrm; } ConfigTable;
typedef struct ConfigCursor { sqlite3_vtab_cursor base; int i; } ConfigCursor;

static int configConnect(
  sqlite3 *db, void *pAux, int argc, const char *const*argv,
  sqlite3_vtab **ppVtab, char **pzErr
){
  ConfigTable *p;
  int rc;
  ORM_UNUSED(argc);
  ORM_UNUSED(argv);
  ORM_UNUSED(pzErr);
  rc = sqlite3_declare_vtab(db,
         "CREATE TABLE x(name TEXT, value ANY, description TEXT)");
  if( rc!=SQLITE_OK ) return rc;
  p = sqlite3_malloc64(sizeof(*p));
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  p->pOrm = (Orm*)pAux;
  sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
  *ppVtab = &p->base;
  return SQLITE_OK;
}

static int configDisconnect(sqlite3_vtab *pVtab){
  sqlite3_free(pVtab);
  return SQLITE_OK;
}

static int configBestIndex(sqlite3_vtab *pVtab, sqlite3_index_info *pInfo){
  ORM_UNUSED(pVtab);
  pInfo->estimatedCost = 10;
  pInfo->estimatedRows = 10;
  return SQLITE_OK;
}

static int configOpen(sqlite3_vtab *pVtab, sqlite3_vtab_cursor **ppCursor){
  ConfigCursor *p = sqlite3_malloc64(sizeof(*p));
  ORM_UNUSED(pVtab);
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  *ppCursor = &p->base;
  return SQLITE_OK;
}

static int configClose(sqlite3_vtab_cursor *pCursor){
  sqlite3_free(pCursor);
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
  ((ConfigCursor*)pCursor)->i = 0;
  return SQLITE_OK;
}

static int configNext(sqlite3_vtab_cursor *pCursor){
  ((ConfigCursor*)pCursor)->i++;
  return SQLITE_OK;
}

static int configEof(sqlite3_vtab_cursor *pCursor){
  return ((ConfigCursor*)pCursor)->i>=ormConfigCount();
}

static int configColumn(
  sqlite3_vtab_cursor *pCursor, sqlite3_context *pCtx, int iCol
){
  int i = ((ConfigCursor*)pCursor)->i;
  switch( iCol ){
    case CONFIG_NAME:
      sqlite3_result_text(pCtx, ormConfigName(i), -1, SQLITE_STATIC);
      break;
    case CONFIG_VALUE:
      ormConfigGet(((ConfigTable*)pCursor->pVtab)->pOrm, i, pCtx);
      break;
    default:
      sqlite3_result_text(pCtx, ormConfigWhat(i), -1, SQLITE_STATIC);
  }
  return SQLITE_OK;
}

static int configRowid(sqlite3_vtab_cursor *pCursor, sqlite3_int64 *piRowid){
  *piRowid = ((ConfigCursor*)pCursor)->i + 1;
  return SQLITE_OK;
}

const sqlite3_module ormSqlConfigModule = {
  .xConnect = configConnect,
  .xBestIndex = configBestIndex,
  .xDisconnect = configDisconnect,
  .xOpen = configOpen,
  .xClose = configClose,
  .xFilter = configFilter,
  .xNext = configNext,
  .xEof = configEof,
  .xColumn = configColumn,
  .xRowid = configRowid,
};
