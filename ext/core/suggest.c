/*
** Names: are two the same, and "did you mean ...?", the name nearest to one
** that does not exist.
*/
#include "../orm_int.h"

#define NAME_MAX_BYTES 63       /* longer names are not compared              */

static int lower(char c){
  return c>='A' && c<='Z' ? c - 'A' + 'a' : c;
}

static int min2(int a, int b){
  return a<b ? a : b;
}

/* Edits (insert, delete, replace, swap of neighbours) from a to b, case aside,
** by the usual table, of which three rows are kept. */
static int editDistance(const char *a, int nA, const char *b, int nB){
  int aRow[3][NAME_MAX_BYTES + 1];
  for(int j=0; j<=nB; j++) aRow[0][j] = j;
  for(int i=1; i<=nA; i++){
    int *aNow = aRow[i%3], *aOld = aRow[(i+2)%3], *aOlder = aRow[(i+1)%3];
    aNow[0] = i;
    for(int j=1; j<=nB; j++){
      int bSame = lower(a[i-1])==lower(b[j-1]);
      int d = min2(min2(aOld[j], aNow[j-1]) + 1, aOld[j-1] + !bSame);
      if( i>1 && j>1 && lower(a[i-1])==lower(b[j-2])
       && lower(a[i-2])==lower(b[j-1]) ){
        d = min2(d, aOlder[j-2] + 1);
      }
      aNow[j] = d;
    }
  }
  return aRow[nA%3][nB];
}

int ormNameIs(const char *zName, const char *z, i64 n){
  return (i64)strlen(zName)==n && memcmp(zName, z, (size_t)n)==0;
}

u32 ormNameHash(const char *zName){
  u32 h = 2166136261u;
  for(; *zName; zName++) h = (h ^ (u8)lower(*zName)) * 16777619u;
  return h;
}

const char *ormNearest(
  const char *z, i64 n, const char *(*xName)(const void*, int), const void *pArg
){
  const char *zBest = 0, *zName;
  int nBest = 0;
  if( n<=0 || n>NAME_MAX_BYTES ) return 0;
  for(int i=0; (zName = xName(pArg, i))!=0; i++){
    size_t nName = strlen(zName);
    int nLong, nMax, nEdit;
    if( nName==0 || nName>NAME_MAX_BYTES ) continue;
    nLong = n>(i64)nName ? (int)n : (int)nName;
    nMax = nLong<2 ? 0 : nLong<6 ? 1 : nLong/3;
    nEdit = editDistance(z, (int)n, zName, (int)nName);
    if( nEdit<=nMax && (zBest==0 || nEdit<nBest) ){
      zBest = zName;
      nBest = nEdit;
    }
  }
  return zBest;
}
