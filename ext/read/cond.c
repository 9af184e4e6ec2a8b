/*
** A where, checked into a tree of conditions.
*/
#include "../orm_int.h"

const OrmCond *ormCondParse(
  OrmParse *p, OrmModel *pModel, const OrmJson *pNode, int nDepth
){
  ORM_UNUSED(pModel);
  ORM_UNUSED(nDepth);
  ormJsonErr(p->pErr, pNode, "where: not available yet");
  return 0;
}

int ormFieldBind(OrmBinds *p, const OrmField *pField, const OrmJson *pNode){
  ORM_UNUSED(pField);
  return ormBindJson(p, pNode);
}
