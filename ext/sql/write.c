/*
** The functions that write objects: orm_create, orm_save, orm_update and their
** siblings for many.
*/
#include "sql.h"

/* A text argument; 0 and an error if it is NULL. */
static const char *textArg(
  OrmErr *pErr, sqlite3_value *p, const char *zWhat, i64 *pn
){
  const char *z = (const char*)sqlite3_value_text(p);
  *pn = sqlite3_value_bytes(p);
  if( z==0 && sqlite3_value_type(p)==SQLITE_NULL ){
    ormErr(pErr, SQLITE_ERROR, "orm: %s is missing", zWhat);
  }else if( z==0 ){
    ormErrOom(pErr);
  }
  return z;
}

/* Model and document into the call, from two arguments. */
static void callBegin(
  OrmErr *pErr, OrmWrite *p, sqlite3_value *pModel, sqlite3_value *pDoc,
  const char *zWhat
){
  memset(p, 0, sizeof(*p));
  p->zModel = textArg(pErr, pModel, "the name of a model", &p->nModel);
  p->zObject = textArg(pErr, pDoc, zWhat, &p->nObject);
}

/* The optional query. */
static void callQuery(OrmErr *pErr, OrmWrite *p, sqlite3_value *pQuery){
  if( sqlite3_value_type(pQuery)==SQLITE_NULL ) return;
  p->zQuery = textArg(pErr, pQuery, "the query", &p->nQuery);
}

/* Write, and give the object (or NULL). */
static void writeOne(sqlite3_context *pCtx, OrmErr *pErr, OrmWrite *p){
  OrmBuf out;
  ormBufInit(&out, pErr);
  p->pOut = &out;
  ormWrite((Orm*)sqlite3_user_data(pCtx), pErr, p);
  if( pErr->rc || out.n ){
    ormJsonResult(pCtx, &out);
  }else{
    ormBufFree(&out);
  }
  ormErrClear(pErr);
}

static void createOrSave(
  sqlite3_context *pCtx, int nArg, sqlite3_value **apArg, int eMode
){
  OrmErr err = { SQLITE_OK, 0 };
  OrmWrite write;
  callBegin(&err, &write, apArg[0], apArg[1], "the object");
  write.eMode = (u8)eMode;
  if( nArg>2 ) callQuery(&err, &write, apArg[2]);
  writeOne(pCtx, &err, &write);
}

/* orm_create(model, object [, query]): the stored object. */
void ormSqlCreate(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  createOrSave(pCtx, nArg, apArg, ORM_WRITE_CREATE);
}

/* orm_save(model, object [, query]): the stored object, with "_created". */
void ormSqlSave(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  createOrSave(pCtx, nArg, apArg, ORM_WRITE_SAVE);
}

/* orm_update(model, key, changes [, query]): the object, or NULL if there is
** none. */
void ormSqlUpdate(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  OrmErr err = { SQLITE_OK, 0 };
  OrmWrite write;
  callBegin(&err, &write, apArg[0], apArg[2], "the object of changes");
  write.eMode = ORM_WRITE_UPDATE;
  write.pKey = apArg[1];
  if( nArg>3 ) callQuery(&err, &write, apArg[3]);
  writeOne(pCtx, &err, &write);
}

static void resultNumber(sqlite3_context *pCtx, OrmErr *pErr, i64 n){
  if( pErr->rc ) ormErrResult(pErr, pCtx);
  else sqlite3_result_int64(pCtx, n);
}

static void writeMany(sqlite3_context *pCtx, sqlite3_value **apArg, int eMode){
  OrmErr err = { SQLITE_OK, 0 };
  OrmWrite write;
  callBegin(&err, &write, apArg[0], apArg[1], "the array of objects");
  write.eMode = (u8)eMode;
  write.eMany = ORM_WRITE_MANY;
  ormWrite((Orm*)sqlite3_user_data(pCtx), &err, &write);
  resultNumber(pCtx, &err, write.nRoot);
}

/* orm_create_many(model, array), orm_save_many(model, array): how many. */
void ormSqlCreateMany(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  ORM_UNUSED(nArg);
  writeMany(pCtx, apArg, ORM_WRITE_CREATE);
}

void ormSqlSaveMany(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  ORM_UNUSED(nArg);
  writeMany(pCtx, apArg, ORM_WRITE_SAVE);
}

/* orm_update_many(model, query, changes): how many objects the query found. */
void ormSqlUpdateMany(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  OrmErr err = { SQLITE_OK, 0 };
  OrmWrite write;
  i64 n = 0;
  ORM_UNUSED(nArg);
  callBegin(&err, &write, apArg[0], apArg[2], "the object of changes");
  callQuery(&err, &write, apArg[1]);
  if( err.rc==SQLITE_OK ){
    n = ormUpdateMany((Orm*)sqlite3_user_data(pCtx), &err, write.zModel,
        write.nModel, write.zQuery, write.nQuery, write.zObject, write.nObject);
  }
  resultNumber(pCtx, &err, n);
}
