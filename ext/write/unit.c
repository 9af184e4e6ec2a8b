/*
** The unit of work: a graph of objects becomes a plan of row writes before
** anything is written, and is then written in an order that the references
** between the rows allow.
**
**   graph.c    the document, checked against the catalog: rows, the values of
**              their fields, references between them, collections.
**   nulls.c    references that are null, and which of their columns are.
**   resolve.c  which rows exist: looked up by key or natural key in batches;
**              rows with one key become one row (C97); versions, cascade words
**              and readonly fields checked.
**   collect.c  collections compared with what is there: who left, and what
**              that means (orphans, references to set NULL, links to delete).
**   unit.c     the order, below.
**   flush.c    the statements.
**   written.c  the include of a query that gives the graph back.
**
** Up to here nothing is written, and every complaint is collected, so that all
** the mistakes of a graph are reported together.  Then, in this order:
**
**   1. link rows of members that left are deleted; references of members that
**      left are set NULL; references that move to an object that is there
**      already are moved (C34, C51), or, where a UNIQUE index could still have
**      what goes, set NULL meanwhile, so that
**   2. orphans can be deleted, by the cascade planner, before anything is
**      inserted (C54, W8).  Where a row can be moved only to an object that is
**      yet to be inserted and cannot be NULL meanwhile, this waits until 4.
**   3. rows are updated and inserted: models in the order of their references
**      (C11, C12, C85), each component of models that refer to one another at
**      once, in the order of the rows' own references (by a relationship or by
**      the value of a foreign key), level by level (C73, C86).
**      Rows that wait for one another (C76): one of them is inserted with NULL
**      and updated at the end; where no NULL may be, the key is chosen
**      beforehand and foreign keys are deferred.
**   4. references left NULL are set; orphans on the far side of a reference
**      are deleted (C55).
**   5. link rows are inserted (C62).
**   6. links are checked as foreign keys would (check.c).
**
** All of it runs inside one anchor.  A row knows the values of its key when it
** was found, when the document gives it, or when its INSERT is done, and rows
** that refer to it take them from there (ormUnitKnown).
*/
#include "unit.h"

#define MAX_COMPLAINT 50

/* ------------------------------------------------------------------------
** Building blocks
** --------------------------------------------------------------------- */

void ormUnitInit(
  Unit *p, Orm *pOrm, OrmErr *pErr, OrmArena *pArena, OrmCatalog *pCatalog,
  int eMode
){
  int bOn = 0;
  memset(p, 0, sizeof(*p));
  p->pOrm = pOrm;
  p->pErr = pErr;
  p->pArena = pArena;
  p->pCatalog = pCatalog;
  p->eMode = eMode;
  sqlite3_db_config(pOrm->db, SQLITE_DBCONFIG_ENABLE_FKEY, -1, &bOn);
  p->bForeignKeys = (u8)(bOn!=0);
}

void ormUnitFree(Unit *p){
  ormFlushDone(p);
}

/* A complaint, put among the others by its place in the document.  Where one
** document is meant for many objects, it is told once. */
void ormUnitErr(
  Unit *p, int rc, const OrmJson *pNode, const char *zFormat, ...
){
  const char *zAt = pNode ? pNode->zRaw : 0, *zText;
  UnitComplaint **pp = &p->pComplaint, *pNew;
  va_list ap;
  char *z;
  int bPath;
  if( p->pErr->rc ) return;
  if( p->nComplaint>=MAX_COMPLAINT ){
    p->nComplaint++;
    return;
  }
  va_start(ap, zFormat);
  z = sqlite3_vmprintf(zFormat, ap);
  va_end(ap);
  if( z==0 ){
    ormErrOom(p->pErr);
    return;
  }
  bPath = pNode && (pNode->pParent || strncmp(z, "stale ", 6)!=0);
  zText = ormArenaPrintf(p->pArena, "%s%s%s",
      bPath ? ormJsonPath(p->pArena, pNode) : "", bPath ? ": " : "", z);
  sqlite3_free(z);
  if( zText==0 ) return;
  for(; *pp && (*pp)->zAt<=zAt; pp=&(*pp)->pNext){
    if( strcmp((*pp)->zText, zText)==0 ) return;
  }
  pNew = ormArenaAlloc(p->pArena, sizeof(*pNew));
  if( pNew==0 ) return;
  pNew->rc = rc;
  pNew->zAt = zAt;
  pNew->zText = zText;
  pNew->pNext = *pp;
  *pp = pNew;
  p->nComplaint++;
}

