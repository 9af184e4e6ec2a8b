/* What core takes from orm.c, for programs that link core alone. */
#include "../../ext/orm_int.h"

void ormUnref(void *pArg){
  Orm *pOrm = (Orm*)pArg;
  if( --pOrm->nRef>0 ) return;
  sqlite3_free(pOrm->zNow);
  sqlite3_free(pOrm->zSpare);
  sqlite3_free(pOrm);
}
