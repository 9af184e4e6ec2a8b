/*
** Conditions as SQL.
**
** A relationship condition is an EXISTS over the target, correlated with the
** row, or "columns IN (SELECT ..)", which is made once, where that finds few
** rows by an index, where there is no index to look targets up by row, where
** many rows would have the same costly question asked of one target, and where
** the question is asked of all rows of a table anyhow (OrmSql.bWhole): then one
** look at each target costs at most some times what it may save a hundredfold.
** Both are never NULL, as a question about related objects has to be.
**
** Lists of and / or are written as balanced trees, since SQLite bounds the
** depth of an expression.
*/
#include "cond.h"

#define FLAT 8                  /* conditions in a row without parentheses    */

typedef struct Where Where;
struct Where {                  /* what stays the same for a whole where      */
  OrmSql *pSql;
  OrmErr *pErr;
  int eDeleted;                 /* what relationship conditions see           */
  int bWhole;                   /* asked of all rows of the table at hand     */
  int bApart;                   /* what may be joined is asked apart          */
};

#define APART_MOST 3            /* lists in one another for what may be joined*/

static void condSql(Where*, OrmModel*, const OrmCond*, const char *zAlias);
static int hasIn(Where*, const OrmCond*);

static void sql(Where *p, const char *z){
  ormBufAdd(&p->pSql->buf, z, -1);
}

static void column(Where *p, const char *zAlias, const char *zName){
  ormBufColumn(&p->pSql->buf, zAlias, zName);
}

/* Is a condition on the targets' own targets joined to them? */
static int isJoined(const Where *p, const OrmCond *pCond){
  return pCond->bJoin && !p->bApart;
}

/* "a.x, a.y": columns by field number. */
static void columns(
  Where *p, const OrmModel *pModel, int n, const int *aField,
  const char *zAlias
){
  for(int i=0; i<n; i++){
    if( i ) sql(p, ",");
    column(p, zAlias, pModel->aField[aField[i]].zName);
  }
}

/* -------------------------------------------------------- relationships --- */

/* " JOIN child AS .." for the conditions of pWhole that are joined, which are
** over the row zParent. */
static void joinSql(Where *p, const OrmCond *pWhole, const char *zParent){
  const OrmCond *pCond;
  char zLink[16], zChild[16];
  for(pCond=ormCondFirst(pWhole); pCond; pCond=ormCondAfter(pWhole, pCond)){
    if( !isJoined(p, pCond) ) continue;
    ormSqlAlias(p->pSql, zLink);
    ormSqlAlias(p->pSql, zChild);
    sql(p, " JOIN ");
    ormRelFromSql(p->pSql, pCond->pRel, zLink, zChild);
    sql(p, pCond->pRel->zSecondary ? " AND " : " ON ");
    ormRelLinkSql(p->pSql, pCond->pRel, zParent, zLink, zChild);
    ormDeletedSql(p->pSql, pCond->pRel->pTarget, p->eDeleted, zChild);
    joinSql(p, pCond->pFirst, zChild);
  }
}

/* "<condition> AND " of the targets zChild, and of what joinSql() has joined to
** them; *piAlias is the first alias that it took.  They stand in front of the
** rest, since what is deep takes more of the parser's stack behind it. */
static void targetSql(
  Where *p, OrmModel *pModel, const OrmCond *pWhole, const char *zChild,
  int *piAlias
){
  const OrmCond *pCond;
  u8 bBeside = p->pSql->bInBeside;
  int nPlain = 0;
  for(pCond=ormCondFirst(pWhole); pCond; pCond=ormCondAfter(pWhole, pCond)){
    if( !isJoined(p, pCond) ) nPlain++;
  }
  if( nPlain ){
    p->pSql->bInBeside = (u8)hasIn(p, pWhole);
    condSql(p, pModel, pWhole, zChild);
    p->pSql->bInBeside = bBeside;
    sql(p, " AND ");
  }
  for(pCond=ormCondFirst(pWhole); pCond; pCond=ormCondAfter(pWhole, pCond)){
    char zJoined[16];
    if( !isJoined(p, pCond) ) continue;
    sqlite3_snprintf((int)sizeof(zJoined), zJoined, "t%d", *piAlias + 1);
    *piAlias += 2;
    targetSql(p, pCond->pRel->pTarget, pCond->pFirst, zJoined, piAlias);
  }
}

