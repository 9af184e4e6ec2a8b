/*
** How the rows of one include are fetched for all its groups.  Which way is
** cheapest depends on what is asked for:
**
**   rows by key     to-one: the distinct keys, in ascending order
**   whole scan      most of the parents are asked for, or no index leads to
**                   the rows: one scan, rows handed to their groups by value
**   sorted rowids   many parents: rowids from the index first, then the rows in
**                   the order in which they are stored
**   for each key    an order or a limit of each: one statement with a subquery
**                   that SQLite runs for each key
**   few             the same without a sort, where an index has the order
**   loose           few parents, in the order of the key: sorted by us
**   single          one parent: without a list of keys
**   links           many-to-many: pairs of keys from the link table, each
**                   target once, put together by us
**   join and sort   what is left: SQLite does all of it
**
** All of them are one or two statements, however many groups there are.
*/
#include "load.h"
#include <stdlib.h>

#define SCAN_MIN   200          /* fewer groups are never worth a scan        */
#define SORT_MIN   24           /* nor rowids to be sorted                    */
#define SCAN_PART  45           /* scan from this share of the parents on, %  */
#define SCAN_ROWS  64           /* and up to so many rows a group             */

typedef struct RowSink RowSink;
struct RowSink {
  OrmSink base;
  OrmLevel *p;
  int iGroup;                   /* of the list's first key                    */
  int *aSeen;                   /* rows so far of each group, where we limit  */
  i64 iLimit, iOffset;
  const int *aGroup;            /* group of each key, where it is not its     */
                                /*   position                                 */
};

/* The columns that join, as they are compared. */
static void convertRow(const OrmLevel *p, sqlite3_value **apVal){
  for(int i=0; p->bConvert && i<p->map.nCol; i++){
    if( p->mConvert>>i & 1 ) sqlite3_value_numeric_type(apVal[i]);
  }
}

static void sinkInit(RowSink *pSink, OrmLevel *p,
                     void (*xRow)(OrmSink*, int, sqlite3_value**)){
  memset(pSink, 0, sizeof(*pSink));
  pSink->base.xRow = xRow;
  pSink->base.pErr = &p->pPlan->err;
  pSink->p = p;
  pSink->iLimit = p->pRel->bMany ? p->pQuery->iLimit : 1;
  pSink->iOffset = p->pRel->bMany ? p->pQuery->iOffset : 0;
}

/* Count the rows of each group, from the sink's first on. */
static void sinkCount(RowSink *pSink){
  OrmLevel *p = pSink->p;
  u64 n = (u64)(p->nGroup - pSink->iGroup) + 1;
  if( pSink->iLimit<0 && pSink->iOffset<=0 ) return;
  pSink->aSeen = sqlite3_malloc64(sizeof(int)*n);
  if( pSink->aSeen==0 ) ormErrOom(&p->pPlan->err);
  else memset(pSink->aSeen, 0, sizeof(int)*(size_t)n);
}

/* Is the group's next row within the limit? */
static int sinkWants(RowSink *pSink, int i){
  int n;
  if( pSink->aSeen==0 ) return 1;
  n = pSink->aSeen[i]++;
  return n>=pSink->iOffset
      && (pSink->iLimit<0 || n - pSink->iOffset<pSink->iLimit);
}

/* A row whose first value is the position of its key. */
static void rowByKey(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  RowSink *pSink = (RowSink*)pBase;
  int i = sqlite3_value_int(apVal[0]);
  ORM_UNUSED(nVal);
  if( !sinkWants(pSink, i) ) return;
  ormLevelAddRow(pSink->p, &apVal[1],
                 pSink->aGroup ? pSink->aGroup[i] : pSink->iGroup + i);
}

/* A row whose first values are the columns that join. */
static void rowByScan(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  RowSink *pSink = (RowSink*)pBase;
  OrmLevel *p = pSink->p;
  int iGroup;
  ORM_UNUSED(nVal);
  convertRow(p, apVal);
  iGroup = ormMapFindRow(&p->map, apVal);
  if( iGroup<pSink->iGroup ) return;
  if( sinkWants(pSink, iGroup - pSink->iGroup) ){
    ormLevelAddRow(p, &apVal[p->map.nCol], iGroup);
  }
}