/* The complaints become the error. */
void ormUnitReport(Unit *p){
  OrmBuf buf;
  if( p->nComplaint==0 || p->pErr->rc ) return;
  ormBufInit(&buf, p->pErr);
  for(UnitComplaint *q=p->pComplaint; q; q=q->pNext){
    if( buf.n ) ormBufAdd(&buf, "; ", 2);
    ormBufAdd(&buf, q->zText, -1);
  }
  if( p->nComplaint>MAX_COMPLAINT ){
    ormBufPrintf(&buf, "; and %d more", p->nComplaint - MAX_COMPLAINT);
  }
  ormErr(p->pErr, p->pComplaint->rc, "orm: %s", ormBufText(&buf));
  ormBufFree(&buf);
}

/* To check a foreign key takes all its columns, whichever of them are given,
** and what a DEFAULT gave. */
static void needFk(UnitModel *p, const OrmFk *pFk){
  for(int i=0; i<pFk->n; i++){
    int f = pFk->aField[i];
    if( pFk->n>1 ) p->abNeed[f] = 1;
    if( p->p->aField[f].zDefault ) p->abBack[f] = 1;
  }
}

UnitModel *ormUnitModel(Unit *p, OrmModel *pModel){
  UnitModel **pp = &p->pModel, *pNew;
  while( *pp && (*pp)->p!=pModel ) pp = &(*pp)->pNext;
  if( *pp ) return *pp;
  if( pModel->nField*2>ORM_MASK_MAX*64 ){
    ormErr(p->pErr, SQLITE_ERROR, "orm: %s has too many columns to be written",
           pModel->zName);
  }
  pNew = ormArenaAlloc(p->pArena, sizeof(*pNew));
  if( pNew==0 ) return 0;
  pNew->p = pModel;
  pNew->pArena = p->pArena;
  pNew->nMask = (pModel->nField*2 + 63)/64;
  pNew->abNeed = ormArenaAlloc(p->pArena, pModel->nField);
  pNew->abBack = ormArenaAlloc(p->pArena, pModel->nField);
  if( pNew->abBack==0 ) return 0;
  for(int i=0; i<pModel->nField; i++){
    pNew->abNeed[i] = pModel->aField[i].iKey>0;
    pNew->abBack[i] = pModel->aField[i].iKey>0;
  }
  for(int i=0; i<pModel->nUnique; i++){
    const OrmUnique *pUnique = &pModel->aUnique[i];
    for(int j=0; pUnique->n>1 && j<pUnique->n; j++){
      pNew->abNeed[pUnique->aField[j]] = 1;
    }
  }
  for(int i=0; i<pModel->nFk; i++) needFk(pNew, &pModel->aFk[i]);
  for(int i=0; i<pModel->nNatural; i++) pNew->abNeed[pModel->aNatural[i]] = 1;
  if( pModel->iVersion>=0 ) pNew->abNeed[pModel->iVersion] = 1;
  if( pModel->iSoftDelete>=0 ) pNew->abNeed[pModel->iSoftDelete] = 1;
  pNew->iModel = p->nModel++;
  return *pp = pNew;
}

UnitRow *ormUnitRow(Unit *p, OrmModel *pModel, int eRole, const OrmJson *pNode){
  UnitModel *pAt = p->pLastModel && p->pLastModel->p==pModel
                 ? p->pLastModel : ormUnitModel(p, pModel);
  UnitRow *pRow = pAt ? ormArenaAlloc(p->pArena, sizeof(*pRow)) : 0;
  if( pRow==0 ) return 0;
  p->pLastModel = pAt;
  pRow->pModel = pAt;
  pRow->pNode = pNode;
  pRow->eRole = (u8)eRole;
  pRow->iSeq = p->nRow++;
  if( p->pLast ) p->pLast->pNext = pRow; else p->pFirst = pRow;
  p->pLast = pRow;
  return pRow;
}

