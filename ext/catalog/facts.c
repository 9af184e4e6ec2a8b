/*
** What the file itself says: the small reader with which the catalog looks at
** schema and metadata, and the facts that no row of ours holds (what a name
** is, which columns, which indexes).
**
** These statements are prepared for the occasion and finalized at once: they
** run once per model and catalog, so neither the statement cache nor orm_log
** should carry them.  Schema facts come from PRAGMA statements with quoted
** names: a hostile file cannot shadow a statement, as it could shadow the
** table-valued pragma_table_xinfo.
*/
#include "../orm_int.h"

static sqlite3_stmt *factPrepare(
  Orm *pOrm, OrmErr *pErr, unsigned mPrep, const char *zFormat, va_list ap
){
  sqlite3_stmt *p = 0;
  char *zSql;
  int rc;
  if( pErr->rc ) return 0;
  zSql = sqlite3_vmprintf(zFormat, ap);
  if( zSql==0 ){
    ormErrOom(pErr);
    return 0;
  }
  rc = sqlite3_prepare_v3(pOrm->db, zSql, -1, mPrep, &p, 0);
  sqlite3_free(zSql);
  if( rc!=SQLITE_OK ) ormErrDb(pErr, pOrm->db, rc);
  return p;
}

/* A statement over ordinary tables and views; 0 and the error. */
sqlite3_stmt *ormFactOpen(Orm *pOrm, OrmErr *pErr, const char *zFormat, ...){
  sqlite3_stmt *p;
  va_list ap;
  va_start(ap, zFormat);
  p = factPrepare(pOrm, pErr, SQLITE_PREPARE_NO_VTAB, zFormat, ap);
  va_end(ap);
  return p;
}

/* The same where a view may lean on virtual tables. */
sqlite3_stmt *ormFactOpenAny(Orm *pOrm, OrmErr *pErr, const char *zFormat, ...){
  sqlite3_stmt *p;
  va_list ap;
  va_start(ap, zFormat);
  p = factPrepare(pOrm, pErr, 0, zFormat, ap);
  va_end(ap);
  return p;
}

/* Its only parameter: a text that stays the caller's. */
void ormFactBind(Orm *pOrm, OrmErr *pErr, sqlite3_stmt *p, const char *z,
                 int n){
  int rc;
  if( p==0 ) return;
  rc = sqlite3_bind_text(p, 1, z, n, SQLITE_STATIC);
  if( rc!=SQLITE_OK ) ormErrDb(pErr, pOrm->db, rc);
}

/* Next row: 1, or 0 at the end and after an error.  p may be 0. */
int ormFactStep(Orm *pOrm, OrmErr *pErr, sqlite3_stmt *p){
  int rc;
  if( p==0 || pErr->rc ) return 0;
  rc = sqlite3_step(p);
  if( rc==SQLITE_ROW ) return 1;
  if( rc!=SQLITE_DONE ) ormErrDb(pErr, pOrm->db, rc);
  return 0;
}

/* Column text, copied to the arena; 0 for NULL. */
const char *ormFactText(OrmArena *pArena, sqlite3_stmt *p, int iCol){
  const char *z;
  if( sqlite3_column_type(p, iCol)==SQLITE_NULL ) return 0;
  z = (const char*)sqlite3_column_text(p, iCol);
  if( z==0 ){
    ormErrOom(pArena->pErr);
    return 0;
  }
  return ormArenaText(pArena, z, -1);
}

/* Run SQL that gives no rows, once (DDL and the like). */
void ormFactExec(Orm *pOrm, OrmErr *pErr, const char *zFormat, ...){
  va_list ap;
  char *zSql;
  int rc;
  if( pErr->rc ) return;
  va_start(ap, zFormat);
  zSql = sqlite3_vmprintf(zFormat, ap);
  va_end(ap);
  if( zSql==0 ){
    ormErrOom(pErr);
    return;
  }
  rc = sqlite3_exec(pOrm->db, zSql, 0, 0, 0);
  sqlite3_free(zSql);
  if( rc!=SQLITE_OK ) ormErrDb(pErr, pOrm->db, rc);
}

/* zSql with each text literal a ?N of its own, the texts in pBinds.  No name in
** it is quoted. */
static void literalsOut(OrmBuf *pBuf, OrmBinds *pBinds, const char *zSql){
  OrmBuf text;
  ormBufInit(&text, pBuf->pErr);
  for(const char *z=zSql; *z; z++){
    if( *z!='\'' ){
      ormBufChar(pBuf, *z);
      continue;
    }
    ormBufReset(&text);
    for(z++; *z!='\'' || *++z=='\''; z++) ormBufChar(&text, *z);
    ormBindText(pBinds, ormBufText(&text), text.n);
    ormBufPrintf(pBuf, "?%d", pBinds->n);
    z--;
  }
  ormBufFree(&text);
}

