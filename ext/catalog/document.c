/*
** The document of orm_define and its kin, read and checked for its shape; see
** document.h.
**
** Each kind of part has one table of the members it may have.  What a member
** means (a column that is not there, a cascade word) is found out later, from
** the file: here is only what the document alone can tell.
*/
#include "document.h"

const OrmDocCell ormDocModelCell[] = {
  { "primary_key", ORM_CELL_NAMES, 1 },
  { "natural_key", ORM_CELL_NAMES, 0 },
  { "soft_delete", ORM_CELL_TEXT, 0 },
  { "order_by", ORM_CELL_ORDER, 0 },
  { 0, 0, 0 }
};
const OrmDocCell ormDocFieldCell[] = {
  { "type", ORM_CELL_TEXT, 0 },
  { "hidden", ORM_CELL_FLAG, 0 },
  { "readonly", ORM_CELL_FLAG, 0 },
  { "auto", ORM_CELL_TEXT, 0 },
  { 0, 0, 0 }
};
const OrmDocCell ormDocRelCell[] = {
  { "target", ORM_CELL_NAME, 1 },
  { "direction", ORM_CELL_TEXT, 1 },
  { "local_columns", ORM_CELL_NAMES, 1 },
  { "remote_columns", ORM_CELL_NAMES, 1 },
  { "secondary", ORM_CELL_NAME, 1 },
  { "secondary_local", ORM_CELL_NAMES, 1 },
  { "secondary_remote", ORM_CELL_NAMES, 1 },
  { "back_populates", ORM_CELL_NAME, 1 },
  { "order_by", ORM_CELL_ORDER, 0 },
  { "cascade", ORM_CELL_TEXT, 0 },
  { "passive_deletes", ORM_CELL_PASSIVE, 0 },
  { "single_parent", ORM_CELL_FLAG, 0 },
  { "viewonly", ORM_CELL_FLAG, 0 },
  { 0, 0, 0 }
};

/* Members beside the cells, ending in 0. */
static const char *const azModelPart[] = {
  "table", "columns", "indexes", "fields", "constraints", "options",
  "relationships", "renamed_from", 0
};
static const char *const azRenamed[] = { "renamed_from", 0 };
static const char *const azIndexPart[] = { "columns", "unique", "where", 0 };

/* ------------------------------------------------------------------------
** Members that may be there
*/
typedef struct Parts Parts;
struct Parts {
  const OrmDocCell *aCell;
  const char *const *azPart;
};

static const char *partAt(const void *pArg, int i){
  const Parts *p = (const Parts*)pArg;
  for(int j=0; p->aCell && p->aCell[j].zName; j++){
    if( i--==0 ) return p->aCell[j].zName;
  }
  return p->azPart[i];
}

/* No member twice, at any place of the document. */
static void checkTwice(OrmErr *pErr, const OrmJson *pNode){
  for(const OrmJson *p=pNode->pChild; p; p=p->pNext){
    for(const OrmJson *q=pNode->pChild; q!=p; q=q->pNext){
      if( p->nKey==q->nKey && memcmp(p->zKey, q->zKey, (size_t)p->nKey)==0 ){
        ormJsonErr(pErr, p, "is given twice");
        return;
      }
    }
  }
}

static int isText(const OrmJson *pNode){
  return pNode->eType==ORM_JSON_STRING && (i64)strlen(pNode->z)==pNode->n;
}

/* An object whose members have names.  One may be empty: SQLite has such. */
static int checkObject(OrmErr *pErr, const OrmJson *pNode, const char *zWhat){
  if( pErr->rc ) return 0;
  if( pNode->eType!=ORM_JSON_OBJECT ){
    ormJsonErr(pErr, pNode, "%s, not %s", zWhat, ormJsonTypeName(pNode));
    return 0;
  }
  checkTwice(pErr, pNode);
  for(const OrmJson *p=pNode->pChild; p && pErr->rc==SQLITE_OK; p=p->pNext){
    if( (int)strlen(p->zKey)!=p->nKey ){
      ormJsonErr(pErr, p, "a name with a NUL character");
    }
  }
  return pErr->rc==SQLITE_OK;
}

