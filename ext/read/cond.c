/*
** A where, checked into a tree of conditions.
**
** The condition that is always true is 0; what can be known without looking at
** a row is folded away: {} and [] are all, or [] is none, not of all is none.
** No list is empty, and none holds a list of its own kind.  not goes down to
** what cannot be taken apart, which SQL's logic of three values allows; every
** is "none that fails".
**
** SQLite before 3.46 parses with a stack of 100 entries, so it is counted what
** a condition takes of it, and the deepest member of a list stands first,
** where it takes least.
*/
#include "cond.h"

#define MAX_NESTED   100        /* conditions in one another                  */
#define MAX_STACK    80         /* of 100; the rest is for what is around     */
#define STACK_TEST   14         /* the most that a test takes                 */
#define STACK_JSON   28         /* the same of json                           */

typedef struct CondList CondList;
struct CondList {               /* conditions being collected                 */
  OrmCond *pFirst, **ppNext;
  int n;
  int eKind;                    /* ORM_COND_AND, ORM_COND_OR                  */
};

/* Where in a document: what changes on the way down. */
typedef struct Place Place;
struct Place {
  OrmModel *pModel;
  int nDepth;                   /* relationships above                        */
  int nNested;                  /* conditions above                           */
  OrmCondName xName;            /* 0: names are of pModel                     */
  void *pArg;
};

static OrmCond *parseObject(OrmParse*, const Place*, const OrmJson*);

static OrmCond *condNew(OrmParse *p, int eKind){
  OrmCond *pCond = ormArenaAlloc(p->pArena, (i64)sizeof(*pCond));
  if( pCond ) pCond->eKind = (u8)eKind;
  return pCond;
}

static void listInit(CondList *pList, int eKind){
  pList->pFirst = 0;
  pList->ppNext = &pList->pFirst;
  pList->n = 0;
  pList->eKind = eKind;
}

/* Add a condition, or the members of a list of the same kind.  A very deep one
** goes to the front. */
static void listAdd(CondList *pList, OrmCond *pCond){
  OrmCond *pNext;
  for(pCond=pCond->eKind==pList->eKind ? pCond->pFirst : pCond; pCond;
      pCond=pNext){
    pNext = pCond->pNext;
    pCond->pNext = 0;
    if( pList->n>0 && pCond->nStack>STACK_DEEP
     && pCond->nStack>pList->pFirst->nStack ){
      pCond->pNext = pList->pFirst;
      pList->pFirst = pCond;
    }else{
      *pList->ppNext = pCond;
      pList->ppNext = &pCond->pNext;
    }
    pList->n++;
  }
}

/* Parser stack of the parentheses that make a balanced tree of n conditions. */
static int treeStack(int n){
  int nStack = 1;
  for(; n>8; n/=2) nStack += 3;
  return nStack;
}

/* One condition of a list. */
static OrmCond *listClose(OrmParse *p, CondList *pList){
  OrmCond *pCond;
  int nStack = 0;
  if( pList->n<2 ) return pList->pFirst;
  pCond = condNew(p, pList->eKind);
  if( pCond==0 ) return 0;
  pCond->pFirst = pList->pFirst;
  for(OrmCond *pItem=pList->pFirst; pItem; pItem=pItem->pNext){
    int nItem = pItem->nStack + (pItem==pList->pFirst ? 0 : 2);
    if( nItem>nStack ) nStack = nItem;
    pCond->bMany |= pItem->bMany;
  }
  pCond->nStack = nStack + treeStack(pList->n);
  return pCond;
}

const OrmCond *ormCondFirst(const OrmCond *pWhole){
  return pWhole && pWhole->eKind==ORM_COND_AND ? pWhole->pFirst : pWhole;
}

const OrmCond *ormCondAfter(const OrmCond *pWhole, const OrmCond *pCond){
  return pWhole->eKind==ORM_COND_AND ? pCond->pNext : 0;
}