/*
** Run SQL that differs from what ran before by its text literals alone: it is
** prepared once, which for a table with triggers is most of the work.
*/
void ormFactExecLike(Orm *pOrm, OrmErr *pErr, const char *zSql){
  OrmArena arena;
  OrmBinds binds = { &arena, 0, 0, 0 };
  OrmBuf buf;
  OrmStmt *pStmt;
  assert( pErr->rc==SQLITE_OK );
  ormArenaInit(&arena, pErr);
  ormBufInit(&buf, pErr);
  literalsOut(&buf, &binds, zSql);
  pStmt = ormStmtTakeQuiet(pOrm, pErr, ormBufText(&buf));
  ormBindAll(pErr, pStmt, 1, &binds);
  ormStmtStep(pOrm, pErr, pStmt);
  ormStmtGive(pOrm, pErr, pStmt);
  ormBufFree(&buf);
  ormArenaFree(&arena);
}

void ormFactExecLikef(Orm *pOrm, OrmErr *pErr, const char *zFormat, ...){
  va_list ap;
  char *zSql;
  if( pErr->rc ) return;
  va_start(ap, zFormat);
  zSql = sqlite3_vmprintf(zFormat, ap);
  va_end(ap);
  if( zSql==0 ) ormErrOom(pErr);
  else ormFactExecLike(pOrm, pErr, zSql);
  sqlite3_free(zSql);
}

/* What a name is that cannot be read as an ordinary table, as one cannot either
** whose key is by a collation that is not there: through the schema table. */
static int kindBySchema(Orm *pOrm, OrmErr *pErr, const char *zTable){
  static const int aKind[] = {
    ORM_KIND_TABLE, ORM_KIND_VIEW, ORM_KIND_VIRTUAL
  };
  int eKind = ORM_KIND_NONE;
  sqlite3_stmt *p;
  if( pOrm->pSchema ) return ormHeldKind(pOrm, pErr, zTable);
  p = ormFactOpen(pOrm, pErr,
      "SELECT (type='view') + 2*(lower(sql) LIKE 'create virtual%%')"
      " FROM main.sqlite_schema"
      " WHERE type IN('table', 'view') AND name=%Q COLLATE NOCASE", zTable);
  if( ormFactStep(pOrm, pErr, p) ){
    eKind = aKind[sqlite3_column_int(p, 0)];
  }
  sqlite3_finalize(p);
  return eKind;
}

/*
** What zTable is in main: ORM_KIND_*.  Ordinary tables and plain views are
** told without reading sqlite_schema, which grows with the file's models.
*/
int ormFactKind(Orm *pOrm, OrmErr *pErr, const char *zTable){
  sqlite3_stmt *p = 0;
  char *zSql;
  int rc;
  if( pErr->rc ) return ORM_KIND_NONE;
  zSql = sqlite3_mprintf("SELECT 1 FROM main.\"%w\"", zTable);
  if( zSql==0 ){
    ormErrOom(pErr);
    return ORM_KIND_NONE;
  }
  rc = sqlite3_prepare_v3(pOrm->db, zSql, -1, SQLITE_PREPARE_NO_VTAB, &p, 0);
  sqlite3_finalize(p);
  sqlite3_free(zSql);
  if( rc==SQLITE_ERROR ) return kindBySchema(pOrm, pErr, zTable);
  if( rc!=SQLITE_OK ){
    ormErrDb(pErr, pOrm->db, rc);
    return ORM_KIND_NONE;
  }
  rc = sqlite3_table_column_metadata(pOrm->db, "main", zTable, 0, 0,0,0,0,0);
  return rc==SQLITE_OK ? ORM_KIND_TABLE : ORM_KIND_VIEW;
}

/* Is there a schema object of that type and name in main?  Its SQL goes to
** *pzSql (arena) if that is not 0. */
int ormFactExists(
  Orm *pOrm, OrmErr *pErr, const char *zType, const char *zName,
  OrmArena *pArena, const char **pzSql
){
  int bThere;
  sqlite3_stmt *p;
  if( pOrm->pSchema ){
    const OrmHeld *pHeld = ormHeldFind(pOrm, pErr, zType, zName);
    if( pzSql && pHeld && pHeld->zSql ){
      *pzSql = ormArenaText(pArena, pHeld->zSql, -1);
    }
    return pHeld!=0;
  }
  p = ormFactOpen(pOrm, pErr,
      "SELECT sql FROM main.sqlite_schema WHERE type=%Q AND name=%Q"
      " COLLATE NOCASE", zType, zName);
  bThere = ormFactStep(pOrm, pErr, p);
  if( pzSql ) *pzSql = bThere ? ormFactText(pArena, p, 0) : 0;
  sqlite3_finalize(p);
  return bThere;
}