/* ------------------------------------------------------------------------
** Texts that are to become numbers
*/

/* Does the text '1' have to find the number 1?  Where that depends on the rows,
** it is asked whether they hold any text at all. */
static int hasTexts(OrmLevel *p, int eFetch, OrmKeys *pKeys){
  OrmErr *pErr = &p->pPlan->err;
  OrmStmt *pStmt = ormFetchTake(p, eFetch);
  int bText;
  if( pKeys ) ormKeysBind(pErr, pStmt, 1, pKeys);
  bText = ormStmtStep(p->pPlan->pOrm, pErr, pStmt)
       && sqlite3_column_int(pStmt->p, 0)!=0;
  ormFetchGive(p, pStmt);
  return bText;
}

int ormFetchConverts(OrmLevel *p, OrmKeys *pKeys){
  if( p->bAsk && pKeys==0 && p->pRel->nLocal>1 ) return 1;
  if( p->bAsk ){
    p->bConvert = 0;
    p->bConvert = (u8)hasTexts(p, ORM_FETCH_TEXTS, pKeys);
  }
  return p->bConvert;
}

static void askTexts(OrmLevel *p, int iGroup){
  OrmKeys keys;
  if( !p->bAsk ) return;
  if( p->pRel->nLocal>1 ) ormGroupKeys(p, iGroup, &keys);
  ormFetchConverts(p, p->pRel->nLocal>1 ? &keys : 0);
}

/* ------------------------------------------------------------------------
** Is it worth a scan?
*/

/* Has a table more than nMost rows?  A statement of the level's, whose ?2 is
** nMost, looks no further than that. */
int ormFetchHasMore(OrmLevel *p, int eFetch, i64 nMost){
  OrmErr *pErr = &p->pPlan->err;
  OrmStmt *pStmt = ormFetchTake(p, eFetch);
  int bMore;
  if( pStmt ) sqlite3_bind_int64(pStmt->p, 2, nMost);
  bMore = ormStmtStep(p->pPlan->pOrm, pErr, pStmt)
       && sqlite3_column_int(pStmt->p, 0)!=0;
  ormFetchGive(p, pStmt);
  return bMore;
}

/* Are most of the parents asked for, and not too many rows read in vain?  Rows
** of a link table are counted as they come. */
static int wantScan(OrmLevel *p, i64 n){
  OrmPlan *pPlan = p->pPlan;
  if( n<SCAN_MIN || p->bLimited || pPlan->bNoScan ) return 0;
  if( !p->pParent->bWhole
   && ormFetchHasMore(p, ORM_FETCH_MORE_PARENTS, n*100/SCAN_PART) ){
    return 0;
  }
  return p->pRel->zSecondary
      || !ormFetchHasMore(p, ORM_FETCH_MORE_ROWS, n*SCAN_ROWS);
}

/* The map of the groups' keys, where the groups are the parent's rows. */
static void plainMap(OrmLevel *p){
  const OrmSlot *pSlot = &p->pParent->aSlot[p->iSlot];
  const struct OrmBind *a = &pSlot->a[(i64)p->iFirst*pSlot->n];
  OrmErr *pErr = &p->pPlan->err;
  if( ormMapDenseRows(pErr, &p->map, a, p->nGroup) ) return;
  /* Keys that are NULL or that are there twice cannot be numbered so. */
  for(int i=0; i<p->nGroup && pErr->rc==SQLITE_OK; i++){
    if( ormMapAdd(pErr, &p->map, &a[(i64)i*pSlot->n])!=i ){
      p->bPlain = 0;
      break;
    }
  }
  if( p->bPlain ) return;
  ormMapReset(&p->map, pSlot->n);
  if( !ormGrow(pErr, &p->aGroup, &p->nGroupAlloc, p->nGroup, sizeof(int)) ){
    return;
  }
  ormGroupsOf(p, pSlot, p->iFirst, p->nGroup, p->aGroup);
  p->nGroup = p->map.nKey;
}

