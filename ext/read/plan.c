/*
** Plans: a query document compiled to a tree of levels, kept for the next call
** with the same text.
**
** A plan belongs to one run at a time.  Who asks for a text whose plan is busy
** (a function of ours called from a statement that is being loaded) gets a
** second one.  Plans hold their catalog; they go when it is no longer the
** present one, when a setting has changed (the checks of a query depend on
** them), and when the connection closes.
*/
#include "load.h"
#include "cond.h"

#define PLAN_MAX 100

struct OrmPlanCache {
  OrmCatalog *pCatalog;         /* all plans are of this one                  */
  i64 aConfig[ORM_CONFIG_N];    /* and were checked under these settings      */
  int nPlan;
  OrmPlan *pNewest;
};

/* ------------------------------------------------------------------------
** Levels
*/

static void *planAlloc(OrmPlan *pPlan, i64 n){
  return ormArenaAlloc(&pPlan->arena, n>0 ? n : 1);
}

static int inFields(int iField, int n, const int *a){
  for(int i=0; i<n; i++) if( a[i]==iField ) return i;
  return -1;
}

/* The text that stands before a value in its object. */
static void partKey(
  OrmPlan *pPlan, OrmPart *pPart, int bFirst, const char *zBefore,
  const char *zName
){
  OrmBuf buf;
  ormBufInit(&buf, &pPlan->err);
  ormBufAdd(&buf, zBefore, -1);
  ormJsonString(&buf, zName, (i64)strlen(zName));
  ormBufChar(&buf, ':');
  if( pPlan->err.rc==SQLITE_OK ){
    char *z = ormArenaAlloc(&pPlan->arena, buf.n + ORM_KEY_STEP);
    if( z ){
      memcpy(z, buf.z, (size_t)buf.n);
      if( bFirst ) z[0] = '{';
    }
    pPart->zKey = z;
    pPart->nKey = (int)buf.n;
  }
  ormBufFree(&buf);
}

static const char *const azFunc[] = {
  "_count", "_sum", "_avg", "_min", "_max"
};

/* The field whose column is the last one stored; fields are selected in the
** order of their columns. */
static int earlyPart(const OrmModel *pModel, const OrmQuery *pQuery){
  int iEarly = 0;
  for(int i=0; i<pQuery->nSelect; i++){
    int iField = pQuery->aSelect[i];
    if( pModel->bRowidKey && iField==pModel->aKey[0] ) continue;
    if( !pModel->aField[iField].bGenerated ) iEarly = i;
  }
  return iEarly;
}

/* Where the value of part i stands. */
static int partValue(const OrmLevel *p, int i){
  if( i==p->iEarly ) return 0;
  return i<p->iEarly ? i + 1 : i;
}

/* The parts of an object's text: fields, then counts by their function. */
static void levelParts(OrmLevel *p){
  OrmQuery *pQuery = p->pQuery;
  OrmPlan *pPlan = p->pPlan;
  p->nPart = pQuery->nSelect + pQuery->nCount;
  p->aPart = planAlloc(pPlan, (i64)sizeof(OrmPart)*p->nPart);
  if( p->aPart==0 ) return;
  for(int i=0; i<pQuery->nSelect; i++){
    const OrmField *pField = &p->pModel->aField[pQuery->aSelect[i]];
    if( i==0 ){
      partKey(pPlan, &p->aPart[i], 1, ",", pField->zName);
    }else{
      p->aPart[i].zKey = pField->zJsonKey;
      p->aPart[i].nKey = pField->nJsonKey;
    }
    p->aPart[i].eType = pField->eType;
  }
  for(int i=0; i<pQuery->nCount; i++){
    const OrmCount *pCount = &pQuery->aCount[i];
    OrmPart *pPart = &p->aPart[pQuery->nSelect + i];
    char zBefore[40];
    int bSame = i>0 && pCount[-1].eFunc==pCount->eFunc;
    sqlite3_snprintf(sizeof(zBefore), zBefore, bSame ? "," : "%s,\"%s\":{",
                     i>0 ? "}" : "", azFunc[pCount->eFunc]);
    partKey(pPlan, pPart, i==0 && pQuery->nSelect==0, zBefore, pCount->zAs);
    if( pCount->iField>=0
     && (pCount->eFunc==ORM_MIN || pCount->eFunc==ORM_MAX)
    ){
      pPart->eType = pCount->pRel->pTarget->aField[pCount->iField].eType;
    }
  }
  p->iEarly = earlyPart(p->pModel, pQuery);
  p->nFixed = ORM_KEY_STEP + 2;
  for(int i=0; i<p->nPart; i++){
    p->nFixed += p->aPart[i].nKey + ORM_REAL_TEXT;
    p->aPart[i].iVal = partValue(p, i);
  }
  p->bTail = pQuery->nCount>0 && !p->bLate;
  if( p->bLate ) p->nPart -= pQuery->nCount;
}

