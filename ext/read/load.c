/*
** The eager loader: the rows of every level, loaded for all rows of the level
** above at once.  The number of statements depends on the tree of includes and
** on the number of batches, never on the number of rows.
*/
#include "load.h"

#define TEXT_CHUNK 1000000      /* a new text buffer is begun beyond this     */
#define KEEP_BYTES 65536        /* a released plan keeps arrays up to this    */

int ormGrow(OrmErr *pErr, void *ppArray, i64 *pnAlloc, i64 n, int nElem){
  void **pp = (void**)ppArray;
  void *pNew;
  i64 nNew;
  if( pErr->rc ) return 0;
  if( n<=*pnAlloc ) return 1;
  nNew = *pnAlloc ? *pnAlloc*2 : 16;
  if( nNew<n ) nNew = n;
  pNew = sqlite3_realloc64(*pp, (u64)nNew*(u64)nElem);
  if( pNew==0 ){
    ormErrOom(pErr);
    return 0;
  }
  *pp = pNew;
  *pnAlloc = nNew;
  return 1;
}

/* ------------------------------------------------------------------------
** Values and maps of values
*/

/* Keep a value until the run's memory goes. */
void ormKeepValue(OrmPlan *pPlan, struct OrmBind *p, sqlite3_value *pVal){
  p->eType = (u8)sqlite3_value_type(pVal);
  p->n = 0;
  p->u.i = 0;
  switch( p->eType ){
    case SQLITE_INTEGER: p->u.i = sqlite3_value_int64(pVal);  return;
    case SQLITE_FLOAT:   p->u.r = sqlite3_value_double(pVal); return;
    case SQLITE_NULL:    return;
    default: {
      const char *z = p->eType==SQLITE_TEXT
                    ? (const char*)sqlite3_value_text(pVal)
                    : (const char*)sqlite3_value_blob(pVal);
      int n = sqlite3_value_bytes(pVal);
      char *zCopy;
      if( z==0 && n>0 ) ormErrOom(&pPlan->err);
      zCopy = ormArenaText(&pPlan->run, z ? z : "", z ? n : 0);
      if( zCopy==0 ) p->eType = SQLITE_NULL;
      p->u.z = zCopy;
      p->n = zCopy ? n : 0;
    }
  }
}

/* A whole number is an integer, whatever it is stored as. */
static struct OrmBind normal(const struct OrmBind *p){
  struct OrmBind v = *p;
  if( v.eType==SQLITE_FLOAT && v.u.r>=-9e18 && v.u.r<=9e18
   && (double)(i64)v.u.r==v.u.r
  ){
    v.eType = SQLITE_INTEGER;
    v.u.i = (i64)p->u.r;
  }
  return v;
}

static u32 valueHash(u32 h, const struct OrmBind *p){
  if( p->eType==SQLITE_TEXT || p->eType==SQLITE_BLOB ){
    for(int i=0; i<p->n; i++) h = (h ^ (u8)p->u.z[i]) * 16777619u;
  }else{
    u64 u = (u64)p->u.i * 0x9e3779b97f4a7c15u;
    h = (h ^ (u32)(u>>32)) * 16777619u;
  }
  return h ^ (h>>15);
}

static int valueSame(const struct OrmBind *a, const struct OrmBind *b){
  if( a->eType!=b->eType ) return 0;
  if( a->eType==SQLITE_TEXT || a->eType==SQLITE_BLOB ){
    return a->n==b->n && memcmp(a->u.z, b->u.z, (size_t)a->n)==0;
  }
  return a->u.i==b->u.i;
}

static void mapReset(OrmMap *p, int nCol){
  p->nCol = nCol;
  p->nKey = 0;
  if( p->aHash ) memset(p->aHash, 0, sizeof(int)*((size_t)p->mHash + 1));
}

static void mapFree(OrmMap *p){
  sqlite3_free(p->aKey);
  sqlite3_free(p->aHash);
  memset(p, 0, sizeof(*p));
}

