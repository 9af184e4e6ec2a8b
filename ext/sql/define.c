/*
** SQL faces of the object model: orm_init, orm_reflect.
*/
#include "sql.h"

void ormSqlInitModel(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  OrmErr err = {0};
  ORM_UNUSED(nArg);
  ORM_UNUSED(apArg);
  ormInit((Orm*)sqlite3_user_data(pCtx), &err);
  if( err.rc ) ormErrResult(&err, pCtx);
}

/* A number, or the error. */
static void resultCount(sqlite3_context *pCtx, OrmErr *pErr, i64 n){
  if( pErr->rc ) ormErrResult(pErr, pCtx);
  else sqlite3_result_int64(pCtx, n);
}

void ormSqlReflect(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  OrmErr err = {0};
  const char *z = nArg ? (const char*)sqlite3_value_text(apArg[0]) : 0;
  i64 n = nArg ? sqlite3_value_bytes(apArg[0]) : 0;
  n = ormReflect((Orm*)sqlite3_user_data(pCtx), &err, z, n);
  resultCount(pCtx, &err, n);
}
