/*
** A where, checked into a tree of conditions.
**
** The condition that is always true is 0; what can be known without looking at
** a row is folded away: {} and [] are all, or [] is none, not of all is none.
** So no list is empty and no condition stands for nothing.
*/
#include "cond.h"

typedef struct CondList CondList;
struct CondList {               /* conditions being collected                 */
  OrmCond *pFirst, **ppNext;
  int n;
};

static OrmCond *parseObject(OrmParse*, OrmModel*, const OrmJson*, int nDepth);

static OrmCond *condNew(OrmParse *p, int eKind){
  OrmCond *pCond = ormArenaAlloc(p->pArena, (i64)sizeof(*pCond));
  if( pCond ) pCond->eKind = (u8)eKind;
  return pCond;
}

static void listInit(CondList *pList){
  pList->pFirst = 0;
  pList->ppNext = &pList->pFirst;
  pList->n = 0;
}

static void listAdd(CondList *pList, OrmCond *pCond){
  *pList->ppNext = pCond;
  pList->ppNext = &pCond->pNext;
  pList->n++;
}

/* One condition of a list: and, or. */
static OrmCond *listClose(OrmParse *p, CondList *pList, int eKind){
  OrmCond *pCond;
  if( pList->n<2 ) return pList->pFirst;
  pCond = condNew(p, eKind);
  if( pCond ) pCond->pFirst = pList->pFirst;
  return pCond;
}

/* Add to a list that all must hold; lists within are taken apart. */
static void listAnd(CondList *pList, OrmCond *pCond){
  if( pCond==0 ) return;
  if( pCond->eKind!=ORM_COND_AND ){
    listAdd(pList, pCond);
    return;
  }
  for(OrmCond *pItem=pCond->pFirst, *pNext; pItem; pItem=pNext){
    pNext = pItem->pNext;
    listAdd(pList, pItem);
  }
}

static OrmCond *condNot(OrmParse *p, OrmCond *pCond){
  OrmCond *pNot;
  if( pCond==0 ) return condNew(p, ORM_COND_NEVER);
  if( pCond->eKind==ORM_COND_NEVER ) return 0;
  pNot = condNew(p, ORM_COND_NOT);
  if( pNot ) pNot->pFirst = pCond;
  return pNot;
}

/* ----------------------------------------------------- and, or and not --- */

static OrmCond *parseOr(
  OrmParse *p, OrmModel *pModel, const OrmJson *pNode, int nDepth
){
  CondList list;
  int bAll = 0;
  listInit(&list);
  for(const OrmJson *pItem=pNode->pChild; pItem; pItem=pItem->pNext){
    OrmCond *pCond = parseObject(p, pModel, pItem, nDepth);
    if( p->pErr->rc!=SQLITE_OK ) return 0;
    if( pCond==0 ) bAll = 1;
    else if( pCond->eKind!=ORM_COND_NEVER ) listAdd(&list, pCond);
  }
  if( bAll ) return 0;
  if( list.n==0 ) return condNew(p, ORM_COND_NEVER);
  return listClose(p, &list, ORM_COND_OR);
}

/* Every element of an array must hold, or (bNot) none may. */
static OrmCond *parseAnd(
  OrmParse *p, OrmModel *pModel, const OrmJson *pNode, int nDepth, int bNot
){
  CondList list;
  listInit(&list);
  for(const OrmJson *pItem=pNode->pChild; pItem; pItem=pItem->pNext){
    OrmCond *pCond = parseObject(p, pModel, pItem, nDepth);
    if( p->pErr->rc==SQLITE_OK && bNot ) pCond = condNot(p, pCond);
    if( p->pErr->rc!=SQLITE_OK ) return 0;
    listAnd(&list, pCond);
  }
  return listClose(p, &list, ORM_COND_AND);
}

enum { WORD_NONE, WORD_AND, WORD_OR, WORD_NOT, WORD_COUNT };
static int logicWord(const OrmJson *pNode){
  static const char *azWord[] = { 0, "and", "or", "not", "_count" };
  for(int i=1; i<ORM_COUNT(azWord); i++){
    if( ormJsonIs(pNode, azWord[i]) ) return i;
  }
  return WORD_NONE;
}

