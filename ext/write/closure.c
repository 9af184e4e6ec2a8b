/*
** What a plain DELETE of a row can reach, for the text of trigger.c: the tables
** below it, the order of deleting them, and whether their own triggers can do
** it, one calling the next.
*/
#include "trigger.h"

/* Edges that a plain DELETE must heed: not to models with soft delete, but
** that what a foreign key forbids is forbidden. */
int ormEdgeHeeds(const OrmEdge *p){
  return p->pTo->pSoft==0 || p->eAction==ORM_EDGE_RESTRICT;
}

int ormEdgeDeletes(const OrmEdge *p){
  return p->eAction<=ORM_EDGE_UNLINK;
}

int ormClosureFind(const Closure *p, const OrmNode *pNode){
  return pNode->iNode<p->nMap ? p->aMap[pNode->iNode] - 1 : -1;
}

/* Room in the map for a node, and as much again. */
static void mapGrow(Closure *p, int iNode){
  int nNew = 2*(iNode + 8);
  int *aNew = ormArenaAlloc(p->pArena, nNew*(i64)sizeof(int));
  if( aNew==0 ) return;
  if( p->nMap ) memcpy(aNew, p->aMap, (size_t)p->nMap*sizeof(int));
  p->aMap = aNew;
  p->nMap = nNew;
}

static void partAdd(Closure *p, OrmNode *pNode){
  Part *pNew;
  if( ormClosureFind(p, pNode)>=0 ) return;
  if( pNode->iNode>=p->nMap ) mapGrow(p, pNode->iNode);
  if( p->pErr->rc ) return;
  pNew = ormArenaGrow(p->pArena, (void**)&p->a, p->n, &p->nAlloc,
                      (int)sizeof(*pNew));
  if( pNew==0 ) return;
  memset(pNew, 0, sizeof(*pNew));
  pNew->p = pNode;
  pNew->iOrder = -1;
  p->aMap[pNode->iNode] = ++p->n;
  if( pNode->nId>p->nCol ) p->nCol = pNode->nId;
}

/* Do rows that let go by an edge change what others refer to?  These tables'
** rows are then looked at. */
static int hasRipples(Closure *p, const OrmEdge *pInto, int nHop){
  const OrmEdge *pEdge = ormEdgeDeletes(pInto) ? 0
                       : ormNodeRipples(p->pErr, pInto->pTo);
  int bAny = 0;
  for(; pEdge && nHop<RIPPLE_MAX; pEdge=pEdge->pNext){
    int i = ormClosureFind(p, pEdge->pTo);
    if( !ormEdgeMeets(pInto, pEdge) ) continue;
    if( i>=0 ) p->a[i].bLeaf = 0;
    bAny = 1;
    hasRipples(p, pEdge, nHop+1);
  }
  return bAny;
}

/* So are those of tables that refer to rows which go in a circle, by columns
** that these let go of before. */
static void openRipples(Closure *p, const OrmEdge *pInto){
  const OrmEdge *pEdge = pInto->eOpen==ORM_OPEN_NOT ? 0
                       : ormNodeRipples(p->pErr, pInto->pTo);
  for(; pEdge; pEdge=pEdge->pNext){
    int i = ormClosureFind(p, pEdge->pTo);
    if( i>=0 && ormEdgeTouches(pInto, pEdge) ) p->a[i].bLeaf = 0;
  }
}

/* Every table that is reached, breadth first. */
void ormClosureBuild(Closure *p, OrmNode *pRoot){
  partAdd(p, pRoot);
  for(int i=0; i<p->n && p->pErr->rc==SQLITE_OK; i++){
    OrmEdge *pEdge = ormNodeEdges(p->pErr, p->a[i].p);
    for(; pEdge; pEdge=pEdge->pNext){
      if( ormEdgeHeeds(pEdge) && ormEdgeDeletes(pEdge) ) partAdd(p, pEdge->pTo);
    }
  }
  for(int i=0; i<p->n; i++){
    p->a[i].bLeaf = i>0 && p->a[i].p->pEdge==0;
  }
  for(int i=0; i<p->n; i++){
    for(OrmEdge *pEdge=p->a[i].p->pEdge; pEdge; pEdge=pEdge->pNext){
      int iTo = ormClosureFind(p, pEdge->pTo);
      p->bRipples |= (u8)hasRipples(p, pEdge, 0);
      if( iTo<0 ) continue;
      openRipples(p, pEdge);
      if( ormEdgeDeletes(pEdge) ) p->a[iTo].bDelete = 1;
      else p->a[iTo].bTouch = 1;
      if( !ormEdgeDeletes(pEdge) || pEdge->pVia || !pEdge->bRefers ){
        p->a[iTo].bLeaf = 0;
      }
    }
  }
}

/* Is it a reference that cannot be let go of before? */
int ormEdgeFirm(const OrmEdge *p){
  return p->bRefers && p->eOpen==ORM_OPEN_NOT
      && p->eForeign>1+ORM_FK_NO_ACTION;
}

