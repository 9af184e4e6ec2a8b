/*
** Cursors: the place of a row in an ordered result, as text.
**
** A cursor holds the row's order values, the key among them, so it needs no
** row to be there: what comes after a row that was deleted is still known.
** The bytes, in base64 with - and _ and without padding:
**
**     checksum   8   of all that follows
**     order      8   hash of the model and the order's terms
**     values         each a type byte (SQLITE_INTEGER ..) and, in big-endian,
**                    INTEGER 8, FLOAT 8, TEXT and BLOB a length of 4 and bytes
**
** The hash tells a cursor of another query, the checksum one that was changed.
** Neither is a secret: a cursor says nothing that its query may not ask.
*/
#include "../orm_int.h"

#define NESTED_TERMS 16         /* more are compared one after the other     */

/* ------------------------------------------------------------------------
** Hashes, the same on every machine
*/
#define HASH_START 0xcbf29ce484222325u

static u32 get4(const u8 *a){
  return (u32)a[0]<<24 | (u32)a[1]<<16 | (u32)a[2]<<8 | a[3];
}

static u64 get8(const u8 *a){
  return (u64)get4(a)<<32 | get4(a + 4);
}

static void put4(u8 *a, u32 u){
  a[0] = (u8)(u>>24);
  a[1] = (u8)(u>>16);
  a[2] = (u8)(u>>8);
  a[3] = (u8)u;
}

static void put8(u8 *a, u64 u){
  put4(a, (u32)(u>>32));
  put4(a + 4, (u32)u);
}

static u64 hashBytes(u64 h, const u8 *a, i64 n){
  for(; n>=8; a+=8, n-=8){
    h = (h ^ get8(a)) * 0x9e3779b97f4a7c15u;
    h ^= h>>32;
  }
  for(; n>0; a++, n--) h = (h ^ *a) * 0x100000001b3u;
  return h;
}

static u64 hashText(u64 h, const char *z){
  return hashBytes(h, (const u8*)z, (i64)strlen(z) + 1);
}

static u64 hashEnd(u64 h){
  h ^= h>>32;
  h *= 0xd6e8feb86659fd93u;
  h ^= h>>32;
  h *= 0xd6e8feb86659fd93u;
  return h ^ (h>>32);
}

/* The model, and each term with its direction. */
u64 ormCursorOrder(const OrmQuery *pQuery){
  u64 h = hashText(HASH_START, pQuery->pModel->zName);
  for(int i=0; i<pQuery->nOrder; i++){
    const OrmOrder *p = &pQuery->aOrder[i];
    for(int j=0; j<p->nHop; j++) h = hashText(h, p->apHop[j]->zName);
    h = hashText(h, p->iField<0 ? "_count" : "");
    h = hashText(h, p->iField<0 ? p->pCount->zName
                                : p->pModel->aField[p->iField].zName);
    h = hashText(h, p->bDesc ? "desc" : "asc");
    h = hashText(h, p->bNullsLast ? "last" : "first");
  }
  return hashEnd(h);
}

/* ------------------------------------------------------------------------
** Writing
*/
static const char zDigit[] =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The most bytes that a value takes. */
static i64 valueSize(const struct OrmBind *p){
  return ormBindIsBytes(p) ? 5 + (i64)p->n : 9;
}

/* Write a value at a; returns its end. */
static u8 *putValue(u8 *a, const struct OrmBind *p){
  *a++ = p->eType;
  if( ormBindIsBytes(p) ){
    put4(a, (u32)p->n);
    if( p->n ) memcpy(a + 4, p->u.z, (size_t)p->n);
    return a + 4 + p->n;
  }
  if( p->eType==SQLITE_INTEGER ){
    put8(a, (u64)p->u.i);
  }else if( p->eType==SQLITE_FLOAT ){
    u64 u;
    memcpy(&u, &p->u.r, 8);
    put8(a, u);
  }else{
    return a;
  }
  return a + 8;
}

