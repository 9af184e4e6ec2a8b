/*
** orm_check: what is wrong with the object model of this file, each finding
** with the SQL that repairs it.
**
** A model or relationship that the catalog cannot use is an error, in the
** words of the use; what works but will disappoint (a foreign key that no
** index helps, two relationships that write one column) is a warning.  A fix
** is made from the kind of complaint: the cell that cannot be understood is
** emptied, the row that leads nowhere deleted, the missing index made.
** Nothing here writes.
*/
#include "check.h"

static const char zError[] = "error";
static const char zWarning[] = "warning";

/* One finding; zFix is malloced and freed here; 0: out of memory.  zMessage is
** 0 only if the error says so already. */
static void finding(
  OrmChecker *p, const char *zSeverity, const char *zModel,
  const char *zSubject, const char *zMessage, char *zFix
){
  if( zFix==0 ) ormErrOom(p->pErr);
  if( p->pErr->rc==SQLITE_OK ){
    p->xFinding(p->pArg, zSeverity, zModel, zSubject, zMessage, zFix);
  }
  sqlite3_free(zFix);
}

/* ------------------------------------------------------------------------
** Our own tables, and tables that hide ours
*/
static const char *const azMeta[] = {
  "orm_model", "orm_field", "orm_relationship", "orm_state"
};

/* 1 if the metadata can be read; what stands in its way are findings.  0
** without a finding: a file without models. */
static int checkMeta(OrmChecker *p){
  int aKind[ORM_COUNT(azMeta)];
  int nThere = 0;
  for(int i=0; i<ORM_COUNT(azMeta); i++){
    aKind[i] = ormFactKind(p->pOrm, p->pErr, azMeta[i]);
    nThere += aKind[i]!=ORM_KIND_NONE;
  }
  if( nThere==0 || p->pErr->rc ) return 0;
  for(int i=0; i<ORM_COUNT(azMeta); i++){
    if( aKind[i]==ORM_KIND_TABLE ) continue;
    nThere = 0;
    if( aKind[i]==ORM_KIND_NONE ){
      finding(p, zError, 0, azMeta[i], "a table of the metadata is missing",
              sqlite3_mprintf("SELECT orm_init()"));
    }else{
      finding(p, zError, 0, azMeta[i], "is no table: the metadata of this file"
          " cannot be trusted", sqlite3_mprintf("DROP %s main.%s",
          aKind[i]==ORM_KIND_VIEW ? "VIEW" : "TABLE", azMeta[i]));
    }
  }
  return nThere>0;
}

static void stateDrift(void *pArg, const char *zName, const char *zWhat){
  OrmChecker *p = (OrmChecker*)pArg;
  finding(p, zWarning, 0, zName, zWhat, sqlite3_mprintf("SELECT orm_init()"));
}

/* Tables and views of the file that have the name of one of our own. */
static void checkHidden(OrmChecker *p){
  sqlite3_stmt *pStmt = ormFactOpenAny(p->pOrm, p->pErr, "PRAGMA module_list");
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    const char *z = (const char*)sqlite3_column_text(pStmt, 0);
    OrmErr err = {0};
    int bTable, bView;
    if( sqlite3_strnicmp(z, "orm_", 4)!=0 ) continue;
    bTable = ormFactExists(p->pOrm, &err, "table", z, 0, 0);
    bView = ormFactExists(p->pOrm, &err, "view", z, 0, 0);
    if( bTable ){
      finding(p, zError, 0, z, "a table of this file has the name of one of"
          " orm's own and hides it", sqlite3_mprintf(
          "ALTER TABLE main.%s RENAME TO %s_hidden", z, z));
    }else if( bView ){
      finding(p, zError, 0, z, "a view of this file has the name of one of"
          " orm's own and hides it", sqlite3_mprintf("DROP VIEW main.%s", z));
    }
    ormErrForgive(&err, p->pErr);
  }
  sqlite3_finalize(pStmt);
}

