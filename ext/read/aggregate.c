/*
** The document of orm_aggregate, checked: what is grouped by, what is computed
** for each group, which groups are wanted and in which order.
**
** Terms stand in the order of the output: the paths of group_by, then the
** aggregates as the document names them.  Groups come in a total order: what
** order_by says, then the paths of group_by.
*/
#include "aggregate.h"

static const char *const azFunc[] = { "", "count", "sum", "avg", "min", "max",
                                      0 };

static const char *funcName(const void *pArg, int i){
  ORM_UNUSED(pArg);
  return azFunc[i + 1];
}

/* " (did you mean x?)" in the arena, or "". */
static const char *hint(OrmParse *p, const char *zNear){
  const char *z = zNear==0 ? ""
                : ormArenaPrintf(p->pArena, " (did you mean %s?)", zNear);
  return z ? z : "";
}

/* --------------------------------------------------------------- paths --- */

static void pathHop(OrmParse *p, AggTerm *pTerm, OrmRel *pRel){
  OrmRel **ap = ormArenaAlloc(p->pArena,
                              (i64)sizeof(OrmRel*)*(pTerm->nHop + 1));
  if( ap==0 ) return;
  if( pTerm->nHop ){
    memcpy(ap, pTerm->apHop, sizeof(OrmRel*)*(size_t)pTerm->nHop);
  }
  ap[pTerm->nHop++] = pRel;
  pTerm->apHop = ap;
  pTerm->pModel = pRel->pTarget;
  if( pRel->bMany ) pTerm->nMany = pTerm->nHop;
}

/* "author.name", "posts", "posts.views": hops, then a field or (iField -1) the
** objects themselves.  Names may hold dots, so the whole rest comes first. */
static void pathParse(
  OrmParse *p, Aggregate *pAgg, AggTerm *pTerm, const OrmJson *pNode,
  const char *z, i64 n
){
  pTerm->pModel = pAgg->pModel;
  pTerm->iField = -1;
  while( p->pErr->rc==SQLITE_OK ){
    i64 nStep = n;
    OrmRel *pRel = 0;
    if( ormFieldFind(pTerm->pModel, z, n)<0 ){
      pRel = ormRelFind(p->pOrm, p->pErr, pTerm->pModel, z, n);
      if( pRel==0 ) nStep = ormParseStep(p, pTerm->pModel, z, n);
      if( nStep<n ) pRel = ormParseRel(p, pTerm->pModel, pNode, z, nStep);
    }
    if( pRel==0 ){
      pTerm->iField = ormParseField(p, pTerm->pModel, pNode, z, n);
      return;
    }
    pathHop(p, pTerm, pRel);
    ormParseDepth(p, pTerm->nHop, pNode);
    if( nStep==n ) return;
    n -= nStep + 1;
    z += nStep + 1;
  }
}

/* --------------------------------------------------------------- terms --- */

/* A fresh term at the end; its name must be new. */
static AggTerm *termNew(
  OrmParse *p, Aggregate *pAgg, const OrmJson *pNode, const char *zName, i64 n
){
  AggTerm *pTerm;
  if( memchr(zName, 0, (size_t)n) || n==0 ){
    ormJsonErr(p->pErr, pNode, "a name is needed");
  }
  for(int i=0; i<pAgg->nTerm; i++){
    if( strcmp(pAgg->aTerm[i].zName, zName)!=0 ) continue;
    ormJsonErr(p->pErr, pNode, "%s is there already", zName);
  }
  if( p->pErr->rc!=SQLITE_OK ) return 0;
  pTerm = ormArenaGrow(p->pArena, (void**)&pAgg->aTerm, pAgg->nTerm,
                       &pAgg->nTermAlloc, (int)sizeof(*pTerm));
  if( pTerm==0 ) return 0;
  memset(pTerm, 0, sizeof(*pTerm));
  pTerm->zName = zName;
  pTerm->pNode = pNode;
  pAgg->nTerm++;
  return pTerm;
}

