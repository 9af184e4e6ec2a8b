/*
** orm_link(model, path): the pairs of keys that a path joins, for joins in any
** SQL.
**
**     source, target, depth, (model, path)
**
** idxNum: what is asked of source and of target, ORM_LINK_ALL, EQ or IN, as
** source + 4*target.  A key is compared as the column that it is the key of
** compares, so SQLite need not look again.
*/
#include "sql.h"

enum { COL_SOURCE, COL_TARGET, COL_DEPTH, COL_MODEL, COL_PATH, N_COLUMN };
#define NO_PATH (-1)            /* idxNum: model or path are missing          */

typedef struct LinkCursor LinkCursor;
struct LinkCursor {
  sqlite3_vtab_cursor base;
  OrmErr err;
  OrmPairs *pLink;
  sqlite3_value *apArg[2];      /* model, path                                */
  u8 bEof;
};

static int linkConnect(
  sqlite3 *db, void *pAux, int argc, const char *const*argv,
  sqlite3_vtab **ppVtab, char **pzErr
){
  ORM_UNUSED(argc);  ORM_UNUSED(argv);  ORM_UNUSED(pzErr);
  return ormSqlTableNew(db, pAux, SQLITE_VTAB_INNOCUOUS,
      "CREATE TABLE x(source, target, depth INTEGER, model HIDDEN,"
      " path HIDDEN)", ppVtab);
}

/* What is asked of the end that constraint i compares. */
static int linkAsk(sqlite3_index_info *pInfo, int i){
  if( i<0 ) return ORM_LINK_ALL;
  return sqlite3_vtab_in(pInfo, i, 1) ? ORM_LINK_IN : ORM_LINK_EQ;
}

/* A text that stands in the statement itself; 0: a parameter, a column .. */
static const char *literal(sqlite3_index_info *pInfo, int i){
  sqlite3_value *pVal = 0;
  int rc = sqlite3_vtab_rhs_value(pInfo, i, &pVal);
  return rc==SQLITE_OK ? (const char*)sqlite3_value_text(pVal) : 0;
}

/* Cost and rows: by what ANALYZE found of the path, if it is known. */
static void linkCost(
  Orm *pOrm, sqlite3_index_info *pInfo, const int *aConstraint
){
  const char *zModel = literal(pInfo, aConstraint[COL_MODEL]);
  const char *zPath = literal(pInfo, aConstraint[COL_PATH]);
  double arRow[3] = { 1e6, 25, 25 };
  double rRow;
  int bSource = aConstraint[COL_SOURCE]>=0;
  int bTarget = aConstraint[COL_TARGET]>=0;
  if( zModel && zPath ) ormPairsEstimate(pOrm, zModel, zPath, arRow);
  rRow = arRow[bSource ? ORM_PAIRS_TARGETS
             : bTarget ? ORM_PAIRS_SOURCES : ORM_PAIRS_ALL];
  pInfo->estimatedCost = 5 + rRow;
  pInfo->estimatedRows = bSource && bTarget ? 1
                       : rRow<1e15 ? (sqlite3_int64)rRow : (i64)1e15;
}

static int linkBestIndex(sqlite3_vtab *pVtab, sqlite3_index_info *pInfo){
  static const int aOrder[] = { COL_MODEL, COL_PATH, COL_SOURCE, COL_TARGET };
  int aConstraint[N_COLUMN] = { -1, -1, -1, -1, -1 };
  int bUnusable = 0, n = 0;
  for(int i=0; i<pInfo->nConstraint; i++){
    const struct sqlite3_index_constraint *p = &pInfo->aConstraint[i];
    if( p->iColumn<0 || p->op!=SQLITE_INDEX_CONSTRAINT_EQ ) continue;
    if( p->usable ){
      if( aConstraint[p->iColumn]<0 ) aConstraint[p->iColumn] = i;
    }else if( p->iColumn>=COL_MODEL ){
      bUnusable = 1;
    }
  }
  if( aConstraint[COL_MODEL]<0 || aConstraint[COL_PATH]<0 ){
    if( bUnusable ) return SQLITE_CONSTRAINT;
    /* SQLite may ask so for a term of an OR, too. */
    pInfo->estimatedCost = 1e99;
    pInfo->idxNum = NO_PATH;
    return SQLITE_OK;
  }
  for(int i=0; i<ORM_COUNT(aOrder); i++){
    int iConstraint = aConstraint[aOrder[i]];
    if( iConstraint<0 ) continue;
    pInfo->aConstraintUsage[iConstraint].argvIndex = ++n;
    pInfo->aConstraintUsage[iConstraint].omit = 1;
  }
  pInfo->idxNum = linkAsk(pInfo, aConstraint[COL_SOURCE])
                + linkAsk(pInfo, aConstraint[COL_TARGET])*4;
  linkCost(((OrmSqlTable*)pVtab)->pOrm, pInfo, aConstraint);
  return SQLITE_OK;
}

