/*
** The operators of a where and what they are given: one table, one loop.
**
** A name in a where has as its value a bare value (eq), {"field": "other"}
** (eq with that field), or an object of operators that must all hold.
*/
#include "cond.h"

enum {                          /* what an operator is given                  */
  ARG_ANY,                      /* a value; null means NULL                   */
  ARG_VALUE,                    /* a value, not null                          */
  ARG_LIST, ARG_PAIR,           /* values                                     */
  ARG_TEXT, ARG_FLAG
};
static const struct {
  const char *zName;
  u8 eArg;
  u8 bCount;                    /* means something to a count                 */
} aOperator[] = {
  [ORM_OP_EQ]            = { "eq",            ARG_ANY,   1 },
  [ORM_OP_NE]            = { "ne",            ARG_ANY,   1 },
  [ORM_OP_LT]            = { "lt",            ARG_VALUE, 1 },
  [ORM_OP_LTE]           = { "lte",           ARG_VALUE, 1 },
  [ORM_OP_GT]            = { "gt",            ARG_VALUE, 1 },
  [ORM_OP_GTE]           = { "gte",           ARG_VALUE, 1 },
  [ORM_OP_IN]            = { "in",            ARG_LIST,  1 },
  [ORM_OP_NOT_IN]        = { "not_in",        ARG_LIST,  1 },
  [ORM_OP_BETWEEN]       = { "between",       ARG_PAIR,  1 },
  [ORM_OP_LIKE]          = { "like",          ARG_TEXT,  0 },
  [ORM_OP_NOT_LIKE]      = { "not_like",      ARG_TEXT,  0 },
  [ORM_OP_ILIKE]         = { "ilike",         ARG_TEXT,  0 },
  [ORM_OP_GLOB]          = { "glob",          ARG_TEXT,  0 },
  [ORM_OP_CONTAINS]      = { "contains",      ARG_TEXT,  0 },
  [ORM_OP_STARTSWITH]    = { "startswith",    ARG_TEXT,  0 },
  [ORM_OP_ENDSWITH]      = { "endswith",      ARG_TEXT,  0 },
  [ORM_OP_IS_NULL]       = { "is_null",       ARG_FLAG,  0 },
  [ORM_OP_DISTINCT_FROM] = { "distinct_from", ARG_ANY,   0 },
};

/* Only those that mean something to a count, when pArg is not 0. */
static const char *operatorName(const void *pArg, int i){
  if( i>=ORM_COUNT(aOperator) || (pArg && !aOperator[i].bCount) ) return 0;
  return aOperator[i].zName;
}

/* What others call them, for "did you mean". */
static const struct { const char *zOther, *zName; } aOther[] = {
  { "=", "eq" },  { "==", "eq" },  { "equals", "eq" },  { "!=", "ne" },
  { "<>", "ne" }, { "not", "ne" }, { "neq", "ne" },     { "<", "lt" },
  { "<=", "lte" }, { ">", "gt" },  { ">=", "gte" },     { "nin", "not_in" },
  { "le", "lte" }, { "ge", "gte" },
};

static const char *nearOperator(const OrmJson *pNode, const void *pCount){
  for(int i=0; i<ORM_COUNT(aOther); i++){
    if( ormJsonIs(pNode, aOther[i].zOther) ) return aOther[i].zName;
  }
  return ormNearest(pNode->zKey, pNode->nKey, operatorName, pCount);
}

/* ORM_OP_* of a member's name, or -1 and an error. */
static int operatorFind(
  OrmParse *p, const OrmLeft *pLeft, const OrmJson *pNode
){
  const void *pCount = pLeft->bCount ? pLeft : 0;
  const char *zName, *zNear;
  for(int i=0; (zName = operatorName(pCount, i))!=0; i++){
    if( ormJsonIs(pNode, zName) ) return i;
  }
  zNear = nearOperator(pNode, pCount);
  if( zNear ){
    ormJsonErr(p->pErr, pNode, "no such operator (did you mean %s?)", zNear);
  }else{
    ormJsonErr(p->pErr, pNode, "no such operator");
  }
  return -1;
}