/* Slot of the hash table for a key of normal values: its own, or a free one. */
static u32 mapSlot(const OrmMap *p, const struct OrmBind *aVal){
  u32 h = 2166136261u;
  for(int i=0; i<p->nCol; i++) h = valueHash(h, &aVal[i]);
  for(h &= p->mHash; p->aHash[h]; h = (h + 1) & p->mHash){
    const struct OrmBind *aKey = &p->aKey[(i64)(p->aHash[h] - 1)*p->nCol];
    int i = 0;
    while( i<p->nCol && valueSame(&aKey[i], &aVal[i]) ) i++;
    if( i==p->nCol ) break;
  }
  return h;
}

/* A larger hash table, filled from the keys. */
static int mapRehash(OrmErr *pErr, OrmMap *p){
  u32 nNew = p->aHash ? (p->mHash + 1)*2 : 32;
  int *aNew = sqlite3_malloc64(sizeof(int)*(u64)nNew);
  if( aNew==0 ){
    ormErrOom(pErr);
    return 0;
  }
  memset(aNew, 0, sizeof(int)*(size_t)nNew);
  sqlite3_free(p->aHash);
  p->aHash = aNew;
  p->mHash = nNew - 1;
  for(int i=0; i<p->nKey; i++){
    aNew[mapSlot(p, &p->aKey[(i64)i*p->nCol])] = i + 1;
  }
  return 1;
}

/* The number of a key, which is added if it is new; -1 if a value is NULL, or
** out of memory. */
static int mapAdd(OrmErr *pErr, OrmMap *p, const struct OrmBind *aVal){
  struct OrmBind a[ORM_MAX_KEY];
  u32 h;
  for(int i=0; i<p->nCol; i++){
    if( aVal[i].eType==SQLITE_NULL ) return -1;
    a[i] = normal(&aVal[i]);
  }
  if( p->aHash==0 || (u32)p->nKey*2>p->mHash ){
    if( pErr->rc || !mapRehash(pErr, p) ) return -1;
  }
  h = mapSlot(p, a);
  if( p->aHash[h]==0 ){
    if( !ormGrow(pErr, &p->aKey, &p->nAlloc, (i64)(p->nKey + 1)*p->nCol,
                 sizeof(*p->aKey)) ) return -1;
    memcpy(&p->aKey[(i64)p->nKey*p->nCol], a, sizeof(*a)*(size_t)p->nCol);
    p->aHash[h] = ++p->nKey;
  }
  return p->aHash[h] - 1;
}

/* The number of a key, or -1. */
static int mapFind(const OrmMap *p, const struct OrmBind *aVal){
  struct OrmBind a[ORM_MAX_KEY];
  if( p->nKey==0 ) return -1;
  for(int i=0; i<p->nCol; i++){
    if( aVal[i].eType==SQLITE_NULL ) return -1;
    a[i] = normal(&aVal[i]);
  }
  return p->aHash[mapSlot(p, a)] - 1;
}

/* ------------------------------------------------------------------------
** Rows of a level
*/

static void rowsFree(OrmLevel *p){
  for(int i=0; i<p->nTextAlloc; i++) ormBufFree(&p->aText[i]);
  for(int i=0; i<p->nSlot; i++){
    sqlite3_free(p->aSlot[i].a);
    p->aSlot[i].a = 0;
    p->aSlot[i].nAlloc = 0;
  }
  sqlite3_free(p->aText);   p->aText = 0;   p->nTextAlloc = 0;
  sqlite3_free(p->aRow);    p->aRow = 0;    p->nRowAlloc = 0;
  sqlite3_free(p->aHead);   p->aHead = 0;   p->nHeadAlloc = 0;
  sqlite3_free(p->aTail);   p->aTail = 0;
  sqlite3_free(p->aGroup);  p->aGroup = 0;  p->nGroupAlloc = 0;
  sqlite3_free(p->aLink);   p->aLink = 0;   p->nLinkAlloc = 0;
  sqlite3_free(p->aSelf);   p->aSelf = 0;   p->nSelfAlloc = 0;
  sqlite3_free(p->aMe);     p->aMe = 0;     p->nMeAlloc = 0;
  sqlite3_free(p->aStart);  p->aStart = 0;  p->nStartAlloc = 0;
  sqlite3_free(p->abOnPath);  p->abOnPath = 0;  p->nOnPathAlloc = 0;
  mapFree(&p->map);
  mapFree(&p->ident);
}

