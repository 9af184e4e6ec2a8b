/*
** The rows of a many-to-many, by its links.
**
** Pairs of group and target's key come from the link table.  Every target is
** then fetched once, in the order asked for, so that its number among the rows
** is its place in any group.
**
** Keys mostly are single integers, and nothing else is kept of them then
** (PairSink.bInts).
*/
#include "load.h"

#define PAIR_ROWS  64           /* a scan reads up to so many links a group   */

typedef struct PairSink PairSink;
struct PairSink {
  OrmSink base;
  OrmLevel *p;
  u8 bOdd;                      /* a target's key is no integer               */
  u8 bInts;                     /* the keys are in aInt, not in aVal          */
  i64 nMost;                    /* a scan gives up beyond so many; 0: never   */
  i64 iMin, iMax;               /* of aInt                                    */
  i64 nIntAlloc; i64 *aInt;                  /* of each pair's target         */
  i64 nValAlloc; struct OrmBind *aVal;
};

/* ------------------------------------------------------------------------
** Pairs
*/

/* Room for n pairs. */
static int pairRoom(OrmErr *pErr, PairSink *pSink, i64 n){
  OrmLevel *p = pSink->p;
  if( !ormGrow(pErr, &p->aPair, &p->nPairAlloc, n, sizeof(*p->aPair)) ){
    return 0;
  }
  if( pSink->bInts ){
    return ormGrow(pErr, &pSink->aInt, &pSink->nIntAlloc, n, sizeof(i64));
  }
  return ormGrow(pErr, &pSink->aVal, &pSink->nValAlloc, n*p->target.nCol,
                 sizeof(*pSink->aVal));
}

/* From now on keys are kept as values. */
static void intsToValues(PairSink *pSink){
  int n = pSink->p->nPair;
  pSink->bInts = 0;
  if( !pairRoom(pSink->base.pErr, pSink, n + 1) ) return;
  for(int i=0; i<n; i++){
    struct OrmBind *pVal = &pSink->aVal[i];
    pVal->eType = SQLITE_INTEGER;
    pVal->n = 0;
    pVal->u.i = pSink->aInt[i];
  }
}

/* Keep the values of a target's key; 0 if one is NULL, or out of memory. */
static int keepValues(PairSink *pSink, sqlite3_value **apVal){
  OrmLevel *p = pSink->p;
  int nCol = p->target.nCol;
  struct OrmBind *aVal;
  if( sqlite3_value_type(apVal[0])==SQLITE_NULL ) return 0;
  if( pSink->bInts ) intsToValues(pSink);
  if( !pairRoom(pSink->base.pErr, pSink, (i64)p->nPair + 1) ) return 0;
  aVal = &pSink->aVal[(i64)p->nPair*nCol];
  for(int i=0; i<nCol; i++){
    ormKeepValue(p->pPlan, &aVal[i], apVal[i]);
    if( aVal[i].eType==SQLITE_NULL ) return 0;
    if( aVal[i].eType!=SQLITE_INTEGER ) pSink->bOdd = 1;
  }
  return 1;
}

static ORM_INLINE void addPair(PairSink *pSink, int iGroup,
                               sqlite3_value **apVal){
  OrmLevel *p = pSink->p;
  int n = p->nPair;
  if( pSink->bInts && sqlite3_value_type(apVal[0])==SQLITE_INTEGER ){
    i64 i = sqlite3_value_int64(apVal[0]);
    if( (n>=p->nPairAlloc || n>=pSink->nIntAlloc)
     && !pairRoom(pSink->base.pErr, pSink, (i64)n + 1) ) return;
    pSink->aInt[n] = i;
    if( i<pSink->iMin ) pSink->iMin = i;
    if( i>pSink->iMax ) pSink->iMax = i;
  }else if( !keepValues(pSink, apVal) ){
    return;
  }
  p->aPair[n].iGroup = iGroup;
  p->nPair++;
}