static void groupOne(OrmParse *p, Aggregate *pAgg, const OrmJson *pNode){
  AggTerm *pTerm;
  if( pNode->eType!=ORM_JSON_STRING ){
    ormJsonErr(p->pErr, pNode, "the name of a field is needed, not %s",
               ormJsonTypeName(pNode));
    return;
  }
  pTerm = termNew(p, pAgg, pNode, pNode->z, pNode->n);
  if( pTerm==0 ) return;
  pathParse(p, pAgg, pTerm, pNode, pNode->z, pNode->n);
  if( p->pErr->rc!=SQLITE_OK ) return;
  if( pTerm->nMany ){
    ormJsonErr(p->pErr, pNode, "%s is to-many: groups are made by the fields "
               "of one object", pTerm->apHop[pTerm->nMany-1]->zName);
  }else if( pTerm->iField<0 ){
    ormJsonErr(p->pErr, pNode, "%s is an object: group by one of its fields, "
               "such as %s.%s", pNode->z, pNode->z,
               pTerm->pModel->aField[pTerm->pModel->aKey[0]].zName);
  }else{
    pTerm->eType = pTerm->pModel->aField[pTerm->iField].eType;
    pAgg->nGroup++;
  }
}

static void partGroup(OrmParse *p, Aggregate *pAgg, const OrmJson *pNode){
  if( pNode->eType!=ORM_JSON_ARRAY ){
    groupOne(p, pAgg, pNode);
    return;
  }
  for(const OrmJson *pItem=pNode->pChild; pItem && p->pErr->rc==SQLITE_OK;
      pItem=pItem->pNext){
    groupOne(p, pAgg, pItem);
  }
}

static const char *const azDistinct[] = { "distinct", 0 };

/* {"distinct": "path"}: the path's node. */
static const OrmJson *distinctPath(
  OrmParse *p, AggTerm *pTerm, const OrmJson *pNode
){
  const OrmJson *pPath = pNode->pChild;
  const char *const *az = azDistinct;
  if( pNode->nChild==1 && ormJsonIs(pPath, "distinct") ){
    pTerm->bDistinct = 1;
    if( pTerm->eFunc<=AGG_AVG ) return pPath;
    ormJsonErr(p->pErr, pPath, "distinct changes nothing in %s",
               azFunc[pTerm->eFunc]);
  }else if( pNode->nChild==1 ){
    ormJsonErr(p->pErr, pPath, "no such part of %s%s", azFunc[pTerm->eFunc],
               hint(p, ormNearest(pPath->zKey, pPath->nKey, ormNameInArray,
                                  az)));
  }else{
    ormJsonErr(p->pErr, pNode, "{\"distinct\": ..} is needed");
  }
  return 0;
}

/* Can what the path leads to be aggregated so? */
static void termCheck(OrmParse *p, AggTerm *pTerm, const OrmJson *pNode){
  const OrmField *pField;
  if( pTerm->iField<0 ){
    if( pTerm->eFunc!=AGG_COUNT ){
      ormJsonErr(p->pErr, pNode, "%s needs a field, such as %s.%s",
                 azFunc[pTerm->eFunc], pNode->z,
                 pTerm->pModel->aField[pTerm->pModel->aKey[0]].zName);
    }else if( pTerm->bDistinct && pTerm->pModel->nKey>1 ){
      ormJsonErr(p->pErr, pNode, "%s has a composite key: count a field of it",
                 pTerm->pModel->zName);
    }
    return;
  }
  pField = &pTerm->pModel->aField[pTerm->iField];
  if( pTerm->eFunc==AGG_MIN || pTerm->eFunc==AGG_MAX ){
    pTerm->eType = pField->eType;
  }else if( pTerm->eFunc!=AGG_COUNT ){
    switch( pField->eType ){
      case ORM_TYPE_TEXT: case ORM_TYPE_BLOB: case ORM_TYPE_JSON:
      case ORM_TYPE_DATE: case ORM_TYPE_DATETIME:
        ormJsonErr(p->pErr, pNode, "%s is for numbers, %s is a %s field",
                   azFunc[pTerm->eFunc], pField->zName,
                   ormTypeName(pField->eType));
    }
  }
}

static int funcFind(OrmParse *p, const OrmJson *pNode){
  for(int i=AGG_COUNT; i<=AGG_MAX; i++){
    if( ormJsonIs(pNode, azFunc[i]) ) return i;
  }
  ormJsonErr(p->pErr, pNode, "no such aggregate%s",
             hint(p, ormNearest(pNode->zKey, pNode->nKey, funcName, 0)));
  return 0;
}

