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
#include "../orm_int.h"

typedef struct Resolver Resolver;
struct Resolver {
  Orm *pOrm;
  OrmErr *pErr;
  OrmArena *pArena;
  OrmRel *pRel;
};

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
static void relErr(OrmErr *pErr, const OrmRel *pRel, const char *zFormat, ...){
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
static void resolveCascade(Resolver *p){
  OrmRel *pRel = p->pRel;
  OrmBuf bad;
  ormBufInit(&bad, p->pErr);
  pRel->mCascade = ORM_CASCADE_SAVE_UPDATE | ORM_CASCADE_MERGE;
  if( pRel->zCascade ) pRel->mCascade = (u8)cascadeWords(pRel->zCascade, &bad);
  if( bad.n ){
    relErr(p->pErr, pRel, "no such cascade word: %s (the words are save-update,"
           " merge, refresh-expire, expunge, delete, delete-orphan, all)",
           &ormBufText(&bad)[2]);
  }
  ormBufFree(&bad);
}

static void resolvePassive(Resolver *p){
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
  relErr(p->pErr, p->pRel, "passive_deletes is 0, 1 or 'all', not %s", z);
}

/* The direction that the cell gives, or -1. */
static int resolveDirection(Resolver *p){
  const char *z = p->pRel->zDirection;
  const char *zNear;
  if( z==0 ) return -1;
  for(int i=0; azDirection[i]; i++){
    if( strcmp(z, azDirection[i])==0 ) return i;
  }
  zNear = ormNearest(z, (i64)strlen(z), ormNameInArray, azDirection);
  relErr(p->pErr, p->pRel, "no such direction %s%s%s%s", z,
         zNear ? " (did you mean " : "", zNear ? zNear : "", zNear ? "?)" : "");
  return -1;
}

/* Rules about words that need the direction: C3, C4, C5, C6. */
static void checkWords(Resolver *p){
  OrmRel *pRel = p->pRel;
  int bOrphan = (pRel->mCascade & ORM_CASCADE_DELETE_ORPHAN)!=0;
  int bDelete = (pRel->mCascade & ORM_CASCADE_DELETE)!=0;
  if( bOrphan && !bDelete ){
    relErr(p->pErr, pRel, "cascade delete-orphan needs delete as well");
  }
  if( pRel->ePassive==2 && (bOrphan || bDelete) ){
    relErr(p->pErr, pRel, "passive_deletes 'all' cannot be combined with"
           " cascade delete or delete-orphan");
  }
  if( bOrphan && !pRel->bSingleParent
   && (pRel->bForeign || pRel->eDir==ORM_MANY_TO_MANY) ){
    relErr(p->pErr, pRel, "cascade delete-orphan on a %s relationship needs"
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
static int cellFields(
  Resolver *p, OrmModel *pModel, const char *zCell, const char *zWhat, int *a
){
  const char **az = 0;
  char *zPlace;
  int n;
  if( zCell==0 || p->pErr->rc ) return 0;
  a[0] = ormFieldFind(pModel, zCell, -1);
  if( a[0]>=0 ) return 1;
  zPlace = ormArenaPrintf(p->pArena, "relationship %s.%s: %s",
                          p->pRel->pModel->zName, p->pRel->zName, zWhat);
  n = zPlace ? ormFactNames(p->pArena, zCell, zPlace, &az) : 0;
  if( n>ORM_MAX_KEY ){
    relErr(p->pErr, p->pRel, "%s: more than %d columns", zWhat, ORM_MAX_KEY);
    return 0;
  }
  for(int i=0; i<n; i++){
    a[i] = ormFieldFind(pModel, az[i], -1);
    if( a[i]<0 ){
      const char *z = ormNearest(az[i], (i64)strlen(az[i]), fieldNameAt,
                                 pModel);
      relErr(p->pErr, p->pRel, "%s: no such column %s in %s%s%s%s", zWhat,
             az[i], pModel->zTable, z ? " (did you mean " : "", z ? z : "",
             z ? "?)" : "");
    }
  }
  return p->pErr->rc ? 0 : n;
}

/* Column names of the link table in a cell, checked against azCol. */
static int cellLinkColumns(
  Resolver *p, const char *zCell, const char *zWhat, const char *const *azCol,
  const char ***paz
){
  char *zPlace;
  int n;
  *paz = 0;
  if( zCell==0 || p->pErr->rc ) return 0;
  zPlace = ormArenaPrintf(p->pArena, "relationship %s.%s: %s",
                          p->pRel->pModel->zName, p->pRel->zName, zWhat);
  n = zPlace ? ormFactNames(p->pArena, zCell, zPlace, paz) : 0;
  if( n>ORM_MAX_KEY ){
    relErr(p->pErr, p->pRel, "%s: more than %d columns", zWhat, ORM_MAX_KEY);
    return 0;
  }
  for(int i=0; i<n; i++){
    int j = 0;
    while( azCol[j] && strcmp(azCol[j], (*paz)[i])!=0 ) j++;
    if( azCol[j]==0 ){
      const char *z = ormNearest((*paz)[i], (i64)strlen((*paz)[i]),
                                 ormNameInArray, azCol);
      relErr(p->pErr, p->pRel, "%s: no such column %s in %s%s%s%s", zWhat,
             (*paz)[i], p->pRel->zSecondary, z ? " (did you mean " : "",
             z ? z : "", z ? "?)" : "");
    }
  }
  return p->pErr->rc ? 0 : n;
}

static const int *copyFields(OrmArena *pArena, int n, const int *a){
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
  if( pFk->n>ORM_MAX_KEY || sqlite3_stricmp(pFk->zTarget, pOther->zTable) ){
    return 0;
  }
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

/* Of all foreign keys between the two models the one that fits: 1 and *pOut.
** 0 if none does, and an error listing them if several do. */
static int pickCandidate(Resolver *p, const Wish *pWish, Candidate *pOut){
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
    candidateText(&list, pRel, &cand);
    if( nFit++==0 ) *pOut = cand;
  }
  if( nFit>1 && pA==pB && pWish->eDir<0 && pWish->nRemote==0
   && pWish->nLocal==0 && nFit==2 ){
    relErr(p->pErr, pRel, "a self-relationship needs direction (many_to_one or"
           " one_to_many) or remote_columns: %s", ormBufText(&list));
  }else if( nFit>1 ){
    relErr(p->pErr, pRel, "%d foreign keys fit, name one with local_columns or"
           " remote_columns: %s", nFit, ormBufText(&list));
  }
  ormBufFree(&list);
  return nFit==1;
}

/* No foreign key fits: what the cells alone say. */
static int explicitCandidate(Resolver *p, const Wish *pWish, Candidate *pOut){
  OrmModel *pA = p->pRel->pModel, *pB = p->pRel->pTarget;
  memset(pOut, 0, sizeof(*pOut));
  pOut->pTarget = pB;
  if( pWish->nLocal && pWish->nRemote ){
    if( pWish->nLocal!=pWish->nRemote ){
      relErr(p->pErr, p->pRel, "%d local_columns, %d remote_columns",
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
  relErr(p->pErr, p->pRel, "no foreign key between %s and %s fits: name"
         " local_columns, remote_columns and direction", pA->zTable,
         pB->zTable);
  return 0;
}

static void resolveDirect(Resolver *p, int eDir){
  OrmRel *pRel = p->pRel;
  Candidate cand;
  Wish wish;
  int bUnique;
  memset(&wish, 0, sizeof(wish));
  wish.eDir = eDir;
  wish.nLocal = cellFields(p, pRel->pModel, pRel->zLocal, "local_columns",
                           wish.aLocal);
  wish.nRemote = cellFields(p, pRel->pTarget, pRel->zRemote, "remote_columns",
                            wish.aRemote);
  if( p->pErr->rc ) return;
  if( !pickCandidate(p, &wish, &cand) && p->pErr->rc==SQLITE_OK ){
    explicitCandidate(p, &wish, &cand);
  }
  if( p->pErr->rc ) return;
  pRel->bForeign = cand.bForeign;
  pRel->nLocal = pRel->nRemote = cand.n;
  pRel->aLocal = copyFields(p->pArena, cand.n, cand.aLocal);
  pRel->aRemote = copyFields(p->pArena, cand.n, cand.aRemote);
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
** Many-to-many
*/

/* The columns of a link table, ending in 0; an error if there is none. */
static const char **linkColumns(Resolver *p){
  const char *zTable = p->pRel->zSecondary;
  const char **az = 0;
  int n = 0, nAlloc = 0;
  int eKind = ormFactKind(p->pOrm, p->pErr, zTable);
  sqlite3_stmt *pStmt;
  if( p->pErr->rc ) return 0;
  if( eKind!=ORM_KIND_TABLE && eKind!=ORM_KIND_VIEW ){
    relErr(p->pErr, p->pRel, "secondary: %s %s",
        eKind==ORM_KIND_NONE ? "no such table" : "a virtual table cannot link:",
        zTable);
    return 0;
  }
  if( eKind==ORM_KIND_VIEW ) p->pRel->bViewonly = 1;
  pStmt = ormFactOpenAny(p->pOrm, p->pErr, "PRAGMA main.table_xinfo(\"%w\")",
                         zTable);
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    if( ormArenaGrow(p->pArena, (void**)&az, n, &nAlloc, sizeof(char*)) ){
      az[n++] = ormFactText(p->pArena, pStmt, 1);
    }
  }
  sqlite3_finalize(pStmt);
  if( ormArenaGrow(p->pArena, (void**)&az, n, &nAlloc, sizeof(char*)) ){
    az[n] = 0;
  }
  return p->pErr->rc ? 0 : az;
}

/* Are these the names of the foreign key's columns, in any order? */
static int sameColumns(const OrmFkFact *pFk, int n, const char **az){
  int nHit = 0;
  for(int i=0; i<pFk->n; i++){
    for(int j=0; j<n; j++) nHit += sqlite3_stricmp(pFk->azFrom[i], az[j])==0;
  }
  return n==pFk->n && nHit==n;
}

/* The one foreign key of the link table that refers to pModel and agrees with
** the cells; other than pNot.  0 if there is none, or *pnFit>1 are. */
static const OrmFkFact *linkFk(
  OrmFkFact *aFk, int nFk, const OrmModel *pModel, int n, const char **az,
  const OrmFkFact *pNot, int *pnFit
){
  const OrmFkFact *pHit = 0;
  *pnFit = 0;
  for(int i=0; i<nFk; i++){
    if( &aFk[i]==pNot || sqlite3_stricmp(aFk[i].zTarget, pModel->zTable)!=0 ){
      continue;
    }
    if( n && !sameColumns(&aFk[i], n, az) ) continue;
    if( (*pnFit)++==0 ) pHit = &aFk[i];
  }
  return pHit;
}

/* One end of the link: fields of pModel and columns of the link table, from
** the foreign key where there is one, else from the cells. */
static int linkEnd(
  Resolver *p, OrmModel *pModel, const OrmFkFact *pFk, int nCol,
  const char **azCol, int nField, const int *aField, const char *zSide,
  const int **paField, const char ***pazCol
){
  int a[ORM_MAX_KEY];
  const char **az;
  int n = nCol;
  if( pFk==0 && nCol==0 ){
    relErr(p->pErr, p->pRel, "no foreign key of %s refers to %s: name"
           " secondary_%s", p->pRel->zSecondary, pModel->zTable, zSide);
    return 0;
  }
  if( n==0 ) n = pFk->n;
  az = ormArenaAlloc(p->pArena, (i64)sizeof(char*)*n);
  if( az==0 ) return 0;
  for(int i=0; i<n; i++){
    az[i] = nCol ? azCol[i] : pFk->azFrom[i];
    a[i] = -1;
    for(int j=0; pFk && j<pFk->n; j++){
      if( sqlite3_stricmp(pFk->azFrom[j], az[i])==0 ){
        a[i] = ormFieldByColumn(pModel, pFk->azTo[j]);
      }
    }
    if( nField==n ) a[i] = aField[i];
    else if( a[i]<0 && n==pModel->nKey ) a[i] = pModel->aKey[i];
    if( a[i]<0 || (nField && nField!=n) ){
      relErr(p->pErr, p->pRel, "secondary_%s: %d columns do not fit %s", zSide,
             n, pModel->zTable);
      return 0;
    }
  }
  *paField = copyFields(p->pArena, n, a);
  *pazCol = az;
  return n;
}

static void linkAmbiguous(Resolver *p, int nFit, const OrmModel *pModel){
  relErr(p->pErr, p->pRel, "%d foreign keys of %s refer to %s: name"
         " secondary_local and secondary_remote", nFit, p->pRel->zSecondary,
         pModel->zTable);
}

static void resolveLink(Resolver *p){
  OrmRel *pRel = p->pRel;
  OrmFkFact *aFk = 0;
  const OrmFkFact *pLocal, *pRemote;
  const char **azCol = linkColumns(p);
  const char **azLocal, **azRemote;
  int aLocal[ORM_MAX_KEY], aRemote[ORM_MAX_KEY];
  int nFk, nSecLocal, nSecRemote, nLocal, nRemote, nFit;
  if( azCol==0 ) return;
  nFk = ormFactFks(p->pOrm, p->pErr, p->pArena, pRel->zSecondary, &aFk);
  nSecLocal = cellLinkColumns(p, pRel->zSecLocal, "secondary_local", azCol,
                              &azLocal);
  nSecRemote = cellLinkColumns(p, pRel->zSecRemote, "secondary_remote", azCol,
                               &azRemote);
  nLocal = cellFields(p, pRel->pModel, pRel->zLocal, "local_columns", aLocal);
  nRemote = cellFields(p, pRel->pTarget, pRel->zRemote, "remote_columns",
                       aRemote);
  if( p->pErr->rc ) return;
  pRemote = nSecRemote ? linkFk(aFk, nFk, pRel->pTarget, nSecRemote, azRemote,
                                0, &nFit) : 0;
  pLocal = linkFk(aFk, nFk, pRel->pModel, nSecLocal, azLocal, pRemote, &nFit);
  if( nFit>1 ) linkAmbiguous(p, nFit, pRel->pModel);
  if( nSecRemote==0 ){
    pRemote = linkFk(aFk, nFk, pRel->pTarget, 0, 0, pLocal, &nFit);
    if( nFit>1 ) linkAmbiguous(p, nFit, pRel->pTarget);
  }
  if( p->pErr->rc ) return;
  pRel->nLocal = linkEnd(p, pRel->pModel, pLocal, nSecLocal, azLocal, nLocal,
      aLocal, "local", &pRel->aLocal, &pRel->azSecLocal);
  if( p->pErr->rc ) return;
  pRel->nRemote = linkEnd(p, pRel->pTarget, pRemote, nSecRemote, azRemote,
      nRemote, aRemote, "remote", &pRel->aRemote, &pRel->azSecRemote);
  pRel->eDir = ORM_MANY_TO_MANY;
  pRel->bMany = 1;
  pRel->bForeign = 0;
}

/* ------------------------------------------------------------------------
** Target
*/

/* The target that the foreign keys name where the cell does not: the table
** that our one foreign key, or the link table's other one, refers to. */
static OrmModel *inferTarget(Resolver *p){
  OrmRel *pRel = p->pRel;
  OrmModel *pModel = pRel->pModel;
  OrmModel *pTarget;
  int aLocal[ORM_MAX_KEY];
  int nLocal = pRel->zSecondary ? 0
      : cellFields(p, pModel, pRel->zLocal, "local_columns", aLocal);
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
    relErr(p->pErr, pRel, "target is missing");
    return 0;
  }
  pTarget = ormModelByTable(p->pOrm, p->pErr, pModel->pCatalog, zTable);
  if( pTarget==0 ) relErr(p->pErr, pRel, "no model has the table %s", zTable);
  return pTarget;
}

static OrmModel *resolveTarget(Resolver *p){
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
static void resolveSelf(Resolver *p){
  OrmRel *pRel = p->pRel;
  int eDir;
  if( pRel->bResolved || p->pErr->rc ) return;
  if( pRel->bBadFlag ){
    relErr(p->pErr, pRel, "single_parent and viewonly are 0 or 1");
  }
  resolveCascade(p);
  resolvePassive(p);
  eDir = resolveDirection(p);
  pRel->pTarget = resolveTarget(p);
  if( p->pErr->rc ) return;
  if( pRel->zSecondary ){
    if( eDir>=0 && eDir!=ORM_MANY_TO_MANY ){
      relErr(p->pErr, pRel, "a relationship with secondary is many_to_many,"
             " not %s", azDirection[eDir]);
      return;
    }
    resolveLink(p);
  }else if( eDir==ORM_MANY_TO_MANY ){
    relErr(p->pErr, pRel, "many_to_many needs secondary, the link table");
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
  if( pA==pB || pA->pTarget!=pB->pModel || pB->pTarget!=pA->pModel ) return 0;
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

static OrmRel *relByName(OrmModel *pModel, const char *z, i64 n){
  for(int i=0; i<pModel->nRel; i++){
    const char *zRel = pModel->apRel[i]->zName;
    if( strncmp(zRel, z, (size_t)n)==0 && zRel[n]==0 ) return pModel->apRel[i];
  }
  return 0;
}

static void resolveOther(Resolver *p, OrmRel *pOther, OrmErr *pErr){
  Resolver other = *p;
  OrmErr *pOld = p->pArena->pErr;
  other.pRel = pOther;
  other.pErr = pErr;
  p->pArena->pErr = pErr;
  resolveSelf(&other);
  p->pArena->pErr = pOld;
}

/* back_populates names the reverse: it must be one (C8). */
static void namedReverse(Resolver *p){
  OrmRel *pRel = p->pRel;
  OrmModel *pTarget = pRel->pTarget;
  OrmRel *pBack = relByName(pTarget, pRel->zBack, (i64)strlen(pRel->zBack));
  if( pBack==0 && ormFieldFind(pTarget, pRel->zBack, -1)>=0 ){
    relErr(p->pErr, pRel, "back_populates: %s is a field of %s", pRel->zBack,
           pTarget->zName);
  }else if( pBack==0 ){
    const char *z = ormModelNearest(pTarget, pRel->zBack,
                                    (i64)strlen(pRel->zBack));
    relErr(p->pErr, pRel, "back_populates: no such relationship %s on %s"
           "%s%s%s", pRel->zBack, pTarget->zName, z ? " (did you mean " : "",
           z ? z : "", z ? "?)" : "");
  }
  if( p->pErr->rc ) return;
  resolveOther(p, pBack, p->pErr);
  if( p->pErr->rc ) return;
  if( pBack->zBack && strcmp(pBack->zBack, pRel->zName)!=0 ){
    relErr(p->pErr, pRel, "back_populates: %s.%s is the reverse of %s already",
           pTarget->zName, pBack->zName, pBack->zBack);
  }else if( !isMirror(pRel, pBack) ){
    relErr(p->pErr, pRel, "back_populates: %s.%s does not lead back by the"
           " same columns", pTarget->zName, pBack->zName);
  }
  pRel->pBack = pBack;
}

/* Nobody names the reverse: the one that names us, else the only mirror. */
static void findReverse(Resolver *p){
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
  Resolver r;
  OrmErr *pOld;
  if( pErr->rc ) return 0;
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

/* ------------------------------------------------------------------------
** Link tables
*/

/* Does the index start with the n columns, in any order? */
static int indexStarts(
  Orm *pOrm, OrmErr *pErr, const char *zIndex, int n, const char **az
){
  int nHit = 0, i = 0;
  sqlite3_stmt *p = ormFactOpen(pOrm, pErr, "PRAGMA main.index_info(\"%w\")",
                                zIndex);
  while( i<n && ormFactStep(pOrm, pErr, p) ){
    const char *z = (const char*)sqlite3_column_text(p, 2);
    for(int j=0; z && j<n; j++) nHit += sqlite3_stricmp(z, az[j])==0;
    i++;
  }
  sqlite3_finalize(p);
  return nHit==n;
}

/* Has the table an index whose first columns are these? */
int ormTableIndexed(
  Orm *pOrm, OrmErr *pErr, const char *zTable, int n, const char **az
){
  int bHit = 0;
  sqlite3_stmt *p = ormFactOpen(pOrm, pErr, "PRAGMA main.index_list(\"%w\")",
                                zTable);
  while( !bHit && ormFactStep(pOrm, pErr, p) ){
    if( sqlite3_column_int(p, 4) ) continue;
    bHit = indexStarts(pOrm, pErr, (const char*)sqlite3_column_text(p, 1), n,
                       az);
  }
  sqlite3_finalize(p);
  return bHit;
}

int ormLinkIndexed(
  Orm *pOrm, OrmErr *pErr, const OrmRel *pRel, int bRemoteSide
){
  return ormTableIndexed(pOrm, pErr, pRel->zSecondary,
      bRemoteSide ? pRel->nRemote : pRel->nLocal,
      bRemoteSide ? pRel->azSecRemote : pRel->azSecLocal);
}
