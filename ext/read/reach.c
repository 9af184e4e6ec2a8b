/*
** What a path reaches from an object: a walk in breadth, level by level, so
** that every object is found first on a shortest way to it, in the order of
** the relationships; and once, so that cycles in the data end it.
**
** A level is one statement for each hop that leaves it, over the list of the
** keys reached.  What a statement has told is remembered (Edges), and so a
** walk from another start asks only for what is new.
**
** The walk moves among places.  A place is a hop of the path that has been
** taken; a star of so many levels beside another star has a place for each of
** them.  Objects are found once in each place.
**
** A star leads from an object to all that its hops lead to, other than that
** object itself.  When a star begins at several objects (its origins, all that
** the hop before has reached), one of them may still be reached from another:
** so in a star an object is passed twice, from the first two origins that are
** not the object itself.  Two are enough: whatever a third one leads to is
** reached from at least one of them as well, and not later.
*/
#include "../orm_int.h"

typedef struct Edges Edges;
typedef struct Visit Visit;
typedef struct Front Front;
typedef struct Place Place;

/* What a hop leads to, for the objects that were asked for. */
struct Edges {
  OrmKeySet *pFrom, *pTo;
  int nSpan, nSpanAlloc;
  struct Span { int iFirst, n; } *aSpan;   /* by number in pFrom; n<0: unknown*/
  int nEdge, nEdgeAlloc; int *aEdge;       /* numbers in pTo                  */
  char *zSql; i64 nSql;
};

struct Visit { u32 iWalk; int iFirst; u8 bSecond; };  /* an origin + 1, or 0  */

struct Front {                  /* objects found at one level                 */
  int n, nAlloc;
  struct Find { int iKey, iOrigin; u8 bFirst; } *a;
};

struct Place {
  int iHop;
  int iLevel;                   /* of a star that counts them, from 1         */
  u8 bAgain;                    /* the hop may be taken again                 */
  int nVisit, nVisitAlloc; Visit *aVisit;
  Front now, next;
};

struct OrmReach {
  Orm *pOrm;
  OrmErr *pErr;
  OrmArena arena;               /* all but the key sets                       */
  const OrmPath *pPath;
  int eDeleted;
  u32 iWalk;                    /* tells the visits of a walk                 */
  int nSet; OrmKeySet *aSet;    /* one a model, found by apModel              */
  OrmModel **apModel;
  Edges *aEdges;                /* one a hop                                  */
  int nPlace; Place *aPlace;
  int *aiPlace;                 /* first place of each hop                    */
  int nSeen, nSeenAlloc; u32 *aSeen;       /* walk in which it was a hit      */
  int nHit, nHitAlloc; OrmHit *aHit;
};

/* ------------------------------------------------------------------------
** Life
*/
static OrmKeySet *setOf(OrmReach *p, OrmModel *pModel){
  int i = 0;
  while( i<p->nSet && p->apModel[i]!=pModel ) i++;
  if( i==p->nSet ){
    ormKeySetInit(&p->aSet[i], p->pErr, pModel->nKey);
    p->apModel[i] = pModel;
    p->nSet++;
  }
  return &p->aSet[i];
}

/* Places of a hop: as many as it has levels if these must be told apart. */
static int placesOf(const OrmPath *pPath, int iHop){
  const OrmHop *pHop = &pPath->aHop[iHop];
  if( pHop->nMax==0 ) return 1;
  for(int i=0; i<pPath->nHop; i++){
    if( i!=iHop && pPath->aHop[i].bStar ) return pHop->nMax;
  }
  return 1;
}

static void placesInit(OrmReach *p){
  const OrmPath *pPath = p->pPath;
  int n = 0;
  for(int i=0; i<pPath->nHop; i++) n += placesOf(pPath, i);
  p->aPlace = ormArenaAlloc(&p->arena, (i64)sizeof(Place)*n);
  p->aiPlace = ormArenaAlloc(&p->arena, (i64)sizeof(int)*(pPath->nHop + 1));
  if( p->aPlace==0 || p->aiPlace==0 ) return;
  for(int i=0; i<pPath->nHop; i++){
    int nLevel = placesOf(pPath, i);
    p->aiPlace[i] = p->nPlace;
    for(int j=0; j<nLevel; j++){
      Place *pPlace = &p->aPlace[p->nPlace++];
      pPlace->iHop = i;
      pPlace->iLevel = j + 1;
      pPlace->bAgain = pPath->aHop[i].bStar && (nLevel==1 || j+1<nLevel);
    }
  }
  p->aiPlace[pPath->nHop] = p->nPlace;
}