/* ------------------------------------------------------------------------
** Rows that belong to nothing
*/
static const struct Dangling {
  const char *zSql;             /* gives model, subject                       */
  const char *zMessage, *zFix;  /* %Q, %Q                                     */
} aDangling[] = {
  { "SELECT model, name FROM main.orm_field WHERE model NOT IN"
    " (SELECT name FROM main.orm_model WHERE name IS NOT NULL)",
    "a field of a model that is not there",
    "DELETE FROM main.orm_field WHERE model IS %Q AND name IS %Q" },
  { "SELECT model, name FROM main.orm_relationship WHERE model NOT IN"
    " (SELECT name FROM main.orm_model WHERE name IS NOT NULL)",
    "a relationship of a model that is not there",
    "DELETE FROM main.orm_relationship WHERE model IS %Q AND name IS %Q" },
  { "SELECT NULL, 'orm_model' FROM main.orm_model WHERE name IS NULL",
    "a model without a name", "DELETE FROM main.orm_model WHERE name IS NULL" },
  { "SELECT model, 'orm_field' FROM main.orm_field WHERE model IS NULL OR"
    " name IS NULL", "a field without a name",
    "DELETE FROM main.orm_field WHERE model IS NULL OR name IS NULL" },
  { "SELECT model, 'orm_relationship' FROM main.orm_relationship"
    " WHERE model IS NULL OR (name IS NULL AND model NOT IN"
    " (SELECT name FROM main.orm_model WHERE name IS NOT NULL))",
    "a relationship without a name", "DELETE FROM main.orm_relationship"
    " WHERE model IS NULL OR name IS NULL" },
  { "SELECT m.name, m.name FROM main.orm_model AS m JOIN (SELECT lower(name)"
    " AS low, min(rowid) AS first FROM main.orm_model GROUP BY 1"
    " HAVING count(*)>1) AS f ON f.low=lower(m.name)"
    " WHERE m.rowid>f.first ORDER BY m.rowid",
    "another model has this name in other case",
    "UPDATE main.orm_model SET name=name||'_2' WHERE name IS %Q" },
};

static void checkDangling(OrmChecker *p){
  for(int i=0; i<ORM_COUNT(aDangling); i++){
    sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr, "%s",
                                      aDangling[i].zSql);
    while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
      const char *zModel = (const char*)sqlite3_column_text(pStmt, 0);
      const char *zName = (const char*)sqlite3_column_text(pStmt, 1);
      finding(p, zWarning, zModel, zName, aDangling[i].zMessage,
              sqlite3_mprintf(aDangling[i].zFix, zModel, zName));
    }
    sqlite3_finalize(pStmt);
  }
}

/* Model tables (CREATE VIRTUAL TABLE .. USING orm(Name)) of no model. */
static void checkModelTables(OrmChecker *p){
  sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr, "SELECT name, sql FROM"
      " main.sqlite_schema WHERE type='table' AND rootpage=0");
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    const char *zTable = (const char*)sqlite3_column_text(pStmt, 0);
    const char *zSql = ormFactText(&p->arena, pStmt, 1);
    const char *zModel = zSql ? ormDdlModelTable(&p->arena, zSql) : 0;
    if( zModel==0 || ormCheckCell(p, zModel, "name") ) continue;
    finding(p, zError, zModel, zTable, "a model table of a model that is not"
            " there", sqlite3_mprintf("DROP TABLE main.\"%w\"", zTable));
  }
  sqlite3_finalize(pStmt);
}

/* A message without the place that it begins with, in the arena. */
static const char *withoutPlace(OrmChecker *p, const OrmErr *pErr,
                                const char *zPlace){
  const char *z = pErr->zMsg ? pErr->zMsg : sqlite3_errstr(pErr->rc);
  size_t n = strlen(zPlace);
  if( strncmp(z, zPlace, n)==0 ) z += n;
  else if( strncmp(z, "orm: ", 5)==0 ) z += 5;
  return ormArenaText(&p->arena, z, -1);
}

