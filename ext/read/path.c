/*
** Paths: a way from a model to a model by named relationships, 'posts.tags',
** 'children*' or 'parent*3.posts', checked against the catalog; and each of
** its hops as SQL.
**
** A star is one or more hops over a relationship that leads from a model to
** itself.  A path that was reversed has its hops the other way round, and
** each of them walked from the relationship's target to its model (bBack).
**
** The comparisons of a hop are written the same way whichever end it is
** walked from, so that both see the same pairs, collations included.
*/
#include "../orm_int.h"

OrmModel *ormHopFrom(const OrmHop *p){
  return p->bBack ? p->pRel->pTarget : p->pRel->pModel;
}

OrmModel *ormHopTo(const OrmHop *p){
  return p->bBack ? p->pRel->pModel : p->pRel->pTarget;
}

/* ------------------------------------------------------------------------
** Parsing
*/
static const char *relNameAt(const void *pArg, int i){
  const OrmModel *p = (const OrmModel*)pArg;
  return i<p->nRel ? p->apRel[i]->zName : 0;
}

static void noSuchStep(
  OrmErr *pErr, const char *zPath, const OrmModel *pModel, const char *z, int n
){
  const char *zNear = ormNearest(z, n, relNameAt, pModel);
  const char *zWhat = ormFieldFind(pModel, z, n)>=0
      ? "%.*s of %s is a field, not a relationship"
      : "no such relationship %.*s on %s";
  char *zMsg = sqlite3_mprintf(zWhat, n, z, pModel->zName);
  if( zMsg==0 ) ormErrOom(pErr);
  ormErr(pErr, SQLITE_ERROR, "orm: path %s: %s%s%s%s", zPath, zMsg,
         zNear ? " (did you mean " : "", zNear ? zNear : "",
         zNear ? "?)" : "");
  sqlite3_free(zMsg);
}

/* The step z[n] from pModel; 0 and an error. */
static int parseStep(
  Orm *pOrm, OrmErr *pErr, const char *zPath, OrmModel *pModel,
  const char *z, i64 n, OrmHop *pHop
){
  i64 nLevel, nName = n;
  OrmRel *pRel = ormStepFind(pOrm, pErr, pModel, z, &nName, &nLevel);
  memset(pHop, 0, sizeof(*pHop));
  pHop->pRel = pRel;
  pHop->bStar = nLevel!=ORM_STEP_ONE;
  pHop->nMax = pHop->bStar ? (int)nLevel : 0;
  if( nLevel==ORM_STEP_NONE || nLevel>0x7fffffff ){
    ormErr(pErr, SQLITE_ERROR, "orm: path %s: %.*s: levels are counted from 1",
           zPath, (int)n, z);
  }
  if( pErr->rc ) return 0;
  if( nName==0 ){
    ormErr(pErr, SQLITE_ERROR, "orm: path %s: a relationship of %s is missing",
           zPath[0] ? zPath : "''", pModel->zName);
    return 0;
  }
  if( pRel==0 ){
    noSuchStep(pErr, zPath, pModel, z, (int)nName);
    return 0;
  }
  if( pHop->bStar && pRel->pTarget!=pModel ){
    ormErr(pErr, SQLITE_ERROR, "orm: path %s: %s* needs a relationship of %s "
           "to itself, this one leads to %s", zPath, pRel->zName,
           pModel->zName, pRel->pTarget->zName);
    return 0;
  }
  return 1;
}

/* A star of few levels after another star is walked level by level by itself
** (read/reach.c), which has to end somewhere. */
static void checkLevels(OrmErr *pErr, const OrmPath *p, const char *zPath){
  int nStar = 0, bDeep = 0;
  for(int i=0; i<p->nHop; i++){
    nStar += p->aHop[i].bStar;
    bDeep |= p->aHop[i].nMax>ORM_MAX_LEVELS;
  }
  if( nStar>1 && bDeep ){
    ormErr(pErr, SQLITE_ERROR, "orm: path %s: at most %d levels beside "
           "another *", zPath, ORM_MAX_LEVELS);
  }
}