OrmReach *ormReachNew(
  Orm *pOrm, OrmErr *pErr, const OrmPath *pPath, int eDeleted
){
  OrmReach *p;
  int n = pPath->nHop;
  if( pErr->rc ) return 0;
  p = sqlite3_malloc64(sizeof(*p));
  if( p==0 ){
    ormErrOom(pErr);
    return 0;
  }
  memset(p, 0, sizeof(*p));
  p->pOrm = pOrm;
  p->pErr = pErr;
  p->pPath = pPath;
  p->eDeleted = eDeleted;
  ormArenaInit(&p->arena, pErr);
  p->aSet = ormArenaAlloc(&p->arena, (i64)sizeof(OrmKeySet)*(n + 1));
  p->apModel = ormArenaAlloc(&p->arena, (i64)sizeof(OrmModel*)*(n + 1));
  p->aEdges = ormArenaAlloc(&p->arena, (i64)sizeof(Edges)*n);
  placesInit(p);
  for(int i=0; i<n && pErr->rc==SQLITE_OK; i++){
    p->aEdges[i].pFrom = setOf(p, ormHopFrom(&pPath->aHop[i]));
    p->aEdges[i].pTo = setOf(p, ormHopTo(&pPath->aHop[i]));
  }
  if( pErr->rc==SQLITE_OK ) return p;
  ormReachFree(p);
  return 0;
}

void ormReachFree(OrmReach *p){
  if( p==0 ) return;
  for(int i=0; i<p->nSet; i++) ormKeySetFree(&p->aSet[i]);
  ormArenaFree(&p->arena);
  sqlite3_free(p);
}

/* ------------------------------------------------------------------------
** Edges: the rows behind a hop
*/

/* The order of the relationship, after the order of the list. */
static void hopOrderSql(OrmReach *p, OrmSql *pSql, const OrmHop *pHop,
                        const char *zFar){
  OrmParse parse;
  OrmQuery *pQuery;
  ormBufAdd(&pSql->buf, " ORDER BY k.i", -1);
  if( pHop->bBack ) return;
  ormParseInit(&parse, p->pOrm, &p->arena, ORM_Q_ALL);
  pQuery = ormQueryNew(&parse, ormHopTo(pHop), 0, pHop->pRel);
  if( pQuery==0 ) return;
  pQuery->eDeleted = (u8)p->eDeleted;
  ormOrderParse(&parse, pQuery, 0);
  for(int i=0; i<pQuery->nOrder && p->pErr->rc==SQLITE_OK; i++){
    const OrmOrder *pOrder = &pQuery->aOrder[i];
    ormBufChar(&pSql->buf, ',');
    ormOrderTermSql(pSql, pOrder, zFar);
    if( pOrder->bDesc ) ormBufAdd(&pSql->buf, " DESC", 5);
    if( pOrder->bNullsLast!=pOrder->bDesc ){
      ormBufAdd(&pSql->buf, pOrder->bNullsLast ? " NULLS LAST"
                                               : " NULLS FIRST", -1);
    }
  }
}

/* k.i and the keys at the other end, for each key of a list, in its order. */
static void edgesSql(OrmReach *p, int iHop){
  const OrmHop *pHop = &p->pPath->aHop[iHop];
  Edges *pEdges = &p->aEdges[iHop];
  OrmSql sql;
  char zFar[16];
  if( pEdges->zSql ) return;
  ormSqlInit(&sql, p->pOrm, &p->arena, 2);
  ormSqlAlias(&sql, zFar);
  ormBufAdd(&sql.buf, "SELECT k.i,", -1);
  ormKeyColumnsSql(&sql.buf, ormHopTo(pHop), zFar);
  ormBufAdd(&sql.buf, " FROM orm_keys(?1) AS k", -1);
  ormHopKeysSql(&sql, pHop, "k", zFar, p->eDeleted);
  hopOrderSql(p, &sql, pHop, zFar);
  pEdges->nSql = sql.buf.n;
  pEdges->zSql = ormArenaText(&p->arena, ormBufText(&sql.buf), sql.buf.n);
  ormSqlFree(&sql);
}

