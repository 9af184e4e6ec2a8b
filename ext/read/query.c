/*
** A query document, checked: from JSON (or a string of include paths) to a
** tree of OrmQuery, one for the root and one for every include.
**
** What stands in the tree is right: names are resolved, values have their
** types, and the bounds max_depth, max_limit and max_conditions are kept.  An
** error names the place in the document and, for a name, the nearest one.
**
** The parts of an object are taken in the order of aPart, not in that of the
** document: what is below sees whether deleted objects count, and a cursor
** needs the order.  When all is read, queryFinish() gives each query what
** nobody asked for otherwise: its fields, its order.
*/
#include "../orm_int.h"

/* ------------------------------------------------------------------------
** Names
*/
void ormParseInit(OrmParse *p, Orm *pOrm, OrmArena *pArena, int mParts){
  memset(p, 0, sizeof(*p));
  p->pOrm = pOrm;
  p->pArena = pArena;
  p->pErr = pArena->pErr;
  p->mParts = mParts;
}

static void noSuch(
  OrmParse *p, const OrmModel *pModel, const OrmJson *pNode, const char *zWhat,
  const char *z, i64 n
){
  const char *zNear = ormModelNearest(pModel, z, n);
  ormJsonErr(p->pErr, pNode, "no such %s %.*s on %s%s%s%s", zWhat, (int)n, z,
             pModel->zName, zNear ? " (did you mean " : "", zNear ? zNear : "",
             zNear ? "?)" : "");
}

int ormParseDepth(OrmParse *p, i64 n, const OrmJson *pNode){
  i64 nMax = p->pOrm->aConfig[ORM_CONFIG_MAX_DEPTH];
  if( n<=nMax ) return 1;
  ormJsonErr(p->pErr, pNode, "%lld relationships deep, max_depth is %lld", n,
             nMax);
  return 0;
}

int ormQueryDepth(
  OrmParse *p, const OrmQuery *pQuery, i64 nMore, const OrmJson *pNode
){
  i64 n = nMore;
  for(; pQuery->pParent; pQuery=pQuery->pParent) n++;
  return ormParseDepth(p, n, pNode);
}

OrmRel *ormParseRel(
  OrmParse *p, OrmModel *pModel, const OrmJson *pNode, const char *z, i64 n
){
  OrmRel *pRel;
  int iField;
  if( p->pErr->rc ) return 0;
  pRel = ormRelFind(p->pOrm, p->pErr, pModel, z, n);
  if( pRel || p->pErr->rc ) return pRel;
  iField = ormFieldFind(pModel, z, n);
  if( iField>=0 && !pModel->aField[iField].bHidden ){
    ormJsonErr(p->pErr, pNode, "%.*s is a field of %s, not a relationship",
               (int)n, z, pModel->zName);
  }else{
    noSuch(p, pModel, pNode, "relationship", z, n);
  }
  return 0;
}

i64 ormParseStep(OrmParse *p, OrmModel *pModel, const char *z, i64 n){
  i64 i = n;
  while( i>0 && z[i-1]!='.' ) i--;
  return i ? ormStepLength(p->pOrm, p->pErr, pModel, z, i - 1) : n;
}

int ormParseField(
  OrmParse *p, OrmModel *pModel, const OrmJson *pNode, const char *z, i64 n
){
  OrmRel *pRel;
  int i;
  if( p->pErr->rc ) return -1;
  i = ormFieldFind(pModel, z, n);
  if( i>=0 && !pModel->aField[i].bHidden ) return i;
  if( i>=0 ){
    ormJsonErr(p->pErr, pNode, "the field %.*s of %s is hidden", (int)n, z,
               pModel->zName);
    return -1;
  }
  pRel = ormRelFind(p->pOrm, p->pErr, pModel, z, n);
  if( p->pErr->rc ) return -1;
  if( pRel ){
    ormJsonErr(p->pErr, pNode, "%.*s is a relationship of %s, not a field",
               (int)n, z, pModel->zName);
  }else{
    noSuch(p, pModel, pNode, "field", z, n);
  }
  return -1;
}

