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

static void limitSql(OrmSql *p, i64 iLimit, i64 iOffset){
  ormBufAdd(&p->buf, " LIMIT ", 7);
  ormSqlParam(p, ormBindInt(&p->binds, iLimit));
  if( iOffset==0 ) return;
  ormBufAdd(&p->buf, " OFFSET ", 8);
  ormSqlParam(p, ormBindInt(&p->binds, iOffset));
}

static void fromSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  ormBufTable(&p->buf, pQuery->pModel->zTable);
  ormBufPrintf(&p->buf, " AS %s", zAlias);
}

static void orderSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  if( pQuery->bLast ) ormOrderBackSql(p, pQuery, zAlias);
  else ormOrderSql(p, pQuery, zAlias);
}

/* "SELECT * FROM .. " of one stretch, with its own order and limit. */
static void stretchSql(OrmSql *p, const OrmQuery *pQuery, int i){
  OrmQuery query = *pQuery;
  i64 nBefore, nRow = -1;
  char zAlias[16];
  if( query.iLimit>=0 && query.iLimit<=INT64_MAX - query.iOffset ){
    nRow = query.iLimit + query.iOffset;
  }
  query.pAfter = query.pBefore = 0;
  ormSqlAlias(p, zAlias);
  ormBufAdd(&p->buf, "SELECT * FROM (SELECT * FROM ", -1);
  fromSql(p, pQuery, zAlias);
  nBefore = p->buf.n;
  ormWhereSql(p, &query, zAlias);
  ormStretchSql(p, pQuery, zAlias, i);
  asWhere(p, nBefore);
  orderSql(p, pQuery, zAlias);
  limitSql(p, nRow, 0);
  ormBufChar(&p->buf, ')');
}

/* Everything in one piece, from "<table> AS t" to the limit. */
static void plainSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  i64 nBefore;
  fromSql(p, pQuery, zAlias);
  nBefore = p->buf.n;
  ormWhereSql(p, pQuery, zAlias);
  asWhere(p, nBefore);
  orderSql(p, pQuery, zAlias);
  if( pQuery->iLimit>=0 || pQuery->iOffset ){
    limitSql(p, pQuery->iLimit, pQuery->iOffset);
  }
}

void ormSelectSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  int n = ormStretchCount(pQuery);
  ormBufAdd(&p->buf, " FROM ", 6);
  if( n==0 && !pQuery->bLast ){
    plainSql(p, pQuery, zAlias);
    return;
  }
  ormBufChar(&p->buf, '(');
  if( n==0 ){
    char zInner[16];
    ormSqlAlias(p, zInner);
    ormBufAdd(&p->buf, "SELECT * FROM ", -1);
    plainSql(p, pQuery, zInner);
  }
  for(int i=0; i<n; i++){
    if( i ) ormBufAdd(&p->buf, " UNION ALL ", -1);
    stretchSql(p, pQuery, i);
  }
  if( n ) limitSql(p, pQuery->iLimit, pQuery->iOffset);
  ormBufPrintf(&p->buf, ") AS %s", zAlias);
  if( pQuery->bLast ) ormOrderSql(p, pQuery, zAlias);
}
