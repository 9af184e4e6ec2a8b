/*
** The search of the cascade planner: from the roots, a level at a time, along
** the edges of rules.c, to every row that goes (hard or soft) and every row
** that refers to one that goes.  Rows are found by statements over key lists,
** one a level and edge; nothing is written and no C function calls itself.
**
** Always true: a row is in its node's del set at most once, and hard wins over
** soft; what is done to rows that only refer (touch) is decided when all rows
** that go are known, so a delete wins over a nullify however it is reached
** (C33).
*/
#include "cascade.h"

OrmCascade *ormCascadeNew(
  Orm *pOrm, OrmErr *pErr, OrmCatalog *pCatalog, OrmArena *pArena
){
  OrmRules *pRules = ormRulesGet(pOrm, pErr, pCatalog);
  OrmCascade *p = pRules ? ormArenaAlloc(pArena, sizeof(*p)) : 0;
  if( p==0 ) return 0;
  p->pOrm = pOrm;
  p->pErr = pErr;
  p->pCatalog = pCatalog;
  p->pArena = pArena;
  p->pRules = ormRulesRef(pRules);
  p->nPath = 1;
  p->aPath = ormArenaAlloc(pArena, sizeof(*p->aPath));
  p->nPathAlloc = 1;
  return p;
}

void ormCascadeFree(OrmCascade *p){
  if( p==0 ) return;
  sqlite3_value_free(p->pStamp);
  ormRulesUnref(p->pRules);
  for(int i=0; i<p->nNode; i++){
    ormRowSetFree(&p->apNode[i]->del);
    ormRowSetFree(&p->apNode[i]->touch);
  }
}

void ormCascadeForGood(OrmCascade *p){
  assert( p );
  p->bForGood = 1;
}

NodeState *ormCascadeNode(OrmCascade *p, OrmNode *pNode){
  NodeState *pNew, **pp;
  while( p->nPlace<=pNode->iNode ){
    int *pi = ormArenaGrow(p->pArena, (void**)&p->aPlace, p->nPlace,
                           &p->nPlaceAlloc, (int)sizeof(*pi));
    if( pi==0 ) return 0;
    *pi = -1;
    p->nPlace++;
  }
  if( p->aPlace[pNode->iNode]>=0 ) return ormCascadeState(p, pNode);
  pNew = ormArenaAlloc(p->pArena, sizeof(*pNew));
  pp = ormArenaGrow(p->pArena, (void**)&p->apNode, p->nNode, &p->nNodeAlloc,
                    (int)sizeof(*pp));
  if( pp==0 ) return 0;         /* the arena gives nothing after a failure    */
  pNew->p = pNode;
  pNew->iNode = p->nNode;
  ormRowSetInit(&pNew->del, p->pArena, pNode);
  ormRowSetInit(&pNew->touch, p->pArena, pNode);
  *pp = pNew;
  p->aPlace[pNode->iNode] = p->nNode++;
  return pNew;
}

NodeState *ormCascadeState(const OrmCascade *p, const OrmNode *pNode){
  return p->apNode[p->aPlace[pNode->iNode]];
}

/* ------------------------------------------------------------------------
** Paths
** --------------------------------------------------------------------- */

static u32 pathNew(OrmCascade *p, u32 iParent, const OrmEdge *pEdge, int bStar){
  CascadePath *pNew = ormArenaGrow(p->pArena, (void**)&p->aPath, p->nPath,
                                   &p->nPathAlloc, (int)sizeof(*p->aPath));
  if( pNew==0 ) return 0;
  memset(pNew, 0, sizeof(*pNew));
  pNew->iParent = iParent;
  pNew->pEdge = pEdge;
  pNew->bStar = (u8)bStar;
  if( iParent ){
    pNew->iNext = p->aPath[iParent].iChild;
    p->aPath[iParent].iChild = (u32)p->nPath;
  }
  return (u32)p->nPath++;
}

