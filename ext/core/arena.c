/*
** Memory that is freed all at once.
**
** An arena is a list of chunks, newest first; allocations are cut off the
** front of the newest one.  Chunks double in size up to CHUNK_MAX.  An
** allocation too big for that gets a chunk of its own, linked behind the
** newest so that the rest of that one is still used.
*/
#include "../orm_int.h"
#include <stdarg.h>

#if defined(ORM_COVERAGE)       /* each piece an allocation that can fail     */
# define CHUNK_MIN 16
# define CHUNK_MAX 16
#else
# define CHUNK_MIN 1000
# define CHUNK_MAX 256000
#endif

struct OrmChunk {
  i64 nByte;                    /* usable bytes behind this header            */
  union {
    struct OrmChunk *pNext;     /* the older ones                             */
    i64 iAlign;                 /* what follows is aligned to 8 everywhere    */
  } u;
};

void ormArenaInit(OrmArena *p, OrmErr *pErr){
  memset(p, 0, sizeof(*p));
  p->pErr = pErr;
}

/* Begin with n bytes of the caller's, which must outlive it. */
void ormArenaLend(OrmArena *p, char *z, i64 n){
  assert( p->pChunk==0 );
#if defined(ORM_COVERAGE)
  n = 0;
#endif
  p->zFree = z;
  p->zEnd = z + n;
}

void ormArenaFree(OrmArena *p){
  struct OrmChunk *pChunk = p->pChunk;
  while( pChunk ){
    struct OrmChunk *pNext = pChunk->u.pNext;
    sqlite3_free(pChunk);
    pChunk = pNext;
  }
  ormArenaInit(p, p->pErr);
}

/* Forget what is in it, and keep the newest chunk. */
void ormArenaReset(OrmArena *p){
  struct OrmChunk *pKeep = p->pChunk;
  if( pKeep==0 ) return;
  p->pChunk = pKeep->u.pNext;
  pKeep->u.pNext = 0;
  if( p->pChunk ){
    OrmErr *pErr = p->pErr;
    ormArenaFree(p);
    p->pErr = pErr;
  }
  p->pChunk = pKeep;
  p->zFree = (char*)&pKeep[1];
  p->zEnd = p->zFree + pKeep->nByte;
  p->nTotal = pKeep->nByte;
}

/* A chunk with nByte usable bytes, not linked yet; 0 and out of memory. */
static struct OrmChunk *chunkNew(OrmArena *p, i64 nByte){
  struct OrmChunk *pNew;
  pNew = sqlite3_malloc64(sizeof(*pNew) + (u64)nByte);
  if( pNew==0 ){
    ormErrOom(p->pErr);
    return 0;
  }
  pNew->nByte = nByte;
  p->nTotal += nByte;
  return pNew;
}

/* n bytes from a new chunk. */
static char *arenaMore(OrmArena *p, i64 n){
  i64 nChunk = p->pChunk ? p->pChunk->nByte*2 : CHUNK_MIN;
  struct OrmChunk *pNew;
  if( nChunk>CHUNK_MAX ) nChunk = CHUNK_MAX;
  if( n>nChunk/2 && p->pChunk ){
    pNew = chunkNew(p, n);
    if( pNew==0 ) return 0;
    pNew->u.pNext = p->pChunk->u.pNext;
    p->pChunk->u.pNext = pNew;
    return (char*)&pNew[1];
  }
  pNew = chunkNew(p, n>nChunk ? n : nChunk);
  if( pNew==0 ) return 0;
  pNew->u.pNext = p->pChunk;
  p->pChunk = pNew;
  p->zFree = (char*)&pNew[1] + n;
  p->zEnd = (char*)&pNew[1] + pNew->nByte;
  return (char*)&pNew[1];
}

/* n bytes, neither zeroed nor aligned. */
char *ormArenaRaw(OrmArena *p, i64 n){
  assert( n>=0 );
  if( p->pErr->rc!=SQLITE_OK ) return 0;
  if( n<=p->zEnd - p->zFree ){
    char *z = p->zFree;
    p->zFree += n;
    return z;
  }
  return arenaMore(p, n);
}

/* n bytes, zeroed, aligned for anything.  sqlite3_malloc64() gives memory that
** is aligned to 8, and so is a chunk's content. */
void *ormArenaAlloc(OrmArena *p, i64 n){
  char *z;
  i64 nPad = (i64)(-(uintptr_t)p->zFree & 7);
  if( p->pErr->rc!=SQLITE_OK ) return 0;
  if( n + nPad<=p->zEnd - p->zFree ){
    z = p->zFree + nPad;
    p->zFree = z + n;
  }else{
    z = arenaMore(p, n);
    if( z==0 ) return 0;
  }
  return memset(z, 0, (size_t)n);
}

/* A copy of z[n] with a NUL behind it; n<0: up to z's own NUL. */
char *ormArenaText(OrmArena *p, const char *z, i64 n){
  char *zCopy;
  if( n<0 ) n = (i64)strlen(z);
  zCopy = ormArenaRaw(p, n+1);
  if( zCopy ){
    if( n ) memcpy(zCopy, z, (size_t)n);
    zCopy[n] = 0;
  }
  return zCopy;
}

char *ormArenaPrintf(OrmArena *p, const char *zFormat, ...){
  va_list ap;
  char *z, *zCopy;
  if( p->pErr->rc!=SQLITE_OK ) return 0;
  va_start(ap, zFormat);
  z = sqlite3_vmprintf(zFormat, ap);
  va_end(ap);
  if( z==0 ){
    ormErrOom(p->pErr);
    return 0;
  }
  zCopy = ormArenaText(p, z, -1);
  sqlite3_free(z);
  return zCopy;
}

/* Room for one more element at the end of an array of n: its address, zeroed,
** or 0.  The array moves when it is full; the old copy stays in the arena. */
void *ormArenaGrow(
  OrmArena *p, void **ppArray, int n, int *pnAlloc, int nElem
){
  if( p->pErr->rc!=SQLITE_OK ) return 0;
  if( n>=*pnAlloc ){
    i64 nNew = *pnAlloc ? *pnAlloc*(i64)2 : 8;
    void *pNew = ormArenaAlloc(p, nNew*nElem);
    if( pNew==0 ) return 0;     /* sqlite3_malloc64() never gives 2 GB        */
    if( n ) memcpy(pNew, *ppArray, (size_t)n*(size_t)nElem);
    *ppArray = pNew;
    *pnAlloc = (int)nNew;
  }
  return (char*)*ppArray + (size_t)n*(size_t)nElem;
}
