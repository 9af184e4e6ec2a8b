/*
** orm_define(): what a document declares and the file lacks is made.
**
** In this order, all inside the caller's anchor: tables and columns, indexes,
** link tables, rows of metadata; then every model of the document is read back
** as any reader would, so that what cannot work is an error here and leaves
** nothing.
**
** What exists is only added to.  A column or index that says something else
** than the document is an error that names orm_migrate().  A cell of metadata
** is written where the document says something else than what holds already,
** be that written or inferred; so a document that came from orm_schema()
** writes nothing.
*/
#include "document.h"

static const char zMigrate[] = "orm_migrate() can change it";

/* ------------------------------------------------------------------------
** One statement of the document's
*/

/* An error of its own becomes the document's, at a node. */
static void failAt(OrmDoc *p, OrmErr *pErr, const OrmJson *pNode){
  if( pErr->rc ){
    ormErrPrefix(pErr, "orm: %s: ", ormJsonPath(p->pArena, pNode));
  }
  ormErrMove(pErr, p->pErr);
}

/* Run SQL made of the document's pieces: one statement, errors at a node. */
void ormDocExec(OrmDoc *p, const OrmJson *pNode, const char *zSql){
  sqlite3_stmt *pStmt = 0;
  const char *zTail = 0;
  OrmErr err = {0};
  int rc;
  if( p->pErr->rc ) return;
  rc = sqlite3_prepare_v3(p->pOrm->db, zSql, -1, 0, &pStmt, &zTail);
  if( rc==SQLITE_OK && ormDdlCanonical(p->pArena, zTail)[0] ){
    ormErr(&err, SQLITE_ERROR, "more than one statement");
  }
  if( rc==SQLITE_OK && err.rc==SQLITE_OK ){
    rc = sqlite3_step(pStmt);
    if( rc==SQLITE_DONE ) rc = SQLITE_OK;
  }
  ormErrDb(&err, p->pOrm->db, rc);
  sqlite3_finalize(pStmt);
  failAt(p, &err, pNode);
}

static char *buildSql(OrmDoc *p, const char *zVerb, const char *zName,
                      const char *zMiddle, const char *zColumn,
                      const char *zRest){
  OrmBuf buf;
  char *z;
  ormBufInit(&buf, p->pErr);
  ormBufAdd(&buf, zVerb, -1);
  ormBufTable(&buf, zName);
  ormBufAdd(&buf, zMiddle, -1);
  if( zColumn ) ormBufName(&buf, zColumn);
  ormBufAdd(&buf, zRest, -1);
  z = ormArenaText(p->pArena, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  return z ? z : "";
}

/* ------------------------------------------------------------------------
** Tables
*/

/* The columns of a table just made must be those that the document names. */
static void checkMade(OrmDoc *p, const OrmDocTable *pTable){
  const OrmJson *q = pTable->pNode->pChild;
  sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr,
      "PRAGMA main.table_xinfo(\"%w\")", pTable->zName);
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    const char *z = ormFactText(p->pArena, pStmt, 1);
    if( z==0 ) break;
    if( q==0 ){                 /* they come in the order of the document     */
      ormJsonErr(p->pErr, pTable->pNode, "the definitions make a column %s"
                 " that the document does not name", z);
      break;
    }
    q = q->pNext;
  }
  sqlite3_finalize(pStmt);
  if( q ) ormJsonErr(p->pErr, q, "is no column of the table that was made");
}

static void createTable(OrmDoc *p, const OrmDocTable *pTable){
  ormDocExec(p, pTable->pNode,
      buildSql(p, "CREATE TABLE ", pTable->zName, "", 0, pTable->zBody));
}

/* SQL that would make the table under another name, prepared only: SQLite's
** word on a definition that we cannot take apart. */
static void checkSql(OrmDoc *p, const OrmDocTable *pTable){
  sqlite3_stmt *pStmt = 0;
  OrmErr err = {0};
  int rc;
  if( p->pErr->rc || pTable->pDdl ) return;
  rc = sqlite3_prepare_v3(p->pOrm->db, buildSql(p, "CREATE TABLE ",
          "orm_probe", "", 0, pTable->zBody), -1, 0, &pStmt, 0);
  sqlite3_finalize(pStmt);
  ormErrDb(&err, p->pOrm->db, rc);
  failAt(p, &err, pTable->pNode);
  ormJsonErr(p->pErr, pTable->pNode, "no column definitions");
}

