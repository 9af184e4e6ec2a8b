/*
** One model: its row, what orm_field says about its fields, and what the
** schema says about its table: columns, keys, indexes, foreign keys.  Its
** relationships are listed here as written; relation.c resolves them.
**
** A model is whole or it is an error: whatever a row claims that the schema
** does not bear out is reported here, in the words that orm_check uses too.
** Field order is column order, so field numbers are positions in aField.
*/
#include "../orm_int.h"

typedef struct Loader Loader;
struct Loader {                 /* a model on its way in                      */
  Orm *pOrm;
  OrmErr *pErr;
  OrmArena *pArena;
  OrmModel *pModel;
  const char *zPrimary, *zNatural, *zSoft;   /* cells of its row              */
  u8 bPkIndex;                  /* the table's key has an index of its own    */
  u8 bRowidIndex;               /* some index ends in the rowid               */
};

/* The error of a model: "orm: model User: ..." . */
static void loadErr(Loader *p, const char *zFormat, ...){
  va_list ap;
  char *z;
  if( p->pErr->rc ) return;
  va_start(ap, zFormat);
  z = sqlite3_vmprintf(zFormat, ap);
  va_end(ap);
  if( z==0 ){
    ormErrOom(p->pErr);
  }else{
    ormErr(p->pErr, SQLITE_ERROR, "orm: model %s: %s", p->pModel->zName, z);
  }
  sqlite3_free(z);
}

static const char *columnNameAt(const void *pArg, int i){
  const OrmModel *p = (const OrmModel*)pArg;
  return i<p->nField ? p->aField[i].zName : 0;
}

/* The field of a name that a cell holds; -1 and an error with the nearest. */
static int loadField(Loader *p, const char *zName, const char *zCell){
  int iField = ormFieldFind(p->pModel, zName, -1);
  if( iField<0 ){
    const char *z = ormNearest(zName, (i64)strlen(zName), columnNameAt,
                               p->pModel);
    loadErr(p, "%s: no such column in %s: %s%s%s%s", zCell, p->pModel->zTable,
            zName, z ? " (did you mean " : "", z ? z : "", z ? "?)" : "");
  }
  return iField;
}

/* The fields that a cell names; their number, 0 for an empty cell. */
static int loadFieldList(
  Loader *p, const char *zValue, const char *zCell, const int **paField
){
  const char **az = 0;
  char *zWhat;
  int n, *a;
  *paField = 0;
  if( zValue==0 || p->pErr->rc ) return 0;
  if( ormFieldFind(p->pModel, zValue, -1)>=0 ){   /* a column named '["x"]' */
    az = ormArenaAlloc(p->pArena, sizeof(char*));
    if( az ) az[0] = zValue;
    n = 1;
  }else{
    zWhat = ormArenaPrintf(p->pArena, "model %s: %s", p->pModel->zName, zCell);
    n = ormFactNames(p->pArena, zValue, zWhat, &az);
  }
  if( n>ORM_MAX_KEY ){
    loadErr(p, "%s: more than %d columns", zCell, ORM_MAX_KEY);
  }
  a = ormArenaAlloc(p->pArena, (i64)sizeof(int)*n);
  for(int i=0; i<n && a; i++){
    a[i] = loadField(p, az[i], zCell);
    for(int j=0; j<i; j++){
      if( a[j]==a[i] ) loadErr(p, "%s: %s is named twice", zCell, az[i]);
    }
  }
  *paField = a;
  return p->pErr->rc ? 0 : n;
}

/* ------------------------------------------------------------------------
** The row of orm_model
*/
static int loadRow(Loader *p, const char *zName, i64 n){
  OrmModel *pModel;
  int bThere = 0;
  sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr,
      "SELECT name, table_name, primary_key, natural_key, soft_delete, order_by"
      " FROM main.orm_model WHERE name=?1");
  ormFactBind(p->pOrm, p->pErr, pStmt, zName, (int)n);
  if( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    pModel = p->pModel = ormArenaAlloc(p->pArena, sizeof(OrmModel));
    if( pModel ){
      pModel->zName = ormFactText(p->pArena, pStmt, 0);
      pModel->zTable = ormFactText(p->pArena, pStmt, 1);
      if( pModel->zTable==0 ) pModel->zTable = pModel->zName;
      p->zPrimary = ormFactText(p->pArena, pStmt, 2);
      p->zNatural = ormFactText(p->pArena, pStmt, 3);
      p->zSoft = ormFactText(p->pArena, pStmt, 4);
      pModel->zOrderBy = ormFactText(p->pArena, pStmt, 5);
      pModel->iSoftDelete = pModel->iVersion = -1;
      bThere = p->pErr->rc==SQLITE_OK;
    }
  }
  sqlite3_finalize(pStmt);
  return bThere;
}