static void addInner(OrmLevel *p, int iField){
  if( inFields(iField, p->nInner, p->aInner)>=0 ) return;
  p->aInner[p->nInner++] = iField;
}

/* The slot that keeps these fields of a level's rows. */
int ormLevelSlot(OrmLevel *p, int n, const int *aField){
  OrmPlan *pPlan = p->pPlan;
  OrmSlot *pSlot, *aNew;
  for(int i=0; i<p->nSlot; i++){
    pSlot = &p->aSlot[i];
    if( pSlot->n==n
     && memcmp(pSlot->aField, aField, sizeof(int)*(size_t)n)==0 ) return i;
  }
  aNew = planAlloc(pPlan, (i64)sizeof(OrmSlot)*(p->nSlot + 1));
  if( aNew==0 ) return 0;
  if( p->nSlot ) memcpy(aNew, p->aSlot, sizeof(OrmSlot)*(size_t)p->nSlot);
  p->aSlot = aNew;
  pSlot = &aNew[p->nSlot];
  pSlot->n = n;
  pSlot->aField = aField;
  pSlot->aVal = planAlloc(pPlan, (i64)sizeof(int)*n);
  if( pSlot->aVal==0 ) return 0;
  for(int i=0; i<n; i++){
    int iVal = inFields(aField[i], p->pQuery->nSelect, p->pQuery->aSelect);
    if( iVal<0 ){
      int iExtra = inFields(aField[i], p->nExtra, p->aExtra);
      if( iExtra<0 ){
        iExtra = p->nExtra++;
        p->aExtra[iExtra] = aField[i];
        addInner(p, aField[i]);
      }
      iVal = p->nPart + iExtra;
    }else{
      iVal = partValue(p, iVal);
    }
    pSlot->aVal[i] = iVal;
  }
  return p->nSlot++;
}

/* ------------------------------------------------------------------------
** How the columns of a relationship compare
*/
enum { CLASS_NONE, CLASS_TEXT, CLASS_NUMERIC };

static int affinityClass(char cAff){
  return cAff=='A' ? CLASS_NONE : cAff=='B' ? CLASS_TEXT : CLASS_NUMERIC;
}

static int isBinary(const char *zColl){
  return zColl==0 || sqlite3_stricmp(zColl, "BINARY")==0;
}

/*
** A key list has no affinity, so "remote = key" compares as the columns do
** unless the keys are numbers and the remote column is not (there a join makes
** a number of the text '01'), or their collations differ.
*/
enum {
  COMPARE_HASH    = 1,          /* our own comparison of the values would do  */
  COMPARE_VIA     = 2,          /* SQL must compare the columns: never beside */
                                /*   HASH                                     */
  COMPARE_CONVERT = 4,          /* theirs are to become numbers               */
  COMPARE_ASK     = 8,          /*   and may be that already                  */
  COMPARE_KEY     = 16          /* a parameter would not stay what it is      */
};

static int compareColumns(
  char cFrom, const char *zFromColl, char cTo, const char *zToColl
){
  int eFrom = affinityClass(cFrom), eTo = affinityClass(cTo);
  int bBinary = isBinary(zFromColl) && isBinary(zToColl);
  int m = 0;
  if( bBinary && (eTo!=CLASS_NUMERIC || eFrom==eTo) ) m = COMPARE_HASH;
  if( !bBinary && sqlite3_stricmp(zFromColl ? zFromColl : "BINARY",
                                  zToColl ? zToColl : "BINARY")!=0 ){
    m |= COMPARE_VIA;
  }
  if( eFrom==CLASS_NUMERIC && eTo!=CLASS_NUMERIC ) m |= COMPARE_CONVERT;
  if( eFrom==CLASS_NUMERIC && eTo==CLASS_NONE ) m |= COMPARE_ASK;
  if( eFrom!=CLASS_TEXT && eTo==CLASS_TEXT ) m |= COMPARE_KEY;
  return m;
}