/* ------------------------------------------------------------------------
** Models and relationships that cannot be used
*/
static void brokenModel(OrmChecker *p, const char *zModel, const OrmErr *pErr){
  const char *zPlace = ormArenaPrintf(&p->arena, "orm: model %s: ", zModel);
  const char *zMessage = zPlace ? withoutPlace(p, pErr, zPlace) : 0;
  const char *zTable = ormCheckCell(p, zModel, "coalesce(table_name, name)");
  if( zMessage==0 || zTable==0 ) return;
  finding(p, zError, zModel, zTable, zMessage,
          ormFixModel(p, zModel, zTable, zMessage));
}

/* Is the complaint that the reverse has another one, and that broken by
** itself?  (What follows the first words may be any text of the file.) */
static int reverseIsBroken(
  OrmChecker *p, const OrmRel *pRel, const char *zMessage
){
  OrmErr err = {0};
  if( strncmp(zMessage, "back_populates: ", 16)!=0
   || strstr(zMessage, "is the reverse of")==0 ) return 0;
  ormRelFind(p->pOrm, &err, pRel->pTarget, pRel->zBack, -1);
  return ormErrForgive(&err, p->pErr);
}

static void brokenRel(OrmChecker *p, const OrmRel *pRel, const OrmErr *pErr){
  const char *zModel = pRel->pModel->zName;
  const char *zPlace = ormArenaPrintf(&p->arena, "orm: relationship %s.%s: ",
                                      zModel, pRel->zName);
  const char *zMessage = zPlace ? withoutPlace(p, pErr, zPlace) : 0;
  if( zMessage==0 ) return;
  /* What another model or the reverse is about is told of that. */
  if( strncmp(zMessage, "model ", 6)==0
   || strncmp(zMessage, "relationship ", 13)==0 ) return;
  if( reverseIsBroken(p, pRel, zMessage) ) return;
  finding(p, zError, zModel, pRel->zName, zMessage,
          ormFixRel(p, pRel, zMessage));
}

/* order_by of a model (pRel 0) or a relationship. */
static void checkOrder(OrmChecker *p, OrmModel *pModel, OrmRel *pRel){
  OrmErr err = {0};
  const char *zMessage;
  if( (pRel ? pRel->zOrderBy : pModel->zOrderBy)==0 ) return;
  p->xOrder(p->pOrm, &err, pModel, pRel);
  zMessage = err.rc ? withoutPlace(p, &err, "orm: ") : 0;
  if( !ormErrForgive(&err, p->pErr) || zMessage==0 ) return;
  finding(p, zError, pModel->zName, pRel ? pRel->zName : "order_by", zMessage,
      pRel ? sqlite3_mprintf("UPDATE main.orm_relationship SET order_by=NULL"
                 " WHERE model=%Q AND name=%Q", pModel->zName, pRel->zName)
           : sqlite3_mprintf("UPDATE main.orm_model SET order_by=NULL"
                 " WHERE name=%Q", pModel->zName));
}

/* ------------------------------------------------------------------------
** Warnings about relationships that work
*/

typedef struct Writer Writer;
struct Writer {                 /* a relationship that writes a table         */
  Writer *pNext;                /* of one hash, in the order declared         */
  const OrmRel *pRel;
  const char *zTable;
  int n; const char *azColumn[2*ORM_MAX_KEY];
  u8 bTold;                     /* a finding is about it                      */
};

/* The table and columns that a relationship writes. */
static Writer *writerNew(OrmChecker *p, const OrmRel *pRel){
  Writer *pNew = ormArenaAlloc(&p->arena, sizeof(*pNew));
  if( pNew==0 ) return 0;
  pNew->pRel = pRel;
  if( pRel->zSecondary ){
    pNew->zTable = pRel->zSecondary;
    for(int i=0; i<pRel->nLocal; i++){
      pNew->azColumn[pNew->n++] = pRel->azSecLocal[i];
    }
    for(int i=0; i<pRel->nRemote; i++){
      pNew->azColumn[pNew->n++] = pRel->azSecRemote[i];
    }
  }else{
    const OrmModel *pHolder = pRel->bForeign ? pRel->pModel : pRel->pTarget;
    const int *a = pRel->bForeign ? pRel->aLocal : pRel->aRemote;
    pNew->zTable = pHolder->zTable;
    for(int i=0; i<pRel->nLocal; i++){
      pNew->azColumn[pNew->n++] = pHolder->aField[a[i]].zName;
    }
  }
  return pNew;
}