/* Add the columns that the table lacks. */
static int addColumns(OrmDoc *p, const OrmDocTable *pTable, const OrmDdl *pNow){
  int nAdd = 0;
  for(const OrmJson *q=pTable->pNode->pChild; q; q=q->pNext){
    int i = ormDdlColumn(pNow, q->zKey);
    OrmErr *pErr = p->pErr;
    if( pErr->rc ) break;
    if( i>=0 ){
      if( strcmp(pNow->aColumn[i].zName, q->zKey)!=0 ){
        ormJsonErr(pErr, q, "the column of %s is called %s", pTable->zName,
                   pNow->aColumn[i].zName);
      }
      continue;
    }
    ormDocExec(p, q, buildSql(p, "ALTER TABLE ", pTable->zName, " ADD COLUMN ",
                  q->zKey, ormArenaPrintf(p->pArena, " %s", q->z)));
    if( (pErr->rc & 0xff)==SQLITE_ERROR ){
      char *z = sqlite3_mprintf("%s: %s", pErr->zMsg, zMigrate);
      sqlite3_free(pErr->zMsg);
      pErr->zMsg = z;
      if( z==0 ) pErr->rc = SQLITE_NOMEM;
    }
    nAdd++;
  }
  if( nAdd ) ormFactRenew(p->pOrm, p->pErr);
  return nAdd;
}

/* Columns and constraints say what the document says, or it is an error. */
static void compareTable(
  OrmDoc *p, const OrmDocModel *pModel, const OrmDdl *pDoc, const OrmDdl *pNow
){
  const OrmJson *pNode = pModel->pTable->pNode;
  const OrmJson *pOptions = ormJsonMember(pModel->pNode, "options");
  const OrmDdlClause *pClause;
  for(const OrmJson *q=pNode->pChild; q; q=q->pNext){
    int iDoc = ormDdlColumn(pDoc, q->zKey);
    int iNow = ormDdlColumn(pNow, q->zKey);
    if( iDoc<0 || iNow<0 ) continue;
    if( ormDdlMissing(pDoc, iDoc, pNow, iNow)
     || ormDdlMissing(pNow, iNow, pDoc, iDoc) ){
      ormJsonErr(p->pErr, q, "the column of %s is there and differs (%s): %s",
          pModel->zTable, pNow->aColumn[iNow].zDef, zMigrate);
      return;
    }
  }
  pClause = ormDdlMissing(pDoc, -1, pNow, -1);
  if( pClause ){
    const OrmJson *pCons = ormJsonMember(pModel->pNode, "constraints");
    ormJsonErr(p->pErr, pCons ? pCons : pNode, "%s is there without this"
               " constraint (%s): %s", pModel->zTable, pClause->zText,
               zMigrate);
  }else if( pOptions && (pDoc->bStrict!=pNow->bStrict
                      || pDoc->bWithoutRowid!=pNow->bWithoutRowid) ){
    ormJsonErr(p->pErr, pOptions, "%s is there with"
               " other options (%s): %s", pModel->zTable,
               pNow->zOptions[0] ? pNow->zOptions : "none", zMigrate);
  }
}

/* The table is there: add what it lacks, the rest must agree. */
static void extendTable(OrmDoc *p, const OrmDocModel *pModel){
  OrmDocTable *pTable = pModel->pTable;
  OrmDdl *pNow = ormDdlOfTable(p->pOrm, p->pArena, pTable->zName);
  checkSql(p, pTable);
  if( p->pErr->rc ) return;
  if( pNow==0 ){
    ormJsonErr(p->pErr, pTable->pNode, "the definition of the table %s in this"
               " file cannot be read", pTable->zName);
    return;
  }
  if( addColumns(p, pTable, pNow) && p->pErr->rc==SQLITE_OK ){
    pNow = ormDdlOfTable(p->pOrm, p->pArena, pTable->zName);
  }
  if( pNow && p->pErr->rc==SQLITE_OK ){
    ormDocExpand(p, pNow);
    ormDocExpand(p, pTable->pDdl);
    compareTable(p, pModel, pTable->pDdl, pNow);
  }
}

