/*
** One test as SQL: an operator between what is on its left and its operands.
**
** The column stands on the left and the operands are bare parameters, so that
** its affinity and collation hold.  Every test is NULL where SQL says so, also
** for json: what is missing there, or null, is NULL.
*/
#include "cond.h"

#define LIST_MAX_PARAMS 100     /* longer lists are one JSON parameter        */

typedef struct Arg Arg;
struct Arg {                    /* an operand whose value is in the binds     */
  const OrmField *pField;
  int iBind;
};

static void sql(OrmSql *p, const char *z){
  ormBufAdd(&p->buf, z, -1);
}

static int bindOperand(OrmSql *p, const struct OrmBind *pBind){
  switch( pBind->eType ){
    case SQLITE_INTEGER: return ormBindInt(&p->binds, pBind->u.i);
    case SQLITE_FLOAT:   return ormBindReal(&p->binds, pBind->u.r);
    case SQLITE_TEXT:    return ormBindText(&p->binds, pBind->u.z, pBind->n);
    default:             /* null is asked for by IS NULL                      */
      assert( pBind->eType==SQLITE_BLOB );
      return ormBindBlob(&p->binds, pBind->u.z, pBind->n);
  }
}

static Arg argOf(OrmSql *p, const OrmLeft *pLeft, const OrmOperand *pOperand){
  Arg arg = { 0, 0 };
  if( pOperand->iField>=0 ){
    arg.pField = &pLeft->pModel->aField[pOperand->iField];
  }else{
    arg.iBind = bindOperand(p, &pOperand->bind);
  }
  return arg;
}

static void argSql(OrmSql *p, const Arg *pArg, const char *zAlias){
  if( pArg->pField ) ormBufColumn(&p->buf, zAlias, pArg->pField->zName);
  else ormSqlParam(p, pArg->iBind);
}

/* "<left><op><operand>" */
static void binarySql(
  OrmSql *p, const OrmLeft *pLeft, const OrmOperand *pOperand,
  const char *zLeft, const char *zOp, const char *zAlias
){
  Arg arg = argOf(p, pLeft, pOperand);
  sql(p, zLeft);
  sql(p, zOp);
  argSql(p, &arg, zAlias);
}

/* --------------------------------------------------------------- lists --- */

/* May the list be one JSON parameter?  *pbReal: are there reals? */
static int mayBeJson(const OrmTest *pTest, int *pbReal){
  *pbReal = 0;
  if( pTest->nArg<=LIST_MAX_PARAMS ) return 0;
  for(int i=0; i<pTest->nArg; i++){
    const OrmOperand *pArg = &pTest->aArg[i];
    if( pArg->iField>=0 ) return 0;
    if( pArg->bind.eType==SQLITE_INTEGER ) continue;
    if( pArg->bind.eType==SQLITE_FLOAT ){
      *pbReal = 1;
    }else if( pArg->bind.eType!=SQLITE_TEXT
           || memchr(pArg->bind.u.z, 0, (size_t)pArg->bind.n) ){
      return 0;
    }
  }
  return 1;
}

static void listJson(OrmBuf *pJson, const OrmTest *pTest){
  for(int i=0; i<pTest->nArg; i++){
    const struct OrmBind *pBind = &pTest->aArg[i].bind;
    ormBufChar(pJson, i ? ',' : '[');
    switch( pBind->eType ){
      case SQLITE_INTEGER: ormJsonInt(pJson, pBind->u.i); break;
      case SQLITE_FLOAT:   ormJsonReal(pJson, pBind->u.r); break;
      default:             ormJsonString(pJson, pBind->u.z, pBind->n);
    }
  }
  ormBufChar(pJson, ']');
}

/* Does every real come out of the list as it went in?  Not all versions of
** SQLite read the last digit right. */
static int readsBack(Orm *pOrm, OrmBuf *pJson, const OrmTest *pTest){
  OrmErr *pErr = pJson->pErr;
  OrmStmt *pStmt = ormStmtTakeQuiet(pOrm, pErr, "SELECT value FROM"
                                    " json_each(?1)");
  int b = pStmt!=0;
  if( pStmt ) ormBindTextTo(pErr, pStmt, 1, ormBufText(pJson), (int)pJson->n);
  for(int i=0; b && i<pTest->nArg; i++){
    const struct OrmBind *pBind = &pTest->aArg[i].bind;
    b = ormStmtStep(pOrm, pErr, pStmt)
     && (pBind->eType!=SQLITE_FLOAT
         || sqlite3_column_double(pStmt->p, 0)==pBind->u.r);
  }
  ormStmtGive(pOrm, pErr, pStmt);
  return b;
}

