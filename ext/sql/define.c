/*
** SQL faces of the object model: orm_init, orm_define, orm_reflect, orm_schema.
*/
#include "sql.h"

void ormSqlInitModel(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  OrmErr err = {0};
  ORM_UNUSED(nArg);
  ORM_UNUSED(apArg);
  ormInit((Orm*)sqlite3_user_data(pCtx), &err);
  if( err.rc ) ormErrResult(&err, pCtx);
}