/* The last table not yet placed that waits for none of the others, or -1: for
** those that refer to it, or, with bFirm, that do so firmly. */
static int placeable(const Closure *p, int bFirm, u8 *aWaits){
  int j = p->n - 1;
  memset(aWaits, 0, (size_t)p->n);
  for(int i=0; i<p->n; i++){
    for(const OrmEdge *pEdge=p->a[i].p->pEdge; pEdge; pEdge=pEdge->pNext){
      int iTo = ormClosureFind(p, pEdge->pTo);
      if( iTo<0 || iTo==i || (bFirm && !ormEdgeFirm(pEdge)) ) continue;
      if( pEdge->bRefers ) aWaits[i] |= p->a[iTo].iOrder<0;
      else if( !pEdge->pVia ) aWaits[iTo] |= p->a[i].iOrder<0;
    }
  }
  while( j>=0 && (aWaits[j] || p->a[j].iOrder>=0) ) j--;
  return j;
}

/* An order of deleting: each after all that refer to it, or, in a circle,
** after those that cannot let go.  The trigger's own row goes last, by
** SQLite. */
void ormClosureOrder(Closure *p){
  u8 *aWaits = ormArenaAlloc(p->pArena, p->n);
  p->aOrder = ormArenaAlloc(p->pArena, p->n*(i64)sizeof(int));
  for(int n=0; n<p->n && p->pErr->rc==SQLITE_OK; n++){
    int iPick = placeable(p, 0, aWaits);
    if( iPick<0 ) iPick = placeable(p, 1, aWaits);
    for(int j=0; iPick<0; j++) if( p->a[j].iOrder<0 ) iPick = j;
    p->a[iPick].iOrder = n;
    p->aOrder[n] = iPick;
  }
}

/* Can a table be reached again from itself?  Those that nothing leads to are
** taken away until none is. */
static int inCircle(const Closure *p){
  int *aIn = ormArenaAlloc(p->pArena, p->n*(i64)sizeof(int));
  int *aFree = ormArenaAlloc(p->pArena, p->n*(i64)sizeof(int));
  int nFree = 0, nGone = 0;
  if( p->pErr->rc ) return 0;
  for(int i=0; i<p->n; i++){
    for(const OrmEdge *pEdge=p->a[i].p->pEdge; pEdge; pEdge=pEdge->pNext){
      if( !ormEdgeHeeds(pEdge) || !ormEdgeDeletes(pEdge) ) continue;
      aIn[ormClosureFind(p, pEdge->pTo)]++;
    }
  }
  for(int i=0; i<p->n; i++) if( aIn[i]==0 ) aFree[nFree++] = i;
  while( nFree ){
    const OrmEdge *pEdge = p->a[aFree[--nFree]].p->pEdge;
    nGone++;
    for(; pEdge; pEdge=pEdge->pNext){
      int iTo = ormClosureFind(p, pEdge->pTo);
      if( !ormEdgeHeeds(pEdge) || !ormEdgeDeletes(pEdge) ) continue;
      if( --aIn[iTo]==0 ) aFree[nFree++] = iTo;
    }
  }
  return nGone<p->n;
}

int ormEdgeForbids(const OrmEdge *p){
  return p->eAction==ORM_EDGE_RESTRICT || (!ormEdgeDeletes(p) && p->eBlock);
}

int ormEdgeLetsGo(const OrmEdge *p){
  return ormEdgeHeeds(p) && !ormEdgeDeletes(p) && !ormEdgeForbids(p);
}

/* Is a column let go of by two edges, so that the first would hide from the
** second whom it is about? */
static int sharesColumn(const OrmEdge *pEdge){
  for(const OrmEdge *p=pEdge->pNext; p; p=p->pNext){
    if( p->pTo==pEdge->pTo && ormEdgeShares(p, pEdge) ) return 1;
  }
  return 0;
}

/* Can the tables' own triggers do it, one calling the next? */
int ormClosureChains(const Closure *p){
  if( inCircle(p) || p->bRipples || p->pErr->rc ) return 0;
  for(int i=0; i<p->n; i++){
    const OrmNode *pNode = p->a[i].p;
    if( p->a[i].bDelete && p->a[i].bTouch ) return 0;
    if( pNode->pEdge && pNode->pModel==0 ) return 0;
    for(const OrmEdge *pEdge=pNode->pEdge; pEdge; pEdge=pEdge->pNext){
      const OrmModel *pModel = pEdge->pTo->pModel;
      if( !ormEdgeHeeds(pEdge) ) continue;
      if( !pEdge->bRefers ) return 0;
      if( ormEdgeDeletes(pEdge) ) continue;
      if( pEdge->eAction==ORM_EDGE_DEFAULT ) return 0;
      if( ormEdgeLetsGo(pEdge) && sharesColumn(pEdge) ) return 0;
      if( i>0 && pEdge->pTo==p->a[0].p ) return 0;
      for(int j=0; pModel && j<pModel->nField; j++){
        if( pModel->aField[j].eAuto==ORM_AUTO_VERSION ) return 0;
      }
    }
  }
  return 1;
}
