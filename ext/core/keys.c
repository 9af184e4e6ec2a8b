/*
** orm_keys: a list of keys as a table.
**
**     SELECT ... FROM orm_keys(?1) AS k CROSS JOIN main.posts AS c
**     WHERE c.author_id = k.k0
**
** ?1 is an OrmKeys given by sqlite3_bind_pointer(), which no SQL text can
** make: called by hand the table is empty.  The columns have no type, so a
** comparison applies the affinity of the real column.  n0, n1, .. are the same
** values in a numeric column: a text that is compared with them becomes a
** number if it can.  Rows come in ascending i, and an ORDER BY i is taken as
** done.
*/
#include "../orm_int.h"

#define KEYS_TYPE "orm_keys"
#define COLUMN_LIST (2*ORM_MAX_KEY + 1)

typedef struct KeysCursor KeysCursor;
struct KeysCursor {
  sqlite3_vtab_cursor base;
  const OrmKeys *pKeys;         /* 0: no rows                                 */
  int iKey;
};

void ormKeysBind(OrmErr *pErr, OrmStmt *pStmt, int iParam, OrmKeys *pKeys){
  if( pStmt==0 || pErr->rc!=SQLITE_OK ) return;
  assert( pKeys->nCol>=1 && pKeys->nCol<=ORM_MAX_KEY );
  pKeys->bUsed = 0;
  pKeys->db = sqlite3_db_handle(pStmt->p);
  ormBindPointerTo(pStmt, iParam, pKeys, KEYS_TYPE);
}

/* Has a table or view of any schema our table's name?  A list that was not read
** need not mean that: SQLite may have seen that there are no rows. */
static int isHidden(OrmErr *pErr, sqlite3 *db){
  sqlite3_stmt *pStmt = 0;
  int rc = sqlite3_prepare_v2(db, "SELECT 1 FROM pragma_table_list"
      " WHERE name='orm_keys' COLLATE NOCASE", -1, &pStmt, 0);
  int bHidden = rc==SQLITE_OK && sqlite3_step(pStmt)==SQLITE_ROW;
  if( rc==SQLITE_OK && !bHidden ) rc = sqlite3_reset(pStmt);
  if( rc!=SQLITE_OK ) ormErrDb(pErr, db, rc);
  sqlite3_finalize(pStmt);
  return bHidden;
}

void ormKeysCheck(OrmErr *pErr, const OrmKeys *pKeys){
  if( pKeys->bUsed || pErr->rc || !isHidden(pErr, pKeys->db) ) return;
  ormErr(pErr, SQLITE_ERROR, "orm: a table or view of this file is named "
         "orm_keys, which hides orm's own: rename it");
}

static int keysConnect(
  sqlite3 *db, void *pAux, int argc, const char *const *argv,
  sqlite3_vtab **ppVtab, char **pzErr
){
  int rc;
  ORM_UNUSED(pAux);  ORM_UNUSED(argc);  ORM_UNUSED(argv);  ORM_UNUSED(pzErr);
  *ppVtab = 0;
  assert( ORM_MAX_KEY==16 );
  rc = sqlite3_declare_vtab(db, "CREATE TABLE x(i, k0, k1, k2, k3, k4, k5, k6, "
      "k7, k8, k9, k10, k11, k12, k13, k14, k15, n0 NUM, n1 NUM, n2 NUM, "
      "n3 NUM, n4 NUM, n5 NUM, n6 NUM, n7 NUM, n8 NUM, n9 NUM, n10 NUM, "
      "n11 NUM, n12 NUM, n13 NUM, n14 NUM, n15 NUM, list HIDDEN)");
  if( rc!=SQLITE_OK ) return rc;
  sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
  *ppVtab = sqlite3_malloc64(sizeof(**ppVtab));
  if( *ppVtab==0 ) return SQLITE_NOMEM;
  memset(*ppVtab, 0, sizeof(**ppVtab));
  return SQLITE_OK;
}

static int keysDisconnect(sqlite3_vtab *pVtab){
  sqlite3_free(pVtab);
  return SQLITE_OK;
}

