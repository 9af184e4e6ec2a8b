/*
** orm_enforce(1 | 0): the face of write/enforce.c.
*/
#include "sql.h"

void ormSqlEnforce(sqlite3_context *pCtx, int argc, sqlite3_value **argv){
  Orm *pOrm = (Orm*)sqlite3_user_data(pCtx);
  OrmErr err = {0};
  int nDone = ormEnforce(pOrm, &err, sqlite3_value_int(argv[0])!=0);
  ORM_UNUSED(argc);
  if( err.rc ) ormErrResult(&err, pCtx);
  else sqlite3_result_int(pCtx, nDone);
}
