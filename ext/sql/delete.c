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
       PLAN_FROM_MODEL, PLAN_FROM_KEY };

typedef struct PlanTable { sqlite3_vtab base; Orm *pOrm; } PlanTable;
typedef struct PlanLine PlanLine;
struct PlanLine {
  int iStep;
  const char *zAction, *zModel, *zTable, *zPath;
  int iKey;                     /* in the cursor's binds                      */
  u8 bArray;                    /* the key is a JSON array                    */
};
typedef struct PlanCursor PlanCursor;
struct PlanCursor {
  sqlite3_vtab_cursor base;
  OrmErr err;
  OrmArena arena;
  OrmBinds binds;
  int n, nAlloc; PlanLine *a;
  int i;
};

static int planConnect(
  sqlite3 *db, void *pAux, int argc, const char *const*argv,
  sqlite3_vtab **ppVtab, char **pzErr
){
  PlanTable *p;
  int rc;
  ORM_UNUSED(argc);
  ORM_UNUSED(argv);
  ORM_UNUSED(pzErr);
  rc = sqlite3_declare_vtab(db, "CREATE TABLE x(step INTEGER, action TEXT, "
      "model TEXT, table_name TEXT, key, path TEXT, from_model HIDDEN, "
      "from_key HIDDEN)");
  if( rc!=SQLITE_OK ) return rc;
  p = sqlite3_malloc64(sizeof(*p));
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  p->pOrm = (Orm*)pAux;
  sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
  *ppVtab = &p->base;
  return SQLITE_OK;
}

static int planDisconnect(sqlite3_vtab *pVtab){
  sqlite3_free(pVtab);
  return SQLITE_OK;
}

/* idxNum 1: both arguments are there; 0: one is missing, which xFilter says. */
static int planBestIndex(sqlite3_vtab *pVtab, sqlite3_index_info *pInfo){
  int aiArg[2] = { -1, -1 };
  ORM_UNUSED(pVtab);
  for(int i=0; i<pInfo->nConstraint; i++){
    const struct sqlite3_index_constraint *p = &pInfo->aConstraint[i];
    if( p->iColumn<PLAN_FROM_MODEL || p->op!=SQLITE_INDEX_CONSTRAINT_EQ ){
      continue;
    }
    if( !p->usable ) return SQLITE_CONSTRAINT;
    aiArg[p->iColumn-PLAN_FROM_MODEL] = i;
  }
  pInfo->estimatedCost = 1000;
  pInfo->estimatedRows = 100;
  if( aiArg[0]<0 || aiArg[1]<0 ) return SQLITE_OK;
  pInfo->idxNum = 1;
  for(int i=0; i<2; i++){
    pInfo->aConstraintUsage[aiArg[i]].argvIndex = i+1;
    pInfo->aConstraintUsage[aiArg[i]].omit = 1;
  }
  return SQLITE_OK;
}

static int planOpen(sqlite3_vtab *pVtab, sqlite3_vtab_cursor **ppCursor){
  PlanCursor *p = sqlite3_malloc64(sizeof(*p));
  ORM_UNUSED(pVtab);
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  ormArenaInit(&p->arena, &p->err);
  *ppCursor = &p->base;
  return SQLITE_OK;
}

static void planClear(PlanCursor *p){
  ormArenaFree(&p->arena);
  memset(&p->binds, 0, sizeof(p->binds));
  p->binds.pArena = &p->arena;
  p->a = 0;
  p->n = p->nAlloc = p->i = 0;
}

static int planClose(sqlite3_vtab_cursor *pCursor){
  planClear((PlanCursor*)pCursor);
  sqlite3_free(pCursor);
  return SQLITE_OK;
}

/* A line of the plan (an OrmPlanRow): kept. */
static void planLine(
  void *pArg, int iStep, const char *zAction, const char *zModel,
  const char *zTable, sqlite3_value *pKey, const char *zKeyJson, i64 nKeyJson,
  const char *zPath
){
  PlanCursor *p = (PlanCursor*)pArg;
  PlanLine *pNew = ormArenaGrow(&p->arena, (void**)&p->a, p->n, &p->nAlloc,
                                (int)sizeof(*pNew));
  if( pNew==0 ) return;
  pNew->iStep = iStep;
  pNew->zAction = zAction;
  pNew->zModel = zModel ? ormArenaText(&p->arena, zModel, -1) : 0;
  pNew->zTable = ormArenaText(&p->arena, zTable, -1);
  pNew->zPath = ormArenaText(&p->arena, zPath, -1);
  pNew->bArray = (u8)(pKey==0);
  pNew->iKey = pKey ? ormBindValue(&p->binds, pKey)
                    : ormBindText(&p->binds, zKeyJson, nKeyJson);
  p->n++;
}

