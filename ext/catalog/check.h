/*
** What check.c, which finds what is wrong, and repair.c, which words the SQL
** that repairs it, share.
*/
#ifndef ORM_CHECK_H
#define ORM_CHECK_H
#include "ddl.h"

typedef struct OrmChecker OrmChecker;
struct OrmChecker {
  Orm *pOrm;
  OrmErr *pErr;
  OrmArena arena;
  OrmFinding xFinding;
  void *pArg;
  OrmOrderCheck xOrder;
  OrmCatalog *pCatalog;
  OrmTableMap *pMap;            /* for checkKeys()                            */
};

/* Each gives sqlite3_malloc'ed SQL, 0 when out of memory. */
char *ormFixIndex(OrmChecker*, int bUnique, const char *zTable, int n,
                  const char *const *az);
char *ormFixModel(OrmChecker*, const char *zModel, const char *zTable,
                  const char *zMessage);
char *ormFixRel(OrmChecker*, const OrmRel*, const char *zMessage);
char *ormFixKey(OrmChecker*, const char *zTable);
/* A cell of a model's row, in the arena. */
const char *ormCheckCell(OrmChecker*, const char *zModel, const char *zCell);

#endif /* ORM_CHECK_H */
