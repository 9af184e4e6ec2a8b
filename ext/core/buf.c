/*
** Growing text, and the one routine that quotes names for SQL.
**
** z[n] is the text; a NUL follows it only after ormBufText() or ormBufTake().
** After an error nothing is added, so whoever needs the text looks at pErr.
*/
#include "../orm_int.h"
#if defined(__linux__)
# include <sys/mman.h>
# include <unistd.h>
#endif

#define LARGE (4<<20)                      /* from here on large pages pay    */

void ormBufInit(OrmBuf *p, OrmErr *pErr){
  memset(p, 0, sizeof(*p));
  p->pErr = pErr;
}

void ormBufFree(OrmBuf *p){
  sqlite3_free(p->z);
  ormBufInit(p, p->pErr);
}

void ormBufReset(OrmBuf *p){
  p->n = 0;
}

/*
** What is long fills fresh memory page by page, and a third of the time would
** go into having the kernel find each page: ask for large ones.  That is a
** hint, whoever ignores it changes nothing.
**
** The advice covers whole pages from the first one touched to the last, which
** is what the C library maps for a piece of memory as large as this: advice
** for less would cut the mapping in two, and growing would copy it.
*/
void ormLargePages(void *p, i64 n){
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  uintptr_t mask, iStart, iEnd;
  if( n<LARGE ) return;
  mask = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;
  iStart = (uintptr_t)p & ~mask;
  iEnd = ((uintptr_t)p + (uintptr_t)n + mask) & ~mask;
  (void)madvise((void*)iStart, iEnd - iStart, MADV_HUGEPAGE);
#else
  ORM_UNUSED(p); ORM_UNUSED(n);
#endif
}

/* Room that ormBufReserve() did not find; 0 after an error. */
char *ormBufGrow(OrmBuf *p, i64 nMore){
  i64 nNew = p->nAlloc*2;
  char *zNew;
  if( p->pErr->rc!=SQLITE_OK ) return 0;
  if( nNew<p->n + nMore ) nNew = p->n + nMore;
  if( nNew<1000 ) nNew = 1000;
  zNew = sqlite3_realloc64(p->z, (u64)nNew);
  if( zNew==0 ){
    ormErrOom(p->pErr);
    return 0;
  }
  p->z = zNew;
  p->nAlloc = nNew;
  ormLargePages(zNew, nNew);
  return zNew + p->n;
}

/* Room for a text of n bytes, if there is memory for it now. */
void ormBufAhead(OrmBuf *p, i64 n){
  char *z;
  if( p->nAlloc>=n || p->n>0 ) return;
  z = sqlite3_malloc64((u64)n);
  if( z==0 ) return;
  ormLargePages(z, n);
  sqlite3_free(p->z);
  p->z = z;
  p->nAlloc = n;
}

/* n<0: up to z's NUL; no z (out of memory, as pErr knows) adds nothing. */
void ormBufAdd(OrmBuf *p, const char *z, i64 n){
  char *zTo;
  if( n<0 ) n = z ? (i64)strlen(z) : 0;
  if( n==0 ) return;
  zTo = ormBufReserve(p, n);
  if( zTo==0 ) return;
  memcpy(zTo, z, (size_t)n);
  p->n += n;
}

static int digitCount(u64 u){
  int n = 1;
  while( u>=10000 ){
    u /= 10000;
    n += 4;
  }
  return n + (u>=10) + (u>=100) + (u>=1000);
}

static const char zPairs[] =
  "00010203040506070809101112131415161718192021222324252627282930313233343536"
  "37383940414243444546474849505152535455565758596061626364656667686970717273"
  "7475767778798081828384858687888990919293949596979899";

static ORM_INLINE char *pair(char *zTo, u32 u){
  memcpy(zTo, &zPairs[u*2], 2);
  return zTo + 2;
}

/* Up to four digits. */
static ORM_INLINE char *shortInt(char *zTo, u32 u){
  u32 nHundred = u/100;
  if( u>=1000 ) zTo = pair(zTo, nHundred);
  else if( u>=100 ) *zTo++ = (char)('0' + nHundred);
  else if( u<10 ){
    *zTo = (char)('0' + u);
    return zTo + 1;
  }
  return pair(zTo, u - nHundred*100);
}

