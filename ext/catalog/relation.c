/*
** Relationships resolved: from the cells of orm_relationship and the foreign
** keys of the schema to models and columns, checked (C1-C8).
**
** What a cell says stands; what it leaves NULL is inferred from the foreign
** keys that fit.  One that fits is taken, none or several are an error that
** says which: never a guess.  So the result depends on the schema and the row
** alone.
**
** Resolving goes in two steps: the relationship itself (bResolved 1), then its
** reverse (bResolved 2).  The reverse is resolved by itself before it is
** compared, so two that name each other end.
*/
#include "relation.h"

/* A way that a relationship could go: a foreign key of one side. */
typedef struct Candidate Candidate;
struct Candidate {
  OrmModel *pTarget;
  const OrmFk *pFk;
  u8 bForeign;                  /* the foreign key is ours                    */
  int n;
  int aLocal[ORM_MAX_KEY], aRemote[ORM_MAX_KEY];
};

static const char *const azDirection[] = {
  "one_to_many", "many_to_one", "one_to_one", "many_to_many", 0
};

const char *ormDirectionName(int eDir){
  return azDirection[eDir];
}

/* "orm: relationship User.posts: ..." */
void ormRelErr(OrmErr *pErr, const OrmRel *pRel, const char *zFormat, ...){
  va_list ap;
  char *z;
  if( pErr->rc ) return;
  va_start(ap, zFormat);
  z = sqlite3_vmprintf(zFormat, ap);
  va_end(ap);
  if( z==0 ){
    ormErrOom(pErr);
  }else{
    ormErr(pErr, SQLITE_ERROR, "orm: relationship %s.%s: %s",
           pRel->pModel->zName, pRel->zName, z);
  }
  sqlite3_free(z);
}

/* ------------------------------------------------------------------------
** Words of one relationship
*/
static const struct CascadeWord { const char *zWord; int m; } aCascade[] = {
  { "save-update", ORM_CASCADE_SAVE_UPDATE },
  { "merge", ORM_CASCADE_MERGE },
  { "refresh-expire", ORM_CASCADE_REFRESH_EXPIRE },
  { "expunge", ORM_CASCADE_EXPUNGE },
  { "delete", ORM_CASCADE_DELETE },
  { "delete-orphan", ORM_CASCADE_DELETE_ORPHAN },
  { "all", 31 },
  { "none", 0 },
};

static int cascadeWord(const char *z, int n){
  for(int i=0; i<ORM_COUNT(aCascade); i++){
    if( (int)strlen(aCascade[i].zWord)==n
     && memcmp(aCascade[i].zWord, z, (size_t)n)==0 ) return aCascade[i].m;
  }
  return -1;
}

/* The words of a cascade cell; unknown ones go to pBad, each after ", ". */
static int cascadeWords(const char *z, OrmBuf *pBad){
  int m = 0;
  while( *z ){
    int n = 0;
    while( *z==' ' || *z=='\t' || *z=='\n' || *z==',' ) z++;
    while( z[n] && z[n]!=',' ) n++;
    if( n ){
      int nWord = n;
      int mWord;
      while( z[nWord-1]==' ' || z[nWord-1]=='\t' || z[nWord-1]=='\n' ) nWord--;
      mWord = cascadeWord(z, nWord);
      if( mWord<0 ){
        ormBufAdd(pBad, ", ", 2);
        ormBufAdd(pBad, z, nWord);
      }else{
        m |= mWord;
      }
    }
    z += n;
  }
  return m;
}

/* C1, C2 */
static void resolveCascade(OrmResolver *p){
  OrmRel *pRel = p->pRel;
  OrmBuf bad;
  ormBufInit(&bad, p->pErr);
  pRel->mCascade = ORM_CASCADE_SAVE_UPDATE | ORM_CASCADE_MERGE;
  if( pRel->zCascade ) pRel->mCascade = (u8)cascadeWords(pRel->zCascade, &bad);
  if( bad.n ){
    ormRelErr(p->pErr, pRel, "no such cascade word: %s (the words are"
           " save-update, merge, refresh-expire, expunge, delete,"
           " delete-orphan, all)",
           &ormBufText(&bad)[2]);
  }
  ormBufFree(&bad);
}

