/*
** What an object shows: select and omit choose its fields; _count, _sum, _avg,
** _min and _max add figures about its relationships.
**
**     "_count": "posts"     ["posts", {"posts": {"where": {..}, "as": "x"}}]
**     "_sum": "posts.views"    {"posts": "views"}
**             {"posts": {"field": "views", "where": {..}, "as": "x"}}
**
** A figure goes under the name of its relationship or its "as"; two of one
** function cannot have the same name.
*/
#include "../orm_int.h"

/* ------------------------------------------------------------------------
** select, omit
*/

/* Set or clear the flag of each field that a list names. */
static void markFields(
  OrmParse *p, OrmModel *pModel, const OrmJson *pList, u8 *abField, u8 bValue
){
  const OrmJson *pName = pList;
  if( pList->eType==ORM_JSON_ARRAY ) pName = pList->pChild;
  for(; pName && p->pErr->rc==SQLITE_OK; pName=pName->pNext){
    int i;
    if( pName->eType!=ORM_JSON_STRING ){
      ormJsonErr(p->pErr, pName, "%s is wanted, not %s",
          pName==pList ? "an array of fields" : "the name of a field",
          ormJsonTypeName(pName));
      return;
    }
    i = ormParseField(p, pModel, pName, pName->z, pName->n);
    if( i>=0 ) abField[i] = bValue;
    if( pName==pList ) return;
  }
}

/* The fields that a query gives, by its select, its omit or neither: in column
** order, hidden ones never. */
void ormSelectParse(
  OrmParse *p, OrmQuery *pQuery, const OrmJson *pSelect, const OrmJson *pOmit
){
  OrmModel *pModel = pQuery->pModel;
  u8 *abField = ormArenaAlloc(p->pArena, pModel->nField + 1);
  int *aSelect = ormArenaAlloc(p->pArena,
                               (i64)sizeof(int)*(pModel->nField + 1));
  if( abField==0 || aSelect==0 ) return;
  for(int i=0; i<pModel->nField; i++){
    abField[i] = pSelect==0 && !pModel->aField[i].bHidden;
  }
  if( pSelect ) markFields(p, pModel, pSelect, abField, 1);
  if( pOmit ) markFields(p, pModel, pOmit, abField, 0);
  pQuery->nSelect = 0;
  for(int i=0; i<pModel->nField; i++){
    if( abField[i] ) aSelect[pQuery->nSelect++] = i;
  }
  pQuery->aSelect = aSelect;
  if( pSelect && pQuery->nSelect==0 && p->pErr->rc==SQLITE_OK ){
    ormJsonErr(p->pErr, pSelect, "no field is selected");
  }
}

/* ------------------------------------------------------------------------
** Figures
*/
static const char *const azFunc[] = { "_count", "_sum", "_avg", "_min",
                                      "_max" };

typedef struct CountParse CountParse;
struct CountParse {
  OrmParse *p;
  OrmQuery *pQuery;
  int eFunc;
};

/* A figure added, after those of the same function; 0 and an error if its name
** is taken. */
static OrmCount *countAdd(
  CountParse *pCount, const OrmJson *pNode, OrmRel *pRel, const char *zAs
){
  OrmQuery *pQuery = pCount->pQuery;
  OrmCount *pNew;
  for(int i=0; i<pQuery->nCount; i++){
    if( pQuery->aCount[i].eFunc==pCount->eFunc
     && strcmp(pQuery->aCount[i].zAs, zAs)==0 ){
      ormJsonErr(pCount->p->pErr, pNode, "%s has two figures named %s: give"
                 " one another name by \"as\"", azFunc[pCount->eFunc], zAs);
      return 0;
    }
  }
  pNew = ormArenaGrow(pCount->p->pArena, (void**)&pQuery->aCount,
                      pQuery->nCount, &pQuery->nCountAlloc, sizeof(*pNew));
  if( pNew==0 ) return 0;
  memset(pNew, 0, sizeof(*pNew));
  pNew->eFunc = (u8)pCount->eFunc;
  pNew->zAs = zAs;
  pNew->pRel = pRel;
  pNew->iField = -1;
  pNew->eDeleted = pQuery->eDeleted==ORM_DELETED_HIDE ? ORM_DELETED_HIDE
                                                      : ORM_DELETED_ALSO;
  pQuery->nCount++;
  return pNew;
}