static void edgeAdd(OrmReach *p, Edges *pEdges, OrmStmt *pStmt, int *aiKey){
  sqlite3_value *apVal[ORM_MAX_KEY];
  int iKey = aiKey[sqlite3_column_int(pStmt->p, 0)];
  int iTo, bNew, *pEdge;
  struct Span *pSpan = &pEdges->aSpan[iKey];
  for(int i=0; i<pEdges->pTo->nCol; i++){
    apVal[i] = sqlite3_column_value(pStmt->p, i+1);
  }
  iTo = ormKeySetAdd(pEdges->pTo, apVal, &bNew);
  if( pEdges->nEdge>=0x3fffffff ){
    ormErr(p->pErr, SQLITE_TOOBIG, "orm: too many objects at once");
  }
  pEdge = p->pErr->rc ? 0 : ormArenaGrow(&p->arena, (void**)&pEdges->aEdge,
      pEdges->nEdge, &pEdges->nEdgeAlloc, (int)sizeof(int));
  if( pEdge==0 ) return;
  *pEdge = iTo;
  if( pSpan->n==0 ) pSpan->iFirst = pEdges->nEdge;
  pSpan->n++;
  pEdges->nEdge++;
}

/* Ask for the objects aiKey[nKey], none of them known. */
static void edgesRead(OrmReach *p, int iHop, int nKey, int *aiKey){
  Edges *pEdges = &p->aEdges[iHop];
  int nCol = pEdges->pFrom->nCol;
  OrmStmt *pStmt;
  OrmKeys keys;
  struct OrmBind *aBind;
  edgesSql(p, iHop);
  aBind = sqlite3_malloc64(sizeof(*aBind)*(u64)nKey*(u64)nCol);
  if( aBind==0 ) ormErrOom(p->pErr);
  for(int i=0; aBind && i<nKey; i++){
    memcpy(&aBind[(i64)i*nCol], ormKeySetKey(pEdges->pFrom, aiKey[i]),
           sizeof(*aBind)*(size_t)nCol);
    pEdges->aSpan[aiKey[i]].n = 0;
  }
  memset(&keys, 0, sizeof(keys));
  keys.nCol = nCol;
  keys.nKey = nKey;
  keys.aBind = aBind;
  pStmt = ormStmtTake(p->pOrm, p->pErr, pEdges->zSql, pEdges->nSql);
  ormKeysBind(p->pErr, pStmt, 1, &keys);
  while( ormStmtStep(p->pOrm, p->pErr, pStmt) ){
    edgeAdd(p, pEdges, pStmt, aiKey);
  }
  ormStmtGive(p->pOrm, p->pErr, pStmt);
  ormKeysCheck(p->pErr, &keys);
  sqlite3_free(aBind);
}

static struct Span *spanOf(OrmReach *p, Edges *pEdges, int iKey){
  while( pEdges->nSpan<=iKey ){
    struct Span *pSpan = ormArenaGrow(&p->arena, (void**)&pEdges->aSpan,
        pEdges->nSpan, &pEdges->nSpanAlloc, (int)sizeof(*pSpan));
    if( pSpan==0 ) return 0;
    pSpan->iFirst = 0;
    pSpan->n = -1;
    pEdges->nSpan++;
  }
  return &pEdges->aSpan[iKey];
}

/* Add to aiKey[*pnKey] what is not known of a front. */
static void edgesMissing(
  OrmReach *p, Edges *pEdges, const Front *pFront, int bFirstOnly, int *aiKey,
  int *pnKey
){
  for(int i=0; i<pFront->n; i++){
    struct Span *pSpan;
    if( bFirstOnly && !pFront->a[i].bFirst ) continue;
    pSpan = spanOf(p, pEdges, pFront->a[i].iKey);
    if( pSpan==0 ) return;
    if( pSpan->n!=-1 ) continue;
    pSpan->n = -2;              /* in the list                                */
    aiKey[(*pnKey)++] = pFront->a[i].iKey;
  }
}