static void resolvePassive(OrmResolver *p){
  static const char *const azWord[] = { "0", "1", "all" };
  const char *z = p->pRel->zPassive;
  p->pRel->ePassive = 0;
  if( z==0 ) return;
  for(int i=0; i<3; i++){
    if( strcmp(z, azWord[i])==0 ){
      p->pRel->ePassive = (u8)i;
      return;
    }
  }
  ormRelErr(p->pErr, p->pRel, "passive_deletes is 0, 1 or 'all', not %s", z);
}

/* The direction that the cell gives, or -1. */
static int resolveDirection(OrmResolver *p){
  const char *z = p->pRel->zDirection;
  const char *zNear;
  if( z==0 ) return -1;
  for(int i=0; azDirection[i]; i++){
    if( strcmp(z, azDirection[i])==0 ) return i;
  }
  zNear = ormNearest(z, (i64)strlen(z), ormNameInArray, azDirection);
  ormRelErr(p->pErr, p->pRel, "no such direction %s%s%s%s", z,
         zNear ? " (did you mean " : "", zNear ? zNear : "", zNear ? "?)" : "");
  return -1;
}

/* Rules about words that need the direction: C3, C4, C5, C6. */
static void checkWords(OrmResolver *p){
  OrmRel *pRel = p->pRel;
  int bOrphan = (pRel->mCascade & ORM_CASCADE_DELETE_ORPHAN)!=0;
  int bDelete = (pRel->mCascade & ORM_CASCADE_DELETE)!=0;
  if( bOrphan && !bDelete ){
    ormRelErr(p->pErr, pRel, "cascade delete-orphan needs delete as well");
  }
  if( pRel->ePassive==2 && bDelete ){
    ormRelErr(p->pErr, pRel, "passive_deletes 'all' cannot be combined with"
           " cascade delete or delete-orphan");
  }
  if( bOrphan && !pRel->bSingleParent
   && (pRel->bForeign || pRel->eDir==ORM_MANY_TO_MANY) ){
    ormRelErr(p->pErr, pRel, "cascade delete-orphan on a %s relationship needs"
           " single_parent", azDirection[pRel->eDir]);
  }
  if( pRel->bViewonly ){
    pRel->mCascade &= (u8)~(ORM_CASCADE_SAVE_UPDATE | ORM_CASCADE_DELETE
                            | ORM_CASCADE_DELETE_ORPHAN);
  }
}

/* ------------------------------------------------------------------------
** Columns that cells name
*/
static const char *fieldNameAt(const void *pArg, int i){
  const OrmModel *p = (const OrmModel*)pArg;
  return i<p->nField ? p->aField[i].zName : 0;
}

/* The fields of pModel in a cell; their number, 0 for NULL. */
int ormRelFields(
  OrmResolver *p, OrmModel *pModel, const char *zCell, const char *zWhat, int *a
){
  const char **az = 0;
  char *zPlace;
  int n;
  if( zCell==0 || p->pErr->rc ) return 0;
  a[0] = ormFieldFind(pModel, zCell, -1);
  if( a[0]>=0 ) return 1;
  zPlace = ormArenaPrintf(p->pArena, "relationship %s.%s: %s",
                          p->pRel->pModel->zName, p->pRel->zName, zWhat);
  n = ormFactNames(p->pArena, zCell, zPlace, &az);
  if( n>ORM_MAX_KEY ){
    ormRelErr(p->pErr, p->pRel, "%s: more than %d columns", zWhat, ORM_MAX_KEY);
    return 0;
  }
  for(int i=0; i<n; i++){
    a[i] = ormFieldFind(pModel, az[i], -1);
    if( a[i]<0 ){
      const char *z = ormNearest(az[i], (i64)strlen(az[i]), fieldNameAt,
                                 pModel);
      ormRelErr(p->pErr, p->pRel, "%s: no such column %s in %s%s%s%s", zWhat,
             az[i], pModel->zTable, z ? " (did you mean " : "", z ? z : "",
             z ? "?)" : "");
    }
  }
  return p->pErr->rc ? 0 : n;
}

