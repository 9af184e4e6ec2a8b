/*
** The entry point: the one table of all that is registered on a connection,
** and the state (struct Orm) that the registrations share.
**
** Loading writes nothing and reads nothing of the file, so it cannot fail on a
** locked, read-only or empty one.  A second load on a connection finds the
** state of the first and does nothing.
*/
#define ORM_ENTRY_POINT
#include "orm_int.h"
#ifndef SQLITE_CORE
SQLITE_EXTENSION_INIT1
#endif
#include "sql/sql.h"

/* Who may call a function from where (CRAFT.md 2.13). */
#define READER  (SQLITE_UTF8 | SQLITE_INNOCUOUS)
#define WRITER  (SQLITE_UTF8 | SQLITE_DIRECTONLY)
#ifndef SQLITE_RESULT_SUBTYPE
# define SQLITE_RESULT_SUBTYPE 0x1000000
#endif
#define JSON    SQLITE_RESULT_SUBTYPE

typedef void (*OrmFunc)(sqlite3_context*, int, sqlite3_value**);
static const struct OrmFunction {
  const char *zName;
  int nArg;
  int flags;
  OrmFunc xFunc;                /* a scalar function, or                      */
  OrmFunc xStep;                /* an aggregate                               */
  void (*xFinal)(sqlite3_context*);
} aFunction[] = {
  /* core */
  { "orm_emit",    -1, WRITER, 0, ormEmitStep, ormEmitFinal },
  { "orm_emit_if", -1, WRITER, ormEmitIf, 0, 0 },
  { "orm_version",  0, READER | SQLITE_DETERMINISTIC, ormSqlVersion, 0, 0 },
  { "orm_config",   1, READER, ormSqlConfig, 0, 0 },
  { "orm_config",   2, WRITER, ormSqlConfig, 0, 0 },
  /* the object model */
  { "orm_init",     0, WRITER, ormSqlInitModel, 0, 0 },
  { "orm_define",   1, WRITER, ormSqlDefine, 0, 0 },
  { "orm_migrate",  1, WRITER, ormSqlMigrate, 0, 0 },
  { "orm_migrate",  2, WRITER, ormSqlMigrate, 0, 0 },
  { "orm_schema",   0, READER | JSON, ormSqlSchema, 0, 0 },
  { "orm_reflect",  0, WRITER, ormSqlReflect, 0, 0 },
  { "orm_reflect",  1, WRITER, ormSqlReflect, 0, 0 },
  { "orm_diagram",  0, READER, ormSqlDiagram, 0, 0 },
  { "orm_diagram",  1, READER, ormSqlDiagram, 0, 0 },
  { "orm_generate", 1, READER, ormSqlGenerate, 0, 0 },
  /* reading */
  { "orm_get",         2, READER | JSON, ormSqlGet, 0, 0 },
  { "orm_get",         3, READER | JSON, ormSqlGet, 0, 0 },
  { "orm_all",         1, READER | JSON, ormSqlAll, 0, 0 },
  { "orm_all",         2, READER | JSON, ormSqlAll, 0, 0 },
  { "orm_page",        1, READER | JSON, ormSqlPage, 0, 0 },
  { "orm_page",        2, READER | JSON, ormSqlPage, 0, 0 },
  { "orm_first",       1, READER | JSON, ormSqlFirst, 0, 0 },
  { "orm_first",       2, READER | JSON, ormSqlFirst, 0, 0 },
  { "orm_one",         1, READER | JSON, ormSqlOne, 0, 0 },
  { "orm_one",         2, READER | JSON, ormSqlOne, 0, 0 },
  { "orm_one_or_none", 1, READER | JSON, ormSqlOneOrNone, 0, 0 },
  { "orm_one_or_none", 2, READER | JSON, ormSqlOneOrNone, 0, 0 },
  { "orm_count",       1, READER, ormSqlCount, 0, 0 },
  { "orm_count",       2, READER, ormSqlCount, 0, 0 },
  { "orm_exists",      1, READER, ormSqlExists, 0, 0 },
  { "orm_exists",      2, READER, ormSqlExists, 0, 0 },
  { "orm_load",        2, READER | JSON, 0, ormSqlLoadStep, ormSqlLoadFinal },
  { "orm_load",        3, READER | JSON, 0, ormSqlLoadStep, ormSqlLoadFinal },
  { "orm_aggregate",   2, READER | JSON, ormSqlAggregate, 0, 0 },
  /* writing */
  { "orm_create",      2, WRITER | JSON, ormSqlCreate, 0, 0 },
  { "orm_create",      3, WRITER | JSON, ormSqlCreate, 0, 0 },
  { "orm_save",        2, WRITER | JSON, ormSqlSave, 0, 0 },
  { "orm_save",        3, WRITER | JSON, ormSqlSave, 0, 0 },
  { "orm_update",      3, WRITER | JSON, ormSqlUpdate, 0, 0 },
  { "orm_update",      4, WRITER | JSON, ormSqlUpdate, 0, 0 },
  { "orm_create_many", 2, WRITER, ormSqlCreateMany, 0, 0 },
  { "orm_save_many",   2, WRITER, ormSqlSaveMany, 0, 0 },
  { "orm_update_many", 3, WRITER, ormSqlUpdateMany, 0, 0 },
  { "orm_delete",      2, WRITER, ormSqlDelete, 0, 0 },
  { "orm_delete_many", 2, WRITER, ormSqlDeleteMany, 0, 0 },
  { "orm_restore",     2, WRITER, ormSqlRestore, 0, 0 },
  { "orm_enforce",     1, WRITER, ormSqlEnforce, 0, 0 },
};

