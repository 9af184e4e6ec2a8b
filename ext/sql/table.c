/*
** The module "orm": CREATE VIRTUAL TABLE people USING orm(User).
**
** Creating a table over a model that is not there or is broken fails and says
** why.  Connecting to one that was created before never fails for such a
** reason, or the table could not be dropped (CRAFT.md 2.12): it stands in
** for the table and gives the error at use.
*/
#include "sql.h"
#include "table.h"

/* What the columns stand for now, from the present catalog. */
static OrmTableShape *firstShape(OrmModelTable *pTab, OrmErr *pErr){
  OrmTableShape *pShape = 0;
  OrmModel *pModel;
  OrmCatalog *pCatalog = ormCatalogPin(pTab->pOrm, pErr);
  if( pCatalog==0 ) return 0;
  pModel = ormModelFind(pTab->pOrm, pErr, pCatalog, pTab->zModel, -1);
  if( pModel ) pShape = ormTableShapeNew(pTab->pOrm, pErr, pCatalog, pModel);
  ormCatalogUnpin(pTab->pOrm, pCatalog);
  return pShape;
}

static int declareText(sqlite3 *db, OrmErr *pErr, OrmBuf *pBuf){
  int rc = SQLITE_NOMEM;
  if( pErr->rc==SQLITE_OK ) rc = sqlite3_declare_vtab(db, ormBufText(pBuf));
  if( pErr->rc ) rc = pErr->rc;
  ormBufFree(pBuf);
  return rc;
}

/* Declare the columns.  A collation that this connection does not have makes
** that fail: then without collations, and nothing that needs one goes down. */
static void declare(sqlite3 *db, OrmErr *pErr, OrmTableShape *pShape){
  OrmBuf buf;
  int rc;
  ormBufInit(&buf, pErr);
  ormTableDeclare(&buf, pShape, 1);
  rc = declareText(db, pErr, &buf);
  if( (rc & 0xff)==SQLITE_ERROR ){
    ormTableDeclare(&buf, pShape, 0);
    rc = declareText(db, pErr, &buf);
    for(int i=0; i<pShape->nCol; i++){
      OrmTableColumn *pCol = &pShape->aCol[i];
      if( sqlite3_stricmp(pCol->zColl, "BINARY")!=0 ) pCol->bPush = 0;
      pCol->zColl = "BINARY";
    }
  }
  ormErrDb(pErr, db, rc);
}

/* Broken metadata: a table that can be dropped and says at use what is wrong.
** An error of the machine stays in pErr. */
static void standIn(sqlite3 *db, OrmModelTable *pTab, OrmErr *pErr){
  int rc;
  if( (pErr->rc & 0xff)!=SQLITE_ERROR || ORM_NEVER(pErr->zMsg==0) ) return;
  pTab->zBroken = pErr->zMsg;
  pErr->zMsg = 0;
  ormErrClear(pErr);
  rc = sqlite3_declare_vtab(db, "CREATE TABLE x(object TEXT, query HIDDEN)");
  ormErrDb(pErr, db, rc);
}

static void tableFree(OrmModelTable *pTab){
  ormTableSpareFree(pTab);
  ormTableShapeUnref(pTab->pDeclared);
  ormTableShapeUnref(pTab->pShape);
  sqlite3_free(pTab->zModel);
  sqlite3_free(pTab->zBroken);
  ormUnref(pTab->pOrm);
  sqlite3_free(pTab);
}

static void configure(sqlite3 *db, const char *zDb){
  sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
  sqlite3_vtab_config(db, SQLITE_VTAB_CONSTRAINT_SUPPORT, 1);
  /* SQLITE_VTAB_USES_ALL_SCHEMAS, 3.41: a table in temp reads main. */
  if( sqlite3_stricmp(zDb, "main")!=0
   && sqlite3_libversion_number()>=3041000 ) sqlite3_vtab_config(db, 4);
}

static OrmModelTable *tableNew(Orm *pOrm, int argc, const char *const*argv){
  OrmModelTable *pTab = sqlite3_malloc64(sizeof(*pTab));
  if( pTab==0 ) return 0;
  memset(pTab, 0, sizeof(*pTab));
  pTab->pOrm = pOrm;
  pOrm->nRef++;
  pTab->zModel = sqlite3_mprintf("%s", argc==4 ? argv[3] : "");
  if( pTab->zModel==0 ){
    tableFree(pTab);
    return 0;
  }
  ormUnquote(pTab->zModel);
  return pTab;
}