/* ------------------------------------------------------------------------
** Columns
*/

/* Name the table or view that is nearest to one that is not there. */
static void loadNoTable(Loader *p){
  const char *zTable = p->pModel->zTable;
  const char *az[2] = { 0, 0 };
  const char *zNear = 0;
  sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr,
      "SELECT name FROM main.sqlite_schema WHERE type IN('table', 'view')");
  while( zNear==0 && ormFactStep(p->pOrm, p->pErr, pStmt) ){
    az[0] = ormFactText(p->pArena, pStmt, 0);
    zNear = ormNearest(zTable, (i64)strlen(zTable), ormNameInArray, az);
  }
  sqlite3_finalize(pStmt);
  loadErr(p, "no such table %s%s%s%s", zTable, zNear ? " (did you mean " : "",
          zNear ? zNear : "", zNear ? "?)" : "");
}

static void loadKind(Loader *p){
  OrmModel *pModel = p->pModel;
  switch( ormFactKind(p->pOrm, p->pErr, pModel->zTable) ){
    case ORM_KIND_TABLE: break;
    case ORM_KIND_VIEW: pModel->bView = 1; break;
    case ORM_KIND_VIRTUAL:
      loadErr(p, "%s is a virtual table: only ordinary tables and views can be"
              " models", pModel->zTable);
      break;
    default:
      if( p->pErr->rc==SQLITE_OK ) loadNoTable(p);
  }
}

/* ,"name": as it stands before each value of an object. */
static const char *jsonKey(OrmArena *pArena, const char *zName, int *pn){
  OrmBuf buf;
  char *z = 0;
  ormBufInit(&buf, pArena->pErr);
  ormBufChar(&buf, ',');
  ormJsonString(&buf, zName, (i64)strlen(zName));
  ormBufChar(&buf, ':');
  if( pArena->pErr->rc==SQLITE_OK ){
    z = ormArenaAlloc(pArena, buf.n + ORM_JSON_KEY_SLACK);
  }
  if( z ) memcpy(z, buf.z, (size_t)buf.n);
  *pn = (int)buf.n;
  ormBufFree(&buf);
  return z;
}

/* Is the table STRICT?  Asked only for columns declared ANY. */
static int tableIsStrict(Loader *p){
  int bStrict = 0;
  sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr,
      "SELECT upper(sql) LIKE '%%)%%STRICT%%'"
      " AND upper(substr(sql, 1 + length(rtrim("
      "sql, replace(sql, ')', ''))))) LIKE '%%STRICT%%' FROM main.sqlite_schema"
      " WHERE type='table' AND name=%Q COLLATE NOCASE", p->pModel->zTable);
  if( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    bStrict = sqlite3_column_int(pStmt, 0);
  }
  sqlite3_finalize(pStmt);
  return bStrict;
}

static void fieldInit(Loader *p, OrmField *pField, sqlite3_stmt *pStmt){
  int eHidden = sqlite3_column_int(pStmt, 6);
  pField->iCol = sqlite3_column_int(pStmt, 0);
  pField->zName = ormFactText(p->pArena, pStmt, 1);
  pField->zDecl = ormFactText(p->pArena, pStmt, 2);
  pField->bNotNull = sqlite3_column_int(pStmt, 3)!=0;
  pField->zDefault = ormFactText(p->pArena, pStmt, 4);
  pField->iKey = sqlite3_column_int(pStmt, 5);
  pField->bGenerated = eHidden==2 || eHidden==3;
  if( pField->zDecl==0 ) pField->zDecl = "";
  pField->zColl = "BINARY";
  if( pField->zName==0 ) return;
  pField->zJsonKey = jsonKey(p->pArena, pField->zName, &pField->nJsonKey);
  pField->eType = (u8)ormFactType(pField->zDecl);
  pField->cAff = ormFactAffinity(pField->zDecl);
}