/* and, or, not: of an array of conditions, or of one. */
static OrmCond *parseLogic(
  OrmParse *p, OrmModel *pModel, const OrmJson *pNode, int nDepth, int eWord
){
  if( pNode->eType==ORM_JSON_ARRAY ){
    if( eWord==WORD_OR ) return parseOr(p, pModel, pNode, nDepth);
    return parseAnd(p, pModel, pNode, nDepth, eWord==WORD_NOT);
  }
  if( pNode->eType==ORM_JSON_OBJECT ){
    OrmCond *pCond = parseObject(p, pModel, pNode, nDepth);
    if( eWord==WORD_NOT && p->pErr->rc==SQLITE_OK ) return condNot(p, pCond);
    return pCond;
  }
  ormJsonErr(p->pErr, pNode, "conditions are needed, not %s",
             ormJsonTypeName(pNode));
  return 0;
}

/* -------------------------------------------------------------- fields --- */

/* The tests of a name's value, all of which must hold. */
static OrmCond *parseTests(
  OrmParse *p, const OrmLeft *pLeft, const OrmJson *pNode, int eKind,
  OrmRel *pRel
){
  CondList list;
  listInit(&list);
  for(OrmTest *pTest=ormTestParse(p, pLeft, pNode); pTest; pTest=pTest->pNext){
    OrmCond *pCond;
    if( pTest->nArg==0 && pTest->eOper==ORM_OP_NOT_IN ) continue;
    if( pTest->nArg==0 && pTest->eOper==ORM_OP_IN ) eKind = ORM_COND_NEVER;
    pCond = condNew(p, eKind);
    if( pCond==0 || eKind==ORM_COND_NEVER ) return pCond;
    pCond->left = *pLeft;
    pCond->pTest = pTest;
    pCond->pRel = pRel;
    listAdd(&list, pCond);
  }
  return listClose(p, &list, ORM_COND_AND);
}

static OrmCond *parseField(
  OrmParse *p, OrmModel *pModel, const OrmJson *pNode, i64 nName,
  const char *zPath
){
  int iField = ormParseField(p, pModel, pNode, pNode->zKey, nName);
  OrmLeft left = {0};
  if( iField<0 ) return 0;
  left.pModel = pModel;
  left.pField = &pModel->aField[iField];
  left.zPath = zPath;
  if( zPath && left.pField->eType!=ORM_TYPE_JSON ){
    ormJsonErr(p->pErr, pNode, "%s is no json field, a path leads nowhere",
               left.pField->zName);
    return 0;
  }
  return parseTests(p, &left, pNode, ORM_COND_TEST, 0);
}

/* SQLite's path for z[n], "address.city" or "tags[0].name"; 0 if it is none. */
static const char *jsonPath(OrmArena *pArena, const char *z, i64 n){
  OrmBuf buf;
  const char *zPath = 0;
  i64 i = 0;
  ormBufInit(&buf, pArena->pErr);
  ormBufChar(&buf, '$');
  while( i<n ){
    i64 iStart = i;
    while( i<n && z[i]!='.' && z[i]!='[' && z[i]!='"' && z[i]!=0 ) i++;
    if( i==iStart ) break;
    ormBufAdd(&buf, ".\"", 2);
    ormBufAdd(&buf, z + iStart, i - iStart);
    ormBufChar(&buf, '"');
    while( i<n && z[i]=='[' ){
      iStart = i++;
      while( i<n && z[i]>='0' && z[i]<='9' ) i++;
      if( i==iStart+1 || i>=n || z[i]!=']' ) goto done;
      ormBufAdd(&buf, z + iStart, ++i - iStart);
    }
    if( i<n && (z[i]!='.' || ++i==n) ) break;
    if( i==n ) zPath = ormArenaText(pArena, ormBufText(&buf), buf.n);
  }
done:
  ormBufFree(&buf);
  return zPath;
}