/* ------------------------------------------------------------------------
** Single parts
*/
static void wrongType(OrmParse *p, const OrmJson *pNode, const char *zWanted){
  if( pNode->eType==ORM_JSON_INTEGER || pNode->eType==ORM_JSON_REAL ){
    ormJsonErr(p->pErr, pNode, "%s is wanted, not %.*s", zWanted,
               (int)pNode->nRaw, pNode->zRaw);
  }else{
    ormJsonErr(p->pErr, pNode, "%s is wanted, not %s", zWanted,
               ormJsonTypeName(pNode));
  }
}

static void partDeleted(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  if( pNode->eType==ORM_JSON_TRUE ){
    pQuery->eDeleted = ORM_DELETED_ALSO;
  }else if( pNode->eType==ORM_JSON_STRING && strcmp(pNode->z, "only")==0 ){
    pQuery->eDeleted = ORM_DELETED_ONLY;
    if( pQuery->pModel->iSoftDelete<0 ){
      ormJsonErr(p->pErr, pNode, "%s has no soft_delete field",
                 pQuery->pModel->zName);
    }
  }else if( pNode->eType!=ORM_JSON_FALSE ){
    wrongType(p, pNode, "true, false or \"only\"");
  }
}

/* Relationships between the root and a query. */
static int queryDepth(const OrmQuery *p){
  int n = 0;
  while( (p = p->pParent)!=0 ) n++;
  return n;
}

static void partWhere(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  pQuery->pWhere = ormCondParse(p, pQuery->pModel, pNode, queryDepth(pQuery));
}

static void partOrder(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  ormOrderParse(p, pQuery, pNode);
}

static void partLimit(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  i64 iMax = p->pOrm->aConfig[ORM_CONFIG_MAX_LIMIT];
  if( pNode->eType!=ORM_JSON_INTEGER || pNode->u.i<0 ){
    wrongType(p, pNode, "a whole number from 0");
  }else if( iMax>0 && pNode->u.i>iMax ){
    ormJsonErr(p->pErr, pNode, "%lld is above max_limit, %lld", pNode->u.i,
               iMax);
  }else{
    pQuery->iLimit = pNode->u.i;
  }
}

static void partOffset(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  if( pNode->eType!=ORM_JSON_INTEGER || pNode->u.i<0 ){
    wrongType(p, pNode, "a whole number from 0");
  }else{
    pQuery->iOffset = pNode->u.i;
  }
}

/* A cursor; null is none, since a page without objects has no cursor. */
static const OrmCursor *cursorPart(
  OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode
){
  if( pNode->eType==ORM_JSON_NULL ) return 0;
  if( pQuery->nOrder==0 ) ormOrderParse(p, pQuery, 0);
  return p->pErr->rc ? 0 : ormCursorParse(p, pQuery, pNode);
}

static void partAfter(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  pQuery->pAfter = cursorPart(p, pQuery, pNode);
}

static void partBefore(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  pQuery->pBefore = cursorPart(p, pQuery, pNode);
}

static int isTrue(OrmParse *p, const OrmJson *pNode){
  if( pNode->eType!=ORM_JSON_TRUE && pNode->eType!=ORM_JSON_FALSE ){
    wrongType(p, pNode, "true or false");
  }
  return pNode->eType==ORM_JSON_TRUE;
}

static void partTotal(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  pQuery->bTotal = (u8)isTrue(p, pNode);
}

static void partRecursive(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  if( isTrue(p, pNode) ) ormIncludeRecursive(p, pQuery, pNode, pQuery->nDepth);
}

static void partDepth(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  if( !pQuery->bRecursive ){
    ormJsonErr(p->pErr, pNode, "depth goes with \"recursive\": true");
  }else if( pNode->eType!=ORM_JSON_INTEGER || pNode->u.i<1 ){
    wrongType(p, pNode, "a whole number from 1");
  }else{
    ormIncludeRecursive(p, pQuery, pNode, pNode->u.i);
  }
}

static void partSelect(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  const OrmJson *pOmit = ormJsonMember(pNode->pParent, "omit");
  if( pOmit ){
    ormJsonErr(p->pErr, pOmit, "omit does not go with select");
    return;
  }
  ormSelectParse(p, pQuery, pNode, 0);
}

static void partOmit(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  ormSelectParse(p, pQuery, 0, pNode);
}

static void partCount(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  ormCountParse(p, pQuery, pNode, ORM_COUNT);
}

static void partSum(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  ormCountParse(p, pQuery, pNode, ORM_SUM);
}