static OrmRel *countRel(
  CountParse *pCount, const OrmJson *pNode, const char *z, i64 n
){
  OrmRel *pRel = ormParseRel(pCount->p, pCount->pQuery->pModel, pNode, z, n);
  if( pRel && !pRel->bMany ){
    ormJsonErr(pCount->p->pErr, pNode, "%s is about a to-many relationship,"
               " %s is to-one", azFunc[pCount->eFunc], pRel->zName);
    return 0;
  }
  if( !ormQueryDepth(pCount->p, pCount->pQuery, 1, pNode) ) return 0;
  return pRel;
}

/* "posts", or for the others "posts.views". */
static void countText(CountParse *pCount, const OrmJson *pNode){
  const char *z = pNode->z;
  i64 nRel = pNode->n;
  OrmRel *pRel;
  OrmCount *pNew;
  int iField = -1;
  if( pCount->eFunc!=ORM_COUNT ){
    nRel = ormParseStep(pCount->p, pCount->pQuery->pModel, z, nRel);
    if( nRel==pNode->n ){
      ormJsonErr(pCount->p->pErr, pNode, "%s needs a relationship and a field,"
                 " as posts.views", azFunc[pCount->eFunc]);
      return;
    }
  }
  pRel = countRel(pCount, pNode, z, nRel);
  if( pRel && pCount->eFunc!=ORM_COUNT ){
    iField = ormParseField(pCount->p, pRel->pTarget, pNode, z + nRel + 1,
                           pNode->n - nRel - 1);
  }
  if( pCount->p->pErr->rc ) return;
  pNew = countAdd(pCount, pNode, pRel, pRel->zName);
  if( pNew ) pNew->iField = iField;
}

static const char *const azCountPart[] = { "as", "where", 0 };
static const char *const azFieldPart[] = { "as", "where", "field", 0 };

/* Only known members, each of its type; 0 and an error if not. */
static int countMembers(CountParse *pCount, const OrmJson *pNode){
  OrmErr *pErr = pCount->p->pErr;
  const char *const *azPart = pCount->eFunc==ORM_COUNT ? azCountPart
                                                       : azFieldPart;
  for(const OrmJson *p=pNode->pChild; p; p=p->pNext){
    int bField = ormJsonIs(p, "field") && pCount->eFunc!=ORM_COUNT;
    int bAs = ormJsonIs(p, "as");
    if( !bField && !bAs && !ormJsonIs(p, "where") ){
      const char *z = ormNearest(p->zKey, p->nKey, ormNameInArray, azPart);
      ormJsonErr(pErr, p, "no such part of %s%s%s%s", azFunc[pCount->eFunc],
          z ? " (did you mean " : "", z ? z : "", z ? "?)" : "");
    }else if( (bField || bAs) && p->eType!=ORM_JSON_STRING ){
      ormJsonErr(pErr, p, "a string is wanted, not %s", ormJsonTypeName(p));
    }else if( bAs && (p->n==0 || strlen(p->z)!=(size_t)p->n) ){
      ormJsonErr(pErr, p, "a name is wanted");
    }
  }
  return pErr->rc==SQLITE_OK;
}