/* ------------------------------------------------------------------------
** Rows by value
*/

/* Run a statement of a level over a list of keys (0: it has none). */
void ormFetchRun(OrmLevel *p, int eFetch, OrmKeys *pKeys, OrmSink *pSink){
  OrmPlan *pPlan = p->pPlan;
  OrmStmt *pStmt = ormFetchTake(p, eFetch);
  if( pKeys ) ormKeysBind(&pPlan->err, pStmt, 1, pKeys);
  ormEmitRun(pPlan->pOrm, &pPlan->err, pStmt, pSink);
  ormFetchGive(p, pStmt);
  if( pKeys ) ormKeysCheck(&pPlan->err, pKeys);
}

static void fetchScan(OrmLevel *p, int iGroup){
  RowSink sink;
  if( p->bPlain ) plainMap(p);
  sinkInit(&sink, p, rowByScan);
  sink.iGroup = iGroup;
  sinkCount(&sink);
  ormFetchRun(p, ORM_FETCH_SCAN, 0, &sink.base);
  sqlite3_free(sink.aSeen);
}

static void fetchKeys(OrmLevel *p, int iGroup, int eFetch){
  RowSink sink;
  OrmKeys keys;
  ormGroupKeys(p, iGroup, &keys);
  sinkInit(&sink, p, rowByKey);
  sink.iGroup = iGroup;
  if( eFetch==ORM_FETCH_JOIN ) sinkCount(&sink);
  ormFetchRun(p, eFetch, &keys, &sink.base);
  sqlite3_free(sink.aSeen);
}

/* For each key its rows, which are those of the group aGroup[i]. */
void ormFetchEach(OrmLevel *p, OrmKeys *pKeys, const int *aGroup){
  RowSink sink;
  sinkInit(&sink, p, rowByKey);
  sink.aGroup = aGroup;
  ormFetchRun(p, ORM_FETCH_EACH, pKeys, &sink.base);
}

/* The rows of the only group. */
static void fetchSingle(OrmLevel *p, int iGroup){
  OrmPlan *pPlan = p->pPlan;
  OrmStmt *pStmt = ormFetchTake(p, ORM_FETCH_SINGLE);
  RowSink sink;
  OrmKeys keys;
  ormGroupKeys(p, iGroup, &keys);
  if( keys.aInt ){
    if( pStmt ) sqlite3_bind_int64(pStmt->p, 2, keys.aInt[0]);
  }else{
    OrmBinds binds;
    memset(&binds, 0, sizeof(binds));
    binds.n = keys.nCol;
    binds.a = (struct OrmBind*)(size_t)keys.aBind;
    ormBindAll(&pPlan->err, pStmt, 2, &binds);
  }
  sinkInit(&sink, p, rowByKey);
  sink.iGroup = iGroup;
  ormEmitRun(pPlan->pOrm, &pPlan->err, pStmt, &sink.base);
  ormFetchGive(p, pStmt);
}

/* ------------------------------------------------------------------------
** Rows sorted by us
*/
typedef struct KeyRow { i64 iKey; int iRow; } KeyRow;

static int compareKeyRow(const void *a, const void *b){
  i64 x = ((const KeyRow*)a)->iKey, y = ((const KeyRow*)b)->iKey;
  return x<y ? -1 : x>y;
}

/* Of a few rows. */
static void insertionSort(KeyRow *a, int n){
  for(int i=1; i<n; i++){
    KeyRow row = a[i];
    int j = i;
    for(; j>0 && a[j-1].iKey>row.iKey; j--) a[j] = a[j-1];
    a[j] = row;
  }
}