const int *ormRelCopy(OrmArena *pArena, int n, const int *a){
  int *aNew = ormArenaAlloc(pArena, (i64)sizeof(int)*(n+1));
  if( aNew ) memcpy(aNew, a, sizeof(int)*(size_t)n);
  return aNew;
}

/* ------------------------------------------------------------------------
** Direct relationships: one foreign key, ours or the target's
*/

/* A foreign key as a candidate: pHolder's towards pOther.  0 if its target
** columns are no fields there. */
static int candidateInit(
  Candidate *pCand, OrmModel *pHolder, const OrmFk *pFk, OrmModel *pOther,
  int bForeign
){
  int *aHere = bForeign ? pCand->aLocal : pCand->aRemote;
  int *aThere = bForeign ? pCand->aRemote : pCand->aLocal;
  ORM_UNUSED(pHolder);
  if( sqlite3_stricmp(pFk->zTarget, pOther->zTable)!=0 ) return 0;
  for(int i=0; i<pFk->n; i++){
    aHere[i] = pFk->aField[i];
    aThere[i] = ormFieldByColumn(pOther, pFk->azTo[i]);
    if( aThere[i]<0 ) return 0;
  }
  pCand->pTarget = bForeign ? pOther : pHolder;
  pCand->pFk = pFk;
  pCand->bForeign = (u8)bForeign;
  pCand->n = pFk->n;
  return 1;
}

/* What the cells ask of a candidate. */
typedef struct Wish Wish;
struct Wish {
  int eDir;                     /* ORM_ONE_TO_MANY .. or -1                   */
  int nLocal, aLocal[ORM_MAX_KEY];
  int nRemote, aRemote[ORM_MAX_KEY];
};

static int candidateFits(const Candidate *pCand, const Wish *pWish){
  if( pWish->eDir==ORM_MANY_TO_ONE && !pCand->bForeign ) return 0;
  if( pWish->eDir==ORM_ONE_TO_MANY && pCand->bForeign ) return 0;
  if( pWish->nLocal && !ormSameFields(pCand->n, pCand->aLocal, pWish->nLocal,
                                      pWish->aLocal) ) return 0;
  if( pWish->nRemote && !ormSameFields(pCand->n, pCand->aRemote,
                               pWish->nRemote, pWish->aRemote) ) return 0;
  return 1;
}

/* The same columns here and there: a foreign key that is declared twice. */
static int candidateIs(const Candidate *pA, const Candidate *pB){
  if( pA->bForeign!=pB->bForeign || pA->n!=pB->n ) return 0;
  for(int i=0; i<pA->n; i++){
    int j = 0;
    while( j<pB->n && (pA->aLocal[i]!=pB->aLocal[j]
                    || pA->aRemote[i]!=pB->aRemote[j]) ) j++;
    if( j==pB->n ) return 0;
  }
  return 1;
}

static void candidateText(OrmBuf *pBuf, OrmRel *pRel, const Candidate *pCand){
  const OrmModel *pFrom = pCand->bForeign ? pRel->pModel : pCand->pTarget;
  const OrmModel *pTo = pCand->bForeign ? pCand->pTarget : pRel->pModel;
  const int *aFrom = pCand->bForeign ? pCand->aLocal : pCand->aRemote;
  const int *aTo = pCand->bForeign ? pCand->aRemote : pCand->aLocal;
  if( pBuf->n ) ormBufAdd(pBuf, "; ", 2);
  ormBufPrintf(pBuf, "%s(", pFrom->zTable);
  for(int i=0; i<pCand->n; i++){
    ormBufPrintf(pBuf, "%s%s", i ? ", " : "", pFrom->aField[aFrom[i]].zName);
  }
  ormBufPrintf(pBuf, ") -> %s(", pTo->zTable);
  for(int i=0; i<pCand->n; i++){
    ormBufPrintf(pBuf, "%s%s", i ? ", " : "", pTo->aField[aTo[i]].zName);
  }
  ormBufChar(pBuf, ')');
}

static OrmRel *relByName(OrmModel *pModel, const char *z, i64 n){
  for(int i=0; i<pModel->nRel; i++){
    if( ormNameIs(pModel->apRel[i]->zName, z, n) ) return pModel->apRel[i];
  }
  return 0;
}