static int linkOpen(sqlite3_vtab *pVtab, sqlite3_vtab_cursor **ppCursor){
  LinkCursor *p = sqlite3_malloc64(sizeof(*p));
  *ppCursor = 0;
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  p->pLink = ormPairsNew(((OrmSqlTable*)pVtab)->pOrm, &p->err);
  if( p->pLink==0 ){
    sqlite3_free(p);
    return SQLITE_NOMEM;
  }
  *ppCursor = &p->base;
  return SQLITE_OK;
}

static void freeArguments(LinkCursor *p){
  for(int i=0; i<2; i++){
    sqlite3_value_free(p->apArg[i]);
    p->apArg[i] = 0;
  }
}

static int linkClose(sqlite3_vtab_cursor *pCursor){
  LinkCursor *p = (LinkCursor*)pCursor;
  freeArguments(p);
  ormPairsFree(p->pLink);
  ormErrClear(&p->err);
  sqlite3_free(p);
  return SQLITE_OK;
}

static int linkNext(sqlite3_vtab_cursor *pCursor){
  LinkCursor *p = (LinkCursor*)pCursor;
  p->bEof = !ormPairsNext(p->pLink);
  return p->err.rc ? ormErrVtab(&p->err, pCursor->pVtab) : SQLITE_OK;
}

static int linkFilter(
  sqlite3_vtab_cursor *pCursor, int idxNum, const char *idxStr, int argc,
  sqlite3_value **argv
){
  LinkCursor *p = (LinkCursor*)pCursor;
  const char *zModel, *zPath;
  OrmLinkEnd aEnd[2];
  int n = 2;
  ORM_UNUSED(idxStr);
  ORM_UNUSED(argc);
  if( idxNum==NO_PATH ){
    ormErr(&p->err, SQLITE_ERROR, "orm: orm_link needs model and path: "
           "orm_link('User', 'posts.tags')");
    return ormErrVtab(&p->err, pCursor->pVtab);
  }
  zModel = (const char*)sqlite3_value_text(argv[0]);
  zPath = (const char*)sqlite3_value_text(argv[1]);
  /* Where an OR is answered by its terms, SQLite compares them once more. */
  freeArguments(p);
  for(int i=0; i<2; i++){
    p->apArg[i] = sqlite3_value_dup(argv[i]);
    if( p->apArg[i]==0 ) return SQLITE_NOMEM;
  }
  for(int i=0; i<2; i++){
    aEnd[i].eAsk = (u8)(i ? idxNum/4 : idxNum%4);
    aEnd[i].pVal = aEnd[i].eAsk==ORM_LINK_ALL ? 0 : argv[n++];
  }
  assert( n==argc );
  if( zModel==0 || zPath==0 ){
    ormErr(&p->err, SQLITE_ERROR, "orm: orm_link: %s is NULL",
           zModel ? "path" : "model");
  }else{
    ormPairsSeek(p->pLink, zModel, zPath, aEnd);
  }
  return linkNext(pCursor);
}

static int linkEof(sqlite3_vtab_cursor *pCursor){
  return ((LinkCursor*)pCursor)->bEof;
}

static int linkColumn(
  sqlite3_vtab_cursor *pCursor, sqlite3_context *pCtx, int iCol
){
  const LinkCursor *p = (const LinkCursor*)pCursor;
  if( iCol==COL_SOURCE || iCol==COL_TARGET ){
    ormPairsEndResult(p->pLink, pCtx, iCol==COL_TARGET);
  }else if( iCol==COL_DEPTH ){
    sqlite3_result_int(pCtx, ormPairsDepth(p->pLink));
  }else{
    sqlite3_result_value(pCtx, p->apArg[iCol==COL_PATH]);
  }
  return SQLITE_OK;
}

static int linkRowid(sqlite3_vtab_cursor *pCursor, sqlite3_int64 *piRowid){
  *piRowid = ormPairsRowid(((LinkCursor*)pCursor)->pLink);
  return SQLITE_OK;
}

const sqlite3_module ormSqlLinkModule = {
  .xConnect = linkConnect,
  .xDisconnect = ormSqlTableFree,
  .xBestIndex = linkBestIndex,
  .xOpen = linkOpen,
  .xClose = linkClose,
  .xFilter = linkFilter,
  .xNext = linkNext,
  .xEof = linkEof,
  .xColumn = linkColumn,
  .xRowid = linkRowid,
};
