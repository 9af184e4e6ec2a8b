/*
** The reading functions: a model, perhaps a key, perhaps a query; one JSON
** value out.
*/
#include "sql.h"

typedef struct Call Call;
struct Call {                   /* a function call under way                  */
  Orm *pOrm;
  OrmErr err;
  OrmCatalog *pCatalog;
  OrmModel *pModel;
  OrmPlan *pPlan;
};

/* Everything that a call holds until callEnd(): catalog, model, plan.  iQuery
** is the argument that may be a query.  0 and an error. */
static int callBegin(
  Call *p, sqlite3_context *pCtx, int nArg, sqlite3_value **apArg, int iQuery,
  int mParts
){
  const char *z = (const char*)sqlite3_value_text(apArg[0]);
  const char *zQuery = 0;
  memset(p, 0, sizeof(*p));
  p->pOrm = (Orm*)sqlite3_user_data(pCtx);
  p->pCatalog = ormCatalogPinCall(p->pOrm, &p->err);
  if( p->pCatalog==0 ) return 0;
  if( z==0 ){
    ormErr(&p->err, SQLITE_ERROR, "orm: a model is needed, not NULL");
    return 0;
  }
  p->pModel = ormModelFind(p->pOrm, &p->err, p->pCatalog, z,
                           sqlite3_value_bytes(apArg[0]));
  if( nArg>iQuery ) zQuery = (const char*)sqlite3_value_text(apArg[iQuery]);
  p->pPlan = ormPlanGet(p->pOrm, &p->err, p->pModel, zQuery,
      zQuery ? sqlite3_value_bytes(apArg[iQuery]) : 0, mParts);
  return p->pPlan!=0;
}

/* Give everything back; a result that was not set is an error or NULL. */
static void callEnd(Call *p, sqlite3_context *pCtx){
  ormPlanRelease(p->pOrm, p->pPlan);
  ormCatalogUnpin(p->pOrm, p->pCatalog);
  if( p->err.rc ) ormErrResult(&p->err, pCtx);
}

/* orm_get(model, key [, query]): the object, or NULL. */
void ormSqlGet(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  Call call;
  if( callBegin(&call, pCtx, nArg, apArg, 2, ORM_Q_WHERE | ORM_Q_SHAPE
                | ORM_Q_DELETED)
   && sqlite3_value_type(apArg[1])!=SQLITE_NULL
  ){
    OrmBuf out;
    ormResultBegin(call.pOrm, &call.err, &out);
    if( ormLoadOne(call.pOrm, &call.err, call.pPlan, call.pModel, apArg[1],
                   &out) ){
      ormResultGive(pCtx, call.pOrm, &out);
    }
    ormResultEnd(call.pOrm, &out);
  }
  callEnd(&call, pCtx);
}

/* orm_all(model [, query]): a JSON array. */
void ormSqlAll(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  Call call;
  if( callBegin(&call, pCtx, nArg, apArg, 1, ORM_Q_ALL) ){
    OrmBuf out;
    ormResultBegin(call.pOrm, &call.err, &out);
    ormLoadAll(call.pOrm, &call.err, call.pPlan, &out);
    ormResultGive(pCtx, call.pOrm, &out);
    ormResultEnd(call.pOrm, &out);
  }
  callEnd(&call, pCtx);
}

/* orm_page(model [, query]): a page and its cursors. */
void ormSqlPage(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  Call call;
  if( callBegin(&call, pCtx, nArg, apArg, 1, ORM_Q_ALL | ORM_Q_TOTAL) ){
    OrmBuf out;
    ormResultBegin(call.pOrm, &call.err, &out);
    ormPage(call.pOrm, &call.err, call.pPlan, &out);
    ormResultGive(pCtx, call.pOrm, &out);
    ormResultEnd(call.pOrm, &out);
  }
  callEnd(&call, pCtx);
}

/* The first object; more than nMax and (bNeed) none are errors. */
static void first(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg,
                  int mFirst, int bNeed){
  Call call;
  if( callBegin(&call, pCtx, nArg, apArg, 1, ORM_Q_ALL | mFirst) ){
    OrmBuf out;
    i64 n;
    ormResultBegin(call.pOrm, &call.err, &out);
    n = ormLoadFirst(call.pOrm, &call.err, call.pPlan, &out);
    if( mFirst==ORM_PLAN_ONLY && n>1 ){
      ormErr(&call.err, SQLITE_ERROR, "orm: more than one %s is found",
             call.pModel->zName);
    }else if( bNeed && n==0 ){
      ormErr(&call.err, SQLITE_ERROR, "orm: no %s is found",
             call.pModel->zName);
    }else if( n>0 ){
      ormResultGive(pCtx, call.pOrm, &out);
    }
    ormResultEnd(call.pOrm, &out);
  }
  callEnd(&call, pCtx);
}

/* orm_first(model [, query]): the first object, or NULL. */
void ormSqlFirst(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  first(pCtx, nArg, apArg, ORM_PLAN_FIRST, 0);
}

/* orm_one(model [, query]): the only object. */
void ormSqlOne(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  first(pCtx, nArg, apArg, ORM_PLAN_ONLY, 1);
}