/* What back_populates names may say which columns, where we do not: they are
** ours the other way round. */
static void wishOfReverse(OrmResolver *p, Wish *pWish){
  const char *zBack = p->pRel->zBack;
  OrmRel *pBack = zBack ? relByName(p->pRel->pTarget, zBack,
                                    (i64)strlen(zBack)) : 0;
  OrmErr err = {0};
  OrmErr *pOld = p->pArena->pErr;
  OrmResolver other = *p;
  if( pBack==0 || pBack==p->pRel || pWish->nLocal || pWish->nRemote ) return;
  other.pRel = pBack;
  other.pErr = p->pArena->pErr = &err;
  pWish->nRemote = ormRelFields(&other, p->pRel->pTarget, pBack->zLocal,
                                "local_columns", pWish->aRemote);
  pWish->nLocal = ormRelFields(&other, p->pRel->pModel, pBack->zRemote,
                               "remote_columns", pWish->aLocal);
  p->pArena->pErr = pOld;
  if( ormErrForgive(&err, p->pErr) ) pWish->nLocal = pWish->nRemote = 0;
}

/* Of all foreign keys between the two models the one that fits: 1 and *pOut.
** 0 if none does, and an error listing them if several do. */
static int pickCandidate(OrmResolver *p, const Wish *pWish, Candidate *pOut){
  OrmRel *pRel = p->pRel;
  OrmModel *pA = pRel->pModel, *pB = pRel->pTarget;
  Candidate cand;
  OrmBuf list;
  int nFit = 0;
  ormBufInit(&list, p->pErr);
  for(int i=0; i<pA->nFk + pB->nFk; i++){
    int bOk = i<pA->nFk ? candidateInit(&cand, pA, &pA->aFk[i], pB, 1)
                     : candidateInit(&cand, pB, &pB->aFk[i-pA->nFk], pA, 0);
    if( !bOk || !candidateFits(&cand, pWish) ) continue;
    if( nFit && candidateIs(&cand, pOut) ) continue;
    candidateText(&list, pRel, &cand);
    if( nFit++==0 ) *pOut = cand;
  }
  if( nFit>1 && pA==pB && pWish->eDir<0 && pWish->nRemote==0
   && pWish->nLocal==0 && nFit==2 ){
    ormRelErr(p->pErr, pRel, "a self-relationship needs direction"
           " (many_to_one or one_to_many) or remote_columns: %s",
           ormBufText(&list));
  }else if( nFit>1 ){
    ormRelErr(p->pErr, pRel, "%d foreign keys fit, name one with"
           " local_columns or remote_columns: %s", nFit, ormBufText(&list));
  }
  ormBufFree(&list);
  return nFit==1;
}

/* No foreign key fits: what the cells alone say. */
static int explicitCandidate(
  OrmResolver *p, const Wish *pWish, Candidate *pOut
){
  OrmModel *pA = p->pRel->pModel, *pB = p->pRel->pTarget;
  memset(pOut, 0, sizeof(*pOut));
  pOut->pTarget = pB;
  if( pWish->nLocal && pWish->nRemote ){
    if( pWish->nLocal!=pWish->nRemote ){
      ormRelErr(p->pErr, p->pRel, "%d local_columns, %d remote_columns",
             pWish->nLocal, pWish->nRemote);
      return 0;
    }
    pOut->n = pWish->nLocal;
    memcpy(pOut->aLocal, pWish->aLocal, sizeof(pOut->aLocal));
    memcpy(pOut->aRemote, pWish->aRemote, sizeof(pOut->aRemote));
    pOut->bForeign = pWish->eDir==ORM_MANY_TO_ONE
        || (pWish->eDir!=ORM_ONE_TO_MANY
            && ormModelUnique(pB, pOut->n, pOut->aRemote)
            && !(ormModelUnique(pA, pOut->n, pOut->aLocal)
                 && ormSameFields(pOut->n, pOut->aLocal, pA->nKey, pA->aKey)));
    return 1;
  }
  if( pWish->eDir==ORM_MANY_TO_ONE && pWish->nLocal==pB->nKey ){
    pOut->n = pB->nKey;
    memcpy(pOut->aLocal, pWish->aLocal, sizeof(pOut->aLocal));
    memcpy(pOut->aRemote, pB->aKey, sizeof(int)*(size_t)pB->nKey);
    pOut->bForeign = 1;
    return 1;
  }
  if( pWish->eDir!=ORM_MANY_TO_ONE && pWish->nRemote
   && pWish->nRemote==pA->nKey ){
    pOut->n = pA->nKey;
    memcpy(pOut->aLocal, pA->aKey, sizeof(int)*(size_t)pA->nKey);
    memcpy(pOut->aRemote, pWish->aRemote, sizeof(pOut->aRemote));
    return 1;
  }
  ormRelErr(p->pErr, p->pRel, "no foreign key between %s and %s fits: name"
         " local_columns, remote_columns and direction", pA->zTable,
         pB->zTable);
  return 0;
}