/* Two columns of which pReferred has the one that is referred to, by whose
** collation they compare.  A view's is not known: SQL has to compare them. */
static int compareReferred(
  const OrmModel *pReferred, char cFrom, const char *zFromColl, char cTo,
  const char *zToColl
){
  int m = compareColumns(cFrom, zFromColl, cTo, zToColl);
  if( pReferred->bView && affinityClass(cFrom)!=CLASS_NUMERIC
   && affinityClass(cTo)!=CLASS_NUMERIC ){
    m = (m & ~COMPARE_HASH) | COMPARE_VIA;
  }
  return m;
}

void ormLinkColumn(
  Orm *pOrm, const OrmRel *pRel, const char *zCol,
  char *pcAff, const char **pzColl
){
  const char *zType = 0;
  int rc = sqlite3_table_column_metadata(pOrm->db, "main",
      pRel->zSecondary, zCol, &zType, pzColl, 0, 0, 0);
  *pcAff = 'A';
  if( rc==SQLITE_OK ) *pcAff = ormFactAffinity(zType ? zType : "");
  else *pzColl = 0;             /* a view's column, say: no more is known     */
}

/* From a link to its target. */
static void linkCompare(OrmLevel *p, int i){
  const OrmRel *pRel = p->pRel;
  const OrmField *pTo = &pRel->pTarget->aField[pRel->aRemote[i]];
  const char *zColl = 0;
  char cAff;
  int m;
  ormLinkColumn(p->pPlan->pOrm, pRel, pRel->azSecRemote[i], &cAff, &zColl);
  if( affinityClass(cAff)==CLASS_NONE
   && affinityClass(pTo->cAff)==CLASS_NUMERIC
  ){
    cAff = pTo->cAff;           /* well, as long as they are integers         */
    p->bLinkInteger = 1;
  }
  m = compareReferred(pRel->pTarget, cAff, zColl, pTo->cAff, pTo->zColl);
  if( m & COMPARE_ASK ) p->bLinkAsk = 1;
  else if( m & COMPARE_CONVERT ) m = 0;
  if( (m & COMPARE_HASH)==0 ) p->bLinkHash = 0;
}

static void levelCompare(OrmLevel *p){
  const OrmRel *pRel = p->pRel;
  p->bHash = p->bLinkHash = p->bAsk = 1;
  for(int i=0; i<pRel->nLocal; i++){
    const OrmField *pFrom = &pRel->pModel->aField[pRel->aLocal[i]];
    const char *zColl = 0;
    char cAff;
    int m;
    if( pRel->zSecondary ){
      ormLinkColumn(p->pPlan->pOrm, pRel, pRel->azSecLocal[i], &cAff, &zColl);
    }else{
      const OrmField *pTo = &pRel->pTarget->aField[pRel->aRemote[i]];
      cAff = pTo->cAff;
      zColl = pTo->zColl;
    }
    m = compareReferred(pRel->bForeign ? pRel->pTarget : pRel->pModel,
                        pFrom->cAff, pFrom->zColl, cAff, zColl);
    if( (m & COMPARE_HASH)==0 ) p->bHash = 0;
    if( m & COMPARE_VIA ) p->bViaParent = 1;
    if( m & COMPARE_KEY ) p->bNoParam = 1;
    if( m & COMPARE_CONVERT ){
      p->mConvert |= (u16)(1<<i);
      if( (m & COMPARE_ASK)==0 ) p->bAsk = 0;
    }
  }
  if( p->bViaParent ) p->mConvert = 0;
  if( p->mConvert==0 ) p->bAsk = 0;
  for(int i=0; pRel->zSecondary && i<pRel->nRemote; i++) linkCompare(p, i);
}

