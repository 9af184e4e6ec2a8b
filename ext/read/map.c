/*
** Keys by value: each once, numbered in the order of arrival, found again by a
** hash of their values.
**
** Values compare as SQLite compares values without affinity and in BINARY
** order: a whole number is an integer, whatever it is stored as.
**
** Integers that lie close together (keys mostly do) need no hash: ormMapDense()
** makes a table indexed by value, and numbers them in ascending order, which is
** the order in which their rows are stored.
*/
#include "load.h"

int ormGrowMore(OrmErr *pErr, void *ppArray, i64 *pnAlloc, i64 n, int nElem){
  void **pp = (void**)ppArray;
  void *pNew;
  i64 nNew;
  if( pErr->rc ) return 0;
  assert( n>*pnAlloc );
  nNew = *pnAlloc ? *pnAlloc*2 : 16;
  if( nNew<n ) nNew = n;
  pNew = sqlite3_realloc64(*pp, (u64)nNew*(u64)nElem);
  if( pNew==0 ){
    ormErrOom(pErr);
    return 0;
  }
  ormLargePages(pNew, nNew*nElem);
  *pp = pNew;
  *pnAlloc = nNew;
  return 1;
}

/* Keep a value until the run's memory goes. */
void ormKeepValue(OrmPlan *pPlan, struct OrmBind *p, sqlite3_value *pVal){
  p->eType = (u8)sqlite3_value_type(pVal);
  p->n = 0;
  switch( p->eType ){
    case SQLITE_INTEGER: p->u.i = sqlite3_value_int64(pVal);  return;
    case SQLITE_FLOAT:   p->u.r = sqlite3_value_double(pVal); return;
    case SQLITE_NULL:    return;
    default: {
      struct OrmBind v;
      char *zCopy;
      ormBindView(&pPlan->err, &v, pVal);
      zCopy = ormArenaText(&pPlan->run, v.u.z, v.n);
      if( zCopy==0 ) p->eType = SQLITE_NULL;
      p->u.z = zCopy;
      p->n = zCopy ? v.n : 0;
    }
  }
}

/* The same for as long as the value is there. */
void ormViewValue(struct OrmBind *p, sqlite3_value *pVal){
  p->eType = (u8)sqlite3_value_type(pVal);
  p->n = 0;
  switch( p->eType ){
    case SQLITE_INTEGER: p->u.i = sqlite3_value_int64(pVal);  break;
    case SQLITE_FLOAT:   p->u.r = sqlite3_value_double(pVal); break;
    case SQLITE_NULL:    break;
    case SQLITE_TEXT:
      p->u.z = (const char*)sqlite3_value_text(pVal);
      p->n = sqlite3_value_bytes(pVal);
      break;
    default:
      p->n = sqlite3_value_bytes(pVal);
      p->u.z = (const char*)sqlite3_value_blob(pVal);
  }
  if( p->n>0 && p->u.z==0 ) p->eType = SQLITE_NULL;
}

/* A whole number is an integer, whatever it is stored as. */
static struct OrmBind normal(const struct OrmBind *p){
  struct OrmBind v = *p;
  if( v.eType==SQLITE_FLOAT && v.u.r>=-0x1p63 && v.u.r<0x1p63
   && (double)(i64)v.u.r==v.u.r
  ){
    v.eType = SQLITE_INTEGER;
    v.u.i = (i64)p->u.r;
  }
  return v;
}

static u32 valueHash(u32 h, const struct OrmBind *p){
  if( p->eType==SQLITE_TEXT || p->eType==SQLITE_BLOB ){
    for(int i=0; i<p->n; i++) h = (h ^ (u8)p->u.z[i]) * 16777619u;
  }else{
    u64 u = (u64)p->u.i * 0x9e3779b97f4a7c15u;
    h = (h ^ (u32)(u>>32)) * 16777619u;
  }
  return h ^ (h>>15);
}

static int valueSame(const struct OrmBind *a, const struct OrmBind *b){
  if( a->eType!=b->eType ) return 0;
  if( a->eType==SQLITE_TEXT || a->eType==SQLITE_BLOB ){
    return a->n==b->n && memcmp(a->u.z, b->u.z, (size_t)a->n)==0;
  }
  return a->u.i==b->u.i;
}