/* The list as rows of one JSON parameter; 0: it cannot be one. */
static int listJsonSql(OrmSql *p, const OrmTest *pTest){
  OrmBuf json;
  int bReal, bJson;
  if( !mayBeJson(pTest, &bReal) ) return 0;
  ormBufInit(&json, p->buf.pErr);
  listJson(&json, pTest);
  bJson = !bReal || readsBack(p->pOrm, &json, pTest);
  if( bJson ){
    int iBind = ormBindText(&p->binds, ormBufText(&json), json.n);
    /* + so that value, which is a column, has no say in how it is compared. */
    sql(p, "SELECT +value FROM json_each(");
    ormSqlParam(p, iBind);
    sql(p, ")");
  }
  ormBufFree(&json);
  return bJson;
}

/* "<left> IN (..)" */
static void listSql(
  OrmSql *p, const OrmTest *pTest, const OrmLeft *pLeft, const char *zLeft,
  const char *zAlias
){
  sql(p, zLeft);
  sql(p, pTest->eOper==ORM_OP_IN ? " IN (" : " NOT IN (");
  if( !listJsonSql(p, pTest) ){
    for(int i=0; i<pTest->nArg; i++){
      Arg arg = argOf(p, pLeft, &pTest->aArg[i]);
      if( i ) sql(p, ",");
      argSql(p, &arg, zAlias);
    }
  }
  sql(p, ")");
}

/* ---------------------------------------------------------------- text --- */

static int isCaseless(const OrmLeft *pLeft){
  return pLeft->pField && sqlite3_stricmp(pLeft->pField->zColl, "NOCASE")==0;
}

/* Pieces of SQL around the two sides: A left B operand C. */
static void aroundSql(
  OrmSql *p, const char *zA, const char *zLeft, const char *zB,
  const Arg *pArg, const char *zC, const char *zAlias
){
  sql(p, zA);
  sql(p, zLeft);
  sql(p, zB);
  argSql(p, pArg, zAlias);
  sql(p, zC);
}

static int hasNul(const OrmOperand *pOperand){
  return pOperand->iField<0
      && memchr(pOperand->bind.u.z, 0, (size_t)pOperand->bind.n)!=0;
}

/* Is text compared byte by byte as UTF-8? (Bytes of UTF-16 have an order of
** their own.) */
static int isUtf8(OrmSql *p){
  OrmStmt *pStmt = ormStmtTakeQuiet(p->pOrm, p->buf.pErr, "PRAGMA encoding");
  int b = ormStmtStep(p->pOrm, p->buf.pErr, pStmt)
       && sqlite3_stricmp((const char*)sqlite3_column_text(pStmt->p, 0),
                          "UTF-8")==0;
  ormStmtGive(p->pOrm, p->buf.pErr, pStmt);
  return b;
}

/* Write the character after that of z[n], UTF-8; its length, or 0 if there is
** none.  Surrogates are none, and U+FFFE and U+FFFF become U+FFFD in SQLite's
** UTF-16. */
static int nextCharacter(const char *z, int n, char *zOut){
  static const u8 aMask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
  static const u8 aLead[] = { 0, 0x00, 0xc0, 0xe0, 0xf0 };
  static const u32 aEnd[] = { 0, 0x80, 0x800, 0x10000, 0x110000 };
  u32 c = (u8)z[0] & aMask[n];
  for(int i=1; i<n; i++) c = c<<6 | ((u8)z[i] & 0x3f);
  if( ++c==0xd800 ) c = 0xe000;
  if( (c|1)==0xffff ) c = 0x10000;
  if( c>=aEnd[n] && ++n>4 ) return 0;
  for(int i=n-1; i>0; i--, c>>=6) zOut[i] = (char)(0x80 | (c & 0x3f));
  zOut[0] = (char)(aLead[n] | c);
  return n;
}

