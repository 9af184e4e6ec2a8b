/*
** orm_aggregate(model, query): groups as a JSON array.
*/
#include "sql.h"

void ormSqlAggregate(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  OrmErr err = { SQLITE_OK, 0 };
  const char *zModel = (const char*)sqlite3_value_text(apArg[0]);
  const char *zQuery = (const char*)sqlite3_value_text(apArg[1]);
  OrmBuf out;
  ORM_UNUSED(nArg);
  ormBufInit(&out, &err);
  if( zModel==0 || zQuery==0 ){
    ormErr(&err, SQLITE_ERROR, "orm: orm_aggregate(): a %s is needed",
           zModel==0 ? "model" : "query");
  }else{
    ormAggregate((Orm*)sqlite3_user_data(pCtx), &err, zModel,
                 sqlite3_value_bytes(apArg[0]), zQuery,
                 sqlite3_value_bytes(apArg[1]), &out);
  }
  ormJsonResult(pCtx, &out);
}
