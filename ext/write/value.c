/*
** Values on their way into columns: from JSON by the field's type, and
** compared with what is stored.
**
** What SQLite would do to a value when the column takes it (its affinity) is
** done here too, so that an unchanged value is known as such without asking
** (C20).  Where this falls short of SQLite (text like " 5" in a number's
** column) the value counts as changed and is written once more: never the
** other way round.
*/
#include "unit.h"

/* ------------------------------------------------------------------------
** From JSON
** --------------------------------------------------------------------- */

static void bindText(struct OrmBind *pOut, const char *z, i64 n){
  pOut->eType = SQLITE_TEXT;
  pOut->n = (int)n;
  pOut->u.z = z;
}

static void bindInt(struct OrmBind *pOut, i64 i){
  pOut->eType = SQLITE_INTEGER;
  pOut->n = 0;
  pOut->u.i = i;
}

/* Why a value is of the wrong type: the complaint. */
void ormUnitWrong(
  Unit *p, const OrmField *pField, const OrmJson *pNode, const char *zWanted
){
  if( pNode->eType==ORM_JSON_STRING && pNode->n<60 ){
    ormUnitErr(p, SQLITE_ERROR, pNode, "%s is %s, not \"%s\"", pField->zName,
               zWanted, pNode->z);
  }else{
    ormUnitErr(p, SQLITE_ERROR, pNode, "%s is %s, not %s", pField->zName,
               zWanted, ormJsonTypeName(pNode));
  }
}

/* A scalar as SQLite has it; 0 for an array or an object. */
static int plainValue(const OrmJson *pNode, struct OrmBind *pOut){
  memset(pOut, 0, sizeof(*pOut));
  switch( pNode->eType ){
    case ORM_JSON_NULL:    pOut->eType = SQLITE_NULL; break;
    case ORM_JSON_FALSE:   bindInt(pOut, 0); break;
    case ORM_JSON_TRUE:    bindInt(pOut, 1); break;
    case ORM_JSON_INTEGER: bindInt(pOut, pNode->u.i); break;
    case ORM_JSON_REAL:
      pOut->eType = SQLITE_FLOAT;
      pOut->u.r = pNode->u.r;
      break;
    case ORM_JSON_STRING:  bindText(pOut, pNode->z, pNode->n); break;
    default: return 0;
  }
  return 1;
}

/* Any JSON value as compact text. */
static void jsonValue(
  Unit *p, const OrmJson *pNode, struct OrmBind *pOut
){
  OrmBuf buf;
  char *z;
  ormBufInit(&buf, p->pErr);
  ormJsonNode(&buf, pNode);
  z = ormArenaText(p->pArena, ormBufText(&buf), buf.n);
  bindText(pOut, z ? z : "", z ? buf.n : 0);
  ormBufFree(&buf);
}

static int isNumber(const OrmJson *p){
  return p->eType==ORM_JSON_INTEGER || p->eType==ORM_JSON_REAL;
}

static int isBoolean(const OrmJson *p){
  return p->eType==ORM_JSON_TRUE || p->eType==ORM_JSON_FALSE
      || (p->eType==ORM_JSON_INTEGER && (p->u.i==0 || p->u.i==1));
}

int ormUnitAsIs(const OrmField *pField){
  switch( pField->eType ){
    case ORM_TYPE_JSON: case ORM_TYPE_BOOLEAN: case ORM_TYPE_DATE:
    case ORM_TYPE_DATETIME: case ORM_TYPE_BLOB: case ORM_TYPE_DECIMAL:
      return 0;
    default: return 1;
  }
}

const char *ormUnitValue(
  Unit *p, const OrmField *pField, const OrmJson *pNode, struct OrmBind *pOut
){
  int nBlob = 0;
  char *z;
  if( !plainValue(pNode, pOut) && pField->eType!=ORM_TYPE_JSON ){
    return "a single value";
  }
  if( pNode->eType==ORM_JSON_NULL ) return 0;
  switch( pField->eType ){
    case ORM_TYPE_JSON:
      jsonValue(p, pNode, pOut);
      return 0;
    case ORM_TYPE_BOOLEAN:
      return isBoolean(pNode) ? 0 : "a boolean";
    case ORM_TYPE_DATE:
    case ORM_TYPE_DATETIME: {
      int bTime = pField->eType==ORM_TYPE_DATETIME;
      if( isNumber(pNode) ) return 0;
      if( pNode->eType==ORM_JSON_STRING
       && ormDateText(pNode->z, pNode->n, bTime) ) return 0;
      return bTime ? "a datetime" : "a date";
    }
    case ORM_TYPE_BLOB:
      if( pNode->eType!=ORM_JSON_STRING ) return "a blob in base64";
      z = ormBase64Read(p->pArena, pNode->z, pNode->n, &nBlob);
      if( z==0 ) return "a blob in base64";
      bindText(pOut, z, nBlob);
      pOut->eType = SQLITE_BLOB;
      return 0;
    case ORM_TYPE_DECIMAL:
      if( isNumber(pNode) && pField->cAff=='B' ){
        bindText(pOut, pNode->z, pNode->n);
      }
      return 0;
    default: return 0;
  }
}