/* No rows; the memory stays for the next ones. */
static void rowsReset(OrmLevel *p){
  for(int i=0; i<p->nText; i++) ormBufReset(&p->aText[i]);
  for(int i=0; i<p->nSlot; i++) p->aSlot[i].bOdd = 0;
  p->nText = 0;
  p->nRow = p->nLink = p->nGroup = 0;
  p->nByte = 0;
  p->bPlain = p->bLinks = p->bDistinct = 0;
}

/* Forget the rows of a level and of all below; bFree: the memory too, which
** goes anyway when it is much. */
void ormLevelReset(OrmLevel *p, int bFree){
  OrmLevel *pChild;
  i64 nHeld = p->nRowAlloc*(i64)sizeof(OrmRow) + p->nHeadAlloc*8
            + p->map.nAlloc*(i64)sizeof(struct OrmBind);
  for(int i=0; i<p->nTextAlloc; i++) nHeld += p->aText[i].nAlloc;
  rowsReset(p);
  if( bFree || nHeld>KEEP_BYTES ) rowsFree(p);
  for(pChild=p->pChild; pChild; pChild=pChild->pNext){
    ormLevelReset(pChild, bFree);
  }
}

/* The buffer for the next row's text; 0 and out of memory. */
static OrmBuf *rowBuf(OrmLevel *p){
  OrmErr *pErr = &p->pPlan->err;
  if( p->nText>0 && p->aText[p->nText-1].n<TEXT_CHUNK ){
    return &p->aText[p->nText-1];
  }
  if( p->nText>=p->nTextAlloc ){
    i64 nAlloc = p->nTextAlloc;
    if( !ormGrow(pErr, &p->aText, &nAlloc, p->nText + 1, sizeof(OrmBuf)) ){
      return 0;
    }
    for(int i=p->nTextAlloc; i<nAlloc; i++) ormBufInit(&p->aText[i], pErr);
    p->nTextAlloc = (int)nAlloc;
  }
  if( p->nText>0 ) ormBufReserve(&p->aText[p->nText], TEXT_CHUNK + 4000);
  return &p->aText[p->nText++];
}

/* Put row iRow at the end of a group. */
static void groupAppend(OrmLevel *p, int iGroup, int iRow){
  if( p->aHead[iGroup]<0 ) p->aHead[iGroup] = iRow;
  else p->aRow[p->aTail[iGroup]].iNext = iRow;
  p->aTail[iGroup] = iRow;
}

/* A row has come: apVal are its object's values.  iGroup<0: of no group. */
void ormLevelAddRow(OrmLevel *p, sqlite3_value **apVal, int iGroup){
  OrmPlan *pPlan = p->pPlan;
  OrmBuf *pBuf = rowBuf(p);
  OrmRow *pRow;
  i64 iStart;
  if( pBuf==0 || p->nRow==INT32_MAX
   || !ormGrow(&pPlan->err, &p->aRow, &p->nRowAlloc, p->nRow + 1, sizeof(*pRow))
  ){
    ormErr(&pPlan->err, SQLITE_TOOBIG, "orm: too many objects for one result");
    return;
  }
  iStart = pBuf->n;
  ormObjectFields(p, pBuf, apVal);
  for(int i=0; i<p->nSlot; i++){
    OrmSlot *pSlot = &p->aSlot[i];
    i64 iVal = (i64)p->nRow*pSlot->n;
    if( !ormGrow(&pPlan->err, &pSlot->a, &pSlot->nAlloc, iVal + pSlot->n,
                 sizeof(*pSlot->a)) ) return;
    for(int j=0; j<pSlot->n; j++){
      ormKeepValue(pPlan, &pSlot->a[iVal + j], apVal[pSlot->aVal[j]]);
    }
  }
  pRow = &p->aRow[p->nRow];
  pRow->iText = (u32)(p->nText - 1);
  pRow->iOff = (u32)iStart;
  pRow->n = (u32)(pBuf->n - iStart);
  pRow->iNext = -1;
  p->nByte += pRow->n;
  if( iGroup>=0 ) groupAppend(p, iGroup, p->nRow);
  p->nRow++;
}

