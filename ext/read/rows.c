/*
** The rows of a level while a run loads them, and the groups that they form.
**
** Texts stand one after the other in buffers, each as large as all before it,
** within bounds.  The rows of a group are a list in the order in which they
** came, or stand together in aLinkRow.
*/
#include "load.h"

#define TEXT_CHUNK 1000000      /* a text buffer takes as much, at least,     */
#define TEXT_MOST  32000000     /*   and no row that begins beyond this       */
#define SLACK      4000         /* for the row that goes beyond               */
#define KEEP_BYTES 4000000      /* that all plans of a connection keep        */
#define LAST_MOST  TEXT_MOST    /* memory that is taken at once, as last time */

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
  sqlite3_free(p->aLinkRow);  p->aLinkRow = 0;  p->nLinkAlloc = 0;
  sqlite3_free(p->aFigure); p->aFigure = 0; p->nFigureAlloc = 0;
  sqlite3_free(p->aSelf);   p->aSelf = 0;   p->nSelfAlloc = 0;
  sqlite3_free(p->aMe);     p->aMe = 0;     p->nMeAlloc = 0;
  sqlite3_free(p->aStart);  p->aStart = 0;  p->nStartAlloc = 0;
  sqlite3_free(p->abOnPath);  p->abOnPath = 0;  p->nOnPathAlloc = 0;
  ormMapFree(&p->map);
  ormMapFree(&p->ident);
  ormMapFree(&p->target);
  sqlite3_free(p->aLone);   p->aLone = 0;   p->nLoneAlloc = 0;
  sqlite3_free(p->zCopy);   p->zCopy = 0;   p->nCopyAlloc = 0;
  sqlite3_free(p->aPair);   p->aPair = 0;   p->nPairAlloc = 0;
  sqlite3_free(p->aTargetRow);  p->aTargetRow = 0;  p->nTargetAlloc = 0;
  sqlite3_free(p->aDirect); p->aDirect = 0; p->nDirectAlloc = 0;
}

/* Remember how much there was: growing step by step copies it. */
static void rowsLast(OrmLevel *p){
  const i64 nRow = LAST_MOST/(i64)sizeof(OrmRow);
  const i64 nPair = LAST_MOST/(i64)sizeof(struct OrmBind);
  p->nByteLast = p->nByte<LAST_MOST ? p->nByte : LAST_MOST;
  p->nRowLast = p->nRow<nRow ? p->nRow : (int)nRow;
  p->nPairLast = p->nPair<nPair ? p->nPair : (int)nPair;
}

/* No rows; the memory stays for the next ones. */
static void rowsReset(OrmLevel *p){
  if( p->nRow>0 ) rowsLast(p);
  for(int i=0; i<p->nText; i++) ormBufReset(&p->aText[i]);
  for(int i=0; i<p->nSlot; i++) p->aSlot[i].bOdd = 0;
  p->nText = 0;
  p->nRow = p->nPair = p->nGroup = 0;
  p->nByte = 0;
  p->bPlain = p->bLinks = p->bGather = p->bDistinct = p->bWhole = 0;
}

/* The memory of a level, but for small things. */
static i64 heldBytes(const OrmLevel *p){
  const i64 nBind = (i64)sizeof(struct OrmBind);
  i64 n = p->nRowAlloc*(i64)sizeof(OrmRow) + p->nHeadAlloc*8
        + p->nPairAlloc*(i64)sizeof(*p->aPair)
        + p->nLoneAlloc*(i64)sizeof(*p->aLone) + p->nFigureAlloc*nBind
        + p->nDirectAlloc*(i64)sizeof(*p->aDirect) + p->nCopyAlloc
        + (p->nGroupAlloc + p->nLinkAlloc + p->nTargetAlloc)*4
        + (p->map.nAlloc + p->target.nAlloc + p->ident.nAlloc)*nBind
        + (p->map.nDenseAlloc + p->target.nDenseAlloc)*4;
  for(int i=0; i<p->nTextAlloc; i++) n += p->aText[i].nAlloc;
  for(int i=0; i<p->nSlot; i++) n += p->aSlot[i].nAlloc*nBind;
  return n;
}

