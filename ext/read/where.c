/*
** Conditions as SQL.
**
** A relationship condition is an EXISTS over the target, correlated with the
** row, or "columns IN (SELECT ..)" where that finds few rows by an index, or
** where there is no index to look targets up by row: then it is made once.
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
};

static void condSql(
  Where*, OrmModel*, const OrmCond*, const char *zAlias, int bNot
);

static void sql(Where *p, const char *z){
  ormBufAdd(&p->pSql->buf, z, -1);
}

static void column(Where *p, const char *zAlias, const char *zName){
  ormBufColumn(&p->pSql->buf, zAlias, zName);
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

/* -------------------------------------------------------- which indexes --- */

/* Do rows of a relationship's target have an index to be found by, given the
** row that it starts from? */
static int targetIndexed(Where *p, const OrmRel *pRel){
  if( pRel->zSecondary ){
    return ormLinkIndexed(p->pSql->pOrm, p->pErr, pRel, 0);
  }
  return ormModelIndexed(pRel->pTarget, pRel->nRemote, pRel->aRemote);
}

/* The other way: the rows that it starts from, given the targets. */
static int sourceIndexed(Where *p, const OrmRel *pRel){
  if( pRel->zSecondary ){
    return ormLinkIndexed(p->pSql->pOrm, p->pErr, pRel, 1);
  }
  return ormModelIndexed(pRel->pModel, pRel->nLocal, pRel->aLocal);
}

static int isEquality(const OrmCond *pCond){
  const OrmTest *pTest = pCond->pTest;
  if( pCond->eKind!=ORM_COND_TEST || pCond->left.pField->eType==ORM_TYPE_JSON
   || (pTest->eOper!=ORM_OP_EQ && pTest->eOper!=ORM_OP_IN) ) return 0;
  for(int i=0; i<pTest->nArg; i++){
    if( pTest->aArg[i].iField>=0 || pTest->aArg[i].bind.eType==SQLITE_NULL ){
      return 0;
    }
  }
  return 1;
}

static const OrmCond *andFirst(const OrmCond *pCond){
  return pCond && pCond->eKind==ORM_COND_AND ? pCond->pFirst : pCond;
}

/* Of an and's members the next; of a single condition none. */
static const OrmCond *andNext(const OrmCond *pWhole, const OrmCond *pCond){
  return pWhole->eKind==ORM_COND_AND ? pCond->pNext : 0;
}

static int fieldIsGiven(
  const OrmModel *pModel, const OrmCond *pWhole, int iField
){
  const OrmCond *p;
  for(p=andFirst(pWhole); p; p=andNext(pWhole, p)){
    if( isEquality(p) && p->left.pField==&pModel->aField[iField] ) return 1;
  }
  return 0;
}

/* Does the condition give a whole unique key? */
static int givesUnique(const OrmModel *pModel, const OrmCond *pWhole){
  for(int i=0; i<pModel->nUnique; i++){
    const OrmUnique *pUnique = &pModel->aUnique[i];
    int n = 0;
    while( n<pUnique->n && fieldIsGiven(pModel, pWhole, pUnique->aField[n]) ){
      n++;
    }
    if( n==pUnique->n ) return 1;
  }
  return 0;
}

static int givesIndexed(const OrmModel *pModel, const OrmCond *pWhole){
  const OrmCond *p;
  for(p=andFirst(pWhole); p; p=andNext(pWhole, p)){
    int iField;
    if( !isEquality(p) || p->left.pField->eType==ORM_TYPE_BOOLEAN ) continue;
    iField = (int)(p->left.pField - pModel->aField);
    if( ormModelIndexed(pModel, 1, &iField) ) return 1;
  }
  return 0;
}