static const struct OrmTable {
  const char *zName;
  const sqlite3_module *pModule;
} aTable[] = {
  { "orm_context", &ormContextModule },
  { "orm_keys",    &ormKeysModule },
  { "orm_anchor",  &ormAnchorModule },
  { "orm_rows",    &ormRowsModule },
  { "orm_config",  &ormSqlConfigModule },
  { "orm_log",     &ormSqlLogModule },
  { "orm_check",   &ormSqlCheckModule },
  { "orm_diff",    &ormSqlDiffModule },
  { "orm_object",  &ormSqlObjectModule },
  { "orm_explain", &ormSqlExplainModule },
  { "orm_call",    &ormSqlCallModule },
  { "orm_delete_plan", &ormSqlDeletePlanModule },
  { "orm",         &ormSqlTableModule.base },
  { "orm_link",    &ormSqlLinkModule },
  { "orm_related", &ormSqlRelatedModule },
};

void ormUnref(void *p){
  Orm *pOrm = (Orm*)p;
  if( --pOrm->nRef>0 ) return;
  /* Statements, catalog and plans went with orm_context, if there was one. */
  sqlite3_free(pOrm->zNow);
  sqlite3_free(pOrm->zSpare);
  sqlite3_free(pOrm);
}

/*
** The state of an earlier load on this connection, or 0: orm_emit(), which is
** registered first, writes it where a pointer of ours leads.
*/
static Orm *findState(sqlite3 *db, int *pRc){
  sqlite3_stmt *pStmt = 0;
  Orm *pOrm = 0;
  int rc = sqlite3_prepare_v2(db, "SELECT orm_emit(?1)", -1, &pStmt, 0);
  if( rc==SQLITE_OK ){
    sqlite3_bind_pointer(pStmt, 1, &pOrm, ORM_STATE_TYPE, 0);
    sqlite3_step(pStmt);
    rc = sqlite3_finalize(pStmt);
    if( rc==SQLITE_OK && pOrm==0 ) rc = SQLITE_ERROR;
  }else if( rc==SQLITE_ERROR ){
    rc = SQLITE_OK;             /* no such function                           */
  }
  *pRc = rc;
  return pOrm;
}

/* Looking for the state of an earlier load leaves "no such function" as the
** connection's error, and sqlite3_open() gives what it finds there after the
** automatic extensions: a statement that succeeds clears it. */
static void clearError(sqlite3 *db){
  sqlite3_stmt *pStmt = 0;
  sqlite3_prepare_v2(db, "SELECT 1", -1, &pStmt, 0);
  sqlite3_finalize(pStmt);
}

static Orm *newState(sqlite3 *db){
  Orm *pOrm = sqlite3_malloc64(sizeof(*pOrm));
  if( pOrm==0 ) return 0;
  memset(pOrm, 0, sizeof(*pOrm));
  pOrm->db = db;
  pOrm->nClean = sqlite3_txn_state(db, "main")==SQLITE_TXN_WRITE
               ? -1 : sqlite3_total_changes(db);
  ormConfigInit(pOrm);
  return pOrm;
}

