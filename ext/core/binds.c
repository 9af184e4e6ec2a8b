/*
** Values for the ?N of a generated statement, collected while its text is
** rendered.  They live in the caller's arena.
*/
#include "../orm_int.h"

/* A new entry of the given type at the end; 0 if out of memory. */
static struct OrmBind *bindNew(OrmBinds *p, int eType){
  struct OrmBind *pNew;
  pNew = ormArenaGrow(p->pArena, (void**)&p->a, p->n, &p->nAlloc,
                      (int)sizeof(*pNew));
  if( pNew==0 ) return 0;
  memset(pNew, 0, sizeof(*pNew));
  pNew->eType = (u8)eType;
  p->n++;
  return pNew;
}

int ormBindInt(OrmBinds *p, i64 i){
  struct OrmBind *pNew = bindNew(p, SQLITE_INTEGER);
  if( pNew ) pNew->u.i = i;
  return p->n - 1;
}

int ormBindReal(OrmBinds *p, double r){
  struct OrmBind *pNew = bindNew(p, SQLITE_FLOAT);
  if( pNew ) pNew->u.r = r;
  return p->n - 1;
}

static int bindBytes(OrmBinds *p, int eType, const void *z, i64 n){
  struct OrmBind *pNew;
  char *zCopy;
  /* What sqlite3_malloc64() gives is below 2 GB, so n fits. */
  zCopy = ormArenaText(p->pArena, n ? z : "", n);
  pNew = zCopy ? bindNew(p, eType) : 0;
  if( pNew ){
    pNew->u.z = zCopy;
    pNew->n = (int)n;
  }
  return p->n - 1;
}

int ormBindText(OrmBinds *p, const char *z, i64 n){
  return bindBytes(p, SQLITE_TEXT, z, n<0 ? (i64)strlen(z) : n);
}

int ormBindBlob(OrmBinds *p, const void *pBlob, i64 n){
  return bindBytes(p, SQLITE_BLOB, pBlob, n);
}

int ormBindNull(OrmBinds *p){
  bindNew(p, SQLITE_NULL);
  return p->n - 1;
}

int ormBindJson(OrmBinds *p, const OrmJson *pNode){
  switch( pNode->eType ){
    case ORM_JSON_NULL:    return ormBindNull(p);
    case ORM_JSON_FALSE:   return ormBindInt(p, 0);
    case ORM_JSON_TRUE:    return ormBindInt(p, 1);
    case ORM_JSON_INTEGER: return ormBindInt(p, pNode->u.i);
    case ORM_JSON_REAL:    return ormBindReal(p, pNode->u.r);
    case ORM_JSON_STRING:  return ormBindText(p, pNode->z, pNode->n);
    default:               return ormBindText(p, pNode->zRaw, pNode->nRaw);
  }
}

int ormBindValue(OrmBinds *p, sqlite3_value *pVal){
  const void *z;
  int n = 0;
  switch( sqlite3_value_type(pVal) ){
    case SQLITE_INTEGER: return ormBindInt(p, sqlite3_value_int64(pVal));
    case SQLITE_FLOAT:   return ormBindReal(p, sqlite3_value_double(pVal));
    case SQLITE_NULL:    return ormBindNull(p);
    case SQLITE_TEXT:
      z = sqlite3_value_text(pVal);
      break;
    default:
      n = sqlite3_value_bytes(pVal);    /* none if zeroblob() has no memory  */
      z = sqlite3_value_blob(pVal);
      if( z==0 && n==0 ) z = "";
      break;
  }
  if( z==0 ){
    ormErrOom(p->pArena->pErr);
    return p->n - 1;
  }
  return bindBytes(p, sqlite3_value_type(pVal), z, sqlite3_value_bytes(pVal));
}

static void bound(OrmErr *pErr, OrmStmt *pStmt, int i, int bHeld, int rc){
  ormStmtBound(pStmt, i, bHeld);
  if( rc!=SQLITE_OK ) ormErrDb(pErr, sqlite3_db_handle(pStmt->p), rc);
}