/* n bytes as text at z, which may lie before a by n/3 or more; returns the
** length. */
static i64 putBase64(char *z, const u8 *a, i64 n){
  char *zStart = z;
  for(; n>0; a+=3, n-=3, z+=4){
    u32 u = (u32)a[0]<<16 | (u32)(n>1 ? a[1] : 0)<<8 | (n>2 ? a[2] : 0);
    z[0] = zDigit[u>>18];
    z[1] = zDigit[(u>>12) & 63];
    z[2] = zDigit[(u>>6) & 63];
    z[3] = zDigit[u & 63];
  }
  return z - zStart + (n<0 ? n : 0);
}

/* The bytes are put where the text ends, so that both need one place. */
void ormCursorText(
  OrmBuf *pOut, const OrmQuery *pQuery, const struct OrmBind *aVal
){
  i64 nMax = 16;
  char *z;
  u8 *aStart, *a;
  for(int i=0; i<pQuery->nOrder; i++) nMax += valueSize(&aVal[i]);
  z = ormBufReserve(pOut, nMax + nMax/3 + 4);
  if( z==0 ) return;
  aStart = (u8*)z + nMax/3 + 4;
  put8(aStart + 8, pQuery->iOrder);
  a = aStart + 16;
  for(int i=0; i<pQuery->nOrder; i++) a = putValue(a, &aVal[i]);
  put8(aStart, hashEnd(hashBytes(HASH_START, aStart + 8, a - aStart - 8)));
  pOut->n += putBase64(z, aStart, a - aStart);
}

/* ------------------------------------------------------------------------
** Reading
*/
/* 1 + the value of a digit from '-' on, 0: none. */
static const u8 aDigit['z' - '-' + 1] = {
  63,  0,  0, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62,  0,  0,  0,  0,  0,  0,
   0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
  19, 20, 21, 22, 23, 24, 25, 26,  0,  0,  0,  0, 64,  0, 27, 28, 29, 30, 31,
  32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50,
  51, 52
};

static int digitValue(char c){
  unsigned i = (unsigned)(u8)c - '-';
  return i<sizeof(aDigit) ? aDigit[i] - 1 : -1;
}

/* The characters of a cursor at the start of z[n]. */
i64 ormCursorLength(const char *z, i64 n){
  i64 i = 0;
  while( i<n && digitValue(z[i])>=0 ) i++;
  return i;
}

/* The bytes of a text into a (n*3/4 of them); -1 if it is not what addBase64()
** writes, bit by bit. */
static i64 fromBase64(const char *z, i64 n, u8 *a){
  i64 nOut = 0;
  u32 u = 0;
  int nBit = 0;
  if( n%4==1 ) return -1;
  for(i64 i=0; i<n; i++){
    int iDigit = digitValue(z[i]);
    if( iDigit<0 ) return -1;
    u = u<<6 | (u32)iDigit;
    nBit += 6;
    if( nBit>=8 ){
      nBit -= 8;
      a[nOut++] = (u8)(u>>nBit);
      u &= (1u<<nBit) - 1;
    }
  }
  return u ? -1 : nOut;
}

/* One value from *pa up to pEnd, its text left where it is; 0 if there is
** none. */
static int getValue(const u8 **pa, const u8 *pEnd, struct OrmBind *p){
  const u8 *a = *pa;
  i64 n = 0;
  u64 u;
  if( a>=pEnd ) return 0;
  p->eType = *a++;
  if( p->eType<SQLITE_INTEGER || p->eType>SQLITE_NULL ) return 0;
  if( p->eType==SQLITE_TEXT || p->eType==SQLITE_BLOB ){
    if( pEnd - a<4 ) return 0;
    n = (i64)get4(a);
    a += 4;
    p->u.z = (const char*)a;
    p->n = (int)n;
  }else if( p->eType!=SQLITE_NULL ){
    n = 8;
  }
  if( n>0x7fffffff || pEnd - a<n ) return 0;
  if( p->eType==SQLITE_INTEGER ){
    p->u.i = (i64)get8(a);
  }else if( p->eType==SQLITE_FLOAT ){
    u = get8(a);
    memcpy(&p->u.r, &u, 8);
  }
  *pa = a + n;
  return 1;
}

/* The values behind the two hashes: 1, or 0 if they are not the order's. */
static int getValues(OrmCursor *p, const u8 *a, const u8 *pEnd){
  for(int i=0; i<p->n; i++) if( !getValue(&a, pEnd, &p->a[i]) ) return 0;
  return a==pEnd;
}