/* What PRAGMA table_xinfo does not tell. */
static void fieldFinish(Loader *p, OrmField *pField){
  const char *zColl = 0;
  if( p->pErr->rc ) return;
  if( p->pModel->bView ){
    /* SQLite from 3.41 on calls BLOB what has no type, texts of a UNION too. */
    if( pField->eType==ORM_TYPE_BLOB ) pField->eType = ORM_TYPE_ANY;
    return;
  }
  if( sqlite3_table_column_metadata(p->pOrm->db, "main", p->pModel->zTable,
          pField->zName, 0, &zColl, 0, 0, 0)==SQLITE_OK
   && zColl && sqlite3_stricmp(zColl, "BINARY")!=0 ){
    pField->zColl = ormArenaText(p->pArena, zColl, -1);
  }
  if( sqlite3_stricmp(pField->zDecl, "ANY")==0 && tableIsStrict(p) ){
    pField->cAff = 'A';
  }
}

static void loadColumns(Loader *p){
  OrmModel *pModel = p->pModel;
  int nAlloc = 0;
  sqlite3_stmt *pStmt = ormFactOpenAny(p->pOrm, p->pErr,
      "PRAGMA main.table_xinfo(\"%w\")", pModel->zTable);
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    OrmField *pField = ormArenaGrow(p->pArena, (void**)&pModel->aField,
                                    pModel->nField, &nAlloc, sizeof(OrmField));
    if( pField==0 ) break;
    memset(pField, 0, sizeof(*pField));
    fieldInit(p, pField, pStmt);
    if( p->pErr->rc ) break;
    pModel->nField++;
  }
  sqlite3_finalize(pStmt);
  for(int i=0; i<pModel->nField; i++) fieldFinish(p, &pModel->aField[i]);
  if( pModel->nField==0 ) loadErr(p, "%s has no columns", pModel->zTable);
}

/* ------------------------------------------------------------------------
** orm_field: what people say about fields
*/
static const char *const azAuto[] = {
  "", "created_at", "updated_at", "version", "uuid", 0
};

/* The word for an ORM_AUTO_*. */
const char *ormAutoName(int eAuto){
  return azAuto[eAuto];
}

/* A cell that holds 0, 1 or NULL. */
int ormFactFlag(sqlite3_stmt *pStmt, int iCol, int *pbBad){
  i64 i;
  if( sqlite3_column_type(pStmt, iCol)==SQLITE_NULL ) return 0;
  i = sqlite3_column_int64(pStmt, iCol);
  if( sqlite3_column_type(pStmt, iCol)!=SQLITE_INTEGER || (i!=0 && i!=1) ){
    *pbBad = 1;
  }
  return i!=0;
}

static void fieldType(Loader *p, OrmField *pField, const char *zWord){
  static const char *const azWord[] = {
    "boolean", "json", "date", "datetime", "decimal", "blob", "text",
    "integer", "real", 0
  };
  int eType = ormTypeFind(zWord);
  if( eType<0 ){
    const char *z = ormNearest(zWord, (i64)strlen(zWord), ormNameInArray,
                               azWord);
    loadErr(p, "field %s: no such type %s%s%s%s", pField->zName, zWord,
            z ? " (did you mean " : "", z ? z : "", z ? "?)" : "");
    return;
  }
  pField->eType = (u8)eType;
}

static void fieldAuto(Loader *p, OrmField *pField, const char *zWord){
  int i;
  const char *z;
  for(i=1; azAuto[i]; i++){
    if( strcmp(azAuto[i], zWord)==0 ) break;
  }
  if( azAuto[i] ){
    pField->eAuto = (u8)i;
    return;
  }
  z = ormNearest(zWord, (i64)strlen(zWord), ormNameInArray, azAuto);
  loadErr(p, "field %s: no such auto %s%s%s%s", pField->zName, zWord,
          z ? " (did you mean " : "", z ? z : "", z ? "?)" : "");
}

/* Apply one row of orm_field: name, type, hidden, readonly, auto. */
static void fieldRow(Loader *p, sqlite3_stmt *pStmt){
  const char *zName = ormFactText(p->pArena, pStmt, 0);
  const char *zType = ormFactText(p->pArena, pStmt, 1);
  const char *zAuto = ormFactText(p->pArena, pStmt, 4);
  int iField = loadField(p, zName ? zName : "", "orm_field");
  int bBad = 0;
  OrmField *pField;
  if( p->pErr->rc ) return;
  pField = &p->pModel->aField[iField];
  pField->bHidden = (u8)ormFactFlag(pStmt, 2, &bBad);
  pField->bReadonly = (u8)ormFactFlag(pStmt, 3, &bBad);
  if( bBad ){
    loadErr(p, "field %s: hidden and readonly are 0 or 1", pField->zName);
  }
  if( zType ) fieldType(p, pField, zType);
  if( zAuto ) fieldAuto(p, pField, zAuto);
  if( pField->eAuto && pField->bGenerated ){
    loadErr(p, "field %s: a generated column cannot be auto", pField->zName);
  }
  if( pField->eAuto==ORM_AUTO_VERSION ){
    if( p->pModel->iVersion>=0 ){
      loadErr(p, "two version fields: %s, %s",
          p->pModel->aField[p->pModel->iVersion].zName, pField->zName);
    }
    p->pModel->iVersion = iField;
  }
}