/* Is it known that few objects meet a relationship's condition, and that an
** index finds them?  Of a to-one's targets any index will do: they are fewer
** than what refers to them. */
static int isSelective(Where *p, const OrmRel *pRel, const OrmCond *pWhole){
  const OrmCond *pCond;
  if( pWhole==0 || pRel->pTarget->bView ) return 0;
  if( givesUnique(pRel->pTarget, pWhole) ) return 1;
  if( pRel->bForeign && givesIndexed(pRel->pTarget, pWhole) ) return 1;
  for(pCond=andFirst(pWhole); pCond; pCond=andNext(pWhole, pCond)){
    if( pCond->eKind==ORM_COND_REL && pCond->eQuant==ORM_SOME
     && sourceIndexed(p, pCond->pRel)
     && isSelective(p, pCond->pRel, pCond->pFirst) ) return 1;
  }
  return 0;
}

/* -------------------------------------------------------- relationships --- */

/* "child AS zChild", with the link table in front as zLink. */
static void relFromSql(
  Where *p, const OrmRel *pRel, const char *zLink, const char *zChild
){
  OrmBuf *pBuf = &p->pSql->buf;
  if( pRel->zSecondary ){
    ormBufTable(pBuf, pRel->zSecondary);
    ormBufPrintf(pBuf, " AS %s JOIN ", zLink);
  }
  ormBufTable(pBuf, pRel->pTarget->zTable);
  ormBufPrintf(pBuf, " AS %s", zChild);
  if( pRel->zSecondary==0 ) return;
  sql(p, " ON ");
  for(int i=0; i<pRel->nRemote; i++){
    if( i ) sql(p, " AND ");
    column(p, zChild, pRel->pTarget->aField[pRel->aRemote[i]].zName);
    sql(p, "=");
    column(p, zLink, pRel->azSecRemote[i]);
  }
}

/* "parent.x = child.y AND ..", or = link.y */
static void relJoinSql(
  Where *p, const OrmRel *pRel, const char *zParent, const char *zLink,
  const char *zChild
){
  if( pRel->zSecondary==0 ){
    ormRelJoinSql(p->pSql, pRel, zParent, zChild);
    return;
  }
  for(int i=0; i<pRel->nLocal; i++){
    if( i ) sql(p, " AND ");
    column(p, zParent, pRel->pModel->aField[pRel->aLocal[i]].zName);
    sql(p, "=");
    column(p, zLink, pRel->azSecLocal[i]);
  }
}

/* " AND <condition>" of the targets; for every: of those that fail it. */
static void targetSql(Where *p, const OrmCond *pCond, const char *zChild){
  OrmModel *pTarget = pCond->pRel->pTarget;
  ormDeletedSql(p->pSql, pTarget, p->eDeleted, zChild);
  if( pCond->pFirst==0 ) return;
  if( pCond->eQuant==ORM_EVERY ){
    sql(p, " AND NOT (");
    condSql(p, pTarget, pCond->pFirst, zChild, 1);
    sql(p, ")");
  }else{
    sql(p, " AND ");
    condSql(p, pTarget, pCond->pFirst, zChild, 0);
  }
}