/* {"where": .., "as": .., "field": ..} of a relationship. */
static void countObject(
  CountParse *pCount, const OrmJson *pNode, OrmRel *pRel
){
  OrmParse *p = pCount->p;
  const OrmJson *pAs = ormJsonMember(pNode, "as");
  const OrmJson *pWhere = ormJsonMember(pNode, "where");
  const OrmJson *pField = ormJsonMember(pNode, "field");
  const OrmCond *pCond = 0;
  OrmCount *pNew;
  int iField = -1, nDepth = 1;
  if( !countMembers(pCount, pNode) ) return;
  if( pCount->eFunc!=ORM_COUNT ){
    if( pField==0 ){
      ormJsonErr(p->pErr, pNode, "%s needs a field", azFunc[pCount->eFunc]);
      return;
    }
    iField = ormParseField(p, pRel->pTarget, pField, pField->z, pField->n);
  }
  for(OrmQuery *pUp=pCount->pQuery; pUp->pParent; pUp=pUp->pParent) nDepth++;
  if( pWhere ) pCond = ormCondParse(p, pRel->pTarget, pWhere, nDepth);
  if( p->pErr->rc ) return;
  pNew = countAdd(pCount, pNode, pRel, pAs ? pAs->z : pRel->zName);
  if( pNew==0 ) return;
  pNew->iField = iField;
  pNew->pWhere = pCond;
}

/* What a relationship's member says: true or false, the name of a field, an
** object, or an array of the last two. */
static void countValue(
  CountParse *pCount, const OrmJson *pNode, OrmRel *pRel, int bInArray
){
  OrmParse *p = pCount->p;
  int bCount = pCount->eFunc==ORM_COUNT;
  OrmCount *pNew;
  if( pNode->eType==ORM_JSON_OBJECT ){
    countObject(pCount, pNode, pRel);
  }else if( pNode->eType==ORM_JSON_ARRAY && !bInArray ){
    for(OrmJson *pSub=pNode->pChild; pSub && p->pErr->rc==SQLITE_OK;
        pSub=pSub->pNext){
      countValue(pCount, pSub, pRel, 1);
    }
  }else if( pNode->eType==ORM_JSON_STRING && !bCount ){
    int iField = ormParseField(p, pRel->pTarget, pNode, pNode->z, pNode->n);
    pNew = iField<0 ? 0 : countAdd(pCount, pNode, pRel, pRel->zName);
    if( pNew ) pNew->iField = iField;
  }else if( pNode->eType==ORM_JSON_TRUE && bCount ){
    countAdd(pCount, pNode, pRel, pRel->zName);
  }else if( pNode->eType!=ORM_JSON_FALSE || !bCount ){
    ormJsonErr(p->pErr, pNode, "%s or an object is wanted, not %s",
               bCount ? "true, false" : "a field", ormJsonTypeName(pNode));
  }
}

/* One of an array, or the part itself. */
static void countOne(CountParse *pCount, const OrmJson *pNode){
  OrmParse *p = pCount->p;
  if( pNode->eType==ORM_JSON_STRING ){
    countText(pCount, pNode);
  }else if( pNode->eType==ORM_JSON_OBJECT ){
    for(OrmJson *pSub=pNode->pChild; pSub && p->pErr->rc==SQLITE_OK;
        pSub=pSub->pNext){
      OrmRel *pRel = countRel(pCount, pSub, pSub->zKey, pSub->nKey);
      if( pRel ) countValue(pCount, pSub, pRel, 0);
    }
  }else{
    ormJsonErr(p->pErr, pNode, "a string, an array or an object is wanted,"
               " not %s", ormJsonTypeName(pNode));
  }
}

/* A _count, _sum, .. part into aCount. */
void ormCountParse(
  OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode, int eFunc
){
  CountParse count = { p, pQuery, eFunc };
  if( pNode->eType!=ORM_JSON_ARRAY ){
    countOne(&count, pNode);
    return;
  }
  for(OrmJson *pSub=pNode->pChild; pSub && p->pErr->rc==SQLITE_OK;
      pSub=pSub->pNext){
    countOne(&count, pSub);
  }
}