/* Turn z[n] into the least text above all that start with it; there is room for
** one byte more.  Its length, or 0 if there is none or z is not UTF-8. */
static int textAfter(char *z, int n){
  for(int i=0, nChar; i<n; i+=nChar){
    nChar = ormUtf8Length(z + i, n - i);
    if( ORM_NEVER(nChar==0) ) return 0;      /* it comes out of JSON          */
  }
  while( n>0 ){
    int i = n - 1, nNext;
    char zNext[4];
    while( ((u8)z[i] & 0xc0)==0x80 ) i--;
    nNext = nextCharacter(z + i, n - i, zNext);
    memcpy(z + i, zNext, (size_t)nNext);
    if( nNext ) return i + nNext;
    n = i;
  }
  return 0;
}

/* "<left> >= 'ab' AND <left> < 'ac' AND ": where an index may help.  It only
** narrows down; the exact test follows. */
static void prefixRangeSql(
  OrmSql *p, const OrmLeft *pLeft, const OrmOperand *pOperand,
  const char *zLeft, const Arg *pArg
){
  const OrmField *pField = pLeft->pField;
  int bFold = isCaseless(pLeft), n = pOperand->bind.n;
  char *z;
  if( pOperand->iField>=0 || pLeft->pzSql || n==0 ) return;
  if( pField->cAff!='B' ) return;
  if( bFold && hasNul(pOperand) ) return;    /* NOCASE looks no further       */
  if( !bFold && sqlite3_stricmp(pField->zColl, "BINARY")!=0 ) return;
  if( !bFold && !isUtf8(p) ) return;
  z = ormArenaRaw(p->binds.pArena, n + 1);
  if( z==0 ) return;
  memcpy(z, pOperand->bind.u.z, (size_t)n);
  for(int i=0; bFold && i<n; i++){
    if( z[i]>='A' && z[i]<='Z' ) z[i] = (char)(z[i] + 'a' - 'A');
  }
  sql(p, zLeft);
  sql(p, ">=");
  ormSqlParam(p, pArg->iBind);
  sql(p, " AND ");
  n = textAfter(z, n);
  if( n==0 ) return;
  sql(p, zLeft);
  sql(p, "<");
  ormSqlParam(p, ormBindText(&p->binds, z, n));
  sql(p, " AND ");
}

static void startsWithSql(
  OrmSql *p, const OrmLeft *pLeft, const OrmOperand *pOperand,
  const char *zLeft, const char *zAlias
){
  Arg arg = argOf(p, pLeft, pOperand);
  sql(p, "(");
  prefixRangeSql(p, pLeft, pOperand, zLeft, &arg);
  if( hasNul(pOperand) ){
    if( isCaseless(pLeft) ){
      aroundSql(p, "instr(lower(", zLeft, "),lower(", &arg, "))=1)", zAlias);
    }else{
      aroundSql(p, "instr(", zLeft, ",", &arg, ")=1)", zAlias);
    }
    return;
  }
  aroundSql(p, "substr(", zLeft, ",1,length(", &arg, "))=", zAlias);
  argSql(p, &arg, zAlias);
  sql(p, isCaseless(pLeft) ? " COLLATE NOCASE)" : ")");
}

static void containsSql(
  OrmSql *p, const OrmLeft *pLeft, const OrmOperand *pOperand,
  const char *zLeft, const char *zAlias
){
  Arg arg = argOf(p, pLeft, pOperand);
  if( isCaseless(pLeft) ){
    aroundSql(p, "instr(lower(", zLeft, "),lower(", &arg, "))>0", zAlias);
  }else{
    aroundSql(p, "instr(", zLeft, ",", &arg, ")>0", zAlias);
  }
}

