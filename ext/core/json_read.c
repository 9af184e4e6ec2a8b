/*
** The JSON reader: a document as a tree of OrmJson nodes.
**
** Strict RFC 8259: nothing that the grammar does not have (comments, trailing
** commas, single quotes, leading zeros, NaN), text must be UTF-8, the depth is
** bounded by ORM_JSON_MAX_DEPTH.  The parser keeps its place in the parent
** pointers of the nodes, so no input makes it recurse.
**
** Everything it makes lives in the caller's arena: nodes, decoded strings, the
** document's own text stays the caller's and must outlive zRaw.
*/
#include "../orm_int.h"
#include <stdarg.h>
#if defined(__SSE2__)
# include <emmintrin.h>
#endif

typedef struct Parser Parser;
struct Parser {
  OrmArena *pArena;             /* 0: only check, make no nodes               */
  const char *zIn, *z, *zEnd;
  const char *zBad;             /* what is wrong, or 0                        */
  u8 bInPlace;                  /* strings without escapes are not copied     */
};

/* Remember the first complaint; the place is p->z. */
static void bad(Parser *p, const char *zBad){
  if( p->zBad==0 ) p->zBad = zBad;
}

static void skipSpace(Parser *p){
  while( p->z<p->zEnd
      && (*p->z==' ' || *p->z=='\n' || *p->z=='\r' || *p->z=='\t') ) p->z++;
}

static int isDigit(char c){
  return c>='0' && c<='9';
}

/* Bytes of the UTF-8 character at z, of which n are there; 0 if it is none. */
int ormUtf8Length(const char *zText, i64 n){
  const u8 *z = (const u8*)zText;
  if( z[0]<0x80 ) return 1;
  if( z[0]<0xc2 || n<2 || (z[1] & 0xc0)!=0x80 ) return 0;
  if( z[0]<0xe0 ) return 2;
  if( n<3 || (z[2] & 0xc0)!=0x80 ) return 0;
  if( z[0]<0xf0 ){
    if( z[0]==0xe0 && z[1]<0xa0 ) return 0;
    if( z[0]==0xed && z[1]>=0xa0 ) return 0;
    return 3;
  }
  if( n<4 || (z[3] & 0xc0)!=0x80 || z[0]>0xf4 ) return 0;
  if( z[0]==0xf0 && z[1]<0x90 ) return 0;
  if( z[0]==0xf4 && z[1]>=0x90 ) return 0;
  return 4;
}

static int putUtf8(char *z, u32 c){
  if( c<0x80 ){
    z[0] = (char)c;
    return 1;
  }
  if( c<0x800 ){
    z[0] = (char)(0xc0 | (c>>6));
    z[1] = (char)(0x80 | (c & 0x3f));
    return 2;
  }
  if( c<0x10000 ){
    z[0] = (char)(0xe0 | (c>>12));
    z[1] = (char)(0x80 | ((c>>6) & 0x3f));
    z[2] = (char)(0x80 | (c & 0x3f));
    return 3;
  }
  z[0] = (char)(0xf0 | (c>>18));
  z[1] = (char)(0x80 | ((c>>12) & 0x3f));
  z[2] = (char)(0x80 | ((c>>6) & 0x3f));
  z[3] = (char)(0x80 | (c & 0x3f));
  return 4;
}

/* ------------------------------------------------------------- strings --- */

/* The four digits behind \u, or -1. */
static int hex4(const char *z, const char *zEnd){
  int v = 0;
  if( zEnd - z<4 ) return -1;
  for(int i=0; i<4; i++){
    char c = z[i];
    int d = isDigit(c) ? c - '0' :
            c>='a' && c<='f' ? c - 'a' + 10 :
            c>='A' && c<='F' ? c - 'A' + 10 : -1;
    if( d<0 ) return -1;
    v = v*16 + d;
  }
  return v;
}