/* "name": {"count": "posts"} */
static void aggregateOne(OrmParse *p, Aggregate *pAgg, const OrmJson *pNode){
  const OrmJson *pPath = pNode->pChild;
  AggTerm *pTerm = termNew(p, pAgg, pNode, pNode->zKey, pNode->nKey);
  if( pTerm==0 ) return;
  if( pNode->eType!=ORM_JSON_OBJECT || pNode->nChild!=1 ){
    ormJsonErr(p->pErr, pNode, "one of count, sum, avg, min and max is needed, "
               "such as {\"count\": \"*\"}");
    return;
  }
  pTerm->eFunc = (u8)funcFind(p, pPath);
  pTerm->pModel = pAgg->pModel;
  pTerm->iField = -1;
  if( pTerm->eFunc && pPath->eType==ORM_JSON_OBJECT ){
    pPath = distinctPath(p, pTerm, pPath);
  }
  if( p->pErr->rc!=SQLITE_OK ) return;
  if( pPath->eType!=ORM_JSON_STRING ){
    ormJsonErr(p->pErr, pPath, "a field, a relationship or \"*\" is needed, "
               "not %s", ormJsonTypeName(pPath));
  }else if( strcmp(pPath->z, "*")!=0 ){
    pathParse(p, pAgg, pTerm, pPath, pPath->z, pPath->n);
    if( p->pErr->rc==SQLITE_OK ) termCheck(p, pTerm, pPath);
  }else if( pTerm->eFunc!=AGG_COUNT || pTerm->bDistinct ){
    ormJsonErr(p->pErr, pPath, "\"*\" is for count alone");
  }
}

static void partAggregate(OrmParse *p, Aggregate *pAgg, const OrmJson *pNode){
  if( pNode->eType!=ORM_JSON_OBJECT ){
    ormJsonErr(p->pErr, pNode, "an object of aggregates is needed, not %s",
               ormJsonTypeName(pNode));
    return;
  }
  for(const OrmJson *pItem=pNode->pChild; pItem && p->pErr->rc==SQLITE_OK;
      pItem=pItem->pNext){
    aggregateOne(p, pAgg, pItem);
  }
}

/* ------------------------------------------------------ names of terms --- */

static const char *termName(const void *pArg, int i){
  const Aggregate *pAgg = (const Aggregate*)pArg;
  return i<pAgg->nTerm ? pAgg->aTerm[i].zName : 0;
}

static int isTerm(const Aggregate *pAgg, const char *z, i64 n){
  int i = 0;
  while( i<pAgg->nTerm && !ormNameIs(pAgg->aTerm[i].zName, z, n) ) i++;
  return i<pAgg->nTerm;
}

static AggTerm *termFind(
  OrmParse *p, Aggregate *pAgg, const OrmJson *pNode, const char *z, i64 n
){
  for(int i=0; i<pAgg->nTerm; i++){
    AggTerm *pTerm = &pAgg->aTerm[i];
    if( ormNameIs(pTerm->zName, z, n) ) return pTerm;
  }
  ormJsonErr(p->pErr, pNode, "no such aggregate or group %.*s%s", (int)n, z,
             hint(p, ormNearest(z, n, termName, pAgg)));
  return 0;
}

static int havingName(
  OrmParse *p, void *pArg, const OrmJson *pNode, OrmLeft *pLeft
){
  AggTerm *pTerm = termFind(p, (Aggregate*)pArg, pNode, pNode->zKey,
                            pNode->nKey);
  if( pTerm==0 ) return 0;
  pLeft->pzSql = &pTerm->zSql;
  pLeft->bCount = pTerm->eFunc==AGG_COUNT;
  if( pTerm->eType!=ORM_TYPE_ANY && pTerm->eType!=ORM_TYPE_JSON ){
    pLeft->pField = &pTerm->pModel->aField[pTerm->iField];
  }
  return 1;
}

static void partHaving(OrmParse *p, Aggregate *pAgg, const OrmJson *pNode){
  pAgg->pHaving = ormCondNamed(p, havingName, pAgg, pNode);
}

/* --------------------------------------------------------------- order --- */

static void orderAdd(Aggregate *pAgg, int iTerm, int bDesc, int bNullsLast){
  AggOrder *pOrder = &pAgg->aOrder[pAgg->nOrder];
  for(int i=0; i<pAgg->nOrder; i++){
    if( pAgg->aOrder[i].iTerm==iTerm ) return;
  }
  pOrder->iTerm = iTerm;
  pOrder->bDesc = (u8)bDesc;
  pOrder->bNullsLast = (u8)bNullsLast;
  pAgg->nOrder++;
}

