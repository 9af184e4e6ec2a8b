/*
** The order of the rows that go, inside a component of tables: a row after all
** rows that refer to it (C71), by its height above the deepest of them.
**
** Rows in circles have no height.  References among them that may be let go of
** (set NULL, or a row of a tree made to refer to itself) are let go first; what
** then still goes round can be deleted only where no foreign key acts at once:
** together, under PRAGMA defer_foreign_keys (C80).  Where one does, the delete
** is impossible, whether foreign keys are on or off.
*/
#include "cascade.h"

/* Can the reference of an edge be let go in a row that is deleted next?  Edges
** that follow a reference to what it refers to say nothing new here: where it
** is a foreign key, the other way has its own edge. */
static int mayOpen(const OrmEdge *pEdge){
  return !pEdge->bRefers || pEdge->eOpen!=ORM_OPEN_NOT;
}

/* Does a pair say something about the order?  Rows that are soft-deleted stay,
** and hold what they refer to. */
static int counts(const OrmCascade *p, const CascadePair *pPair){
  return pPair->iFrom!=pPair->iTo
      && p->aRow[pPair->iFrom].eMode==ROW_HARD
      && p->aRow[pPair->iTo].eMode==ROW_HARD;
}

/* Heights of all rows, -1 in or above a circle; returns how many are that. */
static int heights(OrmCascade *p, int *aHeight){
  Arcs arcs;
  int nQueue = 0;
  i64 n = (p->nRow+1)*(i64)sizeof(int);
  int *aWait = ormArenaAlloc(p->pArena, n);
  int *aQueue = ormArenaAlloc(p->pArena, n);
  ormArcsInit(&arcs, p->pArena, p->nRow);
  for(int i=0; i<p->nPair && p->pErr->rc==SQLITE_OK; i++){
    const CascadePair *pPair = &p->aPair[i];
    if( !counts(p, pPair) ) continue;
    ormArcsAdd(&arcs, (int)pPair->iFrom, (int)pPair->iTo);
    aWait[pPair->iTo]++;
  }
  if( p->pErr->rc ) return 0;
  for(int i=0; i<p->nRow; i++){
    aHeight[i] = aWait[i] ? -1 : 0;
    if( aWait[i]==0 ) aQueue[nQueue++] = i;
  }
  for(int i=0; i<nQueue; i++){
    for(int j=arcs.aHead[aQueue[i]]; j>=0; j=arcs.aNext[j]){
      int iTo = arcs.aTo[j];
      if( --aWait[iTo] ) continue;
      aHeight[iTo] = aHeight[aQueue[i]] + 1;
      aQueue[nQueue++] = iTo;
    }
  }
  return p->nRow - nQueue;
}

/* Does something refer to rows by the columns that they let go of? */
static int isReferred(OrmCascade *p, const OrmEdge *pInto){
  const OrmEdge *pEdge = ormNodeRipples(p->pErr, pInto->pTo);
  while( pEdge && !ormEdgeTouches(pInto, pEdge) ) pEdge = pEdge->pNext;
  return pEdge!=0;
}

/* Rows in circles let go of one another, where foreign keys are enforced.  What
** refers to them goes too, but later. */
static void releaseSteps(OrmCascade *p, const int *aHeight){
  for(int i=0; i<p->nNode && p->bForeignKeys; i++){
    OrmEdge *pEdge = ormCascadeEdges(p, i);
    for(; pEdge; pEdge=pEdge->pNext){
      NodeState *pNode = ormCascadeState(p, pEdge->pTo);
      CascadeStep *pStep;
      if( pEdge->eOpen==ORM_OPEN_NOT || !pNode->bLoop
       || pNode->iScc!=p->apNode[i]->iScc ) continue;
      pStep = ormCascadeStep(p, STEP_RELEASE, pNode, pNode->del.n+1);
      if( pStep==0 ) return;
      pStep->pEdge = pEdge;
      if( isReferred(p, pEdge) ) p->bDefer = 1;
      for(int j=0; j<pNode->del.n; j++){
        u32 uid = pNode->aUid[j];
        if( aHeight[uid]<0 ) pStep->aRow[pStep->n++] = uid;
      }
    }
  }
}

