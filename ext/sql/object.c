/*
** orm_object for reading: FROM orm_object(model [, query]), one object a row,
** streamed; with WHERE key = .. the one object of that key, in any form.
**
** A cursor holds a plan and a stream while it has rows, and gives them back at
** the end of the rows.  An UPDATE is told by colUsed: it loads no objects that
** nobody looks at.
*/
#include "object.h"

/* idxNum: which of these are arguments of xFilter, in this order; and what is
** read. */
#define HAS_MODEL   1
#define HAS_QUERY   2
#define HAS_KEY     4
#define WANT_OBJECT 8
#define WANT_CURSOR 16
#define IS_UPDATE   32
#define HAS_LIMIT   64
#define HAS_OFFSET  128

#define FAR 1000000             /* rows that no batch holds                   */

typedef struct ObjectCursor ObjectCursor;
struct ObjectCursor {
  sqlite3_vtab_cursor base;
  OrmPlan *pPlan;
  OrmStream *pStream;           /* 0: no (more) rows                          */
  char *zModel;                 /* as given                                   */
  char *zQuery; i64 nQuery;     /* 0: none given                              */
  u8 bBounded;                  /* a key or a query was given                 */
  u8 bThere;                    /* no stream: the row of an UPDATE by this    */
  i64 iKey;                     /*   key, of which nothing else is read yet   */
};

static Orm *cursorOrm(const ObjectCursor *p){
  return ((const OrmObjectTab*)p->base.pVtab)->pOrm;
}

static int objectConnect(
  sqlite3 *db, void *pAux, int argc, const char *const*argv,
  sqlite3_vtab **ppVtab, char **pzErr
){
  OrmObjectTab *p;
  int rc;
  ORM_UNUSED(argc);
  ORM_UNUSED(argv);
  ORM_UNUSED(pzErr);
  *ppVtab = 0;
  rc = sqlite3_declare_vtab(db, "CREATE TABLE x(key, object TEXT, cursor TEXT,"
         " model TEXT HIDDEN, query TEXT HIDDEN, _pk TEXT HIDDEN NOT NULL"
         " PRIMARY KEY) WITHOUT ROWID");
  if( rc!=SQLITE_OK ) return rc;
  p = sqlite3_malloc64(sizeof(*p));
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  p->pOrm = (Orm*)pAux;
  sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
  sqlite3_vtab_config(db, SQLITE_VTAB_CONSTRAINT_SUPPORT, 1);
  *ppVtab = &p->base;
  return SQLITE_OK;
}

static int objectDisconnect(sqlite3_vtab *pVtab){
  sqlite3_free(pVtab);
  return SQLITE_OK;
}

/* The constraints that are arguments, by column; -1: none.  0 if one that is
** there cannot be used. */
static int findArguments(const sqlite3_index_info *pInfo, int aiArg[3]){
  static const int aCol[3] = { ORM_OBJECT_MODEL, ORM_OBJECT_QUERY,
                               ORM_OBJECT_KEY };
  for(int j=0; j<3; j++){
    int bBlocked = 0;
    aiArg[j] = -1;
    for(int i=0; i<pInfo->nConstraint; i++){
      const struct sqlite3_index_constraint *p = &pInfo->aConstraint[i];
      if( p->iColumn!=aCol[j] || p->op!=SQLITE_INDEX_CONSTRAINT_EQ ) continue;
      if( p->usable ) aiArg[j] = i;
      else bBlocked = 1;
    }
    if( aiArg[j]<0 && bBlocked ) return 0;
  }
  return 1;
}

/* How many rows will be asked for at most: so many are loaded at first.  SQLite
** does the counting all the same. */
static void findLimit(sqlite3_index_info *pInfo, int nArg){
  static const struct { u8 op; int m; } a[2] = {
    { SQLITE_INDEX_CONSTRAINT_LIMIT, HAS_LIMIT },
    { SQLITE_INDEX_CONSTRAINT_OFFSET, HAS_OFFSET }
  };
  for(int j=0; j<2; j++){
    for(int i=0; i<pInfo->nConstraint; i++){
      const struct sqlite3_index_constraint *p = &pInfo->aConstraint[i];
      if( p->op!=a[j].op || !p->usable || (pInfo->idxNum & a[j].m) ) continue;
      pInfo->aConstraintUsage[i].argvIndex = ++nArg;
      pInfo->idxNum |= a[j].m;
    }
  }
}