/* Does a value of pFrom make one of values of pTo that differ?  Beside a number
** the texts '01' and '1' are numbers. */
static int meltsAffinity(const OrmField *pFrom, const OrmField *pTo){
  return pFrom->cAff>'B' && pTo->cAff<='B';
}

/* Does a collation make one of values that differ in that of a field? */
static int meltsCollation(const char *zColl, const OrmField *pTo){
  return sqlite3_stricmp(zColl, "BINARY")!=0
      && sqlite3_stricmp(zColl, pTo->zColl)!=0;
}

/* Do the columns aTo find one row, given those of the other side?  What is
** referred to gives the collation. */
static int findsOne(
  const OrmModel *pTo, const OrmModel *pFrom, int n, const int *aTo,
  const int *aFrom, int bReferred
){
  if( !ormModelUnique(pTo, n, aTo) ) return 0;
  for(int i=0; i<n; i++){
    const OrmField *pColTo = &pTo->aField[aTo[i]];
    const OrmField *pColFrom = &pFrom->aField[aFrom[i]];
    if( meltsAffinity(pColFrom, pColTo) ) return 0;
    if( !bReferred && meltsCollation(pColFrom->zColl, pColTo) ) return 0;
  }
  return 1;
}

int ormRelSeveral(const OrmRel *p){
  return !p->bMany && !findsOne(p->pTarget, p->pModel, p->nLocal, p->aRemote,
                                p->aLocal, p->bForeign);
}

int ormRelVague(const OrmRel *p){
  assert( p->zSecondary==0 );
  return p->bForeign
      ? !findsOne(p->pTarget, p->pModel, p->nLocal, p->aRemote, p->aLocal, 1)
      : !findsOne(p->pModel, p->pTarget, p->nLocal, p->aLocal, p->aRemote, 1);
}

/* "(a, b)" */
static void keySql(OrmBuf *pBuf, const OrmModel *pModel, const char *zAlias){
  for(int i=0; i<pModel->nKey; i++){
    ormBufChar(pBuf, i ? ',' : '(');
    ormBufColumn(pBuf, zAlias, pModel->aField[pModel->aKey[i]].zName);
  }
  ormBufChar(pBuf, ')');
}

void ormRelFirstSql(
  OrmSql *p, const OrmRel *pRel, const char *zParent, const char *zChild,
  int eDeleted
){
  char zOther[16];
  if( !ormRelSeveral(pRel) ) return;
  ormSqlAlias(p, zOther);
  ormBufAdd(&p->buf, " AND NOT EXISTS (SELECT 1 FROM ", -1);
  ormBufTable(&p->buf, pRel->pTarget->zTable);
  ormBufPrintf(&p->buf, " AS %s WHERE ", zOther);
  ormRelJoinSql(p, pRel, zParent, zOther);
  ormDeletedSql(p, pRel->pTarget, eDeleted==ORM_DELETED_HIDE
                ? ORM_DELETED_HIDE : ORM_DELETED_ALSO, zOther);
  ormBufAdd(&p->buf, " AND ", 5);
  keySql(&p->buf, pRel->pTarget, zOther);
  ormBufChar(&p->buf, '<');
  keySql(&p->buf, pRel->pTarget, zChild);
  ormBufChar(&p->buf, ')');
}

/* From 3.51 on SQLite makes an EXISTS a part of the join around it, and before
** 3.53 two of them gave a row several times.  With a sign it is left alone. */
static const char *existsSign(void){
  int iVersion = sqlite3_libversion_number();
  return iVersion>=3051000 && iVersion<3053000 ? "+" : "";
}

static void existsSql(Where *p, const OrmCond *pCond, const char *zAlias){
  const OrmRel *pRel = pCond->pRel;
  char zLink[16], zChild[16];
  int iAlias, bWhole = p->bWhole, bApart = p->bApart;
  ormSqlAlias(p->pSql, zLink);
  ormSqlAlias(p->pSql, zChild);
  iAlias = p->pSql->nAlias;
  p->bWhole = p->bApart = 0;
  sql(p, existsSign());
  sql(p, "EXISTS (SELECT 1 FROM ");
  ormRelFromSql(p->pSql, pRel, zLink, zChild);
  joinSql(p, pCond->pFirst, zChild);
  sql(p, " WHERE ");
  targetSql(p, pRel->pTarget, pCond->pFirst, zChild, &iAlias);
  ormRelLinkSql(p->pSql, pRel, zAlias, zLink, zChild);
  ormDeletedSql(p->pSql, pRel->pTarget, p->eDeleted, zChild);
  ormRelFirstSql(p->pSql, pRel, zAlias, zChild, p->eDeleted);
  sql(p, ")");
  p->bWhole = bWhole;
  p->bApart = bApart;
}

