/*
** The order of a cascade: which tables can be reached and which of them refer
** to which (before the search), and then the steps, so that they work with
** foreign keys on: first the references that are let go, then the soft
** deletes, then the deletes, a row after all rows that refer to it.
**
** Tables are ordered by their strongly connected components; only inside a
** component (self-references, tables that refer to each other) the rows
** themselves are ordered, which height.c does.
*/
#include "cascade.h"

/* ------------------------------------------------------------------------
** Tables: closure, components, leaves
** --------------------------------------------------------------------- */

/* Compile what can be reached by deletes; every edge's ends get a state. */
static void closure(OrmCascade *p){
  int bMore = 1;
  for(int i=0; i<p->nNode; i++){
    p->apNode[i]->bSeen = 1;
  }
  while( bMore && p->pErr->rc==SQLITE_OK ){
    bMore = 0;
    for(int i=0; i<p->nNode; i++){
      NodeState *pNode = p->apNode[i];
      OrmEdge *pEdge;
      if( !pNode->bSeen || pNode->bDone ) continue;
      pNode->bDone = 1;
      bMore = 1;
      pEdge = ormNodeEdges(p->pErr, pNode->p);
      for(; pEdge && p->pErr->rc==SQLITE_OK; pEdge=pEdge->pNext){
        NodeState *pTo = ormCascadeNode(p, pEdge->pTo);
        if( pTo && pEdge->eAction<=ORM_EDGE_UNLINK ) pTo->bSeen = 1;
        if( pEdge->pVia ) ormCascadeNode(p, pEdge->pVia);
      }
    }
  }
}

OrmEdge *ormCascadeEdges(const OrmCascade *p, int i){
  return p->apNode[i]->bSeen ? p->apNode[i]->p->pEdge : 0;
}

static void tableArcs(OrmCascade *p, Arcs *pArcs){
  ormArcsInit(pArcs, p->pArena, p->nNode);
  for(int i=0; i<p->nNode && p->pErr->rc==SQLITE_OK; i++){
    NodeState *pNode = p->apNode[i];
    OrmEdge *pEdge = ormCascadeEdges(p, i);
    for(; pEdge; pEdge=pEdge->pNext){
      int iTo = ormCascadeState(p, pEdge->pTo)->iNode;
      if( pEdge->pVia || !p->apNode[iTo]->bSeen ) continue;
      if( i==iTo ) pNode->bLoop = 1;
      else if( pEdge->bRefers ) ormArcsAdd(pArcs, i, iTo);
      else ormArcsAdd(pArcs, iTo, i);
    }
  }
}

/* Components of tables that refer to each other; those that only refer are
** numbered, and deleted, first. */
static void components(OrmCascade *p){
  Arcs arcs;
  int *aComp = ormArenaAlloc(p->pArena, (p->nNode+1)*(i64)sizeof(int));
  int *aSize = ormArenaAlloc(p->pArena, (p->nNode+1)*(i64)sizeof(int));
  tableArcs(p, &arcs);
  p->nScc = ormArcsComponents(&arcs, aComp);
  if( p->pErr->rc ) return;
  for(int i=0; i<p->nNode; i++) aSize[aComp[i]]++;
  for(int i=0; i<p->nNode; i++){
    NodeState *pNode = p->apNode[i];
    pNode->iScc = aComp[i];
    if( aSize[aComp[i]]>1 ) pNode->bLoop = 1;
  }
}

/* Tables that refer to rows which let go, and stay or go in a circle: which of
** their rows go is asked. */
static void ripples(OrmCascade *p, const OrmEdge *pInto){
  OrmNode *pNode = pInto->pTo;
  int bOpen = pInto->eOpen!=ORM_OPEN_NOT && ormCascadeState(p, pNode)->bLoop;
  int bGoes = pInto->eAction<=ORM_EDGE_UNLINK && pNode->pSoft==0;
  OrmEdge *pEdge = bGoes && !bOpen ? 0 : ormNodeRipples(p->pErr, pNode);
  for(; pEdge; pEdge=pEdge->pNext){
    int i = pEdge->pTo->iNode;
    if( i>=p->nPlace || p->aPlace[i]<0 ) continue;
    if( ormEdgeMeets(pInto, pEdge)
     || (bOpen && ormEdgeTouches(pInto, pEdge)) ){
      p->apNode[p->aPlace[i]]->bLeaf = 0;
    }
  }
}

