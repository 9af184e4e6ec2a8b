/*
** The include part of a query: which relationships to load, as a tree.
**
**     'posts.tags, posts.comments.author'    paths in a string
**     ["posts.tags", "author"]               strings in an array
**     {"posts": {"limit": 3}, "author": true}
**
** All forms may meet in one query, so a relationship that is there already is
** found, not added again.  A dot ends a step and "*" or "*3" makes it
** recursive, unless they are in a relationship's name: the longest counts.
*/
#include "../orm_int.h"

/* The include of pRel below pParent, made if it is not there; 0 and an error
** if it cannot be. */
static OrmQuery *includeGet(
  OrmParse *p, OrmQuery *pParent, OrmRel *pRel, const OrmJson *pNode
){
  OrmQuery **pp = &pParent->pInclude;
  for(; *pp; pp=&(*pp)->pNext) if( (*pp)->pRel==pRel ) return *pp;
  if( pParent->bRecursive && pParent->pRel==pRel ){
    ormJsonErr(p->pErr, pNode, "%s is recursive, it is included at every level",
               pRel->zName);
    return 0;
  }
  if( !ormQueryDepth(p, pParent, 1, pNode) ) return 0;
  *pp = ormQueryNew(p, pRel->pTarget, pParent, pRel);
  return *pp;
}

/* Make an include recursive: nDepth levels, 0 for all. */
void ormIncludeRecursive(
  OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode, i64 nDepth
){
  OrmRel *pRel = pQuery->pRel;
  if( pRel->pTarget!=pRel->pModel ){
    ormJsonErr(p->pErr, pNode, "%s leads from %s to %s, so it cannot be"
        " recursive", pRel->zName, pRel->pModel->zName, pRel->pTarget->zName);
    return;
  }
  for(OrmQuery *pSub=pQuery->pInclude; pSub; pSub=pSub->pNext){
    if( pSub->pRel!=pRel ) continue;
    ormJsonErr(p->pErr, pNode, "%s is included below itself, so it cannot be"
               " recursive", pRel->zName);
    return;
  }
  if( !ormQueryDepth(p, pQuery->pParent, nDepth, pNode) ) return;
  pQuery->bRecursive = 1;
  pQuery->nDepth = (int)nDepth;
}

/* ------------------------------------------------------------------------
** Paths
*/

/* "*3" again: the deeper one counts, all levels above any number. */
static void recurseMore(
  OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode, i64 nDepth
){
  if( pQuery->bRecursive
   && (pQuery->nDepth==0 || (nDepth>0 && nDepth<=pQuery->nDepth)) ) return;
  ormIncludeRecursive(p, pQuery, pNode, nDepth);
}

/* One step of a path: a relationship, perhaps with a star. */
static OrmQuery *includeStep(
  OrmParse *p, OrmQuery *pParent, const OrmJson *pNode, const char *z, i64 n
){
  OrmModel *pModel = pParent->pModel;
  OrmQuery *pQuery;
  i64 nDepth, nName = n;
  OrmRel *pRel = ormStepFind(p->pOrm, p->pErr, pModel, z, &nName, &nDepth);
  if( nName==0 ){
    ormJsonErr(p->pErr, pNode, "a relationship is missing in the path");
    return 0;
  }
  if( pRel==0 ) pRel = ormParseRel(p, pModel, pNode, z, nName);
  pQuery = pRel ? includeGet(p, pParent, pRel, pNode) : 0;
  if( pQuery==0 ) return 0;
  if( nDepth==ORM_STEP_NONE ){
    ormJsonErr(p->pErr, pNode, "%.*s: a depth is at least 1", (int)n, z);
  }else if( nDepth!=ORM_STEP_ONE ){
    recurseMore(p, pQuery, pNode, nDepth);
  }
  return p->pErr->rc ? 0 : pQuery;
}