static void existsSql(Where *p, const OrmCond *pCond, const char *zAlias){
  const OrmRel *pRel = pCond->pRel;
  char zLink[16], zChild[16];
  ormSqlAlias(p->pSql, zLink);
  ormSqlAlias(p->pSql, zChild);
  sql(p, "EXISTS (SELECT 1 FROM ");
  relFromSql(p, pRel, zLink, zChild);
  sql(p, " WHERE ");
  relJoinSql(p, pRel, zAlias, zLink, zChild);
  targetSql(p, pCond, zChild);
  sql(p, ")");
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

/* " AND x IS NOT NULL": what is NULL is equal to nothing, and must not make
** the IN unknown. */
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

/* "(a IS NOT NULL AND a IN (SELECT ..))", never NULL; as a condition that only
** has to be true, the first half may be left out (bNot==0). */
static void inSql(Where *p, const OrmCond *pCond, const char *zAlias, int bNot){
  const OrmRel *pRel = pCond->pRel;
  const OrmModel *pModel = pRel->pModel;
  char zLink[16], zChild[16];
  ormSqlAlias(p->pSql, zLink);
  ormSqlAlias(p->pSql, zChild);
  sql(p, bNot ? "(" : "");
  for(int i=0; bNot && i<pRel->nLocal; i++){
    column(p, zAlias, pModel->aField[pRel->aLocal[i]].zName);
    sql(p, " IS NOT NULL AND ");
  }
  sql(p, pRel->nLocal>1 ? "(" : "");
  columns(p, pModel, pRel->nLocal, pRel->aLocal, zAlias);
  sql(p, pRel->nLocal>1 ? ") IN (SELECT " : " IN (SELECT ");
  inColumns(p, pRel, zLink, zChild);
  sql(p, " FROM ");
  relFromSql(p, pRel, zLink, zChild);
  sql(p, " WHERE ");
  inNotNull(p, pRel, zLink, zChild);
  targetSql(p, pCond, zChild);
  sql(p, bNot ? "))" : ")");
}

/* IN compares by the collation of what is on its left, a join by that of what
** is referred to. */
static int sameCollation(const OrmRel *pRel){
  for(int i=0; pRel->bForeign && i<pRel->nLocal; i++){
    const OrmField *pLocal = &pRel->pModel->aField[pRel->aLocal[i]];
    const OrmField *pRemote = &pRel->pTarget->aField[pRel->aRemote[i]];
    if( sqlite3_stricmp(pLocal->zColl, pRemote->zColl)!=0 ) return 0;
  }
  return 1;
}

static void relSql(
  Where *p, const OrmCond *pCond, const char *zAlias, int bNot
){
  int bSome = pCond->eQuant==ORM_SOME;
  if( !bSome ){
    sql(p, "NOT ");
    bNot = 1;
  }
  if( sameCollation(pCond->pRel)
   && (!targetIndexed(p, pCond->pRel)
    || (!bNot && isSelective(p, pCond->pRel, pCond->pFirst))) ){
    inSql(p, pCond, zAlias, bNot);
  }else{
    existsSql(p, pCond, zAlias);
  }
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

/* "(SELECT count(*) FROM (SELECT .. LIMIT n))" and its test.  A pair that is
** linked twice counts once. */
static void countSql(Where *p, const OrmCond *pCond, const char *zAlias){
  const OrmRel *pRel = pCond->pRel;
  OrmBuf whole = p->pSql->buf;
  char zLink[16], zChild[16];
  const char *zCount;
  ormSqlAlias(p->pSql, zLink);
  ormSqlAlias(p->pSql, zChild);
  ormBufInit(&p->pSql->buf, p->pErr);
  sql(p, "(SELECT count(*) FROM (SELECT ");
  if( pRel->zSecondary ){
    sql(p, "DISTINCT ");
    for(int i=0; i<pRel->nRemote; i++){
      if( i ) sql(p, ",");
      column(p, zLink, pRel->azSecRemote[i]);
    }
  }else{
    sql(p, "1");
  }
  sql(p, " FROM ");
  relFromSql(p, pRel, zLink, zChild);
  sql(p, " WHERE ");
  relJoinSql(p, pRel, zAlias, zLink, zChild);
  ormDeletedSql(p->pSql, pRel->pTarget, p->eDeleted, zChild);
  sql(p, " LIMIT ");
  ormSqlParam(p->pSql, ormBindInt(&p->pSql->binds, countBound(pCond->pTest)));
  sql(p, "))");
  zCount = ormArenaText(p->pSql->binds.pArena, ormBufText(&p->pSql->buf),
                        p->pSql->buf.n);
  ormBufFree(&p->pSql->buf);
  p->pSql->buf = whole;
  if( zCount ) ormTestSql(p->pSql, pCond->pTest, &pCond->left, zCount, zAlias);
}

/* What a count's test says about there being any: ORM_SOME, ORM_NONE, or -1
** where that does not decide. */
static int countQuantifier(const OrmTest *pTest){
  i64 i = pTest->nArg==1 ? pTest->aArg[0].bind.u.i : 2;
  switch( pTest->eOper ){
    case ORM_OP_GT:
    case ORM_OP_NE:  return i==0 ? ORM_SOME : -1;
    case ORM_OP_GTE: return i==1 ? ORM_SOME : -1;
    case ORM_OP_EQ:
    case ORM_OP_LTE: return i==0 ? ORM_NONE : -1;
    case ORM_OP_LT:  return i==1 ? ORM_NONE : -1;
  }
  return -1;
}

static void countCondSql(
  Where *p, const OrmCond *pCond, const char *zAlias, int bNot
){
  int eQuant = countQuantifier(pCond->pTest);
  OrmCond any = *pCond;
  if( eQuant<0 ){
    countSql(p, pCond, zAlias);
    return;
  }
  any.eKind = ORM_COND_REL;
  any.eQuant = (u8)eQuant;
  relSql(p, &any, zAlias, bNot);
}

/* ----------------------------------------------------------- conditions --- */

static void fieldSql(Where *p, const OrmCond *pCond, const char *zAlias){
  OrmBuf left;
  ormBufInit(&left, p->pErr);
  ormBufColumn(&left, zAlias, pCond->left.pField->zName);
  ormTestSql(p->pSql, pCond->pTest, &pCond->left, ormBufText(&left), zAlias);
  ormBufFree(&left);
}

/* n conditions from pCond on, joined by zOp; gives the one after them. */
static const OrmCond *listSql(
  Where *p, OrmModel *pModel, const OrmCond *pCond, int n, const char *zOp,
  const char *zAlias, int bNot
){
  if( n<=FLAT ){
    for(int i=0; i<n; i++, pCond=pCond->pNext){
      if( i ) sql(p, zOp);
      condSql(p, pModel, pCond, zAlias, bNot);
    }
    return pCond;
  }
  sql(p, "(");
  pCond = listSql(p, pModel, pCond, n/2, zOp, zAlias, bNot);
  sql(p, ")");
  sql(p, zOp);
  sql(p, "(");
  pCond = listSql(p, pModel, pCond, n - n/2, zOp, zAlias, bNot);
  sql(p, ")");
  return pCond;
}

static void wholeListSql(
  Where *p, OrmModel *pModel, const OrmCond *pCond, const char *zAlias,
  int bNot
){
  int n = 0;
  for(const OrmCond *pItem=pCond->pFirst; pItem; pItem=pItem->pNext) n++;
  sql(p, "(");
  listSql(p, pModel, pCond->pFirst, n,
          pCond->eKind==ORM_COND_AND ? " AND " : " OR ", zAlias, bNot);
  sql(p, ")");
}

/* A condition over one row of pModel.  bNot: it stands below a NOT of the same
** SELECT, where NULL and false are not the same. */
static void condSql(
  Where *p, OrmModel *pModel, const OrmCond *pCond, const char *zAlias,
  int bNot
){
  if( p->pErr->rc!=SQLITE_OK ) return;
  switch( pCond->eKind ){
    case ORM_COND_NEVER:
      sql(p, "0");
      break;
    case ORM_COND_NOT:
      sql(p, "NOT (");
      condSql(p, pModel, pCond->pFirst, zAlias, 1);
      sql(p, ")");
      break;
    case ORM_COND_TEST:
      fieldSql(p, pCond, zAlias);
      break;
    case ORM_COND_REL:
      relSql(p, pCond, zAlias, bNot);
      break;
    case ORM_COND_COUNT:
      countCondSql(p, pCond, zAlias, bNot);
      break;
    default:
      wholeListSql(p, pModel, pCond, zAlias, bNot);
      break;
  }
}

void ormCondSql(
  OrmSql *p, OrmModel *pModel, const OrmCond *pCond, int eDeleted,
  const char *zAlias
){
  Where where = { p, p->buf.pErr, ORM_DELETED_HIDE };
  if( eDeleted!=ORM_DELETED_HIDE ) where.eDeleted = ORM_DELETED_ALSO;
  condSql(&where, pModel, pCond, zAlias, 0);
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
