/*
** Rows and rowids of a load, sorted by us where SQLite would need a sorter.
*/
#include "load.h"
#include <stdlib.h>

#define FEW 20                  /* rows that need no quicksort                */

/* ------------------------------------------------------------------------
** The rows of each group, by their integer keys
*/
static int compareKeyRow(const void *a, const void *b){
  i64 x = ((const OrmKeyRow*)a)->iKey, y = ((const OrmKeyRow*)b)->iKey;
  return x<y ? -1 : x>y;
}

static void insertionSort(OrmKeyRow *a, int n){
  for(int i=1; i<n; i++){
    OrmKeyRow row = a[i];
    int j = i;
    for(; j>0 && a[j-1].iKey>row.iKey; j--) a[j] = a[j-1];
    a[j] = row;
  }
}

void ormSortKeyRows(OrmKeyRow *a, int n){
  if( n<=FEW ) insertionSort(a, n);
  else qsort(a, (size_t)n, sizeof(*a), compareKeyRow);
}

/* Put the rows of a group in the order of their keys. */
static void sortGroup(OrmLevel *p, int iGroup, int n){
  const struct OrmBind *aKey = p->aSlot[p->iKeySlot].a;
  OrmKeyRow aFew[FEW], *a = aFew;
  int *pi = &p->aHead[iGroup];
  int i = 0;
  if( n>FEW && (a = sqlite3_malloc64(sizeof(*a)*(u64)n))==0 ){
    ormErrOom(&p->pPlan->err);
    return;
  }
  for(int iRow=*pi; iRow>=0; iRow=p->aRow[iRow].iNext, i++){
    a[i].iKey = aKey[iRow].u.i;
    a[i].iRow = iRow;
  }
  ormSortKeyRows(a, n);
  for(i=0; i<n; i++){
    *pi = a[i].iRow;
    pi = &p->aRow[a[i].iRow].iNext;
  }
  *pi = -1;
  p->aTail[iGroup] = a[n-1].iRow;
  if( a!=aFew ) sqlite3_free(a);
}

/* Of the groups from iGroup on; most are in order as they come. */
void ormSortGroups(OrmLevel *p, int iGroup){
  const struct OrmBind *aKey = p->aSlot[p->iKeySlot].a;
  for(; iGroup<p->nGroup && p->pPlan->err.rc==SQLITE_OK; iGroup++){
    int n = 0, bSorted = 1;
    i64 iLast = 0;
    for(int i=p->aHead[iGroup]; i>=0; i=p->aRow[i].iNext){
      if( n++ && aKey[i].u.i<iLast ) bSorted = 0;
      iLast = aKey[i].u.i;
    }
    if( !bSorted ) sortGroup(p, iGroup, n);
  }
}

/* ------------------------------------------------------------------------
** Numbers of rows
*/
static int compareInt(const void *a, const void *b){
  int x = *(const int*)a, y = *(const int*)b;
  return x<y ? -1 : x>y;
}

static void insertionSortInts(int *a, int n){
  for(int i=1; i<n; i++){
    int v = a[i], j = i;
    for(; j>0 && a[j-1]>v; j--) a[j] = a[j-1];
    a[j] = v;
  }
}

/* Sort them and drop those that come twice; returns how many are left.  Mostly
** there is nothing to do. */
int ormSortDistinct(int *a, int n){
  int nKeep = 1;
  while( nKeep<n && a[nKeep-1]<a[nKeep] ) nKeep++;
  if( nKeep>=n ) return n;
  if( n>50 ) qsort(a, (size_t)n, sizeof(int), compareInt);
  else insertionSortInts(a, n);
  nKeep = 1;
  for(int i=1; i<n; i++){
    if( a[i]!=a[i-1] ) a[nKeep++] = a[i];
  }
  return nKeep;
}

/* ------------------------------------------------------------------------
** Rowids
*/

/* One pass of a radix sort, by the byte at iShift of the distance from iMin. */
static void radixPass(const i64 *aId, const int *aOf, i64 *aToId, int *aToOf,
                      int n, i64 iMin, int iShift){
  int aCount[256];
  int iSum = 0;
  memset(aCount, 0, sizeof(aCount));
  for(int i=0; i<n; i++) aCount[((u64)aId[i] - (u64)iMin)>>iShift & 255]++;
  for(int i=0; i<256; i++){
    int c = aCount[i];
    aCount[i] = iSum;
    iSum += c;
  }
  for(int i=0; i<n; i++){
    int j = aCount[((u64)aId[i] - (u64)iMin)>>iShift & 255]++;
    aToId[j] = aId[i];
    aToOf[j] = aOf[i];
  }
}

/* Sort n rowids, and what each is of along with them. */
void ormSortIds(OrmErr *pErr, OrmIds *p){
  i64 *aId, iMin, iMax;
  int *aOf;
  if( p->n<2 || pErr->rc ) return;
  iMin = iMax = p->aId[0];
  for(int i=1; i<p->n; i++){
    if( p->aId[i]<iMin ) iMin = p->aId[i];
    if( p->aId[i]>iMax ) iMax = p->aId[i];
  }
  aId = sqlite3_malloc64(sizeof(i64)*(u64)p->n);
  aOf = sqlite3_malloc64(sizeof(int)*(u64)p->n);
  if( aId==0 || aOf==0 ) ormErrOom(pErr);
  for(int iShift=0; pErr->rc==SQLITE_OK && iShift<64; iShift+=8){
    i64 *aIdOld = p->aId;
    int *aOfOld = p->aOf;
    if( ((u64)iMax - (u64)iMin)>>iShift==0 ) break;
    radixPass(p->aId, p->aOf, aId, aOf, p->n, iMin, iShift);
    p->aId = aId;  aId = aIdOld;
    p->aOf = aOf;  aOf = aOfOld;
  }
  sqlite3_free(aId);
  sqlite3_free(aOf);
}

/* Room for n of them; 0 and out of memory. */
int ormIdsGrow(OrmErr *pErr, OrmIds *p, i64 n){
  return ormGrow(pErr, &p->aId, &p->nIdAlloc, n, sizeof(i64))
      && ormGrow(pErr, &p->aOf, &p->nOfAlloc, n, sizeof(int));
}

void ormIdsFree(OrmIds *p){
  sqlite3_free(p->aId);
  sqlite3_free(p->aOf);
}