/* The path one edge further.  An edge taken before goes back to where it was
** taken, marked with a star, so that paths stay few however deep rows are. */
static u32 pathNext(OrmCascade *p, u32 iPath, const OrmEdge *pEdge){
  u32 i;
  u32 iParent = iPath;
  int bStar = 0;
  for(i=iPath; p->aPath[i].pEdge; i=p->aPath[i].iParent){
    if( p->aPath[i].pEdge!=pEdge ) continue;
    iParent = p->aPath[i].iParent;
    bStar = 1;
    break;
  }
  for(i=p->aPath[iParent].iChild; i; i=p->aPath[i].iNext){
    if( p->aPath[i].pEdge==pEdge && p->aPath[i].bStar==bStar ) return i;
  }
  return pathNew(p, iParent, pEdge, bStar);
}

void ormCascadePathText(const OrmCascade *p, u32 iPath, OrmBuf *pBuf){
  int n = 0;
  for(u32 i=iPath; i; i=p->aPath[i].iParent) n++;
  for(; n>0; n--){
    u32 i = iPath;
    for(int j=1; j<n; j++) i = p->aPath[i].iParent;
    if( p->aPath[i].pEdge==0 ){
      ormBufAdd(pBuf, p->aPath[i].zText, -1);
      continue;
    }
    ormBufChar(pBuf, '.');
    ormBufAdd(pBuf, p->aPath[i].pEdge->zName, -1);
    if( p->aPath[i].bStar ) ormBufChar(pBuf, '*');
  }
}

/* ------------------------------------------------------------------------
** Rows
** --------------------------------------------------------------------- */

static void frontAdd(OrmCascade *p, NodeState *pNode, int eMode, u32 uid){
  u32 *pu = ormArenaGrow(p->pArena, (void**)&pNode->aNext[eMode].a,
      pNode->aNext[eMode].n, &pNode->aNext[eMode].nAlloc, (int)sizeof(u32));
  if( pu==0 ) return;
  *pu = uid;
  pNode->aNext[eMode].n++;
}

/* A row goes.  Known rows stay what they were, but that hard wins over soft.
** Returns its uid, or -1 on out of memory; *pbNew: it was not there. */
static i64 rowAdd(
  OrmCascade *p, NodeState *pNode, sqlite3_value **apVal, int eMode,
  int bLink, u32 iPath, int *pbNew
){
  CascadeRow *pRow;
  u32 *pUid;
  int i = ormRowSetAdd(&pNode->del, apVal, pbNew);
  if( i<0 ) return -1;
  if( !*pbNew ){
    pRow = &p->aRow[pNode->aUid[i]];
    if( eMode==ROW_HARD && pRow->eMode==ROW_SOFT ){
      pRow->eMode = ROW_HARD;
      frontAdd(p, pNode, ROW_HARD, pNode->aUid[i]);
    }
    return pNode->aUid[i];
  }
  pRow = ormArenaGrow(p->pArena, (void**)&p->aRow, p->nRow, &p->nRowAlloc,
                      (int)sizeof(*pRow));
  pUid = ormArenaGrow(p->pArena, (void**)&pNode->aUid, i, &pNode->nUidAlloc,
                      (int)sizeof(u32));
  if( pUid==0 ) return -1;
  pRow->iSet = (u32)i;
  pRow->iPath = iPath;
  pRow->iNode = (u16)pNode->iNode;
  pRow->eMode = (u8)eMode;
  pRow->bLink = (u8)bLink;
  *pUid = (u32)p->nRow;
  frontAdd(p, pNode, eMode, *pUid);
  return p->nRow++;
}

