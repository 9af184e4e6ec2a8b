/*
** The JSON writer: SQL values as JSON text that is always valid.
**
** Text is escaped as RFC 8259 asks and made UTF-8 where it is not (U+FFFD for
** every byte that belongs to no character).  A REAL reads back to the very
** same double; the infinities are 9e999 and -9e999, which read back too.
*/
#include "../orm_int.h"
#include <float.h>
#if defined(__SSE2__)
# include <emmintrin.h>
#endif

/* ------------------------------------------------------------- strings --- */

/* What a byte below 0x80 becomes: 0 itself, 'u' \u00xx, else \ and it. */
static const char aEscape[128] = {
  'u','u','u','u','u','u','u','u','b','t','n','u','f','r','u','u',
  'u','u','u','u','u','u','u','u','u','u','u','u','u','u','u','u',
  ['"'] = '"', ['\\'] = '\\'
};

#if defined(__SSE2__)
# define STRIDE ORM_JSON_SLACK
/* Copy 16 bytes and say which of them cannot stay as they are. */
static ORM_INLINE unsigned copyStride(char *zTo, const char *z){
  __m128i v = _mm_loadu_si128((const __m128i*)(const void*)z);
  /* below space and, being signed, above 0x7f */
  __m128i odd = _mm_cmplt_epi8(v, _mm_set1_epi8(' '));
  odd = _mm_or_si128(odd, _mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
  odd = _mm_or_si128(odd, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
  _mm_storeu_si128((__m128i*)(void*)zTo, v);
  return (unsigned)_mm_movemask_epi8(odd);
}
static int firstOdd(unsigned mOdd){
  return __builtin_ctz(mOdd);
}
#else
# define STRIDE 8
/* Copy 8 bytes and say whether one of them cannot stay as it is. */
static ORM_INLINE unsigned copyStride(char *zTo, const char *z){
  u64 v;
  memcpy(&v, z, 8);
  memcpy(zTo, &v, 8);
  return (unsigned)ormJsonHasOdd(v);
}
static int firstOdd(unsigned mOdd){
  ORM_UNUSED(mOdd);             /* some byte of the stride: look at each      */
  return 0;
}
#endif

/* One byte or character that is not plain; returns how many bytes it took. */
static i64 escapeOdd(char **pzTo, const char *z, i64 n){
  static const char zHex[] = "0123456789abcdef";
  u8 c = (u8)z[0];
  char *zTo = *pzTo;
  i64 nUsed = 1;
  if( c>=0x80 ){
    nUsed = ormUtf8Length(z, n);
    if( nUsed ){
      for(i64 i=0; i<nUsed; i++) *zTo++ = z[i];
    }else{
      memcpy(zTo, "\xef\xbf\xbd", 3);
      zTo += 3;
      nUsed = 1;
    }
  }else if( aEscape[c]==0 ){
    *zTo++ = (char)c;
  }else if( aEscape[c]=='u' ){
    memcpy(zTo, "\\u00", 4);
    zTo[4] = zHex[c>>4];
    zTo[5] = zHex[c & 15];
    zTo += 6;
  }else{
    zTo[0] = '\\';
    zTo[1] = aEscape[c];
    zTo += 2;
  }
  *pzTo = zTo;
  return nUsed;
}

/* Copy characters of two and three bytes, and single ones that stay as they are
** between them, as long as there are some; returns how many bytes that were.
** It stops before whatever else there is, and before the last few bytes. */
static i64 copyWide(char **pzTo, const char *zText, i64 n){
  const u8 *z = (const u8*)zText, *zLast = z + n - 3;
  char *zTo = *pzTo;
  while( z<zLast ){
    memcpy(zTo, z, 4);
    if( z[0]<0x80 ){
      if( z[1]<0x80 || aEscape[z[0]] ) break;
      z++;
      zTo++;
    }else if( z[0]<0xe0 ){
      if( z[0]<0xc2 || (z[1] & 0xc0)!=0x80 ) break;
      z += 2;
      zTo += 2;
    }else{
      if( z[0]>=0xf0 || (z[1] & 0xc0)!=0x80 || (z[2] & 0xc0)!=0x80
       || (z[0]==0xe0 && z[1]<0xa0) || (z[0]==0xed && z[1]>=0xa0) ) break;
      z += 3;
      zTo += 3;
    }
  }
  *pzTo = zTo;
  return (const char*)z - zText;
}

/* Copy z[n], 4 to 16 bytes, by its two ends, which may overlap: 0 if one of
** them cannot stay as it is. */
static ORM_INLINE int copyShort(char *zTo, const char *z, i64 n){
  u64 v, w;
  if( n>=8 ){
    memcpy(&v, z, 8);
    memcpy(&w, &z[n-8], 8);
    memcpy(zTo, &v, 8);
    memcpy(&zTo[n-8], &w, 8);
    return !ormJsonHasOdd(v) && !ormJsonHasOdd(w);
  }else{
    u32 aEnd[2];
    memcpy(&aEnd[0], z, 4);
    memcpy(&aEnd[1], &z[n-4], 4);
    memcpy(zTo, &aEnd[0], 4);
    memcpy(&zTo[n-4], &aEnd[1], 4);
    v = (u64)aEnd[0]<<32 | aEnd[1];
    return !ormJsonHasOdd(v);
  }
}

/* The end of z[n] in one go, all before its last stride having been copied as
** it is: 0 if it is not to be copied like that. */
static ORM_INLINE int copyEnd(char *zTo, const char *z, i64 n){
  if( n>=STRIDE ) return copyStride(zTo + n - STRIDE, &z[n - STRIDE])==0;
  return n>=4 && copyShort(zTo, z, n);
}

/* Escape z[n], in which something is to be escaped, or so short that it is
** looked at byte by byte; returns the end. */
static ORM_NOINLINE char *escapeAll(char *zTo, const char *z, i64 n){
  char *zStart = zTo;
  i64 i = 0;
  while( n - i>STRIDE ){
    unsigned mOdd = copyStride(zTo, &z[i]);
    if( ORM_LIKELY(mOdd==0) ){
      zTo += STRIDE;
      i += STRIDE;
    }else{
      int nPlain = firstOdd(mOdd);
      zTo += nPlain;
      i += nPlain;
      if( (u8)z[i]>=0x80 ) i += copyWide(&zTo, &z[i], n - i);
      i += escapeOdd(&zTo, &z[i], n - i);
    }
  }
  /* What is escaped is longer than before. */
  if( zTo - zStart==i && copyEnd(zStart, z, n) ) return zStart + n;
  while( i<n ){
    u8 c = (u8)z[i];
    if( c<0x80 && aEscape[c]==0 ){
      *zTo++ = (char)c;
      i++;
    }else{
      i += escapeOdd(&zTo, &z[i], n - i);
    }
  }
  return zTo;
}

/* Escape z[n] to zTo, which has room for 6*n + ORM_JSON_SLACK bytes; returns
** the end.  Whole strides are copied first and looked at then, and at the end
** one that overlaps: most texts stay as they are. */
char *ormJsonEscape(char *zTo, const char *z, i64 n){
  i64 i = 0;
  for(; n - i>STRIDE; i+=STRIDE){
    if( ORM_UNLIKELY(copyStride(&zTo[i], &z[i])) ) break;
  }
  if( ORM_LIKELY(n - i<=STRIDE && copyEnd(zTo, z, n)) ) return zTo + n;
  return escapeAll(&zTo[i], &z[i], n - i);
}

/* How much of z[n] to escape at once: all of a short one, else a slice that
** ends where a character does. */
static i64 sliceLength(const char *z, i64 n){
  i64 nSlice = 4000;
  if( n<=nSlice ) return n;
  for(int i=0; i<3 && ((u8)z[nSlice] & 0xc0)==0x80; i++) nSlice--;
  return nSlice;
}

void ormJsonString(OrmBuf *p, const char *z, i64 n){
  ormBufChar(p, '"');
  do{
    i64 nSlice = sliceLength(z, n);
    char *zTo = ormBufReserve(p, nSlice*6 + STRIDE + 2);
    if( zTo==0 ) return;
    p->n += ormJsonEscape(zTo, z, nSlice) - zTo;
    z += nSlice;
    n -= nSlice;
  }while( n>0 );
  p->z[p->n++] = '"';           /* the room for it was reserved               */
}

/* ------------------------------------------------------------- numbers --- */

void ormJsonInt(OrmBuf *p, i64 i){
  ormBufInt(p, i);
}

void ormJsonReal(OrmBuf *p, double r){
  char *z;
  assert( r==r );               /* SQLite has no NaN                          */
  if( r>DBL_MAX || r<-DBL_MAX ){
    ormBufAdd(p, r<0 ? "-9e999" : "9e999", -1);
  }else if( (z = ormBufReserve(p, ORM_REAL_TEXT))!=0 ){
    p->n += ormRealText(z, r);
  }
}

/* -------------------------------------------------------------- values --- */

void ormJsonBlob(OrmBuf *p, const void *pData, i64 n){
  static const char zDigit[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const u8 *a = (const u8*)pData;
  char *z = ormBufReserve(p, (n + 2)/3*4 + 2);
  char *zStart = z;
  if( z==0 ) return;
  *z++ = '"';
  for(i64 i=0; i<n; i+=3){
    i64 nLeft = n - i;
    u32 v = (u32)a[i]<<16 | (nLeft>1 ? (u32)a[i+1]<<8 : 0)
          | (nLeft>2 ? (u32)a[i+2] : 0);
    *z++ = zDigit[v>>18];
    *z++ = zDigit[(v>>12) & 63];
    *z++ = nLeft>1 ? zDigit[(v>>6) & 63] : '=';
    *z++ = nLeft>2 ? zDigit[v & 63] : '=';
  }
  *z++ = '"';
  p->n += z - zStart;
}

/* Text of a json field is as it is if it is JSON. */
static void jsonText(OrmBuf *p, const char *z, i64 n, int eType){
  if( eType==ORM_TYPE_JSON && ormJsonValid(z, n) ) ormBufAdd(p, z, n);
  else ormJsonString(p, z, n);
}

static void jsonInteger(OrmBuf *p, i64 i, int eType){
  if( eType!=ORM_TYPE_BOOLEAN || (u64)i>1 ) ormBufInt(p, i);
  else ormBufAdd(p, i ? "true" : "false", i ? 4 : 5);
}

/* A value by its storage class, but for what the field's type says of it. */
void ormJsonValue(OrmBuf *p, sqlite3_value *pVal, int eType){
  switch( sqlite3_value_type(pVal) ){
    case SQLITE_INTEGER:
      jsonInteger(p, sqlite3_value_int64(pVal), eType);
      break;
    case SQLITE_FLOAT:
      ormJsonReal(p, sqlite3_value_double(pVal));
      break;
    case SQLITE_TEXT: {
      const char *z = (const char*)sqlite3_value_text(pVal);
      if( z==0 ) ormErrOom(p->pErr);
      else jsonText(p, z, sqlite3_value_bytes(pVal), eType);
      break;
    }
    case SQLITE_BLOB: {
      int n = sqlite3_value_bytes(pVal);
      const void *pData = sqlite3_value_blob(pVal);
      if( pData==0 && n>0 ) ormErrOom(p->pErr);
      else ormJsonBlob(p, pData, n);
      break;
    }
    default:
      ormBufAdd(p, "null", 4);
  }
}

/* The same of a value that is kept. */
void ormJsonBind(OrmBuf *p, const struct OrmBind *pVal, int eType){
  switch( pVal->eType ){
    case SQLITE_INTEGER: jsonInteger(p, pVal->u.i, eType); break;
    case SQLITE_FLOAT:   ormJsonReal(p, pVal->u.r); break;
    case SQLITE_TEXT:    jsonText(p, pVal->u.z, pVal->n, eType); break;
    case SQLITE_BLOB:    ormJsonBlob(p, pVal->u.z, pVal->n); break;
    default:             ormBufAdd(p, "null", 4);
  }
}

/* A parsed node as it stood in its document. */
void ormJsonNode(OrmBuf *p, const OrmJson *pNode){
  if( pNode->zRaw ) ormBufAdd(p, pNode->zRaw, pNode->nRaw);
  else ormJsonString(p, pNode->z, pNode->n);
}