OrmPath *ormPathParse(
  Orm *pOrm, OrmArena *pArena, OrmModel *pModel, const char *z, i64 n
){
  OrmErr *pErr = pArena->pErr;
  OrmPath *p = ormArenaAlloc(pArena, sizeof(*p));
  const char *zPath = ormArenaText(pArena, z, n);
  int nAlloc = 0;
  if( pErr->rc ) return 0;
  p->pFrom = pModel;
  for(z=zPath; z; ){
    OrmHop *pHop = ormArenaGrow(pArena, (void**)&p->aHop, p->nHop, &nAlloc,
                                (int)sizeof(*pHop));
    i64 nStep;
    while( z[0]==' ' ) z++;
    nStep = ormStepLength(pOrm, pErr, pModel, z, (i64)strlen(z));
    if( pHop==0 || !parseStep(pOrm, pErr, zPath, pModel, z, nStep, pHop) ){
      return 0;
    }
    pModel = pHop->pRel->pTarget;
    p->nHop++;
    p->bStar |= pHop->bStar;
    z = z[nStep] ? z + nStep + 1 : 0;
  }
  p->pTo = pModel;
  checkLevels(pErr, p, zPath);
  return pErr->rc ? 0 : p;
}

OrmPath *ormPathReverse(OrmArena *pArena, const OrmPath *pOf){
  OrmPath *p = ormArenaAlloc(pArena, sizeof(*p));
  OrmHop *aHop = ormArenaAlloc(pArena, (i64)sizeof(*aHop)*pOf->nHop);
  if( p==0 || aHop==0 ) return 0;
  *p = *pOf;
  p->pFrom = pOf->pTo;
  p->pTo = pOf->pFrom;
  p->aHop = aHop;
  for(int i=0; i<p->nHop; i++){
    aHop[i] = pOf->aHop[p->nHop-1-i];
    aHop[i].bBack = !aHop[i].bBack;
  }
  return p;
}

/* Can a pair of ends be joined by more than one chain of rows?  Rows fan out
** when the far side holds the key and come together when the near side does;
** a link table may hold a pair twice. */
int ormPathFolds(const OrmPath *p){
  int bFan = 0;
  for(int i=0; i<p->nHop; i++){
    const OrmHop *pHop = &p->aHop[i];
    if( pHop->pRel->zSecondary || pHop->bStar ) return 1;
    if( pHop->pRel->bForeign==pHop->bBack ) bFan = 1;
    else if( bFan ) return 1;
    /* What is referred to is one row only if its columns are a key. */
    if( ormRelVague(pHop->pRel) ) return 1;
  }
  return 0;
}

/* ------------------------------------------------------------------------
** SQL
*/

/* Which column of the key a field is, from 0. */
static int keyPlace(const OrmModel *p, int iField){
  for(int i=0; i<p->nKey; i++) if( p->aKey[i]==iField ) return i;
  return -1;
}

/* Is the near side referred to (by the far side, or by the link table)? */
static int nearIsReferred(const OrmHop *pHop){
  return pHop->pRel->zSecondary!=0 || pHop->pRel->bForeign==pHop->bBack;
}

/* The columns of a hop's near side, and those that they are compared with. */
static const int *nearFields(const OrmHop *pHop){
  return pHop->bBack ? pHop->pRel->aRemote : pHop->pRel->aLocal;
}

static int nearCount(const OrmHop *pHop){
  return pHop->bBack ? pHop->pRel->nRemote : pHop->pRel->nLocal;
}

static const char *otherName(const OrmHop *pHop, int i){
  const OrmRel *pRel = pHop->pRel;
  const OrmModel *pTo = ormHopTo(pHop);
  if( pRel->zSecondary ){
    return pHop->bBack ? pRel->azSecRemote[i] : pRel->azSecLocal[i];
  }
  return pTo->aField[pHop->bBack ? pRel->aLocal[i] : pRel->aRemote[i]].zName;
}

static char otherAffinity(
  Orm *pOrm, const OrmHop *pHop, int i, const char **pzColl
){
  const OrmRel *pRel = pHop->pRel;
  const OrmField *pField;
  char cAff;
  *pzColl = 0;
  if( pRel->zSecondary ){
    ormLinkColumn(pOrm, pRel, otherName(pHop, i), &cAff, pzColl);
    return cAff;
  }
  pField = &ormHopTo(pHop)->aField[pHop->bBack ? pRel->aLocal[i]
                                               : pRel->aRemote[i]];
  *pzColl = pField->zColl;
  return pField->cAff;
}