/* ------------------------------------------------------------------------
** Groups: what the rows of the parent ask for
*/

static int sameFields(const OrmSlot *pSlot, const OrmModel *pModel){
  return pSlot->n==pModel->nKey
      && memcmp(pSlot->aField, pModel->aKey, sizeof(int)*(size_t)pSlot->n)==0;
}

/* Empty groups up to n. */
static void groupsGrow(OrmLevel *p, int n){
  OrmErr *pErr = &p->pPlan->err;
  i64 nAlloc = p->nHeadAlloc;
  if( !ormGrow(pErr, &p->aHead, &nAlloc, n, sizeof(int)) ) return;
  if( !ormGrow(pErr, &p->aTail, &p->nHeadAlloc, n, sizeof(int)) ) return;
  for(int i=p->nGroup; i<n; i++) p->aHead[i] = p->aTail[i] = -1;
  if( n>p->nGroup ) p->nGroup = n;
}

/* The group of each row of a slot from iFirst on, to aGroup. */
static void groupsOf(OrmLevel *p, const OrmSlot *pSlot, int iFirst, int nRow,
                     int *aGroup){
  for(int i=0; i<nRow; i++){
    aGroup[i] = mapAdd(&p->pPlan->err, &p->map,
                       &pSlot->a[(i64)(iFirst + i)*pSlot->n]);
  }
}

/* Groups for nRow rows of the parent.  Rows that are all different by their
** key are a group each. */
static void groupsMake(OrmLevel *p, int iFirst, int nRow){
  OrmLevel *pParent = p->pParent;
  const OrmSlot *pSlot = &pParent->aSlot[p->iSlot];
  rowsReset(p);
  mapReset(&p->map, pSlot->n);
  p->iFirst = iFirst;
  if( pParent->bDistinct && sameFields(pSlot, pParent->pModel)
   && !p->pQuery->bRecursive
  ){
    p->bPlain = 1;
    groupsGrow(p, nRow);
    return;
  }
  if( !ormGrow(&p->pPlan->err, &p->aGroup, &p->nGroupAlloc, nRow,
               sizeof(int)) ) return;
  groupsOf(p, pSlot, iFirst, nRow, p->aGroup);
  groupsGrow(p, p->map.nKey);
}

/* The keys of groups from iGroup on. */
static void groupKeys(OrmLevel *p, int iGroup, OrmKeys *pKeys){
  const OrmSlot *pSlot = &p->pParent->aSlot[p->iSlot];
  memset(pKeys, 0, sizeof(*pKeys));
  pKeys->nCol = pSlot->n;
  pKeys->nKey = p->nGroup - iGroup;
  pKeys->aBind = p->bPlain ? &pSlot->a[(i64)(p->iFirst + iGroup)*pSlot->n]
                           : &p->map.aKey[(i64)iGroup*pSlot->n];
}

/* ------------------------------------------------------------------------
** Fetching
*/
typedef struct RowSink RowSink;
struct RowSink {
  OrmSink base;
  OrmLevel *p;
  int iGroup;                   /* of the list's first key                    */
  int *aSeen;                   /* rows so far of each group, where we limit  */
  i64 iLimit, iOffset;
};

static void sinkInit(RowSink *pSink, OrmLevel *p,
                     void (*xRow)(OrmSink*, int, sqlite3_value**)){
  memset(pSink, 0, sizeof(*pSink));
  pSink->base.xRow = xRow;
  pSink->base.pErr = &p->pPlan->err;
  pSink->p = p;
  pSink->iLimit = p->pRel && !p->pRel->bMany ? 1 : p->pQuery->iLimit;
  pSink->iOffset = p->pRel && !p->pRel->bMany ? 0 : p->pQuery->iOffset;
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
  if( sinkWants(pSink, i) ){
    ormLevelAddRow(pSink->p, &apVal[1], pSink->iGroup + i);
  }
}

