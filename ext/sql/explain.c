/*
** orm_explain(model [, query]): the statements that a read would run, in their
** order, with SQLite's own query plan of each.
**
**     step, sql, plan, (model, query)
*/
#include "sql.h"

enum { EXPLAIN_STEP, EXPLAIN_SQL, EXPLAIN_PLAN, EXPLAIN_MODEL };

typedef struct Step { const char *zSql, *zPlan; } Step;
static int explainConnect(
  sqlite3 *db, void *pAux, int argc, const char *const*argv,
  sqlite3_vtab **ppVtab, char **pzErr
){
  ORM_UNUSED(argc);  ORM_UNUSED(argv);  ORM_UNUSED(pzErr);
  return ormSqlTableNew(db, pAux, SQLITE_VTAB_DIRECTONLY,
      "CREATE TABLE x(step INTEGER, sql TEXT, plan TEXT,"
      " model TEXT HIDDEN, query TEXT HIDDEN)", ppVtab);
}

/* idxNum: 1 the model is given, 2 the query. */
static int explainBestIndex(sqlite3_vtab *pVtab, sqlite3_index_info *pInfo){
  int mGiven = ormSqlArguments(pInfo, EXPLAIN_MODEL, 2);
  ORM_UNUSED(pVtab);
  if( mGiven<0 ) return SQLITE_CONSTRAINT;
  pInfo->idxNum = mGiven;
  pInfo->estimatedCost = 1000;
  pInfo->estimatedRows = 10;
  return SQLITE_OK;
}

static void addStep(void *pArg, const char *zSql, const char *zPlan){
  OrmSqlList *p = (OrmSqlList*)pArg;
  Step *pStep = ormSqlListAdd(p, sizeof(*pStep));
  if( pStep==0 ) return;
  pStep->zSql = ormSqlListText(p, zSql);
  pStep->zPlan = ormSqlListText(p, zPlan);
}

static void collect(
  Orm *pOrm, OrmSqlList *p, const char *zModel, const char *zQuery
){
  OrmErr *pErr = &p->err;
  OrmCatalog *pCatalog = ormCatalogPin(pOrm, pErr);
  OrmModel *pModel = 0;
  OrmPlan *pPlan;
  if( pCatalog ) pModel = ormModelFind(pOrm, pErr, pCatalog, zModel, -1);
  pPlan = ormPlanGet(pOrm, pErr, pModel, zQuery,
                     zQuery ? (i64)strlen(zQuery) : 0, ORM_Q_ALL);
  if( pPlan ) ormExplain(pOrm, pErr, pPlan, addStep, p);
  ormPlanRelease(pOrm, pPlan);
  ormCatalogUnpin(pOrm, pCatalog);
}

static int explainFilter(
  sqlite3_vtab_cursor *pCursor, int idxNum, const char *idxStr, int argc,
  sqlite3_value **argv
){
  OrmSqlList *p = (OrmSqlList*)pCursor;
  const char *azArg[2] = { 0, 0 };
  ORM_UNUSED(idxStr);
  ORM_UNUSED(argc);
  ormSqlListReset(p);
  for(int i=0, iArg=0; i<2; i++){
    if( (idxNum & 1<<i)==0 ) continue;
    azArg[i] = ormSqlListText(p, (const char*)sqlite3_value_text(argv[iArg++]));
  }
  if( azArg[0]==0 ){
    ormErr(&p->err, SQLITE_ERROR, "orm: orm_explain needs a model: FROM"
           " orm_explain('Model', query)");
  }else{
    collect(ormSqlCursorOrm(pCursor), p, azArg[0], azArg[1]);
  }
  return p->err.rc ? ormErrVtab(&p->err, pCursor->pVtab) : SQLITE_OK;
}

static int explainColumn(
  sqlite3_vtab_cursor *pCursor, sqlite3_context *pCtx, int iCol
){
  const OrmSqlList *p = (const OrmSqlList*)pCursor;
  const Step *pStep = &((const Step*)p->a)[p->i];
  switch( iCol ){
    case EXPLAIN_STEP: sqlite3_result_int(pCtx, p->i + 1);     break;
    case EXPLAIN_SQL:  ormSqlResultText(pCtx, pStep->zSql);    break;
    case EXPLAIN_PLAN: ormSqlResultText(pCtx, pStep->zPlan);   break;
  }
  return SQLITE_OK;
}

const sqlite3_module ormSqlExplainModule = {
  .xConnect = explainConnect,
  .xBestIndex = explainBestIndex,
  .xDisconnect = ormSqlTableFree,
  .xOpen = ormSqlListOpen,
  .xClose = ormSqlListClose,
  .xFilter = explainFilter,
  .xNext = ormSqlListNext,
  .xEof = ormSqlListEof,
  .xColumn = explainColumn,
  .xRowid = ormSqlListRowid,
};