/* orm_one_or_none(model [, query]): the only object, or NULL. */
void ormSqlOneOrNone(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  first(pCtx, nArg, apArg, ORM_PLAN_ONLY, 0);
}

/* A number about the root's rows. */
static void number(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg,
                   i64 (*xCount)(Orm*, OrmErr*, OrmPlan*)){
  Call call;
  i64 n = 0;
  if( callBegin(&call, pCtx, nArg, apArg, 1, ORM_Q_WHERE | ORM_Q_ORDER
                | ORM_Q_PAGE | ORM_Q_DELETED) ){
    n = xCount(call.pOrm, &call.err, call.pPlan);
    sqlite3_result_int64(pCtx, n);
  }
  callEnd(&call, pCtx);
}

/* orm_count(model [, query]): how many objects the query gives. */
void ormSqlCount(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  number(pCtx, nArg, apArg, ormCountRows);
}

/* orm_exists(model [, query]): 1 if it gives any, else 0. */
void ormSqlExists(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  number(pCtx, nArg, apArg, ormExistsRow);
}

/* ------------------------------------------------------------------------
** orm_load(model, key [, query])
**
** The first row decides model and query; each row adds a key.  The objects are
** loaded at the end, as one batch.
*/
typedef struct Load Load;
struct Load {
  Call call;
  OrmArena arena;
  OrmBinds keys;
  i64 n;
  u8 bFailed;                   /* and the error was given already            */
};

static Load *loadBegin(
  sqlite3_context *pCtx, int nArg, sqlite3_value **apArg
){
  Load *p = sqlite3_malloc64(sizeof(*p));
  if( p==0 ) return 0;
  memset(p, 0, sizeof(*p));
  callBegin(&p->call, pCtx, nArg, apArg, 2,
            ORM_Q_WHERE | ORM_Q_SHAPE | ORM_Q_DELETED);
  ormArenaInit(&p->arena, &p->call.err);
  p->keys.pArena = &p->arena;
  return p;
}

/* The key of a row, in any form; one that names no object is passed over. */
static void loadKey(Load *p, sqlite3_value *pKey){
  OrmModel *pModel = p->call.pModel;
  int iKey, n = p->keys.n;
  int eType = sqlite3_value_type(pKey);
  if( eType==SQLITE_NULL ) return;
  if( pModel->nKey==1 && (eType==SQLITE_INTEGER || eType==SQLITE_FLOAT) ){
    ormBindValue(&p->keys, pKey);
    p->n++;
    return;
  }
  iKey = ormKeyFind(p->call.pOrm, &p->keys, pModel, pKey);
  if( iKey<0 ){
    p->keys.n = n;
    return;
  }
  memmove(&p->keys.a[n], &p->keys.a[iKey],
          sizeof(p->keys.a[0])*(size_t)pModel->nKey);
  p->keys.n = n + pModel->nKey;
  p->n++;
}

void ormSqlLoadStep(sqlite3_context *pCtx, int nArg, sqlite3_value **apArg){
  Load **pp = sqlite3_aggregate_context(pCtx, sizeof(*pp));
  const char *zModel;
  if( pp==0 ){
    sqlite3_result_error_nomem(pCtx);
    return;
  }
  if( *pp==0 ){
    *pp = loadBegin(pCtx, nArg, apArg);
    if( *pp==0 ){
      sqlite3_result_error_nomem(pCtx);
      return;
    }
  }
  if( (*pp)->call.err.rc==SQLITE_OK ){
    zModel = (const char*)sqlite3_value_text(apArg[0]);
    if( zModel==0 || strcmp(zModel, (*pp)->call.pModel->zName)!=0 ){
      ormErr(&(*pp)->call.err, SQLITE_ERROR, "orm: orm_load takes one model:"
             " %s and %s are given", (*pp)->call.pModel->zName,
             zModel ? zModel : "NULL");
    }else{
      loadKey(*pp, apArg[1]);
    }
  }
  if( (*pp)->call.err.rc ){
    (*pp)->bFailed = 1;
    ormErrResult(&(*pp)->call.err, pCtx);
  }
}

void ormSqlLoadFinal(sqlite3_context *pCtx){
  Load **pp = sqlite3_aggregate_context(pCtx, 0);
  Load *p = pp ? *pp : 0;
  OrmBuf out;
  if( p==0 ){
    sqlite3_result_text(pCtx, "[]", 2, SQLITE_STATIC);
    sqlite3_result_subtype(pCtx, ORM_JSON_SUBTYPE);
    return;
  }
  ormResultBegin(p->call.pOrm, &p->call.err, &out);
  if( p->n>INT32_MAX ){
    ormErr(&p->call.err, SQLITE_TOOBIG, "orm: too many keys");
  }else if( !p->bFailed ){
    OrmKeys keys;
    memset(&keys, 0, sizeof(keys));
    keys.nCol = p->call.pModel->nKey;
    keys.nKey = (int)p->n;
    keys.aBind = p->keys.a;
    ormLoadKeys(p->call.pOrm, &p->call.err, p->call.pPlan, &keys, &out);
    ormResultGive(pCtx, p->call.pOrm, &out);
  }
  ormResultEnd(p->call.pOrm, &out);
  ormArenaFree(&p->arena);
  callEnd(&p->call, pCtx);
  *pp = 0;
  sqlite3_free(p);
}