/* A row whose first values are the columns that join. */
static void rowByScan(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  RowSink *pSink = (RowSink*)pBase;
  OrmLevel *p = pSink->p;
  struct OrmBind aVal[ORM_MAX_KEY];
  int n = p->map.nCol;
  int iGroup;
  ORM_UNUSED(nVal);
  for(int i=0; i<n; i++){
    aVal[i].eType = (u8)sqlite3_value_type(apVal[i]);
    switch( aVal[i].eType ){
      case SQLITE_INTEGER: aVal[i].u.i = sqlite3_value_int64(apVal[i]);  break;
      case SQLITE_FLOAT:   aVal[i].u.r = sqlite3_value_double(apVal[i]); break;
      case SQLITE_NULL:    return;
      case SQLITE_TEXT:
        aVal[i].u.z = (const char*)sqlite3_value_text(apVal[i]);
        aVal[i].n = sqlite3_value_bytes(apVal[i]);
        break;
      default:
        aVal[i].u.z = (const char*)sqlite3_value_blob(apVal[i]);
        aVal[i].n = sqlite3_value_bytes(apVal[i]);
    }
  }
  iGroup = mapFind(&p->map, aVal);
  if( iGroup<pSink->iGroup ) return;
  if( sinkWants(pSink, iGroup - pSink->iGroup) ){
    ormLevelAddRow(p, &apVal[n], iGroup);
  }
}

/* Run a statement of a level over a list of keys (0: it has none). */
static void fetchRun(OrmLevel *p, int eFetch, OrmKeys *pKeys, OrmSink *pSink){
  OrmPlan *pPlan = p->pPlan;
  OrmStmt *pStmt = ormFetchTake(p, eFetch);
  if( pKeys ) ormKeysBind(&pPlan->err, pStmt, 1, pKeys);
  ormEmitRun(pPlan->pOrm, &pPlan->err, pStmt, pSink);
  ormFetchGive(p, pStmt);
  if( pKeys && pPlan->err.rc==SQLITE_OK ) ormKeysCheck(&pPlan->err, pKeys);
}

/* Scan with the columns compared by us. */
static void fetchScan(OrmLevel *p, RowSink *pSink){
  if( p->bPlain ){
    const OrmSlot *pSlot = &p->pParent->aSlot[p->iSlot];
    for(int i=0; i<p->nGroup; i++){
      mapAdd(&p->pPlan->err, &p->map, &pSlot->a[(i64)(p->iFirst + i)*pSlot->n]);
    }
    if( p->map.nKey!=p->nGroup ){       /* a key that is NULL: no plain list  */
      ormErr(&p->pPlan->err, SQLITE_CORRUPT, "orm: two rows of %s have one key",
             p->pParent->pModel->zName);
      return;
    }
  }
  pSink->base.xRow = rowByScan;
  sinkCount(pSink);
  fetchRun(p, ORM_FETCH_SCAN, 0, &pSink->base);
}

/* The rows of the groups from iGroup on. */
static void fetchGroups(OrmLevel *p, int iGroup){
  RowSink sink;
  OrmKeys keys;
  if( p->pPlan->err.rc || p->nGroup<=iGroup ) return;
  groupKeys(p, iGroup, &keys);
  sinkInit(&sink, p, rowByKey);
  sink.iGroup = iGroup;
  if( p->bMap ){
    fetchRun(p, ORM_FETCH_KEYS, &keys, &sink.base);
    p->bDistinct = 1;
  }else if( p->bIndexed && !p->bWide ){
    fetchRun(p, ORM_FETCH_EACH, &keys, &sink.base);
  }else if( !p->bIndexed && p->bHash && !p->bViaParent && !p->pRel->zSecondary
         && !p->bPlain ){
    fetchScan(p, &sink);
  }else{
    sinkCount(&sink);
    fetchRun(p, ORM_FETCH_JOIN, &keys, &sink.base);
  }
  sqlite3_free(sink.aSeen);
}