UnitVal *ormUnitVal(Unit *p, UnitRow *pRow, int iField){
  if( pRow->aVal==0 ){
    pRow->aVal = ormArenaAlloc(p->pArena,
                     pRow->pModel->p->nField*(i64)sizeof(UnitVal));
    if( pRow->aVal==0 ) return 0;
  }
  return &pRow->aVal[iField];
}

UnitRow *ormUnitSame(UnitRow *p){
  while( p->pSame ) p = p->pSame;
  return p;
}

void ormUnitAgree(
  Unit *p, UnitVal *pVal, UnitRow *pRef, int iRef, const OrmJson *pNode
){
  UnitAgree *pNew = ormArenaAlloc(p->pArena, sizeof(*pNew));
  if( pNew==0 ) return;
  pNew->pVal = pVal;
  pNew->pRef = pRef;
  pNew->iRef = iRef;
  pNew->pNode = pNode;
  pNew->pNext = p->pAgree;
  p->pAgree = pNew;
}

int ormUnitKnown(const UnitRow *pRow, int iField, struct OrmBind *pOut){
  for(int n=0; n<UNIT_MAX_HOP; n++){
    const UnitVal *pVal;
    const OrmField *pField;
    int bChosen;                /* SQLite chooses the key                     */
    pRow = ormUnitSame((UnitRow*)pRow);
    pField = &pRow->pModel->p->aField[iField];
    pVal = pRow->aVal ? &pRow->aVal[iField] : 0;
    if( pVal && pVal->eKind==UNIT_REF ){
      pRow = pVal->pRef;
      iField = pVal->iRef;
      continue;
    }
    bChosen = pVal && pVal->v.eType==SQLITE_NULL && pField->iKey
           && pRow->pModel->p->bRowidKey;
    if( pVal && pVal->eKind==UNIT_BIND && !(bChosen && pRow->aBack) ){
      *pOut = pVal->v;
      if( bChosen ) return 0;
      ormValAffinity(pRow->pModel->pArena, pOut, pField->cAff);
      return 1;
    }
    if( pRow->eState==UNIT_OLD ){
      *pOut = pRow->aOld[iField];
    }else if( pRow->aBack ){
      *pOut = pRow->aBack[iField];
    }else{
      return 0;
    }
    return pOut->eType!=0;
  }
  return 0;
}

void ormUnitOrphan(
  Unit *p, OrmModel *pModel, const struct OrmBind *aKey, const UnitColl *pColl,
  int bLate
){
  UnitOrphan *pNew = ormArenaAlloc(p->pArena, sizeof(*pNew));
  if( pNew==0 ) return;
  pNew->pModel = pModel;
  pNew->aKey = aKey;
  pNew->pNode = pColl->pNode;
  pNew->bLate = (u8)bLate;
  if( !bLate && pColl->pRel->zSecondary==0 ) pNew->pLeft = pColl->pRel;
  if( p->pLastOrphan ) p->pLastOrphan->pNext = pNew; else p->pOrphan = pNew;
  p->pLastOrphan = pNew;
}

/* ------------------------------------------------------------------------
** Orphans
** --------------------------------------------------------------------- */

/* Orphans of one model that left one collection are roots together. */
static UnitOrphan *addOrphans(
  Unit *p, OrmCascade *pCascade, UnitOrphan *pFirst, int bLate
){
  OrmBinds binds;
  OrmKeys keys;
  UnitOrphan *pEnd = pFirst;
  int nKey = pFirst->pModel->nKey;
  memset(&binds, 0, sizeof(binds));
  memset(&keys, 0, sizeof(keys));
  binds.pArena = p->pArena;
  for(; pEnd && pEnd->pModel==pFirst->pModel && pEnd->pNode==pFirst->pNode
        && pEnd->pLeft==pFirst->pLeft
        && (pEnd->bLate==bLate || p->bLateDelete); pEnd=pEnd->pNext){
    for(int i=0; i<nKey; i++) ormBindCopy(&binds, &pEnd->aKey[i]);
    keys.nKey++;
  }
  keys.nCol = nKey;
  keys.aBind = binds.a;
  ormCascadeAdd(pCascade, pFirst->pModel, &keys, pFirst->pLeft,
                ormJsonPath(p->pArena, pFirst->pNode));
  return pEnd;
}