static void partAvg(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  ormCountParse(p, pQuery, pNode, ORM_AVG);
}

static void partMin(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  ormCountParse(p, pQuery, pNode, ORM_MIN);
}

static void partMax(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  ormCountParse(p, pQuery, pNode, ORM_MAX);
}

/* ------------------------------------------------------------------------
** The parts of an object
*/
static const struct QueryPart {
  const char *zName;
  int m;                        /* ORM_Q_*                                    */
  void (*xParse)(OrmParse*, OrmQuery*, const OrmJson*);
} aPart[] = {
  { "deleted",   ORM_Q_DELETED, partDeleted },
  { "where",     ORM_Q_WHERE,   partWhere },
  { "order_by",  ORM_Q_ORDER,   partOrder },
  { "limit",     ORM_Q_PAGE,    partLimit },
  { "offset",    ORM_Q_PAGE,    partOffset },
  { "after",     ORM_Q_PAGE,    partAfter },
  { "before",    ORM_Q_PAGE,    partBefore },
  { "total",     ORM_Q_TOTAL,   partTotal },
  { "recursive", ORM_Q_DEPTH,   partRecursive },
  { "depth",     ORM_Q_DEPTH,   partDepth },
  { "select",    ORM_Q_SHAPE,   partSelect },
  { "omit",      ORM_Q_SHAPE,   partOmit },
  { "include",   ORM_Q_SHAPE,   ormIncludeParse },
  { "_count",    ORM_Q_SHAPE,   partCount },
  { "_sum",      ORM_Q_SHAPE,   partSum },
  { "_avg",      ORM_Q_SHAPE,   partAvg },
  { "_min",      ORM_Q_SHAPE,   partMin },
  { "_max",      ORM_Q_SHAPE,   partMax },
};

/* Does a part mean something here?  A cursor is a place among all objects, not
** among those of each parent. */
static int partAllowed(const OrmQuery *pQuery, int i, int mParts){
  if( (aPart[i].m & mParts)==0 ) return 0;
  return pQuery->pParent==0
      || (aPart[i].xParse!=partAfter && aPart[i].xParse!=partBefore);
}

typedef struct PartNames PartNames;
struct PartNames { const OrmQuery *pQuery; int mParts; };

/* The i-th of the parts that are allowed. */
static const char *partNameAt(const void *pArg, int i){
  const PartNames *p = (const PartNames*)pArg;
  for(int j=0; j<ORM_COUNT(aPart); j++){
    if( partAllowed(p->pQuery, j, p->mParts) && i--==0 ) return aPart[j].zName;
  }
  return 0;
}

static int partFind(const OrmJson *pNode){
  for(int i=0; i<ORM_COUNT(aPart); i++){
    if( ormJsonIs(pNode, aPart[i].zName) ) return i;
  }
  return -1;
}

/* Why a part cannot stand where it stands. */
static void partErr(
  OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode, int mParts
){
  PartNames names;
  const char *zNear;
  if( partFind(pNode)>=0 ){
    ormJsonErr(p->pErr, pNode, "%s means nothing %s%s", pNode->zKey,
        pQuery->pRel ? "to an include of " : "here",
        pQuery->pRel ? pQuery->pRel->zName : "");
    return;
  }
  names.pQuery = pQuery;
  names.mParts = mParts;
  zNear = ormNearest(pNode->zKey, pNode->nKey, partNameAt, &names);
  ormJsonErr(p->pErr, pNode, "no such part of a query%s%s%s",
             zNear ? " (did you mean " : "", zNear ? zNear : "",
             zNear ? "?)" : "");
}

/* Read the parts of an object into pQuery. */
void ormQueryParts(
  OrmParse *p, OrmQuery *pQuery, const OrmJson *pObject, int mParts
){
  const OrmJson *apNode[ORM_COUNT(aPart)];
  memset(apNode, 0, sizeof(apNode));
  pQuery->pNode = pObject;
  for(const OrmJson *pNode=pObject->pChild; pNode; pNode=pNode->pNext){
    int i = partFind(pNode);
    if( i<0 || !partAllowed(pQuery, i, mParts) ){
      partErr(p, pQuery, pNode, mParts);
      return;
    }
    if( apNode[i] ){
      ormJsonErr(p->pErr, pNode, "%s is given twice", pNode->zKey);
      return;
    }
    apNode[i] = pNode;
  }
  for(int i=0; i<ORM_COUNT(aPart) && p->pErr->rc==SQLITE_OK; i++){
    if( apNode[i] ) aPart[i].xParse(p, pQuery, apNode[i]);
  }
}

