/*
** Conditions as SQL.
*/
#include "../orm_int.h"

void ormWhereSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  ormDeletedSql(p, pQuery->pModel, pQuery->eDeleted, zAlias);
  ormCursorSql(p, pQuery, zAlias);
}

void ormConditionSql(
  OrmSql *p, OrmModel *pModel, const OrmCond *pCond, int eDeleted,
  const char *zAlias
){
  ORM_UNUSED(pCond);
  ormDeletedSql(p, pModel, eDeleted, zAlias);
}