/* "(a.x, a.y)": the columns on the left of an IN. */
static void inLeftSql(Where *p, const OrmRel *pRel, const char *zAlias){
  int n = pRel->nLocal;
  ormSqlInSeek(p->pSql, pRel->pModel, n, pRel->aLocal);
  sql(p, n>1 ? "(" : "");
  for(int i=0; i<n; i++){
    const char *zColl;
    char cAff = 'A';
    if( pRel->zSecondary==0 ){
      cAff = pRel->pTarget->aField[pRel->aRemote[i]].cAff;
    }else if( n>1 ){
      ormLinkColumn(p->pSql->pOrm, pRel, pRel->azSecLocal[i], &cAff, &zColl);
    }
    if( i ) sql(p, ",");
    ormSqlInColumn(p->pSql, zAlias, &pRel->pModel->aField[pRel->aLocal[i]], n,
                   cAff);
  }
  sql(p, n>1 ? ")" : "");
}

/* The columns on the other side of an IN. */
static void inColumns(
  Where *p, const OrmRel *pRel, const char *zLink, const char *zChild
){
  if( pRel->zSecondary==0 ){
    columns(p, pRel->pTarget, pRel->nRemote, pRel->aRemote, zChild);
    return;
  }
  for(int i=0; i<pRel->nLocal; i++){
    if( i ) sql(p, ",");
    column(p, zLink, pRel->azSecLocal[i]);
  }
}

/* "x IS NOT NULL": what is NULL is equal to nothing, and must not make the IN
** unknown. */
static void inNotNull(
  Where *p, const OrmRel *pRel, const char *zLink, const char *zChild
){
  for(int i=0; i<pRel->nLocal; i++){
    if( i ) sql(p, " AND ");
    if( pRel->zSecondary ) column(p, zLink, pRel->azSecLocal[i]);
    else column(p, zChild, pRel->pTarget->aField[pRel->aRemote[i]].zName);
    sql(p, " IS NOT NULL");
  }
}

enum { ASK_EXISTS, ASK_IN, ASK_IN_SCAN, ASK_LOOK };

/* "a IN (SELECT ..)"; as the opposite, "(a IS NULL OR a NOT IN (SELECT ..))",
** which is never NULL.  Of several columns a NOT IN goes through the whole list
** for a NULL, each time: a CASE does not.  Nor does an index look into one. */
static void inSql(
  Where *p, const OrmCond *pCond, const char *zAlias, int eHow
){
  const OrmRel *pRel = pCond->pRel;
  const OrmModel *pModel = pRel->pModel;
  char zLink[16], zChild[16];
  int bCase = pCond->bNot ? pRel->nLocal>1 : eHow==ASK_IN_SCAN;
  int bOr = pCond->bNot && !bCase;
  int iAlias, bWhole = p->bWhole;
  ormSqlAlias(p->pSql, zLink);
  ormSqlAlias(p->pSql, zChild);
  iAlias = p->pSql->nAlias;
  p->bWhole = bWhole && !ormCondNarrow(p->pSql->pOrm, p->pErr, pRel->pTarget,
                                        pCond->pFirst);
  sql(p, bCase ? "CASE WHEN " : bOr ? "(" : "");
  if( bOr ){
    column(p, zAlias, pModel->aField[pRel->aLocal[0]].zName);
    sql(p, " IS NULL OR ");
  }
  inLeftSql(p, pRel, zAlias);
  sql(p, bOr ? " NOT IN (SELECT " : " IN (SELECT ");
  inColumns(p, pRel, zLink, zChild);
  sql(p, " FROM ");
  ormRelFromSql(p->pSql, pRel, zLink, zChild);
  joinSql(p, pCond->pFirst, zChild);
  sql(p, " WHERE ");
  targetSql(p, pRel->pTarget, pCond->pFirst, zChild, &iAlias);
  inNotNull(p, pRel, zLink, zChild);
  ormDeletedSql(p->pSql, pRel->pTarget, p->eDeleted, zChild);
  sql(p, bOr ? "))" : ")");
  if( bCase ) sql(p, pCond->bNot ? " THEN 0 ELSE 1 END"
                                 : " THEN 1 ELSE 0 END");
  p->bWhole = bWhole;
}