static int isJsonField(const OrmLeft *pLeft){
  return pLeft->pField && pLeft->pField->eType==ORM_TYPE_JSON;
}

/* ------------------------------------------------------------ operands --- */

/* {"field": "name"}: its value's node, or 0. */
static const OrmJson *fieldReference(
  const OrmLeft *pLeft, const OrmJson *pNode
){
  const OrmJson *pName = pNode->pChild;
  if( pLeft->pModel==0 || pNode->eType!=ORM_JSON_OBJECT || pNode->nChild!=1
   || !ormJsonIs(pName, "field") || pName->eType!=ORM_JSON_STRING ) return 0;
  return pName;
}

/* Any JSON value; whole arrays and objects can only be equal or not. */
static void operandJson(
  OrmParse *p, int eArg, OrmBinds *pBinds, const OrmJson *pNode
){
  if( pNode->eType>=ORM_JSON_ARRAY && eArg!=ARG_ANY ){
    ormJsonErr(p->pErr, pNode, "a number, text, true or false is needed, not "
               "%s", ormJsonTypeName(pNode));
  }
  ormBindJson(pBinds, pNode);
}

static void operandCount(OrmParse *p, OrmBinds *pBinds, const OrmJson *pNode){
  if( pNode->eType!=ORM_JSON_INTEGER ){
    ormJsonErr(p->pErr, pNode, "a count is compared with a whole number, not "
               "with %s", ormJsonTypeName(pNode));
  }
  ormBindJson(pBinds, pNode);
}

static void operandBare(OrmParse *p, OrmBinds *pBinds, const OrmJson *pNode){
  if( pNode->eType>=ORM_JSON_ARRAY ){
    ormJsonErr(p->pErr, pNode, "a value is needed, not %s",
               ormJsonTypeName(pNode));
  }
  ormBindJson(pBinds, pNode);
}

static void operandText(OrmParse *p, OrmBinds *pBinds, const OrmJson *pNode){
  if( pNode->eType!=ORM_JSON_STRING ){
    ormJsonErr(p->pErr, pNode, "text is needed, not %s",
               ormJsonTypeName(pNode));
  }
  ormBindJson(pBinds, pNode);
}

/* One operand out of its node. */
static void operandParse(
  OrmParse *p, const OrmLeft *pLeft, int eArg, const OrmJson *pNode,
  OrmOperand *pOut
){
  const OrmJson *pName = fieldReference(pLeft, pNode);
  OrmBinds binds = {0};
  binds.pArena = p->pArena;
  pOut->iField = -1;
  pOut->eJson = pNode->eType;
  if( pName ){
    pOut->iField = ormParseField(p, pLeft->pModel, pName, pName->z, pName->n);
  }else if( pNode->eType==ORM_JSON_NULL && eArg!=ARG_ANY ){
    ormJsonErr(p->pErr, pNode, "null is no value to compare with: see is_null");
  }else if( eArg==ARG_TEXT ){
    operandText(p, &binds, pNode);
  }else if( pLeft->bCount ){
    operandCount(p, &binds, pNode);
  }else if( isJsonField(pLeft) ){
    operandJson(p, eArg, &binds, pNode);
  }else if( pLeft->pField ){
    ormFieldBind(&binds, pLeft->pField, pNode);
  }else{
    operandBare(p, &binds, pNode);
  }
  if( p->pErr->rc==SQLITE_OK && binds.n ) pOut->bind = binds.a[0];
}

/* The elements of an array as operands; nWant<0: any number. */
static void operandList(
  OrmParse *p, const OrmLeft *pLeft, OrmTest *pTest, const OrmJson *pNode,
  int nWant
){
  int i = 0;
  if( pNode->eType!=ORM_JSON_ARRAY ){
    ormJsonErr(p->pErr, pNode, "an array is needed, not %s",
               ormJsonTypeName(pNode));
  }else if( nWant>=0 && pNode->nChild!=nWant ){
    ormJsonErr(p->pErr, pNode, "%d values are needed, not %d", nWant,
               pNode->nChild);
  }
  pTest->aArg = ormArenaAlloc(p->pArena,
                              pNode->nChild * (i64)sizeof(OrmOperand));
  if( pTest->aArg==0 ) return;
  for(const OrmJson *pItem=pNode->pChild; pItem; pItem=pItem->pNext, i++){
    operandParse(p, pLeft, ARG_VALUE, pItem, &pTest->aArg[i]);
  }
  pTest->nArg = i;
}