static void checkString(OrmErr *pErr, const OrmJson *pNode, const char *zWhat){
  if( !isText(pNode) || pNode->n==0 ){
    ormJsonErr(pErr, pNode, "%s, not %s", zWhat,
        pNode->eType==ORM_JSON_STRING ? "this text" : ormJsonTypeName(pNode));
  }
}

static void checkName(OrmErr *pErr, const OrmJson *pNode, const char *zWhat){
  if( !isText(pNode) ) checkString(pErr, pNode, zWhat);
}

static void checkNames(OrmErr *pErr, const OrmJson *pNode, const char *zWhat){
  if( pNode->eType!=ORM_JSON_ARRAY ){
    checkName(pErr, pNode, zWhat);
    return;
  }
  if( pNode->nChild==0 ) ormJsonErr(pErr, pNode, "an empty array");
  for(const OrmJson *p=pNode->pChild; p; p=p->pNext){
    checkName(pErr, p, "a name");
  }
}

static int isFlag(const OrmJson *p){
  return p->eType==ORM_JSON_TRUE || p->eType==ORM_JSON_FALSE
      || (p->eType==ORM_JSON_INTEGER && (p->u.i==0 || p->u.i==1));
}

static void checkCell(OrmErr *pErr, const OrmDocCell *pCell, const OrmJson *p){
  if( p->eType==ORM_JSON_NULL ) return;
  switch( pCell->eShape ){
    case ORM_CELL_TEXT:
      checkString(pErr, p, "a string");
      break;
    case ORM_CELL_NAME:
      checkName(pErr, p, "a string");
      break;
    case ORM_CELL_NAMES:
      checkNames(pErr, p, "a name or an array of names");
      break;
    case ORM_CELL_ORDER:
      if( p->eType==ORM_JSON_ARRAY || p->eType==ORM_JSON_OBJECT ) break;
      checkString(pErr, p, "a string or array");
      break;
    case ORM_CELL_PASSIVE:
      if( p->eType==ORM_JSON_STRING && strcmp(p->z, "all")==0 ) break;
      if( !isFlag(p) ) ormJsonErr(pErr, p, "is false, true or \"all\"");
      break;
    default:
      if( !isFlag(p) ) ormJsonErr(pErr, p, "is true or false");
  }
}

static void checkFrom(OrmErr *pErr, const OrmJson *pNode){
  const OrmJson *p = ormJsonMember(pNode, "renamed_from");
  if( p ) checkName(pErr, p, "a name");
}

/* The members of an object: cells, or one of azPart. */
static void checkParts(
  OrmErr *pErr, const OrmJson *pNode, const OrmDocCell *aCell,
  const char *const *azPart
){
  Parts parts = { aCell, azPart };
  for(const OrmJson *p=pNode->pChild; p && pErr->rc==SQLITE_OK; p=p->pNext){
    const char *zNear;
    int i = 0;
    while( aCell && aCell[i].zName && strcmp(aCell[i].zName, p->zKey)!=0 ) i++;
    if( aCell && aCell[i].zName ){
      checkCell(pErr, &aCell[i], p);
      continue;
    }
    for(i=0; azPart[i] && strcmp(azPart[i], p->zKey)!=0; i++){}
    if( azPart[i] ) continue;
    zNear = ormNearest(p->zKey, p->nKey, partAt, &parts);
    ormJsonErr(pErr, p, "no such part%s%s%s", zNear ? " (did you mean " : "",
               zNear ? zNear : "", zNear ? "?)" : "");
  }
}

/* ------------------------------------------------------------------------
** Shapes of the parts of a model
*/
static void checkFields(OrmErr *pErr, const OrmJson *pNode){
  if( pNode==0 || !checkObject(pErr, pNode, "fields are an object") ) return;
  for(const OrmJson *p=pNode->pChild; p; p=p->pNext){
    if( !checkObject(pErr, p, "a field is an object") ) return;
    checkParts(pErr, p, ormDocFieldCell, azRenamed);
    checkFrom(pErr, p);
  }
}

static void checkRelationships(OrmErr *pErr, const OrmJson *pNode){
  if( pNode==0 ) return;
  if( !checkObject(pErr, pNode, "relationships are an object") ) return;
  for(const OrmJson *p=pNode->pChild; p; p=p->pNext){
    if( !checkObject(pErr, p, "a relationship is an object") ) return;
    checkParts(pErr, p, ormDocRelCell, azRenamed);
    checkFrom(pErr, p);
  }
}

