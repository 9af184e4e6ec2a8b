/*
** Sets of keys of one model's objects: a key is added once and keeps the
** number it got, from 0.  Keys are told apart byte for byte: they are what the
** table itself holds, so two that differ are two rows.
**
** Always true: aSlot has room (it is at most half full) and holds number+1.
*/
#include "../orm_int.h"

void ormKeySetInit(OrmKeySet *p, OrmErr *pErr, int nCol){
  memset(p, 0, sizeof(*p));
  ormArenaInit(&p->arena, pErr);
  p->key.pArena = &p->arena;
  p->nCol = nCol;
}

void ormKeySetFree(OrmKeySet *p){
  OrmErr *pErr = p->arena.pErr;
  ormArenaFree(&p->arena);
  ormKeySetInit(p, pErr, p->nCol);
}

static u32 mix(u64 h){
  h *= 0x9E3779B97F4A7C15u;
  return (u32)(h>>32);
}

static u32 hashBytes(u32 h, const void *pIn, int n){
  const u8 *z = (const u8*)pIn;
  for(int i=0; i<n; i++) h = (h ^ z[i]) * 16777619u;
  return h ^ (h>>15);
}

static u32 hashBind(const struct OrmBind *p){
  switch( p->eType ){
    case SQLITE_INTEGER: return mix((u64)p->u.i);
    case SQLITE_FLOAT:   return hashBytes(1, &p->u.r, (int)sizeof(p->u.r));
    case SQLITE_NULL:    return 0;
  }
  return hashBytes((u32)p->eType, p->u.z, p->n);
}

/* Good as long as the value is. */
void ormBindView(OrmErr *pErr, struct OrmBind *p, sqlite3_value *pVal){
  p->eType = (u8)sqlite3_value_type(pVal);
  p->n = 0;
  switch( p->eType ){
    case SQLITE_INTEGER: p->u.i = sqlite3_value_int64(pVal); return;
    case SQLITE_FLOAT:   p->u.r = sqlite3_value_double(pVal); return;
    case SQLITE_NULL:    return;
    case SQLITE_TEXT:    p->u.z = (const char*)sqlite3_value_text(pVal); break;
    default:
      p->n = sqlite3_value_bytes(pVal);
      p->u.z = sqlite3_value_blob(pVal);
      break;
  }
  if( p->u.z==0 ){
    if( p->n || p->eType==SQLITE_TEXT ) ormErrOom(pErr);
    p->u.z = "";
  }
  p->n = sqlite3_value_bytes(pVal);
}

int ormBindCopy(OrmBinds *p, const struct OrmBind *pBind){
  switch( pBind->eType ){
    case SQLITE_INTEGER: return ormBindInt(p, pBind->u.i);
    case SQLITE_FLOAT:   return ormBindReal(p, pBind->u.r);
    case SQLITE_NULL:    return ormBindNull(p);
    case SQLITE_TEXT:    return ormBindText(p, pBind->u.z, pBind->n);
  }
  return ormBindBlob(p, pBind->u.z, pBind->n);
}

int ormBindSame(const struct OrmBind *a, const struct OrmBind *b){
  if( a->eType!=b->eType ) return 0;
  switch( a->eType ){
    case SQLITE_INTEGER: return a->u.i==b->u.i;
    case SQLITE_FLOAT:   return memcmp(&a->u.r, &b->u.r, sizeof(a->u.r))==0;
    case SQLITE_NULL:    return 1;
  }
  return a->n==b->n && memcmp(a->u.z, b->u.z, (size_t)a->n)==0;
}

static u32 hashKey(const OrmKeySet *p, const struct OrmBind *a){
  u32 h = hashBind(a);
  for(int i=1; i<p->nCol; i++) h = h*31 + hashBind(&a[i]);
  return h;
}

static int sameKey(
  const OrmKeySet *p, const struct OrmBind *a, const struct OrmBind *b
){
  for(int i=0; i<p->nCol; i++) if( !ormBindSame(&a[i], &b[i]) ) return 0;
  return 1;
}

const struct OrmBind *ormKeySetKey(const OrmKeySet *p, int i){
  return &p->key.a[(i64)i*p->nCol];
}