static void deleteOrphans(Unit *p, int bLate){
  OrmCascade *pCascade = 0;
  UnitOrphan *pOrphan = p->pOrphan;
  while( pOrphan && p->pErr->rc==SQLITE_OK ){
    if( pOrphan->bLate!=bLate && !p->bLateDelete ){
      pOrphan = pOrphan->pNext;
      continue;
    }
    if( pCascade==0 ){
      pCascade = ormCascadeNew(p->pOrm, p->pErr, p->pCatalog, p->pArena);
    }
    if( pCascade ) pOrphan = addOrphans(p, pCascade, pOrphan, bLate);
  }
  if( pCascade && p->pErr->rc==SQLITE_OK ){
    ormCascadePlan(pCascade, 0);
    ormCascadeRun(pCascade);
    ormCheckAlive(p);
  }
  ormCascadeFree(pCascade);
}

/* Does a row of the file change a reference? */
static int movesReference(const UnitRow *pRow){
  if( pRow->pSame || pRow->bOrphan || pRow->eState!=UNIT_OLD || !pRow->aVal ){
    return 0;
  }
  for(int i=0; i<pRow->pModel->p->nField; i++){
    if( pRow->aVal[i].bRel && pRow->aVal[i].eKind!=UNIT_NONE ) return 1;
  }
  return 0;
}

/* Count, by model, the rows that change a UNIQUE reference, and where there is
** one, the new rows that could want what it has.  Returns whether there is. */
static int countSwaps(Unit *p){
  int bAny = 0;
  UnitRow *pRow;
  for(pRow=p->pFirst; pRow; pRow=pRow->pNext){
    if( !movesReference(pRow) || !ormFlushSwaps(p, pRow) ) continue;
    pRow->pModel->nSwap++;
    bAny = 1;
  }
  for(pRow=p->pFirst; pRow && bAny; pRow=pRow->pNext){
    if( pRow->pSame || pRow->eState!=UNIT_NEW || pRow->aVal==0 ) continue;
    if( pRow->pModel->nSwap && ormFlushSwaps(p, pRow) ) pRow->pModel->nSwap++;
  }
  return bAny;
}

/* References that move to an object that is there already.  Where others go,
** or come to what this one had, a UNIQUE reference waits until they have. */
static void moveEarly(Unit *p){
  if( !countSwaps(p) && p->pOrphan==0 ) return;
  for(UnitRow *pRow=p->pFirst; pRow && !p->pErr->rc; pRow=pRow->pNext){
    int bSwaps = pRow->pModel->nSwap>1;
    if( pRow->bUnlink || !movesReference(pRow) ) continue;
    if( p->pOrphan==0 && !(bSwaps && ormFlushSwaps(p, pRow)) ) continue;
    if( !ormFlushEarly(p, pRow, 1) ) p->bLateDelete = 1;
  }
}

/* Steps 1 and 2. */
static void writeEarly(Unit *p){
  ormCollectUnlink(p);
  for(UnitRow *pRow=p->pFirst; pRow && !p->pErr->rc; pRow=pRow->pNext){
    if( !pRow->bUnlink || !movesReference(pRow) ) continue;
    if( !ormFlushEarly(p, pRow, 0) ) p->bLateDelete = 1;
  }
  moveEarly(p);
  if( p->pOrphan && !p->bLateDelete ) deleteOrphans(p, 0);
}

/* ------------------------------------------------------------------------
** The order of the models
** --------------------------------------------------------------------- */