static void loadFieldRows(Loader *p){
  sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr,
      "SELECT name, type, hidden, readonly, auto FROM main.orm_field"
      " WHERE model=?1 ORDER BY rowid");
  ormFactBind(p->pOrm, p->pErr, pStmt, p->pModel->zName, -1);
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ) fieldRow(p, pStmt);
  sqlite3_finalize(pStmt);
}

/* ------------------------------------------------------------------------
** Indexes and keys
*/

/* Would equal values under the column's collation be equal in the index? */
static int indexCollationFits(const OrmField *pField, const char *zColl){
  return sqlite3_stricmp(pField->zColl, "BINARY")==0
      || sqlite3_stricmp(pField->zColl, zColl)==0;
}

/* The plain columns that an index starts with.  An index that is no key for
** lookups (an expression, a narrower collation) loses bUnique. */
static void indexColumns(Loader *p, OrmIndex *pIndex, int bPrimary){
  OrmModel *pModel = p->pModel;
  int nAlloc = 0, bPlain = 1, bRowid = 0;
  int *a = 0;
  sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr,
      "PRAGMA main.index_xinfo(\"%w\")", pIndex->zName);
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    int iCol = sqlite3_column_int(pStmt, 1);
    if( iCol==-1 ) bRowid = 1;
    if( sqlite3_column_int(pStmt, 5)==0 ) continue;   /* not a key column */
    if( iCol<0 ) bPlain = 0;                          /* an expression    */
    if( !bPlain ) continue;
    if( !indexCollationFits(&pModel->aField[iCol],
            (const char*)sqlite3_column_text(pStmt, 4)) ) pIndex->bUnique = 0;
    if( ormArenaGrow(p->pArena, (void**)&a, pIndex->n, &nAlloc, sizeof(int)) ){
      a[pIndex->n++] = iCol;
    }
  }
  sqlite3_finalize(pStmt);
  pIndex->aField = a;
  if( !bPlain ) pIndex->bUnique = 0;
  if( bRowid ) p->bRowidIndex = 1;
  else if( bPrimary ) pModel->bWithoutRowid = 1;
}

static void loadIndexes(Loader *p){
  OrmModel *pModel = p->pModel;
  int nAlloc = 0;
  sqlite3_stmt *pStmt;
  if( pModel->bView ) return;
  pStmt = ormFactOpen(p->pOrm, p->pErr, "PRAGMA main.index_list(\"%w\")",
                      pModel->zTable);
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    const char *zOrigin = (const char*)sqlite3_column_text(pStmt, 3);
    int bPrimary = sqlite3_stricmp(zOrigin, "pk")==0;
    OrmIndex *pIndex = ormArenaGrow(p->pArena, (void**)&pModel->aIndex,
                                    pModel->nIndex, &nAlloc, sizeof(OrmIndex));
    if( pIndex==0 ) break;
    memset(pIndex, 0, sizeof(*pIndex));
    pIndex->zName = ormFactText(p->pArena, pStmt, 1);
    pIndex->bPartial = sqlite3_column_int(pStmt, 4)!=0;
    pIndex->bUnique = sqlite3_column_int(pStmt, 2)!=0;
    pIndex->bLiving = pIndex->bUnique && pIndex->bPartial && p->zSoft
        && ormFactWhereNull(p->pOrm, p->pErr, p->pArena, pIndex->zName,
                            p->zSoft);
    if( p->pErr->rc ) break;
    if( bPrimary ) p->bPkIndex = 1;
    indexColumns(p, pIndex, bPrimary);
    pIndex->bLiving &= pIndex->bUnique;
    if( pIndex->bPartial ) pIndex->bUnique = 0;
    pModel->nIndex++;
  }
  sqlite3_finalize(pStmt);
}