/* Are scans turned round by PRAGMA reverse_unordered_selects?  Asked once a
** plan, by a scan, as a PRAGMA may be forbidden. */
static int isReversed(OrmPlan *pPlan){
  OrmStmt *pStmt;
  if( pPlan->iFirst==0 ){
    pStmt = ormStmtTakeQuiet(pPlan->pOrm, &pPlan->err,
        "WITH t(i) AS MATERIALIZED (VALUES (1), (2)) SELECT i FROM t");
    if( ormStmtStep(pPlan->pOrm, &pPlan->err, pStmt) ){
      pPlan->iFirst = (u8)sqlite3_column_int(pStmt->p, 0);
    }
    ormStmtGive(pPlan->pOrm, &pPlan->err, pStmt);
  }
  return pPlan->iFirst!=1;
}

/* Is the order that is asked for the one in which a scan gives the table?  (A
** term alone is the key, which ends every order.) */
static int isNatural(const OrmLevel *p){
  const OrmOrder *pOrder = p->pQuery->aOrder;
  return p->pModel->bRowidKey && p->pQuery->nOrder==1 && !pOrder->bDesc
      && !isReversed(p->pPlan);
}

/* ------------------------------------------------------------------------
** From query to levels
*/
static OrmLevel *levelNew(OrmPlan*, OrmQuery*, OrmLevel*);

/* Where a scan has the columns that join: among the object's values, unless
** they may be converted, or before them. */
static void scanColumns(OrmLevel *p){
  const OrmRel *pRel = p->pRel;
  const OrmQuery *pQuery = p->pQuery;
  int iLead = 0;
  p->aJoin = planAlloc(p->pPlan, (i64)sizeof(int)*pRel->nRemote);
  if( p->aJoin==0 ) return;
  for(int i=0; i<pRel->nRemote; i++){
    p->aJoin[i] = p->mConvert ? -1
                : inFields(pRel->aRemote[i], pQuery->nSelect, pQuery->aSelect);
    p->nLead += p->aJoin[i]<0;
  }
  for(int i=0; i<pRel->nRemote; i++){
    p->aJoin[i] = p->aJoin[i]<0 ? iLead++
                                : partValue(p, p->aJoin[i]) + p->nLead;
  }
}

/* Does a limit on function arguments of this connection stand in the way?
** The position, and for a scan the columns that join, come first. */
static int isWide(const OrmLevel *p){
  int n = p->nPart + p->nExtra + ORM_MAX_KEY + 1;
  return !ormEmitCanPush(p->pPlan->pOrm, n);
}

static void levelRelation(OrmLevel *p){
  OrmRel *pRel = p->pRel;
  OrmModel *pTarget = p->pModel;
  OrmLevel *pParent = p->pParent;
  OrmErr *pErr = &p->pPlan->err;
  p->bMany = pRel->bMany;
  p->zKey = pRel->zJsonKey;
  p->nKey = pRel->nJsonKey;
  levelCompare(p);
  if( p->bViaParent ){
    p->iSlot = ormLevelSlot(pParent, pParent->pModel->nKey,
                            pParent->pModel->aKey);
  }else{
    p->iSlot = ormLevelSlot(pParent, pRel->nLocal, pRel->aLocal);
  }
  p->bTargetUnique = (u8)ormModelUnique(pTarget, pRel->nRemote, pRel->aRemote);
  assert( pRel->bMany || pRel->zSecondary==0 );
  p->bMap = !pRel->bMany && !p->bViaParent && !ormRelSeveral(pRel);
  p->bIndexed = (u8)ormRelIndexed(p->pPlan->pOrm, pErr, pRel);
  /* Without an index every row is looked at in any case. */
  if( p->mConvert && !p->bIndexed ) p->bAsk = 0;
  p->bConvert = p->mConvert && !p->bAsk;
  scanColumns(p);
  /* Rows in the order of their integer key are sorted by us. */
  if( p->bNatural && !p->bLimited && pRel->bMany && !p->bViaParent
   && !pRel->zSecondary && p->bIndexed
  ){
    p->iKeySlot = ormLevelSlot(p, pTarget->nKey, pTarget->aKey);
  }
  if( !p->pQuery->bRecursive ) return;
  p->iParentIdent = ormLevelSlot(pParent, pTarget->nKey, pTarget->aKey);
  p->iIdent = ormLevelSlot(p, pTarget->nKey, pTarget->aKey);
  p->iSelf = p->bViaParent ? p->iIdent
                           : ormLevelSlot(p, pRel->nLocal, pRel->aLocal);
}