static void resolveDirect(OrmResolver *p, int eDir){
  OrmRel *pRel = p->pRel;
  Candidate cand;
  Wish wish;
  int bUnique;
  memset(&wish, 0, sizeof(wish));
  wish.eDir = eDir;
  wish.nLocal = ormRelFields(p, pRel->pModel, pRel->zLocal, "local_columns",
                           wish.aLocal);
  wish.nRemote = ormRelFields(p, pRel->pTarget, pRel->zRemote, "remote_columns",
                            wish.aRemote);
  wishOfReverse(p, &wish);
  if( p->pErr->rc ) return;
  if( !pickCandidate(p, &wish, &cand) && p->pErr->rc==SQLITE_OK ){
    explicitCandidate(p, &wish, &cand);
  }
  if( p->pErr->rc ) return;
  pRel->bForeign = cand.bForeign;
  pRel->nLocal = pRel->nRemote = cand.n;
  pRel->aLocal = ormRelCopy(p->pArena, cand.n, cand.aLocal);
  pRel->aRemote = ormRelCopy(p->pArena, cand.n, cand.aRemote);
  bUnique = cand.bForeign
      ? ormModelUnique(pRel->pModel, cand.n, cand.aLocal)
      : ormModelUnique(pRel->pTarget, cand.n, cand.aRemote);
  if( eDir<0 ){
    eDir = bUnique ? ORM_ONE_TO_ONE
         : cand.bForeign ? ORM_MANY_TO_ONE : ORM_ONE_TO_MANY;
  }
  pRel->eDir = (u8)eDir;
  pRel->bMany = eDir==ORM_ONE_TO_MANY;
  if( cand.bForeign ? pRel->pModel->bView : pRel->pTarget->bView ){
    pRel->bViewonly = 1;
  }
}

/* ------------------------------------------------------------------------
** Target
*/

/* The target that the foreign keys name where the cell does not: the table
** that our one foreign key, or the link table's other one, refers to. */
static OrmModel *inferTarget(OrmResolver *p){
  OrmRel *pRel = p->pRel;
  OrmModel *pModel = pRel->pModel;
  OrmModel *pTarget;
  int aLocal[ORM_MAX_KEY];
  int nLocal = pRel->zSecondary ? 0
      : ormRelFields(p, pModel, pRel->zLocal, "local_columns", aLocal);
  const char *zTable = 0;
  int n = 0;
  for(int i=0; i<pModel->nFk && pRel->zSecondary==0; i++){
    const OrmFk *pFk = &pModel->aFk[i];
    if( nLocal && !ormSameFields(pFk->n, pFk->aField, nLocal, aLocal) ){
      continue;
    }
    zTable = pFk->zTarget;
    n++;
  }
  if( p->pErr->rc ) return 0;
  if( n!=1 ){
    ormRelErr(p->pErr, pRel, "target is missing");
    return 0;
  }
  pTarget = ormModelByTable(p->pOrm, p->pErr, pModel->pCatalog, zTable);
  if( pTarget==0 ){
    ormRelErr(p->pErr, pRel, "no model has the table %s", zTable);
  }
  return pTarget;
}