/* Know a hop for all objects that take it from the present level. */
static void edgesNeed(OrmReach *p, int iHop){
  Edges *pEdges = &p->aEdges[iHop];
  int nMost = 0, nKey = 0;
  int *aiKey;
  int iFrom = iHop ? p->aiPlace[iHop-1] : 0;
  for(int i=iFrom; i<p->aiPlace[iHop+1]; i++) nMost += p->aPlace[i].now.n;
  if( nMost==0 || p->pErr->rc ) return;
  aiKey = sqlite3_malloc64(sizeof(int)*(u64)nMost);
  if( aiKey==0 ){
    ormErrOom(p->pErr);
    return;
  }
  for(int i=iFrom; i<p->aiPlace[iHop+1]; i++){
    Place *pPlace = &p->aPlace[i];
    if( pPlace->iHop==iHop && !pPlace->bAgain ) continue;
    edgesMissing(p, pEdges, &pPlace->now, pPlace->iHop!=iHop, aiKey, &nKey);
  }
  if( nKey ) edgesRead(p, iHop, nKey, aiKey);
  sqlite3_free(aiKey);
}

/* ------------------------------------------------------------------------
** The walk
*/
static Visit *visitOf(OrmReach *p, Place *pPlace, int iKey){
  Visit *pVisit;
  while( pPlace->nVisit<=iKey ){
    pVisit = ormArenaGrow(&p->arena, (void**)&pPlace->aVisit, pPlace->nVisit,
                          &pPlace->nVisitAlloc, (int)sizeof(*pVisit));
    if( pVisit==0 ) return 0;
    memset(pVisit, 0, sizeof(*pVisit));
    pPlace->nVisit++;
  }
  pVisit = &pPlace->aVisit[iKey];
  if( pVisit->iWalk!=p->iWalk ){
    pVisit->iWalk = p->iWalk;
    pVisit->iFirst = pVisit->bSecond = 0;
  }
  return pVisit;
}

/* An object at the end of the path, the first time. */
static void hitAdd(OrmReach *p, int iKey, int nDepth){
  OrmHit *pHit;
  while( p->nSeen<=iKey ){
    u32 *pSeen = ormArenaGrow(&p->arena, (void**)&p->aSeen, p->nSeen,
                              &p->nSeenAlloc, (int)sizeof(*pSeen));
    if( pSeen==0 ) return;
    *pSeen = 0;
    p->nSeen++;
  }
  if( p->aSeen[iKey]==p->iWalk ) return;
  p->aSeen[iKey] = p->iWalk;
  pHit = ormArenaGrow(&p->arena, (void**)&p->aHit, p->nHit, &p->nHitAlloc,
                      (int)sizeof(*pHit));
  if( pHit==0 ) return;
  pHit->iKey = iKey;
  pHit->nDepth = nDepth;
  p->nHit++;
}

/* An object is found in a place, at depth nDepth, from iOrigin. */
static void visit(
  OrmReach *p, Place *pPlace, int iKey, int iOrigin, int nDepth
){
  int bStar = p->pPath->aHop[pPlace->iHop].bStar;
  Visit *pVisit;
  struct Find *pFind;
  if( bStar && iKey==iOrigin ) return;
  pVisit = visitOf(p, pPlace, iKey);
  if( pVisit==0 || pVisit->bSecond ) return;
  if( pVisit->iFirst && (!bStar || pVisit->iFirst==iOrigin+1) ) return;
  pFind = ormArenaGrow(&p->arena, (void**)&pPlace->next.a, pPlace->next.n,
                       &pPlace->next.nAlloc, (int)sizeof(*pFind));
  if( pFind==0 ) return;
  pFind->iKey = iKey;
  pFind->iOrigin = iOrigin;
  pFind->bFirst = pVisit->iFirst==0;
  pPlace->next.n++;
  if( !pFind->bFirst ){
    pVisit->bSecond = 1;
    return;
  }
  pVisit->iFirst = iOrigin + 1;
  if( pPlace->iHop==p->pPath->nHop-1 ) hitAdd(p, iKey, nDepth);
}

