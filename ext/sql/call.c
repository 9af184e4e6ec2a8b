/*
** orm_call: every function that writes, as an INSERT.
**
**     INSERT INTO orm_call(name, arguments)
**     VALUES ('orm_delete', '["User", 1]')
**
** Pools and replicas route statements by their kind, and to SQLite (and so to
** sqlite3_stmt_readonly) this one is a write.  The arguments are a JSON array;
** arrays and objects in it reach the function as JSON text.
*/
#include "sql.h"

static const char *const azCall[] = {
  "orm_create", "orm_save", "orm_update", "orm_delete",
  "orm_create_many", "orm_save_many", "orm_update_many", "orm_delete_many",
  "orm_init", "orm_define", "orm_reflect", "orm_enforce", "orm_restore",
  "orm_migrate", 0
};

static int callConnect(
  sqlite3 *db, void *pAux, int argc, const char *const*argv,
  sqlite3_vtab **ppVtab, char **pzErr
){
  ORM_UNUSED(argc);  ORM_UNUSED(argv);  ORM_UNUSED(pzErr);
  return ormSqlTableNew(db, pAux, SQLITE_VTAB_DIRECTONLY,
      "CREATE TABLE x(name TEXT, arguments TEXT)", ppVtab);
}

/* ------------------------------------------------ a table without rows --- */

static int callBestIndex(sqlite3_vtab *pVtab, sqlite3_index_info *pInfo){
  ORM_UNUSED(pVtab);
  pInfo->estimatedCost = 1;
  pInfo->estimatedRows = 1;
  return SQLITE_OK;
}

static int callFilter(
  sqlite3_vtab_cursor *pCursor, int idxNum, const char *idxStr,
  int argc, sqlite3_value **argv
){
  ORM_UNUSED(pCursor);  ORM_UNUSED(idxNum);  ORM_UNUSED(idxStr);
  ORM_UNUSED(argc);  ORM_UNUSED(argv);
  return SQLITE_OK;
}

static int callColumn(sqlite3_vtab_cursor *pCursor, sqlite3_context *p, int i){
  ORM_UNUSED(pCursor);  ORM_UNUSED(p);  ORM_UNUSED(i);
  return SQLITE_OK;
}

/* ------------------------------------------------------------- the call --- */

/* The function's own name in our list, or 0 and an error. */
static const char *callName(OrmErr *pErr, const char *zName){
  const char *zNear;
  if( zName==0 ){
    ormErr(pErr, SQLITE_ERROR, "orm: orm_call needs the name of a function");
    return 0;
  }
  for(int i=0; azCall[i]; i++){
    if( strcmp(azCall[i], zName)==0 ) return azCall[i];
  }
  zNear = ormNearest(zName, (i64)strlen(zName), ormNameInArray, azCall);
  ormErr(pErr, SQLITE_ERROR, "orm: orm_call: no such function %s%s%s%s", zName,
         zNear ? " (did you mean " : "", zNear ? zNear : "", zNear ? "?)" : "");
  return 0;
}

/* The arguments, as values. */
static void callArguments(OrmErr *pErr, OrmBinds *pBinds, sqlite3_value *pVal){
  i64 n;
  const char *z = (const char*)sqlite3_value_text(pVal);
  OrmJson *pDoc;
  if( z==0 ) return;
  n = sqlite3_value_bytes(pVal);
  z = ormArenaText(pBinds->pArena, z, n);
  pDoc = z ? ormJsonParse(pBinds->pArena, z, n, "arguments") : 0;
  if( pDoc && pDoc->eType!=ORM_JSON_ARRAY ){
    ormErr(pErr, SQLITE_ERROR, "orm: orm_call: the arguments are a JSON array,"
           " not %s", ormJsonTypeName(pDoc));
    return;
  }
  if( pDoc==0 ) return;
  for(pDoc=pDoc->pChild; pDoc; pDoc=pDoc->pNext) ormBindJson(pBinds, pDoc);
}

static void callRun(Orm *pOrm, OrmErr *pErr, const char *zName, OrmBinds *p){
  OrmBuf buf;
  OrmStmt *pStmt;
  ormBufInit(&buf, pErr);
  ormBufPrintf(&buf, "SELECT %s(", zName);
  for(int i=0; i<p->n; i++) ormBufPrintf(&buf, i ? ", ?%d" : "?%d", i+1);
  ormBufChar(&buf, ')');
  pStmt = ormStmtTakeQuiet(pOrm, pErr, ormBufText(&buf));
  ormBufFree(&buf);
  ormBindAll(pErr, pStmt, 1, p);
  ormStmtStep(pOrm, pErr, pStmt);
  ormStmtGive(pOrm, pErr, pStmt);
}

static int callUpdate(
  sqlite3_vtab *pVtab, int argc, sqlite3_value **argv, sqlite3_int64 *piRowid
){
  Orm *pOrm = ((OrmSqlTable*)pVtab)->pOrm;
  OrmErr err = { SQLITE_OK, 0 };
  OrmArena arena;
  OrmBinds binds = { &arena, 0, 0, 0 };
  const char *zName = 0;
  ormArenaInit(&arena, &err);
  ORM_UNUSED(argc);             /* without rows there is only INSERT          */
  zName = callName(&err, (const char*)sqlite3_value_text(argv[2]));
  if( zName ) callArguments(&err, &binds, argv[3]);
  if( err.rc==SQLITE_OK ) callRun(pOrm, &err, zName, &binds);
  *piRowid = sqlite3_last_insert_rowid(pOrm->db);
  ormArenaFree(&arena);
  return ormErrVtab(&err, pVtab);
}

const sqlite3_module ormSqlCallModule = {
  .xConnect = callConnect,
  .xBestIndex = callBestIndex,
  .xDisconnect = ormSqlTableFree,
  .xOpen = ormSqlListOpen,
  .xClose = ormSqlListClose,
  .xFilter = callFilter,
  .xNext = ormSqlListNext,
  .xEof = ormSqlListEof,
  .xColumn = callColumn,
  .xRowid = ormSqlListRowid,
  .xUpdate = callUpdate,
};