static OrmModel *resolveTarget(OrmResolver *p){
  OrmRel *pRel = p->pRel;
  OrmModel *pTarget;
  if( p->pErr->rc ) return 0;
  if( pRel->zTarget==0 ) return inferTarget(p);
  if( strcmp(pRel->zTarget, pRel->pModel->zName)==0 ) return pRel->pModel;
  pTarget = ormModelFind(p->pOrm, p->pErr, pRel->pModel->pCatalog,
                         pRel->zTarget, -1);
  if( pTarget==0 ){
    ormErrPrefix(p->pErr, "orm: relationship %s.%s: ", pRel->pModel->zName,
                 pRel->zName);
  }
  return pTarget;
}

/* The relationship by itself, without its reverse: bResolved 1. */
static void resolveSelf(OrmResolver *p){
  OrmRel *pRel = p->pRel;
  int eDir;
  if( pRel->bResolved ) return;
  if( pRel->bBadFlag ){
    ormRelErr(p->pErr, pRel, "single_parent and viewonly are 0 or 1");
  }
  resolveCascade(p);
  resolvePassive(p);
  eDir = resolveDirection(p);
  pRel->pTarget = resolveTarget(p);
  if( p->pErr->rc ) return;
  if( pRel->zSecondary ){
    if( eDir>=0 && eDir!=ORM_MANY_TO_MANY ){
      ormRelErr(p->pErr, pRel, "a relationship with secondary is many_to_many,"
             " not %s", azDirection[eDir]);
      return;
    }
    ormRelLink(p);
  }else if( eDir==ORM_MANY_TO_MANY ){
    ormRelErr(p->pErr, pRel, "many_to_many needs secondary, the link table");
  }else{
    resolveDirect(p, eDir);
  }
  checkWords(p);
  if( p->pErr->rc==SQLITE_OK ) pRel->bResolved = 1;
}

/* ------------------------------------------------------------------------
** The reverse
*/
static int samePairs(
  int n, const int *aA, const int *aB, int m, const int *aC, const int *aD
){
  int nHit = 0;
  for(int i=0; i<n; i++){
    for(int j=0; j<m; j++) nHit += aA[i]==aC[j] && aB[i]==aD[j];
  }
  return n==m && nHit==n;
}

static int sameLink(
  int n, const int *aA, const char **azA, int m, const int *aB, const char **azB
){
  int nHit = 0;
  for(int i=0; i<n; i++){
    for(int j=0; j<m; j++){
      nHit += aA[i]==aB[j] && sqlite3_stricmp(azA[i], azB[j])==0;
    }
  }
  return n==m && nHit==n;
}

/* Do two resolved relationships go the same way, there and back? */
static int isMirror(const OrmRel *pA, const OrmRel *pB){
  assert( pA->pTarget==pB->pModel );
  if( pA==pB || pB->pTarget!=pA->pModel ) return 0;
  if( (pA->zSecondary==0)!=(pB->zSecondary==0) ) return 0;
  if( pA->zSecondary ){
    return sqlite3_stricmp(pA->zSecondary, pB->zSecondary)==0
        && sameLink(pA->nLocal, pA->aLocal, pA->azSecLocal,
                    pB->nRemote, pB->aRemote, pB->azSecRemote)
        && sameLink(pA->nRemote, pA->aRemote, pA->azSecRemote,
                    pB->nLocal, pB->aLocal, pB->azSecLocal);
  }
  return pA->bForeign!=pB->bForeign
      && samePairs(pA->nLocal, pA->aLocal, pA->aRemote,
                   pB->nLocal, pB->aRemote, pB->aLocal);
}

static void resolveOther(OrmResolver *p, OrmRel *pOther, OrmErr *pErr){
  OrmResolver other = *p;
  OrmErr *pOld = p->pArena->pErr;
  other.pRel = pOther;
  other.pErr = pErr;
  p->pArena->pErr = pErr;
  resolveSelf(&other);
  p->pArena->pErr = pOld;
}

