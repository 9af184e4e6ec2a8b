/*
** orm_diagram([format]) and orm_generate(language): the models as text.
*/
#include "sql.h"

/* Text written by xWrite for the name given as first argument. */
static void describe(
  sqlite3_context *pCtx,
  const char *zName,
  void (*xWrite)(Orm*, OrmErr*, const char*, OrmBuf*)
){
  OrmErr err = { SQLITE_OK, 0 };
  OrmBuf out;
  i64 n;
  char *z;
  ormBufInit(&out, &err);
  if( zName==0 ) ormErr(&err, SQLITE_ERROR, "orm: a name is needed, not NULL");
  else xWrite((Orm*)sqlite3_user_data(pCtx), &err, zName, &out);
  z = ormBufTake(&out, &n);
  if( err.rc!=SQLITE_OK ){
    sqlite3_free(z);
    ormErrResult(&err, pCtx);
  }else{
    sqlite3_result_text64(pCtx, z, (u64)n, sqlite3_free, SQLITE_UTF8);
  }
}

/* orm_diagram([format]): "mermaid" (default) or "dot". */
void ormSqlDiagram(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  describe(pCtx, nArg ? (const char*)sqlite3_value_text(apArg[0]) : "mermaid",
           ormDiagram);
}

/* orm_generate(language): typescript, python, c or jsonschema. */
void ormSqlGenerate(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  ORM_UNUSED(nArg);
  describe(pCtx, (const char*)sqlite3_value_text(apArg[0]), ormGenerate);
}
