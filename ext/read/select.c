/*
** The rows that a query asks for, as the part of a SELECT from FROM on.
**
** Rows always come in the query's order.  The last rows before a cursor are
** found backwards, with the limit, and then put in order; the rows beyond a
** cursor may come in stretches (cursor.c), one after the other.  In both cases
** zAlias stands for a subquery that has all columns of the table, but not its
** rowid.
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

static void limitSql(OrmSql *p, const OrmQuery *pQuery){
  ormBufAdd(&p->buf, " LIMIT ", 7);
  ormSqlParam(p, ormBindInt(&p->binds,
                                 pQuery->iLimit + pQuery->bMore));
  if( pQuery->iOffset==0 ) return;
  ormBufAdd(&p->buf, " OFFSET ", 8);
  ormSqlParam(p, ormBindInt(&p->binds, pQuery->iOffset));
}

static void fromSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  ormBufTable(&p->buf, pQuery->pModel->zTable);
  ormBufPrintf(&p->buf, " AS %s", zAlias);
}

/* One stretch, without order and limit. */
static void stretchSql(OrmSql *p, const OrmQuery *pQuery, int i, int *piBind){
  OrmQuery query = *pQuery;
  i64 nBefore;
  char zAlias[16];
  query.pAfter = query.pBefore = 0;
  ormSqlAlias(p, zAlias);
  ormBufAdd(&p->buf, "SELECT * FROM ", -1);
  fromSql(p, pQuery, zAlias);
  nBefore = p->buf.n;
  ormWhereSql(p, &query, zAlias);
  ormStretchSql(p, pQuery, zAlias, i, piBind);
  asWhere(p, nBefore);
}

/* Order and limit behind what zAlias stands for.  With a LIMIT, if it be none,
** the order of a subquery is kept. */
static void endSql(
  OrmSql *p, const OrmQuery *pQuery, const char *zAlias, int bLimit
){
  if( pQuery->bLast ) ormOrderBackSql(p, pQuery, zAlias);
  else ormOrderSql(p, pQuery, zAlias);
  if( bLimit || pQuery->iLimit>=0 || pQuery->iOffset ) limitSql(p, pQuery);
}

/* Everything in one piece: "<table> AS t" to the limit. */
static void plainSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  i64 nBefore;
  fromSql(p, pQuery, zAlias);
  nBefore = p->buf.n;
  ormWhereSql(p, pQuery, zAlias);
  asWhere(p, nBefore);
  endSql(p, pQuery, zAlias, 0);
}

/* The same in stretches, which SQLite merges as their order asks. */
static void stretchesSql(
  OrmSql *p, const OrmQuery *pQuery, const char *zAlias, int nStretch
){
  int iBind = 0;
  ormBufChar(&p->buf, '(');
  for(int i=0; i<nStretch; i++){
    if( i ) ormBufAdd(&p->buf, " UNION ALL ", -1);
    stretchSql(p, pQuery, i, &iBind);
  }
  ormBufPrintf(&p->buf, ") AS %s", zAlias);
  endSql(p, pQuery, zAlias, 1);
}

/* The columns of the order have to be there where stretches are merged, so the
** subquery must not be flattened: it has a LIMIT, and outside is either an ORDER
** BY or a WHERE. */
void ormSelectSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  int n = ormStretchCount(pQuery);
  char zInner[16];
  ormBufAdd(&p->buf, " FROM ", 6);
  if( n==0 && !pQuery->bLast ){
    plainSql(p, pQuery, zAlias);
    return;
  }
  ormSqlAlias(p, zInner);
  ormBufAdd(&p->buf, "(SELECT * FROM ", -1);
  if( n ) stretchesSql(p, pQuery, zInner, n);
  else plainSql(p, pQuery, zInner);
  ormBufPrintf(&p->buf, ") AS %s", zAlias);
  if( pQuery->bLast ) ormOrderSql(p, pQuery, zAlias);
  else ormBufAdd(&p->buf, " WHERE 1", 8);
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

/* A whole SELECT of 1 or 0: has the query any rows, whatever its limit? */
void ormExistsSql(OrmSql *p, const OrmQuery *pQuery, int mNot){
  int nStretch = mNot ? 0 : ormStretchCount(pQuery);
  int iBind = 0;
  ormBufAdd(&p->buf, "SELECT EXISTS(", -1);
  for(int i=0; i<nStretch; i++){
    if( i ) ormBufAdd(&p->buf, ") OR EXISTS(", -1);
    stretchSql(p, pQuery, i, &iBind);
  }
  if( nStretch==0 ){
    char zAlias[16];
    i64 nBefore;
    ormSqlAlias(p, zAlias);
    ormBufAdd(&p->buf, "SELECT * FROM ", -1);
    fromSql(p, pQuery, zAlias);
    nBefore = p->buf.n;
    whereNotSql(p, pQuery, zAlias, mNot);
    asWhere(p, nBefore);
  }
  ormBufChar(&p->buf, ')');
}
