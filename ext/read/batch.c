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
**                   target once, put together by us (pairs.c)
**   join and sort   what is left: SQLite does all of it
**
** All of them are one or two statements, however many groups there are.
*/
#include "load.h"

#define JOIN_MIN   4            /* for fewer, SQLite need make no index       */
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

/* The columns that join, as they are compared: where p->bConvert. */
void ormFetchConvertRow(const OrmLevel *p, sqlite3_value **apVal){
  for(int i=0; i<p->map.nCol; i++){
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

/* A row of a scan. */
static void rowByScan(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  RowSink *pSink = (RowSink*)pBase;
  OrmLevel *p = pSink->p;
  int iGroup;
  ORM_UNUSED(nVal);
  if( p->bConvert ) ormFetchConvertRow(p, apVal);
  iGroup = ormMapFindAt(&p->map, apVal, p->aJoin);
  if( iGroup<pSink->iGroup ) return;
  if( sinkWants(pSink, iGroup - pSink->iGroup) ){
    ormLevelAddRow(p, &apVal[p->nLead], iGroup);
  }
}

/* ------------------------------------------------------------------------
** Texts that are to become numbers
*/

/* Does the text '1' have to find the number 1?  Where that depends on the rows,
** it is asked whether they hold any text at all. */
int ormFetchTexts(OrmLevel *p, int eFetch, OrmKeys *pKeys){
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
    p->bConvert = (u8)ormFetchTexts(p, ORM_FETCH_TEXTS, pKeys);
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
  ormBindIntTo(pStmt, 2, nMost);
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

/* Are n of our rows most of the table's? */
int ormFetchIsMost(OrmLevel *p, i64 n){
  return n>=SCAN_MIN
      && !ormFetchHasMore(p, ORM_FETCH_MORE_ROWS, n*100/SCAN_PART);
}

/* The map of the groups' keys, where the groups are the parent's rows. */
void ormFetchPlainMap(OrmLevel *p){
  const OrmSlot *pSlot = &p->pParent->aSlot[p->iSlot];
  const struct OrmBind *a = &pSlot->a[(i64)p->iFirst*pSlot->n];
  OrmErr *pErr = &p->pPlan->err;
  if( !p->bPlain ) return;
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
  ormFetchPlainMap(p);
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

/* A row of the only group. */
static void rowOfSingle(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  RowSink *pSink = (RowSink*)pBase;
  ORM_UNUSED(nVal);
  ormLevelAddRow(pSink->p, apVal, pSink->iGroup);
}

/* The rows of the only group to a sink. */
void ormFetchSingle(OrmLevel *p, int iGroup, OrmSink *pSink){
  OrmPlan *pPlan = p->pPlan;
  OrmStmt *pStmt = ormFetchTake(p, ORM_FETCH_SINGLE);
  OrmKeys keys;
  ormGroupKeys(p, iGroup, &keys);
  if( keys.aInt ){
    ormBindIntTo(pStmt, 2, keys.aInt[0]);
  }else{
    OrmBinds binds;
    memset(&binds, 0, sizeof(binds));
    binds.n = keys.nCol;
    binds.a = (struct OrmBind*)(size_t)keys.aBind;
    ormBindAll(&pPlan->err, pStmt, 2, &binds);
  }
  ormEmitRun(pPlan->pOrm, &pPlan->err, pStmt, pSink);
  ormFetchGive(p, pStmt);
}

static void fetchSingle(OrmLevel *p, int iGroup){
  RowSink sink;
  sinkInit(&sink, p, rowOfSingle);
  sink.iGroup = iGroup;
  ormFetchSingle(p, iGroup, &sink.base);
}

/* ------------------------------------------------------------------------
** Sorted rowids
*/
typedef struct IdSink IdSink;
struct IdSink {
  OrmSink base;
  int iGroup;                   /* of the list's first key                    */
  OrmIds ids;                   /* each is of a group                         */
};

static void idRow(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  IdSink *pSink = (IdSink*)pBase;
  OrmIds *p = &pSink->ids;
  ORM_UNUSED(nVal);
  if( !ormIdsGrow(pBase->pErr, p, (i64)p->n + 1) ) return;
  p->aOf[p->n] = pSink->iGroup + sqlite3_value_int(apVal[0]);
  p->aId[p->n++] = sqlite3_value_int64(apVal[1]);
}

static void fetchSorted(OrmLevel *p, int iGroup){
  OrmErr *pErr = &p->pPlan->err;
  IdSink found;
  OrmIds *pIds = &found.ids;
  RowSink sink;
  OrmKeys keys;
  memset(&found, 0, sizeof(found));
  found.base.xRow = idRow;
  found.base.pErr = pErr;
  found.iGroup = iGroup;
  ormGroupKeys(p, iGroup, &keys);
  ormFetchRun(p, ORM_FETCH_ROWIDS, &keys, &found.base);
  ormSortIds(pErr, pIds);
  if( pIds->n>0 ){
    memset(&keys, 0, sizeof(keys));
    keys.nCol = 1;
    keys.nKey = pIds->n;
    keys.aInt = pIds->aId;
    sinkInit(&sink, p, rowByKey);
    sink.aGroup = pIds->aOf;
    ormFetchRun(p, ORM_FETCH_ROWS, &keys, &sink.base);
  }
  ormIdsFree(pIds);
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
  if( p->bWide ) return ORM_BY_JOIN;
  if( !p->bIndexed ) return n<JOIN_MIN ? ORM_BY_EACH : ORM_BY_JOIN;
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
  p->bGather = (eBy==ORM_BY_SCAN || eBy==ORM_BY_SORTED) && p->pRel->bMany
            && !p->pQuery->bRecursive;
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
      ormSortGroups(p, iGroup);
      break;
    case ORM_BY_SINGLE:
      fetchSingle(p, iGroup);
      if( p->iKeySlot>=0 ) ormSortGroups(p, iGroup);
      break;
    default:
      if( ormPairsFetch(p, eBy==ORM_BY_LINK_SCAN) ){
        p->bDistinct = 1;
      }else{
        fetchKeys(p, iGroup, ORM_FETCH_EACH);
      }
  }
  if( p->bGather ) ormGroupsGather(p);
}