static int objectBestIndex(sqlite3_vtab *pVtab, sqlite3_index_info *pInfo){
  int aiArg[3];
  int nArg = 0;
  u64 mUsed = pInfo->colUsed;
  int bUpdate = (mUsed>>ORM_OBJECT_N)!=0;
  ORM_UNUSED(pVtab);
  if( !findArguments(pInfo, aiArg) ) return SQLITE_CONSTRAINT;
  for(int j=0; j<3; j++){
    if( aiArg[j]<0 ) continue;
    pInfo->aConstraintUsage[aiArg[j]].argvIndex = ++nArg;
    pInfo->aConstraintUsage[aiArg[j]].omit = 1;
    pInfo->idxNum |= 1<<j;
  }
  if( !bUpdate && (mUsed>>ORM_OBJECT_OBJECT & 1) ) pInfo->idxNum |= WANT_OBJECT;
  if( mUsed>>ORM_OBJECT_CURSOR & 1 ) pInfo->idxNum |= WANT_CURSOR;
  if( bUpdate ) pInfo->idxNum |= IS_UPDATE;
  else if( (pInfo->idxNum & HAS_KEY)==0 ) findLimit(pInfo, nArg);
  pInfo->estimatedCost = pInfo->idxNum & HAS_KEY ? 10 : 100000;
  pInfo->estimatedRows = pInfo->idxNum & HAS_KEY ? 1 : 10000;
  /* One row at most: an UPDATE or DELETE needs no list of rows beforehand. */
  if( pInfo->idxNum & HAS_KEY ) pInfo->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
  return SQLITE_OK;
}

static int objectOpen(sqlite3_vtab *pVtab, sqlite3_vtab_cursor **ppCursor){
  ObjectCursor *p = sqlite3_malloc64(sizeof(*p));
  ORM_UNUSED(pVtab);
  *ppCursor = 0;
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  *ppCursor = &p->base;
  return SQLITE_OK;
}

/* No more rows: everything goes back. */
static void cursorEnd(ObjectCursor *p){
  p->bThere = 0;
  ormStreamClose(p->pStream);
  p->pStream = 0;
  ormPlanRelease(cursorOrm(p), p->pPlan);
  p->pPlan = 0;
}

static void cursorReset(ObjectCursor *p){
  cursorEnd(p);
  sqlite3_free(p->zModel);
  sqlite3_free(p->zQuery);
  p->zModel = p->zQuery = 0;
  p->nQuery = 0;
  p->bBounded = 0;
}

static int objectClose(sqlite3_vtab_cursor *pCursor){
  cursorReset((ObjectCursor*)pCursor);
  sqlite3_free(pCursor);
  return SQLITE_OK;
}

/* A copy of a text argument, 0 for NULL. */
static char *copyText(OrmErr *pErr, sqlite3_value *pVal, i64 *pn){
  const char *z = (const char*)sqlite3_value_text(pVal);
  char *zCopy;
  if( z==0 || pErr->rc ) return 0;
  *pn = sqlite3_value_bytes(pVal);
  zCopy = sqlite3_malloc64((u64)*pn + 1);
  if( zCopy==0 ) ormErrOom(pErr);
  else memcpy(zCopy, z, (size_t)*pn + 1);
  return zCopy;
}

static int cursorNext(ObjectCursor *p, OrmErr *pErr){
  p->bThere = 0;
  if( p->pStream==0 ) return SQLITE_OK;
  if( !ormStreamNext(p->pStream, pErr) ) cursorEnd(p);
  return pErr->rc ? ormErrVtab(pErr, p->base.pVtab) : SQLITE_OK;
}

static int objectNext(sqlite3_vtab_cursor *pCursor){
  OrmErr err = { SQLITE_OK, 0 };
  return cursorNext((ObjectCursor*)pCursor, &err);
}

/* The stream of a model, a query and perhaps a key. */
static void cursorStart(ObjectCursor *p, OrmErr *pErr, i64 nModel, int mWant,
                        sqlite3_value *pKey){
  Orm *pOrm = cursorOrm(p);
  OrmCatalog *pCatalog = ormCatalogPin(pOrm, pErr);
  OrmModel *pModel = 0;
  if( pCatalog ) pModel = ormModelFind(pOrm, pErr, pCatalog, p->zModel, nModel);
  p->pPlan = ormPlanGet(pOrm, pErr, pModel, p->zQuery, p->nQuery,
      pKey ? ORM_Q_WHERE | ORM_Q_SHAPE | ORM_Q_DELETED | ORM_Q_ORDER
           : ORM_Q_ALL);
  if( p->pPlan==0 ){
  }else if( pKey==0 ){
    p->pStream = ormStreamOpenFor(pOrm, pErr, p->pPlan, mWant);
  }else if( sqlite3_value_type(pKey)!=SQLITE_NULL ){
    p->pStream = ormStreamOpenKey(pOrm, pErr, p->pPlan, mWant, pKey);
  }
  ormCatalogUnpin(pOrm, pCatalog);
}