/* No table and no columns to make it of. */
static void noTable(OrmDoc *p, const OrmDocModel *pModel){
  const OrmJson *pTable = ormJsonMember(pModel->pNode, "table");
  const char *zTable = pModel->zTable;
  const char *az[2] = { 0, 0 };
  const char *zNear = 0;
  sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr,
      "SELECT name FROM main.sqlite_schema WHERE type IN('table', 'view')"
      " AND lower(name) NOT LIKE 'orm\\_%%' ESCAPE '\\'");
  while( zNear==0 && ormFactStep(p->pOrm, p->pErr, pStmt) ){
    az[0] = ormFactText(p->pArena, pStmt, 0);
    zNear = ormNearest(zTable, (i64)strlen(zTable), ormNameInArray, az);
  }
  sqlite3_finalize(pStmt);
  ormJsonErr(p->pErr, pTable ? pTable : pModel->pNode, "no such table %s, and"
      " no columns to make it of%s%s%s", zTable,
      zNear ? " (did you mean " : "", zNear ? zNear : "", zNear ? "?)" : "");
}

static void defineTable(OrmDoc *p, const OrmDocModel *pModel){
  OrmDocTable *pTable = pModel->pTable;
  int eKind = ormFactKind(p->pOrm, p->pErr, pModel->zTable);
  if( p->pErr->rc ) return;
  if( pTable==0 ){
    if( eKind==ORM_KIND_NONE ) noTable(p, pModel);
  }else if( eKind==ORM_KIND_NONE ){
    createTable(p, pTable);
    checkMade(p, pTable);
  }else if( eKind==ORM_KIND_TABLE ){
    extendTable(p, pModel);
  }else{
    ormJsonErr(p->pErr, pTable->pNode, "%s is a %s: its columns are not given"
        " here", pModel->zTable,
        eKind==ORM_KIND_VIEW ? "view" : "virtual table");
  }
}

/* ------------------------------------------------------------------------
** Indexes and link tables
*/
static void defineIndex(OrmDoc *p, const OrmDocIndex *pIndex){
  const char *zSql = 0;
  OrmDdlIndex *pNow;
  if( !ormFactExists(p->pOrm, p->pErr, "index", pIndex->zName, p->pArena,
                     &zSql) ){
    ormDocExec(p, pIndex->pNode, pIndex->zSql);
    return;
  }
  pNow = zSql ? ormDdlIndex(p->pArena, zSql) : 0;
  if( p->pErr->rc ) return;
  if( pNow==0
   || strcmp(pNow->zCanonical, pIndex->pDdl->zCanonical)!=0 ){
    ormJsonErr(p->pErr, pIndex->pNode, "the index is there and differs (%s):"
               " %s", zSql ? zSql : "SQLite's own", zMigrate);
  }
}

static void defineLinks(OrmDoc *p){
  ormDocLinks(p);
  for(OrmDocLink *q=p->pLink; q; q=q->pNext){
    createTable(p, &q->table);
    ormDocExec(p, q->table.pNode, q->zIndexSql);
  }
}

/* ------------------------------------------------------------------------
** Rows of metadata
*/
static void runRow(
  void *pArg, const char *zKind, const char *zModel, const char *zSubject,
  const char *zSql, const OrmJson *pNode
){
  OrmDoc *p = (OrmDoc*)pArg;
  OrmErr err = {0};
  ORM_UNUSED(zKind);
  ORM_UNUSED(zModel);
  ORM_UNUSED(zSubject);
  ormFactExecLike(p->pOrm, &err, zSql);
  failAt(p, &err, pNode);
}

/* ------------------------------------------------------------------------
** Does it work?
*/