const OrmCursor *ormCursorParse(
  OrmParse *p, const OrmQuery *pQuery, const OrmJson *pNode
){
  OrmCursor *pCursor;
  u8 *a;
  i64 n;
  if( pNode->eType!=ORM_JSON_STRING ){
    ormJsonErr(p->pErr, pNode, "a cursor is wanted, not %s",
               ormJsonTypeName(pNode));
    return 0;
  }
  pCursor = ormArenaAlloc(p->pArena, (i64)sizeof(*pCursor));
  if( pCursor==0 ) return 0;
  pCursor->n = pQuery->nOrder;
  pCursor->a = ormArenaAlloc(p->pArena,
                             (i64)sizeof(struct OrmBind)*pCursor->n);
  a = (u8*)ormArenaRaw(p->pArena, pNode->n + 1);
  if( a==0 ) return 0;
  n = fromBase64(pNode->z, pNode->n, a);
  if( n<16
   || get8(a)!=hashEnd(hashBytes(HASH_START, a + 8, n - 8)) ){
    ormJsonErr(p->pErr, pNode, "not a cursor");
  }else if( get8(a + 8)!=pQuery->iOrder
         || !getValues(pCursor, a + 16, a + n) ){
    ormJsonErr(p->pErr, pNode, "a cursor of another query: it has another"
               " model or order");
  }
  return p->pErr->rc ? 0 : pCursor;
}

/* ------------------------------------------------------------------------
** Rows beyond a cursor
*/
typedef struct Beyond Beyond;
struct Beyond {
  OrmSql *p;
  const OrmQuery *pQuery;
  const OrmCursor *pCursor;
  const char *zAlias;
  int bBack;                    /* rows before it                             */
  int iBind;                    /* of the cursor's first value; NULLs have    */
                                /*   none                                     */
};

static void termSql(Beyond *p, int i){
  ormOrderTermSql(p->p, &p->pQuery->aOrder[i], p->zAlias);
}

static int isNull(const Beyond *p, int i){
  return p->pCursor->a[i].eType==SQLITE_NULL;
}

/* In the direction we walk: do NULLs of term i come after the other values? */
static int nullsAhead(const Beyond *p, int i){
  const OrmOrder *pTerm = &p->pQuery->aOrder[i];
  return !pTerm->bNotNull && (pTerm->bNullsLast ^ p->bBack);
}

/* ?N of value i, which is not NULL. */
static void valueSql(Beyond *p, int i){
  int iBind = p->iBind;
  for(int j=0; j<i; j++) iBind += !isNull(p, j);
  ormSqlParam(p->p, iBind);
}

static void compareSql(Beyond *p, int i, const char *zOp){
  termSql(p, i);
  ormBufAdd(&p->p->buf, zOp, -1);
  valueSql(p, i);
}

/* Can a row's term i be strictly beyond the cursor's value? */
static int canPass(const Beyond *p, int i){
  return !isNull(p, i) || !nullsAhead(p, i);
}

/* "term i is strictly beyond the value". */
static void passSql(Beyond *p, int i){
  OrmBuf *pBuf = &p->p->buf;
  int bDesc = p->pQuery->aOrder[i].bDesc ^ p->bBack;
  if( isNull(p, i) ){
    termSql(p, i);
    ormBufAdd(pBuf, " IS NOT NULL", -1);
  }else if( nullsAhead(p, i) ){
    ormBufChar(pBuf, '(');
    compareSql(p, i, bDesc ? " < " : " > ");
    ormBufAdd(pBuf, " OR ", 4);
    termSql(p, i);
    ormBufAdd(pBuf, " IS NULL)", -1);
  }else{
    compareSql(p, i, bDesc ? " < " : " > ");
  }
}

static void equalSql(Beyond *p, int i){
  if( isNull(p, i) ){
    termSql(p, i);
    ormBufAdd(&p->p->buf, " IS NULL", -1);
  }else{
    compareSql(p, i, " = ");
  }
}