/* Do two lists hold the same fields, in any order? */
int ormSameFields(int n, const int *a, int m, const int *b){
  int nHit = 0;
  for(int i=0; i<n; i++){
    for(int j=0; j<m; j++) nHit += a[i]==b[j];
  }
  return n==m && nHit==n;
}

/* Does a UNIQUE index or key lie within these fields, so that equal values of
** them are one row? */
int ormModelUnique(const OrmModel *pModel, int n, const int *aField){
  for(int i=0; i<pModel->nUnique; i++){
    const OrmUnique *p = &pModel->aUnique[i];
    int nHit = 0;
    if( p->bLiving ) continue;
    for(int j=0; j<p->n; j++){
      for(int k=0; k<n; k++) nHit += p->aField[j]==aField[k];
    }
    if( nHit==p->n ) return 1;
  }
  return 0;
}

/* The table's own key in key order; 0 if it has none. */
static int tableKey(Loader *p, const int **paKey){
  OrmModel *pModel = p->pModel;
  int n = 0;
  int *a;
  for(int i=0; i<pModel->nField; i++) n += pModel->aField[i].iKey>0;
  *paKey = 0;
  if( n==0 ) return 0;
  a = ormArenaAlloc(p->pArena, (i64)sizeof(int)*n);
  if( a==0 ) return 0;
  for(int i=0; i<pModel->nField; i++){
    int iKey = pModel->aField[i].iKey;
    if( iKey>0 ) a[iKey-1] = i;
  }
  *paKey = a;
  return n;
}

static void loadKey(Loader *p){
  OrmModel *pModel = p->pModel;
  const int *aOwn;
  int nOwn = tableKey(p, &aOwn);
  pModel->nKey = loadFieldList(p, p->zPrimary, "primary_key", &pModel->aKey);
  if( p->pErr->rc ) return;
  if( pModel->nKey==0 ){
    pModel->nKey = nOwn;
    pModel->aKey = aOwn;
  }
  if( pModel->nKey==0 ){
    loadErr(p, "%s %s has no primary key: name %s in orm_model.primary_key",
            pModel->bView ? "view" : "table", pModel->zTable,
            pModel->bView ? "the fields that identify a row" : "a UNIQUE key");
    return;
  }
  if( pModel->nKey>ORM_MAX_KEY ){
    loadErr(p, "a key of more than %d columns", ORM_MAX_KEY);
    return;
  }
  /* A key of one column that needs no index is the rowid. */
  pModel->bRowidKey = nOwn==1 && pModel->nKey==1 && aOwn[0]==pModel->aKey[0]
      && !p->bPkIndex;
  for(int i=0; i<pModel->nField; i++) pModel->aField[i].iKey = 0;
  for(int i=0; i<pModel->nKey; i++){
    pModel->aField[pModel->aKey[i]].iKey = i+1;
  }
  if( pModel->bRowidKey ){
    OrmIndex *aNew = ormArenaAlloc(p->pArena,
                        (i64)sizeof(OrmIndex)*(pModel->nIndex+1));
    if( aNew==0 ) return;
    if( pModel->nIndex ){
      memcpy(&aNew[1], pModel->aIndex, sizeof(OrmIndex)*(size_t)pModel->nIndex);
    }
    aNew[0].zName = "";
    aNew[0].n = 1;
    aNew[0].aField = pModel->aKey;
    aNew[0].bUnique = 1;
    pModel->aIndex = aNew;
    pModel->nIndex++;
  }
}

/* aUnique: the key, then the other UNIQUE indexes, oldest first, then those
** that leave out what is soft-deleted. */
static void loadUniques(Loader *p){
  OrmModel *pModel = p->pModel;
  OrmUnique *a;
  int n = 0;
  if( p->pErr->rc ) return;
  a = ormArenaAlloc(p->pArena, (i64)sizeof(OrmUnique)*(pModel->nIndex+2));
  if( a==0 ) return;
  a[n].n = pModel->nKey;
  a[n].aField = pModel->aKey;
  a[n++].bPrimary = 1;
  for(int i=pModel->nIndex-1; i>=0; i--){
    const OrmIndex *pIndex = &pModel->aIndex[i];
    if( !pIndex->bUnique || pIndex->n>ORM_MAX_KEY ) continue;
    if( ormSameFields(pIndex->n, pIndex->aField, a[0].n, a[0].aField) ){
      continue;
    }
    a[n].n = pIndex->n;
    a[n++].aField = pIndex->aField;
  }
  for(int i=pModel->nIndex-1; i>=0; i--){
    const OrmIndex *pIndex = &pModel->aIndex[i];
    if( !pIndex->bLiving || pIndex->n>ORM_MAX_KEY ) continue;
    a[n].n = pIndex->n;
    a[n].bLiving = 1;
    a[n++].aField = pIndex->aField;
  }
  pModel->nUnique = n;
  pModel->aUnique = a;
}