/* "data.address.city": the longest start that is a field, then a path into it;
** 0 without an error if no start is a field. */
static OrmCond *parsePath(OrmParse *p, OrmModel *pModel, const OrmJson *pNode){
  for(i64 n=pNode->nKey-1; n>0; n--){
    const char *zPath;
    if( pNode->zKey[n]!='.' ) continue;
    if( ormFieldFind(pModel, pNode->zKey, n)<0 ) continue;
    zPath = jsonPath(p->pArena, pNode->zKey + n + 1, pNode->nKey - n - 1);
    if( zPath ) return parseField(p, pModel, pNode, n, zPath);
    ormJsonErr(p->pErr, pNode, "malformed path into %.*s", (int)n, pNode->zKey);
    return 0;
  }
  return 0;
}

/* ------------------------------------------------------- relationships --- */

static OrmCond *condRel(
  OrmParse *p, OrmRel *pRel, int eQuant, const OrmJson *pNode, int nDepth
){
  OrmCond *pInner = 0, *pCond;
  i64 nMax = p->pOrm->aConfig[ORM_CONFIG_MAX_DEPTH];
  if( nDepth+1>nMax ){
    ormJsonErr(p->pErr, pNode, "more than %lld relationships deep "
               "(see orm_config('max_depth'))", nMax);
  }else if( pNode->eType!=ORM_JSON_NULL ){
    pInner = parseObject(p, pRel->pTarget, pNode, nDepth + 1);
  }
  if( p->pErr->rc!=SQLITE_OK ) return 0;
  if( eQuant==ORM_EVERY && pInner==0 ) return 0;
  if( pInner && pInner->eKind==ORM_COND_NEVER && eQuant!=ORM_EVERY ){
    return eQuant==ORM_SOME ? pInner : 0;
  }
  pCond = condNew(p, ORM_COND_REL);
  if( pCond==0 ) return 0;
  pCond->pRel = pRel;
  pCond->eQuant = (u8)eQuant;
  pCond->pFirst = pInner;
  return pCond;
}

static const char *quantifierName(const void *pArg, int i){
  static const char *azName[] = { "some", "every", "none", 0 };
  ORM_UNUSED(pArg);
  return azName[i];
}

/* ORM_SOME .. of a member's name, or -1 and an error. */
static int quantifierFind(OrmParse *p, const OrmJson *pNode){
  const char *zName, *zNear;
  for(int i=0; (zName = quantifierName(0, i))!=0; i++){
    if( ormJsonIs(pNode, zName) ) return i;
  }
  zNear = ormNearest(pNode->zKey, pNode->nKey, quantifierName, 0);
  if( zNear==0 ) zNear = "some";
  ormJsonErr(p->pErr, pNode, "no such operator (did you mean %s?)", zNear);
  return -1;
}

/* {"some": {..}, "every": {..}, "none": {..}} */
static OrmCond *parseMany(
  OrmParse *p, OrmRel *pRel, const OrmJson *pNode, int nDepth
){
  CondList list;
  if( pNode->eType!=ORM_JSON_OBJECT || pNode->nChild==0 ){
    ormJsonErr(p->pErr, pNode, "%s is to-many: {\"some\": {..}}, every or none "
               "is needed, not %s", pRel->zName, pNode->eType==ORM_JSON_OBJECT
               ? "an empty object" : ormJsonTypeName(pNode));
    return 0;
  }
  listInit(&list);
  for(const OrmJson *pItem=pNode->pChild; pItem; pItem=pItem->pNext){
    int eQuant = quantifierFind(p, pItem);
    if( eQuant<0 ) return 0;
    if( pItem->eType!=ORM_JSON_OBJECT ){
      ormJsonErr(p->pErr, pItem, "a condition is needed, not %s",
                 ormJsonTypeName(pItem));
      return 0;
    }
    listAnd(&list, condRel(p, pRel, eQuant, pItem, nDepth));
    if( p->pErr->rc!=SQLITE_OK ) return 0;
  }
  return listClose(p, &list, ORM_COND_AND);
}