/* Put the rows of a group in the order of their keys. */
static void sortGroup(OrmLevel *p, int iGroup, int n){
  const struct OrmBind *aKey = p->aSlot[p->iKeySlot].a;
  KeyRow aFew[20], *a = aFew;
  int *pi = &p->aHead[iGroup];
  int i = 0;
  if( n>ORM_COUNT(aFew) && (a = sqlite3_malloc64(sizeof(*a)*(u64)n))==0 ){
    ormErrOom(&p->pPlan->err);
    return;
  }
  for(int iRow=*pi; iRow>=0; iRow=p->aRow[iRow].iNext, i++){
    a[i].iKey = aKey[iRow].u.i;
    a[i].iRow = iRow;
  }
  if( a==aFew ) insertionSort(a, n);
  else qsort(a, (size_t)n, sizeof(*a), compareKeyRow);
  for(i=0; i<n; i++){
    *pi = a[i].iRow;
    pi = &p->aRow[a[i].iRow].iNext;
  }
  *pi = -1;
  p->aTail[iGroup] = a[n-1].iRow;
  if( a!=aFew ) sqlite3_free(a);
}

static void sortGroups(OrmLevel *p, int iGroup){
  const struct OrmBind *aKey = p->aSlot[p->iKeySlot].a;
  for(; iGroup<p->nGroup && p->pPlan->err.rc==SQLITE_OK; iGroup++){
    int n = 0, bSorted = 1;
    i64 iLast = 0;
    for(int i=p->aHead[iGroup]; i>=0; i=p->aRow[i].iNext){
      if( n++ && aKey[i].u.i<iLast ) bSorted = 0;
      iLast = aKey[i].u.i;
    }
    if( !bSorted ) sortGroup(p, iGroup, n);
  }
}

/* ------------------------------------------------------------------------
** Sorted rowids
*/
typedef struct IdSink IdSink;
struct IdSink {
  OrmSink base;
  int n; i64 nIdAlloc, nOfAlloc;
  i64 *aId; int *aOf;           /* rowid and group                            */
  int iGroup;
};

static void idRow(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  IdSink *p = (IdSink*)pBase;
  ORM_UNUSED(nVal);
  if( p->n>=p->nIdAlloc ){
    if( !ormGrow(pBase->pErr, &p->aId, &p->nIdAlloc, (i64)p->n + 1, 8)
     || !ormGrow(pBase->pErr, &p->aOf, &p->nOfAlloc, (i64)p->n + 1, 4) ) return;
  }
  p->aOf[p->n] = p->iGroup + sqlite3_value_int(apVal[0]);
  p->aId[p->n++] = sqlite3_value_int64(apVal[1]);
}

/* One pass of a radix sort, by the byte at iShift of the distance from iMin;
** aCount has 256 zeroes. */
static void radixPass(const i64 *aId, const int *aOf, i64 *aToId, int *aToOf,
                      int n, i64 iMin, int iShift){
  int aCount[256];
  int iSum = 0;
  memset(aCount, 0, sizeof(aCount));
  for(int i=0; i<n; i++) aCount[((u64)aId[i] - (u64)iMin)>>iShift & 255]++;
  for(int i=0; i<256; i++){
    int c = aCount[i];
    aCount[i] = iSum;
    iSum += c;
  }
  for(int i=0; i<n; i++){
    int j = aCount[((u64)aId[i] - (u64)iMin)>>iShift & 255]++;
    aToId[j] = aId[i];
    aToOf[j] = aOf[i];
  }
}

/* Sort rowids and their groups by rowid. */
static void sortIds(OrmErr *pErr, IdSink *p){
  i64 *aId, iMin, iMax;
  int *aOf;
  if( p->n<2 || pErr->rc ) return;
  iMin = iMax = p->aId[0];
  for(int i=1; i<p->n; i++){
    if( p->aId[i]<iMin ) iMin = p->aId[i];
    if( p->aId[i]>iMax ) iMax = p->aId[i];
  }
  aId = sqlite3_malloc64(sizeof(i64)*(u64)p->n);
  aOf = sqlite3_malloc64(sizeof(int)*(u64)p->n);
  if( aId==0 || aOf==0 ) ormErrOom(pErr);
  for(int iShift=0; pErr->rc==SQLITE_OK && iShift<64; iShift+=8){
    i64 *aIdOld = p->aId;
    int *aOfOld = p->aOf;
    if( ((u64)iMax - (u64)iMin)>>iShift==0 ) break;
    radixPass(p->aId, p->aOf, aId, aOf, p->n, iMin, iShift);
    p->aId = aId;  aId = aIdOld;
    p->aOf = aOf;  aOf = aOfOld;
  }
  sqlite3_free(aId);
  sqlite3_free(aOf);
}