/* Bytes are compared, so that no text is cut off at a NUL.  substr(x, -0) is
** all of x: an empty end is looked for as containsSql() does.  substr() of an
** empty blob is NULL, which must not be taken for that of a side. */
static void endsWithSql(
  OrmSql *p, const OrmLeft *pLeft, const OrmOperand *pOperand,
  const char *zLeft, const char *zAlias
){
  const char *zOpen = isCaseless(pLeft) ? "CAST(lower(" : "CAST((";
  Arg arg = argOf(p, pLeft, pOperand);
  if( arg.pField==0 && pOperand->bind.n==0 ){
    aroundSql(p, "instr(", zLeft, ",", &arg, ")>0", zAlias);
    return;
  }
  if( arg.pField ){
    sql(p, "CASE WHEN length(");
    argSql(p, &arg, zAlias);
    aroundSql(p, ")=0 THEN instr(", zLeft, ",", &arg, ")>0 ELSE ", zAlias);
  }
  sql(p, "ifnull(substr(");
  sql(p, zOpen);
  sql(p, zLeft);
  sql(p, ") AS BLOB),-length(");
  sql(p, zOpen);
  argSql(p, &arg, zAlias);
  sql(p, ") AS BLOB)))=");
  sql(p, zOpen);
  argSql(p, &arg, zAlias);
  aroundSql(p, ") AS BLOB),nullif(", zLeft, "||", &arg, " IS NULL,1))",
            zAlias);
  if( arg.pField ) sql(p, " END");
}

/* "lower(<left>) LIKE lower(<operand>)": whatever PRAGMA case_sensitive_like */
static void ilikeSql(
  OrmSql *p, const OrmLeft *pLeft, const OrmOperand *pOperand,
  const char *zLeft, const char *zAlias
){
  Arg arg = argOf(p, pLeft, pOperand);
  aroundSql(p, "lower(", zLeft, ") LIKE lower(", &arg, ")", zAlias);
}

/* --------------------------------------------------------------- tests --- */

/* Operators that stand between the two sides. */
static const char *const azBinary[] = {
  [ORM_OP_EQ] = "=", [ORM_OP_NE] = "<>", [ORM_OP_LT] = "<",
  [ORM_OP_LTE] = "<=", [ORM_OP_GT] = ">", [ORM_OP_GTE] = ">=",
  [ORM_OP_LIKE] = " LIKE ", [ORM_OP_NOT_LIKE] = " NOT LIKE ",
  [ORM_OP_GLOB] = " GLOB ", [ORM_OP_DISTINCT_FROM] = " IS NOT ",
};

static void betweenSql(
  OrmSql *p, const OrmTest *pTest, const OrmLeft *pLeft, const char *zLeft,
  const char *zAlias
){
  Arg low = argOf(p, pLeft, &pTest->aArg[0]);
  Arg high = argOf(p, pLeft, &pTest->aArg[1]);
  sql(p, zLeft);
  sql(p, " BETWEEN ");
  argSql(p, &low, zAlias);
  sql(p, " AND ");
  argSql(p, &high, zAlias);
}

/* A test of something that is no json. */
static void plainSql(
  OrmSql *p, const OrmTest *pTest, const OrmLeft *pLeft, const char *zLeft,
  const char *zAlias
){
  const OrmOperand *pArg = pTest->aArg;
  switch( pTest->eOper ){
    case ORM_OP_IN:
    case ORM_OP_NOT_IN:
      listSql(p, pTest, pLeft, zLeft, zAlias);
      break;
    case ORM_OP_BETWEEN:
      betweenSql(p, pTest, pLeft, zLeft, zAlias);
      break;
    case ORM_OP_STARTSWITH:
      startsWithSql(p, pLeft, pArg, zLeft, zAlias);
      break;
    case ORM_OP_ENDSWITH:
      endsWithSql(p, pLeft, pArg, zLeft, zAlias);
      break;
    case ORM_OP_CONTAINS:
      containsSql(p, pLeft, pArg, zLeft, zAlias);
      break;
    case ORM_OP_ILIKE:
      ilikeSql(p, pLeft, pArg, zLeft, zAlias);
      break;
    default:
      binarySql(p, pLeft, pArg, zLeft, azBinary[pTest->eOper], zAlias);
  }
}

/* ---------------------------------------------------------------- json --- */

/* What JSON types a value can equal, as json_type() names them. */
static const char *jsonKind(int eJson){
  switch( eJson ){
    case ORM_JSON_STRING: return "'text'";
    case ORM_JSON_OBJECT: return "'object'";
    case ORM_JSON_ARRAY:  return "'array'";
    case ORM_JSON_INTEGER:
    case ORM_JSON_REAL:   return "'integer','real'";
    default:              return "'true','false'";
  }
}