/* The same of many terms, which SQLite's parser does not take nested: "a >= ?1
** AND CASE WHEN pass(a) THEN 1 WHEN NOT equal(a) THEN 0 WHEN pass(b) .. END" */
static void flatSql(Beyond *p, int i){
  OrmBuf *pBuf = &p->p->buf;
  if( canPass(p, i) && !isNull(p, i) && !nullsAhead(p, i) ){
    int bDesc = p->pQuery->aOrder[i].bDesc ^ p->bBack;
    compareSql(p, i, bDesc ? " <= " : " >= ");
    ormBufAdd(pBuf, " AND ", 5);
  }
  ormBufAdd(pBuf, "CASE", 4);
  for(; i<p->pQuery->nOrder; i++){
    if( canPass(p, i) ){
      ormBufAdd(pBuf, " WHEN ", 6);
      passSql(p, i);
      ormBufAdd(pBuf, " THEN 1", 7);
    }
    ormBufAdd(pBuf, " WHEN (", 7);
    equalSql(p, i);
    ormBufAdd(pBuf, ") IS NOT TRUE THEN 0", -1);
  }
  ormBufAdd(pBuf, " ELSE 0 END", -1);
}

/* "the terms from i on are beyond the cursor": pass(i) OR equal(i) AND the
** rest.  Where a plain comparison bounds the term, it stands in front, so that
** an index can start there. */
static void beyondSql(Beyond *p, int i){
  OrmBuf *pBuf = &p->p->buf;
  int bPass = canPass(p, i);
  int bDesc = p->pQuery->aOrder[i].bDesc ^ p->bBack;
  if( p->pQuery->nOrder - i>NESTED_TERMS ){
    flatSql(p, i);
    return;
  }
  if( i+1==p->pQuery->nOrder ){
    if( bPass ) passSql(p, i);
    else ormBufChar(pBuf, '0');
    return;
  }
  if( !bPass ){
    equalSql(p, i);
    ormBufAdd(pBuf, " AND (", 6);
    beyondSql(p, i + 1);
    ormBufChar(pBuf, ')');
    return;
  }
  if( !isNull(p, i) && !nullsAhead(p, i) ){
    compareSql(p, i, bDesc ? " <= " : " >= ");
    ormBufAdd(pBuf, " AND (", 6);
    compareSql(p, i, bDesc ? " < " : " > ");
    ormBufAdd(pBuf, " OR (", 5);
  }else{
    ormBufChar(pBuf, '(');
    passSql(p, i);
    ormBufAdd(pBuf, " OR (", 5);
    equalSql(p, i);
    ormBufAdd(pBuf, " AND ", 5);
  }
  beyondSql(p, i + 1);
  ormBufAdd(pBuf, "))", 2);
}

/* Put the cursor's first n values into the binds, marked as such.  All are
** used: a bind that the text does not name would be an error. */
static void bindCursor(Beyond *p, int n){
  OrmBinds *pBinds = &p->p->binds;
  int bBefore = p->pCursor==p->pQuery->pBefore;
  p->iBind = pBinds->n;
  for(int i=0; i<n; i++){
    const struct OrmBind *pBind = &p->pCursor->a[i];
    int iBind = pBinds->n;
    switch( pBind->eType ){
      case SQLITE_INTEGER: ormBindInt(pBinds, pBind->u.i); break;
      case SQLITE_FLOAT: ormBindReal(pBinds, pBind->u.r); break;
      case SQLITE_TEXT: ormBindText(pBinds, pBind->u.z, pBind->n); break;
      case SQLITE_BLOB: ormBindBlob(pBinds, pBind->u.z, pBind->n); break;
      default: break;
    }
    if( pBinds->n>iBind ){
      pBinds->a[iBind].iCursor = (u16)(1 + 2*i + bBefore);
    }
  }
}

/* Can the terms be compared as one row value?  All fields of the model, in one
** direction, and no NULL in the cursor nor ahead of it.  SQLite finds no row
** value that ends in a rowid by an index, so there stretches do better. */
static int isRowValue(const Beyond *p){
  const OrmQuery *pQuery = p->pQuery;
  if( pQuery->nOrder<2 || pQuery->pModel->bRowidKey ) return 0;
  for(int i=0; i<pQuery->nOrder; i++){
    const OrmOrder *pTerm = &pQuery->aOrder[i];
    if( pTerm->nHop || pTerm->iField<0 || isNull(p, i) || nullsAhead(p, i)
     || pTerm->bDesc!=pQuery->aOrder[0].bDesc ) return 0;
  }
  return 1;
}