/* ------------------------------------------------------------------------
** Includes that recur
*/

/* Identities of a slot's rows from iFirst on. */
static void identities(OrmLevel *p, const OrmSlot *pSlot, int iFirst, int nRow,
                       int *aMe){
  for(int i=0; i<nRow; i++){
    aMe[i] = mapAdd(&p->pPlan->err, &p->ident,
                    &pSlot->a[(i64)(iFirst + i)*pSlot->n]);
    /* A key that is NULL: a row that never comes again. */
    if( aMe[i]<0 ) aMe[i] = 0;
  }
}

static void loadRecursive(OrmLevel *p, int iFirst, int nRow){
  OrmErr *pErr = &p->pPlan->err;
  const OrmSlot *pSlot = &p->pParent->aSlot[p->iParentIdent];
  struct OrmBind nobody = { SQLITE_BLOB, 0, { 0 } };
  struct OrmBind aNobody[ORM_MAX_KEY];
  int nDone = 0, nGroup = 0;
  int nDepth = p->pQuery->nDepth;
  groupsMake(p, iFirst, nRow);
  mapReset(&p->ident, pSlot->n);
  nobody.u.z = "";
  for(int i=0; i<ORM_MAX_KEY; i++) aNobody[i] = nobody;
  mapAdd(pErr, &p->ident, aNobody);
  if( !ormGrow(pErr, &p->aStart, &p->nStartAlloc, nRow, sizeof(int)) ) return;
  identities(p, pSlot, iFirst, nRow, p->aStart);
  for(int iDepth=1; nGroup<p->nGroup && pErr->rc==SQLITE_OK; iDepth++){
    int iGroup = nGroup;
    nGroup = p->nGroup;
    if( nDepth>0 && iDepth>nDepth ) break;
    fetchGroups(p, iGroup);
    if( !ormGrow(pErr, &p->aMe, &p->nMeAlloc, p->nRow, sizeof(int))
     || !ormGrow(pErr, &p->aSelf, &p->nSelfAlloc, p->nRow, sizeof(int))
    ) return;
    identities(p, &p->aSlot[p->iIdent], nDone, p->nRow - nDone,
               &p->aMe[nDone]);
    groupsOf(p, &p->aSlot[p->iSelf], nDone, p->nRow - nDone, &p->aSelf[nDone]);
    nDone = p->nRow;
    groupsGrow(p, p->map.nKey);
  }
  if( ormGrow(pErr, &p->abOnPath, &p->nOnPathAlloc, p->ident.nKey, 1) ){
    memset(p->abOnPath, 0, (size_t)p->ident.nKey);
  }
}

/* ------------------------------------------------------------------------
** The tree
*/

/* Load what the rows iFirst.. of a level include, to all depths. */
void ormLevelChildren(OrmLevel *pParent, int iFirst, int nRow){
  OrmLevel *p;
  for(p=pParent->pChild; p && pParent->pPlan->err.rc==SQLITE_OK; p=p->pNext){
    if( p->pQuery->bRecursive ){
      loadRecursive(p, iFirst, nRow);
    }else{
      groupsMake(p, iFirst, nRow);
      fetchGroups(p, 0);
    }
    if( p->nRow>0 ) ormLevelChildren(p, 0, p->nRow);
  }
}

/* ------------------------------------------------------------------------
** Roots
*/

/* A row of the root, none of whose values says where it belongs. */
static void rowOfRoot(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  ORM_UNUSED(nVal);
  ormLevelAddRow(((RowSink*)pBase)->p, apVal, -1);
}

/* The rows that the query asks for. */
static void rootRows(OrmLevel *p){
  RowSink sink;
  ormLevelReset(p, 0);
  sinkInit(&sink, p, rowOfRoot);
  fetchRun(p, ORM_FETCH_ROOT, 0, &sink.base);
  p->bDistinct = 1;
}

