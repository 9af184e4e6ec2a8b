/*
** The columns of a model table, and what they stand for.
**
** In order: the fields; then, all of them hidden, the argument, the key where
** it is not the rowid, the object, the relationships, the hidden fields, the
** fields of to-one targets.  The argument comes first of the hidden ones, for
** people('posts') binds to them in order.
**
** Names: a field keeps its name, then a relationship; the argument and the key
** get a "_" behind theirs until it is free; any other column whose name is
** taken, ignoring case, is left out.
**
** A shape lives in its own arena and holds its catalog, so model and fields
** stay what they were.
*/
#include "table.h"
#include <stdlib.h>

/* SQLite's guess for a table that ANALYZE has not seen. */
#define ROWS_UNKNOWN 1048576.0

/* ----------------------------------------------------------- the columns -- */

/* Is it the name of a column so far, or of a field? */
static int nameIsColumn(const OrmTableShape *p, const char *zName){
  const OrmModel *pModel = p->pModel;
  for(int i=0; i<pModel->nField; i++){
    if( sqlite3_stricmp(pModel->aField[i].zName, zName)==0 ) return 1;
  }
  for(int i=0; i<p->nCol; i++){
    if( sqlite3_stricmp(p->aCol[i].zName, zName)==0 ) return 1;
  }
  return 0;
}

static int nameTaken(const OrmTableShape *p, const char *zName){
  const OrmModel *pModel = p->pModel;
  for(int i=0; i<pModel->nRel; i++){
    if( sqlite3_stricmp(pModel->apRel[i]->zName, zName)==0 ) return 1;
  }
  return nameIsColumn(p, zName);
}

typedef struct Builder Builder;
struct Builder {
  Orm *pOrm;
  OrmTableShape *p;
  int nAlloc;
  int nMax;                     /* columns that a table may have              */
};

static OrmTableColumn *columnAdd(Builder *b, int eKind, const char *zName){
  OrmTableShape *p = b->p;
  OrmTableColumn *pCol;
  if( zName==0 || p->nCol>=b->nMax ) return 0;
  pCol = ormArenaGrow(&p->arena, (void**)&p->aCol, p->nCol, &b->nAlloc,
                      sizeof(OrmTableColumn));
  if( pCol==0 ) return 0;
  memset(pCol, 0, sizeof(*pCol));
  pCol->zName = zName;
  pCol->eKind = (u8)eKind;
  pCol->iField = -1;
  pCol->cAff = 'B';
  pCol->zColl = "BINARY";
  p->nCol++;
  return pCol;
}

static void columnField(OrmTableColumn *pCol, const OrmModel *pModel, int i){
  if( pCol==0 ) return;
  pCol->iField = i;
  pCol->cAff = pModel->aField[i].cAff;
  /* SQLite takes HIDDEN out of a declared type and then looks for the collation
  ** where it no longer is: such a column is BINARY, whatever is declared. */
  if( pCol->eKind==ORM_TABLE_FIELD ) pCol->zColl = pModel->aField[i].zColl;
  pCol->bPush = !pModel->aField[i].bHidden;
}

/* Fields that are hidden, or those that are not. */
static void addFields(Builder *b, int bHidden){
  const OrmModel *pModel = b->p->pModel;
  for(int i=0; i<pModel->nField; i++){
    const OrmField *pField = &pModel->aField[i];
    if( pField->bHidden!=bHidden ) continue;
    columnField(columnAdd(b, bHidden ? ORM_TABLE_SECRET : ORM_TABLE_FIELD,
                          pField->zName), pModel, i);
  }
}

/* A name that is free: zName with as many "_" as it takes. */
static const char *freeName(OrmTableShape *p, const char *zName){
  while( zName && nameTaken(p, zName) ){
    zName = ormArenaPrintf(&p->arena, "%s_", zName);
  }
  return zName;
}

static void addKey(Builder *b){
  OrmTableShape *p = b->p;
  OrmTableColumn *pCol;
  if( p->pModel->bRowidKey ) return;
  pCol = columnAdd(b, ORM_TABLE_KEY, freeName(p, "key"));
  if( pCol==0 ){
    ormErr(p->arena.pErr, SQLITE_ERROR, "orm: model %s has too many columns"
           " for a table of its own", p->pModel->zName);
    return;
  }
  p->iKey = p->nCol-1;
  if( p->pModel->nKey==1 ) columnField(pCol, p->pModel, p->pModel->aKey[0]);
}

/* The relationship, resolved; 0 if it is broken, which is an error where it is
** used, not here. */
static OrmRel *usableRel(Builder *b, OrmRel *pRel){
  OrmErr err = { SQLITE_OK, 0 };
  OrmModel *pModel = b->p->pModel;
  if( b->p->arena.pErr->rc ) return 0;
  pRel = ormRelFind(b->pOrm, &err, pModel, pRel->zName, -1);
  return ormErrForgive(&err, b->p->arena.pErr) ? 0 : pRel;
}

