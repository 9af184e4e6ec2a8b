/*
** orm: the object model inside a SQLite database file.
**
** This header is for programs that link the extension statically (compile the
** sources with -DSQLITE_CORE) instead of loading orm.so.  Call
**
**     sqlite3_auto_extension((void(*)(void))sqlite3_orm_init);
**
** before opening connections, or sqlite3_orm_init(db, &zErr, 0) on one of them.
*/
#ifndef ORM_H
#define ORM_H

#include <sqlite3.h>

#define ORM_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/*
** Make everything of orm available on connection db.  Returns SQLITE_OK, also
** when it is there already; otherwise an error code, and *pzErrMsg is an
** sqlite3_malloc'ed text.  Writes nothing to the file.
*/
int sqlite3_orm_init(
  sqlite3 *db, char **pzErrMsg, const struct sqlite3_api_routines *pApi
);

/*
** The same, and for every connection that this process opens afterwards.  As
** the entry point of a loaded orm.so it keeps the library in memory for good
** (it returns SQLITE_OK_LOAD_PERMANENTLY).
*/
int sqlite3_ormpersist_init(
  sqlite3 *db, char **pzErrMsg, const struct sqlite3_api_routines *pApi
);

#ifdef __cplusplus
}
#endif
#endif /* ORM_H */