/* A whole path: the include at its end, or 0 and an error. */
static OrmQuery *includePath(
  OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode, const char *z, i64 n
){
  while( pQuery ){
    i64 nStep;
    while( n>0 && z[0]==' ' ) z++, n--;
    nStep = ormStepLength(p->pOrm, p->pErr, pQuery->pModel, z, n);
    pQuery = includeStep(p, pQuery, pNode, z, nStep);
    if( nStep==n ) return pQuery;
    z += nStep + 1;
    n -= nStep + 1;
  }
  return 0;
}

static int isSpace(char c){
  return c==' ' || c=='\t' || c=='\n' || c=='\r';
}

/* Drop blanks at both ends. */
static void trim(const char **pz, i64 *pn){
  while( *pn>0 && isSpace((*pz)[0]) ) (*pz)++, (*pn)--;
  while( *pn>0 && isSpace((*pz)[*pn-1]) ) (*pn)--;
}

/* Paths between commas; nothing at all is no include. */
void ormIncludePaths(
  OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode, const char *z, i64 n
){
  trim(&z, &n);
  if( n==0 ) return;
  while( p->pErr->rc==SQLITE_OK ){
    const char *zComma = n ? memchr(z, ',', (size_t)n) : 0;
    const char *zPath = z;
    i64 nPath = zComma ? zComma - z : n;
    trim(&zPath, &nPath);
    includePath(p, pQuery, pNode, zPath, nPath);
    if( zComma==0 ) return;
    n -= zComma + 1 - z;
    z = zComma + 1;
  }
}

/* ------------------------------------------------------------------------
** Objects and arrays
*/

/* One member: a path, and what to load there. */
static void includeMember(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  OrmQuery *pSub;
  int mParts = ORM_Q_WHERE | ORM_Q_SHAPE | ORM_Q_DEPTH;
  if( pNode->eType==ORM_JSON_FALSE ){
    ormParseRel(p, pQuery->pModel, pNode, pNode->zKey, pNode->nKey);
    return;
  }
  if( pNode->eType!=ORM_JSON_TRUE && pNode->eType!=ORM_JSON_OBJECT ){
    ormJsonErr(p->pErr, pNode, "true, false or an object is wanted, not %s",
               ormJsonTypeName(pNode));
    return;
  }
  pSub = includePath(p, pQuery, pNode, pNode->zKey, pNode->nKey);
  if( pSub==0 || pNode->eType==ORM_JSON_TRUE ) return;
  if( pSub->pNode ){
    ormJsonErr(p->pErr, pNode, "%s is included twice", pSub->pRel->zName);
    return;
  }
  if( pSub->pRel->bMany ) mParts |= ORM_Q_ORDER | ORM_Q_PAGE;
  ormQueryParts(p, pSub, pNode, mParts);
}

static void includeObject(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  for(OrmJson *pSub=pNode->pChild; pSub && p->pErr->rc==SQLITE_OK;
      pSub=pSub->pNext){
    includeMember(p, pQuery, pSub);
  }
}

/* A string or an object, as the include itself or in its array. */
static void includeOne(
  OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode, const char *zWanted
){
  if( pNode->eType==ORM_JSON_STRING ){
    ormIncludePaths(p, pQuery, pNode, pNode->z, pNode->n);
  }else if( pNode->eType==ORM_JSON_OBJECT ){
    includeObject(p, pQuery, pNode);
  }else{
    ormJsonErr(p->pErr, pNode, "%s is wanted, not %s", zWanted,
               ormJsonTypeName(pNode));
  }
}

void ormIncludeParse(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  if( pNode->eType!=ORM_JSON_ARRAY ){
    includeOne(p, pQuery, pNode, "a string, an array or an object");
    return;
  }
  for(OrmJson *pSub=pNode->pChild; pSub && p->pErr->rc==SQLITE_OK;
      pSub=pSub->pNext){
    includeOne(p, pQuery, pSub, "a string or an object");
  }
}