/* The decimal text of i, at most ORM_INT_TEXT bytes; returns the end.  Digits
** are made from the end, two at a time. */
char *ormIntText(char *zTo, i64 i){
  u64 u = i<0 ? 0 - (u64)i : (u64)i;
  char *z, *zEnd;
  if( (u64)i<10000 ) return shortInt(zTo, (u32)i);
  *zTo = '-';
  zTo += i<0;
  z = zEnd = zTo + digitCount(u);
  while( u>=100 ){
    z -= 2;
    pair(z, (u32)(u%100));
    u /= 100;
  }
  if( u>=10 ) pair(zTo, (u32)u);
  else *zTo = (char)('0' + u);
  return zEnd;
}

void ormBufInt(OrmBuf *p, i64 i){
  char *z = ormBufReserve(p, ORM_INT_TEXT);
  if( z ) p->n += ormIntText(z, i) - z;
}

void ormBufPrintf(OrmBuf *p, const char *zFormat, ...){
  va_list ap;
  char *z;
  if( p->pErr->rc!=SQLITE_OK ) return;
  va_start(ap, zFormat);
  z = sqlite3_vmprintf(zFormat, ap);
  va_end(ap);
  if( z==0 ){
    ormErrOom(p->pErr);
    return;
  }
  ormBufAdd(p, z, -1);
  sqlite3_free(z);
}

/* The text with a NUL behind it, valid until the buffer changes. */
const char *ormBufText(OrmBuf *p){
  char *z = ormBufReserve(p, 1);
  if( z==0 ) return "";
  *z = 0;
  return p->z;
}

/* Hand over the text (NUL-terminated, sqlite3_free() it) and start anew.  0
** after an error, and nothing is left allocated then either. */
char *ormBufTake(OrmBuf *p, i64 *pn){
  char *z = ormBufReserve(p, 1);
  if( pn ) *pn = 0;
  if( z==0 ){
    ormBufFree(p);
    return 0;
  }
  *z = 0;
  if( pn ) *pn = p->n;
  z = p->z;
  ormBufInit(p, p->pErr);
  return z;
}

/* z between two cQuote, each cQuote in it doubled. */
static void bufQuoted(OrmBuf *p, const char *z, char cQuote){
  size_t n = strlen(z);
  char *zTo = ormBufReserve(p, (i64)n*2 + 2);
  char *zStart = zTo;
  if( zTo==0 ) return;
  *zTo++ = cQuote;
  for(size_t i=0; i<n; i++){
    if( z[i]==cQuote ) *zTo++ = cQuote;
    *zTo++ = z[i];
  }
  *zTo++ = cQuote;
  p->n += zTo - zStart;
}

void ormBufName(OrmBuf *p, const char *zName){
  bufQuoted(p, zName, '"');
}

void ormBufLiteral(OrmBuf *p, const char *z){
  bufQuoted(p, z, '\'');
}

void ormUnquote(char *z){
  size_t n = strlen(z), iOut = 0;
  char cQuote = z[0]=='[' ? ']' : z[0];
  if( n<2 || strchr("'\"`]", cQuote)==0 || z[n-1]!=cQuote ) return;
  for(size_t i=1; i<n-1; i++){
    z[iOut++] = z[i];
    if( z[i]==cQuote ) i++;     /* it is doubled                              */
  }
  z[iOut] = 0;
}

void ormBufColumn(OrmBuf *p, const char *zAlias, const char *zName){
  ormBufAdd(p, zAlias, -1);
  ormBufChar(p, '.');
  ormBufName(p, zName);
}

void ormBufIsText(OrmBuf *p, const char *zAlias, const char *zName){
  ormBufColumn(p, zAlias, zName);
  ormBufAdd(p, " >= '' AND ", -1);
  ormBufColumn(p, zAlias, zName);
  ormBufAdd(p, " < x''", 6);
}

void ormBufTable(OrmBuf *p, const char *zTable){
  ormBufAdd(p, "\"main\".", 7);
  ormBufName(p, zTable);
}