static int tableInit(
  sqlite3 *db, void *pAux, int argc, const char *const*argv,
  sqlite3_vtab **ppVtab, char **pzErr, int bCreate
){
  OrmErr err = { SQLITE_OK, 0 };
  OrmModelTable *pTab = tableNew((Orm*)pAux, argc, argv);
  int rc;
  *ppVtab = 0;
  if( pTab==0 ) return SQLITE_NOMEM;
  if( argc!=4 || pTab->zModel[0]==0 ){
    ormErr(&err, SQLITE_ERROR, "orm: a model table takes the name of a model:"
           " CREATE VIRTUAL TABLE %s USING orm(<model>)", argv[2]);
  }
  pTab->bMain = sqlite3_stricmp(argv[1], "main")==0;
  if( err.rc==SQLITE_OK ) pTab->pShape = firstShape(pTab, &err);
  pTab->pDeclared = pTab->pShape;
  if( pTab->pShape ) pTab->pShape->nRef++;
  if( pTab->pShape ) declare(db, &err, pTab->pShape);
  if( err.rc && !bCreate ) standIn(db, pTab, &err);
  if( err.rc==SQLITE_OK ){
    configure(db, argv[1]);
    *ppVtab = &pTab->base;
    return SQLITE_OK;
  }
  tableFree(pTab);
  *pzErr = err.zMsg;
  err.zMsg = 0;
  rc = err.rc;
  return rc;
}

static int tableCreate(
  sqlite3 *db, void *pAux, int argc, const char *const*argv,
  sqlite3_vtab **ppVtab, char **pzErr
){
  return tableInit(db, pAux, argc, argv, ppVtab, pzErr, 1);
}

static int tableConnect(
  sqlite3 *db, void *pAux, int argc, const char *const*argv,
  sqlite3_vtab **ppVtab, char **pzErr
){
  return tableInit(db, pAux, argc, argv, ppVtab, pzErr, 0);
}

/* Nothing in the file is the table's own: to destroy it is to forget it. */
static int tableDisconnect(sqlite3_vtab *pVtab){
  tableFree((OrmModelTable*)pVtab);
  return SQLITE_OK;
}

static int tableRename(sqlite3_vtab *pVtab, const char *zNew){
  ORM_UNUSED(pVtab);
  ORM_UNUSED(zNew);
  return SQLITE_OK;
}

/*
** PRAGMA integrity_check and quick_check: a model that has gone or is broken is
** a line of theirs, and an error only if the machine failed.  Nothing is looked
** at but what every use of the table needs; orm_check tells the rest.
*/
static int tableIntegrity(
  sqlite3_vtab *pVtab, const char *zSchema, const char *zTable, int mFlags,
  char **pzErr
){
  OrmErr err = { SQLITE_OK, 0 };
  int rc;
  ORM_UNUSED(mFlags);
  ormTableShape((OrmModelTable*)pVtab, &err, 0);
  ormErrPrefix(&err, "orm: model table %s.%s: ", zSchema, zTable);
  rc = err.rc;
  if( (rc & 0xff)==SQLITE_ERROR ){
    *pzErr = err.zMsg;
    err.zMsg = 0;
    rc = SQLITE_OK;
  }
  ormErrClear(&err);
  return rc;
}

#if SQLITE_VERSION_NUMBER<3044000
# define INTEGRITY .xIntegrity
#else
# define INTEGRITY .base.xIntegrity
#endif

const OrmModule4 ormSqlTableModule = {
  .base.iVersion = 4,
  .base.xCreate = tableCreate,
  .base.xConnect = tableConnect,
  .base.xBestIndex = ormTableBestIndex,
  .base.xDisconnect = tableDisconnect,
  .base.xDestroy = tableDisconnect,
  .base.xOpen = ormTableOpen,
  .base.xClose = ormTableClose,
  .base.xFilter = ormTableFilter,
  .base.xNext = ormTableNext,
  .base.xEof = ormTableEof,
  .base.xColumn = ormTableColumn,
  .base.xRowid = ormTableRowid,
  .base.xUpdate = ormTableUpdate,
  .base.xRename = tableRename,
  INTEGRITY = tableIntegrity,
};