/* May a hop start from the key values alone, without the row?  Its columns
** must be the key's, and compare as the far side's do: a list of keys has no
** type that would make a number of the far side's text. */
static int hopFromKeys(Orm *pOrm, const OrmHop *pHop){
  const OrmModel *pFrom = ormHopFrom(pHop);
  for(int i=0; i<nearCount(pHop); i++){
    const OrmField *pNear = &pFrom->aField[nearFields(pHop)[i]];
    const char *zColl;
    char cAff = otherAffinity(pOrm, pHop, i, &zColl);
    if( keyPlace(pFrom, nearFields(pHop)[i])<0 ) return 0;
    if( pNear->cAff>'B' && (cAff=='B' || (pHop->mTexts>>i & 1)) ) return 0;
    if( !nearIsReferred(pHop) ) continue;
    if( pFrom->bView && pNear->cAff<='B' ) return 0;
    if( sqlite3_stricmp(pNear->zColl, zColl ? zColl : "BINARY")!=0 ) return 0;
  }
  return 1;
}

/* "SELECT EXISTS(SELECT 1 FROM t WHERE x >= '' ..)": are there texts? */
static void hasTextsSql(OrmBuf *pBuf, const OrmHop *pHop, int i){
  const OrmRel *pRel = pHop->pRel;
  ormBufAdd(pBuf, "SELECT EXISTS(SELECT 1 FROM ", -1);
  ormBufTable(pBuf, pRel->zSecondary ? pRel->zSecondary
                                     : ormHopTo(pHop)->zTable);
  ormBufAdd(pBuf, " AS t WHERE ", -1);
  ormBufIsText(pBuf, "t", otherName(pHop, i));
  ormBufChar(pBuf, ')');
}

static int hasTexts(Orm *pOrm, OrmErr *pErr, const OrmHop *pHop, int i){
  OrmStmt *pStmt;
  OrmBuf buf;
  int bTexts = 0;
  ormBufInit(&buf, pErr);
  hasTextsSql(&buf, pHop, i);
  pStmt = ormStmtTake(pOrm, pErr, ormBufText(&buf), buf.n);
  if( ormStmtStep(pOrm, pErr, pStmt) ) bTexts = sqlite3_column_int(pStmt->p, 0);
  ormStmtGive(pOrm, pErr, pStmt);
  ormBufFree(&buf);
  return bTexts;
}

/* Columns after the first, to which no index leads, may as well hold texts:
** the first one finds the few rows that they are compared in. */
int ormPathAsk(Orm *pOrm, OrmErr *pErr, OrmPath *p){
  int bChange = 0;
  for(int iHop=0; iHop<p->nHop; iHop++){
    OrmHop *pHop = &p->aHop[iHop];
    const OrmModel *pFrom = ormHopFrom(pHop);
    int m = 0;
    for(int i=0; i<nearCount(pHop) && pErr->rc==SQLITE_OK; i++){
      const char *zColl;
      if( pFrom->aField[nearFields(pHop)[i]].cAff>'B'
       && otherAffinity(pOrm, pHop, i, &zColl)=='A'
       && (i>0 || hasTexts(pOrm, pErr, pHop, i)) ) m |= 1<<i;
    }
    bChange |= m!=pHop->mTexts;
    pHop->mTexts = (u16)m;
  }
  return bChange;
}