/* The opposite, made in place. */
static OrmCond *condNot(OrmParse *p, OrmCond *pCond){
  CondList list;
  OrmCond *pNext;
  if( p->pErr->rc!=SQLITE_OK ) return 0;
  if( pCond==0 ) return condNew(p, ORM_COND_NEVER);
  if( pCond->eKind==ORM_COND_NEVER ) return 0;
  if( pCond->eKind!=ORM_COND_AND && pCond->eKind!=ORM_COND_OR ){
    pCond->bNot = !pCond->bNot;
    return pCond;
  }
  listInit(&list, pCond->eKind==ORM_COND_AND ? ORM_COND_OR : ORM_COND_AND);
  for(OrmCond *pItem=pCond->pFirst; pItem; pItem=pNext){
    pNext = pItem->pNext;
    pItem->pNext = 0;
    pItem = condNot(p, pItem);
    if( p->pErr->rc!=SQLITE_OK ) return 0;
    listAdd(&list, pItem);
  }
  return listClose(p, &list);
}

/* ----------------------------------------------------- and, or and not --- */

/* One of the elements of an array must hold. */
static OrmCond *parseOr(OrmParse *p, const Place *pAt, const OrmJson *pNode){
  CondList list;
  int bAll = 0;
  listInit(&list, ORM_COND_OR);
  for(const OrmJson *pItem=pNode->pChild; pItem; pItem=pItem->pNext){
    OrmCond *pCond = parseObject(p, pAt, pItem);
    if( p->pErr->rc!=SQLITE_OK ) return 0;
    if( pCond==0 ) bAll = 1;
    else if( pCond->eKind!=ORM_COND_NEVER ) listAdd(&list, pCond);
  }
  if( bAll ) return 0;
  if( list.n==0 ) return condNew(p, ORM_COND_NEVER);
  return listClose(p, &list);
}

