/*
** SQL faces of the object model: orm_init, orm_define, orm_reflect,
** orm_schema.
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

/* Does the order_by of a model, or of a relationship, mean something? */
void ormSqlCheckOrder(
  Orm *pOrm, OrmErr *pErr, OrmModel *pModel, OrmRel *pRel
){
  OrmArena arena;
  OrmParse parse;
  OrmQuery query;
  ormArenaInit(&arena, pErr);
  ormParseInit(&parse, pOrm, &arena, ORM_Q_ALL);
  memset(&query, 0, sizeof(query));
  query.pModel = pRel ? pRel->pTarget : pModel;
  query.pRel = pRel;
  ormOrderParse(&parse, &query, 0);
  ormArenaFree(&arena);
}

typedef struct DefineJob DefineJob;
struct DefineJob { const char *z; i64 n; i64 nModel; };

/* The document, then the triggers of orm_enforce(), which its rules change. */
static void defineJob(Orm *pOrm, OrmErr *pErr, void *pArg){
  DefineJob *p = (DefineJob*)pArg;
  p->nModel = ormDefine(pOrm, pErr, p->z, p->n, ormSqlCheckOrder);
  ormEnforceRefresh(pOrm, pErr);
}

/* orm_define(document): the number of models. */
void ormSqlDefine(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  OrmErr err = {0};
  DefineJob job = { 0, 0, 0 };
  ORM_UNUSED(nArg);
  job.z = (const char*)sqlite3_value_text(apArg[0]);
  job.n = sqlite3_value_bytes(apArg[0]);
  ormAnchorRun((Orm*)sqlite3_user_data(pCtx), &err, defineJob, &job);
  resultCount(pCtx, &err, job.nModel);
}

/* orm_schema(): the effective document. */
void ormSqlSchema(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  OrmErr err = {0};
  OrmBuf out;
  ORM_UNUSED(nArg);
  ORM_UNUSED(apArg);
  ormBufInit(&out, &err);
  ormSchema((Orm*)sqlite3_user_data(pCtx), &err, &out);
  ormJsonResult(pCtx, &out);
}

void ormSqlReflect(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  OrmErr err = {0};
  const char *z = nArg ? (const char*)sqlite3_value_text(apArg[0]) : 0;
  i64 n = nArg ? sqlite3_value_bytes(apArg[0]) : 0;
  n = ormReflect((Orm*)sqlite3_user_data(pCtx), &err, z, n);
  resultCount(pCtx, &err, n);
}
