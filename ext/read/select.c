/*
** The rows that a query asks for, as the part of a SELECT from FROM on.
**
** Rows always come in the query's order.  For the last rows before a cursor
** that takes two steps: their identities are found backwards, with the limit,
** and the rows of these are put in order.
*/
#include "../orm_int.h"

/* The conditions as a WHERE: their text begins with " AND ", if there is any. */
static void whereSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  i64 nBefore = p->buf.n;
  i64 nAdded;
  ormWhereSql(p, pQuery, zAlias);
  nAdded = p->buf.n - nBefore;
  if( nAdded<5 || ormBufReserve(&p->buf, 2)==0 ) return;
  memmove(&p->buf.z[nBefore + 7], &p->buf.z[nBefore + 5], (size_t)nAdded - 5);
  memcpy(&p->buf.z[nBefore], " WHERE ", 7);
  p->buf.n += 2;
}

static void limitSql(OrmSql *p, const OrmQuery *pQuery){
  if( pQuery->iLimit<0 && pQuery->iOffset==0 ) return;
  ormBufAdd(&p->buf, " LIMIT ", 7);
  ormSqlParam(p, ormBindInt(&p->binds, pQuery->iLimit));
  if( pQuery->iOffset ){
    ormBufAdd(&p->buf, " OFFSET ", 8);
    ormSqlParam(p, ormBindInt(&p->binds, pQuery->iOffset));
  }
}

static void fromSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  ormBufAdd(&p->buf, " FROM ", 6);
  ormBufTable(&p->buf, pQuery->pModel->zTable);
  ormBufPrintf(&p->buf, " AS %s", zAlias);
}

/* A name of the rowid that no column has taken, or 0. */
static const char *rowidName(const OrmModel *pModel){
  static const char *const azName[] = { "rowid", "_rowid_", "oid" };
  if( pModel->bView || pModel->bWithoutRowid ) return 0;
  for(int i=0; i<ORM_COUNT(azName); i++){
    if( ormFieldByColumn(pModel, azName[i])<0 ) return azName[i];
  }
  return 0;
}

/* What identifies a row: its rowid, or else its key. */
static int identityCount(const OrmModel *pModel){
  return rowidName(pModel) ? 1 : pModel->nKey;
}

static void identityColumn(
  OrmSql *p, const OrmModel *pModel, const char *zAlias, int i
){
  const char *zRowid = rowidName(pModel);
  if( zRowid ) ormBufPrintf(&p->buf, "%s.%s", zAlias, zRowid);
  else ormBufColumn(&p->buf, zAlias, pModel->aField[pModel->aKey[i]].zName);
}

/* "SELECT t1.rowid AS i0" */
static void identitySelect(OrmSql *p, const OrmModel *pModel, const char *z){
  int n = identityCount(pModel);
  for(int i=0; i<n; i++){
    ormBufAdd(&p->buf, i ? ", " : "SELECT ", -1);
    identityColumn(p, pModel, z, i);
    ormBufPrintf(&p->buf, " AS i%d", i);
  }
}

/* " CROSS JOIN <table> AS zAlias WHERE <zAlias is the row of zId>" */
static void identityJoin(
  OrmSql *p, const OrmModel *pModel, const char *zId, const char *zAlias
){
  int n = identityCount(pModel);
  ormBufAdd(&p->buf, " CROSS JOIN ", -1);
  ormBufTable(&p->buf, pModel->zTable);
  ormBufPrintf(&p->buf, " AS %s WHERE ", zAlias);
  for(int i=0; i<n; i++){
    if( i ) ormBufAdd(&p->buf, " AND ", 5);
    identityColumn(p, pModel, zAlias, i);
    ormBufPrintf(&p->buf, " IS %s.i%d", zId, i);
  }
}

/* The last rows before a cursor, in order. */
static void lastSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  char zInner[16], zId[16];
  ormSqlAlias(p, zInner);
  ormSqlAlias(p, zId);
  ormBufAdd(&p->buf, " FROM (", 7);
  identitySelect(p, pQuery->pModel, zInner);
  fromSql(p, pQuery, zInner);
  whereSql(p, pQuery, zInner);
  ormOrderBackSql(p, pQuery, zInner);
  limitSql(p, pQuery);
  ormBufPrintf(&p->buf, ") AS %s", zId);
  identityJoin(p, pQuery->pModel, zId, zAlias);
  ormOrderSql(p, pQuery, zAlias);
}

void ormSelectSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  if( pQuery->bLast ){
    lastSql(p, pQuery, zAlias);
    return;
  }
  fromSql(p, pQuery, zAlias);
  whereSql(p, pQuery, zAlias);
  ormOrderSql(p, pQuery, zAlias);
  limitSql(p, pQuery);
}