static void fetchSorted(OrmLevel *p, int iGroup){
  OrmErr *pErr = &p->pPlan->err;
  IdSink ids;
  RowSink sink;
  OrmKeys keys;
  memset(&ids, 0, sizeof(ids));
  ids.base.xRow = idRow;
  ids.base.pErr = pErr;
  ids.iGroup = iGroup;
  ormGroupKeys(p, iGroup, &keys);
  ormFetchRun(p, ORM_FETCH_ROWIDS, &keys, &ids.base);
  sortIds(pErr, &ids);
  if( ids.n>0 ){
    memset(&keys, 0, sizeof(keys));
    keys.nCol = 1;
    keys.nKey = ids.n;
    keys.aInt = ids.aId;
    sinkInit(&sink, p, rowByKey);
    sink.aGroup = ids.aOf;
    ormFetchRun(p, ORM_FETCH_ROWS, &keys, &sink.base);
  }
  sqlite3_free(ids.aId);
  sqlite3_free(ids.aOf);
}

/* ------------------------------------------------------------------------
** Links
**
** Pairs of group and target come from the link table.  Every target is then
** fetched once, in the order asked for, so that its number among the rows is
** its place in any group.
*/
typedef struct LinkSink LinkSink;
struct LinkSink {
  OrmSink base;
  OrmLevel *p;
  u8 bOdd;                      /* a target's key is no integer               */
  i64 nMost;                    /* a scan gives up beyond so many; 0: never   */
  i64 nValAlloc; struct OrmBind *aVal;       /* of each pair's target         */
};

static void addPair(LinkSink *pSink, int iGroup, sqlite3_value **apVal){
  OrmLevel *p = pSink->p;
  OrmErr *pErr = &p->pPlan->err;
  int nCol = p->target.nCol;
  struct OrmBind *aVal;
  if( p->nPair>=p->nPairAlloc
   && !ormGrow(pErr, &p->aPair, &p->nPairAlloc, (i64)p->nPair + 1,
               sizeof(*p->aPair)) ) return;
  if( (i64)(p->nPair + 1)*nCol>pSink->nValAlloc
   && !ormGrow(pErr, &pSink->aVal, &pSink->nValAlloc, (i64)(p->nPair + 1)*nCol,
               sizeof(*aVal)) ) return;
  aVal = &pSink->aVal[(i64)p->nPair*nCol];
  for(int i=0; i<nCol; i++){
    ormKeepValue(p->pPlan, &aVal[i], apVal[i]);
    if( aVal[i].eType==SQLITE_NULL ) return;
    if( aVal[i].eType!=SQLITE_INTEGER ) pSink->bOdd = 1;
  }
  p->aPair[p->nPair++].iGroup = iGroup;
}

/* Number the targets of all pairs. */
static void numberTargets(LinkSink *pSink){
  OrmLevel *p = pSink->p;
  OrmErr *pErr = &p->pPlan->err;
  int nCol = p->target.nCol;
  int *aNumber = 0;
  i64 nAlloc = 0;
  if( !ormGrow(pErr, &aNumber, &nAlloc, p->nPair + 1, sizeof(int)) ) return;
  if( !ormMapDense(pErr, &p->target, pSink->aVal, p->nPair, aNumber) ){
    for(int i=0; i<p->nPair; i++){
      aNumber[i] = ormMapAdd(pErr, &p->target, &pSink->aVal[(i64)i*nCol]);
    }
  }
  for(int i=0; i<p->nPair; i++) p->aPair[i].iTarget = aNumber[i];
  sqlite3_free(aNumber);
}