/* LIMIT and OFFSET, the arguments behind the others. */
static void cursorLimit(ObjectCursor *p, int idxNum, sqlite3_value **apVal){
  i64 nLimit, nOffset = 0;
  if( p->pStream==0 || !(idxNum & HAS_LIMIT) ) return;
  nLimit = sqlite3_value_int64(apVal[0]);
  if( idxNum & HAS_OFFSET ) nOffset = sqlite3_value_int64(apVal[1]);
  if( nOffset<0 ) nOffset = 0;
  if( nLimit<FAR && nOffset<FAR ) ormStreamExpect(p->pStream, nLimit + nOffset);
}

/* An UPDATE by an integer key needs to know no more than that the row is there,
** unless it asks.  1: that is settled. */
static int cursorPlain(ObjectCursor *p, OrmErr *pErr, i64 nModel,
                       sqlite3_value *pKey){
  Orm *pOrm = cursorOrm(p);
  OrmCatalog *pCatalog;
  OrmModel *pModel = 0;
  int bPlain;
  if( sqlite3_value_type(pKey)!=SQLITE_INTEGER ) return 0;
  p->iKey = sqlite3_value_int64(pKey);
  pCatalog = ormCatalogPin(pOrm, pErr);
  if( pCatalog ) pModel = ormModelFind(pOrm, pErr, pCatalog, p->zModel, nModel);
  bPlain = pModel && pModel->bRowidKey && pModel->iSoftDelete<0;
  if( bPlain ) p->bThere = (u8)ormRowidIsThere(pOrm, pErr, pModel, p->iKey);
  ormCatalogUnpin(pOrm, pCatalog);
  return bPlain;
}

/* The UPDATE asks for more of its row after all. */
static void cursorAsked(ObjectCursor *p, OrmErr *pErr){
  Orm *pOrm = cursorOrm(p);
  OrmStmt *pStmt = ormStmtTakeQuiet(pOrm, pErr, "SELECT ?1");
  ormBindIntTo(pStmt, 1, p->iKey);
  if( ormStmtStep(pOrm, pErr, pStmt) ){
    cursorStart(p, pErr, (i64)strlen(p->zModel),
                ORM_STREAM_OBJECT | ORM_STREAM_CURSOR,
                sqlite3_column_value(pStmt->p, 0));
    if( p->pStream && ormStreamNext(p->pStream, pErr) ) p->bThere = 0;
    else cursorEnd(p);
  }
  ormStmtGive(pOrm, pErr, pStmt);
}

static int objectFilter(
  sqlite3_vtab_cursor *pCursor, int idxNum, const char *idxStr, int argc,
  sqlite3_value **argv
){
  ObjectCursor *p = (ObjectCursor*)pCursor;
  OrmErr err = { SQLITE_OK, 0 };
  sqlite3_value *pKey = 0;
  i64 nModel = 0;
  int iArg = 0;
  ORM_UNUSED(idxStr);
  ORM_UNUSED(argc);
  cursorReset(p);
  if( idxNum & HAS_MODEL ) p->zModel = copyText(&err, argv[iArg++], &nModel);
  if( idxNum & HAS_QUERY ) p->zQuery = copyText(&err, argv[iArg++], &p->nQuery);
  if( idxNum & HAS_KEY ) pKey = argv[iArg];
  p->bBounded = (idxNum & (HAS_QUERY | HAS_KEY))!=0;
  if( p->zModel==0 ){
    ormErr(&err, SQLITE_ERROR, "orm: orm_object needs a model: FROM"
           " orm_object('Model') or WHERE model = 'Model'");
  }else if( !pKey || !(idxNum & IS_UPDATE) || (idxNum & HAS_QUERY)
            || !cursorPlain(p, &err, nModel, pKey) ){
    cursorStart(p, &err, nModel,
        (idxNum & WANT_OBJECT ? ORM_STREAM_OBJECT : 0)
        | (idxNum & WANT_CURSOR ? ORM_STREAM_CURSOR : 0), pKey);
    cursorLimit(p, idxNum, &argv[iArg]);
  }
  if( err.rc ){
    cursorEnd(p);
    return ormErrVtab(&err, pCursor->pVtab);
  }
  return p->bThere ? SQLITE_OK : cursorNext(p, &err);
}

static int objectEof(sqlite3_vtab_cursor *pCursor){
  const ObjectCursor *p = (ObjectCursor*)pCursor;
  return p->pStream==0 && !p->bThere;
}