/* idxNum 1: the list is argument 1; 0: there is none, so no rows. */
static int keysBestIndex(sqlite3_vtab *pVtab, sqlite3_index_info *pInfo){
  ORM_UNUSED(pVtab);
  for(int i=0; i<pInfo->nConstraint; i++){
    const struct sqlite3_index_constraint *p = &pInfo->aConstraint[i];
    if( p->iColumn!=COLUMN_LIST || p->op!=SQLITE_INDEX_CONSTRAINT_EQ ) continue;
    if( !p->usable ) return SQLITE_CONSTRAINT;
    pInfo->aConstraintUsage[i].argvIndex = 1;
    pInfo->aConstraintUsage[i].omit = 1;
    pInfo->idxNum = 1;
    break;
  }
  pInfo->estimatedCost = 100;
  pInfo->estimatedRows = 100;
  if( pInfo->nOrderBy==1 && pInfo->aOrderBy[0].iColumn==0
   && !pInfo->aOrderBy[0].desc
  ){
    pInfo->orderByConsumed = 1;
  }
  return SQLITE_OK;
}

static int keysOpen(sqlite3_vtab *pVtab, sqlite3_vtab_cursor **ppCursor){
  KeysCursor *p = sqlite3_malloc64(sizeof(*p));
  ORM_UNUSED(pVtab);
  *ppCursor = 0;
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  *ppCursor = &p->base;
  return SQLITE_OK;
}

static int keysClose(sqlite3_vtab_cursor *pCursor){
  sqlite3_free(pCursor);
  return SQLITE_OK;
}

static int keysFilter(
  sqlite3_vtab_cursor *pCursor, int idxNum, const char *idxStr,
  int argc, sqlite3_value **argv
){
  KeysCursor *p = (KeysCursor*)pCursor;
  OrmKeys *pKeys = 0;
  ORM_UNUSED(idxStr);
  assert( argc==idxNum );
  ORM_UNUSED(argc);
  if( idxNum==1 ) pKeys = sqlite3_value_pointer(argv[0], KEYS_TYPE);
  if( pKeys ) pKeys->bUsed = 1;
  p->pKeys = pKeys;
  p->iKey = 0;
  return SQLITE_OK;
}

static int keysNext(sqlite3_vtab_cursor *pCursor){
  ((KeysCursor*)pCursor)->iKey++;
  return SQLITE_OK;
}

static int keysEof(sqlite3_vtab_cursor *pCursor){
  const KeysCursor *p = (const KeysCursor*)pCursor;
  return p->pKeys==0 || p->iKey>=p->pKeys->nKey;
}

static int keysColumn(
  sqlite3_vtab_cursor *pCursor, sqlite3_context *pCtx, int i
){
  const KeysCursor *p = (const KeysCursor*)pCursor;
  const OrmKeys *pKeys = p->pKeys;
  int nCol = pKeys->nCol;
  if( i>ORM_MAX_KEY ) i -= ORM_MAX_KEY;
  if( i==0 ){
    sqlite3_result_int(pCtx, pKeys->aiPos ? pKeys->aiPos[p->iKey] : p->iKey);
  }else if( i<=nCol ){
    i64 iVal = (pKeys->bFeed ? 0 : (i64)p->iKey*nCol) + (i - 1);
    if( pKeys->aInt ) sqlite3_result_int64(pCtx, pKeys->aInt[iVal]);
    else if( pKeys->aBind ){
      /* Texts are not copied: the list outlives the statement. */
      ormBindResult(pCtx, &pKeys->aBind[iVal], SQLITE_STATIC);
    }else sqlite3_result_value(pCtx, pKeys->apVal[iVal]);
  }
  return SQLITE_OK;
}

static int keysRowid(sqlite3_vtab_cursor *pCursor, sqlite3_int64 *piRowid){
  *piRowid = ((KeysCursor*)pCursor)->iKey;
  return SQLITE_OK;
}

const sqlite3_module ormKeysModule = {
  .xConnect = keysConnect,
  .xDisconnect = keysDisconnect,
  .xBestIndex = keysBestIndex,
  .xOpen = keysOpen,
  .xClose = keysClose,
  .xFilter = keysFilter,
  .xNext = keysNext,
  .xEof = keysEof,
  .xColumn = keysColumn,
  .xRowid = keysRowid,
};