/* A column that both write, or 0. */
static const char *bothWrite(const Writer *pA, const Writer *pB){
  if( sqlite3_stricmp(pA->zTable, pB->zTable)!=0 ) return 0;
  for(int i=0; i<pA->n; i++){
    for(int j=0; j<pB->n; j++){
      if( sqlite3_stricmp(pA->azColumn[i], pB->azColumn[j])==0 ){
        return pA->azColumn[i];
      }
    }
  }
  return 0;
}

/* C7: pA was declared before pB.  The one that has a reverse is meant to be
** there; each that has been told of is none that others can disturb. */
static void checkPair(OrmChecker *p, Writer *pA, Writer *pB){
  const OrmRel *pFirst = pA->pRel, *pSecond = pB->pRel;
  const char *zColumn;
  if( pA->bTold || pB->bTold ) return;
  if( pFirst->pBack==pSecond || pSecond->pBack==pFirst ) return;
  zColumn = bothWrite(pA, pB);
  if( zColumn==0 ) return;
  if( pSecond->pBack && !pFirst->pBack ){
    const OrmRel *pSwap = pFirst;
    pFirst = pSecond;
    pSecond = pSwap;
    pA->bTold = 1;
  }else{
    pB->bTold = 1;
  }
  finding(p, zWarning, pSecond->pModel->zName, pSecond->zName,
      ormArenaPrintf(&p->arena, "writes the column %s as %s.%s does, and is not"
          " its reverse", zColumn, pFirst->pModel->zName, pFirst->zName),
      sqlite3_mprintf("UPDATE main.orm_relationship SET viewonly=1"
          " WHERE model=%Q AND name=%Q", pSecond->pModel->zName,
          pSecond->zName));
}

/* C81: the schema is to do what it does not. */
static void checkPassive(OrmChecker *p, const OrmRel *pRel){
  const OrmModel *pHolder = pRel->pTarget;
  if( pRel->ePassive!=1 || pRel->bForeign || pRel->zSecondary ) return;
  for(int i=0; i<pHolder->nFk; i++){
    const OrmFk *pFk = &pHolder->aFk[i];
    if( pFk->eOnDelete>=ORM_FK_SET_NULL
     && ormSameFields(pFk->n, pFk->aField, pRel->nRemote, pRel->aRemote) ){
      return;
    }
  }
  finding(p, zWarning, pRel->pModel->zName, pRel->zName,
      "passive_deletes leaves deletes to the schema, but its foreign key has no"
      " ON DELETE action", sqlite3_mprintf("UPDATE main.orm_relationship SET"
          " passive_deletes=NULL WHERE model=%Q AND name=%Q",
          pRel->pModel->zName, pRel->zName));
}

/* C67: a delete on either side takes all that hangs together. */
static void checkBothDelete(OrmChecker *p, const OrmRel *pRel){
  const OrmRel *pBack = pRel->pBack;
  if( pBack==0 || pRel->eDir!=ORM_MANY_TO_MANY ) return;
  if( !(pRel->mCascade & pBack->mCascade & ORM_CASCADE_DELETE) ) return;
  if( strcmp(pRel->pModel->zName, pBack->pModel->zName)>0
   || (pRel->pModel==pBack->pModel && strcmp(pRel->zName, pBack->zName)>0) ){
    return;
  }
  finding(p, zWarning, pRel->pModel->zName, pRel->zName,
      ormArenaPrintf(&p->arena, "cascade delete on both sides (here and on"
          " %s.%s): a delete takes all that hangs together",
          pBack->pModel->zName, pBack->zName),
      sqlite3_mprintf("UPDATE main.orm_relationship SET cascade='save-update,"
          " merge' WHERE model=%Q AND name=%Q", pBack->pModel->zName,
          pBack->zName));
}