static void checkIndexes(OrmErr *pErr, const OrmJson *pNode){
  if( pNode==0 || !checkObject(pErr, pNode, "indexes are an object") ) return;
  for(const OrmJson *p=pNode->pChild; p && pErr->rc==SQLITE_OK; p=p->pNext){
    const OrmJson *pColumns = p;
    if( p->eType==ORM_JSON_OBJECT ){
      const OrmJson *pWhere = ormJsonMember(p, "where");
      const OrmJson *pUnique = ormJsonMember(p, "unique");
      checkObject(pErr, p, "");
      checkParts(pErr, p, 0, azIndexPart);
      pColumns = ormJsonMember(p, "columns");
      if( pWhere && pWhere->eType!=ORM_JSON_NULL ){
        checkString(pErr, pWhere, "an SQL condition");
      }
      if( pUnique && !isFlag(pUnique) ){
        ormJsonErr(pErr, pUnique, "is true or false");
      }
    }
    if( pErr->rc ) return;
    if( pColumns==0 ) ormJsonErr(pErr, p, "has no columns");
    else checkNames(pErr, pColumns, "an array of columns");
  }
}

static void checkModel(OrmErr *pErr, const OrmJson *pNode){
  const OrmJson *p;
  if( !checkObject(pErr, pNode, "a model is an object") ) return;
  checkParts(pErr, pNode, ormDocModelCell, azModelPart);
  if( (p = ormJsonMember(pNode, "table"))!=0 ) checkName(pErr, p, "a name");
  checkFrom(pErr, pNode);
  if( (p = ormJsonMember(pNode, "options"))!=0
   && !(p->eType==ORM_JSON_STRING && p->n==0) ){
    checkString(pErr, p, "a string");
  }
  if( (p = ormJsonMember(pNode, "columns"))!=0
   && checkObject(pErr, p, "columns are an object") ){
    if( p->nChild==0 ) ormJsonErr(pErr, p, "no columns");
    for(const OrmJson *q=p->pChild; q; q=q->pNext){
      if( q->eType==ORM_JSON_STRING && q->n==0 ) continue;
      checkString(pErr, q, "an SQL column definition");
    }
  }
  if( (p = ormJsonMember(pNode, "constraints"))!=0 ){
    if( p->eType!=ORM_JSON_ARRAY ){
      ormJsonErr(pErr, p, "an array of SQL constraints, not %s",
                 ormJsonTypeName(p));
    }
    for(const OrmJson *q=p->pChild; q; q=q->pNext){
      checkString(pErr, q, "an SQL constraint");
    }
  }
  checkIndexes(pErr, ormJsonMember(pNode, "indexes"));
  checkFields(pErr, ormJsonMember(pNode, "fields"));
  checkRelationships(pErr, ormJsonMember(pNode, "relationships"));
}

/* ------------------------------------------------------------------------
** Tables as SQL
*/
static void addName(OrmBuf *pBuf, const char *zBefore, const char *zName){
  ormBufAdd(pBuf, zBefore, -1);
  ormBufName(pBuf, zName);
}

/* Text that was built, kept in the arena. */
static const char *keep(OrmArena *pArena, OrmBuf *pBuf){
  const char *z = ormArenaText(pArena, ormBufText(pBuf), pBuf->n);
  ormBufFree(pBuf);
  return z ? z : "";
}

/* The definition of a table from its body: pDdl. */
void ormDocTableParse(OrmDoc *p, OrmDocTable *pTable){
  OrmBuf buf;
  ormBufInit(&buf, p->pErr);
  addName(&buf, "CREATE TABLE ", pTable->zName);
  ormBufAdd(&buf, pTable->zBody, -1);
  pTable->pDdl = ormDdlTable(p->pArena, keep(p->pArena, &buf));
}

/* A piece of SQL that is one piece. */
static void checkPiece(OrmDoc *p, const OrmJson *pNode){
  const char *z = ormDdlPiece(p->pArena, pNode->z);
  if( z && p->pErr->rc==SQLITE_OK ) ormJsonErr(p->pErr, pNode, "%s", z);
}

/* A piece of SQL stands on lines of its own, so that a comment in it ends. */
static void addPiece(OrmBuf *pBuf, const OrmJson *pPiece){
  ormBufAdd(pBuf, pPiece->z, pPiece->n);
  if( strstr(pPiece->z, "--") ) ormBufChar(pBuf, '\n');
}

