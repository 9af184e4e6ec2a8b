/*
** What the tables have in common that are always there: a connection of a
** table that holds no more than the Orm, arguments as hidden columns, and a
** cursor over a list of rows that is made as a scan begins.
**
** A list's rows, of whatever struct, lie in its arena; they do not change while
** it is read, whatever is done with them.
*/
#include "sql.h"

int ormSqlTableNew(
  sqlite3 *db, void *pOrm, int eTrust, const char *zDeclare,
  sqlite3_vtab **ppVtab
){
  OrmSqlTable *p;
  int rc = sqlite3_declare_vtab(db, zDeclare);
  *ppVtab = 0;
  if( rc!=SQLITE_OK ) return rc;
  p = sqlite3_malloc64(sizeof(*p));
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  p->pOrm = (Orm*)pOrm;
  sqlite3_vtab_config(db, eTrust);
  *ppVtab = &p->base;
  return SQLITE_OK;
}

int ormSqlTableFree(sqlite3_vtab *pVtab){
  sqlite3_free(pVtab);
  return SQLITE_OK;
}

Orm *ormSqlCursorOrm(const sqlite3_vtab_cursor *pCursor){
  return ((const OrmSqlTable*)pCursor->pVtab)->pOrm;
}

int ormSqlArguments(sqlite3_index_info *pInfo, int iFirst, int nArg){
  int mGiven = 0, mUnusable = 0, n = 0;
  for(int iArg=0; iArg<nArg; iArg++){
    for(int i=0; i<pInfo->nConstraint; i++){
      const struct sqlite3_index_constraint *p = &pInfo->aConstraint[i];
      if( p->iColumn!=iFirst+iArg || p->op!=SQLITE_INDEX_CONSTRAINT_EQ ){
        continue;
      }
      if( !p->usable ){
        mUnusable |= 1<<iArg;
        continue;
      }
      pInfo->aConstraintUsage[i].argvIndex = ++n;
      pInfo->aConstraintUsage[i].omit = 1;
      mGiven |= 1<<iArg;
      break;
    }
  }
  return mUnusable & ~mGiven ? -1 : mGiven;
}

/* ------------------------------------------------- cursors over a list --- */

int ormSqlListOpen(sqlite3_vtab *pVtab, sqlite3_vtab_cursor **ppCursor){
  OrmSqlList *p = sqlite3_malloc64(sizeof(*p));
  ORM_UNUSED(pVtab);
  *ppCursor = 0;
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  ormArenaInit(&p->arena, &p->err);
  p->binds.pArena = &p->arena;
  *ppCursor = &p->base;
  return SQLITE_OK;
}

void ormSqlListReset(OrmSqlList *p){
  ormArenaFree(&p->arena);
  memset(&p->binds, 0, sizeof(p->binds));
  p->binds.pArena = &p->arena;
  p->a = 0;
  p->n = p->nAlloc = p->i = 0;
}

int ormSqlListClose(sqlite3_vtab_cursor *pCursor){
  OrmSqlList *p = (OrmSqlList*)pCursor;
  ormArenaFree(&p->arena);
  ormErrClear(&p->err);
  sqlite3_free(p);
  return SQLITE_OK;
}

void *ormSqlListAdd(OrmSqlList *p, int nByte){
  void *pNew = ormArenaGrow(&p->arena, &p->a, p->n, &p->nAlloc, nByte);
  if( pNew==0 ) return 0;
  memset(pNew, 0, (size_t)nByte);
  p->n++;
  return pNew;
}

const char *ormSqlListText(OrmSqlList *p, const char *z){
  return z ? ormArenaText(&p->arena, z, -1) : 0;
}

int ormSqlListNext(sqlite3_vtab_cursor *pCursor){
  ((OrmSqlList*)pCursor)->i++;
  return SQLITE_OK;
}

int ormSqlListEof(sqlite3_vtab_cursor *pCursor){
  const OrmSqlList *p = (const OrmSqlList*)pCursor;
  return p->i>=p->n;
}

int ormSqlListRowid(sqlite3_vtab_cursor *pCursor, sqlite3_int64 *piRowid){
  *piRowid = ((OrmSqlList*)pCursor)->i + 1;
  return SQLITE_OK;
}

void ormSqlResultText(sqlite3_context *pCtx, const char *z){
  if( z ) sqlite3_result_text(pCtx, z, -1, SQLITE_TRANSIENT);
}