/* back_populates names the reverse: it must be one (C8). */
static void namedReverse(OrmResolver *p){
  OrmRel *pRel = p->pRel;
  OrmModel *pTarget = pRel->pTarget;
  OrmRel *pBack = relByName(pTarget, pRel->zBack, (i64)strlen(pRel->zBack));
  if( pBack==0 && ormFieldFind(pTarget, pRel->zBack, -1)>=0 ){
    ormRelErr(p->pErr, pRel, "back_populates: %s is a field of %s", pRel->zBack,
           pTarget->zName);
  }else if( pBack==0 ){
    const char *z = ormModelNearest(pTarget, pRel->zBack,
                                    (i64)strlen(pRel->zBack));
    ormRelErr(p->pErr, pRel, "back_populates: no such relationship %s on %s"
           "%s%s%s", pRel->zBack, pTarget->zName, z ? " (did you mean " : "",
           z ? z : "", z ? "?)" : "");
  }
  if( p->pErr->rc ) return;
  resolveOther(p, pBack, p->pErr);
  if( p->pErr->rc ) return;
  if( pBack->zBack && strcmp(pBack->zBack, pRel->zName)!=0 ){
    ormRelErr(p->pErr, pRel, "back_populates: %s.%s is the reverse of %s"
           " already", pTarget->zName, pBack->zName, pBack->zBack);
  }else if( !isMirror(pRel, pBack) ){
    ormRelErr(p->pErr, pRel, "back_populates: %s.%s does not lead back by the"
           " same columns", pTarget->zName, pBack->zName);
  }
  pRel->pBack = pBack;
}

/* Nobody names the reverse: the one that names us, else the only mirror. */
static void findReverse(OrmResolver *p){
  OrmRel *pRel = p->pRel;
  OrmModel *pTarget = pRel->pTarget;
  OrmRel *pOnly = 0;
  int n = 0;
  for(int i=0; i<pTarget->nRel && p->pErr->rc==SQLITE_OK; i++){
    OrmRel *pOther = pTarget->apRel[i];
    OrmErr err = {0};
    if( pOther->zTarget && strcmp(pOther->zTarget, pRel->pModel->zName)!=0 ){
      continue;
    }
    resolveOther(p, pOther, &err);
    if( ormErrForgive(&err, p->pErr) ) continue;
    if( isMirror(pRel, pOther) ){
      if( pOther->zBack && strcmp(pOther->zBack, pRel->zName)==0 ){
        pRel->pBack = pOther;
        n = -1;
      }else if( pOther->zBack==0 && n>=0 && n++==0 ){
        pOnly = pOther;
      }
    }
  }
  if( n==1 ) pRel->pBack = pOnly;
}

static OrmRel *resolve(Orm *pOrm, OrmErr *pErr, OrmRel *pRel){
  OrmResolver r;
  OrmErr *pOld;
  assert( pErr->rc==SQLITE_OK );
  if( pRel->bResolved==2 ) return pRel;
  r.pOrm = pOrm;
  r.pErr = pErr;
  r.pRel = pRel;
  r.pArena = ormCatalogArena(pRel->pModel->pCatalog, pErr, &pOld);
  resolveSelf(&r);
  if( pErr->rc==SQLITE_OK ){
    if( pRel->zBack ) namedReverse(&r); else findReverse(&r);
  }
  if( pErr->rc==SQLITE_OK ) pRel->bResolved = 2;
  r.pArena->pErr = pOld;
  if( pErr->rc==SQLITE_OK && pRel->pBack ) resolve(pOrm, pErr, pRel->pBack);
  return pErr->rc ? 0 : pRel;
}

OrmRel *ormRelFind(
  Orm *pOrm, OrmErr *pErr, OrmModel *pModel, const char *zName, i64 n
){
  OrmRel *pRel;
  if( pErr->rc ) return 0;
  pRel = relByName(pModel, zName, n<0 ? (i64)strlen(zName) : n);
  return pRel ? resolve(pOrm, pErr, pRel) : 0;
}

/* 1 if all are sound; 0 and the first error. */
int ormRelResolveAll(Orm *pOrm, OrmErr *pErr, OrmModel *pModel){
  for(int i=0; i<pModel->nRel && pErr->rc==SQLITE_OK; i++){
    resolve(pOrm, pErr, pModel->apRel[i]);
  }
  return pErr->rc==SQLITE_OK;
}