/* "(a, b) > (?1, ?2)" */
static void rowValueSql(Beyond *p){
  OrmBuf *pBuf = &p->p->buf;
  int bDesc = p->pQuery->aOrder[0].bDesc ^ p->bBack;
  for(int i=0; i<p->pQuery->nOrder; i++){
    ormBufAdd(pBuf, i ? ", " : "(", -1);
    termSql(p, i);
  }
  ormBufAdd(pBuf, bDesc ? ") < (" : ") > (", -1);
  for(int i=0; i<p->pQuery->nOrder; i++){
    if( i ) ormBufAdd(pBuf, ", ", 2);
    valueSql(p, i);
  }
  ormBufChar(pBuf, ')');
}

static void cursorSql(
  OrmSql *p, const OrmQuery *pQuery, const OrmCursor *pCursor,
  const char *zAlias, int bBack
){
  Beyond beyond = { p, pQuery, pCursor, zAlias, bBack, 0 };
  int bFew;
  if( pCursor==0 ) return;
  bFew = ormSqlInFew(p, pQuery->pModel);
  bindCursor(&beyond, pCursor->n);
  ormBufAdd(&p->buf, bFew ? " AND (" : " AND ", -1);
  if( isRowValue(&beyond) ) rowValueSql(&beyond);
  else beyondSql(&beyond, 0);
  if( bFew ) ormBufAdd(&p->buf, ")+0", 3);
}

/* " AND .." for after and before. */
void ormCursorSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  cursorSql(p, pQuery, pQuery->pAfter, zAlias, 0);
  cursorSql(p, pQuery, pQuery->pBefore, zAlias, 1);
}

/* ------------------------------------------------------------------------
** Stretches: the rows beyond a cursor as parts that follow each other
**
** Beyond (a, b, k) in a mixed order, or where NULLs are ahead, one comparison
** bounds nothing: an index would be walked over all rows that are equal in a,
** or from its start.  But the rows with the same a and b and a greater k, then
** those with the same a and a greater b, then those with a NULL b, and so on,
** are each one range of an index.  Statements of their own find them, one after
** the other (fetch.c); in one statement SQLite merges them lazily if their
** order is by columns only.
*/
#define STRETCH_TERMS 4         /* terms that are split                       */

/* The cursor that the rows are walked from, and which way. */
static Beyond walkFrom(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  Beyond beyond = { p, pQuery, pQuery->pAfter, zAlias, 0, 0 };
  if( pQuery->bLast ){
    beyond.pCursor = pQuery->pBefore;
    beyond.bBack = 1;
  }
  return beyond;
}

/* Has the model an index that starts with the field? */
static int startsIndex(const OrmModel *pModel, int iField){
  for(int i=0; i<pModel->nIndex; i++){
    const OrmIndex *p = &pModel->aIndex[i];
    if( !p->bPartial && p->n>0 && p->aField[0]==iField ) return 1;
  }
  return 0;
}

/* The terms that stretches are made of; 0: one condition does as well. */
static int stretchTerms(const Beyond *p){
  const OrmQuery *pQuery = p->pQuery;
  const OrmOrder *pFirst = pQuery->aOrder;
  int n = pQuery->nOrder;
  if( p->pCursor==0 || n<2 || isRowValue(p) ) return 0;
  for(int i=0; i<n; i++){
    if( pQuery->aOrder[i].nHop || pQuery->aOrder[i].iField<0 ) return 0;
  }
  if( !startsIndex(pQuery->pModel, pFirst->iField) ) return 0;
  if( pFirst->bNotNull && ormModelUnique(pQuery->pModel, 1, &pFirst->iField) ){
    return 0;
  }
  return n<STRETCH_TERMS ? n : STRETCH_TERMS;
}

/* The parts of term i: none, those with a value beyond, and those with NULL. */
static int partCount(const Beyond *p, int i, int nTerm){
  if( i==nTerm-1 ) return 1;
  if( !canPass(p, i) ) return 0;
  return 1 + (!isNull(p, i) && nullsAhead(p, i));
}

