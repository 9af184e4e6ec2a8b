/*
** The entry point: the one table of all that is registered on a connection,
** and the state (struct Orm) that the registrations share.
**
** Loading writes nothing and reads nothing of the file, so it cannot fail on a
** locked, read-only or empty one.  A second load on a connection finds
** orm_version() there and does nothing.
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
  { "orm_version",  0, READER | SQLITE_DETERMINISTIC, ormSqlVersion, 0, 0 },
  { "orm_config",   1, READER, ormSqlConfig, 0, 0 },
  { "orm_config",   2, WRITER, ormSqlConfig, 0, 0 },
  /* the object model */
  { "orm_init",     0, WRITER, ormSqlInitModel, 0, 0 },
  { "orm_reflect",  0, WRITER, ormSqlReflect, 0, 0 },
  { "orm_reflect",  1, WRITER, ormSqlReflect, 0, 0 },
  { "orm_diagram",  0, READER, ormSqlDiagram, 0, 0 },
  { "orm_diagram",  1, READER, ormSqlDiagram, 0, 0 },
  { "orm_generate", 1, READER, ormSqlGenerate, 0, 0 },
  /* reading */
  /* writing */
};

static const struct OrmTable {
  const char *zName;
  const sqlite3_module *pModule;
} aTable[] = {
  { "orm_context", &ormContextModule },
  { "orm_keys",    &ormKeysModule },
  { "orm_anchor",  &ormAnchorModule },
  { "orm_config",  &ormSqlConfigModule },
  { "orm_log",     &ormSqlLogModule },
};

void ormUnref(void *p){
  Orm *pOrm = (Orm*)p;
  if( --pOrm->nRef>0 ) return;
  /* Statements, catalog and plans went with orm_context, if there was one. */
  sqlite3_free(pOrm->zNow);
  sqlite3_free(pOrm);
}

/* Is the extension on this connection already? */
static int alreadyLoaded(sqlite3 *db){
  sqlite3_stmt *pStmt = 0;
  int rc = sqlite3_prepare_v2(db, "SELECT orm_version()", -1, &pStmt, 0);
  sqlite3_finalize(pStmt);
  return rc==SQLITE_OK;
}

static int registerAll(sqlite3 *db, char **pzErr){
  int rc = SQLITE_OK;
  const char *zName = "";
  Orm *pOrm = sqlite3_malloc64(sizeof(*pOrm));
  if( pOrm==0 ) return SQLITE_NOMEM;
  memset(pOrm, 0, sizeof(*pOrm));
  pOrm->db = db;
  pOrm->nRef = 1;
  ormConfigInit(pOrm);
  for(int i=0; i<ORM_COUNT(aFunction) && rc==SQLITE_OK; i++){
    const struct OrmFunction *p = &aFunction[i];
    pOrm->nRef++;
    zName = p->zName;
    rc = sqlite3_create_function_v2(db, p->zName, p->nArg, p->flags, pOrm,
                                    p->xFunc, p->xStep, p->xFinal, ormUnref);
  }
  for(int i=0; i<ORM_COUNT(aTable) && rc==SQLITE_OK; i++){
    pOrm->nRef++;
    zName = aTable[i].zName;
    rc = sqlite3_create_module_v2(db, zName, aTable[i].pModule, pOrm, ormUnref);
  }
  if( rc!=SQLITE_OK && rc!=SQLITE_NOMEM && pzErr ){
    *pzErr = sqlite3_mprintf("orm: cannot register %s: %s",
                             zName, sqlite3_errmsg(db));
  }
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
  if( alreadyLoaded(db) ) return SQLITE_OK;
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
