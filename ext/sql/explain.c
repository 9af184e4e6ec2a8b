/*
** orm_explain(model [, query]): the statements that a read would run, in their
** order, with SQLite's own query plan of each.
**
**     step, sql, plan, (model, query)
*/
#include "sql.h"

enum { EXPLAIN_STEP, EXPLAIN_SQL, EXPLAIN_PLAN, EXPLAIN_MODEL, EXPLAIN_QUERY };

typedef struct ExplainTable { sqlite3_vtab base; Orm *pOrm; } ExplainTable;
typedef struct Step { const char *zSql, *zPlan; } Step;
typedef struct ExplainCursor ExplainCursor;
struct ExplainCursor {
  sqlite3_vtab_cursor base;
  OrmErr err;
  OrmArena arena;
  int n, nAlloc; Step *a;
  int i;
  const char *azArg[2];         /* model, query                               */
};

static int explainConnect(
  sqlite3 *db, void *pAux, int argc, const char *const*argv,
  sqlite3_vtab **ppVtab, char **pzErr
){
  ExplainTable *p;
  int rc;
  ORM_UNUSED(argc);
  ORM_UNUSED(argv);
  ORM_UNUSED(pzErr);
  rc = sqlite3_declare_vtab(db, "CREATE TABLE x(step INTEGER, sql TEXT,"
         " plan TEXT, model TEXT HIDDEN, query TEXT HIDDEN)");
  if( rc!=SQLITE_OK ) return rc;
  p = sqlite3_malloc64(sizeof(*p));
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  p->pOrm = (Orm*)pAux;
  sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
  *ppVtab = &p->base;
  return SQLITE_OK;
}

static int explainDisconnect(sqlite3_vtab *pVtab){
  sqlite3_free(pVtab);
  return SQLITE_OK;
}

/* idxNum: 1 the model is given, 2 the query. */
static int explainBestIndex(sqlite3_vtab *pVtab, sqlite3_index_info *pInfo){
  int nArg = 0;
  ORM_UNUSED(pVtab);
  for(int iCol=EXPLAIN_MODEL; iCol<=EXPLAIN_QUERY; iCol++){
    for(int i=0; i<pInfo->nConstraint; i++){
      const struct sqlite3_index_constraint *p = &pInfo->aConstraint[i];
      if( p->iColumn!=iCol || p->op!=SQLITE_INDEX_CONSTRAINT_EQ ) continue;
      if( !p->usable ) return SQLITE_CONSTRAINT;
      pInfo->aConstraintUsage[i].argvIndex = ++nArg;
      pInfo->aConstraintUsage[i].omit = 1;
      pInfo->idxNum |= 1<<(iCol - EXPLAIN_MODEL);
      break;
    }
  }
  pInfo->estimatedCost = 1000;
  pInfo->estimatedRows = 10;
  return SQLITE_OK;
}

static int explainOpen(sqlite3_vtab *pVtab, sqlite3_vtab_cursor **ppCursor){
  ExplainCursor *p = sqlite3_malloc64(sizeof(*p));
  ORM_UNUSED(pVtab);
  *ppCursor = 0;
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  ormArenaInit(&p->arena, &p->err);
  *ppCursor = &p->base;
  return SQLITE_OK;
}

static int explainClose(sqlite3_vtab_cursor *pCursor){
  ExplainCursor *p = (ExplainCursor*)pCursor;
  ormArenaFree(&p->arena);
  ormErrClear(&p->err);
  sqlite3_free(p);
  return SQLITE_OK;
}

static void addStep(void *pArg, const char *zSql, const char *zPlan){
  ExplainCursor *p = (ExplainCursor*)pArg;
  Step *pStep = ormArenaGrow(&p->arena, (void**)&p->a, p->n, &p->nAlloc,
                             sizeof(*pStep));
  if( pStep==0 ) return;
  pStep->zSql = ormArenaText(&p->arena, zSql, -1);
  pStep->zPlan = ormArenaText(&p->arena, zPlan, -1);
  p->n++;
}

static void collect(ExplainCursor *p, Orm *pOrm){
  OrmErr *pErr = &p->err;
  const char *zQuery = p->azArg[1];
  OrmCatalog *pCatalog = ormCatalogPin(pOrm, pErr);
  OrmModel *pModel = 0;
  OrmPlan *pPlan;
  if( pCatalog ){
    pModel = ormModelFind(pOrm, pErr, pCatalog, p->azArg[0], -1);
  }
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
  ExplainCursor *p = (ExplainCursor*)pCursor;
  int iArg = 0;
  ORM_UNUSED(idxStr);
  ORM_UNUSED(argc);
  ormArenaFree(&p->arena);
  p->n = p->nAlloc = p->i = 0;
  p->a = 0;
  for(int i=0; i<2; i++){
    const char *z = 0;
    if( idxNum & 1<<i ) z = (const char*)sqlite3_value_text(argv[iArg++]);
    p->azArg[i] = z ? ormArenaText(&p->arena, z, -1) : 0;
  }
  if( p->azArg[0]==0 ){
    ormErr(&p->err, SQLITE_ERROR, "orm: orm_explain needs a model: FROM"
           " orm_explain('Model', query)");
  }else{
    collect(p, ((ExplainTable*)pCursor->pVtab)->pOrm);
  }
  return p->err.rc ? ormErrVtab(&p->err, pCursor->pVtab) : SQLITE_OK;
}

static int explainNext(sqlite3_vtab_cursor *pCursor){
  ((ExplainCursor*)pCursor)->i++;
  return SQLITE_OK;
}

static int explainEof(sqlite3_vtab_cursor *pCursor){
  const ExplainCursor *p = (const ExplainCursor*)pCursor;
  return p->i>=p->n;
}

static int explainColumn(
  sqlite3_vtab_cursor *pCursor, sqlite3_context *pCtx, int iCol
){
  const ExplainCursor *p = (const ExplainCursor*)pCursor;
  const char *z = 0;
  switch( iCol ){
    case EXPLAIN_STEP:
      sqlite3_result_int(pCtx, p->i + 1);
      return SQLITE_OK;
    case EXPLAIN_SQL:  z = p->a[p->i].zSql;              break;
    case EXPLAIN_PLAN: z = p->a[p->i].zPlan;             break;
    default:           z = p->azArg[iCol-EXPLAIN_MODEL]; break;
  }
  if( z ) sqlite3_result_text(pCtx, z, -1, SQLITE_TRANSIENT);
  return SQLITE_OK;
}

static int explainRowid(sqlite3_vtab_cursor *pCursor, sqlite3_int64 *piRowid){
  *piRowid = ((ExplainCursor*)pCursor)->i + 1;
  return SQLITE_OK;
}

const sqlite3_module ormSqlExplainModule = {
  .xConnect = explainConnect,
  .xBestIndex = explainBestIndex,
  .xDisconnect = explainDisconnect,
  .xOpen = explainOpen,
  .xClose = explainClose,
  .xFilter = explainFilter,
  .xNext = explainNext,
  .xEof = explainEof,
  .xColumn = explainColumn,
  .xRowid = explainRowid,
};