/* IN compares by the collation of what is on its left, a join by that of what
** is referred to, which nothing tells of a view's. */
static int sameCollation(const OrmRel *pRel){
  for(int i=0; pRel->bForeign && i<pRel->nLocal; i++){
    const OrmField *pLocal = &pRel->pModel->aField[pRel->aLocal[i]];
    const OrmField *pRemote = &pRel->pTarget->aField[pRel->aRemote[i]];
    if( pRel->pTarget->bView && pLocal->cAff<='B' && pRemote->cAff<='B' ){
      return 0;
    }
    if( sqlite3_stricmp(pLocal->zColl, pRemote->zColl)!=0 ) return 0;
  }
  return 1;
}

/* Do indexes lead to all that a condition asks about? */
static int allIndexed(Where *p, const OrmCond *pWhole){
  const OrmCond *pCond;
  for(pCond=ormCondFirst(pWhole); pCond; pCond=ormCondAfter(pWhole, pCond)){
    if( pCond->pRel
     && !ormRelIndexed(p->pSql->pOrm, p->pErr, pCond->pRel) ) return 0;
    if( pCond->pFirst && !allIndexed(p, pCond->pFirst) ) return 0;
  }
  return 1;
}

/* The number of rows related to those of a place, which meet a condition or
** (pWhole 0) any, then not more than are to be read. */
static void placeSql(Where *p, const OrmRel *pRel, const OrmCond *pWhole){
  char zParent[16], zLink[16], zChild[16];
  int iAlias;
  ormSqlAlias(p->pSql, zParent);
  ormSqlAlias(p->pSql, zLink);
  ormSqlAlias(p->pSql, zChild);
  iAlias = p->pSql->nAlias;
  sql(p, "SELECT count(*) FROM (SELECT 1 FROM ");
  ormSampleFrom(p->pSql, pRel, zParent);
  sql(p, " CROSS JOIN ");
  ormRelFromSql(p->pSql, pRel, zLink, zChild);
  joinSql(p, pWhole, zChild);
  sql(p, " WHERE ");
  targetSql(p, pRel->pTarget, pWhole, zChild, &iAlias);
  ormRelLinkSql(p->pSql, pRel, zParent, zLink, zChild);
  if( pWhole ) ormDeletedSql(p->pSql, pRel->pTarget, p->eDeleted, zChild);
  else ormBufPrintf(&p->pSql->buf, " LIMIT %d", ORM_SAMPLE_MOST);
  sql(p, ")");
}

/* Is a list of the targets that meet a condition made sooner than those of each
** row are asked for? */
static int listIsSooner(Where *p, const OrmCond *pCond){
  const OrmRel *pRel = pCond->pRel;
  OrmSql *pSql = p->pSql, fan, hit;
  int bWhole = p->bWhole, bApart = p->bApart, bList = 1;
  if( pRel->pModel->bView ) return 0;
  if( !allIndexed(p, pCond->pFirst) ) return 1;
  ormSqlInit(&fan, pSql->pOrm, pSql->binds.pArena, 2);
  ormSqlInit(&hit, pSql->pOrm, pSql->binds.pArena, 2);
  p->bWhole = p->bApart = 0;
  p->pSql = &fan;
  placeSql(p, pRel, 0);
  p->pSql = &hit;
  placeSql(p, pRel, pCond->pFirst);
  p->pSql = pSql;
  p->bWhole = bWhole;
  p->bApart = bApart;
  if( p->pErr->rc==SQLITE_OK ){
    bList = ormSampleList(pSql->pOrm, pRel->pModel, &fan, &hit);
  }
  ormSqlFree(&fan);
  ormSqlFree(&hit);
  return bList;
}