/* The bit of an edge among those that touch rows of its target. */
static int edgeBit(OrmCascade *p, NodeState *pTo, const OrmEdge *pEdge){
  for(int i=0; i<pTo->nIn; i++){
    if( pTo->apIn[i]==pEdge ) return i;
  }
  if( pTo->nIn==ORM_COUNT(pTo->apIn) ){
    ormErr(p->pErr, SQLITE_ERROR, "orm: more than %d delete rules lead to "
           "table %s", ORM_COUNT(pTo->apIn), pTo->p->zTable);
    return 0;
  }
  pTo->apIn[pTo->nIn] = pEdge;
  return pTo->nIn++;
}

/* A row refers to another, by an edge that does not delete it.  Its position in
** its node's touch set, or -1 on out of memory. */
static int touchRow(
  OrmCascade *p, const OrmEdge *pEdge, sqlite3_value **apVal, u32 iPath
){
  NodeState *pTo = ormCascadeState(p, pEdge->pTo);
  int bNew, i;
  u64 mBit = ((u64)1)<<edgeBit(p, pTo, pEdge);
  i = ormRowSetAdd(&pTo->touch, apVal, &bNew);
  if( i<0 ) return -1;
  if( bNew ){
    CascadeTouch *pTouch = ormArenaGrow(p->pArena, (void**)&pTo->aTouch, i,
        &pTo->nTouchAlloc, (int)sizeof(*pTouch));
    if( pTouch==0 ) return -1;
    pTouch->mEdge = 0;
    pTouch->iPath = pathNext(p, iPath, pEdge);
  }
  if( (pTo->aTouch[i].mEdge & mBit)==0 ) p->bMore = 1;
  pTo->aTouch[i].mEdge |= mBit;
  return i;
}

/* A row refers to one that goes, and is not deleted by this edge. */
static void touchAdd(
  OrmCascade *p, const OrmEdge *pEdge, sqlite3_value **apVal, u32 uid
){
  NodeState *pTo = ormCascadeState(p, pEdge->pTo);
  int i = touchRow(p, pEdge, apVal, p->aRow[uid].iPath);
  if( i<0 ) return;
  if( pTo->iScc==ormCascadeState(p, pEdge->pFrom)->iScc ){
    CascadeHold *pHold = ormArenaGrow(p->pArena, (void**)&p->aHold, p->nHold,
        &p->nHoldAlloc, (int)sizeof(*pHold));
    if( pHold==0 ) return;
    pHold->iTouch = (u32)i;
    pHold->iNode = (u16)pTo->iNode;
    pHold->iTo = uid;
    pHold->pEdge = pEdge;
    p->nHold++;
  }
}

/* Rows that refer to one another inside a loop of tables are deleted in the
** order of their references. */
static void pairAdd(
  OrmCascade *p, const OrmEdge *pEdge, u32 uidFrom, u32 uidTo
){
  CascadePair *pPair;
  if( pEdge->pVia || ormCascadeState(p, pEdge->pFrom)->iScc
                   !=ormCascadeState(p, pEdge->pTo)->iScc ) return;
  pPair = ormArenaGrow(p->pArena, (void**)&p->aPair, p->nPair, &p->nPairAlloc,
                       (int)sizeof(*pPair));
  if( pPair==0 ) return;
  pPair->iFrom = pEdge->bRefers ? uidTo : uidFrom;
  pPair->iTo = pEdge->bRefers ? uidFrom : uidTo;
  pPair->pEdge = pEdge;
  p->nPair++;
}

/* ------------------------------------------------------------------------
** Following an edge
** --------------------------------------------------------------------- */

