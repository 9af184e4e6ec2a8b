/*
** orm_object: what reading (object.c) and writing (object_write.c) share.
**
** Every object of the file is a row of it:
**
**     key, object, cursor, model HIDDEN, query HIDDEN, _pk HIDDEN PRIMARY KEY
**
** model and query are the arguments of FROM orm_object(model, query), or come
** from a WHERE.  _pk is what an UPDATE or DELETE gets to know of a row: the
** JSON array of the model's name and the values of its key, ["User",1].  It is
** empty text when the statement named neither a key nor a query: such a write
** is to be refused before its first row.
*/
#ifndef ORM_OBJECT_H
#define ORM_OBJECT_H
#include "sql.h"

enum { ORM_OBJECT_KEY, ORM_OBJECT_OBJECT, ORM_OBJECT_CURSOR, ORM_OBJECT_MODEL,
       ORM_OBJECT_QUERY, ORM_OBJECT_PK, ORM_OBJECT_N };

typedef struct OrmObjectTab OrmObjectTab;
struct OrmObjectTab {
  sqlite3_vtab base;
  Orm *pOrm;
};

/* object_write.c: xUpdate.  argv[0] is the old _pk, argv[1] the new one, then
** the columns in the order above. */
int ormObjectUpdate(sqlite3_vtab*, int, sqlite3_value**, sqlite3_int64*);

#endif /* ORM_OBJECT_H */
