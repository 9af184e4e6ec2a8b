/*
** orm_related(from_model, from_key, path [, query]): every object that a path
** reaches from one object.
**
**     depth, model, key, object, (from_model, from_key, path, query)
**
** idxNum: the arguments that are given, a bit each; NAV_OBJECT: the statement
** uses the column object.
*/
#include "sql.h"

enum { COL_DEPTH, COL_MODEL, COL_KEY, COL_OBJECT,
       COL_FROM_MODEL, COL_FROM_KEY, COL_PATH, COL_QUERY };
#define N_ARGUMENT 4
#define REQUIRED 7              /* from_model, from_key, path                 */
#define WANTS_OBJECT 16

typedef struct RelatedCursor RelatedCursor;
struct RelatedCursor {
  sqlite3_vtab_cursor base;
  OrmErr err;
  OrmRelated related;
  int iRow;
};

static int relatedConnect(
  sqlite3 *db, void *pAux, int argc, const char *const*argv,
  sqlite3_vtab **ppVtab, char **pzErr
){
  ORM_UNUSED(argc);  ORM_UNUSED(argv);  ORM_UNUSED(pzErr);
  return ormSqlTableNew(db, pAux, SQLITE_VTAB_INNOCUOUS,
      "CREATE TABLE x(depth INTEGER, model TEXT, key, object JSON,"
      " from_model HIDDEN, from_key HIDDEN, path HIDDEN, query HIDDEN)",
      ppVtab);
}

static int relatedBestIndex(sqlite3_vtab *pVtab, sqlite3_index_info *pInfo){
  int mGiven = ormSqlArguments(pInfo, COL_FROM_MODEL, N_ARGUMENT);
  if( mGiven<0 ) return SQLITE_CONSTRAINT;
  ORM_UNUSED(pVtab);
  pInfo->idxNum = mGiven;
  if( (mGiven & REQUIRED)!=REQUIRED ){
    /* SQLite asks so for a term of an OR, too, which is then not taken. */
    pInfo->estimatedCost = 1e99;
    return SQLITE_OK;
  }
  if( pInfo->colUsed & ((sqlite3_uint64)1<<COL_OBJECT) ){
    pInfo->idxNum |= WANTS_OBJECT;
  }
  pInfo->estimatedCost = 1000;
  pInfo->estimatedRows = 100;
  return SQLITE_OK;
}

static int relatedOpen(sqlite3_vtab *pVtab, sqlite3_vtab_cursor **ppCursor){
  RelatedCursor *p = sqlite3_malloc64(sizeof(*p));
  ORM_UNUSED(pVtab);
  *ppCursor = 0;
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  *ppCursor = &p->base;
  return SQLITE_OK;
}

static int relatedClose(sqlite3_vtab_cursor *pCursor){
  RelatedCursor *p = (RelatedCursor*)pCursor;
  ormRelatedClose(&p->related);
  ormErrClear(&p->err);
  sqlite3_free(p);
  return SQLITE_OK;
}

static int relatedFilter(
  sqlite3_vtab_cursor *pCursor, int idxNum, const char *idxStr, int argc,
  sqlite3_value **argv
){
  RelatedCursor *p = (RelatedCursor*)pCursor;
  Orm *pOrm = ormSqlCursorOrm(pCursor);
  const char *zModel, *zPath;
  ORM_UNUSED(idxStr);
  ormRelatedClose(&p->related);
  p->iRow = 0;
  if( (idxNum & REQUIRED)!=REQUIRED ){
    ormErr(&p->err, SQLITE_ERROR, "orm: orm_related needs from_model, "
           "from_key and path: orm_related('User', 1, 'posts.tags')");
    return ormErrVtab(&p->err, pCursor->pVtab);
  }
  zModel = (const char*)sqlite3_value_text(argv[0]);
  zPath = (const char*)sqlite3_value_text(argv[2]);
  if( zModel==0 || zPath==0 ){
    ormErr(&p->err, SQLITE_ERROR, "orm: orm_related: %s is NULL",
           zModel ? "path" : "from_model");
  }else{
    ormRelatedOpen(pOrm, &p->err, &p->related, zModel, argv[1], zPath,
        argc>3 && sqlite3_value_type(argv[3])!=SQLITE_NULL ? argv[3] : 0,
        (idxNum & WANTS_OBJECT)!=0);
  }
  if( p->err.rc==SQLITE_OK ) return SQLITE_OK;
  ormRelatedClose(&p->related);
  return ormErrVtab(&p->err, pCursor->pVtab);
}

static int relatedNext(sqlite3_vtab_cursor *pCursor){
  ((RelatedCursor*)pCursor)->iRow++;
  return SQLITE_OK;
}

static int relatedEof(sqlite3_vtab_cursor *pCursor){
  const RelatedCursor *p = (const RelatedCursor*)pCursor;
  return p->iRow>=p->related.n;
}

static int relatedColumn(
  sqlite3_vtab_cursor *pCursor, sqlite3_context *pCtx, int iCol
){
  const RelatedCursor *p = (const RelatedCursor*)pCursor;
  const OrmRelated *pRelated = &p->related;
  const struct OrmRelatedRow *pRow = &pRelated->a[p->iRow];
  switch( iCol ){
    case COL_DEPTH:
      sqlite3_result_int(pCtx, pRow->nDepth);
      break;
    case COL_MODEL:
      sqlite3_result_text(pCtx, pRelated->pModel->zName, -1, SQLITE_TRANSIENT);
      break;
    case COL_KEY:
      ormKeyResult(pCtx, pRelated->pModel, pRow->aKey);
      break;
    case COL_OBJECT:
      assert( pRow->nObject>=0 );
      sqlite3_result_text64(pCtx, &pRelated->objects.z[pRow->iObject],
                       (u64)pRow->nObject, SQLITE_TRANSIENT, SQLITE_UTF8);
      sqlite3_result_subtype(pCtx, ORM_JSON_SUBTYPE);
      break;
  }
  return SQLITE_OK;
}

static int relatedRowid(sqlite3_vtab_cursor *pCursor, sqlite3_int64 *piRowid){
  *piRowid = ((RelatedCursor*)pCursor)->iRow;
  return SQLITE_OK;
}

const sqlite3_module ormSqlRelatedModule = {
  .xConnect = relatedConnect,
  .xDisconnect = ormSqlTableFree,
  .xBestIndex = relatedBestIndex,
  .xOpen = relatedOpen,
  .xClose = relatedClose,
  .xFilter = relatedFilter,
  .xNext = relatedNext,
  .xEof = relatedEof,
  .xColumn = relatedColumn,
  .xRowid = relatedRowid,
};