/* The member of a node that an error's text begins with, and how many bytes of
** the text that takes: "natural_key: no such column .." */
static const OrmJson *blamed(const OrmJson *pNode, const char *z, size_t *pn){
  static const struct { const char *zHead, *zPart; char cEnd; } aOf[] = {
    { "field ", "fields", ':' }, { "relationship ", "relationships", ' ' },
    { "orm_field: no such column in ", "fields", 0 }
  };
  size_t n = strcspn(z, ": ");
  *pn = 0;
  for(int i=0; i<ORM_COUNT(aOf); i++){
    size_t nHead = strlen(aOf[i].zHead);
    const OrmJson *pPart = ormJsonMember(pNode, aOf[i].zPart);
    if( pPart==0 || strncmp(z, aOf[i].zHead, nHead)!=0 ) continue;
    if( aOf[i].cEnd==0 ){
      *pn = 11;
      z = strstr(&z[nHead], ": ");             /* "users: nmae (did .."     */
      nHead = 2;
    }
    for(const OrmJson *p=pPart->pChild; p; p=p->pNext){
      const char *zEnd = &z[nHead + (size_t)p->nKey];
      if( strncmp(&z[nHead], p->zKey, (size_t)p->nKey)!=0 ) continue;
      if( aOf[i].cEnd==0 && (*zEnd==0 || *zEnd==' ') ) return p;
      if( aOf[i].cEnd && *zEnd==aOf[i].cEnd ){
        *pn = nHead + (size_t)p->nKey + (*zEnd==':' ? 2 : 1);
        return p;
      }
    }
    return pPart;
  }
  for(const OrmJson *p=pNode->pChild; p; p=p->pNext){
    if( (size_t)p->nKey==n && memcmp(p->zKey, z, n)==0 ){
      if( z[n]==':' ) *pn = n+2;
      return p;
    }
  }
  return 0;
}

/* Turn "orm: model User: natural_key: ..", "orm: relationship User.posts: .."
** (zHead is how it begins) into an error at the place in the document that it
** is about. */
static void blame(OrmDoc *p, OrmErr *pErr, const OrmJson *pNode,
                  const char *zHead){
  char *z = pErr->zMsg;
  if( z && strncmp(z, zHead, strlen(zHead))==0 ){
    const char *zRest = z + strlen(zHead);
    size_t n;
    const OrmJson *pPart = blamed(pNode, zRest, &n);
    if( pPart ) pNode = pPart;
    memmove(z, &zRest[n], strlen(&zRest[n])+1);
  }
  failAt(p, pErr, pNode);
}

/* The order that a model or a relationship asks for. */
static void checkOrder(OrmDoc *p, OrmOrderCheck xOrder, const OrmJson *pNode,
                       OrmModel *pModel, OrmRel *pRel){
  OrmErr err = {0};
  const OrmJson *pOrder = pNode ? ormJsonMember(pNode, "order_by") : 0;
  if( pOrder==0 || p->pErr->rc ) return;
  xOrder(p->pOrm, &err, pModel, pRel);
  if( err.zMsg && strchr(err.zMsg, '$') ){
    char *z = strchr(err.zMsg, '$') + 1;       /* "[0].field: .." or ": .."   */
    char *zNew = sqlite3_mprintf("orm: %s%s", ormJsonPath(p->pArena, pOrder),
                                 z);
    sqlite3_free(err.zMsg);
    err.zMsg = zNew;
    ormErrMove(&err, p->pErr);
    return;
  }
  failAt(p, &err, pOrder);
}

static void checkRelationship(
  OrmDoc *p, OrmOrderCheck xOrder, const OrmDocModel *pModel,
  OrmModel *pLoaded, OrmRel *pRel
){
  OrmErr err = {0};
  const OrmJson *pNode = ormDocPart(pModel, "relationships", pRel->zName);
  const char *zHead = ormArenaPrintf(p->pArena, "orm: relationship %s.%s: ",
                                     pModel->zName, pRel->zName);
  if( zHead==0 ) return;
  ormRelFind(p->pOrm, &err, pLoaded, pRel->zName, -1);
  blame(p, &err, pNode ? pNode : pModel->pNode, zHead);
  checkOrder(p, xOrder, pNode, pLoaded, pRel);
}

