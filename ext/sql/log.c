/*
** The table orm_log: the statements that orm ran on this connection while
** orm_config('log') was 1, a row for each text.  DELETE takes rows out; that
** is all that can be written.
**
** Statements that run while the table is read change the log, so a cursor
** holds the number of its entry and looks it up for every column.
*/
#include "sql.h"

enum { LOG_SQL, LOG_RUNS, LOG_ROWS, LOG_NANOSECONDS, LOG_FULL_SCANS };

typedef struct LogCursor { sqlite3_vtab_cursor base; i64 id; } LogCursor;

/* The entry the cursor is on, or the next if that one has gone; 0: none. */
static const OrmLogEntry *cursorEntry(const sqlite3_vtab_cursor *pCursor){
  return ormLogAfter(ormSqlCursorOrm(pCursor),
                     ((const LogCursor*)pCursor)->id - 1);
}

static int logConnect(
  sqlite3 *db, void *pAux, int argc, const char *const*argv,
  sqlite3_vtab **ppVtab, char **pzErr
){
  ORM_UNUSED(argc);  ORM_UNUSED(argv);  ORM_UNUSED(pzErr);
  return ormSqlTableNew(db, pAux, SQLITE_VTAB_DIRECTONLY,
      "CREATE TABLE x(sql TEXT, runs INTEGER, rows INTEGER,"
      " nanoseconds INTEGER, full_scans INTEGER)", ppVtab);
}

static int logBestIndex(sqlite3_vtab *pVtab, sqlite3_index_info *pInfo){
  ORM_UNUSED(pVtab);
  pInfo->estimatedCost = 100;
  pInfo->estimatedRows = 100;
  return SQLITE_OK;
}

static int logOpen(sqlite3_vtab *pVtab, sqlite3_vtab_cursor **ppCursor){
  LogCursor *p = sqlite3_malloc64(sizeof(*p));
  ORM_UNUSED(pVtab);
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  *ppCursor = &p->base;
  return SQLITE_OK;
}

static int logClose(sqlite3_vtab_cursor *pCursor){
  sqlite3_free(pCursor);
  return SQLITE_OK;
}

static int logNext(sqlite3_vtab_cursor *pCursor){
  LogCursor *p = (LogCursor*)pCursor;
  const OrmLogEntry *pNext = ormLogAfter(ormSqlCursorOrm(pCursor), p->id);
  p->id = pNext ? pNext->id : INT64_MAX;
  return SQLITE_OK;
}

static int logFilter(
  sqlite3_vtab_cursor *pCursor, int idxNum, const char *idxStr, int argc,
  sqlite3_value **argv
){
  ORM_UNUSED(idxNum);
  ORM_UNUSED(idxStr);
  ORM_UNUSED(argc);
  ORM_UNUSED(argv);
  ((LogCursor*)pCursor)->id = 0;
  return logNext(pCursor);
}

static int logEof(sqlite3_vtab_cursor *pCursor){
  return cursorEntry(pCursor)==0;
}

static int logColumn(
  sqlite3_vtab_cursor *pCursor, sqlite3_context *pCtx, int iCol
){
  const OrmLogEntry *p = cursorEntry(pCursor);
  if( p==0 ) return SQLITE_OK;
  switch( iCol ){
    case LOG_SQL:
      if( p->zSql[0] ){         /* of runs that had no memory for it: NULL    */
        sqlite3_result_text(pCtx, p->zSql, -1, SQLITE_TRANSIENT);
      }
      break;
    case LOG_RUNS:        sqlite3_result_int64(pCtx, p->nRun);      break;
    case LOG_ROWS:        sqlite3_result_int64(pCtx, p->nRow);      break;
    case LOG_NANOSECONDS: sqlite3_result_int64(pCtx, p->nNano);     break;
    default:              sqlite3_result_int64(pCtx, p->nFullScan); break;
  }
  return SQLITE_OK;
}

static int logRowid(sqlite3_vtab_cursor *pCursor, sqlite3_int64 *piRowid){
  *piRowid = ((LogCursor*)pCursor)->id;
  return SQLITE_OK;
}

static int logUpdate(
  sqlite3_vtab *pVtab, int argc, sqlite3_value **argv, sqlite3_int64 *piRowid
){
  ORM_UNUSED(piRowid);
  if( argc==1 ){
    ormLogDelete(((OrmSqlTable*)pVtab)->pOrm, sqlite3_value_int64(argv[0]));
    return SQLITE_OK;
  }
  sqlite3_free(pVtab->zErrMsg);
  pVtab->zErrMsg = sqlite3_mprintf("orm: orm_log can be emptied by DELETE, "
                                   "not written");
  return SQLITE_ERROR;
}

const sqlite3_module ormSqlLogModule = {
  .xConnect = logConnect,
  .xBestIndex = logBestIndex,
  .xDisconnect = ormSqlTableFree,
  .xOpen = logOpen,
  .xClose = logClose,
  .xFilter = logFilter,
  .xNext = logNext,
  .xEof = logEof,
  .xColumn = logColumn,
  .xRowid = logRowid,
  .xUpdate = logUpdate,
};