/* Number the targets of all pairs. */
static void numberTargets(PairSink *pSink){
  OrmLevel *p = pSink->p;
  OrmErr *pErr = &p->pPlan->err;
  OrmMap *pMap = &p->target;
  struct OrmBind v = { .eType = SQLITE_INTEGER };
  if( pSink->bInts && ormMapDenseInts(pErr, pMap, pSink->aInt, p->nPair,
                                      pSink->iMin, pSink->iMax) ){
    for(int i=0; i<p->nPair; i++){
      p->aPair[i].iTarget = pMap->aDense[pSink->aInt[i] - pMap->iMin] - 1;
    }
    return;
  }
  for(int i=0; i<p->nPair; i++){
    const struct OrmBind *pVal = &v;
    if( pSink->bInts ) v.u.i = pSink->aInt[i];
    else pVal = &pSink->aVal[(i64)i*pMap->nCol];
    p->aPair[i].iTarget = ormMapAdd(pErr, pMap, pVal);
  }
}

/* Position of the key, target's key. */
static void pairByKey(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  ORM_UNUSED(nVal);
  addPair((PairSink*)pBase, sqlite3_value_int(apVal[0]), &apVal[1]);
}

/* The link's own columns, target's key. */
static void pairByScan(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  PairSink *pSink = (PairSink*)pBase;
  OrmLevel *p = pSink->p;
  int iGroup;
  ORM_UNUSED(nVal);
  if( p->bConvert ) ormFetchConvertRow(p, apVal);
  iGroup = ormMapFindRow(&p->map, apVal);
  if( pSink->nMost>0 && pBase->nRow>pSink->nMost ){
    ormErr(pBase->pErr, SQLITE_ABORT, "orm: too many links for a scan");
  }
  if( iGroup>=0 ) addPair(pSink, iGroup, &apVal[p->map.nCol]);
}

i64 ormPairsMost(const OrmLevel *p, i64 nGroup){
  return p->bIndexed && !p->bConvert ? nGroup*PAIR_ROWS : 0;
}

static void pairsBegin(PairSink *pSink){
  OrmErr err;
  pSink->p->nPair = 0;
  pSink->bOdd = 0;
  pSink->bInts = pSink->p->target.nCol==1;
  pSink->iMin = INT64_MAX;
  pSink->iMax = INT64_MIN;
  memset(&err, 0, sizeof(err));
  pairRoom(&err, pSink, pSink->p->nPairLast);
  ormErrClear(&err);            /* this run may need less                     */
}

static void pairsByKey(PairSink *pSink){
  OrmKeys keys;
  ormGroupKeys(pSink->p, 0, &keys);
  pairsBegin(pSink);
  pSink->base.xRow = pairByKey;
  ormFetchRun(pSink->p, ORM_FETCH_LINKS, &keys, &pSink->base);
}

/* All links; where an index finds those of a group, not many more than there
** are groups.  0: they are too many. */
static int pairsByScan(PairSink *pSink){
  OrmLevel *p = pSink->p;
  OrmErr *pErr = &p->pPlan->err;
  ormFetchPlainMap(p);
  pairsBegin(pSink);
  pSink->nMost = ormPairsMost(p, p->nGroup);
  pSink->base.xRow = pairByScan;
  ormFetchRun(p, ORM_FETCH_LINK_SCAN, 0, &pSink->base);
  if( pErr->rc!=SQLITE_ABORT ) return 1;     /* pairByScan() ended it         */
  ormErrClear(pErr);
  return 0;
}

/* The pairs of all groups.  Returns 1 if they are from all links. */
static int fetchPairs(OrmLevel *p, int bScan, PairSink *pSink){
  memset(pSink, 0, sizeof(*pSink));
  pSink->base.pErr = &p->pPlan->err;
  pSink->p = p;
  ormMapReset(&p->target, p->pRel->nRemote);
  if( bScan ) bScan = pairsByScan(pSink);
  if( !bScan ) pairsByKey(pSink);
  if( p->pPlan->err.rc==SQLITE_OK ) numberTargets(pSink);
  sqlite3_free(pSink->aInt);
  sqlite3_free(pSink->aVal);
  return bScan;
}

/* ------------------------------------------------------------------------
** Targets
*/
typedef struct TargetSink TargetSink;
struct TargetSink {
  OrmSink base;
  OrmLevel *p;
  const int *aNumber;           /* of each key listed; 0: its position        */
};

/* A target's row: its number is kept. */
static void addTarget(OrmLevel *p, int iTarget, sqlite3_value **apVal){
  if( iTarget<0 ) return;
  p->aTargetRow[iTarget] = p->nRow;
  ormLevelAddRow(p, apVal, -1);
}