static OrmCond *parseRel(
  OrmParse *p, OrmRel *pRel, const OrmJson *pNode, int nDepth
){
  if( pRel->bMany ) return parseMany(p, pRel, pNode, nDepth);
  if( pNode->eType==ORM_JSON_NULL ){
    return condRel(p, pRel, ORM_NONE, pNode, nDepth);
  }
  if( pNode->eType==ORM_JSON_OBJECT ){
    return condRel(p, pRel, ORM_SOME, pNode, nDepth);
  }
  ormJsonErr(p->pErr, pNode, "%s is to-one: a condition or null is needed, not "
             "%s", pRel->zName, ormJsonTypeName(pNode));
  return 0;
}

/* {"posts": {"gt": 5}, "tags": 0} */
static OrmCond *parseCounts(
  OrmParse *p, OrmModel *pModel, const OrmJson *pNode
){
  CondList list;
  OrmLeft left = {0};
  left.bCount = 1;
  if( pNode->eType!=ORM_JSON_OBJECT || pNode->nChild==0 ){
    ormJsonErr(p->pErr, pNode, "an object of relationships is needed, such as "
               "{\"posts\": {\"gt\": 5}}");
    return 0;
  }
  listInit(&list);
  for(const OrmJson *pItem=pNode->pChild; pItem; pItem=pItem->pNext){
    OrmRel *pRel = ormParseRel(p, pModel, pItem, pItem->zKey, pItem->nKey);
    if( pRel ){
      listAnd(&list, parseTests(p, &left, pItem, ORM_COND_COUNT, pRel));
    }
    if( p->pErr->rc!=SQLITE_OK ) return 0;
  }
  return listClose(p, &list, ORM_COND_AND);
}

/* ------------------------------------------------------------- a where --- */

/* One member of a where. */
static OrmCond *parseMember(
  OrmParse *p, OrmModel *pModel, const OrmJson *pNode, int nDepth
){
  int eWord = logicWord(pNode);
  OrmCond *pCond;
  OrmRel *pRel;
  if( eWord==WORD_COUNT ) return parseCounts(p, pModel, pNode);
  if( eWord!=WORD_NONE ) return parseLogic(p, pModel, pNode, nDepth, eWord);
  if( ormFieldFind(pModel, pNode->zKey, pNode->nKey)>=0 ){
    return parseField(p, pModel, pNode, pNode->nKey, 0);
  }
  pRel = ormRelFind(p->pOrm, p->pErr, pModel, pNode->zKey, pNode->nKey);
  if( p->pErr->rc!=SQLITE_OK ) return 0;
  if( pRel ) return parseRel(p, pRel, pNode, nDepth);
  pCond = parsePath(p, pModel, pNode);
  if( pCond==0 && p->pErr->rc==SQLITE_OK ){
    ormNoSuchName(p->pOrm, p->pErr, pModel, pNode, "field or relationship");
  }
  return pCond;
}

static OrmCond *parseObject(
  OrmParse *p, OrmModel *pModel, const OrmJson *pNode, int nDepth
){
  CondList list;
  OrmCond *pNever = 0;
  if( pNode->eType!=ORM_JSON_OBJECT ){
    ormJsonErr(p->pErr, pNode, "a condition is needed, not %s",
               ormJsonTypeName(pNode));
    return 0;
  }
  listInit(&list);
  for(const OrmJson *pItem=pNode->pChild; pItem; pItem=pItem->pNext){
    OrmCond *pCond = parseMember(p, pModel, pItem, nDepth);
    if( p->pErr->rc!=SQLITE_OK ) return 0;
    if( pCond && pCond->eKind==ORM_COND_NEVER ) pNever = pCond;
    else listAnd(&list, pCond);
  }
  return pNever ? pNever : listClose(p, &list, ORM_COND_AND);
}

const OrmCond *ormCondParse(
  OrmParse *p, OrmModel *pModel, const OrmJson *pNode, int nDepth
){
  if( p->pErr->rc!=SQLITE_OK ) return 0;
  return parseObject(p, pModel, pNode, nDepth);
}