typedef struct Order Order;
struct Order {                  /* which model refers to which, as bits       */
  int n, nWord;
  u64 *a;                       /* n rows of nWord words                      */
};

static void orderSet(Order *p, int iFrom, int iTo){
  p->a[iFrom*p->nWord + (iTo>>6)] |= ((u64)1)<<(iTo & 63);
}

static int orderHas(const Order *p, int iFrom, int iTo){
  return (int)(p->a[iFrom*p->nWord + (iTo>>6)]>>(iTo & 63) & 1);
}

/* References: those that rows hold and those that are declared (C12). */
static void orderRead(Unit *p, Order *pOrder){
  for(UnitModel *pA=p->pModel; pA; pA=pA->pNext){
    for(int i=0; i<pA->p->nFk; i++){
      for(UnitModel *pB=p->pModel; pB; pB=pB->pNext){
        if( sqlite3_stricmp(pA->p->aFk[i].zTarget, pB->p->zTable)==0 ){
          orderSet(pOrder, pA->iModel, pB->iModel);
        }
      }
    }
  }
  for(UnitRow *pRow=p->pFirst; pRow; pRow=pRow->pNext){
    if( pRow->aVal==0 || pRow->pSame ) continue;
    for(int i=0; i<pRow->pModel->p->nField; i++){
      if( pRow->aVal[i].eKind!=UNIT_REF ) continue;
      orderSet(pOrder, pRow->pModel->iModel,
               ormUnitSame(pRow->aVal[i].pRef)->pModel->iModel);
    }
  }
}

/* Whom a model refers to by however many steps. */
static void orderClose(Order *p){
  for(int k=0; k<p->n; k++){
    for(int i=0; i<p->n; i++){
      if( !orderHas(p, i, k) ) continue;
      for(int w=0; w<p->nWord; w++){
        p->a[i*p->nWord + w] |= p->a[k*p->nWord + w];
      }
    }
  }
}

/* May model i come now: all that it refers to, but for those that refer back
** to it, have their turn? */
static int orderReady(const Order *p, UnitModel **ap, int i){
  for(int j=0; j<p->n; j++){
    if( orderHas(p, i, j) && !orderHas(p, j, i) && ap[j]->iOrder==0 ) return 0;
  }
  return 1;
}

/* Give every model its turn; models in a circle share one.  Returns the
** number of turns, counted from 1. */
static int orderModels(Unit *p){
  Order order;
  UnitModel **ap = ormArenaAlloc(p->pArena, (p->nModel+1)*(i64)sizeof(*ap));
  int nTurn = 0, nDone = 0;
  order.n = p->nModel;
  order.nWord = (p->nModel + 63)/64;
  order.a = ormArenaAlloc(p->pArena, p->nModel*(i64)order.nWord*8);
  if( order.a==0 ) return 0;
  for(UnitModel *pModel=p->pModel; pModel; pModel=pModel->pNext){
    ap[pModel->iModel] = pModel;
    pModel->iOrder = 0;
  }
  orderRead(p, &order);
  orderClose(&order);
  while( nDone<p->nModel ){
    int i = 0;
    while( ORM_ALWAYS(i<p->nModel)
           && (ap[i]->iOrder || !orderReady(&order, ap, i)) ) i++;
    if( ORM_NEVER(i==p->nModel) ) break;
    nTurn++;
    for(int j=0; j<p->nModel; j++){
      int bCircle = orderHas(&order, i, j) && orderHas(&order, j, i);
      if( j!=i && !bCircle ) continue;
      ap[j]->iOrder = nTurn;
      nDone++;
    }
  }
  return nTurn;
}

/* ------------------------------------------------------------------------
** The order of the rows of one turn
** --------------------------------------------------------------------- */

typedef struct TurnEdge TurnEdge;
struct TurnEdge { int iNext, iTo; };
typedef struct Turn Turn;
struct Turn {
  Unit *p;
  int *aReady, nReady;          /* heap of rows that can be written           */
  int nDone;
  UnitRow **apRow; int nRow;    /* those that wait, in the order added        */
  int *aHead;                   /* rows waiting for row i: edges, from 1      */
  TurnEdge *aEdge; int nEdge, nEdgeAlloc;
  int nDeferred;
};