/* ------------------------------------------------------------------------
** Affinity
** --------------------------------------------------------------------- */

/* Is all of z[n] a JSON number? */
static int looksNumeric(const char *z, int n){
  return n>0 && n<400 && (z[0]=='-' || (z[0]>='0' && z[0]<='9'))
      && ormJsonValid(z, n);
}

static void realToInt(struct OrmBind *p){
  if( p->u.r>=-9007199254740992.0 && p->u.r<=9007199254740992.0 ){
    i64 i = (i64)p->u.r;
    double r = (double)i;
    if( !(r<p->u.r) && !(r>p->u.r) ) bindInt(p, i);
  }
}

static void textToNumber(struct OrmBind *p){
  i64 i = 0;
  int n = p->n, bMinus = n>0 && p->u.z[0]=='-';
  const char *z = p->u.z;
  if( !looksNumeric(z, n) ) return;
  for(int j=bMinus; j<n; j++){
    if( n>18 || z[j]<'0' || z[j]>'9' ){
      double r = ormRealParse(z, n);
      p->eType = SQLITE_FLOAT;
      p->u.r = r;
      p->n = 0;
      return;
    }
    i = i*10 + (z[j] - '0');
  }
  bindInt(p, bMinus ? -i : i);
}

void ormValAffinity(OrmArena *pArena, struct OrmBind *p, char cAff){
  char *z;
  switch( cAff ){
    case 'A': return;
    case 'B':
      if( p->eType==SQLITE_INTEGER ){
        z = ormArenaPrintf(pArena, "%lld", p->u.i);
      }else if( p->eType==SQLITE_FLOAT ){
        z = ormArenaPrintf(pArena, "%!.15g", p->u.r);
      }else return;
      if( z ) bindText(p, z, (i64)strlen(z));
      return;
    default:
      if( p->eType==SQLITE_TEXT ) textToNumber(p);
      if( cAff=='E' ){
        if( p->eType==SQLITE_INTEGER ){
          double r = (double)p->u.i;
          p->eType = SQLITE_FLOAT;
          p->u.r = r;
        }
      }else if( p->eType==SQLITE_FLOAT ){
        realToInt(p);
      }
  }
}

/* Same class, same bytes. */
int ormValSame(const struct OrmBind *a, const struct OrmBind *b){
  if( a->eType!=b->eType ) return 0;
  switch( a->eType ){
    case SQLITE_NULL:    return 1;
    case SQLITE_INTEGER: return a->u.i==b->u.i;
    case SQLITE_FLOAT:   return !(a->u.r<b->u.r) && !(a->u.r>b->u.r);
    default:
      return a->n==b->n && (a->n==0 || memcmp(a->u.z, b->u.z, (size_t)a->n)==0);
  }
}

/* The next character of JSON text that is no white space between tokens, or -1
** at the end. */
enum { JSON_OUTSIDE, JSON_STRING, JSON_ESCAPE };     /* where *peIn is        */
static int nextJson(const char *z, int n, int *pi, int *peIn){
  int c;
  if( *peIn==JSON_OUTSIDE ){
    while( *pi<n && memchr(" \n\r\t", z[*pi], 4) ) (*pi)++;
  }
  if( *pi>=n ) return -1;
  c = (u8)z[(*pi)++];
  if( *peIn==JSON_ESCAPE ) *peIn = JSON_STRING;
  else if( c=='\\' ) *peIn = JSON_ESCAPE;
  else if( c=='"' ) *peIn = !*peIn;
  return c;
}

/* Do two JSON texts say the same, white space aside? */
static int sameJson(const struct OrmBind *a, const struct OrmBind *b){
  int i = 0, j = 0, eInA = JSON_OUTSIDE, eInB = JSON_OUTSIDE, c;
  if( a->eType!=SQLITE_TEXT || b->eType!=SQLITE_TEXT ) return 0;
  do{
    c = nextJson(a->u.z, a->n, &i, &eInA);
    if( c!=nextJson(b->u.z, b->n, &j, &eInB) ) return 0;
  }while( c>=0 );
  return 1;
}

int ormValueSame(
  OrmArena *pArena, const OrmField *pField, const struct OrmBind *pNew,
  const struct OrmBind *pOld
){
  struct OrmBind v = *pNew;
  ormValAffinity(pArena, &v, pField->cAff);
  if( ormValSame(&v, pOld) ) return 1;
  return pField->eType==ORM_TYPE_JSON && sameJson(&v, pOld);
}

/* Is the string the base64 of the blob? */
static int isBase64Of(
  OrmArena *pArena, const OrmJson *pNode, const struct OrmBind *pBlob
){
  OrmBuf buf;
  int bSame;
  if( pNode->n!=((i64)pBlob->n + 2)/3*4 ) return 0;
  ormBufInit(&buf, pArena->pErr);
  ormJsonBlob(&buf, pBlob->u.z, pBlob->n);
  bSame = buf.n==pNode->n + 2
       && memcmp(ormBufText(&buf) + 1, pNode->z, (size_t)pNode->n)==0;
  ormBufFree(&buf);
  return bSame;
}