/* ["User",1]: the model's name and the values of the key. */
static void primaryKey(ObjectCursor *p, OrmBuf *pBuf){
  OrmBuf key;
  ormBufInit(&key, pBuf->pErr);
  if( p->bThere ) ormBufInt(&key, p->iKey);
  else ormStreamKey(p->pStream, &key);
  ormBufChar(pBuf, '[');
  ormJsonString(pBuf, p->zModel, (i64)strlen(p->zModel));
  ormBufChar(pBuf, ',');
  if( key.n>0 && key.z[0]=='[' ) ormBufAdd(pBuf, &key.z[1], key.n - 1);
  else ormBufAdd(pBuf, key.z ? key.z : "", key.n);
  if( key.n==0 || key.z[0]!='[' ) ormBufChar(pBuf, ']');
  ormBufFree(&key);
}

static void resultPk(ObjectCursor *p, OrmErr *pErr, sqlite3_context *pCtx){
  OrmBuf buf;
  i64 n;
  char *z;
  if( !p->bBounded ){
    sqlite3_result_text(pCtx, "", 0, SQLITE_STATIC);
    return;
  }
  ormBufInit(&buf, pErr);
  primaryKey(p, &buf);
  z = ormBufTake(&buf, &n);
  if( z ) sqlite3_result_text64(pCtx, z, (u64)n, sqlite3_free, SQLITE_UTF8);
}

/* The key: its value, or the JSON array of a composite one. */
static void resultKey(ObjectCursor *p, OrmErr *pErr, sqlite3_context *pCtx){
  OrmBuf buf;
  if( p->bThere ){
    sqlite3_result_int64(pCtx, p->iKey);
    return;
  }
  if( ormStreamKeyCount(p->pStream)==1 ){
    ormBindResult(pCtx, ormStreamKeyValues(p->pStream), SQLITE_TRANSIENT);
    return;
  }
  ormBufInit(&buf, pErr);
  ormStreamKey(p->pStream, &buf);
  ormJsonResult(pCtx, &buf);
}

static void resultCursor(ObjectCursor *p, OrmErr *pErr, sqlite3_context *pCtx){
  OrmBuf buf;
  i64 n;
  char *z;
  ormBufInit(&buf, pErr);
  ormStreamCursor(p->pStream, pErr, &buf);
  z = ormBufTake(&buf, &n);
  if( z ) sqlite3_result_text64(pCtx, z, (u64)n, sqlite3_free, SQLITE_UTF8);
}

/* An object's text has no NUL, so it can be handed over as terminated text:
** the cheapest way to a copy (its memory is the stream's). */
static void resultObject(ObjectCursor *p, OrmErr *pErr, sqlite3_context *pCtx){
  i64 n;
  const char *z = ormStreamObject(p->pStream, pErr, &n);
  if( z==0 ) return;
  sqlite3_result_text(pCtx, z, -1, SQLITE_TRANSIENT);
  sqlite3_result_subtype(pCtx, ORM_JSON_SUBTYPE);
}

static int objectColumn(
  sqlite3_vtab_cursor *pCursor, sqlite3_context *pCtx, int iCol
){
  ObjectCursor *p = (ObjectCursor*)pCursor;
  OrmErr err = { SQLITE_OK, 0 };
  if( sqlite3_vtab_nochange(pCtx) ) return SQLITE_OK;
  if( p->bThere && (iCol==ORM_OBJECT_OBJECT || iCol==ORM_OBJECT_CURSOR) ){
    cursorAsked(p, &err);
  }
  if( err.rc || (p->pStream==0 && !p->bThere) ) iCol = -1;
  switch( iCol ){
    case -1:                                             break;
    case ORM_OBJECT_KEY:    resultKey(p, &err, pCtx);    break;
    case ORM_OBJECT_OBJECT: resultObject(p, &err, pCtx); break;
    case ORM_OBJECT_CURSOR: resultCursor(p, &err, pCtx); break;
    case ORM_OBJECT_MODEL:
      sqlite3_result_text(pCtx, p->zModel, -1, SQLITE_TRANSIENT);
      break;
    case ORM_OBJECT_QUERY:
      if( p->zQuery ){
        sqlite3_result_text64(pCtx, p->zQuery, (u64)p->nQuery,
                              SQLITE_TRANSIENT, SQLITE_UTF8);
      }
      break;
    default:                resultPk(p, &err, pCtx);     break;
  }
  if( err.rc ) ormErrResult(&err, pCtx);
  return SQLITE_OK;
}

const sqlite3_module ormSqlObjectModule = {
  .xConnect = objectConnect,
  .xBestIndex = objectBestIndex,
  .xDisconnect = objectDisconnect,
  .xOpen = objectOpen,
  .xClose = objectClose,
  .xFilter = objectFilter,
  .xNext = objectNext,
  .xEof = objectEof,
  .xColumn = objectColumn,
  .xUpdate = ormObjectUpdate,
};
