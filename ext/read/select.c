/*
** The rows that a query asks for, as the part of a SELECT from FROM on.
**
** Rows always come in the query's order.  The last rows before a cursor are
** found backwards, with the limit, and then put in order; the rows beyond a
** cursor may come in stretches (cursor.c), which SQLite merges.  In both cases
** a subquery finds what identifies the rows, and they are looked up by that.
** The stretches after a cursor can also be had as statements of their own.
*/
#include "../orm_int.h"

/* What was added since nBefore begins with " AND ", if it is anything: make a
** WHERE of it. */
static void asWhere(OrmSql *p, i64 nBefore){
  i64 nAdded = p->buf.n - nBefore;
  if( nAdded<5 || ormBufReserve(&p->buf, 2)==0 ) return;
  memmove(&p->buf.z[nBefore + 7], &p->buf.z[nBefore + 5], (size_t)nAdded - 5);
  memcpy(&p->buf.z[nBefore], " WHERE ", 7);
  p->buf.n += 2;
}

/* The same of a query's conditions, where a limit and an order follow. */
static void asLimitedWhere(OrmSql *p, const OrmQuery *pQuery, i64 nBefore){
  asWhere(p, nBefore);
  if( pQuery->iLimit>=0 || pQuery->iOffset ) ormSqlInLimited(p, nBefore);
}

static void limitSql(OrmSql *p, const OrmQuery *pQuery){
  ormSqlLimit(p, pQuery->iLimit + pQuery->bMore, pQuery->iOffset);
}

static void fromSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  ormSqlTable(p, pQuery->pModel->zTable, zAlias);
}

/* " AS i0" and the like. */
static void numberedSql(OrmSql *p, const char *z, int i){
  ormBufAdd(&p->buf, z, -1);
  ormBufInt(&p->buf, i);
}

/* ------------------------------------------------------------------------
** What identifies a row: its rowid or, where there is none, its key
*/

/* A name of the rowid that no column has taken, or 0. */
static const char *rowidName(const OrmModel *pModel){
  static const char *const azName[] = { "rowid", "_rowid_", "oid" };
  assert( !pModel->bView );     /* none has the indexes that lead here        */
  if( pModel->bWithoutRowid ) return 0;
  for(int i=0; i<ORM_COUNT(azName); i++){
    if( ormFieldByColumn(pModel, azName[i])<0 ) return azName[i];
  }
  return 0;
}

static int identityCount(const OrmModel *pModel){
  return rowidName(pModel) ? 1 : pModel->nKey;
}

static void identityColumn(
  OrmSql *p, const OrmModel *pModel, const char *zAlias, int i
){
  const char *zRowid = rowidName(pModel);
  if( zRowid ) ormBufColumn(&p->buf, zAlias, zRowid);
  else ormBufColumn(&p->buf, zAlias, pModel->aField[pModel->aKey[i]].zName);
}

/* "SELECT t1.rowid AS i0" */
static void identitySelect(
  OrmSql *p, const OrmModel *pModel, const char *zAlias
){
  int n = identityCount(pModel);
  for(int i=0; i<n; i++){
    ormBufAdd(&p->buf, i ? ", " : "SELECT ", -1);
    identityColumn(p, pModel, zAlias, i);
    numberedSql(p, " AS i", i);
  }
}

/* " CROSS JOIN <table> AS zAlias WHERE <zAlias is the row that zId names>" */
static void identityJoin(
  OrmSql *p, const OrmQuery *pQuery, const char *zId, const char *zAlias
){
  int n = identityCount(pQuery->pModel);
  ormBufAdd(&p->buf, " CROSS JOIN ", -1);
  fromSql(p, pQuery, zAlias);
  for(int i=0; i<n; i++){
    ormBufAdd(&p->buf, i ? " AND " : " WHERE ", -1);
    identityColumn(p, pQuery->pModel, zAlias, i);
    ormBufAdd(&p->buf, " = ", 3);
    ormBufAdd(&p->buf, zId, -1);
    numberedSql(p, ".i", i);
  }
}

/* ------------------------------------------------------------------------
** The rows
*/