int ormValueRaw(
  OrmArena *pArena, const OrmField *pField, const OrmJson *pNode,
  const struct OrmBind *pOld
){
  struct OrmBind v;
  if( pNode==0 || !plainValue(pNode, &v) ) return 0;
  if( pOld->eType==SQLITE_BLOB ){
    return pNode->eType==ORM_JSON_STRING && isBase64Of(pArena, pNode, pOld);
  }
  if( pField->eType==ORM_TYPE_JSON && pOld->eType==SQLITE_TEXT
   && ormJsonValid(pOld->u.z, pOld->n) ){
    const struct OrmBind null = { .eType = SQLITE_TEXT, .n = 4, .u.z = "null" };
    return v.eType==SQLITE_NULL && sameJson(&null, pOld);
  }
  return ormValSame(&v, pOld);
}

/* ------------------------------------------------------------------------
** Keys: hashing and comparing under a collation
** --------------------------------------------------------------------- */

enum { COLL_BINARY, COLL_NOCASE, COLL_RTRIM };
static int collation(const OrmField *p){
  if( sqlite3_stricmp(p->zColl, "NOCASE")==0 ) return COLL_NOCASE;
  if( sqlite3_stricmp(p->zColl, "RTRIM")==0 ) return COLL_RTRIM;
  return COLL_BINARY;
}

static u8 fold(char c, int eColl){
  if( eColl==COLL_NOCASE && c>='A' && c<='Z' ) return (u8)(c + 32);
  return (u8)c;
}

static int textLength(const struct OrmBind *p, int eColl){
  int n = p->n;
  if( eColl==COLL_RTRIM ) while( n>0 && p->u.z[n-1]==' ' ) n--;
  return n;
}

/* Of a value that is not NULL. */
u32 ormValHash(const struct OrmBind *p, const OrmField *pField){
  u64 h = 14695981039346656037u;
  if( p->eType==SQLITE_TEXT || p->eType==SQLITE_BLOB ){
    int eColl = p->eType==SQLITE_TEXT ? collation(pField) : COLL_BINARY;
    int n = textLength(p, eColl);
    for(int i=0; i<n; i++) h = (h ^ fold(p->u.z[i], eColl)) * 1099511628211u;
  }else if( p->eType==SQLITE_INTEGER ){
    h = (u64)p->u.i * 0x9E3779B97F4A7C15u;
  }else{
    memcpy(&h, &p->u.r, sizeof(h));
    h *= 0x9E3779B97F4A7C15u;
  }
  return (u32)(h>>32) ^ (u32)h;
}

int ormValEqual(
  const struct OrmBind *a, const struct OrmBind *b, const OrmField *pField
){
  int eColl, n;
  if( a->eType!=SQLITE_TEXT || b->eType!=SQLITE_TEXT ) return ormValSame(a, b);
  eColl = collation(pField);
  n = textLength(a, eColl);
  if( n!=textLength(b, eColl) ) return 0;
  for(int i=0; i<n; i++){
    if( fold(a->u.z[i], eColl)!=fold(b->u.z[i], eColl) ) return 0;
  }
  return 1;
}

/* ------------------------------------------------------------------------
** In and out of statements
** --------------------------------------------------------------------- */

void ormUnitTake(OrmArena *pArena, struct OrmBind *p, sqlite3_value *pVal){
  const void *z;
  int n;
  memset(p, 0, sizeof(*p));
  p->eType = (u8)sqlite3_value_type(pVal);
  switch( p->eType ){
    case SQLITE_INTEGER: p->u.i = sqlite3_value_int64(pVal); return;
    case SQLITE_FLOAT:   p->u.r = sqlite3_value_double(pVal); return;
    case SQLITE_NULL:    return;
    case SQLITE_TEXT:    z = sqlite3_value_text(pVal); break;
    default:             z = sqlite3_value_blob(pVal); break;
  }
  n = sqlite3_value_bytes(pVal);
  /* Without memory for a blob that is made now the value has become NULL.    */
  if( z==0 && (p->eType==SQLITE_TEXT || sqlite3_value_type(pVal)!=p->eType) ){
    ormErrOom(pArena->pErr);
  }
  p->u.z = ormArenaText(pArena, z ? z : "", z ? n : 0);
  p->n = p->u.z ? n : 0;
  if( p->u.z==0 ) p->eType = SQLITE_NULL;
}

void ormValText1(OrmBuf *pBuf, const struct OrmBind *p){
  switch( p->eType ){
    case SQLITE_INTEGER: ormBufInt(pBuf, p->u.i); break;
    case SQLITE_FLOAT:   ormBufPrintf(pBuf, "%!.15g", p->u.r); break;
    case SQLITE_TEXT:    ormBufAdd(pBuf, p->u.z, p->n); break;
    case SQLITE_BLOB:    ormJsonBlob(pBuf, p->u.z, p->n); break;
    default:             ormBufAdd(pBuf, "null", 4); break;
  }
}