/* Rows of other turns are there, or they would come before this one. */
static int isWritten(const UnitRow *p){
  return p->eState!=UNIT_NEW || p->bWritten;
}

static int takesPart(const UnitRow *p){
  return p->pSame==0 && !p->bOrphan
      && (p->eState==UNIT_NEW || (p->eState==UNIT_OLD && p->aVal));
}

static void addEdge(Turn *t, int iFrom, int iTo){
  TurnEdge *p = ormArenaGrow(t->p->pArena, (void**)&t->aEdge, t->nEdge,
                             &t->nEdgeAlloc, (int)sizeof(*p));
  if( p==0 ) return;
  p->iNext = t->aHead[iFrom];
  p->iTo = iTo;
  t->aHead[iFrom] = ++t->nEdge;
}

/* The row added first is written first, so that a tree goes level by level
** (C73) whatever it hangs on; but for rows of the file that wait for nothing:
** they come before all others (C85), as numbers below zero. */
static void readyAdd(Turn *t, int iRow){
  int i = t->nReady++;
  while( i>0 && t->aReady[(i-1)/2]>iRow ){
    t->aReady[i] = t->aReady[(i-1)/2];
    i = (i-1)/2;
  }
  t->aReady[i] = iRow;
}

static UnitRow *readyTake(Turn *t){
  int iTop = t->aReady[0];
  int iRow = t->aReady[--t->nReady];
  int i = 0, j;
  for(j=1; j<t->nReady; i=j, j=2*i+1){
    if( j+1<t->nReady && t->aReady[j+1]<t->aReady[j] ) j++;
    if( t->aReady[j]>=iRow ) break;
    t->aReady[i] = t->aReady[j];
  }
  t->aReady[i] = iRow;
  t->nDone++;
  return t->apRow[iTop<0 ? iTop + t->nRow : iTop];
}

/* The new row of this turn that the value of a foreign key names, or 0.  One
** that names none, or not by the key, could still mean a row whose key SQLite
** is to choose, or any: *pbGuess. */
static UnitRow *namedRow(
  const Turn *t, const UnitRow *pRow, const OrmFk *pFk, int *pbGuess
){
  const UnitVal *pVal = &pRow->aVal[pFk->aField[0]];
  if( pVal->eKind!=UNIT_BIND || pVal->v.eType==SQLITE_NULL ) return 0;
  for(UnitModel *pAt=t->p->pModel; pAt; pAt=pAt->pNext){
    const OrmField *pKey = &pAt->p->aField[pAt->p->aKey[0]];
    struct OrmBind v = pVal->v;
    UnitRow *pRef;
    if( pAt->iOrder!=pRow->pModel->iOrder
     || sqlite3_stricmp(pAt->p->zTable, pFk->zTarget)!=0 ) continue;
    if( pFk->n!=1 || pAt->p->nKey!=1
     || sqlite3_stricmp(pKey->zName, pFk->azTo[0])!=0 ){
      *pbGuess = 1;
      continue;
    }
    ormValAffinity(t->p->pArena, &v, pKey->cAff);
    pRef = ormResolveByKey(pAt, &v);
    if( pRef ) pRef = ormUnitSame(pRef);
    if( pRef && pRef!=pRow && !isWritten(pRef) ) return pRef;
    if( pRef==0 && pAt->bNameless ) *pbGuess = 1;
  }
  return 0;
}

static void waitFor(Turn *t, UnitRow *pRow, const UnitRow *pRef){
  pRow->nWait++;
  addEdge(t, pRef->iTurn, pRow->iTurn);
}

/* What a row waits for by the values of its foreign keys. */
static void waitByValue(Turn *t, UnitRow *pRow){
  int bGuess = 0;
  for(int j=0; j<pRow->pModel->p->nFk; j++){
    UnitRow *pRef = namedRow(t, pRow, &pRow->pModel->p->aFk[j], &bGuess);
    if( pRef==0 ) continue;
    pRow->bByValue = 1;
    waitFor(t, pRow, pRef);
  }
  if( bGuess ) ormUnitDefer(t->p);
}