/* Go over characters of a string that stand for themselves; it may stop early,
** before any character. */
#if defined(__SSE2__)
static const char *skipPlain(const char *z, const char *zEnd){
  while( zEnd - z>=16 ){
    __m128i v = _mm_loadu_si128((const __m128i*)(const void*)z);
    /* below space and, being signed, above 0x7f */
    __m128i odd = _mm_cmplt_epi8(v, _mm_set1_epi8(' '));
    unsigned m;
    odd = _mm_or_si128(odd, _mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
    odd = _mm_or_si128(odd, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
    m = (unsigned)_mm_movemask_epi8(odd);
    if( m ) return z + __builtin_ctz(m);
    z += 16;
  }
  return z;
}
#else
static const char *skipPlain(const char *z, const char *zEnd){
  while( zEnd - z>=8 ){
    u64 v;
    memcpy(&v, z, 8);
    if( ormJsonHasOdd(v) ) break;
    z += 8;
  }
  return z;
}
#endif

/* Check the string that p->z is in (behind its quote) and go behind it.  Gives
** the number of escapes in it; its text is z[0..*pn). */
static i64 scanString(Parser *p, i64 *pn){
  const char *zStart = p->z;
  i64 nEscape = 0;
  p->z = skipPlain(p->z, p->zEnd);
  while( p->z<p->zEnd && *p->z!='"' ){
    u8 c = (u8)*p->z;
    if( c<' ' ){
      bad(p, "control character in a string");
      return 0;
    }else if( c>=0x80 ){
      int n = ormUtf8Length(p->z, p->zEnd - p->z);
      if( n==0 ){
        bad(p, "text that is not UTF-8");
        return 0;
      }
      p->z += n;
    }else if( c=='\\' ){
      char e = p->z + 1<p->zEnd ? p->z[1] : 0;
      nEscape++;
      if( e==0 || strchr("\"\\/bfnrtu", e)==0
       || (e=='u' && hex4(p->z + 2, p->zEnd)<0) ){
        bad(p, "bad escape in a string");
        return 0;
      }
      p->z += e=='u' ? 6 : 2;
    }else{
      p->z++;
    }
  }
  if( p->z>=p->zEnd ){
    bad(p, "string without end");
    return 0;
  }
  *pn = p->z - zStart;
  p->z++;
  return nEscape;
}

/* Decode the \u at z (and its other half); sets *pUsed. */
static u32 decodeUnicode(const char *z, const char *zEnd, int *pUsed){
  u32 c = (u32)hex4(z + 2, zEnd);
  *pUsed = 6;
  if( c>=0xd800 && c<0xdc00 && zEnd - z>=12 && z[6]=='\\' && z[7]=='u' ){
    int c2 = hex4(z + 8, zEnd);
    if( c2>=0xdc00 && c2<0xe000 ){
      *pUsed = 12;
      return 0x10000 + ((c - 0xd800)<<10) + ((u32)c2 - 0xdc00);
    }
  }
  return c>=0xd800 && c<0xe000 ? 0xfffd : c;
}

/* Text of a checked string z[n] with its escapes undone; *pnOut bytes. */
static const char *decode(OrmArena *pArena, const char *z, i64 n, i64 *pnOut){
  static const char zFrom[] = "bfnrt";
  static const char zTo[] = "\b\f\n\r\t";
  const char *zEnd = z + n;
  char *zOut = ormArenaRaw(pArena, n + 1);
  char *zNew = zOut;
  if( zOut==0 ) return 0;
  while( z<zEnd ){
    if( *z!='\\' ){
      *zNew++ = *z++;
    }else if( z[1]=='u' ){
      int nUsed;
      zNew += putUtf8(zNew, decodeUnicode(z, zEnd, &nUsed));
      z += nUsed;
    }else{
      const char *zHit = strchr(zFrom, z[1]);
      *zNew++ = zHit ? zTo[zHit - zFrom] : z[1];
      z += 2;
    }
  }
  *zNew = 0;
  *pnOut = zNew - zOut;
  return zOut;
}

/* The string at p->z (behind its quote), decoded into the arena. */
static const char *parseString(Parser *p, i64 *pn){
  const char *zStart = p->z;
  i64 n = 0;
  i64 nEscape = scanString(p, &n);
  *pn = n;
  if( p->zBad || p->pArena==0 ) return 0;
  if( nEscape==0 && p->bInPlace ) return zStart;
  if( nEscape==0 ) return ormArenaText(p->pArena, zStart, n);
  return decode(p->pArena, zStart, n, pn);
}

/* ------------------------------------------------------------- numbers --- */

/* Go over the number at p->z; is it one without fraction and exponent? */
static int scanNumber(Parser *p){
  int bInteger = 1;
  const char *zEnd = p->zEnd;
  const char *z = p->z;
  if( *z=='-' ) z++;
  if( z>=zEnd || !isDigit(*z) ) goto bad_number;
  if( *z=='0' ) z++;
  else while( z<zEnd && isDigit(*z) ) z++;
  if( z<zEnd && *z=='.' ){
    bInteger = 0;
    z++;
    if( z>=zEnd || !isDigit(*z) ) goto bad_number;
    while( z<zEnd && isDigit(*z) ) z++;
  }
  if( z<zEnd && (*z=='e' || *z=='E') ){
    bInteger = 0;
    z++;
    if( z<zEnd && (*z=='+' || *z=='-') ) z++;
    if( z>=zEnd || !isDigit(*z) ) goto bad_number;
    while( z<zEnd && isDigit(*z) ) z++;
  }
  p->z = z;
  return bInteger;
bad_number:
  p->z = z;
  bad(p, "bad number");
  return 0;
}

/* The integer z[n] if it fits. */
static int integerFits(const char *z, i64 n, i64 *pi){
  int bNeg = z[0]=='-';
  u64 u = 0;
  if( n - bNeg>19 ) return 0;
  for(i64 i=bNeg; i<n; i++) u = u*10 + (u64)(z[i] - '0');
  if( u>(u64)INT64_MAX + (u64)bNeg ) return 0;
  *pi = bNeg ? (i64)(0 - u) : (i64)u;
  return 1;
}

static void parseNumber(Parser *p, OrmJson *pNode){
  const char *zStart = p->z;
  int bInteger = scanNumber(p);
  i64 n = p->z - zStart;
  if( pNode==0 || p->zBad ) return;
  pNode->z = zStart;
  pNode->n = n;
  pNode->eType = ORM_JSON_INTEGER;
  if( !bInteger || !integerFits(zStart, n, &pNode->u.i) ){
    pNode->eType = ORM_JSON_REAL;
    pNode->u.r = ormRealParse(zStart, n);
  }
}

/* ---------------------------------------------------------------- tree --- */

static void parseWord(Parser *p, OrmJson *pNode){
  static const struct { const char *z; int n; u8 eType; } aWord[] = {
    { "null", 4, ORM_JSON_NULL }, { "false", 5, ORM_JSON_FALSE },
    { "true", 4, ORM_JSON_TRUE },
  };
  for(int i=0; i<ORM_COUNT(aWord); i++){
    if( p->zEnd - p->z>=aWord[i].n
     && memcmp(p->z, aWord[i].z, (size_t)aWord[i].n)==0 ){
      p->z += aWord[i].n;
      if( pNode ) pNode->eType = aWord[i].eType;
      return;
    }
  }
  bad(p, "a value is missing");
}

/* A scalar at p->z. */
static void parseScalar(Parser *p, OrmJson *pNode){
  const char *zStart = p->z;
  if( *p->z=='"' ){
    i64 n;
    const char *z;
    p->z++;
    z = parseString(p, &n);
    if( pNode ){
      pNode->eType = ORM_JSON_STRING;
      pNode->z = z;
      pNode->n = n;
    }
  }else if( *p->z=='-' || isDigit(*p->z) ){
    parseNumber(p, pNode);
  }else{
    parseWord(p, pNode);
  }
  if( pNode ){
    pNode->zRaw = zStart;
    pNode->nRaw = p->z - zStart;
  }
}

/* The member name and colon at p->z. */
static const char *parseKey(Parser *p, int *pn){
  const char *zKey;
  i64 n = 0;
  if( p->z>=p->zEnd || *p->z!='"' ){
    bad(p, "a member name is missing");
    return 0;
  }
  p->z++;
  zKey = parseString(p, &n);
  skipSpace(p);
  if( p->z>=p->zEnd || *p->z!=':' ){
    bad(p, "':' is missing");
    return 0;
  }
  p->z++;
  skipSpace(p);
  *pn = (int)n;                 /* it fits: the arena has a copy              */
  return zKey;
}

/* One open array or object. */
typedef struct Level Level;
struct Level {
  OrmJson *pNode;               /* 0 when only checking                       */
  OrmJson *pLast;               /* its newest child                           */
  u8 bObject;
};

/* A node for the next child of the level, linked in. */
static OrmJson *newNode(Parser *p, Level *pLevel, const char *zKey, int nKey){
  OrmJson *pNew = ormArenaAlloc(p->pArena, (i64)sizeof(OrmJson));
  if( pNew==0 ){
    bad(p, "out of memory");
    return 0;
  }
  pNew->zKey = zKey;
  pNew->nKey = nKey;
  if( pLevel ){
    OrmJson *pParent = pLevel->pNode;
    pNew->pParent = pParent;
    pNew->iIndex = pParent->nChild++;
    if( pLevel->pLast ) pLevel->pLast->pNext = pNew;
    else pParent->pChild = pNew;
    pLevel->pLast = pNew;
  }
  return pNew;
}

/* Close levels and pass commas until a value is due; 0 when the root is
** complete. */
static int parseNext(Parser *p, Level *aLevel, int *pnLevel){
  while( *pnLevel>0 && p->zBad==0 ){
    Level *pLevel = &aLevel[*pnLevel - 1];
    char cClose = pLevel->bObject ? '}' : ']';
    skipSpace(p);
    if( p->z>=p->zEnd ){
      bad(p, "unexpected end");
    }else if( *p->z==cClose ){
      p->z++;
      if( pLevel->pNode ) pLevel->pNode->nRaw = p->z - pLevel->pNode->zRaw;
      (*pnLevel)--;
    }else if( *p->z==',' ){
      p->z++;
      skipSpace(p);
      return 1;
    }else{
      bad(p, pLevel->bObject ? "',' or '}' is missing"
                             : "',' or ']' is missing");
    }
  }
  return 0;
}

/* Open the array or object at p->z; 1 if it has a first value, which is due
** then, else it is closed again. */
static int parseOpen(Parser *p, Level *aLevel, int *pnLevel, OrmJson *pNode){
  Level *pLevel;
  if( *pnLevel>=ORM_JSON_MAX_DEPTH ){
    bad(p, "nested too deeply");
    return 0;
  }
  pLevel = &aLevel[(*pnLevel)++];
  pLevel->pNode = pNode;
  pLevel->pLast = 0;
  pLevel->bObject = *p->z=='{';
  if( pNode ){
    pNode->eType = pLevel->bObject ? ORM_JSON_OBJECT : ORM_JSON_ARRAY;
    pNode->zRaw = p->z;
  }
  p->z++;
  skipSpace(p);
  if( p->z<p->zEnd && *p->z==(pLevel->bObject ? '}' : ']') ) return 0;
  return 1;
}

/* The whole document. */
static OrmJson *parse(Parser *p){
  Level aLevel[ORM_JSON_MAX_DEPTH];
  OrmJson *pRoot = 0;
  int nLevel = 0, bDue = 1;
  skipSpace(p);
  while( bDue ){                /* and nothing is wrong so far                */
    Level *pLevel = nLevel ? &aLevel[nLevel - 1] : 0;
    OrmJson *pNode = 0;
    const char *zKey = 0;
    int nKey = 0;
    if( pLevel && pLevel->bObject ) zKey = parseKey(p, &nKey);
    if( p->zBad ) break;
    if( p->z>=p->zEnd ){
      bad(p, p->zIn==p->zEnd ? "nothing there" : "unexpected end");
      break;
    }
    if( p->pArena ) pNode = newNode(p, pLevel, zKey, nKey);
    if( pRoot==0 ) pRoot = pNode;
    if( p->zBad ) break;
    if( *p->z=='{' || *p->z=='[' ){
      if( parseOpen(p, aLevel, &nLevel, pNode) ) continue;
    }else{
      parseScalar(p, pNode);
    }
    bDue = parseNext(p, aLevel, &nLevel);
  }
  skipSpace(p);
  if( p->zBad==0 && p->z<p->zEnd ) bad(p, "something follows the value");
  return pRoot;
}

OrmJson *ormJsonParse(
  OrmArena *pArena, const char *zIn, i64 nIn, const char *zWhat
){
  Parser parser = { pArena, zIn, zIn, zIn + nIn, 0, 0 };
  OrmJson *pRoot;
  if( pArena->pErr->rc!=SQLITE_OK ) return 0;
  pRoot = parse(&parser);
  if( parser.zBad ){
    ormErr(pArena->pErr, SQLITE_ERROR, "orm: malformed JSON: %s at offset %lld "
           "in %s", parser.zBad, (i64)(parser.z - zIn), zWhat);
  }
  return pArena->pErr->rc==SQLITE_OK ? pRoot : 0;
}

const char *ormJsonPlainEnd(const char *z, const char *zEnd){
  if( *z!='"' ) return 0;
  z = skipPlain(z + 1, zEnd);
  while( z<zEnd && (u8)(*z - ' ')<0x60 && *z!='"' && *z!='\\' ) z++;
  return z<zEnd && *z=='"' ? z + 1 : 0;
}

const char *ormJsonScalar(
  OrmArena *pArena, const char *z, const char *zEnd, OrmJson *pNode
){
  Parser parser = { pArena, z, z, zEnd, 0, 1 };
  const char *zBehind;
  if( z>=zEnd ) return 0;
  zBehind = ormJsonPlainEnd(z, zEnd);
  if( zBehind ){
    pNode->eType = ORM_JSON_STRING;
    pNode->z = z + 1;
    pNode->n = zBehind - z - 2;
    pNode->zRaw = z;
    pNode->nRaw = zBehind - z;
    return zBehind;
  }
  pNode->n = 0;
  parseScalar(&parser, pNode);
  return parser.zBad || pArena->pErr->rc ? 0 : parser.z;
}

/* Is z[n] one well-formed JSON value? */
int ormJsonValid(const char *z, i64 n){
  Parser parser = { 0, z, z, z + n, 0, 0 };
  parse(&parser);
  return parser.zBad==0;
}

int ormJsonIs(const OrmJson *pKeyed, const char *zKey){
  size_t n = strlen(zKey);
  return (size_t)pKeyed->nKey==n && memcmp(pKeyed->zKey, zKey, n)==0;
}

/* The member of that name: the last one, where a name stands twice. */
OrmJson *ormJsonMember(const OrmJson *p, const char *zKey){
  OrmJson *pHit = 0;
  if( p==0 || p->eType!=ORM_JSON_OBJECT ) return 0;
  for(OrmJson *pChild=p->pChild; pChild; pChild=pChild->pNext){
    if( ormJsonIs(pChild, zKey) ) pHit = pChild;
  }
  return pHit;
}

OrmJson *ormJsonPlain(OrmArena *pArena, const char *z, i64 n){
  OrmJson *p = ormArenaAlloc(pArena, (i64)sizeof(OrmJson));
  if( p==0 ) return 0;
  p->eType = ORM_JSON_STRING;
  p->z = ormArenaText(pArena, z, n);
  p->n = n<0 ? (i64)strlen(z) : n;
  return p->z ? p : 0;
}

/* -------------------------------------------------------------- places --- */

static int isPlainName(const OrmJson *p){
  for(int i=0; i<p->nKey; i++){
    char c = p->zKey[i];
    int bLetter = (c>='a' && c<='z') || (c>='A' && c<='Z') || c=='_'
               || c=='$' || (c & 0x80);
    if( !bLetter && (i==0 || !isDigit(c)) ) return 0;
  }
  return p->nKey>0;
}

static void addStep(OrmBuf *pBuf, const OrmJson *p){
  if( p->pParent->eType==ORM_JSON_ARRAY ){
    ormBufChar(pBuf, '[');
    ormBufInt(pBuf, p->iIndex);
    ormBufChar(pBuf, ']');
  }else if( isPlainName(p) ){
    ormBufChar(pBuf, '.');
    ormBufAdd(pBuf, p->zKey, p->nKey);
  }else{
    ormBufChar(pBuf, '[');
    ormJsonString(pBuf, p->zKey, p->nKey);
    ormBufChar(pBuf, ']');
  }
}

/* "$.a[0].b" into the buffer. */
static void addPath(OrmBuf *pBuf, const OrmJson *p){
  const OrmJson *apStep[ORM_JSON_MAX_DEPTH + 1];
  int n = 0;
  for(; ORM_ALWAYS(p!=0) && p->pParent; p=p->pParent){
    assert( n<ORM_COUNT(apStep) );
    apStep[n++] = p;
  }
  ormBufChar(pBuf, '$');
  while( n>0 ) addStep(pBuf, apStep[--n]);
}

const char *ormJsonPath(OrmArena *pArena, const OrmJson *p){
  OrmBuf buf;
  const char *z;
  ormBufInit(&buf, pArena->pErr);
  addPath(&buf, p);
  z = ormArenaText(pArena, ormBufText(&buf), -1);
  ormBufFree(&buf);
  return z ? z : "$";
}

void ormJsonErr(OrmErr *pErr, const OrmJson *p, const char *zFormat, ...){
  OrmErr local = { SQLITE_OK, 0 };
  OrmBuf buf;
  va_list ap;
  char *z;
  if( pErr->rc!=SQLITE_OK ) return;
  va_start(ap, zFormat);
  z = sqlite3_vmprintf(zFormat, ap);
  va_end(ap);
  ormBufInit(&buf, &local);
  addPath(&buf, p);
  if( z==0 || local.rc!=SQLITE_OK ) ormErrOom(pErr);
  else ormErr(pErr, SQLITE_ERROR, "orm: %s: %s", ormBufText(&buf), z);
  ormBufFree(&buf);
  sqlite3_free(z);
}

const char *ormJsonTypeName(const OrmJson *p){
  static const char *azName[] = { "null", "false", "true", "a number",
    "a number", "a string", "an array", "an object" };
  return azName[p->eType];
}
