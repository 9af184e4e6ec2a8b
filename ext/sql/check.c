/*
** The table orm_check: severity, model, subject, message, fix.
**
** The catalog's findings and the drift of orm_enforce()'s triggers are
** collected as a scan begins, errors first, so what is done with the rows
** (running a fix, for one) does not change them.
*/
#include "sql.h"

#define N_COLUMN 5
enum { CHECK_SEVERITY, CHECK_MODEL, CHECK_SUBJECT, CHECK_MESSAGE, CHECK_FIX };

typedef struct CheckTable { sqlite3_vtab base; Orm *pOrm; } CheckTable;
typedef struct Finding Finding;
struct Finding { const char *az[N_COLUMN]; };
typedef struct CheckCursor CheckCursor;
struct CheckCursor {
  sqlite3_vtab_cursor base;
  OrmErr err;
  OrmArena arena;
  int n, nAlloc; Finding *a;
  int nError;                   /* of them, at the front                      */
  int i;
};

static void addFinding(
  void *pArg, const char *zSeverity, const char *zModel, const char *zSubject,
  const char *zMessage, const char *zFix
){
  CheckCursor *p = (CheckCursor*)pArg;
  const char *az[N_COLUMN] = { zSeverity, zModel, zSubject, zMessage, zFix };
  Finding *pNew = ormArenaGrow(&p->arena, (void**)&p->a, p->n, &p->nAlloc,
                               sizeof(Finding));
  if( pNew==0 ) return;
  if( zSeverity[0]=='e' ){
    pNew = &p->a[p->nError++];
    memmove(pNew+1, pNew, sizeof(*pNew)*(size_t)(p->n + 1 - p->nError));
  }
  for(int i=0; i<N_COLUMN; i++){
    pNew->az[i] = az[i] ? ormArenaText(&p->arena, az[i], -1) : 0;
  }
  p->n++;
}

static void addDrift(
  void *pArg, const char *zTrigger, const char *zModel, const char *zWhat
){
  CheckCursor *p = (CheckCursor*)pArg;
  const char *zMessage = ormArenaPrintf(&p->arena,
      "a trigger of orm_enforce() is %s", zWhat);
  if( zMessage==0 ) return;
  addFinding(p, "warning", zModel, zTrigger, zMessage,
             "SELECT orm_enforce(1)");
}

/* The triggers can be compared only while all models work. */
static void collectDrift(Orm *pOrm, CheckCursor *p){
  OrmErr err = {0};
  OrmCatalog *pCatalog;
  if( ormFactKind(pOrm, &p->err, "orm_state")!=ORM_KIND_TABLE ) return;
  pCatalog = ormCatalogPin(pOrm, &err);
  if( pCatalog ) ormEnforceDrift(pOrm, &err, pCatalog, addDrift, p);
  ormCatalogUnpin(pOrm, pCatalog);
  ormErrForgive(&err, &p->err);
}

static int checkConnect(
  sqlite3 *db, void *pAux, int argc, const char *const*argv,
  sqlite3_vtab **ppVtab, char **pzErr
){
  CheckTable *p;
  int rc;
  ORM_UNUSED(argc);  ORM_UNUSED(argv);  ORM_UNUSED(pzErr);
  rc = sqlite3_declare_vtab(db, "CREATE TABLE x(severity TEXT, model TEXT, "
         "subject TEXT, message TEXT, fix TEXT)");
  if( rc!=SQLITE_OK ) return rc;
  p = sqlite3_malloc64(sizeof(*p));
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  p->pOrm = (Orm*)pAux;
  sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
  *ppVtab = &p->base;
  return SQLITE_OK;
}

static int checkDisconnect(sqlite3_vtab *pVtab){
  sqlite3_free(pVtab);
  return SQLITE_OK;
}

static int checkBestIndex(sqlite3_vtab *pVtab, sqlite3_index_info *pInfo){
  ORM_UNUSED(pVtab);
  pInfo->estimatedCost = 100000;
  pInfo->estimatedRows = 10;
  return SQLITE_OK;
}

static int checkOpen(sqlite3_vtab *pVtab, sqlite3_vtab_cursor **ppCursor){
  CheckCursor *p = sqlite3_malloc64(sizeof(*p));
  ORM_UNUSED(pVtab);
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  ormArenaInit(&p->arena, &p->err);
  *ppCursor = &p->base;
  return SQLITE_OK;
}

static int checkClose(sqlite3_vtab_cursor *pCursor){
  CheckCursor *p = (CheckCursor*)pCursor;
  ormArenaFree(&p->arena);
  ormErrClear(&p->err);
  sqlite3_free(p);
  return SQLITE_OK;
}

static int checkFilter(
  sqlite3_vtab_cursor *pCursor, int idxNum, const char *idxStr, int argc,
  sqlite3_value **argv
){
  CheckCursor *p = (CheckCursor*)pCursor;
  Orm *pOrm = ((CheckTable*)pCursor->pVtab)->pOrm;
  ORM_UNUSED(idxNum);  ORM_UNUSED(idxStr);  ORM_UNUSED(argc);
  ORM_UNUSED(argv);
  ormArenaFree(&p->arena);
  p->a = 0;
  p->n = p->nAlloc = p->nError = p->i = 0;
  ormCheck(pOrm, &p->err, addFinding, p, ormSqlCheckOrder);
  collectDrift(pOrm, p);
  return ormErrVtab(&p->err, pCursor->pVtab);
}

static int checkNext(sqlite3_vtab_cursor *pCursor){
  ((CheckCursor*)pCursor)->i++;
  return SQLITE_OK;
}

static int checkEof(sqlite3_vtab_cursor *pCursor){
  CheckCursor *p = (CheckCursor*)pCursor;
  return p->i>=p->n;
}

static int checkColumn(
  sqlite3_vtab_cursor *pCursor, sqlite3_context *pCtx, int iCol
){
  CheckCursor *p = (CheckCursor*)pCursor;
  sqlite3_result_text(pCtx, p->a[p->i].az[iCol], -1, SQLITE_TRANSIENT);
  return SQLITE_OK;
}

static int checkRowid(sqlite3_vtab_cursor *pCursor, sqlite3_int64 *piRowid){
  *piRowid = ((CheckCursor*)pCursor)->i + 1;
  return SQLITE_OK;
}

const sqlite3_module ormSqlCheckModule = {
  .xConnect = checkConnect,
  .xBestIndex = checkBestIndex,
  .xDisconnect = checkDisconnect,
  .xOpen = checkOpen,
  .xClose = checkClose,
  .xFilter = checkFilter,
  .xNext = checkNext,
  .xEof = checkEof,
  .xColumn = checkColumn,
  .xRowid = checkRowid,
};