static void targetByKey(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  TargetSink *pSink = (TargetSink*)pBase;
  int i = sqlite3_value_int(apVal[0]);
  ORM_UNUSED(nVal);
  addTarget(pSink->p, pSink->aNumber ? pSink->aNumber[i] : i, &apVal[1]);
}

static void targetByScan(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  OrmLevel *p = ((TargetSink*)pBase)->p;
  ORM_UNUSED(nVal);
  addTarget(p, ormMapFindAt(&p->target, apVal, p->aJoin), &apVal[p->nLead]);
}

/* The keys of all targets, ascending, with their numbers. */
static void targetIds(OrmErr *pErr, const OrmMap *pMap, OrmIds *pIds){
  if( !ormIdsGrow(pErr, pIds, pMap->nKey) ) return;
  for(int i=0; i<pMap->nKey; i++){
    pIds->aId[i] = pMap->aKey[i].u.i;
    pIds->aOf[i] = i;
  }
  pIds->n = pMap->nKey;
  ormSortIds(pErr, pIds);
}

/* Targets by a list of their keys, ascending where they are integers. */
static void targetsByKey(OrmLevel *p, TargetSink *pSink){
  OrmMap *pMap = &p->target;
  OrmIds ids;
  OrmKeys keys;
  memset(&ids, 0, sizeof(ids));
  memset(&keys, 0, sizeof(keys));
  keys.nCol = pMap->nCol;
  keys.nKey = pMap->nKey;
  keys.aBind = pMap->aKey;
  if( pMap->nDense ){
    keys.aInt = pMap->aInt;
  }else if( p->bNatural ){
    targetIds(&p->pPlan->err, pMap, &ids);
    keys.aInt = ids.aId;
    pSink->aNumber = ids.aOf;
  }
  pSink->base.xRow = targetByKey;
  ormFetchRun(p, ORM_FETCH_KEYS, &keys, &pSink->base);
  ormIdsFree(&ids);
}

static void fetchTargets(OrmLevel *p){
  OrmErr *pErr = &p->pPlan->err;
  TargetSink sink;
  int n = p->target.nKey;
  if( !ormGrow(pErr, &p->aTargetRow, &p->nTargetAlloc, n + 1, sizeof(int)) ){
    return;
  }
  for(int i=0; i<n; i++) p->aTargetRow[i] = -1;
  if( n==0 ) return;
  memset(&sink, 0, sizeof(sink));
  sink.base.pErr = pErr;
  sink.p = p;
  if( ormFetchIsMost(p, n) ){
    sink.base.xRow = targetByScan;
    ormFetchRun(p, ORM_FETCH_SCAN, 0, &sink.base);
  }else{
    targetsByKey(p, &sink);
  }
}

/* ------------------------------------------------------------------------
** Groups
*/

/* The rows of each group, one group after the other. */
static void linkGroups(OrmLevel *p){
  if( p->nPair==0 ){
    for(int i=0; i<p->nGroup; i++) p->aHead[i] = p->aTail[i] = 0;
    return;
  }
  if( !ormGroupsPart(p, p->nPair, &p->aPair[0].iGroup,
                     sizeof(struct OrmPair)) ) return;
  for(int i=0; i<p->nPair; i++){
    int iRow = p->aTargetRow[p->aPair[i].iTarget];
    if( iRow>=0 ) p->aLinkRow[p->aTail[p->aPair[i].iGroup]++] = iRow;
  }
  for(int i=0; i<p->nGroup; i++){
    int n = p->aTail[i] - p->aHead[i];
    p->aTail[i] = p->aHead[i] + ormSortDistinct(&p->aLinkRow[p->aHead[i]], n);
  }
}

/* The rows of all groups.  0 if they have to be fetched in another way: keys
** that are no integers for targets that are to come in the order of their
** integer keys, or whose keys might be integers all the same. */
int ormPairsFetch(OrmLevel *p, int bScan){
  PairSink sink;
  p->bWhole = (u8)fetchPairs(p, bScan, &sink);
  if( (sink.bOdd && (p->bNatural || p->bLinkInteger))
   || (p->bLinkAsk && ormFetchTexts(p, ORM_FETCH_LINK_TEXTS, 0))
  ){
    p->bWhole = 0;
    return 0;
  }
  fetchTargets(p);
  if( p->pPlan->err.rc==SQLITE_OK ) linkGroups(p);
  p->bLinks = 1;
  p->bDistinct = 1;
  return 1;
}