static void checkModel(OrmDoc *p, OrmOrderCheck xOrder, OrmCatalog *pCatalog,
                       const OrmDocModel *pModel){
  OrmErr err = {0};
  OrmModel *pLoaded;
  const char *zHead = ormArenaPrintf(p->pArena, "orm: model %s: ",
                                     pModel->zName);
  if( zHead==0 ) return;
  pLoaded = ormModelFind(p->pOrm, &err, pCatalog, pModel->zName, -1);
  blame(p, &err, pModel->pNode, zHead);
  for(int i=0; pLoaded && i<pLoaded->nRel && p->pErr->rc==SQLITE_OK; i++){
    checkRelationship(p, xOrder, pModel, pLoaded, pLoaded->apRel[i]);
  }
  if( pLoaded ) checkOrder(p, xOrder, pModel->pNode, pLoaded, 0);
}

void ormDocCheck(OrmDoc *p, OrmOrderCheck xOrder){
  OrmCatalog *pCatalog = ormCatalogPin(p->pOrm, p->pErr);
  for(int i=0; i<p->nModel && p->pErr->rc==SQLITE_OK; i++){
    checkModel(p, xOrder, pCatalog, &p->aModel[i]);
  }
  ormCatalogUnpin(p->pOrm, pCatalog);
}

static void notHere(OrmDoc *p, const OrmJson *pNode, const char *zWhat){
  const OrmJson *pFrom = ormJsonMember(pNode, "renamed_from");
  ormJsonErr(p->pErr, pFrom, "the %s %s is there: orm_migrate() renames it",
             zWhat, pFrom->z);
}

/* A model, column or relationship that is to be renamed: not here. */
static void checkRenamed(OrmDoc *p, const OrmDocModel *pModel){
  const OrmJson *pRels = ormJsonMember(pModel->pNode, "relationships");
  const OrmJson *pFields = ormJsonMember(pModel->pNode, "fields");
  OrmDdl *pNow = pFields ? ormDdlOfTable(p->pOrm, p->pArena, pModel->zTable)
                         : 0;
  if( pModel->zWas && strcmp(pModel->zWas, pModel->zName)!=0 ){
    notHere(p, pModel->pNode, "model");
  }
  for(const OrmJson *q=pRels ? pRels->pChild : 0; q; q=q->pNext){
    const char *zWas = ormDocRelWas(p, pModel, q);
    if( zWas && strcmp(zWas, q->zKey)!=0 ) notHere(p, q, "relationship");
  }
  for(const OrmJson *q=pNow ? pFields->pChild : 0; q; q=q->pNext){
    const OrmJson *pFrom = ormJsonMember(q, "renamed_from");
    if( pFrom && ormDdlColumn(pNow, q->zKey)<0
     && ormDdlColumn(pNow, pFrom->z)>=0 ){
      notHere(p, q, "column");
    }
  }
}

i64 ormDefine(
  Orm *pOrm, OrmErr *pErr, const char *zDoc, i64 nDoc, OrmOrderCheck xOrder
){
  OrmArena arena;
  OrmDoc *p;
  OrmDocRows rows;
  i64 nModel = 0;
  ormArenaInit(&arena, pErr);
  ormFactHold(pOrm, pErr);
  p = ormDocParse(pOrm, &arena, zDoc, nDoc);
  ormFactRelease(pOrm);
  ormStateEnsure(pOrm, pErr);
  ormFactHold(pOrm, pErr);
  if( p && pErr->rc==SQLITE_OK ){
    nModel = p->nModel;
    for(int i=0; i<nModel; i++) checkRenamed(p, &p->aModel[i]);
    for(int i=0; i<nModel; i++) defineTable(p, &p->aModel[i]);
    for(int i=0; i<nModel; i++){
      for(int j=0; j<p->aModel[i].nIndex && pErr->rc==SQLITE_OK; j++){
        defineIndex(p, &p->aModel[i].aIndex[j]);
      }
    }
    defineLinks(p);
    ormDocHolds(p);
    memset(&rows, 0, sizeof(rows));
    rows.xRow = runRow;
    rows.pArg = p;
    for(int i=0; i<nModel && pErr->rc==SQLITE_OK; i++){
      ormDocRows(p, &p->aModel[i], &rows);
    }
    ormDocCheck(p, xOrder);
  }
  ormFactRelease(pOrm);
  ormArenaFree(&arena);
  return pErr->rc ? 0 : nModel;
}
