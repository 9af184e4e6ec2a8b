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

static int bindOne(sqlite3_stmt *p, int i, const struct OrmBind *pBind){
  switch( pBind->eType ){
    case SQLITE_INTEGER: return sqlite3_bind_int64(p, i, pBind->u.i);
    case SQLITE_FLOAT:   return sqlite3_bind_double(p, i, pBind->u.r);
    case SQLITE_TEXT:
      return sqlite3_bind_text(p, i, pBind->u.z, pBind->n, SQLITE_STATIC);
    case SQLITE_BLOB:
      return sqlite3_bind_blob(p, i, pBind->u.z, pBind->n, SQLITE_STATIC);
    default:             return sqlite3_bind_null(p, i);
  }
}

/* Bind all to ?iFirst.. of a statement on loan (0 after an error: nothing). */
void ormBindAll(OrmErr *pErr, OrmStmt *pStmt, int iFirst, const OrmBinds *p){
  if( pStmt==0 ) return;
  for(int i=0; i<p->n && pErr->rc==SQLITE_OK; i++){
    int rc = bindOne(pStmt->p, iFirst + i, &p->a[i]);
    if( rc!=SQLITE_OK ) ormErrDb(pErr, sqlite3_db_handle(pStmt->p), rc);
  }
}

/* One parameter of a statement (0: nothing); a text stays the caller's.  In a
** file in UTF-16 either may find no memory. */
void ormBindTextTo(OrmErr *pErr, sqlite3_stmt *p, int i, const char *z, int n){
  int rc;
  if( p==0 ) return;
  rc = sqlite3_bind_text(p, i, z, n, SQLITE_STATIC);
  if( rc!=SQLITE_OK ) ormErrDb(pErr, sqlite3_db_handle(p), rc);
}

void ormBindValueTo(OrmErr *pErr, sqlite3_stmt *p, int i, sqlite3_value *pVal){
  int rc = sqlite3_bind_value(p, i, pVal);
  if( rc!=SQLITE_OK ) ormErrDb(pErr, sqlite3_db_handle(p), rc);
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