/* From one object over a hop to a place. */
static void follow(
  OrmReach *p, int iHop, Place *pTo, int iKey, int iOrigin, int nDepth
){
  const Edges *pEdges = &p->aEdges[iHop];
  struct Span span = pEdges->aSpan[iKey];
  for(int i=0; i<span.n && p->pErr->rc==SQLITE_OK; i++){
    visit(p, pTo, pEdges->aEdge[span.iFirst+i], iOrigin, nDepth);
  }
}

/* From all of a place's objects one level on. */
static void placeStep(OrmReach *p, Place *pPlace, int nDepth){
  int iNext = pPlace->iHop + 1;
  int bSame = p->aiPlace[iNext] - p->aiPlace[pPlace->iHop]==1;
  for(int i=0; i<pPlace->now.n; i++){
    struct Find find = pPlace->now.a[i];
    if( pPlace->bAgain ){
      follow(p, pPlace->iHop, bSame ? pPlace : pPlace + 1, find.iKey,
             find.iOrigin, nDepth);
    }
    if( find.bFirst && iNext<p->pPath->nHop ){
      follow(p, iNext, &p->aPlace[p->aiPlace[iNext]], find.iKey, find.iKey,
             nDepth);
    }
  }
}

/* The next level becomes the present one: 1 if anybody is there. */
static int turn(OrmReach *p){
  int bAny = 0;
  for(int i=0; i<p->nPlace; i++){
    Place *pPlace = &p->aPlace[i];
    Front now = pPlace->now;
    pPlace->now = pPlace->next;
    pPlace->next = now;
    pPlace->next.n = 0;
    bAny |= pPlace->now.n>0;
  }
  return bAny && p->pErr->rc==SQLITE_OK;
}

/* Has a star that is alone in counting its levels taken all of them?  Every
** origin of it stands at the same depth: its first hop brings depth iHop+1. */
static void checkLevels(OrmReach *p, int nDepth){
  for(int i=0; i<p->pPath->nHop; i++){
    const OrmHop *pHop = &p->pPath->aHop[i];
    Place *pPlace = &p->aPlace[p->aiPlace[i]];
    if( pHop->nMax && p->aiPlace[i+1]-p->aiPlace[i]==1 ){
      pPlace->bAgain = nDepth - i < pHop->nMax;
    }
  }
}

/* The walk from the object numbered iStart in the set of the path's first
** model. */
static void walk(OrmReach *p, int iStart){
  Front *pNow = &p->aPlace[0].now;
  int nDepth = 1;
  if( spanOf(p, &p->aEdges[0], iStart)==0 ) return;
  if( p->aEdges[0].aSpan[iStart].n<0 ) edgesRead(p, 0, 1, &iStart);
  if( p->pErr->rc ) return;
  assert( pNow->n==0 );
  ORM_UNUSED(pNow);
  follow(p, 0, &p->aPlace[0], iStart, iStart, 1);
  while( turn(p) ){
    checkLevels(p, nDepth);
    for(int i=0; i<p->pPath->nHop; i++) edgesNeed(p, i);
    nDepth++;
    for(int i=0; i<p->nPlace && p->pErr->rc==SQLITE_OK; i++){
      placeStep(p, &p->aPlace[i], nDepth);
    }
  }
}

int ormReachFrom(OrmReach *p, const struct OrmBind *aKey){
  int bNew;
  int iStart;
  assert( p->pErr->rc==SQLITE_OK );
  iStart = ormKeySetPut(p->aEdges[0].pFrom, aKey, &bNew);
  p->nHit = 0;
  p->iWalk++;
  for(int i=0; i<p->nPlace; i++) p->aPlace[i].now.n = p->aPlace[i].next.n = 0;
  if( iStart>=0 ) walk(p, iStart);
  return p->pErr->rc ? 0 : p->nHit;
}

const OrmHit *ormReachHits(const OrmReach *p){
  return p->aHit;
}

const struct OrmBind *ormReachKey(const OrmReach *p, int iHit){
  return ormKeySetKey(p->aEdges[p->pPath->nHop-1].pTo, p->aHit[iHit].iKey);
}