/* A table whose columns name no key gets that of "primary_key", unless there
** is such a table without one: then that is about a UNIQUE key of it. */
static void addPrimary(OrmDoc *p, OrmDocTable *pTable, const OrmJson *pModel,
                       const char *zOptions){
  const char *zCell = ormDocCellText(p->pArena, &ormDocModelCell[0],
                                     ormJsonMember(pModel, "primary_key"));
  const char **az = 0;
  const OrmDdl *pNow;
  OrmBuf buf;
  int n;
  if( zCell==0 || pTable->pDdl==0 || pTable->pDdl->nKey ) return;
  pNow = ormDdlOfTable(p->pOrm, p->pArena, pTable->zName);
  if( pNow && pNow->nKey==0 ) return;
  n = ormFactNames(p->pArena, zCell, "primary_key", &az);
  ormBufInit(&buf, p->pErr);
  ormBufAdd(&buf, pTable->zBody, zOptions - pTable->zBody);
  ormBufAdd(&buf, ",\n  PRIMARY KEY(", -1);
  for(int i=0; i<n; i++) addName(&buf, i ? ", " : "", az[i]);
  ormBufChar(&buf, ')');
  ormBufAdd(&buf, zOptions, -1);
  pTable->zBody = keep(p->pArena, &buf);
  ormDocTableParse(p, pTable);
}

static OrmDocTable *modelTable(OrmDoc *p, const OrmDocModel *pModel){
  const OrmJson *pColumns = ormJsonMember(pModel->pNode, "columns");
  const OrmJson *pCons = ormJsonMember(pModel->pNode, "constraints");
  const OrmJson *pOptions = ormJsonMember(pModel->pNode, "options");
  OrmDocTable *pTable;
  OrmBuf buf;
  i64 nElements;
  if( pColumns==0 || p->pErr->rc ) return 0;
  pTable = ormArenaAlloc(p->pArena, sizeof(*pTable));
  if( pTable==0 ) return 0;
  ormBufInit(&buf, p->pErr);
  for(const OrmJson *q=pColumns->pChild; q; q=q->pNext){
    checkPiece(p, q);
    addName(&buf, q->iIndex ? ",\n  " : "(\n  ", q->zKey);
    if( q->n ) ormBufChar(&buf, ' ');
    addPiece(&buf, q);
  }
  for(const OrmJson *q=pCons ? pCons->pChild : 0; q; q=q->pNext){
    checkPiece(p, q);
    ormBufAdd(&buf, ",\n  ", -1);
    addPiece(&buf, q);
  }
  nElements = buf.n;
  ormBufAdd(&buf, "\n)", 2);
  if( pOptions && pOptions->n ){
    ormBufChar(&buf, ' ');
    addPiece(&buf, pOptions);
  }
  pTable->pNode = pColumns;
  pTable->zName = pModel->zTable;
  pTable->zBody = keep(p->pArena, &buf);
  ormDocTableParse(p, pTable);
  if( p->pErr->rc==SQLITE_OK ){
    addPrimary(p, pTable, pModel->pNode, &pTable->zBody[nElements]);
  }
  return pTable;
}

/* The columns that an index may name. */
typedef struct Columns Columns;
struct Columns {
  const OrmDdl *pDoc, *pFile;   /* as the document and as the file has them   */
};

static const char *columnAt(const void *pArg, int i){
  const Columns *p = (const Columns*)pArg;
  int nDoc = p->pDoc ? p->pDoc->nColumn : 0;
  if( i<nDoc ) return p->pDoc->aColumn[i].zName;
  i -= nDoc;
  return p->pFile && i<p->pFile->nColumn ? p->pFile->aColumn[i].zName : 0;
}

static int isColumn(const Columns *p, const char *z){
  return (p->pDoc && ormDdlColumn(p->pDoc, z)>=0)
      || (p->pFile && ormDdlColumn(p->pFile, z)>=0);
}

static int isWord(const char *z){
  for(; *z; z++){
    if( !((*z|32)>='a' && (*z|32)<='z') && !(*z>='0' && *z<='9') && *z!='_'
     && !(*z & 0x80) ) return 0;
  }
  return 1;
}