/* Position of the key, target's key. */
static void linkByKey(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  LinkSink *pSink = (LinkSink*)pBase;
  ORM_UNUSED(nVal);
  addPair(pSink, sqlite3_value_int(apVal[0]), &apVal[1]);
}

/* The link's own columns, target's key. */
static void linkByScan(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  LinkSink *pSink = (LinkSink*)pBase;
  OrmLevel *p = pSink->p;
  int iGroup;
  ORM_UNUSED(nVal);
  convertRow(p, apVal);
  iGroup = ormMapFindRow(&p->map, apVal);
  if( pSink->nMost>0 && pBase->nRow>pSink->nMost ){
    ormErr(pBase->pErr, SQLITE_ABORT, "orm: too many links for a scan");
  }
  if( iGroup>=0 ) addPair(pSink, iGroup, &apVal[p->map.nCol]);
}

i64 ormFetchMostLinks(const OrmLevel *p, i64 nGroup){
  return p->bIndexed && !p->bConvert ? nGroup*SCAN_ROWS : 0;
}

static void pairsByKey(LinkSink *pSink){
  OrmKeys keys;
  ormGroupKeys(pSink->p, 0, &keys);
  pSink->base.xRow = linkByKey;
  ormFetchRun(pSink->p, ORM_FETCH_LINKS, &keys, &pSink->base);
}

/* All links; where an index finds those of a group, not many more than there
** are groups.  0: they are too many. */
static int pairsByScan(LinkSink *pSink){
  OrmLevel *p = pSink->p;
  OrmErr *pErr = &p->pPlan->err;
  if( p->bPlain ) plainMap(p);
  pSink->nMost = ormFetchMostLinks(p, p->nGroup);
  pSink->base.xRow = linkByScan;
  ormFetchRun(p, ORM_FETCH_LINK_SCAN, 0, &pSink->base);
  if( pErr->rc!=SQLITE_ABORT ) return 1;     /* linkByScan() ended it         */
  ormErrClear(pErr);
  p->nPair = 0;
  pSink->bOdd = 0;
  return 0;
}

/* The pairs of all groups.  Returns 1 if they are from all links. */
static int fetchPairs(OrmLevel *p, int bScan, LinkSink *pSink){
  memset(pSink, 0, sizeof(*pSink));
  pSink->base.pErr = &p->pPlan->err;
  pSink->p = p;
  p->nPair = 0;
  ormMapReset(&p->target, p->pRel->nRemote);
  ormGrow(&p->pPlan->err, &p->aPair, &p->nPairAlloc, p->nPairLast,
          sizeof(*p->aPair));
  ormGrow(&p->pPlan->err, &pSink->aVal, &pSink->nValAlloc,
          (i64)p->nPairLast*p->target.nCol, sizeof(*pSink->aVal));
  if( bScan ) bScan = pairsByScan(pSink);
  if( !bScan ) pairsByKey(pSink);
  if( p->pPlan->err.rc==SQLITE_OK ) numberTargets(pSink);
  sqlite3_free(pSink->aVal);
  pSink->aVal = 0;
  return bScan;
}

/* A target's row: its number is kept. */
static void addTarget(OrmLevel *p, int iTarget, sqlite3_value **apVal){
  if( iTarget<0 ) return;
  p->aTargetRow[iTarget] = p->nRow;
  ormLevelAddRow(p, apVal, -1);
}

static void targetByKey(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  RowSink *pSink = (RowSink*)pBase;
  int i = sqlite3_value_int(apVal[0]);
  ORM_UNUSED(nVal);
  addTarget(pSink->p, pSink->aGroup ? pSink->aGroup[i] : i, &apVal[1]);
}

static void targetByScan(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  OrmLevel *p = ((RowSink*)pBase)->p;
  ORM_UNUSED(nVal);
  addTarget(p, ormMapFindRow(&p->target, apVal), &apVal[p->target.nCol]);
}