/* author__name ..: what may be read of a to-one relationship's target. */
static void addTarget(Builder *b, OrmRel *pRel){
  const OrmModel *pTarget = pRel->pTarget;
  for(int i=0; i<pTarget->nField; i++){
    const char *zName;
    if( pTarget->aField[i].bHidden ) continue;
    zName = ormArenaPrintf(&b->p->arena, "%s__%s", pRel->zName,
                           pTarget->aField[i].zName);
    if( zName && !nameTaken(b->p, zName) ){
      OrmTableColumn *pCol = columnAdd(b, ORM_TABLE_TARGET, zName);
      columnField(pCol, pTarget, i);
      if( pCol ) pCol->pRel = pRel;
    }
  }
}

static void addTargets(Builder *b){
  OrmModel *pModel = b->p->pModel;
  for(int i=0; i<pModel->nRel; i++){
    OrmRel *pRel = usableRel(b, pModel->apRel[i]);
    if( pRel && !pRel->bMany ) addTarget(b, pRel);
  }
}

static void addQuery(Builder *b){
  OrmTableShape *p = b->p;
  if( !p->pModel->bRowidKey && p->nCol+1>=b->nMax ) return;   /* the key's */
  if( columnAdd(b, ORM_TABLE_QUERY, freeName(p, "query")) ){
    p->iQuery = p->nCol-1;
  }
}

static void addObject(Builder *b){
  OrmTableShape *p = b->p;
  if( !nameTaken(p, "object") && columnAdd(b, ORM_TABLE_OBJECT, "object") ){
    p->iObject = p->nCol-1;
  }
}

static void addRelations(Builder *b){
  OrmModel *pModel = b->p->pModel;
  for(int i=0; i<pModel->nRel; i++){
    OrmRel *pRel = usableRel(b, pModel->apRel[i]);
    OrmTableColumn *pCol;
    if( pRel==0 ) continue;
    pCol = columnAdd(b, ORM_TABLE_RELATION, pRel->zName);
    if( pCol ) pCol->pRel = pRel;
  }
}

static void addAll(Builder *b){
  addFields(b, 0);
  addQuery(b);
  addKey(b);
  addObject(b);
  addRelations(b);
  addFields(b, 1);
  addTargets(b);
}

/* ------------------------------------------------ what ANALYZE has found -- */

/* The numbers of a sqlite_stat1 row: rows, then rows by prefix. */
static void statRow(OrmTableShape *p, const char *zIdx, const char *zStat){
  double r;
  if( zStat==0 ) return;
  r = strtod(zStat, (char**)&zStat);
  if( r<1 ) r = 1;
  p->nRow = r;
  for(int i=0; zIdx && i<p->pModel->nIndex; i++){
    const OrmIndex *pIndex = &p->pModel->aIndex[i];
    if( sqlite3_stricmp(pIndex->zName, zIdx)!=0 ) continue;
    for(int j=0; j<pIndex->n && *zStat==' '; j++){
      p->apStat[i][j] = strtod(zStat, (char**)&zStat);
    }
  }
}

/* Without ANALYZE: what SQLite itself assumes of an index. */
static void statDefault(OrmTableShape *p, int i){
  static const double aGuess[] = { 10, 9, 8, 7, 6, 5 };
  const OrmIndex *pIndex = &p->pModel->aIndex[i];
  double *a = ormArenaAlloc(&p->arena, (i64)sizeof(double)*(pIndex->n + 1));
  p->apStat[i] = a;
  if( a==0 ) return;
  for(int j=0; j<pIndex->n; j++){
    a[j] = j<ORM_COUNT(aGuess) ? aGuess[j] : 5;
    if( pIndex->bUnique && j==pIndex->n-1 ) a[j] = 1;
  }
}

static void readStat(Builder *b){
  OrmTableShape *p = b->p;
  OrmErr *pErr = p->arena.pErr;
  sqlite3_stmt *pStmt;
  p->nRow = ROWS_UNKNOWN;
  p->apStat = ormArenaAlloc(&p->arena,
                            (i64)sizeof(double*)*(p->pModel->nIndex + 1));
  for(int i=0; p->apStat && i<p->pModel->nIndex; i++) statDefault(p, i);
  pStmt = ormStatOpen(b->pOrm, pErr, p->pModel->zTable);
  while( pStmt && ormFactStep(b->pOrm, pErr, pStmt) ){
    statRow(p, (const char*)sqlite3_column_text(pStmt, 1),
            (const char*)sqlite3_column_text(pStmt, 0));
  }
  sqlite3_finalize(pStmt);
}

