/*
** What ext/sql/ gives to the table in orm.c: SQL functions and virtual tables,
** one line each, by the file that holds them.  Only orm.c and ext/sql/ read it.
*/
#ifndef ORM_SQL_H
#define ORM_SQL_H
#include "../orm_int.h"

typedef void OrmSqlFunc(sqlite3_context*, int, sqlite3_value**);

/* sql/eponymous.c: what the tables that are always there have in common.
** eTrust: SQLITE_VTAB_INNOCUOUS or SQLITE_VTAB_DIRECTONLY. */
typedef struct OrmSqlTable { sqlite3_vtab base; Orm *pOrm; } OrmSqlTable;
int ormSqlTableNew(sqlite3*, void *pOrm, int eTrust, const char *zDeclare,
                   sqlite3_vtab**);
int ormSqlTableFree(sqlite3_vtab*);                            /* xDisconnect */
Orm *ormSqlCursorOrm(const sqlite3_vtab_cursor*);
/* xBestIndex: "column = value" of hidden columns iFirst.. as arguments, in
** their order.  Which are given, as bits; -1 (SQLITE_CONSTRAINT) if one that
** is given cannot be used. */
int ormSqlArguments(sqlite3_index_info*, int iFirst, int nArg);
typedef struct OrmSqlList OrmSqlList;
struct OrmSqlList {             /* a cursor over rows made by its xFilter     */
  sqlite3_vtab_cursor base;
  OrmErr err;
  OrmArena arena;
  OrmBinds binds;               /* values of rows                             */
  int n, nAlloc; void *a;
  int i;
};
int ormSqlListOpen(sqlite3_vtab*, sqlite3_vtab_cursor**);
int ormSqlListClose(sqlite3_vtab_cursor*);
int ormSqlListNext(sqlite3_vtab_cursor*);
int ormSqlListEof(sqlite3_vtab_cursor*);
int ormSqlListRowid(sqlite3_vtab_cursor*, sqlite3_int64*);
void ormSqlListReset(OrmSqlList*);             /* no rows, no arena           */
void *ormSqlListAdd(OrmSqlList*, int nByte);   /* one more, zeroed; 0: OOM    */
const char *ormSqlListText(OrmSqlList*, const char*);        /* a copy, or 0  */
void ormSqlResultText(sqlite3_context*, const char *z);      /* 0: NULL       */

/* sql/config.c */
OrmSqlFunc ormSqlVersion, ormSqlConfig;
extern const sqlite3_module ormSqlConfigModule;

/* sql/log.c */
extern const sqlite3_module ormSqlLogModule;

/* sql/table.c
**
** xIntegrity came with 3.44.  A header from before does not have it; a library
** from before looks no further than its own last member, and a later one looks
** where iVersion lets it: so it stands where all of them agree that it is. */
typedef struct OrmModule4 OrmModule4;
struct OrmModule4 {
  sqlite3_module base;
#if SQLITE_VERSION_NUMBER<3044000
  int (*xIntegrity)(sqlite3_vtab*, const char *zSchema, const char *zTable,
                    int mFlags, char **pzErr);
#endif
};
extern const OrmModule4 ormSqlTableModule;

/* sql/define.c */
OrmSqlFunc ormSqlInitModel, ormSqlDefine, ormSqlReflect, ormSqlSchema;
void ormSqlCheckOrder(Orm*, OrmErr*, OrmModel*, OrmRel*);

/* sql/migrate.c */
OrmSqlFunc ormSqlMigrate;
extern const sqlite3_module ormSqlDiffModule;

/* sql/check.c */
extern const sqlite3_module ormSqlCheckModule;

/* sql/describe.c */
OrmSqlFunc ormSqlDiagram, ormSqlGenerate;

/* sql/read.c */
OrmSqlFunc ormSqlGet, ormSqlAll, ormSqlPage, ormSqlFirst, ormSqlOne,
           ormSqlOneOrNone, ormSqlCount, ormSqlExists, ormSqlLoadStep;
void ormSqlLoadFinal(sqlite3_context*);

/* sql/aggregate.c */
OrmSqlFunc ormSqlAggregate;

/* sql/explain.c */
extern const sqlite3_module ormSqlExplainModule;

/* sql/object.c */
extern const sqlite3_module ormSqlObjectModule;

/* sql/enforce.c */
OrmSqlFunc ormSqlEnforce;

/* sql/delete.c */
OrmSqlFunc ormSqlDelete, ormSqlDeleteMany, ormSqlRestore;
extern const sqlite3_module ormSqlDeletePlanModule;

/* sql/link.c, sql/related.c */
extern const sqlite3_module ormSqlLinkModule, ormSqlRelatedModule;

/* sql/write.c */
OrmSqlFunc ormSqlCreate, ormSqlSave, ormSqlUpdate, ormSqlCreateMany,
           ormSqlSaveMany, ormSqlUpdateMany;

/* sql/call.c */
extern const sqlite3_module ormSqlCallModule;

#endif /* ORM_SQL_H */