/* Is a list exactly the columns of a UNIQUE index that is there? */
static OrmUnique *findUnique(OrmModel *pModel, int n, const int *a, int iFirst){
  for(int i=iFirst; i<pModel->nUnique; i++){
    OrmUnique *p = &pModel->aUnique[i];
    if( ormSameFields(p->n, p->aField, n, a) ) return p;
  }
  return 0;
}

/* The primary_key cell must name something unique. */
static void checkKey(Loader *p){
  OrmModel *pModel = p->pModel;
  if( p->pErr->rc || pModel->bView || p->zPrimary==0 ) return;
  for(int i=0; i<pModel->nIndex; i++){
    const OrmIndex *pIndex = &pModel->aIndex[i];
    if( pIndex->bUnique && ormSameFields(pIndex->n, pIndex->aField,
            pModel->nKey, pModel->aKey) ) return;
  }
  loadErr(p, "primary_key %s is not UNIQUE in %s", p->zPrimary,
          pModel->zTable);
}

static void loadNatural(Loader *p){
  OrmModel *pModel = p->pModel;
  OrmUnique *pUnique;
  pModel->nNatural = loadFieldList(p, p->zNatural, "natural_key",
                                   &pModel->aNatural);
  if( p->pErr->rc || pModel->nNatural==0 ) return;
  pUnique = findUnique(pModel, pModel->nNatural, pModel->aNatural, 0);
  if( pUnique==0 && pModel->bView ){
    pUnique = &pModel->aUnique[pModel->nUnique++];
    pUnique->n = pModel->nNatural;
    pUnique->aField = pModel->aNatural;
  }
  if( pUnique==0 ){
    loadErr(p, "natural_key %s is not UNIQUE in %s", p->zNatural,
            pModel->zTable);
    return;
  }
  pUnique->bNatural = 1;
  pModel->bNaturalLiving = pUnique->bLiving;
}

static void loadSoftDelete(Loader *p){
  OrmModel *pModel = p->pModel;
  if( p->zSoft==0 || p->pErr->rc ) return;
  pModel->iSoftDelete = loadField(p, p->zSoft, "soft_delete");
  if( p->pErr->rc ) return;
  if( pModel->aField[pModel->iSoftDelete].bGenerated
   || pModel->aField[pModel->iSoftDelete].iKey ){
    loadErr(p, "soft_delete %s: a key or generated column cannot mark a"
            " deleted object", p->zSoft);
  }
  /* A boolean that is 0 is no less there than one that is NULL. */
  if( pModel->aField[pModel->iSoftDelete].eType!=ORM_TYPE_BOOLEAN ) return;
  while( pModel->aUnique[pModel->nUnique-1].bLiving ) pModel->nUnique--;
  if( pModel->bNaturalLiving ){
    loadErr(p, "natural_key %s is not UNIQUE in %s", p->zNatural,
            pModel->zTable);
  }
}

/* ------------------------------------------------------------------------
** Foreign keys
*/
static const char *const azFkAction[] = {
  "NO ACTION", "RESTRICT", "SET NULL", "SET DEFAULT", "CASCADE"
};

/* The ORM_FK_* of an action as PRAGMA foreign_key_list words it. */
int ormFkAction(const char *z){
  int i = ORM_COUNT(azFkAction) - 1;
  while( i>ORM_FK_NO_ACTION && sqlite3_stricmp(z, azFkAction[i])!=0 ) i--;
  return i;
}

static int withoutWide(OrmFkFact *a, int n){
  int nKept = 0;
  for(int i=0; i<n; i++) if( a[i].n<=ORM_MAX_KEY ) a[nKept++] = a[i];
  return nKept;
}

