/*
** What ext/sql/ gives to the table in orm.c: SQL functions and virtual tables,
** one line each, by the file that holds them.  Only orm.c and ext/sql/ read it.
*/
#ifndef ORM_SQL_H
#define ORM_SQL_H
#include "../orm_int.h"

typedef void OrmSqlFunc(sqlite3_context*, int, sqlite3_value**);

/* sql/config.c */
OrmSqlFunc ormSqlVersion, ormSqlConfig;
extern const sqlite3_module ormSqlConfigModule;

/* sql/log.c */
extern const sqlite3_module ormSqlLogModule;

/* sql/table.c */
extern const sqlite3_module ormSqlTableModule;

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