/* Targets by a list of their keys, ascending where they are integers. */
static void targetsByKey(OrmLevel *p, RowSink *pSink){
  OrmErr *pErr = &p->pPlan->err;
  OrmMap *pMap = &p->target;
  IdSink ids;
  OrmKeys keys;
  memset(&ids, 0, sizeof(ids));
  memset(&keys, 0, sizeof(keys));
  keys.nCol = pMap->nCol;
  keys.nKey = pMap->nKey;
  keys.aBind = pMap->aKey;
  pSink->base.xRow = targetByKey;
  if( pMap->nDense ){
    keys.aInt = pMap->aInt;
  }else if( p->bNatural ){
    if( !ormGrow(pErr, &ids.aId, &ids.nIdAlloc, pMap->nKey, 8)
     || !ormGrow(pErr, &ids.aOf, &ids.nOfAlloc, pMap->nKey, 4)
    ){
      sqlite3_free(ids.aId);
      return;
    }
    for(int i=0; i<pMap->nKey; i++){
      ids.aId[i] = pMap->aKey[i].u.i;
      ids.aOf[i] = i;
    }
    ids.n = pMap->nKey;
    sortIds(pErr, &ids);
    keys.aInt = ids.aId;
    pSink->aGroup = ids.aOf;
  }
  ormFetchRun(p, ORM_FETCH_KEYS, &keys, &pSink->base);
  sqlite3_free(ids.aId);
  sqlite3_free(ids.aOf);
}

static void fetchTargets(OrmLevel *p){
  OrmErr *pErr = &p->pPlan->err;
  RowSink sink;
  int n = p->target.nKey;
  if( !ormGrow(pErr, &p->aTargetRow, &p->nTargetAlloc, n + 1, sizeof(int)) ){
    return;
  }
  for(int i=0; i<n; i++) p->aTargetRow[i] = -1;
  if( n==0 ) return;
  sinkInit(&sink, p, targetByScan);
  if( n>=SCAN_MIN
   && !ormFetchHasMore(p, ORM_FETCH_MORE_ROWS, (i64)n*100/SCAN_PART)
  ){
    ormFetchRun(p, ORM_FETCH_SCAN, 0, &sink.base);
  }else{
    targetsByKey(p, &sink);
  }
}

/* Sort the rows of a group (they mostly are) and drop those that come twice;
** returns how many are left. */
static int sortLinks(int *a, int n){
  int nKeep = 0;
  for(int i=1; i<n; i++){
    int v = a[i], j = i;
    for(; j>0 && a[j-1]>v; j--) a[j] = a[j-1];
    a[j] = v;
  }
  for(int i=0; i<n; i++){
    if( i==0 || a[i]!=a[i-1] ) a[nKeep++] = a[i];
  }
  return nKeep;
}

static int compareInt(const void *a, const void *b){
  int x = *(const int*)a, y = *(const int*)b;
  return x<y ? -1 : x>y;
}

/* The rows of each group, one group after the other in aLinkRow: aHead is where
** a group begins, aTail where it ends. */
static void linkGroups(OrmLevel *p){
  int iSum = 0;
  if( !ormGrow(&p->pPlan->err, &p->aLinkRow, &p->nLinkAlloc, p->nPair + 1,
               sizeof(int)) ) return;
  for(int i=0; i<p->nGroup; i++) p->aTail[i] = 0;
  for(int i=0; i<p->nPair; i++) p->aTail[p->aPair[i].iGroup]++;
  for(int i=0; i<p->nGroup; i++){
    p->aHead[i] = iSum;
    iSum += p->aTail[i];
    p->aTail[i] = p->aHead[i];
  }
  for(int i=0; i<p->nPair; i++){
    int iRow = p->aTargetRow[p->aPair[i].iTarget];
    if( iRow>=0 ) p->aLinkRow[p->aTail[p->aPair[i].iGroup]++] = iRow;
  }
  for(int i=0; i<p->nGroup; i++){
    int *a = &p->aLinkRow[p->aHead[i]];
    int n = p->aTail[i] - p->aHead[i];
    if( n>50 ) qsort(a, (size_t)n, sizeof(int), compareInt);
    p->aTail[i] = p->aHead[i] + sortLinks(a, n);
  }
}