/* ------------------------------------------------------ life of a shape --- */

OrmTableShape *ormTableShapeNew(
  Orm *pOrm, OrmErr *pErr, OrmCatalog *pCatalog, OrmModel *pModel
){
  Builder b = { pOrm, 0, 0, 0 };
  OrmTableShape *p;
  p = b.p = sqlite3_malloc64(sizeof(*p));
  if( p==0 ){
    ormErrOom(pErr);
    return 0;
  }
  memset(p, 0, sizeof(*p));
  p->nRef = 1;
  p->pOrm = pOrm;
  ormArenaInit(&p->arena, pErr);
  p->pCatalog = ormCatalogRef(pCatalog);
  p->pModel = pModel;
  p->iQuery = p->iKey = p->iObject = -1;
  b.nMax = sqlite3_limit(pOrm->db, SQLITE_LIMIT_COLUMN, -1);
  addAll(&b);
  readStat(&b);
  p->arena.pErr = &p->err;
  if( pErr->rc ){
    ormTableShapeUnref(p);
    return 0;
  }
  return p;
}

void ormTableShapeUnref(OrmTableShape *p){
  if( p==0 || --p->nRef>0 ) return;
  ormTablePlansFree(p);
  ormArenaFree(&p->arena);
  ormErrClear(&p->err);
  ormCatalogUnref(p->pCatalog);
  sqlite3_free(p);
}

/* -------------------------------------------------------- declaring them -- */

/* Can the declared type stand in SQL text as it is? */
static int plainType(const OrmField *pField){
  const char *z = pField->zDecl;
  if( ormFactAffinity(z)!=pField->cAff ) return 0;
  for(; *z; z++){
    if( sqlite3_strnicmp(z, "hidden", 6)==0 ) return 0;
    if( sqlite3_strnicmp(z, "generated", 9)==0 ) return 0;
    if( !((*z|32)>='a' && (*z|32)<='z') && !(*z>='0' && *z<='9')
     && strchr(" _(),", *z)==0 ) return 0;
  }
  return 1;
}

/* No type is a type without affinity, but HIDDEN alone one that is NUMERIC. */
static void declareType(
  OrmBuf *pBuf, const OrmField *pField, const OrmTableColumn *pCol
){
  static const char *const azAff[] = {
    "", "TEXT", "NUMERIC", "INTEGER", "REAL"
  };
  const char *z = azAff[pCol->cAff-'A'];
  if( pField && plainType(pField) ) z = pField->zDecl;
  if( z[0]==0 && pCol->eKind!=ORM_TABLE_FIELD ) z = "BLOB";
  ormBufChar(pBuf, ' ');
  ormBufAdd(pBuf, z, -1);
}

static const OrmField *columnOf(
  const OrmTableShape *p, const OrmTableColumn *pCol
){
  const OrmModel *pModel = pCol->pRel ? pCol->pRel->pTarget : p->pModel;
  return pCol->iField>=0 ? &pModel->aField[pCol->iField] : 0;
}

void ormTableDeclare(OrmBuf *pBuf, const OrmTableShape *p, int bCollate){
  ormBufAdd(pBuf, "CREATE TABLE x(", -1);
  for(int i=0; i<p->nCol; i++){
    const OrmTableColumn *pCol = &p->aCol[i];
    const OrmField *pField = columnOf(p, pCol);
    if( i ) ormBufAdd(pBuf, ", ", 2);
    ormBufName(pBuf, pCol->zName);
    /* HIDDEN goes first: behind VARCHAR(10) it would be a syntax error. */
    if( pCol->eKind!=ORM_TABLE_FIELD ) ormBufAdd(pBuf, " HIDDEN", -1);
    declareType(pBuf, pField, pCol);
    if( bCollate && sqlite3_stricmp(pCol->zColl, "BINARY")!=0 ){
      ormBufAdd(pBuf, " COLLATE ", -1);
      ormBufName(pBuf, pCol->zColl);
    }
    if( pCol->eKind==ORM_TABLE_KEY ){
      ormBufAdd(pBuf, " NOT NULL PRIMARY KEY", -1);
    }else if( pCol->eKind==ORM_TABLE_FIELD && pField->bNotNull ){
      ormBufAdd(pBuf, " NOT NULL", -1);
    }
  }
  ormBufChar(pBuf, ')');
  if( p->iKey>=0 ) ormBufAdd(pBuf, " WITHOUT ROWID", -1);
}

/* ---------------------------------------------------- what they are now --- */

static int findColumn(const OrmTableShape *p, const OrmTableColumn *pWanted){
  for(int i=0; i<p->nCol; i++){
    if( p->aCol[i].eKind==pWanted->eKind
     && sqlite3_stricmp(p->aCol[i].zName, pWanted->zName)==0 ) return i;
  }
  return -1;
}