/* In a file in UTF-16 a text may find no memory. */
void ormBindOne(OrmErr *pErr, OrmStmt *pStmt, int i, const struct OrmBind *p){
  sqlite3_stmt *s;
  int rc;
  if( pErr->rc!=SQLITE_OK || pStmt==0 ) return;
  s = pStmt->p;
  switch( p->eType ){
    case SQLITE_INTEGER: rc = sqlite3_bind_int64(s, i, p->u.i); break;
    case SQLITE_FLOAT:   rc = sqlite3_bind_double(s, i, p->u.r); break;
    case SQLITE_TEXT:
      rc = sqlite3_bind_text(s, i, p->u.z, p->n, SQLITE_STATIC);
      break;
    case SQLITE_BLOB:           /* without an address it would be NULL        */
      rc = sqlite3_bind_blob(s, i, p->n ? p->u.z : "", p->n, SQLITE_STATIC);
      break;
    default:             rc = sqlite3_bind_null(s, i); break;
  }
  bound(pErr, pStmt, i, ormBindIsBytes(p), rc);
}

void ormBindAll(OrmErr *pErr, OrmStmt *pStmt, int iFirst, const OrmBinds *p){
  for(int i=0; i<p->n; i++) ormBindOne(pErr, pStmt, iFirst + i, &p->a[i]);
}

void ormBindIntTo(OrmStmt *p, int i, i64 iVal){
  if( p==0 ) return;
  sqlite3_bind_int64(p->p, i, iVal);
  ormStmtBound(p, i, 0);
}

void ormBindTextTo(OrmErr *pErr, OrmStmt *p, int i, const char *z, int n){
  if( p==0 ) return;
  bound(pErr, p, i, 1, sqlite3_bind_text(p->p, i, z, n, SQLITE_STATIC));
}

void ormBindValueTo(OrmErr *pErr, OrmStmt *p, int i, sqlite3_value *pVal){
  int eType = sqlite3_value_type(pVal);
  if( p==0 ) return;
  bound(pErr, p, i, eType==SQLITE_TEXT || eType==SQLITE_BLOB,
        sqlite3_bind_value(p->p, i, pVal));
}

void ormBindPointerTo(OrmStmt *p, int i, void *pData, const char *zType){
  if( p==0 ) return;
  sqlite3_bind_pointer(p->p, i, pData, zType, 0);
  ormStmtBound(p, i, 1);
}

/* A value as a result of SQL.  xDel: SQLITE_TRANSIENT, or SQLITE_STATIC where
** the arena outlives the statement. */
void ormBindResult(
  sqlite3_context *pCtx, const struct OrmBind *p, sqlite3_destructor_type xDel
){
  switch( p->eType ){
    case SQLITE_INTEGER: sqlite3_result_int64(pCtx, p->u.i);           break;
    case SQLITE_FLOAT:   sqlite3_result_double(pCtx, p->u.r);          break;
    case SQLITE_TEXT:    sqlite3_result_text(pCtx, p->u.z, p->n, xDel); break;
    case SQLITE_BLOB:
      /* Without an address it would be NULL. */
      sqlite3_result_blob(pCtx, p->n ? p->u.z : "", p->n, xDel);
      break;
    default:             sqlite3_result_null(pCtx);                    break;
  }
}

u64 ormHash(u64 h, const void *pData, i64 n){
  const u8 *a = pData;
  for(i64 i=0; i<n; i++) h = (h ^ a[i]) * 0x100000001b3u;
  return h;
}

u64 ormBindHash(u64 h, const struct OrmBind *p){
  double r;
  if( p->eType==SQLITE_NULL ) return ormHash(h, "", 1);
  if( ormBindIsBytes(p) ){
    return ormHash(ormHash(h, &p->n, (i64)sizeof(p->n)), p->u.z, p->n);
  }
  r = p->eType==SQLITE_INTEGER ? (double)p->u.i : p->u.r;
  if( p->eType==SQLITE_INTEGER && (r<-9e15 || r>9e15) ){
    return ormHash(h, &p->u.i, (i64)sizeof(p->u.i));
  }
  return ormHash(h, &r, (i64)sizeof(r));
}