void ormCascadeKeys(
  OrmCascade *p, const NodeState *pNode, int bTouch, int n, const u32 *aRow,
  OrmKeys *pKeys
){
  const RowSet *pSet = bTouch ? &pNode->touch : &pNode->del;
  i64 nVal = (i64)n*pSet->nCol;
  memset(pKeys, 0, sizeof(*pKeys));
  if( p->pErr->rc ) return;
  if( pSet->bInt && n>p->nKeyAlloc ){
    p->aKeyInt = ormArenaAlloc(p->pArena, 2*(i64)n*(i64)sizeof(i64));
    p->nKeyAlloc = 2*n;
  }else if( !pSet->bInt && nVal>p->nValAlloc ){
    p->apKeyVal = ormArenaAlloc(p->pArena, 2*nVal*(i64)sizeof(void*));
    p->nValAlloc = 2*(int)nVal;
  }
  if( p->pErr->rc ) return;
  for(int i=0; i<n; i++){
    u32 iSet = bTouch ? aRow[i] : p->aRow[aRow[i]].iSet;
    if( pSet->bInt ){
      p->aKeyInt[i] = pSet->aInt[iSet];
    }else{
      memcpy(&p->apKeyVal[(i64)i*pSet->nCol],
             &pSet->apVal[(i64)iSet*pSet->nCol],
             (size_t)pSet->nCol*sizeof(void*));
    }
  }
  pKeys->nCol = pSet->nCol;
  pKeys->nKey = n;
  if( pSet->bInt ) pKeys->aInt = p->aKeyInt; else pKeys->apVal = p->apKeyVal;
}

typedef struct FindSink FindSink;
struct FindSink {
  OrmSink base;
  OrmCascade *p;
  const OrmEdge *pEdge;         /* 0: roots                                   */
  NodeState *pTo;
  const u32 *aUid;              /* uids of the key list                       */
  int eMode;                    /* of the rows in it                          */
  u32 iPath;                    /* roots: their path                          */
};

/* A row found at the end of a delete edge.  A child that can be soft-deleted
** is, if it can let go of a parent that goes for good. */
static void foundDelete(
  FindSink *pSink, u32 uid, int bDeleted, sqlite3_value **apVal
){
  OrmCascade *p = pSink->p;
  const OrmEdge *pEdge = pSink->pEdge;
  int bNew, eMode = pSink->eMode;
  i64 uidTo;
  if( eMode==ROW_HARD && !p->bForGood && pEdge->eAction==ORM_EDGE_DELETE
   && pEdge->pTo->pSoft && pEdge->eBlock==ORM_BLOCK_NONE ){
    eMode = ROW_SOFT;
    if( pEdge->bRefers ) touchAdd(p, pEdge, apVal, uid);
  }
  if( eMode==ROW_SOFT && bDeleted ) return;
  uidTo = rowAdd(p, pSink->pTo, apVal, eMode, pEdge->eAction==ORM_EDGE_UNLINK,
                 pathNext(p, p->aRow[uid].iPath, pEdge), &bNew);
  if( uidTo>=0 ) pairAdd(p, pEdge, uid, (u32)uidTo);
}

static void foundRow(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  FindSink *pSink = (FindSink*)pBase;
  OrmCascade *p = pSink->p;
  int bDeleted = sqlite3_value_int(apVal[1]);
  u32 uid;
  ORM_UNUSED(nVal);
  if( pSink->pEdge==0 ){
    int bNew = 0;
    if( bDeleted && pSink->eMode==ROW_SOFT ) return;
    rowAdd(p, pSink->pTo, &apVal[2], pSink->eMode, 0, pSink->iPath, &bNew);
    p->nRoot += bNew;
    return;
  }
  uid = pSink->aUid[sqlite3_value_int(apVal[0])];
  if( pSink->pEdge->eAction<=ORM_EDGE_UNLINK ){
    foundDelete(pSink, uid, bDeleted, &apVal[2]);
  }else{
    touchAdd(p, pSink->pEdge, &apVal[2], uid);
  }
}

/* Can k0 stand for the joined column of pFrom: it is the rowid, and what is
** compared to it converts as it would to the column itself? */
static int keyStandsIn(const OrmEdge *p){
  const OrmNode *pOther = p->pVia ? p->pVia : p->pTo;
  int iOther = p->pVia ? p->aViaFrom[0] : p->aTo[0];
  return p->n==1 && p->pFrom->iRowid>=0 && p->aFrom[0]==p->pFrom->iRowid
      && pOther->aCol[iOther].cAff>='C';
}