/* Count what each row waits for; those that wait for nothing are ready. */
static void turnBegin(Turn *t, UnitRow **apAll, int nAll){
  Unit *p = t->p;
  t->aHead = ormArenaAlloc(p->pArena, (nAll+1)*(i64)sizeof(int));
  t->aReady = ormArenaAlloc(p->pArena, (nAll+1)*(i64)sizeof(int));
  t->apRow = apAll;
  t->nRow = nAll;
  if( t->aReady==0 ) return;
  for(int i=0; i<nAll; i++){
    UnitModel *pModel = apAll[i]->pModel;
    struct OrmBind v;
    apAll[i]->iTurn = i;
    if( apAll[i]->eState==UNIT_NEW && pModel->p->bRowidKey
     && !ormUnitKnown(apAll[i], pModel->p->aKey[0], &v) ) pModel->bNameless = 1;
  }
  for(int i=0; i<nAll && p->pErr->rc==SQLITE_OK; i++){
    UnitRow *pRow = apAll[i];
    if( pRow->aVal==0 ) continue;
    for(int j=0; j<pRow->pModel->p->nField; j++){
      UnitRow *pRef;
      if( pRow->aVal[j].eKind!=UNIT_REF ) continue;
      pRef = ormUnitSame(pRow->aVal[j].pRef);
      if( !isWritten(pRef) ) waitFor(t, pRow, pRef);
    }
    waitByValue(t, pRow);
  }
  for(int i=0; i<nAll; i++){
    if( apAll[i]->nWait>0 ) continue;
    readyAdd(t, apAll[i]->eState==UNIT_OLD ? i - nAll : i);
  }
}

/* A row is written: whoever waited for it waits for one less. */
static void turnWritten(Turn *t, const UnitRow *pRow){
  for(int e=t->aHead[pRow->iTurn]; e; e=t->aEdge[e-1].iNext){
    UnitRow *pWait = t->apRow[t->aEdge[e-1].iTo];
    if( pWait->nWait<=0 || --pWait->nWait>0 ) continue;
    readyAdd(t, pWait->iTurn);
  }
}

/* Can all the references that a row waits for be NULL for a while? */
static int canBeNull(const UnitRow *pRow){
  for(int j=0; j<pRow->pModel->p->nField; j++){
    const UnitVal *pVal = &pRow->aVal[j];
    const OrmField *pField = &pRow->pModel->p->aField[j];
    if( pVal->eKind!=UNIT_REF ) continue;
    if( isWritten(ormUnitSame(pVal->pRef)) ) continue;
    if( pField->bNotNull || pField->iKey ) return 0;
  }
  return 1;
}

/* Is a deferred foreign key violated now? */
static int isPending(Unit *p){
  int nNow = 0, nHigh = 0;
  sqlite3_db_status(p->pOrm->db, SQLITE_DBSTATUS_DEFERRED_FKS, &nNow, &nHigh,
                    0);
  return nNow!=0;
}

void ormUnitDefer(Unit *p){
  if( p->bDeferred || !p->bForeignKeys ) return;
  p->bDeferred = 1;
  p->bWasPending = (u8)isPending(p);
  p->bWasDeferred = (u8)ormForeignKeysDefer(p->pOrm, p->pErr, 1);
  ormFlushDone(p);              /* what is on loan was compiled without       */
}

/* Could a row be one of those that wait for one another?  Rows of the file only
** wait for them. */
static int isStuck(const UnitRow *p){
  return p->nWait>0 && p->eState==UNIT_NEW;
}