static void orderText(OrmParse *p, Aggregate *pAgg, const OrmJson *pNode){
  int bDesc = pNode->z[0]=='-' && !isTerm(pAgg, pNode->z, pNode->n);
  AggTerm *pTerm = termFind(p, pAgg, pNode, pNode->z + bDesc,
                            pNode->n - bDesc);
  if( pTerm ) orderAdd(pAgg, (int)(pTerm - pAgg->aTerm), bDesc, bDesc);
}

static const char *const azOrder[] = { "field", "desc", "nulls", 0 };

/* {"field": "posts", "desc": true, "nulls": "last"} */
static void orderObject(OrmParse *p, Aggregate *pAgg, const OrmJson *pNode){
  const OrmJson *pField = ormJsonMember(pNode, "field");
  const char *const *az = azOrder;
  AggTerm *pTerm;
  int bDesc = 0, eNulls = -1;
  for(const OrmJson *pItem=pNode->pChild; pItem; pItem=pItem->pNext){
    int bText = pItem->eType==ORM_JSON_STRING;
    if( pItem==pField ) continue;
    if( ormJsonIs(pItem, "desc") && pItem->eType<=ORM_JSON_TRUE
     && pItem->eType!=ORM_JSON_NULL ){
      bDesc = pItem->eType==ORM_JSON_TRUE;
    }else if( ormJsonIs(pItem, "nulls") && bText
           && (strcmp(pItem->z, "first")==0 || strcmp(pItem->z, "last")==0) ){
      eNulls = pItem->z[0]=='l';
    }else if( ormJsonIs(pItem, "desc") || ormJsonIs(pItem, "nulls") ){
      ormJsonErr(p->pErr, pItem, pItem->zKey[0]=='d' ? "true or false is needed"
                 : "\"first\" or \"last\" is needed");
    }else{
      ormJsonErr(p->pErr, pItem, "no such part of an order%s",
          hint(p, ormNearest(pItem->zKey, pItem->nKey, ormNameInArray, az)));
    }
  }
  if( pField==0 || pField->eType!=ORM_JSON_STRING ){
    ormJsonErr(p->pErr, pNode, "an order needs \"field\", a name");
  }
  if( p->pErr->rc!=SQLITE_OK ) return;
  pTerm = termFind(p, pAgg, pField, pField->z, pField->n);
  if( pTerm==0 ) return;
  orderAdd(pAgg, (int)(pTerm - pAgg->aTerm), bDesc,
           eNulls<0 ? bDesc : eNulls);
}

static void orderOne(OrmParse *p, Aggregate *pAgg, const OrmJson *pNode){
  if( pNode->eType==ORM_JSON_STRING ) orderText(p, pAgg, pNode);
  else if( pNode->eType==ORM_JSON_OBJECT ) orderObject(p, pAgg, pNode);
  else ormJsonErr(p->pErr, pNode, "a name or an object is needed, not %s",
                  ormJsonTypeName(pNode));
}

/* What is asked for (pNode or 0), then what is grouped by. */
static void orderParse(OrmParse *p, Aggregate *pAgg, const OrmJson *pNode){
  pAgg->aOrder = ormArenaAlloc(p->pArena,
                               (pAgg->nTerm + 1)*(i64)sizeof(AggOrder));
  if( pAgg->aOrder==0 ) return;
  if( pNode && pNode->eType!=ORM_JSON_ARRAY ){
    orderOne(p, pAgg, pNode);
  }else if( pNode ){
    for(const OrmJson *pItem=pNode->pChild; pItem && p->pErr->rc==SQLITE_OK;
        pItem=pItem->pNext){
      orderOne(p, pAgg, pItem);
    }
  }
  for(int i=0; i<pAgg->nGroup; i++) orderAdd(pAgg, i, 0, 0);
}

/* ------------------------------------------------------------ document --- */

static void partWhere(OrmParse *p, Aggregate *pAgg, const OrmJson *pNode){
  pAgg->pWhere = ormCondParse(p, pAgg->pModel, pNode, 0);
}