/*
** All foreign keys of a table, in the order declared, as names.  A key that
** names no columns of its target gets the target's primary key; where that
** does not fit (no such table), azTo holds empty names.  One of more columns
** than ORM_MAX_KEY is left to SQLite: seen by some of its columns it would mean
** rows that it does not.  Returns the number.
*/
int ormFactFks(
  Orm *pOrm, OrmErr *pErr, OrmArena *pArena, const char *zTable,
  OrmFkFact **paFk
){
  OrmFkFact *a = 0;
  int n = 0, nAlloc = 0;
  sqlite3_stmt *p = ormFactOpen(pOrm, pErr,
      "PRAGMA main.foreign_key_list(\"%w\")", zTable);
  while( ormFactStep(pOrm, pErr, p) ){
    OrmFkFact *pFk;
    int id = sqlite3_column_int(p, 0);
    if( n==0 || a[n-1].id!=id ){
      pFk = ormArenaGrow(pArena, (void**)&a, n, &nAlloc, sizeof(*a));
      if( pFk==0 ) break;
      memset(pFk, 0, sizeof(*pFk));
      n++;
      pFk->id = id;
      pFk->zTarget = ormFactText(pArena, p, 2);
      pFk->eOnUpdate = (u8)ormFkAction((const char*)sqlite3_column_text(p, 5));
      pFk->eOnDelete = (u8)ormFkAction((const char*)sqlite3_column_text(p, 6));
    }
    pFk = &a[n-1];
    if( pFk->n++>=ORM_MAX_KEY ) continue;
    pFk->azFrom[pFk->n-1] = ormFactText(pArena, p, 3);
    pFk->azTo[pFk->n-1] = ormFactText(pArena, p, 4);
  }
  sqlite3_finalize(p);
  n = withoutWide(a, n);
  for(int i=0; i<n && pErr->rc==SQLITE_OK; i++){
    if( a[i].azTo[0]==0 ) ormFactKeyOf(pOrm, pErr, pArena, &a[i]);
  }
  for(int i=0; i<n/2; i++){             /* listed last to first */
    OrmFkFact t = a[i];
    a[i] = a[n-1-i];
    a[n-1-i] = t;
  }
  *paFk = a;
  return pErr->rc ? 0 : n;
}

/* Fill in azTo of a foreign key from its target's primary key. */
void ormFactKeyOf(Orm *pOrm, OrmErr *pErr, OrmArena *pArena, OrmFkFact *pFk){
  int nKey = 0;
  sqlite3_stmt *p = ormFactOpen(pOrm, pErr, "PRAGMA main.table_info(\"%w\")",
                                pFk->zTarget);
  for(int i=0; i<pFk->n; i++) pFk->azTo[i] = "";
  while( ormFactStep(pOrm, pErr, p) ){
    int iKey = sqlite3_column_int(p, 5);
    if( iKey<=0 ) continue;
    nKey++;
    if( iKey<=pFk->n ) pFk->azTo[iKey-1] = ormFactText(pArena, p, 1);
  }
  sqlite3_finalize(p);
  if( nKey==pFk->n ) return;
  for(int i=0; i<pFk->n; i++) pFk->azTo[i] = "";
}

/* A column name as the schema matches it: ignoring case. */
int ormFieldByColumn(const OrmModel *pModel, const char *zColumn){
  for(int i=0; i<pModel->nField; i++){
    if( sqlite3_stricmp(pModel->aField[i].zName, zColumn)==0 ) return i;
  }
  return -1;
}

static void loadFks(Loader *p){
  OrmModel *pModel = p->pModel;
  OrmFkFact *aFact = 0;
  int n;
  if( p->pErr->rc || pModel->bView ) return;
  n = ormFactFks(p->pOrm, p->pErr, p->pArena, pModel->zTable, &aFact);
  if( n==0 ) return;
  pModel->aFk = ormArenaAlloc(p->pArena, (i64)sizeof(OrmFk)*n);
  for(int i=0; i<n && pModel->aFk; i++){
    OrmFk *pFk = &pModel->aFk[i];
    int *a = ormArenaAlloc(p->pArena, (i64)sizeof(int)*aFact[i].n);
    if( a==0 ) return;
    for(int j=0; j<aFact[i].n; j++){
      a[j] = ormFieldByColumn(pModel, aFact[i].azFrom[j]);
      if( a[j]<0 ){
        loadErr(p, "a foreign key of %s has no column %s", pModel->zTable,
                aFact[i].azFrom[j]);
      }
    }
    pFk->id = aFact[i].id;
    pFk->n = aFact[i].n;
    pFk->zTarget = aFact[i].zTarget;
    pFk->aField = a;
    pFk->azTo = aFact[i].azTo;
    pFk->eOnDelete = aFact[i].eOnDelete;
    pFk->eOnUpdate = aFact[i].eOnUpdate;
    pModel->nFk++;
  }
}