/* How to ask; ASK_LOOK: as a look at a few rows tells.  A list whose values
** many rows may hold is not to lead to them by an index, row by row and out of
** order: with ASK_IN_SCAN each row is looked up in it. */
static int howToAsk(Where *p, const OrmCond *pCond){
  const OrmRel *pRel = pCond->pRel;
  Orm *pOrm = p->pSql->pOrm;
  if( !sameCollation(pRel) || ormRelSeveral(pRel) ) return ASK_EXISTS;
  if( !ormRelIndexed(pOrm, p->pErr, pRel) ) return ASK_IN;
  if( pRel->bForeign && pCond->pFirst && pCond->pFirst->bMany ) return ASK_IN;
  if( !pCond->bNot
   && ormCondSelective(pOrm, p->pErr, pRel, pCond->pFirst) ) return ASK_IN;
  if( !p->bWhole || pCond->pFirst==0 || pRel->pTarget->bView
   || pCond->nStack>STACK_DEEP ) return ASK_EXISTS;
  if( !pRel->bForeign ) return ASK_LOOK;
  return ormCondAsksEqual(pCond->pFirst) ? ASK_IN : ASK_IN_SCAN;
}

/* How many conditions of which each is joined to the targets of another. */
static int joinDepth(const OrmCond *pWhole){
  const OrmCond *pCond;
  int nMost = 0;
  for(pCond=ormCondFirst(pWhole); pCond; pCond=ormCondAfter(pWhole, pCond)){
    int n = pCond->bJoin ? 1 + joinDepth(pCond->pFirst) : 0;
    if( n>nMost ) nMost = n;
  }
  return nMost;
}

/* Where a look says that few meet a condition, a list is made for each of its
** parts: SQLite, which has not looked, may join them from the wrong end. */
static void relSql(Where *p, const OrmCond *pCond, const char *zAlias){
  int eHow = howToAsk(p, pCond), bApart = p->bApart;
  if( eHow==ASK_LOOK ){
    eHow = listIsSooner(p, pCond) ? ASK_IN : ASK_EXISTS;
    p->bApart = eHow==ASK_IN && joinDepth(pCond->pFirst)<=APART_MOST;
  }
  if( eHow==ASK_EXISTS ){
    sql(p, pCond->bNot ? "NOT " : "");
    existsSql(p, pCond, zAlias);
  }else{
    inSql(p, pCond, zAlias, eHow);
  }
  p->bApart = bApart;
}

/* --------------------------------------------------------------- counts --- */

/* How many targets must be counted before the answer is known. */
static i64 countBound(const OrmTest *pTest){
  i64 nMax = 0;
  for(int i=0; i<pTest->nArg; i++){
    if( pTest->aArg[i].bind.u.i>nMax ) nMax = pTest->aArg[i].bind.u.i;
  }
  return nMax<INT64_MAX ? nMax + 1 : nMax;
}

int ormLinkSpelled(
  Orm *pOrm, const OrmRel *pRel, const OrmModel *pModel, int n,
  const int *aField, const char **azLink
){
  for(int i=0; i<n; i++){
    const OrmField *pField = &pModel->aField[aField[i]];
    const char *zColl;
    char cAff;
    ormLinkColumn(pOrm, pRel, azLink[i], &cAff, &zColl);
    if( (cAff>'B')!=(pField->cAff>'B') ) return 1;
    if( cAff<='B' && (pModel->bView || sqlite3_stricmp(pField->zColl,
                         zColl ? zColl : "BINARY")!=0) ) return 1;
  }
  return 0;
}

/* Is a target for each value of the link table, and no more? */
static int linksAreTargets(Where *p, const OrmRel *pRel){
  return ormModelUnique(pRel->pTarget, pRel->nRemote, pRel->aRemote)
      && !ormLinkSpelled(p->pSql->pOrm, pRel, pRel->pTarget, pRel->nRemote,
                         pRel->aRemote, pRel->azSecRemote);
}

/* "DISTINCT l.tag_id FROM <link and target> WHERE <linked>" */
static void distinctLinksSql(
  Where *p, const OrmRel *pRel, const char *zAlias, const char *zChild
){
  char zLink[16];
  ormSqlAlias(p->pSql, zLink);
  sql(p, "DISTINCT ");
  for(int i=0; i<pRel->nRemote; i++){
    if( i ) sql(p, ",");
    column(p, zLink, pRel->azSecRemote[i]);
  }
  sql(p, " FROM ");
  ormRelFromSql(p->pSql, pRel, zLink, zChild);
  sql(p, " WHERE ");
  ormRelLinkSql(p->pSql, pRel, zAlias, zLink, zChild);
}

