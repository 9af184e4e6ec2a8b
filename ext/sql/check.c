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

typedef struct Finding Finding;
struct Finding { const char *az[N_COLUMN]; };
/* Errors stand in front of warnings. */
static void addFinding(
  void *pArg, const char *zSeverity, const char *zModel, const char *zSubject,
  const char *zMessage, const char *zFix
){
  OrmSqlList *p = (OrmSqlList*)pArg;
  const char *az[N_COLUMN] = { zSeverity, zModel, zSubject, zMessage, zFix };
  Finding *pNew = ormSqlListAdd(p, sizeof(Finding));
  Finding *a = (Finding*)p->a;
  if( pNew==0 ) return;
  if( zSeverity[0]=='e' ){
    while( pNew>a && pNew[-1].az[CHECK_SEVERITY][0]!='e' ) pNew--;
    memmove(pNew+1, pNew, sizeof(*pNew)*(size_t)(&a[p->n-1] - pNew));
  }
  for(int i=0; i<N_COLUMN; i++) pNew->az[i] = ormSqlListText(p, az[i]);
}

static void addDrift(
  void *pArg, const char *zTrigger, const char *zModel, const char *zWhat
){
  OrmSqlList *p = (OrmSqlList*)pArg;
  const char *zMessage = ormArenaPrintf(&p->arena,
      "a trigger of orm_enforce() is %s", zWhat);
  if( zMessage==0 ) return;
  addFinding(p, "warning", zModel, zTrigger, zMessage,
             "SELECT orm_enforce(1)");
}

/* The triggers can be compared only while all models work. */
static void collectDrift(Orm *pOrm, OrmSqlList *p){
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
  ORM_UNUSED(argc);  ORM_UNUSED(argv);  ORM_UNUSED(pzErr);
  return ormSqlTableNew(db, pAux, SQLITE_VTAB_DIRECTONLY,
      "CREATE TABLE x(severity TEXT, model TEXT, subject TEXT, message TEXT,"
      " fix TEXT)", ppVtab);
}

static int checkBestIndex(sqlite3_vtab *pVtab, sqlite3_index_info *pInfo){
  ORM_UNUSED(pVtab);
  pInfo->estimatedCost = 100000;
  pInfo->estimatedRows = 10;
  return SQLITE_OK;
}

static int checkFilter(
  sqlite3_vtab_cursor *pCursor, int idxNum, const char *idxStr, int argc,
  sqlite3_value **argv
){
  OrmSqlList *p = (OrmSqlList*)pCursor;
  Orm *pOrm = ormSqlCursorOrm(pCursor);
  ORM_UNUSED(idxNum);  ORM_UNUSED(idxStr);  ORM_UNUSED(argc);
  ORM_UNUSED(argv);
  ormSqlListReset(p);
  ormCheck(pOrm, &p->err, addFinding, p, ormSqlCheckOrder);
  collectDrift(pOrm, p);
  return ormErrVtab(&p->err, pCursor->pVtab);
}

static int checkColumn(
  sqlite3_vtab_cursor *pCursor, sqlite3_context *pCtx, int iCol
){
  OrmSqlList *p = (OrmSqlList*)pCursor;
  ormSqlResultText(pCtx, ((const Finding*)p->a)[p->i].az[iCol]);
  return SQLITE_OK;
}

const sqlite3_module ormSqlCheckModule = {
  .xConnect = checkConnect,
  .xBestIndex = checkBestIndex,
  .xDisconnect = ormSqlTableFree,
  .xOpen = ormSqlListOpen,
  .xClose = ormSqlListClose,
  .xFilter = checkFilter,
  .xNext = ormSqlListNext,
  .xEof = ormSqlListEof,
  .xColumn = checkColumn,
  .xRowid = ormSqlListRowid,
};