static int planFilter(
  sqlite3_vtab_cursor *pCursor, int idxNum, const char *idxStr, int argc,
  sqlite3_value **argv
){
  PlanCursor *p = (PlanCursor*)pCursor;
  PlanTable *pTable = (PlanTable*)pCursor->pVtab;
  const char *z = 0;
  i64 n = 0;
  ORM_UNUSED(idxStr);
  planClear(p);
  if( idxNum==1 && argc==2 ){
    z = modelArg(&p->err, argv[0], &n);
  }else{
    ormErr(&p->err, SQLITE_ERROR, "orm: orm_delete_plan(model, key) needs both "
           "of its arguments");
  }
  if( z ){
    ormDeletePlan(pTable->pOrm, &p->err, z, n, argv[1], planLine, p);
  }
  if( p->err.rc ) return ormErrVtab(&p->err, &pTable->base);
  return SQLITE_OK;
}

static int planNext(sqlite3_vtab_cursor *pCursor){
  ((PlanCursor*)pCursor)->i++;
  return SQLITE_OK;
}

static int planEof(sqlite3_vtab_cursor *pCursor){
  const PlanCursor *p = (const PlanCursor*)pCursor;
  return p->i>=p->n;
}

static void resultText(sqlite3_context *pCtx, const char *z){
  if( z ) sqlite3_result_text(pCtx, z, -1, SQLITE_TRANSIENT);
}

static void resultKey(
  sqlite3_context *pCtx, const PlanCursor *p, const PlanLine *pLine
){
  const struct OrmBind *pKey = &p->binds.a[pLine->iKey];
  switch( pKey->eType ){
    case SQLITE_INTEGER: sqlite3_result_int64(pCtx, pKey->u.i);  break;
    case SQLITE_FLOAT:   sqlite3_result_double(pCtx, pKey->u.r); break;
    case SQLITE_TEXT:
      sqlite3_result_text(pCtx, pKey->u.z, pKey->n, SQLITE_TRANSIENT);
      if( pLine->bArray ) sqlite3_result_subtype(pCtx, ORM_JSON_SUBTYPE);
      break;
    case SQLITE_BLOB:
      sqlite3_result_blob(pCtx, pKey->u.z, pKey->n, SQLITE_TRANSIENT);
      break;
    default: break;
  }
}

static int planColumn(
  sqlite3_vtab_cursor *pCursor, sqlite3_context *pCtx, int iCol
){
  const PlanCursor *p = (const PlanCursor*)pCursor;
  const PlanLine *pLine = &p->a[p->i];
  switch( iCol ){
    case PLAN_STEP:   sqlite3_result_int(pCtx, pLine->iStep); break;
    case PLAN_ACTION: resultText(pCtx, pLine->zAction);       break;
    case PLAN_MODEL:  resultText(pCtx, pLine->zModel);        break;
    case PLAN_TABLE:  resultText(pCtx, pLine->zTable);        break;
    case PLAN_KEY:    resultKey(pCtx, p, pLine);              break;
    case PLAN_PATH:   resultText(pCtx, pLine->zPath);         break;
    default: break;
  }
  return SQLITE_OK;
}

static int planRowid(sqlite3_vtab_cursor *pCursor, sqlite3_int64 *piRowid){
  *piRowid = ((PlanCursor*)pCursor)->i + 1;
  return SQLITE_OK;
}

const sqlite3_module ormSqlDeletePlanModule = {
  .xConnect = planConnect,
  .xBestIndex = planBestIndex,
  .xDisconnect = planDisconnect,
  .xOpen = planOpen,
  .xClose = planClose,
  .xFilter = planFilter,
  .xNext = planNext,
  .xEof = planEof,
  .xColumn = planColumn,
  .xRowid = planRowid,
};