/* "(SELECT count(*) FROM (SELECT .. LIMIT n))" and its test.  A pair that is
** linked twice counts once. */
static void countSql(Where *p, const OrmCond *pCond, const char *zAlias){
  const OrmRel *pRel = pCond->pRel;
  OrmBuf whole = p->pSql->buf;
  char zChild[16];
  const char *zCount;
  ormSqlAlias(p->pSql, zChild);
  ormBufInit(&p->pSql->buf, p->pErr);
  if( !ormTallySql(p->pSql, pRel, zAlias, p->eDeleted) ){
    sql(p, "(SELECT count(*) FROM (SELECT ");
    if( pRel->zSecondary && linksAreTargets(p, pRel) ){
      distinctLinksSql(p, pRel, zAlias, zChild);
    }else{
      sql(p, "1 FROM ");
      ormSqlTable(p->pSql, pRel->pTarget->zTable, zChild);
      sql(p, " WHERE ");
      ormRelJoinSql(p->pSql, pRel, zAlias, zChild);
    }
    ormDeletedSql(p->pSql, pRel->pTarget, p->eDeleted, zChild);
    ormSqlLimit(p->pSql, countBound(pCond->pTest), 0);
    sql(p, "))");
  }
  zCount = ormArenaText(p->pSql->binds.pArena, ormBufText(&p->pSql->buf),
                        p->pSql->buf.n);
  ormBufFree(&p->pSql->buf);
  p->pSql->buf = whole;
  if( zCount ) ormTestSql(p->pSql, pCond->pTest, &pCond->left, zCount, zAlias);
}

/* What a count's test says about there being any: 1 some, 0 none, -1 where
** that does not decide. */
static int countAny(const OrmTest *pTest){
  i64 i = pTest->nArg==1 ? pTest->aArg[0].bind.u.i : 2;
  switch( pTest->eOper ){
    case ORM_OP_GT:
    case ORM_OP_NE:  return i==0 ? 1 : -1;
    case ORM_OP_GTE: return i==1 ? 1 : -1;
    case ORM_OP_EQ:
    case ORM_OP_LTE: return i==0 ? 0 : -1;
    case ORM_OP_LT:  return i==1 ? 0 : -1;
  }
  return -1;
}

/* ----------------------------------------------------------- conditions --- */

/* What bNot of a test of its own says. */
static void notSql(Where *p, const OrmCond *pCond, const char *z){
  if( pCond->bNot ) sql(p, z);
}

static void countCondSql(Where *p, const OrmCond *pCond, const char *zAlias){
  int bAny = countAny(pCond->pTest);
  OrmCond any = *pCond;
  if( bAny<0 ){
    notSql(p, pCond, "NOT (");
    countSql(p, pCond, zAlias);
    notSql(p, pCond, ")");
    return;
  }
  any.eKind = ORM_COND_REL;
  any.bNot = bAny==pCond->bNot;
  relSql(p, &any, zAlias);
}

/* ---------------------------------------------------------------- tests --- */

/* Is there an IN among the conditions of one row?  From SQLite 3.45 on nobody
** needs to know (ormSqlInSeek()). */
static int hasIn(Where *p, const OrmCond *pCond){
  if( ormSqlInIsWell() || pCond==0 ) return 0;
  switch( pCond->eKind ){
    case ORM_COND_TEST: return pCond->pTest->eOper==ORM_OP_IN;
    case ORM_COND_REL:
      return !isJoined(p, pCond) && howToAsk(p, pCond)!=ASK_EXISTS;
    case ORM_COND_AND:
    case ORM_COND_OR:
      for(pCond=pCond->pFirst; pCond; pCond=pCond->pNext){
        if( hasIn(p, pCond) ) return 1;
      }
  }
  return 0;
}

/* May an index of few rows give a range of the field, behind another column? */
static int isBehind(Where *p, const OrmCond *pCond){
  const OrmModel *pModel = pCond->left.pModel;
  int iField, bBehind = 0;
  if( pCond->left.pzSql || pCond->pTest->eOper==ORM_OP_EQ
   || pCond->pTest->eOper==ORM_OP_IN ) return 0;
  iField = (int)(pCond->left.pField - pModel->aField);
  for(int i=0; i<pModel->nIndex; i++){
    const OrmIndex *pIndex = &pModel->aIndex[i];
    for(int j=1; j<pIndex->n; j++) bBehind |= pIndex->aField[j]==iField;
  }
  return bBehind && ormSqlInFew(p->pSql, pModel);
}

