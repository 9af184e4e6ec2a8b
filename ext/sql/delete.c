/*
** orm_delete(model, key), orm_delete_many(model, query), orm_restore(model,
** key), and the table orm_delete_plan(model, key).
**
** The plan is made whole when a cursor starts, and kept by it.
*/
#include "sql.h"

/* The name of a model as an argument, or 0 and an error. */
static const char *modelArg(OrmErr *pErr, sqlite3_value *p, i64 *pn){
  const char *z = (const char*)sqlite3_value_text(p);
  *pn = sqlite3_value_bytes(p);
  if( z ) return z;
  if( sqlite3_value_type(p)==SQLITE_NULL ){
    ormErr(pErr, SQLITE_ERROR, "orm: the name of a model is missing");
  }else{
    ormErrOom(pErr);
  }
  return 0;
}

static void resultNumber(sqlite3_context *pCtx, OrmErr *pErr, i64 n){
  if( pErr->rc ) ormErrResult(pErr, pCtx);
  else sqlite3_result_int64(pCtx, n);
}

void ormSqlDelete(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  OrmErr err = {0};
  i64 n;
  const char *z = modelArg(&err, apArg[0], &n);
  ORM_UNUSED(nArg);
  n = z ? ormDelete(sqlite3_user_data(pCtx), &err, z, n, apArg[1]) : 0;
  resultNumber(pCtx, &err, n);
}

void ormSqlDeleteMany(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  OrmErr err = {0};
  i64 n;
  const char *z = modelArg(&err, apArg[0], &n);
  const char *zQuery = (const char*)sqlite3_value_text(apArg[1]);
  i64 nQuery = sqlite3_value_bytes(apArg[1]);
  ORM_UNUSED(nArg);
  if( z && zQuery==0 ){
    ormErr(&err, SQLITE_ERROR, "orm: orm_delete_many() deletes what a query "
           "finds, and the query is missing ('{}' finds all)");
  }
  n = err.rc ? 0 : ormDeleteMany(sqlite3_user_data(pCtx), &err, z, n, zQuery,
                                 nQuery);
  resultNumber(pCtx, &err, n);
}

void ormSqlRestore(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  OrmErr err = {0};
  i64 n;
  const char *z = modelArg(&err, apArg[0], &n);
  ORM_UNUSED(nArg);
  n = z ? ormRestore(sqlite3_user_data(pCtx), &err, z, n, apArg[1]) : 0;
  resultNumber(pCtx, &err, n);
}

/* ------------------------------------------- the table orm_delete_plan --- */

enum { PLAN_STEP, PLAN_ACTION, PLAN_MODEL, PLAN_TABLE, PLAN_KEY, PLAN_PATH,
       PLAN_FROM_MODEL };

typedef struct PlanLine PlanLine;
struct PlanLine {
  int iStep;
  const char *zAction, *zModel, *zTable, *zPath;
  int iKey;                     /* in the list's binds                        */
  u8 bArray;                    /* the key is a JSON array                    */
};

static int planConnect(
  sqlite3 *db, void *pAux, int argc, const char *const*argv,
  sqlite3_vtab **ppVtab, char **pzErr
){
  ORM_UNUSED(argc);  ORM_UNUSED(argv);  ORM_UNUSED(pzErr);
  return ormSqlTableNew(db, pAux, SQLITE_VTAB_INNOCUOUS,
      "CREATE TABLE x(step INTEGER, action TEXT, model TEXT, table_name TEXT,"
      " key, path TEXT, from_model HIDDEN, from_key HIDDEN)", ppVtab);
}

/* idxNum 1: both arguments are there; 0: one is missing, which xFilter says. */
static int planBestIndex(sqlite3_vtab *pVtab, sqlite3_index_info *pInfo){
  int mGiven = ormSqlArguments(pInfo, PLAN_FROM_MODEL, 2);
  ORM_UNUSED(pVtab);
  if( mGiven<0 ) return SQLITE_CONSTRAINT;
  pInfo->idxNum = mGiven==3;
  pInfo->estimatedCost = 1000;
  pInfo->estimatedRows = 100;
  return SQLITE_OK;
}

/* A line of the plan (an OrmPlanRow): kept. */
static void planLine(
  void *pArg, int iStep, const char *zAction, const char *zModel,
  const char *zTable, sqlite3_value *pKey, const char *zKeyJson, i64 nKeyJson,
  const char *zPath
){
  OrmSqlList *p = (OrmSqlList*)pArg;
  PlanLine *pNew = ormSqlListAdd(p, sizeof(*pNew));
  if( pNew==0 ) return;
  pNew->iStep = iStep;
  pNew->zAction = zAction;
  pNew->zModel = ormSqlListText(p, zModel);
  pNew->zTable = ormSqlListText(p, zTable);
  pNew->zPath = ormSqlListText(p, zPath);
  pNew->bArray = (u8)(pKey==0);
  pNew->iKey = pKey ? ormBindValue(&p->binds, pKey)
                    : ormBindText(&p->binds, zKeyJson, nKeyJson);
}

static int planFilter(
  sqlite3_vtab_cursor *pCursor, int idxNum, const char *idxStr, int argc,
  sqlite3_value **argv
){
  OrmSqlList *p = (OrmSqlList*)pCursor;
  const char *z = 0;
  i64 n = 0;
  ORM_UNUSED(idxStr);
  ormSqlListReset(p);
  ORM_UNUSED(argc);
  if( idxNum==1 ){
    z = modelArg(&p->err, argv[0], &n);
  }else{
    ormErr(&p->err, SQLITE_ERROR, "orm: orm_delete_plan(model, key) needs both "
           "of its arguments");
  }
  if( z ){
    ormDeletePlan(ormSqlCursorOrm(pCursor), &p->err, z, n, argv[1], planLine,
                  p);
  }
  if( p->err.rc ) return ormErrVtab(&p->err, pCursor->pVtab);
  return SQLITE_OK;
}

static void resultKey(
  sqlite3_context *pCtx, const OrmSqlList *p, const PlanLine *pLine
){
  ormBindResult(pCtx, &p->binds.a[pLine->iKey], SQLITE_TRANSIENT);
  if( pLine->bArray ) sqlite3_result_subtype(pCtx, ORM_JSON_SUBTYPE);
}

static int planColumn(
  sqlite3_vtab_cursor *pCursor, sqlite3_context *pCtx, int iCol
){
  const OrmSqlList *p = (const OrmSqlList*)pCursor;
  const PlanLine *pLine = &((const PlanLine*)p->a)[p->i];
  switch( iCol ){
    case PLAN_STEP:   sqlite3_result_int(pCtx, pLine->iStep); break;
    case PLAN_ACTION: ormSqlResultText(pCtx, pLine->zAction);       break;
    case PLAN_MODEL:  ormSqlResultText(pCtx, pLine->zModel);        break;
    case PLAN_TABLE:  ormSqlResultText(pCtx, pLine->zTable);        break;
    case PLAN_KEY:    resultKey(pCtx, p, pLine);              break;
    case PLAN_PATH:   ormSqlResultText(pCtx, pLine->zPath);         break;
    default: break;
  }
  return SQLITE_OK;
}

const sqlite3_module ormSqlDeletePlanModule = {
  .xConnect = planConnect,
  .xBestIndex = planBestIndex,
  .xDisconnect = ormSqlTableFree,
  .xOpen = ormSqlListOpen,
  .xClose = ormSqlListClose,
  .xFilter = planFilter,
  .xNext = ormSqlListNext,
  .xEof = ormSqlListEof,
  .xColumn = planColumn,
  .xRowid = ormSqlListRowid,
};
