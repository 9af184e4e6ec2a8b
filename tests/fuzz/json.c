/*
** The JSON reader: any bytes are taken or refused, alike by the reader that
** makes a tree and by the one that only looks; a tree written out reads back to
** the same tree, and every number to the same number.
*/
#include "fuzz.h"
#include <math.h>

static void checkSame(const OrmJson *a, const OrmJson *b){
  const OrmJson *pA = a->pChild, *pB = b->pChild;
  if( a->eType!=b->eType || a->nKey!=b->nKey || a->nChild!=b->nChild
   || (a->nKey && memcmp(a->zKey, b->zKey, (size_t)a->nKey)) ){
    fuzzFail("another tree", 0);
  }
  if( a->eType==ORM_JSON_STRING
   && (a->n!=b->n || memcmp(a->z, b->z, (size_t)a->n)) ){
    fuzzFail("another text", a->z);
  }
  if( a->eType==ORM_JSON_INTEGER && a->u.i!=b->u.i ) fuzzFail("integer", a->z);
  if( a->eType==ORM_JSON_REAL && memcmp(&a->u.r, &b->u.r, sizeof(double)) ){
    fuzzFail("real", 0);
  }
  for(; pA && pB; pA=pA->pNext, pB=pB->pNext) checkSame(pA, pB);
  if( pA || pB ) fuzzFail("another number of children", 0);
}

/* Written by the writer's own routines, not copied from the source. */
static void writeTree(OrmBuf *pOut, const OrmJson *p){
  int bObject = p->eType==ORM_JSON_OBJECT;
  switch( p->eType ){
    case ORM_JSON_NULL:    ormBufAdd(pOut, "null", 4);   return;
    case ORM_JSON_FALSE:   ormBufAdd(pOut, "false", 5);  return;
    case ORM_JSON_TRUE:    ormBufAdd(pOut, "true", 4);   return;
    case ORM_JSON_INTEGER: ormJsonInt(pOut, p->u.i);     return;
    case ORM_JSON_REAL:    ormJsonReal(pOut, p->u.r);    return;
    case ORM_JSON_STRING:  ormJsonString(pOut, p->z, p->n); return;
  }
  ormBufChar(pOut, bObject ? '{' : '[');
  for(const OrmJson *pSub=p->pChild; pSub; pSub=pSub->pNext){
    if( pSub!=p->pChild ) ormBufChar(pOut, ',');
    if( bObject ){
      ormJsonString(pOut, pSub->zKey, pSub->nKey);
      ormBufChar(pOut, ':');
    }
    writeTree(pOut, pSub);
  }
  ormBufChar(pOut, bObject ? '}' : ']');
}

static void checkWritten(OrmArena *pArena, const OrmJson *pRoot){
  OrmBuf out;
  OrmJson *pAgain;
  const char *z;
  ormBufInit(&out, pArena->pErr);
  writeTree(&out, pRoot);
  z = ormBufText(&out);
  pAgain = ormJsonParse(pArena, z, out.n, "what was written");
  if( pAgain==0 ) fuzzFail("written, not read", z);
  checkSame(pRoot, pAgain);
  for(const OrmJson *p=pRoot; p; p=p->pChild){
    if( ormJsonPath(pArena, p)[0]!='$' ) fuzzFail("path", 0);
  }
  ormBufFree(&out);
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n){
  OrmErr err = { SQLITE_OK, 0 };
  OrmArena arena;
  OrmJson *pRoot;
  int bValid;
  if( n>100000 ) return -1;
  ormArenaInit(&arena, &err);
  pRoot = ormJsonParse(&arena, (const char*)p, (i64)n, "input");
  bValid = ormJsonValid((const char*)p, (i64)n);
  if( bValid!=(pRoot!=0) ) fuzzFail("valid or not", err.zMsg);
  if( pRoot==0 && strncmp(err.zMsg, "orm: malformed JSON: ", 21)!=0 ){
    fuzzFail("message", err.zMsg);
  }
  if( pRoot ) checkWritten(&arena, pRoot);
  ormErrClear(&err);
  ormArenaFree(&arena);
  if( sqlite3_memory_used()!=0 ) fuzzFail("memory left", 0);
  return 0;
}