/* Register what is not registered yet; *pzName: the one that failed. */
static int registerRest(Orm *pOrm, const char **pzName){
  int rc = SQLITE_OK;
  while( rc==SQLITE_OK && pOrm->nFunction<ORM_COUNT(aFunction) ){
    const struct OrmFunction *p = &aFunction[pOrm->nFunction];
    *pzName = p->zName;
    pOrm->nRef++;
    rc = sqlite3_create_function_v2(pOrm->db, p->zName, p->nArg, p->flags, pOrm,
                                    p->xFunc, p->xStep, p->xFinal, ormUnref);
    if( rc==SQLITE_OK ) pOrm->nFunction++;
  }
  while( rc==SQLITE_OK && pOrm->nTable<ORM_COUNT(aTable) ){
    const struct OrmTable *p = &aTable[pOrm->nTable];
    *pzName = p->zName;
    pOrm->nRef++;
    rc = sqlite3_create_module_v2(pOrm->db, p->zName, p->pModule, pOrm,
                                  ormUnref);
    if( rc==SQLITE_OK ) pOrm->nTable++;
  }
  return rc;
}

/* Take back what is registered; fails while a statement runs. */
static int unregister(Orm *pOrm){
  int rc = SQLITE_OK;
  while( rc==SQLITE_OK && pOrm->nTable>0 ){
    rc = sqlite3_create_module_v2(pOrm->db, aTable[pOrm->nTable-1].zName, 0, 0,
                                  0);
    if( rc==SQLITE_OK ) pOrm->nTable--;
  }
  while( rc==SQLITE_OK && pOrm->nFunction>0 ){
    const struct OrmFunction *p = &aFunction[pOrm->nFunction-1];
    rc = sqlite3_create_function_v2(pOrm->db, p->zName, p->nArg, SQLITE_UTF8, 0,
                                    0, 0, 0, 0);
    if( rc==SQLITE_OK ) pOrm->nFunction--;
  }
  return rc;
}

/*
** When registering fails, SQLite unloads the library, so no function of it may
** stay.  But none can be taken back while a statement runs, SELECT
** load_extension() for one.  Then the library has to stay, and the only code
** for that is a success; the next load registers the rest, and until then what
** is there says that it is not complete.
*/
static int registerAll(sqlite3 *db, char **pzErr){
  const char *zName = "";
  char *zErr = 0;
  int rc;
  Orm *pOrm = findState(db, &rc);
  if( rc!=SQLITE_OK ) return rc;
  if( pOrm==0 ){
    clearError(db);
    pOrm = newState(db);
  }
  if( pOrm==0 ) return SQLITE_NOMEM;
  pOrm->nRef++;
  rc = registerRest(pOrm, &zName);
  if( rc!=SQLITE_OK ){
    if( rc!=SQLITE_NOMEM ){
      zErr = sqlite3_mprintf("orm: cannot register %s: %s", zName,
                             sqlite3_errmsg(db));
    }
    if( unregister(pOrm)!=SQLITE_OK ) rc = SQLITE_OK_LOAD_PERMANENTLY;
  }
  pOrm->bIncomplete = rc!=SQLITE_OK;
#ifdef SQLITE_CORE
  if( rc==SQLITE_OK_LOAD_PERMANENTLY ) rc = SQLITE_NOMEM;
#endif
  /* Nobody frees the message of a success. */
  if( pzErr && zErr && rc!=SQLITE_OK_LOAD_PERMANENTLY ) *pzErr = zErr;
  else sqlite3_free(zErr);
  ormUnref(pOrm);
  return rc;
}

#ifdef _WIN32
__declspec(dllexport)
#elif defined(__GNUC__)
__attribute__((visibility("default")))
#endif
int sqlite3_orm_init(
  sqlite3 *db, char **pzErrMsg, const struct sqlite3_api_routines *pApi
){
#ifndef SQLITE_CORE
  SQLITE_EXTENSION_INIT2(pApi);
#else
  ORM_UNUSED(pApi);
#endif
  if( sqlite3_libversion_number()<3038000 ){
    if( pzErrMsg ) *pzErrMsg = sqlite3_mprintf(
        "orm: needs SQLite 3.38 or newer, this is %s", sqlite3_libversion());
    return SQLITE_ERROR;
  }
  return registerAll(db, pzErrMsg);
}

#ifdef _WIN32
__declspec(dllexport)
#elif defined(__GNUC__)
__attribute__((visibility("default")))
#endif
int sqlite3_ormpersist_init(
  sqlite3 *db, char **pzErrMsg, const struct sqlite3_api_routines *pApi
){
  int rc = sqlite3_orm_init(db, pzErrMsg, pApi);
  if( rc==SQLITE_OK ){
    rc = sqlite3_auto_extension((void(*)(void))sqlite3_orm_init);
  }
#ifndef SQLITE_CORE
  if( rc==SQLITE_OK ) rc = SQLITE_OK_LOAD_PERMANENTLY;
#endif
  return rc;
}