/* Put the columns of p in the order of those declared. */
static void shapeAlign(
  OrmTableShape *p, const OrmTableShape *pDeclared, OrmErr *pErr
){
  OrmTableColumn *a;
  p->arena.pErr = pErr;
  a = ormArenaAlloc(&p->arena, (i64)sizeof(*a)*(pDeclared->nCol + 1));
  p->arena.pErr = &p->err;
  if( a==0 ) return;
  for(int i=0; i<pDeclared->nCol; i++){
    const OrmTableColumn *pWas = &pDeclared->aCol[i];
    int iNow = findColumn(p, pWas);
    if( iNow<0 ){
      a[i] = *pWas;
      a[i].zName = ormArenaText(&p->arena, pWas->zName, -1);
      a[i].bGone = 1;
      a[i].bPush = 0;
      a[i].iField = -1;
      a[i].pRel = 0;
      a[i].zColl = "BINARY";
      continue;
    }
    a[i] = p->aCol[iNow];
    if( a[i].cAff!=pWas->cAff || sqlite3_stricmp(a[i].zColl, pWas->zColl)!=0 ){
      a[i].bPush = 0;
    }
  }
  p->aCol = a;
  p->nCol = pDeclared->nCol;
  p->iQuery = pDeclared->iQuery;
  p->iKey = pDeclared->iKey;
  p->iObject = pDeclared->iObject;
}

/* A shape for a catalog that is not the table's. */
static OrmTableShape *shapeRenew(
  OrmModelTable *pTab, OrmErr *pErr, OrmCatalog *pCatalog
){
  OrmTableShape *p;
  OrmModel *pModel = ormModelFind(pTab->pOrm, pErr, pCatalog, pTab->zModel, -1);
  if( pModel==0 ) return 0;
  if( pModel->bRowidKey!=(pTab->pDeclared->iKey<0) ){
    ormErr(pErr, SQLITE_ERROR, "orm: the key of %s has changed since this"
           " table was opened: SELECT orm_init() opens it anew", pTab->zModel);
    return 0;
  }
  p = ormTableShapeNew(pTab->pOrm, pErr, pCatalog, pModel);
  if( p ) shapeAlign(p, pTab->pDeclared, pErr);
  if( pErr->rc ){
    ormTableShapeUnref(p);
    return 0;
  }
  return p;
}

/* Does a look at two counters tell that nothing has been written since the
** shape was last known to hold?  Not inside a write transaction, whose rollback
** they would not show. */
static int nothingWritten(
  OrmModelTable *pTab, int bRead, u32 *piVersion, i64 *pnChange
){
  sqlite3 *db = pTab->pOrm->db;
  /* Nobody writes anywhere, and main is read: that is cheaper to ask. */
  const char *zDb = bRead && pTab->bMain ? 0 : "main";
  int rc;
  *piVersion = 0;
  *pnChange = sqlite3_total_changes64(db);
  if( sqlite3_txn_state(db, zDb)!=SQLITE_TXN_READ ) return -1;
  rc = sqlite3_file_control(db, 0, SQLITE_FCNTL_DATA_VERSION, piVersion);
  if( ORM_NEVER(rc!=SQLITE_OK) ) return -1;
  ORM_UNUSED(rc);
  return pTab->bChecked && *piVersion==pTab->iDataVersion
      && *pnChange==pTab->nChange;
}

OrmTableShape *ormTableShape(OrmModelTable *pTab, OrmErr *pErr, int bRead){
  u32 iVersion;
  i64 nChange;
  int bSame;
  OrmCatalog *pCatalog;
  if( pTab->zBroken ){
    ormErr(pErr, SQLITE_ERROR, "%s", pTab->zBroken);
    return 0;
  }
  bSame = nothingWritten(pTab, bRead, &iVersion, &nChange);
  if( bSame>0 ) return pTab->pShape;
  pTab->bChecked = 0;
  pCatalog = ormCatalogPin(pTab->pOrm, pErr);
  if( pCatalog==0 ) return 0;
  if( pCatalog!=pTab->pShape->pCatalog ){
    OrmTableShape *pNew = shapeRenew(pTab, pErr, pCatalog);
    if( pNew ){
      ormTableSpareFree(pTab);
      ormTablePlansFree(pTab->pShape);
      ormTableShapeUnref(pTab->pShape);
      pTab->pShape = pNew;
    }
  }
  ormCatalogUnpin(pTab->pOrm, pCatalog);
  if( pErr->rc ) return 0;
  pTab->bChecked = bSame==0;
  pTab->iDataVersion = iVersion;
  pTab->nChange = nChange;
  return pTab->pShape;
}