static void partDeleted(OrmParse *p, Aggregate *pAgg, const OrmJson *pNode){
  if( pNode->eType==ORM_JSON_STRING && strcmp(pNode->z, "only")==0 ){
    pAgg->eDeleted = ORM_DELETED_ONLY;
    if( pAgg->pModel->iSoftDelete<0 ){
      ormJsonErr(p->pErr, pNode, "%s has no soft_delete field",
                 pAgg->pModel->zName);
    }
  }else if( pNode->eType==ORM_JSON_TRUE ){
    pAgg->eDeleted = ORM_DELETED_ALSO;
  }else if( pNode->eType!=ORM_JSON_FALSE ){
    ormJsonErr(p->pErr, pNode, "true, false or \"only\" is needed");
  }
}

static i64 wholeNumber(OrmParse *p, const OrmJson *pNode){
  if( pNode->eType==ORM_JSON_INTEGER && pNode->u.i>=0 ) return pNode->u.i;
  ormJsonErr(p->pErr, pNode, "a whole number from 0 is needed");
  return 0;
}

static void partLimit(OrmParse *p, Aggregate *pAgg, const OrmJson *pNode){
  i64 iMax = p->pOrm->aConfig[ORM_CONFIG_MAX_LIMIT];
  pAgg->iLimit = wholeNumber(p, pNode);
  if( iMax>0 && pAgg->iLimit>iMax ){
    ormJsonErr(p->pErr, pNode, "%lld is above max_limit, %lld", pAgg->iLimit,
               iMax);
  }
}

static void partOffset(OrmParse *p, Aggregate *pAgg, const OrmJson *pNode){
  pAgg->iOffset = wholeNumber(p, pNode);
}

/* In the order in which they are taken, whatever the document's. */
static const struct AggregatePart {
  const char *zName;
  void (*xParse)(OrmParse*, Aggregate*, const OrmJson*);
} aPart[] = {
  { "deleted",   partDeleted },
  { "group_by",  partGroup },
  { "aggregate", partAggregate },
  { "where",     partWhere },
  { "having",    partHaving },
  { "order_by",  orderParse },
  { "limit",     partLimit },
  { "offset",    partOffset },
};

static const char *partName(const void *pArg, int i){
  ORM_UNUSED(pArg);
  return i<ORM_COUNT(aPart) ? aPart[i].zName : 0;
}

static void checkParts(OrmParse *p, const OrmJson *pDoc){
  for(const OrmJson *pItem=pDoc->pChild; pItem; pItem=pItem->pNext){
    int i = 0;
    while( i<ORM_COUNT(aPart) && !ormJsonIs(pItem, aPart[i].zName) ) i++;
    if( i==ORM_COUNT(aPart) ){
      ormJsonErr(p->pErr, pItem, "no such part of an aggregate query%s",
                 hint(p, ormNearest(pItem->zKey, pItem->nKey, partName, 0)));
    }else if( ormJsonMember(pDoc, aPart[i].zName)!=pItem ){
      ormJsonErr(p->pErr, pItem, "%s is given twice", aPart[i].zName);
    }
  }
}

Aggregate *ormAggregateParse(
  OrmParse *p, OrmModel *pModel, const char *z, i64 n
){
  Aggregate *pAgg = ormArenaAlloc(p->pArena, (i64)sizeof(*pAgg));
  i64 iMax = p->pOrm->aConfig[ORM_CONFIG_MAX_LIMIT];
  OrmJson *pDoc = ormJsonParse(p->pArena, z, n, "query");
  if( pAgg==0 || pDoc==0 ) return 0;
  pAgg->pModel = pModel;
  pAgg->iLimit = iMax>0 ? iMax : -1;
  if( pDoc->eType!=ORM_JSON_OBJECT ){
    ormJsonErr(p->pErr, pDoc, "an object is needed, not %s",
               ormJsonTypeName(pDoc));
  }else{
    checkParts(p, pDoc);
  }
  for(int i=0; i<ORM_COUNT(aPart) && p->pErr->rc==SQLITE_OK; i++){
    const OrmJson *pNode = ormJsonMember(pDoc, aPart[i].zName);
    if( pNode ) aPart[i].xParse(p, pAgg, pNode);
    else if( aPart[i].xParse==orderParse ) orderParse(p, pAgg, 0);
  }
  if( pAgg->nTerm==0 ){
    ormJsonErr(p->pErr, pDoc, "group_by or aggregate is needed");
  }
  return p->pErr->rc==SQLITE_OK ? pAgg : 0;
}
