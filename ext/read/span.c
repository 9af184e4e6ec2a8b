/*
** The same query with another cursor: a plan used again.
**
** Who pages asks with a text that is the last one but for the cursor. So plans
** are found by their text without the cursor's (its span), and the new cursor
** takes the place of the old one: in the query, and among the values of the
** statements that are made already, where they are marked (OrmBind.iCursor).
**
** A span is first guessed by looking for "after": "..." or "before": "..", and
** holds only if the query that was parsed has its own cursor just there.  Text
** that is equal around it then has the same parts in the same places, since
** the text of a cursor has no quote in it.
*/
#include "load.h"

static i64 skipBlanks(const char *z, i64 i, i64 n){
  while( i<n && (z[i]==' ' || z[i]=='\t' || z[i]=='\n' || z[i]=='\r') ) i++;
  return i;
}

/* The cursor text that stands behind a member name that ends at i, a colon
** between: 1 and the span. */
static int spanBehind(OrmSpan *p, const char *z, i64 i, i64 n){
  i = skipBlanks(z, i, n);
  if( i>=n || z[i]!=':' ) return 0;
  i = skipBlanks(z, i + 1, n);
  if( i>=n || z[i]!='"' ) return 0;
  p->i = ++i;
  p->n = ormCursorLength(&z[i], n - i);
  i += p->n;
  return i<n && z[i]=='"';
}

/* Where the cursor stands in a query's text; p->i is -1 if there is none. */
void ormSpanFind(OrmSpan *p, const char *z, i64 n){
  const char *zQuote = z;
  i64 i = 0;
  while( i<n && (zQuote = memchr(&z[i], '"', (size_t)(n - i)))!=0 ){
    i = zQuote - z + 1;
    if( n - i>6 && memcmp(&z[i], "after\"", 6)==0 ){
      if( spanBehind(p, z, i + 6, n) ) return;
    }else if( n - i>7 && memcmp(&z[i], "before\"", 7)==0 ){
      if( spanBehind(p, z, i + 7, n) ) return;
    }
  }
  p->i = -1;
  p->n = 0;
}

/* Is the span the cursor of the plan's query?  Its member, or 0. */
static const OrmJson *spanMember(const OrmPlan *p, const OrmSpan *pSpan){
  static const char *const azName[] = { "after", "before" };
  const OrmJson *pRoot = p->pQuery->pNode;
  i64 iRoot = skipBlanks(p->zQuery, 0, p->nQuery);
  for(int i=0; i<2; i++){
    const OrmJson *pNode = ormJsonMember(pRoot, azName[i]);
    if( pNode && pNode->eType==ORM_JSON_STRING
     && pNode->zRaw - pRoot->zRaw==pSpan->i - 1 - iRoot ) return pNode;
  }
  return 0;
}

/* Take the span as the plan's, if it is. */
void ormSpanKeep(OrmPlan *p, const OrmSpan *pSpan){
  const OrmJson *pNode = spanMember(p, pSpan);
  p->span.i = -1;
  if( pNode==0 ) return;
  p->span = *pSpan;
  p->bBefore = (u8)ormJsonIs(pNode, "before");
}

/* Could the statements made for one cursor serve the other?  NULLs are not
** compared as values are. */
static int sameShape(const OrmCursor *a, const OrmCursor *b){
  for(int i=0; i<a->n; i++){
    if( (a->a[i].eType==SQLITE_NULL)!=(b->a[i].eType==SQLITE_NULL) ) return 0;
  }
  return 1;
}

/* Put a cursor's values where those of another are, which has its NULLs in the
** same places. */
void ormSpanValues(OrmBinds *pBinds, const OrmCursor *pCursor, int bBefore){
  for(int i=0; i<pBinds->n; i++){
    struct OrmBind *p = &pBinds->a[i];
    int iCursor = p->iCursor;
    if( iCursor==0 || ((iCursor - 1) & 1)!=bBefore ) continue;
    *p = pCursor->a[(iCursor - 1)/2];
    p->iCursor = (u16)iCursor;
  }
}

/* The plan's text with another cursor; 0 if out of memory. */
static int putText(OrmPlan *p, const char *z, i64 n){
  i64 iEnd = p->span.i + p->span.n;
  i64 nNew = p->nQuery - p->span.n + n;
  char *zNew;
  if( n==p->span.n ){
    memcpy(&p->zQuery[p->span.i], z, (size_t)n);
    return 1;
  }
  zNew = sqlite3_malloc64((u64)nNew + 1);
  if( zNew==0 ) return 0;
  memcpy(zNew, p->zQuery, (size_t)p->span.i);
  memcpy(&zNew[p->span.i], z, (size_t)n);
  memcpy(&zNew[p->span.i + n], &p->zQuery[iEnd], (size_t)(p->nQuery - iEnd));
  zNew[nNew] = 0;
  sqlite3_free(p->zQuery);
  p->zQuery = zNew;
  p->nQuery = nNew;
  p->span.n = n;
  return 1;
}

/* Use the plan with the cursor z[n]: 1, or 0 if it does not serve, and then it
** is to be thrown away. */
int ormSpanReplace(OrmPlan *p, const char *z, i64 n){
  OrmErr err = {0};
  OrmArena arena;
  OrmParse parse;
  OrmJson *pNode;
  const OrmCursor *pNew = 0;
  const OrmCursor **ppOld = p->bBefore ? &p->pQuery->pBefore
                                       : &p->pQuery->pAfter;
  if( n==p->span.n && memcmp(z, &p->zQuery[p->span.i], (size_t)n)==0 ) return 1;
  ormArenaInit(&arena, &err);
  ormParseInit(&parse, p->pOrm, &arena, 0);
  pNode = ormJsonPlain(&arena, z, n);
  if( pNode ) pNew = ormCursorParse(&parse, p->pQuery, pNode);
  if( err.rc || !sameShape(pNew, *ppOld) || !putText(p, z, n) ){
    ormArenaFree(&arena);
    ormErrClear(&err);
    return 0;
  }
  *ppOld = pNew;
  for(int i=0; i<ORM_FETCH_N; i++){
    OrmFetch *pFetch = &p->pRoot->aFetch[i];
    for(; pFetch; pFetch=pFetch->pMore){
      ormSpanValues(&pFetch->binds, pNew, p->bBefore);
    }
  }
  ormArenaFree(&p->cursor);
  p->cursor = arena;
  p->cursor.pErr = &p->err;
  return 1;
}