static void operandOne(
  OrmParse *p, const OrmLeft *pLeft, int eArg, OrmTest *pTest,
  const OrmJson *pNode
){
  pTest->aArg = ormArenaAlloc(p->pArena, (i64)sizeof(OrmOperand));
  if( pTest->aArg==0 ) return;
  operandParse(p, pLeft, eArg, pNode, pTest->aArg);
  pTest->nArg = 1;
}

/* --------------------------------------------------------------- tests --- */

void ormConditionCount(OrmParse *p, const OrmJson *pNode){
  i64 nMax = p->pOrm->aConfig[ORM_CONFIG_MAX_CONDITIONS];
  if( ++p->nCond>nMax && nMax>0 ){
    ormJsonErr(p->pErr, pNode, "more than %lld conditions in one query "
               "(see orm_config('max_conditions'))", nMax);
  }
}

/* Text operators over values that are no text. */
static void checkKind(
  OrmParse *p, const OrmLeft *pLeft, int eOper, const OrmJson *pNode
){
  const OrmField *pField = pLeft->pField;
  if( aOperator[eOper].eArg!=ARG_TEXT || pField==0 ) return;
  if( pField->eType==ORM_TYPE_BOOLEAN || pField->eType==ORM_TYPE_BLOB ){
    ormJsonErr(p->pErr, pNode, "%s is for text, %s is a %s field",
               aOperator[eOper].zName, pField->zName,
               ormTypeName(pField->eType));
  }
}

static OrmTest *testNew(
  OrmParse *p, const OrmLeft *pLeft, int eOper, const OrmJson *pNode
){
  OrmTest *pTest = ormArenaAlloc(p->pArena, (i64)sizeof(*pTest));
  int eArg = aOperator[eOper].eArg;
  if( pTest==0 ) return 0;
  ormConditionCount(p, pNode);
  checkKind(p, pLeft, eOper, pNode);
  if( p->pErr->rc!=SQLITE_OK ) return 0;
  pTest->eOper = (u8)eOper;
  if( eArg==ARG_LIST ){
    operandList(p, pLeft, pTest, pNode, -1);
  }else if( eArg==ARG_PAIR ){
    operandList(p, pLeft, pTest, pNode, 2);
  }else if( eArg!=ARG_FLAG ){
    operandOne(p, pLeft, eArg, pTest, pNode);
  }else if( pNode->eType==ORM_JSON_TRUE || pNode->eType==ORM_JSON_FALSE ){
    pTest->bNot = pNode->eType==ORM_JSON_FALSE;
  }else{
    ormJsonErr(p->pErr, pNode, "true or false is needed, not %s",
               ormJsonTypeName(pNode));
  }
  return p->pErr->rc==SQLITE_OK ? pTest : 0;
}

OrmTest *ormTestParse(OrmParse *p, const OrmLeft *pLeft, const OrmJson *pNode){
  OrmTest *pFirst = 0, **ppNext = &pFirst;
  assert( p->pErr->rc==SQLITE_OK );
  if( pNode->eType!=ORM_JSON_OBJECT || fieldReference(pLeft, pNode) ){
    return testNew(p, pLeft, ORM_OP_EQ, pNode);
  }
  for(const OrmJson *pItem=pNode->pChild; pItem; pItem=pItem->pNext){
    int eOper = operatorFind(p, pLeft, pItem);
    *ppNext = eOper<0 ? 0 : testNew(p, pLeft, eOper, pItem);
    if( *ppNext==0 ) return 0;
    ppNext = &(*ppNext)->pNext;
  }
  if( pFirst==0 ){
    ormJsonErr(p->pErr, pNode, "an operator is needed, such as eq, gt or in");
  }
  return pFirst;
}