/* ------------------------------------------------------------------------
** Foreign keys without an index
*/
static void noIndex(
  OrmChecker *p, const char *zModel, const char *zTable, int n, const char **az,
  const char *zWhose
){
  OrmBuf subject;
  if( ormTableIndexed(p->pOrm, p->pErr, zTable, n, az) || p->pErr->rc ) return;
  ormBufInit(&subject, p->pErr);
  ormBufPrintf(&subject, "%s(", zTable);
  for(int i=0; i<n; i++) ormBufPrintf(&subject, "%s%s", i ? ", " : "", az[i]);
  ormBufChar(&subject, ')');
  finding(p, zWarning, zModel, ormBufText(&subject),
      ormArenaPrintf(&p->arena, "a foreign key without an index: whatever looks"
          " from %s for its rows reads all of %s", zWhose, zTable),
      ormFixIndex(p, 0, zTable, n, az));
  ormBufFree(&subject);
}

/* Is the INTEGER PRIMARY KEY of the table the only column?  It needs none. */
static int isRowid(OrmChecker *p, const char *zTable, int n, const char **az){
  int bRowid = 0, nKey = 0;
  sqlite3_stmt *pStmt;
  if( n!=1 ) return 0;
  pStmt = ormFactOpen(p->pOrm, p->pErr, "PRAGMA main.table_info(\"%w\")",
                      zTable);
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    const char *zName = (const char*)sqlite3_column_text(pStmt, 1);
    const char *zType = (const char*)sqlite3_column_text(pStmt, 2);
    if( sqlite3_column_int(pStmt, 5)==0 ) continue;
    nKey++;
    bRowid = sqlite3_stricmp(zName, az[0])==0
          && sqlite3_stricmp(zType, "INTEGER")==0;
  }
  sqlite3_finalize(pStmt);
  return bRowid && nKey==1;
}

/* The foreign keys of a table, where a model is at either end. */
static void checkKeysOf(OrmChecker *p, const char *zTable){
  OrmFkFact *aFk = 0;
  const char *zModel = ormTableMapFind(p->pMap, zTable);
  int n = ormFactFks(p->pOrm, p->pErr, &p->arena, zTable, &aFk);
  for(int i=0; i<n && p->pErr->rc==SQLITE_OK; i++){
    if( zModel==0 && ormTableMapFind(p->pMap, aFk[i].zTarget)==0 ) continue;
    if( isRowid(p, zTable, aFk[i].n, aFk[i].azFrom) ) continue;
    noIndex(p, zModel, zTable, aFk[i].n, aFk[i].azFrom, aFk[i].zTarget);
  }
}

static void checkKeys(OrmChecker *p){
  sqlite3_stmt *pStmt;
  p->pMap = ormTableMapNew(p->pOrm, &p->arena);
  pStmt = ormFactOpen(p->pOrm, p->pErr,
      "SELECT name FROM main.sqlite_schema WHERE type='table'"
      " AND lower(sql) LIKE '%%references%%'"
      " AND lower(sql) NOT LIKE 'create virtual%%'"
      " ORDER BY rowid");
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    checkKeysOf(p, ormFactText(&p->arena, pStmt, 0));
  }
  sqlite3_finalize(pStmt);
}

/* Columns that only a relationship joins, without a declared key. */
static void checkUndeclared(OrmChecker *p, const OrmRel *pRel){
  const OrmModel *pHolder = pRel->bForeign ? pRel->pModel : pRel->pTarget;
  const OrmModel *pOther = pRel->bForeign ? pRel->pTarget : pRel->pModel;
  const int *a = pRel->bForeign ? pRel->aLocal : pRel->aRemote;
  const char *az[ORM_MAX_KEY];
  if( pRel->zSecondary || pHolder->bView ) return;
  if( pRel->bForeign && pRel->pBack ) return;      /* told of its reverse   */
  for(int i=0; i<pHolder->nFk; i++){
    if( ormSameFields(pHolder->aFk[i].n, pHolder->aFk[i].aField, pRel->nLocal,
                      a) ) return;
  }
  if( ormModelIndexed(pHolder, pRel->nLocal, a) ) return;
  for(int i=0; i<pRel->nLocal; i++) az[i] = pHolder->aField[a[i]].zName;
  noIndex(p, pHolder->zName, pHolder->zTable, pRel->nLocal, az,
          pOther->zTable);
}

