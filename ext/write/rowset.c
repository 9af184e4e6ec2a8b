/*
** Sets of rows of one table, for the cascade planner: a row is added once and
** keeps the position it got.  Rows are told apart by an integer (the rowid) or
** by the values of a key, compared byte for byte, as they stand in the table.
**
** Always true: aHash has room (load at most one half), and holds position+1.
*/
#include "cascade.h"

void ormRowSetInit(RowSet *p, OrmArena *pArena, const OrmNode *pNode){
  memset(p, 0, sizeof(*p));
  p->pArena = pArena;
  p->nCol = pNode->nId;
  p->bInt = pNode->zRowid!=0;
}

void ormRowSetFree(RowSet *p){
  if( p->bInt ) return;
  for(int i=0; i<p->n*p->nCol; i++) sqlite3_value_free(p->apVal[i]);
  p->n = 0;
}

static u32 hashInt(i64 i){
  u64 h = (u64)i * 0x9E3779B97F4A7C15u;
  return (u32)(h>>32);
}

static u32 hashValue(const RowSet *pSet, sqlite3_value *p){
  u32 h = (u32)sqlite3_value_type(p);
  const u8 *z;
  int n;
  if( h==SQLITE_INTEGER ) return hashInt(sqlite3_value_int64(p));
  if( h==SQLITE_FLOAT ){
    double r = sqlite3_value_double(p);
    i64 i;
    memcpy(&i, &r, sizeof(i));
    return hashInt(i);
  }
  z = h==SQLITE_BLOB ? sqlite3_value_blob(p) : sqlite3_value_text(p);
  if( z==0 && h==SQLITE_TEXT ) ormErrOom(pSet->pArena->pErr);
  n = z ? sqlite3_value_bytes(p) : 0;
  for(int i=0; i<n; i++) h = (h ^ z[i]) * 16777619u;
  return h;
}

static u32 hashRow(const RowSet *p, sqlite3_value **apVal){
  u32 h = 0;
  if( p->bInt ) return hashInt(sqlite3_value_int64(apVal[0]));
  for(int i=0; i<p->nCol; i++) h = h*31 + hashValue(p, apVal[i]);
  return h;
}

/* Keys are never NULL. */
static int sameValue(sqlite3_value *a, sqlite3_value *b){
  int eType = sqlite3_value_type(a);
  int n;
  if( eType!=sqlite3_value_type(b) ) return 0;
  switch( eType ){
    case SQLITE_INTEGER: return sqlite3_value_int64(a)==sqlite3_value_int64(b);
    case SQLITE_FLOAT:
      return !(sqlite3_value_double(a)<sqlite3_value_double(b)
            || sqlite3_value_double(a)>sqlite3_value_double(b));
  }
  n = sqlite3_value_bytes(a);
  return n==sqlite3_value_bytes(b)
      && (n==0 || memcmp(sqlite3_value_blob(a), sqlite3_value_blob(b),
                         (size_t)n)==0);
}

static int sameRow(const RowSet *p, int i, sqlite3_value **apVal){
  if( p->bInt ) return p->aInt[i]==sqlite3_value_int64(apVal[0]);
  for(int j=0; j<p->nCol; j++){
    if( !sameValue(p->apVal[(i64)i*p->nCol+j], apVal[j]) ) return 0;
  }
  return 1;
}

int ormRowSetFind(const RowSet *p, sqlite3_value **apVal){
  u32 h;
  if( p->n==0 ) return -1;
  for(h=hashRow(p, apVal)&(p->nHash-1); p->aHash[h]; h=(h+1)&(p->nHash-1)){
    if( sameRow(p, (int)p->aHash[h]-1, apVal) ) return (int)p->aHash[h]-1;
  }
  return -1;
}

int ormRowSetFindAt(const RowSet *p, const RowSet *pOf, int i){
  u32 h;
  if( p->n==0 ) return -1;
  if( !p->bInt ) return ormRowSetFind(p, &pOf->apVal[(i64)i*pOf->nCol]);
  for(h=hashInt(pOf->aInt[i])&(p->nHash-1); p->aHash[h]; h=(h+1)&(p->nHash-1)){
    if( p->aInt[p->aHash[h]-1]==pOf->aInt[i] ) return (int)p->aHash[h]-1;
  }
  return -1;
}

static void hashPut(RowSet *p, u32 iHash, int i){
  u32 h = iHash & (p->nHash-1);
  while( p->aHash[h] ) h = (h+1) & (p->nHash-1);
  p->aHash[h] = (u32)i + 1;
}

/* Make room for one more in the hash. */
static int hashGrow(RowSet *p){
  u32 nHash = p->nHash ? p->nHash*2 : 16;
  u32 *aHash;
  if( (u32)p->n*2 < p->nHash ) return 1;
  aHash = ormArenaAlloc(p->pArena, (i64)nHash*(i64)sizeof(u32));
  if( aHash==0 ) return 0;
  p->aHash = aHash;
  p->nHash = nHash;
  for(int i=0; i<p->n; i++){
    hashPut(p, p->bInt ? hashInt(p->aInt[i])
                       : hashRow(p, &p->apVal[(i64)i*p->nCol]), i);
  }
  return 1;
}

/* Copy the values of a row to the end; all or none. */
static int rowCopy(RowSet *p, sqlite3_value **apVal){
  sqlite3_value **ap;
  int bCopied = 1;
  if( p->bInt ){
    i64 *pInt = ormArenaGrow(p->pArena, (void**)&p->aInt, p->n, &p->nAlloc,
                             (int)sizeof(i64));
    if( pInt ) *pInt = sqlite3_value_int64(apVal[0]);
    return pInt!=0;
  }
  ap = ormArenaGrow(p->pArena, (void**)&p->apVal, p->n, &p->nAlloc,
                    p->nCol*(int)sizeof(*ap));
  if( ap==0 ) return 0;
  for(int i=0; i<p->nCol; i++){
    ap[i] = sqlite3_value_dup(apVal[i]);
    if( ap[i]==0 ) bCopied = 0;
  }
  if( bCopied ) return 1;
  for(int i=0; i<p->nCol; i++) sqlite3_value_free(ap[i]);
  ormErrOom(p->pArena->pErr);
  return 0;
}

int ormRowSetAdd(RowSet *p, sqlite3_value **apVal, int *pbNew){
  int i = ormRowSetFind(p, apVal);
  *pbNew = 0;
  if( i>=0 ) return i;
  if( !hashGrow(p) || !rowCopy(p, apVal) ) return -1;
  hashPut(p, hashRow(p, apVal), p->n);
  *pbNew = 1;
  return p->n++;
}