/* Every element of an array must hold, or (bNot) none may. */
static OrmCond *parseAnd(
  OrmParse *p, const Place *pAt, const OrmJson *pNode, int bNot
){
  CondList list;
  OrmCond *pNever = 0;
  listInit(&list, ORM_COND_AND);
  for(const OrmJson *pItem=pNode->pChild; pItem; pItem=pItem->pNext){
    OrmCond *pCond = parseObject(p, pAt, pItem);
    if( bNot ) pCond = condNot(p, pCond);
    if( p->pErr->rc!=SQLITE_OK ) return 0;
    if( pCond && pCond->eKind==ORM_COND_NEVER ) pNever = pCond;
    else if( pCond ) listAdd(&list, pCond);
  }
  return pNever ? pNever : listClose(p, &list);
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
  OrmParse *p, const Place *pAt, const OrmJson *pNode, int eWord
){
  if( pNode->eType==ORM_JSON_ARRAY ){
    if( eWord==WORD_OR ) return parseOr(p, pAt, pNode);
    return parseAnd(p, pAt, pNode, eWord==WORD_NOT);
  }
  if( pNode->eType==ORM_JSON_OBJECT ){
    OrmCond *pCond = parseObject(p, pAt, pNode);
    return eWord==WORD_NOT ? condNot(p, pCond) : pCond;
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
  listInit(&list, ORM_COND_AND);
  for(OrmTest *pTest=ormTestParse(p, pLeft, pNode); pTest; pTest=pTest->pNext){
    OrmCond *pCond;
    if( pTest->nArg==0 && pTest->eOper==ORM_OP_NOT_IN ) continue;
    if( pTest->nArg==0 && pTest->eOper==ORM_OP_IN ) eKind = ORM_COND_NEVER;
    pCond = condNew(p, eKind);
    if( pCond==0 || eKind==ORM_COND_NEVER ) return pCond;
    pCond->left = *pLeft;
    pCond->pTest = pTest;
    pCond->pRel = pRel;
    pCond->pNode = pNode;
    pCond->bMany = pRel!=0;
    pCond->nStack = pLeft->pField && pLeft->pField->eType==ORM_TYPE_JSON
                  ? STACK_JSON : STACK_TEST;
    listAdd(&list, pCond);
  }
  return listClose(p, &list);
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

/* Conditions on the targets' own targets that need no EXISTS of their own: of
** to-one relationships, and of a to-many if there is no other, since more than
** one would multiply the rows that are looked at.  A to-one that asks on about
** a to-many is better answered once for each of its targets (where.c), unless
** that is too deep. */
static void condJoin(OrmParse *p, OrmCond *pWhole){
  OrmCond *pMany = 0;
  int nRel = 0;
  for(OrmCond *pCond=(OrmCond*)ormCondFirst(pWhole); pCond;
      pCond=(OrmCond*)ormCondAfter(pWhole, pCond)){
    if( pCond->eKind==ORM_COND_REL || pCond->eKind==ORM_COND_COUNT ) nRel++;
    if( pCond->eKind!=ORM_COND_REL || pCond->bNot || ormRelSeveral(pCond->pRel)
     || !ormRelIndexed(p->pOrm, p->pErr, pCond->pRel) ) continue;
    if( pCond->pRel->bMany ) pMany = pCond;
    else pCond->bJoin = !pCond->bMany || pCond->nStack>STACK_DEEP;
  }
  if( pMany && nRel==1 ) pMany->bJoin = 1;
}

/* Parser stack of what stands in the WHERE over the targets. */
static int innerStack(const OrmCond *pWhole){
  int nStack = 0, n = 0;
  if( pWhole==0 ) return 0;
  for(const OrmCond *p=ormCondFirst(pWhole); p; p=ormCondAfter(pWhole, p)){
    int nItem = p->bJoin ? innerStack(p->pFirst) : p->nStack;
    if( n++>0 ) nItem += 2;
    if( nItem>nStack ) nStack = nItem;
  }
  return nStack + treeStack(n);
}

/* Some target meets pInner, or (bNot) none does. */
static OrmCond *condRel(
  OrmParse *p, OrmRel *pRel, OrmCond *pInner, int bNot, const OrmJson *pNode
){
  OrmCond *pCond;
  if( p->pErr->rc!=SQLITE_OK ) return 0;
  if( pInner && pInner->eKind==ORM_COND_NEVER ) return bNot ? 0 : pInner;
  if( pInner==0 ) ormConditionCount(p, pNode);     /* else it has counted     */
  pCond = condNew(p, ORM_COND_REL);
  if( pCond==0 ) return 0;
  pCond->pRel = pRel;
  pCond->bNot = (u8)bNot;
  pCond->pFirst = pInner;
  pCond->pNode = pNode;
  pCond->bMany = pRel->bMany || (pInner && pInner->bMany);
  condJoin(p, pInner);
  pCond->nStack = innerStack(pInner);
  pCond->nStack += 8;
  return pCond;
}

/* The condition on a relationship's targets. */
static OrmCond *parseInner(
  OrmParse *p, const Place *pAt, OrmRel *pRel, const OrmJson *pNode
){
  Place at = { pRel->pTarget, pAt->nDepth + 1, pAt->nNested, 0, 0 };
  return ormParseDepth(p, at.nDepth, pNode) ? parseObject(p, &at, pNode) : 0;
}

enum { QUANT_SOME, QUANT_EVERY, QUANT_NONE };
static const char *quantifierName(const void *pArg, int i){
  static const char *azName[] = { "some", "every", "none", 0 };
  ORM_UNUSED(pArg);
  return azName[i];
}

/* QUANT_* of a member's name, or -1 and an error. */
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

static OrmCond *parseQuantifier(
  OrmParse *p, const Place *pAt, OrmRel *pRel, const OrmJson *pNode
){
  int eQuant = quantifierFind(p, pNode);
  OrmCond *pInner;
  if( eQuant<0 ) return 0;
  if( pNode->eType!=ORM_JSON_OBJECT ){
    ormJsonErr(p->pErr, pNode, "a condition is needed, not %s",
               ormJsonTypeName(pNode));
    return 0;
  }
  pInner = parseInner(p, pAt, pRel, pNode);
  if( eQuant==QUANT_EVERY ) pInner = condNot(p, pInner);
  return condRel(p, pRel, pInner, eQuant!=QUANT_SOME, pNode);
}

/* {"some": {..}, "every": {..}, "none": {..}} */
static OrmCond *parseMany(
  OrmParse *p, const Place *pAt, OrmRel *pRel, const OrmJson *pNode
){
  CondList list;
  OrmCond *pNever = 0;
  if( pNode->eType!=ORM_JSON_OBJECT || pNode->nChild==0 ){
    ormJsonErr(p->pErr, pNode, "%s is to-many: {\"some\": {..}}, every or none "
               "is needed, not %s", pRel->zName, pNode->eType==ORM_JSON_OBJECT
               ? "an empty object" : ormJsonTypeName(pNode));
    return 0;
  }
  listInit(&list, ORM_COND_AND);
  for(const OrmJson *pItem=pNode->pChild; pItem; pItem=pItem->pNext){
    OrmCond *pCond = parseQuantifier(p, pAt, pRel, pItem);
    if( p->pErr->rc!=SQLITE_OK ) return 0;
    if( pCond && pCond->eKind==ORM_COND_NEVER ) pNever = pCond;
    else if( pCond ) listAdd(&list, pCond);
  }
  return pNever ? pNever : listClose(p, &list);
}

static OrmCond *parseRel(
  OrmParse *p, const Place *pAt, OrmRel *pRel, const OrmJson *pNode
){
  if( pRel->bMany ) return parseMany(p, pAt, pRel, pNode);
  if( pNode->eType==ORM_JSON_NULL ) return condRel(p, pRel, 0, 1, pNode);
  if( pNode->eType==ORM_JSON_OBJECT ){
    return condRel(p, pRel, parseInner(p, pAt, pRel, pNode), 0, pNode);
  }
  ormJsonErr(p->pErr, pNode, "%s is to-one: a condition or null is needed, not "
             "%s", pRel->zName, ormJsonTypeName(pNode));
  return 0;
}

/* {"posts": {"gt": 5}, "tags": 0} */
static OrmCond *parseCounts(
  OrmParse *p, const Place *pAt, const OrmJson *pNode
){
  CondList list;
  OrmCond *pNever = 0;
  OrmLeft left = {0};
  left.bCount = 1;
  if( pNode->eType!=ORM_JSON_OBJECT || pNode->nChild==0 ){
    ormJsonErr(p->pErr, pNode, "an object of relationships is needed, such as "
               "{\"posts\": {\"gt\": 5}}");
    return 0;
  }
  listInit(&list, ORM_COND_AND);
  for(const OrmJson *pItem=pNode->pChild; pItem; pItem=pItem->pNext){
    OrmRel *pRel = ormParseRel(p, pAt->pModel, pItem, pItem->zKey,
                               pItem->nKey);
    OrmCond *pCond = 0;
    if( pRel && ormParseDepth(p, pAt->nDepth + 1, pItem) ){
      pCond = parseTests(p, &left, pItem, ORM_COND_COUNT, pRel);
    }
    if( p->pErr->rc!=SQLITE_OK ) return 0;
    if( pCond && pCond->eKind==ORM_COND_NEVER ) pNever = pCond;
    else if( pCond ) listAdd(&list, pCond);
  }
  return pNever ? pNever : listClose(p, &list);
}

/* ------------------------------------------------------------- a where --- */

static OrmCond *parseNamed(
  OrmParse *p, const Place *pAt, const OrmJson *pNode
){
  OrmLeft left = {0};
  if( !pAt->xName(p, pAt->pArg, pNode, &left) ) return 0;
  return parseTests(p, &left, pNode, ORM_COND_TEST, 0);
}

/* "author.name", which is the form of orders and groups: an error that tells
** the form of conditions.  0 if it is nothing of the kind. */
static int isDotted(OrmParse *p, OrmModel *pModel, const OrmJson *pNode){
  const char *zDot = memchr(pNode->zKey, '.', (size_t)pNode->nKey);
  int n = zDot ? (int)(zDot - pNode->zKey) : 0;
  const OrmRel *pRel;
  if( n==0 ) return 0;
  pRel = ormRelFind(p->pOrm, p->pErr, pModel, pNode->zKey, n);
  if( pRel ){
    ormJsonErr(p->pErr, pNode, "conditions on %s stand in an object: {\"%s\":"
        " %s{\"%.*s\": ..}%s}", pRel->zName, pRel->zName,
        pRel->bMany ? "{\"some\": " : "", pNode->nKey - n - 1, zDot + 1,
        pRel->bMany ? "}" : "");
  }
  return p->pErr->rc!=SQLITE_OK;
}

/* One member of a where. */
static OrmCond *parseMember(
  OrmParse *p, const Place *pAt, const OrmJson *pNode
){
  OrmModel *pModel = pAt->pModel;
  int eWord = logicWord(pNode);
  OrmCond *pCond;
  OrmRel *pRel;
  if( pAt->xName && (eWord==WORD_NONE || eWord==WORD_COUNT) ){
    return parseNamed(p, pAt, pNode);
  }
  if( eWord==WORD_COUNT ) return parseCounts(p, pAt, pNode);
  if( eWord!=WORD_NONE ) return parseLogic(p, pAt, pNode, eWord);
  if( ormFieldFind(pModel, pNode->zKey, pNode->nKey)>=0 ){
    return parseField(p, pModel, pNode, pNode->nKey, 0);
  }
  pRel = ormRelFind(p->pOrm, p->pErr, pModel, pNode->zKey, pNode->nKey);
  if( p->pErr->rc!=SQLITE_OK ) return 0;
  if( pRel ) return parseRel(p, pAt, pRel, pNode);
  pCond = parsePath(p, pModel, pNode);
  if( pCond==0 && p->pErr->rc==SQLITE_OK && !isDotted(p, pModel, pNode) ){
    ormNoSuchName(p->pErr, pModel, pNode, "field or relationship");
  }
  return pCond;
}

static OrmCond *parseObject(
  OrmParse *p, const Place *pAt, const OrmJson *pNode
){
  Place at = *pAt;
  CondList list;
  OrmCond *pNever = 0;
  if( pNode->eType!=ORM_JSON_OBJECT ){
    ormJsonErr(p->pErr, pNode, "a condition is needed, not %s",
               ormJsonTypeName(pNode));
  }else if( ++at.nNested>MAX_NESTED ){
    ormJsonErr(p->pErr, pNode, "conditions are nested more than %d deep",
               MAX_NESTED);
  }
  if( p->pErr->rc!=SQLITE_OK ) return 0;
  listInit(&list, ORM_COND_AND);
  for(const OrmJson *pItem=pNode->pChild; pItem; pItem=pItem->pNext){
    OrmCond *pCond = parseMember(p, &at, pItem);
    if( p->pErr->rc!=SQLITE_OK ) return 0;
    if( pCond && pCond->eKind==ORM_COND_NEVER ) pNever = pCond;
    else if( pCond ) listAdd(&list, pCond);
  }
  return pNever ? pNever : listClose(p, &list);
}

/* The whole, bounded as the parser of this SQLite needs it. */
static const OrmCond *parseWhole(
  OrmParse *p, const Place *pAt, const OrmJson *pNode
){
  OrmCond *pCond = p->pErr->rc ? 0 : parseObject(p, pAt, pNode);
  if( pCond && pCond->nStack>MAX_STACK && sqlite3_libversion_number()<3046000 ){
    ormJsonErr(p->pErr, pNode, "conditions are nested too deep for SQLite %s",
               sqlite3_libversion());
  }
  return pCond;
}

const OrmCond *ormCondParse(
  OrmParse *p, OrmModel *pModel, const OrmJson *pNode, int nDepth
){
  Place at = { pModel, nDepth, 0, 0, 0 };
  return parseWhole(p, &at, pNode);
}

const OrmCond *ormCondNamed(
  OrmParse *p, OrmCondName xName, void *pArg, const OrmJson *pNode
){
  Place at = { 0, 0, 0, xName, pArg };
  return parseWhole(p, &at, pNode);
}