/* "t.key = k.k0 AND .." */
static void joinKeys(OrmBuf *pBuf, const OrmNode *pNode, const char *zAlias){
  for(int i=0; i<pNode->nId; i++){
    if( i ) ormBufAdd(pBuf, " AND ", 5);
    ormBufColumn(pBuf, zAlias, pNode->azId[i]);
    ormBufPrintf(pBuf, " = k.k%d", i);
  }
}

/* Is a row to be passed over?  In a delete: it is soft-deleted already; in a
** restore: it is not, or by another delete (?2 is the stamp). */
static void skipSql(
  const OrmCascade *p, OrmBuf *pBuf, const OrmNode *pNode, const char *zAlias
){
  const OrmModel *pModel = pNode->pSoft;
  const OrmField *pField;
  if( pModel==0 ){
    ormBufChar(pBuf, '0');
    return;
  }
  if( p->pStamp==0 ){
    ormSoftDeletedSql(pBuf, pModel, zAlias);
    return;
  }
  pField = &pModel->aField[pModel->iSoftDelete];
  ormBufAdd(pBuf, "NOT (", -1);
  ormSoftDeletedSql(pBuf, pModel, zAlias);
  ormBufChar(pBuf, ')');
  if( pField->eType!=ORM_TYPE_BOOLEAN && !p->bAnyStamp ){
    ormBufAdd(pBuf, " OR ", -1);
    ormBufColumn(pBuf, zAlias, pField->zName);
    ormBufAdd(pBuf, " IS NOT ?2", -1);
  }
}

/* SELECT orm_emit(k.i, is it to be passed over, ids) of the rows at the end. */
static void findSql(const OrmCascade *pCascade, OrmBuf *pBuf, const OrmEdge *p){
  int bDirect = keyStandsIn(p);
  const OrmNode *pNear = p->pVia ? p->pVia : p->pTo;
  ormBufAdd(pBuf, "SELECT orm_emit(k.i, ", -1);
  skipSql(pCascade, pBuf, p->pTo, "c");
  ormBufAdd(pBuf, ", ", 2);
  ormNodeIds(pBuf, p->pTo, "c");
  ormBufAdd(pBuf, ") FROM orm_keys(?1) AS k CROSS JOIN ", -1);
  if( !bDirect ){
    ormBufTable(pBuf, p->pFrom->zTable);
    ormBufAdd(pBuf, " AS p CROSS JOIN ", -1);
  }
  if( p->pVia ){
    ormBufTable(pBuf, p->pVia->zTable);
    ormBufAdd(pBuf, " AS l CROSS JOIN ", -1);
  }
  ormBufTable(pBuf, p->pTo->zTable);
  ormBufAdd(pBuf, " AS c WHERE ", -1);
  if( !bDirect ){
    joinKeys(pBuf, p->pFrom, "p");
    ormBufAdd(pBuf, " AND ", 5);
    ormEdgeJoin(pBuf, p, "p", "c");
    return;
  }
  ormBufColumn(pBuf, p->pVia ? "l" : "c",
               pNear->aCol[p->pVia ? p->aViaFrom[0] : p->aTo[0]].zName);
  ormBufAdd(pBuf, " = k.k0", -1);
  for(int i=0; p->pVia && i<p->nVia; i++){
    ormBufAdd(pBuf, " AND ", 5);
    ormBufColumn(pBuf, "c", p->pTo->aCol[p->aTo[i]].zName);
    ormBufAdd(pBuf, " = ", 3);
    ormBufColumn(pBuf, "l", p->pVia->aCol[p->aViaTo[i]].zName);
  }
}

/* ?2 of what skipSql() says in a restore. */
static void bindStamp(const OrmCascade *p, OrmStmt *pStmt){
  if( pStmt && p->pStamp && sqlite3_bind_parameter_count(pStmt->p)>=2 ){
    ormBindValueTo(p->pErr, pStmt, 2, p->pStamp);
  }
}

