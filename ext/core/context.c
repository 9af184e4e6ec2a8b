/*
** orm_context: the virtual table that owns what must go when the connection
** closes.
**
** sqlite3_close() disconnects virtual tables before it looks for statements
** that are still there, so what this one owns is gone in time (a function's
** user data would be destroyed too late).  No statement that we keep names
** this table, or it would be kept itself.
**
** When sqlite3_close() gives SQLITE_BUSY, because the application still has a
** statement, the table has been disconnected although the connection lives
** on; ormContextEnsure() then connects it anew.
*/
#include "../orm_int.h"

typedef struct ContextTab ContextTab;
struct ContextTab {
  sqlite3_vtab base;
  Orm *pOrm;
  OrmStmtCache *pStmts;         /* the cache made for this connect            */
};

/* Everything goes: first what the upper layers keep, then the statements. */
static void contextDrop(Orm *pOrm){
  OrmStmtCache *pStmts = pOrm->pStmts;
  while( pOrm->nDrop>0 ){
    void (*xDrop)(Orm*) = pOrm->axDrop[--pOrm->nDrop];
    xDrop(pOrm);
  }
  pOrm->pStmts = 0;
  ormStmtCacheFree(pStmts);
}

static int contextConnect(
  sqlite3 *db, void *pAux, int argc, const char *const *argv,
  sqlite3_vtab **ppVtab, char **pzErr
){
  ContextTab *p;
  int rc;
  ORM_UNUSED(argc);  ORM_UNUSED(argv);  ORM_UNUSED(pzErr);
  *ppVtab = 0;
  rc = sqlite3_declare_vtab(db, "CREATE TABLE x(context)");
  if( rc!=SQLITE_OK ) return rc;
  sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
  p = sqlite3_malloc64(sizeof(*p));
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  p->pOrm = (Orm*)pAux;
  p->pStmts = ormStmtCacheNew();
  if( p->pStmts==0 ){
    sqlite3_free(p);
    return SQLITE_NOMEM;
  }
  if( p->pOrm->pStmts ) contextDrop(p->pOrm);
  p->pOrm->pStmts = p->pStmts;
  p->pOrm->nRef++;
  *ppVtab = &p->base;
  return SQLITE_OK;
}

static int contextDisconnect(sqlite3_vtab *pVtab){
  ContextTab *p = (ContextTab*)pVtab;
  Orm *pOrm = p->pOrm;
  if( pOrm->pStmts==p->pStmts ) contextDrop(pOrm);
  sqlite3_free(p);
  ormUnref(pOrm);
  return SQLITE_OK;
}

int ormContextEnsure(Orm *pOrm, OrmErr *pErr){
  sqlite3_stmt *pStmt = 0;
  int rc;
  if( pOrm->pStmts ) return 1;
  if( pOrm->bIncomplete ){
    ormErr(pErr, SQLITE_ERROR, "orm: loading the extension ran out of memory "
           "half way: load it again");
    return 0;
  }
  rc = sqlite3_prepare_v2(pOrm->db, "SELECT 1 FROM main.orm_context", -1,
                          &pStmt, 0);
  if( rc!=SQLITE_OK ) ormErrDb(pErr, pOrm->db, rc);
  sqlite3_finalize(pStmt);
  if( rc==SQLITE_OK && pOrm->pStmts==0 ){
    ormErr(pErr, SQLITE_ERROR, "orm: a table or view of this file is named "
           "orm_context, which hides orm's own: rename it");
  }
  return pOrm->pStmts!=0;
}

void ormContextOnDrop(Orm *pOrm, OrmErr *pErr, void (*xDrop)(Orm*)){
  for(int i=0; i<pOrm->nDrop; i++){
    if( pOrm->axDrop[i]==xDrop ) return;
  }
  if( !ormContextEnsure(pOrm, pErr) ) return;
  assert( pOrm->nDrop<ORM_COUNT(pOrm->axDrop) );
  pOrm->axDrop[pOrm->nDrop++] = xDrop;
}

/* ---------------------------------------- a table without rows, for SQL -- */

/* SQLite asks for xNext, xColumn and xRowid of a row only, so there are none
** of them here. */

static int emptyBestIndex(sqlite3_vtab *pVtab, sqlite3_index_info *pInfo){
  ORM_UNUSED(pVtab);
  pInfo->estimatedCost = 1;
  pInfo->estimatedRows = 1;
  return SQLITE_OK;
}

static int emptyOpen(sqlite3_vtab *pVtab, sqlite3_vtab_cursor **ppCursor){
  ORM_UNUSED(pVtab);
  *ppCursor = sqlite3_malloc64(sizeof(**ppCursor));
  if( *ppCursor==0 ) return SQLITE_NOMEM;
  memset(*ppCursor, 0, sizeof(**ppCursor));
  return SQLITE_OK;
}

static int emptyClose(sqlite3_vtab_cursor *pCursor){
  sqlite3_free(pCursor);
  return SQLITE_OK;
}

static int emptyFilter(
  sqlite3_vtab_cursor *pCursor, int idxNum, const char *idxStr,
  int argc, sqlite3_value **argv
){
  ORM_UNUSED(pCursor);  ORM_UNUSED(idxNum);  ORM_UNUSED(idxStr);
  ORM_UNUSED(argc);  ORM_UNUSED(argv);
  return SQLITE_OK;
}

static int emptyEof(sqlite3_vtab_cursor *pCursor){
  ORM_UNUSED(pCursor);
  return 1;
}

const sqlite3_module ormContextModule = {
  .xConnect = contextConnect,
  .xDisconnect = contextDisconnect,
  .xBestIndex = emptyBestIndex,
  .xOpen = emptyOpen,
  .xClose = emptyClose,
  .xFilter = emptyFilter,
  .xEof = emptyEof,
};

/* --------------------------------------------------------------- anchor -- */

/*
** orm_anchor, the other table without rows: see core/anchor.c for its xUpdate.
** It is here for the methods above.
*/
static int anchorConnect(
  sqlite3 *db, void *pAux, int argc, const char *const *argv,
  sqlite3_vtab **ppVtab, char **pzErr
){
  OrmAnchorTab *p;
  int rc;
  ORM_UNUSED(argc);  ORM_UNUSED(argv);  ORM_UNUSED(pzErr);
  *ppVtab = 0;
  rc = sqlite3_declare_vtab(db, "CREATE TABLE x(job)");
  if( rc!=SQLITE_OK ) return rc;
  sqlite3_vtab_config(db, SQLITE_VTAB_CONSTRAINT_SUPPORT, 1);
  sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
  p = sqlite3_malloc64(sizeof(*p));
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  p->pOrm = (Orm*)pAux;
  p->pOrm->nRef++;
  *ppVtab = &p->base;
  return SQLITE_OK;
}

static int anchorDisconnect(sqlite3_vtab *pVtab){
  OrmAnchorTab *p = (OrmAnchorTab*)pVtab;
  ormUnref(p->pOrm);
  sqlite3_free(p);
  return SQLITE_OK;
}

const sqlite3_module ormAnchorModule = {
  .xConnect = anchorConnect,
  .xDisconnect = anchorDisconnect,
  .xBestIndex = emptyBestIndex,
  .xOpen = emptyOpen,
  .xClose = emptyClose,
  .xFilter = emptyFilter,
  .xEof = emptyEof,
  .xUpdate = ormAnchorUpdate,
};