/* The texts of a table's indexes, of those that have one, in the order of their
** making: how many, and *paz in the arena.  The schema must be held. */
int ormFactIndexes(
  Orm *pOrm, OrmErr *pErr, OrmArena *pArena, const char *zTable,
  const char ***paz
){
  int n = 0, nAlloc = 0;
  const OrmHeld *p = 0;
  *paz = 0;
  while( (p = ormHeldIndex(pOrm, pErr, zTable, p))!=0 ){
    const char *z = ormArenaText(pArena, p->zSql, -1);
    if( ormArenaGrow(pArena, (void**)paz, n, &nAlloc, sizeof(char*)) ){
      (*paz)[n++] = z;
    }
  }
  return pErr->rc ? 0 : n;
}

/* ------------------------------------------------------------------------
** Which model has a table
*/
struct OrmTableMap {
  OrmArena *pArena;
  struct OrmTableMapEntry {
    struct OrmTableMapEntry *pNext;
    const char *zTable, *zModel;
  } *apBucket[512];
};

const char *ormTableMapFind(const OrmTableMap *p, const char *zTable){
  const struct OrmTableMapEntry *q;
  if( p==0 || zTable==0 ) return 0;
  q = p->apBucket[ormNameHash(zTable) % 512];
  while( q && sqlite3_stricmp(q->zTable, zTable)!=0 ) q = q->pNext;
  return q ? q->zModel : 0;
}

/* The first model of a table stays its model. */
void ormTableMapAdd(OrmTableMap *p, const char *zTable, const char *zModel){
  struct OrmTableMapEntry *q, **pp;
  if( zTable==0 || ormTableMapFind(p, zTable) ) return;
  q = ormArenaAlloc(p->pArena, sizeof(*q));
  if( q==0 ) return;
  pp = &p->apBucket[ormNameHash(zTable) % 512];
  q->zTable = zTable;
  q->zModel = zModel;
  q->pNext = *pp;
  *pp = q;
}

OrmTableMap *ormTableMapNew(Orm *pOrm, OrmArena *pArena){
  OrmErr *pErr = pArena->pErr;
  OrmTableMap *p = ormArenaAlloc(pArena, sizeof(*p));
  sqlite3_stmt *pStmt;
  if( p==0 ) return 0;
  p->pArena = pArena;
  pStmt = ormFactOpen(pOrm, pErr,
      "SELECT coalesce(table_name, name), name FROM main.orm_model"
      " WHERE name IS NOT NULL ORDER BY rowid");
  while( ormFactStep(pOrm, pErr, pStmt) ){
    const char *zTable = ormFactText(pArena, pStmt, 0);
    ormTableMapAdd(p, zTable, ormFactText(pArena, pStmt, 1));
  }
  sqlite3_finalize(pStmt);
  return p;
}

/* ------------------------------------------------------------------------
** Declared types
*/

/* Does the upper-cased zDecl contain zWord? */
static int declHas(const char *zDecl, const char *zWord){
  size_t n = strlen(zWord);
  for(; *zDecl; zDecl++){
    if( sqlite3_strnicmp(zDecl, zWord, (int)n)==0 ) return 1;
  }
  return 0;
}

/* Does the text of an index end in WHERE <zColumn> IS NULL?  It is partial. */
int ormFactWhereNull(
  Orm *pOrm, OrmErr *pErr, OrmArena *pArena, const char *zIndex,
  const char *zColumn
){
  const char *zSql = 0, *z;
  char *zWant = ormArenaPrintf(pArena, "%s is null", zColumn);
  int n = 0;
  ormFactExists(pOrm, pErr, "index", zIndex, pArena, &zSql);
  if( zSql==0 ) return 0;
  assert( zWant );
  z = zSql + strlen(zSql);      /* the index is partial: there is a WHERE     */
  while( ORM_ALWAYS(z>zSql) && sqlite3_strnicmp(z, "where", 5)!=0 ) z--;
  for(z+=5; *z; z++){
    int bBlank = *z==' ' || *z=='\t' || *z=='\n' || *z=='\r';
    if( bBlank && zWant[n]==' ' ) n++;
    if( bBlank || strchr("()\"`[]", *z) ) continue;
    if( sqlite3_strnicmp(z, &zWant[n], 1)!=0 ) return 0;
    n++;
  }
  return zWant[n]==0;
}

/* SQLite's affinity of a declared type, in the letters of OrmField.cAff. */
char ormFactAffinity(const char *zDecl){
  static const struct { const char *zWord; char cAff; } aRule[] = {
    { "INT", 'D' }, { "CHAR", 'B' }, { "CLOB", 'B' }, { "TEXT", 'B' },
    { "BLOB", 'A' }, { "REAL", 'E' }, { "FLOA", 'E' }, { "DOUB", 'E' },
  };
  if( zDecl==0 || zDecl[0]==0 ) return 'A';
  for(int i=0; i<ORM_COUNT(aRule); i++){
    if( declHas(zDecl, aRule[i].zWord) ) return aRule[i].cAff;
  }
  return 'C';
}