/* ------------------------------------------------------------------------
** Tables that no model has
*/

/* Tables that orm_reflect() passes over, since nothing tells their rows
** apart. */
static void checkSkipped(OrmChecker *p){
  const char **az = 0;
  int n = ormReflectSkips(p->pOrm, p->pErr, &p->arena, &az);
  for(int i=0; i<n; i++){
    finding(p, zWarning, 0, az[i], "a table without a primary key: no model"
        " can have it (rowid is no key: VACUUM may change it)",
        ormFixKey(p, az[i]));
  }
}

/* ------------------------------------------------------------------------
** All of it
*/
static void checkRels(OrmChecker *p, OrmModel *pModel){
  for(int i=0; i<pModel->nRel && p->pErr->rc==SQLITE_OK; i++){
    OrmErr err = {0};
    OrmRel *pRel = pModel->apRel[i];
    ormRelFind(p->pOrm, &err, pModel, pRel->zName, -1);
    if( err.rc ){
      if( (err.rc & 0xff)==SQLITE_ERROR ) brokenRel(p, pRel, &err);
      ormErrForgive(&err, p->pErr);
      continue;
    }
    checkOrder(p, pModel, pRel);
    checkBothDelete(p, pRel);
    checkPassive(p, pRel);
    checkUndeclared(p, pRel);
  }
}

/* C7 looks at every two relationships that write one table. */
static void checkPairs(OrmChecker *p, OrmModel **ap, int nModel){
  const int nBucket = nModel + 1;
  Writer **apWriter = ormArenaAlloc(&p->arena, nBucket*(i64)sizeof(*apWriter));
  for(int i=0; i<nModel; i++){
    for(int j=0; ap[i] && j<ap[i]->nRel; j++){
      const OrmRel *pRel = ap[i]->apRel[j];
      Writer *pNew, **pp;
      if( pRel->bResolved!=2 || pRel->bViewonly ) continue;
      pNew = writerNew(p, pRel);
      if( pNew==0 ) return;
      pp = &apWriter[ormNameHash(pNew->zTable) % (u32)nBucket];
      for(; *pp; pp=&(*pp)->pNext) checkPair(p, *pp, pNew);
      *pp = pNew;
    }
  }
}

static void checkModels(OrmChecker *p){
  int nModel = ormCatalogCount(p->pCatalog);
  OrmModel **ap = ormArenaAlloc(&p->arena, (i64)sizeof(*ap)*(nModel+1));
  for(int i=0; i<nModel && p->pErr->rc==SQLITE_OK; i++){
    OrmErr err = {0};
    const char *zName = ormCatalogName(p->pCatalog, i);
    ap[i] = ormModelFind(p->pOrm, &err, p->pCatalog, zName, -1);
    if( err.rc && (err.rc & 0xff)==SQLITE_ERROR ) brokenModel(p, zName, &err);
    ormErrForgive(&err, p->pErr);
    if( ap[i]==0 ) continue;
    checkOrder(p, ap[i], 0);
    checkRels(p, ap[i]);
  }
  if( p->pErr->rc==SQLITE_OK ) checkPairs(p, ap, nModel);
}

void ormCheck(
  Orm *pOrm, OrmErr *pErr, OrmFinding xFinding, void *pArg,
  OrmOrderCheck xOrder
){
  OrmChecker check;
  OrmChecker *p = &check;
  memset(p, 0, sizeof(*p));
  p->pOrm = pOrm;
  p->pErr = pErr;
  p->xFinding = xFinding;
  p->pArg = pArg;
  p->xOrder = xOrder;
  ormArenaInit(&p->arena, pErr);
  checkHidden(p);
  if( pErr->rc==SQLITE_OK && checkMeta(p) ){
    ormStateDrift(pOrm, pErr, stateDrift, p);
    checkDangling(p);
    checkModelTables(p);
    p->pCatalog = ormCatalogPin(pOrm, pErr);
    if( p->pCatalog ) checkModels(p);
    ormCatalogUnpin(pOrm, p->pCatalog);
    checkKeys(p);
    checkSkipped(p);
  }
  ormArenaFree(&p->arena);
}
