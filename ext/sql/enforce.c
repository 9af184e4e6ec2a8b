/*
** orm_enforce(1 | 0): the face of write/enforce.c.
*/
#include "sql.h"

void ormSqlEnforce(sqlite3_context *pCtx, int argc, sqlite3_value **argv){
  Orm *pOrm = (Orm*)sqlite3_user_data(pCtx);
  OrmErr err = {0};
  int eType = sqlite3_value_numeric_type(argv[0]);
  double r = sqlite3_value_double(argv[0]);
  int nDone = 0;
  ORM_UNUSED(argc);
  if( (eType!=SQLITE_INTEGER && eType!=SQLITE_FLOAT) || (r!=0 && r!=1) ){
    ormErr(&err, SQLITE_ERROR, "orm: orm_enforce: 1 or 0 is needed");
  }else{
    nDone = ormEnforce(pOrm, &err, r!=0);
  }
  if( err.rc ) ormErrResult(&err, pCtx);
  else sqlite3_result_int(pCtx, nDone);
}
