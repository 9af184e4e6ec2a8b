/*
** The sticky error of one call.
**
** An OrmErr keeps the first failure and ignores the later ones, which are
** mostly its consequences.  rc is an (extended) SQLite code; zMsg, when there
** is one, is the whole text that SQL will see.  Out of memory never has a
** text, so that reporting it cannot fail.
*/
#include "../orm_int.h"
#include <stdarg.h>

static void errVa(OrmErr *p, int rc, const char *zFormat, va_list ap){
  char *z;
  if( p->rc!=SQLITE_OK ) return;
  p->rc = rc;
  if( rc==SQLITE_NOMEM ) return;
  z = sqlite3_vmprintf(zFormat, ap);
  if( z ){
    p->zMsg = z;
  }else{
    p->rc = SQLITE_NOMEM;
  }
}

/* Record a failure with its message, unless there is one already. */
void ormErr(OrmErr *p, int rc, const char *zFormat, ...){
  va_list ap;
  assert( rc!=SQLITE_OK );
  va_start(ap, zFormat);
  errVa(p, rc, zFormat, ap);
  va_end(ap);
}

void ormErrOom(OrmErr *p){
  if( p->rc==SQLITE_OK ) p->rc = SQLITE_NOMEM;
}

/*
** Record what the connection says about a call that gave rc.  The extended
** code is taken only if it belongs to rc, the connection's last error may be
** of something else (sqlite3_step() of a reset statement, for example); so may
** the text of an interrupt that comes while a constraint fails.
*/
void ormErrDb(OrmErr *p, sqlite3 *db, int rc){
  int rcExt;
  if( p->rc!=SQLITE_OK || rc==SQLITE_OK ) return;
  if( (rc & 0xff)==SQLITE_NOMEM ){
    ormErrOom(p);
    return;
  }
  rcExt = sqlite3_extended_errcode(db);
  if( (rcExt & 0xff)==(rc & 0xff) && (rc & 0xff)!=SQLITE_INTERRUPT ){
    ormErr(p, rcExt, "%s", sqlite3_errmsg(db));
  }else{
    ormErr(p, rc, "%s", sqlite3_errstr(rc));
  }
}

static const char *errText(const OrmErr *p){
  return p->zMsg ? p->zMsg : sqlite3_errstr(p->rc);
}

/* The error becomes the result of an SQL function.  The code goes last:
** sqlite3_result_error() sets it to SQLITE_ERROR. */
void ormErrResult(OrmErr *p, sqlite3_context *pCtx){
  if( p->rc==SQLITE_NOMEM ){
    sqlite3_result_error_nomem(pCtx);
  }else{
    assert( p->rc!=SQLITE_OK );
    sqlite3_result_error(pCtx, errText(p), -1);
    sqlite3_result_error_code(pCtx, p->rc);
  }
  ormErrClear(p);
}

/* The error becomes that of a virtual table's method; returns the code. */
int ormErrVtab(OrmErr *p, sqlite3_vtab *pVtab){
  int rc = p->rc;
  if( p->zMsg ){
    sqlite3_free(pVtab->zErrMsg);
    pVtab->zErrMsg = p->zMsg;
    p->zMsg = 0;
  }
  ormErrClear(p);
  return rc;
}

void ormErrClear(OrmErr *p){
  sqlite3_free(p->zMsg);
  p->zMsg = 0;
  p->rc = SQLITE_OK;
}

void ormErrMove(OrmErr *p, OrmErr *pErr){
  if( pErr->rc==SQLITE_OK ){
    *pErr = *p;
    memset(p, 0, sizeof(*p));
  }
  ormErrClear(p);
}

int ormErrForgive(OrmErr *p, OrmErr *pErr){
  if( p->rc==SQLITE_OK ) return 0;
  if( (p->rc & 0xff)!=SQLITE_ERROR ) ormErrMove(p, pErr);
  ormErrClear(p);
  return 1;
}

/* Say where: put text before the message.  An "orm: " that the message begins
** with goes, since the new text brings its own. */
void ormErrPrefix(OrmErr *p, const char *zFormat, ...){
  va_list ap;
  char *zPrefix, *zNew = 0;
  const char *zOld;
  if( p->rc==SQLITE_OK || p->rc==SQLITE_NOMEM ) return;
  va_start(ap, zFormat);
  zPrefix = sqlite3_vmprintf(zFormat, ap);
  va_end(ap);
  zOld = errText(p);
  if( strncmp(zOld, "orm: ", 5)==0 ) zOld += 5;
  if( zPrefix ) zNew = sqlite3_mprintf("%s%s", zPrefix, zOld);
  sqlite3_free(zPrefix);
  if( zNew ){
    sqlite3_free(p->zMsg);
    p->zMsg = zNew;
  }else{
    ormErrClear(p);
    p->rc = SQLITE_NOMEM;
  }
}