/* Rows are left that wait for one another: let one go. */
static void turnStuck(Turn *t){
  Unit *p = t->p;
  UnitRow *pPick = 0;
  for(int i=0; i<t->nRow && pPick==0; i++){
    if( isStuck(t->apRow[i]) && canBeNull(t->apRow[i]) ) pPick = t->apRow[i];
  }
  if( pPick ){
    for(int j=0; j<pPick->pModel->p->nField; j++){
      UnitVal *pVal = &pPick->aVal[j];
      if( pVal->eKind!=UNIT_REF ) continue;
      if( !isWritten(ormUnitSame(pVal->pRef)) ) pVal->bWrite = 1;
    }
    pPick->bDefer = 1;
    t->nDeferred++;
  }else{
    int i = 0;
    while( !isStuck(t->apRow[i]) ) i++;
    pPick = t->apRow[i];
    ormUnitDefer(p);
    for(int j=0; j<pPick->pModel->p->nField; j++){
      UnitVal *pVal = &pPick->aVal[j];
      if( pVal->eKind!=UNIT_REF ) continue;
      if( !isWritten(ormUnitSame(pVal->pRef)) ){
        ormFlushChooseKey(p, ormUnitSame(pVal->pRef));
      }
    }
  }
  if( pPick->bByValue ) ormUnitDefer(p);
  pPick->nWait = 0;
  readyAdd(t, pPick->iTurn);
}

static void writeTurn(Unit *p, UnitRow **apRow, int n){
  Turn turn;
  memset(&turn, 0, sizeof(turn));
  turn.p = p;
  turnBegin(&turn, apRow, n);
  while( turn.nDone<n && p->pErr->rc==SQLITE_OK ){
    UnitRow *pRow;
    if( turn.nReady==0 ) turnStuck(&turn);
    pRow = readyTake(&turn);
    ormFlushRow(p, pRow);
    turnWritten(&turn, pRow);
  }
  for(int i=0; i<n && turn.nDeferred && p->pErr->rc==SQLITE_OK; i++){
    if( apRow[i]->bDefer ) ormFlushDeferred(p, apRow[i]);
  }
}

/* Step 3: rows by turns, each turn's in the order added. */
static void writeRows(Unit *p){
  int nTurn = orderModels(p);
  int *aFirst = ormArenaAlloc(p->pArena, (nTurn+2)*(i64)sizeof(int));
  UnitRow **ap = ormArenaAlloc(p->pArena, (p->nRow+1)*(i64)sizeof(*ap));
  UnitRow *pRow;
  if( ap==0 ) return;           /* the arena gives nothing after a failure    */
  for(pRow=p->pFirst; pRow; pRow=pRow->pNext){
    if( takesPart(pRow) ) aFirst[pRow->pModel->iOrder+1]++;
  }
  for(int i=1; i<=nTurn+1; i++) aFirst[i] += aFirst[i-1];
  for(pRow=p->pFirst; pRow; pRow=pRow->pNext){
    if( !takesPart(pRow) ) continue;
    ap[aFirst[pRow->pModel->iOrder]++] = pRow;
  }
  for(int i=1; i<=nTurn && p->pErr->rc==SQLITE_OK; i++){
    writeTurn(p, &ap[aFirst[i-1]], aFirst[i]-aFirst[i-1]);
  }
}

/* Is the object to change not there?  What hangs on it is not written then. */
static int isNobody(const Unit *p){
  return p->pFirst && p->pFirst->aFind && p->pFirst->eState==UNIT_GONE;
}

void ormUnitRun(Unit *p){
  ormResolve(p);
  if( p->pErr->rc==SQLITE_OK && !isNobody(p) ) ormCollect(p);
  ormUnitReport(p);
  if( p->pErr->rc || isNobody(p) ) return;
  ormRenameDefer(p);
  writeEarly(p);
  ormFlushKeys(p);
  writeRows(p);
  if( p->pOrphan && p->pErr->rc==SQLITE_OK ){
    ormFlushDone(p);
    deleteOrphans(p, 1);
  }
  ormCollectLink(p);
  ormFlushDone(p);
  ormCheckWritten(p);
  if( p->bDeferred && !p->bWasDeferred ){
    if( !p->bWasPending && isPending(p) ){
      ormErr(p->pErr, SQLITE_CONSTRAINT_FOREIGNKEY,
             "orm: FOREIGN KEY constraint failed");
    }
    ormForeignKeysDefer(p->pOrm, p->pErr, 0);
  }
}