static void rootObjects(OrmLevel *p, OrmBuf *pOut){
  ormBufChar(pOut, '[');
  for(int i=0; i<p->nRow && p->pPlan->err.rc==SQLITE_OK; i++){
    if( i ) ormBufChar(pOut, ',');
    ormObjectText(p, i, pOut);
  }
  ormBufChar(pOut, ']');
}

i64 ormLoadAll(Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan, OrmBuf *pOut){
  OrmLevel *p = pPlan->pRoot;
  ORM_UNUSED(pOrm);
  if( pErr->rc ) return 0;
  rootRows(p);
  if( p->nRow>0 ) ormLevelChildren(p, 0, p->nRow);
  rootObjects(p, pOut);
  ormPlanLeave(pPlan, pErr);
  return p->nRow;
}

i64 ormLoadFirst(Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan, OrmBuf *pOut){
  OrmLevel *p = pPlan->pRoot;
  ORM_UNUSED(pOrm);
  if( pErr->rc ) return 0;
  rootRows(p);
  if( p->nRow>0 ) ormLevelChildren(p, 0, 1);
  if( p->nRow>0 && pPlan->err.rc==SQLITE_OK ) ormObjectText(p, 0, pOut);
  ormPlanLeave(pPlan, pErr);
  return p->nRow;
}

/* The statement for one object by a key in any form. */
OrmStmt *ormKeyedTake(OrmLevel *p, OrmSql *pSql, sqlite3_value *pKey,
                      int bPull){
  OrmPlan *pPlan = p->pPlan;
  OrmKeyRef key;
  OrmStmt *pStmt;
  if( !ormKeyParse(pPlan->pOrm, &key, &pSql->binds, p->pModel, pKey) ) return 0;
  ormFetchKeyed(p, pSql, &key, bPull);
  if( pPlan->err.rc ) return 0;
  pStmt = ormStmtTake(pPlan->pOrm, &pPlan->err, pSql->buf.z, pSql->buf.n);
  ormBindAll(&pPlan->err, pStmt, pSql->iFirst, &pSql->binds);
  return pStmt;
}

/* One object: an integer for a key of one column needs no parsing. */
static void rootOne(OrmLevel *p, sqlite3_value *pKey){
  OrmPlan *pPlan = p->pPlan;
  RowSink sink;
  OrmStmt *pStmt;
  OrmSql sql;
  int bPlain = p->pModel->nKey==1
            && sqlite3_value_type(pKey)==SQLITE_INTEGER;
  ormSqlInit(&sql, pPlan->pOrm, &pPlan->run, 2);
  sinkInit(&sink, p, rowOfRoot);
  if( bPlain ){
    pStmt = ormFetchTake(p, ORM_FETCH_ONE);
    if( pStmt ) sqlite3_bind_int64(pStmt->p, 2, sqlite3_value_int64(pKey));
  }else{
    pStmt = ormKeyedTake(p, &sql, pKey, 0);
  }
  ormEmitRun(pPlan->pOrm, &pPlan->err, pStmt, &sink.base);
  ormFetchGive(p, pStmt);
  ormSqlFree(&sql);
}

int ormLoadOne(
  Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan, OrmModel *pModel,
  sqlite3_value *pKey, OrmBuf *pOut
){
  OrmLevel *p = pPlan->pRoot;
  int bFound;
  ORM_UNUSED(pOrm);
  if( pErr->rc ) return 0;
  assert( pModel==pPlan->pModel );
  ORM_UNUSED(pModel);
  ormLevelReset(p, 0);
  rootOne(p, pKey);
  bFound = p->nRow>0;
  p->bDistinct = 1;
  if( bFound ) ormLevelChildren(p, 0, p->nRow);
  if( bFound && pPlan->err.rc==SQLITE_OK ) ormObjectText(p, 0, pOut);
  ormPlanLeave(pPlan, pErr);
  return bFound && pErr->rc==SQLITE_OK;
}

