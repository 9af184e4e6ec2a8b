/*
** A SELECT's text under construction: parameters, aliases, and the pieces that
** every statement over a relationship is made of.
**
** Values are collected in OrmSql.binds while the text says ?N, so the two
** cannot come apart.  Aliases are t<number>, each number given once.
*/
#include "../orm_int.h"

void ormSqlInit(OrmSql *p, Orm *pOrm, OrmArena *pArena, int iFirst){
  memset(p, 0, sizeof(*p));
  p->pOrm = pOrm;
  p->iFirst = iFirst;
  p->binds.pArena = pArena;
  ormBufInit(&p->buf, pArena->pErr);
}

void ormSqlFree(OrmSql *p){
  ormBufFree(&p->buf);
}

/* The parameter of the bind at position iBind. */
void ormSqlParam(OrmSql *p, int iBind){
  ormBufChar(&p->buf, '?');
  ormBufInt(&p->buf, p->iFirst + iBind);
}

/* " LIMIT ?n OFFSET ?m".  SQLite looks at a limit that is a bare parameter
** when it plans, and plans anew whenever it is bound: a sum it leaves alone. */
void ormSqlLimit(OrmSql *p, i64 nLimit, i64 nOffset){
  ormBufAdd(&p->buf, " LIMIT ", 7);
  ormSqlParam(p, ormBindInt(&p->binds, nLimit));
  ormBufAdd(&p->buf, "+0", 2);
  if( nOffset<=0 ) return;
  ormBufAdd(&p->buf, " OFFSET ", 8);
  ormSqlParam(p, ormBindInt(&p->binds, nOffset));
}

/* ------------------------------------------------------------------------
** x IN (SELECT ..)
**
** Where ANALYZE has found few rows, SQLite goes from one value of an IN to the
** next by stepping along the index, and before 3.45 it then forgets to read
** that row's columns anew.  It shows where the loop over a value is left early:
** for an ORDER BY with a LIMIT, unless another table is joined further in; and
** for a min or max that is alone, unless it has a FILTER.  A rowid is found
** without stepping.
**
** Nor does it look whether the row lies in the range that is asked of the index
** behind the IN's column: such a range is kept from it by + 0.
*/
#define FEW_ROWS 100            /* as ANALYZE has seen them                   */
int ormSqlInIsWell(void){
  return sqlite3_libversion_number()>=3045000;
}

void ormSqlInSeek(OrmSql *p, const OrmModel *pModel, int n, const int *aField){
  if( ormSqlInIsWell() ) return;
  if( n>1 || !pModel->bRowidKey || aField[0]!=pModel->aKey[0] ) p->bInSeek = 1;
}

int ormSqlInFew(OrmSql *p, const OrmModel *pModel){
  double r;
  if( !p->bInSeek && !p->bInBeside ) return 0;
  r = ormStatRows(p->pOrm, p->buf.pErr, pModel->zTable);
  return r>0 && r<FEW_ROWS;
}

static void insert(OrmSql *p, i64 iAt, const char *z){
  i64 n = (i64)strlen(z);
  if( ormBufReserve(&p->buf, n)==0 ) return;
  memmove(&p->buf.z[iAt + n], &p->buf.z[iAt], (size_t)(p->buf.n - iAt));
  memcpy(&p->buf.z[iAt], z, (size_t)n);
  p->buf.n += n;
}

/* What stands on the left of an IN, of n columns, beside a column of affinity
** cOther.  Of several columns SQLite before 3.54 asks an index for texts that
** are to be compared as numbers, which finds none of them: a + hinders that. */
void ormSqlInColumn(
  OrmSql *p, const char *zAlias, const OrmField *pField, int n, char cOther
){
  if( n>1 && pField->cAff<='B' && cOther>'B' ) ormBufChar(&p->buf, '+');
  ormBufColumn(&p->buf, zAlias, pField->zName);
}

/* "(a, b)" of zChild, as the links' targets, on the left of an IN. */
void ormSqlLinked(OrmSql *p, const OrmRel *pRel, const char *zChild){
  int n = pRel->nRemote;
  ormSqlInSeek(p, pRel->pTarget, n, pRel->aRemote);
  if( n>1 ) ormBufChar(&p->buf, '(');
  for(int i=0; i<n; i++){
    const char *zColl;
    char cAff = 'A';
    if( n>1 ){
      ormLinkColumn(p->pOrm, pRel, pRel->azSecRemote[i], &cAff, &zColl);
    }
    if( i ) ormBufAdd(&p->buf, ", ", 2);
    ormSqlInColumn(p, zChild, &pRel->pTarget->aField[pRel->aRemote[i]], n,
                   cAff);
  }
  if( n>1 ) ormBufChar(&p->buf, ')');
}

void ormSqlInLimited(OrmSql *p, i64 iFrom){
  if( p->bInSeek ) insert(p, iFrom, " CROSS JOIN (SELECT 1)");
  p->bInSeek = 0;
}

void ormSqlInLeast(OrmSql *p, i64 iFunc){
  if( p->bInSeek ) insert(p, iFunc, " FILTER (WHERE 1)");
  p->bInSeek = 0;
}

/* The alias of a number; numbers are small, but nothing depends on it. */
void ormSqlAliasOf(int iAlias, char zAlias[16]){
  char *z = &zAlias[15];
  *z = 0;
  do{
    *--z = (char)('0' + iAlias%10);
    iAlias /= 10;
  }while( iAlias );
  *--z = 't';
  memmove(zAlias, z, (size_t)(&zAlias[16] - z));
}

void ormSqlAlias(OrmSql *p, char zAlias[16]){
  ormSqlAliasOf(p->nAlias++, zAlias);
}