/* "a.x=b.y AND ..", the near side's columns and another's.  The first of a
** pair gives the collation, so it is the one that is referred to; a list of
** keys has none to give.  An index of a column without a type cannot be used
** for a value that has one, so the near value is given without (+a.x) where
** that makes no difference. */
static void compare(
  OrmSql *p, const OrmHop *pHop, const char *zNear, int bKeys,
  const char *zOther
){
  OrmBuf *pBuf = &p->buf;
  const OrmModel *pFrom = ormHopFrom(pHop);
  int bNearFirst = nearIsReferred(pHop) && !bKeys;
  for(int i=0; i<nearCount(pHop); i++){
    const OrmField *pNear = &pFrom->aField[nearFields(pHop)[i]];
    const char *zColl;
    if( i ) ormBufAdd(pBuf, " AND ", 5);
    if( !bNearFirst ){
      ormBufColumn(pBuf, zOther, otherName(pHop, i));
      ormBufChar(pBuf, '=');
    }
    if( bKeys ){
      ormBufPrintf(pBuf, "%s.k%d", zNear, keyPlace(pFrom, nearFields(pHop)[i]));
    }else{
      if( otherAffinity(p->pOrm, pHop, i, &zColl)=='A'
       && (pHop->mTexts>>i & 1)==0 ) ormBufChar(pBuf, '+');
      ormBufColumn(pBuf, zNear, pNear->zName);
    }
    if( bNearFirst ){
      ormBufChar(pBuf, '=');
      ormBufColumn(pBuf, zOther, otherName(pHop, i));
    }
  }
}

static void joinTable(OrmBuf *pBuf, const char *zTable, const char *zAlias){
  ormBufAdd(pBuf, " CROSS JOIN ", -1);
  ormBufTable(pBuf, zTable);
  ormBufPrintf(pBuf, " AS %s ON ", zAlias);
}

/* From zNear, a row or a row of a list of keys, to the far side. */
static void hopJoin(
  OrmSql *p, const OrmHop *pHop, const char *zNear, int bKeys,
  const char *zFar
){
  const OrmRel *pRel = pHop->pRel;
  const OrmModel *pTo = ormHopTo(pHop);
  int nFar = pHop->bBack ? pRel->nLocal : pRel->nRemote;
  const int *aFar = pHop->bBack ? pRel->aLocal : pRel->aRemote;
  const char **azLink = pHop->bBack ? pRel->azSecLocal : pRel->azSecRemote;
  char zLink[16];
  if( pRel->zSecondary==0 ){
    joinTable(&p->buf, pTo->zTable, zFar);
    compare(p, pHop, zNear, bKeys, zFar);
    return;
  }
  ormSqlAlias(p, zLink);
  joinTable(&p->buf, pRel->zSecondary, zLink);
  compare(p, pHop, zNear, bKeys, zLink);
  joinTable(&p->buf, pTo->zTable, zFar);
  for(int i=0; i<nFar; i++){
    if( i ) ormBufAdd(&p->buf, " AND ", 5);
    ormBufColumn(&p->buf, zFar, pTo->aField[aFar[i]].zName);
    ormBufChar(&p->buf, '=');
    ormBufColumn(&p->buf, zLink, azLink[i]);
  }
}

void ormHopSql(
  OrmSql *p, const OrmHop *pHop, const char *zNear, const char *zFar,
  int eDeleted
){
  hopJoin(p, pHop, zNear, 0, zFar);
  ormDeletedSql(p, ormHopTo(pHop), eDeleted, zFar);
}

void ormHopKeysSql(
  OrmSql *p, const OrmHop *pHop, const char *zKeys, const char *zFar,
  int eDeleted
){
  const OrmModel *pFrom = ormHopFrom(pHop);
  int bKeys = hopFromKeys(p->pOrm, pHop);
  char zNear[16];
  sqlite3_snprintf(16, zNear, "%s", zKeys);
  if( !bKeys ){
    ormSqlAlias(p, zNear);
    joinTable(&p->buf, pFrom->zTable, zNear);
    for(int i=0; i<pFrom->nKey; i++){
      if( i ) ormBufAdd(&p->buf, " AND ", 5);
      ormBufColumn(&p->buf, zNear, pFrom->aField[pFrom->aKey[i]].zName);
      ormBufPrintf(&p->buf, "=%s.k%d", zKeys, i);
    }
  }
  hopJoin(p, pHop, zNear, bKeys, zFar);
  ormDeletedSql(p, ormHopTo(pHop), eDeleted, zFar);
}

void ormKeyColumnsSql(OrmBuf *p, const OrmModel *pModel, const char *zAlias){
  for(int i=0; i<pModel->nKey; i++){
    if( i ) ormBufChar(p, ',');
    ormBufColumn(p, zAlias, pModel->aField[pModel->aKey[i]].zName);
  }
}