/* What a test gives where the value is of another type: false, but true of
** those that ask for something else. */
static const char *jsonOther(int eOper){
  int bElse = eOper==ORM_OP_NE || eOper==ORM_OP_NOT_IN
           || eOper==ORM_OP_NOT_LIKE;
  return bElse ? "1" : "0";
}

typedef struct JsonSide JsonSide;
struct JsonSide {               /* a json field and a place in it             */
  const char *zField;           /* SQL of the field                           */
  const char *zType;            /* "json_type(<field>,?N)"                    */
  const char *zValue;           /* "json_extract(<field>,?N)"                 */
  u8 bRoot;                     /* the place is the field itself              */
};

static JsonSide jsonSide(OrmSql *p, const OrmLeft *pLeft, const char *zField){
  OrmArena *pArena = p->binds.pArena;
  const char *zPath = pLeft->zPath ? pLeft->zPath : "$";
  JsonSide side = { zField, "", "", pLeft->zPath==0 };
  OrmBuf buf;
  ormBufInit(&buf, p->buf.pErr);
  for(int i=0, iBind=ormBindText(&p->binds, zPath, -1); i<2; i++){
    const char **pz = i ? &side.zValue : &side.zType;
    ormBufReset(&buf);
    ormBufAdd(&buf, i ? "json_extract(" : "json_type(", -1);
    ormBufAdd(&buf, zField, -1);
    ormBufAdd(&buf, ",?", 2);
    ormBufInt(&buf, p->iFirst + iBind);
    ormBufChar(&buf, ')');
    *pz = ormArenaText(pArena, ormBufText(&buf), buf.n);
  }
  ormBufFree(&buf);
  return side;
}

/* "CASE WHEN json_valid(<field>) THEN ": the functions fail on other text. */
static void jsonGuardSql(OrmSql *p, const JsonSide *pSide){
  sql(p, "CASE WHEN json_valid(");
  sql(p, pSide->zField);
  sql(p, ") THEN ");
}

/* The value itself, NULL for null. */
static void jsonValueSql(OrmSql *p, const JsonSide *pSide){
  jsonGuardSql(p, pSide);
  sql(p, pSide->zValue);
  if( pSide->bRoot ){
    sql(p, " ELSE ");
    sql(p, pSide->zField);
  }
  sql(p, " END");
}

static void jsonInnerSql(
  OrmSql *p, const OrmTest *pTest, const OrmLeft *pLeft, const char *zValue,
  const char *zAlias
){
  if( pTest->nArg==1 && pTest->aArg[0].eJson>=ORM_JSON_ARRAY ){
    Arg arg = argOf(p, pLeft, pTest->aArg);
    sql(p, zValue);
    sql(p, pTest->eOper==ORM_OP_NE ? "<>json(" : "=json(");
    argSql(p, &arg, zAlias);
    sql(p, ")");
  }else{
    plainSql(p, pTest, pLeft, zValue, zAlias);
  }
}

/* A test of a value of the operands' type; of others it is false (or true). */
static void jsonTypedSql(
  OrmSql *p, const OrmTest *pTest, const OrmLeft *pLeft,
  const JsonSide *pSide, const char *zAlias
){
  int eJson = pTest->aArg[0].eJson;
  sql(p, "(");
  jsonGuardSql(p, pSide);
  sql(p, "CASE WHEN ");
  sql(p, pSide->zType);
  sql(p, " IN (");
  sql(p, jsonKind(eJson));
  sql(p, ") THEN ");
  jsonInnerSql(p, pTest, pLeft, pSide->zValue, zAlias);
  sql(p, " WHEN ");
  sql(p, pSide->zType);
  sql(p, "<>'null' THEN ");
  sql(p, jsonOther(pTest->eOper));
  sql(p, " END");
  if( pSide->bRoot && eJson==ORM_JSON_STRING ){
    sql(p, " ELSE ");
    plainSql(p, pTest, pLeft, pSide->zField, zAlias);
  }else if( pSide->bRoot ){
    sql(p, " WHEN ");
    sql(p, pSide->zField);
    sql(p, " IS NOT NULL THEN ");
    sql(p, jsonOther(pTest->eOper));
  }
  sql(p, " END)");
}