/* "SELECT <identity>, <order values> FROM .." of one stretch. */
static void stretchSql(OrmSql *p, const OrmQuery *pQuery, int i, int *piBind){
  OrmQuery query = *pQuery;
  i64 nBefore;
  char zAlias[16];
  query.pAfter = query.pBefore = 0;
  ormSqlAlias(p, zAlias);
  identitySelect(p, pQuery->pModel, zAlias);
  for(int j=0; j<pQuery->nOrder; j++){
    ormBufAdd(&p->buf, ", ", 2);
    ormOrderTermSql(p, &pQuery->aOrder[j], zAlias);
    numberedSql(p, " AS o", j);
  }
  ormBufAdd(&p->buf, " FROM ", 6);
  fromSql(p, pQuery, zAlias);
  nBefore = p->buf.n;
  p->bInSeek = 0;
  ormWhereSql(p, &query, zAlias);
  ormStretchSql(p, pQuery, zAlias, i, piBind);
  asLimitedWhere(p, pQuery, nBefore);
}

/* The identities of all stretches, in order.  Their order values stand among
** the columns of the subquery, as SQLite wants it for a merge; with a LIMIT, if
** it be none, its order is kept. */
static void stretchesSql(OrmSql *p, const OrmQuery *pQuery, int nStretch){
  int iBind = -1;
  for(int i=0; i<nStretch; i++){
    if( i ) ormBufAdd(&p->buf, " UNION ALL ", -1);
    stretchSql(p, pQuery, i, &iBind);
  }
  for(int i=0; i<pQuery->nOrder; i++){
    numberedSql(p, i ? ", o" : " ORDER BY o", i);
    ormOrderWordsSql(p, &pQuery->aOrder[i], pQuery->bLast);
  }
  limitSql(p, pQuery);
}

/* Are all rows looked at, even for the first few?  Without an index that gives
** the order they are. */
static int looksAtAll(const OrmQuery *pQuery){
  const OrmOrder *pOrder = &pQuery->aOrder[0];
  if( pQuery->pAfter || pQuery->pBefore ) return 0;
  if( pQuery->iLimit<0 || pOrder->nHop>0 || pOrder->iField<0 ) return 1;
  return !ormModelIndexed(pQuery->pModel, 1, &pOrder->iField);
}

/* Everything in one piece, from "<table> AS t" to the limit. */
static void plainSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  OrmQuery query = *pQuery;
  i64 nBefore;
  fromSql(p, pQuery, zAlias);
  query.aOrder = ormOrderJoinSql(p, pQuery, zAlias);
  nBefore = p->buf.n;
  p->bInSeek = 0;
  p->bWhole = (u8)looksAtAll(pQuery);
  ormWhereSql(p, &query, zAlias);
  p->bWhole = 0;
  asLimitedWhere(p, pQuery, nBefore);
  if( pQuery->bLast ) ormOrderBackSql(p, &query, zAlias);
  else ormOrderSql(p, &query, zAlias);
  if( pQuery->iLimit>=0 || pQuery->iOffset ) limitSql(p, pQuery);
}

/* One stretch, from "<table> AS t" to the limit. */
static void partSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  OrmQuery query = *pQuery;
  i64 nBefore;
  int nSame, bNull;
  query.pAfter = query.pBefore = 0;
  fromSql(p, pQuery, zAlias);
  nBefore = p->buf.n;
  p->bInSeek = 0;
  ormWhereSql(p, &query, zAlias);
  nSame = ormStretchAlone(p, pQuery, zAlias, p->iStretch - 1, &bNull);
  asLimitedWhere(p, pQuery, nBefore);
  ormOrderRestSql(p, pQuery, zAlias, nSame, bNull);
  if( pQuery->iLimit>=0 ) limitSql(p, pQuery);
}

int ormSelectParts(const OrmQuery *pQuery){
  return pQuery->bLast || pQuery->iOffset ? 0 : ormStretchCount(pQuery);
}