/* The statement of an edge; of a delete its text is kept with the rules. */
static OrmStmt *findStmt(OrmCascade *p, const OrmEdge *pEdge){
  OrmBuf buf;
  OrmStmt *pStmt;
  if( p->pStamp==0 && pEdge->zFind ){
    return ormStmtTake(p->pOrm, p->pErr, pEdge->zFind, pEdge->nFind);
  }
  ormBufInit(&buf, p->pErr);
  findSql(p, &buf, pEdge);
  if( p->pStamp==0 ) ormEdgeKeep(p->pErr, pEdge, 0, &buf);
  pStmt = ormStmtTake(p->pOrm, p->pErr, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  bindStamp(p, pStmt);
  return pStmt;
}

/* Is an edge the reference that a relationship, from either end, is made of? */
static int isReference(const OrmEdge *pEdge, const OrmRel *pRel){
  const OrmModel *pModel = pRel->bForeign ? pRel->pModel : pRel->pTarget;
  const int *aField = pRel->bForeign ? pRel->aLocal : pRel->aRemote;
  int nHit = 0;
  if( pEdge->bRefers || pEdge->pVia || pEdge->n!=pRel->nLocal ) return 0;
  for(int i=0; i<pEdge->n; i++){
    const char *zColumn = pEdge->pFrom->aCol[pEdge->aFrom[i]].zName;
    for(int j=0; j<pEdge->n; j++){
      nHit += sqlite3_stricmp(pModel->aField[aField[j]].zName, zColumn)==0;
    }
  }
  return nHit==pEdge->n;
}

/* The rows that an edge is followed from: not those that have left whom it
** leads to. */
static const u32 *withoutLeft(
  OrmCascade *p, const OrmEdge *pEdge, const u32 *aUid, int *pn
){
  u32 *aOut = ormArenaAlloc(p->pArena, *pn*(i64)sizeof(u32));
  int n = 0;
  for(int i=0; i<*pn && aOut; i++){
    const OrmRel *pLeft = p->aPath[p->aRow[aUid[i]].iPath].pLeft;
    if( pLeft==0 || !isReference(pEdge, pLeft) ) aOut[n++] = aUid[i];
  }
  *pn = n;
  return aOut;
}

/* Hand the rows at an edge's end to xRow: of the n rows aUid of its beginning
** that go, or (bTouch) that are touched. */
static void edgeRows(
  OrmCascade *p, NodeState *pFrom, const OrmEdge *pEdge, int bTouch, int n,
  FindSink *pSink
){
  OrmKeys keys;
  OrmStmt *pStmt;
  pSink->base.pErr = p->pErr;
  pSink->p = p;
  pSink->pEdge = pEdge;
  ormCascadeKeys(p, pFrom, bTouch, n, pSink->aUid, &keys);
  pStmt = findStmt(p, pEdge);
  ormKeysBind(p->pErr, pStmt, 1, &keys);
  if( pStmt ) ormEmitRun(p->pOrm, p->pErr, pStmt, &pSink->base);
  ormStmtGive(p->pOrm, p->pErr, pStmt);
  ormKeysCheck(p->pErr, &keys);
}

/* Follow one edge from all rows of a level that go in one way. */
static void followEdge(
  OrmCascade *p, NodeState *pFrom, const OrmEdge *pEdge, int eMode,
  const u32 *aUid, int n
){
  FindSink sink;
  if( p->bLeft && !pEdge->bRefers && pEdge->pVia==0 ){
    aUid = withoutLeft(p, pEdge, aUid, &n);
  }
  if( n==0 || aUid==0 ) return;
  memset(&sink, 0, sizeof(sink));
  sink.base.xRow = foundRow;
  sink.pTo = ormCascadeState(p, pEdge->pTo);
  sink.aUid = aUid;
  sink.eMode = eMode;
  edgeRows(p, pFrom, pEdge, 0, n, &sink);
}

static void followNode(OrmCascade *p, NodeState *pNode){
  for(int eMode=ROW_SOFT; eMode<=ROW_HARD; eMode++){
    int n = pNode->aFront[eMode].n;
    const OrmEdge *pEdge = n ? ormNodeEdges(p->pErr, pNode->p) : 0;
    for(; pEdge && p->pErr->rc==SQLITE_OK; pEdge=pEdge->pNext){
      if( eMode==ROW_SOFT && !pEdge->bSoft ) continue;
      if( eMode==ROW_HARD && ormCascadeState(p, pEdge->pTo)->bLeaf ) continue;
      followEdge(p, pNode, pEdge, eMode, pNode->aFront[eMode].a, n);
    }
  }
}

/* Rows found at a level become the next one's; is there any? */
static int nextLevel(OrmCascade *p){
  int bAny = 0;
  for(int i=0; i<p->nNode; i++){
    NodeState *pNode = p->apNode[i];
    for(int e=ROW_SOFT; e<=ROW_HARD; e++){
      u32 *a = pNode->aFront[e].a;
      int nAlloc = pNode->aFront[e].nAlloc;
      pNode->aFront[e].a = pNode->aNext[e].a;
      pNode->aFront[e].n = pNode->aNext[e].n;
      pNode->aFront[e].nAlloc = pNode->aNext[e].nAlloc;
      pNode->aNext[e].a = a;
      pNode->aNext[e].n = 0;
      pNode->aNext[e].nAlloc = nAlloc;
      bAny |= pNode->aFront[e].n>0;
    }
  }
  return bAny && p->pErr->rc==SQLITE_OK;
}

/* ------------------------------------------------------------------------
** What refers to rows that let go
** --------------------------------------------------------------------- */

static void foundRipple(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  FindSink *pSink = (FindSink*)pBase;
  const OrmEdge *pEdge = pSink->pEdge;
  NodeState *pFrom = ormCascadeState(pSink->p, pEdge->pFrom);
  u32 i = pSink->aUid[sqlite3_value_int(apVal[0])];
  ORM_UNUSED(nVal);
  touchRow(pSink->p, pEdge, &apVal[2], pFrom->aTouch[i].iPath);
  if( pEdge->eForeign==1+ORM_FK_NO_ACTION ) pSink->p->bDefer = 1;
}

/* The rows of a node that let go of what a ripple refers to, and stay. */
static u32 *lettingGo(
  OrmCascade *p, const NodeState *pNode, const OrmEdge *pEdge, int *pn
){
  u64 m = 0;
  u32 *a;
  *pn = 0;
  for(int i=0; i<pNode->nIn; i++){
    if( ormEdgeMeets(pNode->apIn[i], pEdge) ) m |= ((u64)1)<<i;
  }
  if( m==0 ) return 0;
  a = ormArenaAlloc(p->pArena, pNode->touch.n*(i64)sizeof(u32));
  for(int i=0; i<pNode->touch.n && a; i++){
    if( (pNode->aTouch[i].mEdge & m)==0 ) continue;
    if( !ormCascadeTouchGoes(p, pNode, i) ) a[(*pn)++] = (u32)i;
  }
  return a;
}

static void rippleEdge(OrmCascade *p, NodeState *pNode, const OrmEdge *pEdge){
  FindSink sink;
  int n;
  memset(&sink, 0, sizeof(sink));
  sink.base.xRow = foundRipple;
  sink.aUid = lettingGo(p, pNode, pEdge, &n);
  if( n==0 || ormCascadeNode(p, pEdge->pTo)==0 ) return;
  edgeRows(p, pNode, pEdge, 1, n, &sink);
}

/* A row that lets go changes what others refer to by the same columns: these
** let go too, or forbid it, whether foreign keys are on or off. */
static void ripple(OrmCascade *p){
  for(p->bMore=1; p->bMore && p->pErr->rc==SQLITE_OK; ){
    p->bMore = 0;
    for(int i=0; i<p->nNode && p->pErr->rc==SQLITE_OK; i++){
      NodeState *pNode = p->apNode[i];
      OrmEdge *pEdge;
      if( pNode->touch.n==0 ) continue;
      pEdge = ormNodeRipples(p->pErr, pNode->p);
      for(; pEdge; pEdge=pEdge->pNext) rippleEdge(p, pNode, pEdge);
    }
  }
}

/* ------------------------------------------------------------------------
** The interface
** --------------------------------------------------------------------- */

/* Roots from a statement that gives (anything, is it to be passed over,
** ids..). */
static void addRoots(
  OrmCascade *p, OrmNode *pNode, OrmStmt *pStmt, const OrmRel *pLeft,
  const char *zPath
){
  FindSink sink;
  if( p->pErr->rc ) return;
  memset(&sink, 0, sizeof(sink));
  sink.base.xRow = foundRow;
  sink.base.pErr = p->pErr;
  sink.p = p;
  sink.pTo = ormCascadeNode(p, pNode);
  if( sink.pTo==0 ) return;
  sink.eMode = pNode->pSoft && !p->bForGood ? ROW_SOFT : ROW_HARD;
  sink.iPath = pathNew(p, 0, 0, 0);
  if( p->pErr->rc ) return;
  p->aPath[sink.iPath].zText = ormArenaText(p->pArena, zPath, -1);
  p->aPath[sink.iPath].pLeft = pLeft;
  p->bLeft |= pLeft!=0;
  ormEmitRun(p->pOrm, p->pErr, pStmt, &sink.base);
}

i64 ormCascadeAdd(
  OrmCascade *p, OrmModel *pModel, OrmKeys *pKeys, const OrmRel *pLeft,
  const char *zPath
){
  OrmBuf buf;
  OrmStmt *pStmt = 0;
  OrmNode *pNode;
  i64 nBefore = p ? p->nRoot : 0;
  if( p==0 || p->pErr->rc || pKeys->nKey==0 ) return 0;
  pNode = ormNodeFind(p->pErr, p->pRules, pModel->zTable);
  if( pNode==0 ) return 0;
  ormBufInit(&buf, p->pErr);
  ormBufAdd(&buf, "SELECT orm_emit(k.i, ", -1);
  skipSql(p, &buf, pNode, "c");
  ormBufAdd(&buf, ", ", 2);
  ormNodeIds(&buf, pNode, "c");
  ormBufAdd(&buf, ") FROM orm_keys(?1) AS k CROSS JOIN ", -1);
  ormBufTable(&buf, pNode->zTable);
  ormBufAdd(&buf, " AS c WHERE ", -1);
  for(int i=0; i<pModel->nKey; i++){
    if( i ) ormBufAdd(&buf, " AND ", 5);
    ormBufColumn(&buf, "c", pModel->aField[pModel->aKey[i]].zName);
    ormBufPrintf(&buf, " = k.k%d", i);
  }
  pStmt = ormStmtTake(p->pOrm, p->pErr, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  ormKeysBind(p->pErr, pStmt, 1, pKeys);
  bindStamp(p, pStmt);
  addRoots(p, pNode, pStmt, pLeft, zPath);
  ormStmtGive(p->pOrm, p->pErr, pStmt);
  ormKeysCheck(p->pErr, pKeys);
  return p->nRoot - nBefore;
}

void ormCascadePlan(OrmCascade *p, int bPreview){
  if( p->pErr->rc ) return;
  p->bPreview = (u8)bPreview;
  ormCascadeClosure(p);
  while( nextLevel(p) ){
    for(int i=0; i<p->nNode && p->pErr->rc==SQLITE_OK; i++){
      followNode(p, p->apNode[i]);
    }
  }
  ripple(p);
  ormCascadeOrder(p);
  p->bPlanned = p->pErr->rc==SQLITE_OK;
}