/* A term of an index: a column of the table by its name, else SQL.  (A quoted
** name that is no column would be a text to SQLite.) */
static void addTerm(
  OrmDoc *p, OrmBuf *pBuf, const Columns *pColumns, const OrmJson *pTerm
){
  const char *z = pTerm->z;
  if( isColumn(pColumns, z) ){
    ormBufName(pBuf, z);
  }else if( isWord(z) ){
    const char *zNear = ormNearest(z, pTerm->n, columnAt, pColumns);
    ormJsonErr(p->pErr, pTerm, "no such column %s%s%s%s", z,
               zNear ? " (did you mean " : "", zNear ? zNear : "",
               zNear ? "?)" : "");
  }else{
    checkPiece(p, pTerm);
    ormBufAdd(pBuf, z, pTerm->n);
  }
}

static void indexInit(
  OrmDoc *p, const OrmDocModel *pModel, const Columns *pColumns,
  OrmDocIndex *pIndex
){
  const OrmJson *pNode = pIndex->pNode;
  int bObject = pNode->eType==ORM_JSON_OBJECT;
  const OrmJson *pTerms = bObject ? ormJsonMember(pNode, "columns") : pNode;
  const OrmJson *pUnique = bObject ? ormJsonMember(pNode, "unique") : 0;
  const OrmJson *pWhere = bObject ? ormJsonMember(pNode, "where") : 0;
  int bUnique = pUnique && (pUnique->eType==ORM_JSON_TRUE
      || (pUnique->eType==ORM_JSON_INTEGER && pUnique->u.i==1));
  OrmBuf buf;
  ormBufInit(&buf, p->pErr);
  ormBufAdd(&buf, bUnique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ", -1);
  ormBufTable(&buf, pIndex->zName);
  addName(&buf, " ON ", pModel->zTable);
  ormBufChar(&buf, '(');
  if( pTerms->eType==ORM_JSON_STRING ) addTerm(p, &buf, pColumns, pTerms);
  for(const OrmJson *q=pTerms->pChild; q; q=q->pNext){
    if( q->iIndex ) ormBufAdd(&buf, ", ", 2);
    addTerm(p, &buf, pColumns, q);
  }
  ormBufChar(&buf, ')');
  if( pWhere && pWhere->eType==ORM_JSON_STRING ){
    checkPiece(p, pWhere);
    ormBufAdd(&buf, " WHERE ", -1);
    ormBufAdd(&buf, pWhere->z, pWhere->n);
  }
  pIndex->zSql = keep(p->pArena, &buf);
  if( p->pErr->rc==SQLITE_OK ){
    pIndex->pDdl = ormDdlIndex(p->pArena, pIndex->zSql);
  }
}

static void modelIndexes(OrmDoc *p, OrmDocModel *pModel){
  const OrmJson *pNode = ormJsonMember(pModel->pNode, "indexes");
  Columns columns = { 0, 0 };
  if( pNode==0 || p->pErr->rc ) return;
  if( pModel->pTable ) columns.pDoc = pModel->pTable->pDdl;
  columns.pFile = ormDdlOfTable(p->pOrm, p->pArena, pModel->zTable);
  pModel->aIndex = ormArenaAlloc(p->pArena,
                        (i64)sizeof(OrmDocIndex)*(pNode->nChild+1));
  if( pModel->aIndex==0 ) return;
  for(const OrmJson *q=pNode->pChild; q && p->pErr->rc==SQLITE_OK; q=q->pNext){
    OrmDocIndex *pIndex = &pModel->aIndex[pModel->nIndex++];
    pIndex->pNode = q;
    pIndex->zName = q->zKey;
    indexInit(p, pModel, &columns, pIndex);
  }
}

/* The table of a model as its row in the file says; 0: there is none. */
const char *ormDocFileTable(
  OrmDoc *p, const char *zModel, const char **pzPrimary
){
  const char *zTable = 0;
  sqlite3_stmt *pStmt;
  if( pzPrimary ) *pzPrimary = 0;
  if( ormFactKind(p->pOrm, p->pErr, "orm_model")!=ORM_KIND_TABLE ) return 0;
  pStmt = ormFactOpen(p->pOrm, p->pErr,
      "SELECT coalesce(table_name, name), primary_key FROM main.orm_model"
      " WHERE name=%Q", zModel);
  if( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    zTable = ormFactText(p->pArena, pStmt, 0);
    if( pzPrimary ) *pzPrimary = ormFactText(p->pArena, pStmt, 1);
  }
  sqlite3_finalize(pStmt);
  return zTable;
}

/* Does what the file has under the name of a part get another name, by a part
** beside it that has none of its own or whose own leaves in turn? */
static int nameLeaves(const OrmJson *pNode, OrmDocThere xThere, void *pArg,
                      int nDepth){
  const OrmJson *pParent = pNode->pParent;
  if( nDepth>pParent->nChild ) return 0;                     /* a ring        */
  for(const OrmJson *q=pParent->pChild; q; q=q->pNext){
    const OrmJson *pFrom = q==pNode ? 0 : ormJsonMember(q, "renamed_from");
    if( pFrom && strcmp(pFrom->z, pNode->zKey)==0 ){
      return !xThere(pArg, q->zKey) || nameLeaves(q, xThere, pArg, nDepth+1);
    }
  }
  return 0;
}

const char *ormDocWas(const OrmJson *pNode, OrmDocThere xThere, void *pArg){
  const OrmJson *pFrom = ormJsonMember(pNode, "renamed_from");
  int bFrom = pFrom && xThere(pArg, pFrom->z);
  if( xThere(pArg, pNode->zKey)
   && !(bFrom && nameLeaves(pNode, xThere, pArg, 0)) ) return pNode->zKey;
  return bFrom ? pFrom->z : 0;
}

static int modelIsThere(void *pArg, const char *zName){
  return ormDocFileTable((OrmDoc*)pArg, zName, 0)!=0;
}

/* A model that does not say its table has that of its row, or its name's. */
static void modelInit(OrmDoc *p, OrmDocModel *pModel, const OrmJson *pNode){
  const OrmJson *pTable = ormJsonMember(pNode, "table");
  pModel->pNode = pNode;
  pModel->zName = pNode->zKey;
  pModel->zWas = ormDocWas(pNode, modelIsThere, p);
  if( pTable ) pModel->zTable = pTable->z;
  else if( pModel->zWas && strcmp(pModel->zWas, pModel->zName)==0 ){
    pModel->zTable = ormDocFileTable(p, pModel->zName, 0);
  }
  if( pModel->zTable==0 ) pModel->zTable = pNode->zKey;
  if( sqlite3_strnicmp(pModel->zTable, "orm_", 4)==0 ){
    ormJsonErr(p->pErr, pTable ? pTable : pNode,
               "names of tables that begin with orm_ are orm's own");
  }
  pModel->pTable = modelTable(p, pModel);
  modelIndexes(p, pModel);
}

OrmDoc *ormDocParse(Orm *pOrm, OrmArena *pArena, const char *z, i64 n){
  OrmDoc *p = ormArenaAlloc(pArena, sizeof(*p));
  OrmErr *pErr = pArena->pErr;
  if( p==0 ) return 0;
  p->pOrm = pOrm;
  p->pErr = pErr;
  p->pArena = pArena;
  if( z==0 ){
    ormErr(pErr, SQLITE_ERROR, "orm: a document is needed, not NULL");
    return 0;
  }
  p->pRoot = ormJsonParse(pArena, z, n, "document");
  if( p->pRoot==0 ) return 0;
  checkObject(pErr, p->pRoot, "a document is an object");
  for(const OrmJson *q=p->pRoot->pChild; q && pErr->rc==SQLITE_OK; q=q->pNext){
    checkModel(pErr, q);
  }
  if( pErr->rc ) return 0;
  p->aModel = ormArenaAlloc(pArena,
                            (i64)sizeof(OrmDocModel)*(p->pRoot->nChild+1));
  if( p->aModel==0 ) return 0;
  for(const OrmJson *q=p->pRoot->pChild; q && pErr->rc==SQLITE_OK; q=q->pNext){
    modelInit(p, &p->aModel[p->nModel++], q);
  }
  return pErr->rc ? 0 : p;
}

OrmDocModel *ormDocModel(const OrmDoc *p, const char *zName){
  for(int i=0; i<p->nModel; i++){
    if( strcmp(p->aModel[i].zName, zName)==0 ) return &p->aModel[i];
  }
  return 0;
}

OrmDocModel *ormDocByTable(const OrmDoc *p, const char *zTable){
  for(int i=0; i<p->nModel; i++){
    if( p->aModel[i].pTable
     && sqlite3_stricmp(p->aModel[i].zTable, zTable)==0 ) return &p->aModel[i];
  }
  return 0;
}

/* "references t" without its columns: where the name ends, or 0. */
static const char *bareReference(const OrmDdlClause *pClause, const char **pz){
  const char *z = pClause->eKind==ORM_DDL_REFERENCES
      ? strstr(pClause->zText, "references ") : 0;
  const char *zEnd;
  if( z==0 ) return 0;
  *pz = z += 11;
  zEnd = z + strcspn(z, " ");
  return zEnd[0]==' ' && zEnd[1]=='(' ? 0 : zEnd;
}

void ormDocExpand(OrmDoc *p, OrmDdl *pDdl){
  for(int i=0; i<pDdl->nClause && p->pErr->rc==SQLITE_OK; i++){
    OrmDdlClause *pClause = &pDdl->aClause[i];
    const char *zName;
    const char *zEnd = bareReference(pClause, &zName);
    const char *zTable = zEnd ? ormArenaText(p->pArena, zName, zEnd-zName) : 0;
    const OrmDocModel *pModel = zTable ? ormDocByTable(p, zTable) : 0;
    const OrmDdl *pTo;
    OrmBuf buf;
    if( zTable==0 ) continue;
    pTo = pModel ? pModel->pTable->pDdl
                 : ormDdlOfTable(p->pOrm, p->pArena, zTable);
    if( pTo==0 || pTo->nKey==0 ) continue;
    ormBufInit(&buf, p->pErr);
    ormBufAdd(&buf, pClause->zText, zEnd - pClause->zText);
    for(int j=0; j<pTo->nKey; j++){
      const char *z = pTo->aColumn[pTo->aKey[j]].zName;
      ormBufAdd(&buf, j ? " , " : " ( ", -1);
      for(; *z; z++) ormBufChar(&buf, *z>='A' && *z<='Z' ? (char)(*z|32) : *z);
    }
    ormBufAdd(&buf, " )", 2);
    ormBufAdd(&buf, zEnd, -1);
    pClause->zText = keep(p->pArena, &buf);
  }
}

const OrmJson *ormDocPart(
  const OrmDocModel *p, const char *zPart, const char *zName
){
  const OrmJson *pPart = ormJsonMember(p->pNode, zPart);
  return ormJsonMember(pPart, zName);
}

/* ------------------------------------------------------------------------
** Cells
*/
const char *ormDocCellText(
  OrmArena *pArena, const OrmDocCell *pCell, const OrmJson *p
){
  OrmBuf buf;
  if( p==0 || p->eType==ORM_JSON_NULL ) return 0;
  if( p->eType==ORM_JSON_TRUE ) return "1";
  if( p->eType==ORM_JSON_FALSE ) return "0";
  if( p->eType==ORM_JSON_INTEGER ) return p->u.i ? "1" : "0";
  if( pCell->eShape==ORM_CELL_NAMES && p->eType==ORM_JSON_ARRAY && p->nChild==1
   && p->pChild->n && p->pChild->z[0]!='[' ) return p->pChild->z;
  if( p->eType==ORM_JSON_STRING && (pCell->eShape!=ORM_CELL_NAMES
       || (p->n && p->z[0]!='[')) ) return p->z;
  ormBufInit(&buf, pArena->pErr);
  if( p->eType==ORM_JSON_STRING ) ormBufChar(&buf, '[');
  ormJsonNode(&buf, p);
  if( p->eType==ORM_JSON_STRING ) ormBufChar(&buf, ']');
  return keep(pArena, &buf);
}

int ormDocCellSame(
  OrmArena *pArena, const OrmDocCell *pCell, const OrmJson *pA,
  const OrmJson *pB
){
  const char *zA = ormDocCellText(pArena, pCell, pA);
  const char *zB = ormDocCellText(pArena, pCell, pB);
  if( pCell->eShape==ORM_CELL_FLAG || pCell->eShape==ORM_CELL_PASSIVE ){
    if( zA==0 ) zA = "0";
    if( zB==0 ) zB = "0";
  }
  return zA==zB || (zA && zB && strcmp(zA, zB)==0);
}