/* A leaf is a table whose rows matter to no other and are only ever deleted by
** reference: they need not be looked for one by one. */
static void leaves(OrmCascade *p){
  for(int i=0; i<p->nNode; i++){
    NodeState *pNode = p->apNode[i];
    pNode->bLeaf = pNode->bSeen && pNode->del.n==0
        && pNode->p->pEdge==0 && pNode->p->pSoft==0 && !p->bPreview;
  }
  for(int i=0; i<p->nNode; i++){
    OrmEdge *pEdge = ormCascadeEdges(p, i);
    for(; pEdge; pEdge=pEdge->pNext){
      ripples(p, pEdge);
      if( pEdge->eAction>ORM_EDGE_UNLINK || pEdge->pVia || !pEdge->bRefers
       || !ormEdgePlain(pEdge) ){
        ormCascadeState(p, pEdge->pTo)->bLeaf = 0;
      }
    }
  }
}

void ormCascadeClosure(OrmCascade *p){
  closure(p);
  components(p);
  if( p->pErr->rc==SQLITE_OK ) leaves(p);
}

/* ------------------------------------------------------------------------
** Steps: rows that only refer
** --------------------------------------------------------------------- */

CascadeStep *ormCascadeStep(
  OrmCascade *p, int eType, NodeState *pNode, int nMax
){
  CascadeStep *pStep = ormArenaGrow(p->pArena, (void**)&p->aStep, p->nStep,
                                    &p->nStepAlloc, (int)sizeof(*pStep));
  if( pStep==0 ) return 0;
  memset(pStep, 0, sizeof(*pStep));
  pStep->eType = (u8)eType;
  pStep->pNode = pNode;
  if( nMax ) pStep->aRow = ormArenaAlloc(p->pArena, (i64)nMax*(i64)sizeof(u32));
  if( p->pErr->rc ) return 0;
  p->nStep++;
  return pStep;
}

/* Does a touched row go for good, so that nothing need be done to it? */
int ormCascadeTouchGoes(const OrmCascade *p, const NodeState *pNode, int i){
  int iDel = ormRowSetFindAt(&pNode->del, &pNode->touch, i);
  return iDel>=0 && p->aRow[pNode->aUid[iDel]].eMode==ROW_HARD;
}

/* Is there a row for the DEFAULTs of a reference to stand for, that stays? */
static int defaultHolds(OrmCascade *p, const OrmEdge *pEdge){
  OrmBuf buf;
  OrmStmt *pStmt;
  NodeState *pFrom = ormCascadeState(p, pEdge->pFrom);
  int bHolds = 0;
  ormBufInit(&buf, p->pErr);
  ormBufAdd(&buf, "SELECT ", -1);
  ormNodeIds(&buf, pEdge->pFrom, "p");
  ormBufAdd(&buf, " FROM ", -1);
  ormBufTable(&buf, pEdge->pFrom->zTable);
  ormBufAdd(&buf, " AS p WHERE 1", -1);
  for(int i=0; i<pEdge->n; i++){
    const char *zDefault = pEdge->pTo->aCol[pEdge->aTo[i]].zDefault;
    if( zDefault==0 || sqlite3_stricmp(zDefault, "NULL")==0 ) bHolds = 1;
    ormBufAdd(&buf, " AND ", 5);
    ormBufColumn(&buf, "p", pEdge->pFrom->aCol[pEdge->aFrom[i]].zName);
    ormBufPrintf(&buf, " = %s", zDefault ? zDefault : "NULL");
  }
  if( !bHolds ){
    pStmt = ormStmtTake(p->pOrm, p->pErr, ormBufText(&buf), buf.n);
    while( !bHolds && ormStmtStep(p->pOrm, p->pErr, pStmt) ){
      sqlite3_value *apVal[ORM_MAX_KEY];
      int iDel;
      for(int i=0; i<pEdge->pFrom->nId; i++){
        apVal[i] = sqlite3_column_value(pStmt->p, i);
      }
      iDel = ormRowSetFind(&pFrom->del, apVal);
      bHolds = iDel<0 || p->aRow[pFrom->aUid[iDel]].eMode==ROW_SOFT;
    }
    ormStmtGive(p->pOrm, p->pErr, pStmt);
  }
  ormBufFree(&buf);
  return bHolds;
}

