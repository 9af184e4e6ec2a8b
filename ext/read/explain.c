/*
** What a query would run: the statements of its plan, one for each step of the
** loader, with SQLite's own query plan.
**
** Nothing is loaded.  Where the loader chooses by the number of parents, they
** are all rows of the table when the root asks for all, the limit if there is
** one, and else SOME_ROWS.
*/
#include "load.h"

#define SOME_ROWS 100

typedef struct Explain Explain;
struct Explain {
  OrmPlan *pPlan;
  OrmExplained xRow;
  void *pArg;
};

/* The lines of EXPLAIN QUERY PLAN, indented by their depth. */
static void planText(OrmPlan *pPlan, const char *zSql, OrmBuf *pOut){
  OrmErr *pErr = &pPlan->err;
  sqlite3_stmt *pStmt = 0;
  int aId[30], n = 0, rc;
  char *z = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", zSql);
  if( z==0 ){
    ormErrOom(pErr);
    return;
  }
  rc = sqlite3_prepare_v2(pPlan->pOrm->db, z, -1, &pStmt, 0);
  sqlite3_free(z);
  while( rc==SQLITE_OK && sqlite3_step(pStmt)==SQLITE_ROW ){
    int iParent = sqlite3_column_int(pStmt, 1);
    const char *zLine = (const char*)sqlite3_column_text(pStmt, 3);
    while( n>0 && aId[n-1]!=iParent ) n--;
    if( pOut->n ) ormBufChar(pOut, '\n');
    for(int i=0; i<n; i++) ormBufAdd(pOut, "  ", 2);
    ormBufAdd(pOut, zLine, -1);
    if( n<ORM_COUNT(aId) ) aId[n++] = sqlite3_column_int(pStmt, 0);
  }
  rc |= sqlite3_reset(pStmt);   /* it is 0, or there is no pStmt              */
  if( rc!=SQLITE_OK ) ormErrDb(pErr, pPlan->pOrm->db, rc);
  sqlite3_finalize(pStmt);
}

static void explainFetch(Explain *p, OrmLevel *pLevel, int eFetch){
  OrmFetch *pFetch = ormFetchGet(pLevel, eFetch);
  OrmBuf plan;
  ormBufInit(&plan, &p->pPlan->err);
  for(; pFetch; pFetch=pFetch->pMore){
    ormBufReset(&plan);
    planText(p->pPlan, pFetch->zSql, &plan);
    ormBufChar(&plan, 0);
    if( p->pPlan->err.rc==SQLITE_OK ) p->xRow(p->pArg, pFetch->zSql, plan.z);
  }
  ormBufFree(&plan);
}

/* The statements of one way to fetch. */
static const int aaFetch[][2] = {
  [ORM_BY_KEY]       = { ORM_FETCH_KEYS, -1 },
  [ORM_BY_LINKS]     = { ORM_FETCH_LINKS, ORM_FETCH_KEYS },
  [ORM_BY_LINK_SCAN] = { ORM_FETCH_LINK_SCAN, ORM_FETCH_KEYS },
  [ORM_BY_SCAN]      = { ORM_FETCH_SCAN, -1 },
  [ORM_BY_SORTED]    = { ORM_FETCH_ROWIDS, ORM_FETCH_ROWS },
  [ORM_BY_SINGLE]    = { ORM_FETCH_SINGLE, -1 },
  [ORM_BY_LOOSE]     = { ORM_FETCH_LOOSE, -1 },
  [ORM_BY_EACH]      = { ORM_FETCH_EACH, -1 },
  [ORM_BY_FEW]       = { ORM_FETCH_FEW, -1 },
  [ORM_BY_JOIN]      = { ORM_FETCH_JOIN, -1 },
};

/* Would a scan of the links be given up, there being more than are worth it? */
static int scanEnds(OrmLevel *p, i64 nGroup){
  OrmErr *pErr = &p->pPlan->err;
  i64 nMost = ormPairsMost(p, nGroup);
  OrmStmt *pStmt;
  OrmBuf sql;
  int bEnds;
  if( nMost<=0 ) return 0;
  ormBufInit(&sql, pErr);
  ormBufAdd(&sql, "SELECT 1 FROM ", -1);
  ormBufTable(&sql, p->pRel->zSecondary);
  ormBufPrintf(&sql, " LIMIT 1 OFFSET %lld", nMost);
  pStmt = ormStmtTake(p->pPlan->pOrm, pErr, ormBufText(&sql), -1);
  bEnds = ormStmtStep(p->pPlan->pOrm, pErr, pStmt);
  ormStmtGive(p->pPlan->pOrm, pErr, pStmt);
  ormBufFree(&sql);
  return bEnds;
}

/* How many rows of a level there are, as far as that is known beforehand. */
static i64 levelSize(OrmLevel *p){
  OrmErr *pErr = &p->pPlan->err;
  OrmStmt *pStmt;
  OrmBuf sql;
  i64 n = SOME_ROWS;
  if( !p->bWhole ) return p->pRel==0 && p->bLimited ? p->pQuery->iLimit : n;
  ormBufInit(&sql, pErr);
  ormBufAdd(&sql, "SELECT count(*) FROM ", -1);
  ormBufTable(&sql, p->pModel->zTable);
  pStmt = ormStmtTake(p->pPlan->pOrm, pErr, ormBufText(&sql), -1);
  if( ormStmtStep(p->pPlan->pOrm, pErr, pStmt) ){
    n = sqlite3_column_int64(pStmt->p, 0);
  }
  ormStmtGive(p->pPlan->pOrm, pErr, pStmt);
  ormBufFree(&sql);
  return n;
}

static void explainChildren(Explain *p, OrmLevel *pParent, int bDirect){
  i64 n = levelSize(pParent);
  OrmLevel *pLevel;
  for(pLevel=pParent->pChild; pLevel && p->pPlan->err.rc==SQLITE_OK;
      pLevel=pLevel->pNext){
    int eBy = ORM_BY_SCAN;
    if( !bDirect ){
      ormFetchConverts(pLevel, 0);
      eBy = ormFetchChoose(pLevel, 0, n);
    }
    if( eBy==ORM_BY_LINK_SCAN && scanEnds(pLevel, n) ) eBy = ORM_BY_LINKS;
    for(int i=0; i<2; i++){
      if( aaFetch[eBy][i]>=0 ) explainFetch(p, pLevel, aaFetch[eBy][i]);
    }
    pLevel->bWhole = eBy==ORM_BY_SCAN || eBy==ORM_BY_LINK_SCAN;
    explainChildren(p, pLevel, 0);
  }
}

void ormExplain(
  Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan, OrmExplained xRow, void *pArg
){
  Explain explain;
  int bDirect;
  ORM_UNUSED(pOrm);
  assert( pErr->rc==SQLITE_OK );
  explain.pPlan = pPlan;
  explain.xRow = xRow;
  explain.pArg = pArg;
  ormLevelReset(pPlan->pRoot, 0);
  pPlan->pRoot->bWhole = (u8)ormRootIsWhole(pPlan->pRoot);
  bDirect = ormDirectIs(pPlan->pRoot);
  if( !bDirect ) explainFetch(&explain, pPlan->pRoot, ORM_FETCH_ROOT);
  explainChildren(&explain, pPlan->pRoot, bDirect);
  if( bDirect ) explainFetch(&explain, pPlan->pRoot, ORM_FETCH_ROOT);
  ormLevelReset(pPlan->pRoot, 0);
  ormPlanLeave(pPlan, pErr);
}