/* Forget the rows of a level and of all below; bFree: the memory too.  It stays
** for the next run, as far as all plans keep no more than KEEP_BYTES: what goes
** back to the system comes from it again page by page, which takes longer than
** to write it. */
void ormLevelReset(OrmLevel *p, int bFree){
  Orm *pOrm = p->pPlan->pOrm;
  OrmLevel *pChild;
  i64 nHeld = heldBytes(p);
  rowsReset(p);
  pOrm->nKept -= p->nKept;
  if( bFree || pOrm->nKept + nHeld>KEEP_BYTES ){
    rowsFree(p);
    nHeld = 0;
  }
  p->nKept = nHeld;
  pOrm->nKept += nHeld;
  for(pChild=p->pChild; pChild; pChild=pChild->pNext){
    ormLevelReset(pChild, bFree);
  }
}

/* Does the next row's text go to the buffer that was the last? */
static ORM_INLINE int hasRoom(const OrmBuf *pBuf){
  return pBuf->n<TEXT_CHUNK
      || (pBuf->n<TEXT_MOST && pBuf->n<pBuf->nAlloc - SLACK);
}

/* As much for the next one as for all before: they are few, and so large that
** the system has large pages for them. */
static i64 nextChunk(const OrmLevel *p){
  if( p->nByte<TEXT_CHUNK ) return TEXT_CHUNK + SLACK;
  return (p->nByte<TEXT_MOST ? p->nByte : TEXT_MOST) + SLACK;
}

/* As much memory as the last run needed, before the first row: if there is not
** as much now, this run may need less. */
static void rowsBegin(OrmLevel *p){
  OrmErr err;
  memset(&err, 0, sizeof(err));
  if( p->nByteLast>0 ) ormBufAhead(&p->aText[0], p->nByteLast + SLACK);
  ormGrow(&err, &p->aRow, &p->nRowAlloc, p->nRowLast, sizeof(OrmRow));
  for(int i=0; i<p->nSlot; i++){
    OrmSlot *pSlot = &p->aSlot[i];
    ormGrow(&err, &pSlot->a, &pSlot->nAlloc, (i64)p->nRowLast*pSlot->n,
            sizeof(*pSlot->a));
  }
  ormErrClear(&err);
}