/* The edges into a node by what they do: those that let go, and those that
** forbid (of these, by which other edges they are overcome). */
typedef struct TouchMasks TouchMasks;
struct TouchMasks {
  u64 mNull, mForbid;
  u64 aOver[64];
};

static void touchMasks(OrmCascade *p, NodeState *pNode, TouchMasks *pMasks){
  memset(pMasks, 0, sizeof(*pMasks));
  for(int i=0; i<pNode->nIn; i++){
    const OrmEdge *pEdge = pNode->apIn[i];
    int bForbid = pEdge->eAction==ORM_EDGE_RESTRICT || pEdge->eBlock!=0
       || (pEdge->eAction==ORM_EDGE_DEFAULT && !defaultHolds(p, pEdge));
    if( bForbid ) pMasks->mForbid |= ((u64)1)<<i;
    else pMasks->mNull |= ((u64)1)<<i;
  }
  for(int i=0; i<pNode->nIn; i++){
    for(int j=0; j<pNode->nIn; j++){
      if( pNode->apIn[i]->eAction==ORM_EDGE_RESTRICT
       && (pMasks->mNull>>j & 1)
       && ormEdgeShares(pNode->apIn[i], pNode->apIn[j]) ){
        pMasks->aOver[i] |= ((u64)1)<<j;
      }
    }
  }
}

static u64 forbidding(const TouchMasks *pMasks, u64 mEdge){
  u64 m = mEdge & pMasks->mForbid, mNull = mEdge & pMasks->mNull, mOut = 0;
  for(int i=0; m; i++, m>>=1){
    if( (m & 1) && (pMasks->aOver[i] & mNull)==0 ) mOut |= ((u64)1)<<i;
  }
  return mOut;
}

/* One RESTRICT step an edge, of the rows for which it forbids the delete. */
static void restrictSteps(
  OrmCascade *p, NodeState *pNode, const TouchMasks *pMasks
){
  u64 mAll = 0;
  for(int i=0; i<pNode->touch.n; i++){
    u64 m = forbidding(pMasks, pNode->aTouch[i].mEdge);
    if( m && !ormCascadeTouchGoes(p, pNode, i) ) mAll |= m;
  }
  for(int e=0; e<pNode->nIn; e++){
    CascadeStep *pStep;
    if( (mAll>>e & 1)==0 ) continue;
    pStep = ormCascadeStep(p, STEP_RESTRICT, pNode, pNode->touch.n);
    if( pStep==0 ) return;
    pStep->pEdge = pNode->apIn[e];
    for(int i=0; i<pNode->touch.n; i++){
      if( (forbidding(pMasks, pNode->aTouch[i].mEdge)>>e & 1)
       && !ormCascadeTouchGoes(p, pNode, i) ) pStep->aRow[pStep->n++] = (u32)i;
    }
  }
}