/* 0 if the rows have to be fetched in another way: keys that are no integers
** for targets that are to come in the order of their integer keys, or whose
** keys might be integers all the same. */
static int fetchLinks(OrmLevel *p, int bScan){
  LinkSink sink;
  p->bWhole = (u8)fetchPairs(p, bScan, &sink);
  if( (sink.bOdd && (p->bNatural || p->bLinkInteger))
   || (p->bLinkAsk && hasTexts(p, ORM_FETCH_LINK_TEXTS, 0))
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

/* ------------------------------------------------------------------------
** The choice
*/

/* Links are for includes of all rows by columns that we may compare. */
static int canLink(const OrmLevel *p){
  return p->pRel->zSecondary && p->bLinkHash && !p->bViaParent && !p->bLimited
      && p->bTargetUnique && !p->pQuery->bRecursive;
}

static int canScan(const OrmLevel *p){
  assert( !p->bHash || !p->bViaParent );
  return p->bHash;
}

/* How the rows of n groups would be fetched; iGroup>0: the later levels of an
** include that recurs. */
int ormFetchChoose(OrmLevel *p, int iGroup, i64 n){
  int bAll = !p->bIndexed || p->bConvert;
  if( p->bMap && !p->bConvert ) return ORM_BY_KEY;
  if( canLink(p) ){
    return canScan(p) && (bAll || wantScan(p, n)) ? ORM_BY_LINK_SCAN
                                                  : ORM_BY_LINKS;
  }
  if( p->pRel->zSecondary ) return p->bWide ? ORM_BY_JOIN : ORM_BY_EACH;
  if( canScan(p) && (bAll || (iGroup==0 && wantScan(p, n))) ){
    return ORM_BY_SCAN;
  }
  if( p->bConvert ) return ORM_BY_JOIN;
  if( p->iKeySlot>=0 && (n>=SORT_MIN || p->bWide) ) return ORM_BY_SORTED;
  if( !p->bIndexed || p->bWide ) return ORM_BY_JOIN;
  if( n==1 && !p->bViaParent && !p->bNoParam ) return ORM_BY_SINGLE;
  if( p->iKeySlot>=0 ) return ORM_BY_LOOSE;
  return p->bFew ? ORM_BY_FEW : ORM_BY_EACH;
}

/* The rows of the groups from iGroup on. */
void ormFetchGroups(OrmLevel *p, int iGroup){
  int n = p->nGroup - iGroup;
  int eBy;
  if( p->pPlan->err.rc || n<=0 ) return;
  askTexts(p, iGroup);
  eBy = ormFetchChoose(p, iGroup, n);
  p->bDistinct = p->bHash && !p->pRel->zSecondary;
  switch( eBy ){
    case ORM_BY_KEY:    fetchKeys(p, iGroup, ORM_FETCH_KEYS); break;
    case ORM_BY_SORTED: fetchSorted(p, iGroup);               break;
    case ORM_BY_EACH:   fetchKeys(p, iGroup, ORM_FETCH_EACH); break;
    case ORM_BY_JOIN:   fetchKeys(p, iGroup, ORM_FETCH_JOIN); break;
    case ORM_BY_FEW:    ormFewFetch(p);                       break;
    case ORM_BY_SCAN:
      fetchScan(p, iGroup);
      p->bWhole = 1;
      break;
    case ORM_BY_LOOSE:
      fetchKeys(p, iGroup, ORM_FETCH_LOOSE);
      sortGroups(p, iGroup);
      break;
    case ORM_BY_SINGLE:
      fetchSingle(p, iGroup);
      if( p->iKeySlot>=0 ) sortGroups(p, iGroup);
      break;
    default:
      if( fetchLinks(p, eBy==ORM_BY_LINK_SCAN) ){
        p->bDistinct = 1;
      }else{
        fetchKeys(p, iGroup, ORM_FETCH_EACH);
      }
  }
}
