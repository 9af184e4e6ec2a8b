/*
** What a document wrote, as the include of a query: what is given back is as
** deep as what was given.  No depth of a document makes a C function call
** itself.
*/
#include "unit.h"

typedef struct Include Include;
struct Include {
  Include *pUp, *pNext, *pChild;
  const OrmRel *pRel;
  int nDepth;
};
typedef struct Visit Visit;
struct Visit { const OrmJson *pNode; Include *pAt; };

static Include *includeChild(Unit *p, Include *pUp, const OrmRel *pRel){
  Include **pp = &pUp->pChild;
  while( *pp && (*pp)->pRel!=pRel ) pp = &(*pp)->pNext;
  if( *pp==0 ){
    *pp = ormArenaAlloc(p->pArena, sizeof(Include));
    if( *pp==0 ) return 0;
    (*pp)->pUp = pUp;
    (*pp)->pRel = pRel;
    (*pp)->nDepth = pUp->nDepth + 1;
  }
  return *pp;
}

/* Put the objects of a value, which may be inside arrays and $ words, behind
** the others to visit.  An object is words where a to-many value is one. */
static void visitAdd(
  Unit *p, Visit **pa, int *pn, int *pnAlloc, const OrmJson *pNode, Include *pAt
){
  const OrmJson *pAtNode = pNode;
  for(;;){
    int bWords = pAtNode==pNode && pAt->pRel->bMany;
    if( (pAtNode->eType==ORM_JSON_ARRAY || bWords) && pAtNode->pChild ){
      pAtNode = pAtNode->pChild;
      continue;
    }
    if( pAtNode->eType==ORM_JSON_OBJECT && !bWords ){
      Visit *pNew = ormArenaGrow(p->pArena, (void**)pa, *pn, pnAlloc,
                                 (int)sizeof(**pa));
      if( pNew==0 ) return;
      pNew->pNode = pAtNode;
      pNew->pAt = pAt;
      (*pn)++;
    }
    while( pAtNode!=pNode && pAtNode->pNext==0 ) pAtNode = pAtNode->pParent;
    if( pAtNode==pNode ) return;
    pAtNode = pAtNode->pNext;
  }
}

static void includeText(OrmBuf *pBuf, const Include *pRoot){
  const Include *pAt = pRoot->pChild;
  if( pAt==0 ) return;
  ormBufAdd(pBuf, "{\"include\":{", -1);
  for(;;){
    ormJsonString(pBuf, pAt->pRel->zName, (i64)strlen(pAt->pRel->zName));
    ormBufAdd(pBuf, ":{", 2);
    if( pAt->pChild ){
      ormBufAdd(pBuf, "\"include\":{", -1);
      pAt = pAt->pChild;
      continue;
    }
    ormBufChar(pBuf, '}');
    while( pAt!=pRoot && pAt->pNext==0 ){
      pAt = pAt->pUp;
      ormBufAdd(pBuf, "}}", 2);
    }
    if( pAt==pRoot ) return;
    ormBufChar(pBuf, ',');
    pAt = pAt->pNext;
  }
}

void ormWrittenInclude(
  Unit *p, OrmModel *pModel, const OrmJson *pNode, OrmBuf *pBuf
){
  Include root;
  Visit *a;
  int n = 1, nAlloc = 1;
  i64 nMax = p->pOrm->aConfig[ORM_CONFIG_MAX_DEPTH];
  memset(&root, 0, sizeof(root));
  a = ormArenaAlloc(p->pArena, sizeof(*a));
  if( a==0 ) return;
  a[0].pNode = pNode;
  a[0].pAt = &root;
  for(int i=0; i<n; i++){
    Visit at = a[i];
    OrmModel *pAt = at.pAt==&root ? pModel : at.pAt->pRel->pTarget;
    const OrmJson *pChild = at.pNode->pChild;
    for(; pChild; pChild=pChild->pNext){
      const OrmRel *pRel;
      Include *pInclude;
      if( pChild->eType<ORM_JSON_ARRAY && pChild->eType!=ORM_JSON_NULL
       && ormFieldFind(pAt, pChild->zKey, pChild->nKey)>=0 ) continue;
      pRel = ormRelFind(p->pOrm, p->pErr, pAt, pChild->zKey, pChild->nKey);
      if( pRel==0 || pRel->bViewonly ) continue;
      if( at.pAt->nDepth>=nMax ) continue;
      pInclude = includeChild(p, at.pAt, pRel);
      if( pInclude ) visitAdd(p, &a, &n, &nAlloc, pChild, pInclude);
    }
  }
  includeText(pBuf, &root);
}