/* ------------------------------------------------------------------------
** Relationships, as written
*/
static OrmRel *relRow(Loader *p, sqlite3_stmt *pStmt){
  OrmRel *pRel = ormArenaAlloc(p->pArena, sizeof(*pRel));
  const char **apCell[13];
  if( pRel==0 ) return 0;
  apCell[0] = &pRel->zName;        apCell[1] = &pRel->zTarget;
  apCell[2] = &pRel->zDirection;   apCell[3] = &pRel->zLocal;
  apCell[4] = &pRel->zRemote;      apCell[5] = &pRel->zSecondary;
  apCell[6] = &pRel->zSecLocal;    apCell[7] = &pRel->zSecRemote;
  apCell[8] = &pRel->zBack;        apCell[9] = &pRel->zOrderBy;
  apCell[10] = &pRel->zCascade;    apCell[11] = &pRel->zPassive;
  for(int i=0; i<12; i++) *apCell[i] = ormFactText(p->pArena, pStmt, i);
  pRel->bSingleParent = (u8)ormFactFlag(pStmt, 12, &pRel->bBadFlag);
  pRel->bViewonly = (u8)ormFactFlag(pStmt, 13, &pRel->bBadFlag);
  pRel->pModel = p->pModel;
  if( pRel->zName==0 ){
    loadErr(p, "a relationship without a name");
    return 0;
  }
  pRel->zJsonKey = jsonKey(p->pArena, pRel->zName, &pRel->nJsonKey);
  return pRel;
}

static void loadRels(Loader *p){
  OrmModel *pModel = p->pModel;
  int nAlloc = 0;
  sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr,
      "SELECT name, target, direction, local_columns, remote_columns,"
      " secondary, secondary_local, secondary_remote, back_populates, order_by,"
      " cascade, passive_deletes, single_parent, viewonly"
      " FROM main.orm_relationship WHERE model=?1 ORDER BY rowid");
  ormFactBind(p->pOrm, p->pErr, pStmt, pModel->zName, -1);
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    OrmRel *pRel = relRow(p, pStmt);
    if( pRel==0 || ormArenaGrow(p->pArena, (void**)&pModel->apRel,
                       pModel->nRel, &nAlloc, sizeof(OrmRel*))==0 ) break;
    pModel->apRel[pModel->nRel++] = pRel;
  }
  sqlite3_finalize(pStmt);
}

/* Two names of a model that differ only in case, or not at all. */
static void checkNames(Loader *p){
  OrmModel *pModel = p->pModel;
  for(int i=0; i<pModel->nRel && p->pErr->rc==SQLITE_OK; i++){
    const char *z = pModel->apRel[i]->zName;
    int iField = ormFieldByColumn(pModel, z);
    if( iField>=0 ){
      loadErr(p, "relationship %s has the name of the field %s", z,
              pModel->aField[iField].zName);
    }
    for(int j=0; j<i; j++){
      if( sqlite3_stricmp(pModel->apRel[j]->zName, z)==0 ){
        loadErr(p, "the names %s and %s differ only in case",
                pModel->apRel[j]->zName, z);
      }
    }
  }
}

/*
** Read the model of a name, whole.  0 without an error if there is no such
** row; 0 and the error if the row cannot be used.
*/
OrmModel *ormModelLoad(
  Orm *pOrm, OrmCatalog *pCatalog, OrmArena *pArena, const char *zName, i64 n
){
  Loader load;
  memset(&load, 0, sizeof(load));
  load.pOrm = pOrm;
  load.pErr = pArena->pErr;
  load.pArena = pArena;
  if( !loadRow(&load, zName, n) ) return 0;
  load.pModel->pCatalog = pCatalog;
  loadKind(&load);
  if( load.pErr->rc==SQLITE_OK ) loadColumns(&load);
  if( load.pErr->rc==SQLITE_OK ) loadIndexes(&load);
  if( load.pErr->rc==SQLITE_OK ) loadKey(&load);
  checkKey(&load);
  loadUniques(&load);
  loadNatural(&load);
  if( load.pErr->rc==SQLITE_OK ) loadFieldRows(&load);
  loadSoftDelete(&load);
  loadFks(&load);
  if( load.pErr->rc==SQLITE_OK ) loadRels(&load);
  checkNames(&load);
  return load.pErr->rc ? 0 : load.pModel;
}
