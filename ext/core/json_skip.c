/*
** JSON text gone over without a tree: where a value ends, and what comes next.
*/
#include "../orm_int.h"

/* A quote ends a string unless an odd number of backslashes stands before. */
const char *ormJsonStringEnd(const char *z, const char *zEnd){
  const char *zStart = ++z;
  while( z<zEnd ){
    const char *zQuote = memchr(z, '"', (size_t)(zEnd - z));
    const char *zBack = zQuote;
    if( zQuote==0 ) return 0;
    while( zBack>zStart && zBack[-1]=='\\' ) zBack--;
    if( ((zQuote - zBack) & 1)==0 ) return zQuote + 1;
    z = zQuote + 1;
  }
  return 0;
}

static const char *treeEnd(const char *z, const char *zEnd, int nMax){
  int nDepth = 0;
  while( z && z<zEnd ){
    switch( *z ){
      case '{': case '[':
        if( nDepth++==nMax ) return 0;
        z++;
        break;
      case '}': case ']':
        z++;
        if( --nDepth==0 ) return z;
        break;
      case '"': z = ormJsonStringEnd(z, zEnd); break;
      default: z++;
    }
  }
  return 0;
}

const char *ormJsonValueEnd(const char *z, const char *zEnd, int nMax){
  const char *zStart = z;
  if( z>=zEnd ) return 0;
  if( *z=='"' ) return ormJsonStringEnd(z, zEnd);
  if( *z=='{' || *z=='[' ) return treeEnd(z, zEnd, nMax);
  while( z<zEnd && *z!=',' && *z!='}' && *z!=']' && (u8)*z>' ' ) z++;
  return z>zStart ? z : 0;
}

int ormJsonNextElement(const char **pz, const char *zEnd){
  const char *z = ormJsonSpaceEnd(*pz, zEnd);
  if( z>=zEnd || (*z!=',' && *z!=']') ) return -1;
  *pz = ormJsonSpaceEnd(z + 1, zEnd);
  if( *z==',' ) return *pz<zEnd ? 1 : -1;
  return *pz<zEnd ? -1 : 0;
}