/* A row of the root whose first value is the position of its key. */
static void rowOfRootKey(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  OrmLevel *p = ((RowSink*)pBase)->p;
  ORM_UNUSED(nVal);
  if( !ormGrow(&p->pPlan->err, &p->aMe, &p->nMeAlloc, p->nRow + 1,
               sizeof(int)) ) return;
  p->aMe[p->nRow] = sqlite3_value_int(apVal[0]);
  ormLevelAddRow(p, &apVal[1], -1);
}

/* The rows of a list of keys and all that they include. */
static void rootKeys(OrmLevel *p, const OrmKeys *pKeys){
  OrmKeys keys = *pKeys;
  RowSink sink;
  ormLevelReset(p, 0);
  if( keys.nKey==0 ) return;
  sinkInit(&sink, p, rowOfRootKey);
  fetchRun(p, ORM_FETCH_KEYS, &keys, &sink.base);
  if( p->nRow>0 ) ormLevelChildren(p, 0, p->nRow);
}

i64 ormLoadKeys(
  Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan, const OrmKeys *pKeys, OrmBuf *pOut
){
  OrmLevel *p = pPlan->pRoot;
  ORM_UNUSED(pOrm);
  if( pErr->rc ) return 0;
  rootKeys(p, pKeys);
  rootObjects(p, pOut);
  ormPlanLeave(pPlan, pErr);
  return p->nRow;
}

void ormLoadEach(
  Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan, const OrmKeys *pKeys,
  OrmObject xObject, void *pArg
){
  OrmLevel *p = pPlan->pRoot;
  OrmBuf buf;
  ORM_UNUSED(pOrm);
  if( pErr->rc ) return;
  ormBufInit(&buf, &pPlan->err);
  rootKeys(p, pKeys);
  for(int i=0; i<p->nRow && pPlan->err.rc==SQLITE_OK; i++){
    ormBufReset(&buf);
    ormObjectText(p, i, &buf);
    if( pPlan->err.rc==SQLITE_OK ) xObject(pArg, p->aMe[i], buf.z, buf.n);
  }
  ormBufFree(&buf);
  ormPlanLeave(pPlan, pErr);
}

i64 ormLoadRootKeys(Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan, OrmBinds *pOut){
  OrmLevel *p = pPlan->pRoot;
  int nKey = p->pModel->nKey;
  i64 n = 0;
  OrmStmt *pStmt;
  if( pErr->rc ) return 0;
  pStmt = ormFetchTake(p, ORM_FETCH_ROOT_KEYS);
  while( ormStmtStep(pOrm, &pPlan->err, pStmt) && pErr->rc==SQLITE_OK ){
    for(int i=0; i<nKey; i++){
      ormBindValue(pOut, sqlite3_column_value(pStmt->p, i));
    }
    n++;
  }
  ormFetchGive(p, pStmt);
  ormPlanLeave(pPlan, pErr);
  return n;
}

/* The number that a statement of the root gives. */
static i64 rootNumber(OrmErr *pErr, OrmPlan *pPlan, int eFetch){
  OrmLevel *p = pPlan->pRoot;
  OrmStmt *pStmt;
  i64 n = 0;
  if( pErr->rc ) return 0;
  pStmt = ormFetchTake(p, eFetch);
  if( ormStmtStep(pPlan->pOrm, &pPlan->err, pStmt) ){
    n = sqlite3_column_int64(pStmt->p, 0);
  }
  ormFetchGive(p, pStmt);
  ormPlanLeave(pPlan, pErr);
  return n;
}

i64 ormCountRows(Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan){
  ORM_UNUSED(pOrm);
  return rootNumber(pErr, pPlan, ORM_FETCH_COUNT);
}

i64 ormExistsRow(Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan){
  ORM_UNUSED(pOrm);
  return rootNumber(pErr, pPlan, ORM_FETCH_EXISTS);
}

i64 ormCountTotal(Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan){
  ORM_UNUSED(pOrm);
  return rootNumber(pErr, pPlan, ORM_FETCH_TOTAL);
}