/* Would a foreign key that cannot be let go act as soon as the row that it
** refers to is deleted? */
static int actsAtOnce(const OrmEdge *pEdge){
  int eAction = pEdge->eForeign - 1;
  return eAction==ORM_FK_RESTRICT || eAction==ORM_FK_SET_NULL
      || eAction==ORM_FK_SET_DEFAULT;
}

/* A pair inside a circle that nothing opens. */
static void circlePair(OrmCascade *p, const CascadePair *pPair){
  NodeState *pNode = p->apNode[p->aRow[pPair->iFrom].iNode];
  CascadeStep *pStep;
  if( p->aRow[pPair->iTo].iNode!=p->aRow[pPair->iFrom].iNode ) p->bDefer = 1;
  if( !actsAtOnce(pPair->pEdge) ) return;
  pStep = ormCascadeStep(p, STEP_CIRCLE, pNode, 1);
  if( pStep==0 ) return;
  pStep->pEdge = pPair->pEdge;
  pStep->aRow[pStep->n++] = pPair->iFrom;
}

/* Does a pair count no more, when rows in and above circles (those without a
** height) have let go? */
static int isOpened(
  const OrmCascade *p, const CascadePair *pPair, const int *aHeight
){
  return !counts(p, pPair)
      || (mayOpen(pPair->pEdge) && aHeight[pPair->iFrom]<0);
}

/* The pairs left as a arcs, from the one referred to to the one that refers;
** returns the number of its components, each row's in aComp. */
static int circles(
  OrmCascade *p, const int *aHeight, Arcs *pArcs, int *aComp
){
  ormArcsInit(pArcs, p->pArena, p->nRow);
  for(int i=0; i<p->nPair && p->pErr->rc==SQLITE_OK; i++){
    const CascadePair *pPair = &p->aPair[i];
    if( isOpened(p, pPair, aHeight) ) continue;
    ormArcsAdd(pArcs, (int)pPair->iTo, (int)pPair->iFrom);
  }
  return ormArcsComponents(pArcs, aComp);
}

/* Heights where circles are left after letting go: a circle is one place. */
static void condense(OrmCascade *p, int *aHeight){
  Arcs arcs;
  i64 n = (p->nRow+1)*(i64)sizeof(int);
  int *aComp = ormArenaAlloc(p->pArena, n);
  int *aLevel = ormArenaAlloc(p->pArena, n);
  int *aNext = ormArenaAlloc(p->pArena, n);  /* rows by component             */
  int *aFirst = ormArenaAlloc(p->pArena, n);
  int nComp = p->pErr->rc ? 0 : circles(p, aHeight, &arcs, aComp);
  for(int i=0; i<p->nPair && p->pErr->rc==SQLITE_OK; i++){
    const CascadePair *pPair = &p->aPair[i];
    if( aComp[pPair->iFrom]==aComp[pPair->iTo]
     && !isOpened(p, pPair, aHeight) ) circlePair(p, pPair);
  }
  if( p->pErr->rc ) return;
  for(int i=0; i<p->nRow; i++){
    aNext[i] = aFirst[aComp[i]];
    aFirst[aComp[i]] = i+1;
  }
  for(int iComp=0; iComp<nComp; iComp++){
    for(int i=aFirst[iComp]; i; i=aNext[i-1]){
      for(int j=arcs.aHead[i-1]; j>=0; j=arcs.aNext[j]){
        int iOther = aComp[arcs.aTo[j]];
        if( iOther!=iComp && aLevel[iOther]>=aLevel[iComp] ){
          aLevel[iComp] = aLevel[iOther]+1;
        }
      }
    }
  }
  for(int i=0; i<p->nRow; i++) aHeight[i] = aLevel[aComp[i]];
}

int ormCascadeHeights(OrmCascade *p, int *aHeight){
  int nMax = 0;
  if( heights(p, aHeight)>0 ){
    releaseSteps(p, aHeight);
    condense(p, aHeight);
  }
  for(int i=0; i<p->nRow && p->pErr->rc==SQLITE_OK; i++){
    if( aHeight[i]>nMax ) nMax = aHeight[i];
  }
  return nMax;
}