/* The includes of a level, each a level of its own. */
static void levelIncludes(OrmLevel *p){
  OrmLevel **pp = &p->pChild;
  OrmQuery *pInclude = p->pQuery->pInclude;
  for(; pInclude && p->pPlan->err.rc==SQLITE_OK; pInclude=pInclude->pNext){
    *pp = levelNew(p->pPlan, pInclude, p);
    if( *pp==0 ) return;
    pp = &(*pp)->pNext;
  }
}

static OrmLevel *levelNew(OrmPlan *pPlan, OrmQuery *pQuery, OrmLevel *pParent){
  OrmLevel *p = planAlloc(pPlan, sizeof(*p));
  i64 nList = (i64)sizeof(int)*pQuery->pModel->nField;
  if( p==0 ) return 0;
  p->pPlan = pPlan;
  p->pQuery = pQuery;
  p->pModel = pQuery->pModel;
  p->pRel = pParent ? pQuery->pRel : 0;
  p->pParent = pParent;
  p->iKeySlot = -1;
  p->aExtra = planAlloc(pPlan, nList);
  p->aInner = planAlloc(pPlan, nList);
  p->bLate = (u8)ormCountsAreLate(pPlan->pOrm, &pPlan->err, pQuery);
  levelParts(p);
  if( pPlan->err.rc ) return 0;
  if( pQuery->nSelect>0 ) addInner(p, pQuery->aSelect[p->iEarly]);
  for(int i=0; i<pQuery->nSelect; i++) addInner(p, pQuery->aSelect[i]);
  for(int i=0; i<pQuery->nCount && !p->bLate; i++){
    const OrmRel *pRel = pQuery->aCount[i].pRel;
    for(int j=0; j<pRel->nLocal; j++) addInner(p, pRel->aLocal[j]);
  }
  p->bLimited = pQuery->iLimit>=0 || pQuery->iOffset>0;
  p->bNatural = (u8)isNatural(p);
  p->bRowid = p->pModel->bRowidKey;
  if( p->pRel ) levelRelation(p);
  else p->iKeySlot = ormLevelSlot(p, p->pModel->nKey, p->pModel->aKey);
  if( p->bLate ){
    p->iLateSlot = ormLevelSlot(p, p->pModel->nKey, p->pModel->aKey);
  }
  levelIncludes(p);
  p->bWide = (u8)isWide(p);
  p->bFew = (u8)(p->pRel && ormFewIs(p));
  return pPlan->err.rc==SQLITE_OK ? p : 0;
}

/* ------------------------------------------------------------------------
** Plans
*/
/* Gives 0. */
static OrmPlan *planFree(OrmPlan *p){
  if( p->pRoot ) ormLevelReset(p->pRoot, 1);
  ormArenaFree(&p->run);
  ormArenaFree(&p->cursor);
  ormArenaFree(&p->arena);
  ormErrClear(&p->err);
  ormCatalogUnref(p->pCatalog);
  sqlite3_free(p->zQuery);
  sqlite3_free(p);
  return 0;
}

/* Hand the plan's error on to the caller. */
void ormPlanLeave(OrmPlan *p, OrmErr *pErr){
  if( p->err.rc ) ormErrMove(&p->err, pErr);
}

/* Forget idle plans; busy ones are freed when they are released. */
static void cacheEmpty(struct OrmPlanCache *pCache){
  OrmPlan *p = pCache->pNewest;
  pCache->pNewest = 0;
  pCache->nPlan = 0;
  while( p ){
    OrmPlan *pNext = p->pNext;
    if( p->bBusy ) p->bDead = 1;
    else planFree(p);
    p = pNext;
  }
}

/* The connection closes: called through ormContextOnDrop(). */
static void planClose(Orm *pOrm){
  struct OrmPlanCache *pCache = pOrm->pPlans;
  pOrm->pPlans = 0;
  if( pCache==0 ) return;
  cacheEmpty(pCache);
  ormCatalogUnref(pCache->pCatalog);
  sqlite3_free(pCache);
}