/* ------------------------------------------------------------------------
** A whole query
*/

/* A query over pModel without anything asked; below pParent, it sees what the
** parent's objects see.  0 if out of memory. */
OrmQuery *ormQueryNew(
  OrmParse *p, OrmModel *pModel, OrmQuery *pParent, OrmRel *pRel
){
  OrmQuery *pNew = ormArenaAlloc(p->pArena, (i64)sizeof(*pNew));
  i64 iMax = p->pOrm->aConfig[ORM_CONFIG_MAX_LIMIT];
  if( pNew==0 ) return 0;
  pNew->pModel = pModel;
  pNew->pParent = pParent;
  pNew->pRel = pRel;
  pNew->iLimit = -1;
  /* One that must be the only one is looked for among all. */
  if( p->mParts & ORM_PLAN_ONLY ) iMax = pRel ? iMax : 0;
  if( iMax>0 && (pRel ? pRel->bMany : (p->mParts & ORM_Q_SHAPE)!=0
                                   && (p->mParts & ORM_Q_PAGE)!=0) ){
    pNew->iLimit = iMax;
  }
  if( pParent && pParent->eDeleted!=ORM_DELETED_HIDE ){
    pNew->eDeleted = ORM_DELETED_ALSO;
  }
  return pNew;
}

/* Fields and order where none were asked for, all the way down. */
static void queryFinish(OrmParse *p, OrmQuery *pQuery){
  if( pQuery->aSelect==0 ) ormSelectParse(p, pQuery, 0, 0);
  if( pQuery->nOrder==0 ) ormOrderParse(p, pQuery, 0);
  pQuery->bLast = pQuery->pBefore && !pQuery->pAfter && pQuery->iLimit>=0;
  for(OrmQuery *pSub=pQuery->pInclude; pSub && p->pErr->rc==SQLITE_OK;
      pSub=pSub->pNext){
    queryFinish(p, pSub);
  }
}

/* A text that is an object, or meant to be JSON. */
static int looksJson(const char *z, i64 n){
  while( n>0 && (*z==' ' || *z=='\t' || *z=='\n' || *z=='\r') ) z++, n--;
  return n>0 && (*z=='{' || *z=='[' || *z=='"');
}

static void parseText(OrmParse *p, OrmQuery *pQuery, const char *z, i64 n){
  OrmJson *pDoc;
  char *zCopy = ormArenaText(p->pArena, z, n);
  if( zCopy==0 ) return;
  if( looksJson(zCopy, n) ){
    pDoc = ormJsonParse(p->pArena, zCopy, n, "query");
    if( pDoc==0 ) return;
    if( pDoc->eType==ORM_JSON_OBJECT ){
      ormQueryParts(p, pQuery, pDoc, p->mParts);
    }else{
      wrongType(p, pDoc, "an object or include paths as plain text");
    }
    return;
  }
  pDoc = ormJsonPlain(p->pArena, zCopy, n);
  if( pDoc==0 ) return;
  if( (p->mParts & ORM_Q_SHAPE)==0 ){
    ormJsonErr(p->pErr, pDoc, "an include means nothing here");
  }else{
    ormIncludePaths(p, pQuery, pDoc, pDoc->z, pDoc->n);
  }
}

OrmQuery *ormQueryParse(
  Orm *pOrm, OrmArena *pArena, OrmModel *pModel, const char *z, i64 n,
  int mParts
){
  OrmParse parse;
  OrmQuery *pQuery;
  ormParseInit(&parse, pOrm, pArena, mParts);
  pQuery = ormQueryNew(&parse, pModel, 0, 0);
  if( pQuery==0 ) return 0;
  if( z ) parseText(&parse, pQuery, z, n);
  if( parse.pErr->rc==SQLITE_OK ) queryFinish(&parse, pQuery);
  pQuery->bMore = (mParts & ORM_Q_TOTAL) && pQuery->iLimit>=0
               && pQuery->iLimit<INT64_MAX;
  return parse.pErr->rc ? 0 : pQuery;
}