static void fieldSql(Where *p, const OrmCond *pCond, const char *zAlias){
  OrmBuf left;
  int bBehind = isBehind(p, pCond);
  ormBufInit(&left, p->pErr);
  if( pCond->left.pzSql ) ormBufAdd(&left, *pCond->left.pzSql, -1);
  else ormBufColumn(&left, zAlias, pCond->left.pField->zName);
  if( bBehind ) sql(p, "(");
  notSql(p, pCond, "NOT (");
  ormTestSql(p->pSql, pCond->pTest, &pCond->left, ormBufText(&left), zAlias);
  notSql(p, pCond, ")");
  if( bBehind ) sql(p, ")+0");
  ormBufFree(&left);
}

static const OrmCond *skipJoined(const Where *p, const OrmCond *pCond){
  while( pCond && isJoined(p, pCond) ) pCond = pCond->pNext;
  return pCond;
}

/* n conditions from pCond on, joined by zOp; gives the one after them. */
static const OrmCond *partSql(
  Where *p, OrmModel *pModel, const OrmCond *pCond, int n, const char *zOp,
  const char *zAlias
){
  int nHalf = n/2;
  if( n<=FLAT ){
    for(int i=0; i<n; i++, pCond=skipJoined(p, pCond->pNext)){
      if( i ) sql(p, zOp);
      condSql(p, pModel, pCond, zAlias);
    }
    return pCond;
  }
  sql(p, "(");
  pCond = partSql(p, pModel, pCond, nHalf, zOp, zAlias);
  sql(p, ")");
  sql(p, zOp);
  sql(p, "(");
  pCond = partSql(p, pModel, pCond, n - nHalf, zOp, zAlias);
  sql(p, ")");
  return pCond;
}

static void listSql(
  Where *p, OrmModel *pModel, const OrmCond *pCond, const char *zOp,
  const char *zAlias
){
  const OrmCond *pFirst = skipJoined(p, pCond), *pItem;
  int n = 0;
  for(pItem=pFirst; pItem; pItem=skipJoined(p, pItem->pNext)) n++;
  sql(p, "(");
  partSql(p, pModel, pFirst, n, zOp, zAlias);
  sql(p, ")");
}

/* A condition over one row of pModel; what is joined is left out. */
static void condSql(
  Where *p, OrmModel *pModel, const OrmCond *pCond, const char *zAlias
){
  if( p->pErr->rc!=SQLITE_OK ) return;
  switch( pCond->eKind ){
    case ORM_COND_NEVER: sql(p, "0");                                    break;
    case ORM_COND_TEST:  fieldSql(p, pCond, zAlias);                     break;
    case ORM_COND_COUNT: countCondSql(p, pCond, zAlias);                 break;
    case ORM_COND_REL:   relSql(p, pCond, zAlias);                       break;
    case ORM_COND_AND:
      listSql(p, pModel, pCond->pFirst, " AND ", zAlias);
      break;
    default:
      listSql(p, pModel, pCond->pFirst, " OR ", zAlias);
      break;
  }
}

void ormCondSql(
  OrmSql *p, OrmModel *pModel, const OrmCond *pCond, int eDeleted,
  const char *zAlias
){
  Where where = { p, p->buf.pErr, ORM_DELETED_HIDE, 0, 0 };
  if( eDeleted!=ORM_DELETED_HIDE ) where.eDeleted = ORM_DELETED_ALSO;
  if( p->bWhole && pModel ){
    where.bWhole = !ormCondNarrow(p->pOrm, where.pErr, pModel, pCond);
  }
  p->bInBeside = (u8)hasIn(&where, pCond);
  condSql(&where, pModel, pCond, zAlias);
}

void ormConditionSql(
  OrmSql *p, OrmModel *pModel, const OrmCond *pCond, int eDeleted,
  const char *zAlias
){
  if( pCond ){
    ormBufAdd(&p->buf, " AND ", 5);
    ormCondSql(p, pModel, pCond, eDeleted, zAlias);
  }
  ormDeletedSql(p, pModel, eDeleted, zAlias);
}

void ormWhereSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  ormConditionSql(p, pQuery->pModel, pQuery->pWhere, pQuery->eDeleted, zAlias);
  ormCursorSql(p, pQuery, zAlias);
}