/* The slot of a key, or the free one where it belongs. */
static u32 findSlot(const OrmKeySet *p, const struct OrmBind *a){
  u32 i = hashKey(p, a) & (p->nSlot-1);
  while( p->aSlot[i]
      && !sameKey(p, ormKeySetKey(p, (int)p->aSlot[i]-1), a) ){
    i = (i+1) & (p->nSlot-1);
  }
  return i;
}

static int grow(OrmKeySet *p){
  u32 nSlot = p->nSlot ? p->nSlot*2 : 16;
  u32 *aSlot;
  if( (u32)p->n*2 < p->nSlot ) return 1;
  aSlot = ormArenaAlloc(&p->arena, (i64)nSlot*(i64)sizeof(u32));
  if( aSlot==0 ) return 0;
  p->aSlot = aSlot;
  p->nSlot = nSlot;
  for(int i=0; i<p->n; i++){
    aSlot[findSlot(p, ormKeySetKey(p, i))] = (u32)i + 1;
  }
  return 1;
}

int ormKeySetFind(const OrmKeySet *p, const struct OrmBind *a){
  return p->n ? (int)p->aSlot[findSlot(p, a)] - 1 : -1;
}

int ormKeySetPut(OrmKeySet *p, const struct OrmBind *a, int *pbNew){
  u32 iSlot;
  *pbNew = 0;
  if( p->arena.pErr->rc || !grow(p) ) return -1;
  iSlot = findSlot(p, a);
  if( p->aSlot[iSlot] ) return (int)p->aSlot[iSlot] - 1;
  if( p->n>=0x3fffffff/ORM_MAX_KEY ){
    ormErr(p->arena.pErr, SQLITE_TOOBIG, "orm: too many objects at once");
  }
  for(int i=0; i<p->nCol; i++) ormBindCopy(&p->key, &a[i]);
  if( p->arena.pErr->rc ) return -1;
  p->aSlot[iSlot] = (u32)p->n + 1;
  *pbNew = 1;
  return p->n++;
}

int ormKeySetAdd(OrmKeySet *p, sqlite3_value **apVal, int *pbNew){
  struct OrmBind a[ORM_MAX_KEY];
  for(int i=0; i<p->nCol; i++) ormBindView(p->arena.pErr, &a[i], apVal[i]);
  return ormKeySetPut(p, a, pbNew);
}

/* Empty it for the next use: what it holds is kept while that is little, or
** else a large set would make all the small ones after it slow. */
void ormKeySetClear(OrmKeySet *p){
  if( p->n==0 ) return;
  if( p->arena.nTotal>(1<<16) || p->arena.pErr->rc ){
    ormKeySetFree(p);
    return;
  }
  for(int i=0; (u32)p->n*4<p->nSlot && i<p->n; i++){
    u32 iSlot = hashKey(p, ormKeySetKey(p, i)) & (p->nSlot-1);
    while( p->aSlot[iSlot] ){
      p->aSlot[iSlot] = 0;
      iSlot = (iSlot+1) & (p->nSlot-1);
    }
  }
  if( (u32)p->n*4>=p->nSlot ) memset(p->aSlot, 0, sizeof(u32)*p->nSlot);
  p->n = p->key.n = 0;
}

/* ------------------------------------------------------------------------
** Keys as values
*/
static void bindJson(OrmBuf *pBuf, const struct OrmBind *p){
  switch( p->eType ){
    case SQLITE_INTEGER: ormJsonInt(pBuf, p->u.i); break;
    case SQLITE_FLOAT:   ormJsonReal(pBuf, p->u.r); break;
    case SQLITE_TEXT:    ormJsonString(pBuf, p->u.z, p->n); break;
    case SQLITE_BLOB:    ormJsonBlob(pBuf, p->u.z, p->n); break;
    default:             ormBufAdd(pBuf, "null", 4); break;
  }
}

void ormKeyResult(
  sqlite3_context *pCtx, const OrmModel *pModel, const struct OrmBind *aKey
){
  OrmErr err = { SQLITE_OK, 0 };
  OrmBuf buf;
  if( pModel->nKey==1 ){
    ormBindResult(pCtx, aKey, SQLITE_TRANSIENT);
    return;
  }
  ormBufInit(&buf, &err);
  for(int i=0; i<pModel->nKey; i++){
    ormBufChar(&buf, i ? ',' : '[');
    bindJson(&buf, &aKey[i]);
  }
  ormBufChar(&buf, ']');
  ormJsonResult(pCtx, &buf);
}