/* One NULLIFY step for each set of edges, so that a row that lets go of
** several is written, and its version raised, once. */
static void nullifySteps(
  OrmCascade *p, NodeState *pNode, const TouchMasks *pMasks
){
  u64 *aMask = ormArenaAlloc(p->pArena, (pNode->touch.n+1)*(i64)sizeof(u64));
  if( aMask==0 ) return;
  for(int i=0; i<pNode->touch.n; i++){
    aMask[i] = pNode->aTouch[i].mEdge & pMasks->mNull;
    if( aMask[i] && ormCascadeTouchGoes(p, pNode, i) ) aMask[i] = 0;
  }
  for(int i=0; i<pNode->touch.n; i++){
    CascadeStep *pStep;
    u64 m = aMask[i];
    if( m==0 ) continue;
    pStep = ormCascadeStep(p, STEP_NULLIFY, pNode, pNode->touch.n - i);
    if( pStep==0 ) return;
    pStep->mEdge = m;
    for(int j=i; j<pNode->touch.n; j++){
      if( aMask[j]!=m ) continue;
      pStep->aRow[pStep->n++] = (u32)j;
      aMask[j] = 0;
    }
  }
}

static void touchSteps(OrmCascade *p, int bRestrict){
  for(int i=0; i<p->nNode && p->pErr->rc==SQLITE_OK; i++){
    NodeState *pNode = p->apNode[i];
    TouchMasks masks;
    if( pNode->touch.n==0 ) continue;
    touchMasks(p, pNode, &masks);
    if( bRestrict ) restrictSteps(p, pNode, &masks);
    else nullifySteps(p, pNode, &masks);
  }
}

static void softSteps(OrmCascade *p){
  for(int i=0; i<p->nNode && p->pErr->rc==SQLITE_OK; i++){
    NodeState *pNode = p->apNode[i];
    CascadeStep *pStep;
    int n = 0;
    for(int j=0; j<pNode->del.n; j++){
      n += p->aRow[pNode->aUid[j]].eMode==ROW_SOFT;
    }
    if( n==0 || (pStep = ormCascadeStep(p, STEP_SOFT, pNode, n))==0 ) continue;
    for(int j=0; j<pNode->del.n; j++){
      u32 uid = pNode->aUid[j];
      if( p->aRow[uid].eMode==ROW_SOFT ) pStep->aRow[pStep->n++] = uid;
    }
  }
}

/* ------------------------------------------------------------------------
** Steps: rows that go for good, inside a component by height
** --------------------------------------------------------------------- */

static void holdsToPairs(OrmCascade *p){
  for(int i=0; i<p->nHold; i++){
    const CascadeHold *pHold = &p->aHold[i];
    NodeState *pNode = p->apNode[pHold->iNode];
    int iDel = ormRowSetFindAt(&pNode->del, &pNode->touch, (int)pHold->iTouch);
    CascadePair *pPair;
    if( iDel<0 ) continue;
    pPair = ormArenaGrow(p->pArena, (void**)&p->aPair, p->nPair, &p->nPairAlloc,
                         (int)sizeof(*pPair));
    if( pPair==0 ) return;
    pPair->iFrom = pNode->aUid[iDel];
    pPair->iTo = pHold->iTo;
    pPair->pEdge = pHold->pEdge;
    p->nPair++;
  }
  p->nHold = 0;
}

/* Sort uids stably by a key below nKey. */
static void sortBy(OrmCascade *p, int n, u32 *a, const int *aKey, int nKey){
  int *aCount = ormArenaAlloc(p->pArena, (nKey+1)*(i64)sizeof(int));
  u32 *aOut = ormArenaAlloc(p->pArena, (n+1)*(i64)sizeof(u32));
  if( p->pErr->rc ) return;
  for(int i=0; i<n; i++) aCount[aKey[a[i]]+1]++;
  for(int i=0; i<nKey; i++) aCount[i+1] += aCount[i];
  for(int i=0; i<n; i++) aOut[aCount[aKey[a[i]]]++] = a[i];
  memcpy(a, aOut, (size_t)n*sizeof(u32));
}

