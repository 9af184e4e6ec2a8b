/*
** Interface to trigger.c, for enforce.c: the text of one trigger.
*/
#ifndef ORM_TRIGGER_H
#define ORM_TRIGGER_H
#include "../orm_int.h"

/* "CREATE TRIGGER .. END" for a table, as sqlite_schema keeps it; 0 if its
** deletes mean nothing to others.  The text is a function of rules and schema
** alone; more cascades than SQLite takes in one query are an error. */
int ormTriggerSql(Orm*, OrmErr*, OrmNode*, OrmBuf*);

#endif /* ORM_TRIGGER_H */