void ormMapReset(OrmMap *p, int nCol){
  p->nCol = nCol;
  p->nKey = 0;
  p->nDense = 0;
  if( p->aHash ) memset(p->aHash, 0, sizeof(int)*((size_t)p->mHash + 1));
}

void ormMapFree(OrmMap *p){
  sqlite3_free(p->aKey);
  sqlite3_free(p->aHash);
  sqlite3_free(p->aDense);
  sqlite3_free(p->aInt);
  memset(p, 0, sizeof(*p));
}

/* Slot of the hash table for a key of normal values: its own, or a free one. */
static u32 mapSlot(const OrmMap *p, const struct OrmBind *aVal){
  u32 h = 2166136261u;
  for(int i=0; i<p->nCol; i++) h = valueHash(h, &aVal[i]);
  for(h &= p->mHash; p->aHash[h]; h = (h + 1) & p->mHash){
    const struct OrmBind *aKey = &p->aKey[(i64)(p->aHash[h] - 1)*p->nCol];
    int i = 0;
    while( i<p->nCol && valueSame(&aKey[i], &aVal[i]) ) i++;
    if( i==p->nCol ) break;
  }
  return h;
}

/* A larger hash table, filled from the keys. */
static int mapRehash(OrmErr *pErr, OrmMap *p){
  u32 nNew = p->aHash ? (p->mHash + 1)*2 : 32;
  int *aNew = sqlite3_malloc64(sizeof(int)*(u64)nNew);
  if( aNew==0 ){
    ormErrOom(pErr);
    return 0;
  }
  memset(aNew, 0, sizeof(int)*(size_t)nNew);
  sqlite3_free(p->aHash);
  p->aHash = aNew;
  p->mHash = nNew - 1;
  for(int i=0; i<p->nKey; i++){
    aNew[mapSlot(p, &p->aKey[(i64)i*p->nCol])] = i + 1;
  }
  return 1;
}

/* The number of a key, which is added if it is new; -1 if a value is NULL, or
** out of memory. */
int ormMapAdd(OrmErr *pErr, OrmMap *p, const struct OrmBind *aVal){
  struct OrmBind a[ORM_MAX_KEY];
  u32 h;
  for(int i=0; i<p->nCol; i++){
    if( aVal[i].eType==SQLITE_NULL ) return -1;
    a[i] = normal(&aVal[i]);
  }
  if( p->aHash==0 || (u32)p->nKey*2>p->mHash ){
    if( pErr->rc || !mapRehash(pErr, p) ) return -1;
  }
  h = mapSlot(p, a);
  if( p->aHash[h]==0 ){
    if( !ormGrow(pErr, &p->aKey, &p->nAlloc, (i64)(p->nKey + 1)*p->nCol,
                 sizeof(*p->aKey)) ) return -1;
    memcpy(&p->aKey[(i64)p->nKey*p->nCol], a, sizeof(*a)*(size_t)p->nCol);
    p->aHash[h] = ++p->nKey;
  }
  return p->aHash[h] - 1;
}

/* The number of a key, or -1. */
int ormMapFind(const OrmMap *p, const struct OrmBind *aVal){
  struct OrmBind a[ORM_MAX_KEY];
  if( p->nKey==0 ) return -1;
  if( p->nDense ){
    a[0] = normal(&aVal[0]);
    if( a[0].eType!=SQLITE_INTEGER || a[0].u.i<p->iMin ) return -1;
    return (u64)a[0].u.i - (u64)p->iMin<(u64)p->nDense
         ? p->aDense[a[0].u.i - p->iMin] - 1 : -1;
  }
  for(int i=0; i<p->nCol; i++){
    if( aVal[i].eType==SQLITE_NULL ) return -1;
    a[i] = normal(&aVal[i]);
  }
  return p->aHash[mapSlot(p, a)] - 1;
}

/* ------------------------------------------------------------------------
** Integers close together
*/