/* The cache, holding nothing that is out of date; 0 and out of memory. */
static struct OrmPlanCache *planCache(
  Orm *pOrm, OrmErr *pErr, OrmCatalog *pCat
){
  struct OrmPlanCache *p = pOrm->pPlans;
  if( p==0 ){
    ormContextOnDrop(pOrm, pErr, planClose);
    if( pErr->rc ) return 0;
    p = sqlite3_malloc64(sizeof(*p));
    if( p==0 ){
      ormErrOom(pErr);
      return 0;
    }
    memset(p, 0, sizeof(*p));
    pOrm->pPlans = p;
  }
  if( p->pCatalog!=pCat
   || memcmp(p->aConfig, pOrm->aConfig, sizeof(p->aConfig))!=0
  ){
    cacheEmpty(p);
    ormCatalogUnref(p->pCatalog);
    p->pCatalog = ormCatalogRef(pCat);
    memcpy(p->aConfig, pOrm->aConfig, sizeof(p->aConfig));
  }
  return p;
}

static u64 hashText(u64 h, const char *z, i64 n){
  h ^= (u64)n;
  for(; n>=8; n-=8, z+=8){
    u64 w;
    memcpy(&w, z, 8);
    h = (h ^ w) * 0xff51afd7ed558ccdu;
    h ^= h>>32;
  }
  for(; n>0; n--, z++) h = (h ^ (u8)*z) * 0x100000001b3u;
  return h;
}

/* What a plan is asked for by: all of the text but the span. */
typedef struct PlanText PlanText;
struct PlanText {
  OrmModel *pModel;
  int mParts;
  const char *z; i64 n;
  OrmSpan span;
  u64 iHash;
};

static void hashPlan(PlanText *p){
  i64 iEnd = p->span.i<0 ? p->n : p->span.i;
  u64 h = (u64)(size_t)p->pModel ^ (u64)p->mParts*0x9e3779b97f4a7c15u;
  h = hashText(h, p->z, iEnd);
  if( p->span.i>=0 ){
    iEnd += p->span.n;
    h = hashText(h*3, &p->z[iEnd], p->n - iEnd);
  }
  p->iHash = h;
}

static int isText(const OrmPlan *p, const PlanText *pText){
  const OrmSpan *a = &p->span, *b = &pText->span;
  i64 nHead = b->i<0 ? pText->n : b->i;
  if( p->iHash!=pText->iHash || p->pModel!=pText->pModel
   || p->mParts!=pText->mParts || (p->zQuery==0)!=(pText->z==0)
   || p->nQuery - a->n!=pText->n - b->n || a->i!=b->i ) return 0;
  if( nHead && memcmp(p->zQuery, pText->z, (size_t)nHead)!=0 ) return 0;
  return b->i<0 || memcmp(&p->zQuery[nHead + a->n], &pText->z[nHead + b->n],
                          (size_t)(pText->n - nHead - b->n))==0;
}

/* An idle plan of this text, moved to the front. */
static OrmPlan *cacheFind(struct OrmPlanCache *pCache, const PlanText *pText){
  OrmPlan **pp, *p;
  for(pp=&pCache->pNewest; (p = *pp)!=0; pp=&p->pNext){
    if( !p->bBusy && isText(p, pText) ){
      *pp = p->pNext;
      p->pNext = pCache->pNewest;
      pCache->pNewest = p;
      return p;
    }
  }
  return 0;
}

/* A plan of this very text or, where that has a cursor, one for cursors in its
** place.  A plan that cannot take it goes: the next one of its text had better
** be for such cursors. */
static OrmPlan *cacheTake(struct OrmPlanCache *pCache, PlanText *pText){
  OrmPlan *p;
  hashPlan(pText);
  p = cacheFind(pCache, pText);
  if( p || (pText->mParts & ORM_Q_PAGE)==0 ) return p;
  ormSpanFind(&pText->span, pText->z, pText->n);
  if( pText->span.i<0 ) return 0;
  hashPlan(pText);
  p = cacheFind(pCache, pText);
  if( p && !ormSpanReplace(p, &pText->z[pText->span.i], pText->span.n) ){
    pCache->pNewest = p->pNext;
    pCache->nPlan--;
    p = planFree(p);
  }
  return p;
}

