/*
** All objects of a root straight to the result, no row of it kept: where they
** include nothing, or, of a whole table, nothing but to-one.  The targets are
** loaded first, all of them, and found by the value of each row that comes.
**
** It is done where the targets are few beside the rows that refer to them, so
** that hardly one is loaded in vain, and fit into scan_memory.
*/
#include "load.h"

#define MANY_ROWS  2000

int ormDirectIs(OrmLevel *p){
  OrmLevel *pChild;
  if( p->bLate ) return 0;
  if( p->pChild==0 ) return 1;
  if( !ormRootIsWhole(p) || p->pModel->bView ) return 0;
  for(pChild=p->pChild; pChild; pChild=pChild->pNext){
    if( !pChild->bMap || !pChild->bHash ) return 0;
    if( ormFetchConverts(pChild, 0) ) return 0;
    if( pChild->pQuery->bRecursive || pChild->pModel->bView ) return 0;
  }
  for(pChild=p->pChild; pChild; pChild=pChild->pNext){
    if( !ormFetchHasMore(pChild, ORM_FETCH_FEW_TARGETS, MANY_ROWS) ) return 0;
  }
  return p->pPlan->err.rc==SQLITE_OK;
}

typedef struct TargetSink TargetSink;
struct TargetSink {
  OrmSink base;
  OrmLevel *p;
  i64 nAlloc; struct OrmBind *aKey;          /* of each row                   */
};

/* A target, by a scan. */
static void rowOfTarget(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  TargetSink *pSink = (TargetSink*)pBase;
  OrmLevel *p = pSink->p;
  int nCol = p->map.nCol;
  struct OrmBind *a;
  ORM_UNUSED(nVal);
  if( !ormGrow(pBase->pErr, &pSink->aKey, &pSink->nAlloc,
               (i64)(p->nRow + 1)*nCol, sizeof(*a)) ) return;
  a = &pSink->aKey[(i64)p->nRow*nCol];
  for(int i=0; i<nCol; i++) ormKeepValue(p->pPlan, &a[i], apVal[p->aJoin[i]]);
  ormLevelAddRow(p, &apVal[p->nLead], -1);
}

/* Make the map of the rows: the number of a key is that of its row, or, where
** there is a hash, aTargetRow knows. */
static void mapTargets(OrmLevel *p, const struct OrmBind *aKey){
  OrmErr *pErr = &p->pPlan->err;
  if( ormMapDenseRows(pErr, &p->map, aKey, p->nRow) ) return;
  if( !ormGrow(pErr, &p->aTargetRow, &p->nTargetAlloc, p->nRow + 1,
               sizeof(int)) ) return;
  for(int i=0; i<p->nRow; i++){
    int iKey = ormMapAdd(pErr, &p->map, &aKey[(i64)i*p->map.nCol]);
    if( iKey>=0 ) p->aTargetRow[iKey] = i;
  }
}

static void loadTargets(OrmLevel *p){
  TargetSink sink;
  memset(&sink, 0, sizeof(sink));
  sink.base.xRow = rowOfTarget;
  sink.base.pErr = &p->pPlan->err;
  sink.p = p;
  ormMapReset(&p->map, p->pRel->nRemote);
  ormFetchRun(p, ORM_FETCH_SCAN, 0, &sink.base);
  mapTargets(p, sink.aKey);
  ormObjectTargets(p);
  sqlite3_free(sink.aKey);
  p->bDistinct = p->bWhole = 1;
  if( p->nRow>0 ) ormLevelChildren(p, 0, p->nRow);
}

int ormDirectLoad(OrmLevel *p){
  OrmPlan *pPlan = p->pPlan;
  OrmLevel *pChild;
  ormLevelReset(p, 0);
  pPlan->nByteMax = pPlan->pOrm->aConfig[ORM_CONFIG_SCAN_MEMORY];
  pPlan->nByte = 0;
  for(pChild=p->pChild; pChild; pChild=pChild->pNext) loadTargets(pChild);
  pPlan->nByteMax = 0;
  if( !pPlan->bOverflow ) return 1;
  pPlan->bOverflow = 0;
  ormErrClear(&pPlan->err);
  return 0;
}