/* The least and the greatest integer; 0 if there is none, or another value that
** is not NULL. */
static int integerRange(const struct OrmBind *a, int n, i64 *piMin, i64 *piMax){
  int bAny = 0;
  for(int i=0; i<n; i++){
    if( a[i].eType==SQLITE_NULL ) continue;
    if( a[i].eType!=SQLITE_INTEGER ) return 0;
    if( !bAny || a[i].u.i<*piMin ) *piMin = a[i].u.i;
    if( !bAny || a[i].u.i>*piMax ) *piMax = a[i].u.i;
    bAny = 1;
  }
  return bAny;
}

/* The table for values from iMin to iMax, empty; 0 if they lie too far apart
** (or out of memory). */
static int denseTable(OrmErr *pErr, OrmMap *p, i64 iMin, i64 iMax, int n){
  u64 nRange = (u64)iMax - (u64)iMin + 1;
  if( nRange==0 || nRange>(u64)n*8 + 1000 ) return 0;
  if( !ormGrow(pErr, &p->aDense, &p->nDenseAlloc, (i64)nRange, sizeof(int)) ){
    return 0;
  }
  memset(p->aDense, 0, sizeof(int)*(size_t)nRange);
  p->iMin = iMin;
  p->nDense = (i64)nRange;
  return 1;
}

/* Number the values that are marked, and list them. */
static void numberMarked(OrmMap *p){
  for(i64 i=0; i<p->nDense; i++){
    if( p->aDense[i]==0 ) continue;
    p->aInt[p->nKey] = p->iMin + i;
    p->aDense[i] = ++p->nKey;
  }
}

/* The numbers of n values, to aNumber (-1 for NULL).  0 if it cannot be done:
** then nothing is. */
int ormMapDense(OrmErr *pErr, OrmMap *p, const struct OrmBind *a, int n,
                int *aNumber){
  i64 iMin = 0, iMax = 0;
  if( p->nCol!=1 || !integerRange(a, n, &iMin, &iMax) ) return 0;
  if( !denseTable(pErr, p, iMin, iMax, n) ) return 0;
  if( !ormGrow(pErr, &p->aInt, &p->nIntAlloc, n, sizeof(i64)) ) return 0;
  for(int i=0; i<n; i++){
    if( a[i].eType!=SQLITE_NULL ) p->aDense[a[i].u.i - iMin] = 1;
  }
  numberMarked(p);
  for(int i=0; i<n; i++){
    aNumber[i] = a[i].eType==SQLITE_NULL ? -1 : p->aDense[a[i].u.i - iMin] - 1;
  }
  return 1;
}

/* The same for integers from iMin to iMax: the table knows their numbers. */
int ormMapDenseInts(OrmErr *pErr, OrmMap *p, const i64 *a, int n, i64 iMin,
                    i64 iMax){
  if( n==0 || !denseTable(pErr, p, iMin, iMax, n) ) return 0;
  if( !ormGrow(pErr, &p->aInt, &p->nIntAlloc, n, sizeof(i64)) ) return 0;
  for(int i=0; i<n; i++) p->aDense[a[i] - iMin] = 1;
  numberMarked(p);
  return 1;
}

/* The same for values that are all different: they keep their own order. */
int ormMapDenseRows(OrmErr *pErr, OrmMap *p, const struct OrmBind *a, int n){
  i64 iMin = 0, iMax = 0;
  if( p->nCol!=1 || !integerRange(a, n, &iMin, &iMax) ) return 0;
  if( !denseTable(pErr, p, iMin, iMax, n) ) return 0;
  for(int i=0; i<n; i++){
    if( a[i].eType!=SQLITE_NULL ) p->aDense[a[i].u.i - iMin] = i + 1;
  }
  p->nKey = n;
  return 1;
}

int ormMapFindValues(const OrmMap *pMap, sqlite3_value **apVal){
  struct OrmBind aVal[ORM_MAX_KEY];
  for(int i=0; i<pMap->nCol; i++) ormViewValue(&aVal[i], apVal[i]);
  return ormMapFind(pMap, aVal);
}