static const char *const azTypeName[ORM_TYPE_N] = {
  "any", "boolean", "json", "date", "datetime", "decimal", "blob", "text",
  "integer", "real"
};

/* The word for a field type in orm_field.type, or 0 for ORM_TYPE_ANY. */
const char *ormTypeName(int eType){
  return eType==ORM_TYPE_ANY ? 0 : azTypeName[eType];
}

/* The type of a word of orm_field.type, or -1. */
int ormTypeFind(const char *zWord){
  for(int i=1; i<ORM_TYPE_N; i++){
    if( strcmp(zWord, azTypeName[i])==0 ) return i;
  }
  return -1;
}

/* The field type that a declared column type stands for: by its first word
** where that says more than an affinity, else by the affinity. */
int ormFactType(const char *zDecl){
  static const struct { const char *zWord; int eType; } aWord[] = {
    { "BOOLEAN", ORM_TYPE_BOOLEAN },   { "BOOL", ORM_TYPE_BOOLEAN },
    { "JSON", ORM_TYPE_JSON },         { "JSONB", ORM_TYPE_JSON },
    { "DATE", ORM_TYPE_DATE },         { "DATETIME", ORM_TYPE_DATETIME },
    { "TIMESTAMP", ORM_TYPE_DATETIME },
    { "TIMESTAMPTZ", ORM_TYPE_DATETIME },
    { "DECIMAL", ORM_TYPE_DECIMAL },   { "NUMERIC", ORM_TYPE_DECIMAL },
  };
  int n = 0;
  while( (zDecl[n]|32)>='a' && (zDecl[n]|32)<='z' ) n++;
  for(int i=0; i<ORM_COUNT(aWord); i++){
    if( (int)strlen(aWord[i].zWord)==n
     && sqlite3_strnicmp(zDecl, aWord[i].zWord, n)==0 ){
      return aWord[i].eType;
    }
  }
  switch( ormFactAffinity(zDecl) ){
    case 'A': return zDecl[0] ? ORM_TYPE_BLOB : ORM_TYPE_ANY;
    case 'B': return ORM_TYPE_TEXT;
    case 'D': return ORM_TYPE_INTEGER;
    case 'E': return ORM_TYPE_REAL;
    default:  return ORM_TYPE_ANY;
  }
}

/* ------------------------------------------------------------------------
** Cells of the metadata that name columns
*/

/* Does z start like a JSON array? */
static int looksLikeArray(const char *z){
  while( *z==' ' || *z=='\t' || *z=='\n' || *z=='\r' ) z++;
  return *z=='[';
}

/*
** The names in a cell: a JSON array of strings, or one plain name.  Returns
** how many and sets *pazName to the array (arena); 0 for an empty cell.
** An array that is malformed or holds anything but strings is an error that
** starts with zWhat.
*/
int ormFactNames(
  OrmArena *pArena, const char *zCell, const char *zWhat, const char ***pazName
){
  OrmErr errJson = {0};
  OrmErr *pErr = pArena->pErr;
  OrmJson *pDoc;
  const char **az;
  int n = 0;
  if( pErr->rc || zCell[0]==0 ) return 0;
  if( !looksLikeArray(zCell) ){
    az = ormArenaAlloc(pArena, sizeof(char*));
    if( az==0 ) return 0;
    az[0] = zCell;
    *pazName = az;
    return 1;
  }
  pArena->pErr = &errJson;
  pDoc = ormJsonParse(pArena, zCell, (i64)strlen(zCell), zWhat);
  pArena->pErr = pErr;
  ormErrForgive(&errJson, pErr);
  if( pErr->rc ) return 0;
  if( pDoc ){
    assert( pDoc->eType==ORM_JSON_ARRAY );
    az = ormArenaAlloc(pArena, (i64)sizeof(char*)*(pDoc->nChild+1));
    if( az==0 ) return 0;
    for(OrmJson *p=pDoc->pChild; p; p=p->pNext){
      if( p->eType!=ORM_JSON_STRING ) break;
      az[n++] = p->z;
    }
    if( n==pDoc->nChild && n>0 ){
      *pazName = az;
      return n;
    }
  }
  ormErr(pErr, SQLITE_ERROR,
         "orm: %s: not a column or a JSON array of columns: %s", zWhat, zCell);
  return 0;
}

const char *ormNameInArray(const void *pArg, int i){
  const char *const *az = (const char *const*)pArg;
  return az[i];
}
