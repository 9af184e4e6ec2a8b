/*
** One object and what it includes.  The rows of an include that includes
** nothing itself go straight to the result: none is kept and copied.
**
** They belong in the order of their key, in which an index of the column that
** joins gives them.  Where more columns stand in the index, or it descends,
** they are put in order when all have come.
*/
#include "load.h"

typedef struct LoneSink LoneSink;
struct LoneSink {
  OrmSink base;
  OrmLevel *p;
  OrmBuf *pOut;
  int iKey;                     /* which of a row's values is its key         */
  u8 bUnsorted;                 /* a row should have come before              */
};

/* A row's text goes to the result, its key and its place to the level. */
static void rowOfLone(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  LoneSink *pSink = (LoneSink*)pBase;
  OrmLevel *p = pSink->p;
  OrmBuf *pOut = pSink->pOut;
  i64 n = pBase->nRow - 1, iStart = pOut->n;
  i64 iKey = sqlite3_value_int64(apVal[pSink->iKey]);
  ORM_UNUSED(nVal);
  if( !ormGrow(pBase->pErr, &p->aLone, &p->nLoneAlloc, n + 1, sizeof(*p->aLone))
   || !ormGrow(pBase->pErr, &p->aRow, &p->nRowAlloc, n + 1, sizeof(*p->aRow))
  ) return;
  ormObjectLeaf(p, pOut, apVal);
  if( pOut->pErr->rc ) ormErrOom(pBase->pErr);
  if( n>0 && iKey<p->aLone[n-1].iKey ) pSink->bUnsorted = 1;
  p->aLone[n].iKey = iKey;
  p->aLone[n].iRow = (int)n;
  p->aRow[n].iOff = (u32)iStart;
  p->aRow[n].n = (u32)(pOut->n - iStart);
}

/* Put the rows in order, whose texts begin at iStart of the result. */
static void inOrder(OrmLevel *p, int n, OrmBuf *pOut, i64 iStart){
  i64 nByte = pOut->n - iStart;
  char *z;
  if( !ormGrow(&p->pPlan->err, &p->zCopy, &p->nCopyAlloc, nByte, 1) ) return;
  memcpy(p->zCopy, &pOut->z[iStart], (size_t)nByte);
  ormSortKeyRows(p->aLone, n);
  z = &pOut->z[iStart];
  for(int i=0; i<n; i++){
    const OrmRow *pRow = &p->aRow[p->aLone[i].iRow];
    memcpy(z, &p->zCopy[pRow->iOff - iStart], pRow->n);
    z += pRow->n;
  }
}

/* May the rows of an include go straight to the result? */
static int isLone(OrmLevel *p){
  return p->pChild==0 && !p->pQuery->bRecursive && !p->bLate && !p->bAsk
      && p->iKeySlot>=0 && ormFetchChoose(p, 0, 1)==ORM_BY_SINGLE;
}

/* Without a group, the key being NULL, there are none. */
static void loneInclude(OrmLevel *p, OrmBuf *pOut){
  LoneSink sink;
  i64 iStart;
  memset(&sink, 0, sizeof(sink));
  sink.base.xRow = rowOfLone;
  sink.base.pErr = &p->pPlan->err;
  sink.p = p;
  sink.pOut = pOut;
  sink.iKey = p->aSlot[p->iKeySlot].aVal[0];
  ormGroupsMake(p, 0, 1);
  ormObjectOpen(p, pOut);
  iStart = pOut->n;
  if( p->nGroup>0 ) ormFetchSingle(p, 0, &sink.base);
  if( sink.bUnsorted ) inOrder(p, (int)sink.base.nRow, pOut, iStart);
  ormObjectClose(pOut);
}

/* Append the object of row 0 of a root; what it includes is not loaded yet. */
void ormLoneObject(OrmLevel *p, OrmBuf *pOut){
  OrmErr *pErr = &p->pPlan->err;
  OrmLevel *pChild;
  ormObjectRow(p, 0, pOut);
  if( p->bLate ){
    ormCountsLoad(p, 0, 1);
    if( pErr->rc || pOut->pErr->rc ) return;
    ormCountsText(p, 0, pOut);
  }
  for(pChild=p->pChild; pChild; pChild=pChild->pNext){
    if( pErr->rc || pOut->pErr->rc ) return;
    if( isLone(pChild) ){
      loneInclude(pChild, pOut);
    }else{
      ormLevelLoad(pChild, 0, 1);
      if( pErr->rc==SQLITE_OK ) ormObjectInclude(pChild, 0, pOut);
    }
  }
  ormBufChar(pOut, '}');
}