/* The deletes of what was sorted: a step for each run of equal places. */
static void runSteps(OrmCascade *p, int n, u32 *aUid, const int *aHeight){
  for(int i=0; i<n; ){
    const CascadeRow *pRow = &p->aRow[aUid[i]];
    int eType = pRow->bLink ? STEP_UNLINK : STEP_DELETE;
    CascadeStep *pStep = ormCascadeStep(p, eType, p->apNode[pRow->iNode], 0);
    int j = i;
    while( j<n && p->aRow[aUid[j]].iNode==pRow->iNode
        && p->aRow[aUid[j]].bLink==pRow->bLink
        && aHeight[aUid[j]]==aHeight[aUid[i]] ) j++;
    if( pStep==0 ) return;
    pStep->n = j-i;
    pStep->aRow = &aUid[i];
    i = j;
  }
}

/* Rows of leaves, by the rows that they refer to. */
static void leafSteps(OrmCascade *p, int iScc){
  for(int i=0; i<p->nNode; i++){
    NodeState *pFrom = p->apNode[i];
    OrmEdge *pEdge = ormCascadeEdges(p, i);
    for(; pEdge; pEdge=pEdge->pNext){
      NodeState *pTo = ormCascadeState(p, pEdge->pTo);
      CascadeStep *pStep;
      if( !pTo->bLeaf || pTo->iScc!=iScc || pFrom->del.n==0 ) continue;
      pStep = ormCascadeStep(p, STEP_EDGE, pTo, pFrom->del.n);
      if( pStep==0 ) return;
      pStep->pEdge = pEdge;
      for(int j=0; j<pFrom->del.n; j++){
        u32 uid = pFrom->aUid[j];
        if( p->aRow[uid].eMode==ROW_HARD ) pStep->aRow[pStep->n++] = uid;
      }
    }
  }
}

static void deleteSteps(OrmCascade *p){
  i64 nByte = (p->nRow+1)*(i64)sizeof(int);
  int *aHeight = ormArenaAlloc(p->pArena, nByte);
  int *aPlace = ormArenaAlloc(p->pArena, nByte);
  u32 *aUid = ormArenaAlloc(p->pArena, nByte);
  int n = 0, nHeight;
  if( p->pErr->rc ) return;
  holdsToPairs(p);
  nHeight = ormCascadeHeights(p, aHeight);
  if( p->pErr->rc ) return;
  for(int i=0; i<p->nRow; i++){
    if( p->aRow[i].eMode==ROW_HARD ) aUid[n++] = (u32)i;
    aPlace[i] = p->aRow[i].iNode*2 + (p->aRow[i].bLink==0);
  }
  sortBy(p, n, aUid, aPlace, p->nNode*2);
  sortBy(p, n, aUid, aHeight, nHeight+1);
  for(int i=0; i<p->nRow; i++) aPlace[i] = p->apNode[p->aRow[i].iNode]->iScc;
  sortBy(p, n, aUid, aPlace, p->nScc);
  for(int iScc=0, i=0; iScc<p->nScc && p->pErr->rc==SQLITE_OK; iScc++){
    int iStart = i;
    leafSteps(p, iScc);
    while( i<n && aPlace[aUid[i]]==iScc ) i++;
    runSteps(p, i-iStart, &aUid[iStart], aHeight);
  }
}

/* Refuse a delete that some step forbids; a preview shows it. */
static int refused(OrmCascade *p){
  for(int i=0; i<p->nStep && !p->bPreview && p->pErr->rc==SQLITE_OK; i++){
    int eType = p->aStep[i].eType;
    if( eType==STEP_RESTRICT || eType==STEP_CIRCLE ){
      ormCascadeRefuse(p, &p->aStep[i]);
    }
  }
  return p->pErr->rc!=SQLITE_OK;
}

void ormCascadeOrder(OrmCascade *p){
  int bOn = 0;
  if( p->pErr->rc ) return;
  sqlite3_db_config(p->pOrm->db, SQLITE_DBCONFIG_ENABLE_FKEY, -1, &bOn);
  p->bForeignKeys = (u8)bOn;
  touchSteps(p, 1);
  if( refused(p) ) return;
  touchSteps(p, 0);
  softSteps(p);
  deleteSteps(p);
  refused(p);
}