/* A view's rows have no identity: the subquery has all their columns. */
static void lastOfView(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  char zInner[16];
  ormSqlAlias(p, zInner);
  ormBufAdd(&p->buf, "(SELECT * FROM ", -1);
  plainSql(p, pQuery, zInner);
  ormBufAdd(&p->buf, ") AS ", 5);
  ormBufAdd(&p->buf, zAlias, -1);
  ormOrderSql(p, pQuery, zAlias);
}

void ormSelectSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  int nStretch = ormStretchCount(pQuery);
  char zInner[16], zId[16];
  ormBufAdd(&p->buf, " FROM ", 6);
  if( p->iStretch ){
    partSql(p, pQuery, zAlias);
    return;
  }
  if( nStretch==0 && !pQuery->bLast ){
    plainSql(p, pQuery, zAlias);
    return;
  }
  if( pQuery->pModel->bView ){
    lastOfView(p, pQuery, zAlias);
    return;
  }
  ormSqlAlias(p, zId);
  ormBufChar(&p->buf, '(');
  if( nStretch ){
    stretchesSql(p, pQuery, nStretch);
  }else{
    ormSqlAlias(p, zInner);
    identitySelect(p, pQuery->pModel, zInner);
    ormBufAdd(&p->buf, " FROM ", 6);
    plainSql(p, pQuery, zInner);
  }
  ormBufAdd(&p->buf, ") AS ", 5);
  ormBufAdd(&p->buf, zId, -1);
  identityJoin(p, pQuery, zId, zAlias);
  if( pQuery->bLast ) ormOrderSql(p, pQuery, zAlias);
}

/* ------------------------------------------------------------------------
** Is there any?
*/

/* A cursor negated.  A comparison of row values may be NULL, which is no. */
static void notSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  ormBufAdd(&p->buf, " AND (1", 7);
  ormCursorSql(p, pQuery, zAlias);
  ormBufAdd(&p->buf, ") IS NOT TRUE", -1);
}

/* The whole where, in which the cursors of mNot are negated. */
static void whereNotSql(
  OrmSql *p, const OrmQuery *pQuery, const char *zAlias, int mNot
){
  OrmQuery query = *pQuery;
  if( mNot & ORM_NOT_AFTER ) query.pAfter = 0;
  if( mNot & ORM_NOT_BEFORE ) query.pBefore = 0;
  ormWhereSql(p, &query, zAlias);
  query = *pQuery;
  if( (mNot & ORM_NOT_AFTER)==0 ) query.pAfter = 0;
  if( (mNot & ORM_NOT_BEFORE)==0 ) query.pBefore = 0;
  if( query.pAfter || query.pBefore ) notSql(p, &query, zAlias);
}

/* "EXISTS(SELECT ..)" of all rows, as one condition. */
static void existsSql(OrmSql *p, const OrmQuery *pQuery, int mNot){
  char zAlias[16];
  i64 nBefore;
  ormSqlAlias(p, zAlias);
  ormBufAdd(&p->buf, "EXISTS(SELECT * FROM ", -1);
  fromSql(p, pQuery, zAlias);
  nBefore = p->buf.n;
  whereNotSql(p, pQuery, zAlias, mNot);
  asWhere(p, nBefore);
  ormBufChar(&p->buf, ')');
}

/* A whole SELECT of 1 or 0: has the query any rows, whatever its limit?  The
** farthest stretch is the longest, as a rule, so it is asked first; and the
** others not at all if it has any, which OR would do. */
void ormExistsSql(OrmSql *p, const OrmQuery *pQuery, int mNot){
  int nStretch = mNot ? 0 : ormStretchCount(pQuery);
  int iBind = -1;
  ormBufAdd(&p->buf, "SELECT ", 7);
  if( nStretch==0 ){
    existsSql(p, pQuery, mNot);
    return;
  }
  ormBufAdd(&p->buf, "CASE", 4);
  for(int i=nStretch-1; i>=0; i--){
    ormBufAdd(&p->buf, " WHEN EXISTS(", -1);
    stretchSql(p, pQuery, i, &iBind);
    ormBufAdd(&p->buf, ") THEN 1", 8);
  }
  ormBufAdd(&p->buf, " ELSE 0 END", -1);
}