int ormStretchCount(const OrmQuery *pQuery){
  Beyond beyond = walkFrom(0, pQuery, 0);
  int nTerm = stretchTerms(&beyond);
  int n = 0;
  for(int i=0; i<nTerm; i++) n += partCount(&beyond, i, nTerm);
  return n;
}

/* "term i is not NULL", as a range of an index: from the least value on. IS NOT
** NULL would have all NULLs of the index walked over. */
static void notNullSql(Beyond *p, int i){
  const OrmOrder *pTerm = &p->pQuery->aOrder[i];
  const OrmField *pField = &pTerm->pModel->aField[pTerm->iField];
  termSql(p, i);
  if( pField->cAff!='B' ){
    ormBufAdd(&p->p->buf, " >= -9e999", -1);
  }else if( sqlite3_stricmp(pField->zColl, "BINARY")==0
         || sqlite3_stricmp(pField->zColl, "NOCASE")==0 ){
    ormBufAdd(&p->p->buf, " >= ''", -1);
  }else{
    ormBufAdd(&p->p->buf, " IS NOT NULL", -1);
  }
}

/* " AND .." of one part of term i. */
static void partSql(Beyond *p, int i, int iPart, int nTerm){
  OrmBuf *pBuf = &p->p->buf;
  int bDesc = p->pQuery->aOrder[i].bDesc ^ p->bBack;
  for(int j=0; j<i; j++){
    ormBufAdd(pBuf, " AND ", 5);
    equalSql(p, j);
  }
  ormBufAdd(pBuf, " AND ", 5);
  if( i==nTerm-1 ){
    beyondSql(p, i);
  }else if( iPart==1 ){
    termSql(p, i);
    ormBufAdd(pBuf, " IS NULL", -1);
  }else if( isNull(p, i) ){
    notNullSql(p, i);
  }else{
    compareSql(p, i, bDesc ? " < " : " > ");
  }
}

/* The term that a stretch is about, and which part of it. */
static int stretchTerm(const Beyond *p, int nTerm, int iStretch, int *piPart){
  int i = nTerm - 1;
  while( i>0 && iStretch>=partCount(p, i, nTerm) ){
    iStretch -= partCount(p, i--, nTerm);
  }
  *piPart = iStretch;
  return i;
}

/* The other cursor of a stretch. */
static void stretchEnd(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  if( !pQuery->bLast ) cursorSql(p, pQuery, pQuery->pBefore, zAlias, 1);
}

/* Stretch iStretch of ormStretchCount(), and the other cursor.  The one that
** finds -1 at *piBind puts the cursor's values into the binds, for all. */
void ormStretchSql(
  OrmSql *p, const OrmQuery *pQuery, const char *zAlias, int iStretch,
  int *piBind
){
  Beyond beyond = walkFrom(p, pQuery, zAlias);
  int nTerm = stretchTerms(&beyond);
  int iPart, i = stretchTerm(&beyond, nTerm, iStretch, &iPart);
  if( *piBind<0 ){
    bindCursor(&beyond, beyond.pCursor->n);
    *piBind = beyond.iBind;
  }
  beyond.iBind = *piBind;
  partSql(&beyond, i, iPart, nTerm);
  stretchEnd(p, pQuery, zAlias);
}

/* The same for a statement of its own.  Returns how many terms are alike in all
** its rows; *pbNull: the next one may be NULL. */
int ormStretchAlone(
  OrmSql *p, const OrmQuery *pQuery, const char *zAlias, int iStretch,
  int *pbNull
){
  Beyond beyond = walkFrom(p, pQuery, zAlias);
  int nTerm = stretchTerms(&beyond);
  int iPart, i = stretchTerm(&beyond, nTerm, iStretch, &iPart);
  bindCursor(&beyond, i==nTerm-1 ? beyond.pCursor->n : i + (iPart==0));
  partSql(&beyond, i, iPart, nTerm);
  stretchEnd(p, pQuery, zAlias);
  *pbNull = i==nTerm-1 || iPart==1;
  return i + iPart;
}