/* The buffer for the next row's text; 0 and out of memory. */
static OrmBuf *rowBuf(OrmLevel *p){
  OrmErr *pErr = &p->pPlan->err;
  if( p->nText>0 && hasRoom(&p->aText[p->nText-1]) ){
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
  if( p->nText==0 ) rowsBegin(p);
  else ormBufReserve(&p->aText[p->nText], nextChunk(p));
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
  if( iGroup>=0 && !p->bGather ){            /* wanted after the text         */
    ORM_PREFETCH(&p->aHead[iGroup]);
    ORM_PREFETCH(&p->aTail[iGroup]);
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
  pRow->iNext = p->bGather ? iGroup : -1;
  p->nByte += pRow->n;
  pPlan->nByte += pRow->n + (i64)sizeof(*pRow);
  if( pPlan->nByteMax>0 && pPlan->nByte>pPlan->nByteMax ){
    pPlan->bOverflow = 1;
    ormErr(&pPlan->err, SQLITE_FULL, "orm: more than scan_memory");
  }
  if( iGroup>=0 && !p->bGather ) groupAppend(p, iGroup, p->nRow);
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
void ormGroupsGrow(OrmLevel *p, int n){
  OrmErr *pErr = &p->pPlan->err;
  i64 nAlloc = p->nHeadAlloc;
  if( !ormGrow(pErr, &p->aHead, &nAlloc, n, sizeof(int)) ) return;
  if( !ormGrow(pErr, &p->aTail, &p->nHeadAlloc, n, sizeof(int)) ) return;
  for(int i=p->nGroup; i<n; i++) p->aHead[i] = p->aTail[i] = -1;
  if( n>p->nGroup ) p->nGroup = n;
}

/* The group of each row of a slot from iFirst on, to aGroup. */
void ormGroupsOf(OrmLevel *p, const OrmSlot *pSlot, int iFirst, int nRow,
                 int *aGroup){
  for(int i=0; i<nRow; i++){
    aGroup[i] = ormMapAdd(&p->pPlan->err, &p->map,
                       &pSlot->a[(i64)(iFirst + i)*pSlot->n]);
  }
}

/* Groups for nRow rows of the parent.  Rows that are all different by their
** key are a group each. */
void ormGroupsMake(OrmLevel *p, int iFirst, int nRow){
  OrmLevel *pParent = p->pParent;
  const OrmSlot *pSlot = &pParent->aSlot[p->iSlot];
  rowsReset(p);
  ormMapReset(&p->map, pSlot->n);
  p->iFirst = iFirst;
  if( pParent->bDistinct && sameFields(pSlot, pParent->pModel)
   && !p->pQuery->bRecursive
  ){
    p->bPlain = 1;
    ormGroupsGrow(p, nRow);
    return;
  }
  if( !ormGrow(&p->pPlan->err, &p->aGroup, &p->nGroupAlloc, nRow,
               sizeof(int)) ) return;
  if( p->pQuery->bRecursive
   || !ormMapDense(&p->pPlan->err, &p->map, &pSlot->a[(i64)iFirst*pSlot->n],
                   nRow, p->aGroup)
  ){
    ormGroupsOf(p, pSlot, iFirst, nRow, p->aGroup);
  }
  ormGroupsGrow(p, p->map.nKey);
}

/*
** Room in aLinkRow for n rows, each of the group that stands at *pGroup and
** every nStep bytes from there: aHead and aTail of each group are where it
** begins, and what is added to it moves aTail.  0 after an error.
*/
int ormGroupsPart(OrmLevel *p, int n, const int *pGroup, i64 nStep){
  int iSum = 0;
  if( !ormGrow(&p->pPlan->err, &p->aLinkRow, &p->nLinkAlloc, n + 1,
               sizeof(int)) ) return 0;
  for(int i=0; i<p->nGroup; i++) p->aTail[i] = 0;
  for(int i=0; i<n; i++){
    p->aTail[*(const int*)(const void*)((const char*)pGroup + i*nStep)]++;
  }
  for(int i=0; i<p->nGroup; i++){
    p->aHead[i] = iSum;
    iSum += p->aTail[i];
    p->aTail[i] = p->aHead[i];
  }
  p->bLinks = 1;
  return 1;
}

/* Where rows come in the order of their table, the last one of a group is far
** away by then: each has kept the number of its group in iNext. */
void ormGroupsGather(OrmLevel *p){
  if( p->pPlan->err.rc || p->nRow==0
   || !ormGroupsPart(p, p->nRow, &p->aRow[0].iNext, sizeof(OrmRow)) ) return;
  for(int i=0; i<p->nRow; i++){
    p->aLinkRow[p->aTail[p->aRow[i].iNext]++] = i;
  }
}

/* The keys of groups from iGroup on. */
void ormGroupKeys(OrmLevel *p, int iGroup, OrmKeys *pKeys){
  const OrmSlot *pSlot = &p->pParent->aSlot[p->iSlot];
  memset(pKeys, 0, sizeof(*pKeys));
  pKeys->nCol = pSlot->n;
  pKeys->nKey = p->nGroup - iGroup;
  if( p->map.nDense && !p->bPlain ){
    pKeys->aInt = &p->map.aInt[iGroup];
    return;
  }
  pKeys->aBind = p->bPlain ? &pSlot->a[(i64)(p->iFirst + iGroup)*pSlot->n]
                           : &p->map.aKey[(i64)iGroup*pSlot->n];
}