/* "main"."t" AS t0 */
void ormSqlTable(OrmSql *p, const char *zTable, const char *zAlias){
  ormBufTable(&p->buf, zTable);
  ormBufAdd(&p->buf, " AS ", 4);
  ormBufAdd(&p->buf, zAlias, -1);
}

/* " AND <alive>" or, for ORM_DELETED_ONLY, " AND <deleted>". */
void ormDeletedSql(
  OrmSql *p, const OrmModel *pModel, int eDeleted, const char *zAlias
){
  const OrmField *pField;
  int bOnly = eDeleted==ORM_DELETED_ONLY;      /* checked: there is a field   */
  if( eDeleted==ORM_DELETED_ALSO || pModel->iSoftDelete<0 ) return;
  pField = &pModel->aField[pModel->iSoftDelete];
  if( pField->eType==ORM_TYPE_BOOLEAN ){
    ormBufAdd(&p->buf, " AND coalesce(", -1);
    ormBufColumn(&p->buf, zAlias, pField->zName);
    ormBufAdd(&p->buf, bOnly ? ", 0) <> 0" : ", 0) = 0", -1);
  }else{
    ormBufAdd(&p->buf, " AND ", 5);
    ormBufColumn(&p->buf, zAlias, pField->zName);
    ormBufAdd(&p->buf, bOnly ? " IS NOT NULL" : " IS NULL", -1);
  }
}

/* Columns of two tables compared: "a.x = b.y AND ..".  The first of a pair
** gives the collation, so it is the one that is referred to. */
static void joinColumns(
  OrmSql *p, int n, const char *zA, const char *const *azA, const char *zB,
  const char *const *azB
){
  for(int i=0; i<n; i++){
    if( i ) ormBufAdd(&p->buf, " AND ", 5);
    ormBufColumn(&p->buf, zA, azA[i]);
    ormBufAdd(&p->buf, " = ", 3);
    ormBufColumn(&p->buf, zB, azB[i]);
  }
}

static void fieldNames(
  const OrmModel *pModel, int n, const int *aField, const char **az
){
  for(int i=0; i<n; i++) az[i] = pModel->aField[aField[i]].zName;
}

/* "(a, b)" of an alias; without parentheses if it is one column. */
static void columnList(
  OrmSql *p, int n, const char *zAlias, const char *const *az
){
  for(int i=0; i<n; i++){
    if( i ) ormBufAdd(&p->buf, ", ", 2);
    ormBufColumn(&p->buf, zAlias, az[i]);
  }
}

/* The many-to-many join: what the child joins on is in the list that the link
** table has for the parent.  A list, so that a pair linked twice is one. */
static void joinLink(
  OrmSql *p, const OrmRel *pRel, const char *zParent, const char *zChild
){
  const char *azLocal[ORM_MAX_KEY];
  char zLink[16];
  fieldNames(pRel->pModel, pRel->nLocal, pRel->aLocal, azLocal);
  ormSqlAlias(p, zLink);
  ormSqlLinked(p, pRel, zChild);
  ormBufAdd(&p->buf, " IN (SELECT ", -1);
  columnList(p, pRel->nRemote, zLink, pRel->azSecRemote);
  ormBufAdd(&p->buf, " FROM ", 6);
  ormSqlTable(p, pRel->zSecondary, zLink);
  ormBufAdd(&p->buf, " WHERE ", 7);
  joinColumns(p, pRel->nLocal, zParent, azLocal, zLink, pRel->azSecLocal);
  ormBufChar(&p->buf, ')');
}

/* "a.x = b.y AND ..": the rows of pTarget (zChild) that belong to one of
** pModel (zParent). */
void ormRelJoinSql(
  OrmSql *p, const OrmRel *pRel, const char *zParent, const char *zChild
){
  const char *azLocal[ORM_MAX_KEY], *azRemote[ORM_MAX_KEY];
  if( pRel->zSecondary ){
    joinLink(p, pRel, zParent, zChild);
    return;
  }
  fieldNames(pRel->pModel, pRel->nLocal, pRel->aLocal, azLocal);
  fieldNames(pRel->pTarget, pRel->nRemote, pRel->aRemote, azRemote);
  if( pRel->bForeign ){
    joinColumns(p, pRel->nRemote, zChild, azRemote, zParent, azLocal);
  }else{
    joinColumns(p, pRel->nRemote, zParent, azLocal, zChild, azRemote);
  }
}

void ormRelFromSql(
  OrmSql *p, const OrmRel *pRel, const char *zLink, const char *zChild
){
  const char *azRemote[ORM_MAX_KEY];
  if( pRel->zSecondary ){
    ormSqlTable(p, pRel->zSecondary, zLink);
    ormBufAdd(&p->buf, " JOIN ", 6);
  }
  ormSqlTable(p, pRel->pTarget->zTable, zChild);
  if( pRel->zSecondary==0 ) return;
  ormBufAdd(&p->buf, " ON ", 4);
  fieldNames(pRel->pTarget, pRel->nRemote, pRel->aRemote, azRemote);
  joinColumns(p, pRel->nRemote, zChild, azRemote, zLink, pRel->azSecRemote);
}

void ormRelLinkSql(
  OrmSql *p, const OrmRel *pRel, const char *zParent, const char *zLink,
  const char *zChild
){
  const char *azLocal[ORM_MAX_KEY];
  if( pRel->zSecondary==0 ){
    ormRelJoinSql(p, pRel, zParent, zChild);
    return;
  }
  fieldNames(pRel->pModel, pRel->nLocal, pRel->aLocal, azLocal);
  joinColumns(p, pRel->nLocal, zParent, azLocal, zLink, pRel->azSecLocal);
}