/* A list may mix types: one test for each type that is there. */
static void jsonListSql(
  OrmSql *p, const OrmTest *pTest, const OrmLeft *pLeft,
  const JsonSide *pSide, const char *zAlias
){
  static const u8 aType[] = { ORM_JSON_STRING, ORM_JSON_REAL, ORM_JSON_TRUE };
  OrmTest part = *pTest;
  int bAny = 0;
  part.aArg = ormArenaAlloc(p->binds.pArena,
                            pTest->nArg * (i64)sizeof(OrmOperand));
  if( part.aArg==0 ) return;
  sql(p, "(");
  for(int i=0; i<ORM_COUNT(aType); i++){
    part.nArg = 0;
    for(int j=0; j<pTest->nArg; j++){
      if( jsonKind(pTest->aArg[j].eJson)!=jsonKind(aType[i]) ) continue;
      part.aArg[part.nArg++] = pTest->aArg[j];
    }
    if( part.nArg==0 ) continue;
    if( bAny ) sql(p, pTest->eOper==ORM_OP_IN ? " OR " : " AND ");
    jsonTypedSql(p, &part, pLeft, pSide, zAlias);
    bAny = 1;
  }
  sql(p, ")");
}

/* A test against another field: values, whatever their types. */
static void jsonFieldSql(
  OrmSql *p, const OrmTest *pTest, const OrmLeft *pLeft,
  const JsonSide *pSide, const char *zAlias
){
  OrmBuf whole = p->buf;
  const char *zValue;
  ormBufInit(&p->buf, whole.pErr);
  jsonValueSql(p, pSide);
  zValue = ormArenaText(p->binds.pArena, ormBufText(&p->buf), p->buf.n);
  ormBufFree(&p->buf);
  p->buf = whole;
  if( zValue ) plainSql(p, pTest, pLeft, zValue, zAlias);
}

static void jsonTestSql(
  OrmSql *p, const OrmTest *pTest, const OrmLeft *pLeft, const char *zField,
  const char *zAlias
){
  JsonSide side = jsonSide(p, pLeft, zField);
  OrmTest eq = *pTest;
  for(int i=0; i<pTest->nArg; i++){
    if( pTest->aArg[i].iField<0 ) continue;
    jsonFieldSql(p, pTest, pLeft, &side, zAlias);
    return;
  }
  if( pTest->eOper==ORM_OP_IN || pTest->eOper==ORM_OP_NOT_IN ){
    jsonListSql(p, pTest, pLeft, &side, zAlias);
  }else if( pTest->eOper==ORM_OP_DISTINCT_FROM ){
    eq.eOper = ORM_OP_EQ;
    jsonTypedSql(p, &eq, pLeft, &side, zAlias);
    sql(p, " IS NOT TRUE");
  }else{
    jsonTypedSql(p, pTest, pLeft, &side, zAlias);
  }
}

/* ----------------------------------------------------------- interface --- */

/* Is it a question about NULL alone?  1: is it NULL, 2: is it not. */
static int nullTest(const OrmTest *pTest){
  int bNull = pTest->nArg==1 && pTest->aArg[0].iField<0
           && pTest->aArg[0].bind.eType==SQLITE_NULL;
  switch( pTest->eOper ){
    case ORM_OP_IS_NULL:       return pTest->bNot ? 2 : 1;
    case ORM_OP_EQ:            return bNull;
    case ORM_OP_NE:
    case ORM_OP_DISTINCT_FROM: return bNull ? 2 : 0;
  }
  return 0;
}

void ormTestSql(
  OrmSql *p, const OrmTest *pTest, const OrmLeft *pLeft, const char *zLeft,
  const char *zAlias
){
  int bJson = pLeft->pField && pLeft->pField->eType==ORM_TYPE_JSON;
  int eNull = nullTest(pTest);
  if( p->buf.pErr->rc!=SQLITE_OK ) return;
  if( eNull ){
    if( bJson ){
      JsonSide side = jsonSide(p, pLeft, zLeft);
      jsonValueSql(p, &side);
    }else{
      sql(p, zLeft);
    }
    sql(p, eNull==1 ? " IS NULL" : " IS NOT NULL");
  }else if( bJson ){
    jsonTestSql(p, pTest, pLeft, zLeft, zAlias);
  }else{
    plainSql(p, pTest, pLeft, zLeft, zAlias);
  }
}