/* Keep a new plan; the oldest idle ones make room. */
static void cacheAdd(struct OrmPlanCache *pCache, OrmPlan *pNew){
  pNew->pNext = pCache->pNewest;
  pCache->pNewest = pNew;
  if( ++pCache->nPlan>PLAN_MAX ){
    OrmPlan **pp, **ppOld = 0;
    for(pp=&pNew->pNext; *pp; pp=&(*pp)->pNext) if( !(*pp)->bBusy ) ppOld = pp;
    if( ppOld ){
      OrmPlan *pOld = *ppOld;
      *ppOld = pOld->pNext;
      pCache->nPlan--;
      planFree(pOld);
    }
  }
}

/* No more rows than are wanted. */
static void boundRows(OrmQuery *pQuery, int mParts){
  i64 n = mParts & ORM_PLAN_FIRST ? 1 : mParts & ORM_PLAN_ONLY ? 2 : -1;
  if( n<0 || pQuery->bLast ) return;
  if( pQuery->iLimit<0 || pQuery->iLimit>n ) pQuery->iLimit = n;
}

static OrmPlan *planNew(
  Orm *pOrm, OrmErr *pErr, OrmModel *pModel, const char *z, i64 n, int mParts
){
  OrmPlan *p = sqlite3_malloc64(sizeof(*p));
  if( p==0 ){
    ormErrOom(pErr);
    return 0;
  }
  memset(p, 0, sizeof(*p));
  p->pOrm = pOrm;
  p->pModel = pModel;
  p->pCatalog = ormCatalogRef(pModel->pCatalog);
  p->mParts = mParts;
  ormArenaInit(&p->arena, &p->err);
  ormArenaInit(&p->run, &p->err);
  ormArenaInit(&p->cursor, &p->err);
  if( z ){
    p->nQuery = n;
    p->zQuery = sqlite3_malloc64((u64)n + 1);
    if( p->zQuery==0 ) ormErrOom(&p->err);
    else if( n ) memcpy(p->zQuery, z, (size_t)n);
    if( p->zQuery ) p->zQuery[n] = 0;
  }
  if( p->err.rc==SQLITE_OK ){
    p->pQuery = ormQueryParse(pOrm, &p->arena, pModel, p->zQuery, n,
                              mParts & (0xffff | ORM_PLAN_ONLY));
    if( p->pQuery ) boundRows(p->pQuery, mParts);
  }
  if( p->pQuery ) p->pRoot = levelNew(p, p->pQuery, 0);
  if( p->err.rc==SQLITE_OK ) return p;
  ormPlanLeave(p, pErr);
  return planFree(p);
}

/* A new plan, kept in the cache. */
static OrmPlan *planMake(Orm *pOrm, OrmErr *pErr, PlanText *pText){
  struct OrmPlanCache *pCache;
  OrmPlan *p = planNew(pOrm, pErr, pText->pModel, pText->z, pText->n,
                       pText->mParts);
  if( p==0 ) return 0;
  ormSpanKeep(p, &pText->span);
  pText->span = p->span;
  hashPlan(pText);
  p->iHash = pText->iHash;
  /* Parsing may have run statements, and so dropped the cache. */
  pCache = planCache(pOrm, pErr, pText->pModel->pCatalog);
  if( pCache==0 ) return planFree(p);
  cacheAdd(pCache, p);
  return p;
}

OrmPlan *ormPlanGet(
  Orm *pOrm, OrmErr *pErr, OrmModel *pModel, const char *zQuery, i64 nQuery,
  int mParts
){
  struct OrmPlanCache *pCache;
  PlanText text = { pModel, mParts, zQuery, zQuery ? nQuery : 0, {-1, 0}, 0 };
  OrmPlan *p;
  if( pErr->rc ) return 0;
  pCache = planCache(pOrm, pErr, pModel->pCatalog);
  if( pCache==0 ) return 0;
  p = cacheTake(pCache, &text);
  if( p==0 ) p = planMake(pOrm, pErr, &text);
  if( p ) p->bBusy = 1;
  return p;
}

void ormPlanRelease(Orm *pOrm, OrmPlan *p){
  ORM_UNUSED(pOrm);
  if( p==0 ) return;
  ormErrClear(&p->err);
  p->bBusy = 0;
  if( p->bDead ){
    planFree(p);
  }else{
    ormLevelReset(p->pRoot, 0);
    ormArenaFree(&p->run);
  }
}

OrmQuery *ormPlanQuery(OrmPlan *p){
  return p->pQuery;
}
